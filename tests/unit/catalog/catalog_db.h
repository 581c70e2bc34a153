/* SPDX-License-Identifier: Apache-2.0
 *
 * A migrated database with a pool on a loop, for the catalog tests that need one. Operations are started
 * as the server starts them, and waited for.
 */
#ifndef CATALOG_DB_H
#define CATALOG_DB_H

#include "catalog_test.h"

#include "catalog/ingest.h"
#include "catalog/reading.h"
#include "core/mailbox.h"
#include "pg/migrate.h"
#include "pg/pool.h"
#include "pg/sync.h"
#include "testdb.h"

enum { WAIT_MS = 60000 }; /* far more than anything here takes */

static struct database {
    struct testdb db;
    struct pg_sync *sync;
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *jobs;
    struct pg_pool *pool;
    struct reader *reader; /* without standbys */
} database;

static inline int database_open(void **state)
{
    struct database *d = &database;
    struct migrate_report report;
    struct err err = {0};
    (void)state;
    if (!testdb_create(&d->db, "catalog"))
        return -1;
    /* Tests make published rows by hand (sql/functions/guard.sql). */
    if (pg_sync_connect(d->db.uri, "catalog-test", &d->sync, &err) != RC_OK ||
        migrate_run(d->sync, 30000, &report, &err) != RC_OK ||
        pg_sync_script(d->sync, "set dpp.maintenance = on", &err) != RC_OK) {
        print_message("%s\n", err.text);
        return -1;
    }
    d->loop = loop_new();
    d->mailbox = mailbox_new(d->loop);
    d->jobs = jobpool_new("resolve", 1, 8);
    struct pg_options options = pg_options_default();
    options.conninfo = d->db.uri;
    options.application_name = "catalog-test-pool";
    d->pool = pg_pool_new(d->loop, d->mailbox, d->jobs, &options);
    d->reader = reader_new(d->loop, d->pool, NULL, 0);
    return 0;
}

static inline int database_close(void **state)
{
    struct database *d = &database;
    (void)state;
    reader_free(d->reader);
    pg_pool_free(d->pool);
    jobpool_free(d->jobs);
    mailbox_free(d->mailbox);
    loop_free(d->loop);
    pg_sync_free(d->sync);
    testdb_drop(&d->db);
    return 0;
}

static inline bool flag_is_set(void *arg)
{
    return *(bool *)arg;
}

static inline void wait_until(bool *flag)
{
    assert_true(loop_run_until(database.loop, flag_is_set, flag, WAIT_MS));
}

static inline void run_sql(const char *sql)
{
    struct err err = {0};
    if (pg_sync_script(database.sync, sql, &err) != RC_OK)
        fail_msg("%s: %s", sql, err.text);
}

/* The first value of the first row, "" when there is none; static. */
static inline const char *ask_sql(const char *sql)
{
    static char answer[1024];
    struct pg_table *t = NULL;
    struct err err = {0};
    if (pg_sync_query(database.sync, sql, NULL, 0, &t, &err) != RC_OK)
        fail_msg("%s: %s", sql, err.text);
    const char *value = pg_table_rows(t) ? pg_table_get(t, 0, 0) : NULL;
    snprintf(answer, sizeof(answer), "%s", value ? value : "");
    pg_table_free(t);
    return answer;
}

struct stored {
    bool is_done;
    struct err result;
    enum ingest_outcome outcome;
};

static inline void on_stored(const struct err *result, enum ingest_outcome outcome, void *arg)
{
    struct stored *s = arg;
    assert_false(s->is_done);
    s->is_done = true;
    s->result = *result;
    s->outcome = outcome;
}

static inline struct ingest_prepared *prepare_octets(struct span octets, const char *ts)
{
    struct ingest_input input = {
        .octets = octets, .ts = dcm_ts_find(ts), .sender_aet = "CT1", .source = "store"};
    struct ingest_prepared *p = NULL;
    struct err err = {0};
    if (ingest_prepare(&input, NULL, &p, &err) != RC_OK)
        fail_msg("%s", err.text);
    return p;
}

/* The outcome's name. */
static inline const char *store_octets(struct span octets, const char *ts)
{
    struct ingest_prepared *p = prepare_octets(octets, ts);
    struct stored s = {0};
    ingest_start(database.pool, WAIT_MS, p, on_stored, &s);
    assert_false(s.is_done);
    wait_until(&s.is_done);
    ingest_prepared_free(p);
    if (s.result.code != RC_OK)
        fail_msg("%s %s", s.result.sqlstate, s.result.text);
    return ingest_outcome_name(s.outcome);
}

static inline const char *store_spec(const char *text)
{
    static struct octets o;
    return store_octets(spec(&o, text), UID_EXPLICIT_LE);
}

#endif
