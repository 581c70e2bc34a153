/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream whose peer is a balancer: its header comes first, says who the peer is, and is not taken for what follows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/stream.h"

#define SIGNATURE "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A"
#define FROM_IPV4 SIGNATURE "\x21\x11\x00\x0C\xC0\x00\x02\x07\xC6\x33\x64\x01\xC0\x38\x00\x68"
#define FROM_IPV4_LOOPBACK \
    SIGNATURE "\x21\x11\x00\x0C\x7F\x00\x00\x05\x7F\x00\x00\x01\xC0\x38\x00\x68"
#define V6(last)             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" last
#define FROM_IPV6_LOOPBACK   SIGNATURE "\x21\x21\x00\x24" V6("\x01") V6("\x01") "\xC0\x38\x00\x68"
#define MAPPED               "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x7F\x00\x00\x05"
#define FROM_MAPPED_LOOPBACK SIGNATURE "\x21\x21\x00\x24" MAPPED V6("\x01") "\xC0\x38\x00\x68"
#define LOCAL                SIGNATURE "\x20\x00\x00\x00"
#define ALL(octets)          octets, sizeof(octets) - 1

enum { PATIENCE = 60000 };

struct side {
    struct loop *loop;
    struct stream *stream;
    int balancer;
    struct buf seen;
    size_t wanted;
    unsigned closed;
    struct err why;
};

static ssize_t on_data(struct span input, void *arg)
{
    struct side *x = arg;

    buf_add(&x->seen, input.data, input.len);
    return (ssize_t)input.len;
}

static void on_closed(const struct err *why, void *arg)
{
    struct side *x = arg;

    x->closed++;
    x->why = *why;
}

static bool has_seen(void *arg)
{
    struct side *x = arg;

    return x->seen.len >= x->wanted;
}

