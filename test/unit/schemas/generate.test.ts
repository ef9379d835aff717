import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type ConfigSchema, readConfig } from "../../../lib/cni/config.ts"
import { runGenerator } from "./generator.ts"

const NAMES = ["bridge", "host-local", "loopback", "node", "result", "static", "tuning"]

/** Properties of schemas that are made up here, and are good. */
const GOOD = {
  wide: { rate: { type: "integer", format: "uint64", minimum: 0, default: 1 } },
  map: { sysctl: { type: "object", additionalProperties: { type: "string" } } },
  mapOfObjects: {
    peers: {
      type: "object",
      additionalProperties: { type: "object", properties: { mac: { type: "string" } }, required: ["mac"] },
    },
  },
  forms: { a: { anyOf: [{ type: "boolean" }, { const: "x" }, { type: "integer", maximum: 3 }] } },
  required: { a: { type: "array", items: { type: "object", properties: { b: {}, c: {} }, required: ["b", "c"] } } },
}

/** The same, but nothing may be made of them. */
const BAD = {
  "a length, which takes ajv's run-time": { a: { type: "string", minLength: 1 } },
  "a form that no code is made for": { a: { anyOf: [{ type: "object" }, { type: "null" }] } },
  "named keys in a map": {
    a: { type: "object", properties: { b: {} }, additionalProperties: { properties: { c: {} } } },
  },
  "an unknown keyword": { a: { type: "string", maximumLength: 1 } },
}

/** Under build/, so that generated files find lib/ and TypeScript's settings. */
let folder: string
let files: { name: string; schemas: Node[] }[]
let outcomes: { [name: string]: { message?: string } }

beforeAll(() => {
  mkdirSync("build", { recursive: true })
  folder = mkdtempSync(resolve("build/generate-test-"))
  const madeUp = Object.entries({ ...GOOD, ...BAD })
  for (const [name, properties] of madeUp) {
    mkdirSync(join(folder, name))
    const schema = { title: "MadeUpConfig", type: "object", properties }
    writeFileSync(join(folder, name, "made-up.json"), JSON.stringify(schema))
  }
  const names = JSON.stringify(madeUp.map(([name]) => name))
  const answer = runGenerator(`
    const folder = ${JSON.stringify(folder)}
    for (const name of ["one", "two"]) await generate({ schemaDir: "schemas", outDir: folder + "/" + name })
    const outcomes = {}
    for (const name of ${names}) {
      const place = folder + "/" + name
      outcomes[name] = await attempt(() => generate({ schemaDir: place, outDir: place }))
    }
    return { files: loadSchemas("schemas"), outcomes }`)
  ;({ files, outcomes } = answer as { files: typeof files; outcomes: typeof outcomes })
})

afterAll(() => rmSync(folder, { recursive: true }))

const read = (name: string, file: string) => readFileSync(join(folder, name, file), "utf8")

test("two runs write the same bytes, one file per schema", () => {
  const written = NAMES.map(name => `${name}.ts`)
  expect(readdirSync(join(folder, "one")).sort()).toStrictEqual(written)
  for (const file of written) expect(read("one", file)).toBe(read("two", file))
})

test("the command line writes what the build writes", () => {
  const { status, stderr } = spawnSync(process.execPath, ["schemas/generate.mjs"], { encoding: "utf8" })
  expect({ status, stderr }).toStrictEqual({ status: 0, stderr: "" })
  for (const name of NAMES) {
    // This test's folders lie one level deeper.
    const want = read("one", `${name}.ts`).replaceAll('"../../../lib', '"../../lib')
    expect(readFileSync(`build/gen/${name}.ts`, "utf8")).toBe(want)
  }
})

test.each(NAMES)("nothing of ajv or of the schema's texts is left in the code of %s", name => {
  const code = splitGenerated(read("one", `${name}.ts`)).code
  expect(code).toContain("isObject(data)")
  expect(code).not.toMatch(/require|RegExp|description|schemaPath|validate\d/)
})

test("the types compile and describe the config after defaults", () => {
  // The header of a generated file turns checking off; the declarations alone are checked here.
  for (const name of NAMES) {
    writeFileSync(join(folder, "one", `types-${name}.ts`), splitGenerated(read("one", `${name}.ts`)).types)
  }
  writeFileSync(join(folder, "one", "use.ts"), USE)
  const settings = { extends: "../../../tsconfig.json", include: ["."] }
  writeFileSync(join(folder, "one", "tsconfig.json"), JSON.stringify(settings))
  const { stdout } = spawnSync("node_modules/.bin/tsc", ["-p", join(folder, "one")], { encoding: "utf8" })
  expect(stdout).toBe("")
})

test("every option is described by a full sentence", () => {
  expect(files.map(file => file.name)).toStrictEqual(NAMES)
  const options = files.flatMap(({ name, schemas }) => schemas.flatMap(schema => [...optionsOf(schema, name)]))
  expect(options.length).toBeGreaterThan(80)
  const undescribed = options.filter(([, option]) => !/^[A-Z].{15,}[.]$/.test(option.description ?? ""))
  expect(undescribed.map(([path]) => path)).toStrictEqual([])
})

