/**
 * IPv4 and IPv6 addresses as values.
 *
 * One record serves both families: 128 bits in four words, IPv4 as ::ffff:a.b.c.d. Comparing and adding then need no
 * case for the family, and an IPv4-mapped IPv6 address *is* the IPv4 address, as it is for Go's net.IP, whose text
 * forms these functions keep.
 *
 *     w0        w1        w2        w3
 *     00000000  00000000  0000ffff  0a010005     10.1.0.5
 *     fd000000  00000000  00000000  00000005     fd00::5
 *
 * Dotted and colon-hex text is read here; only IPv6 text that ends in dotted IPv4 needs the library ip-address,
 * whose evaluation costs more than everything else a plugin does and therefore waits until it is called for.
 */

declare function require(name: "ip-address"): typeof import("ip-address")

/** An IP address; equal addresses have equal words. */
export interface Address {
  readonly family: 4 | 6
  /** The most significant of four unsigned 32-bit words. */
  readonly w0: number
  readonly w1: number
  readonly w2: number
  /** The whole address if `family` is 4. */
  readonly w3: number
}

/** Text or bytes that are no address, prefix, range or MAC; the message is Go's and names them. */
export class AddressError extends Error {
  override readonly name = "AddressError"
}

const WORD = 2 ** 32
const DOT = 46
const ZERO = 48
const COLON = 58

/** Makes an address of four unsigned 32-bit words, the most significant first. */
export function addressOfWords(w0: number, w1: number, w2: number, w3: number): Address {
  return { family: w0 === 0 && w1 === 0 && w2 === 0xffff ? 4 : 6, w0, w1, w2, w3 }
}

/**
 * Reads what Go's net.ParseIP reads: no zone, no leading zeros in dotted octets.
 * @throws {AddressError} `invalid IP address <text>`
 */
export function parseAddress(text: string): Address {
  const address = text.includes(":") ? parseIpv6(text) : parseIpv4(text)
  if (address === undefined) throw new AddressError(`invalid IP address ${text}`)
  return address
}

/** Writes an address as Go's net.IP does: IPv6 lower case, its first longest run of zero groups as `::` (RFC 5952). */
export function formatAddress(address: Address): string {
  if (address.family === 6) return formatIpv6(address)
  const value = address.w3
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

/** Returns the 4 or 16 bytes of an address in network order. */
export function encodeAddress(address: Address): Uint8Array {
  if (address.family === 4) return putWord(new Uint8Array(4), 0, address.w3)
  const bytes = new Uint8Array(16)
  putWord(bytes, 0, address.w0)
  putWord(bytes, 4, address.w1)
  putWord(bytes, 8, address.w2)
  return putWord(bytes, 12, address.w3)
}

/**
 * Reads 4 or 16 bytes in network order.
 * @throws {AddressError} at any other length
 */
export function decodeAddress(bytes: Uint8Array): Address {
  if (bytes.length === 4) return addressOfWords(0, 0, 0xffff, getWord(bytes, 0))
  if (bytes.length !== 16) throw new AddressError(`invalid IP address of ${bytes.length} bytes`)
  return addressOfWords(getWord(bytes, 0), getWord(bytes, 4), getWord(bytes, 8), getWord(bytes, 12))
}

/** Orders addresses by their 128 bits: negative, zero or positive; IPv4 stands where ::ffff:0:0/96 does. */
export function compareAddresses(a: Address, b: Address): number {
  return a.w0 - b.w0 || a.w1 - b.w1 || a.w2 - b.w2 || a.w3 - b.w3
}

/**
 * Returns the address `offset` places further, or back if negative.
 * @param offset integer within ±2^52
 * @throws {AddressError} if that leaves the family's addresses
 */
export function addOffset(address: Address, offset: number): Address {
  const sum = address.w3 + offset
  if (sum >= 0 && sum < WORD) return addressOfWords(address.w0, address.w1, address.w2, sum)
  const w2 = address.w2 + Math.floor(sum / WORD)
  const w1 = address.w1 + Math.floor(w2 / WORD)
  const w0 = address.w0 + Math.floor(w1 / WORD)
  if (address.family === 4 || w0 < 0 || w0 >= WORD) {
    throw new AddressError(`${formatAddress(address)} plus ${offset} is no IPv${address.family} address`)
  }
  return addressOfWords(w0, w1 >>> 0, w2 >>> 0, sum - Math.floor(sum / WORD) * WORD)
}

function parseIpv4(text: string): Address | undefined {
  let value = 0
  let octet = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (digit === DOT - ZERO) {
      if (octet < 0 || dots === 3) return undefined
      value = value * 256 + octet
      octet = -1
      dots++
    } else {
      // An octet that is 0 so far may not go on: some readers would take 010 as octal.
      if (digit < 0 || digit > 9 || octet === 0) return undefined
      octet = octet < 0 ? digit : octet * 10 + digit
      if (octet > 255) return undefined
    }
  }
  return dots === 3 && octet >= 0 ? addressOfWords(0, 0, 0xffff, value * 256 + octet) : undefined
}

