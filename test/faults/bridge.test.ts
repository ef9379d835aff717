// Every call of the bridge plugin's ADD and DEL fails once, and every call of ADD is a last one: see test/kit/faults.ts.

import { bridgeConf } from "../kit/bridge-network.ts"
import { formatReport, type SweepReport, type SweepSubject, sweepErrors, sweepKills } from "../kit/faults.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { settle } from "../kit/observation.ts"
import { assertSilent, attachment, cni, resultOf } from "../kit/plugin.ts"

let world: World

const config = bridgeConf({
  isDefaultGateway: true,
  hairpinMode: true,
  mtu: 1400,
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
    routes: [{ dst: "10.7.0.0/16" }],
  },
})

beforeEach(async () => {
  world = await createWorld()
  world.addContainer("warm")
  const warm = { plugin: "bridge", config, ...attachment("warm") }
  resultOf(cni(world, { ...warm, verb: "ADD" }))
  settle(world)
  assertSilent(cni(world, { ...warm, verb: "DEL" }))
  world.removeContainer("warm")
  world.addContainer("c1")
})

afterEach(() => world.remove())

const subject = (more: Partial<SweepSubject> = {}): SweepSubject => ({
  world,
  add: { plugin: "bridge", config, ...attachment("c1") },
  ...more,
})

function expectClean(report: SweepReport, atLeast: number): void {
  console.log(formatReport(report))
  expect(report.failures).toEqual([])
  expect(report.points).toBeGreaterThanOrEqual(atLeast)
}

const inDelegate = { target: { program: "host-local" } } as const
const minutes = 600_000

describe("a failing call", () => {
  it.each(["ADD", "DEL"] as const)(
    "in %s leaves the world as it was",
    verb => {
      expectClean(sweepErrors({ ...subject(), verb }), 30)
    },
    minutes,
  )

  it.each(["ADD", "DEL"] as const)(
    "in the address plugin's %s leaves the world as it was",
    verb => {
      expectClean(sweepErrors({ ...subject(inDelegate), verb }), 10)
    },
    minutes,
  )
})

describe("a killed ADD", () => {
  it.each(["DEL", "GC"] as const)(
    "leaves nothing that %s does not remove",
    cleanup => {
      expectClean(sweepKills({ ...subject(), verb: "ADD", cleanup }), 40)
    },
    minutes,
  )

  it.each(["DEL", "GC"] as const)(
    "whose address plugin is killed leaves nothing that %s does not remove",
    cleanup => {
      expectClean(sweepKills({ ...subject(inDelegate), verb: "ADD", cleanup }), 10)
    },
    minutes,
  )
})

describe("a killed DEL", () => {
  it(
    "leaves nothing that the next DEL does not remove",
    () => {
      expectClean(sweepKills({ ...subject(), verb: "DEL", cleanup: "DEL" }), 20)
    },
    minutes,
  )
})
