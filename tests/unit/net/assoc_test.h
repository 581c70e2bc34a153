/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of net/assoc share: a side (an association with an owner that writes down what
 * happens), a raw peer (a socket that sends and collects octets), and the PDUs to speak with.
 */
#ifndef ASSOC_TEST_H
#define ASSOC_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "codec_test.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "net/assoc.h"
#include "net/negotiate.h"

#define MAYBE_UNUSED __attribute__((unused))

#define ECHO_CLASS  "1.2.840.10008.1.1"
#define FIND_CLASS  "1.2.840.10008.5.1.4.20.1"
#define STORE_CLASS "1.2.840.10008.5.1.4.1.1.200.1"
#define ILE         "1.2.840.10008.1.2"
#define ELE         "1.2.840.10008.1.2.1"
#define APP_CONTEXT "1.2.840.10008.3.1.1.1"

enum { WAIT_MS = 20000 }; /* for what must happen; only a failure waits that long */

static const char *const test_syntaxes[] = {ELE, ILE, NULL};
static const uint8_t test_mask[] = {1, 0, 1};
static const struct negotiate_rule test_rules[] = {
    {ECHO_CLASS, true, false, false, test_syntaxes, NULL, 0},
    {FIND_CLASS, true, false, false, test_syntaxes, test_mask, 3},
    {STORE_CLASS, true, true, false, test_syntaxes, NULL, 0},
};
static const struct negotiate_policy test_policy = {test_rules, 3, 8, 2};

enum answer_mode { ANSWER_ACCEPT, ANSWER_REJECT, ANSWER_LATER };

struct side {
    struct loop *loop;
    struct assoc *a; /* NULL after on_closed */
    enum answer_mode mode;
    bool holds_release; /* do not answer in on_release */
    bool replies;       /* answer requests, echoing their data set */
    size_t reply_bytes; /* instead of an echo, when not 0 */
    bool aborts_on_message;
    bool frees_on_message;
    unsigned requests, established, rejected, released, drained, closed, messages;
    unsigned send_failures;
    struct pdu_reject reject;
    const struct pdu_associate *rq; /* of on_request */
    struct err why;
    struct dimse_message *last; /* the latest message, kept */
    struct buf data;            /* of the latest message with one */
};

static MAYBE_UNUSED void answer(struct side *s, struct assoc *a, const struct pdu_associate *rq)
{
    struct pdu_associate ac;
    struct err err;
    struct arena *arena = arena_new(1 << 20);
    if (negotiate_answer(rq, &test_policy, arena, &ac, &err) == RC_OK) {
        assoc_answer_accept(a, &ac);
    } else {
        assoc_abort(a, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER, err.text);
    }
    arena_free(arena);
    (void)s;
}

static void on_request(struct assoc *a, const struct pdu_associate *rq, void *arg)
{
    struct side *s = arg;
    s->requests++;
    s->rq = rq;
    if (s->mode == ANSWER_ACCEPT) {
        answer(s, a, rq);
    } else if (s->mode == ANSWER_REJECT) {
        assoc_answer_reject(a, &(struct pdu_reject){2, 3, 2}, LOG_INFO,
                            &(struct err){.text = "test"});
    }
}

static void on_established(struct assoc *a, void *arg)
{
    (void)a;
    ((struct side *)arg)->established++;
}

static void on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    struct side *s = arg;
    (void)a;
    s->rejected++;
    s->reject = *rj;
}

static void reply(struct side *s, struct assoc *a, const struct dimse_message *m)
{
    struct dimse_command rsp = command_response(&m->command, 0);
    static uint8_t filler[1 << 16];
    struct span data = buf_span(&m->dataset);
    bool has_data = m->command.has_dataset;
    if (s->reply_bytes > 0) {
        data = span_of(filler, s->reply_bytes);
        has_data = true;
    }
    if (assoc_send(a, m->context, &rsp, has_data ? &data : NULL) != RC_OK) {
        s->send_failures++;
    }
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct side *s = arg;
    s->messages++;
    if (s->replies && !(m->command.field & DIMSE_RESPONSE_BIT) && m->command_rc == RC_OK) {
        reply(s, a, m);
    }
    if (m->command.has_dataset) {
        buf_clear(&s->data);
        buf_add_span(&s->data, buf_span(&m->dataset));
    }
    dimse_message_free(s->last);
    s->last = m;
    if (s->aborts_on_message) {
        assoc_abort(a, ABORT_SOURCE_USER, 0, "as the test wants");
    }
    if (s->frees_on_message) {
        assoc_free(a);
        s->a = NULL;
    }
}

