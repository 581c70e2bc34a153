/* SPDX-License-Identifier: Apache-2.0
 *
 * One TLS connection between a socket and a stream.
 *
 *   socket --recv--> OpenSSL --tls_session_read--> the stream's block
 *   stream's output --tls_session_write--> OpenSSL --> wire (evbuffer) --sendmsg by the stream--> socket
 *
 * OpenSSL reads the socket by itself, but never writes it: all it has to say, records, alerts, handshake, is
 * collected in the wire, which takes everything. So a record is never half written, no write has to be repeated with
 * the same octets, reading never waits for writing, and what an event loop turn produces leaves in one call as it does
 * without TLS. The wire is bounded: the stream encrypts only while there is little in it, and a peer that makes
 * OpenSSL answer (key updates, attempts to renegotiate) without ever reading ends at WIRE_MAX.
 *
 * OpenSSL goes on reading until it has octets to give, and a peer may send without end what has none for us: key
 * updates, each of which costs us a new key. So what it gets from the socket in one turn of the loop
 * is bounded (tls_session_turn). Then it is told that there is no more, and the socket tells of the rest again.
 *
 * A server looks at the first octet before OpenSSL does: what is no TLS handshake is kept for whoever can name it, and
 * gets no alert, which it would not understand.
 *
 * The end of the peer: a close_notify and a plain end of the TCP connection count alike, since the Upper Layer knows by
 * itself whether all was said (A-RELEASE, A-ABORT), and many peers send none.
 */
#include "tls_session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/arena.h"
#include "core_internal.h"

enum {
    WIRE_MAX = 1 << 20,
    FOREIGN_MAX = 16,
    TLS_HANDSHAKE = 0x16, /* ContentType, RFC 8446 5.1 */
};

struct tls_session {
    SSL *ssl;
    struct tls *tls;
    int fd;
    struct evbuffer *wire;
    bool is_client, is_done, has_failed;
    bool has_spoken; /* an octet of the peer has come */
    bool has_pending;
    size_t turn;           /* octets of the socket that this turn may still take */
    bool has_ended;        /* the peer has closed its half of the connection */
    bool is_overfull;      /* the wire has no room for an answer of OpenSSL's */
    int read_error;        /* errno of the socket; 0 = none */
    enum tls_outcome last; /* of reading; TLS_CLOSED and TLS_FAILED stay */
    struct err *why;       /* of TLS_FAILED */
    char *blamed;          /* subject of a certificate that does not stand up */
    uint8_t foreign_len;
    uint8_t foreign[FOREIGN_MAX];
};

/* ---- the socket, for OpenSSL ---- */

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static int on_write(BIO *bio, const char *octets, int len)
{
    struct tls_session *x = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    x->is_overfull = evbuffer_get_length(x->wire) + (size_t)len > WIRE_MAX;
    if (x->is_overfull || evbuffer_add(x->wire, octets, (size_t)len) != 0)
        return -1;
    return len;
}

/* The first octets of a client; false = they are none of TLS, and are not for OpenSSL. It may have asked for fewer than
 * tell what they are. */
static bool is_hello(struct tls_session *x, const char *octets, int len)
{
    ssize_t more;

    if (x->is_client || (uint8_t)octets[0] == TLS_HANDSHAKE)
        return true;
    x->foreign_len = (uint8_t)(len < FOREIGN_MAX ? len : FOREIGN_MAX);
    memcpy(x->foreign, octets, x->foreign_len);
    more = recv(x->fd, x->foreign + x->foreign_len, FOREIGN_MAX - x->foreign_len, MSG_DONTWAIT);
    x->foreign_len += (uint8_t)(more > 0 ? more : 0);
    return false;
}

static int on_read(BIO *bio, char *out, int size)
{
    struct tls_session *x = BIO_get_data(bio);
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (size <= 0 || x->foreign_len > 0)
        return -1;
    if (x->turn == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        n = recv(x->fd, out, (size_t)size < x->turn ? (size_t)size : x->turn, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n < 0) {
        x->read_error = errno;
        return -1;
    }
    if (n == 0) {
        x->has_ended = true;
        return 0;
    }
    x->turn -= (size_t)n;
    if (!x->has_spoken && !is_hello(x, out, (int)n))
        return -1;
    x->has_spoken = true;
    return (int)n;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_session *x = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return x->has_ended;
    default:
        return 0;
    }
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (!method || BIO_meth_set_write(method, on_write) != 1 ||
        BIO_meth_set_read(method, on_read) != 1 || BIO_meth_set_ctrl(method, on_control) != 1)
        core_fatal("out of memory for TLS");
}

/* ---- life ---- */

/* RFC 9525: a name of DNS, or an address; without subjectAltName the common name, which is all that old devices'
 * certificates have. */
