/* SPDX-License-Identifier: Apache-2.0
 *
 * The input of a stream: from the socket, or from OpenSSL, into its block, and to the owner.
 *
 * There is one read per event, as large as the block has room, so a busy stream cannot starve its neighbours on the
 * loop. With TLS a turn may take several records, up to the same size. What OpenSSL has read and not given yet
 * (want_pull) is asked for by deferred work, as the socket does not tell of it again: such a stream takes turns with its
 * neighbours too.
 *
 * The owner is offered all that is here until it takes nothing, and again when it resumes (want_offer); while it is to
 * be offered something, nothing is read.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "stream_parts.h"

/* ---- to the owner ---- */

/* Offer the input until the owner takes nothing, pauses or goes away. False: do not touch the stream. */
static bool offer(struct stream *s)
{
    struct stream_input *in = &s->input;
    struct stream_block *b = &in->block;

    in->want_offer = false;
    while (s->state == ST_OPEN && !in->is_paused && !in->is_deaf && stream_block_length(b) > 0) {
        struct span input = span_of(b->octets + b->start, stream_block_length(b));
        ssize_t n = s->callbacks.on_data ? s->callbacks.on_data(input, s->arg) : (ssize_t)input.len;

        if (s->freed)
            return false;
        if (n == 0)
            break;
        assert(n < 0 || (size_t)n <= input.len);
        if (n < 0 || (size_t)n > input.len) {
            in->is_deaf = true;
            break;
        }
        b->start += (size_t)n;
    }
    if (stream_block_length(b) == 0 || in->is_deaf || s->state != ST_OPEN)
        stream_block_drop(b);
    /* The owner waits for more than will ever fit: nothing could happen any more. */
    if (s->state == ST_OPEN && !in->is_paused &&
        stream_block_length(b) >= s->options.max_input_bytes) {
        stream_end_with(s, RC_LIMIT, "input is larger than its limit", 0);
        return false;
    }
    return true;
}

/* n octets have come behind the input. */
static void take(struct stream *s, size_t n)
{
    stream_count(DIRECTION_in, (int64_t)n);
    stream_block_add(&s->input.block, n);
    if (offer(s))
        stream_update_interest(s);
}

/* ---- from the socket ---- */

static void drop_empty_block(struct stream *s)
{
    if (stream_block_length(&s->input.block) == 0)
        stream_block_drop(&s->input.block);
}

static void on_end(struct stream *s)
{
    stream_flush_last(s);
    stream_end_with(s, RC_OK, "closed by peer", 0);
}

static void read_tls(struct stream *s)
{
    struct tls_session *session = s->tls.session;
    struct stream_block *b = &s->input.block;
    struct err why;
    size_t sum = 0, n = 0, room = b->capacity - b->end;
    enum tls_outcome outcome = TLS_DONE;

    tls_session_turn(session, room > STREAM_READ_MIN ? room : STREAM_READ_MIN);
    /* A call gives one record at most, and several may be here. */
    while (outcome == TLS_DONE && sum < room && (sum == 0 || tls_session_has_pending(session))) {
        outcome = tls_session_read(session, b->octets + b->end + sum, room - sum, &n, &why);
        sum += outcome == TLS_DONE ? n : 0;
    }
    if (evbuffer_get_length(tls_session_wire(session)) > 0)
        stream_flush_soon(s); /* an answer of TLS's own */
    if (sum > 0) {            /* before the end, which is met again */
        take(s, sum);
        return;
    }
    drop_empty_block(s);
    if (outcome == TLS_CLOSED)
        on_end(s);
    else if (outcome == TLS_FAILED)
        stream_end(s, &why);
    else
        stream_update_interest(s);
}

static void read_plain(struct stream *s)
{
    struct stream_block *b = &s->input.block;
    ssize_t n = recv(s->fd, b->octets + b->end, b->capacity - b->end, 0);

    if (n > 0) {
        take(s, (size_t)n);
    } else if (n == 0) {
        on_end(s);
    } else {
        int error = errno;

        drop_empty_block(s);
        if (error != EAGAIN && error != EINTR)
            stream_end_with(s, RC_IO, "receive", error);
    }
}

void stream_on_readable(struct stream *s)
{
    if (!stream_block_make_room(&s->input.block, s->options.max_input_bytes))
        stream_end_with(s, RC_NOMEM, "out of memory for input", 0);
    else if (s->tls.session)
        read_tls(s);
    else
        read_plain(s);
}

void stream_pull_soon(struct stream *s)
{
    if (!tls_session_has_pending(s->tls.session))
        return;
    s->input.want_pull = true;
    stream_schedule(s);
}

bool stream_input_work(struct stream *s)
{
    struct stream_input *in = &s->input;

    if (in->want_offer && s->state == ST_OPEN) {
        if (!offer(s))
            return false;
        stream_update_interest(s);
    }
    if (in->want_pull && !in->want_offer) {
        in->want_pull = false;
        if (stream_wants_input(s))
            stream_on_readable(s);
    }
    return !s->freed;
}

/* ---- the owner's calls ---- */

void stream_ack_now(struct stream *s)
{
    int one = 1;

    /* Not sticky: the kernel goes back to delaying by itself. A refusal (a unix socket) costs nothing. */
    if (s->fd >= 0)
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

void stream_pause_reading(struct stream *s)
{
    s->input.is_paused = true;
    stream_update_interest(s);
}

void stream_resume_reading(struct stream *s)
{
    if (!s->input.is_paused)
        return;
    s->input.is_paused = false;
    if (stream_block_length(&s->input.block) > 0) {
        s->input.want_offer = true;
        stream_schedule(s);
    }
    stream_update_interest(s);
}
