/**
 * The rules of test/kit/architecture.ts, held against the repository: against every source, type-only imports and files
 * that no bundle reaches included, and against the metafiles of the bundles, which `npm run check` makes first.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { catalog } from "../../plugins/catalog.ts"
import {
  arrowProblem,
  arrowsOf,
  arrowsOfBundle,
  catchProblems,
  codeProblems,
  cycleProblems,
  fileProblems,
  type Packages,
  type Source,
  topLevelProblems,
} from "../kit/architecture.ts"
import { repositoryRoot } from "../kit/repository.ts"
import { blankNonCode, listFunctions, listImports } from "../kit/source.ts"

const root = repositoryRoot()

const read = (file: string): string => readFileSync(path.join(root, file), "utf8")

const packageJson = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies", object>
const packages: Packages = {
  runtime: Object.keys(packageJson.dependencies),
  tools: Object.keys(packageJson.devDependencies),
}

function listFiles(folder: string): string[] {
  const whole = path.join(root, folder)
  if (!existsSync(whole)) return []
  const files = readdirSync(whole, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  return files.map(({ parentPath, name }) => path.relative(root, path.join(parentPath, name)))
}

const committed: Source[] = ["lib", "plugins", "schemas", "test", "conformance"]
  .flatMap(listFiles)
  .concat("build.mjs")
  .map(file => ({ path: file, text: read(file) }))
const generated: Source[] = listFiles("build/gen").map(file => ({ path: file, text: read(file) }))

const isProgram = ({ path: file }: Source): boolean => /\.(?:ts|mjs)$/.test(file)
const isShipped = ({ path: file }: Source): boolean => /^(?:lib|plugins)\//.test(file)
const arrows = [...committed, ...generated].filter(isProgram).flatMap(arrowsOf)
const problemsOf = (all: readonly ReturnType<typeof arrowsOf>[number][]): string[] =>
  all.flatMap(arrow => arrowProblem(arrow, packages) ?? [])

describe("the repository", () => {
  test("imports only what the table of folders allows", () => {
    expect(arrows.length).toBeGreaterThan(100)
    expect(problemsOf(arrows)).toEqual([])
  })

  test("has no cycle of imports, types included", () => {
    expect(cycleProblems(arrows)).toEqual([])
  })

  test("has only the agreed entries in its root", () => {
    expect(topLevelProblems(readdirSync(root))).toEqual([])
  })

  test("has no long file and no file with a name that says nothing", () => {
    expect(committed.flatMap(fileProblems)).toEqual([])
  })

  test("documents what it exports, keeps functions short and names nothing that the engine lacks", () => {
    expect(committed.filter(isProgram).filter(isShipped).flatMap(codeProblems)).toEqual([])
  })

  test("swallows no error", () => {
    expect(committed.filter(isProgram).flatMap(catchProblems)).toEqual([])
  })
})

describe.each(catalog.map(({ name }) => name))("the bundle of %s", name => {
  const file = `build/${name}/plugin.meta.json`
  const bundle = existsSync(path.join(root, file)) ? JSON.parse(read(file)) : undefined

  test("has a metafile: `node build.mjs check` bundles before it tests", () => {
    expect(bundle === undefined ? `${file} is missing: run node build.mjs check` : "").toBe("")
  })

  test("is made of files that are there", () => {
    const files = Object.keys(bundle?.inputs ?? {}).filter(input => input !== `${name}.plugin.ts`)
    expect(files).toContain(`plugins/${name}/${name}.ts`)
    const gone = files.filter(input => !existsSync(path.join(root, input)))
    expect(gone.map(input => `${file} is older than the sources, it names ${input}: run node build.mjs check`)).toEqual(
      [],
    )
  })

  test("imports only what the table of folders allows", () => {
    expect(problemsOf(arrowsOfBundle(bundle ?? { inputs: {} }))).toEqual([])
  })
})

const source = (file: string, text: string): Source => ({ path: file, text })

describe("the import rules bite", () => {
  test.each([
    ["a lower layer that imports a higher one", "lib/net/x.ts", 'import { a } from "../sys/files.ts"'],
    ["a type-only import", "lib/sys/x.ts", 'import type { Rtnl } from "../rtnl/rtnl.ts"'],
    ["a re-export", "lib/netlink/x.ts", 'export { a } from "../rtnl/rtnl.ts"'],
    ["an import for its effect", "lib/bytes/x.ts", 'import "../sys/files.ts"'],
    ["an import in single quotes", "lib/loop/x.ts", "import { a } from '../cni/run.ts'"],
    ["an import over several lines", "lib/dbus/x.ts", 'import {\n  a,\n  b,\n} from "../netlink/socket.ts"'],
    ["an import() call", "lib/rtnl/x.ts", 'const a = await import("../nft/rule.ts")'],
    ["an import() type", "lib/iptables/x.ts", 'type A = import("../cni/run.ts").A'],
    ["a require() call", "lib/conntrack/x.ts", 'const a = require("../host/owner.ts")'],
    ["a sibling layer", "lib/rtnl/x.ts", 'import { a } from "../nft/table.ts"'],
    ["a pure file of dhcp that does I/O", "lib/dhcp/machine.ts", 'import { a } from "../sys/sockets.ts"'],
    ["lib/host that imports lib/cni", "lib/host/x.ts", 'import { a } from "../cni/errors.ts"'],
    ["lib/cni that imports rtnetlink itself", "lib/cni/x.ts", 'import type { Rtnl } from "../rtnl/rtnl.ts"'],
    ["lib/cni that imports one plugin's config", "lib/cni/x.ts", 'import { a } from "../../build/gen/bridge.ts"'],
    ["lib that imports a plugin", "lib/cni/x.ts", 'import { a } from "../../plugins/bridge/plan.ts"'],
    ["a folder that no rule is about", "lib/slirp/x.ts", 'import { a } from "../bytes/reader.ts"'],
    ["the native module outside of lib/sys", "lib/host/x.ts", 'import { open } from "native"'],
    ["the native module in a plugin", "plugins/bridge/x.ts", 'import { open } from "native"'],
    ["the native sources", "plugins/bridge/x.ts", 'import { a } from "../../lib/sys/native/a.ts"'],
    ["another plugin", "plugins/bridge/x.ts", 'import { a } from "../host-local/plan.ts"'],
    ["another plugin's config", "plugins/bridge/x.ts", 'import { a } from "../../build/gen/static.ts"'],
    ["Node in what is shipped", "lib/sys/x.ts", 'import fs from "node:fs"'],
    ["Node under its short name", "lib/sys/x.ts", 'import fs from "fs"'],
    ["a development package in a plugin", "plugins/bridge/x.ts", 'import Ajv from "ajv"'],
    ["a package that package.json lacks", "test/kit/x.ts", 'import { parse } from "@babel/parser"'],
    ["an end-to-end test with our decoder", "test/e2e/x.ts", 'import { a } from "../../lib/netlink/message.ts"'],
    ["conformance that knows lib", "conformance/x.ts", 'import { a } from "../lib/cni/versions.ts"'],
    ["conformance that knows the test kit", "conformance/x.ts", 'import { a } from "../test/kit/world.ts"'],
    ["shipped code that imports a test", "plugins/bridge/x.ts", 'import { a } from "../../test/kit/world.ts"'],
    ["an entry with a second plugin", "bridge.plugin.ts", 'import { plugin } from "./plugins/static/static.ts"'],
    ["a front that brings the plugin with it", "bridge.front.ts", 'import { run } from "./lib/cni/run.ts"'],
    ["the rest of the executable elsewhere", "lib/cni/run.ts", 'require("plugin")'],
  ])("on %s", (_, file, text) => {
    const found = arrowsOf(source(file, text))
    expect(found).toHaveLength(1)
    expect(problemsOf(found)).toEqual([expect.stringContaining(file)])
  })

  test.each([
    ["lib/bytes/x.ts", 'import { a } from "../net/address.ts"'],
    ["lib/net/x.ts", 'import { a } from "../bytes/hex.ts"\nconst { Address6 } = require("ip-address")'],
    ["lib/sys/x.ts", 'import * as native from "native"\nimport { a } from "../bytes/hex.ts"'],
    ["lib/dhcp/client.ts", 'import { a } from "../loop/loop.ts"\nimport { b } from "./machine.ts"'],
    ["lib/cni/x.ts", 'import { nodeSchema } from "../../build/gen/node.ts"\nimport { a } from "../host/owner.ts"'],
    [
      "plugins/bridge/x.ts",
      'import { a } from "../../build/gen/bridge.ts"\nimport { b } from "../../lib/rtnl/links.ts"',
    ],
    ["bridge.plugin.ts", 'import { p } from "./plugins/bridge/bridge.ts"\nimport { run } from "./lib/cni/run.ts"'],
    ["bridge.front.ts", 'import { front } from "./lib/cni/front.ts"'],
    ["lib/cni/front.ts", 'import { newestVersion } from "./versions.ts"\nrequire("plugin")'],
    ["test/unit/x.ts", 'import { a } from "../../lib/cni/run.ts"\nimport fs from "node:fs"'],
  ])("but not on what %s may import", (file, text) => {
    const found = arrowsOf(source(file, text))
    expect(found).toHaveLength(text.split("\n").length)
    expect(problemsOf(found)).toEqual([])
  })

  test("on an import that only the bundle has", () => {
    const inputs = {
      "bridge.plugin.ts": { imports: [{ path: "plugins/bridge/bridge.ts" }] },
      "plugins/bridge/bridge.ts": { imports: [{ path: "native", external: true }] },
      "lib/net/address.ts": { imports: [{ path: "ip-address", external: true }, { path: "lib/sys/files.ts" }] },
    }
    expect(problemsOf(arrowsOfBundle({ inputs }))).toEqual([
      expect.stringMatching(/^plugins\/bridge\/bridge.ts imports native: /),
      expect.stringMatching(/^lib\/net\/address.ts imports lib\/sys\/files.ts: /),
    ])
  })

  test("on a cycle through a type, told once", () => {
    const files = [
      source("lib/a/a.ts", 'import { b } from "../b/b.ts"'),
      source("lib/b/b.ts", 'import { c } from "./c.ts"'),
      source("lib/b/c.ts", 'import type { A } from "../a/a.ts"\nimport { d } from "./d.ts"'),
      source("lib/b/d.ts", ""),
    ]
    expect(cycleProblems(files.flatMap(arrowsOf))).toEqual([
      "imports go round: lib/a/a.ts → lib/b/b.ts → lib/b/c.ts → lib/a/a.ts",
    ])
  })

  test("but not on words in comments, texts and regular expressions", () => {
    const text = [
      '// import { a } from "../x.ts"',
      '/* from "../x.ts" */',
      "const a = 'from \"../x.ts\"'",
      'const b = `require("../x.ts") §{`import("../x.ts")`}`',
      'const c = /from "x"/',
      'const d = Array.from("abc")',
    ]
    expect(listImports(text.join("\n").replaceAll("§", "$"))).toEqual([])
  })
})

