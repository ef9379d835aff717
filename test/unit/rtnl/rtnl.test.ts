import "../../kit/fake-native.ts"
import { openRtnl } from "../../../lib/rtnl/rtnl.ts"
import { fake } from "../../kit/fake-native.ts"
import * as wire from "../netlink/peer.ts"
import * as kernel from "./kernel.ts"

const NETLINK_ROUTE = 0

const MSG_PEEK = 2

/** Lets a peer stand behind the socket's calls. */
function connect(peer: wire.Peer): void {
  const send = (_: number, bytes: Uint8Array) => {
    peer.send(bytes)
    return bytes.length
  }
  const recv = (_: number, into: Uint8Array, flags: number) => {
    const [datagram = new Uint8Array(0)] = peer.queue as Uint8Array[]
    into.set(datagram)
    if ((flags & MSG_PEEK) === 0) peer.receive()
    return datagram.length
  }
  fake.script("send", ...new Array(10).fill(send))
  fake.script("recv", ...new Array(20).fill(recv))
}

test("links, addresses, routes and VLANs share one socket, which close() closes", () => {
  fake.script("socket", 5)
  const peer = new wire.Peer(kernel.absent, ...new Array<wire.Answer>(3).fill(wire.dumped(16)))
  connect(peer)
  const rtnl = openRtnl()
  const eth0 = { index: 3, name: "eth0" }
  expect(rtnl.links.find("eth0")).toBeUndefined()
  expect(rtnl.addresses.list(eth0, 4)).toEqual([])
  expect(rtnl.routes.list({ family: 4 })).toEqual([])
  expect(rtnl.bridgeVlans.list(eth0)).toEqual([])
  rtnl.close()
  expect(fake.given("socket")).toEqual([[16, 3, NETLINK_ROUTE]])
  expect(peer.requests.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
  expect(fake.given("close")).toEqual([[5]])
})
