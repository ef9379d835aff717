/** Finding out whether this kernel lets this user do with nf_tables what the plugins do. */
import { SysError } from "../sys/errors.ts"
import { dnatBy, masquerade } from "./actions.ts"
import { inetProto, inetService, ipv4Addr } from "./data-types.ts"
import { fibDaddrType, l4proto, saddr, thDport } from "./fields.ts"
import { ctState, is, isIn } from "./matches.ts"
import { openNft } from "./nft.ts"
import { type Chain, priorities, type Table } from "./objects.ts"
import { defineSet } from "./sets.ts"
import type { Transaction } from "./transaction.ts"
import { jump } from "./verdicts.ts"

/**
 * Rehearses, in the namespace that the process is in, a table with maps, NAT, masquerading, conntrack and routing look-ups.
 * It takes 5–30 ms, as all does that the kernel has to take back: where a table of ours is there already, nobody need ask.
 * @returns what the kernel refused; undefined if all works
 */
export function probeNft(): Error | undefined {
  try {
    const nft = openNft()
    try {
      return nft.rehearse(planProbe)
    } finally {
      nft.close()
    }
  } catch (error) {
    if (error instanceof SysError) return error
    throw error
  }
}

function planProbe(t: Transaction): void {
  const table: Table = { family: "inet", name: "patchbay_probe" }
  const ports = defineSet({ table, name: "ports", key: [inetProto, inetService], value: [ipv4Addr, inetService] })
  const known = defineSet({ table, name: "known", key: [ipv4Addr] })
  const inner: Chain = { table, name: "inner" }
  const nat = { type: "nat", policy: "accept" } as const
  const before: Chain = { table, name: "before", base: { ...nat, hook: "prerouting", priority: priorities.dstnat } }
  const after: Chain = { table, name: "after", base: { ...nat, hook: "postrouting", priority: priorities.srcnat } }
  t.ensureTable(table)
  for (const chain of [inner, before, after]) t.ensureChain(chain)
  for (const set of [ports, known]) t.ensureSet(set)
  t.addRule(inner, [dnatBy([l4proto, thDport], ports)])
  t.addRule(before, [is(fibDaddrType, "local"), jump(inner)])
  t.addRule(after, [isIn([saddr(4)], known), ctState("new"), masquerade()])
}
