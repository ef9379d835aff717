/**
 * One conversation with the kernel: a request goes out, its replies come back, one request after another.
 *
 * Every request has a sequence number of its own; messages with another one are skipped: events, and what is left of a dump
 * that was given up. A reply is read by the tables of the request's type. All requests use one buffer.
 */
import { CodecError } from "../bytes/codec-error.ts"
import { ByteReader } from "../bytes/reader.ts"
import { ByteWriter } from "../bytes/writer.ts"
import { isSysError } from "../sys/errors.ts"
import { isTracing } from "../sys/trace.ts"
import { decodeAttributes, nameAttribute, type Rows } from "./attributes.ts"
import { NetlinkError, refusal } from "./errors.ts"
import { appendMessage, decodeReply, encodeMessage, type Message, MessageReader, type Reply } from "./message.ts"
import type { StructValues } from "./struct.ts"
import { traceOutcome, traceReply, traceRequest } from "./trace.ts"
import { openTransport, type Transport } from "./transport.ts"
import * as nl from "./uapi/netlink.ts"

/** How often a dump is begun again that the kernel calls inconsistent. */
const DUMP_ATTEMPTS = 5
/** sizeof(struct nlmsghdr): a refusal repeats the request's header, or without NETLINK_CAP_ACK all of it. */
const MESSAGE_HEADER = 16

/** What the answer to a request may be. */
interface Expectation<H extends Rows> {
  /** The errno that says that there is no such object; 0 if that is an error like others. */
  readonly absent: number
  wanted(header: StructValues<H>): boolean
}

/** One message of a batch, and what it is about, as of a request. */
export interface BatchPart {
  readonly message: Message<Rows, Rows>
  readonly subject: string
}

/** Changes that take effect together or not at all. */
export interface Batch {
  /** NFNL_MSG_BATCH_BEGIN */
  readonly begin: BatchPart
  /** At least one. */
  readonly changes: readonly BatchPart[]
  /** NFNL_MSG_BATCH_END; without it the kernel checks the changes and takes them back. */
  readonly end: BatchPart | undefined
}

/** What the kernel refused of a batch. */
export interface BatchRefusal {
  /** The change's place among the changes; -1 for the batch as a whole. */
  readonly index: number
  readonly error: NetlinkError
}

/** A batch on its way: where its messages begin and the last one ends, and the number of the first. */
interface SentBatch {
  readonly parts: readonly BatchPart[]
  readonly starts: readonly number[]
  readonly first: number
  /** The place of the last change, whose answer is the last. */
  readonly last: number
}

const everything = () => true
const ANYTHING = { absent: 0, wanted: everything }

/** A netlink socket; it belongs to the network namespace it was opened in. */
export class NetlinkSocket {
  readonly #transport: Transport
  readonly #writer = new ByteWriter()
  readonly #messages = new MessageReader()
  #sequence = 0

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /**
   * Asks for a change and waits for the acknowledgement.
   * @param subject what it is about, for errors and traces: "10.1.0.2/24 dev eth0"
   * @returns the kernel's notification, if NLM_F_ECHO asked for it and this kernel (6.2 for links) gives it
   * @throws {NetlinkError}
   */
  request<H extends Rows, A extends Rows>(message: Message<H, A>, subject: string): Reply<H, A> | undefined {
    return this.#exchange(message, subject, nl.NLM_F_ACK, ANYTHING)?.[0]
  }

  /** Asks for one object. @throws {NetlinkError} also if there is none */
  get<H extends Rows, A extends Rows>(message: Message<H, A>, subject: string): Reply<H, A> {
    const [reply] = this.#exchange(message, subject, 0, ANYTHING) ?? []
    if (reply === undefined) throw new CodecError("netlink", "an acknowledgement came instead of a reply")
    return reply
  }

