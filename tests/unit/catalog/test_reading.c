/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/reading: whom it asks what, and when. Both pools are played by this file; tests/integration/test_standby_reads.py
 * has real ones.
 */
#include "catalog_test.h"

#include "catalog/reading.h"
#include "core/metrics.h"

enum { WAIT_MS = 60000, PATIENCE_MS = 40, REST_MS = 1000 };

/* ---- the pools ---- */

struct pg_pool {
    unsigned leases;
};
struct pg_conn {
    struct pg_pool *pool;
    struct pg_query query;
    char lsn[24], id[40]; /* of the query's parameters */
    bool is_running, is_released;
};
struct pg_lease {
    struct pg_pool *pool;
    pg_lease_cb cb;
    void *arg;
};
struct pg_once {
    struct pg_query query;
    bool is_note;
};
struct pg_row {
    const char *text[3];
    int64_t number;
};

static struct pg_pool primary, standby;
static struct pg_conn conns[64];
static unsigned conn_count;
static struct pg_lease *leases[64];
static unsigned lease_count;
static struct pg_once *question;
static unsigned questions, notes, cancelled;
static bool has_note = true; /* the timeline is known */
static struct loop *loop;

struct pg_once *pg_once_start(struct pg_pool *p, int64_t timeout_ms, const struct pg_query *q)
{
    assert_ptr_equal(p, &primary);
    assert_true(timeout_ms > 0);
    assert_null(question);
    question = xcalloc(1, sizeof(*question));
    question->query = *q;
    question->is_note = strncmp(q->sql, "insert into dpp.timelines", 25) == 0;
    notes += question->is_note;
    questions += !question->is_note;
    return question;
}

void pg_once_cancel(struct pg_once *o)
{
    assert_ptr_equal(o, question);
    question = NULL;
    free(o);
    cancelled++;
}

struct pg_lease *pg_lease_start(struct pg_pool *p, int64_t timeout_ms, pg_lease_cb cb, void *arg)
{
    struct pg_lease *l = xcalloc(1, sizeof(*l));
    (void)timeout_ms;
    *l = (struct pg_lease){p, cb, arg};
    leases[lease_count++] = l;
    p->leases++;
    return l;
}

static void forget(struct pg_lease *l)
{
    unsigned i = 0;
    while (leases[i] != l)
        i++;
    leases[i] = leases[--lease_count];
    free(l);
}

void pg_lease_cancel(struct pg_lease *l)
{
    forget(l);
    cancelled++;
}

void pg_query_start(struct pg_conn *c, const struct pg_query *q)
{
    assert_false(c->is_running);
    c->query = *q;
    snprintf(c->lsn, sizeof(c->lsn), "%s", (const char *)q->params[0].data);
    snprintf(c->id, sizeof(c->id), "%s", (const char *)q->params[1].data);
    c->is_running = true;
}

void pg_release(struct pg_conn *c)
{
    assert_false(c->is_released);
    c->is_released = true;
    c->is_running = false;
}

struct pg_param pg_text(const char *text)
{
    return (struct pg_param){.data = text, .len = text ? (int)strlen(text) : 0};
}

struct span pg_octets(const struct pg_row *r, unsigned col)
{
    return span_str(r->text[col] ? r->text[col] : "");
}

int64_t pg_int(const struct pg_row *r, unsigned col)
{
    (void)col;
    return r->number;
}

bool pg_is_null(const struct pg_row *r, unsigned col)
{
    return !r->text[col];
}

/* The primary answers its question, or a note before it. */
static void answer(const char *lsn)
{
    static const struct err good;
    struct err bad = {.code = RC_DB, .text = "away"};
    struct pg_once *o = question;
    struct pg_row row = {{lsn, "", has_note ? "id" : NULL}, 1};
    assert_non_null(o);
    question = NULL;
    if (o->is_note)
        has_note = true;
    else if (lsn)
        o->query.on_row(&row, o->query.arg);
    o->query.on_done(lsn ? &good : &bad, 1, o->query.arg);
    free(o);
}

