/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream under test is on the loop; the peer is a plain descriptor that the test reads and writes
 * nonblocking, so one thread plays both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/network.h"
#include "core/stream.h"
#include "core_internal.h"

enum { PATIENCE = 60000, BIG = 1 << 20 };

struct side {
    struct loop *loop;
    struct stream *stream;
    int peer; /* the other end */
    struct buf seen;
    size_t consume;  /* per call; 0 = all */
    size_t wait_for; /* take nothing before so much is there */
    size_t largest_offer;
    unsigned offers, connected, drained, closed;
    int64_t closed_at;
    struct err why;
    bool refuse; /* on_data answers -1 */
    bool pause;  /* on_data pauses after taking */
    bool free_in_data, free_in_drained, free_in_connected, free_in_closed;
    bool in_call; /* the test is inside a call of the stream */
    const char *reply;
};

static void free_stream(struct side *x)
{
    stream_free(x->stream);
    x->stream = NULL;
}

static ssize_t on_data(struct span input, void *arg)
{
    struct side *x = arg;
    size_t n = x->consume && x->consume < input.len ? x->consume : input.len;

    assert_false(x->in_call);
    x->offers++;
    if (input.len > x->largest_offer)
        x->largest_offer = input.len;
    if (x->refuse)
        return -1;
    if (input.len < x->wait_for)
        return 0;
    buf_add(&x->seen, input.data, n);
    if (x->reply)
        stream_write(x->stream, span_str(x->reply));
    if (x->pause)
        stream_pause_reading(x->stream);
    if (x->free_in_data) {
        free_stream(x);
        buf_add(&x->seen, input.data, 1); /* still valid */
    }
    return (ssize_t)n;
}

static void on_connected(void *arg)
{
    struct side *x = arg;

    assert_false(x->in_call);
    x->connected++;
    if (x->free_in_connected)
        free_stream(x);
}

static void on_drained(void *arg)
{
    struct side *x = arg;

    assert_false(x->in_call);
    x->drained++;
    if (x->free_in_drained)
        free_stream(x);
}

static void on_closed(const struct err *why, void *arg)
{
    struct side *x = arg;

    assert_false(x->in_call);
    x->closed++;
    x->why = *why;
    x->closed_at = clock_now_ms();
    if (x->free_in_closed)
        free_stream(x);
}

static const struct stream_callbacks callbacks = {on_connected, on_data, on_drained, on_closed};

static int set_up(void **state)
{
    struct side *x = calloc(1, sizeof(*x));

    x->loop = loop_new();
    x->peer = -1;
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct side *x = *state;

    stream_free(x->stream);
    loop_free(x->loop);
    if (x->peer >= 0)
        close(x->peer);
    buf_fini(&x->seen);
    free(x);
    return 0;
}

static int listen_v4(struct sockaddr_in *addr, int backlog)
{
    socklen_t len = sizeof(*addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &len), 0);
    return fd;
}

/* A TCP connection over loopback: x->peer and, on the loop, x->stream. */
static int open_tcp_to(struct side *x, const struct stream_options *options, int receive_buffer,
                       int segment)
{
    struct sockaddr_in addr;
    int server = listen_v4(&addr, 8), fd;

    x->peer = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0)
        setsockopt(x->peer, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(int));
    if (segment > 0) /* it says that it has taken something when there is room for one again */
        setsockopt(x->peer, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(int));
    assert_int_equal(connect(x->peer, (struct sockaddr *)&addr, sizeof(addr)), 0);
    fd = accept(server, NULL, NULL);
    assert_true(fd >= 0);
    close(server);
    fcntl(x->peer, F_SETFL, O_NONBLOCK);
    x->stream = stream_new(x->loop, fd, options, &callbacks, x);
    return fd;
}

static int open_tcp(struct side *x, const struct stream_options *options)
{
    /* Who bounds the sending wants a narrow way. */
    return open_tcp_to(x, options, options ? options->send_buffer_bytes : 0, 0);
}

static void open_local(struct side *x, int type, const struct stream_options *options)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, type, 0, fds), 0);
    x->peer = fds[1];
    fcntl(x->peer, F_SETFL, O_NONBLOCK);
    x->stream = stream_new(x->loop, fds[0], options, &callbacks, x);
}

