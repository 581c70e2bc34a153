/* SPDX-License-Identifier: Apache-2.0
 *
 * The random comparison: what PostgreSQL answers to an identifier against what a plain reading of the
 * standard answers. README.md beside this file says why and how.
 *
 *     chance -> vocabulary -> subjects (protocols, identifiers) -> octets --+--> product   --+-> difference
 *                                     ^                                     +--> reference --+      |
 *                                     +------------------- shrink <---------------------------------+
 *
 * The two sides share nothing but the octets, the reader of data sets (dcm_read) and the decoder of
 * character sets (dcm_tree_to_utf8), which have tests of their own. Nothing of catalog/ is known to the
 * reference: neither its table of keys nor its dates, patterns or folding.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "dcm/dataset.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

_Noreturn void die(const char *format, ...) PRINTF_LIKE(1, 2);

/* ---- chance: the same numbers for the same seed, on every machine ---- */

struct chance {
    uint64_t state;
};
/* The chance of case n of a run: independent of what the cases before it took. */
struct chance chance_of(uint64_t seed, unsigned kind, uint64_t n);
uint32_t chance_below(struct chance *c, uint32_t n); /* n > 0 */
bool chance_percent(struct chance *c, unsigned percent);

/* ---- subjects: data sets that can be made, shortened and shown ---- */

struct information_model;

/* A tree in UTF-8 without (0008,0005), and how it goes out. */
struct subject {
    const struct information_model *model;
    struct dcm_item *tree;
    const char *charset; /* (0008,0005), "" = none */
    bool is_raw;         /* the UTF-8 goes out as it is, whatever charset says */
    bool has_item_sets;  /* the first item of each sequence says ISO_IR 192 itself */
    const struct dcm_ts *ts;
};
/* In ISO_IR 192 instead, where the text does not fit the set of the subject: which is then changed. */
struct span subject_encode(struct subject *s, struct arena *arena, struct buf *out);
/* Deep; values are shared. */
struct subject subject_copy(const struct subject *s, struct arena *arena);
/* The subject with the n-th of the ways to make it smaller; false: there are no more. */
bool subject_reduce(const struct subject *s, unsigned n, struct arena *arena, struct subject *out);
/* Of its attributes only those that `like` has, and what every object has or dates need. */
struct subject subject_like(const struct subject *s, const struct subject *like,
                            struct arena *arena);
unsigned subject_elements(const struct subject *s); /* at all levels */
/* In the notation of tests/unit/catalog/catalog_test.h, so that it can be pasted there. */
void subject_show(const struct subject *s, FILE *to);
void tree_show(const struct dcm_item *item, FILE *to);

/* SOP Instance UIDs are this and the number of the object. */
#define UID_PREFIX "2.25."
void object_make(struct chance *c, const struct information_model *model, unsigned number,
                 struct arena *arena, struct subject *out);
/* Of values of the stored ones, which are of one model, changed. */
void identifier_make(struct chance *c, const struct subject *stored, unsigned count,
                     struct arena *arena, struct subject *out);

/* Who asks: configured and negotiated. */
struct requester {
    const char *charset;   /* its default and preferred one; NULL = none */
    bool adjusts;          /* time zone adjustment (K.5.1) */
    bool is_fuzzy;         /* fuzzy semantic matching of names (K.5.1) */
    unsigned max_matches;  /* 0 = no limit */
    const char *site_zone; /* NULL = UTC */
    int site_minutes;
};

#endif