/* The only lease there is gets a connection; NULL = none can be had. */
static struct pg_conn *grant(struct pg_pool *from, bool is_there)
{
    struct err why = {.code = RC_DB, .text = "nobody there"};
    assert_int_equal(lease_count, 1);
    struct pg_lease l = *leases[0];
    assert_ptr_equal(l.pool, from);
    forget(leases[0]);
    struct pg_conn *c = is_there ? &conns[conn_count++] : NULL;
    if (c)
        *c = (struct pg_conn){.pool = from};
    l.cb(c, c ? NULL : &why, l.arg);
    return c;
}

enum { FRESH, BEHIND, ELSEWHERE, BROKEN };

/* The standby says how it is. */
static void say(struct pg_conn *c, int verdict)
{
    struct err result = {.code = verdict == BROKEN ? RC_IO : RC_OK};
    struct pg_row row = {.number = verdict};
    assert_true(c->is_running);
    c->is_running = false;
    if (verdict != BROKEN)
        c->query.on_row(&row, c->query.arg);
    c->query.on_done(&result, 1, c->query.arg);
}

/* ---- readings ---- */

struct seen {
    unsigned calls;
    struct pg_conn *conn;
    bool on_standby;
    struct reading reading;
};

static void on_reading(struct pg_conn *conn, bool on_standby, const struct err *why, void *arg)
{
    struct seen *s = arg;
    s->calls++;
    s->conn = conn;
    s->on_standby = on_standby;
    assert_int_equal(conn == NULL, why != NULL);
    assert_true(!s->reading.lease && !s->reading.attempt); /* it may be started again */
}

static void read_on(struct reader *r, struct seen *s)
{
    reading_start(&s->reading, r, WAIT_MS, on_reading, s);
}

static struct reader *open_reader(bool has_standby)
{
    conn_count = questions = notes = cancelled = 0;
    primary.leases = standby.leases = 0;
    has_note = true;
    return reader_new(loop, &primary, has_standby ? &standby : NULL, PATIENCE_MS);
}

/* A reader that has noted its timeline and read once. */
static struct reader *open_known(void)
{
    struct reader *r = open_reader(true);
    struct seen s = {0};
    read_on(r, &s);
    answer("0/1");
    answer("0/1");
    say(grant(&standby, true), FRESH);
    assert_int_equal(s.calls, 1);
    questions = notes = 0;
    return r;
}

static void without_standby_it_is_the_primary(void **state)
{
    struct reader *r = open_reader(false);
    struct seen s = {0};
    (void)state;
    assert_false(reader_has_standby(r));
    read_on(r, &s);
    assert_true(s.reading.lease && !s.reading.attempt); /* nothing but the lease */
    grant(&primary, true);
    assert_int_equal(s.calls, 1);
    assert_false(s.on_standby);
    assert_int_equal(questions + notes, 0);
    reader_free(r);
}

static void the_first_read_notes_the_timeline(void **state)
{
    struct reader *r = open_reader(true);
    struct seen s = {0};
    (void)state;
    read_on(r, &s);
    assert_true(question->is_note);
    answer("0/1");
    assert_false(question->is_note);
    answer("0/2A");
    struct pg_conn *c = grant(&standby, true);
    assert_string_equal(c->lsn, "0/2A");
    assert_string_equal(c->id, "id");
    say(c, FRESH);
    assert_true(s.on_standby && s.conn == c && !c->is_released);
    /* Another timeline: noted, and asked again. */
    read_on(r, &s);
    has_note = false;
    answer("0/3");
    assert_true(question->is_note);
    answer("0/3");
    answer("0/4");
    say(grant(&standby, true), FRESH);
    assert_int_equal(s.calls, 2);
    assert_int_equal(notes, 2);
    reader_free(r);
}

