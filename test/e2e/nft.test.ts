/**
 * lib/nft against a real kernel, in the engine (test/kit/nft-driver.ts), observed by nft and iptables: what it makes prints as
 * what nft itself makes of the same words, transactions are all or nothing, and iptables still works beside it.
 */
import { writeFileSync } from "node:fs"
import { buildEngineProgram } from "../kit/engine-program.ts"
import { createWorld, type World } from "../kit/namespaces.ts"

let driver: string
let world: World

beforeAll(async () => {
  driver = await buildEngineProgram("test/kit/nft-driver.ts")
  world = await createWorld()
  for (const name of ["ours", "theirs"]) world.addContainer(name)
})
afterEach(() => {
  for (const container of ["ours", "theirs"]) world.output(["nft", "flush", "ruleset"], { container })
})
afterAll(() => world.remove())

interface Outcome<T> {
  readonly value?: T
  readonly error?: { name: string; message: string; code?: string; others: string[] }
}

/** Runs a command of the driver in a container namespace. */
function run<T>(command: string, more: object = {}, prefix: readonly string[] = []): Outcome<T> {
  const input = JSON.stringify({ command, ...more })
  return JSON.parse(world.output([...prefix, driver], { container: "ours", input, timeoutMs: 20_000 })) as Outcome<T>
}

/** Runs a command that must succeed. */
function must<T>(command: string, more: object = {}): T {
  const { value, error } = run<T>(command, more)
  if (error !== undefined) throw new Error(`${command}: ${error.message}`)
  return value as T
}

const nft = (container: string, ...args: string[]): string => world.output(["nft", ...args], { container })

/** What nft lists as JSON, without the handles, which count whatever was made before. */
function listJson(container: string): unknown[] {
  const { nftables } = JSON.parse(nft(container, "-j", "list", "ruleset")) as { nftables: object[] }
  return nftables.map(item => JSON.parse(JSON.stringify(item, (key, value) => (key === "handle" ? undefined : value))))
}

/** Has nft itself make a ruleset in "theirs". */
function feed(text: string): void {
  world.output(["nft", "-f", "-"], { container: "theirs", input: text })
}

/** Holds what there is in "ours" against what nft made, in both of nft's forms. */
function expectSame(): void {
  expect(nft("ours", "list", "ruleset")).toBe(nft("theirs", "list", "ruleset"))
  expect(listJson("ours")).toEqual(listJson("theirs"))
}

const block = (head: string, ...lines: string[]): string => [`${head} {`, ...lines, "}"].join("\n")
/** A set's text on lines of their own, as nft wants what is inside of a table. */
const spread = (text: string): string => text.replace(" }", "\n}")

describe("what it makes prints as what nft makes", () => {
  test.each(["inet", "ip", "ip6", "bridge"])("rules of family %s, word for word", family => {
    const { rules, sets } = must<{ rules: string[]; sets: string[] }>("samples", { family })
    expect(rules.length).toBeGreaterThan(4)
    feed(
      block(
        `table ${family} samples`,
        'comment "Rules of all kinds"',
        ...sets.map(spread),
        block("chain other", 'comment "Where others jump to"'),
        block("chain rules", ...rules),
      ),
    )
    expectSame()
    const listed = nft("ours", "list", "chain", family, "samples", "rules").split("\n").slice(2, -3)
    expect(listed).toHaveLength(rules.length)
  })

  test("elements of sets and maps, with comments", () => {
    must("elements")
    const { sets } = must<{ sets: string[] }>("samples")
    nft("ours", "flush", "chain", "inet", "samples", "rules")
    const elements = [
      'peers { 10.1.0.5 . 443 comment "a peer" }',
      "ways { 10.1.0.5 . 80 : accept, 10.1.0.5 . 81 : jump other }",
      'ports { tcp . 8080 comment "one" : 10.1.0.5 . 80 }',
      "ports6 { udp . 53 : fd00::5 . 5353 }",
      'links { "veth01234567" comment "link" : jump other }',
      "marks { 0x2000 }",
      'owners { "veth0" . 02:00:00:00:00:01 }',
      "addresses { 10.1.0.5 : 10.1.0.6 }",
      "services { 443 : 7 }",
    ]
    const table = block(
      "table inet samples",
      'comment "Rules of all kinds"',
      ...sets.map(spread),
      block("chain other", 'comment "Where others jump to"'),
      "chain rules {\n}",
    )
    feed([table, ...elements.map(each => `add element inet samples ${each}`)].join("\n"))
    expectSame()
  })

  test("tables, base chains and sets, made twice", () => {
    must("shared")
    feed(
      block(
        "table inet patchbay",
        'comment "Tested"',
        "map ports {\n type inet_proto . inet_service : ipv4_addr . inet_service\n}",
        'map ways {\n type inet_service : verdict\n comment "By port"\n}',
        'chain inner {\n comment "Called by others"\n}',
        block(
          "chain base",
          'comment "Called by the kernel"',
          "type nat hook postrouting priority srcnat; policy accept;",
        ),
      ),
    )
    expectSame()
  })

  test("and nft reads it again", () => {
    must("samples")
    must("fill")
    const text = nft("ours", "list", "ruleset")
    feed(text)
    expectSame()
  })
})

