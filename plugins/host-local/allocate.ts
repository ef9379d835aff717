/**
 * Chooses the next address of a range set and reserves it.
 *
 * How it works. A pool of a /16 can hold 65,533 files, and reading such a folder takes longer than the rest of ADD.
 * Round robin therefore just tries the addresses after the last one: a file that exists refuses to be made again.
 * Only when many in a row are taken is the folder read, once, and taken addresses are then skipped by name.
 * `lowest` and `random` need to know what is free and read it at once. No address file is opened in any case.
 *
 * The names read are kept as one bit each, by what is common to those that differ in their last digit only:
 *
 *     "10.1.2.14"  ->  taken["10.1.2.1"] has the bit of "4"
 *
 * so that a row of taken addresses is passed over at once. For 60,000 names, a Set costs more than twice as much.
 */

import { type Address, addOffset, addressOfWords, compareAddresses, formatAddress } from "../../lib/net/address.ts"
import type { Prefix } from "../../lib/net/prefix.ts"
import { intersectRanges, type Range, rangeContains, rangeSize } from "../../lib/net/range.ts"
import {
  AllocationError,
  canGive,
  findPoolRange,
  formatRangeSet,
  type PoolRange,
  type RangeSet,
  type Strategy,
} from "./plan.ts"

/**
 * The names in the pool's folder, as many at a time as one reading gives: 60,000 at once would be 4 MB.
 * A reserved address's name is its text form; any other name means nothing.
 */
export type FolderNames = Iterable<readonly string[]>

/** The pool's folder under its lock, as far as choosing an address needs it. */
export interface Reservations {
  /** Makes the address the owner's; false if somebody has it. */
  tryReserve(address: Address): boolean
  listNames(): FolderNames
  /** Lists the addresses that the owner has already, in any set. */
  listOwned(): readonly Address[]
  /** Finds the address reserved last from the set of this index. */
  findLastReserved(setIndex: number): Address | undefined
}

/** Who wants an address, and how it is to be chosen. */
export interface AllocationRequest {
  readonly containerId: string
  readonly strategy: Strategy
  /** Returns a number from 0 up to but not including 1. */
  readonly random: () => number
}

/** A reserved address with its subnet's mask length. */
export interface Allocation {
  readonly address: Prefix
  readonly gateway: Address | undefined
}

/** Every address of the set that may be handed out is taken. */
export class PoolExhaustedError extends AllocationError {
  override readonly name = "PoolExhaustedError"
}

/** Addresses tried one after another, each a link(2) that fails, before the folder is read: in all well below 1 ms. */
const PROBES = 64

/**
 * Reserves one address of the set for the owner: the requested one if the set has one to give, else by the strategy.
 * @throws {PoolExhaustedError} if no address is free
 * @throws {AllocationError} if the requested address cannot be given, or the owner has an address of the set
 */
export function allocate(set: RangeSet, request: AllocationRequest, pool: Reservations): Allocation {
  const address = set.requested ? reserveRequested(set, set.requested, pool) : reserveNext(set, request, pool)
  const range = findPoolRange(set, address)!
  return { address: { address, length: range.subnet.length }, gateway: range.gateway }
}

/** Finds an address of the set that could be handed out, given the names of the taken ones. */
export function findFree(set: RangeSet, names: FolderNames): Address | undefined {
  return firstUntaken(allSpans(set), indexNames(names), () => true)
}

function reserveRequested(set: RangeSet, address: Address, pool: Reservations): Address {
  const text = formatAddress(address)
  if (!canGive(set, address)) {
    throw refuse(set, `requested ip ${text} is ${whyNever(set, address)}`)
  }
  if (!pool.tryReserve(address)) {
    throw refuse(set, `requested IP address ${text} is not available in range set ${formatRangeSet(set)}`)
  }
  return address
}

function whyNever(set: RangeSet, address: Address): string {
  const isGateway = (range: PoolRange) => range.gateway && compareAddresses(range.gateway, address) === 0
  if (set.ranges.some(isGateway)) return "subnet's gateway"
  const { usable } = findPoolRange(set, address)!
  if (rangeContains(usable, address)) return "excluded"
  return compareAddresses(address, usable.first) < 0 ? "subnet's network address" : "subnet's broadcast address"
}

function reserveNext(set: RangeSet, request: AllocationRequest, pool: Reservations): Address {
  const owned = pool.listOwned().find(address => findPoolRange(set, address))
  if (owned) {
    const text = formatAddress(owned)
    throw refuse(set, `${text} has been allocated to ${request.containerId}, duplicate allocation is not allowed`)
  }
  const address = reserveBy[request.strategy](set, pool, request.random)
  if (address) return address
  throw new PoolExhaustedError(
    `failed to allocate for range ${set.index}: no IP addresses available in range set: ${formatRangeSet(set)}`,
  )
}

