// What install-plugins does to a directory with other people's files in it; kills and failures are test/faults/install.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { join } from "node:path"
import {
  contentsOf,
  createPluginDirectory,
  install,
  ok,
  oldContents,
  pluginNames,
  pluginText,
  readContent,
  readOurs,
  restore,
  run,
  snapshot,
  writeOthers,
  writePlugin,
} from "../kit/plugin-directory.ts"

let root: string
let bin: string

beforeEach(() => {
  const created = createPluginDirectory()
  root = created.root
  bin = created.bin
})

afterEach(() => fs.rmSync(root, { recursive: true }))

const build = (version: string) => join(root, version)

test("every executable is installed with mode 0755, whatever the umask, and the directory is made", async () => {
  fs.rmdirSync(bin)
  fs.writeFileSync(join(build("1.10.0"), "bridge.map"), "not executable")
  expect(await ok(install(bin, "1.10.0"), ["sh", "-c", 'umask 077; exec "$@"', "sh"])).toBe(
    [
      "bridge      installed 1.10.0  replaces nothing",
      "host-local  installed 1.10.0  replaces nothing",
      "loopback    installed 1.10.0  replaces nothing",
      "",
    ].join("\n"),
  )
  expect(fs.readdirSync(bin).sort()).toEqual([".patchbay", ...pluginNames])
  expect(readOurs(bin)).toEqual(contentsOf("1.10.0"))
  expect([bin, ...pluginNames.map(name => join(bin, name))].map(path => fs.statSync(path).mode & 0o7777)).toEqual(
    Array(4).fill(0o755),
  )
  expect(fs.readdirSync(join(bin, ".patchbay")).sort()).toEqual(["manifest.json", "replaced"])
})

test("--restore brings back files, modes, owners, times and symlinks, and takes everything of ours away", async () => {
  writeOthers(bin)
  const before = snapshot(bin)
  expect(await ok(install(bin, "1.10.0"))).toMatch(/^bridge +installed 1\.10\.0 +the file it replaces is kept/)
  expect(readOurs(bin)).toEqual(contentsOf("1.10.0"))
  expect(await ok(restore(bin))).toMatch(
    /^bridge .* the old file is back\nhost-local +removed .*\nloopback .* symlink is back\n$/,
  )
  expect(snapshot(bin)).toEqual(before)
})

test("other people's plugins keep even their inodes", async () => {
  writeOthers(bin)
  const observe = () => ["flannel", "calico"].map(name => fs.lstatSync(join(bin, name)).ino)
  const before = observe()
  await ok(install(bin, "1.10.0"))
  expect(observe()).toEqual(before)
  await ok(restore(bin))
  expect(observe()).toEqual(before)
})

test("an upgrade keeps what the first install replaced, and a plugin that the new build lacks", async () => {
  writeOthers(bin)
  const before = snapshot(bin)
  await ok(install(bin, "1.10.0"))
  fs.rmSync(join(build("1.11.0"), "host-local"))
  expect(await ok(install(bin, "1.11.0"))).toMatch(/^bridge +upgraded to 1\.11\.0 /)
  expect(await ok(install(bin, "1.11.0"))).toMatch(/^bridge +unchanged 1\.11\.0 /)
  expect(readContent(join(bin, "host-local"))).toBe(pluginText("host-local", "1.10.0"))
  await ok(restore(bin))
  expect(snapshot(bin)).toEqual(before)
})

test("a file that somebody put over ours is what the next install replaces", async () => {
  writeOthers(bin)
  await ok(install(bin, "1.10.0"))
  fs.rmSync(join(bin, "bridge"))
  fs.writeFileSync(join(bin, "bridge"), "the package's new bridge", { mode: 0o755 })
  expect(await ok(install(bin, "1.11.0"))).toMatch(/^bridge +installed 1\.11\.0 /)
  await ok(restore(bin))
  expect(readContent(join(bin, "bridge"))).toBe("the package's new bridge")
})

