import "../../kit/fake-native.ts"
import { isTracing, startTrace, trace, warn } from "../../../lib/sys/trace.ts"
import { fake } from "../../kit/fake-native.ts"

afterEach(() => startTrace("", ""))

test("a trace that is off writes nothing", () => {
  trace("line")
  expect(isTracing()).toBe(false)
  expect(fake.calls).toEqual([])
})

test("a trace to stderr has label, time and line", () => {
  startTrace("stderr", "bridge ADD c1")
  fake.clock = 1234.5678
  trace("one")
  trace("two")
  expect(isTracing()).toBe(true)
  expect(fake.stderr).toBe("bridge ADD c1 1234.568 one\nbridge ADD c1 1234.568 two\n")
})

test("a trace to a file appends, and makes it for the owner alone", () => {
  fake.files.put("/var/log/trace", "earlier\n")
  startTrace("/var/log/trace", "x")
  trace("one")
  expect(fake.files.get("/var/log/trace")).toBe("earlier\nx 0.000 one\n")
  expect(fake.given("open")).toEqual([["/var/log/trace", expect.any(Number), 0o600]])
  expect(fake.stderr).toBe("")
  expect(fake.files.openCount).toBe(0)
})

test("a trace that cannot be written ends, and stderr says so once", () => {
  startTrace("/var/log/trace", "x")
  fake.script("open", -28)
  trace("one")
  trace("two")
  expect(isTracing()).toBe(false)
  expect(fake.stderr).toBe(
    "the trace to /var/log/trace ends here: open /var/log/trace: no space left on device (ENOSPC)\n",
  )
})

test("warn writes a line to stderr", () => {
  warn("netns is gone")
  expect(fake.stderr).toBe("netns is gone\n")
})

test("a stderr that nobody reads is no reason to fail", () => {
  fake.script("write", -32)
  expect(() => warn("netns is gone")).not.toThrow()
})
