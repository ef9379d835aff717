/** The sections of the bench: each measures some rows of the table on a stage of its own. */
import { measureBridge, measureBridgeMemory } from "./attach.ts"
import { measureBridgeBurst, measureHostLocalBurst } from "./burst.ts"
import { measureFullPool } from "./full-pool.ts"
import {
  measureHostLocal,
  measureLoopback,
  measureSizes,
  measureStatic,
  measureTuning,
  measureVersion,
} from "./plugins.ts"
import type { Row } from "./row.ts"
import type { Stage } from "./stage.ts"
import { type Bench, PLUGINS } from "./subject.ts"

export interface Section {
  /** What --only asks for; several sections may share it. */
  readonly name: string
  /** What stands in the table if the section fails. */
  readonly title: string
  /** @throws Error when something to be measured is missing or does not work. */
  readonly measure: (bench: Bench, stage: Stage) => Row[]
}

export const sections: readonly Section[] = [
  ...PLUGINS.map(plugin => ({
    name: "version",
    title: `VERSION ${plugin}`,
    measure: (bench: Bench, stage: Stage) => measureVersion(bench, stage, plugin),
  })),
  { name: "bridge", title: "bridge + host-local", measure: (bench, stage) => measureBridge(bench, stage, "ipv4") },
  {
    name: "dual-stack",
    title: "bridge + host-local dual-stack",
    measure: (bench, stage) => measureBridge(bench, stage, "dual-stack"),
  },
  { name: "memory", title: "memory", measure: measureBridgeMemory },
  { name: "host-local", title: "host-local", measure: measureHostLocal },
  { name: "static", title: "static", measure: measureStatic },
  { name: "loopback", title: "loopback", measure: measureLoopback },
  { name: "tuning", title: "tuning", measure: measureTuning },
  { name: "full-pool", title: "60,000 of a /16 taken", measure: measureFullPool },
  { name: "burst", title: "200 ADDs at once, host-local", measure: measureHostLocalBurst },
  { name: "burst", title: "200 ADDs at once, bridge", measure: measureBridgeBurst },
  { name: "size", title: "file sizes", measure: measureSizes },
]
