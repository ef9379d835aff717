/**
 * The rules of the repository that no compiler checks: who may import whom, and the shape of files. The checks are pure:
 * they take sources and esbuild's metafiles, and give one sentence for each thing that is wrong, so that the test of the
 * test can feed them bad sources.
 */
import path from "node:path/posix"
import { blankNonCode, listFunctions, listImports } from "./source.ts"

/** A file of the repository: its path from the root, and its text. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** One import: who, from which line, of what: a path of the repository, "native", "plugin", "node:…" or "npm:<package>". */
export interface Arrow {
  readonly from: string
  readonly line?: number
  readonly to: string
}

/** The part of an esbuild metafile that tells who imports whom. */
export interface Metafile {
  readonly inputs: {
    readonly [path: string]: { readonly imports: readonly { readonly path: string; readonly external?: boolean }[] }
  }
}

/** Packages that package.json names; those of `tools` are for programs that Node runs. */
export interface Packages {
  readonly runtime: readonly string[]
  readonly tools: readonly string[]
}

const LOW = ["lib/bytes", "lib/net", "lib/sys", "lib/netlink"]
const GENERATED = ["build/gen/common.ts", "build/gen/node.ts", "build/gen/result.ts"]

/**
 * What an area may import beside itself: the longest row that a path begins with counts. "npm" is any runtime package,
 * "tools" any package and Node itself.
 */
const RULES: Readonly<Record<string, readonly string[]>> = {
  "lib/bytes": ["lib/net"],
  "lib/net": ["lib/bytes", "npm:ip-address", "npm:netmask"],
  "lib/sys": ["lib/bytes", "native"],
  "lib/netlink": ["lib/bytes", "lib/sys"],
  "lib/rtnl": LOW,
  "lib/nft": LOW,
  "lib/iptables": LOW,
  "lib/conntrack": LOW,
  "lib/dhcp": ["lib/bytes", "lib/net"],
  "lib/dhcp/client.ts": ["lib/dhcp", "lib/bytes", "lib/net", "lib/sys", "lib/loop"],
  "lib/dbus": ["lib/bytes", "lib/sys"],
  "lib/loop": ["lib/sys"],
  "lib/host": ["lib/rtnl", "lib/nft", "lib/iptables", "lib/conntrack", "lib/dbus", "lib/net", "lib/bytes", "lib/sys"],
  "lib/cni": [...GENERATED, "lib/net", "lib/bytes", "lib/sys", "lib/host"],
  // Reads the rest of the executable once it knows that it is needed.
  "lib/cni/front.ts": ["lib/cni", "lib/sys", "plugin"],
  "build/gen": ["lib/cni/config.ts", "lib/cni/json.ts"],
  // Files of plugins/ itself: the catalog, and the installer, which Node runs.
  plugins: ["tools"],
  "plugins/catalog.ts": [],
  schemas: ["tools"],
  "build.mjs": ["schemas", "test/kit", "tools"],
  test: ["lib", "plugins", "schemas", "build/gen", "tools"],
  "test/kit/fake-native.ts": ["test", "native"],
  // What looks at executables and the kernel never looks through our own decoders.
  "test/e2e": ["test", "plugins", "schemas", "tools"],
  "test/faults": ["test", "plugins", "schemas", "tools"],
  "test/runtimes": ["test", "plugins", "schemas", "tools"],
  "test/bench": ["test", "plugins", "schemas", "tools"],
  "test/demo": ["test", "plugins", "schemas", "tools"],
  conformance: ["tools"],
}

const isIn = (file: string, area: string): boolean => file === area || file.startsWith(`${area}/`)

/** Tells the area of a path and what that may import; undefined if no row is about it. */
function ruleFor(file: string): { area: string; allowed: readonly string[] } | undefined {
  const [, plugin] = /^plugins\/([^/]+)\//.exec(file) ?? []
  if (plugin !== undefined) return { area: `plugins/${plugin}`, allowed: ["lib", `build/gen/${plugin}.ts`, "npm"] }
  const [, name, part] = /^([^/.]+)\.(plugin|front)\.ts$/.exec(file) ?? []
  if (part === "plugin") return { area: file, allowed: [`plugins/${name}/${name}.ts`, "lib/cni/run.ts"] }
  if (part === "front") return { area: file, allowed: ["lib/cni/front.ts"] }
  const area = Object.keys(RULES)
    .filter(each => isIn(file, each))
    .toSorted((a, b) => b.length - a.length)[0]
  return area === undefined ? undefined : { area, allowed: RULES[area]! }
}

function allows(rule: string, to: string, { runtime, tools }: Packages): boolean {
  if (rule === "npm") return runtime.some(name => to === `npm:${name}`)
  if (rule === "tools") return to.startsWith("node:") || [...runtime, ...tools].some(name => to === `npm:${name}`)
  return isIn(to, rule)
}

/** Tells what is wrong with an arrow; undefined if it is allowed. */
export function arrowProblem({ from, line, to }: Arrow, packages: Packages): string | undefined {
  const rule = ruleFor(from)
  const what = `${from}${line === undefined ? "" : `:${line}`} imports ${to}`
  if (rule === undefined) return `${what}: no rule says what ${path.dirname(from)} may import`
  const own = rule.area === "plugins" ? /^plugins\/[^/]+$/.test(to) : isIn(to, rule.area)
  const isNative = isIn(to, "lib/sys/native")
  if (!isNative && (own || rule.allowed.some(each => allows(each, to, packages)))) return undefined
  return `${what}: ${rule.area} may import ${rule.allowed.join(", ") || "nothing"}`
}

