/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by rows.c and its parts; see rows.c.
 */
#ifndef CATALOG_ROWS_PARTS_H
#define CATALOG_ROWS_PARTS_H

#include "rows_levels.h"

struct rows_writer {
    struct rows *out;
    struct arena *arena;
    size_t inline_limit;
    struct buf json, list, numbers; /* what a column is made of, before it is quoted */
    bool has_room;                  /* the arena gave what was asked for */
    struct {
        uint32_t tag;
        unsigned ordinal;   /* of the item, from 1 */
    } path[ROWS_MAX_DEPTH]; /* where the item at work is, from the outside in */
    unsigned depth;
};

/* Text as PostgreSQL takes it: without U+0000, and U+FFFD for what is no UTF-8 (both are lossy). */
struct span rows_clean(struct rows_writer *w, struct span text);
/* A value of the element as text: a string, a number's digits, a person name without idle delimiters. Valid
 * until the next call that makes one. data NULL: it has none. */
struct span rows_value_text(struct rows_writer *w, const struct dcm_element *e, struct span value);
/* The only value of an element of this VR; data NULL: it is something else, or e is NULL. */
struct span rows_only_text(struct rows_writer *w, const struct dcm_element *e, const char *vr);
void rows_add_text(struct buf *row, struct span text); /* data NULL: null */
/* The first characters of a value, for a sentence. */
struct span rows_excerpt(struct rows_writer *w, struct span text);

/* Constraint Value Sequence (0082,0034), or Recommended Default Value Sequence (0082,0035) with is_list false,
 * as the columns of values and of numbers. says_all: dpp.attributes_of_constraints gives the sequence back. */
struct rows_values {
    bool says_all;
    bool has_bad_number;
    struct span bad_number; /* in the arena */
};
struct rows_values rows_add_values(struct rows_writer *w, struct buf *row,
                                   const struct dcm_element *e, struct span vr, bool is_list);
/* The VRs a selector can have (PS3.3 10.26). */
bool rows_vr_is_known(struct span vr);
/* Whether nothing but the elements of these tags is in the item. */
bool rows_has_only(const struct dcm_item *item, const uint32_t *tags, unsigned count);

#endif