static void peer_sends(struct side *x, const void *data, size_t len)
{
    assert_int_equal(send(x->peer, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void write_text(struct side *x, const char *text)
{
    x->in_call = true;
    stream_write(x->stream, span_str(text));
    x->in_call = false;
}

static void write_zeros(struct side *x, size_t len)
{
    void *zeros = calloc(1, len);

    x->in_call = true;
    stream_write(x->stream, span_of(zeros, len));
    x->in_call = false;
    free(zeros);
}

static bool is_closed(void *arg)
{
    return ((struct side *)arg)->closed > 0;
}

static bool is_drained(void *arg)
{
    return ((struct side *)arg)->drained > 0;
}

static bool has_offers(void *arg)
{
    return ((struct side *)arg)->offers > 0;
}

static bool is_freed(void *arg)
{
    return !((struct side *)arg)->stream;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

struct wanted {
    struct side *side;
    size_t count;
};

static bool has_seen(void *arg)
{
    struct wanted *w = arg;

    return w->side->seen.len >= w->count;
}

static bool wait_seen(struct side *x, size_t count)
{
    struct wanted w = {x, count};

    return loop_run_until(x->loop, has_seen, &w, PATIENCE);
}

/* Read at the peer while the loop runs, until `count` octets, its end or an error. */
static ssize_t peer_reads(struct side *x, char *into, size_t count)
{
    int64_t deadline = clock_now_ms() + PATIENCE;
    size_t len = 0;

    while (len < count && clock_now_ms() < deadline) {
        char sink[65536];
        size_t want = count - len < sizeof(sink) ? count - len : sizeof(sink);
        ssize_t n = recv(x->peer, sink, want, 0);

        if (n == 0)
            return (ssize_t)len;
        if (n < 0 && errno != EAGAIN)
            return -errno;
        if (n < 0) {
            loop_run_until(x->loop, never, NULL, 1);
            continue;
        }
        if (into)
            memcpy(into + len, sink, (size_t)n);
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* ---- input ---- */

static void what_is_left_is_offered_again_at_once_until_nothing_is_taken(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    x->consume = 3;
    peer_sends(x, "abcdefgh", 8);
    assert_true(wait_seen(x, 8));
    assert_int_equal(x->offers, 3);
    assert_memory_equal(x->seen.data, "abcdefgh", 8);
}

static void an_incomplete_message_waits_and_stays_contiguous(void **state)
{
    struct side *x = *state;
    char message[1000];

    open_tcp(x, NULL);
    x->wait_for = 100 * sizeof(message);
    for (int i = 0; i < 100; i++) {
        memset(message, 'a' + i % 26, sizeof(message));
        peer_sends(x, message, sizeof(message));
        loop_run_until(x->loop, never, NULL, 1);
    }
    assert_true(wait_seen(x, x->wait_for));
    assert_true(x->offers > 1);
    for (size_t i = 0; i < x->seen.len; i++)
        assert_int_equal(x->seen.data[i], 'a' + (int)(i / sizeof(message)) % 26);
}

/* Messages of all sizes behind each other through a block that moves and grows. */
static void a_long_stream_keeps_every_octet_in_order(void **state)
{
    struct stream_options options = {.max_input_bytes = 50000};
    struct side *x = *state;
    size_t sent = 0, total = 3 << 20;
    unsigned seed = 4711;

    open_tcp(x, &options);
    while (x->seen.len < total) {
        uint8_t chunk[40000];
        size_t want = sent < total ? (size_t)rand_r(&seed) % sizeof(chunk) + 1 : 0;
        ssize_t n;

        if (want > total - sent)
            want = total - sent;
        for (size_t i = 0; i < want; i++)
            chunk[i] = (uint8_t)((sent + i) * 2654435761u >> 13);
        n = want ? send(x->peer, chunk, want, MSG_NOSIGNAL) : 0;
        sent += n > 0 ? (size_t)n : 0;
        x->consume = (size_t)rand_r(&seed) % 30000 + 1;
        x->wait_for = sent < total ? (size_t)rand_r(&seed) % 45000 : 0;
        if (sent == total) { /* the last wait is over: something must come to be offered */
            stream_pause_reading(x->stream);
            stream_resume_reading(x->stream);
        }
        loop_run_until(x->loop, never, NULL, 1);
        assert_int_equal(x->closed, 0);
    }
    assert_int_equal(x->seen.len, total);
    for (size_t i = 0; i < total; i++)
        assert_int_equal(x->seen.data[i], (uint8_t)(i * 2654435761u >> 13));
    assert_true(x->largest_offer <= options.max_input_bytes);
}

static void input_at_its_limit_that_nobody_takes_ends_the_stream(void **state)
{
    struct stream_options options = {.max_input_bytes = 10000};
    struct side *x = *state;
    char message[10001] = {0};

    open_tcp(x, &options);
    x->wait_for = sizeof(message);
    peer_sends(x, message, sizeof(message));
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_LIMIT);
    assert_int_equal(x->largest_offer, 10000);
}

static void a_message_of_exactly_the_limit_is_taken(void **state)
{
    struct stream_options options = {.max_input_bytes = 10000};
    struct side *x = *state;
    char message[10000] = {0};

    open_tcp(x, &options);
    x->wait_for = sizeof(message);
    for (int i = 1; i <= 3; i++) {
        peer_sends(x, message, sizeof(message));
        assert_true(wait_seen(x, (size_t)i * sizeof(message)));
    }
    assert_int_equal(x->closed, 0);
}

static void a_negative_answer_stops_reading_for_good(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    x->refuse = true;
    peer_sends(x, "GET / HTTP/1.1", 14);
    assert_true(loop_run_until(x->loop, has_offers, x, PATIENCE));
    peer_sends(x, "more", 4);
    stream_pause_reading(x->stream);
    stream_resume_reading(x->stream);
    assert_false(loop_run_until(x->loop, is_closed, x, 20));
    assert_int_equal(x->offers, 1);
    write_text(x, "bye");
    assert_int_equal(peer_reads(x, NULL, 3), 3); /* writing goes on */
}

static void pause_keeps_buffered_input_and_resume_offers_it_from_the_loop(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    x->consume = 2;
    x->pause = true;
    peer_sends(x, "abcdef", 6);
    assert_true(wait_seen(x, 2));
    peer_sends(x, "gh", 2);
    assert_false(loop_run_until(x->loop, is_closed, x, 20));
    assert_int_equal(x->offers, 1);
    x->pause = false;
    x->in_call = true;
    stream_resume_reading(x->stream);
    stream_resume_reading(x->stream);
    x->in_call = false;
    assert_true(wait_seen(x, 8));
    assert_memory_equal(x->seen.data, "abcdefgh", 8);
}

static void a_paused_stream_reads_nothing_from_the_socket(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    stream_pause_reading(x->stream);
    peer_sends(x, "abc", 3);
    assert_false(loop_run_until(x->loop, has_offers, x, 20));
    stream_resume_reading(x->stream);
    assert_true(wait_seen(x, 3));
}

/* ---- the end ---- */

static void end_of_peer_is_told_after_all_its_octets(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    x->consume = 1;
    x->pause = true;
    peer_sends(x, "abc", 3);
    close(x->peer);
    x->peer = -1;
    for (size_t i = 1; i <= 3; i++) {
        assert_true(wait_seen(x, i));
        assert_false(loop_run_until(x->loop, is_closed, x, 5)); /* it waits while paused */
        stream_resume_reading(x->stream);
    }
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_OK);
    assert_int_equal(x->seen.len, 3);
    loop_run_until(x->loop, never, NULL, 5);
    assert_int_equal(x->closed, 1);
}

static void an_incomplete_rest_does_not_keep_the_end_back(void **state)
{
    struct side *x = *state;

    open_tcp(x, NULL);
    x->wait_for = 100;
    peer_sends(x, "abc", 3);
    close(x->peer);
    x->peer = -1;
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_OK);
    assert_true(x->offers >= 1);
}

static void a_peer_that_closed_its_half_still_gets_the_answer(void **state)
{
    struct side *x = *state;
    char answer[8];

    open_tcp(x, NULL);
    x->reply = "answer";
    peer_sends(x, "question", 8);
    shutdown(x->peer, SHUT_WR);
    assert_int_equal(peer_reads(x, answer, sizeof(answer)), 6);
    assert_memory_equal(answer, "answer", 6);
    assert_int_equal(x->why.code, RC_OK);
}

static void a_reset_is_an_error(void **state)
{
    struct linger now = {1, 0};
    struct side *x = *state;

    open_tcp(x, NULL);
    setsockopt(x->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(x->peer);
    x->peer = -1;
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_IO);
    write_text(x, "nobody hears this"); /* legal between on_closed and stream_free */
    stream_pause_reading(x->stream);
    stream_resume_reading(x->stream);
    loop_run_until(x->loop, never, NULL, 5);
    assert_int_equal(x->closed, 1);
}

static void a_peer_that_reset_before_we_looked_is_closed_unheard(void **state)
{
    struct side *x = *state;
    struct sockaddr_in addr;
    struct linger abrupt = {1, 0};
    int listener = listen_v4(&addr, 1);
    int peer = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(peer, (struct sockaddr *)&addr, sizeof(addr)), 0);
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(send(peer, "octets", 6, 0), 6);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
    close(peer);
    close(listener);
    x->stream = stream_new(x->loop, fd, NULL, &callbacks, x);
    assert_int_equal(x->closed, 0); /* never from inside */
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_IO);
    assert_int_equal(x->offers, 0);
}

static void free_is_safe_in_every_callback(void **state)
{
    struct side *x = *state;

    for (int i = 0; i < 3; i++) {
        struct stream_options options = {.high_water_bytes = 1000};

        x->free_in_data = i == 0;
        x->free_in_drained = i == 1;
        x->free_in_closed = i == 2;
        open_tcp(x, &options);
        if (i == 1)
            write_zeros(x, 1000);
        else if (i == 0)
            peer_sends(x, "ab", 2);
        else
            shutdown(x->peer, SHUT_WR);
        assert_true(loop_run_until(x->loop, is_freed, x, PATIENCE));
        loop_run_until(x->loop, never, NULL, 2);
        assert_int_equal(x->closed, i == 2);
        close(x->peer);
    }
    x->peer = -1;
}

/* ---- output ---- */

static void writes_of_one_iteration_leave_in_one_call(void **state)
{
    struct side *x = *state;
    char record[256];

    open_local(x, SOCK_SEQPACKET, NULL); /* a record is one call of send */
    x->reply = "-answer";
    for (int i = 0; i < 3; i++)
        write_text(x, "part");
    assert_int_equal(recv(x->peer, record, sizeof(record), 0), -1); /* never from inside */
    peer_sends(x, "x", 1);
    assert_true(wait_seen(x, 1));
    loop_run_until(x->loop, never, NULL, 2);
    assert_int_equal(recv(x->peer, record, sizeof(record), 0), 19);
    assert_memory_equal(record, "partpartpart-answer", 19);
}

static void nodelay_and_keepalive_are_set(void **state)
{
    struct side *x = *state;
    int fd = open_tcp(x, NULL), value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_int_equal(value, 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
    assert_int_equal(value, 1);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void full_lasts_from_high_water_to_low_water(void **state)
{
    struct stream_options options = {
        .high_water_bytes = BIG, .low_water_bytes = 1000, .send_buffer_bytes = 20000};
    struct side *x = *state;

    open_tcp(x, &options);
    write_zeros(x, BIG - 1);
    assert_false(stream_is_full(x->stream));
    write_zeros(x, 1);
    assert_true(stream_is_full(x->stream));
    assert_int_equal(stream_queued(x->stream), BIG);
    assert_false(loop_run_until(x->loop, is_drained, x, 20));
    assert_true(stream_queued(x->stream) < BIG); /* some of it has left */
    assert_true(stream_is_full(x->stream));
    assert_int_equal(peer_reads(x, NULL, BIG), BIG);
    assert_true(loop_run_until(x->loop, is_drained, x, PATIENCE));
    assert_false(stream_is_full(x->stream));
    loop_run_until(x->loop, never, NULL, 2);
    assert_int_equal(x->drained, 1);
    assert_int_equal(stream_queued(x->stream), 0);
}

static void a_peer_that_takes_nothing_is_timed_out(void **state)
{
    struct stream_options options = {.write_stall_ms = 60, .send_buffer_bytes = 20000};
    struct side *x = *state;
    int64_t before = clock_now_ms();

    open_tcp(x, &options);
    write_zeros(x, BIG);
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_TIMEOUT);
    assert_true(clock_now_ms() - before >= 60);
    assert_int_equal(stream_queued(x->stream), 0);
}

/* Only a lower bound is checked: without re-arming the end would come two seconds after the start. */
static void progress_starts_the_stall_anew(void **state)
{
    struct stream_options options = {.write_stall_ms = 2000, .send_buffer_bytes = 20000};
    struct side *x = *state;
    int64_t last_progress;
    size_t queued;

    open_tcp(x, &options);
    write_zeros(x, BIG);
    assert_false(loop_run_until(x->loop, is_closed, x, 500));
    queued = stream_queued(x->stream);
    assert_int_equal(peer_reads(x, NULL, BIG / 2), BIG / 2);
    last_progress = clock_now_ms();
    assert_true(stream_queued(x->stream) < queued);
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_TIMEOUT);
    assert_true(x->closed_at - last_progress >=
                1900); /* the last progress may be a little before */
}

enum { SLOW_READS = 15 };

struct slow_peer {
    struct side *side;
    struct loop_timer *timer;
    int fd; /* of the stream */
    unsigned reads;
};

static int unacknowledged(int fd)
{
    int octets = 0;

    assert_int_equal(ioctl(fd, SIOCOUTQ, &octets), 0);
    return octets;
}

/* On the loop's own timers, and each time to the next acknowledgement: so however slow the machine is, there is
 * progress before the next end of a stall. */
static void slow_peer_reads(void *arg)
{
    struct slow_peer *p = arg;
    int before = unacknowledged(p->fd);
    char sink[200];

    for (unsigned ms = 0; unacknowledged(p->fd) >= before && ms < PATIENCE; ms++) {
        (void)!recv(p->side->peer, sink, sizeof(sink), 0);
        usleep(1000);
    }
    if (++p->reads < SLOW_READS)
        loop_timer_set(p->timer, 30);
}

static bool has_read_all(void *arg)
{
    const struct slow_peer *p = arg;

    return p->reads == SLOW_READS || p->side->closed;
}

/* In all that time the kernel has no room for more. */
static void a_slow_peer_is_not_timed_out(void **state)
{
    struct stream_options options = {.write_stall_ms = 100};
    struct side *x = *state;
    struct slow_peer p = {.side = x};

    p.fd = open_tcp_to(x, &options, 4096, 536);
    p.timer = loop_timer_new(x->loop, slow_peer_reads, &p);
    write_zeros(x, BIG);
    loop_timer_set(p.timer, 20);
    assert_true(loop_run_until(x->loop, has_read_all, &p, PATIENCE));
    assert_int_equal(x->closed, 0);
    loop_timer_free(p.timer);
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE)); /* now it reads nothing */
    assert_int_equal(x->why.code, RC_TIMEOUT);
}

