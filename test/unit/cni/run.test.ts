import "../../kit/fake-native.ts"
import { CniError } from "../../../lib/cni/errors.ts"
import { fake } from "../../kit/fake-native.ts"
import { ATTACHMENT, errorOf, invoke, PREVIOUS, verbs } from "./invocation.ts"

describe("DEL", () => {
  test("prints nothing (R5) and gives the plugin all it may use", () => {
    expect(invoke("DEL", { mtu: 1400, prevResult: PREVIOUS })).toEqual({ status: 0, stdout: "", stderr: "" })
    const [request] = verbs.del.mock.calls[0] ?? []
    expect(request).toMatchObject({
      config: { mtu: 1400 },
      attachment: ATTACHMENT,
      prevResult: { interfaces: PREVIOUS.interfaces },
    })
    expect(request?.netns).toBe("/run/netns/x")
  })

  test.each<[string, object, Record<string, string>, string]>([
    ["without a namespace (R22)", {}, { CNI_NETNS: "" }, ""],
    [
      "with one that is gone (R83)",
      {},
      { CNI_NETNS: "/gone" },
      "netns /gone: no such file or directory; what is on the host is removed\n",
    ],
    ["with an empty prevResult (R88)", { prevResult: {} }, {}, ""],
    [
      "with a prevResult of another version",
      { prevResult: { cniVersion: "0.4.0" } },
      {},
      "DEL goes on without prevResult: could not parse prevResult: ",
    ],
    [
      "with a prevResult that is none",
      { prevResult: { ips: "x" } },
      {},
      "DEL goes on without prevResult: ips of the result is not a list",
    ],
    [
      "with a prevResult that is a text",
      { prevResult: "x" },
      {},
      "DEL goes on without an unusable part of the configuration: prevResult: ",
    ],
    [
      "with an unusable value (R89, B13)",
      { mtu: "x" },
      {},
      "DEL goes on without an unusable part of the configuration: mtu: ",
    ],
  ])("goes on %s, and stderr says so", (_, config, variables, line) => {
    const { status, stdout, stderr } = invoke("DEL", config, variables)
    expect([status, stdout]).toEqual([0, ""])
    expect(stderr).toContain(line)
    expect(stderr === "").toBe(line === "")
    expect(verbs.del).toHaveBeenCalledTimes(1)
  })

  test("uses what is usable of the configuration", () => {
    invoke("DEL", { mtu: "x", bridge: "br7", vlanTrunk: [{ id: 5 }, { id: "y" }] })
    expect(verbs.del.mock.calls[0]?.[0].config).toMatchObject({ mtu: 0, bridge: "br7", vlanTrunk: [{ id: 5 }, {}] })
  })

  test("fails only after every removal was tried", () => {
    const done: string[] = []
    verbs.del.mockImplementation((_, removals) => {
      removals.attempt("veth", () => {
        throw new CniError(11, "busy", "held by 42")
      })
      removals.attempt("lease", () => done.push("lease"))
    })
    expect(errorOf(invoke("DEL", {}))).toMatchObject({ code: 11, msg: "could not remove veth: busy (held by 42)" })
    expect(done).toEqual(["lease"])
  })

  test.each<[string, object | string, Record<string, string>, number]>([
    ["no JSON (R10)", "{", {}, 6],
    ["no name", { name: "" }, {}, 7],
    ["no container ID (R21)", {}, { CNI_CONTAINERID: "" }, 4],
    ["an unknown version (R49)", { cniVersion: "9.9.9" }, {}, 1],
    ["the plugin's own namespace (R31)", {}, { CNI_NETNS: "/proc/self/ns/net" }, 8],
  ])("does nothing with %s", (_, config, variables, code) => {
    expect(errorOf(invoke("DEL", config, variables)).code).toBe(code)
    expect(verbs.del).not.toHaveBeenCalled()
  })
})

