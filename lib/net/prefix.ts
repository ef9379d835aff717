/** An address with a mask length: an interface's address, a route's destination, a subnet. */

import { type Address, AddressError, addressOfWords, formatAddress, parseAddress } from "./address.ts"

/** An address and the length of its mask; bits of the address beyond the mask are kept. */
export interface Prefix {
  readonly address: Address
  /** In bits of the address's own family: 0–32 or 0–128. */
  readonly length: number
}

/**
 * Reads "10.1.0.5/24" as Go's net.ParseCIDR does, host bits kept.
 * An IPv4-mapped address becomes IPv4 with 96 bits less; with fewer than 96 it is refused.
 * @throws {AddressError} `invalid CIDR address: <text>`
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf("/")
  const written = slash < 0 ? -1 : parseLength(text, slash + 1)
  if (written < 0) throw invalidPrefix(text)
  const address = parsePrefixAddress(text, slash)
  const length = address.family === 4 && text.includes(":") ? written - 96 : written
  if (length < 0 || length > addressBits(address)) throw invalidPrefix(text)
  return { address, length }
}

/** Writes a prefix as address/length, host bits kept. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`
}

/** Returns how many bits an address of this family has. */
export function addressBits(address: Address): number {
  return address.family === 4 ? 32 : 128
}

/** Returns the first address of the prefix: all bits beyond the mask are 0. */
export function networkAddress(prefix: Prefix): Address {
  const { w0, w1, w2, w3 } = prefix.address
  return addressOfWords(
    (w0 & maskWord(prefix, 0)) >>> 0,
    (w1 & maskWord(prefix, 1)) >>> 0,
    (w2 & maskWord(prefix, 2)) >>> 0,
    (w3 & maskWord(prefix, 3)) >>> 0,
  )
}

/** Returns the last address of the prefix, all bits beyond the mask 1: of IPv4, the broadcast address. */
export function lastAddress(prefix: Prefix): Address {
  const { w0, w1, w2, w3 } = prefix.address
  return addressOfWords(
    (w0 | ~maskWord(prefix, 0)) >>> 0,
    (w1 | ~maskWord(prefix, 1)) >>> 0,
    (w2 | ~maskWord(prefix, 2)) >>> 0,
    (w3 | ~maskWord(prefix, 3)) >>> 0,
  )
}

/** Tells whether the address has bits beyond the mask, that is, whether it is not the network address. */
export function hasHostBits(prefix: Prefix): boolean {
  const { w0, w1, w2, w3 } = prefix.address
  return (
    (w3 & ~maskWord(prefix, 3)) !== 0 ||
    (w2 & ~maskWord(prefix, 2)) !== 0 ||
    (w1 & ~maskWord(prefix, 1)) !== 0 ||
    (w0 & ~maskWord(prefix, 0)) !== 0
  )
}

/** Tells whether the address is in the prefix's network; an address of the other family never is. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  const own = prefix.address
  return (
    own.family === address.family &&
    ((own.w3 ^ address.w3) & maskWord(prefix, 3)) === 0 &&
    ((own.w2 ^ address.w2) & maskWord(prefix, 2)) === 0 &&
    ((own.w1 ^ address.w1) & maskWord(prefix, 1)) === 0 &&
    ((own.w0 ^ address.w0) & maskWord(prefix, 0)) === 0
  )
}

/** Returns 32 bits of the mask as a signed number, for bit operations only. */
function maskWord(prefix: Prefix, index: number): number {
  const bits = prefix.length + 128 - addressBits(prefix.address) - 32 * index
  // Shifts count modulo 32, so a shift by 32 would not clear the word.
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits)
}

/** Reads the decimal digits that text ends in; -1 if there is none or anything else. Leading zeros are fine with Go. */
function parseLength(text: string, start: number): number {
  let length = start < text.length ? 0 : -1
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function parsePrefixAddress(text: string, slash: number): Address {
  try {
    return parseAddress(text.slice(0, slash))
  } catch (error) {
    throw error instanceof AddressError ? invalidPrefix(text) : error
  }
}

function invalidPrefix(text: string): AddressError {
  return new AddressError(`invalid CIDR address: ${text}`)
}
