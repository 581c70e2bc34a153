/* SPDX-License-Identifier: Apache-2.0
 *
 * C-GET and C-MOVE over loopback against a real database and a storage SCP of the test's own.
 */
#include "service_test.h"

/* ---- a destination ---- */

struct receiver {
    struct worker *worker;
    struct listener *listener;
    uint16_t port;
    /* What it does; set before the move. */
    _Atomic int status;        /* of each C-STORE response */
    _Atomic bool is_silent;    /* never answers a C-STORE */
    _Atomic bool does_reject;  /* the association */
    _Atomic bool is_implicit;  /* takes Implicit VR Little Endian only */
    _Atomic unsigned abort_at; /* aborts instead of the n-th answer; 0 = never */
    /* What it saw. */
    _Atomic unsigned stored, connections, open, most_open, associations;
    pthread_mutex_t lock;
    struct dimse_command last;
    char calling[AET_MAX + 1];
    struct buf octets; /* of the last instance */
    char syntax[65];
};

static void receiver_on_request(struct assoc *a, const struct pdu_associate *rq, void *arg)
{
    static const char *const implicit_only[] = {UID_IMPLICIT_LE, NULL};
    struct receiver *r = arg;
    struct negotiate_rule rule = {.abstract_syntax = UID_CT_DEFINED_PROTOCOL,
                                  .as_scp = true,
                                  .transfer_syntaxes =
                                      r->is_implicit ? implicit_only : dcm_ts_uids};
    struct negotiate_policy policy = {&rule, 1, 1, 1};
    struct pdu_associate ac = {0};
    struct err err = {0};
    if (r->does_reject) {
        assoc_answer_reject(a, &(struct pdu_reject){1, 1, 7}, LOG_INFO,
                            &(struct err){.text = "test"});
        return;
    }
    pthread_mutex_lock(&r->lock);
    snprintf(r->calling, sizeof r->calling, "%s", rq->calling_aet);
    pthread_mutex_unlock(&r->lock);
    if (negotiate_answer(rq, &policy, assoc_arena(a), &ac, &err) != RC_OK)
        abort();
    r->associations++;
    unsigned open = ++r->open;
    if (open > r->most_open)
        r->most_open = open;
    assoc_answer_accept(a, &ac);
}

static void receiver_on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct receiver *r = arg;
    struct dimse_command rsp = command_response(&m->command, (uint16_t)r->status);
    pthread_mutex_lock(&r->lock);
    r->last = m->command;
    buf_clear(&r->octets);
    buf_add_span(&r->octets, buf_span(&m->dataset));
    snprintf(r->syntax, sizeof r->syntax, "%s", m->context->transfer_syntax);
    pthread_mutex_unlock(&r->lock);
    unsigned n = ++r->stored;
    if (r->abort_at && n == r->abort_at)
        assoc_abort(a, ABORT_SOURCE_USER, 0, "test");
    else if (!r->is_silent && assoc_send(a, m->context, &rsp, NULL) != RC_OK)
        abort();
    dimse_message_free(m);
}

static void receiver_on_release(struct assoc *a, void *arg)
{
    (void)arg;
    assoc_answer_release(a);
}

static void receiver_on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct receiver *r = arg;
    (void)why;
    if (assoc_context_by_id(a, 1)) /* it was answered */
        r->open--;
    r->connections--;
}

static void receiver_on_fd(int fd, const struct sockaddr_storage *peer, void *arg)
{
    (void)peer;
    static const struct assoc_callbacks callbacks = {
        .on_request = receiver_on_request,
        .on_message = receiver_on_message,
        .on_release = receiver_on_release,
        .on_closed = receiver_on_closed,
    };
    struct receiver *r = arg;
    struct assoc_options o = assoc_options_default();
    r->connections++;
    assoc_accept_fd(worker_loop(r->worker), fd, &o, &callbacks, r);
}

static enum rc receiver_worker_start(struct worker *w, void *arg, void **state, struct err *err)
{
    struct receiver *r = arg;
    r->worker = w;
    *state = r;
    enum rc rc = listener_new(worker_loop(w), "127.0.0.1", 0, receiver_on_fd, r, &r->listener, err);
    if (rc == RC_OK)
        r->port = listener_port(r->listener);
    return rc;
}

