// The fault sweep: fail, or kill at, every system call of a real ADD or DEL, one per run, and demand that the world is
// afterwards what it should be.
//
//   sweepErrors ADD   error reported: the world is as before ADD, and DEL succeeds
//                     fault tolerated: CHECK agrees that the attachment is whole, and DEL brings the world back
//   sweepErrors DEL   success reported: the world is as before ADD; error: a second DEL brings it there
//   sweepKills        after the kill, DEL (namespace alive) or GC alone (namespace removed) brings the world back
//
// The world must be warm: another container's ADD and DEL have made the shared things. A sweep traces one program (the
// plugin, or one that it executes, through a stand-in put first in CNI_PATH and PATH, at its first run only), so that
// exactly one fault happens per point. "tree" follows all children instead, and then each process meets the fault.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, join } from "node:path"
import { CommandTimeout, type World, waitUntil } from "./namespaces.ts"
import { type Answer, assertSilent, cni, cniErrorProblem, describe, type Invocation, resultOf } from "./plugin.ts"
import { getTool, pluginFolder, systemPath } from "./repository.ts"
import {
  countCalls,
  type FaultPoint,
  findHit,
  parseTrace,
  planErrors,
  planKills,
  pointName,
  sensibleErrnos,
  straceArguments,
} from "./strace.ts"
import { difference, type Snapshot, snapshot } from "./world.ts"

const orphanDeadlineMs = 2_000

/** Which processes meet the faults: the plugin itself, one program that it executes, or all at once. */
export type Target = "plugin" | "tree" | { readonly program: string }

/** The attachment whose verbs are swept. */
export interface SweepSubject {
  readonly world: World
  /** Its ADD, without the verb; a chained plugin's `config` holds the prevResult. DEL, CHECK and GC follow from it. */
  readonly add: Invocation & { readonly config: object; readonly netns: string }
  /** Absent: "plugin". */
  readonly target?: Target
  /** Says what a tolerated fault left incomplete, given ADD's answer; absent: CHECK must succeed. */
  readonly incomplete?: (added: Answer) => readonly string[]
  /** The errnos to inject into a call; absent: one likely one for each call that can fail. */
  readonly errnos?: (call: string) => readonly string[]
}

/** A point at which the world was not as it should be. */
export interface SweepFailure {
  readonly point: string
  /** The traced call that was hit; undefined if the run never came there. */
  readonly hit: string | undefined
  readonly problems: readonly string[]
}

/** What a sweep found. */
export interface SweepReport {
  readonly title: string
  /** Points by call. */
  readonly counts: Readonly<Record<string, number>>
  readonly points: number
  /** Points at which the verb reported success nevertheless. */
  readonly tolerated: number
  /** Points that the run never came to, because it took another way than the clean run. */
  readonly missed: number
  readonly failures: readonly SweepFailure[]
}

/** One kind of sweep: what is run with faults, and how each point is judged. */
interface Course {
  readonly title: string
  readonly verb: "ADD" | "DEL"
  readonly plan: (counts: ReadonlyMap<string, number>) => FaultPoint[]
  /** Returns what is wrong after the faulty run, having brought the world back if it can be. */
  readonly judge: (run: FaultyRun, baseline: Snapshot) => string[]
  /** The namespaces that a snapshot shows. */
  readonly containers: readonly string[]
}

interface FaultyRun {
  readonly answer: Answer
  readonly point: FaultPoint
}

/**
 * Fails every call of ADD or DEL in turn.
 * @throws Error if the verb does not even work without faults
 */
export function sweepErrors(subject: SweepSubject & { readonly verb: "ADD" | "DEL" }): SweepReport {
  const containers = subject.world.containers()
  const look = (): Snapshot => snapshot(subject.world, containers)
  const judge = subject.verb === "ADD" ? judgeAdd : judgeDel
  return sweep(subject, {
    title: `${subject.add.plugin} ${subject.verb}, errors in ${targetName(subject)}`,
    verb: subject.verb,
    plan: counts => planErrors(counts, subject.errnos ?? sensibleErrnos),
    judge: (run, baseline) => judge(subject, run, () => difference(baseline, look())),
    containers,
  })
}

/**
 * Kills ADD (or DEL) before every call in turn, and cleans up with DEL while the namespace is alive, or with GC alone
 * after the namespace is gone.
 * @throws Error if the verb does not even work without a kill
 */
