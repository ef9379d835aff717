import "../../kit/fake-native.ts"
import { tuningSchema } from "../../../build/gen/tuning.ts"
import { readConfig } from "../../../lib/cni/config.ts"
import type { CniError } from "../../../lib/cni/errors.ts"
import type { Result } from "../../../lib/cni/result.ts"
import { listSysctlKeys, planDataDir, planResult, planTuning } from "../../../plugins/tuning/plan.ts"
import { thrownBy } from "../../kit/thrown.ts"

const plan = (config: object, args: Readonly<Record<string, string>> = {}, ifname = "eth0") =>
  planTuning(readConfig(JSON.stringify(config), tuningSchema), new Map(Object.entries(args)), ifname)

const [a, b, c, d] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c", "02:00:00:00:00:0d"]

describe("settings of the interface", () => {
  test.each<[name: string, config: object, want: object]>([
    ["nothing configured", {}, {}],
    ["what stands for nothing", { mac: "", mtu: 0, promisc: false, args: {}, runtimeConfig: {} }, {}],
    ["null", { mac: null, mtu: null, promisc: null, allmulti: null, txQLen: null, args: { cni: null } }, {}],
    [
      "everything",
      { mac: a, mtu: 1400, promisc: true, allmulti: true, txQLen: 500 },
      { mac: a, mtu: 1400, promisc: true, allmulti: true, txQLen: 500 },
    ],
    ["what is off, or 0, where that is a setting", { allmulti: false, txQLen: 0 }, { allmulti: false, txQLen: 0 }],
    [
      "args.cni before the rest",
      { mtu: 1400, txQLen: 1, args: { cni: { mtu: 1300, txQLen: 0 } } },
      { mtu: 1300, txQLen: 0 },
    ],
    [
      "args.cni that turn off",
      { promisc: true, allmulti: true, args: { cni: { promisc: false, allmulti: false } } },
      { allmulti: false },
    ],
    ["args.cni with an MTU of 0", { mtu: 1400, args: { cni: { mtu: 0 } } }, {}],
    [
      "keys in other spellings",
      { MTU: 1400, TxqLen: 7, ARGS: { CNI: { AllMulti: true } } },
      { mtu: 1400, txQLen: 7, allmulti: true },
    ],
    ["a MAC in capitals", { mac: "02:00:00:00:00:0A" }, { mac: a }],
    ["a MAC with dashes", { mac: "02-00-00-00-00-0A" }, { mac: a }],
    ["a MAC in groups of four", { mac: "0200.0000.000a" }, { mac: a }],
    ["a MAC of eight bytes", { mac: "02:00:00:00:00:00:00:0a" }, { mac: "02:00:00:00:00:00:00:0a" }],
  ])("%s", (_, config, want) => {
    expect(plan(config).link).toEqual(want)
  })

  test.each<[string, object, Readonly<Record<string, string>>, string]>([
    ["the configuration's", { mac: a }, {}, a],
    ["that of CNI_ARGS before", { mac: a }, { MAC: b }, b],
    ["the runtime's before both", { mac: a, runtimeConfig: { mac: c } }, { MAC: b }, c],
    ["that of args.cni before all", { mac: a, runtimeConfig: { mac: c }, args: { cni: { mac: d } } }, { MAC: b }, d],
    ["an empty one for none", { mac: a, runtimeConfig: { mac: "" }, args: { cni: { mac: "" } } }, { MAC: "" }, a],
  ])("the MAC address is %s", (_, config, args, want) => {
    expect(plan(config, args).link).toEqual({ mac: want })
  })

  test.each<[string, object, string]>([
    ["zz", { mac: "zz" }, "invalid args zz for MAC addr: address zz: invalid MAC address"],
    [
      "of a group",
      { mac: "01:00:00:00:00:01" },
      "invalid args 01:00:00:00:00:01 for MAC addr: address 01:00:00:00:00:01: it is",
    ],
    ["of zeros", { args: { cni: { mac: "00:00:00:00:00:00" } } }, "invalid args 00:00:00:00:00:00 for MAC addr"],
    ["too short", { runtimeConfig: { mac: "02:00:00:00:00" } }, "invalid MAC address"],
  ])("a MAC address %s is refused", (_, config, message) => {
    const error = thrownBy(() => plan(config)) as CniError
    expect(error).toMatchObject({ name: "CniError", code: 7 })
    expect(error.message).toContain(message)
  })

  test.each<[object, string]>([
    [{ mtu: -1 }, "mtu: must be an integer from 0 to 2147483647, got -1"],
    [{ txQLen: 2 ** 32 }, "txQLen: must be an integer from 0 to 4294967295"],
    [{ promisc: "yes" }, "promisc: must be true or false"],
    [{ sysctl: { "net.a.b": 1 } }, "must be a string, got 1"],
    [{ args: { cni: { sysctl: ["net"] } } }, "args.cni.sysctl: must be an object, got a list"],
  ])("%j is refused", (config, message) => {
    expect(() => plan(config)).toThrow(message)
  })
})

