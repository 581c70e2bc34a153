/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS contexts: files into an SSL_CTX, which from then on is read only; OpenSSL lets any number of threads share
 * one. Made whole or not at all, so whoever reads certificates again keeps what it has when the new files are wrong.
 *
 * What is offered and taken (PS3.15 B.12, with RFC 8996 and RFC 9325):
 *
 *   versions     1.2 and 1.3, the latter where both can
 *   suites       AEAD with ephemeral keys only (RFC 9325 4.2): ECDHE first, DHE for peers that have nothing else
 *                (PS3.15 B.10 demanded it of them); the server's order decides
 *   strength     curves of 256 bits and more; DHE groups, RSA keys and signatures of 112 bits of security, which
 *                is OpenSSL's level 2: RSA and DH of 2048 bits, nothing signed with SHA-1
 *   never        renegotiation (it gets an alert), compression, early data
 *   resumption   none: no tickets, no session cache. An association lives long, so a full handshake costs little; a
 *                ticket that all servers of a site can read would be a key to guard and to change on all of them
 *                at once, and a resumed session would pass over a certificate that has been revoked or unbound.
 *
 * Revocation: where the file of trusted certificates holds revocation lists, the peer's certificate is looked up in
 * that of its issuer, and one whose issuer has no list that is in force is refused.
 *
 * Memory: SSL_MODE_RELEASE_BUFFERS gives a connection's record buffers back whenever they are empty, so an idle
 * association keeps none.
 */
#include "core/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/arena.h"
#include "core_internal.h"
#include "tls_session.h"

enum {
    SECURITY_LEVEL = 2,
    MAX_FILE_BYTES = 4 << 20,
    MAX_DEPTH = 8, /* certificates between the peer's and the authority's */
    DATE_TEXT = 32,
};

static const char suites_12[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
static const char suites_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384:P-521";

struct tls {
    atomic_uint holders;
    enum tls_role role;
    SSL_CTX *context;
    char *certificate_file;
    int64_t own_end, trust_end;
    char own_name[256];
};

/* ---- errors ---- */

/* Above the layer where it went wrong the queue goes on with what says nothing. */
static bool says_something(unsigned long error)
{
#ifdef SSL_R_RECORD_LAYER_FAILURE
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_RECORD_LAYER_FAILURE)
        return false;
#endif
    return error != 0;
}

unsigned long tls_take_error(void)
{
    unsigned long told = 0, error;

    while ((error = ERR_get_error()) != 0)
        told = says_something(error) ? error : told;
    return told;
}

const char *tls_error_text(unsigned long error, char *out, size_t size)
{
    const char *reason = error ? ERR_reason_error_string(error) : NULL;

    if (reason)
        snprintf(out, size, "%s", reason);
    else
        snprintf(out, size, "error %08lX", error);
    return out;
}

static enum rc fail_openssl(struct err *err, enum rc code, const char *what, const char *path)
{
    char text[128];

    return err_set(err, code, "%s %s: %s", what, path,
                   tls_error_text(tls_take_error(), text, sizeof(text)));
}

/* ---- files ---- */

/* The whole file in memory; a key must not go through stdio's buffer, which nobody wipes. */
static enum rc read_file(const char *what, const char *path, BIO **out, struct err *err)
{
    FILE *f = fopen(path, "re");
    uint8_t *octets;
    size_t n;

    *out = NULL;
    if (!f)
        return err_set(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, "%s %s: %s", what, path,
                       strerror(errno));
    setvbuf(f, NULL, _IONBF, 0);
    octets = OPENSSL_malloc(MAX_FILE_BYTES);
    if (!octets)
        core_fatal("out of memory for a certificate file");
    n = fread(octets, 1, MAX_FILE_BYTES, f);
    int error = ferror(f) ? errno : 0;
    bool is_larger = n == MAX_FILE_BYTES;
    fclose(f);
    if (!error && !is_larger && n > 0) {
        *out = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
        if (!*out || BIO_write(*out, octets, (int)n) != (int)n)
            core_fatal("out of memory for a certificate file");
    }
    OPENSSL_clear_free(octets, MAX_FILE_BYTES);
    if (error)
        return err_set(err, RC_IO, "%s %s: %s", what, path, strerror(error));
    if (is_larger)
        return err_set(err, RC_INVALID, "%s %s: is larger than %d octets", what, path,
                       MAX_FILE_BYTES);
    if (n == 0)
        return err_set(err, RC_INVALID, "%s %s: is empty", what, path);
    return RC_OK;
}

