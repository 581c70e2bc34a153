/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel_load: how long a C-CANCEL takes in the middle of a C-FIND that matches everything, from outside.
 *
 * Each round asks for everything, waits a random part of the time that the whole answer takes, sends C-CANCEL and
 * goes on reading: what counts is the time until the final response is there, with all pending responses before it,
 * so what waits in the buffers of server, kernel and client is part of it. The client reads as fast as it can, with
 * a bounded receive buffer. Given the database, it then waits until the server has no active statement. One
 * association, shares no code with the server.
 *
 *   cancel_load PORT ROUNDS [RECEIVE_BUFFER_OCTETS [DATABASE_URI]]
 * Prints one JSON object. Fails when a final response is neither FE00 nor, where the answer was over before,
 * 0000, and when something follows it.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_BYTES = 1 << 20, DEFAULT_RECEIVE_BUFFER = 128 << 10, STATEMENT_WAIT_S = 5 };

struct client {
    int fd;
    uint8_t *input;
    size_t used;
    uint64_t pending; /* responses of this round */
    int final_status; /* -1 = not there yet */
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- what is sent ---- */

static size_t put_item(uint8_t *out, uint8_t type, const void *body, size_t len)
{
    uint8_t head[4] = {type, 0, (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(out, head, 4);
    memcpy(out + 4, body, len);
    return len + 4;
}

static void put_be32(uint8_t *out, size_t v)
{
    uint32_t be = htonl((uint32_t)v);
    memcpy(out, &be, 4);
}

#define UID_FIND "1.2.840.10008.5.1.4.20.1"

static size_t associate_request(uint8_t out[512])
{
    uint8_t context[256] = {1, 0, 0, 0}, user[64];
    size_t at = 74, n = 4, u = 0;
    memset(out, 0, 512);
    out[0] = 1;
    out[7] = 1;
    memcpy(out + 10, "DPPR            LOAD            ", 32);
    at += put_item(out + at, 0x10, "1.2.840.10008.3.1.1.1", 21);
    n += put_item(context + n, 0x30, UID_FIND, strlen(UID_FIND));
    n += put_item(context + n, 0x40, "1.2.840.10008.1.2.1", 19);
    at += put_item(out + at, 0x20, context, n);
    u += put_item(user + u, 0x51, "\0\2\0\0", 4);
    u += put_item(user + u, 0x52, "1.2.3", 5);
    at += put_item(out + at, 0x50, user, u);
    put_be32(out + 2, at - 6);
    return at;
}

static size_t put_us(uint8_t *out, uint8_t element_high, uint8_t element_low, uint16_t value)
{
    uint8_t octets[10] = {0, 0, element_low, element_high,   2,
                          0, 0, 0,           (uint8_t)value, (uint8_t)(value >> 8)};
    memcpy(out, octets, sizeof octets);
    return sizeof octets;
}

/* A P-DATA-TF with one PDV around the octets at out + 12. */
static size_t wrap(uint8_t *out, uint8_t control, size_t len)
{
    memset(out, 0, 12);
    out[0] = 4;
    put_be32(out + 2, len + 6);
    put_be32(out + 6, len + 2);
    out[10] = 1;
    out[11] = control;
    return 12 + len;
}

static size_t wrap_command(uint8_t *out, size_t len)
{
    static const uint8_t group_length[8] = {0, 0, 0, 0, 4};
    uint32_t n = (uint32_t)len - 12;
    memcpy(out + 12, group_length, 8);
    memcpy(out + 20, &n, 4);
    return wrap(out, 3, len);
}

/* SOP Instance UID and Protocol Name, both universal. */
static size_t find_request(uint8_t *out, uint16_t message_id)
{
    static const uint8_t sop_class[8] = {0, 0, 2, 0, 24};
    static const uint8_t identifier[] = {0x08, 0, 0x18, 0,    'U', 'I', 0, 0,
                                         0x18, 0, 0x30, 0x10, 'L', 'O', 0, 0};
    uint8_t *command = out + 12;
    size_t c = 12;
    memcpy(command + c, sop_class, 8);
    memcpy(command + c + 8, UID_FIND, 24);
    c += 32;
    c += put_us(command + c, 0x01, 0x00, 0x0020);
    c += put_us(command + c, 0x01, 0x10, message_id);
    c += put_us(command + c, 0x07, 0x00, 0);
    c += put_us(command + c, 0x08, 0x00, 1);
    size_t at = wrap_command(out, c);
    memcpy(out + at + 12, identifier, sizeof identifier);
    return at + wrap(out + at, 2, sizeof identifier);
}

static size_t cancel_request(uint8_t *out, uint16_t message_id)
{
    uint8_t *command = out + 12;
    size_t c = 12;
    c += put_us(command + c, 0x01, 0x00, 0x0FFF);
    c += put_us(command + c, 0x01, 0x20, message_id);
    c += put_us(command + c, 0x08, 0x00, 0x0101);
    return wrap_command(out, c);
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0)
            die("send");
        data += n;
        len -= (size_t)n;
    }
}

/* ---- what comes ---- */

/* The status of a response command set, or -1 where the PDV is a data set. */
static int status_of(const uint8_t *pdv, size_t len)
{
    for (size_t at = 2; (pdv[1] & 1) && at + 8 <= len;) {
        uint32_t n;
        memcpy(&n, pdv + at + 4, 4);
        if (pdv[at + 2] == 0 && pdv[at + 3] == 9)
            return pdv[at + 8] | pdv[at + 9] << 8;
        at += 8 + n;
    }
    return -1;
}

static void take_pdu(struct client *c, const uint8_t *body, size_t len)
{
    for (size_t at = 0; at + 6 <= len;) {
        uint32_t n;
        memcpy(&n, body + at, 4);
        n = ntohl(n);
        int status = status_of(body + at + 4, n);
        at += 4 + n;
        if (status >= 0 && c->final_status >= 0) {
            fprintf(stderr, "a response after the final one\n");
            exit(1);
        }
        if (status == 0xFF00 || status == 0xFF01)
            c->pending++;
        else if (status >= 0)
            c->final_status = status;
    }
}

/* Whatever comes within the time. */
static void receive(struct client *c, double until)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    double left = until - now();
    struct timespec wait = {.tv_sec = (time_t)left,
                            .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
    size_t at = 0;
    if (left <= 0 || ppoll(&p, 1, &wait, NULL) <= 0)
        return;
    ssize_t n = recv(c->fd, c->input + c->used, INPUT_BYTES - c->used, 0);
    if (n <= 0)
        die("the server closed the connection");
    c->used += (size_t)n;
    while (c->used - at >= 6) {
        uint32_t len;
        memcpy(&len, c->input + at + 2, 4);
        len = ntohl(len);
        if (c->used - at < 6 + (size_t)len)
            break;
        if (c->input[at] != 4) {
            fprintf(stderr, "PDU type %d\n", c->input[at]);
            exit(1);
        }
        take_pdu(c, c->input + at + 6, len);
        at += 6 + len;
    }
    memmove(c->input, c->input + at, c->used - at);
    c->used -= at;
}

static void receive_final(struct client *c)
{
    double until = now() + 60;
    while (c->final_status < 0 && now() < until)
        receive(c, until);
    if (c->final_status < 0) {
        fprintf(stderr, "no final response within a minute\n");
        exit(1);
    }
}

static void connect_client(struct client *c, int port, int receive_buffer)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    uint8_t out[512], head[6];
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->input = malloc(INPUT_BYTES);
    send_all(c->fd, out, associate_request(out));
    if (recv(c->fd, head, 6, MSG_WAITALL) != 6 || head[0] != 2) {
        fprintf(stderr, "not accepted\n");
        exit(1);
    }
    uint32_t len;
    memcpy(&len, head + 2, 4);
    if (recv(c->fd, c->input, ntohl(len), MSG_WAITALL) != (ssize_t)ntohl(len))
        die("accept");
}

