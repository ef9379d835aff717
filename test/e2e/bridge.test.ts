// The bridge plugin: what ADD builds, seen by iproute2 and ping, and that DEL takes away all but what is shared.

import { addresses, attach, bridge, bridgeConf, detach, hostEnd, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import {
  canPing,
  findLink,
  getLink,
  listAddresses,
  listLinks,
  listRoutes,
  readSetting,
  shell,
  waitForPing,
} from "../kit/observation.ts"
import { assertSilent, attachment, resultOf, startCni } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const dualStack = addresses("10.1.0.2/24", "fd01::2/64")

describe("ADD", () => {
  it("connects the container to a new bridge by a veth pair, all up and forwarding", () => {
    const attached = attach(world, "c1", bridgeConf())
    const [br0, veth, eth0] = [getLink(world, "br0"), getLink(world, hostEnd(attached)), getLink(world, "eth0", "c1")]
    expect(br0).toMatchObject({ operstate: "UP", promiscuity: 0, linkinfo: { info_kind: "bridge" } })
    const port = { state: "forwarding", hairpin: false, isolated: false }
    expect(veth).toMatchObject({
      operstate: "UP",
      master: "br0",
      linkinfo: { info_kind: "veth", info_slave_data: port },
    })
    expect(eth0).toMatchObject({ operstate: "UP", linkinfo: { info_kind: "veth" } })
    expect([veth.link_index, eth0.link_index]).toEqual([eth0.ifindex, veth.ifindex])
    expect(listAddresses(world, "eth0", "c1")).toEqual(["10.1.0.2/24"])
    expect(listAddresses(world, "br0")).toEqual([])
    expect(listRoutes(world, "c1")).toEqual([])
    expect(readSetting(world, "net/ipv4/ip_forward")).toBe("0")
  })

  it("reports bridge, host end and container end, in this order, as the kernel has them", () => {
    const { result, who } = attach(world, "c1", bridgeConf(dualStack))
    const told = (name: string, container?: string) => {
      const { address, mtu } = getLink(world, name, container)
      return { name, mac: address, mtu }
    }
    const veth = result.interfaces[1]?.name ?? ""
    expect(result).toEqual({
      cniVersion: "1.1.0",
      interfaces: [told("br0"), told(veth), { ...told("eth0", "c1"), sandbox: who.netns }],
      ips: [
        { address: "10.1.0.2/24", interface: 2 },
        { address: "fd01::2/64", interface: 2 },
      ],
    })
  })

  it("derives the host end's name from the attachment and writes the owner into its alias", () => {
    const first = attach(world, "c1", bridgeConf())
    expect(hostEnd(first)).toMatch(/^veth[0-9a-f]{8}$/)
    expect(getLink(world, hostEnd(first)).ifalias).toBe("patchbay net c1 eth0")
    assertSilent(detach(world, first))
    expect(hostEnd(attach(world, "c1", bridgeConf()))).toBe(hostEnd(first))
    const second = attach(world, attachment("c1", "eth1"), bridgeConf(addresses("10.1.0.3/24")))
    expect(hostEnd(second)).not.toBe(hostEnd(first))
  })

  it("gives all three interfaces MAC addresses that no later policy replaces", () => {
    const attached = attach(world, "c1", bridgeConf())
    const readType = (name: string) => `cat /sys/class/net/${name}/addr_assign_type`
    const netAddrSet = "3\n"
    expect(shell(world, readType("br0"))).toBe(netAddrSet)
    expect(shell(world, readType(hostEnd(attached)))).toBe(netAddrSet)
    const inside = `unshare -m sh -ec 'mount -t sysfs sysfs /sys; ${readType("eth0")}'`
    expect(shell(world, inside, "c1")).toBe(netAddrSet)
  })

  it("calls the bridge cni0 if nothing else is said", () => {
    const { result } = attach(world, "c1", bridgeConf({ bridge: undefined }))
    expect(result.interfaces[0]?.name).toBe("cni0")
    expect(getLink(world, "cni0").operstate).toBe("UP")
  })

  it("turns router advertisements off on the bridge, so that a container cannot pose as a router", () => {
    attach(world, "c1", bridgeConf())
    expect(readSetting(world, "net/ipv6/conf/br0/accept_ra")).toBe("0")
  })

  it("lets containers and gateway reach each other over both families", () => {
    const config = (n: number) => bridgeConf({ isGateway: true, ...addresses(`10.1.0.${n}/24`, `fd01::${n}/64`) })
    attach(world, "c1", config(2))
    attach(world, "c2", config(3))
    for (const address of ["10.1.0.1", "fd01::1", "10.1.0.3", "fd01::3"]) waitForPing(world, address, "c1")
    for (const address of ["10.1.0.2", "fd01::2"]) waitForPing(world, address)
  })

  it("can be run for ten containers at once on a node that has no bridge yet", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `c${index + 2}`)
    for (const name of names) world.addContainer(name)
    const config = (n: number) => bridgeConf({ isGateway: true, ...addresses(`10.1.0.${n}/24`, `fd01::${n}/64`) })
    const started = names.map((name, index) =>
      startCni(world, {
        plugin: "bridge",
        verb: "ADD",
        config: config(index + 2),
        ...attachment(name),
        timeoutMs: 30_000,
      }),
    )
    const results = (await Promise.all(started)).map(resultOf)
    const bridgeMac = getLink(world, "br0").address
    for (const result of results) expect(result).toMatchObject({ interfaces: [{ mac: bridgeMac }, {}, {}] })
    expect(listLinks(world).filter(({ master }) => master === "br0")).toHaveLength(10)
    for (const index of names.keys()) waitForPing(world, `10.1.0.${index + 2}`)
  })

  it("leaves lo and the container's other interfaces alone", () => {
    world.addContainer("c1")
    shell(world, "ip link add mine type veth peer name other; ip addr add 10.9.0.1/24 dev mine", "c1")
    const before = listLinks(world, "c1")
    attach(world, "c1", bridgeConf({ isGateway: true, ...dualStack }))
    expect(listLinks(world, "c1").filter(({ ifname }) => !ifname.startsWith("eth0"))).toEqual(before)
    expect(listAddresses(world, "mine", "c1")).toEqual(["10.9.0.1/24"])
  })

  it("takes the next name where somebody else has the host end's, and leaves that alone", () => {
    const first = attach(world, "c1", bridgeConf())
    const taken = hostEnd(first)
    assertSilent(detach(world, first))
    shell(world, `ip link add ${taken} type veth peer name other`)
    const second = attach(world, "c1", bridgeConf())
    expect(hostEnd(second)).toMatch(/^veth[0-9a-f]{8}$/)
    expect(hostEnd(second)).not.toBe(taken)
    assertSilent(recheck(world, second))
    world.removeContainer("c1")
    assertSilent(detach(world, second))
    expect(findLink(world, hostEnd(second))).toBeUndefined()
    expect(getLink(world, taken).operstate).toBe("DOWN")
  })

  it("takes container IDs of any length", () => {
    const who = { ...attachment("c1"), containerId: "a".repeat(300) }
    world.addContainer("c1")
    const attached = attach(world, who, bridgeConf())
    expect(getLink(world, hostEnd(attached)).ifalias).toMatch(/^patchbay #[0-9a-f]{8} #[0-9a-f]{8} eth0$/)
    assertSilent(recheck(world, attached))
    assertSilent(detach(world, attached))
    expect(findLink(world, hostEnd(attached))).toBeUndefined()
  })
})

