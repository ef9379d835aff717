import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getTool, pluginFolder, repositoryRoot } from "../../kit/repository.ts"

afterEach(() => {
  delete process.env.PATCHBAY_PLUGINS
})

it("finds the repository from the current folder, and from the running script elsewhere", () => {
  const root = repositoryRoot()
  expect(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).name).toBe("patchbay")
  const cwd = jest.spyOn(process, "cwd").mockReturnValue("/")
  const script = process.argv[1]
  process.argv[1] = join(root, "build", "demo", "demo.mjs")
  expect(repositoryRoot()).toBe(root)
  process.argv[1] = "/usr/bin/x.mjs"
  expect(repositoryRoot).toThrow("neither / nor /usr/bin/x.mjs is inside patchbay")
  process.argv[1] = script ?? ""
  cwd.mockRestore()
})

it("takes the executables from dist/bin unless PATCHBAY_PLUGINS names a folder", () => {
  expect(pluginFolder()).toBe(join(repositoryRoot(), "dist", "bin"))
  process.env.PATCHBAY_PLUGINS = "/opt/cni/bin"
  expect(pluginFolder()).toBe("/opt/cni/bin")
})

it("finds tools along a path, executable files only", () => {
  const folder = mkdtempSync(join(tmpdir(), "tools-"))
  writeFileSync(join(folder, "tool"), "", { mode: 0o755 })
  expect(getTool("sh")).toMatch(/^\/.*\/sh$/)
  expect(getTool("tool", `/nowhere:${folder}`)).toBe(join(folder, "tool"))
  expect(() => getTool("none", folder)).toThrow(`find none: not found in ${folder}`)
  rmSync(folder, { recursive: true })
})
