/** CHECK: every loss is told at once. What a later plugin of the chain may change (MAC, MTU) is taken from the final result. */
import type { BridgeConfig } from "../../build/gen/bridge.ts"
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { CheckRequest } from "../../lib/cni/interface-plugin.ts"
import type { ResultInterface } from "../../lib/cni/result.ts"
import { addressesOf, missingAddresses, missingRoutes } from "../../lib/host/observation.ts"
import { formatMac } from "../../lib/net/mac.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import { type BridgePlan, planAddressing } from "./plan.ts"
import { planMemberships, vlanGatewayName } from "./vlan.ts"

/** Compares what is there with what ADD made. @throws {CniError} naming every difference */
export function checkBridge(request: CheckRequest<BridgeConfig>, plan: BridgePlan): void {
  const { host, sandbox, attachment, prevResult } = request
  const container = sandbox.rtnl.links.find(attachment.ifname)
  const bridge = host.links.find(plan.bridge.name)
  const port = container?.peerIndex === undefined ? undefined : host.links.find(container.peerIndex)
  const { interfaces } = prevResult
  const recordedBridge = interfaces.find(({ name, sandbox }) => name === plan.bridge.name && !sandbox)
  const recordedContainer = interfaces.find(({ name, sandbox }) => name === attachment.ifname && sandbox)
  const problems = [
    ...bridgeProblems(plan, bridge, recordedBridge),
    ...containerProblems(attachment.ifname, plan, container, recordedContainer),
    ...(container === undefined || bridge === undefined ? [] : portProblems(plan, bridge, port)),
    ...(plan.vlans === undefined || port === undefined ? [] : vlanProblems(request, plan, port)),
    ...(container === undefined ? [] : missingAddresses(sandbox.rtnl, container, prevResult)),
    ...(container === undefined ? [] : missingRoutes(sandbox.rtnl, container, prevResult.routes)),
    ...(plan.isGateway && bridge !== undefined ? gatewayProblems(request, plan, bridge) : []),
  ]
  if (problems.length === 0) return
  const [first = "", ...others] = problems
  throw new CniError(CniCode.internal, first, others.join("; "))
}

function bridgeProblems(
  { bridge: { name, isPromiscuous, isVlanFiltering } }: BridgePlan,
  link: Link | undefined,
  given?: ResultInterface,
) {
  if (link === undefined) return [`bridge interface ${name} not found`]
  if (link.kind !== "bridge") return [`interface ${name} is not a bridge`]
  return [
    ...macProblems(`Bridge interface ${name}`, link, given),
    ...(isVlanFiltering && !link.bridge?.isVlanFiltering ? [`bridge ${name} does not filter by VLAN`] : []),
    ...(isPromiscuous && !link.isPromiscuous ? [`bridge ${name} is not promiscuous as configured`] : []),
    ...(link.isUp ? [] : [`bridge ${name} is down`]),
  ]
}

function containerProblems(name: string, plan: BridgePlan, link: Link | undefined, given?: ResultInterface): string[] {
  if (link === undefined) return [`container interface ${name} not found`]
  if (link.kind !== "veth") return [`container interface ${name} is not of type veth`]
  return [
    ...macProblems(`Interface ${name}`, link, given),
    ...(link.isUp || plan.staysDown ? [] : [`container interface ${name} is down`]),
  ]
}

function macProblems(what: string, link: Link, given: ResultInterface | undefined): string[] {
  const mac = formatMac(link.mac)
  if (given?.mac === undefined || given.mac.toLowerCase() === mac) return []
  return [`${what} Mac doesn't match: ${given.mac} recorded, ${mac} found`]
}

function portProblems({ bridge: { name }, port: wanted }: BridgePlan, bridge: Link, port: Link | undefined): string[] {
  if (port?.master !== bridge.index) return [`CNI veth created for bridge ${name} was not found`]
  return [
    ...(port.isUp ? [] : [`port ${port.name} is down`]),
    ...(wanted.isHairpin && !port.port?.isHairpin ? [`hairpin mode of port ${port.name} is off`] : []),
    ...(wanted.isIsolated && !port.port?.isIsolated ? [`port ${port.name} is not isolated`] : []),
  ]
}

function vlanProblems({ host }: CheckRequest<BridgeConfig>, { vlans }: BridgePlan, port: Link): string[] {
  const present = host.bridgeVlans.list(port)
  const own = present.filter(({ isPvid, isUntagged }) => isPvid && isUntagged)
  // A trunk may hold the port's own VLAN, which is untagged then.
  const tagged = present.filter(({ isPvid, isUntagged }) => isPvid || !isUntagged)
  return (vlans === undefined ? [] : planMemberships(vlans))
    .filter(wanted => !covers(wanted.isPvid ? own : tagged, wanted))
    .map(({ first, last }) => `port ${port.name} is not in VLAN ${first === last ? first : `${first} to ${last}`}`)
}

interface Range {
  readonly first: number
  readonly last: number
}

function covers(ranges: readonly Range[], { first, last }: Range): boolean {
  let next = first
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    if (range.first <= next && next <= range.last) next = range.last + 1
  }
  return next > last
}

function gatewayProblems(request: CheckRequest<BridgeConfig>, plan: BridgePlan, bridge: Link): string[] {
  const { config, host, attachment, prevResult } = request
  const vlan = plan.vlans?.access ?? 0
  const holder = vlan === 0 ? bridge : host.links.find(vlanGatewayName(bridge.name, vlan))
  if (holder === undefined) return [`gateway interface ${vlanGatewayName(bridge.name, vlan)} not found`]
  const own = { ...prevResult, ips: addressesOf(attachment.ifname, prevResult) }
  const { ips } = planAddressing(own, config, 0)
  const gateways = ips.flatMap(({ address, gateway }) =>
    gateway ? [{ address: `${gateway}/${address.split("/")[1]}` }] : [],
  )
  return missingAddresses(host, holder, { interfaces: [], ips: gateways })
}
