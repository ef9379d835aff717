// Whatever comes on stdin, a plugin answers by the contract, in time, and a failed ADD leaves the world as it was.

import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createWorld, type World, withWorld } from "../kit/namespaces.ts"
import { type Answer, assertSilent, attachment, cni, describe as inWords } from "../kit/plugin.ts"
import { getTool } from "../kit/repository.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"
import { assertFailure, contractProblem } from "./answers.ts"
import { badValues, type Place, placesOf, withValue, wrongPlace } from "./bad-values.ts"
import { type BatchCall, runBatch } from "./batch.ts"
import { configOf, isChained, pluginNames } from "./plugin-configs.ts"

type Verb = "STATUS" | "GC" | "CHECK" | "ADD" | "DEL"

const texts = ["a text", "an empty text", "a very long text", "a text with NUL", "half a surrogate pair"]
const filled = texts.filter(name => name !== "an empty text")

const unusable: Partial<Record<Verb, number>> = { ADD: 7, STATUS: 7 }
const notInstalled: Partial<Record<Verb, number>> = { ADD: 999, STATUS: 50, GC: 999 }
const unreadable: Partial<Record<Verb, number>> = { ADD: 5, STATUS: 5 }

/** Values of the right type that a plugin refuses all the same, with the code for each verb that does. */
const refused: readonly [plugin: string, places: string, values: readonly string[], Partial<Record<Verb, number>>][] = [
  ["bridge", "bridge", ["an empty text", "a very long text", "a text with NUL"], unusable],
  ["bridge", "ipMasq macspoofchk", ["true"], { ADD: 2, STATUS: 2 }],
  ["bridge", "disableContainerInterface", ["true"], unusable],
  ["bridge", "mtu", ["a number"], { ADD: 999 }],
  ["bridge", "vlan vlanTrunk.0.id vlanTrunk.0.minID vlanTrunk.0.maxID", ["a negative number"], unusable],
  ["bridge", "vlanTrunk.0.minID vlanTrunk.0.maxID", ["a number"], unusable],
  ["bridge", "ipam.type", ["a text", "a very long text", "half a surrogate pair"], notInstalled],
  ["bridge", "ipam.type", ["a text with NUL"], { ...unusable, GC: 7 }],
  ["bridge", "args.cni.mac runtimeConfig.mac", filled, unusable],
  ["static", "ipam.addresses.0.address ipam.routes.0.dst args.cni.ips.0 runtimeConfig.ips.0", texts, unusable],
  ["static", "ipam.addresses.0.gateway ipam.routes.0.gw", filled, unusable],
  ["static", "args.cni.ips runtimeConfig.ips", ["a list"], unusable],
  ["host-local", "ipam", ["null", "an object"], unusable],
  ["host-local", "ipam.ranges", ["null"], unusable],
  ["host-local", "ipam.ranges.0.0.subnet runtimeConfig.ipRanges.0.0.subnet ipam.subnet", texts, unusable],
  ["host-local", "ipam.ranges.0.0.rangeStart ipam.ranges.0.0.rangeEnd ipam.ranges.0.0.gateway", filled, unusable],
  ["host-local", "runtimeConfig.ipRanges.0.0.rangeStart runtimeConfig.ipRanges.0.0.rangeEnd", filled, unusable],
  ["host-local", "runtimeConfig.ipRanges.0.0.gateway ipam.routes.0.gw ipam.dataDir", filled, unusable],
  ["host-local", "ipam.exclude.0 ipam.routes.0.dst", texts, unusable],
  ["host-local", "ipam.exclude", ["a list"], unusable],
  ["host-local", "args.cni.ips.0 runtimeConfig.ips.0", texts, { ADD: 7 }],
  ["host-local", "args.cni.ips runtimeConfig.ips", ["a list"], { ADD: 7 }],
  ["host-local", "ipam.resolvConf", filled, unreadable],
  ["tuning", "mac args.cni.mac runtimeConfig.mac dataDir", filled, unusable],
  // There is no such interface.
  ["tuning", "mtu txQLen args.cni.mtu args.cni.txQLen", ["a number"], { ADD: 999 }],
  ["tuning", "promisc allmulti args.cni.promisc args.cni.allmulti", ["true"], { ADD: 999 }],
  ["tuning", "prevResult", ["null"], { ADD: 7 }],
]