static void the_kernel_keeps_little_that_it_cannot_send(void **state)
{
    struct side *x = *state;
    int fd = open_tcp_to(x, NULL, 4096, 0);

    write_zeros(x, 8 * BIG);
    loop_run_until(x->loop, never, NULL, 50);
    assert_in_range(unacknowledged(fd), 1, 300 << 10);
}

static void an_idle_stream_has_no_stall(void **state)
{
    struct stream_options options = {.write_stall_ms = 10};
    struct side *x = *state;

    open_tcp(x, &options);
    write_text(x, "abc");
    assert_int_equal(peer_reads(x, NULL, 3), 3);
    assert_false(loop_run_until(x->loop, is_closed, x, 60));
}

/* ---- connecting ---- */

static void connect_succeeds_and_sends_what_was_written_before(void **state)
{
    struct side *x = *state;
    struct sockaddr_in addr;
    int server = listen_v4(&addr, 8);
    char text[32];

    x->in_call = true;
    x->stream =
        stream_connect(x->loop, (struct sockaddr *)&addr, sizeof(addr), 10000, NULL, &callbacks, x);
    stream_pause_reading(x->stream);
    stream_resume_reading(x->stream);
    x->in_call = false;
    write_text(x, "early");
    x->peer = accept(server, NULL, NULL);
    fcntl(x->peer, F_SETFL, O_NONBLOCK);
    assert_int_equal(peer_reads(x, text, 5), 5);
    assert_memory_equal(text, "early", 5);
    assert_int_equal(x->connected, 1);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(addr.sin_port));
    assert_string_equal(stream_peer(x->stream), text);
    assert_string_equal(stream_peer_address(x->stream), "127.0.0.1");
    close(server);
}

