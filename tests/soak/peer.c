/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fiber.h"

enum { READ_BYTES = 65536, SOURCES = 16 };

uint16_t server_port;
bool has_faults;

const char *event_name(enum event e)
{
    static const char *const names[] = {"message",           "acceptance", "rejection",
                                        "release request",   "release",    "abort",
                                        "connection closed", "time-out"};
    return names[e];
}

void peer_fail(struct peer *p, const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "association %llu (%s, %s): ", (unsigned long long)p->number, p->behaviour,
            p->title);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    longjmp(p->leave, LEAVE_FAILED);
}

void peer_excuse(struct peer *p)
{
    longjmp(p->leave, LEAVE_EXCUSED);
}

/* ---- octets ---- */

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

void peer_adopt(struct peer *p, int fd)
{
    p->fd = fd;
    p->in.len = p->at = p->pdu_left = p->out.len = 0;
    p->peer_max = 16384;
    p->last_id = 0;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* From several addresses, so that ports of connections just closed do not run out. */
void peer_connect(struct peer *p)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
    int error = 0;
    socklen_t len = sizeof error;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + rng_below(&p->rng, SOURCES));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(server_port);
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    peer_adopt(p, fd);
    p->last_id = (uint16_t)rng_below(&p->rng, 30000); /* so that moves of one slot differ */
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0) {
        peer_fail(p, "bind: %s", strerror(errno));
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) {
        return;
    }
    if (errno != EINPROGRESS || !fiber_wait(fd, EPOLLOUT, ANSWER_MS) ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error) {
        peer_fail(p, "connect: %s", strerror(error ? error : errno));
    }
}

bool peer_send(struct peer *p, const void *data, size_t len)
{
    const uint8_t *octets = data;
    while (len > 0) {
        ssize_t n = send(p->fd, octets, len, MSG_NOSIGNAL);
        if (n >= 0) {
            octets += n;
            len -= (size_t)n;
        } else if (errno != EAGAIN) {
            return false;
        } else if (!fiber_wait(p->fd, EPOLLOUT, ANSWER_MS)) {
            peer_fail(p, "the server does not read for %d s", ANSWER_MS / 1000);
        }
    }
    return true;
}

bool peer_flush(struct peer *p)
{
    bool ok = peer_send(p, p->out.data, p->out.len);
    p->out.len = 0;
    return ok;
}

enum event peer_receive(struct peer *p, int64_t timeout_ms)
{
    if (p->at > 0) {
        p->in.len -= p->at;
        memmove(p->in.data, p->in.data + p->at, p->in.len);
        p->at = 0;
    }
    for (;;) {
        put_fill(&p->in, 0, READ_BYTES);
        p->in.len -= READ_BYTES;
        ssize_t n = recv(p->fd, p->in.data + p->in.len, READ_BYTES, 0);
        if (n > 0) {
            p->in.len += (size_t)n;
            return EVENT_MESSAGE;
        }
        if (n == 0 || errno != EAGAIN) {
            return EVENT_CLOSED;
        }
        if (!fiber_wait(p->fd, EPOLLIN, timeout_ms)) {
            return EVENT_TIMEOUT;
        }
    }
}

void peer_buffer(struct peer *p, int octets)
{
    set_option(p->fd, SOL_SOCKET, SO_RCVBUF, octets);
}

void peer_close(struct peer *p)
{
    if (p->fd >= 0) {
        close(p->fd);
    }
    p->fd = -1;
}

void peer_dispose(struct peer *p)
{
    peer_close(p);
    octets_free(&p->in);
    octets_free(&p->out);
    octets_free(&p->command);
    octets_free(&p->data);
    octets_free(&p->object);
}

void peer_reset(struct peer *p)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    peer_close(p);
}

/* ---- PDUs ---- */

/* At least so many octets from `at` on. */
static enum event need(struct peer *p, size_t len, int64_t timeout_ms)
{
    while (p->in.len - p->at < len) {
        enum event e = peer_receive(p, timeout_ms);
        if (e != EVENT_MESSAGE) {
            return e;
        }
    }
    return EVENT_MESSAGE;
}

static const uint8_t *here(const struct peer *p)
{
    return p->in.data + p->at;
}

static void read_acceptance(struct peer *p, const uint8_t *body, size_t len)
{
    memset(p->results, 255, sizeof p->results);
    for (size_t at = 68; at + 4 <= len;) {
        size_t n = get_be16(body + at + 2);
        const uint8_t *value = body + at + 4;
        EXPECT(p, n <= len - at - 4, "an acceptance with a broken item");
        if (body[at] == 0x21 && n >= 4) {
            p->results[value[0]] = value[2];
        } else if (body[at] == 0x50 && n >= 8 && value[0] == 0x51) {
            p->peer_max = get_be32(value + 4);
        }
        at += 4 + n;
    }
}

