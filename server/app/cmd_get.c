/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr get: retrieve instances (C-GET) into files.
 *
 * Each instance is written with the octets as they came, under its own SOP Instance UID, and answered
 * with success only when its file is in place. Instances nobody asked for are refused. Large selections go
 * in several requests on one association. The exit status says whether all that was asked for has come:
 * the standard counts an unknown UID neither as failed nor as done, so the status of the response cannot.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/part10.h"
#include "service/status.h"

enum { ARENA_BYTES = 8 << 20 };

struct get {
    const struct command *self;
    const char *output;
    const struct model *model;
    bool is_json;
    struct uid_list asked;
    bool *has_come; /* one per UID asked for */
    unsigned long received, there_already;
    struct progress progress;
};

static int compare_uids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The list is sorted: see select_uids. */
static long index_of(const struct uid_list *l, const char *uid)
{
    char key[65];

    snprintf(key, sizeof(key), "%s", uid);
    char(*hit)[65] =
        l->count ? bsearch(key, l->uids, l->count, sizeof(*l->uids), compare_uids) : NULL;
    return hit ? (long)(hit - l->uids) : -1;
}

static uint16_t on_store(const struct dimse_command *rq, struct span dataset,
                         const struct dcm_ts *ts, void *arg)
{
    struct get *g = arg;
    struct err err = {0};
    bool was_there = false;
    long i = index_of(&g->asked, rq->sop_instance);

    if (i < 0) {
        progress_clear(&g->progress);
        command_error(g->self, "refused an instance that was not asked for");
        return STATUS_STORE_CANNOT_UNDERSTAND;
    }
    enum rc rc = files_write_part10(g->output, rq->sop_class, rq->sop_instance, dataset, ts,
                                    &was_there, &err);
    if (rc != RC_OK) {
        progress_clear(&g->progress);
        command_error(g->self, "%s", err.text);
        return rc == RC_CONFLICT ? STATUS_STORE_CANNOT_UNDERSTAND : STATUS_OUT_OF_RESOURCES;
    }
    if (!g->has_come[i]) {
        g->has_come[i] = true;
        g->received++;
        g->there_already += was_there;
    }
    progress_step(&g->progress, g->received);
    return STATUS_SUCCESS;
}

static bool on_pending(const struct dimse_command *rsp, struct span identifier,
                       const struct dcm_ts *ts, void *arg)
{
    (void)rsp, (void)identifier, (void)ts, (void)arg;
    return !interrupt_requested();
}

/* One request; a final status other than success is told, and what has come counts all the same. */
static enum rc get_some(struct get *g, struct scu *scu, unsigned from, struct err *err)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct dcm_item *identifier = uid_list_identifier(&g->asked, from, UIDS_PER_REQUEST, arena);
    struct scu_callbacks cb = {.on_pending = on_pending, .on_store = on_store, .arg = g};
    struct dimse_command final = {0};
    struct buf text = {0};
    enum rc rc = identifier ? RC_OK : err_set(err, RC_NOMEM, "no memory for the request");

    if (rc == RC_OK)
        rc = scu_get(scu, g->model->get_uid, identifier, &cb, &final, NULL, err);
    if (rc == RC_OK && final.status == STATUS_CANCEL)
        rc = err_set(err, RC_CANCELED, "cancelled");
    if (rc == RC_OK && final.status != STATUS_SUCCESS) {
        status_describe(&final, &text);
        progress_clear(&g->progress);
        command_error(g->self, "the peer ends with %s", buf_cstr(&text));
        if (!status_is_warning(final.status))
            rc = err_set(err, RC_IO, "%u failed at the peer", final.failed);
    }
    buf_fini(&text);
    arena_free(arena);
    return rc;
}

static enum rc get_all(struct get *g, const struct peer_args *peer, struct err *err)
{
    const char *classes[4] = {g->model->get_uid};
    struct scu_options options = peer_scu_options(peer);
    struct scu *scu = NULL;
    enum rc rc;

