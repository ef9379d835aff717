/** This process's own stdin, stdout, environment and end. */
import * as native from "native"
import { now } from "./clock.ts"
import { check, EINTR, retry, SysError } from "./errors.ts"
import { readToEnd, writeAll } from "./files.ts"

const POLLIN = 1
const POLLHUP = 0x10

/** Reads stdin to its end. @throws {SysError} EBADF also where it was closed at start */
export function readStdin(): Uint8Array {
  if (native.closedAtStart & 1) throw new SysError("read", 9, "stdin") // EBADF
  return readToEnd(0, "stdin")
}

/**
 * Reads what stdin gives within `timeoutMs`, stopping early at its end or once `enough` says so.
 * @returns the text so far; "" where stdin is closed or unreadable
 */
export function readStdinBriefly(timeoutMs: number, enough: (text: string) => boolean): string {
  const deadline = now() + timeoutMs
  const chunk = new Uint8Array(4096)
  let text = ""
  while (!(native.closedAtStart & 1)) {
    const left = Math.ceil(deadline - now())
    if (left <= 0) break
    const ready = native.poll(0, POLLIN, left)
    if (ready === -EINTR) continue
    if (ready <= 0 || !(ready & (POLLIN | POLLHUP))) break
    const count = retry(() => native.read(0, chunk)) as number
    if (count <= 0) break
    text += native.decodeUtf8(chunk.subarray(0, count))
    if (enough(text)) break
  }
  return text
}

/** Writes to stdout. @throws {SysError} EBADF also where it was closed at start */
export function writeStdout(text: string): void {
  if (native.closedAtStart & 2) throw new SysError("write", 9, "stdout") // EBADF
  writeAll(1, native.encodeUtf8(text), "stdout")
}

/** Tells the environment as a map; of a name given twice the first counts, as in getenv(3). */
export function readEnvironment(): Map<string, string> {
  const variables = new Map<string, string>()
  for (const text of native.environ()) {
    const at = text.indexOf("=")
    const key = text.slice(0, at)
    if (at > 0 && !variables.has(key)) variables.set(key, text.slice(at + 1))
  }
  return variables
}

/** Fills a new array of `length` bytes with random ones. @throws {SysError} */
export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  check(
    retry(() => native.getrandom(bytes)),
    "getrandom",
    "",
  )
  return bytes
}

export { decodeUtf8, encodeUtf8, exit, lineTable } from "native"
