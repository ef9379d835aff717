import "../../kit/fake-native.ts"
import {
  appendToFile,
  close,
  createLink,
  ensureFolder,
  findLink,
  findStatus,
  findTextFile,
  isTemporaryName,
  listNames,
  openForReading,
  overwriteFile,
  prepareFile,
  readTextFile,
  readToEnd,
  removeFile,
  renameFile,
  statusOf,
  writeAll,
  writeExistingFile,
} from "../../../lib/sys/files.ts"
import { fake } from "../../kit/fake-native.ts"

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Answers a read with this text. */
const data =
  (content: string) =>
  (_: number, into: Uint8Array): number =>
    Buffer.from(content).copy(into)

afterEach(() => expect(fake.files.openCount).toBe(0))

describe("reading", () => {
  test("readTextFile gives the whole text", () => {
    fake.files.put("/a/b", "x\ny\n")
    expect(readTextFile("/a/b")).toBe("x\ny\n")
  })

  test("readTextFile names what is missing in the words that callers match", () => {
    expect(() => readTextFile("/a/b")).toThrow("open /a/b: no such file or directory (ENOENT)")
  })

  test.each([0, 1, 4095, 4096, 4097, 100_000])("readTextFile reads %d bytes", size => {
    const content = "a".repeat(size)
    fake.files.put("/a", content)
    expect(readTextFile("/a")).toBe(content)
  })

  test("readTextFile goes on after interruptions of opening and of reading", () => {
    fake.files.put("/a", "whole")
    fake.script("open", -4)
    fake.script("read", -4, data("sp"), -4, data("lit"), 0)
    expect(readTextFile("/a")).toBe("split")
  })

  test("readToEnd waits for input that is not there yet, in a pipe that its other owner reads without blocking", () => {
    fake.script("read", data("ab"), -11, data("cd"), -11, 0)
    expect(text(readToEnd(9, "stdin"))).toBe("abcd")
    expect(fake.given("poll")).toEqual([
      [9, 1, -1],
      [9, 1, -1],
    ])
  })

  test("readTextFile closes the file when reading fails", () => {
    fake.files.put("/a")
    fake.script("read", -5)
    expect(() => readTextFile("/a")).toThrow("read /a: input/output error (EIO)")
  })

  test.each<[string, number]>([
    ["no file", -2],
    ["no folder", -20],
  ])("findTextFile tells undefined where there is %s", (_, errno) => {
    fake.script("open", errno)
    expect(findTextFile("/a/b")).toBeUndefined()
  })

  test("findTextFile gives the text where there is a file", () => {
    fake.files.put("/a", "b")
    expect(findTextFile("/a")).toBe("b")
  })

  test("findTextFile throws other refusals", () => {
    fake.script("open", -13)
    expect(() => findTextFile("/a")).toThrow("open /a: permission denied (EACCES)")
  })

  test("readToEnd names its subject", () => {
    fake.script("read", -21)
    expect(() => readToEnd(9, "stdin")).toThrow("read stdin: is a directory (EISDIR)")
  })

  test("openForReading gives a descriptor that the caller closes", () => {
    fake.files.put("/a", "b")
    const fd = openForReading("/a")
    expect(text(readToEnd(fd, "/a"))).toBe("b")
    close(fd)
  })
})

describe("status", () => {
  test.each<[string, number, boolean, boolean]>([
    ["a regular file", 0o100644, true, false],
    ["a folder", 0o040755, false, true],
    ["a socket", 0o140777, false, false],
  ])("findStatus tells of %s", (_, mode, isFile, isDirectory) => {
    fake.script("stat", [5, 6, mode, 7, 8.5])
    expect(findStatus("/a")).toEqual({ device: 5, inode: 6, isFile, isDirectory, size: 7, modifiedMs: 8.5 })
  })

  test.each([-2, -20])("findStatus tells undefined for errno %d", errno => {
    fake.script("stat", errno)
    expect(findStatus("/a")).toBeUndefined()
  })

  test("findStatus throws other refusals", () => {
    fake.script("stat", -13)
    expect(() => findStatus("/a")).toThrow("stat /a: permission denied (EACCES)")
  })

  test("statusOf names what the descriptor is", () => {
    fake.script("fstat", -9)
    expect(() => statusOf(3, "lock /a")).toThrow("fstat lock /a: bad file descriptor (EBADF)")
  })
})