/* Whether reading PEM ended because there is no more of it. */
static bool is_end_of_pem(void)
{
    unsigned long last = ERR_peek_last_error();

    return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

/* ---- dates ---- */

static int64_t unix_of(const ASN1_TIME *t)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void note_end(int64_t *soonest, const X509 *certificate)
{
    int64_t end = unix_of(X509_get0_notAfter(certificate));

    if (*soonest == 0 || end < *soonest)
        *soonest = end;
}

static const char *date_text(int64_t unix_s, char out[DATE_TEXT])
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, DATE_TEXT, "%Y-%m-%d %H:%M UTC", &tm);
    return out;
}

static enum rc check_dates(const char *path, X509 *certificate, int64_t now, struct err *err)
{
    int64_t begin = unix_of(X509_get0_notBefore(certificate));
    int64_t end = unix_of(X509_get0_notAfter(certificate));
    char subject[160], date[DATE_TEXT];

    tls_subject(certificate, subject, sizeof(subject));
    if (now > end)
        return err_set(err, RC_CONFLICT, "tls-certificate %s: %s has expired on %s", path, subject,
                       date_text(end, date));
    if (now < begin)
        return err_set(err, RC_CONFLICT, "tls-certificate %s: %s is not valid before %s", path,
                       subject, date_text(begin, date));
    return RC_OK;
}

enum rc tls_check_dates(const struct tls *t, int64_t unix_s, struct err *err)
{
    X509 *own = SSL_CTX_get0_certificate(t->context);
    STACK_OF(X509) *chain = NULL;
    enum rc rc = own ? check_dates(t->certificate_file, own, unix_s, err) : RC_OK;

    SSL_CTX_get0_chain_certs(t->context, &chain);
    for (int i = 0; rc == RC_OK && i < sk_X509_num(chain); i++)
        rc = check_dates(t->certificate_file, sk_X509_value(chain, i), unix_s, err);
    return rc;
}

/* ---- certificate and key ---- */

/* A passphrase cannot be asked for. */
static int no_passphrase(char *out, int size, int is_writing, void *was_asked)
{
    (void)out;
    (void)size;
    (void)is_writing;
    *(bool *)was_asked = true;
    return -1;
}

static enum rc use_certificates(struct tls *t, const char *path, struct err *err)
{
    static const char what[] = "tls-certificate";
    BIO *bio;
    X509 *certificate;
    unsigned count = 0;
    enum rc rc = read_file(what, path, &bio, err);

