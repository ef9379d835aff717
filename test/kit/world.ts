// The snapshot of a test world and the difference between two of them: what ADD followed by DEL must leave empty.
//
// Everything is seen through the system's own tools (ip, tc, bridge, nft, iptables-save, /proc/sys), never through our
// decoders; facts.ts says what is left out as volatile. The files of the state folders and the processes inside the
// world are read from outside, through /proc. One namespace costs one process start from here and about 40 ms.

import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs"
import { factsOf, type Json, type JsonObject, parseSections, type Report, type Snapshot } from "./facts.ts"
import type { World } from "./namespaces.ts"

export type { Snapshot } from "./facts.ts"

/** The folders whose files belong to the snapshot: where plugins, runtimes and iptables keep state. */
export const stateFolders: readonly string[] = ["/var/lib/cni", "/etc/cni", "/run"]

const observeScript = `set -e
section() { printf '@@ %s\\n' "$1"; }
section ip
ip -j -d -batch - <<END
addr show
route show table all
rule show
neigh show nud permanent
neigh show proxy
nexthop show
END
section ip6
ip -6 -j -d rule show
section qdiscs
qdiscs=$(tc -j -d qdisc show)
printf '%s\\n' "$qdiscs"
section "classes and filters"
case $qdiscs in *'"handle":"'[!0]*)
  tc qdisc show | while read -r _ kind handle _ device _; do
    [ "$handle" != 0: ] || continue
    tc class show dev "$device" parent "$handle" | sed "s/^/dev $device /"
    tc -d filter show dev "$device" parent "$handle" | sed "s/^/dev $device parent $handle /"
    [ "$kind" != clsact ] || for hook in ingress egress; do
      tc -d filter show dev "$device" "$hook" | sed "s/^/dev $device $hook /"
    done
  done;;
esac
section bridges
bridge -j vlan show
bridge -j fdb show
section nft
ruleset=$(nft -j list ruleset)
printf '%s\\n' "$ruleset"
case $ruleset in *'"table": {"family": "ip",'*) section iptables; iptables-save;; esac
case $ruleset in *'"table": {"family": "ip6",'*) section ip6tables; ip6tables-save;; esac
for family in ip ip6; do
  if read -r _ </proc/net/"$family"_tables_names; then
    section "$family"tables-legacy
    "$family"tables-legacy-save
  fi
done 2>/dev/null
section sysctls
grep -rs . /proc/sys/net || :
`

/**
 * Takes a snapshot of the host namespace, the named container namespaces and the host's state files.
 * @throws Error if a tool fails, so that nothing is ever missed silently
 */
export function snapshot(
  world: World,
  containers: readonly string[] = world.containers(),
  folders: readonly string[] = stateFolders,
): Snapshot {
  const facts = factsOf([observe(world), ...containers.map(name => observe(world, name))])
  const files = folders.flatMap(folder => filesBelow(world, folder))
  const observed = new Set(["host", ...containers])
  const processes = world.processes().filter(({ where }) => observed.has(where))
  const count: Record<string, number> = {}
  for (const { where, command } of processes) {
    const key = `${where} process ${command}`
    count[key] = (count[key] ?? 0) + 1
  }
  return { ...Object.fromEntries(facts), ...Object.fromEntries(files), ...count }
}

function observe(world: World, container?: string): Report {
  const text = world.output(["sh", "-c", observeScript], container === undefined ? {} : { container })
  return { namespace: container ?? "host", sections: parseSections(text) }
}

/** Returns each file and folder below `folder` with its type, mode, owner and content, in the order of their names. */
function filesBelow(world: World, folder: string): [string, JsonObject][] {
  const at = world.outside(folder)
  const names = readdirSync(at).toSorted()
  return names.flatMap(name => {
    const path = `${folder}/${name}`
    const stats = lstatSync(`${at}/${name}`)
    // Mount points of container namespaces, which the test itself makes and removes.
    if (path === "/run/netns") return []
    const entry: [string, JsonObject] = [`file ${path}`, fileFact(`${at}/${name}`, stats)]
    return stats.isDirectory() ? [entry, ...filesBelow(world, path)] : [entry]
  })
}

function fileFact(path: string, stats: Stats): JsonObject {
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0")
  const owner = `${stats.uid}:${stats.gid}`
  if (stats.isDirectory()) return { type: "folder", mode, owner }
  if (stats.isSymbolicLink()) return { type: "symlink", owner, target: readlinkSync(path) }
  if (!stats.isFile()) return { type: stats.isSocket() ? "socket" : "special", mode, owner }
  return { type: "file", mode, owner, content: fileContent(path) }
}

/** host-local's note of the address it handed out last moves with every ADD and stays after DEL: it is shared. */
function fileContent(path: string): string {
  if (/\/last_reserved_ip\.\d+$/.test(path)) return "(an address)"
  const bytes = readFileSync(path)
  const text = bytes.toString("utf8")
  return Buffer.from(text, "utf8").equals(bytes) ? text : `hex ${bytes.toString("hex")}`
}

/**
 * Compares two snapshots: one line per fact that is gone (`-`), new (`+`) or changed (`~`), in the order of the keys;
 * empty: nothing differs.
 */
export function difference(before: Snapshot, after: Snapshot): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()
  return keys.flatMap(key => {
    const [old, now] = [before[key], after[key]]
    if (old === undefined) return now === undefined ? [] : [`+ ${key}${brief(now)}`]
    if (now === undefined) return [`- ${key}${brief(old)}`]
    return changes(old, now).map(change => `~ ${key}${change}`)
  })
}

/** A fact that only says that something exists once needs no value; a link's hundred sysctls tell nothing new. */
function brief(value: Json): string {
  if (value === 1) return ""
  const told = isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !/^ipv[46]\./.test(key)))
    : value
  const text = typeof told === "string" ? told : JSON.stringify(told)
  return `: ${text.length > 600 ? `${text.slice(0, 599)}…` : text}`
}

function changes(old: Json, now: Json): string[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return []
  if (Array.isArray(old) && Array.isArray(now)) return listChanges(old, now)
  if (!isObject(old) || !isObject(now)) return [`: ${JSON.stringify(old)} → ${JSON.stringify(now)}`]
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted()
  return keys.flatMap(key => changes(old[key] ?? "(none)", now[key] ?? "(none)").map(change => ` ${key}${change}`))
}

function listChanges(old: readonly Json[], now: readonly Json[]): string[] {
  const rest = now.map(item => JSON.stringify(item))
  const gone = old.filter(item => {
    const index = rest.indexOf(JSON.stringify(item))
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
  const lines = [...gone.map(item => `: - ${JSON.stringify(item)}`), ...rest.map(text => `: + ${text}`)]
  return lines.length > 0 ? lines : [`: order changed, ${JSON.stringify(old)} → ${JSON.stringify(now)}`]
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