/* A PDU that is no P-DATA-TF, its header at `at`. */
static enum event take_pdu(struct peer *p, int64_t timeout_ms)
{
    unsigned type = here(p)[0];
    size_t len = get_be32(here(p) + 2);
    EXPECT(p, type >= PDU_RQ && type <= PDU_ABORT && len < 1 << 20, "PDU of type %u, length %zu",
           type, len);
    enum event e = need(p, 6 + len, timeout_ms);
    if (e != EVENT_MESSAGE) {
        return e;
    }
    const uint8_t *body = here(p) + 6;
    p->at += 6 + len;
    switch (type) {
    case PDU_AC:
        read_acceptance(p, body, len);
        return EVENT_ACCEPTED;
    case PDU_RJ:
        memcpy(p->reject, body + 1, 3);
        return EVENT_REJECTED;
    case PDU_RELEASE_RQ:
        return EVENT_RELEASE_RQ;
    case PDU_RELEASE_RP:
        return EVENT_RELEASE_RP;
    case PDU_ABORT:
        return EVENT_ABORTED;
    default:
        peer_fail(p, "an association request from the server");
    }
}

/* One fragment into `command` or `data`; *is_whole when the message is. */
static enum event take_fragment(struct peer *p, int64_t timeout_ms, bool *is_whole)
{
    enum event e = need(p, 6, timeout_ms);
    if (e != EVENT_MESSAGE) {
        return e;
    }
    size_t len = get_be32(here(p));
    uint8_t flags = here(p)[5];
    EXPECT(p, len >= 2 && len + 4 <= p->pdu_left, "a PDV of length %zu in %zu octets", len,
           p->pdu_left);
    e = need(p, 4 + len, timeout_ms);
    if (e != EVENT_MESSAGE) {
        return e;
    }
    p->context = here(p)[4];
    put(flags & 1 ? &p->command : &p->data, here(p) + 6, len - 2);
    p->at += 4 + len;
    p->pdu_left -= 4 + len;
    if (!(flags & 2)) {
        return EVENT_MESSAGE;
    }
    if (flags & 1) {
        EXPECT(p, parse_command(p->command.data, p->command.len, &p->m), "a broken command set");
        *is_whole = p->m.dataset == NO_DATASET;
    } else {
        *is_whole = true;
    }
    return EVENT_MESSAGE;
}

enum event peer_next(struct peer *p, int64_t timeout_ms)
{
    bool is_whole = false;
    p->command.len = p->data.len = 0;
    while (!is_whole) {
        enum event e;
        if (p->pdu_left == 0) {
            e = need(p, 6, timeout_ms);
            if (e != EVENT_MESSAGE) {
                return e;
            }
            if (here(p)[0] != PDU_DATA) {
                return take_pdu(p, timeout_ms);
            }
            p->pdu_left = get_be32(here(p) + 2);
            p->at += 6;
        } else {
            e = take_fragment(p, timeout_ms, &is_whole);
            if (e != EVENT_MESSAGE) {
                return e;
            }
        }
    }
    return EVENT_MESSAGE;
}

/* ---- associations ---- */

struct proposal peer_proposal(const struct peer *p)
{
    return (struct proposal){
        .called = "DPPR",
        .calling = p->title,
        .contexts = every_context,
        .protocol_version = 1,
        .application_context = "1.2.840.10008.3.1.1.1",
        .max_length = 65536,
    };
}

enum event peer_ask(struct peer *p, const struct proposal *proposal)
{
    peer_connect(p);
    put_associate_request(&p->out, proposal);
    peer_must_flush(p);
    return peer_next(p, ANSWER_MS);
}

void peer_associate(struct peer *p, unsigned window)
{
    struct proposal proposal = peer_proposal(p);
    proposal.window = window;
    enum event e = peer_ask(p, &proposal);
    if (e == EVENT_REJECTED) {
        /* 2/3/1: the database could not be asked who we are. */
        if (has_faults && memcmp(p->reject, "\2\3\1", 3) == 0) {
            peer_excuse(p);
        }
        peer_fail(p, "rejected %u/%u/%u", p->reject[0], p->reject[1], p->reject[2]);
    }
    EXPECT(p, e == EVENT_ACCEPTED, "%s instead of acceptance", event_name(e));
    for (const struct context *c = every_context; c->id; c++) {
        EXPECT(p, p->results[c->id] == 0, "context %u has result %u", c->id, p->results[c->id]);
    }
}

