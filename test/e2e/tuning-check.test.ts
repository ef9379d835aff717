// The tuning plugin's CHECK, which compares and changes nothing; and its GC, which goes by the network that a file names.

import { createWorld, type World } from "../kit/namespaces.ts"
import { shell } from "../kit/observation.ts"
import { type Attachment, assertCniError, assertSilent, attachment, type Invocation } from "../kit/plugin.ts"
import {
  addInterface,
  addTunable,
  everything,
  firstMac,
  look,
  stateFiles,
  stateFolder,
  tune,
  tuning,
  tuningConf,
} from "../kit/tuned-interface.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World
let c1: Attachment

beforeEach(async () => {
  world = await createWorld()
  c1 = addTunable(world, "c1")
})

afterEach(() => world.remove())

const config = tuningConf(everything)

describe("CHECK", () => {
  let prevResult: object
  beforeEach(() => {
    prevResult = tune(world, c1, config)
  })

  const check = (more: object = {}, parameters: Partial<Invocation> = {}) =>
    tuning(world, "CHECK", c1, { ...config, prevResult, ...more }, parameters)

  it.each<[string, object]>([
    ["after ADD", {}],
    ["with the result of the plugin before", { prevResult: config.prevResult }],
    ["with a result that does not know the interface", { prevResult: {} }],
    ["with the MAC address in capitals", { mac: "02:00:00:00:00:0a".toUpperCase() }],
    ["with the MAC address in another notation", { mac: "0200.0000.000A" }],
    [
      "with numbers in another notation",
      { sysctl: { "net.core.somaxconn": "0x1f4", "net.ipv4.tcp_rmem": " 4096\t130000  6000000\n" } },
    ],
    ["when no setting is configured", Object.fromEntries(Object.keys(everything).map(key => [key, undefined]))],
    ["when it is promiscuous though nobody asks for it", { promisc: false }],
    ["when a sysctl is configured that cannot be read", { sysctl: { "net.ipv4.route.flush": "1" } }],
  ])("succeeds and changes nothing %s", (_, more) => {
    const before = snapshot(world)
    assertSilent(check(more))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each<[string, string, RegExp]>([
    [
      "MAC address",
      "ip link set eth0 address 02:00:00:00:00:0b",
      /^Error: Tuning configured Ethernet of eth0 is 02:00:00:00:00:0a, current value is 02:00:00:00:00:0b/,
    ],
    ["MTU", "ip link set eth0 mtu 1300", /^Error: Tuning configured MTU of eth0 is 1400, current value is 1300/],
    [
      "promiscuous mode",
      "ip link set eth0 promisc off",
      /^Error: Tuning link eth0 configured promisc is true, current value is 0/,
    ],
    [
      "reception of all multicast frames",
      "ip link set eth0 allmulticast off",
      /^Error: Tuning configured all-multicast mode of eth0 is true, current value is false/,
    ],
    [
      "transmit queue",
      "ip link set eth0 txqueuelen 7",
      /^Error: Tuning configured Transmit Queue Length of eth0 is 500, current value is 7/,
    ],
    [
      "sysctl",
      "echo 7 >/proc/sys/net/core/somaxconn",
      /^Error: Tuning configured value of \/proc\/sys\/net\/core\/somaxconn is 500, current value is 7/,
    ],
    [
      "sysctl of several numbers",
      "echo 4096 130001 6000000 >/proc/sys/net/ipv4/tcp_rmem",
      /tcp_rmem is 4096 130000 6000000, current value is 4096\t130001\t6000000/,
    ],
    ["interface", "ip link delete eth0", /^Cannot find container link eth0: not found$/],
  ])("fails and changes nothing where the %s is another, or gone", (_, script, problem) => {
    shell(world, script, "c1")
    const before = snapshot(world)
    assertCniError(check(), 999, problem)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("tells every difference at once", () => {
    shell(world, "ip link set eth0 mtu 1300 promisc off; echo 7 >/proc/sys/net/core/somaxconn", "c1")
    assertCniError(check(), 999, /promisc is true.*\n.*MTU of eth0 is 1400.*; .*somaxconn is 500/)
  })

  it("knows what a later plugin of the chain has made of MAC address and MTU", () => {
    const later = tuningConf({ mac: "02:00:00:00:00:0b", mtu: 1300, prevResult })
    const final = tune(world, c1, later)
    assertSilent(check({ prevResult: final }))
    assertSilent(tuning(world, "CHECK", c1, { ...later, prevResult: final }))
    shell(world, "ip link set eth0 mtu 1200", "c1")
    assertCniError(check({ prevResult: final }), 999, /MTU of eth0 is 1400, current value is 1200/)
  })

  it.each<[string, object, number, RegExp]>([
    ["without prevResult", { prevResult: undefined }, 7, /Required prevResult missing/],
    [
      "where the result names another namespace",
      { prevResult: { interfaces: [{ name: "eth0", sandbox: "/run/netns/c2" }] } },
      999,
      /Sandbox in prevResult \/run\/netns\/c2 doesn't match configured netns: \/run\/netns\/c1/,
    ],
    ["where there is no such sysctl", { sysctl: { "net.none": "1" } }, 999, /net\/none: no such file or directory/],
    ["with a configuration that ADD would refuse", { mac: "x" }, 7, /invalid args x/],
    ["before version 0.4.0", { cniVersion: "0.3.1" }, 1, /does not allow CHECK/],
  ])("fails %s", (_, more, code, problem) => {
    assertCniError(check(more), code, problem)
  })
})

describe("GC", () => {
  const collect = (valid: readonly Attachment[] | null, more: object = {}) => {
    const list = valid?.map(({ containerId, ifname }) => ({ containerID: containerId, ifname })) ?? null
    return tuning(world, "GC", {}, { ...config, "cni.dev/valid-attachments": list, ...more })
  }
  const tuned = (name: string, more: object = {}): Attachment => {
    const who = addTunable(world, name)
    tune(world, who, { ...config, ...more })
    return who
  }

  it("removes the files of stale attachments, and no valid one's", () => {
    tune(world, c1, config)
    const c2 = tuned("c2")
    world.removeContainer("c1")
    assertSilent(collect([c2]))
    expect(stateFiles(world)).toEqual(["c2_eth0.json"])
    const before = snapshot(world)
    assertSilent(collect([c2]))
    expect(difference(before, snapshot(world))).toEqual([])
    assertSilent(tuning(world, "DEL", c2, config))
    expect(look(world, "c2").mac).toBe(firstMac)
  })

  it("tells two interfaces of one container apart", () => {
    const eth1 = addInterface(world, "c1", "eth1", "02:00:00:00:00:02")
    for (const who of [c1, eth1]) tune(world, who, config)
    assertSilent(collect([eth1]))
    expect(stateFiles(world)).toEqual(["c1_eth1.json"])
  })

  it.each([
    ["empty", []],
    ["null, as libcni writes an empty one", null],
  ])("removes everything of the network where the list is %s", (_, valid) => {
    tune(world, c1, config)
    tuned("c2")
    assertSilent(collect(valid))
    expect(stateFiles(world)).toEqual([])
  })

  it("leaves other networks alone, files of the reference plugin, and whatever else is there", () => {
    tune(world, c1, config)
    tuned("c2", { name: "nets" })
    const others = ["c3_eth0.json", "c4_eth0.json", "notes"]
    shell(
      world,
      `cd ${stateFolder}; printf '{\n "mtu": 1500\n}' >${others[0]}; echo '{' >${others[1]}; echo '{"patchbay":{"network":"net"}}' >${others[2]}`,
    )
    assertSilent(collect([]))
    expect(stateFiles(world)).toEqual(["c2_eth0.json", "c3_eth0.json", "c4_eth0.json", "notes"])
  })

  it("removes nothing where the list is absent, and nothing where it is malformed", () => {
    tune(world, c1, config)
    assertSilent(tuning(world, "GC", {}, config))
    assertCniError(
      tuning(world, "GC", {}, { ...config, "cni.dev/valid-attachments": [{ containerID: "c1" }] }),
      7,
      /ifname/,
    )
    expect(stateFiles(world)).toEqual(["c1_eth0.json"])
  })

  it("goes on where something cannot be removed, and tells it", () => {
    tune(world, c1, config)
    tuned("c2")
    shell(world, `cd ${stateFolder}; rm c1_eth0.json; mkdir c1_eth0.json`)
    assertCniError(collect([]), 999, /could not remove \/run\/cni\/tuning\/c1_eth0\.json: .*is a directory/)
    expect(stateFiles(world)).toEqual(["c1_eth0.json"])
  })

  it.each<[string, object]>([
    ["with a configuration that has become unusable", { mac: "x", mtu: -1, sysctl: { "kernel.x": 1 } }],
    ["with the list's older name", { "cni.dev/valid-attachments": undefined, "cni.dev/attachments": [] }],
  ])("works %s", (_, more) => {
    tune(world, c1, config)
    assertSilent(collect([], more))
    expect(stateFiles(world)).toEqual([])
  })

  it.each<[string, object]>([
    ["there is no folder", {}],
    ["the folder is none", { dataDir: "run" }],
  ])("succeeds where %s", (_, more) => {
    const before = snapshot(world)
    assertSilent(collect([], more))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("removes a thousand files in a moment", () => {
    tune(world, c1, config)
    shell(world, `cd ${stateFolder}; for n in $(seq 1000); do cp c1_eth0.json x$n_eth0.json; done`)
    const start = performance.now()
    assertSilent(collect([c1]))
    expect(performance.now() - start).toBeLessThan(2_000)
    expect(stateFiles(world)).toEqual(["c1_eth0.json"])
  })

  it("is followed by a DEL that succeeds", () => {
    tune(world, c1, config)
    assertSilent(collect([]))
    assertSilent(tuning(world, "DEL", c1, config))
    assertSilent(tuning(world, "DEL", attachment("c9"), config))
  })
})
