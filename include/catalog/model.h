/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/model: the information models as tables: every key of PS3.4 table HH.6-1 with its nesting, VR,
 * matching and where it lives in the schema. Matching has one home: catalog/query reads this table.
 */
#ifndef CATALOG_MODEL_H
#define CATALOG_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* Which matching a key takes when it has a value (PS3.4 C.2.2.2, K.2.2.1). */
enum match_kind {
    MATCH_NONE,   /* return only: a value changes nothing */
    MATCH_UID,    /* list of UID */
    MATCH_TEXT,   /* single value, wild card */
    MATCH_NAME,   /* PN: folded single value, wild card */
    MATCH_DATE,   /* single value, range */
    MATCH_TIME,   /* single value, range */
    MATCH_SEQUENCE,
};

/* One key. Children of a sequence are the model_key rows of another const array. */
struct model_key {
    uint32_t tag;
    char vr[3];
    enum match_kind match;
    bool is_optional; /* Table HH.6-1 "O": matched by us, but optional */
    bool is_multi;    /* column is an array: any value matches */
    uint8_t return_type; /* 1, 2, 3 */
    const char *column;  /* SQL column of the table the key's level lives in; NULL for MATCH_NONE */
    /* Sequences: the table of their items, the fixed restriction that selects this sequence's rows (a
     * constant such as "role = 'anatomic_region'"), and the keys of an item. */
    const char *item_table;
    const char *item_filter;
    const struct model_key *children;
    unsigned child_count;
};

struct model {
    const char *name; /* "Defined Procedure Protocol" */
    const char *find_uid, *move_uid, *get_uid;
    const char *const *storage_classes; /* entities of the model, NULL-terminated */
    const struct model_key *keys;
    unsigned key_count;
};

extern const struct model model_protocol; /* PS3.4 Annex HH */
extern const struct model model_approval; /* PS3.4 Annex II; no query keys yet */
/* By FIND, MOVE or GET UID; NULL = none. */
const struct model *model_of(const char *sop_class_uid);
const struct model_key *model_find_key(const struct model_key *keys, unsigned count, uint32_t tag);

#endif