describe("writing", () => {
  test("writeAll goes on after short writes and interruptions", () => {
    const parts: string[] = []
    const take = (count: number) => (_: number, from: Uint8Array) => {
      parts.push(text(from))
      return count
    }
    fake.script("write", take(2), -4, take(1), take(4))
    writeAll(1, Buffer.from("abcdefg"), "stdout")
    expect(parts).toEqual(["abcdefg", "cdefg", "defg"])
  })

  test("writeAll writes nothing of nothing", () => {
    writeAll(1, new Uint8Array(0), "stdout")
    expect(fake.calls).toEqual([])
  })

  test("writeAll throws what comes in the middle", () => {
    fake.script("write", 2, -28)
    expect(() => writeAll(9, Buffer.from("abc"), "/a")).toThrow("write /a: no space left on device (ENOSPC)")
  })

  test("writeExistingFile makes no file", () => {
    expect(() => writeExistingFile("/proc/sys/x", "1")).toThrow("open /proc/sys/x: no such file or directory (ENOENT)")
    fake.files.put("/proc/sys/x", "0")
    writeExistingFile("/proc/sys/x", "1")
    expect(fake.files.get("/proc/sys/x")).toBe("1")
  })

  test("overwriteFile replaces what was there, and makes a file for the owner alone", () => {
    fake.files.put("/a", "longer than before")
    overwriteFile("/a", "short")
    overwriteFile("/b", "new")
    expect(fake.files.get("/a")).toBe("short")
    expect(fake.files.get("/b")).toBe("new")
    expect(fake.given("open").map(([, , mode]) => mode)).toEqual([0o600, 0o600])
  })

  test("appendToFile adds to what was there, and makes a file for the owner alone", () => {
    appendToFile("/a", "one\n")
    appendToFile("/a", "two\n")
    expect(fake.files.get("/a")).toBe("one\ntwo\n")
    expect(fake.given("open").map(([, , mode]) => mode)).toEqual([0o600, 0o600])
  })

  test("appendToFile does not wait for a reader of a pipe", () => {
    fake.script("open", -6)
    expect(() => appendToFile("/run/pipe", "a")).toThrow("open /run/pipe: ")
    expect(Number(fake.given("open")[0]?.[1]) & 0o4000).not.toBe(0)
  })

  test.each<[string, typeof overwriteFile]>([
    ["overwriteFile", overwriteFile],
    ["appendToFile", appendToFile],
  ])("%s follows no link", (_, write) => {
    write("/a", "b")
    expect(Number(fake.given("open")[0]?.[1]) & 0o400000).not.toBe(0)
  })
})

