import "../../kit/fake-native.ts"
import { decodePrevResult, decodeResult, formatResult, type Result, ResultError } from "../../../lib/cni/result.ts"
import { type CniVersion, supportedVersions } from "../../../lib/cni/versions.ts"
import { EMPTY, FULL } from "./full-result.ts"

/** The full result as a plugin prints it in a version. */
const printed = (version: CniVersion): unknown => JSON.parse(formatResult(FULL, version))

const withoutNew: Result = { ...FULL, interfaces: FULL.interfaces.map(({ mtu, socketPath, pciID, ...rest }) => rest) }
const twoFamilies: Result = {
  interfaces: [],
  ips: [
    { address: "10.1.0.5/16", gateway: "10.1.0.1" },
    { address: "fd00::5/64", gateway: "fd00::1" },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "10.9.0.0/16" }, { dst: "fd01::/64" }],
  dns: FULL.dns,
}
const HELD: Record<CniVersion, Result> = {
  "0.1.0": twoFamilies,
  "0.2.0": twoFamilies,
  "0.3.0": withoutNew,
  "0.3.1": withoutNew,
  "0.4.0": withoutNew,
  "1.0.0": withoutNew,
  "1.1.0": FULL,
}

describe("results convert between all versions (R53, R55)", () => {
  test.each(supportedVersions)("decodeResult reads what %s holds", version => {
    expect(decodeResult(printed(version), version)).toEqual(HELD[version])
  })

  const pairs = supportedVersions.flatMap(from => supportedVersions.map((to): [CniVersion, CniVersion] => [from, to]))
  test.each(pairs)("from %s to %s", (from, to) => {
    const result = decodeResult(printed(from), to)
    expect(decodeResult(JSON.parse(formatResult(result, to)), to)).toEqual(
      decodeResult(JSON.parse(formatResult(HELD[from], to)), to),
    )
    expect(formatResult(result, to)).toBe(formatResult(HELD[from], to))
  })

  test("routes of 0.2.0 come IPv4 first, whatever the order of the keys", () => {
    const value = {
      ip6: { ip: "fd00::5/64", routes: [{ dst: "::/0" }] },
      ip4: { ip: "10.0.0.5/8", routes: [{ dst: "0.0.0.0/0" }] },
    }
    const result = decodeResult(value, "0.2.0")
    expect(result.ips.map(({ address }) => address)).toEqual(["10.0.0.5/8", "fd00::5/64"])
    expect(result.routes.map(({ dst }) => dst)).toEqual(["0.0.0.0/0", "::/0"])
  })

  test("the fields of 1.1.0 survive from prevResult to result (R63)", () => {
    expect(formatResult(decodePrevResult(printed("1.1.0"), "1.1.0"), "1.1.0")).toBe(formatResult(FULL, "1.1.0"))
  })
})

