/** Routes. Those of the reference plugins are added, not replaced: one destination may have several gateways. */
import {
  type Address,
  addressOfWords,
  compareAddresses,
  decodeAddress,
  encodeAddress,
  formatAddress,
} from "../net/address.ts"
import { addressBits, formatPrefix, networkAddress, type Prefix } from "../net/prefix.ts"
import { isRefusal } from "../netlink/errors.ts"
import type { ReplyTo, RequestOf } from "../netlink/message.ts"
import type { NetlinkSocket } from "../netlink/socket.ts"
import { AF_INET6 } from "../netlink/uapi/families.ts"
import { NLM_F_CREATE } from "../netlink/uapi/netlink.ts"
import {
  type NextHop,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTPROT_BOOT,
  RTPROT_RA,
} from "../netlink/uapi/route.ts"
import { familyNumber } from "./family.ts"
import type { LinkId } from "./link.ts"

/** A route to create; what is undefined is the kernel's default. */
export interface RouteSpec {
  readonly destination: Prefix
  /** Undefined: the destination is on the link. */
  readonly gateway?: Address | undefined
  readonly link: LinkId
  /** The metric; lower is preferred. */
  readonly priority?: number | undefined
  /** Undefined: the main table. */
  readonly table?: number | undefined
  /** RT_SCOPE_…; undefined: universe, even without a gateway, as in the reference. */
  readonly scope?: number | undefined
  /** In bytes. */
  readonly mtu?: number | undefined
  /** In bytes. */
  readonly advmss?: number | undefined
}

/** One way of a route. */
export interface Hop {
  /** The index of the interface that packets leave by; undefined of a route that drops them. */
  readonly index: number | undefined
  readonly gateway: Address | undefined
}

/** A route as the kernel has it. */
export interface Route {
  readonly destination: Prefix
  readonly hops: readonly Hop[]
  readonly priority: number
  readonly table: number
  /** RTPROT_…: who made it. */
  readonly protocol: number
  /** RT_SCOPE_… */
  readonly scope: number
}

/** Which routes to list. */
export interface RouteFilter {
  readonly family: 4 | 6
  readonly table?: number
  /** The interface that packets leave by. */
  readonly link?: LinkId
  /** RTPROT_… */
  readonly protocol?: number
}

/** The routes that a routing netlink socket sees. */
export class Routes {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Adds a route beside those of other gateways. @throws {NetlinkError} EEXIST if there is the very same */
  create(route: RouteSpec): void {
    const {
      destination,
      gateway,
      link,
      priority,
      table = RT_TABLE_MAIN,
      scope = RT_SCOPE_UNIVERSE,
      mtu,
      advmss,
    } = route
    const { address, length } = destination
    const message = {
      type: RTM_NEWROUTE,
      flags: NLM_F_CREATE,
      header: {
        family: familyNumber(address.family),
        destinationLength: length,
        table: headerTable(table),
        protocol: RTPROT_BOOT,
        scope,
        type: RTN_UNICAST,
      },
      attributes: {
        destination: length === 0 ? undefined : encodeAddress(networkAddress(destination)),
        gateway: gateway && encodeAddress(gateway),
        output: link.index,
        priority,
        table: table < 256 ? undefined : table,
        metrics: mtu === undefined && advmss === undefined ? undefined : { mtu, advmss },
      },
    }
    this.#socket.request(message, formatRoute(route))
  }

  /**
   * Finds a route in a table that leads where `wanted` does, by its link, and by its gateway and priority if it has any.
   * @throws {NetlinkError}
   */
  find(wanted: RouteSpec): Route | undefined {
    const { destination, gateway, link, priority, table = RT_TABLE_MAIN } = wanted
    const network = networkAddress(destination)
    return this.list({ family: destination.address.family, table, link }).find(
      route =>
        route.destination.length === destination.length &&
        compareAddresses(route.destination.address, network) === 0 &&
        (priority ?? route.priority) === route.priority &&
        route.hops.some(hop => hop.index === link.index && (!gateway || isSame(hop.gateway, gateway))),
    )
  }

