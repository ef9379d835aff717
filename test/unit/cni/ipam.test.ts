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

/** Each verb from its beginning to its end. */
const whole = {
  add: (each: Ipam) => each.add(),
  del: (each: Ipam) => each.del(),
  check: (each: Ipam) => each.check(),
  gc: (each: Ipam) => each.gc(),
  status: (each: Ipam) => each.status(),
}

test.each<["add" | "del" | "check" | "gc" | "status", string]>([
  ["add", "ADD"],
  ["del", "DEL"],
  ["check", "CHECK"],
  ["gc", "GC"],
  ["status", "STATUS"],
])("%s runs %s", (method, verb) => {
  install({ stdout: '{"ips":[{"address":"10.0.0.2/8"}]}' })
  whole[method](ipam())
  expect(verbs).toEqual([verb])
})

test.each<[string, string, CniVersion]>([
  ["the configuration's version", '{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/8"}]}', "1.1.0"],
  ["no version (R139)", '{"ips":[{"address":"10.0.0.2/8"}]}', "1.0.0"],
  ["an older version (R139)", '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}', "1.1.0"],
  ["no version in an old configuration", '{"ip4":{"ip":"10.0.0.2/8"}}', "0.2.0"],
])("add gives the addresses of a result of %s", (_, stdout, version) => {
  install({ stdout })
  expect(whole.add(ipam(version))).toEqual({ interfaces: [], ips: [{ address: "10.0.0.2/8" }], routes: [], dns: {} })
})

test.each(["", "{}", '{"ips":[]}', '{"ips":null,"dns":{}}'])(
  "add refuses a result without addresses (R139): %j",
  stdout => {
    install({ stdout })
    expect(thrownBy(() => whole.add(ipam()))).toMatchObject({
      code: 999,
      message: "IPAM plugin returned missing IP config",
      details: "plugin host-local gave no address",
    })
  },
)

test.each(["add", "del", "check", "gc", "status"] as const)("%s passes the plugin's failure on", method => {
  install({ status: 1, stdout: '{"code":11,"msg":"busy"}' })
  expect(thrownBy(() => whole[method](ipam()))).toMatchObject({ code: 11, message: "busy" })
})

describe("a plugin that is not installed", () => {
  test.each(["add", "check", "gc"] as const)("fails %s", method => {
    expect(thrownBy(() => whole[method](ipam()))).toBeInstanceOf(DelegateMissing)
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
    expect(thrownBy(() => whole.add(ipam("1.1.0", "../sh")))).toMatchObject({
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

/** Installs a plugin that knows nothing but its verb. */
function installQuiet(type: string): void {
  fake.files.put(`/bin/${type}`)
  fake.programs.set(`/bin/${type}`, ({ env }) => {
    verbs.push(env.get("CNI_COMMAND") ?? "")
    return {}
  })
}

test("an address plugin that needs no interface begins a DEL at once", () => {
  installQuiet("host-local")
  const finish = ipam().beginDel()
  expect(verbs).toEqual(["DEL"])
  finish()
  expect(verbs).toEqual(["DEL"])
})

test("any other address plugin begins a DEL when it is waited for: it may look for the interface", () => {
  installQuiet("dhcp")
  const finish = ipam("1.1.0", "dhcp").beginDel()
  expect(verbs).toEqual([])
  finish()
  expect(verbs).toEqual(["DEL"])
})

test("a DEL whose plugin cannot be started fails when it is waited for, after all else was tried", () => {
  installQuiet("host-local")
  fake.script("pipe2", -24)
  const finish = ipam().beginDel()
  expect(finish).toThrow("pipe2: too many open files (EMFILE)")
})
