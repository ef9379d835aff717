/**
 * The task runner: `node build.mjs [TASK]`, tasks at the end of this file.
 *
 *   schemas/*.json ─► build/gen/*.ts               types and validators
 *   plugins/x      ─► build/x/{front,plugin}.js    esbuild: what answers VERSION, and the rest; entries generated here
 *                  ─► build/x/{front,plugin}.qbc   QuickJS bytecode, and plugin.lines to name TypeScript lines in stacks
 *                  ─► dist/bin/x                   one static executable: the bytecode and lib/sys/native
 *
 * Two builds of one commit give the same bytes, from any folder: no dates, no absolute paths, no build ids.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"
import { setup } from "./test/kit/machine.mjs"

const SIZE_BUDGET = 2.2 * 1024 * 1024
const NATIVE = "lib/sys/native"
const NATIVE_PARTS = ["main", "heap", "sys"]
/** npm packages that few runs need: each becomes a bytecode part of its own that require() evaluates on first call. */
const LAZY_PARTS = ["ip-address"]
const C_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffile-prefix-map=.=", "-fstack-protector-strong"]
const STATIC_FLAGS = ["-fPIE", "-D_FORTIFY_SOURCE=2", "-ffunction-sections"]
const STATIC_LINK = ["-static-pie", "-s", "-Wl,-z,relro,-z,now,-z,pack-relative-relocs,--gc-sections,--build-id=none"]
const DEBUG_FLAGS = [
  "-g",
  "-O1",
  "-fsanitize=address,undefined",
  "-fno-sanitize-recover=all",
  "-fno-omit-frame-pointer",
]

process.chdir(import.meta.dirname)
const execute = promisify(execFile)
const readJson = file => JSON.parse(readFileSync(file, "utf8"))

