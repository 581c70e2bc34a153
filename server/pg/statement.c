/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/statement: one statement at a time on a leased connection, without blocking.
 *
 *   step      NONE -> [DEALLOCATE ->] [PREPARE ->] EXECUTE -> NONE         a named statement's first use
 *             NONE -> EXECUTE -> NONE                                      every later use: one round trip
 *             NONE -> ROLLBACK -> NONE                                     after release in a transaction
 *   outcome   is_running, then is_ended once the result is known, then on_done
 *
 * Each step: PQsend..., PQflush until nothing is left (while waiting for room, what the server says is
 * read too, or both sides could wait for each other), then results until NULL. Input is taken in
 * (PQconsumeInput) only while libpq has no whole result left (PQisBusy): otherwise rows would pile up in
 * memory behind a paused reader. A paused statement has no interest in its socket at all, so TCP holds
 * the server back.
 *
 * Cancelling. PQcancel runs on the cancel thread. What it cancels is "whatever that backend runs when the
 * signal arrives", so neither the next statement nor the next owner may have the connection before both
 * PQcancel has returned and the results are drained; on_done waits for that too. The request can also come
 * too early, when the backend has not read the statement yet, and is then lost: it is repeated until the
 * statement ends or the connection is given up.
 *
 * A prepared statement that the server has forgotten (26000) or whose result type changed (0A000) is
 * prepared again under a new name and sent once more, if that cannot do anything twice: outside a
 * transaction the failed statement has left nothing behind, and no row of it was handed out. For that the
 * parameters are kept; inside a transaction there is no second try, and large octets are not copied.
 *
 * Losses are never reported from inside a call of the owner: they set is_ended and kick.
 */
#include "pg_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum {
    CANCEL_AGAIN_MS = 200, /* a cancel request that came too early is repeated */
    GIVE_UP_MS = 5000,     /* a statement that cannot be cancelled takes its connection with it */
    ROLLBACK_MS = 5000,
};

static bool is_held(const struct pg_conn *c)
{
    const struct pg_statement *st = &c->st;
    return st->is_paused && st->step == PG_STEP_EXECUTE && st->stop == PG_STOP_NONE &&
           c->state == PG_CONN_LEASED;
}

static void update_interest(struct pg_conn *c)
{
    unsigned interest = is_held(c) ? 0 : LOOP_READ;
    if (c->st.is_flushing) {
        interest |= LOOP_WRITE;
    }
    conn_set_interest(c, interest);
}

static void note_progress(struct pg_conn *c)
{
    const struct pg_statement *st = &c->st;
    if (st->is_running && st->stop == PG_STOP_NONE && !st->is_ended && !is_held(c)) {
        conn_set_deadline(c, c->pool->options.statement_ms);
    }
}

static void lose(struct pg_conn *c)
{
    struct err why;
    pg_err_from_conn(&why, RC_IO, c->pg);
    err_set(&why, RC_IO, "connection lost: %s", why.text);
    conn_lost(c, &why);
}

static bool flush(struct pg_conn *c)
{
    int left = PQflush(c->pg);
    if (left < 0) {
        lose(c);
        return false;
    }
    c->st.is_flushing = left > 0;
    update_interest(c);
    return true;
}

static int send_deallocate(struct pg_conn *c)
{
    const struct pg_prepared *e = c->st.evicted ? c->st.evicted : c->st.prepared;
    char sql[sizeof "deallocate " + sizeof e->name];
    snprintf(sql, sizeof sql, "deallocate %s", e->name);
    return PQsendQuery(c->pg, sql);
}

static int send_execute(struct pg_conn *c)
{
    enum { BINARY = 1 };
    const struct pg_statement *st = &c->st;
    const struct pg_bound *b = &st->bound;
    int ok = st->prepared ? PQsendQueryPrepared(c->pg, st->prepared->name, b->count, b->values,
                                                b->lengths, b->formats, BINARY)
                          : PQsendQueryParams(c->pg, st->sql, b->count, b->types, b->values,
                                              b->lengths, b->formats, BINARY);
    return ok && PQsetSingleRowMode(c->pg);
}

