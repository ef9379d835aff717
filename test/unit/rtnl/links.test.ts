import "../../kit/fake-native.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { formatOperstate, isForwarding, isOperational, type Link } from "../../../lib/rtnl/link.ts"
import { type BridgeSpec, Links, WrongLinkKind } from "../../../lib/rtnl/links.ts"
import { matchGolden } from "../../kit/goldens.ts"
import * as wire from "../netlink/peer.ts"
import * as kernel from "./kernel.ts"

function open(...answers: wire.Answer[]): { peer: wire.Peer; links: Links } {
  const peer = new wire.Peer(...answers)
  return { peer, links: new Links(new NetlinkSocket(peer)) }
}

const sent = ({ requests }: wire.Peer) => requests.map(({ bytes }) => ({ direction: "sent" as const, bytes }))
const types = ({ requests }: wire.Peer) => requests.map(({ type }) => type)

const NEW = 16
const DEL = 17
const GET = 18
const VETH = { index: 5, name: "veth0" }

const plain: Link = {
  index: 5,
  name: "veth0",
  mac: kernel.MAC,
  mtu: 1500,
  isUp: false,
  isPromiscuous: false,
  isAllMulticast: false,
  txQueueLength: 0,
  operstate: 0,
  kind: undefined,
  master: undefined,
  peerIndex: undefined,
  peerNamespace: undefined,
  alias: undefined,
  bridge: undefined,
  port: undefined,
}
const veth0 = [kernel.name("veth0"), kernel.mac, kernel.mtu(1500)]

describe("find", () => {
  const rows: [name: string, payload: number[], want: Partial<Link>][] = [
    ["hardware", wire.link(5, 0, ...veth0), {}],
    [
      "a link without a hardware address",
      wire.link(5, 0, kernel.name("veth0"), kernel.mtu(1500)),
      { mac: new Uint8Array(0) },
    ],
    ["flags", wire.link(5, kernel.UP | kernel.PROMISC | 0x1002, ...veth0), { isUp: true, isPromiscuous: true }],
    [
      "reception of all multicast frames, and the transmit queue",
      wire.link(5, kernel.ALLMULTI, ...veth0, kernel.txQueueLength(1000)),
      { isAllMulticast: true, txQueueLength: 1000 },
    ],
    [
      "state and alias",
      wire.link(5, 0, ...veth0, kernel.operstate(6), kernel.alias("a b")),
      { operstate: 6, alias: "a b" },
    ],
    [
      "a veth whose other end is here",
      wire.link(5, 0, ...veth0, kernel.peer(6), kernel.info(kernel.kind("veth"))),
      { kind: "veth", peerIndex: 6 },
    ],
    [
      "a veth whose other end is elsewhere",
      wire.link(5, 0, ...veth0, kernel.peer(2), kernel.peerNamespace(0), kernel.info(kernel.kind("veth"))),
      { kind: "veth", peerIndex: 2, peerNamespace: 0 },
    ],
    [
      "a veth whose other end has the same index elsewhere (left out before Linux 5.10)",
      wire.link(5, 0, ...veth0, kernel.peerNamespace(3), kernel.info(kernel.kind("veth"))),
      { kind: "veth", peerIndex: 5, peerNamespace: 3 },
    ],
    [
      "a bridge",
      wire.link(5, 0, ...veth0, kernel.bridge(0)),
      { kind: "bridge", bridge: { isVlanFiltering: false, defaultPvid: 1 } },
    ],
    [
      "a bridge that filters",
      wire.link(5, 0, ...veth0, kernel.bridge(1)),
      { kind: "bridge", bridge: { isVlanFiltering: true, defaultPvid: 1 } },
    ],
    [
      "a bridge that tells nothing",
      wire.link(5, 0, ...veth0, kernel.info(kernel.kind("bridge"))),
      { kind: "bridge", bridge: { isVlanFiltering: false, defaultPvid: 0 } },
    ],
    [
      "a bridge's port",
      wire.link(5, 0, ...veth0, kernel.master(4), kernel.port(3, 1, 0)),
      { kind: "veth", master: 4, port: { state: 3, isHairpin: true, isIsolated: false, bridgeMac: undefined } },
    ],
    [
      "an isolated port",
      wire.link(5, 0, ...veth0, kernel.master(4), kernel.port(0, 0, 1)),
      { kind: "veth", master: 4, port: { state: 0, isHairpin: false, isIsolated: true, bridgeMac: undefined } },
    ],
    [
      "a port that tells its bridge's MAC",
      wire.link(5, 0, ...veth0, kernel.info(kernel.portKind("bridge"), kernel.portOf(kernel.MAC))),
      { port: { state: 0, isHairpin: false, isIsolated: false, bridgeMac: kernel.MAC } },
    ],
    [
      "a port of something else",
      wire.link(5, 0, ...veth0, kernel.master(4), kernel.info(kernel.kind("veth"), kernel.portKind("bond"))),
      { kind: "veth", master: 4 },
    ],
  ]
  test.each(rows)("reads %s", (_, payload, want) => {
    expect(open(kernel.newLink(payload)).links.find("veth0")).toEqual({ ...plain, ...want })
  })

  test("tells that there is none, by name and by index", () => {
    const { links } = open(kernel.absent, kernel.absent)
    expect([links.find("veth0"), links.find(5)]).toEqual([undefined, undefined])
  })

  test("throws other refusals", () => {
    expect(() => open(wire.refuse(1)).links.find("veth0")).toThrow("RTM_GETLINK veth0: EPERM (operation not permitted)")
  })

  test("refuses a name that no link can have, before anything is sent", () => {
    const { peer, links } = open()
    expect(() => links.find("sixteen-letters-")).toThrow('link.name: "sixteen-letters-" is longer than 15 bytes')
    expect(peer.requests).toEqual([])
  })
})

