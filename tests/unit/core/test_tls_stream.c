/* SPDX-License-Identifier: Apache-2.0
 *
 * The stream over TLS. The peer is OpenSSL on memory BIOs, and the test carries octets between them and a plain
 * descriptor: all at once, one by one, changed, or not at all. One thread plays both sides.
 */
#include "made_certificates.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/clock.h"
#include "core/metrics.h"
#include "core/stream.h"
#include "core_internal.h"

enum { PATIENCE = 30000, CHUNK = 64 << 10 };

static struct made authority, stranger, server, client, named, weak_client, expired, foreign_server;
static struct tls *server_tls, *client_tls, *asking_tls, *requiring_tls, *careless_tls;

/* ---- both sides ---- */

struct side {
    struct loop *loop;
    struct stream *stream;
    int peer, own; /* the stream's, of a server: to be looked at */
    SSL *ssl;      /* the peer's */
    BIO *in, *out;
    size_t piece; /* octets carried to the stream at a time; 0 = all */
    struct buf seen;
    struct err why;
    unsigned closed, connected, drained, offers;
    bool pause, is_dead; /* the peer's descriptor has ended */
    size_t wait_for;
    const char *reply;
};

static ssize_t on_data(struct span input, void *arg)
{
    struct side *x = arg;

    x->offers++;
    if (input.len < x->wait_for)
        return 0;
    buf_add(&x->seen, input.data, input.len);
    if (x->reply)
        stream_write(x->stream, span_str(x->reply));
    if (x->pause)
        stream_pause_reading(x->stream);
    return (ssize_t)input.len;
}

static void on_connected(void *arg)
{
    ((struct side *)arg)->connected++;
}

static void on_drained(void *arg)
{
    ((struct side *)arg)->drained++;
}

static void on_closed(const struct err *why, void *arg)
{
    struct side *x = arg;

    x->closed++;
    x->why = *why;
}

static const struct stream_callbacks callbacks = {on_connected, on_data, on_drained, on_closed};

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void turn(struct side *x)
{
    loop_run_until(x->loop, never, NULL, 1);
}

static bool second_time(void *arg)
{
    return ++*(unsigned *)arg > 1;
}

/* What has come is taken; for octets one by one. */
static void short_turn(struct side *x)
{
    unsigned asked = 0;

    loop_run_until(x->loop, second_time, &asked, 1);
}

static void listen_v4(int *fd, struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);

    *fd = socket(AF_INET, SOCK_STREAM, 0);
    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(*fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
    assert_int_equal(listen(*fd, 4), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)addr, &len), 0);
}

static void give_peer(struct side *x, SSL_CTX *context, bool is_client)
{
    x->ssl = SSL_new(context);
    x->in = BIO_new(BIO_s_mem());
    x->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(x->in, -1);
    SSL_set_bio(x->ssl, x->in, x->out);
    if (is_client)
        SSL_set_connect_state(x->ssl);
    else
        SSL_set_accept_state(x->ssl);
    SSL_CTX_free(context);
}

/* As most clients are. */
static SSL_CTX *peer_client(int version)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_security_level(c, 0);
    SSL_CTX_set_min_proto_version(c, version);
    SSL_CTX_set_max_proto_version(c, version);
    assert_int_equal(SSL_CTX_load_verify_locations(c, authority.certificate_file, NULL), 1);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    return c;
}

static void show(SSL_CTX *c, const struct made *m)
{
    assert_int_equal(SSL_CTX_use_certificate(c, m->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(c, m->key), 1);
}

static SSL_CTX *peer_server(const struct made *m)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_security_level(c, 0);
    show(c, m);
    return c;
}

/* The stream is a server's. */
static void open_server(struct side *x, SSL_CTX *peer, struct stream_options *more, struct tls *tls)
{
    struct stream_options options = more ? *more : (struct stream_options){0};
    struct sockaddr_in addr;
    int listener, fd;

    options.tls = tls;
    listen_v4(&listener, &addr);
    x->peer = socket(AF_INET, SOCK_STREAM, 0);
    if (options.send_buffer_bytes > 0)
        setsockopt(x->peer, SOL_SOCKET, SO_RCVBUF, &options.send_buffer_bytes, sizeof(int));
    assert_int_equal(connect(x->peer, (struct sockaddr *)&addr, sizeof(addr)), 0);
    fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    fcntl(x->peer, F_SETFL, O_NONBLOCK);
    x->own = fd;
    x->stream = stream_new(x->loop, fd, &options, &callbacks, x);
    if (peer)
        give_peer(x, peer, true);
}

