/** The network configurations that are measured. */
import path from "node:path"
import type { Stage } from "./stage.ts"
import { CNI_VERSION, type Subject } from "./subject.ts"

/** Which addresses a network hands out. */
export type Families = "ipv4" | "dual-stack"

/** The folder of a subject's address files. */
export function dataDir(stage: Stage, subject: Subject): string {
  return path.join(stage.folder, `state-${subject.slot}`)
}

/** host-local's part of a configuration: a range set per family, in a subnet of the subject's own. */
export function hostLocal(stage: Stage, subject: Subject, families: Families = "ipv4") {
  const ipv4 = { set: [{ subnet: `10.${90 + subject.slot}.0.0/16` }], route: { dst: "0.0.0.0/0" } }
  const ipv6 = { set: [{ subnet: `fd00:90:${subject.slot}::/64` }], route: { dst: "::/0" } }
  const all = families === "ipv4" ? [ipv4] : [ipv4, ipv6]
  return {
    type: "host-local",
    dataDir: dataDir(stage, subject),
    ranges: all.map(({ set }) => set),
    routes: all.map(({ route }) => route),
  }
}

/** A configuration of any plugin. */
export function network(name: string, plugin: string, rest: object) {
  return { cniVersion: CNI_VERSION, name, type: plugin, ...rest }
}

/** A bridge with gateway addresses and without masquerade, its addresses from host-local. */
export function bridge(stage: Stage, subject: Subject, families: Families) {
  const ipam = hostLocal(stage, subject, families)
  return network("bench", "bridge", { bridge: `bench${subject.slot}`, isGateway: true, ipam })
}
