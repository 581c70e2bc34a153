/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/sync: blocking PostgreSQL for the command line (migrate, import, export, ae, doctor). Never used on
 * a server's loop.
 */
#ifndef PG_SYNC_H
#define PG_SYNC_H

#include "core/bytes.h"
#include "pg/pool.h"

struct pg_sync;
struct pg_table; /* a whole result, text format */

MUST_CHECK enum rc pg_sync_connect(const char *conninfo, const char *application_name,
                                   struct pg_sync **out, struct err *err);
void pg_sync_free(struct pg_sync *s); /* NULL is legal */
/* One or more statements without parameters, results dropped. NOTICEs go to the log at info. */
MUST_CHECK enum rc pg_sync_script(struct pg_sync *s, const char *sql, struct err *err);
/* One statement; *out is returned (pg_table_free), NULL out = not wanted. */
MUST_CHECK enum rc pg_sync_query(struct pg_sync *s, const char *sql, const struct pg_param *params,
                                 unsigned param_count, struct pg_table **out, struct err *err);
/* What the database said of the statement that failed last, whole: the message, then in lines of their own the detail, else the
 * hint. */
const char *pg_sync_words(struct pg_sync *s);
unsigned pg_table_rows(const struct pg_table *t);
unsigned pg_table_columns(const struct pg_table *t);
const char *pg_table_get(const struct pg_table *t, unsigned row, unsigned col); /* NULL = null */
size_t pg_table_len(const struct pg_table *t, unsigned row, unsigned col);
/* bytea in a text-format result, decoded into out. */
MUST_CHECK enum rc pg_table_bytea(const struct pg_table *t, unsigned row, unsigned col,
                                  struct buf *out);
void pg_table_free(struct pg_table *t);

#endif
