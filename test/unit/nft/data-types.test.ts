import "../../kit/fake-native.ts"
import { endianness } from "node:os"
import { parseAddress } from "../../../lib/net/address.ts"
import { parsePrefix } from "../../../lib/net/prefix.ts"
import * as types from "../../../lib/nft/data-types.ts"

const host = (value: number): number[] => {
  const bytes = [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]
  return endianness() === "LE" ? bytes : bytes.reverse()
}
const any = (type: unknown) => type as types.DataType<unknown>
const name16 = (name: string) => [...Buffer.from(name.padEnd(16, "\0"))]

test.each<[types.DataType<unknown>, unknown, number[], string]>([
  [any(types.ipv4Addr), parseAddress("10.1.0.5"), [10, 1, 0, 5], "10.1.0.5"],
  [any(types.ipv6Addr), parseAddress("fd00::5"), [0xfd, ...new Array(14).fill(0), 5], "fd00::5"],
  [any(types.etherAddr), Uint8Array.of(2, 0, 0, 0, 0, 1), [2, 0, 0, 0, 0, 1], "02:00:00:00:00:01"],
  [any(types.inetProto), "tcp", [6], "tcp"],
  [any(types.inetProto), "udp", [17], "udp"],
  [any(types.inetProto), "sctp", [132], "sctp"],
  [any(types.inetService), 8080, [0x1f, 0x90], "8080"],
  [any(types.mark), 0x2000, host(0x2000), "8192"],
  [any(types.ifname), "eth0", name16("eth0"), "eth0"],
  [any(types.ifname), "a-name-with-15c", name16("a-name-with-15c"), "a-name-with-15c"],
  [any(types.fibAddrtype), "local", host(2), "local"],
])("%#: $name becomes bytes and comes back", (type, value, bytes, text) => {
  expect([...types.encodeValue(type, value)]).toEqual(bytes)
  expect(type.decode(Uint8Array.from(bytes))).toEqual(value)
  expect(type.format(value)).toBe(text)
})

test.each<[string, types.DataType<unknown>, unknown, string]>([
  ["IPv6 where IPv4 is wanted", any(types.ipv4Addr), parseAddress("fd00::5"), "fd00::5 is no ipv4_addr"],
  ["IPv4 where IPv6 is wanted", any(types.ipv6Addr), parseAddress("10.0.0.1"), "10.0.0.1 is no ipv6_addr"],
  ["a MAC of eight bytes", any(types.etherAddr), new Uint8Array(8), "is no ether_addr"],
  ["a port beyond the last", any(types.inetService), 65536, "65536 is no port"],
  ["a broken port", any(types.inetService), 1.5, "1.5 is no port"],
  ["a mark of 33 bits", any(types.mark), 2 ** 32, "does not fit u32"],
  ["a name of 16 bytes", any(types.ifname), "ä".repeat(8), "is longer than 15 bytes"],
])("refuses %s", (_, type, value, problem) => {
  expect(() => types.encodeValue(type, value)).toThrow(problem)
})

test("refuses a protocol that nobody here knows", () => {
  expect(() => types.inetProto.decode(Uint8Array.of(1))).toThrow("1 is none of tcp, udp, sctp")
})

test.each([
  ["10.1.2.3/32", [10, 1, 2, 3], 32],
  ["10.1.2.3/16", [10, 1, 0, 0], 16],
  ["10.1.31.3/20", [10, 1, 16, 0], 20],
  ["10.1.2.3/0", [0, 0, 0, 0], 0],
])("the pattern %s", (text, bytes, bits) => {
  const pattern = types.encodePattern(types.ipv4Addr, parsePrefix(text))
  expect({ ...pattern, bytes: [...pattern.bytes] }).toEqual({ bytes, bits })
})

test.each([
  [0, [0, 0]],
  [1, [0x80, 0]],
  [8, [0xff, 0]],
  [15, [0xff, 0xfe]],
  [16, [0xff, 0xff]],
])("a mask of %d bits", (bits, want) => {
  expect([...types.maskOf(2, bits)]).toEqual(want)
})
