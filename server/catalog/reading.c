/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads on standbys that miss nothing.
 *
 * The rule: what any server acknowledged before the read arrived, the read sees. A lag in seconds cannot say that, so
 * positions in the write-ahead log do:
 *
 *     read arrives -> the primary is asked for its position (and timeline)        one question for all that wait
 *                  -> a connection of a standby is leased
 *                  -> has it replayed that position, of that timeline?  yes: the read goes there
 *                                                                       not yet: asked again, until wait_ms is over
 *                  -> else the primary, as without standbys
 *
 * The position is asked for after the read arrived, never taken from an answer that was under way: a commit that was
 * acknowledged is in the log before that, and what the standby has replayed its next snapshot sees. Hence two statements
 * there: in one, the snapshot would be older than the answer. Both must reach the same server: a pooler's entry leads to
 * one standby (docs/operations.md). Nothing else is remembered of a session.
 *
 * Flushed is what acknowledged commits are, unless synchronous_commit is off; then it is what is inserted.
 *
 * Timelines. A promoted standby goes on in a timeline of its own, and a position of one says nothing in another: a standby
 * that was left behind may be further in the old one than the new primary is. So every timeline has a row in
 * dpp.timelines, written on its primary by the first server that meets it, with an id by chance, as two standbys promoted
 * at once give their timelines the same number. The primary's question fetches the last row; a standby follows
 * the primary if that is its last row too. A standby that was promoted itself is taken only if it is the very primary that
 * was asked: its own timeline is that of the row.
 *
 *   when                                             the read goes            reason counted
 *   the standby has it in time                       to the standby           -
 *   it lags, or follows another timeline             to the primary           stale
 *   no connection to it within wait_ms               to the primary           away
 *   it says nothing on one for SILENT_MS             to the primary           away
 *   the statement fails there before it had effect   again, to the primary    conflict (reading_start_over)
 *   the primary cannot be asked                      to the primary: fails as without standbys
 *
 * After such a failure the standby rests: for REST_MS reads go to the primary at once, then one of them tries it, and
 * the others follow when that one has found it fresh. So a standby that lags or is gone costs wait_ms once a second and not
 * each read, and the log says once that it is left alone and once that it is used again.
 */
#include "catalog/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum {
    REST_MS = 1000,
    SILENT_MS = 1000, /* a machine that has vanished closes no connection */
    NAP_FIRST_MS = 1, /* between two looks at a standby that is behind; doubles */
    NAP_MOST_MS = 16,
};

#define TIMELINE(lsn) "('x' || substr(pg_walfile_name(" lsn "), 1, 8))::bit(32)::int"

static const char question_sql[] =
    "with p as materialized (select case when pg_is_in_recovery() then null"
    " when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()"
    " else pg_current_wal_flush_lsn() end as lsn),"
    " t as materialized (select l.id, l.timeline from dpp.timelines l order by l.n desc limit 1)"
    " select p.lsn::text, t.timeline, t.id::text from p left join t"
    " on p.lsn is not null and t.timeline = " TIMELINE("p.lsn");

/* A row that is lost with the primary is written anew on the next, so it waits for no standby. */
static const char note_sql[] =
    "insert into dpp.timelines (system_identifier, timeline)"
    " select c.system_identifier, c.timeline from"
    " (select s.system_identifier, " TIMELINE(
        "pg_current_wal_flush_lsn()") " as timeline"
                                      " from pg_control_system() s where not pg_is_in_recovery()) "
                                      "as c"
                                      " where set_config('synchronous_commit', 'local', true) is "
                                      "not null"
                                      " and not exists (select from"
                                      " (select l.* from dpp.timelines l order by l.n desc limit "
                                      "1) as l"
                                      " where l.system_identifier = c.system_identifier and "
                                      "l.timeline = c.timeline)";

enum verdict { FRESH, BEHIND, ELSEWHERE };
static const char check_sql[] =
    "select case when (select l.id from dpp.timelines l order by l.n desc limit 1)"
    " is distinct from $2::text::uuid then 2"
    " when pg_is_in_recovery() then case when pg_last_wal_replay_lsn() >= $1::text::pg_lsn then 0"
    " else 1 end"
    " when " TIMELINE("pg_current_wal_flush_lsn()") " = $3::text::int then 0 else 2 end";

