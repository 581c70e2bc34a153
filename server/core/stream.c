/* SPDX-License-Identifier: Apache-2.0
 *
 * A socket, what has been read from it and not consumed, and what waits to be sent.
 *
 *   CONNECTING --+--> [SECURING] --> OPEN ---.
 *   GREETING ----'         |                 |--- error, deadline, end of input of the peer ---> ENDED
 *        '-----------------+-----------------'
 *
 * GREETING: a balancer's header is read piece by piece, never more than is known to belong to it, so that what follows
 * stays in the socket for whoever reads there next. Its deadline is the owner's.
 *
 * Input lies contiguous in one block, so that a PDU can be decoded where it is. It is read behind what
 * is there; the rest moves to the front only when the block is full, and the block doubles when that
 * rest is half of it, so an octet is moved a bounded number of times however small the reads are. An
 * idle connection has no block at all. There is one read per event, of a size that follows the peer: it
 * doubles when filled, so a busy stream costs few calls and cannot starve its neighbours on the loop.
 *
 * Output is an evbuffer, a chain of copies that gives an I/O vector. It is sent by deferred work after the
 * iteration: all that was written in one iteration leaves in one call, whole messages in whole segments,
 * and TCP_NODELAY lets the last one go at once. (References in place of copies were rejected: measured, they
 * gain nothing up to 64 KiB, and a release that may free the stream in the midst of sending is dear.)
 *
 * What waits is bounded twice: here by high water, in the kernel by TCP_NOTSENT_LOWAT. Left to itself the kernel
 * takes megabytes, which whoever is answered last (a C-CANCEL) must wait for, which a peer that does not read makes
 * us keep, and of which a third must go before the kernel says that there is room again. What is on its way to the
 * peer does not count, so long lines stay full. SO_SNDBUF would bound that too.
 *
 * A stall is when the peer acknowledges nothing. The kernel reports room in lumps, so a slow reader may seem to
 * take nothing for long: before the end what it has left unacknowledged is compared (SIOCOUTQ).
 *
 * Ending in order. A close() with unread input makes the kernel send RST, which can destroy what we
 * have sent but the peer has not read. Here only what has arrived already is taken out of the way. Whoever
 * has a last message goes on reading until the peer closes, under a deadline of its own, as an association
 * does with an A-ASSOCIATE-RJ or A-ABORT (Sta13, ARTIM). (SO_LINGER was rejected: it does not prevent
 * that RST.)
 *
 * TLS (tls_session.c) stands between socket and block, and between output and socket: a second evbuffer, the wire, holds
 * records that wait for the kernel. Octets are encrypted when there is room for them, up to WIRE_FULL, so the wire
 * adds that much to what waits for a slow peer and the rest stays where it counts as output. What OpenSSL has read
 * and not given yet (want_pull) is asked for by deferred work, as the socket does not tell of it again; so a busy
 * stream takes turns with its neighbours here too.
 *
 * One timer serves all waits, as each state has one: connecting, the handshake, stalled output.
 *
 * Callbacks are called from loop events and deferred work only. Each may free the stream, so nothing of
 * it is used after a callback without a look at `freed`; the memory goes by deferred work.
 */
#include "core/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <linux/sockios.h>

#include "core/arena.h"
#include "core/metrics.h"
#include "core/network.h"
#include "core/proxy.h"
#include "core_internal.h"
#include "tls_session.h"

enum {
    DEFAULT_INPUT = 1 << 20,
    DEFAULT_HIGH_WATER = 256 << 10,
    DEFAULT_CONNECT_MS = 30000,
    READ_MIN = 4 << 10,
    READ_MAX = 128 << 10,
    KERNEL_UNSENT = 128 << 10,
    VECTORS = 128,
    DISCARD_AT_FREE = 256 << 10,
    WIRE_FULL = 128 << 10,
};

enum state { CONNECTING, GREETING, SECURING, OPEN, ENDED };

struct greeting {
    size_t have, length; /* length: of the whole header, as far as it is known */
    uint8_t octets[PROXY_MAX_BYTES];
};

struct stream {
    struct loop *loop;
    struct stream_options options;
    struct stream_callbacks callbacks;
    void *arg;
    enum state state;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;

