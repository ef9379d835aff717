/** The attachment's veth pair. Its name on the host comes from the attachment, so that it is found again without memory. */
import { CniCode, CniError } from "../../lib/cni/errors.ts"
import type { DelRequest } from "../../lib/cni/interface-plugin.ts"
import type { Undo } from "../../lib/cni/undo.ts"
import { type Attachment, formatOwner, HOST_VETH_NAMES, hostVethName } from "../../lib/host/owner.ts"
import { randomMac } from "../../lib/host/random-mac.ts"
import type { Sandbox } from "../../lib/host/sandbox.ts"
import { isSameMac } from "../../lib/net/mac.ts"
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
 * @param undo gets the pair's removal before the request goes out, since the kernel's answer may be lost
 * @returns the host's end
 * @throws {CniError} if the container has an interface of that name
 * @throws {NetlinkError}
 */
export function createVeth(
  host: Rtnl,
  sandbox: Sandbox,
  spec: VethSpec,
  undo: Undo,
): Link & { readonly peerIndex: number } {
  const { attachment, bridge, mtu } = spec
  const peer = { name: attachment.ifname, mac: spec.mac, mtu, namespace: sandbox.fd }
  const mac = randomMac()
  for (let attempt = 0; ; attempt++) {
    const name = hostVethName(attachment, attempt)
    undo.push(`veth ${name}`, () => removeEnd(host, name, mac))
    try {
      const link = host.links.createVethPair({ name, mac, mtu, master: bridge.index, isUp: true }, peer)
      if (link.peerIndex !== undefined) return { ...link, peerIndex: link.peerIndex }
      return { ...link, peerIndex: sandbox.rtnl.links.get(attachment.ifname).index }
    } catch (error) {
      if (!isRefusal(error, "EEXIST")) throw error
      refuseTakenName(sandbox, attachment)
      if (attempt + 1 === HOST_VETH_NAMES) throw error
    }
  }
}

/** Its MAC tells the host's end from somebody else's link of that name. */
function removeEnd({ links }: Rtnl, name: string, mac: Uint8Array): void {
  const found = links.find(name)
  if (found !== undefined && isSameMac(found.mac, mac)) links.remove(found.index)
}

/**
 * Refuses an attachment whose interface the container has already, before anything is done: taking back what such an ADD began
 * would free the addresses of the one that is there.
 * @throws {CniError}
 * @throws {SysError} if CNI_NETNS is a namespace of another kind
 */
export function refuseTakenName(sandbox: Sandbox, attachment: Attachment): void {
  const { ifname } = attachment
  if (sandbox.rtnl.links.find(ifname) === undefined) return
  const problem = `container veth name ("${ifname}") peer provided ("${hostVethName(attachment, 0)}") already exists`
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
  if (sandbox !== undefined && inside !== undefined && isOwn(inside, owner, { host, sandbox: sandbox.rtnl })) {
    sandbox.rtnl.links.remove(inside.index)
    return
  }
  for (let attempt = 0; attempt < HOST_VETH_NAMES; attempt++) {
    const outside = host.links.find(hostVethName(attachment, attempt))
    if (outside?.alias === owner) host.links.remove(outside.index)
  }
}

/**
 * Tells whether an interface is one end of a pair whose other end belongs to `owner`. A pair that leads to the host and has no
 * owner's name is the reference plugin's, or an ADD was killed before it could write it.
 */
function isOwn(inside: Link, owner: string, { host, sandbox }: { host: Rtnl; sandbox: Rtnl }): boolean {
  const home = inside.peerNamespace === undefined ? sandbox : host
  const outside = inside.peerIndex === undefined ? undefined : home.links.find(inside.peerIndex)
  const isPair = inside.kind === "veth" && outside?.kind === "veth" && outside.peerIndex === inside.index
  const alias = isPair ? outside.alias : "it is no veth that leads to the host"
  const isOwn = alias === owner || (alias === undefined && home === host)
  if (!isOwn) warn(`interface ${inside.name} is not this attachment's (${alias}): it stays`)
  return isOwn
}
