/**
 * The one place where what inner layers throw becomes a CNI error code (SPEC 1.1.0 §5 "Error").
 * Inner layers throw facts; toCniError() tells the code; run.ts prints.
 */
import { LockTimeout } from "../sys/locks.ts"
import { ConfigError } from "./config.ts"
import { JsonError } from "./json.ts"
import { mapStack } from "./stack.ts"
import { IncompleteRemoval, IncompleteRollback } from "./undo.ts"

/** Codes of SPEC 1.1.0 §5; 8 and 999 are the reference library's; those from 100 are patchbay's and stand in the README. */
export const CniCode = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNamespace: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  addressesExhausted: 100,
  internal: 999,
} as const

/** The only error shape that leaves the process. */
export class CniError extends Error {
  override readonly name = "CniError"
  readonly code: number
  /** What is left behind and what to do next; "" where there is nothing to add. */
  readonly details: string

  constructor(code: number, message: string, details = "", options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

/** Turns anything thrown into the error that the runtime gets. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error
  if (error instanceof IncompleteRollback) return withResidue(error)
  if (error instanceof IncompleteRemoval) return incompleteRemoval(error)
  if (error instanceof ConfigError) {
    return new CniError(CniCode.invalidConfig, error.message, "", { cause: error })
  }
  if (error instanceof JsonError) {
    return new CniError(CniCode.decodingFailure, `error unmarshall network config: ${error.message}`)
  }
  if (error instanceof LockTimeout || errnoOf(error) === "EAGAIN") {
    return new CniError(CniCode.tryAgainLater, messageOf(error), causes(error))
  }
  return new CniError(CniCode.internal, messageOf(error), causes(error), { cause: error })
}

function withResidue(error: IncompleteRollback): CniError {
  const inner = toCniError(error.cause)
  const left = error.residue.map(({ what, error }) => `left behind: ${what} (${describeChain(error)}); DEL removes it`)
  return new CniError(inner.code, inner.message, [inner.details, ...left].filter(Boolean).join("; "), { cause: error })
}

function incompleteRemoval(error: IncompleteRemoval): CniError {
  const [first, ...others] = error.residue.map(({ what, error }) => `${what}: ${describeChain(error)}`)
  const codes = error.residue.map(({ error }) => toCniError(error).code)
  const code = codes.every(each => each === codes[0]) ? codes[0] : CniCode.internal
  const more = others.length === 0 ? "" : `also not removed: ${others.join("; ")}. `
  return new CniError(code ?? CniCode.internal, `could not remove ${first}`, `${more}All else was removed; try again.`)
}

/** Tells the errno's name of a system call's or the kernel's refusal. */
function errnoOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Tells an error's causes, and of an error that nobody foresaw where in the TypeScript sources it came from. */
function causes(error: unknown): string {
  if (!(error instanceof Error)) return ""
  return [origin(error), error.cause === undefined ? "" : describeChain(error.cause)].filter(Boolean).join("; ")
}

/** The engine's own classes are mistakes in this program; facts are classes of ours. */
const MISTAKES = ["Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "InternalError"]

function origin(error: Error): string {
  return MISTAKES.includes(error.name) ? `${error.name} ${mapStack(error.stack ?? "")}` : ""
}

/** Tells an error and its causes in one line. */
export function describeChain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const details = error instanceof CniError ? error.details : origin(error)
  const own = details === "" ? error.message : `${error.message} (${details})`
  return error.cause === undefined ? own : `${own}: ${describeChain(error.cause)}`
}
