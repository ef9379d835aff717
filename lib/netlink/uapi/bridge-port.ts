/** Messages about a bridge's ports in the family AF_BRIDGE (linux/if_bridge.h, linux/if_link.h). */
import { AttributeTable, attribute, attributes } from "../attributes.ts"
import { nest, u16, u32 } from "../kinds.ts"
import { messageType } from "../message.ts"
import { Struct, type StructOf } from "../struct.ts"
import { ifinfomsg } from "./link-end.ts"

/** Tells VLANs in an answer, runs of equal ones by their ends. */
export const RTEXT_FILTER_BRVLAN_COMPRESSED = 4

/** Frames without a tag belong to this VLAN when they come in. */
export const BRIDGE_VLAN_INFO_PVID = 2
/** Frames of this VLAN go out without a tag. */
export const BRIDGE_VLAN_INFO_UNTAGGED = 4
export const BRIDGE_VLAN_INFO_RANGE_BEGIN = 8
export const BRIDGE_VLAN_INFO_RANGE_END = 16

/** One VLAN, or one end of a run of them. */
export const bridgeVlanInfo = new Struct("bridge_vlan_info", 4, () => ({
  flags: attribute("flags", 0, u16),
  vid: attribute("vid", 2, u16),
}))

/** What IFLA_AF_SPEC holds in this family. */
export const bridgeSpecific = new AttributeTable("bridge specific", () => ({
  vlans: attributes<StructOf<typeof bridgeVlanInfo>>("IFLA_BRIDGE_VLAN_INFO", 2, bridgeVlanInfo),
}))

/** What is told of a port; other families read the same numbers otherwise. */
export const bridgePortAttributes = new AttributeTable("bridge port", () => ({
  specific: attribute("IFLA_AF_SPEC", 26, nest(bridgeSpecific)),
  /** RTEXT_FILTER_…: what a request wants to be told. */
  filter: attribute("IFLA_EXT_MASK", 29, u32),
}))

export const RTM_DELLINK = messageType("RTM_DELLINK", 17, ifinfomsg, bridgePortAttributes)
export const RTM_GETLINK = messageType("RTM_GETLINK", 18, ifinfomsg, bridgePortAttributes)
export const RTM_SETLINK = messageType("RTM_SETLINK", 19, ifinfomsg, bridgePortAttributes)
