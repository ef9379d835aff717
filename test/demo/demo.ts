/**
 * The demo: two containers talk over a bridge, told as a story. Everything happens in namespaces made for it; the machine's
 * own network is never touched. `npm run demo`
 */
import { readdirSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { createWorld, type World } from "../kit/namespaces.ts"
import {
  type Attachment,
  assertSilent,
  attachment,
  type ConfList,
  cni,
  requestConfig,
  resultOf,
} from "../kit/plugin.ts"
import { pluginFolder } from "../kit/repository.ts"
import { difference, snapshot } from "../kit/world.ts"

const network: ConfList = {
  cniVersion: "1.1.0",
  name: "demo",
  plugins: [
    {
      type: "bridge",
      bridge: "demo0",
      isDefaultGateway: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.99.0.0/24" }], [{ subnet: "fd99::/64" }]],
      },
    },
  ],
}
const loopback: ConfList = { cniVersion: "1.1.0", name: "lo", plugins: [{ type: "loopback" }] }

interface Ip {
  readonly address: string
}

const say = (text: string) => console.log(text)
const heading = (text: string) => say(`\n── ${text}`)

/** Runs one verb of every plugin of a list and tells the milliseconds it took. */
function timed(world: World, list: ConfList, verb: string, more: Partial<Attachment> & Record<string, unknown>) {
  const conf = list.plugins[0]
  if (conf === undefined) throw new Error(`list ${list.name} holds no plugin`)
  const { prevResult, validAttachments, ...parameters } = more
  const config = requestConfig(conf, { list, verb, prevResult, validAttachments: validAttachments as never })
  const start = performance.now()
  const answer = cni(world, { plugin: conf.type, verb, config, ...parameters })
  const ms = Math.max(0, performance.now() - start - entranceMs).toFixed(1)
  return { answer, told: `${`${conf.type} ${verb}`.padEnd(16)}${ms.padStart(6)} ms` }
}

/** How long it takes to enter the demo's namespaces, which is no part of a plugin's time. */
let entranceMs = 0

function measureEntrance(world: World): number {
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now()
    world.output(["true"])
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[4] ?? 0
}

function connect(world: World, name: string): { who: Attachment; addresses: string[]; result: unknown } {
  world.addContainer(name)
  const who = attachment(name)
  const lo = timed(world, loopback, "ADD", { ...who, ifname: "lo" })
  resultOf(lo.answer)
  say(`  ${lo.told}`)
  const { answer, told } = timed(world, network, "ADD", { ...who })
  const result = resultOf(answer)
  const addresses = (result.ips as Ip[]).map(ip => ip.address.replace(/\/.*/, ""))
  say(`  ${told}\n  ${name} has ${addresses.join(" and ")}`)
  return { who, addresses, result }
}

function ping(world: World, from: string, to: string, addresses: readonly string[]): void {
  for (const address of addresses) {
    const out = world.output(["ping", "-c", "1", "-W", "2", address], { container: from })
    say(`  ${from} → ${to} ${address}  ${/time=(\S+) ms/.exec(out)?.[1] ?? "?"} ms`)
  }
}

function tell(world: World): void {
  heading("The plugins")
  say(`  ${readdirSync(pluginFolder()).join(", ")} in ${pluginFolder()}: static executables, nothing else is needed`)

  heading("The network, as a runtime reads it from /etc/cni/net.d/demo.conflist")
  say(JSON.stringify(network, null, 2))

  heading("STATUS: could the plugin serve an ADD?")
  const status = timed(world, network, "STATUS", {})
  assertSilent(status.answer)
  say(`  ${status.told}: ready`)

  const before = snapshot(world)
  heading("ADD: two containers come up")
  const one = connect(world, "one")
  const two = connect(world, "two")
  say(`  the result that the runtime keeps for two:\n${JSON.stringify(two.result, null, 2)}`)

  heading("They talk")
  ping(world, "one", "two", two.addresses)
  ping(world, "two", "one", one.addresses)

  heading("CHECK: is everything still there?")
  for (const { who, result } of [one, two]) {
    const check = timed(world, network, "CHECK", { ...who, prevResult: result })
    assertSilent(check.answer)
    say(`  ${check.told}: ${who.containerId} is whole`)
  }

  heading("Two is killed and its namespace is gone: nobody will ever run DEL. GC is told that only one lives")
  world.removeContainer("two")
  say(`  before: ${reservations(world)}`)
  const gc = timed(world, network, "GC", { validAttachments: [{ containerID: "one", ifname: "eth0" }] })
  assertSilent(gc.answer)
  say(`  ${gc.told}\n  after:  ${reservations(world)}`)

  heading("DEL: one goes the proper way")
  const del = timed(world, network, "DEL", { ...one.who, prevResult: one.result })
  assertSilent(del.answer)
  say(`  ${del.told}`)
  world.removeContainer("one")

  heading("The demo removes its bridge and the network's folder, and looks at the host again")
  world.output(["ip", "link", "delete", "demo0"])
  world.output(["rm", "-r", "/var/lib/cni/networks"])
  world.output(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"])
  const changes = difference(before, snapshot(world))
  if (changes.length > 0) throw new Error(`left behind:\n${changes.join("\n")}`)
  say("  nothing left behind: links, addresses, routes, rules, filters, settings and files are as before\n")
}

const reservations = (world: World): string => {
  const names = world.output(["ls", "/var/lib/cni/networks/demo"]).split("\n")
  const addresses = names.filter(name => /^[0-9a-f]*[.:]/.test(name))
  return `reserved ${addresses.join(", ") || "nothing"}`
}

const world = await createWorld()
try {
  entranceMs = measureEntrance(world)
  tell(world)
} finally {
  await world.remove()
}