struct position {
    char lsn[24], id[37], timeline[12];
};

enum attempt_state {
    ATTEMPT_WAITS,  /* for the next question */
    ATTEMPT_ASKS,   /* the question is under way */
    ATTEMPT_LEASES, /* a connection */
    ATTEMPT_CHECKS, /* whether that is fresh */
    ATTEMPT_NAPS,   /* until it is asked again */
};

/* To read on the standby. It ends with a connection of it, or with a lease of the primary. */
struct attempt {
    TAILQ_ENTRY(attempt) link;
    struct reading *of;
    struct reader *reader;
    int64_t deadline_ms; /* of the wait for the primary */
    int64_t until_ms;    /* of the wait for the standby */
    int64_t nap_ms;
    enum attempt_state state;
    bool is_scout; /* tries a standby that rests */
    enum verdict verdict;
    struct position wanted;
    struct pg_lease *lease;
    struct pg_conn *conn;
    struct loop_timer *timer;
};

struct reader {
    struct loop *loop;
    struct pg_pool *primary, *standby;
    int64_t wait_ms;
    TAILQ_HEAD(, attempt) attempts;
    struct pg_once *question;
    struct position answer;
    bool has_noted; /* this cluster's timeline, since the start */
    bool is_resting, has_scout;
    int64_t rest_until_ms;
};

static void ask(struct reader *r);
static void check(struct attempt *a);

/* ---- the end of one ---- */

static void attempt_free(struct attempt *a)
{
    struct reader *r = a->reader;
    TAILQ_REMOVE(&r->attempts, a, link);
    if (a->is_scout)
        r->has_scout = false;
    a->of->attempt = NULL;
    loop_timer_free(a->timer);
    free(a);
}

static void hand_over(struct reading *g, struct pg_conn *conn, bool on_standby,
                      const struct err *why)
{
    struct reading done = *g;
    *g = (struct reading){0};
    if (conn)
        metric_add_at(METRIC_reads,
                      (struct metric_at){.a = on_standby ? PLACE_standby : PLACE_primary}, 1);
    done.cb(conn, on_standby, why, done.arg);
}

static void on_primary(struct pg_conn *conn, const struct err *why, void *arg)
{
    hand_over(arg, conn, false, why);
}

static void go_to_primary(struct reading *g, int64_t timeout_ms)
{
    g->lease = pg_lease_start(g->reader->primary, timeout_ms, on_primary, g);
}

static void give_up(struct attempt *a)
{
    struct reading *g = a->of;
    int64_t left = a->deadline_ms - clock_now_ms();
    if (a->conn)
        pg_release(a->conn);
    attempt_free(a);
    go_to_primary(g, left);
}

/* ---- the rest of a standby ---- */

static void begin_rest(struct reader *r, enum fallback_value reason, const char *why)
{
    metric_add_at(METRIC_standby_fallbacks, (struct metric_at){.a = reason}, 1);
    r->rest_until_ms = clock_now_ms() + REST_MS;
    if (r->is_resting)
        return;
    r->is_resting = true;
    if (metric_get(METRIC_standby_resting) == 0)
        log_warn(NULL, "standby.left", "note=\"reading on the primary\" why=\"%s\"", why);
    metric_add(METRIC_standby_resting, 1);
}

static void end_rest(struct reader *r)
{
    if (!r->is_resting)
        return;
    r->is_resting = false;
    metric_add(METRIC_standby_resting, -1);
    if (metric_get(METRIC_standby_resting) == 0)
        log_info(NULL, "standby.used", "note=\"reading on the standby\"");
}

static void fall_back(struct attempt *a, enum fallback_value reason, const char *why)
{
    begin_rest(a->reader, reason, why);
    give_up(a);
}

/* ---- is it fresh ---- */

static void on_timer(void *arg)
{
    struct attempt *a = arg;
    if (a->state == ATTEMPT_NAPS)
        check(a);
    else
        fall_back(a, FALLBACK_away, "the standby says nothing");
}

