import "../../kit/fake-native.ts"
import { CniCode } from "../../../lib/cni/errors.ts"
import { formatJson, formatResult, isIpv6, type Result } from "../../../lib/cni/result.ts"
import type { CniVersion } from "../../../lib/cni/versions.ts"
import { EMPTY, FULL } from "./full-result.ts"

const text = (...lines: string[]): string => lines.join("\n")

describe("formatResult gives the reference's text to the byte", () => {
  // What host-local and static 1.9.1 print for this attachment.
  const LEASE: Result = {
    ...EMPTY,
    ips: [{ address: "10.1.2.2/24", gateway: "10.1.2.1" }],
    routes: [{ dst: "0.0.0.0/0" }],
  }

  test.each<CniVersion>(["1.1.0", "1.0.0"])("%s", version => {
    const want = text(
      "{",
      `    "cniVersion": "${version}",`,
      '    "ips": [',
      "        {",
      '            "address": "10.1.2.2/24",',
      '            "gateway": "10.1.2.1"',
      "        }",
      "    ],",
      '    "routes": [',
      "        {",
      '            "dst": "0.0.0.0/0"',
      "        }",
      "    ]",
      "}",
    )
    expect(formatResult(LEASE, version)).toBe(want)
  })

  test.each<CniVersion>(["0.4.0", "0.3.1", "0.3.0"])("%s", version => {
    const want = text(
      "{",
      `    "cniVersion": "${version}",`,
      '    "ips": [',
      "        {",
      '            "version": "4",',
      '            "address": "10.1.2.2/24",',
      '            "gateway": "10.1.2.1"',
      "        }",
      "    ],",
      '    "routes": [',
      "        {",
      '            "dst": "0.0.0.0/0"',
      "        }",
      "    ],",
      '    "dns": {}',
      "}",
    )
    expect(formatResult(LEASE, version)).toBe(want)
  })

  test.each<CniVersion>(["0.2.0", "0.1.0"])("%s", version => {
    const want = text(
      "{",
      `    "cniVersion": "${version}",`,
      '    "ip4": {',
      '        "ip": "10.1.2.2/24",',
      '        "gateway": "10.1.2.1",',
      '        "routes": [',
      "            {",
      '                "dst": "0.0.0.0/0"',
      "            }",
      "        ]",
      "    },",
      '    "dns": {}',
      "}",
    )
    expect(formatResult(LEASE, version)).toBe(want)
  })
})

/** Formats, and takes the spaces out: order and content are left. */
const compact = (result: Result, version: CniVersion): string =>
  JSON.stringify(JSON.parse(formatResult(result, version)))

