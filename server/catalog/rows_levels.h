/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of the mapping from attributes to columns; rows_protocol.c and rows_approval.c are its tables, rows.c
 * reads them.
 */
#ifndef CATALOG_ROWS_LEVELS_H
#define CATALOG_ROWS_LEVELS_H

#include "dcm/tags.h"
#include "rows.h"

/* Sequences within sequences that are rows; so many ordinals tell a row. */
enum { ROWS_MAX_DEPTH = 4 };

/* How the attribute becomes a column. */
enum how {
    ONE,       /* its only value, as text */
    MANY,      /* all values, as text[] */
    INTEGERS,  /* all values, as int[] */
    FLAG,      /* YES or NO, as boolean */
    VALUES,    /* selector values: a column of texts and one of numbers */
    DEFAULTS,  /* the same of Recommended Default Value Sequence */
    UNIT,      /* a code: columns of value, scheme and meaning */
    ELSEWHERE, /* no column here: dpp.objects has it */
    ITEMS,     /* no column: its items are rows */
};

struct level;

struct column {
    uint32_t tag;
    char vr[3];
    enum how how;
    const char *const *allowed; /* other values are reported; NULL = any */
    /* ITEMS */
    const struct level *items;
    const char *label;           /* kind or role of the rows; NULL = that of the row above */
    uint8_t key[ROWS_MAX_DEPTH]; /* n: the ordinal of the n-th item on the path; 0: the number 0 */
};

struct level {
    enum rows_table table;
    const struct column *columns;
    unsigned count;
    bool has_label;
    unsigned key_count;
};

/* Of the array name_columns. */
#define LEVEL(table, name, has_label, keys)                                                    \
    {                                                                                          \
        table, name##_columns, sizeof name##_columns / sizeof *name##_columns, has_label, keys \
    }

/* clang-format off */

/* PS3.3 table 8.8-1. The tables differ in what an item of Equivalent Code Sequence is an item of. */
#define CODE_COLUMNS                                                 \
    {TAG_CodeValue, "SH", .how = ONE},              /* code_value */ \
    {TAG_CodingSchemeDesignator, "SH", .how = ONE}, /* coding_scheme_designator */ \
    {TAG_CodingSchemeVersion, "SH", .how = ONE},    /* coding_scheme_version */ \
    {TAG_CodeMeaning, "LO", .how = ONE},            /* code_meaning */ \
    {TAG_LongCodeValue, "UC", .how = ONE},          /* long_code_value */ \
    {TAG_URNCodeValue, "UR", .how = ONE}            /* urn_code_value */

/* clang-format on */

#define SELECTOR_VR     0x00720050
#define CONSTRAINT_TYPE 0x00820032

extern const struct level rows_protocol_level, rows_approval_level;

#endif
