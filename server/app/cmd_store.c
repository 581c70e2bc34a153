/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr store: send DICOM files to a peer (C-STORE).
 *
 * Two passes: the first reads what the files are, so that exactly their SOP classes and transfer syntaxes
 * are proposed; the second sends each data set's octets unchanged in its own transfer syntax. One file is
 * in memory at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/part10.h"
#include "service/status.h"

enum { MAX_FILE_BYTES = 1 << 30, MAX_CLASSES = 128, MAX_SYNTAXES = 8, MAX_CONTEXTS = 128 };

struct store {
    const struct command *self;
    struct progress progress;
    bool is_json;
    unsigned long sent, warned, failed;
    char *classes[MAX_CLASSES + 1];
    unsigned class_count;
    const char *syntaxes[MAX_SYNTAXES + 1]; /* of dcm_ts: static */
    unsigned syntax_count;
    struct buf failures;
};

static void report_failure(struct store *st, const char *path, const char *why)
{
    st->failed++;
    progress_clear(&st->progress);
    command_error(st->self, "%s: %s", path, why);
    buf_add_str(&st->failures, st->failures.len ? ",{\"file\":" : "{\"file\":");
    show_json_string(&st->failures, path);
    buf_add_str(&st->failures, ",\"reason\":");
    show_json_string(&st->failures, why);
    buf_add_str(&st->failures, "}");
}

static void on_path_error(const char *path, const char *why, void *arg)
{
    report_failure(arg, path, why);
}

static enum rc read_file(const char *path, struct buf *file, struct part10 *part, struct err *err)
{
    enum rc rc = files_read(path, MAX_FILE_BYTES, file, err);

    if (rc == RC_OK && jsonset_is_json(buf_span(file)))
        return err_set(err, RC_INVALID, "a DICOM JSON file; dppr import takes those");
    if (rc == RC_OK)
        rc = part10_read(buf_span(file), part, err);
    if (rc == RC_OK &&
        (!dcm_uid_is_valid(part->sop_class) || !dcm_uid_is_valid(part->sop_instance)))
        rc = err_set(err, RC_INVALID, "SOP Class UID or SOP Instance UID is missing or none");
    return rc;
}

static bool note_class(struct store *st, const char *uid)
{
    for (unsigned i = 0; i < st->class_count; i++) {
        if (strcmp(st->classes[i], uid) == 0)
            return true;
    }
    if (st->class_count == MAX_CLASSES)
        return false;
    st->classes[st->class_count++] = xstrdup(uid);
    return true;
}

static bool note_syntax(struct store *st, const struct dcm_ts *ts)
{
    for (unsigned i = 0; i < st->syntax_count; i++) {
        if (strcmp(st->syntaxes[i], ts->uid) == 0)
            return true;
    }
    if (st->syntax_count == MAX_SYNTAXES)
        return false;
    st->syntaxes[st->syntax_count++] = ts->uid;
    return true;
}

/* What cannot be read is reported now and left out of the second pass. */
static enum rc survey(struct store *st, struct file_list *list, struct err *err)
{
    struct buf file = {0};
    struct part10 part;
    unsigned kept = 0;
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < list->count; i++) {
        struct err why = {0};
        bool is_good = read_file(list->paths[i], &file, &part, &why) == RC_OK;
        if (!is_good)
            report_failure(st, list->paths[i], why.text);
        if (is_good && (!note_class(st, part.sop_class) || !note_syntax(st, part.ts) ||
                        st->class_count * st->syntax_count > MAX_CONTEXTS))
            rc = RC_LIMIT;
        char *path = list->paths[i];
        list->paths[i] = NULL;
        if (is_good)
            list->paths[kept++] = path;
        else
            free(path);
    }
    buf_fini(&file);
    list->count = kept;
    if (rc != RC_OK)
        return err_set(err, rc,
                       "the files need more than %d presentation contexts (PS3.8 9.3.2.2); "
                       "send them in groups",
                       MAX_CONTEXTS);
    return RC_OK;
}

/* RC_OK: the association goes on, whatever became of this file. */
static enum rc send_file(struct store *st, struct scu *scu, const char *path, struct err *err)
{
    struct buf file = {0}, text = {0};
    struct part10 part;
    struct dimse_command rsp = {0};
    struct err why = {0};
    enum rc rc = read_file(path, &file, &part, &why);

