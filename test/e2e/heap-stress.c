/*
 * Tries the engine's memory (lib/sys/native/heap.c) as the engine uses it: a million requests of all sizes in no order.
 * Every block is filled with a byte of its own, so that two blocks in one place are noticed.
 */
#include "sys.h"
#include <stdio.h>
#include <string.h>

enum { BLOCKS = 4000, STEPS = 1000000, LARGEST_REQUEST = 3000 };

static struct {
    unsigned char *start;
    size_t size;
} blocks[BLOCKS];

static uint32_t next_random(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static const char *problem(size_t i, size_t length) {
    const unsigned char *start = blocks[i].start;
    if (!start) return blocks[i].size > 0 ? "no memory" : NULL;
    if ((uintptr_t)start % 8) return "not aligned";
    if (heap.js_malloc_usable_size(start) < blocks[i].size) return "too small";
    for (size_t at = 0; at < length; at++)
        if (start[at] != (unsigned char)i) return "overwritten";
    return NULL;
}

/* Most requests are small; the size of no block is 0. */
static size_t any_size(void) { return 1 + next_random() % (next_random() % 4 ? 100 : LARGEST_REQUEST); }

static const char *step(JSMallocState *state, size_t i) {
    size_t old = blocks[i].size, size = next_random() % 3 ? any_size() : 0, kept = 0;
    const char *found = problem(i, old);
    if (found) return found;
    if (size > 0 && next_random() % 2) {
        blocks[i].start = heap.js_realloc(state, blocks[i].start, size);
        kept = old < size ? old : size;
    } else {
        heap.js_free(state, blocks[i].start);
        blocks[i].start = size > 0 ? heap.js_malloc(state, size) : NULL;
    }
    blocks[i].size = size;
    found = problem(i, kept);
    if (blocks[i].start) memset(blocks[i].start, (int)i, size);
    return found;
}

int main(void) {
    JSMallocState state = {0};
    for (int n = 0; n < STEPS; n++) {
        size_t i = next_random() % BLOCKS;
        const char *found = step(&state, i);
        if (found) {
            printf("step %d: block %zu of %zu bytes: %s\n", n, i, blocks[i].size, found);
            return 1;
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) heap.js_free(&state, blocks[i].start);
    printf("%zu bytes in use at the end\n", state.malloc_size);
    return state.malloc_size != 0;
}