static void receiver_worker_stop(void *state)
{
    struct receiver *r = state;
    listener_free(r->listener);
}

static bool receiver_is_idle(void *arg)
{
    const struct receiver *r = arg;
    return r->connections == 0;
}

static void receiver_start(struct receiver *r)
{
    static const struct worker_hooks hooks = {receiver_worker_start, receiver_worker_stop};
    struct err err = {0};
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    buf_init(&r->octets, 0);
    assert_int_equal(worker_start("receiver", &hooks, r, &r->worker, &err), RC_OK);
}

static void receiver_stop(struct receiver *r)
{
    assert_true(wait_until(receiver_is_idle, r));
    worker_stop(r->worker);
    buf_fini(&r->octets);
    pthread_mutex_destroy(&r->lock);
}

static void add_destination(const char *title, uint16_t port)
{
    test_sql("insert into dpp.application_entities (ae_title, host, port)"
             " values ('%s', '127.0.0.1', %u)",
             title, port);
}

/* A port where nobody listens: bound, so that nobody else gets it. */
static int closed_port(uint16_t *port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
    *port = ntohs(to.sin_port);
    return fd;
}

/* A destination that takes connections and says nothing. */
static int silent_port(uint16_t *port)
{
    int fd = closed_port(port);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* ---- the requester ---- */

struct progress {
    unsigned pendings;
    unsigned stop_after; /* pending responses; 0 = never */
    uint16_t status;     /* answered to C-STORE of a C-GET */
    unsigned fail_at;    /* the n-th C-STORE is answered with A700; 0 = none */
    unsigned sleep_ms;   /* before each answer */
    unsigned stored;
    struct dimse_command first, last;
    char uids[16][65];
    struct buf octets;
    char syntax[65];
};

static bool on_pending(const struct dimse_command *rsp, struct span octets, const struct dcm_ts *ts,
                       void *arg)
{
    struct progress *p = arg;
    (void)ts;
    assert_int_equal(octets.len, 0);
    assert_int_equal(rsp->has & (CMD_HAS_COUNTS | CMD_HAS_REMAINING),
                     CMD_HAS_COUNTS | CMD_HAS_REMAINING);
    if (p->pendings++ == 0)
        p->first = *rsp;
    p->last = *rsp;
    return p->pendings != p->stop_after;
}

static uint16_t on_store(const struct dimse_command *rq, struct span octets,
                         const struct dcm_ts *ts, void *arg)
{
    struct progress *p = arg;
    if (p->stored < 16)
        snprintf(p->uids[p->stored], 65, "%s", rq->sop_instance);
    p->stored++;
    buf_clear(&p->octets);
    buf_add_span(&p->octets, octets);
    snprintf(p->syntax, sizeof p->syntax, "%s", ts->uid);
    if (p->sleep_ms)
        usleep(p->sleep_ms * 1000);
    return p->stored == p->fail_at ? STATUS_OUT_OF_RESOURCES : p->status;
}

static struct dimse_command get(struct scu *s, const char *uids, struct progress *p,
                                struct buf *failed)
{
    struct arena *a = arena_new(1024 * 1024);
    struct scu_callbacks cb = {on_pending, on_store, p};
    struct dimse_command final = {0};
    struct err err = {0};
    buf_clear(failed);
    if (scu_get(s, UID_PROTOCOL_GET, identifier(a, TAG_SOPInstanceUID, "UI", uids), &cb, &final,
                failed, &err) != RC_OK)
        fail_msg("%s", err.text);
    arena_free(a);
    return final;
}

static struct dimse_command move(struct scu *s, const char *destination, const char *uids,
                                 struct progress *p, struct buf *failed)
{
    struct arena *a = arena_new(1024 * 1024);
    struct scu_callbacks cb = {on_pending, NULL, p};
    struct dimse_command final = {0};
    struct err err = {0};
    buf_clear(failed);
    if (scu_move(s, UID_PROTOCOL_MOVE, destination, identifier(a, TAG_SOPInstanceUID, "UI", uids),
                 &cb, &final, failed, &err) != RC_OK)
        fail_msg("%s", err.text);
    arena_free(a);
    return final;
}

static void expect_counts(const struct dimse_command *final, uint16_t status, unsigned completed,
                          unsigned failed, unsigned warning)
{
    if (final->status != status)
        fail_msg("status %04X, not %04X: %s", final->status, status, final->comment);
    assert_true(final->has & CMD_HAS_COUNTS);
    assert_int_equal(final->completed, completed);
    assert_int_equal(final->failed, failed);
    assert_int_equal(final->warning, warning);
    assert_int_equal((final->has & CMD_HAS_REMAINING) != 0, status == STATUS_CANCEL);
    assert_int_equal(final->has_dataset, failed > 0);
}

/* The failed list as it is on the wire, Explicit VR Little Endian. */
static void expect_failed(const struct buf *failed, const char *uids)
{
    struct arena *a = arena_new(1024 * 1024);
    struct dcm_item *item = NULL;
    struct dcm_limits limits = dcm_limits_default();
    struct err err = {0};
    char text[512];
    assert_int_equal(failed->len % 2, 0);
    assert_int_equal(dcm_read(buf_span(failed), explicit_le(), &limits, a, &item, &err), RC_OK);
    const struct dcm_element *e = dcm_find(item, TAG_FailedSOPInstanceUIDList);
    assert_non_null(e);
    assert_ptr_equal(item->first, item->last);
    snprintf(text, sizeof text, "%.*s", (int)dcm_trimmed(e).len, (const char *)dcm_trimmed(e).data);
    assert_string_equal(text, uids);
    arena_free(a);
}

static const char *const explicit_only[] = {UID_EXPLICIT_LE, NULL};
static const char *const implicit_only[] = {UID_IMPLICIT_LE, NULL};

/* With Explicit VR Little Endian only, so that response data sets have a known form. */
static struct scu *connect_explicit(struct harness *h)
{
    struct err err = {0};
    struct scu *s = connect_scu_as(h, "CLIENT", all_classes, true, explicit_only, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static void store_three(struct scu *s)
{
    store_protocol(s, "1.2.3.1", "A", 0);
    store_protocol(s, "1.2.3.2", "B", 9000); /* takes the jobpool, and a batch of its own */
    store_protocol(s, "1.2.3.3", "C", 100);
}

struct fixture {
    struct harness harness;
    struct buf failed;
};
static struct fixture shared;

/* ---- C-GET ---- */

static void get_sends_what_was_stored(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    struct buf octets;
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = get(s, "1.2.3.3\\1.2.3.1\\1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 3, 0, 0);
    assert_int_equal(p.stored, 3);
    assert_true(p.pendings >= 1);
    assert_int_equal(p.first.remaining, 3);
    /* octet for octet */
    final = get(s, "1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    make_protocol("1.2.3.2", "B", 9000, explicit_le(), &octets);
    assert_int_equal(p.octets.len, octets.len);
    assert_memory_equal(p.octets.data, octets.data, octets.len);
    buf_fini(&octets);
    buf_fini(&p.octets);
    scu_close(s);
}

static void get_of_unknown_uids_is_success_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = get(s, "1.2.3.99", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 0, 0, 0);
    assert_int_equal(p.pendings, 0);
    /* neither unknown nor repeated ones count */
    final = get(s, "1.2.3.99\\1.2.3.1\\1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    test_sql("update dpp.objects set state = 'retired', retired_at = now()");
    final = get(s, "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 0, 0, 0);
    buf_fini(&p.octets);
    scu_close(s);
}

static void get_reports_failures_and_warnings(void **state)
{
    struct fixture *f = *state;
    struct progress p = {.fail_at = 1};
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = get(s, "1.2.3.1\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_WARNING, 1, 1, 0);
    expect_failed(&f->failed, p.uids[0]);
    assert_string_equal(final.comment, "C-STORE was answered with A700 refused: out of resources");
    p = (struct progress){.status = 0xB006, .octets = p.octets};
    final = get(s, "1.2.3.1\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_WARNING, 0, 0, 2);
    p = (struct progress){.status = 0xC123, .octets = p.octets};
    final = get(s, "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 1, 0);
    expect_failed(&f->failed, "1.2.3.1");
    buf_fini(&p.octets);
    scu_close(s);
}

static void get_without_role_fails_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    struct err err = {0};
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    s = connect_scu_as(&f->harness, "CLIENT", all_classes, false, explicit_only, &err);
    assert_non_null(s);
    struct dimse_command final = get(s, "1.2.3.1\\1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 2, 0);
    expect_failed(&f->failed, "1.2.3.1\\1.2.3.2");
    assert_string_equal(final.comment, "no role/context for CT Defined Procedure Protocol");
    assert_int_equal(p.stored, 0);
    scu_close(s);
}

static void get_converts_when_the_stored_syntax_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    struct err err = {0};
    struct buf octets;
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    s = connect_scu_as(&f->harness, "CLIENT", all_classes, true, implicit_only, &err);
    assert_non_null(s);
    struct dimse_command final = get(s, "1.2.3.1\\1.2.3.2\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 3, 0, 0);
    final = get(s, "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    assert_string_equal(p.syntax, UID_IMPLICIT_LE);
    make_protocol("1.2.3.1", "A", 0, dcm_ts_find(UID_IMPLICIT_LE), &octets);
    assert_int_equal(p.octets.len, octets.len);
    assert_memory_equal(p.octets.data, octets.data, octets.len);
    buf_fini(&octets);
    buf_fini(&p.octets);
    scu_close(s);
}

static void get_cancelled_tells_what_remains(void **state)
{
    struct fixture *f = *state;
    struct progress p = {.stop_after = 1};
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    /* The cancel is sent at the first pending response, which comes before the first C-STORE is answered. */
    struct dimse_command final = get(s, "1.2.3.1\\1.2.3.2\\1.2.3.3", &p, &f->failed);
    assert_int_equal(final.status, STATUS_CANCEL);
    expect_counts(&final, STATUS_CANCEL, final.completed, 0, 0);
    assert_true(final.completed < 3);
    assert_int_equal(final.remaining, 3 - final.completed);
    assert_int_equal(p.stored, final.completed);
    /* the association goes on */
    p = (struct progress){.octets = p.octets};
    final = get(s, "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    buf_fini(&p.octets);
    scu_close(s);
}

static void get_gives_up_on_a_silent_peer(void **state)
{
    struct fixture *f = *state;
    struct progress p = {.sleep_ms = 2500}; /* longer than suboperation_ms */
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = get(s, "1.2.3.1\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 2, 0);
    assert_string_equal(final.comment, "suboperation-timeout: no answer to C-STORE within 1500 ms");
    assert_int_equal(p.stored, 1);
    /* the late answer is ignored, the association goes on */
    p = (struct progress){.octets = p.octets};
    final = get(s, "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    buf_fini(&p.octets);
    scu_close(s);
}

static void identifier_without_uid_is_refused(void **state)
{
    struct fixture *f = *state;
    struct arena *a = arena_new(65536);
    struct scu_callbacks cb = {0};
    struct dimse_command final = {0};
    struct err err = {0};
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    buf_clear(&f->failed);
    assert_int_equal(scu_get(s, UID_PROTOCOL_GET, identifier(a, TAG_ProtocolName, "LO", "A"), &cb,
                             &final, &f->failed, &err),
                     RC_OK);
    assert_int_equal(final.status, STATUS_DATASET_MISMATCH);
    assert_true(final.has & CMD_HAS_OFFENDING);
    assert_false(final.has_dataset);
    assert_int_equal(scu_move(s, UID_PROTOCOL_MOVE, "X", identifier(a, TAG_ProtocolName, "LO", "A"),
                              &cb, &final, &f->failed, &err),
                     RC_OK);
    assert_int_equal(final.status, STATUS_DATASET_MISMATCH);
    arena_free(a);
    scu_close(s);
}

static void many_instances_flow_through_small_batches(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    struct buf uids;
    enum { MANY = 60 };
    clear_objects();
    buf_init(&uids, 0);
    struct scu *s = connect_explicit(&f->harness);
    for (unsigned i = 0; i < MANY; i++) {
        char uid[65];
        snprintf(uid, sizeof uid, "1.2.9.%u", i);
        store_protocol(s, uid, "Many", 3000);
        buf_printf(&uids, "%s%s", i ? "\\" : "", uid);
    }
    struct dimse_command final = get(s, buf_cstr(&uids), &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, MANY, 0, 0);
    assert_int_equal(p.stored, MANY);
    buf_fini(&uids);
    buf_fini(&p.octets);
    scu_close(s);
}

static void database_away_is_a701(void **state)
{
    struct fixture *f = *state;
    struct service_config c = test_config();
    struct harness h;
    struct progress p = {0};
    c.database.conninfo = "postgresql://127.0.0.1:1/none";
    harness_start(&h, &c);
    struct scu *s = connect_explicit(&h);
    struct dimse_command final = get(s, "1.2.3.1", &p, &f->failed);
    assert_int_equal(final.status, STATUS_CANNOT_COUNT);
    assert_true(final.has & CMD_HAS_COMMENT);
    final = move(s, "DEST", "1.2.3.1", &p, &f->failed);
    assert_int_equal(final.status, STATUS_CANNOT_COUNT);
    scu_close(s);
    harness_stop(&h);
}

/* ---- C-MOVE ---- */

static void move_sends_to_the_destination(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    test_sql("insert into dpp.application_entities (ae_title) values ('CLIENT')");
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = move(s, "DEST", "1.2.3.1\\1.2.3.2\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 3, 0, 0);
    assert_int_equal(r.stored, 3);
    assert_true(p.pendings >= 1);
    assert_int_equal(p.first.remaining, 3);
    assert_int_equal(p.first.completed, 0);
    final = move(s, "DEST", "1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    pthread_mutex_lock(&r.lock);
    assert_true(r.last.has & CMD_HAS_ORIGINATOR);
    assert_string_equal(r.last.originator_aet, "CLIENT");
    assert_int_equal(r.last.originator_id, p.last.responded_id);
    assert_string_equal(r.last.sop_instance, "1.2.3.2");
    assert_string_equal(r.calling, "DPPR");
    make_protocol("1.2.3.2", "B", 9000, explicit_le(), &octets);
    assert_int_equal(r.octets.len, octets.len);
    assert_memory_equal(r.octets.data, octets.data, octets.len);
    pthread_mutex_unlock(&r.lock);
    assert_int_equal(r.associations, 2);
    scu_close(s);
    receiver_stop(&r);
    buf_fini(&octets);
}

static void move_uses_the_title_of_the_row(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    test_sql("update dpp.application_entities set called_as = 'OUR_OTHER_NAME'");
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = move(s, "DEST", "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 1, 0, 0);
    pthread_mutex_lock(&r.lock);
    assert_string_equal(r.calling, "OUR_OTHER_NAME");
    pthread_mutex_unlock(&r.lock);
    scu_close(s);
    receiver_stop(&r);
}

static void move_converts_for_the_destination(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    clear_objects();
    receiver_start(&r);
    r.is_implicit = true;
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = move(s, "DEST", "1.2.3.1\\1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 2, 0, 0);
    pthread_mutex_lock(&r.lock);
    assert_string_equal(r.syntax, UID_IMPLICIT_LE);
    pthread_mutex_unlock(&r.lock);
    scu_close(s);
    receiver_stop(&r);
}

static void move_of_nothing_opens_no_association(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    struct dimse_command final = move(s, "DEST", "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_SUCCESS, 0, 0, 0);
    assert_int_equal(r.associations, 0);
    assert_int_equal(p.pendings, 0);
    scu_close(s);
    receiver_stop(&r);
}

/* Decision 28 */
static void each_wrong_destination_has_its_status(void **state)
{
    struct fixture *f = *state;
    struct progress p = {0};
    uint16_t port;
    int fd = closed_port(&port);
    clear_objects();
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = move(s, "NOBODY", "1.2.3.1", &p, &f->failed);
    assert_int_equal(final.status, STATUS_DESTINATION_UNKNOWN);
    assert_string_equal(final.comment, "move destination NOBODY is not known");
    assert_false(final.has_dataset);
    test_sql("insert into dpp.application_entities (ae_title) values ('HOMELESS')");
    final = move(s, "HOMELESS", "1.2.3.1", &p, &f->failed);
    assert_int_equal(final.status, STATUS_MOVE_BAD_DESTINATION);
    assert_string_equal(final.comment, "move destination HOMELESS has no usable address");
    test_sql("insert into dpp.application_entities (ae_title, host, port, is_destination)"
             " values ('PRIVATE', '127.0.0.1', 104, false)");
    final = move(s, "PRIVATE", "1.2.3.1", &p, &f->failed);
    assert_int_equal(final.status, STATUS_NOT_AUTHORIZED);
    add_destination("REFUSING", port);
    final = move(s, "REFUSING", "1.2.3.1\\1.2.3.2", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 2, 0);
    expect_failed(&f->failed, "1.2.3.1\\1.2.3.2");
    assert_memory_equal(final.comment, "REFUSING: ", 10);
    scu_close(s);
    close(fd);
}

static void rejecting_destination_fails_all(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    clear_objects();
    receiver_start(&r);
    r.does_reject = true;
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    struct dimse_command final = move(s, "DEST", "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 1, 0);
    assert_memory_equal(final.comment, "DEST rejected", 13);
    scu_close(s);
    receiver_stop(&r);
}

static void destination_that_refuses_or_aborts_is_counted(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    r.status = STATUS_OUT_OF_RESOURCES;
    struct dimse_command final = move(s, "DEST", "1.2.3.1\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 2, 0);
    r.status = 0;
    r.stored = 0;
    r.abort_at = 2;
    final = move(s, "DEST", "1.2.3.1\\1.2.3.2\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_WARNING, 1, 2, 0);
    assert_string_equal(final.comment, "DEST: aborted by the service user");
    scu_close(s);
    receiver_stop(&r);
}

static void silent_destination_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct progress p = {0};
    uint16_t port;
    int fd = silent_port(&port);
    clear_objects();
    receiver_start(&r);
    r.is_silent = true;
    add_destination("DEST", r.port);
    add_destination("MUTE", port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    /* takes the association and the instance, and does not answer */
    struct dimse_command final = move(s, "DEST", "1.2.3.1\\1.2.3.3", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 2, 0);
    assert_string_equal(final.comment, "suboperation-timeout: no answer to C-STORE within 1500 ms");
    assert_int_equal(r.stored, 1);
    /* takes the connection and does not answer */
    final = move(s, "MUTE", "1.2.3.1", &p, &f->failed);
    expect_counts(&final, STATUS_CANNOT_PERFORM, 0, 1, 0);
    scu_close(s);
    receiver_stop(&r);
    close(fd);
}

static struct dimse_command move_request(const char *destination, uint16_t id)
{
    struct dimse_command rq = request(DIMSE_C_MOVE_RQ, UID_PROTOCOL_MOVE, id);
    rq.has |= CMD_HAS_DESTINATION;
    snprintf(rq.destination, sizeof rq.destination, "%s", destination);
    return rq;
}

static void uids_identifier(const char *uids, struct buf *octets)
{
    struct arena *a = arena_new(65536);
    encode(identifier(a, TAG_SOPInstanceUID, "UI", uids), octets);
    arena_free(a);
}

static const char *const move_only[] = {UID_PROTOCOL_MOVE, NULL};

static const struct dimse_command *final_of(const struct raw *r, uint16_t id)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->responses[i].responded_id == id && r->responses[i].status != STATUS_PENDING)
            return &r->responses[i];
    }
    return NULL;
}

static uint16_t awaited;
static bool has_final(void *arg)
{
    const struct raw *r = arg;
    return final_of(r, awaited) || r->is_closed;
}

static const struct dimse_command *wait_final(struct raw *r, uint16_t id)
{
    awaited = id;
    assert_true(loop_run_until(r->loop, has_final, r, PATIENCE_MS));
    const struct dimse_command *final = final_of(r, id);
    assert_non_null(final);
    return final;
}

/* Dead destinations on every retrieve worker, several moves to each: a move to a living one passes by. */
static void dead_destination_stops_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct service_config c = test_config();
    struct harness h;
    struct receiver r;
    struct raw raw;
    struct buf octets;
    uint16_t port;
    int fd = silent_port(&port);
    clear_objects();
    receiver_start(&r);
    c.assoc.negotiation_ms = 600000; /* the dead ones would take minutes */
    c.retrieve_workers = 1;
    harness_start(&h, &c);
    add_destination("DEST", r.port);
    add_destination("MUTE", port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    uids_identifier("1.2.3.1", &octets);
    raw_open(&raw, h.port, "DPPR", "CLIENT", move_only);
    for (uint16_t id = 1; id <= 3; id++) {
        struct dimse_command rq = move_request("MUTE", id);
        raw_send(&raw, 1, &rq, &octets);
    }
    raw_wait(&raw, 3); /* the pending responses: all three are with the retrieve worker */
    struct dimse_command rq = move_request("DEST", 4);
    raw_send(&raw, 1, &rq, &octets);
    assert_int_equal(wait_final(&raw, 4)->status, STATUS_SUCCESS);
    for (uint16_t id = 1; id <= 3; id++)
        assert_null(final_of(&raw, id));
    /* a cancel reaches a move that waits and one that connects */
    for (uint16_t id = 3; id >= 1; id--) {
        struct dimse_command cancel = {
            .field = DIMSE_C_CANCEL_RQ, .has = CMD_HAS_RESPONDED_ID, .responded_id = id};
        raw_send(&raw, 1, &cancel, NULL);
        const struct dimse_command *final = wait_final(&raw, id);
        assert_int_equal(final->status, STATUS_CANCEL);
        assert_int_equal(final->remaining, 1);
    }
    raw_close(&raw);
    harness_stop(&h);
    receiver_stop(&r);
    buf_fini(&octets);
    close(fd);
}

static void moves_to_one_destination_take_turns(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct raw raw;
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    uids_identifier("1.2.3.1\\1.2.3.2\\1.2.3.3", &octets);
    raw_open(&raw, f->harness.port, "DPPR", "CLIENT", move_only);
    for (uint16_t id = 1; id <= 6; id++) {
        struct dimse_command rq = move_request("DEST", id);
        raw_send(&raw, 1, &rq, &octets);
    }
    for (uint16_t id = 1; id <= 6; id++)
        assert_int_equal(wait_final(&raw, id)->status, STATUS_SUCCESS);
    assert_int_equal(r.associations, 6);
    assert_int_equal(r.most_open, 1);
    assert_int_equal(r.stored, 18);
    raw_close(&raw);
    receiver_stop(&r);
    buf_fini(&octets);
}

static void cancel_stops_a_running_move(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct raw raw;
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    r.is_silent = true;
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    uids_identifier("1.2.3.1\\1.2.3.2\\1.2.3.3", &octets);
    raw_open(&raw, f->harness.port, "DPPR", "CLIENT", move_only);
    struct dimse_command rq = move_request("DEST", 1);
    raw_send(&raw, 1, &rq, &octets);
    raw_wait(&raw, 1);
    struct dimse_command cancel = {
        .field = DIMSE_C_CANCEL_RQ, .has = CMD_HAS_RESPONDED_ID, .responded_id = 1};
    raw_send(&raw, 1, &cancel, NULL);
    /* Final only after the last C-STORE response, or the time for it, if one was sent. */
    const struct dimse_command *final = wait_final(&raw, 1);
    assert_int_equal(final->status, STATUS_CANCEL);
    assert_true(final->has & CMD_HAS_REMAINING);
    assert_int_equal(final->completed + final->failed + final->warning + final->remaining, 3);
    raw_close(&raw);
    receiver_stop(&r);
    buf_fini(&octets);
}

static bool has_stored_one(void *arg)
{
    const struct receiver *r = arg;
    return r->stored >= 1;
}

static void cancel_does_not_wait_for_a_destination_that_hangs(void **state)
{
    struct fixture *f = *state;
    struct service_config c = test_config();
    struct harness h;
    struct receiver r;
    struct raw raw;
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    r.is_silent = true;
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    c.suboperation_ms = 600000; /* longer than any wait of this test */
    harness_start(&h, &c);
    uids_identifier("1.2.3.1\\1.2.3.2\\1.2.3.3", &octets);
    raw_open(&raw, h.port, "DPPR", "CLIENT", move_only);
    struct dimse_command rq = move_request("DEST", 1);
    raw_send(&raw, 1, &rq, &octets);
    raw_wait(&raw, 1);
    assert_true(wait_until(has_stored_one, &r));
    struct dimse_command cancel = {
        .field = DIMSE_C_CANCEL_RQ, .has = CMD_HAS_RESPONDED_ID, .responded_id = 1};
    raw_send(&raw, 1, &cancel, NULL);
    const struct dimse_command *final = wait_final(&raw, 1);
    expect_counts(final, STATUS_CANCEL, 0, 1, 0); /* what was sent has failed */
    assert_int_equal(final->remaining, 2);
    assert_string_equal(final->comment, "cancel-grace: no answer to C-STORE when cancelled");
    assert_true(wait_until(receiver_is_idle, &r)); /* aborted */
    assert_int_equal(r.stored, 1);
    raw_close(&raw);
    harness_stop(&h);
    receiver_stop(&r);
    buf_fini(&octets);
}

static void lost_requester_stops_the_move(void **state)
{
    struct fixture *f = *state;
    struct receiver r;
    struct raw raw;
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    r.is_silent = true;
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    uids_identifier("1.2.3.1\\1.2.3.2\\1.2.3.3", &octets);
    for (unsigned is_release = 0; is_release < 2; is_release++) {
        r.stored = 0;
        raw_open(&raw, f->harness.port, "DPPR", "CLIENT", move_only);
        struct dimse_command rq = move_request("DEST", 1);
        raw_send(&raw, 1, &rq, &octets);
        raw_wait(&raw, 1);
        assert_true(wait_until(has_stored_one, &r));
        if (!is_release)
            assoc_abort(raw.assoc, ABORT_SOURCE_USER, 0, "test");
        raw_close(&raw);
        assert_true(wait_until(receiver_is_idle, &r));
        assert_int_equal(r.stored, 1);
    }
    receiver_stop(&r);
    buf_fini(&octets);
}

/* Stopping the server while moves run: fronts first, then the retrieve workers. */
static void stopping_while_moves_run_is_clean(void **state)
{
    struct fixture *f = *state;
    struct service_config c = test_config();
    struct receiver r;
    struct buf octets;
    clear_objects();
    receiver_start(&r);
    add_destination("DEST", r.port);
    struct scu *s = connect_explicit(&f->harness);
    store_three(s);
    scu_close(s);
    uids_identifier("1.2.3.1\\1.2.3.2\\1.2.3.3", &octets);
    for (unsigned round = 0; round < 8; round++) {
        struct harness h;
        struct raw raw;
        harness_start(&h, &c);
        r.is_silent = round % 2 == 0;
        raw_open(&raw, h.port, "DPPR", "CLIENT", move_only);
        for (uint16_t id = 1; id <= 4; id++) {
            struct dimse_command rq = move_request("DEST", id);
            raw_send(&raw, 1, &rq, &octets);
        }
        loop_run_until(raw.loop, raw_is_closed, &raw, (int64_t)(round * 4 + 1));
        harness_stop(&h);
        raw_close(&raw);
    }
    r.is_silent = false;
    receiver_stop(&r);
    buf_fini(&octets);
}

static int setup(void **state)
{
    struct service_config c = test_config();
    if (service_testdb_setup() != 0)
        return -1;
    harness_start(&shared.harness, &c);
    buf_init(&shared.failed, 0);
    *state = &shared;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_stop(&shared.harness);
    buf_fini(&shared.failed);
    return service_testdb_teardown();
}

int main(void)
{
    log_configure(getenv("DPPR_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_sends_what_was_stored),
        cmocka_unit_test(get_of_unknown_uids_is_success_of_nothing),
        cmocka_unit_test(get_reports_failures_and_warnings),
        cmocka_unit_test(get_without_role_fails_and_says_why),
        cmocka_unit_test(get_converts_when_the_stored_syntax_is_not_taken),
        cmocka_unit_test(get_cancelled_tells_what_remains),
        cmocka_unit_test(get_gives_up_on_a_silent_peer),
        cmocka_unit_test(identifier_without_uid_is_refused),
        cmocka_unit_test(many_instances_flow_through_small_batches),
        cmocka_unit_test(database_away_is_a701),
        cmocka_unit_test(move_sends_to_the_destination),
        cmocka_unit_test(move_uses_the_title_of_the_row),
        cmocka_unit_test(move_converts_for_the_destination),
        cmocka_unit_test(move_of_nothing_opens_no_association),
        cmocka_unit_test(each_wrong_destination_has_its_status),
        cmocka_unit_test(rejecting_destination_fails_all),
        cmocka_unit_test(destination_that_refuses_or_aborts_is_counted),
        cmocka_unit_test(silent_destination_is_given_up),
        cmocka_unit_test(dead_destination_stops_nobody_else),
        cmocka_unit_test(moves_to_one_destination_take_turns),
        cmocka_unit_test(cancel_stops_a_running_move),
        cmocka_unit_test(cancel_does_not_wait_for_a_destination_that_hangs),
        cmocka_unit_test(lost_requester_stops_the_move),
        cmocka_unit_test(stopping_while_moves_run_is_clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