static void on_drained(struct assoc *a, void *arg)
{
    (void)a;
    ((struct side *)arg)->drained++;
}

static void on_release(struct assoc *a, void *arg)
{
    struct side *s = arg;
    s->released++;
    if (!s->holds_release) {
        assoc_answer_release(a);
    }
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct side *s = arg;
    assert_ptr_equal(a, s->a);
    s->closed++;
    s->why = *why;
    s->a = NULL;
}

static const struct assoc_callbacks side_callbacks = {
    .on_request = on_request,
    .on_established = on_established,
    .on_rejected = on_rejected,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_release = on_release,
    .on_closed = on_closed,
};

/* Settings under which nothing times out by itself in a test that does not want it. */
static struct assoc_options test_options(void)
{
    return assoc_options_default();
}

static void side_fini(struct side *s)
{
    assoc_free(s->a);
    s->a = NULL;
    dimse_message_free(s->last);
    s->last = NULL;
    buf_fini(&s->data);
}

/* ---- waiting ---- */

static MAYBE_UNUSED bool has_closed(void *arg)
{
    return ((struct side *)arg)->closed > 0;
}

static MAYBE_UNUSED bool is_established(void *arg)
{
    return ((struct side *)arg)->established > 0;
}

static MAYBE_UNUSED bool never(void *arg)
{
    (void)arg;
    return false;
}

static MAYBE_UNUSED void run_for(struct loop *l, int64_t ms)
{
    loop_run_until(l, never, NULL, ms);
}

static MAYBE_UNUSED void wait_for(struct loop *l, bool (*pred)(void *), void *arg)
{
    assert_true(loop_run_until(l, pred, arg, WAIT_MS));
}

struct count_wait {
    const unsigned *value;
    unsigned want;
};

static bool has_count(void *arg)
{
    const struct count_wait *w = arg;
    return *w->value >= w->want;
}

static MAYBE_UNUSED void wait_count(struct loop *l, const unsigned *value, unsigned want)
{
    struct count_wait w = {value, want};
    wait_for(l, has_count, &w);
}

/* ---- a listening socket on loopback ---- */

struct place {
    int fd;
    struct sockaddr_in addr;
};

static MAYBE_UNUSED struct place place_open(void)
{
    struct place p = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    socklen_t len = sizeof(p.addr);
    p.addr.sin_family = AF_INET;
    p.addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(p.fd >= 0);
    assert_int_equal(bind(p.fd, (struct sockaddr *)&p.addr, sizeof(p.addr)), 0);
    assert_int_equal(listen(p.fd, 8), 0);
    assert_int_equal(getsockname(p.fd, (struct sockaddr *)&p.addr, &len), 0);
    return p;
}

/* ---- a raw peer ---- */

struct raw {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    struct buf in;
    bool eof;
    bool holds; /* does not read */
};

