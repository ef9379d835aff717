/**
 * Makes a machine fit to build, show and test patchbay: `node build.mjs setup`, which the README's commands run first.
 *
 * Node built-ins only, since it runs before node_modules exists; no process is started when nothing is missing.
 * Debian 12 has no libquickjs. There the trixie suite of the machine's own mirror is added, pinned so that nothing but
 * libquickjs, which depends on nothing, can ever come from it. On other distributions only people can install: they
 * get the list of what to install.
 */
import { spawnSync } from "node:child_process"
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { delimiter, dirname, join } from "node:path"

/**
 * @typedef {{ uri: string, suite: string, components: string[], options: Record<string, string> }} Source
 *   One line of apt's sources, from either format; the options are spelt as in the one-line format.
 * @typedef {{ path: string, content: string }} File
 * @typedef {{ ID?: string, VERSION_ID?: string, VERSION_CODENAME?: string, PRETTY_NAME?: string }} Release
 */

/** Debian's packages and what we want of them, to look for where there are no Debian packages. */
const packages = {
  build: {
    libquickjs: ["quickjs/quickjs.h", "quickjs/libquickjs.a"],
    gcc: ["cc"],
    "libc6-dev": ["stdio.h", "linux/rtnetlink.h", "libc.a", "libm.a"],
    iproute2: ["ip", "tc", "bridge"],
    "iputils-ping": ["ping"],
    iptables: ["iptables", "ip6tables", "iptables-restore"],
    nftables: ["nft"],
    "util-linux": ["unshare", "nsenter", "flock"],
  },
  test: {
    strace: ["strace"],
    procps: ["ps", "sysctl"],
    tcpdump: ["tcpdump"],
    conntrack: ["conntrack"],
    curl: ["curl"],
    ethtool: ["ethtool"],
    jq: ["jq"],
  },
}

/** The first Debian that has libquickjs. */
const SOURCE_SUITE = "trixie"
const sourcesPart = `etc/apt/sources.list.d/patchbay-${SOURCE_SUITE}.list`
const preferencesPart = `etc/apt/preferences.d/patchbay-${SOURCE_SUITE}`
const keyringPart = `etc/apt/keyrings/patchbay-${SOURCE_SUITE}.asc`

const preferences = `Package: *
Pin: release n=${SOURCE_SUITE}
Pin-Priority: -1

Package: libquickjs
Pin: release n=${SOURCE_SUITE}
Pin-Priority: 500
`

const LOCK_TIMEOUT_SEC = 120

/**
 * Installs what is missing; done already is the quick case. Prints only what it does.
 * @param {object} wanted
 * @param {("build" | "test")[]} wanted.groups  "build" serves the demo too
 * @param {string} [wanted.root]  the repository
 * @param {string} [wanted.base]  the root of the file system whose packages are looked at and whose /etc is written
 * @throws Error that says what a person has to install or what failed
 */
export function setup({ groups, root = join(import.meta.dirname, "../.."), base = "/" }) {
  const release = parseRelease(readFileSync(join(base, "etc/os-release"), "utf8"))
  const needs = Object.assign({}, ...groups.map(group => packages[group]))
  const status = join(base, "var/lib/dpkg/status")
  if (hasPackages(release) && existsSync(status)) {
    const missing = listMissing(readFileSync(status, "utf8"), Object.keys(needs))
    if (missing.length > 0) installPackages(missing, planFiles(release, missing, base), base)
  } else {
    const advice = formatNeeds(release, needs, base)
    if (advice) throw new Error(advice)
  }
  ensureModules(root)
}

