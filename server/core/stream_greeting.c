/* SPDX-License-Identifier: Apache-2.0
 *
 * A balancer's header in front of what its client says, and whom it makes the peer of a stream.
 *
 * It is read piece by piece, never more than is known to belong to it (core/proxy.h), so that what follows stays in the
 * socket for whoever reads there next: the stream, or OpenSSL. Its deadline is the owner's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core/proxy.h"
#include "stream_parts.h"

struct stream_greeting {
    size_t have, length; /* length: of the whole header, as far as it is known */
    uint8_t octets[PROXY_MAX_BYTES];
};

void stream_await_greeting(struct stream *s)
{
    s->who.greeting = xcalloc(1, sizeof(*s->who.greeting));
    s->who.greeting->length = PROXY_FIXED_BYTES;
    s->who.origin = STREAM_AWAITED;
    s->state = ST_GREETING;
}

void stream_forget_greeting(struct stream *s)
{
    free(s->who.greeting);
    s->who.greeting = NULL;
}

/* Loopback means this machine, for access rules too. At a balancer elsewhere it means that one: the client is there,
 * so the balancer's address, which we have from the kernel, is the client's as well. */
static void take_source(struct stream_who *who, const struct sockaddr_storage *source)
{
    char address[ADDRESS_TEXT], name[ADDRESS_TEXT];

    who->origin = STREAM_LOCAL;
    if (source->ss_family == AF_UNSPEC)
        return;
    who->origin = STREAM_RELAYED;
    metric_add(METRIC_connections_proxied, 1);
    address_format((const struct sockaddr *)source, address, name);
    if (address_is_loopback(address) && !address_is_loopback(who->address))
        return;
    memcpy(who->address, address, sizeof(address));
    memcpy(who->name, name, sizeof(name));
}

/* Whether the whole header is here; of a stream that has ended it is not. */
static bool read_header(struct stream *s, struct stream_greeting *g)
{
    struct err why;

    while (g->have < g->length) {
        ssize_t n = recv(s->fd, g->octets + g->have, g->length - g->have, 0);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                stream_end_with(s, RC_IO, "receive", errno);
            return false;
        }
        if (n == 0 && g->have > 0) {
            stream_end_with(s, RC_INVALID, "closed in the middle of a PROXY header", 0);
            return false;
        }
        if (n == 0) {
            stream_end_with(s, RC_OK, "closed by peer", 0);
            return false;
        }
        g->have += (size_t)n;
        if (proxy_length(span_of(g->octets, g->have), &g->length, &why) != RC_OK) {
            stream_end(s, &why);
            return false;
        }
    }
    return true;
}

void stream_on_greeting(struct stream *s)
{
    struct stream_greeting *g = s->who.greeting;
    struct proxy_header header;
    struct err why;

    if (!read_header(s, g))
        return;
    if (proxy_decode(span_of(g->octets, g->have), &header, &why) != RC_OK) {
        stream_end(s, &why);
        return;
    }
    take_source(&s->who, &header.source);
    stream_forget_greeting(s);
    stream_begin(s);
    stream_update_interest(s);
}
