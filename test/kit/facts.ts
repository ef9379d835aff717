// Turns what the system's own tools print about one network namespace into facts that can be compared: a fact has a
// sentence-like key ("host link cni0", "c1 route dst 10.1.0.0/24 dev eth0 …") and a value.
//
// Left out, because it changes by itself: counters, timers, ages, object handles, interface numbers; carrier and
// operational state, which the kernel settles up to a second after the cause (the cause, a port or a peer, is a fact);
// the IPv6 link-local addresses, routes and multicast entries that the kernel makes for a link that has carrier.
// Things without a name of their own (routes, rules …) carry everything in the key; their value is how often they occur.

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** What the tools printed in one namespace, by section. */
export interface Report {
  readonly namespace: string
  readonly sections: ReadonlyMap<string, string>
}

/** Facts by key; `JSON.stringify` of two equal snapshots gives the same text. */
export type Snapshot = Readonly<Record<string, Json>>

const volatileLinkKeys = new Set([
  "ifindex",
  "operstate",
  "addr_info",
  "link_index",
  "link_netnsid",
  ...["hello_timer", "tcn_timer", "topology_change_timer", "gc_timer", "topology_change", "topology_change_detected"],
  ...["root_id", "bridge_id", "root_port", "root_path_cost"],
  ...["hold_timer", "message_age_timer", "forward_delay_timer", "topology_change_ack", "config_pending", "state"],
  ...["designated_port", "designated_cost"],
])
const carrierFlags = new Set(["RUNNING", "LOWER_UP", "NO-CARRIER", "DORMANT"])
const volatileNftKeys = new Set(["handle", "expires", "packets", "bytes", "used", "used_unit", "metainfo"])
const volatileSysctls = new Set(["netfilter nf_conntrack_count"])
const forever = 4294967295

/** Splits the output of the observing script, in which a line `@@ name` begins a section. */
export function parseSections(text: string): Map<string, string> {
  const sections = new Map<string, string>()
  for (const part of text.split(/^@@ /m).slice(1)) {
    const end = part.indexOf("\n")
    sections.set(part.slice(0, end), part.slice(end + 1))
  }
  return sections
}

/** Returns the facts of all namespaces, sorted by key. */
export function factsOf(reports: readonly Report[]): Map<string, Json> {
  const facts = new Facts()
  const links = reports.flatMap(report => linksOf(report))
  for (const link of links) addLink(facts, link, links)
  for (const report of reports) {
    addRouting(facts, report)
    addTrafficControl(facts, report)
    addBridges(facts, report)
    addNft(facts, report)
    addIptables(facts, report)
    addSysctls(facts, report)
  }
  return facts.sorted()
}

/** Collects facts; equal nameless things are counted. */
class Facts {
  readonly #all = new Map<string, Json>()

  set(key: string, value: Json): void {
    this.#all.set(key, value)
  }

  /** Adds fields to the object under `key`. */
  extend(key: string, fields: JsonObject): void {
    this.#all.set(key, { ...(this.#all.get(key) as JsonObject | undefined), ...fields })
  }

  append(key: string, item: Json): void {
    this.#all.set(key, [...((this.#all.get(key) as readonly Json[] | undefined) ?? []), item])
  }

  count(key: string): void {
    this.#all.set(key, ((this.#all.get(key) as number | undefined) ?? 0) + 1)
  }

  has(key: string): boolean {
    return this.#all.has(key)
  }

