import { factsOf, parseSections, type Report, type Snapshot } from "../../kit/facts.ts"
import { difference } from "../../kit/world.ts"

const link = (ifname: string, more: object = {}): object => ({
  ifindex: 1,
  ifname,
  flags: ["UP", "LOWER_UP"],
  addr_info: [],
  ...more,
})

/** A report of one namespace in which the given sections replace empty ones; objects become a tool's JSON lines. */
function report(namespace: string, given: Readonly<Record<string, readonly (object | string)[]>>): Report {
  const empty = { ip: [[], [], [], [], [], []], ip6: [[]], qdiscs: [[]], bridges: [[], []], nft: [{ nftables: [] }] }
  const all: Record<string, readonly (object | string)[]> = { ...empty, ...given }
  const text = Object.entries(all).map(([name, lines]) => [`@@ ${name}`, ...lines.map(asLine), ""].join("\n"))
  return { namespace, sections: parseSections(text.join("")) }
}

function asLine(value: object | string): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}

function facts(given: Readonly<Record<string, readonly (object | string)[]>>): Snapshot {
  return Object.fromEntries(factsOf([report("host", given)]))
}

describe("facts of a namespace", () => {
  const rows: [string, Readonly<Record<string, readonly (object | string)[]>>, Snapshot][] = [
    ["nothing from empty output", {}, {}],
    [
      "links without carrier, numbers and timers",
      {
        ip: [
          [
            link("br0", {
              operstate: "UP",
              linkinfo: { info_data: { gc_timer: 2.5, stp_state: 0, root_id: "8000.x" } },
            }),
          ],
          ...[[], [], [], [], []],
        ],
      },
      { "host link br0": { flags: ["UP"], ifname: "br0", linkinfo: { info_data: { stp_state: 0 } } } },
    ],
    [
      "addresses without remaining life, the kernel's link-local ones left out",
      {
        ip: [
          [
            link("e", {
              addr_info: [
                { family: "inet6", local: "fe80::1470:26ff:fe9a:846b", prefixlen: 64, scope: "link" },
                { family: "inet6", local: "fe80::7a:b8ff:fe49:b2e2", prefixlen: 64, protocol: "kernel_ll" },
                { family: "inet6", local: "fe80::1", prefixlen: 64, tentative: true, valid_life_time: 4294967295 },
                { family: "inet", local: "10.0.0.1", prefixlen: 8, valid_life_time: 17, preferred_life_time: 0 },
              ],
            }),
          ],
          ...[[], [], [], [], []],
        ],
      },
      {
        "host address e 10.0.0.1/8": { family: "inet", preferred: "deprecated", valid: "limited" },
        "host address e fe80::1/64": { family: "inet6", preferred: "limited" },
        "host link e": { flags: ["UP"], ifname: "e" },
      },
    ],
    [
      "routes with all they carry in the key, counted",
      {
        ip: [
          [],
          [
            { dst: "10.0.0.0/8", dev: "a", flags: ["linkdown"], expires: 9 },
            { dst: "10.0.0.0/8", dev: "a", flags: [] },
            { dst: "fe80::/64", dev: "a", protocol: "kernel" },
            { dst: "fe80::/64", dev: "a", protocol: "static" },
            { dst: "ff00::/8", type: "multicast", protocol: "kernel" },
          ],
          ...[[], [], [], []],
        ],
      },
      {
        "host route dev a dst 10.0.0.0/8 flags []": 2,
        "host route dev a dst fe80::/64 protocol static": 1,
      },
    ],
    [
      "static forwarding entries and VLANs, learnt and multicast ones left out",
      {
        bridges: [
          [{ ifname: "v", vlans: [{ vlan: 1, flags: ["PVID"] }, { vlan: 7 }] }],
          [
            { mac: "02:00:00:00:00:01", ifname: "v", state: "permanent" },
            { mac: "02:00:00:00:00:02", ifname: "v", state: "" },
            { mac: "33:33:00:00:00:01", ifname: "v", state: "permanent" },
          ],
        ],
      },
      {
        "host bridge fdb ifname v mac 02:00:00:00:00:01 state permanent": 1,
        "host bridge vlan v": ['flags ["PVID"] vlan 1', "vlan 7"],
      },
    ],
    [
      "nft objects without handles and counters, set elements sorted, rules in order",
      {
        nft: [
          {
            nftables: [
              { metainfo: { version: "1" } },
              { table: { family: "ip", name: "t", handle: 3 } },
              { set: { family: "ip", table: "t", name: "s", handle: 4, elem: ["b", "a"] } },
              {
                rule: {
                  family: "ip",
                  table: "t",
                  chain: "c",
                  handle: 9,
                  expr: [{ counter: { packets: 1, bytes: 2 } }],
                },
              },
              { rule: { family: "ip", table: "t", chain: "c", handle: 5, expr: [{ accept: null }] } },
            ],
          },
        ],
      },
      {
        "host nft ip t chain c rules": ['{"expr":[{"counter":{}}]}', '{"expr":[{"accept":null}]}'],
        "host nft ip t set s": { elem: ['"a"', '"b"'] },
        "host nft ip table t": {},
      },
    ],
    [
      "iptables chains and rules without counters and dates, with remarks",
      {
        iptables: [
          "# Generated by iptables-save v1.8.9 (nf_tables) on Sat Nov 21 18:32:40 2026",
          "*nat",
          ":POSTROUTING ACCEPT [12:3400]",
          ":X - [0:0]",
          "-A POSTROUTING -s 10.0.0.0/8 -j X",
          "COMMIT",
          "# Completed on Sat Nov 21 18:32:40 2026",
          "# Table `filter' is incompatible, use 'nft' tool.",
        ],
      },
      {
        "host iptables nat # Table `filter' is incompatible, use 'nft' tool.": 1,
        "host iptables nat POSTROUTING": "ACCEPT",
        "host iptables nat POSTROUTING rules": ["-s 10.0.0.0/8 -j X"],
        "host iptables nat X": "-",
      },
    ],
    [
      "sysctls with their link or by folder",
      {
        ip: [[link("eth0.5")], [], [], [], [], []],
        sysctls: [
          "/proc/sys/net/ipv4/ip_forward:1",
          "/proc/sys/net/ipv4/conf/all/forwarding:1",
          "/proc/sys/net/ipv6/conf/eth0.5/accept_ra:2",
          "/proc/sys/net/netfilter/nf_conntrack_count:77",
        ],
      },
      {
        "host link eth0.5": { flags: ["UP"], ifname: "eth0.5", "ipv6.conf.accept_ra": "2" },
        "host sysctl ipv4": { ip_forward: "1" },
        "host sysctl ipv4.conf.all": { forwarding: "1" },
      },
    ],
  ]
  it.each(rows)("are %s", (_, given, want) => {
    expect(facts(given)).toEqual(want)
  })

  it("name a link's other end in another namespace, whichever numbers collide", () => {
    const ip = (links: object[]): { ip: object[] } => ({ ip: [links, [], [], [], [], []] })
    const host = report(
      "host",
      ip([
        link("v1", { ifindex: 5, link_index: 2, link_netnsid: 0 }),
        link("v2", { ifindex: 6, link_index: 2, link_netnsid: 1 }),
        link("gone", { ifindex: 7, link_index: 99, link_netnsid: 2 }),
      ]),
    )
    const c1 = report("c1", ip([link("eth0", { ifindex: 2, link_index: 5, link_netnsid: 0 })]))
    const c2 = report("c2", ip([link("eth0", { ifindex: 2, link_index: 6, link_netnsid: 0 })]))
    const c3 = report("c3", ip([link("mac0", { ifindex: 3, link_index: 6, link_netnsid: 0 })]))
    const found = Object.fromEntries(factsOf([host, c1, c2, c3]))
    const ends = Object.entries(found).map(([key, value]) => `${key} ${(value as { link?: string }).link}`)
    expect(ends).toEqual([
      "c1 link eth0 host/v1",
      "c2 link eth0 host/v2",
      "c3 link mac0 host/v2",
      "host link gone elsewhere",
      "host link v1 c1/eth0",
      "host link v2 c2/eth0",
    ])
  })

  it("refuse output that is missing a line", () => {
    expect(() => factsOf([report("c1", { ip: [[], []] })])).toThrow('c1: section "ip" has no output line 2')
  })
})

