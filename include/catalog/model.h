/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/model: the information models as tables: every key of PS3.4 tables HH.6-1 and II.6-1 with its
 * nesting, VR, matching and where it lives in the schema. Matching has one home: catalog/query reads this table.
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
    MATCH_SCHEME, /* as MATCH_TEXT; the designators of one coding scheme count as one */
    MATCH_NAME,   /* PN: folded single value, wild card */
    MATCH_DATE,   /* single value, range */
    MATCH_TIME,   /* single value, range */
    /* DT: single value, range. Beside the column x stand x_local (timestamp, read without its offset), x_has_offset
     * (boolean) and x_instant (timestamptz; null unless the value has its own offset or the object has (0008,0201)):
     * dpp.parse_dt, dpp.parse_dt_offset, dpp.instant_of. */
    MATCH_DATETIME,
    MATCH_SEQUENCE,
};

/* Sequences within sequences that can be matched: approval, asserter, institution code, equivalent code. */
enum { MODEL_MAX_DEPTH = 4 };

/* One key. Children of a sequence are the model_key rows of another const array. Arrays of keys are in
 * ascending order of their tags. */
struct model_key {
    uint32_t tag;
    char vr[3];
    enum match_kind match;
    bool is_optional;  /* its table does not ask for matching, we match it */
    bool is_multi;     /* column is an array: any value matches */
    bool is_of_object; /* top level only: the column is of dpp.objects, not of the model's table */
    bool names_few;    /* one value has few objects, whatever it is: see catalog/query.c */
    uint8_t return_type; /* 1, 2, 3 */
    const char *column;  /* SQL column of the table the key's level lives in; NULL for MATCH_NONE */
    /* MATCH_NAME: the folded component groups and the whole name, as an array (dpp.fold_name_entries) and as lines;
     * and what fuzzy matching finds it by (dpp.name_sounds). */
    const char *folded_column, *search_column, *sounds_column;
    /* Sequences: the table of their items, the fixed restriction that selects this sequence's rows (a
     * constant such as "role = 'anatomic_region'"; NULL = none), and the keys of an item. */
    const char *item_table;
    const char *item_filter;
    const struct model_key *children;
    unsigned child_count;
    /* Sequences: the columns of the item table that number an item (from 1): its place in each enclosing
     * sequence, outermost first, and last its own. Unused ones are NULL. */
    const char *path[MODEL_MAX_DEPTH];
};

struct model {
    const char *name; /* "Defined Procedure Protocol" */
    const char *find_uid, *move_uid, *get_uid;
    const char *const *storage_classes; /* entities of the model, NULL-terminated */
    const char *table;                  /* of the attributes; its object_id refers to dpp.objects */
    bool needs_rows; /* there may be entities without a row, which cannot be queried yet */
    bool
        is_subject; /* approvals are about its entities, and versions of them take each other's place */
    const struct model_key *keys;
    unsigned key_count;
    /* A date and a time key that form one range when both are ranges (PS3.4 HH.6.1.2.2), the column of that meaning
     * as written (timestamp), and as an instant (timestamptz; null unless the object has (0008,0201)); date_tag
     * 0 = none. */
    uint32_t date_tag, time_tag;
    const char *datetime_column, *instant_column;
};

extern const struct model model_protocol; /* PS3.4 Annex HH */
extern const struct model model_approval; /* PS3.4 Annex II */
/* By FIND, MOVE or GET UID; NULL = none. */
const struct model *model_of(const char *sop_class_uid);
/* By the SOP class of an entity; NULL = none. */
const struct model *model_of_storage(const char *sop_class_uid);
const struct model_key *model_find_key(const struct model_key *keys, unsigned count, uint32_t tag);

#endif
