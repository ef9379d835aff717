// The node's list of the sysctls that tuning may set, as ADD and STATUS read it.

import { createWorld, type World } from "../kit/namespaces.ts"
import { shell } from "../kit/observation.ts"
import { type Attachment, assertCniError, assertSilent } from "../kit/plugin.ts"
import {
  addTunable,
  asBefore,
  asTuned,
  everything,
  look,
  tune,
  tuning,
  tuningConf,
  writeAllowList,
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

describe("the node's list of allowed sysctls", () => {
  it("is asked before anything is touched, about args.cni too", () => {
    tune(world, c1, config)
    assertSilent(tuning(world, "DEL", c1, config))
    writeAllowList(world, "^net\\.ipv4\\.\n^net/ipv4/\n")
    const before = snapshot(world)
    const refusal = /Sysctl net\.core\.somaxconn is not allowed\. Only .* allowed: \[\^net\\\.ipv4\\\. \^net\/ipv4\/\]/
    assertCniError(tuning(world, "ADD", c1, config), 7, refusal)
    const inArgs = tuningConf({ mtu: 1400, args: { cni: { sysctl: { "net.core.somaxconn": "7" } } } })
    assertCniError(tuning(world, "ADD", c1, inArgs), 7, refusal)
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("holds the keys as they are written", () => {
    writeAllowList(world, "net.core.somaxconn\n  ^net\\.ipv4\\.conf\\.IFNAME\\.[a-z_]+$  \r\n^net/ipv4/tcp_[rw]mem$")
    tune(world, c1, config)
    expect(look(world)).toEqual(asTuned)
  })

  it("is not asked where there are no sysctls, nor by CHECK and DEL", () => {
    const prevResult = tune(world, c1, config)
    writeAllowList(world, "(?=none)")
    tune(world, c1, tuningConf({ mtu: 1400 }))
    assertSilent(tuning(world, "CHECK", c1, { ...config, prevResult }))
    assertSilent(tuning(world, "DEL", c1, { ...config, prevResult }))
    expect(look(world)).toEqual(asBefore)
  })

  it("stops ADD where it cannot be read or understood", () => {
    writeAllowList(world, "(?=net)\nnet")
    assertCniError(
      tuning(world, "ADD", c1, config),
      5,
      /error parsing regexp: .*`\(\?=`\nin \/etc\/cni\/tuning\/allowlist\.conf/,
    )
    shell(world, "rm /etc/cni/tuning/allowlist.conf; mkdir /etc/cni/tuning/allowlist.conf")
    assertCniError(tuning(world, "ADD", c1, config), 5, /list of allowed sysctls cannot be read: .* is a directory/)
    expect(look(world)).toEqual(asBefore)
  })
})

describe("STATUS", () => {
  it("succeeds, without a list and with one that allows what is configured", () => {
    const before = snapshot(world)
    assertSilent(tuning(world, "STATUS", {}, config))
    expect(difference(before, snapshot(world))).toEqual([])
    writeAllowList(world, "^net[./]")
    assertSilent(tuning(world, "STATUS", {}, config))
  })

  it.each<[string, string, RegExp]>([
    ["does not allow what is configured", "net.core", /Sysctl net\.ipv4\.conf\.IFNAME\.rp_filter is not allowed/],
    ["has a line that is no pattern, though another one allows everything", "net\n[", /missing closing \]: `\[`/],
  ])("is 50 where the list %s", (_, text, problem) => {
    writeAllowList(world, text)
    assertCniError(tuning(world, "STATUS", {}, config), 50, problem)
  })

  it("is 50 where the list cannot be read", () => {
    shell(world, "mkdir -p /etc/cni/tuning/allowlist.conf")
    assertCniError(tuning(world, "STATUS", {}, tuningConf()), 50, /cannot be read/)
  })

  it("tells what of the configuration would make ADD fail", () => {
    assertCniError(
      tuning(world, "STATUS", {}, tuningConf({ sysctl: { "kernel.x": "1" } })),
      7,
      /invalid net sysctl key/,
    )
    assertCniError(tuning(world, "STATUS", {}, tuningConf({ mac: "x" })), 7, /invalid args x/)
    assertCniError(tuning(world, "STATUS", {}, tuningConf({ dataDir: "x" })), 7, /dataDir/)
  })
})
