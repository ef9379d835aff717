// The tuning plugin's ADD: what it sets, in which order of preference, what it tells, and what is left where it fails.

import { addresses, attach, bridgeConf, recheck } from "../kit/bridge-network.ts"
import { createWorld, type World } from "../kit/namespaces.ts"
import { canPing, getLink, readSetting, shell, waitForPing } from "../kit/observation.ts"
import {
  type Attachment,
  assertCniError,
  assertSilent,
  attachment,
  type Invocation,
  resultOf,
  startCni,
} from "../kit/plugin.ts"
import {
  addInterface,
  addTunable,
  asBefore,
  asTuned,
  everything,
  firstMac,
  look,
  readState,
  stateFiles,
  stateFolder,
  tune,
  tuning,
  tuningConf,
} from "../kit/tuned-interface.ts"
import { difference, snapshot } from "../kit/world.ts"

let world: World
let c1: Attachment

beforeEach(async () => {
  world = await createWorld()
  c1 = addTunable(world, "c1")
})

afterEach(() => world.remove())

const config = tuningConf(everything)

describe("ADD", () => {
  it("sets everything, and DEL sets everything back", () => {
    assertSilent(tuning(world, "DEL", c1, { ...config, prevResult: tune(world, c1, config) }))
    const before = snapshot(world)
    const prevResult = tune(world, c1, config)
    expect(look(world)).toEqual(asTuned)
    assertSilent(tuning(world, "CHECK", c1, { ...config, prevResult }))
    assertSilent(tuning(world, "DEL", c1, { ...config, prevResult }))
    expect(look(world)).toEqual(asBefore)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it.each<[string, object, object, object]>([
    ["mac", { mac: everything.mac }, { mac: asTuned.mac }, { mac: firstMac }],
    ["mtu", { mtu: 1400 }, { mtu: 1400 }, { mtu: 1500 }],
    ["promisc", { promisc: true }, { promisc: true }, { promisc: false }],
    ["allmulti", { allmulti: true }, { allmulti: true }, { allmulti: false }],
    ["txQLen", { txQLen: 0 }, { txQLen: 0 }, { txQLen: 1000 }],
  ])("sets %s alone, and notes how it was before", (_, more, want, before) => {
    tune(world, c1, tuningConf(more))
    expect(look(world)).toEqual({ ...asBefore, ...want })
    const { patchbay, ...state } = readState(world)
    expect(state).toEqual(before)
    expect(patchbay).toMatchObject({ network: "net" })
  })

  it.each<[string, object]>([
    ["a configuration without settings, as Podman writes it", {}],
    ["settings that stand for nothing", { mac: "", mtu: 0, promisc: false, sysctl: { "net.core.somaxconn": "" } }],
  ])("touches nothing for %s", (_, more) => {
    const before = snapshot(world)
    const conf = tuningConf(more)
    expect(tune(world, c1, conf)).toEqual({ cniVersion: "1.1.0", ...(conf.prevResult as object) })
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("turns off what is on where the configuration says so", () => {
    shell(world, "ip link set eth0 allmulticast on", "c1")
    tune(world, c1, tuningConf({ allmulti: false }))
    expect(look(world).allmulti).toBe(false)
    assertSilent(tuning(world, "DEL", c1, tuningConf()))
    expect(look(world).allmulti).toBe(true)
  })

  it("writes a state file of mode 0600, in a folder that others may enter", () => {
    tune(world, c1, config)
    const modes = shell(world, `stat -c '%a %n' ${stateFolder} ${stateFolder}/*`)
    expect(modes).toBe(`755 ${stateFolder}\n600 ${stateFolder}/c1_eth0.json\n`)
  })

  it("keeps state files where dataDir says", () => {
    const conf = tuningConf({ mtu: 1400, dataDir: "/run/deep/er" })
    tune(world, c1, conf)
    expect([stateFiles(world), stateFiles(world, "/run/deep/er")]).toEqual([[], ["c1_eth0.json"]])
    assertSilent(tuning(world, "DEL", c1, conf))
    expect([stateFiles(world, "/run/deep/er"), look(world)]).toEqual([[], asBefore])
  })

  it.each<[string, object, string, string]>([
    ["the configuration", { mac: "02:00:00:00:00:0b" }, "", "0b"],
    ["CNI_ARGS", { mac: "02:00:00:00:00:0b" }, "MAC=02:00:00:00:00:0c", "0c"],
    ["CNI_ARGS among others", {}, "IgnoreUnknown=1;K8S_POD_NAME=x;MAC=02:00:00:00:00:0c", "0c"],
    [
      "the runtime",
      { mac: "02:00:00:00:00:0b", runtimeConfig: { mac: "02:00:00:00:00:0d" } },
      "MAC=02:00:00:00:00:0c",
      "0d",
    ],
    [
      "args.cni",
      { runtimeConfig: { mac: "02:00:00:00:00:0d" }, args: { cni: { mac: "02:00:00:00:00:0e" } } },
      "MAC=02:00:00:00:00:0c",
      "0e",
    ],
  ])("takes the MAC address of %s", (_, more, args, end) => {
    const { interfaces } = tune(world, c1, tuningConf(more), { args }) as { interfaces: { mac: string }[] }
    const mac = `02:00:00:00:00:${end}`
    expect([look(world).mac, interfaces[0]?.mac]).toEqual([mac, mac])
  })

  it("takes args.cni before everything else", () => {
    const cni = { mtu: 1300, promisc: false, allmulti: true, txQLen: 7, sysctl: { "net/core/somaxconn": "77" } }
    tune(world, c1, tuningConf({ ...everything, mac: "", allmulti: false, args: { cni } }))
    const sysctl = ["77", ...asTuned.sysctl.slice(1)]
    expect(look(world)).toEqual({ mac: firstMac, mtu: 1300, promisc: false, allmulti: true, txQLen: 7, sysctl })
  })

  it("takes sysctls of args.cni without any in the configuration", () => {
    tune(world, c1, tuningConf({ args: { cni: { sysctl: { "net.core.somaxconn": "77" } } } }))
    expect(readSetting(world, "net/core/somaxconn", "c1")).toBe("77")
  })

  it("takes a sysctl of an interface whose name has a dot", () => {
    const who = addInterface(world, "c1", "eth0.100", "02:00:00:00:00:02")
    const conf = tuningConf({ sysctl: { "net.ipv4.conf.IFNAME.rp_filter": "2" } })
    tune(world, who, conf)
    expect(readSetting(world, "net/ipv4/conf/eth0.100/rp_filter", "c1")).toBe("2")
    assertSilent(tuning(world, "DEL", who, conf))
    expect(readSetting(world, "net/ipv4/conf/eth0.100/rp_filter", "c1")).toBe("0")
  })

  it("sets what is for all interfaces before what is for one", () => {
    const sysctl = { "net.ipv6.conf.IFNAME.disable_ipv6": "0", "net.ipv6.conf.all.disable_ipv6": "1" }
    const conf = tuningConf({ sysctl })
    const prevResult = tune(world, c1, conf)
    const paths = ["eth0", "all"].map(name => readSetting(world, `net/ipv6/conf/${name}/disable_ipv6`, "c1"))
    expect(paths).toEqual(["0", "1"])
    assertSilent(tuning(world, "CHECK", c1, { ...conf, prevResult }))
  })

  it.each<[string, string, string]>([
    ["one that only takes orders", "net.ipv4.route.flush", "1"],
    ["one that is secret until it is set", "net.ipv6.conf.IFNAME.stable_secret", "2001:db8::1"],
  ])("sets a sysctl that cannot be read: %s", (_, key, value) => {
    const conf = tuningConf({ sysctl: { [key]: value } })
    tune(world, c1, conf)
    assertSilent(tuning(world, "DEL", c1, conf))
  })

  it("sets a MAC address that cannot be set back: lo has none", () => {
    const conf = tuningConf({ mac: everything.mac, mtu: 1400 })
    const lo = attachment("c1", "lo")
    tune(world, lo, conf)
    assertSilent(tuning(world, "DEL", lo, conf))
    expect(getLink(world, "lo", "c1")).toMatchObject({ address: asTuned.mac, mtu: 65_536 })
  })

  it("needs no permission to write a sysctl that has its value already", () => {
    const conf = tuningConf({ sysctl: { "net.core.somaxconn": "4096" } })
    const launcher = ["unshare", "-m", "sh", "-c", 'mount -o bind,ro /proc/sys /proc/sys; exec "$@"', "sh"]
    tune(world, c1, conf, { launcher })
    const other = tuningConf({ sysctl: { "net.core.somaxconn": "4095" } })
    assertCniError(tuning(world, "ADD", c1, other, { launcher }), 999, /read-only file system/)
  })

  it("goes on being what it is for a container ID that is too long for a file's name", () => {
    const long = { ...c1, containerId: "a".repeat(300) }
    const before = snapshot(world)
    tune(world, long, tuningConf({ mtu: 1400 }))
    tune(
      world,
      { ...addInterface(world, "c1", "eth1", "02:00:00:00:00:02"), containerId: `${"a".repeat(299)}b` },
      tuningConf({ mtu: 1300 }),
    )
    assertSilent(tuning(world, "DEL", long, tuningConf({ mtu: 1400 })))
    expect([look(world).mtu, look(world, "c1", "eth1").mtu, stateFiles(world).length]).toEqual([1500, 1300, 1])
    shell(world, `rm -r /run/cni; ip netns exec c1 ip link delete eth1`)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("the result", () => {
  const prevResult = {
    interfaces: [
      { name: "br0", mac: "02:00:00:00:00:ff", mtu: 1500 },
      { name: "eth0", mac: firstMac, mtu: 1500, sandbox: "/run/netns/c1", socketPath: "/run/s", pciID: "0000:00:1f.6" },
    ],
    ips: [{ address: "10.1.0.2/24", gateway: "10.1.0.1", interface: 1 }],
    routes: [{ dst: "10.7.0.0/16", gw: "10.1.0.9", mtu: 1300, advmss: 1200, priority: 5, table: 77, scope: 0 }],
    dns: { nameservers: ["10.1.0.53"], domain: "d", search: ["s"], options: ["o"] },
  }

  it("is that of the plugin before, with the interface's MAC and MTU", () => {
    const [bridge, eth0] = prevResult.interfaces
    const interfaces = [bridge, { ...eth0, mac: asTuned.mac, mtu: 1400 }]
    expect(tune(world, c1, { ...config, prevResult })).toEqual({ cniVersion: "1.1.0", ...prevResult, interfaces })
  })

  it("has no MTU before 1.1.0", () => {
    const { interfaces } = tune(world, c1, { ...config, cniVersion: "1.0.0", prevResult })
    expect((interfaces as object[])[1]).toEqual({ name: "eth0", mac: asTuned.mac, sandbox: "/run/netns/c1" })
  })

  it("must be there", () => {
    const before = snapshot(world)
    for (const missing of [undefined, null])
      assertCniError(tuning(world, "ADD", c1, { ...config, prevResult: missing }), 7, /^Required prevResult missing\n/)
    expect(difference(before, snapshot(world))).toEqual([])
  })
})

describe("an ADD that fails leaves everything as it was:", () => {
  it.each<[string, object, number, RegExp]>([
    ["no such interface", { ifname: "eth7" }, 999, /failed to get "eth7": Link not found/],
    [
      "no such sysctl",
      { sysctl: { ...everything.sysctl, "net.none": "1" } },
      999,
      /net\/none: no such file or directory/,
    ],
    [
      "a value that a sysctl does not take",
      { sysctl: { ...everything.sysctl, "net.ipv4.ip_forward": "x" } },
      999,
      /ip_forward: invalid argument/,
    ],
    ["an MTU that the interface does not take", { mtu: 70_000 }, 999, /RTM_NEWLINK eth0: EINVAL/],
    [
      "a MAC of another length",
      { mac: "02:00:00:00:00:00:00:01" },
      7,
      /invalid args 02:00:00:00:00:00:00:01 for MAC addr/,
    ],
    ["a MAC that is none", { mac: "x" }, 7, /invalid args x for MAC addr: address x: invalid MAC address/],
    [
      "a sysctl that is not of the network",
      { sysctl: { "kernel.hostname": "x" } },
      7,
      /invalid net sysctl key: "kernel\/hostname"/,
    ],
    [
      "one sysctl twice",
      { sysctl: { "net.core.somaxconn": "1", "net/core/somaxconn": "2" } },
      7,
      /duplicated sysctl keys/,
    ],
    ["a folder that depends on where the plugin runs", { dataDir: "run" }, 7, /dataDir: must be an absolute path/],
    ["a folder that cannot be made", { dataDir: "/proc/none" }, 999, /mkdir \/proc\/none: no such file or directory/],
    ["CNI_ARGS that nobody knows", { args: "WHAT=ever" }, 4, /unknown args \["WHAT=ever"\]/],
  ])("%s", (_, more, code, problem) => {
    assertSilent(tuning(world, "DEL", c1, { ...config, prevResult: tune(world, c1, config) }))
    const before = snapshot(world)
    const { ifname = "eth0", args, ...settings } = more as { ifname?: string; args?: string }
    const invocation: Partial<Invocation> = args === undefined ? {} : { args }
    assertCniError(tuning(world, "ADD", { ...c1, ifname }, { ...config, ...settings }, invocation), code, problem)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("a result that cannot be printed", () => {
    tune(world, c1, config)
    assertSilent(tuning(world, "DEL", c1, config))
    const before = snapshot(world)
    const launcher = ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
    expect(tuning(world, "ADD", c1, config, { launcher })).toMatchObject({ status: 1, stdout: "" })
    const oldest = { ...config, cniVersion: "0.2.0", prevResult: {} }
    assertCniError(tuning(world, "ADD", c1, oldest), 7, /cannot convert: no valid IP addresses/)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("beside what an ADD before has set, which its DEL sets back", () => {
    tune(world, c1, config)
    const before = snapshot(world)
    const worse = { ...config, mtu: 70_000, mac: "02:00:00:00:00:0b", sysctl: { "net.core.somaxconn": "7" } }
    assertCniError(tuning(world, "ADD", c1, worse), 999, /EINVAL/)
    expect(difference(before, snapshot(world))).toEqual([])
    assertSilent(tuning(world, "DEL", c1, config))
    expect(look(world)).toEqual(asBefore)
  })
})

describe("what was there at first is what DEL sets back", () => {
  it("after an ADD without a DEL", () => {
    tune(world, c1, config)
    tune(world, c1, config)
    assertSilent(tuning(world, "DEL", c1, config))
    expect([look(world), stateFiles(world)]).toEqual([asBefore, []])
  })

  it("after two plugins of one chain, of which the later counts", () => {
    const [first, second] = [
      config,
      tuningConf({ mtu: 1300, mac: "02:00:00:00:00:0b", sysctl: { "net.core.somaxconn": "7" } }),
    ]
    const between = tune(world, c1, first)
    const prevResult = tune(world, c1, { ...second, prevResult: between })
    const sysctl = ["7", ...asTuned.sysctl.slice(1)]
    expect(look(world)).toEqual({ ...asTuned, mtu: 1300, mac: "02:00:00:00:00:0b", sysctl })
    for (const conf of [second, first]) assertSilent(tuning(world, "DEL", c1, { ...conf, prevResult }))
    expect([look(world), stateFiles(world)]).toEqual([asBefore, []])
  })

  it("but not what another container of the same ID had", () => {
    tune(world, c1, config)
    world.removeContainer("c1")
    c1 = addTunable(world, "c1")
    shell(world, "ip link set eth0 address 02:00:00:00:00:77 txqueuelen 77", "c1")
    tune(world, c1, config)
    assertSilent(tuning(world, "DEL", c1, config))
    expect(look(world)).toEqual({ ...asBefore, mac: "02:00:00:00:00:77", txQLen: 77 })
  })
})

it("two interfaces of one container are tuned at once without harm", async () => {
  const eth1 = addInterface(world, "c1", "eth1", "02:00:00:00:00:02")
  const conf = { ...config, mac: "" }
  const start = (verb: string) =>
    Promise.all([c1, eth1].map(who => startCni(world, { plugin: "tuning", verb, config: conf, ...who })))
  for (let i = 0; i < 10; i++) {
    for (const answer of await start("ADD")) resultOf(answer)
    const tuned = { ...asTuned, mac: firstMac }
    expect([look(world), look(world, "c1", "eth1")]).toEqual([tuned, { ...tuned, mac: "02:00:00:00:00:02" }])
    for (const answer of await start("DEL")) assertSilent(answer)
    expect([look(world).mtu, look(world, "c1", "eth1").mtu, stateFiles(world)]).toEqual([1500, 1500, []])
    expect(look(world).sysctl[1]).toBe("0")
    shell(world, "echo 4096 >/proc/sys/net/core/somaxconn", "c1")
  }
})

it("neighbours learn a new MAC address at once, and the bridge's CHECK knows it", () => {
  const first = attach(world, "c2", bridgeConf({ isGateway: true, ...addresses("10.1.0.2/24") }))
  waitForPing(world, "10.1.0.2")
  const conf = tuningConf({ mac: "02:00:00:00:00:0b", mtu: 1400, prevResult: first.result })
  const result = tune(world, first.who, conf)
  expect(getLink(world, "eth0", "c2").address).toBe("02:00:00:00:00:0b")
  expect(canPing(world, "10.1.0.2")).toBe(true)
  assertSilent(recheck(world, { ...first, result: result as never }))
})
