import "../../kit/fake-native.ts"
import { formatAddress, parseAddress } from "../../../lib/net/address.ts"
import { formatPrefix, parsePrefix } from "../../../lib/net/prefix.ts"
import { NetlinkSocket } from "../../../lib/netlink/socket.ts"
import { type Route, type RouteSpec, Routes } from "../../../lib/rtnl/routes.ts"
import { matchGolden } from "../../kit/goldens.ts"
import * as wire from "../netlink/peer.ts"
import * as kernel from "./kernel.ts"

function open(...answers: wire.Answer[]): { peer: wire.Peer; routes: Routes } {
  const peer = new wire.Peer(...answers)
  return { peer, routes: new Routes(new NetlinkSocket(peer)) }
}

const ETH0 = { index: 3, name: "eth0" }
const NEW = 24
const V4 = 2
const V6 = 10
const MAIN = 254
const BOOT = 3
const RA = 9
const CLONED = 0x200
const four = (text: string): number[] => text.split(".").map(Number)
const fd00 = (last: number): number[] => [0xfd, ...new Array(14).fill(0), last]

/** struct rtmsg and attributes. */
function route(
  family: number,
  length: number,
  { table = MAIN, protocol = BOOT, flags = 0 },
  ...attributes: number[][]
): number[] {
  return [family, length, 0, 0, table, protocol, 0, 1, ...wire.u32(flags), ...attributes.flat()]
}
const to = (address: number[]): number[] => wire.attribute(1, address)
const by = (index: number): number[] => wire.attribute(4, wire.u32(index))
const via = (address: number[]): number[] => wire.attribute(5, address)
const priority = (value: number): number[] => wire.attribute(6, wire.u32(value))
const inTable = (value: number): number[] => wire.attribute(15, wire.u32(value))
/** struct rtnexthop and attributes. */
const hop = (index: number, ...attributes: number[][]): number[] => [
  ...wire.u16(8 + attributes.flat().length),
  ...[0, 0, ...wire.s32(index)],
  ...attributes.flat(),
]
const hops = (...all: number[][]): number[] => wire.attribute(9, all.flat())

const line = ({ destination, hops, priority, table }: Route): string =>
  `${formatPrefix(destination)} ${hops.map(({ index, gateway }) => `${gateway ? formatAddress(gateway) : "-"}@${index}`).join("+")} ${priority} ${table}`

const ten = route(V4, 24, {}, to(four("10.2.0.0")), by(3), via(four("10.1.0.1")))

test.each<[string, Omit<RouteSpec, "link">, string]>([
  [
    "a default route",
    { destination: parsePrefix("0.0.0.0/0"), gateway: parseAddress("10.1.0.1") },
    "default via 10.1.0.1 dev eth0",
  ],
  ["a link route", { destination: parsePrefix("10.2.0.0/16") }, "10.2.0.0/16 dev eth0"],
  [
    "a route with everything",
    { destination: parsePrefix("fd01::/64"), gateway: parseAddress("fd00::1"), priority: 5, table: 1000 },
    "fd01::/64 via fd00::1 dev eth0 metric 5 table 1000",
  ],
])("create names %s that is refused", (_, spec, subject) => {
  expect(() => open(kernel.exists).routes.create({ ...spec, link: ETH0 })).toThrow(
    `RTM_NEWROUTE ${subject}: EEXIST (file exists)`,
  )
})