static void refused_connection_is_told_from_the_loop(void **state)
{
    struct side *x = *state;
    struct sockaddr_in addr;

    close(listen_v4(&addr, 1)); /* nobody listens there now */
    x->in_call = true;
    x->stream =
        stream_connect(x->loop, (struct sockaddr *)&addr, sizeof(addr), 10000, NULL, &callbacks, x);
    x->in_call = false;
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_IO);
    assert_non_null(strstr(x->why.text, "Connection refused"));
    assert_int_equal(x->connected, 0);
}

static void an_impossible_address_is_told_from_the_loop(void **state)
{
    struct side *x = *state;
    struct sockaddr addr = {.sa_family = 250};

    x->in_call = true;
    x->stream = stream_connect(x->loop, &addr, sizeof(addr), 10000, NULL, &callbacks, x);
    stream_write(x->stream, span_str("x"));
    stream_pause_reading(x->stream);
    x->in_call = false;
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_IO);
}

static void connecting_has_a_deadline(void **state)
{
    struct side *x = *state;
    struct sockaddr_in addr;
    int server = listen_v4(&addr, 0), fillers[8];

    /* A queue that nobody empties: further connections get no answer. */
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&addr, sizeof(addr));
    }
    x->stream =
        stream_connect(x->loop, (struct sockaddr *)&addr, sizeof(addr), 50, NULL, &callbacks, x);
    assert_true(loop_run_until(x->loop, is_closed, x, PATIENCE));
    assert_int_equal(x->why.code, RC_TIMEOUT);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    close(server);
}

