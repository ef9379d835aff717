import "../../kit/fake-native.ts"
import { parseAddress } from "../../../lib/net/address.ts"
import { inetProto, inetService, ipv4Addr } from "../../../lib/nft/data-types.ts"
import type { Chain, Table } from "../../../lib/nft/objects.ts"
import { defineSet } from "../../../lib/nft/sets.ts"
import * as wire from "../netlink/peer.ts"
import { absent, be32, be64, generation, nest, open, payload, present, rules } from "./kernel.ts"

const table: Table = { family: "inet", name: "patchbay" }
const chain: Chain = { table, name: "checks" }
const map = defineSet({ table, name: "map", key: [inetProto, inetService], value: [ipv4Addr] })
const ways = defineSet({ table, name: "ways", key: [inetService], value: "verdict" })
const set = defineSet({ table, name: "set", key: [ipv4Addr] })

const text = (type: number, value: string): number[] => wire.attribute(type, wire.ascii(value))
const comment = (type: number, value: string): number[] =>
  wire.attribute(type, [0, value.length + 1, ...wire.ascii(value)])
const value = (type: number, ...bytes: number[]): number[] => nest(type, wire.attribute(1, bytes))
const element = (...attributes: number[][]): number[] => nest(1, ...attributes)
/** A message about elements. */
const elements = (...all: number[][]): number[] => payload(1, text(1, "patchbay"), text(2, "x"), nest(3, ...all))

test("tells the generation", () => {
  expect(open("", generation(4711)).nft.ruleset.generation()).toBe(4711)
})

test.each([
  ["a table", (nft: ReturnType<typeof open>["nft"]) => nft.ruleset.hasTable(table)],
  ["a chain", (nft: ReturnType<typeof open>["nft"]) => nft.ruleset.hasChain(chain)],
  ["a rule", (nft: ReturnType<typeof open>["nft"]) => nft.ruleset.hasRule(chain, 7)],
  ["a set", (nft: ReturnType<typeof open>["nft"]) => nft.ruleset.hasSet(set)],
])("tells whether there is %s, and throws what else the kernel says", (_, ask) => {
  const { nft } = open("", present, absent, wire.refuse(1))
  expect([ask(nft), ask(nft)]).toEqual([true, false])
  expect(() => ask(nft)).toThrow("EPERM")
})

test("lists the tables of a family", () => {
  const { nft } = open(
    "",
    wire.dumped(
      0xa00,
      payload(1, text(1, "one"), wire.attribute(2, be32(0))),
      payload(2, text(1, "of IPv4")),
      payload(1, text(1, "two"), comment(6, "second")),
    ),
  )
  expect(nft.ruleset.listTables("inet")).toEqual([
    { family: "inet", name: "one" },
    { family: "inet", name: "two", comment: "second" },
  ])
})

test("lists the chains of a table, though the kernel tells those of others too", () => {
  const chainOf = (of: string, name: string, ...more: number[][]) => payload(1, text(1, of), text(3, name), ...more)
  const { nft } = open(
    "",
    wire.dumped(0xa03, chainOf("other", "a"), chainOf("patchbay", "b"), chainOf("patchbay", "c", comment(12, "third"))),
  )
  expect(nft.ruleset.listChains(table)).toEqual([
    { table, name: "b" },
    { table, name: "c", comment: "third" },
  ])
})

test("lists rules with what they carry, not what they do", () => {
  const unknown = nest(4, nest(1, text(1, "an expression of the future"), nest(2, wire.attribute(99, [1, 2, 3]))))
  const bare = payload(1, wire.attribute(3, be64(8)), unknown)
  const { nft } = open("", rules([7, "first"]), wire.dumped(0xa06, bare))
  expect(nft.ruleset.listRules(chain)).toEqual([
    { handle: 7, comment: "first", userdata: Uint8Array.of(0, 6, ...wire.ascii("first")) },
  ])
  expect(nft.ruleset.listRules(chain)).toEqual([{ handle: 8, userdata: new Uint8Array(0) }])
})

describe("elements", () => {
  const one = element(value(1, 6, 0, 0, 0, 0x1f, 0x90, 0, 0), value(2, 10, 1, 0, 5), comment(6, "owner"))
  const two = element(value(1, 17, 0, 0, 0, 0, 53, 0, 0), value(2, 10, 1, 0, 6))
  const address = (last: number) => parseAddress(`10.1.0.${last}`)

  test("are listed with their values and what they carry", () => {
    const { nft } = open("", wire.dumped(0xa0c, elements(one), elements(two)))
    expect(nft.ruleset.listElements(map)).toEqual([
      { key: ["tcp", 8080], value: [address(5)], comment: "owner" },
      { key: ["udp", 53], value: [address(6)] },
    ])
  })

  test("of a set have no values", () => {
    const { nft } = open("", wire.dumped(0xa0c, elements(element(value(1, 10, 1, 0, 5)))))
    expect(nft.ruleset.listElements(set)).toEqual([{ key: [address(5)] }])
  })

  test("of a verdict map have verdicts", () => {
    const verdict = nest(2, nest(2, wire.attribute(1, be32(0xfffffffd)), text(2, "checks")))
    const { nft } = open("", wire.dumped(0xa0c, elements(element(value(1, 0, 80), verdict))))
    expect(nft.ruleset.listElements(ways)).toEqual([{ key: [80], value: { code: -3, chain: "checks" } }])
  })

  test("of a set that is not there are none", () => {
    const { nft } = open("", absent, wire.refuse(1))
    expect(nft.ruleset.listElements(map)).toEqual([])
    expect(() => nft.ruleset.listElements(map)).toThrow("EPERM")
  })

  test("are found by their keys", () => {
    const { nft, peer } = open("", wire.reply(0xa0c, elements(one)), absent)
    expect(nft.ruleset.findElement(map, ["tcp", 8080])).toEqual({
      ...{ key: ["tcp", 8080], value: [address(5)], comment: "owner" },
    })
    expect(nft.ruleset.findElement(map, ["tcp", 1])).toBeUndefined()
    const asked = [...peer.requests[0]!.bytes.slice(20)]
    expect(asked).toEqual([
      ...[...text(1, "patchbay"), ...text(2, "map")],
      ...nest(3, element(value(1, 6, 0, 0, 0, 0x1f, 0x90, 0, 0))),
    ])
  })

  test.each([
    ["of another protocol", element(value(1, 1, 0, 0, 0, 0, 80, 0, 0)), "1 is none of tcp, udp, sctp"],
    ["that is cut short", element(value(1, 6, 0, 0, 0)), "a key or value of 4 bytes instead of 8"],
  ])("%s are not misread", (_, bad, problem) => {
    const { nft } = open("", wire.dumped(0xa0c, elements(bad)))
    expect(() => nft.ruleset.listElements(map)).toThrow(problem)
  })
})