  /**
   * Asks for one object that may not be there.
   * @param absent the errno that says so, with which the answer is undefined
   * @throws {NetlinkError}
   */
  find<H extends Rows, A extends Rows>(
    message: Message<H, A>,
    subject: string,
    absent: number,
  ): Reply<H, A> | undefined {
    return this.#exchange(message, subject, 0, { absent, wanted: everything })?.[0]
  }

  /**
   * Asks for all objects of a kind, and again if they changed meanwhile.
   * @param wanted told by their headers; the others' attributes are not read
   * @throws {NetlinkError} EAGAIN if they never stopped changing
   */
  dump<H extends Rows, A extends Rows>(
    message: Message<H, A>,
    subject: string,
    wanted: (header: StructValues<H>) => boolean,
  ): Reply<H, A>[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const replies = this.#exchange(message, subject, nl.NLM_F_DUMP, { absent: 0, wanted })
      if (replies !== undefined) return replies
    }
    throw new NetlinkError(`${message.type.uapi} ${subject}`, "EAGAIN", "it changed during each of several dumps")
  }

  /**
   * Sends changes to one of netfilter's subsystems as one transaction, one datagram, and waits for its outcome.
   * @returns what was refused, in the order of the changes; if that is anything, nothing is changed
   * @throws {SysError}
   */
  batch({ begin, changes, end }: Batch): BatchRefusal[] {
    const parts = end === undefined ? [begin, ...changes] : [begin, ...changes, end]
    const first = (this.#sequence + 1) >>> 0
    const sent = { parts, first, starts: this.#encodeBatch(parts, changes.length), last: changes.length }
    this.#transport.send(this.#writer.written())
    const refusals: BatchRefusal[] = []
    let loss: unknown
    // There may be more refusals than the socket can hold; then those are told that it could.
    while (loss === undefined || this.#transport.waitReadable(0)) {
      try {
        this.#messages.open(this.#transport.receive())
      } catch (error) {
        if (!isSysError(error, "ENOBUFS")) throw error
        loss = error
        continue
      }
      if (this.#readOutcome(sent, refusals)) return refusals
    }
    if (refusals.length === 0) throw loss
    return refusals
  }

  /** Adds the refusals of one datagram; true if no more can follow. */
  #readOutcome({ parts, first, starts, last }: SentBatch, refusals: BatchRefusal[]): boolean {
    const messages = this.#messages
    while (messages.next()) {
      const place = (messages.sequence - first) >>> 0
      if (place > last || messages.type !== nl.NLMSG_ERROR) continue
      const { message, subject } = parts[place]!
      const errno = readErrno(messages, message, subject)
      if (errno !== 0) {
        const extent = { start: starts[place]!, end: starts[place + 1]! }
        refusals.push({ index: place - 1, error: this.#refusal(errno, messages, message, subject, extent) })
      }
      // What is wrong with the batch as a whole is told of its first message, and maybe nothing else is.
      if (place === last || (place === 0 && errno !== 0)) return true
    }
    return false
  }

  /**
   * Writes the messages of a batch and tells where each begins and the last one ends. Only the last change asks for an
   * acknowledgement: the kernel sends it when all is done, behind the refusals.
   */
  #encodeBatch(parts: readonly BatchPart[], acknowledged: number): number[] {
    const writer = this.#writer
    writer.clear()
    const starts = parts.map(({ message, subject }, place) => {
      const start = writer.length
      const flags = (message.flags ?? 0) | nl.NLM_F_REQUEST | (place === acknowledged ? nl.NLM_F_ACK : 0)
      this.#sequence = (this.#sequence + 1) >>> 0
      if (isTracing()) traceRequest(message, subject)
      appendMessage(writer, message, flags, this.#sequence)
      return start
    })
    return [...starts, writer.length]
  }

  /** Subscribes to a multicast group. Its events make waitEvent() return; requests skip them. @throws {SysError} */
  join(group: number): void {
    this.#transport.join(group)
  }

  /** Ends a subscription and drops what it left waiting. @throws {SysError} */
  leave(group: number): void {
    this.#transport.leave(group)
    while (this.#transport.waitReadable(0)) {
      try {
        this.#transport.receive()
      } catch (error) {
        if (!isSysError(error, "ENOBUFS")) throw error
      }
    }
  }

  /** Waits until an event of a joined group has come that no request has skipped; false once `timeoutMs` have passed. */
  waitEvent(timeoutMs: number): boolean {
    return this.#transport.waitReadable(timeoutMs)
  }

  close(): void {
    this.#transport.close()
  }

  #send<H extends Rows, A extends Rows>(message: Message<H, A>, subject: string, flags: number): number {
    this.#sequence = (this.#sequence + 1) >>> 0
    encodeMessage(this.#writer, message, (message.flags ?? 0) | flags | nl.NLM_F_REQUEST, this.#sequence)
    if (isTracing()) traceRequest(message, subject)
    this.#transport.send(this.#writer.written())
    return this.#sequence
  }

  /**
   * Sends a request and collects the replies.
   * @param until NLM_F_ACK, NLM_F_DUMP, or 0 if the only reply ends the answer
   * @returns undefined for a refusal with the errno `absent`, and for a dump that the kernel calls inconsistent
   */
  #exchange<H extends Rows, A extends Rows>(
    message: Message<H, A>,
    subject: string,
    until: number,
    { absent, wanted }: Expectation<H>,
  ): Reply<H, A>[] | undefined {
    const messages = this.#messages
    const sequence = this.#send(message, subject, until)
    const replies: Reply<H, A>[] = []
    let flags = 0
    for (;;) {
      messages.open(this.#transport.receive())
      while (messages.next()) {
        if (messages.sequence !== sequence) continue
        flags |= messages.flags
        if (messages.type === nl.NLMSG_ERROR || messages.type === nl.NLMSG_DONE) {
          const errno = readErrno(messages, message, subject)
          if (errno === 0) return flags & nl.NLM_F_DUMP_INTR && until === nl.NLM_F_DUMP ? undefined : replies
          if (errno === absent) return undefined
          throw this.#refusal(errno, messages, message, subject)
        }
        const reply = decodeReply(messages, message.type, wanted)
        if (isTracing()) traceReply(message, subject, reply)
        if (reply !== undefined) replies.push(reply)
        if (until === 0) return replies
      }
    }
  }

  /**
   * Makes the error of a refusal whose errno is read: behind it stands the request, or its header alone, then attributes.
   * @param extent where in the datagram the request is
   */
  #refusal<H extends Rows, A extends Rows>(
    errno: number,
    { payload, type, flags }: MessageReader,
    message: Message<H, A>,
    subject: string,
    { start, end } = { start: 0, end: this.#writer.length },
  ): NetlinkError {
    const request = `${message.type.uapi} ${subject}`
    if ((flags & nl.NLM_F_ACK_TLVS) === 0) return refusal(request, errno, "", "")
    if (type === nl.NLMSG_ERROR) payload.skip(flags & nl.NLM_F_CAPPED ? MESSAGE_HEADER : (end - start + 3) & ~3)
    const { text = "", offset = 0 } = decodeAttributes(payload, nl.extendedAck)
    const { header, attributes } = message.type
    const sent = new ByteReader(this.#writer.written())
    sent.at = start + MESSAGE_HEADER + header.size
    sent.end = end
    return refusal(request, errno, text, nameAttribute(sent, attributes, message.attributes, start + offset))
  }
}

function readErrno<H extends Rows, A extends Rows>(
  messages: MessageReader,
  message: Message<H, A>,
  subject: string,
): number {
  const errno = -messages.payload.s32()
  if (isTracing()) traceOutcome(message, subject, errno)
  return errno
}

/**
 * Opens a socket in the network namespace that the process is in.
 * @param protocol NETLINK_ROUTE, …
 * @throws {SysError}
 */
export function openNetlink(protocol: number): NetlinkSocket {
  return new NetlinkSocket(openTransport(protocol))
}
