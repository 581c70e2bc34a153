/* SPDX-License-Identifier: Apache-2.0
 *
 * Which instances `dppr get` and `dppr move` mean: UIDs as named, and what a C-FIND with -k finds. UIDs
 * are kept once each (the list is sorted). Requests carry at most UIDS_PER_REQUEST, as a UI value holds 65,534 octets.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "service/status.h"

enum { IDENTIFIER_BYTES = 4 << 20, MAX_UIDS = 1 << 22 };

static enum rc append(struct uid_list *l, const char *uid, struct err *err)
{
    if (!dcm_uid_is_valid(uid))
        return err_set(err, RC_INVALID, "'%.64s' is no UID", uid);
    if (l->count == MAX_UIDS)
        return err_set(err, RC_LIMIT, "more than %d instances", MAX_UIDS);
    if (l->count == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 64;
        void *more = realloc(l->uids, cap * sizeof(*l->uids));
        if (!more)
            return err_set(err, RC_NOMEM, "no memory for %u UIDs", cap);
        l->uids = more;
        l->cap = cap;
    }
    strcpy(l->uids[l->count++], uid);
    return RC_OK;
}

static int compare_uids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void drop_duplicates(struct uid_list *l)
{
    unsigned kept = 0;

    if (l->count > 0)
        qsort(l->uids, l->count, sizeof(*l->uids), compare_uids);
    for (unsigned i = 0; i < l->count; i++) {
        if (kept == 0 || strcmp(l->uids[kept - 1], l->uids[i]) != 0)
            memmove(l->uids[kept++], l->uids[i], sizeof(*l->uids));
    }
    l->count = kept;
}

void uid_list_free(struct uid_list *l)
{
    free(l->uids);
    memset(l, 0, sizeof(*l));
}

struct dcm_item *uid_list_identifier(const struct uid_list *l, unsigned from, unsigned n,
                                     struct arena *arena)
{
    struct buf value = {0};
    struct dcm_item *item = dcm_item_new(arena);

    for (unsigned i = from; i < from + n && i < l->count; i++)
        buf_printf(&value, "%s%s", i > from ? "\\" : "", l->uids[i]);
    if (item && !dcm_put_text(arena, item, TAG_SOPInstanceUID, "UI", buf_cstr(&value)))
        item = NULL;
    buf_fini(&value);
    return item;
}

struct finding {
    struct uid_list *list;
    struct err err;
    enum rc rc;
};

static bool on_match(const struct dimse_command *rsp, struct span identifier,
                     const struct dcm_ts *ts, void *arg)
{
    struct finding *f = arg;
    struct arena *arena = arena_new(IDENTIFIER_BYTES);
    struct dcm_limits limits = dcm_limits_default();
    struct dcm_item *item;
    char uid[80];

    (void)rsp;
    f->rc = dcm_read(identifier, ts, &limits, arena, &item, &f->err);
    if (f->rc == RC_OK) {
        dcm_first_text(item, TAG_SOPInstanceUID, uid, sizeof(uid));
        f->rc = append(f->list, uid, &f->err);
    }
    arena_free(arena);
    return f->rc == RC_OK && !interrupt_requested();
}

static enum rc find_uids(const struct peer_args *peer, const struct model *model,
                         const struct cli_list *texts, struct uid_list *out, struct err *err)
{
    const char *const classes[] = {model->find_uid, NULL};
    struct scu_options options = peer_scu_options(peer);
    struct arena *arena = arena_new(IDENTIFIER_BYTES);
    struct finding f = {.list = out};
    struct scu_callbacks cb = {.on_pending = on_match, .arg = &f};
    struct dimse_command final = {0};
    struct scu *scu = NULL;
    struct keys keys;
    enum rc rc = RC_OK;

    keys_init(&keys, arena);
    for (unsigned i = 0; i < texts->count && rc == RC_OK; i++)
        rc = keys_add(&keys, texts->items[i], err);
    if (rc == RC_OK)
        rc = keys_add(&keys, "SOPInstanceUID", err);
    if (rc == RC_OK)
        rc = scu_open(&options, classes, &scu, err);
    if (rc == RC_OK)
        rc = scu_find(scu, model->find_uid, keys.identifier, &cb, &final, err);
    if (rc == RC_OK && f.rc != RC_OK) /* the peer's fault, not the caller's: never RC_INVALID */
        rc = err_set(err, RC_IO, "a match cannot be used: %.200s", f.err.text);
    if (rc == RC_OK && final.status != STATUS_SUCCESS) {
        struct buf text = {0};
        status_describe(&final, &text);
        rc = err_set(err, final.status == STATUS_CANCEL ? RC_CANCELED : RC_IO,
                     "the query ended with %s", buf_cstr(&text));
        buf_fini(&text);
    }
    scu_close(scu);
    keys_fini(&keys);
    arena_free(arena);
    return rc;
}

enum rc select_uids(const struct peer_args *peer, const struct model *model, const struct cli *cli,
                    const struct cli_list *keys, struct uid_list *out, struct err *err)
{
    enum rc rc = RC_OK;

    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < cli->arg_count && rc == RC_OK; i++)
        rc = append(out, cli->args[i], err);
    if (rc == RC_OK && keys->count > 0)
        rc = find_uids(peer, model, keys, out, err);
    if (rc != RC_OK) {
        uid_list_free(out);
        return rc;
    }
    drop_duplicates(out);
    return RC_OK;
}
