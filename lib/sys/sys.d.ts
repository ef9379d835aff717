/**
 * The contract of the native module: one thin wrapper per system call, in lib/sys/native/sys.c.
 * A call returns its value or `-errno`; it never throws for what the kernel says, never retries and holds no policy.
 * It throws TypeError or RangeError only for arguments that the TypeScript side may never pass.
 * Every descriptor it opens is close-on-exec. Only lib/sys imports this module.
 */
declare module "native" {
  /** stat(2) fields: device, inode, mode with type bits, size in bytes, last modification in milliseconds since 1970. */
  type Stat = readonly [dev: number, ino: number, mode: number, size: number, mtimeMs: number]

  /** open(2); O_CLOEXEC is added. */
  export function open(path: string, flags: number, mode: number): number
  /** close(2) */
  export function close(fd: number): number
  /** read(2) into `into`; 0 at the end of the file. */
  export function read(fd: number, into: Uint8Array): number
  /** write(2) of the whole of `from`; may write less. */
  export function write(fd: number, from: Uint8Array): number
  /** lseek(2) from the start of the file. */
  export function lseek(fd: number, offset: number): number
  /** fcntl(2) F_DUPFD_CLOEXEC is not needed here; stat(2) follows links. */
  export function stat(path: string): Stat | number
  /** fstat(2) */
  export function fstat(fd: number): Stat | number
  /** fstatfs(2), f_type only: the magic number of the file system (linux/magic.h). */
  export function fstatfs(fd: number): number
  /** mkdir(2) */
  export function mkdir(path: string, mode: number): number
  /** unlink(2) */
  export function unlink(path: string): number
  /** rename(2) */
  export function rename(from: string, to: string): number
  /** linkat(2) with AT_SYMLINK_FOLLOW, which gives a name to an O_TMPFILE file through /proc/self/fd. */
  export function linkat(from: string, to: string): number
  /** symlink(2): makes `path`, which leads to `target`. */
  export function symlink(target: string, path: string): number
  /** readlink(2): where `path` leads. */
  export function readlink(path: string): string | number
  /** getdents64(2): the names of one buffer, "." and ".." among them; an empty list at the end of the folder. */
  export function getdents64(fd: number): string[] | number
  /** flock(2) */
  export function flock(fd: number, operation: number): number
  /**
   * setitimer(2) ITIMER_REAL: SIGALRM, which only interrupts calls, comes after `ms` milliseconds and then every 100, for
   * the first may come just before the call that it is to interrupt; 0 disarms.
   */
  export function setitimer(ms: number): number

  /** memfd_create(2) with MFD_CLOEXEC. */
  export function memfd_create(name: string): number
  /** pipe2(2) with O_CLOEXEC: the read end and the write end. */
  export function pipe2(): readonly [read: number, write: number] | number
  /**
   * vfork(2) and execve(2): the new process's id. `stdin` and `stdout` become its descriptors 0 and 1, stderr is shared,
   * SIGPIPE is as this process found it; it is killed when this process ends before it.
   */
  export function spawn(path: string, argv: string[], env: string[], stdin: number, stdout: number): number
  /** waitpid(2) for one process: the wait status of wait(2). */
  export function waitpid(pid: number): number

  /** socket(2); SOCK_CLOEXEC is added. */
  export function socket(domain: number, type: number, protocol: number): number
  /** connect(2); `address` is a struct sockaddr of any family. */
  export function connect(fd: number, address: Uint8Array): number
  /** send(2) */
  export function send(fd: number, from: Uint8Array, flags: number): number
  /** recv(2); with MSG_TRUNC the true length of the datagram, which may exceed `into`. */
  export function recv(fd: number, into: Uint8Array, flags: number): number
  /** setsockopt(2) with an int value. */
  export function setsockopt(fd: number, level: number, name: number, value: number): number
  /** poll(2) of one descriptor: its revents, 0 on time-out; `timeoutMs` -1 waits for ever. */
  export function poll(fd: number, events: number, timeoutMs: number): number

  /** setns(2) */
  export function setns(fd: number, type: number): number
  /** clock_gettime(2) in milliseconds, with fractions down to about a microsecond. */
  export function clock_gettime(clock: number): number
  /** getrandom(2): fills `into`. */
  export function getrandom(into: Uint8Array): number
  /** getpid(2) */
  export function getpid(): number

  /** environ(7) as "KEY=value" texts. */
  export function environ(): string[]
  /** A bit for each of the descriptors 0 to 2 that was closed at start and now is /dev/null. */
  export const closedAtStart: number
  /** strerrorname_np(3): "ENOENT"; an unknown number gives "errno N". */
  export function errorName(errno: number): string
  /** strerrordesc_np(3): "No such file or directory". */
  export function errorText(errno: number): string
  /** UTF-8 to text; bytes that are not UTF-8 become U+FFFD, as in Go. */
  export function decodeUtf8(bytes: Uint8Array): string
  /** Text to UTF-8. */
  export function encodeUtf8(text: string): Uint8Array
  /** The line table of the bundle (build.mjs writes it), for naming TypeScript lines in stacks. */
  export function lineTable(): string
  /** _exit(2): ends the process at once. */
  export function exit(status: number): never
}
