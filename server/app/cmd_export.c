/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr export: objects as files, straight from the database.
 *
 * Pages of ids by key, then one object at a time, so that neither a result nor a snapshot is held for
 * long and memory stays flat. A DICOM file holds the octets as stored; an authoring file holds what dpp.document_of
 * makes of the rows. Names follow from the UID, and what is there already is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "authoring.h"
#include "core/arena.h"
#include "dcm/charset.h"
#include "dcm/dict.h"
#include "dcm/json.h"

enum { ARENA_SLACK = 1 << 20 };

struct export;

/* One object, as it comes from the database. */
struct exported {
    const char *object_id, *uid, *sop_class, *ts_uid; /* ts_uid NULL: no octets */
    bool was_there;
};

struct format {
    const char *suffix;
    bool is_authoring; /* of the rows of a protocol, and not of the octets of any object */
    enum rc (*write)(struct export *ex, struct exported *o, struct err *err);
};

struct export
{
    const struct command *self;
    const struct config *config;
    const struct format *format;
    const char *dir, *state;
    bool is_current;
    struct pg_sync *database;
    struct progress progress;
    unsigned long written, same, failed;
};

/* $1 state, $2 current ones only, $3 protocols only */
#define CHOSEN                                                                           \
    "from dpp.objects o\n"                                                               \
    "left join dpp.instances i on i.object_id = o.id\n"                                  \
    "where o.state = $1::text\n"                                                         \
    "    and (not $2::boolean or not exists (\n"                                         \
    "        select from dpp.supersessions s join dpp.objects n on n.id = s.object_id\n" \
    "        where s.superseded_uid = o.sop_instance_uid and n.state = 'published'))\n"  \
    "    and (not $3::boolean or exists (\n"                                             \
    "        select from dpp.protocols p where p.object_id = o.id))\n"

static const char sql_count[] = "select count(*)\n" CHOSEN;
static const char sql_page[] =
    "select o.id, o.sop_instance_uid, o.sop_class_uid, i.transfer_syntax_uid\n" CHOSEN
    "    and o.id > $4::bigint\norder by o.id\nlimit 500";
static const char sql_one[] =
    "select o.id, o.sop_instance_uid, o.sop_class_uid, i.transfer_syntax_uid\n" CHOSEN
    "    and o.sop_instance_uid = $4::text";

static void report_failure(struct export *ex, const char *uid, const char *why)
{
    ex->failed++;
    progress_clear(&ex->progress);
    command_error(ex->self, "%s: %s", uid, why);
}

/* ---- formats ---- */

static enum rc octets_of(struct export *ex, const struct exported *o, const struct dcm_ts **ts,
                         struct buf *octets, struct err *err)
{
    if (!o->ts_uid)
        return err_set(err, RC_NOTFOUND, "it has no encoded form; only drafts should have none");
    *ts = dcm_ts_find(o->ts_uid);
    if (!*ts)
        return err_set(err, RC_INVALID, "its transfer syntax (%.64s) is none", o->ts_uid);
    return database_octets(ex->database, o->object_id, octets, err);
}

static enum rc write_dicom(struct export *ex, struct exported *o, struct err *err)
{
    const struct dcm_ts *ts;
    struct buf octets = {0};
    enum rc rc = octets_of(ex, o, &ts, &octets, err);

    if (rc == RC_OK)
        rc = files_write_part10(ex->dir, o->sop_class, o->uid, buf_span(&octets), ts, &o->was_there,
                                err);
    buf_fini(&octets);
    return rc;
}

static enum rc write_text(struct export *ex, struct exported *o, struct span text, struct err *err)
{
    char name[96];

    snprintf(name, sizeof(name), "%.64s%s", o->uid, ex->format->suffix);
    return files_write_new(ex->dir, name, text, NULL, &o->was_there, err);
}

static void on_text_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    bool *was_inexact = arg;
    (void)flaw;
    (void)attribute; /* dpp.dataset_warnings names them all */
    *was_inexact = true;
}

static enum rc write_dicom_json(struct export *ex, struct exported *o, struct err *err)
{
    const struct dcm_limits *limits = &ex->config->service.dataset_limits;
    struct arena *arena = arena_new(limits->max_bytes * 8 + ARENA_SLACK);
    const struct dcm_ts *ts;
    struct buf octets = {0}, json = {0};
    struct dcm_item *item;
    bool is_lossy = false, was_inexact = false;
    enum rc rc = octets_of(ex, o, &ts, &octets, err);

