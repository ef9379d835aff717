// The process contract of every executable: who it is, VERSION, what it prints where, and what around it does not matter.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { containerPath, createWorld, type World } from "../kit/namespaces.ts"
import { assertSilent, attachment, cni, type Invocation, resultOf } from "../kit/plugin.ts"
import { pluginFolder } from "../kit/repository.ts"
import { difference, snapshot } from "../kit/world.ts"
import { assertFailure } from "./answers.ts"
import { configOf, ifnameOf, pluginNames } from "./plugin-configs.ts"
import { type RuntimeCall, runtimeCalls } from "./runtime-calls.ts"

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]

let world: World
let folder: string
const c1 = attachment("c1")

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-protocol-"))
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(async () => {
  await world.remove()
  rmSync(folder, { recursive: true })
})

const run = (plugin: string, verb: string, change: Partial<Invocation> = {}) =>
  cni(world, { plugin, verb, config: configOf(plugin), ...c1, ifname: ifnameOf(plugin), ...change })

/** Stdin that stays open and holds `text`, with no end. */
const openStdin = (text: string) => [
  ...["sh", "-c", 'mkfifo "$0"; exec 3<>"$0"; rm "$0"; printf %s "$1" >&3; shift; exec "$@" <&3 3<&-'],
  ...["/run/stdin", text],
]

describe.each(pluginNames)("%s", plugin => {
  it.each<[string, Partial<Invocation>]>([
    ["without a verb", { env: { CNI_COMMAND: undefined } }],
    ["with an empty verb", { env: { CNI_COMMAND: "" } }],
    ["without any variable", { launcher: ["env", "-i"] }],
    ["while stdin is open", { env: { CNI_COMMAND: undefined }, launcher: openStdin("") }],
  ])("says who it is %s, as nerdctl reads it", (_, change) => {
    const { status, stdout, stderr } = cni(world, { plugin, config: "", ...change })
    expect([status, stdout]).toEqual([0, ""])
    const [first, second] = stderr.split("\n")
    const [, name, major, minor] = /^CNI (\S+) plugin v(\d+)\.(\d+)\.\d+$/.exec(first!) ?? []
    expect(name).toBe(plugin)
    expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(110)
    expect(second).toBe(`CNI protocol versions supported: ${versions.join(", ")}`)
  })

  it.each(versions)("answers ADD in version %s, and prints nothing for the other verbs", version => {
    const config = configOf(plugin, version)
    const result = resultOf(run(plugin, "ADD", { config }))
    const shape = Object.keys(result).toSorted()
    expect(result.cniVersion).toBe(version)
    expect(shape.filter(key => ["ip4", "ips", "dns", "ip6"].includes(key))).toEqual(
      version < "0.3.0" ? expect.arrayContaining(["dns", "ip4"]) : version < "1.0.0" ? ["dns", "ips"] : ["ips"],
    )
    if (version >= "0.4.0") assertSilent(run(plugin, "CHECK", { config: { ...config, prevResult: result } }))
    const list = [{ containerID: "c1", ifname: ifnameOf(plugin) }]
    if (version >= "1.1.0") {
      assertSilent(run(plugin, "STATUS", { config }))
      assertSilent(run(plugin, "GC", { config: { ...config, "cni.dev/valid-attachments": list } }))
      assertSilent(run(plugin, "GC", { config }))
    }
    for (let i = 0; i < 2; i++) assertSilent(run(plugin, "DEL", { config: { ...config, prevResult: result } }))
  })

  it("cares for no variable but CNI_*, and for no folder", () => {
    const bare = { env: { PATH: undefined }, launcher: ["sh", "-c", 'cd /proc/self && exec "$@"', "sh"] }
    const odd = {
      HOME: "/nowhere",
      LANG: "tr_TR",
      LC_ALL: "\xff",
      TMPDIR: "x",
      LD_PRELOAD: "/x.so",
      GOMAXPROCS: "x",
      "": "x",
    }
    for (const change of [bare, { env: odd }, { env: { PATH: undefined, CNI_X: "y" } }]) {
      const { ips } = resultOf(run(plugin, "ADD", change))
      expect(ips).toEqual(expect.arrayContaining([expect.objectContaining({ address: expect.any(String) })]))
      assertSilent(run(plugin, "DEL", change))
    }
  })

  it("cares for no name of its own, in the configuration or on the disk", () => {
    const elsewhere = join(folder, plugin)
    mkdirSync(elsewhere)
    copyFileSync(join(pluginFolder(), plugin), join(elsewhere, "renamed"))
    symlinkSync("renamed", join(elsewhere, "linked"))
    for (const name of ["renamed", "linked"]) {
      const change = {
        plugin: name,
        folder: elsewhere,
        path: pluginFolder(),
        config: { ...configOf(plugin), type: "other" },
      }
      resultOf(run(plugin, "ADD", change))
      assertSilent(run(plugin, "DEL", change))
      expect(run(plugin, "", { ...change, env: { CNI_COMMAND: "" } }).stderr).toMatch(`CNI ${plugin} plugin `)
    }
  })

  it("tolerates what the runtime and the administrator keep for others", () => {
    const others = {
      capabilities: { mac: true, ips: "x", portMappings: 1, aliases: null, x: [] },
      runtimeConfig: {
        portMappings: [{ hostPort: -1 }],
        bandwidth: "x",
        dns: 7,
        deviceID: {},
        aliases: { net: ["a"] },
      },
      args: { labels: [{ key: "a" }], cni: { labels: 5, sysctl: null, x: {} }, other: { cni: 1 } },
      "cni.dev/x": 5,
      keyA: ["strange", { keys: [null] }],
      ipMasqBackend: "nftables",
      disableCheck: "x",
    }
    const config = { ...configOf(plugin), ...others }
    const prevResult = resultOf(run(plugin, "ADD", { config }))
    assertSilent(run(plugin, "CHECK", { config: { ...config, prevResult } }))
    assertSilent(run(plugin, "STATUS", { config }))
    assertSilent(run(plugin, "DEL", { config }))
    for (const key of ["capabilities", "keyA", "cni.dev/x"]) {
      for (const value of [null, 7, "x", [], [[1]], { a: 1 }, 1e300]) {
        resultOf(run(plugin, "ADD", { config: { ...configOf(plugin), [key]: value } }))
        assertSilent(run(plugin, "DEL", { config: { ...configOf(plugin), [key]: value } }))
      }
    }
  })
})

