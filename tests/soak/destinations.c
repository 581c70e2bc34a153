/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes in for a move is given to the peer whose move it is, by Move Originator AE Title and Message ID
 * (PS3.7 9.1.1.1.6, 9.1.1.1.7), which knows what it wanted. A peer that has gone no longer cares.
 */
#include "destinations.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "behaviours.h"
#include "fiber.h"

enum { TRICKLE_OCTETS = 16, TRICKLE_MS = 20, BACKLOG = 512 };

static unsigned busy;

unsigned destinations_busy(void)
{
    return busy;
}

/* ---- what all of them do ---- */

/* The association request as a whole; its contexts' transfer syntaxes into `results`. */
static const uint8_t *read_request(struct peer *p, size_t *len)
{
    while (p->in.len < 6 || p->in.len < 6 + (size_t)get_be32(p->in.data + 2)) {
        if (peer_receive(p, ANSWER_MS) != EVENT_MESSAGE) {
            peer_excuse(p);
        }
    }
    EXPECT(p, p->in.data[0] == PDU_RQ, "PDU type %u where a request is due", p->in.data[0]);
    *len = get_be32(p->in.data + 2);
    p->at = 6 + *len;
    return p->in.data + 6;
}

static enum syntax syntax_of(const uint8_t *uid, size_t len)
{
    for (unsigned s = 0; s < SYNTAXES; s++) {
        if (len == strlen(syntax_uids[s]) && memcmp(uid, syntax_uids[s], len) == 0) {
            return (enum syntax)s;
        }
    }
    return SYNTAXES;
}

/* One proposed context: its syntax into `results`, the answer into `out`. */
static void answer_context(struct peer *p, const uint8_t *value, size_t len, bool implicit_only)
{
    size_t abstract = get_be16(value + 6), at = 8 + abstract;
    EXPECT(p, at + 4 <= len, "a broken context");
    size_t n = get_be16(value + at + 2);
    EXPECT(p, at + 4 + n <= len, "a broken context");
    enum syntax s = syntax_of(value + at + 4, n);
    bool is_taken = s != SYNTAXES && (!implicit_only || s == IMPLICIT);
    p->results[value[0]] = is_taken ? (uint8_t)s : 255;
    put(&p->out, "\x21\0", 2);
    put_be16(&p->out, (unsigned)(8 + n));
    put_u8(&p->out, value[0]);
    put_u8(&p->out, 0);
    put_u8(&p->out, is_taken ? 0 : 4);
    put_u8(&p->out, 0);
    put(&p->out, value + at, 4 + n);
}

static void accept_association(struct peer *p, bool implicit_only)
{
    size_t len;
    const uint8_t *body = read_request(p, &len);
    EXPECT(p, len >= 68, "a request of %zu octets", len);
    put(&p->out, "\2\0\0\0\0\0", 6);
    put(&p->out, body, 68);
    put(&p->out,
        "\x10\0\0\x15"
        "1.2.840.10008.3.1.1.1",
        25);
    for (size_t at = 68; at + 4 <= len;) {
        size_t n = get_be16(body + at + 2);
        EXPECT(p, n <= len - at - 4, "a request with a broken item");
        if (body[at] == 0x20) {
            answer_context(p, body + at + 4, n, implicit_only);
        } else if (body[at] == 0x50 && n >= 8) {
            p->peer_max = get_be32(body + at + 8);
        }
        at += 4 + n;
    }
    put(&p->out,
        "\x50\0\0\x11\x51\0\0\4\0\0\x40\0\x52\0\0\5"
        "1.2.3",
        21);
    set_be32(&p->out, 2);
    peer_must_flush(p);
}

/* To whoever it is for; what is wrong with it is said there. */
static void deliver(struct peer *p)
{
    struct peer *owner = peer_of_title(p->m.originator);
    if (!owner || owner->move_id != p->m.originator_id) {
        return;
    }
    const char *wrong =
        peer_take_object(owner, p->m.sop_instance, (enum syntax)p->results[p->context], &p->data);
    EXPECT(p, !wrong, "for %s: %s", owner->title, wrong);
}

