/**
 * Compiles the bench's C programs into build/bench and runs plans with one of them.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import { repositoryRoot } from "../kit/repository.ts"
import { formatPlan, type Plan } from "./plan.ts"

/** What the runner says about one step. */
export interface StepResult {
  readonly name: string
  /** One entry per counted round. */
  readonly ns: readonly number[]
  /** Per program that the step ran: the most memory that it ever held (VmHWM). */
  readonly memory: readonly { readonly program: string; readonly highKb: number }[]
}

/** The results of a plan, by the name of the step. */
export type Results = (step: string) => StepResult

const C_FLAGS = ["-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror"]
const TIMEOUT_MS = 15 * 60_000

/** Gives build/bench, where everything lies that the bench makes. */
export function benchFolder(): string {
  const folder = path.join(repositoryRoot(), "build/bench")
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Gives the path of test/bench/<name>.c as a static executable, compiled unless it is newer than its source. */
export function ensureProgram(name: "run" | "floor" | "trivial" | "nested"): string {
  const folder = benchFolder()
  const source = path.join(repositoryRoot(), "test/bench", `${name}.c`)
  const program = path.join(folder, name)
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program
  const work = mkdtempSync(path.join(folder, "cc-"))
  try {
    const { status, error, stderr } = spawnSync("cc", [...C_FLAGS, "-o", path.join(work, name), source])
    if (status !== 0) throw new Error(`cc ${source}: ${error?.message ?? stderr}`)
    renameSync(path.join(work, name), program)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return program
}

/**
 * Runs a plan to its end; `folder` gets the plan's file.
 * @throws Error with the step, its status and its output when one did not succeed.
 */
export function runPlan(plan: Plan, folder: string): Results {
  const file = path.join(folder, "plan")
  writeFileSync(file, formatPlan(plan))
  const options = { encoding: "utf8", maxBuffer: 2 ** 28, timeout: TIMEOUT_MS, killSignal: "SIGKILL" } as const
  const { status, signal, error, stdout, stderr } = spawnSync(ensureProgram("run"), [file], options)
  if (status !== 0) throw new Error(stderr.trim() || (error?.message ?? `the runner ended with ${status ?? signal}`))
  const { steps } = JSON.parse(stdout) as { steps: StepResult[] }
  return name => {
    const step = steps.find(result => result.name === name)
    if (!step) throw new Error(`the plan has no step ${name}`)
    return step
  }
}
