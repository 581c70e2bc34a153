/* SPDX-License-Identifier: Apache-2.0
 *
 * One TLS connection, for the stream that owns its socket; see tls_session.c. Loop thread only.
 */
#ifndef CORE_TLS_SESSION_H
#define CORE_TLS_SESSION_H

#include <stddef.h>

#include <event2/buffer.h>
#include <openssl/ssl.h>

#include "core/bytes.h"
#include "core/tls.h"

/* ---- tls.c ---- */

SSL_CTX *tls_context(const struct tls *t);
bool tls_is_client(const struct tls *t);
/* The last error of OpenSSL's queue that tells something, which is emptied; and such a one in words. */
unsigned long tls_take_error(void);
const char *tls_error_text(unsigned long error, char *out, size_t size);

/* ---- tls_binding.c ---- */

/* Whether one of the entries (one a line) fits the certificate. */
bool tls_binding_fits(const char *entries, X509 *certificate);
/* "CN=CT1,O=Example", RFC 4514. */
void tls_subject(X509 *certificate, char *out, size_t size);

/* ---- tls_session.c ---- */

struct tls_session;

enum tls_outcome {
    TLS_DONE,
    TLS_WAITS,  /* for octets of the peer */
    TLS_CLOSED, /* the peer says no more */
    TLS_FAILED, /* err says why */
};

/* Reads from fd, which stays the caller's. What is to be sent is collected in *wire*, which the caller sends.
 * name: what a client's peer must be called in its certificate, NULL = whatever. returned: tls_session_free. */
struct tls_session *tls_session_new(struct tls *t, int fd, const char *name);
void tls_session_free(struct tls_session *x); /* NULL is legal */
/* The certificate that is at fault: OpenSSL forgets it before it says so. */
void tls_session_blame(SSL *ssl, X509 *certificate);
/* A turn of the loop begins, in which so many octets at most are read from the socket. */
void tls_session_turn(struct tls_session *x, size_t octets);
enum tls_outcome tls_session_handshake(struct tls_session *x, struct err *err);
/* At most `size` octets into `out`. */
enum tls_outcome tls_session_read(struct tls_session *x, uint8_t *out, size_t size, size_t *len,
                                  struct err *err);
/* Octets, or the end, are here that the socket may not tell of again. */
bool tls_session_has_pending(const struct tls_session *x);
/* One record of at most TLS_RECORD octets, always whole. */
enum { TLS_RECORD = 16 << 10 };
enum tls_outcome tls_session_write(struct tls_session *x, struct span octets, struct err *err);
void tls_session_close(struct tls_session *x); /* close_notify, where that is in order */
struct evbuffer *tls_session_wire(struct tls_session *x);
bool tls_session_has_spoken(const struct tls_session *x); /* something of the peer has come */
/* What a client has said in place of a TLS hello; empty = nothing else has come. */
struct span tls_session_foreign(const struct tls_session *x);
/* Which it has agreed on: "TLSv1.3", "TLS_AES_256_GCM_SHA384". */
const char *tls_session_version(const struct tls_session *x);
const char *tls_session_suite(const struct tls_session *x);
X509 *tls_session_peer(const struct tls_session *x); /* borrowed; NULL = it has shown none */

#endif
