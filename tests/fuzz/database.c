/* SPDX-License-Identifier: Apache-2.0
 *
 * What the targets catalog_ingest and catalog_query cannot see: whether PostgreSQL takes what they produce. Goes through
 * folders of their inputs, stores every data set that is accepted, asks every question, in a database of its own. No
 * statement may fail: what a peer sends can make a refusal of ours, never an error of SQL.
 *
 *   with-postgres fuzz_database FOLDER-OF-INGEST FOLDER-OF-QUERY
 */
#include <dirent.h>

#include "catalog/ingest.h"
#include "catalog/query.h"
#include "fuzz_dcm.h"
#include "pg/migrate.h"
#include "testdb.h"

struct counts {
    unsigned inputs, run, failed, rows;
};

static struct buf read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct buf octets;
    size_t n;
    buf_init(&octets, 0);
    CHECK(file != NULL);
    do {
        uint8_t *room = buf_reserve(&octets, 65536);
        CHECK(room != NULL);
        n = fread(room, 1, 65536, file);
        octets.len += n;
    } while (n > 0);
    fclose(file);
    return octets;
}

/* Whether the statement succeeded. */
static bool run(struct pg_sync *s, const char *sql, const struct pg_param *params, unsigned count,
                struct counts *c)
{
    struct pg_table *table = NULL;
    struct err err = {0};
    if (pg_sync_query(s, sql, params, count, &table, &err) != RC_OK) {
        fprintf(stderr, "%s %s\n  %s\n", err.sqlstate, err.text, sql);
        return false;
    }
    c->rows += pg_table_rows(table);
    pg_table_free(table);
    return true;
}

/* As the target of that name reads its input. */
static bool ingest(struct pg_sync *s, struct span octets, struct counts *c)
{
    struct feed f = {octets};
    struct ingest_input input = {
        .ts = fuzz_ts(feed_u8(&f)), .sender_aet = "FUZZ", .source = "store"};
    struct pg_param params[INGEST_PARAMS];
    struct ingest_prepared *p = NULL;
    struct err err;
    (void)feed_u8(&f);
    input.octets = f.rest;
    if (ingest_prepare(&input, &fuzz_limits, &p, &err) != RC_OK)
        return true;
    c->run++;
    bool ok = run(s, ingest_sql(p), params, ingest_params(p, params), c);
    ingest_prepared_free(p);
    return ok;
}

static bool query(struct pg_sync *s, struct span octets, struct counts *c)
{
    struct feed f = {octets};
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    struct query_view view = {.aet = "FUZZ", .default_charset = "ISO_IR 100"};
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct query q;
    struct err err;
    bool ok = true;
    const struct model *model = feed_u8(&f) & 32 ? &model_approval : &model_protocol;
    if (query_build(model, f.rest, ts, &view, NULL, arena, &q, &err) == RC_OK && !q.matches_none) {
        c->run++;
        ok = run(s, q.sql, q.params, q.param_count, c);
    }
    arena_free(arena);
    return ok;
}

static struct counts walk(struct pg_sync *s, const char *path,
                          bool (*one)(struct pg_sync *, struct span, struct counts *))
{
    struct counts c = {0};
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    for (struct dirent *d; (d = readdir(folder));) {
        char name[4096];
        if (d->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
        struct buf octets = read_file(name);
        c.inputs++;
        if (!one(s, buf_span(&octets), &c)) {
            fprintf(stderr, "  %s\n", name);
            c.failed++;
        }
        buf_fini(&octets);
    }
    closedir(folder);
    printf("%s: %u inputs, %u statements, %u rows, %u failed\n", path, c.inputs, c.run, c.rows,
           c.failed);
    return c;
}

int main(int argc, char **argv)
{
    struct testdb db;
    struct pg_sync *s = NULL;
    struct migrate_report report;
    struct err err = {0};
    CHECK(argc == 3);
    fuzz_load_dictionary();
    CHECK(testdb_create(&db, "fuzz"));
    CHECK_OK(pg_sync_connect(db.uri, "fuzz", &s, &err), &err);
    CHECK_OK(migrate_run(s, 30000, &report, &err), &err);
    struct counts stored = walk(s, argv[1], ingest);
    struct counts asked = walk(s, argv[2], query);
    pg_sync_free(s);
    testdb_drop(&db);
    CHECK(stored.run > 0 && asked.run > 0 && asked.rows > 0); /* else nothing was tested */
    return stored.failed + asked.failed > 0;
}
