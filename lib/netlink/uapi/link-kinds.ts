/**
 * What is told of a link by its kind (IFLA_INFO_DATA) and by the kind of its master (IFLA_INFO_SLAVE_DATA).
 * A new kind is a table and a row in one of the lists at the end (linux/if_link.h, linux/veth.h).
 */
import { AttributeTable, attribute } from "../attributes.ts"
import { raw, structAndNest, u8, u16 } from "../kinds.ts"
import { ifinfomsg, linkEndAttributes } from "./link-end.ts"

/** What is told of a bridge. */
export const bridgeData = new AttributeTable("bridge", () => ({
  vlanFiltering: attribute("IFLA_BR_VLAN_FILTERING", 7, u8),
  /** The VLAN that new ports are in; 0 for none. */
  defaultPvid: attribute("IFLA_BR_VLAN_DEFAULT_PVID", 39, u16),
}))

/** What a veth pair is made of. */
export const vethData = new AttributeTable("veth", () => ({
  peer: attribute("VETH_INFO_PEER", 1, structAndNest(ifinfomsg, linkEndAttributes)),
}))

/** What a bridge tells of its port. */
export const bridgePortData = new AttributeTable("bridge port", () => ({
  /** BR_STATE_… */
  state: attribute("IFLA_BRPORT_STATE", 1, u8),
  /** Whether frames may leave by the port they came from. */
  hairpin: attribute("IFLA_BRPORT_MODE", 4, u8),
  /** Two bytes of priority, and the MAC of the segment's bridge, which is the port's own unless STP chose another. */
  bridgeId: attribute("IFLA_BRPORT_BRIDGE_ID", 14, raw),
  isolated: attribute("IFLA_BRPORT_ISOLATED", 33, u8),
}))

/** Tables by IFLA_INFO_KIND. */
export const linkKinds = { bridge: bridgeData, veth: vethData }

/** Tables by IFLA_INFO_SLAVE_KIND. */
export const portKinds = { bridge: bridgePortData }

/** linux/if_bridge.h */
export const BR_STATE_FORWARDING = 3
