// The bridge plugin's VLANs, under the test kernel: not every machine's own kernel filters by VLAN.

import {
  type Attached,
  addresses,
  attach,
  type BridgeConf,
  bridge,
  bridgeConf,
  collect,
  detach,
  hostEnd,
  recheck,
} from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import {
  canPing,
  findLink,
  getLink,
  listAddresses,
  listLinks,
  listRoutes,
  settle,
  shell,
  waitForPing,
} from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment, cni, resultOf } from "../kit/plugin.ts"
import { ensureReference } from "../kit/reference.ts"
import { pluginFolder } from "../kit/repository.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  if (process.env.PATCHBAY_IN_KERNEL !== "1")
    throw new Error("test/kernel runs under the test kernel: see test/kit/kernel.ts")
  world = await createWorld()
})

afterEach(() => world.remove())

const conf = (n: number, more: object = {}) => bridgeConf({ ...addresses(`10.1.0.${n}/24`), ...more })

interface ObservedVlan {
  readonly vlan: number
  readonly vlanEnd?: number
  readonly flags?: readonly string[]
}

/** Lists the VLANs of a port in the words of bridge(8): "100 PVID Egress Untagged", "300-302". */
function vlansOf(name: string): string[] {
  const ports: { ifname: string; vlans: ObservedVlan[] }[] = JSON.parse(world.output(["bridge", "-j", "vlan", "show"]))
  const vlans = ports.filter(({ ifname }) => ifname === name).flatMap(port => port.vlans)
  return vlans.map(({ vlan, vlanEnd, flags = [] }) => [vlanEnd ? `${vlan}-${vlanEnd}` : vlan, ...flags].join(" "))
}

const filters = () => getLink(world, "br0").linkinfo?.info_data?.vlan_filtering
const access = (vlan: number) => `${vlan} PVID Egress Untagged`

describe("the port is in", () => {
  it.each<[string, object, string[]]>([
    ["the VLAN of vlan alone", { vlan: 100 }, [access(100)]],
    [
      "VLAN 1 as well with preserveDefaultVlan",
      { vlan: 100, preserveDefaultVlan: true },
      ["1 Egress Untagged", access(100)],
    ],
    ["the highest VLAN there is", { vlan: 4094 }, [access(4094)]],
    ["the VLANs of vlanTrunk, and untagged in VLAN 1", { vlanTrunk: [{ id: 200 }] }, [access(1), "200"]],
    [
      "the VLANs of single numbers and ranges",
      { vlanTrunk: [{ id: 200 }, { minID: 300, maxID: 302 }, { id: 400, minID: 500, maxID: 500 }] },
      [access(1), "200", "300", "301", "302", "400", "500"],
    ],
    ["the VLANs of both", { vlan: 100, vlanTrunk: [{ id: 200 }] }, [access(100), "200"]],
    ["VLAN 1 where vlanTrunk is empty", { vlanTrunk: [] }, [access(1)]],
    ["VLAN 1 untagged where that is in the trunk, too", { vlanTrunk: [{ minID: 1, maxID: 2 }] }, [access(1), "2"]],
  ])("%s", (_, more, want) => {
    const attached = attach(world, "c1", conf(2, more))
    expect(filters()).toBe(1)
    expect(vlansOf(hostEnd(attached))).toEqual(want)
    assertSilent(recheck(world, attached))
    assertSilent(detach(world, attached))
    expect(findLink(world, hostEnd(attached))).toBeUndefined()
  })

  it("VLAN 1, and the bridge does not filter, where nothing is said of VLANs", () => {
    const attached = attach(world, "c1", conf(2, { vlan: 0, preserveDefaultVlan: true }))
    expect(filters()).toBe(0)
    expect(vlansOf(hostEnd(attached))).toEqual([access(1)])
  })
})

describe("a bridge that exists", () => {
  it("is made to filter (B20), and the others' ports stay in VLAN 1", () => {
    const first = attach(world, "c1", conf(2))
    expect(filters()).toBe(0)
    attach(world, "c2", conf(3, { vlan: 100 }))
    expect(filters()).toBe(1)
    expect(vlansOf(hostEnd(first))).toEqual([access(1)])
    assertSilent(recheck(world, first))
  })

  it("goes on filtering where nothing is said of VLANs", () => {
    attach(world, "c1", conf(2, { vlan: 100 }))
    attach(world, "c2", conf(3))
    expect(filters()).toBe(1)
  })
})

