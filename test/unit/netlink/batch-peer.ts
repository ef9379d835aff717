/** The kernel's side of a batch: what is in one, and how it is answered. */
import { endianness } from "node:os"
import * as wire from "./peer.ts"

const isLittle = endianness() === "LE"
const ACK = 4

/** Takes a datagram asunder: each message as a request of its own. */
export function messagesOf(datagram: Uint8Array): wire.Request[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset)
  const messages: wire.Request[] = []
  for (let at = 0; at < datagram.length; ) {
    const length = view.getUint32(at, isLittle)
    messages.push({
      bytes: datagram.slice(at, at + length),
      type: view.getUint16(at + 4, isLittle),
      flags: view.getUint16(at + 6, isLittle),
      sequence: view.getUint32(at + 8, isLittle),
    })
    at += (length + 3) & ~3
  }
  return messages
}

/** What is refused: the place of the message, the batch's first being 0, its errno, and what more is told of it. */
export type Refusal = readonly [place: number, errno: number, tlvs?: readonly number[]]

/** Answers a batch as the kernel does: refusals in their order, and the acknowledgement where it was asked for. */
export function answer(...refusals: Refusal[]): wire.Answer {
  return ({ bytes }) => {
    const refused = new Map(refusals.map(([place, ...what]) => [place, what]))
    return messagesOf(bytes).flatMap((message, place) => {
      const [errno = 0, tlvs] = refused.get(place) ?? []
      return errno !== 0 || message.flags & ACK ? [wire.outcome(message, errno, tlvs)] : []
    })
  }
}

export const commit = answer()