test.each<[string | number, string]>([
  ["eth0", "RTM_GETLINK eth0: ENODEV (not found: no such device)"],
  [7, "RTM_GETLINK index 7: ENODEV (not found: no such device)"],
])("get(%j) throws in the words that callers match", (which, message) => {
  expect(() => open(kernel.noDevice).links.get(which)).toThrow(message)
})

describe("list", () => {
  const dump = wire.dumped(
    NEW,
    wire.link(1, 0, kernel.name("lo")),
    wire.link(4, 0, kernel.name("cni0"), kernel.bridge(0)),
    wire.link(5, 0, kernel.name("veth0"), kernel.master(4), kernel.port(3)),
    wire.link(6, 0, kernel.name("veth1"), kernel.info(kernel.kind("veth"))),
    wire.link(7, 0, kernel.name("eth1"), kernel.master(4)),
  )
  // As kernels before 4.6 do, this one sends them all.
  test.each<[object, string[]]>([
    [{}, ["lo", "cni0", "veth0", "veth1", "eth1"]],
    [{ master: 4 }, ["veth0", "eth1"]],
    [{ kind: "veth" }, ["veth0", "veth1"]],
    [{ master: 4, kind: "veth" }, ["veth0"]],
    [{ master: 9 }, []],
  ])("of %j", (filter, want) => {
    expect(
      open(dump)
        .links.list(filter)
        .map(({ name }) => name),
    ).toEqual(want)
  })
})

