/**
 * Network interfaces of one network namespace. Links are asked for by name or index; a dump of all of them costs more
 * than everything else a plugin does.
 */
import type { Values } from "../netlink/attributes.ts"
import { isRefusal } from "../netlink/errors.ts"
import type { RequestOf } from "../netlink/message.ts"
import type { NetlinkSocket } from "../netlink/socket.ts"
import {
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_UP,
  type linkAttributes,
  type linkInfo,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTNLGRP_LINK,
} from "../netlink/uapi/link.ts"
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL } from "../netlink/uapi/netlink.ts"
import { type Link, type LinkId, linkOf } from "./link.ts"
import { waitFor } from "./wait.ts"

const ENODEV = 19

/** A bridge that several attachments share. */
export interface BridgeSpec {
  readonly name: string
  /** Of a bridge that has to be created. */
  readonly mac: Uint8Array
  /** In bytes; undefined leaves it to the kernel. An existing bridge's is raised to it, never lowered. */
  readonly mtu?: number | undefined
  /** False leaves an existing bridge as it is. */
  readonly isVlanFiltering: boolean
  /** False leaves an existing bridge as it is. */
  readonly isPromiscuous: boolean
  /** False leaves an existing bridge as it is. */
  readonly isUp: boolean
}

/** One end of a veth pair. */
export interface VethEnd {
  readonly name: string
  readonly mac: Uint8Array
  /** In bytes; undefined leaves it to the kernel. */
  readonly mtu?: number | undefined
}

/** The end here. */
export interface HostVethEnd extends VethEnd {
  /** The index of the bridge it becomes a port of. */
  readonly master?: number | undefined
  readonly isUp: boolean
}

/** The end in another namespace. It is down. */
export interface PeerVethEnd extends VethEnd {
  /** A descriptor of the network namespace. */
  readonly namespace: number
}

/** What to change; undefined leaves as it is. */
export interface LinkChanges {
  readonly isUp?: boolean | undefined
  readonly isPromiscuous?: boolean | undefined
  readonly isAllMulticast?: boolean | undefined
  readonly mac?: Uint8Array | undefined
  /** In bytes. */
  readonly mtu?: number | undefined
  /** In packets. */
  readonly txQueueLength?: number | undefined
  /** Free text of at most 255 bytes; "" takes it away. */
  readonly alias?: string | undefined
  /** The index of the bridge to become a port of; 0 for none. */
  readonly master?: number | undefined
  /** Only of a bridge. */
  readonly isVlanFiltering?: boolean | undefined
  /** Only of a bridge's port, which it must be before: a request that sets `master` is too early. */
  readonly isHairpin?: boolean | undefined
  /** Only of a bridge's port, as above. */
  readonly isIsolated?: boolean | undefined
}

/** Which links to list: all that fit what is given. */
export interface LinkFilter {
  /** The index of the master whose ports they are. */
  readonly master?: number
  readonly kind?: string
}

/** There is a link of a name, but it is something else. */
export class WrongLinkKind extends Error {
  override readonly name = "WrongLinkKind"
}

/** The links that a routing netlink socket sees. */
export class Links {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Finds a link by its name, one of its alternative names, or its index. @throws {NetlinkError} */
  find(which: string | number): Link | undefined {
    const reply = this.#socket.find(getLink(which), subjectOf(which), ENODEV)
    return reply && linkOf(reply)
  }

  /** Gets a link by its name, one of its alternative names, or its index. @throws {NetlinkError} ENODEV if there is none */
  get(which: string | number): Link {
    return linkOf(this.#socket.get(getLink(which), subjectOf(which)))
  }

  /** Lists links. The kernel filters, from 4.6 on. @throws {NetlinkError} */
  list({ master, kind }: LinkFilter): Link[] {
    const info = kind === undefined ? undefined : { kind }
    const subject = `${kind ?? "all"}${master === undefined ? "" : ` master ${master}`}`
    return this.#socket
      .dump({ type: RTM_GETLINK, header: {}, attributes: { filter, master, info } }, subject, () => true)
      .map(linkOf)
      .filter(link => (master ?? link.master) === link.master && (kind ?? link.kind) === link.kind)
  }

  /**
   * Makes sure that there is a bridge of this name with these properties, and tells what it is like.
   * @throws {WrongLinkKind} `"cni0" already exists but is not a bridge`
   * @throws {NetlinkError}
   */
  ensureBridge(spec: BridgeSpec): Link {
    const existing = this.find(spec.name) ?? this.#createBridge(spec)
    if (existing.bridge === undefined) throw new WrongLinkKind(`"${spec.name}" already exists but is not a bridge`)
    const changes = missingOf(existing, spec)
    if (changes === undefined) return existing
    this.change(existing, changes)
    return this.get(existing.index)
  }

  /** Creates a bridge, or finds the one that another process made at the same time. */
  #createBridge({ name, mac, mtu, isVlanFiltering, isPromiscuous, isUp }: BridgeSpec): Link {
    const data = isVlanFiltering ? { vlanFiltering: 1 } : undefined
    try {
      return this.#create({ name, mac, mtu, info: { kind: "bridge", data } }, flagsOf({ isUp, isPromiscuous }), name)
    } catch (error) {
      const other = isRefusal(error, "EEXIST") ? this.find(name) : undefined
      if (other === undefined) throw error
      return other
    }
  }

