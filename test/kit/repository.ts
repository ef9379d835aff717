// Where things are: the repository's root, its executables, and the tools of the machine.
//
// Kit files run as CommonJS under Jest and as bundles under plain Node, so neither import.meta nor __dirname can be
// relied on: the root is found from the current folder, else from the script that Node was started with.

import { accessSync, constants, readFileSync } from "node:fs"
import { delimiter, dirname, join, resolve } from "node:path"

/**
 * Finds the repository's root folder.
 * @throws Error if neither the current folder nor the running script lies in the repository
 */
export function repositoryRoot(): string {
  for (const start of [process.cwd(), dirname(resolve(process.argv[1] ?? "."))]) {
    for (let folder = start; ; folder = dirname(folder)) {
      if (packageName(folder) === "patchbay") return folder
      if (folder === dirname(folder)) break
    }
  }
  throw new Error(`repository root: neither ${process.cwd()} nor ${process.argv[1]} is inside patchbay`)
}

function packageName(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

/** Returns the folder of the executables under test: `PATCHBAY_PLUGINS`, else dist/bin of the repository. */
export function pluginFolder(): string {
  return process.env.PATCHBAY_PLUGINS ?? join(repositoryRoot(), "dist", "bin")
}

/** The search path for system tools: the caller's, with the sbin folders that a user's PATH may lack. */
export const systemPath = [
  ...new Set([
    ...(process.env.PATH ?? "").split(delimiter),
    "/usr/local/sbin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
  ]),
]
  .filter(folder => folder !== "")
  .join(delimiter)

const found = new Map<string, string>()

/**
 * Returns the absolute path of an executable.
 * @throws Error if no folder of `path` holds it
 */
export function getTool(name: string, path = systemPath): string {
  const key = `${path}\0${name}`
  const known = found.get(key)
  if (known !== undefined) return known
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name)
    if (isExecutable(file)) {
      found.set(key, file)
      return file
    }
  }
  throw new Error(`find ${name}: not found in ${path}`)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR") return false
    throw error
  }
}
