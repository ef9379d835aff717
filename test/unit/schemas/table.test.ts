import { runGenerator } from "./generator.ts"

const SCHEMA = {
  properties: {
    name: { type: "string", description: "Set by the runtime.", readOnly: true },
    bridge: { type: "string", description: "Name of the bridge.", default: "cni0" },
    isGateway: { type: "boolean", description: "Is a gateway.", default: false },
    mtu: { anyOf: [{ type: "integer", minimum: 0 }, { const: "auto" }], description: "MTU | bytes.", default: 0 },
    strategy: { enum: ["lowest", "random"], description: "Which one." },
    ipam: {
      type: "object",
      description: "Addresses.",
      properties: { type: { type: "string", description: "Plugin." } },
    },
    exclude: { type: "array", items: { type: "string" }, description: "Left out.", default: [] },
    ranges: {
      type: "array",
      description: "Range sets.",
      items: {
        type: "array",
        items: { type: "object", properties: { subnet: { type: "string", description: "Network." } } },
      },
    },
  },
}

const TABLE = [
  "| option | type | default | meaning |",
  "|---|---|---|---|",
  '| `bridge` | string | `"cni0"` | Name of the bridge. |',
  "| `isGateway` | true or false | `false` | Is a gateway. |",
  '| `mtu` | integer of at least 0 or "auto" | `0` | MTU \\| bytes. |',
  '| `strategy` | "lowest" or "random" |  | Which one. |',
  "| `ipam` | object |  | Addresses. |",
  "| `ipam.type` | string |  | Plugin. |",
  "| `exclude` | list of strings | `[]` | Left out. |",
  "| `ranges` | list of lists of objects |  | Range sets. |",
  "| `ranges[][].subnet` | string |  | Network. |",
].join("\n")

const BEFORE = "a\n<!-- options:x -->\nold\nolder\n<!-- /options:x -->\nb <!-- options:y --><!-- /options:y --> c\n"
const AFTER = "a\n<!-- options:x -->\nX $& 1\n<!-- /options:x -->\nb <!-- options:y -->\nY\n<!-- /options:y --> c\n"

const README_ROWS: [name: string, text: string, want: object][] = [
  ["replaces what stands between the marks and keeps the rest", BEFORE, { value: AFTER }],
  ["changes nothing that is up to date", AFTER, { value: AFTER }],
  ["refuses a text without the mark", "a", { message: expect.stringMatching("no place for the options of x") }],
  ["refuses a text without the end", "<!-- options:x -->", { message: expect.stringMatching("no place") }],
  [
    "refuses an end before its start",
    "<!-- /options:x --> <!-- options:x -->",
    { message: expect.stringMatching("no place") },
  ],
]

let answer: { table: string; readmes: object[] }

beforeAll(() => {
  const texts = JSON.stringify(README_ROWS.map(([, text]) => text))
  answer = runGenerator(`
    const readmes = ${texts}.map(text => attempt(async () => updateReadme(text, { x: "X $& 1", y: "Y" })))
    return { table: optionTable(${JSON.stringify(SCHEMA)}), readmes: await Promise.all(readmes) }`) as typeof answer
})

test("an option table has a row per option that a user can write, nested ones by their path", () => {
  expect(answer.table).toBe(TABLE)
})

test.each(README_ROWS)("updateReadme %s", (name, _text, want) => {
  const index = README_ROWS.findIndex(([each]) => each === name)
  expect(answer.readmes[index]).toStrictEqual(want)
})
