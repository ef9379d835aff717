/** One process of each plugin: VERSION, and the plugins that need no other. */
import { statSync } from "node:fs"
import path from "node:path"
import { hostLocal, network } from "./config.ts"
import { type Bar, compare, type Row } from "./row.ts"
import { runPlan } from "./runner.ts"
import type { Stage } from "./stage.ts"
import { medianMs } from "./statistics.ts"
import { type Bench, CNI_VERSION, demandExecutables, PLUGINS, roundTrip, type Subject, versionStep } from "./subject.ts"

const WARMUP = 5
const SIZE_BAR = { most: 2.2 }

/** Whole processes that only say which versions they speak. */
export function measureVersion(bench: Bench, stage: Stage, plugin: string): Row[] {
  const subjects = all(bench)
  demandExecutables(subjects, [plugin])
  const config = stage.config("version", { cniVersion: CNI_VERSION })
  const steps = subjects.map(subject => versionStep(subject, plugin, config))
  const result = runPlan({ warmup: WARMUP, rounds: bench.rounds, steps }, stage.folder)
  const values = Object.fromEntries(subjects.map(({ name }) => [name, medianMs(result(name).ns)]))
  return [againstReference(bench, { name: `VERSION ${plugin}`, unit: "ms", values }, { most: 0.55 })]
}

/** host-local alone, on a pool with one address taken at a time. */
export function measureHostLocal(bench: Bench, stage: Stage): Row[] {
  return measureAlone(bench, stage, { plugin: "host-local", rest: subject => ({ ipam: hostLocal(stage, subject) }) })
}

export function measureStatic(bench: Bench, stage: Stage): Row[] {
  const addresses = [{ address: "10.90.0.2/16", gateway: "10.90.0.1" }]
  return measureAlone(bench, stage, { plugin: "static", rest: () => ({ ipam: { type: "static", addresses } }) })
}

export function measureLoopback(bench: Bench, stage: Stage): Row[] {
  return measureAlone(bench, stage, { plugin: "loopback", rest: () => ({}) })
}

/** tuning of the one interface that every namespace has, and as Podman writes it, with nothing to do. */
export function measureTuning(bench: Bench, stage: Stage): Row[] {
  const idle = { prevResult: { cniVersion: CNI_VERSION, interfaces: [{ name: "lo" }] } }
  const sysctl = { "net.core.somaxconn": "512", "net.ipv4.conf.IFNAME.rp_filter": "1" }
  const busy = { ...idle, sysctl, mtu: 1400, promisc: true, allmulti: true }
  const rest = (subject: Subject) => ({ ...busy, dataDir: path.join(stage.folder, `tuning-${subject.slot}`) })
  return [
    ...measureAlone(bench, stage, { plugin: "tuning", ifname: "lo", rest }),
    ...measureAlone(bench, stage, { plugin: "tuning", ifname: "lo", rest: () => idle, title: "tuning of nothing" }),
  ]
}

interface Alone {
  readonly plugin: string
  /** The configuration but for the keys that every one has. */
  readonly rest: (subject: Subject) => object
  readonly ifname?: string
  /** What the rows are called; absent: as the plugin. */
  readonly title?: string
}

function measureAlone(bench: Bench, stage: Stage, { plugin, rest, ifname = "eth0", title = plugin }: Alone): Row[] {
  const subjects = all(bench)
  demandExecutables(subjects, [plugin])
  const steps = subjects.flatMap(subject => {
    const config = stage.config(`${plugin}-${subject.slot}`, network("bench", plugin, rest(subject)))
    return roundTrip(subject, { plugin, config, netns: stage.container(subject.name), ifname })
  })
  const { netns, mntns } = stage
  const result = runPlan({ netns, mntns, warmup: WARMUP, rounds: bench.rounds, steps }, stage.folder)
  return (["ADD", "DEL"] as const).map(verb => {
    const values = Object.fromEntries(subjects.map(({ name }) => [name, medianMs(result(`${verb} ${name}`).ns)]))
    return againstReference(bench, { name: `${title} ${verb}`, unit: "ms", values })
  })
}

/** The executables of every subject, in MiB. */
export function measureSizes(bench: Bench): Row[] {
  return PLUGINS.map(plugin => {
    demandExecutables(all(bench), [plugin])
    const size = ({ directory }: Subject) => statSync(path.join(directory, plugin)).size / 2 ** 20
    const values = Object.fromEntries(all(bench).map(subject => [subject.name, size(subject)]))
    const score = { value: size(bench.ours), unit: "MiB", bar: SIZE_BAR }
    return { name: `size of ${plugin}`, unit: "MiB", values, score }
  })
}

/** The subjects in the order of the table's columns. */
export function all({ ours, reference, older }: Bench): Subject[] {
  return [ours, reference, older]
}

/** Scores ours by the reference's value. */
export function againstReference({ ours, reference }: Bench, row: Omit<Row, "score">, bar?: Bar): Row {
  return compare(row, { of: ours.name, against: reference.name, unit: "×", ...(bar && { bar }) })
}