/* The stream is a client's. */
static void open_client(struct side *x, SSL_CTX *peer, struct tls *tls, const char *name,
                        int64_t handshake_ms)
{
    struct stream_options options = {.tls = tls, .tls_name = name, .handshake_ms = handshake_ms};
    struct sockaddr_in addr;
    int listener;

    listen_v4(&listener, &addr);
    x->stream = stream_connect(x->loop, (struct sockaddr *)&addr, sizeof(addr), 5000, &options,
                               &callbacks, x);
    x->peer = accept(listener, NULL, NULL);
    assert_true(x->peer >= 0);
    close(listener);
    fcntl(x->peer, F_SETFL, O_NONBLOCK);
    if (peer)
        give_peer(x, peer, false);
}

/* For the next row of a table. */
static void start_over(struct side *x)
{
    struct loop *loop = x->loop;

    stream_free(x->stream);
    turn(x);
    SSL_free(x->ssl);
    if (x->peer >= 0)
        close(x->peer);
    buf_fini(&x->seen);
    *x = (struct side){.loop = loop, .peer = -1};
}

/* ---- carrying ---- */

/* What the peer has to say, to the descriptor. */
static void carry_out(struct side *x)
{
    uint8_t octets[CHUNK];
    size_t most = x->piece ? x->piece : sizeof(octets);

    while (BIO_ctrl_pending(x->out) > 0) {
        int n = BIO_read(x->out, octets, (int)(most < sizeof(octets) ? most : sizeof(octets)));
        int64_t deadline = clock_now_ms() + PATIENCE;
        for (ssize_t at = 0; at < n;) {
            ssize_t sent = send(x->peer, octets + at, (size_t)(n - at), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN)
                return;
            if (sent > 0)
                at += sent;
            if (sent < 0)
                turn(x);
            if (x->piece)
                short_turn(x);
            assert_true(clock_now_ms() < deadline);
        }
    }
}

static void carry_in(struct side *x)
{
    uint8_t octets[CHUNK];
    ssize_t n;

    while ((n = recv(x->peer, octets, sizeof(octets), 0)) > 0)
        assert_int_equal(BIO_write(x->in, octets, (int)n), n);
    x->is_dead |= n == 0 || (n < 0 && errno != EAGAIN);
}

static void carry(struct side *x)
{
    carry_out(x);
    turn(x);
    carry_in(x);
}

/* Until the peer has done it, or has failed: SSL_ERROR_*. */
static int shake(struct side *x)
{
    int64_t deadline = clock_now_ms() + PATIENCE;
    int result, error = SSL_ERROR_WANT_READ;

    while (clock_now_ms() < deadline) {
        ERR_clear_error();
        result = SSL_do_handshake(x->ssl);
        error = SSL_get_error(x->ssl, result);
        carry(x);
        if (result == 1)
            return SSL_ERROR_NONE;
        if (error != SSL_ERROR_WANT_READ || x->is_dead)
            return error == SSL_ERROR_WANT_READ ? SSL_ERROR_SYSCALL : error;
    }
    return error;
}

static void secured(struct side *x)
{
    int64_t deadline = clock_now_ms() + PATIENCE;

    assert_int_equal(shake(x), SSL_ERROR_NONE);
    while (stream_security(x->stream) != STREAM_SECURED && clock_now_ms() < deadline)
        carry(x);
    assert_int_equal(stream_security(x->stream), STREAM_SECURED);
}

static void peer_says(struct side *x, const void *octets, size_t len)
{
    assert_int_equal(SSL_write(x->ssl, octets, (int)len), (int)len);
    carry_out(x);
}

/* What the peer hears, until so much or the end. */
static size_t peer_hears(struct side *x, uint8_t *out, size_t count)
{
    int64_t deadline = clock_now_ms() + PATIENCE;
    size_t len = 0;

    while (len < count && clock_now_ms() < deadline) {
        int n = SSL_read(x->ssl, out + len, (int)(count - len));
        if (n > 0) {
            len += (size_t)n;
            continue;
        }
        if (SSL_get_error(x->ssl, n) != SSL_ERROR_WANT_READ ||
            (x->is_dead && !BIO_ctrl_pending(x->in)))
            break;
        carry(x);
    }
    return len;
}

static void wait_seen(struct side *x, size_t count)
{
    int64_t deadline = clock_now_ms() + PATIENCE;

    while (x->seen.len < count && clock_now_ms() < deadline)
        carry(x);
    assert_int_equal(x->seen.len, count);
}

static void wait_closed(struct side *x)
{
    int64_t deadline = clock_now_ms() + PATIENCE;

    while (!x->closed && clock_now_ms() < deadline)
        turn(x);
    assert_int_equal(x->closed, 1);
}

static void says(const struct side *x, const char *words)
{
    if (!strstr(x->why.text, words))
        fail_msg("'%s' does not say '%s'", x->why.text, words);
}

