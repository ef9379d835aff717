// host-local's own ways: which addresses it gives, whose it takes them for, and what becomes of them when files or the
// index of owners are not as they should be.

import { existsSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { AddressPool, addressesOf, CONTAINER, type PoolOptions } from "../kit/address-pool.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { assertCniError, assertSilent, resultOf } from "../kit/plugin.ts"
import { getTool } from "../kit/repository.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer(CONTAINER)
})

afterAll(() => world.remove())

let networks = 0
const makePool = (options: PoolOptions = {}) => new AddressPool(world, { network: `net${networks++}`, ...options })
const dualStack = { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:1::/64" }]] }
const small = { subnet: "10.1.2.0/24", rangeStart: "10.1.2.5", rangeEnd: "10.1.2.8" }

/** ADDs containers until the pool is full, and tells their addresses. */
function drain(pool: AddressPool): string[] {
  const given: string[] = []
  for (;;) {
    const answer = pool.call("ADD", `drain${given.length}`)
    if (answer.status !== 0) {
      assertCniError(answer, 100, /no IP addresses available in range set: /)
      return given
    }
    given.push(...addressesOf(answer))
  }
}

describe("addresses", () => {
  test.each<[string, object, string[]]>([
    ["round robin in order", { ranges: [[small]] }, ["10.1.2.5", "10.1.2.6", "10.1.2.7", "10.1.2.8"]],
    ["the lowest first", { ranges: [[small]], strategy: "lowest" }, ["10.1.2.5", "10.1.2.6", "10.1.2.7", "10.1.2.8"]],
    ["both of a /31", { subnet: "10.1.2.4/31" }, ["10.1.2.4", "10.1.2.5"]],
    ["both of a /127", { subnet: "fd00::4/127" }, ["fd00::4", "fd00::5"]],
    ["one of a /31 with a gateway", { subnet: "10.1.2.4/31", gateway: "10.1.2.4" }, ["10.1.2.5"]],
    [
      "none that is excluded",
      { ranges: [[{ subnet: "10.1.2.0/28" }]], exclude: ["10.1.2.4", "10.1.2.8/30", "10.1.2.13-10.1.3.0"] },
      ["10.1.2.2", "10.1.2.3", "10.1.2.5", "10.1.2.6", "10.1.2.7", "10.1.2.12"],
    ],
  ])("gives %s, and says when there are no more", (_, ipam, want) => {
    expect(drain(makePool({ ipam }))).toEqual(want)
  })

  test("a pair of addresses has no gateway unless the configuration says so", () => {
    expect(resultOf(makePool({ ipam: { subnet: "10.1.2.4/31" } }).call("ADD", "one")).ips).toEqual([
      { address: "10.1.2.4/31" },
    ])
  })

  test("at random, every address is given once", () => {
    const given = drain(makePool({ ipam: { subnet: "10.1.2.0/28", strategy: "random" } }))
    const all = Array.from({ length: 13 }, (_, i) => `10.1.2.${i + 2}`)
    expect(given.toSorted()).toEqual(all.toSorted())
    expect(given).not.toEqual(all)
  })

  test("the lowest free one is given again at once, round robin comes to it last", () => {
    for (const [strategy, want] of [
      ["lowest", "10.1.2.5"],
      ["round-robin", "10.1.2.7"],
    ] as const) {
      const pool = makePool({ ipam: { ranges: [[small]], strategy } })
      pool.add("one")
      pool.add("two")
      assertSilent(pool.call("DEL", "one"))
      expect(pool.add("three")).toEqual([want])
    }
  })

  test("a requested address is given by the set that has it; the others choose", () => {
    const pool = makePool({ ipam: dualStack })
    expect(pool.add("one", { args: "IP=fd00:1::77" })).toEqual(["10.1.2.2", "fd00:1::77"])
    const taken = { config: { runtimeConfig: { ips: ["fd00:1::77"] } } }
    assertCniError(pool.call("ADD", "two", taken), 999, /requested IP address fd00:1::77 is not available in range set/)
    expect(Object.keys(pool.owners())).toEqual(["10.1.2.2", "fd00:1::77"])
  })

  test("what args asks for counts more than CNI_ARGS", () => {
    const config = { args: { cni: { ips: ["10.1.2.9"] } } }
    expect(makePool().add("one", { config, args: "IP=10.1.2.10" })).toEqual(["10.1.2.9"])
  })

  test("CNI_ARGS that hold no address are the environment's fault", () => {
    assertCniError(makePool().call("ADD", "one", { args: "IP=10.1.2" }), 4, /^CNI_ARGS: ARGS: error parsing value of/)
  })

  test("a last address that cannot be read, or that no set has, starts again at the beginning", () => {
    const pool = makePool()
    for (const text of ["", "10.1.2.", "10.9.9.9", "10.1.2.50\n"]) {
      pool.put("last_reserved_ip.0", text)
      expect(pool.add("one")).toEqual(["10.1.2.2"])
      assertSilent(pool.call("DEL", "one"))
    }
  })

  test("an ADD that fails at its second set takes nothing from the first", () => {
    const pool = makePool({ ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00::/126" }]] } })
    drain(pool)
    const before = pool.owners()
    assertCniError(pool.call("ADD", "late"), 100, /range set: fd00::1-fd00::3\nGC frees .*cni\.dev\/valid-attachments/)
    expect(pool.owners()).toEqual(before)
    expect(pool.indexEntries()).not.toContain("late:eth0")
  })

  test("an ADD whose result nobody reads takes nothing", () => {
    const pool = makePool()
    pool.add("one")
    const before = { ...pool.files(), index: pool.indexEntries() }
    const closed = pool.call("ADD", "two", { launcher: ["sh", "-c", 'exec "$@" >&-', "sh"] })
    expect([closed.status, closed.stdout]).toEqual([1, ""])
    expect({ ...pool.files(), index: pool.indexEntries() }).toEqual({ ...before, "last_reserved_ip.0": "600 10.1.2.3" })
  })

  test.each<[string, object, number, RegExp]>([
    [
      "a dataDir that is relative",
      { subnet: "10.1.2.0/24", dataDir: "pools" },
      7,
      /ipam\.dataDir: must be an absolute/,
    ],
    [
      "a route that is none",
      { subnet: "10.1.2.0/24", routes: [{ dst: "x" }] },
      7,
      /ipam\.routes\[0\]\.dst: invalid CIDR/,
    ],
    ["a next hop that is none", { subnet: "10.1.2.0/24", routes: [{ dst: "::/0", gw: "x" }] }, 7, /routes\[0\]\.gw/],
    ["an unknown strategy", { subnet: "10.1.2.0/24", strategy: "first" }, 7, /ipam\.strategy/],
    ["an exclude that is none", { subnet: "10.1.2.0/24", exclude: ["x"] }, 7, /invalid exclude 0/],
    [
      "a resolvConf that is not there",
      { subnet: "10.1.2.0/24", resolvConf: "/nowhere" },
      5,
      /open \/nowhere: no such file/,
    ],
  ])("ADD and STATUS refuse %s, and touch nothing", (_, ipam, code, words) => {
    const pool = makePool({ ipam })
    assertCniError(pool.call("ADD", "one"), code, words)
    assertCniError(pool.call("STATUS", ""), code, words)
    expect(existsSync(pool.path())).toBe(false)
  })
})

describe("CHECK", () => {
  test("wants every address of the result that is ours to be the container's", () => {
    const pool = makePool({ ipam: dualStack })
    pool.add("other")
    const prevResult = resultOf(pool.call("ADD", "box"))
    const words = /^host-local: Failed to find address added by container box\n.*fd00:1::3 is reserved by /
    assertSilent(pool.call("CHECK", "box", { prevResult }))
    pool.put("fd00:1::3", "thief\r\neth0")
    assertCniError(pool.call("CHECK", "box", { prevResult }), 999, words)
    rmSync(pool.path("fd00:1::3"))
    assertCniError(pool.call("CHECK", "box", { prevResult }), 999, words)
    assertSilent(pool.call("CHECK", "box", { prevResult: { ...prevResult, ips: [{ address: "10.1.2.3/24" }] } }))
  })

  test("is content with any address of the container where the ranges have changed since", () => {
    const pool = makePool()
    const prevResult = resultOf(pool.call("ADD", "box"))
    const moved = { config: { ipam: { type: "host-local", subnet: "10.9.0.0/16" } }, prevResult }
    assertSilent(pool.call("CHECK", "box", moved))
    assertCniError(
      pool.call("CHECK", "box", { ...moved, ifname: "eth1" }),
      999,
      /added by container box\n.*no address file/,
    )
  })

  test("changes nothing, not even an index that is lost", () => {
    const pool = makePool()
    const prevResult = resultOf(pool.call("ADD", "box"))
    rmSync(pool.indexPath, { recursive: true })
    const before = snapshot(world, [])
    assertSilent(pool.call("CHECK", "box", { prevResult }))
    expect(difference(before, snapshot(world, []))).toEqual([])
  })
})

describe("DEL", () => {
  test("removes what is the attachment's, and that alone", () => {
    const pool = makePool({ ipam: dualStack })
    const eth1 = pool.add("box", { ifname: "eth1" })
    pool.add("box")
    assertSilent(pool.call("DEL", "box"))
    expect(Object.keys(pool.owners())).toEqual(eth1)
    expect(pool.indexEntries()).toEqual(["box:eth1"])
  })

  test("of what is not there creates nothing", () => {
    const pool = makePool()
    assertSilent(pool.call("DEL", "box"))
    expect(existsSync(pool.path())).toBe(false)
    pool.add("one")
    const before = { ...pool.files(), index: pool.indexEntries() }
    assertSilent(pool.call("DEL", "box"))
    expect({ ...pool.files(), index: pool.indexEntries() }).toEqual(before)
  })

  test.each<[string, object]>([
    ["no ranges", { ipam: { type: "host-local" } }],
    ["a range that became invalid", { ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.9/24" }]] } }],
    ["ranges of the wrong type", { ipam: { type: "host-local", ranges: "none", exclude: 5 } }],
    ["more sets than there were", { ipam: { type: "host-local", ...dualStack } }],
    ["no ipam at all", { ipam: undefined }],
  ])("works with %s", (_, config) => {
    const pool = makePool()
    pool.add("box")
    assertSilent(pool.call("DEL", "box", { config }))
    expect(pool.owners()).toEqual({})
  })

  test("with a dataDir that no ADD would have taken says so and succeeds", () => {
    const deleted = makePool({ ipam: { dataDir: "pools" } }).call("DEL", "box")
    assertSilent(deleted)
    expect(deleted.stderr).toMatch(/nothing to remove: ipam\.dataDir: must be an absolute path/)
  })

  test("removes a file in the form of before 0.8 if the container has no other", () => {
    const pool = makePool()
    pool.put("10.1.2.40", "box")
    pool.put("10.1.2.41", "box\r\neth0\n")
    assertSilent(pool.call("DEL", "box"))
    expect(pool.owners()).toEqual({ "10.1.2.40": "box" })
    assertSilent(pool.call("DEL", "box"))
    expect(pool.owners()).toEqual({})
  })

  test("tells of a file that it cannot remove, having removed the rest", () => {
    const pool = makePool({ ipam: dualStack })
    const [first = "", second = ""] = pool.add("box")
    world.output([
      "mount",
      "--bind",
      `${pool.dataDir}/${pool.network}/${first}`,
      `${pool.dataDir}/${pool.network}/${first}`,
    ])
    const words = new RegExp(`^could not remove address file ${first} of network ${pool.network}: unlink .*EBUSY`)
    assertCniError(pool.call("DEL", "box"), 999, words)
    expect(existsSync(pool.path(second))).toBe(false)
    world.output(["umount", `${pool.dataDir}/${pool.network}/${first}`])
    assertSilent(pool.call("DEL", "box"))
    expect(pool.owners()).toEqual({})
  })
})

describe("the index of owners", () => {
  test("names each owner's addresses, and none that is gone", () => {
    const pool = makePool({ ipam: dualStack })
    pool.add("one")
    pool.add("one", { ifname: "eth1" })
    expect(pool.indexEntries()).toEqual(["one:eth0", "one:eth1"])
    expect(readlinkSync(`${pool.indexPath}/one:eth0`)).toBe("10.1.2.2 fd00:1::2")
    assertSilent(pool.call("DEL", "one"))
    expect(pool.indexEntries()).toEqual(["one:eth1"])
  })

  /** Ways to spoil the index after ADD of the containers box and other, whose addresses are given. */
  const spoilt: [string, (pool: AddressPool, other: string) => void][] = [
    ["is lost", pool => rmSync(pool.indexPath, { recursive: true })],
    ["is lost with the folder above it", pool => rmSync(`${pool.indexPath}/..`, { recursive: true })],
    ["has lost the entry", pool => rmSync(`${pool.indexPath}/box:eth0`)],
    ["names another's address", (pool, other) => forge(pool, other)],
    ["names an address that nobody has", pool => forge(pool, "10.1.2.200")],
    ["leads out of the folder", pool => forge(pool, "../../../../../etc/cni/mine")],
    ["holds a file where a link should be", pool => forgeFile(pool)],
    ["is a file", pool => spoilFolder(pool)],
  ]

  function forge(pool: AddressPool, target: string): void {
    rmSync(`${pool.indexPath}/box:eth0`)
    symlinkSync(target, `${pool.indexPath}/box:eth0`)
  }

  function forgeFile(pool: AddressPool): void {
    rmSync(`${pool.indexPath}/box:eth0`)
    writeFileSync(`${pool.indexPath}/box:eth0`, "10.1.2.3")
  }

  function spoilFolder(pool: AddressPool): void {
    rmSync(pool.indexPath, { recursive: true })
    writeFileSync(pool.indexPath, "")
  }

  test.each(spoilt)("that %s keeps DEL from nothing, and harms nobody", (_, spoil) => {
    writeFileSync(world.outside("/etc/cni/mine"), "box\r\neth0")
    const pool = makePool({ dataDir: `/var/lib/cni/index${networks}` })
    const [other = ""] = pool.add("other")
    pool.add("box")
    spoil(pool, other)
    assertSilent(pool.call("DEL", "box"))
    expect(pool.owners()).toEqual({ [other]: "other\r\neth0" })
    expect(existsSync(world.outside("/etc/cni/mine"))).toBe(true)
  })

  const noticed = spoilt.filter(([what]) => what !== "has lost the entry")

  test.each(noticed)("that %s hides no duplicate", (_, spoil) => {
    const pool = makePool({ dataDir: `/var/lib/cni/index${networks}` })
    const [other = ""] = pool.add("other")
    pool.add("box")
    spoil(pool, other)
    assertCniError(pool.call("ADD", "box"), 999, /10\.1\.2\.3 has been allocated to box, duplicate allocation is not/)
    pool.add("third")
    expect(Object.keys(pool.owners())).toEqual([other, "10.1.2.3", "10.1.2.4"])
  })

  test("that names one address of two keeps DEL from neither", () => {
    const pool = makePool({ ipam: dualStack })
    const [first = ""] = pool.add("box")
    forge(pool, first)
    assertSilent(pool.call("DEL", "box"))
    expect(pool.owners()).toEqual({})
  })

  test("is made for a folder that the reference left", () => {
    const pool = makePool()
    for (const id of ["one", "two"]) pool.add(id, { by: "reference" })
    pool.put("10.1.2.99", "old")
    mkdirSync(pool.path("10.1.2.98"))
    pool.put("10.1.2.97", "")
    pool.add("three")
    expect(pool.indexEntries()).toEqual(["old", "one:eth0", "three:eth0", "two:eth0"])
    assertCniError(pool.call("ADD", "old"), 999, /10\.1\.2\.99 has been allocated to old/)
  })

  test("of a network whose folder is gone misleads nobody", () => {
    const pool = makePool()
    for (const id of ["one", "two"]) pool.add(id)
    rmSync(pool.path(), { recursive: true })
    assertSilent(pool.call("DEL", "one"))
    expect(existsSync(pool.path())).toBe(false)
    expect(pool.add("two")).toEqual(["10.1.2.2"])
    expect(pool.indexEntries()).toEqual(["two:eth0"])
  })

  test("passes over a file that cannot be read, whose address stays taken", () => {
    const pool = makePool()
    pool.add("one", { by: "reference" })
    pool.add("two", { by: "reference" })
    const file = `${pool.dataDir}/${pool.network}/10.1.2.2`
    const launcher = [getTool("strace"), "-qq", "-o", "/dev/null", "-P", file, "-e", "inject=openat:error=EIO"]
    const added = pool.call("ADD", "three", { launcher })
    expect(added.stderr).toMatch(/an address file is passed over: open \/var\/.*: input\/output error/)
    expect(addressesOf(added)).toEqual(["10.1.2.4"])
  })

  test("does without an entry for a container ID that is no file's name", () => {
    const pool = makePool()
    const id = "x".repeat(300)
    pool.add("short")
    pool.add(id)
    assertCniError(pool.call("ADD", id), 999, /duplicate allocation is not allowed/)
    assertSilent(pool.call("DEL", id))
    expect(Object.values(pool.owners())).toEqual(["short\r\neth0"])
  })
})
