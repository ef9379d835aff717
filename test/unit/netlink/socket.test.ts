import "../../kit/fake-native.ts"
import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { AttributeTable, attribute } from "../../../lib/netlink/attributes.ts"
import { isRefusal, NetlinkError } from "../../../lib/netlink/errors.ts"
import { nest, text, u32 } from "../../../lib/netlink/kinds.ts"
import { messageType } from "../../../lib/netlink/message.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { Struct } from "../../../lib/netlink/struct.ts"
import { startTrace } from "../../../lib/sys/trace.ts"
import { fake } from "../../kit/fake-native.ts"
import * as wire from "./peer.ts"

const inner = new AttributeTable("inner", () => ({ size: attribute("SIZE", 1, u32) }))
const table = new AttributeTable("thing", () => ({
  name: attribute("NAME", 1, text(15)),
  more: attribute("MORE", 2, nest(inner)),
}))
const type = messageType(
  "RTM_NEWTHING",
  40,
  new Struct("header", 4, () => ({ index: attribute("index", 0, u32) })),
  table,
)
const request = { type, header: { index: 1 }, attributes: { name: "x" } }
const SUBJECT = "x dev eth0"

const thing = (index: number): number[] => [...wire.u32(index), ...wire.attribute(1, wire.ascii(`t${index}`))]
const decoded = (index: number) => ({ header: { index }, attributes: { name: `t${index}` } })
const event = wire.datagram(wire.message(40, 0, 0, thing(99)))

const ECHO = 8
const DUMP = 0x300
const MULTI = 2
const DUMP_INTR = 0x10

function talk(...answers: wire.Answer[]): { peer: wire.Peer; socket: NetlinkSocket } {
  const peer = new wire.Peer(...answers)
  return { peer, socket: new NetlinkSocket(peer) }
}

afterEach(() => startTrace("", ""))

describe("request", () => {
  test("returns when the kernel has acknowledged", () => {
    const { peer, socket } = talk(wire.acknowledge)
    expect(socket.request({ ...request, flags: 0x600 }, SUBJECT)).toBeUndefined()
    expect(peer.requests).toMatchObject([{ type: 40, flags: 0x605, sequence: 1 }])
  })

  test("returns the notification that was asked for", () => {
    const { socket } = talk(answer => [...wire.reply(40, thing(3))(answer), wire.outcome(answer, 0)])
    expect(socket.request({ ...request, flags: ECHO }, SUBJECT)).toEqual(decoded(3))
  })

  test("throws what the kernel said", () => {
    const { socket } = talk(wire.refuse(17))
    expect(() => socket.request(request, SUBJECT)).toThrow(
      new NetlinkError("RTM_NEWTHING x dev eth0", "EEXIST", "file exists"),
    )
  })

  test("throws the kernel's own words instead of the errno's", () => {
    const { socket } = talk(wire.refuse(17, "address already assigned"))
    expect(() => socket.request(request, SUBJECT)).toThrow("RTM_NEWTHING x dev eth0: EEXIST (address already assigned)")
  })

  test("keeps the errno's words for what is absent", () => {
    const { socket } = talk(wire.refuse(2, "FIB table does not exist"))
    expect(() => socket.request(request, SUBJECT)).toThrow(
      "ENOENT (not found: no such file or directory: FIB table does not exist)",
    )
  })

  test("names the attribute that the kernel points at", () => {
    const { socket } = talk(answer => [
      wire.outcome(answer, 22, [...wire.attribute(1, wire.ascii("too small")), ...wire.attribute(2, wire.u32(32))]),
    ])
    const message = { ...request, attributes: { name: "x", more: { size: 1 } } }
    // header 0–15, struct 16–19, NAME 20–27, MORE 28–31 { SIZE 32–39 }
    expect(() => socket.request(message, SUBJECT)).toThrow("EINVAL (too small at MORE.SIZE)")
  })

  test("understands a refusal that repeats the whole request, as of kernels without NETLINK_CAP_ACK", () => {
    const ACK_TLVS = 0x200
    const { socket } = talk(({ bytes, sequence }) => [
      wire.datagram(
        wire.message(2, ACK_TLVS, sequence, [...wire.s32(-17), ...bytes, ...wire.attribute(1, wire.ascii("why"))]),
      ),
    ])
    expect(() => socket.request(request, SUBJECT)).toThrow("EEXIST (why)")
  })

  test("skips events and what is left of an earlier answer", () => {
    const { socket } = talk(answer => [
      event,
      wire.datagram(wire.message(40, 0, answer.sequence - 1, thing(8))),
      wire.outcome({ ...answer, sequence: 77 }, 17),
      wire.outcome(answer, 0),
    ])
    expect(socket.request(request, SUBJECT)).toBeUndefined()
  })

  test("numbers the requests and uses one buffer for all of them", () => {
    const { peer, socket } = talk(wire.acknowledge, wire.acknowledge)
    socket.request({ ...request, attributes: { name: "a-long-name" } }, SUBJECT)
    socket.request({ ...request, attributes: { name: "b" } }, SUBJECT)
    expect(peer.requests.map(({ sequence, bytes }) => [sequence, bytes.length])).toEqual([
      [1, 36],
      [2, 28],
    ])
    expect([...peer.requests[1]!.bytes.subarray(20)]).toEqual(wire.attribute(1, [98, 0]))
  })

  test.each<[string, wire.Answer, string]>([
    [
      "NLMSG_OVERRUN",
      ({ sequence }) => [wire.datagram(wire.message(4, 0, sequence, []))],
      "a message of type 4 was not expected",
    ],
    [
      "an error without an errno",
      ({ sequence }) => [wire.datagram(wire.message(2, 0, sequence, [1, 2]))],
      "wants 4 bytes, has 2",
    ],
    [
      "an extended ACK that is cut short",
      answer => [wire.outcome(answer, 17, [60, 0, 1, 0])],
      "an attribute claims 60 of 4 bytes",
    ],
    ["nothing at all", () => [new Uint8Array(0)], "a message claims 0 of 0 bytes"],
  ])("refuses %s", (_, answer, problem) => {
    const { socket } = talk(answer)
    const run = () => socket.request(request, SUBJECT)
    expect(run).toThrow(new RegExp(problem))
  })

  test("does not hide that the kernel dropped messages", () => {
    const { socket } = talk(() => [wire.overrun()])
    expect(() => socket.request(request, SUBJECT)).toThrow("no buffer space available (ENOBUFS)")
  })

  test("refuses an acknowledgement that is cut short at any byte", () => {
    const whole = wire.outcome(
      { bytes: new Uint8Array(16), type: 40, flags: 0, sequence: 1 },
      17,
      wire.attribute(1, wire.ascii("why")),
    )
    for (let length = 0; length < whole.length; length++) {
      const { socket } = talk(() => [whole.subarray(0, length)])
      expect(() => socket.request(request, SUBJECT)).toThrow(CodecError)
    }
  })
})

