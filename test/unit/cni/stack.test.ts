import "../../kit/fake-native.ts"
import { mapStack } from "../../../lib/cni/stack.ts"
import { fake } from "../../kit/fake-native.ts"

beforeEach(() => {
  // Line 1 of the bundle comes from nowhere, line 2 from run.ts:33, line 3 from bridge.ts:36, line 4 from bridge.ts:40.
  fake.lineTable = "plugins/bridge/bridge.ts,lib/cni/run.ts\n\n1 33\n0 36\n0 40"
})

test.each<[string, string, string]>([
  ["a function", "    at add (plugin.js:3:11)\n", "add (plugins/bridge/bridge.ts:36)"],
  ["a function that has no name", "    at <anonymous> (plugin.js:4)\n", "<anonymous> (plugins/bridge/bridge.ts:40)"],
  ["no call of the parts that have no table", "    at x (ip-address.js:2:1)\n    at y (front.js:2:1)\n", ""],
  [
    "calls in their order, the engine's own left out",
    "    at add (plugin.js:3:11)\n    at map (native)\n    at run (plugin.js:2:1)\n",
    "add (plugins/bridge/bridge.ts:36) < run (lib/cni/run.ts:33)",
  ],
  ["a line that comes from nowhere", "    at x (plugin.js:1:1)\n", "x (?)"],
  ["a line beyond the table", "    at x (plugin.js:99:1)\n", "x (?)"],
  ["nothing", "", ""],
])("mapStack names %s", (_, stack, want) => {
  expect(mapStack(stack)).toBe(want)
})

test("mapStack names six calls at most", () => {
  expect(mapStack("    at x (plugin.js:3:1)\n".repeat(9)).split(" < ")).toHaveLength(6)
})

test("mapStack does without a table", () => {
  fake.lineTable = ""
  expect(mapStack("    at x (plugin.js:3:1)\n")).toBe("x (?)")
})
