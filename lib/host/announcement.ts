/**
 * Tells the neighbours where an address now is: gratuitous ARP and unsolicited neighbour advertisements.
 *
 * The kernel sends both for every address of an interface when it is given its own MAC once more, if arp_notify and
 * ndisc_notify are on. A packet socket could send them too, but closing one waits for an RCU grace period, 8 to 18 ms.
 */
import type { LinkId } from "../rtnl/link.ts"
import type { Sandbox } from "./sandbox.ts"
import { writeSysctl, writeSysctlIfThere } from "./sysctl.ts"

/** Lets the kernel announce the interface's addresses; to be called inside the sandbox, before announce(). @throws {SysError} */
export function allowAnnouncements(name: string): void {
  writeSysctl(`net/ipv4/conf/${name}/arp_notify`, "1")
  writeSysctlIfThere(`net/ipv6/conf/${name}/ndisc_notify`, "1")
}

/**
 * Announces the interface's addresses; it must be up and its way to the neighbours open.
 * @param mac its own
 * @throws {NetlinkError}
 */
export function announce(sandbox: Sandbox, link: LinkId, mac: Uint8Array): void {
  sandbox.rtnl.links.change(link, { mac })
}
