/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/network.h"
#include "core/proxy.h"

#define SIGNATURE   "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A"
#define IPV4        "\xC0\x00\x02\x07\xC6\x33\x64\x01\xC0\x38\x00\x68" /* 192.0.2.7:49208 to port 104 */
#define V6(last)    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0" last
#define IPV6        V6("\x07") V6("\x01") "\xC0\x38\x00\x68"
#define MAPPED      "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\x00\x02\x07"
#define ALL(octets) octets, sizeof(octets) - 1

/* A heap block of exactly these octets, so that the sanitizer sees whoever reads beyond. */
static enum rc decode(const char *octets, size_t len, struct proxy_header *h, struct err *err)
{
    uint8_t *copy = malloc(len ? len : 1);

    memcpy(copy, octets, len);
    enum rc rc = proxy_decode(span_of(copy, len), h, err);
    free(copy);
    return rc;
}

static void header_says_whose_connection_it_is(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *source; /* NULL = the balancer's own */
    } cases[] = {
        {ALL(SIGNATURE "\x21\x11\x00\x0C" IPV4), "192.0.2.7:49208"},
        {ALL(SIGNATURE "\x21\x21\x00\x24" IPV6), "[2001:db8::7]:49208"},
        {ALL(SIGNATURE "\x21\x21\x00\x24" MAPPED V6("\x01") "\xC0\x38\x00\x68"), "192.0.2.7:49208"},
        /* TLVs: one, one without a value, two, no-operation */
        {ALL(SIGNATURE "\x21\x11\x00\x11" IPV4 "\x02\x00\x02h2"), "192.0.2.7:49208"},
        {ALL(SIGNATURE "\x21\x11\x00\x0F" IPV4 "\x04\x00\x00"), "192.0.2.7:49208"},
        {ALL(SIGNATURE "\x21\x11\x00\x14" IPV4 "\x04\x00\x00\xEA\x00\x02xy"), "192.0.2.7:49208"},
        /* a balancer's own; whatever else such a header says */
        {ALL(SIGNATURE "\x20\x00\x00\x00"), NULL},
        {ALL(SIGNATURE "\x20\x11\x00\x0C" IPV4), NULL},
        {ALL(SIGNATURE "\x20\xFF\x00\x01\x00"), NULL},
        /* no address that means anything here */
        {ALL(SIGNATURE "\x21\x00\x00\x00"), NULL},
        {ALL(SIGNATURE "\x21\x00\x00\x03\xFF\xFF\xFF"), NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct proxy_header h;
        struct err err = {0};
        char host[ADDRESS_TEXT], name[ADDRESS_TEXT];

        assert_int_equal(decode(cases[i].octets, cases[i].len, &h, &err), RC_OK);
        assert_int_equal(h.source.ss_family == AF_UNSPEC, !cases[i].source);
        if (cases[i].source) {
            address_format((struct sockaddr *)&h.source, host, name);
            assert_string_equal(name, cases[i].source);
        }
    }
}

static void local_socket_is_the_balancers_own(void **state)
{
    char octets[PROXY_FIXED_BYTES + 216] = SIGNATURE "\x21\x31\x00\xD8/run/client";
    struct proxy_header h;
    struct err err;

    (void)state;
    assert_int_equal(decode(octets, sizeof(octets), &h, &err), RC_OK);
    assert_int_equal(h.source.ss_family, AF_UNSPEC);
}

