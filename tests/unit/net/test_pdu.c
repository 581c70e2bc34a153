/* SPDX-License-Identifier: Apache-2.0
 *
 * net/pdu: what goes out comes back the same; what is cut short, stretched or garbled is refused without
 * a step outside the octets given. Bodies are copied into exact heap blocks, so that AddressSanitizer
 * sees the first octet too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/pdu.h"
#include "codec_test.h"

enum { ARENA_LIMIT = 1 << 20 };

static const char *const two_syntaxes[] = {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2"};
static const char *const one_syntax[] = {"1.2.840.10008.1.2"};
static const char *const related[] = {"1.2.3", "1.2.3.4"};

/* A request with every item there is. */
static struct pdu_associate full_request(void)
{
    static struct pdu_context contexts[] = {
        {1, 0, "1.2.840.10008.1.1", (const char **)one_syntax, 1},
        {255, 0, "1.2.840.10008.5.1.4.20.1", (const char **)two_syntaxes, 2},
    };
    static struct pdu_role roles[] = {{"1.2.3.4.5", 0, 1}, {"1.2.3.4.6", 1, 1}};
    static struct pdu_extended extended[] = {{"1.2.3.4.7", {(const uint8_t *)"\1\0\1", 3}},
                                             {"1.2.3.4.8", {NULL, 0}}};
    static struct pdu_common_extended common[] = {
        {"1.2.3.4.9", "1.2.840.10008.4.2", (const char **)related, 2},
        {"1.2.3.4.10", "1.2.840.10008.4.2", NULL, 0},
    };
    return (struct pdu_associate){
        .protocol_version = 1,
        .called_aet = "DPPR",
        .calling_aet = "ABCDEFGHIJKLMNOP",
        .application_context = "1.2.840.10008.3.1.1.1",
        .contexts = contexts,
        .context_count = 2,
        .has_max_length = true,
        .max_length = 16383,
        .implementation_class_uid = "2.25.1",
        .implementation_version = "TEST_1",
        .has_async_window = true,
        .max_ops_invoked = 7,
        .max_ops_performed = 1,
        .roles = roles,
        .role_count = 2,
        .extended = extended,
        .extended_count = 2,
        .common_extended = common,
        .common_extended_count = 2,
        .has_user_identity = true,
        .user_identity = {2, true, {(const uint8_t *)"user", 4}, {(const uint8_t *)"secret", 6}},
    };
}

static struct pdu_associate full_answer(void)
{
    static struct pdu_context contexts[] = {
        {1, PC_ACCEPTED, NULL, (const char **)one_syntax, 1},
        {3, PC_ABSTRACT_SYNTAX_NOT_SUPPORTED, NULL, NULL, 0},
    };
    struct pdu_associate ac = full_request();
    ac.contexts = contexts;
    ac.has_user_identity = false;
    ac.has_user_identity_ac = true;
    ac.user_identity_response = span_of("ticket", 6);
    memset(ac.echoed, 'e', sizeof(ac.echoed));
    memcpy(ac.echoed, "DPPR            SCU             ", 32);
    return ac;
}

static struct buf encoded(enum pdu_type type, const struct pdu_associate *a)
{
    struct buf out;
    buf_init(&out, 0);
    pdu_encode_associate(&out, type, a);
    assert_int_equal(buf_status(&out), RC_OK);
    return out;
}

/* Decode a copy that ends where the block ends. */
static enum rc decode(struct span body, enum pdu_type type, struct arena *arena,
                      struct pdu_associate *out, struct err *err)
{
    uint8_t *copy = malloc(body.len > 0 ? body.len : 1);
    if (body.len > 0) {
        memcpy(copy, body.data, body.len);
    }
    enum rc rc = pdu_decode_associate(span_of(copy, body.len), type, arena, out, err);
    free(copy); /* nothing decoded may point into it */
    return rc;
}

