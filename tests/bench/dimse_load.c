/* SPDX-License-Identifier: Apache-2.0
 *
 * dimse_load: what a DICOM server does in a second, measured from outside. One thread, N associations, one request in
 * flight on each. Prints one JSON object.
 *
 *   dimse_load [OPTION...] find PORT KEY...        C-FIND after C-FIND
 *   dimse_load [OPTION...] get PORT KEY...         C-GET after C-GET, each C-STORE answered
 *   dimse_load [OPTION...] move PORT AET KEY...    C-MOVE after C-MOVE, to AET1 from the first association and so on
 *   dimse_load [OPTION...] open PORT               association after association, each dropped when it is accepted
 *   dimse_load [OPTION...] idle PORT               opens associations, waits for a line of input, then C-ECHO on each
 *   dimse_load [OPTION...] send FILE PORT...       C-STORE of the instances of a file, an association to each port
 *   dimse_load receive N                           storage SCPs on N ports, which it prints, until its input ends
 *   dimse_load [OPTION...] bare OCTETS             no DICOM: requests of this size over loopback, each answered
 *
 *   -n N        associations (1)
 *   -s SECONDS  how long (5); at least one whole request
 *   -r N        end after so many requests
 *   -c N        C-CANCEL after N pending responses
 *   -C N        C-CANCEL after a random number of them, up to N
 *   -w MS       wait between two requests of an association
 *   -h SECONDS  after the first response read nothing for so long
 *   -b OCTETS   receive buffer of the sockets
 *   -T          with TLS; not for receive and bare
 *   -1          send: each instance once; bare: both ends on one processor
 *
 * A KEY is PATH:VR=VALUE with PATH the tags from the outside in, as eight hexadecimal digits each with dots between:
 * 00181030:LO=Head*, 00189912.00081090:LO=Alpha. Keys of one sequence stand together. "@FILE" as value takes the next line
 * of FILE for each request; a C-FIND's empty value is a return key.
 */
#include "dimse_load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_KEYS = 64, MAX_DEPTH = 4, MAX_PEERS = 20000, MAX_REQUEST = 1 << 17 };

struct key {
    uint32_t path[MAX_DEPTH];
    unsigned depth;
    char vr[3];
    char *value;
    char **lines; /* instead of value */
    size_t line_count, next_line;
};

static struct key keys[MAX_KEYS];
static size_t key_count;

struct load_options load_option = {.peers = 1, .seconds = 5, .requests = (unsigned long)-1};

struct client {
    struct peer peer;
    double started, cancelled, due; /* due: when the next request may start; 0: one is running */
    unsigned long pending, cancel_after; /* cancel_after 0: never */
    uint16_t message_id;                 /* never the last one's: a cancel may come too late */
    struct command store;                /* of the C-STORE whose data set comes */
    uint8_t store_context;
    char store_class[65], store_instance[65];
};

static struct client *clients;
static uint16_t request_field;
static uint8_t request_context;
static const char *request_uid, *destination; /* destination: of a C-MOVE, without its number */
static unsigned long started, finals, failures, responses, suboperations;
static uint64_t octets;
static struct times all, first, cancels;

/* ---- keys ---- */