    if (g->asked.count == 0)
        return RC_OK;
    for (unsigned i = 0; i < 2 && g->model->storage_classes[i]; i++)
        classes[1 + i] = g->model->storage_classes[i];
    options.as_storage_scp = true;
    rc = files_make_dir(g->output, err);
    if (rc == RC_OK)
        rc = scu_open(&options, classes, &scu, err);
    progress_start(&g->progress, "receiving", g->asked.count);
    for (unsigned i = 0; i < g->asked.count && rc == RC_OK; i += UIDS_PER_REQUEST) {
        if (interrupt_requested())
            rc = err_set(err, RC_CANCELED, "cancelled");
        else
            rc = get_some(g, scu, i, err);
    }
    progress_end(&g->progress);
    scu_close(scu);
    return rc;
}

static void print_summary(const struct get *g)
{
    const char *separator = "";

    if (!g->is_json) {
        printf("%lu of %u received", g->received, g->asked.count);
        printf(g->there_already ? ", %lu of them there already\n" : "\n", g->there_already);
        return;
    }
    printf("{\"asked\":%u,\"received\":%lu,\"missing\":[", g->asked.count, g->received);
    for (unsigned i = 0; i < g->asked.count; i++) {
        if (!g->has_come[i]) {
            printf("%s\"%s\"", separator, g->asked.uids[i]);
            separator = ",";
        }
    }
    puts("]}");
}

static int get(struct get *g, const struct peer_args *peer, const struct cli *cli,
               const struct cli_list *keys)
{
    struct err err = {0};
    enum rc rc = select_uids(peer, g->model, cli, keys, &g->asked, &err);

    if (rc == RC_INVALID)
        return command_usage_error(g->self, "%s", err.text);
    g->has_come = xcalloc(g->asked.count + 1, sizeof(*g->has_come));
    if (rc == RC_OK)
        rc = get_all(g, peer, &err);
    if (rc != RC_OK)
        command_error(g->self, "%s", err.text);
    print_summary(g);
    unsigned long missing = g->asked.count - g->received;
    if (rc == RC_OK && missing > 0)
        command_error(g->self,
                      "%lu of %u did not come: unknown to the peer, not for us, or refused",
                      missing, g->asked.count);
    free(g->has_come);
    uid_list_free(&g->asked);
    return rc == RC_OK && missing == 0 ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct peer_args peer = PEER_ARGS_DEFAULT;
    struct get g = {.self = self, .output = "."};
    struct cli_list keys = {0};
    const char *model = MODEL_DEFAULT;
    const struct cli_option options[] = {
        PEER_OPTIONS(&peer),
        MODEL_OPTION(&model),
        {"key", 'k', CLI_LIST, &keys, "KEY=VALUE", "get what a query with this key finds", 0, 0},
        {"output", 'o', CLI_TEXT, &g.output, "DIR", "where the files go (.)", 0, 0},
        {"json", 0, CLI_FLAG, &g.is_json, NULL, "print the summary as JSON", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count == 0 && keys.count == 0)
        status = command_usage_error(self, "name UIDs, or keys with -k");
    if (status == CLI_GO &&
        (peer_prepare(&peer, &err) != RC_OK || keys_model(model, &g.model, &err) != RC_OK))
        status = command_usage_error(self, "%s", err.text);
    if (status == CLI_GO)
        status = get(&g, &peer, &cli, &keys);
    peer_finish(&peer);
    cli_fini(&cli);
    return status;
}

const struct command command_get = {
    .name = "get",
    .summary = "retrieve protocols or approvals from a peer into files (C-GET)",
    .usage = "[OPTION]... (UID... | -k KEY=VALUE...)",
    .text =
        "Retrieves the named instances, or those a query finds (keys as in dppr find), and writes\n"
        "each as DIR/UID.dcm with the octets as received. A file that is there with the same\n"
        "content is kept, one with other content is never replaced. The exit status is 1 when\n"
        "fewer come than were asked for.\n\n"
        "Examples:\n"
        "  dppr get 2.25.1234 --output protocols/\n"
        "  dppr get -k 'ProtocolName=*Head*' -o heads/\n"
        "  dppr get --model approval 2.25.5678",
    .run = run,
};
