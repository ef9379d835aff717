import { compareVersions, type Mirror, parseMirror, upstreamVersion } from "../../kit/reference.ts"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

const sources: [name: string, text: string, want: Mirror | undefined][] = [
  [
    "a .sources file names its key and may hold comments",
    `Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/other.gpg
`,
    { uri: "http://deb.debian.org/debian", signedBy: "/usr/share/keyrings/other.gpg" },
  ],
  [
    "security updates come first and are passed over",
    `Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: s\nComponents: main\n
Types: deb deb-src\nURIs: http://mirror.example/debian/\nSuites: s\nComponents: main\n`,
    { uri: "http://mirror.example/debian/", signedBy: keyring },
  ],
  [
    "a key in the text keeps its lines",
    `Types: deb\nURIs: http://m/debian\nSigned-By:\n -----BEGIN\n .\n abc\nSuites: s\n`,
    { uri: "http://m/debian", signedBy: "\n -----BEGIN\n .\n abc" },
  ],
  ["a stanza that is turned off does not count", `Enabled: no\nTypes: deb\nURIs: http://m/debian\n`, undefined],
  ["sources of source code do not count", `Types: deb-src\nURIs: http://m/debian\n`, undefined],
  [
    "a one-line entry",
    "# deb http://no/debian x main\ndeb http://deb.debian.org/debian bookworm main\n",
    { uri: "http://deb.debian.org/debian", signedBy: keyring },
  ],
  [
    "a one-line entry with options",
    "deb [arch=amd64 signed-by=/k.gpg] http://m/debian sid main\n",
    { uri: "http://m/debian", signedBy: "/k.gpg" },
  ],
  ["another vendor's archive", "deb https://packages.cloud.google.com/apt cloud-sdk-bookworm main\n", undefined],
]

test.each(sources)("a Debian mirror is found in apt's sources: %s", (_name, text, want) => {
  expect(parseMirror(text)).toEqual(want)
})

const versions: [debian: string, upstream: string][] = [
  ["1.9.1+ds1-1", "1.9.1"],
  ["1.1.1+ds1-3+b5", "1.1.1"],
  ["1:2.0.0-1~bpo12+1", "2.0.0"],
  ["1.10.0", "1.10.0"],
]

test.each(versions)("Debian's version %s is upstream's %s", (debian, upstream) => {
  expect(upstreamVersion(debian)).toBe(upstream)
})

const orders: [a: string, b: string, sign: number][] = [
  ["1.10.0", "1.9.1", 1],
  ["1.9.1", "1.9.1", 0],
  ["1.9", "1.9.1", -1],
  ["2", "1.9.1", 1],
]

test.each(orders)("version %s compares with %s as %i", (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign)
})
