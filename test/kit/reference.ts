/**
 * The reference plugins, as Debian packages them, unpacked into build/reference/<version>/ and never installed.
 *
 * apt runs with a configuration of its own: the machine's mirror, keyring and proxy settings are read, its lists, caches
 * and package state are neither read nor written. The archive stays in build/reference/archives, so that the
 * executables can be unpacked again without a network; a suite is asked again only when build/reference is gone.
 */
import { spawnSync } from "node:child_process"
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import path from "node:path"
import { repositoryRoot } from "./repository.ts"

/** A Debian suite that carries the reference plugins. */
export type Suite = "sid" | "bookworm"

/** One unpacked release of the reference plugins. */
export interface Reference {
  /** The upstream version really found, e.g. "1.9.1". */
  readonly version: string
  /** Absolute path of the folder that holds the executables directly: fit for CNI_PATH. */
  readonly directory: string
}

/** What a stanza of apt's sources says about a mirror. */
export interface Mirror {
  readonly uri: string
  /** The value of Signed-By: a path, or a key with its line breaks. */
  readonly signedBy: string
}

const PACKAGE = "containernetworking-plugins"
const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
/** Below these, a suite is not what the callers compare with: sid moves on, bookworm is frozen. */
const OLDEST: Record<Suite, string> = { sid: "1.9.1", bookworm: "1.1.1" }

/**
 * Gives the reference plugins of a Debian suite: 1.9.1 or newer from sid, 1.1.1 from bookworm. The first call
 * downloads; callers in other processes wait for it.
 * @throws Error when they cannot be had or do not run on this machine; the message says which step failed.
 */
export function ensureReference(suite: Suite): Reference {
  mkdirSync(folder(), { recursive: true })
  return withLock(path.join(folder(), "lock"), () => {
    const archive = findArchive(suite) ?? downloadArchive(suite)
    const version = upstreamVersion(run("dpkg-deb", ["--field", archive, "Version"]).trim())
    if (compareVersions(version, OLDEST[suite]) < 0) throw new Error(`${suite} has ${PACKAGE} ${version}, too old`)
    const directory = path.join(folder(), version)
    if (!existsSync(directory)) unpack(archive, directory)
    return { version, directory }
  })
}

const folder = () => path.join(repositoryRoot(), "build/reference")

/** Strips a Debian version to the upstream one: "1:1.9.1+ds1-1" is 1.9.1. */
export function upstreamVersion(debianVersion: string): string {
  return debianVersion
    .replace(/^\d+:/, "")
    .replace(/-[^-]*$/, "")
    .replace(/\+ds\d*$/, "")
}

/**
 * Finds the mirror of Debian itself (not of its security updates) in the text of a .sources or .list file.
 * Undefined when the file names none.
 */
export function parseMirror(text: string): Mirror | undefined {
  return parseStanzas(text) ?? parseLines(text)
}

function parseStanzas(text: string): Mirror | undefined {
  for (const stanza of text.replace(/^#.*\n?/gm, "").split(/\n\s*\n/)) {
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1]
    const uri = words(field("URIs")).find(isDebianMirror)
    const isBinary = words(field("Types")).includes("deb") && !/^no$/i.test(field("Enabled") ?? "")
    if (uri && isBinary) return { uri, signedBy: field("Signed-By") ?? DEBIAN_KEYRING }
  }
  return undefined
}

function parseLines(text: string): Mirror | undefined {
  for (const [, options = "", uri = ""] of text.matchAll(/^[ \t]*deb[ \t]+(?:\[(.*?)\][ \t]+)?(\S+)[ \t]/gm)) {
    const signedBy = words(options).find(option => option.startsWith("signed-by="))
    if (isDebianMirror(uri)) return { uri, signedBy: signedBy?.slice("signed-by=".length) ?? DEBIAN_KEYRING }
  }
  return undefined
}

const words = (text: string | undefined) => (text ?? "").split(/\s+/).filter(Boolean)

/** Debian's mirrors end in /debian, by custom; on cloud images apt reads the address from a file of that name. */
const isDebianMirror = (uri: string) => /\/debian(\.list)?\/?$/.test(uri)

