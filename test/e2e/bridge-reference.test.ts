// The bridge plugin beside the reference's: the same results to the byte, and a node switched in place, both ways.

import { type BridgeConf, bridgeConf } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { listLinks, settle, shell, waitForPing } from "../kit/observation.ts"
import { type Answer, assertSilent, attachment, cni, resultOf } from "../kit/plugin.ts"
import { ensureReference } from "../kit/reference.ts"
import { pluginFolder } from "../kit/repository.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World
/** The folders of the reference plugins by Debian's suite. */
const references = { sid: "", bookworm: "" }

beforeAll(() => {
  for (const suite of ["sid", "bookworm"] as const) references[suite] = ensureReference(suite).directory
}, 300_000)

beforeEach(async () => {
  world = await createWorld()
  world.addContainer("c1")
})

afterEach(() => world.remove())

const run = (folder: string, verb: string, config: object): Answer =>
  cni(world, { plugin: "bridge", folder, verb, config, ...attachment("c1") })

const ipam = (more: object) => ({ ipam: { type: "static", ...more } })
const both = { addresses: [{ address: "10.1.0.2/24" }, { address: "fd01::2/64" }] }
const gateways = {
  addresses: [
    { address: "10.1.0.2/24", gateway: "10.1.0.1" },
    { address: "fd01::2/64", gateway: "fd01::1" },
  ],
}
const routes = [
  { dst: "10.7.0.0/16" },
  { dst: "10.8.0.0/16", gw: "10.1.0.9", priority: 5, table: 77, scope: 0 },
  { dst: "fd07::/48", gw: "fd01::9", mtu: 1300, advmss: 1200 },
]
const dns = { nameservers: ["10.1.0.53"], domain: "a<b>&c.example", search: ["x.example"], options: ["ndots:3"] }

const hostLocal = {
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]],
    routes: [{ dst: "10.0.0.0/8" }],
  },
}

const all = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
const withoutOldest = all.slice(2)

describe("the result is the reference's to the byte", () => {
  it.each<[string, object, readonly string[]]>([
    ["with one address", ipam({ addresses: [{ address: "10.1.0.2/24" }] }), all],
    ["with two families", ipam(both), all],
    ["with an IPv6 address alone", ipam({ addresses: [{ address: "fd01::2/64" }] }), all],
    [
      "with two addresses of a family",
      ipam({ addresses: [...both.addresses, { address: "10.2.0.2/24" }] }),
      withoutOldest,
    ],
    ["as a gateway", { isGateway: true, ...ipam(both) }, all],
    ["as the default gateway", { isDefaultGateway: true, ...ipam(both) }, all],
    ["with gateways that it is not", ipam(gateways), all],
    ["with routes", ipam({ ...gateways, routes }), all],
    [
      "as the default gateway beside other routes",
      { isDefaultGateway: true, ...ipam({ ...gateways, routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }, ...routes] }) },
      all,
    ],
    ["with the address plugin's dns", ipam({ ...both, dns }), all],
    ["with dns of its own", { dns, ...ipam({ ...both, dns: { domain: "other" } }) }, all],
    ["with an empty list in dns", { dns: { search: [] }, ...ipam({ ...both, dns }) }, all],
    ["with a domain alone", { dns: { domain: "one" }, ...ipam({ ...both, dns }) }, all],
    ["without ipam", { ipam: {} }, withoutOldest],
    ["without ipam, but with dns", { ipam: {}, dns }, withoutOldest],
    ["with a MAC", { runtimeConfig: { mac: "02:00:00:00:00:0A" }, ...ipam(both) }, withoutOldest],
    [
      "with an MTU, hairpin mode and isolation",
      { mtu: 1400, hairpinMode: true, portIsolation: true, ...ipam(both) },
      all,
    ],
    ["in promiscuous mode", { promiscMode: true, forceAddress: true, ...ipam(both) }, all],
    ["with host-local's addresses", { isDefaultGateway: true, ...hostLocal }, all],
    [
      "with keys in other spellings",
      { ISGATEWAY: true, Mtu: 1300, IPAM: { Type: "static", Addresses: both.addresses } },
      all,
    ],
  ])("%s", (_, more, versions) => {
    for (const cniVersion of versions) {
      const config = bridgeConf({ cniVersion, ipam: undefined, ...more })
      const [theirs, ours] = [references.sid, pluginFolder()].map(folder => resultOnFreshNode(folder, config))
      expect(withoutMtu(normalise(ours ?? ""), cniVersion)).toBe(normalise(theirs ?? ""))
    }
  })

  /** Returns what ADD prints on a node without a bridge. */
  function resultOnFreshNode(folder: string, config: BridgeConf): string {
    const answer = run(folder, "ADD", config)
    resultOf(answer)
    // Not by DEL: each link that goes takes the kernel 20 ms, and these go side by side.
    const remove =
      "ip link delete br0 & nsenter --net=/run/netns/c1 ip link delete eth0 & wait; rm -rf /var/lib/cni/networks"
    shell(world, remove)
    return answer.stdout
  }

  const normalise = (text: string) =>
    text.replace(/veth[0-9a-f]{8}/g, "vethNAME").replace(/(?!02:00:00)[0-9a-f]{2}(:[0-9a-f]{2}){5}/g, "MAC")

  /** Takes out the one thing that we say and the reference does not: the MTU of each interface. */
  function withoutMtu(text: string, cniVersion: string): string {
    if (cniVersion !== "1.1.0") return text
    const lines = text.split("\n")
    const kept = lines.filter(line => !/^ {12}"mtu": \d+,$/.test(line))
    expect(lines.length - kept.length).toBe(3)
    return kept.join("\n")
  }
})