describe("formatResult has each version's keys in their order (R55 to R57)", () => {
  const DNS = '{"domain":"example.com","nameservers":["10.1.0.1"],"options":["ndots:2"],"search":["a.example.com"]}'
  const OLD_DNS = '{"nameservers":["10.1.0.1"],"domain":"example.com","search":["a.example.com"],"options":["ndots:2"]}'
  const IPS = [
    '{"address":"10.1.0.5/16","gateway":"10.1.0.1","interface":1}',
    '{"address":"10.2.0.5/16","interface":0}',
    '{"address":"fd00::5/64","gateway":"fd00::1","interface":1}',
  ].join()
  const ROUTES = [
    '{"advmss":1360,"dst":"0.0.0.0/0","gw":"10.1.0.1","mtu":1400,"priority":100,"scope":253,"table":7}',
    '{"dst":"fd01::/64"}',
    '{"dst":"10.9.0.0/16","scope":0,"table":0}',
  ].join()

  test("1.1.0 sorts all keys and has mtu, socketPath and pciID", () => {
    const interfaces = [
      '{"mac":"02:00:00:00:00:01","mtu":1500,"name":"cni0"}',
      '{"mac":"02:00:00:00:00:02","mtu":1400,"name":"eth0","pciID":"0000:00:1f.6","sandbox":"/run/netns/x","socketPath":"/s"}',
    ].join()
    expect(compact(FULL, "1.1.0")).toBe(
      `{"cniVersion":"1.1.0","dns":${DNS},"interfaces":[${interfaces}],"ips":[${IPS}],"routes":[${ROUTES}]}`,
    )
  })

  test("1.0.0 sorts all keys and lacks mtu, socketPath and pciID", () => {
    const interfaces =
      '{"mac":"02:00:00:00:00:01","name":"cni0"},{"mac":"02:00:00:00:00:02","name":"eth0","sandbox":"/run/netns/x"}'
    expect(compact(FULL, "1.0.0")).toBe(
      `{"cniVersion":"1.0.0","dns":${DNS},"interfaces":[${interfaces}],"ips":[${IPS}],"routes":[${ROUTES}]}`,
    )
  })

  test.each<CniVersion>(["0.4.0", "0.3.1", "0.3.0"])("%s tells families and keeps whole routes", version => {
    const interfaces =
      '{"name":"cni0","mac":"02:00:00:00:00:01"},{"name":"eth0","mac":"02:00:00:00:00:02","sandbox":"/run/netns/x"}'
    const ips = [
      '{"version":"4","interface":1,"address":"10.1.0.5/16","gateway":"10.1.0.1"}',
      '{"version":"4","interface":0,"address":"10.2.0.5/16"}',
      '{"version":"6","interface":1,"address":"fd00::5/64","gateway":"fd00::1"}',
    ].join()
    const routes = [
      '{"dst":"0.0.0.0/0","gw":"10.1.0.1","mtu":1400,"advmss":1360,"priority":100,"table":7,"scope":253}',
      '{"dst":"fd01::/64"}',
      '{"dst":"10.9.0.0/16","table":0,"scope":0}',
    ].join()
    expect(compact(FULL, version)).toBe(
      `{"cniVersion":"${version}","interfaces":[${interfaces}],"ips":[${ips}],"routes":[${routes}],"dns":${OLD_DNS}}`,
    )
  })

  test.each<CniVersion>(["0.2.0", "0.1.0"])(
    "%s has the first address of each family, and dst and gw of routes",
    version => {
      const ip4 =
        '{"ip":"10.1.0.5/16","gateway":"10.1.0.1","routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"},{"dst":"10.9.0.0/16"}]}'
      const ip6 = '{"ip":"fd00::5/64","gateway":"fd00::1","routes":[{"dst":"fd01::/64"}]}'
      expect(compact(FULL, version)).toBe(`{"cniVersion":"${version}","ip4":${ip4},"ip6":${ip6},"dns":${OLD_DNS}}`)
    },
  )

  test.each<[string, Result, CniVersion, string]>([
    ["nothing in 1.1.0", EMPTY, "1.1.0", '{"cniVersion":"1.1.0"}'],
    ["nothing in 0.4.0", EMPTY, "0.4.0", '{"cniVersion":"0.4.0","dns":{}}'],
    [
      "a route of a family without an address, which 0.2.0 has no place for",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8" }], routes: [{ dst: "::/0" }, { dst: "10.0.0.0/8" }] },
      "0.2.0",
      '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8","routes":[{"dst":"10.0.0.0/8"}]},"dns":{}}',
    ],
    [
      "IPv6 alone in 0.1.0",
      { ...EMPTY, ips: [{ address: "fd00::2/64" }] },
      "0.1.0",
      '{"cniVersion":"0.1.0","ip6":{"ip":"fd00::2/64"},"dns":{}}',
    ],
    [
      "empty texts and lists, and numbers whose 0 means unset",
      {
        interfaces: [{ name: "eth0", mac: "", mtu: 0, sandbox: "" }],
        ips: [{ address: "10.0.0.2/8", gateway: "", interface: 0 }],
        routes: [{ dst: "10.0.0.0/8", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }],
        dns: { nameservers: [], domain: "", search: [], options: [] },
      },
      "1.1.0",
      '{"cniVersion":"1.1.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.0.0.2/8","interface":0}],"routes":[{"dst":"10.0.0.0/8","scope":0,"table":0}]}',
    ],
    [
      "the same in 0.4.0",
      {
        interfaces: [{ name: "eth0", mac: "", sandbox: "" }],
        ips: [{ address: "10.0.0.2/8", gateway: "", interface: 0 }],
        routes: [{ dst: "10.0.0.0/8", gw: "", mtu: 0, table: 0 }],
        dns: { nameservers: [], domain: "x" },
      },
      "0.4.0",
      '{"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],"ips":[{"version":"4","interface":0,"address":"10.0.0.2/8"}],"routes":[{"dst":"10.0.0.0/8","table":0}],"dns":{"domain":"x"}}',
    ],
    [
      "numbers of 32 bits as they are",
      { ...EMPTY, routes: [{ dst: "10.0.0.0/8", priority: 4294967295, table: 4294967295 }] },
      "1.1.0",
      '{"cniVersion":"1.1.0","routes":[{"dst":"10.0.0.0/8","priority":4294967295,"table":4294967295}]}',
    ],
  ])("formats %s", (_, result, version, want) => {
    expect(compact(result, version)).toBe(want)
  })

  test.each<CniVersion>(["0.1.0", "0.2.0"])("%s cannot say that there is no address", version => {
    expect(() => formatResult({ ...FULL, ips: [] }, version)).toThrow(
      expect.objectContaining({ code: CniCode.invalidConfig, message: "cannot convert: no valid IP addresses" }),
    )
  })

  test("keys that no specification knows are left out, as Go leaves them", () => {
    const result = { ...FULL, interfaces: [{ name: "eth0", speed: 5 }], ips: [{ address: "10.0.0.2/8", version: "4" }] }
    expect(compact({ ...result, routes: [], dns: {} }, "1.1.0")).toBe(
      '{"cniVersion":"1.1.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.0.0.2/8"}]}',
    )
  })
})

describe("formatJson writes as Go's json.MarshalIndent", () => {
  test.each<[string, unknown, string]>([
    ["four spaces and no newline at the end", { a: [1] }, '{\n    "a": [\n        1\n    ]\n}'],
    ["nothing in braces", { a: {}, b: [] }, '{\n    "a": {},\n    "b": []\n}'],
    ["HTML's characters", "a<b>&c", '"a\\u003cb\\u003e\\u0026c"'],
    ["them in keys", { "<": 1 }, '{\n    "\\u003c": 1\n}'],
    ["JavaScript's line separators", "a\u2028\u2029", '"a\\u2028\\u2029"'],
    ["control characters", 'tab\t newline\n quote" \u0001', '"tab\\t newline\\n quote\\" \\u0001"'],
    ["other scripts as they are", "ä🙂", '"ä🙂"'],
  ])("%s", (_, value, want) => {
    expect(formatJson(value)).toBe(want)
  })
})

test.each<[string, boolean]>([
  ["10.0.0.0/8", false],
  ["fd00::1", true],
  ["::/0", true],
])("isIpv6 tells the family of %s", (address, want) => {
  expect(isIpv6(address)).toBe(want)
})
