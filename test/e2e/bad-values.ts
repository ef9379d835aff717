// Every key of a plugin's schema, and values of every kind to put there; ajv on the schema says which of them are of the
// wrong type, and where.

import { Ajv2020 } from "ajv/dist/2020.js"

/** A place in a configuration: keys, and 0 for the first item of a list. */
export type Place = readonly (string | number)[]

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly required?: readonly string[]
}

/** What to put into each place, as JSON text. */
export const badValues: readonly (readonly [name: string, text: string])[] = [
  ["a text", '"x"'],
  ["an empty text", '""'],
  ["a number", "7"],
  ["a negative number", "-7"],
  ["a fraction", "1.5"],
  ["a huge integer", "123456789012345678901234567890"],
  ["1e400", "1e400"],
  ["true", "true"],
  ["null", "null"],
  ["a list", '["x"]'],
  ["an object", '{"x":1}'],
  ["a very long text", `"${"x".repeat(20_000)}"`],
  ["a text with NUL", '"a\\u0000b"'],
  ["half a surrogate pair", '"\\ud800"'],
]

/** Values for the keys that an object must have, where the one under test has such neighbours. */
const neighbours: Readonly<Record<string, string>> = {
  address: "10.9.0.9/24",
  dst: "10.8.0.0/16",
  subnet: "10.7.0.0/24",
  containerID: "other",
  ifname: "eth0",
}

interface Loader {
  loadSchemas(folder: string): { name: string; schemas: Schema[] }[]
  outline(schema: Schema): Schema
}

const { loadSchemas, outline } = jest.requireActual<Loader>("../../schemas/load.mjs")

const schemas: ReadonlyMap<string, Schema> = new Map(
  loadSchemas("schemas").map(({ name, schemas }) => [name, schemas[0]!]),
)

/** Lists every place that a plugin's schema names. */
export function placesOf(plugin: string): Place[] {
  return below(schemas.get(plugin)!, [])
}

function below(schema: Schema, at: Place): Place[] {
  const children = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => [
    [...at, key],
    ...below(child, [...at, key]),
  ])
  return schema.items === undefined ? children : [[...at, 0], ...below(schema.items, [...at, 0])]
}

const MARK = "the value under test"

/** Gives the text of `base` with `value`, a JSON text, in `place`; what leads there is made. */
export function withValue(plugin: string, base: object, place: Place, value: string): string {
  const config = set(base, place, schemas.get(plugin)!)
  return JSON.stringify(config).replace(`"${MARK}"`, () => value)
}

function set(value: unknown, [key, ...rest]: Place, schema: Schema): unknown {
  if (key === undefined) return MARK
  if (key === 0) return [set(Array.isArray(value) ? value[0] : undefined, rest, schema.items!)]
  const required = (schema.required ?? []).map(name => [name, neighbours[name]])
  const object = { ...Object.fromEntries(required), ...(value as object | undefined) }
  return { ...object, [key]: set((object as Record<string, unknown>)[key], rest, schema.properties![key]!) }
}

/** Tells the place whose value a configuration cannot have, as messages write it; undefined: every type is right. */
export function wrongPlace(plugin: string, text: string): string | undefined {
  const schema = schemas.get(plugin)!
  const validate = validators.get(plugin) ?? new Ajv2020({ strict: false }).compile(outlined(schema))
  validators.set(plugin, validate)
  // What 64 bits do not hold is no integer, which ajv does not keep apart from one.
  const exact = text.replace(/123456789012345678901234567890|1e400/, "1.5")
  if (validate(withoutNull(JSON.parse(exact), schema))) return undefined
  const { instancePath, params } = validate.errors![0]!
  const path = `${instancePath}${params.missingProperty === undefined ? "" : `/${params.missingProperty}`}`
  return path
    .replaceAll(/\/(\d+)/g, "[$1]")
    .replaceAll("/", ".")
    .replaceAll("~1", "/")
    .slice(1)
}

const validators = new Map<string, ReturnType<Ajv2020["compile"]>>()

function outlined(schema: Schema): Schema {
  const { properties, items, ...node } = outline(schema)
  const children = Object.entries(properties ?? {}).map(([key, child]) => [key, outlined(child)])
  return {
    ...node,
    ...(properties && { properties: Object.fromEntries(children) }),
    ...(items && { items: outlined(items) }),
  }
}

/** As Go reads a key whose value is null: as if it were not there. */
function withoutNull(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return value.map(item => withoutNull(item, schema.items ?? {}))
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value)
    .filter(
      ([key, child]) => child !== null || !schema.properties?.[key] || schema.properties[key].type?.includes("null"),
    )
    .map(([key, child]) => [key, withoutNull(child, schema.properties?.[key] ?? {})])
  return Object.fromEntries(entries)
}
