/* SPDX-License-Identifier: Apache-2.0
 *
 * core/tls: what a side of a TLS connection is made of: certificate chain, key and trusted certificates, read from
 * files once into a snapshot that never changes.
 *
 * A snapshot is shared by any number of threads and connections, which hold it by reference; whoever reads the files
 * again makes a new one. Connections go on with that which they began with. What is offered and taken is that of
 * PS3.15 B.12 (BCP 195: RFC 8996, RFC 9325): see tls.c.
 */
#ifndef CORE_TLS_H
#define CORE_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct tls;

enum tls_role { TLS_SERVER, TLS_CLIENT };

/* Of a server: whether it asks its clients for a certificate. One that comes is verified in any case. */
enum tls_ask { TLS_ASK_NONE, TLS_ASK_ALL, TLS_ASK_REQUIRE };

/* PEM files; NULL or "" = none. Certificate and key come together: a server's always, a client's where it has one. */
struct tls_options {
    enum tls_role role;
    const char *certificate; /* its own first, then those that lead to the authority */
    const char *key;
    const char
        *trust; /* certificates that are trusted, and revocation lists, which then are asked */
    enum tls_ask ask;
    bool trusts_anybody; /* a client that verifies neither certificate nor name */
};

/* err names the file and what is wrong with it. RC_NOTFOUND, RC_IO: cannot be read; RC_INVALID: what it holds;
 * RC_CONFLICT: files that do not belong together. Certificates that have expired are no error: tls_check_dates. */
MUST_CHECK enum rc tls_new(const struct tls_options *o, struct tls **out,
                           struct err *err); /* returned: tls_unref */
struct tls *tls_ref(struct tls *t);          /* any thread */
void tls_unref(struct tls *t);               /* any thread; NULL is legal */

/* Unix seconds when its own certificate, or the first of the trusted ones, ends; 0 = there is none. */
int64_t tls_own_end(const struct tls *t);
int64_t tls_trust_end(const struct tls *t);
/* RC_CONFLICT: its own certificate is not valid at this time, or one that leads to the authority. */
MUST_CHECK enum rc tls_check_dates(const struct tls *t, int64_t unix_s, struct err *err);
const char *
tls_own_name(const struct tls *t); /* the subject of its own certificate; "" = there is none */

/* The snapshot in force, for threads that take one for each new connection. Any thread. */
struct tls_holder;
struct tls_holder *tls_holder_new(void);    /* returned: tls_holder_free; holds nothing */
void tls_holder_free(struct tls_holder *h); /* NULL is legal; nobody uses it any more */
void tls_holder_set(struct tls_holder *h, struct tls *t); /* takes t (owned), NULL = none */
struct tls *tls_holder_get(struct tls_holder *h);         /* returned: tls_unref; NULL = none */

/* Certificates that a peer is bound to: entries, one a line, of which one must fit:
 *
 *   dns:ct1.example                 a name (subjectAltName) of the certificate, which a renewal keeps
 *   subject:CN=CT1,O=Example        its whole subject as RFC 4514 writes it, likewise
 *   sha256:9f86d0...                the fingerprint of this one certificate (64 digits, colons between pairs do no harm)
 */
bool tls_binding_is_valid(const char *entry);

#endif
