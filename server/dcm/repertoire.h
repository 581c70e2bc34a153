/* SPDX-License-Identifier: Apache-2.0
 *
 * What a value of (0008,0005) says (PS3.3 C.12.1.1.2). Internal to the dcm layer.
 */
#ifndef SERVER_DCM_REPERTOIRE_H
#define SERVER_DCM_REPERTOIRE_H

#include "codedset.h"
#include "dcm/charset.h"

enum {
    REPERTOIRE_MAX_TERMS = 20
}; /* each of PS3.3 tables C.12-3 and C.12-4 once, and some to spare */

struct repertoire {
    const struct coded_set *whole;   /* complete in itself; NULL = ISO 2022 or 8-bit */
    const struct coded_set *g0, *g1; /* initial */
    const struct coded_set
        *reading_g1; /* the same for reading, where value 1 is what it may not be */
    const struct coded_set *terms[REPERTOIRE_MAX_TERMS]; /* as listed, ASCII too */
    unsigned count;
    bool has_extensions;
    bool starts_empty; /* value 1 has no term, or one that may not be value 1 */
};

/* False: a term is not supported, or not in this place. */
bool repertoire_parse(struct span terms, struct repertoire *r);
/* Nothing but ASCII. */
bool repertoire_is_default(const struct repertoire *r);
/* Whether escape sequences may designate the set. */
bool repertoire_lists(const struct repertoire *r, const struct coded_set *set);
/* The defined terms in the standard's spelling; "" = ASCII. */
void repertoire_write(const struct repertoire *r, char out[DCM_CHARSET_TERMS_MAX]);

#endif