/* What arrives while a question is under way waits for the next: that answer may be older than what was acknowledged. */
static void one_question_for_all_that_waited_when_it_was_asked(void **state)
{
    struct reader *r = open_known();
    struct seen s[5] = {{0}};
    (void)state;
    read_on(r, &s[0]);
    for (int i = 1; i < 5; i++)
        read_on(r, &s[i]);
    assert_int_equal(questions, 1);
    answer("0/5");
    assert_int_equal(standby.leases, 2); /* the first of all, and s[0] */
    assert_int_equal(questions, 2);
    say(grant(&standby, true), FRESH);
    assert_int_equal(s[0].calls, 1);
    answer("0/6");
    assert_int_equal(standby.leases, 6);
    assert_int_equal(questions, 2);
    assert_null(question);
    while (lease_count > 0) {
        struct pg_lease l = *leases[0];
        forget(leases[0]);
        struct pg_conn *c = &conns[conn_count++];
        *c = (struct pg_conn){.pool = &standby};
        l.cb(c, NULL, l.arg);
        assert_string_equal(c->lsn, "0/6");
        say(c, FRESH);
    }
    for (int i = 0; i < 5; i++)
        assert_true(s[i].calls == 1 && s[i].on_standby);
    reader_free(r);
}

static bool is_asked_again(void *arg)
{
    const struct pg_conn *c = arg;
    return c->is_running;
}

static bool has_lease(void *arg)
{
    (void)arg;
    return lease_count > 0;
}

static void a_standby_behind_is_waited_for_and_then_left(void **state)
{
    static const int verdicts[] = {BEHIND, ELSEWHERE};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct reader *r = open_known();
        struct seen s = {0};
        int64_t stale =
            metric_get_at(METRIC_standby_fallbacks, (struct metric_at){.a = FALLBACK_stale});
        read_on(r, &s);
        answer("0/5");
        struct pg_conn *c = grant(&standby, true);
        say(c, verdicts[i]);
        assert_int_equal(s.calls, 0);
        assert_true(loop_run_until(loop, is_asked_again, c, WAIT_MS));
        say(c, FRESH); /* in time */
        assert_true(s.calls == 1 && s.on_standby);

        read_on(r, &s);
        answer("0/6");
        c = grant(&standby, true);
        while (lease_count == 0) {
            say(c, verdicts[i]);
            if (!lease_count)
                assert_true(loop_run_until(loop, is_asked_again, c, WAIT_MS));
        }
        assert_true(c->is_released);
        grant(&primary, true);
        assert_true(s.calls == 2 && !s.on_standby);
        assert_int_equal(
            metric_get_at(METRIC_standby_fallbacks, (struct metric_at){.a = FALLBACK_stale}),
            stale + 1);
        assert_int_equal(metric_get(METRIC_standby_resting), 1);
        reader_free(r);
        assert_int_equal(metric_get(METRIC_standby_resting), 0);
    }
}

/* A machine that has vanished: its connection is there as before. */
static void a_silent_standby_is_left(void **state)
{
    struct reader *r = open_known();
    struct seen s = {0};
    int64_t away = metric_get_at(METRIC_standby_fallbacks, (struct metric_at){.a = FALLBACK_away});
    (void)state;
    read_on(r, &s);
    answer("0/5");
    struct pg_conn *c = grant(&standby, true);
    assert_true(loop_run_until(loop, has_lease, NULL, WAIT_MS));
    assert_true(c->is_released);
    grant(&primary, true);
    assert_true(s.calls == 1 && !s.on_standby);
    assert_int_equal(
        metric_get_at(METRIC_standby_fallbacks, (struct metric_at){.a = FALLBACK_away}), away + 1);
    reader_free(r);
}

