/**
 * The plugins that are compared, and the calls that a runtime would make of them.
 *
 * Copies are measured, written in one way: how a file came to be decides how the page cache holds it, and that alone made
 * 10 % between two copies of one executable.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import path from "node:path"
import type { Step } from "./plan.ts"

/** One set of plugins. */
export interface Subject {
  /** What the table calls it: "patchbay" or the reference's version. */
  readonly name: string
  /** Where its executables come from. */
  readonly origin: string
  /** Absolute path of the folder with the copies that are measured. */
  readonly directory: string
  /** Distinguishes subjects in names of interfaces and in addresses. */
  readonly slot: number
}

/** The plugins that the bench runs. */
export const PLUGINS = ["bridge", "host-local", "static", "loopback", "tuning"] as const

/** Everything a section needs besides its stage. */
export interface Bench {
  readonly ours: Subject
  /** The release that the bars refer to. */
  readonly reference: Subject
  /** The older release that Debian 12 ships. */
  readonly older: Subject
  /** The counted rounds of a quick measurement. */
  readonly rounds: number
}

/** The parameters of a runtime's call. */
export interface Call {
  readonly plugin: string
  /** Path of the configuration on stdin. */
  readonly config: string
  /** Path of the container's namespace. */
  readonly netns: string
  readonly ifname?: string
  /** Default: one container per round. */
  readonly container?: string
}

/** The version that all subjects speak. */
export const CNI_VERSION = "1.0.0"

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** Copies the plugins that `origin` has to a folder of the subject's own below `folder`. */
export function createSubject(from: Pick<Subject, "name" | "origin" | "slot">, folder: string): Subject {
  const directory = path.join(folder, `plugins-${from.slot}`)
  mkdirSync(directory)
  for (const plugin of PLUGINS) {
    const file = path.join(from.origin, plugin)
    if (existsSync(file)) writeFileSync(path.join(directory, plugin), readFileSync(file), { mode: 0o755 })
  }
  return { ...from, directory }
}

/** @throws Error naming the first executable that a subject lacks. */
export function demandExecutables(subjects: readonly Subject[], plugins: readonly string[]): void {
  for (const { name, origin, directory } of subjects) {
    const missing = plugins.find(plugin => !existsSync(path.join(directory, plugin)))
    if (missing) throw new Error(`${name} has no ${path.join(origin, missing)}`)
  }
}

/** A step that asks for VERSION. */
export function versionStep(subject: Subject, plugin: string, config: string): Step {
  const env = { CNI_COMMAND: "VERSION", PATH }
  return { name: subject.name, exec: path.join(subject.directory, plugin), env, stdin: config }
}

/** The step `<verb> <subject>`. */
export function callStep(subject: Subject, verb: "ADD" | "DEL", call: Call): Step {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: call.container ?? "bench-%r",
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifname ?? "eth0",
    CNI_PATH: subject.directory,
    PATH,
  }
  return { name: `${verb} ${subject.name}`, exec: path.join(subject.directory, call.plugin), env, stdin: call.config }
}

/** The steps `ADD <subject>` and `DEL <subject>`. */
export function roundTrip(subject: Subject, call: Call): [add: Step, del: Step] {
  return [callStep(subject, "ADD", call), callStep(subject, "DEL", call)]
}
