import "../../kit/fake-native.ts"
import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { ByteReader } from "../../../lib/bytes/reader.ts"
import { ByteWriter } from "../../../lib/bytes/writer.ts"
import {
  AttributeTable,
  attribute,
  attributes,
  decodeAttributes,
  encodeAttributes,
  nameAttribute,
  type Values,
} from "../../../lib/netlink/attributes.ts"
import { nest, nestBy, raw, s32, structAndNest, text, u8, u16, u32 } from "../../../lib/netlink/kinds.ts"
import { Struct } from "../../../lib/netlink/struct.ts"
import * as wire from "./peer.ts"

const inner = new AttributeTable("inner", () => ({
  small: attribute("IN_SMALL", 1, u8),
  words: attributes("IN_WORD", 2, u16),
}))
const other = new AttributeTable("other", () => ({ name: attribute("OTHER_NAME", 1, text(20)) }))
const pair = new Struct("pair", 8, () => ({ left: attribute("left", 0, u16), right: attribute("right", 4, s32) }))
const outer = new AttributeTable("outer", () => ({
  number: attribute("OUT_NUMBER", 1, u32),
  name: attribute("OUT_NAME", 2, text(15)),
  bytes: attribute("OUT_BYTES", 3, raw),
  nested: attribute("OUT_NESTED", 4, nest(inner)),
  kind: attribute("OUT_KIND", 5, text(15)),
  data: attribute(
    "OUT_DATA",
    6,
    nestBy("kind", () => ({ inner, other })),
  ),
  peer: attribute("OUT_PEER", 7, structAndNest(pair, other)),
  negative: attribute("OUT_NEGATIVE", 300, s32),
}))
type Outer = Values<typeof outer>

function encode(values: Outer): Uint8Array {
  const writer = new ByteWriter(4)
  encodeAttributes(writer, outer, values)
  return writer.written().slice()
}
const decode = (bytes: Uint8Array | readonly number[]): Outer =>
  decodeAttributes(new ByteReader(Uint8Array.from(bytes)), outer)
const nested = 0x8000

const rows: [name: string, values: Outer, want: number[]][] = [
  ["nothing", {}, []],
  ["an undefined field as an absent attribute", { number: undefined }, []],
  ["u32", { number: 0x01020304 }, wire.attribute(1, wire.u32(0x01020304))],
  ["s32", { negative: -2 }, wire.attribute(300, wire.s32(-2))],
  ["text with its NUL, padded", { name: "eth0" }, wire.attribute(2, wire.ascii("eth0"))],
  ["empty text", { name: "" }, wire.attribute(2, [0])],
  ["text beyond ASCII", { name: "é€😀" }, wire.attribute(2, [...Buffer.from("é€😀\0")])],
  ["bytes, padded", { bytes: Uint8Array.of(1, 2, 3, 4, 5) }, wire.attribute(3, [1, 2, 3, 4, 5])],
  ["no bytes", { bytes: new Uint8Array(0) }, wire.attribute(3, [])],
  [
    "fields in the order they are given in",
    { name: "a", number: 1 },
    [...wire.attribute(2, [97, 0]), ...wire.attribute(1, wire.u32(1))],
  ],
  ["a nest, marked as such", { nested: { small: 7 } }, wire.attribute(4 | nested, wire.attribute(1, [7]))],
  ["an empty nest", { nested: {} }, wire.attribute(4 | nested, [])],
  [
    "an attribute that comes several times",
    { nested: { words: [1, 2] } },
    wire.attribute(4 | nested, [...wire.attribute(2, wire.u16(1)), ...wire.attribute(2, wire.u16(2))]),
  ],
  [
    "a nest of the kind a sibling names",
    { kind: "other", data: { name: "x" } },
    [...wire.attribute(5, wire.ascii("other")), ...wire.attribute(6 | nested, wire.attribute(1, [120, 0]))],
  ],
  [
    "a struct and attributes, not marked as a nest",
    { peer: { header: { left: 1, right: -1 }, attributes: { name: "p" } } },
    wire.attribute(7, [...wire.u16(1), 0, 0, ...wire.s32(-1), ...wire.attribute(1, [112, 0])]),
  ],
]

test.each(rows)("encodes %s", (_, values, want) => {
  expect([...encode(values)]).toEqual(want)
})

test.each(rows.filter(([, values]) => !Object.values(values).includes(undefined)))("decodes %s", (_, values, bytes) => {
  expect(decode(bytes)).toEqual(values)
})

