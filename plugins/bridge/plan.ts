import type { BridgeConfig } from "../../build/gen/bridge.ts"
import { interfaceNameProblem } from "../../lib/cni/environment.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import { isIpv6, type Result, type ResultDns, type ResultIp, type ResultRoute } from "../../lib/cni/result.ts"
import { type CniVersion, compareVersions } from "../../lib/cni/versions.ts"
import { AddressError, addOffset, compareAddresses, formatAddress } from "../../lib/net/address.ts"
import { parseMac } from "../../lib/net/mac.ts"
import { addressBits, networkAddress, parsePrefix } from "../../lib/net/prefix.ts"

/** VLANs of the container's port on the bridge. */
export interface PortVlans {
  /** Untagged VLAN of the port; 0 for none. */
  readonly access: number
  /** Tagged VLANs, each from first to last. */
  readonly trunk: readonly { readonly first: number; readonly last: number }[]
  /** The port stays in VLAN 1, which the kernel puts it into. */
  readonly keepsDefault: boolean
}

/** Everything that is decided before anything is touched. */
export interface BridgePlan {
  readonly bridge: { readonly name: string; readonly isVlanFiltering: boolean; readonly isPromiscuous: boolean }
  /** In bytes; 0 leaves it to the kernel, "auto" is that of the host's default route. */
  readonly mtu: number | "auto"
  /** The container end's MAC; undefined for a random one. */
  readonly mac: Uint8Array | undefined
  readonly port: { readonly isHairpin: boolean; readonly isIsolated: boolean }
  /** Undefined where the configuration speaks of no VLAN. */
  readonly vlans: PortVlans | undefined
  readonly isGateway: boolean
  /** An address of the bridge that is in the gateway's way is replaced. */
  readonly forceAddress: boolean
  /** The container's end is left down. */
  readonly staysDown: boolean
}

const invalid = (message: string, details = ""): CniError => new CniError(CniCode.invalidConfig, message, details)

/**
 * Decides what the attachment looks like.
 * @param args MAC= of CNI_ARGS, which counts less than args.cni.mac, which counts less than runtimeConfig.mac
 * @throws {CniError} code 7 for values that contradict each other, 2 for what this release does not do
 */
export function planBridge(config: BridgeConfig, args: ReadonlyMap<string, string>, version: CniVersion): BridgePlan {
  refuseUnsupported(config)
  const problem = interfaceNameProblem(config.bridge)
  if (problem !== undefined) throw invalid(`bridge: ${problem}`)
  if (config.hairpinMode && config.promiscMode) {
    throw invalid("cannot set hairpin mode and promiscuous mode at the same time")
  }
  const hasIpam = (config.ipam.type ?? "") !== ""
  if (config.disableContainerInterface && hasIpam) {
    throw invalid("cannot use IPAM when DisableContainerInterface flag is set")
  }
  if (!hasIpam && compareVersions(version, "0.3.0") < 0) {
    throw invalid("cannot convert: no valid IP addresses", `a result of version ${version} needs an address: set ipam`)
  }
  const vlans = planVlans(config)
  const mac = config.runtimeConfig?.mac || config.args?.cni?.mac || args.get("MAC")
  return {
    bridge: { name: config.bridge, isVlanFiltering: vlans !== undefined, isPromiscuous: config.promiscMode },
    mtu: config.mtu,
    mac: mac ? parseEthernet(mac) : undefined,
    port: { isHairpin: config.hairpinMode, isIsolated: config.portIsolation },
    vlans,
    isGateway: config.isGateway || config.isDefaultGateway,
    forceAddress: config.forceAddress,
    staysDown: config.disableContainerInterface,
  }
}

function refuseUnsupported(config: BridgeConfig): void {
  for (const key of ["ipMasq", "macspoofchk"] as const) {
    if (!config[key]) continue
    const details =
      "this release has no packet filter yet: leave the key out, or keep the reference plugin for this network"
    throw new CniError(CniCode.unsupportedField, `unsupported field ${key}: true`, details)
  }
}

function parseEthernet(text: string): Uint8Array {
  try {
    const mac = parseMac(text)
    if (mac.length === 6 && ((mac[0] ?? 1) & 1) === 0 && mac.some(byte => byte !== 0)) return mac
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw invalid(error.message)
  }
  throw invalid(
    `address ${text}: invalid MAC address`,
    "an interface needs 6 bytes, not all 0, and the lowest bit of the first is 0",
  )
}

