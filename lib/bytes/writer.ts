/** A growing buffer for one message after another. Integers are in host order unless the method ends in `Be`. */
import { hostIsLittleEndian } from "./byte-order.ts"
import { CodecError } from "./codec-error.ts"

/** Appends integers and runs of bytes; a number that does not fit is a CodecError, never cut. */
export class ByteWriter {
  /** The buffer; what lies beyond `length` is of no meaning. Growing replaces it. */
  bytes: Uint8Array
  /** The same buffer. */
  view: DataView
  /** How many bytes are written; the next one goes here. */
  length = 0

  /** @param capacity in bytes, of the first buffer */
  constructor(capacity = 512) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  u8(value: number): void {
    if ((value & 0xff) !== value) throw misfit(value, "u8")
    const at = grow(this, 1)
    this.view.setUint8(at, value)
  }
  u16(value: number): void {
    if ((value & 0xffff) !== value) throw misfit(value, "u16")
    const at = grow(this, 2)
    this.view.setUint16(at, value, hostIsLittleEndian)
  }
  u16Be(value: number): void {
    if ((value & 0xffff) !== value) throw misfit(value, "u16")
    const at = grow(this, 2)
    this.view.setUint16(at, value)
  }
  u32(value: number): void {
    if (value >>> 0 !== value) throw misfit(value, "u32")
    const at = grow(this, 4)
    this.view.setUint32(at, value, hostIsLittleEndian)
  }
  u32Be(value: number): void {
    if (value >>> 0 !== value) throw misfit(value, "u32")
    const at = grow(this, 4)
    this.view.setUint32(at, value)
  }
  s32(value: number): void {
    if ((value | 0) !== value) throw misfit(value, "s32")
    const at = grow(this, 4)
    this.view.setInt32(at, value, hostIsLittleEndian)
  }
  u64(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw misfit(value, "u64")
    const at = grow(this, 8)
    this.view.setBigUint64(at, value, hostIsLittleEndian)
  }

  raw(bytes: Uint8Array): void {
    const at = grow(this, bytes.length)
    this.bytes.set(bytes, at)
  }

  /** Appends `size` zero bytes and returns where they begin. */
  reserve(size: number): number {
    const at = grow(this, size)
    this.bytes.fill(0, at, at + size)
    return at
  }

  /** Appends zero bytes until the length is a multiple of four. */
  align4(): void {
    const missing = -this.length & 3
    if (missing !== 0) this.reserve(missing)
  }

  /** Replaces two bytes already written. */
  patchU16(at: number, value: number): void {
    if ((value & 0xffff) !== value) throw misfit(value, "u16")
    this.view.setUint16(at, value, hostIsLittleEndian)
  }

  /** Replaces four bytes already written. */
  patchU32(at: number, value: number): void {
    if (value >>> 0 !== value) throw misfit(value, "u32")
    this.view.setUint32(at, value, hostIsLittleEndian)
  }

  /** Returns what is written as a view, which holds until the next write or clear(). */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }

  /** Begins the next message in the same buffer. */
  clear(): void {
    this.length = 0
  }
}

function misfit(value: number | bigint, type: string): CodecError {
  return new CodecError("", `${value} does not fit ${type}`)
}

/** Makes room; the caller asks for `view` and `bytes` only afterwards, for this may replace them. */
function grow(writer: ByteWriter, size: number): number {
  const at = writer.length
  const length = at + size
  if (length > writer.bytes.length) {
    const bigger = new Uint8Array(length * 2)
    bigger.set(writer.bytes)
    writer.bytes = bigger
    writer.view = new DataView(bigger.buffer)
  }
  writer.length = length
  return at
}
