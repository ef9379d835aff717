// Rules as nft reads them and as lib/nft builds them: what is compared byte by byte in the unit tests, and as `nft list` prints them
// in the live test.

import { parseAddress } from "../../lib/net/address.ts"
import { parseMac } from "../../lib/net/mac.ts"
import { parsePrefix } from "../../lib/net/prefix.ts"
import {
  counter,
  dnat,
  dnatBy,
  limit,
  log,
  masquerade,
  notrack,
  reject,
  setMarkBits,
  snat,
  verdictBy,
} from "../../lib/nft/actions.ts"
import { etherAddr, ifname, inetProto, inetService, ipv4Addr, ipv6Addr, mark } from "../../lib/nft/data-types.ts"
import * as field from "../../lib/nft/fields.ts"
import {
  ctState,
  ctStatus,
  is,
  isIn,
  isNoneOf,
  isNot,
  isNotIn,
  isOneOf,
  masked,
  startsWith,
} from "../../lib/nft/matches.ts"
import type { Chain, Family, Table } from "../../lib/nft/objects.ts"
import type { Statement } from "../../lib/nft/rule-body.ts"
import { defineSet } from "../../lib/nft/sets.ts"
import { ACCEPT, DROP, goTo, jump, RETURN } from "../../lib/nft/verdicts.ts"

/** A rule in both forms; `comment` is given to both. */
export interface Sample {
  readonly text: string
  readonly rule: readonly Statement[]
  readonly comment?: string
}

/** The names that the samples use, in a table of a family. */
export function sampleTable(family: Family) {
  const table: Table = { family, name: "samples", comment: "Rules of all kinds" }
  const chain: Chain = { table, name: "rules" }
  const other: Chain = { table, name: "other", comment: "Where others jump to" }
  const sets = [
    defineSet({ table, name: "peers", key: [ipv4Addr, inetService], comment: "Who may come" }),
    defineSet({ table, name: "peers6", key: [ipv6Addr, inetService] }),
    defineSet({ table, name: "ways", key: [ipv4Addr, inetService], value: "verdict" }),
    defineSet({ table, name: "ports", key: [inetProto, inetService], value: [ipv4Addr, inetService] }),
    defineSet({ table, name: "ports6", key: [inetProto, inetService], value: [ipv6Addr, inetService] }),
    defineSet({ table, name: "local", key: [ipv4Addr, inetProto, inetService], value: [ipv4Addr, inetService] }),
    defineSet({ table, name: "links", key: [ifname], value: "verdict" }),
    defineSet({ table, name: "marks", key: [mark] }),
    defineSet({ table, name: "owners", key: [ifname, etherAddr] }),
    defineSet({ table, name: "addresses", key: [ipv4Addr], value: [ipv4Addr] }),
    defineSet({ table, name: "services", key: [inetService], value: [mark] }),
  ] as const
  return { table, chain, other, sets }
}

/** The same sets as nft reads them. */
export const setTexts = [
  'set peers { type ipv4_addr . inet_service; comment "Who may come"; }',
  "set peers6 { type ipv6_addr . inet_service; }",
  "map ways { type ipv4_addr . inet_service : verdict; }",
  "map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }",
  "map ports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }",
  "map local { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }",
  "map links { type ifname : verdict; }",
  "set marks { type mark; }",
  "set owners { type ifname . ether_addr; }",
  "map addresses { type ipv4_addr : ipv4_addr; }",
  "map services { type inet_service : mark; }",
]

const MAC = parseMac("aa:bb:cc:dd:ee:ff")
const MULTICAST = { 4: "224.0.0.0/4", 6: "ff00::/8" } as const

/** Lists the samples of a family. */
export function samplesOf(family: Family): Sample[] {
  if (family === "inet") return [...ipv4Samples(), ...ipv6Samples(), ...inetSamples()]
  if (family === "ip") return [...ipv4Samples(), ...otherSamples(family)]
  return family === "ip6" ? [...ipv6Samples(), ...otherSamples(family)] : bridgeSamples()
}

