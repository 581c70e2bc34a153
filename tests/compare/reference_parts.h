/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the reference share.
 */
#ifndef REFERENCE_PARTS_H
#define REFERENCE_PARTS_H

#include "reference.h"

bool is_no_key(uint32_t tag);
/* Not by itself refused. */
bool is_well_formed(const struct key *key, const struct dcm_element *e);
bool is_sequence(const struct dcm_element *e);
bool is_universal(const struct key *key, const struct dcm_element *e);
/* What a key says: 0 = universal matching. */
unsigned given_values(const struct key *key, const struct dcm_element *e,
                      struct span out[MAX_VALUES]);
unsigned stored_values(const struct key *key, const struct dcm_item *item,
                       struct span out[MAX_VALUES]);

/* What an identifier and an object are compared under: what was negotiated, and the offsets from UTC of what has
 * none of its own. */
struct context {
    bool adjusts, is_fuzzy;
    int64_t key, object;
};
struct context context_of(const struct question *q, const struct entity *e);
bool datetime_matches(const struct context *z, struct span wanted, struct span there);
/* Instance Creation Date and Time. */
bool creation_matches(const struct keys *keys, const struct context *z, const struct dcm_item *tree,
                      const struct dcm_item *item);
bool item_matches(const struct context *z, const struct key *key, const struct dcm_item *wanted,
                  const struct dcm_item *there);
bool asks_for_something(const struct dcm_item *item); /* NULL is legal */

#endif