describe("list", () => {
  test.each<[string, 4 | 6, number[], string]>([
    ["a route with a gateway", 4, ten, "10.2.0.0/24 10.1.0.1@3 0 254"],
    ["a default route", 4, route(V4, 0, {}, by(3), via(four("10.1.0.1")), priority(50)), "0.0.0.0/0 10.1.0.1@3 50 254"],
    ["an IPv6 default route", 6, route(V6, 0, {}, by(3), via(fd00(1))), "::/0 fd00::1@3 0 254"],
    [
      "a table beyond 255",
      4,
      route(V4, 24, { table: 252 }, to(four("10.2.0.0")), by(3), inTable(1000)),
      "10.2.0.0/24 -@3 0 1000",
    ],
    ["a route that drops", 4, route(V4, 24, {}, to(four("10.2.0.0"))), "10.2.0.0/24 -@undefined 0 254"],
    [
      "several ways",
      6,
      route(V6, 0, {}, hops(hop(3, via(fd00(1))), hop(3, wire.attribute(18, [1, 2]), via(fd00(7))), hop(4))),
      "::/0 fd00::1@3+fd00::7@3+-@4 0 254",
    ],
  ])("reads %s", (_, family, payload, want) => {
    expect(open(wire.dumped(NEW, payload)).routes.list({ family }).map(line)).toEqual([want])
  })

  // As kernels before 4.20 do, this one sends them all.
  const all = wire.dumped(
    NEW,
    ten,
    route(V4, 24, { table: 7 }, to(four("10.3.0.0")), by(3)),
    route(V4, 24, { protocol: RA }, to(four("10.4.0.0")), by(4)),
    route(V4, 32, { flags: CLONED }, to(four("10.5.0.1")), by(3)),
    route(V6, 0, {}, by(3)),
    route(V4, 24, {}, to(four("10.6.0.0")), hops(hop(9), hop(3))),
  )
  test.each<[string, object, string[]]>([
    ["but the cache and the other family", {}, ["10.2.0.0", "10.3.0.0", "10.4.0.0", "10.6.0.0"]],
    ["of a table", { table: 7 }, ["10.3.0.0"]],
    ["of a protocol", { protocol: RA }, ["10.4.0.0"]],
    ["through a link", { link: ETH0 }, ["10.2.0.0", "10.3.0.0", "10.6.0.0"]],
    ["that fit all", { link: ETH0, table: MAIN }, ["10.2.0.0", "10.6.0.0"]],
  ])("gives all %s", (_, filter, want) => {
    const listed = open(all).routes.list({ family: 4, ...filter })
    expect(listed.map(({ destination }) => formatAddress(destination.address))).toEqual(want)
  })

  test("is empty where there is no such table", () => {
    expect(open(wire.refuse(2, "ipv4: FIB table does not exist")).routes.list({ family: 4, table: 77 })).toEqual([])
  })

  test("throws other refusals", () => {
    expect(() => open(wire.refuse(22)).routes.list({ family: 4, table: 77 })).toThrow(
      "RTM_GETROUTE table 77 dev all: EINVAL (invalid argument)",
    )
  })

  test.each<[string, number[], string]>([
    ["shorter than its struct", [...wire.u16(7), 0, 0, ...wire.s32(3)], "a next hop claims 7 of 8 bytes"],
    ["longer than the list", [...wire.u16(9), 0, 0, ...wire.s32(3)], "a next hop claims 9 of 8 bytes"],
    ["cut short", [8, 0, 0], "wants 8 bytes, has 3"],
  ])("refuses a way that is %s", (_, bytes, problem) => {
    const payload = route(V4, 0, {}, wire.attribute(9, bytes))
    expect(() => open(wire.dumped(NEW, payload)).routes.list({ family: 4 })).toThrow(`route.nextHops: ${problem}`)
  })
})

