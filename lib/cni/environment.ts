/**
 * The parameters that come in environment variables (SPEC 1.1.0 §2 "Parameters"), as a table: which verb wants which,
 * and how each is checked. The order of checks is the reference library's, so that callers get the error they know.
 */
import { encodeUtf8 } from "../sys/streams.ts"
import { CniCode, CniError } from "./errors.ts"

/** The six verbs of CNI_COMMAND. */
export const verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const
/** One of the six verbs. */
export type Verb = (typeof verbs)[number]

/** The parameters of one call; "" where a variable is not set. */
export interface Parameters {
  readonly verb: Verb
  readonly containerId: string
  readonly netns: string
  readonly ifname: string
  readonly args: string
  readonly path: string
  /** CNI_NETNS may be the caller's own namespace. */
  readonly netnsOverride: boolean
}

interface Variable {
  readonly name: string
  readonly requiredBy: readonly Verb[]
  /** Tells what is wrong with a value; undefined if nothing is. */
  readonly problem?: (value: string) => string | undefined
}

const variables: readonly Variable[] = [
  { name: "CNI_CONTAINERID", requiredBy: ["ADD", "DEL", "CHECK"], problem: containerIdProblem },
  { name: "CNI_NETNS", requiredBy: ["ADD", "CHECK"] },
  { name: "CNI_IFNAME", requiredBy: ["ADD", "DEL", "CHECK"], problem: interfaceNameProblem },
  { name: "CNI_PATH", requiredBy: ["GC"] },
]

/** Tells whether a text may be a network name or a container ID, and so a part of a path. */
export const isName = (text: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)

function containerIdProblem(value: string): string | undefined {
  return isName(value) ? undefined : `invalid characters in containerID: ${JSON.stringify(value)}`
}

/**
 * Tells why a text cannot be an interface's name; undefined if it can. The rule is the reference library's: the kernel's
 * (dev_valid_name in net/core/dev.c) and no white space of any script. A name with % is a pattern that the kernel fills in.
 */
export function interfaceNameProblem(value: string): string | undefined {
  if (value === "") return "interface name is empty"
  if (encodeUtf8(value).length > 15)
    return `interface name is too long: ${JSON.stringify(value)} has more than 15 bytes`
  if (value === "." || value === "..") return "interface name is . or .."
  if (value.includes("\0")) return `interface name contains NUL: ${JSON.stringify(value)}`
  if (value.includes("%")) return `interface name contains %: ${JSON.stringify(value)}`
  if (!/[/:\s\u0085]/.test(value)) return undefined
  return `interface name contains / or : or whitespace characters: ${JSON.stringify(value)}`
}

/**
 * Reads the parameters for the verb that CNI_COMMAND names.
 * @throws {CniError} code 4, naming every variable that is missing or the first that is invalid
 */
export function readParameters(environment: ReadonlyMap<string, string>): Parameters {
  const command = environment.get("CNI_COMMAND") ?? ""
  const verb = verbs.find(each => each === command)
  if (verb === undefined) throw new CniError(CniCode.invalidEnvironment, `unknown CNI_COMMAND: ${command}`)
  const missing: string[] = []
  for (const { name, requiredBy, problem } of variables) {
    if (!requiredBy.includes(verb)) continue
    const value = environment.get(name) ?? ""
    if (value === "") missing.push(name)
    else {
      const reason = problem?.(value)
      if (reason !== undefined) throw new CniError(CniCode.invalidEnvironment, `${name}: ${reason}`)
    }
  }
  if (missing.length > 0) {
    throw new CniError(CniCode.invalidEnvironment, `required env variables [${missing.join(",")}] missing`)
  }
  const get = (name: string) => environment.get(name) ?? ""
  return {
    verb,
    containerId: get("CNI_CONTAINERID"),
    netns: get("CNI_NETNS"),
    ifname: get("CNI_IFNAME"),
    args: get("CNI_ARGS"),
    path: get("CNI_PATH"),
    netnsOverride: ["1", "true"].includes(get("CNI_NETNS_OVERRIDE").toLowerCase()),
  }
}
