/** A configuration of each plugin that works in any world, without what every configuration has. */
const configs: Readonly<Record<string, object>> = {
  bridge: { bridge: "pb0", isGateway: true, ipam: { type: "static", addresses: [{ address: "10.9.0.2/24" }] } },
  loopback: {},
  "host-local": { ipam: { type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }]] } },
  static: { ipam: { type: "static", addresses: [{ address: "10.9.0.2/24" }] } },
}

/** The plugins whose contract the tests of this folder try, value by value: a new plugin joins them by a row above. */
export const pluginNames: readonly string[] = Object.keys(configs)

/** Gives a configuration of a plugin that works in any world. */
export function configOf(plugin: string, cniVersion = "1.1.0"): Readonly<Record<string, unknown>> {
  return { cniVersion, name: "net", type: plugin, ...configs[plugin] }
}
