/** One executable of the suite. */
export interface CatalogEntry {
  /** File name of the executable, and the `type` of a configuration that asks for it. */
  readonly name: string
  /** Who runs it: a runtime first in a chain, a runtime later in a chain, or another plugin for addresses. */
  readonly role: "interface" | "chained" | "address"
  /** One sentence for the README's table. */
  readonly summary: string
}

/** Every executable: what build.mjs builds, the tests run and the README lists. */
export const catalog: readonly CatalogEntry[] = [
  {
    name: "bridge",
    role: "interface",
    summary: "Connects the container to a Linux bridge with a veth pair.",
  },
  { name: "loopback", role: "interface", summary: "Brings the container's `lo` up." },
  {
    name: "tuning",
    role: "chained",
    summary: "Sets sysctls of the container's namespace, and MAC, MTU and modes of its interface.",
  },
  {
    name: "host-local",
    role: "address",
    summary: "Hands out addresses from ranges and keeps them in files on the node.",
  },
  { name: "static", role: "address", summary: "Hands out the addresses that the configuration names." },
]