    uint8_t *block; /* NULL while there is no input */
    size_t capacity;
    size_t start; /* input is [start, end) of block */
    size_t end;
    size_t read_size;
    bool is_paused;
    bool is_deaf; /* on_data wants no more, ever */

    struct tls_session *tls; /* NULL = plain; of an outbound stream from its connection on */
    char *tls_name;
    bool is_secured; /* the handshake is done */
    bool want_pull;  /* OpenSSL has octets for us */

    struct evbuffer *output;
    bool is_full;
    bool is_blocked;    /* the kernel takes no more now */
    int unacknowledged; /* in the kernel when the timer for the stall was set */

    bool is_scheduled; /* deferred work is on its way */
    bool want_offer;
    bool want_flush;
    bool freed;
    struct err failure; /* an end that deferred work has to report */

    struct greeting *greeting; /* in GREETING only */
    enum stream_origin origin;
    char peer[ADDRESS_TEXT];
    char peer_address[ADDRESS_TEXT];
};

static void on_work(void *arg);

static void schedule(struct stream *s)
{
    if (s->is_scheduled || s->freed || s->state == ENDED)
        return;
    s->is_scheduled = true;
    loop_defer(s->loop, on_work, s);
}

/* Read and drop what is here, at most DISCARD_AT_FREE octets. */
static void discard_input(struct stream *s)
{
    char sink[16 << 10];
    ssize_t n = 0;

    for (size_t sum = 0; sum<DISCARD_AT_FREE; sum += n> 0 ? (size_t)n : 0) {
        n = recv(s->fd, sink, sizeof(sink), 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
    }
}

static bool send_all(struct stream *s, struct evbuffer *from, int *error);

/* The alert that ends TLS, ours or one that OpenSSL has left, if the kernel takes it now. */
static void say_goodbye(struct stream *s)
{
    int error;

    if (!s->is_secured)
        metric_add(METRIC_tls_handshakes_failed, stream_has_spoken(s));
    tls_session_close(s->tls);
    (void)send_all(s, tls_session_wire(s->tls), &error);
    evbuffer_drain(tls_session_wire(s->tls), evbuffer_get_length(tls_session_wire(s->tls)));
}

/* Give back all but the memory. What the kernel holds for the peer is still sent; input that is already
 * here is taken out of the way, as it would turn the close into a reset. */
static void shut(struct stream *s)
{
    if (s->tls && s->fd >= 0)
        say_goodbye(s);
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
    s->state = ENDED;
    evbuffer_drain(s->output, evbuffer_get_length(s->output));
}

/* From the loop only: the end, told to the owner. The last thing its caller does with the stream. */
static void end(struct stream *s, const struct err *why)
{
    struct err copy = *why;

    if (s->freed || s->state == ENDED)
        return;
    shut(s);
    if (s->callbacks.on_closed)
        s->callbacks.on_closed(&copy, s->arg);
}

static void end_with(struct stream *s, enum rc code, const char *what, int error)
{
    struct err why;

    if (error != 0)
        err_set(&why, code, "%s: %s", what, strerror(error));
    else
        err_set(&why, code, "%s", what);
    end(s, &why);
}

/* From anywhere: the end, to be told by deferred work. */
static void fail_later(struct stream *s, enum rc code, const char *what, int error)
{
    if (s->failure.code != RC_OK || s->state == ENDED)
        return;
    if (error != 0)
        err_set(&s->failure, code, "%s: %s", what, strerror(error));
    else
        err_set(&s->failure, code, "%s", what);
    schedule(s);
}

static size_t input_length(const struct stream *s)
{
    return s->end - s->start;
}

static bool wants_input(const struct stream *s)
{
    return s->state == OPEN && !s->is_paused && !s->is_deaf && !s->want_offer &&
           input_length(s) < s->options.max_input_bytes;
}

static void update_interest(struct stream *s)
{
    bool reads = false, writes = false;

    if (!s->watch)
        return;
    switch (s->state) {
    case CONNECTING:
        writes = true;
        break;
    case GREETING:
        reads = true;
        break;
    case SECURING:
        reads = true;
        writes = s->is_blocked;
        break;
    case OPEN:
        reads = wants_input(s);
        writes = s->is_blocked;
        if (reads && s->tls && tls_session_has_pending(s->tls)) {
            s->want_pull = true;
            schedule(s);
        }
        break;
    case ENDED:
        return;
    }
    loop_watch_set(s->watch, (reads ? LOOP_READ : 0u) | (writes ? LOOP_WRITE : 0u));
}

/* ---- input ---- */

static void drop_block(struct stream *s)
{
    free(s->block);
    s->block = NULL;
    s->capacity = s->start = s->end = 0;
}

/* Room for at least one octet behind the input; false = no memory. Not called when input is at its
 * limit, so there is always something to gain. */
static bool make_room(struct stream *s)
{
    size_t len = input_length(s), capacity, limit = s->options.max_input_bytes;
    uint8_t *block;

    if (s->block && s->end < s->capacity)
        return true;
    if (s->block && s->start >= s->capacity / 2) {
        memmove(s->block, s->block + s->start, len);
        s->start = 0;
        s->end = len;
        return true;
    }
    capacity = len + s->read_size > 2 * len ? len + s->read_size : 2 * len;
    if (capacity > limit)
        capacity = limit;
    block = malloc(capacity);
    if (!block)
        return false;
    if (len > 0)
        memcpy(block, s->block + s->start, len);
    free(s->block);
    s->block = block;
    s->capacity = capacity;
    s->start = 0;
    s->end = len;
    return true;
}

/* Offer the input until the owner takes nothing, pauses or goes away. False: do not touch the stream. */
static bool offer_input(struct stream *s)
{
    s->want_offer = false;
    while (s->state == OPEN && !s->is_paused && !s->is_deaf && input_length(s) > 0) {
        struct span input = span_of(s->block + s->start, input_length(s));
        ssize_t n = s->callbacks.on_data ? s->callbacks.on_data(input, s->arg) : (ssize_t)input.len;

        if (s->freed)
            return false;
        if (n == 0)
            break;
        assert(n < 0 || (size_t)n <= input.len);
        if (n < 0 || (size_t)n > input.len) {
            s->is_deaf = true;
            break;
        }
        s->start += (size_t)n;
    }
    if (input_length(s) == 0 || s->is_deaf || s->state != OPEN)
        drop_block(s);
    /* The owner waits for more than will ever fit: nothing could happen any more. */
    if (s->state == OPEN && !s->is_paused && input_length(s) >= s->options.max_input_bytes) {
        end_with(s, RC_LIMIT, "input is larger than its limit", 0);
        return false;
    }
    return true;
}

static bool flush_once(struct stream *s, struct err *why);

/* Of the Upper Layer, whatever TLS makes of them. */
static void count_octets(enum direction_value direction, int64_t n)
{
    metric_add_at(METRIC_dicom_bytes, (struct metric_at){.a = direction}, n);
}

static void on_end_of_input(struct stream *s)
{
    struct err why;

    /* A peer may have closed its half only and still want the answer. */
    if (s->state == OPEN && evbuffer_get_length(s->output) > 0)
        (void)flush_once(s, &why);
    end_with(s, RC_OK, "closed by peer", 0);
}

/* n octets have come behind the input. */
static void take_input(struct stream *s, size_t n)
{
    count_octets(DIRECTION_in, (int64_t)n);
    s->end += n;
    if (s->end == s->capacity && s->read_size < READ_MAX)
        s->read_size *= 2;
    else if (n < s->read_size / 4 && s->read_size > READ_MIN)
        s->read_size /= 2;
    if (offer_input(s))
        update_interest(s);
}

static void on_readable_tls(struct stream *s)
{
    struct err why;
    size_t sum = 0, n = 0, room = s->capacity - s->end;
    enum tls_outcome outcome = TLS_DONE;

    tls_session_turn(s->tls, room > READ_MIN ? room : READ_MIN);
    /* A call gives one record at most, and several may be here. */
    while (outcome == TLS_DONE && sum < room && (sum == 0 || tls_session_has_pending(s->tls))) {
        outcome = tls_session_read(s->tls, s->block + s->end + sum, room - sum, &n, &why);
        sum += outcome == TLS_DONE ? n : 0;
    }
    if (evbuffer_get_length(tls_session_wire(s->tls)) > 0) { /* an answer of TLS's own */
        s->want_flush = true;
        schedule(s);
    }
    if (sum > 0) { /* before the end, which is met again */
        take_input(s, sum);
        return;
    }
    if (input_length(s) == 0)
        drop_block(s);
    if (outcome == TLS_CLOSED)
        on_end_of_input(s);
    else if (outcome == TLS_FAILED)
        end(s, &why);
    else
        update_interest(s);
}

static void on_readable(struct stream *s)
{
    ssize_t n;

    if (!make_room(s)) {
        end_with(s, RC_NOMEM, "out of memory for input", 0);
        return;
    }
    if (s->tls) {
        on_readable_tls(s);
        return;
    }
    n = recv(s->fd, s->block + s->end, s->capacity - s->end, 0);
    if (n < 0) {
        int error = errno;

        if (input_length(s) == 0)
            drop_block(s);
        if (error != EAGAIN && error != EINTR)
            end_with(s, RC_IO, "receive", error);
        return;
    }
    if (n == 0) {
        on_end_of_input(s);
        return;
    }
    take_input(s, (size_t)n);
}

/* ---- output ---- */

/* Send until all is gone or the kernel takes no more. False: error is set. */
static bool send_all(struct stream *s, struct evbuffer *from, int *error)
{
    struct evbuffer_iovec pieces[VECTORS];

    s->is_blocked = false;
    while (evbuffer_get_length(from) > 0) {
        int count = evbuffer_peek(from, -1, NULL, pieces, VECTORS);
        struct msghdr msg = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(count < VECTORS ? count : VECTORS)};
        ssize_t n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);

        if (n >= 0) {
            count_octets(DIRECTION_out, s->tls ? 0 : n);
            evbuffer_drain(from, (size_t)n);
            if (s->state == OPEN)
                loop_timer_clear(s->timer); /* progress: the stall begins anew */
        } else if (errno == EAGAIN) {
            s->is_blocked = true;
            break;
        } else if (errno != EINTR) {
            *error = errno;
            return false;
        }
    }
    return true;
}

