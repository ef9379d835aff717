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
  add: (each: Ipam) => each.beginAdd()(),
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

describe("an address plugin that needs no interface", () => {
  beforeEach(() => install({ stdout: '{"ips":[{"address":"10.0.0.2/8"}]}' }))

  test("begins an ADD at once", () => {
    const finish = ipam().beginAdd()
    expect(verbs).toEqual(["ADD"])
    expect(finish().ips).toHaveLength(1)
    expect(verbs).toEqual(["ADD"])
  })

  test("begins a DEL at once", () => {
    const finish = ipam().beginDel()
    expect(verbs).toEqual(["DEL"])
    finish()
    expect(verbs).toEqual(["DEL"])
  })

  test("has ended an ADD that nobody waited for before its DEL begins", () => {
    const one = ipam()
    one.beginAdd()
    one.del()
    expect(verbs).toEqual(["ADD", "DEL"])
    const order = fake.calls.map(([name]) => name).filter(name => name === "spawn" || name === "waitpid")
    expect(order).toEqual(["spawn", "waitpid", "spawn", "waitpid"])
  })

  test("may have failed an ADD that nobody waited for", () => {
    install({ status: 1, stdout: '{"code":11,"msg":"busy"}' })
    const one = ipam()
    one.beginAdd()
    install({})
    one.del()
    expect(verbs).toEqual(["ADD", "DEL"])
  })
})

test("any other address plugin begins when its result is asked for: it may look for the interface", () => {
  fake.files.put("/bin/dhcp")
  fake.programs.set("/bin/dhcp", ({ env }) => {
    verbs.push(env.get("CNI_COMMAND") ?? "")
    return { stdout: '{"ips":[{"address":"10.0.0.2/8"}]}' }
  })
  const finish = ipam("1.1.0", "dhcp").beginAdd()
  expect(verbs).toEqual([])
  finish()
  expect(verbs).toEqual(["ADD"])
})
