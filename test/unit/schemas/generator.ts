import { execFileSync } from "node:child_process"
import { resolve } from "node:path"

/**
 * Runs `body`, the inside of an async function with the exports of schemas/generate.mjs in scope, in a Node of its own,
 * and returns the JSON of what it returns. Jest cannot load the generator's ES modules.
 */
export function runGenerator(body: string): unknown {
  const script = `
    import { generate, loadSchemas, optionTable, updateReadme } from ${JSON.stringify(resolve("schemas/generate.mjs"))}
    const attempt = async make => make().then(value => ({ value }), error => ({ message: error.message }))
    const run = async () => { ${body} }
    process.stdout.write(JSON.stringify(await run()))`
  const node = ["--input-type=module", "-e", script]
  return JSON.parse(execFileSync(process.execPath, node, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }))
}