describe("a prepared file", () => {
  beforeEach(() => fake.files.putFolder("/pool"))

  test("is not to be seen before it has its name, and then whole", () => {
    const file = prepareFile("/pool", "owner\r\neth0")
    expect(fake.files.paths).toEqual([])
    expect(file.nameIt("10.1.0.2")).toBe(true)
    expect(fake.files.get("/pool/10.1.0.2")).toBe("owner\r\neth0")
    file.close()
    expect(fake.files.paths).toEqual(["/pool/10.1.0.2"])
  })

  test("takes the first name that is free", () => {
    fake.files.put("/pool/10.1.0.2", "another")
    const file = prepareFile("/pool", "mine")
    expect([file.nameIt("10.1.0.2"), file.nameIt("10.1.0.3")]).toEqual([false, true])
    file.close()
    expect(fake.files.get("/pool/10.1.0.2")).toBe("another")
    expect(fake.files.get("/pool/10.1.0.3")).toBe("mine")
  })

  test("leaves nothing if it gets no name", () => {
    prepareFile("/pool", "mine").close()
    expect(fake.files.paths).toEqual([])
  })

  test("throws why it cannot be named", () => {
    const file = prepareFile("/pool", "mine")
    fake.script("linkat", -28)
    expect(() => file.nameIt("10.1.0.2")).toThrow("link /pool/10.1.0.2: no space left on device (ENOSPC)")
    file.close()
  })

  test.each<[string, number]>([
    ["a file system without O_TMPFILE", -95],
    ["a kernel without O_TMPFILE", -21],
    ["an overlay that knows the flag not", -22],
  ])("has a temporary name that begins with a dot on %s", (_, errno) => {
    fake.script("open", errno)
    const file = prepareFile("/pool", "mine")
    expect(fake.files.paths).toEqual([expect.stringMatching(/^\/pool\/\./)])
    expect(fake.files.paths.map(path => isTemporaryName(path.slice(6)))).toEqual([true])
    expect(file.nameIt("10.1.0.2")).toBe(true)
    file.close()
    expect(fake.files.paths).toEqual(["/pool/10.1.0.2"])
    expect(fake.files.get("/pool/10.1.0.2")).toBe("mine")
  })

  test("has no other process's temporary name", () => {
    fake.script("open", -95, -17)
    expect(() => prepareFile("/pool", "mine")).toThrow(/^open \/pool\/\..*: file exists \(EEXIST\)$/)
  })

  test.each<[string, number[]]>([
    ["without a name", []],
    ["with a temporary name", [-95]],
  ])("is given up if the disk is full: %s", (_, refusals) => {
    fake.script("open", ...refusals)
    fake.script("write", -28)
    expect(() => prepareFile("/pool", "mine")).toThrow("no space left on device (ENOSPC)")
    expect(fake.files.paths).toEqual([])
  })

  test("throws why the folder cannot be written to", () => {
    fake.script("open", -13)
    expect(() => prepareFile("/pool", "mine")).toThrow("open /pool: permission denied (EACCES)")
  })
})

describe("names", () => {
  test("removeFile tells whether there was a file", () => {
    fake.files.put("/a")
    expect([removeFile("/a"), removeFile("/a")]).toEqual([true, false])
  })

  test.each<[number, string]>([
    [-13, "unlink /a: permission denied (EACCES)"],
    [-21, "unlink /a: is a directory (EISDIR)"],
  ])("removeFile throws errno %d", (errno, message) => {
    fake.script("unlink", errno)
    expect(() => removeFile("/a")).toThrow(message)
  })

  test("renameFile replaces what has the name", () => {
    fake.files.put("/a", "new")
    fake.files.put("/b", "old")
    renameFile("/a", "/b")
    expect(fake.files.paths).toEqual(["/b"])
    expect(fake.files.get("/b")).toBe("new")
    expect(() => renameFile("/a", "/b")).toThrow("rename /a to /b: no such file or directory (ENOENT)")
  })

  test("listNames lists a folder, itself and its parent among the names", () => {
    fake.files.put("/a/b")
    fake.files.put("/a/c/d")
    expect([...listNames("/a")].map(names => names.toSorted())).toEqual([[".", "..", "b", "c"]])
  })

  test("listNames gives the names of each read as it comes", () => {
    fake.files.putFolder("/a")
    fake.script("getdents64", [".", ".."], ["b"], ["c", "d"], [])
    const reads = listNames("/a")
    expect([reads.next().value, reads.next().value]).toEqual([[".", ".."], ["b"]])
    expect(fake.given("getdents64")).toHaveLength(2)
    expect([...reads]).toEqual([["c", "d"]])
  })

  test("listNames closes the folder when the reader has seen enough", () => {
    fake.files.put("/a/b")
    for (const _ of listNames("/a")) break
    expect(fake.files.openCount).toBe(0)
  })

  test("listNames gives nothing where there is no folder", () => {
    expect([...listNames("/a")]).toEqual([])
  })

  test.each<[string, "open" | "getdents64", number, string]>([
    ["what is no folder", "open", -20, "open /a: not a directory (ENOTDIR)"],
    ["a disk that fails", "getdents64", -5, "getdents64 /a: input/output error (EIO)"],
  ])("listNames throws for %s", (_, name, errno, message) => {
    fake.files.putFolder("/a")
    fake.script(name, errno)
    expect(() => [...listNames("/a")]).toThrow(message)
  })
})

