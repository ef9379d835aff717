// Many callers at once, callers that must wait, and a pool of 60,000 addresses. Times have generous limits: the bench has
// the bars.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { countAccesses } from "../bench/accesses.ts"
import { AddressPool, addressesOf, CONTAINER, type PoolOptions } from "../kit/address-pool.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { assertCniError, assertSilent } from "../kit/plugin.ts"
import { getTool } from "../kit/repository.ts"

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer(CONTAINER)
})

afterAll(() => world.remove())

let networks = 0
const makePool = (options: PoolOptions = {}) => new AddressPool(world, { network: `net${networks++}`, ...options })
const ids = (count: number, name = "box") => Array.from({ length: count }, (_, i) => `${name}${i}`)

describe("at once", () => {
  test("200 ADDs get 200 addresses, and 200 DELs give all back", async () => {
    const pool = makePool({ ipam: { ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "fd00::/64" }]] } })
    const added = await Promise.all(ids(200).map(id => pool.start("ADD", id)))
    expect(new Set(added.flatMap(addressesOf)).size).toBe(400)
    expect(new Set(Object.values(pool.owners())).size).toBe(200)
    expect(pool.indexEntries()).toHaveLength(200)
    for (const answer of await Promise.all(ids(200).map(id => pool.start("DEL", id)))) assertSilent(answer)
    expect([pool.owners(), pool.indexEntries()]).toEqual([{}, []])
  })

  test.each(["round-robin", "lowest", "random"])(
    "more ADDs than addresses share out all of them: %s",
    async strategy => {
      const pool = makePool({ ipam: { subnet: "10.1.2.0/28", strategy } })
      const answers = await Promise.all(ids(20).map(id => pool.start("ADD", id)))
      expect(new Set(answers.filter(({ status }) => status === 0).flatMap(addressesOf)).size).toBe(13)
      for (const answer of answers.filter(({ status }) => status !== 0)) assertCniError(answer, 100, /no IP addresses/)
    },
  )

  test("ADDs of one owner give one of them an address", async () => {
    const pool = makePool()
    const answers = await Promise.all(ids(10).map(() => pool.start("ADD", "same")))
    expect(answers.filter(({ status }) => status === 0)).toHaveLength(1)
    expect(Object.keys(pool.owners())).toHaveLength(1)
  })

  test("ADDs, DELs and GCs of the same network do one another no harm", async () => {
    const pool = makePool()
    const [stay, go, come] = [ids(20, "stay"), ids(20, "go"), ids(20, "come")]
    await Promise.all([...stay, ...go].map(id => pool.start("ADD", id)))
    const valid = [...stay, ...come].map(containerID => ({ containerID, ifname: "eth0" }))
    const config = { "cni.dev/valid-attachments": valid }
    const answers = await Promise.all([
      ...come.map(id => pool.start("ADD", id)),
      ...go.map(id => pool.start("DEL", id)),
      ...ids(5).map(() => pool.start("GC", "", { config })),
    ])
    expect(answers.filter(({ status }) => status !== 0)).toEqual([])
    expect(Object.values(pool.owners()).toSorted()).toEqual([...come, ...stay].map(id => `${id}\r\neth0`).toSorted())
    expect(pool.indexEntries()).toEqual([...come, ...stay].map(id => `${id}:eth0`).toSorted())
  })
})

