/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

static const char *const abstract_syntaxes[CONTEXT_MAX] = {
    [CONTEXT_ECHO] = UID_ECHO, [CONTEXT_FIND] = UID_FIND, [CONTEXT_MOVE] = UID_MOVE,
    [CONTEXT_GET] = UID_GET,   [CONTEXT_CT] = UID_CT,     [CONTEXT_XA] = UID_XA,
};

double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void die(const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fputs("dimse_load: ", stderr);
    vfprintf(stderr, what, args);
    fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
    va_end(args);
    exit(1);
}

static void put_be(uint8_t *out, uint32_t v, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        out[i] = (uint8_t)(v >> (8 * (octets - 1 - i)));
}

static void put_le(uint8_t *out, uint32_t v, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get_be(const uint8_t *p, unsigned octets)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < octets; i++)
        v = v << 8 | p[i];
    return v;
}

static uint32_t get_le(const uint8_t *p, unsigned octets)
{
    uint32_t v = 0;
    for (unsigned i = octets; i > 0; i--)
        v = v << 8 | p[i - 1];
    return v;
}

/* ---- messages ---- */

size_t put_element(uint8_t *out, uint32_t tag, const char *vr, const void *value, size_t len)
{
    size_t padded = len + len % 2, head = 8;
    put_le(out, tag >> 16, 2);
    put_le(out + 2, tag, 2);
    if (!vr) {
        put_le(out + 4, (uint32_t)padded, 4);
    } else {
        bool is_long = strstr("SQ UC UN UR UT", vr) != NULL;
        memcpy(out + 4, vr, 2);
        put_le(out + 6, is_long ? 0 : (uint32_t)padded, 2);
        if (is_long) {
            put_le(out + 8, (uint32_t)padded, 4);
            head = 12;
        }
    }
    if (len)
        memmove(out + head, value, len);
    if (len % 2)
        out[head + len] = !vr || strcmp(vr, "UI") == 0 ? 0 : ' ';
    return head + padded;
}

static size_t put_us(uint8_t *out, uint32_t tag, uint16_t value)
{
    uint8_t le[2];
    put_le(le, value, 2);
    return put_element(out, tag, NULL, le, 2);
}

static size_t put_command(uint8_t *out, const struct command *c, const char *destination)
{
    bool is_response = (c->field & RESPONSE) != 0;
    size_t at = 12;
    if (c->class_uid)
        at += put_element(out + at, 0x00000002, NULL, c->class_uid, c->class_len);
    at += put_us(out + at, 0x00000100, c->field);
    if (!is_response && c->field != C_CANCEL_RQ)
        at += put_us(out + at, 0x00000110, c->message_id);
    else
        at += put_us(out + at, 0x00000120, c->message_id);
    if (destination)
        at += put_element(out + at, 0x00000600, NULL, destination, strlen(destination));
    if (!is_response && c->field != C_CANCEL_RQ && c->field != C_ECHO_RQ)
        at += put_us(out + at, 0x00000700, 0);
    at += put_us(out + at, 0x00000800, c->data_set_type);
    if (is_response)
        at += put_us(out + at, 0x00000900, c->status);
    if (c->instance_uid)
        at += put_element(out + at, 0x00001000, NULL, c->instance_uid, c->instance_len);
    uint8_t group[4];
    put_le(group, (uint32_t)(at - 12), 4);
    put_element(out, 0x00000000, NULL, group, 4);
    return at;
}

static void put_pdv_head(uint8_t *out, size_t len, uint8_t context, uint8_t flags)
{
    put_be(out, (uint32_t)len + 2, 4);
    out[4] = context;
    out[5] = flags;
}

static void put_pdu_head(uint8_t *out, uint8_t type, size_t len)
{
    out[0] = type;
    out[1] = 0;
    put_be(out + 2, (uint32_t)len, 4);
}

size_t put_message(uint8_t *out, uint8_t context, const struct command *c, const char *destination,
                   const uint8_t *data, size_t len)
{
    enum { HEADS = 12, FRAGMENT = WIRE_PDU - 6 };
    size_t n = put_command(out + HEADS, c, destination), at = HEADS + n;
    put_pdv_head(out + 6, n, context, 3);
    if (data && at + len < WIRE_PDU) { /* both in one PDU */
        put_pdv_head(out + at, len, context, 2);
        memcpy(out + at + 6, data, len);
        at += 6 + len;
        data = NULL;
    }
    put_pdu_head(out, 4, at - 6);
    while (data) {
        size_t part = len < FRAGMENT ? len : FRAGMENT;
        put_pdu_head(out + at, 4, part + 6);
        put_pdv_head(out + at + 6, part, context, part == len ? 2 : 0);
        memcpy(out + at + HEADS, data, part);
        at += HEADS + part;
        len -= part;
        data = len ? data + part : NULL;
    }
    return at;
}

