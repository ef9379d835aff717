/**
 * Sets and maps: what a rule looks up at once, however many elements there are. A key is one value or several side by side, as in
 * `ip daddr . tcp dport`; a map has data for each key: values, or a verdict. Each element may carry a comment and a tag.
 *
 *     const ports = defineSet({ table, name: "ports", key: [inetProto, inetService], value: [ipv4Addr, inetService] })
 *     t.createElements(ports, [{ key: ["tcp", 8080], value: [address, 80], comment: "…" }])
 */
import { CodecError } from "../bytes/codec-error.ts"
import { ByteWriter } from "../bytes/writer.ts"
import type { Values } from "../netlink/attributes.ts"
import {
  type elementAttributes,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_INTERVAL,
  NFT_SET_MAP,
  type setAttributes,
} from "../netlink/uapi/nf-tables.ts"
import { type dataAttributes, NFT_DATA_VERDICT } from "../netlink/uapi/nf-tables-data.ts"
import { type BitPattern, type DataType, encodeValue } from "./data-types.ts"
import { intervalElements } from "./intervals.ts"
import type { Table } from "./objects.ts"
import { decodeLabels, encodeComment, encodeLabels, type Labels, SET_COMMENT, writeValue } from "./userdata.ts"
import type { Verdict } from "./verdicts.ts"

/** The types of the parts of a key or value. */
export type Types = readonly DataType<unknown>[]

/** What a map has for a key: parts of these types, or a verdict; undefined for a set, which has nothing. */
export type ValueType = Types | "verdict" | undefined

/** A set, or with values a map; equal are two of the same table and name. */
export interface SetSpec<K extends Types, V extends ValueType> {
  readonly table: Table
  readonly name: string
  readonly key: K
  readonly value?: V
  /** For people: `nft list` shows it. At most 128 bytes. */
  readonly comment?: string
}

/** A set or map of whatever types. */
export type AnySet = SetSpec<Types, ValueType>

/** Values of the given types. */
export type Parts<K> = { readonly [I in keyof K]: K[I] extends DataType<infer T> ? T : never }

/** What an element of a map has beside its key. */
export type ValueOf<V> = V extends Types
  ? { readonly value: Parts<V> }
  : V extends "verdict"
    ? { readonly value: Verdict }
    : { readonly value?: undefined }

/** An element. */
export type Element<K, V> = { readonly key: Parts<K> } & ValueOf<V> & Labels

/** Writes down a set or map, so that its types are known where it is used. */
export function defineSet<const K extends Types, const V extends ValueType = undefined>(
  set: SetSpec<K, V>,
): SetSpec<K, V> {
  return set
}

type Data = Values<typeof dataAttributes>
type ElementAttributes = Values<typeof elementAttributes>

/** How many bits of a concatenation's number each part has. */
const TYPE_BITS = 6

/** Tells the number by which nft knows the types of a key: those of the parts side by side. */
function typeNumber(types: Types): number {
  return types.reduce((number, { id }) => (number << TYPE_BITS) | id, 0)
}

/** In bytes; each of several parts begins at a multiple of four. */
function sizeOf(types: Types): number {
  return types.length === 1 ? types[0]!.size : types.reduce((size, type) => size + paddedSize(type), 0)
}

const paddedSize = (type: DataType<unknown>): number => Math.ceil(type.size / 4) * 4

/** Tells the attributes that make a set. @throws {CodecError} */
export function setAttributesOf(set: AnySet, id: number): Values<typeof setAttributes> {
  const { table, name, key, value, comment } = set
  const data =
    value === undefined
      ? {}
      : value === "verdict"
        ? { dataType: NFT_DATA_VERDICT, dataLength: 0 }
        : { dataType: typeNumber(value), dataLength: sizeOf(value) }
  return {
    ...{ table: table.name, name, flags: value === undefined ? 0 : NFT_SET_MAP },
    ...{ keyType: typeNumber(key), keyLength: sizeOf(key), ...data, id },
    userdata: setUserdata(key, value, comment),
  }
}

/** NFTNL_UDATA_SET_KEYBYTEORDER and NFTNL_UDATA_SET_DATABYTEORDER of libnftnl/udata.h: without them nft prints nonsense. */
const KEY_BYTE_ORDER = 0
const DATA_BYTE_ORDER = 1

