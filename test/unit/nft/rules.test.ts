import "../../kit/fake-native.ts"
import { parseAddress } from "../../../lib/net/address.ts"
import { parsePrefix } from "../../../lib/net/prefix.ts"
import { counter, dnatBy, verdictBy } from "../../../lib/nft/actions.ts"
import { inetProto, inetService, ipv4Addr } from "../../../lib/nft/data-types.ts"
import { daddr, dport, etherSaddr, iifname, l4proto, saddr, thDport } from "../../../lib/nft/fields.ts"
import { is, isIn, isOneOf, startsWith } from "../../../lib/nft/matches.ts"
import type { Family, Table } from "../../../lib/nft/objects.ts"
import { RuleBody, registerOf, type Statement } from "../../../lib/nft/rule-body.ts"
import { defineSet } from "../../../lib/nft/sets.ts"
import { ACCEPT } from "../../../lib/nft/verdicts.ts"

const table: Table = { family: "inet", name: "t" }
const address = parseAddress("10.1.0.5")

/** The names of the expressions that statements become. */
function expressionsOf(family: Family, ...statements: Statement[]): string {
  const body = new RuleBody(family, () => 1)
  for (const statement of statements) body.append(statement)
  return body.expressions.map(({ name }) => name).join(" ")
}

test.each<[string, Family, Statement[], string]>([
  ["what IPv4 needs, once", "inet", [is(saddr(4), address), is(daddr(4), address)], "meta cmp payload cmp payload cmp"],
  ["nothing where the family says it", "ip", [is(saddr(4), address)], "payload cmp"],
  [
    "what a port needs, once",
    "ip",
    [is(dport("tcp"), 80), isOneOf(dport("tcp"), [1])],
    "meta cmp payload cmp payload lookup",
  ],
  ["what Ethernet needs, but on a bridge", "bridge", [is(etherSaddr, new Uint8Array(6))], "payload cmp"],
  ["what Ethernet needs elsewhere", "inet", [is(etherSaddr, new Uint8Array(6))], "meta cmp payload cmp"],
  ["a mask where bits do not fill bytes", "ip", [is(saddr(4), parsePrefix("10.0.0.0/9"))], "payload bitwise cmp"],
  ["a verdict as an immediate", "ip", [counter(), ACCEPT], "counter immediate"],
])("adds %s", (_, family, statements, want) => {
  expect(expressionsOf(family, ...statements)).toBe(want)
})

const set = defineSet({ table, name: "set", key: [ipv4Addr, inetService] })
const map = defineSet({ table, name: "map", key: [inetProto, inetService], value: [ipv4Addr, inetService] })
const ways = defineSet({ table, name: "ways", key: [inetService], value: "verdict" })

test.each<[string, Family, Statement[], string]>([
  ["IPv6 in a table of IPv4", "ip", [is(saddr(6), parseAddress("fd00::1"))], "IPv6 in a rule about IPv4"],
  [
    "IPv4 and IPv6 at once",
    "inet",
    [is(saddr(4), address), is(daddr(6), parseAddress("::1"))],
    "IPv6 in a rule about IPv4",
  ],
  ["ports of two protocols", "inet", [is(dport("tcp"), 1), is(dport("udp"), 1)], "udp in a rule about tcp"],
  ["an address of the other family", "inet", [is(saddr(4), parseAddress("::1"))], "::1 is no ipv4_addr"],
  ["no value at all", "inet", [isOneOf(dport("tcp"), [])], "no value to compare with"],
  ["a name that is too long", "inet", [startsWith(iifname, "x".repeat(16))], "longer than 15 bytes"],
  [
    "fields that are not the set's",
    "inet",
    [isIn([dport("tcp"), saddr(4)] as never, set)],
    "set: has keys ipv4_addr . inet_service, not inet_service . ipv4_addr",
  ],
  [
    "too few fields",
    "inet",
    [dnatBy([thDport] as never, map)],
    "map: has keys inet_proto . inet_service, not inet_service",
  ],
  ["too many", "inet", [verdictBy([thDport, l4proto] as never, ways)], "ways: has keys inet_service, not"],
])("refuses %s", (_, family, statements, problem) => {
  expect(() => expressionsOf(family, ...statements)).toThrow(problem)
})

test("the kernel's numbers of registers", () => {
  expect([0, 1, 2, 3, 4, 5, 8, 15].map(registerOf)).toEqual([1, 9, 10, 11, 2, 13, 3, 23])
})
