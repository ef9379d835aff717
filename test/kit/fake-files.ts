/** The file system of the fake kernel: absolute paths, files of bytes, and network namespaces, all by one table of names. */

const O_CREAT = 0o100
const O_EXCL = 0o200
const O_TRUNC = 0o1000
const O_DIRECTORY = 0o200000
const O_TMPFILE = 0o20200000

const ENOENT = -2
const EBADF = -9
const EEXIST = -17
const ENOTDIR = -20
const EINVAL = -22
const EISDIR = -21

type Node =
  | { readonly kind: "file"; inode: number; bytes: Buffer }
  | { readonly kind: "folder"; inode: number }
  | { readonly kind: "namespace"; inode: number }
  | { readonly kind: "symlink"; inode: number; readonly target: string }

interface Opened {
  readonly node: Node
  readonly path: string
  at: number
  isListed?: boolean
}

/** All network namespaces lie on this device, as in nsfs. */
const NAMESPACES = 4

/** Files by their paths; what the calls of "native" do with them. */
export class FakeFiles {
  /** The namespace that the process is in. */
  namespace = 100
  readonly #nodes = new Map<string, Node>([["/proc/self/ns/net", { kind: "namespace", inode: 100 }]])
  readonly #opened = new Map<number, Opened>()
  #inodes = 0
  #descriptors = 3

  /** Puts a file at a path, and the folders above it. */
  put(path: string, text = ""): void {
    this.putFolder(path.slice(0, path.lastIndexOf("/")))
    this.#nodes.set(path, { kind: "file", inode: ++this.#inodes, bytes: Buffer.from(text) })
  }