    ERR_clear_error();
    while (rc == RC_OK && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        bool ok = count == 0 ? SSL_CTX_use_certificate(t->context, certificate) == 1
                             : SSL_CTX_add1_chain_cert(t->context, certificate) == 1;
        if (ok && count++ == 0) {
            t->own_end = unix_of(X509_get0_notAfter(certificate));
            tls_subject(certificate, t->own_name, sizeof(t->own_name));
        }
        X509_free(certificate);
        if (!ok)
            rc = fail_openssl(err, RC_INVALID, what, path);
    }
    if (rc == RC_OK && count == 0 && is_end_of_pem())
        rc = err_set(err, RC_INVALID, "%s %s: holds no certificate in PEM (BEGIN CERTIFICATE)",
                     what, path);
    else if (rc == RC_OK && !is_end_of_pem())
        rc = fail_openssl(err, RC_INVALID, what, path);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static enum rc use_key(struct tls *t, const struct tls_options *o, struct err *err)
{
    static const char what[] = "tls-key";
    bool wants_passphrase = false;
    EVP_PKEY *key = NULL;
    BIO *bio;
    enum rc rc = read_file(what, o->key, &bio, err);

    ERR_clear_error();
    if (rc == RC_OK) {
        key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &wants_passphrase);
        if (!key && wants_passphrase)
            rc = err_set(
                err, RC_INVALID,
                "%s %s: is encrypted; write it without a passphrase, readable for the server "
                "alone",
                what, o->key);
        else if (!key) /* OpenSSL's decoders only say that none of them is for it */
            rc = err_set(err, RC_INVALID, "%s %s: holds no private key in PEM (BEGIN PRIVATE KEY)",
                         what, o->key);
    }
    if (rc == RC_OK && X509_check_private_key(SSL_CTX_get0_certificate(t->context), key) != 1)
        rc = err_set(err, RC_CONFLICT,
                     "tls-key %s does not fit the certificate of tls-certificate %s", o->key,
                     o->certificate);
    if (rc == RC_OK && SSL_CTX_use_PrivateKey(t->context, key) != 1)
        rc = fail_openssl(err, RC_INVALID, what, o->key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

/* ---- trust ---- */

static enum rc trust_one(struct tls *t, X509_STORE *store, const X509_INFO *info,
                         unsigned counts[2])
{
    if (info->x509) {
        /* OpenSSL notes what a certificate's extensions say when it is first asked; the threads shall find that done. */
        (void)X509_check_purpose(info->x509, -1, 0);
        if (X509_STORE_add_cert(store, info->x509) != 1 ||
            (t->role == TLS_SERVER && SSL_CTX_add_client_CA(t->context, info->x509) != 1))
            return RC_INVALID;
        note_end(&t->trust_end, info->x509);
        counts[0]++;
    }
    if (info->crl) {
        if (X509_STORE_add_crl(store, info->crl) != 1)
            return RC_INVALID;
        counts[1]++;
    }
    return RC_OK;
}

static enum rc use_trust(struct tls *t, const char *path, struct err *err)
{
    static const char what[] = "tls-trust";
    X509_STORE *store = SSL_CTX_get_cert_store(t->context);
    STACK_OF(X509_INFO) *infos = NULL;
    unsigned counts[2] = {0, 0}; /* certificates, revocation lists */
    BIO *bio;
    enum rc rc = read_file(what, path, &bio, err);

    ERR_clear_error();
    if (rc == RC_OK) {
        infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
        if (!infos)
            rc = fail_openssl(err, RC_INVALID, what, path);
    }
    for (int i = 0; rc == RC_OK && i < sk_X509_INFO_num(infos); i++) {
        if (trust_one(t, store, sk_X509_INFO_value(infos, i), counts) != RC_OK)
            rc = fail_openssl(err, RC_INVALID, what, path);
    }
    if (rc == RC_OK && counts[0] == 0)
        rc = err_set(err, RC_INVALID, "%s %s: holds no certificate in PEM (BEGIN CERTIFICATE)",
                     what, path);
    if (rc == RC_OK && counts[1] > 0)
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

/* ---- the context ---- */

static void set_profile(SSL_CTX *c)
{
    SSL_CTX_set_security_level(c, SECURITY_LEVEL);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c,
                     SSL_MODE_RELEASE_BUFFERS |
                         SSL_MODE_NO_AUTO_CHAIN); /* the file says what is shown, not the trust */
    SSL_CTX_set_read_ahead(c, 1);                 /* one recv for header and body of a record */
    SSL_CTX_set_verify_depth(c, MAX_DEPTH);
    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, suites_12) != 1 || SSL_CTX_set_ciphersuites(c, suites_13) != 1 ||
        SSL_CTX_set1_groups_list(c, groups) != 1 || SSL_CTX_set_dh_auto(c, 1) != 1 ||
        SSL_CTX_set_num_tickets(c, 0) != 1)
        core_fatal("this OpenSSL lacks what PS3.15 B.12 wants");
    /* A certificate in the file is trusted even where its issuer is not there. */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(c), X509_V_FLAG_PARTIAL_CHAIN);
}

static int on_verified(int is_good, X509_STORE_CTX *chain)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *certificate = X509_STORE_CTX_get_current_cert(chain);

    if (!is_good && certificate)
        tls_session_blame(ssl, certificate);
    return is_good;
}

