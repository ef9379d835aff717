/** Brings the container's `lo` up, whatever CNI_IFNAME says. containerd runs it for every pod, beside the pod's networks. */
import { type LoopbackConfig, loopbackSchema } from "../../build/gen/loopback.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import {
  type AddRequest,
  type CheckRequest,
  type DelRequest,
  defineInterfacePlugin,
} from "../../lib/cni/interface-plugin.ts"
import type { Result, ResultIp } from "../../lib/cni/result.ts"
import type { Removals, Undo } from "../../lib/cni/undo.ts"
import { addressOfWords } from "../../lib/net/address.ts"
import { formatMac } from "../../lib/net/mac.ts"
import { formatPrefix, type Prefix, prefixContains } from "../../lib/net/prefix.ts"

const LO = "lo"

/** 127.0.0.0/8 and ::1/128 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
const LOOPBACK: readonly Prefix[] = [
  { address: addressOfWords(0, 0, 0xffff, 0x7f000000), length: 8 },
  { address: addressOfWords(0, 0, 0, 1), length: 128 },
]

function add({ sandbox, prevResult }: AddRequest<LoopbackConfig>, undo: Undo): Result {
  const { links, addresses } = sandbox.rtnl
  const lo = links.get(LO)
  if (!lo.isUp) {
    undo.push(LO, () => links.change(lo, { isUp: false }))
    links.change(lo, { isUp: true })
  }
  const ips: ResultIp[] = []
  for (const family of [4, 6] as const) {
    const prefixes = addresses.list(lo, family).map(({ prefix }) => prefix)
    refuseOthers(prefixes)
    const [first] = prefixes
    if (first !== undefined) ips.push({ address: formatPrefix(first), interface: 0 })
  }
  if (prevResult !== undefined) return prevResult
  return { interfaces: [{ name: LO, mac: formatMac(lo.mac), sandbox: sandbox.path }], ips, routes: [], dns: {} }
}

function refuseOthers(prefixes: readonly Prefix[]): void {
  const other = prefixes.find(({ address }) => !LOOPBACK.some(loopback => prefixContains(loopback, address)))
  if (other === undefined) return
  const problem = `loopback interface found with non-loopback address "${formatPrefix(other)}"`
  throw new CniError(CniCode.internal, problem, "somebody gave lo another address; it was not touched")
}

function del({ sandbox }: DelRequest<LoopbackConfig>, removals: Removals): void {
  if (sandbox === undefined) return
  removals.attempt(LO, () => {
    const { links } = sandbox.rtnl
    links.change(links.get(LO), { isUp: false })
  })
}

function check({ sandbox }: CheckRequest<LoopbackConfig>): void {
  if (sandbox.rtnl.links.get(LO).isUp) return
  throw new CniError(CniCode.internal, "loopback interface is down", `lo in ${sandbox.path}`)
}

/** The `loopback` interface plugin. It keeps nothing on the host, so GC has nothing to remove and STATUS nothing to miss. */
export const plugin = defineInterfacePlugin({
  name: "loopback",
  schema: loopbackSchema,
  add,
  del,
  check,
  gc: () => undefined,
  status: () => undefined,
})
