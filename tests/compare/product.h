/* SPDX-License-Identifier: Apache-2.0
 *
 * The product as it is: objects go in as the server stores them, identifiers are run as the server runs
 * them, responses come out as the server writes them. A database of its own for each.
 */
#ifndef PRODUCT_H
#define PRODUCT_H

#include "compare.h"

struct product;
/* icu_locale NULL: the locale C.UTF-8 of the C library. */
struct product *product_open(const char *tag, const char *icu_locale);
void product_close(struct product *p);
/* Between begin and commit, for many. rebuilds: its rows are then made anew. false: refused. */
void product_begin(struct product *p);
void product_commit(struct product *p);
bool product_store(struct product *p, struct span octets, const struct dcm_ts *ts, bool rebuilds);
void product_empty(struct product *p);
/* Double Metaphone, by PostgreSQL's fuzzystrmatch; "" = no code. */
void product_sounds(struct product *p, const char *word, char out[2][16]);
/* What is in a state in which nobody sees it. */
void product_retire(struct product *p, unsigned number);

struct answer {
    enum rc rc;   /* RC_OK; RC_INVALID: A900 */
    uint32_t tag; /* the offending element */
    bool is_partly_supported;
    char text[256]; /* of a failure */
};
/* number: of the object, from its SOP Instance UID. */
typedef void (*product_row_cb)(unsigned number, struct span response, void *arg);
void product_ask(struct product *p, const char *find_uid, struct span octets,
                 const struct dcm_ts *ts, const struct requester *requester, product_row_cb on_row,
                 void *arg, struct answer *out);

#endif