describe("decodeResult", () => {
  test.each<[string, unknown, CniVersion, Result]>([
    [
      "an object without a version as the configuration's (R54)",
      { ips: [{ address: "10.0.0.2/8" }] },
      "1.1.0",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8" }] },
    ],
    [
      "an empty version as the configuration's",
      { cniVersion: "", ip4: { ip: "10.0.0.2/8" } },
      "0.2.0",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8" }] },
    ],
    [
      "an older version's shape (R139)",
      { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/8" } },
      "1.1.0",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8" }] },
    ],
    [
      "a newer version's shape",
      { cniVersion: "1.0.0", ips: [{ address: "10.0.0.2/8" }] },
      "0.2.0",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8" }] },
    ],
    ["nothing (R88)", {}, "1.1.0", EMPTY],
    ["nothing in 0.2.0", {}, "0.2.0", EMPTY],
    ["null for lists and objects", { interfaces: null, ips: null, routes: null, dns: null }, "1.1.0", EMPTY],
    ["null for families", { ip4: null, ip6: null, dns: null }, "0.1.0", EMPTY],
    [
      "null and empty texts for what is not there",
      {
        interfaces: [{ name: "eth0", mac: null, sandbox: "" }],
        ips: [{ address: "10.0.0.2/8", gateway: "", interface: null }],
        routes: [{ dst: "10.0.0.0/8", gw: "" }],
        dns: { domain: null, nameservers: null },
      },
      "1.1.0",
      { interfaces: [{ name: "eth0" }], ips: [{ address: "10.0.0.2/8" }], routes: [{ dst: "10.0.0.0/8" }], dns: {} },
    ],
    [
      "interface 0",
      { ips: [{ address: "10.0.0.2/8", interface: 0 }] },
      "1.0.0",
      { ...EMPTY, ips: [{ address: "10.0.0.2/8", interface: 0 }] },
    ],
  ])("reads %s", (_, value, version, want) => {
    expect(decodeResult(value, version)).toEqual(want)
  })

  test.each<[string, unknown, string]>([
    ["null", null, "the result is not a JSON object"],
    ["a list", [], "the result is not a JSON object"],
    ["a text", "{}", "the result is not a JSON object"],
    ["an unknown version", { cniVersion: "9.9.9" }, 'unsupported CNI result version "9.9.9"'],
    ["a number for a version", { cniVersion: 1 }, "unsupported CNI result version 1"],
    ["no list of interfaces", { interfaces: {} }, "interfaces of the result is not a list"],
    ["an interface that is a text", { interfaces: ["eth0"] }, "interfaces[] of the result is not an object"],
    ["an interface that is null", { interfaces: [null] }, "interfaces[] of the result is not an object"],
    ["an interface without a name", { interfaces: [{}] }, "interfaces[].name of the result is not a string"],
    [
      "a MAC that is a number",
      { interfaces: [{ name: "a", mac: 5 }] },
      "interfaces[].mac of the result is not a string",
    ],
    [
      "an MTU that is a text",
      { interfaces: [{ name: "a", mtu: "5" }] },
      "interfaces[].mtu of the result is not a number",
    ],
    ["no list of addresses", { ips: "10.0.0.2/8" }, "ips of the result is not a list"],
    ["an address that is missing", { ips: [{}] }, "ips[].address of the result is not a string"],
    ["an address that is empty", { ips: [{ address: "" }] }, "ips[].address of the result is not a string"],
    [
      "a gateway that is a list",
      { ips: [{ address: "a", gateway: ["b"] }] },
      "ips[].gateway of the result is not a string",
    ],
    [
      "an index that is a text",
      { ips: [{ address: "a", interface: "0" }] },
      "ips[].interface of the result is not a number",
    ],
    ["a route without a destination", { routes: [{ gw: "10.0.0.1" }] }, "routes[].dst of the result is not a string"],
    ["a next hop that is a number", { routes: [{ dst: "a", gw: 1 }] }, "routes[].gw of the result is not a string"],
    [
      "a metric that is a text",
      { routes: [{ dst: "a", priority: "1" }] },
      "routes[].priority of the result is not a number",
    ],
    ["DNS that is a list", { dns: [] }, "dns of the result is not an object"],
    [
      "name servers that are a text",
      { dns: { nameservers: "10.0.0.1" } },
      "dns.nameservers of the result has the wrong type",
    ],
    ["a search list of numbers", { dns: { search: [1] } }, "dns.search of the result has the wrong type"],
    ["a domain that is a list", { dns: { domain: ["a"] } }, "dns.domain of the result has the wrong type"],
  ])("refuses %s", (_, value, message) => {
    expect(() => decodeResult(value, "1.1.0")).toThrow(ResultError)
    expect(() => decodeResult(value, "1.1.0")).toThrow(new ResultError(message))
  })

  test.each<[string, unknown, string]>([
    ["a family that is a text", { ip4: "10.0.0.2/8" }, "ip4 of the result is not an object"],
    ["a family without an address", { ip6: { gateway: "fd00::1" } }, "ip6.ip of the result is not a string"],
    ["a gateway that is a number", { ip4: { ip: "a", gateway: 1 } }, "ip4.gateway of the result is not a string"],
    ["routes that are no list", { ip4: { ip: "a", routes: "b" } }, "routes of the result is not a list"],
  ])("refuses in 0.2.0 %s", (_, value, message) => {
    expect(() => decodeResult(value, "0.2.0")).toThrow(new ResultError(message))
  })
})

describe("decodePrevResult (R54)", () => {
  test.each<[string, CniVersion, string]>([
    ["0.4.0", "1.1.0", 'result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "0.4.0"'],
    ["1.0.0", "0.3.1", 'result type supports [0.3.0 0.3.1 0.4.0] but unmarshalled CNIVersion is "1.0.0"'],
    ["0.3.0", "0.2.0", 'result type supports [0.1.0 0.2.0] but unmarshalled CNIVersion is "0.3.0"'],
    ["9.9.9", "1.0.0", 'result type supports [1.0.0 1.1.0] but unmarshalled CNIVersion is "9.9.9"'],
  ])("refuses %s in a configuration of %s", (named, version, problem) => {
    expect(() => decodePrevResult({ cniVersion: named }, version)).toThrow(
      new ResultError(`could not parse prevResult: ${problem}`),
    )
  })

  test.each<[string, CniVersion]>([
    ["1.0.0", "1.1.0"],
    ["1.1.0", "1.0.0"],
    ["0.3.0", "0.4.0"],
    ["0.1.0", "0.2.0"],
    ["", "1.1.0"],
  ])("accepts %j in a configuration of %s", (named, version) => {
    expect(decodePrevResult({ cniVersion: named }, version)).toEqual(EMPTY)
  })

  test.each<CniVersion>(["0.2.0", "0.4.0", "1.1.0"])("reads one without a version as one of %s", version => {
    expect(decodePrevResult({ ...(printed(version) as object), cniVersion: undefined }, version)).toEqual(HELD[version])
  })

  test("refuses what is no object", () => {
    expect(() => decodePrevResult([], "1.1.0")).toThrow(ResultError)
  })
})
