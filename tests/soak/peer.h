/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/peer: one connection with what a behaviour says and hears on it, and the account of how it went.
 *
 * A behaviour is a function that ends in one of three ways: it returns, which is how it ought to go; or, out of
 * any depth, by peer_fail (the server did something else than it should) or peer_excuse (it could not do
 * better, because the database's connections are being cut). Whoever runs it closes what it has left open.
 */
#ifndef SOAK_PEER_H
#define SOAK_PEER_H

#include <setjmp.h>

#include "objects.h"
#include "wire.h"

/* Longer than any deadline of the server in a soak: who waits so long has been forgotten. */
enum { ANSWER_MS = 120000 };

enum { MAX_WANTED = 100 };

enum event {
    EVENT_MESSAGE,
    EVENT_ACCEPTED,
    EVENT_REJECTED,
    EVENT_RELEASE_RQ,
    EVENT_RELEASE_RP,
    EVENT_ABORTED,
    EVENT_CLOSED,
    EVENT_TIMEOUT,
};
const char *event_name(enum event e);

struct peer {
    int fd; /* -1 = none */
    unsigned slot;
    char title[17];        /* our AE title, one a slot */
    uint64_t number;       /* of the association in the run */
    const char *behaviour; /* NULL = not at work */
    int64_t began_ms;
    struct rng rng;
    struct octets in, out, command, data, object;
    size_t at;            /* in `in`: what is not read yet begins here */
    size_t pdu_left;      /* of a P-DATA-TF */
    uint8_t results[256]; /* by context, 255 = not answered */
    uint8_t reject[3];
    uint32_t peer_max;
    uint16_t last_id;
    uint8_t context;   /* of the last message */
    struct received m; /* the last message; its data set is in `data` */
    /* What a retrieve is to bring, and what of it has come. */
    struct object wanted[MAX_WANTED];
    bool has_come[MAX_WANTED];
    unsigned wanted_count, come_count;
    uint16_t move_id; /* of the present C-MOVE */
    jmp_buf leave;
};
enum { LEAVE_FAILED = 1, LEAVE_EXCUSED };

/* Of the whole run. */
extern uint16_t server_port;
extern bool has_faults; /* connections to the database are being cut */

_Noreturn void peer_fail(struct peer *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void peer_excuse(struct peer *p);

/* ---- octets ---- */

void peer_connect(struct peer *p);
void peer_adopt(struct peer *p, int fd); /* an accepted connection */
/* Sends what stands in `out`, which is empty afterwards; false = the connection has ended. */
bool peer_flush(struct peer *p);
bool peer_send(struct peer *p, const void *data, size_t len);
/* More input; EVENT_MESSAGE = there is some, EVENT_CLOSED, EVENT_TIMEOUT. */
enum event peer_receive(struct peer *p, int64_t timeout_ms);
/* What the kernel keeps for us: little, and the server's output stalls soon. */
void peer_buffer(struct peer *p, int octets);
enum { SMALL_BUFFER = 4096, MEDIUM_BUFFER = 65536 };
void peer_close(struct peer *p);
void peer_dispose(struct peer *p); /* closes, and frees what it holds */
void peer_reset(struct peer *p);   /* close so that the server sees a reset */

/* ---- associations ---- */

struct proposal peer_proposal(const struct peer *p); /* every context, our title, no window */
/* Connects and asks; tells the answer. */
enum event peer_ask(struct peer *p, const struct proposal *proposal);
/* The same, and it must be accepted. window: asynchronous operations, 0 = none. */
void peer_associate(struct peer *p, unsigned window);
void peer_release(struct peer *p);
/* As well-behaved clients end, more or less: release, now and then abort, close or reset. */
void peer_leave(struct peer *p);
/* Without a word of farewell, in one of several ways. */
void peer_vanish(struct peer *p);
/* The server ends the association or connection, whatever it still says before. */
void peer_expect_end(struct peer *p);

/* ---- messages ---- */

uint16_t peer_next_id(struct peer *p);
/* Puts a request into `out`; its ID. data NULL = without data set. */
uint16_t peer_put_request(struct peer *p, uint8_t context, struct command *c,
                          const struct octets *data);
void peer_put_cancel(struct peer *p, uint8_t context, uint16_t id);
/* Puts the answer to the C-STORE request in `m` into `out`. */
void peer_put_store_answer(struct peer *p, uint16_t status);
void peer_must_flush(struct peer *p);
/* The next message or end. */
enum event peer_next(struct peer *p, int64_t timeout_ms);
/* The next message, which must come. */
void peer_await(struct peer *p);
/* The status of the message in `m` must be one of these. */
void peer_check_status(struct peer *p, const uint16_t *allowed, unsigned count);
#define EXPECT_STATUS(p, ...)                             \
    peer_check_status(p, (const uint16_t[]){__VA_ARGS__}, \
                      sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))
#define EXPECT(p, condition, ...)        \
    do {                                 \
        if (!(condition)) {              \
            peer_fail((p), __VA_ARGS__); \
        }                                \
    } while (0)

/* ---- objects ---- */

void peer_want_nothing(struct peer *p);
void peer_want(struct peer *p, struct object x);
/* Puts an identifier with the UIDs of all that is wanted into `object`. */
void peer_put_wanted_uids(struct peer *p, enum syntax s);
/* An object that came in this transfer syntax: NULL = it is one of the wanted, came once and is whole; else what
 * is wrong. */
const char *peer_take_object(struct peer *p, const char *uid, enum syntax s,
                             const struct octets *data);

/* ---- the account ---- */

/* What the server has promised to keep, and what may have been stored without our hearing of it. */
void acknowledge(struct object x);
unsigned acknowledged_count(void);
struct object acknowledged(unsigned i);
void count_attempt(void); /* to store a new object */
unsigned attempt_count(void);

/* How often each final status came, for the report: service is the request's command field. */
void count_status(uint16_t service, uint16_t status);
void print_statuses(void);

#endif
