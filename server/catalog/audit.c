/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of audit rows of one thread.
 *
 *     audit_add -> filling --- a quarter of a second, or FLUSH_ROWS ---> flying -- one insert --> written
 *                     |                                                   |  ^
 *                     +-- no room: dropped                                |  +-- surely not done: again, later
 *                                                                         +-- refused, or who knows: dropped
 *
 * Adding copies into two sets of buffers that take turns and keep their memory: no allocation as a rule, no lock, no
 * system call. One statement writes all that waits, however much it is, and only one at a time.
 *
 * Operations come first. While no connection of the thread's pool is free the rows wait another quarter of a second,
 * looking every POLL_MS; then, or when half the room is taken, the insert takes its turn with the operations, since a
 * pool that is always busy would else never let it by. So a row is written half a second after it was added if the
 * database does its part, and few operations wait for an insert.
 *
 * What is certainly not written (no connection, or PostgreSQL has rolled it back for want of something) stays and is
 * tried again, while there is room for what comes. What the database refuses (it is a standby, a right is missing) is dropped and the
 * next rows wait REFUSED_MS, so that a standby gets one futile statement in two seconds and not one an operation. A
 * batch whose connection broke under it may or may not be there; it is not sent twice, because a row of something
 * that happened once must not stand there twice.
 *
 * Rows do not wait for the standby of synchronous replication: without one a batch would stand still until its statement
 * times out, and what queries and retrievals leave meanwhile would be dropped. The price is that a standby which is
 * promoted may lack those of the last moment. A store's row is part of the store and waits with it.
 *
 * A drop is counted for each row. In the log a spell of drops is one line when it begins and one when it is over, for
 * all threads together.
 */
#include "catalog/audit.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "audit_rows.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "text_array.h"

enum {
    FLUSH_ROWS = 1024, /* by fewer, what a statement costs beside its rows is felt */
    POLL_MS = 20,
    PATIENCE_MS = 250, /* with operations that need all connections */
    RETRY_MS = 1000,
    REFUSED_MS = 2000,
    GOODBYE_MS = 1000,
};

/* What costs little for each row, of which there may be as many as queries: unnest in the select list keeps no copies of
 * the arrays' rows. */
static const char insert_sql[] =
    "insert into dpp.audit_events (occurred_at, operation, sop_instance_uid, status, ae_title,"
    " peer_address, destination, association, details, server_id)"
    " select to_timestamp(r.at / 1e6::float8), r.operation, r.sop_instance_uid, r.status,"
    " r.ae_title, r.peer_address, r.destination, r.association, r.details, $10::uuid"
    " from (select unnest($1::bigint[]) as at, unnest($2::text[]) as operation,"
    " unnest($3::text[]) as sop_instance_uid, unnest($4::int[]) as status,"
    " unnest($5::text[]) as ae_title, unnest($6::inet[]) as peer_address,"
    " unnest($7::text[]) as destination, unnest($8::text[]) as association,"
    " unnest($9::jsonb[]) as details) as r where " PG_WITHOUT_STANDBY;

struct audit {
    struct loop *loop;
    struct pg_pool *pool;
    struct audit_options options;
    struct audit_rows filling, flying;
    struct buf details;
    struct pg_once *once;
    bool was_sent;
    struct loop_timer *timer; /* the next look at the queue */
    int64_t oldest_ms;        /* when the first row of filling came */
    int64_t not_before_ms;    /* after a failure */
    bool is_dropping;
    bool is_ending;
};

/* ---- drops ---- */

static _Atomic unsigned dropping_threads;
static _Atomic int64_t dropped_rows; /* of this spell */

static void drop(struct audit *a, unsigned count, const struct err *why)
{
    metric_add(METRIC_audit_dropped, count);
    atomic_fetch_add(&dropped_rows, count);
    if (a->is_dropping)
        return;
    a->is_dropping = true;
    if (atomic_fetch_add(&dropping_threads, 1) > 0)
        return;
    struct log_ctx ctx = {.limit = why->limit};
    log_warn(&ctx, "audit.dropping", "why=\"%s\"", why->text);
}

static void spell_end(struct audit *a, const char *event)
{
    if (!a->is_dropping)
        return;
    a->is_dropping = false;
    if (atomic_fetch_sub(&dropping_threads, 1) == 1)
        log_warn(NULL, event, "dropped=%lld", (long long)atomic_exchange(&dropped_rows, 0));
}

/* ---- writing ---- */

static unsigned waiting(const struct audit *a)
{
    return a->filling.count + a->flying.count;
}

static void plan(struct audit *a, int64_t at_ms)
{
    int64_t now = clock_now_ms();
    if (at_ms < a->not_before_ms)
        at_ms = a->not_before_ms;
    loop_timer_set(a->timer, at_ms > now ? at_ms - now : 0);
}

static void plan_next(struct audit *a)
{
    if (a->flying.count || a->filling.count >= FLUSH_ROWS)
        plan(a, 0);
    else if (a->filling.count)
        plan(a, a->oldest_ms + AUDIT_FLUSH_MS);
}

/* Whether it is surely not there and may be taken another time: it was not sent, or rolled back (transaction rollback,
 * insufficient resources, operator intervention). */
