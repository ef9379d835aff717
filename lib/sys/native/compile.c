/*
 * Compiles one bundle to QuickJS bytecode, at build time: compile module|script IN OUT NAME.
 * Line numbers are kept, source text is dropped. NAME is what stacks call the file.
 */
#include <quickjs/quickjs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The module "native" exists only in the executables; while compiling, an empty one stands for it. */
static JSModuleDef *load(JSContext *ctx, const char *name, void *opaque) {
    (void)opaque;
    if (!strcmp(name, "native")) return JS_NewCModule(ctx, name, NULL);
    JS_ThrowReferenceError(ctx, "unexpected import of %s", name);
    return NULL;
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    long length = ftell(file);
    char *text = length < 0 ? NULL : malloc(length + 1);
    if (!text) return NULL;
    rewind(file);
    *size = fread(text, 1, length, file);
    text[*size] = 0;
    fclose(file);
    return *size == (size_t)length ? text : NULL;
}

static int fail(JSContext *ctx) {
    JSValue error = JS_GetException(ctx);
    fprintf(stderr, "%s\n%s\n", JS_ToCString(ctx, error), JS_ToCString(ctx, JS_GetPropertyStr(ctx, error, "stack")));
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 5) return fputs("usage: compile module|script IN OUT NAME\n", stderr), 2;
    size_t size;
    char *text = read_file(argv[2], &size);
    if (!text) return perror(argv[2]), 1;
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *ctx = JS_NewContext(runtime);
    JS_SetStripInfo(runtime, JS_STRIP_SOURCE);
    JS_SetModuleLoaderFunc(runtime, NULL, load, NULL);
    int type = strcmp(argv[1], "module") ? JS_EVAL_TYPE_GLOBAL : JS_EVAL_TYPE_MODULE;
    JSValue code = JS_Eval(ctx, text, size, argv[4], type | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(code)) return fail(ctx);
    size_t length;
    uint8_t *bytes = JS_WriteObject(ctx, &length, code, JS_WRITE_OBJ_BYTECODE);
    if (!bytes) return fail(ctx);
    FILE *out = fopen(argv[3], "wb");
    if (!out || fwrite(bytes, 1, length, out) != length || fclose(out)) return perror(argv[3]), 1;
    return 0;
}