    if (rc == RC_OK)
        rc = dcm_read(buf_span(&octets), ts, limits, arena, &item, err);
    if (rc == RC_OK)
        rc = dcm_tree_to_utf8_anyhow(item, arena, on_text_flaw, &was_inexact, err);
    if (rc == RC_OK)
        rc = dcm_json_write(item, 0, &json, &is_lossy, err);
    if (rc == RC_OK) {
        buf_add_str(&json, "\n");
        rc = write_text(ex, o, buf_span(&json), err);
    }
    if (rc == RC_OK && (is_lossy || was_inexact)) {
        progress_clear(&ex->progress);
        command_error(ex->self, "note: %s: some values cannot be said exactly in JSON", o->uid);
    }
    buf_fini(&octets);
    buf_fini(&json);
    arena_free(arena);
    return rc;
}

/* The authoring document of a protocol, appended. */
static enum rc document_of(struct export *ex, const struct exported *o, struct buf *out,
                           struct err *err)
{
    static const char sql[] = "select dpp.document_of($1::text)";
    struct pg_param param = pg_text(o->uid);
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(ex->database, sql, &param, 1, &t, err);

    if (rc == RC_OK && !pg_table_get(t, 0, 0))
        rc = err_set(err, RC_NOTFOUND, "it has gone meanwhile");
    if (rc == RC_OK)
        buf_add(out, pg_table_get(t, 0, 0), pg_table_len(t, 0, 0));
    pg_table_free(t);
    return rc;
}

static enum rc write_authoring_json(struct export *ex, struct exported *o, struct err *err)
{
    struct buf document = {0}, text = {0};
    enum rc rc = document_of(ex, o, &document, err);
    json_t *read = rc == RC_OK ? json_exact_load(buf_span(&document)) : NULL;
    json_t *arranged = read ? authoring_arrange(read) : NULL;

    if (rc == RC_OK && !arranged)
        rc = err_set(err, RC_INVALID, "its document holds a control character");
    if (rc == RC_OK) {
        json_exact_dump(arranged, JSON_INDENT(1), &text);
        buf_add_str(&text, "\n");
        rc = buf_status(&text) == RC_OK ? write_text(ex, o, buf_span(&text), err)
                                        : err_set(err, RC_NOMEM, "no memory for its document");
    }
    json_decref(read);
    json_decref(arranged);
    buf_fini(&document);
    buf_fini(&text);
    return rc;
}

static enum rc write_authoring_csv(struct export *ex, struct exported *o, struct err *err)
{
    struct buf document = {0}, text = {0};
    enum rc rc = document_of(ex, o, &document, err);

    if (rc == RC_OK)
        rc = csv_document_write(buf_span(&document), &text, err);
    if (rc == RC_OK)
        rc = write_text(ex, o, buf_span(&text), err);
    buf_fini(&document);
    buf_fini(&text);
    return rc;
}

static const struct format format_dicom = {".dcm", false, write_dicom};
static const struct format format_dicom_json = {".json", false, write_dicom_json};
/* Both kinds of JSON may go to one folder. */
static const struct format format_authoring_json = {".authoring.json", true, write_authoring_json};
static const struct format format_authoring_csv = {".csv", true, write_authoring_csv};

/* ---- objects ---- */

/* One row of sql_page or sql_one. */
static void export_row(struct export *ex, const struct pg_table *t, unsigned row)
{
    struct exported o = {
        .object_id = pg_table_get(t, row, 0),
        .uid = pg_table_get(t, row, 1),
        .sop_class = pg_table_get(t, row, 2),
        .ts_uid = pg_table_get(t, row, 3),
    };
    struct err err = {0};
    enum rc rc = RC_OK;

    if (!dcm_uid_is_valid(o.uid))
        rc = err_set(&err, RC_INVALID, "its UID is none");
    if (rc == RC_OK)
        rc = ex->format->write(ex, &o, &err);
    if (rc != RC_OK)
        report_failure(ex, o.uid, err.text);
    else if (o.was_there)
        ex->same++;
    else
        ex->written++;
    progress_step(&ex->progress, ex->written + ex->same + ex->failed);
}

enum { CHOICE_PARAMS = 4 };

static void choose(const struct export *ex, const char *last, struct pg_param params[CHOICE_PARAMS])
{
    params[0] = pg_text(ex->state);
    params[1] = pg_text(ex->is_current ? "true" : "false");
    params[2] = pg_text(ex->format->is_authoring ? "true" : "false");
    params[3] = pg_text(last);
}

static enum rc export_all(struct export *ex, struct err *err)
{
    struct pg_param params[CHOICE_PARAMS];
    struct pg_table *t = NULL;
    char last[24] = "0";
    unsigned rows = 1;

