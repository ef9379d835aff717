/** What CHECK looks at: addresses and routes as the kernel has them, compared with what a result recorded. */
import { compareAddresses, parseAddress } from "../net/address.ts"
import { formatPrefix, networkAddress, type Prefix, parsePrefix } from "../net/prefix.ts"
import type { LinkId } from "../rtnl/link.ts"
import type { Route } from "../rtnl/routes.ts"
import type { Rtnl } from "../rtnl/rtnl.ts"
import type { RouteSetup } from "./interface.ts"

/** An address of a result. */
export interface RecordedAddress {
  readonly address: string
  /** Index into `interfaces`. */
  readonly interface?: number
}

/** The part of a result that says which interface has which address. */
export interface RecordedAddresses<A extends RecordedAddress = RecordedAddress> {
  readonly interfaces: readonly { readonly name: string }[]
  readonly ips: readonly A[]
}

/** Lists the addresses that are not another interface's. */
export function addressesOf<A extends RecordedAddress>(name: string, { interfaces, ips }: RecordedAddresses<A>): A[] {
  return ips.filter(ip => ip.interface === undefined || interfaces[ip.interface]?.name === name)
}

/** Tells which addresses recorded for an interface it does not have; those of other interfaces do not count. */
export function missingAddresses(rtnl: Rtnl, link: LinkId, recorded: RecordedAddresses): string[] {
  const wanted = addressesOf(link.name, recorded).map(({ address }) => parsePrefix(address))
  const families = [...new Set(wanted.map(({ address }) => address.family))]
  const present = families.flatMap(family => rtnl.addresses.list(link, family).map(({ prefix }) => prefix))
  return wanted
    .filter(prefix => !present.some(each => isSamePrefix(each, prefix)))
    .map(prefix => `Failed to match addr ${formatPrefix(prefix)} on interface ${link.name}`)
}

const isSamePrefix = (a: Prefix, b: Prefix): boolean =>
  a.length === b.length && compareAddresses(a.address, b.address) === 0

/** Tells which routes are in no routing table: a later plugin may have moved one to another table. */
export function missingRoutes(rtnl: Rtnl, link: LinkId, routes: readonly RouteSetup[]): string[] {
  if (routes.length === 0) return []
  const families = [...new Set(routes.map(({ dst }) => parsePrefix(dst).address.family))]
  const present = families.flatMap(family => rtnl.routes.list({ family, link }))
  return routes
    .filter(route => !present.some(each => isSameRoute(each, route)))
    .map(({ dst, gw }) => `Expected Route ${dst}${gw ? ` via ${gw}` : ""} not found in routing table`)
}

/** A default route is matched by any next hop, as the reference does: the gateway comes from the address then. */
function isSameRoute({ destination, hops }: Route, { dst, gw }: RouteSetup): boolean {
  const wanted = parsePrefix(dst)
  const network = { address: networkAddress(wanted), length: wanted.length }
  if (!isSamePrefix(destination, network)) return false
  if (!gw || wanted.length === 0) return true
  const gateway = parseAddress(gw)
  return hops.some(hop => hop.gateway !== undefined && compareAddresses(hop.gateway, gateway) === 0)
}
