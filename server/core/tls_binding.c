/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that a peer is bound to, and how a certificate is named. A binding by name holds over renewals, as the
 * authority gives the same name again; a binding by fingerprint holds for one certificate, so before a renewal
 * the new one's is entered beside it. Names are compared whole: a wildcard in a certificate fits no binding.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "tls_session.h"

enum { SHA256_BYTES = 32, NAME_BYTES = 1024, HOST_MAX = 253 };

static const char dns[] = "dns:", subject[] = "subject:", sha256[] = "sha256:";

static bool has_prefix(struct span entry, const char *prefix, struct span *rest)
{
    size_t n = strlen(prefix);

    if (entry.len <= n || strncasecmp((const char *)entry.data, prefix, n) != 0)
        return false;
    *rest = span_of(entry.data + n, entry.len - n);
    return true;
}

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* 32 pairs of digits, with or without colons between them. */
static bool read_digest(struct span text, uint8_t out[SHA256_BYTES])
{
    size_t at = 0;

    for (unsigned i = 0; i < SHA256_BYTES; i++) {
        if (i > 0 && at < text.len && text.data[at] == ':')
            at++;
        int high = at + 1 < text.len ? digit_of(text.data[at]) : -1;
        int low = high >= 0 ? digit_of(text.data[at + 1]) : -1;
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return at == text.len;
}

static bool is_host(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!isalnum(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= HOST_MAX;
}

bool tls_binding_is_valid(const char *entry)
{
    struct span rest;
    uint8_t digest[SHA256_BYTES];

    if (has_prefix(span_str(entry), dns, &rest))
        return is_host(rest);
    if (has_prefix(span_str(entry), sha256, &rest))
        return read_digest(rest, digest);
    return has_prefix(span_str(entry), subject, &rest) && !strchr(entry, '\n');
}

void tls_subject(X509 *certificate, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = 0;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        n = BIO_read(bio, out, (int)size - 1);
    out[n > 0 ? n : 0] = '\0';
    BIO_free(bio);
}

static bool has_dns(X509 *certificate, struct span name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool fits = false;

    for (int i = 0; !fits && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type != GEN_DNS)
            continue;
        fits = (size_t)ASN1_STRING_length(n->d.dNSName) == name.len &&
               strncasecmp((const char *)ASN1_STRING_get0_data(n->d.dNSName),
                           (const char *)name.data, name.len) == 0;
    }
    GENERAL_NAMES_free(names);
    return fits;
}

static bool has_subject(X509 *certificate, struct span wanted)
{
    char text[NAME_BYTES];

    tls_subject(certificate, text, sizeof(text));
    return span_equal(span_str(text), wanted);
}

static bool has_digest(X509 *certificate, struct span text)
{
    uint8_t wanted[SHA256_BYTES], found[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    return read_digest(text, wanted) && X509_digest(certificate, EVP_sha256(), found, &len) == 1 &&
           len == SHA256_BYTES && memcmp(wanted, found, SHA256_BYTES) == 0;
}

static bool fits_one(struct span entry, X509 *certificate)
{
    struct span rest;

    if (has_prefix(entry, dns, &rest))
        return has_dns(certificate, rest);
    if (has_prefix(entry, subject, &rest))
        return has_subject(certificate, rest);
    return has_prefix(entry, sha256, &rest) && has_digest(certificate, rest);
}

bool tls_binding_fits(const char *entries, X509 *certificate)
{
    while (*entries) {
        size_t len = strcspn(entries, "\n");
        if (fits_one(span_of(entries, len), certificate))
            return true;
        entries += len + (entries[len] == '\n');
    }
    return false;
}
