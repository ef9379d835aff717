// What the live test of lib/nft runs in the engine: one command by stdin, `{"command": "…", …}`, and its outcome as JSON on
// stdout. Built by engine-program.ts.

import { parseAddress } from "../../lib/net/address.ts"
import { NetlinkError } from "../../lib/netlink/errors.ts"
import { NetlinkSocket } from "../../lib/netlink/socket.ts"
import { openTransport, type Transport } from "../../lib/netlink/transport.ts"
import { counter } from "../../lib/nft/actions.ts"
import { inetProto, inetService, ipv4Addr } from "../../lib/nft/data-types.ts"
import * as field from "../../lib/nft/fields.ts"
import { is } from "../../lib/nft/matches.ts"
import { Nft, openNft } from "../../lib/nft/nft.ts"
import { type Chain, type Family, priorities, type Table } from "../../lib/nft/objects.ts"
import { probeNft } from "../../lib/nft/probe.ts"
import { defineSet } from "../../lib/nft/sets.ts"
import { ACCEPT, jump } from "../../lib/nft/verdicts.ts"
import { now } from "../../lib/sys/clock.ts"
import { decodeUtf8, exit, readStdin, writeStdout } from "../../lib/sys/streams.ts"
import { samplesOf, sampleTable, setTexts } from "./nft-samples.ts"

interface Request {
  readonly command: string
  readonly family?: Family
  readonly count?: number
  readonly name?: string
}

const table: Table = { family: "inet", name: "patchbay", comment: "Tested" }
const inner: Chain = { table, name: "inner", comment: "Called by others" }
const base: Chain = {
  ...{ table, name: "base", comment: "Called by the kernel" },
  base: { type: "nat", hook: "postrouting", priority: priorities.srcnat, policy: "accept" },
}
const ports = defineSet({ table, name: "ports", key: [inetProto, inetService], value: [ipv4Addr, inetService] })
const ways = defineSet({ table, name: "ways", key: [inetService], value: "verdict", comment: "By port" })
const target = parseAddress("10.1.0.5")
const element = (port: number) =>
  ({ key: ["tcp", port], value: [target, 80], comment: `owner ${port}`, tag: `net/container/${port}` }) as const

function makeAll(nft: Nft): void {
  nft.transaction(t => {
    t.ensureTable(table)
    for (const chain of [inner, base]) t.ensureChain(chain)
    for (const set of [ports, ways]) t.ensureSet(set)
  })
}

