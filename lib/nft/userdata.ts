/**
 * Userdata: bytes that the kernel keeps with tables, chains, rules, sets and elements, and does not read. nft puts comments there,
 * and so does patchbay, in the same form, so that `nft list` shows them; beside them rules and elements may carry a tag that only
 * patchbay reads, for what is too long or not meant for people.
 *
 *     0      1        2
 *     | type | length | value …     one after another (libnftnl/udata.h), at most 256 bytes in all (NFT_USERDATA_MAXLEN)
 */
import { CodecError } from "../bytes/codec-error.ts"
import { ByteWriter } from "../bytes/writer.ts"
import { decodeUtf8, encodeUtf8 } from "../sys/streams.ts"

/** Userdata types of a comment: NFTNL_UDATA_{TABLE,CHAIN,RULE,SET_ELEM}_COMMENT, and NFTNL_UDATA_SET_COMMENT. */
export const COMMENT = 0
export const SET_COMMENT = 7

/** Not one of nft's types, which count from 0. nft skips it. */
const TAG = 112

/** NFTNL_UDATA_COMMENT_MAXLEN, in bytes: nft shows longer ones, but does not read again what it has shown. */
const COMMENT_LENGTH = 128
const USERDATA_LENGTH = 256

/** What rules and elements may carry. */
export interface Labels {
  /** For people: `nft list` shows it. At most 128 bytes, no double quotes, no control characters: see fitComment(). */
  readonly comment?: string | undefined
  /** For patchbay. With the comment at most 251 bytes, alone at most 254. */
  readonly tag?: string | undefined
}

/** What nft cannot read again between the double quotes that it shows a comment in. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
const UNREADABLE = /["\0-\x1f\x7f]/

/** Makes a comment of any text: leaves out what nft could not read again, and what is beyond 128 bytes. */
export function fitComment(text: string): string {
  const bytes = encodeUtf8(text.split(UNREADABLE).join(""))
  let length = Math.min(bytes.length, COMMENT_LENGTH)
  // Not within a character.
  while (length > 0 && (bytes[length]! & 0xc0) === 0x80) length--
  return decodeUtf8(bytes.subarray(0, length))
}

/** Puts together a comment alone. @throws {CodecError} */
export function encodeComment(comment: string | undefined, type = COMMENT): Uint8Array | undefined {
  if (comment === undefined) return undefined
  const writer = new ByteWriter(COMMENT_LENGTH + 3)
  writeComment(writer, comment, type)
  return writer.written()
}

/** Puts together what a rule or an element carries; undefined if that is nothing. @throws {CodecError} */
export function encodeLabels({ comment, tag }: Labels): Uint8Array | undefined {
  if (comment === undefined && tag === undefined) return undefined
  const writer = new ByteWriter(USERDATA_LENGTH)
  if (comment !== undefined) writeComment(writer, comment, COMMENT)
  if (tag !== undefined) writeValue(writer, TAG, encodeUtf8(tag))
  if (writer.length > USERDATA_LENGTH) throw new CodecError("", `comment and tag have ${writer.length} bytes of 256`)
  return writer.written()
}

function writeComment(writer: ByteWriter, comment: string, type: number): void {
  const text = encodeUtf8(comment)
  if (text.length > COMMENT_LENGTH || UNREADABLE.test(comment)) {
    throw new CodecError("", `nft could not read the comment ${JSON.stringify(comment)}`)
  }
  const value = new Uint8Array(text.length + 1)
  value.set(text)
  writeValue(writer, type, value)
}

/** Appends one value. @throws {CodecError} if it has more than 255 bytes */
export function writeValue(writer: ByteWriter, type: number, value: Uint8Array): void {
  if (value.length > 255) throw new CodecError("", `a tag of ${value.length} bytes`)
  writer.u8(type)
  writer.u8(value.length)
  writer.raw(value)
}

/** Reads the comment of a table or chain. */
export function decodeComment(userdata: Uint8Array | undefined): string | undefined {
  return userdata && decodeLabels(userdata).comment
}

/** Reads what a rule or an element carries. Other programs' values are skipped, and what is cut short. */
export function decodeLabels(userdata: Uint8Array | undefined): Labels {
  const labels: { comment?: string; tag?: string } = {}
  if (userdata === undefined) return labels
  for (let at = 0; at + 2 <= userdata.length; at += 2 + userdata[at + 1]!) {
    const end = at + 2 + userdata[at + 1]!
    if (end > userdata.length) break
    if (userdata[at] === TAG) labels.tag = decodeUtf8(userdata.subarray(at + 2, end))
    // With a NUL at its end, as nft wants it.
    else if (userdata[at] === COMMENT) labels.comment = decodeUtf8(userdata.subarray(at + 2, Math.max(at + 2, end - 1)))
  }
  return labels
}
