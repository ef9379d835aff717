/**
 * A cursor over bytes. Integers are in host order unless the method ends in `Be`.
 *
 * Typed arrays are dear in the engine, so one reader serves a whole datagram: who decodes a part of it narrows `end` to the
 * part's end and puts it back afterwards.
 *
 *     0        at            end            bytes.length
 *     |---------|-------------|-------------------|
 *        read      to be read    not of this part
 */
import { hostIsLittleEndian } from "./byte-order.ts"
import { CodecError } from "./codec-error.ts"

/** Reads integers and runs of bytes; every method throws CodecError where `end` comes too early. */
export class ByteReader {
  bytes: Uint8Array
  /** The same bytes, and maybe what lies behind them in their buffer. */
  view: DataView
  /** Where the next byte is read. */
  at: number
  /** Where the part that may be read ends; never beyond `bytes`. */
  end: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset)
    this.at = 0
    this.end = bytes.length
  }

  /** Begins to read other bytes, at little cost if they lie where the last ones did. */
  open(bytes: Uint8Array): void {
    const { view } = this
    if (bytes.buffer !== view.buffer || bytes.byteOffset !== view.byteOffset) {
      this.view = new DataView(bytes.buffer, bytes.byteOffset)
    }
    this.bytes = bytes
    this.at = 0
    this.end = bytes.length
  }

  u8(): number {
    const { at } = this
    if (this.end - at < 1) throw tooShort(this, 1)
    this.at = at + 1
    return this.view.getUint8(at)
  }
  u16(): number {
    const { at } = this
    if (this.end - at < 2) throw tooShort(this, 2)
    this.at = at + 2
    return this.view.getUint16(at, hostIsLittleEndian)
  }
  u16Be(): number {
    const { at } = this
    if (this.end - at < 2) throw tooShort(this, 2)
    this.at = at + 2
    return this.view.getUint16(at)
  }
  u32(): number {
    const { at } = this
    if (this.end - at < 4) throw tooShort(this, 4)
    this.at = at + 4
    return this.view.getUint32(at, hostIsLittleEndian)
  }
  u32Be(): number {
    const { at } = this
    if (this.end - at < 4) throw tooShort(this, 4)
    this.at = at + 4
    return this.view.getUint32(at)
  }
  s32(): number {
    const { at } = this
    if (this.end - at < 4) throw tooShort(this, 4)
    this.at = at + 4
    return this.view.getInt32(at, hostIsLittleEndian)
  }
  u64(): bigint {
    const { at } = this
    if (this.end - at < 8) throw tooShort(this, 8)
    this.at = at + 8
    return this.view.getBigUint64(at, hostIsLittleEndian)
  }

  /** Copies the next `size` bytes. */
  raw(size: number): Uint8Array {
    const { at } = this
    this.skip(size)
    return this.bytes.slice(at, at + size)
  }

  /** Leaves out the next `size` bytes. */
  skip(size: number): void {
    if (size > this.end - this.at) throw tooShort(this, size)
    this.at += size
  }

  /** Demands that nothing is left to read. */
  finish(): void {
    if (this.at !== this.end) throw new CodecError("", `${this.end - this.at} bytes left over`)
  }
}

function tooShort(reader: ByteReader, size: number): CodecError {
  return new CodecError("", `wants ${size} bytes, has ${reader.end - reader.at}`)
}
