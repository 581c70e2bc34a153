/* SPDX-License-Identifier: Apache-2.0
 *
 * core/arena: memory with the lifetime of a region (a message, an association, a command).
 *
 * One owner, one thread. Everything allocated is freed at once by arena_reset or arena_free. The
 * ceiling bounds what a peer can make us allocate: past it arena_alloc returns NULL.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

#include "core/bytes.h"

struct arena;

/* returned; fatal on exhaustion, as it is small. A limit of 0 means no ceiling. */
struct arena *arena_new(size_t limit_bytes);
void arena_free(struct arena *a);  /* NULL is legal */
void arena_reset(struct arena *a); /* keeps the first chunk */

/* Zeroed, aligned for any type; NULL past the ceiling or without memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size); /* overflow-checked */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* For small fixed-size objects whose loss is fatal: zeroed, never NULL. Free with free(). */
void *xcalloc(size_t count, size_t size);
char *xstrdup(const char *text); /* NULL gives NULL */

#endif
