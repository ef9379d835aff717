/**
 * The expressions that rules are made of: small steps between registers. Each is a table, chosen by NFTA_EXPR_NAME; a new one is
 * a table and a word in the list at the end (linux/netfilter/nf_tables.h). Integers are in network order.
 */
import { AttributeTable, attribute } from "../attributes.ts"
import { nest, nestBy, text, u8, u32be, u64be } from "../kinds.ts"
import { dataAttributes } from "./nf-tables-data.ts"

export const NFT_REG_VERDICT = 0
export const NFT_REG_1 = 1
export const NFT_REG_2 = 2
export const NFT_REG32_00 = 8

export const NFT_PAYLOAD_LL_HEADER = 0
export const NFT_PAYLOAD_NETWORK_HEADER = 1
export const NFT_PAYLOAD_TRANSPORT_HEADER = 2

export const NFT_CMP_EQ = 0
export const NFT_CMP_NEQ = 1

export const NFT_LOOKUP_F_INV = 1

export const NFT_META_PROTOCOL = 1
export const NFT_META_MARK = 3
export const NFT_META_IIFNAME = 6
export const NFT_META_OIFNAME = 7
export const NFT_META_IIFTYPE = 8
export const NFT_META_NFPROTO = 15
export const NFT_META_L4PROTO = 16

export const NFT_CT_STATE = 0
export const NFT_CT_STATUS = 2

export const NFT_FIB_RESULT_ADDRTYPE = 3
export const NFTA_FIB_F_DADDR = 2

export const NFT_NAT_SNAT = 0
export const NFT_NAT_DNAT = 1

export const NFT_REJECT_ICMP_UNREACH = 0
export const NFT_REJECT_ICMPX_UNREACH = 2
export const NFT_REJECT_ICMPX_PORT_UNREACH = 1

const bitwise = new AttributeTable("bitwise", () => ({
  sreg: attribute("NFTA_BITWISE_SREG", 1, u32be),
  dreg: attribute("NFTA_BITWISE_DREG", 2, u32be),
  /** In bytes. */
  length: attribute("NFTA_BITWISE_LEN", 3, u32be),
  mask: attribute("NFTA_BITWISE_MASK", 4, nest(dataAttributes)),
  xor: attribute("NFTA_BITWISE_XOR", 5, nest(dataAttributes)),
}))

const cmp = new AttributeTable("cmp", () => ({
  sreg: attribute("NFTA_CMP_SREG", 1, u32be),
  /** NFT_CMP_… */
  op: attribute("NFTA_CMP_OP", 2, u32be),
  data: attribute("NFTA_CMP_DATA", 3, nest(dataAttributes)),
}))

const counter = new AttributeTable("counter", () => ({}))

const ct = new AttributeTable("ct", () => ({
  dreg: attribute("NFTA_CT_DREG", 1, u32be),
  /** NFT_CT_… */
  key: attribute("NFTA_CT_KEY", 2, u32be),
}))

const fib = new AttributeTable("fib", () => ({
  dreg: attribute("NFTA_FIB_DREG", 1, u32be),
  /** NFT_FIB_RESULT_… */
  result: attribute("NFTA_FIB_RESULT", 2, u32be),
  /** NFTA_FIB_F_… */
  flags: attribute("NFTA_FIB_FLAGS", 3, u32be),
}))

const immediate = new AttributeTable("immediate", () => ({
  dreg: attribute("NFTA_IMMEDIATE_DREG", 1, u32be),
  data: attribute("NFTA_IMMEDIATE_DATA", 2, nest(dataAttributes)),
}))

const limit = new AttributeTable("limit", () => ({
  /** Packets in one unit. */
  rate: attribute("NFTA_LIMIT_RATE", 1, u64be),
  /** In seconds. */
  unit: attribute("NFTA_LIMIT_UNIT", 2, u64be),
  /** Packets. */
  burst: attribute("NFTA_LIMIT_BURST", 3, u32be),
  type: attribute("NFTA_LIMIT_TYPE", 4, u32be),
  flags: attribute("NFTA_LIMIT_FLAGS", 5, u32be),
}))

const log = new AttributeTable("log", () => ({
  prefix: attribute("NFTA_LOG_PREFIX", 2, text(127)),
}))

const lookup = new AttributeTable("lookup", () => ({
  set: attribute("NFTA_LOOKUP_SET", 1, text(255)),
  sreg: attribute("NFTA_LOOKUP_SREG", 2, u32be),
  /** Where a map's data go. */
  dreg: attribute("NFTA_LOOKUP_DREG", 3, u32be),
  /** Of a set that is made by the same transaction. */
  setId: attribute("NFTA_LOOKUP_SET_ID", 4, u32be),
  flags: attribute("NFTA_LOOKUP_FLAGS", 5, u32be),
}))

const masq = new AttributeTable("masq", () => ({}))

const meta = new AttributeTable("meta", () => ({
  dreg: attribute("NFTA_META_DREG", 1, u32be),
  /** NFT_META_… */
  key: attribute("NFTA_META_KEY", 2, u32be),
  /** Instead of `dreg`: the packet's property is set from it. */
  sreg: attribute("NFTA_META_SREG", 3, u32be),
}))

const nat = new AttributeTable("nat", () => ({
  /** NFT_NAT_… */
  type: attribute("NFTA_NAT_TYPE", 1, u32be),
  /** NFPROTO_… */
  family: attribute("NFTA_NAT_FAMILY", 2, u32be),
  /** The register that holds the address. */
  address: attribute("NFTA_NAT_REG_ADDR_MIN", 3, u32be),
  /** The register that holds the port. */
  port: attribute("NFTA_NAT_REG_PROTO_MIN", 5, u32be),
  /** NF_NAT_RANGE_… */
  flags: attribute("NFTA_NAT_FLAGS", 7, u32be),
}))

const notrack = new AttributeTable("notrack", () => ({}))

const payload = new AttributeTable("payload", () => ({
  dreg: attribute("NFTA_PAYLOAD_DREG", 1, u32be),
  /** NFT_PAYLOAD_… */
  base: attribute("NFTA_PAYLOAD_BASE", 2, u32be),
  /** In bytes. */
  offset: attribute("NFTA_PAYLOAD_OFFSET", 3, u32be),
  /** In bytes. */
  length: attribute("NFTA_PAYLOAD_LEN", 4, u32be),
}))

const reject = new AttributeTable("reject", () => ({
  /** NFT_REJECT_… */
  type: attribute("NFTA_REJECT_TYPE", 1, u32be),
  code: attribute("NFTA_REJECT_ICMP_CODE", 2, u8),
}))

/** Tables by NFTA_EXPR_NAME. */
export const expressions = {
  ...{ bitwise, cmp, counter, ct, fib, immediate, limit, log },
  ...{ lookup, masq, meta, nat, notrack, payload, reject },
}

/** One expression. */
export const expressionAttributes = new AttributeTable("expression", () => ({
  name: attribute("NFTA_EXPR_NAME", 1, text(31)),
  data: attribute(
    "NFTA_EXPR_DATA",
    2,
    nestBy("name", () => expressions),
  ),
}))
