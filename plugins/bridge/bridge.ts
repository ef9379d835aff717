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
  definePlugin,
  type GcRequest,
  type StatusRequest,
} from "../../lib/cni/plugin.ts"
import type { Result, ResultDns } from "../../lib/cni/result.ts"
import type { Removals, Undo } from "../../lib/cni/undo.ts"
import { announce } from "../../lib/host/announcement.ts"
import { configureInterface } from "../../lib/host/interface.ts"
import { resolveMtu } from "../../lib/host/mtu.ts"
import { formatOwner, isStaleOwner } from "../../lib/host/owner.ts"
import { randomMac } from "../../lib/host/random-mac.ts"
import { formatMac } from "../../lib/net/mac.ts"
import { checkBridge } from "./check.ts"
import { ensureGateways } from "./gateway.ts"
import { type Addressing, type BridgePlan, planAddressing, planBridge } from "./plan.ts"
import { ignoreRouters, waitForPort } from "./port.ts"
import { createVeth, removeVeth } from "./veth.ts"
import { setPortVlans } from "./vlan.ts"

/** The container's interface in the result's list. */
const CONTAINER = 2

const plan = (request: StatusRequest<BridgeConfig>): BridgePlan =>
  planBridge(request.config, request.cniArgs("MAC"), request.version)

function add(request: AddRequest<BridgeConfig>, undo: Undo): Result {
  const { config, host, sandbox, attachment, ipam } = request
  const planned = plan(request)
  const mtu = resolveMtu(host, planned.mtu)

  const bridge = host.links.ensureBridge({ ...planned.bridge, mac: randomMac(), mtu, isUp: true })
  ignoreRouters(bridge)

  const mac = planned.mac ?? randomMac()
  const veth = createVeth(host, sandbox, { attachment, bridge, mtu, mac })
  undo.push(`veth ${veth.name}`, () => host.links.remove(veth.name))
  host.links.change(veth, { alias: formatOwner(attachment), ...planned.port })
  if (planned.vlans !== undefined) setPortVlans(host, veth, planned.vlans)

  const container = { index: veth.peerIndex, name: attachment.ifname }
  const interfaces = [
    { name: bridge.name, mac: formatMac(bridge.mac), mtu: bridge.mtu },
    { name: veth.name, mac: formatMac(veth.mac), mtu: veth.mtu },
    { name: container.name, mac: formatMac(mac), mtu: veth.mtu, sandbox: sandbox.path },
  ]
  let lease: Addressing & { dns: ResultDns } = { ips: [], routes: [], dns: {} }
  if (ipam !== undefined) {
    undo.push(`addresses of ${ipam.type}`, () => ipam.del())
    const given = ipam.add()
    lease = { ...planAddressing(given, config, CONTAINER), dns: given.dns }
    const vlanGateway = planned.isGateway && ensureGateways(host, bridge, lease.ips, { ...planned, mtu })
    if (vlanGateway) interfaces.push({ name: vlanGateway.name, mac: formatMac(vlanGateway.mac), mtu: vlanGateway.mtu })
    configureInterface(sandbox, container, { ...lease, dad: config.enabledad ? "check" : "none" })
  } else if (!planned.staysDown) {
    sandbox.rtnl.links.change(container, { isUp: true })
  }
  if (!planned.staysDown) {
    waitForPort(host, veth)
    announce(sandbox, container, mac)
  }
  return { interfaces, ips: lease.ips, routes: lease.routes, dns: config.dns ?? lease.dns }
}

function del(request: DelRequest<BridgeConfig>, removals: Removals): void {
  const { ipam, attachment } = request
  removals.attempt(`interface ${attachment.ifname}`, () => removeVeth(request))
  if (ipam !== undefined) removals.attempt(`addresses of ${ipam.type}`, () => ipam.del())
}

function check(request: CheckRequest<BridgeConfig>): void {
  request.ipam?.check()
  checkBridge(request, plan(request))
}

function gc({ config, host, network, valid, ipam }: GcRequest<BridgeConfig>, removals: Removals): void {
  const bridge = host.links.find(config.bridge)
  const ports = bridge === undefined ? [] : host.links.list({ master: bridge.index, kind: "veth" })
  for (const { name, alias } of ports) {
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
export const plugin = definePlugin({ name: "bridge", schema: bridgeSchema, add, del, check, gc, status })
