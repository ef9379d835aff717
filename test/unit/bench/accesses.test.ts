import { type Accesses, countAccesses } from "../../bench/accesses.ts"

const logs: [name: string, log: string, want: Accesses][] = [
  [
    "a search by one directory read",
    `12 openat(AT_FDCWD, "/s/full/lock", O_RDONLY|O_CREAT|O_CLOEXEC, 0600) = 3
12 openat(AT_FDCWD, "/s/full", O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY) = 4
12 getdents64(4, 0x55 /* 1000 entries */, 32768) = 32000
12 getdents64(4, 0x55 /* 0 entries */, 32768) = 0
12 openat(AT_FDCWD, "/s/full", O_WRONLY|O_CLOEXEC|O_TMPFILE, 0600) = 5
12 openat(AT_FDCWD, "/s/full/last_reserved_ip.0", O_WRONLY|O_CREAT, 0600) = 6`,
    { filesOpened: 0, foldersRead: 1 },
  ],
  [
    "address files that are opened, by path or below a folder",
    `12 openat(AT_FDCWD, "/s/full/10.95.0.2", O_RDONLY|O_CLOEXEC) = 3
12 openat(4, "10.95.0.3", O_RDONLY|O_CLOEXEC) = 5
12 open("/s/full/10.95.0.4", O_RDONLY) = -1 ENOENT (No such file or directory)
12 getdents64(4, 0x55 /* 0 entries */, 32768) = 0
13 getdents64(4, 0x55 /* 0 entries */, 32768) = 0`,
    { filesOpened: 3, foldersRead: 2 },
  ],
  [
    "an address file that is tried to be made is not looked at; a folder named like an address is no file",
    `12 openat(AT_FDCWD, "/s/full/10.95.0.2", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = -1 EEXIST (File exists)
12 openat(AT_FDCWD, "/s/10.95.0.2/lock", O_RDONLY) = 3
12 openat(AT_FDCWD, "/s/10.95.0.2", O_RDONLY|O_DIRECTORY) = 3`,
    { filesOpened: 0, foldersRead: 0 },
  ],
]

test.each(logs)("accesses are counted: %s", (_name, log, want) => {
  expect(countAccesses(log)).toEqual(want)
})

test("an empty trace is an error: nothing was watched", () => {
  expect(() => countAccesses("12 +++ exited with 0 +++\n")).toThrow("no call at all")
})
