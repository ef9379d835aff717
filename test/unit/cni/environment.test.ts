import "../../kit/fake-native.ts"
import { interfaceNameProblem, isName, readParameters, verbs } from "../../../lib/cni/environment.ts"
import { CniCode } from "../../../lib/cni/errors.ts"

const COMPLETE = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/x",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IP=10.0.0.1",
  CNI_PATH: "/opt/cni/bin",
}

const read = (variables: Record<string, string>) => readParameters(new Map(Object.entries(variables)))
const refusal = (message: string) =>
  expect.objectContaining({ name: "CniError", code: CniCode.invalidEnvironment, message })

test("readParameters gives every variable its place", () => {
  expect(read(COMPLETE)).toEqual({
    verb: "ADD",
    containerId: "c1",
    netns: "/run/netns/x",
    ifname: "eth0",
    args: "IP=10.0.0.1",
    path: "/opt/cni/bin",
    netnsOverride: false,
  })
})

test.each<[string, boolean]>([
  ["1", true],
  ["true", true],
  ["TRUE", true],
  ["True", true],
  ["0", false],
  ["yes", false],
  ["", false],
])("CNI_NETNS_OVERRIDE=%s", (value, want) => {
  expect(read({ ...COMPLETE, CNI_NETNS_OVERRIDE: value }).netnsOverride).toBe(want)
})

test.each(["FOO", "add", " ADD", "ADD ", "", "toString"])("an unknown verb is named (R12): %j", verb => {
  expect(() => read({ ...COMPLETE, CNI_COMMAND: verb })).toThrow(refusal(`unknown CNI_COMMAND: ${verb}`))
})

describe("what is missing is named in one error (R15 to R26)", () => {
  test.each<[string, string]>([
    ["ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"],
    ["DEL", "CNI_CONTAINERID,CNI_IFNAME"],
    ["CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"],
    ["GC", "CNI_PATH"],
  ])("%s with nothing else", (verb, missing) => {
    expect(() => read({ CNI_COMMAND: verb })).toThrow(refusal(`required env variables [${missing}] missing`))
  })

  test("an empty value is missing", () => {
    const missing = refusal("required env variables [CNI_NETNS,CNI_IFNAME] missing")
    expect(() => read({ ...COMPLETE, CNI_NETNS: "", CNI_IFNAME: "" })).toThrow(missing)
  })

  test.each<[string, Record<string, string>]>([
    ["ADD without CNI_ARGS and CNI_PATH (R19, R20)", { ...COMPLETE, CNI_ARGS: "", CNI_PATH: "" }],
    ["DEL without CNI_NETNS (R22)", { ...COMPLETE, CNI_COMMAND: "DEL", CNI_NETNS: "" }],
    ["GC with nothing but CNI_PATH (R24)", { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" }],
    ["STATUS with nothing else (R25)", { CNI_COMMAND: "STATUS" }],
    ["VERSION with nothing else (R26)", { CNI_COMMAND: "VERSION" }],
    ["GC with a bad interface name, which it has no use for", { CNI_COMMAND: "GC", CNI_PATH: "/", CNI_IFNAME: "a/b" }],
  ])("but not by %s", (_, variables) => {
    expect(verbs).toContain(read(variables).verb)
  })

  test("an invalid value is told before what is missing", () => {
    const invalid = refusal('CNI_CONTAINERID: invalid characters in containerID: "a/b"')
    expect(() => read({ CNI_COMMAND: "ADD", CNI_CONTAINERID: "a/b" })).toThrow(invalid)
  })
})

describe("container IDs and network names (R27, R30)", () => {
  test.each(["a", "0", "A", "a_.-", "a..", "8c7f".repeat(16), "a".repeat(300)])("isName accepts %j", text => {
    expect(isName(text)).toBe(true)
    expect(read({ ...COMPLETE, CNI_CONTAINERID: text }).containerId).toBe(text)
  })

  test.each(["-a", ".a", "_a", ".", "..", "a/b", "a b", "a\n", "\na", "ä", "aä", "a:b", "a\u0000", "٣"])(
    "isName refuses %j",
    text => {
      const problem = `CNI_CONTAINERID: invalid characters in containerID: ${JSON.stringify(text)}`
      expect(isName(text)).toBe(false)
      expect(() => read({ ...COMPLETE, CNI_CONTAINERID: text })).toThrow(refusal(problem))
    },
  )

  test("isName refuses nothing at all", () => {
    expect(isName("")).toBe(false)
  })
})

describe("interface names (R28)", () => {
  test.each(["eth0", "a", "...", "123456789012345", "äääääää", "a-b_c.d@e", "veth1a2b3c4d", "日本語"])(
    "%j is one",
    name => {
      expect(interfaceNameProblem(name)).toBeUndefined()
      expect(read({ ...COMPLETE, CNI_IFNAME: name }).ifname).toBe(name)
    },
  )

  const WHITE_SPACE = "interface name contains / or : or whitespace characters"
  test.each<[string, string]>([
    ["1234567890123456", "interface name is too long"],
    ["ääääääää", "interface name is too long"],
    [".", "interface name is . or .."],
    ["..", "interface name is . or .."],
    ["a/b", WHITE_SPACE],
    ["a:b", WHITE_SPACE],
    ["a b", WHITE_SPACE],
    ["a\tb", WHITE_SPACE],
    ["a\n", WHITE_SPACE],
    ["\u000b", WHITE_SPACE],
    ["a\u0085b", WHITE_SPACE],
    ["a\u00a0b", WHITE_SPACE],
    ["a\u2028b", WHITE_SPACE],
    ["a\u3000b", WHITE_SPACE],
    ["eth%d", "interface name contains %"],
    ["a\u0000b", "interface name contains NUL"],
  ])("%j is none", (name, problem) => {
    expect(() => read({ ...COMPLETE, CNI_IFNAME: name })).toThrow(refusal(expect.stringContaining(problem)))
    expect(interfaceNameProblem(name)).toContain(problem)
  })

  test("nothing is none", () => {
    expect(interfaceNameProblem("")).toBe("interface name is empty")
  })
})
