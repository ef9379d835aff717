// A network of the bridge plugin, run as a runtime would run it: the result of ADD goes into CHECK and DEL.

import type { World } from "./namespaces.ts"
import { settle } from "./observation.ts"
import { type Answer, type Attachment, attachment, cni, type Invocation, resultOf } from "./plugin.ts"

/** A configuration of the bridge plugin. */
export interface BridgeConf {
  readonly cniVersion: string
  readonly name: string
  readonly type: string
  readonly bridge: string
  readonly [key: string]: unknown
}

/** The result of ADD as this suite's versions from 1.0.0 print it. */
export interface BridgeResult {
  readonly interfaces: readonly {
    readonly name: string
    readonly mac: string
    readonly mtu?: number
    readonly sandbox?: string
  }[]
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface: number }[]
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[]
  readonly dns?: object
}

/** An attachment that ADD made. */
export interface Attached {
  readonly who: Attachment
  readonly config: BridgeConf
  readonly result: BridgeResult
  /** Of ADD. */
  readonly stderr: string
}

/** Further parameters of one run. */
export type More = Partial<Invocation>

/** The part of a configuration that has the static plugin give these addresses. */
export function addresses(...list: readonly string[]): { ipam: { type: string; addresses: { address: string }[] } } {
  return { ipam: { type: "static", addresses: list.map(address => ({ address })) } }
}

/** Returns a configuration: network net on bridge br0 with the address 10.1.0.2/24, changed by `more`. */
export function bridgeConf(more: object = {}): BridgeConf {
  const plain = { cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "br0", ...addresses("10.1.0.2/24") }
  return { ...plain, ...more }
}

/** Runs one verb of the bridge plugin. */
export function bridge(world: World, verb: string, who: Partial<Attachment>, config: object, more: More = {}): Answer {
  return cni(world, { plugin: "bridge", verb, config, ...who, ...more })
}

/**
 * Runs an ADD that must succeed, and waits until its addresses have settled; the container namespace is made if it does
 * not exist.
 * @param name of the container, or its attachment
 */
export function attach(world: World, name: string | Attachment, config: BridgeConf, more: More = {}): Attached {
  const who = typeof name === "string" ? attachment(name) : name
  if (typeof name === "string" && !world.containers().includes(name)) world.addContainer(name)
  const answer = bridge(world, "ADD", who, config, more)
  const result = resultOf(answer) as unknown as BridgeResult
  settle(world)
  return { who, config, result, stderr: answer.stderr }
}

/** Runs DEL with the result of ADD. */
export function detach(world: World, { who, config, result }: Attached, more: More = {}): Answer {
  return bridge(world, "DEL", who, { ...config, prevResult: result }, more)
}

/** Runs CHECK with the result of ADD. */
export function recheck(world: World, { who, config, result }: Attached, more: More = {}): Answer {
  return bridge(world, "CHECK", who, { ...config, prevResult: result }, more)
}

/** Runs GC; `valid` are the attachments that live. */
export function collect(world: World, config: BridgeConf, valid: readonly Attachment[], more: More = {}): Answer {
  const list = valid.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }))
  return bridge(world, "GC", {}, { ...config, "cni.dev/valid-attachments": list }, more)
}

/** Returns the host's end of an attachment's veth as the result names it. */
export function hostEnd({ result }: Attached): string {
  const name = result.interfaces[1]?.name
  if (name === undefined) throw new Error("the result names no host interface")
  return name
}