export function sweepKills(
  subject: SweepSubject & { readonly verb: "ADD" | "DEL"; readonly cleanup: "DEL" | "GC" },
): SweepReport {
  const { world, add } = subject
  const name = basename(add.netns)
  const isGc = subject.cleanup === "GC"
  const containers = world.containers().filter(container => !isGc || container !== name)
  return sweep(subject, {
    title: `${add.plugin} ${subject.verb}, kills of ${targetName(subject)}, then ${subject.cleanup}`,
    verb: subject.verb,
    plan: planKills,
    judge: (_, baseline) => {
      if (isGc) world.removeContainer(name)
      const cleaned = isGc ? collectGarbage(subject) : remove(subject)
      const left = difference(baseline, snapshot(world, containers))
      if (isGc) world.addContainer(name)
      return [...silenceProblems(cleaned), ...left]
    },
    containers,
  })
}

/** Puts a report into words: one line, and three or more for each failure. */
export function formatReport(report: SweepReport): string {
  const { title, counts, points, tolerated, missed, failures } = report
  const calls = Object.entries(counts).map(([call, count]) => `${call} ${count}`)
  const verdict = failures.length === 0 ? "clean" : `${failures.length} NOT CLEAN`
  const head = `${title}: ${points} points, ${tolerated} tolerated, ${missed} missed: ${verdict} (${calls.join(", ")})`
  const blocks = failures.map(({ point, hit, problems }) =>
    [`  at ${point}: ${hit ?? "never reached"}`, ...problems.map(problem => `    ${problem}`)].join("\n"),
  )
  return [head, ...blocks].join("\n")
}

function sweep(subject: SweepSubject, course: Course): SweepReport {
  const { world } = subject
  const rig = new Rig(subject, course.verb)
  try {
    const points = course.plan(rehearse(subject, course, rig))
    if (points.length === 0) throw new Error(`${course.title}: the clean run made no call that can be hit`)
    let baseline = snapshot(world, course.containers)
    let [tolerated, missed] = [0, 0]
    const failures: SweepFailure[] = []
    for (const point of points) {
      const living = new Set(world.processes().map(({ pid }) => pid))
      const added = course.verb === "DEL" ? resultOf(cni(world, { ...subject.add, verb: "ADD" })) : undefined
      const { answer, hit } = rig.run(point, added)
      const problems = [...orphanProblems(world, living), ...course.judge({ answer, point }, baseline)]
      if (answer.status === 0) tolerated += 1
      if (hit === undefined) missed += 1
      if (problems.length === 0) continue
      failures.push({ point: pointName(point), hit, problems })
      remove(subject)
      baseline = snapshot(world, course.containers)
    }
    return { title: course.title, counts: countByCall(points), points: points.length, tolerated, missed, failures }
  } finally {
    rig.remove()
  }
}

/** Runs ADD and DEL once without faults and returns the calls of the verb under test. */
function rehearse(subject: SweepSubject, course: Course, rig: Rig): Map<string, number> {
  const { world, add } = subject
  const before = snapshot(world)
  const isAdd = course.verb === "ADD"
  const added = resultOf(isAdd ? rig.run(undefined, undefined).answer : cni(world, { ...add, verb: "ADD" }))
  assertSilent(isAdd ? remove(subject, added) : rig.run(undefined, added).answer)
  const left = difference(before, snapshot(world))
  if (left.length > 0) throw new Error([`${course.title}: even a clean ADD and DEL leave`, ...left].join("\n  "))
  return countCalls(parseTrace(rig.trace))
}

function judgeAdd(subject: SweepSubject, run: FaultyRun, left: () => string[]): string[] {
  const { answer } = run
  if (answer.status !== 0) return [...formProblems(run), ...left(), ...silenceProblems(remove(subject))]
  const incomplete = subject.incomplete ?? (added => silenceProblems(check(subject, added.json)))
  return [...incomplete(answer), ...silenceProblems(remove(subject, answer.json)), ...left()]
}

function judgeDel(subject: SweepSubject, run: FaultyRun, left: () => string[]): string[] {
  if (run.answer.status === 0) return left()
  return [...formProblems(run), ...silenceProblems(remove(subject)), ...left()]
}

/** A failure must be reported as the specification says, unless reporting it is what failed. */
function formProblems({ answer, point }: FaultyRun): string[] {
  const problem = point.call === "write" && answer.stdout === "" ? undefined : cniErrorProblem(answer)
  return problem === undefined ? [] : [describe(answer, problem)]
}

function silenceProblems(answer: Answer): string[] {
  return answer.status === 0 && answer.stdout === "" ? [] : [describe(answer, "status 0 and an empty stdout")]
}

