/** VLANs: those of the container's port, and the gateway's own interface in one. */

import { openOwnNamespace } from "../../lib/host/namespace.ts"
import { hostVethName } from "../../lib/host/owner.ts"
import { randomMac } from "../../lib/host/random-mac.ts"
import { isRefusal } from "../../lib/netlink/errors.ts"
import type { PortVlans as VlanMembership } from "../../lib/rtnl/bridge-vlans.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import type { Rtnl } from "../../lib/rtnl/rtnl.ts"
import { close } from "../../lib/sys/files.ts"
import type { PortVlans } from "./plan.ts"

/** The VLAN that the kernel puts a new port into. */
const DEFAULT_VLAN = 1

/** Lists what a port is to be a member of. */
export function planMemberships({ access, trunk }: PortVlans): VlanMembership[] {
  const untagged = access === 0 ? DEFAULT_VLAN : access
  const tagged = trunk.map(({ first, last }) => ({ first, last, isPvid: false, isUntagged: false }))
  return [...tagged, { first: untagged, last: untagged, isPvid: true, isUntagged: true }]
}

/** Puts a new port into its VLANs, out of all others. @throws {NetlinkError} */
export function setPortVlans(host: Rtnl, port: Link, vlans: PortVlans): void {
  if (!vlans.keepsDefault) {
    const all = host.bridgeVlans.list(port)
    if (all.length > 0) host.bridgeVlans.remove(port, all)
  }
  host.bridgeVlans.ensure(port, planMemberships(vlans))
}

/**
 * Makes sure of the interface that holds the gateway's address in a VLAN: `cni0.100`, a veth on the host whose other end
 * is a port of the bridge in that VLAN.
 * @throws {NetlinkError}
 */
export function ensureVlanGateway(host: Rtnl, bridge: Link, vlan: number, mtu: number | undefined): Link {
  const name = vlanGatewayName(bridge.name, vlan)
  const link = host.links.find(name) ?? createVlanGateway(host, bridge, name, mtu ?? bridge.mtu)
  const peer = link.peerIndex === undefined ? undefined : host.links.find(link.peerIndex)
  if (peer !== undefined) {
    setPortVlans(host, peer, { access: vlan, trunk: [], keepsDefault: false })
    if (!peer.isUp) host.links.change(peer, { isUp: true })
  }
  return link
}

/** Names the gateway's interface of a VLAN. */
export const vlanGatewayName = (bridge: string, vlan: number): string => `${bridge}.${vlan}`

function createVlanGateway(host: Rtnl, bridge: Link, name: string, mtu: number): Link {
  const port = hostVethName({ network: bridge.name, containerId: name, ifname: name }, 0)
  const namespace = openOwnNamespace()
  try {
    const end = { name: port, mac: randomMac(), mtu, master: bridge.index, isUp: true }
    host.links.createVethPair(end, { name, mac: randomMac(), mtu, namespace })
  } catch (error) {
    if (!isRefusal(error, "EEXIST")) throw error // another process was quicker
  } finally {
    close(namespace)
  }
  const link = host.links.get(name)
  host.links.change(link, { isUp: true })
  return link
}
