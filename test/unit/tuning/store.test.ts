import "../../kit/fake-native.ts"
import { Store, stateName } from "../../../plugins/tuning/store.ts"
import { fake } from "../../kit/fake-native.ts"

const FOLDER = "/run/cni/tuning"
const NAME = "c1_eth0.json"
const store = new Store(FOLDER)
const at = (name: string) => `${FOLDER}/${name}`
const who = (containerId: string, ifname = "eth0") => ({ network: "net", containerId, ifname })

describe("the name of a state file", () => {
  test("is the reference's", () => {
    expect(stateName(who("a_b.c-d"))).toBe("a_b.c-d_eth0.json")
  })

  test("is the reference's for as long as a file can have it", () => {
    const longest = "a".repeat(245)
    expect(stateName(who(longest))).toBe(`${longest}_eth0.json`)
  })

  test("is told by a hash where it would be too long, another for each container", () => {
    const names = ["b", "c"].map(end => stateName(who("a".repeat(299) + end)))
    for (const name of names) expect(name).toMatch(/^a{200}#[0-9a-f]{8}_eth0\.json$/)
    expect(names[0]).not.toBe(names[1])
    expect(stateName({ ...who(`${"a".repeat(299)}b`), network: "other" })).toBe(names[0])
  })

  test("counts bytes", () => {
    expect(Buffer.byteLength(stateName(who("a".repeat(244), "ä".repeat(7))))).toBeLessThanOrEqual(255)
  })
})

describe("write", () => {
  test("makes the folder", () => {
    store.write(NAME, "text")
    expect(store.findText(NAME)).toBe("text")
    expect(fake.given("mkdir")).toContainEqual([FOLDER, 0o755])
  })

  test("takes the place of a file by a rename, and leaves nothing else", () => {
    fake.files.put(at(NAME), "old")
    fake.files.put(at(`.new-${NAME}`), "of a write that was killed")
    store.write(NAME, "new")
    expect(fake.given("rename")).toEqual([[at(`.new-${NAME}`), at(NAME)]])
    expect([store.findText(NAME), store.findText(`.new-${NAME}`)]).toEqual(["new", undefined])
  })

  test("has a shorter name for the time of writing where the file's own is long", () => {
    const name = stateName(who("a".repeat(245)))
    fake.files.put(at(name), "old")
    store.write(name, "new")
    const [[temporary]] = fake.given("rename") as [[string]]
    expect(temporary.length - FOLDER.length - 1).toBe(255)
  })
})

test("remove takes away what a killed write left", () => {
  fake.files.put(at(NAME), "old")
  fake.files.put(at(`.new-${NAME}`), "new")
  store.remove(NAME)
  expect([store.findText(NAME), store.findText(`.new-${NAME}`)]).toEqual([undefined, undefined])
  expect(() => store.remove(NAME)).not.toThrow()
})

test("list knows the files of killed ADDs, and passes over others'", () => {
  fake.files.putFolder(FOLDER)
  for (const name of [NAME, "c2_eth0.json", "notes", ".new-42-7", ".hidden"]) fake.files.put(at(name), "")
  expect([...store.list()].toSorted()).toEqual([".new-42-7", NAME, "c2_eth0.json"])
  expect([...new Store("/nowhere").list()]).toEqual([])
})