static void ask(struct client *c, uint16_t message_id)
{
    uint8_t out[512];
    c->pending = 0;
    c->final_status = -1;
    send_all(c->fd, out, find_request(out, message_id));
}

/* ---- the database ---- */

static long active_statements(PGconn *db)
{
    PGresult *r =
        PQexec(db, "select count(*) from pg_stat_activity where datname = current_database()"
                   " and application_name like 'dppr%' and state = 'active'");
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(db));
        exit(1);
    }
    long n = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return n;
}

/* Seconds until none is left. */
static double wait_for_statements(PGconn *db, long *left)
{
    double began = now();
    while ((*left = active_statements(db)) > 0 && now() - began < STATEMENT_WAIT_S)
        usleep(500);
    return now() - began;
}

/* ---- the measurement ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_quantiles(const char *name, const char *unit, double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    printf(", \"%s_p50%s\": %.3f, \"%s_p99%s\": %.3f, \"%s_max%s\": %.3f", name, unit,
           values[count / 2], name, unit, values[count * 99 / 100], name, unit, values[count - 1]);
}

int main(int argc, char **argv)
{
    struct client c = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: cancel_load PORT ROUNDS [RECEIVE_BUFFER_OCTETS [DATABASE_URI]]\n");
        return 2;
    }
    size_t rounds = strtoul(argv[2], NULL, 10), cancelled = 0, over = 0;
    int receive_buffer = argc > 3 ? atoi(argv[3]) : DEFAULT_RECEIVE_BUFFER;
    PGconn *db = argc > 4 ? PQconnectdb(argv[4]) : NULL;
    double *latencies = calloc(rounds + 1, sizeof *latencies),
           *gone = calloc(rounds + 1, sizeof *gone);
    double *after = calloc(rounds + 1, sizeof *after); /* responses read after the cancel */
    uint16_t message_id = 1;
    long left = 0;
    connect_client(&c, atoi(argv[1]), receive_buffer);
    /* How long it all takes. The second time it is warm. */
    double whole = 0;
    for (int i = 0; i < 2; i++) {
        double began = now();
        ask(&c, message_id++);
        receive_final(&c);
        whole = now() - began;
        if (c.final_status != 0) {
            fprintf(stderr, "status %04X\n", (unsigned)c.final_status);
            return 1;
        }
    }
    uint64_t matches = c.pending;
    srandom(1);
    while (cancelled < rounds && over <= rounds) {
        uint8_t out[64];
        ask(&c, message_id);
        while (c.pending == 0 && c.final_status < 0)
            receive(&c, now() + 60);
        double at = now() + whole * 0.8 * (double)random() / RAND_MAX;
        while (now() < at && c.final_status < 0)
            receive(&c, at);
        uint64_t before = c.pending;
        double sent = now();
        send_all(c.fd, out, cancel_request(out, message_id++));
        receive_final(&c);
        if (c.final_status == 0) {
            over++;
            continue;
        }
        if (c.final_status != 0xFE00) {
            fprintf(stderr, "status %04X\n", (unsigned)c.final_status);
            return 1;
        }
        latencies[cancelled] = (now() - sent) * 1e3;
        after[cancelled] = (double)(c.pending - before);
        if (db)
            gone[cancelled] = wait_for_statements(db, &left) * 1e3;
        cancelled++;
    }
    if (cancelled == 0) {
        fprintf(stderr, "every answer was over before it was cancelled\n");
        return 1;
    }
    printf("{\"matches\": %llu, \"whole_ms\": %.1f, \"receive_buffer\": %d, \"cancelled\": %zu, "
           "\"over\": %zu",
           (unsigned long long)matches, whole * 1e3, receive_buffer, cancelled, over);
    print_quantiles("cancel", "_ms", latencies, cancelled);
    print_quantiles("responses_after", "", after, cancelled);
    if (db) {
        print_quantiles("statement", "_ms", gone, cancelled);
        printf(", \"active_left\": %ld", left);
    }
    printf("}\n");
    return left > 0;
}