/** Waits until some process is blocked on a file's lock; the event loop goes on, for that process needs its stdin. */
async function untilBlocked(path: string): Promise<void> {
  const waiter = new RegExp(` -> FLOCK .*:${statSync(path).ino} `)
  const end = performance.now() + 10_000
  while (!waiter.test(readFileSync("/proc/locks", "utf8"))) {
    if (performance.now() > end) throw new Error(`nobody waits for the lock ${path}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe("the lock", () => {
  test.each(["ADD", "DEL", "GC"])("makes %s wait for another program", async verb => {
    const pool = makePool()
    pool.add("box")
    const before = pool.files()
    const lock = `${pool.dataDir}/${pool.network}/lock`
    const holder = world.start(["flock", lock, "sh", "-c", "echo held; exec sleep 60"])
    await holder.waitForOutput(/held/)
    const config = verb === "GC" ? { "cni.dev/valid-attachments": [] } : {}
    const waiting = pool.start(verb, verb === "ADD" ? "new" : "box", { config })
    await untilBlocked(pool.path("lock"))
    expect(pool.files()).toEqual(before)
    holder.kill("SIGKILL")
    expect((await waiting).status).toBe(0)
    expect(pool.files()).not.toEqual(before)
  })

  test("that is not to be had is a reason to try again later", () => {
    const pool = makePool()
    pool.add("box")
    const before = pool.owners()
    const launcher = [getTool("strace"), "-qq", "-o", "/dev/null", "-e", "inject=flock:error=EAGAIN"]
    assertCniError(pool.call("ADD", "new", { launcher }), 11, /flock .*\/lock: resource temporarily unavailable/)
    assertCniError(pool.call("DEL", "box", { launcher }), 11, /flock .*\/lock: resource temporarily unavailable/)
    expect(pool.owners()).toEqual(before)
  })
})

describe("with 60,000 addresses of a /16 taken", () => {
  const TAKEN = 60_000
  const strategies = ["round-robin", "lowest", "random", "wrap-around"] as const
  let pool: AddressPool

  const poolFor = (strategy: (typeof strategies)[number]) =>
    pool.with({ ipam: { subnet: "10.95.0.0/16", ...(strategy !== "wrap-around" && { strategy }) } })

  const prepare = (strategy: string) => {
    if (strategy === "wrap-around") pool.put("last_reserved_ip.0", "10.95.255.254")
  }

  beforeAll(() => {
    pool = makePool({ ipam: { subnet: "10.95.0.0/16" } })
    mkdirSync(pool.path(), { recursive: true })
    let last = ""
    for (let i = 2; i < TAKEN + 2; i++) {
      last = `10.95.${i >> 8}.${i & 255}`
      writeFileSync(pool.path(last), `filler${i}\r\neth0`)
    }
    pool.put("last_reserved_ip.0", last)
    // The first ADD makes the index.
    expect(pool.add("first", { timeoutMs: 60_000 })).toEqual([`10.95.${(TAKEN + 2) >> 8}.${(TAKEN + 2) & 255}`])
    expect(pool.indexEntries()).toHaveLength(TAKEN + 1)
  })

  test.each(strategies)("%s finds a free one in time, and gives it back", strategy => {
    prepare(strategy)
    const start = performance.now()
    const [address = ""] = poolFor(strategy).add("box")
    const middle = performance.now()
    assertSilent(poolFor(strategy).call("DEL", "box"))
    expect(middle - start).toBeLessThan(2000)
    expect(performance.now() - middle).toBeLessThan(1000)
    expect(existsSync(pool.path(address))).toBe(false)
  })

  test.each([
    ["round-robin", 0],
    ["lowest", 1],
    ["random", 1],
    ["wrap-around", 1],
  ] as const)("%s reads the folder %d times and opens no address file", (strategy, foldersRead) => {
    prepare(strategy)
    const log = world.outside("/run/accesses")
    const calls = "trace=open,openat,openat2,getdents64"
    const launcher = [getTool("strace"), "-f", "-qq", "-o", "/run/accesses", "-e", calls]
    poolFor(strategy).add("box", { launcher })
    const seen = countAccesses(readFileSync(log, "utf8"))
    assertSilent(poolFor(strategy).call("DEL", "box", { launcher }))
    expect(seen).toEqual({ filesOpened: 0, foldersRead })
    expect(countAccesses(readFileSync(log, "utf8"))).toEqual({ filesOpened: 1, foldersRead: 0 })
  })

  test("STATUS answers in time", () => {
    const start = performance.now()
    assertSilent(pool.call("STATUS", ""))
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
