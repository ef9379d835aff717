// The parameters of a call and the checks that all plugins share: variables, names, versions, CNI_ARGS, namespaces, GC's list.

import { symlinkSync, writeFileSync } from "node:fs"
import { containerPath, createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, assertSilent, attachment, cni, type Invocation, resultOf } from "../kit/plugin.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"
import { assertFailure } from "./answers.ts"
import { pluginNames } from "./plugin-configs.ts"

const bridge = { cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "pb0" }
const c1 = attachment("c1")

let world: World
let before: Snapshot

beforeAll(async () => {
  world = await createWorld()
  world.addContainer("c1")
  resultOf(run("ADD"))
  assertSilent(run("DEL"))
  before = snapshot(world)
})

afterAll(() => world.remove())

/** The bridge plugin without an address plugin, and so without CNI_PATH. */
function run(verb: string, change: Partial<Invocation> = {}): Answer {
  return cni(world, { plugin: "bridge", verb, config: bridge, ...c1, env: { CNI_PATH: undefined }, ...change })
}

const expectUnchanged = () => expect(difference(before, snapshot(world))).toEqual([])

/** ADD succeeds with such a change, and DEL takes it away. */
function expectAddAndDel(change: Partial<Invocation>): void {
  resultOf(run("ADD", change))
  assertSilent(run("DEL", change))
}

describe("CNI_COMMAND", () => {
  it.each(["add", "Add", " ADD", "ADD ", "ADD\n", "FOO", "ADDDEL", "0", "ä", "x".repeat(10_000)])("is not %j", verb => {
    for (const plugin of pluginNames) {
      const { msg } = assertFailure(run(verb, { plugin, config: "{" }), 4, /^unknown CNI_COMMAND: /)
      expect(msg.startsWith(`unknown CNI_COMMAND: ${verb.trimEnd().slice(0, 900)}`)).toBe(true)
    }
  })
})

describe("required variables", () => {
  const attachmentVariables = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]
  const required: Readonly<Record<string, readonly string[]>> = {
    ADD: attachmentVariables,
    CHECK: attachmentVariables,
    DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
    GC: ["CNI_PATH"],
  }
  const subsets = ([first, ...others]: readonly string[]): string[][] =>
    first === undefined ? [[]] : subsets(others).flatMap(each => [each, [first, ...each]])
  const rows = Object.entries(required).flatMap(([verb, all]) =>
    subsets(all)
      .filter(each => each.length > 0)
      .map(missing => [verb, missing] as const),
  )

  it.each(rows)("%s names all that are missing: %j", (verb, missing) => {
    for (const value of [undefined, ""]) {
      const env = { CNI_PATH: "/x", ...Object.fromEntries(missing.map(name => [name, value])) }
      const { msg } = assertFailure(run(verb, { env, config: "{" }), 4, /./)
      expect(msg).toBe(`required env variables [${missing.join(",")}] missing`)
    }
  })

  it.each(pluginNames)("are all that %s wants", plugin => {
    const none = { containerId: undefined, netns: undefined, ifname: undefined, env: { CNI_PATH: undefined } } as object
    assertFailure(run("ADD", { plugin, ...none }), 4, /\[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME\]/)
    const config = { cniVersion: "1.1.0", name: "net", ipam: { addresses: [], ranges: [[{ subnet: "10.9.0.0/24" }]] } }
    assertSilent(run("STATUS", { plugin, config, ...none }))
    assertSilent(run("GC", { plugin, config, ...none, env: { CNI_PATH: "/x" } }))
    for (const netns of [undefined, ""]) assertSilent(run("DEL", { plugin, config, env: { CNI_NETNS: netns } }))
  })

  it("must be valid where they are wanted, which is told before what is missing", () => {
    assertFailure(
      run("ADD", { env: { CNI_CONTAINERID: "-", CNI_IFNAME: "" } }),
      4,
      /^CNI_CONTAINERID: invalid characters/,
    )
    assertFailure(run("ADD", { env: { CNI_IFNAME: "/", CNI_NETNS: "" } }), 4, /^CNI_IFNAME: interface name contains/)
    for (const verb of ["GC", "STATUS"]) {
      assertSilent(run(verb, { env: { CNI_CONTAINERID: "-", CNI_IFNAME: "/", CNI_NETNS: "/none", CNI_PATH: "/x" } }))
    }
  })
})

