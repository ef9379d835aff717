/**
 * A plugin directory as install-plugins finds it on a node: two builds of ours to install, and other people's files.
 *
 * The plugins are shell scripts that print the about text: only their bytes and that text matter to an installer.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { text } from "node:stream/consumers"

const script = resolve("plugins/install.mjs")

export const pluginNames = ["bridge", "host-local", "loopback"]

/** What `readOurs` finds before the first install, once `writeOthers` was there. */
export const oldContents = ["the old bridge", "absent", "../lib/multi-call"]

/** What `readOurs` finds when a build is installed. */
export const contentsOf = (version: string) => pluginNames.map(name => pluginText(name, version))

export const pluginText = (name: string, version: string) => `#!/bin/sh\necho "CNI ${name} plugin v${version}" >&2\n`

/** A folder of its own with the builds 1.10.0 and 1.11.0, and a plugin directory `bin`. The caller removes `root`. */
export interface PluginDirectory {
  readonly root: string
  readonly bin: string
}

export function createPluginDirectory(): PluginDirectory {
  const root = fs.mkdtempSync(join(tmpdir(), "patchbay-install-"))
  fs.chmodSync(root, 0o755)
  const bin = join(root, "bin")
  fs.mkdirSync(bin)
  for (const version of ["1.10.0", "1.11.0"]) for (const name of pluginNames) writePlugin(join(root, version), name)
  return { root, bin }
}

/** Writes an executable into a build folder, whose name is the version. */
export function writePlugin(build: string, name: string, content = pluginText(name, basename(build))): void {
  fs.mkdirSync(build, { recursive: true })
  fs.writeFileSync(join(build, name), content, { mode: 0o755 })
}

/** The directory before us: `bridge` setuid and somebody's, `loopback` a symlink, no `host-local`, others' plugins. */
export function writeOthers(bin: string): void {
  fs.writeFileSync(join(bin, "bridge"), "the old bridge")
  fs.chownSync(join(bin, "bridge"), 65534, 65533)
  fs.chmodSync(join(bin, "bridge"), 0o4711)
  fs.symlinkSync("../lib/multi-call", join(bin, "loopback"))
  fs.writeFileSync(join(bin, "flannel"), "not ours", { mode: 0o755 })
  fs.symlinkSync("flannel", join(bin, "calico"))
}

/** Everything below a folder that a person could tell apart; times only of files, and not of our manifest. */
export function snapshot(folder: string): Record<string, string> {
  const rows = fs.readdirSync(folder).map(name => {
    const path = join(folder, name)
    const stat = fs.lstatSync(path)
    if (stat.isDirectory()) return [name, JSON.stringify(snapshot(path))]
    const time = stat.isSymbolicLink() || name === "manifest.json" ? "" : stat.mtimeMs
    return [name, `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${time} ${readContent(path)}`]
  })
  return Object.fromEntries(rows)
}

/** A file's text, a symlink's target, or "absent". */
export function readContent(path: string): string {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return "absent"
  return stat.isSymbolicLink() ? fs.readlinkSync(path) : fs.readFileSync(path, "utf8")
}

export const readOurs = (bin: string) => pluginNames.map(name => readContent(join(bin, name)))

/** The command line that installs one of the builds beside `bin`. */
export const install = (bin: string, version: string) => ["--from", join(dirname(bin), version), "--dir", bin]

/** The command line that takes an install back. */
export const restore = (bin: string) => ["--restore", "--dir", bin]

export interface Outcome {
  readonly status: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** Runs install-plugins, `under` another command if one is given (its words, in front of ours). */
export async function run(args: readonly string[], under: readonly string[] = []): Promise<Outcome> {
  const [command, ...rest] = [...under, process.execPath, script, ...args] as [string, ...string[]]
  const child = spawn(command, rest, {
    env: { ...process.env, CNI_COMMAND: "ADD" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  })
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals]>
  const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), closed])
  return { status: code ?? signal, stdout, stderr }
}

/** Runs install-plugins, which must succeed and complain about nothing; the answer is what it printed. */
export async function ok(args: readonly string[], under: readonly string[] = []): Promise<string> {
  const { status, stdout, stderr } = await run(args, under)
  if (status !== 0 || stderr !== "") throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`)
  return stdout
}
