/** What the kernel answers about nf_tables, for a scripted peer. */

import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { Nft } from "../../../lib/nft/nft.ts"
import { fake } from "../../kit/fake-native.ts"
import { answer, messagesOf, type Refusal } from "../netlink/batch-peer.ts"
import * as wire from "../netlink/peer.ts"

const SUBSYSTEM = 10 << 8
const NESTED = 0x8000

export const be32 = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]
export const be64 = (value: number): number[] => [...be32(0), ...be32(value)]
export const nest = (type: number, ...attributes: number[][]): number[] =>
  wire.attribute(type | NESTED, attributes.flat())

/** struct nfgenmsg and attributes. */
export const payload = (family: number, ...attributes: number[][]): number[] => [family, 0, 0, 0, ...attributes.flat()]

const NEWRULE = SUBSYSTEM | 6

export const generation = (number: number): wire.Answer =>
  wire.reply(SUBSYSTEM | 15, payload(0, wire.attribute(1, be32(number))))
/** That there is what was asked for. */
export const present = wire.reply(SUBSYSTEM, payload(1))
export const absent = wire.refuse(2)
/** A chain's rules, each with a handle and a comment. */
export const rules = (...all: (readonly [handle: number, comment: string])[]): wire.Answer =>
  wire.dumped(
    NEWRULE,
    ...all.map(([handle, comment]) => {
      const userdata = [0, comment.length + 1, ...wire.ascii(comment)]
      return payload(1, wire.attribute(3, be64(handle)), wire.attribute(7, userdata))
    }),
  )

/** Refuses a batch, whose first message has the place 0, with an errno that has this name. */
export const refuse =
  (name: string, ...refusals: Refusal[]): wire.Answer =>
  request => {
    for (const _ of refusals) fake.script("errorName", name)
    return answer(...refusals)(request)
  }

/** The ruleset of a kernel of this release that answers as planned. */
export function open(release: string, ...answers: wire.Answer[]): { nft: Nft; peer: wire.Peer; sent: () => string[] } {
  fake.files.put("/proc/sys/kernel/osrelease", `${release}\n`)
  const peer = new wire.Peer(...answers)
  const sent = () => peer.requests.map(({ bytes }) => messagesOf(bytes).map(describe).join(" "))
  return { nft: new Nft(new NetlinkSocket(peer)), peer, sent }
}

const NAMES = [
  ...["newtable", "gettable", "deltable", "newchain", "getchain", "delchain", "newrule", "getrule", "delrule"],
  ...["newset", "getset", "delset", "newelem", "getelem", "delelem", "newgen", "getgen"],
]
const DESTROY = ["table", "chain", "rule", "set", "elem"]

/** Names a message: its type; of a beginning also the generation that it carries. */
function describe({ type, bytes }: wire.Request): string {
  if (type === 17) return "end"
  if (type === 16) return `begin${bytes.length > 20 ? `(${bytes[27]})` : ""}`
  const number = type & 0xff
  return NAMES[number] ?? `destroy${DESTROY[number - 26]}`
}
