/* SPDX-License-Identifier: Apache-2.0
 *
 * The output of a stream: from the owner to the kernel, through TLS where that is, with a bound and a deadline.
 *
 *   stream_write --> waiting ----------------------------> kernel
 *                       '--> records --> the wire --------'
 *
 * Output is an evbuffer, a chain of copies that gives an I/O vector. It is sent by deferred work after the
 * iteration: all that was written in one iteration leaves in one call, whole messages in whole segments,
 * and TCP_NODELAY lets the last one go at once. (References in place of copies were rejected: measured, they
 * gain nothing up to 64 KiB, and a release that may free the stream in the midst of sending is dear.)
 *
 * What waits is bounded twice: here by high water, in the kernel by TCP_NOTSENT_LOWAT (stream_begin.c). Left to itself the
 * kernel takes megabytes, which whoever is answered last (a C-CANCEL) must wait for, which a peer that does not read
 * makes us keep, and of which a third must go before the kernel says that there is room again. What is on its way to the
 * peer does not count, so long lines stay full. SO_SNDBUF would bound that too.
 *
 * With TLS a second evbuffer, the wire of tls_session.c, holds records that wait for the kernel. Octets are encrypted when
 * there is room for them, up to WIRE_FULL, so the wire adds that much to what waits for a slow peer and the rest stays
 * where it counts as output.
 *
 * A stall is when the peer acknowledges nothing. The kernel reports room in lumps, so a slow reader may seem to
 * take nothing for long: before the end what it has left unacknowledged is compared (SIOCOUTQ).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include "stream_parts.h"

enum {
    VECTORS = 128,
    WIRE_FULL = 128 << 10,
};

/* ---- to the kernel ---- */

bool stream_send(struct stream *s, struct evbuffer *from, int *error)
{
    struct evbuffer_iovec pieces[VECTORS];

    s->output.is_blocked = false;
    while (evbuffer_get_length(from) > 0) {
        int count = evbuffer_peek(from, -1, NULL, pieces, VECTORS);
        struct msghdr msg = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(count < VECTORS ? count : VECTORS)};
        ssize_t n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);

        if (n >= 0) {
            stream_count(DIRECTION_out, s->tls.session ? 0 : n);
            evbuffer_drain(from, (size_t)n);
            if (s->state == ST_OPEN)
                loop_timer_clear(s->timer); /* progress: the stall begins anew */
        } else if (errno == EAGAIN) {
            s->output.is_blocked = true;
            break;
        } else if (errno != EINTR) {
            *error = errno;
            return false;
        }
    }
    return true;
}

/* What waits into records, as many as fit the wire. */
static bool encrypt(struct stream *s, struct err *why)
{
    struct evbuffer *waiting = s->output.waiting, *wire = tls_session_wire(s->tls.session);

    while (evbuffer_get_length(waiting) > 0 && evbuffer_get_length(wire) < WIRE_FULL) {
        size_t len = evbuffer_get_length(waiting), n = len < TLS_RECORD ? len : TLS_RECORD;
        const uint8_t *octets = evbuffer_pullup(waiting, (ev_ssize_t)n);

        if (!octets) {
            err_set(why, RC_NOMEM, "out of memory for output");
            return false;
        }
        if (tls_session_write(s->tls.session, span_of(octets, n), why) != TLS_DONE)
            return false;
        stream_count(DIRECTION_out, (int64_t)n);
        evbuffer_drain(waiting, n);
    }
    return true;
}

static bool flush_once(struct stream *s, struct err *why)
{
    struct tls_session *session = s->tls.session;
    struct evbuffer *from = session ? tls_session_wire(session) : s->output.waiting;
    int error = 0;

    do {
        if (session && !encrypt(s, why))
            return false;
        if (!stream_send(s, from, &error)) {
            err_set(why, RC_IO, "send: %s", strerror(error));
            return false;
        }
    } while (!s->output.is_blocked && evbuffer_get_length(s->output.waiting) > 0);
    return true;
}

/* ---- the stall ---- */

/* What the kernel still has for the peer, sent or not. */
static int unacknowledged(const struct stream *s)
{
    int octets;

    return ioctl(s->fd, SIOCOUTQ, &octets) == 0 ? octets : 0;
}

static void watch_stall(struct stream *s)
{
    s->output.unacknowledged = unacknowledged(s);
    loop_timer_set(s->timer, s->options.write_stall_ms);
}

bool stream_is_stalled(struct stream *s)
{
    if (unacknowledged(s) >= s->output.unacknowledged)
        return true;
    watch_stall(s); /* it takes something, only less than would make the kernel call us */
    return false;
}

/* ---- when it is sent ---- */

void stream_flush_soon(struct stream *s)
{
    s->output.want_flush = true;
    stream_schedule(s);
}

void stream_flush(struct stream *s)
{
    struct stream_output *out = &s->output;
    struct err why;

    out->want_flush = false;
    if (!flush_once(s, &why)) {
        stream_end(s, &why);
        return;
    }
    if (out->is_blocked && s->options.write_stall_ms > 0 && !loop_timer_is_set(s->timer))
        watch_stall(s);
    stream_update_interest(s);
    if (out->is_full && stream_queued(s) <= s->options.low_water_bytes) {
        out->is_full = false;
        if (s->callbacks.on_drained)
            s->callbacks.on_drained(s->arg);
    }
}

/* A peer may have closed its half only and still want the answer. */
void stream_flush_last(struct stream *s)
{
    struct err why;

    if (s->state == ST_OPEN && evbuffer_get_length(s->output.waiting) > 0)
        (void)flush_once(s, &why);
}

/* ---- the owner's calls ---- */

void stream_write(struct stream *s, struct span octets)
{
    if (octets.len == 0 || s->freed || s->state == ST_ENDED || s->failure.code != RC_OK)
        return;
    if (evbuffer_add(s->output.waiting, octets.data, octets.len) != 0) {
        stream_fail_later(s, RC_NOMEM, "out of memory for output", 0);
        return;
    }
    if (stream_queued(s) >= s->options.high_water_bytes)
        s->output.is_full = true;
    s->output.want_flush = true;
    if (!s->output.is_blocked)
        stream_schedule(s);
}

bool stream_is_full(const struct stream *s)
{
    return s->output.is_full;
}

size_t stream_queued(const struct stream *s)
{
    return evbuffer_get_length(s->output.waiting) +
           (s->tls.session ? evbuffer_get_length(tls_session_wire(s->tls.session)) : 0);
}
