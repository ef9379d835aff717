import "../../kit/fake-native.ts"
import {
  connectSocket,
  openSocket,
  receiveDatagram,
  sendDatagram,
  setSocketOption,
  waitReadable,
} from "../../../lib/sys/sockets.ts"
import { fake } from "../../kit/fake-native.ts"

const MSG_PEEK = 2
const MSG_TRUNC = 0x20

test("openSocket gives a descriptor", () => {
  fake.script("socket", 5)
  expect(openSocket(16, 3, 0)).toBe(5)
  expect(fake.given("socket")).toEqual([[16, 3, 0]])
})

test("openSocket tells what could not be opened", () => {
  fake.script("socket", -24)
  expect(() => openSocket(16, 3, 12)).toThrow("socket family 16 protocol 12: too many open files (EMFILE)")
})

test("connectSocket names its peer by bytes", () => {
  connectSocket(5, Uint8Array.of(16, 0))
  expect(fake.given("connect")).toEqual([[5, Uint8Array.of(16, 0)]])
})

test("connectSocket throws", () => {
  fake.script("connect", -22)
  expect(() => connectSocket(5, new Uint8Array(12))).toThrow("connect netlink: invalid argument (EINVAL)")
})

test.each<[string, number, boolean]>([
  ["true where it is set", 0, true],
  ["false where this kernel does not know it", -92, false],
])("setSocketOption tells %s", (_, result, want) => {
  fake.script("setsockopt", result)
  expect(setSocketOption(5, 270, 12, 1)).toBe(want)
})

test("setSocketOption throws other refusals", () => {
  fake.script("setsockopt", -22)
  expect(() => setSocketOption(5, 270, 12, 1)).toThrow("setsockopt level 270 option 12: invalid argument (EINVAL)")
})

test("sendDatagram sends once, despite a signal", () => {
  fake.script("send", -4)
  sendDatagram(5, Uint8Array.of(1, 2))
  expect(fake.given("send")).toEqual([
    [5, Uint8Array.of(1, 2), 0],
    [5, Uint8Array.of(1, 2), 0],
  ])
})

test("sendDatagram throws", () => {
  fake.script("send", -105)
  expect(() => sendDatagram(5, new Uint8Array(1))).toThrow("send netlink: no buffer space available (ENOBUFS)")
})

describe("receiveDatagram", () => {
  /** Gives a datagram: its length when it is peeked at, then its bytes. */
  const arrive = (...bytes: number[]) =>
    fake.script(
      "recv",
      () => bytes.length,
      (_: number, into: Uint8Array) => {
        into.set(bytes)
        return bytes.length
      },
    )

  test("gives a view of the buffer that the datagram fits into", () => {
    const buffer = new Uint8Array(8)
    arrive(1, 2, 3)
    const received = receiveDatagram(5, buffer)
    expect([...received]).toEqual([1, 2, 3])
    expect(received.buffer).toBe(buffer.buffer)
    expect(fake.given("recv").map(([, , flags]) => flags)).toEqual([MSG_PEEK | MSG_TRUNC, 0])
  })

  test.each([4, 5, 100])("gives a datagram of %d bytes whole", length => {
    const bytes = Array.from({ length }, (_, i) => i)
    arrive(...bytes)
    expect([...receiveDatagram(5, new Uint8Array(4))]).toEqual(bytes)
  })

  test("goes on after signals", () => {
    fake.script("recv", -4, 1, -4, 1)
    expect(receiveDatagram(5, new Uint8Array(4))).toHaveLength(1)
  })

  test.each<[string, unknown[]]>([
    ["when it looks", [-105]],
    ["when it reads", [4, -105]],
  ])("throws that the kernel dropped messages: %s", (_, results) => {
    fake.script("recv", ...results)
    expect(() => receiveDatagram(5, new Uint8Array(4))).toThrow("recv netlink: no buffer space available (ENOBUFS)")
  })
})

describe("waitReadable", () => {
  test.each<[string, number, boolean]>([
    ["something to read", 1, true],
    ["an error to read", 8, true],
    ["nothing in time", 0, false],
  ])("tells of %s", (_, result, want) => {
    fake.script("poll", result)
    expect(waitReadable(5, 10)).toBe(want)
  })

  test.each<[number, number]>([
    [10, 10],
    [0.2, 1],
    [0, 0],
    [-5, 0],
  ])("waits %d ms as %d, neither for ever nor a round too many", (timeoutMs, want) => {
    fake.script("poll", 0)
    waitReadable(5, timeoutMs)
    expect(fake.given("poll")).toEqual([[5, 1, want]])
  })

  test("waits on after a signal, since to read what is not there blocks", () => {
    fake.script("poll", () => {
      fake.clock += 6
      return -4
    })
    fake.script("poll", 0)
    expect(waitReadable(5, 10)).toBe(false)
    expect(fake.given("poll").map(([, , timeoutMs]) => timeoutMs)).toEqual([10, 4])
  })

  test("throws", () => {
    fake.script("poll", -22)
    expect(() => waitReadable(5, 10)).toThrow("poll: invalid argument (EINVAL)")
  })
})
