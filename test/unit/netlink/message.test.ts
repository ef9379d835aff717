import "../../kit/fake-native.ts"
import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { ByteWriter } from "../../../lib/bytes/writer.ts"
import { AttributeTable, attribute } from "../../../lib/netlink/attributes.ts"
import { text, u32 } from "../../../lib/netlink/kinds.ts"
import { decodeReply, encodeMessage, MessageReader, messageType } from "../../../lib/netlink/message.ts"
import { Struct } from "../../../lib/netlink/struct.ts"
import * as wire from "./peer.ts"

const header = new Struct("header", 4, () => ({ index: attribute("index", 0, u32) }))
const table = new AttributeTable("thing", () => ({
  name: attribute("NAME", 1, text(15)),
  size: attribute("SIZE", 2, u32),
}))
const type = messageType("RTM_THING", 0x1234, header, table)

function encode(values: { name?: string; size?: number }, flags: number, sequence: number): number[] {
  const writer = new ByteWriter()
  writer.u32(0xffffffff) // what is left of an earlier message
  encodeMessage(writer, { type, header: { index: 7 }, attributes: values }, flags, sequence)
  return [...writer.written()]
}

const read = (bytes: Uint8Array) => {
  const messages = new MessageReader()
  messages.open(bytes)
  const found = []
  while (messages.next()) {
    const { type: id, flags, sequence } = messages
    found.push({ id, flags, sequence, reply: decodeReply(messages, type, () => true) })
  }
  return found
}

test("a message is header, struct and attributes, its length in front", () => {
  const payload = [...wire.u32(7), ...wire.attribute(1, wire.ascii("ab")), ...wire.attribute(2, wire.u32(9))]
  expect(encode({ name: "ab", size: 9 }, 0x605, 3)).toEqual(wire.message(0x1234, 0x605, 3, payload))
})

test("what cannot be written is named by the table", () => {
  expect(() => encode({ size: -1 }, 0, 0)).toThrow(new CodecError("thing.size", "-1 does not fit u32"))
})

test("a datagram holds one message or several, each padded", () => {
  const first = wire.message(0x1234, 2, 5, [...wire.u32(1), ...wire.attribute(1, [97, 0])])
  const second = wire.message(0x1235, 0x12, 0xfffffff0, [...wire.u32(2), 5, 0, 99, 0, 1])
  expect(read(wire.datagram(first, second))).toEqual([
    { id: 0x1234, flags: 2, sequence: 5, reply: { header: { index: 1 }, attributes: { name: "a" } } },
    { id: 0x1235, flags: 0x12, sequence: 0xfffffff0, reply: { header: { index: 2 }, attributes: {} } },
  ])
})

test("the last message may be without padding", () => {
  const message = wire.message(0x1234, 0, 1, [...wire.u32(1), 6, 0, 1, 0, 97, 0])
  expect(read(Uint8Array.from(message.slice(0, -2)))).toHaveLength(1)
})

test("attributes of a reply that is not wanted are not read", () => {
  const messages = new MessageReader()
  const broken = [...wire.u32(1), ...wire.u16(99), 0, 0]
  messages.open(wire.datagram(wire.message(0x1234, 0, 1, broken)))
  messages.next()
  expect(decodeReply(messages, type, ({ index }) => index === 2)).toBeUndefined()
})

test("one reader goes from datagram to datagram", () => {
  const messages = new MessageReader()
  for (const sequence of [1, 2]) {
    messages.open(wire.datagram(wire.message(0x1234, 0, sequence, wire.u32(sequence))))
    expect(messages.next()).toBe(true)
    expect(decodeReply(messages, type, () => true)?.header.index).toBe(sequence)
    expect(messages.next()).toBe(false)
  }
})

test.each<[string, number[], string]>([
  ["nothing", [], "netlink: a message claims 0 of 0 bytes"],
  ["less than a header", new Array(15).fill(9), "netlink: a message claims 0 of 15 bytes"],
  [
    "a length below the header's",
    [...wire.u32(15), ...new Array(12).fill(0)],
    "netlink: a message claims 15 of 16 bytes",
  ],
  [
    "a length beyond the datagram",
    [...wire.u32(17), ...new Array(12).fill(0)],
    "netlink: a message claims 17 of 16 bytes",
  ],
  [
    "a length beyond every datagram",
    [...wire.u32(0xffffffff), ...new Array(12).fill(0)],
    "netlink: a message claims 4294967295 of 16 bytes",
  ],
  ["a struct that is cut short", wire.message(0x1234, 0, 1, [1, 2, 3]), "thing: wants 4 bytes, has 3"],
  [
    "a lying attribute",
    wire.message(0x1234, 0, 1, [...wire.u32(1), 9, 0, 1, 0]),
    "thing: an attribute claims 9 of 4 bytes",
  ],
  ["a control message", wire.message(4, 0, 1, []), "netlink: a message of type 4 was not expected"],
  [
    "something behind the last message",
    [...wire.message(0x1234, 0, 1, wire.u32(1)), 1, 2, 3, 4],
    "netlink: a message claims 0 of 4 bytes",
  ],
])("refuses %s", (_, bytes, problem) => {
  expect(() => read(Uint8Array.from(bytes))).toThrow(CodecError)
  expect(() => read(Uint8Array.from(bytes))).toThrow(problem)
})

test("a datagram that is cut short at any byte is refused", () => {
  const whole = wire.datagram(
    wire.message(0x1234, 2, 1, [...wire.u32(1), ...wire.attribute(1, wire.ascii("eth0"))]),
    wire.message(0x1234, 2, 1, [...wire.u32(2), ...wire.attribute(2, wire.u32(1500))]),
  )
  expect(read(whole)).toHaveLength(2)
  const between = 32 // where the first message ends
  for (let length = 0; length < whole.length; length++) {
    if (length === between) continue
    expect(() => read(whole.subarray(0, length))).toThrow(CodecError)
  }
  expect(read(whole.subarray(0, between))).toHaveLength(1)
})