function setUserdata(key: Types, value: ValueType, comment: string | undefined): Uint8Array {
  const writer = new ByteWriter(160)
  writeValue(writer, KEY_BYTE_ORDER, byteOrderOf(key))
  if (value !== undefined) writeValue(writer, DATA_BYTE_ORDER, byteOrderOf(value === "verdict" ? [] : value))
  const own = encodeComment(comment, SET_COMMENT)
  if (own !== undefined) writer.raw(own)
  return writer.written()
}

/** nft's enum byteorder: 0 none, for several parts have several, 1 the host's, 2 big endian. */
function byteOrderOf(types: Types): Uint8Array {
  const writer = new ByteWriter(4)
  writer.u32(types.length !== 1 ? 0 : types[0]!.isHostOrder ? 1 : 2)
  return writer.written()
}

/** Puts the parts of a key or value side by side. @throws {CodecError} */
export function encodeParts(types: Types, values: readonly unknown[]): Uint8Array {
  if (values.length !== types.length) throw new CodecError("", `${values.length} parts of ${types.length}`)
  if (types.length === 1) return encodeValue(types[0]!, values[0])
  const bytes = new Uint8Array(sizeOf(types))
  let at = 0
  for (const [i, type] of types.entries()) {
    bytes.set(encodeValue(type, values[i]), at)
    at += paddedSize(type)
  }
  return bytes
}

/** Takes the parts of a key or value asunder. @throws {CodecError} */
export function decodeParts(types: Types, bytes: Uint8Array): unknown[] {
  const size = sizeOf(types)
  if (bytes.length !== size) throw new CodecError("", `a key or value of ${bytes.length} bytes instead of ${size}`)
  let at = 0
  return types.map(type => {
    const value = type.decode(bytes.subarray(at, at + type.size))
    at += paddedSize(type)
    return value
  })
}

/** Writes a key as nft does: "tcp . 8080". */
export function formatKey<K extends Types>(set: SetSpec<K, ValueType>, key: Parts<K>): string {
  const values = key as readonly unknown[]
  return set.key.map((type, i) => type.format(values[i])).join(" . ")
}

/** Tells the attributes of an element. @throws {CodecError} */
export function elementAttributesOf<K extends Types, V extends ValueType>(
  set: SetSpec<K, V>,
  { key, value, comment, tag }: Element<K, V>,
): ElementAttributes {
  const { value: types } = set
  let data: Data | undefined
  if (types === "verdict") data = { verdict: value as Verdict }
  else if (types !== undefined) data = { value: encodeParts(types, value as readonly unknown[]) }
  return { ...keyAttributesOf(set, key), data, userdata: encodeLabels({ comment, tag }) }
}

/** Tells the attributes that name an element. @throws {CodecError} */
export function keyAttributesOf<K extends Types>(set: SetSpec<K, ValueType>, key: Parts<K>): ElementAttributes {
  return { key: { value: encodeParts(set.key, key as readonly unknown[]) } }
}

/** Reads an element as the kernel lists it. @throws {CodecError} if it is not of the set's types */
export function elementOf<K extends Types, V extends ValueType>(
  set: SetSpec<K, V>,
  { key, data, userdata }: ElementAttributes,
): Element<K, V> {
  const types = set.value
  const parts = key?.value === undefined ? [] : decodeParts(set.key, key.value)
  const value = types === "verdict" ? data?.verdict : types && data?.value && decodeParts(types, data.value)
  return { key: parts, value, ...decodeLabels(userdata) } as unknown as Element<K, V>
}

/** A set that one rule alone looks into, and that goes with it. */
export interface AnonymousSet {
  readonly id: number
  readonly attributes: Values<typeof setAttributes>
  readonly elements: readonly ElementAttributes[]
}

/** The kernel puts a number in place of "%d". */
export const ANONYMOUS_NAME = "__set%d"

/** Makes the set that holds the given patterns. @throws {CodecError} if there is none */
export function anonymousSet(type: DataType<unknown>, patterns: readonly BitPattern[], id: number): AnonymousSet {
  if (patterns.length === 0) throw new CodecError("", "no value to compare with")
  const hasIntervals = patterns.some(({ bits }) => bits < 8 * type.size)
  const elements = hasIntervals ? intervalElements(patterns) : patterns.map(({ bytes }) => ({ key: { value: bytes } }))
  const flags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | (hasIntervals ? NFT_SET_INTERVAL : 0)
  const attributes = {
    ...{ name: ANONYMOUS_NAME, flags, keyType: type.id, keyLength: type.size, id },
    description: { size: elements.length },
    userdata: setUserdata([type], undefined, undefined),
  }
  return { id, attributes, elements }
}
