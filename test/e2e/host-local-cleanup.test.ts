// What host-local takes back: GC's stale addresses, those of before a reboot, files that nobody finished; and what STATUS
// says of a pool that is full.

import { existsSync, mkdirSync, rmSync, statSync } from "node:fs"
import { AddressPool, beforeBoot, CONTAINER, type PoolOptions } from "../kit/address-pool.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { assertCniError, assertSilent } from "../kit/plugin.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer(CONTAINER)
})

afterAll(() => world.remove())

let networks = 0
const makePool = (options: PoolOptions = {}) => new AddressPool(world, { network: `net${networks++}`, ...options })
/** Three addresses: 10.1.2.5 to 10.1.2.7. */
const three = { subnet: "10.1.2.0/24", rangeStart: "10.1.2.5", rangeEnd: "10.1.2.7" }
const smallPool = (ipam: object = {}) => makePool({ ipam: { ranges: [[three]], ...ipam } })

const fill = (pool: AddressPool, count = 3): string[] =>
  Array.from({ length: count }, (_, i) => pool.add(`old${i}`)).flat()

describe("GC", () => {
  type Valid = readonly (readonly [string, string])[] | null | undefined

  test.each<[string, Valid, string[]]>([
    ["removes nothing if it is not told what is valid", undefined, ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.90"]],
    ["removes everything if nothing is valid", [], []],
    ["takes null for nothing, as libcni writes it", null, []],
    ["keeps exactly the valid", [["two", "eth0"]], ["10.1.2.4"]],
    ["tells interfaces apart", [["one", "eth1"]], ["10.1.2.3"]],
    ["judges an old file by its container", [["old", "any"]], ["10.1.2.90"]],
    [
      "removes nothing if all is valid",
      [
        ["one", "eth0"],
        ["one", "eth1"],
        ["two", "eth0"],
        ["old", "eth0"],
      ],
      ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.90"],
    ],
  ])("%s", (_, valid, kept) => {
    const pool = makePool()
    pool.add("one")
    pool.add("one", { ifname: "eth1" })
    pool.add("two", { by: "reference" })
    pool.put("10.1.2.90", "old")
    const other = makePool()
    other.add("one")
    assertSilent(pool.gc(valid))
    expect(Object.keys(pool.owners())).toEqual(kept)
    expect(Object.keys(other.owners())).toEqual(["10.1.2.2"])
    const once = snapshot(world, [])
    assertSilent(pool.gc(valid))
    expect(difference(once, snapshot(world, []))).toEqual([])
  })

  test("removes the index's entries with the addresses, and those whose address is gone already", () => {
    const pool = makePool()
    for (const id of ["one", "two", "three"]) pool.add(id)
    rmSync(pool.path("10.1.2.2"))
    assertSilent(pool.gc([["three", "eth0"]]))
    expect(pool.indexEntries()).toEqual(["three:eth0"])
  })

  test("takes the list by its older name", () => {
    const pool = makePool()
    pool.add("one")
    assertSilent(pool.gc(undefined, { config: { "cni.dev/attachments": [] } }))
    expect(pool.owners()).toEqual({})
  })

  test("keeps what is no address, and files that somebody may just be writing", () => {
    const pool = makePool()
    pool.add("one")
    const names = ["README", ".hidden", "10.1.2.9~", "last_reserved_ip.7"]
    for (const name of names) pool.put(name, "box\r\neth0", beforeBoot())
    mkdirSync(pool.path("10.1.2.80"))
    pool.put("10.1.2.81", "")
    pool.put("10.1.2.82", "\0\0\0")
    pool.put("10.1.2.83", "", beforeBoot())
    pool.put("10.1.2.84", "half", beforeBoot())
    pool.put("10.1.2.85", "\0\0\0", beforeBoot())
    assertSilent(pool.gc([["one", "eth0"]]))
    const kept = ["10.1.2.2", "10.1.2.80", "10.1.2.81", "10.1.2.82", "last_reserved_ip.0", "lock", ...names]
    const found = ["10.1.2.80", ...names].map(name => [name, existsSync(pool.path(name))])
    expect(found).toEqual(["10.1.2.80", ...names].map(name => [name, true]))
    rmSync(pool.path("10.1.2.80"), { recursive: true })
    expect(Object.keys(pool.files())).toEqual(kept.filter(name => name !== "10.1.2.80").toSorted())
  })

  test("and DEL remove the unnamed file of an ADD that was killed on a file system where it needs a name", () => {
    const pool = makePool()
    pool.add("one")
    for (const id of ["one", "two", "three"]) pool.put(`.new-${id}`, `${id}\r\neth0`)
    assertSilent(pool.call("DEL", "two"))
    assertSilent(pool.gc([["one", "eth0"]]))
    expect(Object.keys(pool.files())).toEqual([".new-one", "10.1.2.2", "last_reserved_ip.0", "lock"])
    expect(pool.indexEntries()).toEqual(["one:eth0"])
  })

  test("creates nothing where there is no network", () => {
    const pool = makePool()
    assertSilent(pool.gc([]))
    expect(existsSync(pool.path())).toBe(false)
  })

  test("works with ranges that are not valid any more", () => {
    const pool = makePool()
    pool.add("one")
    assertSilent(pool.gc([], { config: { ipam: { type: "host-local", ranges: "none" } } }))
    expect(pool.owners()).toEqual({})
  })

  test("tells what it cannot remove, having removed the rest", () => {
    const pool = makePool()
    const [first, , third] = fill(pool)
    const path = (name = "") => `${pool.dataDir}/${pool.network}/${name}`
    for (const name of [first, third]) world.output(["mount", "--bind", path(name), path(name)])
    const words = /could not remove address file 10\.1\.2\.\d .*\n.*also not removed: address file 10/
    assertCniError(pool.gc([]), 999, words)
    expect(Object.keys(pool.owners())).toEqual([first, third])
    for (const name of [first, third]) world.output(["umount", path(name)])
    assertSilent(pool.gc([]))
    expect(pool.owners()).toEqual({})
  })

  test("removes thousands of stale addresses within seconds", () => {
    const pool = makePool({ ipam: { subnet: "10.8.0.0/16" } })
    for (let i = 0; i < 3000; i++) pool.put(`10.8.${1 + (i >> 8)}.${i & 255}`, `gone${i}\r\neth0`)
    pool.add("one")
    const start = performance.now()
    assertSilent(pool.gc([["one", "eth0"]]))
    // Some 0.2 s on an idle machine.
    expect(performance.now() - start).toBeLessThan(5000)
    expect(Object.values(pool.owners())).toEqual(["one\r\neth0"])
    expect(pool.indexEntries()).toEqual(["one:eth0"])
  })
})

describe("after a reboot", () => {
  test("a full range set takes back what was reserved before, all of it, and says so", () => {
    const pool = smallPool()
    fill(pool)
    pool.date(beforeBoot(), "10.1.2.5", "10.1.2.7")
    const added = pool.call("ADD", "new")
    expect(added.stderr).toMatch(
      /network net\d+: took back what was reserved before this boot, 2 in all: 10\.1\.2\.[57] 10/,
    )
    expect(pool.owners()).toEqual({ "10.1.2.5": "new\r\neth0", "10.1.2.6": "old1\r\neth0" })
    expect(pool.indexEntries()).toEqual(["new:eth0", "old1:eth0"])
  })

  test("a range set with a free address takes nothing back", () => {
    const pool = smallPool()
    const [address = ""] = fill(pool, 2)
    pool.date(beforeBoot(), address)
    expect(pool.add("new")).toEqual(["10.1.2.7"])
    expect(Object.keys(pool.owners())).toHaveLength(3)
  })

  test("only the set that is full takes back", () => {
    const pool = makePool({ ipam: { ranges: [[three], [{ subnet: "fd00::/64" }]] } })
    fill(pool)
    pool.date(beforeBoot(), ...Object.keys(pool.owners()))
    expect(pool.add("new")).toEqual(["10.1.2.5", "fd00::5"])
    expect(Object.keys(pool.owners())).toEqual(["10.1.2.5", "fd00::2", "fd00::3", "fd00::4", "fd00::5"])
    expect(pool.indexEntries()).toEqual(["new:eth0", "old0:eth0", "old1:eth0", "old2:eth0"])
  })

  test("the same owner loses what it had before, and only that", () => {
    const pool = smallPool()
    const [first = "", second = ""] = fill(pool, 2)
    pool.date(beforeBoot(), first, second)
    const added = pool.call("ADD", "old0")
    expect(added.stderr).toMatch(/reserved before this boot, 1 in all: 10\.1\.2\.5\n/)
    expect(pool.owners()).toEqual({ [second]: "old1\r\neth0", "10.1.2.7": "old0\r\neth0" })
  })

  test("a requested address is taken back from whoever had it before", () => {
    const pool = smallPool()
    const [first = ""] = fill(pool, 2)
    const asking = { args: `IP=${first}` }
    assertCniError(pool.call("ADD", "new", asking), 999, /requested IP address 10\.1\.2\.5 is not available/)
    pool.date(beforeBoot(), first)
    expect(pool.add("new", asking)).toEqual([first])
  })

  test("what the set does not hand out is nobody's gain", () => {
    const pool = smallPool({ exclude: ["10.1.2.6"] })
    fill(pool, 2)
    pool.put("10.1.2.6", "gone\r\neth0", beforeBoot())
    assertCniError(pool.call("ADD", "new"), 100, /no IP addresses available/)
    assertCniError(pool.call("STATUS", ""), 50, /no IP addresses available/)
  })

  test("many addresses that are taken back are not all named", () => {
    const pool = makePool({ ipam: { subnet: "10.1.2.0/26" } })
    for (let i = 2; i < 63; i++) pool.put(`10.1.2.${i}`, `gone${i}\r\neth0`, beforeBoot())
    expect(pool.call("ADD", "new").stderr).toMatch(/, 61 in all: (\S+ ){20}…\n$/)
    expect(Object.values(pool.owners())).toEqual(["new\r\neth0"])
  })

  test("a file without an owner is free", () => {
    const pool = smallPool({ reclaimAfterReboot: false })
    for (const name of ["10.1.2.5", "10.1.2.6"]) pool.put(name, "", beforeBoot())
    pool.put("10.1.2.7", "")
    expect(pool.add("new")).toEqual(["10.1.2.5"])
    expect(pool.add("newer")).toEqual(["10.1.2.6"])
    assertCniError(pool.call("ADD", "newest"), 100, /no IP addresses available/)
  })

  test("reclaimAfterReboot false leaves alone what has an owner", () => {
    const pool = smallPool({ reclaimAfterReboot: false })
    const all = fill(pool)
    pool.date(beforeBoot(), ...all)
    assertCniError(pool.call("ADD", "new"), 100, /range set: 10\.1\.2\.5-10\.1\.2\.7\n/)
    assertCniError(pool.call("ADD", "old0"), 999, /duplicate allocation/)
    assertCniError(pool.call("STATUS", ""), 50, /no IP addresses available in range set: 10\.1\.2\.5-10\.1\.2\.7\n/)
    expect(Object.keys(pool.owners())).toEqual(all)
  })

  test("a clock that has gone back takes nothing", () => {
    const pool = smallPool()
    const [first = "", second = ""] = fill(pool)
    pool.date(beforeBoot(), first)
    pool.date(new Date(Date.now() + 3_600_000), second)
    const why = /not taken back: 10\.1\.2\.6 is from the future by the node's clock\. GC frees/
    assertCniError(pool.call("ADD", "new"), 100, why)
    assertCniError(pool.call("STATUS", ""), 50, why)
    expect(Object.keys(pool.owners())).toHaveLength(3)
  })

  test("an uptime longer than a file's age takes nothing", () => {
    const pool = smallPool()
    const all = fill(pool)
    pool.date(beforeBoot(), ...all)
    const twoDays = ["unshare", "--time", "--boottime", "172800", "--"]
    assertCniError(pool.call("ADD", "new", { launcher: twoDays }), 100, /no IP addresses available/)
    expect(pool.add("new")).toEqual(["10.1.2.5"])
  })
})

describe("STATUS", () => {
  test("is ready while there is a free address, and before the first", () => {
    const pool = smallPool()
    assertSilent(pool.call("STATUS", ""))
    expect(existsSync(pool.path())).toBe(false)
    fill(pool, 2)
    assertSilent(pool.call("STATUS", ""))
  })

  test("is not ready when a set is full, unless told to be", () => {
    const pool = makePool({ ipam: { ranges: [[{ subnet: "fd00::/64" }], [three]] } })
    fill(pool)
    assertCniError(
      pool.call("STATUS", ""),
      50,
      /no IP addresses available in range set: 10\.1\.2\.5-10\.1\.2\.7\nGC frees/,
    )
    const ready = pool.with({ ipam: { ranges: [[three]], statusWhenFull: "ready" } })
    assertSilent(ready.call("STATUS", ""))
    assertCniError(ready.call("ADD", "new"), 100, /no IP addresses available/)
  })

  test("counts what ADD would take back, and changes nothing", () => {
    const pool = smallPool()
    const [first = ""] = fill(pool)
    pool.date(beforeBoot(), first)
    rmSync(pool.indexPath, { recursive: true })
    const before = snapshot(world, [])
    const read = statSync(pool.path()).mtimeMs
    assertSilent(pool.call("STATUS", ""))
    expect(difference(before, snapshot(world, []))).toEqual([])
    expect(statSync(pool.path()).mtimeMs).toBe(read)
  })

  test("refuses a configuration that ADD would refuse", () => {
    assertCniError(makePool({ ipam: { subnet: "10.1.2.3/24" } }).call("STATUS", ""), 7, /Network has host bits set/)
  })
})

test("the network's folder may be read by all, the index by its owner alone", () => {
  const pool = makePool()
  pool.add("one")
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  expect([pool.path(), `${pool.path()}/..`, pool.indexPath, `${pool.indexPath}/..`].map(mode)).toEqual([
    "755",
    "755",
    "700",
    "700",
  ])
})
