/**
 * The trace: one line for each thing a plugin asks of the kernel or of another executable. Off unless PATCHBAY_TRACE or the
 * node's settings turn it on; then the lines go to stderr or to a file, since runtimes drop a failed plugin's stderr.
 */
import * as native from "native"
import { appendToFile, writeAll } from "./files.ts"

let target = ""
let label = ""

/** Starts tracing to "stderr" or to an absolute path (appended to, created 0600); "" turns it off. */
export function startTrace(to: string, prefix: string): void {
  target = to
  label = prefix
}

/** Tells whether anybody reads the trace, so that lines are only built when they are wanted. */
export const isTracing = (): boolean => target !== ""

/** Writes one line. A trace that cannot be written never stops the plugin; stderr says so once. */
export function trace(message: string): void {
  if (target === "") return
  const line = `${label} ${native.clock_gettime(1).toFixed(3)} ${message}`.replace(/\n\s*/g, " ")
  const text = `${line}\n`
  try {
    if (target === "stderr") writeAll(2, native.encodeUtf8(text), "stderr")
    else appendToFile(target, text)
  } catch (error) {
    const dropped = target
    target = ""
    warn(`the trace to ${dropped} ends here: ${error instanceof Error ? error.message : error}`)
  }
}

/** Writes one line for the operator to stderr; a stderr that nobody reads is no reason to fail. */
export function warn(line: string): void {
  native.write(2, native.encodeUtf8(`${line}\n`))
}
