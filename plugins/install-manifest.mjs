/**
 * What install.mjs knows of a plugin directory: what lies at a name, whether that is ours, and the manifest.
 *
 * A file is ours if its sha256 is one that the manifest has for the name, whoever wrote it last. The manifest is
 * written before the files are, so while an install is cut short it names files that are not there yet: harmless,
 * since what is there then is either ours too (`previous`) or what the new file would have replaced.
 */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"

/**
 * @typedef {{ dir: string, dot: string, manifest: string, replaced: string, staged: string, previous: string }} Place
 * @typedef {{ kind: "file", sha256: string } | { kind: "symlink", target: string }} Content
 * @typedef {Content | { kind: "other" } | undefined} Found  `other` can neither be kept nor replaced
 * @typedef {{ version: string, sha256: string, previous?: string, replaced: Content | null }} Entry
 *   `previous` is the sha256 of the file of ours that was there before: still ours if the install was cut short.
 * @typedef {Record<string, Entry>} Entries
 */

/** What may be the file name of a plugin; dot files are never one. */
export const pluginName = /^[a-z0-9][a-z0-9._-]*$/i

/** @param {string} dir @returns {Place} */
export function place(dir) {
  const dot = join(dir, ".patchbay")
  const inside = (/** @type {string} */ name) => join(dot, name)
  return {
    dir,
    dot,
    manifest: inside("manifest.json"),
    replaced: inside("replaced"),
    staged: inside("staged"),
    previous: inside("previous"),
  }
}

/** @param {unknown} error */
export const reason = error => (error instanceof Error ? error.message : String(error))

/** @param {Buffer} bytes */
export const digest = bytes => createHash("sha256").update(bytes).digest("hex")

/**
 * Says what lies at `path`; absent is undefined.
 * @param {string} path
 * @returns {Found}
 */
export function findContent(path) {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (stat.isSymbolicLink()) return { kind: "symlink", target: fs.readlinkSync(path) }
  if (stat.isFile()) return { kind: "file", sha256: digest(fs.readFileSync(path)) }
  return { kind: "other" }
}

/** @param {Found} a @param {Found | null} b */
export function isSame(a, b) {
  if (a?.kind === "file" && b?.kind === "file") return a.sha256 === b.sha256
  if (a?.kind === "symlink" && b?.kind === "symlink") return a.target === b.target
  return false
}

/** @param {Found} content @param {Entry | undefined} entry */
export function isOurs(content, entry) {
  return content?.kind === "file" && (content.sha256 === entry?.sha256 || content.sha256 === entry?.previous)
}

/**
 * Makes a file's content, or a folder's entries, survive a power cut.
 * @param {string} path
 */
export function sync(path) {
  const fd = fs.openSync(path, "r")
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Writes a new file, on disk before this returns.
 * @param {string} path
 * @param {Buffer | string} content
 * @param {number} mode
 */
export function createFile(path, content, mode) {
  const bytes = Buffer.from(content)
  const fd = fs.openSync(path, "wx", mode)
  try {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, at)
    fs.fchmodSync(fd, mode) // openSync's mode went through the umask
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Sees to it that a folder without a manifest holds nothing that is not in its place too: it will be removed.
 * @param {Place} at
 */
function refuseOrphans(at) {
  const names = fs.existsSync(at.replaced) ? fs.readdirSync(at.replaced).filter(name => pluginName.test(name)) : []
  const orphan = names.find(name => {
    const kept = findContent(join(at.replaced, name))
    return kept?.kind !== "other" && !isSame(findContent(join(at.dir, name)), kept)
  })
  if (orphan !== undefined) {
    const path = join(at.replaced, orphan)
    throw new Error(`${at.manifest} is gone but ${path} may be somebody's only copy: move it where it belongs`)
  }
}

/**
 * Reads the manifest; absent is undefined.
 * @param {Place} at
 * @returns {Entries | undefined}
 */
export function findManifest(at) {
  const folder = fs.lstatSync(at.dot, { throwIfNoEntry: false })
  if (folder !== undefined && !folder.isDirectory()) throw new Error(`${at.dot} is not a directory`)
  if (!fs.existsSync(at.manifest)) return void refuseOrphans(at)
  try {
    const { format, plugins } = JSON.parse(fs.readFileSync(at.manifest, "utf8"))
    if (format !== 1) throw new Error(`its format is ${format}, this version knows 1`)
    for (const name of Object.keys(plugins)) if (!pluginName.test(name)) throw new Error(`it names "${name}"`)
    return plugins
  } catch (error) {
    throw new Error(`cannot read ${at.manifest}: ${reason(error)}`, { cause: error })
  }
}

/**
 * Replaces the manifest in one step.
 * @param {Place} at
 * @param {Entries} plugins
 */
export function writeManifest(at, plugins) {
  const next = `${at.manifest}.next`
  fs.rmSync(next, { force: true })
  createFile(next, `${JSON.stringify({ format: 1, plugins }, null, 2)}\n`, 0o644)
  fs.renameSync(next, at.manifest)
  sync(at.dot)
}