static void free_is_safe_when_connected(void **state)
{
    struct side *x = *state;
    struct sockaddr_in addr;
    int server = listen_v4(&addr, 1);

    x->free_in_connected = true;
    x->stream =
        stream_connect(x->loop, (struct sockaddr *)&addr, sizeof(addr), 10000, NULL, &callbacks, x);
    assert_true(loop_run_until(x->loop, is_freed, x, PATIENCE));
    loop_run_until(x->loop, never, NULL, 2);
    assert_int_equal(x->closed, 0);
    close(server);
}

/* ---- addresses ---- */

static void addresses_are_printed_for_people_and_rules(void **state)
{
    static const struct {
        int family;
        const char *address, *host, *both;
    } cases[] = {
        {AF_INET, "192.0.2.1", "192.0.2.1", "192.0.2.1:104"},
        {AF_INET6, "2001:db8::1", "2001:db8::1", "[2001:db8::1]:104"},
        {AF_INET6, "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:104"},
        {AF_INET6, "::1", "::1", "[::1]:104"},
        {AF_INET6, "1111:2222:3333:4444:5555:6666:7777:8888",
         "1111:2222:3333:4444:5555:6666:7777:8888",
         "[1111:2222:3333:4444:5555:6666:7777:8888]:104"},
    };
    struct sockaddr unix_address = {.sa_family = AF_UNIX};
    char host[ADDRESS_TEXT], both[ADDRESS_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(104)};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(104)};
        bool is_v4 = cases[i].family == AF_INET;

        assert_int_equal(inet_pton(cases[i].family, cases[i].address,
                                   is_v4 ? (void *)&in.sin_addr : (void *)&in6.sin6_addr),
                         1);
        address_format(is_v4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6, host, both);
        assert_string_equal(host, cases[i].host);
        assert_string_equal(both, cases[i].both);
    }
    address_format(&unix_address, host, both);
    assert_string_equal(host, "local");
    assert_string_equal(both, "local");
}