describe("ensureBridge", () => {
  const spec: BridgeSpec = { name: "cni0", mac: kernel.MAC, isVlanFiltering: false, isPromiscuous: false, isUp: true }
  const all: BridgeSpec = { ...spec, mtu: 1500, isVlanFiltering: true, isPromiscuous: true }
  const cni0 = (flags: number, filtering: number, mtu = 1500) =>
    wire.link(4, flags, kernel.name("cni0"), kernel.mac, kernel.mtu(mtu), kernel.bridge(filtering))
  const complete = cni0(kernel.UP | kernel.PROMISC, 1)

  test("leaves a bridge as it is that has all that is wanted", () => {
    const { peer, links } = open(kernel.newLink(complete))
    expect(links.ensureBridge(all)).toMatchObject({ index: 4, mac: kernel.MAC, mtu: 1500 })
    expect(types(peer)).toEqual([GET])
  })

  test("never takes away what others may need", () => {
    const { peer, links } = open(kernel.newLink(complete))
    links.ensureBridge({ ...spec, isUp: false, mtu: 1400 })
    expect(types(peer)).toEqual([GET])
  })

  test("creates a bridge by one request", () => {
    const { peer, links } = open(kernel.absent, kernel.created(complete))
    expect(links.ensureBridge(all)).toMatchObject({ index: 4, isUp: true })
    expect(types(peer)).toEqual([GET, NEW])
  })

  test("asks for what it created where the kernel does not tell (before Linux 6.2)", () => {
    const { peer, links } = open(kernel.absent, wire.acknowledge, kernel.newLink(complete))
    expect(links.ensureBridge(all).index).toBe(4)
    expect(types(peer)).toEqual([GET, NEW, GET])
  })

  test("takes the bridge that another process made at the same time, and completes it", () => {
    const { peer, links } = open(
      kernel.absent,
      kernel.exists,
      kernel.newLink(cni0(0, 1)),
      wire.acknowledge,
      kernel.newLink(complete),
    )
    expect(links.ensureBridge(all)).toMatchObject({ isUp: true, isPromiscuous: true })
    expect(types(peer)).toEqual([GET, NEW, GET, NEW, GET])
  })

  test.each<[string, number[]]>([
    ["is down", cni0(kernel.PROMISC, 1)],
    ["does not filter by VLAN", cni0(kernel.UP | kernel.PROMISC, 0)],
    ["is not promiscuous", cni0(kernel.UP, 1)],
    ["has a smaller MTU", cni0(kernel.UP | kernel.PROMISC, 1, 1400)],
  ])("completes a bridge that %s", (_, existing) => {
    const { peer, links } = open(kernel.newLink(existing), wire.acknowledge, kernel.newLink(complete))
    expect(links.ensureBridge(all)).toMatchObject({ isUp: true, mtu: 1500 })
    expect(types(peer)).toEqual([GET, NEW, GET])
  })

  test("refuses a link of that name which is no bridge", () => {
    const { links } = open(kernel.newLink(wire.link(4, 0, kernel.name("cni0"), kernel.info(kernel.kind("veth")))))
    expect(() => links.ensureBridge(spec)).toThrow(new WrongLinkKind('"cni0" already exists but is not a bridge'))
  })

  test("throws EEXIST if nothing of that name is to be found", () => {
    const { links } = open(kernel.absent, kernel.exists, kernel.absent)
    expect(() => links.ensureBridge(spec)).toThrow("RTM_NEWLINK cni0: EEXIST (file exists)")
  })

  test("throws why a bridge cannot be created", () => {
    const { links } = open(kernel.absent, wire.refuse(95))
    expect(() => links.ensureBridge(spec)).toThrow("RTM_NEWLINK cni0: EOPNOTSUPP (operation not supported)")
  })
})

describe("createVethPair", () => {
  const host = { name: "veth0", mac: kernel.MAC, isUp: true }
  const container = { name: "eth0", mac: kernel.MAC, namespace: 7 }
  const veth = wire.link(
    5,
    kernel.UP,
    ...veth0,
    kernel.peer(2),
    kernel.peerNamespace(0),
    kernel.info(kernel.kind("veth")),
  )

  test("tells both ends from the one answer", () => {
    const { peer, links } = open(kernel.created(veth))
    expect(links.createVethPair(host, container)).toMatchObject({ index: 5, name: "veth0", peerIndex: 2 })
    expect(types(peer)).toEqual([NEW])
  })

  test("asks for the end here where the kernel does not tell", () => {
    const { peer, links } = open(wire.acknowledge, kernel.newLink(veth))
    expect(links.createVethPair(host, container)).toMatchObject({ index: 5, peerIndex: 2 })
    expect(types(peer)).toEqual([NEW, GET])
  })

  test("throws if a name is taken", () => {
    expect(() => open(kernel.exists).links.createVethPair(host, container)).toThrow(
      "RTM_NEWLINK veth0 (peer eth0): EEXIST (file exists)",
    )
  })
})

