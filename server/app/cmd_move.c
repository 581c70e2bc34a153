/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr move: have a peer send instances to another AE (C-MOVE).
 *
 * As with get, success is judged by the counts: an unknown UID makes no sub-operation, so only
 * "completed + warning = asked" means that everything has arrived.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "service/status.h"

enum { ARENA_BYTES = 8 << 20 };

struct move {
    const struct command *self;
    const char *to;
    const struct model *model;
    bool is_json;
    struct uid_list asked;
    unsigned long completed, warned, failed; /* of requests that have ended */
    struct buf failed_uids;                  /* JSON strings */
    struct progress progress;
};

static bool on_pending(const struct dimse_command *rsp, struct span identifier,
                       const struct dcm_ts *ts, void *arg)
{
    struct move *m = arg;

    (void)identifier, (void)ts;
    if (rsp->has & CMD_HAS_COUNTS)
        progress_step(&m->progress, m->completed + m->warned + m->failed + rsp->completed +
                                        rsp->warning + rsp->failed);
    return !interrupt_requested();
}

/* (0008,0058) of the last response. It comes in Explicit or Implicit VR; UIDs and backslashes are what
 * can be taken from it either way, so anything else ends a UID. */
static void note_failed(struct move *m, struct span list)
{
    char uid[65];
    size_t n = 0;

    for (size_t i = 0; i <= list.len; i++) {
        char c = i < list.len ? (char)list.data[i] : '\0';
        if (((c >= '0' && c <= '9') || c == '.') && n < 64) {
            uid[n++] = c;
            continue;
        }
        uid[n] = '\0';
        for (unsigned k = 0; n > 2 && k < m->asked.count; k++) {
            if (strcmp(m->asked.uids[k], uid) == 0)
                buf_printf(&m->failed_uids, "%s\"%s\"", m->failed_uids.len ? "," : "", uid);
        }
        n = 0;
    }
}

static enum rc move_some(struct move *m, struct scu *scu, unsigned from, struct err *err)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct dcm_item *identifier = uid_list_identifier(&m->asked, from, UIDS_PER_REQUEST, arena);
    struct scu_callbacks cb = {.on_pending = on_pending, .arg = m};
    struct dimse_command final = {0};
    struct buf text = {0}, failed_list = {0};
    enum rc rc = identifier ? RC_OK : err_set(err, RC_NOMEM, "no memory for the request");

    if (rc == RC_OK)
        rc = scu_move(scu, m->model->move_uid, m->to, identifier, &cb, &final, &failed_list, err);
    if (rc == RC_OK && final.has & CMD_HAS_COUNTS) {
        m->completed += final.completed;
        m->warned += final.warning;
        m->failed += final.failed;
    }
    note_failed(m, buf_span(&failed_list));
    if (rc == RC_OK && final.status == STATUS_CANCEL)
        rc = err_set(err, RC_CANCELED, "cancelled");
    if (rc == RC_OK && final.status != STATUS_SUCCESS) {
        status_describe(&final, &text);
        if (status_is_warning(final.status)) {
            progress_clear(&m->progress);
            command_error(m->self, "the peer ends with %s", buf_cstr(&text));
        } else {
            rc = err_set(err, RC_IO, "cannot move to %s: the peer ends with %.180s", m->to,
                         buf_cstr(&text));
        }
    }
    buf_fini(&text);
    buf_fini(&failed_list);
    arena_free(arena);
    return rc;
}

static enum rc move_all(struct move *m, const struct peer_args *peer, struct err *err)
{
    const char *const classes[] = {m->model->move_uid, NULL};
    struct scu_options options = peer_scu_options(peer);
    struct scu *scu = NULL;
    enum rc rc;

