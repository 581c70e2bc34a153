/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket, what has been read from it and not consumed, and what waits to be sent: its states, its events, its end.
 *
 *   CONNECTING --+--> [SECURING] --> OPEN ---.
 *   GREETING ----'         |                 |--- error, deadline, end of input of the peer ---> ENDED
 *        '-----------------+-----------------'
 *
 * What happens in a state is told where it is done:
 *
 *   stream_begin.c     made of a descriptor or by connecting, and the way to OPEN
 *   stream_greeting.c  the header of a balancer: who the peer is
 *   stream_tls.c       the handshake, and what the owner asks about TLS
 *   stream_input.c     reading, and offering to the owner; stream_block.c holds what was read
 *   stream_output.c    writing, what waits for the kernel, the stall
 *
 * One timer serves all waits, as each state has one: connecting, the handshake, stalled output. So does one deferred call
 * a turn: whatever part has work for it sets its own flag and asks for the call (stream_schedule).
 *
 * Callbacks are called from loop events and deferred work only. Each may free the stream, so nothing of
 * it is used after a callback without a look at `freed`; the memory goes by deferred work.
 *
 * Ending in order. A close() with unread input makes the kernel send RST, which can destroy what we
 * have sent but the peer has not read. Here only what has arrived already is taken out of the way. Whoever
 * has a last message goes on reading until the peer closes, under a deadline of its own, as an association
 * does with an A-ASSOCIATE-RJ or A-ABORT (Sta13, ARTIM). (SO_LINGER was rejected: it does not prevent
 * that RST.)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream_parts.h"

enum { DISCARD_AT_FREE = 256 << 10 };

/* ---- the end ---- */

/* Read and drop what is here, at most DISCARD_AT_FREE octets. */
static void discard_input(struct stream *s)
{
    char sink[16 << 10];
    size_t sum = 0;

    while (sum < DISCARD_AT_FREE) {
        ssize_t n = recv(s->fd, sink, sizeof(sink), 0);

        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        sum += n > 0 ? (size_t)n : 0;
    }
}

/* Give back all but the memory. What the kernel holds for the peer is still sent; input that is already
 * here is taken out of the way, as it would turn the close into a reset. */
static void shut(struct stream *s)
{
    if (s->tls.session && s->fd >= 0)
        stream_say_goodbye(s);
    loop_watch_free(s->watch);
    s->watch = NULL;
    loop_timer_free(s->timer);
    s->timer = NULL;
    if (s->fd >= 0) {
        shutdown(s->fd, SHUT_WR);
        discard_input(s);
        close(s->fd);
        s->fd = -1;
    }
    s->state = ST_ENDED;
    evbuffer_drain(s->output.waiting, evbuffer_get_length(s->output.waiting));
}

static void say_why(struct err *why, enum rc code, const char *what, int error)
{
    if (error != 0)
        err_set(why, code, "%s: %s", what, strerror(error));
    else
        err_set(why, code, "%s", what);
}

void stream_end(struct stream *s, const struct err *why)
{
    struct err copy = *why;

    if (s->freed || s->state == ST_ENDED)
        return;
    shut(s);
    if (s->callbacks.on_closed)
        s->callbacks.on_closed(&copy, s->arg);
}

void stream_end_with(struct stream *s, enum rc code, const char *what, int error)
{
    struct err why;

    say_why(&why, code, what, error);
    stream_end(s, &why);
}

void stream_fail_later(struct stream *s, enum rc code, const char *what, int error)
{
    if (s->failure.code != RC_OK || s->state == ST_ENDED)
        return;
    say_why(&s->failure, code, what, error);
    stream_schedule(s);
}

static void destroy(void *arg)
{
    struct stream *s = arg;

    stream_forget_tls(s);
    stream_forget_greeting(s);
    stream_block_drop(&s->input.block);
    evbuffer_free(s->output.waiting);
    free(s);
}

void stream_free(struct stream *s)
{
    if (!s || s->freed)
        return;
    s->freed = true;
    shut(s);
    loop_defer(s->loop, destroy, s);
}

/* ---- events ---- */

void stream_update_interest(struct stream *s)
{
    bool reads = false, writes = false;

    if (!s->watch)
        return;
    switch (s->state) {
    case ST_CONNECTING:
        writes = true;
        break;
    case ST_GREETING:
        reads = true;
        break;
    case ST_SECURING:
        reads = true;
        writes = s->output.is_blocked;
        break;
    case ST_OPEN:
        reads = stream_wants_input(s);
        writes = s->output.is_blocked;
        if (reads && s->tls.session)
            stream_pull_soon(s);
        break;
    case ST_ENDED:
        return;
    }
    loop_watch_set(s->watch, (reads ? LOOP_READ : 0u) | (writes ? LOOP_WRITE : 0u));
}

void stream_on_ready(int fd, unsigned ready, void *arg)
{
    struct stream *s = arg;

    (void)fd;
    if (s->failure.code != RC_OK)
        return; /* its end is on its way */
    if (s->state == ST_CONNECTING)
        stream_on_connect_result(s);
    else if (s->state == ST_GREETING)
        stream_on_greeting(s);
    else if (s->state == ST_SECURING)
        stream_shake_hands(s);
    else if (ready & LOOP_WRITE)
        stream_flush(s);
    else
        stream_on_readable(s);
}

void stream_on_timer(void *arg)
{
    struct stream *s = arg;
    struct err why;

    if (s->state == ST_CONNECTING)
        err_set_limit(&why, LIMIT_connect_timeout, 0, "timed out");
    else if (s->state == ST_SECURING)
        err_set_limit(&why, LIMIT_negotiation_timeout, 0, "TLS: the handshake is not done in time");
    else if (stream_is_stalled(s))
        err_set_limit(&why, LIMIT_write_timeout, 0, "peer takes no data");
    else
        return;
    stream_end(s, &why);
}

static void on_work(void *arg)
{
    struct stream *s = arg;

    s->is_scheduled = false;
    if (s->freed || s->state == ST_ENDED)
        return;
    if (s->failure.code != RC_OK) {
        stream_end(s, &s->failure);
        return;
    }
    if (!stream_input_work(s))
        return;
    if (s->output.want_flush && s->state == ST_OPEN)
        stream_flush(s);
}

void stream_schedule(struct stream *s)
{
    if (s->is_scheduled || s->freed || s->state == ST_ENDED)
        return;
    s->is_scheduled = true;
    loop_defer(s->loop, on_work, s);
}

/* ---- who the peer is ---- */

const char *stream_peer(const struct stream *s)
{
    return s->who.name;
}

const char *stream_peer_address(const struct stream *s)
{
    return s->who.address;
}

enum stream_origin stream_origin(const struct stream *s)
{
    return s->who.origin;
}
