/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "dcm/convert.h"

static void digest_of(struct fixture *f, const struct dcm_item *item, uint8_t out[DCM_DIGEST_BYTES])
{
    assert_int_equal(dcm_digest(item, out, &f->err), RC_OK);
}

static bool is_same(struct fixture *f, const struct dcm_item *a, const struct dcm_item *b)
{
    uint8_t x[DCM_DIGEST_BYTES], y[DCM_DIGEST_BYTES];
    digest_of(f, a, x);
    digest_of(f, b, y);
    return memcmp(x, y, sizeof x) == 0;
}

/* Standard and private elements, all VRs with numbers, sequences in sequences, values of 70,000 octets. */
static struct dcm_item *rich(struct fixture *f)
{
    struct dcm_item *item = dcm_item_new(f->arena);
    size_t len = 70000;
    char *text = arena_alloc(f->arena, len + 1);
    uint8_t *numbers = arena_alloc(f->arena, len);
    assert_true(text && numbers);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)('a' + i % 26);
        numbers[i] = (uint8_t)(i * 31);
    }
    dcm_put_text(f->arena, item, TAG_SpecificCharacterSet, NULL, "ISO_IR 100");
    dcm_put_text(f->arena, item, TAG_SOPClassUID, NULL, UID_CT_DEFINED_PROTOCOL);
    dcm_put_text(f->arena, item, TAG_SOPInstanceUID, NULL, "2.25.17");
    dcm_put_text(f->arena, item, TAG_ProtocolName, NULL,
                 "Gr\xF6\xDF"
                 "e");
    dcm_put_text(f->arena, item, TAG_SoftwareVersions, NULL, "V1\\V2 \\");
    dcm_put(f->arena, item, TAG_Manufacturer, NULL, span_str(""));
    dcm_put_text(f->arena, item, TAG(0x0018, 0x0050), NULL, " 0.10");
    dcm_put(f->arena, item, TAG(0x0018, 0x9306), NULL, OCTETS("\x9A\x99\x99\x99\x99\x99\xB9\x3F"));
    dcm_put(f->arena, item, TAG(0x0018, 0x9938), NULL, span_of(numbers, len));
    dcm_put(f->arena, item, TAG(0x0028, 0x0106), "SS", OCTETS("\x01\x80"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0026), NULL, OCTETS("\x18\x00\x30\x10\x08\x00\x70\x00"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0065), "OB", OCTETS("\x01\x02\x03"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0069), "OW", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0067), "OF", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0073), "OD", OCTETS("\x01\x02\x03\x04\x05\x06\x07\x08"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0075), "OL", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0076), "FL", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0072, 0x007C), "SL", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0072, 0x0078), "UL", OCTETS("\x01\x02\x03\x04"));
    dcm_put(f->arena, item, TAG(0x0018, 0x9917), "UT", span_of(text, len));
    dcm_put(f->arena, item, TAG_PotentialReasonsForProcedure, NULL, span_str("one\\two "));

    dcm_put_text(f->arena, item, TAG(0x0099, 0x0010), NULL, "DPPR TEST");
    dcm_put(f->arena, item, TAG(0x0099, 0x1001), "FD", OCTETS("\x01\x02\x03\x04\x05\x06\x07\x08"));
    dcm_put(f->arena, item, TAG(0x0099, 0x1002), "LO", OCTETS("private"));
    dcm_put(f->arena, item, TAG(0x0099, 0x1003), "UN", OCTETS("\x00\x01\x02\x03"));
    dcm_put(f->arena, item, TAG(0x0099, 0x1004), "UN", OCTETS("\xFE\xFF\x00\xE0 no item"));
    dcm_put(f->arena, item, TAG(0x0099, 0x1006), "SQ", span_str(""));
    dcm_put(f->arena, item, TAG(0x0099, 0x1007), "US", OCTETS("\x01\x02"));

    struct dcm_element *outer = dcm_put(f->arena, item, TAG(0x0018, 0x991F), "SQ", span_str(""));
    for (unsigned i = 0; i < 3; i++) {
        struct dcm_item *element = dcm_add_item(f->arena, outer);
        dcm_put(f->arena, element, TAG(0x0018, 0x9921), "US", OCTETS("\x01\x00"));
        struct dcm_element *inner =
            dcm_put(f->arena, element, TAG(0x0018, 0x9913), "SQ", span_str(""));
        for (unsigned j = 0; j < 2; j++) {
            struct dcm_item *in = dcm_add_item(f->arena, inner);
            dcm_put_text(f->arena, in, TAG(0x0082, 0x0032), NULL, "EQUAL");
            dcm_put_text(f->arena, in, TAG(0x0099, 0x0010), NULL, "DPPR TEST");
            dcm_put_text(f->arena, in, TAG(0x0099, 0x1002), "SH", "deep");
        }
        (void)dcm_add_item(f->arena, inner);
    }
    struct dcm_element *private_sq =
        dcm_put(f->arena, item, TAG(0x0099, 0x1005), "SQ", span_str(""));
    struct dcm_item *in = dcm_add_item(f->arena, private_sq);
    dcm_put_text(f->arena, in, TAG_Manufacturer, NULL, "ACME");
    struct dcm_element *deeper = dcm_put(f->arena, in, TAG(0x0099, 0x1005), "SQ", span_str(""));
    dcm_put(f->arena, dcm_add_item(f->arena, deeper), TAG(0x0028, 0x0010), NULL,
            OCTETS("\x01\x02"));
    return item;
}

