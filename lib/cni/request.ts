/** From stdin and environment to what a plugin is given: the checks that are the same for every plugin, in the reference's order. */

import { classifyNamespace } from "../host/namespace.ts"
import type { Attachment } from "../host/owner.ts"
import { SysError } from "../sys/errors.ts"
import { decodeUtf8, readStdin } from "../sys/streams.ts"
import { warn } from "../sys/trace.ts"
import { parseCniArgs } from "./args.ts"
import { type ConfigSchema, formatValue, parseConfig } from "./config.ts"
import { isName, type Parameters, type Verb } from "./environment.ts"
import { CniCode, CniError } from "./errors.ts"
import { Ipam } from "./ipam.ts"
import type { Request } from "./plugin.ts"
import { decodePrevResult, type Result, ResultError } from "./result.ts"
import {
  type CniVersion,
  isAtLeast,
  isSupportedVersion,
  newestVersion,
  supportedVersions,
  VersionError,
} from "./versions.ts"

type Json = { readonly [key: string]: unknown }

/** One call: its parameters and its configuration, read but not yet validated by the plugin's schema. */
export interface Call {
  readonly parameters: Parameters
  readonly environment: ReadonlyMap<string, string>
  readonly stdin: Uint8Array
  /** Known keys in their own spelling. */
  readonly value: Json
  readonly network: string
}

/**
 * Reads stdin and the network's name.
 * @throws {CniError} code 5 if stdin cannot be read, 7 if the name is missing or invalid
 * @throws {JsonError}
 */
export function readCall<C>(
  parameters: Parameters,
  environment: ReadonlyMap<string, string>,
  schema: ConfigSchema<C>,
): Call {
  const stdin = readInput()
  const value: Json = parseConfig(decodeUtf8(stdin), schema)
  const network = value.name ?? ""
  if (network === "") throw new CniError(CniCode.invalidConfig, "missing network name")
  if (typeof network !== "string" || !isName(network)) {
    const details = `name is ${formatValue(network)}; it may hold letters, digits, "_", "." and "-"`
    throw new CniError(CniCode.invalidConfig, "invalid characters found in network name", details)
  }
  return { parameters, environment, stdin, value, network }
}

function readInput(): Uint8Array {
  try {
    return readStdin()
  } catch (error) {
    if (!(error instanceof SysError)) throw error
    throw new CniError(CniCode.ioFailure, `error reading from stdin: ${error.message}`)
  }
}

/** The oldest configuration version that has a verb. */
const verbSince: { readonly [verb: string]: CniVersion } = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" }

/**
 * Tells the configuration's version, which the verb must allow and we must speak. Absent is 0.1.0.
 * @throws {CniError} code 1 or 6
 */
export function readVersion({ value, parameters: { verb } }: Call): CniVersion {
  const named = value.cniVersion ?? ""
  if (typeof named !== "string") {
    const problem = `decoding version from network config: cniVersion is ${formatValue(named)}`
    throw new CniError(CniCode.decodingFailure, problem)
  }
  const since = verbSince[verb]
  if (since !== undefined) refuseVerb(verb, named, since)
  const version = named === "" ? "0.1.0" : named
  if (isSupportedVersion(version)) return version
  const list = supportedVersions.map(each => JSON.stringify(each)).join(" ")
  const details = `config is ${formatValue(version)}, plugin supports [${list}]`
  throw new CniError(CniCode.incompatibleVersion, "incompatible CNI versions", details)
}

/** Throws unless a configuration of this version, and we, know the verb. */
function refuseVerb(verb: Verb, version: string, since: CniVersion): void {
  const refusal = (whose: string, reason: string) => {
    const details = `the configuration is of ${version || "0.1.0"}, ${reason}`
    return new CniError(CniCode.incompatibleVersion, `${whose} version does not allow ${verb}`, details)
  }
  try {
    if (!isAtLeast(version, since)) throw refusal("config", `${verb} came with ${since}`)
    if (!isAtLeast(newestVersion, version)) throw refusal("plugin", `the newest version here is ${newestVersion}`)
  } catch (error) {
    if (!(error instanceof VersionError)) throw error
    throw new CniError(CniCode.decodingFailure, error.message)
  }
}