describe("several attachments", () => {
  it("of one container have lives of their own", () => {
    const first = attach(world, "c1", bridgeConf({ isGateway: true }))
    const second = attach(world, attachment("c1", "net1"), bridgeConf(addresses("10.2.0.2/24")))
    for (const each of [first, second]) assertSilent(recheck(world, each))
    assertSilent(detach(world, first))
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
    assertSilent(recheck(world, second))
    expect(listAddresses(world, "net1", "c1")).toEqual(["10.2.0.2/24"])
  })

  it("of two networks can share a bridge", () => {
    const one = bridgeConf({ name: "one", isGateway: true, ...addresses("fd01::2/64") })
    const two = bridgeConf({ name: "two", isGateway: true, ...addresses("fd02::2/64") })
    const first = attach(world, "c1", one)
    const second = attach(world, attachment("c1", "eth1"), two)
    expect(listAddresses(world, "br0")).toEqual(expect.arrayContaining(["fd01::1/64", "fd02::1/64"]))
    assertSilent(detach(world, first))
    assertSilent(recheck(world, second))
    waitForPing(world, "fd02::1", "c1")
    expect(canPing(world, "fd01::2")).toBe(false)
  })
})

describe("the world", () => {
  const config = bridgeConf({
    isDefaultGateway: true,
    hairpinMode: true,
    mtu: 1400,
    ipam: {
      type: "static",
      addresses: [{ address: "10.1.0.2/24" }, { address: "fd01::2/64" }],
      routes: [{ dst: "10.7.0.0/16", table: 100 }],
    },
  })

  beforeEach(() => {
    assertSilent(detach(world, attach(world, "warm", config)))
    world.addContainer("c1")
  })

  it("is the same after ADD and DEL", () => {
    const before = snapshot(world)
    const attached = attach(world, "c1", config)
    expect(difference(before, snapshot(world)).length).toBeGreaterThan(5)
    assertSilent(detach(world, attached))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("is not changed by CHECK, STATUS, a second DEL, or a second GC", () => {
    const kept = attach(world, "c1", config)
    const gone = attach(world, "c2", { ...config, ...addresses("10.1.0.3/24") })
    assertSilent(detach(world, gone))
    const before = snapshot(world)
    assertSilent(recheck(world, kept))
    assertSilent(bridge(world, "STATUS", {}, config))
    assertSilent(detach(world, gone))
    const { containerId, ifname } = kept.who
    const list = { "cni.dev/valid-attachments": [{ containerID: containerId, ifname }] }
    for (let round = 0; round < 2; round++) assertSilent(bridge(world, "GC", {}, { ...config, ...list }))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("has the bridge, its address and forwarding for good", () => {
    expect(listAddresses(world, "br0")).toEqual(["10.1.0.1/24", "fd01::1/64"])
    expect(readSetting(world, "net/ipv4/ip_forward")).toBe("1")
    expect(readSetting(world, "net/ipv6/conf/all/forwarding")).toBe("1")
  })
})