    choose(ex, last, params);
    enum rc rc = pg_sync_query(ex->database, sql_count, params, CHOICE_PARAMS - 1, &t, err);
    if (rc != RC_OK)
        return rc;
    progress_start(&ex->progress, "exporting", strtoul(pg_table_get(t, 0, 0), NULL, 10));
    pg_table_free(t);
    while (rc == RC_OK && rows > 0 && !interrupt_requested()) {
        params[3] = pg_text(last);
        rc = pg_sync_query(ex->database, sql_page, params, CHOICE_PARAMS, &t, err);
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
        struct pg_param params[CHOICE_PARAMS];
        struct pg_table *t = NULL;
        char why[80];
        choose(ex, uids->items[i], params);
        rc = pg_sync_query(ex->database, sql_one, params, CHOICE_PARAMS, &t, err);
        snprintf(why, sizeof(why), "no %s%s %s has this UID", ex->is_current ? "current " : "",
                 ex->state, ex->format->is_authoring ? "protocol" : "object");
        if (rc == RC_OK && pg_table_rows(t) == 0)
            report_failure(ex, uids->items[i], why);
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

/* ---- the command ---- */

/* CLI_GO or STATUS_USAGE. */
static int check_usage(struct export *ex, const struct cli *cli, const struct cli_list *uids,
                       bool is_json, const char *authoring)
{
    if (cli->arg_count != 1)
        return command_usage_error(ex->self, "name one folder to write to");
    for (unsigned i = 0; i < uids->count; i++) {
        if (!dcm_uid_is_valid(uids->items[i]))
            return command_usage_error(ex->self, "--uid: '%s' is no UID", uids->items[i]);
    }
    if (is_json && authoring)
        return command_usage_error(ex->self, "--json is DICOM JSON: either it or --authoring");
    if (authoring && strcmp(authoring, "json") != 0 && strcmp(authoring, "csv") != 0)
        return command_usage_error(ex->self, "--authoring: '%s' is neither json nor csv",
                                   authoring);
    ex->format = is_json                         ? &format_dicom_json
                 : !authoring                    ? &format_dicom
                 : strcmp(authoring, "csv") == 0 ? &format_authoring_csv
                                                 : &format_authoring_json;
    if (strcmp(ex->state, "draft") != 0 && strcmp(ex->state, "published") != 0 &&
        strcmp(ex->state, "retired") != 0)
        return command_usage_error(ex->self, "--state: '%s' is none of draft, published, retired",
                                   ex->state);
    if (strcmp(ex->state, "draft") == 0 && !ex->format->is_authoring)
        return command_usage_error(ex->self, "drafts have no encoded form; add --authoring");
    return CLI_GO;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct export ex = {.self = self, .state = "published"};
    struct cli_list uids = {0};
    const char *authoring = NULL;
    bool is_json = false;
    const struct cli_option options[] = {
        {"uid", 'u', CLI_LIST, &uids, "UID", "this object only; may be given again", 0, 0},
        {"current", 0, CLI_FLAG, &ex.is_current, NULL,
         "only what no published version has taken the place of", 0, 0},
        {"state", 0, CLI_TEXT, &ex.state, "STATE", "draft, published or retired (published)", 0, 0},
        {"json", 0, CLI_FLAG, &is_json, NULL, "write DICOM JSON instead of DICOM files", 0, 0},
        {"authoring", 0, CLI_TEXT, &authoring, "FORMAT",
         "write protocols as authoring files: json or csv", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 5};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO)
        status = check_usage(&ex, &cli, &uids, is_json, authoring);
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
    .summary = "write protocols and approvals as files",
    .usage = "DIR [--uid UID]... [--current] [--state STATE] [--json | --authoring FORMAT] "
             "[SETTING]...",
    .text =
        "Writes every published object, or those named, to DIR as UID.dcm (a DICOM file with the\n"
        "octets as stored), UID.json (DICOM JSON), UID.authoring.json or UID.csv (protocols as\n"
        "authoring files, which dppr import takes). The folder is made where it is missing. A "
        "file\n"
        "that is there with the same content is kept, so that an interrupted run goes on when the\n"
        "same command is given again; one with other content is never replaced: that object\n"
        "counts as failed.\n\n"
        "Examples:\n"
        "  dppr export backup/\n"
        "  dppr export out/ --uid 2.25.1234 --json\n"
        "  dppr export tables/ --current --authoring csv\n"
        "  dppr export drafts/ --state draft --authoring json",
    .has_settings = true,
    .run = run,
};
