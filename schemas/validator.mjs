// Turns a schema into the source of a validator: ajv's standalone code, made straight.
//
// ajv's code counts errors and threads a `valid` flag through every property, and each error carries ajv's own
// words. Our validators stop at the first error, so all of that is dead weight in the bytecode. What is left after
// `straighten` is one check per property that returns [path, problem], with the sentence made here from the schema.
// The rewriting goes by the exact text that the pinned ajv emits; a text it does not know stops the build.

import Ajv from "ajv"
import { _, and, not, or } from "ajv/dist/compile/codegen/index.js"
import standaloneCode from "ajv/dist/standalone/index.js"
import { expectation } from "./expectation.mjs"
import { outline } from "./load.mjs"
import { isWide } from "./shape.mjs"

/**
 * Returns the source of `function <name>(data)`, which fills defaults into `data` and returns undefined, or the
 * JSON pointer and the problem of the first thing that is wrong. The source calls `isObject`.
 */
export function validatorSource(schema, name) {
  const ajv = new Ajv({
    code: { source: true, esm: true, lines: true },
    strict: true,
    allowUnionTypes: true,
    useDefaults: true,
    messages: false,
  })
  ajv.addKeyword({
    keyword: "accepts",
    code: cxt => cxt.fail(not(or(...cxt.schema.map(branch => acceptance(cxt.data, branch))))),
  })
  const code = standaloneCode(ajv, ajv.compile(checkable(schema)))
  return straighten(code, schema, name)
}

const ANNOTATIONS = ["$schema", "$id", "title", "description", "readOnly", "expects"]

/** Copies what ajv is to check: no annotations, and integers and `anyOf` as a keyword of ours that is one condition. */
function checkable(schema) {
  const node = Object.fromEntries(Object.entries(outline(schema)).filter(([key]) => !ANNOTATIONS.includes(key)))
  if (node.anyOf || node.type === "integer") {
    const { default: value, ...rest } = node
    return { accepts: rest.anyOf ?? [rest], ...(value === undefined ? {} : { default: value }) }
  }
  if (node.properties) {
    const children = Object.entries(node.properties).map(([key, child]) => [key, checkable(child)])
    node.properties = Object.fromEntries(children)
  }
  for (const key of ["items", "additionalProperties"])
    if (typeof node[key] === "object") node[key] = checkable(node[key])
  return node
}

function acceptance(data, node) {
  const { type, minimum, maximum } = node
  if ("const" in node) return _`${data} === ${node.const}`
  if (type === "string" || type === "boolean") return _`typeof ${data} == ${type}`
  if (type !== "integer") throw new Error(`anyOf: no code for ${JSON.stringify(node)}`)
  const safe = _`Number.isSafeInteger(${data})`
  const conditions = [isWide(node) ? or(safe, _`typeof ${data} == "bigint"`) : safe]
  if (minimum !== undefined) conditions.push(_`${data} >= ${minimum}`)
  if (maximum !== undefined) conditions.push(_`${data} <= ${maximum}`)
  return and(...conditions)
}

const ERROR =
  /validate\d+\.errors = \[\{instancePath(?::instancePath\+(.+?))?,schemaPath:"(.*?)",keyword:"\w+",params:\{(?:missingProperty: (.*?)|.*?)\}\}\];\nreturn false;/g

/** What is always so when every error returns at once, and can therefore go. */
const ALWAYS = [
  [/^"use strict";\nexport const validate = validate\d+;\nexport default validate\d+;\n/, ""],
  [/^const schema\d+ = .*;\n/gm, ""],
  [/, \{instancePath="", parentData, parentDataProperty, rootData=data\}=\{\}\)/, ")"],
  [/^let vErrors = null;\nlet errors = 0;\n/m, ""],
  [/^validate\d+\.errors = vErrors;\nreturn errors === 0;\n/m, ""],
  [/^const _errs\d+ = errors;\n/gm, ""],
  [/^var valid\d+ = _errs\d+ === errors;\n/gm, ""],
  [/^else \{\nvar valid\d+ = true;\n\}\n/gm, ""],
  [/^var valid\d+ = true;\n/gm, ""],
  [/^if\(!valid\d+\)\{\nbreak;\n\}\n/gm, ""],
  [/^if\((?:valid\d+|errors === _errs\d+|errors === 0)\)\{$/gm, "{"],
]

/** The same with fewer instructions: ajv's names are unique in the function, and values come from JSON. */
const SHORTER = [
  [/(\w+) && typeof \1 == "object" && !Array\.isArray\(\1\)/g, "isObject($1)"],
  [/^(?:let|const) (?!pattern)/gm, "var "],
  [/^for\((?:let|const) /gm, "for(var "],
]

/** Lines with what only ajv's own code has, or with a part of ajv that would have to come along. */
const FOREIGN = /^.*\b(?:require|errors|vErrors|valid\d+|_errs\d+|instancePath|schemaPath|schema\d+|pattern\d+)\b.*$/m

function straighten(code, schema, name) {
  let text = code.replace(ERROR, (_all, at, schemaPath, missing) =>
    returnProblem(schema, at ?? '""', schemaPath, missing),
  )
  for (const [pattern, replacement] of [...ALWAYS, ...SHORTER]) text = text.replace(pattern, replacement)
  text = withoutBareBlocks(inlinePatterns(text)).replace(/^function validate\d+\(data\)/m, `function ${name}(data)`)
  const foreign = FOREIGN.exec(text)
  if (foreign) throw new Error(`${name}: ajv emitted something new: ${foreign[0]}`)
  return text.trim()
}

function returnProblem(schema, at, schemaPath, missing) {
  if (missing !== undefined) return `return [${at} + "/" + ${missing}, "is missing"];`
  const segments = schemaPath.split("/").slice(1, -1).map(decodeSegment)
  const node = segments.reduce((parent, segment) => parent[segment], schema)
  return `return [${at}, ${JSON.stringify(`must be ${expectation(node)}`)}];`
}

function decodeSegment(segment) {
  return decodeURIComponent(segment).replace(/~1/g, "/").replace(/~0/g, "~")
}

/** A literal is compiled at build time, and where it stands it costs nothing until it is used. */
function inlinePatterns(text) {
  let inlined = text
  for (const [line, variable, source, flags] of text.matchAll(PATTERN)) {
    inlined = inlined.replace(line, "").replaceAll(`${variable}.test`, `${new RegExp(JSON.parse(source), flags)}.test`)
  }
  return inlined
}

const PATTERN = /^const (pattern\d+) = new RegExp\(("(?:[^"\\]|\\.)*"), "(\w*)"\);\n/gm

/** Blocks that only the `valid` flags needed. ajv writes one statement, or one brace, per line. */
function withoutBareBlocks(text) {
  const open = []
  const kept = text.split("\n").filter(line => {
    const closes = line.startsWith("}") && open.pop() === "{"
    if (line.endsWith("{")) open.push(line)
    return line !== "{" && !closes
  })
  return kept.join("\n")
}
