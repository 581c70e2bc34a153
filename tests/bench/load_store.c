/* SPDX-License-Identifier: Apache-2.0
 *
 * The modes of dimse_load in which this side sends instances, or takes them.
 */
#include "dimse_load.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- send ---- */

/* A file of instances, each a line "CLASS UID LENGTH" and so many octets (generate_rows datasets). */
struct instance {
    char class_uid[65], uid[65];
    uint8_t *data;
    size_t len;
};

static struct {
    struct instance *instances;
    size_t count, next;
    double until;
    unsigned long sent, stored, failed, running;
    struct times times;
} sending;

static void read_instances(const char *path)
{
    FILE *file = fopen(path, "r");
    struct instance in;
    size_t room = 0;
    if (!file)
        die("%s", path);
    while (fscanf(file, "%64s %64s %zu%*1[\n]", in.class_uid, in.uid, &in.len) == 3) {
        in.data = malloc(in.len);
        if (fread(in.data, 1, in.len, file) != in.len)
            die("%s is cut short", path);
        if (sending.count == room) {
            room = room ? 2 * room : 1024;
            sending.instances = realloc(sending.instances, room * sizeof(in));
        }
        sending.instances[sending.count++] = in;
    }
    fclose(file);
    if (sending.count == 0)
        die("%s has no instances", path);
}

/* False when time or, with -1, instances are at their end. */
static bool send_next(struct peer *p)
{
    static uint8_t *out;
    static size_t room;
    if (sending.next == sending.count && load_option.once)
        return false;
    if (now() >= sending.until || sending.sent >= load_option.requests)
        return false;
    const struct instance *in = &sending.instances[sending.next++ % sending.count];
    struct command c = {.field = C_STORE_RQ,
                        .message_id = 1,
                        .class_uid = in->class_uid,
                        .class_len = strlen(in->class_uid),
                        .instance_uid = in->uid,
                        .instance_len = strlen(in->uid)};
    if (room < in->len + 65536) {
        room = in->len + 65536;
        out = realloc(out, room);
    }
    uint8_t context = strcmp(in->class_uid, UID_XA) == 0 ? CONTEXT_XA : CONTEXT_CT;
    *(double *)p->arg = now();
    sending.sent++;
    wire_send(p, out, put_message(out, context, &c, NULL, in->data, in->len));
    return true;
}

static void on_stored(struct peer *p, uint8_t context, const struct command *c)
{
    (void)context;
    if (c->field != C_STORE_RQ + RESPONSE)
        die("a command %04X", (unsigned)c->field);
    times_add(&sending.times, now() - *(double *)p->arg);
    sending.stored += c->status == 0;
    sending.failed += c->status != 0;
    if (!send_next(p))
        sending.running--;
}

