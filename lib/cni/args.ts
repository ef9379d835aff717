/** CNI_ARGS, "K=V;K2=V2" (SPEC 1.1.0 §2 Parameters), read as strictly as the reference library reads it. */
import { CniCode, CniError } from "./errors.ts"

/**
 * Reads the pairs whose keys a plugin knows. Keys are case-sensitive.
 * @param text CNI_ARGS; "" where it is not set
 * @throws {CniError} on a malformed pair, and on a key that is not known unless IgnoreUnknown is 1 or true
 */
export function parseCniArgs(text: string, known: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const unknown: string[] = []
  let ignoreUnknown = false
  for (const pair of text === "" ? [] : text.split(";")) {
    const [key, value, more] = pair.split("=")
    if (key === undefined || value === undefined || more !== undefined) {
      throw new CniError(CniCode.invalidEnvironment, `CNI_ARGS: ARGS: invalid pair ${JSON.stringify(pair)}`)
    }
    if (key === "IgnoreUnknown") ignoreUnknown = parseIgnoreUnknown(pair, value)
    else if (known.includes(key)) values.set(key, value)
    else unknown.push(pair)
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    const list = unknown.map(pair => JSON.stringify(pair)).join(" ")
    const hint = "IgnoreUnknown=1 in CNI_ARGS makes plugins pass over the keys of others"
    throw new CniError(CniCode.invalidEnvironment, `CNI_ARGS: ARGS: unknown args [${list}]`, hint)
  }
  return values
}

function parseIgnoreUnknown(pair: string, value: string): boolean {
  const text = value.toLowerCase()
  if (text === "1" || text === "true") return true
  if (text === "0" || text === "false") return false
  const problem = `ARGS: error parsing value of pair ${JSON.stringify(pair)}: boolean unmarshal error: invalid input ${text}`
  throw new CniError(CniCode.invalidEnvironment, `CNI_ARGS: ${problem}`)
}
