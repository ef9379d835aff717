// Every call of the loopback plugin's ADD and DEL fails once, and every call of ADD is a last one.

import { formatReport, type SweepSubject, sweepErrors, sweepKills } from "../kit/faults.ts"
import { withWorld } from "../kit/namespaces.ts"
import { assertSilent, attachment, cni, resultOf } from "../kit/plugin.ts"

const config = { cniVersion: "1.1.0", name: "cni-loopback", type: "loopback" }

/** A world in which lo has been up: the kernel leaves its addresses when it goes down again. */
const withSubject = (body: (subject: SweepSubject) => void) =>
  withWorld(world => {
    world.addContainer("c1")
    const add = { plugin: "loopback", config, ...attachment("c1", "lo") }
    resultOf(cni(world, { ...add, verb: "ADD" }))
    assertSilent(cni(world, { ...add, verb: "DEL" }))
    body({ world, add })
  })

it.each(["ADD", "DEL"] as const)("a failing call in %s leaves the world as it was", verb =>
  withSubject(subject => {
    const report = sweepErrors({ ...subject, verb })
    console.log(formatReport(report))
    expect(report.failures).toEqual([])
    expect(report.points).toBeGreaterThan(10)
  }),
)

it.each(["DEL", "GC"] as const)("a killed ADD leaves nothing that %s does not remove", cleanup =>
  withSubject(subject => {
    const report = sweepKills({ ...subject, verb: "ADD", cleanup })
    console.log(formatReport(report))
    expect(report.failures).toEqual([])
    expect(report.points).toBeGreaterThan(10)
  }),
)
