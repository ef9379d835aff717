import type { TuningConfig } from "../../build/gen/tuning.ts"
import { ConfigError } from "../../lib/cni/config.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { Result, ResultInterface } from "../../lib/cni/result.ts"
import { AddressError } from "../../lib/net/address.ts"
import { formatMac, parseMac } from "../../lib/net/mac.ts"
import type { LinkSettings, Settings, Sysctls } from "./settings.ts"

/** Everything that is decided before anything is touched. */
export interface TuningPlan extends Settings {
  /** Where the state file goes. */
  readonly dataDir: string
}

/** PATH_MAX of linux/limits.h. */
const MAX_PATH = 4096

const invalid = (message: string, details = ""): CniError => new CniError(CniCode.invalidConfig, message, details)

/**
 * Decides what is set.
 * @param args MAC= of CNI_ARGS, which counts more than `mac` and less than runtimeConfig.mac; args.cni counts more than all
 * @param ifname what IFNAME in the key of a sysctl stands for
 * @throws {CniError | ConfigError} code 7
 */
export function planTuning(config: TuningConfig, args: ReadonlyMap<string, string>, ifname: string): TuningPlan {
  return { link: planLink(config, args), sysctls: planSysctls(config, ifname), dataDir: planDataDir(config) }
}

/** Lists the keys of all sysctls as the configuration writes them: the node's list is about these. @throws {CniError} code 7 */
export function listSysctlKeys({ sysctl = {}, args }: TuningConfig): string[] {
  const keys = [...new Set([...Object.keys(sysctl), ...Object.keys(args?.cni?.sysctl ?? {})])]
  for (const key of keys) if (key.length > MAX_PATH) throw invalidKey(key)
  return keys
}

/** Tells where state files lie. @throws {ConfigError} if that is no absolute path: a plugin has no working folder to speak of */
export function planDataDir({ dataDir }: TuningConfig): string {
  if (dataDir === "") return "/run/cni/tuning"
  if (dataDir.startsWith("/") && !dataDir.includes("\0")) return dataDir
  throw new ConfigError("/dataDir", dataDir, `must be an absolute path, got ${JSON.stringify(dataDir)}`)
}

function planLink(config: TuningConfig, args: ReadonlyMap<string, string>): LinkSettings {
  const given = config.args?.cni ?? {}
  const mac = given.mac || config.runtimeConfig?.mac || args.get("MAC") || config.mac
  const promisc = given.promisc ?? config.promisc
  const mtu = given.mtu ?? config.mtu
  const allmulti = given.allmulti ?? config.allmulti
  const txQLen = given.txQLen ?? config.txQLen
  return {
    ...(mac && { mac: canonicalMac(mac) }),
    ...(promisc && { promisc }),
    ...(mtu !== 0 && { mtu }),
    ...(allmulti !== undefined && { allmulti }),
    ...(txQLen !== undefined && { txQLen }),
  }
}

function canonicalMac(text: string): string {
  try {
    const mac = parseMac(text)
    const isUnicast = ((mac[0] ?? 1) & 1) === 0 && mac.some(byte => byte !== 0)
    if (isUnicast || mac.length !== 6) return formatMac(mac)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw invalid(`invalid args ${text} for MAC addr: ${error.message}`)
  }
  throw invalid(`invalid args ${text} for MAC addr: address ${text}: it is not one interface's address`)
}

/**
 * Of a sysctl in both places, that of args.cni counts. What is for all interfaces comes first, since it changes each of them.
 * An empty value changes nothing, as with the reference.
 */
function planSysctls({ sysctl = {}, args }: TuningConfig, ifname: string): Sysctls {
  const given = args?.cni?.sysctl ?? {}
  const sysctls = Object.entries({ ...planPaths(sysctl, ifname), ...planPaths(given, ifname) })
    .filter(([, value]) => value.trim() !== "")
    .sort(([a], [b]) => Number(isForAll(b)) - Number(isForAll(a)))
  return Object.fromEntries(sysctls)
}

const isForAll = (path: string): boolean => path.includes("/conf/all/")

function planPaths(sysctl: Sysctls, ifname: string): Sysctls {
  const keys = new Map<string, string>()
  for (const key of Object.keys(sysctl)) {
    const path = sysctlPath(key, ifname)
    const other = keys.get(path)
    if (other !== undefined) throw invalid("duplicated sysctl keys are not allowed", `${other} and ${key} are one`)
    keys.set(path, key)
  }
  return Object.fromEntries([...keys].map(([path, key]) => [path, sysctl[key] ?? ""]))
}

/** The dots of the key separate; those of the interface's name, which comes in after, do not. */
function sysctlPath(key: string, ifname: string): string {
  const path = key.replaceAll(".", "/").replace("IFNAME", () => ifname)
  const parts = path.split("/").filter(part => part !== "" && part !== ".")
  const isBelow = parts[0] === "net" && parts.length > 1 && !parts.includes("..")
  if (isBelow && !path.includes("\0")) return parts.join("/")
  throw invalidKey(path)
}

function invalidKey(key: string): CniError {
  return invalid(`invalid net sysctl key: ${JSON.stringify(key)}`, "only what lies below /proc/sys/net can be set")
}

/** Gives the chain's result with the interface as it is now. */
export function planResult(result: Result, ifname: string, { mac, mtu }: LinkSettings): Result {
  const tuned = { ...(mac !== undefined && { mac }), ...(mtu !== undefined && { mtu }) }
  const own = findRecorded(result, ifname)
  return { ...result, interfaces: result.interfaces.map(each => (own.includes(each) ? { ...each, ...tuned } : each)) }
}

/** Finds what a result says of the container's interface: the host may have one of that name too. */
export function findRecorded({ interfaces }: Result, ifname: string): ResultInterface[] {
  const named = interfaces.filter(({ name }) => name === ifname)
  const inside = named.filter(({ sandbox }) => sandbox)
  return inside.length > 0 ? inside : named
}