  sorted(): Map<string, Json> {
    return new Map([...this.#all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, canonical(value)]))
  }
}

interface Link {
  readonly namespace: string
  readonly data: JsonObject
}

function linksOf(report: Report): Link[] {
  return objects(line(report, "ip", 0)).map(data => ({ namespace: report.namespace, data }))
}

function addLink(facts: Facts, link: Link, all: readonly Link[]): void {
  const { namespace, data } = link
  const key = `${namespace} link ${data.ifname}`
  const flags = (data.flags as readonly string[]).filter(flag => !carrierFlags.has(flag))
  const other = data.link_index === undefined ? undefined : otherEnd(link, all)
  facts.set(key, {
    ...(without(data, volatileLinkKeys) as JsonObject),
    flags: flags.toSorted(),
    ...(other !== undefined && { link: other }),
  })
  for (const address of objects(data.addr_info ?? [])) {
    if (isKernelMade(address)) continue
    const { local, prefixlen, tentative: _, valid_life_time: valid, preferred_life_time: preferred, ...rest } = address
    facts.set(`${namespace} address ${data.ifname} ${local}/${prefixlen}`, {
      ...rest,
      ...(valid !== forever && { valid: "limited" }),
      ...(preferred !== forever && { preferred: preferred === 0 ? "deprecated" : "limited" }),
    })
  }
}

/** Newer iproute2 says who made an address; else the form with ff:fe tells it (of any MAC: a bridge changes its own). */
function isKernelMade({ protocol, local, prefixlen }: JsonObject): boolean {
  if (protocol !== undefined) return protocol === "kernel_ll"
  return prefixlen === 64 && /^fe80::[0-9a-f]+:[0-9a-f]{0,2}ff:fe[0-9a-f]{2}:[0-9a-f]+$/.test(String(local))
}

/** Names a link's peer or parent in another namespace; interface numbers alone may fit several. */
function otherEnd(link: Link, all: readonly Link[]): string {
  const fits = all.filter(one => one.namespace !== link.namespace && one.data.ifindex === link.data.link_index)
  const found =
    fits.find(one => one.data.link_index === link.data.ifindex) ?? fits.find(one => one.namespace === "host")
  return found === undefined ? "elsewhere" : `${found.namespace}/${found.data.ifname}`
}

function addRouting(facts: Facts, report: Report): void {
  const at = report.namespace
  for (const route of objects(line(report, "ip", 1))) {
    if (isKernelLinkLocal(route)) continue
    const flags = (route.flags as readonly Json[] | undefined)?.filter(flag => flag !== "linkdown") ?? []
    const { expires: _, cache: __, ...rest } = route
    facts.count(`${at} route ${words({ ...rest, ...(route.flags !== undefined && { flags }) })}`)
  }
  for (const rule of objects(line(report, "ip", 2))) facts.count(`${at} rule ${words(rule)}`)
  for (const rule of objects(line(report, "ip6", 0))) facts.count(`${at} rule6 ${words(rule)}`)
  for (const neighbour of objects(line(report, "ip", 3))) facts.count(`${at} neighbour ${words(neighbour)}`)
  for (const proxy of objects(line(report, "ip", 4))) facts.count(`${at} neighbour ${words(proxy)}`)
  for (const nexthop of objects(line(report, "ip", 5))) facts.count(`${at} nexthop ${words(nexthop)}`)
}

function isKernelLinkLocal({ protocol, dst, type }: JsonObject): boolean {
  if (protocol !== "kernel") return false
  return String(dst).startsWith("fe80:") || (dst === "ff00::/8" && type === "multicast")
}

function addTrafficControl(facts: Facts, report: Report): void {
  for (const { refcnt: _, ...qdisc } of objects(line(report, "qdiscs", 0)))
    facts.count(`${report.namespace} qdisc ${words(qdisc)}`)
  for (const text of lines(report, "classes and filters")) facts.count(`${report.namespace} ${text}`)
}

function addBridges(facts: Facts, report: Report): void {
  for (const port of objects(line(report, "bridges", 0))) {
    const key = `${report.namespace} bridge vlan ${port.ifname}`
    for (const vlan of objects(port.vlans ?? [])) facts.append(key, words(vlan))
  }
  for (const entry of objects(line(report, "bridges", 1))) {
    const learnt = entry.state !== "permanent" && entry.state !== "static"
    if (learnt || /^(33:33|01:00:5e):/.test(String(entry.mac))) continue
    facts.count(`${report.namespace} bridge fdb ${words(entry)}`)
  }
}

function addNft(facts: Facts, report: Report): void {
  const { nftables } = JSON.parse(line(report, "nft", 0) || "{}") as { nftables?: readonly JsonObject[] }
  for (const entry of nftables ?? []) {
    const [kind = "", data = {}] = Object.entries(without(entry, volatileNftKeys) as JsonObject)[0] ?? []
    if (kind === "") continue
    const { family, table, name, chain, ...rest } = data as JsonObject
    const owner = `${report.namespace} nft ${family}`
    if (kind === "rule") facts.append(`${owner} ${table} chain ${chain} rules`, JSON.stringify(canonical(rest)))
    else if (kind === "table") facts.set(`${owner} table ${name}`, rest)
    else facts.set(`${owner} ${table} ${kind} ${name}`, sortElements(rest))
  }
}

function sortElements(set: JsonObject): JsonObject {
  if (!Array.isArray(set.elem)) return set
  return { ...set, elem: set.elem.map(item => JSON.stringify(canonical(item))).toSorted() }
}

function addIptables(facts: Facts, report: Report): void {
  for (const section of ["iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy"]) {
    let table = ""
    for (const text of lines(report, section)) {
      const chain = /^:(\S+) (\S+)/.exec(text)
      const rule = /^-A (\S+) (.*)/.exec(text)
      const key = `${report.namespace} ${section} ${table}`
      if (text.startsWith("*")) table = text.slice(1)
      else if (chain) facts.set(`${key} ${chain[1]}`, chain[2] ?? "")
      else if (rule) facts.append(`${key} ${rule[1]} rules`, rule[2] ?? "")
      else if (!/^(COMMIT|# (Generated|Completed) )/.test(text)) facts.count(`${key} ${text}`)
    }
  }
}

/** Settings of one link belong to the link's fact; all others are facts by folder. */
function addSysctls(facts: Facts, report: Report): void {
  for (const text of lines(report, "sysctls")) {
    const [, path = "", value = ""] = /^\/proc\/sys\/net\/([^:]*):(.*)$/.exec(text) ?? []
    const parts = path.split("/")
    const name = parts.pop() ?? ""
    const link = `${report.namespace} link ${parts[2]}`
    if (volatileSysctls.has(`${parts.join(".")} ${name}`)) continue
    if (parts.length === 3 && facts.has(link)) facts.extend(link, { [`${parts[0]}.${parts[1]}.${name}`]: value })
    else facts.extend(`${report.namespace} sysctl ${parts.join(".")}`, { [name]: value })
  }
}

function lines(report: Report, section: string): string[] {
  return (report.sections.get(section) ?? "").split("\n").filter(text => text.trim() !== "")
}

/** Returns one output line of a section; each command of a batch prints exactly one. */
function line(report: Report, section: string, index: number): string {
  const text = lines(report, section)[index]
  if (text === undefined) throw new Error(`${report.namespace}: section "${section}" has no output line ${index}`)
  return text
}

function objects(value: Json): readonly JsonObject[] {
  return (typeof value === "string" ? JSON.parse(value) : value) as readonly JsonObject[]
}

/** Writes an object's fields in their sorted order, the way ip(8) would: names and values, separated by spaces. */
export function words(object: JsonObject): string {
  const sorted = canonical(object) as JsonObject
  return Object.entries(sorted)
    .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
}

/** Returns the value with every object's keys in sorted order. */
export function canonical(value: Json): Json {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item)]),
  )
}

function without(value: Json, keys: ReadonlySet<string>): Json {
  if (Array.isArray(value)) return value.map(item => without(item, keys))
  if (typeof value !== "object" || value === null) return value
  const kept = Object.entries(value).filter(([key]) => !keys.has(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, without(item, keys)]))
}
