import { AddressError, formatAddress, parseAddress } from "../../../lib/net/address.ts"
import {
  formatPrefix,
  hasHostBits,
  lastAddress,
  networkAddress,
  parsePrefix,
  prefixContains,
} from "../../../lib/net/prefix.ts"

test.each<[string, string, string, string, string]>([
  ["host bits", "10.1.0.5/24", "10.1.0.5/24", "10.1.0.0", "10.1.0.255"],
  ["a network", "10.1.0.0/16", "10.1.0.0/16", "10.1.0.0", "10.1.255.255"],
  ["length 0", "10.1.0.5/0", "10.1.0.5/0", "0.0.0.0", "255.255.255.255"],
  ["length 1", "200.1.0.5/1", "200.1.0.5/1", "128.0.0.0", "255.255.255.255"],
  ["a pair", "10.1.0.5/31", "10.1.0.5/31", "10.1.0.4", "10.1.0.5"],
  ["one address", "10.1.0.5/32", "10.1.0.5/32", "10.1.0.5", "10.1.0.5"],
  ["zeros before the length", "10.1.0.5/0024", "10.1.0.5/24", "10.1.0.0", "10.1.0.255"],
  ["IPv6", "fd00::5/64", "fd00::5/64", "fd00::", "fd00::ffff:ffff:ffff:ffff"],
  [
    "IPv6 between words",
    "fd00:ab:cd:ef::/60",
    "fd00:ab:cd:ef::/60",
    "fd00:ab:cd:e0::",
    "fd00:ab:cd:ef:ffff:ffff:ffff:ffff",
  ],
  ["IPv6 length 0", "fd00::/0", "fd00::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["IPv6 length 32", "2001:db8::1/32", "2001:db8::1/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["IPv6 length 128", "fd00::5/128", "fd00::5/128", "fd00::5", "fd00::5"],
  ["IPv4-mapped", "::ffff:10.0.0.1/120", "10.0.0.1/24", "10.0.0.0", "10.0.0.255"],
])("a prefix with %s", (_, text, formatted, network, last) => {
  const prefix = parsePrefix(text)
  expect(formatPrefix(prefix)).toBe(formatted)
  expect(formatAddress(networkAddress(prefix))).toBe(network)
  expect(formatAddress(lastAddress(prefix))).toBe(last)
})

test.each<[string, string]>([
  ["nothing", ""],
  ["no length", "10.1.0.5"],
  ["an empty length", "10.1.0.5/"],
  ["no address", "/24"],
  ["too great a length", "10.1.0.5/33"],
  ["too great an IPv6 length", "fd00::/129"],
  ["a length beyond all numbers", `10.1.0.5/${"9".repeat(400)}`],
  ["a negative length", "10.1.0.5/-1"],
  ["a signed length", "10.1.0.5/+8"],
  ["a length with a fraction", "10.1.0.5/8.5"],
  ["a hex length", "10.1.0.5/0x8"],
  ["a space", "10.1.0.5/ 8"],
  ["a newline", "10.1.0.5/8\n"],
  ["a mask in dots", "10.1.0.5/255.255.255.0"],
  ["two lengths", "10.1.0.5/8/9"],
  ["a bad address", "10.1.0/24"],
  ["a leading zero in the address", "10.1.0.05/24"],
  ["a zone", "fe80::1%eth0/64"],
  ["IPv4-mapped with less than 96 bits", "::ffff:10.0.0.1/95"],
])("parsePrefix refuses %s", (_, text) => {
  expect(() => parsePrefix(text)).toThrow(new AddressError(`invalid CIDR address: ${text}`))
})

test.each<[string, boolean]>([
  ["10.1.0.0/24", false],
  ["10.1.0.1/24", true],
  ["10.1.0.128/25", false],
  ["10.1.0.128/24", true],
  ["0.0.0.0/0", false],
  ["128.0.0.0/0", true],
  ["10.1.0.5/32", false],
  ["fd00::/64", false],
  ["fd00::1/64", true],
  ["fd00::1:0:0/64", true],
  ["fd00:0:0:1::/63", true],
  ["fd00::/8", false],
  ["fd00::/7", true],
  ["::/0", false],
])("hasHostBits of %s is %s", (text, want) => {
  expect(hasHostBits(parsePrefix(text))).toBe(want)
})

test.each<[string, string, boolean]>([
  ["10.1.0.5/24", "10.1.0.255", true],
  ["10.1.0.5/24", "10.1.1.0", false],
  ["0.0.0.0/0", "255.255.255.255", true],
  ["10.1.0.5/32", "10.1.0.5", true],
  ["10.1.0.5/32", "10.1.0.4", false],
  ["fd00::/64", "fd00::ffff:0:0:1", true],
  ["fd00::/64", "fd00:0:0:1::", false],
  ["fd00::/8", "fdff::1", true],
  ["fd00::/8", "fc00::1", false],
  ["::/0", "10.0.0.1", false],
  ["0.0.0.0/0", "::1", false],
])("prefixContains: %s, %s: %s", (prefix, address, want) => {
  expect(prefixContains(parsePrefix(prefix), parseAddress(address))).toBe(want)
})