static void set_timer(struct attempt *a, int64_t ms)
{
    if (!a->timer)
        a->timer = loop_timer_new(a->reader->loop, on_timer, a);
    loop_timer_set(a->timer, ms);
}

static void nap_or_fall_back(struct attempt *a)
{
    int64_t left = a->until_ms - clock_now_ms();
    if (left <= 0) {
        fall_back(a, FALLBACK_stale,
                  a->verdict == BEHIND ? "the standby is behind"
                                       : "the standby does not follow this primary");
        return;
    }
    a->state = ATTEMPT_NAPS;
    set_timer(a, a->nap_ms < left ? a->nap_ms : left);
    a->nap_ms = 2 * a->nap_ms < NAP_MOST_MS ? 2 * a->nap_ms : NAP_MOST_MS;
}

static void on_verdict(const struct pg_row *row, void *arg)
{
    struct attempt *a = arg;
    a->verdict = (enum verdict)pg_int(row, 0);
}

static void on_checked(const struct err *result, int64_t rows, void *arg)
{
    struct attempt *a = arg;
    (void)rows;
    loop_timer_clear(a->timer);
    if (result->code != RC_OK) {
        fall_back(a, FALLBACK_away, result->text);
    } else if (a->verdict == FRESH) {
        struct reading *g = a->of;
        struct pg_conn *conn = a->conn;
        end_rest(a->reader);
        attempt_free(a);
        hand_over(g, conn, true, NULL);
    } else {
        nap_or_fall_back(a);
    }
}

static void check(struct attempt *a)
{
    struct pg_param params[] = {pg_text(a->wanted.lsn), pg_text(a->wanted.id),
                                pg_text(a->wanted.timeline)};
    struct pg_query q = {.sql = check_sql,
                         .params = params,
                         .param_count = 3,
                         .on_row = on_verdict,
                         .on_done = on_checked,
                         .arg = a};
    a->state = ATTEMPT_CHECKS;
    a->verdict = ELSEWHERE;
    set_timer(a, SILENT_MS);
    pg_query_start(a->conn, &q);
}

static void on_standby(struct pg_conn *conn, const struct err *why, void *arg)
{
    struct attempt *a = arg;
    a->lease = NULL;
    a->conn = conn;
    if (conn)
        check(a);
    else
        fall_back(a, FALLBACK_away, why->text);
}

/* ---- where is the primary ---- */

/* Those whose question has been answered; NULL = it failed. */
static void answer_all(struct reader *r, const struct position *at)
{
    struct attempt *next;
    for (struct attempt *a = TAILQ_FIRST(&r->attempts); a; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->state != ATTEMPT_ASKS)
            continue;
        if (!at) {
            give_up(a);
            continue;
        }
        a->wanted = *at;
        a->until_ms = clock_now_ms() + r->wait_ms;
        a->state = ATTEMPT_LEASES;
        a->lease = pg_lease_start(r->standby, r->wait_ms, on_standby, a);
    }
}

static void on_answer_row(const struct pg_row *row, void *arg)
{
    struct reader *r = arg;
    struct span lsn = pg_octets(row, 0), id = pg_octets(row, 2);
    if (lsn.len >= sizeof(r->answer.lsn) || id.len >= sizeof(r->answer.id) || pg_is_null(row, 2))
        return;
    snprintf(r->answer.lsn, sizeof(r->answer.lsn), "%.*s", (int)lsn.len, (const char *)lsn.data);
    snprintf(r->answer.id, sizeof(r->answer.id), "%.*s", (int)id.len, (const char *)id.data);
    snprintf(r->answer.timeline, sizeof(r->answer.timeline), "%d", (int)pg_int(row, 1));
}

static void ask_for(struct reader *r, const char *sql,
                    void (*on_done)(const struct err *result, int64_t rows, void *arg))
{
    struct pg_query q = {.sql = sql, .on_row = on_answer_row, .on_done = on_done, .arg = r};
    int64_t deadline_ms = 0;
    struct attempt *a;
    TAILQ_FOREACH (a, &r->attempts, link) {
        if (a->state == ATTEMPT_ASKS && a->deadline_ms > deadline_ms)
            deadline_ms = a->deadline_ms;
    }
    r->answer = (struct position){0};
    r->question = pg_once_start(r->primary, deadline_ms - clock_now_ms(), &q);
}

