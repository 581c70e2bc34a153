/* SPDX-License-Identifier: Apache-2.0
 *
 * Places for associations to move destinations.
 *
 *   WAITING --statement: a row--> HELD --give back--> LEAVING --statement--> (freed)
 *    |  ^                         |  ^                |  ^
 *    |  +-- none free: POLL later |  |                |  +-- failed: POLL_MOST_MS later
 *    |                            |  +-- every REFRESH_MS: expires_at moves on
 *    +--------- give back --------+----> LEAVING, after the statement that still runs
 *
 * A slot has one statement at a time, and none is cancelled: whether a cancelled insert took the place would be
 * unknown, and the place lost until it expires. So slot_give_back lets the running statement end and deletes after
 * it, unless it is certain that there is nothing to delete. All times are the database's, so clocks of servers may
 * differ.
 *
 * Two servers that ask at once choose the same lowest free number; the primary key lets one through, the other
 * finds nothing returned and asks again. Asking again, and not LISTEN, because of poolers; the interval is
 * short at first since most moves are. Nobody is promised a turn: who asks first after a place has become
 * free has it.
 *
 * No statement waits for a standby (PG_WITHOUT_STANDBY): a lease is good for this primary only, and after a
 * failover the places that nobody holds there are taken anew.
 *
 * Errors are not passed on: the owner has a deadline, and asks slot_why when it is over. When a lease cannot be
 * moved on the association is kept: an association too many to one destination does less harm than a move
 * that ends in the middle.
 */
#include "catalog/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"

enum {
    POLL_FIRST_MS = 50,
    POLL_MOST_MS = 1000,
    REFRESH_MS = SLOT_LEASE_MS / 3,
    GOODBYE_MS = 1000,
};
#define LEASE "interval '30 seconds'"
_Static_assert(SLOT_LEASE_MS == 30000, "LEASE");

static const char take_sql[] =
    "insert into dpp.destination_slots as d (ae_title, slot, holder, expires_at)\n"
    "select $1::text, n.slot, $2::text, clock_timestamp() + " LEASE "\n"
    "from generate_series(1, $3::text::int) as n (slot)\n"
    "where " PG_WITHOUT_STANDBY "\n"
    "    and (select count(*) from dpp.destination_slots as o\n"
    "        where o.ae_title = $1::text and o.holder <> $2::text\n"
    "            and o.expires_at > clock_timestamp()) < $3::text::int\n"
    "    and not exists (\n"
    "        select from dpp.destination_slots as o\n"
    "        where o.ae_title = $1::text and o.slot = n.slot and o.expires_at > "
    "clock_timestamp())\n"
    "order by n.slot\n"
    "limit 1\n"
    "on conflict (ae_title, slot) do update\n"
    "set holder = excluded.holder, taken_at = clock_timestamp(), expires_at = excluded.expires_at\n"
    "where d.expires_at <= clock_timestamp() or d.holder = excluded.holder\n"
    "returning d.slot";
static const char refresh_sql[] =
    "update dpp.destination_slots set expires_at = clock_timestamp() + " LEASE "\n"
    "where ae_title = $1::text and holder = $2::text and " PG_WITHOUT_STANDBY "\n"
    "returning slot";
/* Also what was left by servers that died, once nobody can be puzzled by it. */
static const char give_back_sql[] = "delete from dpp.destination_slots\n"
                                    "where " PG_WITHOUT_STANDBY "\n"
                                    "    and ((ae_title = $1::text and holder = $2::text)\n"
                                    "    or expires_at < clock_timestamp() - interval '1 day')";

enum slot_state { SLOT_WAITING, SLOT_HELD, SLOT_LEAVING };

struct slot {
    struct slots *slots;
    enum slot_state state;
    char ae_title[17];
    char holder[96];
    unsigned limit;
    int64_t poll_ms;
    int64_t
        expires_ms; /* of one that leaves: the row, if there is one, does not count from then on */
    bool may_have_row;
    struct pg_once *once;
    struct loop_timer *timer;
    struct err why;
    void (*on_taken)(void *arg);
    void *arg;
    LIST_ENTRY(slot) link;
};

struct slots {
    struct loop *loop;
    struct pg_pool *pool;
    int64_t lease_timeout_ms;
    LIST_HEAD(, slot) all;
};

static void slot_free(struct slot *s)
{
    LIST_REMOVE(s, link);
    if (s->once)
        pg_once_cancel(s->once);
    loop_timer_free(s->timer);
    free(s);
}

static void slot_ask(struct slot *s, const char *sql, unsigned param_count,
                     void (*on_done)(const struct err *result, int64_t rows, void *arg))
{
    char limit[16];
    snprintf(limit, sizeof(limit), "%u", s->limit);
    struct pg_param params[] = {pg_text(s->ae_title), pg_text(s->holder), pg_text(limit)};
    struct pg_query q = {
        .sql = sql, .params = params, .param_count = param_count, .on_done = on_done, .arg = s};
    s->once = pg_once_start(s->slots->pool, s->slots->lease_timeout_ms, &q);
}

