// setup runs before node_modules exists, so it is an ES module that Jest cannot load: a Node process calls it here, on
// made-up machines below a temporary folder, with an apt-get and an npm that only write down how they were called.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

const source = fs.readFileSync(resolve("test/kit/machine.mjs"), "utf8")

let base: string

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "patchbay-machine-"))
  fs.chmodSync(base, 0o755)
  write("machine.mjs", source)
  write("etc/os-release", bookworm)
  write("etc/apt/sources.list.d/debian.sources", stanza)
  write("var/lib/dpkg/status", status("libc6"))
  write("repository/package-lock.json", "{}")
  write("repository/node_modules/.package-lock.json", "{}")
  writeTool("apt-get", "exit 0")
  writeTool("npm", "exit 0")
})

afterEach(() => fs.rmSync(base, { recursive: true }))

const bookworm = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n`

const stanza = `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`

const wanted = {
  build: "libquickjs gcc libc6-dev iproute2 iputils-ping iptables nftables util-linux",
  test: "strace procps tcpdump conntrack curl ethtool jq",
}

const status = (names: string) =>
  names
    .split(" ")
    .map(name => `Package: ${name}\nEssential: yes\nStatus: install ok installed\nPriority: optional\n`)
    .join("\n")

function write(path: string, content: string, mode = 0o644): void {
  fs.mkdirSync(join(base, dirname(path)), { recursive: true })
  fs.writeFileSync(join(base, path), content, { mode })
}

/** A command that writes its name and arguments into `base`/log and then does what `body` says. */
function writeTool(name: string, body: string): void {
  write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >> "${base}/log"\n${body}\n`, 0o755)
}

const readLog = () => (fs.existsSync(join(base, "log")) ? fs.readFileSync(join(base, "log"), "utf8") : "")
const readApt = (path: string) => fs.readFileSync(join(base, "etc/apt", path), "utf8")

const isRoot = process.getuid?.() === 0
/** Words in front of a command that make it root, or nobody. */
const root = isRoot ? [] : ["unshare", "-r"]
const nobody = isRoot ? ["setpriv", "--reuid=65534", "--clear-groups"] : []

/** Evaluates an expression in which `m` is the module; its value comes back as JSON. */
function call(expression: string, values: unknown = null, user = root) {
  const program = `
    import * as m from ${JSON.stringify(`file://${base}/machine.mjs`)}
    import { readFileSync, writeFileSync } from "node:fs"
    const values = JSON.parse(readFileSync(0, "utf8"))
    const base = ${JSON.stringify(base)}, root = base + "/repository"
    try { writeFileSync(3, JSON.stringify({ value: (${expression}) ?? null })) }
    catch (error) { writeFileSync(3, JSON.stringify({ error: error.message })) }`
  const [command = "", ...args] = [...user, process.execPath, "--input-type=module", "-e", program]
  const { output, status, stderr } = spawnSync(command, args, {
    input: JSON.stringify(values),
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { PATH: `${base}/bin:/usr/bin:/bin` },
    cwd: base,
    encoding: "utf8",
  })
  if (status !== 0) throw new Error(stderr)
  return { ...JSON.parse(output[3] ?? ""), stderr }
}

const setup = (groups: string[], user = root) => call("m.setup({ groups: values, root, base })", groups, user)

const own = { uri: "http://a/debian", suite: "bookworm", components: ["main"], options: {} }

test.each([
  ["nothing but comments", "# deb http://a/debian bookworm main\n\n", []],
  ["a plain line", "deb http://a/debian bookworm main contrib\n", [{ ...own, components: ["main", "contrib"] }]],
  ["no source packages", "deb-src http://a/debian bookworm main\n", []],
  ["a comment behind", "deb http://a/debian bookworm main # contrib\n", [own]],
  [
    "options",
    " deb\t[ arch=amd64,arm64 signed-by=/k.gpg ] http://a/debian bookworm main",
    [{ ...own, options: { arch: "amd64,arm64", "signed-by": "/k.gpg" } }],
  ],
  [
    "two lines",
    "deb http://a/debian bookworm main\ndeb http://b x/\n",
    [own, { ...own, uri: "http://b", suite: "x/", components: [] }],
  ],
])("the one-line format: %s", (_, text, want) => {
  expect(call("m.parseLines(values)", text).value).toEqual(want)
})

const key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBF\n=Ab1c\n-----END PGP PUBLIC KEY BLOCK-----\n"
const foldedKey = key.replaceAll(/^/gm, " ").replace("\n \n", "\n .\n").trimEnd()

test.each([
  ["a stanza without an end", "Types: deb\nURIs: http://a/debian\nSuites: bookworm\nComponents: main", [own]],
  ["names in any case", "types: deb\nuris: http://a/debian\nSUITES: bookworm\ncomponents: main\n", [own]],
  ["no source packages", "Types: deb-src\nURIs: http://a/debian\nSuites: bookworm\nComponents: main\n", []],
  ["a switched-off stanza", "Enabled: no\nTypes: deb\nURIs: http://a/debian\nSuites: bookworm\nComponents: main\n", []],
  [
    "every mirror with every suite",
    "Types: deb deb-src\nURIs: http://a/debian\n http://b\nSuites: bookworm x\nComponents: main\n",
    ["http://a/debian", "http://b"].flatMap(uri => ["bookworm", "x"].map(suite => ({ ...own, uri, suite }))),
  ],
  [
    "two keyrings, with a comment between the fields",
    "Types: deb\nURIs: http://a/debian\n# why\nSuites: bookworm\nComponents: main\nSigned-By: /a.gpg\n /b.gpg\nTrusted: yes\n",
    [{ ...own, options: { "signed-by": "/a.gpg,/b.gpg", trusted: "yes" } }],
  ],
  [
    "a key in the file",
    `Types: deb\nURIs: http://a/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n${foldedKey}\n`,
    [{ ...own, options: { "signed-by": key } }],
  ],
])("the deb822 format: %s", (_, text, want) => {
  expect(call("m.parseStanzas(values)", text).value).toEqual(want)
})

