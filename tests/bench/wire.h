/* SPDX-License-Identifier: Apache-2.0
 *
 * The DICOM that the load clients speak: as little as possible, ready-made octets out, PDU headers and command
 * sets looked at just far enough. Shares no code with the server, so it cannot be fast or slow for the same reason.
 * Whatever goes wrong ends the program: a measurement with a fault in it is none.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UID_ECHO  "1.2.840.10008.1.1"
#define UID_FIND  "1.2.840.10008.5.1.4.20.1"
#define UID_MOVE  "1.2.840.10008.5.1.4.20.2"
#define UID_GET   "1.2.840.10008.5.1.4.20.3"
#define UID_CT    "1.2.840.10008.5.1.4.1.1.200.1"
#define UID_XA    "1.2.840.10008.5.1.4.1.1.200.7"
#define UID_PLAIN "1.2.840.10008.1.2.1" /* Explicit VR Little Endian */

/* Presentation contexts are these numbers, wherever they are proposed. */
enum context {
    CONTEXT_ECHO = 1,
    CONTEXT_FIND = 3,
    CONTEXT_MOVE = 5,
    CONTEXT_GET = 7,
    CONTEXT_CT = 9,
    CONTEXT_XA = 11
};
enum { CONTEXT_MAX = 12, WIRE_INPUT = 1 << 20, WIRE_PDU = 128 << 10 };

enum command_field {
    C_STORE_RQ = 0x0001,
    C_GET_RQ = 0x0010,
    C_FIND_RQ = 0x0020,
    C_MOVE_RQ = 0x0021,
    C_ECHO_RQ = 0x0030,
    C_CANCEL_RQ = 0x0FFF,
    RESPONSE = 0x8000, /* added to a request's */
    NO_DATA = 0x0101,
};

/* What command sets say, as far as it is of use. Texts are not terminated. */
struct command {
    uint16_t field, message_id, responded_to, data_set_type, status;
    uint16_t completed, failed;
    const char *class_uid, *instance_uid;
    size_t class_len, instance_len;
};
static inline bool is_pending(const struct command *c)
{
    return c->status == 0xFF00 || c->status == 0xFF01;
}

struct peer;
/* A whole command, or a fragment of a data set. */
struct wire_handler {
    void (*on_command)(struct peer *p, uint8_t context, const struct command *c);
    void (*on_data)(struct peer *p, const uint8_t *data, size_t len,
                    bool is_last); /* NULL: not looked at */
};

struct peer {
    int fd;
    void *tls; /* OpenSSL's; NULL = plain */
    uint8_t *input;
    size_t used;
    const struct wire_handler *handler;
    void *arg;
};

double now(void); /* s */
void die(const char *what, ...);

/* Little endian elements of up to 64 KiB, Explicit VR or (vr NULL) Implicit VR; the value is padded. */
size_t put_element(uint8_t *out, uint32_t tag, const char *vr, const void *value, size_t len);
/* A P-DATA-TF PDU with the command of these fields, the group length filled in. data NULL: none.
 * out has room for both and 512 octets more. */
size_t put_message(uint8_t *out, uint8_t context, const struct command *c, const char *destination,
                   const uint8_t *data, size_t len);

void send_all(int fd, const uint8_t *data, size_t len);
void wire_send(struct peer *p, const uint8_t *data, size_t len);
void wire_use_tls(void); /* what wire_open opens from now on; nothing is verified */
void wire_no_delay(int fd);
int wire_connect(int port);
int wire_listen(int *port); /* 0: any free one, which is set */
/* An association over a new connection; blocks until it is accepted. contexts: ended by 0. */
void wire_open(struct peer *p, int port, const char *called, const enum context *contexts);
/* The acceptor's side: whatever is proposed is accepted. */
void wire_accept(struct peer *p, int fd);
/* Take what is there and hand it out; false when the other side released or closed. */
bool wire_receive(struct peer *p);
void wire_close(struct peer *p);

/* Times of many events. */
struct times {
    double *at;
    size_t count, room;
};
void times_add(struct times *t, double seconds);
double times_percentile(struct times *t, double part); /* ms; sorts */

#endif
