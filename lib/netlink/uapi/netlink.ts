/** What all netlink families share (linux/netlink.h). */
import { AttributeTable, attribute } from "../attributes.ts"
import { text, u32 } from "../kinds.ts"

export const AF_NETLINK = 16
export const SOL_NETLINK = 270

export const NETLINK_ROUTE = 0

export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_DROP_MEMBERSHIP = 2
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

export const NLMSG_NOOP = 1
export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSG_OVERRUN = 4

export const NLM_F_REQUEST = 0x01
export const NLM_F_ACK = 0x04
export const NLM_F_ECHO = 0x08
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_DUMP = 0x300
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
export const NLM_F_CAPPED = 0x100
export const NLM_F_ACK_TLVS = 0x200

/** The extended ACK, behind NLMSG_ERROR's or NLMSG_DONE's errno. */
export const extendedAck = new AttributeTable("extended ACK", () => ({
  text: attribute("NLMSGERR_ATTR_MSG", 1, text(255)),
  /** Where the attribute at fault begins, from the request's first byte. */
  offset: attribute("NLMSGERR_ATTR_OFFS", 2, u32),
}))
