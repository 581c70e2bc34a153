/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/listener.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/network.h"
#include "core/stream.h"

enum { PATIENCE = 60000 };

static struct loop *loop;
static struct listener *listener;
static unsigned accepted;
static char last_address[ADDRESS_TEXT], last_peer[ADDRESS_TEXT];
static int last_fd;
static bool free_in_callback;

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    listener = NULL;
    accepted = 0;
    last_fd = -1;
    free_in_callback = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_free(listener);
    loop_free(loop);
    if (last_fd >= 0)
        close(last_fd);
    return 0;
}

static void on_accept(int fd, const struct sockaddr_storage *peer, void *arg)
{
    address_format((const struct sockaddr *)peer, last_address, last_peer);
    (void)arg;
    accepted++;
    if (last_fd >= 0)
        close(last_fd);
    last_fd = fd;
    if (free_in_callback) {
        listener_free(listener);
        listener = NULL;
    }
}

static bool accepted_are(void *arg)
{
    return accepted >= *(unsigned *)arg;
}

static bool wait_accepted(unsigned count, int64_t timeout_ms)
{
    return loop_run_until(loop, accepted_are, &count, timeout_ms);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void accepts_many_and_gives_clean_descriptors(void **state)
{
    struct err err;
    int fds[100];

    (void)state;
    assert_int_equal(listener_new(loop, "127.0.0.1", 0, on_accept, NULL, &listener, &err), RC_OK);
    assert_true(listener_port(listener) > 0);
    for (int i = 0; i < 100; i++)
        fds[i] = connect_to(listener_port(listener));
    assert_true(wait_accepted(100, PATIENCE));
    assert_true(fcntl(last_fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(last_fd, F_GETFD) & FD_CLOEXEC);
    for (int i = 0; i < 100; i++)
        close(fds[i]);
}

static void wildcard_takes_ipv4_and_shows_it_plainly(void **state)
{
    static const char *const names[] = {"", "*", NULL};
    static const struct stream_callbacks none = {0};
    struct err err;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct stream *s;
        int fd;

        assert_int_equal(listener_new(loop, names[i], 0, on_accept, NULL, &listener, &err), RC_OK);
        fd = connect_to(listener_port(listener));
        assert_true(wait_accepted(i + 1, PATIENCE));
        assert_string_equal(last_address, "127.0.0.1");
        s = stream_new(loop, last_fd, NULL, &none, NULL);
        last_fd = -1;
        assert_string_equal(stream_peer_address(s), "127.0.0.1");
        assert_string_equal(stream_peer(s), last_peer);
        stream_free(s);
        close(fd);
        listener_free(listener);
        listener = NULL;
    }
}

static void a_port_in_use_is_a_conflict(void **state)
{
    struct listener *second = NULL;
    struct err err;

    (void)state;
    assert_int_equal(listener_new(loop, "*", 0, on_accept, NULL, &listener, &err), RC_OK);
    assert_int_equal(
        listener_new(loop, "*", listener_port(listener), on_accept, NULL, &second, &err),
        RC_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(err.text, "in use"));
}

static void a_strange_address_is_refused(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(listener_new(loop, "999.1.2.3.4", 0, on_accept, NULL, &listener, &err),
                     RC_NOTFOUND);
    assert_null(listener);
    assert_true(strlen(err.text) > 0);
    assert_int_equal(listener_new(loop, "192.0.2.77", 0, on_accept, NULL, &listener, &err), RC_IO);
    assert_null(listener);
}

static void it_can_be_freed_while_accepting(void **state)
{
    struct err err;
    int fds[3];

    (void)state;
    free_in_callback = true;
    assert_int_equal(listener_new(loop, "127.0.0.1", 0, on_accept, NULL, &listener, &err), RC_OK);
    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(listener_port(listener));
    assert_true(wait_accepted(1, PATIENCE));
    assert_false(wait_accepted(2, 20));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    listener_free(NULL);
}

static void finishing_hands_on_what_waits(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct err err;
    int fds[100];

    (void)state;
    assert_int_equal(listener_new(loop, "127.0.0.1", 0, on_accept, NULL, &listener, &err), RC_OK);
    addr.sin_port = htons(listener_port(listener));
    for (int i = 0; i < 100; i++)
        fds[i] = connect_to(listener_port(listener));
    assert_int_equal(accepted, 0); /* the loop has not run */
    listener_finish(listener);
    listener = NULL;
    assert_int_equal(accepted, 100);
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)), -1);
    close(fds[0]);
    listener_finish(NULL);
}

static bool limit_was_hit(void *arg)
{
    return limit_count(LIMIT_open_files) > *(int64_t *)arg;
}

static void it_pauses_without_descriptors_and_goes_on_later(void **state)
{
    int64_t hits = limit_count(LIMIT_open_files);
    struct rlimit before, none;
    struct err err;
    int client, top;

    (void)state;
    assert_int_equal(listener_new(loop, "127.0.0.1", 0, on_accept, NULL, &listener, &err), RC_OK);
    client = connect_to(listener_port(listener));
    top = dup(client);
    close(top);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = (rlim_t)top, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(loop_run_until(loop, limit_was_hit, &hits, PATIENCE));
    assert_false(wait_accepted(1, 50));
    assert_int_equal(limit_count(LIMIT_open_files), hits + 1); /* it did not spin */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(wait_accepted(1, PATIENCE));
    close(client);
}

#define listener_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        listener_test(accepts_many_and_gives_clean_descriptors),
        listener_test(wildcard_takes_ipv4_and_shows_it_plainly),
        listener_test(a_port_in_use_is_a_conflict),
        listener_test(a_strange_address_is_refused),
        listener_test(it_can_be_freed_while_accepting),
        listener_test(finishing_hands_on_what_waits),
        listener_test(it_pauses_without_descriptors_and_goes_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
