import { type BridgeConfig, bridgeSchema } from "../../../build/gen/bridge.ts"
import { hostLocalSchema } from "../../../build/gen/host-local.ts"
import { loopbackSchema } from "../../../build/gen/loopback.ts"
import { nodeSchema } from "../../../build/gen/node.ts"
import { result01Schema, result03Schema, resultSchema } from "../../../build/gen/result.ts"
import { staticSchema } from "../../../build/gen/static.ts"
import {
  ConfigError,
  type ConfigSchema,
  listUnknownKeys,
  parseConfig,
  readConfig,
  validateLeniently,
} from "../../../lib/cni/config.ts"
import { JsonError, type Shape } from "../../../lib/cni/json.ts"

/** What DEL and GC do: parse, then leave out what is unusable. */
function readLeniently<C>(text: string, schema: ConfigSchema<C>) {
  return validateLeniently(parseConfig(text, schema), schema)
}

const SCHEMAS: [name: string, schema: ConfigSchema<object>][] = [
  ["bridge", bridgeSchema],
  ["host-local", hostLocalSchema],
  ["static", staticSchema],
  ["loopback", loopbackSchema],
  ["node", nodeSchema],
  ["result 1.x", resultSchema],
  ["result 0.3 to 0.4", result03Schema],
  ["result 0.1 to 0.2", result01Schema],
]

const errorOf = <C>(text: string, schema: ConfigSchema<C>): unknown => {
  try {
    return readConfig(text, schema)
  } catch (error) {
    return error
  }
}

const BRIDGE_DEFAULTS: BridgeConfig = {
  cniVersion: "0.1.0",
  bridge: "cni0",
  isGateway: false,
  isDefaultGateway: false,
  forceAddress: false,
  ipMasq: false,
  mtu: 0,
  hairpinMode: false,
  promiscMode: false,
  vlan: 0,
  preserveDefaultVlan: false,
  macspoofchk: false,
  enabledad: false,
  disableContainerInterface: false,
  portIsolation: false,
  ipam: {},
}

describe("readConfig fills in defaults", () => {
  test.each<[name: string, text: string, schema: ConfigSchema<object>, want: object]>([
    ["an empty object", "{}", bridgeSchema, BRIDGE_DEFAULTS],
    ["null is an empty object", "null", bridgeSchema, BRIDGE_DEFAULTS],
    ["null values are absent", '{"mtu":null,"IPAM":null,"dns":null,"vlan":null}', bridgeSchema, BRIDGE_DEFAULTS],
    [
      "unknown keys pass",
      '{"x":[1],"Constructor":null}',
      bridgeSchema,
      { ...BRIDGE_DEFAULTS, x: [1], Constructor: null },
    ],
    ["the last spelling counts", '{"mtu":1,"MTU":2,"mtu":3}', bridgeSchema, { ...BRIDGE_DEFAULTS, mtu: 3 }],
    ["an MTU may be a word", '{"mtu":"auto"}', bridgeSchema, { ...BRIDGE_DEFAULTS, mtu: "auto" }],
    [
      "labels keep their case",
      '{"ARGS":{"CNI":{"MAC":"x","labels":{"MTU":"1","mtu":null}}}}',
      bridgeSchema,
      { ...BRIDGE_DEFAULTS, args: { cni: { mac: "x", labels: { MTU: "1", mtu: null } } } },
    ],
    [
      "nobody is attached",
      '{"cni.dev/valid-attachments":null,"cni.dev/Attachments":[{"containerid":"a","IfName":"b"}]}',
      bridgeSchema,
      {
        ...BRIDGE_DEFAULTS,
        "cni.dev/valid-attachments": null,
        "cni.dev/attachments": [{ containerID: "a", ifname: "b" }],
      },
    ],
    [
      "host-local",
      '{"ipam":{"type":"host-local","Ranges":[[{"Subnet":"10.0.0.0/8"}]]}}',
      hostLocalSchema,
      {
        cniVersion: "0.1.0",
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: "10.0.0.0/8" }]],
          exclude: [],
          strategy: "round-robin",
          routes: [],
          dataDir: "/var/lib/cni/networks",
          reclaimAfterReboot: true,
          statusWhenFull: "error",
        },
      },
    ],
    ["host-local without ipam", '{"name":"n"}', hostLocalSchema, { cniVersion: "0.1.0", name: "n" }],
    ["static", "{}", staticSchema, { cniVersion: "0.1.0", ipam: { addresses: [], routes: [] } }],
    ["loopback", '{"cniVersion":"0.3.1"}', loopbackSchema, { cniVersion: "0.3.1" }],
    ["a node", '{"Trace":"/var/log/x"}', nodeSchema, { trace: "/var/log/x" }],
    ["a result 1.x", '{"ips":null}', resultSchema, { interfaces: [], ips: [], routes: [], dns: {} }],
    ["a result 0.3", '{"dns":{}}', result03Schema, { interfaces: [], ips: [], routes: [], dns: {} }],
    ["a result 0.1", '{"ip4":{"ip":"10.0.0.2/8"}}', result01Schema, { ip4: { ip: "10.0.0.2/8", routes: [] }, dns: {} }],
  ])("%s", (_name, text, schema, want) => {
    expect(readConfig(text, schema)).toStrictEqual(want)
  })

  test("two configurations share no default", () => {
    const [one, other] = [readConfig("{}", staticSchema), readConfig("{}", staticSchema)]
    expect(one.ipam.routes).not.toBe(other.ipam.routes)
  })
})

