/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr rebuild: the rows of stored objects made anew from their octets.
 *
 * For when what the rows are made of the octets by has changed: a correction, or a column more. The octets are the truth
 * and stay; each object's rows are replaced in one transaction, so servers may run meanwhile. Pages of ids
 * by key, then one data set at a time, as export does it.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "catalog/ingest.h"
#include "dcm/dict.h"

struct rebuild {
    const struct command *self;
    const struct config *config;
    struct pg_sync *database;
    struct progress progress;
    unsigned long rebuilt, failed;
};

#define STORED             \
    "from dpp.objects o\n" \
    "join dpp.instances i on i.object_id = o.id\n"

static const char sql_count[] = "select count(*)\n" STORED;
static const char sql_page[] = "select o.id, o.sop_instance_uid, i.transfer_syntax_uid\n" STORED
                               "where o.id > $1::bigint\norder by o.id\nlimit 500";
static const char sql_one[] = "select o.id, o.sop_instance_uid, i.transfer_syntax_uid\n" STORED
                              "where o.sop_instance_uid = $1::text";

static void report_failure(struct rebuild *r, const char *uid, const char *why)
{
    r->failed++;
    progress_clear(&r->progress);
    command_error(r->self, "%s: %s", uid, why);
}

static enum rc replace_rows(struct rebuild *r, const struct ingest_prepared *p, struct err *err)
{
    struct pg_param params[REBUILD_PARAMS];
    struct pg_table *t = NULL;
    enum rc rc =
        pg_sync_query(r->database, rebuild_sql(p), params, rebuild_params(p, params), &t, err);

    if (rc == RC_OK && (pg_table_rows(t) != 1 || strcmp(pg_table_get(t, 0, 0), "t") != 0))
        rc = err_set(err, RC_NOTFOUND, "it has gone meanwhile");
    pg_table_free(t);
    return rc;
}

/* One row of sql_page or sql_one. */
static void rebuild_row(struct rebuild *r, const struct pg_table *t, unsigned row)
{
    const char *uid = pg_table_get(t, row, 1);
    struct buf octets = {0};
    struct ingest_prepared *p = NULL;
    struct err err = {0};
    struct ingest_input input = {
        .ts = dcm_ts_find(pg_table_get(t, row, 2)), .sop_instance = uid, .source = "import"};
    enum rc rc = input.ts ? database_octets(r->database, pg_table_get(t, row, 0), &octets, &err)
                          : err_set(&err, RC_INVALID, "its transfer syntax (%.64s) is none",
                                    pg_table_get(t, row, 2));

    input.octets = buf_span(&octets);
    if (rc == RC_OK)
        rc = ingest_prepare(&input, &r->config->service.dataset_limits, &p, &err);
    if (rc == RC_OK)
        rc = replace_rows(r, p, &err);
    if (rc == RC_OK)
        r->rebuilt++;
    else
        report_failure(r, uid, err.text[0] ? err.text : rc_name(rc));
    progress_step(&r->progress, r->rebuilt + r->failed);
    ingest_prepared_free(p);
    buf_fini(&octets);
}

static enum rc rebuild_all(struct rebuild *r, struct err *err)
{
    struct pg_table *t = NULL;
    char last[24] = "0";
    unsigned rows = 1;
    enum rc rc = pg_sync_query(r->database, sql_count, NULL, 0, &t, err);

    if (rc != RC_OK)
        return rc;
    progress_start(&r->progress, "rebuilding", strtoul(pg_table_get(t, 0, 0), NULL, 10));
    pg_table_free(t);
    while (rc == RC_OK && rows > 0 && !interrupt_requested()) {
        struct pg_param param = pg_text(last);
        rc = pg_sync_query(r->database, sql_page, &param, 1, &t, err);
        if (rc != RC_OK)
            break;
        rows = pg_table_rows(t);
        for (unsigned i = 0; i < rows && !interrupt_requested(); i++)
            rebuild_row(r, t, i);
        if (rows > 0)
            snprintf(last, sizeof(last), "%s", pg_table_get(t, rows - 1, 0));
        pg_table_free(t);
    }
    return rc;
}

static enum rc rebuild_some(struct rebuild *r, const struct cli_list *uids, struct err *err)
{
    enum rc rc = RC_OK;

    progress_start(&r->progress, "rebuilding", uids->count);
    for (unsigned i = 0; i < uids->count && rc == RC_OK && !interrupt_requested(); i++) {
        struct pg_param param = pg_text(uids->items[i]);
        struct pg_table *t = NULL;
        rc = pg_sync_query(r->database, sql_one, &param, 1, &t, err);
        if (rc == RC_OK && pg_table_rows(t) == 0)
            report_failure(r, uids->items[i], "no stored object has this UID");
        else if (rc == RC_OK)
            rebuild_row(r, t, 0);
        pg_table_free(t);
    }
    return rc;
}

static int rebuild(struct rebuild *r, const struct cli_list *uids)
{
    struct err err = {0};
    enum rc rc = dcm_init(&err);

    if (rc == RC_OK)
        rc = database_open(r->config->database, &r->database, &err);
    interrupt_install();
    if (rc == RC_OK)
        rc = uids->count > 0 ? rebuild_some(r, uids, &err) : rebuild_all(r, &err);
    progress_end(&r->progress);
    if (rc == RC_OK && interrupt_requested())
        rc = err_set(&err, RC_CANCELED, "interrupted");
    if (rc != RC_OK)
        command_error(r->self, "%s", err.text);
    printf("%lu rebuilt, %lu failed\n", r->rebuilt, r->failed);
    return rc == RC_OK && r->failed == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct rebuild r = {.self = self};
    struct cli_list uids = {0};
    const struct cli_option options[] = {
        {"uid", 'u', CLI_LIST, &uids, "UID", "this object only; may be given again", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 1};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "'%s' is not expected", cli.args[0]);
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        r.config = &cli.config;
        status = rebuild(&r, &uids);
    }
    pg_sync_free(r.database);
    cli_fini(&cli);
    return status;
}

const struct command command_rebuild = {
    .name = "rebuild",
    .summary = "make the rows of stored objects anew",
    .usage = "[--uid UID]... [SETTING]...",
    .text =
        "Reads the octets of every stored object, or those named, and replaces the rows, the "
        "query\n"
        "record and the warnings that were made of them. For after an update that reads more or\n"
        "better; what is sent on retrieval does not change. Servers may run meanwhile. Needs the\n"
        "rights of dppr_admin. An object that cannot be read keeps its rows and counts as "
        "failed.\n\n"
        "Examples:\n"
        "  dppr rebuild\n"
        "  dppr rebuild --uid 2.25.1234",
    .has_settings = true,
    .run = run,
};
