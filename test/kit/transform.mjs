// Jest transform: TypeScript to CommonJS by the same esbuild that makes the bundles.
import { createHash } from "node:crypto"
import { transformSync, version } from "esbuild"

export default {
  getCacheKey: (source, file) => createHash("sha1").update(version).update(file).update(source).digest("hex"),
  process(source, file) {
    const loader = file.endsWith("ts") ? "ts" : "js"
    const { code, map } = transformSync(source, {
      loader,
      format: "cjs",
      target: "node20",
      sourcefile: file,
      sourcemap: "external",
    })
    return { code, map }
  },
}
