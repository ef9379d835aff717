/** Routing netlink (rtnetlink(7)): links, addresses, routes and bridge VLANs of one network namespace, by one socket. */
import { openNetlink } from "../netlink/socket.ts"
import { NETLINK_ROUTE } from "../netlink/uapi/netlink.ts"
import { Addresses } from "./addresses.ts"
import { BridgeVlans } from "./bridge-vlans.ts"
import { Links } from "./links.ts"
import { Routes } from "./routes.ts"

/** What is in a network namespace, as long as it is not closed: an open one keeps the namespace and its devices alive. */
export interface Rtnl {
  readonly links: Links
  readonly addresses: Addresses
  readonly routes: Routes
  readonly bridgeVlans: BridgeVlans
  close(): void
}

/**
 * Opens the network namespace that the process is in; it stays that one wherever the process goes.
 * The caller owes a close.
 * @throws {SysError}
 */
export function openRtnl(): Rtnl {
  const socket = openNetlink(NETLINK_ROUTE)
  return {
    links: new Links(socket),
    addresses: new Addresses(socket),
    routes: new Routes(socket),
    bridgeVlans: new BridgeVlans(socket),
    close: () => socket.close(),
  }
}