describe("traffic", () => {
  it("passes between containers of one VLAN, not of two, nor to the bridge itself", () => {
    attach(world, "c1", conf(2, { vlan: 100 }))
    attach(world, "c2", conf(3, { vlan: 100 }))
    attach(world, "c3", conf(4, { vlan: 200 }))
    attach(world, "c4", conf(5, { isGateway: true }))
    waitForPing(world, "10.1.0.3", "c1")
    waitForPing(world, "10.1.0.1", "c4")
    for (const address of ["10.1.0.4", "10.1.0.5", "10.1.0.1"]) expect(canPing(world, address, "c1")).toBe(false)
  })

  it("of a trunk passes tagged", () => {
    attach(world, "c1", conf(2, { vlan: 100 }))
    attach(world, "c2", conf(3, { vlanTrunk: [{ minID: 100, maxID: 110 }] }))
    expect(canPing(world, "10.1.0.2", "c2")).toBe(false)
    const tagged = `
      ip addr flush dev eth0
      ip link add link eth0 name eth0.100 type vlan id 100
      ip link set eth0.100 up
      ip addr add 10.1.0.3/24 dev eth0.100`
    shell(world, tagged, "c2")
    waitForPing(world, "10.1.0.2", "c2")
  })
})

describe("the gateway of a VLAN", () => {
  const gateway = { isDefaultGateway: true, vlan: 100, mtu: 1400, ...addresses("10.1.0.2/24", "fd01::2/64") }
  const config = bridgeConf(gateway)

  it("is an interface of its own, the fourth of the result, and reaches the containers of its VLAN", () => {
    const { result } = attach(world, "c1", config)
    const { address, mtu } = getLink(world, "br0.100")
    expect(result.interfaces[3]).toEqual({ name: "br0.100", mac: address, mtu })
    expect(result.interfaces).toHaveLength(4)
    expect(mtu).toBe(1400)
    expect(listAddresses(world, "br0.100")).toEqual(["10.1.0.1/24", "fd01::1/64"])
    expect(listAddresses(world, "br0")).toEqual([])
    expect(listRoutes(world, "c1").map(({ dst, gateway: gw }) => [dst, gw])).toEqual([
      ["default", "10.1.0.1"],
      ["default", "fd01::1"],
    ])
    for (const each of ["10.1.0.1", "fd01::1"]) waitForPing(world, each, "c1")
    waitForPing(world, "10.1.0.2")
    attach(world, "c2", conf(3, { vlan: 200 }))
    expect(canPing(world, "10.1.0.1", "c2")).toBe(false)
  })

  it("is a veth whose other end is a port in that VLAN alone", () => {
    attach(world, "c1", config)
    const [end] = listLinks(world).filter(({ ifindex }) => ifindex === getLink(world, "br0.100").link_index)
    const other = listLinks(world).filter(
      ({ ifname, master, ifalias }) => master === "br0" && !ifalias && ifname !== end?.ifname,
    )
    expect(other).toHaveLength(1)
    expect(vlansOf(other[0]?.ifname ?? "")).toEqual([access(100)])
    expect(other[0]).toMatchObject({ operstate: "UP", mtu: 1400 })
  })

  it("is shared by the containers of the VLAN, and each VLAN has its own", () => {
    const first = attach(world, "c1", config)
    const second = attach(world, "c2", { ...config, ...addresses("10.1.0.3/24", "fd01::3/64") })
    const third = attach(world, "c3", { ...config, vlan: 200, ...addresses("10.2.0.2/24") })
    expect(second.result.interfaces[3]).toEqual(first.result.interfaces[3])
    expect(third.result.interfaces[3]?.name).toBe("br0.200")
    for (const each of [first, second, third]) assertSilent(recheck(world, each))
    waitForPing(world, "10.1.0.3", "c1")
    assertSilent(detach(world, first))
    assertSilent(recheck(world, second))
    waitForPing(world, "10.1.0.1", "c2")
  })

  it("stays after DEL and GC, which leave nothing else", () => {
    assertSilent(detach(world, attach(world, "warm", config)))
    world.removeContainer("warm")
    const before = snapshot(world)
    assertSilent(detach(world, attach(world, "c1", config)))
    attach(world, "c2", config)
    assertSilent(collect(world, config, []))
    for (const name of ["c1", "c2"]) world.removeContainer(name)
    expect(difference(before, snapshot(world))).toEqual([])
    expect(findLink(world, "br0.100")).toBeDefined()
  })

  it("conflicts with another address of that interface as the bridge's does, and is undone", () => {
    const warm = attach(world, "warm", config)
    assertSilent(detach(world, warm))
    world.addContainer("c1")
    const before = snapshot(world)
    const other = { ...config, ...addresses("10.9.0.2/24") }
    const answer = bridge(world, "ADD", attachment("c1"), other)
    assertCniError(answer, 999, /"br0\.100" already has an IP address different from 10\.9\.0\.1\/24/)
    expect(difference(before, snapshot(world))).toEqual([])
    attach(world, "c1", { ...other, forceAddress: true })
    expect(listAddresses(world, "br0.100")).toEqual(["10.9.0.1/24", "fd01::1/64"])
  })

  it("is repaired by the next ADD where its port left the bridge's VLAN or is down", () => {
    attach(world, "c1", config)
    const port = listLinks(world).find(({ master, ifalias }) => master === "br0" && !ifalias)?.ifname ?? ""
    shell(
      world,
      `bridge vlan del dev ${port} vid 100; bridge vlan add dev ${port} vid 1 pvid untagged; ip link set ${port} down`,
    )
    attach(world, "c2", { ...config, ...addresses("10.1.0.3/24") })
    expect(vlansOf(port)).toEqual([access(100)])
    waitForPing(world, "10.1.0.1", "c2")
  })
})

