/**
 * Who owns a thing on the host. Every thing that an attachment has of its own carries its owner: an interface in its alias
 * (IFLA_IFALIAS), where `ip link` shows it. A veth cannot carry one at its creation, so its name is derived from the
 * attachment; DEL and GC find both again with no memory of ADD.
 */
import { encodeUtf8 } from "../sys/streams.ts"

/** One container's interface on one network: what ADD makes and DEL takes away. */
export interface Attachment {
  /** The network's name, from the configuration. */
  readonly network: string
  readonly containerId: string
  readonly ifname: string
}

/** In bytes: IFALIASZ of linux/if.h, less the NUL. */
const ALIAS_LENGTH = 255

const PREFIX = "patchbay"

/**
 * Formats the alias of an attachment's interface: "patchbay NETWORK CONTAINER IFNAME", none of which holds a space.
 * Names too long for an alias are told by hashes.
 */
export function formatOwner({ network, containerId, ifname }: Attachment): string {
  const plain = `${PREFIX} ${network} ${containerId} ${ifname}`
  return encodeUtf8(plain).length <= ALIAS_LENGTH
    ? plain
    : `${PREFIX} #${hex(network, 1)} #${hex(containerId, 2)} ${ifname}`
}

/** Tells whether an alias names an owner on this network, and not one of `valid`. */
export function isStaleOwner(alias: string, network: string, valid: readonly Attachment[]): boolean {
  const words = alias.split(" ")
  const isOurs = words.length === 4 && words[0] === PREFIX && [network, `#${hex(network, 1)}`].includes(words[1] ?? "")
  return isOurs && !valid.some(attachment => formatOwner(attachment) === alias)
}

/**
 * Tells the name of an attachment's veth on the host: "veth" and 8 hexadecimal digits.
 * @param attempt 0, and the next number for the next name if that one is taken
 */
export function hostVethName({ network, containerId, ifname }: Attachment, attempt: number): string {
  return `veth${hex(`${network} ${containerId} ${ifname}`, attempt)}`
}

/** How many names hostVethName() gives before ADD gives up. */
export const HOST_VETH_NAMES = 8

/** 32-bit FNV-1a over the text, mixed as MurmurHash3 ends, as 8 hexadecimal digits. */
function hex(text: string, seed: number): string {
  let hash = 0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, "0")
}