static struct buf must_write(struct fixture *f, const struct dcm_item *item, const char *ts)
{
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(ts), &out, &f->err), RC_OK);
    return out;
}

static struct buf must_convert(struct fixture *f, struct span octets, const char *from,
                               const char *to)
{
    struct buf out;
    buf_init(&out, 0);
    enum rc rc = dcm_convert(octets, dcm_ts_find(from), dcm_ts_find(to), NULL, &out, &f->err);
    if (rc != RC_OK)
        fail_msg("%s to %s: %s", dcm_uid_name(from), dcm_uid_name(to), f->err.text);
    assert_int_equal(out.len % 2, 0);
    return out;
}

static void content_survives_every_pair_of_syntaxes(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = rich(f);
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf from = must_write(f, item, dcm_ts_uids[i]);
        for (size_t j = 0; dcm_ts_uids[j]; j++) {
            struct buf to = must_convert(f, buf_span(&from), dcm_ts_uids[i], dcm_ts_uids[j]);
            assert_true(is_same(f, item, must_read(f, buf_span(&to), dcm_ts_uids[j])));
            buf_fini(&to);
        }
        buf_fini(&from);
    }
}

/* A private sequence is one in every syntax: it must not come back as octets. */
static void conversion_keeps_sequences_sequences(void **state)
{
    struct fixture *f = *state;
    struct buf explicit_le = must_write(f, rich(f), UID_EXPLICIT_LE);
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf to = must_convert(f, buf_span(&explicit_le), UID_EXPLICIT_LE, dcm_ts_uids[i]);
        struct dcm_item *item = must_read(f, buf_span(&to), dcm_ts_uids[i]);
        struct dcm_element *sq = dcm_find(item, TAG(0x0099, 0x1005));
        assert_string_equal(sq->vr, "SQ");
        assert_int_equal(sq->item_count, 1);
        sq = dcm_find(item, TAG(0x0018, 0x991F));
        assert_int_equal(sq->item_count, 3);
        assert_int_equal(dcm_find(sq->items, TAG(0x0018, 0x9913))->item_count, 3);
        buf_fini(&to);
    }
    buf_fini(&explicit_le);
}

static void conversion_drops_group_lengths_and_padding(void **state)
{
    static const char octets[] = "\x08\x00\x00\x00UL\x04\x00\x0C\0\0\0"
                                 "\x08\x00\x70\x00LO\x04\x00"
                                 "ACME"
                                 "\xFC\xFF\xFC\xFFOB\0\0\x04\0\0\0\0\0\0\0";
    struct fixture *f = *state;
    struct buf to = must_convert(f, OCTETS(octets), UID_EXPLICIT_LE, UID_IMPLICIT_LE);
    assert_span_equal(buf_span(&to), OCTETS("\x08\x00\x70\x00\x04\0\0\0ACME"));
    buf_fini(&to);
    assert_non_null(
        dcm_find(must_read(f, OCTETS(octets), UID_EXPLICIT_LE), TAG_DataSetTrailingPadding));
}