static bool is_closed(void *arg)
{
    return ((struct side *)arg)->closed > 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void begin(struct side *x, const char *balancer)
{
    static const struct stream_callbacks callbacks = {.on_data = on_data, .on_closed = on_closed};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(5000)};
    struct stream_options options = {.peer = (struct sockaddr *)&in, .is_proxied = true};
    int fds[2];

    *x = (struct side){.loop = loop_new()};
    assert_int_equal(inet_pton(AF_INET, balancer, &in.sin_addr), 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    x->balancer = fds[1];
    x->stream = stream_new(x->loop, fds[0], &options, &callbacks, x);
    assert_int_equal(stream_origin(x->stream), STREAM_AWAITED);
    assert_string_equal(stream_peer_address(x->stream), balancer);
}

static void finish(struct side *x)
{
    stream_free(x->stream);
    loop_free(x->loop);
    if (x->balancer >= 0)
        close(x->balancer);
    buf_fini(&x->seen);
}

static void say(struct side *x, const char *octets, size_t len)
{
    assert_int_equal(send(x->balancer, octets, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void header_says_who_the_peer_is(void **state)
{
    static const struct {
        const char *balancer, *octets;
        size_t len;
        enum stream_origin origin;
        const char *address, *peer;
    } cases[] = {
        {"10.0.0.1", ALL(FROM_IPV4), STREAM_RELAYED, "192.0.2.7", "192.0.2.7:49208"},
        {"127.0.0.1", ALL(FROM_IPV4), STREAM_RELAYED, "192.0.2.7", "192.0.2.7:49208"},
        {"10.0.0.1", ALL(LOCAL), STREAM_LOCAL, "10.0.0.1", "10.0.0.1:5000"},
        /* what is loopback at another machine is not so here */
        {"10.0.0.1", ALL(FROM_IPV4_LOOPBACK), STREAM_RELAYED, "10.0.0.1", "10.0.0.1:5000"},
        {"10.0.0.1", ALL(FROM_IPV6_LOOPBACK), STREAM_RELAYED, "10.0.0.1", "10.0.0.1:5000"},
        {"10.0.0.1", ALL(FROM_MAPPED_LOOPBACK), STREAM_RELAYED, "10.0.0.1", "10.0.0.1:5000"},
        {"127.0.0.1", ALL(FROM_IPV4_LOOPBACK), STREAM_RELAYED, "127.0.0.5", "127.0.0.5:49208"},
        {"127.0.0.1", ALL(FROM_IPV6_LOOPBACK), STREAM_RELAYED, "::1", "[::1]:49208"},
        {"127.0.0.1", ALL(FROM_MAPPED_LOOPBACK), STREAM_RELAYED, "127.0.0.5", "127.0.0.5:49208"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t before = metric_get(METRIC_connections_proxied);
        struct side x;

        begin(&x, cases[i].balancer);
        say(&x, cases[i].octets, cases[i].len);
        say(&x, "request", 7);
        x.wanted = 7;
        assert_true(loop_run_until(x.loop, has_seen, &x, PATIENCE));
        assert_memory_equal(x.seen.data, "request", 7);
        assert_int_equal(stream_origin(x.stream), cases[i].origin);
        assert_string_equal(stream_peer_address(x.stream), cases[i].address);
        assert_string_equal(stream_peer(x.stream), cases[i].peer);
        assert_int_equal(metric_get(METRIC_connections_proxied) - before,
                         cases[i].origin == STREAM_RELAYED);
        finish(&x);
    }
}

static void header_may_come_in_any_pieces(void **state)
{
    static const char octets[] = FROM_IPV4 "request";
    struct side x;

    (void)state;
    for (size_t piece = 1; piece < sizeof(octets); piece++) {
        begin(&x, "10.0.0.1");
        for (size_t at = 0; at < sizeof(octets) - 1; at += piece) {
            size_t left = sizeof(octets) - 1 - at;
            say(&x, octets + at, left < piece ? left : piece);
            loop_run_until(x.loop, never, NULL, 1); /* it looks at each by itself */
        }
        x.wanted = 7;
        assert_true(loop_run_until(x.loop, has_seen, &x, PATIENCE));
        assert_int_equal(x.seen.len, 7);
        assert_memory_equal(x.seen.data, "request", 7);
        assert_string_equal(stream_peer_address(x.stream), "192.0.2.7");
        finish(&x);
    }
}

static void what_is_no_header_ends_the_stream_unheard(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        bool closes;
        enum rc code;
        const char *why;
    } cases[] = {
        {ALL("\x01\x00"), false, RC_INVALID, "no PROXY header"}, /* an association request */
        {ALL("\x16\x03\x01\x02\x00"), false, RC_INVALID, "no PROXY header"}, /* a TLS hello */
        {ALL("PROXY TCP4 192.0.2.1 192.0.2.2 1 104\r\n"), false, RC_INVALID, "version 1"},
        {ALL(SIGNATURE "\x21\x11\xFF\xFF"), false, RC_LIMIT, "65551 octets"},
        {ALL(SIGNATURE "\x21\x11\x00\x00"), false, RC_INVALID, "family 0x11 with 0 octets"},
        {ALL(SIGNATURE "\x21\x11\x00\x0C\xC0\x00"), true, RC_INVALID, "in the middle"},
        {ALL("\x0D"), true, RC_INVALID, "in the middle"},
        {ALL(""), true, RC_OK, "closed by peer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct side x;

        begin(&x, "10.0.0.1");
        say(&x, cases[i].octets, cases[i].len);
        if (cases[i].closes)
            shutdown(x.balancer, SHUT_WR);
        assert_true(loop_run_until(x.loop, is_closed, &x, PATIENCE));
        assert_int_equal(x.why.code, cases[i].code);
        assert_non_null(strstr(x.why.text, cases[i].why));
        assert_int_equal(x.seen.len, 0);
        assert_int_equal(stream_origin(x.stream), STREAM_AWAITED);
        finish(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_says_who_the_peer_is),
        cmocka_unit_test(header_may_come_in_any_pieces),
        cmocka_unit_test(what_is_no_header_ends_the_stream_unheard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
