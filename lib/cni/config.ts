/**
 * From the text of a configuration to a validated, typed record.
 *
 *   text ─ parseConfig ─► object, known keys in the schema's spelling ─ validateConfig ─► typed config, defaults filled in
 *
 * A schema is a generated file of build/gen (schemas/generate.mjs). Keys that it does not name pass unchanged and unseen,
 * as with the reference plugins.
 */
import { isObject, JsonError, type JsonObject, parseJson, type Shape } from "./json.ts"

/** One plugin's configuration, as generated from its JSON Schema. */
export interface ConfigSchema<C> {
  /** Fills in defaults, and tells the JSON pointer and the problem of the first thing that is wrong. */
  readonly validate: (config: unknown) => readonly [path: string, problem: string] | undefined
  readonly shape: Shape
  /** Never there: it carries the type that `validate` makes sure of. */
  readonly config?: C
}

/** A value of the configuration is unusable. */
export class ConfigError extends Error {
  override readonly name = "ConfigError"
  /** JSON pointer (RFC 6901). */
  readonly path: string
  /** Undefined where a required value is missing. */
  readonly value: unknown
  readonly problem: string

  constructor(path: string, value: unknown, problem: string) {
    super(path === "" ? problem : `${formatPath(path)}: ${problem}`)
    this.path = path
    this.value = value
    this.problem = problem
  }
}

/** Parses and validates a configuration. @throws {JsonError | ConfigError} */
export function readConfig<C>(text: string, schema: ConfigSchema<C>): C {
  return validateConfig(parseConfig(text, schema), schema)
}

/** Parses a configuration; `null` is an empty one, as in Go. @throws {JsonError} if `text` is no JSON, or no object */
export function parseConfig<C>(text: string, { shape }: ConfigSchema<C>): JsonObject {
  const value = parseJson(text, shape) ?? {}
  if (!isObject(value)) throw new JsonError(`the configuration must be an object, got ${formatValue(value)}`)
  return value
}

/** Checks `value` and fills in the defaults, in place. @throws {ConfigError} for the first thing that is wrong */
export function validateConfig<C>(value: JsonObject, schema: ConfigSchema<C>): C {
  const wrong = schema.validate(value)
  if (wrong) throw configError(value, ...wrong)
  return value as C
}

/** Beyond this many unusable values whole keys of the top level go, so that no input keeps DEL busy. */
const MAX_SINGLE_REMOVALS = 20

/**
 * Removes from `value`, in place, what is unusable and nothing else, so that DEL can work with the rest.
 * @throws {ConfigError} if the schema refuses even an empty configuration
 */
export function validateLeniently<C>(
  value: JsonObject,
  schema: ConfigSchema<C>,
): { config: C; ignored: ConfigError[] } {
  const ignored: ConfigError[] = []
  for (let wrong = schema.validate(value); wrong; wrong = schema.validate(value)) {
    const error = configError(value, ...wrong)
    ignored.push(error)
    const path = parsePointer(error.path)
    if (!removeAt(value, ignored.length > MAX_SINGLE_REMOVALS ? path.slice(0, 1) : path)) throw error
  }
  return { config: value as C, ignored }
}

/** Lists the keys that `schema` does not name, as paths, for a trace. Nothing under such a key is listed. */
export function listUnknownKeys<C>(value: JsonObject, { shape }: ConfigSchema<C>): string[] {
  return unknownKeys(value, shape, "").map(formatPath)
}

function unknownKeys(value: unknown, { keys, each, items }: Shape, path: string): string[] {
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, child]) => {
    const at = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`
    const known = Array.isArray(value) ? items : keys ? keys[key] : each
    if (known) return unknownKeys(child, known, at)
    return keys && known === undefined ? [at] : []
  })
}

function configError(config: JsonObject, path: string, problem: string): ConfigError {
  const value = parsePointer(path).reduce<unknown>((at, key) => (at as JsonObject)[key], config)
  return new ConfigError(path, value, value === undefined ? problem : `${problem}, got ${formatValue(value)}`)
}

/** Removes the value at `path`, or, where that is a key that is missing, the object that lacks it; false for the root. */
function removeAt(config: JsonObject, path: readonly string[]): boolean {
  const key = path.at(-1)
  if (key === undefined) return false
  const parent = path.slice(0, -1).reduce<JsonObject>((at, each) => at[each] as JsonObject, config)
  if (parent[key] === undefined) return removeAt(config, path.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
  return true
}

function parsePointer(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map(each => each.replaceAll("~1", "/").replaceAll("~0", "~"))
}

/** Writes /ipam/ranges/0/1/subnet as ipam.ranges[0][1].subnet. */
function formatPath(pointer: string): string {
  const steps = parsePointer(pointer).map(each => (/^\d+$/.test(each) ? `[${each}]` : `.${each}`))
  return steps.join("").replace(/^\./, "")
}

/** Tells a value in a message: short, whatever it is. */
export function formatValue(value: unknown): string {
  if (Array.isArray(value)) return "a list"
  if (isObject(value)) return "an object"
  if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER) return "a number that is too large"
  const text = typeof value === "string" && value.length > 60 ? `${value.slice(0, 60)}…` : value
  return typeof text === "bigint" ? `${text}` : JSON.stringify(text)
}
