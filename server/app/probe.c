/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's eye on its database: readiness, the schema, and the heartbeat in dpp.servers.
 *
 * Runs on the main loop with a pool of one connection, so it says what operations would meet and never
 * waits behind them. Three questions:
 *
 *   does it work    a statement every PROBE_MS (RETRY_MS while not)         -> health.database_ok, .read_only
 *   is it ours      presence_check on a thread of its own, because it blocks: whenever the database has
 *                   come back, when its migrations are others than before,
 *                   until it is in order, and every RECHECK_MS              -> health.schema_ok
 *   we are here     a row of dpp.servers, every HEARTBEAT_MS; failure is tolerated, a standby cannot write
 *
 *   schema:  UNKNOWN --ok--> GOOD --conflict--> REFUSED --ok--> GOOD
 *            a check that fails for want of the database changes nothing and is made again
 *
 * The probe's connection may be there while those of the workers are not, because nobody gets more of them or the
 * password was changed. So the database counts as away while any thread says so (METRIC_database_away). Rights
 * are asked for from the catalogue and nothing is read from the tables: a lock on them is no outage.
 *
 * A database that is slow is not away: while it still takes the request to cancel the question (RC_TIMEOUT, and not a
 * lost connection) its answer says nothing about it, and readiness stays as it was. All servers would find the same, and
 * with all of them out there would be no answers instead of slow ones.
 *
 * The thread's job owns all it touches (struct check); the probe may be freed while one runs, because
 * jobpool_free waits and gives the job to its drop function.
 */
#include "probe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum {
    PROBE_MS = 2000,
    RETRY_MS = 500,
    LEASE_MS = 5000,
    STATEMENT_MS = 5000,
    RECHECK_MS = 60000,
    HEARTBEAT_MS = 10000,
    REMIND_MS = 60000,
    SLOW_MS = 1000,
    GOODBYE_MS = 1000,
};

enum schema_state { SCHEMA_UNKNOWN, SCHEMA_GOOD, SCHEMA_REFUSED };

struct probe {
    struct loop *loop;
    struct mailbox *mailbox;
    struct jobpool *thread; /* presence_check */
    struct pg_pool *pool;
    const struct config *config;
    struct web_health *health;
    void (*on_ready)(void *arg);
    void *arg;
    struct loop_timer *timer;
    struct pg_once *question, *heartbeat;
    bool was_ready, has_warned_connections, is_checking, was_lost, is_slow;
    int64_t asked_us;  /* the question that is on its way, or was */
    int64_t answer_us; /* how long the last one took */
    enum schema_state schema;
    int64_t migrations; /* as usable_sql says; -1 = not asked yet */
    struct err trouble; /* what the answer to the question lets us expect */
    unsigned connections_wanted;
    int64_t checked_ms, beat_ms, reminded_ms;
    const struct presence *presence;
};

static void on_tick(void *arg);

static void settle_ready(struct probe *p)
{
    bool is_ready = atomic_load(&p->health->database_ok) && atomic_load(&p->health->schema_ok);

    if (is_ready && !p->was_ready) {
        p->was_ready = true;
        p->on_ready(p->arg);
    }
}

/* ---- the schema, on the thread --------------------------------------------------------------------- */

struct check {
    struct probe *probe;
    char *uri;
    const struct presence *presence;
    const char *time_zone; /* outlives the thread, with the settings; NULL = known by now */
    unsigned connections_wanted;
    enum rc rc, connections_rc;
    struct err err, connections_err;
};

static void check_free(void *arg)
{
    struct check *c = arg;

    explicit_bzero(c->uri, strlen(c->uri));
    free(c->uri);
    free(c);
}

static void check_work(void *arg)
{
    struct check *c = arg;
    struct pg_sync *s = NULL;

    c->rc = database_open(c->uri, &s, &c->err);
    if (c->rc == RC_OK)
        c->rc = presence_check(s, c->presence, &c->err);
    if (c->rc == RC_OK && c->time_zone) /* PostgreSQL reads all its zones to say so */
        c->rc = database_check_zone(s, c->time_zone, &c->err);
    if (c->rc == RC_OK)
        c->connections_rc =
            database_check_connections(s, c->connections_wanted, &c->connections_err);
    pg_sync_free(s);
}

static void check_done(void *arg)
{
    struct check *c = arg;
    struct probe *p = c->probe;

    p->is_checking = false;
    p->checked_ms = clock_now_ms();
    if (c->rc == RC_OK && p->schema != SCHEMA_GOOD) {
        p->schema = SCHEMA_GOOD;
        atomic_store(&p->health->schema_ok, true);
        log_info(NULL, "schema.good", "the schema fits this version");
    } else if (c->rc == RC_CONFLICT && p->schema != SCHEMA_REFUSED) {
        p->schema = SCHEMA_REFUSED;
        atomic_store(&p->health->schema_ok, false);
        log_error(NULL, "schema.refused", "why=\"%s\"", c->err.text);
    } else if (c->rc != RC_OK && c->rc != RC_CONFLICT) {
        log_warn(NULL, "schema.unchecked", "why=\"%s\"", c->err.text);
    }
    if (c->rc == RC_OK && c->connections_rc == RC_LIMIT && !p->has_warned_connections) {
        p->has_warned_connections = true;
        log_warn(NULL, "database.max_connections", "why=\"%s\"", c->connections_err.text);
    }
    settle_ready(p);
    check_free(c);
}

