// The bridge plugin's options for the bridge, its ports and the interfaces: each seen by iproute2 or by traffic.

import { addresses, attach, bridge, bridgeConf, detach, hostEnd, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { canPing, findLink, getLink, listAddresses, listLinks, shell, waitForPing } from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const portOf = (name: string) => getLink(world, name).linkinfo?.info_slave_data

describe("mtu", () => {
  const mtus = (container: string, veth: string) => [
    getLink(world, "br0").mtu,
    getLink(world, veth).mtu,
    getLink(world, "eth0", container).mtu,
  ]
  const told = ({ result }: ReturnType<typeof attach>) => result.interfaces.map(({ mtu }) => mtu)

  it.each([
    ["absent, is the kernel's choice", {}, 1500],
    ["0, is the kernel's choice", { mtu: 0 }, 1500],
    ["1280, is that of all three interfaces", { mtu: 1280 }, 1280],
    ["9000, is that of all three interfaces", { mtu: 9000 }, 9000],
  ])("%s", (_, more, want) => {
    const attached = attach(world, "c1", bridgeConf(more))
    expect(mtus("c1", hostEnd(attached))).toEqual([want, want, want])
    expect(told(attached)).toEqual([want, want, want])
  })

  it("raises that of a bridge that exists", () => {
    shell(world, "ip link add br0 type bridge")
    const attached = attach(world, "c1", bridgeConf({ mtu: 9000 }))
    expect(mtus("c1", hostEnd(attached))).toEqual([9000, 9000, 9000])
    expect(told(attached)).toEqual([9000, 9000, 9000])
  })

  it("does not lower that of a bridge whose MTU somebody chose", () => {
    shell(world, "ip link add br0 type bridge; ip link set br0 mtu 9000")
    const attached = attach(world, "c1", bridgeConf({ mtu: 1400 }))
    expect(mtus("c1", hostEnd(attached))).toEqual([9000, 1400, 1400])
    expect(told(attached)).toEqual([9000, 1400, 1400])
  })

  it("is reported as it is where the kernel fits the bridge to its smallest port", () => {
    attach(world, "c1", bridgeConf())
    const second = attach(world, "c2", bridgeConf({ mtu: 1400, ...addresses("10.1.0.3/24") }))
    expect(told(second)).toEqual(mtus("c2", hostEnd(second)))
    expect(told(second).slice(1)).toEqual([1400, 1400])
  })

  const uplink = (mtu: number) => `
    ip link add up0 mtu ${mtu} type veth peer name wire mtu ${mtu}
    ip link set up0 up
    ip link set wire up
    ip addr add 192.168.9.2/24 dev up0
    ip addr add 2001:db8:9::2/64 dev up0 nodad`

  it.each([
    ["an IPv4 default route's link", "ip route add default via 192.168.9.1"],
    ["an IPv6 default route's link, where there is no other", "ip -6 route add default via 2001:db8:9::1"],
  ])('"auto", is that of %s', (_, route) => {
    shell(world, `${uplink(1450)}\n${route}`)
    const attached = attach(world, "c1", bridgeConf({ mtu: "auto" }))
    expect(mtus("c1", hostEnd(attached))).toEqual([1450, 1450, 1450])
  })

  it('"auto", is the kernel\'s choice on a host without a default route, and stderr says so', () => {
    shell(world, uplink(1450))
    const attached = attach(world, "c1", bridgeConf({ mtu: "auto" }))
    expect(mtus("c1", hostEnd(attached))).toEqual([1500, 1500, 1500])
    expect(attached.stderr).toMatch(/mtu is "auto" and the host has no default route/)
  })
})

describe("the bridge's and the port's modes", () => {
  it("hairpinMode lets a frame return by the port it came from", () => {
    const attached = attach(world, "c1", bridgeConf({ hairpinMode: true }))
    expect(portOf(hostEnd(attached))).toMatchObject({ hairpin: true, isolated: false })
    expect(getLink(world, "br0").promiscuity).toBe(0)
  })

  it("promiscMode makes the bridge promiscuous, an existing one too", () => {
    const first = attach(world, "c1", bridgeConf({ promiscMode: true }))
    expect(getLink(world, "br0").flags).toContain("PROMISC")
    expect(portOf(hostEnd(first))).toMatchObject({ hairpin: false })
    shell(world, "ip link set br0 promisc off")
    attach(world, "c2", bridgeConf({ promiscMode: true }))
    expect(getLink(world, "br0").flags).toContain("PROMISC")
  })

  it("portIsolation keeps two containers apart, not from the gateway nor from one that is not isolated", () => {
    const config = (n: number, portIsolation: boolean) =>
      bridgeConf({ isGateway: true, portIsolation, ...addresses(`10.1.0.${n}/24`) })
    const first = attach(world, "c1", config(2, true))
    attach(world, "c2", config(3, true))
    attach(world, "c3", config(4, false))
    expect(portOf(hostEnd(first))).toMatchObject({ isolated: true })
    waitForPing(world, "10.1.0.1", "c1")
    waitForPing(world, "10.1.0.4", "c1")
    waitForPing(world, "10.1.0.4", "c2")
    expect(canPing(world, "10.1.0.3", "c1")).toBe(false)
  })
})

describe("the container's MAC address", () => {
  const [env, args, capability] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"]
  const fromArgs = { args: { cni: { mac: args } } }
  const fromCapability = { runtimeConfig: { mac: capability } }

  it.each([
    ["MAC= of CNI_ARGS", {}, `IgnoreUnknown=1;MAC=${env}`, env],
    ["args.cni.mac", fromArgs, undefined, args],
    ["runtimeConfig.mac", fromCapability, undefined, capability],
    ["args.cni.mac before CNI_ARGS", fromArgs, `IgnoreUnknown=1;MAC=${env}`, args],
    ["runtimeConfig.mac before both", { ...fromArgs, ...fromCapability }, `IgnoreUnknown=1;MAC=${env}`, capability],
    ["dashes and capitals", { runtimeConfig: { mac: "0A-00-00-00-00-0B" } }, undefined, "0a:00:00:00:00:0b"],
    ["dots", { runtimeConfig: { mac: "0a00.0000.000c" } }, undefined, "0a:00:00:00:00:0c"],
  ])("can come from %s", (_, more, cniArgs, want) => {
    const attached = attach(world, "c1", bridgeConf(more), cniArgs === undefined ? {} : { args: cniArgs })
    expect(getLink(world, "eth0", "c1").address).toBe(want)
    expect(attached.result.interfaces[2]?.mac).toBe(want)
  })

  it("is a random, locally administered one otherwise", () => {
    const macs = ["c1", "c2", "c3"].map(name => attach(world, name, bridgeConf()).result.interfaces[2]?.mac ?? "")
    expect(new Set(macs).size).toBe(3)
    for (const mac of macs) expect(Number.parseInt(mac, 16) & 3).toBe(2)
  })

  it.each([
    ["no MAC address", "nonsense", /nonsense: invalid MAC address/],
    ["a multicast address", "01:00:5e:00:00:01", /01:00:5e:00:00:01: invalid MAC address/],
    ["nothing but zeros", "00:00:00:00:00:00", /00:00:00:00:00:00: invalid MAC address/],
    ["an InfiniBand address", "00:11:22:33:44:55:66:77", /invalid MAC address/],
  ])("that is %s is refused before anything is done", (_, mac, pattern) => {
    world.addContainer("c1")
    const before = snapshot(world)
    assertCniError(bridge(world, "ADD", attachment("c1"), bridgeConf({ runtimeConfig: { mac } })), 7, pattern)
    assertCniError(bridge(world, "ADD", attachment("c1"), bridgeConf(), { args: `MAC=${mac}` }), 7, pattern)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("without ipam", () => {
  const layer2 = bridgeConf({ ipam: {} })

  it("the container's interface is up and has no address, and the result no ips", () => {
    const { result } = attach(world, "c1", layer2)
    expect(getLink(world, "eth0", "c1")).toMatchObject({ operstate: "UP" })
    expect(Object.keys(result)).toEqual(["cniVersion", "interfaces"])
    expect(result.interfaces.map(({ name }) => name)).toEqual(["br0", expect.stringMatching(/^veth/), "eth0"])
  })

  it("CHECK and DEL work", () => {
    const attached = attach(world, "c1", layer2)
    assertSilent(recheck(world, attached))
    assertSilent(detach(world, attached))
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
  })

  it.each(["0.1.0", "0.2.0"])(
    "version %s, whose results need an address, is refused before anything is done",
    cniVersion => {
      world.addContainer("c1")
      const before = snapshot(world)
      const answer = bridge(world, "ADD", attachment("c1"), { ...layer2, cniVersion })
      assertCniError(answer, 7, /cannot convert: no valid IP addresses/)
      expect(difference(before, snapshot(world))).toEqual([])
    },
  )

  it("disableContainerInterface leaves the container's end down, and CHECK agrees", () => {
    const attached = attach(world, "c1", { ...layer2, disableContainerInterface: true })
    expect(getLink(world, "eth0", "c1").flags).not.toContain("UP")
    expect(getLink(world, hostEnd(attached)).flags).toContain("UP")
    assertSilent(recheck(world, attached))
    assertSilent(detach(world, attached))
  })
})

describe("what contradicts itself, or is not done yet, is refused before anything is done:", () => {
  const both = { hairpinMode: true, promiscMode: true }
  it.each([
    ["hairpinMode and promiscMode", both, 7, /cannot set hairpin mode and promiscuous mode at the same time/],
    [
      "ipam and disableContainerInterface",
      { disableContainerInterface: true },
      7,
      /cannot use IPAM when DisableContainerInterface flag is set/,
    ],
    ["ipMasq", { ipMasq: true }, 2, /ipMasq: true/],
    ["macspoofchk", { macspoofchk: true }, 2, /macspoofchk: true/],
    ["a bridge name that is too long", { bridge: "abcdefghijklmnop" }, 7, /bridge: .*more than 15 bytes/],
    ["an empty bridge name", { bridge: "" }, 7, /bridge: .*empty/],
    ["an MTU that is no number", { mtu: "large" }, 7, /mtu/],
  ])("%s", (_, more, code, pattern) => {
    world.addContainer("c1")
    const before = snapshot(world)
    assertCniError(bridge(world, "ADD", attachment("c1"), bridgeConf(more)), code, pattern)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each(["ipMasq", "macspoofchk"])("%s: false is no obstacle", key => {
    attach(world, "c1", bridgeConf({ [key]: false }))
    expect(listLinks(world).map(({ ifname }) => ifname)).toContain("br0")
  })

  it("a bridge name that something else has; the other thing is unharmed", () => {
    shell(world, "ip link add br0 type veth peer name other")
    world.addContainer("c1")
    const before = snapshot(world)
    const answer = bridge(world, "ADD", attachment("c1"), bridgeConf())
    assertCniError(answer, 999, /"br0" already exists but is not a bridge/)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("a bridge that somebody else made", () => {
  it("keeps what it has, and the result tells its MAC as it is at the end", () => {
    shell(world, "ip link add br0 type bridge; ip link set br0 up; ip addr add 10.9.0.1/24 dev br0")
    const first = attach(world, "c1", bridgeConf())
    expect(first.result.interfaces[0]?.mac).toBe(getLink(world, "br0").address)
    const second = attach(world, "c2", bridgeConf(addresses("10.1.0.3/24")))
    expect(second.result.interfaces[0]?.mac).toBe(getLink(world, "br0").address)
    for (const each of [first, second]) assertSilent(recheck(world, each))
    assertSilent(detach(world, first))
    assertSilent(recheck(world, second))
    expect(listAddresses(world, "br0")).toEqual(["10.9.0.1/24"])
  })

  it("keeps its MAC if ADD fails when the port is there already", () => {
    shell(world, "ip link add br0 type bridge; ip link set br0 up")
    const { address } = getLink(world, "br0")
    world.addContainer("c1")
    assertCniError(bridge(world, "ADD", attachment("c1"), bridgeConf({ ipam: { type: "none" } })), 999, /"none"/)
    expect(getLink(world, "br0").address).toBe(address)
  })
})