static void conversion_refuses_what_the_scanner_refuses(void **state)
{
    struct fixture *f = *state;
    struct buf out;
    buf_init(&out, 0);
    struct dcm_limits limits = {.max_bytes = 10};
    const struct dcm_ts *le = dcm_ts_find(UID_EXPLICIT_LE), *be = dcm_ts_find(UID_EXPLICIT_BE);
    assert_int_equal(dcm_convert(OCTETS("\x08\x00\x70\x00LO\x06\x00"
                                        "ACME"),
                                 le, be, NULL, &out, &f->err),
                     RC_INVALID);
    assert_int_equal(dcm_convert(OCTETS("\x08\x00\x70\x00LO\x04\x00"
                                        "ACME"),
                                 le, be, &limits, &out, &f->err),
                     RC_LIMIT);
    assert_int_equal(
        dcm_convert(OCTETS("nonsense"), dcm_ts_find(UID_DEFLATED_LE), be, NULL, &out, &f->err),
        RC_INVALID);
    assert_int_equal(out.len, 0);
    buf_fini(&out);
    buf_init(&out, 8);
    assert_int_equal(dcm_convert(OCTETS("\x08\x00\x70\x00LO\x04\x00"
                                        "ACME"),
                                 le, be, NULL, &out, &f->err),
                     RC_LIMIT);
    buf_fini(&out);
}

/* A sequence where the dictionary has text: Implicit VR would give it undefined length, which text cannot have. */
static void conversion_to_what_cannot_be_read_is_unsupported(void **state)
{
    struct fixture *f = *state;
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(dcm_convert(OCTETS("\x08\x00\x70\x00SQ\x00\x00\x08\x00\x00\x00"
                                        "\xFE\xFF\x00\xE0\x00\x00\x00\x00"),
                                 dcm_ts_find(UID_EXPLICIT_LE), dcm_ts_find(UID_IMPLICIT_LE), NULL,
                                 &out, &f->err),
                     RC_UNSUPPORTED);
    assert_int_equal(f->err.code, RC_UNSUPPORTED);
    assert_non_null(strstr(f->err.text, "would change"));
    assert_int_equal(out.len, 0);
    buf_fini(&out);
}

static void empty_data_set_converts(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf to = must_convert(f, span_of(NULL, 0), UID_EXPLICIT_LE, dcm_ts_uids[i]);
        assert_null(must_read(f, buf_span(&to), dcm_ts_uids[i])->first);
        buf_fini(&to);
    }
}

/* Octets that say the same in different ways. */
static void digest_ignores_what_is_only_encoding(void **state)
{
    const struct {
        const char *what, *ts_a, *ts_b;
        struct span a, b;
    } rows[] = {
        {"padding of text", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x08\x00\x70\x00LO\x04\x00"
                "abc "),
         OCTETS("\x08\x00\x70\x00LO\x03\x00"
                "abc")},
        {"padding of UI", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x08\x00\x18\x00UI\x04\x00"
                "1.2\0"),
         OCTETS("\x08\x00\x18\x00UI\x04\x00"
                "1.2 ")},
        {"padding of OB", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x72\x00\x65\x00OB\0\0\x01\0\0\0a"),
         OCTETS("\x72\x00\x65\x00OB\0\0\x02\0\0\0a\0")},
        {"group length", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x08\x00\x00\x00UL\x04\x00\x08\0\0\0\x08\x00\x70\x00LO\x00\x00"),
         OCTETS("\x08\x00\x70\x00LO\x00\x00")},
        {"order", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x08\x00\x70\x00LO\x00\x00\x18\x00\x30\x10LO\x00\x00"),
         OCTETS("\x18\x00\x30\x10LO\x00\x00\x08\x00\x70\x00LO\x00\x00")},
        {"length form", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\x18\x00\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\x00\xE0\0\0\0\0"),
         OCTETS("\x18\x00\x12\x99SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"
                "\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0")},
        {"VR of a private number", UID_EXPLICIT_BE, UID_IMPLICIT_LE,
         OCTETS("\x00\x09\x10\x01US\x00\x02\x01\x02"),
         OCTETS("\x09\x00\x01\x10\x02\0\0\0\x02\x01")},
        {"known element as UN", UID_EXPLICIT_BE, UID_EXPLICIT_BE,
         OCTETS("\x00\x28\x00\x10UN\0\0\0\0\0\x02\x01\x02"),
         OCTETS("\x00\x28\x00\x10US\x00\x02\x02\x01")},
        {"private sequence, explicit or undefined length", UID_IMPLICIT_LE, UID_IMPLICIT_LE,
         OCTETS("\x09\x00\x01\x10\x10\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0\x08\x00\x70\x00\0\0\0\0"),
         OCTETS("\x09\x00\x01\x10\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\x08\x00\x70\x00\0"
                "\0\0\0"
                "\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0")},
        {"private sequence, SQ or octets", UID_EXPLICIT_LE, UID_IMPLICIT_LE,
         OCTETS("\x09\x00\x01\x10SQ\0\0\x10\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0\x08\x00\x70\x00LO\0\0"),
         OCTETS("\x09\x00\x01\x10\x10\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0\x08\x00\x70\x00\0\0\0\0")},
        {"empty private sequence", UID_EXPLICIT_LE, UID_IMPLICIT_LE,
         OCTETS("\x09\x00\x01\x10SQ\0\0\0\0\0\0"), OCTETS("\x09\x00\x01\x10\0\0\0\0")},
        {"empty known sequence of another VR", UID_EXPLICIT_LE, UID_IMPLICIT_LE,
         OCTETS("\x08\x00\x21\x01IS\0\0"), OCTETS("\x08\x00\x21\x01\0\0\0\0")},
        {"known sequence as octets of another VR", UID_EXPLICIT_LE, UID_IMPLICIT_LE,
         OCTETS("\x08\x00\x21\x01OB\0\0\x08\0\0\0\xFE\xFF\x00\xE0\0\0\0\0"),
         OCTETS("\x08\x00\x21\x01\x08\0\0\0\xFE\xFF\x00\xE0\0\0\0\0")},
        {"trailing padding", UID_EXPLICIT_LE, UID_EXPLICIT_LE,
         OCTETS("\xFC\xFF\xFC\xFFOB\0\0\x02\0\0\0\0\0"), OCTETS("")},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!is_same(f, must_read(f, rows[i].a, rows[i].ts_a),
                     must_read(f, rows[i].b, rows[i].ts_b)))
            fail_msg("%s makes a difference", rows[i].what);
    }
}

