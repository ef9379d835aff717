import "../../kit/fake-native.ts"
import { front } from "../../../lib/cni/front.ts"
import { Exited, fake } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

/** What esbuild puts into the bundle. */
Object.assign(globalThis, { PATCHBAY_VERSION: "1.10.0" })

/** The rest of the executable ends the process. */
jest.mock(
  "plugin",
  () => {
    throw new Exited(42)
  },
  { virtual: true },
)

const POLLIN = 1
const SUPPORTED = '["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]'
const answer = (cniVersion: string): string => `{"cniVersion":"${cniVersion}","supportedVersions":${SUPPORTED}}\n`

function start(environment: Record<string, string>, stdin: string[] = []) {
  fake.environment = environment
  fake.stdin = stdin
  const exited = thrownBy(() => front("firewall"))
  if (!(exited instanceof Exited)) throw exited
  return { status: exited.status, stdout: fake.stdout, stderr: fake.stderr }
}

describe("without CNI_COMMAND (R11)", () => {
  test.each<[string, Record<string, string>]>([
    ["not set", {}],
    ["empty", { CNI_COMMAND: "" }],
  ])("%s, it says who it is on stderr, and no more", (_, environment) => {
    expect(start(environment)).toEqual({
      status: 0,
      stdout: "",
      stderr:
        "CNI firewall plugin v1.10.0\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
    })
    expect(fake.given("read")).toEqual([])
  })
})

describe("VERSION (R45 to R47)", () => {
  const version = (...stdin: string[]) => start({ CNI_COMMAND: "VERSION" }, stdin)

  test.each<[string, string[], string]>([
    ["what libcni sends", ['{"cniVersion":"1.0.0"}'], "1.0.0"],
    ["a whole configuration", ['{"cniVersion":"0.4.0","name":"net","plugins":[{}]}\n'], "0.4.0"],
    ["one byte at a time", [...'{"cniVersion":"0.3.1"}'], "0.3.1"],
    ["no input", [], "1.1.0"],
    ["an unknown version", ['{"cniVersion":"9.9.9"}'], "1.1.0"],
    ["a version that is no text", ['{"cniVersion":5}'], "1.1.0"],
    ["no version", ["{}"], "1.1.0"],
    ["null", ["null"], "1.1.0"],
    ["a list", ["[]"], "1.1.0"],
    ["no JSON", ["hello"], "1.1.0"],
    ["half of it", ['{"cniVersion":"1.0.0"'], "1.1.0"],
    ["nesting that the engine cannot read", Array.from({ length: 50 }, () => "[".repeat(4096)), "1.1.0"],
  ])("answers %s", (_, stdin, want) => {
    expect(version(...stdin)).toEqual({ status: 0, stdout: answer(want), stderr: "" })
  })

  test("waits for 50 ms, no more, for a stdin that stays open", () => {
    fake.script("poll", (_fd: number, _events: number, timeoutMs: number) => {
      fake.clock += timeoutMs
      return 0
    })
    expect(version().stdout).toBe(answer("1.1.0"))
    expect(fake.given("poll")).toEqual([[0, POLLIN, 50]])
    expect(fake.clock).toBe(50)
  })

  test("stops reading at the end of the object, though stdin stays open", () => {
    version('{"cniVersion":"1.0.0"}')
    expect(fake.given("poll")).toHaveLength(1)
  })

  test("needs no stdin", () => {
    fake.startWithout(0)
    expect(version('{"cniVersion":"1.0.0"}').stdout).toBe(answer("1.1.0"))
  })

  test.each<[string, () => void]>([
    ["was closed", () => fake.startWithout(1)],
    ["has no reader", () => fake.script("write", -32)],
  ])("fails where stdout %s, and stderr says so", (_, arrange) => {
    arrange()
    const { status, stderr } = version()
    expect([status, stderr]).toEqual([1, expect.stringContaining("write stdout: ")])
  })
})

test.each(["ADD", "DEL", "version", "FOO"])("%s is the rest's to answer", verb => {
  expect(start({ CNI_COMMAND: verb }, ["{}"])).toEqual({ status: 42, stdout: "", stderr: "" })
  expect(fake.stdin).toEqual(["{}"])
})
