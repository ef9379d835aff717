import "../../kit/fake-native.ts"
import { CniError } from "../../../lib/cni/errors.ts"
import { fake } from "../../kit/fake-native.ts"
import { ATTACHMENT, errorOf, invoke, PREVIOUS, RESULT, verbs } from "./invocation.ts"

describe("ADD", () => {
  test("prints the result in the configuration's version, with nothing behind it", () => {
    expect(invoke("ADD", { cniVersion: "0.4.0" })).toEqual({
      status: 0,
      stdout: JSON.stringify(
        {
          cniVersion: "0.4.0",
          interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/netns/x" }],
          ips: [{ version: "4", interface: 0, address: "10.1.0.5/16", gateway: "10.1.0.1" }],
          dns: {},
        },
        undefined,
        4,
      ),
      stderr: "",
    })
  })

  test("gives the plugin the configuration after defaults, the attachment, the sandbox and prevResult", () => {
    invoke("ADD", { MTU: 1400, prevResult: PREVIOUS })
    const [request] = verbs.add.mock.calls[0] ?? []
    expect(request).toMatchObject({
      config: { mtu: 1400, bridge: "cni0" },
      network: "net",
      version: "1.1.0",
      attachment: ATTACHMENT,
      prevResult: { interfaces: PREVIOUS.interfaces, ips: [] },
    })
    expect(request?.netns).toBe("/run/netns/x")
  })

  test("has no prevResult for the first plugin", () => {
    invoke("ADD", {})
    expect(verbs.add.mock.calls[0]?.[0].prevResult).toBeUndefined()
  })

  test("takes back what was done if the plugin throws, and prints one error with the version (R3, R4)", () => {
    const takenBack = jest.fn()
    verbs.add.mockImplementation((_, undo) => {
      undo.push("veth", takenBack)
      throw new CniError(100, "no addresses", "run GC")
    })
    expect(invoke("ADD", {})).toEqual({
      status: 1,
      stdout: '{\n    "cniVersion": "1.1.0",\n    "code": 100,\n    "msg": "no addresses",\n    "details": "run GC"\n}',
      stderr: "",
    })
    expect(takenBack).toHaveBeenCalledTimes(1)
  })

  test("leaves details out where there are none", () => {
    verbs.add.mockImplementation(() => {
      throw new CniError(7, "bad")
    })
    expect(invoke("ADD", {}).stdout).toBe('{\n    "cniVersion": "1.1.0",\n    "code": 7,\n    "msg": "bad"\n}')
  })

  test.each<[string, string, string]>([
    ["one line of several", "exec x:\n  no such file\n\tor directory", "exec x: no such file or directory"],
    ["a thousand characters of a value that is longer", "v".repeat(2000), `${"v".repeat(1000)}…`],
  ])("prints %s", (_, message, want) => {
    verbs.add.mockImplementation(() => {
      throw new CniError(7, message)
    })
    expect(errorOf(invoke("ADD", {})).msg).toBe(want)
  })

  test("tells what could not be taken back", () => {
    verbs.add.mockImplementation((_, undo) => {
      undo.push("veth", () => {
        throw new CniError(999, "busy")
      })
      throw new CniError(11, "try later")
    })
    expect(errorOf(invoke("ADD", {}))).toMatchObject({
      code: 11,
      msg: "try later",
      details: "left behind: veth (busy); DEL removes it",
    })
  })

  test.each<[string, () => void, string]>([
    ["was closed at start", () => fake.startWithout(1), "write stdout: bad file descriptor (EBADF)"],
    ["has no reader", () => fake.script("write", -32, -32), "write stdout: broken pipe (EPIPE)"],
    ["is on a full disk", () => fake.script("write", -28, -28), "write stdout: no space left on device (ENOSPC)"],
    ["breaks in the middle", () => fake.script("write", 10, -32, -32), "write stdout: broken pipe (EPIPE)"],
  ])("takes everything back where stdout %s, and stderr says why", (_, arrange, problem) => {
    const takenBack = jest.fn()
    verbs.add.mockImplementation((_request, undo) => {
      undo.push("veth", takenBack)
      return RESULT
    })
    arrange()
    const { status, stderr } = invoke("ADD", {})
    expect([status, stderr]).toEqual([1, `${problem}\n`])
    expect(takenBack).toHaveBeenCalledTimes(1)
  })

  test("takes everything back if the version cannot say the result (B23)", () => {
    const takenBack = jest.fn()
    verbs.add.mockImplementation((_, undo) => {
      undo.push("veth", takenBack)
      return { ...RESULT, ips: [] }
    })
    const error = errorOf(invoke("ADD", { cniVersion: "0.2.0" }))
    expect(error).toMatchObject({ cniVersion: "0.2.0", code: 7, msg: "cannot convert: no valid IP addresses" })
    expect(takenBack).toHaveBeenCalledTimes(1)
  })

  test.each<[string, object | string, Record<string, string>, number, string]>([
    ["a variable is missing", {}, { CNI_IFNAME: "" }, 4, "required env variables [CNI_IFNAME] missing"],
    ["a variable is invalid", {}, { CNI_IFNAME: "a/b" }, 4, "CNI_IFNAME: "],
    ["stdin is no JSON", "{", {}, 6, "error unmarshall network config: "],
    ["stdin is nested too deeply", "[".repeat(100_000), {}, 6, "error unmarshall network config: "],
    ["the name is missing", { name: "" }, {}, 7, "missing network name"],
    ["the version is unknown", { cniVersion: "9.9.9" }, {}, 1, "incompatible CNI versions"],
    ["a value has the wrong type", { mtu: "x" }, {}, 7, "mtu: "],
    ["prevResult has the wrong type", { prevResult: [] }, {}, 7, "prevResult: "],
    ["prevResult is of another version", { prevResult: { cniVersion: "0.4.0" } }, {}, 7, "could not parse prevResult"],
    ["the namespace is gone", {}, { CNI_NETNS: "/gone" }, 3, 'failed to open netns "/gone": no such file or directory'],
    [
      "the namespace is the plugin's own",
      {},
      { CNI_NETNS: "/proc/self/ns/net" },
      8,
      "plugin's netns and netns from CNI_NETNS",
    ],
  ])("does nothing where %s", (_, config, variables, code, message) => {
    expect(errorOf(invoke("ADD", config, variables))).toMatchObject({ code, msg: expect.stringContaining(message) })
    expect(verbs.add).not.toHaveBeenCalled()
  })
})