const commands: Readonly<Record<string, (nft: Nft, request: Request) => unknown>> = {
  /** Makes all samples of a family, and tells them as nft reads them. */
  samples(nft, { family = "inet" }) {
    const { table, chain, other, sets } = sampleTable(family)
    const samples = samplesOf(family)
    nft.transaction(t => {
      t.ensureTable(table)
      for (const each of [other, chain]) t.ensureChain(each)
      for (const set of sets) t.ensureSet(set)
      for (const { rule, comment } of samples) t.addRule(chain, rule, { comment })
    })
    const rules = samples.map(({ text, comment }) => (comment === undefined ? text : `${text} comment "${comment}"`))
    return { rules, sets: setTexts }
  },

  /** Fills one set of each form. */
  elements(nft) {
    const { table, chain, other, sets } = sampleTable("inet")
    const [peers, , ways, ports, ports6, , links, marks, owners, addresses, services] = sets
    const [address, address6] = [parseAddress("10.1.0.5"), parseAddress("fd00::5")]
    nft.transaction(t => {
      t.ensureTable(table)
      t.ensureChain(other)
      t.ensureChain(chain)
      for (const set of sets) t.ensureSet(set)
      t.createElements(peers, [{ key: [address, 443], comment: "a peer", tag: "hidden" }])
      t.createElements(ways, [
        { key: [address, 80], value: ACCEPT },
        { key: [address, 81], value: jump(other) },
      ])
      t.createElements(ports, [{ key: ["tcp", 8080], value: [address, 80], comment: "one" }])
      t.createElements(ports6, [{ key: ["udp", 53], value: [address6, 5353] }])
      t.createElements(links, [{ key: ["veth01234567"], value: jump(other), comment: "link" }])
      t.createElements(marks, [{ key: [0x2000] }])
      t.createElements(owners, [{ key: ["veth0", Uint8Array.of(2, 0, 0, 0, 0, 1)] }])
      t.createElements(addresses, [{ key: [address], value: [parseAddress("10.1.0.6")] }])
      t.createElements(services, [{ key: [443], value: [7] }])
    })
  },

  /** Makes tables, chains and sets, again and again. */
  shared(nft) {
    makeAll(nft)
    makeAll(nft)
  },

  /** Lists what there is. */
  list(nft) {
    const { ruleset } = nft
    return {
      tables: ruleset.listTables("inet"),
      chains: ruleset.listChains(table),
      rules: ruleset.listRules(inner).map(rule => ({ ...rule, handle: 0, userdata: [...rule.userdata] })),
      elements: ruleset.listElements(ports),
      verdicts: ruleset.listElements(ways),
      found: ruleset.findElement(ports, ["tcp", 8081]),
      absent: ruleset.findElement(ports, ["tcp", 1]),
      nothing: [ruleset.listRules({ table, name: "none" }), ruleset.listElements({ ...ports, name: "none" })],
    }
  },

  fill(nft) {
    makeAll(nft)
    nft.transaction(t => {
      t.addRule(inner, [counter()], { comment: "first", tag: "tagged" })
      t.addRule(inner, [is(field.dport("tcp"), 1), ACCEPT])
      t.createElements(ports, [8080, 8081].map(element))
      t.createElements(ways, [{ key: [80], value: jump(inner) }])
    })
  },

  /** Removes one thing of each kind. */
  remove(nft) {
    nft.transaction(t => {
      for (const rule of t.current.listRules(inner)) if (rule.comment === "first") t.removeRule(inner, rule)
      t.removeElements(ports, [
        ["tcp", 8081],
        ["tcp", 9999],
      ])
      t.removeElements(ways, [[80]])
    })
    nft.transaction(t => {
      t.removeRule(inner, { handle: 4711 })
      t.removeSet(ways)
      t.removeChain(inner)
    })
  },

  removeTable: nft => nft.transaction(t => t.removeTable(table)),

  /** Creates an element that is there, among others. */
  conflict(nft) {
    nft.transaction(t => {
      t.createElements(ports, [element(9000)])
      t.createElements(ports, [element(8081)])
    })
  },

  /** Puts rules into what is not there. */
  absent(nft) {
    nft.transaction(t => {
      t.addRule({ table, name: "none" }, [ACCEPT], { comment: "lost" })
      t.addRule({ table: { ...table, name: "nowhere" }, name: "inner" }, [ACCEPT])
    })
  },

  /** A number that each transaction reads and counts up. */
  count(nft, { count = 1 }) {
    makeAll(nft)
    let plans = 0
    for (let i = 0; i < count; i++) {
      nft.transaction(t => {
        plans++
        const [rule] = t.current.listRules(inner)
        if (rule !== undefined) t.removeRule(inner, rule)
        t.addRule(inner, [counter()], { comment: String(Number(rule?.comment ?? 0) + 1) })
      })
    }
    return plans
  },

  /** Loses some races: another transaction comes between looking and changing. */
  race(nft, { count = 1 }) {
    makeAll(nft)
    const other = openNft()
    let plans = 0
    nft.transaction(t => {
      const seen = t.current.listRules(inner).length
      if (plans++ < count) other.transaction(o => o.addRule(inner, [counter()], { comment: "in between" }))
      t.addRule(inner, [counter()], { comment: `saw ${seen} rules` })
    })
    return plans
  },

  many(nft, { count = 1000 }) {
    makeAll(nft)
    nft.transaction(t => {
      for (let i = 0; i < count; i++) {
        t.addRule(inner, [is(field.saddr(4), target), is(field.dport("tcp"), i + 1), counter()], {
          comment: `${i} ${"x".repeat(100)}`,
        })
      }
    })
  },

  /** Has so much refused that the answers do not fit the socket. */
  refused(nft, { count = 1000 }) {
    makeAll(nft)
    nft.transaction(t => {
      for (let i = 0; i < count; i++) t.addRule({ table, name: "none" }, [counter()], { comment: `${i}` })
    })
  },

  ports(nft, { count = 1000 }) {
    makeAll(nft)
    const all = Array.from({ length: count }, (_, i) => element(i + 1))
    nft.transaction(t => t.createElements(ports, all))
    const { length } = nft.ruleset.listElements(ports)
    nft.transaction(t =>
      t.removeElements(
        ports,
        all.slice(1).map(({ key }) => key),
      ),
    )
    return { length, left: nft.ruleset.listElements(ports).map(({ key }) => key) }
  },

  foreign(nft, { family = "ip", name = "nat" }) {
    nft.transaction(t => t.ensureTable({ family, name }))
  },

  probe: () => describe(probeNft()),

  /** Times adding one rule and one element, what the kernel has of it, and opening and closing. */
  timing(_, { count = 200 }) {
    const begun = now()
    let kernel = 0
    const transport = openTransport(12)
    const timed: Transport = {
      ...transport,
      send(bytes) {
        const start = now()
        transport.send(bytes)
        kernel += now() - start
      },
      receive() {
        const start = now()
        const datagram = transport.receive()
        kernel += now() - start
        return datagram
      },
    }
    const nft = new Nft(new NetlinkSocket(timed))
    const opened = now()
    makeAll(nft)
    const first = now()
    const kernelFirst = kernel
    kernel = 0
    for (let i = 0; i < count; i++) {
      nft.transaction(t => {
        t.addRule(inner, [is(field.saddr(4), target), counter()], { comment: `number ${i}` })
        t.createElements(ports, [element(i + 1)])
      })
    }
    const done = now()
    const micro = (ms: number) => Math.round(ms * 1000)
    return {
      ...{ openUs: micro(opened - begun), firstUs: micro(first - opened), kernelFirstUs: micro(kernelFirst) },
      ...{ eachUs: micro((done - first) / count), kernelUs: micro(kernel / count) },
    }
  },
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error ?? null
  const { name, message } = error
  const others = error instanceof NetlinkError ? error.others.map(({ message }) => message) : []
  return { name, message, code: "code" in error ? error.code : undefined, others, stack: error.stack }
}

const request = JSON.parse(decodeUtf8(readStdin())) as Request
const nft = openNft()
try {
  writeStdout(JSON.stringify({ value: commands[request.command]!(nft, request) }))
} catch (error) {
  writeStdout(JSON.stringify({ error: describe(error) }))
}
nft.close()
exit(0)
