// Golden wire dumps: the messages of one exchange as a text that people can read and that bytes are compared with.
//
//   # ip link add br0 type bridge (iproute2 6.1.0, Linux 6.18)        comments: what produced it
//
//   > create the bridge                                               ">" sent, "<" received: begins a message
//   0000  3400 0000            nlmsg_len 52                           offset, bytes, two spaces, what they mean
//   0004  1000 0506            RTM_NEWLINK, REQUEST|ACK|EXCL|CREATE
//   0008  .... ....            nlmsg_seq                              ".." fits any byte
//
// A comparison reports messages that are missing, that are extra, and every line whose bytes differ. A golden is
// written anew only if PATCHBAY_REGENERATE_GOLDENS=1 asks for it; lines whose bytes still fit keep their words.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** One message on the wire. */
export interface WireMessage {
  readonly direction: "sent" | "received"
  readonly bytes: Uint8Array
}

/** One line of a golden; `bytes` has undefined where any byte fits. */
export interface GoldenLine {
  readonly offset: number
  readonly bytes: readonly (number | undefined)[]
  readonly note: string
}

/** One message of a golden. */
export interface GoldenMessage {
  readonly direction: "sent" | "received"
  readonly title: string
  readonly lines: readonly GoldenLine[]
}

/** A whole golden file. */
export interface Golden {
  /** Comment lines above the first message, without "# ". */
  readonly header: readonly string[]
  readonly messages: readonly GoldenMessage[]
}

/**
 * Compares an exchange with its golden file, or writes that file if PATCHBAY_REGENERATE_GOLDENS=1.
 * @throws Error listing every difference, or saying that the file is missing or malformed
 */
export function matchGolden(file: string, actual: readonly WireMessage[], header: readonly string[] = []): void {
  const known = existsSync(file) ? parseGolden(readFileSync(file, "utf8")) : undefined
  if (process.env.PATCHBAY_REGENERATE_GOLDENS === "1") {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, formatGolden(renewGolden(known ?? { header, messages: [] }, actual)))
    return
  }
  if (known === undefined) throw new Error(`${file}: no such golden; PATCHBAY_REGENERATE_GOLDENS=1 writes it`)
  const differences = compareGolden(known, actual)
  if (differences.length > 0) throw new Error([`${file}:`, ...differences].join("\n  "))
}

/**
 * Parses a golden.
 * @throws Error naming the line that is malformed or whose offset does not follow
 */