static void read_command(const uint8_t *p, size_t len, struct command *c)
{
    *c = (struct command){.data_set_type = NO_DATA};
    for (size_t at = 0; at + 8 <= len;) {
        uint32_t tag = get_le(p + at, 2) << 16 | get_le(p + at + 2, 2), n = get_le(p + at + 4, 4);
        const uint8_t *value = p + at + 8;
        at += 8 + (size_t)n;
        if (at > len)
            die("a command set is cut short");
        uint16_t number = (uint16_t)(n == 2 ? get_le(value, 2) : 0);
        switch (tag) {
        case 0x00000002:
            c->class_uid = (const char *)value;
            c->class_len = n;
            break;
        case 0x00000100:
            c->field = number;
            break;
        case 0x00000110:
            c->message_id = number;
            break;
        case 0x00000120:
            c->responded_to = number;
            break;
        case 0x00000800:
            c->data_set_type = number;
            break;
        case 0x00000900:
            c->status = number;
            break;
        case 0x00001000:
            c->instance_uid = (const char *)value;
            c->instance_len = n;
            break;
        case 0x00001021:
            c->completed = number;
            break;
        case 0x00001022:
            c->failed = number;
            break;
        default:
            break;
        }
    }
}

/* ---- associations ---- */

static size_t put_item(uint8_t *out, uint8_t type, const void *body, size_t len)
{
    out[0] = type;
    out[1] = 0;
    put_be(out + 2, (uint32_t)len, 2);
    memmove(out + 4, body, len);
    return len + 4;
}

static size_t put_role(uint8_t *out, const char *uid) /* both roles */
{
    uint8_t body[80];
    size_t n = strlen(uid);
    put_be(body, (uint32_t)n, 2);
    memcpy(body + 2, uid, n);
    body[n + 2] = body[n + 3] = 1;
    return put_item(out, 0x54, body, n + 4);
}

static size_t put_user_information(uint8_t *out, const enum context *contexts)
{
    uint8_t body[512], max[4];
    size_t n = 0;
    put_be(max, WIRE_PDU, 4);
    n += put_item(body + n, 0x51, max, 4);
    n += put_item(body + n, 0x52, "1.2.3", 5);
    for (; contexts && *contexts; contexts++) {
        if (*contexts >= CONTEXT_CT)
            n += put_role(body + n, abstract_syntaxes[*contexts]);
    }
    return put_item(out, 0x50, body, n);
}

static size_t put_associate(uint8_t *out, uint8_t type, const char *called)
{
    memset(out, 0, 74);
    out[0] = type;
    out[7] = 1;
    memset(out + 10, ' ', 32);
    memcpy(out + 10, called, strlen(called));
    memcpy(out + 26, "LOAD", 4);
    return 74 + put_item(out + 74, 0x10, "1.2.840.10008.3.1.1.1", 21);
}

static size_t put_request(uint8_t *out, const char *called, const enum context *contexts)
{
    size_t at = put_associate(out, 1, called);
    for (const enum context *c = contexts; *c; c++) {
        uint8_t body[256] = {(uint8_t)*c};
        size_t n = 4;
        n += put_item(body + n, 0x30, abstract_syntaxes[*c], strlen(abstract_syntaxes[*c]));
        n += put_item(body + n, 0x40, UID_PLAIN, strlen(UID_PLAIN));
        at += put_item(out + at, 0x20, body, n);
    }
    at += put_user_information(out + at, contexts);
    put_pdu_head(out, 1, at - 6);
    return at;
}

void send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0)
            die("send");
        data += n;
        len -= (size_t)n;
    }
}

static void read_exactly(int fd, void *out, size_t len)
{
    errno = 0;
    if (recv(fd, out, len, MSG_WAITALL) != (ssize_t)len)
        die("the connection ended");
}

/* ---- TLS ---- */

static SSL_CTX *tls;

void wire_use_tls(void)
{
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
}

static void secure(struct peer *p)
{
    p->tls = SSL_new(tls);
    SSL_set_fd(p->tls, p->fd);
    if (SSL_connect(p->tls) != 1)
        die("the TLS handshake");
}

void wire_send(struct peer *p, const uint8_t *data, size_t len)
{
    if (!p->tls)
        send_all(p->fd, data, len);
    else if (SSL_write(p->tls, data, (int)len) != (int)len)
        die("send");
}

static ssize_t take(struct peer *p, uint8_t *out, size_t len)
{
    return p->tls ? SSL_read(p->tls, out, (int)len) : recv(p->fd, out, len, 0);
}

static void take_exactly(struct peer *p, uint8_t *out, size_t len)
{
    errno = 0;
    while (len > 0) {
        ssize_t n = take(p, out, len);
        if (n <= 0)
            die("the connection ended");
        out += n;
        len -= (size_t)n;
    }
}

