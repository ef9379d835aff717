// Reads the schemas and puts the pieces that they refer to in place, so that everything
// made from a schema (types, validator, shape, option table) works on one plain tree.

import fs from "node:fs"
import path from "node:path"

/** Holds only pieces; nothing is generated from it. */
const PIECES = "common.json"

/**
 * Lists what to generate: one entry per file `<name>.json`, with one schema per root,
 * or one per definition where the root is only a container of definitions (result.json).
 */
export function loadSchemas(schemaDir) {
  const files = fs.readdirSync(schemaDir).filter(file => file.endsWith(".json") && file !== PIECES)
  return files.sort().map(file => ({ name: path.basename(file, ".json"), schemas: loadSchemaFile(schemaDir, file) }))
}

function loadSchemaFile(schemaDir, file) {
  const resolve = resolver(schemaDir)
  const root = resolve(file, "")
  return root.type ? [root] : Object.values(root.$defs)
}

/** A piece that several places refer to stays one object: that is how the type generator knows it is one type. */
function resolver(schemaDir) {
  const files = new Map()
  const resolved = new Map()
  const read = file => {
    if (!files.has(file)) files.set(file, JSON.parse(fs.readFileSync(path.join(schemaDir, file), "utf8")))
    return files.get(file)
  }
  const expand = (node, file) => {
    if (Array.isArray(node)) return node.map(item => expand(item, file))
    if (node === null || typeof node !== "object") return node
    const { $ref, ...rest } = node
    const own = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, expand(value, file)]))
    if ($ref === undefined) return own
    const [refFile, pointer] = $ref.split("#")
    const target = resolve(refFile || file, pointer)
    return Object.keys(own).length === 0 ? target : { ...target, ...own }
  }
  const resolve = (file, pointer) => {
    const key = `${file}#${pointer}`
    if (!resolved.has(key)) {
      const node = pointer
        .split("/")
        .slice(1)
        .reduce((at, segment) => at?.[segment], read(file))
      if (node === undefined) throw new Error(`schemas/${file}: nothing at #${pointer}`)
      resolved.set(key, expand(node, file))
    }
    return resolved.get(key)
  }
  return resolve
}

/**
 * Leaves out the inside of what the runtime writes (`readOnly`): lib/cni/request.ts reads that and checks it itself, for
 * its errors have codes of their own.
 */
export function outline({ items, properties, ...node }) {
  return node.readOnly ? node : { ...node, ...(items && { items }), ...(properties && { properties }) }
}
