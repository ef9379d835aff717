/** 200 ADDs at once on one range: how many are served in a second, and that all of them are served rightly. */
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { bridge, hostLocal, network } from "./config.ts"
import type { Step } from "./plan.ts"
import { againstReference, all } from "./plugins.ts"
import type { Bar, Row } from "./row.ts"
import { runPlan } from "./runner.ts"
import type { Stage } from "./stage.ts"
import { median } from "./statistics.ts"
import { type Bench, callStep, demandExecutables, type Subject } from "./subject.ts"

const COPIES = 200

/** Addresses alone: where callers really meet on the range's lock. */
export function measureHostLocalBurst(bench: Bench, stage: Stage): Row[] {
  demandExecutables(all(bench), ["host-local"])
  const config = (subject: Subject) => network("bench", "host-local", { ipam: hostLocal(stage, subject) })
  return measureBurst(bench, stage, { plugin: "host-local", config, share: 40, bar: { least: 2 } })
}

/** Whole attachments, each with an interface of its own in one namespace. */
export function measureBridgeBurst(bench: Bench, stage: Stage): Row[] {
  demandExecutables(all(bench), ["bridge", "host-local"])
  return measureBurst(bench, stage, { plugin: "bridge", config: subject => bridge(stage, subject, "ipv4"), share: 100 })
}

interface Burst {
  readonly plugin: string
  readonly config: (subject: Subject) => object
  /** One round for so many rounds of a quick row. */
  readonly share: number
  readonly bar?: Bar
}

function measureBurst(bench: Bench, stage: Stage, { plugin, config, share, bar }: Burst): Row[] {
  const subjects = all(bench)
  const steps = subjects.flatMap((subject): Step[] => {
    const call = {
      plugin,
      config: stage.config(`burst-${subject.slot}`, config(subject)),
      netns: stage.container(subject.name),
      container: "burst-%r-%c",
      ifname: "eth%c",
    }
    const stdout = path.join(stage.folder, `answer-${subject.slot}-%r-%c`)
    const [add, del] = [callStep(subject, "ADD", call), callStep(subject, "DEL", call)]
    return [
      { ...add, copies: COPIES, stdout },
      { ...del, copies: COPIES },
    ]
  })
  const rounds = Math.max(2, Math.round(bench.rounds / share))
  const { netns, mntns } = stage
  const result = runPlan({ netns, mntns, warmup: 1, rounds, steps }, stage.folder)
  const rate = ({ name }: Subject) => [name, COPIES / (median(result(`ADD ${name}`).ns) / 1e9)] as const
  const values = Object.fromEntries(subjects.map(rate))
  const name = `${plugin}, 200 ADDs at once`
  const distinct = Object.fromEntries(subjects.map(subject => [subject.name, countDistinct(stage, subject)]))
  return [
    againstReference(bench, { name, unit: "1/s", values }, bar),
    {
      name: `${name}: distinct addresses`,
      unit: "",
      values: distinct,
      score: { value: distinct[bench.ours.name] ?? 0, unit: "", bar: { least: COPIES } },
    },
  ]
}

/** How many different addresses a burst handed out; of several bursts, the worst. */
function countDistinct(stage: Stage, { slot }: Subject): number {
  const bursts = new Map<string, Set<string>>()
  for (const file of readdirSync(stage.folder)) {
    const [, burst] = new RegExp(`^answer-${slot}-(\\d+)-`).exec(file) ?? []
    if (burst === undefined) continue
    const { ips } = JSON.parse(readFileSync(path.join(stage.folder, file), "utf8")) as { ips: { address: string }[] }
    const addresses = bursts.get(burst) ?? new Set()
    for (const { address } of ips) addresses.add(address)
    bursts.set(burst, addresses)
  }
  return Math.min(...[...bursts.values()].map(({ size }) => size))
}