describe("CHECK", () => {
  test("prints nothing (R5) and gives the plugin what ADD gave", () => {
    expect(invoke("CHECK", { prevResult: PREVIOUS })).toEqual({ status: 0, stdout: "", stderr: "" })
    expect(verbs.check.mock.calls[0]?.[0]).toMatchObject({
      attachment: ATTACHMENT,
      prevResult: { interfaces: PREVIOUS.interfaces },
    })
  })

  test.each<[string, object, number, string]>([
    ["prevResult is missing (R98)", {}, 7, "Required prevResult missing"],
    [
      "the version has no CHECK (R51)",
      { cniVersion: "0.3.1", prevResult: {} },
      1,
      "config version does not allow CHECK",
    ],
    ["the configuration is unusable", { mtu: "x", prevResult: PREVIOUS }, 7, "mtu: "],
    [
      "the sandbox recorded is another (R110)",
      { prevResult: { interfaces: [{ name: "eth0", sandbox: "/run/netns/y" }] } },
      999,
      "Sandbox in prevResult /run/netns/y doesn't match configured netns: /run/netns/x",
    ],
  ])("fails where %s", (_, config, code, message) => {
    expect(errorOf(invoke("CHECK", config))).toMatchObject({ code, msg: expect.stringContaining(message) })
    expect(verbs.check).not.toHaveBeenCalled()
  })

  test.each<[string, object[]]>([
    ["no interface", []],
    ["another interface's sandbox (R106)", [{ name: "eth1", sandbox: "/run/netns/y" }]],
    ["no sandbox", [{ name: "eth0" }]],
    ["an empty sandbox", [{ name: "eth0", sandbox: "" }]],
  ])("does not mind that prevResult has %s", (_, interfaces) => {
    expect(invoke("CHECK", { prevResult: { interfaces } }).status).toBe(0)
  })

  test("prints what the plugin found wrong", () => {
    verbs.check.mockImplementation(() => {
      throw new CniError(999, "interface eth0 not found")
    })
    expect(errorOf(invoke("CHECK", { prevResult: PREVIOUS }))).toMatchObject({ msg: "interface eth0 not found" })
  })
})

describe("GC", () => {
  const VALID = [{ containerID: "c2", ifname: "eth0" }]

  test("prints nothing (R5) and gives the plugin what is valid (R120 to R123)", () => {
    expect(invoke("GC", { "cni.dev/valid-attachments": VALID })).toEqual({ status: 0, stdout: "", stderr: "" })
    expect(verbs.gc.mock.calls[0]?.[0]).toMatchObject({
      network: "net",
      valid: [{ network: "net", containerId: "c2", ifname: "eth0" }],
    })
  })

  test.each([[[]], [null]])("takes %j for none (R124)", list => {
    invoke("GC", { "cni.dev/valid-attachments": list })
    expect(verbs.gc.mock.calls[0]?.[0].valid).toEqual([])
  })

  test("removes nothing if the runtime did not say what is valid (R125)", () => {
    const { status, stderr } = invoke("GC", {})
    expect([status, stderr]).toEqual([0, "GC removes nothing: the configuration lacks cni.dev/valid-attachments\n"])
    expect(verbs.gc).not.toHaveBeenCalled()
  })

  test("goes on without an unusable value", () => {
    const { status, stderr } = invoke("GC", { mtu: "x", "cni.dev/valid-attachments": VALID })
    expect(status).toBe(0)
    expect(stderr).toMatch(/^GC goes on without an unusable part of the configuration: mtu: /)
    expect(verbs.gc).toHaveBeenCalledTimes(1)
  })

  test("fails only after every removal was tried (R126)", () => {
    const done: string[] = []
    verbs.gc.mockImplementation((_, removals) => {
      removals.attempt("veth1", () => {
        throw new CniError(999, "busy")
      })
      removals.attempt("veth2", () => done.push("veth2"))
    })
    expect(errorOf(invoke("GC", { "cni.dev/valid-attachments": [] })).msg).toBe("could not remove veth1: busy")
    expect(done).toEqual(["veth2"])
  })

  test("wants version 1.1.0 (R51)", () => {
    expect(errorOf(invoke("GC", { cniVersion: "1.0.0", "cni.dev/valid-attachments": [] }))).toMatchObject({ code: 1 })
    expect(verbs.gc).not.toHaveBeenCalled()
  })
})