describe("VERSION", () => {
  const answer = (cniVersion: string) => `${JSON.stringify({ cniVersion, supportedVersions: versions })}\n`
  const wordy = `{"x":"${"x".repeat(100_000)}","cniVersion":"0.3.1"}`

  it.each<[string, string, string]>([
    ["what libcni sends", '{"cniVersion":"1.1.0"}', "1.1.0"],
    ["each version", '{"cniVersion":"0.1.0"}', "0.1.0"],
    ["a whole configuration", '{"name":"net","cniVersion":"0.4.0","type":"bridge"}', "0.4.0"],
    ["100 KB", wordy, "0.3.1"],
    ["nothing", "", "1.1.0"],
    ["an empty object", "{}", "1.1.0"],
    ["no version", '{"cniVersion":""}', "1.1.0"],
    ["a version that nobody speaks", '{"cniVersion":"9.9.9"}', "1.1.0"],
    ["a version that is none", '{"cniVersion":"x"}', "1.1.0"],
    ["a number", '{"cniVersion":1}', "1.1.0"],
    ["null", "null", "1.1.0"],
    ["a list", '["0.4.0"]', "1.1.0"],
    ["what is cut off", '{"cniVersion":"0.4.0"', "1.1.0"],
    ["garbage", "\0\xff}{", "1.1.0"],
    ["what is nested deeply", "[".repeat(100_000), "1.1.0"],
  ])("answers %s on stdin, whether stdin ends or stays open", (_, stdin, cniVersion) => {
    const variables = { containerId: "dummy", netns: "dummy", ifname: "dummy", path: "dummy" }
    for (const plugin of pluginNames) {
      const ended = cni(world, { plugin, verb: "VERSION", config: stdin, ...variables })
      expect(ended).toMatchObject({ status: 0, stdout: answer(cniVersion), stderr: "" })
    }
    // A pipe takes 64 KB, and an argument no NUL.
    if (stdin.length > 60_000 || stdin.includes("\0")) return
    const open = cni(world, {
      plugin: "bridge",
      verb: "VERSION",
      config: "",
      launcher: openStdin(stdin),
      timeoutMs: 5_000,
    })
    expect(open).toMatchObject({ status: 0, stdout: answer(cniVersion), stderr: "" })
  })

  it.each<[string, string[]]>([
    ["is closed", ["sh", "-c", 'exec "$@" <&-', "sh"]],
    ["is a folder", ["sh", "-c", 'exec "$@" </', "sh"]],
    ["is /dev/null", ["sh", "-c", 'exec "$@" </dev/null', "sh"]],
    ["never ends", ["sh", "-c", 'exec "$@" </dev/zero', "sh"]],
    ["is not read to its end by anybody", ["sh", "-c", 'yes "{}" | "$@"', "sh"]],
  ])("wants no variable, and answers where stdin %s", (_, launcher) => {
    const bare = { CNI_PATH: undefined, PATH: "/usr/bin:/bin" }
    const { stdout } = cni(world, {
      plugin: "bridge",
      verb: "VERSION",
      config: "",
      launcher,
      env: bare,
      timeoutMs: 5_000,
    })
    expect(stdout).toBe(answer("1.1.0"))
  })
})

