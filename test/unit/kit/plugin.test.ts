import { commandScript } from "../../kit/kernel.ts"
import {
  type Answer,
  assertCniError,
  assertSilent,
  attachment,
  environment,
  requestConfig,
  resultOf,
} from "../../kit/plugin.ts"

const answer = (given: Partial<Answer>): Answer => ({
  what: "bridge ADD",
  status: 1,
  signal: null,
  stdout: "",
  stderr: "",
  json: undefined,
  ...given,
})

describe("the environment of a plugin", () => {
  it("holds PATH, CNI_PATH and what was given", () => {
    const given = { plugin: "bridge", verb: "ADD", config: {}, folder: "/p", ...attachment("c1"), env: { X: "1" } }
    expect(environment(given)).toMatchObject({
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/run/netns/c1",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/p",
      X: "1",
    })
    expect(environment(given)).toHaveProperty("PATH")
  })

  it("lacks what was not given or taken out", () => {
    const env = environment({ plugin: "bridge", config: {}, folder: "/p", env: { CNI_PATH: undefined } })
    expect(Object.keys(env)).toEqual(["PATH"])
  })
})

describe("the configuration of a plugin in a list", () => {
  const conf = { type: "portmap", capabilities: { portMappings: true, mac: false } }
  const list = { cniVersion: "1.0.0", name: "net", plugins: [conf] }
  const rows: [string, object, object][] = [
    ["name and version", {}, {}],
    ["prevResult", { prevResult: { ips: [] } }, { prevResult: { ips: [] } }],
    [
      "declared capabilities only",
      { runtimeConfig: { portMappings: [1], mac: "x", ips: [] } },
      { runtimeConfig: { portMappings: [1] } },
    ],
    ["the list of valid attachments", { validAttachments: [] }, { "cni.dev/valid-attachments": [] }],
  ]
  it.each(rows)("gains %s", (_, request, want) => {
    const config = requestConfig(conf, { list, verb: "ADD", ...request })
    expect(config).toEqual({ ...conf, cniVersion: "1.0.0", name: "net", ...want })
  })
})

describe("assertions", () => {
  const error = { code: 7, msg: "mtu: too large", details: "at most 65536" }

  it("return a CNI error whose code and words fit", () => {
    expect(assertCniError(answer({ json: error }), 7, /mtu: .*\n.*65536/)).toBe(error)
  })

  const rows: [string, Partial<Answer>, RegExp][] = [
    ["success", { status: 0, json: error }, /ended with status 0, wanted exit status 1/],
    ["another status", { status: 2, json: error }, /wanted exit status 1/],
    ["a signal", { status: null, signal: "SIGSEGV", json: error }, /was ended by SIGSEGV/],
    ["no JSON", { stdout: "oops", stderr: "why" }, /wanted a CNI error object[\s\S]*stdout: oops\nstderr: why/],
    ["a code that is no number", { json: { code: "7", msg: "mtu" } }, /wanted a CNI error object/],
    ["another code", { json: { ...error, code: 6 } }, /wanted error 7 matching/],
    ["other words", { json: { ...error, msg: "x" } }, /wanted error 7 matching/],
  ]
  it.each(rows)("refuse %s", (_, given, message) => {
    expect(() => assertCniError(answer(given), 7, /mtu/)).toThrow(message)
  })

  it("want a result, or silence, from a verb that succeeded", () => {
    expect(resultOf(answer({ status: 0, json: { ips: [] } }))).toEqual({ ips: [] })
    expect(() => resultOf(answer({ status: 0, stdout: "1", json: 1 }))).toThrow(/wanted a JSON result/)
    expect(() => assertSilent(answer({ status: 0 }))).not.toThrow()
    expect(() => assertSilent(answer({ status: 0, stdout: "{}" }))).toThrow(/empty stdout/)
  })
})

describe("the script for the test kernel", () => {
  it("keeps every word and variable whole, and leaves out names a shell cannot have", () => {
    const script = commandScript(["echo", "it's", "a b", "$x"], { cwd: "/a b", env: { X: "1\n'2'", "a.b": "3" } })
    expect(script).toBe(
      `export X='1\n'\\''2'\\'''\nexport PATCHBAY_IN_KERNEL='1'\ncd '/a b' || exit 125\nexec 'echo' 'it'\\''s' 'a b' '$x'\n`,
    )
  })
})