const line = (want: string) => [
  "etc/apt/preferences.d/patchbay-trixie",
  `etc/apt/sources.list.d/patchbay-trixie.list: ${want}`,
]

test.each([
  ["a plain mirror", [own], line("deb http://a/debian trixie main\n")],
  [
    "its keyring and other options",
    [{ ...own, options: { "signed-by": "/k.gpg", trusted: "yes" } }],
    line("deb [signed-by=/k.gpg trusted=yes] http://a/debian trixie main\n"),
  ],
  [
    "the release's own mirror among others",
    [
      { ...own, uri: "cdrom:[Debian]" },
      { ...own, uri: "http://updates", suite: "bookworm-updates" },
      { ...own, uri: "http://extras", components: ["contrib"] },
      own,
    ],
    line("deb http://a/debian trixie main\n"),
  ],
  ["a machine that has the suite", [own, { ...own, suite: "trixie" }], []],
  [
    "a key in the file",
    [{ ...own, options: { "signed-by": key } }],
    [
      "etc/apt/preferences.d/patchbay-trixie",
      `etc/apt/keyrings/patchbay-trixie.asc: ${key}`,
      "etc/apt/sources.list.d/patchbay-trixie.list: deb [signed-by=/etc/apt/keyrings/patchbay-trixie.asc] http://a/debian trixie main\n",
    ],
  ],
])("the suite of libquickjs is asked of %s", (_, sources, want) => {
  const files: { path: string; content: string }[] = call("m.planSuite(values, 'bookworm')", sources).value
  const rows = files.map(({ path, content }) => (path.includes("preferences") ? path : `${path}: ${content}`))
  expect(rows).toEqual(want)
})

test("a machine without a mirror of its own release is told so", () => {
  const { error } = call("m.planSuite(values, 'bookworm')", [{ ...own, suite: "bookworm-updates" }])
  expect(error).toBe("libquickjs: /etc/apt names no mirror with bookworm main, which would have trixie")
})

test.each([
  ["none installed", "", ["gcc", "jq"]],
  ["all installed", status("gcc jq libc6"), []],
  ["names that only begin alike", status("gcc-12 jq2 libjq"), ["gcc", "jq"]],
  ["on hold is installed", "Package: gcc\nStatus: hold ok installed\n\nPackage: jq\nStatus: install ok installed", []],
  ["removed, with settings left", "Package: gcc\nStatus: deinstall ok config-files\n", ["gcc", "jq"]],
  ["half installed", "Package: jq\nStatus: install ok half-configured\n", ["gcc", "jq"]],
])("missing packages: %s", (_, text, want) => {
  expect(call("m.listMissing(values, ['gcc', 'jq'])", text).value).toEqual(want)
})

const install = (names: string) => `apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 install ${names}\n`

test("Debian 12 gets libquickjs, and nothing else, from trixie of its own mirror", () => {
  expect(setup(["build"])).toMatchObject({ value: null })
  expect(readLog()).toBe(`apt-get -q update\n${install(wanted.build)}`)
  expect(readApt("sources.list.d/patchbay-trixie.list")).toBe(
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian trixie main\n",
  )
  expect(readApt("preferences.d/patchbay-trixie")).toBe(
    "Package: *\nPin: release n=trixie\nPin-Priority: -1\n\nPackage: libquickjs\nPin: release n=trixie\nPin-Priority: 500\n",
  )
})

test("an interrupted setup is not taken for somebody's own policy", () => {
  setup(["build"])
  fs.rmSync(join(base, "etc/apt/preferences.d/patchbay-trixie"))
  setup(["build"])
  expect(readApt("preferences.d/patchbay-trixie")).toContain("Pin-Priority: -1")
})

test("only what is missing is installed, and trixie is not added for anything but libquickjs", () => {
  write("var/lib/dpkg/status", status(`${wanted.build} procps curl jq`))
  setup(["build", "test"])
  expect(readLog()).toBe(`apt-get -q update\n${install("strace tcpdump conntrack ethtool")}`)
  expect(fs.readdirSync(join(base, "etc/apt"))).toEqual(["sources.list.d"])
})

