// The test kit under the test kernel: what the snapshot can only see where the kernel has the device types.

import { createWorld, type World } from "../kit/namespaces.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeAll(async () => {
  if (process.env.PATCHBAY_IN_KERNEL !== "1")
    throw new Error("test/kernel runs under the test kernel: see test/kit/kernel.ts")
  world = await createWorld()
  world.addContainer("c1")
  const setUp = `set -e
    ip link add br0 type bridge vlan_filtering 1
    ip link add v0 type veth peer name eth0 netns c1
    ip link set v0 master br0
    ip link add up0 type veth peer name up1`
  world.output(["sh", "-c", setUp])
})

afterAll(() => world.remove())

const changes: readonly [string, string, string, RegExp][] = [
  [
    "a VLAN of a port",
    "bridge vlan add dev v0 vid 100 pvid",
    "bridge vlan del dev v0 vid 100; bridge vlan add dev v0 vid 1 pvid untagged",
    /^~ host bridge vlan v0: \+ .*vlan 100/m,
  ],
  [
    "a VLAN of the bridge",
    "bridge vlan add dev br0 vid 7 self",
    "bridge vlan del dev br0 vid 7 self",
    /^~ host bridge vlan br0: \+ "vlan 7"$/m,
  ],
  ["a dummy", "ip link add d0 type dummy", "ip link delete d0", /^\+ host link d0: .*"info_kind":"dummy"/m],
  [
    "a VLAN link in a container",
    "ip link add link up0 name vlan5 netns c1 type vlan id 5",
    "nsenter --net=/run/netns/c1 ip link delete vlan5",
    /^\+ c1 link vlan5: .*"link":"host\/up0"/m,
  ],
  [
    "a VRF's table",
    "ip link add vrf0 type vrf table 9",
    "ip link delete vrf0; ip rule del pref 1000; ip -6 rule del pref 1000",
    /^\+ host link vrf0: .*"table":9/m,
  ],
  [
    "a clsact filter",
    "tc qdisc add dev up0 clsact; tc filter add dev up0 egress matchall action drop",
    "tc qdisc del dev up0 clsact",
    /^\+ host dev up0 egress .*matchall/m,
  ],
]

it.each(changes)("the snapshot sees %s, and its removal restores identity", (_, change, restore, expected) => {
  const before = snapshot(world)
  world.output(["sh", "-ec", change])
  const changed = difference(before, snapshot(world))
  world.output(["sh", "-ec", restore])
  const left = difference(before, snapshot(world))
  expect(changed.join("\n")).toMatch(expected)
  expect(left).toEqual([])
})
