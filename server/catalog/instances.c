/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids first, octets later.
 *
 * instances_find is one statement and keeps 248 octets per instance that is there, whatever was asked for; how
 * many UIDs a request has is the peer's choice, so want of memory for them ends the request, not the process.
 * instances_fetch leases a connection
 * for one batch and runs, one after the other:
 *
 *     lease -> all refs of at most INSTANCES_CHUNK_BYTES in one statement
 *           -> each larger one in chunks of that size (its storage is external, so substring reads only
 *              the pages it needs; libpq keeps an input buffer as large as the largest row it has seen)
 *           -> release, on_done
 *
 * Every statement is its own transaction: no snapshot is kept while the caller works. That is safe because
 * published content never changes; what is purged in between is delivered as NULL. Ids and octets may come from
 * different databases, a standby and its primary, as each is asked only when it has all that was stored before
 * (reading.c). What fails on a standby is done again on the primary, without what has been delivered.
 *
 * An id alone says nothing of another database: a primary that was lost may have given it to an object that its successor
 * never had, and the successor to another. So each row of octets comes with what tells it is still the one that was chosen:
 * digest (which has the SOP Instance UID in it) and transfer syntax, both of that row, so nothing more is looked up; and
 * its length is known.
 *
 * A caller may cancel from inside on_data. The connection cannot be given back from inside its own row
 * callback, so the statement is cancelled, rows are ignored, and the statement's end frees everything.
 */
#include "catalog/instances.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "text_array.h"

/* What the requester may see is said here for retrieval, as query.c's add_view says it for queries:
 * published objects of the model and, where requester or destination are limited by assertions, those for which all
 * of both are in force. Currentness never hides anything from retrieval. */
#define FIND_SQL(restriction)                                                                   \
    "select o.id, i.size, o.sop_class_uid, o.sop_instance_uid, i.transfer_syntax_uid, i.digest" \
    " from unnest($1::text[]) with ordinality as u (uid, n)"                                    \
    " join dpp.objects o on o.sop_instance_uid = u.uid collate \"C\""                           \
    " join dpp.instances i on i.object_id = o.id"                                               \
    " where o.state = 'published' and o.sop_class_uid = any($2::text[])" restriction            \
    " order by u.n"

static const char find_sql[] = FIND_SQL("");
static const char find_restricted_sql[] =
    FIND_SQL(" and ($3::text[] || $4::text[]) <@ " INSTANCES_REQUIREMENTS_MET("o"));

static const char fetch_sql[] = "select u.n, i.dataset, i.digest, i.transfer_syntax_uid"
                                " from unnest($1::bigint[]) with ordinality as u (id, n)"
                                " join dpp.instances i on i.object_id = u.id";

static const char chunk_sql[] =
    "select substring(i.dataset from $2::int for $3::int), i.digest,"
    " i.transfer_syntax_uid from dpp.instances i where i.object_id = $1::bigint";

enum { FIRST_REFS = 16 }; /* of a list; it doubles as rows come */

/* One of refs. */
struct wanted {
    struct instance_ref ref;
    unsigned index; /* in the caller's refs */
    bool is_delivered;
};

struct instances_op {
    void *arg;
    struct reader *reader;
    int64_t timeout_ms;
    struct reading reading; /* while a connection is waited for */
    bool on_standby;
    /* instances_find */
    instances_found_cb on_found;
    struct pg_once *once; /* without standbys */
    struct arena *arena;  /* with: of the parameters */
    struct pg_param params[4];
    bool is_restricted;
    struct instance_list *list;
    unsigned cap;
    /* instances_fetch */
    instance_data_cb on_data;
    instances_done_cb on_done;
    struct pg_conn *conn;
    struct wanted *wanted; /* small ones first */
    unsigned count, small_count;
    unsigned current;  /* the large one that is being read */
    struct buf octets; /* of it, so far */
    size_t chunk_len;  /* of the last chunk */
    bool is_changed;   /* its id has something else */
    bool has_small;    /* the small ones have come */
    bool is_in_row;    /* the caller's on_data is on the stack */
    bool is_dead;      /* cancelled from there */
    struct err failure;
};

static void op_free(struct instances_op *op)
{
    instance_list_free(op->list);
    if (op->arena)
        arena_free(op->arena);
    buf_fini(&op->octets);
    free(op->wanted);
    free(op);
}

void instance_list_free(struct instance_list *l)
{
    if (!l)
        return;
    free(l->refs);
    free(l);
}

/* ---- find ---- */

static bool copy_uid(struct span from, char to[65])
{
    if (from.len > 64)
        return false;
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
    return true;
}

static bool copy_digest(struct span from, struct instance_ref *to)
{
    if (from.len > sizeof(to->digest))
        return false;
    memcpy(to->digest, from.data, from.len);
    to->digest_size = (uint8_t)from.len;
    return true;
}

