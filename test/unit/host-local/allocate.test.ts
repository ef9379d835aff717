import { type Address, formatAddress, parseAddress } from "../../../lib/net/address.ts"
import { formatPrefix } from "../../../lib/net/prefix.ts"
import { allocate, findFree, PoolExhaustedError, type Reservations } from "../../../plugins/host-local/allocate.ts"
import { AllocationError, planPool, type RangeConfig, type Strategy } from "../../../plugins/host-local/plan.ts"
import { seeded } from "../net/seeded.ts"

/** A pool's folder in memory; it counts what it is asked for. */
class FakePool implements Reservations {
  readonly names: Set<string>
  readonly owned: Address[] = []
  readonly tried: string[] = []
  last: string | undefined
  lists = 0
  askedForLast = 0
  constructor(taken: Iterable<string> = []) {
    this.names = new Set(["lock", "last_reserved_ip.0", ...taken])
  }
  tryReserve(address: Address): boolean {
    const name = formatAddress(address)
    this.tried.push(name)
    const isFree = !this.names.has(name)
    this.names.add(name)
    return isFree
  }
  /** Gives the names in two parts, as a folder too great for one buffer does. */
  listNames(): string[][] {
    this.lists++
    const names = [...this.names]
    return [names.slice(0, names.length / 2), names.slice(names.length / 2)]
  }
  listOwned(): readonly Address[] {
    return this.owned
  }
  findLastReserved(): Address | undefined {
    this.askedForLast++
    return this.last === undefined ? undefined : parseAddress(this.last)
  }
}

interface Setting {
  readonly ranges: RangeConfig[]
  readonly strategy?: Strategy
  readonly exclude?: string[]
  readonly requested?: string
  readonly random?: () => number
}

function allocateIn(pool: FakePool, { ranges, strategy, exclude, requested, random }: Setting) {
  const ipam = { ranges: [ranges], exclude, strategy }
  const plan = planPool({ cniVersion: "1.0.0", ipam }, requested)
  const request = { containerId: "box", strategy: plan.strategy, random: random ?? (() => 0) }
  const { address, gateway } = allocate(plan.sets[0]!, request, pool)
  pool.last = formatAddress(address.address)
  return { address: formatPrefix(address), gateway: gateway && formatAddress(gateway) }
}

/** Allocates until the pool is exhausted. */
function drain(pool: FakePool, setting: Setting): string[] {
  const all: string[] = []
  for (;;) {
    try {
      all.push(allocateIn(pool, setting).address.replace(/\/.*/, ""))
    } catch (error) {
      if (error instanceof PoolExhaustedError) return all
      throw error
    }
  }
}

const block = (prefix: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `${prefix}${first + i}`)