/* Output into records, as many as fit the wire. */
static bool encrypt_output(struct stream *s, struct err *why)
{
    while (evbuffer_get_length(s->output) > 0 &&
           evbuffer_get_length(tls_session_wire(s->tls)) < WIRE_FULL) {
        size_t len = evbuffer_get_length(s->output), n = len < TLS_RECORD ? len : TLS_RECORD;
        const uint8_t *octets = evbuffer_pullup(s->output, (ev_ssize_t)n);

        if (!octets) {
            err_set(why, RC_NOMEM, "out of memory for output");
            return false;
        }
        if (tls_session_write(s->tls, span_of(octets, n), why) != TLS_DONE)
            return false;
        count_octets(DIRECTION_out, (int64_t)n);
        evbuffer_drain(s->output, n);
    }
    return true;
}

static bool flush_once(struct stream *s, struct err *why)
{
    struct evbuffer *from = s->tls ? tls_session_wire(s->tls) : s->output;
    int error = 0;

    do {
        if (s->tls && !encrypt_output(s, why))
            return false;
        if (!send_all(s, from, &error)) {
            err_set(why, RC_IO, "send: %s", strerror(error));
            return false;
        }
    } while (!s->is_blocked && evbuffer_get_length(s->output) > 0);
    return true;
}

