/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/pool: who gets a connection, when new ones are made, and what is said when there is none.
 *
 * Leases wait in two lanes, in each first come first served, and of their heads the older goes first. Handing out
 * happens in one place, dispatch, which runs from a kick (a timer of 0 ms) and never inside a caller's call. The most
 * recently used connection is taken first: it is warm, and a pool that is too large for its load leaves the rest alone.
 *
 * Lanes are bulkheads. Stores have one of their own because all of them may stand still at once, each on a connection, for
 * as long as a statement may take: with synchronous replication and no standby each waits at its COMMIT, and the
 * primary answers whoever only reads. So a quarter of the connections, one at least, is never theirs, nor is the greater part of
 * the queue. That part is such that stores alone neither make a server unready nor keep it so (app/readiness). A
 * connection is its lane's until it is clean, since a statement that is being cancelled still holds it.
 * Where there is one connection there is nothing to divide.
 *
 * Connections are made as leases wait for them. After a failure the next attempt comes after a back-off
 * (0.1 s doubling to 1 s, less up to a quarter of jitter so that servers do not come in step) and, as
 * long as no connection is left, without being asked for, so that a database which has come back is
 * noticed within about a second. Until then leases are refused at once with the reason: waiting would
 * only fill every queue with operations that cannot succeed. While other connections live (too many
 * clients, say), leases go on waiting for those.
 *
 * libpq's buffers grow with the largest message and never shrink, so a few large data sets would leave their
 * size, twice, in each connection for ever. A connection that has sent more than KEPT_SENT_BYTES with one statement
 * is therefore closed when it is given back; a new one takes a small part of the time that statement took. What is
 * received needs no such rule, as long as large values are asked for in pieces.
 *
 * Only changes of state are logged above debug.
 */
#include "pg_internal.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 1000, KEPT_SENT_BYTES = 1024 * 1024 };

struct pg_options pg_options_default(void)
{
    return (struct pg_options){
        .conninfo = "",
        .size = 5,
        .max_waiting = 256,
        .connect_ms = 5000,
        .statement_ms = 60000,
        .prepare = true,
        .max_prepared = 128,
        .application_name = "dppr",
        .session_options = NULL,
    };
}

/* ---- account of connections ---- */

static unsigned count_states(const struct pg_pool *p, bool is_live)
{
    unsigned n = 0;
    const struct pg_conn *c;
    TAILQ_FOREACH (c, &p->conns, all) {
        bool is_new = c->state == PG_CONN_CONNECTING;
        n += is_live ? !is_new && c->pg : is_new;
    }
    return n;
}

static unsigned live_count(const struct pg_pool *p)
{
    return count_states(p, true);
}

static unsigned connecting_count(const struct pg_pool *p)
{
    return count_states(p, false);
}

/* To be called whenever is_failing or the live connections have changed. */
static void settle_away(struct pg_pool *p)
{
    bool is_away = p->is_failing && live_count(p) == 0;
    if (is_away != p->is_away) {
        p->is_away = is_away;
        metric_add(METRIC_database_away, p->options.is_standby ? 0 : is_away ? 1 : -1);
    }
}

void pool_kick(struct pg_pool *p)
{
    if (!loop_timer_is_set(p->kick)) {
        loop_timer_set(p->kick, 0);
    }
}

static void to_idle(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    c->state = PG_CONN_IDLE;
    LIST_INSERT_HEAD(&p->idle, c, idle);
    if (p->waiting > 0) {
        pool_kick(p);
    }
}

/* How many connections a lane may have at once. */
static unsigned lane_connections(const struct pg_pool *p, enum pg_lane lane)
{
    unsigned size = p->options.size, kept = size / 4 > 1 ? size / 4 : 1;
    return lane == PG_LANE_READS || size == 1 ? size : size - kept;
}

/* How many of its leases may wait. */
static unsigned lane_places(const struct pg_pool *p, enum pg_lane lane)
{
    unsigned all = p->options.max_waiting;
    unsigned part = (unsigned)((uint64_t)all * 3 / 8);
    return lane == PG_LANE_READS ? all : part > 1 ? part : 1;
}