static bool grow(struct instances_op *op)
{
    unsigned cap = op->cap ? 2 * op->cap : FIRST_REFS;
    struct instance_ref *refs = realloc(op->list->refs, cap * sizeof(*refs));
    if (!refs)
        return false;
    op->list->refs = refs;
    op->cap = cap;
    return true;
}

static void on_found_row(const struct pg_row *row, void *arg)
{
    struct instances_op *op = arg;
    struct instance_list *l = op->list;
    if (op->failure.code != RC_OK || l->count == l->asked)
        return; /* the statement yields at most one row for a UID */
    if (l->count == op->cap && !grow(op)) {
        err_set(&op->failure, RC_NOMEM, "no memory for a list of %u instances", l->count + 1);
        return;
    }

    struct instance_ref *r = &l->refs[l->count];
    r->object_id = pg_int(row, 0);
    r->size = pg_int(row, 1);
    if (copy_uid(pg_octets(row, 2), r->sop_class) && copy_uid(pg_octets(row, 3), r->sop_instance) &&
        copy_uid(pg_octets(row, 4), r->transfer_syntax) && copy_digest(pg_octets(row, 5), r))
        l->count++;
}

static void find_run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg);

/* Whether what has failed is begun once more, on the primary. */
static bool start_over(struct instances_op *op, const struct err *result, reading_cb cb)
{
    if (!op->on_standby || op->is_dead || result->code == RC_OK || result->code == RC_CANCELED)
        return false;
    pg_release(op->conn);
    op->conn = NULL;
    reading_start_over(&op->reading, op->reader, op->timeout_ms, result, cb, op);
    return true;
}

static void on_found_done(const struct err *result, int64_t rows, void *arg)
{
    struct instances_op *op = arg;
    (void)rows;
    if (start_over(op, result, find_run)) {
        op->list->count = 0;
        op->failure = (struct err){0};
        return;
    }
    instances_found_cb cb = op->on_found;
    void *cb_arg = op->arg;
    struct instance_list *list = op->list;
    struct err why = result->code == RC_OK ? op->failure : *result;

    if (op->conn)
        pg_release(op->conn);
    op->list = NULL;
    op->once = NULL;
    op_free(op);
    if (why.code != RC_OK) {
        instance_list_free(list);
        list = NULL;
    }
    cb(&why, list, cb_arg);
}

static struct pg_query find_query(struct instances_op *op)
{
    return (struct pg_query){.sql = op->is_restricted ? find_restricted_sql : find_sql,
                             .params = op->params,
                             .param_count = op->is_restricted ? 4 : 2,
                             .on_row = on_found_row,
                             .on_done = on_found_done,
                             .arg = op};
}

static void find_run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg)
{
    struct instances_op *op = arg;
    op->conn = conn;
    op->on_standby = on_standby;
    if (!conn) {
        on_found_done(why, 0, op);
        return;
    }
    struct pg_query q = find_query(op);
    pg_query_start(conn, &q);
}

/* false = no memory */
static bool find_params(struct arena *arena, const struct model *model, const char *const *uids,
                        unsigned count, struct pg_param params[2])
{
    struct span *values = arena_array(arena, count, sizeof(*values));
    unsigned class_count = 0;
    struct span classes[8];

    if (!values)
        return false;
    for (unsigned i = 0; i < count; i++)
        values[i] = span_str(uids[i]);
    while (class_count < 8 && model->storage_classes[class_count]) {
        classes[class_count] = span_str(model->storage_classes[class_count]);
        class_count++;
    }
    struct span wanted = text_array(arena, values, count);
    struct span of_model = text_array(arena, classes, class_count);
    params[0] = pg_text_span(wanted);
    params[1] = pg_text_span(of_model);
    return wanted.data && of_model.data;
}

/* "{}" = nothing is required; NULL = no memory */
static const char *view_copy(struct arena *arena, const char *required)
{
    return required ? arena_strdup(arena, required) : "{}";
}