/* While it rests nobody is sent there but one, when the rest is over; the others follow when that one was well. */
static void a_resting_standby_is_tried_by_one(void **state)
{
    struct reader *r = open_known();
    struct seen s = {0};
    (void)state;
    read_on(r, &s);
    answer("0/5");
    grant(&standby, false);
    grant(&primary, true);
    assert_int_equal(s.calls, 1);
    questions = 0;
    read_on(r, &s);
    grant(&primary, true);
    assert_int_equal(questions, 0);
    (void)loop_run_until(loop, has_lease, NULL, REST_MS + 50);
    for (int is_well = 0; is_well < 2; is_well++) {
        struct seen scout = {0};
        read_on(r, &scout);
        assert_int_equal(questions, 1);
        read_on(r, &s);
        grant(&primary, true);
        if (is_well) {
            answer("0/7");
            say(grant(&standby, true), FRESH);
        } else {
            reading_cancel(&scout.reading); /* the next one tries */
            answer("0/6");
            questions = 0;
        }
    }
    assert_int_equal(metric_get(METRIC_standby_resting), 0);
    read_on(r, &s);
    assert_int_equal(questions, 2);
    answer("0/8");
    say(grant(&standby, true), FRESH);
    assert_true(s.on_standby);
    reader_free(r);
}

static void a_primary_that_cannot_be_asked_is_leased_all_the_same(void **state)
{
    struct reader *r = open_known();
    struct seen s = {0};
    (void)state;
    read_on(r, &s);
    answer(NULL);
    grant(&primary, false);
    assert_int_equal(s.calls, 1);
    assert_null(s.conn);
    read_on(r, &s); /* and the standby is not blamed for it */
    answer("0/5");
    say(grant(&standby, true), FRESH);
    assert_true(s.on_standby);
    reader_free(r);
}

static void what_failed_is_read_on_the_primary(void **state)
{
    struct reader *r = open_known();
    struct seen s = {0};
    struct err conflict = {.code = RC_DB, .text = "conflict with recovery"};
    (void)state;
    reading_start_over(&s.reading, r, WAIT_MS, &conflict, on_reading, &s);
    grant(&primary, true);
    assert_true(s.calls == 1 && !s.on_standby);
    assert_int_equal(metric_get(METRIC_standby_resting), 1);
    reader_free(r);
}

static void a_reading_may_be_cancelled_at_any_time(void **state)
{
    (void)state;
    for (int step = 0; step < 6; step++) {
        struct reader *r = open_known();
        struct seen s = {0}, other = {0};
        struct pg_conn *c = NULL;
        if (step == 0)
            read_on(r, &other); /* so that the next one waits */
        read_on(r, &s);
        if (step >= 2)
            answer("0/5");
        if (step >= 3)
            c = grant(&standby, step != 5);
        if (step == 4)
            say(c, BEHIND);
        reading_cancel(&s.reading);
        if (step == 0) {
            answer("0/5");
            say(grant(&standby, true), FRESH);
        } else if (step == 1) {
            answer("0/5");
        }
        assert_int_equal(s.calls, 0);
        assert_int_equal(lease_count, 0);
        assert_true(!c || c->is_released);
        reader_free(r);
    }
    struct reader *r = open_known();
    struct seen s = {0};
    read_on(r, &s);
    reading_cancel(&s.reading);
    reader_free(r); /* its question is under way */
    assert_null(question);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_standby_it_is_the_primary),
        cmocka_unit_test(the_first_read_notes_the_timeline),
        cmocka_unit_test(one_question_for_all_that_waited_when_it_was_asked),
        cmocka_unit_test(a_standby_behind_is_waited_for_and_then_left),
        cmocka_unit_test(a_silent_standby_is_left),
        cmocka_unit_test(a_resting_standby_is_tried_by_one),
        cmocka_unit_test(a_primary_that_cannot_be_asked_is_leased_all_the_same),
        cmocka_unit_test(what_failed_is_read_on_the_primary),
        cmocka_unit_test(a_reading_may_be_cancelled_at_any_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
