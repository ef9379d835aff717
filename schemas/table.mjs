// The option tables of the README, made from the schemas so that they cannot drift.

import { expectation } from "./expectation.mjs"

/** Renders a Markdown table of the options that a user can write; keys that the runtime writes are left out. */
export function optionTable(schema) {
  const rows = optionRows(schema, "")
  return ["| option | type | default | meaning |", "|---|---|---|---|", ...rows.map(tableRow)].join("\n")
}

/**
 * Replaces what stands between `<!-- options:NAME -->` and `<!-- /options:NAME -->` by `tables[NAME]`.
 * @throws if a table has no such place in the text.
 */
export function updateReadme(text, tables) {
  let updated = text
  for (const [name, table] of Object.entries(tables)) {
    const [start, end] = [`<!-- options:${name} -->`, `<!-- /options:${name} -->`]
    const from = updated.indexOf(start)
    const to = updated.indexOf(end, from)
    if (from < 0 || to < 0) throw new Error(`the README has no place for the options of ${name}: ${start} … ${end}`)
    updated = `${updated.slice(0, from + start.length)}\n${table}\n${updated.slice(to)}`
  }
  return updated
}

function optionRows(node, prefix) {
  return Object.entries(node.properties ?? {}).flatMap(([key, option]) => {
    if (option.readOnly) return []
    const name = `${prefix}${key}`
    const [path, inner] = throughLists(name, option)
    return [{ name, option }, ...optionRows(inner, `${path}.`)]
  })
}

/** The options of `ranges`, a list of lists of objects, are `ranges[][].subnet` and so on. */
function throughLists(name, node) {
  return node.items ? throughLists(`${name}[]`, node.items) : [name, node]
}

function tableRow({ name, option }) {
  const value = option.default === undefined ? "" : `\`${JSON.stringify(option.default)}\``
  return `| ${[`\`${name}\``, typeText(option), value, option.description].map(escapeCell).join(" | ")} |`
}

function typeText(node) {
  if (node.type !== "array") return expectation(node).replace(/^an? /, "")
  return `list of ${plural(node.items)}`
}

function plural(node) {
  if (node.type === "array") return `lists of ${plural(node.items)}`
  return `${node.type}s`
}

function escapeCell(text) {
  return text.replaceAll("|", "\\|")
}
