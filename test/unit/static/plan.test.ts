import "../../kit/fake-native.ts"
import { type StaticConfig, staticSchema } from "../../../build/gen/static.ts"
import { readConfig } from "../../../lib/cni/config.ts"
import { formatResult, type Result } from "../../../lib/cni/result.ts"
import type { CniVersion } from "../../../lib/cni/versions.ts"
import { planStatic } from "../../../plugins/static/plan.ts"
import { thrownBy } from "../../kit/thrown.ts"

function plan(value: object, args: Record<string, string> = {}, version: CniVersion = "1.1.0"): Result {
  const config: StaticConfig = readConfig(JSON.stringify({ name: "net", ...value }), staticSchema)
  return planStatic(config, new Map(Object.entries(args)), version)
}

const CONFIGURED = { ipam: { addresses: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }] } }
const WANT_CONFIGURED = [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }]
const dynamic = (...ips: string[]) => ({ runtimeConfig: { ips } })
const args = (...ips: string[]) => ({ args: { cni: { ips } } })

test.each<[string, object, Record<string, string>, object[]]>([
  ["nothing", {}, {}, []],
  ["no addresses, which the interface plugin complains about", { ipam: {} }, {}, []],
  [
    "addresses in their order",
    { ipam: { addresses: [{ address: "fd00::5/64" }, { address: "10.1.0.5/16" }] } },
    {},
    [{ address: "fd00::5/64" }, { address: "10.1.0.5/16" }],
  ],
  [
    "a gateway outside of the network",
    { ipam: { addresses: [{ address: "10.1.0.5/32", gateway: "169.254.1.1" }] } },
    {},
    [{ address: "10.1.0.5/32", gateway: "169.254.1.1" }],
  ],
  [
    "an empty gateway",
    { ipam: { addresses: [{ address: "10.1.0.5/16", gateway: "" }] } },
    {},
    [{ address: "10.1.0.5/16" }],
  ],
  [
    "text as Go writes it",
    { ipam: { addresses: [{ address: "2001:DB8:0::5/64", gateway: "2001:DB8::0:1" }] } },
    {},
    [{ address: "2001:db8::5/64", gateway: "2001:db8::1" }],
  ],
  [
    "IP= added to what is configured",
    CONFIGURED,
    { IP: "10.2.0.5/16" },
    [...WANT_CONFIGURED, { address: "10.2.0.5/16" }],
  ],
  [
    "several in IP=, with spaces",
    {},
    { IP: "10.1.0.5/16, fd00::5/64" },
    [{ address: "10.1.0.5/16" }, { address: "fd00::5/64" }],
  ],
  [
    "GATEWAY= for the network it lies in",
    {},
    { IP: "10.1.0.5/16,10.2.0.5/16,fd00::5/64", GATEWAY: "fd00::1,10.2.0.1" },
    [
      { address: "10.1.0.5/16" },
      { address: "10.2.0.5/16", gateway: "10.2.0.1" },
      { address: "fd00::5/64", gateway: "fd00::1" },
    ],
  ],
  [
    "the last GATEWAY= of a network",
    {},
    { IP: "10.1.0.5/24", GATEWAY: "10.1.0.1,10.1.0.2,10.9.0.1" },
    [{ address: "10.1.0.5/24", gateway: "10.1.0.2" }],
  ],
  [
    "GATEWAY= leaves configured addresses alone",
    { ipam: { addresses: [{ address: "10.1.0.5/16" }] } },
    { GATEWAY: "10.1.0.1" },
    [{ address: "10.1.0.5/16" }],
  ],
  ["empty CNI_ARGS", CONFIGURED, { IP: "", GATEWAY: "" }, WANT_CONFIGURED],
  [
    "args.cni.ips instead of what is configured",
    { ...CONFIGURED, ...args("10.3.0.5/16") },
    {},
    [{ address: "10.3.0.5/16" }],
  ],
  [
    "args.cni.ips instead of IP= (R34)",
    { ...CONFIGURED, ...args("10.3.0.5/16") },
    { IP: "10.2.0.5/16" },
    [{ address: "10.3.0.5/16" }],
  ],
  ["args.cni.ips whatever is in IP= (R34)", args("10.3.0.5/16"), { IP: "nonsense" }, [{ address: "10.3.0.5/16" }]],
  [
    "runtimeConfig.ips instead of all (R44)",
    { ...CONFIGURED, ...args("10.3.0.5/16"), ...dynamic("10.4.0.5/16", "fd00::5/64") },
    { IP: "10.2.0.5/16" },
    [{ address: "10.4.0.5/16" }, { address: "fd00::5/64" }],
  ],
  ["an empty runtimeConfig.ips is none", { ...args("10.3.0.5/16"), ...dynamic() }, {}, [{ address: "10.3.0.5/16" }]],
  ["empty lists are none", { ...CONFIGURED, ...args(), ...dynamic() }, {}, WANT_CONFIGURED],
])("planStatic gives %s", (_, value, cniArgs, ips) => {
  expect(plan(value, cniArgs)).toEqual({ interfaces: [], ips, routes: [], dns: {} })
})

