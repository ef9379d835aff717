/**
 * What a configuration makes of the pool: which addresses may be handed out, and which ones were asked for.
 *
 *     runtimeConfig.ipRanges ─┐
 *     ipam.subnet (old style) ├─► range sets 0, 1, …: one address is taken from each
 *     ipam.ranges ────────────┘
 *
 *     range     10.1.2.1 ──────────────────────────── 10.1.2.254
 *     holes        gateway      exclude       exclude              (and the network and broadcast address)
 *     spans             ───────         ─────         ───────────  what allocate.ts walks, with no test per address
 *
 * Rules and messages are the reference plugin's. New here: `exclude`, `strategy`, and subnets of two addresses (/31,
 * /127), of which both are usable and neither becomes a gateway unless the configuration says so.
 */

import { ConfigError } from "../../lib/cni/config.ts"
import {
  type Address,
  AddressError,
  addOffset,
  compareAddresses,
  formatAddress,
  parseAddress,
} from "../../lib/net/address.ts"
import {
  addressBits,
  formatPrefix,
  hasHostBits,
  networkAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
} from "../../lib/net/prefix.ts"
import {
  formatRange,
  intersectRanges,
  parseRange,
  type Range,
  rangeContains,
  rangeOfPrefix,
  rangesOverlap,
  subtractRange,
} from "../../lib/net/range.ts"

/** One range as configured; an empty text counts as absent, as in the reference. */
export interface RangeConfig {
  readonly subnet?: string | undefined
  readonly rangeStart?: string | undefined
  readonly rangeEnd?: string | undefined
  readonly gateway?: string | undefined
}

/** The order in which free addresses are handed out. */
export type Strategy = "round-robin" | "lowest" | "random"

/** The keys under `ipam` that decide about addresses; the old style's single range lies directly in it. */
export interface IpamConfig extends RangeConfig {
  readonly ranges?: readonly (readonly RangeConfig[])[] | undefined
  readonly dataDir?: string | undefined
  /** Addresses, prefixes or first-last, never handed out from any range. */
  readonly exclude?: readonly string[] | undefined
  readonly strategy?: Strategy | undefined
}

/** The part of the network configuration that this plugin's plan reads. */
export interface PoolConfig {
  readonly cniVersion?: string | undefined
  readonly ipam?: IpamConfig | undefined
  readonly runtimeConfig?:
    | {
        readonly ipRanges?: readonly (readonly RangeConfig[])[] | undefined
        readonly ips?: readonly string[] | undefined
      }
    | undefined
  readonly args?: { readonly cni?: { readonly ips?: readonly string[] | undefined } | undefined } | undefined
}

/** A range of a subnet, ready to allocate from. */
export interface PoolRange {
  readonly subnet: Prefix
  /** What hosts may have of the subnet. */
  readonly usable: Range
  /** From rangeStart to rangeEnd; what may be requested lies in here, even if it is then refused. */
  readonly bounds: Range
  /** Reported with every address of the range; absent only where a subnet of two addresses has none configured. */
  readonly gateway: Address | undefined
  /** What may be handed out: bounds and usable, without gateways and exclude; in ascending order. */
  readonly spans: readonly Range[]
}

/** Ranges of one family; an attachment gets one address of each set. */
export interface RangeSet {
  /** Position among the sets, which also numbers the file last_reserved_ip.<index>. */
  readonly index: number
  readonly ranges: readonly PoolRange[]
  /** The address this set has to give instead of one of its choice. */
  readonly requested: Address | undefined
}

/** All that ADD decides before it touches a file. */
export interface PoolPlan {
  readonly strategy: Strategy
  readonly sets: readonly RangeSet[]
}

/** The pool is sound, but this attachment cannot have the address it asks for. */
export class AllocationError extends Error {
  override readonly name: string = "AllocationError"
}

/** Where a network's state is kept. */
export interface PoolFolders {
  /** The address files. */
  readonly pool: string
  /** The index of their owners. No network's name begins with a dot, so none can have this folder. */
  readonly owners: string
}

/**
 * Tells where the network's files are; needs no valid ranges, so that DEL and GC work without.
 * @throws {ConfigError} if that is no absolute path: a plugin has no working folder to speak of
 */
export function planPoolFolders(config: PoolConfig, network: string): PoolFolders {
  const dataDir = config.ipam?.dataDir || "/var/lib/cni/networks"
  if (!dataDir.startsWith("/")) {
    throw new ConfigError("/ipam/dataDir", dataDir, `must be an absolute path, got ${JSON.stringify(dataDir)}`)
  }
  return { pool: `${dataDir}/${network}`, owners: `${dataDir}/.owners/${network}` }
}

