/** The attachment's veth pair. Its name on the host comes from the attachment, so that it is found again without memory. */
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { DelRequest } from "../../lib/cni/plugin.ts"
import { type Attachment, formatOwner, HOST_VETH_NAMES, hostVethName } from "../../lib/host/owner.ts"
import { randomMac } from "../../lib/host/random-mac.ts"
import type { Sandbox } from "../../lib/host/sandbox.ts"
import { isRefusal } from "../../lib/netlink/errors.ts"
import type { Link } from "../../lib/rtnl/link.ts"
import type { Rtnl } from "../../lib/rtnl/rtnl.ts"
import { warn } from "../../lib/sys/trace.ts"

/** What the pair is made of. */
export interface VethSpec {
  readonly attachment: Attachment
  readonly bridge: Link
  /** In bytes; undefined leaves it to the kernel. */
  readonly mtu: number | undefined
  /** The container end's. */
  readonly mac: Uint8Array
}

/**
 * Creates the pair: the host's end up and a port of the bridge, the container's end down.
 * @returns the host's end
 * @throws {CniError} if the container has an interface of that name
 * @throws {NetlinkError}
 */
export function createVeth(host: Rtnl, sandbox: Sandbox, spec: VethSpec): Link & { readonly peerIndex: number } {
  const { attachment, bridge, mtu, mac } = spec
  const peer = { name: attachment.ifname, mac, mtu, namespace: sandbox.fd }
  for (let attempt = 0; ; attempt++) {
    const name = hostVethName(attachment, attempt)
    try {
      const link = host.links.createVethPair({ name, mac: randomMac(), mtu, master: bridge.index, isUp: true }, peer)
      if (link.peerIndex !== undefined) return { ...link, peerIndex: link.peerIndex }
      return { ...link, peerIndex: sandbox.rtnl.links.get(attachment.ifname).index }
    } catch (error) {
      if (!isRefusal(error, "EEXIST")) throw error
      refuseTakenName(sandbox, attachment, name)
      if (attempt + 1 === HOST_VETH_NAMES) throw error
    }
  }
}

function refuseTakenName(sandbox: Sandbox, { ifname }: Attachment, peer: string): void {
  if (sandbox.rtnl.links.find(ifname) === undefined) return
  const problem = `container veth name ("${ifname}") peer provided ("${peer}") already exists`
  const details = `${sandbox.path} has an interface ${ifname}, which was not touched; DEL removes it if it is this attachment's`
  throw new CniError(CniCode.internal, problem, details)
}

/**
 * Removes the pair by the container's end, or by the host's where the container's cannot be reached.
 * An interface that is somebody else's stays.
 * @throws {NetlinkError | SysError}
 */
export function removeVeth({ attachment, sandbox, host }: DelRequest<unknown>): void {
  const owner = formatOwner(attachment)
  const inside = sandbox?.rtnl.links.find(attachment.ifname)
  if (sandbox !== undefined && inside !== undefined && isOwn(host, inside, owner)) {
    sandbox.rtnl.links.remove(inside.index)
    return
  }
  for (let attempt = 0; attempt < HOST_VETH_NAMES; attempt++) {
    const outside = host.links.find(hostVethName(attachment, attempt))
    if (outside?.alias === owner) host.links.remove(outside.index)
  }
}

/** A pair without an owner's name is the reference plugin's, or an ADD was killed before it could write it. */
function isOwn(host: Rtnl, inside: Link, owner: string): boolean {
  const alias = inside.peerIndex === undefined ? undefined : host.links.find(inside.peerIndex)?.alias
  const isOwn = inside.kind === "veth" && (alias === undefined || alias === owner)
  if (!isOwn)
    warn(`interface ${inside.name} is not this attachment's (${alias ?? inside.kind ?? "hardware"}): it stays`)
  return isOwn
}