describe("planStatic gives routes and DNS as the reference prints them", () => {
  const ipam = {
    addresses: [{ address: "10.1.0.5/16", gateway: "10.1.0.1" }],
    routes: [
      { dst: "0::/0", gw: "" },
      { dst: "10.9.1.2/8", gw: "10.1.0.9", mtu: 0, advmss: 1400, priority: 4294967295, table: 0, scope: 0, note: "x" },
    ],
    dns: { nameservers: [], domain: "a<b>&c", search: ["x"], options: [] },
  }

  test("in 1.1.0", () => {
    expect(JSON.stringify(JSON.parse(formatResult(plan({ ipam }), "1.1.0")))).toBe(
      '{"cniVersion":"1.1.0","dns":{"domain":"a<b>&c","search":["x"]},"ips":[{"address":"10.1.0.5/16","gateway":"10.1.0.1"}],"routes":[{"dst":"::/0"},{"advmss":1400,"dst":"10.9.1.2/8","gw":"10.1.0.9","priority":4294967295,"scope":0,"table":0}]}',
    )
  })

  test("in 0.4.0", () => {
    expect(JSON.stringify(JSON.parse(formatResult(plan({ ipam }), "0.4.0")))).toBe(
      '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.0.5/16","gateway":"10.1.0.1"}],"routes":[{"dst":"::/0"},{"dst":"10.9.1.2/8","gw":"10.1.0.9","advmss":1400,"priority":4294967295,"table":0,"scope":0}],"dns":{"domain":"a<b>&c","search":["x"]}}',
    )
  })
})

test.each<[string, object, Record<string, string>, string]>([
  [
    "no prefix length",
    { ipam: { addresses: [{ address: "10.1.0.5" }] } },
    {},
    "the 'address' field is expected to be in CIDR notation, got: '10.1.0.5'",
  ],
  [
    "an address that is none",
    { ipam: { addresses: [{ address: "10.1.0.256/16" }] } },
    {},
    "the 'address' field is expected to be in CIDR notation, got: '10.1.0.256/16'",
  ],
  [
    "an empty address",
    { ipam: { addresses: [{ address: "" }] } },
    {},
    "the 'address' field is expected to be in CIDR notation, got: ''",
  ],
  [
    "a gateway that is none",
    { ipam: { addresses: [{ address: "10.1.0.5/16", gateway: "x" }] } },
    {},
    "invalid gateway address: x",
  ],
  [
    "IP= without a prefix length",
    {},
    { IP: "10.1.0.5" },
    "the 'ip' field is expected to be in CIDR notation, got: '10.1.0.5'",
  ],
  [
    "a comma at the end of IP=",
    {},
    { IP: "10.1.0.5/16," },
    "the 'ip' field is expected to be in CIDR notation, got: ''",
  ],
  ["GATEWAY= that is none", {}, { IP: "10.1.0.5/16", GATEWAY: "10.1.0.1/16" }, "invalid gateway address: 10.1.0.1/16"],
  [
    "args.cni.ips without a prefix length",
    args("10.1.0.5"),
    {},
    "an entry in the 'ips' field is NOT in CIDR notation, got: '10.1.0.5'",
  ],
  [
    "runtimeConfig.ips without a prefix length (R43)",
    dynamic("fd00::5"),
    {},
    "an entry in the 'ips' field is NOT in CIDR notation, got: 'fd00::5'",
  ],
  ["a route to nowhere", { ipam: { routes: [{ dst: "foo" }] } }, {}, "invalid CIDR address: foo"],
  ["a route by nobody", { ipam: { routes: [{ dst: "10.0.0.0/8", gw: "x" }] } }, {}, "invalid IP address: x"],
])("planStatic refuses %s in the reference's words", (_, value, cniArgs, message) => {
  expect(thrownBy(() => plan(value, cniArgs))).toMatchObject({ name: "CniError", code: 7, message })
})

describe("two addresses of one family", () => {
  const two = dynamic("10.1.0.5/16", "10.1.0.6/16")

  test.each<[CniVersion, object]>([
    ["0.1.0", two],
    ["0.2.0", two],
    ["0.2.0", dynamic("fd00::5/64", "10.1.0.5/16", "fd00::6/64")],
  ])("are too many for %s", (version, value) => {
    expect(thrownBy(() => plan(value, {}, version))).toMatchObject({
      code: 7,
      message: `CNI version ${version} does not support more than 1 address per family`,
    })
  })

  test.each<[CniVersion, object, number]>([
    ["0.3.0", two, 2],
    ["1.1.0", two, 2],
    ["0.2.0", dynamic("10.1.0.5/16", "fd00::5/64"), 2],
  ])("are not for %s, nor one of each for any: %j", (version, value, count) => {
    expect(plan(value, {}, version).ips).toHaveLength(count)
  })
})