test("members of a struct that are not given are zero, whatever was in the buffer", () => {
  const writer = new ByteWriter(64)
  writer.raw(new Uint8Array(64).fill(0xff))
  writer.clear()
  pair.encode(writer, { right: 5 })
  expect([...writer.written()]).toEqual([0, 0, 0, 0, ...wire.s32(5)])
})

test.each<[string, Outer, string]>([
  ["a number that is too large", { number: 2 ** 32 }, "number: 4294967296 does not fit u32"],
  ["a negative number", { number: -1 }, "number: -1 does not fit u32"],
  ["a number deep inside", { nested: { words: [1, 65536] } }, "nested.words: 65536 does not fit u16"],
  ["text that is too long", { name: "sixteen letters!" }, 'name: "sixteen letters!" is longer than 15 bytes'],
  ["text that is too long in bytes", { name: "€€€€€€" }, 'name: "€€€€€€" is longer than 15 bytes'],
  ["text with a NUL", { name: "a\0b" }, 'name: "a\\u0000b" holds a NUL'],
  ["an attribute that is too long", { bytes: new Uint8Array(65532) }, "bytes: an attribute of 65536 bytes"],
  ["a kind that no table describes", { kind: "x", data: { small: 1 } }, 'data: no table for kind "x"'],
  ["data before their kind is told", { data: { small: 1 } }, 'data: no table for kind "undefined"'],
  ["a field of another kind", { kind: "other", data: { small: 1 } }, "data.small: not an attribute of other"],
])("refuses %s", (_, values, message) => {
  expect(() => encode(values)).toThrow(CodecError)
  expect(() => encode(values)).toThrow(message)
})

test.each<[string, number[], Outer]>([
  [
    "attributes that the table does not have",
    [...wire.attribute(999, [1, 2, 3]), ...wire.attribute(1, wire.u32(1))],
    { number: 1 },
  ],
  [
    "data of a kind that no table describes",
    [...wire.attribute(5, wire.ascii("x")), ...wire.attribute(6, [1, 2, 3])],
    { kind: "x" },
  ],
  [
    "data of a kind that objects know",
    [...wire.attribute(5, wire.ascii("constructor")), ...wire.attribute(6, [1])],
    { kind: "constructor" },
  ],
  ["data without a kind", wire.attribute(6, [1, 2, 3]), {}],
])("skips %s", (_, bytes, want) => {
  expect(decode(bytes)).toEqual(want)
})

test.each<[string, number[], Outer]>([
  ["a nest that is not marked", wire.attribute(4, wire.attribute(1, [7])), { nested: { small: 7 } }],
  ["a number in network byte order's mark", wire.attribute(1 | 0x4000, wire.u32(1)), { number: 1 }],
  ["text without its NUL", wire.attribute(2, [97, 98]), { name: "ab" }],
  ["text with more behind its NUL", wire.attribute(2, [97, 0, 98, 0]), { name: "a" }],
  [
    "text that is followed by zeros only outside",
    [...wire.attribute(2, [97, 98, 99, 100]), ...wire.attribute(5, [0])],
    { name: "abcd", kind: "" },
  ],
  ["a last attribute without padding", wire.attribute(3, [1]).slice(0, 5), { bytes: Uint8Array.of(1) }],
  [
    "an attribute that comes again: the last counts",
    [...wire.attribute(1, wire.u32(1)), ...wire.attribute(1, wire.u32(2))],
    { number: 2 },
  ],
])("takes %s", (_, bytes, want) => {
  expect(decode(bytes)).toEqual(want)
})

test.each<[string, number[], string]>([
  ["a length below the header's", [...wire.u16(3), ...wire.u16(1), 0, 0, 0, 0], "an attribute claims 3 of 8 bytes"],
  ["a length of zero", [...wire.u16(0), ...wire.u16(1), 0, 0, 0, 0], "an attribute claims 0 of 8 bytes"],
  ["a length beyond the end", [...wire.u16(9), ...wire.u16(1), 0, 0, 0, 0], "an attribute claims 9 of 8 bytes"],
  ["a lying length of an unknown attribute", [...wire.u16(40), ...wire.u16(999)], "an attribute claims 40 of 4 bytes"],
  ["half a header", [...wire.attribute(1, wire.u32(1)), 8, 0], "2 bytes left over"],
  ["a number that is too short", wire.attribute(1, [1, 2, 3]), "number: wants 4 bytes, has 3"],
  ["a number that is too long", wire.attribute(1, [1, 2, 3, 4, 5]), "number: 1 bytes left over"],
  [
    "a lie deep inside",
    wire.attribute(4, [...wire.u16(77), ...wire.u16(1)]),
    "nested: an attribute claims 77 of 4 bytes",
  ],
  ["a short number deep inside", wire.attribute(4, wire.attribute(2, [1])), "nested.words: wants 2 bytes, has 1"],
  ["a struct that is cut short", wire.attribute(7, [1, 2, 3]), "peer: wants 8 bytes, has 3"],
])("refuses to read %s", (_, bytes, problem) => {
  expect(() => decode(bytes)).toThrow(
    new CodecError(problem.includes(": ") ? problem.split(": ")[0]! : "", problem.split(": ").at(-1)!),
  )
})

