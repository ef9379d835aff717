import type { Result } from "../../../lib/cni/result.ts"

/** A result that says nothing. */
export const EMPTY: Result = { interfaces: [], ips: [], routes: [], dns: {} }

/** Everything that a result can say, in 1.1.0's terms. */
export const FULL: Result = {
  interfaces: [
    { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1500 },
    {
      name: "eth0",
      mac: "02:00:00:00:00:02",
      mtu: 1400,
      sandbox: "/run/netns/x",
      socketPath: "/s",
      pciID: "0000:00:1f.6",
    },
  ],
  ips: [
    { address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 1 },
    { address: "10.2.0.5/16", interface: 0 },
    { address: "fd00::5/64", gateway: "fd00::1", interface: 1 },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400, advmss: 1360, priority: 100, table: 7, scope: 253 },
    { dst: "fd01::/64" },
    { dst: "10.9.0.0/16", table: 0, scope: 0 },
  ],
  dns: { nameservers: ["10.1.0.1"], domain: "example.com", search: ["a.example.com"], options: ["ndots:2"] },
}