/* The next C-STORE request, delivered; false = the server has released, or gone. */
static bool next_store(struct peer *p)
{
    enum event e = peer_next(p, ANSWER_MS);
    if (e == EVENT_RELEASE_RQ) {
        put_small_pdu(&p->out, PDU_RELEASE_RP, 0, 0, 0);
        (void)peer_flush(p);
    }
    if (e != EVENT_MESSAGE) {
        return false;
    }
    EXPECT(p, p->m.field == C_STORE, "request %04X to a destination", p->m.field);
    return true;
}

static void serve_with(struct peer *p, uint16_t status, bool implicit_only)
{
    accept_association(p, implicit_only);
    while (next_store(p)) {
        if (status == 0) {
            deliver(p);
        }
        peer_put_store_answer(p, status);
        if (!peer_flush(p)) {
            break;
        }
    }
}

static void await_end(struct peer *p)
{
    while (peer_receive(p, ANSWER_MS) == EVENT_MESSAGE) {
        p->at = p->in.len;
    }
}

/* ---- the good ---- */

static void serve_good(struct peer *p)
{
    serve_with(p, 0, false);
}

static void serve_implicit(struct peer *p)
{
    serve_with(p, 0, true);
}

/* Octet by octet, nearly. */
static void serve_slowly(struct peer *p)
{
    accept_association(p, false);
    while (next_store(p)) {
        deliver(p);
        peer_put_store_answer(p, 0);
        size_t len = p->out.len;
        for (size_t at = 0; at < len; at += TRICKLE_OCTETS) {
            fiber_sleep(TRICKLE_MS);
            if (!peer_send(p, p->out.data + at,
                           len - at < TRICKLE_OCTETS ? len - at : TRICKLE_OCTETS)) {
                return;
            }
        }
        p->out.len = 0;
    }
}

/* ---- the bad ---- */

static void serve_warning(struct peer *p)
{
    serve_with(p, 0xB007, false);
}

static void serve_failing(struct peer *p)
{
    serve_with(p, 0xA700, false);
}

static void serve_silent(struct peer *p)
{
    await_end(p);
}

static void serve_mute(struct peer *p)
{
    accept_association(p, false);
    await_end(p);
}

/* Takes nothing from the socket for a long time. */
static void serve_deaf(struct peer *p)
{
    peer_buffer(p, MEDIUM_BUFFER);
    accept_association(p, false);
    fiber_sleep(3 * deadline_ms);
    await_end(p);
}

static void serve_rejecting(struct peer *p)
{
    size_t len;
    (void)read_request(p, &len);
    put_small_pdu(&p->out, PDU_RJ, 2, 3, 2);
    (void)peer_flush(p);
    await_end(p);
}

/* After one to three objects. */
static void serve_some(struct peer *p)
{
    accept_association(p, false);
    for (unsigned i = rng_below(&p->rng, 3); i > 0 && next_store(p); i--) {
        peer_put_store_answer(p, 0);
        if (!peer_flush(p)) {
            peer_excuse(p);
        }
    }
    if (!next_store(p)) {
        peer_excuse(p);
    }
}

static void serve_aborting(struct peer *p)
{
    serve_some(p);
    put_small_pdu(&p->out, PDU_ABORT, 0, 2, 0);
    (void)peer_flush(p);
}

static void serve_resetting(struct peer *p)
{
    serve_some(p);
    peer_reset(p);
}

/* In the middle of an answer. */
static void serve_breaking_off(struct peer *p)
{
    serve_some(p);
    peer_put_store_answer(p, 0);
    p->out.len = 1 + rng_below(&p->rng, (uint32_t)p->out.len - 1);
    (void)peer_flush(p);
}

static void serve_releasing(struct peer *p)
{
    serve_some(p);
    put_small_pdu(&p->out, PDU_RELEASE_RQ, 0, 0, 0);
    (void)peer_flush(p);
    await_end(p);
}

static void serve_asking(struct peer *p)
{
    struct command c = {.field = C_ECHO, .id = 1, .sop_class = UID_ECHO};
    serve_some(p);
    put_message(&p->out, p->context, &c, NULL, p->peer_max, false);
    (void)peer_flush(p);
    await_end(p);
}

