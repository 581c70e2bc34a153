/* SPDX-License-Identifier: Apache-2.0
 *
 * What match.c, respond.c and identifiers.c share.
 */
#ifndef REFERENCE_PARTS_H
#define REFERENCE_PARTS_H

#include "reference.h"

bool is_no_key(uint32_t tag);
/* Not by itself refused. */
bool is_well_formed(const struct key *key, const struct dcm_element *e);
bool is_sequence(const struct dcm_element *e);
bool is_universal(const struct key *key, const struct dcm_element *e);
bool item_matches(const struct key *key, const struct dcm_item *wanted,
                  const struct dcm_item *there);
bool asks_for_something(const struct dcm_item *item); /* NULL is legal */

#endif