describe("the keys of a configuration", () => {
  const text = (keys: string) => `{"CNIVERSION":"1.1.0","Name":"net",${keys}}`
  it.each<[string, string, string[]]>([
    ["match in any case", '"IPAM":{"Addresses":[{"ADDRESS":"10.9.0.2/24"}]}', ["10.9.0.2/24"]],
    ["match in any case of Unicode", '"ipam":{"addreſſes":[{"addreſs":"10.9.0.2/24"}]}', ["10.9.0.2/24"]],
    [
      "count from their last spelling",
      '"ipam":{"addresses":[{"address":"10.9.0.2/24","ADDRESS":"10.9.0.3/24"}]}',
      ["10.9.0.3/24"],
    ],
    [
      "count from their last place",
      '"ipam":{"addresses":[{"ADDRESS":"10.9.0.3/24","address":"10.9.0.2/24","Address":"10.9.0.4/24"}]}',
      ["10.9.0.4/24"],
    ],
    [
      "that are null are absent",
      '"ipam":{"addresses":[{"address":"10.9.0.2/24","gateway":null}],"routes":null,"dns":null}',
      ["10.9.0.2/24"],
    ],
    [
      "merge where they are objects",
      '"ipam":{"addresses":[{"address":"10.9.0.2/24"}]},"IPAM":{"routes":[]}',
      ["10.9.0.2/24"],
    ],
    ["of a map are data", '"ipam":{},"args":{"CNI":{"IPS":["10.9.0.5/24"]}}', ["10.9.0.5/24"]],
  ])("%s", (_, keys, addresses) => {
    const { ips } = resultOf(run("static", "ADD", { config: text(keys) }))
    expect((ips as { address: string }[]).map(({ address }) => address)).toEqual(addresses)
  })
})

describe("what real runtimes send", () => {
  const callOf = (runtime: string, plugin: string, verb: string) =>
    runtimeCalls.find(each => each.runtime.startsWith(runtime) && each.plugin === plugin && each.verb === verb)!
  /** The packet filter that these wish for belongs to another release. */
  const withoutMasquerade = (stdin: string) => stdin.replace('"ipMasq":true', '"ipMasq":false')
  const send = ({ verb, ifname, args, stdin }: RuntimeCall, plugin: string) =>
    cni(world, { plugin, verb, ...c1, ifname, args, config: withoutMasquerade(stdin) })

  it("makes loopback come up and go down", () => {
    const result = resultOf(send(callOf("containerd", "loopback", "ADD"), "loopback"))
    expect(result).toEqual({
      cniVersion: "0.3.1",
      interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: containerPath("c1") }],
      ips: [
        { version: "4", interface: 0, address: "127.0.0.1/8" },
        { version: "6", interface: 0, address: "::1/128" },
      ],
      dns: {},
    })
    assertSilent(send(callOf("containerd", "loopback", "DEL"), "loopback"))
    expect(world.output(["ip", "-br", "link", "show", "up"], { container: "c1" })).toBe("")
  })

  it.each<[string, string[]]>([
    ["containerd", ["10.22.0.2/16", "fd22::2/64"]],
    ["Podman", ["10.89.0.2/24"]],
  ])("makes bridge connect a container of %s and take it away", (runtime, addresses) => {
    const { ips, interfaces } = resultOf(send(callOf(runtime, "bridge", "ADD"), "bridge"))
    expect(ips).toMatchObject(addresses.map(address => ({ address, interface: 2 })))
    expect(interfaces).toMatchObject([{}, {}, { name: "eth0", sandbox: containerPath("c1") }])
    const before = snapshot(world)
    assertSilent(send(callOf(runtime, "bridge", "DEL"), "bridge"))
    expect(difference(before, snapshot(world)).join("\n")).toMatch(/^- c1 link eth0/m)
    expect(world.output(["ip", "-br", "link", "show", "type", "veth"])).toBe("")
    expect(world.output(["sh", "-c", "find /var/lib/cni -name '10.*' -o -name 'fd*'"])).toBe("")
  })

  const chained = runtimeCalls.filter(({ plugin }) => !["bridge", "loopback"].includes(plugin))
  it.each(chained.map(each => [`${each.runtime}: ${each.plugin} ${each.verb}`, each] as const))(
    "is taken whole: %s",
    (_, call) => {
      const answer = send(call, call.plugin === "tuning" ? "tuning" : "loopback")
      if (call.verb === "DEL") {
        assertSilent(answer)
        return
      }
      const { dns, ...prevResult } = JSON.parse(call.stdin).prevResult
      const isOld = prevResult.cniVersion < "1.0.0"
      expect(resultOf(answer)).toEqual({ ...prevResult, ...(isOld && { dns }) })
    },
  )
})

it("a failure says the configuration's version, or ours where there is none to say", () => {
  const failing = (cniVersion?: unknown) => ({ ...configOf("static"), cniVersion, ipam: { addresses: "x" } })
  for (const version of versions) {
    expect(assertFailure(run("static", "ADD", { config: failing(version) }), 7, /ipam\.addresses/)).toMatchObject({
      cniVersion: version,
    })
  }
  expect(assertFailure(run("static", "ADD", { config: failing() }), 7, /ipam\.addresses/)).toMatchObject({
    cniVersion: "0.1.0",
  })
  expect(assertFailure(run("static", "ADD", { config: failing("9.9.9") }), 1, /./)).toMatchObject({
    cniVersion: "1.1.0",
  })
  expect(assertFailure(run("static", "ADD", { config: "{" }), 6, /./)).toMatchObject({ cniVersion: "1.1.0" })
})
