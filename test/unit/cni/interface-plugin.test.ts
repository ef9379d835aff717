import "../../kit/fake-native.ts"
import { defineInterfacePlugin, type InterfacePlugin } from "../../../lib/cni/interface-plugin.ts"
import type { AddRequest, DelRequest, GcRequest } from "../../../lib/cni/plugin.ts"
import { Removals, Undo } from "../../../lib/cni/undo.ts"
import { fake } from "../../kit/fake-native.ts"

const NOTHING = { interfaces: [], ips: [], routes: [], dns: {} }
const SCHEMA = { validate: () => undefined, shape: {} }

/** Defines a plugin whose every verb hands what it is given to `see`. */
function define(see: (request: { host: unknown; sandbox?: { path: string } | undefined }) => void) {
  const verbs: InterfacePlugin<object> = {
    name: "test",
    schema: SCHEMA,
    add: request => {
      see(request)
      return NOTHING
    },
    del: see,
    check: see,
    gc: see,
    status: see,
  }
  return defineInterfacePlugin(verbs)
}

const request = { network: "n", netns: "/run/netns/x" } as AddRequest<object>

test("opens routing netlink on the host on first use, and once", () => {
  const opened: number[] = []
  const plugin = define(given => {
    opened.push(fake.given("socket").length)
    expect(given.host).toBe(given.host)
    opened.push(fake.given("socket").length)
  })
  plugin.status(request)
  expect(opened).toEqual([0, 1])
})

test("gives ADD and CHECK the container's namespace", () => {
  const paths: (string | undefined)[] = []
  const plugin = define(({ sandbox }) => paths.push(sandbox?.path))
  plugin.add(request, new Undo())
  plugin.check(request as never)
  expect(paths).toEqual(["/run/netns/x", "/run/netns/x"])
})

test("gives DEL the container's namespace if there is one, and GC none", () => {
  const sandboxes: unknown[] = []
  const plugin = define(({ sandbox }) => sandboxes.push(sandbox?.path))
  plugin.del(request as DelRequest<object>, new Removals())
  plugin.del({ ...request, netns: undefined } as DelRequest<object>, new Removals())
  plugin.gc(request as unknown as GcRequest<object>, new Removals())
  expect(sandboxes).toEqual(["/run/netns/x", undefined, undefined])
})