/** Returns the configured range sets in the order of their indexes, unread: DEL counts them, valid or not. */
export function listRangeSets(config: PoolConfig): (readonly RangeConfig[])[] {
  const { ipam, runtimeConfig } = config
  return [...(runtimeConfig?.ipRanges ?? []), ...(ipam?.subnet === undefined ? [] : [[ipam]]), ...(ipam?.ranges ?? [])]
}

/**
 * Decides what each range set may give.
 * @param requestedInArgs the value of IP= in CNI_ARGS; dynamic data in the configuration overrides it
 *   (CONVENTIONS.md, "CNI_ARGS")
 * @throws {ConfigError} with the reference's message
 * @throws {AddressError} if `requestedInArgs` counts and is no address
 * @throws {AllocationError} if an address is requested that no set has
 */
export function planPool(config: PoolConfig, requestedInArgs?: string): PoolPlan {
  if (config.ipam === undefined) throw noIpam()
  const requested = planRequested(config, requestedInArgs)
  const sets = planRangeSets(config)
  return { strategy: config.ipam.strategy ?? "round-robin", sets: assignRequested(sets, requested) }
}

/**
 * Decides what each range set may give, whoever asks.
 * @throws {ConfigError} with the reference's message
 */
export function planRangeSets(config: PoolConfig): RangeSet[] {
  const { ipam } = config
  if (ipam === undefined) throw noIpam()
  const excluded = planExcluded(ipam.exclude ?? [])
  const sets = listRangeSets(config).map((ranges, index) => planRangeSet(ranges, index, excluded))
  if (sets.length === 0) throw invalid("no IP ranges specified")
  refuseSecondOfFamily(sets, config.cniVersion ?? "")
  refuseOverlaps(sets)
  return sets
}

const noIpam = (): ConfigError => invalid("IPAM config missing 'ipam' key")

/** Finds the range of the set whose bounds hold the address. */
export function findPoolRange(set: RangeSet, address: Address): PoolRange | undefined {
  return set.ranges.find(range => rangeContains(range.bounds, address))
}

/** Tells whether the set hands out the address. */
export function canGive(set: RangeSet, address: Address): boolean {
  return set.ranges.some(({ spans }) => spans.some(span => rangeContains(span, address)))
}

/** Writes a range set as messages name it: first-last,first-last. */
export function formatRangeSet(set: RangeSet): string {
  return set.ranges.map(range => formatRange(range.bounds)).join(",")
}

function planRequested(config: PoolConfig, requestedInArgs: string | undefined): Address[] {
  const dynamic = [...(config.args?.cni?.ips ?? []), ...(config.runtimeConfig?.ips ?? [])]
  try {
    if (dynamic.length > 0) return dynamic.map(parseRequested)
  } catch (error) {
    throw explain(error, "cannot understand ip")
  }
  if (requestedInArgs === undefined) return []
  try {
    return [parseRequested(requestedInArgs)]
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new AddressError(`ARGS: error parsing value of pair "IP=${requestedInArgs}": ${error.message}`)
  }
}

/** Reads an address with an optional prefix length, which counts for nothing: the range's own does. */
function parseRequested(text: string): Address {
  try {
    return text.includes("/") ? parsePrefix(text).address : parseAddress(text)
  } catch (error) {
    throw error instanceof AddressError ? new AddressError(`invalid IP address ${text}`) : error
  }
}

function planExcluded(exclude: readonly string[]): Range[] {
  return exclude.map((text, i) => {
    try {
      if (text.includes("/")) return rangeOfPrefix(parsePrefix(text))
      if (text.includes("-")) return parseRange(text)
      return single(parseAddress(text))
    } catch (error) {
      throw explain(error, `invalid exclude ${i}`)
    }
  })
}

function planRangeSet(configs: readonly RangeConfig[], index: number, excluded: readonly Range[]): RangeSet {
  const refuse = (reason: string) => invalid(`invalid range set ${index}: ${reason}`)
  if (configs.length === 0) throw refuse("empty range set")

  const bare = configs.map(config => {
    try {
      return planRange(config)
    } catch (error) {
      throw explain(error, `invalid range set ${index}`)
    }
  })
  if (bare.some(range => range.subnet.address.family !== bare[0]!.subnet.address.family)) {
    throw refuse("mixed address families")
  }
  for (const [i, a] of bare.entries()) {
    const b = bare.find((b, j) => j > i && rangesOverlap(a.bounds, b.bounds))
    if (b) throw refuse(`subnets ${formatRange(a.bounds)} and ${formatRange(b.bounds)} overlap`)
  }

  // A gateway of any range is a hole in every range of the set: ranges may be parts of one subnet.
  const holes = [...bare.flatMap(({ gateway }) => (gateway ? [single(gateway)] : [])), ...excluded]
  const ranges = bare.map(range => {
    const span = intersectRanges(range.bounds, range.usable)
    return { ...range, spans: span ? holes.reduce(cut, [span]) : [] }
  })
  return { index, ranges, requested: undefined }
}