static void start_check(struct probe *p)
{
    struct check *c = xcalloc(1, sizeof(*c));
    struct job job = {check_work, check_done, check_free, c};

    c->probe = p;
    c->uri = xstrdup(p->config->database);
    c->presence = p->presence;
    c->time_zone = p->schema == SCHEMA_GOOD ? NULL : p->config->time_zone;
    c->connections_wanted = p->connections_wanted;
    p->is_checking = true;
    if (jobpool_submit(p->thread, p->mailbox, &job) != RC_OK) {
        p->is_checking = false;
        check_free(c);
    }
}

/* ---- does it work ----------------------------------------------------------------------------------- */

/* Before the schema is known: nothing of it may be there. */
static const char alive_sql[] = "select current_setting('transaction_read_only')::bool";

static const char usable_sql[] =
    "select current_setting('transaction_read_only')::bool,\n"
    "    (select sum(m.version)::bigint from dpp.schema_migrations as m),\n"
    "    (select max(m.version)::bigint from dpp.schema_migrations as m),\n"
    "    (select bool_and(has_table_privilege(t.name, 'select'))\n"
    "     from unnest(array['dpp.objects', 'dpp.instances', 'dpp.protocols',\n"
    "                       'dpp.application_entities']) as t (name))\n"
    "    and (select bool_or(has_function_privilege(p.oid, 'execute'))\n"
    "         from pg_catalog.pg_proc as p\n"
    "         where p.pronamespace = 'dpp'::regnamespace and p.proname = 'ingest')";

static void on_facts(const struct pg_row *row, void *arg)
{
    struct probe *p = arg;
    bool is_read_only = pg_bool(row, 0);

    if (is_read_only != atomic_load(&p->health->read_only)) {
        atomic_store(&p->health->read_only, is_read_only);
        if (is_read_only)
            log_warn(NULL, "database.read_only", "the database is read-only; C-STORE is refused");
        else
            log_info(NULL, "database.writable", "the database takes objects again");
    }
}

static void on_all_facts(const struct pg_row *row, void *arg)
{
    struct probe *p = arg;

    on_facts(row, arg);
    if (p->migrations != pg_int(row, 1)) {
        p->migrations = pg_int(row, 1);
        p->checked_ms = 0;
    }
    metric_set(METRIC_schema_version, pg_int(row, 2));
    if (!pg_bool(row, 3))
        err_set(&p->trouble, RC_DENIED,
                "this server's role lacks rights that dppr migrate grants to dppr_server");
}

/* undefined_table, invalid_schema_name: the database works, but has another schema by now. */
static bool is_schema_gone(const struct probe *p, const struct err *result)
{
    return p->schema == SCHEMA_GOOD && result->code == RC_DB &&
           (strcmp(result->sqlstate, "42P01") == 0 || strcmp(result->sqlstate, "3F000") == 0);
}

static void settle_database(struct probe *p, const struct err *trouble)
{
    bool is_ok = trouble->code == RC_OK, was_ok = atomic_load(&p->health->database_ok);
    int64_t now = clock_now_ms();

    atomic_store(&p->health->database_ok, is_ok);
    if (is_ok && !was_ok) {
        log_info(NULL, "database.up", "the database answers");
        if (p->schema == SCHEMA_GOOD)
            p->checked_ms = 0; /* it may have been replaced meanwhile */
    }
    if (!is_ok && (was_ok || now - p->reminded_ms >= REMIND_MS)) {
        p->reminded_ms = now;
        log_warn(NULL, "database.away", "retry_ms=%d why=\"%s\"", RETRY_MS, trouble->text);
    }
    if (is_ok && !p->is_checking &&
        (p->schema != SCHEMA_GOOD || p->checked_ms == 0 || now - p->checked_ms >= RECHECK_MS))
        start_check(p);
    settle_ready(p);
    loop_timer_set(p->timer, is_ok ? PROBE_MS : RETRY_MS);
}

static void tell_slow(struct probe *p, bool is_slow)
{
    if (is_slow && !p->is_slow)
        log_warn(NULL, "database.slow", "why=\"no answer to a simple question within %d ms\"",
                 STATEMENT_MS);
    else if (p->is_slow && !is_slow)
        log_info(NULL, "database.quick", "ms=%lld", (long long)(p->answer_us / 1000));
    p->is_slow = is_slow;
}