const small = [{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.5", rangeEnd: "10.1.2.8" }]
const whole = [{ subnet: "10.1.2.0/24" }]

test.each<[string, Setting, string, string | undefined]>([
  ["the first address after the gateway", { ranges: whole }, "10.1.2.2/24", "10.1.2.1"],
  ["IPv6", { ranges: [{ subnet: "fd00::/64" }] }, "fd00::2/64", "fd00::1"],
  ["a gateway elsewhere", { ranges: [{ subnet: "10.1.2.0/24", gateway: "10.1.2.254" }] }, "10.1.2.1/24", "10.1.2.254"],
  ["a pair without a gateway", { ranges: [{ subnet: "10.1.2.4/31" }] }, "10.1.2.4/31", undefined],
  [
    "an IPv6 pair with a gateway",
    { ranges: [{ subnet: "fd00::4/127", gateway: "fd00::4" }] },
    "fd00::5/127",
    "fd00::4",
  ],
])("an empty pool gives %s", (_, setting, address, gateway) => {
  expect(allocateIn(new FakePool(), setting)).toEqual({ address, gateway })
})

test.each<[string, string | undefined, RangeConfig[], string]>([
  ["no last one", undefined, small, "10.1.2.5"],
  ["a last one in the middle", "10.1.2.6", small, "10.1.2.7"],
  ["the last one at the end", "10.1.2.8", small, "10.1.2.5"],
  ["a last one outside the range", "10.1.2.200", small, "10.1.2.5"],
  ["a last one of the other family", "fd00::6", small, "10.1.2.5"],
  ["a last one that is the gateway", "10.1.2.1", whole, "10.1.2.2"],
  ["a last one before the gateway", "10.1.2.8", [{ subnet: "10.1.2.0/24", gateway: "10.1.2.9" }], "10.1.2.10"],
  ["the end of the first of two ranges", "10.1.2.8", [...small, { subnet: "10.1.3.0/24" }], "10.1.3.2"],
  ["the end of the last of two ranges", "10.1.3.254", [...small, { subnet: "10.1.3.0/24" }], "10.1.2.5"],
  ["the end of all addresses", "255.255.255.255", [{ subnet: "255.255.255.254/31" }], "255.255.255.254"],
])("round robin starts after %s", (_, last, ranges, want) => {
  const pool = new FakePool()
  pool.last = last
  expect(allocateIn(pool, { ranges }).address.replace(/\/.*/, "")).toBe(want)
})

test("round robin gives every address of all ranges once, in order, and says so when none is left", () => {
  const ranges = [
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.0", rangeEnd: "10.1.2.4", gateway: "10.1.3.254" },
    { subnet: "10.1.3.0/24", rangeStart: "10.1.3.252", rangeEnd: "10.1.3.255" },
  ]
  const pool = new FakePool()
  pool.last = "10.1.2.3"
  const want = ["10.1.2.4", "10.1.3.252", "10.1.3.253", "10.1.2.1", "10.1.2.2", "10.1.2.3"]
  expect(drain(pool, { ranges })).toEqual(want)
  expect(() => allocateIn(pool, { ranges })).toThrow(
    new PoolExhaustedError(
      "failed to allocate for range 0: no IP addresses available in range set: 10.1.2.0-10.1.2.4,10.1.3.252-10.1.3.255",
    ),
  )
})

test("round robin does not hand an address out again as long as there is another", () => {
  const pool = new FakePool()
  const given = [allocateIn(pool, { ranges: small }).address]
  pool.names.delete("10.1.2.5")
  for (let i = 0; i < 4; i++) given.push(allocateIn(pool, { ranges: small }).address)
  expect(given.map(address => address.slice(7, 8))).toEqual(["5", "6", "7", "8", "5"])
})

test("round robin reads no folder as long as one of the next 64 addresses is free", () => {
  const pool = new FakePool(block("10.1.2.", 2, 64))
  expect(allocateIn(pool, { ranges: whole }).address).toBe("10.1.2.65/24")
  expect(pool.lists).toBe(0)
  expect(pool.tried).toHaveLength(64)
})

test("round robin reads the folder once when the next 64 are taken, and tries the free one only", () => {
  const pool = new FakePool(block("10.1.2.", 2, 250))
  expect(allocateIn(pool, { ranges: whole }).address).toBe("10.1.2.251/24")
  expect(pool.lists).toBe(1)
  expect(pool.tried.slice(64)).toEqual(["10.1.2.251"])
})

const full16 = (hole: string) =>
  Array.from({ length: 256 }, (_, i) => block(`10.244.${i}.`, 0, 255))
    .flat()
    .filter(name => name !== hole)

test.each<[Strategy, string, string]>([
  ["round-robin", "10.244.0.77", "10.244.0.78"],
  ["round-robin", "10.244.100.0", "10.244.100.1"],
  ["round-robin", "10.244.100.255", "10.244.0.9"],
  ["round-robin", "10.244.100.254", "10.244.255.254"],
  ["round-robin", "10.244.199.250", "10.244.255.254"],
  ["lowest", "10.244.255.254", "10.244.0.9"],
  ["lowest", "10.244.0.2", "10.244.0.9"],
  ["random", "10.244.77.99", "10.244.0.9"],
  ["random", "10.244.0.2", "10.244.0.9"],
])("%s finds the one hole of a full /16, %s, from %s", (strategy, hole, last) => {
  const pool = new FakePool(full16(hole))
  pool.last = last
  const setting = { ranges: [{ subnet: "10.244.0.0/16" }], strategy, random: () => 0.5 }
  expect(allocateIn(pool, setting).address).toBe(`${hole}/16`)
  expect(pool.lists).toBe(1)
  expect(pool.tried.length).toBeLessThanOrEqual(65)
})

test.each<[string, string]>([
  ["in the first group, where names have `::`", "fd00::2f"],
  ["after the first sixteen", "fd00::10"],
  ["below 0x100", "fd00::ff"],
  ["of four digits", "fd00::1234"],
  ["at the end of a group", "fd00::ffff"],
  ["whose last group is 0", "fd00::1:0"],
  ["in the next group", "fd00::1:1"],
])("an IPv6 hole is found %s", (_, hole) => {
  const names: string[] = []
  for (let i = 0; i < 65536 + 100; i++) {
    const name = formatAddress(parseAddress(`fd00::${(i >>> 16).toString(16)}:${(i & 65535).toString(16)}`))
    if (name !== hole) names.push(name)
  }
  const pool = new FakePool(names)
  expect(allocateIn(pool, { ranges: [{ subnet: "fd00::/64" }], strategy: "lowest" }).address).toBe(`${hole}/64`)
  expect(pool.tried).toEqual([hole])
})

test("a walk crosses the end of a group, and of 32 bits, in IPv6", () => {
  const ranges = [{ subnet: "fd00::/64", rangeStart: "fd00::ffff:fffe", rangeEnd: "fd00::1:0:1" }]
  expect(drain(new FakePool(), { ranges, strategy: "lowest" })).toEqual([
    "fd00::ffff:fffe",
    "fd00::ffff:ffff",
    "fd00::1:0:0",
    "fd00::1:0:1",
  ])
})

test("a walk ends with the first address of the next octet's block", () => {
  const ranges = [{ subnet: "10.1.2.0/23", rangeStart: "10.1.2.254", rangeEnd: "10.1.3.0" }]
  expect(drain(new FakePool(), { ranges, strategy: "lowest" })).toEqual(["10.1.2.254", "10.1.2.255", "10.1.3.0"])
})

test("a taken address is known by its name even where its last group is part of `::`", () => {
  const range = { subnet: "fd00::/48", rangeStart: "fd00::ffff:ffff:ffff:ffff", rangeEnd: "fd00:0:0:1::1" }
  const set = planPool({ cniVersion: "1.0.0", ipam: { ranges: [[range]] } }).sets[0]!
  const free = findFree(set, [["fd00::ffff:ffff:ffff:ffff"], ["fd00:0:0:1::"]])
  expect(free && formatAddress(free)).toBe("fd00:0:0:1::1")
})

test("lowest takes the lowest address of all ranges, whatever was last, and asks for no last one", () => {
  const ranges = [{ subnet: "10.1.3.0/24" }, { subnet: "10.1.2.0/24" }]
  const pool = new FakePool(["10.1.2.2", "10.1.2.4"])
  pool.last = "10.1.3.77"
  expect(allocateIn(pool, { ranges, strategy: "lowest" }).address).toBe("10.1.2.3/24")
  expect(pool.lists).toBe(1)
  expect(pool.tried).toEqual(["10.1.2.3"])
  expect(pool.askedForLast).toBe(0)
})

test.each<[number, string]>([
  [0, "10.1.2.2"],
  [0.5, "10.1.2.5"],
  [0.999999, "10.1.2.8"],
])("random draws among all that may be handed out: %d gives %s", (value, want) => {
  const ranges = [{ subnet: "10.1.2.0/24", rangeEnd: "10.1.2.8" }]
  const pool = new FakePool()
  expect(allocateIn(pool, { ranges, strategy: "random", random: () => value }).address).toBe(`${want}/24`)
  expect(pool.lists).toBe(1)
})

test("random leaves out what is excluded and taken, gives all the rest, and then is exhausted", () => {
  const source = seeded(1)
  const random = () => source.below(2 ** 32) / 2 ** 32
  const setting: Setting = { ranges: whole, strategy: "random", random, exclude: ["10.1.2.8-10.1.2.250"] }
  const given = drain(new FakePool(["10.1.2.5"]), setting)
  expect(given.toSorted()).toEqual([
    "10.1.2.2",
    ...block("10.1.2.25", 1, 4),
    ...block("10.1.2.", 3, 4),
    ...block("10.1.2.", 6, 7),
  ])
  expect(given).not.toEqual(given.toSorted())
})

test("random draws from an IPv6 subnet too great to count", () => {
  const setting: Setting = { ranges: [{ subnet: "fd00::/64" }], strategy: "random", random: () => 0.5 }
  expect(allocateIn(new FakePool(), setting).address).toBe("fd00::8:0:0:2/64")
})

test.each<Strategy>(["round-robin", "lowest", "random"])(
  "%s: a pool without any usable address is exhausted",
  strategy => {
    const setting: Setting = { ranges: whole, strategy, exclude: ["10.1.2.0/24"] }
    expect(() => allocateIn(new FakePool(), setting)).toThrow(
      new PoolExhaustedError(
        "failed to allocate for range 0: no IP addresses available in range set: 10.1.2.1-10.1.2.254",
      ),
    )
  },
)

test.each<Strategy>(["round-robin", "lowest", "random"])(
  "%s never gives a gateway or an excluded address",
  strategy => {
    const source = seeded(7)
    const random = () => source.below(2 ** 32) / 2 ** 32
    const ranges = [
      { subnet: "10.1.2.0/28", gateway: "10.1.2.3" },
      { subnet: "10.1.2.16/28", gateway: "10.1.2.20" },
    ]
    const given = drain(new FakePool(), { ranges, strategy, random, exclude: ["10.1.2.5", "10.1.2.24/29"] })
    const want = [1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 21, 22, 23].map(octet => `10.1.2.${octet}`)
    expect(given.toSorted()).toEqual(want.toSorted())
  },
)

test("an address that cannot be reserved though its name was not read is passed over", () => {
  const pool = new FakePool(block("10.1.2.", 2, 100))
  pool.listNames = () => [block("10.1.2.", 2, 90)]
  expect(allocateIn(pool, { ranges: whole, strategy: "lowest" }).address).toBe("10.1.2.101/24")
})

test("a requested address is given, whatever the strategy, last address and other addresses of the owner", () => {
  const pool = new FakePool(["10.1.2.2"])
  pool.owned.push(parseAddress("10.1.2.2"))
  expect(allocateIn(pool, { ranges: whole, requested: "10.1.2.77" })).toEqual({
    address: "10.1.2.77/24",
    gateway: "10.1.2.1",
  })
  expect(pool.tried).toEqual(["10.1.2.77"])
  expect(pool.lists + pool.askedForLast).toBe(0)
})

const wide = [{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.0", rangeEnd: "10.1.2.255" }]

test.each<[string, Setting, string]>([
  ["a gateway", { ranges: whole, requested: "10.1.2.1" }, "requested ip 10.1.2.1 is subnet's gateway"],
  [
    "the gateway of another range of the set",
    {
      ranges: [{ subnet: "10.1.2.0/25", gateway: "10.1.2.130" }, { subnet: "10.1.2.128/25" }],
      requested: "10.1.2.130",
    },
    "requested ip 10.1.2.130 is subnet's gateway",
  ],
  ["the network address", { ranges: wide, requested: "10.1.2.0" }, "requested ip 10.1.2.0 is subnet's network address"],
  [
    "the broadcast address",
    { ranges: wide, requested: "10.1.2.255" },
    "requested ip 10.1.2.255 is subnet's broadcast address",
  ],
  [
    "an excluded address",
    { ranges: whole, exclude: ["10.1.2.8/30"], requested: "10.1.2.9" },
    "requested ip 10.1.2.9 is excluded",
  ],
  [
    "a taken address",
    { ranges: [...whole, { subnet: "10.1.3.0/24" }], requested: "10.1.2.5" },
    "requested IP address 10.1.2.5 is not available in range set 10.1.2.1-10.1.2.254,10.1.3.1-10.1.3.254",
  ],
])("a requested address is refused: %s", (_, setting, want) => {
  const pool = new FakePool(["10.1.2.5"])
  const names = [...pool.names]
  expect(() => allocateIn(pool, setting)).toThrow(new AllocationError(`failed to allocate for range 0: ${want}`))
  expect([...pool.names]).toEqual(names)
})

test("an owner with an address of the set gets no other", () => {
  const pool = new FakePool(["10.1.2.5"])
  pool.owned.push(parseAddress("fd00::5"), parseAddress("10.9.9.9"), parseAddress("10.1.2.5"))
  expect(() => allocateIn(pool, { ranges: whole })).toThrow(
    new AllocationError(
      "failed to allocate for range 0: 10.1.2.5 has been allocated to box, duplicate allocation is not allowed",
    ),
  )
  expect(pool.tried).toEqual([])
})

test("an owner's address outside the set's bounds does not count", () => {
  const pool = new FakePool()
  pool.owned.push(parseAddress("10.1.2.4"), parseAddress("10.1.2.9"))
  expect(allocateIn(pool, { ranges: small }).address).toBe("10.1.2.5/24")
})

test("messages and the last address are those of the set's own index", () => {
  const config = { cniVersion: "1.0.0", ipam: { ranges: [whole, [{ subnet: "10.1.3.0/29" }]] } }
  const set = planPool(config).sets[1]!
  const pool = new FakePool()
  pool.findLastReserved = (index?: number) => parseAddress(index === 1 ? "10.1.3.4" : "10.1.3.2")
  const request = { containerId: "box", strategy: "round-robin", random: () => 0 } as const
  expect(formatPrefix(allocate(set, request, pool).address)).toBe("10.1.3.5/29")
  for (let i = 0; i < 4; i++) allocate(set, request, pool)
  expect(() => allocate(set, request, pool)).toThrow(
    "failed to allocate for range 1: no IP addresses available in range set: 10.1.3.1-10.1.3.6",
  )
})

test.each<[string, string[], string | undefined]>([
  ["the first address of an empty pool", [], "10.1.2.2"],
  ["the last address of a nearly full pool", block("10.1.2.", 2, 253), "10.1.2.254"],
  ["nothing in a full pool", block("10.1.2.", 2, 254), undefined],
])("findFree finds %s", (_, names, want) => {
  const set = planPool({ ipam: { ranges: [whole] }, cniVersion: "1.0.0" }).sets[0]!
  const free = findFree(set, [["lock", "last_reserved_ip.0", "__proto__", ""], names])
  expect(free && formatAddress(free)).toBe(want)
})