describe("find", () => {
  const routes = [
    ten,
    route(V4, 24, {}, to(four("10.2.0.0")), by(3), via(four("10.1.0.7")), priority(9)),
    route(V4, 0, {}, hops(hop(3, via(four("10.1.0.1"))), hop(4, via(four("10.9.0.1"))))),
  ]
  const gateway = parseAddress
  test.each<[string, Omit<RouteSpec, "link" | "destination"> & { to: string }, string | undefined]>([
    ["by its destination", { to: "10.2.0.0/24" }, "10.2.0.0/24 10.1.0.1@3 0 254"],
    ["whatever bits the destination has beyond its mask", { to: "10.2.0.9/24" }, "10.2.0.0/24 10.1.0.1@3 0 254"],
    ["by its gateway", { to: "10.2.0.0/24", gateway: gateway("10.1.0.7") }, "10.2.0.0/24 10.1.0.7@3 9 254"],
    ["by its priority", { to: "10.2.0.0/24", priority: 9 }, "10.2.0.0/24 10.1.0.7@3 9 254"],
    ["by one of its ways", { to: "0.0.0.0/0", gateway: gateway("10.1.0.1") }, "0.0.0.0/0 10.1.0.1@3+10.9.0.1@4 0 254"],
    ["not with another gateway", { to: "10.2.0.0/24", gateway: gateway("10.1.0.2") }, undefined],
    ["not with a gateway that is another link's", { to: "0.0.0.0/0", gateway: gateway("10.9.0.1") }, undefined],
    ["not with another length", { to: "10.2.0.0/16" }, undefined],
    ["not with another network", { to: "10.3.0.0/24" }, undefined],
    ["not with another priority", { to: "10.2.0.0/24", priority: 1 }, undefined],
    ["not in another table", { to: "10.2.0.0/24", table: 5 }, undefined],
  ])("finds a route %s", (_, { to: destination, ...rest }, want) => {
    const found = open(wire.dumped(NEW, ...routes)).routes.find({
      destination: parsePrefix(destination),
      link: ETH0,
      ...rest,
    })
    expect(found && line(found)).toBe(want)
  })
})

test("listLearntDefaults gives default routes that routers announced, in whatever table", () => {
  const { routes } = open(
    wire.dumped(
      NEW,
      route(V6, 0, { protocol: RA }, by(3), via(fd00(1)), priority(1024)),
      route(V6, 64, { protocol: RA }, to(fd00(0)), by(3)),
      route(V6, 0, { protocol: RA, table: 10 }, by(4), via(fd00(2))),
      route(V6, 0, {}, by(5), via(fd00(3))),
    ),
  )
  expect(routes.listLearntDefaults().map(line)).toEqual(["::/0 fd00::1@3 1024 254", "::/0 fd00::2@4 0 10"])
})

describe("findWay", () => {
  test("tells the interface and the gateway", () => {
    const { routes } = open(wire.reply(NEW, route(V4, 32, {}, to(four("8.8.8.8")), by(3), via(four("10.1.0.1")))))
    expect(routes.findWay(parseAddress("8.8.8.8"))).toEqual({ index: 3, gateway: parseAddress("10.1.0.1") })
  })

  test.each<[number, string]>([
    [101, "ENETUNREACH"],
    [113, "EHOSTUNREACH"],
  ])("tells that there is none: errno %d", (errno, name) => {
    expect(open(kernel.refuse(errno, name, "No way")).routes.findWay(parseAddress("8.8.8.8"))).toBeUndefined()
  })

  test("throws other refusals", () => {
    expect(() => open(wire.refuse(22)).routes.findWay(parseAddress("fd00::1"))).toThrow(
      "RTM_GETROUTE to fd00::1: EINVAL (invalid argument)",
    )
  })
})

test("on the wire, requests about routes are as recorded", () => {
  const found = wire.reply(NEW, ten)
  const nothing = wire.dumped(NEW)
  const { peer, routes } = open(
    ...new Array<wire.Answer>(4).fill(wire.acknowledge),
    nothing,
    nothing,
    nothing,
    found,
    found,
  )
  const destination = parsePrefix("10.2.3.4/16")
  const gateway = parseAddress("10.1.0.1")
  routes.create({ destination: parsePrefix("0.0.0.0/0"), gateway, link: ETH0 })
  routes.create({ destination, gateway, link: ETH0, priority: 50, table: 1000, mtu: 1400, advmss: 1360 })
  routes.create({ destination, link: ETH0, table: 100, scope: 253 })
  routes.create({ destination: parsePrefix("::/0"), gateway: parseAddress("fd00::1"), link: ETH0 })
  routes.find({ destination, link: ETH0 })
  routes.list({ family: 6, table: 1000, link: ETH0 })
  routes.listLearntDefaults()
  routes.findWay(parseAddress("10.2.0.1"))
  routes.findWay(parseAddress("fd00::1"))
  matchGolden(
    "test/golden/routes.txt",
    peer.requests.map(({ bytes }) => ({ direction: "sent", bytes })),
  )
})
