/** Messages about interface addresses (linux/if_addr.h, linux/rtnetlink.h). */
import { AttributeTable, attribute } from "../attributes.ts"
import { raw, u8, u32 } from "../kinds.ts"
import { messageType } from "../message.ts"
import { Struct } from "../struct.ts"

export const RTNLGRP_IPV6_IFADDR = 9

/** Use the address at once, without looking for a duplicate. */
export const IFA_F_NODAD = 0x02
export const IFA_F_DADFAILED = 0x08
export const IFA_F_TENTATIVE = 0x40

/** What messages about addresses begin with. */
export const ifaddrmsg = new Struct("ifaddrmsg", 8, () => ({
  family: attribute("ifa_family", 0, u8),
  prefixLength: attribute("ifa_prefixlen", 1, u8),
  /** Eight of the flags; IFA_FLAGS has them all. */
  flags: attribute("ifa_flags", 2, u8),
  scope: attribute("ifa_scope", 3, u8),
  index: attribute("ifa_index", 4, u32),
}))

/** What is told of an address. */
export const addressAttributes = new AttributeTable("address", () => ({
  /** The interface's own address, or the other end's where `local` is its own. */
  address: attribute("IFA_ADDRESS", 1, raw),
  local: attribute("IFA_LOCAL", 2, raw),
  broadcast: attribute("IFA_BROADCAST", 4, raw),
  flags: attribute("IFA_FLAGS", 8, u32),
}))

export const RTM_NEWADDR = messageType("RTM_NEWADDR", 20, ifaddrmsg, addressAttributes)
export const RTM_DELADDR = messageType("RTM_DELADDR", 21, ifaddrmsg, addressAttributes)
export const RTM_GETADDR = messageType("RTM_GETADDR", 22, ifaddrmsg, addressAttributes)
