// The bridge plugin's CHECK: sees each loss, tells all at once, does not mind what later plugins change, changes nothing.

import { type Attached, addresses, attach, bridge, bridgeConf, hostEnd, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { getLink, shell } from "../kit/observation.ts"
import { assertCniError, assertSilent } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World
let attached: Attached

const config = bridgeConf({
  isGateway: true,
  hairpinMode: true,
  portIsolation: true,
  ipam: {
    type: "static",
    addresses: [{ address: "10.1.0.2/24" }, { address: "fd01::2/64" }],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "10.2.0.0/16", gw: "10.1.0.9", table: 300 }, { dst: "fd02::/48" }],
  },
})

beforeEach(async () => {
  world = await createWorld()
  attached = attach(world, "c1", config)
})

afterEach(() => world.remove())

/** Runs a script in which VETH stands for the host end, in the host namespace or in the container's. */
const change = (script: string, container?: string) =>
  shell(world, script.replaceAll("VETH", hostEnd(attached)), container)

describe("CHECK succeeds", () => {
  it("after ADD, and again", () => {
    for (let i = 0; i < 2; i++) assertSilent(recheck(world, attached))
  })

  it.each([
    ["another MTU", "ip link set eth0 mtu 1400"],
    ["further routes", "ip route add 10.5.0.0/16 via 10.1.0.9; ip route add default via 10.1.0.9 metric 50"],
    ["a route moved to another table", "ip -6 route del fd02::/48; ip -6 route add fd02::/48 via fd01::1 table 9"],
    ["a further address", "ip addr add 10.1.0.77/24 dev eth0"],
    ["a further interface", "ip link add mine type veth peer name other"],
    ["promiscuous and all-multicast mode", "ip link set eth0 promisc on allmulticast on"],
  ])("after a later plugin's change: %s", (_, script) => {
    change(script, "c1")
    assertSilent(recheck(world, attached))
  })

  it("after a later plugin has set another MAC, which the final result tells", () => {
    change("ip link set eth0 address 02:00:00:00:00:77", "c1")
    const [first, second, third] = attached.result.interfaces
    const interfaces = [first, second, { ...third, mac: "02:00:00:00:00:77" }]
    const result = { ...attached.result, interfaces } as Attached["result"]
    assertSilent(recheck(world, { ...attached, result }))
  })

  it("after a later plugin has added an interface of its own with addresses to the result", () => {
    const interfaces = [...attached.result.interfaces, { name: "tun0", mac: "", sandbox: attached.who.netns }]
    const ips = [...(attached.result.ips ?? []), { address: "10.77.0.2/24", gateway: "10.77.0.1", interface: 3 }]
    assertSilent(recheck(world, { ...attached, result: { ...attached.result, interfaces, ips } }))
  })

  it.each(["0.4.0", "1.0.0"])("with a result of version %s", cniVersion => {
    const other = attach(world, "c2", { ...config, cniVersion, ...addresses("10.1.0.3/24") })
    assertSilent(recheck(world, other))
  })

  it("where the bridge is called as the container's interface is", () => {
    const other = attach(world, "c2", { ...config, bridge: "eth0", ...addresses("10.7.0.3/24") })
    assertSilent(recheck(world, other))
  })

  it("for one container whatever becomes of another", () => {
    attach(world, "c2", { ...config, ...addresses("10.1.0.3/24") })
    shell(world, "ip link delete eth0", "c2")
    assertSilent(recheck(world, attached))
  })
})

