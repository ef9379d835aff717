/** Sockets as netlink needs them: datagrams to and from the kernel. */
import * as native from "native"
import { now } from "./clock.ts"
import { check, EINTR, retry } from "./errors.ts"

// bits/socket.h
const MSG_PEEK = 2
const MSG_TRUNC = 0x20
const POLLIN = 1

/** Opens a socket. The caller owes a close. @throws {SysError} */
export function openSocket(domain: number, type: number, protocol: number): number {
  return check(native.socket(domain, type, protocol), "socket", `family ${domain} protocol ${protocol}`)
}

/** Lets the socket hear nobody but the peer at `address`, a struct sockaddr. @throws {SysError} */
export function connectSocket(fd: number, address: Uint8Array): void {
  check(native.connect(fd, address), "connect", "netlink")
}

/** Sets an integer option; false if this kernel does not know it. @throws {SysError} */
export function setSocketOption(fd: number, level: number, name: number, value: number): boolean {
  const result = native.setsockopt(fd, level, name, value)
  if (result === -92) return false // ENOPROTOOPT
  check(result, "setsockopt", `level ${level} option ${name}`)
  return true
}

/** Sends one datagram. @throws {SysError} */
export function sendDatagram(fd: number, bytes: Uint8Array): void {
  check(
    retry(() => native.send(fd, bytes, 0)),
    "send",
    "netlink",
  )
}

/**
 * Receives one datagram into `buffer`, or into a new one where it does not fit, and returns the part that holds it,
 * a view that the next call overwrites.
 * @throws {SysError} ENOBUFS where the kernel dropped messages
 */
export function receiveDatagram(fd: number, buffer: Uint8Array): Uint8Array {
  const length = check(
    retry(() => native.recv(fd, buffer, MSG_PEEK | MSG_TRUNC)),
    "recv",
    "netlink",
  )
  const into = length > buffer.length ? new Uint8Array(length) : buffer
  check(
    retry(() => native.recv(fd, into, 0)),
    "recv",
    "netlink",
  )
  return into.subarray(0, length)
}

/** Waits until there is something to read; false once `timeoutMs` have passed. @throws {SysError} */
export function waitReadable(fd: number, timeoutMs: number): boolean {
  const deadline = now() + timeoutMs
  for (let left = timeoutMs; ; left = deadline - now()) {
    const result = native.poll(fd, POLLIN, Math.max(0, Math.ceil(left)))
    if (result !== -EINTR) return check(result, "poll", "") !== 0
  }
}
