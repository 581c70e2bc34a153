/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks in a list; one of them, the current, is filled from its front. A request too large to share
 * gets a chunk of its own and leaves the current one as it is, so at most a quarter of a chunk is lost
 * when the next one is begun. What is counted against the ceiling is what was asked for,
 * rounded up to the alignment; the overhead on top is bounded by that quarter and the chunk headers.
 *
 * Under AddressSanitizer what was not handed out is poisoned and a gap is left between neighbours, so
 * that an overrun inside an arena is found as it would be on the heap.
 */
#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_internal.h"

#ifdef __has_feature /* how clang says what GCC defines a macro for */
#define IS_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define IS_CLANG_ASAN 0
#endif
#if IS_CLANG_ASAN || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { GAP = 16 };
#else
#define POISON(p, n)   ((void)(p))
#define UNPOISON(p, n) ((void)(p))
enum { GAP = 0 };
#endif

enum { ALIGN = alignof(max_align_t), CHUNK = 4096, LARGE = CHUNK / 4 };

struct chunk {
    struct chunk *next;
    size_t size; /* of data */
    size_t fill;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    size_t limit;
    size_t used;
    struct chunk *first;   /* kept by arena_reset */
    struct chunk *current; /* the one being filled */
    struct chunk *others;  /* every chunk but the first */
};

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c;

    if (size > SIZE_MAX - sizeof(*c))
        return NULL;
    c = malloc(sizeof(*c) + size);
    if (!c)
        return NULL;
    c->next = NULL;
    c->size = size;
    c->fill = 0;
    POISON(c->data, size);
    return c;
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *a = xcalloc(1, sizeof(*a));

    a->limit = limit_bytes > 0 && limit_bytes < SIZE_MAX / 2 ? limit_bytes : SIZE_MAX / 2;
    a->first = a->current = chunk_new(CHUNK);
    if (!a->first)
        core_fatal("out of memory for an arena");
    return a;
}

void arena_reset(struct arena *a)
{
    while (a->others) {
        struct chunk *c = a->others;

        a->others = c->next;
        free(c);
    }
    a->current = a->first;
    a->first->fill = 0;
    POISON(a->first->data, a->first->size);
    a->used = 0;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_reset(a);
    free(a->first);
    free(a);
}

/* The chunk to take `need` octets from, or NULL without memory. */
static struct chunk *chunk_for(struct arena *a, size_t need)
{
    struct chunk *c = a->current;

    if (need <= c->size - c->fill)
        return c;
    c = chunk_new(need > LARGE ? need : CHUNK);
    if (!c)
        return NULL;
    c->next = a->others;
    a->others = c;
    if (need <= LARGE)
        a->current = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t left = a->limit - a->used, rounded;
    struct chunk *c;
    void *p;

    if (size == 0)
        size = 1;
    if (size > left)
        return NULL;
    rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    c = chunk_for(a, rounded + GAP);
    if (!c)
        return NULL;
    p = c->data + c->fill;
    c->fill += rounded + GAP;
    a->used += rounded < left ? rounded : left;
    UNPOISON(p, size);
    return memset(p, 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;

    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        return NULL;
    copy = arena_alloc(a, len + 1);
    if (copy && len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    char *text = NULL;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0)
        text = arena_alloc(a, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);

    if (!p)
        core_fatal("out of memory");
    return p;
}

char *xstrdup(const char *text)
{
    char *copy;

    if (!text)
        return NULL;
    copy = strdup(text);
    if (!copy)
        core_fatal("out of memory");
    return copy;
}