test("a plugin of ours that somebody took away still stands for what it had replaced", async () => {
  writeOthers(bin)
  const before = snapshot(bin)
  await ok(install(bin, "1.10.0"))
  fs.rmSync(join(bin, "bridge"))
  await ok(install(bin, "1.10.0"))
  fs.rmSync(join(bin, "bridge"))
  await ok(restore(bin))
  expect(snapshot(bin)).toEqual(before)
})

test("--restore leaves alone what somebody changed, and keeps the old file if nobody else has it", async () => {
  writeOthers(bin)
  await ok(install(bin, "1.10.0"))
  for (const name of ["bridge", "host-local"]) fs.writeFileSync(join(bin, name), "changed by hand")
  const kept = join(bin, ".patchbay/replaced/bridge")
  const report = await ok(restore(bin))
  expect(report).toMatch(
    /^bridge +left alone .*\nhost-local +left alone .* since it was installed\nloopback +restored /,
  )
  expect(report).toContain(`the old file stays in ${kept}`)
  expect(readOurs(bin)).toEqual(["changed by hand", "changed by hand", "../lib/multi-call"])
  expect(readContent(kept)).toBe("the old bridge")
  fs.renameSync(kept, join(bin, "bridge"))
  expect(await ok(restore(bin))).toMatch(/^bridge +restored +the old one was back already\n$/)
  expect(fs.existsSync(join(bin, ".patchbay"))).toBe(false)
})

test("--restore without an install changes nothing", async () => {
  writeOthers(bin)
  const before = snapshot(bin)
  expect(await ok(restore(bin))).toBe(`nothing of patchbay is installed in ${bin}\n`)
  expect(snapshot(bin)).toEqual(before)
})

test("--restore fails, and can be tried again, when a kept file is gone", async () => {
  writeOthers(bin)
  await ok(install(bin, "1.10.0"))
  const kept = join(bin, ".patchbay/replaced/bridge")
  fs.renameSync(kept, join(root, "away"))
  const { status, stdout } = await run(restore(bin))
  expect([status, stdout]).toEqual([1, expect.stringMatching(/^bridge +FAILED +.*replaced\/bridge is gone\n/)])
  expect(readOurs(bin)).toEqual([pluginText("bridge", "1.10.0"), "absent", "../lib/multi-call"])
  fs.renameSync(join(root, "away"), kept)
  await ok(restore(bin))
  expect(readOurs(bin)).toEqual(oldContents)
})

test("an executable that is running is replaced and brought back", async () => {
  fs.copyFileSync("/bin/cat", join(bin, "bridge"))
  const running = spawn(join(bin, "bridge"), { stdio: ["pipe", "pipe", "inherit"] })
  try {
    running.stdin.write("awake")
    await once(running.stdout, "data")
    await ok(install(bin, "1.10.0"))
    expect(readOurs(bin)).toEqual(contentsOf("1.10.0"))
    await ok(restore(bin))
    expect(fs.readFileSync(join(bin, "bridge"))).toEqual(fs.readFileSync("/bin/cat"))
  } finally {
    await end(running)
  }
})

async function end(child: ChildProcess): Promise<void> {
  const closed = once(child, "close")
  child.stdin?.end()
  await closed
}

test("where hard links are refused, what is replaced is copied with mode, owner and times", async () => {
  writeOthers(bin)
  const before = snapshot(bin)
  const refuse = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=?link,?linkat:error=EPERM"]
  await ok(install(bin, "1.10.0"), refuse)
  expect(fs.statSync(join(bin, ".patchbay/replaced/bridge")).nlink).toBe(1)
  await ok(restore(bin))
  expect(snapshot(bin)).toEqual(before)
})

