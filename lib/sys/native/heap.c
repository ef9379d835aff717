/*
 * Memory for the engine. A plugin's process asks some ten thousand times for a few bytes within its millisecond, and gives
 * most back only by ending: blocks are cut from large pieces that the kernel fills with pages in one go, and a freed block
 * waits in the list of its size. Large blocks are malloc's.
 *
 *     | size class | block …                 the caller's pointer is behind the class; 0 says malloc
 */
#include "sys.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { GRAIN = 16, CLASSES = 33, LARGEST = (CLASSES - 1) * GRAIN, HEADER = 8, PIECE = 128 * 1024 };

struct block {
    size_t class;
    struct block *next; /* while it is free; the caller's first bytes otherwise */
};

static struct block *free_blocks[CLASSES];
static char *piece, *piece_end;

static size_t class_of(const void *pointer) { return *(const size_t *)((const char *)pointer - HEADER); }

/* Pages of a piece are made at once: taking a page fault for each costs more than all allocations. */
static int add_piece(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    char *pages = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (pages == MAP_FAILED) return -1;
    piece = pages;
    piece_end = pages + PIECE;
    return 0;
}

static void *large(size_t size) {
    if (size > SIZE_MAX - HEADER) return NULL;
    struct block *block = malloc(size + HEADER);
    if (!block) return NULL;
    block->class = 0;
    return (char *)block + HEADER;
}

static void *small(size_t size) {
    size_t class = (size + GRAIN - 1) / GRAIN + (size == 0);
    struct block *block = free_blocks[class];
    if (block) {
        free_blocks[class] = block->next;
        return (char *)block + HEADER;
    }
    size_t whole = class * GRAIN + HEADER;
    if ((size_t)(piece_end - piece) < whole && add_piece() < 0) return NULL;
    block = (struct block *)piece;
    piece += whole;
    block->class = class;
    return (char *)block + HEADER;
}

static size_t heap_usable_size(const void *pointer) {
    if (!pointer) return 0;
    size_t class = class_of(pointer);
    return class ? class * GRAIN : malloc_usable_size((char *)pointer - HEADER) - HEADER;
}

/* The engine collects garbage by malloc_size, so that is kept true. */
static void *heap_malloc(JSMallocState *state, size_t size) {
    void *pointer = size > LARGEST ? large(size) : small(size);
    state->malloc_size += heap_usable_size(pointer);
    return pointer;
}

static void heap_free(JSMallocState *state, void *pointer) {
    if (!pointer) return;
    state->malloc_size -= heap_usable_size(pointer);
    struct block *block = (struct block *)((char *)pointer - HEADER);
    if (block->class == 0) {
        free(block);
        return;
    }
    block->next = free_blocks[block->class];
    free_blocks[block->class] = block;
}

static void *heap_realloc(JSMallocState *state, void *pointer, size_t size) {
    if (!pointer) return size == 0 ? NULL : heap_malloc(state, size);
    if (size == 0) {
        heap_free(state, pointer);
        return NULL;
    }
    size_t class = class_of(pointer), present = heap_usable_size(pointer);
    if (class == 0 && size > LARGEST && size <= SIZE_MAX - HEADER) {
        char *moved = realloc((char *)pointer - HEADER, size + HEADER);
        if (!moved) return NULL;
        state->malloc_size += heap_usable_size(moved + HEADER) - present;
        return moved + HEADER;
    }
    if (class != 0 && size <= present) return pointer;
    void *moved = heap_malloc(state, size);
    if (!moved) return NULL;
    memcpy(moved, pointer, size < present ? size : present);
    heap_free(state, pointer);
    return moved;
}

const JSMallocFunctions heap = {heap_malloc, heap_free, heap_realloc, heap_usable_size};
