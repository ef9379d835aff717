import "../../kit/fake-native.ts"
import { bridgeSchema } from "../../../build/gen/bridge.ts"
import { loopbackSchema } from "../../../build/gen/loopback.ts"
import type { Parameters, Verb } from "../../../lib/cni/environment.ts"
import { CniCode } from "../../../lib/cni/errors.ts"
import { JsonError } from "../../../lib/cni/json.ts"
import {
  attachmentOf,
  type Call,
  findNamespace,
  findPrevResult,
  findValidAttachments,
  getNamespace,
  makeRequest,
  readCall,
  readVersion,
} from "../../../lib/cni/request.ts"
import { supportedVersions } from "../../../lib/cni/versions.ts"
import { fake } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

const PARAMETERS: Parameters = {
  verb: "ADD",
  containerId: "c1",
  netns: "/run/netns/x",
  ifname: "eth0",
  args: "",
  path: "/opt/cni/bin",
  netnsOverride: false,
}

function call(value: object, parameters: Partial<Parameters> = {}): Call {
  fake.stdin = [JSON.stringify({ name: "net", ...value })]
  return readCall({ ...PARAMETERS, ...parameters }, new Map(), bridgeSchema)
}

describe("readCall", () => {
  const read = (text: string) => {
    fake.stdin = [text]
    return readCall(PARAMETERS, new Map(), bridgeSchema)
  }

  test("gives the configuration, its keys in the schema's spelling, and stdin to the byte", () => {
    const text = '{"NAME": "net", "MTU":1400,"other":12345678901234567890}'
    const { value, network, stdin } = read(text)
    expect(value).toMatchObject({ name: "net", mtu: 1400 })
    expect(network).toBe("net")
    expect(Buffer.from(stdin).toString()).toBe(text)
  })

  test.each(["a", "0", "my_net.1-x", "n".repeat(300)])("accepts the network name %j (R30)", name => {
    expect(read(JSON.stringify({ name })).network).toBe(name)
  })

  test.each<[string, string]>([
    ["{}", "missing network name"],
    ["null", "missing network name"],
    ['{"name":""}', "missing network name"],
    ['{"name":null}', "missing network name"],
    ['{"name":"a b"}', "invalid characters found in network name"],
    ['{"name":"../x"}', "invalid characters found in network name"],
    ['{"name":"-a"}', "invalid characters found in network name"],
    ['{"name":"a\\n"}', "invalid characters found in network name"],
    ['{"name":"a\\u0000"}', "invalid characters found in network name"],
    ['{"name":"ä"}', "invalid characters found in network name"],
    ['{"name":5}', "invalid characters found in network name"],
    ['{"name":["a"]}', "invalid characters found in network name"],
  ])("refuses the network name of %s (R30)", (text, message) => {
    expect(thrownBy(() => read(text))).toMatchObject({ code: CniCode.invalidConfig, message })
  })

  test("shows the name that is refused", () => {
    expect(thrownBy(() => read('{"name":"a b"}'))).toMatchObject({ details: expect.stringContaining('"a b"') })
  })

  test.each(["", "[]", '"x"', "{", "5", '\ufeff{"name":"n"}', '{"name":"n"} x', '{"name":"n"} // c'])(
    "passes on that %j is no configuration (R10)",
    text => {
      expect(thrownBy(() => read(text))).toBeInstanceOf(JsonError)
    },
  )

  test.each<[string, () => void]>([
    ["is closed", () => fake.startWithout(0)],
    ["is a directory", () => fake.script("read", -21)],
  ])("has code 5 where stdin %s (R9)", (_, arrange) => {
    arrange()
    const message = expect.stringMatching(/^error reading from stdin: read stdin: /)
    expect(thrownBy(() => read("{}"))).toMatchObject({ code: CniCode.ioFailure, message })
  })
})