void wire_no_delay(int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int wire_connect(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
        die("connect");
    wire_no_delay(fd);
    return fd;
}

int wire_listen(int *port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        die("listen");
    *port = ntohs(addr.sin_port);
    return fd;
}

void wire_open(struct peer *p, int port, const char *called, const enum context *contexts)
{
    uint8_t out[4096], head[6];
    p->fd = wire_connect(port);
    p->used = 0;
    if (tls)
        secure(p);
    if (!p->input)
        p->input = malloc(WIRE_INPUT);
    wire_send(p, out, put_request(out, called, contexts));
    take_exactly(p, head, 6);
    if (head[0] != 2)
        die("the association was not accepted (PDU type %d)", head[0]);
    uint32_t len = get_be(head + 2, 4);
    if (len > WIRE_INPUT)
        die("the A-ASSOCIATE-AC is too long");
    take_exactly(p, p->input, len);
}

/* The answer to one presentation context: its first transfer syntax. */
static size_t accept_context(uint8_t *out, const uint8_t *body, size_t len)
{
    uint8_t answer[128] = {body[0]};
    for (size_t at = 4; at + 4 <= len; at += 4 + get_be(body + at + 2, 2)) {
        size_t n = get_be(body + at + 2, 2);
        if (body[at] == 0x40 && at + 4 + n <= len && n <= 64)
            return put_item(out, 0x21, answer, 4 + put_item(answer + 4, 0x40, body + at + 4, n));
    }
    die("a presentation context without transfer syntax");
    return 0;
}

void wire_accept(struct peer *p, int fd)
{
    static uint8_t out[1 << 16];
    uint8_t head[6];
    p->fd = fd;
    p->used = 0;
    p->input = malloc(WIRE_INPUT);
    wire_no_delay(fd);
    read_exactly(fd, head, 6);
    uint32_t len = get_be(head + 2, 4);
    if (head[0] != 1 || len > WIRE_INPUT)
        die("no A-ASSOCIATE-RQ");
    read_exactly(fd, p->input, len);
    size_t n = put_associate(out, 2, "");
    for (size_t at = 68; at + 4 <= len; at += 4 + get_be(p->input + at + 2, 2)) {
        if (p->input[at] == 0x20)
            n += accept_context(out + n, p->input + at + 4, get_be(p->input + at + 2, 2));
    }
    n += put_user_information(out + n, NULL);
    put_pdu_head(out, 2, n - 6);
    send_all(fd, out, n);
}

static void take_pdu(struct peer *p, const uint8_t *body, size_t len)
{
    for (size_t at = 0; at + 6 <= len;) {
        size_t n = get_be(body + at, 4);
        const uint8_t *pdv = body + at + 4;
        at += 4 + n;
        if (n < 2 || at > len)
            die("a PDV is cut short");
        if (!(pdv[1] & 1)) {
            if (p->handler->on_data)
                p->handler->on_data(p, pdv + 2, n - 2, pdv[1] & 2);
            continue;
        }
        struct command c;
        if (!(pdv[1] & 2))
            die("a command in several fragments");
        read_command(pdv + 2, n - 2, &c);
        p->handler->on_command(p, pdv[0], &c);
    }
}

static bool receive_some(struct peer *p)
{
    ssize_t n = take(p, p->input + p->used, WIRE_INPUT - p->used);
    size_t at = 0;
    if (n == 0)
        return false;
    if (n < 0)
        die("receive");
    p->used += (size_t)n;
    while (p->used - at >= 6) {
        const uint8_t *pdu = p->input + at;
        size_t len = get_be(pdu + 2, 4);
        if (len > WIRE_INPUT - 6)
            die("a PDU of %zu octets", len);
        if (p->used - at < 6 + len)
            break;
        if (pdu[0] == 5) { /* A-RELEASE-RQ */
            wire_send(p, (const uint8_t *)"\6\0\0\0\0\4\0\0\0\0", 10);
            return false;
        }
        if (pdu[0] != 4)
            die("PDU type %d", pdu[0]);
        at += 6 + len;
        take_pdu(p, pdu + 6, len);
        if (p->fd < 0) /* closed meanwhile */
            return true;
    }
    memmove(p->input, p->input + at, p->used - at);
    p->used -= at;
    if (p->used >
        0) { /* the sender may wait 40 ms for our acknowledgement before it sends the rest */
        int one = 1;
        setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
    }
    return true;
}

/* What TLS has read already, poll does not tell. */
bool wire_receive(struct peer *p)
{
    bool goes_on;
    do
        goes_on = receive_some(p);
    while (goes_on && p->fd >= 0 && p->tls && SSL_pending(p->tls) > 0);
    return goes_on;
}

void wire_close(struct peer *p)
{
    SSL_free(p->tls);
    p->tls = NULL;
    close(p->fd);
    p->fd = -1;
}

/* ---- times ---- */

void times_add(struct times *t, double seconds)
{
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 1024;
        t->at = realloc(t->at, t->room * sizeof(*t->at));
    }
    t->at[t->count++] = seconds;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double times_percentile(struct times *t, double part)
{
    if (t->count == 0)
        return 0;
    qsort(t->at, t->count, sizeof(*t->at), compare);
    return t->at[(size_t)((double)(t->count - 1) * part)] * 1e3;
}