static struct span body_of(const struct buf *pdu)
{
    return span_of(pdu->data + PDU_HEADER_BYTES, pdu->len - PDU_HEADER_BYTES);
}

static enum rc decode_rc(struct span body, enum pdu_type type)
{
    struct arena *arena = arena_new(ARENA_LIMIT);
    struct pdu_associate out;
    struct err err;
    enum rc rc = decode(body, type, arena, &out, &err);
    arena_free(arena);
    return rc;
}

static void header_needs_six_octets_and_a_known_type(void **fixture)
{
    (void)fixture;
    const uint8_t octets[] = {4, 0, 1, 2, 3, 4, 9};
    enum pdu_type type = PDU_ABORT;
    uint32_t body = 0;
    for (size_t n = 0; n < PDU_HEADER_BYTES; n++) {
        assert_int_equal(pdu_decode_header(span_of(octets, n), &type, &body), 0);
    }
    assert_int_equal(pdu_decode_header(span_of(octets, 7), &type, &body), 6);
    assert_int_equal(type, PDU_P_DATA_TF);
    assert_int_equal(body, 0x01020304);
    for (unsigned t = 0; t < 256; t++) {
        uint8_t header[PDU_HEADER_BYTES] = {(uint8_t)t, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
        ssize_t want = t >= 1 && t <= 7 ? PDU_HEADER_BYTES : RC_INVALID;
        assert_int_equal(pdu_decode_header(span_of(header, 6), &type, &body), want);
    }
}

static void request_round_trips_with_every_item(void **fixture)
{
    (void)fixture;
    struct pdu_associate rq = full_request();
    struct pdu_associate got;
    struct err err;
    struct buf pdu = encoded(PDU_ASSOCIATE_RQ, &rq);
    struct arena *arena = arena_new(ARENA_LIMIT);
    assert_int_equal(get_be32(pdu.data + 2), pdu.len - PDU_HEADER_BYTES);
    assert_int_equal(decode(body_of(&pdu), PDU_ASSOCIATE_RQ, arena, &got, &err), RC_OK);

    assert_int_equal(got.protocol_version, 1);
    assert_string_equal(got.called_aet, "DPPR");
    assert_string_equal(got.calling_aet, "ABCDEFGHIJKLMNOP");
    assert_memory_equal(got.echoed, "DPPR            ABCDEFGHIJKLMNOP\0\0", 34);
    assert_string_equal(got.application_context, rq.application_context);
    assert_int_equal(got.context_count, 2);
    assert_int_equal(got.contexts[1].id, 255);
    assert_string_equal(got.contexts[1].abstract_syntax, "1.2.840.10008.5.1.4.20.1");
    assert_int_equal(got.contexts[1].transfer_syntax_count, 2);
    assert_string_equal(got.contexts[1].transfer_syntaxes[0], two_syntaxes[0]);
    assert_string_equal(got.contexts[1].transfer_syntaxes[1], two_syntaxes[1]);
    assert_true(got.has_max_length);
    assert_int_equal(got.max_length, 16383);
    assert_string_equal(got.implementation_class_uid, "2.25.1");
    assert_string_equal(got.implementation_version, "TEST_1");
    assert_true(got.has_async_window);
    assert_int_equal(got.max_ops_invoked, 7);
    assert_int_equal(got.max_ops_performed, 1);
    assert_int_equal(got.role_count, 2);
    assert_string_equal(got.roles[0].sop_class, "1.2.3.4.5");
    assert_int_equal(got.roles[0].scu, 0);
    assert_int_equal(got.roles[0].scp, 1);
    assert_int_equal(got.extended_count, 2);
    assert_true(span_equal(got.extended[0].info, span_of("\1\0\1", 3)));
    assert_int_equal(got.extended[1].info.len, 0);
    assert_int_equal(got.common_extended_count, 2);
    assert_string_equal(got.common_extended[0].service_class, "1.2.840.10008.4.2");
    assert_int_equal(got.common_extended[0].related_general_count, 2);
    assert_string_equal(got.common_extended[0].related_general[1], "1.2.3.4");
    assert_int_equal(got.common_extended[1].related_general_count, 0);
    assert_true(got.has_user_identity);
    assert_int_equal(got.user_identity.type, 2);
    assert_true(got.user_identity.response_requested);
    assert_true(span_equal_str(got.user_identity.primary, "user"));
    assert_true(span_equal_str(got.user_identity.secondary, "secret"));
    assert_false(got.has_user_identity_ac);
    arena_free(arena);
    buf_fini(&pdu);
}

static void answer_round_trips_and_echoes_octets_11_to_74(void **fixture)
{
    (void)fixture;
    struct pdu_associate ac = full_answer();
    struct pdu_associate got;
    struct err err;
    struct buf pdu = encoded(PDU_ASSOCIATE_AC, &ac);
    struct arena *arena = arena_new(ARENA_LIMIT);
    assert_memory_equal(pdu.data + 10, ac.echoed, 64);
    assert_int_equal(decode(body_of(&pdu), PDU_ASSOCIATE_AC, arena, &got, &err), RC_OK);
    assert_memory_equal(got.echoed, ac.echoed, 64);
    assert_int_equal(got.context_count, 2);
    assert_int_equal(got.contexts[0].result, PC_ACCEPTED);
    assert_null(got.contexts[0].abstract_syntax);
    assert_string_equal(got.contexts[0].transfer_syntaxes[0], one_syntax[0]);
    assert_int_equal(got.contexts[1].result, PC_ABSTRACT_SYNTAX_NOT_SUPPORTED);
    assert_int_equal(got.contexts[1].transfer_syntax_count, 0);
    assert_true(got.has_user_identity_ac);
    assert_true(span_equal_str(got.user_identity_response, "ticket"));
    assert_false(got.has_user_identity);
    assert_int_equal(got.common_extended_count, 0); /* never answered */
    arena_free(arena);
    buf_fini(&pdu);
}

static void every_prefix_of_an_associate_pdu_is_refused_or_ends_between_items(void **fixture)
{
    (void)fixture;
    for (int type = PDU_ASSOCIATE_RQ; type <= PDU_ASSOCIATE_AC; type++) {
        struct pdu_associate a = type == PDU_ASSOCIATE_RQ ? full_request() : full_answer();
        struct buf pdu = encoded((enum pdu_type)type, &a);
        struct span body = body_of(&pdu);
        unsigned whole = 0;
        for (size_t n = 0; n < body.len; n++) {
            whole += decode_rc(span_of(body.data, n), (enum pdu_type)type) == RC_OK;
        }
        /* After the fixed part, the application context and each context. */
        assert_int_equal(whole, 4);
        assert_int_equal(decode_rc(body, (enum pdu_type)type), RC_OK);
        buf_fini(&pdu);
    }
}

/* A request of the fixed part and the items given, as octets. */
static enum rc decode_items(const void *items, size_t len, struct arena *arena,
                            struct pdu_associate *out)
{
    struct buf body;
    struct err err;
    buf_init(&body, 0);
    buf_add_be32(&body, 0x00010000);
    buf_add_str(&body, "  A B           \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    while (body.len < 20) {
        buf_add_u8(&body, ' ');
    }
    buf_add(&body, "X\0garbage      ", 16);
    while (body.len < 68) {
        buf_add_u8(&body, 0);
    }
    buf_add(&body, items, len);
    enum rc rc = decode(buf_span(&body), PDU_ASSOCIATE_RQ, arena, out, &err);
    buf_fini(&body);
    return rc;
}
#define DECODE_ITEMS(items, arena, out) decode_items(items, sizeof(items) - 1, arena, out)

static void titles_lose_leading_and_trailing_padding(void **fixture)
{
    (void)fixture;
    struct arena *arena = arena_new(ARENA_LIMIT);
    struct pdu_associate out;
    assert_int_equal(DECODE_ITEMS("", arena, &out), RC_OK);
    assert_string_equal(out.called_aet, "A B");
    assert_string_equal(out.calling_aet, "X");
    assert_null(out.application_context);
    assert_null(out.implementation_class_uid);
    arena_free(arena);
}

static void unknown_items_and_sub_items_are_skipped(void **fixture)
{
    (void)fixture;
    struct arena *arena = arena_new(ARENA_LIMIT);
    struct pdu_associate out;
    assert_int_equal(DECODE_ITEMS("\x7F\0\0\3abc"
                                  "\x10\0\0\3"
                                  "1.2"
                                  "\xFF\0\0\0"
                                  "\x20\0\0\x14\1\0\0\0"
                                  "\x30\0\0\3"
                                  "1.2"
                                  "\x33\0\0\1x"
                                  "\x40\0\0\0"
                                  "\x50\0\0\x12"
                                  "\x5F\0\0\2??"
                                  "\x51\0\0\4\0\0\1\0"
                                  "\x59\0\0\0",
                                  arena, &out),
                     RC_OK);
    assert_string_equal(out.application_context, "1.2");
    assert_int_equal(out.context_count, 1);
    assert_string_equal(out.contexts[0].abstract_syntax, "1.2");
    assert_int_equal(out.contexts[0].transfer_syntax_count, 1);
    assert_int_equal(out.max_length, 256);
    arena_free(arena);
}

static void tolerated_peculiarities(void **fixture)
{
    (void)fixture;
    struct arena *arena = arena_new(ARENA_LIMIT);
    struct pdu_associate out;
    /* UIDs padded with NUL and space, a context without transfer syntax, a long version name, a
     * common extended item of a later version and one with fields to come */
    assert_int_equal(DECODE_ITEMS("\x10\0\0\5"
                                  "1.2\0 "
                                  "\x20\0\0\x0B\1\0\0\0"
                                  "\x30\0\0\3"
                                  "1.2"
                                  "\x50\0\0\x2D"
                                  "\x55\0\0\x12"
                                  "ABC\1EFGHIJKLMNOPQR"
                                  "\x57\1\0\3???"
                                  "\x57\0\0\x0C\0\1"
                                  "1\0\1"
                                  "2\0\0more",
                                  arena, &out),
                     RC_OK);
    assert_string_equal(out.application_context, "1.2");
    assert_int_equal(out.contexts[0].transfer_syntax_count, 0);
    assert_string_equal(out.implementation_version, "ABC?EFGHIJKLMNOP");
    assert_int_equal(out.common_extended_count, 1);
    assert_string_equal(out.common_extended[0].service_class, "2");
    arena_free(arena);
}

static void malformed_items_are_refused(void **fixture)
{
    (void)fixture;
#define CASE(octets)               \
    {                              \
        octets, sizeof(octets) - 1 \
    }
    static const struct {
        const char *octets;
        size_t len;
    } cases[] = {
        CASE("\x10\0\0"),                                 /* half an item header */
        CASE("\x10\0\xFF\xFF"),                           /* longer than the body */
        CASE("\x10\0\0\3\x31\x20\x32"),                   /* a space inside a UID */
        CASE("\x10\0\0\3\x31\0\x32"),                     /* a NUL inside a UID */
        CASE("\x10\0\0\1\xC4"),                           /* not ASCII */
        CASE("\x10\0\0\1\x31\x10\0\0\1\x31"),             /* twice */
        CASE("\x20\0\0\3\1\0\0"),                         /* context too short */
        CASE("\x20\0\0\4\1\0\0\0"),                       /* no abstract syntax */
        CASE("\x20\0\0\x0C\1\0\0\0\x30\0\0\0\x30\0\0\0"), /* two of them */
        CASE("\x20\0\0\x0A\1\0\0\0\x30\0\0\7\x31\x32"),   /* sub-item longer than the item */
        CASE("\x50\0\0\0\x50\0\0\0"),
        CASE("\x50\0\0\7\x51\0\0\3\1\2\3"),
        CASE("\x50\0\0\x09\x51\0\0\5\1\2\3\4\5"),
        CASE("\x50\0\0\x10\x51\0\0\4\1\2\3\4\x51\0\0\4\1\2\3\4"),
        CASE("\x50\0\0\7\x53\0\0\3\1\2\3"),
        CASE("\x50\0\0\7\x54\0\0\3\0\5\x31"),         /* UID length past the item */
        CASE("\x50\0\0\x0A\x54\0\0\6\0\1\x31\0\1\0"), /* an octet left over */
        CASE("\x50\0\0\6\x56\0\0\2\0\1"),
        CASE("\x50\0\0\x0B\x57\0\0\7\0\0\0\0\0\2\0"),
        CASE("\x50\0\0\x0C\x57\0\0\x08\0\0\0\0\0\2\0\7"), /* related UID past its list */
        CASE("\x50\0\0\x08\x58\0\0\4\1\0\0\0"),           /* no secondary field */
        CASE("\x50\0\0\x0A\x58\0\0\6\1\0\0\0\0\1"),
        CASE("\x50\0\0\1\0"),
    };
#undef CASE
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new(ARENA_LIMIT);
        struct pdu_associate out;
        if (decode_items(cases[i].octets, cases[i].len, arena, &out) != RC_INVALID) {
            fail_msg("case %zu was not refused", i);
        }
        arena_free(arena);
    }
}