/** Runs a command in the foreground and ends this process with its status if that is not 0. */
function mustRun(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", ...options })
  if (error) console.error(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** Compiles C; what the compiler says is the error's text. */
async function cc(args) {
  try {
    await execute("cc", args)
  } catch (error) {
    throw new Error(`cc ${args.join(" ")}\n${error.stderr}`)
  }
}

/** Finds libquickjs.a where Debian puts it, then where other distributions do. */
async function findQuickjs() {
  const triplet = (await execute("cc", ["-print-multiarch"])).stdout.trim()
  const places = [`/usr/lib/${triplet}/quickjs`, "/usr/lib/quickjs", "/usr/lib64/quickjs", "/usr/local/lib/quickjs"]
  const found = places.map(place => `${place}/libquickjs.a`).find(file => existsSync(file))
  if (!found) throw new Error(`libquickjs.a is in none of ${places.join(", ")}: run node build.mjs setup`)
  return found
}

async function generateSchemas() {
  const { generate } = await import("./schemas/generate.mjs")
  await generate({ schemaDir: "schemas", outDir: "build/gen" })
}

/** Bundles a TypeScript file for Node and imports what it exports. */
async function importTypeScript(file, outfile) {
  const { build } = await import("esbuild")
  const options = { bundle: true, platform: "node", format: "esm", packages: "external", logLevel: "warning" }
  await build({ ...options, entryPoints: [file], outfile, sourcemap: "inline" })
  return import(path.resolve(outfile))
}

const readCatalog = async () => (await importTypeScript("plugins/catalog.ts", "build/tools/catalog.mjs")).catalog

/** What the engine runs, bundled from an entry that calls one function. */
const engineBundle = {
  bundle: true,
  format: "esm",
  target: "es2023",
  platform: "neutral",
  mainFields: ["module", "main"],
  external: ["native", "plugin", ...LAZY_PARTS],
  legalComments: "none",
  minifySyntax: true,
  minifyIdentifiers: true,
  charset: "utf8",
  logLevel: "warning",
}

/** Bundles a plugin with run.ts, and front.ts with its name; gives the names of the lazy parts that the plugin uses. */
async function bundle(plugin) {
  const esbuild = await import("esbuild")
  const entry = (kind, contents) => ({
    ...engineBundle,
    stdin: { contents, resolveDir: ".", sourcefile: `${plugin}.${kind}.ts`, loader: "ts" },
    outfile: `build/${plugin}/${kind}.js`,
    define: { PATCHBAY_VERSION: JSON.stringify(readJson("package.json").version) },
  })
  const run = `import { plugin } from "./plugins/${plugin}/${plugin}.ts"\nimport { run } from "./lib/cni/run.ts"\nrun(plugin)\n`
  const front = `import { front } from "./lib/cni/front.ts"\nfront(${JSON.stringify(plugin)})\n`
  const [{ metafile }] = await Promise.all([
    esbuild.build({ ...entry("plugin", run), metafile: true, sourcemap: "external" }),
    esbuild.build(entry("front", front)),
  ])
  writeFileSync(`build/${plugin}/plugin.meta.json`, JSON.stringify(metafile))
  writeFileSync(`build/${plugin}/plugin.lines`, lineTable(readJson(`build/${plugin}/plugin.js.map`), plugin))
  const imported = metafile.outputs[`build/${plugin}/plugin.js`].imports.map(({ path }) => path)
  return LAZY_PARTS.filter(part => imported.includes(part))
}

/**
 * Turns a source map into one row per bundle line, "source line" as numbers, below a row of source names.
 * A stack needs no more, and the text is a tenth of the map.
 */
function lineTable(map, plugin) {
  const rows = [map.sources.map(source => path.relative(".", path.resolve(`build/${plugin}`, source))).join(",")]
  let source = 0
  let line = 0
  for (const segments of map.mappings.split(";")) {
    let row = ""
    for (const segment of segments.split(",").filter(Boolean)) {
      const [, sourceStep, lineStep] = decodeVlq(segment)
      source += sourceStep ?? 0
      line += lineStep ?? 0
      if (row === "" && sourceStep !== undefined) row = `${source} ${line + 1}`
    }
    rows.push(row)
  }
  return rows.join("\n")
}

/** Decodes one segment of a source map (ECMA-426): base 64, five bits a digit, lowest first, the sign in bit 0. */
function decodeVlq(segment) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  const numbers = []
  let value = 0
  let shift = 0
  for (const character of segment) {
    const digit = digits.indexOf(character)
    value += (digit & 31) << shift
    shift += 5
    if (digit & 32) continue
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return numbers
}

/** Bundles one lazy part into a script whose completion value is the part's exports, and compiles it. */
async function buildLazyPart(part) {
  const esbuild = await import("esbuild")
  await esbuild.build({
    entryPoints: [part],
    outfile: `build/lazy/${part}.js`,
    bundle: true,
    format: "iife",
    globalName: "part",
    footer: { js: "part" },
    target: "es2023",
    platform: "neutral",
    mainFields: ["module", "main"],
    legalComments: "none",
    minify: true,
    logLevel: "warning",
  })
  await execute("build/compile", ["script", `build/lazy/${part}.js`, `build/lazy/${part}.qbc`, `${part}.js`])
}

/** The assembler file that embeds a plugin's bytecode as the tables of sys.h. */
function blobs(plugin, lazyParts) {
  const files = [
    { label: "main", name: "front", file: `build/${plugin}/front.qbc` },
    { label: "lines", name: "lines", file: `build/${plugin}/plugin.lines` },
    { label: "plugin", name: "plugin", file: `build/${plugin}/plugin.qbc` },
    ...lazyParts.map((name, i) => ({ label: `lazy${i}`, name, file: `build/lazy/${name}.qbc` })),
  ]
  const data = files.map(
    ({ label, name, file }) =>
      `.balign 16\n${label}_start: .incbin "${file}"\n${label}_end: .byte 0\n${label}_name: .asciz "${name}"\n`,
  )
  const row = label => `.quad ${label}_name, ${label}_start, ${label}_end\n`
  return [
    `.section .rodata\n${data.join("")}.section .data.rel.ro,"aw"\n.balign 16\n`,
    `.global main_blob, line_table, lazy_blobs\nmain_blob: ${row("main")}line_table: ${row("lines")}`,
    `lazy_blobs:\n${["plugin", ...lazyParts.map((_, i) => `lazy${i}`)].map(row).join("")}.quad 0, 0, 0\n`,
    `.section .note.GNU-stack,"",%progbits\n`,
  ].join("")
}

async function buildPlugin(plugin, quickjs, lazyParts) {
  const folder = `build/${plugin}`
  for (const part of ["front", "plugin"]) {
    await execute("build/compile", ["module", `${folder}/${part}.js`, `${folder}/${part}.qbc`, `${part}.js`])
  }
  writeFileSync(`${folder}/blobs.S`, blobs(plugin, lazyParts))
  await cc(["-c", `${folder}/blobs.S`, "-o", `${folder}/blobs.o`])
  const objects = NATIVE_PARTS.map(part => `build/native/${part}.o`)
  await cc([...STATIC_LINK, "-o", `${folder}/executable`, ...objects, `${folder}/blobs.o`, quickjs, "-lm"])
  renameSync(`${folder}/executable`, `dist/bin/${plugin}`)
}

/** The same C with sanitizers; they need a dynamic executable. */
async function buildDebugPlugin(plugin, quickjs) {
  const sources = [
    `${NATIVE}/main.c`,
    `${NATIVE}/sys.c`,
    `build/${plugin}/blobs.o`,
    quickjs,
    "-lm",
    "-lpthread",
    "-ldl",
  ]
  await cc([...C_FLAGS, ...DEBUG_FLAGS, "-o", `dist/debug/${plugin}`, ...sources])
}

/** Builds what every plugin shares, then bundles: gives the plugins' names, their lazy parts and the library. */
async function prepare() {
  for (const folder of ["build/native", "build/lazy", "build/tools", "dist/bin"]) mkdirSync(folder, { recursive: true })
  const quickjs = await findQuickjs()
  const names = (await readCatalog()).map(({ name }) => name)
  const compileLibraries = [quickjs, "-lm", "-lpthread", "-ldl"]
  const [lazyParts] = await Promise.all([
    generateSchemas().then(() => Promise.all(names.map(bundle))),
    cc([...C_FLAGS, "-o", "build/compile", `${NATIVE}/compile.c`, ...compileLibraries]),
    ...NATIVE_PARTS.map(part =>
      cc([...C_FLAGS, ...STATIC_FLAGS, "-c", `${NATIVE}/${part}.c`, "-o", `build/native/${part}.o`]),
    ),
  ])
  await Promise.all([...new Set(lazyParts.flat())].map(buildLazyPart))
  return { names, lazyParts, quickjs }
}

function printSizes(names) {
  let fits = true
  for (const name of names) {
    const { size } = statSync(`dist/bin/${name}`)
    const bytecode = statSync(`build/${name}/plugin.qbc`).size
    const mark = size <= SIZE_BUDGET ? "" : "  over the budget"
    console.log(
      `${name.padEnd(12)} ${String(size).padStart(9)} bytes, ${String(bytecode).padStart(6)} of bytecode${mark}`,
    )
    fits &&= size <= SIZE_BUDGET
  }
  if (!fits) throw new Error(`an executable is larger than ${SIZE_BUDGET} bytes (2.2 MiB)`)
}

async function build() {
  const { names, lazyParts, quickjs } = await prepare()
  await Promise.all(names.map((name, i) => buildPlugin(name, quickjs, lazyParts[i])))
  printSizes(names)
}

async function buildDebug() {
  await build()
  mkdirSync("dist/debug", { recursive: true })
  const quickjs = await findQuickjs()
  await Promise.all((await readCatalog()).map(({ name }) => buildDebugPlugin(name, quickjs)))
}

/** Bundles a TypeScript program of test/ for Node and runs it. */
async function runProgram(file, args) {
  const { build } = await import("esbuild")
  const outfile = `build/tools/${path.basename(file, ".ts")}.mjs`
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)' }
  const options = { bundle: true, platform: "node", format: "esm", packages: "external", sourcemap: "inline", banner }
  await build({ ...options, entryPoints: [file], outfile, logLevel: "warning" })
  mustRun("node", ["--enable-source-maps", outfile, ...args])
}

/** Runs a tool of node_modules; what it says goes to the terminal. */
function runTool(name, ...args) {
  const child = spawn("node", [`node_modules/${name}`, ...args], { stdio: "inherit" })
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", status => (status === 0 ? resolve() : reject(new Error(`${path.basename(name)} found problems`))))
  })
}

