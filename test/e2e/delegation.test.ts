// What the bridge plugin does with its address plugin: fakes in shell write down what they are given.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, assertSilent, attachment, cni, environment, type Invocation, resultOf } from "../kit/plugin.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"
import { assertFailure } from "./answers.ts"
import { FakePlugins, leasing } from "./fake-ipam.ts"

const config = {
  cniVersion: "1.1.0",
  name: "net",
  type: "bridge",
  bridge: "pb0",
  isGateway: true,
  ipam: { type: "fake" },
}
const c1 = attachment("c1")

let world: World
let folder: string
let fakes: FakePlugins
let before: Snapshot

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "patchbay-delegation-"))
  fakes = new FakePlugins(join(folder, "fakes"))
  world = await createWorld()
  world.addContainer("c1")
  fakes.install("fake")
  resultOf(run("ADD"))
  assertSilent(run("DEL"))
  before = snapshot(world)
})

afterAll(async () => {
  await world.remove()
  rmSync(folder, { recursive: true })
})

function run(verb: string, change: Partial<Invocation> = {}): Answer {
  return cni(world, { plugin: "bridge", verb, config, path: fakes.folder, ...c1, ...change })
}

const verbsOf = (name = "fake") => fakes.takeCalls(name).map(({ verb }) => verb)
const expectUnchanged = () => expect(difference(before, snapshot(world))).toEqual([])

/** A body that answers ADD with this, and is content with every other verb. */
const onAdd = (script: string) => `[ "$CNI_COMMAND" != ADD ] || { ${script}; }`
const printing = (text: string, status = 1) => onAdd(`printf '%s' '${text}'; exit ${status}`)

describe("every verb", () => {
  const odd = `\n{ "type":"bridge", "ipam" : {"type":"fake", "x":[1.50,1e3,12345678901234567890] },"name":"net","cniVersion":"1.1.0",
  "bridge":"pb0","unknown":{"b":1,"a":"\u00e4\ud83d\ude00"},"NAME":"net", "cni.dev/valid-attachments":[],
  "prevResult":{"cniVersion":"1.0.0","ips":[]} } \n`

  it.each(["ADD", "DEL", "CHECK", "GC", "STATUS"])(
    "%s reaches the address plugin with the same bytes and variables",
    verb => {
      fakes.install("fake")
      const invocation = {
        ...{
          plugin: "bridge",
          config: odd,
          path: `${folder}/none::${fakes.folder}`,
          args: "IgnoreUnknown=1;K=V",
          verb,
          ...c1,
        },
        env: {
          CNI_NETNS_OVERRIDE: "0",
          TRACEPARENT: "00-1-2-01",
          EMPTY: "",
          LINES: "a\nb=c",
          PATH: undefined,
          "A.B": "1",
        },
      }
      run(verb, invocation)
      run("DEL", { ...invocation, verb: "DEL" })
      const [call, ...others] = fakes.takeCalls("fake")
      const { CNI_COMMAND, ...variables } = environment(invocation)
      expect(call).toMatchObject({ verb: CNI_COMMAND, stdin: Buffer.from(odd).toString("latin1") })
      expect(call?.argv).toEqual([`${fakes.folder}/fake`])
      const wanted = Object.entries({ ...variables, CNI_COMMAND: verb }).map(([key, value]) => `${key}=${value}`)
      expect(call?.env.toSorted()).toEqual(wanted.toSorted())
      expect(others.map(each => each.verb)).toEqual(["DEL"])
      expectUnchanged()
    },
  )

  it("leaves out the address plugin where none is named", () => {
    const without = { config: { ...config, ipam: {} }, path: "/nowhere" }
    resultOf(run("ADD", without))
    for (const verb of ["STATUS", "DEL"]) assertSilent(run(verb, without))
    expectUnchanged()
  })

  it("passes the address plugin's stderr on, whether it succeeds or fails", () => {
    fakes.install("fake", { body: `echo "$CNI_COMMAND is noted" >&2; ${leasing}` })
    for (const verb of ["STATUS", "ADD", "DEL"])
      expect(run(verb)).toMatchObject({ status: 0, stderr: `${verb} is noted\n` })
    fakes.install("fake", { body: 'echo "$CNI_COMMAND is refused" >&2; exit 1' })
    expect(run("ADD")).toMatchObject({ status: 1, stderr: "ADD is refused\nDEL is refused\n" })
    expect(run("STATUS")).toMatchObject({ status: 1, stderr: "STATUS is refused\n" })
    expectUnchanged()
  })

  it("does not block with a MB of stdin and a MB of output, whichever is first", () => {
    const blank = "head -c 1048576 /dev/zero | tr '\\0' ' '"
    const large = { config: { ...config, x: "x".repeat(1 << 20) } }
    for (const body of [`${blank}; cat >/dev/null; ${leasing}`, `cat >/dev/null; ${blank}; ${leasing}`, leasing]) {
      fakes.install("fake", { body, leavesStdin: true })
      resultOf(run("ADD", large))
      assertSilent(run("DEL", large))
    }
    expectUnchanged()
  })
})