/** @param {string} text  of os-release(5) @returns {Release} */
export function parseRelease(text) {
  return Object.fromEntries([...text.matchAll(/^(\w+)=["']?(.*?)["']?$/gm)].map(([, key, value]) => [key, value]))
}

/**
 * Whether Debian's packages serve: those of 12 and later, and of testing and sid, which have no number.
 * @param {Release} release
 */
const hasPackages = ({ ID, VERSION_ID }) => ID === "debian" && Number(VERSION_ID ?? 99) >= 12

/**
 * Lists the packages that dpkg does not have installed.
 * @param {string} status  the text of /var/lib/dpkg/status
 * @param {string[]} names
 */
export function listMissing(status, names) {
  const installed = new Set()
  for (const stanza of status.split("\n\n")) {
    if (/^Status: \S+ ok installed$/m.test(stanza)) installed.add(/^Package: (\S+)$/m.exec(stanza)?.[1])
  }
  return names.filter(name => !installed.has(name))
}

/**
 * Decides which files apt needs before it can install the missing packages.
 * @param {Release} release
 * @param {string[]} missing
 * @param {string} base
 * @returns {File[]}
 */
function planFiles({ VERSION_ID, VERSION_CODENAME = "" }, missing, base) {
  if (VERSION_ID !== "12" || !missing.includes("libquickjs")) return []
  return planSuite(readSources(base), VERSION_CODENAME)
}

/** @param {string} base */
function readSources(base) {
  const folder = join(base, "etc/apt/sources.list.d")
  const parts = existsSync(folder) ? readdirSync(folder).map(name => join(folder, name)) : []
  return [join(base, "etc/apt/sources.list"), ...parts.sort()]
    .filter(path => existsSync(path) && path !== join(base, sourcesPart))
    .flatMap(path => {
      if (path.endsWith(".list")) return parseLines(readFileSync(path, "utf8"))
      return path.endsWith(".sources") ? parseStanzas(readFileSync(path, "utf8")) : []
    })
}

/**
 * Decides how the suite with libquickjs is made known to apt: from the mirror that the machine's release comes from.
 * @param {Source[]} sources
 * @param {string} codename  of the machine's release
 * @returns {File[]} in the order to write them: what keeps the suite out first; none if the suite is known already
 * @throws Error if no mirror can be told
 */
export function planSuite(sources, codename) {
  // Somebody who has the suite has a policy for it as well.
  if (sources.some(({ suite }) => suite === SOURCE_SUITE)) return []
  const own = sources.find(
    ({ uri, suite, components }) => suite === codename && components.includes("main") && !uri.startsWith("cdrom:"),
  )
  if (!own)
    throw new Error(`libquickjs: /etc/apt names no mirror with ${codename} main, which would have ${SOURCE_SUITE}`)

  const options = { ...own.options }
  const files = [{ path: preferencesPart, content: preferences }]
  if (options["signed-by"]?.includes("-----BEGIN")) {
    files.push({ path: keyringPart, content: options["signed-by"] })
    options["signed-by"] = `/${keyringPart}`
  }
  const words = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  const bracket = words.length > 0 ? ` [${words.join(" ")}]` : ""
  files.push({ path: sourcesPart, content: `deb${bracket} ${own.uri} ${SOURCE_SUITE} main\n` })
  return files
}

/**
 * Parses the one-line format of sources.list(5), binary packages only.
 * @param {string} text
 * @returns {Source[]}
 */
export function parseLines(text) {
  return [...text.matchAll(/^[ \t]*deb[ \t]+(?:\[(.*?)\][ \t]+)?(\S+)[ \t]+([^\s#]+)([^#\n]*)/gm)].map(
    ([, options = "", uri = "", suite = "", components = ""]) => ({
      uri,
      suite,
      components: splitWords(components),
      options: Object.fromEntries(splitWords(options).map(option => option.split(/=(.*)/s, 2))),
    }),
  )
}

/** The deb822 fields that say how a mirror is to be trusted and read, and their one-line names. */
const optionNames = {
  "signed-by": "signed-by",
  trusted: "trusted",
  architectures: "arch",
  "check-valid-until": "check-valid-until",
}

/**
 * Parses the deb822 format of sources.list(5), binary packages only.
 * @param {string} text
 * @returns {Source[]}  a key given in the file itself is the value of signed-by, as armoured text
 */
export function parseStanzas(text) {
  return text
    .replaceAll(/^#.*\n?/gm, "")
    .split(/\n[ \t]*\n/)
    .flatMap(stanza => {
      const fields = Object.fromEntries(
        [...stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)].map(([, key = "", value = ""]) => [
          key.toLowerCase(),
          value,
        ]),
      )
      if (!splitWords(fields.types).includes("deb") || /^no$/i.test(fields.enabled ?? "")) return []
      const options = Object.fromEntries(
        Object.entries(optionNames).flatMap(([field, name]) =>
          fields[field] ? [[name, plainValue(fields[field])]] : [],
        ),
      )
      const components = splitWords(fields.components)
      return splitWords(fields.uris).flatMap(uri =>
        splitWords(fields.suites).map(suite => ({ uri, suite, components, options })),
      )
    })
}

/**
 * Takes the folding of deb822 out of a value: a list becomes comma-separated, a key becomes its own lines.
 * @param {string} value
 */
function plainValue(value) {
  if (!value.includes("-----BEGIN")) return splitWords(value).join(",")
  const lines = value.trim().split("\n")
  return `${lines
    .map(line => line.trim())
    .map(line => (line === "." ? "" : line))
    .join("\n")}\n`
}

/** @param {string | undefined} text */
const splitWords = text => (text ?? "").split(/\s+/).filter(Boolean)

/**
 * @param {string[]} missing
 * @param {File[]} files
 * @param {string} base
 */
function installPackages(missing, files, base) {
  const options = ["-y", "-q", "--no-install-recommends", "-o", `DPkg::Lock::Timeout=${LOCK_TIMEOUT_SEC}`]
  const install = [...options, "install", ...missing]
  if (process.getuid?.() !== 0) throw new Error(formatCommands(missing, files, install))

  for (const { path, content } of files) {
    mkdirSync(dirname(join(base, path)), { recursive: true })
    writeFileSync(join(base, path), content)
  }
  console.log(`setup: installing ${missing.join(" ")}`)
  updateLists()
  const { status, error } = aptGet(install, "inherit")
  if (status !== 0) throw new Error(`apt-get ${install.join(" ")}: ${error?.message ?? `status ${status}`}`)
}

/**
 * Says what a person has to do as root, to be pasted into a shell.
 * @param {string[]} missing
 * @param {File[]} files
 * @param {string[]} install
 */
function formatCommands(missing, files, install) {
  const writes = files.map(({ path, content }) => `cat > /${path} <<'END'\n${content}END\n`)
  const commands = [...writes, "apt-get update\n", `apt-get ${install.join(" ")}\n`].join("")
  return `these packages are missing: ${missing.join(" ")}\nonly root can install them:\n\n${commands}`
}

/**
 * Brings apt's lists up to date. A mirror that fails is apt's to report and no reason to stop: it need not be the one
 * that has our packages.
 */
function updateLists() {
  const deadline = performance.now() + LOCK_TIMEOUT_SEC * 1000
  for (;;) {
    const { status, error, stderr } = aptGet(["-q", "update"], "pipe")
    if (error) throw new Error(`apt-get update: ${error.message}`)
    if (status === 0) return
    // apt waits for dpkg's lock but not for that of its lists, and offers nothing to wait on.
    const isBusy = stderr.includes("Could not get lock") && performance.now() < deadline
    if (!isBusy) return console.error(`setup: apt-get update failed, trying all the same:\n${stderr}`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250)
  }
}

/** @param {string[]} args @param {"inherit" | "pipe"} errors */
function aptGet(args, errors) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" }
  return spawnSync("apt-get", args, { env, stdio: ["ignore", "inherit", errors], encoding: "utf8" })
}

/**
 * Lists what a person has to install on a machine without Debian's packages.
 * @param {Release} release
 * @param {Record<string, string[]>} needs
 * @param {string} base
 * @returns undefined if nothing is missing
 */
function formatNeeds({ PRETTY_NAME = "this system" }, needs, base) {
  const rows = Object.entries(needs).map(([name, files]) => ({
    name,
    files,
    absent: files.filter(file => !searchPath(file, base).some(folder => isThere(join(folder, file)))),
  }))
  if (rows.every(({ absent }) => absent.length === 0)) return undefined
  const lines = rows.map(({ name, files, absent }) => {
    const mark = absent.length === 0 ? "found  " : "MISSING"
    const marked = files.map(file => (absent.includes(file) ? `${file} (!)` : file))
    return `  ${mark}  ${marked.join(", ")}  [Debian: ${name}]\n`
  })
  const head = `setup installs on Debian 12 and later, not on ${PRETTY_NAME}. This is needed; (!) was not found:\n`
  return head + lines.join("")
}

/**
 * Lists where compilers and shells look for a header, a static library or a tool.
 * @param {string} file
 * @param {string} base
 */
function searchPath(file, base) {
  if (file.endsWith(".h")) return ["usr/include", "usr/local/include"].map(folder => join(base, folder))
  if (!file.endsWith(".a")) {
    const sbin = ["usr/local/sbin", "usr/sbin", "sbin"].map(folder => join(base, folder))
    return [...(process.env.PATH ?? "").split(delimiter), ...sbin]
  }
  const lib = join(base, "usr/lib")
  const multiarch = existsSync(lib) ? readdirSync(lib).filter(name => name.includes("-linux-")) : []
  const folders = ["usr/lib", "usr/lib64", "usr/local/lib"].map(folder => join(base, folder))
  return [...folders, ...multiarch.map(name => join(lib, name))]
}

/** @param {string} path */
function isThere(path) {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EACCES"].includes(`${error.code}`))
      return false
    throw error
  }
}

/** Installs the npm packages if they are missing or older than the lock file. @param {string} root */
function ensureModules(root) {
  const done = statSync(join(root, "node_modules/.package-lock.json"), { throwIfNoEntry: false })
  const lock = statSync(join(root, "package-lock.json"))
  if (done && done.mtimeMs >= lock.mtimeMs) return
  console.log("setup: npm ci")
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund"]
  const { status, error } = spawnSync("npm", args, { cwd: root, stdio: "inherit" })
  if (status !== 0) throw new Error(`npm ${args.join(" ")}: ${error?.message ?? `status ${status}`}`)
}