describe("STATUS", () => {
  test("needs no namespace and prints nothing (R111, R118)", () => {
    const { status, stdout } = invoke("STATUS", {}, { CNI_NETNS: "", CNI_CONTAINERID: "", CNI_IFNAME: "" })
    expect([status, stdout]).toEqual([0, ""])
    expect(verbs.status.mock.calls[0]?.[0]).toMatchObject({ config: { bridge: "cni0" }, network: "net" })
  })

  test("fails if ADD could not work with the configuration", () => {
    expect(errorOf(invoke("STATUS", { mtu: "x" })).code).toBe(7)
    expect(verbs.status).not.toHaveBeenCalled()
  })

  test("prints why the plugin is not ready (R112, R113)", () => {
    verbs.status.mockImplementation(() => {
      throw new CniError(50, "no addresses")
    })
    expect(errorOf(invoke("STATUS", {}))).toMatchObject({ code: 50, msg: "no addresses" })
  })
})

test.each(["FOO", "add"])("an unknown verb is named, whatever stdin holds (R12): %s", verb => {
  expect(errorOf(invoke(verb, "{"))).toMatchObject({
    code: 4,
    msg: `unknown CNI_COMMAND: ${verb}`,
    cniVersion: "1.1.0",
  })
})

describe("the trace", () => {
  test("goes to stderr, tells the call, the result and the unknown keys", () => {
    const { stderr } = invoke("ADD", { myKey: 1 }, { PATCHBAY_TRACE: "1", TRACEPARENT: "00-ab-cd-01" })
    const lines = stderr.trimEnd().split("\n")
    expect(lines.every(line => line.startsWith("bridge ADD c1 00-ab-cd-01 ") || !line.startsWith("bridge"))).toBe(true)
    expect(stderr).toContain("CNI_NETNS=/run/netns/x CNI_IFNAME=eth0")
    expect(stderr).toContain("keys nobody here knows: myKey\n")
    expect(stderr).toContain("result {")
  })

  test("goes to a file, with the failure", () => {
    invoke("ADD", { mtu: "x" }, { PATCHBAY_TRACE: "/var/log/trace" })
    expect(fake.files.get("/var/log/trace")).toMatch(/^bridge ADD c1 .*failed with code 7: mtu: /ms)
    expect(fake.stderr).toBe("")
  })

  test("changes nothing of what is printed", () => {
    const { stdout } = invoke("ADD", {})
    fake.stdout = ""
    expect(invoke("ADD", {}, { PATCHBAY_TRACE: "1" }).stdout).toBe(stdout)
  })

  test.each(["ADD", "CHECK", "STATUS"])("stops %s if its settings are unusable", verb => {
    const outcome = invoke(verb, { prevResult: PREVIOUS }, { PATCHBAY_TRACE: "relative" })
    expect(errorOf(outcome)).toMatchObject({ code: 7, msg: expect.stringContaining("PATCHBAY_TRACE") })
  })

  test.each<["DEL" | "GC", "del" | "gc"]>([
    ["DEL", "del"],
    ["GC", "gc"],
  ])("never stops %s", (verb, method) => {
    const { status, stderr } = invoke(verb, { "cni.dev/valid-attachments": [] }, { PATCHBAY_TRACE: "relative" })
    expect(status).toBe(0)
    expect(stderr).toContain("PATCHBAY_TRACE")
    expect(verbs[method]).toHaveBeenCalledTimes(1)
  })
})
