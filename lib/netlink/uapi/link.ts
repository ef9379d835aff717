/** Messages about links (linux/if_link.h, linux/if.h, linux/rtnetlink.h; rtnetlink(7)). */
import { AttributeTable, attribute } from "../attributes.ts"
import { nest, nestBy, s32, text, u8, u32 } from "../kinds.ts"
import { messageType } from "../message.ts"
import { ifinfomsg, linkEndAttributes } from "./link-end.ts"
import { linkKinds, portKinds } from "./link-kinds.ts"

export const RTNLGRP_LINK = 1

export const IFF_UP = 0x1
export const IFF_PROMISC = 0x100
export const IFF_ALLMULTI = 0x200

export const IF_OPER_UNKNOWN = 0
export const IF_OPER_UP = 6

/** Leaves the counters out of the answer, most of its bytes. */
export const RTEXT_FILTER_SKIP_STATS = 8

/** What is told of a link by its kind and its master's. */
export const linkInfo = new AttributeTable("link info", () => ({
  kind: attribute("IFLA_INFO_KIND", 1, text(63)),
  data: attribute(
    "IFLA_INFO_DATA",
    2,
    nestBy("kind", () => linkKinds),
  ),
  portKind: attribute("IFLA_INFO_SLAVE_KIND", 4, text(63)),
  portData: attribute(
    "IFLA_INFO_SLAVE_DATA",
    5,
    nestBy("portKind", () => portKinds),
  ),
}))

/** What is told of a link. */
export const linkAttributes = new AttributeTable("link", () => ({
  ...linkEndAttributes.rows,
  /** The index of the peer or the lower device. */
  lower: attribute("IFLA_LINK", 5, u32),
  /** The index of the bridge or other master; 0 takes it away. */
  master: attribute("IFLA_MASTER", 10, u32),
  /** In packets. */
  txQueueLength: attribute("IFLA_TXQLEN", 13, u32),
  /** IF_OPER_… */
  operstate: attribute("IFLA_OPERSTATE", 16, u8),
  info: attribute("IFLA_LINKINFO", 18, nest(linkInfo)),
  /** A free text, "" takes it away. */
  alias: attribute("IFLA_IFALIAS", 20, text(255)),
  /** RTEXT_FILTER_…: what a request wants to be told, or not. */
  filter: attribute("IFLA_EXT_MASK", 29, u32),
  /** Which namespace `lower` is in, by the number it has here; absent if it is this one. */
  lowerNamespace: attribute("IFLA_LINK_NETNSID", 37, s32),
}))

export const RTM_NEWLINK = messageType("RTM_NEWLINK", 16, ifinfomsg, linkAttributes)
export const RTM_DELLINK = messageType("RTM_DELLINK", 17, ifinfomsg, linkAttributes)
export const RTM_GETLINK = messageType("RTM_GETLINK", 18, ifinfomsg, linkAttributes)
