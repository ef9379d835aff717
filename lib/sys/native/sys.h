/* What main.c, sys.c and the bytecode that build.mjs embeds share. */
#ifndef PATCHBAY_SYS_H
#define PATCHBAY_SYS_H
#include <quickjs/quickjs.h>
#include <stddef.h>
#include <stdint.h>

/* One embedded piece of bytecode; build.mjs writes the table in assembler. */
struct blob {
    const char *name;
    const uint8_t *start, *end;
};
extern const struct blob main_blob;      /* lib/cni/front.ts, an ES module */
extern const struct blob lazy_blobs[];   /* for require(): the plugin, an ES module, and scripts; ends with a NULL name */
extern const struct blob line_table;     /* text, see build.mjs */

/* A bit for each of the descriptors 0..2 that was closed at start. */
extern int closed_at_start;
/* The disposition of SIGPIPE at start is SIG_DFL. */
extern int sigpipe_was_default;

/* How the engine gets its memory. */
extern const JSMallocFunctions heap;

/* Registers the module "native". Returns 0, or -1 with an exception pending. */
int sys_init(JSContext *ctx);
#endif
