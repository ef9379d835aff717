// A network that takes its addresses from host-local, for tests that compare ours with the reference plugin and look at
// the files that both keep. A pool is in a world's /var/lib/cni, which is a tmpfs of its own; the plugin does not care
// which namespace it is told, so one container stands for all.

import { lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import type { World } from "./namespaces.ts"
import { type Answer, attachment, cni, type Invocation, resultOf, startCni } from "./plugin.ts"
import { ensureReference } from "./reference.ts"

/** The container namespace that every world of these tests has. */
export const CONTAINER = "c1"

/** Which plugin is run: ours, or the reference's of Debian sid. */
export type Maker = "ours" | "reference"

/** What a pool is made of. */
export interface PoolOptions {
  /** Keys of `ipam`; absent: the range 10.1.2.0/24. */
  readonly ipam?: object
  /** Keys of the configuration beside `ipam`. */
  readonly more?: object
  /** The network's name; absent: "net". */
  readonly network?: string
  /** Absolute path inside the world; absent: host-local's own default. */
  readonly dataDir?: string
  readonly cniVersion?: string
}

/** What differs in one call. */
export interface CallOptions {
  readonly by?: Maker
  /** Absent: "eth0". */
  readonly ifname?: string
  /** CNI_ARGS. */
  readonly args?: string
  /** Further keys of the configuration, in place of the pool's. */
  readonly config?: object
  readonly prevResult?: unknown
  readonly launcher?: readonly string[]
  readonly timeoutMs?: number
}

/** One network of one world. */
export class AddressPool {
  readonly world: World
  readonly #options: PoolOptions

  constructor(world: World, options: PoolOptions = {}) {
    this.world = world
    this.#options = options
  }

  /** The same network with other options. */
  with(options: PoolOptions): AddressPool {
    return new AddressPool(this.world, { ...this.#options, ...options })
  }

  get network(): string {
    return this.#options.network ?? "net"
  }

  get dataDir(): string {
    return this.#options.dataDir ?? "/var/lib/cni/networks"
  }

  /** The configuration that calls pass on stdin. */
  get config(): Record<string, unknown> {
    const { ipam = { ranges: [[{ subnet: "10.1.2.0/24" }]] }, more, dataDir, cniVersion = "1.1.0" } = this.#options
    const place = dataDir === undefined ? {} : { dataDir }
    return { cniVersion, name: this.network, type: "any", ipam: { type: "host-local", ...place, ...ipam }, ...more }
  }

  /** Runs a verb for a container. */
  call(verb: string, containerId: string, options: CallOptions = {}): Answer {
    return cni(this.world, this.invocation(verb, containerId, options))
  }

  /** Starts a verb for a container. */
  start(verb: string, containerId: string, options: CallOptions = {}): Promise<Answer> {
    return startCni(this.world, this.invocation(verb, containerId, { timeoutMs: 60_000, ...options }))
  }

  /** Runs an ADD that must succeed, and gives its addresses without their prefix lengths. */
  add(containerId: string, options: CallOptions = {}): string[] {
    return addressesOf(this.call("ADD", containerId, options))
  }

  /** Runs a GC; absent: it says nothing about attachments. */
  gc(valid?: readonly (readonly [containerId: string, ifname: string])[] | null, options: CallOptions = {}): Answer {
    const list = valid?.map(([containerID, ifname]) => ({ containerID, ifname })) ?? valid
    const config = { ...(list !== undefined && { "cni.dev/valid-attachments": list }), ...options.config }
    return this.call("GC", "", { ...options, config })
  }

  /** What a call is made of. */
  invocation(verb: string, containerId: string, options: CallOptions): Invocation & { config: object; netns: string } {
    const { by = "ours", ifname = "eth0", config, prevResult, ...rest } = options
    return {
      ...rest,
      plugin: "host-local",
      verb,
      ...attachment(CONTAINER, ifname),
      containerId,
      config: { ...this.config, ...config, ...(prevResult !== undefined && { prevResult }) },
      ...(by === "reference" && { folder: ensureReference("sid").directory }),
    }
  }

  /** Where a file of the network's folder, or the folder itself, is to be found from outside the world. */
  path(name = ""): string {
    return this.world.outside(`${this.dataDir}/${this.network}${name && `/${name}`}`)
  }

  /** The path of the index of owners, from outside. */
  get indexPath(): string {
    return this.world.outside(`${this.dataDir}/.owners/${this.network}`)
  }

  /** The texts of the address files. */
  owners(): Record<string, string> {
    const names = readdirSync(this.path()).filter(name => /[.:]/.test(name) && !name.startsWith("last_reserved_ip."))
    return Object.fromEntries(names.toSorted().map(name => [name, readFileSync(this.path(name), "utf8")]))
  }

  /** The index's entries: an owner's name and where its link leads. */
  indexEntries(): string[] {
    return readdirSync(this.indexPath).toSorted()
  }

  /** Every file of the network's folder with its mode and its text to the byte. */
  files(): Record<string, string> {
    const entries = readdirSync(this.path()).map((name): [string, string] => {
      const path = this.path(name)
      return [name, `${(lstatSync(path).mode & 0o7777).toString(8)} ${readFileSync(path, "latin1")}`]
    })
    return Object.fromEntries(entries.toSorted())
  }

  /** Writes an address file by hand, and the folder if need be; `modified` absent: now. */
  put(name: string, text: string, modified?: Date): void {
    mkdirSync(this.path(), { recursive: true })
    writeFileSync(this.path(name), text, { mode: 0o600 })
    if (modified) utimesSync(this.path(name), modified, modified)
  }

  /** Makes address files seem to be written at another time. */
  date(modified: Date, ...names: string[]): void {
    for (const name of names) utimesSync(this.path(name), modified, modified)
  }
}

/** A day before this machine started. */
export function beforeBoot(): Date {
  const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1000
  return new Date(Date.now() - uptimeMs - 86_400_000)
}

/** The addresses of an ADD that must have succeeded, without their prefix lengths. */
export function addressesOf(added: Answer): string[] {
  const { ips } = resultOf(added) as { ips: { address: string }[] }
  return ips.map(({ address }) => address.replace(/\/.*/, ""))
}
