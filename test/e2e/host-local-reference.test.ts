// host-local beside the reference's: the same answers to the byte, the same files, and both at work on one folder.

import { writeFileSync } from "node:fs"
import {
  AddressPool,
  addressesOf,
  type CallOptions,
  CONTAINER,
  type Maker,
  type PoolOptions,
} from "../kit/address-pool.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, assertCniError, assertSilent } from "../kit/plugin.ts"

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer(CONTAINER)
  const text = "nameserver 10.0.0.53\nnameserver fd00::53\n# no\ndomain d.test\nsearch a.test b.test\noptions ndots:5\n"
  writeFileSync(world.outside("/etc/cni/resolv.conf"), text)
})

afterAll(() => world.remove())

const makers: readonly Maker[] = ["ours", "reference"]
let networks = 0

/** Two networks of one name in folders of their own: one for us, one for the reference. */
function twins(options: PoolOptions): Record<Maker, AddressPool> {
  const network = `net${networks++}`
  const pool = (maker: Maker) => new AddressPool(world, { network, dataDir: `/var/lib/cni/${maker}`, ...options })
  return { ours: pool("ours"), reference: pool("reference") }
}

/** One network that both work on. */
const shared = (options: PoolOptions = {}) => new AddressPool(world, { network: `net${networks++}`, ...options })

/** What a caller reads: the answer to the byte, or an error's message. */
function saying({ status, stdout, json }: Answer): string {
  return status === 0 ? stdout : (json as { msg: string }).msg
}

/** Runs the same calls on twins, and expects the same answers and the same files. */
function expectTwins(options: PoolOptions, calls: [verb: string, id: string, options?: CallOptions][]): void {
  const pools = twins(options)
  for (const [verb, id, call = {}] of calls) {
    const [ours, theirs] = makers.map(by => saying(pools[by].call(verb, id, { ...call, by })))
    expect([verb, id, ours]).toEqual([verb, id, theirs])
    expect(pools.ours.files()).toEqual(pools.reference.files())
  }
}

