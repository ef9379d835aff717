// Addresses, gateways, routes and name resolution that the bridge plugin makes of an address plugin's result.

import { addresses, attach, bridge, bridgeConf, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import {
  getLink,
  listAddresses,
  listRoutes,
  readSetting,
  shell,
  waitForPing,
  writeSetting,
} from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const ipam = (more: object) => ({ ipam: { type: "static", ...more } })
const dualStack = addresses("10.1.0.2/24", "fd01::2/64")
const onlyIpv4 = { addresses: [{ address: "10.1.0.2/24", gateway: "10.1.0.1" }] }
const onlyIpv6 = { addresses: [{ address: "fd01::2/64", gateway: "fd01::1" }] }
const both = { addresses: [...onlyIpv4.addresses, ...onlyIpv6.addresses] }

const wayOf = ({ dst, gateway, dev }: { dst: string; gateway?: string; dev?: string }) => [dst, gateway, dev]

describe("isGateway", () => {
  it("gives the bridge the first address of each subnet, and turns forwarding on", () => {
    const { result } = attach(world, "c1", bridgeConf({ isGateway: true, ...dualStack }))
    expect(listAddresses(world, "br0")).toEqual(["10.1.0.1/24", "fd01::1/64"])
    expect(result.ips?.map(({ gateway }) => gateway)).toEqual(["10.1.0.1", "fd01::1"])
    expect(listRoutes(world, "c1")).toEqual([])
    expect(readSetting(world, "net/ipv4/ip_forward")).toBe("1")
    expect(readSetting(world, "net/ipv6/conf/all/forwarding")).toBe("1")
  })

  it("gives the bridge the gateway's address where the address plugin names one", () => {
    const given = ipam({ addresses: [{ address: "10.1.0.2/24", gateway: "10.1.0.254" }] })
    attach(world, "c1", bridgeConf({ isGateway: true, ...given }))
    expect(listAddresses(world, "br0")).toEqual(["10.1.0.254/24"])
    waitForPing(world, "10.1.0.254", "c1")
  })

  it.each([
    ["IPv4", onlyIpv4, "1", "0"],
    ["IPv6", onlyIpv6, "0", "1"],
  ])("turns forwarding on for %s alone if that is all there is", (_, given, ipv4, ipv6) => {
    attach(world, "c1", bridgeConf({ isGateway: true, ...ipam(given) }))
    expect(readSetting(world, "net/ipv4/ip_forward")).toBe(ipv4)
    expect(readSetting(world, "net/ipv6/conf/all/forwarding")).toBe(ipv6)
  })

  it("writes no setting that is right already: a read-only /proc/sys is no obstacle", () => {
    const config = bridgeConf({ isGateway: true, ...dualStack })
    attach(world, "c1", config)
    world.addContainer("c2")
    shell(world, "mount -t tmpfs tmpfs /mnt; mkdir /mnt/sys; mount --bind /proc/sys /mnt/sys")
    const launcher = ["strace", "-qq", "-o", "/run/writes", "-e", "trace=openat", "-e", "status=successful"]
    attach(world, attachment("c2"), { ...config, ...addresses("10.1.0.3/24", "fd01::3/64") }, { launcher })
    const opened = world.output(["cat", "/run/writes"]).split("\n")
    const written = opened.filter(line => line.includes("/proc/sys/") && /O_WRONLY|O_RDWR/.test(line))
    expect(written.filter(line => !line.includes("/eth0/"))).toEqual([])
  })

  it("leaves an address that the bridge has already", () => {
    attach(world, "c1", bridgeConf({ isGateway: true, ...dualStack }))
    const before = snapshot(world, [])
    attach(world, "c2", bridgeConf({ isGateway: true, ...addresses("10.1.0.3/24", "fd01::3/64") }))
    const changes = difference(before, snapshot(world, []))
    expect(changes.filter(line => / address br0 |dev br0/.test(line))).toEqual([])
  })
})

describe("isDefaultGateway", () => {
  it("makes the gateway the default route of each family", () => {
    const { result } = attach(world, "c1", bridgeConf({ isDefaultGateway: true, ...dualStack }))
    expect(listRoutes(world, "c1").map(wayOf)).toEqual([
      ["default", "10.1.0.1", "eth0"],
      ["default", "fd01::1", "eth0"],
    ])
    expect(result.routes).toEqual([
      { dst: "0.0.0.0/0", gw: "10.1.0.1" },
      { dst: "::/0", gw: "fd01::1" },
    ])
    expect(listAddresses(world, "br0")).toEqual(["10.1.0.1/24", "fd01::1/64"])
  })

  it("adds none beside one that has a next hop", () => {
    const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }]
    attach(world, "c1", bridgeConf({ isDefaultGateway: true, ...ipam({ ...onlyIpv4, routes }) }))
    expect(listRoutes(world, "c1").map(wayOf)).toEqual([["default", "10.1.0.9", "eth0"]])
  })

  it("adds none beside one without a next hop, which gets the gateway; the same twice would be refused", () => {
    const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }]
    attach(world, "c1", bridgeConf({ isDefaultGateway: true, ...ipam({ ...both, routes }) }))
    expect(listRoutes(world, "c1").map(wayOf)).toEqual([
      ["default", "10.1.0.1", "eth0"],
      ["default", "fd01::1", "eth0"],
    ])
  })

  it("adds one beside one of another metric or table", () => {
    const routes = [
      { dst: "0.0.0.0/0", priority: 50 },
      { dst: "::/0", table: 9 },
    ]
    attach(world, "c1", bridgeConf({ isDefaultGateway: true, ...ipam({ ...both, routes }) }))
    expect(listRoutes(world, "c1")).toHaveLength(4)
  })

  it("adds one for the family that has none", () => {
    const routes = [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }]
    attach(world, "c1", bridgeConf({ isDefaultGateway: true, ...ipam({ ...both, routes }) }))
    expect(listRoutes(world, "c1").map(wayOf)).toEqual([
      ["default", "10.1.0.9", "eth0"],
      ["default", "fd01::1", "eth0"],
    ])
  })
})