static void serve_babbling(struct peer *p)
{
    serve_some(p);
    for (unsigned i = rng_between(&p->rng, 10, 400); i > 0; i--) {
        put_u8(&p->out, rng_below(&p->rng, 256));
    }
    (void)peer_flush(p);
    await_end(p);
}

/* clang-format off */
const struct destination destinations[] = {
    /* Completes. */
    {"GOOD",      16, serve_good,         {0, STATUS_END}},
    {"GOODTOO",   16, serve_good,         {0, STATUS_END}},
    {"IMPLICIT",   8, serve_implicit,     {0, STATUS_END}},
    {"SINGLE",     1, serve_good,         {0, STATUS_END}},
    {"SLOW",       8, serve_slowly,       {0, STATUS_END}},
    /* Does not. */
    {"WARNING",    8, serve_warning,      {0xB000, STATUS_END}},
    {"FAILING",    8, serve_failing,      {0xA702, STATUS_END}},
    {"CLOSED",     8, NULL,               {0xA702, STATUS_END}},
    {"SILENT",     8, serve_silent,       {0xA702, STATUS_END}},
    {"MUTE",       8, serve_mute,         {0xA702, STATUS_END}},
    {"DEAF",       8, serve_deaf,         {0xA702, STATUS_END}},
    {"REJECTING",  8, serve_rejecting,    {0xA702, STATUS_END}},
    {"ABORTING",   8, serve_aborting,     {0xA702, 0xB000, STATUS_END}},
    {"RESETTING",  8, serve_resetting,    {0xA702, 0xB000, STATUS_END}},
    {"BREAKOFF",   8, serve_breaking_off, {0xA702, 0xB000, STATUS_END}},
    {"RELEASING",  8, serve_releasing,    {0xA702, 0xB000, STATUS_END}},
    {"ASKING",     8, serve_asking,       {0xA702, 0xB000, STATUS_END}},
    {"BABBLING",   8, serve_babbling,     {0xA702, 0xB000, STATUS_END}},
};
/* clang-format on */
const unsigned destination_count = sizeof destinations / sizeof *destinations;

/* ---- listening ---- */

struct connection {
    const struct destination *destination;
    int fd;
    uint64_t number;
};

static void serve_one(void *arg)
{
    struct connection *c = arg;
    struct peer *p = calloc(1, sizeof *p);
    if (!p) {
        exit(2);
    }
    snprintf(p->title, sizeof p->title, "%s", c->destination->title);
    p->behaviour = "destination";
    p->number = c->number;
    p->rng = rng_of(seed ^ 0xDE57, c->number);
    peer_adopt(p, c->fd);
    if (setjmp(p->leave) == 0) {
        c->destination->serve(p);
    }
    peer_dispose(p);
    free(p);
    free(c);
    busy--;
}

struct listener {
    const struct destination *destination;
    int fd;
};

static void listen_on(void *arg)
{
    struct listener *l = arg;
    static uint64_t number;
    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            (void)fiber_wait(l->fd, EPOLLIN, -1);
            continue;
        }
        struct connection *c = malloc(sizeof *c);
        if (!c) {
            exit(2);
        }
        *c = (struct connection){l->destination, fd, number++};
        busy++;
        fiber_start(serve_one, c);
    }
}

void destinations_start(void)
{
    for (unsigned i = 0; i < destination_count; i++) {
        const struct destination *d = &destinations[i];
        struct sockaddr_in addr = {.sin_family = AF_INET};
        socklen_t len = sizeof addr;
        struct listener *l = malloc(sizeof *l);
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (!l || fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0 ||
            getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
            (d->serve && listen(fd, BACKLOG) != 0)) {
            perror(d->title);
            exit(2);
        }
        *l = (struct listener){d, fd};
        printf("destination %s %u %u\n", d->title, (unsigned)ntohs(addr.sin_port),
               d->max_associations);
        if (d->serve) {
            fiber_start(listen_on, l);
        }
    }
}
