import "../../kit/fake-native.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { waitFor } from "../../../lib/rtnl/wait.ts"
import { fake } from "../../kit/fake-native.ts"
import * as wire from "../netlink/peer.ts"

const GROUP = 9
const event = wire.datagram(wire.message(16, 0, 0, wire.link(1, 0)))

/** A state that becomes what is waited for when it was looked at so often. */
function waiting(peer: wire.Peer, looks: (number | Error)[], timeoutMs = 100) {
  const socket = new NetlinkSocket(peer)
  return waitFor(socket, {
    group: GROUP,
    look: () => {
      const next = looks.shift()
      if (next instanceof Error) throw next
      if (next === undefined) throw new Error("looked more often than planned")
      // What came before the answer has been skipped by it.
      peer.queue.length = 0
      return next
    },
    isReached: state => state === 1,
    timeoutMs,
  })
}

test("does not even subscribe if there is nothing to wait for", () => {
  const peer = new wire.Peer()
  expect(waiting(peer, [1])).toBe(1)
  expect(peer.memberships).toEqual([])
})

test("looks again after subscribing, for what changed in between", () => {
  const peer = new wire.Peer()
  expect(waiting(peer, [0, 1])).toBe(1)
  expect(peer.memberships).toEqual(["join 9", "leave 9"])
})

test("looks again after every event", () => {
  const peer = new wire.Peer()
  let events = 0
  peer.idle = () => {
    events++
    peer.queue.push(event, event)
  }
  expect(waiting(peer, [0, 0, 0, 0, 1])).toBe(1)
  expect(events).toBe(3)
})

test("gives the last state when the time is over, and waits no longer than that in all", () => {
  const peer = new wire.Peer()
  const waits: number[] = []
  peer.idle = timeoutMs => {
    waits.push(timeoutMs)
    fake.clock += 60
    if (waits.length === 1) peer.queue.push(event)
  }
  expect(waiting(peer, [0, 2, 3], 100)).toBe(3)
  expect(waits).toEqual([100, 40])
  expect(peer.memberships).toEqual(["join 9", "leave 9"])
})

test("begins anew when so many events came that the answer was lost", () => {
  const peer = new wire.Peer()
  expect(waiting(peer, [0, wire.overrun(), wire.overrun(), 1])).toBe(1)
  expect(peer.memberships).toEqual(["join 9", "leave 9", "join 9", "leave 9", "join 9", "leave 9"])
})

test("looks a last time without events if they are still too many when the time is over", () => {
  const peer = new wire.Peer()
  const looks = [0, wire.overrun(), wire.overrun(), 5]
  const seen = waitFor(new NetlinkSocket(peer), {
    group: GROUP,
    look: () => {
      fake.clock += 30
      const next = looks.shift()
      if (next instanceof Error) throw next
      return next
    },
    isReached: () => false,
    timeoutMs: 80,
  })
  expect(seen).toBe(5)
  expect(peer.memberships).toEqual(["join 9", "leave 9", "join 9", "leave 9", "leave 9"])
})

test("throws what looking throws, and ends the subscription", () => {
  const peer = new wire.Peer()
  expect(() => waiting(peer, [0, new Error("gone")])).toThrow("gone")
  expect(peer.memberships).toEqual(["join 9", "leave 9"])
})
