/** The VLANs of a bridge's ports (bridge(8), `bridge vlan`). They count once the bridge filters by VLAN. */
import type { NetlinkSocket } from "../netlink/socket.ts"
import {
  BRIDGE_VLAN_INFO_PVID,
  BRIDGE_VLAN_INFO_RANGE_BEGIN,
  BRIDGE_VLAN_INFO_RANGE_END,
  BRIDGE_VLAN_INFO_UNTAGGED,
  RTEXT_FILTER_BRVLAN_COMPRESSED,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from "../netlink/uapi/bridge-port.ts"
import { AF_BRIDGE } from "../netlink/uapi/families.ts"
import type { LinkId } from "./link.ts"

/** VLANs that a port is a member of in the same way. */
export interface PortVlans {
  /** 1–4094 */
  readonly first: number
  /** Not below `first`, and equal to it if it is the port's own VLAN. */
  readonly last: number
  /** Whether frames that come in without a tag belong to it; a port has at most one such VLAN. */
  readonly isPvid: boolean
  /** Whether its frames go out without a tag. */
  readonly isUntagged: boolean
}

/** The bridge ports that a routing netlink socket sees. */
export class BridgeVlans {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Makes a port a member of VLANs, by one request. @throws {NetlinkError} */
  ensure(port: LinkId, vlans: readonly PortVlans[]): void {
    this.#send(RTM_SETLINK, port, vlans)
  }

  /** Ends a port's membership in VLANs; those that it is not in do not matter. @throws {NetlinkError} */
  remove(port: LinkId, vlans: readonly PortVlans[]): void {
    this.#send(RTM_DELLINK, port, vlans)
  }

  /** Lists the VLANs of a port. The kernel tells those of all ports: not for a hot path. @throws {NetlinkError} */
  list({ index, name }: LinkId): PortVlans[] {
    const attributes = { filter: RTEXT_FILTER_BRVLAN_COMPRESSED }
    const message = { type: RTM_GETLINK, header: { family: AF_BRIDGE }, attributes }
    const replies = this.#socket.dump(message, `vlans dev ${name}`, header => header.index === index)
    return replies.flatMap(reply => decodeVlans(reply.attributes.specific?.vlans ?? []))
  }

  #send(type: Type, { index, name }: LinkId, vlans: readonly PortVlans[]): void {
    const header = { family: AF_BRIDGE, index }
    const subject = `${vlans.map(formatVlans).join(", ")} dev ${name}`
    this.#socket.request({ type, header, attributes: { specific: { vlans: vlans.flatMap(encodeVlans) } } }, subject)
  }
}

type Type = typeof RTM_SETLINK | typeof RTM_DELLINK
type VlanInfo = { flags: number; vid: number }

function formatVlans({ first, last }: PortVlans): string {
  return first === last ? `vlan ${first}` : `vlan ${first}-${last}`
}

/** One entry for one VLAN, two for a run of them. */
function encodeVlans({ first, last, isPvid, isUntagged }: PortVlans): VlanInfo[] {
  const flags = (isPvid ? BRIDGE_VLAN_INFO_PVID : 0) | (isUntagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0)
  if (first === last) return [{ flags, vid: first }]
  return [
    { flags: flags | BRIDGE_VLAN_INFO_RANGE_BEGIN, vid: first },
    { flags: flags | BRIDGE_VLAN_INFO_RANGE_END, vid: last },
  ]
}

function decodeVlans(entries: readonly VlanInfo[]): PortVlans[] {
  const vlans: PortVlans[] = []
  let first = 0
  for (const { flags, vid } of entries) {
    if (flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
      first = vid
      continue
    }
    vlans.push({
      first: flags & BRIDGE_VLAN_INFO_RANGE_END ? first : vid,
      last: vid,
      isPvid: (flags & BRIDGE_VLAN_INFO_PVID) !== 0,
      isUntagged: (flags & BRIDGE_VLAN_INFO_UNTAGGED) !== 0,
    })
  }
  return vlans
}