describe("readConfig refuses", () => {
  test.each<[text: string, schema: ConfigSchema<object>, message: string]>([
    ['{"mtu":"1500"}', bridgeSchema, 'mtu: must be an integer from 0 to 65535 or "auto", got "1500"'],
    ['{"MTU":-1}', bridgeSchema, 'mtu: must be an integer from 0 to 65535 or "auto", got -1'],
    ['{"mtu":1500.5}', bridgeSchema, 'mtu: must be an integer from 0 to 65535 or "auto", got 1500.5'],
    ['{"mtu":65536}', bridgeSchema, 'mtu: must be an integer from 0 to 65535 or "auto", got 65536'],
    ['{"vlan":18446744073709551615}', bridgeSchema, "vlan: must be an integer, got a number that is too large"],
    ['{"vlan":true}', bridgeSchema, "vlan: must be an integer, got true"],
    ['{"portIsolation":"true"}', bridgeSchema, 'portIsolation: must be true or false, got "true"'],
    ['{"bridge":1e400}', bridgeSchema, "bridge: must be a string, got a number that is too large"],
    ['{"ipam":[]}', bridgeSchema, "ipam: must be an object, got a list"],
    ['{"ipam":{"Type":{}}}', bridgeSchema, "ipam.type: must be a string, got an object"],
    ['{"dns":{"search":["a",null]}}', bridgeSchema, "dns.search[1]: must be a string, got null"],
    ['{"vlanTrunk":[{"id":1},{"id":"2"}]}', bridgeSchema, 'vlanTrunk[1].id: must be an integer, got "2"'],
    [
      '{"cni.dev/valid-attachments":{}}',
      bridgeSchema,
      "cni.dev/valid-attachments: must be a list or null, got an object",
    ],
    ['{"prevResult":3}', bridgeSchema, "prevResult: must be an object, got 3"],
    [
      '{"ipam":{"strategy":"best"}}',
      hostLocalSchema,
      'ipam.strategy: must be "round-robin", "lowest" or "random", got "best"',
    ],
    ['{"ipam":{"ranges":[[],[{}]]}}', hostLocalSchema, "ipam.ranges[1][0].subnet: is missing"],
    [
      '{"ipam":{"routes":[{"dst":"::/0","scope":256}]}}',
      hostLocalSchema,
      "ipam.routes[0].scope: must be an integer from 0 to 255, got 256",
    ],
    [`{"ipam":{"dataDir":["${"x".repeat(99)}"]}}`, hostLocalSchema, "ipam.dataDir: must be a string, got a list"],
    [
      `{"ipam":{"exclude":"${"\\n".repeat(99)}"}}`,
      hostLocalSchema,
      `ipam.exclude: must be a list, got "${"\\n".repeat(60)}…"`,
    ],
    ['{"trace":"var/log"}', nodeSchema, 'trace: must be an absolute path, got "var/log"'],
    [
      '{"ips":[{"address":"10.0.0.1/8","interface":"0"}]}',
      resultSchema,
      'ips[0].interface: must be an integer, got "0"',
    ],
    ['{"ip6":{}}', result01Schema, "ip6.ip: is missing"],
  ])("%.50s", (text, schema, message) => {
    const error = errorOf(text, schema)
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({ message })
  })

  test("the error names the place as a JSON pointer, the value and the problem", () => {
    const wrong = errorOf('{"cni.dev/attachments":7}', bridgeSchema)
    expect(wrong).toMatchObject({ path: "/cni.dev~1attachments", value: 7, problem: "must be a list or null, got 7" })
    const missing = errorOf('{"ipam":{"routes":[{}]}}', staticSchema)
    expect(missing).toMatchObject({ path: "/ipam/routes/0/dst", value: undefined, problem: "is missing" })
  })

  test("an error that a plugin makes says no more than the plugin does", () => {
    expect(new ConfigError("/vlan", 5000, "invalid VLAN ID 5000").message).toBe("vlan: invalid VLAN ID 5000")
    expect(new ConfigError("", {}, "these two exclude each other").message).toBe("these two exclude each other")
  })

  test.each([['[{"mtu":1}]'], ['"x"'], ["3"], ["true"], ["{"], ["\ufeff{}"]])("%s is a JsonError", text => {
    expect(errorOf(text, bridgeSchema)).toBeInstanceOf(JsonError)
  })
})

