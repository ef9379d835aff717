// The snapshot of the test kit, against the real kernel: it sees every kind of change, and nothing that is none.

import { createWorld, type World, withWorld } from "../kit/namespaces.ts"
import { getTool } from "../kit/repository.ts"
import { difference, type Snapshot, snapshot } from "../kit/world.ts"

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(() => world.remove())

/** Each change, what makes it, what takes it back, and what the difference must say. */
const changes: readonly [string, string, string, RegExp][] = [
  ["a link", "ip link add br9 type bridge", "ip link delete br9", /^\+ host link br9: /m],
  ["a link's MTU", "ip link set br0 mtu 1400", "ip link set br0 mtu 1500", /^~ host link br0 mtu: 1500 → 1400$/m],
  [
    "a link's alias",
    "ip link set br0 alias x",
    "ip link set br0 alias ''",
    /^~ host link br0 ifalias: "\(none\)" → "x"$/m,
  ],
  ["a link put up", "ip link set v0 up", "ip link set v0 down", /^~ host link v0 flags: \+ "UP"$/m],
  [
    "an IPv4 address",
    "ip addr add 10.1.0.1/24 dev br0",
    "ip addr del 10.1.0.1/24 dev br0",
    /^\+ host address br0 10\.1\.0\.1\/24/m,
  ],
  [
    "an IPv6 address",
    "ip addr add 2001:db8::1/64 dev br0",
    "ip addr del 2001:db8::1/64 dev br0",
    /^\+ host address br0 2001:db8::1\/64/m,
  ],
  [
    "a link-local address",
    "ip addr add fe80::9/64 dev br0",
    "ip addr del fe80::9/64 dev br0",
    /^\+ host address br0 fe80::9\/64/m,
  ],
  [
    "a route in another table",
    "ip route add 10.2.0.0/16 dev br0 table 77",
    "ip route del 10.2.0.0/16 table 77",
    /^\+ host route dev br0 dst 10\.2\.0\.0\/16 .*table 77/m,
  ],
  [
    "an IPv6 route",
    "ip route add 2001:db8:2::/48 dev br0",
    "ip route del 2001:db8:2::/48",
    /^\+ host route dev br0 dst 2001:db8:2::\/48/m,
  ],
  [
    "a rule",
    "ip rule add from 10.3.0.1 table 77",
    "ip rule del from 10.3.0.1",
    /^\+ host rule .*src 10\.3\.0\.1 table 77/m,
  ],
  [
    "an IPv6 rule",
    "ip -6 rule add from 2001:db8:3::1 table 77",
    "ip -6 rule del from 2001:db8:3::1",
    /^\+ host rule6 .*src 2001:db8:3::1 table 77/m,
  ],
  [
    "a neighbour",
    "ip neigh add 10.99.0.5 lladdr 02:00:00:00:00:05 dev br0",
    "ip neigh del 10.99.0.5 dev br0",
    /^\+ host neighbour .*10\.99\.0\.5/m,
  ],
  [
    "a proxy entry",
    "ip neigh add proxy 10.99.0.6 dev br0",
    "ip neigh del proxy 10.99.0.6 dev br0",
    /^\+ host neighbour .*10\.99\.0\.6/m,
  ],
  [
    "a qdisc",
    "tc qdisc add dev br0 root tbf rate 1mbit burst 10k latency 10ms",
    "tc qdisc del dev br0 root",
    /^\+ host qdisc dev br0 handle 8\w+: kind tbf/m,
  ],
  [
    "a filter",
    "tc qdisc replace dev v0 ingress; tc filter add dev v0 parent ffff: protocol ip u32 match ip dst 10.0.0.1 action mirred egress mirror dev br0",
    "tc qdisc del dev v0 ingress",
    /^\+ host dev v0 parent ffff: .*u32/m,
  ],
  [
    "a bridge port",
    "ip link set v0 master br0",
    "ip link set v0 nomaster",
    /^~ host link v0 master: "\(none\)" → "br0"$/m,
  ],
  [
    "a port's setting",
    "ip link set v1 type bridge_slave hairpin on",
    "ip link set v1 type bridge_slave hairpin off",
    /^~ host link v1 linkinfo info_slave_data hairpin: false → true$/m,
  ],
  ["an nft table", "nft add table inet kit", "nft delete table inet kit", /^\+ host nft inet table kit/m],
  [
    "an nft rule",
    "nft add rule inet base lane counter accept",
    "nft flush chain inet base lane",
    /^\+ host nft inet base chain lane rules: /m,
  ],
  [
    "an nft set element",
    "nft add element inet base pool '{ 10.0.0.7 }'",
    "nft delete element inet base pool '{ 10.0.0.7 }'",
    /^~ host nft inet base set pool elem: .*10\.0\.0\.7/m,
  ],
  [
    "an iptables rule",
    "iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -m comment --comment kit -j MASQUERADE",
    "iptables -t nat -F POSTROUTING",
    /^\+ host iptables nat POSTROUTING rules: .*--comment kit -j MASQUERADE/m,
  ],
  ["an ip6tables chain", "ip6tables -t nat -N KIT", "ip6tables -t nat -X KIT", /^\+ host ip6tables nat KIT: -$/m],
  [
    "an iptables policy",
    "iptables -P FORWARD DROP",
    "iptables -P FORWARD ACCEPT",
    /^~ host iptables filter FORWARD: "ACCEPT" → "DROP"$/m,
  ],
  [
    "a general sysctl",
    "sysctl -qw net.ipv4.ip_forward=1",
    "sysctl -qw net.ipv4.ip_forward=0",
    /^~ host sysctl ipv4 ip_forward: "0" → "1"$/m,
  ],
  [
    "a link's sysctl",
    "sysctl -qw net.ipv6.conf.br0.accept_ra=0",
    "sysctl -qw net.ipv6.conf.br0.accept_ra=1",
    /^~ host link br0 ipv6\.conf\.accept_ra: "1" → "0"$/m,
  ],
  [
    "a state file",
    "echo x >/var/lib/cni/kit.json",
    "rm /var/lib/cni/kit.json",
    /^\+ file \/var\/lib\/cni\/kit\.json: .*"content":"x\\n"/m,
  ],
  ["a file's content", "echo y >>/run/kit", "echo x >/run/kit", /^~ file \/run\/kit content: "x\\n" → "x\\ny\\n"$/m],
  ["a file's mode", "chmod 600 /run/kit", "chmod 644 /run/kit", /^~ file \/run\/kit mode: "0644" → "0600"$/m],
  ["a symbolic link", "ln -s a /etc/cni/link", "rm /etc/cni/link", /^\+ file \/etc\/cni\/link: .*"target":"a"/m],
  [
    "a container's address",
    "nsenter --net=/run/netns/c1 ip addr add 10.4.0.1/32 dev lo",
    "nsenter --net=/run/netns/c1 ip addr del 10.4.0.1/32 dev lo",
    /^\+ c1 address lo 10\.4\.0\.1\/32/m,
  ],
  [
    "a container's link",
    "ip link add v9 type veth peer name eth9 netns c1",
    "ip link delete v9",
    /^\+ c1 link eth9: .*"link":"host\/v9"/m,
  ],
]

