/**
 * A place to measure in: a world of namespaces (test/kit/namespaces.ts) with a namespace per container, and a folder on the
 * machine's disk for configurations and state, where state lies on a node, too. Everything is gone at the end.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { withWorld } from "../kit/namespaces.ts"
import { benchFolder } from "./runner.ts"

export interface Stage {
  /** Paths of the namespaces that play the host, fit for a plan. */
  readonly netns: string
  readonly mntns: string
  readonly folder: string
  /** Path of a container's network namespace, seen from inside `mntns`. */
  container(name: string): string
  /** Writes a configuration and returns its path. */
  config(name: string, value: unknown): string
}

/** Runs `body` on a stage of its own with a namespace for each of `containers`. */
export async function withStage<T>(containers: readonly string[], body: (stage: Stage) => T): Promise<T> {
  const folder = mkdtempSync(path.join(benchFolder(), "stage-"))
  // The world's pipes do not keep Node alive, but its end must be waited for.
  const alive = setInterval(() => undefined, 60_000)
  try {
    return await withWorld(world => {
      const paths = new Map(containers.map(name => [name, world.addContainer(name)]))
      const namespaces = { netns: `/proc/${world.pid}/ns/net`, mntns: `/proc/${world.pid}/ns/mnt` }
      const container = (name: string) => getPath(paths, name)
      return body({ ...namespaces, folder, container, config: (name, value) => writeConfig(folder, name, value) })
    })
  } finally {
    clearInterval(alive)
    rmSync(folder, { recursive: true, force: true })
  }
}

function getPath(paths: ReadonlyMap<string, string>, name: string): string {
  const found = paths.get(name)
  if (found === undefined) throw new Error(`the stage has no container ${name}`)
  return found
}

function writeConfig(folder: string, name: string, value: unknown): string {
  const file = path.join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify(value))
  return file
}