describe("an address of the bridge that is in the way", () => {
  const conflict = bridgeConf({ isGateway: true, ...addresses("10.1.0.2/24") })
  const conflict6 = bridgeConf({ isGateway: true, ...addresses("fd01::2/64") })

  // The kernel keeps a mark of the first port.
  const withFormerPort = (address: string) => `
    ip link add br0 type bridge
    ip link add port type veth peer name other
    ip link set port master br0
    ip link delete port
    ip link set br0 address 02:00:00:00:00:99 up
    ip addr add ${address} dev br0 nodad`

  it.each([
    ["any IPv4 address", "10.9.0.1/16", conflict, /10\.1\.0\.1\/24[\s\S]*10\.9\.0\.1\/16/],
    ["the same one with another length", "10.1.0.1/16", conflict, /10\.1\.0\.1\/24[\s\S]*10\.1\.0\.1\/16/],
    ["an overlapping IPv6 address", "fd01::9/48", conflict6, /fd01::1\/64[\s\S]*fd01::9\/48/],
  ])("fails ADD: %s; the error names both and what to do, and all is undone", (_, present, config, pattern) => {
    shell(world, withFormerPort(present))
    writeSetting(world, "net/ipv6/conf/br0/accept_ra", "0")
    world.addContainer("c1")
    const before = snapshot(world)
    const { msg, details } = assertCniError(bridge(world, "ADD", attachment("c1"), config), 999, pattern)
    expect(msg).toMatch(/^failed to set bridge addr: "br0" already has an IP address different from /)
    expect(details).toMatch(/forceAddress/)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each([
    ["10.9.0.1/16", conflict, ["10.1.0.1/24"]],
    ["fd01::9/48", conflict6, ["fd01::1/64"]],
  ])("is replaced with forceAddress: %s", (present, config, want) => {
    shell(world, `ip link add br0 type bridge; ip link set br0 up; ip addr add ${present} dev br0 nodad`)
    const { address } = getLink(world, "br0")
    const { result } = attach(world, "c1", { ...config, forceAddress: true })
    expect(listAddresses(world, "br0")).toEqual(want)
    expect(getLink(world, "br0").address).toBe(address)
    expect(result.interfaces[0]?.mac).toBe(address)
  })

  it("is not in the way if it is IPv6 and does not overlap", () => {
    shell(world, "ip link add br0 type bridge; ip link set br0 up; ip addr add fd02::1/64 dev br0 nodad")
    attach(world, "c1", conflict6)
    expect(listAddresses(world, "br0").toSorted()).toEqual(["fd01::1/64", "fd02::1/64"])
  })
})

describe("routes", () => {
  it("get mtu, advmss, priority, table and scope", () => {
    const routes = [
      { dst: "10.2.0.0/16" },
      { dst: "10.3.0.0/16", gw: "10.1.0.9", mtu: 1300, advmss: 1200, priority: 42 },
      { dst: "10.4.7.8/16", gw: "10.1.0.9", table: 300 },
      { dst: "10.5.0.0/16", gw: "10.1.0.9", table: 77 },
      { dst: "fd02::/48", mtu: 1290, priority: 7 },
    ]
    const attached = attach(world, "c1", bridgeConf(ipam({ ...both, routes })))
    const kept = ({ dst, gateway, metric, metrics, table }: ReturnType<typeof listRoutes>[number]) => ({
      ...{ dst, gateway, metric, table },
      ...metrics?.[0],
    })
    expect(listRoutes(world, "c1").map(kept)).toEqual(
      expect.arrayContaining([
        { dst: "10.2.0.0/16", gateway: "10.1.0.1", table: "main" },
        { dst: "10.3.0.0/16", gateway: "10.1.0.9", table: "main", metric: 42, mtu: 1300, advmss: 1200 },
        { dst: "10.4.0.0/16", gateway: "10.1.0.9", table: "300" },
        { dst: "10.5.0.0/16", gateway: "10.1.0.9", table: "77" },
        { dst: "fd02::/48", gateway: "fd01::1", table: "main", metric: 7, mtu: 1290 },
      ]),
    )
    expect(attached.result.routes).toEqual(routes)
    assertSilent(recheck(world, attached))
  })

  it("without a next hop of their own nor a gateway are on the link, in the scope that is asked for", () => {
    const routes = [{ dst: "10.2.0.0/16", scope: 253 }]
    attach(world, "c1", bridgeConf(ipam({ addresses: [{ address: "10.1.0.2/24" }], routes })))
    expect(listRoutes(world, "c1")).toEqual([
      expect.objectContaining({ dst: "10.2.0.0/16", dev: "eth0", scope: "link" }),
    ])
    expect(listRoutes(world, "c1")[0]).not.toHaveProperty("gateway")
  })

  it("that the kernel refuses fail ADD, which is undone", () => {
    const routes = [{ dst: "10.2.0.0/16" }, { dst: "10.3.0.0/16", gw: "192.0.2.1" }]
    world.addContainer("c1")
    attach(world, "warm", bridgeConf())
    const before = snapshot(world)
    const answer = bridge(world, "ADD", attachment("c1"), bridgeConf(ipam({ ...onlyIpv4, routes })))
    assertCniError(answer, 999, /10\.3\.0\.0\/16 via 192\.0\.2\.1 dev eth0: ENETUNREACH/)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("IPv6", () => {
  it("works in a namespace in which it was turned off", () => {
    world.addContainer("c1")
    for (const each of ["all", "default", "lo"]) writeSetting(world, `net/ipv6/conf/${each}/disable_ipv6`, "1", "c1")
    attach(world, attachment("c1"), bridgeConf({ isGateway: true, ...dualStack }))
    expect(listAddresses(world, "eth0", "c1")).toEqual(["10.1.0.2/24", "fd01::2/64"])
    waitForPing(world, "fd01::1", "c1")
  })

  it("addresses stay when the link goes down and up again", () => {
    attach(world, "c1", bridgeConf(dualStack))
    shell(world, "ip link set eth0 down; ip link set eth0 up", "c1")
    expect(listAddresses(world, "eth0", "c1")).toEqual(["10.1.0.2/24", "fd01::2/64"])
  })

  it("addresses can be used at once: nobody looks for duplicates", () => {
    attach(world, "c1", bridgeConf({ isGateway: true, ...dualStack }))
    expect(readSetting(world, "net/ipv6/conf/eth0/accept_dad", "c1")).toBe("0")
    expect(world.output(["ip", "-6", "addr", "show", "tentative"], { container: "c1" })).toBe("")
  })
})

describe("dns", () => {
  const given = { nameservers: ["10.1.0.53"], domain: "given.example", search: ["a.example"], options: ["ndots:2"] }
  const withDns = ipam({ ...onlyIpv4, dns: given })

  it.each([
    ["absent, is the address plugin's", {}, given],
    ["an empty object, is the address plugin's", { dns: {} }, given],
    ["nothing but null, is the address plugin's", { dns: { nameservers: null } }, given],
    ["with an empty domain, is the address plugin's", { dns: { domain: "" } }, given],
    ["with one field, replaces it as a whole", { dns: { domain: "own.example" } }, { domain: "own.example" }],
    ["with an empty list, replaces it as a whole", { dns: { search: [] } }, undefined],
  ])("%s", (_, more, want) => {
    expect(attach(world, "c1", bridgeConf({ ...withDns, ...more })).result.dns).toEqual(want)
  })

  it("counts without ipam, too", () => {
    const dns = { nameservers: ["192.0.2.53"] }
    expect(attach(world, "c1", bridgeConf({ ipam: {}, dns })).result.dns).toEqual(dns)
  })
})