const VALUES: [kind: string, text: string][] = [
  ["string", '"x"'],
  ["empty string", '""'],
  ["number", "7"],
  ["negative", "-7"],
  ["float", "1.5"],
  ["huge", "1e400"],
  ["integer beyond 64 bits", "99999999999999999999999"],
  ["integer beyond 2^53", "9007199254740993"],
  ["true", "true"],
  ["null", "null"],
  ["empty list", "[]"],
  ["list of all kinds", '[null,1,"x",[],{},[{}],[[1]]]'],
  ["empty object", "{}"],
  ["object", '{"a":{"a":[1]},"type":7,"__proto__":null}'],
]

/** One text per key that the shape knows, with `value` in its place. */
function* textsWith(value: string, { keys, items }: Shape): Generator<string> {
  for (const [key, inner] of Object.entries(keys ?? {})) {
    yield `{${JSON.stringify(key)}:${value}}`
    yield `{${JSON.stringify(key.toUpperCase())}:${value},${JSON.stringify(key)}:${value}}`
    if (inner) for (const text of textsWith(value, inner)) yield `{${JSON.stringify(key)}:${text}}`
  }
  if (items) for (const text of textsWith(value, items)) yield `[${text}]`
}

describe.each(SCHEMAS)("every key of %s with a value of any kind", (_name, schema) => {
  test.each(VALUES)("%s", (_kind, value) => {
    const texts = [...textsWith(value, schema.shape)]
    expect(texts.length).toBeGreaterThan(0)
    for (const text of texts) {
      const outcome = errorOf(text, schema)
      expect(outcome instanceof ConfigError || schema.validate(outcome) === undefined).toBe(true)
      const { config, ignored } = readLeniently(text, schema)
      expect(schema.validate(config)).toBeUndefined()
      expect(ignored.length > 0).toBe(outcome instanceof ConfigError)
    }
  })
})