/* If this fails it is tried again, because others wait for the place, until the row has expired. */
static void on_gone(const struct err *result, int64_t rows, void *arg)
{
    struct slot *s = arg;
    (void)rows;
    s->once = NULL;
    if (result->code == RC_OK || clock_now_ms() >= s->expires_ms) {
        slot_free(s);
        return;
    }
    log_debug(NULL, "destination.slot_kept", "destination=\"%s\" why=\"%s\"", s->ae_title,
              result->text);
    loop_timer_set(s->timer, POLL_MOST_MS);
}

static void slot_leave(struct slot *s)
{
    if (s->may_have_row)
        slot_ask(s, give_back_sql, 2, on_gone);
    else
        slot_free(s);
}

static void on_refreshed(const struct err *result, int64_t rows, void *arg)
{
    struct slot *s = arg;
    s->once = NULL;
    if (s->state == SLOT_LEAVING) {
        slot_leave(s);
        return;
    }
    if (result->code != RC_OK || rows == 0)
        log_warn(NULL, "destination.slot_lost", "destination=\"%s\" why=\"%s\"", s->ae_title,
                 result->code != RC_OK ? result->text : "the row is no longer there");
    if (result->code != RC_OK || rows > 0)
        loop_timer_set(s->timer, REFRESH_MS);
}

static void slot_hold(struct slot *s)
{
    s->state = SLOT_HELD;
    if (s->may_have_row)
        loop_timer_set(s->timer, REFRESH_MS);
    s->on_taken(s->arg);
}

static void on_asked(const struct err *result, int64_t rows, void *arg)
{
    struct slot *s = arg;
    bool is_taken = result->code == RC_OK && rows > 0;
    bool is_standby = result->code == RC_DB && strcmp(result->sqlstate, "25006") == 0;
    s->once = NULL;
    s->why = *result;
    /* After an error the statement may have been committed all the same; asking again then finds its own row. */
    s->may_have_row = is_taken || (s->may_have_row && rows == 0) || result->code != RC_OK;
    if (is_standby)
        s->may_have_row = false;
    if (s->state == SLOT_LEAVING) {
        slot_leave(s);
    } else if (is_taken || is_standby) {
        if (is_standby)
            log_warn(NULL, "destination.unlimited", "destination=\"%s\" why=\"%s\"", s->ae_title,
                     result->text);
        slot_hold(s);
    } else {
        loop_timer_set(s->timer, s->poll_ms);
        s->poll_ms = s->poll_ms * 2 < POLL_MOST_MS ? s->poll_ms * 2 : POLL_MOST_MS;
    }
}

static void on_timer(void *arg)
{
    struct slot *s = arg;
    if (s->state == SLOT_LEAVING)
        slot_leave(s);
    else if (s->state == SLOT_HELD)
        slot_ask(s, refresh_sql, 2, on_refreshed);
    else
        slot_ask(s, take_sql, 3, on_asked);
}

/* Unique, and says to people where to look. */
static void name_holder(char *out, size_t size)
{
    char host[64] = "";
    uint64_t random = 0;
    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
        snprintf(host, sizeof(host), "unknown");
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort();
    snprintf(out, size, "%s/%ld/%016llx", host, (long)getpid(), (unsigned long long)random);
}

struct slot *slot_wait(struct slots *slots, const char *ae_title, unsigned limit,
                       void (*on_taken)(void *arg), void *arg)
{
    struct slot *s = xcalloc(1, sizeof(*s));
    s->slots = slots;
    snprintf(s->ae_title, sizeof(s->ae_title), "%s", ae_title);
    name_holder(s->holder, sizeof(s->holder));
    s->limit = limit ? limit : 1;
    s->poll_ms = POLL_FIRST_MS;
    s->on_taken = on_taken;
    s->arg = arg;
    s->timer = loop_timer_new(slots->loop, on_timer, s);
    LIST_INSERT_HEAD(&slots->all, s, link);
    slot_ask(s, take_sql, 3, on_asked);
    return s;
}

void slot_give_back(struct slot *s)
{
    if (!s)
        return;
    s->state = SLOT_LEAVING;
    s->expires_ms = clock_now_ms() + SLOT_LEASE_MS;
    loop_timer_clear(s->timer);
    if (!s->once)
        slot_leave(s);
}

const struct err *slot_why(const struct slot *s)
{
    return &s->why;
}

struct slots *slots_new(struct loop *l, struct pg_pool *pool, int64_t lease_timeout_ms)
{
    struct slots *s = xcalloc(1, sizeof(*s));
    s->loop = l;
    s->pool = pool;
    s->lease_timeout_ms = lease_timeout_ms;
    LIST_INIT(&s->all);
    return s;
}

static bool all_are_gone(void *arg)
{
    const struct slots *s = arg;
    return LIST_EMPTY(&s->all);
}

void slots_configure(struct slots *s, int64_t lease_timeout_ms)
{
    s->lease_timeout_ms = lease_timeout_ms;
}

void slots_free(struct slots *s)
{
    if (!s)
        return;
    struct slot *next;
    for (struct slot *slot = LIST_FIRST(&s->all); slot; slot = next) {
        next = LIST_NEXT(slot, link);
        if (slot->state != SLOT_LEAVING)
            slot_give_back(slot);
    }
    if (!all_are_gone(s) && pg_pool_is_healthy(s->pool))
        (void)loop_run_until(s->loop, all_are_gone, s, GOODBYE_MS);
    while (!LIST_EMPTY(&s->all))
        slot_free(LIST_FIRST(&s->all));
    free(s);
}