describe("readVersion", () => {
  const verbs: Verb[] = ["ADD", "DEL", "CHECK", "GC", "STATUS"]

  test.each(supportedVersions)("ADD and DEL allow %s", cniVersion => {
    expect(readVersion(call({ cniVersion }, { verb: "ADD" }))).toBe(cniVersion)
    expect(readVersion(call({ cniVersion }, { verb: "DEL" }))).toBe(cniVersion)
  })

  test.each([{}, { cniVersion: "" }, { cniVersion: null }])("%j is 0.1.0 (R50)", value => {
    expect(readVersion(call(value))).toBe("0.1.0")
  })

  test.each<[Verb, string]>([
    ["CHECK", "0.4.0"],
    ["CHECK", "1.1.0"],
    ["GC", "1.1.0"],
    ["STATUS", "1.1.0"],
  ])("%s is allowed by %s", (verb, cniVersion) => {
    expect(readVersion(call({ cniVersion }, { verb }))).toBe(cniVersion)
  })

  test.each<[Verb, string, string]>([
    ["CHECK", "0.3.1", "config version does not allow CHECK"],
    ["CHECK", "", "config version does not allow CHECK"],
    ["GC", "1.0.0", "config version does not allow GC"],
    ["STATUS", "1.0.0", "config version does not allow STATUS"],
    ["STATUS", "0.9", "config version does not allow STATUS"],
    ["CHECK", "9.9.9", "plugin version does not allow CHECK"],
    ["GC", "1.2.0", "plugin version does not allow GC"],
    ["STATUS", "2", "plugin version does not allow STATUS"],
    ["CHECK", "0.5.0", "incompatible CNI versions"],
    ["STATUS", "1.1", "incompatible CNI versions"],
    ["ADD", "9.9.9", "incompatible CNI versions"],
    ["ADD", "1.0.0.0", "incompatible CNI versions"],
    ["DEL", "abc", "incompatible CNI versions"],
  ])("%s is not allowed by %j, in the reference's words (R49, R51, R52)", (verb, cniVersion, message) => {
    const refused = { code: CniCode.incompatibleVersion, message }
    expect(thrownBy(() => readVersion(call({ cniVersion }, { verb })))).toMatchObject(refused)
  })

  test.each<[Verb, string, string]>([
    ["GC", "1.0.0", "the configuration is of 1.0.0, GC came with 1.1.0"],
    ["CHECK", "", "the configuration is of 0.1.0, CHECK came with 0.4.0"],
    ["STATUS", "1.2.0", "the configuration is of 1.2.0, the newest version here is 1.1.0"],
  ])("%s by %j is explained", (verb, cniVersion, details) => {
    expect(thrownBy(() => readVersion(call({ cniVersion }, { verb })))).toMatchObject({ details })
  })

  test("lists what is supported", () => {
    expect(thrownBy(() => readVersion(call({ cniVersion: "9.9.9" })))).toMatchObject({
      details: 'config is "9.9.9", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]',
    })
  })

  test.each<[Verb, string]>([
    ["CHECK", "1.0.0.0"],
    ["GC", "abc"],
    ["STATUS", "1..0"],
  ])("%s cannot compare %j (R52)", (verb, cniVersion) => {
    const message = `invalid version "${cniVersion}"`
    expect(thrownBy(() => readVersion(call({ cniVersion }, { verb })))).toMatchObject({
      code: CniCode.decodingFailure,
      message,
    })
  })

  test.each(verbs)("%s refuses a version that is no text (R52)", verb => {
    expect(thrownBy(() => readVersion(call({ cniVersion: 5 }, { verb })))).toMatchObject({
      code: CniCode.decodingFailure,
      message: "decoding version from network config: cniVersion is 5",
    })
  })
})

describe("the namespace", () => {
  beforeEach(() => {
    fake.files.putNamespace("/run/netns/x", 200)
    fake.files.putNamespace("/run/netns/own", 100)
    fake.files.put("/run/netns/left")
  })

  test("getNamespace gives one that is not the plugin's", () => {
    expect(getNamespace(call({}))).toBe("/run/netns/x")
  })

  test.each<Verb>(["ADD", "CHECK", "DEL"])("%s refuses the plugin's own, before anything is done (R31, B4)", verb => {
    const own = call({}, { verb, netns: "/run/netns/own" })
    const find = verb === "DEL" ? findNamespace : getNamespace
    expect(thrownBy(() => find(own))).toMatchObject({
      code: CniCode.invalidNamespace,
      message: "plugin's netns and netns from CNI_NETNS should not be the same",
      details: expect.stringContaining("CNI_NETNS_OVERRIDE=1"),
    })
  })

  test.each([getNamespace, findNamespace])("%p gives the plugin's own if it is told to (R31)", find => {
    expect(find(call({}, { netns: "/run/netns/own", netnsOverride: true }))).toBe("/run/netns/own")
  })

  test.each<[string, Verb, object, number]>([
    ["the first plugin's ADD tells that there is nothing to clean up", "ADD", {}, CniCode.unknownContainer],
    ["so it does with an empty prevResult", "ADD", { prevResult: null }, CniCode.unknownContainer],
    ["a later plugin's ADD does not", "ADD", { prevResult: {} }, CniCode.internal],
    ["nor does CHECK", "CHECK", {}, CniCode.internal],
  ])("where it is gone, %s (R32)", (_, verb, value, code) => {
    expect(thrownBy(() => getNamespace(call(value, { verb, netns: "/run/netns/gone" })))).toMatchObject({
      code,
      message: 'failed to open netns "/run/netns/gone": no such file or directory',
    })
  })

  test("where it is a plain file, ADD fails (R32)", () => {
    expect(thrownBy(() => getNamespace(call({}, { netns: "/run/netns/left" })))).toMatchObject({
      code: CniCode.internal,
      message: 'failed to open netns "/run/netns/left": unknown FS magic: it is no network namespace',
    })
  })

  test.each<[string, string, string]>([
    ["where none is named", "", ""],
    [
      "where it is gone",
      "/run/netns/gone",
      "netns /run/netns/gone: no such file or directory; what is on the host is removed\n",
    ],
    [
      "where it is a plain file",
      "/run/netns/left",
      "netns /run/netns/left: it is no network namespace; what is on the host is removed\n",
    ],
  ])("DEL goes on without it %s (R22, R83, R85)", (_, netns, stderr) => {
    expect(findNamespace(call({}, { verb: "DEL", netns }))).toBeUndefined()
    expect(fake.stderr).toBe(stderr)
  })

  test("DEL finds it", () => {
    expect(findNamespace(call({}, { verb: "DEL" }))).toBe("/run/netns/x")
  })
})

