/** Messages about routes (linux/rtnetlink.h). */
import { CodecError } from "../../bytes/codec-error.ts"
import { AttributeTable, attribute, decodeAttributes, encodeAttributes, type Kind, type Values } from "../attributes.ts"
import { nest, raw, s32, u8, u16, u32 } from "../kinds.ts"
import { messageType } from "../message.ts"
import { Struct } from "../struct.ts"

export const RT_TABLE_UNSPEC = 0
export const RT_TABLE_MAIN = 254

export const RTPROT_BOOT = 3
/** Learnt from a router advertisement. */
export const RTPROT_RA = 9

export const RTN_UNICAST = 1

export const RT_SCOPE_UNIVERSE = 0

/** The route is an entry of the cache. */
export const RTM_F_CLONED = 0x200

/** What messages about routes begin with. */
export const rtmsg = new Struct("rtmsg", 12, () => ({
  family: attribute("rtm_family", 0, u8),
  destinationLength: attribute("rtm_dst_len", 1, u8),
  /** RTA_TABLE has it whole. */
  table: attribute("rtm_table", 4, u8),
  protocol: attribute("rtm_protocol", 5, u8),
  scope: attribute("rtm_scope", 6, u8),
  type: attribute("rtm_type", 7, u8),
  flags: attribute("rtm_flags", 8, u32),
}))

/** What RTA_METRICS holds. */
export const routeMetrics = new AttributeTable("metrics", () => ({
  /** In bytes. */
  mtu: attribute("RTAX_MTU", 2, u32),
  /** In bytes. */
  advmss: attribute("RTAX_ADVMSS", 8, u32),
}))

/** What each way in RTA_MULTIPATH begins with. */
export const rtnexthop = new Struct("rtnexthop", 8, () => ({
  /** In bytes, with the attributes behind it. */
  length: attribute("rtnh_len", 0, u16),
  index: attribute("rtnh_ifindex", 4, s32),
}))

/** What is told of one way. */
export const nextHopAttributes = new AttributeTable("next hop", () => ({
  gateway: attribute("RTA_GATEWAY", 5, raw),
}))

/** One of a route's ways: the interface's index and what is told of it. */
export interface NextHop {
  readonly index: number
  readonly attributes: Values<typeof nextHopAttributes>
}

const nextHops: Kind<readonly NextHop[]> = {
  encode(writer, hops) {
    for (const { index, attributes } of hops) {
      const start = writer.length
      rtnexthop.encode(writer, { index })
      encodeAttributes(writer, nextHopAttributes, attributes)
      writer.patchU16(start, writer.length - start)
    }
  },
  decode(reader) {
    const hops: NextHop[] = []
    const { end } = reader
    while (reader.at < end) {
      const start = reader.at
      const { length, index } = rtnexthop.decode(reader)
      const next = start + length
      if (length < rtnexthop.size || next > end) {
        throw new CodecError("", `a next hop claims ${length} of ${end - start} bytes`)
      }
      reader.end = next
      hops.push({ index, attributes: decodeAttributes(reader, nextHopAttributes) })
      reader.end = end
    }
    return hops
  },
}

/** What is told of a route. */
export const routeAttributes = new AttributeTable("route", () => ({
  destination: attribute("RTA_DST", 1, raw),
  /** The index of the interface that packets leave by. */
  output: attribute("RTA_OIF", 4, u32),
  gateway: attribute("RTA_GATEWAY", 5, raw),
  priority: attribute("RTA_PRIORITY", 6, u32),
  source: attribute("RTA_PREFSRC", 7, raw),
  metrics: attribute("RTA_METRICS", 8, nest(routeMetrics)),
  /** Instead of `output` and `gateway`, where there are several ways. */
  nextHops: attribute("RTA_MULTIPATH", 9, nextHops),
  table: attribute("RTA_TABLE", 15, u32),
}))

export const RTM_NEWROUTE = messageType("RTM_NEWROUTE", 24, rtmsg, routeAttributes)
export const RTM_GETROUTE = messageType("RTM_GETROUTE", 26, rtmsg, routeAttributes)
