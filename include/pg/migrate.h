/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/migrate: brings the schema to this build's version, forward only.
 *
 * Migrations (migrations/NNNN_verb_object.sql) and the current definitions (sql/) are compiled into the
 * binary. Each migration runs in one transaction that also records its number in dpp.schema_migrations,
 * under a session advisory lock taken by trying in a loop. The first line of a file says `-- compatible`
 * or `-- breaking`; files marked `-- no-transaction` run outside one. After the migrations the
 * definitions in sql/ are replaced whole, each folder by name: sql/functions, sql/data, sql/views and sql/roles.sql in
 * one transaction, then, as they lock tables that servers write, the statements of sql/triggers each by itself; its `do`
 * blocks commit trigger by trigger.
 *
 * Errors name file, line and SQLSTATE: "migrations/0002_x.sql:14: column "y" does not exist (42703)".
 */
#ifndef PG_MIGRATE_H
#define PG_MIGRATE_H

#include "core/err.h"
#include "pg/sync.h"

struct migrate_report {
    unsigned applied; /* by this run */
    int version;      /* highest number now in the database */
};

/* wait_ms: how long to try for the lock, then RC_TIMEOUT. RC_UNSUPPORTED when the database is not fit
 * (version, encoding, character type; the text says how to make one that is). RC_CONFLICT when the
 * schema has breaking migrations that this build does not know, or lacks one that servers which run do not bear:
 * nothing is applied then, unless that is wanted despite servers. */
MUST_CHECK enum rc migrate_run(struct pg_sync *s, int64_t wait_ms, struct migrate_report *report,
                               struct err *err);
MUST_CHECK enum rc migrate_run_despite_servers(struct pg_sync *s, int64_t wait_ms,
                                               struct migrate_report *report, struct err *err);
/* Whether a server of this build may use the schema: RC_OK, RC_CONFLICT (newer and breaking, or older
 * than needed; the text says what to do). */
MUST_CHECK enum rc migrate_check(struct pg_sync *s, struct err *err);
int migrate_latest(void); /* the highest number this build knows */

#endif