describe("the rules about files bite", () => {
  test.each([
    ["lib/cni/utils.ts", "the name says nothing"],
    ["test/kit/json-helpers.ts", "the name says nothing"],
    ["lib/net/common.ts", "the name says nothing"],
    ["plugins/bridge/bridgePlan.ts", "lower case words"],
    ["lib/net/ip_address.ts", "lower case words"],
  ])("on the name %s", (file, problem) => {
    expect(fileProblems(source(file, ""))).toEqual([expect.stringContaining(problem)])
  })

  test.each(["schemas/common.json", "lib/sys/sys.d.ts", "test/unit/cni/run.test.ts", "plugins/host-local/plan.ts"])(
    "but not on %s",
    file => expect(fileProblems(source(file, "x\n".repeat(400)))).toEqual([]),
  )

  test("on a file of 401 lines", () => {
    expect(fileProblems(source("lib/net/a.ts", "x\n".repeat(401)))).toEqual([
      "lib/net/a.ts has 401 lines, more than 400",
    ])
  })

  test("on a stranger in the root", () => {
    expect(topLevelProblems(["lib", "README.md", "biome.json"])).toEqual(["biome.json does not belong into the root"])
  })
})

const statements = (count: number): string => "  f()\n".repeat(count)

describe("the rules about code bite", () => {
  test.each([
    ["a function", `function a(): void {\n${statements(59)}}`],
    ["a function whose type has braces", `function a(b: { c: 1 }): { d: 1 } | undefined {\n${statements(59)}}`],
    ["a generic function over several lines", `function a<T>(\n  b: T,\n): asserts b is T {\n${statements(57)}}`],
    ["an arrow function", `const a = (b: number) => {\n${statements(59)}}`],
    ["a method", `class A {\n#a({ b }: B): readonly [c: 1] {\n${statements(59)}}\n}`],
    ["a getter in an object", `const a = {\nget b() {\n${statements(59)}},\n}`],
  ])("on %s of 61 lines", (_, text) => {
    const problem = /^lib\/x.ts:\d \S.* has 61 lines, more than 60$/
    expect(codeProblems(source("lib/x.ts", text))).toEqual([expect.stringMatching(problem)])
    expect(codeProblems(source("lib/x.ts", text.replace("  f()\n", "")))).toEqual([])
  })

  test("but not on a long list, class or interface", () => {
    const text = `class A {\n${"  a = 1\n".repeat(99)}}\nconst b = [\n${"  { c: d(1) },\n".repeat(99)}]\ninterface E {\n${"  f(): void\n".repeat(99)}}`
    expect(codeProblems(source("lib/x.ts", text))).toEqual([])
  })

  test.each([
    ["nothing above it", "export function a() {}"],
    ["a blank line between", "/** Does a. */\n\nexport function a() {}"],
    ["a plain comment", "/* Does a. */\nexport const a = 1"],
    ["a line comment", "// Does a.\nexport type A = 1"],
    ["an empty one", "/** */\nexport interface A {}"],
    ["that of its neighbour", "/** Does a. */ const b = 1\nexport class A {}"],
    ["only the file's header", "/** This file. */\nimport a from './a.ts'\nexport async function b() {}"],
    ["nothing in a declared module", 'declare module "native" {\n  export function a(): void\n}'],
    ["nothing above a default export", "export default 1"],
    ["that of a longer neighbour", "/** A. */\nexport const a = {\n}\nexport const b = 1"],
  ])("on an export that has %s for a docstring", (_, text) => {
    expect(codeProblems(source("lib/x.ts", text))).toEqual([expect.stringContaining("lacks a docstring")])
  })

  test("but not on a run of constants under one docstring, nor on the constants of a kernel header", () => {
    expect(
      codeProblems(source("lib/x.ts", "/** Errnos. */\nexport const EINTR = 4\nexport const EAGAIN = 11")),
    ).toEqual([])
    expect(codeProblems(source("lib/netlink/uapi/x.ts", "export const AF_INET = 2"))).toEqual([])
    expect(codeProblems(source("lib/netlink/uapi/x.ts", "export const linkInfo = 2"))).toHaveLength(1)
    expect(codeProblems(source("lib/netlink/x.ts", "export const AF_INET = 2"))).toHaveLength(1)
  })

  test("but not on documented exports and re-exports", () => {
    const text =
      '/** A. */\nexport const a = 1\n/**\n * B.\n */\nexport function b() {}\nexport { c } from "./c.ts"\nexport * from "./d.ts"'
    expect(codeProblems(source("lib/x.ts", text))).toEqual([])
  })

  test.each(["Date", "Intl", "Proxy", "WeakRef", "FinalizationRegistry"])("on %s, which the engine lacks", name => {
    expect(codeProblems(source("lib/x.ts", `const a = new ${name}()`))).toEqual([
      `lib/x.ts:1 uses ${name}, which the engine does not have`,
    ])
    expect(codeProblems(source("lib/x.ts", `const a = "${name}" // ${name}\nconst ${name}Arp = a.${name}`))).toEqual([])
    expect(codeProblems(source("plugins/x.mjs", `const a = new ${name}()`))).toEqual([])
  })

  test.each([
    "try { a() } catch {}",
    "try { a() } catch (error) {\n  // nothing to do\n}",
    "a().catch(() => {})",
    "a().catch(error => {})",
  ])("on %j", text => {
    expect(catchProblems(source("test/x.ts", text))).toEqual([expect.stringContaining("swallows an error")])
  })

  test("but not on a catch that does something", () => {
    expect(catchProblems(source("lib/x.ts", "try { a() } catch { return undefined }\nb.catch(() => 1)"))).toEqual([])
  })
})

