import { CodecError } from "../../../lib/bytes/codec-error.ts"
import { ByteReader } from "../../../lib/bytes/reader.ts"

const bytes = Uint8Array.of(0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88)
const view = new DataView(bytes.buffer)
const isLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

type Read = (reader: ByteReader) => number | bigint
const rows: [name: string, read: Read, size: number, want: number | bigint][] = [
  ["u8", reader => reader.u8(), 1, 0x81],
  ["u16 in host order", reader => reader.u16(), 2, view.getUint16(0, isLittle)],
  ["u16 in wire order", reader => reader.u16Be(), 2, 0x8102],
  ["u32 in host order", reader => reader.u32(), 4, view.getUint32(0, isLittle)],
  ["u32 in wire order", reader => reader.u32Be(), 4, 0x81020304],
  ["s32 in host order", reader => reader.s32(), 4, view.getInt32(0, isLittle)],
  ["u64 in host order", reader => reader.u64(), 8, view.getBigUint64(0, isLittle)],
]

test.each(rows)("reads %s and goes on behind it", (_, read, size, want) => {
  const reader = new ByteReader(bytes)
  expect(read(reader)).toBe(want)
  expect(reader.at).toBe(size)
})

test.each(rows)("reads %s where it does not lie on a multiple of its size", (_, read, _size, want) => {
  const padded = new Uint8Array(16)
  padded.set(bytes, 3)
  const reader = new ByteReader(padded.subarray(2))
  reader.skip(1)
  expect(read(reader)).toBe(want)
})

test.each(rows)("refuses %s that is cut short, wherever", (_, read, size) => {
  for (let length = 0; length < size; length++) {
    const reader = new ByteReader(bytes.subarray(0, length))
    expect(() => read(reader)).toThrow(new CodecError("", `wants ${size} bytes, has ${length}`))
    expect(reader.at).toBe(0)
  }
})

test("does not read beyond the end of a part", () => {
  const reader = new ByteReader(bytes)
  reader.end = 3
  expect(() => reader.u32()).toThrow("wants 4 bytes, has 3")
  expect(() => reader.raw(4)).toThrow("wants 4 bytes, has 3")
  expect(() => reader.skip(4)).toThrow("wants 4 bytes, has 3")
})

test("raw copies, so that the buffer may be used again", () => {
  const buffer = Uint8Array.of(1, 2, 3, 4)
  const copy = new ByteReader(buffer).raw(2)
  buffer.fill(9)
  expect(copy).toEqual(Uint8Array.of(1, 2))
})

test("open goes to other bytes, be they in the same buffer or in another", () => {
  const buffer = Uint8Array.of(1, 2, 3, 4)
  const reader = new ByteReader(buffer)
  reader.u16()
  for (const next of [buffer.subarray(0, 3), buffer.subarray(1, 2), Uint8Array.of(7, 8)]) {
    reader.open(next)
    expect([reader.at, reader.end]).toEqual([0, next.length])
    expect(reader.u8()).toBe(next[0])
    expect(() => reader.u32()).toThrow(CodecError)
  }
})

test("finish demands that all is read", () => {
  const reader = new ByteReader(bytes)
  expect(() => reader.finish()).toThrow("8 bytes left over")
  reader.skip(8)
  expect(reader.finish()).toBeUndefined()
})