static void what_breaks_the_rules_is_refused(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *why;
    } cases[] = {
        {ALL(SIGNATURE "\x11\x11\x00\x0C" IPV4), "of version 1"},
        {ALL(SIGNATURE "\x31\x11\x00\x0C" IPV4), "of version 3"},
        {ALL(SIGNATURE "\x22\x11\x00\x0C" IPV4), "with command 2"},
        {ALL(SIGNATURE "\x2F\x11\x00\x0C" IPV4), "with command 15"},
        {ALL(SIGNATURE "\x21\x12\x00\x0C" IPV4), "of family 0x12"}, /* datagrams */
        {ALL(SIGNATURE "\x21\x22\x00\x24" IPV6), "of family 0x22"},
        {ALL(SIGNATURE "\x21\x10\x00\x0C" IPV4), "of family 0x10"},
        {ALL(SIGNATURE "\x21\x41\x00\x0C" IPV4), "of family 0x41"},
        {ALL(SIGNATURE "\x21\x11\x00\x00"), "of family 0x11 with 0 octets, not 12"},
        {ALL(SIGNATURE "\x21\x11\x00\x0B\xC0\x00\x02\x07\xC6\x33\x64\x01\xC0\x38\x00"),
         "with 11 octets"},
        {ALL(SIGNATURE "\x21\x21\x00\x0C" IPV4), "of family 0x21 with 12 octets, not 36"},
        {ALL(SIGNATURE "\x21\x31\x00\x0C" IPV4), "of family 0x31 with 12 octets, not 216"},
        {ALL(SIGNATURE "\x21\x11\x00\x0D" IPV4 "\x04"), "TLVs do not fit"},
        {ALL(SIGNATURE "\x21\x11\x00\x0E" IPV4 "\x04\x00"), "TLVs do not fit"},
        {ALL(SIGNATURE "\x21\x11\x00\x0F" IPV4 "\x04\x00\x01"), "TLVs do not fit"},
        {ALL(SIGNATURE "\x21\x11\x00\x10" IPV4 "\x04\xFF\xFF\x00"), "TLVs do not fit"},
        {ALL(SIGNATURE "\x21\x11\x00\x13" IPV4 "\x04\x00\x00\x04\x00\x02\x00"), "TLVs do not fit"},
        {ALL(SIGNATURE "\x21\x11\x00\x0C" IPV4 "\x00"), "of 28 octets in 29"},
        {ALL(SIGNATURE "\x21\x11\x00\x0D" IPV4), "of 29 octets in 28"},
        {ALL(SIGNATURE "\x21\x11\x00"), "of 16 octets in 15"},
        {ALL(""), "of 16 octets in 0"},
        {ALL("PROXY TCP4 192.0.2.7 198.51.100.1 49208 104\r\n"), "version 1"},
        {ALL("GET / HTTP/1.1\r\n\r\n"), "no PROXY header"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct proxy_header h;
        struct err err = {0};

        assert_int_equal(decode(cases[i].octets, cases[i].len, &h, &err), RC_INVALID);
        assert_non_null(strstr(err.text, cases[i].why));
    }
}

static void length_is_known_when_its_octets_are_there(void **state)
{
    static const char octets[] = SIGNATURE "\x21\x11\x00\x0C" IPV4;
    struct err err;
    size_t length;

    (void)state;
    for (size_t n = 0; n < sizeof(octets); n++) {
        assert_int_equal(proxy_length(span_of(octets, n), &length, &err), RC_OK);
        assert_int_equal(length, n < 16 ? 16 : 28);
    }
}

static void every_octet_of_the_signature_counts(void **state)
{
    struct err err;
    size_t length;

    (void)state;
    for (size_t n = 0; n < 12; n++) {
        char octets[] = SIGNATURE;

        octets[n] ^= 0x20;
        assert_int_equal(proxy_length(span_of(octets, n), &length, &err), RC_OK);
        assert_int_equal(proxy_length(span_of(octets, n + 1), &length, &err), RC_INVALID);
    }
}

static void length_has_a_bound(void **state)
{
    static const char most[] = SIGNATURE "\x21\x11\x0F\xF0", more[] = SIGNATURE "\x21\x11\x0F\xF1",
                      all[] = SIGNATURE "\x20\x00\xFF\xFF";
    struct err err;
    size_t length;

    (void)state;
    assert_int_equal(proxy_length(span_of(most, 16), &length, &err), RC_OK);
    assert_int_equal(length, PROXY_MAX_BYTES);
    assert_int_equal(proxy_length(span_of(more, 16), &length, &err), RC_LIMIT);
    assert_int_equal(err.limit, LIMIT_proxy_header);
    assert_int_equal(proxy_length(span_of(all, 16), &length, &err), RC_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_says_whose_connection_it_is),
        cmocka_unit_test(local_socket_is_the_balancers_own),
        cmocka_unit_test(what_breaks_the_rules_is_refused),
        cmocka_unit_test(length_is_known_when_its_octets_are_there),
        cmocka_unit_test(every_octet_of_the_signature_counts),
        cmocka_unit_test(length_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
