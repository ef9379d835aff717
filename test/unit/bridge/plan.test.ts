import "../../kit/fake-native.ts"
import { type BridgeConfig, bridgeSchema } from "../../../build/gen/bridge.ts"
import { readConfig } from "../../../lib/cni/config.ts"
import type { Result, ResultIp, ResultRoute } from "../../../lib/cni/result.ts"
import { type CniVersion, supportedVersions } from "../../../lib/cni/versions.ts"
import { type BridgePlan, planAddressing, planBridge, planDns } from "../../../plugins/bridge/plan.ts"
import { thrownBy } from "../../kit/thrown.ts"

const configOf = (value: object): BridgeConfig => readConfig(JSON.stringify({ name: "net", ...value }), bridgeSchema)

function plan(value: object, args: Record<string, string> = {}, version: CniVersion = "1.1.0"): BridgePlan {
  return planBridge(configOf(value), new Map(Object.entries(args)), version)
}

const IPAM = { ipam: { type: "host-local" } }
const mac = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)

test("planBridge decides what the reference does by default", () => {
  expect(plan({})).toEqual({
    bridge: { name: "cni0", isVlanFiltering: false, isPromiscuous: false },
    mtu: 0,
    mac: undefined,
    port: { isHairpin: false, isIsolated: false },
    vlans: undefined,
    isGateway: false,
    forceAddress: false,
    staysDown: false,
  })
})

test.each<[string, object, object]>([
  ["bridge", { bridge: "br7" }, { bridge: { name: "br7", isVlanFiltering: false, isPromiscuous: false } }],
  ["promiscMode", { promiscMode: true }, { bridge: { name: "cni0", isVlanFiltering: false, isPromiscuous: true } }],
  ["mtu", { mtu: 1400 }, { mtu: 1400 }],
  ["mtu as the default route's", { mtu: "auto" }, { mtu: "auto" }],
  ["hairpinMode", { hairpinMode: true }, { port: { isHairpin: true, isIsolated: false } }],
  ["portIsolation", { portIsolation: true }, { port: { isHairpin: false, isIsolated: true } }],
  ["isGateway", { isGateway: true }, { isGateway: true }],
  ["isDefaultGateway, which implies isGateway", { isDefaultGateway: true }, { isGateway: true }],
  ["forceAddress", { forceAddress: true }, { forceAddress: true }],
  ["disableContainerInterface", { disableContainerInterface: true }, { staysDown: true }],
])("planBridge follows %s", (_, value, want) => {
  expect(plan(value)).toMatchObject(want)
})

describe("the MAC of the container's end", () => {
  const A = "02:00:00:00:00:0a"
  const B = "02-00-00-00-00-0B"
  const C = "0200.0000.000c"

  test.each<[string, object, Record<string, string>, Uint8Array | undefined]>([
    ["MAC= of CNI_ARGS", {}, { MAC: A }, mac(2, 0, 0, 0, 0, 10)],
    ["args.cni.mac before it (R34)", { args: { cni: { mac: B } } }, { MAC: A }, mac(2, 0, 0, 0, 0, 11)],
    [
      "runtimeConfig.mac before both (R44)",
      { args: { cni: { mac: B } }, runtimeConfig: { mac: C } },
      { MAC: A },
      mac(2, 0, 0, 0, 0, 12),
    ],
    ["a valid one before a bad MAC= (R34)", { runtimeConfig: { mac: A } }, { MAC: "x" }, mac(2, 0, 0, 0, 0, 10)],
    [
      "what is not empty",
      { args: { cni: { mac: B } }, runtimeConfig: { mac: "" } },
      { MAC: A },
      mac(2, 0, 0, 0, 0, 11),
    ],
    [
      "MAC= where the others are empty",
      { args: { cni: { mac: "" } }, runtimeConfig: { mac: "" } },
      { MAC: A },
      mac(2, 0, 0, 0, 0, 10),
    ],
    ["a random one where nothing is said", { args: {}, runtimeConfig: {} }, { MAC: "" }, undefined],
  ])("is %s", (_, value, args, want) => {
    expect(plan(value, args).mac).toEqual(want)
  })

  test.each<[string, string]>([
    ["nonsense", "x"],
    ["five bytes", "02:00:00:00:00"],
    ["eight bytes, which no veth has", "02:00:00:00:00:00:00:01"],
    ["a group address", "01:00:5e:00:00:01"],
    ["the broadcast address", "ff:ff:ff:ff:ff:ff"],
    ["nothing but zeros", "00:00:00:00:00:00"],
  ])("is never %s", (_, text) => {
    const refused = { code: 7, message: `address ${text}: invalid MAC address` }
    expect(thrownBy(() => plan({ runtimeConfig: { mac: text } }))).toMatchObject(refused)
  })
})

