/* SPDX-License-Identifier: Apache-2.0
 *
 * The response plan: made by catalog/query out of the identifier, walked by catalog/project.
 */
#ifndef CATALOG_PROJECT_PLAN_H
#define CATALOG_PROJECT_PLAN_H

#include "catalog/project.h"

/* One requested attribute. */
struct plan_key {
    uint32_t tag;
    struct span
        absent; /* the element's octets when the record has none: Explicit VR LE, mostly empty */
    /* Sequences with requested item attributes; without any the sequence is returned whole. */
    const struct plan_key *children; /* ascending tags */
    unsigned child_count;
    /* Of a sequence that restricts: which list of matching items is its own (from 1; 0 = all items are
     * returned), and how many ordinals name one item (1 = top level). */
    unsigned list;
    unsigned depth;
};

/* An attribute that is read from the object's octets. */
struct plan_other {
    uint32_t tag;
    bool is_sequence; /* as in struct dcm_wanted */
    struct span
        creator; /* of its private block, wherever the object has that; empty = as it is numbered */
};

struct project_plan {
    const struct plan_key *keys; /* ascending tags */
    unsigned key_count;
    const unsigned *depths; /* of each list */
    unsigned list_count;
    /* Attributes of the top level that the record has not, ascending. 0 = none, and the rows have no octets. */
    const struct plan_other *others;
    unsigned other_count;
    const char *request_charset;
};

/* The items that SQL found, as tuples of `depth` ordinals from 1, outermost sequence first. */
struct match_list {
    int32_t *ordinals;
    unsigned count; /* ordinals, a multiple of depth */
};

/* project_row without the row: record and plan->list_count lists, which are sorted in place. */
MUST_CHECK enum rc project_record(const struct project_plan *plan,
                                  const struct project_target *target, struct span record,
                                  struct match_list *lists, struct arena *scratch, struct buf *out,
                                  struct err *err);

/* The record of a row of a plan with others, and with it those of them that the object has. parts is that of
 * project_row; while it has octets nothing is appended to record. */
MUST_CHECK enum rc project_others(const struct project_plan *plan, const struct pg_row *row,
                                  struct buf *parts, struct arena *scratch, struct buf *record,
                                  struct err *err);

#endif
