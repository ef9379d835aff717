/** The MTU of what leads out of the host. */
import { parseAddress } from "../net/address.ts"
import type { Rtnl } from "../rtnl/rtnl.ts"
import { warn } from "../sys/trace.ts"

/** Addresses that only a default route leads to: TEST-NET-1 (RFC 5737) and the documentation prefix (RFC 3849). */
const OUTSIDE = ["192.0.2.1", "2001:db8::1"]

/**
 * Resolves a configured MTU: "auto" is that of the default route's link, IPv4 before IPv6.
 * @returns bytes; undefined leaves it to the kernel, which is what 0 means, and "auto" on a host without a default route
 * @throws {NetlinkError}
 */
export function resolveMtu(host: Rtnl, mtu: number | "auto"): number | undefined {
  if (mtu !== "auto") return mtu === 0 ? undefined : mtu
  for (const address of OUTSIDE) {
    const index = host.routes.findWay(parseAddress(address))?.index
    if (index !== undefined) return host.links.get(index).mtu
  }
  warn('mtu is "auto" and the host has no default route: the kernel chooses the MTU')
  return undefined
}
