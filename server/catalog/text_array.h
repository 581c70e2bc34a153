/* SPDX-License-Identifier: Apache-2.0
 *
 * text[] parameters as PostgreSQL array literals: {"one","tw\"o"}.
 */
#ifndef CATALOG_TEXT_ARRAY_H
#define CATALOG_TEXT_ARRAY_H

#include "core/arena.h"

/* In the arena, NUL-terminated; data NULL without room. Values must be free of NUL. */
struct span text_array(struct arena *arena, const struct span *values, unsigned count);

#endif
