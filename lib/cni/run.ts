/**
 * The life of a one-shot plugin process behind front.ts: read, check, run one verb, print, end. Nothing else prints to
 * stdout, and the result is the last effect: if it cannot be printed, ADD is undone.
 */
import { isSysError } from "../sys/errors.ts"
import { exit, readEnvironment, writeStdout } from "../sys/streams.ts"
import { isTracing, startTrace, trace, warn } from "../sys/trace.ts"
import { type ConfigSchema, listUnknownKeys, validateConfig, validateLeniently } from "./config.ts"
import { type Parameters, readParameters } from "./environment.ts"
import { CniCode, CniError, describeChain, toCniError } from "./errors.ts"
import type { Plugin } from "./plugin.ts"
import {
  attachmentOf,
  type Call,
  findNamespace,
  findPrevResult,
  findValidAttachments,
  getNamespace,
  makeRequest,
  readCall,
  readVersion,
} from "./request.ts"
import { formatJson, formatResult } from "./result.ts"
import { readSettings } from "./settings.ts"
import { allOrNothing, Removals } from "./undo.ts"
import { type CniVersion, newestVersion } from "./versions.ts"

/** Runs a plugin for the call that environment and stdin describe, and ends the process: status 0, or 1 with an error printed. */
export function run<C>(plugin: Plugin<C>): never {
  exit(runVerb(plugin, readEnvironment()))
}

function print(text: string): number {
  try {
    writeStdout(text)
    return 0
  } catch (error) {
    warn(describeChain(error))
    return 1
  }
}

function runVerb<C>(plugin: Plugin<C>, environment: ReadonlyMap<string, string>): number {
  let version: CniVersion = newestVersion
  try {
    const parameters = readParameters(environment)
    beginTrace(plugin.name, parameters, environment)
    const call = readCall(parameters, environment, plugin.schema)
    version = readVersion(call)
    conduct(plugin, call, version)
    return 0
  } catch (thrown) {
    return printError(toCniError(thrown), version)
  }
}

function printError({ code, message, details }: CniError, cniVersion: CniVersion): number {
  if (isTracing()) trace(`failed with code ${code}: ${message}; ${details}`)
  const shown = details !== "" && { details: oneLine(details, MAX_DETAILS) }
  print(formatJson({ cniVersion, code, msg: oneLine(message, MAX_MESSAGE), ...shown }))
  return 1
}

/** In characters: values from the configuration are part of messages, and may be of any length. */
const MAX_MESSAGE = 1000
const MAX_DETAILS = 2000

function oneLine(text: string, limit: number): string {
  const line = text.slice(0, limit).replace(/\n\s*/g, " ")
  return text.length > limit ? `${line}…` : line
}

/** Settings that cannot be read stop what makes things, never what removes them. */
function beginTrace(plugin: string, { verb, containerId }: Parameters, environment: ReadonlyMap<string, string>): void {
  try {
    const settings = readSettings(environment)
    const parent = environment.get("TRACEPARENT")
    startTrace(settings.trace, `${plugin} ${verb} ${containerId || "-"}${parent ? ` ${parent}` : ""}`)
  } catch (error) {
    if (verb !== "DEL" && verb !== "GC") throw error
    warn(describeChain(error))
  }
}

function conduct<C>(plugin: Plugin<C>, call: Call, version: CniVersion): void {
  if (isTracing()) traceCall(plugin.schema, call)
  const { verb } = call.parameters
  if (verb === "ADD") conductAdd(plugin, call, version)
  else if (verb === "DEL") conductDel(plugin, call, version)
  else if (verb === "CHECK") conductCheck(plugin, call, version)
  else if (verb === "GC") conductGc(plugin, call, version)
  else plugin.status(makeRequest(call, version, validateConfig(call.value, plugin.schema)))
}

function traceCall<C>(schema: ConfigSchema<C>, { value, parameters: { netns, ifname, args } }: Call): void {
  trace(`CNI_NETNS=${netns} CNI_IFNAME=${ifname} CNI_ARGS=${args} config ${describeConfig(value)}`)
  const unknown = listUnknownKeys(value, schema)
  if (unknown.length > 0) trace(`keys nobody here knows: ${unknown.join(", ")}`)
}

/** What can be parsed may still be nested too deeply to be written. */
function describeConfig(value: object): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    return `(${describeChain(error)})`
  }
}

function conductAdd<C>(plugin: Plugin<C>, call: Call, version: CniVersion): void {
  const request = makeRequest(call, version, validateConfig(call.value, plugin.schema))
  const scope = {
    attachment: attachmentOf(call),
    prevResult: findPrevResult(call, version),
    netns: getNamespace(call),
  }
  allOrNothing(undo => {
    const result = plugin.add(Object.assign(request, scope), undo)
    const text = formatResult(result, version)
    if (isTracing()) trace(`result ${text}`)
    printResult(text)
  })
}

function printResult(text: string): void {
  try {
    writeStdout(text)
  } catch (error) {
    if (!isSysError(error, "EPIPE", "EBADF")) throw error
    throw new CniError(CniCode.ioFailure, `the result cannot be printed: ${error.message}`, "ADD was taken back")
  }
}

function conductCheck<C>(plugin: Plugin<C>, call: Call, version: CniVersion): void {
  const request = makeRequest(call, version, validateConfig(call.value, plugin.schema))
  const prevResult = findPrevResult(call, version)
  if (prevResult === undefined) throw new CniError(CniCode.invalidConfig, "Required prevResult missing")
  const netns = getNamespace(call)
  checkSandboxRecorded(call, prevResult.interfaces.find(each => each.name === call.parameters.ifname)?.sandbox)
  plugin.check(Object.assign(request, { attachment: attachmentOf(call), prevResult, netns }))
}

function checkSandboxRecorded({ parameters: { netns } }: Call, recorded: string | undefined): void {
  if (recorded === undefined || recorded === netns) return
  const problem = `Sandbox in prevResult ${recorded} doesn't match configured netns: ${netns}`
  throw new CniError(CniCode.internal, problem)
}

/** DEL works with whatever of the configuration and of prevResult is usable, since it may come long after a change. */
function conductDel<C>(plugin: Plugin<C>, call: Call, version: CniVersion): void {
  const { config, ignored } = validateLeniently(call.value, plugin.schema)
  for (const error of ignored) warn(`DEL goes on without an unusable part of the configuration: ${error.message}`)
  const request = makeRequest(call, version, config)
  const netns = findNamespace(call)
  const removals = new Removals()
  plugin.del(
    Object.assign(request, { attachment: attachmentOf(call), prevResult: usablePrevResult(call, version), netns }),
    removals,
  )
  removals.finish()
}

function usablePrevResult(call: Call, version: CniVersion) {
  try {
    return findPrevResult(call, version)
  } catch (error) {
    warn(`DEL goes on without prevResult: ${describeChain(error)}`)
    return undefined
  }
}

function conductGc<C>(plugin: Plugin<C>, call: Call, version: CniVersion): void {
  const valid = findValidAttachments(call)
  if (valid === undefined) {
    warn("GC removes nothing: the configuration lacks cni.dev/valid-attachments")
    return
  }
  const { config, ignored } = validateLeniently(call.value, plugin.schema)
  for (const error of ignored) warn(`GC goes on without an unusable part of the configuration: ${error.message}`)
  const removals = new Removals()
  plugin.gc(Object.assign(makeRequest(call, version, config), { valid }), removals)
  removals.finish()
}
