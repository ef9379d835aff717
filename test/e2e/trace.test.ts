// The trace: where it goes, what it holds, and that it never stops a plugin.

import { lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, assertSilent, attachment, cni, type Invocation, resultOf } from "../kit/plugin.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"
import { assertFailure } from "./answers.ts"

const config = {
  ...{ cniVersion: "1.1.0", name: "net", type: "bridge", bridge: "pb0", isGateway: true },
  ipam: { type: "static", addresses: [{ address: "10.9.0.2/24" }] },
}
const c1 = attachment("c1")
const settingsFile = "/etc/cni/patchbay.json"
const traceFile = "/run/trace"
const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

let world: World
let before: Snapshot

beforeAll(async () => {
  world = await createWorld()
  world.addContainer("c1")
  resultOf(run("ADD"))
  assertSilent(run("DEL"))
  before = snapshot(world)
})

afterAll(() => world.remove())

afterEach(() => {
  for (const path of [settingsFile, traceFile]) rmSync(world.outside(path), { recursive: true, force: true })
  try {
    expect(difference(before, snapshot(world))).toEqual([])
  } finally {
    run("DEL") // so that one failure stays one
  }
})

const run = (verb: string, change: Partial<Invocation> = {}): Answer =>
  cni(world, { plugin: "bridge", verb, config, ...c1, ...change })

const tracingTo = (target: string, more: Record<string, string> = {}) => ({ env: { PATCHBAY_TRACE: target, ...more } })
const writeSettings = (text: string) => writeFileSync(world.outside(settingsFile), text)
const linesOf = (text: string) => text.trimEnd().split("\n")
const traced = () => linesOf(readFileSync(world.outside(traceFile), "utf8"))

/** A line's plugin, verb, container, and what is said; the time between them is in milliseconds. */
function parseLine(line: string): { who: string; said: string } {
  const [, who, said] = /^(\S+ \S+ \S+(?: \S+)?) \d+\.\d{3} (.*)$/.exec(line) ?? []
  return { who: who ?? `no trace line: ${line}`, said: said ?? "" }
}

describe("with PATCHBAY_TRACE=1", () => {
  it("every request and program stands on stderr, and stdout is the result alone", () => {
    const answer = run("ADD", tracingTo("1"))
    resultOf(answer)
    const lines = linesOf(answer.stderr).map(parseLine)
    expect([...new Set(lines.map(({ who }) => who))]).toEqual(["bridge ADD c1", "static ADD c1"])
    const all = lines.map(({ said }) => said).join("\n")
    expect(all).toMatch(/^CNI_NETNS=\/run\/netns\/c1 CNI_IFNAME=eth0 CNI_ARGS= config \{"cniVersion":"1\.1\.0".*\}$/m)
    for (const part of ["RTM_NEWLINK", "RTM_NEWADDR", "/static ADD ended with 0", "result {"])
      expect(all).toContain(part)
    const removal = run("DEL", tracingTo("1"))
    assertSilent(removal)
    expect(removal.stderr).toMatch(/^bridge DEL c1 \d+\.\d{3} .*RTM_DELLINK/m)
  })

  it("a failure stands there too", () => {
    const answer = run("ADD", { ...tracingTo("1"), config: { ...config, mtu: -1 } })
    assertFailure(answer, 7, /^mtu: /)
    expect(answer.stderr).toMatch(/^bridge ADD c1 \S+ failed with code 7: mtu: must be /m)
  })

  it("keys that nobody knows are named, and others are not", () => {
    const odd = {
      ...config,
      mtuu: 1,
      "a.b": {},
      IsGateway: true,
      args: { cni: { mac: "", macc: "" }, labels: [] },
      dns: { x: 1 },
    }
    const answer = run("ADD", { ...tracingTo("1"), config: odd })
    resultOf(answer)
    expect(/^bridge ADD c1 \S+ keys nobody here knows: (.*)$/m.exec(answer.stderr)?.[1]?.split(", ")).toEqual(
      expect.arrayContaining(["mtuu", "a.b", "args.cni.macc", "args.labels", "dns.x"]),
    )
    expect(answer.stderr).not.toMatch(/^bridge .*nobody here knows:.*(?:IsGateway|bridge,|args\.cni\.mac,)/m)
    assertSilent(run("DEL", { config: odd }))
  })

  it.each<[string, Partial<Invocation>]>([
    ["stderr is closed", { launcher: ["sh", "-c", 'exec "$@" 2>&-', "sh"] }],
    ["stderr is a full disk", { launcher: ["sh", "-c", 'exec "$@" 2>/dev/full', "sh"] }],
    [
      "nobody reads stderr",
      { launcher: ["sh", "-c", 'mkfifo "$0"; exec 3<>"$0" 4>"$0" 3>&-; rm "$0"; exec "$@" 2>&4 4>&-', traceFile] },
    ],
    [
      "the configuration is nested deeply",
      { config: `${JSON.stringify(config).slice(0, -1)},"x":${"[".repeat(7000)}${"]".repeat(7000)}}` },
    ],
  ])("a plugin does its work where %s", (_, change) => {
    resultOf(run("ADD", { ...tracingTo("1"), ...change }))
    assertSilent(run("DEL", { ...tracingTo("1"), ...change }))
  })
})