const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
const dualStack = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:1::/64" }]] }
const oneAddress = { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.9" }
const fullRoute = { dst: "10.0.0.0/8", gw: "10.1.2.3", mtu: 1400, advmss: 1360, priority: 7, table: 100, scope: 0 }

/** Configurations of every kind: what differs from a plain network. */
const answered: [string, PoolOptions, CallOptions?][] = [
  ["one range", {}],
  ["the old style", { ipam: { subnet: "10.1.2.0/24", rangeStart: "10.1.2.20", gateway: "10.1.2.254" } }],
  ["both styles", { ipam: { subnet: "10.1.2.0/24", ranges: [[{ subnet: "fd00:1::/64" }]] } }],
  ["two families", { ipam: dualStack }],
  ["a range of one address", { ipam: { ranges: [[oneAddress]] } }],
  ["a gateway elsewhere", { ipam: { ranges: [[{ subnet: "10.1.2.0/30", gateway: "10.9.9.9" }]] } }],
  ["IPv6 in an odd form", { ipam: { ranges: [[{ subnet: "FD00:0:0::0/64", rangeStart: "fd00::0:a" }]] } }],
  [
    "routes of both families",
    { ipam: { ...dualStack, routes: [{ dst: "0.0.0.0/0" }, { dst: "FD00:2::/64", gw: "fd00:1::9" }] } },
  ],
  ["a route with everything", { ipam: { subnet: "10.1.2.0/24", routes: [fullRoute] } }],
  ["name servers", { ipam: { subnet: "10.1.2.0/24", resolvConf: "/etc/cni/resolv.conf" } }],
  ["an address of runtimeConfig", { more: { runtimeConfig: { ips: ["10.1.2.77/24"] } } }],
  ["an address of args", { more: { args: { cni: { ips: ["10.1.2.78"] } } } }],
  ["an address of CNI_ARGS", {}, { args: "IgnoreUnknown=1;K8S_POD_NAME=p;IP=10.1.2.79" }],
  ["ranges of the runtime", { more: { runtimeConfig: { ipRanges: [[{ subnet: "fd00:9::/64" }]] } } }],
  [
    "an address for each of two sets",
    { ipam: dualStack, more: { runtimeConfig: { ips: ["fd00:1::77", "10.1.2.77"] } } },
  ],
]

describe.each(answered)("a configuration with %s", (_, options, call = {}) => {
  test.each(versions)("gets the reference's answers and files in version %s", cniVersion => {
    const calls: [string, string, CallOptions][] = [
      ["ADD", "one", call],
      ["ADD", "two", call],
      ["DEL", "one", call],
    ]
    expectTwins({ ...options, cniVersion }, calls)
  })
})

const ranges = (...sets: object[][]) => ({ ipam: { ranges: sets } })

/** Mistakes, and in which words the reference tells them. */
const refused: [string, PoolOptions, RegExp, CallOptions?][] = [
  ["no range", { ipam: {} }, /no IP ranges specified/],
  ["an empty set", ranges([]), /invalid range set 0: empty range set/],
  ["host bits", ranges([{ subnet: "10.1.2.3/24" }]), /host bits set\. .* the network address is 10\.1\.2\.0/],
  ["a subnet of one", ranges([{ subnet: "10.1.2.3/32" }]), /10\.1\.2\.3\/32 too small to allocate from/],
  ["a start elsewhere", ranges([{ subnet: "10.1.2.0/24", rangeStart: "10.1.3.1" }]), /RangeStart 10\.1\.3\.1 not in/],
  ["an end elsewhere", ranges([{ subnet: "10.1.2.0/24", rangeEnd: "10.1.3.1" }]), /RangeEnd 10\.1\.3\.1 not in/],
  ["two families in a set", ranges([{ subnet: "10.1.2.0/24" }, { subnet: "fd00::/64" }]), /mixed address families/],
  ["overlaps in a set", ranges([{ subnet: "10.1.2.0/24" }, { subnet: "10.1.0.0/16" }]), /subnets .* overlap/],
  ["sets that overlap", ranges([{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.0.0/16" }]), /set 0 overlaps with 1/],
  [
    "two addresses of one family before 0.3.0",
    { cniVersion: "0.2.0", ...ranges([{ subnet: "10.1.2.0/24" }], [{ subnet: "10.2.0.0/16" }]) },
    /CNI version 0\.2\.0 does not support more than 1 address per family/,
  ],
  ["a requested address that is none", { more: { runtimeConfig: { ips: ["x"] } } }, /invalid IP address x/],
  ["the gateway requested", { more: { runtimeConfig: { ips: ["10.1.2.1"] } } }, /requested ip 10\.1\.2\.1 is subnet's/],
  [
    "an address requested that no set has",
    {},
    /failed to allocate all requested IPs: 10\.9\.9\.9/,
    { args: "IP=10.9.9.9" },
  ],
  ["arguments of others", {}, /unknown args \["FOO=1"\]/, { args: "FOO=1" }],
  ["a bad address in CNI_ARGS", {}, /error parsing value of pair "IP=x": invalid IP address x/, { args: "IP=x" }],
]

test.each(refused)("%s: the reference's words", (_, options, words, call = {}) => {
  const pools = twins(options)
  const messages = makers.map(by => saying(pools[by].call("ADD", "one", { ...call, by })))
  expect(messages[0]).toMatch(words)
  expect(messages[1]).toMatch(words)
})

test("a full range, a duplicate and a taken address are told in the reference's words", () => {
  const one = { runtimeConfig: { ips: ["10.1.2.4"] } }
  expectTwins(ranges([{ subnet: "10.1.2.0/29", rangeStart: "10.1.2.4" }]), [
    ["ADD", "one"],
    ["ADD", "one"],
    ["ADD", "one", { ifname: "eth1" }],
    ["ADD", "two", { config: one }],
    ["ADD", "two"],
    ["ADD", "three"],
    ["DEL", "one"],
    ["ADD", "three"],
  ])
})

test("round robin goes the reference's way, around the end, over gaps and from range to range", () => {
  const sets = [
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.8", rangeEnd: "10.1.2.11", gateway: "10.1.2.9" },
    { subnet: "10.1.3.0/30", gateway: "10.1.3.2" },
  ]
  const steps: [string, string][] = []
  for (let i = 0; i < 14; i++) {
    steps.push(["ADD", `box${i}`])
    if (i % 3 !== 0) steps.push(["DEL", `box${i - 1}`])
    if (i === 9) for (let j = 0; j < 9; j++) steps.push(["DEL", `box${j}`])
  }
  expectTwins(ranges(sets, [{ subnet: "fd00::/125" }]), steps)
})

describe("on one folder", () => {
  test.each(makers)("what %s adds, the other removes, and nothing is left", by => {
    const pool = shared({ ipam: dualStack })
    const other = by === "ours" ? "reference" : "ours"
    const keep = pool.add("keep")
    const added = pool.call("ADD", "box", { by })
    const prevResult = added.json
    assertSilent(pool.call("CHECK", "box", { by: "ours", prevResult }))
    assertSilent(pool.call("CHECK", "box", { by: "reference", prevResult }))
    expect(Object.keys(pool.owners())).toHaveLength(4)
    assertSilent(pool.call("DEL", "box", { by: other, prevResult }))
    expect(Object.keys(pool.owners())).toEqual(keep)
    expect(addressesOf(pool.call("ADD", "box", { by: other }))).toEqual(["10.1.2.4", "fd00:1::4"])
  })

  test("neither gives an owner of the other's a second address", () => {
    const pool = shared()
    pool.add("one", { by: "reference" })
    assertCniError(pool.call("ADD", "one"), 999, /10\.1\.2\.2 has been allocated to one, duplicate allocation/)
    pool.add("two")
    assertCniError(pool.call("ADD", "two", { by: "reference" }), 999, /10\.1\.2\.3 has been allocated to two/)
    pool.add("three", { by: "reference" })
    assertCniError(pool.call("ADD", "three"), 999, /10\.1\.2\.4 has been allocated to three/)
    expect(Object.keys(pool.owners())).toEqual(["10.1.2.2", "10.1.2.3", "10.1.2.4"])
  })

  test("20 ADDs of each at once give 40 addresses, and 40 crossed DELs take all back", async () => {
    const pool = shared()
    const calls = Array.from({ length: 40 }, (_, i) => ({
      id: `box${i}`,
      by: makers[i % 2]!,
      other: makers[(i + 1) % 2]!,
    }))
    const added = await Promise.all(calls.map(({ id, by }) => pool.start("ADD", id, { by })))
    expect(new Set(added.flatMap(addressesOf)).size).toBe(40)
    expect(Object.keys(pool.owners())).toHaveLength(40)
    for (const answer of await Promise.all(calls.map(({ id, other }) => pool.start("DEL", id, { by: other })))) {
      assertSilent(answer)
    }
    expect(pool.owners()).toEqual({})
  })
})
