import { decodeUtf8, encodeUtf8 } from "../../../lib/bytes/utf8.ts"

const valid: [string, string][] = [
  ["nothing", ""],
  ["ASCII", "eth0\u0000~"],
  ["two bytes", "\u0080é\u07ff"],
  ["three bytes", "\u0800€\ud7ff\ue000\uffff"],
  ["four bytes", "\u{10000}😀\u{10ffff}"],
  ["a mixture", "a€é😀z"],
  ["more than one call's worth", "0123456789".repeat(1000)],
]

test.each(valid)("encodes and decodes %s as the platform does", (_, text) => {
  const bytes = new Uint8Array(new TextEncoder().encode(text))
  expect(encodeUtf8(text)).toEqual(bytes)
  expect(decodeUtf8(bytes)).toBe(text)
})

test.each<[string, string, number[]]>([
  ["the first half", "a\ud83d", [0x61, 0xef, 0xbf, 0xbd]],
  ["the second half", "\ude00b", [0xef, 0xbf, 0xbd, 0x62]],
])("encodes %s of a surrogate pair as U+FFFD", (_, text, want) => {
  expect([...encodeUtf8(text)]).toEqual(want)
})

// What Go's string conversion and utf8.DecodeRune do: each bad byte is one U+FFFD.
test.each<[string, number[], string]>([
  ["a byte that begins nothing", [0x61, 0xff, 0x62], "a\ufffdb"],
  ["a byte that goes on alone", [0x80, 0x62], "\ufffdb"],
  ["a sequence that is cut short", [0xe2, 0x82], "\ufffd\ufffd"],
  ["a sequence broken by ASCII", [0xe2, 0x41, 0x42], "\ufffdAB"],
  ["two bytes for ASCII", [0xc1, 0x81], "\ufffd\ufffd"],
  ["three bytes for two", [0xe0, 0x9f, 0xbf], "\ufffd\ufffd\ufffd"],
  ["half a surrogate pair", [0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  ["a point beyond the last plane", [0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
  ["a good sequence after a bad one", [0xe2, 0xe2, 0x82, 0xac], "\ufffd€"],
])("decodes %s", (_, bytes, want) => {
  expect(decodeUtf8(Uint8Array.from(bytes))).toBe(want)
})