describe("VLANs", () => {
  const NOTHING = { access: 0, trunk: [], keepsDefault: false }

  test.each<[string, object, object | undefined]>([
    ["none", { vlan: 0 }, undefined],
    ["none, whatever preserveDefaultVlan says", { preserveDefaultVlan: true }, undefined],
    ["an access VLAN", { vlan: 100 }, { ...NOTHING, access: 100 }],
    ["the last VLAN", { vlan: 4094 }, { ...NOTHING, access: 4094 }],
    ["VLAN 1 beside it", { vlan: 100, preserveDefaultVlan: true }, { ...NOTHING, access: 100, keepsDefault: true }],
    [
      "a trunk",
      { vlanTrunk: [{ id: 5 }, { minID: 10, maxID: 20 }] },
      {
        ...NOTHING,
        trunk: [
          { first: 5, last: 5 },
          { first: 10, last: 20 },
        ],
      },
    ],
    ["a range of one", { vlanTrunk: [{ minID: 7, maxID: 7 }] }, { ...NOTHING, trunk: [{ first: 7, last: 7 }] }],
    ["the widest range", { vlanTrunk: [{ minID: 1, maxID: 4094 }] }, { ...NOTHING, trunk: [{ first: 1, last: 4094 }] }],
    [
      "a range and an ID in one item",
      { vlanTrunk: [{ id: 5, minID: 10, maxID: 20 }] },
      {
        ...NOTHING,
        trunk: [
          { first: 10, last: 20 },
          { first: 5, last: 5 },
        ],
      },
    ],
    ["an empty trunk, which turns filtering on", { vlanTrunk: [] }, NOTHING],
    ["an empty item", { vlanTrunk: [{}] }, NOTHING],
    ["both", { vlan: 3, vlanTrunk: [{ id: 5 }] }, { ...NOTHING, access: 3, trunk: [{ first: 5, last: 5 }] }],
  ])("%s", (_, value, want) => {
    const planned = plan(value)
    expect(planned.vlans).toEqual(want)
    expect(planned.bridge.isVlanFiltering).toBe(want !== undefined)
  })

  test.each<[object, string]>([
    [{ vlan: -1 }, "invalid VLAN ID -1 (must be between 0 and 4094)"],
    [{ vlan: 4095 }, "invalid VLAN ID 4095 (must be between 0 and 4094)"],
    [{ vlanTrunk: [{ minID: 0, maxID: 5 }] }, "incorrect trunk minID parameter"],
    [{ vlanTrunk: [{ minID: 4095, maxID: 5 }] }, "incorrect trunk minID parameter"],
    [{ vlanTrunk: [{ minID: 5, maxID: 4095 }] }, "incorrect trunk maxID parameter"],
    [{ vlanTrunk: [{ minID: 5, maxID: -1 }] }, "incorrect trunk maxID parameter"],
    [{ vlanTrunk: [{ minID: 20, maxID: 10 }] }, "minID is greater than maxID in trunk parameter"],
    [{ vlanTrunk: [{ maxID: 10 }] }, "minID and maxID should be configured simultaneously, minID is missing"],
    [{ vlanTrunk: [{ minID: 10 }] }, "minID and maxID should be configured simultaneously, maxID is missing"],
    [{ vlanTrunk: [{ id: 0 }] }, "incorrect trunk id parameter"],
    [{ vlanTrunk: [{ id: 4095 }] }, "incorrect trunk id parameter"],
    [{ vlanTrunk: [{ id: 5 }, { id: 5000 }] }, "incorrect trunk id parameter"],
  ])("%j is refused in the reference's words", (value, message) => {
    expect(thrownBy(() => plan(value))).toMatchObject({ code: 7, message: expect.stringContaining(message) })
  })
})