void load_send(int argc, char **argv)
{
    static const struct wire_handler handler = {on_stored, NULL};
    static const enum context contexts[] = {CONTEXT_CT, CONTEXT_XA, 0};
    int count = argc - 1;
    struct peer *peers = calloc((size_t)count, sizeof(*peers));
    struct pollfd *polls = calloc((size_t)count, sizeof(*polls));
    double *sent_at = calloc((size_t)count, sizeof(*sent_at));
    if (count < 1)
        die("send needs a file and ports");
    read_instances(argv[0]);
    for (int i = 0; i < count; i++) {
        peers[i] = (struct peer){.handler = &handler, .arg = &sent_at[i]};
        wire_open(&peers[i], atoi(argv[1 + i]), "DPPR", contexts);
        polls[i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
    }
    double began = now();
    sending.until = began + load_option.seconds;
    for (int i = 0; i < count; i++)
        sending.running += send_next(&peers[i]);
    while (sending.running > 0) {
        if (poll(polls, (nfds_t)count, -1) < 0)
            die("poll");
        for (int i = 0; i < count; i++) {
            errno = 0;
            if (polls[i].revents && !wire_receive(&peers[i]))
                die("the server ended an association");
        }
    }
    double took = now() - began;
    printf("{\"associations\": %d, \"seconds\": %.3f, \"stored\": %lu, \"failed\": %lu, "
           "\"stored_per_s\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           count, took, sending.stored, sending.failed, (double)sending.stored / took,
           times_percentile(&sending.times, .5), times_percentile(&sending.times, .99));
    if (sending.failed)
        exit(1);
}

/* ---- receive ---- */

struct receiver {
    struct peer peer;
    struct command store; /* the C-STORE whose data set comes */
    uint8_t context;
    char class_uid[65], instance_uid[65];
};

static unsigned long received;

static void on_store(struct peer *p, uint8_t context, const struct command *c)
{
    struct receiver *r = p->arg;
    if (c->field != C_STORE_RQ || c->class_len > 64 || c->instance_len > 64)
        die("no C-STORE that could be answered");
    r->store = *c;
    r->context = context;
    r->store.class_uid = memcpy(r->class_uid, c->class_uid, c->class_len);
    r->store.instance_uid = memcpy(r->instance_uid, c->instance_uid, c->instance_len);
}

static void on_data(struct peer *p, const uint8_t *data, size_t len, bool is_last)
{
    struct receiver *r = p->arg;
    uint8_t out[1024];
    (void)data;
    (void)len;
    if (!is_last)
        return;
    received++;
    r->store.field = C_STORE_RQ + RESPONSE;
    r->store.data_set_type = NO_DATA;
    wire_send(p, out, put_message(out, r->context, &r->store, NULL, NULL, 0));
}

/* Storage SCPs on so many ports, which are printed; any number of associations, until standard input ends. */
void load_receive(int argc, char **argv)
{
    static const struct wire_handler handler = {on_store, on_data};
    enum { MOST = 256 };
    int ports = argc == 1 ? atoi(argv[0]) : 0;
    struct receiver *receivers[MOST] = {NULL};
    struct pollfd polls[MOST] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    nfds_t count = 1;
    if (ports < 1 || ports > 16)
        die("receive needs a number of ports");
    for (; count <= (nfds_t)ports; count++) {
        int port = 0;
        polls[count] = (struct pollfd){.fd = wire_listen(&port), .events = POLLIN};
        printf(count < (nfds_t)ports ? "%d " : "%d\n", port);
    }
    fflush(stdout);
    while (poll(polls, count, -1) > 0 && !polls[0].revents) {
        for (nfds_t i = 1; i < count; i++) {
            if (!polls[i].revents)
                continue;
            errno = 0;
            if (i <= (nfds_t)ports) {
                struct receiver *r = calloc(1, sizeof(*r));
                if (count == MOST)
                    die("too many associations");
                r->peer = (struct peer){.handler = &handler, .arg = r};
                wire_accept(&r->peer, accept(polls[i].fd, NULL, NULL));
                receivers[count] = r;
                polls[count++] = (struct pollfd){.fd = r->peer.fd, .events = POLLIN};
            } else if (!wire_receive(&receivers[i]->peer)) {
                wire_close(&receivers[i]->peer);
                free(receivers[i]->peer.input);
                free(receivers[i]);
                count--;
                receivers[i] = receivers[count];
                polls[i] = polls[count];
                i--;
            }
        }
    }
    printf("{\"received\": %lu}\n", received);
}

/* ---- bare ---- */

static void read_whole(int fd, uint8_t *into, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = recv(fd, into + at, len - at, 0);
        if (n == 0)
            exit(0);
        if (n < 0)
            die("receive");
        at += (size_t)n;
    }
}

/* The n-th of the processors that we may use; where there is only one, that. */
static void use_processor(int n)
{
    cpu_set_t may, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof(may), &may) != 0)
        die("sched_getaffinity");
    for (int cpu = 0; cpu < CPU_SETSIZE && n >= 0; cpu++) {
        if (CPU_ISSET(cpu, &may) && n-- == 0)
            CPU_SET(cpu, &one);
    }
    if (CPU_COUNT(&one) && sched_setaffinity(0, sizeof(one), &one) != 0)
        die("sched_setaffinity");
}

/* What TCP over loopback does with requests of so many octets and answers as long as a C-STORE-RSP: a process that
 * sends and waits, one that reads and answers. They are on two processors, as a server and its client are, or (-1) on
 * the same: left to themselves they are now on one, now on two, and the one is twice as fast. */
void load_bare(int argc, char **argv)
{
    enum { ANSWER = 150 };
    size_t size = argc == 1 ? strtoul(argv[0], NULL, 10) : 0;
    int port = 0, listening = wire_listen(&port);
    uint8_t *request = calloc(1, size ? size : 1), answer[ANSWER] = {0};
    unsigned long count = 0;
    if (size == 0)
        die("bare needs a number of octets");
    if (fork() == 0) {
        use_processor(load_option.once ? 0 : 1);
        int fd = wire_connect(port);
        for (;;) {
            read_whole(fd, request, size);
            send_all(fd, answer, ANSWER);
        }
    }
    use_processor(0);
    int fd = accept(listening, NULL, NULL);
    wire_no_delay(fd);
    double began = now();
    for (; now() - began < load_option.seconds; count++) {
        send_all(fd, request, size);
        read_whole(fd, answer, ANSWER);
    }
    double took = now() - began;
    close(fd);
    printf("{\"octets\": %zu, \"requests_per_s\": %.0f}\n", size, (double)count / took);
}
