/** The addresses of network interfaces. */
import { decodeAddress, encodeAddress } from "../net/address.ts"
import { formatPrefix, lastAddress, type Prefix } from "../net/prefix.ts"
import { isRefusal } from "../netlink/errors.ts"
import type { ReplyTo } from "../netlink/message.ts"
import type { NetlinkSocket } from "../netlink/socket.ts"
import {
  IFA_F_DADFAILED,
  IFA_F_TENTATIVE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
  RTNLGRP_IPV6_IFADDR,
} from "../netlink/uapi/address.ts"
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/uapi/netlink.ts"
import { familyNumber } from "./family.ts"
import type { LinkId } from "./link.ts"
import { waitFor } from "./wait.ts"

export { IFA_F_NODAD } from "../netlink/uapi/address.ts"

/** An address of an interface as it was when it was asked for. */
export interface InterfaceAddress {
  readonly prefix: Prefix
  /** RT_SCOPE_…: 0 is global, 253 the link's. */
  readonly scope: number
  /** Whether IPv6 is still looking for a duplicate; the address cannot be used meanwhile. */
  readonly isTentative: boolean
  /** Whether a duplicate was found. */
  readonly hasDuplicate: boolean
}

/** What an address has besides its prefix; undefined leaves it to the kernel. */
export interface AddressOptions {
  /** IFA_F_…, for example IFA_F_NODAD. */
  readonly flags?: number | undefined
  /** RT_SCOPE_… */
  readonly scope?: number | undefined
}

/** The addresses that a routing netlink socket sees. */
export class Addresses {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /**
   * Puts an address on an interface. IPv4 gets the prefix's broadcast address, unless it is a /31 or /32.
   * @throws {NetlinkError} EEXIST if the interface has it
   */
  create(link: LinkId, prefix: Prefix, { flags, scope = 0 }: AddressOptions = {}): void {
    const { address, length } = prefix
    const own = encodeAddress(address)
    const broadcast = address.family === 4 && length < 31 ? encodeAddress(lastAddress(prefix)) : undefined
    const message = {
      type: RTM_NEWADDR,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      header: { ...headerOf(link, prefix), scope },
      attributes: { local: own, address: own, broadcast, flags },
    }
    this.#socket.request(message, subjectOf(link, prefix))
  }

  /** Makes sure that an interface has an address; true if it had not. @throws {NetlinkError} */
  ensure(link: LinkId, prefix: Prefix, options?: AddressOptions): boolean {
    try {
      this.create(link, prefix, options)
      return true
    } catch (error) {
      if (isRefusal(error, "EEXIST")) return false
      throw error
    }
  }

  /** Takes an address from an interface; false if it had none such. @throws {NetlinkError} */
  remove(link: LinkId, prefix: Prefix): boolean {
    const own = encodeAddress(prefix.address)
    const message = { type: RTM_DELADDR, header: headerOf(link, prefix), attributes: { local: own, address: own } }
    try {
      this.#socket.request(message, subjectOf(link, prefix))
      return true
    } catch (error) {
      if (isRefusal(error, "EADDRNOTAVAIL", "ENODEV")) return false
      throw error
    }
  }

  /** Lists an interface's addresses of one family. @throws {NetlinkError} */
  list({ index, name }: LinkId, family: 4 | 6): InterfaceAddress[] {
    const number = familyNumber(family)
    // Kernels without strict checking (before 4.20) answer for all interfaces.
    return this.#socket
      .dump(
        { type: RTM_GETADDR, header: { family: number, index }, attributes: {} },
        `dev ${name}`,
        header => header.index === index && header.family === number,
      )
      .map(interfaceAddressOf)
  }

  /**
   * Waits until no IPv6 address of an interface is tentative any more, or one has a duplicate.
   * @returns the IPv6 addresses as last seen
   * @throws {NetlinkError}
   */
  waitSettled(link: LinkId, timeoutMs: number): InterfaceAddress[] {
    return waitFor(this.#socket, {
      group: RTNLGRP_IPV6_IFADDR,
      look: () => this.list(link, 6),
      isReached: all => all.some(address => address.hasDuplicate) || !all.some(address => address.isTentative),
      timeoutMs,
    })
  }
}

function headerOf({ index }: LinkId, { address, length }: Prefix) {
  return { family: familyNumber(address.family), prefixLength: length, index }
}

function subjectOf({ name }: LinkId, prefix: Prefix): string {
  return `${formatPrefix(prefix)} dev ${name}`
}

function interfaceAddressOf({ header, attributes }: ReplyTo<typeof RTM_GETADDR>): InterfaceAddress {
  const { local, address = NO_BYTES, flags = header.flags } = attributes
  return {
    prefix: { address: decodeAddress(local ?? address), length: header.prefixLength },
    scope: header.scope,
    isTentative: (flags & IFA_F_TENTATIVE) !== 0,
    hasDuplicate: (flags & IFA_F_DADFAILED) !== 0,
  }
}

const NO_BYTES = new Uint8Array(0)
