/*
 * The module "native": one thin wrapper per system call. Each returns the call's value or -errno; retries, deadlines and
 * meaning belong to lib/sys. ../sys.d.ts is the contract, the table at the end is the index. Lengths are checked here,
 * before any pointer is used; a text with a NUL byte inside is never cut short but refused with EINVAL.
 */
#define _GNU_SOURCE
#include "sys.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRAPPER(name) static JSValue js_##name(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
#define UNUSED (void)this, (void)argc

/* Arguments are counted by the table below, so argv[i] exists for every declared parameter. */
static int integer(JSContext *ctx, JSValueConst value, int *into) { return JS_ToInt32(ctx, into, value); }

/* The bytes of a Uint8Array. Throws and returns NULL if it is none. */
static uint8_t *bytes(JSContext *ctx, JSValueConst value, size_t *length) {
    size_t offset, size, whole;
    JSValue buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, length, &size);
    if (JS_IsException(buffer)) return NULL;
    uint8_t *start = JS_GetArrayBuffer(ctx, &whole, buffer);
    JS_FreeValue(ctx, buffer); /* the typed array still holds it */
    if (!start && *length > 0) return NULL;
    if (size != 1 || offset > whole || *length > whole - offset) {
        JS_ThrowRangeError(ctx, "a Uint8Array is needed");
        return NULL;
    }
    static uint8_t none;
    return start ? start + offset : &none;
}

/* A text without NUL bytes, to be freed; NULL with *error set to -EINVAL, or to 0 with an exception pending. */
static const char *text(JSContext *ctx, JSValueConst value, int *error) {
    size_t length;
    const char *string = JS_ToCStringLen(ctx, &length, value);
    *error = 0;
    if (string && strlen(string) != length) {
        JS_FreeCString(ctx, string);
        *error = -EINVAL;
        return NULL;
    }
    return string;
}

static JSValue outcome(JSContext *ctx, long result) { return JS_NewInt64(ctx, result < 0 ? -errno : result); }
static JSValue refused(JSContext *ctx, int error) { return error ? JS_NewInt32(ctx, error) : JS_EXCEPTION; }

WRAPPER(open) {
    UNUSED;
    int flags, mode, error;
    if (integer(ctx, argv[1], &flags) || integer(ctx, argv[2], &mode)) return JS_EXCEPTION;
    const char *path = text(ctx, argv[0], &error);
    if (!path) return refused(ctx, error);
    JSValue result = outcome(ctx, open(path, flags | O_CLOEXEC, mode));
    JS_FreeCString(ctx, path);
    return result;
}

WRAPPER(close) {
    UNUSED;
    int fd;
    return integer(ctx, argv[0], &fd) ? JS_EXCEPTION : outcome(ctx, close(fd));
}