describe.each([
  ["sid", "1.1.0"],
  ["bookworm", "1.0.0"],
] as const)("with the reference of %s and version %s", (suite, cniVersion) => {
  let theirs: string
  const ours = pluginFolder()
  const config = bridgeConf({
    cniVersion,
    isDefaultGateway: true,
    hairpinMode: true,
    mtu: 1400,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.1.0.0/24" }], [{ subnet: "fd01::/64" }]] },
  })

  beforeEach(() => {
    theirs = references[suite]
    for (const folder of [theirs, ours]) {
      resultOf(run(folder, "ADD", config))
      settle(world)
      assertSilent(run(folder, "DEL", config))
    }
  })

  it("its ADD satisfies our CHECK, and our DEL leaves nothing", () => {
    const before = snapshot(world)
    const prevResult = resultOf(run(theirs, "ADD", config))
    settle(world)
    waitForPing(world, "fd01::1", "c1")
    assertSilent(run(ours, "CHECK", { ...config, prevResult }))
    assertSilent(run(ours, "DEL", { ...config, prevResult }))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("its ADD is removed by our DEL without prevResult, and when the namespace is gone", () => {
    const before = snapshot(world)
    for (const spoil of [() => undefined, () => world.removeContainer("c1")]) {
      resultOf(run(theirs, "ADD", config))
      spoil()
      assertSilent(run(ours, "DEL", config))
    }
    world.addContainer("c1")
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("our ADD satisfies its CHECK, and its DEL leaves nothing but a note of ours, which our DEL or GC removes", () => {
    const before = snapshot(world)
    const prevResult = resultOf(run(ours, "ADD", config))
    waitForPing(world, "10.1.0.1", "c1")
    assertSilent(run(theirs, "CHECK", { ...config, prevResult }))
    assertSilent(run(theirs, "DEL", { ...config, prevResult }))
    const left = difference(before, snapshot(world))
    expect(left).toEqual([expect.stringMatching(/^\+ file \/var\/lib\/cni\/networks\/\.owners\/net\/c1:eth0: /)])
    assertSilent(run(ours, "DEL", { ...config, prevResult }))
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("both can have containers on one bridge", () => {
    world.addContainer("c2")
    resultOf(run(theirs, "ADD", config))
    const second = cni(world, { plugin: "bridge", verb: "ADD", config, ...attachment("c2") })
    const { ips } = resultOf(second) as { ips: { address: string }[] }
    for (const { address } of ips) waitForPing(world, address.replace(/\/.*/, ""), "c1")
    expect(listLinks(world).filter(({ master }) => master === "br0")).toHaveLength(2)
  })
})