  /**
   * Creates a veth pair, one end here and one in another namespace, by one request: both are there afterwards, or none.
   * @returns the end here as it was announced, `master` and `operstate` not settled; its `peerIndex` is the other end's
   * @throws {NetlinkError} EEXIST if either name is taken
   */
  createVethPair(host: HostVethEnd, peer: PeerVethEnd): Link {
    const { name, mac, mtu, master, isUp } = host
    const end = { name: peer.name, mac: peer.mac, mtu: peer.mtu, namespace: peer.namespace }
    const info = { kind: "veth", data: { peer: { header: {}, attributes: end } } }
    return this.#create({ name, mac, mtu, master, info }, flagsOf({ isUp }), `${name} (peer ${peer.name})`)
  }

  /** Creates a link that must not exist yet. */
  #create(attributes: LinkAttributes, header: LinkFlags, subject: string): Link {
    const flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO
    const reply = this.#socket.request({ type: RTM_NEWLINK, flags, header, attributes }, subject)
    return reply === undefined ? this.get(attributes.name ?? "") : linkOf(reply)
  }

  /** Changes a link by one request. @throws {NetlinkError} ENODEV if it is gone */
  change({ index, name }: LinkId, changes: LinkChanges): void {
    const { mac, mtu, txQueueLength, alias, master } = changes
    const header = { index, ...flagsOf(changes) }
    const attributes = { mac, mtu, txQueueLength, alias, master, info: infoOf(changes) }
    this.#socket.request({ type: RTM_NEWLINK, header, attributes }, name)
  }

  /** Removes a link by its name or index, a veth's other end with it; false if there was none. @throws {NetlinkError} */
  remove(which: string | number): boolean {
    try {
      const message = { type: RTM_DELLINK, header: headerOf(which), attributes: { name: nameOf(which) } }
      this.#socket.request(message, subjectOf(which))
      return true
    } catch (error) {
      if (isRefusal(error, "ENODEV")) return false
      throw error
    }
  }

  /**
   * Waits until a link is as wanted, for example isOperational or isForwarding.
   * @returns the link as last seen, wanted or not
   * @throws {NetlinkError} ENODEV if it is gone
   */
  waitUntil({ index }: LinkId, isReached: (link: Link) => boolean, timeoutMs: number): Link {
    return waitFor(this.#socket, { group: RTNLGRP_LINK, look: () => this.get(index), isReached, timeoutMs })
  }
}

type LinkAttributes = Values<typeof linkAttributes>
type LinkFlags = { flags: number; change: number }

const filter = RTEXT_FILTER_SKIP_STATS

function getLink(which: string | number): RequestOf<typeof RTM_GETLINK> {
  return { type: RTM_GETLINK, header: headerOf(which), attributes: { name: nameOf(which), filter } }
}

const headerOf = (which: string | number) => (typeof which === "number" ? { index: which } : {})
const nameOf = (which: string | number) => (typeof which === "string" ? which : undefined)
const subjectOf = (which: string | number) => (typeof which === "number" ? `index ${which}` : which)

function flagsOf({ isUp, isPromiscuous, isAllMulticast }: LinkChanges): LinkFlags {
  const flags = (isUp ? IFF_UP : 0) | (isPromiscuous ? IFF_PROMISC : 0) | (isAllMulticast ? IFF_ALLMULTI : 0)
  const change = asked(isUp, IFF_UP) | asked(isPromiscuous, IFF_PROMISC) | asked(isAllMulticast, IFF_ALLMULTI)
  return { flags, change }
}

const asked = (state: boolean | undefined, flag: number): number => (state === undefined ? 0 : flag)

function infoOf({ isVlanFiltering, isHairpin, isIsolated }: LinkChanges): Values<typeof linkInfo> | undefined {
  if (isVlanFiltering !== undefined) return { kind: "bridge", data: { vlanFiltering: Number(isVlanFiltering) } }
  if (isHairpin === undefined && isIsolated === undefined) return undefined
  const portData = { hairpin: optionalNumber(isHairpin), isolated: optionalNumber(isIsolated) }
  return { portKind: "bridge", portData }
}

const optionalNumber = (value: boolean | undefined) => (value === undefined ? undefined : Number(value))

/** Tells what a bridge lacks of what is asked for; undefined if nothing. */
function missingOf(link: Link, spec: BridgeSpec): LinkChanges | undefined {
  const isVlanFiltering = (spec.isVlanFiltering && !link.bridge?.isVlanFiltering) || undefined
  const mtu = spec.mtu !== undefined && spec.mtu > link.mtu ? spec.mtu : undefined
  const isPromiscuous = (spec.isPromiscuous && !link.isPromiscuous) || undefined
  const isUp = (spec.isUp && !link.isUp) || undefined
  const isComplete = isVlanFiltering === undefined && mtu === undefined && isPromiscuous === undefined && !isUp
  return isComplete ? undefined : { isVlanFiltering, mtu, isPromiscuous, isUp }
}
