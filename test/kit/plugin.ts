// Runs plugin executables the way a runtime does: one verb in the environment, the configuration on stdin, the answer
// on stdout. The environment is exactly what is listed here (PATH and CNI_*), never the test's own.

import { join } from "node:path"
import { containerPath, type Outcome, type RunOptions, type World } from "./namespaces.ts"
import { pluginFolder, systemPath } from "./repository.ts"

/** One container's interface, as the runtime names it. */
export interface Attachment {
  readonly containerId: string
  readonly netns: string
  readonly ifname: string
}

/** One run of one plugin; a parameter left out is not set in the environment. */
export interface Invocation extends Partial<Attachment> {
  /** The executable's name in `folder`. */
  readonly plugin: string
  /** CNI_COMMAND; absent: unset, which makes a plugin print its about text. */
  readonly verb?: string
  /** Network configuration, or the raw text or bytes for stdin. */
  readonly config: object | string | Uint8Array
  /** CNI_ARGS. */
  readonly args?: string
  /** CNI_PATH; absent: `folder`. */
  readonly path?: string
  /** Where the executable lies; absent: dist/bin, or the folder that PATCHBAY_PLUGINS names. */
  readonly folder?: string
  /** Further variables; undefined takes one out that would be set otherwise. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Words before the executable's path, e.g. `["strace", "-f"]` or `["sh", "-c", 'exec "$@" >&-', "sh"]`. */
  readonly launcher?: readonly string[]
  /** Absent: 10 s. */
  readonly timeoutMs?: number
}

/** What a plugin answered; `json` is undefined if stdout is not one JSON document. */
export interface Answer extends Outcome {
  /** The plugin and verb, for messages. */
  readonly what: string
  readonly json: unknown
}

/** A network configuration list as a runtime stores it. */
export interface ConfList {
  readonly cniVersion: string
  readonly name: string
  readonly plugins: readonly PluginConf[]
}

/** One plugin's part of a list. */
export interface PluginConf {
  readonly type: string
  readonly capabilities?: Readonly<Record<string, boolean>>
  readonly [key: string]: unknown
}

/** One verb over a whole list. */
export interface ListInvocation extends Omit<Invocation, "plugin" | "config"> {
  readonly list: ConfList
  readonly verb: string
  /** The attachment's cached result; CHECK needs it, DEL takes it. */
  readonly prevResult?: unknown
  /** Values of capabilities; each plugin gets those that it declares. */
  readonly runtimeConfig?: Readonly<Record<string, unknown>>
  /** Value of `cni.dev/valid-attachments` for GC. */
  readonly validAttachments?: readonly { readonly containerID: string; readonly ifname: string }[]
}

/** Returns the attachment of interface eth0 in container namespace `name`, with the name as container ID. */
export function attachment(name: string, ifname = "eth0"): Attachment {
  return { containerId: name, netns: containerPath(name), ifname }
}

/** Runs one plugin verb in the host namespace of `world`. */
export function cni(world: World, invocation: Invocation): Answer {
  return answer(invocation, world.run(commandLine(invocation), runOptions(invocation)))
}

/** Starts one plugin verb, so that several can run at once. */
export async function startCni(world: World, invocation: Invocation): Promise<Answer> {
  const options = { timeoutMs: 10_000, ...runOptions(invocation) }
  return answer(invocation, await world.start(commandLine(invocation), options).done)
}

/**
 * Runs a verb over a list as libcni does: forwards, DEL backwards, until the first error; every plugin but the first of
 * an ADD gets `prevResult`. Returns the answers in the order of running.
 */
export function cniList(world: World, { list, ...rest }: ListInvocation): Answer[] {
  const answers: Answer[] = []
  let prevResult = rest.prevResult
  for (const conf of rest.verb === "DEL" ? list.plugins.toReversed() : list.plugins) {
    const config = requestConfig(conf, { ...rest, list, prevResult })
    const last = cni(world, { ...rest, plugin: conf.type, config })
    answers.push(last)
    if (last.status !== 0 && rest.verb !== "GC") break
    if (rest.verb === "ADD") prevResult = last.json
  }
  return answers
}

