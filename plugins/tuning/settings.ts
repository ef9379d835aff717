/** What can be set: on the interface, by netlink, and in the container's namespace, below /proc/sys/net. */
import { describeChain } from "../../lib/cni/errors.ts"
import type { Sandbox } from "../../lib/host/sandbox.ts"
import { findSysctl, readSysctl, writeSysctl } from "../../lib/host/sysctl.ts"
import { formatMac, parseMac } from "../../lib/net/mac.ts"
import { NetlinkError } from "../../lib/netlink/errors.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import type { LinkChanges } from "../../lib/rtnl/links.ts"
import { isSysError } from "../../lib/sys/errors.ts"
import { warn } from "../../lib/sys/trace.ts"

/** Settings of an interface, by the names of the configuration and of the state file; absent ones are left as they are. */
export interface LinkSettings {
  /** In lower case, with colons. */
  readonly mac?: string
  readonly promisc?: boolean
  /** In bytes. */
  readonly mtu?: number
  readonly allmulti?: boolean
  /** In packets. */
  readonly txQLen?: number
}

/** Values by path below /proc/sys: `net/core/somaxconn`. */
export type Sysctls = { readonly [path: string]: string }

/** Everything that is set for an attachment. */
export interface Settings {
  readonly link: LinkSettings
  readonly sysctls: Sysctls
}

/** Not everything could be set back. */
export class IncompleteRestoration extends Error {
  override readonly name = "IncompleteRestoration"
}

/** Tells how an interface is set. */
export function settingsOf(link: Link): Required<LinkSettings> {
  return {
    mac: formatMac(link.mac),
    promisc: link.isPromiscuous,
    mtu: link.mtu,
    allmulti: link.isAllMulticast,
    txQLen: link.txQueueLength,
  }
}

/** Picks what an interface is not set to yet. */
export function missingOf(wanted: LinkSettings, link: Link): LinkSettings {
  const present = settingsOf(link)
  const entries = Object.entries(wanted) as [keyof LinkSettings, unknown][]
  return Object.fromEntries(entries.filter(([name, value]) => present[name] !== value))
}

function changesOf({ mac, promisc, mtu, allmulti, txQLen }: LinkSettings): LinkChanges {
  return {
    mac: mac === undefined ? undefined : parseMac(mac),
    isPromiscuous: promisc,
    mtu,
    isAllMulticast: allmulti,
    txQueueLength: txQLen,
  }
}

/**
 * Reads a sysctl that is there; undefined if it is one that cannot be read: some only take orders (`net/ipv4/route/flush`),
 * and a stable_secret gives an I/O error until it is set (ip-sysctl).
 * @throws {SysError}
 */
export function findReadable(path: string): string | undefined {
  try {
    return readSysctl(path)
  } catch (error) {
    const isSecret = path.endsWith("/stable_secret") && isSysError(error, "EIO")
    if (isSecret || isSysError(error, "EACCES", "EPERM", "EINVAL")) return undefined
    throw error
  }
}

/** Tells whether two texts are one value to the kernel: white space and the notation of numbers do not matter. */
export function isSameValue(a: string, b: string): boolean {
  if (a === b) return true
  const [left, right] = [a, b].map(text => text.trim().split(/\s+/).map(canonicalNumber))
  return left?.join(" ") === right?.join(" ")
}

/** The kernel reads numbers, of up to 64 bits, as C does: 0x is hexadecimal, a leading 0 octal. */
function canonicalNumber(word: string): string {
  const [, sign = "", digits = ""] = /^(-?)(0x[0-9a-f]{1,16}|\d{1,20})$/i.exec(word) ?? []
  if (digits === "") return word
  const isOctal = /^0[0-7]+$/.test(digits)
  return `${sign}${BigInt(isOctal ? `0o${digits.slice(1)}` : digits)}`
}

/** Reads what those of the sysctls that can be read are set to. @throws {SysError} ENOENT if there is no such sysctl */
export function readSysctls(sandbox: Sandbox, paths: readonly string[]): Sysctls {
  if (paths.length === 0) return {}
  return sandbox.enter(() => {
    const entries = paths.map(path => [path, findReadable(path)] as const)
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
  })
}

/**
 * Sets what is not set yet: the sysctls in their order, then the interface by one request.
 * @param now what readSysctls() told of the sysctls
 * @throws {SysError | NetlinkError} with only a part set
 */
export function apply(sandbox: Sandbox, link: Link | undefined, wanted: Settings, now: Sysctls): void {
  const sysctls = Object.entries(wanted.sysctls)
  const first = sysctls.findIndex(([path, value]) => !isSameValue(now[path] ?? "", value))
  // Writing one may change others: conf/all stands for every interface.
  if (first >= 0) sandbox.enter(() => writeAll(sysctls.slice(first)))
  const left = link && missingOf(wanted.link, link)
  if (left && Object.keys(left).length > 0) sandbox.rtnl.links.change(link, changesOf(left))
}

function writeAll(sysctls: readonly (readonly [path: string, value: string])[]): void {
  for (const [path, value] of sysctls) writeSysctl(path, value)
}

/**
 * Sets everything back that is still there; each thing is tried, whatever the others do.
 * @throws {IncompleteRestoration} telling all that failed
 */
export function restore(sandbox: Sandbox, ifname: string, { link: before, sysctls }: Settings): void {
  const failures: string[] = []
  const attempt = (what: string, body: () => void) => {
    try {
      body()
    } catch (error) {
      failures.push(`${what}: ${describeChain(error)}`)
    }
  }
  if (Object.keys(before).length > 0) attempt(ifname, () => restoreLink(sandbox, ifname, before, attempt))
  const all = Object.entries(sysctls)
  const restoreAll = () => {
    for (const [path, value] of all) attempt(path, () => restoreSysctl(path, value))
  }
  if (all.length > 0) attempt("sysctls", () => sandbox.enter(restoreAll))
  if (failures.length > 0) throw new IncompleteRestoration(failures.join("; "))
}

type Attempt = (what: string, body: () => void) => void

/** One request; since the kernel stops at the first setting that it refuses, then one for each. */
function restoreLink({ rtnl }: Sandbox, ifname: string, before: LinkSettings, attempt: Attempt): void {
  const link = rtnl.links.find(ifname)
  const missing = Object.entries(link === undefined ? {} : missingOf(before, link))
  if (link === undefined || missing.length === 0) return
  try {
    rtnl.links.change(link, changesOf(Object.fromEntries(missing)))
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    for (const [name, value] of missing) {
      attempt(`${name} of ${ifname}`, () => rtnl.links.change(link, changesOf({ [name]: value })))
    }
  }
}

function restoreSysctl(path: string, value: string): void {
  const now = findSysctl(path)
  if (now === undefined || now === value) return
  try {
    // Writing nothing at all would change nothing.
    writeSysctl(path, value === "" ? "\n" : value)
  } catch (error) {
    if (!isSysError(error, "EINVAL")) throw error
    warn(`${path} stays ${now}: the kernel does not take its former value ${value} back`)
  }
}