/* A failure ends in conn_lost. */
static void send_step(struct pg_conn *c, enum pg_step step)
{
    struct pg_statement *st = &c->st;
    int ok = 0;
    st->step = step;
    switch (step) {
    case PG_STEP_DEALLOCATE:
        ok = send_deallocate(c);
        break;
    case PG_STEP_PREPARE:
        ok = PQsendPrepare(c->pg, st->prepared->name, st->prepared->sql,
                           (int)st->prepared->type_count, st->prepared->types);
        break;
    case PG_STEP_EXECUTE:
        ok = send_execute(c);
        break;
    case PG_STEP_ROLLBACK:
        ok = PQsendQuery(c->pg, "rollback");
        break;
    case PG_STEP_NONE:
        break;
    }
    if (!ok) {
        lose(c);
        return;
    }
    flush(c);
}

/* ---- the end ---- */

/* What the owner is told. A statement that had ended before the cancel arrived has ended well, unless
 * rows of it were thrown away. */
static void judge(const struct pg_statement *st, struct err *result)
{
    *result = st->result;
    if (result->code == RC_OK && st->is_unreplicated) {
        if (st->stop == PG_STOP_TIMEOUT) {
            err_set_limit(result, LIMIT_database_statement_timeout, 0,
                          "the standby has not confirmed it");
            result->code = RC_DB;
        } else {
            err_set(result, RC_DB, "the standby has not confirmed it");
        }
        snprintf(result->sqlstate, sizeof result->sqlstate, PG_UNREPLICATED);
        return;
    }
    if (st->stop == PG_STOP_NONE || (result->code == RC_OK && !st->has_dropped_rows)) {
        return;
    }
    if (st->stop == PG_STOP_CANCELED) {
        err_set(result, RC_CANCELED, "the statement was cancelled");
        return;
    }
    bool is_lost = result->code == RC_IO;
    err_set_limit(result, LIMIT_database_statement_timeout, 0, "no progress, %s",
                  is_lost ? "connection dropped" : "cancelled");
    if (is_lost) {
        result->code =
            RC_IO; /* given up: whether a write took place is unknown, and this says so */
    }
}

/* read_only_sql_transaction, where a session was wanted that may write: its server was demoted, or the pooler has
 * another one now. */
static bool is_misplaced(const struct pg_conn *c, const struct err *result)
{
    enum pg_kind wanted = c->pool->info.kind;
    return result->code == RC_DB && strcmp(result->sqlstate, "25006") == 0 &&
           (wanted == PG_KIND_READ_WRITE ||
            (wanted == PG_KIND_PRIMARY && c->pg && !pg_kind_fits(PG_KIND_PRIMARY, c->pg)));
}

/* Once for a statement, not for each row. */
static void count_rows(struct pg_statement *st)
{
    if (st->taken) {
        metric_add(METRIC_database_rows, st->taken);
    }
    st->taken = 0;
}

static void finish(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    struct err result;
    judge(st, &result);
    if (is_misplaced(c, &result)) {
        result.code = RC_AGAIN; /* nothing was done, and another session may do it */
        pool_on_misplaced(c);
    }
    if (result.code != RC_OK && result.code != RC_CANCELED) {
        struct log_ctx ctx = {.limit = result.limit};
        metric_add(METRIC_database_errors, 1);
        log_debug(&ctx, "db.statement_failed", "connection=%u code=%s sqlstate=%s reason=\"%s\"",
                  c->number, rc_name(result.code), result.sqlstate, result.text);
    }
    metric_observe(METRIC_database_statement_seconds, 0, clock_now_us() - st->started_us);
    count_rows(st);
    st->is_running = false;
    pg_bound_trim(&st->bound);
    conn_set_deadline(c, 0);
    st->on_done(&result, st->rows, st->arg);
}

/* The results are drained (or will never come). */
static void end(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    st->step = PG_STEP_NONE;
    if (c->state == PG_CONN_CLEANING) {
        statement_clean_up(c);
        return;
    }
    st->is_ended = true;
    if (!c->cancel) {
        finish(c);
    }
}

/* From inside a call: on_done comes later. */
static void end_later(struct pg_conn *c)
{
    c->st.step = PG_STEP_NONE;
    c->st.is_ended = true;
    conn_kick(c);
}

void statement_on_lost(struct pg_conn *c, const struct err *why)
{
    struct pg_statement *st = &c->st;
    if (!st->is_running) {
        return;
    }
    st->is_flushing = false;
    st->prepared = st->evicted = NULL; /* the cache has been cleared */
    if (!st->is_ended) {
        /* The server's last words say more than libpq's. */
        struct err last = st->result;
        bool has_words = last.code == RC_DB;
        err_set(&st->result, why->code, "%s%s", has_words ? "connection lost: " : "",
                has_words ? last.text : why->text);
    }
    end_later(c);
}