describe("with PATCHBAY_TRACE=/file", () => {
  it("a file of mode 0600 is made and appended to, and stderr is silent", () => {
    for (const verb of ["ADD", "DEL"]) expect(run(verb, tracingTo(traceFile))).toMatchObject({ status: 0, stderr: "" })
    const verbs = traced().flatMap(line => /^\S+ (\S+) c1 \d+\.\d{3} /.exec(line)?.[1] ?? [])
    expect([...new Set(verbs)]).toEqual(["ADD", "DEL"])
    expect(verbs).toEqual(verbs.toSorted())
    expect((statSync(world.outside(traceFile)).mode & 0o7777).toString(8)).toBe("600")
  })

  it("the address plugin's lines stand between those of its caller", () => {
    assertSilent(run("STATUS", tracingTo(traceFile)))
    const plugins = traced().map(line => line.split(" ")[0])
    expect(plugins.filter((name, i) => name !== plugins[i - 1])).toEqual(["bridge", "static", "bridge"])
    expect(traced().join("\n")).toMatch(/^bridge STATUS c1 \S+ exec \/\S+\/static STATUS$/m)
  })

  it("every line carries the TRACEPARENT of the call", () => {
    assertSilent(run("STATUS", tracingTo(traceFile, { TRACEPARENT: parent })))
    const whose = new Set(traced().map(line => parseLine(line).who))
    expect([...whose]).toEqual([`bridge STATUS c1 ${parent}`, `static STATUS c1 ${parent}`])
  })

  it("a link is not followed", () => {
    writeFileSync(world.outside("/run/victim"), "precious")
    symlinkSync("/run/victim", world.outside(traceFile))
    const answer = run("STATUS", tracingTo(traceFile))
    assertSilent(answer)
    expect(answer.stderr).toMatch(/^the trace to \/run\/trace ends here: open .*symbolic links/)
    expect(readFileSync(world.outside("/run/victim"), "utf8")).toBe("precious")
    expect(lstatSync(world.outside(traceFile)).isSymbolicLink()).toBe(true)
    rmSync(world.outside("/run/victim"))
  })

  it.each<[string, string, string]>([
    ["is a folder", "/run", "is a directory"],
    ["is on a full disk", "/dev/full", "no space left on device"],
    ["is in no folder", "/run/none/trace", "no such file or directory"],
    ["is below a file", "/proc/self/status/trace", "not a directory"],
    ["is a pipe that nobody reads", traceFile, "no such device or address"],
    ["has a name that is too long", `/run/${"x".repeat(300)}`, "file name too long"],
  ])("a plugin does its work where that %s, and says so once", (_, target, why) => {
    if (target === traceFile) world.output(["mkfifo", traceFile])
    // The bridge and its address plugin, each once.
    for (const verb of ["ADD", "DEL"]) {
      const { status, stderr } = run(verb, tracingTo(target))
      expect(status).toBe(0)
      expect(linesOf(stderr)).toEqual(
        Array(2).fill(expect.stringMatching(`^the trace to ${target} ends here: .*${why}`)),
      )
    }
  })

  it.each(["trace", "./trace", "0", "true", "stderr", " /run/trace"])(
    "%j is no place: ADD refuses, and DEL goes on",
    target => {
      const refusal = /^PATCHBAY_TRACE: must be 1 or an absolute path, got /
      resultOf(run("ADD"))
      for (const verb of ["ADD", "CHECK", "STATUS"]) assertFailure(run(verb, tracingTo(target)), 7, refusal)
      for (const verb of ["GC", "DEL"]) {
        const answer = run(verb, tracingTo(target))
        assertSilent(answer)
        expect(answer.stderr).toMatch(refusal)
      }
    },
  )
})

