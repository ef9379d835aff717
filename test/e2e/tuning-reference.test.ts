// The tuning plugin beside the reference's: the same results, a node switched in place both ways, and the same reading of the
// list of allowed sysctls.

import { matches, mistakes } from "../kit/go-patterns.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, type Attachment, assertSilent, cni, resultOf } from "../kit/plugin.ts"
import { ensureReference } from "../kit/reference.ts"
import { pluginFolder } from "../kit/repository.ts"
import {
  addTunable,
  asBefore,
  asTuned,
  everything,
  firstMac,
  look,
  readState,
  stateFiles,
  tuningConf,
  writeAllowList,
} from "../kit/tuned-interface.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World
let c1: Attachment
const reference = () => ensureReference("sid").directory
const ours = pluginFolder()

beforeAll(() => {
  for (const suite of ["sid", "bookworm"] as const) ensureReference(suite)
}, 300_000)

beforeEach(async () => {
  world = await createWorld()
  c1 = addTunable(world, "c1")
})

afterEach(() => world.remove())

const run = (folder: string, verb: string, config: object): Answer =>
  cni(world, { plugin: "tuning", folder, verb, config, ...c1 })

const sandbox = "/run/netns/c1"
const interfaces = [
  { name: "br0", mac: "02:00:00:00:00:ff" },
  { name: "eth0", mac: firstMac, sandbox },
]
const routes = [
  { dst: "10.7.0.0/16" },
  { dst: "fd07::/48", gw: "fd01::9", mtu: 1300, advmss: 1200, priority: 5, table: 7 },
]
const dns = { nameservers: ["10.1.0.53"], domain: "a<b>&c.example", search: ["x"], options: ["ndots:3"] }
const ips = [
  { address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 1 },
  { address: "fd01::2/64", interface: 1 },
]
const withFamilies = ips.map((ip, i) => ({ version: i === 0 ? "4" : "6", ...ip }))
const twoFamilies = {
  ip4: { ip: "10.1.0.2/24", gateway: "10.1.0.1", routes: [{ dst: "10.7.0.0/16" }] },
  ip6: { ip: "fd01::2/64" },
}

/** A MAC address that is written as the kernel writes it: the reference repeats the configuration's text. */
const settings = { ...everything, mac: asTuned.mac }

describe("the result is the reference's to the byte", () => {
  it.each<[version: string, prevResult: object]>([
    ["0.1.0", { ...twoFamilies, dns }],
    ["0.2.0", { cniVersion: "0.2.0", ...twoFamilies }],
    ["0.3.0", { interfaces, ips: withFamilies, routes, dns }],
    ["0.3.1", { cniVersion: "0.3.1", interfaces, ips: withFamilies }],
    ["0.4.0", { interfaces, ips: withFamilies, routes, dns }],
    ["1.0.0", { interfaces, ips, routes, dns }],
    ["1.1.0", { interfaces, ips, routes, dns }],
    ["1.1.0", { interfaces: [{ name: "eth0", sandbox, pciID: "0000:00:1f.6", socketPath: "/run/s" }] }],
    ["1.1.0", { interfaces: [{ name: "eth1", sandbox, mtu: 9000 }] }],
    ["1.1.0", {}],
  ])("in version %s", (cniVersion, prevResult) => {
    const config = tuningConf({ ...settings, mtu: 0, cniVersion, prevResult })
    const texts = [reference(), ours].map(folder => {
      const answer = run(folder, "ADD", config)
      resultOf(answer)
      assertSilent(run(folder, "DEL", config))
      return answer.stdout
    })
    expect(texts[1]).toBe(texts[0])
  })

  it("but for the MTU, which 1.1.0 has and the reference leaves as it was", () => {
    const config = tuningConf({ ...settings, prevResult: { interfaces, ips, routes, dns } })
    const [theirs, own] = [reference(), ours].map(folder => {
      const answer = run(folder, "ADD", config)
      assertSilent(run(folder, "DEL", config))
      return answer.stdout.split("\n")
    })
    expect(own?.filter(line => line.trim() !== '"mtu": 1400,')).toEqual(theirs)
    expect(own?.length).toBe((theirs?.length ?? 0) + 1)
  })
})

