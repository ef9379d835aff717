// The loopback plugin: lo up and down, its result beside the reference's, and a second plugin in the same namespace.

import { bridgeConf } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { canPing, getLink, listAddresses, shell, writeSetting } from "../kit/observation.ts"
import {
  type Answer,
  assertCniError,
  assertSilent,
  attachment,
  cni,
  type Invocation,
  resultOf,
  startCni,
} from "../kit/plugin.ts"
import { ensureReference } from "../kit/reference.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
  world.addContainer("c1")
})

afterEach(() => world.remove())

/** As containerd has it built in, but for the version. */
const config = { cniVersion: "1.1.0", name: "cni-loopback", type: "loopback" }
const who = attachment("c1", "lo")

const run = (verb: string, more: object = {}, parameters: Partial<Invocation> = {}): Answer =>
  cni(world, { plugin: "loopback", verb, config: { ...config, ...more }, ...who, ...parameters })

const isUp = () => getLink(world, "lo", "c1").flags.includes("UP")

const lo = { name: "lo", mac: "00:00:00:00:00:00", sandbox: "/run/netns/c1" }

describe("ADD", () => {
  it("brings lo up and reports it with its addresses", () => {
    expect(resultOf(run("ADD"))).toEqual({
      cniVersion: "1.1.0",
      interfaces: [lo],
      ips: [
        { address: "127.0.0.1/8", interface: 0 },
        { address: "::1/128", interface: 0 },
      ],
    })
    expect(isUp()).toBe(true)
    for (const address of ["127.0.0.1", "127.5.6.7", "::1"]) expect(canPing(world, address, "c1")).toBe(true)
  })

  it("means lo whatever CNI_IFNAME says", () => {
    expect(resultOf(run("ADD", {}, { ifname: "eth7" })).interfaces).toEqual([lo])
    expect(isUp()).toBe(true)
  })

  it("leaves lo up where it is up", () => {
    shell(world, "ip link set lo up", "c1")
    const before = snapshot(world)
    resultOf(run("ADD"))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("passes prevResult on", () => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1400, sandbox: who.netns }],
      ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 0 }],
      routes: [{ dst: "10.2.0.0/16", gw: "10.1.0.1", mtu: 1300, advmss: 1200, priority: 3, table: 7, scope: 253 }],
      dns: { nameservers: ["10.1.0.53"] },
    }
    expect(resultOf(run("ADD", { prevResult }))).toEqual(prevResult)
    expect(isUp()).toBe(true)
  })

  it("reports no IPv6 address where IPv6 is off", () => {
    writeSetting(world, "net/ipv6/conf/all/disable_ipv6", "1", "c1")
    expect(resultOf(run("ADD")).ips).toEqual([{ address: "127.0.0.1/8", interface: 0 }])
  })

  it.each(["10.9.0.1/32", "fd09::1/128"])(
    "fails where lo has another address, %s, and leaves lo as it was",
    address => {
      writeSetting(world, "net/ipv6/conf/lo/keep_addr_on_down", "1", "c1")
      shell(world, `ip addr add ${address} dev lo`, "c1")
      assertCniError(run("ADD"), 999, /loopback interface found with non-loopback address ".*\/(32|128)"/)
      expect(isUp()).toBe(false)
      expect(listAddresses(world, "lo", "c1")).toContain(address)
    },
  )

  it("is undone where the result cannot be printed", () => {
    const launcher = ["sh", "-c", 'exec "$@" >&-', "sh"]
    expect(run("ADD", {}, { launcher })).toMatchObject({ status: 1, stdout: "" })
    expect(isUp()).toBe(false)
  })

  it("runs beside the pod's network in the same namespace", async () => {
    const bridge = { plugin: "bridge", verb: "ADD", config: bridgeConf(), ...attachment("c1") }
    const loopback = { plugin: "loopback", verb: "ADD", config, ...who }
    for (const answer of await Promise.all([startCni(world, bridge), startCni(world, loopback)])) resultOf(answer)
    expect(isUp()).toBe(true)
    expect(listAddresses(world, "eth0", "c1")).toEqual(["10.1.0.2/24"])
  })

  // For older versions the reference prints this shape all the same, which is not theirs.
  it.each(["1.0.0", "1.1.0"])(
    "prints what the reference prints, to the byte: version %s",
    cniVersion => {
      const { directory } = ensureReference("sid")
      const theirs = run("ADD", { cniVersion }, { folder: directory })
      resultOf(theirs)
      assertSilent(run("DEL", { cniVersion }))
      expect(run("ADD", { cniVersion }).stdout).toBe(theirs.stdout)
    },
    300_000,
  )

  it.each(["0.3.0", "0.3.1", "0.4.0"])("prints the shape of version %s", cniVersion => {
    expect(resultOf(run("ADD", { cniVersion }))).toEqual({
      cniVersion,
      interfaces: [lo],
      ips: [
        { version: "4", interface: 0, address: "127.0.0.1/8" },
        { version: "6", interface: 0, address: "::1/128" },
      ],
      dns: {},
    })
  })

  it.each(["0.1.0", "0.2.0"])("prints the shape of version %s", cniVersion => {
    const want = { cniVersion, ip4: { ip: "127.0.0.1/8" }, ip6: { ip: "::1/128" }, dns: {} }
    expect(resultOf(run("ADD", { cniVersion }))).toEqual(want)
  })
})

describe("DEL", () => {
  it("takes lo down, also one that the reference brought up, and again", () => {
    resultOf(run("ADD", {}, { folder: ensureReference("sid").directory }))
    for (let i = 0; i < 2; i++) assertSilent(run("DEL"))
    expect(isUp()).toBe(false)
  }, 300_000)

  it.each<[string, Partial<Invocation>]>([
    ["without a namespace", { netns: "" }],
    ["when the namespace is gone", { netns: "/run/netns/gone" }],
    ["when its path is a plain file", { netns: "/etc/passwd" }],
  ])("succeeds %s", (_, parameters) => {
    const before = snapshot(world)
    assertSilent(run("DEL", {}, parameters))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("is refused with code 8 in the plugin's own namespace, whose lo stays up", () => {
    assertCniError(run("DEL", {}, { netns: "/proc/self/ns/net" }), 8, /should not be the same/)
    expect(getLink(world, "lo").flags).toContain("UP")
  })

  it("succeeds with a configuration that has become unusable", () => {
    resultOf(run("ADD"))
    assertSilent(run("DEL", { type: 7, prevResult: "lost", ipam: [] }))
    expect(isUp()).toBe(false)
  })
})

describe("CHECK", () => {
  it("succeeds after ADD and changes nothing", () => {
    const prevResult = resultOf(run("ADD"))
    const before = snapshot(world)
    assertSilent(run("CHECK", { prevResult }))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("tells that lo is down, or that prevResult is missing", () => {
    const prevResult = resultOf(run("ADD"))
    assertCniError(run("CHECK"), 7, /Required prevResult missing/)
    shell(world, "ip link set lo down", "c1")
    assertCniError(run("CHECK", { prevResult }), 999, /loopback interface is down/)
    expect(isUp()).toBe(false)
  })
})

it("GC and STATUS succeed and change nothing", () => {
  resultOf(run("ADD"))
  const before = snapshot(world)
  assertSilent(run("GC", { "cni.dev/valid-attachments": [] }))
  assertSilent(run("STATUS"))
  expect(difference(before, snapshot(world))).toEqual([])
})
