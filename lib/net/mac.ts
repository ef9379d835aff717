/** Hardware addresses: Ethernet (6 bytes), EUI-64 (8) and IP over InfiniBand (20). */

import { AddressError, hexDigit } from "./address.ts"

/**
 * Reads what Go's net.ParseMAC reads: pairs of digits joined by `:` or `-`, or groups of four joined by `.`.
 * @returns 6, 8 or 20 bytes
 * @throws {AddressError} `address <text>: invalid MAC address`
 */
export function parseMac(text: string): Uint8Array {
  const dotted = text[4] === "."
  const separator = dotted ? "." : text[2] === "-" ? "-" : ":"
  const groupDigits = dotted ? 4 : 2
  // One separator less than groups: with one more, groups and separators fill whole strides.
  const groups = (text.length + 1) / (groupDigits + 1)
  const length = (groups * groupDigits) / 2
  if (length !== 6 && length !== 8 && length !== 20) throw invalidMac(text)

  const bytes = new Uint8Array(length)
  let at = 0
  for (let i = 0; i < length; i++) {
    if (i > 0 && (!dotted || i % 2 === 0) && text[at++] !== separator) throw invalidMac(text)
    const high = hexDigit(text.charCodeAt(at++))
    const low = hexDigit(text.charCodeAt(at++))
    if (high < 0 || low < 0) throw invalidMac(text)
    bytes[i] = high * 16 + low
  }
  return bytes
}

/** Writes a hardware address of any length in lower case with `:`. */
export function formatMac(bytes: Uint8Array): string {
  let text = ""
  for (const byte of bytes) text += (text && ":") + (byte < 16 ? "0" : "") + byte.toString(16)
  return text
}

/** Tells whether two hardware addresses are the same. */
export const isSameMac = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** Makes an Ethernet address of 6 random bytes: unicast, locally administered (IEEE 802: the first byte's low bits). */
export function localMac(random: Uint8Array): Uint8Array {
  const bytes = random.slice(0, 6)
  bytes[0] = (bytes[0]! & 0xfe) | 2
  return bytes
}

function invalidMac(text: string): AddressError {
  return new AddressError(`${text && `address ${text}: `}invalid MAC address`)
}
