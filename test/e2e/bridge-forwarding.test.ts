// A host that lives by router advertisements becomes a gateway: it must not lose its own IPv6 default route. The router is a
// namespace that sends the advertisements (router.c).

import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addresses, attach, bridgeConf } from "../kit/bridge-network.ts"
import { createWorld, type World, waitUntil } from "../kit/namespaces.ts"
import { ip, type ObservedRoute, readSetting, shell, writeSetting } from "../kit/observation.ts"

let world: World
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-router-"))
  execFileSync("cc", ["-static", "-O1", "-Wall", "-Werror", "-o", join(folder, "router"), join(__dirname, "router.c")])
})

afterAll(() => rmSync(folder, { recursive: true }))

beforeEach(async () => {
  world = await createWorld()
  world.addContainer("router")
  writeSetting(world, "net/ipv6/conf/default/accept_dad", "0", "router")
  const links = `
    ip link add up0 type veth peer name lan0 netns router
    ip link add up1 type veth peer name lan1 netns router
    ip link set up0 up
    ip link set up1 up`
  shell(world, links)
  shell(world, "ip link set lan0 up; ip link set lan1 up", "router")
})

afterEach(() => world.remove())

const config = bridgeConf({ isGateway: true, ...addresses("10.1.0.2/24", "fd01::2/64") })
const defaults = () => ip<ObservedRoute>(world, "-6 route show default").map(({ dev, protocol }) => [dev, protocol])
const acceptRa = (name: string) => readSetting(world, `net/ipv6/conf/${name}/accept_ra`)

/** Has the router advertise itself until the host has, or has not, the default route; its first link may not be ready yet. */
function advertise(lifetimeSec: number): void {
  const wanted = lifetimeSec > 0 ? 1 : 0
  waitUntil(
    `the host to have ${wanted} default routes`,
    () => {
      const { status } = world.run([join(folder, "router"), "lan0", String(lifetimeSec)], { container: "router" })
      return status === 0 && defaults().length === wanted
    },
    20_000,
  )
}

it("the default route learnt from a router survives, and is renewed", () => {
  advertise(1800)
  const { stderr } = attach(world, "c1", config)
  expect(readSetting(world, "net/ipv6/conf/all/forwarding")).toBe("1")
  expect(acceptRa("up0")).toBe("2")
  expect(stderr).toMatch(/net\/ipv6\/conf\/up0\/accept_ra was 1 and is 2 now/)
  expect(defaults()).toEqual([["up0", "ra"]])
  advertise(0)
  advertise(1800)
})

it("interfaces without such a route, and the defaults for new ones, stay as they are", () => {
  advertise(1800)
  attach(world, "c1", config)
  expect([acceptRa("up1"), acceptRa("lo"), acceptRa("all"), acceptRa("default")]).toEqual(["1", "1", "1", "1"])
})

it.each([
  ["a host without such a route", config, () => undefined],
  ["a gateway for IPv4 alone", { ...config, ...addresses("10.1.0.2/24") }, () => advertise(1800)],
  ["no gateway", { ...config, isGateway: false }, () => advertise(1800)],
  ["a host that forwards IPv6 already", config, () => writeSetting(world, "net/ipv6/conf/all/forwarding", "1")],
])("%s: accept_ra stays 1 everywhere, and nothing is said", (_, conf, prepare) => {
  prepare()
  const before = defaults()
  const { stderr } = attach(world, "c1", conf)
  expect(["up0", "up1", "all", "default"].map(acceptRa)).toEqual(["1", "1", "1", "1"])
  expect(stderr).toBe("")
  expect(defaults()).toEqual(before)
})

it("an interface whose accept_ra is 2 already is not spoken of", () => {
  writeSetting(world, "net/ipv6/conf/up0/accept_ra", "2")
  advertise(1800)
  const { stderr } = attach(world, "c1", config)
  expect(stderr).toBe("")
  expect(defaults()).toEqual([["up0", "ra"]])
})
