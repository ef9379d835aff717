import { PatternError, parseGoPattern } from "../../../plugins/tuning/go-pattern.ts"
import { matches, mistakes, refusals } from "../../kit/go-patterns.ts"

test.each(matches)("/%s/ on %j: %s", (pattern, text, want) => {
  expect(parseGoPattern(pattern)(text)).toBe(want)
})

test.each([...mistakes, ...refusals])("/%s/ is refused", (pattern, problem) => {
  expect(() => parseGoPattern(pattern)).toThrow(PatternError)
  expect(() => parseGoPattern(pattern)).toThrow(`error parsing regexp: ${problem}`)
})

test("a pattern that makes others try every way is answered at once", () => {
  const start = performance.now()
  expect(parseGoPattern("^(a+)+(a|aa)*$")(`${"a".repeat(5_000)}b`)).toBe(false)
  expect(performance.now() - start).toBeLessThan(5_000)
})
