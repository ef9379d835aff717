/** One network interface as the kernel describes it. */
import type { Values } from "../netlink/attributes.ts"
import type { ReplyTo } from "../netlink/message.ts"
import { IF_OPER_UP, IFF_ALLMULTI, IFF_PROMISC, IFF_UP, type RTM_GETLINK } from "../netlink/uapi/link.ts"
import { BR_STATE_FORWARDING, type bridgeData, type bridgePortData } from "../netlink/uapi/link-kinds.ts"

const NO_BYTES = new Uint8Array(0)

/** Which link a request is about: the kernel goes by the index, people by the name. */
export interface LinkId {
  readonly index: number
  readonly name: string
}

/** A link as it was when it was asked for. */
export interface Link extends LinkId {
  /** The hardware address; empty where the link has none. */
  readonly mac: Uint8Array
  /** In bytes. */
  readonly mtu: number
  /** Whether it was set up; `operstate` tells whether it works. */
  readonly isUp: boolean
  /** Whether somebody asked for promiscuous mode by this flag. */
  readonly isPromiscuous: boolean
  /** Whether somebody asked for all multicast frames by this flag. */
  readonly isAllMulticast: boolean
  /** In packets. */
  readonly txQueueLength: number
  /** IF_OPER_… of linux/if.h. Not settled yet in what creating a link gives. */
  readonly operstate: number
  /** "veth", "bridge" …; undefined for hardware and the loopback. */
  readonly kind: string | undefined
  /** The index of the bridge or other master that it is a port of. */
  readonly master: number | undefined
  /** The index of a veth's other end, or of the device below, in its own namespace. */
  readonly peerIndex: number | undefined
  /** The number that the peer's namespace has in this one; undefined if it is this one. */
  readonly peerNamespace: number | undefined
  /** Free text; undefined if there is none. */
  readonly alias: string | undefined
  /** Undefined of anything but a bridge. */
  readonly bridge: Bridge | undefined
  /** Undefined of anything but a bridge's port. */
  readonly port: BridgePort | undefined
}

/** What only a bridge has. */
export interface Bridge {
  readonly isVlanFiltering: boolean
  /** The VLAN that a new port is put into, 0 for none. */
  readonly defaultPvid: number
}

/** What only a bridge's port has. */
export interface BridgePort {
  /** BR_STATE_… of linux/if_bridge.h. */
  readonly state: number
  readonly isHairpin: boolean
  readonly isIsolated: boolean
  /** The MAC of the bridge, or of the one that STP chose for the segment; undefined if the kernel did not tell. */
  readonly bridgeMac: Uint8Array | undefined
}

const OPERSTATES = ["unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up"]

/** Tells an operational state in the words of ip-link(8). */
export function formatOperstate(operstate: number): string {
  return OPERSTATES[operstate] ?? `state ${operstate}`
}

/** Tells whether packets can pass. */
export function isOperational(link: Link): boolean {
  return link.operstate === IF_OPER_UP
}

/** Tells whether a bridge port passes frames on. */
export function isForwarding(link: Link): boolean {
  return link.port?.state === BR_STATE_FORWARDING
}

/** Makes a link of the kernel's description. */
export function linkOf({ header, attributes }: ReplyTo<typeof RTM_GETLINK>): Link {
  const { info, master, alias, lower, lowerNamespace } = attributes
  const { index, flags } = header
  return {
    index,
    name: attributes.name ?? "",
    mac: attributes.mac ?? NO_BYTES,
    mtu: attributes.mtu ?? 0,
    isUp: (flags & IFF_UP) !== 0,
    isPromiscuous: (flags & IFF_PROMISC) !== 0,
    isAllMulticast: (flags & IFF_ALLMULTI) !== 0,
    txQueueLength: attributes.txQueueLength ?? 0,
    operstate: attributes.operstate ?? 0,
    kind: info?.kind,
    master,
    // Kernels before 5.10 leave an index out that is the link's own, though it is one of another namespace.
    peerIndex: lower ?? (lowerNamespace === undefined ? undefined : index),
    peerNamespace: lowerNamespace,
    alias,
    bridge: info?.kind === "bridge" ? bridgeOf(info.data) : undefined,
    port: info?.portKind === "bridge" ? portOf(info.portData) : undefined,
  }
}

function bridgeOf({ vlanFiltering, defaultPvid = 0 }: Values<typeof bridgeData> = {}): Bridge {
  return { isVlanFiltering: vlanFiltering === 1, defaultPvid }
}

function portOf({ state = 0, hairpin, isolated, bridgeId }: Values<typeof bridgePortData> = {}): BridgePort {
  return { state, isHairpin: hairpin === 1, isIsolated: isolated === 1, bridgeMac: bridgeId?.subarray(2) }
}
