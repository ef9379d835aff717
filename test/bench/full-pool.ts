/**
 * host-local with 60,000 addresses of a /16 taken, beside the same on an empty pool.
 *
 * The taken ones are the first 60,000; round robin goes on behind them, unless the last reserved address is set to the end
 * of the range, so that it wraps around and meets them all. The reference knows no other strategy.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { getTool } from "../kit/repository.ts"
import { type Accesses, countAccesses } from "./accesses.ts"
import { network } from "./config.ts"
import type { Step } from "./plan.ts"
import type { Row } from "./row.ts"
import { runPlan } from "./runner.ts"
import type { Stage } from "./stage.ts"
import { medianMs } from "./statistics.ts"
import { type Bench, type Call, demandExecutables, roundTrip, type Subject } from "./subject.ts"

const TAKEN = 60_000
const WARMUP = 1
/** Round robin takes a new address every round: it must not come to the end of the range. */
const MOST_ROUNDS = 2000
const LAST = "10.95.255.254"
const SEARCHES = ["lowest", "random", "wrap-around"] as const
type Case = "empty" | "round-robin" | (typeof SEARCHES)[number]

export function measureFullPool(bench: Bench, stage: Stage): Row[] {
  const { ours, reference } = bench
  demandExecutables([ours, reference], ["host-local"])
  for (const subject of [ours, reference]) fillPool(poolFolder(stage, subject, "full"))
  // What is still to be written would be written while the clock runs.
  execFileSync(getTool("sync"), ["-f", stage.folder])
  const slow = Math.max(2, Math.round(bench.rounds / 20))
  const own = measureCases(stage, ours, ["empty", "round-robin"], Math.min(bench.rounds, MOST_ROUNDS))
  const others = measureCases(stage, reference, ["empty", "round-robin"], slow)
  const searches = measureCases(stage, ours, SEARCHES, slow)
  const otherSearch = measureCases(stage, reference, ["wrap-around"], slow)
  return [
    ...(["ADD", "DEL"] as const).flatMap(verb => roundRobinRows(bench, { own, others }, verb)),
    ...SEARCHES.flatMap(kind => {
      const other = kind === "wrap-around" ? { [reference.name]: otherSearch("ADD", kind) } : {}
      const row = searchRow(kind, searches("ADD", kind), { [ours.name]: searches("ADD", kind), ...other })
      return [row, ...accessRows(row.name, ours.name, watchSearch(stage, ours, kind))]
    }),
  ]
}

/** The median of one verb in one case, in milliseconds. */
type Times = (verb: "ADD" | "DEL", kind: Case) => number

/** Measures cases of one subject alone: what the reference reads and writes in a second would slow its neighbours down. */
function measureCases(stage: Stage, subject: Subject, cases: readonly Case[], rounds: number): Times {
  const steps = cases.flatMap(kind => caseSteps(stage, subject, kind))
  const { netns, mntns } = stage
  const result = runPlan({ netns, mntns, warmup: WARMUP, rounds, steps }, stage.folder)
  return (verb, kind) => medianMs(result(`${verb} ${subject.name} ${kind}`).ns)
}

const poolName = (kind: Case) => (kind === "empty" ? "empty" : "full")

function poolFolder(stage: Stage, subject: Subject, pool: "empty" | "full"): string {
  return path.join(stage.folder, `pools-${subject.slot}`, pool)
}

/** Reserves the first addresses as host-local writes them: one file each, owner in it. */
function fillPool(folder: string): void {
  mkdirSync(folder, { recursive: true })
  let last = ""
  for (let i = 0; i < TAKEN; i++) {
    const number = i + 2
    last = `10.95.${number >> 8}.${number & 255}`
    writeFileSync(path.join(folder, last), `filler-${i}\r\neth0`, { mode: 0o600 })
  }
  writeFileSync(path.join(folder, "last_reserved_ip.0"), last, { mode: 0o600 })
}

function caseSteps(stage: Stage, subject: Subject, kind: Case): Step[] {
  const isStrategy = kind === "lowest" || kind === "random"
  const pool = poolFolder(stage, subject, poolName(kind))
  const ipam = {
    type: "host-local",
    dataDir: path.dirname(pool),
    ranges: [[{ subnet: "10.95.0.0/16" }]],
    ...(isStrategy && { strategy: kind }),
  }
  const config = stage.config(`${kind}-${subject.slot}`, network(poolName(kind), "host-local", { ipam }))
  const call: Call = { plugin: "host-local", config, netns: stage.container(subject.name), container: `${kind}-%r` }
  const [add, del] = roundTrip(subject, call).map(step => ({ ...step, name: `${step.name} ${kind}` }))
  if (!add || !del) throw new Error("a round trip is two steps")
  const put = { path: path.join(pool, "last_reserved_ip.0"), text: LAST }
  return [kind === "wrap-around" ? { ...add, put } : add, del]
}

function roundRobinRows(bench: Bench, { own, others }: { own: Times; others: Times }, verb: "ADD" | "DEL"): Row[] {
  const { ours, reference } = bench
  const values = (kind: Case) => ({ [ours.name]: own(verb, kind), [reference.name]: others(verb, kind) })
  const more = own(verb, "round-robin") - own(verb, "empty")
  return [
    { name: `host-local ${verb}, pool empty`, unit: "ms", values: values("empty") },
    {
      name: `host-local ${verb}, 60,000 taken`,
      unit: "ms",
      values: values("round-robin"),
      score: { value: more, unit: "ms more", bar: { most: 2 } },
    },
  ]
}

function searchRow(kind: Case, own: number, values: Row["values"]): Row {
  const score = { value: own, unit: "ms", bar: { most: 60 } }
  return { name: `host-local ADD, 60,000 taken, ${kind}`, unit: "ms", values, score }
}

function accessRows(search: string, side: string, { filesOpened, foldersRead }: Accesses): Row[] {
  const row = (what: string, value: number, most: number): Row => {
    const score = { value, unit: "", bar: { most } }
    return { name: `${search}: ${what}`, unit: "", values: { [side]: value }, score }
  }
  return [row("address files opened", filesOpened, 0), row("directory reads", foldersRead, 1)]
}

/** Traces one search. */
function watchSearch(stage: Stage, subject: Subject, kind: Case): Accesses {
  const log = path.join(stage.folder, `${kind}.strace`)
  const [add, del] = caseSteps(stage, subject, kind)
  if (!add || !del) throw new Error("a round trip is two steps")
  const args = ["-f", "-qq", "-o", log, "-e", "trace=open,openat,openat2,getdents64", add.exec]
  const steps = [{ ...add, exec: getTool("strace"), args }, del]
  const { netns, mntns } = stage
  runPlan({ netns, mntns, warmup: 0, rounds: 1, steps }, stage.folder)
  return countAccesses(readFileSync(log, "utf8"))
}