describe("get and find", () => {
  test("return the one reply and wait for nothing else", () => {
    const { peer, socket } = talk(wire.reply(41, thing(4)), wire.reply(41, thing(5)))
    expect(socket.get(request, SUBJECT)).toEqual(decoded(4))
    expect(socket.find(request, SUBJECT, 2)).toEqual(decoded(5))
    expect(peer.requests.map(({ flags }) => flags)).toEqual([1, 1])
  })

  test("find tells what is absent, and get throws it", () => {
    const { socket } = talk(wire.refuse(2), wire.refuse(2))
    expect(socket.find(request, SUBJECT, 2)).toBeUndefined()
    expect(() => socket.get(request, SUBJECT)).toThrow(
      "RTM_NEWTHING x dev eth0: ENOENT (not found: no such file or directory)",
    )
  })

  test("find throws every other refusal", () => {
    const { socket } = talk(wire.refuse(1))
    expect(() => socket.find(request, SUBJECT, 2)).toThrow("EPERM")
  })

  test("get refuses an acknowledgement in place of the reply", () => {
    const { socket } = talk(wire.acknowledge)
    expect(() => socket.get(request, SUBJECT)).toThrow(CodecError)
  })
})

describe("dump", () => {
  const all = () => true
  const parts =
    (...datagrams: ((request: wire.Request) => number[][])[]): wire.Answer =>
    answer =>
      datagrams.map(part => wire.datagram(...part(answer)))
  const part =
    (index: number, flags = 0) =>
    ({ sequence }: wire.Request) =>
      wire.message(40, MULTI | flags, sequence, thing(index))

  test("gives the messages of all datagrams", () => {
    const { peer, socket } = talk(
      parts(
        r => [part(1)(r), part(2)(r)],
        r => [part(3)(r)],
        r => [wire.done(r)],
      ),
    )
    expect(socket.dump(request, SUBJECT, all)).toEqual([decoded(1), decoded(2), decoded(3)])
    expect(peer.requests[0]?.flags).toBe(DUMP | 1)
  })

  test("gives nothing where there is nothing", () => {
    const { socket } = talk(parts(r => [wire.done(r)]))
    expect(socket.dump(request, SUBJECT, all)).toEqual([])
  })

  test("leaves out what is not wanted by its header", () => {
    const { socket } = talk(wire.dumped(40, thing(1), thing(2), thing(3)))
    expect(socket.dump(request, SUBJECT, ({ index }) => index === 2)).toEqual([decoded(2)])
  })

  test("skips events between the parts", () => {
    const { socket } = talk(r => [wire.datagram(part(1)(r)), event, wire.datagram(wire.done(r))])
    expect(socket.dump(request, SUBJECT, all)).toEqual([decoded(1)])
  })

  test.each<[string, wire.Answer]>([
    ["a message", parts(r => [part(1)(r), part(2, DUMP_INTR)(r), wire.done(r)])],
    ["the end", parts(r => [part(1)(r), wire.done(r, 0, DUMP_INTR)])],
  ])("begins again if %s says that it is inconsistent", (_, interrupted) => {
    const { peer, socket } = talk(interrupted, wire.dumped(40, thing(7)))
    expect(socket.dump(request, SUBJECT, all)).toEqual([decoded(7)])
    expect(peer.requests.map(({ sequence }) => sequence)).toEqual([1, 2])
  })

  test("gives up with EAGAIN if it never becomes consistent", () => {
    const interrupted = parts(r => [part(1, DUMP_INTR)(r), wire.done(r)])
    const { peer, socket } = talk(...new Array<wire.Answer>(5).fill(interrupted))
    expect(() => socket.dump(request, SUBJECT, all)).toThrow(
      "RTM_NEWTHING x dev eth0: EAGAIN (it changed during each of several dumps)",
    )
    expect(peer.unused).toBe(0)
  })

  test.each<[string, wire.Answer]>([
    ["at once", wire.refuse(22, "bad filter")],
    [
      "at its end",
      r => [
        wire.datagram(
          part(1)(r),
          wire.message(3, MULTI | 0x200, r.sequence, [
            ...wire.s32(-22),
            ...wire.attribute(1, wire.ascii("bad filter")),
          ]),
        ),
      ],
    ],
  ])("is all or an error: refused %s", (_, answer) => {
    const { socket } = talk(answer)
    expect(() => socket.dump(request, SUBJECT, all)).toThrow("RTM_NEWTHING x dev eth0: EINVAL (bad filter)")
  })

  test("does not hide that the kernel dropped messages", () => {
    const { socket } = talk(r => [wire.datagram(part(1)(r)), wire.overrun()])
    expect(() => socket.dump(request, SUBJECT, all)).toThrow("ENOBUFS")
  })

  test("that fails half-way does not disturb the next request", () => {
    const { socket } = talk(
      r => [wire.datagram(wire.message(40, MULTI, r.sequence, [1])), wire.datagram(part(2)(r), wire.done(r))],
      wire.acknowledge,
    )
    expect(() => socket.dump(request, SUBJECT, all)).toThrow(CodecError)
    expect(socket.request(request, SUBJECT)).toBeUndefined()
  })
})

