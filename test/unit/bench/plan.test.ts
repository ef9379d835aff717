import { formatPlan, type Plan } from "../../bench/plan.ts"

test("a plan is one directive per line, in the order that the runner needs", () => {
  const plan: Plan = {
    netns: "/proc/7/ns/net",
    mntns: "/proc/7/ns/mnt",
    warmup: 1,
    rounds: 20,
    memory: 3,
    steps: [
      {
        name: "ADD ours",
        exec: "/bin/bridge",
        args: ["-x", "two words"],
        env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c%r-%c" },
        stdin: "/tmp/net.json",
        stdout: "/tmp/answer-%r",
        copies: 200,
        pauseMs: 15,
        put: { path: "/tmp/last", text: "10.0.0.1 and more" },
      },
      { name: "bare", exec: "/bin/true" },
    ],
  }
  expect(formatPlan(plan)).toBe(`netns /proc/7/ns/net
mntns /proc/7/ns/mnt
warmup 1
rounds 20
memory 3
step ADD ours
put /tmp/last 10.0.0.1 and more
exec /bin/bridge
arg -x
arg two words
env CNI_COMMAND=ADD
env CNI_CONTAINERID=c%r-%c
stdin /tmp/net.json
stdout /tmp/answer-%r
pause 15
copies 200
step bare
exec /bin/true
`)
})

const unfit: [name: string, step: Partial<Plan["steps"][number]>, message: string][] = [
  ["a line break in a variable", { env: { A: "1\n2" } }, "env: a value of one line"],
  ["a NUL in an argument", { args: ["a\0b"] }, "arg: a value of one line"],
  ["a blank in the path of a put", { put: { path: "/a b", text: "" } }, "put: /a b holds white space"],
]

test.each(unfit)("%s is refused", (_name, part, message) => {
  const steps = [{ name: "s", exec: "/bin/true", ...part }]
  expect(() => formatPlan({ warmup: 0, rounds: 1, steps })).toThrow(message)
})

test("two steps of one name are refused: results are found by name", () => {
  const step = { name: "ADD", exec: "/bin/true" }
  expect(() => formatPlan({ warmup: 0, rounds: 1, steps: [step, step] })).toThrow("two steps are called ADD")
})
