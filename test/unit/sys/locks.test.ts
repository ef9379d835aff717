import "../../kit/fake-native.ts"
import { LockTimeout, withLock } from "../../../lib/sys/locks.ts"
import { fake } from "../../kit/fake-native.ts"

const LOCK_EX = 2
const LOCK_NB = 4

const operations = (): unknown[] => fake.given("flock").map(([, operation]) => operation)
const lock = (): string => withLock("/pool/lock", 1000, () => "done")

afterEach(() => expect(fake.files.openCount).toBe(0))

test("a free lock is taken without a timer", () => {
  expect(lock()).toBe("done")
  expect(fake.names).toEqual(["open", "flock"])
  expect(operations()).toEqual([LOCK_EX | LOCK_NB])
  expect(fake.files.paths).toEqual(["/pool/lock"])
})

test("a lock file that is created has the mode that is asked for", () => {
  lock()
  withLock("/pool/lock", 1000, () => undefined, 0o750)
  expect(fake.given("open").map(([, , mode]) => mode)).toEqual([0o600, 0o750])
})

test("a lock file that is made has the mode it is told, else the owner's alone", () => {
  withLock("/pool/lock", 1000, () => undefined, 0o750)
  withLock("/pool/other", 1000, () => undefined)
  expect(fake.given("open").map(([path, , mode]) => [path, mode])).toEqual([
    ["/pool/lock", 0o750],
    ["/pool/other", 0o600],
  ])
})

test("the lock is held while the body runs, and only then", () => {
  withLock("/pool/lock", 1000, () => expect(fake.files.openCount).toBe(1))
  expect(fake.files.openCount).toBe(0)
})

test("the lock is given back when the body throws", () => {
  const problem = new Error("body")
  expect(() =>
    withLock("/pool/lock", 1000, () => {
      throw problem
    }),
  ).toThrow(problem)
  expect(fake.files.openCount).toBe(0)
})

test.each<[string, number]>([
  ["a held lock", -11],
  ["an interrupted first try", -4],
])("the kernel waits for %s, with a timer that is taken back", (_, errno) => {
  fake.script("flock", errno)
  expect(lock()).toBe("done")
  expect(operations()).toEqual([LOCK_EX | LOCK_NB, LOCK_EX])
  expect(fake.given("setitimer")).toEqual([[1000], [0]])
})

test("the wait goes on after another signal, for what is left", () => {
  const interrupt = () => {
    fake.clock += 300.2
    return -4
  }
  fake.script("flock", -11, interrupt, interrupt)
  expect(lock()).toBe("done")
  expect(fake.given("setitimer")).toEqual([[1000], [700], [400], [0]])
})

test("the wait ends at the deadline", () => {
  fake.script("flock", -11, () => {
    fake.clock += 1000
    return -4
  })
  expect(lock).toThrow(new LockTimeout("lock /pool/lock is still held by another process after 1000 ms"))
  expect(fake.given("setitimer")).toEqual([[1000], [0]])
})

test.each<[string, number[]]>([
  ["at once", [-9]],
  ["while waiting", [-11, -9]],
])("a refusal %s is thrown, with no timer left", (_, errnos) => {
  fake.script("flock", ...errnos)
  expect(lock).toThrow("flock /pool/lock: bad file descriptor (EBADF)")
  expect(fake.given("setitimer").at(-1) ?? [0]).toEqual([0])
})

test("a lock file that cannot be opened is named", () => {
  fake.script("open", -4, -13)
  expect(lock).toThrow("open /pool/lock: permission denied (EACCES)")
})