static void read_lines(struct key *k, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (!file)
        die("%s", path);
    while ((n = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\n")] = 0;
        k->lines = realloc(k->lines, (k->line_count + 1) * sizeof(*k->lines));
        k->lines[k->line_count++] = strdup(line);
    }
    free(line);
    fclose(file);
    if (k->line_count == 0)
        die("%s has no lines", path);
}

static void add_key(char *text)
{
    struct key *k = &keys[key_count++];
    char *value = strchr(text, '=');
    if (key_count > MAX_KEYS || !value || value - text < 11 || value[-3] != ':')
        die("bad key %s", text);
    memcpy(k->vr, value - 2, 2);
    k->value = value + 1;
    if (k->value[0] == '@')
        read_lines(k, k->value + 1);
    for (char *at = text; k->depth < MAX_DEPTH; at++) {
        k->path[k->depth++] = (uint32_t)strtoul(at, &at, 16);
        if (*at != '.')
            break;
    }
}

/* The keys from..to as the attributes of an item, whose own place is `depth` tags down. */
static size_t put_keys(uint8_t *out, size_t from, size_t to, unsigned depth)
{
    size_t at = 0;
    for (size_t i = from, end; i < to; i = end) {
        struct key *k = &keys[i];
        end = i + 1;
        if (k->depth == depth + 1) {
            const char *value = k->line_count ? k->lines[k->next_line++ % k->line_count] : k->value;
            at += put_element(out + at, k->path[depth], k->vr, value, strlen(value));
            continue;
        }
        while (end < to && keys[end].depth > depth + 1 && keys[end].path[depth] == k->path[depth])
            end++;
        /* The item goes to where it will be: behind the header of the sequence and its own. */
        uint8_t *item = out + at + 12;
        uint32_t n = (uint32_t)put_keys(item + 8, i, end, depth + 1);
        memcpy(item, "\xFE\xFF\x00\xE0", 4);
        memcpy(item + 4, &n, 4);
        at += put_element(out + at, k->path[depth], "SQ", item, n + 8);
    }
    return at;
}

/* ---- requests and what comes back ---- */

static void start(struct client *c)
{
    static uint8_t identifier[MAX_REQUEST], out[2 * MAX_REQUEST];
    char title[32];
    struct command command = {.field = request_field,
                              .message_id = ++c->message_id,
                              .class_uid = request_uid,
                              .class_len = strlen(request_uid)};
    size_t n = put_keys(identifier, 0, key_count, 0);
    if (destination)
        snprintf(title, sizeof(title), "%s%d", destination, (int)(c - clients) + 1);
    n = put_message(out, request_context, &command, destination ? title : NULL, identifier, n);
    c->pending = 0;
    c->cancel_after = load_option.cancel_after;
    if (load_option.cancel_within)
        c->cancel_after = 1 + (unsigned long)random() % load_option.cancel_within;
    c->cancelled = 0;
    c->due = 0;
    started++;
    c->started = now();
    wire_send(&c->peer, out, n);
}

static void cancel(struct client *c)
{
    uint8_t out[1024];
    struct command command = {
        .field = C_CANCEL_RQ, .message_id = c->message_id, .data_set_type = NO_DATA};
    wire_send(&c->peer, out, put_message(out, request_context, &command, NULL, NULL, 0));
    c->cancelled = now();
}

static void hold(void)
{
    struct timespec ts = {.tv_sec = (time_t)load_option.hold};
    nanosleep(&ts, NULL);
}

static void on_pending(struct client *c)
{
    responses++;
    if (c->pending++ == 0) {
        times_add(&first, now() - c->started);
        if (load_option.hold > 0)
            hold();
    }
    if (c->pending == c->cancel_after)
        cancel(c);
}

static void on_final(struct client *c, const struct command *response)
{
    double at = now();
    finals++;
    failures += response->status != 0 && !(c->cancelled > 0 && response->status == 0xFE00);
    if (request_field == C_MOVE_RQ)
        suboperations += response->completed;
    times_add(&all, at - c->started);
    if (c->cancelled > 0)
        times_add(&cancels, at - c->cancelled);
    c->due = at + load_option.wait;
}

static void on_command(struct peer *p, uint8_t context, const struct command *command)
{
    struct client *c = p->arg;
    if (command->field == C_STORE_RQ) {
        if (command->class_len > 64 || command->instance_len > 64)
            die("a UID is too long");
        c->store = *command;
        c->store_context = context;
        c->store.class_uid = memcpy(c->store_class, command->class_uid, command->class_len);
        c->store.instance_uid =
            memcpy(c->store_instance, command->instance_uid, command->instance_len);
    } else if (command->field == C_ECHO_RQ + RESPONSE) {
        finals++;
        failures += command->status != 0;
    } else if (is_pending(command)) {
        on_pending(c);
    } else {
        on_final(c, command);
    }
}

static void on_data(struct peer *p, const uint8_t *data, size_t len, bool is_last)
{
    struct client *c = p->arg;
    uint8_t out[1024];
    (void)data;
    if (c->store.field != C_STORE_RQ)
        return;
    octets += len;
    if (!is_last)
        return;
    suboperations++;
    c->store.field = C_STORE_RQ + RESPONSE;
    c->store.data_set_type = NO_DATA;
    wire_send(p, out, put_message(out, c->store_context, &c->store, NULL, NULL, 0));
}

static const struct wire_handler handler = {on_command, on_data};

/* ---- the modes ---- */

static void open_clients(int port, const enum context *contexts)
{
    clients = calloc((size_t)load_option.peers, sizeof(*clients));
    for (int i = 0; i < load_option.peers; i++) {
        struct client *c = &clients[i];
        c->peer.handler = &handler;
        c->peer.arg = c;
        wire_open(&c->peer, port, "DPPR", contexts);
        if (load_option.buffer)
            setsockopt(c->peer.fd, SOL_SOCKET, SO_RCVBUF, &load_option.buffer,
                       sizeof(load_option.buffer));
    }
}

/* Starts what is due; ms until the next is, -1 when none waits. */
static int start_due(double until, bool *is_running)
{
    double at = now(), next = 0;
    bool may_start = (at < until || finals == 0) && started < load_option.requests;
    *is_running = false;
    for (int i = 0; i < load_option.peers; i++) {
        struct client *c = &clients[i];
        if (c->due > 0 && may_start && c->due <= at) {
            start(c);
            may_start = started < load_option.requests;
        }
        if (c->due > 0 && may_start && (next == 0 || c->due < next))
            next = c->due;
        *is_running |= c->due == 0;
    }
    *is_running |= may_start;
    return next > 0 ? (int)((next - at) * 1e3) + 1 : -1;
}

static void run_requests(void)
{
    struct pollfd *polls = calloc((size_t)load_option.peers, sizeof(*polls));
    double began = now(), until = began + load_option.seconds;
    bool is_running = true;
    for (int i = 0; i < load_option.peers; i++) {
        polls[i] = (struct pollfd){.fd = clients[i].peer.fd, .events = POLLIN};
        clients[i].due = began;
    }
    for (int wait = start_due(until, &is_running); is_running;
         wait = start_due(until, &is_running)) {
        /* A lone association that waits for an answer needs no look at who has one. */
        bool is_lone = load_option.peers == 1 && clients[0].due == 0;
        if (is_lone)
            polls[0].revents = POLLIN;
        else if (poll(polls, (nfds_t)load_option.peers, wait) < 0)
            die("poll");
        for (int i = 0; i < load_option.peers; i++) {
            errno = 0;
            if (polls[i].revents && !wire_receive(&clients[i].peer))
                die("the server ended an association");
        }
    }
    free(polls);
    double took = now() - began;
    printf("{\"associations\": %d, \"seconds\": %.3f, \"requests\": %lu, \"failed\": %lu, "
           "\"requests_per_s\": %.1f, \"responses\": %lu, \"responses_per_s\": %.0f, "
           "\"suboperations\": %lu, \"suboperations_per_s\": %.0f, \"octets_per_s\": %.0f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"first_p50_ms\": %.3f, \"first_p99_ms\": %.3f, "
           "\"cancel_p50_ms\": %.3f, \"cancel_p99_ms\": %.3f}\n",
           load_option.peers, took, finals, failures, (double)finals / took, responses,
           (double)responses / took, suboperations, (double)suboperations / took,
           (double)octets / took, times_percentile(&all, .5), times_percentile(&all, .99),
           times_percentile(&first, .5), times_percentile(&first, .99),
           times_percentile(&cancels, .5), times_percentile(&cancels, .99));
}

static void add_keys(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        add_key(argv[i]);
}

static void find(int argc, char **argv)
{
    request_field = C_FIND_RQ;
    request_context = CONTEXT_FIND;
    request_uid = UID_FIND;
    add_keys(argc - 1, argv + 1);
    open_clients(atoi(argv[0]), (const enum context[]){CONTEXT_FIND, 0});
    run_requests();
}

static void get(int argc, char **argv)
{
    request_field = C_GET_RQ;
    request_context = CONTEXT_GET;
    request_uid = UID_GET;
    add_keys(argc - 1, argv + 1);
    open_clients(atoi(argv[0]), (const enum context[]){CONTEXT_GET, CONTEXT_CT, CONTEXT_XA, 0});
    run_requests();
}

static void move(int argc, char **argv)
{
    if (argc < 2)
        die("move needs a destination");
    request_field = C_MOVE_RQ;
    request_context = CONTEXT_MOVE;
    request_uid = UID_MOVE;
    destination = argv[1];
    add_keys(argc - 2, argv + 2);
    open_clients(atoi(argv[0]), (const enum context[]){CONTEXT_MOVE, 0});
    run_requests();
}

static void idle(int argc, char **argv)
{
    struct command echo = {.field = C_ECHO_RQ,
                           .message_id = 1,
                           .data_set_type = NO_DATA,
                           .class_uid = UID_ECHO,
                           .class_len = strlen(UID_ECHO)};
    uint8_t out[1024];
    char line[8];
    size_t n = put_message(out, CONTEXT_ECHO, &echo, NULL, NULL, 0);
    (void)argc;
    open_clients(atoi(argv[0]),
                 (const enum context[]){CONTEXT_ECHO, CONTEXT_FIND, CONTEXT_GET, CONTEXT_MOVE, 0});
    printf("{\"open\": %d}\n", load_option.peers);
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        die("no line of input");
    for (int i = 0; i < load_option.peers; i++) {
        unsigned long before = finals;
        wire_send(&clients[i].peer, out, n);
        while (finals == before) {
            errno = 0;
            if (!wire_receive(&clients[i].peer))
                die("the server ended association %d", i);
        }
    }
    printf("{\"associations\": %d, \"echoes\": %lu, \"failed\": %lu}\n", load_option.peers, finals,
           failures);
}

static void open_only(int argc, char **argv)
{
    struct peer p = {.fd = -1};
    double begun = now();
    unsigned long count = 0;
    (void)argc;
    do {
        wire_open(&p, atoi(argv[0]), "DPPR", (const enum context[]){CONTEXT_ECHO, 0});
        wire_close(&p);
        count++;
    } while (now() - begun < load_option.seconds);
    printf("{\"opened\": %lu, \"opened_per_s\": %.1f}\n", count, (double)count / (now() - begun));
}

static const struct mode {
    const char *name;
    void (*run)(int argc, char **argv);
} modes[] = {{"find", find},
             {"get", get},
             {"move", move},
             {"open", open_only},
             {"idle", idle},
             {"send", load_send},
             {"receive", load_receive},
             {"bare", load_bare}};

static void read_option(int letter)
{
    switch (letter) {
    case 'n':
        load_option.peers = atoi(optarg);
        break;
    case 's':
        load_option.seconds = atof(optarg);
        break;
    case 'r':
        load_option.requests = strtoul(optarg, NULL, 10);
        break;
    case 'c':
        load_option.cancel_after = strtoul(optarg, NULL, 10);
        break;
    case 'C':
        load_option.cancel_within = strtoul(optarg, NULL, 10);
        break;
    case 'w':
        load_option.wait = atof(optarg) / 1e3;
        break;
    case 'h':
        load_option.hold = atof(optarg);
        break;
    case 'b':
        load_option.buffer = atoi(optarg);
        break;
    case 'T':
        wire_use_tls();
        break;
    case '1':
        load_option.once = true;
        break;
    default:
        exit(2);
    }
}

int main(int argc, char **argv)
{
    for (int letter; (letter = getopt(argc, argv, "+n:s:r:c:C:w:h:b:1T")) != -1;)
        read_option(letter);
    argc -= optind;
    argv += optind;
    if (argc < 2 || load_option.peers < 1 || load_option.peers > MAX_PEERS) {
        fputs("usage: dimse_load [OPTION...] MODE ARGUMENT...\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(modes[i].name, argv[0]) == 0) {
            modes[i].run(argc - 1, argv + 1);
            return failures != 0;
        }
    }
    die("unknown mode %s", argv[0]);
    return 2;
}
