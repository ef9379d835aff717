import "../../kit/fake-native.ts"
import { ByteReader } from "../../../lib/bytes/reader.ts"
import { ByteWriter } from "../../../lib/bytes/writer.ts"
import { AttributeTable, attribute, type Kind } from "../../../lib/netlink/attributes.ts"
import { isRefusal } from "../../../lib/netlink/errors.ts"
import { nest, s32be, text, u16be, u32, u32be, u64be } from "../../../lib/netlink/kinds.ts"
import { messageType } from "../../../lib/netlink/message.ts"
import { type Batch, type BatchPart, NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { Struct } from "../../../lib/netlink/struct.ts"
import { openTransport } from "../../../lib/netlink/transport.ts"
import { startTrace } from "../../../lib/sys/trace.ts"
import { fake } from "../../kit/fake-native.ts"
import { answer, commit, messagesOf } from "./batch-peer.ts"
import * as wire from "./peer.ts"

const inner = new AttributeTable("inner", () => ({ size: attribute("SIZE", 1, u32) }))
const table = new AttributeTable("thing", () => ({
  name: attribute("NAME", 1, text(15)),
  more: attribute("MORE", 2, nest(inner)),
}))
const header = new Struct("header", 4, () => ({ index: attribute("index", 0, u32) }))
const type = messageType("NEWTHING", 40, header, table)
const boundary = (uapi: string, id: number): BatchPart => ({
  message: { type: messageType(uapi, id, header, table), header: {}, attributes: {} },
  subject: "things",
})
const thing = (name: string): BatchPart => ({
  message: { type, flags: 0x400, header: { index: 1 }, attributes: { name, more: { size: 7 } } },
  subject: name,
})
const batch = (...changes: string[]): Batch => ({
  begin: boundary("BEGIN", 16),
  changes: changes.map(thing),
  end: boundary("END", 17),
})

function talk(...answers: wire.Answer[]): { peer: wire.Peer; socket: NetlinkSocket } {
  const peer = new wire.Peer(...answers)
  return { peer, socket: new NetlinkSocket(peer) }
}

const refusalsOf = (socket: NetlinkSocket, sent: Batch) =>
  socket.batch(sent).map(({ index, error }) => [index, error.message])

afterEach(() => startTrace("", ""))

test("a batch is one datagram; each message has its number, and the last change asks for an acknowledgement", () => {
  const { peer, socket } = talk(wire.acknowledge, commit)
  socket.request({ type, header: {}, attributes: {} }, "before")
  expect(socket.batch(batch("a", "a-longer-name"))).toEqual([])
  const messages = messagesOf(peer.requests[1]!.bytes)
  expect(messages.map(({ type, flags, sequence }) => [type, flags, sequence])).toEqual([
    [16, 0x001, 2],
    [40, 0x401, 3],
    [40, 0x405, 4],
    [17, 0x001, 5],
  ])
  expect([...messages[1]!.bytes.subarray(20, 28)]).toEqual(wire.attribute(1, [97, 0]))
})

test("without an end the last change is still answered", () => {
  const { peer, socket } = talk(commit)
  expect(socket.batch({ ...batch("a"), end: undefined })).toEqual([])
  expect(messagesOf(peer.requests[0]!.bytes).map(({ type, flags }) => [type, flags])).toEqual([
    [16, 0x001],
    [40, 0x405],
  ])
})

test("every refusal is told, with the change that it is about", () => {
  const { socket } = talk(answer([1, 17], [3, 1]))
  expect(refusalsOf(socket, batch("a", "b", "c", "d"))).toEqual([
    [0, "NEWTHING a: EEXIST (file exists)"],
    [2, "NEWTHING c: EPERM (operation not permitted)"],
  ])
})

test("the last change may be the one refused", () => {
  const { socket } = talk(answer([2, 22]))
  expect(refusalsOf(socket, batch("a", "b"))).toEqual([[1, "NEWTHING b: EINVAL (invalid argument)"]])
})

test.each([
  ["is refused by name, its attribute", 2, 20, "NEWTHING b: EINVAL (why at NAME)"],
  ["is refused for what is inside an attribute", 2, 32, "NEWTHING b: EINVAL (why at MORE.SIZE)"],
])("a change that %s, counted from its own first byte", (_, place, offset, message) => {
  const tlvs = [...wire.attribute(1, wire.ascii("why")), ...wire.attribute(2, wire.u32(offset))]
  const { socket } = talk(answer([place, 22, tlvs]))
  expect(refusalsOf(socket, batch("a-longer-name", "b", "c"))).toEqual([[1, message]])
})

test("a refusal of the whole batch ends it, whether or not more is answered", () => {
  const { socket } = talk(({ bytes }) => [wire.outcome(messagesOf(bytes)[0]!, 85)], answer([0, 12]), commit)
  const outcomes = [1, 2, 3].map(() => socket.batch(batch("a")).map(({ index, error }) => [index, error.request]))
  expect(outcomes).toEqual([[[-1, "BEGIN things"]], [[-1, "BEGIN things"]], []])
})

test("what is left of an earlier answer is skipped", () => {
  const { socket } = talk(({ bytes }) => [
    wire.outcome({ bytes, type: 0, flags: 0, sequence: 77 }, 1),
    wire.datagram(wire.message(40, 0, 2, wire.u32(1))),
    ...commit({ bytes, type: 0, flags: 0, sequence: 0 }),
  ])
  expect(socket.batch(batch("a"))).toEqual([])
})

test("more refusals than the socket can hold: those are told that it could", () => {
  const { socket } = talk(({ bytes }) => [wire.overrun(), wire.outcome(messagesOf(bytes)[1]!, 17)])
  expect(refusalsOf(socket, batch("a", "b"))).toEqual([[0, "NEWTHING a: EEXIST (file exists)"]])
})

test("a loss without any refusal is not taken for success, nor is another error hidden", () => {
  const { socket } = talk(
    () => [wire.overrun()],
    () => [new TypeError("broken")],
  )
  expect(() => socket.batch(batch("a"))).toThrow("ENOBUFS")
  expect(() => socket.batch(batch("a"))).toThrow("broken")
})

test("the trace has a line for each change and each answer", () => {
  startTrace("stderr", "x")
  talk(answer([1, 17])).socket.batch(batch("a", "b"))
  expect(fake.stderr.split("\n").map(line => line.split(" ").slice(2, 5).join(" "))).toEqual([
    ...["> BEGIN things", "> NEWTHING a", "> NEWTHING b", "> END things", "< NEWTHING a", "< NEWTHING b", ""],
  ])
})

describe("a datagram larger than the socket's buffer", () => {
  const EMSGSIZE = -90
  const bytes = new Uint8Array(500_000)
  const options = () => fake.given("setsockopt").slice(-2)

  beforeEach(() => {
    fake.script("socket", 5)
    fake.script("send", EMSGSIZE)
    fake.script("errorName", "EMSGSIZE")
  })

  test("is sent after the buffer has been enlarged", () => {
    openTransport(12).send(bytes)
    expect(fake.given("send")).toHaveLength(2)
    expect(options()[1]).toEqual([5, 1, 32, 500_000])
  })

  test("is sent within the administrator's limit where that holds", () => {
    const transport = openTransport(12)
    fake.script("setsockopt", -1)
    transport.send(bytes)
    expect(options()).toEqual([
      [5, 1, 32, 500_000],
      [5, 1, 7, 500_000],
    ])
  })

  test("is refused if even that is too small", () => {
    fake.script("send", EMSGSIZE)
    fake.script("errorName", "EMSGSIZE")
    expect(() => openTransport(12).send(bytes)).toThrow("EMSGSIZE")
  })
})

test("other errors of sending are not taken for a lack of room", () => {
  fake.script("socket", 5)
  fake.script("send", -105)
  expect(() => openTransport(12).send(new Uint8Array(1))).toThrow("ENOBUFS")
  expect(fake.given("send")).toHaveLength(1)
})

test.each<[string, Kind<number>, number, number[]]>([
  ["sixteen bits", u16be, 0x1f90, [0x1f, 0x90]],
  ["thirty-two bits", u32be, 0xffffff00, [255, 255, 255, 0]],
  ["a negative number", s32be, -300, [255, 255, 254, 212]],
  ["a positive number", s32be, 300, [0, 0, 1, 44]],
  ["sixty-four bits", u64be, 2 ** 40 + 5, [0, 0, 1, 0, 0, 0, 0, 5]],
])("network order: %s", (_, kind, value, bytes) => {
  const writer = new ByteWriter()
  kind.encode(writer, value, {})
  expect([...writer.written()]).toEqual(bytes)
  expect(kind.decode(new ByteReader(writer.written()), {})).toBe(value)
})

test.each<[string, Kind<number>, number]>([
  ["sixteen bits", u16be, 65536],
  ["thirty-two bits", u32be, -1],
  ["signed thirty-two bits", s32be, 2 ** 31],
  ["sixty-four bits", u64be, -1],
  ["sixty-four bits, not whole", u64be, 0.5],
])("network order: %s refuse what does not fit", (_, kind, value) => {
  expect(() => kind.encode(new ByteWriter(), value, {})).toThrow("does not fit")
})

test("isRefusal knows a batch's errors", () => {
  const [refusal] = talk(answer([1, 17])).socket.batch(batch("a"))
  expect(isRefusal(refusal?.error, "EEXIST")).toBe(true)
})