describe.each([
  ["sid", "1.1.0", settings],
  ["bookworm", "1.0.0", { ...settings, txQLen: undefined }],
] as const)("with the reference of %s and version %s", (suite, cniVersion, chosen) => {
  const theirs = () => ensureReference(suite).directory
  const config = tuningConf({ ...chosen, cniVersion })
  const tuned = { ...asTuned, ...(chosen.txQLen === undefined && { txQLen: 1000 }) }

  it("its ADD satisfies our CHECK, and our DEL sets back what it can and leaves nothing", () => {
    resultOf(run(theirs(), "ADD", config))
    assertSilent(run(theirs(), "DEL", config))
    // The reference never sets sysctls back, and its files do not say what they were.
    const before = snapshot(world)
    const prevResult = resultOf(run(theirs(), "ADD", config))
    expect(look(world)).toEqual(tuned)
    assertSilent(run(ours, "CHECK", { ...config, sysctl: config.sysctl, prevResult }))
    assertSilent(run(ours, "DEL", { ...config, prevResult }))
    expect(difference(before, snapshot(world))).toEqual([])
    expect([look(world), stateFiles(world)]).toEqual([{ ...asBefore, sysctl: asTuned.sysctl }, []])
  })

  it("its ADD is removed by our DEL when the namespace is gone, and left alone by our GC", () => {
    resultOf(run(theirs(), "ADD", config))
    world.removeContainer("c1")
    if (cniVersion === "1.1.0") {
      assertSilent(run(ours, "GC", { ...config, "cni.dev/valid-attachments": [] }))
      expect(stateFiles(world)).toEqual(["c1_eth0.json"])
    }
    assertSilent(run(ours, "DEL", config))
    expect(stateFiles(world)).toEqual([])
  })

  it("our ADD satisfies its CHECK, and its DEL sets back what it can and leaves nothing", () => {
    const [prevResult, sysctl] = [resultOf(run(ours, "ADD", config)), { "net.core.somaxconn": "500" }]
    expect(look(world)).toEqual(tuned)
    // It compares texts, and the kernel writes several numbers with tabs.
    assertSilent(run(theirs(), "CHECK", { ...config, sysctl, prevResult }))
    assertSilent(run(theirs(), "DEL", { ...config, prevResult }))
    expect([look(world), stateFiles(world)]).toEqual([{ ...asBefore, sysctl: asTuned.sysctl }, []])
  })

  it("both write the same of what both know", () => {
    const states = [theirs(), ours].map(folder => {
      resultOf(run(folder, "ADD", config))
      const { patchbay: _, ...state } = readState(world)
      assertSilent(run(folder, "DEL", config))
      return JSON.stringify(state)
    })
    expect(states[1]).toBe(states[0])
  })

  it("both find the other's files in a folder that either has made", () => {
    for (const [first, second] of [
      [theirs(), ours],
      [ours, theirs()],
    ] as const) {
      world.output(["rm", "-rf", "/run/cni"])
      resultOf(run(first, "ADD", config))
      assertSilent(run(first, "DEL", config))
      resultOf(run(second, "ADD", config))
      assertSilent(run(first, "DEL", config))
      expect([{ ...look(world), sysctl: asBefore.sysctl }, stateFiles(world)]).toEqual([asBefore, []])
    }
  })
})

describe("the list of allowed sysctls is read as the reference reads it:", () => {
  /** What both say of a key, after a list that holds one pattern. */
  const verdicts = (pattern: string, key: string) => {
    writeAllowList(world, `${pattern}\n`)
    return [reference(), ours].map(folder => {
      const { status, json } = run(folder, "ADD", tuningConf({ sysctl: { [key]: "" } }))
      const { msg = "" } = (json ?? {}) as { msg?: string }
      if (status !== 0 && msg.startsWith("error parsing regexp: ")) return "no pattern"
      return !msg.includes("is not allowed")
    })
  }

  it("every pattern matches the same texts", () => {
    for (const [pattern, text, want] of matches.filter(([pattern]) => pattern.trim() !== ""))
      expect([pattern, text, ...verdicts(pattern, text)]).toEqual([pattern, text, want, want])
  })

  it("what is no pattern is refused", () => {
    for (const [pattern] of mistakes)
      expect([pattern, ...verdicts(pattern, "x")]).toEqual([pattern, "no pattern", "no pattern"])
  })

  it.each<[string, string, boolean]>([
    ["an empty list allows nothing", "", false],
    ["empty lines allow nothing", "\n \n\t\n", false],
    ["white space around a line does not count", " \tsomaxconn\r\n", true],
    ["the key counts as it is written", "^net/core/somaxconn$", false],
    ["a line after one that matches is not read", "net\n[", true],
  ])("%s", (_, text, want) => {
    writeAllowList(world, text)
    const answers = [reference(), ours].map(folder =>
      run(folder, "ADD", tuningConf({ sysctl: { "net.core.somaxconn": "77" } })),
    )
    expect(answers.map(({ status }) => status === 0)).toEqual([want, want])
  })
})

describe("where the reference goes wrong", () => {
  it("it panics on sysctls in args.cni alone (B7); these are set", () => {
    const config = tuningConf({ args: { cni: { sysctl: { "net.core.somaxconn": "77" } } } })
    expect(run(reference(), "ADD", config).stderr).toMatch(/^panic:/)
    resultOf(run(ours, "ADD", config))
    expect(look(world).sysctl[0]).toBe("77")
  })

  it("it refuses, after ADD, a MAC address that was configured in capitals", () => {
    const config = tuningConf({ mac: "02:00:00:00:00:0A" })
    resultOf(run(reference(), "ADD", config))
    expect(run(reference(), "CHECK", config).status).toBe(1)
    assertSilent(run(ours, "CHECK", config))
  })

  it("it keeps the file when the interface is gone", () => {
    const config = tuningConf({ mtu: 1400 })
    resultOf(run(reference(), "ADD", config))
    world.output(["ip", "link", "delete", "eth0"], { container: "c1" })
    assertSilent(run(reference(), "DEL", config))
    expect(stateFiles(world)).toEqual(["c1_eth0.json"])
    assertSilent(run(ours, "DEL", config))
    expect(stateFiles(world)).toEqual([])
  })
})
