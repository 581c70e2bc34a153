/* SPDX-License-Identifier: Apache-2.0
 *
 * What a snapshot is made of: files good and bad, dates, bindings, sharing. Connections: test_tls_stream.c.
 */
#include "made_certificates.h"

#include <pthread.h>
#include <sys/stat.h>

#include "core/tls.h"
#include "tls_session.h"

static struct made authority, server, other, weak, expired, future;

static int set_up(void **state)
{
    (void)state;
    made_begin();
    make_certificate(&authority, "ca",
                     &(struct wanted_certificate){.name = "Test CA", .is_authority = true});
    make_certificate(&server, "server",
                     &(struct wanted_certificate){.organisation = "Example",
                                                  .name = "CT1",
                                                  .alt_names = "DNS:ct1.example,DNS:*.wild.example",
                                                  .issuer = &authority});
    make_certificate(&other, "other",
                     &(struct wanted_certificate){.name = "other", .issuer = &authority});
    make_certificate(
        &weak, "weak",
        &(struct wanted_certificate){.name = "weak", .issuer = &authority, .rsa_bits = 1024});
    make_certificate(&expired, "expired",
                     &(struct wanted_certificate){
                         .name = "old", .issuer = &authority, .begins_days = -20, .ends_days = -3});
    make_certificate(&future, "future",
                     &(struct wanted_certificate){
                         .name = "new", .issuer = &authority, .begins_days = 5, .ends_days = 90});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_free(&authority);
    made_free(&server);
    made_free(&other);
    made_free(&weak);
    made_free(&expired);
    made_free(&future);
    made_end();
    return 0;
}

/* A file of the folder with this content; a few names stay valid. */
static const char *file_with(const char *name, const void *octets, size_t len)
{
    static char paths[16][128];
    static unsigned next;
    char *path = paths[next++ % 16];
    FILE *f;

    snprintf(path, sizeof(paths[0]), "%s/%s", made_folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(octets, 1, len, f), len);
    fclose(f);
    return path;
}

static size_t read_whole(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    fclose(f);
    return n;
}

static const char *joined(const char *name, const char *first, const char *second)
{
    char text[16384];
    size_t n = read_whole(first, text, sizeof(text));

    n += read_whole(second, text + n, sizeof(text) - n);
    return file_with(name, text, n);
}

