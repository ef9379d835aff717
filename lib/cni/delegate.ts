/**
 * Delegation: running another plugin with the same stdin and environment, as SPEC 1.1.0 §4 wants it.
 * The other plugin's stderr is ours; its error keeps its code and gets its name into `details`.
 */

import { isSysError, SysError } from "../sys/errors.ts"
import { findStatus } from "../sys/files.ts"
import { type Ended, startProgram } from "../sys/processes.ts"
import { decodeUtf8 } from "../sys/streams.ts"
import { isTracing, trace } from "../sys/trace.ts"
import { CniCode, CniError } from "./errors.ts"

/** What a delegate needs of its caller's request. */
export interface DelegateContext {
  /** CNI_PATH: folders separated by ":". */
  readonly path: string
  readonly environment: ReadonlyMap<string, string>
  /** The caller's stdin, to the byte. */
  readonly stdin: Uint8Array
}

/** The delegate's executable is in no folder of CNI_PATH. */
export class DelegateMissing extends Error {
  override readonly name = "DelegateMissing"
}

/** Tells whether a text may name an executable: it must not lead out of the folder, and no file has NUL in its name. */
export const isPluginName = (type: string): boolean => !type.includes("/") && !type.includes("\0")

/**
 * Finds a plugin's executable: a regular file in the first folder of CNI_PATH that has one.
 * @throws {DelegateMissing}
 * @throws {CniError} if the name could leave the folder
 * @throws {SysError} if no folder has one, and one of them cannot be read now
 */
export function findPlugin(type: string, path: string): string {
  if (!isPluginName(type)) throw new CniError(CniCode.invalidConfig, `invalid plugin name: ${type}`)
  const folders = path.split(":").filter(Boolean)
  const failures: SysError[] = []
  const folder = folders.find(each => isFile(`${each}/${type}`, failures))
  if (folder !== undefined) return `${folder}/${type}`
  const [failure] = failures
  if (failure !== undefined) throw failure
  const problem =
    folders.length === 0 ? "no paths provided" : `failed to find plugin "${type}" in path [${folders.join(" ")}]`
  throw new DelegateMissing(problem)
}

/**
 * A path that cannot be looked at holds no plugin: the next folder may. If none does, what could not be read, for want of
 * memory or by a fault of the disk, is no proof that the plugin is missing.
 */
function isFile(path: string, failures: SysError[]): boolean {
  try {
    return findStatus(path)?.isFile ?? false
  } catch (error) {
    if (!(error instanceof SysError)) throw error
    if (isTracing()) trace(error.message)
    if (!isSysError(error, "EACCES", "ELOOP", "ENAMETOOLONG")) failures.push(error)
    return false
  }
}

/**
 * Starts the plugin `type` for one verb.
 * @returns a function that waits for its end, to be called once. It gives what ADD printed, parsed; undefined where ADD printed
 *   nothing, and for other verbs, whose output means nothing; and throws the delegate's own error as a CniError.
 * @throws {DelegateMissing | SysError}
 */
export function startDelegate(type: string, verb: string, context: DelegateContext): () => unknown {
  const path = findPlugin(type, context.path)
  const env = [...context.environment].map(([key, value]) => `${key}=${key === "CNI_COMMAND" ? verb : value}`)
  if (isTracing()) trace(`exec ${path} ${verb}`)
  const running = startProgram({ path, argv: [path], env, stdin: context.stdin })
  return () => {
    const ended = running.finish()
    const stdout = decodeUtf8(ended.stdout)
    if (isTracing()) trace(`exec ${path} ${verb} ended with ${ended.status ?? `signal ${ended.signal}`}: ${stdout}`)
    if (ended.status !== 0) throw delegateError(type, verb, ended, stdout)
    if (verb !== "ADD" || stdout.trim() === "") return undefined
    return parseOutput(stdout, `${type} ADD: its output is not JSON`)
  }
}

/** Runs the plugin `type` for one verb to its end, as startDelegate() says. @throws {DelegateMissing | SysError | CniError} */
export function runDelegate(type: string, verb: string, context: DelegateContext): unknown {
  return startDelegate(type, verb, context)()
}

function parseOutput(stdout: string, problem: string): unknown {
  try {
    return JSON.parse(stdout)
  } catch (error) {
    throw new CniError(CniCode.internal, problem, stdout.slice(0, 200), { cause: error })
  }
}

function delegateError(type: string, verb: string, ended: Ended, stdout: string): CniError {
  const how = ended.signal === undefined ? `exit status ${ended.status}` : `killed by signal ${ended.signal}`
  const failure = `plugin ${type} failed on ${verb}`
  if (stdout.trim() === "") {
    return new CniError(CniCode.internal, `netplugin failed with no error message: ${how}`, failure)
  }
  const problem = `netplugin failed but error parsing its diagnostic message: ${failure}, ${how}`
  const printed = parseOutput(stdout, problem) as { code?: unknown; msg?: unknown; details?: unknown } | null
  const { code, msg, details } = printed ?? {}
  const isCode = typeof code === "number" && Number.isSafeInteger(code) && code > 0
  const message = typeof msg === "string" && msg !== "" ? msg : `${failure}: ${how}`
  const more = typeof details === "string" && details !== "" ? `: ${details}` : ""
  return new CniError(isCode ? code : CniCode.internal, message, `${failure}${more}`)
}