/** Values that make or change something shared, which stays: tried in worlds of their own. */
const sharing: readonly [plugin: string, places: string, values: readonly string[]][] = [
  ["bridge", "bridge", ["a text", "null", "half a surrogate pair"]],
  ["bridge", "promiscMode", ["true"]],
  ["bridge", "vlan vlanTrunk.0.id", ["a number"]],
  ["bridge", "vlanTrunk.0", ["an object"]],
  ["bridge", "vlanTrunk.0.id vlanTrunk.0.minID vlanTrunk.0.maxID", ["null"]],
  ["host-local", "name", ["a text", "a very long text"]],
]

const isRow = (
  [plugin, places, values]: readonly [string, string, readonly string[], ...unknown[]],
  one: One,
): boolean => plugin === one.plugin && places.split(" ").includes(one.place.join(".")) && values.includes(one.value)

/** One value in one place. */
interface One {
  readonly plugin: string
  readonly place: Place
  readonly value: string
  /** The whole configuration. */
  readonly stdin: string
}

const call = ({ plugin, stdin }: One, verb: Verb): BatchCall => ({ plugin, verb, stdin })

/** Tells the code that a verb must give: 0 is success, undefined any that keeps the contract. */
function wantedCode(one: One, verb: Verb): number | undefined {
  const [head] = one.place
  if (head === "cniVersion") return versionCode(one, verb)
  if (head === "name" && !["a text", "a very long text"].includes(one.value)) return 7
  if (verb === "DEL") return 0
  if (verb === "GC" && String(head).startsWith("cni.dev/")) return attachmentsCode(one, String(head))
  if (verb !== "GC" && wrongPlace(one.plugin, one.stdin) !== undefined) return 7
  if (verb === "CHECK") return head === "prevResult" || isChained(one.plugin) ? undefined : 7
  return refused.find(row => isRow(row, one))?.[3][verb] ?? 0
}

function versionCode({ value }: One, verb: Verb): number {
  const isOldest = value === "null" || value === "an empty text"
  if (isOldest) return verb === "ADD" || verb === "DEL" ? 0 : 1
  if (!texts.includes(value)) return 6
  return verb === "ADD" || verb === "DEL" ? 1 : 6
}

/** GC must know for sure what to leave alone. */
function attachmentsCode({ stdin }: One, key: string): number {
  const list = JSON.parse(stdin)[key] ?? []
  const isUsable = (item: { containerID?: unknown; ifname?: unknown } | null) =>
    typeof item?.containerID === "string" && typeof item.ifname === "string"
  return Array.isArray(list) && list.every(isUsable) ? 0 : 7
}

/** Tells what is wrong with an answer; undefined: nothing. */
function problemOf(one: One, verb: Verb, answer: Answer): string | undefined {
  const contract = contractProblem(answer)
  const code = answer.status === 0 ? 0 : (answer.json as { code?: number } | undefined)?.code
  const wanted = wantedCode(one, verb)
  const path = one.place[0] === "name" || one.place[0] === "cniVersion" ? undefined : wrongPlace(one.plugin, one.stdin)
  const named = code === 7 && verb !== "GC" ? (answer.json as { msg: string }).msg : answer.stderr
  if (contract !== undefined) return contract
  if (wanted !== undefined && code !== wanted) return `code ${wanted}`
  if (path === undefined || (verb === "GC" && code === 7)) return undefined
  return named.includes(`${path}: must be`) || named.includes(`${path}: is missing`)
    ? undefined
    : `a message about ${path}`
}

function assertAll(ones: readonly (readonly [One, Verb])[], answers: readonly Answer[]): void {
  const problems = ones.flatMap(([one, verb], i) => {
    const answer = answers[i]!
    const problem = problemOf(one, verb, answer)
    const what = `${one.plugin} ${verb} with ${one.value} as ${one.place.join(".")}`
    return problem === undefined ? [] : [inWords({ ...answer, what, stdout: answer.stdout.slice(0, 500) }, problem)]
  })
  expect(problems).toEqual([])
}

function onesOf(plugin: string, place: Place): One[] {
  // Without such a list GC would look no further.
  const list = String(place[0]).startsWith("cni.dev/") ? {} : { "cni.dev/valid-attachments": [] }
  const base = { ...configOf(plugin), ...list }
  return badValues.map(([value, text]) => ({ plugin, place, value, stdin: withValue(plugin, base, place, text) }))
}

let world: World
const c1 = attachment("c1")

