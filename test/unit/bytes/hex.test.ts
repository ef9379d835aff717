import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { formatHex, parseHex } from "../../../lib/bytes/hex.ts"

test.each<[string, number[], string]>([
  ["nothing", [], ""],
  ["small bytes with a zero before them", [0, 1, 15], "00010f"],
  ["large bytes", [0x10, 0xab, 0xff], "10abff"],
])("formats and parses %s", (_, bytes, text) => {
  expect(formatHex(Uint8Array.from(bytes))).toBe(text)
  expect(parseHex(text)).toEqual(Uint8Array.from(bytes))
})

test("parses upper case", () => {
  expect(parseHex("ABcd")).toEqual(Uint8Array.of(0xab, 0xcd))
})

test.each(["0", "0g", "-1", "0x", " 1", "1 ", "12 34"])("refuses %j", text => {
  expect(() => parseHex(text)).toThrow(CodecError)
})
