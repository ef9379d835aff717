/** Statements that do something with a packet. */

import { type Address, encodeAddress } from "../net/address.ts"
import {
  NFT_META_MARK,
  NFT_NAT_DNAT,
  NFT_NAT_SNAT,
  NFT_REG_1,
  NFT_REG_2,
  NFT_REG_VERDICT,
  NFT_REJECT_ICMP_UNREACH,
  NFT_REJECT_ICMPX_PORT_UNREACH,
  NFT_REJECT_ICMPX_UNREACH,
} from "../netlink/uapi/nf-tables-expressions.ts"
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "../netlink/uapi/nfnetlink.ts"
import { encodeValue, inetService, ipv4Addr, type ipv6Addr, mark } from "./data-types.ts"
import type { FieldsOf } from "./fields.ts"
import { loadKeyOf, setBits } from "./matches.ts"
import { type RuleBody, registerOf, type Statement } from "./rule-body.ts"
import type { SetSpec, Types } from "./sets.ts"

/** `ip saddr . tcp dport vmap @map` */
export function verdictBy<K extends Types>(fields: FieldsOf<K>, map: SetSpec<K, "verdict">): Statement {
  return body => {
    loadKeyOf(body, map, fields)
    body.add("lookup", { sreg: NFT_REG_1, dreg: NFT_REG_VERDICT, set: map.name })
  }
}

/** Where a packet is sent instead, or comes from. */
export interface Endpoint {
  readonly address: Address
  /** Absent: it stays. */
  readonly port?: number
}

/** `dnat ip to 10.1.0.5:80` */
export const dnat =
  (to: Endpoint): Statement =>
  body =>
    translate(body, NFT_NAT_DNAT, to)

/** `snat ip to 10.1.0.1` */
export const snat =
  (to: Endpoint): Statement =>
  body =>
    translate(body, NFT_NAT_SNAT, to)

const natFamily = (isIpv4: boolean): number => (isIpv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)

/** NF_NAT_RANGE_PROTO_SPECIFIED of linux/netfilter/nf_nat.h, as nft says it of a constant port. */
const PROTO_SPECIFIED = 2

function translate(body: RuleBody, type: number, { address, port }: Endpoint): void {
  const family = natFamily(address.family === 4)
  body.add("immediate", { dreg: NFT_REG_1, data: { value: encodeAddress(address) } })
  if (port === undefined) {
    body.add("nat", { type, family, address: NFT_REG_1 })
  } else {
    body.add("immediate", { dreg: NFT_REG_2, data: { value: encodeValue(inetService, port) } })
    body.add("nat", { type, family, address: NFT_REG_1, port: NFT_REG_2, flags: PROTO_SPECIFIED })
  }
}

/** `dnat ip to meta l4proto . th dport map @ports` */
export function dnatBy<K extends Types>(
  fields: FieldsOf<K>,
  map: SetSpec<K, readonly [typeof ipv4Addr | typeof ipv6Addr, typeof inetService]>,
): Statement {
  return body => {
    const address = map.value?.[0] ?? ipv4Addr
    loadKeyOf(body, map, fields)
    body.add("lookup", { sreg: NFT_REG_1, dreg: NFT_REG_1, set: map.name })
    const [family, port] = [natFamily(address.id === ipv4Addr.id), registerOf(address.size / 4)]
    body.add("nat", { type: NFT_NAT_DNAT, family, address: NFT_REG_1, port })
  }
}

/** `masquerade` */
export const masquerade = (): Statement => body => body.add("masq", {})

/** `reject`: drops the packet and answers that there is no such port. */
export const reject = (): Statement => body => {
  if (body.family === "inet" || body.family === "bridge") {
    body.add("reject", { type: NFT_REJECT_ICMPX_UNREACH, code: NFT_REJECT_ICMPX_PORT_UNREACH })
  } else {
    // ICMP_PORT_UNREACH and ICMPV6_PORT_UNREACH of linux/icmp.h and linux/icmpv6.h.
    body.add("reject", { type: NFT_REJECT_ICMP_UNREACH, code: body.family === "ip" ? 3 : 4 })
  }
}

/** `counter` */
export const counter = (): Statement => body => body.add("counter", {})

/** `log prefix "…"` */
export const log =
  (prefix: string): Statement =>
  body =>
    body.add("log", { prefix })

/** `limit rate 10/minute burst 5 packets`: goes on only with so many packets. */
export const limit =
  (rate: number, unitSec: number, burst: number): Statement =>
  body =>
    body.add("limit", { rate, unit: unitSec, burst, type: 0, flags: 0 })

/** `notrack`: conntrack does not see the packet. */
export const notrack = (): Statement => body => body.add("notrack")

/** `meta mark set meta mark | 0x2000` */
export const setMarkBits =
  (bits: number): Statement =>
  body => {
    body.add("meta", { key: NFT_META_MARK, dreg: NFT_REG_1 })
    setBits(body, encodeValue(mark, bits))
    body.add("meta", { key: NFT_META_MARK, sreg: NFT_REG_1 })
  }
