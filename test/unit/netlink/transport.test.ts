import "../../kit/fake-native.ts"
import { openTransport } from "../../../lib/netlink/transport.ts"
import { fake } from "../../kit/fake-native.ts"

const SOL_NETLINK = 270

test("opens a raw netlink socket that hears only the kernel, with extended ACKs and strict checking", () => {
  fake.script("socket", 5)
  openTransport(0)
  expect(fake.calls).toEqual([
    ["socket", 16, 3, 0],
    ["connect", 5, Uint8Array.of(16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["setsockopt", 5, SOL_NETLINK, 11, 1],
    ["setsockopt", 5, SOL_NETLINK, 10, 1],
    ["setsockopt", 5, SOL_NETLINK, 12, 1],
  ])
})

test("goes on where a kernel knows none of the options", () => {
  fake.script("socket", 5)
  fake.script("setsockopt", -92, -92, -92)
  expect(openTransport(0)).toBeDefined()
})

test("throws what the kernel says", () => {
  fake.script("socket", -24)
  expect(() => openTransport(0)).toThrow("socket family 16 protocol 0: too many open files (EMFILE)")
})

test("joins and leaves groups", () => {
  fake.script("socket", 5)
  const transport = openTransport(0)
  transport.join(9)
  transport.leave(9)
  expect(fake.given("setsockopt").slice(3)).toEqual([
    [5, SOL_NETLINK, 1, 9],
    [5, SOL_NETLINK, 2, 9],
  ])
})

test("sends, receives, waits and closes by the socket's descriptor", () => {
  fake.script("socket", 5)
  const transport = openTransport(0)
  fake.script("recv", 3, 3)
  fake.script("poll", 1)
  transport.send(Uint8Array.of(1, 2))
  expect(transport.receive()).toHaveLength(3)
  expect(transport.waitReadable(7)).toBe(true)
  transport.close()
  const calls = fake.calls.filter(([name]) => name !== "socket" && name !== "setsockopt")
  expect(new Set(calls.map(([, fd]) => fd))).toEqual(new Set([5]))
  expect(fake.given("send")).toEqual([[5, Uint8Array.of(1, 2), 0]])
  expect(fake.given("poll")).toEqual([[5, 1, 7]])
  expect(fake.given("close")).toEqual([[5]])
})