static void on_raw(int fd, unsigned ready, void *arg)
{
    struct raw *r = arg;
    uint8_t octets[65536];
    (void)ready;
    ssize_t n = recv(fd, octets, sizeof(octets), MSG_DONTWAIT);
    if (n > 0) {
        buf_add(&r->in, octets, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        r->eof = true;
        loop_watch_set(r->watch, 0);
    }
}

static void raw_hold(struct raw *r, bool holds)
{
    r->holds = holds;
    loop_watch_set(r->watch, holds || r->eof ? 0 : LOOP_READ);
}

static void raw_init(struct raw *r, struct loop *l, int fd)
{
    *r = (struct raw){.loop = l, .fd = fd};
    buf_init(&r->in, 0);
    r->watch = loop_watch_new(l, fd, on_raw, r);
    raw_hold(r, false);
}

static void raw_fini(struct raw *r)
{
    loop_watch_free(r->watch);
    if (r->fd >= 0) {
        close(r->fd);
    }
    buf_fini(&r->in);
}

/* All of it, running the loop while the socket takes no more. */
static MAYBE_UNUSED void raw_send(struct raw *r, const void *octets, size_t len)
{
    const uint8_t *p = octets;
    int64_t deadline = clock_now_ms() + WAIT_MS;
    while (len > 0) {
        ssize_t n = send(r->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            return; /* closed by the other side: the test looks at the outcome */
        }
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else {
            assert_true(clock_now_ms() < deadline);
            run_for(r->loop, 1);
        }
    }
}

static MAYBE_UNUSED void raw_send_buf(struct raw *r, struct buf *b)
{
    assert_int_equal(buf_status(b), RC_OK);
    raw_send(r, b->data, b->len);
    buf_fini(b);
}

struct raw_wait {
    struct raw *raw;
    size_t want;
};

static bool raw_has(void *arg)
{
    const struct raw_wait *w = arg;
    return w->raw->in.len >= w->want || w->raw->eof;
}

static MAYBE_UNUSED bool raw_is_closed(void *arg)
{
    return ((struct raw *)arg)->eof;
}

/* The next PDU, removed from the input, as a span that is valid until the next call; empty when the
 * connection has ended before. */
static MAYBE_UNUSED struct span raw_pdu(struct raw *r)
{
    static uint8_t pdu[1 << 18];
    struct raw_wait w = {r, PDU_HEADER_BYTES};
    wait_for(r->loop, raw_has, &w);
    if (r->in.len < PDU_HEADER_BYTES) {
        return span_of(NULL, 0);
    }
    w.want = PDU_HEADER_BYTES + get_be32(r->in.data + 2);
    assert_true(w.want <= sizeof(pdu));
    wait_for(r->loop, raw_has, &w);
    assert_true(r->in.len >= w.want);
    memcpy(pdu, r->in.data, w.want);
    r->in.len -= w.want;
    memmove(r->in.data, r->in.data + w.want, r->in.len);
    return span_of(pdu, w.want);
}

static MAYBE_UNUSED void raw_expect_abort(struct raw *r, uint8_t source, uint8_t reason)
{
    struct span pdu = raw_pdu(r);
    assert_int_equal(pdu.len, 10);
    assert_int_equal(pdu.data[0], PDU_ABORT);
    assert_int_equal(pdu.data[8], source);
    assert_int_equal(pdu.data[9], reason);
}

/* ---- PDUs to say ---- */

static const char *test_both[] = {ILE, ELE};

static struct pdu_context test_context(uint8_t id, const char *uid)
{
    return (struct pdu_context){id, 0, uid, test_both, 2};
}

/* 1 echo, 3 find, 5 store, 7 something that is not served. */
static struct pdu_associate test_request(void)
{
    static struct pdu_context contexts[4];
    contexts[0] = test_context(1, ECHO_CLASS);
    contexts[1] = test_context(3, FIND_CLASS);
    contexts[2] = test_context(5, STORE_CLASS);
    contexts[3] = test_context(7, "1.2.3.4");
    return (struct pdu_associate){
        .protocol_version = 1,
        .called_aet = "DPPR",
        .calling_aet = "SCU",
        .application_context = APP_CONTEXT,
        .contexts = contexts,
        .context_count = 4,
        .has_max_length = true,
        .max_length = 16384,
        .implementation_class_uid = "1.2.3",
    };
}

static MAYBE_UNUSED void raw_request_as(struct raw *r, const struct pdu_associate *rq)
{
    struct buf b;
    buf_init(&b, 0);
    pdu_encode_associate(&b, PDU_ASSOCIATE_RQ, rq);
    raw_send_buf(r, &b);
}

static MAYBE_UNUSED void raw_release(struct raw *r, enum pdu_type type)
{
    struct buf b;
    buf_init(&b, 0);
    pdu_encode_release(&b, type);
    raw_send_buf(r, &b);
}

static struct dimse_command test_command(uint16_t field, const char *sop_class, uint16_t id)
{
    struct dimse_command c = {
        .field = field,
        .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID,
        .message_id = id,
    };
    memcpy(c.sop_class, sop_class, strlen(sop_class));
    if (field == DIMSE_C_STORE_RQ) {
        c.has |= CMD_HAS_SOP_INSTANCE;
        strcpy(c.sop_instance, "1.2.3.4.5");
    }
    return c;
}

static MAYBE_UNUSED void add_pdata(struct buf *b, uint8_t id, bool is_command, bool is_last,
                                   struct span fragment)
{
    uint8_t prefix[PDU_HEADER_BYTES + PDV_HEADER_BYTES];
    pdu_encode_pdata_prefix(prefix, id, is_command, is_last, (uint32_t)fragment.len);
    buf_add(b, prefix, sizeof(prefix));
    buf_add_span(b, fragment);
}

static MAYBE_UNUSED void add_command_pdu(struct buf *b, uint8_t id, const struct dimse_command *cmd)
{
    struct buf set;
    buf_init(&set, 0);
    encode_command(&set, cmd);
    add_pdata(b, id, true, true, buf_span(&set));
    buf_fini(&set);
}

static MAYBE_UNUSED void raw_echo(struct raw *r, uint16_t id)
{
    struct dimse_command cmd = test_command(DIMSE_C_ECHO_RQ, ECHO_CLASS, id);
    struct buf b;
    buf_init(&b, 0);
    add_command_pdu(&b, 1, &cmd);
    raw_send_buf(r, &b);
}

/* ---- a raw peer and an acceptor ---- */

struct duel {
    struct loop *loop;
    struct side s;
    struct raw r;
};

static MAYBE_UNUSED void duel_begin(struct duel *d, const struct assoc_options *options)
{
    int fds[2];
    memset(d, 0, sizeof(*d));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    d->loop = loop_new();
    d->s.loop = d->loop;
    d->s.replies = true;
    buf_init(&d->s.data, 0);
    raw_init(&d->r, d->loop, fds[1]);
    d->s.a = assoc_accept_fd(d->loop, fds[0], options, &side_callbacks, &d->s);
}

/* Up to Sta6. */
static MAYBE_UNUSED void duel_open(struct duel *d, const struct assoc_options *options)
{
    struct pdu_associate rq = test_request();
    duel_begin(d, options);
    raw_request_as(&d->r, &rq);
    assert_int_equal(raw_pdu(&d->r).data[0], PDU_ASSOCIATE_AC);
}

static MAYBE_UNUSED void duel_end(struct duel *d)
{
    side_fini(&d->s);
    raw_fini(&d->r);
    loop_free(d->loop);
}

/* The raw side goes away; the association has to notice. */
static MAYBE_UNUSED void duel_hang_up(struct duel *d)
{
    loop_watch_free(d->r.watch);
    d->r.watch = NULL;
    close(d->r.fd);
    d->r.fd = -1;
    wait_for(d->loop, has_closed, &d->s);
    assert_int_equal(d->s.closed, 1);
}

/* ---- two associations ---- */

struct pair {
    struct loop *loop;
    struct place place;
    struct side acceptor;
    struct side requestor;
};

static MAYBE_UNUSED void pair_begin(struct pair *p, const struct pdu_associate *rq,
                                    const struct assoc_options *acceptor,
                                    const struct assoc_options *requestor)
{
    p->loop = loop_new();
    p->place = place_open();
    p->acceptor.loop = p->requestor.loop = p->loop;
    p->acceptor.replies = true;
    p->requestor.a =
        assoc_request(p->loop, (struct sockaddr *)&p->place.addr, sizeof(p->place.addr), rq,
                      requestor, &side_callbacks, &p->requestor);
    int fd = accept(p->place.fd, NULL, NULL);
    assert_true(fd >= 0);
    p->acceptor.a = assoc_accept_fd(p->loop, fd, acceptor, &side_callbacks, &p->acceptor);
}

static MAYBE_UNUSED void pair_open(struct pair *p, const struct assoc_options *acceptor,
                                   const struct assoc_options *requestor)
{
    struct pdu_associate rq = test_request();
    memset(p, 0, sizeof(*p));
    pair_begin(p, &rq, acceptor, requestor);
    wait_for(p->loop, is_established, &p->requestor);
}

static MAYBE_UNUSED void pair_end(struct pair *p)
{
    side_fini(&p->acceptor);
    side_fini(&p->requestor);
    close(p->place.fd);
    loop_free(p->loop);
}

#endif
