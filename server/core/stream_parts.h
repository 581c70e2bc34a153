/* SPDX-License-Identifier: Apache-2.0
 *
 * What a stream is made of, for the files of it and for nobody else; stream.c says how they go together. Each part has
 * a struct, which the part's own file changes and no other, but for what stream_begin.c fills in and stream.c empties at the
 * end. Loop thread only.
 *
 * What may end the stream or call its owner may also free it: nothing of it is touched afterwards, unless it says that it
 * may be.
 */
#ifndef CORE_STREAM_PARTS_H
#define CORE_STREAM_PARTS_H

#include <stdlib.h>

#include <event2/buffer.h>

#include "core/metrics.h"
#include "core/network.h"
#include "core/stream.h"
#include "tls_session.h"

/* ---- stream_block.c: input in one piece; pure ---- */

enum { STREAM_READ_MIN = 4 << 10 };

struct stream_block {
    uint8_t *octets; /* NULL while there is no input */
    size_t capacity;
    size_t start; /* input is [start, end) of the octets */
    size_t end;
    size_t read_size; /* how much is worth asking for, at least STREAM_READ_MIN */
};

/* Room for at least one octet behind the input, of which there is less than `limit`; false = no memory. */
bool stream_block_make_room(struct stream_block *b, size_t limit);
void stream_block_add(struct stream_block *b, size_t n); /* so many have come into the room */

static inline void stream_block_drop(struct stream_block *b) /* the input and the memory */
{
    free(b->octets);
    b->octets = NULL;
    b->capacity = b->start = b->end = 0;
}

static inline size_t stream_block_length(const struct stream_block *b)
{
    return b->end - b->start;
}

/* ---- the stream ---- */

enum stream_state {
    ST_CONNECTING,
    ST_GREETING, /* a balancer's header is due */
    ST_SECURING, /* the TLS handshake */
    ST_OPEN,
    ST_ENDED,
};

struct stream_input {
    struct stream_block block;
    bool is_paused;
    bool is_deaf;    /* on_data wants no more, ever */
    bool want_offer; /* by deferred work: what is here */
    bool want_pull;  /* likewise: what OpenSSL has for us */
};

struct stream_output {
    struct evbuffer *waiting; /* as the owner wrote it */
    bool is_full;             /* high water was met, low water is not yet */
    bool is_blocked;          /* the kernel takes no more now */
    bool want_flush;          /* by deferred work */
    int unacknowledged;       /* in the kernel when the timer for the stall was set */
};

struct stream_secrecy {
    struct tls *due;             /* held; NULL = plain, or begun */
    char *name;                  /* what a server's certificate must name; NULL = any */
    struct tls_session *session; /* NULL = plain, or not begun */
    bool is_secured;             /* the handshake is done */
};

struct stream_greeting;

struct stream_who {
    enum stream_origin origin;
    char name[ADDRESS_TEXT]; /* with the port */
    char address[ADDRESS_TEXT];
    struct stream_greeting *greeting; /* in ST_GREETING only */
};

struct stream {
    struct loop *loop;
    struct stream_options options; /* what it borrows is NULL */
    struct stream_callbacks callbacks;
    void *arg;
    enum stream_state state;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer; /* of the state's one wait */
    bool is_scheduled;        /* deferred work is on its way */
    bool freed;
    struct err failure; /* an end that deferred work has to report */

    struct stream_input input;
    struct stream_output output;
    struct stream_secrecy tls;
    struct stream_who who;
};

/* ---- stream.c: events, and the end ---- */

void stream_on_ready(int fd, unsigned ready, void *arg);
void stream_on_timer(void *arg);
void stream_schedule(struct stream *s);        /* its deferred work */
void stream_update_interest(struct stream *s); /* after whatever changes what it waits for */
/* From the loop only: the end, told to the owner. The last thing its caller does with the stream. */
void stream_end(struct stream *s, const struct err *why);
void stream_end_with(struct stream *s, enum rc code, const char *what,
                     int error); /* 0 = no errno */
/* From anywhere: the end, to be told by deferred work. */
void stream_fail_later(struct stream *s, enum rc code, const char *what, int error);

/* ---- stream_begin.c: until it is open ---- */

void stream_on_connect_result(struct stream *s);
void stream_begin(struct stream *s); /* nothing is due before TLS, where that was asked for */
void stream_open(struct stream *s);  /* nothing is due any more */

/* ---- stream_greeting.c: a balancer's header ---- */

void stream_await_greeting(struct stream *s);
void stream_on_greeting(struct stream *s);
void stream_forget_greeting(struct stream *s);

/* ---- stream_tls.c ---- */

void stream_want_tls(struct stream *s); /* takes what the options say of it */
void stream_start_tls(struct stream *s);
void stream_shake_hands(struct stream *s); /* both directions, as far as it goes */
void stream_say_goodbye(struct stream *s); /* the alert that ends TLS, if the kernel takes it now */
void stream_forget_tls(struct stream *s);

/* ---- stream_input.c ---- */

static inline bool stream_wants_input(const struct stream *s)
{
    const struct stream_input *in = &s->input;

    return s->state == ST_OPEN && !in->is_paused && !in->is_deaf && !in->want_offer &&
           stream_block_length(&in->block) < s->options.max_input_bytes;
}

void stream_on_readable(struct stream *s);
void stream_pull_soon(struct stream *s); /* of one with TLS: what OpenSSL has, if it has anything */
bool stream_input_work(struct stream *s); /* deferred; false: do not touch the stream */

/* ---- stream_output.c ---- */

/* Send until all is gone or the kernel takes no more. False: error is set. */
bool stream_send(struct stream *s, struct evbuffer *from, int *error);
void stream_flush(struct stream *s);
void stream_flush_soon(struct stream *s); /* by deferred work */
void stream_flush_last(struct stream *s); /* the peer has closed, and nobody waits for more */
bool stream_is_stalled(
    struct stream *s); /* its time is over; false = the peer takes some, time begins anew */

/* Of the Upper Layer, whatever TLS makes of them. */
static inline void stream_count(enum direction_value direction, int64_t octets)
{
    metric_add_at(METRIC_dicom_bytes, (struct metric_at){.a = direction}, octets);
}

#endif
