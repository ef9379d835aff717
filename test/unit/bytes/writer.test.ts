import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { ByteReader } from "../../../lib/bytes/reader.ts"
import { ByteWriter } from "../../../lib/bytes/writer.ts"

const hex = (writer: ByteWriter) => Buffer.from(writer.written()).toString("hex")

type Write = (writer: ByteWriter, value: number) => void
type Read = (reader: ByteReader) => number
const integers: [name: string, write: Write, read: Read, least: number, most: number][] = [
  ["u8", (writer, value) => writer.u8(value), reader => reader.u8(), 0, 0xff],
  ["u16", (writer, value) => writer.u16(value), reader => reader.u16(), 0, 0xffff],
  ["u16Be", (writer, value) => writer.u16Be(value), reader => reader.u16Be(), 0, 0xffff],
  ["u32", (writer, value) => writer.u32(value), reader => reader.u32(), 0, 0xffffffff],
  ["u32Be", (writer, value) => writer.u32Be(value), reader => reader.u32Be(), 0, 0xffffffff],
  ["s32", (writer, value) => writer.s32(value), reader => reader.s32(), -0x80000000, 0x7fffffff],
]

test.each(integers)("what %s writes is read again", (_, write, read, least, most) => {
  for (const value of [least, least + 1, 1, 0x55, most - 1, most]) {
    const writer = new ByteWriter()
    writer.u8(0xee)
    write(writer, value)
    const reader = new ByteReader(writer.written())
    reader.skip(1)
    expect(read(reader)).toBe(value)
    reader.finish()
  }
})

test.each(integers)("%s refuses what does not fit and writes nothing of it", (_, write, _read, least, most) => {
  for (const value of [least - 1, most + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 53)]) {
    const writer = new ByteWriter()
    expect(() => write(writer, value)).toThrow(CodecError)
    expect(writer.length).toBe(0)
  }
})

test("wire order is the most significant byte first", () => {
  const writer = new ByteWriter()
  writer.u16Be(0x0102)
  writer.u32Be(0xf3040506)
  expect(hex(writer)).toBe("0102f3040506")
})

test.each([0n, 1n, 2n ** 63n, 2n ** 64n - 1n])("u64 writes %s", value => {
  const writer = new ByteWriter()
  writer.u64(value)
  expect(new ByteReader(writer.written()).u64()).toBe(value)
})

test.each([-1n, 2n ** 64n])("u64 refuses %s", value => {
  expect(() => new ByteWriter().u64(value)).toThrow(`${value} does not fit u64`)
})

test("grows, whichever method finds no room", () => {
  const methods: ((writer: ByteWriter) => void)[] = [
    writer => writer.u8(1),
    writer => writer.u16(0x0101),
    writer => writer.u16Be(0x0101),
    writer => writer.u32(0x01010101),
    writer => writer.u32Be(0x01010101),
    writer => writer.s32(0x01010101),
    writer => writer.u64(0x0101010101010101n),
    writer => writer.raw(Uint8Array.of(1, 1, 1)),
  ]
  for (const method of methods) {
    const writer = new ByteWriter(1)
    for (let i = 0; i < 20; i++) method(writer)
    expect(writer.written().every(byte => byte === 1)).toBe(true)
    expect(writer.length).toBeGreaterThanOrEqual(20)
  }
})

test("reserve and align4 leave zeros, also where an earlier message was", () => {
  const writer = new ByteWriter(16)
  writer.raw(new Uint8Array(16).fill(0xff))
  writer.clear()
  writer.u8(1)
  writer.align4()
  expect(writer.reserve(3)).toBe(4)
  writer.align4()
  writer.align4()
  expect(hex(writer)).toBe("0100000000000000")
})

test("patches replace what is written", () => {
  const writer = new ByteWriter()
  writer.raw(new Uint8Array(8).fill(0xff))
  writer.patchU16(1, 0)
  writer.patchU32(4, 0)
  expect(hex(writer)).toBe("ff0000ff00000000")
  expect(() => writer.patchU16(0, 0x10000)).toThrow("65536 does not fit u16")
  expect(() => writer.patchU32(0, -1)).toThrow("-1 does not fit u32")
})

test("written is a view, not a copy", () => {
  const writer = new ByteWriter()
  writer.u8(1)
  const view = writer.written()
  writer.clear()
  writer.u8(2)
  expect(view[0]).toBe(2)
})