enum rc instances_find(struct reader *reader, int64_t timeout_ms, const struct model *model,
                       const struct instances_view *view, const char *const *uids, unsigned count,
                       instances_found_cb cb, void *arg, struct instances_op **out, struct err *err)
{
    struct arena *arena = arena_new(SIZE_MAX / 2);
    struct pg_param params[4] = {{0}};
    bool is_restricted = model->is_subject && view && (view->requester || view->destination);
    const char *requester = is_restricted ? view_copy(arena, view->requester) : "";
    const char *destination = is_restricted ? view_copy(arena, view->destination) : "";

    *out = NULL;
    if (!find_params(arena, model, uids, count, params) || !requester || !destination) {
        arena_free(arena);
        return err_set(err, RC_NOMEM, "no memory for a list of %u UIDs", count);
    }
    struct instances_op *op = xcalloc(1, sizeof(*op));
    op->reader = reader;
    op->timeout_ms = timeout_ms;
    op->on_found = cb;
    op->arg = arg;
    op->list = xcalloc(1, sizeof(*op->list));
    op->list->asked = count;
    op->is_restricted = is_restricted;
    op->arena = arena;
    params[2] = pg_text(requester);
    params[3] = pg_text(destination);
    memcpy(op->params, params, sizeof(params));
    if (reader_has_standby(reader)) {
        reading_start(&op->reading, reader, timeout_ms, find_run, op);
    } else { /* sent at once when a connection is idle, else copied */
        struct pg_query q = find_query(op);
        op->once = pg_once_start(reader_primary(reader), timeout_ms, &q);
        arena_free(arena);
        op->arena = NULL;
    }
    *out = op;
    return RC_OK;
}

/* ---- fetch ---- */

static void finish(struct instances_op *op, const struct err *result)
{
    struct err copy = *result;
    instances_done_cb cb = op->on_done;
    void *arg = op->arg;
    bool is_dead = op->is_dead;

    if (op->conn)
        pg_release(op->conn);
    op_free(op);
    if (!is_dead)
        cb(&copy, arg);
}

/* Whether a row's digest and transfer syntax, from column on, are those of what was chosen. */
static bool is_chosen(const struct instance_ref *ref, const struct pg_row *row, unsigned column)
{
    struct span digest = pg_octets(row, column);
    return digest.len == ref->digest_size &&
           memcmp(digest.data, ref->digest, ref->digest_size) == 0 &&
           span_equal_str(pg_octets(row, column + 1), ref->transfer_syntax);
}

/* Hands over one instance, or says why it cannot. */
static void deliver(struct instances_op *op, struct wanted *w, struct buf *octets,
                    const struct err *why)
{
    if (w->is_delivered || op->is_dead)
        return;
    w->is_delivered = true;
    op->is_in_row = true;
    op->on_data(w->index, octets, why, op->arg);
    op->is_in_row = false;
}

static void deliver_nothing(struct instances_op *op, struct wanted *w, bool is_changed)
{
    struct err why = {0};
    if (is_changed)
        err_set(&why, RC_CONFLICT, "an instance is another one in this database");
    else
        err_set(&why, RC_NOTFOUND, "an instance is no longer available");
    deliver(op, w, NULL, &why);
}

static void on_small_row(const struct pg_row *row, void *arg)
{
    struct instances_op *op = arg;
    int64_t n = pg_int(row, 0);
    if (op->is_dead || n < 1 || n > (int64_t)op->small_count)
        return;

    struct wanted *w = &op->wanted[n - 1];
    struct span dataset = pg_octets(row, 1);
    if (!is_chosen(&w->ref, row, 2) || (int64_t)dataset.len != w->ref.size) {
        deliver_nothing(op, w, true);
        return;
    }
    struct buf octets;
    buf_init(&octets, 0);
    buf_add_span(&octets, dataset);
    if (buf_status(&octets) == RC_OK)
        deliver(op, w, &octets, NULL);
    else
        err_set(&op->failure, buf_status(&octets), "no memory for an instance");
    buf_fini(&octets); /* empty when the receiver has taken them */
}

static void on_chunk_row(const struct pg_row *row, void *arg)
{
    struct instances_op *op = arg;
    struct span chunk = pg_octets(row, 0);
    op->is_changed = !is_chosen(&op->wanted[op->current].ref, row, 1);
    if (op->is_changed)
        return;
    op->chunk_len = chunk.len;
    buf_add_span(&op->octets, chunk);
}

static void read_chunk(struct instances_op *op);

/* The next large instance, or the end. */
static void next_large(struct instances_op *op)
{
    while (op->current < op->count && !op->is_dead) {
        struct wanted *w = &op->wanted[op->current];
        buf_init(&op->octets, (size_t)w->ref.size);
        if (buf_reserve(&op->octets, (size_t)w->ref.size)) {
            read_chunk(op);
            return;
        }
        err_set(&op->failure, buf_status(&op->octets), "no memory for an instance");
        buf_fini(&op->octets);
        op->current++;
    }
    finish(op, &op->failure);
}

static void fetch_run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg);

static void on_chunk_done(const struct err *result, int64_t rows, void *arg)
{
    struct instances_op *op = arg;
    struct wanted *w = &op->wanted[op->current];
    if (start_over(op, result, fetch_run)) {
        buf_fini(&op->octets);
        return;
    }
    if (result->code != RC_OK || op->is_dead) {
        finish(op, result);
        return;
    }
    bool is_whole = op->octets.len == (size_t)w->ref.size && buf_status(&op->octets) == RC_OK;
    if (!is_whole && op->chunk_len == INSTANCES_CHUNK_BYTES && buf_status(&op->octets) == RC_OK) {
        read_chunk(op);
        return;
    }
    if (is_whole && !op->is_changed)
        deliver(op, w, &op->octets, NULL);
    else
        deliver_nothing(op, w, op->is_changed || rows > 0);
    buf_fini(&op->octets);
    op->current++;
    next_large(op);
}