/* ---- cancel ---- */

static void on_cancel(bool was_sent, const char *why, void *arg)
{
    struct pg_conn *c = arg;
    conn_enter(c);
    c->cancel = NULL;
    if (!was_sent) {
        char line[200];
        pg_one_line(line, sizeof line, why);
        log_debug(NULL, "db.cancel_failed", "connection=%u reason=\"%s\"", c->number, line);
    }
    if (c->state == PG_CONN_CLEANING) {
        statement_clean_up(c);
    } else if (c->st.is_running && c->st.is_ended) {
        finish(c);
    }
    conn_leave(c);
}

static void send_cancel(struct pg_conn *c)
{
    if (!c->cancel) {
        /* NULL (no memory) is made good by the repetition. */
        c->cancel = pg_cancel_start(c->pg, c->pool->mailbox, on_cancel, c);
    }
    conn_set_deadline(c, CANCEL_AGAIN_MS);
}

static void begin_stop(struct pg_conn *c, enum pg_stop stop)
{
    struct pg_statement *st = &c->st;
    st->stop = stop;
    st->give_up_ms = clock_now_ms() + GIVE_UP_MS;
    send_cancel(c);
    update_interest(c);
    conn_kick(c); /* rows that libpq holds are thrown away */
}

void statement_on_deadline(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    struct err why;
    if (!c->pg || is_held(c) || (st->step == PG_STEP_NONE && !c->cancel)) {
        return;
    }
    if (st->stop == PG_STOP_NONE && st->step != PG_STEP_ROLLBACK) {
        begin_stop(c, PG_STOP_TIMEOUT);
    } else if (st->step == PG_STEP_ROLLBACK || clock_now_ms() >= st->give_up_ms) {
        err_set(&why, RC_IO, "the statement could not be cancelled in time");
        conn_lost(c, &why);
    } else {
        if (st->step != PG_STEP_NONE) {
            send_cancel(c);
        }
        conn_set_deadline(c, CANCEL_AGAIN_MS);
    }
}

/* ---- results ---- */

static void take_row(struct pg_conn *c, const PGresult *result)
{
    struct pg_statement *st = &c->st;
    if (st->stop != PG_STOP_NONE || c->state != PG_CONN_LEASED) {
        st->has_dropped_rows = true;
        return;
    }
    st->rows++;
    st->taken++;
    if (st->on_row) {
        struct pg_row row = {.result = result};
        st->on_row(&row, st->arg);
    }
}

static void take_result(struct pg_conn *c, PGresult *result)
{
    struct pg_statement *st = &c->st;
    struct err why;
    switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
        take_row(c, result);
        break;
    case PGRES_COMMAND_OK:
        st->rows = strtoll(PQcmdTuples(result), NULL, 10);
        break;
    case PGRES_TUPLES_OK: /* after the last row */
    case PGRES_EMPTY_QUERY:
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH: /* would wait for us for ever */
        err_set(&why, RC_UNSUPPORTED, "copy is not possible on a pooled connection");
        conn_lost(c, &why);
        break;
    default:
        if (st->result.code == RC_OK) {
            pg_err_from_result(&st->result, result, c->pg);
        }
    }
    PQclear(result);
}

static bool is_outdated(const struct pg_statement *st)
{
    return st->prepared && st->result.code == RC_DB &&
           (strcmp(st->result.sqlstate, "26000") == 0 || strcmp(st->result.sqlstate, "0A000") == 0);
}

/* EXECUTE has ended. */
static void executed(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    if (!is_outdated(st)) {
        end(c);
        return;
    }
    bool is_known = strcmp(st->result.sqlstate, "26000") != 0;
    bool may_retry = !st->was_in_transaction && !st->was_retried && st->rows == 0 &&
                     st->stop == PG_STOP_NONE && c->state == PG_CONN_LEASED;
    if (!may_retry) {
        /* At its next use it is prepared again; the server keeps the old one until the connection ends. */
        pg_cache_rename(&c->cache, st->prepared);
        end(c);
        return;
    }
    log_debug(NULL, "db.prepare_again", "connection=%u sqlstate=%s", c->number,
              st->result.sqlstate);
    st->was_retried = true;
    st->result = (struct err){0};
    if (is_known) {
        send_step(c, PG_STEP_DEALLOCATE);
    } else {
        pg_cache_rename(&c->cache, st->prepared);
        send_step(c, PG_STEP_PREPARE);
    }
}

