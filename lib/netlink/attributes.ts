/**
 * Netlink attributes as tables: one row per attribute holds its field name here, the kernel's name, its number and what its
 * payload is. From the rows come the encoder, the decoder, the TypeScript type of the values, the paths in errors, the
 * names in traces, and a static assertion against the kernel's headers in the tests.
 *
 *     0         2         4                 length     next multiple of 4
 *     | length  | type    | payload …       | padding  |        struct nlattr, host order (linux/netlink.h)
 *
 * Writing is strict, reading skips what the table does not have: newer kernels add attributes. A process lives for a
 * millisecond, so a table builds its rows when they are first used, and no object is made per attribute.
 */
import { hostIsLittleEndian } from "../bytes/byte-order.ts"
import { CodecError, within } from "../bytes/codec-error.ts"
import type { ByteReader } from "../bytes/reader.ts"
import type { ByteWriter } from "../bytes/writer.ts"

const HEADER = 4
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff

// Both halves of the header are read and written as one 32-bit number: each access costs a call.
const LENGTH_SHIFT = hostIsLittleEndian ? 0 : 16
const TYPE_SHIFT = 16 - LENGTH_SHIFT

/** Values of a table's fields by name, of which type nobody knows. */
type Fields = { readonly [field: string]: unknown }

/** How a payload maps to a value. */
export interface Kind<T> {
  /** Set where the payload is attributes and nothing else, which the kernel wants to be told (NLA_F_NESTED). */
  readonly isNested?: true
  /** @param siblings the fields of the same table that are encoded with it */
  encode(writer: ByteWriter, value: T, siblings: Fields): void
  /**
   * Reads up to the reader's end.
   * @param siblings the fields of the same table that came before
   * @returns undefined for what nobody here understands; it is skipped
   */
  decode(reader: ByteReader, siblings: Fields): T | undefined
  /** Tells where the payload's attributes begin and by which table they are read, for naming the one an error is about. */
  inside?(siblings: Fields): { readonly table: AttributeTable<Rows>; readonly offset: number } | undefined
}

/** One attribute of a table, or one member of a struct. */
export interface Row<T> {
  /** The name of its field; the table fills it in. */
  field: string
  /** The kernel's name. */
  readonly uapi: string
  /** The attribute's type number, or the member's offset. */
  readonly id: number
  readonly kind: Kind<T>
  /** Whether the attribute may come several times; its value is then a list. */
  readonly isRepeated: boolean
}

/** A table's rows by the names of their fields. */
export type Rows = { readonly [field: string]: Row<unknown> }
type Value<R> = R extends { readonly isRepeated: true; readonly kind: Kind<infer T> }
  ? readonly T[]
  : R extends Row<infer T>
    ? T
    : never

/** The plain object that a table encodes from and decodes to; an absent or undefined field is an absent attribute. */
export type Values<T> = T extends AttributeTable<infer R>
  ? { -readonly [F in keyof R]?: Value<R[F]> | undefined }
  : never

/** Makes a row. */
export function attribute<T>(uapi: string, id: number, kind: Kind<T>): Row<T> & { readonly isRepeated: false } {
  return { field: "", uapi, id, kind, isRepeated: false }
}

/** Makes a row of an attribute that may come several times. */
export function attributes<T>(uapi: string, id: number, kind: Kind<T>): Row<T> & { readonly isRepeated: true } {
  return { field: "", uapi, id, kind, isRepeated: true }
}

/** The attributes that may stand side by side in one message or nest. */
export class AttributeTable<R extends Rows> {
  /** What errors call the whole. */
  readonly name: string
  readonly #make: () => R
  #rows: R | undefined
  readonly #byId: Row<unknown>[] = []

  constructor(name: string, make: () => R) {
    this.name = name
    this.#make = make
  }

  get rows(): R {
    if (this.#rows === undefined) {
      this.#rows = this.#make()
      for (const field in this.#rows) {
        const row = this.#rows[field]!
        row.field = field
        this.#byId[row.id] = row
      }
    }
    return this.#rows
  }