describe("sysctls", () => {
  test.each<[key: string, path: string]>([
    ["net.core.somaxconn", "net/core/somaxconn"],
    ["net/core/somaxconn", "net/core/somaxconn"],
    ["net.ipv4/conf.eth0/rp_filter", "net/ipv4/conf/eth0/rp_filter"],
    ["/net/core/somaxconn", "net/core/somaxconn"],
    ["..net..core//somaxconn.", "net/core/somaxconn"],
    ["net.core/../../kernel/x", "net/core/kernel/x"],
    ["net.ipv4.conf.IFNAME.rp_filter", "net/ipv4/conf/eth0/rp_filter"],
    ["net.ipv4.conf.IFNAME.IFNAME", "net/ipv4/conf/eth0/IFNAME"],
    ["NET.core.somaxconn", ""],
  ])("%s is %s", (key, path) => {
    if (path === "") expect(() => plan({ sysctl: { [key]: "1" } })).toThrow("invalid net sysctl key")
    else expect(plan({ sysctl: { [key]: "1" } })).toMatchObject({ sysctls: { [path]: "1" } })
  })

  test.each<[ifname: string, path: string]>([
    ["eth0.100", "net/ipv4/conf/eth0.100/rp_filter"],
    ["$&", "net/ipv4/conf/$&/rp_filter"],
    ["IFNAME", "net/ipv4/conf/IFNAME/rp_filter"],
  ])("an interface called %s keeps its name", (ifname, path) => {
    const { sysctls } = plan({ sysctl: { "net.ipv4.conf.IFNAME.rp_filter": "1" } }, {}, ifname)
    expect(Object.keys(sysctls)).toEqual([path])
  })

  test.each<[key: string, shown: string]>([
    ["kernel.shmmax", '"kernel/shmmax"'],
    ["/proc/sys/net/core/somaxconn", '"/proc/sys/net/core/somaxconn"'],
    ["network.x", '"network/x"'],
    ["net", '"net"'],
    ["net.", '"net/"'],
    ["", '""'],
    ["IFNAME.core.x", '"eth0/core/x"'],
    ["net.core.a\0b", '"net/core/a\\u0000b"'],
  ])("%j is refused", (key, shown) => {
    const error = thrownBy(() => plan({ sysctl: { [key]: "1" } })) as CniError
    expect(error).toMatchObject({ name: "CniError", code: 7 })
    expect(error.message).toContain(`invalid net sysctl key: ${shown}`)
  })

  test("a name that leads out of /proc/sys/net is refused, though no interface can have it", () => {
    expect(() => plan({ sysctl: { "net.IFNAME.x": "1" } }, {}, "..")).toThrow("invalid net sysctl key")
  })

  test.each<[string, object]>([
    ["in the configuration", { sysctl: { "net.a.b": "1", "net/a/b": "1" } }],
    ["in args.cni", { args: { cni: { sysctl: { "net.a.IFNAME": "1", "net.a.eth0": "2" } } } }],
  ])("one sysctl twice %s is refused", (_, config) => {
    const error = thrownBy(() => plan(config))
    expect(error).toMatchObject({ code: 7, message: "duplicated sysctl keys are not allowed" })
    expect(error).toMatchObject({ details: expect.stringMatching(/net\.a\.\S+ and net.a.\S+ are one/) })
  })

  test("those of args.cni come beside those of the configuration, and count where both name one", () => {
    const sysctl = { "net.a.b": "1", "net.a.c": "2" }
    const { sysctls } = plan({ sysctl, args: { cni: { sysctl: { "net/a/b": "3", "net.a.d": "4" } } } })
    expect(sysctls).toEqual({ "net/a/b": "3", "net/a/c": "2", "net/a/d": "4" })
  })

  test("those of args.cni need none in the configuration", () => {
    expect(plan({ args: { cni: { sysctl: { "net.a.b": "1" } } } }).sysctls).toEqual({ "net/a/b": "1" })
  })

  test("an empty value changes nothing", () => {
    expect(plan({ sysctl: { "net.a.b": "", "net.a.c": " " } }).sysctls).toEqual({})
  })

  test("the keys for the list of allowed ones are as they are written, empty values and args.cni included", () => {
    const sysctl = { "net.a.IFNAME": "1", "net.a.b": "" }
    const config = { sysctl, args: { cni: { sysctl: { "net/a/b": "3", "net.a.b": "4", "kernel.x": "" } } } }
    const keys = listSysctlKeys(readConfig(JSON.stringify(config), tuningSchema))
    expect(keys).toEqual(["net.a.IFNAME", "net.a.b", "net/a/b", "kernel.x"])
    expect(listSysctlKeys(readConfig("{}", tuningSchema))).toEqual([])
  })

  test("a key that no path is as long as is refused before the list is asked", () => {
    const config = readConfig(JSON.stringify({ sysctl: { [`net.${"x".repeat(5_000)}`]: "1" } }), tuningSchema)
    expect(() => listSysctlKeys(config)).toThrow('invalid net sysctl key: "net.xxx')
  })

  test("what is for all interfaces comes first, the rest in the order of the configuration", () => {
    const keys = ["net.z.a", "net.ipv6.conf.IFNAME.b", "net.ipv4.conf.all.c", "net.ipv6.conf.all.b", "net.a.a"]
    const { sysctls } = plan({ sysctl: Object.fromEntries(keys.map(key => [key, "1"])) })
    const want = ["net/ipv4/conf/all/c", "net/ipv6/conf/all/b", "net/z/a", "net/ipv6/conf/eth0/b", "net/a/a"]
    expect(Object.keys(sysctls)).toEqual(want)
  })

  test("keys are data: their case is kept", () => {
    expect(plan({ SYSCTL: { "net.a.B": "X" } }).sysctls).toEqual({ "net/a/B": "X" })
  })
})

