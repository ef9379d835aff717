// What the bridge plugin tells the container's neighbours, and asks them: announcements and duplicate address detection.

import { addresses, attach, bridge, bridgeConf, detach } from "../kit/bridge-network.ts"
import { createWorld, type Running, type World, waitUntil } from "../kit/namespaces.ts"
import { findNeighbour, readSetting, shell, waitForPing, writeSetting } from "../kit/observation.ts"
import { assertCniError, assertSilent, attachment } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeEach(async () => {
  world = await createWorld()
})

afterEach(() => world.remove())

const conf = (n: number, more: object = {}) =>
  bridgeConf({ isGateway: true, ...addresses(`10.1.0.${n}/24`, `fd01::${n}/64`), ...more })

/** Starts to print the frames that an interface sees, and waits until it does. */
async function listen(filter: string, device: string, container?: string): Promise<Running> {
  const options = container === undefined ? {} : { container }
  const argv = ["tcpdump", "-Z", "root", "-l", "-n", "-e", "--immediate-mode", "-i", device, filter]
  const listener = world.start(argv, options)
  await listener.waitForOutput(/listening on/)
  return listener
}

describe("after ADD, a neighbour on the bridge", () => {
  it("sees a gratuitous ARP and an unsolicited neighbour advertisement from the new MAC", async () => {
    attach(world, "c1", conf(2))
    const listener = await listen("arp or icmp6", "eth0", "c1")
    const mac = attach(world, "c2", conf(3)).result.interfaces[2]?.mac
    await listener.waitForOutput(new RegExp(`${mac} > ff:ff:ff:ff:ff:ff.*who-has 10\\.1\\.0\\.3 .*tell 10\\.1\\.0\\.3`))
    await listener.waitForOutput(new RegExp(`${mac} > 33:33:00:00:00:01.*neighbor advertisement, tgt is fd01::3`))
  })

  it.each([
    ["IPv4", "10.1.0.3"],
    ["IPv6", "fd01::3"],
  ])("that knew an %s address of an earlier container sends to the new one", (_, address) => {
    attach(world, "c1", conf(2))
    const first = attach(world, "c2", conf(3))
    waitForPing(world, address, "c1")
    // The kernel does not believe a second MAC within a second of the first (locktime).
    writeSetting(world, "net/ipv4/neigh/eth0/locktime", "0", "c1")
    assertSilent(detach(world, first))
    expect(findNeighbour(world, address, "c1")?.lladdr).toBe(first.result.interfaces[2]?.mac)
    const second = attach(world, "c3", conf(3))
    const mac = second.result.interfaces[2]?.mac
    waitUntil(`c1 to learn ${mac}`, () => findNeighbour(world, address, "c1")?.lladdr === mac)
    waitForPing(world, address, "c1")
  })
})

describe("enabledad", () => {
  const probes = "icmp6 and src :: and ip6[40] == 135"

  it("absent, asks nobody whether an address is in use", async () => {
    attach(world, "c1", conf(2))
    const listener = await listen(probes, "br0")
    attach(world, "c2", conf(3))
    waitForPing(world, "fd01::3", "c1")
    listener.kill("SIGINT")
    expect((await listener.done).stdout).not.toMatch(/fd01::3/)
  })

  it("has the kernel ask, and waits until the address can be used", async () => {
    attach(world, "c1", conf(2))
    const listener = await listen(probes, "br0")
    attach(world, "c2", conf(3, { enabledad: true }))
    expect(world.output(["ip", "-6", "addr", "show", "dev", "eth0", "tentative"], { container: "c2" })).toBe("")
    await listener.waitForOutput(/neighbor solicitation, who has fd01::3/)
    expect(readSetting(world, "net/ipv6/conf/eth0/accept_dad", "c2")).toBe("1")
    expect(readSetting(world, "net/ipv6/conf/eth0/enhanced_dad", "c2")).toBe("1")
    waitForPing(world, "fd01::3", "c1")
  })

  it("finds a duplicate on the bridge: ADD fails and is undone, and the holder keeps its address", () => {
    attach(world, "c1", conf(2))
    assertSilent(detach(world, attach(world, "warm", conf(9))))
    world.addContainer("c2")
    const before = snapshot(world)
    const duplicate = conf(3, { enabledad: true, ...addresses("10.1.0.3/24", "fd01::2/64") })
    const answer = bridge(world, "ADD", attachment("c2"), duplicate)
    assertCniError(answer, 999, /eth0 has address fd01::2 in DADFAILED state/)
    expect(difference(before, snapshot(world))).toEqual([])
    shell(world, "ip neigh flush dev br0")
    waitForPing(world, "fd01::2")
  })
})
