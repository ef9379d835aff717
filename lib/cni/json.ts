/**
 * Reading JSON as Go's encoding/json does, because the configurations of the reference plugins rely on it:
 * keys that the reader knows match in any case, the last spelling of a key wins, null leaves the default, and integers
 * are exact to 64 bits where the reader wants them so. Other keys, and the keys of maps, stay as they are written.
 *
 * The engine's parser does the work. Its result does not tell which of two spellings came last, and integers beyond
 * 2^53 are rounded in it; only a text where that matters is read a second time, by `readExactly`.
 * Of one spelling that comes twice the engine keeps the last value whole; it does not merge objects as Go does.
 */

/** The text is no JSON. `line` and `column` count from 1; absent where the engine does not say. */
export class JsonError extends Error {
  override readonly name = "JsonError"
  readonly reason: string
  readonly line: number | undefined
  readonly column: number | undefined

  constructor(reason: string, line?: number, column?: number) {
    super(line === undefined ? reason : `line ${line}, column ${column}: ${reason}`)
    this.reason = reason
    this.line = line
    this.column = column
  }
}

/** Which keys a reader knows, and how they are spelt. `0` stands for a value that is not looked into. */
export interface Shape {
  /** Known keys of an object; the record has no prototype. */
  readonly keys?: { readonly [key: string]: Shape | 0 }
  /** Values of a map, whose keys are data. */
  readonly each?: Shape
  /** Elements of a list. */
  readonly items?: Shape
  /** Null is a value of its own, not an absent one. */
  readonly nullable?: true
  /** An integer of 64 bits: a bigint if it is beyond 2^53. */
  readonly wide?: true
}

/** A JSON object as parsed. */
export type JsonObject = { [key: string]: unknown }

/** Tells a JSON object from a list, a scalar and null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/**
 * Parses `text`, spells the keys that `shape` knows as `shape` does, and leaves out those that are null.
 * @throws {JsonError}
 */
export function parseJson(text: string, shape: Shape): unknown {
  const value = guard(() => JSON.parse(text))
  if (foldKeys(value, shape)) return value
  const exact = guard(() => readExactly(text, shape))
  foldKeys(exact, shape)
  return exact
}

/** Works in place. Returns false if only the text can tell: two spellings of one key, or a wide integer. */
function foldKeys(value: unknown, shape: Shape): boolean {
  let sure = true
  if (Array.isArray(value)) {
    if (shape.items) for (const item of value) sure = foldKeys(item, shape.items) && sure
  } else if (!isObject(value)) {
    sure = !(shape.wide && isRounded(value))
  } else if (shape.keys) {
    for (const spelling of Object.keys(value)) sure = foldKey(value, spelling, shape.keys) && sure
  } else if (shape.each) {
    for (const key of Object.keys(value)) sure = foldKeys(value[key], shape.each) && sure
  }
  return sure
}

function foldKey(object: JsonObject, spelling: string, keys: NonNullable<Shape["keys"]>): boolean {
  const key = findKey(keys, spelling)
  if (key === undefined) return true
  const value = object[spelling]
  if (key !== spelling) {
    if (Object.hasOwn(object, key)) return false
    delete object[spelling]
    object[key] = value
  }
  const known = keys[key]
  if (value !== null) return !known || foldKeys(value, known)
  if (!known || !known.nullable) delete object[key]
  return true
}

function findKey(keys: NonNullable<Shape["keys"]>, spelling: string): string | undefined {
  if (keys[spelling] !== undefined) return spelling
  const folded = foldCase(spelling)
  for (const key in keys) if (key.length === spelling.length && foldCase(key) === folded) return key
  return undefined
}

/** Go compares keys by simple Unicode folding, under which the long s is an s; lower case alone leaves it. */
function foldCase(text: string): string {
  return text.toLowerCase().replaceAll("ſ", "s")
}

function isRounded(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER
}

/** Whatever is thrown while parsing is about the text: a syntax error, or the engine's stack overflow in deep nesting. */
function guard(parse: () => unknown): unknown {
  try {
    return parse()
  } catch (error) {
    const { message, lineNumber, columnNumber } = error as Error & { lineNumber?: number; columnNumber?: number }
    if (error instanceof SyntaxError && message !== "stack overflow")
      throw new JsonError(message, lineNumber, columnNumber)
    throw new JsonError(`nested too deeply (${message})`)
  }
}

/**
 * Reads a text that is known to be JSON, key by key in the order of the text: a later spelling of a known key replaces
 * the earlier value, or is merged into it if both are objects; a later null changes nothing but a list.
 */
function readExactly(text: string, shape: Shape): unknown {
  // Commas and colons carry no meaning once the text is known to be well-formed.
  const token = /[\s,:]*("[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|[^\s,:[\]{}"]+)/y
  const next = () => token.exec(text)![1]!

  const read = (start: string, known: Shape, earlier: unknown): unknown => {
    if (start === "{") {
      const object = (known.keys || known.each) && isObject(earlier) ? earlier : {}
      for (let name = next(); name !== "}"; name = next()) readInto(object, JSON.parse(name), known)
      return object
    }
    if (start !== "[") return known.wide ? exactNumber(start) : JSON.parse(start)
    const list: unknown[] = []
    for (let item = next(); item !== "]"; item = next()) list.push(read(item, known.items ?? {}, undefined))
    return list
  }

  const readInto = (object: JsonObject, spelling: string, { keys, each }: Shape): void => {
    const key = (keys && findKey(keys, spelling)) ?? spelling
    const earlier = keys && keys[key] !== undefined ? object[key] : undefined
    const value = read(next(), (keys ? keys[key] : each) || {}, earlier)
    if (value === null && earlier !== undefined && !Array.isArray(earlier)) return
    // An assignment to "__proto__" would set the prototype.
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  }

  return read(next(), shape, undefined)
}

/** What 64 bits do not hold, or is no integer, stays the engine's number: too large for any schema to take as an integer. */
function exactNumber(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!isRounded(value) || !/^-?\d{1,20}$/.test(text)) return value
  const exact = BigInt(text)
  // Not by BigInt.asUintN: QuickJS 2025-04-26 gives -1n for asUintN(64, 2n ** 64n - 1n).
  return exact >= -0x8000000000000000n && exact <= 0xffffffffffffffffn ? exact : value
}