describe("CHECK tells", () => {
  it.each([
    ["the interface is gone", "ip link delete eth0", /container interface eth0 not found/],
    ["another interface has its name", "ip link del eth0; ip link add eth0 type bridge", /eth0 is not of type veth/],
    [
      "an address is gone",
      "ip addr del 10.1.0.2/24 dev eth0",
      /Failed to match addr 10\.1\.0\.2\/24 on interface eth0/,
    ],
    ["an IPv6 address is gone", "ip addr del fd01::2/64 dev eth0", /Failed to match addr fd01::2\/64/],
    [
      "the length of an address differs",
      "ip addr del 10.1.0.2/24 dev eth0; ip addr add 10.1.0.2/25 dev eth0",
      /10\.1\.0\.2\/24/,
    ],
    ["the default route is gone", "ip route del default", /Expected Route 0\.0\.0\.0\/0 not found/],
    ["an IPv6 route is gone", "ip -6 route del fd02::/48", /Expected Route fd02::\/48 not found/],
    ["a route of another table is gone", "ip route flush table 300", /Expected Route 10\.2\.0\.0\/16 via 10\.1\.0\.9/],
    [
      "a route has another next hop",
      "ip route replace 10.2.0.0/16 via 10.1.0.8 table 300",
      /Expected Route 10\.2\.0\.0\/16 via 10\.1\.0\.9/,
    ],
    ["the interface is down", "ip link set eth0 down", /container interface eth0 is down/],
    ["the MAC differs", "ip link set eth0 address 02:00:00:00:00:77", /eth0 Mac doesn't match: .*02:00:00:00:00:77/],
  ])("in the container: %s", (_, script, pattern) => {
    change(script, "c1")
    assertCniError(recheck(world, attached), 999, pattern)
  })

  it.each([
    ["the bridge is gone", "ip link delete br0", /bridge interface br0 not found/],
    ["something else has the bridge's name", "ip link del br0; ip link add br0 type veth", /br0 is not a bridge/],
    ["the bridge's MAC differs", "ip link set br0 address 02:00:00:00:00:77", /br0 Mac doesn't match/],
    ["the bridge is down", "ip link set br0 down", /bridge br0 is down/],
    ["the port is out of the bridge", "ip link set VETH nomaster", /CNI veth created for bridge br0 was not found/],
    [
      "the port is in another bridge",
      "ip link add br1 type bridge; ip link set VETH master br1",
      /CNI veth created for bridge br0 was not found/,
    ],
    ["the port is down", "ip link set VETH down", /port veth[0-9a-f]{8} is down/],
    ["hairpin mode is off", "bridge link set dev VETH hairpin off", /hairpin mode of port .* is off/],
    ["isolation is off", "bridge link set dev VETH isolated off", /port .* is not isolated/],
    ["the gateway's address is gone", "ip addr del 10.1.0.1/24 dev br0", /Failed to match addr 10\.1\.0\.1\/24 .*br0/],
    ["the gateway's IPv6 address is gone", "ip addr del fd01::1/64 dev br0", /Failed to match addr fd01::1\/64 .*br0/],
  ])("on the host: %s", (_, script, pattern) => {
    change(script)
    assertCniError(recheck(world, attached), 999, pattern)
  })

  it("the bridge is not promiscuous any more", () => {
    const promiscuous = bridgeConf({ bridge: "br1", promiscMode: true, ...addresses("10.7.0.2/24") })
    const other = attach(world, "c2", promiscuous)
    assertSilent(recheck(world, other))
    shell(world, "ip link set br1 promisc off")
    assertCniError(recheck(world, other), 999, /bridge br1 is not promiscuous/)
  })

  it("everything that is wrong at once", () => {
    change("ip addr del fd01::2/64 dev eth0; ip link set eth0 down", "c1")
    change("bridge link set dev VETH hairpin off; ip addr flush dev br0")
    const { details = "" } = assertCniError(recheck(world, attached), 999, /container interface eth0 is down/)
    for (const what of [/fd01::2\/64/, /hairpin/, /10\.1\.0\.1\/24/, /fd01::1\/64/]) expect(details).toMatch(what)
  })

  it("it lacks prevResult", () => {
    assertCniError(bridge(world, "CHECK", attached.who, config), 7, /Required prevResult missing/)
  })

  it("prevResult is of another namespace", () => {
    world.addContainer("c2")
    const other = { ...attached, who: { ...attached.who, netns: "/run/netns/c2" } }
    assertCniError(
      recheck(world, other),
      999,
      /Sandbox in prevResult \/run\/netns\/c1 doesn't match configured netns: \/run\/netns\/c2/,
    )
  })

  it("the namespace is gone", () => {
    world.removeContainer("c1")
    assertCniError(recheck(world, attached), 999, /no such file or directory/)
  })

  it("the address plugin's error, with its own code", () => {
    const moved = { ...attached, config: { ...config, ...addresses("10.1.0.99/24") } }
    assertCniError(
      recheck(world, moved),
      999,
      /static: Failed to match addr 10\.1\.0\.99\/24[\s\S]*plugin static failed on CHECK/,
    )
  })

  it("that a configuration of before 0.4.0 has no CHECK", () => {
    const old = { ...attached, config: { ...config, cniVersion: "0.3.1" } }
    assertCniError(recheck(world, old), 1, /config version does not allow CHECK/)
  })
})

it("CHECK changes nothing, whole or not", () => {
  const whole = snapshot(world)
  assertSilent(recheck(world, attached))
  expect(difference(whole, snapshot(world))).toEqual([])
  change("ip addr del 10.1.0.2/24 dev eth0; ip route del default || :", "c1")
  change("ip link set VETH nomaster; ip link set br0 down; ip addr flush dev br0")
  expect(getLink(world, "br0").flags).not.toContain("UP")
  const broken = snapshot(world)
  assertCniError(recheck(world, attached), 999, /./)
  expect(difference(broken, snapshot(world))).toEqual([])
})
