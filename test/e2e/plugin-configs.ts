/** What the plugin before gave, in every version's shape. */
const prevResult = { ips: [{ address: "10.9.0.2/24" }], ip4: { ip: "10.9.0.2/24" } }

/** A configuration of each plugin that works in any world, without what every configuration has. */
const configs: Readonly<Record<string, object>> = {
  bridge: { bridge: "pb0", isGateway: true, ipam: { type: "static", addresses: [{ address: "10.9.0.2/24" }] } },
  loopback: {},
  "host-local": { ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] } },
  static: { ipam: { type: "static", addresses: [{ address: "10.9.0.2/24" }] } },
  tuning: { sysctl: { "net.core.somaxconn": "500" }, prevResult },
}

/** The plugins whose contract the tests of this folder try, value by value: a new plugin joins them by a row above. */
export const pluginNames: readonly string[] = Object.keys(configs)

/** Tells whether a plugin comes after another one, whose result its configuration holds. */
export const isChained = (plugin: string): boolean => "prevResult" in configOf(plugin)

/** Tells an interface that a plugin can work with in a container that has none but lo. */
export const ifnameOf = (plugin: string): string => (isChained(plugin) ? "lo" : "eth0")

/** Gives a configuration of a plugin that works in any world. */
export function configOf(plugin: string, cniVersion = "1.1.0"): Readonly<Record<string, unknown>> {
  return { cniVersion, name: "net", type: plugin, ...configs[plugin] }
}