static void set_verify(SSL_CTX *c, const struct tls_options *o)
{
    int mode = SSL_VERIFY_NONE;

    if (o->role == TLS_CLIENT && !o->trusts_anybody)
        mode = SSL_VERIFY_PEER;
    if (o->role == TLS_SERVER && o->ask != TLS_ASK_NONE)
        mode = SSL_VERIFY_PEER | (o->ask == TLS_ASK_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(c, mode, on_verified);
}

static bool is_given(const char *path)
{
    return path && *path;
}

static enum rc check_options(const struct tls_options *o, struct err *err)
{
    if (is_given(o->certificate) != is_given(o->key))
        return err_set(err, RC_CONFLICT, "tls-certificate and tls-key come together: %s is missing",
                       is_given(o->key) ? "tls-certificate" : "tls-key");
    if (o->role == TLS_SERVER && !is_given(o->certificate))
        return err_set(err, RC_CONFLICT, "a server of TLS needs tls-certificate and tls-key");
    if (o->role == TLS_SERVER && o->ask != TLS_ASK_NONE && !is_given(o->trust))
        return err_set(
            err, RC_CONFLICT,
            "tls-client-certificate needs tls-trust, to tell whose certificates are good");
    if (o->role == TLS_CLIENT && !o->trusts_anybody && !is_given(o->trust))
        return err_set(err, RC_CONFLICT,
                       "tls-trust is not set: nobody's certificate could be verified");
    return RC_OK;
}

enum rc tls_new(const struct tls_options *o, struct tls **out, struct err *err)
{
    struct tls *t;
    enum rc rc = check_options(o, err);

    *out = NULL;
    if (rc != RC_OK)
        return rc;
    t = xcalloc(1, sizeof(*t));
    atomic_init(&t->holders, 1);
    t->role = o->role;
    t->context = SSL_CTX_new(o->role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    if (!t->context)
        core_fatal("out of memory for a TLS context");
    set_profile(t->context);
    set_verify(t->context, o);
    if (is_given(o->certificate)) {
        t->certificate_file = xstrdup(o->certificate);
        rc = use_certificates(t, o->certificate, err);
        if (rc == RC_OK)
            rc = use_key(t, o, err);
    }
    if (rc == RC_OK && is_given(o->trust))
        rc = use_trust(t, o->trust, err);
    if (rc != RC_OK) {
        tls_unref(t);
        return rc;
    }
    *out = t;
    return RC_OK;
}

struct tls *tls_ref(struct tls *t)
{
    atomic_fetch_add_explicit(&t->holders, 1, memory_order_relaxed);
    return t;
}

void tls_unref(struct tls *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->holders, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(t->context);
    free(t->certificate_file);
    free(t);
}

int64_t tls_own_end(const struct tls *t)
{
    return t->own_end;
}

int64_t tls_trust_end(const struct tls *t)
{
    return t->trust_end;
}

const char *tls_own_name(const struct tls *t)
{
    return t->own_name;
}

SSL_CTX *tls_context(const struct tls *t)
{
    return t->context;
}

bool tls_is_client(const struct tls *t)
{
    return t->role == TLS_CLIENT;
}

/* ---- the one in force ---- */

struct tls_holder {
    pthread_mutex_t lock; /* a leaf: guards `now`, and nothing is called under it */
    struct tls *now;
};

struct tls_holder *tls_holder_new(void)
{
    struct tls_holder *h = xcalloc(1, sizeof(*h));

    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void tls_holder_free(struct tls_holder *h)
{
    if (!h)
        return;
    tls_unref(h->now);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void tls_holder_set(struct tls_holder *h, struct tls *t)
{
    struct tls *before;

    pthread_mutex_lock(&h->lock);
    before = h->now;
    h->now = t;
    pthread_mutex_unlock(&h->lock);
    tls_unref(before);
}

struct tls *tls_holder_get(struct tls_holder *h)
{
    struct tls *t;

    pthread_mutex_lock(&h->lock);
    t = h->now ? tls_ref(h->now) : NULL;
    pthread_mutex_unlock(&h->lock);
    return t;
}
