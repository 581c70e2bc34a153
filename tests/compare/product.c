/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest_prepare and dpp.ingest; query_build, its statement and project_row.
 */
#include "product.h"

#include <stdarg.h>

#include "catalog/ingest.h"
#include "catalog/project.h"
#include "catalog/query.h"
#include "core/mailbox.h"
#include "pg/migrate.h"
#include "pg/pool.h"
#include "pg/sync.h"
#include "reference.h"
#include "testdb.h"

enum { WAIT_MS = 60000 };

struct product {
    struct testdb db;
    struct pg_sync *sync;
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *jobs;
    struct pg_pool *pool;
    struct arena *arena, *scratch;
};

struct product *product_open(const char *tag, const char *icu_locale)
{
    struct product *p = xcalloc(1, sizeof(*p));
    struct migrate_report report;
    struct err err = {0};
    char database[160];
    snprintf(database, sizeof(database),
             "encoding 'UTF8' locale_provider icu icu_locale '%.30s' lc_collate 'C' lc_ctype 'C'"
             " template template0",
             icu_locale ? icu_locale : "");
    if (!testdb_create_with(&p->db, tag, icu_locale ? database : NULL))
        die("no database");
    if (pg_sync_connect(p->db.uri, "compare", &p->sync, &err) != RC_OK ||
        migrate_run(p->sync, 30000, &report, &err) != RC_OK)
        die("%s", err.text);
    p->loop = loop_new();
    p->mailbox = mailbox_new(p->loop);
    p->jobs = jobpool_new("resolve", 1, 8);
    struct pg_options options = pg_options_default();
    options.conninfo = p->db.uri;
    options.application_name = "compare";
    options.size = 1;
    p->pool = pg_pool_new(p->loop, p->mailbox, p->jobs, &options);
    p->arena = arena_new(0);
    p->scratch = arena_new(0);
    return p;
}

void product_close(struct product *p)
{
    pg_pool_free(p->pool);
    jobpool_free(p->jobs);
    mailbox_free(p->mailbox);
    loop_free(p->loop);
    pg_sync_free(p->sync);
    testdb_drop(&p->db);
    arena_free(p->arena);
    arena_free(p->scratch);
    free(p);
}

static void script(struct product *p, const char *sql)
{
    struct err err = {0};
    if (pg_sync_script(p->sync, sql, &err) != RC_OK)
        die("%s: %s %s", sql, err.sqlstate, err.text);
}

void product_begin(struct product *p)
{
    script(p, "begin");
}

void product_commit(struct product *p)
{
    script(p, "commit; analyze");
}

void product_empty(struct product *p)
{
    script(p, "set dpp.maintenance = on; delete from dpp.objects; delete from dpp.tombstones; "
              "reset dpp.maintenance");
}

/* As dppr rebuild makes the rows of what is stored anew. */
static void rebuild(struct product *p, const struct ingest_prepared *prepared)
{
    struct pg_param params[REBUILD_PARAMS];
    struct pg_table *table = NULL;
    struct err err = {0};
    unsigned count = rebuild_params(prepared, params);
    if (pg_sync_query(p->sync, rebuild_sql(prepared), params, count, &table, &err) != RC_OK)
        die("an object cannot be rebuilt: %s %s", err.sqlstate, err.text);
    if (strcmp(pg_table_get(table, 0, 0), "t") != 0)
        die("an object was not rebuilt");
    pg_table_free(table);
}

bool product_store(struct product *p, struct span octets, const struct dcm_ts *ts, bool rebuilds)
{
    struct ingest_input input = {
        .octets = octets, .ts = ts, .sender_aet = "COMPARE", .source = "store"};
    struct pg_param params[INGEST_PARAMS];
    struct ingest_prepared *prepared = NULL;
    struct pg_table *table = NULL;
    struct err err = {0};
    if (ingest_prepare(&input, NULL, &prepared, &err) != RC_OK)
        return false;
    unsigned count = ingest_params(prepared, params);
    if (pg_sync_query(p->sync, ingest_sql(prepared), params, count, &table, &err) != RC_OK)
        die("an object cannot be stored: %s %s", err.sqlstate, err.text);
    bool is_stored = strcmp(pg_table_get(table, 0, 0), "stored") == 0;
    pg_table_free(table);
    if (is_stored && rebuilds)
        rebuild(p, prepared);
    ingest_prepared_free(prepared);
    return is_stored;
}

