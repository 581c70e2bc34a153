/* SPDX-License-Identifier: Apache-2.0
 *
 * Authoring files (docs/authoring.md): protocols as people write them, in JSON or in a table of CSV.
 */
#ifndef APP_AUTHORING_H
#define APP_AUTHORING_H

#include <jansson.h>

#include "core/bytes.h"

/* ---- csv: records of RFC 4180 ---------------------------------------------------------------------- */

enum {
    CSV_FIELDS_MAX = 1024,
    CSV_RECORD_MAX = 4 << 20, /* octets of one record */
};

struct csv {
    struct span text; /* borrowed */
    size_t pos;
    unsigned long next_line;
    char separator;
    /* The record read last: */
    unsigned long line; /* where it begins, from 1 */
    size_t begin;       /* likewise in the text; it ends at pos */
    unsigned count;
    size_t starts[CSV_FIELDS_MAX + 1];
    struct buf octets; /* the fields without quotes, a NUL behind each */
};

/* A byte order mark is passed over, and the separator (comma, semicolon or tab) is the one that the first line has most
 * of. RC_INVALID: UTF-16. Ended by csv_fini in any case. */
MUST_CHECK enum rc csv_init(struct csv *c, struct span text, struct err *err);
void csv_fini(struct csv *c);
/* The next record that is not blank; RC_NOTFOUND at the end. RC_INVALID: a record breaks the rules; the next call goes on with
 * the next line. */
MUST_CHECK enum rc csv_next(struct csv *c, struct err *err);
/* Field i of the record read last; "" beyond its end. Valid UTF-8 without control characters but white space. */
struct span csv_field(const struct csv *c, unsigned i);
/* As a field of a record, quoted where that is needed. */
void csv_write_field(struct buf *out, struct span field);

/* ---- json_exact: JSON whose numbers keep their digits -------------------------------------------------- */

/* Any value; a number is a text that json_exact_number knows. NULL: no JSON, a name twice in an object, or U+0001. */
json_t *json_exact_load(struct span json);
/* borrowed from the value. */
bool json_exact_number(const json_t *value, struct span *digits);
void json_exact_dump(const json_t *value, size_t flags, struct buf *out);

/* ---- authoring: documents for people ------------------------------------------------------------------ */

/* The same with the members of objects in the order in which people read them. returned. */
json_t *authoring_arrange(json_t *value);

/* ---- csv_document: a table as documents, and a document as a table ----------------------------------- */

enum { CSV_DOCUMENT_MAX = 16 << 20 /* octets of the cells of one document */ };

struct csv_documents;
/* Reads the header. text is borrowed until csv_documents_free. RC_INVALID: the columns do not make sense. */
MUST_CHECK enum rc csv_documents_open(struct span text, struct csv_documents **out,
                                      struct err *err);
void csv_documents_free(struct csv_documents *d); /* NULL is legal */
/* The next document as JSON in *json, or what is wrong with it, a line each, in *problems; both empty and the caller's. *line: where
 * it begins; *end: the octets of the file up to its end. RC_NOTFOUND: that was all. */
MUST_CHECK enum rc csv_documents_next(struct csv_documents *d, struct buf *json,
                                      struct buf *problems, unsigned long *line, size_t *end);
/* One document as a table of its own, with a header. RC_INVALID: it is no JSON object. */
MUST_CHECK enum rc csv_document_write(struct span json, struct buf *out, struct err *err);

#endif