describe("the executable", () => {
  it("is the first file of that name in CNI_PATH, whatever PATH holds", () => {
    const first = new FakePlugins(join(folder, "first"))
    mkdirSync(join(folder, "directory", "fake"), { recursive: true })
    first.install("fake")
    fakes.install("fake")
    const path = `${folder}/none:${folder}/directory:${first.folder}:${fakes.folder}`
    resultOf(run("ADD", { path, env: { PATH: fakes.folder } }))
    assertSilent(run("DEL", { path, env: { PATH: fakes.folder } }))
    expect(first.takeCalls("fake").map(({ verb, argv }) => [verb, ...argv])).toEqual(
      ["ADD", "DEL"].map(verb => [verb, `${first.folder}/fake`]),
    )
    expect(verbsOf()).toEqual([])
    assertFailure(
      run("ADD", { path: `${folder}/none`, env: { PATH: fakes.folder } }),
      999,
      /failed to find plugin "fake"/,
    )
  })

  it.each<[string, string, Partial<Invocation>, number, RegExp]>([
    ["is nowhere", "none", { path: "/a:/b" }, 999, /^failed to find plugin "none" in path \[\/a \/b\]$/m],
    ["is nowhere to be looked for", "fake", { path: "" }, 999, /^no paths provided$/m],
    ["leads elsewhere", "../fakes/fake", {}, 7, /^invalid plugin name: \.\.\/fakes\/fake$/m],
    ["is an absolute path", "/bin/true", {}, 7, /^invalid plugin name: \/bin\/true$/m],
    ["cannot be executed", "text", {}, 999, /text: permission denied/],
    ["is no program", "data", {}, 999, /data: exec format error/],
    ["is a folder", "folder", {}, 999, /^failed to find plugin "folder" in path/m],
  ])("fails ADD where it %s, and nothing is left", (_, type, change, code, message) => {
    writeFileSync(join(fakes.folder, "text"), "text", { mode: 0o644 })
    writeFileSync(join(fakes.folder, "data"), "\0\0\0", { mode: 0o755 })
    mkdirSync(join(fakes.folder, "folder"), { recursive: true })
    assertFailure(run("ADD", { config: { ...config, ipam: { type } }, ...change }), code, message)
    expectUnchanged()
  })

  it.each(["none", "a/b", "/bin/false", ".."])("is no reason for DEL to fail where it cannot be run: %s", type => {
    fakes.install("fake")
    resultOf(run("ADD"))
    const answer = run("DEL", { config: { ...config, ipam: { type } } })
    assertSilent(answer)
    expect(answer.stderr).toMatch(/failed to find plugin|invalid plugin name/)
    expectUnchanged()
  })

  it("is missed by STATUS with code 50, and by CHECK and GC", () => {
    const missing = { ...config, ipam: { type: "none" }, prevResult: {}, "cni.dev/valid-attachments": [] }
    assertFailure(run("STATUS", { config: missing }), 50, /failed to find plugin "none"/)
    assertFailure(run("CHECK", { config: missing }), 999, /failed to find plugin "none"/)
    assertFailure(run("GC", { config: missing }), 999, /failed to find plugin "none"/)
  })
})

