/* SPDX-License-Identifier: Apache-2.0
 *
 * How a stream begins: around a descriptor that somebody has accepted, or by connecting; and how it comes from there
 * through what is due first, a balancer's header and TLS, to the state where octets of the owner are exchanged.
 *
 *   stream_new -----+-----------> [GREETING] --+--> [SECURING] --> OPEN
 *   stream_connect -'--> CONNECTING -----------'
 *
 * A failure is told from the loop, also one that is met at once: the owner has no stream before the call has returned.
 *
 * TCP_NODELAY since what is written is sent in whole messages; TCP_NOTSENT_LOWAT as stream_output.c says; keepalive finds peers
 * that have vanished in the midst of silence, where no deadline runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core_internal.h"
#include "stream_parts.h"

enum {
    DEFAULT_INPUT = 1 << 20,
    DEFAULT_HIGH_WATER = 256 << 10,
    DEFAULT_CONNECT_MS = 30000,
    KERNEL_UNSENT = 128 << 10,
};

/* ---- what is due first ---- */

void stream_open(struct stream *s)
{
    loop_timer_clear(s->timer);
    s->state = ST_OPEN;
    stream_flush_soon(s);
    stream_update_interest(s);
}

void stream_begin(struct stream *s)
{
    if (s->tls.due)
        stream_start_tls(s);
    else
        stream_open(s);
}

void stream_on_connect_result(struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        stream_end_with(s, RC_IO, strerror(error), 0);
        return;
    }
    stream_begin(s);
    if (s->state == ST_SECURING)
        stream_shake_hands(s); /* the client says the first word */
    else if (s->callbacks.on_connected)
        s->callbacks.on_connected(s->arg);
}

/* ---- making one ---- */

static void complete(struct stream_options *o)
{
    if (o->max_input_bytes == 0)
        o->max_input_bytes = DEFAULT_INPUT;
    if (o->high_water_bytes == 0)
        o->high_water_bytes = DEFAULT_HIGH_WATER;
    if (o->low_water_bytes == 0 || o->low_water_bytes >= o->high_water_bytes)
        o->low_water_bytes = o->high_water_bytes / 4;
}

static struct stream *make(struct loop *l, const struct stream_options *options,
                           const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    if (options)
        s->options = *options;
    complete(&s->options);
    stream_want_tls(s);
    s->callbacks = *callbacks;
    s->arg = arg;
    s->fd = -1;
    s->input.block.read_size = STREAM_READ_MIN;
    s->output.waiting = evbuffer_new();
    if (!s->output.waiting)
        core_fatal("out of memory for a stream");
    s->timer = loop_timer_new(l, stream_on_timer, s);
    strcpy(s->who.name, "unknown");
    strcpy(s->who.address, "unknown");
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
    s->watch = loop_watch_new(s->loop, fd, stream_on_ready, s);
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
    s->state = ST_OPEN;
    if (s->options.is_proxied)
        stream_await_greeting(s);
    else if (s->tls.due)
        stream_start_tls(s);
    if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0)
        error = errno;
    else if (!peer)
        peer = (struct sockaddr *)&addr;
    if (peer)
        address_format(peer, s->who.address, s->who.name);
    /* The peer has reset the connection already: what it said, of which some may be here, it does not mean. */
    if (error != 0)
        stream_fail_later(s, RC_IO, "the peer has gone", error);
    else
        stream_update_interest(s);
    return s;
}

struct stream *stream_connect(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                              int64_t timeout_ms, const struct stream_options *options,
                              const struct stream_callbacks *callbacks, void *arg)
{
    struct stream *s = make(l, options, callbacks, arg);
    int fd;

    s->state = ST_CONNECTING;
    address_format(addr, s->who.address, s->who.name);
    fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        stream_fail_later(s, RC_IO, "socket", errno);
        return s;
    }
    adopt(s, fd);
    if (connect(fd, addr, addr_len) != 0 && errno != EINPROGRESS && errno != EINTR) {
        stream_fail_later(s, RC_IO, s->who.name, errno);
        return s;
    }
    loop_timer_set(s->timer, timeout_ms > 0 ? timeout_ms : DEFAULT_CONNECT_MS);
    stream_update_interest(s);
    return s;
}