/** Marsaglia's xorshift: the same numbers in every run. */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    yield (state >>> 0) / 2 ** 32
  }
}

function randomValues(next: () => number): Outer {
  const below = (limit: number) => Math.floor(next() * limit)
  const letters = (most: number) =>
    Array.from({ length: below(most + 1) }, () => "abcé€-0"[below(7)])
      .join("")
      .slice(0, Math.floor(most / 3))
  const maybe = <T>(value: T): T | undefined => (next() < 0.5 ? undefined : value)
  const words = Array.from({ length: 1 + below(3) }, () => below(0x10000))
  const kind = next() < 0.5 ? "inner" : "other"
  const values: Outer = {
    number: maybe(below(2 ** 32)),
    name: maybe(letters(15)),
    bytes: maybe(Uint8Array.from({ length: below(40) }, () => below(256))),
    nested: maybe({ small: below(256), words }),
    kind,
    data: maybe(kind === "inner" ? { words } : { name: letters(20) }),
    peer: maybe({ header: { left: below(0x10000), right: below(2 ** 31) - 2 ** 30 }, attributes: { name: "p" } }),
    negative: maybe(below(2 ** 31) - 2 ** 31),
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

describe("of 300 random sets of values", () => {
  const numbers = random(20_260_417)
  const sets = Array.from({ length: 300 }, () => randomValues(() => numbers.next().value))

  test("each comes back as it was", () => {
    for (const values of sets) expect(decode(encode(values))).toEqual(values)
  })

  test("each, cut short at any byte, is refused or, between two attributes, gives the first ones", () => {
    let refused = 0
    for (const values of sets.slice(0, 40)) {
      const bytes = encode(values)
      for (let length = 0; length < bytes.length; length++) {
        try {
          const whole = Object.entries(values)
          const first = Object.entries(decode(bytes.slice(0, length)))
          expect(first).toEqual(whole.slice(0, first.length))
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError)
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(2000)
  })

  test("each, with any byte made wrong, is read or refused, and nothing else", () => {
    for (const values of sets.slice(0, 20)) {
      const bytes = encode(values)
      for (let at = 0; at < bytes.length; at++) {
        const wrong = bytes.slice()
        wrong[at] = Math.floor(numbers.next().value * 256)
        try {
          expect(decode(wrong)).toBeInstanceOf(Object)
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError)
        }
      }
    }
  })
})

test("a table is built when it is first used, and once", () => {
  let built = 0
  const table = new AttributeTable("lazy", () => {
    built++
    return { number: attribute("LAZY", 1, u32) }
  })
  expect(built).toBe(0)
  for (let i = 0; i < 3; i++) decodeAttributes(new ByteReader(Uint8Array.from(wire.attribute(1, wire.u32(i)))), table)
  encodeAttributes(new ByteWriter(), table, { number: 1 })
  expect(built).toBe(1)
})

describe("nameAttribute", () => {
  const values: Outer = {
    number: 1,
    nested: { small: 1, words: [2, 3] },
    kind: "other",
    data: { name: "x" },
    peer: { header: {}, attributes: { name: "p" } },
  } as Outer
  const bytes = encode(values)
  const name = (offset: number) => nameAttribute(new ByteReader(bytes), outer, values, offset)

  // number 0–7, nested 8–11 { small 12–19, word 20–27, word 28–35 }, kind 36–47, data 48–51 { name 52–59 },
  // peer 60–63 { struct 64–71, name 72–79 }
  test.each<[number, string]>([
    [0, "OUT_NUMBER"],
    [8, "OUT_NESTED"],
    [12, "OUT_NESTED.IN_SMALL"],
    [28, "OUT_NESTED.IN_WORD"],
    [36, "OUT_KIND"],
    [52, "OUT_DATA.OTHER_NAME"],
    [72, "OUT_PEER.OTHER_NAME"],
    [80, ""],
    [4000, ""],
  ])("tells what begins at %d: %s", (offset, want) => {
    expect(name(offset)).toBe(want)
  })
})
