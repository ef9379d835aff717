import "../../kit/fake-native.ts"
import { decodeLabels, encodeComment, encodeLabels, fitComment, type Labels } from "../../../lib/nft/userdata.ts"

const bytes = (...parts: (number | string)[]): number[] =>
  parts.flatMap(part => (typeof part === "number" ? [part] : [...Buffer.from(part)]))

test.each<[string, Labels, number[]]>([
  ["a comment, with a NUL, as nft writes it", { comment: "hello" }, bytes(0, 6, "hello", 0)],
  ["a comment that is not ASCII", { comment: "ü" }, bytes(0, 3, "ü", 0)],
  ["an empty comment", { comment: "" }, bytes(0, 1, 0)],
  ["a tag, without a NUL", { tag: "net one eth0" }, bytes(112, 12, "net one eth0")],
  ["both", { comment: "c", tag: "t" }, bytes(0, 2, "c", 0, 112, 1, "t")],
])("%s", (_, labels, want) => {
  const userdata = encodeLabels(labels)!
  expect([...userdata]).toEqual(want)
  expect(decodeLabels(userdata)).toEqual(labels)
})

test("nothing is no userdata", () => {
  expect([encodeLabels({}), encodeComment(undefined)]).toEqual([undefined, undefined])
  expect(decodeLabels(undefined)).toEqual({})
})

test("a set's comment has a type of its own", () => {
  expect([...encodeComment("c", 7)!]).toEqual(bytes(7, 2, "c", 0))
})

test.each([
  ["a comment of 129 bytes", { comment: `${"ü".repeat(64)}x` }, "nft could not read the comment"],
  ["a double quote", { comment: 'a"b' }, "nft could not read the comment"],
  ["a line break", { comment: "a\nb" }, "nft could not read the comment"],
  ["a tag of 256 bytes", { tag: "x".repeat(256) }, "a tag of 256 bytes"],
  [
    "both together too long",
    { comment: "x".repeat(128), tag: "y".repeat(124) },
    "comment and tag have 257 bytes of 256",
  ],
])("refuses %s", (_, labels, problem) => {
  expect(() => encodeLabels(labels)).toThrow(problem)
})

test("as much as fits", () => {
  expect(encodeLabels({ comment: "x".repeat(128), tag: "y".repeat(123) })).toHaveLength(256)
  expect(encodeLabels({ tag: "y".repeat(254) })).toHaveLength(256)
})

test.each([
  ["nothing, where nothing is to be done", "net: a, if: eth0", "net: a, if: eth0"],
  ["double quotes and control characters", 'a"b\nc\0d\x7fe', "abcde"],
  ["what is beyond 128 bytes", "x".repeat(200), "x".repeat(128)],
  ["no half character", `${"x".repeat(127)}ü`, "x".repeat(127)],
  ["but not a whole one", `${"x".repeat(126)}ü!`, `${"x".repeat(126)}ü`],
])("fitComment leaves out %s", (_, text, want) => {
  expect(fitComment(text)).toBe(want)
  expect(encodeComment(fitComment(text))).toBeDefined()
})

test.each<[string, number[], Labels]>([
  ["another program's values", bytes(1, 2, "xx", 0, 2, "c", 0, 5, 0), { comment: "c" }],
  ["a value that is cut short", bytes(0, 2, "c", 0, 112, 9, "t"), { comment: "c" }],
  ["a type without a length", bytes(112, 1, "t", 0), { tag: "t" }],
  ["a comment without even a NUL", bytes(0, 0, 112, 0), { comment: "", tag: "" }],
])("reading skips or survives %s", (_, userdata, want) => {
  expect(decodeLabels(Uint8Array.from(userdata))).toEqual(want)
})
