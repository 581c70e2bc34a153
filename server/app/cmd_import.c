/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr import: files and folders into the database, without a server.
 *
 * import_read.c takes files apart into documents, import_work.c writes each in a transaction of its own. One bad document
 * does not stop the rest, and what is there already with the same content is "same", so an interrupted run goes on
 * when the same command is given again.
 *
 * One lock guards counts, progress and standard error; it is held for moments beside what a document takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dcm/dict.h"
#include "import.h"

enum { MAX_JOBS = 64, DEFAULT_JOBS = 2 };

/* The first line behind the place, the others indented below it. */
static void print_reason(struct import *im, const char *place, const char *why)
{
    struct buf text = {0};

    for (const char *line = why; *line;) {
        size_t len = strcspn(line, "\n");
        buf_add_str(&text, line == why ? "" : "\n    ");
        show_text(&text, span_of(line, len));
        line += len + (line[len] == '\n');
    }
    progress_clear(&im->progress);
    command_error(im->self, "%s%s%s", place, *place ? ": " : "", buf_cstr(&text));
    buf_fini(&text);
}

static void add_failure(struct import *im, const char *path, unsigned number, unsigned long line,
                        const char *why)
{
    buf_add_str(&im->failures, im->failures.len ? ",\n{\"file\":" : "\n{\"file\":");
    show_json_string(&im->failures, path);
    if (number > 0)
        buf_printf(&im->failures, ",\"index\":%u", number - 1);
    if (line > 0)
        buf_printf(&im->failures, ",\"line\":%lu", line);
    buf_add_str(&im->failures, ",\"reason\":");
    show_json_string(&im->failures, why);
    buf_add_str(&im->failures, "}");
}

void import_failed(struct import *im, const char *path, unsigned number, unsigned long line,
                   const char *why)
{
    struct buf place = {0};

    buf_add_str(&place, path);
    if (number > 0)
        buf_printf(&place, "[%u]", number - 1);
    if (line > 0)
        buf_printf(&place, ":%lu", line);
    pthread_mutex_lock(&im->lock);
    im->failed++;
    print_reason(im, buf_cstr(&place), why);
    if (im->is_json)
        add_failure(im, path, number, line, why);
    pthread_mutex_unlock(&im->lock);
    buf_fini(&place);
}

void import_note(struct import *im, const char *path, const char *note)
{
    pthread_mutex_lock(&im->lock);
    progress_clear(&im->progress);
    command_error(im->self, "note: %s: %s", path, note);
    pthread_mutex_unlock(&im->lock);
}

void import_stop(struct import *im, const char *why)
{
    pthread_mutex_lock(&im->lock);
    if (!im->is_stopped)
        print_reason(im, "", why);
    im->is_stopped = true;
    pthread_mutex_unlock(&im->lock);
}

bool import_is_over(struct import *im)
{
    pthread_mutex_lock(&im->lock);
    bool is_stopped = im->is_stopped;
    pthread_mutex_unlock(&im->lock);
    return is_stopped || interrupt_requested();
}

void import_progress(struct import *im, size_t octets)
{
    pthread_mutex_lock(&im->lock);
    im->octets += octets;
    progress_step_items(&im->progress, im->octets, im->stored + im->same + im->failed);
    pthread_mutex_unlock(&im->lock);
}

static void on_path_error(const char *path, const char *why, void *arg)
{
    import_failed(arg, path, 0, 0, why);
}

static size_t octets_of(const struct file_list *list)
{
    size_t all = 0;
    struct stat st;

    for (unsigned i = 0; i < list->count; i++)
        all += stat(list->paths[i], &st) == 0 ? (size_t)st.st_size : 0;
    return all;
}

static void print_summary(struct import *im, const struct file_list *list, bool is_whole)
{
    if (!is_whole)
        command_error(im->self, "%s after %lu of %u files; the same command goes on from here",
                      im->is_stopped ? "stopped" : "interrupted", im->files, list->count);
    if (im->is_json)
        printf("{\"files\":%lu,\"stored\":%lu,\"same\":%lu,\"failed\":%lu,\"skipped\":%u,"
               "\"whole\":%s,\"failures\":[%s]}\n",
               im->files, im->stored, im->same, im->failed, list->skipped,
               is_whole ? "true" : "false", buf_cstr(&im->failures));
    else
        printf("%lu stored, %lu same, %lu failed\n", im->stored, im->same, im->failed);
}

static int import_all(struct import *im, const struct cli *cli)
{
    struct file_list list;
    struct err err = {0};
    struct workers *workers = NULL;
    bool is_whole = true;

    if (dcm_init(&err) != RC_OK || !(workers = workers_start(im, (unsigned)im->jobs, &err))) {
        command_error(im->self, "%s", err.text);
        return STATUS_FAILED;
    }
    interrupt_install();
    files_collect(&list, cli->args, cli->arg_count, on_path_error, im);
    progress_start(&im->progress, "importing", octets_of(&list));
    for (unsigned i = 0; i < list.count && is_whole; i++) {
        is_whole = import_read_file(im, workers, list.paths[i]);
        im->files += is_whole;
    }
    workers_finish(workers);
    progress_end(&im->progress);
    is_whole = is_whole && !import_is_over(im);
    print_summary(im, &list, is_whole);
    files_free(&list);
    return im->failed == 0 && is_whole ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct import im = {
        .self = self, .jobs = DEFAULT_JOBS, .wait_s = 30, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct cli_option options[] = {
        {"draft", 0, CLI_FLAG, &im.as_draft, NULL,
         "leave protocols of authoring files as drafts, unpublished", 0, 0},
        {"jobs", 'j', CLI_NUMBER, &im.jobs, "N", "connections to write with at a time (2)", 1,
         MAX_JOBS},
        {"wait", 0, CLI_NUMBER, &im.wait_s, "SECONDS",
         "how long to wait for a database that goes away (30)", 0, 86400},
        {"json", 0, CLI_FLAG, &im.is_json, NULL, "print the summary as JSON", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 4};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count == 0)
        status = command_usage_error(self, "name files or folders to import");
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        im.config = &cli.config;
        status = import_all(&im, &cli);
    }
    buf_fini(&im.failures);
    cli_fini(&cli);
    return status;
}

const struct command command_import = {
    .name = "import",
    .summary = "store files straight into the database",
    .usage = "[--draft] [--jobs N] [--wait SECONDS] [--json] PATH... [SETTING]...",
    .text =
        "Stores DICOM files (PS3.10) octet for octet, DICOM JSON files (one data set, or an array\n"
        "of them; UTF-8, stored in the character set the data set names), and authoring files:\n"
        "protocols in JSON (one document, or an array of them) or CSV, which are published, or\n"
        "left as drafts with --draft. Folders are read with all below them; hidden files,\n"
        "DICOMDIR, *.md and *.txt in them are passed over.\n"
        "A document that cannot be stored is named with its reason, and the rest goes on; the\n"
        "exit status is then 1. What is known with the same content counts as same, so a run that\n"
        "was interrupted goes on when the same command is given again.\n\n"
        "Examples:\n"
        "  dppr import library/\n"
        "  dppr import protocols.csv --draft\n"
        "  dppr import --json head.dcm thorax.json --database postgresql:///dppr",
    .has_settings = true,
    .run = run,
};
