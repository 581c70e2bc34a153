/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "behaviours.h"
#include "fiber.h"

/* ---- no DICOM ---- */

static const char *const talks[] = {
    "GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
    "POST /dicom-web/studies HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
    "SSH-2.0-OpenSSH_9.2p1\r\n",
    "EHLO mail.example\r\n",
    "MSH|^~\\&|RIS|HOSPITAL|PACS|HOSPITAL|20240102||ORM^O01|1|P|2.3\r",
    "\x16\x03\x01\x02",
};

void play_wrong_talk(struct peer *p)
{
    unsigned n = rng_below(&p->rng, sizeof talks / sizeof *talks + 2);
    peer_connect(p);
    if (n < sizeof talks / sizeof *talks) {
        put_string(&p->out, talks[n]);
    }
    if (n >=
        sizeof talks / sizeof *talks - 1) { /* the rest of a TLS hello, or octets of any kind */
        for (unsigned i = rng_between(&p->rng, 1, 600); i > 0; i--) {
            put_u8(&p->out, rng_below(&p->rng, 256));
        }
    }
    (void)peer_flush(p);
    peer_expect_end(p);
}

/* A port scanner or a health check. */
void play_probe(struct peer *p)
{
    peer_connect(p);
    if (rng_below(&p->rng, 2)) {
        fiber_sleep(rng_below(&p->rng, 50));
    }
    if (rng_below(&p->rng, 2)) {
        peer_reset(p);
    }
}

/* ---- no right ---- */

static void expect_reject(struct peer *p, const struct proposal *proposal, const char *code)
{
    enum event e = peer_ask(p, proposal);
    EXPECT(p, e == EVENT_REJECTED, "%s instead of a rejection", event_name(e));
    if (has_faults && memcmp(p->reject, "\2\3\1", 3) == 0) {
        peer_excuse(p);
    }
    EXPECT(p, memcmp(p->reject, code, 3) == 0, "rejected %u/%u/%u instead of %u/%u/%u",
           p->reject[0], p->reject[1], p->reject[2], code[0], code[1], code[2]);
}

/* Only what C-ECHO needs; it works. */
static void unknown_but_echoes(struct peer *p, struct proposal *proposal)
{
    enum event e = peer_ask(p, proposal);
    if (e == EVENT_REJECTED && has_faults) {
        peer_excuse(p);
    }
    EXPECT(p, e == EVENT_ACCEPTED, "%s instead of acceptance", event_name(e));
    for (const struct context *c = every_context; c->id; c++) {
        EXPECT(p, (p->results[c->id] == 0) == (c->id == CTX_ECHO), "context %u has result %u",
               c->id, p->results[c->id]);
    }
    echo_once(p);
    peer_leave(p);
}

void play_no_access(struct peer *p)
{
    struct proposal proposal = peer_proposal(p);
    unsigned n = rng_below(&p->rng, 8);
    switch (n) {
    case 0:
        proposal.calling = "STRANGER";
        proposal.contexts++; /* without Verification */
        expect_reject(p, &proposal, "\1\1\3");
        break;
    case 1:
        proposal.calling = "STRANGER";
        unknown_but_echoes(p, &proposal);
        return;
    case 2:
        proposal.calling = "ELSEWHERE"; /* bound to another address */
        expect_reject(p, &proposal, "\1\1\3");
        break;
    case 3:
        proposal.called = "SOMEBODY";
        expect_reject(p, &proposal, "\1\1\7");
        break;
    case 4:
        proposal.application_context = "1.2.3";
        expect_reject(p, &proposal, "\1\1\2");
        break;
    case 5:
        proposal.protocol_version = 2;
        expect_reject(p, &proposal, "\1\2\2");
        break;
    case 6:
        proposal.calling = "";
        expect_reject(p, &proposal, "\1\1\3");
        break;
    default:
        proposal.max_length = 1;
        expect_reject(p, &proposal, "\1\2\1");
        break;
    }
    if (rng_below(&p->rng, 4) == 0) {
        peer_expect_end(p); /* ARTIM, as nobody closes */
    }
}

void play_few_rights(struct peer *p)
{
    struct proposal proposal = peer_proposal(p);
    struct object x = own_object(p->number, 0, PLAIN, EXPLICIT);
    struct command c = {.field = C_STORE, .sop_class = object_class(&x)};
    char uid[65];
    proposal.calling = "READER"; /* may neither store nor move */
    enum event e = peer_ask(p, &proposal);
    if (e == EVENT_REJECTED && has_faults) {
        peer_excuse(p);
    }
    EXPECT(p, e == EVENT_ACCEPTED, "%s instead of acceptance", event_name(e));
    EXPECT(p, p->results[CTX_MOVE] == 1 && p->results[CTX_FIND] == 0, "MOVE has result %u, FIND %u",
           p->results[CTX_MOVE], p->results[CTX_FIND]);
    object_uid(&x, uid);
    c.sop_instance = uid;
    p->object.len = 0;
    put_object(&p->object, &x);
    (void)peer_put_request(p, object_context(&x), &c, &p->object);
    peer_must_flush(p);
    peer_await(p);
    EXPECT_STATUS(p, 0x0124);
    peer_leave(p);
}

/* ---- no patience, or too much of it ---- */

void play_cut_request(struct peer *p)
{
    struct proposal proposal = peer_proposal(p);
    peer_connect(p);
    put_associate_request(&p->out, &proposal);
    p->out.len = rng_between(&p->rng, 1, (uint32_t)p->out.len);
    (void)peer_flush(p);
    peer_vanish(p);
}

void play_silent(struct peer *p)
{
    peer_connect(p);
    peer_expect_end(p);
}

void play_dripping(struct peer *p)
{
    struct proposal proposal = peer_proposal(p);
    peer_connect(p);
    put_associate_request(&p->out, &proposal);
    for (size_t at = 0; at < p->out.len && !fiber_wait(p->fd, EPOLLIN, deadline_ms / 20); at++) {
        if (!peer_send(p, p->out.data + at, 1)) {
            break;
        }
    }
    peer_expect_end(p);
}

void play_idle(struct peer *p)
{
    peer_associate(p, 0);
    echo_once(p);
    peer_expect_end(p);
}

void play_stalled_message(struct peer *p)
{
    peer_associate(p, 0);
    put_any_request(p);
    p->out.len = rng_between(&p->rng, 1, (uint32_t)p->out.len - 1);
    peer_must_flush(p);
    peer_expect_end(p);
}

/* Asks and asks and reads nothing, until the server has had enough. */
void play_never_reading(struct peer *p)
{
    enum { REQUESTS = 20000, TIMES = 20 };
    peer_associate(p, 0);
    peer_buffer(p, SMALL_BUFFER);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct command c = {.field = C_ECHO};
        (void)peer_put_request(p, CTX_ECHO, &c, NULL);
    }
    for (unsigned i = 0; i < TIMES; i++) {
        if (!peer_send(p, p->out.data, p->out.len)) {
            return;
        }
    }
    peer_fail(p, "the server took %u requests whose answers nobody reads", REQUESTS * TIMES);
}