/* What the kernel still has for the peer, sent or not. */
static int unacknowledged(const struct stream *s)
{
    int octets;

    return ioctl(s->fd, SIOCOUTQ, &octets) == 0 ? octets : 0;
}

static void watch_stall(struct stream *s)
{
    s->unacknowledged = unacknowledged(s);
    loop_timer_set(s->timer, s->options.write_stall_ms);
}

static void flush(struct stream *s)
{
    struct err why;

    s->want_flush = false;
    if (!flush_once(s, &why)) {
        end(s, &why);
        return;
    }
    if (s->is_blocked && s->options.write_stall_ms > 0 && !loop_timer_is_set(s->timer))
        watch_stall(s);
    update_interest(s);
    if (s->is_full && stream_queued(s) <= s->options.low_water_bytes) {
        s->is_full = false;
        if (s->callbacks.on_drained)
            s->callbacks.on_drained(s->arg);
    }
}

/* ---- TLS ---- */

static void open_up(struct stream *s)
{
    loop_timer_clear(s->timer);
    s->state = OPEN;
    s->want_flush = true;
    update_interest(s);
    schedule(s);
}

/* Both directions: what has come is read, what is to be said leaves. */
static void shake_hands(struct stream *s)
{
    struct err why;
    int error = 0;

    tls_session_turn(s->tls, TLS_RECORD);
    enum tls_outcome outcome = tls_session_handshake(s->tls, &why);

    if (outcome == TLS_FAILED || outcome == TLS_CLOSED) {
        if (outcome == TLS_CLOSED)
            err_set(&why, RC_IO, "TLS: closed by peer in the middle of the handshake");
        end(s, &why); /* the alert goes with it */
        return;
    }
    if (!send_all(s, tls_session_wire(s->tls), &error)) {
        end_with(s, RC_IO, "TLS: send", error);
        return;
    }
    if (outcome == TLS_WAITS) {
        update_interest(s);
        return;
    }
    metric_add(METRIC_tls_handshakes, 1);
    s->is_secured = true;
    open_up(s);
    if (s->callbacks.on_connected)
        s->callbacks.on_connected(s->arg);
}