/** A killed plugin's children run on; what they still do belongs to this point, and they must come to an end. */
function orphanProblems(world: World, living: ReadonlySet<number>): string[] {
  const orphans = () => world.processes().filter(({ pid }) => !living.has(pid))
  try {
    waitUntil("the plugin's children to end", () => orphans().length === 0, orphanDeadlineMs)
    return []
  } catch (error) {
    const problems = orphans().map(({ where, command }) => `still running in ${where}: ${command} (${error})`)
    for (const { pid } of orphans()) process.kill(pid, "SIGKILL")
    return problems
  }
}

function withPrevResult(subject: SweepSubject, prevResult: unknown): object {
  return prevResult === undefined ? subject.add.config : { ...subject.add.config, prevResult }
}

function remove(subject: SweepSubject, prevResult?: unknown): Answer {
  return cni(subject.world, { ...subject.add, verb: "DEL", config: withPrevResult(subject, prevResult) })
}

function check(subject: SweepSubject, prevResult: unknown): Answer {
  return cni(subject.world, { ...subject.add, verb: "CHECK", config: withPrevResult(subject, prevResult) })
}

function collectGarbage({ world, add }: SweepSubject): Answer {
  const { containerId: _, netns: __, ifname: ___, args: ____, ...rest } = add
  return cni(world, { ...rest, verb: "GC", config: { ...add.config, "cni.dev/valid-attachments": [] } })
}

function countByCall(points: readonly FaultPoint[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { call } of points) counts[call] = (counts[call] ?? 0) + 1
  return counts
}

function targetName({ add, target = "plugin" }: SweepSubject): string {
  if (target === "plugin") return add.plugin
  return target === "tree" ? "all processes" : target.program
}

/** Runs the verb under strace; owns the trace file and the stand-in program. */
class Rig {
  readonly #subject: SweepSubject
  readonly #verb: "ADD" | "DEL"
  readonly #folder = mkdtempSync(join(tmpdir(), "patchbay-faults-"))
  readonly #file = join(this.#folder, "trace")

  constructor(subject: SweepSubject, verb: "ADD" | "DEL") {
    this.#subject = subject
    this.#verb = verb
  }

  /** The trace of the last run; empty if the target was not run. */
  get trace(): string {
    return readFileSync(this.#file, "utf8")
  }

  /** Runs the verb with one fault, or with none to see its calls. */
  run(point: FaultPoint | undefined, prevResult: unknown): { answer: Answer; hit: string | undefined } {
    const { world, add, target = "plugin" } = this.#subject
    writeFileSync(this.#file, "")
    const strace = [getTool("strace"), ...straceArguments(this.#file, point)]
    const invocation = { ...add, verb: this.#verb, config: withPrevResult(this.#subject, prevResult) }
    const traced =
      typeof target === "object"
        ? this.#withStandIn(invocation, target.program, strace)
        : { ...invocation, launcher: target === "tree" ? [...strace, "-f"] : strace }
    return { answer: cniOrTimeout(world, traced), hit: point && findHit(this.trace, point) }
  }

  #withStandIn(invocation: Invocation, program: string, strace: readonly string[]): Invocation {
    const { folder = pluginFolder(), path = folder, env } = invocation
    const searched = env?.PATH ?? systemPath
    const real = quote(getTool(program, `${path}${delimiter}${searched}`))
    const used = quote(join(this.#folder, "used"))
    const traced = [...strace, "--"].map(quote).join(" ")
    const standIn = join(this.#folder, program)
    rmSync(join(this.#folder, "used"), { recursive: true, force: true })
    writeFileSync(standIn, `#!/bin/sh\nmkdir ${used} 2>/dev/null || exec ${real} "$@"\nexec ${traced} ${real} "$@"\n`)
    chmodSync(standIn, 0o755)
    const first = (list: string) => `${this.#folder}${delimiter}${list}`
    return { ...invocation, folder, path: first(path), env: { ...env, PATH: first(searched) } }
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true })
  }
}

/** A verb that hangs at a fault is a finding, not the end of the sweep. */
function cniOrTimeout(world: World, invocation: Invocation): Answer {
  try {
    return cni(world, invocation)
  } catch (error) {
    if (!(error instanceof CommandTimeout)) throw error
    const what = `${invocation.plugin} ${invocation.verb}`
    return { what, status: null, signal: "SIGKILL", stdout: "", stderr: error.message, json: undefined }
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
