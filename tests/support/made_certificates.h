/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates made while a test runs, as files of a folder that goes with it. Keys are on P-256, which takes no time.
 */
#ifndef TEST_CERTIFICATES_H
#define TEST_CERTIFICATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

struct made {
    X509 *certificate;
    EVP_PKEY *key;
    char certificate_file[128], key_file[128];
};

struct wanted_certificate {
    const char *organisation, *name;
    const char *alt_names;      /* "DNS:localhost,IP:127.0.0.1"; NULL = none */
    const struct made *issuer;  /* NULL = itself */
    int begins_days, ends_days; /* from now; 0, 0 = valid */
    unsigned rsa_bits;          /* 0 = P-256 */
    const EVP_MD *digest;       /* NULL = SHA-256 */
    const char *purpose;        /* extendedKeyUsage; NULL = any */
    bool is_authority;
};

static char made_folder[64];

__attribute__((unused)) static void made_begin(void)
{
    strcpy(made_folder, "/tmp/dppr-tls-XXXXXX");
    assert_non_null(mkdtemp(made_folder));
}

__attribute__((unused)) static void made_end(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", made_folder);
    assert_int_equal(system(command), 0);
}

static void made_write(const char *path, int (*write)(FILE *f, const void *what), const void *what)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(write(f, what), 1);
    fclose(f);
}

static int made_write_certificate(FILE *f, const void *what)
{
    return PEM_write_X509(f, (X509 *)(uintptr_t)what);
}

static int made_write_key(FILE *f, const void *what)
{
    return PEM_write_PrivateKey(f, (EVP_PKEY *)(uintptr_t)what, NULL, NULL, 0, NULL, NULL);
}

static void made_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(certificate, e, -1), 1);
    X509_EXTENSION_free(e);
}

__attribute__((unused)) static void make_certificate(struct made *m, const char *file,
                                                     const struct wanted_certificate *w)
{
    static long serial = 1000;
    X509_NAME *subject;

    m->key = w->rsa_bits ? EVP_RSA_gen(w->rsa_bits) : EVP_EC_gen("P-256");
    m->certificate = X509_new();
    assert_non_null(m->key);
    X509_set_version(m->certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(m->certificate), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(m->certificate), w->begins_days ? w->begins_days : -1, 0,
                     NULL);
    X509_time_adj_ex(X509_getm_notAfter(m->certificate), w->ends_days ? w->ends_days : 100, 0,
                     NULL);
    X509_set_pubkey(m->certificate, m->key);
    subject = X509_get_subject_name(m->certificate);
    if (w->organisation)
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)w->organisation,
                                   -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)w->name, -1, -1, 0);
    X509 *issuer = w->issuer ? w->issuer->certificate : m->certificate;
    X509_set_issuer_name(m->certificate, X509_get_subject_name(issuer));
    made_extend(m->certificate, issuer, NID_basic_constraints,
                w->is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (w->alt_names)
        made_extend(m->certificate, issuer, NID_subject_alt_name, w->alt_names);
    if (w->purpose)
        made_extend(m->certificate, issuer, NID_ext_key_usage, w->purpose);
    assert_true(X509_sign(m->certificate, w->issuer ? w->issuer->key : m->key,
                          w->digest ? w->digest : EVP_sha256()) > 0);
    snprintf(m->certificate_file, sizeof(m->certificate_file), "%s/%s.pem", made_folder, file);
    snprintf(m->key_file, sizeof(m->key_file), "%s/%s.key", made_folder, file);
    made_write(m->certificate_file, made_write_certificate, m->certificate);
    made_write(m->key_file, made_write_key, m->key);
}

__attribute__((unused)) static void made_free(struct made *m)
{
    X509_free(m->certificate);
    EVP_PKEY_free(m->key);
    memset(m, 0, sizeof(*m));
}

#endif