/* How many connections it may have more. */
static unsigned lane_room(const struct pg_pool *p, enum pg_lane lane)
{
    unsigned most = lane_connections(p, lane), has = p->lanes[lane].in_use;
    return most > has ? most - has : 0;
}

/* The next that may have a connection, NULL if there is none. */
static struct pg_lease *first_waiting(const struct pg_pool *p)
{
    struct pg_lease *first = NULL;
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        if (p->lanes[lane].waiting == 0 || lane_room(p, lane) == 0) {
            continue;
        }
        struct pg_lease *lease = TAILQ_FIRST(&p->lanes[lane].queue);
        while (!lease->is_counted) {
            lease = TAILQ_NEXT(lease, queue);
        }
        first = first && first->number < lease->number ? first : lease;
    }
    return first;
}

static struct pg_conn *take_idle(struct pg_pool *p, enum pg_lane lane)
{
    struct pg_conn *c = LIST_FIRST(&p->idle);
    LIST_REMOVE(c, idle);
    c->state = PG_CONN_LEASED;
    c->lane = lane;
    c->is_in_lane = true;
    p->lanes[lane].in_use++;
    metric_add(METRIC_database_connections_in_use, 1);
    return c;
}

struct pg_conn *pool_take_at_once(struct pg_pool *p, enum pg_lane lane)
{
    bool may_have = !LIST_EMPTY(&p->idle) && lane_room(p, lane) > 0 && !first_waiting(p);
    return may_have ? take_idle(p, lane) : NULL;
}

static void leave_lane(struct pg_conn *c)
{
    if (c->is_in_lane) {
        c->pool->lanes[c->lane].in_use--;
    }
    c->is_in_lane = false;
}

void pool_remove(struct pg_conn *c)
{
    if (c->state == PG_CONN_IDLE) {
        LIST_REMOVE(c, idle);
    }
    leave_lane(c);
    TAILQ_REMOVE(&c->pool->conns, c, all);
    c->pool->conn_count--;
}

/* NULL = it may stay. */
static const char *why_drop(const struct pg_conn *c)
{
    if (c->most_sent > KEPT_SENT_BYTES) {
        return "large";
    }
    if (c->pool->conn_count > c->pool->options.size) {
        return "surplus";
    }
    return c->generation != c->pool->generation || !pg_kind_fits(c->pool->info.kind, c->pg)
               ? "misplaced"
               : NULL;
}

void pool_on_clean(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    const char *why = why_drop(c);
    leave_lane(c);
    if (!why) {
        to_idle(c);
        return;
    }
    log_debug(NULL, "db.connection_dropped", "connection=%u why=%s sent=%zu", c->number, why,
              c->most_sent);
    conn_destroy(c);
    pool_kick(p); /* who waits for it gets a new one */
}

static void tell_back(const struct pg_pool *p)
{
    if (p->options.is_standby) {
        log_info(NULL, "standby.back", "the standby can be reached again");
    } else {
        log_info(NULL, "db.back", "the database can be reached again");
    }
}

static void tell_unreachable(const struct pg_pool *p, const struct err *why)
{
    struct log_ctx ctx = {.limit = why->limit};
    enum log_level level = p->is_failing ? LOG_DEBUG : LOG_WARN;
    if (p->options.is_standby) {
        log_event(level, &ctx, "standby.unreachable", "reason=\"%s\"", why->text);
    } else {
        log_event(level, &ctx, "db.unreachable", "reason=\"%s\"", why->text);
    }
}

void pool_on_connected(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    if (p->is_failing) {
        tell_back(p);
    }
    p->is_failing = false;
    p->is_backing_off = false;
    p->backoff_ms = 0;
    loop_timer_clear(p->retry);
    to_idle(c);
    settle_away(p);
}