describe("blanking what is not code", () => {
  test.each([
    ["a comment at the end", "a // b", "a     "],
    ["a comment over lines", "a /* b\nc */ d", "a     \n     d"],
    ["both kinds of quotes", `"a'b" + 'c"d'`, `"   " + '   '`],
    ["an escaped quote", String.raw`"a\"b" c`, `"    " c`],
    ["a template", "`a§{b}c` d", "`   b  ` d"],
    ["braces within a template", "`§{ {a: 1} }` b", "`   {a: 1}  ` b"],
    ["a template within a template", "`a§{`b§{c}`}` d", "`   `   c ` ` d"],
    ["a regular expression", "a = /b{/.test(c)", "a =     .test(c)"],
    ["a regular expression with a class", 'a(/[/"]/g) b', "a(       ) b"],
    ["division", "a / b / c", "a / b / c"],
    ["division behind a bracket", "f(a) / b[0] / c", "f(a) / b[0] / c"],
  ])("blanks %s", (_, text, want) => {
    expect(blankNonCode(text.replaceAll("§", "$"))).toBe(want)
  })

  test("keeps functions' names and lines", () => {
    const text = "// a\nfunction b() {\n  if (c) {\n    d()\n  }\n}\nconst e = () => {\n  return 1\n}\n"
    expect(listFunctions(text)).toEqual([
      { name: "b", line: 2, lines: 5 },
      { name: "e", line: 7, lines: 3 },
    ])
  })
})
