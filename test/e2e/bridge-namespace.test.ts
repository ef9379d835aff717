// The ways to name a container's namespace, and namespaces that will not do.

import { addresses, attach, bridge, bridgeConf, detach, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World, waitUntil } from "../kit/namespaces.ts"
import { findLink, listAddresses, listLinks, shell, waitForPing } from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const config = bridgeConf({ isGateway: true, ...addresses("10.1.0.2/24", "fd01::2/64") })

describe("CNI_NETNS can be", () => {
  /** Starts a process in c1 and returns its namespace's path. */
  const processPath = () => {
    const { pid } = world.start(["sleep", "600"], { container: "c1" })
    const wanted = world.output(["stat", "-L", "-c", "%i", "/run/netns/c1"])
    const path = `/proc/${pid}/ns/net`
    waitUntil("the process to enter", () => world.output(["stat", "-L", "-c", "%i", path]) === wanted)
    return path
  }
  const made = (script: string) => () => {
    shell(world, script)
    return "/run/other"
  }

  it.each<[string, () => string]>([
    ["that of a process", processPath],
    ["a symbolic link", made("ln -s /run/netns/c1 /run/other")],
    ["a link to a link", made("ln -s netns/c1 /run/first; ln -s first /run/other")],
    ["a bind mount", made("touch /run/other; mount --bind /run/netns/c1 /run/other")],
    ["written in a roundabout way", () => "/run/../run//netns/./c1"],
  ])("%s; the result repeats it word for word", (_, make) => {
    world.addContainer("c1")
    const netns = make()
    const attached = attach(world, { ...attachment("c1"), netns }, config)
    expect(attached.result.interfaces[2]?.sandbox).toBe(netns)
    expect(listAddresses(world, "eth0", "c1")).toEqual(["10.1.0.2/24", "fd01::2/64"])
    assertSilent(recheck(world, attached))
    assertSilent(detach(world, attached))
    expect(findLink(world, "eth0", "c1")).toBeUndefined()
  })
})

describe("a namespace that is the plugin's own", () => {
  it.each(["ADD", "CHECK", "DEL"])("is refused by %s with code 8 before anything is changed", verb => {
    attach(world, "warm", config)
    const before = snapshot(world)
    const prevResult = { cniVersion: "1.1.0", interfaces: [] }
    const who = { ...attachment("c1"), netns: "/proc/self/ns/net" }
    const answer = bridge(world, verb, who, { ...config, prevResult })
    assertCniError(answer, 8, /plugin's netns and netns from CNI_NETNS should not be the same/)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each(["1", "true", "TRUE"])("is used with CNI_NETNS_OVERRIDE=%s", value => {
    const env = { CNI_NETNS_OVERRIDE: value }
    const who = { ...attachment("c1"), netns: `/proc/${world.pid}/ns/net` }
    const attached = attach(world, who, config, { env })
    expect(listAddresses(world, "eth0")).toEqual(["10.1.0.2/24", "fd01::2/64"])
    assertSilent(recheck(world, attached, { env }))
    assertSilent(detach(world, attached, { env }))
    expect(listLinks(world).map(({ ifname }) => ifname)).toEqual(["lo", "br0"])
  })

  it.each(["0", "false", ""])("is not used with CNI_NETNS_OVERRIDE=%s", value => {
    const who = { ...attachment("c1"), netns: "/proc/self/ns/net" }
    assertCniError(bridge(world, "ADD", who, config, { env: { CNI_NETNS_OVERRIDE: value } }), 8, /same/)
  })
})

describe("a namespace that is none", () => {
  const missing = { ...attachment("c1"), netns: "/run/netns/missing" }

  it("is refused by ADD with code 3 before anything is changed, so that no clean-up is needed", () => {
    const before = snapshot(world)
    const { msg } = assertCniError(bridge(world, "ADD", missing, config), 3, /nothing was changed/)
    expect(msg).toBe('failed to open netns "/run/netns/missing": no such file or directory')
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each<[string, string, number, RegExp]>([
    ["a plain file", "touch /run/netns/missing", 999, /unknown FS magic/],
    ["a folder", "mkdir /run/netns/missing", 999, /unknown FS magic/],
    ["another kind of namespace", "ln -s /proc/self/ns/uts /run/netns/missing", 999, /missing.*EINVAL/],
    ["a link to nothing", "ln -s nothing /run/netns/missing", 3, /no such file or directory/],
  ])("but %s fails ADD before anything is changed", (_, script, code, pattern) => {
    shell(world, script)
    const before = snapshot(world)
    assertCniError(bridge(world, "ADD", missing, config), code, pattern)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

it("a node of its own in a namespace: the host that the plugin runs in is the one that gets the bridge", () => {
  world.addContainer("node")
  world.addContainer("c1")
  const launcher = ["nsenter", "--net=/run/netns/node"]
  attach(world, attachment("c1"), config, { launcher })
  expect(findLink(world, "br0")).toBeUndefined()
  expect(listAddresses(world, "br0", "node")).toEqual(["10.1.0.1/24", "fd01::1/64"])
  waitForPing(world, "10.1.0.2", "node")
})
