/**
 * The node's settings: PATCHBAY_TRACE in the environment ("1" for stderr, or an absolute file), and /etc/cni/patchbay.json
 * for runtimes that scrub the environment of plugins. The environment counts more.
 */
import { nodeSchema } from "../../build/gen/node.ts"
import { SysError } from "../sys/errors.ts"
import { findTextFile } from "../sys/files.ts"
import { readConfig } from "./config.ts"
import { CniCode, CniError } from "./errors.ts"

const SETTINGS = "/etc/cni/patchbay.json"

/** Where the trace goes. */
export interface Settings {
  /** "stderr", an absolute path, or "" for no trace. */
  readonly trace: string
}

/** Reads the settings that count for this process. @throws {CniError} code 7 or 5, naming the file or the variable */
export function readSettings(environment: ReadonlyMap<string, string>): Settings {
  const variable = environment.get("PATCHBAY_TRACE") ?? ""
  if (variable === "1") return { trace: "stderr" }
  if (variable !== "") return { trace: absolute(variable, "PATCHBAY_TRACE") }
  try {
    const text = findTextFile(SETTINGS)
    return { trace: text === undefined ? "" : (readConfig(text, nodeSchema).trace ?? "") }
  } catch (error) {
    const code = error instanceof SysError ? CniCode.ioFailure : CniCode.invalidConfig
    throw new CniError(code, `${SETTINGS}: ${error instanceof Error ? error.message : error}`)
  }
}

function absolute(path: string, where: string): string {
  if (path.startsWith("/")) return path
  throw new CniError(CniCode.invalidConfig, `${where}: must be 1 or an absolute path, got ${JSON.stringify(path)}`)
}