static void on_noted(const struct err *result, int64_t rows, void *arg);

static void on_answer(const struct err *result, int64_t rows, void *arg)
{
    struct reader *r = arg;
    bool is_known = result->code == RC_OK && r->answer.id[0];
    (void)rows;
    r->question = NULL;
    if (result->code == RC_OK && !is_known && r->has_noted) {
        r->has_noted = false; /* another timeline now */
        ask_for(r, note_sql, on_noted);
        return;
    }
    answer_all(r, is_known ? &r->answer : NULL);
    ask(r);
}

static void on_noted(const struct err *result, int64_t rows, void *arg)
{
    struct reader *r = arg;
    (void)rows;
    r->question = NULL;
    if (result->code == RC_OK) {
        r->has_noted = true;
        ask_for(r, question_sql, on_answer);
        return;
    }
    answer_all(r, NULL);
    ask(r);
}

/* One question for all that wait. */
static void ask(struct reader *r)
{
    struct attempt *a;
    bool is_wanted = false;
    if (r->question)
        return;
    TAILQ_FOREACH (a, &r->attempts, link) {
        if (a->state == ATTEMPT_WAITS) {
            a->state = ATTEMPT_ASKS;
            is_wanted = true;
        }
    }
    if (is_wanted && r->has_noted)
        ask_for(r, question_sql, on_answer);
    else if (is_wanted)
        ask_for(r, note_sql, on_noted);
}

/* ---- the caller's ---- */

static void attempt_start(struct reading *g, int64_t timeout_ms, bool is_scout)
{
    struct reader *r = g->reader;
    struct attempt *a = xcalloc(1, sizeof(*a));
    a->of = g;
    a->reader = r;
    a->deadline_ms = clock_now_ms() + timeout_ms;
    a->nap_ms = NAP_FIRST_MS;
    a->is_scout = is_scout;
    r->has_scout = r->has_scout || is_scout;
    g->attempt = a;
    TAILQ_INSERT_TAIL(&r->attempts, a, link);
    ask(r);
}

void reading_start(struct reading *g, struct reader *r, int64_t timeout_ms, reading_cb cb,
                   void *arg)
{
    *g = (struct reading){.reader = r, .cb = cb, .arg = arg};
    bool may_scout = r->is_resting && !r->has_scout && clock_now_ms() >= r->rest_until_ms;
    if (!r->standby || (r->is_resting && !may_scout))
        go_to_primary(g, timeout_ms);
    else
        attempt_start(g, timeout_ms, may_scout);
}

void reading_start_over(struct reading *g, struct reader *r, int64_t timeout_ms,
                        const struct err *failure, reading_cb cb, void *arg)
{
    *g = (struct reading){.reader = r, .cb = cb, .arg = arg};
    begin_rest(r, FALLBACK_conflict, failure->text);
    go_to_primary(g, timeout_ms);
}

void reading_cancel(struct reading *g)
{
    struct attempt *a = g->attempt;
    if (g->lease)
        pg_lease_cancel(g->lease);
    if (a) {
        if (a->lease)
            pg_lease_cancel(a->lease);
        if (a->conn)
            pg_release(a->conn);
        attempt_free(a);
    }
    *g = (struct reading){0};
}

struct reader *reader_new(struct loop *l, struct pg_pool *primary, struct pg_pool *standby,
                          int64_t wait_ms)
{
    struct reader *r = xcalloc(1, sizeof(*r));
    r->loop = l;
    r->primary = primary;
    r->standby = standby;
    r->wait_ms = wait_ms;
    TAILQ_INIT(&r->attempts);
    return r;
}

void reader_free(struct reader *r)
{
    if (!r)
        return;
    if (r->question)
        pg_once_cancel(r->question);
    if (r->is_resting)
        metric_add(METRIC_standby_resting, -1);
    free(r);
}

void reader_configure(struct reader *r, int64_t wait_ms)
{
    r->wait_ms = wait_ms;
}

struct pg_pool *reader_primary(const struct reader *r)
{
    return r->primary;
}

bool reader_has_standby(const struct reader *r)
{
    return r->standby != NULL;
}