static void digest_sees_every_difference_of_content(void **state)
{
    static const char *const rows[] = {
        "",
        "\x08\x00\x70\x00LO\x00\x00",
        "\x08\x00\x70\x00LO\x02\x00"
        "ab",
        "\x08\x00\x70\x00LO\x02\x00"
        "ac",
        "\x08\x00\x70\x00LO\x02\x00"
        "a\\",
        "\x08\x00\x71\x00LO\x02\x00"
        "ab",
        "\x08\x00\x70\x00LO\x00\x00\x18\x00\x30\x10LO\x00\x00",
        "\x18\x00\x12\x99SQ\0\0\0\0\0\0",
        "\x18\x00\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\x00\xE0\0\0\0\0",
        "\x18\x00\x12\x99SQ\0\0\x10\0\0\0\xFE\xFF\x00\xE0\0\0\0\0\xFE\xFF\x00\xE0\0\0\0\0",
        "\x18\x00\x12\x99SQ\0\0\x10\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0\x08\x00\x70\x00LO\x00\x00",
        "\x18\x00\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\x00\xE0\0\0\0\0\x18\x00\x30\x10LO\x00\x00",
        "\x09\x00\x01\x10UN\0\0\x02\0\0\0\0\0",
        "\x09\x00\x01\x10UN\0\0\x02\0\0\0\0 ",
        "\x09\x00\x01\x10UN\0\0\x02\0\0\0  ",
        "\x28\x00\x10\x00US\x02\x00\0\0",
        "\x28\x00\x10\x00US\x02\x00\0 ",
    };
    static const size_t lens[] = {0, 8, 10, 10, 10, 10, 16, 12, 20, 28, 28, 28, 14, 14, 14, 10, 10};
    struct fixture *f = *state;
    enum { COUNT = sizeof rows / sizeof *rows };
    _Static_assert(COUNT == sizeof lens / sizeof *lens, "one length a row");
    struct dcm_item *items[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        items[i] = must_read(f, span_of(rows[i], lens[i]), UID_EXPLICIT_LE);
        for (size_t j = 0; j < i; j++) {
            if (is_same(f, items[i], items[j]))
                fail_msg("rows %zu and %zu have one digest", i, j);
        }
    }
}

/* Private elements in Implicit VR, each an item with the next one in it: octets to the scanner, sequences to
 * the digest. */