describe("events", () => {
  test("leaving a group drops what waits, and the notice that some were lost", () => {
    const { peer, socket } = talk(wire.acknowledge)
    socket.join(5)
    peer.queue.push(event, wire.overrun(), event)
    expect(socket.waitEvent(10)).toBe(true)
    socket.leave(5)
    expect([peer.memberships, peer.queue]).toEqual([["join 5", "leave 5"], []])
    expect(socket.request(request, SUBJECT)).toBeUndefined()
  })

  test("waitEvent tells that none came", () => {
    const { socket } = talk()
    expect(socket.waitEvent(10)).toBe(false)
  })

  test("leaving throws what is no loss of events", () => {
    const { peer, socket } = talk()
    peer.queue.push(new TypeError("broken"))
    expect(() => socket.leave(5)).toThrow("broken")
  })
})

test("close closes", () => {
  const { peer, socket } = talk()
  socket.close()
  expect(peer.isClosed).toBe(true)
})

describe("the trace", () => {
  const lines = () => fake.stderr.trimEnd().split("\n")

  test("has a line for each request and each reply", () => {
    startTrace("stderr", "bridge")
    const { socket } = talk(wire.acknowledge, wire.refuse(17), wire.dumped(40, thing(1), thing(2)))
    const message = { ...request, flags: 0x400, attributes: { name: "x", more: { size: 9 } } }
    socket.request(message, SUBJECT)
    expect(() => socket.request(request, SUBJECT)).toThrow(NetlinkError)
    socket.dump(request, SUBJECT, ({ index }) => index === 2)
    expect(lines()).toEqual([
      'bridge 0.000 > RTM_NEWTHING x dev eth0 0x400 {"index":1} {"name":"x","more":{"size":9}}',
      "bridge 0.000 < RTM_NEWTHING x dev eth0 ok",
      'bridge 0.000 > RTM_NEWTHING x dev eth0 0x0 {"index":1} {"name":"x"}',
      "bridge 0.000 < RTM_NEWTHING x dev eth0 EEXIST (file exists)",
      'bridge 0.000 > RTM_NEWTHING x dev eth0 0x0 {"index":1} {"name":"x"}',
      "bridge 0.000 < RTM_NEWTHING x dev eth0 (another one)",
      'bridge 0.000 < RTM_NEWTHING x dev eth0 {"index":2} {"name":"t2"}',
      "bridge 0.000 < RTM_NEWTHING x dev eth0 ok",
    ])
  })

  test("is silent when nobody asked", () => {
    talk(wire.acknowledge).socket.request(request, SUBJECT)
    expect(fake.stderr).toBe("")
  })
})

test.each<[string, unknown, boolean]>([
  ["a refusal with one of the errnos", new NetlinkError("r", "EEXIST", "h"), true],
  ["a refusal with another", new NetlinkError("r", "EPERM", "h"), false],
  ["an error of another class", Object.assign(new Error("x"), { code: "EEXIST" }), false],
])("isRefusal: %s", (_, error, want) => {
  expect(isRefusal(error, "ENOENT", "EEXIST")).toBe(want)
})
