/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr export: published objects as files, straight from the database.
 *
 * Pages of ids by key, then one data set at a time, so that neither a result nor a snapshot is held for
 * long and memory stays flat. A file holds the octets as stored; what is there already is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/charset.h"
#include "dcm/dict.h"
#include "dcm/json.h"

enum { ARENA_SLACK = 1 << 20 };

struct export
{
    const struct command *self;
    const struct config *config;
    const char *dir;
    struct pg_sync *database;
    struct progress progress;
    bool is_json;
    unsigned long written, same, failed, without_octets;
};

#define PUBLISHED                                       \
    "from dpp.objects o\n"                              \
    "left join dpp.instances i on i.object_id = o.id\n" \
    "where o.state = 'published'\n"

static const char sql_count[] = "select count(*)\n" PUBLISHED;
static const char sql_page[] =
    "select o.id, o.sop_instance_uid, o.sop_class_uid, i.transfer_syntax_uid\n" PUBLISHED
    "    and o.id > $1::bigint\norder by o.id\nlimit 500";
static const char sql_one[] =
    "select o.id, o.sop_instance_uid, o.sop_class_uid, i.transfer_syntax_uid\n" PUBLISHED
    "    and o.sop_instance_uid = $1::text";

static void report_failure(struct export *ex, const char *uid, const char *why)
{
    ex->failed++;
    progress_clear(&ex->progress);
    command_error(ex->self, "%s: %s", uid, why);
}

static void on_text_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    bool *was_inexact = arg;
    (void)flaw;
    (void)attribute; /* dpp.dataset_warnings names them all */
    *was_inexact = true;
}

static enum rc write_json(struct export *ex, const char *uid, struct span octets,
                          const struct dcm_ts *ts, bool *was_there, struct err *err)
{
    const struct dcm_limits *limits = &ex->config->service.dataset_limits;
    struct arena *arena = arena_new(limits->max_bytes * 8 + ARENA_SLACK);
    struct buf json = {0};
    struct dcm_item *item;
    bool is_lossy = false, was_inexact = false;
    char name[80];
    enum rc rc;

    snprintf(name, sizeof(name), "%s.json", uid);
    rc = dcm_read(octets, ts, limits, arena, &item, err);
    if (rc == RC_OK)
        rc = dcm_tree_to_utf8_anyhow(item, arena, on_text_flaw, &was_inexact, err);
    if (rc == RC_OK)
        rc = dcm_json_write(item, 0, &json, &is_lossy, err);
    if (rc == RC_OK) {
        buf_add_str(&json, "\n");
        rc = files_write_new(ex->dir, name, buf_span(&json), NULL, was_there, err);
    }
    if (rc == RC_OK && (is_lossy || was_inexact)) {
        progress_clear(&ex->progress);
        command_error(ex->self, "note: %s: some values cannot be said exactly in JSON", uid);
    }
    buf_fini(&json);
    arena_free(arena);
    return rc;
}

/* One row of sql_page or sql_one. */
static void export_row(struct export *ex, const struct pg_table *t, unsigned row)
{
    const char *uid = pg_table_get(t, row, 1), *sop_class = pg_table_get(t, row, 2);
    const char *ts_uid = pg_table_get(t, row, 3);
    struct buf octets = {0};
    struct err err = {0};
    bool was_there = false;
    enum rc rc = RC_OK;

    if (!ts_uid) {
        ex->without_octets++;
        report_failure(ex, uid, "published, but not rendered yet; a running server does that");
        return;
    }
    const struct dcm_ts *ts = dcm_ts_find(ts_uid);
    if (!dcm_uid_is_valid(uid) || !ts)
        rc = err_set(&err, RC_INVALID, "its UID or transfer syntax (%.64s) is none", ts_uid);
    if (rc == RC_OK)
        rc = database_octets(ex->database, pg_table_get(t, row, 0), &octets, &err);
    if (rc == RC_OK && ex->is_json)
        rc = write_json(ex, uid, buf_span(&octets), ts, &was_there, &err);
    else if (rc == RC_OK)
        rc = files_write_part10(ex->dir, sop_class, uid, buf_span(&octets), ts, &was_there, &err);
    if (rc != RC_OK)
        report_failure(ex, uid, err.text);
    else if (was_there)
        ex->same++;
    else
        ex->written++;
    progress_step(&ex->progress, ex->written + ex->same + ex->failed);
    buf_fini(&octets);
}

