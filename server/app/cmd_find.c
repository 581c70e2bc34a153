/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr find: query a peer (C-FIND) and show the matches as a table or as DICOM JSON.
 *
 * Matches are shown as they arrive (the table keeps a few hundred to find its widths), so a large result
 * takes no memory here. Ctrl-C sends C-CANCEL.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/charset.h"
#include "dcm/json.h"
#include "service/status.h"

enum { ARENA_BYTES = 64 << 20, CELL_WIDTH = 64 };

struct find {
    const struct command *self;
    const struct model *model;
    bool is_json, is_wide, wants_all, fuzzy_names, adjusted_times;
    struct keys keys;
    struct table *table;
    const char **cells;
    struct buf *texts; /* one a column */
    struct arena *scratch;
    unsigned long matches;
    bool optional_ignored;
    struct err err;
    enum rc rc;
};

static void print_match(struct find *f, struct dcm_item *item)
{
    if (f->is_json) {
        struct buf json = {0};
        bool is_lossy;
        f->rc = dcm_json_write(item, 0, &json, &is_lossy, &f->err);
        if (f->rc == RC_OK)
            printf("%s%s", f->matches > 1 ? ",\n" : "\n", buf_cstr(&json));
        buf_fini(&json);
        return;
    }
    for (unsigned i = 0; i < f->keys.count; i++) {
        show_path(&f->texts[i], item, &f->keys.paths[i]);
        f->cells[i] = buf_cstr(&f->texts[i]);
    }
    table_row(f->table, f->cells);
}

static bool on_match(const struct dimse_command *rsp, struct span identifier,
                     const struct dcm_ts *ts, void *arg)
{
    struct find *f = arg;
    struct dcm_limits limits = dcm_limits_default();
    struct dcm_item *item;
    bool is_lossy = false;

    arena_reset(f->scratch);
    f->optional_ignored |= rsp->status == STATUS_PENDING_OPTIONAL;
    f->rc = dcm_read(identifier, ts, &limits, f->scratch, &item, &f->err);
    if (f->rc == RC_OK)
        f->rc = dcm_tree_to_utf8(item, "ISO_IR 192", f->scratch, &is_lossy, &f->err);
    if (f->rc == RC_OK) {
        f->matches++;
        print_match(f, item);
    }
    return f->rc == RC_OK && !interrupt_requested() && !ferror(stdout); /* nobody reads: cancel */
}

static enum rc add_keys(struct find *f, const struct cli_list *texts, struct err *err)
{
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < texts->count && rc == RC_OK; i++)
        rc = keys_add(&f->keys, texts->items[i], err);
    /* Only values given: what comes back would be those alone, so the usual columns are asked for too. */
    bool has_return_key = false;
    for (unsigned i = 0; i < texts->count; i++)
        has_return_key |= !strchr(texts->items[i], '=');
    if (f->wants_all && rc == RC_OK)
        return keys_add_model(&f->keys, f->model, err);
    const char *const *defaults = keys_default(f->model);
    for (unsigned i = 0; !has_return_key && defaults[i] && rc == RC_OK; i++)
        rc = keys_add(&f->keys, defaults[i], err);
    return rc;
}

static void open_output(struct find *f)
{
    const char **titles = xcalloc(f->keys.count + 1, sizeof(*titles));

    f->cells = xcalloc(f->keys.count + 1, sizeof(*f->cells));
    f->texts = xcalloc(f->keys.count + 1, sizeof(*f->texts));
    for (unsigned i = 0; i < f->keys.count; i++)
        titles[i] = f->keys.paths[i].title;
    if (f->is_json)
        putchar('[');
    else
        f->table = table_new(stdout, titles, f->keys.count, f->is_wide ? 0 : CELL_WIDTH);
    f->cells[f->keys.count] = (const char *)titles; /* freed with the cells */
}

static void close_output(struct find *f)
{
    if (f->is_json)
        puts("]");
    else if (f->matches > 0)
        table_end(f->table);
    else
        table_discard(f->table);
    for (unsigned i = 0; i < f->keys.count; i++)
        buf_fini(&f->texts[i]);
    free((void *)f->cells[f->keys.count]);
    free(f->texts);
    free(f->cells);
}

static enum rc query(struct find *f, const struct peer_args *peer, struct dimse_command *final,
                     struct err *err)
{
    const char *const classes[] = {f->model->find_uid, NULL};
    struct scu_options options = peer_scu_options(peer);
    struct scu_callbacks cb = {.on_pending = on_match, .arg = f};
    struct scu *scu = NULL;
    options.fuzzy_names = f->fuzzy_names;
    options.adjusted_times = f->adjusted_times;
    enum rc rc = scu_open(&options, classes, &scu, err);

