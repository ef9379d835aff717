import { JsonError, parseJson, type Shape } from "../../../lib/cni/json.ts"
import { type Seeded, seeded } from "../net/seeded.ts"

/** Known keys, without a prototype as in generated shapes. */
const known = (keys: NonNullable<Shape["keys"]>): Shape => ({ keys: Object.assign(Object.create(null), keys) })

/** Every kind of value: plain, wide, object, list, map of objects, list that may be null. */
const shape = known({
  mtu: 0,
  name: 0,
  list: 0,
  labels: 0,
  rate: { wide: true },
  ipam: known({ type: 0, subnet: 0 }),
  ports: { items: known({ hostPort: 0, protocol: 0 }) },
  peers: { each: known({ mac: 0 }) },
  attachments: { items: known({ containerID: 0 }), nullable: true },
})

const CHARACTERS = ["a", '"', "\\", "/", ",", ":", "{", "}", "[", "]", "\u2028", "\n", "\u00e9", "\ud83d", "\ude00"]

const errorOf = (text: string): unknown => {
  try {
    return parseJson(text, shape)
  } catch (error) {
    return error
  }
}

describe("keys that the reader knows", () => {
  test.each<[name: string, text: string, want: unknown]>([
    ["keep the schema's spelling", '{"mtu":1}', { mtu: 1 }],
    ["are found in any case", '{"MTU":1,"Ipam":{"TYPE":"x"}}', { mtu: 1, ipam: { type: "x" } }],
    [
      "are found in lists, as containerd spells them",
      '{"ports":[{"HostPort":80,"Protocol":"tcp","HostIP":""}]}',
      { ports: [{ hostPort: 80, protocol: "tcp", HostIP: "" }] },
    ],
    [
      "are found in the values of a map, whose own keys are data",
      '{"peers":{"Eth0":{"MAC":"x"}}}',
      { peers: { Eth0: { mac: "x" } } },
    ],
    ["are found by Go's folding of the Kelvin sign and the long s", '{"LI\u017ft":"s"}', { list: "s" }],
    ["are not found where lower case is longer", '{"\u0130pam":{}}', { "\u0130pam": {} }],
    ["are left out when null", '{"mtu":null,"MTU":null,"ipam":{"type":null}}', { ipam: {} }],
    ["stay null where null is a value", '{"attachments":null}', { attachments: null }],
    [
      "may be of the wrong type",
      '{"ipam":[{"TYPE":1}],"ports":{"HOSTPORT":1},"peers":3}',
      { ipam: [{ TYPE: 1 }], ports: { HOSTPORT: 1 }, peers: 3 },
    ],
  ])("%s", (_name, text, want) => {
    expect(parseJson(text, shape)).toStrictEqual(want)
  })
})

describe("other keys", () => {
  test.each<[name: string, text: string]>([
    ["unknown keys keep case and null", '{"Capabilities":{"IPS":null},"x":null}'],
    ["keys of data maps keep their case", '{"labels":{"MTU":"1","mtu":"2","Name":null}}'],
    ["names of Object.prototype are ordinary", '{"constructor":1,"toString":{},"hasOwnProperty":null}'],
    ["numbers beyond 2^53 are the engine's", '{"x":18446744073709551615,"mtu":9007199254740993}'],
    ["white space, escapes and surrogates are JSON.parse's", ' {\r\n\t"x" : "\\ud800\\u0041\\n\u2028\\"{" }\n'],
  ])("%s", (_name, text) => {
    expect(parseJson(text, shape)).toStrictEqual(JSON.parse(text))
  })

  test("__proto__ is a plain key and changes no prototype", () => {
    for (const text of ['{"__proto__":{"mtu":9}}', '{"MTU":1,"mtu":2,"__proto__":{"mtu":9}}']) {
      const value = parseJson(text, shape) as object
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(Object.getOwnPropertyDescriptor(value, "__proto__")?.value).toStrictEqual({ mtu: 9 })
    }
  })
})

describe("several spellings of one key", () => {
  test.each<[name: string, text: string, want: unknown]>([
    ["the last in the text wins", '{"mtu":1,"MTU":2,"mtu":3}', { mtu: 3 }],
    ["the last in the text wins, whatever its case", '{"MTU":1,"mtu":2,"Mtu":3}', { mtu: 3 }],
    ["in a list element", '{"ports":[{"hostPort":1,"HostPort":2}]}', { ports: [{ hostPort: 2 }] }],
    [
      "objects are merged",
      '{"ipam":{"type":"a","subnet":"b"},"IPAM":{"Subnet":"c"}}',
      { ipam: { type: "a", subnet: "c" } },
    ],
    ["a list replaces a list", '{"list":[1,2],"LIST":[3]}', { list: [3] }],
    ["an object replaces a value", '{"IPAM":3,"ipam":{"type":"a"}}', { ipam: { type: "a" } }],
    ["maps replace values", '{"peers":{"a":{"mac":"x"},"b":{}},"PEERS":{"a":{}}}', { peers: { a: {}, b: {} } }],
    ["a later null leaves a value", '{"mtu":5,"MTU":null}', { mtu: 5 }],
    ["a later null leaves an object", '{"ipam":{"type":"a"},"IPAM":null}', { ipam: { type: "a" } }],
    ["a later null clears a list", '{"ports":[{}],"PORTS":null}', {}],
    ["a value follows a null", '{"mtu":null,"MTU":5,"mtu":null}', { mtu: 5 }],
    [
      "the rest is read as ever",
      '{"MTU":1,"mtu":2,"x":[{"MTU":null,"mtu":-1.5e3},[],"\\u0041\\\\"]}',
      { mtu: 2, x: [{ MTU: null, mtu: -1500 }, [], "A\\"] },
    ],
  ])("%s", (_name, text, want) => {
    expect(parseJson(text, shape)).toStrictEqual(want)
  })

  test("a text that is read twice gives what the engine gives", () => {
    const random = seeded(7)
    for (let round = 0; round < 300; round++) {
      const text = randomJson(random, 4)
      expect(parseJson(`{"MTU":1, "mtu":2, "x" : ${text}}`, shape)).toStrictEqual({ mtu: 2, x: JSON.parse(text) })
    }
  })
})