void peer_release(struct peer *p)
{
    put_small_pdu(&p->out, PDU_RELEASE_RQ, 0, 0, 0);
    peer_must_flush(p);
    enum event e = peer_next(p, ANSWER_MS);
    EXPECT(p, e == EVENT_RELEASE_RP, "%s instead of a release", event_name(e));
    peer_close(p);
}

void peer_leave(struct peer *p)
{
    switch (rng_below(&p->rng, 10)) {
    case 0:
        put_small_pdu(&p->out, PDU_ABORT, 0, 0, 0);
        (void)peer_flush(p);
        peer_close(p);
        break;
    case 1:
        peer_close(p);
        break;
    case 2:
        peer_reset(p);
        break;
    default:
        peer_release(p);
        break;
    }
}

void peer_vanish(struct peer *p)
{
    switch (rng_below(&p->rng, 5)) {
    case 0:
        put_small_pdu(&p->out, PDU_ABORT, 0, 0, 0);
        (void)peer_flush(p);
        peer_close(p);
        break;
    case 1:
        /* Half closed: the server says what it has to say, and ends. */
        (void)shutdown(p->fd, SHUT_WR);
        peer_expect_end(p);
        break;
    case 2:
        put_small_pdu(&p->out, PDU_RELEASE_RQ, 0, 0, 0);
        (void)peer_flush(p);
        peer_close(p);
        break;
    case 3:
        peer_close(p);
        break;
    default:
        peer_reset(p);
        break;
    }
}

void peer_expect_end(struct peer *p)
{
    int64_t until = now_ms() + ANSWER_MS;
    for (;;) {
        enum event e = peer_next(p, until - now_ms());
        if (e == EVENT_ABORTED || e == EVENT_CLOSED || e == EVENT_REJECTED ||
            e == EVENT_RELEASE_RP) {
            break;
        }
        EXPECT(p, e != EVENT_TIMEOUT && now_ms() < until,
               "the server does not end the association");
    }
    peer_close(p);
}

/* ---- messages ---- */

uint16_t peer_next_id(struct peer *p)
{
    return ++p->last_id;
}

uint16_t peer_put_request(struct peer *p, uint8_t context, struct command *c,
                          const struct octets *data)
{
    c->id = peer_next_id(p);
    if (!c->sop_class) {
        c->sop_class = context_of(context)->abstract_syntax;
    }
    put_message(&p->out, context, c, data, p->peer_max, rng_below(&p->rng, 2));
    return c->id;
}

void peer_put_cancel(struct peer *p, uint8_t context, uint16_t id)
{
    struct command c = {.field = C_CANCEL, .id = id, .omit = WITHOUT_CLASS};
    put_message(&p->out, context, &c, NULL, p->peer_max, false);
}

void peer_put_store_answer(struct peer *p, uint16_t status)
{
    struct command c = {
        .field = C_STORE | RESPONSE,
        .id = p->m.id,
        .status = status,
        .sop_class = p->m.sop_class,
        .sop_instance = p->m.sop_instance,
    };
    put_message(&p->out, p->context, &c, NULL, p->peer_max, false);
}

void peer_must_flush(struct peer *p)
{
    if (!peer_flush(p)) {
        peer_fail(p, "the server closed the connection while we send");
    }
}

void peer_await(struct peer *p)
{
    enum event e = peer_next(p, ANSWER_MS);
    EXPECT(p, e == EVENT_MESSAGE, "%s instead of an answer", event_name(e));
}

/* ---- statuses ---- */

/* What a request ends with when the connection of its statement is cut: A700 (store, find), A701 (get, move),
 * and A702 or B000 where a batch could not be fetched. */
static bool is_of_a_fault(uint16_t field, uint16_t status)
{
    switch (field & ~RESPONSE) {
    case C_STORE:
    case C_FIND:
        return status == 0xA700;
    case C_GET:
    case C_MOVE:
        return status == 0xA701 || status == 0xA702 || status == 0xB000;
    default:
        return false;
    }
}

void peer_check_status(struct peer *p, const uint16_t *allowed, unsigned count)
{
    uint16_t status = p->m.status;
    if (status != PENDING && status != PENDING_OPTIONAL) {
        count_status(p->m.field & ~RESPONSE, status);
    }
    for (unsigned i = 0; i < count; i++) {
        if (allowed[i] == status) {
            return;
        }
    }
    if (has_faults && is_of_a_fault(p->m.field, status)) {
        peer_excuse(p);
    }
    peer_fail(p, "status %04X for %04X (%s)", status, p->m.field, p->m.comment);
}