describe("a failure", () => {
  const deep = "[".repeat(100_000)
  it.each<[string, string, number, RegExp, RegExp]>([
    [
      "with a code",
      printing('{"code":11,"msg":"busy","details":"held"}'),
      11,
      /^busy$/,
      /^plugin fake failed on ADD: held/,
    ],
    ["with a code of its own", printing('{"cniVersion":"1.1.0","code":100,"msg":"full"}', 3), 100, /^full$/, /fake/],
    ["without a code", printing('{"msg":"odd"}'), 999, /^odd$/, /fake/],
    ["with codes that are none", printing('{"code":-7,"msg":"odd"}'), 999, /^odd$/, /fake/],
    ["with a code that is no integer", printing('{"code":1.5,"msg":"odd","details":{}}'), 999, /^odd$/, /fake/],
    ["without a message", printing('{"code":7}'), 7, /^plugin fake failed on ADD: exit status 1$/, /fake/],
    ["with many lines", printing('{"code":7,"msg":"a\\n b","details":"c\\nd"}'), 7, /^a b$/, /fake failed on ADD: c d/],
    ["that prints null", printing("null"), 999, /^plugin fake failed on ADD: exit status 1$/, /fake/],
    ["that prints nothing", onAdd("exit 3"), 999, /no error message: exit status 3/, /fake failed on ADD/],
    ["that prints no JSON", printing("panic: oops", 2), 999, /parsing its diagnostic message.*status 2/, /panic: oops/],
    ["by a signal", onAdd("kill -9 $$"), 999, /killed by signal 9/, /fake failed on ADD/],
    ["that prints a MB", onAdd("head -c 1048576 /dev/zero; exit 1"), 999, /parsing its diagnostic message/, /./],
    ["that prints what is nested deeply", printing(deep), 999, /parsing its diagnostic message/, /\[\[/],
  ])("%s of ADD is passed on, and the address plugin told to take back", (_, body, code, message, details) => {
    fakes.install("fake", { body })
    const error = assertFailure(run("ADD"), code, /./)
    expect(error.msg).toMatch(message)
    expect(error.details).toMatch(details)
    expect(verbsOf()).toEqual(["ADD", "DEL"])
    expectUnchanged()
  })

  it.each<[string, string, RegExp]>([
    ["no JSON", "hello", /fake ADD: its output is not JSON\nhello/],
    ["nothing", "", /IPAM plugin returned missing IP config/],
    ["no address", '{"ips":[]}', /IPAM plugin returned missing IP config/],
    ["only routes", '{"routes":[{"dst":"0.0.0.0/0"}]}', /IPAM plugin returned missing IP config/],
    ["a list", "[]", /the result is not a JSON object/],
    ["a version that nobody speaks", '{"cniVersion":"9.9.9","ips":[]}', /unsupported CNI result version "9.9.9"/],
    ["a text as addresses", '{"ips":"10.9.0.2/24"}', /ips of the result is not a list/],
    ["a number as address", '{"ips":[{"address":5}]}', /ips\[\]\.address of the result is not a string/],
    ["an address that is none", '{"ips":[{"address":"10.9.0.2"}]}', /10\.9\.0\.2/],
    ["a gateway that is none", '{"ips":[{"address":"10.9.0.2/24","gateway":"x"}]}', /x/],
    ["a route that is none", '{"ips":[{"address":"10.9.0.2/24"}],"routes":[{"dst":"x"}]}', /x/],
    ["what is nested deeply", deep, /its output is not JSON/],
  ])("is a result that holds %s", (_, text, message) => {
    fakes.install("fake", { body: printing(text, 0) })
    assertFailure(run("ADD"), 999, message)
    expect(verbsOf()).toEqual(["ADD", "DEL"])
    expectUnchanged()
  })

  it("of the bridge after a good ADD of the address plugin makes that take back", () => {
    fakes.install("fake", { body: printing('{"ips":[{"address":"10.8.0.2/24","gateway":"10.8.0.1"}]}', 0) })
    assertFailure(run("ADD"), 999, /already has an IP address different from 10\.8\.0\.1\/24/)
    expect(verbsOf()).toEqual(["ADD", "DEL"])
    expectUnchanged()
  })

  it("of the address plugin's DEL is reported once all else is removed", () => {
    fakes.install("fake")
    resultOf(run("ADD"))
    fakes.install("fake", { body: `printf '{"code":11,"msg":"busy"}'; exit 1` })
    assertFailure(run("DEL"), 11, /could not remove addresses of fake: busy/)
    expectUnchanged()
    const failed = run("ADD")
    assertFailure(failed, 11, /busy[\s\S]*left behind: addresses of fake/)
    expectUnchanged()
  })

  it.each<[string, number, RegExp]>([
    ["CHECK", 7, /^gone\nplugin fake failed on CHECK: x$/],
    ["STATUS", 7, /^gone\nplugin fake failed on STATUS: x$/],
    ["GC", 7, /could not remove stale addresses of fake: gone/],
  ])("of %s is passed on", (verb, code, message) => {
    fakes.install("fake", { body: `printf '{"code":7,"msg":"gone","details":"x"}'; exit 1` })
    assertFailure(
      run(verb, { config: { ...config, prevResult: {}, "cni.dev/valid-attachments": null } }),
      code,
      message,
    )
    expect(verbsOf()).toEqual([verb])
  })
})

describe("a result", () => {
  const ips = [{ address: "10.9.0.2/24", gateway: "10.9.0.1", interface: 2 }]
  const routes = [{ dst: "0.0.0.0/0", gw: "10.9.0.1" }]
  it.each<[string, string]>([
    [
      "without a version",
      '{"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}]}',
    ],
    [
      "of version 0.4.0",
      '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.9.0.2/24","gateway":"10.9.0.1"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}],"dns":{}}',
    ],
    [
      "of version 0.2.0",
      '{"cniVersion":"0.2.0","ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}]},"dns":{}}',
    ],
    [
      "with an interface of its own and null",
      '{"cniVersion":"1.0.0","interfaces":null,"ips":[{"address":"10.9.0.2/24","gateway":"10.9.0.1","interface":0}],"routes":[{"dst":"0.0.0.0/0","gw":"10.9.0.1"}],"dns":null}',
    ],
  ])("%s is read, and given in the configuration's version", (_, text) => {
    fakes.install("fake", { body: printing(text, 0) })
    const result = resultOf(run("ADD"))
    expect(result).toMatchObject({ cniVersion: "1.1.0", ips, routes })
    expect(result).not.toHaveProperty("dns")
    const old = { ...config, cniVersion: "0.3.1" }
    assertSilent(run("DEL"))
    expect(text.includes('"cniVersion"') ? resultOf(run("ADD", { config: old })) : {}).toMatchObject(
      text.includes('"cniVersion"') ? { cniVersion: "0.3.1", ips: [{ ...ips[0], version: "4" }], routes, dns: {} } : {},
    )
    assertSilent(run("DEL"))
    expectUnchanged()
  })
})