/** Lists the imports of a source, type-only ones included. */
export function arrowsOf({ path: from, text }: Source): Arrow[] {
  return listImports(text).map(({ specifier, line }) => ({ from, line, to: resolve(from, specifier) }))
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith(".")) return path.join(path.dirname(from), specifier)
  if (specifier === "native" || specifier === "plugin" || specifier.startsWith("node:")) return specifier
  const [scope = "", name] = specifier.split("/")
  return `npm:${scope.startsWith("@") ? `${scope}/${name}` : scope}`
}

/** Lists the imports that a bundle really has. */
export function arrowsOfBundle({ inputs }: Metafile): Arrow[] {
  return Object.entries(inputs).flatMap(([from, { imports }]) =>
    imports.map(each => ({ from, to: each.external ? resolve(from, each.path) : each.path })),
  )
}

/** Tells each cycle of imports once, as the files in its order. */
export function cycleProblems(arrows: readonly Arrow[]): string[] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of arrows) targets.set(from, [...(targets.get(from) ?? []), to])
  const problems: string[] = []
  const done = new Set<string>()
  const walk = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file)
    if (at >= 0) problems.push(`imports go round: ${[...trail.slice(at), file].join(" → ")}`)
    if (at >= 0 || done.has(file)) return
    for (const next of targets.get(file) ?? []) walk(next, [...trail, file])
    done.add(file)
  }
  for (const file of targets.keys()) walk(file, [])
  return problems
}

/** The only entries of the repository's root that are committed; the rest is what .gitignore names. */
const TOP_LEVEL = [
  ...["package.json", "package-lock.json", "tsconfig.json", "build.mjs", ".gitignore", ".gitattributes", ".ci"],
  ...["README.md", "LICENSE", "CHANGELOG.md", "plugins", "lib", "schemas", "test", "conformance"],
  ...[".git", "build", "dist", "node_modules"],
]

/** Tells which entries of the root do not belong there. */
export function topLevelProblems(entries: readonly string[]): string[] {
  return entries.filter(each => !TOP_LEVEL.includes(each)).map(each => `${each} does not belong into the root`)
}

const MAX_LINES = 400
const MAX_FUNCTION_LINES = 60
/** One list of independent wrappers, which gains nothing by being two. */
const LONG_FILES: Readonly<Record<string, number>> = { "lib/sys/native/sys.c": 600 }

/** Tells what is wrong with a file's name and length. */
export function fileProblems({ path: file, text }: Source): string[] {
  const problems: string[] = []
  const name = path.basename(file)
  if (/(?:^|[-.])(?:utils?|helpers?|common)[-.]/.test(name) && file !== "schemas/common.json") {
    problems.push(`${file}: the name says nothing about what is in it`)
  }
  if (/\.(?:ts|mjs|json|c|h|sh)$/.test(name) && !/^[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(name)) {
    problems.push(`${file}: file names are lower case words joined by "-"`)
  }
  const lines = text.trimEnd().split("\n").length
  const limit = LONG_FILES[file] ?? MAX_LINES
  if (/\.(?:ts|mjs|c|h|sh)$/.test(name) && lines > limit)
    problems.push(`${file} has ${lines} lines, more than ${limit}`)
  return problems
}

/** Tells what is wrong with the code of a file of lib/ or plugins/. */
export function codeProblems({ path: file, text }: Source): string[] {
  const code = blankNonCode(text)
  const long = listFunctions(text, code).filter(({ lines }) => lines > MAX_FUNCTION_LINES)
  const problems = long.map(
    ({ name, line, lines }) => `${file}:${line} ${name} has ${lines} lines, more than ${MAX_FUNCTION_LINES}`,
  )
  const codeLines = code.split("\n")
  const lines = text.split("\n")
  for (const [i, line] of codeLines.entries()) {
    const absent = file.endsWith(".ts")
      ? /(?<![\w$.])(?:Date|Intl|Proxy|WeakRef|FinalizationRegistry)\b/.exec(line)
      : null
    if (absent) problems.push(`${file}:${i + 1} uses ${absent[0]}, which the engine does not have`)
    const [declaration] = /^\s*export\s+(?:default\b|[a-z]+\s+[\w$]+).*/.exec(line) ?? []
    if (declaration !== undefined && !hasDocstring(file, lines, i))
      problems.push(`${file}:${i + 1} lacks a docstring: ${declaration.trim()}`)
  }
  return [...problems, ...catchProblems({ path: file, text })]
}

/**
 * Tells whether a documentation comment with words in it ends on the line above. One comment is enough for a run of
 * one-line constants, and the constants of a kernel header have the kernel's own documentation.
 */
function hasDocstring(file: string, lines: readonly string[], line: number): boolean {
  if (file.includes("/uapi/") && /^export const [A-Z][A-Z0-9_]+ =/.test(lines[line]!)) return true
  let first = line
  while (/^export const [\w$]+\b.*[^({[]$/.test(lines[first - 1] ?? "")) first--
  const above = lines.slice(0, first).join("\n")
  const comment = above.slice(Math.max(0, above.lastIndexOf("/*")))
  return comment.startsWith("/**") && comment.indexOf("*/") === comment.length - 2 && /\w/.test(comment)
}

/** Tells where an error is caught and nothing is done. */
export function catchProblems({ path: file, text }: Source): string[] {
  const code = blankNonCode(text)
  const empty = /\bcatch\s*(?:\([^()]*\)\s*)?\{\s*\}|\.catch\(\s*(?:\([^()]*\)|[\w$]+)\s*=>\s*\{\s*\}\s*\)/g
  return [...code.matchAll(empty)].map(
    ({ index }) => `${file}:${code.slice(0, index).split("\n").length} swallows an error`,
  )
}
