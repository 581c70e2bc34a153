/* SPDX-License-Identifier: Apache-2.0
 *
 * core/stream: a TCP connection on a loop: octets in, octets out, with bounds and deadlines.
 *
 * TCP_NODELAY is set and what is written within one loop iteration leaves in one write, so small
 * responses never wait for a delayed acknowledgement. Back-pressure: when the output holds at least
 * high_water octets stream_is_full says so and on_drained comes when it has fallen to low_water; the
 * writer is asked to stop in between, not forced: stream_is_full stays true until on_drained. A peer that
 * takes nothing for write_stall_ms while output waits is closed with RC_TIMEOUT.
 *
 * Loop thread only. All callbacks come from the loop, never from inside a call of the owner. on_closed
 * comes exactly once; after it, or after stream_free, none comes. The owner frees the stream always, in
 * on_closed or later; all other calls are legal and without effect between the two.
 *
 * With options.tls the same octets go through TLS (core/tls.h): on_connected comes when the handshake is done, and
 * on_data never before. Its owner need not know.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/bytes.h"
#include "core/loop.h"
#include "core/tls.h"

struct stream;

struct stream_callbacks {
    /* Connection made, and secured where that was asked for (outbound streams only). */
    void (*on_connected)(void *arg);
    /* Octets have arrived; consume what is whole with the returned count. What is left is offered again
     * at once, or with more behind it when the count was 0. The input is never larger than
     * max_input_bytes: an owner that takes nothing of so much ends the stream with RC_LIMIT, unless it
     * has paused. A negative count stops reading for good: then the end of the peer is not seen either.
     * Valid until the call returns, also when it frees the stream. */
    ssize_t (*on_data)(struct span input, void *arg);
    /* Output fell to the low-water mark after stream_is_full was true. */
    void (*on_drained)(void *arg);
    /* The connection has ended, the descriptor is closed. why->code: RC_OK = the peer closed in order,
     * after all its octets were offered; RC_IO, RC_TIMEOUT, RC_LIMIT (input), RC_NOMEM; RC_DENIED:
     * the TLS handshake of an outbound stream failed. */
    void (*on_closed)(const struct err *why, void *arg);
};

struct stream_options {
    size_t max_input_bytes;  /* input kept unconsumed at most; reading pauses there. 0 = 1 MiB */
    size_t high_water_bytes; /* 0 = 256 KiB */
    size_t low_water_bytes;  /* 0 = a quarter of high water */
    int64_t write_stall_ms;  /* 0 = no deadline */
    int send_buffer_bytes;   /* SO_SNDBUF, 0 = the system's */
    const struct sockaddr
        *peer; /* stream_new: who it is; NULL = ask the socket. Borrowed for the call */
    bool
        is_proxied; /* stream_new: a header of core/proxy comes first, and then says who the peer is */
    struct tls
        *tls; /* a server's for stream_new, a client's for stream_connect. Borrowed for the call */
    const char *tls_name; /* stream_connect: what its certificate must name; NULL = any. Likewise */
    int64_t handshake_ms; /* of TLS; 0 = the owner's concern */
};

/* Takes the connected descriptor (owned, also on failure). returned. Where the peer has reset the connection
 * already, on_closed follows and no octet is offered, and only options->peer tells who it was. */
struct stream *stream_new(struct loop *l, int fd, const struct stream_options *options,
                          const struct stream_callbacks *callbacks, void *arg);
/* Starts to connect; failure comes through on_closed, success through on_connected. What is written
 * before is sent then. timeout_ms 0 = 30 s. returned. */
struct stream *stream_connect(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                              int64_t timeout_ms, const struct stream_options *options,
                              const struct stream_callbacks *callbacks, void *arg);
/* Close now, dropping unsent output; what the kernel has is still sent. An owner whose last message must reach
 * a peer that may still be sending reads on until on_closed, or to a deadline of its own, before it frees.
 * NULL is legal; legal inside callbacks. */
void stream_free(struct stream *s);

void stream_write(struct stream *s, struct span octets); /* copies */
bool stream_is_full(const struct stream *s);
size_t stream_queued(const struct stream *s);
/* Acknowledge what has come without the kernel's usual delay. For an owner that has seen a part of a message:
 * a peer that writes a message in pieces with Nagle's algorithm on (DCMTK does) waits for exactly this. */
void stream_ack_now(struct stream *s);
void stream_pause_reading(struct stream *s);
void stream_resume_reading(struct stream *s); /* buffered input is offered again, not from inside */
/* "192.0.2.1:11112" or "[2001:db8::1]:104" of the peer; never NULL. */
const char *stream_peer(const struct stream *s);
/* The address alone, without port: for access rules. */
const char *stream_peer_address(const struct stream *s);

/* Who that is. Also legal after on_closed. */
enum stream_origin {
    STREAM_DIRECT, /* who has connected */
    STREAM_AWAITED, /* the balancer: its header is not there yet, or was none (RC_INVALID, RC_LIMIT) */
    STREAM_LOCAL,   /* the balancer, which speaks for itself */
    STREAM_RELAYED, /* the balancer's client */
};
enum stream_origin stream_origin(const struct stream *s);

/* Also legal after on_closed: what it was. */
enum stream_security { STREAM_PLAIN, STREAM_SECURING, STREAM_SECURED };
enum stream_security stream_security(const struct stream *s);
/* Whether a peer that TLS is due from has said anything. */
bool stream_has_spoken(const struct stream *s);
/* The first octets of a client that speaks something else than TLS where that is due; empty = of no such client. */
struct span stream_foreign(const struct stream *s);
/* Whether the peer has shown one of these certificates (tls.h: entries, one a line). RC_DENIED: the reason in words. */
MUST_CHECK enum rc stream_check_binding(const struct stream *s, const char *entries,
                                        struct err *err);
/* Of a secured one; borrowed as long as the stream, but for the subject, "" = it has shown no certificate. */
struct stream_tls {
    const char *version, *suite;
    char subject[128];
};
void stream_describe_tls(const struct stream *s, struct stream_tls *out);

#endif
