import "../../kit/fake-native.ts"
import { DelegateMissing } from "../../../lib/cni/delegate.ts"
import { Ipam } from "../../../lib/cni/ipam.ts"
import type { CniVersion } from "../../../lib/cni/versions.ts"
import { fake, type Program } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

const verbs: string[] = []

function install(program: ReturnType<Program>): void {
  fake.files.put("/bin/host-local")
  fake.programs.set("/bin/host-local", ({ env }) => {
    verbs.push(env.get("CNI_COMMAND") ?? "")
    return program
  })
}

function ipam(version: CniVersion = "1.1.0", type = "host-local"): Ipam {
  return new Ipam(type, version, {
    path: "/bin",
    environment: new Map([["CNI_COMMAND", "ADD"]]),
    stdin: Buffer.from("{}"),
  })
}

beforeEach(() => {
  verbs.length = 0
})

test.each<["add" | "del" | "check" | "gc" | "status", string]>([
  ["add", "ADD"],
  ["del", "DEL"],
  ["check", "CHECK"],
  ["gc", "GC"],
  ["status", "STATUS"],
])("%s runs %s", (method, verb) => {
  install({ stdout: '{"ips":[{"address":"10.0.0.2/8"}]}' })
  ipam()[method]()
  expect(verbs).toEqual([verb])
})

test.each<[string, string, CniVersion]>([
  ["the configuration's version", '{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/8"}]}', "1.1.0"],
  ["no version (R139)", '{"ips":[{"address":"10.0.0.2/8"}]}', "1.0.0"],
  ["an older version (R139)", '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}', "1.1.0"],
  ["no version in an old configuration", '{"ip4":{"ip":"10.0.0.2/8"}}', "0.2.0"],
])("add gives the addresses of a result of %s", (_, stdout, version) => {
  install({ stdout })
  expect(ipam(version).add()).toEqual({ interfaces: [], ips: [{ address: "10.0.0.2/8" }], routes: [], dns: {} })
})

test.each(["", "{}", '{"ips":[]}', '{"ips":null,"dns":{}}'])(
  "add refuses a result without addresses (R139): %j",
  stdout => {
    install({ stdout })
    expect(thrownBy(() => ipam().add())).toMatchObject({
      code: 999,
      message: "IPAM plugin returned missing IP config",
      details: "plugin host-local gave no address",
    })
  },
)

test.each(["add", "del", "check", "gc", "status"] as const)("%s passes the plugin's failure on", method => {
  install({ status: 1, stdout: '{"code":11,"msg":"busy"}' })
  expect(thrownBy(() => ipam()[method]())).toMatchObject({ code: 11, message: "busy" })
})

describe("a plugin that is not installed", () => {
  test.each(["add", "check", "gc"] as const)("fails %s", method => {
    expect(thrownBy(() => ipam()[method]())).toBeInstanceOf(DelegateMissing)
  })

  test("has nothing to release, and stderr says so", () => {
    ipam().del()
    expect(fake.stderr).toBe('failed to find plugin "host-local" in path [/bin]: its addresses are not released\n')
  })

  test("makes STATUS say that ADD cannot be served (R113, R116)", () => {
    expect(thrownBy(() => ipam().status())).toMatchObject({
      code: 50,
      message: 'failed to find plugin "host-local" in path [/bin]',
    })
  })
})

describe("a name that leads elsewhere", () => {
  test("is refused by ADD", () => {
    expect(thrownBy(() => ipam("1.1.0", "../sh").add())).toMatchObject({
      code: 7,
      message: "invalid plugin name: ../sh",
    })
  })

  test("is no reason for DEL to fail: nothing was ever leased by it", () => {
    ipam("1.1.0", "../sh").del()
    expect(fake.stderr).toBe("invalid plugin name: ../sh: it has no addresses to release\n")
    expect(verbs).toEqual([])
  })
})