    if (m->asked.count == 0)
        return RC_OK;
    rc = scu_open(&options, classes, &scu, err);
    progress_start(&m->progress, "moving", m->asked.count);
    for (unsigned i = 0; i < m->asked.count && rc == RC_OK; i += UIDS_PER_REQUEST) {
        if (interrupt_requested())
            rc = err_set(err, RC_CANCELED, "cancelled");
        else
            rc = move_some(m, scu, i, err);
    }
    progress_end(&m->progress);
    scu_close(scu);
    return rc;
}

static int move(struct move *m, const struct peer_args *peer, const struct cli *cli,
                const struct cli_list *keys)
{
    struct err err = {0};
    enum rc rc = select_uids(peer, m->model, cli, keys, &m->asked, &err);

    if (rc == RC_INVALID)
        return command_usage_error(m->self, "%s", err.text);
    if (rc == RC_OK)
        rc = move_all(m, peer, &err);
    if (rc != RC_OK)
        command_error(m->self, "%s", err.text);
    unsigned long arrived = m->completed + m->warned;
    if (m->is_json)
        printf("{\"asked\":%u,\"completed\":%lu,\"warning\":%lu,\"failed\":%lu,\"failed_uids\":[%s]"
               "}\n",
               m->asked.count, m->completed, m->warned, m->failed, buf_cstr(&m->failed_uids));
    else
        printf("%lu of %u moved to %s%s\n", arrived, m->asked.count, m->to,
               m->warned ? " (some with warnings)" : "");
    if (rc == RC_OK && arrived < m->asked.count)
        command_error(m->self, "%lu of %u did not arrive: unknown to the peer, hidden, or failed",
                      m->asked.count - arrived, m->asked.count);
    bool is_whole = rc == RC_OK && arrived >= m->asked.count;
    uid_list_free(&m->asked);
    buf_fini(&m->failed_uids);
    return is_whole ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct peer_args peer = PEER_ARGS_DEFAULT;
    struct move m = {.self = self};
    struct cli_list keys = {0};
    const char *model = MODEL_DEFAULT;
    const struct cli_option options[] = {
        PEER_OPTIONS(&peer),
        MODEL_OPTION(&model),
        {"to", 0, CLI_TEXT, &m.to, "TITLE", "AE title of the destination, as the peer knows it", 0,
         0},
        {"key", 'k', CLI_LIST, &keys, "KEY=VALUE", "move what a query with this key finds", 0, 0},
        {"json", 0, CLI_FLAG, &m.is_json, NULL, "print the summary as JSON", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && !m.to)
        status = command_usage_error(self, "name the destination with --to TITLE");
    if (status == CLI_GO && !aet_is_valid(m.to))
        status = command_usage_error(self, "--to: '%s' is no AE title", m.to);
    if (status == CLI_GO && cli.arg_count == 0 && keys.count == 0)
        status = command_usage_error(self, "name UIDs, or keys with -k");
    if (status == CLI_GO &&
        (peer_prepare(&peer, &err) != RC_OK || keys_model(model, &m.model, &err) != RC_OK))
        status = command_usage_error(self, "%s", err.text);
    if (status == CLI_GO)
        status = move(&m, &peer, &cli, &keys);
    peer_finish(&peer);
    cli_fini(&cli);
    return status;
}

const struct command command_move = {
    .name = "move",
    .summary = "have a peer send protocols or approvals to another AE (C-MOVE)",
    .usage = "[OPTION]... --to TITLE (UID... | -k KEY=VALUE...)",
    .text =
        "Asks the peer to send the named instances, or those a query finds (keys as in dppr "
        "find),\n"
        "to the AE TITLE, which the peer must know (dppr: a row of dpp.application_entities, see\n"
        "dppr ae). The exit status is 1 when fewer arrive than were asked for.\n\n"
        "Examples:\n"
        "  dppr move --to CT1 2.25.1234 2.25.5678\n"
        "  dppr move --to CT1 -k 'ProtocolName=*Head*'\n"
        "  dppr move --to CT1 --model approval 2.25.5678",
    .run = run,
};
