// The executables with address and undefined-behaviour sanitizers (node build.mjs debug) say the same as those without,
// and no sanitizer says anything. The engine's memory, which they leave out, is tried by a program of its own.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createWorld, type World } from "../kit/namespaces.ts"
import { type Answer, attachment } from "../kit/plugin.ts"
import { getTool, pluginFolder, repositoryRoot } from "../kit/repository.ts"
import { badValues, placesOf, withValue } from "./bad-values.ts"
import { type BatchCall, runBatch } from "./batch.ts"
import { configOf, pluginNames } from "./plugin-configs.ts"

const debugFolder = join(repositoryRoot(), "dist", "debug")

/** A status that no plugin ends with: only a sanitizer's report does. */
const options = "exitcode=86:detect_leaks=0:abort_on_error=0:print_stacktrace=1"

const bridgeWith = (ipam: object) => ({ ...configOf("bridge"), isDefaultGateway: true, ipam })
/** With the list that GC wants. */
const listing = (config: object) => ({ ...config, "cni.dev/valid-attachments": [] })

let world: World

beforeAll(async () => {
  world = await createWorld()
  world.addContainer("c1")
})

afterAll(() => world.remove())

const runIn = (folder: string, calls: readonly BatchCall[], env: Record<string, string> = {}): Answer[] => {
  const all = { ASAN_OPTIONS: options, UBSAN_OPTIONS: options, ...env }
  return runBatch(world, { ...attachment("c1"), folder, env: all, timeoutMs: 50_000 }, calls)
}

/** MAC addresses are random, and folders and times differ. */
const comparable = ({ what, status, signal, stdout, stderr }: Answer, folder: string) => {
  const plain = (text: string) =>
    text
      .replaceAll(folder, "FOLDER")
      .replaceAll(/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
      .replaceAll(/ \d+\.\d{3} /g, " ")
  return { what, status, signal, stdout: plain(stdout), stderr: plain(stderr) }
}

/** Runs calls with both builds; the last of them leaves no interface behind. */
function expectTheSame(calls: readonly BatchCall[]): void {
  const forgetLeases = () => world.output(["sh", "-c", "rm -rf /var/lib/cni/*"])
  forgetLeases()
  const checked = runIn(debugFolder, calls)
  expect(checked.filter(({ status, stderr }) => status === 86 || /Sanitizer|runtime error:/.test(stderr))).toEqual([])
  forgetLeases()
  const plain = runIn(pluginFolder(), calls)
  expect(checked.map(each => comparable(each, debugFolder))).toEqual(
    plain.map(each => comparable(each, pluginFolder())),
  )
}

it.each(pluginNames)("%s is built with both sanitizers", plugin => {
  const bytes = readFileSync(join(debugFolder, plugin))
  for (const symbol of ["__asan_report_load8", "__ubsan_handle_"]) expect(bytes.includes(symbol)).toBe(true)
})

describe("every verb", () => {
  const rows: [string, string, object][] = [
    ...pluginNames.map((name): [string, string, object] => [name, name, configOf(name)]),
    [
      "bridge",
      "bridge with host-local",
      bridgeWith({ type: "host-local", ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "fd00::/64" }]] }),
    ],
    ["bridge", "bridge without addresses", bridgeWith({})],
    ["bridge", "bridge with an address plugin that is missing", bridgeWith({ type: "none" })],
  ]
  it.each(rows)("of %s works: %s", (plugin, _, base) => {
    const [added] = runIn(pluginFolder(), [{ plugin, verb: "ADD", stdin: JSON.stringify(listing(base)) }])
    const prevResult = added!.status === 0 ? added!.json : { cniVersion: "1.1.0" }
    const call = (verb: string, more: object = {}) => ({
      plugin,
      verb,
      stdin: JSON.stringify({ ...listing(base), ...more }),
    })
    const del = call("DEL", { prevResult })
    const looks = [
      call("CHECK", { prevResult }),
      call("STATUS"),
      call("GC", { name: "other" }),
      call("VERSION"),
      call(""),
    ]
    // Two ADDs, so that one fails where the interface is there.
    const steps = [del, call("ADD"), call("ADD"), ...looks, del, del, call("GC")]
    expectTheSame([...steps, { plugin, verb: "ADD", stdin: JSON.stringify({ ...base, cniVersion: "0.2.0" }) }, del])
  })

  it("works while it is traced", () => {
    const stdin = JSON.stringify(configOf("bridge"))
    const calls = ["ADD", "DEL"].map(verb => ({ plugin: "bridge", verb, stdin }))
    for (const answer of runIn(debugFolder, calls, { PATCHBAY_TRACE: "1" })) {
      expect(answer.status).toBe(0)
      expect(answer.stderr).not.toMatch(/Sanitizer|runtime error:/)
    }
  })
})

describe("bad input", () => {
  it.each(pluginNames)("of every kind in every key of %s", plugin => {
    const base = listing(configOf(plugin))
    const calls = placesOf(plugin).flatMap((place, i) => {
      const [, value] = badValues[i % badValues.length]!
      const stdin = withValue(plugin, base, place, value)
      return ["ADD", "DEL"].map(verb => ({ plugin, verb, stdin }))
    })
    expectTheSame(calls)
  })

  const plain = JSON.stringify(configOf("static"))
  it.each<[string, string | Uint8Array]>([
    ["empty", ""],
    ["cut off", plain.slice(0, -1)],
    ["binary", Buffer.from([0, 0xff, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xc0])],
    ["half characters", Buffer.concat([Buffer.from(plain.slice(0, -2)), Buffer.from([0xe2, 0x82])])],
    ["half surrogate pairs", plain.replace('"net"', `"net","bridge":"${"\\ud800".repeat(5)}","\\udc00x":"\\udfff"`)],
    ["nested deeply", "[".repeat(1_000_000)],
    ["nested deeply under an unknown key", `${plain.slice(0, -1)},"x":${"[".repeat(5000)}${"]".repeat(5000)}}`],
    ["a MB in one text", `${plain.slice(0, -1)},"x":"${"é".repeat(500_000)}"}`],
    ["a MB in a key that is told", plain.replace("10.9.0.2/24", "x".repeat(1 << 20))],
    ["a MB in many", `${plain.slice(0, -1)},"x":[${'"ab",'.repeat(200_000)}1]}`],
    ["two spellings of a key", `${plain.slice(0, -1)},"NAME":"net","IPAM":{"Routes":null}}`],
  ])("on stdin: %s", (_, stdin) => {
    expectTheSame(
      ["static", "bridge"].flatMap(plugin => ["ADD", "DEL", "VERSION"].map(verb => ({ plugin, verb, stdin }))),
    )
  })
})

it("the engine's memory gives every block a place of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "patchbay-heap-"))
  try {
    const program = join(folder, "heap-stress")
    const flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Ilib/sys/native"]
    execFileSync(getTool("cc"), [...flags, "-o", program, "test/e2e/heap-stress.c", "lib/sys/native/heap.c"])
    expect(execFileSync(program, { encoding: "utf8" })).toBe("0 bytes in use at the end\n")
  } finally {
    rmSync(folder, { recursive: true })
  }
})