function ipv4Samples(): Sample[] {
  const [saddr, daddr] = [field.saddr(4), field.daddr(4)]
  return [
    {
      text: "ip saddr 10.1.0.5 ip daddr != 10.1.0.0/16 masquerade",
      rule: [is(saddr, parseAddress("10.1.0.5")), isNot(daddr, parsePrefix("10.1.0.9/16")), masquerade()],
      comment: "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one",
    },
    { text: "ip daddr 224.0.0.0/4 return", rule: [is(daddr, parsePrefix(MULTICAST[4])), RETURN] },
    { text: "ip saddr 10.1.16.0/20 accept", rule: [is(saddr, parsePrefix("10.1.17.1/20")), ACCEPT] },
    { text: "ip saddr 0.0.0.0/0 accept", rule: [is(saddr, parsePrefix("0.0.0.0/0")), ACCEPT] },
    { text: "ip saddr 10.0.0.1/32 accept", rule: [is(saddr, parsePrefix("10.0.0.1/32")), ACCEPT] },
    {
      text: "ip saddr { 10.0.0.0/8, 192.168.1.1 } accept",
      rule: [isOneOf(saddr, [parsePrefix("192.168.1.1/32"), parsePrefix("10.0.0.0/8")]), ACCEPT],
    },
    {
      text: "ip saddr != { 0.0.0.0/8, 255.255.255.0/24 } drop",
      rule: [isNoneOf(saddr, [parsePrefix("0.0.0.0/8"), parsePrefix("255.255.255.0/24")]), DROP],
    },
    {
      text: "ip daddr { 10.1.0.1, 10.1.0.2 } accept",
      rule: [isOneOf(daddr, [parseAddress("10.1.0.1"), parseAddress("10.1.0.2")]), ACCEPT],
    },
  ]
}

function ipv6Samples(): Sample[] {
  const [saddr, daddr] = [field.saddr(6), field.daddr(6)]
  return [
    {
      text: "ip6 saddr fd00::5 ip6 daddr != fd00::/64 masquerade",
      rule: [is(saddr, parseAddress("fd00::5")), isNot(daddr, parsePrefix("fd00::9/64")), masquerade()],
      comment: "net: ünï",
    },
    { text: "ip6 daddr ff00::/8 return", rule: [is(daddr, parsePrefix(MULTICAST[6])), RETURN] },
    { text: "ip6 saddr fd00::/65 accept", rule: [is(saddr, parsePrefix("fd00::/65")), ACCEPT] },
    {
      text: "ip6 saddr { fd00::/64, fe80::1 } accept",
      rule: [isOneOf(saddr, [parsePrefix("fd00::/64"), parseAddress("fe80::1")]), ACCEPT],
    },
  ]
}

