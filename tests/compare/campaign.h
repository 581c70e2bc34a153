/* SPDX-License-Identifier: Apache-2.0
 *
 * One identifier on both sides, what differs, and the smallest case in which it does.
 */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include "product.h"
#include "reference.h"

enum difference_kind {
    SAME,
    REFUSAL,  /* one side refuses, or another element is the offending one */
    STATUS,   /* FF00 and FF01 */
    FAILURE,  /* the product fails: an error of SQL, say */
    MISSING,  /* a match that the product has not */
    EXTRA,    /* a match that the reference has not */
    TWICE,    /* a match that comes twice */
    RESPONSE, /* the same match, another response */
};
const char *difference_name(enum difference_kind kind);

struct difference {
    enum difference_kind kind;
    unsigned number; /* of the object; 0 = of none */
    char text[512];
    struct buf response; /* of RESPONSE: what the product answered, as text */
};

/* Objects on both sides, numbered from `first`. */
struct stock {
    struct product *product;
    const struct entity *entities;
    unsigned count, first;
    bool checks_all_responses; /* else the first few of an identifier and some of the rest */
};

struct tally {
    uint64_t identifiers, refused, none, some, all, matches, responses, differences;
};

void compare(const struct stock *stock, struct subject *identifier,
             const struct requester *requester, struct arena *scratch, struct tally *tally,
             struct difference *out);

/* Smaller for as long as the difference is of the same kind. object.tree NULL: of none. alone: an empty
 * database. false: it does not show with that object alone. */
struct shrunk {
    struct subject identifier, object;
    unsigned number; /* of the object */
    bool is_hidden, is_rebuilt;
    struct requester requester;
    struct difference difference;
    unsigned steps;
};
bool shrink(struct product *alone, struct shrunk *s, struct arena *arena);

#endif
