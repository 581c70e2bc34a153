/* SPDX-License-Identifier: Apache-2.0
 *
 * dimse_load: how fast a server answers C-FIND, measured from outside.
 *
 * A client that does as little as possible: ready-made octets out, PDU headers and command sets looked at
 * just far enough to tell pending from final. One thread, N associations, one request in flight on each.
 * Shares no code with the server, so it cannot be fast or slow for the same reason.
 *
 *   dimse_load PORT ASSOCIATIONS SECONDS KEY...
 * A KEY is KEYWORD=VALUE with KEYWORD one of name, uid, modality; "@FILE" as value takes the next line of FILE
 * for each request; an empty value is a return key. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_KEYS = 8, MAX_ASSOCIATIONS = 256, INPUT_BYTES = 1 << 20 };

struct key {
    uint16_t group, element;
    char vr[3];
    char pad;
    const char *value;
    char **lines;
    size_t line_count, next_line;
};

struct client {
    int fd;
    uint8_t *input;
    size_t used;
    double started;
};

static struct key keys[MAX_KEYS];
static size_t key_count;
static uint64_t responses, finals, failures;
static double *latencies;
static size_t latency_count, latency_room;

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

static void read_lines(struct key *k, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    if (!file) {
        die(path);
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        k->lines = realloc(k->lines, (k->line_count + 1) * sizeof *k->lines);
        k->lines[k->line_count++] = strdup(line);
    }
    fclose(file);
}

static void add_key(char *text)
{
    static const struct {
        const char *name;
        uint16_t group, element;
        const char *vr;
        char pad;
    } known[] = {
        {"uid", 0x0008, 0x0018, "UI", 0},
        {"modality", 0x0008, 0x0221, "CS", ' '},
        {"name", 0x0018, 0x1030, "LO", ' '},
    };
    char *value = strchr(text, '=');
    if (!value || key_count == MAX_KEYS) {
        fprintf(stderr, "bad key %s\n", text);
        exit(2);
    }
    *value++ = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!strcmp(known[i].name, text)) {
            struct key *k = &keys[key_count++];
            *k = (struct key){
                .group = known[i].group, .element = known[i].element, .pad = known[i].pad};
            memcpy(k->vr, known[i].vr, 3);
            k->value = value;
            if (value[0] == '@') {
                read_lines(k, value + 1);
            }
            return;
        }
    }
    fprintf(stderr, "unknown key %s\n", text);
    exit(2);
}

static size_t put_item(uint8_t *out, uint8_t type, const void *body, size_t len)
{
    out[0] = type;
    out[1] = 0;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    memcpy(out + 4, body, len);
    return len + 4;
}

static void put_be32(uint8_t *out, uint32_t v)
{
    uint32_t be = htonl(v);
    memcpy(out, &be, 4);
}

#define UID_FIND "1.2.840.10008.5.1.4.20.1"

static size_t associate_request(uint8_t *out)
{
    uint8_t context[256] = {1, 0, 0, 0}, user[64];
    size_t at = 6, n = 4, u = 0;
    memset(out, 0, 512);
    out[0] = 1;
    out[7] = 1;
    memcpy(out + 10, "DPPR            LOAD            ", 32);
    at = 74;
    at += put_item(out + at, 0x10, "1.2.840.10008.3.1.1.1", 21);
    n += put_item(context + n, 0x30, UID_FIND, strlen(UID_FIND));
    n += put_item(context + n, 0x40, "1.2.840.10008.1.2.1", 19);
    at += put_item(out + at, 0x20, context, n);
    u += put_item(user + u, 0x51, "\0\2\0\0", 4);
    u += put_item(user + u, 0x52, "1.2.3", 5);
    at += put_item(out + at, 0x50, user, u);
    put_be32(out + 2, (uint32_t)(at - 6));
    return at;
}

static size_t element(uint8_t *out, uint16_t el, const void *value, uint32_t len)
{
    uint8_t head[8] = {0, 0, (uint8_t)el, (uint8_t)(el >> 8), (uint8_t)len, (uint8_t)(len >> 8),
                       0, 0};
    memcpy(out, head, 8);
    memcpy(out + 8, value, len);
    return 8 + len;
}

static size_t find_request(uint8_t *out)
{
    uint8_t *command = out + 12;
    size_t c = 12, at, d = 0;
    memcpy(command, "\0\0\0\0\4\0\0\0", 8);
    c += element(command + c, 0x0002, UID_FIND "\0", 24);
    c += element(command + c, 0x0100, "\x20\0", 2);
    c += element(command + c, 0x0110, "\1\0", 2);
    c += element(command + c, 0x0700, "\0\0", 2);
    c += element(command + c, 0x0800, "\1\0", 2);
    uint32_t group = (uint32_t)(c - 12);
    memcpy(command + 8, &group, 4);
    at = 12 + c;
    uint8_t *data = out + at + 6;
    for (size_t i = 0; i < key_count; i++) {
        struct key *k = &keys[i];
        const char *value = k->line_count ? k->lines[k->next_line++ % k->line_count] : k->value;
        size_t len = strlen(value), padded = len + len % 2;
        uint8_t head[8] = {(uint8_t)k->group,   (uint8_t)(k->group >> 8),
                           (uint8_t)k->element, (uint8_t)(k->element >> 8),
                           (uint8_t)k->vr[0],   (uint8_t)k->vr[1],
                           (uint8_t)padded,     (uint8_t)(padded >> 8)};
        memcpy(data + d, head, 8);
        memcpy(data + d + 8, value, len);
        if (padded > len) {
            data[d + 8 + len] = (uint8_t)k->pad;
        }
        d += 8 + padded;
    }
    out[0] = 4;
    out[1] = 0;
    put_be32(out + 6, (uint32_t)(c + 2));
    out[10] = 1;
    out[11] = 3;
    put_be32(out + at, (uint32_t)(d + 2));
    out[at + 4] = 1;
    out[at + 5] = 2;
    put_be32(out + 2, (uint32_t)(at + 6 + d - 6));
    return at + 6 + d;
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) {
                continue;
            }
            die("send");
        }
        data += n;
        len -= (size_t)n;
    }
}

static void start(struct client *c)
{
    uint8_t out[4096];
    size_t n = find_request(out);
    c->started = now();
    send_all(c->fd, out, n);
}

/* The status of a response command set, or -1 where the PDV is a data set. */
static int status_of(const uint8_t *pdv, size_t len)
{
    if (!(pdv[1] & 1)) {
        return -1;
    }
    for (size_t at = 2; at + 8 <= len;) {
        uint32_t n;
        memcpy(&n, pdv + at + 4, 4);
        if (pdv[at + 2] == 0 && pdv[at + 3] == 9) {
            return pdv[at + 8] | pdv[at + 9] << 8;
        }
        at += 8 + n;
    }
    return -1;
}