    if (rc == RC_OK && !scu_has_extended(scu, f->model->find_uid))
        command_error(f->self, "note: the peer does not grant all of what was offered: %s%s%s",
                      f->fuzzy_names ? "--fuzzy-names" : "",
                      f->fuzzy_names && f->adjusted_times ? ", " : "",
                      f->adjusted_times ? "--adjust-times" : "");
    if (rc == RC_OK) {
        open_output(f);
        rc = scu_find(scu, f->model->find_uid, f->keys.identifier, &cb, final, err);
        close_output(f);
    }
    if (rc == RC_OK && f->rc != RC_OK) {
        rc = f->rc;
        err_set(err, rc, "match %lu cannot be read: %.200s", f->matches + 1, f->err.text);
    }
    scu_close(scu);
    return rc;
}

static int find(struct find *f, const struct peer_args *peer)
{
    struct dimse_command final = {0};
    struct buf text = {0};
    struct err err = {0};
    enum rc rc = query(f, peer, &final, &err);
    int status = STATUS_FAILED;

    if (rc != RC_OK) {
        command_error(f->self, "%s", err.text);
    } else if (final.status != STATUS_SUCCESS) {
        status_describe(&final, &text);
        command_error(f->self, "the peer ends with %s after %lu matches", buf_cstr(&text),
                      f->matches);
    } else {
        status = STATUS_DONE;
        fflush(stdout);
        if (!f->is_json)
            fprintf(stderr, "%lu match%s\n", f->matches, f->matches == 1 ? "" : "es");
        if (f->optional_ignored)
            command_error(f->self, "note: the peer did not match on every key (FF01)");
    }
    buf_fini(&text);
    return status;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct peer_args peer = PEER_ARGS_DEFAULT;
    struct find f = {.self = self};
    struct cli_list keys = {0};
    const char *model = MODEL_DEFAULT;
    const struct cli_option options[] = {
        PEER_OPTIONS(&peer),
        MODEL_OPTION(&model),
        {"key", 'k', CLI_LIST, &keys, "KEY[=VALUE]", "match KEY, or ask for it; may be given again",
         0, 0},
        {"all", 0, CLI_FLAG, &f.wants_all, NULL, "ask for every key of the information model", 0,
         0},
        {"fuzzy-names", 0, CLI_FLAG, &f.fuzzy_names, NULL,
         "offer fuzzy matching of person names: by sound, in any order", 0, 0},
        {"adjust-times", 0, CLI_FLAG, &f.adjusted_times, NULL,
         "offer time zone adjustment; the keys are in the zone of TimezoneOffsetFromUTC", 0, 0},
        {"json", 0, CLI_FLAG, &f.is_json, NULL, "print an array of DICOM JSON data sets", 0, 0},
        {"wide", 'w', CLI_FLAG, &f.is_wide, NULL, "do not cut long cells", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    struct arena *arena = arena_new(ARENA_BYTES);
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    f.scratch = arena_new(ARENA_BYTES);
    keys_init(&f.keys, arena);
    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'; keys are given with -k",
                                     cli.args[0]);
    if (status == CLI_GO &&
        (peer_prepare(&peer, &err) != RC_OK || keys_model(model, &f.model, &err) != RC_OK ||
         add_keys(&f, &keys, &err) != RC_OK))
        status = command_usage_error(self, "%s", err.text);
    if (status == CLI_GO)
        status = find(&f, &peer);
    keys_fini(&f.keys);
    arena_free(f.scratch);
    arena_free(arena);
    peer_finish(&peer);
    cli_fini(&cli);
    return status;
}

const struct command command_find = {
    .name = "find",
    .summary = "query a peer for protocols or approvals (C-FIND)",
    .usage = "[OPTION]... [-k KEY[=VALUE]]...",
    .text =
        "Queries the Defined Procedure Protocol model (PS3.4 Annex HH) or, with --model approval,\n"
        "the Protocol Approval model (Annex II). KEY is a DICOM keyword or\n"
        "tag (0018,1030); attributes inside a sequence follow it after a dot. A key with a value\n"
        "matches: * and ? are wild cards, dates and times may be ranges (20250101-20251231), UIDs\n"
        "may be lists separated by a backslash. A key without a value is a column asked for,\n"
        "any attribute that an object may have, at its top level or in the item of a sequence;\n"
        "where there is none, the usual ones are: UIDs, name, modality, model and date, of\n"
        "approvals subjects, assertions, asserters and dates.\n"
        "Fuzzy names and adjusted times are done where the peer grants them (PS3.4 K.5.1).\n"
        "Ctrl-C cancels the query at the peer.\n\n"
        "Examples:\n"
        "  dppr find\n"
        "  dppr find -k 'ProtocolName=*Head*' -k EquipmentModality=CT\n"
        "  dppr find -k ModelSpecificationSequence.Manufacturer=ACME -k SOPInstanceUID\n"
        "  dppr find -k 'InstanceCreationDate=20250101-' --all --json\n"
        "  dppr find --model approval -k "
        "ApprovalSubjectSequence.ReferencedSOPInstanceUID=2.25.1234\n"
        "  dppr find --adjust-times -k TimezoneOffsetFromUTC=+0200 -k "
        "InstanceCreationDate=20250101",
    .run = run,
};