static bool may_try_again(const struct audit *a, const struct err *result)
{
    static const char *const classes[] = {"40", "53", "57"};
    if (!a->was_sent || result->code == RC_AGAIN)
        return true;
    for (size_t i = 0; result->code == RC_DB && i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strncmp(result->sqlstate, classes[i], 2) == 0)
            return true;
    }
    return false;
}

static void flying_end(struct audit *a)
{
    metric_add(METRIC_audit_waiting, -(int64_t)a->flying.count);
    audit_rows_clear(&a->flying);
}

static void on_written(const struct err *result, int64_t rows, void *arg)
{
    struct audit *a = arg;
    (void)rows;
    a->once = NULL;
    a->not_before_ms = 0;
    if (result->code == RC_OK) {
        metric_add(METRIC_audit_rows, a->flying.count);
        flying_end(a);
        spell_end(a, "audit.resumed");
    } else if (may_try_again(a, result)) {
        log_debug(NULL, "audit.put_off", "rows=%u why=\"%s\"", a->flying.count, result->text);
        a->not_before_ms = clock_now_ms() + RETRY_MS;
    } else {
        bool is_refused = result->code == RC_DB;
        drop(a, a->flying.count, result);
        flying_end(a);
        a->not_before_ms = is_refused ? clock_now_ms() + REFUSED_MS : 0;
    }
    plan_next(a);
}

static void swap(struct audit *a)
{
    struct audit_rows full = a->filling;
    a->filling = a->flying;
    a->flying = full;
    for (unsigned i = 0; i < AUDIT_COLUMNS; i++)
        text_array_close(&a->flying.columns[i]);
}

static void on_timer(void *arg)
{
    struct audit *a = arg;
    struct pg_param params[AUDIT_COLUMNS + 1];
    if (a->once || waiting(a) == 0)
        return;
    int64_t patience_ms = a->oldest_ms + AUDIT_FLUSH_MS + PATIENCE_MS;
    bool has_room = waiting(a) < a->options.max_waiting / 2;
    if (!a->is_ending && has_room && pg_pool_is_short(a->pool) && clock_now_ms() < patience_ms) {
        loop_timer_set(a->timer, POLL_MS);
        return;
    }
    if (a->flying.count == 0)
        swap(a);
    audit_rows_params(&a->flying, params);
    params[AUDIT_COLUMNS] = pg_text(a->options.server_id);
    struct pg_query q = {.sql = insert_sql,
                         .params = params,
                         .param_count = AUDIT_COLUMNS + 1,
                         .on_done = on_written,
                         .arg = a,
                         .was_sent = &a->was_sent};
    a->once = pg_once_start(a->pool, a->options.lease_timeout_ms, &q);
}

struct buf *audit_details(struct audit *a)
{
    audit_open(&a->details);
    return &a->details;
}

void audit_add(struct audit *a, const struct audit_event *e)
{
    if (waiting(a) >= a->options.max_waiting || !audit_rows_add(&a->filling, clock_wall_us(), e)) {
        struct err err = {0};
        err_set_limit(&err, LIMIT_audit_max_waiting, 0, "%u audit rows wait already", waiting(a));
        drop(a, 1, &err);
        return;
    }
    metric_add(METRIC_audit_waiting, 1);
    if (a->filling.count == 1)
        a->oldest_ms = clock_now_ms();
    if (!a->once && (a->filling.count == 1 || a->filling.count == FLUSH_ROWS))
        plan_next(a);
}

/* ---- life ---- */

struct audit *audit_new(struct loop *l, struct pg_pool *pool, const struct audit_options *o)
{
    struct audit *a = xcalloc(1, sizeof(*a));
    a->loop = l;
    a->pool = pool;
    a->options = *o;
    a->timer = loop_timer_new(l, on_timer, a);
    metric_add(METRIC_audit_waiting_max, o->max_waiting);
    return a;
}

static bool is_done(void *arg)
{
    const struct audit *a = arg;
    return waiting(a) == 0 || (!a->once && a->not_before_ms > clock_now_ms());
}

void audit_configure(struct audit *a, const struct audit_options *o)
{
    metric_add(METRIC_audit_waiting_max, (int64_t)o->max_waiting - a->options.max_waiting);
    a->options.max_waiting = o->max_waiting;
    a->options.lease_timeout_ms = o->lease_timeout_ms;
}

void audit_free(struct audit *a)
{
    if (!a)
        return;
    a->is_ending = true;
    a->not_before_ms = 0;
    if (waiting(a) && pg_pool_is_healthy(a->pool)) {
        if (!a->once)
            loop_timer_set(a->timer, 0);
        (void)loop_run_until(a->loop, is_done, a, GOODBYE_MS);
    }
    if (a->once)
        pg_once_cancel(a->once);
    if (waiting(a)) {
        struct err err = {0};
        err_set(&err, RC_TIMEOUT, "the server stops before the database has taken them");
        drop(a, waiting(a), &err);
        metric_add(METRIC_audit_waiting, -(int64_t)waiting(a));
    }
    spell_end(a, "audit.ended");
    metric_add(METRIC_audit_waiting_max, -(int64_t)a->options.max_waiting);
    loop_timer_free(a->timer);
    audit_rows_fini(&a->filling);
    audit_rows_fini(&a->flying);
    buf_fini(&a->details);
    free(a);
}