static void fill(uint8_t *octets, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

/* ---- the profile ---- */

static void both_versions_and_every_suite_carry_octets(void **state)
{
    static const struct {
        int version;
        const char *suite;
    } rows[] = {
        {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
        {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
        {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side *x = *state;
        SSL_CTX *c = peer_client(rows[i].version);
        uint8_t heard[5];
        struct stream_tls tls;

        if (rows[i].version == TLS1_3_VERSION)
            assert_int_equal(SSL_CTX_set_ciphersuites(c, rows[i].suite), 1);
        else
            assert_int_equal(SSL_CTX_set_cipher_list(c, rows[i].suite), 1);
        open_server(x, c, NULL, server_tls);
        x->reply = "hello";
        secured(x);
        peer_says(x, "hi", 2);
        assert_int_equal(peer_hears(x, heard, 5), 5);
        assert_memory_equal(heard, "hello", 5);
        assert_int_equal(x->seen.len, 2);
        stream_describe_tls(x->stream, &tls);
        assert_string_equal(tls.suite, rows[i].suite);
        assert_string_equal(tls.version, rows[i].version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(tls.subject, "");
        start_over(x);
    }
}

static void weak_protocols_and_suites_are_refused(void **state)
{
    static const struct {
        int version;
        const char *suites, *groups, *words;
    } rows[] = {
        {TLS1_VERSION, "DEFAULT:@SECLEVEL=0", NULL, "unsupported protocol"},
        {TLS1_1_VERSION, "DEFAULT:@SECLEVEL=0", NULL, "unsupported protocol"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0", NULL, "no shared cipher"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0", NULL, "no shared cipher"},
        {TLS1_2_VERSION, "AES128-GCM-SHA256:@SECLEVEL=0", NULL, "no shared cipher"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", NULL, "no shared cipher"},
        {TLS1_2_VERSION, "AECDH-AES128-SHA:@SECLEVEL=0", NULL, "no shared cipher"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0", "P-224", "no shared cipher"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side *x = *state;
        SSL_CTX *c = peer_client(rows[i].version);
        int64_t failed = metric_get(METRIC_tls_handshakes_failed);

        assert_int_equal(SSL_CTX_set_cipher_list(c, rows[i].suites), 1);
        if (rows[i].groups)
            assert_int_equal(SSL_CTX_set1_groups_list(c, rows[i].groups), 1);
        open_server(x, c, NULL, server_tls);
        assert_int_not_equal(shake(x), SSL_ERROR_NONE);
        wait_closed(x);
        assert_int_equal(x->why.code, RC_IO);
        says(x, rows[i].words);
        assert_int_equal(metric_get(METRIC_tls_handshakes_failed), failed + 1);
        assert_int_equal(x->seen.len, 0);
        start_over(x);
    }
}

static void the_server_chooses_the_suite(void **state)
{
    struct side *x = *state;
    SSL_CTX *c = peer_client(TLS1_2_VERSION);
    struct stream_tls tls;

    SSL_CTX_set_cipher_list(c, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256");
    open_server(x, c, NULL, server_tls);
    secured(x);
    stream_describe_tls(x->stream, &tls);
    assert_string_equal(tls.suite, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void nothing_can_be_resumed(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct side *x = *state;
    uint8_t heard[5];

    for (unsigned i = 0; i < 2; i++) {
        SSL_CTX *c = peer_client(versions[i]);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT);
        open_server(x, c, NULL, server_tls);
        x->reply = "hello";
        secured(x);
        peer_says(x, "hi", 2);
        assert_int_equal(peer_hears(x, heard, 5), 5); /* a ticket would have come before */
        SSL_SESSION *session = SSL_get1_session(x->ssl);
        assert_int_equal(SSL_SESSION_has_ticket(session), 0);
        unsigned id = 0;
        SSL_SESSION_get_id(session, &id);
        if (versions[i] == TLS1_2_VERSION)
            assert_int_equal(id, 0);
        else
            assert_int_equal(SSL_SESSION_is_resumable(session), 0);
        SSL_SESSION_free(session);
        start_over(x);
    }
}

static void renegotiation_is_declined(void **state)
{
    struct side *x = *state;

    open_server(x, peer_client(TLS1_2_VERSION), NULL, server_tls);
    secured(x);
    peer_says(x, "whole", 5);
    wait_seen(x, 5);
    assert_int_equal(SSL_renegotiate(x->ssl), 1);
    assert_int_equal(SSL_do_handshake(x->ssl), -1);
    for (int64_t end = clock_now_ms() + PATIENCE; !BIO_ctrl_pending(x->in) && clock_now_ms() < end;)
        carry(x);
    assert_int_equal(x->closed, 0);
    ERR_clear_error();
    assert_int_equal(SSL_do_handshake(x->ssl), -1); /* OpenSSL as a client gives up then */
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    assert_int_equal(x->seen.len, 5);
}

/* ---- octets ---- */

static void one_octet_at_a_time_is_enough(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct side *x = *state;
    uint8_t message[700], heard[700];

    for (unsigned i = 0; i < 2; i++) {
        fill(message, sizeof(message), i);
        x->piece = 1;
        open_server(x, peer_client(versions[i]), NULL, server_tls);
        secured(x);
        peer_says(x, message, sizeof(message));
        wait_seen(x, sizeof(message));
        assert_memory_equal(x->seen.data, message, sizeof(message));
        stream_write(x->stream, span_of(message, sizeof(message)));
        assert_int_equal(peer_hears(x, heard, sizeof(heard)), sizeof(heard));
        assert_memory_equal(heard, message, sizeof(heard));
        start_over(x);
    }
}

static void much_goes_both_ways_at_once_unchanged(void **state)
{
    enum { MUCH = 6 << 20 };
    struct side *x = *state;
    uint8_t *there = malloc(MUCH), *back = malloc(MUCH), *heard = malloc(MUCH);
    int64_t deadline = clock_now_ms() + PATIENCE;
    size_t said = 0, written = 0, len = 0;

    fill(there, MUCH, 1);
    fill(back, MUCH, 2);
    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    while ((x->seen.len < MUCH || len < MUCH) && clock_now_ms() < deadline) {
        size_t n = MUCH - said < 50000 ? MUCH - said : 50000;
        if (n > 0)
            peer_says(x, there + said, n);
        said += n;
        while (written < MUCH && !stream_is_full(x->stream)) {
            size_t m = MUCH - written < 7777 ? MUCH - written : 7777;
            stream_write(x->stream, span_of(back + written, m));
            written += m;
        }
        carry(x);
        int got;
        while (len < MUCH && (got = SSL_read(x->ssl, heard + len, (int)(MUCH - len))) > 0)
            len += (size_t)got;
    }
    assert_int_equal(x->seen.len, MUCH);
    assert_int_equal(len, MUCH);
    assert_memory_equal(x->seen.data, there, MUCH);
    assert_memory_equal(heard, back, MUCH);
    assert_true(x->drained > 1);
    free(there);
    free(back);
    free(heard);
}

/* OpenSSL has the rest of what has come, and the socket will not tell of it again. */
static void what_is_held_back_by_a_pause_comes_after_it(void **state)
{
    struct side *x = *state;
    uint8_t message[60000];

    fill(message, sizeof(message), 3);
    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    x->pause = true;
    peer_says(x, message, sizeof(message));
    for (int i = 0; i < 20; i++)
        carry(x);
    assert_true(x->seen.len < sizeof(message));
    size_t before = x->seen.len;
    for (int i = 0; i < 5; i++)
        carry(x);
    assert_int_equal(x->seen.len, before);
    x->pause = false;
    stream_resume_reading(x->stream);
    wait_seen(x, sizeof(message));
    assert_memory_equal(x->seen.data, message, sizeof(message));
}

/* The first block is smaller, and the socket is empty when it is full. */
static void a_record_larger_than_the_block_comes_whole(void **state)
{
    struct side *x = *state;
    uint8_t message[16000];

    fill(message, sizeof(message), 6);
    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    peer_says(x, message, sizeof(message));
    wait_seen(x, sizeof(message));
    assert_memory_equal(x->seen.data, message, sizeof(message));
    assert_true(x->offers > 1);
}

static void input_waits_for_the_whole_of_a_message(void **state)
{
    struct stream_options options = {.max_input_bytes = 100000};
    struct side *x = *state;
    uint8_t message[90000];

    fill(message, sizeof(message), 4);
    open_server(x, peer_client(TLS1_2_VERSION), &options, server_tls);
    secured(x);
    x->wait_for = sizeof(message);
    peer_says(x, message, sizeof(message));
    wait_seen(x, sizeof(message));
    assert_memory_equal(x->seen.data, message, sizeof(message));
}

static void what_one_turn_writes_is_one_record(void **state)
{
    struct side *x = *state;
    uint8_t heard[5000];

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    for (int i = 0; i < 1000; i++)
        stream_write(x->stream, span_str("12345"));
    for (int i = 0; i < 3; i++)
        carry(x);
    assert_int_equal(SSL_read(x->ssl, heard, sizeof(heard)), 5000);
}

static void written_before_the_handshake_is_sent_after_it(void **state)
{
    struct side *x = *state;
    uint8_t heard[5];

    open_client(x, peer_server(&server), client_tls, "127.0.0.1", 0);
    stream_write(x->stream, span_str("early"));
    assert_int_equal(shake(x), SSL_ERROR_NONE);
    assert_int_equal(peer_hears(x, heard, 5), 5);
    assert_memory_equal(heard, "early", 5);
    assert_int_equal(x->connected, 1);
}

/* ---- slow and stubborn peers ---- */

static void a_peer_that_takes_nothing_is_ended(void **state)
{
    struct stream_options options = {.write_stall_ms = 300, .send_buffer_bytes = 8192};
    struct side *x = *state;
    uint8_t *much = calloc(1, 4 << 20);

    open_server(x, peer_client(TLS1_3_VERSION), &options, server_tls);
    secured(x);
    stream_write(x->stream, span_of(much, 4 << 20));
    assert_true(stream_is_full(x->stream));
    wait_closed(x);
    assert_int_equal(x->why.code, RC_TIMEOUT);
    assert_int_equal(x->why.limit, LIMIT_write_timeout);
    free(much);
}

static void a_peer_that_makes_us_answer_and_never_reads_is_ended(void **state)
{
    struct stream_options options = {.send_buffer_bytes = 4096};
    struct side *x = *state;

    open_server(x, peer_client(TLS1_3_VERSION), &options, server_tls);
    secured(x);
    for (int i = 0; i < 400000 && !x->closed; i++) {
        if (SSL_key_update(x->ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(x->ssl) != 1)
            break;
        if (i % 100 == 0) {
            carry_out(x);
            turn(x);
        }
    }
    wait_closed(x);
    says(x, "makes us answer and does not read");
    assert_int_equal(x->why.limit, LIMIT_tls_answers);
}

static void new_keys_are_taken_and_answered(void **state)
{
    struct side *x = *state;
    uint8_t heard[5];

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    x->reply = "hello";
    for (int i = 0; i < 50; i++) {
        assert_int_equal(SSL_key_update(x->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        peer_says(x, "hi", 2);
        assert_int_equal(peer_hears(x, heard, 5), 5);
    }
    assert_int_equal(x->seen.len, 100);
}

static int unread(const struct side *x)
{
    int octets = -1;

    assert_int_equal(ioctl(x->own, FIONREAD, &octets), 0);
    return octets;
}

/* They are of no use to anybody, but others on the loop want their turn too. */
static void a_flood_of_new_keys_takes_its_turn(void **state)
{
    enum { UPDATES = 2000, A_TURN = 16 << 10 };
    struct side *x = *state;
    int64_t deadline = clock_now_ms() + PATIENCE;
    uint8_t octets[CHUNK];
    int n;

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    for (int i = 0; i < UPDATES; i++) {
        assert_int_equal(SSL_key_update(x->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(x->ssl), 1);
    }
    assert_int_equal(SSL_write(x->ssl, "whole", 5), 5);
    n = BIO_read(x->out, octets, sizeof(octets));
    assert_true(n > 2 * A_TURN && n < (int)sizeof(octets));
    assert_int_equal(send(x->peer, octets, (size_t)n, MSG_NOSIGNAL), n);
    while (unread(x) < n)
        assert_true(clock_now_ms() < deadline);
    short_turn(x);
    assert_true(unread(x) > n - A_TURN);
    wait_seen(x, 5);
}

/* ---- ends ---- */

static void a_record_that_was_changed_ends_the_connection(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct side *x = *state;

    for (unsigned i = 0; i < 2; i++) {
        uint8_t octets[512], heard[16];
        int n;

        open_server(x, peer_client(versions[i]), NULL, server_tls);
        secured(x);
        assert_int_equal(SSL_write(x->ssl, "whole", 5), 5); /* both come at once */
        assert_int_equal(SSL_write(x->ssl, "false", 5), 5);
        n = BIO_read(x->out, octets, sizeof(octets));
        octets[n - 9] ^= 1;
        assert_int_equal(send(x->peer, octets, (size_t)n, MSG_NOSIGNAL), n);
        wait_closed(x);
        assert_int_equal(x->why.code, RC_IO);
        says(x, "decryption failed or bad record mac");
        assert_int_equal(x->seen.len, 5);
        carry_in(x);
        ERR_clear_error();
        assert_true(SSL_read(x->ssl, heard, sizeof(heard)) <= 0);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()),
                         SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC);
        start_over(x);
    }
}

static void the_end_of_the_peer_comes_behind_its_octets(void **state)
{
    static const bool bare[] = {false, true}; /* without a close_notify */
    struct side *x = *state;
    uint8_t message[50000];

    fill(message, sizeof(message), 5);
    for (unsigned i = 0; i < 2; i++) {
        open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
        secured(x);
        x->pause = true;
        peer_says(x, message, sizeof(message));
        if (!bare[i])
            SSL_shutdown(x->ssl);
        carry_out(x);
        shutdown(x->peer, SHUT_WR);
        for (int n = 0; n < 10; n++)
            turn(x);
        assert_int_equal(x->closed, 0);
        x->pause = false;
        stream_resume_reading(x->stream);
        wait_closed(x);
        assert_int_equal(x->why.code, RC_OK);
        assert_int_equal(x->seen.len, sizeof(message));
        assert_memory_equal(x->seen.data, message, sizeof(message));
        start_over(x);
    }
}

static void a_peer_that_has_closed_its_half_gets_the_answer(void **state)
{
    struct side *x = *state;
    uint8_t heard[6];

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    x->reply = "answer";
    assert_int_equal(SSL_write(x->ssl, "ask", 3), 3);
    SSL_shutdown(x->ssl);
    carry_out(x);
    shutdown(x->peer, SHUT_WR);
    assert_int_equal(peer_hears(x, heard, 6), 6);
    assert_memory_equal(heard, "answer", 6);
    wait_closed(x);
    assert_int_equal(x->why.code, RC_OK);
}

static void our_end_is_announced(void **state)
{
    struct side *x = *state;
    uint8_t heard[16];

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    secured(x);
    stream_write(x->stream, span_str("last"));
    assert_int_equal(peer_hears(x, heard, 4), 4);
    stream_free(x->stream);
    x->stream = NULL;
    for (int i = 0; i < 3; i++)
        carry(x);
    int n = SSL_read(x->ssl, heard, sizeof(heard));
    assert_int_equal(SSL_get_error(x->ssl, n), SSL_ERROR_ZERO_RETURN);
}

static void a_handshake_broken_off_is_told(void **state)
{
    struct side *x = *state;
    uint8_t octets[512];
    int n;

    open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
    (void)SSL_do_handshake(x->ssl);
    n = BIO_read(x->out, octets, 100);
    assert_int_equal(send(x->peer, octets, (size_t)n, MSG_NOSIGNAL), n);
    turn(x);
    shutdown(x->peer, SHUT_WR);
    wait_closed(x);
    assert_int_equal(x->why.code, RC_IO);
    says(x, "in the middle of the TLS handshake");
    assert_true(stream_has_spoken(x->stream));
    assert_int_equal(stream_security(x->stream), STREAM_SECURING);
}

static void a_handshake_has_its_deadline(void **state)
{
    struct stream_options options = {.handshake_ms = 100};
    struct side *x = *state;

    open_server(x, NULL, &options, server_tls);
    wait_closed(x);
    assert_int_equal(x->why.code, RC_TIMEOUT);
    assert_int_equal(x->why.limit, LIMIT_negotiation_timeout);
    assert_false(stream_has_spoken(x->stream));
    stream_free(x->stream);
    close(x->peer);
    x->closed = 0;
    open_client(x, NULL, client_tls, "localhost", 100);
    wait_closed(x);
    assert_int_equal(x->why.limit, LIMIT_negotiation_timeout);
    assert_int_equal(x->connected, 0);
}

static void who_speaks_no_tls_is_kept_and_gets_no_alert(void **state)
{
    static const char *const rows[] = {"\x01\x00\x00\x00\x00\x44zz", "GET / HTTP/1.1\r\n\r\n",
                                       "\x80", "SSH-2.0-x"};
    struct side *x = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = i == 0 ? 8 : strlen(rows[i]);
        char heard[16];

        open_server(x, NULL, NULL, server_tls);
        assert_int_equal(send(x->peer, rows[i], len, MSG_NOSIGNAL), (ssize_t)len);
        wait_closed(x);
        struct span first = stream_foreign(x->stream);
        assert_int_equal(first.len, len < 16 ? len : 16);
        assert_memory_equal(first.data, rows[i], first.len);
        assert_int_equal(x->why.code, RC_INVALID);
        assert_int_equal(recv(x->peer, heard, sizeof(heard), 0), 0);
        start_over(x);
    }
}

/* ---- certificates ---- */

static void a_client_shows_what_the_server_asks_for(void **state)
{
    static const char *const any_words = "";
    const struct {
        struct tls **tls;
        const struct made *shown; /* NULL = none */
        bool is_good;
        const char *words;
    } rows[] = {
        {&server_tls, &client, true, any_words},
        {&asking_tls, NULL, true, any_words},
        {&asking_tls, &client, true, any_words},
        {&asking_tls, &stranger, false, "self-signed certificate: CN=Stranger"},
        {&asking_tls, &expired, false, "certificate has expired: CN=old"},
        {&requiring_tls, NULL, false, "peer did not return a certificate"},
        {&requiring_tls, &client, true, any_words},
        {&requiring_tls, &weak_client, false, "EE certificate key too weak"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side *x = *state;
        SSL_CTX *c = peer_client(TLS1_2_VERSION); /* the client is told within the handshake */
        struct err err = {0};

        if (rows[i].shown)
            show(c, rows[i].shown);
        open_server(x, c, NULL, *rows[i].tls);
        if (rows[i].is_good) {
            bool shows = rows[i].shown && rows[i].tls != &server_tls; /* which does not ask */
            secured(x);
            assert_int_equal(stream_check_binding(x->stream, "dns:ct1.example", &err),
                             shows ? RC_OK : RC_DENIED);
            if (!shows)
                assert_string_equal(err.text, "the peer has shown no certificate");
            assert_int_equal(stream_check_binding(x->stream, "dns:ct2.example", &err), RC_DENIED);
            if (shows)
                assert_string_equal(err.text, "the peer has shown another: CN=CT1");
        } else {
            assert_int_not_equal(shake(x), SSL_ERROR_NONE);
            wait_closed(x);
            says(x, rows[i].words);
        }
        start_over(x);
    }
}

static void a_client_verifies_certificate_and_name(void **state)
{
    const struct {
        const struct made *shown;
        struct tls **tls;
        const char *name, *words; /* NULL = good */
    } rows[] = {
        {&server, &client_tls, "localhost", NULL},
        {&server, &client_tls, "127.0.0.1", NULL},
        {&server, &client_tls, NULL, NULL},
        {&server, &client_tls, "other.example",
         "TLS: the certificate is not for other.example: CN=server"},
        {&server, &client_tls, "127.0.0.2",
         "TLS: the certificate is not for this address: CN=server"},
        {&named, &client_tls, "old-device", NULL}, /* a common name and nothing else */
        {&named, &client_tls, "another", "not for another"},
        {&expired, &client_tls, "localhost", "TLS: certificate has expired: CN=old"},
        {&foreign_server, &client_tls, "localhost", "TLS: unable to get local issuer certificate"},
        {&stranger, &client_tls, "localhost", "TLS: self-signed certificate"},
        {&client, &client_tls, "ct1.example", "TLS: unsuitable certificate purpose: CN=CT1"},
        {&foreign_server, &careless_tls, "whatever", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side *x = *state;

        open_client(x, peer_server(rows[i].shown), *rows[i].tls, rows[i].name, 0);
        if (!rows[i].words) {
            secured(x);
            assert_int_equal(x->connected, 1);
        } else {
            (void)shake(x);
            wait_closed(x);
            assert_int_equal(x->connected, 0);
            assert_int_equal(x->why.code, RC_DENIED); /* no reason to try another address */
            says(x, rows[i].words);
        }
        start_over(x);
    }
}

/* Nobody else's, though the authority is the same. */
static void a_certificate_may_be_trusted_by_itself(void **state)
{
    struct tls_options o = {.role = TLS_SERVER,
                            .certificate = server.certificate_file,
                            .key = server.key_file,
                            .trust = client.certificate_file,
                            .ask = TLS_ASK_REQUIRE};
    const struct made *shown[] = {&client, &expired};
    struct side *x = *state;
    struct tls *t;
    struct err err;

    assert_int_equal(tls_new(&o, &t, &err), RC_OK);
    for (int i = 0; i < 2; i++) {
        SSL_CTX *c = peer_client(TLS1_2_VERSION);
        show(c, shown[i]);
        open_server(x, c, NULL, t);
        assert_int_equal(shake(x) == SSL_ERROR_NONE, i == 0);
        start_over(x);
    }
    tls_unref(t);
}

static void a_plain_stream_is_bound_to_no_certificate(void **state)
{
    struct side *x = *state;
    struct err err;

    open_server(x, NULL, NULL, NULL);
    assert_int_equal(stream_security(x->stream), STREAM_PLAIN);
    assert_int_equal(stream_check_binding(x->stream, "dns:ct1.example", &err), RC_DENIED);
    assert_string_equal(err.text, "this connection is without TLS");
}

/* ---- memory ---- */

/* Buffers for records of either direction would be 33 KiB. */
static void an_idle_connection_keeps_no_buffers(void **state)
{
    enum { COUNT = 40, MOST_EACH = 26 << 10 };
    struct side *sides = calloc(COUNT, sizeof(*sides));
    uint8_t message[3000] = {0}, heard[3000];
    struct loop *loop = ((struct side *)*state)->loop;
    size_t ours = 0;

    for (int i = 0; i < COUNT; i++) {
        struct side *x = &sides[i];
        x->loop = loop;
        open_server(x, peer_client(TLS1_3_VERSION), NULL, server_tls);
        secured(x);
        peer_says(x, message, sizeof(message));
        wait_seen(x, sizeof(message));
        stream_write(x->stream, span_of(message, sizeof(message)));
        assert_int_equal(peer_hears(x, heard, sizeof(heard)), sizeof(heard));
        buf_fini(&x->seen);
        SSL_free(x->ssl);
        x->ssl = NULL;
    }
    turn(&sides[0]);
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < COUNT; i++) {
        stream_free(sides[i].stream);
        close(sides[i].peer);
    }
    turn(&sides[0]);
    ours = before.uordblks - mallinfo2().uordblks;
    print_message("an idle TLS connection keeps %zu octets\n", ours / COUNT);
    assert_true(ours / COUNT < MOST_EACH);
    free(sides);
}

/* ---- */

static struct tls *made_tls(enum tls_role role, enum tls_ask ask, bool trusts_anybody)
{
    struct tls_options o = {.role = role, .ask = ask, .trusts_anybody = trusts_anybody};
    struct tls *t = NULL;
    struct err err;

    if (role == TLS_SERVER) {
        o.certificate = server.certificate_file;
        o.key = server.key_file;
    }
    if (!trusts_anybody)
        o.trust = authority.certificate_file;
    if (tls_new(&o, &t, &err) != RC_OK)
        fail_msg("%s", err.text);
    return t;
}

static int make_all(void **state)
{
    static const struct {
        struct made *made;
        const char *file;
        struct wanted_certificate wanted;
    } rows[] = {
        {&authority, "ca", {.name = "Test CA", .is_authority = true}},
        {&stranger, "stranger", {.name = "Stranger", .alt_names = "DNS:localhost"}},
        {&server,
         "server",
         {.name = "server", .alt_names = "DNS:localhost,IP:127.0.0.1", .issuer = &authority}},
        {&client,
         "client",
         {.name = "CT1",
          .alt_names = "DNS:ct1.example",
          .issuer = &authority,
          .purpose = "clientAuth"}},
        {&named, "named", {.name = "old-device", .issuer = &authority}},
        {&weak_client, "weak", {.name = "weak", .issuer = &authority, .rsa_bits = 1024}},
        {&expired,
         "expired",
         {.name = "old",
          .alt_names = "DNS:localhost",
          .issuer = &authority,
          .begins_days = -20,
          .ends_days = -2}},
    };
    static struct made other_authority;

    (void)state;
    made_begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        make_certificate(rows[i].made, rows[i].file, &rows[i].wanted);
    make_certificate(&other_authority, "ca2",
                     &(struct wanted_certificate){.name = "Other CA", .is_authority = true});
    make_certificate(&foreign_server, "foreign",
                     &(struct wanted_certificate){.name = "foreign",
                                                  .alt_names = "DNS:localhost",
                                                  .issuer = &other_authority});
    made_free(&other_authority);
    server_tls = made_tls(TLS_SERVER, TLS_ASK_NONE, false);
    asking_tls = made_tls(TLS_SERVER, TLS_ASK_ALL, false);
    requiring_tls = made_tls(TLS_SERVER, TLS_ASK_REQUIRE, false);
    client_tls = made_tls(TLS_CLIENT, TLS_ASK_NONE, false);
    careless_tls = made_tls(TLS_CLIENT, TLS_ASK_NONE, true);
    return 0;
}

static int free_all(void **state)
{
    struct made *made[] = {&authority, &stranger,    &server,  &client,
                           &named,     &weak_client, &expired, &foreign_server};
    struct tls *all[] = {server_tls, asking_tls, requiring_tls, client_tls, careless_tls};

    (void)state;
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        made_free(made[i]);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        tls_unref(all[i]);
    made_end();
    return 0;
}

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
    SSL_free(x->ssl);
    if (x->peer >= 0)
        close(x->peer);
    buf_fini(&x->seen);
    free(x);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_versions_and_every_suite_carry_octets),
        TEST(weak_protocols_and_suites_are_refused),
        TEST(the_server_chooses_the_suite),
        TEST(nothing_can_be_resumed),
        TEST(renegotiation_is_declined),
        TEST(one_octet_at_a_time_is_enough),
        TEST(much_goes_both_ways_at_once_unchanged),
        TEST(what_is_held_back_by_a_pause_comes_after_it),
        TEST(a_record_larger_than_the_block_comes_whole),
        TEST(input_waits_for_the_whole_of_a_message),
        TEST(what_one_turn_writes_is_one_record),
        TEST(written_before_the_handshake_is_sent_after_it),
        TEST(a_peer_that_takes_nothing_is_ended),
        TEST(a_peer_that_makes_us_answer_and_never_reads_is_ended),
        TEST(new_keys_are_taken_and_answered),
        TEST(a_flood_of_new_keys_takes_its_turn),
        TEST(a_record_that_was_changed_ends_the_connection),
        TEST(the_end_of_the_peer_comes_behind_its_octets),
        TEST(a_peer_that_has_closed_its_half_gets_the_answer),
        TEST(our_end_is_announced),
        TEST(a_handshake_broken_off_is_told),
        TEST(a_handshake_has_its_deadline),
        TEST(who_speaks_no_tls_is_kept_and_gets_no_alert),
        TEST(a_client_shows_what_the_server_asks_for),
        TEST(a_client_verifies_certificate_and_name),
        TEST(a_certificate_may_be_trusted_by_itself),
        TEST(a_plain_stream_is_bound_to_no_certificate),
        TEST(an_idle_connection_keeps_no_buffers),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