WRAPPER(read) {
    UNUSED;
    int fd;
    size_t length;
    uint8_t *into = bytes(ctx, argv[1], &length);
    if (!into || integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    return outcome(ctx, read(fd, into, length));
}

WRAPPER(write) {
    UNUSED;
    int fd;
    size_t length;
    uint8_t *from = bytes(ctx, argv[1], &length);
    if (!from || integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    return outcome(ctx, write(fd, from, length));
}

WRAPPER(lseek) {
    UNUSED;
    int fd;
    int64_t offset;
    if (integer(ctx, argv[0], &fd) || JS_ToInt64(ctx, &offset, argv[1])) return JS_EXCEPTION;
    return outcome(ctx, lseek(fd, offset, SEEK_SET));
}

static JSValue stat_fields(JSContext *ctx, const struct stat *st) {
    double fields[] = {st->st_dev, st->st_ino, st->st_mode, st->st_size,
                       st->st_mtim.tv_sec * 1e3 + st->st_mtim.tv_nsec / 1e6};
    JSValue list = JS_NewArray(ctx);
    for (uint32_t i = 0; i < sizeof fields / sizeof *fields; i++)
        JS_SetPropertyUint32(ctx, list, i, JS_NewFloat64(ctx, fields[i]));
    return list;
}

WRAPPER(stat) {
    UNUSED;
    int error;
    struct stat st;
    const char *path = text(ctx, argv[0], &error);
    if (!path) return refused(ctx, error);
    int result = stat(path, &st);
    JSValue value = result < 0 ? outcome(ctx, result) : stat_fields(ctx, &st);
    JS_FreeCString(ctx, path);
    return value;
}

WRAPPER(fstat) {
    UNUSED;
    int fd;
    struct stat st;
    if (integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    int result = fstat(fd, &st);
    return result < 0 ? outcome(ctx, result) : stat_fields(ctx, &st);
}

WRAPPER(fstatfs) {
    UNUSED;
    int fd;
    struct statfs st;
    if (integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    int result = fstatfs(fd, &st);
    return result < 0 ? outcome(ctx, result) : JS_NewInt64(ctx, (uint32_t)st.f_type);
}

WRAPPER(mkdir) {
    UNUSED;
    int mode, error;
    if (integer(ctx, argv[1], &mode)) return JS_EXCEPTION;
    const char *path = text(ctx, argv[0], &error);
    if (!path) return refused(ctx, error);
    JSValue result = outcome(ctx, mkdir(path, mode));
    JS_FreeCString(ctx, path);
    return result;
}

WRAPPER(unlink) {
    UNUSED;
    int error;
    const char *path = text(ctx, argv[0], &error);
    if (!path) return refused(ctx, error);
    JSValue result = outcome(ctx, unlink(path));
    JS_FreeCString(ctx, path);
    return result;
}

/* The two calls that take an old and a new name. */
static JSValue two_paths(JSContext *ctx, JSValueConst *argv, int (*call)(const char *, const char *)) {
    int error;
    const char *from = text(ctx, argv[0], &error);
    if (!from) return refused(ctx, error);
    const char *to = text(ctx, argv[1], &error);
    JSValue result = to ? outcome(ctx, call(from, to)) : refused(ctx, error);
    if (to) JS_FreeCString(ctx, to);
    JS_FreeCString(ctx, from);
    return result;
}

static int link_following(const char *from, const char *to) {
    return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

WRAPPER(rename) {
    UNUSED;
    return two_paths(ctx, argv, rename);
}

WRAPPER(linkat) {
    UNUSED;
    return two_paths(ctx, argv, link_following);
}

WRAPPER(symlink) {
    UNUSED;
    return two_paths(ctx, argv, symlink);
}

WRAPPER(readlink) {
    UNUSED;
    int error;
    char target[4096]; /* PATH_MAX, the longest target that symlink(2) takes */
    const char *path = text(ctx, argv[0], &error);
    if (!path) return refused(ctx, error);
    ssize_t length = readlink(path, target, sizeof target);
    JSValue value = length < 0 ? outcome(ctx, length) : JS_NewStringLen(ctx, target, length);
    JS_FreeCString(ctx, path);
    return value;
}

WRAPPER(getdents64) {
    UNUSED;
    static char buffer[64 * 1024] __attribute__((aligned(8)));
    int fd;
    if (integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    ssize_t length = getdents64(fd, buffer, sizeof buffer);
    if (length < 0) return outcome(ctx, length);
    JSValue names = JS_NewArray(ctx);
    uint32_t count = 0;
    for (ssize_t at = 0; at < length;) {
        struct dirent64 *entry = (struct dirent64 *)(buffer + at);
        JS_SetPropertyUint32(ctx, names, count++, JS_NewString(ctx, entry->d_name));
        at += entry->d_reclen;
    }
    return names;
}

WRAPPER(flock) {
    UNUSED;
    int fd, operation;
    if (integer(ctx, argv[0], &fd) || integer(ctx, argv[1], &operation)) return JS_EXCEPTION;
    return outcome(ctx, flock(fd, operation));
}

WRAPPER(setitimer) {
    UNUSED;
    int ms;
    if (integer(ctx, argv[0], &ms)) return JS_EXCEPTION;
    struct itimerval timer = {{.tv_usec = 100 * 1000}, {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    return outcome(ctx, setitimer(ITIMER_REAL, &timer, NULL));
}

WRAPPER(memfd_create) {
    UNUSED;
    int error;
    const char *name = text(ctx, argv[0], &error);
    if (!name) return refused(ctx, error);
    JSValue result = outcome(ctx, memfd_create(name, MFD_CLOEXEC));
    JS_FreeCString(ctx, name);
    return result;
}

WRAPPER(pipe2) {
    UNUSED, (void)argv;
    int ends[2], result = pipe2(ends, O_CLOEXEC);
    if (result < 0) return outcome(ctx, result);
    JSValue pair = JS_NewArray(ctx);
    JS_SetPropertyUint32(ctx, pair, 0, JS_NewInt32(ctx, ends[0]));
    JS_SetPropertyUint32(ctx, pair, 1, JS_NewInt32(ctx, ends[1]));
    return pair;
}

static void free_texts(JSContext *ctx, const char **texts) {
    for (const char **each = texts; each && *each; each++) JS_FreeCString(ctx, *each);
    free(texts);
}

/* A NULL-terminated copy of a list of texts, for exec; NULL as text() says. */
static const char **text_list(JSContext *ctx, JSValueConst list, int *error) {
    uint32_t count = 0;
    JSValue length = JS_GetPropertyStr(ctx, list, "length");
    *error = 0;
    if (JS_ToUint32(ctx, &count, length)) return NULL;
    const char **texts = calloc((size_t)count + 1, sizeof *texts);
    if (!texts) *error = -ENOMEM;
    for (uint32_t i = 0; texts && i < count; i++) {
        JSValue item = JS_GetPropertyUint32(ctx, list, i);
        texts[i] = text(ctx, item, error);
        JS_FreeValue(ctx, item);
        if (!texts[i]) {
            free_texts(ctx, texts);
            texts = NULL;
        }
    }
    return texts;
}

/*
 * The new process gets stdin and stdout, and SIGPIPE as this process found it. Returns its id or a negative errno.
 * posix_spawn(3) would ask the kernel for the disposition of each of 64 signals first.
 */
static int start(const char *path, const char **args, const char **env, int in, int out) {
    volatile int error = 0; /* the child writes it: until exec it runs in this memory */
    pid_t pid = vfork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody else would undo what it did for a caller that is dead */
        if (sigpipe_was_default) signal(SIGPIPE, SIG_DFL);
        if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0) execve(path, (char *const *)args, (char *const *)env);
        error = errno;
        _exit(127);
    }
    if (pid < 0) return -errno;
    if (error) waitpid(pid, NULL, 0);
    return error ? -error : pid;
}

WRAPPER(spawn) {
    UNUSED;
    int in, out, error;
    if (integer(ctx, argv[3], &in) || integer(ctx, argv[4], &out)) return JS_EXCEPTION;
    const char *path = text(ctx, argv[0], &error), **args = NULL, **env = NULL;
    if (path) args = text_list(ctx, argv[1], &error);
    if (args) env = text_list(ctx, argv[2], &error);
    JSValue result = env ? JS_NewInt32(ctx, start(path, args, env, in, out)) : refused(ctx, error);
    free_texts(ctx, env);
    free_texts(ctx, args);
    if (path) JS_FreeCString(ctx, path);
    return result;
}

WRAPPER(waitpid) {
    UNUSED;
    int pid, status;
    if (integer(ctx, argv[0], &pid)) return JS_EXCEPTION;
    int result = waitpid(pid, &status, 0);
    return result < 0 ? outcome(ctx, result) : JS_NewInt32(ctx, status);
}

WRAPPER(socket) {
    UNUSED;
    int domain, type, protocol;
    if (integer(ctx, argv[0], &domain) || integer(ctx, argv[1], &type) || integer(ctx, argv[2], &protocol))
        return JS_EXCEPTION;
    return outcome(ctx, socket(domain, type | SOCK_CLOEXEC, protocol));
}

WRAPPER(connect) {
    UNUSED;
    int fd;
    size_t length;
    struct sockaddr_storage address;
    uint8_t *from = bytes(ctx, argv[1], &length);
    if (!from || integer(ctx, argv[0], &fd)) return JS_EXCEPTION;
    if (length > sizeof address) return JS_NewInt32(ctx, -EINVAL);
    memcpy(&address, from, length);
    return outcome(ctx, connect(fd, (struct sockaddr *)&address, length));
}

WRAPPER(send) {
    UNUSED;
    int fd, flags;
    size_t length;
    uint8_t *from = bytes(ctx, argv[1], &length);
    if (!from || integer(ctx, argv[0], &fd) || integer(ctx, argv[2], &flags)) return JS_EXCEPTION;
    return outcome(ctx, send(fd, from, length, flags));
}

WRAPPER(recv) {
    UNUSED;
    int fd, flags;
    size_t length;
    uint8_t *into = bytes(ctx, argv[1], &length);
    if (!into || integer(ctx, argv[0], &fd) || integer(ctx, argv[2], &flags)) return JS_EXCEPTION;
    return outcome(ctx, recv(fd, into, length, flags));
}

WRAPPER(setsockopt) {
    UNUSED;
    int fd, level, name, value;
    if (integer(ctx, argv[0], &fd) || integer(ctx, argv[1], &level) || integer(ctx, argv[2], &name) ||
        integer(ctx, argv[3], &value))
        return JS_EXCEPTION;
    return outcome(ctx, setsockopt(fd, level, name, &value, sizeof value));
}

WRAPPER(poll) {
    UNUSED;
    int fd, events, timeout;
    if (integer(ctx, argv[0], &fd) || integer(ctx, argv[1], &events) || integer(ctx, argv[2], &timeout))
        return JS_EXCEPTION;
    struct pollfd entry = {.fd = fd, .events = events};
    int result = poll(&entry, 1, timeout);
    return result < 0 ? outcome(ctx, result) : JS_NewInt32(ctx, entry.revents);
}

WRAPPER(setns) {
    UNUSED;
    int fd, type;
    if (integer(ctx, argv[0], &fd) || integer(ctx, argv[1], &type)) return JS_EXCEPTION;
    return outcome(ctx, setns(fd, type));
}

WRAPPER(clock_gettime) {
    UNUSED;
    int clock;
    struct timespec now;
    if (integer(ctx, argv[0], &clock)) return JS_EXCEPTION;
    int result = clock_gettime(clock, &now);
    return result < 0 ? outcome(ctx, result) : JS_NewFloat64(ctx, now.tv_sec * 1e3 + now.tv_nsec / 1e6);
}

WRAPPER(getrandom) {
    UNUSED;
    size_t length;
    uint8_t *into = bytes(ctx, argv[0], &length);
    return into ? outcome(ctx, getrandom(into, length, 0)) : JS_EXCEPTION;
}

WRAPPER(getpid) {
    UNUSED, (void)argv;
    return JS_NewInt32(ctx, getpid());
}

WRAPPER(environ) {
    UNUSED, (void)argv;
    JSValue list = JS_NewArray(ctx);
    for (uint32_t i = 0; environ && environ[i]; i++) JS_SetPropertyUint32(ctx, list, i, JS_NewString(ctx, environ[i]));
    return list;
}

WRAPPER(errorName) {
    UNUSED;
    int number;
    if (integer(ctx, argv[0], &number)) return JS_EXCEPTION;
    const char *name = strerrorname_np(number);
    char unknown[24];
    snprintf(unknown, sizeof unknown, "errno %d", number);
    return JS_NewString(ctx, name ? name : unknown);
}

WRAPPER(errorText) {
    UNUSED;
    int number;
    if (integer(ctx, argv[0], &number)) return JS_EXCEPTION;
    const char *description = strerrordesc_np(number);
    return JS_NewString(ctx, description ? description : "Unknown error");
}

WRAPPER(decodeUtf8) {
    UNUSED;
    size_t length;
    uint8_t *from = bytes(ctx, argv[0], &length);
    return from ? JS_NewStringLen(ctx, (const char *)from, length) : JS_EXCEPTION;
}

/* Half a surrogate pair, which the engine writes as if it were a character, becomes U+FFFD: ED A0..BF xx is no UTF-8. */
static void replace_surrogates(uint8_t *bytes, size_t length) {
    uint8_t *end = bytes + length, *at = bytes;
    while (end - at >= 3 && (at = memchr(at, 0xed, end - at - 2))) {
        if (at[1] >= 0xa0) memcpy(at, "\xef\xbf\xbd", 3);
        at += 3;
    }
}

WRAPPER(encodeUtf8) {
    UNUSED;
    size_t length;
    const char *string = JS_ToCStringLen(ctx, &length, argv[0]);
    if (!string) return JS_EXCEPTION;
    JSValue buffer = JS_NewArrayBufferCopy(ctx, (const uint8_t *)string, length);
    JS_FreeCString(ctx, string);
    if (JS_IsException(buffer)) return buffer;
    if (length > 0) replace_surrogates(JS_GetArrayBuffer(ctx, &length, buffer), length);
    JSValueConst whole[] = {buffer, JS_UNDEFINED, JS_UNDEFINED}; /* the engine reads all three, whatever argc says */
    JSValue array = JS_NewTypedArray(ctx, 3, whole, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(ctx, buffer);
    return array;
}

WRAPPER(lineTable) {
    UNUSED, (void)argv;
    return JS_NewStringLen(ctx, (const char *)line_table.start, line_table.end - line_table.start);
}

WRAPPER(exit) {
    UNUSED;
    int status;
    if (integer(ctx, argv[0], &status)) return JS_EXCEPTION;
    _exit(status);
}

static const JSCFunctionListEntry wrappers[] = {
    JS_CFUNC_DEF("open", 3, js_open),
    JS_CFUNC_DEF("close", 1, js_close),
    JS_CFUNC_DEF("read", 2, js_read),
    JS_CFUNC_DEF("write", 2, js_write),
    JS_CFUNC_DEF("lseek", 2, js_lseek),
    JS_CFUNC_DEF("stat", 1, js_stat),
    JS_CFUNC_DEF("fstat", 1, js_fstat),
    JS_CFUNC_DEF("fstatfs", 1, js_fstatfs),
    JS_CFUNC_DEF("mkdir", 2, js_mkdir),
    JS_CFUNC_DEF("unlink", 1, js_unlink),
    JS_CFUNC_DEF("rename", 2, js_rename),
    JS_CFUNC_DEF("linkat", 2, js_linkat),
    JS_CFUNC_DEF("symlink", 2, js_symlink),
    JS_CFUNC_DEF("readlink", 1, js_readlink),
    JS_CFUNC_DEF("getdents64", 1, js_getdents64),
    JS_CFUNC_DEF("flock", 2, js_flock),
    JS_CFUNC_DEF("setitimer", 1, js_setitimer),
    JS_CFUNC_DEF("memfd_create", 1, js_memfd_create),
    JS_CFUNC_DEF("pipe2", 0, js_pipe2),
    JS_CFUNC_DEF("spawn", 5, js_spawn),
    JS_CFUNC_DEF("waitpid", 1, js_waitpid),
    JS_CFUNC_DEF("socket", 3, js_socket),
    JS_CFUNC_DEF("connect", 2, js_connect),
    JS_CFUNC_DEF("send", 3, js_send),
    JS_CFUNC_DEF("recv", 3, js_recv),
    JS_CFUNC_DEF("setsockopt", 4, js_setsockopt),
    JS_CFUNC_DEF("poll", 3, js_poll),
    JS_CFUNC_DEF("setns", 2, js_setns),
    JS_CFUNC_DEF("clock_gettime", 1, js_clock_gettime),
    JS_CFUNC_DEF("getrandom", 1, js_getrandom),
    JS_CFUNC_DEF("getpid", 0, js_getpid),
    JS_CFUNC_DEF("environ", 0, js_environ),
    JS_CFUNC_DEF("errorName", 1, js_errorName),
    JS_CFUNC_DEF("errorText", 1, js_errorText),
    JS_CFUNC_DEF("decodeUtf8", 1, js_decodeUtf8),
    JS_CFUNC_DEF("encodeUtf8", 1, js_encodeUtf8),
    JS_CFUNC_DEF("lineTable", 0, js_lineTable),
    JS_CFUNC_DEF("exit", 1, js_exit),
};

static int fill(JSContext *ctx, JSModuleDef *module) {
    JS_SetModuleExport(ctx, module, "closedAtStart", JS_NewInt32(ctx, closed_at_start));
    return JS_SetModuleExportList(ctx, module, wrappers, sizeof wrappers / sizeof *wrappers);
}

int sys_init(JSContext *ctx) {
    JSModuleDef *module = JS_NewCModule(ctx, "native", fill);
    if (!module || JS_AddModuleExport(ctx, module, "closedAtStart")) return -1;
    return JS_AddModuleExportList(ctx, module, wrappers, sizeof wrappers / sizeof *wrappers);
}