test("a second installer is told that one is at work", async () => {
  const holder = spawn("flock", ["-x", bin, "sh", "-c", "echo locked; cat"], { stdio: ["pipe", "pipe", "inherit"] })
  try {
    await once(holder.stdout, "data")
    for (const args of [install(bin, "1.10.0"), restore(bin)]) {
      const { status, stderr } = await run(args)
      expect([status, stderr]).toEqual([1, `install-plugins: another install or restore is at work in ${bin}\n`])
    }
    expect(fs.readdirSync(bin)).toEqual([])
  } finally {
    await end(holder)
  }
  await ok(install(bin, "1.10.0"))
})

const refused: [string, () => string[], RegExp][] = [
  ["a relative directory", () => ["--dir", "bin"], /--dir takes an absolute path, not "bin"/],
  ["no directory", () => [], /Missing required argument: dir/],
  ["an option that does not exist", () => ["--dir", bin, "--force"], /Unknown argument: force/],
  [
    "a file for a directory",
    () => ["--from", build("1.10.0"), "--dir", "/etc/hostname"],
    /\/etc\/hostname is not a directory/,
  ],
  [
    "a directory whose parent is missing",
    () => ["--from", build("1.10.0"), "--dir", `${bin}/a/b`],
    /cannot create .*: .*\/a does not exist/,
  ],
  ["a directory to restore that is missing", () => restore(`${bin}/a`), /bin\/a does not exist/],
  ["a build that is missing", () => install(bin, "0.0.0"), /0\.0\.0 does not exist: run `npm run build` first/],
  [
    "a build without executables",
    () => ["--from", bin, "--dir", bin],
    /no executables in .*: run `npm run build` first/,
  ],
]

test.each(refused)("%s is refused", async (_, args, message) => {
  const { status, stdout, stderr } = await run(args())
  expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(message)])
  expect(fs.readdirSync(bin)).toEqual([])
})

test("a directory that cannot be written is refused", async () => {
  const mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
  const { status, stderr } = await run(install(bin, "1.10.0"), ["unshare", "-m", "sh", "-c", mount, bin])
  expect([status, stderr]).toEqual([1, expect.stringContaining(`cannot write to ${bin}: EROFS: read-only file system`)])
})

const broken: [string, () => void, RegExp][] = [
  [
    "another plugin's about text",
    () => writePlugin(build("1.11.0"), "loopback", pluginText("bridge", "1.11.0")),
    /loopback is no plugin of that name/,
  ],
  [
    "a failing about text",
    () => writePlugin(build("1.11.0"), "loopback", `${pluginText("loopback", "1.11.0")}exit 3`),
    /ended with status 3/,
  ],
  [
    "an executable of another machine",
    () => writePlugin(build("1.11.0"), "loopback", "\x7fELF and no more"),
    /cannot run .*loopback: .*ENOEXEC|no plugin/,
  ],
  [
    "a directory in a plugin's place",
    () => replaceByFolder("loopback"),
    /bin\/loopback is neither a file nor a symlink/,
  ],
]

function replaceByFolder(name: string): void {
  fs.rmSync(join(bin, name))
  fs.mkdirSync(join(bin, name))
}

test.each(broken)("%s stops the upgrade before anything is changed", async (_, spoil, message) => {
  writeOthers(bin)
  await ok(install(bin, "1.10.0"))
  spoil()
  const before = snapshot(bin)
  const { status, stderr } = await run(install(bin, "1.11.0"))
  expect([status, stderr]).toEqual([1, expect.stringMatching(message)])
  expect(snapshot(bin)).toEqual(before)
})

test("files kept without a manifest are not thrown away", async () => {
  writeOthers(bin)
  await ok(install(bin, "1.10.0"))
  fs.rmSync(join(bin, ".patchbay/manifest.json"))
  const before = snapshot(bin)
  for (const args of [install(bin, "1.11.0"), restore(bin)]) {
    const { status, stderr } = await run(args)
    expect([status, stderr]).toEqual([1, expect.stringContaining("replaced/bridge may be somebody's only copy")])
  }
  expect(snapshot(bin)).toEqual(before)
})