  /**
   * Lists routes of one family, all that fit what else is given. The kernel filters, from 4.20 on.
   * @throws {NetlinkError}
   */
  list({ family, table, link, protocol }: RouteFilter): Route[] {
    const message = {
      type: RTM_GETROUTE,
      header: { family: familyNumber(family), table: headerTable(table ?? 0), protocol: protocol ?? 0 },
      attributes: { table, output: link?.index },
    }
    const subject = `table ${table ?? "all"} dev ${link?.name ?? "all"}`
    return this.#dump(message, subject)
      .map(routeOf)
      .filter(
        route =>
          (table ?? route.table) === route.table &&
          (protocol ?? route.protocol) === route.protocol &&
          (!link || route.hops.some(hop => hop.index === link.index)),
      )
  }

  /** Lists the IPv6 default routes learnt from routers' advertisements, in all tables. @throws {NetlinkError} */
  listLearntDefaults(): Route[] {
    return this.list({ family: 6, protocol: RTPROT_RA }).filter(route => route.destination.length === 0)
  }

  /** Tells which way packets to an address go; undefined if there is none. @throws {NetlinkError} */
  findWay(address: Address): Hop | undefined {
    const header = { family: familyNumber(address.family), destinationLength: addressBits(address) }
    const attributes = { destination: encodeAddress(address) }
    try {
      const reply = this.#socket.get({ type: RTM_GETROUTE, header, attributes }, `to ${formatAddress(address)}`)
      return routeOf(reply).hops[0]
    } catch (error) {
      if (isRefusal(error, "ENETUNREACH", "EHOSTUNREACH")) return undefined
      throw error
    }
  }

  #dump(message: RouteRequest, subject: string): ReplyTo<typeof RTM_GETROUTE>[] {
    const { family } = message.header
    try {
      return this.#socket.dump(
        message,
        subject,
        header => header.family === family && (header.flags & RTM_F_CLONED) === 0,
      )
    } catch (error) {
      // There is no table of this number until something is put into it.
      if (isRefusal(error, "ENOENT")) return []
      throw error
    }
  }
}

type RouteRequest = RequestOf<typeof RTM_GETROUTE>

/** Tables have 32 bits; the header has room for 8. */
function headerTable(table: number): number {
  return table < 256 ? table : RT_TABLE_UNSPEC
}

function isSame(a: Address | undefined, b: Address): boolean {
  return a !== undefined && compareAddresses(a, b) === 0
}

function routeOf({ header, attributes }: ReplyTo<typeof RTM_GETROUTE>): Route {
  const { destination, gateway, output, nextHops, priority = 0, table = header.table } = attributes
  const any = header.family === AF_INET6 ? ANY_IPV6 : ANY_IPV4
  return {
    destination: {
      address: destination === undefined ? any : decodeAddress(destination),
      length: header.destinationLength,
    },
    hops: nextHops?.map(hopOf) ?? [{ index: output, gateway: gateway && decodeAddress(gateway) }],
    priority,
    table,
    protocol: header.protocol,
    scope: header.scope,
  }
}

function hopOf({ index, attributes: { gateway } }: NextHop): Hop {
  return { index, gateway: gateway && decodeAddress(gateway) }
}

const ANY_IPV4 = addressOfWords(0, 0, 0xffff, 0)
const ANY_IPV6 = addressOfWords(0, 0, 0, 0)

/** "10.2.0.0/16 via 10.1.0.1 dev eth0" in the words of ip-route(8). */
function formatRoute({ destination, gateway, link, priority, table }: RouteSpec): string {
  return [
    destination.length === 0 ? "default" : formatPrefix(destination),
    gateway && `via ${formatAddress(gateway)}`,
    `dev ${link.name}`,
    priority !== undefined && `metric ${priority}`,
    table !== undefined && `table ${table}`,
  ]
    .filter(Boolean)
    .join(" ")
}
