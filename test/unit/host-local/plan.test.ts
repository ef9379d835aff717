import { ConfigError } from "../../../lib/cni/config.ts"
import { AddressError, formatAddress } from "../../../lib/net/address.ts"
import { formatPrefix } from "../../../lib/net/prefix.ts"
import { formatRange } from "../../../lib/net/range.ts"
import {
  AllocationError,
  formatRangeSet,
  type IpamConfig,
  listRangeSets,
  type PoolConfig,
  planPool,
  planPoolFolders,
  planRangeSets,
  type RangeConfig,
} from "../../../plugins/host-local/plan.ts"

const config = (ipam: IpamConfig, more: Partial<PoolConfig> = {}): PoolConfig => ({
  cniVersion: "1.0.0",
  ipam,
  ...more,
})
const sets = (...all: RangeConfig[][]): PoolConfig => config({ ranges: all })
const subnets = (...all: string[]): PoolConfig => sets(...all.map(subnet => [{ subnet }]))

/** The only range of the only set. */
function planOne(range: RangeConfig, exclude: string[] = []) {
  return planPool(config({ ranges: [[range]], exclude })).sets[0]!.ranges[0]!
}

test.each<[string, RangeConfig, string, string | undefined]>([
  ["an IPv4 subnet", { subnet: "10.1.2.0/24" }, "10.1.2.1-10.1.2.254", "10.1.2.1"],
  ["the smallest ordinary subnet", { subnet: "10.1.2.0/30" }, "10.1.2.1-10.1.2.2", "10.1.2.1"],
  ["an IPv6 subnet, whose last address is no broadcast", { subnet: "fd00::/120" }, "fd00::1-fd00::ff", "fd00::1"],
  ["a start", { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9" }, "10.1.2.9-10.1.2.254", "10.1.2.1"],
  ["an end", { subnet: "10.1.2.0/24", rangeEnd: "10.1.2.9" }, "10.1.2.1-10.1.2.9", "10.1.2.1"],
  [
    "one address",
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.9" },
    "10.1.2.9-10.1.2.9",
    "10.1.2.1",
  ],
  [
    "the whole subnet",
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.0", rangeEnd: "10.1.2.255" },
    "10.1.2.0-10.1.2.255",
    "10.1.2.1",
  ],
  [
    "empty texts, which count as absent",
    { subnet: "10.1.2.0/24", rangeStart: "", rangeEnd: "", gateway: "" },
    "10.1.2.1-10.1.2.254",
    "10.1.2.1",
  ],
  ["a gateway", { subnet: "10.1.2.0/24", gateway: "10.1.2.254" }, "10.1.2.1-10.1.2.254", "10.1.2.254"],
  ["a gateway outside the subnet", { subnet: "10.1.2.0/24", gateway: "10.9.9.9" }, "10.1.2.1-10.1.2.254", "10.9.9.9"],
  [
    "IPv4-mapped texts",
    { subnet: "::ffff:10.1.2.0/120", rangeStart: "::ffff:10.1.2.9" },
    "10.1.2.9-10.1.2.254",
    "10.1.2.1",
  ],
  ["a pair, which has no gateway of its own", { subnet: "10.1.2.4/31" }, "10.1.2.4-10.1.2.5", undefined],
  ["an IPv6 pair", { subnet: "fd00::4/127" }, "fd00::4-fd00::5", undefined],
  ["a pair with a gateway", { subnet: "10.1.2.4/31", gateway: "10.1.2.4" }, "10.1.2.4-10.1.2.5", "10.1.2.4"],
])("a range of %s", (_, range, bounds, gateway) => {
  const planned = planOne(range)
  expect(formatRange(planned.bounds)).toBe(bounds)
  expect(planned.gateway && formatAddress(planned.gateway)).toBe(gateway)
})

test.each<[string, RangeConfig, string[], string[]]>([
  ["the default gateway", { subnet: "10.1.2.0/24" }, [], ["10.1.2.2-10.1.2.254"]],
  [
    "a gateway in the middle",
    { subnet: "10.1.2.0/24", gateway: "10.1.2.9" },
    [],
    ["10.1.2.1-10.1.2.8", "10.1.2.10-10.1.2.254"],
  ],
  [
    "the network and broadcast address, though configured",
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.0", rangeEnd: "10.1.2.255", gateway: "10.9.9.9" },
    [],
    ["10.1.2.1-10.1.2.254"],
  ],
  ["nothing but the network address", { subnet: "10.1.2.0/24", rangeStart: "10.1.2.0", rangeEnd: "10.1.2.0" }, [], []],
  [
    "the IPv6 routers' anycast address, not the last one",
    { subnet: "fd00::/120", rangeStart: "fd00::" },
    [],
    ["fd00::2-fd00::ff"],
  ],
  ["nothing of a pair", { subnet: "10.1.2.4/31" }, [], ["10.1.2.4-10.1.2.5"]],
  ["a pair's configured gateway", { subnet: "fd00::4/127", gateway: "fd00::4" }, [], ["fd00::5-fd00::5"]],
  ["an address", { subnet: "10.1.2.0/24" }, ["10.1.2.9"], ["10.1.2.2-10.1.2.8", "10.1.2.10-10.1.2.254"]],
  ["a prefix, host bits or not", { subnet: "10.1.2.0/24" }, ["10.1.2.9/25"], ["10.1.2.128-10.1.2.254"]],
  [
    "first to last",
    { subnet: "10.1.2.0/24" },
    ["10.1.2.200-10.1.2.253"],
    ["10.1.2.2-10.1.2.199", "10.1.2.254-10.1.2.254"],
  ],
  [
    "several that touch",
    { subnet: "10.1.2.0/29" },
    ["10.1.2.3", "10.1.2.4-10.1.2.5", "10.1.2.0/30"],
    ["10.1.2.6-10.1.2.6"],
  ],
  ["everything", { subnet: "10.1.2.0/24" }, ["0.0.0.0/0"], []],
  ["no IPv4 by IPv6's everything", { subnet: "10.1.2.0/24" }, ["::/0", "fd00::1-fd00::9"], ["10.1.2.2-10.1.2.254"]],
  [
    "IPv6 addresses",
    { subnet: "fd00::/64" },
    ["fd00::2-fd00::ff", "fd00::/112"],
    ["fd00::1:0-fd00::ffff:ffff:ffff:ffff"],
  ],
])("never handed out: %s", (_, range, exclude, want) => {
  expect(planOne(range, exclude).spans.map(formatRange)).toEqual(want)
})

test("the gateway of one range is never handed out from another range of its set", () => {
  const ranges = [
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.5", rangeEnd: "10.1.2.9", gateway: "10.1.2.21" },
    { subnet: "10.1.2.0/24", rangeStart: "10.1.2.20", rangeEnd: "10.1.2.22", gateway: "10.1.2.7" },
  ]
  const planned = planPool(sets(ranges)).sets[0]!
  expect(planned.ranges.map(range => range.spans.map(formatRange))).toEqual([
    ["10.1.2.5-10.1.2.6", "10.1.2.8-10.1.2.9"],
    ["10.1.2.20-10.1.2.20", "10.1.2.22-10.1.2.22"],
  ])
  expect(formatRangeSet(planned)).toBe("10.1.2.5-10.1.2.9,10.1.2.20-10.1.2.22")
})

test("sets come from the runtime first, then the old style's, then the configured ones, numbered in that order", () => {
  const all = config(
    { subnet: "10.2.0.0/24", rangeStart: "10.2.0.9", ranges: [[{ subnet: "10.3.0.0/24" }], [{ subnet: "fd00::/64" }]] },
    { runtimeConfig: { ipRanges: [[{ subnet: "10.1.0.0/24" }]] } },
  )
  const planned = planPool(all).sets
  expect(planned.map(set => [set.index, formatRangeSet(set)])).toEqual([
    [0, "10.1.0.1-10.1.0.254"],
    [1, "10.2.0.9-10.2.0.254"],
    [2, "10.3.0.1-10.3.0.254"],
    [3, "fd00::1-fd00::ffff:ffff:ffff:ffff"],
  ])
  expect(planned.map(set => formatPrefix(set.ranges[0]!.subnet))).toEqual([
    "10.1.0.0/24",
    "10.2.0.0/24",
    "10.3.0.0/24",
    "fd00::/64",
  ])
})

test.each<[string, PoolConfig, string]>([
  ["no ipam", {}, "IPAM config missing 'ipam' key"],
  ["no ranges", config({}), "no IP ranges specified"],
  ["no sets", sets(), "no IP ranges specified"],
  ["old style without a subnet", config({ rangeStart: "10.1.2.9" }), "no IP ranges specified"],
  ["an empty set", sets([{ subnet: "10.1.2.0/24" }], []), "invalid range set 1: empty range set"],
  ["no subnet", sets([{ gateway: "10.1.2.1" }]), "invalid range set 0: a range needs a subnet"],
  ["a subnet that is none", subnets("10.1.2.0"), "invalid range set 0: invalid CIDR address: 10.1.2.0"],
  ["an empty old-style subnet", config({ subnet: "" }), "invalid range set 0: invalid CIDR address: "],
  [
    "host bits",
    subnets("fd00::/64", "10.1.2.3/24"),
    "invalid range set 1: Network has host bits set. For a subnet mask of length 24 the network address is 10.1.2.0",
  ],
  [
    "IPv6 host bits",
    subnets("fd00::5/64"),
    "invalid range set 0: Network has host bits set. For a subnet mask of length 64 the network address is fd00::",
  ],
  [
    "host bits of a pair",
    subnets("10.1.2.3/31"),
    "invalid range set 0: Network has host bits set. For a subnet mask of length 31 the network address is 10.1.2.2",
  ],
  ["a single address", subnets("10.1.2.0/32"), "invalid range set 0: Network 10.1.2.0/32 too small to allocate from"],
  [
    "a single IPv6 address",
    subnets("fd00::/128"),
    "invalid range set 0: Network fd00::/128 too small to allocate from",
  ],
  [
    "a bad start",
    sets([{ subnet: "10.1.2.0/24", rangeStart: "10.1.2" }]),
    "invalid range set 0: rangeStart: invalid IP address 10.1.2",
  ],
  [
    "a bad end",
    sets([{ subnet: "10.1.2.0/24", rangeEnd: "x" }]),
    "invalid range set 0: rangeEnd: invalid IP address x",
  ],
  [
    "a bad gateway",
    sets([{ subnet: "10.1.2.0/24", gateway: "10.1.2.1/24" }]),
    "invalid range set 0: gateway: invalid IP address 10.1.2.1/24",
  ],
  [
    "a start outside",
    sets([{ subnet: "10.1.2.0/24", rangeStart: "10.1.3.1" }]),
    "invalid range set 0: RangeStart 10.1.3.1 not in network 10.1.2.0/24",
  ],
  [
    "a start of the other family",
    sets([{ subnet: "10.1.2.0/24", rangeStart: "fd00::1" }]),
    "invalid range set 0: RangeStart fd00::1 not in network 10.1.2.0/24",
  ],
  [
    "a start above the end",
    sets([{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.8" }]),
    "invalid range set 0: RangeStart 10.1.2.9 not in network 10.1.2.0/24",
  ],
  [
    "an end outside",
    sets([{ subnet: "10.1.2.0/24", rangeEnd: "10.1.3.1" }]),
    "invalid range set 0: RangeEnd 10.1.3.1 not in network 10.1.2.0/24",
  ],
  [
    "an end below the default start",
    sets([{ subnet: "10.1.2.0/24", rangeEnd: "10.1.2.0" }]),
    "invalid range set 0: RangeEnd 10.1.2.0 not in network 10.1.2.0/24",
  ],
  [
    "two families in a set",
    sets([{ subnet: "10.1.2.0/24" }, { subnet: "fd00::/64" }]),
    "invalid range set 0: mixed address families",
  ],
  [
    "an overlap in a set",
    sets([{ subnet: "10.1.2.0/24" }, { subnet: "10.9.0.0/16" }, { subnet: "10.1.2.128/25" }]),
    "invalid range set 0: subnets 10.1.2.1-10.1.2.254 and 10.1.2.129-10.1.2.254 overlap",
  ],
  [
    "an overlap between sets",
    subnets("10.9.0.0/16", "10.1.2.0/24", "fd00::/64", "10.1.0.0/16"),
    "range set 1 overlaps with 3",
  ],
  [
    "an overlap with the runtime's ranges",
    config({ subnet: "10.1.2.0/24" }, { runtimeConfig: { ipRanges: [[{ subnet: "10.1.2.0/25" }]] } }),
    "range set 0 overlaps with 1",
  ],
  [
    "a bad excluded address",
    config({ subnet: "10.1.2.0/24", exclude: ["10.1.2.3", "10.1.2"] }),
    "invalid exclude 1: invalid IP address 10.1.2",
  ],
  [
    "a bad excluded prefix",
    config({ subnet: "10.1.2.0/24", exclude: ["10.1.2.0/33"] }),
    "invalid exclude 0: invalid CIDR address: 10.1.2.0/33",
  ],
  [
    "an excluded range backwards",
    config({ subnet: "10.1.2.0/24", exclude: ["10.1.2.9-10.1.2.3"] }),
    "invalid exclude 0: invalid IP range 10.1.2.9-10.1.2.3",
  ],
  [
    "two IPv4 sets for 0.2.0",
    { ...subnets("10.1.2.0/24", "10.1.3.0/24"), cniVersion: "0.2.0" },
    "CNI version 0.2.0 does not support more than 1 address per family",
  ],
  [
    "two IPv6 sets for 0.1.0",
    { ...subnets("fd00::/64", "10.1.2.0/24", "fd01::/64"), cniVersion: "0.1.0" },
    "CNI version 0.1.0 does not support more than 1 address per family",
  ],
  [
    "two IPv4 sets for no version",
    { ...subnets("10.1.2.0/24", "10.1.3.0/24"), cniVersion: "" },
    "CNI version  does not support more than 1 address per family",
  ],
  [
    "a bad address from the runtime",
    config({ subnet: "10.1.2.0/24" }, { runtimeConfig: { ips: ["10.1.2.5", "x/24"] } }),
    "cannot understand ip: invalid IP address x/24",
  ],
  [
    "a bad address in args",
    config({ subnet: "10.1.2.0/24" }, { args: { cni: { ips: [""] } } }),
    "cannot understand ip: invalid IP address ",
  ],
])("planPool refuses %s", (_, bad, want) => {
  expect(() => planPool(bad)).toThrow(new ConfigError("", undefined, want))
})

test.each(["0.3.0", "0.4.0", "1.0.0", "1.1.0"])("version %s has room for two sets of a family", cniVersion => {
  expect(planPool({ ...subnets("10.1.2.0/24", "10.1.3.0/24"), cniVersion }).sets).toHaveLength(2)
})

test("version 0.2.0 has room for one set of each family", () => {
  expect(planPool({ ...subnets("10.1.2.0/24", "fd00::/64"), cniVersion: "0.2.0" }).sets).toHaveLength(2)
})

const dualStack = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00::/64" }]] }
const args = (...ips: string[]) => ({ args: { cni: { ips } } })
const runtimeIps = (...ips: string[]) => ({ runtimeConfig: { ips } })

test.each<[string, Partial<PoolConfig>, string | undefined, (string | undefined)[]]>([
  ["nothing asked for", {}, undefined, [undefined, undefined]],
  ["CNI_ARGS", {}, "10.1.2.9", ["10.1.2.9", undefined]],
  ["CNI_ARGS with a prefix length that counts for nothing", {}, "10.1.2.9/8", ["10.1.2.9", undefined]],
  ["args", args("10.1.2.9/24"), undefined, ["10.1.2.9", undefined]],
  ["args before CNI_ARGS", args("10.1.2.9"), "10.1.2.8", ["10.1.2.9", undefined]],
  [
    "the runtime before CNI_ARGS, though of the other family",
    runtimeIps("fd00::9"),
    "10.1.2.8",
    [undefined, "fd00::9"],
  ],
  ["the runtime before CNI_ARGS, though that is no address", runtimeIps("fd00::9"), "x", [undefined, "fd00::9"]],
  ["an empty list beside CNI_ARGS", { ...args(), ...runtimeIps() }, "10.1.2.8", ["10.1.2.8", undefined]],
  [
    "args and the runtime together",
    { ...args("fd00::9"), ...runtimeIps("10.1.2.9") },
    undefined,
    ["10.1.2.9", "fd00::9"],
  ],
  ["the same address twice", { ...args("fd00::9"), ...runtimeIps("fd00:0::9/64") }, undefined, [undefined, "fd00::9"]],
  ["an IPv4-mapped address", args("::ffff:10.1.2.9"), undefined, ["10.1.2.9", undefined]],
])("requested: %s", (_, more, inArgs, want) => {
  const { sets } = planPool(config(dualStack, more), inArgs)
  expect(sets.map(set => set.requested && formatAddress(set.requested))).toEqual(want)
})

test.each<[string, Partial<PoolConfig>, string | undefined, string]>([
  ["one outside every range", args("10.9.9.9"), undefined, "10.9.9.9"],
  ["one outside the bounds", {}, "10.1.2.255", "10.1.2.255"],
  ["a second one for a set", runtimeIps("10.1.2.9", "10.1.2.8", "fd00::1", "10.1.2.7"), undefined, "10.1.2.8 10.1.2.7"],
])("planPool refuses a requested address nobody takes: %s", (_, more, inArgs, want) => {
  expect(() => planPool(config(dualStack, more), inArgs)).toThrow(
    new AllocationError(`failed to allocate all requested IPs: ${want}`),
  )
})

test.each(["x", "", "10.1.2.9/33", "10.1.2.9,10.1.2.8"])("IP=%s in CNI_ARGS is refused as the reference does", text => {
  expect(() => planPool(config(dualStack), text)).toThrow(
    new AddressError(`ARGS: error parsing value of pair "IP=${text}": invalid IP address ${text}`),
  )
})

test("errors keep their kind", () => {
  const kind = (body: () => unknown) => {
    try {
      return body()
    } catch (error) {
      return (error as Error).name
    }
  }
  expect(kind(() => planPool(subnets("10.1.2.0")))).toBe("ConfigError")
  expect(kind(() => planPool(config(dualStack), "x"))).toBe("AddressError")
  expect(kind(() => planPool(config(dualStack), "10.9.9.9"))).toBe("AllocationError")
})

test.each<[IpamConfig, string]>([
  [{}, "round-robin"],
  [{ strategy: "lowest" }, "lowest"],
  [{ strategy: "random" }, "random"],
])("the strategy of %j is %s", (ipam, want) => {
  expect(planPool(config({ ...ipam, subnet: "10.1.2.0/24" })).strategy).toBe(want)
})

test.each<[string, PoolConfig, string]>([
  ["the default", config({}), "/var/lib/cni/networks"],
  ["an empty dataDir", config({ dataDir: "" }), "/var/lib/cni/networks"],
  ["a dataDir", config({ dataDir: "/run/pools" }), "/run/pools"],
  ["no ipam at all", {}, "/var/lib/cni/networks"],
])("planPoolFolders with %s", (_, given, want) => {
  expect(planPoolFolders(given, "net")).toEqual({ pool: `${want}/net`, owners: `${want}/.owners/net` })
})

test("a dataDir that depends on the working folder is refused", () => {
  const relative = () => planPoolFolders(config({ dataDir: "pools" }), "net")
  expect(relative).toThrow('ipam.dataDir: must be an absolute path, got "pools"')
  expect(relative).toThrow(ConfigError)
})

test("planRangeSets heeds no requested address", () => {
  const asking = config({ subnet: "10.1.2.0/24" }, { runtimeConfig: { ips: ["10.9.9.9"] } })
  expect(planRangeSets(asking).map(({ requested }) => requested)).toEqual([undefined])
  expect(() => planRangeSets({})).toThrow("IPAM config missing 'ipam' key")
})

test("listRangeSets counts sets that are not valid", () => {
  const bad = config(
    { subnet: "x", ranges: [[], [{ subnet: "10.1.2.0/99" }]] },
    { runtimeConfig: { ipRanges: [[{}]] } },
  )
  expect(listRangeSets(bad)).toHaveLength(4)
  expect(listRangeSets({})).toEqual([])
})
