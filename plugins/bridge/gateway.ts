/** The gateway's addresses: on the bridge, or with `vlan` on an interface of their own in that VLAN. Shared; they stay. */
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { ResultIp } from "../../lib/cni/result.ts"
import { ensureForwarding } from "../../lib/host/forwarding.ts"
import { compareAddresses, parseAddress } from "../../lib/net/address.ts"
import { formatPrefix, type Prefix, parsePrefix, prefixContains } from "../../lib/net/prefix.ts"
import { IFA_F_NODAD } from "../../lib/rtnl/addresses.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import type { Rtnl } from "../../lib/rtnl/rtnl.ts"
import type { PortVlans } from "./plan.ts"
import { ensureVlanGateway } from "./vlan.ts"

/** What the gateway depends on. */
export interface GatewaySpec {
  readonly vlans: PortVlans | undefined
  readonly mtu: number | undefined
  /** Whether an address in the way is replaced. */
  readonly forceAddress: boolean
}

/**
 * Makes the host the gateway of these addresses.
 * @returns the interface that holds them, if it is not the bridge itself
 * @throws {CniError} if another address is in the way
 * @throws {NetlinkError | SysError}
 */
export function ensureGateways(
  host: Rtnl,
  bridge: Link,
  ips: readonly ResultIp[],
  spec: GatewaySpec,
): Link | undefined {
  const vlan = spec.vlans?.access ?? 0
  const holder = vlan === 0 ? bridge : ensureVlanGateway(host, bridge, vlan, spec.mtu)
  for (const { address, gateway } of ips) {
    if (gateway === undefined) continue
    const prefix = { address: parseAddress(gateway), length: parsePrefix(address).length }
    ensureGatewayAddress(host, holder, prefix, spec.forceAddress)
    ensureForwarding(host, prefix.address.family)
  }
  return holder === bridge ? undefined : holder
}

function ensureGatewayAddress(host: Rtnl, link: Link, wanted: Prefix, forceAddress: boolean): void {
  const present = host.addresses.list(link, wanted.address.family).map(({ prefix }) => prefix)
  if (present.some(prefix => isSame(prefix, wanted))) return
  const inTheWay = present.filter(prefix => wanted.address.family === 4 || overlaps(prefix, wanted))
  if (inTheWay.length > 0 && !forceAddress) throw conflict(link, inTheWay, wanted)
  for (const prefix of inTheWay) host.addresses.remove(link, prefix)
  host.addresses.ensure(link, wanted, wanted.address.family === 6 ? { flags: IFA_F_NODAD } : {})
  // A bridge that was made without a MAC of its own takes that of one of its ports; its neighbours must not notice.
  host.links.change(link, { mac: link.mac })
}

const isSame = (a: Prefix, b: Prefix): boolean => a.length === b.length && compareAddresses(a.address, b.address) === 0

const overlaps = (a: Prefix, b: Prefix): boolean => prefixContains(a, b.address) || prefixContains(b, a.address)

function conflict({ name }: Link, inTheWay: readonly Prefix[], wanted: Prefix): CniError {
  const has = inTheWay.map(formatPrefix).join(", ")
  const problem = `failed to set bridge addr: "${name}" already has an IP address different from ${formatPrefix(wanted)}`
  const fix = `it has ${has}; set forceAddress to replace it, use another bridge, or: ip address del ${has} dev ${name}`
  return new CniError(CniCode.internal, problem, fix)
}