void product_sounds(struct product *p, const char *word, char out[2][16])
{
    struct pg_param params[] = {pg_text(word)};
    struct pg_table *table = NULL;
    struct err err = {0};
    if (pg_sync_query(p->sync, "select dmetaphone($1), dmetaphone_alt($1)", params, 1, &table,
                      &err) != RC_OK)
        die("%s", err.text);
    for (unsigned i = 0; i < 2; i++)
        snprintf(out[i], 16, "%s", pg_table_get(table, 0, i));
    pg_table_free(table);
}

void product_retire(struct product *p, unsigned number)
{
    char sql[240];
    snprintf(
        sql, sizeof(sql),
        "set dpp.maintenance = on; update dpp.objects set state = 'retired', retired_at = now() "
        "where sop_instance_uid = '" UID_PREFIX "%u'; reset dpp.maintenance",
        number);
    script(p, sql);
}

struct asking {
    struct product *product;
    const struct query *query;
    struct project_target target;
    product_row_cb on_row;
    void *arg;
    struct buf parts, response;
    struct answer *answer;
    bool is_done;
};

/* From the SOP Instance UID in the query record. */
static unsigned number_of(struct span record)
{
    static const char header[] = {8, 0, 0x18, 0, 'U', 'I'};
    const uint8_t *found = memmem(record.data, record.len, header, sizeof(header));
    if (!found || strncmp((const char *)found + 8, UID_PREFIX, strlen(UID_PREFIX)) != 0)
        die("a row has no UID");
    return (unsigned)strtoul((const char *)found + 8 + strlen(UID_PREFIX), NULL, 10);
}

static void on_row(const struct pg_row *row, void *arg)
{
    struct asking *a = arg;
    struct err err = {0};
    buf_clear(&a->response);
    arena_reset(a->product->scratch);
    enum rc rc = project_row(a->query->plan, &a->target, row, &a->parts, a->product->scratch,
                             &a->response, &err);
    if (rc != RC_OK) {
        a->answer->rc = rc;
        snprintf(a->answer->text, sizeof(a->answer->text), "project_row: %.200s", err.text);
        return;
    }
    if (a->parts.len > 0)
        return; /* the next row has more of this object */
    a->on_row(number_of(pg_octets(row, 0)), buf_span(&a->response), a->arg);
}

static void on_done(const struct err *result, int64_t rows, void *arg)
{
    struct asking *a = arg;
    (void)rows;
    a->is_done = true;
    if (result->code != RC_OK) {
        a->answer->rc = result->code;
        snprintf(a->answer->text, sizeof(a->answer->text), "%s %.200s", result->sqlstate,
                 result->text);
    }
}

static bool is_done(void *arg)
{
    return ((struct asking *)arg)->is_done;
}

void product_ask(struct product *p, const char *find_uid, struct span octets,
                 const struct dcm_ts *ts, const struct requester *requester, product_row_cb cb,
                 void *arg, struct answer *out)
{
    struct query_view view = {.aet = "COMPARE",
                              .default_charset = requester->charset,
                              .max_matches = requester->max_matches,
                              .adjusts_times = requester->adjusts,
                              .fuzzy_names = requester->is_fuzzy,
                              .site_zone = requester->site_zone};
    struct query q;
    struct err err = {0};

    memset(out, 0, sizeof(*out));
    arena_reset(p->arena);
    out->rc = query_build(model_of(find_uid), octets, ts, &view, NULL, p->arena, &q, &err);
    if (out->rc != RC_OK) {
        out->tag = err.tag;
        snprintf(out->text, sizeof(out->text), "%s", err.text);
        return;
    }
    out->is_partly_supported = q.optional_ignored;
    if (q.nothing_asked || q.matches_none)
        return;

    struct asking a = {.product = p, .query = &q, .on_row = cb, .arg = arg, .answer = out};
    a.target = (struct project_target){.ts = ts,
                                       .request_charset = project_plan_request_charset(q.plan),
                                       .preferred_charset = requester->charset};
    buf_init(&a.response, 0);
    struct pg_query pq = {.sql = plant_in_sql(q.sql, p->arena),
                          .params = q.params,
                          .param_count = q.param_count,
                          .plan_with_values = q.plan_with_values,
                          .on_row = on_row,
                          .on_done = on_done,
                          .arg = &a};
    pg_once_start(p->pool, WAIT_MS, &pq);
    if (!loop_run_until(p->loop, is_done, &a, WAIT_MS))
        die("a query does not end");
    buf_fini(&a.response);
    buf_fini(&a.parts);
}
