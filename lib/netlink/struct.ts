/** Fixed headers as tables: a row's number is the member's offset in the C struct. */
import { within } from "../bytes/codec-error.ts"
import type { ByteReader } from "../bytes/reader.ts"
import type { ByteWriter } from "../bytes/writer.ts"
import type { Row, Rows } from "./attributes.ts"

/** The plain object that a struct decodes to. */
export type StructValues<R extends Rows> = { -readonly [F in keyof R]: R[F] extends Row<infer T> ? T : never }

/** The values of a struct that is given as such. */
export type StructOf<S> = S extends Struct<infer R> ? StructValues<R> : never

/** A C struct of fixed size; as a kind, an attribute's whole payload. */
export class Struct<R extends Rows> {
  /** The kernel's name, without "struct". */
  readonly name: string
  /** In bytes, with padding. */
  readonly size: number
  readonly #make: () => R
  #rows: R | undefined
  readonly #members: Row<unknown>[] = []

  constructor(name: string, size: number, make: () => R) {
    this.name = name
    this.size = size
    this.#make = make
  }

  get rows(): R {
    if (this.#rows === undefined) {
      this.#rows = this.#make()
      for (const field in this.#rows) {
        const row = this.#rows[field]!
        row.field = field
        this.#members.push(row)
      }
    }
    return this.#rows
  }

  /** Appends the struct; members without a value are zero, as is padding. @throws {CodecError} */
  encode(writer: ByteWriter, values: Partial<StructValues<R>>): void {
    const { rows } = this
    const start = writer.reserve(this.size)
    for (const member in values) {
      const { id, kind } = rows[member]!
      writer.length = start + id
      try {
        kind.encode(writer, values[member], values)
      } catch (error) {
        throw within(member, error)
      }
    }
    writer.length = start + this.size
  }

  /** Reads the struct, all members that have a row. @throws {CodecError} */
  decode(reader: ByteReader): StructValues<R> {
    const members = this.rows && this.#members
    const values: { [member: string]: unknown } = {}
    const start = reader.at
    reader.skip(this.size)
    for (let i = 0; i < members.length; i++) {
      const { id, kind, field } = members[i]!
      reader.at = start + id
      values[field] = kind.decode(reader, values)
    }
    reader.at = start + this.size
    return values as StructValues<R>
  }
}