test.each<[string, string]>([
  ["", "/run/cni/tuning"],
  ["/run/x", "/run/x"],
])("state files lie in %j: %s", (dataDir, want) => {
  expect(planDataDir(readConfig(JSON.stringify({ dataDir }), tuningSchema))).toBe(want)
})

test("state files lie in /run/cni/tuning unless the configuration says otherwise", () => {
  expect(plan({}).dataDir).toBe("/run/cni/tuning")
})

test.each(["run/cni", "./x", "/run/\0"])("%j is no folder for state files", dataDir => {
  expect(() => plan({ dataDir })).toThrow("dataDir: must be an absolute path, got")
})

describe("the result", () => {
  const host = { name: "eth0", mac: "02:ff:ff:ff:ff:ff" }
  const container = { name: "eth0", mac: b, mtu: 1500, sandbox: "/run/netns/c1", pciID: "0000:00:1f.6" }
  const other = { name: "eth1", sandbox: "/run/netns/c1" }
  const before: Result = {
    interfaces: [host, container, other],
    ips: [{ address: "10.1.0.2/24", interface: 1 }],
    routes: [{ dst: "0.0.0.0/0", mtu: 1400, table: 7 }],
    dns: { domain: "x" },
  }

  test.each<[string, object, object]>([
    ["the MAC", { mac: a }, { ...container, mac: a }],
    ["the MTU", { mtu: 1400 }, { ...container, mtu: 1400 }],
    ["both", { mac: a, mtu: 9000, promisc: true }, { ...container, mac: a, mtu: 9000 }],
    ["neither", { promisc: true, allmulti: true, txQLen: 7 }, container],
  ])("follows %s, of the container's interface alone", (_, link, want) => {
    expect(planResult(before, "eth0", link)).toEqual({ ...before, interfaces: [host, want, other] })
  })

  test("follows where it does not say whose the interface is", () => {
    const { interfaces } = planResult({ ...before, interfaces: [host, other] }, "eth0", { mac: a })
    expect(interfaces).toEqual([{ ...host, mac: a }, other])
  })

  test("stays as it is where it does not know the interface", () => {
    expect(planResult(before, "eth7", { mac: a })).toEqual(before)
  })
})