static bool may_go_on(const struct pg_conn *c)
{
    return c->st.stop == PG_STOP_NONE && c->state == PG_CONN_LEASED;
}

/* All results of a step have come. */
static void step_done(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    switch (st->step) {
    case PG_STEP_DEALLOCATE:
        /* A failure means that the server had forgotten it (or, in stopping, that we were cancelled:
         * then one statement stays prepared without use). */
        st->result = (struct err){0};
        if (st->evicted) {
            pg_cache_remove(&c->cache, st->evicted);
            st->evicted = NULL;
        } else {
            pg_cache_rename(&c->cache, st->prepared);
        }
        if (may_go_on(c)) {
            send_step(c, PG_STEP_PREPARE);
            break;
        }
        st->has_dropped_rows = true;
        end(c);
        break;
    case PG_STEP_PREPARE:
        st->prepared->is_ready = st->result.code == RC_OK;
        if (st->prepared->is_ready && may_go_on(c)) {
            send_step(c, PG_STEP_EXECUTE);
            break;
        }
        if (!st->prepared->is_ready) {
            pg_cache_remove(&c->cache, st->prepared);
            st->prepared = NULL;
        }
        st->has_dropped_rows = true; /* not executed: never a success */
        end(c);
        break;
    case PG_STEP_EXECUTE:
        executed(c);
        break;
    case PG_STEP_ROLLBACK:
        st->step = PG_STEP_NONE;
        statement_clean_up(c);
        break;
    case PG_STEP_NONE:
        break;
    }
}

/* Results as far as libpq has them and nobody holds them back. */
static void pump(struct pg_conn *c)
{
    while (c->pg && c->st.step != PG_STEP_NONE && !is_held(c) && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        if (result) {
            take_result(c, result);
        } else if (PQstatus(c->pg) != CONNECTION_OK) {
            lose(c);
        } else {
            step_done(c);
        }
    }
    if (c->pg) {
        if (c->st.step == PG_STEP_NONE) {
            (void)PQisBusy(c->pg); /* lets libpq handle notices */
        }
        update_interest(c);
    }
}

static bool wants_input(const struct pg_conn *c)
{
    return c->st.step == PG_STEP_NONE || c->st.is_flushing || (!is_held(c) && PQisBusy(c->pg));
}

void statement_on_ready(struct pg_conn *c, unsigned ready)
{
    do {
        if ((ready & LOOP_READ) && wants_input(c) && !PQconsumeInput(c->pg)) {
            lose(c);
            return;
        }
        note_progress(c);
        if (c->st.is_flushing && !flush(c)) {
            return;
        }
        pump(c);
        ready |= LOOP_READ;
    } while (c->pg && c->st.step != PG_STEP_NONE && !is_held(c) && conn_has_unread(c));
}

void statement_on_kick(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    if (st->is_running && st->is_ended) {
        if (!c->cancel) {
            finish(c);
        }
    } else if (c->pg) {
        pump(c);
        if (c->pg && st->step != PG_STEP_NONE && !is_held(c) && conn_has_unread(c)) {
            statement_on_ready(c, LOOP_READ);
        }
    }
}

void statement_clean_up(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    struct err why;
    if (st->step != PG_STEP_NONE || c->cancel) {
        return; /* comes again when drained, and when PQcancel has returned */
    }
    st->stop = PG_STOP_NONE;
    pg_bound_trim(&st->bound);
    switch (PQtransactionStatus(c->pg)) {
    case PQTRANS_IDLE:
        conn_set_deadline(c, 0);
        pool_on_clean(c);
        return;
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        if (!st->was_rolled_back) {
            st->was_rolled_back = true;
            st->result = (struct err){0};
            conn_set_deadline(c, ROLLBACK_MS);
            send_step(c, PG_STEP_ROLLBACK);
            return;
        }
        break;
    default:
        break;
    }
    err_set(&why, RC_IO, "the transaction could not be rolled back");
    conn_lost(c, &why);
}

