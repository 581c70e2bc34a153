/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr import: files and folders into the database, without a server.
 *
 * A Part 10 file's data set is stored octet for octet; DICOM JSON is encoded first (jsonset.c). Each data
 * set is one call of dpp.ingest in a transaction of its own, so what is reported as stored is stored, and
 * one bad file does not stop the rest. A connection that breaks is made again and the call repeated: the
 * same content a second time is "same", so nothing is stored twice.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "catalog/ingest.h"
#include "dcm/dict.h"
#include "dcm/part10.h"

enum { FILE_SLACK_BYTES = 1 << 20, ATTEMPTS = 3 };

struct import {
    const struct command *self;
    const struct config *config;
    struct pg_sync *database;
    struct progress progress;
    bool is_json;
    unsigned long stored, same, failed, files;
    struct buf failures; /* JSON members of "failures" */
};

static void report_failure(struct import *im, const char *path, unsigned number, const char *why)
{
    char place[32] = "";

    im->failed++;
    if (number > 0)
        snprintf(place, sizeof(place), "[%u]", number - 1);
    progress_clear(&im->progress);
    command_error(im->self, "%s%s: %s", path, place, why);
    if (!im->is_json)
        return;
    buf_add_str(&im->failures, im->failures.len ? ",{\"file\":" : "{\"file\":");
    show_json_string(&im->failures, path);
    if (number > 0)
        buf_printf(&im->failures, ",\"index\":%u", number - 1);
    buf_add_str(&im->failures, ",\"reason\":");
    show_json_string(&im->failures, why);
    buf_add_str(&im->failures, "}");
}

static void on_path_error(const char *path, const char *why, void *arg)
{
    report_failure(arg, path, 0, why);
}

static enum rc ingest_once(struct import *im, const struct ingest_prepared *p,
                           enum ingest_outcome *outcome, struct err *err)
{
    struct pg_param params[INGEST_PARAMS];
    struct pg_table *t = NULL;
    unsigned count = ingest_params(p, params);
    enum rc rc = RC_OK;

    if (!im->database)
        rc = database_open(im->config->database, &im->database, err);
    if (rc == RC_OK)
        rc = pg_sync_query(im->database, ingest_sql(p), params, count, &t, err);
    if (rc == RC_OK && (pg_table_rows(t) != 1 || !pg_table_get(t, 0, 0)))
        rc = err_set(err, RC_INTERNAL, "dpp.ingest gave no outcome");
    if (rc == RC_OK)
        rc = ingest_outcome_of(span_of(pg_table_get(t, 0, 0), pg_table_len(t, 0, 0)), outcome);
    pg_table_free(t);
    return rc;
}

static enum rc ingest(struct import *im, const struct ingest_prepared *p,
                      enum ingest_outcome *outcome, struct err *err)
{
    enum rc rc = RC_OK;

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        rc = ingest_once(im, p, outcome, err);
        if (rc != RC_IO)
            return rc;
        pg_sync_free(im->database); /* lost; the next attempt connects again */
        im->database = NULL;
    }
    return rc;
}

static const char *refusal(enum ingest_outcome outcome)
{
    switch (outcome) {
    case INGEST_DIFFERENT:
        return "its SOP Instance UID is known with other content; a change needs a new UID";
    case INGEST_DRAFT:
        return "its SOP Instance UID is known as a draft";
    case INGEST_RETIRED:
        return "its SOP Instance UID is known and retired";
    case INGEST_PURGED:
        return "its SOP Instance UID has been purged";
    default:
        return NULL;
    }
}

/* One data set. number: from 1 in a JSON array, 0 for a file with one. */
static void import_dataset(struct import *im, const char *path, unsigned number, struct span octets,
                           const struct dcm_ts *ts)
{
    struct ingest_input input = {.octets = octets, .ts = ts, .source = "import"};
    struct ingest_prepared *p = NULL;
    enum ingest_outcome outcome = INGEST_STORED;
    struct err err = {0};
    enum rc rc = ingest_prepare(&input, &im->config->service.dataset_limits, &p, &err);

    if (rc == RC_OK)
        rc = ingest(im, p, &outcome, &err);
    if (rc != RC_OK)
        report_failure(im, path, number, err.text[0] ? err.text : rc_name(rc));
    else if (outcome == INGEST_STORED)
        im->stored++;
    else if (outcome == INGEST_SAME)
        im->same++;
    else
        report_failure(im, path, number, refusal(outcome));
    ingest_prepared_free(p);
}