#define stream_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stream_test(what_is_left_is_offered_again_at_once_until_nothing_is_taken),
        stream_test(an_incomplete_message_waits_and_stays_contiguous),
        stream_test(a_long_stream_keeps_every_octet_in_order),
        stream_test(input_at_its_limit_that_nobody_takes_ends_the_stream),
        stream_test(a_message_of_exactly_the_limit_is_taken),
        stream_test(a_negative_answer_stops_reading_for_good),
        stream_test(pause_keeps_buffered_input_and_resume_offers_it_from_the_loop),
        stream_test(a_paused_stream_reads_nothing_from_the_socket),
        stream_test(end_of_peer_is_told_after_all_its_octets),
        stream_test(an_incomplete_rest_does_not_keep_the_end_back),
        stream_test(a_peer_that_closed_its_half_still_gets_the_answer),
        stream_test(a_reset_is_an_error),
        stream_test(a_peer_that_reset_before_we_looked_is_closed_unheard),
        stream_test(free_is_safe_in_every_callback),
        stream_test(writes_of_one_iteration_leave_in_one_call),
        stream_test(nodelay_and_keepalive_are_set),
        stream_test(full_lasts_from_high_water_to_low_water),
        stream_test(a_peer_that_takes_nothing_is_timed_out),
        stream_test(progress_starts_the_stall_anew),
        stream_test(a_slow_peer_is_not_timed_out),
        stream_test(the_kernel_keeps_little_that_it_cannot_send),
        stream_test(an_idle_stream_has_no_stall),
        stream_test(connect_succeeds_and_sends_what_was_written_before),
        stream_test(refused_connection_is_told_from_the_loop),
        stream_test(an_impossible_address_is_told_from_the_loop),
        stream_test(connecting_has_a_deadline),
        stream_test(free_is_safe_when_connected),
        stream_test(addresses_are_printed_for_people_and_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
