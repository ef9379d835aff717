/** What every message about a link begins with, and the attributes that both ends of a pair are created from (linux/if_link.h). */
import { AttributeTable, attribute } from "../attributes.ts"
import { raw, s32, text, u8, u16, u32 } from "../kinds.ts"
import { Struct } from "../struct.ts"

/** struct ifinfomsg of linux/rtnetlink.h */
export const ifinfomsg = new Struct("ifinfomsg", 16, () => ({
  family: attribute("ifi_family", 0, u8),
  type: attribute("ifi_type", 2, u16),
  index: attribute("ifi_index", 4, s32),
  /** IFF_… */
  flags: attribute("ifi_flags", 8, u32),
  /** Which of the flags a request is about. */
  change: attribute("ifi_change", 12, u32),
}))

/** What a veth's peer may be given as well as a link. */
export const linkEndAttributes = new AttributeTable("link end", () => ({
  mac: attribute("IFLA_ADDRESS", 1, raw),
  name: attribute("IFLA_IFNAME", 3, text(15)),
  /** In bytes. */
  mtu: attribute("IFLA_MTU", 4, u32),
  /** A descriptor of the network namespace to be in. */
  namespace: attribute("IFLA_NET_NS_FD", 28, u32),
}))
