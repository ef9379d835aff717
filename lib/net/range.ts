/** Runs of addresses from a first to a last one, both included, and the cutting of such runs. */

import { type Address, AddressError, addOffset, compareAddresses, formatAddress, parseAddress } from "./address.ts"
import { lastAddress, networkAddress, type Prefix } from "./prefix.ts"

/** The addresses from `first` to `last`, both included, of one family; `first` is not above `last`. */
export interface Range {
  readonly first: Address
  readonly last: Address
}

/**
 * Reads "10.1.0.5-10.1.0.9".
 * @throws {AddressError} on a bad address, two families, or a first address above the last
 */
export function parseRange(text: string): Range {
  const dash = text.indexOf("-")
  if (dash < 0) throw new AddressError(`invalid IP range ${text}`)
  const first = parseAddress(text.slice(0, dash))
  const last = parseAddress(text.slice(dash + 1))
  if (first.family !== last.family || compareAddresses(first, last) > 0) {
    throw new AddressError(`invalid IP range ${text}`)
  }
  return { first, last }
}

/** Writes a range as first-last. */
export function formatRange(range: Range): string {
  return `${formatAddress(range.first)}-${formatAddress(range.last)}`
}

/** Returns all addresses of a prefix, its network address and its last one included. */
export function rangeOfPrefix(prefix: Prefix): Range {
  return { first: networkAddress(prefix), last: lastAddress(prefix) }
}

/** Tells whether the address lies in the range; no IPv4 address lies in ::/0. */
export function rangeContains({ first, last }: Range, address: Address): boolean {
  return (
    first.family === address.family && compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0
  )
}

/** Tells whether two ranges have an address in common; those of two families never do. */
export function rangesOverlap(a: Range, b: Range): boolean {
  return (
    a.first.family === b.first.family &&
    compareAddresses(a.first, b.last) <= 0 &&
    compareAddresses(b.first, a.last) <= 0
  )
}

/** Returns the number of addresses in the range: exact up to 2^53, rounded beyond. */
export function rangeSize({ first, last }: Range): number {
  const high = (last.w0 - first.w0) * 2 ** 32 + (last.w1 - first.w1)
  return (high * 2 ** 32 + (last.w2 - first.w2)) * 2 ** 32 + (last.w3 - first.w3) + 1
}

/** Returns the part of the range that lies within `window`, if there is one. */
export function intersectRanges(range: Range, window: Range): Range | undefined {
  if (!rangesOverlap(range, window)) return undefined
  return {
    first: compareAddresses(range.first, window.first) < 0 ? window.first : range.first,
    last: compareAddresses(range.last, window.last) > 0 ? window.last : range.last,
  }
}

/** Returns what is left of the range without `hole`: nothing, one piece or two, in order. */
export function subtractRange(range: Range, hole: Range): Range[] {
  if (!rangesOverlap(range, hole)) return [range]
  const left: Range[] = []
  if (compareAddresses(range.first, hole.first) < 0) left.push({ first: range.first, last: addOffset(hole.first, -1) })
  if (compareAddresses(hole.last, range.last) < 0) left.push({ first: addOffset(hole.last, 1), last: range.last })
  return left
}
