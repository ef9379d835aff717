/**
 * `npm run install-plugins -- --dir DIR [--restore]`: puts the built plugins into a directory of CNI plugins, or puts
 * back what they replaced. Runs on Node, on the node's file system; nothing of it is in a plugin.
 *
 *     DIR/bridge                      ours
 *     DIR/.patchbay/manifest.json     what is ours (version, sha256) and what each file replaced
 *     DIR/.patchbay/replaced/bridge   the file that was there before us: same inode, so same mode, owner, symlink
 *     DIR/.patchbay/staged/           the new files      } only while an install is at work
 *     DIR/.patchbay/previous/         for the roll-back  }
 *
 * The order makes every instant safe to be killed in: the new files are staged and tried out, what they replace is
 * linked aside, the manifest names both the new and the present files as ours, and only then is each name renamed over.
 * So a name always is a whole file, and a later install or restore knows whose it is. Everything starts with a dot
 * because runtimes list plugin directories.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { basename, dirname, isAbsolute, join, resolve } from "node:path"
import yargs from "yargs"
import {
  createFile,
  digest,
  findContent,
  findManifest,
  isOurs,
  isSame,
  place,
  pluginName,
  reason,
  sync,
  writeManifest,
} from "./install-manifest.mjs"

/**
 * @import { Content, Entries, Entry, Place } from "./install-manifest.mjs"
 * @typedef {{ name: string, path: string }} Source
 * @typedef {{ name: string, present: Content | undefined, was: Entry | undefined, entry: Entry }} Plugin
 * @typedef {{ name: string, done: string, note: string, isOpen?: boolean }} Row  `isOpen`: it stays in the manifest
 */

/** @param {fs.Stats} stat */
const isExecutable = stat => stat.isFile() && (stat.mode & 0o111) !== 0

/** @param {string} from @returns {Source[]} */
function listSources(from) {
  if (!fs.existsSync(from)) throw new Error(`${from} does not exist: run \`npm run build\` first`)
  const sources = fs
    .readdirSync(from)
    .filter(name => pluginName.test(name))
    .map(name => ({ name, path: join(from, name) }))
    .filter(({ path }) => isExecutable(fs.statSync(path)))
  if (sources.length === 0) throw new Error(`no executables in ${from}: run \`npm run build\` first`)
  return sources
}

/**
 * Makes sure that the plugin directory is there and can be written.
 * @param {string} dir
 */
function ensureDirectory(dir) {
  if (!fs.existsSync(dir)) {
    if (!fs.existsSync(dirname(dir))) throw new Error(`cannot create ${dir}: ${dirname(dir)} does not exist`)
    fs.mkdirSync(dir)
    fs.chmodSync(dir, 0o755)
    sync(dirname(dir))
  }
  if (!fs.statSync(dir).isDirectory()) throw new Error(`${dir} is not a directory`)
  try {
    fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK)
  } catch (error) {
    throw new Error(`cannot write to ${dir}: ${reason(error)}`, { cause: error })
  }
}

/**
 * Keeps other installers out until this process ends, however it ends. The lock is the directory's own flock(2): it
 * belongs to the open file that flock(1) inherits from us, so it stays when flock(1) has gone.
 * @param {string} dir
 */
