/* SPDX-License-Identifier: Apache-2.0
 *
 * What the targets that handle data sets share.
 */
#ifndef TESTS_FUZZ_DCM_H
#define TESTS_FUZZ_DCM_H

#include "dcm/convert.h"
#include "dcm/dataset.h"
#include "dcm/dict.h"
#include "fuzz.h"

enum { FUZZ_ARENA = 64 << 20 };

/* Smaller than the defaults, so that every limit is reached. */
static const struct dcm_limits fuzz_limits MAYBE_UNUSED = {
    .max_bytes = 1 << 20, .max_depth = 20, .max_elements = 10000};

static MAYBE_UNUSED void fuzz_load_dictionary(void)
{
    struct err err;
    CHECK_OK(dcm_init(&err), &err);
}

static MAYBE_UNUSED const struct dcm_ts *fuzz_ts(uint8_t choice)
{
    return dcm_ts_find(dcm_ts_uids[choice % 4]);
}

/* What dcm/dataset promises of a tree: tags ascending, counts right, values only where they may be. */
static MAYBE_UNUSED void check_tree(const struct dcm_item *item, unsigned depth)
{
    const struct dcm_element *last = NULL;
    CHECK(depth <= DCM_DEPTH_CEILING);
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        unsigned count = 0;
        const struct dcm_item *last_item = NULL;
        CHECK(!last || last->tag < e->tag);
        CHECK(e->tag >> 16 != 0 && e->tag >> 16 != 2 && e->tag >> 16 != 0xFFFE &&
              (e->tag & 0xFFFF) != 0);
        CHECK(!e->items || (strcmp(e->vr, "SQ") == 0 && e->value.len == 0));
        for (const struct dcm_item *i = e->items; i; i = i->next) {
            check_tree(i, depth + 1);
            last_item = i;
            count++;
        }
        CHECK(count == e->item_count && last_item == e->last_item);
        last = e;
    }
    CHECK(item->last == last);
}

/* Equal in everything but padding to even length. */
static MAYBE_UNUSED bool is_same_value(const struct dcm_element *a, const struct dcm_element *b)
{
    size_t shorter = a->value.len < b->value.len ? a->value.len : b->value.len;
    size_t longer = a->value.len + b->value.len - shorter;
    return longer - shorter <= shorter % 2 &&
           (shorter == 0 || memcmp(a->value.data, b->value.data, shorter) == 0);
}

#endif