static struct span nested_unknown(unsigned levels)
{
    size_t len = (size_t)levels * 16;
    uint8_t *octets = malloc(len);
    assert_non_null(octets);
    for (size_t at = 0; at < len; at += 16) {
        memcpy(octets + at, "\x09\x00\x10\x10", 4);
        put_le32(octets + at + 4, (uint32_t)(len - at - 8));
        memcpy(octets + at + 8, "\xFE\xFF\x00\xE0", 4);
        put_le32(octets + at + 12, (uint32_t)(len - at - 16));
    }
    return span_of(octets, len);
}

static void digest_follows_unknown_sequences_to_the_ceiling_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned levels;
        enum rc rc;
    } rows[] = {
        {DCM_DEPTH_CEILING, RC_OK},
        {DCM_DEPTH_CEILING + 1, RC_LIMIT},
        {1000000, RC_LIMIT}, /* would be a million calls deep */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t digest[DCM_DIGEST_BYTES];
        struct span octets = nested_unknown(rows[i].levels);
        struct dcm_item *item = must_read(f, octets, UID_IMPLICIT_LE);
        assert_int_equal(dcm_digest(item, digest, &f->err), rows[i].rc);
        octets_free(octets);
    }
}

static void digest_is_stable_over_versions(void **state)
{
    static const uint8_t expected[DCM_DIGEST_BYTES] = {
        /* SHA-256 of "{e", 00080070, "LO", 04000000, "ACME", "}" */
        0xE0, 0x33, 0x12, 0x44, 0x96, 0x0B, 0xBE, 0x50, 0xF6, 0x17, 0x8D,
        0xC5, 0x29, 0xE2, 0x57, 0x94, 0x0E, 0x7F, 0xC2, 0x2E, 0x17, 0x06,
        0xDC, 0xE9, 0xF1, 0x86, 0xD2, 0x5C, 0x45, 0xE5, 0x88, 0x63};
    struct fixture *f = *state;
    uint8_t digest[DCM_DIGEST_BYTES];
    digest_of(f,
              must_read(f,
                        OCTETS("\x08\x00\x70\x00LO\x04\x00"
                               "ACME"),
                        UID_EXPLICIT_LE),
              digest);
    assert_memory_equal(digest, expected, sizeof digest);
}

static void mutated_octets_convert_or_are_refused(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = rich(f);
    dcm_remove(item, TAG(0x0018, 0x9917)); /* long values would take all mutations */
    dcm_remove(item, TAG(0x0018, 0x9938));
    struct buf seeds[4];
    uint32_t seed = 777;
    unsigned converted = 0;
    for (size_t i = 0; i < 4; i++)
        seeds[i] = must_write(f, item, dcm_ts_uids[i]);
    for (unsigned i = 0; i < 3000; i++) {
        struct span octets = mutate(buf_span(&seeds[i % 4]), &seed);
        const char *to = dcm_ts_uids[(i + 1 + i / 4 % 3) % 4];
        struct buf out;
        buf_init(&out, 0);
        enum rc rc = dcm_convert(octets, dcm_ts_find(dcm_ts_uids[i % 4]), dcm_ts_find(to), NULL,
                                 &out, &f->err);
        if (rc == RC_OK) {
            arena_reset(f->arena);
            converted++;
            assert_true(is_same(f, must_read(f, octets, dcm_ts_uids[i % 4]),
                                must_read(f, buf_span(&out), to)));
        } else {
            assert_int_equal(out.len, 0);
        }
        buf_fini(&out);
        octets_free(octets);
    }
    assert_true(converted > 100);
    for (size_t i = 0; i < 4; i++)
        buf_fini(&seeds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DCM_TEST(content_survives_every_pair_of_syntaxes),
        DCM_TEST(conversion_keeps_sequences_sequences),
        DCM_TEST(conversion_drops_group_lengths_and_padding),
        DCM_TEST(conversion_refuses_what_the_scanner_refuses),
        DCM_TEST(conversion_to_what_cannot_be_read_is_unsupported),
        DCM_TEST(empty_data_set_converts),
        DCM_TEST(digest_ignores_what_is_only_encoding),
        DCM_TEST(digest_sees_every_difference_of_content),
        DCM_TEST(digest_follows_unknown_sequences_to_the_ceiling_only),
        DCM_TEST(digest_is_stable_over_versions),
        DCM_TEST(mutated_octets_convert_or_are_refused),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