function cut(spans: Range[], hole: Range): Range[] {
  return spans.flatMap(span => subtractRange(span, hole))
}

function single(address: Address): Range {
  return { first: address, last: address }
}

/** Reads one range in the reference's order of checks, so that a config with two mistakes gets its message. */
function planRange(config: RangeConfig): Omit<PoolRange, "spans"> {
  if (config.subnet === undefined) throw invalid("a range needs a subnet")
  const subnet = parsePrefix(config.subnet)
  const spare = addressBits(subnet.address) - subnet.length
  if (spare < 1) throw invalid(`Network ${formatPrefix(subnet)} too small to allocate from`)
  const network = networkAddress(subnet)
  if (hasHostBits(subnet)) {
    const right = `For a subnet mask of length ${subnet.length} the network address is ${formatAddress(network)}`
    throw invalid(`Network has host bits set. ${right}`)
  }
  const usable = planUsable(subnet)

  const gateway = parseOptional("gateway", config.gateway) ?? (spare === 1 ? undefined : usable.first)
  const start = parseOptional("rangeStart", config.rangeStart)
  const end = parseOptional("rangeEnd", config.rangeEnd)
  if (start && (!prefixContains(subnet, start) || (end && compareAddresses(start, end) > 0))) {
    throw notInNetwork("RangeStart", start, subnet)
  }
  const first = start ?? usable.first
  if (end && (!prefixContains(subnet, end) || compareAddresses(first, end) > 0)) {
    throw notInNetwork("RangeEnd", end, subnet)
  }
  return { subnet, usable, bounds: { first, last: end ?? usable.last }, gateway }
}

/**
 * Returns what hosts may have of a subnet. A pair is usable whole (RFC 3021, RFC 6164). Any other keeps its network
 * address, of IPv6 the routers' anycast address (RFC 4291 2.6.1), and, of IPv4, its broadcast address.
 */
function planUsable(subnet: Prefix): Range {
  const whole = rangeOfPrefix(subnet)
  if (subnet.length === addressBits(subnet.address) - 1) return whole
  return {
    first: addOffset(whole.first, 1),
    last: subnet.address.family === 4 ? addOffset(whole.last, -1) : whole.last,
  }
}

function parseOptional(key: string, text: string | undefined): Address | undefined {
  if (!text) return undefined
  try {
    return parseAddress(text)
  } catch (error) {
    throw explain(error, key)
  }
}

function notInNetwork(what: string, address: Address, subnet: Prefix): ConfigError {
  return invalid(`${what} ${formatAddress(address)} not in network ${formatPrefix(subnet)}`)
}

/** Results before 0.3.0 have room for one address of each family only. */
function refuseSecondOfFamily(sets: readonly RangeSet[], version: string): void {
  if (version !== "" && !version.startsWith("0.1.") && !version.startsWith("0.2.")) return
  const families = sets.map(set => set.ranges[0]!.subnet.address.family)
  if (new Set(families).size < families.length) {
    throw invalid(`CNI version ${version} does not support more than 1 address per family`)
  }
}

function refuseOverlaps(sets: readonly RangeSet[]): void {
  for (const a of sets) {
    const b = sets.find(
      b => b.index > a.index && a.ranges.some(r => b.ranges.some(other => rangesOverlap(r.bounds, other.bounds))),
    )
    if (b) throw invalid(`range set ${a.index} overlaps with ${b.index}`)
  }
}

/** Gives each set the first requested address that it holds; one that no set takes fails the whole request. */
function assignRequested(sets: readonly RangeSet[], requested: readonly Address[]): RangeSet[] {
  const open = new Map(requested.map(address => [formatAddress(address), address]))
  const assigned = sets.map(set => {
    const taken = [...open].find(([, address]) => findPoolRange(set, address))
    if (taken) open.delete(taken[0])
    return { ...set, requested: taken?.[1] }
  })
  if (open.size > 0) throw new AllocationError(`failed to allocate all requested IPs: ${[...open.keys()].join(" ")}`)
  return assigned
}

/** Puts what was being read before the reason why it cannot be; anything but a refusal passes as it is. */
function explain(error: unknown, what: string): unknown {
  if (!(error instanceof AddressError || error instanceof ConfigError)) return error
  return invalid(`${what}: ${error.message}`)
}

/** The whole message is the problem, as in the reference: no path goes before it. */
function invalid(problem: string): ConfigError {
  return new ConfigError("", undefined, problem)
}