/**
 * Returns what one plugin of a list reads on stdin (SPEC 1.1.0 section 3, deriving request configuration); like libcni
 * and unlike the SPEC it leaves `capabilities` in.
 */
export function requestConfig(conf: PluginConf, request: ListInvocation): object {
  const { list, prevResult, runtimeConfig = {}, validAttachments } = request
  const wanted = Object.entries(runtimeConfig).filter(([name]) => conf.capabilities?.[name] === true)
  return {
    ...conf,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(wanted.length > 0 && { runtimeConfig: Object.fromEntries(wanted) }),
    ...(prevResult !== undefined && { prevResult }),
    ...(validAttachments !== undefined && { "cni.dev/valid-attachments": validAttachments }),
  }
}

/**
 * Returns the JSON result of a verb that must have succeeded.
 * @throws Error with everything the plugin said
 */
export function resultOf(given: Answer): Record<string, unknown> {
  if (given.status !== 0) throw new Error(describe(given, "status 0"))
  if (typeof given.json !== "object" || given.json === null) throw new Error(describe(given, "a JSON result"))
  return given.json as Record<string, unknown>
}

/**
 * Asserts that a verb without a result succeeded and printed nothing on stdout.
 * @throws Error with everything the plugin said
 */
export function assertSilent(given: Answer): void {
  if (given.status !== 0 || given.stdout !== "") throw new Error(describe(given, "status 0 and an empty stdout"))
}

/** A CNI error object. */
export interface CniError {
  readonly code: number
  readonly msg: string
  readonly details?: string
}

/**
 * Asserts that a verb failed with exit status 1 and a CNI error of this code, whose msg and details together match
 * `pattern`; returns the error.
 * @throws Error with everything the plugin said
 */
export function assertCniError(given: Answer, code: number, pattern: RegExp): CniError {
  const problem = cniErrorProblem(given)
  if (problem !== undefined) throw new Error(describe(given, problem))
  const error = given.json as CniError
  const text = error.details ? `${error.msg}\n${error.details}` : error.msg
  if (error.code !== code || !pattern.test(text)) throw new Error(describe(given, `error ${code} matching ${pattern}`))
  return error
}

/** Says what a failed verb's answer lacks of the form that the specification demands; undefined: nothing. */
export function cniErrorProblem({ status, json }: Answer): string | undefined {
  if (status !== 1) return "exit status 1"
  const { code, msg } = (json ?? {}) as Partial<CniError>
  if (typeof code !== "number" || typeof msg !== "string") return "a CNI error object on stdout"
  return undefined
}

/** Puts an answer into words for a failure message. */
export function describe(given: Answer, wanted: string): string {
  const end = given.status === null ? `was ended by ${given.signal}` : `ended with status ${given.status}`
  return `${given.what} ${end}, wanted ${wanted}\nstdout: ${given.stdout}\nstderr: ${given.stderr}`
}

function commandLine({ plugin, folder = pluginFolder(), launcher = [] }: Invocation): string[] {
  return [...launcher, join(folder, plugin)]
}

function runOptions(invocation: Invocation): RunOptions {
  const { config, timeoutMs } = invocation
  const raw = typeof config === "string" || config instanceof Uint8Array
  return {
    env: environment(invocation),
    input: raw ? config : JSON.stringify(config),
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
}

/** Returns the environment that a plugin gets. */
export function environment(invocation: Invocation): Record<string, string> {
  const { verb, containerId, netns, ifname, args, folder = pluginFolder(), path = folder, env } = invocation
  const all: Record<string, string | undefined> = {
    PATH: systemPath,
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: path,
    ...env,
  }
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function answer({ plugin, verb }: Invocation, outcome: Outcome): Answer {
  return { ...outcome, what: `${plugin} ${verb ?? "without a verb"}`, json: parseJson(outcome.stdout) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