void statement_fini(struct pg_conn *c)
{
    pg_bound_fini(&c->st.bound);
}

/* ---- the owner's calls ---- */

/* An unnamed statement is planned each time, with its values known. */
static bool may_be_named(const struct pg_conn *c, const struct pg_query *q)
{
    return c->pool->options.prepare && !q->plan_with_values;
}

/* Finds or makes the prepared statement and says with which step to begin. */
static enum pg_step first_step(struct pg_conn *c, const struct pg_query *q,
                               struct pg_prepared *known)
{
    struct pg_statement *st = &c->st;
    if (known) {
        st->prepared = known;
        return known->is_ready ? PG_STEP_EXECUTE : PG_STEP_PREPARE;
    }
    struct pg_prepared *oldest = pg_cache_oldest(&c->cache);
    if (!may_be_named(c, q) || (oldest && st->was_in_transaction)) {
        /* A failing `deallocate` would abort the owner's transaction: unnamed this time. */
        st->sql = q->sql;
        return PG_STEP_EXECUTE;
    }
    st->prepared = pg_cache_add(&c->cache, q);
    st->evicted = oldest;
    return oldest ? PG_STEP_DEALLOCATE : PG_STEP_PREPARE;
}

void pg_query_start(struct pg_conn *c, const struct pg_query *q)
{
    struct pg_statement *st = &c->st;
    assert(c->state == PG_CONN_LEASED && !st->is_running);
    struct pg_bound bound = st->bound;
    *st = (struct pg_statement){.is_running = true,
                                .bound = bound,
                                .started_us = clock_now_us(),
                                .on_row = q->on_row,
                                .on_done = q->on_done,
                                .arg = q->arg};
    if (!c->pg) {
        err_set(&st->result, RC_IO, "the database connection was lost");
        end_later(c);
        return;
    }
    st->was_in_transaction = PQtransactionStatus(c->pg) != PQTRANS_IDLE;
    bool is_named = may_be_named(c, q);
    struct pg_prepared *known = is_named ? pg_cache_find(&c->cache, q) : NULL;
    /* Kept for the sending after PREPARE and for the second try. */
    bool keep = is_named && !(st->was_in_transaction && known && known->is_ready);
    if (pg_bound_set(&st->bound, q->params, q->param_count, keep, &st->result) != RC_OK) {
        end_later(c);
        return;
    }
    size_t octets = pg_bound_octets(&st->bound);
    c->most_sent = octets > c->most_sent ? octets : c->most_sent;
    conn_set_deadline(c, c->pool->options.statement_ms);
    send_step(c, first_step(c, q, known));
    st->sql = NULL;
}

void pg_query_pause(struct pg_conn *c)
{
    if (!c->st.is_running || c->st.is_ended || c->st.stop != PG_STOP_NONE) {
        return;
    }
    c->st.is_paused = true;
    if (is_held(c)) {
        conn_set_deadline(c, 0); /* the owner's own delay is no lack of progress */
    }
    update_interest(c);
}

void pg_query_resume(struct pg_conn *c)
{
    if (!c->st.is_paused) {
        return;
    }
    c->st.is_paused = false;
    if (c->st.is_running && !c->st.is_ended && c->pg) {
        note_progress(c);
        update_interest(c);
        conn_kick(c);
    }
}

void pg_query_cancel(struct pg_conn *c)
{
    const struct pg_statement *st = &c->st;
    if (st->is_running && !st->is_ended && st->stop == PG_STOP_NONE) {
        begin_stop(c, PG_STOP_CANCELED);
    }
}

bool pg_query_is_running(const struct pg_conn *c)
{
    return c->st.is_running;
}

void pg_release(struct pg_conn *c)
{
    struct pg_statement *st = &c->st;
    struct pg_pool *p = c->pool;
    assert(c->state == PG_CONN_LEASED);
    conn_enter(c);
    st->is_running = false;
    metric_add(METRIC_database_connections_in_use, -1);
    count_rows(st);
    if (!c->pg) {
        conn_destroy(c);
        pool_on_lost(p);
    } else {
        c->state = PG_CONN_CLEANING;
        st->was_rolled_back = false;
        if (st->step != PG_STEP_NONE && st->stop == PG_STOP_NONE) {
            begin_stop(c, PG_STOP_CANCELED);
        }
        update_interest(c);
        statement_clean_up(c);
    }
    conn_leave(c);
}