void pool_on_connect_failed(struct pg_pool *p, const struct err *why)
{
    metric_add(METRIC_database_errors, 1);
    tell_unreachable(p, why);
    p->why = *why;
    p->why.code = RC_DB;
    p->is_failing = true;
    settle_away(p);
    p->is_backing_off = true;
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (p->backoff_ms > BACKOFF_MAX_MS) {
        p->backoff_ms = BACKOFF_MAX_MS;
    }
    loop_timer_set(p->retry, p->backoff_ms - (int64_t)pg_random(&p->random) % (p->backoff_ms / 4));
    pool_kick(p);
}

void pool_on_misplaced(struct pg_conn *c)
{
    struct pg_pool *p = c->pool;
    struct pg_conn *idle;
    if (c->generation != p->generation) {
        return; /* known already */
    }
    p->generation++;
    log_warn(NULL, "db.misplaced",
             "note=\"the server takes no objects any more; looking for another\"");
    while ((idle = LIST_FIRST(&p->idle))) {
        conn_destroy(idle);
    }
    pool_on_lost(p);
}

void pool_on_lost(struct pg_pool *p)
{
    p->wants_probe = true;
    if (p->is_failing && !p->is_away && live_count(p) == 0) {
        /* What failed was one more connection beside this one. Whether the database is away is to be found
         * out, at once. */
        p->is_failing = p->is_backing_off = false;
        loop_timer_clear(p->retry);
    }
    pool_kick(p);
}

/* ---- leases ---- */

static void lease_count(struct pg_lease *lease, bool is_counted)
{
    struct pg_pool *p = lease->pool;
    if (is_counted == lease->is_counted) {
        return;
    }
    lease->is_counted = is_counted;
    p->waiting += is_counted ? 1U : -1U;
    p->lanes[lease->lane].waiting += is_counted ? 1U : -1U;
    metric_add(METRIC_database_waiting, is_counted ? 1 : -1);
}

static void lease_unlink(struct pg_lease *lease)
{
    TAILQ_REMOVE(&lease->pool->lanes[lease->lane].queue, lease, queue);
    lease_count(lease, false);
}

static void lease_end(struct pg_lease *lease, struct pg_conn *c, const struct err *why)
{
    pg_lease_cb cb = lease->cb;
    void *arg = lease->arg;
    struct err copy = {0};
    if (!c) {
        copy = *why;
    }
    if (c) {
        metric_observe(METRIC_database_wait_seconds, 0, clock_now_us() - lease->asked_us);
    }
    lease_unlink(lease);
    free(lease);
    cb(c, c ? NULL : &copy, arg);
}

static void set_lease_deadline(struct pg_pool *p, int64_t at_ms, int64_t now)
{
    if (p->deadline_at_ms == 0 || at_ms < p->deadline_at_ms) {
        p->deadline_at_ms = at_ms;
        loop_timer_set(p->deadline, at_ms > now ? at_ms - now : 0);
    }
}

struct pg_lease *pool_lease(struct pg_pool *p, enum pg_lane lane, int64_t timeout_ms,
                            pg_lease_cb cb, void *arg)
{
    struct pg_lease *lease = xcalloc(1, sizeof *lease);
    lease->asked_us = clock_now_us();
    int64_t now = lease->asked_us / 1000;
    lease->pool = p;
    lease->lane = lane;
    lease->number = ++p->lease_serial;
    lease->cb = cb;
    lease->arg = arg;
    lease->deadline_ms = now + (timeout_ms > 0 ? timeout_ms : 0);
    if (!p->info.options) {
        err_set(&lease->why, RC_DB, "%s", p->info.why.text);
    } else if (p->waiting >= p->options.max_waiting) {
        err_set_limit(&lease->why, LIMIT_database_max_waiting, 0, "%u operations wait already",
                      p->waiting);
    } else if (p->lanes[lane].waiting >= lane_places(p, lane)) {
        err_set_limit(&lease->why, LIMIT_database_max_waiting, 0, "%u stores wait already",
                      p->lanes[lane].waiting);
    } else {
        lease_count(lease, true);
    }
    TAILQ_INSERT_TAIL(&p->lanes[lane].queue, lease, queue);
    if (lease->is_counted) {
        set_lease_deadline(p, lease->deadline_ms, now);
    }
    pool_kick(p);
    return lease;
}