/* Connected, and nothing is due before TLS, where that was asked for. */
static void begin(struct stream *s)
{
    struct tls *tls = s->options.tls;

    if (!tls) {
        open_up(s);
        return;
    }
    s->options.tls = NULL;
    s->tls = tls_session_new(tls, s->fd, s->tls_name);
    tls_unref(tls);
    s->state = SECURING;
    loop_timer_clear(s->timer);
    if (s->options.handshake_ms > 0)
        loop_timer_set(s->timer, s->options.handshake_ms);
}

/* ---- connecting ---- */

static void on_connect_result(struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        end_with(s, RC_IO, strerror(error), 0);
        return;
    }
    begin(s);
    if (s->state == SECURING)
        shake_hands(s); /* the client says the first word */
    else if (s->callbacks.on_connected)
        s->callbacks.on_connected(s->arg);
}

/* ---- a balancer's header ---- */

/* Loopback means this machine, for access rules too. At a balancer elsewhere it means that one: the client is there,
 * so the balancer's address, which we have from the kernel, is the client's as well. */
static void take_source(struct stream *s, const struct sockaddr_storage *source)
{
    char address[ADDRESS_TEXT], name[ADDRESS_TEXT];

    s->origin = STREAM_LOCAL;
    if (source->ss_family == AF_UNSPEC)
        return;
    s->origin = STREAM_RELAYED;
    metric_add(METRIC_connections_proxied, 1);
    address_format((const struct sockaddr *)source, address, name);
    if (address_is_loopback(address) && !address_is_loopback(s->peer_address))
        return;
    memcpy(s->peer_address, address, sizeof(address));
    memcpy(s->peer, name, sizeof(name));
}

static void on_greeting(struct stream *s)
{
    struct greeting *g = s->greeting;
    struct proxy_header header;
    struct err why;

    while (g->have < g->length) {
        ssize_t n = recv(s->fd, g->octets + g->have, g->length - g->have, 0);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                end_with(s, RC_IO, "receive", errno);
            return;
        }
        if (n == 0) {
            end_with(s, g->have > 0 ? RC_INVALID : RC_OK,
                     g->have > 0 ? "closed in the middle of a PROXY header" : "closed by peer", 0);
            return;
        }
        g->have += (size_t)n;
        if (proxy_length(span_of(g->octets, g->have), &g->length, &why) != RC_OK) {
            end(s, &why);
            return;
        }
    }
    if (proxy_decode(span_of(g->octets, g->have), &header, &why) != RC_OK) {
        end(s, &why);
        return;
    }
    take_source(s, &header.source);
    free(s->greeting);
    s->greeting = NULL;
    begin(s);
    update_interest(s);
}

static void await_greeting(struct stream *s)
{
    s->greeting = xcalloc(1, sizeof(*s->greeting));
    s->greeting->length = PROXY_FIXED_BYTES;
    s->origin = STREAM_AWAITED;
    s->state = GREETING;
}