static enum rc export_all(struct export *ex, struct err *err)
{
    struct pg_table *t = NULL;
    char last[24] = "0";
    unsigned rows = 1;
    enum rc rc = pg_sync_query(ex->database, sql_count, NULL, 0, &t, err);

    if (rc != RC_OK)
        return rc;
    progress_start(&ex->progress, "exporting", strtoul(pg_table_get(t, 0, 0), NULL, 10));
    pg_table_free(t);
    while (rc == RC_OK && rows > 0 && !interrupt_requested()) {
        struct pg_param param = pg_text(last);
        rc = pg_sync_query(ex->database, sql_page, &param, 1, &t, err);
        if (rc != RC_OK)
            break;
        rows = pg_table_rows(t);
        for (unsigned i = 0; i < rows && !interrupt_requested(); i++)
            export_row(ex, t, i);
        if (rows > 0)
            snprintf(last, sizeof(last), "%s", pg_table_get(t, rows - 1, 0));
        pg_table_free(t);
    }
    return rc;
}

static enum rc export_some(struct export *ex, const struct cli_list *uids, struct err *err)
{
    enum rc rc = RC_OK;

    progress_start(&ex->progress, "exporting", uids->count);
    for (unsigned i = 0; i < uids->count && rc == RC_OK && !interrupt_requested(); i++) {
        struct pg_param param = pg_text(uids->items[i]);
        struct pg_table *t = NULL;
        rc = pg_sync_query(ex->database, sql_one, &param, 1, &t, err);
        if (rc == RC_OK && pg_table_rows(t) == 0)
            report_failure(ex, uids->items[i], "no published object has this UID");
        else if (rc == RC_OK)
            export_row(ex, t, 0);
        pg_table_free(t);
    }
    return rc;
}

static int export(struct export *ex, const struct cli_list *uids)
{
    struct err err = {0};
    enum rc rc = dcm_init(&err);

    for (unsigned i = 0; i < uids->count; i++) {
        if (!dcm_uid_is_valid(uids->items[i]))
            return command_usage_error(ex->self, "--uid: '%s' is no UID", uids->items[i]);
    }
    if (rc == RC_OK)
        rc = files_make_dir(ex->dir, &err);
    if (rc == RC_OK)
        rc = database_open(ex->config->database, &ex->database, &err);
    interrupt_install();
    if (rc == RC_OK)
        rc = uids->count > 0 ? export_some(ex, uids, &err) : export_all(ex, &err);
    progress_end(&ex->progress);
    if (rc == RC_OK && interrupt_requested())
        rc = err_set(&err, RC_CANCELED, "interrupted");
    if (rc != RC_OK)
        command_error(ex->self, "%s", err.text);
    printf("%lu written, %lu there already, %lu failed\n", ex->written, ex->same, ex->failed);
    return rc == RC_OK && ex->failed == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct export ex = {.self = self};
    struct cli_list uids = {0};
    const struct cli_option options[] = {
        {"uid", 'u', CLI_LIST, &uids, "UID", "this object only; may be given again", 0, 0},
        {"json", 0, CLI_FLAG, &ex.is_json, NULL, "write DICOM JSON instead of DICOM files", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 2};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count != 1)
        status = command_usage_error(self, "name one folder to write to");
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        ex.config = &cli.config;
        ex.dir = cli.args[0];
        status = export(&ex, &uids);
    }
    pg_sync_free(ex.database);
    cli_fini(&cli);
    return status;
}

const struct command command_export = {
    .name = "export",
    .summary = "write published objects as files",
    .usage = "DIR [--uid UID]... [--json] [SETTING]...",
    .text =
        "Writes every published object, or those named, to DIR as UID.dcm (a DICOM file with the\n"
        "octets as stored) or UID.json (DICOM JSON). The folder is made where it is missing.\n"
        "A file that is there with the same content is kept; one with other content is never\n"
        "replaced: that object counts as failed.\n\n"
        "Examples:\n"
        "  dppr export backup/\n"
        "  dppr export out/ --uid 2.25.1234 --json",
    .has_settings = true,
    .run = run,
};