test("change throws if the link is gone", () => {
  expect(() => open(kernel.noDevice).links.change(VETH, { isUp: true })).toThrow(
    "RTM_NEWLINK veth0: ENODEV (not found: no such device)",
  )
})

test("remove tells whether there was one", () => {
  const { peer, links } = open(wire.acknowledge, kernel.noDevice, wire.acknowledge, kernel.noDevice)
  expect([links.remove("veth0"), links.remove("veth0"), links.remove(5), links.remove(5)]).toEqual([
    true,
    false,
    true,
    false,
  ])
  expect(types(peer)).toEqual([DEL, DEL, DEL, DEL])
})

test("remove throws other refusals", () => {
  expect(() => open(wire.refuse(1)).links.remove("veth0")).toThrow("RTM_DELLINK veth0: EPERM (operation not permitted)")
})

describe("waitUntil", () => {
  const at = (state: number, operstate: number) =>
    kernel.newLink(wire.link(5, kernel.UP, ...veth0, kernel.operstate(operstate), kernel.master(4), kernel.port(state)))

  test("looks at the link by its index until it is as wanted", () => {
    const { peer, links } = open(at(0, 2), at(0, 2), at(3, 6))
    peer.idle = () => peer.queue.push(wire.datagram(wire.message(NEW, 0, 0, wire.link(9, 0))))
    expect(links.waitUntil(VETH, isForwarding, 100)).toMatchObject({ name: "veth0", operstate: 6 })
    expect(peer.memberships).toEqual(["join 1", "leave 1"])
    expect(types(peer)).toEqual([GET, GET, GET])
  })

  test("gives the link as it was last seen when the time is over", () => {
    const { links } = open(at(0, 2), at(2, 3))
    expect(links.waitUntil(VETH, isOperational, 100)).toMatchObject({ operstate: 3, port: { state: 2 } })
  })

  test("throws if the link goes", () => {
    const { links } = open(at(0, 2), kernel.noDevice)
    expect(() => links.waitUntil(VETH, isOperational, 100)).toThrow("ENODEV (not found: no such device)")
  })
})

test.each<[number, string]>([
  [0, "unknown"],
  [2, "down"],
  [3, "lower-layer-down"],
  [6, "up"],
  [7, "state 7"],
])("operational state %d is %j", (state, want) => {
  expect(formatOperstate(state)).toBe(want)
})

test("on the wire, requests about links are as recorded", () => {
  const cni0 = wire.link(4, 0, kernel.name("cni0"), kernel.mtu(1400), kernel.bridge(1))
  const acks = new Array<wire.Answer>(5).fill(wire.acknowledge)
  const created = kernel.created(cni0)
  const { peer, links } = open(
    kernel.absent,
    created,
    kernel.newLink(cni0),
    created,
    ...acks,
    wire.dumped(NEW),
    ...acks,
  )
  const peerMac = Uint8Array.of(2, 0, 0, 0, 0, 2)
  links.ensureBridge({
    name: "cni0",
    mac: kernel.MAC,
    mtu: 1400,
    isVlanFiltering: true,
    isPromiscuous: false,
    isUp: false,
  })
  links.get(4)
  links.createVethPair(
    { name: "veth1a2b3c4d", mac: kernel.MAC, mtu: 1400, master: 4, isUp: true },
    { name: "eth0", mac: peerMac, mtu: 1400, namespace: 7 },
  )
  links.change(VETH, { alias: "patchbay net id eth0", isHairpin: true, isIsolated: false })
  links.change(VETH, { isUp: true, isPromiscuous: false, mac: peerMac, mtu: 9000, master: 0 })
  links.change(VETH, { isVlanFiltering: true, alias: "" })
  links.remove("veth1a2b3c4d")
  links.remove(5)
  links.list({ master: 4, kind: "veth" })
  links.change(VETH, { isAllMulticast: true, txQueueLength: 500 })
  links.change(VETH, { isAllMulticast: false })
  matchGolden("test/golden/links.txt", sent(peer))
})