static void on_answer(const struct err *result, int64_t rows, void *arg)
{
    struct probe *p = arg;
    int64_t away = metric_get(METRIC_database_away);

    (void)rows;
    p->question = NULL;
    p->answer_us = clock_now_us() - p->asked_us;
    metric_observe(METRIC_database_probe_seconds, 0, p->answer_us);
    if (result->code == RC_TIMEOUT && result->limit == LIMIT_database_statement_timeout) {
        tell_slow(p, true);
        loop_timer_set(p->timer, RETRY_MS);
        return;
    }
    if (result->code == RC_OK)
        tell_slow(p, false);
    if (result->code == RC_IO && !p->was_lost) {
        p->was_lost = true; /* one connection is not the database: a new one will tell */
        loop_timer_set(p->timer, 0);
        return;
    }
    p->was_lost = false;
    if (is_schema_gone(p, result)) {
        p->schema = SCHEMA_UNKNOWN;
        atomic_store(&p->health->schema_ok, false);
    } else if (result->code != RC_OK) {
        p->trouble = *result;
    } else if (p->trouble.code == RC_OK && away > 0) {
        err_set(&p->trouble, RC_DB, "%" PRId64 " threads get no connection (see db.unreachable)",
                away);
    }
    settle_database(p, &p->trouble);
}

/* ---- we are here ------------------------------------------------------------------------------------ */

static void on_beat(const struct err *result, int64_t rows, void *arg)
{
    struct probe *p = arg;

    (void)rows;
    p->heartbeat = NULL;
    if (result->code != RC_OK)
        log_debug(NULL, "heartbeat.failed", "why=\"%s\"", result->text);
}

static void beat(struct probe *p)
{
    struct pg_param params[PRESENCE_PARAMS];
    struct pg_query q = {.sql = presence_beat_sql,
                         .params = params,
                         .param_count = PRESENCE_PARAMS,
                         .on_done = on_beat,
                         .arg = p};

    presence_params(p->presence, params);
    p->beat_ms = clock_now_ms();
    p->heartbeat = pg_once_start(p->pool, LEASE_MS, &q);
}

static void on_tick(void *arg)
{
    struct probe *p = arg;
    bool is_known = p->schema == SCHEMA_GOOD;
    struct pg_query q = {.sql = is_known ? usable_sql : alive_sql,
                         .on_row = is_known ? on_all_facts : on_facts,
                         .on_done = on_answer,
                         .arg = p};

    p->trouble = (struct err){0};
    p->asked_us = clock_now_us();
    p->question = pg_once_start(p->pool, LEASE_MS, &q);
    if (p->schema == SCHEMA_GOOD && atomic_load(&p->health->database_ok) && !p->heartbeat &&
        (p->beat_ms == 0 || clock_now_ms() - p->beat_ms >= HEARTBEAT_MS))
        beat(p);
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct probe *probe_new(struct loop *l, struct mailbox *mailbox, const struct config *config,
                        const struct presence *presence, unsigned connections_wanted,
                        struct web_health *health, bool is_known_good, void (*on_ready)(void *arg),
                        void *arg)
{
    struct probe *p = xcalloc(1, sizeof(*p));
    struct pg_options options = config->service.database;

    p->loop = l;
    p->mailbox = mailbox;
    p->config = config;
    p->health = health;
    p->connections_wanted = connections_wanted;
    p->on_ready = on_ready;
    p->arg = arg;
    p->migrations = -1;
    p->presence = presence;
    if (is_known_good) {
        p->schema =
            SCHEMA_GOOD; /* checked again by the first answer: max_connections is looked at */
        atomic_store(&health->schema_ok, true);
    }
    p->thread = jobpool_new("probe", 1, 8);
    options.size = 1;
    options.max_waiting = 4;
    options.statement_ms = STATEMENT_MS;
    options.application_name = "dppr probe";
    p->pool = pg_pool_new(l, mailbox, p->thread, &options);
    p->timer = loop_timer_new(l, on_tick, p);
    loop_timer_set(p->timer, 0);
    return p;
}

bool probe_schema_is_refused(const struct probe *p)
{
    return p->schema == SCHEMA_REFUSED;
}

bool probe_is_slow(const struct probe *p)
{
    int64_t so_far = p->question ? clock_now_us() - p->asked_us : 0;

    return (so_far > p->answer_us ? so_far : p->answer_us) > SLOW_MS * 1000;
}

static bool has_said_goodbye(void *arg)
{
    const struct probe *p = arg;

    return !p->heartbeat;
}

static void say_goodbye(struct probe *p)
{
    struct pg_param param = pg_text(p->presence->id);
    struct pg_query q = {.sql = presence_leave_sql,
                         .params = &param,
                         .param_count = 1,
                         .on_done = on_beat,
                         .arg = p};

    p->heartbeat = pg_once_start(p->pool, GOODBYE_MS, &q);
    loop_run_until(p->loop, has_said_goodbye, p, GOODBYE_MS);
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    loop_timer_free(p->timer);
    if (p->question)
        pg_once_cancel(p->question);
    if (p->heartbeat)
        pg_once_cancel(p->heartbeat);
    p->question = p->heartbeat = NULL;
    if (atomic_load(&p->health->database_ok))
        say_goodbye(p);
    if (p->heartbeat)
        pg_once_cancel(p->heartbeat);
    pg_pool_free(p->pool);
    jobpool_free(p->thread);
    free(p);
}