/* ---- events ---- */

static void on_ready(int fd, unsigned ready, void *arg)
{
    struct stream *s = arg;

    (void)fd;
    if (s->failure.code != RC_OK)
        return; /* its end is on its way */
    if (s->state == CONNECTING)
        on_connect_result(s);
    else if (s->state == GREETING)
        on_greeting(s);
    else if (s->state == SECURING)
        shake_hands(s);
    else if (ready & LOOP_WRITE)
        flush(s);
    else
        on_readable(s);
}

static void on_timer(void *arg)
{
    struct stream *s = arg;
    struct err why;

    if (s->state == CONNECTING) {
        err_set_limit(&why, LIMIT_connect_timeout, 0, "timed out");
    } else if (s->state == SECURING) {
        err_set_limit(&why, LIMIT_negotiation_timeout, 0, "TLS: the handshake is not done in time");
    } else if (unacknowledged(s) < s->unacknowledged) {
        watch_stall(s); /* it takes something, only less than would make the kernel call us */
        return;
    } else {
        err_set_limit(&why, LIMIT_write_timeout, 0, "peer takes no data");
    }
    end(s, &why);
}

static void on_work(void *arg)
{
    struct stream *s = arg;

    s->is_scheduled = false;
    if (s->freed || s->state == ENDED)
        return;
    if (s->failure.code != RC_OK) {
        end(s, &s->failure);
        return;
    }
    if (s->want_offer && s->state == OPEN) {
        if (!offer_input(s))
            return;
        update_interest(s);
    }
    if (s->want_pull && !s->want_offer) {
        s->want_pull = false;
        if (wants_input(s))
            on_readable(s);
        if (s->freed)
            return;
    }
    if (s->want_flush && s->state == OPEN)
        flush(s);
}

/* ---- the owner's calls ---- */

static struct stream *make(struct loop *l, const struct stream_options *options,
                           const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    if (options)
        s->options = *options;
    if (s->options.tls)
        tls_ref(s->options.tls);
    s->tls_name = s->options.tls ? xstrdup(s->options.tls_name) : NULL;
    s->options.tls_name = NULL;
    if (s->options.max_input_bytes == 0)
        s->options.max_input_bytes = DEFAULT_INPUT;
    if (s->options.high_water_bytes == 0)
        s->options.high_water_bytes = DEFAULT_HIGH_WATER;
    if (s->options.low_water_bytes == 0 ||
        s->options.low_water_bytes >= s->options.high_water_bytes)
        s->options.low_water_bytes = s->options.high_water_bytes / 4;
    s->callbacks = *callbacks;
    s->arg = arg;
    s->fd = -1;
    s->read_size = READ_MIN;
    s->output = evbuffer_new();
    if (!s->output)
        core_fatal("out of memory for a stream");
    s->timer = loop_timer_new(l, on_timer, s);
    strcpy(s->peer, "unknown");
    strcpy(s->peer_address, "unknown");
    return s;
}

/* Failures are of no consequence: options are a matter of speed, and a local socket has none of them. */
static void adopt(struct stream *s, int fd)
{
    static const struct {
        int level, name, value;
    } settings[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPINTVL, 20},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_NOTSENT_LOWAT, KERNEL_UNSENT},
    };

    s->fd = fd;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value,
                   sizeof(settings[i].value));
    }
    if (s->options.send_buffer_bytes > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &s->options.send_buffer_bytes,
                   sizeof(s->options.send_buffer_bytes));
    s->watch = loop_watch_new(s->loop, fd, on_ready, s);
}

struct stream *stream_new(struct loop *l, int fd, const struct stream_options *options,
                          const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = make(l, options, callbacks, arg);
    const struct sockaddr *peer = s->options.peer;
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    int error = 0;

    s->options.peer = NULL;
    adopt(s, fd);
    s->state = OPEN;
    if (s->options.is_proxied)
        await_greeting(s);
    else if (s->options.tls)
        begin(s);
    if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0)
        error = errno;
    else if (!peer)
        peer = (struct sockaddr *)&addr;
    if (peer)
        address_format(peer, s->peer_address, s->peer);
    /* The peer has reset the connection already: what it said, of which some may be here, it does not mean. */
    if (error != 0)
        fail_later(s, RC_IO, "the peer has gone", error);
    else
        update_interest(s);
    return s;
}