let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-input-"))
  execFileSync(getTool("cc"), ["-O1", "-Wall", "-o", join(folder, "feeder"), "test/e2e/feeder.c"])
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(async () => {
  await world.remove()
  rmSync(folder, { recursive: true })
})

/** Makes what is shared. */
function warmUp(plugin: string, base: object = configOf(plugin)): Snapshot {
  const stdins = [JSON.stringify(base)]
  if (plugin === "host-local")
    stdins.push(withValue(plugin, base, ["runtimeConfig", "ipRanges", 0, 0, "subnet"], '"10.7.0.0/24"'))
  const calls = stdins.flatMap(stdin => ["ADD", "DEL"].map(verb => ({ plugin, verb, stdin })))
  for (const answer of runBatch(world, c1, calls)) expect(answer).toMatchObject({ status: 0 })
  return snapshot(world)
}

/** Every value in a place with ADD, and in turn with one of the other verbs; with GC where only that looks at it. */
function stepsOf(ones: readonly One[]): (readonly [One, Verb])[] {
  const adds = (one: One) => wantedCode(one, "ADD") === 0
  if (ones.every(({ place }) => String(place[0]).startsWith("cni.dev/"))) return ones.map(one => [one, "GC"])
  return [
    ...ones.filter(adds).flatMap(one => [[one, "ADD"] as const, [one, "DEL"] as const]),
    ...ones.map((one, i) => [one, others[i % others.length]!] as const),
    // Last, so that nothing takes away what a failed ADD leaves behind.
    ...ones.filter(one => !adds(one)).map(one => [one, "ADD"] as const),
  ]
}

/** As many as have no divisor in common with the number of values: each value meets each verb in one place or another. */
const others = ["DEL", "STATUS", "GC", "CHECK", "DEL"] as const