describe("names", () => {
  it.each(["-a", ".a", "_a", "a/b", "a b", "a\n", "\na", "ä", "a:b", "a,b", "a\tb", "../a", "a\u00a0", "%", " "])(
    "of containers and networks are not %j",
    name => {
      for (const verb of ["ADD", "DEL", "CHECK"]) {
        assertFailure(run(verb, { containerId: name }), 4, /^CNI_CONTAINERID: invalid characters in containerID/)
      }
      for (const verb of ["ADD", "DEL", "CHECK", "GC", "STATUS"]) {
        const change = { config: { ...bridge, name }, env: { CNI_PATH: "/x" } }
        assertFailure(run(verb, change), 7, /^invalid characters found in network name\nname is /)
      }
    },
  )

  it.each(["a", "0", "A_.-", "0123456789abcdef".repeat(4), "x".repeat(300), "a..b", "a--"])("may be %j", name => {
    expectAddAndDel({ containerId: name, config: { ...bridge, name } })
    expectUnchanged()
  })

  it.each<[string, RegExp]>([
    [".", /is \. or \.\./],
    ["..", /is \. or \.\./],
    ["a/b", /contains \/ or : or whitespace/],
    ["a:b", /contains \/ or : or whitespace/],
    ["a b", /contains \/ or : or whitespace/],
    ["a\tb", /contains \/ or : or whitespace/],
    ["a\nb", /contains \/ or : or whitespace/],
    ["a\u00a0b", /contains \/ or : or whitespace/],
    ["a\u0085b", /contains \/ or : or whitespace/],
    ["a\u2003b", /contains \/ or : or whitespace/],
    ["a%db", /contains %/],
    ["abcdefghijklmnop", /is too long/],
    ["ääääääää", /is too long/],
  ])("of interfaces are not %j", (ifname, problem) => {
    for (const verb of ["ADD", "DEL", "CHECK"]) assertFailure(run(verb, { ifname }), 4, problem)
    expectUnchanged()
  })

  it.each(["e", "abcdefghijklmno", "net1.100", "a-b_c@d", "…", "€€€€€", "0"])("of interfaces may be %j", ifname => {
    expectAddAndDel({ ifname })
    expectUnchanged()
  })

  it.each([undefined, null, "", "missing"])("of networks are needed: %j", name => {
    const config: Record<string, unknown> = { ...bridge, name }
    if (name === "missing") delete config.name
    for (const verb of ["ADD", "DEL"]) assertFailure(run(verb, { config }), 7, /^missing network name$/)
  })
})

describe("versions", () => {
  const refusals: readonly [version: unknown, add: number, look: number][] = [
    ["9.9.9", 1, 1],
    ["1.2.0", 1, 1],
    ["0.5.0", 1, 1],
    ["1.0", 1, 1],
    ["1.1", 1, 1],
    ["01.1.0", 1, 1],
    ["1.1.0.0", 1, 6],
    ["abc", 1, 6],
    ["1..0", 1, 6],
    ["v1.1.0", 1, 6],
    [" 1.1.0", 1, 6],
    ["1.1.0\n", 1, 6],
    ["-1.0.0", 1, 6],
    ["99999999999999999999.0.0", 1, 6],
    [1.1, 6, 6],
    [true, 6, 6],
    [["1.1.0"], 6, 6],
    [{}, 6, 6],
  ]
  it.each(refusals)("are not %j", (cniVersion, add, look) => {
    const change = { config: { ...bridge, cniVersion }, env: { CNI_PATH: "/x" } }
    const text =
      add === 6
        ? /^decoding version from network config: /
        : /^incompatible CNI versions\nconfig is .*, plugin supports \["0\.1\.0" .*"1\.1\.0"\]$/
    for (const verb of ["ADD", "DEL"]) assertFailure(run(verb, change), add, text)
    for (const verb of ["CHECK", "GC", "STATUS"]) assertFailure(run(verb, change), look, /./)
  })

  it.each<[string, string, string]>([
    ["CHECK", "0.4.0", "0.1.0 0.2.0 0.3.0 0.3.1"],
    ["GC", "1.1.0", "0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0"],
    ["STATUS", "1.1.0", "0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0"],
  ])("know %s since %s", (verb, since, older) => {
    const env = { CNI_PATH: "/x" }
    for (const cniVersion of ["", undefined, null, ...older.split(" ")]) {
      const answer = run(verb, { config: { ...bridge, cniVersion }, env })
      assertFailure(answer, 1, new RegExp(`^config version does not allow ${verb}\\n.* ${since}$`))
    }
    assertFailure(
      run(verb, { config: { ...bridge, cniVersion: "2.0.0" }, env }),
      1,
      new RegExp(`^plugin version does not allow ${verb}`),
    )
  })

  it.each(["", undefined, null])("are 0.1.0 where there is none: %j", cniVersion => {
    const config = { cniVersion, name: "net", ipam: { addresses: [{ address: "10.9.0.2/24" }] } }
    const result = resultOf(run("ADD", { plugin: "static", config }))
    expect(result).toEqual({ cniVersion: "0.1.0", ip4: { ip: "10.9.0.2/24" }, dns: {} })
  })
})

