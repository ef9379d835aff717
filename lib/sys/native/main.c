/*
 * Starts the embedded bytecode: a raw QuickJS context with the intrinsics the bundles use, the module "native",
 * and a global require() for the parts that most runs never need. No policy lives here.
 */
#include "sys.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* In bytes: a one-shot plugin ends before there is garbage worth a search. */
enum { GC_THRESHOLD = 8 * 1024 * 1024 };

int closed_at_start;
int sigpipe_was_default;

static void on_alarm(int signal) { (void)signal; }

/* A result must never go into whatever descriptor was opened first: missing 0..2 become /dev/null. */
static void open_missing_stdio(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        closed_at_start |= 1 << fd;
        if (open("/dev/null", O_RDWR) != fd) _exit(1);
    }
}

/*
 * SIGPIPE must not kill a process that has things to undo; SIGALRM ends a wait for a lock, even if the caller blocked it.
 * A caller that ignores SIGCHLD would pass that on, and then no program's end can be waited for.
 */
static void set_signals(void) {
    struct sigaction old, ignore = {.sa_handler = SIG_IGN}, alarm = {.sa_handler = on_alarm};
    sigset_t blocked;
    sigaction(SIGPIPE, &ignore, &old);
    sigpipe_was_default = old.sa_handler == SIG_DFL;
    sigaction(SIGALRM, &alarm, NULL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

static int fail(JSContext *ctx) {
    JSValue error = JS_GetException(ctx);
    const char *message = JS_ToCString(ctx, error);
    JSValue stack = JS_GetPropertyStr(ctx, error, "stack");
    const char *frames = JS_IsUndefined(stack) ? NULL : JS_ToCString(ctx, stack);
    fprintf(stderr, "%s\n%s", message ? message : "unknown exception", frames ? frames : "");
    return 1;
}

/* A script gives its completion value. A module gives undefined; what it throws comes as a rejected promise. */
static JSValue evaluate(JSContext *ctx, const struct blob *blob) {
    JSValue code = JS_ReadObject(ctx, blob->start, blob->end - blob->start, JS_READ_OBJ_BYTECODE);
    if (JS_IsException(code)) return code;
    int is_module = JS_VALUE_GET_TAG(code) == JS_TAG_MODULE;
    if (is_module && JS_ResolveModule(ctx, code) < 0) return JS_EXCEPTION;
    JSValue value = JS_EvalFunction(ctx, code);
    if (!is_module || JS_IsException(value)) return value;
    return JS_PromiseState(ctx, value) == JS_PROMISE_REJECTED ? JS_Throw(ctx, JS_PromiseResult(ctx, value)) : JS_UNDEFINED;
}

/* require(name): evaluates the part of that name once; a script's completion value is what it exports. */
static JSValue js_require(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv, int magic, JSValue *cache) {
    (void)this, (void)magic;
    const char *name = argc > 0 ? JS_ToCString(ctx, argv[0]) : NULL;
    if (!name) return JS_ThrowTypeError(ctx, "require: a name is needed");
    JSValue exports = JS_GetPropertyStr(ctx, cache[0], name);
    if (JS_IsUndefined(exports)) {
        const struct blob *blob = lazy_blobs;
        while (blob->name && strcmp(blob->name, name)) blob++;
        exports = blob->name ? evaluate(ctx, blob) : JS_ThrowReferenceError(ctx, "require: no part named %s", name);
        if (!JS_IsException(exports)) JS_SetPropertyStr(ctx, cache[0], name, JS_DupValue(ctx, exports));
    }
    JS_FreeCString(ctx, name);
    return exports;
}

static void add_require(JSContext *ctx) {
    JSValue global = JS_GetGlobalObject(ctx), cache = JS_NewObject(ctx);
    JS_SetPropertyStr(ctx, global, "require", JS_NewCFunctionData(ctx, js_require, 1, 0, 1, &cache));
    JS_FreeValue(ctx, cache);
    JS_FreeValue(ctx, global);
}

/* What is nested too deeply must be an error and no crash, even where the caller leaves little stack. */
static void limit_stack(JSRuntime *runtime) {
    struct rlimit stack;
    if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur / 2 >= JS_DEFAULT_STACK_SIZE) return;
    JS_SetMaxStackSize(runtime, stack.rlim_cur / 2);
}

/* The bundle ends the process itself; coming back from here is a failure of the bundle's top level. */
static int run(JSContext *ctx) {
    if (JS_IsException(evaluate(ctx, &main_blob))) return fail(ctx);
    fputs("the plugin ended without saying how\n", stderr);
    return 1;
}

int main(void) {
    open_missing_stdio();
    set_signals();
#ifdef __SANITIZE_ADDRESS__
    JSRuntime *runtime = JS_NewRuntime(); /* its malloc is what the sanitizer watches */
#else
    JSRuntime *runtime = JS_NewRuntime2(&heap, NULL);
#endif
    JSContext *ctx = runtime ? JS_NewContextRaw(runtime) : NULL;
    if (!ctx) {
        fputs("out of memory\n", stderr);
        _exit(1);
    }
    JS_SetGCThreshold(runtime, GC_THRESHOLD);
    limit_stack(runtime);
    JS_AddIntrinsicBaseObjects(ctx);
    JS_AddIntrinsicRegExpCompiler(ctx);
    JS_AddIntrinsicRegExp(ctx);
    JS_AddIntrinsicJSON(ctx);
    JS_AddIntrinsicMapSet(ctx);
    JS_AddIntrinsicTypedArrays(ctx);
    JS_AddIntrinsicPromise(ctx); /* module evaluation returns one */
    add_require(ctx);
    _exit(sys_init(ctx) < 0 ? fail(ctx) : run(ctx));
}
