import "../../kit/fake-native.ts"
import { now, uptime, wallClock } from "../../../lib/sys/clock.ts"
import { enterNamespace } from "../../../lib/sys/namespaces.ts"
import { fake } from "../../kit/fake-native.ts"

test.each<[string, () => number, number]>([
  ["now is CLOCK_MONOTONIC", now, 1],
  ["wallClock is CLOCK_REALTIME", wallClock, 0],
  ["uptime is CLOCK_BOOTTIME", uptime, 7],
])("%s", (_, read, clock) => {
  fake.script("clock_gettime", (asked: number) => asked * 10 + 0.25)
  expect(read()).toBe(clock * 10 + 0.25)
})

test("enterNamespace enters network namespaces only", () => {
  fake.script("setns", 0)
  enterNamespace(7, "/run/netns/x")
  expect(fake.given("setns")).toEqual([[7, 0x40000000]])
})

test("enterNamespace names what is no network namespace", () => {
  fake.script("setns", -22)
  expect(() => enterNamespace(7, "/run/netns/x")).toThrow("setns /run/netns/x: invalid argument (EINVAL)")
})
