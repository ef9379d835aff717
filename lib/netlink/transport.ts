/** Datagrams to and from the kernel: the seam at which tests put a scripted peer. */
import { hostIsLittleEndian } from "../bytes/byte-order.ts"
import { isSysError } from "../sys/errors.ts"
import { close } from "../sys/files.ts"
import {
  connectSocket,
  openSocket,
  receiveDatagram,
  sendDatagram,
  setSocketOption,
  waitReadable,
} from "../sys/sockets.ts"
import {
  AF_NETLINK,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  SOL_NETLINK,
} from "./uapi/netlink.ts"

const SOCK_RAW = 3

// asm-generic/socket.h
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_SNDBUFFORCE = 32

/**
 * The kernel cuts dumps into datagrams of at most this size (netlink_dump() goes by the largest buffer it has seen). More
 * would save calls in a long dump, but each page of it costs as much as a call.
 */
const BUFFER_SIZE = 8192

/**
 * struct sockaddr_nl of the kernel: port 0, no groups. Connected to it, the socket hears nobody else; a container's root
 * may otherwise send it answers of his own.
 */
const KERNEL = new Uint8Array(12).fill(AF_NETLINK, hostIsLittleEndian ? 0 : 1, hostIsLittleEndian ? 1 : 2)

/** What a netlink socket stands on. */
export interface Transport {
  /** Sends one datagram. */
  send(bytes: Uint8Array): void
  /** Waits for one datagram and returns a view of it that the next call overwrites. */
  receive(): Uint8Array
  /** Waits until there is something to receive; false once `timeoutMs` have passed. */
  waitReadable(timeoutMs: number): boolean
  /** Subscribes to the events of a multicast group. */
  join(group: number): void
  /** Ends the subscription; events may still be waiting. */
  leave(group: number): void
  close(): void
}

/**
 * Opens a socket to the kernel in the network namespace that the process is in. It stays there wherever the process goes.
 * Options that an old kernel does not know are left out: the newest, strict checking, came with 4.20.
 * @param protocol NETLINK_ROUTE, …
 * @throws {SysError}
 */
export function openTransport(protocol: number): Transport {
  const fd = openSocket(AF_NETLINK, SOCK_RAW, protocol)
  const buffer = new Uint8Array(BUFFER_SIZE)
  connectSocket(fd, KERNEL)
  setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
  setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
  setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
  return {
    send: bytes => send(fd, bytes),
    receive: () => receiveDatagram(fd, buffer),
    waitReadable: timeoutMs => waitReadable(fd, timeoutMs),
    join: group => void setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group),
    leave: group => void setSocketOption(fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group),
    close: () => close(fd),
  }
}

/** Sends, if need be after making room: a batch may be larger than the socket's buffer (netlink_sendmsg()). */
function send(fd: number, bytes: Uint8Array): void {
  try {
    sendDatagram(fd, bytes)
  } catch (error) {
    if (!isSysError(error, "EMSGSIZE")) throw error
    enlargeSendBuffer(fd, bytes.length)
    sendDatagram(fd, bytes)
  }
}

/** Within a user namespace the administrator's limit holds (net.core.wmem_max). The kernel takes twice of `size`. */
function enlargeSendBuffer(fd: number, size: number): void {
  try {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, size)
  } catch (error) {
    if (!isSysError(error, "EPERM")) throw error
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUF, size)
  }
}