  /** Makes a folder and those above it. */
  putFolder(path: string): void {
    for (let each = path; each !== ""; each = each.slice(0, each.lastIndexOf("/"))) {
      if (!this.#nodes.has(each)) this.#nodes.set(each, { kind: "folder", inode: ++this.#inodes })
    }
  }

  /** Puts a network namespace at a path. */
  putNamespace(path: string, inode: number): void {
    this.#nodes.set(path, { kind: "namespace", inode })
  }

  /** Tells a file's text; undefined if there is none. */
  get(path: string): string | undefined {
    const node = this.#nodes.get(path)
    return node?.kind === "file" ? node.bytes.toString() : undefined
  }

  /** Tells the paths of all files. */
  get paths(): string[] {
    return [...this.#nodes].filter(([, { kind }]) => kind === "file").map(([path]) => path)
  }

  /** Tells how many descriptors nobody has closed. */
  get openCount(): number {
    return this.#opened.size
  }

  isOpen(fd: number): boolean {
    return this.#opened.has(fd)
  }

  /** Tells the text behind a descriptor. */
  textOf(fd: number): string {
    const node = this.#opened.get(fd)?.node
    return node?.kind === "file" ? node.bytes.toString() : ""
  }

  open(path: string, flags: number): number {
    const node = this.#nodes.get(path)
    if ((flags & O_TMPFILE) === O_TMPFILE) return node?.kind === "folder" ? this.openMemory() : ENOENT
    if (node === undefined) {
      if (!(flags & O_CREAT)) return ENOENT
      this.put(path)
      return this.#openNode(this.#nodes.get(path)!, path)
    }
    if (flags & O_EXCL) return EEXIST
    if (flags & O_DIRECTORY && node.kind !== "folder") return ENOTDIR
    if (node.kind === "file" && flags & O_TRUNC) node.bytes = Buffer.alloc(0)
    const fd = this.#openNode(node, path)
    if (node.kind === "file" && flags & 0o2000) this.#opened.get(fd)!.at = node.bytes.length
    return fd
  }

  openMemory(): number {
    return this.#openNode({ kind: "file", inode: ++this.#inodes, bytes: Buffer.alloc(0) }, "")
  }

  /** Opens the same file once more, with a place of its own in it. */
  duplicate(fd: number): number {
    return this.#openNode(this.#opened.get(fd)!.node, "")
  }

  close(fd: number): number {
    return this.#opened.delete(fd) ? 0 : EBADF
  }

  read(fd: number, into: Uint8Array): number {
    const file = this.#opened.get(fd)
    if (file === undefined) return EBADF
    if (file.node.kind !== "file") return EISDIR
    const part = file.node.bytes.subarray(file.at, file.at + into.length)
    into.set(part)
    file.at += part.length
    return part.length
  }

  write(fd: number, from: Uint8Array): number {
    const file = this.#opened.get(fd)
    if (file?.node.kind !== "file") return EBADF
    file.node.bytes = Buffer.concat([file.node.bytes.subarray(0, file.at), from])
    file.at += from.length
    return from.length
  }

  seek(fd: number, offset: number): number {
    const file = this.#opened.get(fd)
    if (file === undefined) return EBADF
    file.at = offset
    return offset
  }

  stat(path: string): readonly [number, number, number, number, number] | number {
    const node = path.startsWith("/proc/self/fd/")
      ? this.#opened.get(Number(path.slice(14)))?.node
      : this.#nodes.get(path)
    if (node === undefined) return ENOENT
    const inode = path === "/proc/self/ns/net" ? this.namespace : node.inode
    const type = node.kind === "folder" ? 0o40000 : 0o100000
    return [node.kind === "namespace" ? NAMESPACES : 1, inode, type, node.kind === "file" ? node.bytes.length : 0, 0]
  }

  mkdir(path: string): number {
    if (this.#nodes.has(path)) return EEXIST
    const parent = path.slice(0, path.lastIndexOf("/"))
    if (parent !== "" && !this.#nodes.has(parent)) return ENOENT
    this.putFolder(path)
    return 0
  }

  unlink(path: string): number {
    return this.#nodes.delete(path) ? 0 : ENOENT
  }

  rename(from: string, to: string): number {
    const node = this.#nodes.get(from)
    if (node === undefined) return ENOENT
    this.#nodes.delete(from)
    this.#nodes.set(to, node)
    return 0
  }

  link(from: string, to: string): number {
    const node = from.startsWith("/proc/self/fd/")
      ? this.#opened.get(Number(from.slice(14)))?.node
      : this.#nodes.get(from)
    if (node === undefined) return ENOENT
    if (this.#nodes.has(to)) return EEXIST
    this.#nodes.set(to, node)
    return 0
  }

  /** Makes a symbolic link; nothing here follows one. */
  symlink(target: string, path: string): number {
    if (this.#nodes.has(path)) return EEXIST
    if (!this.#nodes.has(path.slice(0, path.lastIndexOf("/")))) return ENOENT
    this.#nodes.set(path, { kind: "symlink", inode: ++this.#inodes, target })
    return 0
  }

  readlink(path: string): string | number {
    const node = this.#nodes.get(path)
    if (node === undefined) return ENOENT
    return node.kind === "symlink" ? node.target : EINVAL
  }

  names(fd: number): string[] | number {
    const folder = this.#opened.get(fd)
    if (folder === undefined) return EBADF
    if (folder.isListed) return []
    folder.isListed = true
    const below = [...this.#nodes.keys()].filter(path => path.slice(0, path.lastIndexOf("/")) === folder.path)
    return [".", "..", ...below.map(path => path.slice(path.lastIndexOf("/") + 1))]
  }

  /** setns(2) into a network namespace. */
  enter(fd: number): number {
    const node = this.#opened.get(fd)?.node
    if (node === undefined) return EBADF
    if (node.kind !== "namespace") return EINVAL
    this.namespace = node.inode
    return 0
  }

  #openNode(node: Node, path: string): number {
    const fd = this.#descriptors++
    this.#opened.set(fd, {
      node: path === "/proc/self/ns/net" ? { ...node, inode: this.namespace } : node,
      path,
      at: 0,
    })
    return fd
  }
}
