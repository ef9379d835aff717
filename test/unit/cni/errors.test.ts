import "../../kit/fake-native.ts"
import { ConfigError } from "../../../lib/cni/config.ts"
import { CniCode, CniError, describeChain, toCniError } from "../../../lib/cni/errors.ts"
import { JsonError } from "../../../lib/cni/json.ts"
import { ResultError } from "../../../lib/cni/result.ts"
import { IncompleteRemoval, IncompleteRollback } from "../../../lib/cni/undo.ts"
import { AddressError } from "../../../lib/net/address.ts"
import { NetlinkError } from "../../../lib/netlink/errors.ts"
import { SysError } from "../../../lib/sys/errors.ts"
import { LockTimeout } from "../../../lib/sys/locks.ts"
import { fake } from "../../kit/fake-native.ts"

test("codes are the specification's and the README's", () => {
  expect(CniCode).toEqual({
    incompatibleVersion: 1,
    unsupportedField: 2,
    unknownContainer: 3,
    invalidEnvironment: 4,
    ioFailure: 5,
    decodingFailure: 6,
    invalidConfig: 7,
    invalidNamespace: 8,
    tryAgainLater: 11,
    notAvailable: 50,
    limitedConnectivity: 51,
    addressesExhausted: 100,
    internal: 999,
  })
})

describe("toCniError tells the code of", () => {
  const busy = new LockTimeout("lock /pool/lock is still held by another process after 10000 ms")
  const refused = new NetlinkError("RTM_NEWADDR 10.1.0.2/24 dev eth0", "EEXIST", "address already assigned")

  test.each<[string, unknown, number, string]>([
    ["an unusable value", new ConfigError("/mtu", "x", "must be an integer"), 7, "mtu: must be an integer"],
    [
      "no JSON",
      new JsonError("expecting '}'", 3, 7),
      6,
      "error unmarshall network config: line 3, column 7: expecting '}'",
    ],
    ["a held lock", busy, 11, busy.message],
    [
      "EAGAIN of a system call",
      new SysError("flock", 11, "/x"),
      11,
      "flock /x: resource temporarily unavailable (EAGAIN)",
    ],
    ["EAGAIN of netlink", new NetlinkError("RTM_GETLINK", "EAGAIN", "changed"), 11, "RTM_GETLINK: EAGAIN (changed)"],
    ["a system call", new SysError("open", 13, "/x"), 999, "open /x: permission denied (EACCES)"],
    ["the kernel's refusal", refused, 999, "RTM_NEWADDR 10.1.0.2/24 dev eth0: EEXIST (address already assigned)"],
    [
      "a result that is none",
      new ResultError("the result is not a JSON object"),
      999,
      "the result is not a JSON object",
    ],
    ["an address that is none", new AddressError("invalid IP address x"), 999, "invalid IP address x"],
    ["a text", "thrown", 999, "thrown"],
    ["nothing", undefined, 999, "undefined"],
  ])("%s", (_, thrown, code, message) => {
    expect(toCniError(thrown)).toMatchObject({ name: "CniError", code, message, details: "" })
  })

  test("a CNI error is what it is", () => {
    const error = new CniError(100, "no addresses")
    expect(toCniError(error)).toBe(error)
  })
})

describe("the details", () => {
  test("tell a fact's causes", () => {
    const cause = new SysError("open", 2, "/proc/sys/x")
    expect(toCniError(new ResultErrorWithCause("no forwarding", cause)).details).toBe(
      "open /proc/sys/x: no such file or directory (ENOENT)",
    )
  })

  test("tell where a mistake of this program came from", () => {
    fake.lineTable = "plugins/bridge/bridge.ts,lib/cni/run.ts\n\n0 36\n1 7"
    const error = Object.assign(new TypeError("x is undefined"), {
      stack: "    at add (plugin.js:2:11)\n    at run (plugin.js:3:1)\n",
    })
    expect(toCniError(error)).toMatchObject({
      code: 999,
      message: "x is undefined",
      details: "TypeError add (plugins/bridge/bridge.ts:36) < run (lib/cni/run.ts:7)",
    })
  })

  test("of a failed ADD tell what is left behind", () => {
    const cause = new CniError(11, "busy", "held by 42")
    const error = new IncompleteRollback(cause, [
      { what: "veth veth1234", error: new SysError("send", 105, "netlink") },
      { what: "address lease", error: new CniError(999, "no answer", "plugin host-local failed on DEL") },
    ])
    expect(toCniError(error)).toMatchObject({
      code: 11,
      message: "busy",
      details: [
        "held by 42",
        "left behind: veth veth1234 (send netlink: no buffer space available (ENOBUFS)); DEL removes it",
        "left behind: address lease (no answer (plugin host-local failed on DEL)); DEL removes it",
      ].join("; "),
    })
  })

  test("of a failed DEL tell what else is left", () => {
    const error = new IncompleteRemoval([
      { what: "veth1234", error: new SysError("send", 1, "netlink") },
      { what: "address lease", error: new Error("no answer") },
    ])
    const { code, message, details } = toCniError(error)
    expect([code, message]).toEqual([999, "could not remove veth1234: send netlink: operation not permitted (EPERM)"])
    expect(details).toMatch(/^also not removed: address lease: no answer .*\. All else was removed; try again\.$/)
  })

  test.each<[string, number[], number]>([
    ["the common code", [11, 11], 11],
    ["999 for different ones", [11, 7], 999],
  ])("and the code of a failed DEL is %s", (_, codes, want) => {
    const residue = codes.map(code => ({ what: "x", error: new CniError(code, "y") }))
    expect(toCniError(new IncompleteRemoval(residue)).code).toBe(want)
  })
})

class ResultErrorWithCause extends Error {
  override readonly name = "Fact"

  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}

test.each<[string, unknown, string]>([
  ["a text", "plain", "plain"],
  ["details", new CniError(7, "bad", "worse"), "bad (worse)"],
  [
    "a chain",
    new ResultErrorWithCause("outer", new ResultErrorWithCause("inner", new SysError("open", 2, "/x"))),
    "outer: inner: open /x: no such file or directory (ENOENT)",
  ],
  ["details within a chain", new ResultErrorWithCause("outer", new CniError(7, "bad", "worse")), "outer: bad (worse)"],
])("describeChain tells %s in one line", (_, error, want) => {
  expect(describeChain(error)).toBe(want)
})
