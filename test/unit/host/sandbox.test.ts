import "../../kit/fake-native.ts"
import { classifyNamespace } from "../../../lib/host/namespace.ts"
import { Sandbox } from "../../../lib/host/sandbox.ts"
import { fake } from "../../kit/fake-native.ts"

const OWN = 100
const CONTAINER = 200

beforeEach(() => {
  fake.files.putNamespace("/run/netns/x", CONTAINER)
  fake.files.putNamespace("/run/netns/host", OWN)
})

describe("classifyNamespace", () => {
  test.each<[string, string, string]>([
    ["a container's", "/run/netns/x", "foreign"],
    ["the plugin's own by its usual name", "/proc/self/ns/net", "own"],
    ["the plugin's own by another name", "/run/netns/host", "own"],
    ["nothing", "/run/netns/gone", "absent"],
    ["a plain file that is left of one", "/run/netns/left", "not a namespace"],
    ["a folder", "/run", "not a namespace"],
  ])("tells %s", (_, path, want) => {
    fake.files.put("/run/netns/left")
    expect(classifyNamespace(path)).toBe(want)
    expect(fake.files.openCount).toBe(0)
  })

  test("tells a namespace's inode number on another file system from a namespace", () => {
    fake.script("stat", [1, OWN, 0o100444, 0, 0])
    expect(classifyNamespace("/tmp/x")).toBe("not a namespace")
  })

  test("throws what is neither there nor absent", () => {
    fake.script("stat", -13)
    expect(() => classifyNamespace("/root/x")).toThrow("stat /root/x: permission denied (EACCES)")
  })
})

describe("Sandbox", () => {
  test("opens nothing before it is used", () => {
    expect(new Sandbox("/run/netns/x").path).toBe("/run/netns/x")
    expect(fake.calls).toEqual([])
  })

  test("runs a body inside, and comes back with its value", () => {
    const inside = new Sandbox("/run/netns/x").enter(() => fake.files.namespace)
    expect([inside, fake.files.namespace]).toEqual([CONTAINER, OWN])
  })

  test("comes back when the body throws", () => {
    const problem = new Error("inside")
    const enter = () =>
      new Sandbox("/run/netns/x").enter(() => {
        throw problem
      })
    expect(enter).toThrow(problem)
    expect(fake.files.namespace).toBe(OWN)
  })

  test("opens the namespace once for all it is used for", () => {
    const sandbox = new Sandbox("/run/netns/x")
    const { fd } = sandbox
    sandbox.enter(() => undefined)
    sandbox.enter(() => undefined)
    expect(sandbox.fd).toBe(fd)
    expect(fake.given("open").map(([path]) => path)).toEqual(["/run/netns/x", "/proc/self/ns/net"])
  })

  test("opens routing netlink inside, once", () => {
    const namespaces: number[] = []
    fake.script("socket", () => {
      namespaces.push(fake.files.namespace)
      return fake.files.openMemory()
    })
    const sandbox = new Sandbox("/run/netns/x")
    expect(sandbox.rtnl).toBe(sandbox.rtnl)
    expect(namespaces).toEqual([CONTAINER])
    expect(fake.files.namespace).toBe(OWN)
  })

  test("gives everything back: what is open keeps the namespace and its devices alive", () => {
    const sandbox = new Sandbox("/run/netns/x")
    expect(sandbox.rtnl).toBeDefined()
    sandbox.close()
    expect(fake.files.openCount).toBe(0)
  })

  test("has nothing to give back before it is used", () => {
    new Sandbox("/run/netns/x").close()
    expect(fake.calls).toEqual([])
  })

  test("names what is gone, and what is no network namespace", () => {
    fake.files.put("/run/netns/left")
    expect(() => new Sandbox("/run/netns/gone").fd).toThrow("open /run/netns/gone: no such file or directory (ENOENT)")
    expect(() => new Sandbox("/run/netns/left").enter(() => undefined)).toThrow(
      "setns /run/netns/left: invalid argument (EINVAL)",
    )
    expect(fake.files.namespace).toBe(OWN)
  })
})
