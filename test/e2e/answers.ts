// What the process contract says about every answer, whatever the verb and the input were.

import { type Answer, assertCniError, describe as inWords } from "../kit/plugin.ts"

/** In bytes: an error is for a person to read, however long the value was that it is about. */
const longestError = 8192

/**
 * Tells what an answer has that no answer may have; undefined: nothing. A success has status 0; a failure has status 1 and
 * one error object on stdout, formatted as the reference library does it.
 */
export function contractProblem(answer: Answer): string | undefined {
  const { status, stdout, json } = answer
  if (status === 0) return undefined
  if (status !== 1) return "exit status 0 or 1"
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "one JSON object on stdout"
  const { code, msg, details = "-", cniVersion, ...others } = json as Record<string, unknown>
  if (!Number.isInteger(code) || (code as number) < 1) return "a code that is a positive integer"
  if (typeof msg !== "string" || msg === "" || msg.includes("\n")) return "a msg of one line"
  if (typeof details !== "string" || details === "") return "details that is a text, or none"
  if (typeof cniVersion !== "string") return "a cniVersion"
  if (Object.keys(others).length > 0) return `no key ${Object.keys(others)[0]}`
  if (stdout.length > longestError) return `an error of at most ${longestError} bytes`
  if (stdout !== goJson(json)) return "an indentation of 4, <, > and & escaped, no newline at the end"
  return undefined
}

function goJson(value: unknown): string {
  const escapeCharacter = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  return JSON.stringify(value, undefined, 4).replace(/[<>&\u2028\u2029]/g, escapeCharacter)
}

/**
 * Asserts that a verb failed by the contract with this code, and that msg and details match `pattern`; gives the error.
 * @throws Error with everything the plugin said
 */
export function assertFailure(answer: Answer, code: number, pattern: RegExp) {
  const problem = contractProblem(answer)
  if (problem !== undefined) throw new Error(inWords(answer, problem))
  return assertCniError(answer, code, pattern)
}
