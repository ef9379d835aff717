/**
 * A container attached to a bridge and detached again, with addresses from host-local: times beside the floor under them,
 * and memory.
 *
 * The floor under ADD is two nested spawns of a trivial executable (bridge executes host-local) and the requests of
 * floor.c; under DEL it is the same with the one request that deletes the pair, most of which the kernel spends waiting.
 */
import { readFileSync } from "node:fs"
import path from "node:path"
import { bridge, type Families } from "./config.ts"
import type { Step } from "./plan.ts"
import { againstReference, all } from "./plugins.ts"
import { compare, type Row } from "./row.ts"
import { ensureProgram, runPlan } from "./runner.ts"
import type { Stage } from "./stage.ts"
import { median, medianMs } from "./statistics.ts"
import { type Bench, demandExecutables, roundTrip, type Subject } from "./subject.ts"

const WARMUP = 5
const MEMORY_ROUNDS = 10
/** Before each step: what the one before has left to the kernel's RCU would make it wait. A runtime lets seconds pass. */
const PAUSE_MS = 15
const FLOOR = "floor"
/** The parts of floor.c that make an attachment. */
const ATTACH_PARTS = ["create", "address", "up", "route"] as const
const PARTS = ["sockets", ...ATTACH_PARTS, "delete"] as const
type Part = (typeof PARTS)[number]

function attachSteps(bench: Bench, stage: Stage, families: Families): Step[] {
  demandExecutables(all(bench), ["bridge", "host-local"])
  return all(bench).flatMap(subject => {
    const config = stage.config(`bridge-${subject.slot}`, bridge(stage, subject, families))
    return roundTrip(subject, { plugin: "bridge", config, netns: stage.container(subject.name) })
  })
}

/** ADD and DEL of bridge with host-local, and for IPv4 the floor. */
export function measureBridge(bench: Bench, stage: Stage, families: Families): Row[] {
  const parts = path.join(stage.folder, "floor.json")
  const floor: Step[] = [
    { name: "nested", exec: ensureProgram("nested"), args: [ensureProgram("trivial")] },
    { name: FLOOR, exec: ensureProgram("floor"), args: [stage.container(FLOOR)], stdout: parts },
  ]
  const sequence = [...attachSteps(bench, stage, families), ...(families === "ipv4" ? floor : [])]
  const steps = sequence.map(step => ({ ...step, pauseMs: PAUSE_MS }))
  const rounds = Math.max(2, Math.round(bench.rounds / 2))
  const { netns, mntns } = stage
  const result = runPlan({ netns, mntns, warmup: WARMUP, rounds, steps }, stage.folder)
  const time =
    (verb: string) =>
    ({ name }: Subject) => [name, medianMs(result(`${verb} ${name}`).ns)]
  const title = families === "ipv4" ? "bridge + host-local" : "bridge + host-local dual-stack"
  const add = { name: `${title} ADD`, unit: "ms", values: Object.fromEntries(all(bench).map(time("ADD"))) } as const
  const del = { name: `${title} DEL`, unit: "ms", values: Object.fromEntries(all(bench).map(time("DEL"))) } as const
  const bars = families === "ipv4" ? { add: { most: 0.55 }, del: { most: 0.8 } } : {}
  const rows = [againstReference(bench, add, bars.add), againstReference(bench, del, bars.del)]
  if (families !== "ipv4") return rows
  return [...rows, ...floorRows(bench, add, { parts: readParts(parts).slice(-rounds), nested: result("nested").ns })]
}

type Parts = Readonly<Record<Part, number>>

function readParts(file: string): Parts[] {
  const lines = readFileSync(file, "utf8").trim().split("\n")
  return lines.map(line => JSON.parse(line) as Parts)
}

/** ADD against the floor, and what the floor is made of. */
function floorRows(
  { ours }: Bench,
  add: Omit<Row, "score">,
  floor: { parts: readonly Parts[]; nested: readonly number[] },
): Row[] {
  const part = (name: Part) => median(floor.parts.map(parts => parts[name])) / 1e6
  const kernel = medianMs(floor.parts.map(parts => ATTACH_PARTS.reduce((sum, name) => sum + parts[name], 0)))
  const nested = medianMs(floor.nested)
  const row = {
    name: `${add.name} against the floor`,
    unit: "ms",
    values: { ...add.values, [FLOOR]: nested + kernel },
  } as const
  return [
    compare(row, { of: ours.name, against: FLOOR, unit: "× floor", bar: { most: 2.5 } }),
    floorRow("two nested spawns", nested),
    floorRow("the kernel's part of ADD", kernel),
    ...PARTS.map(name => floorRow(`the kernel's part, ${name}`, part(name))),
  ]
}

function floorRow(name: string, value: number): Row {
  return { name: `floor: ${name}`, unit: "ms", values: { [FLOOR]: value } }
}

/** The most memory that each of ADD's processes ever held, seen just before it ends. */
export function measureBridgeMemory(bench: Bench, stage: Stage): Row[] {
  const { netns, mntns } = stage
  const plan = { netns, mntns, warmup: 1, rounds: 0, memory: MEMORY_ROUNDS, steps: attachSteps(bench, stage, "ipv4") }
  const result = runPlan(plan, stage.folder)
  const high = ({ name }: Subject, program: string) => {
    const found = result(`ADD ${name}`).memory.find(entry => entry.program === program)
    if (!found) throw new Error(`ADD of ${name} ran no ${program}`)
    return (found.highKb * 1024) / 1e6
  }
  return ["bridge", "host-local"].map(program => {
    const values = Object.fromEntries(all(bench).map(subject => [subject.name, high(subject, program)]))
    const score = { value: high(bench.ours, program), unit: "MB", bar: { most: 3.5 } }
    return { name: `memory of ${program} in ADD`, unit: "MB", values, score }
  })
}