  /** The rows by attribute number; few numbers have one. */
  get byId(): readonly Row<unknown>[] {
    return this.rows && this.#byId
  }
}

/** Appends every field that is present, in the order of `values`. @throws {CodecError} */
export function encodeAttributes<R extends Rows>(
  writer: ByteWriter,
  table: AttributeTable<R>,
  values: Values<AttributeTable<R>>,
): void {
  const rows: Rows = table.rows
  const fields: Fields = values
  let current = ""
  try {
    for (const field in fields) {
      const value = fields[field]
      if (value === undefined) continue
      const row = rows[field]
      current = field
      if (row === undefined) throw new CodecError("", `not an attribute of ${table.name}`)
      if (row.isRepeated) for (const each of value as readonly unknown[]) encodeAttribute(writer, row, each, fields)
      else encodeAttribute(writer, row, value, fields)
    }
  } catch (error) {
    throw within(current, error)
  }
}

function encodeAttribute(writer: ByteWriter, { id, kind }: Row<unknown>, value: unknown, siblings: Fields): void {
  const start = writer.reserve(HEADER)
  kind.encode(writer, value, siblings)
  const length = writer.length - start
  if (length > 0xffff) throw new CodecError("", `an attribute of ${length} bytes`)
  const type = kind.isNested ? id | NLA_F_NESTED : id
  writer.patchU32(start, ((length << LENGTH_SHIFT) | (type << TYPE_SHIFT)) >>> 0)
  writer.align4()
}

/** Reads attributes to the reader's end. @throws {CodecError} */
export function decodeAttributes<R extends Rows>(
  reader: ByteReader,
  table: AttributeTable<R>,
): Values<AttributeTable<R>> {
  const { byId } = table
  const { view, end } = reader
  const last = end - HEADER
  const values: { [field: string]: unknown } = {}
  let { at } = reader
  let field = ""
  try {
    while (at <= last) {
      const header = view.getInt32(at, hostIsLittleEndian)
      const next = at + ((header >>> LENGTH_SHIFT) & 0xffff)
      if (next < at + HEADER || next > end) throw lyingLength(next - at, end - at)
      const row = byId[(header >>> TYPE_SHIFT) & NLA_TYPE_MASK]
      if (row !== undefined) {
        field = row.field
        reader.at = at + HEADER
        reader.end = next
        const value = row.kind.decode(reader, values)
        if (value !== undefined) {
          if (reader.at !== reader.end) reader.finish()
          if (!row.isRepeated) values[field] = value
          else if (values[field] === undefined) values[field] = [value]
          else (values[field] as unknown[]).push(value)
        }
        field = ""
      }
      at = (next + 3) & ~3 // the last attribute may be without padding
    }
  } catch (error) {
    throw within(field, error)
  }
  reader.at = Math.min(at, end)
  reader.end = end
  reader.finish()
  return values as Values<AttributeTable<R>>
}

function lyingLength(length: number, left: number): CodecError {
  return new CodecError("", `an attribute claims ${length} of ${left} bytes`)
}

/**
 * Names the attribute that begins at an offset, after the nests around it: "IFLA_LINKINFO.IFLA_INFO_KIND".
 * @param reader what encodeAttributes() made
 * @param values what it was made from
 * @returns "" if there is none
 */
export function nameAttribute(reader: ByteReader, table: AttributeTable<Rows>, values: Fields, offset: number): string {
  let start = reader.at
  while (start + HEADER <= reader.end && start <= offset) {
    const header = reader.view.getInt32(start, hostIsLittleEndian)
    const next = (start + ((header >>> LENGTH_SHIFT) & 0xffff) + 3) & ~3
    const row = table.byId[(header >>> TYPE_SHIFT) & NLA_TYPE_MASK]
    if (row !== undefined && offset < next) {
      const { field, uapi, kind } = row
      const inside = offset === start ? undefined : kind.inside?.(values)
      if (inside === undefined) return uapi
      reader.at = start + HEADER + inside.offset
      reader.end = next
      return `${uapi}.${nameAttribute(reader, inside.table, values[field] as Fields, offset)}`
    }
    start = Math.max(next, start + HEADER)
  }
  return ""
}
