/** UTF-8 (RFC 3629) without the platform's help. What is no UTF-8, or no Unicode, becomes U+FFFD, as in Go. */

const REPLACEMENT = 0xfffd
/** Arguments of one call: the engine refuses more than 65,534. */
const CHUNK = 4096

/** Encodes text; half a surrogate pair becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0)!
    if (point < 0x80) bytes.push(point)
    else encodePoint(bytes, point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : point)
  }
  return Uint8Array.from(bytes)
}

function encodePoint(bytes: number[], point: number): void {
  if (point < 0x800) {
    bytes.push(0xc0 | (point >> 6))
  } else {
    if (point < 0x10000) bytes.push(0xe0 | (point >> 12))
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63))
    bytes.push(0x80 | ((point >> 6) & 63))
  }
  bytes.push(0x80 | (point & 63))
}

/** Decodes bytes; each byte that is not part of a well-formed sequence becomes one U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  let bits = 0
  for (let i = 0; i < bytes.length; i++) bits |= bytes[i]!
  return bits < 0x80 ? decodeAscii(bytes) : decodeSequences(bytes)
}

function decodeAscii(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return Reflect.apply(String.fromCharCode, null, bytes)
  let text = ""
  for (let at = 0; at < bytes.length; at += CHUNK) text += decodeAscii(bytes.subarray(at, at + CHUNK))
  return text
}

function decodeSequences(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; ) {
    const point = decodePoint(bytes, at)
    text += String.fromCodePoint(point < 0 ? REPLACEMENT : point)
    at += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return text
}

/** Returns the code point whose sequence begins at `at`, or -1. */
function decodePoint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return first
  const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (size === 0 || at + size > bytes.length) return -1
  let point = first & (0x7f >> size)
  for (let i = at + 1; i < at + size; i++) {
    if ((bytes[i]! & 0xc0) !== 0x80) return -1
    point = (point << 6) | (bytes[i]! & 63)
  }
  // Longer than need be, half a surrogate pair, or beyond the last plane.
  const least = size === 2 ? 0x80 : size === 3 ? 0x800 : 0x10000
  return point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? -1 : point
}
