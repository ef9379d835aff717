/** What all of netfilter's netlink subsystems share (linux/netfilter/nfnetlink.h, linux/netfilter.h). */
import { AttributeTable, attribute } from "../attributes.ts"
import { u8, u16be, u32be } from "../kinds.ts"
import { messageType } from "../message.ts"
import { Struct } from "../struct.ts"

export const NETLINK_NETFILTER = 12

export const NFNL_SUBSYS_NFTABLES = 10

export const NFPROTO_INET = 1
export const NFPROTO_IPV4 = 2
export const NFPROTO_BRIDGE = 7
export const NFPROTO_IPV6 = 10

/** What netfilter's messages begin with. */
export const nfgenmsg = new Struct("nfgenmsg", 4, () => ({
  /** NFPROTO_… */
  family: attribute("nfgen_family", 0, u8),
  /** NFNL_SUBSYS_…, of a batch's first and last message. */
  subsystem: attribute("res_id", 2, u16be),
}))

/** What is told of a batch. */
export const batchAttributes = new AttributeTable("batch", () => ({
  /** The generation it was planned on: with another one in force it is refused with ERESTART. */
  generation: attribute("NFNL_BATCH_GENID", 1, u32be),
}))

export const NFNL_MSG_BATCH_BEGIN = messageType("NFNL_MSG_BATCH_BEGIN", 16, nfgenmsg, batchAttributes)
export const NFNL_MSG_BATCH_END = messageType("NFNL_MSG_BATCH_END", 17, nfgenmsg, batchAttributes)
