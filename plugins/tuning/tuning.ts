/**
 * Changes the container's interface and the network settings of its namespace, after the plugins that made them.
 *
 *     sysctl                            /proc/sys/net of the sandbox, as far as the node's list allows
 *     mac mtu promisc allmulti txQLen   eth0 in the sandbox
 *     what all these were before        <dataDir>/<containerID>_<ifname>.json on the host, written first
 *
 * DEL sets back what the file says. A sysctl that another interface of the container asked for as well stays as it is.
 */
import { type TuningConfig, tuningSchema } from "../../build/gen/tuning.ts"
import { ConfigError } from "../../lib/cni/config.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import {
  type AddRequest,
  type CheckRequest,
  type DelRequest,
  defineInterfacePlugin,
  type GcRequest,
  type StatusRequest,
} from "../../lib/cni/interface-plugin.ts"
import type { Result } from "../../lib/cni/result.ts"
import type { Removals, Undo } from "../../lib/cni/undo.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import { warn } from "../../lib/sys/trace.ts"
import { type AllowListCodes, demandAllowed, demandPatterns } from "./allow-list.ts"
import { checkSettings } from "./check.ts"
import { listSysctlKeys, planDataDir, planResult, planTuning, type TuningPlan } from "./plan.ts"
import { apply, readSysctls, restore, type Settings, type Sysctls, settingsOf } from "./settings.ts"
import { formatState, parseState, planState, type State, StateError } from "./state.ts"
import { Store, stateName } from "./store.ts"

type Config = TuningConfig

const ADD_CODES: AllowListCodes = { list: CniCode.ioFailure, key: CniCode.invalidConfig }
const STATUS_CODES: AllowListCodes = { list: CniCode.notAvailable, key: CniCode.notAvailable }

function add(request: AddRequest<Config>, undo: Undo): Result {
  const { config, network, sandbox, attachment, prevResult } = request
  const { ifname } = attachment
  const keys = listSysctlKeys(config)
  if (keys.length > 0) demandAllowed(keys, ADD_CODES)
  const plan = planTuning(config, request.cniArgs("MAC"), ifname)
  if (prevResult === undefined) throw missingResult()

  const link = Object.keys(plan.link).length === 0 ? undefined : getLink(request, plan)
  const paths = Object.keys(plan.sysctls)
  if (link === undefined && paths.length === 0) return prevResult
  const now: Settings = { link: pickPresent(plan, link), sysctls: readSysctls(sandbox, paths) }

  const [store, name] = [new Store(plan.dataDir), stateName(attachment)]
  const text = store.findText(name)
  undo.push(`settings of ${ifname}`, () => {
    restore(sandbox, ifname, now)
    if (text === undefined) store.remove(name)
    else store.write(name, text)
  })
  const earlier = text === undefined ? undefined : readState(text, store, name)
  store.write(name, formatState(planState(network, earlier, now, plan)))
  apply(sandbox, link, plan, now.sysctls)
  return planResult(prevResult, ifname, plan.link)
}

function missingResult(): CniError {
  const hint = "tuning stands behind the plugin that makes the interface, in a list of plugins"
  return new CniError(CniCode.invalidConfig, "Required prevResult missing", hint)
}

function getLink({ sandbox, attachment: { ifname } }: AddRequest<Config>, { link: { mac } }: TuningPlan): Link {
  const link = sandbox.rtnl.links.find(ifname)
  if (link === undefined) {
    throw new CniError(CniCode.internal, `failed to get "${ifname}": Link not found`, `in ${sandbox.path}`)
  }
  if (mac === undefined || mac.length === settingsOf(link).mac.length) return link
  const details = `the addresses of ${ifname} have ${link.mac.length} bytes`
  throw new CniError(CniCode.invalidConfig, `invalid args ${mac} for MAC addr: it does not fit`, details)
}

/** Tells how the interface is set, as far as that is to be changed and can be set back: no kernel takes a MAC of zeros. */
function pickPresent({ link: wanted }: TuningPlan, link: Link | undefined): Settings["link"] {
  if (link === undefined) return {}
  const isRestorable = ([name, value]: [string, unknown]) =>
    Object.hasOwn(wanted, name) && (name !== "mac" || /[1-9a-f]/.test(String(value)))
  return Object.fromEntries(Object.entries(settingsOf(link)).filter(isRestorable))
}

/** A file that cannot be understood tells nothing. */
function readState(text: string, store: Store, name: string): State | undefined {
  try {
    return parseState(text)
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    warn(`${store.folder}/${name} is no state of tuning: ${error.message}`)
    return undefined
  }
}

function del(request: DelRequest<Config>, removals: Removals): void {
  const { network, sandbox, attachment } = request
  const store = findStore(request.config)
  if (store === undefined) return
  const name = stateName(attachment)
  removals.attempt(`settings of ${attachment.ifname}`, () => {
    const text = store.findText(name)
    if (text === undefined) return
    const state = readState(text, store, name)
    if (state?.network !== undefined && state.network !== network) {
      warn(`${store.folder}/${name} belongs to network ${state.network}: it stays`)
      return
    }
    if (state !== undefined && sandbox !== undefined) {
      const sysctls = withoutShared(state.before.sysctls, request, store)
      restore(sandbox, attachment.ifname, { ...state.before, sysctls })
    }
    store.remove(name)
  })
}

/** A configuration that no ADD would have accepted has left nothing behind. */
function findStore(config: Config): Store | undefined {
  try {
    return new Store(planDataDir(config))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    warn(`tuning: nothing to remove: ${error.message}`)
    return undefined
  }
}

/** Leaves out what belongs to the namespace as a whole and was asked for by another interface of the container too. */
function withoutShared(sysctls: Sysctls, { attachment }: DelRequest<Config>, store: Store): Sysctls {
  const isOwn = (path: string) => path.split("/").includes(attachment.ifname)
  if (Object.keys(sysctls).every(isOwn)) return sysctls
  const shared = new Set<string>()
  for (const name of store.list()) {
    const isOther = name.startsWith(`${attachment.containerId}_`) && name !== stateName(attachment)
    const text = isOther ? store.findText(name) : undefined
    const other = text === undefined ? undefined : readState(text, store, name)
    for (const path of Object.keys(other?.set.sysctls ?? {})) shared.add(path)
  }
  return Object.fromEntries(Object.entries(sysctls).filter(([path]) => isOwn(path) || !shared.has(path)))
}

function check(request: CheckRequest<Config>): void {
  checkSettings(request, planTuning(request.config, request.cniArgs("MAC"), request.attachment.ifname))
}

/** A file that names no network is the reference's: it goes with the DEL of its attachment. */
function gc({ config, network, valid }: GcRequest<Config>, removals: Removals): void {
  const store = findStore(config)
  if (store === undefined) return
  const keep = new Set(valid.map(stateName))
  removals.attempt(`stale state files of network ${network}`, () => {
    for (const name of store.list()) {
      if (keep.has(name)) continue
      removals.attempt(`${store.folder}/${name}`, () => {
        const text = store.findText(name)
        if (text !== undefined && readState(text, store, name)?.network === network) store.remove(name)
      })
    }
  })
}

function status(request: StatusRequest<Config>): void {
  demandPatterns(STATUS_CODES)
  demandAllowed(listSysctlKeys(request.config), STATUS_CODES)
  planTuning(request.config, request.cniArgs("MAC"), "IFNAME")
}

/** The `tuning` chained plugin. */
export const plugin = defineInterfacePlugin({ name: "tuning", schema: tuningSchema, add, check, del, gc, status })
