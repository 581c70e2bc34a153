/* SPDX-License-Identifier: Apache-2.0
 *
 * The migration runner with the list of files given, for tests.
 */
#ifndef PG_MIGRATE_SET_H
#define PG_MIGRATE_SET_H

#include "embedded.h"
#include "pg/migrate.h"

struct migrate_set {
    const struct embedded_file *migrations; /* any order of files is put in order by number */
    unsigned migration_count;
    const struct embedded_file *definitions; /* in the order of their application */
    unsigned definition_count;
    const char *definitions_hash;
    bool despite_servers; /* breaking migrations too, whoever runs */
};

MUST_CHECK enum rc migrate_run_set(struct pg_sync *s, const struct migrate_set *set,
                                   int64_t wait_ms, struct migrate_report *report, struct err *err);
MUST_CHECK enum rc migrate_check_set(struct pg_sync *s, const struct migrate_set *set,
                                     struct err *err);

/* RC_CONFLICT: servers run that know less than this version; the log has a line for each. is_locking: none of
 * them can come or say that it runs until the transaction ends. */
MUST_CHECK enum rc migrate_mind_servers(struct pg_sync *s, int version, bool is_locking,
                                        struct err *err);

/* The next statement of a script from *pos, without its semicolon; may be empty. False at the end. */
bool sql_next_statement(const char *script, size_t *pos, struct span *out);

#endif
