// host-local refused, or killed, at each of its system calls.

import { AddressPool, CONTAINER } from "../kit/address-pool.ts"
import { formatReport, type SweepReport, type SweepSubject, sweepErrors, sweepKills } from "../kit/faults.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { assertSilent } from "../kit/plugin.ts"
import { sensibleErrnos } from "../kit/strace.ts"

let world: World
let pool: AddressPool

beforeEach(async () => {
  world = await createWorld()
  world.addContainer(CONTAINER)
  pool = new AddressPool(world, { ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:1::/64" }]] } })
  pool.add("warm")
  assertSilent(pool.call("DEL", "warm"))
})

afterEach(() => world.remove())

const subject = (more: Partial<SweepSubject> = {}): SweepSubject => {
  const { verb: _, ...add } = pool.invocation("ADD", "box", {})
  return { world, add, ...more }
}

/** Expects a sweep without a fault left behind; says how many points it had. */
function expectClean(report: SweepReport): void {
  console.log(formatReport(report))
  expect(report.failures).toEqual([])
  // After an ADD that was killed, the next one does not trust the index and makes fewer calls to read it.
  expect(report.missed).toBeLessThan(3)
  expect(report.points - report.missed).toBeGreaterThan(6)
}

test.each(["ADD", "DEL"] as const)("%s refused at any call leaves the world as it was", verb => {
  expectClean(sweepErrors({ ...subject(), verb }))
})

test("ADD makes do with a file system that has no files without a name", () => {
  const errnos = (call: string) => (call === "openat" ? ["EOPNOTSUPP"] : [])
  const report = sweepErrors({ ...subject({ errnos }), verb: "ADD" })
  expectClean(report)
  expect(report.tolerated).toBeGreaterThan(0)
})

test.each([
  ["ADD", "DEL"],
  ["ADD", "GC"],
  ["DEL", "DEL"],
  ["DEL", "GC"],
] as const)("after %s killed at any call, %s brings the world back", (verb, cleanup) => {
  expectClean(sweepKills({ ...subject(), verb, cleanup }))
})

test("DEL refused at any call when the index is lost leaves nothing, or says so", () => {
  const first = { ...subject(), errnos: (call: string) => (call === "readlink" ? [] : sensibleErrnos(call)) }
  // An entry that is no link sends DEL through every address file.
  world.output(["sh", "-c", "rm -r /var/lib/cni/networks/.owners && : >/var/lib/cni/networks/.owners"])
  expectClean(sweepErrors({ ...first, verb: "DEL" }))
})