static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    struct in6_addr address;
    bool is_address =
        inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;

    if (is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(wanted, name) == 1;
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(wanted, name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls_session *tls_session_new(struct tls *t, int fd, const char *name)
{
    struct tls_session *x = xcalloc(1, sizeof(*x));
    BIO *bio;

    pthread_once(&method_once, make_method);
    x->tls = tls_ref(t);
    x->fd = fd;
    x->is_client = tls_is_client(t);
    x->wire = evbuffer_new();
    x->ssl = SSL_new(tls_context(t));
    bio = BIO_new(method);
    if (!x->wire || !x->ssl || !bio)
        core_fatal("out of memory for a TLS connection");
    BIO_set_data(bio, x);
    BIO_set_init(bio, 1);
    SSL_set_bio(x->ssl, bio, bio);
    if (!x->is_client)
        SSL_set_accept_state(x->ssl);
    else
        SSL_set_connect_state(x->ssl);
    if (x->is_client && name && *name && !expect_name(x->ssl, name))
        core_fatal("out of memory for the name of a TLS peer");
    ERR_clear_error();
    return x;
}

void tls_session_free(struct tls_session *x)
{
    if (!x)
        return;
    SSL_free(x->ssl);
    evbuffer_free(x->wire);
    free(x->why);
    free(x->blamed);
    tls_unref(x->tls);
    free(x);
}

/* ---- what went wrong ---- */

void tls_session_blame(SSL *ssl, X509 *certificate)
{
    struct tls_session *x = BIO_get_data(SSL_get_rbio(ssl));
    char subject[128];

    tls_subject(certificate, subject, sizeof(subject));
    free(x->blamed);
    x->blamed = xstrdup(subject);
}

static void why_unverified(const struct tls_session *x, struct err *err)
{
    long verdict = SSL_get_verify_result(x->ssl);
    const char *name = SSL_get_servername(x->ssl, TLSEXT_NAMETYPE_host_name);
    const char *subject = x->blamed ? x->blamed : "it has shown none";

    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        err_set(err, RC_IO, "TLS: the certificate is not for %s: %s", name ? name : "this address",
                subject);
    else
        err_set(err, RC_IO, "TLS: %s: %s", X509_verify_cert_error_string(verdict), subject);
}

static enum tls_outcome fail(struct tls_session *x, struct err *err)
{
    const char *during = x->is_done ? "" : " in the middle of the TLS handshake";
    unsigned long last = tls_take_error();
    char text[128];

    x->has_failed = true;
    if (x->foreign_len > 0)
        err_set(err, RC_INVALID, "TLS: this is no TLS hello");
    else if (x->is_overfull)
        err_set_limit(err, LIMIT_tls_answers, 0, "TLS: the peer makes us answer and does not read");
    else if (x->read_error)
        err_set(err, RC_IO, "receive%s: %s", during, strerror(x->read_error));
    else if (x->has_ended)
        err_set(err, RC_IO, "closed by peer%s", during);
    else if (ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        why_unverified(x, err);
    else if (ERR_GET_REASON(last) >= SSL_AD_REASON_OFFSET)
        err_set(err, RC_IO, "TLS: the peer refuses: %s", tls_error_text(last, text, sizeof(text)));
    else
        err_set(err, RC_IO, "TLS: %s", tls_error_text(last, text, sizeof(text)));
    /* Another address of the same name would not do better, and would hide the reason. */
    if (x->is_client && !x->is_done && err->code == RC_IO)
        err->code = RC_DENIED;
    ERR_clear_error();
    return TLS_FAILED;
}

static enum tls_outcome outcome_of(struct tls_session *x, int result, struct err *err)
{
    switch (SSL_get_error(x->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WAITS;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        if (x->is_done && x->has_ended && !x->read_error) {
            x->has_failed = true; /* OpenSSL says no more on this connection */
            ERR_clear_error();
            return TLS_CLOSED;
        }
        return fail(x, err);
    }
}

/* ---- talking ---- */

void tls_session_turn(struct tls_session *x, size_t octets)
{
    x->turn = octets;
}

enum tls_outcome tls_session_handshake(struct tls_session *x, struct err *err)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(x->ssl);
    if (result != 1)
        return outcome_of(x, result, err);
    x->is_done = true;
    x->has_pending = SSL_has_pending(x->ssl) == 1;
    return TLS_DONE;
}

/* The end may be met behind octets that the caller has to give on first, so it stays to be asked for again. */
enum tls_outcome tls_session_read(struct tls_session *x, uint8_t *out, size_t size, size_t *len,
                                  struct err *err)
{
    *len = 0;
    if (x->last == TLS_FAILED)
        *err = *x->why;
    if (x->last == TLS_CLOSED || x->last == TLS_FAILED)
        return x->last;
    ERR_clear_error();
    int result = SSL_read_ex(x->ssl, out, size, len);
    if (result == 1) {
        x->has_pending = SSL_has_pending(x->ssl) == 1;
        return TLS_DONE;
    }
    x->last = outcome_of(x, result, err);
    x->has_pending = x->last != TLS_WAITS;
    if (x->last == TLS_FAILED) {
        x->why = xcalloc(1, sizeof(*x->why));
        *x->why = *err;
    }
    return x->last;
}

bool tls_session_has_pending(const struct tls_session *x)
{
    return x->has_pending;
}

enum tls_outcome tls_session_write(struct tls_session *x, struct span octets, struct err *err)
{
    size_t written = 0;
    int result;

    ERR_clear_error();
    result = SSL_write_ex(x->ssl, octets.data, octets.len, &written);
    return result == 1 ? TLS_DONE : fail(x, err);
}

void tls_session_close(struct tls_session *x)
{
    if (!x->is_done || x->has_failed)
        return;
    ERR_clear_error();
    SSL_shutdown(x->ssl);
    ERR_clear_error();
}

struct evbuffer *tls_session_wire(struct tls_session *x)
{
    return x->wire;
}

bool tls_session_has_spoken(const struct tls_session *x)
{
    return x->has_spoken || x->foreign_len > 0;
}

struct span tls_session_foreign(const struct tls_session *x)
{
    return span_of(x->foreign, x->foreign_len);
}

const char *tls_session_version(const struct tls_session *x)
{
    return SSL_get_version(x->ssl);
}

const char *tls_session_suite(const struct tls_session *x)
{
    return SSL_get_cipher_name(x->ssl);
}

X509 *tls_session_peer(const struct tls_session *x)
{
    return SSL_get0_peer_certificate(x->ssl);
}
