/**
 * Hands out addresses of the configured ranges and keeps them in files on the node, one for each address (store.ts).
 *
 *     configuration ─ plan.ts ─► range sets ─ allocate.ts ─► an address of each set ─ booking.ts ─► files, index
 *
 * The files are the reference plugin's, and both may work on one folder at the same time. What is new: an index of owners,
 * whose loss does no harm; GC, STATUS, and reservations from before a reboot that are taken back when addresses run out.
 */
import { type HostLocalConfig, hostLocalSchema } from "../../build/gen/host-local.ts"
import { ConfigError } from "../../lib/cni/config.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import {
  type AddRequest,
  type CheckRequest,
  type DelRequest,
  definePlugin,
  type GcRequest,
  type Request,
} from "../../lib/cni/plugin.ts"
import type { Result, ResultDns, ResultRoute } from "../../lib/cni/result.ts"
import type { Removals, Undo } from "../../lib/cni/undo.ts"
import { AddressError, formatAddress, parseAddress } from "../../lib/net/address.ts"
import { formatPrefix, parsePrefix } from "../../lib/net/prefix.ts"
import { SysError } from "../../lib/sys/errors.ts"
import { readTextFile } from "../../lib/sys/files.ts"
import { warn } from "../../lib/sys/trace.ts"
import { findFree } from "./allocate.ts"
import { Booking } from "./booking.ts"
import { formatOwner } from "./owner.ts"
import { canGive, listRangeSets, type PoolPlan, planPool, planPoolFolders, planRangeSets } from "./plan.ts"
import { Pool } from "./pool.ts"
import { removeOwned, removeStale } from "./removal.ts"
import { parseResolvConf } from "./resolv-conf.ts"

type Config = HostLocalConfig

function openPool({ config, network }: Request<Config>): Pool {
  return new Pool(network, planPoolFolders(config, network), config.ipam?.reclaimAfterReboot ?? true)
}

function add(request: AddRequest<Config>, undo: Undo): Result {
  const { config, attachment } = request
  const plan = planRequest(config, request.cniArgs("IP").get("IP"))
  const routes = planRoutes(config)
  const dns = readDns(config)

  const booking = new Booking(openPool(request), attachment, undo)
  const ips = booking.reserve(plan).map(({ address, gateway }) => ({
    address: formatPrefix(address),
    ...(gateway && { gateway: formatAddress(gateway) }),
  }))
  return { interfaces: [], ips, routes, dns }
}

/** What the configuration gets wrong is the configuration's fault; what CNI_ARGS gets wrong is the environment's. */
function planRequest(config: Config, requestedInArgs: string | undefined): PoolPlan {
  try {
    return planPool(config, requestedInArgs)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new CniError(CniCode.invalidEnvironment, `CNI_ARGS: ${error.message}`)
  }
}

function planRoutes({ ipam }: Config): ResultRoute[] {
  return (ipam?.routes ?? []).map(({ dst, gw, ...metrics }, i) => ({
    dst: convert(`/ipam/routes/${i}/dst`, dst, text => formatPrefix(parsePrefix(text))),
    ...(gw && { gw: convert(`/ipam/routes/${i}/gw`, gw, text => formatAddress(parseAddress(text))) }),
    ...metrics,
  }))
}

function convert<T>(path: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text)
  } catch (error) {
    throw error instanceof AddressError ? new ConfigError(path, text, error.message) : error
  }
}

function readDns({ ipam }: Config): ResultDns {
  if (!ipam?.resolvConf) return {}
  try {
    return parseResolvConf(readTextFile(ipam.resolvConf))
  } catch (error) {
    if (!(error instanceof SysError)) throw error
    throw new CniError(CniCode.ioFailure, `resolvConf cannot be read: ${error.message}`)
  }
}

/** Every address of the result that these ranges could have given must be the owner's; if there is none, any of it will do. */
function check(request: CheckRequest<Config>): void {
  const { attachment, prevResult } = request
  const sets = planRangeSets(request.config)
  const pool = openPool(request)
  const owners = [formatOwner(attachment), attachment.containerId]
  const given = prevResult.ips.flatMap(({ address }, i) => {
    const [text = ""] = address.split("/")
    const parsed = convert(`/prevResult/ips/${i}/address`, text, parseAddress)
    return sets.some(set => canGive(set, parsed)) ? [formatAddress(parsed)] : []
  })
  for (const name of given) {
    const text = pool.store.findText(name)
    if (text === undefined || !owners.includes(text)) throw notFound(request, describeHolder(name, text))
  }
  if (given.length > 0) return
  const found = pool.readOwners()
  if (!owners.some(owner => found.has(owner))) throw notFound(request, "no address file names it")
}

const describeHolder = (name: string, text: string | undefined): string =>
  `${name} is reserved ${text === undefined ? "by nobody" : `by ${JSON.stringify(text)}`}`

function notFound({ attachment, network }: CheckRequest<Config>, details: string): CniError {
  const problem = `host-local: Failed to find address added by container ${attachment.containerId}`
  return new CniError(CniCode.internal, problem, `network ${network}: ${details}`)
}

function del(request: DelRequest<Config>, removals: Removals): void {
  const { config, network, attachment } = request
  const pool = findPool(request)
  // An attachment has an address of each set.
  const expected = Math.max(1, listRangeSets(config).length)
  removals.attempt(`addresses of network ${network}`, () =>
    pool?.store.lockIfThere(() => removeOwned(pool, attachment, expected, removals)),
  )
}

function gc(request: GcRequest<Config>, removals: Removals): void {
  const pool = findPool(request)
  removals.attempt(`stale addresses of network ${request.network}`, () =>
    pool?.store.lockIfThere(() => removeStale(pool, request.valid, removals)),
  )
}

/** A configuration that no ADD would have accepted has left nothing behind. */
function findPool(request: Request<Config>): Pool | undefined {
  try {
    return openPool(request)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    warn(`host-local: nothing to remove: ${error.message}`)
    return undefined
  }
}

/** Looks for a free address of each set in the names of the files. */
function status(request: Request<Config>): void {
  const { config } = request
  const sets = planRangeSets(config)
  planRoutes(config)
  readDns(config)
  const pool = openPool(request)
  if (config.ipam?.statusWhenFull === "ready") return
  for (const set of sets) {
    if (findFree(set, pool.store.listNames())) continue
    const { names, doubt } = pool.findReclaimable(pool.listReserved(set))
    if (names.length === 0) throw pool.exhausted(CniCode.notAvailable, set, doubt)
  }
}

/** The `host-local` address plugin. */
export const plugin = definePlugin({ name: "host-local", schema: hostLocalSchema, add, check, del, gc, status })
