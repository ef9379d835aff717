/**
 * host-local with 60,000 addresses of a /16 taken, beside the same on an empty pool.
 *
 * The taken ones are the first 60,000; round robin goes on behind them, unless the last reserved address is set to the end
 * of the range, so that it wraps around and meets them all. The reference knows no other strategy.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import { getTool } from "../kit/repository.ts"
import { countAccesses } from "./accesses.ts"
import { network } from "./config.ts"
import type { Step } from "./plan.ts"
import type { Row } from "./row.ts"
import { type Results, runPlan } from "./runner.ts"
import type { Stage } from "./stage.ts"
import { medianMs } from "./statistics.ts"
import { type Bench, type Call, demandExecutables, roundTrip, type Subject } from "./subject.ts"

const TAKEN = 60_000
const WARMUP = 1
const LAST = "10.95.255.254"
const SEARCHES = ["lowest", "random", "wrap-around"] as const
type Case = "empty" | "round-robin" | (typeof SEARCHES)[number]

export function measureFullPool(bench: Bench, stage: Stage): Row[] {
  const { ours, reference } = bench
  demandExecutables([ours, reference], ["host-local"])
  for (const subject of [ours, reference]) fillPool(poolFolder(stage, subject, "full"))
  const cases: [Subject, Case][] = [
    ...(["empty", "round-robin", ...SEARCHES] as const).map((kind): [Subject, Case] => [ours, kind]),
    ...(["empty", "round-robin", "wrap-around"] as const).map((kind): [Subject, Case] => [reference, kind]),
  ]
  const steps = cases.flatMap(([subject, kind]) => caseSteps(stage, subject, kind))
  const rounds = Math.max(2, Math.round(bench.rounds / 20))
  const { netns, mntns } = stage
  const result = runPlan({ netns, mntns, warmup: WARMUP, rounds, steps }, stage.folder)
  return [
    ...(["ADD", "DEL"] as const).flatMap(verb => roundRobinRows(bench, result, verb)),
    ...SEARCHES.flatMap(kind => searchRows(bench, stage, result, kind)),
  ]
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

function roundRobinRows({ ours, reference }: Bench, result: Results, verb: "ADD" | "DEL"): Row[] {
  const time = (subject: Subject, kind: Case) => medianMs(result(`${verb} ${subject.name} ${kind}`).ns)
  const values = (kind: Case) => ({ [ours.name]: time(ours, kind), [reference.name]: time(reference, kind) })
  const more = time(ours, "round-robin") - time(ours, "empty")
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

/** A search among the taken addresses: its time, and what it looked at. */
function searchRows(bench: Bench, stage: Stage, result: Results, kind: (typeof SEARCHES)[number]): Row[] {
  const { ours, reference } = bench
  const time = (subject: Subject) => medianMs(result(`ADD ${subject.name} ${kind}`).ns)
  const own = time(ours)
  const values = { [ours.name]: own, ...(kind === "wrap-around" && { [reference.name]: time(reference) }) }
  const name = `host-local ADD, 60,000 taken, ${kind}`
  const { filesOpened, foldersRead } = watchSearch(stage, ours, kind)
  const count = (what: string, value: number, most: number): Row => ({
    name: `${name}: ${what}`,
    unit: "",
    values: { [ours.name]: value },
    score: { value, unit: "", bar: { most } },
  })
  return [
    { name, unit: "ms", values, score: { value: own, unit: "ms", bar: { most: 60 } } },
    count("address files opened", filesOpened, 0),
    count("directory reads", foldersRead, 1),
  ]
}

function watchSearch(stage: Stage, subject: Subject, kind: Case) {
  const log = path.join(stage.folder, `${kind}.strace`)
  const [add, del] = caseSteps(stage, subject, kind)
  if (!add || !del) throw new Error("a round trip is two steps")
  const args = ["-f", "-qq", "-o", log, "-e", "trace=open,openat,openat2,getdents64", add.exec]
  const steps = [{ ...add, exec: getTool("strace"), args }, del]
  const { netns, mntns } = stage
  runPlan({ netns, mntns, warmup: 0, rounds: 1, steps }, stage.folder)
  return countAccesses(readFileSync(log, "utf8"))
}