static void uid_may_have_64_characters_and_not_65(void **fixture)
{
    (void)fixture;
    for (uint8_t n = 64; n <= 65; n++) {
        struct arena *arena = arena_new(ARENA_LIMIT);
        struct pdu_associate out;
        uint8_t item[4 + 65] = {0x10, 0, 0, n};
        memset(item + 4, '1', n);
        assert_int_equal(decode_items(item, 4u + n, arena, &out), n == 64 ? RC_OK : RC_INVALID);
        arena_free(arena);
    }
}

static void contexts_are_limited_to_128(void **fixture)
{
    (void)fixture;
    for (unsigned n = 128; n <= 129; n++) {
        struct arena *arena = arena_new(ARENA_LIMIT);
        struct pdu_associate out;
        struct buf items;
        buf_init(&items, 0);
        for (unsigned i = 0; i < n; i++) {
            buf_add(&items, "\x20\0\0\x08\1\0\0\0\x30\0\0\0", 12);
        }
        assert_int_equal(decode_items(items.data, items.len, arena, &out),
                         n == 128 ? RC_OK : RC_INVALID);
        buf_fini(&items);
        arena_free(arena);
    }
}

static void what_does_not_fit_the_arena_is_refused(void **fixture)
{
    (void)fixture;
    struct pdu_associate rq = full_request();
    struct buf pdu = encoded(PDU_ASSOCIATE_RQ, &rq);
    unsigned refused = 0;
    for (size_t limit = 1; limit < 2048; limit += 7) {
        struct arena *arena = arena_new(limit);
        struct pdu_associate out;
        struct err err;
        enum rc rc = decode(body_of(&pdu), PDU_ASSOCIATE_RQ, arena, &out, &err);
        assert_true(rc == RC_OK || rc == RC_NOMEM);
        refused += rc == RC_NOMEM;
        arena_free(arena);
    }
    assert_true(refused > 50);
    buf_fini(&pdu);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Touch all of a decoded value, so that a stray pointer is found. */
static size_t weigh(const struct pdu_associate *a, bool is_rq)
{
    size_t sum = strlen(a->called_aet) + strlen(a->calling_aet);
    sum += a->application_context ? strlen(a->application_context) : 0;
    sum += a->implementation_class_uid ? strlen(a->implementation_class_uid) : 0;
    sum += a->implementation_version ? strlen(a->implementation_version) : 0;
    for (unsigned i = 0; i < a->context_count; i++) {
        sum += is_rq ? strlen(a->contexts[i].abstract_syntax) : 0;
        for (unsigned k = 0; k < a->contexts[i].transfer_syntax_count; k++) {
            sum += strlen(a->contexts[i].transfer_syntaxes[k]);
        }
    }
    for (unsigned i = 0; i < a->role_count; i++) {
        sum += strlen(a->roles[i].sop_class);
    }
    for (unsigned i = 0; i < a->extended_count; i++) {
        sum += strlen(a->extended[i].sop_class) + a->extended[i].info.len;
    }
    for (unsigned i = 0; i < a->common_extended_count; i++) {
        sum += strlen(a->common_extended[i].service_class);
        for (unsigned k = 0; k < a->common_extended[i].related_general_count; k++) {
            sum += strlen(a->common_extended[i].related_general[k]);
        }
    }
    return sum;
}

static void garbled_associate_pdus_are_survived(void **fixture)
{
    (void)fixture;
    uint32_t seed = 20261123;
    unsigned refused = 0;
    size_t sum = 0;
    struct arena *arena = arena_new(ARENA_LIMIT);
    for (int type = PDU_ASSOCIATE_RQ; type <= PDU_ASSOCIATE_AC; type++) {
        struct pdu_associate a = type == PDU_ASSOCIATE_RQ ? full_request() : full_answer();
        struct buf pdu = encoded((enum pdu_type)type, &a);
        struct span body = body_of(&pdu);
        uint8_t *copy = malloc(body.len);
        for (int round = 0; round < 20000; round++) {
            struct pdu_associate out;
            struct err err;
            memcpy(copy, body.data, body.len);
            for (uint32_t k = next_random(&seed) % 4 + 1; k > 0; k--) {
                copy[64 + next_random(&seed) % (body.len - 64)] = (uint8_t)next_random(&seed);
            }
            size_t len = body.len - (next_random(&seed) % 4 == 0 ? next_random(&seed) % 40 : 0);
            if (decode(span_of(copy, len), (enum pdu_type)type, arena, &out, &err) == RC_OK) {
                sum += weigh(&out, type == PDU_ASSOCIATE_RQ);
            } else {
                refused++;
            }
            arena_reset(arena);
        }
        free(copy);
        buf_fini(&pdu);
    }
    arena_free(arena);
    assert_true(refused > 1000 && refused < 39000);
    assert_true(sum > 0);
}

static void small_pdus_round_trip_and_want_four_octets(void **fixture)
{
    (void)fixture;
    struct buf out;
    struct err err;
    struct pdu_reject rj = {2, 3, 1}, got_rj;
    struct pdu_abort ab = {2, 6}, got_ab;
    buf_init(&out, 0);
    pdu_encode_reject(&out, &rj);
    pdu_encode_abort(&out, &ab);
    pdu_encode_release(&out, PDU_RELEASE_RQ);
    pdu_encode_release(&out, PDU_RELEASE_RP);
    pdu_encode_abort(&out, &(struct pdu_abort){ABORT_SOURCE_USER, 5});
    assert_int_equal(out.len, 50);
    assert_memory_equal(out.data,
                        "\3\0\0\0\0\4\0\2\3\1\7\0\0\0\0\4\0\0\2\6\5\0\0\0\0\4\0\0\0\0"
                        "\6\0\0\0\0\4\0\0\0\0\7\0\0\0\0\4\0\0\0\0",
                        50);
    assert_int_equal(pdu_decode_reject(span_of(out.data + 6, 4), &got_rj, &err), RC_OK);
    assert_memory_equal(&got_rj, &rj, sizeof(rj));
    assert_int_equal(pdu_decode_abort(span_of(out.data + 16, 4), &got_ab, &err), RC_OK);
    assert_memory_equal(&got_ab, &ab, sizeof(ab));
    assert_int_equal(pdu_decode_release(span_of(out.data + 26, 4), &err), RC_OK);
    for (size_t n = 0; n < 6; n++) {
        enum rc want = n == 4 ? RC_OK : RC_INVALID;
        assert_int_equal(pdu_decode_reject(span_of(out.data, n), &got_rj, &err), want);
        assert_int_equal(pdu_decode_abort(span_of(out.data, n), &got_ab, &err), want);
        assert_int_equal(pdu_decode_release(span_of(out.data, n), &err), want);
    }
    buf_fini(&out);
}

static void pdvs_are_walked_exactly(void **fixture)
{
    (void)fixture;
    uint8_t body[64];
    struct pdu_pdv pdv;
    struct err err;
    pdu_encode_pdv_header(body, 1, true, true, 4);
    memcpy(body + 6, "abcd", 4);
    pdu_encode_pdv_header(body + 10, 255, false, false, 3); /* odd: tolerated */
    memcpy(body + 16, "efg", 3);
    pdu_encode_pdv_header(body + 19, 3, false, true, 0); /* empty: tolerated */

    struct span rest = span_of(body, 25);
    assert_int_equal(next_pdv(rest, &pdv, &err), 10);
    assert_int_equal(pdv.context_id, 1);
    assert_true(pdv.is_command && pdv.is_last);
    assert_true(span_equal_str(pdv.fragment, "abcd"));
    assert_int_equal(next_pdv(span_of(body + 10, 15), &pdv, &err), 9);
    assert_int_equal(pdv.context_id, 255);
    assert_false(pdv.is_command || pdv.is_last);
    assert_true(span_equal_str(pdv.fragment, "efg"));
    assert_int_equal(next_pdv(span_of(body + 19, 6), &pdv, &err), 6);
    assert_true(!pdv.is_command && pdv.is_last && pdv.fragment.len == 0);
    assert_int_equal(next_pdv(span_of(body + 25, 0), &pdv, &err), 0);
    for (size_t n = 1; n < 10; n++) {
        assert_int_equal(next_pdv(span_of(body, n), &pdv, &err), RC_INVALID);
    }
    put_be32(body, 1); /* less than the context id and the control header */
    assert_int_equal(next_pdv(span_of(body, 25), &pdv, &err), RC_INVALID);
    put_be32(body, UINT32_MAX);
    assert_int_equal(next_pdv(span_of(body, 25), &pdv, &err), RC_INVALID);
    body[5] = 0xFC; /* reserved bits of the control header are not checked */
    put_be32(body, 6);
    assert_int_equal(next_pdv(span_of(body, 25), &pdv, &err), 10);
    assert_false(pdv.is_command || pdv.is_last);
}

static void prefix_is_both_headers(void **fixture)
{
    (void)fixture;
    uint8_t prefix[12];
    pdu_encode_pdata_prefix(prefix, 7, false, true, 0x10000);
    assert_memory_equal(prefix, "\4\0\0\1\0\6\0\1\0\2\7\2", 12);
}

static void items_too_long_for_their_length_latch_an_error(void **fixture)
{
    (void)fixture;
    static uint8_t big[70000];
    struct pdu_associate rq = full_request();
    struct buf out;
    rq.user_identity.primary = span_of(big, sizeof(big));
    buf_init(&out, 0);
    pdu_encode_associate(&out, PDU_ASSOCIATE_RQ, &rq);
    assert_int_equal(buf_status(&out), RC_LIMIT);
    buf_fini(&out);
    rq.user_identity.primary = span_of(big, 65000); /* fits its field, not the user information */
    buf_init(&out, 0);
    pdu_encode_associate(&out, PDU_ASSOCIATE_RQ, &rq);
    rq.user_identity.primary = span_of(big, 65535);
    pdu_encode_associate(&out, PDU_ASSOCIATE_RQ, &rq);
    assert_int_equal(buf_status(&out), RC_LIMIT);
    buf_fini(&out);
    buf_init(&out, 100);
    pdu_encode_associate(&out, PDU_ASSOCIATE_RQ, &rq);
    assert_int_equal(buf_status(&out), RC_LIMIT);
    buf_fini(&out);
}

static void every_code_has_words(void **fixture)
{
    (void)fixture;
    assert_string_equal(pdu_type_name(PDU_P_DATA_TF), "P-DATA-TF");
    assert_string_equal(pdu_type_name(0), "unknown PDU");
    assert_string_equal(pdu_type_name(8), "unknown PDU");
    assert_string_equal(pdu_reject_text(&(struct pdu_reject){1, 1, 7}),
                        "rejected permanently by the service user: called AE title not recognised");
    assert_string_equal(
        pdu_reject_text(&(struct pdu_reject){2, 3, 2}),
        "rejected for now by the service provider (presentation): local limit exceeded");
    for (unsigned i = 0; i < 1u << 24; i += 4097) {
        assert_non_null(pdu_reject_text(
            &(struct pdu_reject){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}));
    }
    for (unsigned i = 0; i < 1u << 16; i++) {
        assert_non_null(pdu_abort_text(&(struct pdu_abort){(uint8_t)(i >> 8), (uint8_t)i}));
    }
    assert_string_equal(pdu_abort_text(&(struct pdu_abort){2, 2}),
                        "aborted by the service provider: unexpected PDU");
}

static void foreign_protocols_are_named(void **fixture)
{
    (void)fixture;
    static const struct {
        const char *octets;
        enum talk talk;
    } cases[] = {
        {"GET / HTTP/1.1\r\n", TALK_http},
        {"HEAD / HTTP/1.0", TALK_http},
        {"POST /x", TALK_http},
        {"OPTIONS * ", TALK_http},
        {"PRI * HTTP/2.0", TALK_http2},
        {"\x16\x03\x01\x02", TALK_tls},
        {"SSH-2.0-OpenSSH", TALK_ssh},
        {"PROXY TCP4 ", TALK_proxy},
        {"\x0BMSH|^~\\&", TALK_hl7},
        {"hello", TALK_noise},
        {"", TALK_noise},
        {"G", TALK_noise},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(pdu_foreign_protocol(span_str(cases[i].octets)), cases[i].talk);
    }
    assert_int_equal(pdu_foreign_protocol(span_of("\r\n\r\n\0\r\nQUIT\n", 12)), TALK_proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_needs_six_octets_and_a_known_type),
        cmocka_unit_test(request_round_trips_with_every_item),
        cmocka_unit_test(answer_round_trips_and_echoes_octets_11_to_74),
        cmocka_unit_test(every_prefix_of_an_associate_pdu_is_refused_or_ends_between_items),
        cmocka_unit_test(titles_lose_leading_and_trailing_padding),
        cmocka_unit_test(unknown_items_and_sub_items_are_skipped),
        cmocka_unit_test(tolerated_peculiarities),
        cmocka_unit_test(malformed_items_are_refused),
        cmocka_unit_test(uid_may_have_64_characters_and_not_65),
        cmocka_unit_test(contexts_are_limited_to_128),
        cmocka_unit_test(what_does_not_fit_the_arena_is_refused),
        cmocka_unit_test(garbled_associate_pdus_are_survived),
        cmocka_unit_test(small_pdus_round_trip_and_want_four_octets),
        cmocka_unit_test(pdvs_are_walked_exactly),
        cmocka_unit_test(prefix_is_both_headers),
        cmocka_unit_test(items_too_long_for_their_length_latch_an_error),
        cmocka_unit_test(every_code_has_words),
        cmocka_unit_test(foreign_protocols_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
