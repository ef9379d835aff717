// The shape of a schema tells lib/cni/json.ts which keys to look for and how they are spelt.
// It is a literal in every executable, so it names only what leads to a key: see `Shape` there.

/** Returns the source text of a schema's shape; `0` where no key is known. */
export function shapeSource(node) {
  const parts = []
  const names = Object.entries(node.properties ?? {})
  if (names.length > 0) {
    const fields = names.map(([name, child]) => `${propertyName(name)}: ${shapeSource(child)}`)
    // Without a prototype a look-up of "constructor" finds nothing.
    parts.push(`keys: { __proto__: null, ${fields.join(", ")} }`)
  }
  const each = valueSource(node.additionalProperties)
  if (each !== "0") {
    if (names.length > 0) throw new Error("a schema may name keys or describe a map, not both in one object")
    parts.push(`each: ${each}`)
  }
  const items = valueSource(node.items)
  if (items !== "0") parts.push(`items: ${items}`)
  if ([node.type].flat().includes("null")) parts.push("nullable: true")
  if (isWide(node)) parts.push("wide: true")
  return parts.length === 0 ? "0" : `{ ${parts.join(", ")} }`
}

/** An integer that may be beyond 2^53 says so by its format; the reader then makes it a bigint. */
export function isWide(node) {
  return node.format === "uint64" || node.format === "int64"
}

function valueSource(node) {
  return node !== null && typeof node === "object" ? shapeSource(node) : "0"
}

function propertyName(name) {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)
}