static void refused(const struct tls_options *o, enum rc code, const char *words)
{
    struct err err = {0};
    struct tls *t = (struct tls *)1;

    assert_int_equal(tls_new(o, &t, &err), code);
    assert_null(t);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static struct tls_options server_of(const char *certificate, const char *key)
{
    return (struct tls_options){.role = TLS_SERVER, .certificate = certificate, .key = key};
}

static void a_wrong_file_is_named_with_what_is_wrong(void **state)
{
    char text[8192], missing[128], der[128], encrypted[128];
    size_t n = read_whole(server.certificate_file, text, sizeof(text));
    const char *good = server.certificate_file, *key = server.key_file;
    FILE *f;

    (void)state;
    snprintf(missing, sizeof(missing), "%s/missing.pem", made_folder);
    snprintf(der, sizeof(der), "%s/server.der", made_folder);
    f = fopen(der, "w");
    assert_int_equal(i2d_X509_fp(f, server.certificate), 1);
    fclose(f);
    snprintf(encrypted, sizeof(encrypted), "%s/encrypted.key", made_folder);
    f = fopen(encrypted, "w");
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(f, server.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
    fclose(f);
    const struct {
        const char *certificate, *key;
        enum rc code;
        const char *words;
    } rows[] = {
        {missing, key, RC_NOTFOUND, "missing.pem: No such file"},
        {good, missing, RC_NOTFOUND, "missing.pem: No such file"},
        {made_folder, key, RC_IO, "Is a directory"},
        {file_with("empty.pem", "", 0), key, RC_INVALID, "empty.pem: is empty"},
        {file_with("words.pem", "certificate\n", 12), key, RC_INVALID,
         "words.pem: holds no certificate in PEM"},
        {der, key, RC_INVALID, "server.der: holds no certificate in PEM"},
        {key, key, RC_INVALID, "tls-certificate"},
        {file_with("cut.pem", text, n / 2), key, RC_INVALID, "cut.pem: "},
        {good, good, RC_INVALID, "server.pem: holds no private key in PEM"},
        {good, encrypted, RC_INVALID, "encrypted.key: is encrypted"},
        {good, other.key_file, RC_CONFLICT, "other.key does not fit the certificate"},
        {joined("cut2.pem", good, file_with("tail.pem", text, n / 2)), key, RC_INVALID,
         "cut2.pem: "},
        {weak.certificate_file, weak.key_file, RC_INVALID, "weak.pem: ee key too small"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_options o = server_of(rows[i].certificate, rows[i].key);
        refused(&o, rows[i].code, rows[i].words);
    }
}

static void a_file_without_end_is_refused(void **state)
{
    struct tls_options o = server_of("/dev/zero", server.key_file);

    (void)state;
    refused(&o, RC_INVALID, "/dev/zero: is larger than");
}

static void what_belongs_together_is_asked_for(void **state)
{
    struct tls_options o = server_of(server.certificate_file, NULL);

    (void)state;
    refused(&o, RC_CONFLICT, "tls-key is missing");
    o = server_of("", server.key_file);
    refused(&o, RC_CONFLICT, "tls-certificate is missing");
    o = server_of("", "");
    refused(&o, RC_CONFLICT, "needs tls-certificate and tls-key");
    o = server_of(server.certificate_file, server.key_file);
    for (enum tls_ask ask = TLS_ASK_ALL; ask <= TLS_ASK_REQUIRE; ask++) {
        o.ask = ask;
        refused(&o, RC_CONFLICT, "tls-client-certificate needs tls-trust");
    }
    o = (struct tls_options){.role = TLS_CLIENT};
    refused(&o, RC_CONFLICT, "tls-trust is not set");
    o.trust = server.key_file;
    refused(&o, RC_INVALID, "server.key: holds no certificate in PEM");
    o.trust = file_with("nothing.pem", "\n", 1);
    refused(&o, RC_INVALID, "nothing.pem: holds no certificate in PEM");
}

static void the_end_of_certificates_is_known(void **state)
{
    struct tls_options o = server_of(server.certificate_file, server.key_file);
    struct err err = {0};
    struct tls *t;
    int64_t now = (int64_t)time(NULL);

    (void)state;
    o.trust = joined("two.pem", authority.certificate_file, expired.certificate_file);
    assert_int_equal(tls_new(&o, &t, &err), RC_OK);
    assert_in_range(tls_own_end(t), now + 100 * 86400 - 60, now + 100 * 86400);
    assert_in_range(tls_trust_end(t), now - 3 * 86400 - 60, now - 3 * 86400); /* the soonest */
    assert_string_equal(tls_own_name(t), "CN=CT1,O=Example");
    assert_int_equal(tls_check_dates(t, now, &err), RC_OK);
    assert_int_equal(tls_check_dates(t, now + 101 * 86400, &err), RC_CONFLICT);
    assert_non_null(strstr(err.text, "server.pem: CN=CT1,O=Example has expired on 20"));
    tls_unref(t);
}

static void dates_of_every_certificate_of_the_chain_count(void **state)
{
    struct err err = {0};
    struct tls *t;
    const struct {
        const char *certificate, *key, *words;
    } rows[] = {
        {expired.certificate_file, expired.key_file, "CN=old has expired on"},
        {future.certificate_file, future.key_file, "CN=new is not valid before"},
        {joined("chain.pem", server.certificate_file, expired.certificate_file), server.key_file,
         "chain.pem: CN=old has expired on"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_options o = server_of(rows[i].certificate, rows[i].key);
        assert_int_equal(tls_new(&o, &t, &err), RC_OK);
        assert_int_equal(tls_check_dates(t, (int64_t)time(NULL), &err), RC_CONFLICT);
        assert_non_null(strstr(err.text, rows[i].words));
        tls_unref(t);
    }
}

/* ---- bindings ---- */

static void a_binding_has_one_of_three_forms(void **state)
{
    static const struct {
        const char *entry;
        bool is_valid;
    } rows[] = {
        {"dns:ct1.example", true},
        {"DNS:CT1", true},
        {"dns:", false},
        {"dns:a b", false},
        {"dns:*.example", false},
        {"subject:CN=CT1,O=Example", true},
        {"subject:", false},
        {"subject:CN=a\nb", false},
        {"sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef", true},
        {"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", false},
        {"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0", false},
        {"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg", false},
        {"sha256:", false},
        {"", false},
        {"none", false},
        {"ct1.example", false},
        {"md5:0123", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tls_binding_is_valid(rows[i].entry) != rows[i].is_valid)
            fail_msg("'%s'", rows[i].entry);
    }
}

static void a_certificate_fits_what_names_it(void **state)
{
    uint8_t digest[32];
    unsigned len = sizeof(digest);
    char plain[80] = "sha256:", colons[128] = "sha256:", wrong[80], long_name[64];

    (void)state;
    X509_digest(server.certificate, EVP_sha256(), digest, &len);
    for (unsigned i = 0; i < len; i++) {
        sprintf(plain + strlen(plain), "%02x", digest[i]);
        sprintf(colons + strlen(colons), "%s%02X", i ? ":" : "", digest[i]);
    }
    strcpy(wrong, plain);
    wrong[70] = wrong[70] == '0' ? '1' : '0';
    snprintf(long_name, sizeof(long_name), "%.*s", 63, plain);
    const struct {
        const char *entries;
        bool fits;
    } rows[] = {
        {"dns:ct1.example", true},
        {"dns:CT1.Example", true},
        {"dns:ct1", false},
        {"dns:ct1.example.org", false},
        {"dns:a.wild.example", false}, /* a wildcard is nobody's name */
        {"dns:CT1", false},            /* the common name is none of DNS */
        {"subject:CN=CT1,O=Example", true},
        {"subject:CN=CT1", false},
        {"subject:cn=ct1,o=example", false},
        {plain, true},
        {colons, true},
        {wrong, false},
        {long_name, false},
        {"dns:other\nsubject:CN=CT1,O=Example", true},
        {"dns:other\nsubject:CN=x\n", false},
        {"", false},
        {"none", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tls_binding_fits(rows[i].entries, server.certificate) != rows[i].fits)
            fail_msg("'%s'", rows[i].entries);
    }
}

/* ---- sharing ---- */

static struct tls_holder *shared;

static void *use_shared(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        struct tls *t = tls_holder_get(shared);
        if (t && tls_own_end(t) == 0)
            abort();
        tls_unref(t);
    }
    return NULL;
}

static void a_snapshot_lives_as_long_as_anybody_uses_it(void **state)
{
    struct tls_options o = server_of(server.certificate_file, server.key_file);
    struct err err;
    struct tls *t, *mine;
    pthread_t threads[3];

    (void)state;
    shared = tls_holder_new();
    assert_null(tls_holder_get(shared));
    assert_int_equal(tls_new(&o, &t, &err), RC_OK);
    tls_holder_set(shared, t);
    mine = tls_holder_get(shared);
    assert_ptr_equal(mine, t);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_shared, NULL), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(tls_new(&o, &t, &err), RC_OK);
        tls_holder_set(shared, t);
    }
    tls_holder_set(shared, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    tls_holder_free(shared);
    assert_string_equal(tls_own_name(mine), "CN=CT1,O=Example");
    tls_unref(mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_file_is_named_with_what_is_wrong),
        cmocka_unit_test(a_file_without_end_is_refused),
        cmocka_unit_test(what_belongs_together_is_asked_for),
        cmocka_unit_test(the_end_of_certificates_is_known),
        cmocka_unit_test(dates_of_every_certificate_of_the_chain_count),
        cmocka_unit_test(a_binding_has_one_of_three_forms),
        cmocka_unit_test(a_certificate_fits_what_names_it),
        cmocka_unit_test(a_snapshot_lives_as_long_as_anybody_uses_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