struct stream *stream_connect(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                              int64_t timeout_ms, const struct stream_options *options,
                              const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = make(l, options, callbacks, arg);
    int fd;

    s->state = CONNECTING;
    address_format(addr, s->peer_address, s->peer);
    fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail_later(s, RC_IO, "socket", errno);
        return s;
    }
    adopt(s, fd);
    if (connect(fd, addr, addr_len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        fail_later(s, RC_IO, s->peer, errno);
        return s;
    }
    loop_timer_set(s->timer, timeout_ms > 0 ? timeout_ms : DEFAULT_CONNECT_MS);
    update_interest(s);
    return s;
}

static void destroy(void *arg)
{
    struct stream *s = arg;

    tls_session_free(s->tls);
    tls_unref(s->options.tls); /* of one that was never connected */
    free(s->tls_name);
    evbuffer_free(s->output);
    free(s->greeting);
    free(s->block);
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

void stream_write(struct stream *s, struct span octets)
{
    if (octets.len == 0 || s->freed || s->state == ENDED || s->failure.code != RC_OK)
        return;
    if (evbuffer_add(s->output, octets.data, octets.len) != 0) {
        fail_later(s, RC_NOMEM, "out of memory for output", 0);
        return;
    }
    if (stream_queued(s) >= s->options.high_water_bytes)
        s->is_full = true;
    s->want_flush = true;
    if (!s->is_blocked)
        schedule(s);
}

bool stream_is_full(const struct stream *s)
{
    return s->is_full;
}

size_t stream_queued(const struct stream *s)
{
    return evbuffer_get_length(s->output) +
           (s->tls ? evbuffer_get_length(tls_session_wire(s->tls)) : 0);
}

void stream_ack_now(struct stream *s)
{
    int one = 1;

    /* Not sticky: the kernel goes back to delaying by itself. A refusal (a unix socket) costs nothing. */
    if (s->fd >= 0)
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

void stream_pause_reading(struct stream *s)
{
    s->is_paused = true;
    update_interest(s);
}

void stream_resume_reading(struct stream *s)
{
    if (!s->is_paused)
        return;
    s->is_paused = false;
    if (input_length(s) > 0) {
        s->want_offer = true;
        schedule(s);
    }
    update_interest(s);
}

const char *stream_peer(const struct stream *s)
{
    return s->peer;
}

const char *stream_peer_address(const struct stream *s)
{
    return s->peer_address;
}

enum stream_origin stream_origin(const struct stream *s)
{
    return s->origin;
}

enum stream_security stream_security(const struct stream *s)
{
    if (s->is_secured)
        return STREAM_SECURED;
    return s->tls || s->options.tls ? STREAM_SECURING : STREAM_PLAIN;
}

bool stream_has_spoken(const struct stream *s)
{
    return s->tls && tls_session_has_spoken(s->tls);
}

struct span stream_foreign(const struct stream *s)
{
    return s->tls ? tls_session_foreign(s->tls) : span_of(NULL, 0);
}

enum rc stream_check_binding(const struct stream *s, const char *entries, struct err *err)
{
    X509 *shown = s->is_secured ? tls_session_peer(s->tls) : NULL;
    char subject[128];

    if (!s->is_secured)
        return err_set(err, RC_DENIED, "this connection is without TLS");
    if (!shown)
        return err_set(err, RC_DENIED, "the peer has shown no certificate");
    if (tls_binding_fits(entries, shown))
        return RC_OK;
    tls_subject(shown, subject, sizeof(subject));
    return err_set(err, RC_DENIED, "the peer has shown another: %s", subject);
}

void stream_describe_tls(const struct stream *s, struct stream_tls *out)
{
    X509 *shown = tls_session_peer(s->tls);

    out->version = tls_session_version(s->tls);
    out->suite = tls_session_suite(s->tls);
    out->subject[0] = '\0';
    if (shown)
        tls_subject(shown, out->subject, sizeof(out->subject));
}
