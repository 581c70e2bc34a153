/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/rows: a protocol or an approval as the rows of its tables.
 *
 * The one place that says which attribute is which column. Each table comes as a text[][] literal, a row an
 * entry, for dpp.ingest and its like; null stands for "absent" and for the column's default. See rows.c.
 */
#ifndef CATALOG_ROWS_H
#define CATALOG_ROWS_H

#include "catalog/model.h"
#include "dcm/dataset.h"

enum rows_table {
    /* of a protocol, in the order of dpp.write_rows */
    ROWS_PROTOCOL, /* one row */
    ROWS_CUSTODIANS,
    ROWS_CODES,
    ROWS_MODELS,
    ROWS_PREDECESSORS,
    ROWS_INSTRUCTIONS,
    ROWS_ELEMENTS,
    ROWS_CONSTRAINTS,
    /* of an approval, in the order of dpp.write_approval_rows */
    ROWS_APPROVAL, /* one row */
    ROWS_SUBJECTS,
    ROWS_ASSERTIONS,
    ROWS_ASSERTERS,
    ROWS_APPROVAL_CODES,
    ROWS_RELATED,
    /* of any object */
    ROWS_WARNINGS, /* attribute and what is wrong with it */
    ROWS_TABLES,
};

struct rows {
    struct buf literals[ROWS_TABLES];
    unsigned warning_count;
    bool is_lossy; /* some value is in the encoded form only */
};

/* room: octets of a literal at most. */
void rows_init(struct rows *rows, size_t room);
void rows_fini(struct rows *rows);
/* attribute NULL = the data set as a whole. The list is bounded. */
void rows_warn(struct rows *rows, const char *attribute, const char *sentence);
/* Of an entity of the model. The tree is used up: it must not be looked at again. inline_limit as in
 * dcm_json_write. RC_LIMIT or RC_NOMEM without room. */
MUST_CHECK enum rc rows_write(const struct model *model, struct dcm_item *utf8, size_t inline_limit,
                              struct arena *arena, struct rows *rows, struct err *err);
/* Completes the literals: after the last warning. RC_LIMIT as above. */
MUST_CHECK enum rc rows_finish(struct rows *rows, struct err *err);
/* Timezone Offset From UTC as dpp.objects has it: its only value, if that is ASCII; else data NULL. */
struct span rows_timezone(const struct dcm_item *item);

#endif