export function parseGolden(text: string): Golden {
  const header: string[] = []
  const messages: { direction: "sent" | "received"; title: string; lines: GoldenLine[] }[] = []
  for (const [index, line] of text.split("\n").entries()) {
    const last = messages.at(-1)
    if (line.trim() === "") continue
    if (line.startsWith("#")) {
      if (last === undefined) header.push(line.replace(/^# ?/, ""))
      continue
    }
    const start = /^([<>]) *(.*)$/.exec(line)
    if (start) {
      messages.push({ direction: start[1] === ">" ? "sent" : "received", title: start[2] ?? "", lines: [] })
      continue
    }
    const parsed = parseLine(line)
    if (parsed === undefined || last === undefined) throw new Error(`golden line ${index + 1} is malformed: ${line}`)
    const expected = lengthOf(last)
    if (parsed.offset !== expected) throw new Error(`golden line ${index + 1}: offset ${hex(expected, 4)} expected`)
    last.lines.push(parsed)
  }
  return { header, messages }
}

function parseLine(line: string): GoldenLine | undefined {
  const match = /^([0-9a-f]{4,}) {2}((?:(?:[0-9a-f]{2}|\.\.)+ ?)+)(?: +(.*))?$/.exec(line.trimEnd())
  if (match === null) return undefined
  const pairs = (match[2] ?? "").replaceAll(" ", "").match(/../g) ?? []
  const bytes = pairs.map(pair => (pair === ".." ? undefined : Number.parseInt(pair, 16)))
  return { offset: Number.parseInt(match[1] ?? "", 16), bytes, note: match[3] ?? "" }
}

/** Writes a golden; `parseGolden` gives it back. */
export function formatGolden({ header, messages }: Golden): string {
  const blocks = messages.map(({ direction, title, lines }) =>
    [`${direction === "sent" ? ">" : "<"} ${title}`.trimEnd(), ...lines.map(formatLine)].join("\n"),
  )
  return `${[header.map(line => `# ${line}`.trimEnd()).join("\n"), ...blocks].filter(Boolean).join("\n\n")}\n`
}

function formatLine({ offset, bytes, note }: GoldenLine): string {
  return `${hex(offset, 4)}  ${formatBytes(bytes).padEnd(20)} ${note}`.trimEnd()
}

function formatBytes(bytes: readonly (number | undefined)[]): string {
  const pairs = groups(bytes, 2).map(pair => pair.map(byte => (byte === undefined ? ".." : hex(byte, 2))).join(""))
  return pairs.join(" ")
}

/** Says in which messages and lines an exchange differs from its golden; empty: it matches. */
export function compareGolden(golden: Golden, actual: readonly WireMessage[]): string[] {
  const count = Math.max(golden.messages.length, actual.length)
  return Array.from({ length: count }, (_, index) => {
    const [wanted, got] = [golden.messages[index], actual[index]]
    if (wanted === undefined) return got === undefined ? [] : [`message ${index + 1} is extra: ${dump(got)}`]
    const name = `message ${index + 1} (${wanted.title || wanted.direction})`
    if (got === undefined) return [`${name} is missing`]
    if (got.direction !== wanted.direction)
      return [`${name} was ${got.direction}, not ${wanted.direction}: ${dump(got)}`]
    return compareMessage(wanted, got).map(difference => `${name} ${difference}`)
  }).flat()
}

function compareMessage(wanted: GoldenMessage, { bytes }: WireMessage): string[] {
  const length = lengthOf(wanted)
  const differences = wanted.lines
    .filter(line => !fits(line, bytes))
    .map(line => {
      const got = [...bytes.subarray(line.offset, line.offset + line.bytes.length)]
      return `wanted ${formatLine(line)}, got ${formatBytes(got) || "nothing"}`
    })
  if (bytes.length > length)
    differences.push(`has ${bytes.length - length} bytes more: ${toHex(bytes.subarray(length))}`)
  return differences
}

/** Gives an exchange the words of an older golden, line by line as long as the bytes still fit. */
export function renewGolden(old: Golden, actual: readonly WireMessage[]): Golden {
  return {
    header: old.header,
    messages: actual.map(({ direction, bytes }, index) => {
      const before = old.messages[index]?.direction === direction ? old.messages[index] : undefined
      const kept: GoldenLine[] = []
      for (const line of before?.lines ?? []) {
        if (!fits(line, bytes)) break
        kept.push(line)
      }
      const start = kept.reduce((sum, line) => sum + line.bytes.length, 0)
      const fresh = groups([...bytes.subarray(start)], 4).map((four, row) => {
        const offset = start + row * 4
        const same = before?.lines.find(line => line.offset === offset && fits(line, bytes))
        return { offset, bytes: four, note: same?.bytes.length === four.length ? same.note : "" }
      })
      return { direction, title: before?.title ?? "", lines: [...kept, ...fresh] }
    }),
  }
}

function fits({ offset, bytes }: GoldenLine, actual: Uint8Array): boolean {
  return bytes.every(
    (byte, index) =>
      actual[offset + index] !== undefined && (byte ?? actual[offset + index]) === actual[offset + index],
  )
}

function lengthOf({ lines }: { readonly lines: readonly GoldenLine[] }): number {
  return lines.reduce((sum, line) => sum + line.bytes.length, 0)
}

function groups<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}

function dump({ direction, bytes }: WireMessage): string {
  return `${direction} ${toHex(bytes)}`
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0")
}