describe("CHECK", () => {
  let attached: Attached
  const config = conf(2, { isGateway: true, vlan: 100, vlanTrunk: [{ id: 200 }, { minID: 300, maxID: 302 }] })

  beforeEach(() => {
    attached = attach(world, "c1", config)
  })

  it.each([
    ["the port has left its VLAN", "bridge vlan del dev VETH vid 100", /port .* is not in VLAN 100/],
    [
      "the VLAN is not the port's own any more",
      "bridge vlan add dev VETH vid 100 untagged",
      /port .* is not in VLAN 100/,
    ],
    ["the port has left a VLAN of the trunk", "bridge vlan del dev VETH vid 200", /is not in VLAN 200/],
    ["the port has left part of a range", "bridge vlan del dev VETH vid 301", /is not in VLAN 300 to 302/],
    ["the bridge does not filter any more", "ip link set br0 type bridge vlan_filtering 0", /br0 does not filter/],
    ["the gateway's interface is gone", "ip link delete br0.100", /gateway interface br0\.100 not found/],
    ["the gateway's address is gone", "ip addr flush dev br0.100", /Failed to match addr 10\.1\.0\.1\/24 .*br0\.100/],
  ])("tells that %s", (_, script, pattern) => {
    assertSilent(recheck(world, attached))
    shell(world, script.replaceAll("VETH", hostEnd(attached)))
    assertCniError(recheck(world, attached), 999, pattern)
  })

  it("changes nothing", () => {
    const before = snapshot(world)
    assertSilent(recheck(world, attached))
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("beside the reference", () => {
  const run = (folder: string, verb: string, config: object) =>
    cni(world, { plugin: "bridge", folder, verb, config, ...attachment("c1") })
  let reference: string
  const config = bridgeConf({
    isDefaultGateway: true,
    vlan: 100,
    vlanTrunk: [{ id: 200 }, { minID: 300, maxID: 302 }],
    ...addresses("10.1.0.2/24", "fd01::2/64"),
  })

  beforeAll(() => {
    reference = ensureReference("sid").directory
  })

  beforeEach(() => {
    world.addContainer("c1")
  })

  it.each(["0.4.0", "1.1.0"])("the result is the same to the byte but for our MTUs: version %s", cniVersion => {
    const [theirs, ours] = [reference, pluginFolder()].map(folder => {
      const given = { ...config, cniVersion }
      const { stdout } = run(folder, "ADD", given)
      assertSilent(run(folder, "DEL", given))
      shell(world, "ip link delete br0; ip link delete br0.100")
      return stdout.replace(/veth[0-9a-f]{8}/g, "veth").replace(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g, "MAC")
    })
    expect(ours?.replace(/^ {12}"mtu": 1500,\n/gm, "")).toBe(theirs)
    expect(ours).toMatch(/"br0\.100"/)
  })

  it("its attachment satisfies our CHECK and goes with our DEL, and its gateway serves our containers", () => {
    resultOf(run(reference, "ADD", config))
    assertSilent(run(reference, "DEL", config))
    // The reference's bridge has the lowest of its ports' MACs, whichever that is.
    shell(world, "ip link set br0 address 02:00:00:00:00:99")
    const before = snapshot(world)
    const prevResult = resultOf(run(reference, "ADD", config))
    settle(world)
    assertSilent(run(pluginFolder(), "CHECK", { ...config, prevResult }))
    const second: BridgeConf = { ...config, ...addresses("10.1.0.3/24", "fd01::3/64") }
    const ours = attach(world, "c2", second)
    waitForPing(world, "10.1.0.2", "c2")
    waitForPing(world, "fd01::1", "c2")
    assertSilent(detach(world, ours))
    world.removeContainer("c2")
    assertSilent(run(pluginFolder(), "DEL", { ...config, prevResult }))
    expect(difference(before, snapshot(world))).toEqual([])
  })
})