describe("prevResult", () => {
  test.each<[string, object]>([
    ["absent", {}],
    ["null", { prevResult: null }],
  ])("is undefined where it is %s", (_, value) => {
    expect(findPrevResult(call(value), "1.1.0")).toBeUndefined()
  })

  test("is undefined where it is null and the schema does not know it", () => {
    fake.stdin = ['{"name":"net","PrevResult2":1,"prevResult":null}']
    const unknowing = { ...loopbackSchema, shape: { keys: { name: 0 as const } } }
    expect(findPrevResult(readCall(PARAMETERS, new Map(), unknowing), "1.1.0")).toBeUndefined()
  })

  test("is read as the configuration's version", () => {
    const prevResult = { ip4: { ip: "10.0.0.2/8" } }
    expect(findPrevResult(call({ prevResult }), "0.2.0")?.ips).toEqual([{ address: "10.0.0.2/8" }])
  })

  test("is refused if it has another shape", () => {
    const prevResult = { cniVersion: "0.4.0" }
    expect(thrownBy(() => findPrevResult(call({ prevResult }), "1.1.0"))).toMatchObject({
      code: CniCode.invalidConfig,
      message: expect.stringMatching(/^could not parse prevResult: result type supports /),
    })
  })
})

describe("findValidAttachments", () => {
  const A = { containerID: "a", ifname: "eth0" }
  const B = { containerID: "b", ifname: "net1" }
  const WANT_A = { network: "net", containerId: "a", ifname: "eth0" }
  const WANT_B = { network: "net", containerId: "b", ifname: "net1" }
  const find = (value: object) => findValidAttachments(call(value, { verb: "GC" }))

  test.each<[string, object, unknown]>([
    ["a list", { "cni.dev/valid-attachments": [A, B] }, [WANT_A, WANT_B]],
    ["an empty list: all is stale (R124)", { "cni.dev/valid-attachments": [] }, []],
    ["null, which libcni sends for none (R124)", { "cni.dev/valid-attachments": null }, []],
    ["null under the older key", { "cni.dev/attachments": null }, []],
    ["the older key (R129)", { "cni.dev/attachments": [B] }, [WANT_B]],
    ["both keys, the newer one counts", { "cni.dev/attachments": [B], "cni.dev/valid-attachments": [A] }, [WANT_A]],
    ["further keys of an attachment", { "cni.dev/valid-attachments": [{ ...A, netns: "/x" }] }, [WANT_A]],
    ["keys in another case", { "CNI.dev/valid-attachments": [{ containerId: "a", IfName: "eth0" }] }, [WANT_A]],
    ["no key: nothing may be removed (R125)", {}, undefined],
  ])("reads %s", (_, value, want) => {
    expect(find(value)).toEqual(want)
  })

  test.each<[string, unknown]>([
    ["a text", "a"],
    ["an object", {}],
    ["an attachment that is null", [null]],
    ["an attachment that is a text", ["a"]],
    ["no containerID", [{ ifname: "eth0" }]],
    ["no ifname", [{ containerID: "a" }]],
    ["an ifname that is a number", [{ containerID: "a", ifname: 0 }]],
  ])("refuses %s: what cannot be read must not be taken for stale", (_, list) => {
    const thrown = thrownBy(() => find({ "cni.dev/valid-attachments": list }))
    expect(thrown).toMatchObject({
      code: CniCode.invalidConfig,
      message: expect.stringMatching(/^cni\.dev\/valid-attachments/),
    })
  })
})

describe("makeRequest", () => {
  test("has no address plugin where none is named", () => {
    for (const value of [
      {},
      { ipam: {} },
      { ipam: { type: "" } },
      { ipam: null },
      { ipam: { type: 5 } },
      { ipam: "x" },
    ]) {
      expect(makeRequest(call(value), "1.1.0", {}).ipam).toBeUndefined()
    }
  })

  test("has the address plugin that is named", () => {
    expect(makeRequest(call({ ipam: { type: "host-local" } }), "1.1.0", {}).ipam?.type).toBe("host-local")
  })

  test("reads CNI_ARGS only when it is asked to, for the keys it is asked for", () => {
    const request = makeRequest(call({}, { args: "IP=10.0.0.1;MAC=x" }), "1.1.0", {})
    expect([...request.cniArgs("IP", "MAC")]).toEqual([
      ["IP", "10.0.0.1"],
      ["MAC", "x"],
    ])
    expect(thrownBy(() => request.cniArgs("IP"))).toMatchObject({ code: CniCode.invalidEnvironment })
  })

  test("keeps what it was given", () => {
    expect(makeRequest(call({}), "0.4.0", { a: 1 })).toMatchObject({
      config: { a: 1 },
      network: "net",
      version: "0.4.0",
    })
  })
})

test("attachmentOf tells whose interface it is", () => {
  expect(attachmentOf(call({}))).toEqual({ network: "net", containerId: "c1", ifname: "eth0" })
})