const reserveBy: {
  readonly [S in Strategy]: (set: RangeSet, pool: Reservations, random: () => number) => Address | undefined
} = {
  "round-robin": (set, pool) => {
    const last = pool.findLastReserved(set.index)
    const spans = last ? spansAfter(set, last) : allSpans(set)
    const tryReserve = (address: Address) => pool.tryReserve(address)
    return firstOfProbes(spans, tryReserve) ?? firstUntaken(spans, indexNames(pool.listNames()), tryReserve)
  },

  lowest: (set, pool) => {
    const spans = allSpans(set).sort((a, b) => compareAddresses(a.first, b.first))
    return firstUntaken(spans, indexNames(pool.listNames()), address => pool.tryReserve(address))
  },

  random: (set, pool, random) => {
    const taken = indexNames(pool.listNames())
    const spans = allSpans(set)
    const size = spans.reduce((sum, span) => sum + rangeSize(span), 0)
    if (size === 0) return undefined
    // Of an IPv6 subnet only the first 2^52 addresses are drawn from: numbers are not exact beyond.
    const draw = () => addressAt(spans, Math.floor(random() * Math.min(size, 2 ** 52)))
    for (let i = 0; i < PROBES; i++) {
      const address = draw()
      if (!hasName(taken, formatAddress(address)) && pool.tryReserve(address)) return address
    }
    // Nearly full: the first free one after a drawn address, no longer of equal chance for all, but found.
    return firstUntaken(spansAfter(set, draw()), taken, address => pool.tryReserve(address))
  },
}

function allSpans(set: RangeSet): Range[] {
  return set.ranges.flatMap(range => range.spans)
}

/** Returns the set's spans in the order that starts after `last` and comes round to it; all, if no range holds it. */
function spansAfter(set: RangeSet, last: Address): Range[] {
  const { ranges } = set
  const i = ranges.findIndex(range => rangeContains(range.bounds, last))
  const range = ranges[i]
  if (range === undefined) return allSpans(set)
  const { bounds } = range
  const isLast = compareAddresses(last, bounds.last) === 0
  return [
    ...(isLast ? [] : spansWithin(range, { first: addOffset(last, 1), last: bounds.last })),
    ...[...ranges.slice(i + 1), ...ranges.slice(0, i)].flatMap(other => other.spans),
    ...spansWithin(range, { first: bounds.first, last }),
  ]
}

function spansWithin(range: PoolRange, window: Range): Range[] {
  return range.spans.flatMap(span => intersectRanges(span, window) ?? [])
}

/** Returns the address `offset` places into the spans, which must have so many. */
function addressAt(spans: readonly Range[], offset: number): Address {
  let left = offset
  for (const span of spans) {
    const size = rangeSize(span)
    if (left < size) return addOffset(span.first, left)
    left -= size
  }
  throw new RangeError(`offset ${offset} lies beyond the spans`)
}

type Accept = (address: Address) => boolean

function firstOfProbes(spans: readonly Range[], accept: Accept): Address | undefined {
  let left = PROBES
  for (const span of spans) {
    const count = Math.min(left, rangeSize(span))
    for (let i = 0; i < count; i++) {
      const address = addOffset(span.first, i)
      if (accept(address)) return address
    }
    left -= count
  }
  return undefined
}

/** For each name without its last character, a bit for each last one: the code's low five bits tell digits apart. */
type Taken = Record<string, number>

function indexNames(folder: FolderNames): Taken {
  const taken: Taken = Object.create(null)
  for (const names of folder) {
    for (const name of names) {
      const end = name.length - 1
      taken[name.slice(0, end)]! |= 1 << name.charCodeAt(end)
    }
  }
  return taken
}

function hasName(taken: Taken, name: string): boolean {
  const end = name.length - 1
  return ((taken[name.slice(0, end)]! >> name.charCodeAt(end)) & 1) === 1
}

/** Finds the first address of the spans whose name is not taken and which `accept` takes. */
function firstUntaken(spans: readonly Range[], taken: Taken, accept: Accept): Address | undefined {
  for (const span of spans) {
    const mask = span.first.family === 4 ? 0xff : 0xffff
    let block: Address | undefined = span.first
    while (block) {
      const rest: number = mask - (block.w3 & mask)
      const left: number = rangeSize({ first: block, last: span.last }) - 1
      const found = firstUntakenOfBlock(block, Math.min(rest, left), taken, accept)
      if (found) return found
      block = left > rest ? addOffset(block, rest + 1) : undefined
    }
  }
  return undefined
}

/** Looks at `first` and the `more` addresses after it, which differ from it in the last octet or group only. */
function firstUntakenOfBlock(first: Address, more: number, taken: Taken, accept: Accept): Address | undefined {
  const isV4 = first.family === 4
  const radix = isV4 ? 10 : 16
  const allDigits = isV4 ? 0x3ff0000 : 0x3ff007e
  const start = first.w3 & (isV4 ? 0xff : 0xffff)
  const common = formatAddress(addressOfWords(first.w0, first.w1, first.w2, first.w3 - start + 1)).slice(0, -1)
  let tail = start
  while (tail <= start + more) {
    const row = Math.floor(tail / radix)
    const end = Math.min(start + more, row * radix + radix - 1)
    const bits = taken[common + (row === 0 ? "" : row.toString(radix))] ?? 0
    if ((bits & allDigits) === allDigits) tail = end + 1
    for (; tail <= end; tail++) {
      const digit = tail - row * radix
      if ((bits >> (digit < 10 ? 48 + digit : 87 + digit)) & 1) continue
      const address = addOffset(first, tail - start)
      // A last group of 0 may be part of `::`, a name that no row has.
      if (!hasName(taken, formatAddress(address)) && accept(address)) return address
    }
  }
  return undefined
}

function refuse(set: RangeSet, reason: string): AllocationError {
  return new AllocationError(`failed to allocate for range ${set.index}: ${reason}`)
}