describe("difference", () => {
  const rows: [string, Snapshot, Snapshot, string[]][] = [
    ["nothing between equals, whatever the order of keys", { a: { x: 1 }, b: 1 }, { b: 1, a: { x: 1 } }, []],
    ["a new fact", {}, { "host route r": 1 }, ["+ host route r"]],
    ["a fact that is gone, with its value", { f: { mode: "0644" } }, {}, ['- f: {"mode":"0644"}']],
    ["a count", { r: 1 }, { r: 2 }, ["~ r: 1 → 2"]],
    ["a changed field, by its path", { l: { a: { mtu: 1 } } }, { l: { a: { mtu: 2 } } }, ["~ l a mtu: 1 → 2"]],
    [
      "a field that comes and one that goes",
      { l: { a: 1 } },
      { l: { b: false } },
      ['~ l a: 1 → "(none)"', '~ l b: "(none)" → false'],
    ],
    ["a list's items", { c: ["x", "y", "y"] }, { c: ["y", "z"] }, ['~ c: - "x"', '~ c: - "y"', '~ c: + "z"']],
    ["a list's order", { c: ["x", "y"] }, { c: ["y", "x"] }, ['~ c: order changed, ["x","y"] → ["y","x"]']],
    ["a value of another kind", { c: "x" }, { c: ["x"] }, ['~ c: "x" → ["x"]']],
    ["keys in order", { b: 1 }, { c: 1, a: 1 }, ["+ a", "- b", "+ c"]],
    [
      "a new link without its sysctls",
      {},
      { "host link l": { "ipv4.conf.forwarding": "1", mtu: 9 } },
      ['+ host link l: {"mtu":9}'],
    ],
  ]
  it.each(rows)("tells %s", (_, before, after, want) => {
    expect(difference(before, after)).toEqual(want)
  })
})
