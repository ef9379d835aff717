// The bridge plugin's DEL, whatever has happened since ADD; and an ADD that finds its interface's name taken.

import {
  type Attached,
  addresses,
  attach,
  type BridgeConf,
  bridge,
  bridgeConf,
  detach,
  hostEnd,
  type More,
  recheck,
} from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { findLink, getLink, listLinks, shell } from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment } from "../kit/plugin.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"

let world: World
let attached: Attached
/** The host before ADD. */
let before: Snapshot

const config = bridgeConf({ isDefaultGateway: true, hairpinMode: true, ...addresses("10.1.0.2/24", "fd01::2/64") })

beforeEach(async () => {
  world = await createWorld()
  assertSilent(detach(world, attach(world, "warm", config)))
  world.removeContainer("warm")
  before = snapshot(world)
  attached = attach(world, "c1", config)
})

afterEach(() => world.remove())

const host = () => snapshot(world, [])

describe("DEL removes all that is the attachment's", () => {
  const gone = "umount /run/netns/c1; rm /run/netns/c1"

  it.each<[string, object, More]>([
    ["with the result of ADD", {}, {}],
    ["without prevResult", { prevResult: undefined }, {}],
    ["with prevResult null", { prevResult: null }, {}],
    ["with an empty prevResult", { prevResult: {} }, {}],
    ["with a prevResult of another version", { prevResult: { cniVersion: "0.2.0" } }, {}],
    ["with a prevResult of no version that there is", { prevResult: { cniVersion: "7.7" } }, {}],
    ["with a prevResult that is no object", { prevResult: "lost" }, {}],
    ["without CNI_NETNS", {}, { netns: undefined as never }],
    ["with an empty CNI_NETNS", {}, { netns: "" }],
    ["with a configuration of version 0.1.0", { cniVersion: "0.1.0", prevResult: undefined }, {}],
    ["with a configuration that lacks everything but its name", { bridge: undefined, ipam: undefined }, {}],
    ["when the bridge has another name now", { bridge: "other0" }, {}],
    ["when the bridge's name is impossible now", { bridge: "much-too-long-for-a-link" }, {}],
    ["when options have become invalid", { mtu: "large", vlan: 99999, hairpinMode: 7, promiscMode: true }, {}],
    ["when options are of the next release", { ipMasq: true, macspoofchk: true }, {}],
    ["with a MAC that is none", { runtimeConfig: { mac: "x" } }, {}],
    ["with CNI_ARGS that nobody knows", {}, { args: "WHAT=ever;;" }],
    ["when ipam is no object", { ipam: 5 }, {}],
    ["when ipam.type leads out of CNI_PATH", { ipam: { type: "../../sbin/reboot" } }, {}],
  ])("%s", (_, more, parameters) => {
    assertSilent(
      detach(
        world,
        { ...attached, config: { ...config } },
        { config: { ...requestOf(attached), ...more }, ...parameters },
      ),
    )
    expect(listLinks(world).filter(({ master }) => master === "br0")).toEqual([])
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
    expect(difference(before, host())).toEqual([])
  })

  it.each<[string, string]>([
    ["the interface is gone", "ip netns exec c1 ip link delete eth0"],
    ["the interface has another name", "ip netns exec c1 ip link set eth0 down name eth9"],
    ["the interface is down", "ip netns exec c1 ip link set eth0 down"],
    ["the host end has another name", "ip link set VETH name lan7"],
    ["the port is out of the bridge", "ip link set VETH nomaster"],
    ["the namespace's path is gone though it lives", gone],
    ["the namespace's path is a plain file", "umount /run/netns/c1"],
    ["the namespace's path is a folder", `${gone}; mkdir /run/netns/c1`],
  ])("when %s", (_, script) => {
    world.start(["sleep", "600"], { container: "c1" })
    shell(world, script.replaceAll("VETH", hostEnd(attached)))
    assertSilent(detach(world, attached))
    expect(listLinks(world).map(({ ifname }) => ifname)).toEqual(["lo", "br0"])
    world.killProcesses("c1")
    expect(difference(before, host())).toEqual([])
  })

  it("when the namespace is gone", () => {
    world.removeContainer("c1")
    const answer = detach(world, attached)
    assertSilent(answer)
    expect(answer.stderr).toMatch(/netns \/run\/netns\/c1: no such file or directory/)
    expect(difference(before, host())).toEqual([])
  })

  it("when the bridge is gone", () => {
    shell(world, "ip link delete br0")
    assertSilent(detach(world, attached))
    expect(listLinks(world).map(({ ifname }) => ifname)).toEqual(["lo"])
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
  })

  it("when the address plugin is not installed any more, and says so on stderr", () => {
    const answer = detach(world, attached, { path: "/nowhere" })
    assertSilent(answer)
    expect(answer.stderr).toMatch(/failed to find plugin "static" in path \[\/nowhere\].*not released/)
    expect(difference(before, host())).toEqual([])
  })

  it("again and again, and without ADD", () => {
    assertSilent(detach(world, attached))
    for (let i = 0; i < 2; i++) assertSilent(detach(world, attached))
    assertSilent(bridge(world, "DEL", attachment("c1", "never0"), config))
    assertSilent(bridge(world, "DEL", attachment("never"), config))
    expect(difference(before, host())).toEqual([])
  })

  it("so that the same attachment can be made again", () => {
    assertSilent(detach(world, attached))
    assertSilent(recheck(world, attach(world, attached.who, config)))
  })
})