static void note(double seconds)
{
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1024;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
    }
    latencies[latency_count++] = seconds;
}

static void take_pdu(struct client *c, const uint8_t *body, size_t len)
{
    for (size_t at = 0; at + 6 <= len;) {
        uint32_t n;
        memcpy(&n, body + at, 4);
        n = ntohl(n);
        int status = status_of(body + at + 4, n);
        at += 4 + n;
        if (status == 0xFF00 || status == 0xFF01) {
            responses++;
            continue;
        }
        if (status < 0) {
            continue;
        }
        finals++;
        failures += status != 0;
        note(now() - c->started);
        start(c);
    }
}

static void receive(struct client *c)
{
    ssize_t n = recv(c->fd, c->input + c->used, INPUT_BYTES - c->used, 0);
    size_t at = 0;
    if (n <= 0) {
        die("the server closed the connection");
    }
    c->used += (size_t)n;
    while (c->used - at >= 6) {
        uint32_t len;
        memcpy(&len, c->input + at + 2, 4);
        len = ntohl(len);
        if (c->used - at < 6 + (size_t)len) {
            break;
        }
        if (c->input[at] != 4 && c->input[at] != 2) {
            fprintf(stderr, "PDU type %d\n", c->input[at]);
            exit(1);
        }
        if (c->input[at] == 4) {
            take_pdu(c, c->input + at + 6, len);
        }
        at += 6 + len;
    }
    memmove(c->input, c->input + at, c->used - at);
    c->used -= at;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void connect_client(struct client *c, int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    uint8_t out[1024], head[6];
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        die("connect");
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->input = malloc(INPUT_BYTES);
    send_all(c->fd, out, associate_request(out));
    if (recv(c->fd, head, 6, MSG_WAITALL) != 6 || head[0] != 2) {
        fprintf(stderr, "not accepted\n");
        exit(1);
    }
    uint32_t len;
    memcpy(&len, head + 2, 4);
    if (recv(c->fd, c->input, ntohl(len), MSG_WAITALL) != (ssize_t)ntohl(len)) {
        die("accept");
    }
}

int main(int argc, char **argv)
{
    static struct client clients[MAX_ASSOCIATIONS];
    static struct pollfd polls[MAX_ASSOCIATIONS];
    if (argc < 5) {
        fprintf(stderr, "usage: dimse_load PORT ASSOCIATIONS SECONDS KEY...\n");
        return 2;
    }
    int count = atoi(argv[2]);
    double seconds = atof(argv[3]);
    if (count < 1 || count > MAX_ASSOCIATIONS) {
        return 2;
    }
    for (int i = 4; i < argc; i++) {
        add_key(argv[i]);
    }
    for (int i = 0; i < count; i++) {
        connect_client(&clients[i], atoi(argv[1]));
        polls[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
    }
    double began = now(), until = began + seconds;
    for (int i = 0; i < count; i++) {
        start(&clients[i]);
    }
    /* At least one whole query, however long it takes. */
    while (now() < until || finals == 0) {
        if (poll(polls, (nfds_t)count, 1000) < 0) {
            die("poll");
        }
        for (int i = 0; i < count; i++) {
            if (polls[i].revents) {
                receive(&clients[i]);
            }
        }
    }
    double took = now() - began;
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf("{\"associations\": %d, \"seconds\": %.2f, \"finds_per_s\": %.0f, \"responses_per_s\": "
           "%.0f, "
           "\"failed\": %llu, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           count, took, (double)finals / took, (double)responses / took,
           (unsigned long long)failures, latencies[latency_count / 2] * 1e3,
           latencies[latency_count * 99 / 100] * 1e3);
    return failures != 0;
}
