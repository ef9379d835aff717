/**
 * Says what a value must be, for "must be …": the schema node's own `expects`, or a text made from its type,
 * range and allowed values.
 */
export function expectation(node) {
  if (node.expects) return node.expects
  if (node.anyOf) return node.anyOf.map(expectation).join(" or ")
  if (node.enum) return alternatives(node.enum.map(value => JSON.stringify(value)))
  if ("const" in node) return JSON.stringify(node.const)
  return alternatives(
    [node.type].flat().map(type => (type === "integer" ? integerText(node) : (TYPE_TEXT[type] ?? type))),
  )
}

const TYPE_TEXT = {
  string: "a string",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  null: "null",
}

function integerText({ minimum, maximum }) {
  if (maximum !== undefined && minimum !== undefined) return `an integer from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `an integer of at least ${minimum}`
  if (maximum !== undefined) return `an integer of at most ${maximum}`
  return "an integer"
}

function alternatives(texts) {
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`
}
