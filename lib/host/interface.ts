/** Gives a container's interface what an address plugin decided (the reference's ConfigureIface). */
import { type Address, formatAddress, parseAddress } from "../net/address.ts"
import { type Prefix, parsePrefix } from "../net/prefix.ts"
import { isOperational, type LinkId } from "../rtnl/link.ts"
import type { RouteSpec } from "../rtnl/routes.ts"
import { allowAnnouncements } from "./announcement.ts"
import type { Sandbox } from "./sandbox.ts"
import { findSysctl, writeSysctl, writeSysctlIfThere } from "./sysctl.ts"

/** An address and the next hop it brings for routes that name none. */
export interface AddressSetup {
  readonly address: string
  readonly gateway?: string
}

/** A route as results spell it. */
export interface RouteSetup {
  readonly dst: string
  readonly gw?: string
  readonly mtu?: number
  readonly advmss?: number
  readonly priority?: number
  readonly table?: number
  readonly scope?: number
}

/** What an interface is to have. */
export interface InterfaceSetup {
  readonly ips: readonly AddressSetup[]
  readonly routes: readonly RouteSetup[]
  /** Whether the interface's IPv6 addresses are checked for duplicates before they are used. */
  readonly dad: "check" | "none"
}

/** Another node already has an address that the interface was to get. */
export class DuplicateAddress extends Error {
  override readonly name = "DuplicateAddress"
}

/** How long duplicate address detection may take. */
const DAD_TIMEOUT_MS = 5_000

/**
 * Adds the addresses, brings the link up, waits until IPv6 addresses can be used, and adds the routes. Nothing is undone:
 * addresses and routes go with the link.
 * @throws {AddressError} before anything is done
 * @throws {DuplicateAddress | NetlinkError | SysError}
 */
export function configureInterface(sandbox: Sandbox, link: LinkId, { ips, routes, dad }: InterfaceSetup): void {
  const prefixes = ips.map(({ address }) => parsePrefix(address))
  const gateways = ips.flatMap(({ gateway }) => (gateway === undefined ? [] : [parseAddress(gateway)]))
  const wanted = routes.map(route => planRoute(route, gateways, link))
  const hasIpv6 = prefixes.some(isIpv6)
  sandbox.enter(() => {
    allowAnnouncements(link.name)
    setDad(link.name, dad)
    if (hasIpv6) enableIpv6(link.name)
  })
  const { links, addresses, routes: table } = sandbox.rtnl
  for (const prefix of prefixes) addresses.create(link, prefix)
  links.change(link, { isUp: true })
  if (hasIpv6) waitUntilUsable(sandbox, link)
  for (const route of wanted) table.create(route)
}

const isIpv6 = ({ address }: Prefix): boolean => address.family === 6

function planRoute({ dst, gw, ...metrics }: RouteSetup, gateways: readonly Address[], link: LinkId): RouteSpec {
  const destination = parsePrefix(dst)
  const gateway = gw ? parseAddress(gw) : gateways.find(({ family }) => family === destination.address.family)
  return { destination, gateway, link, ...metrics }
}

/** A kernel without IPv6 has none of these settings. */
function setDad(name: string, dad: InterfaceSetup["dad"]): void {
  const settings = `net/ipv6/conf/${name}`
  if (dad === "check") writeSysctlIfThere(`${settings}/enhanced_dad`, "1")
  writeSysctlIfThere(`${settings}/accept_dad`, dad === "check" ? "1" : "0")
}

/** IPv6 may be off in a new namespace, and its addresses are lost when a link goes down. */
function enableIpv6(name: string): void {
  for (const each of ["lo", name]) {
    const setting = `net/ipv6/conf/${each}/disable_ipv6`
    if (findSysctl(setting) === "1") writeSysctl(setting, "0")
  }
  writeSysctl(`net/ipv6/conf/${name}/keep_addr_on_down`, "1")
}

/**
 * The kernel lets an IPv6 address in from a work queue, even without duplicate address detection; until then what is sent to
 * it is lost. A link that does not come up never gets there; its addresses are checked once it does.
 */
function waitUntilUsable(sandbox: Sandbox, link: LinkId): void {
  const addresses = sandbox.rtnl.addresses.waitSettled(link, DAD_TIMEOUT_MS)
  const duplicate = addresses.find(({ hasDuplicate }) => hasDuplicate)
  if (duplicate !== undefined) {
    const text = formatAddress(duplicate.prefix.address)
    throw new DuplicateAddress(`link ${link.name} has address ${text} in DADFAILED state: another node already uses it`)
  }
  const isStillChecking = addresses.some(({ isTentative }) => isTentative)
  if (isStillChecking && isOperational(sandbox.rtnl.links.get(link.index))) {
    throw new DuplicateAddress(`link ${link.name} still has tentative addresses after ${DAD_TIMEOUT_MS / 1000} seconds`)
  }
}
