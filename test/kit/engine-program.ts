// A TypeScript program of the tests as what a plugin is: bundled, compiled to bytecode and linked with the engine into one static
// executable, by the pieces that `node build.mjs` has left in build/.

import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { build } from "esbuild"
import { repositoryRoot } from "./repository.ts"

const linkFlags = ["-static-pie", "-s", "-Wl,-z,relro,-z,now,-z,pack-relative-relocs,--gc-sections,--build-id=none"]

/**
 * Builds the program whose entry is `file`, relative to the repository's root, and returns the executable's path. It reads
 * stdin and writes stdout as plugins do.
 * @throws Error if the plugins have not been built before
 */
export async function buildEngineProgram(file: string): Promise<string> {
  const root = repositoryRoot()
  const name = basename(file, ".ts")
  const folder = join(root, "build", "programs", name)
  const path = (part: string) => join(folder, `${name}.${part}`)
  mkdirSync(folder, { recursive: true })
  await build({
    ...{ entryPoints: [join(root, file)], outfile: path("js"), bundle: true, format: "esm", target: "es2023" },
    ...{ platform: "neutral", external: ["native", "ip-address", "netmask"], charset: "utf8", logLevel: "warning" },
    ...{ minifySyntax: true, minifyIdentifiers: true },
  })
  const compile = join(root, "build", "compile")
  if (!existsSync(compile)) throw new Error(`${compile} is missing: run node build.mjs`)
  execFileSync(compile, ["module", path("js"), path("qbc"), `${name}.js`])
  writeFileSync(path("S"), blobs(path("qbc")))
  const objects = ["main", "heap", "sys"].map(part => join(root, "build", "native", `${part}.o`))
  execFileSync("cc", [...linkFlags, "-o", path("elf"), path("S"), ...objects, quickjs(), "-lm"])
  return path("elf")
}

/** The tables of lib/sys/native/sys.h: this bytecode, no lines, no parts for later. */
function blobs(bytecode: string): string {
  return [
    `.section .rodata\n.balign 16\nmain_start: .incbin "${bytecode}"\nmain_end: .byte 0\nmain_name: .asciz "main"\n`,
    '.section .data.rel.ro,"aw"\n.balign 16\n.global main_blob, line_table, lazy_blobs\n',
    "main_blob: .quad main_name, main_start, main_end\nline_table: .quad main_name, main_end, main_end\n",
    'lazy_blobs: .quad 0, 0, 0\n.section .note.GNU-stack,"",%progbits\n',
  ].join("")
}

function quickjs(): string {
  const triplet = execFileSync("cc", ["-print-multiarch"], { encoding: "utf8" }).trim()
  const places = [`/usr/lib/${triplet}/quickjs`, "/usr/lib/quickjs", "/usr/lib64/quickjs", "/usr/local/lib/quickjs"]
  const found = places.map(place => `${place}/libquickjs.a`).find(file => existsSync(file))
  if (found === undefined) throw new Error(`libquickjs.a is in none of ${places.join(", ")}`)
  return found
}