static void read_chunk(struct instances_op *op)
{
    char id[24], from[24], len[24];
    snprintf(id, sizeof(id), "%" PRId64, op->wanted[op->current].ref.object_id);
    snprintf(from, sizeof(from), "%zu", op->octets.len + 1);
    snprintf(len, sizeof(len), "%d", INSTANCES_CHUNK_BYTES);
    struct pg_param params[] = {pg_text(id), pg_text(from), pg_text(len)};
    struct pg_query q = {.sql = chunk_sql,
                         .params = params,
                         .param_count = 3,
                         .on_row = on_chunk_row,
                         .on_done = on_chunk_done,
                         .arg = op};
    op->chunk_len = 0;
    op->is_changed = false;
    pg_query_start(op->conn, &q);
}

static void on_small_done(const struct err *result, int64_t rows, void *arg)
{
    struct instances_op *op = arg;
    (void)rows;
    if (start_over(op, result, fetch_run))
        return;
    if (result->code != RC_OK || op->is_dead) {
        finish(op, result);
        return;
    }
    op->has_small = true;
    for (unsigned i = 0; i < op->small_count && op->failure.code == RC_OK && !op->is_dead; i++)
        deliver_nothing(op, &op->wanted[i], false);
    next_large(op);
}

static void read_small(struct instances_op *op)
{
    struct buf ids;
    buf_init(&ids, 0);
    buf_add_str(&ids, "{");
    for (unsigned i = 0; i < op->small_count; i++)
        buf_printf(&ids, "%s%" PRId64, i ? "," : "", op->wanted[i].ref.object_id);
    buf_add_str(&ids, "}");

    struct pg_param params[] = {pg_text_span(buf_span(&ids))};
    struct pg_query q = {.sql = fetch_sql,
                         .params = params,
                         .param_count = 1,
                         .on_row = on_small_row,
                         .on_done = on_small_done,
                         .arg = op};
    if (buf_status(&ids) == RC_OK) {
        pg_query_start(op->conn, &q);
    } else {
        err_set(&op->failure, buf_status(&ids), "no memory for a list of ids");
        finish(op, &op->failure);
    }
    buf_fini(&ids);
}

static void fetch_run(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg)
{
    struct instances_op *op = arg;
    op->conn = conn;
    op->on_standby = on_standby;
    if (!conn)
        finish(op, why);
    else if (op->failure.code != RC_OK)
        finish(op, &op->failure);
    else if (op->small_count > 0 && !op->has_small)
        read_small(op);
    else
        next_large(op);
}

/* The small ones to the front; the order does not matter otherwise. */
static void sort_by_size(struct instances_op *op, const struct instance_ref *refs, unsigned count)
{
    size_t sum = 0;
    for (int is_large = 0; is_large < 2; is_large++) {
        for (unsigned i = 0; i < count; i++) {
            if ((refs[i].size > INSTANCES_CHUNK_BYTES) != is_large)
                continue;
            op->wanted[op->count++] = (struct wanted){.ref = refs[i], .index = i};
            op->small_count += !is_large;
            if (refs[i].size > (int64_t)INSTANCES_BATCH_BYTES - (int64_t)sum)
                err_set(&op->failure, RC_LIMIT, "instances of one batch have more than %d octets",
                        INSTANCES_BATCH_BYTES);
            else if (refs[i].size > 0)
                sum += (size_t)refs[i].size;
        }
    }
}

struct instances_op *instances_fetch(struct reader *reader, int64_t timeout_ms,
                                     const struct instance_ref *refs, unsigned count,
                                     instance_data_cb on_data, instances_done_cb on_done, void *arg)
{
    struct instances_op *op = xcalloc(1, sizeof(*op));
    op->on_data = on_data;
    op->on_done = on_done;
    op->arg = arg;
    op->wanted = xcalloc(count ? count : 1, sizeof(*op->wanted));
    sort_by_size(op, refs, count);
    op->current = op->small_count;
    op->reader = reader;
    op->timeout_ms = timeout_ms;
    reading_start(&op->reading, reader, timeout_ms, fetch_run, op);
    return op;
}

void instances_cancel(struct instances_op *op)
{
    if (op->is_in_row) {
        op->is_dead = true;
        if (pg_query_is_running(op->conn))
            pg_query_cancel(op->conn);
        return;
    }
    if (op->once)
        pg_once_cancel(op->once);
    reading_cancel(&op->reading);
    if (op->conn)
        pg_release(op->conn);
    op_free(op);
}
