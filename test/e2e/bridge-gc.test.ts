// The bridge plugin's GC, which goes by the owners that interfaces carry, and its STATUS.

import {
  type Attached,
  addresses,
  attach,
  bridge,
  bridgeConf,
  collect,
  detach,
  hostEnd,
  recheck,
} from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { findLink, getLink, shell } from "../kit/observation.ts"
import { type Attachment, assertCniError, assertSilent, attachment, cni, resultOf } from "../kit/plugin.ts"
import { ensureReference } from "../kit/reference.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const conf = (n: number, more: object = {}) => bridgeConf({ ...addresses(`10.1.0.${n}/24`), ...more })
const config = conf(2)

const isWhole = (attached: Attached) => recheck(world, attached).status === 0
const isGone = (attached: Attached) =>
  findLink(world, hostEnd(attached)) === undefined &&
  findLink(world, attached.who.ifname, attached.who.netns.replace("/run/netns/", "")) === undefined

describe("GC", () => {
  it("removes a stale attachment though its namespace lives, and no valid one", () => {
    const [stale, valid] = [attach(world, "c1", conf(2)), attach(world, "c2", conf(3))]
    assertSilent(collect(world, config, [valid.who]))
    expect([isGone(stale), isWhole(valid)]).toEqual([true, true])
  })

  it("tells two interfaces of one container apart", () => {
    const [kept, stale] = [attach(world, "c1", conf(2)), attach(world, attachment("c1", "eth1"), conf(3))]
    assertSilent(collect(world, config, [kept.who]))
    expect([isWhole(kept), isGone(stale)]).toEqual([true, true])
  })

  it.each<[string, unknown]>([
    ["empty", []],
    ["null, as libcni writes an empty one", null],
  ])("removes everything of the network where the list is %s", (_, list) => {
    const all = [attach(world, "c1", conf(2)), attach(world, "c2", conf(3))]
    assertSilent(bridge(world, "GC", {}, { ...config, "cni.dev/valid-attachments": list }))
    expect(all.map(isGone)).toEqual([true, true])
  })

  it("removes nothing where the list is absent, and says so", () => {
    const attached = attach(world, "c1", config)
    const answer = bridge(world, "GC", {}, config)
    assertSilent(answer)
    expect(answer.stderr).toMatch(/GC removes nothing/)
    expect(isWhole(attached)).toBe(true)
  })

  it("reads the list's older name", () => {
    const [stale, valid] = [attach(world, "c1", conf(2)), attach(world, "c2", conf(3))]
    const list = [{ containerID: valid.who.containerId, ifname: "eth0" }]
    assertSilent(bridge(world, "GC", {}, { ...config, "cni.dev/attachments": list }))
    expect([isGone(stale), isWhole(valid)]).toEqual([true, true])
  })

  it.each<[string, unknown]>([
    ["no list", "c1"],
    ["a list of names", ["c1"]],
    ["without ifname", [{ containerID: "c1" }]],
  ])("removes nothing and fails where the list is %s", (_, list) => {
    const attached = attach(world, "c1", config)
    const answer = bridge(world, "GC", {}, { ...config, "cni.dev/valid-attachments": list })
    assertCniError(answer, 7, /cni\.dev\/valid-attachments/)
    expect(isWhole(attached)).toBe(true)
  })

  it("leaves other networks alone, those on the same bridge and those whose name begins alike", () => {
    const others = ["nets", "ne", "other"].map((name, index) => attach(world, `c${index}`, conf(index + 3, { name })))
    const stale = attach(world, "c9", config)
    assertSilent(collect(world, config, []))
    expect(isGone(stale)).toBe(true)
    expect(others.map(isWhole)).toEqual([true, true, true])
  })

  it("finds stale ones where the bridge has another name now, is gone, or has lost the port", () => {
    const first = attach(world, "c1", conf(2))
    const second = attach(world, "c2", conf(3, { bridge: "br7" }))
    shell(world, `ip link delete br7; ip link set ${hostEnd(first)} nomaster`)
    assertSilent(collect(world, { ...config, bridge: "br9" }, []))
    expect([first, second].map(isGone)).toEqual([true, true])
  })

  it("works with container IDs of any length", () => {
    const long = (end: string): Attachment => ({ ...attachment(`c${end}`), containerId: "a".repeat(300) + end })
    for (const name of ["c1", "c2"]) world.addContainer(name)
    const [stale, valid] = [attach(world, long("1"), conf(2)), attach(world, long("2"), conf(3))]
    assertSilent(collect(world, config, [valid.who]))
    expect([isGone(stale), isWhole(valid)]).toEqual([true, true])
  })

  it("leaves interfaces without our mark alone: a user's, and those of the reference plugin", () => {
    const { directory } = ensureReference("sid")
    world.addContainer("c1")
    const run = { plugin: "bridge", folder: directory, ...attachment("c1") }
    resultOf(cni(world, { ...run, verb: "ADD", config }))
    shell(world, "ip link add mine type veth peer name other; ip link set mine master br0 alias 'patchbay of mine'")
    const before = snapshot(world)
    assertSilent(collect(world, config, []))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("does with a configuration that has become unusable", () => {
    const stale = attach(world, "c1", config)
    const broken = { ...config, mtu: "large", vlan: -1, hairpinMode: true, promiscMode: true, ipMasq: true }
    const answer = collect(world, broken, [])
    assertSilent(answer)
    expect(answer.stderr).toMatch(/GC goes on without an unusable part of the configuration: mtu/)
    expect(isGone(stale)).toBe(true)
  })

  it("does nothing the second time, nor on a node that has no bridge", () => {
    const valid = attach(world, "c1", config)
    attach(world, "c2", conf(3))
    assertSilent(collect(world, config, [valid.who]))
    const before = snapshot(world)
    assertSilent(collect(world, config, [valid.who]))
    assertSilent(collect(world, { ...config, name: "elsewhere", bridge: "none0" }, []))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("succeeds where an attachment goes away by itself meanwhile", () => {
    for (let n = 2; n < 8; n++) attach(world, `c${n}`, conf(n))
    const remover = world.start(["sh", "-c", "for n in 2 3 4 5 6 7; do ip netns delete c$n; done"])
    assertSilent(collect(world, config, []))
    expect(remover.pid).toBeGreaterThan(0)
  })

  it("is not a verb of configurations before 1.1.0", () => {
    assertCniError(collect(world, { ...config, cniVersion: "1.0.0" }, []), 1, /config version does not allow GC/)
  })
})

describe("STATUS", () => {
  it.each([
    ["there is no bridge yet", ":"],
    ["there is one", "ip link add br0 type bridge"],
  ])("succeeds and changes nothing where %s", (_, script) => {
    shell(world, script)
    const before = snapshot(world)
    assertSilent(bridge(world, "STATUS", {}, config))
    assertSilent(bridge(world, "STATUS", {}, bridgeConf({ ipam: {} })))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("is 50 where something else has the bridge's name", () => {
    shell(world, "ip link add br0 type veth peer name other")
    const { details } = assertCniError(
      bridge(world, "STATUS", {}, config),
      50,
      /"br0" already exists but is not a bridge/,
    )
    expect(details).toMatch(/rename interface br0/)
    expect(getLink(world, "br0").linkinfo?.info_kind).toBe("veth")
  })

  it("tells what of the configuration would make ADD fail", () => {
    const both = bridgeConf({ hairpinMode: true, promiscMode: true })
    assertCniError(bridge(world, "STATUS", {}, both), 7, /hairpin mode and promiscuous mode/)
    assertCniError(bridge(world, "STATUS", {}, bridgeConf({ ipMasq: true })), 2, /ipMasq/)
  })

  it("is the address plugin's, with its code, or 50 where that is not installed", () => {
    const bad = bridgeConf(addresses("10.1.0.2"))
    assertCniError(
      bridge(world, "STATUS", {}, bad),
      7,
      /expected to be in CIDR notation[\s\S]*plugin static failed on STATUS/,
    )
    const missing = bridgeConf({ ipam: { type: "none" } })
    assertCniError(bridge(world, "STATUS", {}, missing), 50, /failed to find plugin "none" in path/)
  })

  it("is not a verb of configurations before 1.1.0", () => {
    const old = bridgeConf({ cniVersion: "1.0.0" })
    assertCniError(bridge(world, "STATUS", {}, old), 1, /config version does not allow STATUS/)
  })
})

it("DEL after GC succeeds", () => {
  const attached = attach(world, "c1", config)
  assertSilent(collect(world, config, []))
  assertSilent(detach(world, attached))
})