/** What the runtime writes to DEL's stdin. */
function requestOf({ config: conf, result }: Attached): BridgeConf {
  return { ...conf, prevResult: result }
}

describe("DEL leaves an interface of that name that is not the attachment's:", () => {
  it.each([
    ["of another kind", "ip link add eth0 type bridge"],
    ["a pair inside the container", "ip link add eth0 type veth peer name eth1"],
  ])("%s", (_, script) => {
    shell(world, `ip link delete eth0; ${script}`, "c1")
    const answer = detach(world, attached)
    assertSilent(answer)
    expect(answer.stderr).toMatch(/interface eth0 is not this attachment's .*it stays/)
    expect(findLink(world, "eth0", "c1")).toBeDefined()
    expect(difference(before, host())).toEqual([])
  })

  it("a pair that leads to a third namespace", () => {
    world.addContainer("c3")
    shell(world, "ip link delete eth0", "c1")
    shell(world, "ip link add eth0 netns c1 type veth peer name lan0 netns c3")
    assertSilent(detach(world, attached))
    expect(findLink(world, "eth0", "c1")).toBeDefined()
  })

  it("another attachment's", () => {
    assertSilent(detach(world, attached))
    const other = attach(world, { ...attached.who, containerId: "other" }, config)
    assertSilent(detach(world, attached))
    assertSilent(recheck(world, other))
    const elsewhere = { ...attached, config: { ...config, name: "elsewhere" } }
    assertSilent(detach(world, { ...elsewhere, who: other.who }))
    assertSilent(recheck(world, other))
  })

  it("in the host, a link that has the host end's name", () => {
    const name = hostEnd(attached)
    shell(world, `ip link delete ${name}; ip link add ${name} type bridge`)
    assertSilent(detach(world, attached))
    expect(getLink(world, name).linkinfo?.info_kind).toBe("bridge")
  })
})

describe("ADD whose interface's name is taken", () => {
  const second = { ...config, ...addresses("10.1.0.3/24") }

  it("by another attachment fails and is undone, and neither it nor its DEL harms the other", () => {
    const whole = snapshot(world)
    const who = { ...attached.who, containerId: "second" }
    const answer = bridge(world, "ADD", who, second)
    assertCniError(answer, 999, /container veth name \("eth0"\) peer provided \("veth[0-9a-f]{8}"\) already exists/)
    expect(difference(whole, snapshot(world))).toEqual([])
    assertSilent(bridge(world, "DEL", who, second))
    expect(difference(whole, snapshot(world))).toEqual([])
    assertSilent(recheck(world, attached))
  })

  it("by the same attachment fails, and the first still works until DEL", () => {
    const whole = snapshot(world)
    assertCniError(bridge(world, "ADD", attached.who, config), 999, /\("eth0"\) .* already exists/)
    expect(difference(whole, snapshot(world))).toEqual([])
    assertSilent(recheck(world, attached))
    assertSilent(bridge(world, "DEL", attached.who, config))
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
  })

  it("by an interface of somebody else fails and is undone", () => {
    world.addContainer("c2")
    shell(world, "ip link add eth0 type bridge; ip addr add 10.9.0.1/24 dev eth0", "c2")
    const whole = snapshot(world)
    assertCniError(bridge(world, "ADD", attachment("c2"), second), 999, /\("eth0"\) .* already exists/)
    assertSilent(bridge(world, "DEL", attachment("c2"), second))
    expect(difference(whole, snapshot(world))).toEqual([])
  })

  it("by an alternative name of another interface fails and is undone", () => {
    world.addContainer("c2")
    shell(world, "ip link add mine type bridge; ip link property add dev mine altname eth0", "c2")
    const whole = snapshot(world)
    assertCniError(bridge(world, "ADD", attachment("c2"), second), 999, /\("eth0"\) .* already exists/)
    assertSilent(bridge(world, "DEL", attachment("c2"), second))
    expect(difference(whole, snapshot(world))).toEqual([])
  })
})
