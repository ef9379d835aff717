/**
 * The node's list of sysctls that configurations may set, as the reference reads it: one Go regular expression a line, each
 * matched anywhere in the key as the configuration writes it. Without the file every sysctl below `net` is allowed.
 */
import { CniError } from "../../lib/cni/errors.ts"
import { SysError } from "../../lib/sys/errors.ts"
import { findTextFile } from "../../lib/sys/files.ts"
import { PatternError, parseGoPattern } from "./go-pattern.ts"

const ALLOW_LIST = "/etc/cni/tuning/allowlist.conf"

/** Codes for what is wrong with the list, and for a key that it does not hold. */
export interface AllowListCodes {
  readonly list: number
  readonly key: number
}

function findLines({ list }: AllowListCodes): string[] | undefined {
  try {
    const lines = findTextFile(ALLOW_LIST)?.split("\n")
    return lines?.map(line => line.trim()).filter(line => line !== "")
  } catch (error) {
    if (!(error instanceof SysError)) throw error
    throw new CniError(list, `the list of allowed sysctls cannot be read: ${error.message}`)
  }
}

/** Throws unless a line of the list matches each key. A line after the one that matches is not looked at. @throws {CniError} */
export function demandAllowed(keys: readonly string[], codes: AllowListCodes): void {
  const lines = findLines(codes)
  if (lines === undefined) return
  const tests = lines.map(line => readLater(line, codes))
  for (const key of keys) {
    if (tests.some(test => test(key))) continue
    const problem = `Sysctl ${key} is not allowed. Only the following sysctls are allowed: [${lines.join(" ")}]`
    throw new CniError(codes.key, problem, `${ALLOW_LIST} lists them, one Go regular expression a line`)
  }
}

/** Throws if a line of the list is no pattern. @throws {CniError} */
export function demandPatterns(codes: AllowListCodes): void {
  for (const line of findLines(codes) ?? []) readLine(line, codes)
}

function readLater(line: string, codes: AllowListCodes): (key: string) => boolean {
  let test: ((key: string) => boolean) | undefined
  return key => {
    test ??= readLine(line, codes)
    return test(key)
  }
}

function readLine(line: string, { list }: AllowListCodes): (text: string) => boolean {
  try {
    return parseGoPattern(line)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    throw new CniError(list, error.message, `in ${ALLOW_LIST}: ${JSON.stringify(line)}`)
  }
}
