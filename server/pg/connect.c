/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/connect: a connection being made: which of the hosts becomes the session.
 *
 *   names (all at once, on the jobpool) -> one try per address -> the first session that is of the wanted kind
 *
 * libpq can be given a list of hosts, but it waits for ever for one that does not answer, and asks each only once. So
 * each try is a libpq connection to one address, and what a list needs is done here:
 *
 *   refused, of the wrong kind, no such name     the next one is tried at once
 *   silent                                       the next one is tried beside it, after a moment (stagger_ms), and the
 *                                                silent one may still win
 *   all have failed                              the whole is a failure; the pool backs off and begins again
 *   the others have failed, one is silent        these are asked again (AGAIN_MS), for one may become the primary
 *   connect_ms is over                           a failure that tells of each
 *
 * The order is that of the connection string, except that an address which was silent lately (SILENT_MS) comes last: so
 * a machine that vanished costs a moment now and then, and not one for each connection. With load_balance_hosts=random
 * (libpq 16) the order is drawn for each connection.
 *
 * Of which kind a session is (target_session_attrs) is found out by libpq, in each try; prefer-standby has no meaning
 * for a single address and becomes two rounds here, one that wants a standby and one that takes any.
 */
#include "pg_internal.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/clock.h"

enum {
    STAGGER_MS = 1000, /* at most; an address that says nothing for so long is silent */
    AGAIN_MS = 500,
    SILENT_MS = 30000,
    SILENT_NAME_MS = 5000,
};

enum try_state { TRY_WAITING, TRY_RUNNING, TRY_FAILED };

struct pg_try {
    struct pg_connecting *of;
    struct pg_candidate to;
    unsigned target, draw; /* place in the order */
    enum try_state state;
    PGconn *pg;
    struct loop_watch *watch;
    int watched_fd;
    int64_t since_ms; /* running, or failed */
    struct err why;
};

struct pg_lookup {
    struct pg_connecting *of;
    struct resolve *resolve; /* while it runs */
    struct err why;
};

struct pg_connecting {
    struct pg_connector *by;
    pg_connected_cb cb;
    void *arg;
    struct loop_timer *timer;
    int64_t began_ms, stagger_ms;
    struct pg_lookup lookups[MAX_TARGETS];
    unsigned looking_up;
    struct pg_try tries[MAX_CANDIDATES];
    unsigned count;
    bool takes_any; /* prefer-standby, second round */
};

static void advance(struct pg_connecting *k);

/* ---- addresses that were silent lately ---- */

static struct pg_silence *silence_of(struct pg_connector *by, const struct pg_candidate *of)
{
    for (unsigned i = 0; i < MAX_SILENCES; i++) {
        struct pg_silence *s = &by->silences[i];
        if (s->until_ms && s->of.host == of->host && strcmp(s->of.address, of->address) == 0 &&
            strcmp(s->of.port, of->port) == 0) {
            return s;
        }
    }
    return NULL;
}

static bool was_silent(struct pg_connector *by, const struct pg_candidate *of, int64_t now)
{
    const struct pg_silence *s = silence_of(by, of);
    return s && now < s->until_ms;
}

static void note_silence(struct pg_connector *by, const struct pg_candidate *of, int64_t until_ms,
                         int64_t now)
{
    struct pg_silence *s = silence_of(by, of);
    for (unsigned i = 0; !s && i < MAX_SILENCES; i++) {
        s = by->silences[i].until_ms <= now ? &by->silences[i] : NULL;
    }
    if (s) {
        s->of = *of;
        s->until_ms = until_ms;
    }
}

static void note_answer(struct pg_connector *by, const struct pg_candidate *of)
{
    struct pg_silence *s = silence_of(by, of);
    if (s) {
        s->until_ms = 0;
    }
}

/* What stands there for a name, which is silent when the name service is. */
static struct pg_candidate candidate_of(const struct pg_target *t)
{
    struct pg_candidate c = {.host = t->host ? t->host : ""};
    snprintf(c.port, sizeof c.port, "%s", t->port);
    return c;
}

/* ---- one try ---- */

