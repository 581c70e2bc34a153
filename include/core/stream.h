/* SPDX-License-Identifier: Apache-2.0
 *
 * core/stream: a TCP connection on a loop: octets in, octets out, with bounds and deadlines.
 *
 * TCP_NODELAY is set and what is written within one loop iteration leaves in one write, so small
 * responses never wait for a delayed acknowledgement. Back-pressure: when the output holds at least
 * high_water octets stream_is_full says so and on_drained comes when it has fallen to low_water; the
 * writer is asked to stop in between, not forced. A peer that takes nothing for write_stall_ms while
 * output waits is closed with RC_TIMEOUT.
 *
 * Loop thread only. on_closed comes exactly once, never from inside a call of the owner; after it, or
 * after stream_free, no callback comes.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/bytes.h"
#include "core/loop.h"

struct stream;

struct stream_callbacks {
    /* TCP connection made (outbound streams only). */
    void (*on_connected)(void *arg);
    /* Octets have arrived; consume what is whole with the returned count, the rest is offered again
     * with more behind it. Returning less than needed for progress forever is the owner's bug:
     * the input is never larger than max_input_bytes. A negative count stops reading for good. */
    ssize_t (*on_data)(struct span input, void *arg);
    /* Output fell to the low-water mark after stream_is_full was true. */
    void (*on_drained)(void *arg);
    /* The connection has ended. why->code: RC_OK = closed by the peer in order, RC_IO, RC_TIMEOUT. */
    void (*on_closed)(const struct err *why, void *arg);
};

struct stream_options {
    size_t max_input_bytes; /* input kept unconsumed at most; reading pauses there. 0 = 1 MiB */
    size_t high_water_bytes; /* 0 = 256 KiB */
    size_t low_water_bytes;  /* 0 = a quarter of high water */
    int64_t write_stall_ms;  /* 0 = no deadline */
    int send_buffer_bytes;   /* SO_SNDBUF, 0 = the system's */
};

/* Takes the connected descriptor (owned, also on failure). returned. */
struct stream *stream_new(struct loop *l, int fd, const struct stream_options *options,
                          const struct stream_callbacks *callbacks, void *arg);
/* Starts to connect; failure comes through on_closed, success through on_connected. returned. */
struct stream *stream_connect(struct loop *l, const struct sockaddr *addr, socklen_t addr_len,
                              int64_t timeout_ms, const struct stream_options *options,
                              const struct stream_callbacks *callbacks, void *arg);
/* Close now, dropping unsent output. NULL is legal; legal inside callbacks. */
void stream_free(struct stream *s);
/* Send what is queued, then close and report on_closed; reading stops. */
void stream_close_after_flush(struct stream *s);

void stream_write(struct stream *s, struct span octets); /* copies */
/* Queue without a copy; release(arg) when sent or dropped. For large values. */
void stream_write_ref(struct stream *s, struct span octets, void (*release)(void *arg), void *arg);
bool stream_is_full(const struct stream *s);
size_t stream_queued(const struct stream *s);
void stream_pause_reading(struct stream *s);
void stream_resume_reading(struct stream *s); /* buffered input is offered again, not from inside */
/* "192.0.2.1:11112" or "[2001:db8::1]:104" of the peer; never NULL. */
const char *stream_peer(const struct stream *s);
/* The address alone, without port: for access rules. */
const char *stream_peer_address(const struct stream *s);

#endif