function parseIpv6(text: string): Address | undefined {
  if (text.includes(".")) return parseEmbeddedIpv4(text)
  const groups: number[] = []
  let gap = text.startsWith("::") ? 0 : -1
  let group = 0
  let digits = 0
  for (let i = gap === 0 ? 2 : 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === COLON) {
      if (digits === 0) return undefined
      groups.push(group)
      group = 0
      digits = 0
      if (text.charCodeAt(i + 1) === COLON) {
        if (gap >= 0) return undefined
        gap = groups.length
        i++
      } else if (i + 1 === text.length) return undefined
    } else {
      const digit = hexDigit(code)
      if (digit < 0 || ++digits > 4) return undefined
      group = group * 16 + digit
    }
  }
  if (digits > 0) groups.push(group)
  return addressOfGroups(groups, gap)
}

/** Fills the gap (-1: there is none) with zeros; there must be eight groups then, and a gap must have been one. */
function addressOfGroups(groups: readonly number[], gap: number): Address | undefined {
  const missing = 8 - groups.length
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined
  const at = (i: number) => (gap < 0 || i < gap ? groups[i]! : i < gap + missing ? 0 : groups[i - missing]!)
  const word = (i: number) => at(i) * 65536 + at(i + 1)
  return addressOfWords(word(0), word(2), word(4), word(6))
}

/** Reads IPv6 text with dots in it. The library also takes zones and prefix lengths, which no address here has. */
function parseEmbeddedIpv4(text: string): Address | undefined {
  if (!/^[0-9a-f:.]+$/i.test(text)) return undefined
  const { Address6, AddressError: Refusal } = require("ip-address")
  try {
    return addressOfGroups(
      new Address6(text).parsedAddress.map(group => Number.parseInt(group, 16)),
      -1,
    )
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

/** Returns the value of a hexadecimal digit's character code, or -1. */
export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

function formatIpv6({ w0, w1, w2, w3 }: Address): string {
  const groups = [w0 >>> 16, w0 & 65535, w1 >>> 16, w1 & 65535, w2 >>> 16, w2 & 65535, w3 >>> 16, w3 & 65535]
  // One zero group alone is written as it is: a run counts from two.
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (groups[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end
  }
  let text = ""
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += "::"
      i += length - 1
    } else {
      text += (i === 0 || i === start + length ? "" : ":") + groups[i]!.toString(16)
    }
  }
  return text
}

function putWord(bytes: Uint8Array, at: number, word: number): Uint8Array {
  bytes[at] = word >>> 24
  bytes[at + 1] = word >>> 16
  bytes[at + 2] = word >>> 8
  bytes[at + 3] = word
  return bytes
}

function getWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}