test("lists what there is, as it was made", () => {
  must("fill")
  const address = { family: 4, w0: 0, w1: 0, w2: 0xffff, w3: 0x0a010005 }
  const element = (port: number) => ({
    ...{ key: ["tcp", port], value: [address, 80], comment: `owner ${port}`, tag: `net/container/${port}` },
  })
  const table = { family: "inet", name: "patchbay", comment: "Tested" }
  const { elements, ...rest } = must<{ elements: { key: unknown[] }[] }>("list")
  expect(elements.sort((a, b) => Number(a.key[1]) - Number(b.key[1]))).toEqual([element(8080), element(8081)])
  expect(rest).toEqual({
    tables: [table],
    chains: [
      { table, name: "inner", comment: "Called by others" },
      { table, name: "base", comment: "Called by the kernel" },
    ],
    rules: [
      { handle: 0, comment: "first", tag: "tagged", userdata: expect.arrayContaining([112]) },
      { handle: 0, userdata: [] },
    ],
    verdicts: [{ key: [80], value: { code: -3, chain: "inner" } }],
    found: element(8081),
    nothing: [[], []],
  })
})

describe("refusals", () => {
  test("name the change, and nothing of the transaction is there", () => {
    must("fill")
    const before = listJson("ours")
    const { error } = run("conflict")
    expect([error?.code, error?.message]).toEqual([
      "EEXIST",
      expect.stringContaining("NFT_MSG_NEWSETELEM inet patchbay ports { tcp . 8081 }: EEXIST (file exists"),
    ])
    expect(listJson("ours")).toEqual(before)
  })

  test("all are told, with the attribute that the kernel points at", () => {
    must("shared")
    const { error } = run("absent")
    expect(error?.message).toMatch(/^NFT_MSG_NEWRULE inet patchbay none "lost": ENOENT \(.* at NFTA_RULE_CHAIN\)$/)
    expect(error?.others).toEqual([
      expect.stringMatching(/^NFT_MSG_NEWRULE inet nowhere inner: ENOENT \(.* at NFTA_RULE_TABLE\)$/),
    ])
  })

  test("may be more than the socket can hold", () => {
    const { error } = run("refused", { count: 1000 })
    expect(error?.message).toContain('NFT_MSG_NEWRULE inet patchbay none "0": ENOENT')
    expect(error?.others.length).toBeGreaterThan(50)
    expect(error?.others[0]).toContain('"1": ENOENT')
  })

  test("without the right to, the transaction is refused as a whole", () => {
    const { error } = run("fill", {}, ["setpriv", "--bounding-set=-net_admin", "--"])
    expect(error?.message).toBe("NFNL_MSG_BATCH_BEGIN nf_tables: EPERM (operation not permitted)")
  })
})

describe("removal", () => {
  const leftover = block(
    "table inet patchbay",
    'comment "Tested"',
    block(
      "map ports",
      "type inet_proto . inet_service : ipv4_addr . inet_service",
      'elements = { tcp . 8080 comment "owner 8080" : 10.1.0.5 . 80 }',
    ),
    block("chain base", 'comment "Called by the kernel"', "type nat hook postrouting priority srcnat; policy accept;"),
  )

  function removeAll(): void {
    must("fill")
    must("remove")
    feed(leftover)
    expectSame()
    must("remove")
    expectSame()
    must("removeTable")
    must("removeTable")
    must("remove")
    expect(nft("ours", "list", "ruleset")).toBe("")
  }

  test("of what is there, and again of what is absent", removeAll)

  test("the same on a kernel that cannot leave absence out of account", () => {
    const release = world.outside("/run/osrelease")
    writeFileSync(release, "6.1.0-13-amd64\n")
    world.output(["mount", "--bind", "/run/osrelease", "/proc/sys/kernel/osrelease"])
    try {
      removeAll()
    } finally {
      world.output(["umount", "/proc/sys/kernel/osrelease"])
    }
  })
})

