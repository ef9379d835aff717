/** What the kernel answers about links, for a scripted peer. */
import { fake } from "../../kit/fake-native.ts"
import * as wire from "../netlink/peer.ts"

const NESTED = 0x8000

export const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
export const UP = 1
export const PROMISC = 0x100
export const ALLMULTI = 0x200

/** Gives the next refusal with an errno its name and words, as glibc does. */
export function refuse(errno: number, name: string, words: string): wire.Answer {
  return request => {
    fake.script("errorName", name)
    fake.script("errorText", words)
    return wire.refuse(errno)(request)
  }
}

/** The answer to a question about what is not there; nobody asks for its words. */
export const absent = wire.refuse(19)
export const noDevice = refuse(19, "ENODEV", "No such device")
export const exists = wire.refuse(17)

export const name = (text: string): number[] => wire.attribute(3, wire.ascii(text))
export const mac = wire.attribute(1, [...MAC])
export const mtu = (bytes: number): number[] => wire.attribute(4, wire.u32(bytes))
export const peer = (index: number): number[] => wire.attribute(5, wire.u32(index))
export const master = (index: number): number[] => wire.attribute(10, wire.u32(index))
export const txQueueLength = (packets: number): number[] => wire.attribute(13, wire.u32(packets))
export const operstate = (state: number): number[] => wire.attribute(16, [state])
export const alias = (text: string): number[] => wire.attribute(20, wire.ascii(text))
export const peerNamespace = (id: number): number[] => wire.attribute(37, wire.s32(id))
export const info = (...attributes: number[][]): number[] => wire.attribute(18 | NESTED, attributes.flat())
export const kind = (text: string): number[] => wire.attribute(1, wire.ascii(text))
export const portKind = (text: string): number[] => wire.attribute(4, wire.ascii(text))

/** Of what a bridge tells: forward delay, VLAN filtering, default VLAN. */
export const bridge = (filtering: number): number[] =>
  info(
    kind("bridge"),
    wire.attribute(
      2 | NESTED,
      [wire.attribute(1, wire.u32(1500)), wire.attribute(7, [filtering]), wire.attribute(39, wire.u16(1))].flat(),
    ),
  )

/** Of what a bridge tells of its port: state, priority, hairpin, isolated. */
export const port = (state: number, hairpin = 0, isolated = 0): number[] =>
  info(
    kind("veth"),
    portKind("bridge"),
    wire.attribute(
      5 | NESTED,
      [
        wire.attribute(1, [state]),
        wire.attribute(2, wire.u16(32)),
        wire.attribute(4, [hairpin]),
        wire.attribute(33, [isolated]),
      ].flat(),
    ),
  )

/** Of what a bridge tells of its port: which bridge it is, priority and MAC. */
export const portOf = (bridgeMac: Uint8Array): number[] =>
  wire.attribute(5 | NESTED, wire.attribute(14, [0x80, 0, ...bridgeMac]))

export const newLink = (payload: readonly number[]): wire.Answer => wire.reply(16, payload)
/** What creating a link answers where NLM_F_ECHO works. */
export const created =
  (payload: readonly number[]): wire.Answer =>
  request => [...newLink(payload)(request), wire.outcome(request, 0)]
