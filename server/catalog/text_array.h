/* SPDX-License-Identifier: Apache-2.0
 *
 * text[] and text[][] parameters as PostgreSQL array literals: {"one","tw\"o"}, {{1,NULL},{2,"a b"}}.
 */
#ifndef CATALOG_TEXT_ARRAY_H
#define CATALOG_TEXT_ARRAY_H

#include "core/arena.h"

/* In the arena, NUL-terminated; data NULL without room. Values must be free of NUL. */
struct span text_array(struct arena *arena, const struct span *values, unsigned count);

/* One piece after the other at the end of a buffer, with the comma it needs. Arrays open within arrays; all
 * that are next to each other must then be of one length. */
void text_array_open(struct buf *out);
void text_array_add(struct buf *out, struct span value); /* free of NUL */
void text_array_add_null(struct buf *out);
void text_array_add_number(struct buf *out, unsigned value);
void text_array_close(struct buf *out);

#endif