describe("parseConfig and validateLeniently", () => {
  const leniently = (text: string, schema: ConfigSchema<object>) => {
    const { config, ignored } = readLeniently(text, schema)
    return { config, ignored: ignored.map(error => error.path) }
  }

  test.each<[name: string, text: string, schema: ConfigSchema<object>, want: object, ignored: string[]]>([
    ["leaves a sound configuration alone", '{"mtu":9}', bridgeSchema, { ...BRIDGE_DEFAULTS, mtu: 9 }, []],
    [
      "drops only what is unusable",
      '{"mtu":"x","bridge":"br7","vlanTrunk":[1,{"id":5,"minID":"x"},{"id":6}],"dns":{"search":"x","domain":"d"}}',
      bridgeSchema,
      { ...BRIDGE_DEFAULTS, bridge: "br7", vlanTrunk: [{ id: 5 }, { id: 6 }], dns: { domain: "d" } },
      ["/mtu", "/vlanTrunk/0", "/vlanTrunk/0/minID", "/dns/search"],
    ],
    [
      "puts a default in the place of what it drops",
      '{"ipam":"x"}',
      staticSchema,
      { cniVersion: "0.1.0", ipam: { addresses: [], routes: [] } },
      ["/ipam"],
    ],
    [
      "drops an object that lacks a required key",
      '{"ip4":{"gateway":"10.0.0.1"},"ip6":{"ip":"::1/128"}}',
      result01Schema,
      { ip6: { ip: "::1/128", routes: [] }, dns: {} },
      ["/ip4/ip"],
    ],
    [
      "drops an element that lacks a required key",
      '{"ipam":{"routes":[{"dst":"::/0"},{"gw":"::1"},{"dst":"1.0.0.0/8"}]}}',
      staticSchema,
      { cniVersion: "0.1.0", ipam: { addresses: [], routes: [{ dst: "::/0" }, { dst: "1.0.0.0/8" }] } },
      ["/ipam/routes/1/dst"],
    ],
  ])("%s", (_name, text, schema, want, ignored) => {
    expect(leniently(text, schema)).toStrictEqual({ config: want, ignored })
  })

  test("drops a whole key that holds very many unusable values", () => {
    const { config, ignored } = leniently(JSON.stringify({ vlan: 5, vlanTrunk: Array(100_000).fill(1) }), bridgeSchema)
    expect(config).toStrictEqual({ ...BRIDGE_DEFAULTS, vlan: 5 })
    expect(ignored.length).toBeLessThan(50)
  })

  test("a text that is no configuration at all is an error", () => {
    expect(() => readLeniently("[]", bridgeSchema)).toThrow(JsonError)
    expect(() => readLeniently('{"mtu"', bridgeSchema)).toThrow(JsonError)
  })

  test("a schema that refuses even an empty configuration is an error, not a loop", () => {
    const refusing: ConfigSchema<object> = { validate: () => ["", "is never good"], shape: {} }
    expect(() => readLeniently("{}", refusing)).toThrow(ConfigError)
  })
})

describe("listUnknownKeys", () => {
  test.each<[name: string, text: string, want: string[]]>([
    ["none", '{"MTU":1,"ipam":{"type":"x"},"vlanTrunk":[{"id":1}]}', []],
    ["at the top", '{"x":{"y":1},"cni.dev/z":2}', ["x", "cni.dev/z"]],
    [
      "in known objects and lists",
      '{"ipam":{"subnet":"s"},"vlanTrunk":[{"id":1},{"vid":1}]}',
      ["ipam.subnet", "vlanTrunk[1].vid"],
    ],
    ["not below what is not looked into", '{"prevResult":{"x":1}}', []],
  ])("%s", (_name, text, want) => {
    expect(listUnknownKeys(parseConfig(text, bridgeSchema), bridgeSchema)).toStrictEqual(want)
  })
})
