import "../../kit/fake-native.ts"
import { formatPrefix, parsePrefix } from "../../../lib/net/prefix.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { Addresses, IFA_F_NODAD } from "../../../lib/rtnl/addresses.ts"
import { matchGolden } from "../../kit/goldens.ts"
import * as wire from "../netlink/peer.ts"
import * as kernel from "./kernel.ts"

function open(...answers: wire.Answer[]): { peer: wire.Peer; addresses: Addresses } {
  const peer = new wire.Peer(...answers)
  return { peer, addresses: new Addresses(new NetlinkSocket(peer)) }
}

const ETH0 = { index: 3, name: "eth0" }
const NEW = 20
const V4 = 2
const V6 = 10
const TENTATIVE = 0x40
const DADFAILED = 0x08
const fd02 = [0xfd, ...new Array(14).fill(0), 2]

/** struct ifaddrmsg and attributes. */
const address = (family: number, length: number, flags: number, index: number, ...attributes: number[][]): number[] => [
  ...[family, length, flags, 0, ...wire.u32(index)],
  ...attributes.flat(),
]
const own6 = (flags: number, index = 3) =>
  address(V6, 64, flags & 0xff, index, wire.attribute(1, fd02), wire.attribute(8, wire.u32(flags)))

const notThere = kernel.refuse(99, "EADDRNOTAVAIL", "Cannot assign requested address")

test("create throws if the interface has the address, in words that name both", () => {
  const { addresses } = open(wire.refuse(17, "ipv4: Address already assigned"))
  expect(() => addresses.create(ETH0, parsePrefix("10.1.0.2/24"))).toThrow(
    "RTM_NEWADDR 10.1.0.2/24 dev eth0: EEXIST (ipv4: Address already assigned)",
  )
})

test("ensure tells whether it had to add the address", () => {
  const { addresses } = open(wire.acknowledge, kernel.exists)
  const prefix = parsePrefix("10.1.0.2/24")
  expect([addresses.ensure(ETH0, prefix), addresses.ensure(ETH0, prefix)]).toEqual([true, false])
})

test("ensure throws other refusals", () => {
  const { addresses } = open(wire.refuse(1))
  expect(() => addresses.ensure(ETH0, parsePrefix("fd00::2/64"))).toThrow("RTM_NEWADDR fd00::2/64 dev eth0: EPERM")
})

test("remove tells whether there was the address", () => {
  const { addresses } = open(wire.acknowledge, notThere, kernel.noDevice)
  const prefix = parsePrefix("10.1.0.2/24")
  expect([1, 2, 3].map(() => addresses.remove(ETH0, prefix))).toEqual([true, false, false])
})

test("remove throws other refusals", () => {
  const { addresses } = open(wire.refuse(1))
  expect(() => addresses.remove(ETH0, parsePrefix("10.1.0.2/24"))).toThrow("RTM_DELADDR 10.1.0.2/24 dev eth0: EPERM")
})

describe("list", () => {
  test("reads the interface's own address, not the other end's", () => {
    const ppp = address(V4, 32, 0, 3, wire.attribute(1, [10, 0, 0, 9]), wire.attribute(2, [10, 0, 0, 1]))
    const [found] = open(wire.dumped(NEW, ppp)).addresses.list(ETH0, 4)
    expect(found && formatPrefix(found.prefix)).toBe("10.0.0.1/32")
  })

  test.each<[string, number[], boolean, boolean]>([
    ["settled", own6(0x80), false, false],
    ["tentative", own6(0x80 | TENTATIVE), true, false],
    ["with a duplicate", own6(0x80 | DADFAILED | TENTATIVE), true, true],
    ["of a kernel that has only eight flags", address(V6, 64, TENTATIVE, 3, wire.attribute(1, fd02)), true, false],
  ])("reads an address that is %s", (_, payload, isTentative, hasDuplicate) => {
    expect(open(wire.dumped(NEW, payload)).addresses.list(ETH0, 6)).toMatchObject([
      { isTentative, hasDuplicate, scope: 0 },
    ])
  })

  // As kernels before 4.20 do, this one sends those of all interfaces, and of the other family.
  test("leaves out other interfaces and families", () => {
    const other = address(V4, 8, 0, 3, wire.attribute(1, [127, 0, 0, 1]))
    const { addresses } = open(wire.dumped(NEW, own6(0, 2), other, own6(0, 3)))
    expect(addresses.list(ETH0, 6).map(({ prefix }) => formatPrefix(prefix))).toEqual(["fd00::2/64"])
  })
})

describe("waitSettled", () => {
  const settled = own6(0x80)
  const tentative = own6(0x80 | TENTATIVE)
  const failed = own6(0x80 | TENTATIVE | DADFAILED)

  test.each<[string, number[][]]>([
    ["no address at all", []],
    ["no tentative address", [settled]],
    ["a duplicate beside a tentative address", [tentative, failed]],
  ])("does not wait with %s", (_, payloads) => {
    const { peer, addresses } = open(wire.dumped(NEW, ...payloads))
    expect(addresses.waitSettled(ETH0, 100)).toHaveLength(payloads.length)
    expect(peer.memberships).toEqual([])
  })

  test("waits for events about IPv6 addresses", () => {
    const { peer, addresses } = open(
      wire.dumped(NEW, tentative),
      wire.dumped(NEW, tentative),
      wire.dumped(NEW, settled),
    )
    peer.idle = () => peer.queue.push(wire.datagram(wire.message(NEW, 0, 0, settled)))
    expect(addresses.waitSettled(ETH0, 100)).toMatchObject([{ isTentative: false }])
    expect(peer.memberships).toEqual(["join 9", "leave 9"])
  })

  test("gives the addresses as last seen when the time is over", () => {
    const { addresses } = open(wire.dumped(NEW, tentative), wire.dumped(NEW, tentative, settled))
    expect(addresses.waitSettled(ETH0, 100)).toMatchObject([{ isTentative: true }, { isTentative: false }])
  })
})

test("on the wire, requests about addresses are as recorded", () => {
  const { peer, addresses } = open(
    ...new Array<wire.Answer>(6).fill(wire.acknowledge),
    wire.dumped(NEW),
    wire.dumped(NEW),
  )
  addresses.create(ETH0, parsePrefix("10.1.0.2/24"))
  addresses.create(ETH0, parsePrefix("10.1.0.2/31"))
  addresses.create(ETH0, parsePrefix("10.1.0.2/32"), { scope: 253 })
  addresses.create(ETH0, parsePrefix("fd00::2/64"), { flags: IFA_F_NODAD })
  addresses.remove(ETH0, parsePrefix("10.1.0.2/24"))
  addresses.remove(ETH0, parsePrefix("fd00::2/64"))
  addresses.list(ETH0, 4)
  addresses.list(ETH0, 6)
  matchGolden(
    "test/golden/addresses.txt",
    peer.requests.map(({ bytes }) => ({ direction: "sent", bytes })),
  )
})