describe("integers of 64 bits", () => {
  test.each<[text: string, want: unknown]>([
    ["0", 0],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["18446744073709551615", 18446744073709551615n],
    ["-9223372036854775808", -9223372036854775808n],
    ["18446744073709551616", 2 ** 64],
    ["-9223372036854775809", -(2 ** 63)],
    ["9007199254740993.0", 9007199254740992],
    ["1e400", Number.POSITIVE_INFINITY],
    [`1${"0".repeat(5000)}`, Number.POSITIVE_INFINITY],
  ])("%.24s", (text, want) => {
    expect(parseJson(`{"x":0,"Rate":${text},"mtu":null}`, shape)).toStrictEqual({ x: 0, rate: want })
  })
})

describe("texts that are no JSON", () => {
  test.each<[name: string, text: string]>([
    ["empty", ""],
    ["byte-order mark", '\ufeff{"mtu":1}'],
    ["line comment", '{"mtu":1 // bytes\n}'],
    ["block comment", '{/* */"mtu":1}'],
    ["trailing text", '{"mtu":1} {}'],
    ["trailing comma", '{"mtu":1,}'],
    ["leading zero", '{"mtu":01}'],
    ["hexadecimal", '{"mtu":0x10}'],
    ["NaN", '{"mtu":NaN}'],
    ["single quotes", "{'mtu':1}"],
    ["NUL byte", '{"mtu":1}\0'],
    ["control character in a string", '{"name":"a\u0001"}'],
    ["two spellings before the fault", '{"mtu":1,"MTU":2'],
    ["nested without end", "[".repeat(1_000_000)],
  ])("%s", (_name, text) => {
    expect(errorOf(text)).toBeInstanceOf(JsonError)
  })

  test("a text that ends early, at any byte, is a JsonError", () => {
    const text =
      '{"MTU":1,"mtu":-2.5e+3,"ipam":{"type":"a\\u0041\\n"},"list":[true,false,null,[]],"rate":18446744073709551615}'
    expect(parseJson(text, shape)).toMatchObject({ mtu: -2500, rate: 18446744073709551615n })
    for (let length = 0; length < text.length; length++)
      expect(errorOf(text.slice(0, length))).toBeInstanceOf(JsonError)
  })

  test("nesting that overflows the stack of the second reading is a JsonError", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
    expect(errorOf(`{"mtu":1,"MTU":2,"x":${deep}}`)).toMatchObject({
      message: expect.stringMatching(/^nested too deeply/),
    })
  })

  test.each<[name: string, thrown: Error, want: object]>([
    [
      "a syntax error has a place",
      Object.assign(new SyntaxError("unexpected token: '}'"), { lineNumber: 2, columnNumber: 6 }),
      { message: "line 2, column 6: unexpected token: '}'", line: 2, column: 6, reason: "unexpected token: '}'" },
    ],
    [
      "an overflow has none",
      Object.assign(new SyntaxError("stack overflow"), { lineNumber: 1, columnNumber: 1 }),
      { message: "nested too deeply (stack overflow)", line: undefined },
    ],
  ])("what QuickJS throws: %s", (_name, thrown, want) => {
    const parse = jest.spyOn(JSON, "parse").mockImplementation(() => {
      throw thrown
    })
    const error = errorOf("{}")
    parse.mockRestore()
    expect(error).toBeInstanceOf(JsonError)
    expect(error).toMatchObject(want)
  })
})

function randomJson(random: Seeded, depth: number): string {
  const space = () => random.pick(["", "", " ", "\n\t"])
  const list = (make: () => string) => Array.from({ length: random.below(4) }, make).join(`${space()},${space()}`)
  const string = () => JSON.stringify(Array.from({ length: random.below(6) }, () => random.pick(CHARACTERS)).join(""))
  const value = () => randomJson(random, depth - 1)
  const scalars = [
    string,
    () => random.pick(["true", "false", "null", "-0", "1e3"]),
    () => `${random.pick(["", "-"])}${random.below(1000)}.${random.below(1000)}e-${random.below(9)}`,
    () => BigInt.asIntN(64, BigInt(random.below(2 ** 32)) * BigInt(random.below(2 ** 32))).toString(),
  ]
  const containers = [
    () => `[${space()}${list(value)}${space()}]`,
    () => `{${space()}${list(() => `${string()}${space()}:${space()}${value()}`)}${space()}}`,
  ]
  return random.pick(depth > 0 ? [...scalars, ...containers, ...containers] : scalars)()
}