struct pg_lease *pg_lease_start(struct pg_pool *p, int64_t timeout_ms, pg_lease_cb cb, void *arg)
{
    return pool_lease(p, PG_LANE_READS, timeout_ms, cb, arg);
}

/* The callback will say so, from the loop. */
void pool_refuse_lease(struct pg_lease *lease, enum rc code, const char *text)
{
    err_set(&lease->why, code, "%s", text);
    lease_count(lease, false);
    pool_kick(lease->pool);
}

void pg_lease_cancel(struct pg_lease *lease)
{
    lease_unlink(lease);
    free(lease);
}

/* ---- handing out ---- */

/* Whether a lease is to be refused now, and why. */
typedef bool (*refusal_fn)(const struct pg_lease *lease, struct err *why);

static bool was_refused_at_start(const struct pg_lease *lease, struct err *why)
{
    *why = lease->why;
    return !lease->is_counted;
}

static bool has_expired(const struct pg_lease *lease, struct err *why)
{
    if (!lease->is_counted || lease->deadline_ms > clock_now_ms()) {
        return false;
    }
    if (lease->pool->options.is_standby) {
        err_set(why, RC_TIMEOUT, "no connection to the standby in time");
    } else if (lease->lane == PG_LANE_STORES && lane_room(lease->pool, lease->lane) == 0) {
        err_set_limit(why, LIMIT_database_wait, 0, "the %u stores before it have not ended",
                      lease->pool->lanes[lease->lane].in_use);
    } else {
        err_set_limit(why, LIMIT_database_wait, 0, "no connection became free in time");
    }
    return true;
}

static bool is_hopeless(const struct pg_lease *lease, struct err *why)
{
    *why = lease->pool->why;
    return lease->is_counted && !lease->is_patient;
}

/* The leases that are in the queue now: a callback may ask again, and may cancel any other lease, so the
 * search begins anew after each. */
static void refuse(struct pg_pool *p, refusal_fn is_refused)
{
    uint64_t last = p->lease_serial;
    struct pg_lease *lease;
    struct err why;
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        do {
            TAILQ_FOREACH (lease, &p->lanes[lane].queue, queue) {
                if (lease->number <= last && is_refused(lease, &why)) {
                    break;
                }
            }
            if (lease) {
                lease_end(lease, NULL, &why);
            }
        } while (lease);
    }
}

static unsigned connections_wanted(const struct pg_pool *p)
{
    unsigned wanted = 0;
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        unsigned waiting = p->lanes[lane].waiting, room = lane_room(p, lane);
        wanted += waiting < room ? waiting : room;
    }
    return wanted;
}

static void connect_as_needed(struct pg_pool *p)
{
    unsigned connecting = connecting_count(p), wanted = connections_wanted(p);
    while (connecting < wanted && p->conn_count < p->options.size && !p->is_backing_off) {
        conn_start(p);
        connecting = connecting_count(p);
    }
    if (p->wants_probe && !p->is_backing_off && connecting == 0 && live_count(p) == 0 &&
        p->conn_count < p->options.size) {
        conn_start(p);
    }
    p->wants_probe = false;
}

static void dispatch(void *arg)
{
    struct pg_pool *p = arg;
    refuse(p, was_refused_at_start);
    uint64_t last = p->lease_serial; /* who asks again from a callback comes in the next turn */
    struct pg_lease *lease;
    while (!LIST_EMPTY(&p->idle) && (lease = first_waiting(p)) && lease->number <= last) {
        lease_end(lease, take_idle(p, lease->lane), NULL);
    }
    connect_as_needed(p);
    if (p->is_away) {
        refuse(p, is_hopeless);
    }
}

static void on_deadline(void *arg)
{
    struct pg_pool *p = arg;
    struct pg_lease *lease;
    int64_t now = clock_now_ms();
    p->deadline_at_ms = 0;
    refuse(p, has_expired);
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        TAILQ_FOREACH (lease, &p->lanes[lane].queue, queue) {
            if (lease->is_counted) {
                set_lease_deadline(p, lease->deadline_ms, now);
            }
        }
    }
}