describe("links", () => {
  test("a link keeps its target, and a taken name is told", () => {
    fake.files.putFolder("/a")
    expect([createLink("/a/b", "10.1.0.2 fd00::2"), createLink("/a/b", "another")]).toEqual([true, false])
    expect([findLink("/a/b"), findLink("/a/c")]).toEqual(["10.1.0.2 fd00::2", undefined])
  })

  test("what is no link, or lies in no folder, is refused", () => {
    fake.files.put("/a/b", "text")
    expect(() => findLink("/a/b")).toThrow("readlink /a/b: invalid argument (EINVAL)")
    expect(() => createLink("/c/d", "x")).toThrow("symlink /c/d: no such file or directory (ENOENT)")
  })
})

describe("ensureFolder", () => {
  test("makes a folder and those above it", () => {
    ensureFolder("/var/lib/cni/networks/net")
    expect(findStatus("/var/lib/cni/networks/net")?.isDirectory).toBe(true)
  })

  test("gives every folder that it makes the mode, 0755 unless another is asked for", () => {
    ensureFolder("/a")
    ensureFolder("/b/c", 0o700)
    expect(fake.given("mkdir")).toEqual([
      ["/a", 0o755],
      ["/b/c", 0o700],
      ["/b", 0o700],
      ["/b/c", 0o700],
    ])
  })

  test.each<[string, number | undefined, number]>([
    ["0755 if nothing is said", undefined, 0o755],
    ["the mode it is told", 0o700, 0o700],
  ])("gives all of them %s", (_, mode, want) => {
    if (mode === undefined) ensureFolder("/a/b")
    else ensureFolder("/a/b", mode)
    expect(fake.given("mkdir")).toEqual([
      ["/a/b", want],
      ["/a", want],
      ["/a/b", want],
    ])
  })

  test("gives up where the folder above is there and takes none", () => {
    fake.files.putFolder("/proc")
    fake.script("mkdir", -2, -17, -2)
    expect(() => ensureFolder("/proc/none")).toThrow("mkdir /proc/none: no such file or directory (ENOENT)")
  })

  test("asks once where the folder is there", () => {
    fake.files.putFolder("/a/b")
    ensureFolder("/a/b")
    expect(fake.names).toEqual(["mkdir"])
  })

  test("bears that another process makes it meanwhile", () => {
    fake.script("mkdir", -2, -17, -17)
    ensureFolder("/a/b")
    expect(fake.given("mkdir").map(([path]) => path)).toEqual(["/a/b", "/a", "/a/b"])
  })

  test.each<[string, number[], string]>([
    ["a read-only disk", [-30], "mkdir /a/b: unknown error (errno 30)"],
    ["a file in the way", [-20], "mkdir /a/b: not a directory (ENOTDIR)"],
    ["a refusal further up", [-2, -13], "mkdir /a: permission denied (EACCES)"],
  ])("throws for %s", (_, errnos, message) => {
    fake.script("mkdir", ...errnos)
    expect(() => ensureFolder("/a/b")).toThrow(message)
  })

  test("ends at the root", () => {
    fake.script("mkdir", -2)
    expect(() => ensureFolder("/a")).toThrow("mkdir /a: no such file or directory (ENOENT)")
  })
})
