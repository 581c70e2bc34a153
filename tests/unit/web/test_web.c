/* SPDX-License-Identifier: Apache-2.0
 *
 * The health listener, asked over a raw socket: what a load balancer, a lost client and an attacker see.
 * The loop runs in this thread; the client socket is nonblocking and read from a predicate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "web/web.h"

enum { DEADLINE_MS = 20000 };

/* libevent's own calls come here. */
static unsigned stray_polls; /* of descriptors that are closed, or another's by now */

__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd,
                                                     struct epoll_event *event)
{
    int rc = (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);

    stray_polls += rc != 0 && op == EPOLL_CTL_DEL;
    return rc;
}

struct fixture {
    struct loop *loop;
    struct web *web;
    struct web_health health;
};

struct client {
    int fd;
    char text[65536];
    size_t len;
    bool ended; /* the server has closed */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err;

    signal(SIGPIPE, SIG_IGN);
    f->loop = loop_new();
    atomic_store(&f->health.database_ok, true);
    atomic_store(&f->health.schema_ok, true);
    assert_int_equal(web_new(f->loop, "127.0.0.1", 0, &f->health, &f->web, &err), RC_OK);
    assert_int_not_equal(web_port(f->web), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    web_free(f->web);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void client_open(struct client *c, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

    memset(c, 0, sizeof(*c));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static bool client_has_ended(void *arg)
{
    struct client *c = arg;
    ssize_t n;

    while (c->len < sizeof(c->text) - 1 &&
           (n = recv(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len, MSG_DONTWAIT)) != 0) {
        if (n < 0) {
            c->ended = errno != EAGAIN && errno != EWOULDBLOCK;
            return c->ended;
        }
        c->len += (size_t)n;
    }
    c->text[c->len] = '\0';
    c->ended = true;
    return true;
}

/* Send everything, however much the server takes, then read until it closes. */
static const char *ask(struct fixture *f, struct client *c, const char *request, size_t len)
{
    size_t sent = 0;

    client_open(c, web_port(f->web));
    while (sent < len) {
        ssize_t n = send(c->fd, request + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            sent += (size_t)n;
        else if (errno != EAGAIN)
            break; /* the server has had enough */
        else if (loop_run_until(f->loop, client_has_ended, c, 50))
            break;
    }
    assert_true(loop_run_until(f->loop, client_has_ended, c, DEADLINE_MS));
    c->text[c->len] = '\0';
    close(c->fd);
    return c->text;
}

static const char *get(struct fixture *f, struct client *c, const char *method, const char *path)
{
    char request[512];
    int n =
        snprintf(request, sizeof(request),
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path);

    return ask(f, c, request, (size_t)n);
}

static const char *body_of(const char *response)
{
    const char *gap = strstr(response, "\r\n\r\n");

    assert_non_null(gap);
    return gap + 4;
}

static void assert_status(const char *response, const char *status)
{
    assert_memory_equal(response, "HTTP/1.1 ", 9);
    assert_memory_equal(response + 9, status, strlen(status));
}

static void livez_is_ok_whatever_the_health(void **state)
{
    struct fixture *f = *state;
    struct client c;

    atomic_store(&f->health.database_ok, false);
    atomic_store(&f->health.schema_ok, false);
    atomic_store(&f->health.draining, true);
    atomic_store(&f->health.queue_full, true);
    atomic_store(&f->health.worker_stuck, true);
    const char *r = get(f, &c, "GET", "/livez");
    assert_status(r, "200");
    assert_string_equal(body_of(r), "ok\n");
}

static void livez_fails_when_a_thread_will_not_come_back(void **state)
{
    struct fixture *f = *state;
    struct client c;

    atomic_store(&f->health.worker_dead, true);
    const char *r = get(f, &c, "GET", "/livez");
    assert_status(r, "503");
    assert_string_equal(body_of(r), "worker: a thread has not turned for two minutes\n");
}

static void readyz_is_ready_when_all_is_well(void **state)
{
    struct client c;
    const char *r = get(*state, &c, "GET", "/readyz?verbose=1");

    assert_status(r, "200");
    assert_string_equal(body_of(r), "ready\n");
    assert_non_null(strstr(r, "Cache-Control: no-store"));
}

static void readyz_names_each_reason_on_a_line(void **state)
{
    struct fixture *f = *state;
    struct client c;
    const struct {
        atomic_bool *flag;
        bool bad;
        const char *line, *sample;
    } reasons[] = {
        {&f->health.database_ok, false, "database: away, or does not let this server work\n",
         "database"},
        {&f->health.schema_ok, false, "schema: not verified or not the one this server needs\n",
         "schema"},
        {&f->health.draining, true, "draining: this server is stopping\n", "draining"},
        {&f->health.queue_full, true, "queue: more operations wait than can be served soon\n",
         "queue"},
        {&f->health.worker_stuck, true, "worker: a thread has not turned for five seconds\n",
         "worker"},
    };
    enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

    for (unsigned set = 0; set < 1u << REASONS; set++) {
        char lines[512] = "", sample[64];
        for (unsigned i = 0; i < REASONS; i++) {
            bool is_set = set & 1u << i;
            atomic_store(reasons[i].flag, is_set ? reasons[i].bad : !reasons[i].bad);
            strcat(lines, is_set ? reasons[i].line : "");
        }
        const char *r = get(f, &c, "GET", "/readyz");
        assert_status(r, set ? "503" : "200");
        assert_string_equal(body_of(r), set ? lines : "ready\n");
        const char *metrics = body_of(get(f, &c, "GET", "/metrics"));
        assert_non_null(strstr(metrics, set ? "\ndppr_ready 0\n" : "\ndppr_ready 1\n"));
        for (unsigned i = 0; i < REASONS; i++) {
            snprintf(sample, sizeof(sample), "\ndppr_unready{reason=\"%s\"} %d\n",
                     reasons[i].sample, set & 1u << i ? 1 : 0);
            assert_non_null(strstr(metrics, sample));
        }
    }
}

static void readyz_is_ready_but_says_so_when_read_only(void **state)
{
    struct fixture *f = *state;
    struct client c;

    atomic_store(&f->health.read_only, true);
    const char *r = get(f, &c, "GET", "/readyz");
    assert_status(r, "200");
    assert_string_equal(body_of(r), "ready\ndatabase: read-only, C-STORE is refused\n");
}

static void readyz_recovers_with_the_health(void **state)
{
    struct fixture *f = *state;
    struct client c;

    atomic_store(&f->health.database_ok, false);
    assert_status(get(f, &c, "GET", "/readyz"), "503");
    atomic_store(&f->health.database_ok, true);
    assert_status(get(f, &c, "GET", "/readyz"), "200");
}

static void metrics_are_served_as_prometheus_text(void **state)
{
    struct client c;
    char line[80];
    const char *r = get(*state, &c, "GET", "/metrics");

    assert_status(r, "200");
    assert_non_null(strstr(r, "Content-Type: text/plain; version=0.0.4"));
    snprintf(line, sizeof(line), "\ndppr_limits_hit_total{limit=\"open-files\"} %lld\n",
             (long long)limit_count(LIMIT_open_files));
    assert_non_null(strstr(body_of(r), line));
    assert_string_equal(body_of(get(*state, &c, "HEAD", "/metrics")), "");
}

static void head_has_no_body(void **state)
{
    struct client c;
    const char *r = get(*state, &c, "HEAD", "/livez");

    assert_status(r, "200");
    assert_string_equal(body_of(r), "");
}

static void other_methods_are_not_allowed(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    struct client c;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        const char *r = get(*state, &c, methods[i], "/livez");
        assert_status(r, "405");
        assert_non_null(strstr(r, "Allow: GET, HEAD"));
    }
}

static void unknown_paths_are_not_found(void **state)
{
    static const char *const paths[] = {"/",        "/livez/",   "/livezz",
                                        "/%6Civez", "/../livez", "/readyz/../livez"};
    struct client c;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_status(get(*state, &c, "GET", paths[i]), "404");
}

static void endless_header_is_cut_off(void **state)
{
    struct client c;
    size_t len = 1024 * 1024;
    char *request = malloc(len);

    memset(request, 'a', len);
    memcpy(request, "GET /livez HTTP/1.1\r\nX: ", 24);
    const char *r = ask(*state, &c, request, len);
    assert_null(strstr(r, " 200 "));
    free(request);
}

static void large_body_is_refused(void **state)
{
    static const char request[] = "POST /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                  "Content-Length: 1000000000\r\n\r\n";
    struct client c;
    const char *r = ask(*state, &c, request, sizeof(request) - 1);

    assert_null(strstr(r, " 200 "));
}

static void noise_does_not_harm(void **state)
{
    static const char noise[] = "\x01\x00\x00\x00\x00\xCD\x00\x01\x00\x00 no HTTP\r\n\r\n\r\n";
    struct fixture *f = *state;
    struct client c;

    const char *r = ask(f, &c, noise, sizeof(noise) - 1);
    assert_null(strstr(r, " 200 "));
    assert_status(get(f, &c, "GET", "/livez"), "200");
}

static void port_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct web *second = NULL;
    struct err err = {0};

    assert_int_equal(web_new(f->loop, "127.0.0.1", web_port(f->web), &f->health, &second, &err),
                     RC_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(err.text, "in use"));
    assert_non_null(strstr(err.text, "127.0.0.1"));
}

static void address_of_another_host_is_named(void **state)
{
    struct fixture *f = *state;
    struct web *second = NULL;
    struct err err = {0};

    assert_int_equal(web_new(f->loop, "192.0.2.1", 0, &f->health, &second, &err), RC_IO);
    assert_non_null(strstr(err.text, "192.0.2.1"));
}

static void star_listens_on_ipv4_too(void **state)
{
    struct fixture *f = *state;
    struct fixture g = {.loop = f->loop};
    struct client c;
    struct err err;

    atomic_store(&g.health.database_ok, true);
    assert_int_equal(web_new(g.loop, "*", 0, &g.health, &g.web, &err), RC_OK);
    assert_status(get(&g, &c, "GET", "/livez"), "200");
    web_free(g.web);
}

static bool limit_was_hit(void *arg)
{
    return limit_count(LIMIT_open_files) > *(int64_t *)arg;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void it_pauses_without_descriptors_and_goes_on_later(void **state)
{
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct fixture *f = *state;
    struct rlimit before, none;
    struct client c;
    int64_t hits = limit_count(LIMIT_open_files);

    client_open(&c, web_port(f->web));
    assert_int_equal(send(c.fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    int top = dup(c.fd);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)top + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(loop_run_until(f->loop, limit_was_hit, &hits, DEADLINE_MS));
    hits = limit_count(LIMIT_open_files);
    loop_run_until(f->loop, never, NULL, 1200);
    assert_true(limit_count(LIMIT_open_files) - hits <= 3); /* one try each half second */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(top);
    assert_true(loop_run_until(f->loop, client_has_ended, &c, DEADLINE_MS));
    c.text[c.len] = '\0';
    assert_status(c.text, "200");
    close(c.fd);
}

/* Strangers who say nothing, or too little, and who count on staying. */
static void open_many(struct client *clients, int count, uint16_t port)
{
    for (int i = 0; i < count; i++)
        client_open(&clients[i], port);
}

static int count_open(struct client *clients, int count)
{
    int open = 0;

    for (int i = 0; i < count; i++)
        open += !client_has_ended(&clients[i]);
    return open;
}

struct crowd {
    struct client *clients;
    int count, open;
};

static bool crowd_has_shrunk(void *arg)
{
    struct crowd *crowd = arg;

    return count_open(crowd->clients, crowd->count) <= crowd->open;
}

static void a_crowd_keeps_nobody_out_and_the_eldest_goes(void **state)
{
    enum { PLACES = 256, MANY = PLACES + 60 };
    struct fixture *f = *state;
    struct crowd crowd = {calloc(MANY, sizeof(struct client)), MANY, PLACES};
    int64_t hits = limit_count(LIMIT_http_connections);
    struct client c;

    open_many(crowd.clients, PLACES, web_port(f->web));
    loop_run_until(f->loop, never, NULL, 200);
    assert_int_equal(count_open(crowd.clients, PLACES), PLACES);
    assert_int_equal(limit_count(LIMIT_http_connections), hits);
    open_many(crowd.clients + PLACES, MANY - PLACES, web_port(f->web));
    assert_true(loop_run_until(f->loop, crowd_has_shrunk, &crowd, DEADLINE_MS));
    assert_int_equal(count_open(crowd.clients, MANY), PLACES);
    assert_int_equal(count_open(crowd.clients, MANY - PLACES), 0); /* those that came first */
    assert_int_equal(limit_count(LIMIT_http_connections), hits + MANY - PLACES);
    assert_status(get(f, &c, "GET", "/livez"), "200");
    for (int i = 0; i < MANY; i++)
        close(crowd.clients[i].fd);
    free(crowd.clients);
}

static void places_of_those_who_left_are_free(void **state)
{
    struct fixture *f = *state;
    int64_t hits = limit_count(LIMIT_http_connections);
    struct client c;

    for (int i = 0; i < 600; i++) {
        client_open(&c, web_port(f->web));
        close(c.fd);
        if (i % 50 == 0)
            assert_status(get(f, &c, "GET", "/livez"), "200");
    }
    assert_int_equal(limit_count(LIMIT_http_connections), hits);
}

/* Polled after it is closed, a descriptor may be somebody else's. */
static void nothing_is_polled_after_it_is_closed(void **state)
{
    struct fixture *f = *state;
    struct client c;

    stray_polls = 0;
    (void)get(f, &c, "GET", "/livez");
    (void)ask(f, &c, "GET /metrics HTTP/1.0\r\n\r\n", 25);
    (void)ask(f, &c, "nonsense\r\n\r\n", 12);
    (void)get(f, &c, "GET", "/livez"); /* those before are forgotten */
    assert_int_equal(stray_polls, 0);
    web_free(f->web);
    f->web = NULL;
    assert_int_equal(stray_polls, 0);
}

static void say(struct client *c, const char *octets)
{
    assert_int_equal(send(c->fd, octets, strlen(octets), MSG_NOSIGNAL), strlen(octets));
}

static bool has_answer(void *arg)
{
    client_has_ended(arg);
    return strstr(((struct client *)arg)->text, "\r\n\r\nok\n") != NULL;
}

/* An octet each half second does not help; who asks stays, as Prometheus does. */
static void a_request_has_ten_seconds_however_it_trickles(void **state)
{
    struct fixture *f = *state;
    int64_t hits = limit_count(LIMIT_http_request);
    struct client slow, silent, once, busy;

    client_open(&slow, web_port(f->web));
    client_open(&silent, web_port(f->web));
    client_open(&once, web_port(f->web));
    client_open(&busy, web_port(f->web));
    say(&once, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
    say(&slow, "GET /livez HTTP/1.1\r\nHost: ");
    int64_t begun = clock_now_ms(), now;
    while (!client_has_ended(&slow) && (now = clock_now_ms()) < begun + DEADLINE_MS) {
        send(slow.fd, "h", 1, MSG_NOSIGNAL);
        say(&busy, "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n");
        memset(busy.text, 0, busy.len);
        busy.len = 0;
        assert_true(loop_run_until(f->loop, has_answer, &busy, DEADLINE_MS));
        loop_run_until(f->loop, client_has_ended, &slow, 500);
    }
    assert_true(slow.ended);
    assert_true(clock_now_ms() >= begun + 10000);
    assert_true(loop_run_until(f->loop, client_has_ended, &silent, DEADLINE_MS));
    assert_true(loop_run_until(f->loop, client_has_ended, &once, DEADLINE_MS));
    assert_true(has_answer(&once));
    assert_false(client_has_ended(&busy));
    /* Who has asked once and stays away is closed too, but that is no event. */
    assert_int_equal(limit_count(LIMIT_http_request), hits + 2);
    close(slow.fd);
    close(silent.fd);
    close(once.fd);
    close(busy.fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(livez_is_ok_whatever_the_health),
        T(readyz_is_ready_when_all_is_well),
        T(readyz_names_each_reason_on_a_line),
        T(readyz_is_ready_but_says_so_when_read_only),
        T(readyz_recovers_with_the_health),
        T(livez_fails_when_a_thread_will_not_come_back),
        T(metrics_are_served_as_prometheus_text),
        T(head_has_no_body),
        T(other_methods_are_not_allowed),
        T(unknown_paths_are_not_found),
        T(endless_header_is_cut_off),
        T(large_body_is_refused),
        T(noise_does_not_harm),
        T(port_in_use_is_named),
        T(address_of_another_host_is_named),
        T(star_listens_on_ipv4_too),
        T(a_crowd_keeps_nobody_out_and_the_eldest_goes),
        T(places_of_those_who_left_are_free),
        T(nothing_is_polled_after_it_is_closed),
        T(a_request_has_ten_seconds_however_it_trickles),
        T(it_pauses_without_descriptors_and_goes_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
