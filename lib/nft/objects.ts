/**
 * Tables and chains as values: what they are called and, for making them, what they are like. Who makes a plan writes them
 * down once and gives them to everything that creates, fills, looks or removes:
 *
 *     const table: Table = { family: "inet", name: "patchbay", comment: "…" }
 *     const postrouting: Chain = {
 *       table,
 *       name: "postrouting",
 *       base: { type: "nat", hook: "postrouting", priority: priorities.srcnat, policy: "accept" },
 *     }
 */
import {
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from "../netlink/uapi/nf-tables.ts"
import { NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 } from "../netlink/uapi/nfnetlink.ts"

/** Which packets a table sees: of IPv4 and IPv6, of one of them, or Ethernet frames that cross a bridge. */
export type Family = "inet" | "ip" | "ip6" | "bridge"

/** A table; equal are two of the same family and name. */
export interface Table {
  readonly family: Family
  readonly name: string
  /** For people: `nft list` shows it. At most 128 bytes. */
  readonly comment?: string
}

/** The points in a packet's way where chains are called, by nft's names; NF_BR_… are the same numbers. */
export const hookNumbers = {
  prerouting: NF_INET_PRE_ROUTING,
  input: NF_INET_LOCAL_IN,
  forward: NF_INET_FORWARD,
  output: NF_INET_LOCAL_OUT,
  postrouting: NF_INET_POST_ROUTING,
} as const

/** Where and when a base chain is called, and what becomes of packets that reach its end. */
export interface Base {
  readonly type: "filter" | "nat"
  readonly hook: keyof typeof hookNumbers
  /** Lower comes first. */
  readonly priority: number
  readonly policy: "accept" | "drop"
}

/** Priorities by nft's names, of every family but bridge (linux/netfilter_ipv4.h). */
export const priorities = { raw: -300, mangle: -150, dstnat: -100, filter: 0, srcnat: 100 } as const

/** A chain; equal are two of the same table and name. */
export interface Chain {
  readonly table: Table
  readonly name: string
  /** For people: `nft list` shows it. At most 128 bytes. */
  readonly comment?: string
  /** Absent: the chain is only called by rules. */
  readonly base?: Base
}

/** Tells a family's number, NFPROTO_…. */
export function familyNumber(family: Family): number {
  return { inet: NFPROTO_INET, ip: NFPROTO_IPV4, ip6: NFPROTO_IPV6, bridge: NFPROTO_BRIDGE }[family]
}

/** Tells what messages about a table and what is in it begin with. */
export const headerOf = ({ family }: Table): { family: number } => ({ family: familyNumber(family) })

/** Names a table in errors and traces: "inet patchbay". */
export const formatTable = ({ family, name }: Table): string => `${family} ${name}`

/** Names a chain, or a set, in errors and traces: "inet patchbay postrouting". */
export const formatMember = ({ table, name }: { readonly table: Table; readonly name: string }): string =>
  `${formatTable(table)} ${name}`

/** A table is another program's, and is not to be written into. */
export class ForeignTable extends Error {
  override readonly name = "ForeignTable"
}

/** The tables of iptables-nft, arptables-nft and ebtables-nft. */
const IPTABLES = ["filter", "nat", "mangle", "raw", "security", "broute"]

/**
 * Refuses tables that belong to iptables-nft: a single rule that it has not written itself, and it refuses the whole table.
 * @throws {ForeignTable}
 */
export function refuseForeign(table: Table): void {
  if (table.family === "inet" || !IPTABLES.includes(table.name)) return
  throw new ForeignTable(`table ${formatTable(table)} belongs to iptables: nothing may be written into it natively`)
}

/**
 * Refuses them for removals too, but for what is in `bridge nat`, where the reference's spoof check has put its chains.
 * @throws {ForeignTable}
 */
export function refuseForeignRemoval(table: Table): void {
  if (table.family !== "bridge" || table.name !== "nat") refuseForeign(table)
}
