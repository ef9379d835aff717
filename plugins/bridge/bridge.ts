/**
 * Connects the container to a Linux bridge with a veth pair.
 *
 *     host namespace                              sandbox
 *       cni0  bridge, the gateway's address
 *         └─ veth1a2b3c4d  port  ───────────────── eth0  the container's addresses and routes
 *
 * Shared, ensured and never removed: the bridge, its address, forwarding, and with `vlan` the gateway's own
 * interface cni0.VLAN. The attachment's own: the veth pair and the reservation of its addresses.
 */
import { type BridgeConfig, bridgeSchema } from "../../build/gen/bridge.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import {
  type AddRequest,
  type CheckRequest,
  type DelRequest,
  defineInterfacePlugin,
  type GcRequest,
  type StatusRequest,
} from "../../lib/cni/interface-plugin.ts"
import type { Result, ResultDns, ResultInterface } from "../../lib/cni/result.ts"
import type { Removals, Undo } from "../../lib/cni/undo.ts"
import { announce } from "../../lib/host/announcement.ts"
import { configureInterface } from "../../lib/host/interface.ts"
import { resolveMtu } from "../../lib/host/mtu.ts"
import { formatOwner, isStaleOwner } from "../../lib/host/owner.ts"
import { randomMac } from "../../lib/host/random-mac.ts"
import { formatMac } from "../../lib/net/mac.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import { checkBridge } from "./check.ts"
import { ensureGateways } from "./gateway.ts"
import { type Addressing, type BridgePlan, planAddressing, planBridge, planDns } from "./plan.ts"
import { ignoreRouters, restoreMac, settleBridge, waitForPort } from "./port.ts"
import { createVeth, refuseTakenName, removeVeth } from "./veth.ts"
import { setPortVlans } from "./vlan.ts"

/** The container's interface in the result's list. */
const CONTAINER = 2

const plan = (request: StatusRequest<BridgeConfig>): BridgePlan =>
  planBridge(request.config, request.cniArgs("MAC"), request.version)

function add(request: AddRequest<BridgeConfig>, undo: Undo): Result {
  const { config, host, sandbox, attachment, ipam } = request
  const planned = plan(request)
  refuseTakenName(sandbox, attachment)
  const mtu = resolveMtu(host, planned.mtu)

  if (ipam !== undefined) undo.push(`addresses of ${ipam.type}`, () => ipam.del())
  const finishLease = ipam?.beginAdd()

  const bridge = host.links.ensureBridge({ ...planned.bridge, mac: randomMac(), mtu, isUp: true })
  ignoreRouters(bridge)

  undo.push(`MAC address of ${bridge.name}`, () => restoreMac(host, bridge))
  const mac = planned.mac ?? randomMac()
  const veth = createVeth(host, sandbox, { attachment, bridge, mtu, mac }, undo)
  host.links.change(veth, { alias: formatOwner(attachment), ...planned.port })
  if (planned.vlans !== undefined) setPortVlans(host, veth, planned.vlans)

  const container = { index: veth.peerIndex, name: attachment.ifname }
  let vlanGateway: Link | undefined
  let lease: Addressing & { dns: ResultDns } = { ips: [], routes: [], dns: {} }
  if (finishLease !== undefined) {
    const given = finishLease()
    lease = { ...planAddressing(given, config, CONTAINER), dns: given.dns }
    if (planned.isGateway) vlanGateway = ensureGateways(host, bridge, lease.ips, { ...planned, mtu })
    configureInterface(sandbox, container, { ...lease, dad: config.enabledad ? "check" : "none" })
  } else if (!planned.staysDown) {
    sandbox.rtnl.links.change(container, { isUp: true })
  }
  const port = planned.staysDown ? host.links.get(veth.index) : waitForPort(host, veth)
  const interfaces = [
    resultInterface(settleBridge(host, bridge, port)),
    resultInterface(port),
    { name: container.name, mac: formatMac(mac), mtu: veth.mtu, sandbox: sandbox.path },
    ...(vlanGateway === undefined ? [] : [resultInterface(vlanGateway)]),
  ]
  if (!planned.staysDown) announce(sandbox, container, mac)
  return { interfaces, ips: lease.ips, routes: lease.routes, dns: planDns(config.dns, lease.dns) }
}

const resultInterface = ({ name, mac, mtu }: Link): ResultInterface => ({ name, mac: formatMac(mac), mtu })

function del(request: DelRequest<BridgeConfig>, removals: Removals): void {
  const { ipam, attachment } = request
  // The kernel takes its time for a link: an RCU grace period or more.
  const finishRelease = ipam?.beginDel()
  removals.attempt(`interface ${attachment.ifname}`, () => removeVeth(request))
  if (finishRelease !== undefined) removals.attempt(`addresses of ${ipam?.type}`, finishRelease)
}

function check(request: CheckRequest<BridgeConfig>): void {
  request.ipam?.check()
  checkBridge(request, plan(request))
}

/** Not only the ports of the bridge: it may have had another name when they were made, or have lost them. */
function gc({ host, network, valid, ipam }: GcRequest<BridgeConfig>, removals: Removals): void {
  for (const { name, alias } of host.links.list({ kind: "veth" })) {
    if (alias === undefined || !isStaleOwner(alias, network, valid)) continue
    removals.attempt(`veth ${name} (${alias})`, () => host.links.remove(name))
  }
  if (ipam !== undefined) removals.attempt(`stale addresses of ${ipam.type}`, () => ipam.gc())
}

function status(request: StatusRequest<BridgeConfig>): void {
  const { name } = plan(request).bridge
  const existing = request.host.links.find(name)
  if (existing !== undefined && existing.kind !== "bridge") {
    const fix = `remove or rename interface ${name}, or set another "bridge" for network ${request.network}`
    throw new CniError(CniCode.notAvailable, `"${name}" already exists but is not a bridge`, fix)
  }
  request.ipam?.status()
}

/** The `bridge` interface plugin. */
export const plugin = defineInterfacePlugin({ name: "bridge", schema: bridgeSchema, add, del, check, gc, status })
