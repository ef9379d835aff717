/**
 * What an attachment's settings were before, in a file that DEL reads. The file is the reference plugin's, and either plugin
 * takes the other's; what the reference does not know stands under one key, which it passes over:
 *
 *     <dataDir>/<containerID>_<ifname>.json     mode 0600
 *       { "mac": …, "promisc": …, "mtu": …, "allmulti": …, "txQLen": …,        only what is changed
 *         "patchbay": { "network": …,                                          whose file it is, for GC
 *                       "sysctl": { "net/core/somaxconn": "128" },             as they were
 *                       "set": { "mtu": …, "sysctl": { … } } } }               what they were changed to
 */
import { isObject, type JsonObject } from "../../lib/cni/json.ts"
import { AddressError } from "../../lib/net/address.ts"
import { formatMac, parseMac } from "../../lib/net/mac.ts"
import { isSameValue, type LinkSettings, type Settings, type Sysctls } from "./settings.ts"

/** The content of a state file. */
export interface State {
  /** Undefined in a file of the reference's. */
  readonly network: string | undefined
  readonly before: Settings
  /** Empty in a file of the reference's. */
  readonly set: Settings
}

/** A file holds no state. */
export class StateError extends Error {
  override readonly name = "StateError"
}

/** Formats a state; the reference's keys come in its order. */
export function formatState({ network, before, set }: State): string {
  const { mac, promisc, mtu, allmulti, txQLen } = before.link
  const patchbay = { network, sysctl: before.sysctls, set: { ...set.link, sysctl: set.sysctls } }
  return JSON.stringify({ mac, promisc, mtu, allmulti, txQLen, patchbay }, undefined, 1)
}

/** Reads the text of a state file. @throws {StateError} */
export function parseState(text: string): State {
  const value = parse(text)
  if (!isObject(value)) throw new StateError("it is no JSON object")
  const own = isObject(value.patchbay) ? value.patchbay : {}
  const set = isObject(own.set) ? own.set : {}
  return {
    network: typeof own.network === "string" ? own.network : undefined,
    before: { link: readLink(value), sysctls: readSysctls(own.sysctl) },
    set: { link: readLink(set), sysctls: readSysctls(set.sysctl) },
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new StateError(error instanceof Error ? error.message : String(error))
  }
}

/** What is null, or 0 for the MTU and "" for the MAC, was not changed. */
function readLink(value: JsonObject): LinkSettings {
  const mac = read(value, "mac", "string")
  const promisc = read(value, "promisc", "boolean")
  const mtu = read(value, "mtu", "number")
  const allmulti = read(value, "allmulti", "boolean")
  const txQLen = read(value, "txQLen", "number")
  return {
    ...(mac && { mac: readMac(mac) }),
    ...(promisc !== undefined && { promisc }),
    ...(mtu && { mtu }),
    ...(allmulti !== undefined && { allmulti }),
    ...(txQLen !== undefined && { txQLen }),
  }
}

type Types = { string: string; boolean: boolean; number: number }

function read<T extends keyof Types>(object: JsonObject, key: keyof LinkSettings, type: T): Types[T] | undefined {
  const value = object[key] ?? undefined
  const isFit = typeof value === type && (type !== "number" || isUnsigned(value))
  if (value !== undefined && !isFit) throw new StateError(`its ${key} is ${JSON.stringify(value)}`)
  return value as Types[T] | undefined
}

const isUnsigned = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32

function readMac(text: string): string {
  try {
    return formatMac(parseMac(text))
  } catch (error) {
    throw error instanceof AddressError ? new StateError(`its mac is ${text}`) : error
  }
}

function readSysctls(value: unknown): Sysctls {
  const entries = Object.entries(isObject(value) ? value : {})
  const isFit = ([path, each]: [string, unknown]) =>
    typeof each === "string" && /^net\//.test(path) && !path.split("/").includes("..")
  return Object.fromEntries(entries.filter(isFit)) as Sysctls
}

/**
 * Makes the state of an ADD.
 * @param earlier what the file says already, where another plugin of the chain or an ADD without a DEL has set something:
 *   what is still as that set it was not so before
 * @param now how everything wanted is set now, as far as that can be told
 */
export function planState(network: string, earlier: State | undefined, now: Settings, wanted: Settings): State {
  const none: Settings = { link: {}, sysctls: {} }
  const { before, set } = earlier ?? { before: none, set: none }
  return {
    network,
    before: {
      link: { ...before.link, ...keepChanged(now.link, before.link, set.link) },
      sysctls: { ...before.sysctls, ...keepChanged(now.sysctls, before.sysctls, set.sysctls) },
    },
    set: { link: { ...set.link, ...wanted.link }, sysctls: { ...set.sysctls, ...wanted.sysctls } },
  }
}

/** Picks what is not as it was set before. */
function keepChanged<T extends object>(now: T, before: T, set: T): T {
  const entries = Object.entries(now).filter(([name, value]) => {
    const earlier = set[name as keyof T]
    return earlier === undefined || before[name as keyof T] === undefined || !isSame(earlier, value)
  })
  return Object.fromEntries(entries) as T
}

const isSame = (a: unknown, b: unknown): boolean =>
  typeof a === "string" && typeof b === "string" ? isSameValue(a, b) : a === b