test.each<[string, object, number, string]>([
  [
    "hairpin and promiscuous mode together",
    { hairpinMode: true, promiscMode: true },
    7,
    "cannot set hairpin mode and promiscuous mode at the same time",
  ],
  [
    "addresses for an interface that stays down",
    { disableContainerInterface: true, ...IPAM },
    7,
    "cannot use IPAM when DisableContainerInterface flag is set",
  ],
  ["ipMasq, with key and value", { ipMasq: true }, 2, "unsupported field ipMasq: true"],
  ["macspoofchk, with key and value", { macspoofchk: true }, 2, "unsupported field macspoofchk: true"],
  ["a bridge without a name", { bridge: "" }, 7, "bridge: interface name is empty"],
  ["a bridge whose name is too long", { bridge: "bridge-for-containers" }, 7, "bridge: interface name is too long"],
  [
    "a bridge whose name is a path",
    { bridge: "../x" },
    7,
    "bridge: interface name contains / or : or whitespace characters",
  ],
  ["a bridge whose name the kernel would fill in", { bridge: "br%d" }, 7, "bridge: interface name contains %"],
])("planBridge refuses %s", (_, value, code, message) => {
  expect(thrownBy(() => plan(value))).toMatchObject({ code, message: expect.stringContaining(message) })
})

describe("an attachment without addresses", () => {
  test.each<CniVersion>(["0.1.0", "0.2.0"])("is refused for %s before anything is done (B23)", version => {
    for (const ipam of [{}, { type: "" }]) {
      expect(thrownBy(() => plan({ ipam }, {}, version))).toMatchObject({
        code: 7,
        message: "cannot convert: no valid IP addresses",
      })
    }
  })

  test.each(supportedVersions)("is not refused for %s if it has addresses or a place to say nothing", version => {
    expect(plan(version < "0.3.0" ? IPAM : {}, {}, version).bridge.name).toBe("cni0")
  })
})