    if (rc != RC_OK) {
        report_failure(st, path, why.text);
        rc = RC_OK;
    } else if (!scu_accepts(scu, part.sop_class, part.ts->uid)) {
        buf_printf(&text, "the peer does not take %s in %s", dcm_uid_name(part.sop_class),
                   part.ts->name);
        report_failure(st, path, buf_cstr(&text));
    } else {
        rc = scu_store(scu, part.sop_class, part.sop_instance, part.dataset, part.ts, &rsp, err);
        if (rc == RC_OK && rsp.status != STATUS_SUCCESS) {
            status_describe(&rsp, &text);
            if (status_is_warning(rsp.status)) {
                st->warned++;
                progress_clear(&st->progress);
                command_error(st->self, "%s: warning: %s", path, buf_cstr(&text));
            } else {
                report_failure(st, path, buf_cstr(&text));
            }
        } else if (rc == RC_OK) {
            st->sent++;
        }
    }
    buf_fini(&text);
    buf_fini(&file);
    return rc;
}

static enum rc store_files(struct store *st, const struct peer_args *peer, struct file_list *list,
                           struct err *err)
{
    struct scu_options options = peer_scu_options(peer);
    struct scu *scu = NULL;
    enum rc rc = survey(st, list, err);

    if (rc != RC_OK || list->count == 0)
        return rc;
    options.transfer_syntaxes = st->syntaxes;
    rc = scu_open(&options, (const char *const *)st->classes, &scu, err);
    progress_start(&st->progress, "sending", list->count);
    for (unsigned i = 0; i < list->count && rc == RC_OK; i++) {
        if (interrupt_requested())
            rc = err_set(err, RC_CANCELED, "interrupted after %u of %u files", i, list->count);
        else
            rc = send_file(st, scu, list->paths[i], err);
        progress_step(&st->progress, i + 1);
    }
    progress_end(&st->progress);
    scu_close(scu);
    return rc;
}

static int store(struct store *st, struct peer_args *peer, const struct cli *cli)
{
    struct file_list list = {0};
    struct err err = {0};
    enum rc rc = peer_prepare(peer, &err);

    if (rc == RC_OK) {
        files_collect(&list, cli->args, cli->arg_count, on_path_error, st);
        rc = store_files(st, peer, &list, &err);
    }
    if (rc != RC_OK)
        command_error(st->self, "%s", err.text);
    unsigned long reached = st->sent + st->warned;
    if (st->is_json)
        printf("{\"stored\":%lu,\"warned\":%lu,\"failed\":%lu,\"failures\":[%s]}\n", st->sent,
               st->warned, st->failed, buf_cstr(&st->failures));
    else
        printf("%lu stored%s, %lu failed\n", reached, st->warned ? " (some with warnings)" : "",
               st->failed);
    files_free(&list);
    return rc == RC_OK && st->failed == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct peer_args peer = PEER_ARGS_DEFAULT;
    struct store st = {.self = self};
    const struct cli_option options[] = {
        PEER_OPTIONS(&peer),
        {"json", 0, CLI_FLAG, &st.is_json, NULL, "print the summary as JSON", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count == 0)
        status = command_usage_error(self, "name files or folders to send");
    if (status == CLI_GO)
        status = store(&st, &peer, &cli);
    for (unsigned i = 0; i < st.class_count; i++)
        free(st.classes[i]);
    buf_fini(&st.failures);
    peer_finish(&peer);
    cli_fini(&cli);
    return status;
}

const struct command command_store = {
    .name = "store",
    .summary = "send DICOM files to a peer (C-STORE)",
    .usage = "[OPTION]... PATH...",
    .text =
        "Sends DICOM files, and all in folders, over one association. The files' own transfer\n"
        "syntaxes are proposed and the octets sent as they are. A file that is refused is named\n"
        "with the peer's status; the exit status is then 1.\n\n"
        "Examples:\n"
        "  dppr store head.dcm\n"
        "  dppr store --host 192.0.2.7 --port 104 --aec CT1 library/",
    .run = run,
};