static void try_stop(struct pg_try *t)
{
    pg_unwatch(t->watch, t->watched_fd);
    t->watch = NULL;
    PQfinish(t->pg);
    t->pg = NULL;
}

static void try_fail(struct pg_try *t)
{
    pg_err_from_conn(&t->why, RC_DB, t->pg);
    try_stop(t);
    t->state = TRY_FAILED;
    t->since_ms = clock_now_ms();
    note_answer(t->of->by, &t->to);
}

static void on_ready(int fd, unsigned ready, void *arg);

/* Makes an end of all. */
static void finish(struct pg_connecting *k, PGconn *pg, const struct err *why)
{
    pg_connected_cb cb = k->cb;
    void *arg = k->arg;
    pg_connecting_free(k);
    cb(pg, why, arg);
}

static void watch(struct pg_try *t, unsigned interest)
{
    t->watch = pg_watch(t->of->by->loop, t->pg, interest, on_ready, t, &t->watched_fd);
}

static void try_poll(struct pg_try *t)
{
    PGconn *pg = t->pg;
    pg_unwatch(t->watch, t->watched_fd); /* the socket may be another one now */
    t->watch = NULL;
    switch (PQconnectPoll(pg)) {
    case PGRES_POLLING_READING:
        watch(t, LOOP_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch(t, LOOP_WRITE);
        break;
    case PGRES_POLLING_OK:
        note_answer(t->of->by, &t->to);
        t->pg = NULL;
        finish(t->of, pg, NULL);
        break;
    default:
        try_fail(t);
        advance(t->of);
    }
}

static void on_ready(int fd, unsigned ready, void *arg)
{
    (void)fd, (void)ready;
    try_poll(arg);
}

static const char *wanted_kind(const struct pg_connecting *k)
{
    if (k->by->info->kind != PG_KIND_PREFER_STANDBY) {
        return NULL; /* as the user wrote it */
    }
    return k->takes_any ? "any" : "standby";
}

static void try_start(struct pg_try *t)
{
    struct pg_connector *by = t->of->by;
    struct pg_connect_params params;
    t->since_ms = clock_now_ms();
    t->why.text[0] = '\0';
    if (pg_connect_params_init(&params, by->info, t->to.port[0] ? &t->to : NULL, wanted_kind(t->of),
                               &t->why) != RC_OK) {
        t->state = TRY_FAILED;
        return;
    }
    t->pg = PQconnectStartParams(params.keywords, params.values, 0);
    pg_connect_params_fini(&params);
    if (!t->pg || PQstatus(t->pg) == CONNECTION_BAD) {
        try_fail(t);
        return;
    }
    if (by->on_notice) {
        PQsetNoticeReceiver(t->pg, by->on_notice, t->of->arg);
    }
    t->state = TRY_RUNNING;
    watch(t, LOOP_WRITE); /* as if PQconnectPoll had asked to write */
}

/* ---- which comes next ---- */

static bool comes_before(struct pg_try *a, struct pg_try *b, int64_t now)
{
    bool a_was_silent = was_silent(a->of->by, &a->to, now);
    bool b_was_silent = was_silent(b->of->by, &b->to, now);
    if (a_was_silent != b_was_silent) {
        return b_was_silent;
    }
    return a->draw != b->draw ? a->draw < b->draw : a->target < b->target;
}

static struct pg_try *first_waiting(struct pg_connecting *k, int64_t now)
{
    struct pg_try *first = NULL;
    for (unsigned i = 0; i < k->count; i++) {
        struct pg_try *t = &k->tries[i];
        if (t->state == TRY_WAITING && (!first || comes_before(t, first, now))) {
            first = t;
        }
    }
    return first;
}

static bool is_any(const struct pg_connecting *k, enum try_state state)
{
    for (unsigned i = 0; i < k->count; i++) {
        if (k->tries[i].state == state) {
            return true;
        }
    }
    return false;
}

/* Until when nothing new is begun: the last one may answer yet, or a name that comes first be found. */
static int64_t patient_until(const struct pg_connecting *k)
{
    int64_t until = k->looking_up ? k->began_ms + k->stagger_ms : 0;
    for (unsigned i = 0; i < k->count; i++) {
        const struct pg_try *t = &k->tries[i];
        if (t->state == TRY_RUNNING && t->since_ms + k->stagger_ms > until) {
            until = t->since_ms + k->stagger_ms;
        }
    }
    return until;
}

static void note_silences(struct pg_connecting *k, int64_t now)
{
    for (unsigned i = 0; i < k->count; i++) {
        const struct pg_try *t = &k->tries[i];
        if (t->state == TRY_RUNNING && t->since_ms + k->stagger_ms <= now) {
            note_silence(k->by, &t->to, now + SILENT_MS, now);
        }
    }
    for (unsigned i = 0; i < k->by->info->target_count; i++) {
        if (k->lookups[i].resolve && k->began_ms + k->stagger_ms <= now) {
            struct pg_candidate name = candidate_of(&k->by->info->targets[i]);
            note_silence(k->by, &name, now + SILENT_NAME_MS, now);
        }
    }
}

/* What has failed is to be asked again; 0 = nothing. */
static int64_t again_at(const struct pg_connecting *k)
{
    int64_t at = 0;
    for (unsigned i = 0; i < k->count; i++) {
        const struct pg_try *t = &k->tries[i];
        if (t->state == TRY_FAILED && (at == 0 || t->since_ms + AGAIN_MS < at)) {
            at = t->since_ms + AGAIN_MS;
        }
    }
    return at;
}

/* Those that failed before that moment wait for another try. */
static void ask_again(struct pg_connecting *k, int64_t failed_before_ms)
{
    for (unsigned i = 0; i < k->count; i++) {
        struct pg_try *t = &k->tries[i];
        if (t->state == TRY_FAILED && t->since_ms <= failed_before_ms) {
            t->state = TRY_WAITING;
        }
    }
}

static bool has_second_round(const struct pg_connecting *k)
{
    return k->by->info->kind == PG_KIND_PREFER_STANDBY && !k->takes_any;
}

/* ---- the end ---- */

static void add_reason(struct buf *out, const char *text)
{
    if (*text && !strstr(buf_cstr(out), text)) {
        buf_printf(out, "%s%s", out->len ? "; " : "", text);
    }
}

static void fail(struct pg_connecting *k, bool is_late)
{
    struct err why;
    struct buf text;
    buf_init(&text, 65536);
    for (unsigned i = 0; i < k->count; i++) {
        add_reason(&text, k->tries[i].why.text);
    }
    for (unsigned i = 0; i < MAX_TARGETS; i++) {
        add_reason(&text, k->lookups[i].why.text);
    }
    if (is_late) {
        err_set_limit(&why, LIMIT_database_connect_timeout, 0, "%s within %lld ms%s%s",
                      k->count ? "no answer" : "no address", (long long)k->by->connect_ms,
                      text.len ? "; " : "", buf_cstr(&text));
        why.code = RC_DB;
    } else {
        err_set(&why, RC_DB, "%s", buf_cstr(&text));
    }
    buf_fini(&text);
    finish(k, NULL, &why);
}

/* Begins what is due. */
static void begin_tries(struct pg_connecting *k, int64_t now)
{
    struct pg_try *t;
    if (now >= patient_until(k) && (is_any(k, TRY_RUNNING) || k->looking_up)) {
        ask_again(k, now - AGAIN_MS); /* the rest is silent */
    }
    while (now >= patient_until(k) && (t = first_waiting(k, now))) {
        try_start(t);
    }
    if (now >= patient_until(k) && has_second_round(k)) {
        k->takes_any = true;
        ask_again(k, now);
        begin_tries(k, now);
    }
}

static void advance(struct pg_connecting *k)
{
    int64_t now = clock_now_ms(), give_up = k->began_ms + k->by->connect_ms;
    note_silences(k, now);
    if (now >= give_up) {
        fail(k, true);
        return;
    }
    begin_tries(k, now);
    if (!is_any(k, TRY_RUNNING) && !is_any(k, TRY_WAITING) && !k->looking_up) {
        fail(k, false);
        return;
    }
    int64_t next = patient_until(k);
    if (next <= now) {
        next = again_at(k) ? again_at(k) : give_up;
    }
    next = next < give_up ? next : give_up;
    loop_timer_set(k->timer, next > now ? next - now : 1);
}

static void on_timer(void *arg)
{
    advance(arg);
}

/* ---- names ---- */

static void add_candidate(struct pg_connecting *k, unsigned target, const char *address)
{
    const struct pg_target *from = &k->by->info->targets[target];
    if (k->count == MAX_CANDIDATES) {
        return;
    }
    struct pg_try *t = &k->tries[k->count++];
    t->of = k;
    t->target = target;
    t->to = candidate_of(from);
    snprintf(t->to.address, sizeof t->to.address, "%s", address ? address : "");
    if (k->by->info->is_balanced) {
        t->draw = pg_random(k->by->random);
    }
}

static void on_resolved(const struct resolved *addresses, unsigned count, const struct err *why,
                        void *arg)
{
    struct pg_lookup *l = arg;
    struct pg_connecting *k = l->of;
    unsigned target = (unsigned)(l - k->lookups);
    struct pg_candidate name = candidate_of(&k->by->info->targets[target]);
    l->resolve = NULL;
    k->looking_up--;
    note_answer(k->by, &name);
    for (unsigned i = 0; i < count; i++) {
        char text[MAX_ADDRESS];
        if (getnameinfo((const struct sockaddr *)&addresses[i].addr, addresses[i].len, text,
                        sizeof text, NULL, 0, NI_NUMERICHOST) == 0) {
            add_candidate(k, target, text);
        }
    }
    if (count == 0 && why) {
        l->why = *why;
    }
    advance(k);
}

static void look_up(struct pg_connecting *k, unsigned target)
{
    const struct pg_target *t = &k->by->info->targets[target];
    struct pg_lookup *l = &k->lookups[target];
    l->of = k;
    if (resolve_start(k->by->resolve_pool, k->by->mailbox, t->host, (uint16_t)atoi(t->port),
                      on_resolved, l, &l->resolve, &l->why) == RC_OK) {
        k->looking_up++;
    }
}

/* A name for which the name service lately had no answer is left out while there is another way: its lookups, which
 * cannot be stopped, would take all threads. */
static void find_addresses(struct pg_connecting *k)
{
    const struct pg_conninfo *info = k->by->info;
    bool has_begun = false;
    for (unsigned i = 0; i < info->target_count; i++) {
        const struct pg_target *t = &info->targets[i];
        struct pg_candidate name = candidate_of(t);
        if (!pg_target_needs_resolving(t)) {
            add_candidate(k, i, t->hostaddr);
        } else if (was_silent(k->by, &name, k->began_ms)) {
            err_set(&k->lookups[i].why, RC_AGAIN, "no address (of the name %.64s)", t->host);
            continue;
        } else {
            look_up(k, i);
        }
        has_begun = true;
    }
    for (unsigned i = 0; !has_begun && i < info->target_count; i++) {
        look_up(k, i);
    }
}

/* ---- the caller's ---- */

unsigned pg_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

struct pg_connecting *pg_connecting_new(struct pg_connector *by, pg_connected_cb cb, void *arg)
{
    struct pg_connecting *k = xcalloc(1, sizeof *k);
    k->by = by;
    k->cb = cb;
    k->arg = arg;
    k->began_ms = clock_now_ms();
    k->stagger_ms = by->connect_ms / 4 < STAGGER_MS ? by->connect_ms / 4 : STAGGER_MS;
    k->timer = loop_timer_new(by->loop, on_timer, k);
    loop_timer_set(k->timer, 0);
    find_addresses(k);
    if (by->info->target_count == 0) { /* libpq finds the host itself */
        k->tries[k->count++].of = k;
    }
    return k;
}

void pg_connecting_free(struct pg_connecting *k)
{
    if (!k) {
        return;
    }
    for (unsigned i = 0; i < MAX_TARGETS; i++) {
        if (k->lookups[i].resolve) {
            resolve_cancel(k->lookups[i].resolve);
        }
    }
    for (unsigned i = 0; i < k->count; i++) {
        try_stop(&k->tries[i]);
    }
    loop_timer_free(k->timer);
    free(k);
}
