/** What payloads are: integers, text, bytes, structs, and attributes inside attributes. */
import { CodecError } from "../bytes/codec-error.ts"
import type { ByteReader } from "../bytes/reader.ts"
import type { ByteWriter } from "../bytes/writer.ts"
import { decodeUtf8, encodeUtf8 } from "../sys/streams.ts"
import {
  type AttributeTable,
  decodeAttributes,
  encodeAttributes,
  type Kind,
  type Rows,
  type Values,
} from "./attributes.ts"
import type { Struct, StructValues } from "./struct.ts"

/** Eight bits, unsigned. */
export const u8: Kind<number> = { encode: (writer, value) => writer.u8(value), decode: reader => reader.u8() }
/** Sixteen bits, unsigned, host order. */
export const u16: Kind<number> = { encode: (writer, value) => writer.u16(value), decode: reader => reader.u16() }
/** Thirty-two bits, unsigned, host order. */
export const u32: Kind<number> = { encode: (writer, value) => writer.u32(value), decode: reader => reader.u32() }
/** Thirty-two bits, signed, host order. */
export const s32: Kind<number> = { encode: (writer, value) => writer.s32(value), decode: reader => reader.s32() }
/** Sixteen bits, unsigned, network order. */
export const u16be: Kind<number> = { encode: (writer, value) => writer.u16Be(value), decode: reader => reader.u16Be() }
/** Thirty-two bits, unsigned, network order. */
export const u32be: Kind<number> = { encode: (writer, value) => writer.u32Be(value), decode: reader => reader.u32Be() }
/** Thirty-two bits, signed, network order. */
export const s32be: Kind<number> = {
  encode(writer, value) {
    if ((value | 0) !== value) throw new CodecError("", `${value} does not fit s32`)
    writer.u32Be(value >>> 0)
  },
  decode: reader => reader.u32Be() | 0,
}
/** Sixty-four bits, unsigned, network order, of which a number holds 53. */
export const u64be: Kind<number> = {
  encode(writer, value) {
    writer.u32Be(Math.floor(value / WORD))
    writer.u32Be(value % WORD)
  },
  decode: reader => reader.u32Be() * WORD + reader.u32Be(),
}

const WORD = 2 ** 32

/** Bytes as they are; decoded, they are a copy. */
export const raw: Kind<Uint8Array> = {
  encode: (writer, value) => writer.raw(value),
  decode: reader => reader.raw(reader.end - reader.at),
}

/**
 * Text that ends with a NUL, which the kernel sometimes leaves out.
 * @param most how many bytes the text may have without it (IFNAMSIZ - 1 = 15 for interface names)
 */
export function text(most: number): Kind<string> {
  return {
    encode(writer, value) {
      const start = writer.length
      writeText(writer, value)
      const length = writer.length - start - 1
      if (length > most) throw new CodecError("", `"${value}" is longer than ${most} bytes`)
    },
    decode: readText,
  }
}

function writeText(writer: ByteWriter, value: string): void {
  const start = writer.reserve(value.length + 1)
  const { bytes } = writer
  let bits = 0
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 0) throw new CodecError("", `${JSON.stringify(value)} holds a NUL`)
    bytes[start + i] = code
    bits |= code
  }
  if (bits < 0x80) return
  writer.length = start
  writer.raw(encodeUtf8(value))
  writer.u8(0)
}

function readText(reader: ByteReader): string {
  const { bytes, at, end } = reader
  const nul = bytes.indexOf(0, at)
  reader.at = end
  return decodeUtf8(bytes.subarray(at, nul < 0 || nul > end ? end : nul))
}

/** Attributes of another table. */
export function nest<R extends Rows>(table: AttributeTable<R>): Kind<Values<AttributeTable<R>>> {
  return {
    isNested: true,
    encode: (writer, values) => encodeAttributes(writer, table, values),
    decode: reader => decodeAttributes(reader, table),
    inside: () => ({ table, offset: 0 }),
  }
}

/** Attributes of another table behind a struct, as in a message; to the kernel that is no nest. */
export function structAndNest<H extends Rows, R extends Rows>(
  struct: Struct<H>,
  table: AttributeTable<R>,
): Kind<{ header: Partial<StructValues<H>>; attributes: Values<AttributeTable<R>> }> {
  return {
    encode(writer, { header, attributes }) {
      struct.encode(writer, header)
      encodeAttributes(writer, table, attributes)
    },
    decode: reader => ({ header: struct.decode(reader), attributes: decodeAttributes(reader, table) }),
    inside: () => ({ table, offset: struct.size }),
  }
}

type Tables = { readonly [name: string]: AttributeTable<Rows> }
type Merged<U> = (U extends unknown ? (member: U) => void : never) extends (member: infer I) => void ? I : never

/**
 * Attributes of the table that a sibling field names, which must come first: IFLA_INFO_DATA is read by IFLA_INFO_KIND.
 * The type has the fields of all tables; writing a field that the chosen table lacks is an error. What a name nobody
 * listed has to say is skipped when reading.
 */
export function nestBy<T extends Tables>(sibling: string, tables: () => T): Kind<Merged<Values<T[keyof T]>>> {
  const chosen = (siblings: { readonly [field: string]: unknown }) => {
    const name = String(siblings[sibling])
    // The kernel may have a kind called "constructor".
    return Object.hasOwn(tables(), name) ? tables()[name] : undefined
  }
  return {
    isNested: true,
    encode(writer, values, siblings) {
      const table = chosen(siblings)
      if (table === undefined) throw new CodecError("", `no table for ${sibling} "${siblings[sibling]}"`)
      encodeAttributes(writer, table, values as object)
    },
    decode(reader, siblings) {
      const table = chosen(siblings)
      return table && (decodeAttributes(reader, table) as Merged<Values<T[keyof T]>>)
    },
    inside(siblings) {
      const table = chosen(siblings)
      return table && { table, offset: 0 }
    },
  }
}
