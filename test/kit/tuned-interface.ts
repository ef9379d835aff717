// An interface eth0 in a container, as a plugin before tuning leaves it, and tuning run on it as a runtime would run it.

import type { World } from "./namespaces.ts"
import { getLink, readSetting, shell } from "./observation.ts"
import { type Answer, type Attachment, attachment, cni, type Invocation, resultOf } from "./plugin.ts"

/** The folder of state files. */
export const stateFolder = "/run/cni/tuning"

/** The MAC address that eth0 has at first. */
export const firstMac = "02:00:00:00:00:01"

/** Settings of every kind. */
export const everything = {
  mac: "02:00:00:00:00:0A",
  mtu: 1400,
  promisc: true,
  allmulti: true,
  txQLen: 500,
  sysctl: {
    "net.core.somaxconn": "500",
    "net.ipv4.conf.IFNAME.rp_filter": "2",
    "net/ipv4/tcp_rmem": "4096 130000 6000000",
  },
}

/** What `look` sees where nothing is changed. */
export const asBefore = {
  mac: firstMac,
  mtu: 1500,
  promisc: false,
  allmulti: false,
  txQLen: 1000,
  sysctl: ["4096", "0", "4096\t131072\t33554432"],
}

/** What `look` sees where everything is. */
export const asTuned = {
  mac: "02:00:00:00:00:0a",
  mtu: 1400,
  promisc: true,
  allmulti: true,
  txQLen: 500,
  sysctl: ["500", "2", "4096\t130000\t6000000"],
}

/** Makes a container with eth0, up, one end of a pair that lies in the container, and with known sysctls. */
export function addTunable(world: World, name: string): Attachment {
  world.addContainer(name)
  const sysctls = "echo 4096 >net/core/somaxconn; echo '4096 131072 33554432' >net/ipv4/tcp_rmem"
  shell(world, `cd /proc/sys; ${sysctls}; echo 0 >net/ipv4/conf/default/rp_filter`, name)
  addInterface(world, name, "eth0", firstMac)
  return attachment(name)
}

/** Makes one more such interface. */
export function addInterface(world: World, container: string, ifname: string, mac: string): Attachment {
  shell(world, `ip link add ${ifname} address ${mac} type veth peer name p${ifname}`, container)
  shell(world, `ip link set p${ifname} up; ip link set ${ifname} up`, container)
  return attachment(container, ifname)
}

/** Returns a configuration: network net, and the result of a plugin before for eth0. */
export function tuningConf(more: object = {}): { readonly cniVersion: string; readonly [key: string]: unknown } {
  const prevResult = {
    interfaces: [{ name: "eth0", mac: firstMac, sandbox: "/run/netns/c1" }],
    ips: [{ address: "10.1.0.2/24", interface: 0 }],
  }
  return { cniVersion: "1.1.0", name: "net", type: "tuning", prevResult, ...more }
}

/** Runs one verb. */
export function tuning(
  world: World,
  verb: string,
  who: Partial<Attachment>,
  config: object,
  more: Partial<Invocation> = {},
): Answer {
  return cni(world, { plugin: "tuning", verb, config, ...who, ...more })
}

/** Runs an ADD that must succeed, and returns the result. */
export function tune(
  world: World,
  who: Attachment,
  config: object,
  more: Partial<Invocation> = {},
): Record<string, unknown> {
  return resultOf(tuning(world, "ADD", who, config, more))
}

/** Tells how an interface and the sysctls of `everything` are set in its container. */
export function look(world: World, container = "c1", ifname = "eth0") {
  const { address, mtu, flags, txqlen = 0 } = getLink(world, ifname, container)
  const paths = ["net/core/somaxconn", `net/ipv4/conf/${ifname}/rp_filter`, "net/ipv4/tcp_rmem"]
  return {
    mac: address,
    mtu,
    promisc: flags.includes("PROMISC"),
    allmulti: flags.includes("ALLMULTI"),
    txQLen: txqlen,
    sysctl: paths.map(path => readSetting(world, path, container)),
  }
}

/** Lists the state files. */
export function stateFiles(world: World, folder = stateFolder): string[] {
  return shell(world, `[ -d ${folder} ] || exit 0; ls -A ${folder}`)
    .split("\n")
    .filter(name => name !== "")
}

/** Reads a state file. */
export function readState(world: World, name = "c1_eth0.json"): Record<string, unknown> {
  return JSON.parse(shell(world, `cat ${stateFolder}/${name}`))
}

/** Writes the node's list of allowed sysctls. */
export function writeAllowList(world: World, text: string): void {
  world.output(["sh", "-c", "mkdir -p /etc/cni/tuning; cat >/etc/cni/tuning/allowlist.conf"], { input: text })
}
