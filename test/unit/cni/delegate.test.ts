import "../../kit/fake-native.ts"
import { type DelegateContext, DelegateMissing, findPlugin, runDelegate } from "../../../lib/cni/delegate.ts"
import { CniCode, CniError } from "../../../lib/cni/errors.ts"
import { startTrace } from "../../../lib/sys/trace.ts"
import { fake, type Program } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

const install = (path: string, program: Program = () => ({})) => {
  fake.files.put(path)
  fake.programs.set(path, program)
}

describe("findPlugin", () => {
  test.each<[string, string, string]>([
    ["in the first folder that has it", "/a:/b", "/a/p"],
    ["in a later folder", "/none:/b", "/b/p"],
    ["behind empty folders", "::/b", "/b/p"],
  ])("finds a plugin %s (R133)", (_, path, want) => {
    fake.files.put("/a/p")
    fake.files.put("/b/p")
    expect(findPlugin("p", path)).toBe(want)
  })

  test("passes over a folder of that name", () => {
    fake.files.putFolder("/a/p")
    fake.files.put("/b/p")
    expect(findPlugin("p", "/a:/b")).toBe("/b/p")
  })

  test.each([-13, -36, -40])("passes over a path that cannot be looked at: errno %d", errno => {
    fake.files.put("/b/p")
    fake.script("stat", errno)
    expect(findPlugin("p", "/a:/b")).toBe("/b/p")
  })

  test.each<[string, string, string]>([
    ["nowhere", "/a:/b", 'failed to find plugin "p" in path [/a /b]'],
    ["without folders", "", "no paths provided"],
    ["with nothing but colons", "::", "no paths provided"],
  ])("says what callers know where it is %s (R140)", (_, path, message) => {
    const thrown = thrownBy(() => findPlugin("p", path))
    expect(thrown).toBeInstanceOf(DelegateMissing)
    expect(thrown).toMatchObject({ message })
  })

  test.each(["../p", "/bin/sh", "a/b", "/"])("refuses %j, which leads elsewhere (R140)", type => {
    fake.files.put("/a/p")
    expect(thrownBy(() => findPlugin(type, "/a/b"))).toMatchObject({
      code: CniCode.invalidConfig,
      message: `invalid plugin name: ${type}`,
    })
  })
})

describe("runDelegate", () => {
  const CONTEXT: DelegateContext = {
    path: "/opt/cni/bin",
    environment: new Map([
      ["CNI_COMMAND", "ADD"],
      ["CNI_PATH", "/opt/cni/bin"],
      ["HOME", "/root"],
      ["EMPTY", ""],
    ]),
    stdin: Buffer.from('{ "name":"n",\n"x":12345678901234567890 }'),
  }
  const run = (verb = "ADD") => runDelegate("host-local", verb, CONTEXT)
  const installed = (program: Program) => install("/opt/cni/bin/host-local", program)

  test("gives the same stdin and environment, and another verb (R134)", () => {
    const seen: unknown[] = []
    installed(({ argv, env, stdin }) => {
      seen.push(argv, Object.fromEntries(env), stdin)
      return {}
    })
    run("DEL")
    expect(seen).toEqual([
      ["/opt/cni/bin/host-local"],
      { CNI_COMMAND: "DEL", CNI_PATH: "/opt/cni/bin", HOME: "/root", EMPTY: "" },
      '{ "name":"n",\n"x":12345678901234567890 }',
    ])
  })

  test("gives back what ADD printed", () => {
    installed(() => ({ stdout: '{"ips":[]}\n' }))
    expect(run()).toEqual({ ips: [] })
  })

  test.each(["", "\n", " \n"])("gives nothing where ADD printed %j", stdout => {
    installed(() => ({ stdout }))
    expect(run()).toBeUndefined()
  })

  test.each(["DEL", "CHECK", "GC", "STATUS"])("does not look at what a successful %s prints", verb => {
    installed(() => ({ stdout: "done, thank you" }))
    expect(run(verb)).toBeUndefined()
  })

  test("refuses an ADD that prints no JSON, and shows it", () => {
    installed(() => ({ stdout: `panic${"!".repeat(300)}` }))
    expect(thrownBy(() => run())).toMatchObject({
      code: CniCode.internal,
      message: "host-local ADD: its output is not JSON",
      details: `panic${"!".repeat(195)}`,
    })
  })

  test.each<[string, ReturnType<Program>, number, string, string]>([
    [
      "its own code and words",
      { status: 1, stdout: '{"cniVersion":"1.1.0","code":11,"msg":"busy","details":"held"}' },
      11,
      "busy",
      "plugin host-local failed on ADD: held",
    ],
    ["no details", { status: 1, stdout: '{"code":100,"msg":"full"}' }, 100, "full", "plugin host-local failed on ADD"],
    [
      "empty details",
      { status: 1, stdout: '{"code":7,"msg":"x","details":""}' },
      7,
      "x",
      "plugin host-local failed on ADD",
    ],
    [
      "no code and no words",
      { status: 1, stdout: "{}" },
      999,
      "plugin host-local failed on ADD: exit status 1",
      "plugin host-local failed on ADD",
    ],
    [
      "a code that is none, and empty words",
      { status: 1, stdout: '{"code":0,"msg":"","details":{"a":1}}' },
      999,
      "plugin host-local failed on ADD: exit status 1",
      "plugin host-local failed on ADD",
    ],
    ["half a code", { status: 1, stdout: '{"code":7.5,"msg":"x"}' }, 999, "x", "plugin host-local failed on ADD"],
    ["a code in quotes", { status: 1, stdout: '{"code":"7","msg":"x"}' }, 999, "x", "plugin host-local failed on ADD"],
    [
      "null",
      { status: 2, stdout: "null" },
      999,
      "plugin host-local failed on ADD: exit status 2",
      "plugin host-local failed on ADD",
    ],
    [
      "nothing",
      { status: 1 },
      999,
      "netplugin failed with no error message: exit status 1",
      "plugin host-local failed on ADD",
    ],
    [
      "nothing, by a signal",
      { signal: 9 },
      999,
      "netplugin failed with no error message: killed by signal 9",
      "plugin host-local failed on ADD",
    ],
    [
      "no JSON",
      { status: 2, stdout: "panic: nil" },
      999,
      "netplugin failed but error parsing its diagnostic message: plugin host-local failed on ADD, exit status 2",
      "panic: nil",
    ],
  ])("passes a failure on: %s", (_, outcome, code, message, details) => {
    installed(() => outcome)
    const thrown = thrownBy(() => run())
    expect(thrown).toBeInstanceOf(CniError)
    expect(thrown).toMatchObject({ code, message, details })
  })

  test("traces what it runs and how that ended", () => {
    startTrace("stderr", "t")
    installed(() => ({ status: 1, stdout: '{"code":7,"msg":"x"}' }))
    expect(() => run()).toThrow("x")
    startTrace("", "")
    expect(fake.stderr).toBe(
      't 0.000 exec /opt/cni/bin/host-local ADD\nt 0.000 exec /opt/cni/bin/host-local ADD ended with 1: {"code":7,"msg":"x"}\n',
    )
  })
})