describe("many at once", () => {
  test("two processes that count one number up lose no step", async () => {
    const start = () => {
      const input = JSON.stringify({ command: "count", count: 50 })
      return world.start([driver], { container: "ours", input, timeoutMs: 20_000 }).done
    }
    const outcomes = await Promise.all([start(), start()])
    const plans = outcomes.map(({ stdout }) => (JSON.parse(stdout) as Outcome<number>).value ?? 0)
    expect(nft("ours", "list", "chain", "inet", "patchbay", "inner")).toContain('comment "100"')
    expect(plans[0]! + plans[1]!).toBeGreaterThanOrEqual(100)
  })

  test("a plan is made anew until the ruleset is the one it saw", () => {
    expect(must("race", { count: 3 })).toBe(4)
    const listed = nft("ours", "list", "chain", "inet", "patchbay", "inner")
    expect(listed.match(/comment "[^"]+"/g)).toEqual([
      'comment "Called by others"',
      ...new Array(3).fill('comment "in between"'),
      'comment "saw 3 rules"',
    ])
  })

  test("a plan that never meets the ruleset it saw is given up with EAGAIN", () => {
    const { error } = run("race", { count: 32 })
    expect([error?.code, error?.message]).toEqual(["EAGAIN", expect.stringContaining("32 attempts")])
    const listed = nft("ours", "list", "chain", "inet", "patchbay", "inner")
    expect([listed.includes("saw"), listed.match(/in between/g)?.length]).toEqual([false, 32])
  })

  const rulesIn = (container: string) =>
    listJson(container).filter(item => typeof item === "object" && item !== null && "rule" in item).length

  test("1000 rules in one transaction", () => {
    must("many", { count: 1000 })
    expect(rulesIn("ours")).toBe(1000)
  })

  test("1000 rules by a user who is root in a namespace of his own", () => {
    const input = JSON.stringify({ command: "many", count: 1000 })
    const script = `${driver} && nft list ruleset | grep -c 'tcp dport'`
    expect(world.output(["unshare", "-Urn", "sh", "-c", script], { input, timeoutMs: 20_000 })).toBe("{}1000\n")
  })

  test("1000 elements, and all but one away again", () => {
    expect(must("ports", { count: 1000 })).toEqual({ length: 1000, left: [["tcp", 1]] })
  })
})

describe("iptables", () => {
  const save = (...args: string[]): string[] =>
    ["iptables-save", "ip6tables-save"].map(tool =>
      world
        .output([tool, ...args], { container: "ours" })
        .replaceAll(/^#.*$/gm, "")
        .replaceAll(/\[\d+:\d+\]/g, ""),
    )

  test("still works beside it, and its tables are left alone", () => {
    const rules = [
      "iptables -t nat -A POSTROUTING -s 10.1.0.0/16 -j MASQUERADE",
      "iptables -A FORWARD -m conntrack --ctstate RELATED -j ACCEPT",
      "ip6tables -A INPUT -p tcp --dport 22 -m comment --comment kept -j DROP",
      "ip6tables -t nat -A PREROUTING -j ACCEPT",
    ]
    world.output(["sh", "-ec", rules.join("\n")], { container: "ours" })
    const before = save()
    expect(before.join("")).toMatch(/MASQUERADE[\s\S]*kept/)
    for (const family of ["inet", "ip", "ip6", "bridge"]) must("samples", { family })
    must("fill")
    must("remove")
    expect(run("probe")).toEqual({ value: null })
    expect(save()).toEqual(before)
    world.output(["iptables", "-t", "nat", "-A", "POSTROUTING", "-j", "RETURN"], { container: "ours" })
    expect(save("-t", "nat")[0]).toContain("-A POSTROUTING -j RETURN")
  })

  test.each([
    ["ip", "nat"],
    ["ip6", "filter"],
    ["bridge", "nat"],
  ])("has tables that it does not write into: %s %s", (family, name) => {
    const { error } = run("foreign", { family, name })
    expect(error).toMatchObject({ name: "ForeignTable", message: expect.stringContaining(`table ${family} ${name}`) })
    expect(nft("ours", "list", "ruleset")).toBe("")
  })
})

describe("the probe", () => {
  test("finds that all works, and leaves nothing", () => {
    must("shared")
    const before = nft("ours", "-a", "list", "ruleset")
    expect(must("probe")).toBeNull()
    expect(nft("ours", "-a", "list", "ruleset")).toBe(before)
  })

  test("tells what is refused", () => {
    const { value } = run<{ message: string; code: string }>("probe", {}, [
      "setpriv",
      "--bounding-set=-net_admin",
      "--",
    ])
    expect(value?.code).toBe("EPERM")
  })
})

test("a small transaction costs the kernel far less than a process", () => {
  const { kernelUs } = must<{ kernelUs: number }>("timing", { count: 200 })
  expect(kernelUs).toBeGreaterThan(0)
  expect(kernelUs).toBeLessThan(1000)
})