describe("a schema may say", () => {
  /** The made-up schema as generated. */
  const schemaOf = (name: keyof typeof GOOD): ConfigSchema<object> => {
    expect(outcomes[name]?.message).toBeUndefined()
    return require(join(folder, name, "made-up.ts")).madeUpSchema
  }

  test("that an integer has 64 bits", () => {
    const schema = schemaOf("wide")
    expect(readConfig('{"Rate":18446744073709551615}', schema)).toStrictEqual({ rate: 18446744073709551615n })
    expect(readConfig('{"rate":7}', schema)).toStrictEqual({ rate: 7 })
    const problem = "rate: must be an integer of at least 0, got"
    expect(() => readConfig('{"rate":18446744073709551616}', schema)).toThrow(`${problem} a number that is too large`)
    expect(() => readConfig('{"rate":-9007199254740993}', schema)).toThrow(`${problem} -9007199254740993`)
    expect(read("wide", "made-up.ts")).toContain("rate: number | bigint;")
  })

  test("that an object's keys are data", () => {
    const schema = schemaOf("map")
    const text = '{"SYSCTL":{"net.IPv4.Conf/x":"1","sysctl":"2"}}'
    expect(readConfig(text, schema)).toStrictEqual({ sysctl: { "net.IPv4.Conf/x": "1", sysctl: "2" } })
    expect(() => readConfig('{"sysctl":{"a/b.c~":1}}', schema)).toThrow("sysctl.a/b.c~: must be a string, got 1")
  })

  test("that the values of such an object have known keys", () => {
    const schema = schemaOf("mapOfObjects")
    expect(readConfig('{"peers":{"MAC":{"Mac":"x"}}}', schema)).toStrictEqual({ peers: { MAC: { mac: "x" } } })
    expect(() => readConfig('{"peers":{"a":{}}}', schema)).toThrow("peers.a.mac: is missing")
  })

  test("which of several forms a value has", () => {
    const schema = schemaOf("forms")
    for (const a of [true, "x", -5]) expect(readConfig(JSON.stringify({ a }), schema)).toStrictEqual({ a })
    const problem = 'a: must be true or false or "x" or an integer of at most 3, got "y"'
    expect(() => readConfig('{"a":"y"}', schema)).toThrow(problem)
  })

  test("that several keys are required", () => {
    const schema = schemaOf("required")
    expect(readConfig('{"a":[{"b":0,"C":false}]}', schema)).toStrictEqual({ a: [{ b: 0, c: false }] })
    expect(() => readConfig('{"a":[{"c":0}]}', schema)).toThrow("a[0].b: is missing")
    expect(() => readConfig('{"a":[{"b":0,"c":0},{"b":0}]}', schema)).toThrow("a[1].c: is missing")
  })

  test.each(Object.keys(BAD))("not %s", name => {
    expect(outcomes[name]?.message).toMatch(/\w/)
  })
})

interface Node {
  readonly description?: string
  readonly properties?: { readonly [key: string]: Node }
  readonly items?: Node
}

function* optionsOf({ properties, items }: Node, path: string): Generator<[string, Node]> {
  for (const [key, option] of Object.entries(properties ?? {})) {
    yield [`${path}.${key}`, option]
    yield* optionsOf(option, `${path}.${key}`)
  }
  if (items) yield* optionsOf(items, `${path}[]`)
}

/** A generated file is a header, an empty line, the types, and the code from the first validator on. */
function splitGenerated(text: string): { types: string; code: string } {
  const types = text.indexOf("\n\n")
  const code = text.indexOf("\nfunction validate")
  return { types: text.slice(types, code), code: text.slice(code) }
}

const USE = `
import { readConfig } from "../../../lib/cni/config.ts"
import { type BridgeConfig, bridgeSchema } from "./bridge.ts"
import type { HostLocalConfig } from "./host-local.ts"
import { type NodeConfig, nodeSchema } from "./node.ts"
import { type Result, resultSchema } from "./result.ts"

const bridge: BridgeConfig = readConfig("{}", bridgeSchema)
export const mtu: number | "auto" = bridge.mtu
export const type: string | undefined = bridge.ipam.type
export const mac: string | undefined = bridge.runtimeConfig?.mac
export const previous: { [key: string]: unknown } | undefined = bridge.prevResult
export const attachments: unknown[] | null | undefined = bridge["cni.dev/valid-attachments"]
export const strategy = (config: HostLocalConfig): "round-robin" | "lowest" | "random" | undefined => config.ipam?.strategy
export const result: Result = readConfig("{}", resultSchema)
export const mtus: (number | undefined)[] = result.interfaces.map(each => each.mtu)
export const trace: string | undefined = readConfig("{}", nodeSchema).trace
// @ts-expect-error a key that the schema does not name
export const misspelt = bridge.isgateway
// @ts-expect-error a key without default may be absent
export const trunk: object = bridge.vlanTrunk
// @ts-expect-error the schema of another type
export const node: BridgeConfig = readConfig("{}", nodeSchema) satisfies NodeConfig
`