function planVlans({ vlan, vlanTrunk, preserveDefaultVlan }: BridgeConfig): PortVlans | undefined {
  if (vlan < 0 || vlan > 4094) throw invalid(`invalid VLAN ID ${vlan} (must be between 0 and 4094)`)
  if (vlan === 0 && vlanTrunk === undefined) return undefined
  const trunk = (vlanTrunk ?? []).flatMap(item => [...planTrunkRange(item), ...planTrunkId(item)])
  return { access: vlan, trunk, keepsDefault: preserveDefaultVlan }
}

type TrunkItem = NonNullable<BridgeConfig["vlanTrunk"]>[number]

const isVlan = (id: number): boolean => id >= 1 && id <= 4094

function planTrunkRange({ minID, maxID }: TrunkItem) {
  if (minID !== undefined && !isVlan(minID)) throw invalid(`incorrect trunk minID parameter: ${minID}`)
  if (maxID !== undefined && !isVlan(maxID)) throw invalid(`incorrect trunk maxID parameter: ${maxID}`)
  if (minID === undefined && maxID === undefined) return []
  if (minID === undefined || maxID === undefined) {
    const missing = minID === undefined ? "minID" : "maxID"
    throw invalid(`minID and maxID should be configured simultaneously, ${missing} is missing`)
  }
  if (minID > maxID) throw invalid("minID is greater than maxID in trunk parameter", `minID ${minID}, maxID ${maxID}`)
  return [{ first: minID, last: maxID }]
}

function planTrunkId({ id }: TrunkItem) {
  if (id === undefined) return []
  if (!isVlan(id)) throw invalid(`incorrect trunk id parameter: ${id}`)
  return [{ first: id, last: id }]
}

/** Where an attachment's packets go: addresses with their gateways, and routes. */
export interface Addressing {
  readonly ips: readonly ResultIp[]
  readonly routes: readonly ResultRoute[]
}

/**
 * Completes what the address plugin gave: the gateway defaults to the subnet's first address where the bridge is to be it,
 * and isDefaultGateway adds a default route per family that has none that leads to a next hop.
 * @param interfaceIndex place of the container's interface in the result
 */
export function planAddressing(lease: Result, config: BridgeConfig, interfaceIndex: number): Addressing {
  const isGateway = config.isGateway || config.isDefaultGateway
  const ips = lease.ips.map(ip => {
    const gateway = ip.gateway ?? (isGateway ? planGateway(ip.address) : undefined)
    return { address: ip.address, ...(gateway !== undefined && { gateway }), interface: interfaceIndex }
  })
  return { ips, routes: config.isDefaultGateway ? withDefaultRoutes(lease.routes, ips) : lease.routes }
}

/** The subnet's first address after the network's, and of a pair (/31, /127) the one that the container has not. */
function planGateway(address: string): string {
  const prefix = parsePrefix(address)
  const network = networkAddress(prefix)
  const first = addOffset(network, 1)
  if (compareAddresses(first, prefix.address) !== 0) return formatAddress(first)
  if (prefix.length === addressBits(network) - 1) return formatAddress(network)
  const details = `${formatAddress(first)} would be the bridge's; name a gateway in ipam, or give the container another address`
  throw invalid(`the container's address ${address} is the one that isGateway gives the bridge`, details)
}

function withDefaultRoutes(routes: readonly ResultRoute[], ips: readonly ResultIp[]): readonly ResultRoute[] {
  const all = [...routes]
  for (const { address, gateway } of ips) {
    const isOfFamily = (route: ResultRoute) => isIpv6(route.dst) === isIpv6(address)
    const hasDefault = all.some(route => isOfFamily(route) && route.dst.endsWith("/0") && leadsOut(route))
    if (gateway !== undefined && !hasDefault) all.push({ dst: isIpv6(address) ? "::/0" : "0.0.0.0/0", gw: gateway })
  }
  return all
}

/** A route without a next hop gets the gateway; the same once more would be refused, unless metric or table differ. */
const leadsOut = ({ gw, priority, table }: ResultRoute): boolean => gw !== undefined || !(priority || table)

/** The configuration's name resolution replaces the address plugin's as a whole: an empty list counts, no field does not. */
export function planDns(configured: BridgeConfig["dns"], given: ResultDns): ResultDns {
  const { nameservers, domain, search, options } = configured ?? {}
  const isSet = [nameservers, domain || undefined, search, options].some(field => field !== undefined)
  return configured !== undefined && isSet ? configured : given
}
