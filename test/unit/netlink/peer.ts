/** A scripted kernel behind the transport, and the messages it sends, put together without the code under test. */
import { endianness } from "node:os"
import type { Transport } from "../../../lib/netlink/transport.ts"
import { SysError } from "../../../lib/sys/errors.ts"

const isLittle = endianness() === "LE"

/** What the peer does when it is asked: the datagrams it sends, or errors that receiving throws. */
export type Answer = (request: Request) => readonly (Uint8Array | Error)[]

/** A request as it came. */
export interface Request {
  readonly bytes: Uint8Array
  readonly type: number
  readonly flags: number
  readonly sequence: number
}

/** The kernel's side of a socket. It fails the test if it is asked more, or listened to longer, than was planned. */
export class Peer implements Transport {
  readonly requests: Request[] = []
  readonly memberships: string[] = []
  isClosed = false
  /** Called by waitReadable() with nothing to receive: may queue events or let time pass. */
  idle: (timeoutMs: number) => void = () => undefined
  readonly queue: (Uint8Array | Error)[] = []
  readonly #answers: Answer[]

  constructor(...answers: Answer[]) {
    this.#answers = answers
  }

  send(bytes: Uint8Array): void {
    const copy = bytes.slice()
    const view = new DataView(copy.buffer)
    const request = {
      bytes: copy,
      type: view.getUint16(4, isLittle),
      flags: view.getUint16(6, isLittle),
      sequence: view.getUint32(8, isLittle),
    }
    this.requests.push(request)
    const answer = this.#answers.shift()
    if (answer === undefined) throw new Error(`request ${this.requests.length} was not planned`)
    this.queue.push(...answer(request))
  }

  receive(): Uint8Array {
    const next = this.queue.shift()
    if (next === undefined) throw new Error("nothing comes any more: this would block for ever")
    if (next instanceof Error) throw next
    return next
  }

  waitReadable(timeoutMs: number): boolean {
    if (this.queue.length === 0 && timeoutMs > 0) this.idle(timeoutMs)
    return this.queue.length > 0
  }

  join(group: number): void {
    this.memberships.push(`join ${group}`)
  }

  leave(group: number): void {
    this.memberships.push(`leave ${group}`)
  }

  close(): void {
    this.isClosed = true
  }

  /** Tells how many of the planned answers nobody asked for. */
  get unused(): number {
    return this.#answers.length
  }
}

export const u16 = (value: number): number[] => integer(2, view => view.setUint16(0, value, isLittle))
export const u32 = (value: number): number[] => integer(4, view => view.setUint32(0, value, isLittle))
export const s32 = (value: number): number[] => integer(4, view => view.setInt32(0, value, isLittle))

function integer(size: number, set: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(size)
  set(new DataView(bytes.buffer))
  return [...bytes]
}

export const ascii = (text: string): number[] => [...Buffer.from(`${text}\0`)]

/** struct nlattr and its payload, padded. */
export function attribute(type: number, payload: readonly number[]): number[] {
  const length = 4 + payload.length
  return [...u16(length), ...u16(type), ...payload, ...new Array(-length & 3).fill(0)]
}

/** struct nlmsghdr and its payload, padded. */
export function message(type: number, flags: number, sequence: number, payload: readonly number[]): number[] {
  const length = 16 + payload.length
  const header = [...u32(length), ...u16(type), ...u16(flags), ...u32(sequence), ...u32(0)]
  return [...header, ...payload, ...new Array(-length & 3).fill(0)]
}

export const datagram = (...messages: number[][]): Uint8Array => Uint8Array.from(messages.flat())

const MULTI = 2
const CAPPED = 0x100
const ACK_TLVS = 0x200

/** The kernel's answer to a request without NLM_F_DUMP: 0, or what it refused with, after the request's header alone. */
export function outcome({ bytes, sequence }: Request, errno: number, tlvs: readonly number[] = []): Uint8Array {
  const flags = CAPPED | (tlvs.length > 0 ? ACK_TLVS : 0)
  return datagram(message(2, flags, sequence, [...s32(-errno), ...bytes.subarray(0, 16), ...tlvs]))
}

/** The end of a dump. */
export const done = ({ sequence }: Request, errno = 0, flags = 0): number[] =>
  message(3, MULTI | flags, sequence, s32(-errno))

export const acknowledge: Answer = request => [outcome(request, 0)]
export const refuse =
  (errno: number, text?: string): Answer =>
  request => [outcome(request, errno, text === undefined ? [] : attribute(1, ascii(text)))]

/** A reply of one message. */
export const reply =
  (type: number, payload: readonly number[]): Answer =>
  ({ sequence }) => [datagram(message(type, 0, sequence, payload))]

/** A whole dump, all in one datagram. */
export const dumped =
  (type: number, ...payloads: number[][]): Answer =>
  request => [datagram(...payloads.map(payload => message(type, MULTI, request.sequence, payload)), done(request))]

/** struct ifinfomsg and attributes. */
export const link = (index: number, flags: number, ...attributes: number[][]): number[] => [
  ...[0, 0, ...u16(1), ...s32(index), ...u32(flags), ...u32(0)],
  ...attributes.flat(),
]

/** What recv(2) says when the kernel dropped messages. */
export const overrun = (): SysError => new SysError("recv", 105, "netlink")