function findMirror(): Mirror {
  const more = "/etc/apt/sources.list.d"
  const parts = existsSync(more) ? readdirSync(more).map(name => path.join(more, name)) : []
  for (const file of ["/etc/apt/sources.list", ...parts.filter(name => /\.(sources|list)$/.test(name)).sort()]) {
    const mirror = existsSync(file) ? parseMirror(readFileSync(file, "utf8")) : undefined
    if (mirror) return mirror
  }
  throw new Error(`the reference plugins come from Debian, and no file in /etc/apt names a Debian mirror`)
}

function findArchive(suite: Suite): string | undefined {
  const archives = path.join(folder(), "archives", suite)
  const name = existsSync(archives) ? readdirSync(archives).find(file => file.endsWith(".deb")) : undefined
  return name && path.join(archives, name)
}

/** Downloads the archive of the newest version in `suite`; its folder appears only when it is complete. */
function downloadArchive(suite: Suite): string {
  const work = mkdtempSync(path.join(folder(), `apt-${suite}-`))
  try {
    const env = { ...process.env, APT_CONFIG: writeAptConfig(work, suite) }
    const download = path.join(work, "download")
    mkdirSync(download)
    run("apt-get", ["-qq", "-o", "APT::Update::Error-Mode=any", "update"], { env })
    run("apt-get", ["-qq", "download", PACKAGE], { env, cwd: download })
    mkdirSync(path.join(folder(), "archives"), { recursive: true })
    renameSync(download, path.join(folder(), "archives", suite))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  const archive = findArchive(suite)
  if (!archive) throw new Error(`apt-get download ${PACKAGE} from ${suite} left no archive`)
  return archive
}

/** Writes an apt configuration that lives in `work` alone and returns its path. */
function writeAptConfig(work: string, suite: Suite): string {
  const { uri, signedBy } = findMirror()
  for (const name of ["lists/partial", "cache/archives/partial", "sources", "none"])
    mkdirSync(path.join(work, name), { recursive: true })
  const source = `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${signedBy}\n`
  writeFileSync(path.join(work, "sources/debian.sources"), source)
  const settings = {
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": path.join(work, "sources"),
    "Dir::Etc::parts": path.join(work, "none"),
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": path.join(work, "none"),
    "Dir::State": work,
    "Dir::State::lists": path.join(work, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": path.join(work, "cache"),
    "APT::Sandbox::User": "root",
    "Acquire::Retries": "3",
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`)
  const file = path.join(work, "apt.conf")
  writeFileSync(file, run("apt-config", ["dump", "Acquire"]) + lines.join(""))
  return file
}

/** Unpacks the plugins of an archive into `directory`, which appears only when they are complete and run here. */
function unpack(archive: string, directory: string): void {
  const work = mkdtempSync(path.join(folder(), "unpack-"))
  try {
    run("dpkg-deb", ["--extract", archive, work])
    const plugins = path.join(work, "usr/lib/cni")
    const env = { CNI_COMMAND: "VERSION" }
    const answer = run(path.join(plugins, "bridge"), [], { env, input: `{"cniVersion":"1.0.0"}` })
    if (!answer.includes("supportedVersions")) throw new Error(`bridge of ${archive} answered VERSION with ${answer}`)
    renameSync(plugins, directory)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Compares dotted numbers: negative, 0 or positive as `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split("."), b.split(".")]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number.parseInt(left[i] ?? "0", 10) - Number.parseInt(right[i] ?? "0", 10)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * Runs `body` while this process alone holds the lock file. flock(1) locks the open file that it inherits, which stays
 * locked until this process closes it or ends: a killed caller leaves nothing behind.
 */
function withLock<T>(file: string, body: () => T): T {
  const fd = openSync(file, "a")
  try {
    const { status, error, stderr } = spawnSync("flock", ["3"], { stdio: ["ignore", "ignore", "pipe", fd] })
    if (status !== 0) throw new Error(`flock ${file}: ${error?.message ?? stderr}`)
    return body()
  } finally {
    closeSync(fd)
  }
}

/** Runs a program to its end and returns its stdout. @throws Error with what it said. */
function run(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {},
): string {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 300_000, ...options })
  if (result.status === 0) return result.stdout
  const reason = result.error?.message ?? `status ${result.status ?? result.signal}\n${result.stderr}`
  throw new Error(`reference plugins: ${[program, ...args].join(" ")}: ${reason}`)
}
