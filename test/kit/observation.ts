// What iproute2 and ping say of a world, typed as far as tests look: never our own decoders.

import { type RunOptions, type World, waitUntil } from "./namespaces.ts"

/** A link in the words of `ip -j -d link show`. */
export interface ObservedLink {
  readonly ifindex: number
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly address: string
  readonly operstate: string
  readonly promiscuity: number
  /** Absent: 0. */
  readonly txqlen?: number
  readonly master?: string
  readonly ifalias?: string
  /** Of a veth: its other end in the other namespace. */
  readonly link_index?: number
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: { readonly vlan_filtering?: number }
    readonly info_slave_data?: { readonly state: string; readonly hairpin: boolean; readonly isolated: boolean }
  }
}

/** A route in the words of `ip -j -d route show table all`. */
export interface ObservedRoute {
  readonly dst: string
  readonly type: string
  readonly protocol: string
  readonly dev?: string
  readonly gateway?: string
  readonly table?: string
  readonly scope?: string
  readonly metric?: number
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[]
}

/** A neighbour in the words of `ip -j neigh show`. */
export interface ObservedNeighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state: readonly string[]
}

interface ObservedAddress {
  readonly local: string
  readonly prefixlen: number
  readonly scope: string
}

const inside = (container: string | undefined): RunOptions => (container === undefined ? {} : { container })

/** Runs ip(8) with JSON output in the host namespace, or in a container's. */
export function ip<T>(world: World, words: string, container?: string): readonly T[] {
  return JSON.parse(world.output(["ip", "-j", ...words.split(" ")], inside(container)) || "[]")
}

/** Runs a shell script in the host namespace, or in a container's; it must succeed. */
export function shell(world: World, script: string, container?: string): string {
  return world.output(["sh", "-ec", script], inside(container))
}

/** Lists the links of a namespace. */
export function listLinks(world: World, container?: string): readonly ObservedLink[] {
  return ip(world, "-d link show", container)
}

/** Finds a link by its name. */
export function findLink(world: World, name: string, container?: string): ObservedLink | undefined {
  return listLinks(world, container).find(({ ifname }) => ifname === name)
}

/** Gets a link by its name. @throws Error if there is none */
export function getLink(world: World, name: string, container?: string): ObservedLink {
  const link = findLink(world, name, container)
  if (link === undefined) throw new Error(`${container ?? "host"}: no link ${name}`)
  return link
}

/** Lists a link's addresses with their prefix lengths, those of the link's own scope left out. */
export function listAddresses(world: World, name: string, container?: string): string[] {
  const links = ip<{ addr_info: readonly ObservedAddress[] }>(world, `addr show dev ${name}`, container)
  const all = links.flatMap(({ addr_info }) => addr_info)
  return all.filter(({ scope }) => scope !== "link").map(({ local, prefixlen }) => `${local}/${prefixlen}`)
}

/** Lists the routes of both families in all tables that somebody added: the kernel's own are left out. */
export function listRoutes(world: World, container?: string): ObservedRoute[] {
  const all = ["-4", "-6"].flatMap(family => ip<ObservedRoute>(world, `${family} -d route show table all`, container))
  return all.filter(({ protocol }) => protocol !== "kernel")
}

/** Finds what a namespace knows of a neighbour's address. */
export function findNeighbour(world: World, address: string, container?: string): ObservedNeighbour | undefined {
  return ip<ObservedNeighbour>(world, `neigh show ${address}`, container)[0]
}

/** Reads a setting below /proc/sys as one namespace shows it. */
export function readSetting(world: World, path: string, container?: string): string {
  return world.output(["cat", `/proc/sys/${path}`], inside(container)).trim()
}

/** Writes a setting below /proc/sys of one namespace. */
export function writeSetting(world: World, path: string, value: string, container?: string): void {
  shell(world, `echo ${value} >/proc/sys/${path}`, container)
}

/** Tells whether an address answers one echo request within a second. */
export function canPing(world: World, address: string, container?: string): boolean {
  return world.run(["ping", "-n", "-q", "-c", "1", "-W", "1", address], inside(container)).status === 0
}

/**
 * Waits until an address answers.
 * @throws Error if it does not within 10 seconds
 */
export function waitForPing(world: World, address: string, container?: string): void {
  waitUntil(`an answer of ${address} to ${container ?? "the host"}`, () => canPing(world, address, container), 10_000)
}

/**
 * Waits until every IPv6 address has its local route, which the kernel adds some time after the address and only then
 * receives for it: a snapshot that is taken before would differ from a later one.
 */
export function settle(world: World): void {
  for (const container of [undefined, ...world.containers()])
    waitUntil(`IPv6 addresses of ${container ?? "the host"} to settle`, () => isSettled(world, container), 10_000)
}

function isSettled(world: World, container: string | undefined): boolean {
  const links = ip<{ flags: readonly string[]; addr_info: readonly ObservedAddress[] }>(
    world,
    "-6 addr show",
    container,
  )
  const up = links.filter(({ flags }) => flags.includes("UP")).flatMap(({ addr_info }) => addr_info)
  const local = new Set(ip<ObservedRoute>(world, "-6 route show table local", container).map(({ dst }) => dst))
  return up.every(address => address.scope === "link" || local.has(address.local))
}