function lock(dir) {
  const fd = fs.openSync(dir, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const { status, error, stderr } = spawnSync("flock", ["-x", "-n", "3"], {
    stdio: ["ignore", "ignore", "pipe", fd],
    encoding: "utf8",
  })
  if (error) throw new Error(`cannot run flock(1) of util-linux: ${error.message}`, { cause: error })
  if (status === 1) throw new Error(`another install or restore is at work in ${dir}`)
  if (status !== 0) throw new Error(`cannot lock ${dir}: flock(1) says ${stderr.trim()} (status ${status})`)
}

/**
 * Runs a plugin as a person would, without CNI_COMMAND.
 * @param {string} name
 * @param {string} path
 * @returns its version
 */
function getVersion(name, path) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("CNI_")))
  const run = spawnSync(path, [], { env, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8", timeout: 10_000 })
  if (run.error) throw new Error(`cannot run ${path}: ${run.error.message}`, { cause: run.error })
  const about = /^CNI (\S+) plugin v(\S+)/m.exec(run.stderr)
  if (run.status !== 0 || about?.[1] !== name || about[2] === undefined) {
    const end = run.signal ?? `status ${run.status}`
    throw new Error(
      `${name} is no plugin of that name: without CNI_COMMAND it ended with ${end} and "${run.stderr.trim()}"`,
    )
  }
  return about[2]
}

/**
 * Copies one plugin beside its place, tries it out and decides what it replaces.
 * @param {Place} at
 * @param {Source} source
 * @param {Entry | undefined} was
 * @returns {Plugin}
 */
function stage(at, { name, path }, was) {
  const present = findContent(join(at.dir, name))
  if (present?.kind === "other") throw new Error(`${join(at.dir, name)} is neither a file nor a symlink`)
  const bytes = fs.readFileSync(path)
  const staged = join(at.staged, name)
  createFile(staged, bytes, 0o755)
  const sha256 = digest(bytes)
  if (!isSame(findContent(staged), { kind: "file", sha256 })) throw new Error(`${staged} does not read back as written`)
  const version = getVersion(name, staged)

  // A file of ours that somebody took away still stands for what it had replaced.
  const replaced = present === undefined || isOurs(present, was) ? (was?.replaced ?? null) : present
  const previous = present?.kind === "file" && isOurs(present, was) ? { previous: present.sha256 } : {}
  return { name, present, was, entry: { version, sha256, ...previous, replaced } }
}

/**
 * Gives a file a second name; where hard links cannot be had, a copy with the same mode, owner and attributes.
 * @param {string} path
 * @param {string} target
 */
function keep(path, target) {
  fs.rmSync(target, { force: true })
  try {
    fs.linkSync(path, target)
  } catch (refusal) {
    const part = join(dirname(target), `.${basename(target)}`)
    fs.rmSync(part, { force: true })
    const { status, error, stderr } = spawnSync("cp", ["-a", path, part], { encoding: "utf8" })
    if (status !== 0) {
      const why = error?.message ?? stderr.trim()
      throw new Error(`cannot keep ${path}: ${reason(refusal)}, and cp: ${why}`, { cause: refusal })
    }
    if (!fs.lstatSync(part).isSymbolicLink()) sync(part)
    fs.renameSync(part, target)
  }
}

/**
 * Puts back what was there before this run.
 * @param {Place} at
 * @param {Plugin[]} done
 * @param {Entries | undefined} entries
 * @returns what could not be put back
 */
function rollBack(at, done, entries) {
  const stuck = []
  for (const { name, present } of done) {
    try {
      if (present === undefined) fs.rmSync(join(at.dir, name))
      else fs.renameSync(join(at.previous, name), join(at.dir, name))
    } catch (error) {
      stuck.push(reason(error))
    }
  }
  if (stuck.length > 0) return stuck
  try {
    if (entries === undefined) fs.rmSync(at.manifest, { force: true })
    else writeManifest(at, entries)
  } catch (error) {
    stuck.push(reason(error))
  }
  return stuck
}

/**
 * Renames every staged plugin into its place: all of them, or none.
 * @param {Place} at
 * @param {Plugin[]} plugins
 * @param {Entries | undefined} entries
 */
function replaceAll(at, plugins, entries) {
  /** @type {Plugin[]} */
  const done = []
  try {
    writeManifest(at, { ...entries, ...Object.fromEntries(plugins.map(({ name, entry }) => [name, entry])) })
    for (const plugin of plugins) {
      fs.renameSync(join(at.staged, plugin.name), join(at.dir, plugin.name))
      done.push(plugin)
    }
    sync(at.dir)
  } catch (error) {
    const stuck = rollBack(at, done, entries)
    const after = stuck.length === 0 ? "everything is as it was before" : `not put back: ${stuck.join("; ")}`
    throw new Error(`cannot put the plugins in place: ${reason(error)}; ${after}`, { cause: error })
  }
}

/**
 * Removes what only a running install needs, and all of our folder if nothing is installed.
 * @param {Place} at
 */
function removeScratch(at) {
  const paths = fs.existsSync(at.manifest) ? [at.staged, at.previous] : [at.dot]
  for (const path of paths) fs.rmSync(path, { recursive: true, force: true })
}

/**
 * Removes the scratch of a run whose outcome stands already; what cannot be removed waits for the next run.
 * @param {Place} at
 */
function tidy(at) {
  try {
    removeScratch(at)
  } catch (error) {
    process.stderr.write(`install-plugins: left behind in ${at.dot}: ${reason(error)}\n`)
  }
}

/** @param {Plugin} plugin @returns {Row} */
function installRow({ name, present, was, entry }) {
  const { version, sha256, replaced } = entry
  const note = replaced === null ? "replaces nothing" : `the ${replaced.kind} it replaces is kept in .patchbay/replaced`
  if (present === undefined || !isOurs(present, was)) return { name, done: `installed ${version}`, note }
  if (isSame(present, { kind: "file", sha256 })) return { name, done: `unchanged ${version}`, note }
  return { name, done: `upgraded to ${version}`, note }
}

/** @param {Place} at @param {Source[]} sources @returns {Row[]} */
function install(at, sources) {
  const entries = findManifest(at)
  try {
    removeScratch(at)
    for (const path of [at.replaced, at.staged, at.previous]) fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    const plugins = sources.map(source => stage(at, source, entries?.[source.name]))
    for (const { name, present, was } of plugins) {
      if (present === undefined) continue
      keep(join(at.dir, name), join(at.previous, name))
      if (!isOurs(present, was)) keep(join(at.dir, name), join(at.replaced, name))
    }
    for (const path of [at.replaced, at.dot]) sync(path)
    replaceAll(at, plugins, entries)
    return plugins.map(installRow)
  } finally {
    tidy(at)
  }
}

/**
 * Puts one name back as it was before patchbay.
 * @param {Place} at
 * @param {string} name
 * @param {Entry} entry
 * @returns {Row}
 */
function restoreOne(at, name, entry) {
  const path = join(at.dir, name)
  const kept = join(at.replaced, name)
  const present = findContent(path)
  if (present !== undefined && !isOurs(present, entry)) {
    if (isSame(present, entry.replaced)) return { name, done: "restored", note: "the old one was back already" }
    const done = "left alone"
    const note = "somebody changed it since it was installed"
    const old = findContent(kept)
    if (old === undefined || isSame(old, present)) return { name, done, note }
    // Nobody else has the old file, and the present one need not be meant to stand for it.
    return { name, done, note: `${note}; the old ${old.kind} stays in ${kept}`, isOpen: true }
  }
  if (entry.replaced === null) {
    fs.rmSync(path, { force: true })
    return { name, done: "removed", note: "it had replaced nothing" }
  }
  if (findContent(kept) === undefined) return { name, done: "FAILED", note: `${kept} is gone`, isOpen: true }
  fs.renameSync(kept, path)
  return { name, done: "restored", note: `the old ${entry.replaced.kind} is back` }
}

/** @param {Place} at @returns {Row[]} */
function restore(at) {
  const entries = findManifest(at) ?? {}
  const rows = Object.entries(entries).map(([name, entry]) => {
    try {
      return restoreOne(at, name, entry)
    } catch (error) {
      return { name, done: "FAILED", note: reason(error), isOpen: true }
    }
  })
  sync(at.dir)
  const open = rows.filter(row => row.isOpen)
  if (open.length === 0) fs.rmSync(at.manifest, { force: true })
  else writeManifest(at, Object.fromEntries(open.map(({ name }) => [name, /** @type {Entry} */ (entries[name])])))
  removeScratch(at)
  return rows
}

/** @param {Row[]} rows */
function formatTable(rows) {
  const width = (/** @type {"name" | "done"} */ key) => Math.max(...rows.map(row => row[key].length))
  const [names, verbs] = [width("name"), width("done")]
  return rows.map(({ name, done, note }) => `${name.padEnd(names)}  ${done.padEnd(verbs)}  ${note}\n`).join("")
}

function parseArguments() {
  return yargs(process.argv.slice(2))
    .usage("npm run install-plugins -- --dir DIR [--restore]\n\nInstalls the built plugins for container runtimes.")
    .option("dir", {
      type: "string",
      demandOption: true,
      requiresArg: true,
      describe: "where runtimes look (/opt/cni/bin)",
    })
    .option("from", { type: "string", default: "dist/bin", requiresArg: true, describe: "the executables to install" })
    .option("restore", { type: "boolean", default: false, describe: "put back what the plugins replaced, and go" })
    .version(false)
    .parserConfiguration({ "duplicate-arguments-array": false })
    .strict()
    .parseSync()
}

/** @param {{ dir: string, from: string, restore: boolean }} options @returns {Row[]} */
function run({ dir, from, restore: isRestore }) {
  if (!isAbsolute(dir)) throw new Error(`--dir takes an absolute path, not "${dir}"`)
  const at = place(resolve(dir))
  const sources = isRestore ? [] : listSources(resolve(from))
  if (isRestore && !fs.existsSync(at.dir)) throw new Error(`${at.dir} does not exist`)
  ensureDirectory(at.dir)
  lock(at.dir)
  return isRestore ? restore(at) : install(at, sources)
}

try {
  const options = parseArguments()
  const rows = run(options)
  process.stdout.write(rows.length > 0 ? formatTable(rows) : `nothing of patchbay is installed in ${options.dir}\n`)
  if (rows.some(({ done }) => done === "FAILED")) process.exitCode = 1
} catch (error) {
  process.stderr.write(`install-plugins: ${reason(error)}\n`)
  process.exitCode = 1
}