test("a machine that has everything is left alone", () => {
  write("var/lib/dpkg/status", status(`${wanted.build} ${wanted.test}`))
  expect(setup(["build", "test"])).toEqual({ value: null, stderr: "" })
  expect(readLog()).toBe("")
})

test.each([
  ["13", `ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n`],
  ["testing, which has no number", "ID=debian\nVERSION_CODENAME=forky\n"],
])("Debian %s has libquickjs itself", (_, release) => {
  write("etc/os-release", release)
  setup(["build"])
  expect(readLog()).toBe(`apt-get -q update\n${install(wanted.build)}`)
  expect(fs.readdirSync(join(base, "etc/apt"))).toEqual(["sources.list.d"])
})

test("apt's lists are waited for while somebody else updates them", () => {
  writeTool(
    "apt-get",
    `[ -e "${base}/seen" ] || { : > "${base}/seen"; echo "E: Could not get lock /x" >&2; exit 100; }`,
  )
  expect(setup(["build"])).toEqual({ value: null, stderr: "" })
  expect(readLog()).toBe(`apt-get -q update\napt-get -q update\n${install(wanted.build)}`)
})

test("a mirror that fails is reported and does not stop the installation", () => {
  writeTool("apt-get", `case "$*" in *update) echo "E: no signature" >&2; exit 100;; esac`)
  const { value, stderr } = setup(["build"])
  expect([value, stderr]).toEqual([null, expect.stringContaining("E: no signature")])
  expect(readLog()).toContain(install(wanted.build))
})

test("an installation that fails stops setup", () => {
  writeTool("apt-get", `case "$*" in *install*) exit 100;; esac`)
  expect(setup(["build"]).error).toMatch(/^apt-get .* install libquickjs .*: status 100$/)
})

test("somebody who is not root gets the commands, and nothing is changed", () => {
  const before = fs.readdirSync(join(base, "etc/apt"))
  const { error } = setup(["build"], nobody)
  expect(error).toContain("cat > /etc/apt/preferences.d/patchbay-trixie <<'END'\nPackage: *\n")
  expect(error).toContain("http://mirror.example/debian trixie main\nEND\napt-get update\n")
  expect(error.endsWith(install(wanted.build))).toBe(true)
  expect([fs.readdirSync(join(base, "etc/apt")), readLog()]).toEqual([before, ""])
})

const fedora = `ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n`

test.each([
  ["another distribution", fedora, "Fedora Linux 42"],
  ["an older Debian", `ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n`, "Debian 11"],
])("%s gets the list of what is needed", (_, release, name) => {
  write("etc/os-release", release)
  write("usr/include/stdio.h", "")
  write("bin/nft", "")
  const { error } = setup(["build"])
  expect(error).toContain(`not on ${name}.`)
  expect(error).toContain("MISSING  quickjs/quickjs.h (!), quickjs/libquickjs.a (!)  [Debian: libquickjs]\n")
  expect(error).toContain("MISSING  stdio.h, linux/rtnetlink.h (!), libc.a (!), libm.a (!)  [Debian: libc6-dev]\n")
  expect(error).toContain("found    nft  [Debian: nftables]\n")
  expect(readLog()).toBe("")
})

test("another distribution that has everything is left alone", () => {
  write("etc/os-release", fedora)
  for (const name of ["quickjs/quickjs.h", "stdio.h", "linux/rtnetlink.h"]) write(`usr/include/${name}`, "")
  for (const name of ["quickjs/libquickjs.a", "libc.a", "libm.a"]) write(`usr/lib/riscv64-linux-gnu/${name}`, "")
  const tools = "cc ip tc bridge ping iptables ip6tables iptables-restore nft unshare nsenter flock"
  for (const name of tools.split(" ")) write(`usr/sbin/${name}`, "")
  expect(setup(["build"])).toEqual({ value: null, stderr: "" })
})

test.each([
  ["missing", (modules: string) => fs.rmSync(modules, { recursive: true })],
  ["half installed", (modules: string) => fs.rmSync(join(modules, ".package-lock.json"))],
  ["older than the lock file", (modules: string) => fs.utimesSync(join(modules, ".package-lock.json"), 0, 0)],
])("npm packages that are %s are installed, development ones among them", (_, spoil) => {
  write("var/lib/dpkg/status", status(wanted.build))
  writeTool("npm", `pwd >> "${base}/log"`)
  spoil(join(base, "repository/node_modules"))
  setup(["build"])
  expect(readLog()).toBe(`npm ci --include=dev --no-audit --no-fund\n${base}/repository\n`)
})

test("npm ci that fails stops setup", () => {
  write("var/lib/dpkg/status", status(wanted.build))
  writeTool("npm", "exit 1")
  fs.rmSync(join(base, "repository/node_modules"), { recursive: true })
  expect(setup(["build"]).error).toBe("npm ci --include=dev --no-audit --no-fund: status 1")
})