describe.each(pluginNames)("%s", plugin => {
  const places = placesOf(plugin)
  let before: Snapshot
  beforeAll(() => {
    before = warmUp(plugin)
  })

  it.each([...new Set(places.map(([head]) => head as string))])("takes any value in %s", key => {
    const ones = places.filter(([head]) => head === key).flatMap(place => onesOf(plugin, place))
    const steps = stepsOf(ones.filter(one => !sharing.some(row => isRow(row, one))))
    const answers = runBatch(
      world,
      { ...c1, timeoutMs: 50_000 },
      steps.map(([one, verb]) => call(one, verb)),
    )
    assertAll(steps, answers)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

it("takes any value in prevResult, at every depth", () => {
  const prevResult = { interfaces: [{ name: "lo" }], ips: [{ address: "127.0.0.1/8" }], routes: [{ dst: "0.0.0.0/0" }] }
  const rows = placesOf("result").flatMap(place =>
    badValues.map(([value, text]) => ({ place, value, text: withValue("result", prevResult, place, text) })),
  )
  const call = (plugin: string, verb: string, text: string): BatchCall => ({
    ...{ plugin, verb },
    stdin: `{"cniVersion":"1.1.0","name":"net","prevResult":${text}}`,
  })
  const adds = rows.map(({ text }) => call("loopback", "ADD", text))
  const dels = rows.filter((_, i) => i % 5 === 0).map(({ text }) => call("bridge", "DEL", text))
  const answers = runBatch(world, { ...c1, timeoutMs: 50_000 }, [...adds, ...dels])
  const problems = rows.flatMap(({ place, value, text }, i) => {
    const add = answers[i]!
    // An address or a name of no use is its user's to refuse, and so is a number beyond its range.
    const mayPass = place[0] === "cniVersion" || texts.includes(value) || value === "a negative number"
    const mustFail = wrongPlace("result", text) !== undefined && !mayPass
    const isGood = add.status === 0 ? !mustFail : (add.json as { code?: number } | undefined)?.code === 7
    const problem = contractProblem(add) ?? (isGood ? undefined : "7 or success")
    return problem === undefined ? [] : [inWords(add, `${problem} with ${value} as ${place.join(".")}`)]
  })
  for (const del of answers.slice(rows.length)) assertSilent(del)
  expect(problems).toEqual([])
})

it.each(sharing)(
  "%s takes away what is the attachment's own where %s makes something shared",
  async (plugin, places, values) => {
    await withWorld(one => {
      one.addContainer("c1")
      const ones = placesOf(plugin)
        .filter(place => places.split(" ").includes(place.join(".")))
        .flatMap(place => onesOf(plugin, place))
      const steps = ones
        .filter(({ value }) => values.includes(value))
        .flatMap(value => [call(value, "ADD"), call(value, "DEL")])
      const answers = runBatch(one, { ...c1, timeoutMs: 20_000 }, steps)
      expect(answers.map(contractProblem)).toEqual(steps.map(() => undefined))
      for (const answer of answers.filter((_, i) => i % 2 === 1)) expect(answer).toMatchObject({ status: 0 })
      expect(one.output(["ip", "-br", "link"], { container: "c1" })).toMatch(/^lo .*\n$/)
      expect(one.output(["ip", "-br", "link", "show", "type", "veth"])).toBe("")
    })
  },
)

const plain = JSON.stringify(configOf("bridge"))
const deep = 1_000_000
const large = 10 << 20
const utf8 = (...parts: (string | readonly number[])[]) => Buffer.concat(parts.map(part => Buffer.from(part as string)))

/** What stdin is, and the code of the error; 0 is success of ADD and DEL. */
const inputs: readonly (readonly [name: string, stdin: string | Uint8Array, code: number])[] = [
  ["empty", "", 6],
  ["white space", " \n\t\r\n", 6],
  ["a list", "[]", 6],
  ["a text", '"x"', 6],
  ["a number", "7", 6],
  ["null", "null", 7],
  ["an empty object", "{}", 7],
  ["cut off", plain.slice(0, -1), 6],
  ["cut off within a text", plain.slice(0, 20), 6],
  ["behind a byte order mark", `\ufeff${plain}`, 6],
  ["behind a comment", `// net\n${plain}`, 6],
  ["around a comment", plain.replace(",", ",/* net */"), 6],
  ["with a comma too many", plain.replace("}}", "},}"), 6],
  ["in single quotes", plain.replaceAll('"', "'"), 6],
  ["before garbage", `${plain}x`, 6],
  ["two objects", plain + plain, 6],
  ["before a NUL byte", `${plain}\0`, 6],
  ["with a NUL byte in a text", plain.replace("net", "n\0t"), 6],
  ["with a line break in a text", plain.replace("net", "n\nt"), 6],
  ["in UTF-16", Buffer.from(plain, "utf16le"), 6],
  ["with what is no UTF-8 in the name", utf8('{"cniVersion":"1.1.0","name":"n', [0xff, 0xc0, 0xaf], '"}'), 7],
  ["with what is no UTF-8 elsewhere", utf8(plain.slice(0, -1), ',"x":"', [0xff, 0xed, 0xa0, 0x80], '"}'), 0],
  ["with white space around it", `\r\n ${plain}\n\n`, 0],
  ["with keys like those of every object", `${plain.slice(0, -1)},"__proto__":{"name":""},"constructor":1}`, 0],
  ["NaN", '{"name":NaN}', 6],
  ["nested deeply in lists that do not end", "[".repeat(deep), 6],
  ["nested deeply in objects that do not end", '{"a":'.repeat(deep), 6],
  ["nested deeply under an unknown key", `${plain.slice(0, -1)},"x":${"[".repeat(deep)}${"]".repeat(deep)}}`, 6],
  ["nested as deeply as can be read", `${plain.slice(0, -1)},"x":${"[".repeat(7000)}${"]".repeat(7000)}}`, 0],
  ["named by what is nested deeply", `{"name":${"[".repeat(7000)}${"]".repeat(7000)}}`, 7],
  ["of a version nested deeply", `{"name":"net","cniVersion":${"[".repeat(7000)}${"]".repeat(7000)}}`, 6],
  ["10 MB with an unknown key", `${plain.slice(0, -1)},"x":"${"x".repeat(large)}"}`, 0],
  ["2 MB of numbers", `${plain.slice(0, -1)},"x":[${"1,".repeat(large / 10)}1]}`, 0],
  ["2 MB that must be read exactly", `${plain.slice(0, -1)},"BRIDGE":"pb0","x":"${"\\n".repeat(large / 10)}"}`, 0],
  ["10 MB of a known key", plain.replace("pb0", "x".repeat(large)), 7],
  ["10 MB of version", plain.replace("1.1.0", "1".repeat(large)), 1],
  ["10 MB of bad name", plain.replace("net", "?".repeat(large)), 7],
  ["10 MB cut off", `${plain.slice(0, -1)},"x":"${"x".repeat(large)}`, 6],
  ["10 MB of garbage", "x".repeat(large), 6],
  ["10 MB of NUL bytes", "\0".repeat(large), 6],
]

describe("stdin", () => {
  let before: Snapshot
  beforeAll(() => {
    before = warmUp("bridge")
  })

  it.each(inputs)("%s", (_, stdin, code) => {
    const verbs = stdin.length < large ? ["ADD", "DEL", "STATUS", "GC"] : ["ADD", "DEL"]
    const steps = verbs.map(verb => ({ plugin: "bridge", verb, stdin }))
    const [add, del, ...others] = runBatch(world, { ...c1, timeoutMs: 10_000 }, steps) as [Answer, Answer, ...Answer[]]
    // DEL goes on without what is unusable, once it knows whose DEL it is.
    const isUnusable = code === 7 && (add.json as { msg: string }).msg.startsWith("bridge: ")
    if (code === 0) expect([add, del]).toMatchObject([{ status: 0 }, { status: 0 }])
    else assertFailure(add, code, /./)
    if (code !== 0 && !isUnusable) assertFailure(del, code, /./)
    expect(others.flatMap(answer => contractProblem(answer) ?? [])).toEqual([])
    if (code === 0) expect(difference(before, snapshot(world))).toEqual([])
  })

  it("leaves nothing behind where it was refused", () => {
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each<[string, string, number]>([
    ["closed", 'exec "$@" <&-', 5],
    ["a folder", 'exec "$@" </', 5],
    ["open for writing only", 'exec "$@" 0>/dev/null', 5],
    ["/dev/null", 'exec "$@" </dev/null', 6],
    ["closed like stderr", 'exec "$@" <&- 2>&-', 5],
  ])("%s", (_, script, code) => {
    for (const verb of ["ADD", "DEL", "CHECK", "GC", "STATUS"]) {
      const launcher = ["sh", "-c", script, "sh"]
      assertFailure(
        cni(world, { plugin: "bridge", verb, config: "", path: "/opt/cni/bin", launcher, ...c1 }),
        code,
        /./,
      )
    }
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each([128, 256, 1024, 8192])("nested deeply, while the stack may have %d KB", size => {
    const launcher = ["sh", "-c", `ulimit -s ${size}; exec "$@"`, "sh"]
    const run = (config: string) => cni(world, { plugin: "static", verb: "STATUS", config, launcher })
    assertFailure(run("[".repeat(deep)), 6, /nested too deeply/)
    assertSilent(run(JSON.stringify(configOf("static"))))
  })

  it.each(["patient", "nonblocking", "careless"])("byte by byte from a %s caller", mode => {
    const launcher = [join(folder, "feeder"), mode]
    const run = (verb: string) => cni(world, { plugin: "bridge", verb, config: plain, launcher, ...c1 })
    expect([run("ADD"), run("DEL")]).toMatchObject([{ status: 0 }, { status: 0, stdout: "" }])
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("stdout", () => {
  /** A pipe whose reader is gone before the plugin starts. */
  const broken = 'mkfifo "$0"; exec 3<>"$0" 4>"$0" 3>&-; rm "$0"; exec "$@" >&4 4>&-'
  it.each<[string, string, RegExp]>([
    ["closed", 'exec "$@" >&-', /bad file descriptor/],
    ["closed like stdin and stderr", 'exec "$@" >&- 2>&- <"$0.json"', /^$/],
    ["a pipe that nobody reads", broken, /broken pipe/],
    ["a full disk", 'exec "$@" >/dev/full', /no space left on device/],
    ["open for reading only", 'exec "$@" 1</dev/null', /bad file descriptor/],
  ])("%s makes ADD take everything back and end with status 1", (_, script, stderr) => {
    const leasing = { ...configOf("bridge"), ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] } }
    const before = warmUp("bridge", leasing)
    const text = JSON.stringify(leasing)
    writeFileSync(join(folder, "out.json"), text)
    const launcher = ["sh", "-c", script, join(folder, "out")]
    for (const config of [text, "{"]) {
      const answer = cni(world, { plugin: "bridge", verb: "ADD", config, launcher, ...c1 })
      expect(answer).toMatchObject({ status: 1, signal: null, stdout: "", stderr: expect.stringMatching(stderr) })
    }
    expect(cni(world, { plugin: "bridge", verb: "VERSION", config: "{}", launcher })).toMatchObject({ status: 1 })
    expect(difference(before, snapshot(world))).toEqual([])
    expect(cni(world, { plugin: "bridge", verb: "DEL", config: text, launcher, ...c1 })).toMatchObject({ status: 0 })
  })
})
