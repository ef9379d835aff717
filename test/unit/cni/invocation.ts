/** A plugin whose verbs a test scripts, and calls of it from start to exit. */
import "../../kit/fake-native.ts"
import { type BridgeConfig, bridgeSchema } from "../../../build/gen/bridge.ts"
import { definePlugin, type Plugin } from "../../../lib/cni/plugin.ts"
import type { Result } from "../../../lib/cni/result.ts"
import { run } from "../../../lib/cni/run.ts"
import { startTrace } from "../../../lib/sys/trace.ts"
import { Exited, fake } from "../../kit/fake-native.ts"
import { thrownBy } from "../../kit/thrown.ts"

/** What ADD gives unless a test says otherwise. */
export const RESULT: Result = {
  interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", mtu: 1500, sandbox: "/run/netns/x" }],
  ips: [{ address: "10.1.0.5/16", gateway: "10.1.0.1", interface: 0 }],
  routes: [],
  dns: {},
}

/** The plugin's functions. */
export const verbs = {
  add: jest.fn<Result, Parameters<Plugin<BridgeConfig>["add"]>>(),
  del: jest.fn<void, Parameters<Plugin<BridgeConfig>["del"]>>(),
  check: jest.fn<void, Parameters<Plugin<BridgeConfig>["check"]>>(),
  gc: jest.fn<void, Parameters<Plugin<BridgeConfig>["gc"]>>(),
  status: jest.fn<void, Parameters<Plugin<BridgeConfig>["status"]>>(),
}
const plugin = definePlugin({ name: "bridge", schema: bridgeSchema, ...verbs })

beforeEach(() => {
  for (const verb of Object.values(verbs)) verb.mockReset()
  verbs.add.mockReturnValue(RESULT)
  startTrace("", "")
  fake.files.putNamespace("/run/netns/x", 200)
})

/** Runs one call to its end. */
export function invoke(verb: string, config: object | string, variables: Record<string, string> = {}) {
  const complete = { cniVersion: "1.1.0", name: "net", type: "bridge" }
  fake.stdin = [typeof config === "string" ? config : JSON.stringify({ ...complete, ...config })]
  fake.environment = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/x",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    ...variables,
  }
  const exited = thrownBy(() => run(plugin))
  if (!(exited instanceof Exited)) throw exited
  return { status: exited.status, stdout: fake.stdout, stderr: fake.stderr }
}

/** Gives the error that a failed call printed. */
export function errorOf(outcome: ReturnType<typeof invoke>): {
  code: number
  msg: string
  details?: string
  cniVersion: string
} {
  expect(outcome.status).toBe(1)
  return JSON.parse(outcome.stdout)
}

/** The prevResult of a CHECK or a DEL. */
export const PREVIOUS = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/run/netns/x" }] }
/** Whose interface every call is about. */
export const ATTACHMENT = { network: "net", containerId: "c1", ifname: "eth0" }