describe("snapshot", () => {
  let known: Snapshot | undefined

  beforeAll(() => {
    const setUp = `set -e
      ip link add br0 type bridge
      ip link set br0 up
      ip addr add 10.99.0.1/16 dev br0
      ip link add v0 type veth peer name v1
      ip link set v1 master br0
      for link in v0 v1; do ip link set $link up; ip link set $link down; done
      iptables -P FORWARD ACCEPT
      iptables -t nat -A POSTROUTING -j RETURN && iptables -t nat -F POSTROUTING
      ip6tables -t nat -A POSTROUTING -j RETURN && ip6tables -t nat -F POSTROUTING
      nft add table inet base
      nft add chain inet base lane
      nft add set inet base pool '{ type ipv4_addr; }'
      nft add element inet base pool '{ 10.0.0.1, 10.0.0.2 }'
      echo x >/run/kit`
    world.output(["sh", "-c", setUp])
  })

  it.each(changes)("sees %s, and its removal restores identity", (_, change, restore, expected) => {
    const before = known ?? snapshot(world)
    world.output(["sh", "-ec", change])
    const changed = difference(before, snapshot(world))
    world.output(["sh", "-ec", restore])
    known = snapshot(world)
    const left = difference(before, known)
    expect(changed.join("\n")).toMatch(expected)
    expect(left).toEqual([])
  })

  it("sees a process that was left running", async () => {
    const before = snapshot(world)
    const running = world.start(["sleep", "60"], { container: "c1" })
    expect(difference(before, snapshot(world))).toEqual(["+ c1 process sleep 60"])
    running.kill("SIGKILL")
    await running.done
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("does not see traffic, carrier or the kernel's own link-local addresses", () => {
    const before = snapshot(world)
    const script = `set -e
      ip link set v0 up
      ip link set v1 up
      ping -q -c 1 -W 1 127.0.0.1
      iptables -t nat -A POSTROUTING -j RETURN
      ping -q -c 1 -W 1 127.0.0.1
      iptables -t nat -F POSTROUTING
      ip link set v0 down
      ip link set v1 down`
    world.output(["sh", "-c", script])
    expect(difference(before, snapshot(world))).toEqual([])
  })

  it("refuses to guess when a tool fails", async () => {
    await withWorld(broken => {
      broken.output(["mount", "--bind", "/bin/false", getTool("nft")])
      expect(() => snapshot(broken)).toThrow(/status 1: $/)
    })
  })
})
