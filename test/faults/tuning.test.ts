// Every call of the tuning plugin's ADD and DEL fails once, and every call of ADD and of DEL is a last one.

import { formatReport, type SweepReport, type SweepSubject, sweepErrors, sweepKills } from "../kit/faults.ts"
import { withWorld } from "../kit/namespaces.ts"
import { assertSilent } from "../kit/plugin.ts"
import { addTunable, everything, tune, tuning, tuningConf, writeAllowList } from "../kit/tuned-interface.ts"

const config = tuningConf(everything)
const minutes = 600_000

/** A world with a list of allowed sysctls, in which another container has been tuned: the folder of state files stays. */
const withSubject = (body: (subject: SweepSubject) => void, more: Partial<SweepSubject["add"]> = {}) =>
  withWorld(world => {
    writeAllowList(world, "^net\\.core\\.\n^net[./]ipv4")
    const warm = addTunable(world, "warm")
    tune(world, warm, config)
    assertSilent(tuning(world, "DEL", warm, config))
    world.removeContainer("warm")
    body({ world, add: { plugin: "tuning", config, ...addTunable(world, "c1"), ...more } })
  })

function expectClean(report: SweepReport): void {
  console.log(formatReport(report))
  expect(report.failures).toEqual([])
  expect(report.missed).toBe(0)
  expect(report.points).toBeGreaterThan(30)
}

it.each(["ADD", "DEL"] as const)(
  "a failing call in %s leaves the world as it was",
  verb => withSubject(subject => expectClean(sweepErrors({ ...subject, verb }))),
  minutes,
)

// A container that the sweep makes anew for GC has no interface but lo, whose MAC address of zeros nobody can set.
it.each([
  ["DEL", {}],
  ["GC", { ifname: "lo", config: { ...config, mac: "" } }],
] as const)(
  "a killed ADD leaves nothing that %s does not remove",
  (cleanup, more) => withSubject(subject => expectClean(sweepKills({ ...subject, verb: "ADD", cleanup })), more),
  minutes,
)

it(
  "a killed DEL leaves nothing that the next DEL does not remove",
  () => withSubject(subject => expectClean(sweepKills({ ...subject, verb: "DEL", cleanup: "DEL" }))),
  minutes,
)
