// The fault sweeps of the test kit: clean for a careful plugin, and each kind of carelessness is caught. The plugin is a
// tiny one in C (kit-plugin.c) that keeps a file and a link.

import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { formatReport, type SweepSubject, sweepErrors, sweepKills } from "../kit/faults.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { attachment, cni } from "../kit/plugin.ts"

let world: World
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-kit-"))
  execFileSync("cc", ["-static", "-O1", "-o", join(folder, "kit"), join(__dirname, "kit-plugin.c")])
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(async () => {
  await world.remove()
  rmSync(folder, { recursive: true })
})

const sendsAndReceives = (call: string): readonly string[] =>
  call === "sendmsg" ? ["ENOBUFS"] : call === "recvmsg" ? ["EIO"] : []

describe("fault sweep", () => {
  const subject = (fault?: string): SweepSubject => ({
    world,
    add: {
      plugin: "kit",
      folder,
      config: { cniVersion: "1.0.0", name: "kit", type: "kit" },
      ...attachment("c1"),
      env: { KIT_FAULT: fault },
    },
  })

  beforeAll(() => {
    for (const verb of ["ADD", "DEL"]) cni(world, { ...subject().add, ...attachment("warm"), verb })
  })

  it("finds a careful plugin's ADD and DEL clean, whichever call fails", () => {
    for (const verb of ["ADD", "DEL"] as const) {
      const report = sweepErrors({ ...subject(), verb })
      expect(formatReport(report)).toMatch(/clean \(/)
      expect(report).toMatchObject({ failures: [], missed: 0 })
      expect(report.points).toBeGreaterThan(5)
      expect(report.tolerated).toBeLessThan(report.points)
    }
  })

  it("also hits a program that the plugin runs", () => {
    const report = sweepErrors({ ...subject(), verb: "ADD", target: { program: "ip" }, errnos: sendsAndReceives })
    expect(report).toMatchObject({ title: "kit ADD, errors in ip", failures: [], missed: 0 })
    expect(Object.keys(report.counts)).toEqual(["recvmsg", "sendmsg"])
  })

  it("catches an ADD that does not undo", () => {
    const report = sweepErrors({ ...subject("add"), verb: "ADD", errnos: call => (call === "write" ? ["EIO"] : []) })
    expect(report).toMatchObject({
      points: 2,
      tolerated: 0,
      failures: [{ point: "write 1 EIO" }, { point: "write 2 EIO" }],
    })
    expect(formatReport(report)).toMatch(/2 NOT CLEAN[\s\S]*\(INJECTED\)[\s\S]*\+ host link kit-c1/)
    expect(formatReport(report)).toMatch(/\+ file \/var\/lib\/cni\/kit\/c1: /)
  })

  it("catches a DEL that lies", () => {
    const report = sweepErrors({ ...subject("del"), verb: "DEL" })
    expect(report.failures.map(({ point }) => point)).toContain("unlink 1 EIO")
    expect(report.failures.every(({ problems }) => problems.some(line => line.includes("/var/lib/cni/kit/c1")))).toBe(
      true,
    )
  })

  it("finds a careful plugin clean after kills, with DEL or with GC alone", () => {
    for (const cleanup of ["DEL", "GC"] as const) {
      const report = sweepKills({ ...subject(), verb: "ADD", cleanup })
      expect(report).toMatchObject({ failures: [], missed: 0, tolerated: 0 })
      expect(report.points).toBeGreaterThan(5)
    }
    expect(world.containers()).toEqual(["c1"])
  })

  it("catches a GC that forgets", () => {
    const report = sweepKills({ ...subject("gc"), verb: "ADD", cleanup: "GC" })
    expect(formatReport(report)).toMatch(/write 2 SIGKILL[\s\S]*\+ host link kit-c1/)
  })

  it("catches a process that is left running", () => {
    const report = sweepErrors({ ...subject("child"), verb: "ADD", errnos: call => (call === "mkdir" ? ["EIO"] : []) })
    expect(formatReport(report)).toMatch(/at mkdir 1 EIO: [\s\S]*still running in host: sleep 60/)
    expect(world.processes()).toEqual([])
  })

  it("refuses a plugin that does not work without faults", () => {
    const add = { ...subject().add, plugin: "kit", env: { PATH: "/nowhere" } }
    expect(() => sweepErrors({ ...subject(), add, verb: "ADD" })).toThrow(
      /kit ADD ended with status 1, wanted status 0/,
    )
  })
})
