import "../../kit/fake-native.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { BridgeVlans, type PortVlans } from "../../../lib/rtnl/bridge-vlans.ts"
import { matchGolden } from "../../kit/goldens.ts"
import * as wire from "../netlink/peer.ts"

function open(...answers: wire.Answer[]): { peer: wire.Peer; vlans: BridgeVlans } {
  const peer = new wire.Peer(...answers)
  return { peer, vlans: new BridgeVlans(new NetlinkSocket(peer)) }
}

const VETH = { index: 5, name: "veth0" }
const PVID = 2
const UNTAGGED = 4
const BEGIN = 8
const END = 16

const vlan = (flags: number, vid: number): number[] => wire.attribute(2, [...wire.u16(flags), ...wire.u16(vid)])
const port = (index: number, ...vlans: number[][]): number[] => wire.link(index, 0, wire.attribute(26, vlans.flat()))
const tagged = (first: number, last = first): PortVlans => ({ first, last, isPvid: false, isUntagged: false })

test.each<[string, number[][], PortVlans[]]>([
  ["none", [], []],
  ["one", [vlan(0, 7)], [tagged(7)]],
  ["the port's own", [vlan(PVID | UNTAGGED, 1)], [{ first: 1, last: 1, isPvid: true, isUntagged: true }]],
  ["a run", [vlan(BEGIN, 10), vlan(END, 20)], [tagged(10, 20)]],
  [
    "a mixture",
    [vlan(PVID | UNTAGGED, 1), vlan(BEGIN | UNTAGGED, 10), vlan(END | UNTAGGED, 20), vlan(0, 30)],
    [
      { first: 1, last: 1, isPvid: true, isUntagged: true },
      { first: 10, last: 20, isPvid: false, isUntagged: true },
      tagged(30),
    ],
  ],
])("list reads %s", (_, entries, want) => {
  expect(open(wire.dumped(16, port(5, ...entries))).vlans.list(VETH)).toEqual(want)
})

test("list leaves out the other ports that the kernel tells of", () => {
  const { vlans } = open(wire.dumped(16, port(4, vlan(0, 1)), port(5, vlan(0, 2)), port(6, vlan(0, 3))))
  expect(vlans.list(VETH)).toEqual([tagged(2)])
})

test("list of a port that says nothing of VLANs is empty", () => {
  expect(open(wire.dumped(16, wire.link(5, 0))).vlans.list(VETH)).toEqual([])
})

test.each<[string, (vlans: BridgeVlans) => void, string]>([
  ["ensure", vlans => vlans.ensure(VETH, [tagged(7), tagged(10, 20)]), "RTM_SETLINK vlan 7, vlan 10-20 dev veth0"],
  ["remove", vlans => vlans.remove(VETH, [tagged(1)]), "RTM_DELLINK vlan 1 dev veth0"],
])("%s names what is refused", (_, act, request) => {
  const { vlans } = open(wire.refuse(22, "bridge: Vlan id is invalid"))
  expect(() => act(vlans)).toThrow(`${request}: EINVAL (bridge: Vlan id is invalid)`)
})

test("on the wire, requests about VLANs are as recorded", () => {
  const { peer, vlans } = open(wire.acknowledge, wire.acknowledge, wire.dumped(16))
  vlans.ensure(VETH, [{ first: 100, last: 100, isPvid: true, isUntagged: true }, tagged(200, 210), tagged(300)])
  vlans.remove(VETH, [tagged(1), tagged(2, 4094)])
  vlans.list(VETH)
  matchGolden(
    "test/golden/bridge-vlans.txt",
    peer.requests.map(({ bytes }) => ({ direction: "sent", bytes })),
  )
})