describe("CNI_ARGS", () => {
  it.each<[string, RegExp]>([
    ["FOO=bar", /ARGS: unknown args \["FOO=bar"\]/],
    ["FOO=bar;BAR=", /ARGS: unknown args \["FOO=bar" "BAR="\]/],
    ["IP=10.0.0.1", /ARGS: unknown args \["IP=10\.0\.0\.1"\]/],
    ["mac=02:00:00:00:00:01", /ARGS: unknown args \["mac=/],
    ["ignoreunknown=1;FOO=bar", /ARGS: unknown args \["ignoreunknown=1" "FOO=bar"\]/],
    ["IgnoreUnknown=0;FOO=bar", /ARGS: unknown args/],
    ["IgnoreUnknown=yes", /boolean unmarshal error: invalid input yes/],
    ["FOO", /ARGS: invalid pair "FOO"/],
    ["IgnoreUnknown=1;", /ARGS: invalid pair ""/],
    [";", /ARGS: invalid pair ""/],
    ["IgnoreUnknown=1;A=b=c", /ARGS: invalid pair "A=b=c"/],
    ["IgnoreUnknown=1;;A=b", /ARGS: invalid pair ""/],
  ])("are refused by ADD, and nothing is done: %j", (args, message) => {
    assertFailure(run("ADD", { args }), 4, message)
    assertSilent(run("DEL", { args }))
    expectUnchanged()
  })

  it.each(["", "IgnoreUnknown=1", "IgnoreUnknown=true;K8S_POD_NAME=web", "A=b;IgnoreUnknown=TRUE;C="])(
    "may be %j",
    args => {
      expectAddAndDel({ args })
      expectUnchanged()
    },
  )

  it("name a MAC that counts less than args, which count less than runtimeConfig", () => {
    const macs = [1, 2, 3].map(digit => `02:00:00:00:00:0${digit}`)
    const steps: [Record<string, unknown>, string][] = [
      [{}, macs[0]!],
      [{ args: { cni: { mac: macs[1] } } }, macs[1]!],
      [{ args: { cni: { mac: macs[1] } }, runtimeConfig: { mac: macs[2] } }, macs[2]!],
    ]
    for (const [keys, mac] of steps) {
      const change = { args: `IgnoreUnknown=1;MAC=${macs[0]}`, config: { ...bridge, ...keys } }
      expect(resultOf(run("ADD", change)).interfaces).toMatchObject([{}, {}, { mac }])
      assertSilent(run("DEL", change))
    }
    assertFailure(run("ADD", { args: "MAC=x" }), 7, /invalid MAC address/)
  })
})

describe("CNI_NETNS", () => {
  const own = "/proc/self/ns/net"
  it.each(pluginNames)("is not the namespace %s runs in, and nothing is done", plugin => {
    const config = { ...bridge, type: plugin, prevResult: {}, ipam: {} }
    for (const verb of ["ADD", "DEL", "CHECK"]) {
      assertFailure(
        run(verb, { plugin, config, netns: own }),
        8,
        /^plugin's netns and netns from CNI_NETNS should not be the same/,
      )
    }
    expectUnchanged()
  })

  it.each(["1", "true", "TRUE", "True"])("may be the plugin's own with CNI_NETNS_OVERRIDE=%s", value => {
    expectAddAndDel({ netns: own, env: { CNI_PATH: undefined, CNI_NETNS_OVERRIDE: value } })
    expectUnchanged()
  })

  it.each(["0", "false", "yes", ""])("may not be the plugin's own with CNI_NETNS_OVERRIDE=%j", value => {
    assertFailure(run("ADD", { netns: own, env: { CNI_NETNS_OVERRIDE: value } }), 8, /should not be the same/)
  })

  /** Paths that name no network namespace, and what ADD and CHECK say of each. */
  const useless: readonly [what: string, path: string, add: number, message: RegExp][] = [
    ["nothing", "/run/netns/none", 3, /^failed to open netns "\/run\/netns\/none": no such file or directory/],
    ["nothing below a file", "/run/plain/none", 3, /no such file or directory/],
    ["a process that has ended", "/proc/4194305/ns/net", 3, /no such file or directory/],
    ["a dangling link", "/run/dangling", 3, /no such file or directory/],
    ["a plain file", "/run/plain", 999, /unknown FS magic/],
    ["a folder", "/run", 999, /unknown FS magic/],
    ["a device", "/dev/null", 999, /unknown FS magic/],
  ]
  it.each(useless)("is of no use where it names %s", (_, netns, code, message) => {
    writeFileSync(world.outside("/run/plain"), "")
    world.output(["ln", "-sfn", "/run/none", "/run/dangling"])
    for (const plugin of ["bridge", "loopback"]) {
      assertFailure(run("ADD", { plugin, netns }), code, message)
      const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: netns }] }
      assertFailure(run("ADD", { plugin, netns, config: { ...bridge, prevResult } }), 999, message)
      assertFailure(run("CHECK", { plugin, netns, config: { ...bridge, prevResult } }), 999, message)
      const removal = run("DEL", { plugin, netns })
      assertSilent(removal)
      expect(removal.stderr).toContain(netns)
    }
    world.output(["rm", "/run/plain", "/run/dangling"])
    expectUnchanged()
  })

  it.each(["bridge", "loopback"])("is no namespace of another kind for %s, and nothing is done", plugin => {
    for (const netns of ["/proc/self/ns/uts", "/proc/self/ns/mnt"]) {
      assertFailure(run("ADD", { plugin, netns }), 999, /setns .*invalid argument/)
      assertFailure(
        run("CHECK", { plugin, netns, config: { ...bridge, prevResult: {} } }),
        999,
        /setns .*invalid argument/,
      )
    }
    expectUnchanged()
  })

  it("may be any path of the namespace", async () => {
    const sleeper = world.start(["sh", "-c", "echo up; exec sleep 60"], { container: "c1" })
    await sleeper.waitForOutput(/up/)
    const pid = world.processes().find(({ where }) => where === "c1")!.pid
    symlinkSync(containerPath("c1"), world.outside("/run/link"))
    for (const netns of [
      "/run/link",
      "/run/../run/netns/c1",
      `/proc/${pid}/ns/net`,
      `/proc/self/root${containerPath("c1")}`,
    ]) {
      expect(resultOf(run("ADD", { netns })).interfaces).toMatchObject([{}, {}, { sandbox: netns }])
      assertSilent(run("DEL", { netns }))
    }
    sleeper.kill("SIGKILL")
    await sleeper.done
    world.output(["rm", "/run/link"])
    expectUnchanged()
  })
})

