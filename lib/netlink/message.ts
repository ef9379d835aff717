/**
 * Netlink messages: a header, a struct that depends on the message's type, and attributes.
 *
 *     0          4      6       8          12       16
 *     | length   | type | flags | sequence | port   | struct … | attributes … | padding to 4      struct nlmsghdr
 *
 * A datagram holds one or more of them (linux/netlink.h, netlink(7)).
 */
import { hostIsLittleEndian } from "../bytes/byte-order.ts"
import { CodecError, within } from "../bytes/codec-error.ts"
import { ByteReader } from "../bytes/reader.ts"
import type { ByteWriter } from "../bytes/writer.ts"
import { type AttributeTable, decodeAttributes, encodeAttributes, type Rows, type Values } from "./attributes.ts"
import type { Struct, StructValues } from "./struct.ts"

/** sizeof(struct nlmsghdr) */
const HEADER = 16

/** Types below are netlink's own. */
const NLMSG_MIN_TYPE = 16

/** What a message type consists of. */
export interface MessageType<H extends Rows, A extends Rows> {
  /** The kernel's name. */
  readonly uapi: string
  readonly id: number
  readonly header: Struct<H>
  readonly attributes: AttributeTable<A>
}

/** A request as it is written. */
export interface Message<H extends Rows, A extends Rows> {
  readonly type: MessageType<H, A>
  /** NLM_F_REQUEST is added, and NLM_F_ACK or NLM_F_DUMP as the call needs it. */
  readonly flags?: number
  readonly header: Partial<StructValues<H>>
  readonly attributes: Values<AttributeTable<A>>
}

/** What came back, read by the tables of the request's type. */
export interface Reply<H extends Rows, A extends Rows> {
  readonly header: StructValues<H>
  readonly attributes: Values<AttributeTable<A>>
}

/** Requests of a type. */
export type RequestOf<T> = T extends MessageType<infer H, infer A> ? Message<H, A> : never

/** The replies to requests of a type. */
export type ReplyTo<T> = T extends MessageType<infer H, infer A> ? Reply<H, A> : never

/** Makes a message type. */
export function messageType<H extends Rows, A extends Rows>(
  uapi: string,
  id: number,
  header: Struct<H>,
  attributes: AttributeTable<A>,
): MessageType<H, A> {
  return { uapi, id, header, attributes }
}

/** Writes a request as the writer's only message. @throws {CodecError} */
export function encodeMessage<H extends Rows, A extends Rows>(
  writer: ByteWriter,
  message: Message<H, A>,
  flags: number,
  sequence: number,
): void {
  writer.clear()
  appendMessage(writer, message, flags, sequence)
}

/** Writes a request behind what is written. @throws {CodecError} */
export function appendMessage<H extends Rows, A extends Rows>(
  writer: ByteWriter,
  { type, header, attributes }: Message<H, A>,
  flags: number,
  sequence: number,
): void {
  const start = writer.reserve(HEADER)
  const { view } = writer
  view.setUint16(start + 4, type.id, hostIsLittleEndian)
  view.setUint16(start + 6, flags, hostIsLittleEndian)
  view.setUint32(start + 8, sequence, hostIsLittleEndian)
  try {
    type.header.encode(writer, header)
    encodeAttributes(writer, type.attributes, attributes)
  } catch (error) {
    throw within(type.attributes.name, error)
  }
  writer.patchU32(start, writer.length - start)
}

/**
 * Reads the current message, or, if its header is not `wanted`, tells undefined.
 * @throws {CodecError} also if it is a control message: rtnetlink sends no others than those that end an answer
 */
export function decodeReply<H extends Rows, A extends Rows>(
  { type: id, payload }: MessageReader,
  { header, attributes }: MessageType<H, A>,
  wanted: (header: StructValues<H>) => boolean,
): Reply<H, A> | undefined {
  if (id < NLMSG_MIN_TYPE) throw new CodecError("netlink", `a message of type ${id} was not expected`)
  try {
    const values = header.decode(payload)
    return wanted(values) ? { header: values, attributes: decodeAttributes(payload, attributes) } : undefined
  } catch (error) {
    throw within(attributes.name, error)
  }
}

/** Steps through the messages of one datagram after another. */
export class MessageReader {
  /** Stands at the current message's payload and ends with it. */
  readonly payload = new ByteReader(new Uint8Array(0))
  type = 0
  flags = 0
  sequence = 0
  #next = 0

  /** Goes before the first message of a datagram. */
  open(datagram: Uint8Array): void {
    this.payload.open(datagram)
    this.#next = 0
  }

  /**
   * Goes to the next message.
   * @returns false behind the last one
   * @throws {CodecError} if the message's length cannot be true
   */
  next(): boolean {
    const { payload } = this
    const { view } = payload
    const at = this.#next
    const left = payload.bytes.length - at
    if (left <= 0 && at > 0) return false
    const length = left < HEADER ? 0 : view.getUint32(at, hostIsLittleEndian)
    if (length < HEADER || length > left) throw new CodecError("netlink", `a message claims ${length} of ${left} bytes`)
    this.type = view.getUint16(at + 4, hostIsLittleEndian)
    this.flags = view.getUint16(at + 6, hostIsLittleEndian)
    this.sequence = view.getUint32(at + 8, hostIsLittleEndian)
    payload.at = at + HEADER
    payload.end = at + length
    this.#next = at + ((length + 3) & ~3)
    return true
  }
}
