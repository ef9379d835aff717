/**
 * What a plugin answers before its own code is read: who it is, and VERSION. Runtimes ask VERSION of every plugin of every
 * network each time they load their configuration, and reading a plugin's bytecode costs more than the answer.
 */
import { exit, readEnvironment, readStdinBriefly, writeStdout } from "../sys/streams.ts"
import { warn } from "../sys/trace.ts"
import { type CniVersion, isSupportedVersion, newestVersion, supportedVersions } from "./versions.ts"

declare const PATCHBAY_VERSION: string
/** Reads and evaluates the rest of the executable, which ends the process. */
declare function require(part: "plugin"): never

/** How long VERSION waits for stdin, which callers may leave open and empty. */
const VERSION_INPUT_MS = 50

/** Answers, or lets the plugin called `name` answer; ends the process in any case. */
export function front(name: string): never {
  const command = readEnvironment().get("CNI_COMMAND") ?? ""
  if (command === "") exit(printAbout(name))
  if (command === "VERSION") exit(printVersion())
  return require("plugin")
}

/** The form that nerdctl reads; other lines are passed over. */
function printAbout(name: string): number {
  warn(`CNI ${name} plugin v${PATCHBAY_VERSION}\nCNI protocol versions supported: ${supportedVersions.join(", ")}`)
  return 0
}

function printVersion(): number {
  let cniVersion: CniVersion = newestVersion
  readStdinBriefly(VERSION_INPUT_MS, text => {
    const input = parseWhole(text)
    if (input === undefined) return false
    const named = (input as { cniVersion?: unknown } | null)?.cniVersion
    if (typeof named === "string" && isSupportedVersion(named)) cniVersion = named
    return true
  })
  try {
    writeStdout(`${JSON.stringify({ cniVersion, supportedVersions })}\n`)
    return 0
  } catch (error) {
    warn(`VERSION cannot be printed: ${error instanceof Error ? error.message : error}`)
    return 1
  }
}

/** Parses a JSON text; undefined if it is not (yet) whole, or nested more deeply than the engine reads. */
function parseWhole(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
