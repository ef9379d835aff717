import { AddressError, parseAddress } from "../../../lib/net/address.ts"
import { parsePrefix } from "../../../lib/net/prefix.ts"
import {
  formatRange,
  intersectRanges,
  parseRange,
  rangeContains,
  rangeOfPrefix,
  rangeSize,
  rangesOverlap,
  subtractRange,
} from "../../../lib/net/range.ts"

test.each(["10.1.0.5-10.1.0.9", "10.1.0.5-10.1.0.5", "fd00::5-fd00::1:0:0:0"])("parseRange reads %s", text => {
  expect(formatRange(parseRange(text))).toBe(text)
})

test.each<[string, string, string]>([
  ["a single address", "10.1.0.5", "invalid IP range 10.1.0.5"],
  ["a first address above the last", "10.1.0.9-10.1.0.5", "invalid IP range 10.1.0.9-10.1.0.5"],
  ["two families", "10.1.0.5-fd00::", "invalid IP range 10.1.0.5-fd00::"],
  ["a bad last address", "10.1.0.5-9", "invalid IP address 9"],
  ["a bad first address", "-10.1.0.5", "invalid IP address "],
  ["three addresses", "10.1.0.5-10.1.0.6-10.1.0.7", "invalid IP address 10.1.0.6-10.1.0.7"],
])("parseRange refuses %s", (_, text, want) => {
  expect(() => parseRange(text)).toThrow(new AddressError(want))
})

test("rangeOfPrefix has the network address and the last one, whatever the host bits", () => {
  expect(formatRange(rangeOfPrefix(parsePrefix("10.1.0.5/24")))).toBe("10.1.0.0-10.1.0.255")
})

test.each<[string, string, boolean]>([
  ["10.1.0.5-10.1.0.9", "10.1.0.5", true],
  ["10.1.0.5-10.1.0.9", "10.1.0.9", true],
  ["10.1.0.5-10.1.0.9", "10.1.0.4", false],
  ["10.1.0.5-10.1.0.9", "10.1.0.10", false],
  ["fd00::5-fd00::9", "fd00::7", true],
  ["::-ffff::", "10.1.0.5", false],
])("rangeContains: %s, %s: %s", (range, address, want) => {
  expect(rangeContains(parseRange(range), parseAddress(address))).toBe(want)
})

test.each<[string, string, string | undefined]>([
  ["10.0.0.5-10.0.0.9", "10.0.0.10-10.0.0.12", undefined],
  ["10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.12", "10.0.0.9-10.0.0.9"],
  ["10.0.0.5-10.0.0.9", "10.0.0.1-10.0.0.20", "10.0.0.5-10.0.0.9"],
  ["10.0.0.5-10.0.0.9", "10.0.0.6-10.0.0.7", "10.0.0.6-10.0.0.7"],
  ["10.0.0.5-10.0.0.9", "::-ffff::", undefined],
])("%s and %s have in common: %s", (a, b, want) => {
  for (const [one, other] of [[parseRange(a), parseRange(b)] as const, [parseRange(b), parseRange(a)] as const]) {
    expect(rangesOverlap(one, other)).toBe(want !== undefined)
    const common = intersectRanges(one, other)
    expect(common && formatRange(common)).toBe(want)
  }
})

test.each<[string, string, string[]]>([
  ["10.0.0.5-10.0.0.9", "10.0.0.10-10.0.0.12", ["10.0.0.5-10.0.0.9"]],
  ["10.0.0.5-10.0.0.9", "10.0.0.7-10.0.0.7", ["10.0.0.5-10.0.0.6", "10.0.0.8-10.0.0.9"]],
  ["10.0.0.5-10.0.0.9", "10.0.0.1-10.0.0.5", ["10.0.0.6-10.0.0.9"]],
  ["10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.9", ["10.0.0.5-10.0.0.8"]],
  ["10.0.0.5-10.0.0.9", "10.0.0.0-10.0.0.255", []],
  ["0.0.0.0-255.255.255.255", "0.0.0.0-255.255.255.255", []],
  ["10.0.0.5-10.0.0.9", "::-ffff::", ["10.0.0.5-10.0.0.9"]],
])("%s without %s", (range, hole, want) => {
  expect(subtractRange(parseRange(range), parseRange(hole)).map(formatRange)).toEqual(want)
})

test.each<[string, number]>([
  ["10.0.0.5-10.0.0.5", 1],
  ["10.0.0.5-10.0.0.9", 5],
  ["0.0.0.0-255.255.255.255", 2 ** 32],
  ["fd00::-fd00::ffff:ffff:ffff:ffff", 2 ** 64],
  ["fd00::ffff:ffff-fd00::1:0:0", 2],
  ["fd00:0:0:0:ffff:ffff:ffff:ffff-fd00:0:0:1::", 2],
  ["0:0:0:ffff:ffff:ffff:ffff:fffe-0:0:1::1", 4],
])("rangeSize of %s is %d", (text, want) => {
  expect(rangeSize(parseRange(text))).toBe(want)
})
