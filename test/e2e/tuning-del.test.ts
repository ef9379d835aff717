// The tuning plugin's DEL, whatever has happened since ADD.

import { createWorld, type World } from "../kit/namespaces.ts"
import { readSetting, shell } from "../kit/observation.ts"
import { type Attachment, assertCniError, assertSilent, attachment, type Invocation } from "../kit/plugin.ts"
import {
  addInterface,
  addTunable,
  asBefore,
  asTuned,
  everything,
  firstMac,
  look,
  readState,
  stateFiles,
  stateFolder,
  tune,
  tuning,
  tuningConf,
} from "../kit/tuned-interface.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"

let world: World
let c1: Attachment
let before: Snapshot
let prevResult: object

const config = tuningConf(everything)

beforeEach(async () => {
  world = await createWorld()
  c1 = addTunable(world, "c1")
  assertSilent(tuning(world, "DEL", c1, { ...config, prevResult: tune(world, c1, config) }))
  before = snapshot(world)
  prevResult = tune(world, c1, config)
})

afterEach(() => world.remove())

const del = (more: object = {}, parameters: Partial<Invocation> = {}) =>
  tuning(world, "DEL", c1, { ...config, prevResult, ...more }, parameters)

describe("DEL sets everything back", () => {
  it.each<[string, object, Partial<Invocation>]>([
    ["with the result of ADD", {}, {}],
    ["without prevResult", { prevResult: undefined }, {}],
    ["with an empty prevResult", { prevResult: {} }, {}],
    ["with a prevResult that is no object", { prevResult: "lost" }, {}],
    ["with a configuration of version 0.1.0", { cniVersion: "0.1.0" }, {}],
    [
      "when no setting is configured any more",
      Object.fromEntries(Object.keys(everything).map(key => [key, undefined])),
      {},
    ],
    ["when other settings are configured", { mac: "02:00:00:00:00:0f", mtu: 9000, sysctl: { "net.a.b": "1" } }, {}],
    [
      "when options have become invalid",
      { mac: "x", mtu: -1, promisc: 7, txQLen: "long", sysctl: { "kernel.x": 1 } },
      {},
    ],
    ["when args are no object", { args: 5, runtimeConfig: [] }, {}],
    ["with CNI_ARGS that nobody knows", {}, { args: "WHAT=ever;;" }],
  ])("%s", (_, more, parameters) => {
    assertSilent(del(more, parameters))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("again and again, and without an ADD", () => {
    for (let i = 0; i < 3; i++) assertSilent(del())
    assertSilent(tuning(world, "DEL", attachment("c1", "never0"), config))
    assertSilent(tuning(world, "DEL", attachment("never"), config))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("what somebody else changed since, too", () => {
    shell(
      world,
      "ip link set eth0 mtu 1300 promisc off address 02:00:00:00:00:0f; echo 3 >/proc/sys/net/core/somaxconn",
      "c1",
    )
    assertSilent(del())
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("and nothing of another attachment", () => {
    const other = addTunable(world, "c2")
    const second = addInterface(world, "c1", "eth1", "02:00:00:00:00:02")
    for (const who of [other, second]) tune(world, who, tuningConf({ mtu: 1400 }))
    assertSilent(del())
    expect([look(world), look(world, "c2").mtu, look(world, "c1", "eth1").mtu]).toEqual([asBefore, 1400, 1400])
    expect(stateFiles(world)).toEqual(["c1_eth1.json", "c2_eth0.json"])
  })

  it("so that the same attachment can be made again", () => {
    assertSilent(del())
    tune(world, c1, config)
    expect(look(world)).toEqual(asTuned)
    assertSilent(del())
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("DEL removes the state file", () => {
  it.each<[string, string, Partial<Invocation>]>([
    ["without CNI_NETNS", ":", { netns: undefined as never }],
    ["with an empty CNI_NETNS", ":", { netns: "" }],
    ["when the namespace's path is gone", "umount /run/netns/c1; rm /run/netns/c1", {}],
    ["when the namespace's path is a plain file", "umount /run/netns/c1", {}],
    ["when the namespace's path is a folder", "umount /run/netns/c1; rm /run/netns/c1; mkdir /run/netns/c1", {}],
    ["when the interface is gone", "ip netns exec c1 ip link delete eth0", {}],
    ["when the interface has another name", "ip netns exec c1 ip link set eth0 down name eth9", {}],
    ["when the interface is down", "ip netns exec c1 ip link set eth0 down", {}],
  ])("%s", (_, script, parameters) => {
    world.start(["sleep", "600"], { container: "c1" })
    shell(world, script)
    assertSilent(del({}, parameters))
    expect(stateFiles(world)).toEqual([])
  })

  it("when the namespace is gone, and says on stderr that it is", () => {
    world.removeContainer("c1")
    const answer = del()
    assertSilent(answer)
    expect(answer.stderr).toMatch(/netns \/run\/netns\/c1: no such file or directory/)
    expect(stateFiles(world)).toEqual([])
  })

  it("and the sysctls of the namespace when the interface is gone", () => {
    shell(world, "ip link delete eth0", "c1")
    assertSilent(del())
    expect(readSetting(world, "net/core/somaxconn", "c1")).toBe("4096")
  })

  it.each<[string, string]>([
    ["empty", ""],
    ["cut off", '{\n "mtu": 15'],
    ["no object", "[]"],
    ["of values that cannot be", '{"mtu":"large"}'],
  ])("when it is %s, and says so on stderr", (_, text) => {
    writeState(text)
    const answer = del()
    assertSilent(answer)
    expect(answer.stderr).toMatch(/\/run\/cni\/tuning\/c1_eth0\.json is no state of tuning: /)
    expect([stateFiles(world), look(world)]).toEqual([[], asTuned])
  })
})

function writeState(text: string): void {
  world.output(["sh", "-c", `cat >${stateFolder}/c1_eth0.json`], { input: text })
}

describe("DEL leaves alone", () => {
  it("what belongs to the same interface on another network", () => {
    const whole = snapshot(world)
    const answer = del({ name: "elsewhere" })
    assertSilent(answer)
    expect(answer.stderr).toMatch(/c1_eth0\.json belongs to network net: it stays/)
    expect(difference(whole, snapshot(world))).toEqual([])
  })

  it("what an ADD could not have made", () => {
    const whole = snapshot(world)
    const answer = del({ dataDir: "run/cni" })
    assertSilent(answer)
    expect(answer.stderr).toMatch(/nothing to remove: dataDir: must be an absolute path/)
    expect(difference(whole, snapshot(world))).toEqual([])
  })

  it("a sysctl of the namespace that another interface of the container asked for as well", () => {
    const eth1 = addInterface(world, "c1", "eth1", "02:00:00:00:00:02")
    const second = tuningConf({ sysctl: { ...everything.sysctl, "net.ipv4.conf.IFNAME.rp_filter": "2" } })
    tune(world, eth1, second)
    assertSilent(del())
    expect(look(world)).toEqual({ ...asBefore, sysctl: ["500", "0", asTuned.sysctl[2]] })
    assertSilent(tuning(world, "CHECK", eth1, second))
    assertSilent(tuning(world, "DEL", eth1, second))
    expect(readSetting(world, "net/ipv4/conf/eth1/rp_filter", "c1")).toBe("0")
    expect(stateFiles(world)).toEqual([])
  })

  it("and takes it back once the last has gone, in the order of a stack", () => {
    const eth1 = addInterface(world, "c1", "eth1", "02:00:00:00:00:02")
    const second = tuningConf({ sysctl: { "net.core.somaxconn": "600" } })
    tune(world, eth1, second)
    assertSilent(tuning(world, "DEL", eth1, second))
    expect(readSetting(world, "net/core/somaxconn", "c1")).toBe("600")
    assertSilent(del())
    expect(readSetting(world, "net/core/somaxconn", "c1")).toBe("4096")
  })
})

describe("what cannot be set back", () => {
  it("is an error, after all else is; the state stays for the next DEL", () => {
    const state = readState(world)
    writeState(JSON.stringify({ ...state, mtu: 70_000 }))
    const { details } = assertCniError(
      del(),
      999,
      /^could not remove settings of eth0: mtu of eth0: RTM_NEWLINK eth0: EINVAL/,
    )
    expect(details).toMatch(/try again/)
    expect([look(world), stateFiles(world)]).toEqual([{ ...asBefore, mtu: 1400 }, ["c1_eth0.json"]])
    writeState(JSON.stringify(state))
    assertSilent(del())
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("is an error for each sysctl too", () => {
    const launcher = ["unshare", "-m", "sh", "-c", 'mount -o bind,ro /proc/sys /proc/sys; exec "$@"', "sh"]
    const answer = del({}, { launcher })
    assertCniError(
      answer,
      999,
      /net\/core\/somaxconn: open .*read-only.*net\/ipv4\/conf\/eth0\/rp_filter: .*net\/ipv4\/tcp_rmem: /,
    )
    expect(look(world)).toEqual({ ...asTuned, mac: firstMac, mtu: 1500, promisc: false, allmulti: false, txQLen: 1000 })
    assertSilent(del())
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("is no error of a sysctl whose own former value the kernel does not take", () => {
    const state = readState(world) as { patchbay: object }
    const sysctl = { "net/core/somaxconn": "many", "net/ipv4/conf/eth0/rp_filter": "0" }
    writeState(JSON.stringify({ ...state, patchbay: { ...state.patchbay, sysctl } }))
    const answer = del()
    assertSilent(answer)
    expect(answer.stderr).toMatch(/net\/core\/somaxconn stays 500: the kernel does not take its former value many back/)
    expect([look(world).sysctl[0], look(world).sysctl[1], stateFiles(world)]).toEqual(["500", "0", []])
  })

  it("is an error where the state cannot be read", () => {
    shell(world, `rm ${stateFolder}/c1_eth0.json; mkdir ${stateFolder}/c1_eth0.json`)
    assertCniError(del(), 999, /settings of eth0: read .*c1_eth0\.json: is a directory/)
  })
})

it("a list that was empty is empty again", () => {
  const conf = tuningConf({ sysctl: { "net.ipv4.ip_local_reserved_ports": "8080-8082,9000" } })
  assertSilent(del())
  tune(world, c1, conf)
  expect(readSetting(world, "net/ipv4/ip_local_reserved_ports", "c1")).toBe("8080-8082,9000")
  assertSilent(tuning(world, "DEL", c1, conf))
  expect(difference(before, snapshot(world))).toEqual([])
})
