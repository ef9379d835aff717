/** Requests and replies as lines of the trace. Who calls has asked isTracing() first. */
import { formatHex } from "../bytes/hex.ts"
import { describeErrno, errnoName } from "../sys/errors.ts"
import { trace } from "../sys/trace.ts"
import type { Rows } from "./attributes.ts"
import type { Message, Reply } from "./message.ts"

/** Writes a request: its flags, its header's members and its attributes. */
export function traceRequest<H extends Rows, A extends Rows>(message: Message<H, A>, subject: string): void {
  const { type, flags = 0, header, attributes } = message
  trace(`> ${type.uapi} ${subject} 0x${flags.toString(16)} ${format(header)} ${format(attributes)}`)
}

/** Writes one message of the kernel's answer; undefined is one that was not read. */
export function traceReply<H extends Rows, A extends Rows>(
  message: Message<H, A>,
  subject: string,
  reply: Reply<H, A> | undefined,
): void {
  const what = reply === undefined ? "(another one)" : `${format(reply.header)} ${format(reply.attributes)}`
  trace(`< ${message.type.uapi} ${subject} ${what}`)
}

/** Writes how the answer ended. */
export function traceOutcome<H extends Rows, A extends Rows>(
  message: Message<H, A>,
  subject: string,
  errno: number,
): void {
  const outcome = errno === 0 ? "ok" : `${errnoName(errno)} (${describeErrno(errno)})`
  trace(`< ${message.type.uapi} ${subject} ${outcome}`)
}

function format(values: object): string {
  return JSON.stringify(values, (_, value) => (value instanceof Uint8Array ? formatHex(value) : value))
}