describe("with /etc/cni/patchbay.json", () => {
  it.each(["trace", "Trace", "TRACE"])("%s says where the trace goes, for a plugin and its address plugin", key => {
    writeSettings(JSON.stringify({ [key]: traceFile, backend: "nftables" }))
    const answer = run("STATUS")
    assertSilent(answer)
    expect(answer.stderr).toBe("")
    expect([...new Set(traced().map(line => parseLine(line).who))]).toEqual(["bridge STATUS c1", "static STATUS c1"])
  })

  it("PATCHBAY_TRACE counts more, even where the file is broken", () => {
    writeSettings("{")
    assertSilent(run("STATUS", tracingTo(traceFile)))
    expect(traced().length).toBeGreaterThan(1)
  })

  it.each(["{}", "null", '{"trace":null}', '{"other":[1]}', " {} \n"])("there is no trace with %s", text => {
    writeSettings(text)
    expect(run("STATUS")).toMatchObject({ status: 0, stdout: "", stderr: "" })
  })

  it.each<[string, string | undefined, RegExp]>([
    ["empty", "", /Unexpected end/],
    ["cut off", '{"trace":"/run/trace"', /line 1, column/],
    ["a list", "[]", /must be an object/],
    ["about a relative path", '{"trace":"trace"}', /trace: must be an absolute path, got "trace"/],
    ["about a number", '{"trace":1}', /trace: must be/],
    ["about a list", '{"trace":["/run/trace"]}', /trace: must be/],
    ["behind a byte order mark", '\ufeff{"trace":"/run/trace"}', /line 1, column 1/],
    ["nested deeply", "[".repeat(1_000_000), /nested too deeply/],
    ["binary", "\0\0\0", /line 1, column 1/],
    ["a folder", undefined, /is a directory/],
  ])("that is %s ADD is refused and names it, and DEL goes on", (_, text, why) => {
    resultOf(run("ADD"))
    if (text === undefined) mkdirSync(world.outside(settingsFile))
    else writeSettings(text)
    for (const verb of ["ADD", "CHECK", "STATUS"]) {
      const { msg } = assertFailure(run(verb), text === undefined ? 5 : 7, why)
      expect(msg).toMatch(/^\/etc\/cni\/patchbay\.json: /)
    }
    for (const verb of ["GC", "DEL"]) {
      const answer = run(verb)
      assertSilent(answer)
      expect(answer.stderr).toMatch(/^\/etc\/cni\/patchbay\.json: /m)
    }
    expect(run("VERSION", { config: "{}" })).toMatchObject({ status: 0, stderr: "" })
    expect(run("", { env: { CNI_COMMAND: undefined } }).status).toBe(0)
  })
})
