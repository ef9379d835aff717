/** The bridge and its port as the host's stack sees them. */
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import { findSysctl, writeSysctl } from "../../lib/host/sysctl.ts"
import { isSameMac } from "../../lib/net/mac.ts"
import { formatOperstate, isOperational, type Link, type LinkId } from "../../lib/rtnl/link.ts"
import type { Rtnl } from "../../lib/rtnl/rtnl.ts"

/** How long a new port may take to pass frames; it takes about a millisecond. */
const PORT_TIMEOUT_MS = 2_500

/** BR_STATE_DISABLED of linux/if_bridge.h: the bridge has not seen the port's carrier yet. */
const BR_STATE_DISABLED = 0

/** Stops the host from taking a container's word for a router's. @throws {SysError} */
export function ignoreRouters({ name }: LinkId): void {
  const setting = `net/ipv6/conf/${name}/accept_ra`
  const value = findSysctl(setting)
  if (value !== undefined && value !== "0") writeSysctl(setting, "0")
}

/**
 * Waits until frames can pass; with STP they pass later, when the bridge has listened long enough.
 * @returns the port as last seen
 * @throws {CniError}
 */
export function waitForPort(host: Rtnl, veth: Link): Link {
  const isOpen = (link: Link) => isOperational(link) && link.port?.state !== BR_STATE_DISABLED
  const seen = host.links.waitUntil(veth, isOpen, PORT_TIMEOUT_MS)
  if (isOpen(seen)) return seen
  const problem = `bridge port in error state: ${formatOperstate(seen.operstate)}`
  const details = `${veth.name} does not pass frames after ${PORT_TIMEOUT_MS} ms; it was removed again`
  throw new CniError(CniCode.internal, problem, details)
}

/**
 * Tells what a bridge is like with its new port, to whose MTU the kernel may have fitted it. A bridge that was made without
 * a MAC of its own may have taken the port's: it gets back what it had, for good, since its neighbours must not notice.
 * @throws {NetlinkError}
 */
export function settleBridge({ links }: Rtnl, bridge: Link, { mtu, port }: Link): Link {
  const { bridgeMac = bridge.mac } = port ?? {}
  if (!isSameMac(bridgeMac, bridge.mac)) links.change(bridge, { mac: bridge.mac })
  return mtu === bridge.mtu ? bridge : links.get(bridge.index)
}

/** Gives a bridge that has lost its new port again the MAC that it had before. @throws {NetlinkError} */
export function restoreMac({ links }: Rtnl, bridge: Link): void {
  const found = links.find(bridge.index)
  if (found !== undefined && !isSameMac(found.mac, bridge.mac)) links.change(bridge, { mac: bridge.mac })
}
