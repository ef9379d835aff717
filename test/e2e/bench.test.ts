import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ensureProgram, runPlan } from "../bench/runner.ts"
import { PLUGINS } from "../bench/subject.ts"
import { repositoryRoot } from "../kit/repository.ts"

const root = repositoryRoot()
const folder = mkdtempSync(join(tmpdir(), "bench-test-"))
afterAll(() => rmSync(folder, { recursive: true }))

function runBench(...args: string[]) {
  const argv = ["build.mjs", "run", "test/bench/bench.ts", "--rounds", "2", "--only", "version", ...args]
  // The first run on a machine downloads the reference plugins.
  return spawnSync("node", argv, { cwd: root, encoding: "utf8", timeout: 300_000 })
}

test("the bench prints a judged row for every plugin's VERSION and writes the same as JSON", () => {
  const json = join(folder, "figures.json")
  const { status, stdout, stderr } = runBench("--json", json)
  expect({ status, stderr }).toMatchObject({ status: 0 })
  const lines = stdout.split("\n").filter(line => line !== "")
  expect(lines[0]).toMatch(/^Linux .*; medians, 2 rounds$/)
  expect(lines[1]).toMatch(/^what +unit +patchbay +1\.\d+\.\d+ +1\.1\.1 +score +bar$/)
  expect(lines[2]).toMatch(/^-+$/)
  const number = "\\d+\\.\\d\\d"
  const row = `ms +${number} +${number} +${number} +${number} × +≤ 0\\.55 +(ok|over)`
  for (const [i, plugin] of PLUGINS.entries()) expect(lines[3 + i]).toMatch(new RegExp(`^VERSION ${plugin} +${row}$`))
  const [kept, missed] =
    /^(\d+) bars kept, (\d+) missed$/
      .exec(lines[3 + PLUGINS.length] ?? "")
      ?.slice(1)
      .map(Number) ?? []
  expect([kept! + missed!, lines.length]).toEqual([PLUGINS.length, 4 + PLUGINS.length])
  const { rows } = JSON.parse(readFileSync(json, "utf8"))
  expect(rows.map(({ name }: { name: string }) => name)).toEqual(PLUGINS.map(plugin => `VERSION ${plugin}`))
  for (const { values } of rows) for (const value of Object.values(values)) expect(value).toBeGreaterThan(0)
}, 310_000)

test("plugins that do not exist are failed rows and a failed bench, not missing rows", () => {
  const { status, stdout } = runBench("--ours", folder)
  expect(status).toBe(1)
  expect(stdout).toContain(`VERSION bridge      FAILED: patchbay has no ${join(folder, "bridge")}`)
  expect(stdout.match(/FAILED/g)).toHaveLength(PLUGINS.length)
}, 310_000)

describe("the runner", () => {
  const shell = (name: string, script: string) => ({ name, exec: "/bin/sh", args: ["-c", script] })

  test("runs the steps in turn, each with nothing but its own environment, and counts only what follows the warm-up", () => {
    const log = join(folder, "turns")
    const steps = ["A", "B"].map(name => ({
      ...shell(name, 'echo "$STEP$HOME"'),
      env: { STEP: `${name}-%r` },
      stdout: log,
    }))
    const result = runPlan({ warmup: 1, rounds: 2, steps }, folder)
    expect(readFileSync(log, "utf8")).toBe("A-0\nB-0\nA-1\nB-1\nA-2\nB-2\n")
    expect(result("A").ns).toHaveLength(2)
  })

  test("times a step from its start to its end", () => {
    const steps = [shell("long", "/bin/sleep 0.05"), shell("short", ":")]
    const result = runPlan({ warmup: 0, rounds: 1, steps }, folder)
    expect(result("long").ns[0]).toBeGreaterThan(50e6)
    expect(result("short").ns[0]).toBeLessThan(result("long").ns[0] ?? 0)
  })

  test("starts copies at once and tells them apart", () => {
    const copies = {
      ...shell("burst", "/bin/sleep 0.4; echo $C"),
      copies: 5,
      env: { C: "%c" },
      stdout: join(folder, "copy-%c"),
    }
    const result = runPlan({ warmup: 0, rounds: 1, steps: [copies] }, folder)
    expect(result("burst").ns[0]).toBeLessThan(5 * 400e6)
    expect([0, 1, 2, 3, 4].map(i => readFileSync(join(folder, `copy-${i}`), "utf8"))).toEqual([
      "0\n",
      "1\n",
      "2\n",
      "3\n",
      "4\n",
    ])
  })

  test("feeds stdin and puts a file before the step", () => {
    const put = { path: join(folder, "put"), text: "fresh text" }
    const check = {
      ...shell("check", '[ "$(cat)" = "fresh text" ] && echo stale >>"$F"'),
      env: { F: put.path, PATH: "/bin" },
      put,
      stdin: put.path,
    }
    expect(() => runPlan({ warmup: 1, rounds: 2, steps: [check] }, folder)).not.toThrow()
  })

  test("shows what a step that fails said, and runs nothing after it", () => {
    const steps = [
      shell("good", ":"),
      shell("bad", "echo answer; echo reason >&2; exit 3"),
      shell("later", "echo late >&2; exit 4"),
    ]
    const run = () => runPlan({ warmup: 0, rounds: 1, steps }, folder)
    expect(run).toThrow(/^step bad, round 0: \/bin\/sh exited with status 3\nstdout: answer\n\nstderr: reason$/)
  })

  test("finds the memory of every program that a step runs, each at its highest", () => {
    const step = { name: "nested", exec: ensureProgram("nested"), args: [ensureProgram("trivial")] }
    const { memory } = runPlan({ warmup: 0, rounds: 0, memory: 2, steps: [step] }, folder)("nested")
    expect(memory.map(({ program }) => program).sort()).toEqual(["nested", "trivial"])
    for (const { highKb } of memory) expect(highKb).toBeGreaterThan(100)
  })
})