static void import_json(struct import *im, const char *path, struct span text)
{
    struct buf octets = {0};
    struct span object;
    struct err err = {0};
    size_t pos = 0;
    unsigned count = 0;
    bool is_array = jsonset_is_array(text);
    enum rc rc;

    while ((rc = jsonset_next(text, &pos, &object, &err)) == RC_OK) {
        unsigned number = is_array ? ++count : 0;
        char note[256];
        struct err why = {0};
        buf_clear(&octets);
        rc = jsonset_encode(object, &im->config->service.dataset_limits, &octets, note, &why);
        if (rc != RC_OK) {
            report_failure(im, path, number, why.text);
            continue;
        }
        if (note[0]) {
            progress_clear(&im->progress);
            command_error(im->self, "note: %s: %s", path, note);
        }
        import_dataset(im, path, number, buf_span(&octets), dcm_ts_find(UID_EXPLICIT_LE));
    }
    if (rc != RC_NOTFOUND)
        report_failure(im, path, 0, err.text);
    buf_fini(&octets);
}

static void import_file(struct import *im, const char *path)
{
    struct buf file = {0};
    struct part10 part;
    struct err err = {0};
    size_t limit = im->config->service.dataset_limits.max_bytes;
    enum rc rc;

    /* JSON takes more room than the data set it says: four characters for three octets, and names. */
    rc = files_read(path, limit * 2 + FILE_SLACK_BYTES, &file, &err);
    if (rc == RC_OK && jsonset_is_json(buf_span(&file))) {
        import_json(im, path, buf_span(&file));
        buf_fini(&file);
        return;
    }
    if (rc == RC_OK)
        rc = part10_read(buf_span(&file), &part, &err);
    if (rc == RC_OK)
        import_dataset(im, path, 0, part.dataset, part.ts);
    else
        report_failure(im, path, 0, err.text);
    buf_fini(&file);
}

static void print_summary(struct import *im, unsigned skipped)
{
    if (im->is_json)
        printf("{\"files\":%lu,\"stored\":%lu,\"same\":%lu,\"failed\":%lu,\"skipped\":%u,"
               "\"failures\":[%s]}\n",
               im->files, im->stored, im->same, im->failed, skipped, buf_cstr(&im->failures));
    else
        printf("%lu stored, %lu same, %lu failed\n", im->stored, im->same, im->failed);
}

static int import_all(struct import *im, const struct cli *cli)
{
    struct file_list list;
    struct err err = {0};

    if (dcm_init(&err) != RC_OK ||
        database_open(im->config->database, &im->database, &err) != RC_OK) {
        command_error(im->self, "%s", err.text);
        return STATUS_FAILED;
    }
    files_collect(&list, cli->args, cli->arg_count, on_path_error, im);
    interrupt_install();
    progress_start(&im->progress, "importing", list.count);
    for (unsigned i = 0; i < list.count && !interrupt_requested(); i++) {
        import_file(im, list.paths[i]);
        im->files++;
        progress_step(&im->progress, i + 1);
    }
    progress_end(&im->progress);
    bool is_whole = im->files == list.count;
    if (!is_whole)
        command_error(im->self, "interrupted after %lu of %u files", im->files, list.count);
    print_summary(im, list.skipped);
    files_free(&list);
    return im->failed == 0 && is_whole ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct import im = {.self = self};
    const struct cli_option options[] = {
        {"json", 0, CLI_FLAG, &im.is_json, NULL, "print the summary as JSON", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 1};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count == 0)
        status = command_usage_error(self, "name files or folders to import");
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        im.config = &cli.config;
        status = import_all(&im, &cli);
    }
    pg_sync_free(im.database);
    buf_fini(&im.failures);
    cli_fini(&cli);
    return status;
}

const struct command command_import = {
    .name = "import",
    .summary = "store files straight into the database",
    .usage = "[--json] PATH... [SETTING]...",
    .text =
        "Stores DICOM files (PS3.10) octet for octet, and DICOM JSON files (one data set, or an\n"
        "array of them; UTF-8, stored in the character set the data set names). Folders are read\n"
        "with all below them; hidden files, DICOMDIR, *.md and *.txt in them are passed over.\n"
        "A file that cannot be stored is named with its reason, and the rest goes on; the exit\n"
        "status is then 1. What is known with the same content counts as same.\n\n"
        "Examples:\n"
        "  dppr import library/\n"
        "  dppr import --json head.dcm thorax.json --database postgresql:///dppr",
    .has_settings = true,
    .run = run,
};