/** The README with the tables that come from the catalog and the schemas brought up to date. */
async function renderReadme() {
  const { loadSchemas, optionTable, updateReadme } = await import("./schemas/generate.mjs")
  const entries = await readCatalog()
  const schemas = new Map(loadSchemas("schemas").map(({ name, schemas }) => [name, schemas[0]]))
  const tables = entries.map(({ name }) => [name, optionTable(schemas.get(name))])
  const rows = entries.map(({ name, role, summary }) => `| \`${name}\` | ${role} | ${summary} |`).join("\n")
  const text = updateReadme(readFileSync("README.md", "utf8"), Object.fromEntries(tables))
  return text.replace(/(<!-- plugins -->\n)[\s\S]*?(<!-- \/plugins -->)/, `$1${rows}\n$2`)
}

/** Types, lint and format, import rules, unit tests: what every commit passes. */
async function check() {
  await prepare()
  if ((await renderReadme()) !== readFileSync("README.md", "utf8"))
    throw new Error("README.md is old: node build.mjs readme")
  await Promise.all([
    runTool("typescript/bin/tsc", "-p", "tsconfig.json"),
    runTool("typescript/bin/tsc", "-p", "test/tsconfig.json"),
    runTool("@biomejs/biome/bin/biome", "check", "--config-path=test/kit/style.json", "--error-on-warnings", "."),
  ])
  await runTool("jest/bin/jest.js", "test/unit", "--maxWorkers=2")
}

const tasks = {
  build,
  debug: buildDebug,
  check,
  setup: () => setup({ groups: ["build", "test"] }),
  schemas: generateSchemas,
  readme: async () => writeFileSync("README.md", await renderReadme()),
  run: ([file, ...args]) => runProgram(file, args),
  clean: () => {
    for (const folder of ["build", "dist"]) rmSync(folder, { recursive: true, force: true })
  },
  demo: async args => {
    await setup({ groups: ["build"] })
    await build()
    await runProgram("test/demo/demo.ts", args)
  },
  test: async args => {
    await setup({ groups: ["build", "test"] })
    await buildDebug()
    await runProgram("test/run.ts", args)
  },
  bench: async args => {
    await setup({ groups: ["build", "test"] })
    await build()
    await runProgram("test/bench/bench.ts", args)
  },
}

const [task = "build", ...args] = process.argv.slice(2)
if (!Object.hasOwn(tasks, task)) {
  console.error(`no task ${task}; tasks: ${Object.keys(tasks).join(", ")}`)
  process.exit(2)
}
try {
  await tasks[task](args)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