/* The back-off is over. Without connections the database is probed, asked or not. */
static void on_retry(void *arg)
{
    struct pg_pool *p = arg;
    p->is_backing_off = false;
    if (live_count(p) == 0) {
        p->wants_probe = true;
    } else if (p->waiting == 0) {
        p->is_failing = false; /* the other connections work, and nobody misses this one */
        p->backoff_ms = 0;
    }
    pool_kick(p);
}

bool pg_pool_is_healthy(const struct pg_pool *p)
{
    return p->info.options && !p->is_failing;
}

bool pg_pool_is_short(const struct pg_pool *p)
{
    return first_waiting(p) || (LIST_EMPTY(&p->idle) && p->conn_count >= p->options.size);
}

struct pg_pool *pg_pool_new(struct loop *l, struct mailbox *mailbox, struct jobpool *resolve_pool,
                            const struct pg_options *options)
{
    struct pg_pool *p = xcalloc(1, sizeof *p);
    p->loop = l;
    p->mailbox = mailbox;
    p->resolve_pool = resolve_pool;
    p->options = *options;
    p->options.size = options->size ? options->size : 1;
    pg_conninfo_init(&p->info, options->conninfo, options->application_name,
                     options->session_options);
    p->options.conninfo = p->options.application_name = p->options.session_options = NULL;
    if (!p->info.options) {
        log_warn(NULL, "db.unreachable", "reason=\"%s\"", p->info.why.text);
    }
    metric_add(METRIC_database_connections_max, p->options.size);
    metric_add(METRIC_database_waiting_max, p->options.max_waiting);
    TAILQ_INIT(&p->conns);
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        TAILQ_INIT(&p->lanes[lane].queue);
    }
    LIST_INIT(&p->idle);
    p->random = (unsigned)clock_now_us() ^ (unsigned)(uintptr_t)p;
    p->connector = (struct pg_connector){
        .loop = l,
        .mailbox = mailbox,
        .resolve_pool = resolve_pool,
        .info = &p->info,
        .connect_ms = options->connect_ms,
        .random = &p->random,
        .on_notice = conn_on_notice,
    };
    p->kick = loop_timer_new(l, dispatch, p);
    p->deadline = loop_timer_new(l, on_deadline, p);
    p->retry = loop_timer_new(l, on_retry, p);
    return p;
}

void pg_pool_configure(struct pg_pool *p, const struct pg_options *options)
{
    unsigned size = options->size ? options->size : 1;
    struct pg_conn *c;
    metric_add(METRIC_database_connections_max, (int64_t)size - p->options.size);
    metric_add(METRIC_database_waiting_max, (int64_t)options->max_waiting - p->options.max_waiting);
    p->options.size = size;
    p->options.max_waiting = options->max_waiting;
    p->connector.connect_ms = p->options.connect_ms = options->connect_ms;
    p->options.statement_ms = options->statement_ms;
    while (p->conn_count > size && (c = LIST_FIRST(&p->idle))) {
        conn_destroy(c);
    }
    pool_kick(p);
}

void pg_pool_free(struct pg_pool *p)
{
    struct pg_lease *lease;
    struct pg_conn *c;
    if (!p) {
        return;
    }
    for (enum pg_lane lane = 0; lane < PG_LANES; lane++) {
        while ((lease = TAILQ_FIRST(&p->lanes[lane].queue))) {
            pg_lease_cancel(lease);
        }
    }
    while ((c = TAILQ_FIRST(&p->conns))) {
        conn_destroy(c);
    }
    p->is_failing = false;
    settle_away(p);
    metric_add(METRIC_database_connections_max, -(int64_t)p->options.size);
    metric_add(METRIC_database_waiting_max, -(int64_t)p->options.max_waiting);
    loop_timer_free(p->kick);
    loop_timer_free(p->deadline);
    loop_timer_free(p->retry);
    pg_conninfo_fini(&p->info);
    free(p);
}
