/** IP forwarding of the host, which a gateway needs. */
import type { Rtnl } from "../rtnl/rtnl.ts"
import { warn } from "../sys/trace.ts"
import { ensureSysctl, findSysctl, readSysctl, writeSysctl } from "./sysctl.ts"

const IPV6_FORWARDING = "net/ipv6/conf/all/forwarding"

/** Lets the host forward packets of one family. @throws {SysError} */
export function ensureForwarding(host: Rtnl, family: 4 | 6): void {
  if (family === 4) {
    ensureSysctl("net/ipv4/ip_forward", "1")
    return
  }
  if (readSysctl(IPV6_FORWARDING) === "1") return
  keepAcceptingRouters(host)
  writeSysctl(IPV6_FORWARDING, "1")
}

/**
 * A forwarding host ignores router advertisements unless accept_ra is 2 (Documentation/networking/ip-sysctl.rst), and would
 * lose the default route it learnt from one at that route's expiry.
 */
function keepAcceptingRouters(host: Rtnl): void {
  const indexes = host.routes.listLearntDefaults().flatMap(({ hops }) => hops.map(({ index }) => index))
  for (const index of new Set(indexes)) {
    const name = index === undefined ? undefined : host.links.find(index)?.name
    const setting = `net/ipv6/conf/${name}/accept_ra`
    if (name === undefined || findSysctl(setting) !== "1") continue
    writeSysctl(setting, "2")
    warn(`${setting} was 1 and is 2 now: IPv6 forwarding goes on, and the host keeps its default route through ${name}`)
  }
}
