/** Bytes as pairs of hexadecimal digits. */
import { CodecError } from "./codec-error.ts"

/** Writes two lower-case digits per byte: "0a01ff". */
export function formatHex(bytes: Uint8Array): string {
  let text = ""
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16)
  return text
}

/**
 * Reads pairs of digits of either case, nothing between them.
 * @throws {CodecError}
 */
export function parseHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text)) throw new CodecError("", `bad hexadecimal text "${text}"`)
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