describe("GC's list", () => {
  const list = (...attachments: [string, string][]) =>
    attachments.map(([containerID, ifname]) => ({ containerID, ifname }))
  const gc = (keys: object) => run("GC", { config: { ...bridge, ...keys }, env: { CNI_PATH: "/x" } })
  const isThere = () => world.output(["ip", "-br", "link"], { container: "c1" }).includes("eth0")

  it.each<[string, object, boolean]>([
    ["is absent", {}, true],
    ["names it", { "cni.dev/valid-attachments": list(["c1", "eth0"]) }, true],
    ["names it under the older key", { "cni.dev/attachments": list(["c1", "eth0"]) }, true],
    ["is empty, for another network", { name: "other", "cni.dev/valid-attachments": [] }, true],
    ["is empty", { "cni.dev/valid-attachments": [] }, false],
    ["is null", { "cni.dev/valid-attachments": null }, false],
    ["is empty under the older key", { "cni.dev/attachments": null }, false],
    ["names another interface", { "cni.dev/valid-attachments": list(["c1", "eth1"], ["c2", "eth0"]) }, false],
  ])("decides what stays where it %s", (_, keys, stays) => {
    resultOf(run("ADD"))
    for (let i = 0; i < 2; i++) assertSilent(gc(keys))
    expect(isThere()).toBe(stays)
    assertSilent(run("DEL"))
    expectUnchanged()
  })

  it("removes nothing where it cannot be read", () => {
    resultOf(run("ADD"))
    for (const value of [
      "x",
      7,
      {},
      ["c1"],
      [null],
      [{}],
      [{ containerID: "c1" }],
      [{ containerID: 1, ifname: "eth0" }],
    ]) {
      assertFailure(gc({ "cni.dev/valid-attachments": value }), 7, /^cni\.dev\/valid-attachments/)
    }
    expect(isThere()).toBe(true)
    assertSilent(run("DEL"))
  })
})