function inetSamples(): Sample[] {
  const { other, sets } = sampleTable("inet")
  const [peers, peers6, ways, ports, ports6, local, links, marks, owners] = sets
  const lo = isNot(field.iifname, "lo")
  return [
    { text: "fib daddr type local jump other", rule: [is(field.fibDaddrType, "local"), jump(other)] },
    { text: "fib daddr type != local drop", rule: [isNot(field.fibDaddrType, "local"), DROP] },
    {
      text: "tcp dport 8080 dnat ip to 10.1.0.5:80",
      rule: [is(field.dport("tcp"), 8080), dnat({ address: parseAddress("10.1.0.5"), port: 80 })],
    },
    {
      text: "udp dport 53 dnat ip6 to [fd00::5]:5353",
      rule: [is(field.dport("udp"), 53), dnat({ address: parseAddress("fd00::5"), port: 5353 })],
    },
    { text: "dnat ip to 10.1.0.5", rule: [dnat({ address: parseAddress("10.1.0.5") })] },
    { text: "snat ip to 10.1.0.1", rule: [snat({ address: parseAddress("10.1.0.1") })] },
    { text: "sctp sport 53 return", rule: [is(field.sport("sctp"), 53), RETURN] },
    { text: "udp dport 53 goto other", rule: [is(field.dport("udp"), 53), goTo(other)] },
    { text: "tcp dport { 80, 443 } accept", rule: [isOneOf(field.dport("tcp"), [80, 443]), ACCEPT] },
    { text: "tcp dport != { 80, 443 } accept", rule: [isNoneOf(field.dport("tcp"), [80, 443]), ACCEPT] },
    { text: "ct state established,related accept", rule: [ctState("established", "related"), ACCEPT] },
    { text: "ct state invalid drop", rule: [ctState("invalid"), DROP] },
    { text: "ct status dnat accept", rule: [ctStatus("dnat"), ACCEPT] },
    { text: 'iifname "veth01234567" jump other', rule: [is(field.iifname, "veth01234567"), jump(other)] },
    { text: 'oifname != "cni0" drop', rule: [isNot(field.oifname, "cni0"), DROP] },
    { text: 'iifname "veth*" accept', rule: [startsWith(field.iifname, "veth"), ACCEPT] },
    { text: 'iifname { "cni0", "cni1" } drop', rule: [isOneOf(field.iifname, ["cni0", "cni1"]), DROP] },
    {
      text: 'iifname != "lo" ip daddr 127.0.0.0/8 drop',
      rule: [lo, is(field.daddr(4), parsePrefix("127.0.0.0/8")), DROP],
    },
    { text: "meta l4proto tcp accept", rule: [is(field.l4proto, "tcp"), ACCEPT] },
    { text: "meta l4proto { tcp, udp } accept", rule: [isOneOf(field.l4proto, ["tcp", "udp"]), ACCEPT] },
    { text: "meta mark set mark or 0x2000", rule: [setMarkBits(0x2000)] },
    { text: "meta mark 0x1 accept", rule: [is(field.mark, 1), ACCEPT] },
    { text: "meta mark != 0x1 accept", rule: [isNot(field.mark, 1), ACCEPT] },
    {
      text: "meta mark & 0x2000 == 0x2000 masquerade",
      rule: [is(masked(field.mark, 0x2000), 0x2000), masquerade()],
    },
    {
      text: "ip saddr . tcp dport vmap @ways",
      rule: [verdictBy([field.saddr(4), field.dport("tcp")], ways)],
    },
    { text: "ip saddr . tcp dport @peers accept", rule: [isIn([field.saddr(4), field.dport("tcp")], peers), ACCEPT] },
    {
      text: "ip6 saddr . udp dport != @peers6 drop",
      rule: [isNotIn([field.saddr(6), field.dport("udp")], peers6), DROP],
    },
    {
      text: "dnat ip to meta l4proto . th dport map @ports",
      rule: [dnatBy([field.l4proto, field.thDport], ports)],
    },
    {
      text: "dnat ip6 to meta l4proto . th dport map @ports6",
      rule: [dnatBy([field.l4proto, field.thDport], ports6)],
    },
    {
      text: "dnat ip to ip daddr . meta l4proto . th dport map @local",
      rule: [dnatBy([field.daddr(4), field.l4proto, field.thDport], local)],
    },
    { text: "iifname vmap @links", rule: [verdictBy([field.iifname], links)] },
    { text: "meta mark @marks drop", rule: [isIn([field.mark], marks), DROP] },
    { text: "iifname . ether saddr @owners drop", rule: [isIn([field.iifname, field.etherSaddr], owners), DROP] },
    { text: "ether saddr aa:bb:cc:dd:ee:ff return", rule: [is(field.etherSaddr, MAC), RETURN] },
    { text: "counter", rule: [counter()] },
    { text: 'log prefix "patchbay: "', rule: [log("patchbay: ")] },
    { text: "limit rate 10/minute burst 5 packets drop", rule: [limit(10, 60, 5), DROP] },
    { text: "limit rate 3/second burst 7 packets counter", rule: [limit(3, 1, 7), counter()] },
    { text: "notrack", rule: [notrack()] },
    { text: "reject", rule: [reject()] },
  ]
}

function otherSamples(family: Family): Sample[] {
  const { other } = sampleTable(family)
  return [
    { text: "tcp dport 22 reject", rule: [is(field.dport("tcp"), 22), reject()] },
    { text: "fib daddr type local jump other", rule: [is(field.fibDaddrType, "local"), jump(other)] },
  ]
}

function bridgeSamples(): Sample[] {
  const { other, sets } = sampleTable("bridge")
  const owners = sets[8]
  return [
    { text: 'iifname "veth01234567" jump other', rule: [is(field.iifname, "veth01234567"), jump(other)] },
    { text: "ether saddr aa:bb:cc:dd:ee:ff return", rule: [is(field.etherSaddr, MAC), RETURN] },
    { text: "iifname . ether saddr != @owners drop", rule: [isNotIn([field.iifname, field.etherSaddr], owners), DROP] },
    { text: "ip saddr 10.1.0.5 accept", rule: [is(field.saddr(4), parseAddress("10.1.0.5")), ACCEPT] },
    { text: "ip6 saddr fd00::5 accept", rule: [is(field.saddr(6), parseAddress("fd00::5")), ACCEPT] },
  ]
}