/** Makes what every verb is given. */
export function makeRequest<C>(call: Call, version: CniVersion, config: C): Request<C> {
  return {
    config,
    network: call.network,
    version,
    ipam: makeIpam(call, version),
    cniArgs: (...known) => parseCniArgs(call.parameters.args, known),
  }
}

function makeIpam({ value, parameters, environment, stdin }: Call, version: CniVersion): Ipam | undefined {
  const type = (value.ipam as Json | undefined)?.type
  return typeof type === "string" && type !== ""
    ? new Ipam(type, version, { path: parameters.path, environment, stdin })
    : undefined
}

/** Tells whose interface the call is about. */
export function attachmentOf({ network, parameters: { containerId, ifname } }: Call): Attachment {
  return { network, containerId, ifname }
}

/**
 * Gives the namespace of an ADD or a CHECK.
 * @throws {CniError} code 8 if it is the plugin's own; 3 if it is gone before anything was done, so that the runtime need
 *   not clean up; 999 if the path names something else
 */
export function getNamespace({ parameters: { verb, netns, netnsOverride }, value }: Call): string {
  const kind = classifyNamespace(netns)
  if (kind === "own" && !netnsOverride) throw ownNamespace(netns)
  if (kind === "absent") {
    const code = verb === "ADD" && !value.prevResult ? CniCode.unknownContainer : CniCode.internal
    throw new CniError(code, `failed to open netns "${netns}": no such file or directory`, "nothing was changed")
  }
  if (kind === "not a namespace") {
    throw new CniError(
      CniCode.internal,
      `failed to open netns "${netns}": unknown FS magic: it is no network namespace`,
    )
  }
  return netns
}

/** Gives the namespace of a DEL; undefined, with a line on stderr, where there is none any more. @throws {CniError} code 8 */
export function findNamespace({ parameters: { netns, netnsOverride } }: Call): string | undefined {
  if (netns === "") return undefined
  const kind = classifyNamespace(netns)
  if (kind === "own" && !netnsOverride) throw ownNamespace(netns)
  if (kind === "foreign" || kind === "own") return netns
  const problem = kind === "absent" ? "no such file or directory" : "it is no network namespace"
  warn(`netns ${netns}: ${problem}; what is on the host is removed`)
  return undefined
}

function ownNamespace(netns: string): CniError {
  const details = `"${netns}" is the namespace the plugin runs in; CNI_NETNS_OVERRIDE=1 allows it. Nothing was changed.`
  return new CniError(
    CniCode.invalidNamespace,
    "plugin's netns and netns from CNI_NETNS should not be the same",
    details,
  )
}

/** Reads prevResult; undefined if there is none. @throws {CniError} code 7 */
export function findPrevResult({ value }: Call, version: CniVersion): Result | undefined {
  const { prevResult } = value
  if (prevResult === undefined || prevResult === null) return undefined
  try {
    return decodePrevResult(prevResult, version)
  } catch (error) {
    if (!(error instanceof ResultError)) throw error
    throw new CniError(CniCode.invalidConfig, error.message, "in prevResult")
  }
}

/**
 * Reads the attachments that GC must leave alone; undefined if the runtime did not say, which is no permission to remove.
 * libcni writes null for none, and an earlier wrong key beside the specification's (cni#1101).
 * @throws {CniError} code 7 if the list is malformed: what cannot be read must not be taken for stale
 */
export function findValidAttachments({ value, network }: Call): Attachment[] | undefined {
  const keys = ["cni.dev/valid-attachments", "cni.dev/attachments"]
  const key = keys.find(each => Object.hasOwn(value, each))
  if (key === undefined) return undefined
  const list = value[key] ?? []
  if (!Array.isArray(list)) throw new CniError(CniCode.invalidConfig, `${key} is not a list`)
  return list.map((each: Json | null, i) => {
    const { containerID, ifname } = each ?? {}
    if (typeof containerID !== "string" || typeof ifname !== "string") {
      const got = `containerID ${formatValue(containerID)} and ifname ${formatValue(ifname)}`
      throw new CniError(CniCode.invalidConfig, `${key}[${i}]: must have containerID and ifname as strings, got ${got}`)
    }
    return { network, containerId: containerID, ifname }
  })
}
