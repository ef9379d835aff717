/**
 * Prefixes as the elements of a set with intervals: the kernel knows where each begins and, by another element, the first key that
 * is out again.
 *
 *     { 10.0.0.0/8, 192.168.1.1 }    0.0.0.0 end, 10.0.0.0, 11.0.0.0 end, 192.168.1.1, 192.168.1.2 end
 */
import { ByteWriter } from "../bytes/writer.ts"
import type { Values } from "../netlink/attributes.ts"
import { type elementAttributes, NFT_SET_ELEM_INTERVAL_END } from "../netlink/uapi/nf-tables.ts"
import { type BitPattern, maskOf } from "./data-types.ts"
import { writeValue } from "./userdata.ts"

type ElementAttributes = Values<typeof elementAttributes>

/** libnftnl/udata.h, and nft's flag for an interval that goes to the last of all keys and therefore has no end. */
const NFTNL_UDATA_SET_ELEM_FLAGS = 1
const SET_ELEM_F_INTERVAL_OPEN = 1

/** The keys from `first` to before `end`; undefined: to the last of all. */
interface Interval {
  readonly first: Uint8Array
  readonly end: Uint8Array | undefined
}

/** Tells the elements for patterns, which may overlap. */
export function intervalElements(patterns: readonly BitPattern[]): ElementAttributes[] {
  const elements: ElementAttributes[] = []
  for (const { first, end } of disjoint(patterns)) {
    if (elements.length === 0 && first.some(byte => byte !== 0)) elements.push(endAt(new Uint8Array(first.length)))
    if (end === undefined) elements.push({ key: { value: first }, userdata: openFlag() })
    else elements.push({ key: { value: first } }, endAt(end))
  }
  return elements
}

const endAt = (value: Uint8Array): ElementAttributes => ({ flags: NFT_SET_ELEM_INTERVAL_END, key: { value } })

function openFlag(): Uint8Array {
  const flags = new ByteWriter(4)
  flags.u32(SET_ELEM_F_INTERVAL_OPEN)
  const writer = new ByteWriter(6)
  writeValue(writer, NFTNL_UDATA_SET_ELEM_FLAGS, flags.written())
  return writer.written()
}

/** Sorts the patterns' intervals and makes one of those that overlap or touch. */
function disjoint(patterns: readonly BitPattern[]): Interval[] {
  const sorted = patterns.map(intervalOf).sort((a, b) => compare(a.first, b.first))
  const result: Interval[] = []
  for (const next of sorted) {
    const last = result.at(-1)
    if (last === undefined || (last.end !== undefined && compare(last.end, next.first) < 0)) result.push(next)
    else if (last.end !== undefined && (next.end === undefined || compare(last.end, next.end) < 0)) {
      result[result.length - 1] = { first: last.first, end: next.end }
    }
  }
  return result
}

function intervalOf({ bytes, bits }: BitPattern): Interval {
  const mask = maskOf(bytes.length, bits)
  const end = bytes.map((byte, i) => byte | (mask[i]! ^ 0xff))
  for (let i = end.length - 1; i >= 0; i--) {
    end[i] = (end[i]! + 1) & 0xff
    if (end[i] !== 0) return { first: bytes, end }
  }
  return { first: bytes, end: undefined }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}