describe("planAddressing", () => {
  const lease = (ips: ResultIp[], routes: ResultRoute[] = []): Result => ({ interfaces: [], ips, routes, dns: {} })

  test("gives every address the container's interface", () => {
    const { ips } = planAddressing(
      lease([{ address: "10.1.0.5/16" }, { address: "fd00::5/64", interface: 0 }]),
      configOf({}),
      2,
    )
    expect(ips).toEqual([
      { address: "10.1.0.5/16", interface: 2 },
      { address: "fd00::5/64", interface: 2 },
    ])
  })

  test.each<[string, object, ResultIp, string | undefined]>([
    ["what the address plugin says", { isGateway: true }, { address: "10.1.0.5/16", gateway: "10.1.9.9" }, "10.1.9.9"],
    ["the subnet's first address where the bridge is it", { isGateway: true }, { address: "10.1.7.5/16" }, "10.1.0.1"],
    ["so for isDefaultGateway", { isDefaultGateway: true }, { address: "10.1.7.5/16" }, "10.1.0.1"],
    ["so for IPv6", { isGateway: true }, { address: "fd00:0:0:1::5/64" }, "fd00:0:0:1::1"],
    ["the other address of a pair", { isGateway: true }, { address: "10.1.0.1/31" }, "10.1.0.0"],
    ["so for an IPv6 pair", { isGateway: true }, { address: "fd00::/127" }, "fd00::1"],
    ["nothing where the bridge is none", {}, { address: "10.1.7.5/16" }, undefined],
  ])("has for a gateway %s", (_, value, ip, want) => {
    expect(planAddressing(lease([ip]), configOf(value), 2).ips[0]?.gateway).toBe(want)
  })

  const V4: ResultIp = { address: "10.1.0.5/16", gateway: "10.1.0.1" }
  const V6: ResultIp = { address: "fd00::5/64", gateway: "fd00::1" }
  const DEFAULT_V4: ResultRoute = { dst: "0.0.0.0/0", gw: "10.1.0.1" }
  const DEFAULT_V6: ResultRoute = { dst: "::/0", gw: "fd00::1" }

  test.each<[string, ResultIp[], ResultRoute[], ResultRoute[]]>([
    ["one", [V4], [], [DEFAULT_V4]],
    ["one per family", [V4, V6], [], [DEFAULT_V4, DEFAULT_V6]],
    [
      "one per family, by the first address's gateway",
      [V4, { address: "10.2.0.5/16", gateway: "10.2.0.1" }],
      [],
      [DEFAULT_V4],
    ],
    [
      "behind the routes there are",
      [V4],
      [{ dst: "10.9.0.0/16", gw: "10.1.0.9" }],
      [{ dst: "10.9.0.0/16", gw: "10.1.0.9" }, DEFAULT_V4],
    ],
    [
      "none beside one with a next hop",
      [V4],
      [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }],
      [{ dst: "0.0.0.0/0", gw: "10.1.0.9" }],
    ],
    ["none beside one in another spelling", [V6], [{ dst: "0::/0", gw: "fd00::9" }], [{ dst: "0::/0", gw: "fd00::9" }]],
    [
      "none beside one without a next hop, which gets the gateway",
      [V4],
      [{ dst: "0.0.0.0/0" }],
      [{ dst: "0.0.0.0/0" }],
    ],
    [
      "one beside one of another metric",
      [V4],
      [{ dst: "0.0.0.0/0", priority: 7 }],
      [{ dst: "0.0.0.0/0", priority: 7 }, DEFAULT_V4],
    ],
    [
      "one beside one in another table",
      [V4],
      [{ dst: "0.0.0.0/0", table: 7 }],
      [{ dst: "0.0.0.0/0", table: 7 }, DEFAULT_V4],
    ],
    ["one beside the other family's", [V4], [DEFAULT_V6], [DEFAULT_V6, DEFAULT_V4]],
    ["none without an address", [], [], []],
  ])("adds default routes for isDefaultGateway: %s", (_, ips, routes, want) => {
    expect(planAddressing(lease(ips, routes), configOf({ isDefaultGateway: true }), 2).routes).toEqual(want)
  })

  test("refuses to give the bridge the container's own address", () => {
    const plan = () => planAddressing(lease([{ address: "10.1.0.1/24" }]), configOf({ isGateway: true }), 2)
    expect(plan).toThrow("the container's address 10.1.0.1/24 is the one that isGateway gives the bridge")
  })

  test("adds no default route for isGateway alone", () => {
    expect(planAddressing(lease([V4], [{ dst: "10.9.0.0/16" }]), configOf({ isGateway: true }), 2).routes).toEqual([
      { dst: "10.9.0.0/16" },
    ])
  })

  test("leaves the lease as it was", () => {
    const given = lease([V4])
    planAddressing(given, configOf({ isDefaultGateway: true }), 2)
    expect(given).toEqual(lease([V4]))
  })
})

describe("planDns", () => {
  const GIVEN = { nameservers: ["10.1.0.1"] }

  test.each<[string, object, object]>([
    ["what the address plugin says", {}, GIVEN],
    ["it still, where the configuration's dns says nothing", { dns: {} }, GIVEN],
    ["it still, where the domain is empty", { dns: { domain: "" } }, GIVEN],
    ["the configuration's as a whole", { dns: { domain: "example.com" } }, { domain: "example.com" }],
    ["the configuration's with an empty list, which counts", { dns: { search: [] } }, { search: [] }],
    ["the configuration's name servers", { dns: { nameservers: ["1.1.1.1"] } }, { nameservers: ["1.1.1.1"] }],
    ["the configuration's options", { dns: { options: ["ndots:1"] } }, { options: ["ndots:1"] }],
  ])("gives %s", (_, value, want) => {
    expect(planDns(configOf(value).dns, GIVEN)).toEqual(want)
  })
})
