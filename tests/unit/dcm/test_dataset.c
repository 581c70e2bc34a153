/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "vr.h"

/* clang-format off */
static const char explicit_le[] =
    "\x08\x00\x05\x00" "CS\x0A\x00" "ISO_IR 100"
    "\x08\x00\x16\x00" "UI\x06\x00" "1.2.3\0"
    "\x08\x00\x58\x00" "UI\x0C\x00" "1.2.3\\1.2.4\0"
    "\x18\x00\x30\x10" "LO\x06\x00" " Head "
    "\x18\x00\x12\x99" "SQ\0\0\xFF\xFF\xFF\xFF"
        "\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"
            "\x08\x00\x70\x00" "LO\x04\x00" "ACME"
        "\xFE\xFF\x0D\xE0\0\0\0\0"
        "\xFE\xFF\x00\xE0\x0C\0\0\0"
            "\x08\x00\x70\x00" "LO\x04\x00" "Scan"
        "\xFE\xFF\x00\xE0\0\0\0\0"
    "\xFE\xFF\xDD\xE0\0\0\0\0"
    "\x18\x00\x14\x99" "SQ\0\0\0\0\0\0"
    "\x28\x00\x10\x00" "US\x04\x00" "\x01\x02\x03\x04"
    "\x72\x00\x26\x00" "AT\x04\x00" "\x18\x00\x30\x10";
static const char explicit_be[] =
    "\x00\x08\x00\x05" "CS\x00\x0A" "ISO_IR 100"
    "\x00\x08\x00\x16" "UI\x00\x06" "1.2.3\0"
    "\x00\x08\x00\x58" "UI\x00\x0C" "1.2.3\\1.2.4\0"
    "\x00\x18\x10\x30" "LO\x00\x06" " Head "
    "\x00\x18\x99\x12" "SQ\0\0\0\0\0\x38"
        "\xFF\xFE\xE0\x00\xFF\xFF\xFF\xFF"
            "\x00\x08\x00\x70" "LO\x00\x04" "ACME"
        "\xFF\xFE\xE0\x0D\0\0\0\0"
        "\xFF\xFE\xE0\x00\0\0\0\x0C"
            "\x00\x08\x00\x70" "LO\x00\x04" "Scan"
        "\xFF\xFE\xE0\x00\0\0\0\0"
    "\x00\x18\x99\x14" "SQ\0\0\0\0\0\0"
    "\x00\x28\x00\x10" "US\x00\x04" "\x02\x01\x04\x03"
    "\x00\x72\x00\x26" "AT\x00\x04" "\x00\x18\x10\x30";
static const char implicit_le[] =
    "\x08\x00\x00\x00" "\x04\0\0\0" "\x30\0\0\0"
    "\x08\x00\x05\x00" "\x0A\0\0\0" "ISO_IR 100"
    "\x08\x00\x16\x00" "\x06\0\0\0" "1.2.3\0"
    "\x08\x00\x58\x00" "\x0C\0\0\0" "1.2.3\\1.2.4\0"
    "\x18\x00\x30\x10" "\x06\0\0\0" " Head "
    "\x18\x00\x12\x99" "\xFF\xFF\xFF\xFF"
        "\xFE\xFF\x00\xE0\x0C\0\0\0"
            "\x08\x00\x70\x00" "\x04\0\0\0" "ACME"
        "\xFE\xFF\x00\xE0\x0C\0\0\0"
            "\x08\x00\x70\x00" "\x04\0\0\0" "Scan"
        "\xFE\xFF\x00\xE0\0\0\0\0"
    "\xFE\xFF\xDD\xE0\0\0\0\0"
    "\x18\x00\x14\x99" "\0\0\0\0"
    "\x28\x00\x10\x00" "\x04\0\0\0" "\x01\x02\x03\x04"
    "\x72\x00\x26\x00" "\x04\0\0\0" "\x18\x00\x30\x10";
/* clang-format on */

static struct dcm_item *read_le(struct fixture *f)
{
    return must_read(f, OCTETS(explicit_le), UID_EXPLICIT_LE);
}

static void read_explicit_le_gives_tree_of_borrowed_values(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = read_le(f);
    struct dcm_element *e = dcm_find(item, TAG_ProtocolName);
    assert_non_null(e);
    assert_ptr_equal(e->value.data, explicit_le + 60);
    assert_span_str(dcm_trimmed(e), "Head");
    e = dcm_find(item, TAG_ModelSpecificationSequence);
    assert_string_equal(e->vr, "SQ");
    assert_int_equal(e->item_count, 3);
    assert_span_str(dcm_trimmed(dcm_find(e->items->next, TAG_Manufacturer)), "Scan");
    assert_null(e->items->next->next->first);
    assert_null(e->items->next->next->next);
    e = dcm_find(item, TAG(0x0018, 0x9914));
    assert_int_equal(e->item_count, 0);
    assert_null(dcm_find(item, TAG(0x0018, 0x9913)));
    assert_null(dcm_find(NULL, TAG_Manufacturer));
    assert_ptr_equal(item->last, dcm_find(item, TAG(0x0072, 0x0026)));
}

static void read_gives_one_tree_for_all_syntaxes(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *le = read_le(f);
    assert_items_equal(le, must_read(f, OCTETS(explicit_be), UID_EXPLICIT_BE));
    assert_items_equal(le, must_read(f, OCTETS(implicit_le), UID_IMPLICIT_LE));
}

static void write_then_read_gives_the_same_tree_in_all_syntaxes(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *le = read_le(f);
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(dcm_write(le, dcm_ts_find(dcm_ts_uids[i]), &out, &f->err), RC_OK);
        assert_int_equal(out.len % 2, 0);
        assert_items_equal(le, must_read(f, buf_span(&out), dcm_ts_uids[i]));
        buf_fini(&out);
    }
}

static void write_uses_explicit_lengths_and_pads_by_vr(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    struct dcm_element *sq =
        dcm_put(f->arena, item, TAG_ModelSpecificationSequence, NULL, span_str(""));
    struct dcm_item *in = dcm_add_item(f->arena, sq);
    assert_non_null(dcm_put_text(f->arena, in, TAG_Manufacturer, "LO", "odd"));
    assert_non_null(dcm_put_text(f->arena, item, TAG_SOPClassUID, "UI", "1.2"));
    assert_non_null(dcm_put(f->arena, item, TAG(0x0072, 0x0065), "OB", span_of("\x01", 1)));
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &out, &f->err), RC_OK);
    assert_span_equal(buf_span(&out), OCTETS("\x08\x00\x16\x00"
                                             "UI\x04\x00"
                                             "1.2\0"
                                             "\x18\x00\x12\x99SQ\0\0\x14\0\0\0"
                                             "\xFE\xFF\x00\xE0\x0C\0\0\0"
                                             "\x08\x00\x70\x00LO\x04\x00odd "
                                             "\x72\x00\x65\x00OB\0\0\x02\0\0\0\x01\0"));
    buf_fini(&out);
}

/* PS3.5 6.2: a peer's padding is no part of the value, and may be of the wrong kind; but what is padding is known of the
 * dictionary's attributes only. */
static void write_replaces_padding_that_the_vr_may_not_have(void **state)
{
    enum { PRIVATE = TAG(0x0009, 0x1001) };
    static const struct {
        uint32_t tag;
        const char *vr;
        struct span value, written;
    } rows[] = {
#define ROW(tag, vr, value, written)                            \
    {                                                           \
        tag, vr, {(const uint8_t *)(value), sizeof(value) - 1}, \
        {                                                       \
            (const uint8_t *)(written), sizeof(written) - 1     \
        }                                                       \
    }
        ROW(TAG_SOPInstanceUID, "UI", "1.2.3 ", "1.2.3\0"),
        ROW(TAG_SOPInstanceUID, "UI", "1.2.3\0", "1.2.3\0"),
        ROW(TAG_SOPInstanceUID, "UI", "1.2  ", "1.2\0"),
        ROW(TAG_SOPInstanceUID, "UI", "1.2 \0", "1.2\0"),
        ROW(TAG_SOPInstanceUID, "UI", "1.23\0\0", "1.23"),
        ROW(TAG_SOPInstanceUID, "UI", "\0\0", ""),
        ROW(TAG_ProtocolName, "LO", "odd\0", "odd "),
        ROW(TAG_ProtocolName, "LO", "even\0\0", "even"),
        ROW(TAG_ProtocolName, "LO", "sp \0", "sp  "),
        ROW(TAG_ProtocolName, "LO", "\0\0", ""),
        ROW(TAG_ProtocolName, "LO", "two  ", "two   "),
        ROW(TAG_EquipmentModality, "CS", "CT\0", "CT"),
        ROW(TAG(0x0040, 0xA160), "UT", "text\0", "text"),
        ROW(TAG_InstanceCreationDate, "DA", "20200101\0\0", "20200101"),
        ROW(TAG_ContentCreatorName, "PN", "A^B=\0", "A^B="),
        ROW(TAG_ProtocolName, "UI", "1.2.3 ", "1.2.3 "),
        ROW(PRIVATE, "LO", "even\0\0", "even\0\0"),
        ROW(PRIVATE, "UI", "1.2.3 ", "1.2.3 "),
        ROW(PRIVATE, "OB", "a\0\0\0", "a\0\0\0"),
        ROW(PRIVATE, "UN", "a\0\0\0", "a\0\0\0"),
        ROW(PRIVATE, "US", "a\0", "a\0"),
#undef ROW
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = dcm_item_new(f->arena);
        struct dcm_element *e = dcm_put(f->arena, item, rows[i].tag, rows[i].vr, rows[i].value);
        struct buf out;
        buf_init(&out, 0);
        dcm_write_element(e, dcm_ts_find(UID_IMPLICIT_LE), &out);
        assert_int_equal(get_le32(out.data + 4), rows[i].written.len);
        assert_span_equal(span_of(out.data + 8, out.len - 8), rows[i].written);
        buf_fini(&out);
    }
}

static void big_endian_swaps_by_width_of_the_vr(void **state)
{
    static const struct {
        const char *vr;
        unsigned width;
    } rows[] = {{"US", 2}, {"SS", 2}, {"AT", 2}, {"OW", 2}, {"UL", 4}, {"SL", 4},
                {"FL", 4}, {"OF", 4}, {"OL", 4}, {"FD", 8}, {"OD", 8}, {"SV", 8},
                {"UV", 8}, {"OV", 8}, {"OB", 1}, {"UN", 1}, {"LO", 1}};
    static const char value[] = "abcdefghijklmnop";
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = dcm_item_new(f->arena);
        struct dcm_element *e =
            dcm_put(f->arena, item, TAG(0x0009, 0x1001), rows[i].vr, span_str(value));
        struct buf out;
        buf_init(&out, 0);
        dcm_write_element(e, dcm_ts_find(UID_EXPLICIT_BE), &out);
        const uint8_t *written = out.data + out.len - 16;
        for (size_t j = 0; j < 16; j++) {
            size_t unit = j / rows[i].width * rows[i].width;
            assert_int_equal(written[j], value[unit + rows[i].width - 1 - j % rows[i].width]);
        }
        assert_items_equal(item, must_read(f, buf_span(&out), UID_EXPLICIT_BE));
        buf_fini(&out);
    }
}

static void value_too_long_for_its_vr_is_written_as_un(void **state)
{
    struct fixture *f = *state;
    size_t len = 70000;
    uint8_t *numbers = arena_alloc(f->arena, len);
    for (size_t i = 0; i < len; i++)
        numbers[i] = (uint8_t)(i * 7);
    struct dcm_item *item = dcm_item_new(f->arena);
    dcm_put(f->arena, item, TAG(0x0018, 0x9938), "US", span_of(numbers, len));
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf out;
        buf_init(&out, 0);
        assert_int_equal(dcm_write(item, dcm_ts_find(dcm_ts_uids[i]), &out, &f->err), RC_OK);
        if (strcmp(dcm_ts_uids[i], UID_EXPLICIT_BE) == 0) {
            assert_memory_equal(out.data + 4, "UN\0\0\0\x01\x11\x70", 8);
            assert_memory_equal(out.data + 12, numbers, len);
        }
        assert_items_equal(item, must_read(f, buf_span(&out), dcm_ts_uids[i]));
        buf_fini(&out);
    }
}

static void unknown_sequences_survive_implicit_vr(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    struct dcm_element *sq = dcm_put(f->arena, item, TAG(0x0009, 0x1001), "SQ", span_str(""));
    for (int i = 0; i < 2; i++) {
        struct dcm_item *in = dcm_add_item(f->arena, sq);
        dcm_put_text(f->arena, in, TAG_Manufacturer, "LO", "ACME");
        struct dcm_element *inner = dcm_put(f->arena, in, TAG(0x0009, 0x1002), "SQ", span_str(""));
        dcm_put_text(f->arena, dcm_add_item(f->arena, inner), TAG_CodeValue, "SH", "abcd");
    }
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(dcm_write(item, dcm_ts_find(UID_IMPLICIT_LE), &out, &f->err), RC_OK);
    assert_items_equal(item, must_read(f, buf_span(&out), UID_IMPLICIT_LE));
    buf_fini(&out);
}

static void un_of_undefined_length_is_an_implicit_sequence(void **state)
{
    static const char in_le[] = "\x09\x00\x01\x10UN\0\0\xFF\xFF\xFF\xFF"
                                "\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"
                                "\x28\x00\x10\x00\x02\0\0\0\x01\x02"
                                "\xFE\xFF\x0D\xE0\0\0\0\0"
                                "\xFE\xFF\xDD\xE0\0\0\0\0"
                                "\x09\x00\x02\x10US\x02\x00\x05\x06";
    static const char in_be[] = "\x00\x09\x10\x01UN\0\0\xFF\xFF\xFF\xFF"
                                "\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"
                                "\x28\x00\x10\x00\x02\0\0\0\x01\x02"
                                "\xFE\xFF\x0D\xE0\0\0\0\0"
                                "\xFE\xFF\xDD\xE0\0\0\0\0"
                                "\x00\x09\x10\x02US\x00\x02\x06\x05";
    struct fixture *f = *state;
    struct dcm_item *item = must_read(f, OCTETS(in_le), UID_EXPLICIT_LE);
    struct dcm_element *sq = dcm_find(item, TAG(0x0009, 0x1001));
    assert_string_equal(sq->vr, "SQ");
    assert_int_equal(sq->item_count, 1);
    struct dcm_element *rows = dcm_find(sq->items, TAG(0x0028, 0x0010));
    assert_string_equal(rows->vr, "US");
    assert_span_equal(rows->value, OCTETS("\x01\x02"));
    assert_items_equal(item, must_read(f, OCTETS(in_be), UID_EXPLICIT_BE));
}

static void un_of_a_known_element_gets_its_vr(void **state)
{
    static const char octets[] = "\x00\x08\x00\x70UN\0\0\0\0\0\x04"
                                 "ACME"
                                 "\x00\x18\x99\x12UN\0\0\0\0\0\x14"
                                 "\xFE\xFF\x00\xE0\x0C\0\0\0\x08\x00\x70\x00\x04\0\0\0Scan"
                                 "\x00\x18\x99\x14UN\0\0\0\0\0\x04"
                                 "junk"
                                 "\x00\x28\x00\x10UN\0\0\0\0\0\x02\x01\x02";
    struct fixture *f = *state;
    struct dcm_item *item = must_read(f, OCTETS(octets), UID_EXPLICIT_BE);
    assert_string_equal(dcm_find(item, TAG_Manufacturer)->vr, "LO");
    struct dcm_element *sq = dcm_find(item, TAG_ModelSpecificationSequence);
    assert_string_equal(sq->vr, "SQ");
    assert_span_str(dcm_find(sq->items, TAG_Manufacturer)->value, "Scan");
    struct dcm_element *unreadable = dcm_find(item, TAG(0x0018, 0x9914));
    assert_string_equal(unreadable->vr, "UN");
    assert_null(unreadable->items);
    assert_span_str(unreadable->value, "junk");
    assert_span_equal(dcm_find(item, TAG(0x0028, 0x0010))->value, OCTETS("\x01\x02"));
}

static void letters_of_an_unknown_vr_mean_un_with_long_length(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item =
        must_read(f, OCTETS("\x09\x00\x01\x10ZZ\0\0\x02\0\0\0ab"), UID_EXPLICIT_LE);
    assert_string_equal(item->first->vr, "UN");
    assert_span_str(item->first->value, "ab");
}

static void elements_out_of_order_are_sorted(void **state)
{
    static const char octets[] = "\x18\x00\x30\x10LO\x02\x00zz"
                                 "\x08\x00\x70\x00LO\x02\x00yy"
                                 "\x10\x00\x10\x00PN\x02\x00xx";
    struct fixture *f = *state;
    struct dcm_item *item = must_read(f, OCTETS(octets), UID_EXPLICIT_LE);
    assert_int_equal(item->first->tag, TAG_Manufacturer);
    assert_int_equal(item->last->tag, TAG_ProtocolName);
    assert_null(item->last->next);
    assert_span_str(dcm_find(item, TAG(0x0010, 0x0010))->value, "xx");
}

static void any_order_of_many_elements_is_read(void **state)
{
    enum { COUNT = 60000 };
    struct fixture *f = *state;
    uint8_t *octets = arena_alloc(f->arena, (size_t)COUNT * 8);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            /* descending, then scattered: 25673 is prime to 60000 */
            uint32_t element = 1 + (pass ? (i * 25673) % COUNT : COUNT - 1 - i);
            memset(octets + (size_t)i * 8, 0, 8);
            put_le16(octets + (size_t)i * 8, 0x0009);
            put_le16(octets + (size_t)i * 8 + 2, (uint16_t)element);
        }
        struct dcm_item *item = must_read(f, span_of(octets, (size_t)COUNT * 8), UID_IMPLICIT_LE);
        uint32_t expected = TAG(0x0009, 0x0001);
        for (struct dcm_element *e = item->first; e; e = e->next)
            assert_int_equal(e->tag, expected++);
        assert_int_equal(item->last->tag, TAG(0x0009, COUNT));
    }
}

static void odd_lengths_are_kept(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = must_read(f,
                                      OCTETS("\x08\x00\x70\x00LO\x03\x00"
                                             "abc\x18\x00\x30\x10LO\x02\x00yy"),
                                      UID_EXPLICIT_LE);
    assert_span_str(dcm_find(item, TAG_Manufacturer)->value, "abc");
    assert_span_str(dcm_find(item, TAG_ProtocolName)->value, "yy");
}

struct bad {
    const char *what, *ts;
    struct span octets;
    enum rc rc;
    uint32_t tag;
};

static void damaged_octets_are_refused_with_the_tag(void **state)
{
    static const struct bad cases[] = {
        {"header cut short",
         UID_EXPLICIT_LE,
         {(const uint8_t *)"\x08\x00\x70\x00LO\x04", 7},
         RC_INVALID,
         0},
#define CASE(what, ts, literal, rc, tag) \
    {what, ts, {(const uint8_t *)literal, sizeof(literal) - 1}, rc, tag}
        CASE("value beyond the end", UID_EXPLICIT_LE,
             "\x08\x00\x70\x00LO\x04\x00"
             "abc",
             RC_INVALID, TAG_Manufacturer),
        CASE("32-bit length cut short", UID_EXPLICIT_LE, "\x08\x00\x19\x01UC\0\0\x04\0\0",
             RC_INVALID, TAG_LongCodeValue),
        CASE("length near 2^32", UID_IMPLICIT_LE,
             "\x08\x00\x70\x00\xFE\xFF\xFF\xFF"
             "ab",
             RC_INVALID, TAG_Manufacturer),
        CASE("no VR", UID_EXPLICIT_LE,
             "\x08\x00\x70\x00\x04\x00\x00\x00"
             "abcd",
             RC_INVALID, TAG_Manufacturer),
        CASE("lower case VR", UID_EXPLICIT_LE,
             "\x08\x00\x70\x00lo\x02\x00"
             "ab",
             RC_INVALID, TAG_Manufacturer),
        CASE("tag twice", UID_EXPLICIT_LE,
             "\x08\x00\x70\x00LO\x02\x00"
             "ab\x08\x00\x70\x00LO\x02\x00"
             "ab",
             RC_INVALID, TAG_Manufacturer),
        CASE("tag twice, apart", UID_EXPLICIT_LE,
             "\x18\x00\x30\x10LO\x00\x00\x08\x00\x70\x00LO\x00\x00\x18\x00\x30\x10LO\x00\x00",
             RC_INVALID, TAG_ProtocolName),
        CASE("group 0002", UID_EXPLICIT_LE, "\x02\x00\x10\x00UI\x00\x00", RC_INVALID,
             TAG(0x0002, 0x0010)),
        CASE("group 0002 length", UID_EXPLICIT_LE, "\x02\x00\x00\x00UL\x04\x00\0\0\0\0", RC_INVALID,
             TAG(0x0002, 0x0000)),
        CASE("group 0000", UID_IMPLICIT_LE, "\x00\x00\x00\x01\x02\0\0\0\x01\x00", RC_INVALID,
             TAG(0x0000, 0x0100)),
        CASE("stray item", UID_EXPLICIT_LE, "\xFE\xFF\x00\xE0\0\0\0\0", RC_INVALID,
             TAG(0xFFFE, 0xE000)),
        CASE("stray item delimiter", UID_EXPLICIT_LE, "\xFE\xFF\x0D\xE0\0\0\0\0", RC_INVALID,
             TAG(0xFFFE, 0xE00D)),
        CASE("stray sequence delimiter", UID_IMPLICIT_LE, "\xFE\xFF\xDD\xE0\0\0\0\0", RC_INVALID,
             TAG(0xFFFE, 0xE0DD)),
        CASE("element in a sequence", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\x0C\0\0\0\x08\x00\x70\x00LO\x04\x00"
             "abcd",
             RC_INVALID, TAG_ModelSpecificationSequence),
        CASE("sequence without end", UID_EXPLICIT_LE, "\x18\x00\x12\x99SQ\0\0\xFF\xFF\xFF\xFF",
             RC_INVALID, 0),
        CASE("item without end", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", RC_INVALID,
             0),
        CASE("item longer than its sequence", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0\x08\x00\x70\x00LO\x00\x00",
             RC_INVALID, TAG_ModelSpecificationSequence),
        CASE("value longer than its item", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\x12\0\0\0\xFE\xFF\x00\xE0\x0A\0\0\0\x08\x00\x70\x00LO\x04\x00"
             "abcd",
             RC_INVALID, TAG_Manufacturer),
        CASE("sequence not used up", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\x0C\0\0\0\xFE\xFF\x00\xE0\0\0\0\0"
             "abcd",
             RC_INVALID, 0),
        CASE("delimiter with length", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\xDD\xE0\x01\0\0\0a", RC_INVALID,
             TAG_ModelSpecificationSequence),
        CASE("delimiter in explicit length", UID_EXPLICIT_LE,
             "\x18\x00\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0", RC_INVALID,
             TAG_ModelSpecificationSequence),
        CASE("undefined length of text", UID_IMPLICIT_LE, "\x08\x00\x70\x00\xFF\xFF\xFF\xFF",
             RC_INVALID, TAG_Manufacturer),
        CASE("undefined length of UT", UID_EXPLICIT_LE, "\x18\x00\x17\x99UT\0\0\xFF\xFF\xFF\xFF",
             RC_INVALID, TAG(0x0018, 0x9917)),
        CASE("encapsulated pixel data", UID_EXPLICIT_LE,
             "\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0"
             "\0",
             RC_UNSUPPORTED, TAG(0x7FE0, 0x0010)),
        CASE("group length beyond the end", UID_IMPLICIT_LE, "\x08\x00\x00\x00\x08\0\0\0\0\0\0\0",
             RC_INVALID, TAG(0x0008, 0x0000)),
        CASE("big endian read as little", UID_EXPLICIT_LE,
             "\x00\x08\x00\x70LO\x00\x04"
             "ACME",
             RC_INVALID, TAG(0x0800, 0x7000)),
        CASE("damaged deflate", UID_DEFLATED_LE, "\xFF\xFF\xFF", RC_INVALID, 0),
        CASE("empty deflate", UID_DEFLATED_LE, "", RC_INVALID, 0),
#undef CASE
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dcm_item *item = (struct dcm_item *)f;
        struct span octets = octets_on_heap(cases[i].octets.data, cases[i].octets.len);
        f->err = (struct err){0};
        enum rc rc = dcm_read(octets, dcm_ts_find(cases[i].ts), NULL, f->arena, &item, &f->err);
        if (rc != cases[i].rc || f->err.code != rc || f->err.tag != cases[i].tag || item != NULL)
            fail_msg("%s: %s, tag %08X, \"%s\"", cases[i].what, rc_name(rc), f->err.tag,
                     f->err.text);
        octets_free(octets);
    }
}

static void empty_data_set_is_an_empty_tree(void **state)
{
    struct fixture *f = *state;
    assert_null(must_read(f, span_of(NULL, 0), UID_EXPLICIT_LE)->first);
}

/* depth sequences, one in the other, of undefined length. */
static struct buf nested(unsigned depth)
{
    struct buf b;
    buf_init(&b, 0);
    for (unsigned i = 0; i < depth; i++)
        buf_add(&b, "\x18\x00\x12\x99\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", 16);
    for (unsigned i = 0; i < depth; i++)
        buf_add(&b, "\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0", 16);
    return b;
}

static void nesting_ends_at_max_depth(void **state)
{
    struct fixture *f = *state;
    struct dcm_limits limits = {.max_depth = 5};
    struct dcm_item *item;
    const struct dcm_ts *ts = dcm_ts_find(UID_IMPLICIT_LE);
    struct buf five = nested(5), six = nested(6), many = nested(200000);
    assert_int_equal(dcm_read(buf_span(&five), ts, &limits, f->arena, &item, &f->err), RC_OK);
    assert_int_equal(dcm_read(buf_span(&six), ts, &limits, f->arena, &item, &f->err), RC_LIMIT);
    assert_int_equal(f->err.limit, LIMIT_max_depth);
    limits.max_depth = UINT32_MAX; /* the ceiling holds whatever is asked for */
    assert_int_equal(dcm_read(buf_span(&many), ts, &limits, f->arena, &item, &f->err), RC_LIMIT);
    buf_fini(&five);
    buf_fini(&six);
    buf_fini(&many);
}

static void elements_and_items_are_counted(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item;
    const struct dcm_ts *ts = dcm_ts_find(UID_EXPLICIT_LE);
    struct dcm_limits limits = {.max_elements = 13}; /* 8 elements, 3 items, 2 elements in items */
    assert_int_equal(dcm_read(OCTETS(explicit_le), ts, &limits, f->arena, &item, &f->err), RC_OK);
    limits.max_elements = 12;
    assert_int_equal(dcm_read(OCTETS(explicit_le), ts, &limits, f->arena, &item, &f->err),
                     RC_LIMIT);
    assert_int_equal(f->err.limit, LIMIT_max_elements);
    limits = (struct dcm_limits){.max_bytes = sizeof explicit_le - 2};
    assert_int_equal(dcm_read(OCTETS(explicit_le), ts, &limits, f->arena, &item, &f->err),
                     RC_LIMIT);
    assert_int_equal(f->err.limit, LIMIT_max_dataset);
}

static void small_arena_ends_reading_with_limit(void **state)
{
    struct fixture *f = *state;
    struct arena *small = arena_new(600);
    struct dcm_item *item;
    assert_int_equal(
        dcm_read(OCTETS(explicit_be), dcm_ts_find(UID_EXPLICIT_BE), NULL, small, &item, &f->err),
        RC_LIMIT);
    arena_free(small);
}

static void deflated_bomb_stops_at_the_limit(void **state)
{
    struct fixture *f = *state;
    struct buf plain, deflated;
    size_t len = (size_t)8 << 20;
    buf_init(&plain, 0);
    buf_init(&deflated, 0);
    buf_add(&plain, "\x09\x00\x01\x10UN\0\0\0\0\x80\0", 12);
    uint8_t *zeros = buf_reserve(&plain, len);
    assert_non_null(zeros);
    memset(zeros, 0, len);
    plain.len += len;
    assert_int_equal(deflate_octets(buf_span(&plain), &deflated, &f->err), RC_OK);
    assert_true(deflated.len < 20000);

    struct dcm_item *item;
    const struct dcm_ts *ts = dcm_ts_find(UID_DEFLATED_LE);
    struct dcm_limits limits = {.max_bytes = plain.len};
    assert_int_equal(dcm_read(buf_span(&deflated), ts, &limits, f->arena, &item, &f->err), RC_OK);
    assert_int_equal(item->first->value.len, len);
    for (size_t less = 1; less < len; less = less * 7 + 1) {
        limits.max_bytes = plain.len - less;
        assert_int_equal(dcm_read(buf_span(&deflated), ts, &limits, f->arena, &item, &f->err),
                         RC_LIMIT);
    }
    buf_fini(&plain);
    buf_fini(&deflated);
}

static void deflated_stream_may_be_padded_with_one_octet(void **state)
{
    struct fixture *f = *state;
    struct buf out;
    struct dcm_item *item, *le = read_le(f);
    buf_init(&out, 0);
    assert_int_equal(deflate_octets(OCTETS(explicit_le), &out, &f->err), RC_OK);
    assert_items_equal(le, must_read(f, buf_span(&out), UID_DEFLATED_LE));
    buf_add(&out, "\0\0", 2);
    assert_int_equal(
        dcm_read(buf_span(&out), dcm_ts_find(UID_DEFLATED_LE), NULL, f->arena, &item, &f->err),
        RC_INVALID);
    for (size_t cut = 3; cut < out.len; cut++) {
        struct span octets = octets_on_heap(out.data, out.len - cut);
        assert_int_equal(
            dcm_read(octets, dcm_ts_find(UID_DEFLATED_LE), NULL, f->arena, &item, &f->err),
            RC_INVALID);
        octets_free(octets);
    }
    buf_fini(&out);
}

static void writer_reports_a_full_buffer(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *le = read_le(f);
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        for (size_t limit = 1; limit < 100; limit += 9) {
            struct buf out;
            buf_init(&out, limit);
            assert_int_equal(dcm_write(le, dcm_ts_find(dcm_ts_uids[i]), &out, &f->err), RC_LIMIT);
            buf_fini(&out);
        }
    }
}

static void put_keeps_order_and_replaces(void **state)
{
    static const uint32_t tags[] = {5, 1, 3, 9, 7, 3, 2, 10, 1};
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        assert_non_null(dcm_put_text(f->arena, item, tags[i], "LO", i < 5 ? "old" : "new"));
    uint32_t before = 0;
    unsigned count = 0;
    for (struct dcm_element *e = item->first; e; before = e->tag, e = e->next, count++)
        assert_true(e->tag > before);
    assert_int_equal(count, 7);
    assert_span_str(dcm_find(item, 3)->value, "new");
    assert_span_str(dcm_find(item, 9)->value, "old");
    assert_int_equal(item->last->tag, 10);
    dcm_remove(item, 10);
    dcm_remove(item, 1);
    dcm_remove(item, 4);
    assert_int_equal(item->last->tag, 9);
    assert_int_equal(item->first->tag, 2);
    assert_non_null(dcm_put_text(f->arena, item, 11, "LO", "end"));
    assert_int_equal(item->last->tag, 11);
    dcm_put(f->arena, item, TAG_ProtocolName, NULL, span_str(""));
    assert_string_equal(item->last->vr, "LO");
}

static void building_fails_softly_without_memory(void **state)
{
    struct arena *small = arena_new(256);
    struct dcm_item *item = dcm_item_new(small);
    struct dcm_element *e = NULL;
    (void)state;
    assert_non_null(item);
    uint32_t tag = 1;
    do {
        e = dcm_put_text(small, item, tag++, "LO", "some text that takes room");
    } while (e && tag < 100);
    assert_null(e);
    assert_null(dcm_find(item, tag - 1));
    arena_free(small);
}

static struct dcm_element *element(struct fixture *f, const char *vr, struct span value)
{
    return dcm_put(f->arena, dcm_item_new(f->arena), TAG(0x0009, 0x1001), vr, value);
}

static void trimming_follows_the_vr(void **state)
{
    static const struct {
        const char *vr, *value, *trimmed;
    } rows[] = {
        {"LO", "  a b  ", "a b"}, {"SH", " a ", "a"},    {"CS", " A ", "A"},
        {"AE", " A ", "A"},       {"DS", " 1 ", "1"},    {"IS", " 1 ", "1"},
        {"PN", " a ", " a"},      {"ST", "  a ", "  a"}, {"LT", " a ", " a"},
        {"UT", " a ", " a"},      {"UC", " a ", " a"},   {"UR", "urn:a ", "urn:a"},
        {"UI", "1.2 ", "1.2"},    {"OB", " a ", " a "},  {"UN", " a  ", " a  "},
        {"LO", "   ", ""},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_span_str(dcm_trimmed(element(f, rows[i].vr, span_str(rows[i].value))),
                        rows[i].trimmed);
    assert_span_str(dcm_trimmed(element(f, "UI", OCTETS("1.2\0"))), "1.2");
    assert_int_equal(dcm_trimmed(NULL).len, 0);
}

static void values_are_split_at_backslashes(void **state)
{
    struct fixture *f = *state;
    struct dcm_element *e = element(f, "LO", span_str(" V1 \\\\ V3\\"));
    static const char *const expected[] = {"V1", "", "V3", ""};
    struct span value;
    assert_int_equal(dcm_value_count(e), 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(dcm_value_at(e, i, &value));
        assert_span_str(value, expected[i]);
    }
    assert_false(dcm_value_at(e, 4, &value));
    e = element(f, "UT", span_str("C:\\dir "));
    assert_int_equal(dcm_value_count(e), 1);
    assert_true(dcm_value_at(e, 0, &value));
    assert_span_str(value, "C:\\dir");
    assert_false(dcm_value_at(e, 1, &value));
    e = element(f, "LO", span_str("  "));
    assert_int_equal(dcm_value_count(e), 0);
    assert_false(dcm_value_at(e, 0, &value));
    assert_int_equal(dcm_value_count(NULL), 0);
    assert_false(dcm_value_at(NULL, 0, &value));
}

/* One after the other they are what they are one by one. */
static void values_come_one_after_the_other(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *vr;
        struct span value;
    } cases[] = {
        {"LO", {(const uint8_t *)" V1 \\\\ V3\\", 10}},
        {"LO", {(const uint8_t *)"\\", 1}},
        {"LO", {(const uint8_t *)"  ", 2}},
        {"UT", {(const uint8_t *)"C:\\dir ", 7}},
        {"PN", {(const uint8_t *)"A^B\\C", 5}},
        {"US", {(const uint8_t *)"\1\0\\\0\3", 5}},
        {"US", {(const uint8_t *)"\1", 1}},
        {"AT", {(const uint8_t *)"abcdefgh", 8}},
        {"FD", {(const uint8_t *)"abcdefgh", 8}},
        {"FD", {(const uint8_t *)"", 0}},
        {"OB", {(const uint8_t *)"a\\b", 3}},
    };
    struct span next, at;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dcm_element *e = element(f, cases[i].vr, cases[i].value);
        struct dcm_values values = dcm_values_of(e);
        unsigned n = 0;
        for (; dcm_values_next(&values, &next); n++) {
            assert_true(dcm_value_at(e, n, &at));
            assert_span_equal(next, at);
        }
        assert_int_equal(n, dcm_value_count(e));
        assert_false(dcm_values_next(&values, &next));
    }
    struct dcm_values none = dcm_values_of(NULL);
    assert_false(dcm_values_next(&none, &next));
}

static void numbers_are_values_of_their_width(void **state)
{
    struct fixture *f = *state;
    struct span value;
    struct dcm_element *e = element(f, "US", OCTETS("\x01\x00\x5C\x00\x03"));
    assert_int_equal(dcm_value_count(e), 2);
    assert_true(dcm_value_at(e, 1, &value));
    assert_span_equal(value, OCTETS("\x5C\x00"));
    assert_false(dcm_value_at(e, 2, &value));
    assert_int_equal(dcm_value_count(element(f, "AT", OCTETS("12345678"))), 2);
    assert_int_equal(dcm_value_count(element(f, "FD", OCTETS("12345678"))), 1);
    assert_int_equal(dcm_value_count(element(f, "OW", OCTETS("12345678"))), 1);
}

static void first_text_is_cut_and_terminated(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    char out[5] = "xxxx";
    dcm_put_text(f->arena, item, TAG_ProtocolName, "LO", "Thorax\\Head");
    dcm_put(f->arena, item, TAG(0x0028, 0x0010), "US", OCTETS("ab"));
    dcm_first_text(item, TAG_ProtocolName, out, sizeof out);
    assert_string_equal(out, "Thor");
    dcm_first_text(item, TAG(0x0028, 0x0010), out, sizeof out);
    assert_string_equal(out, "");
    strcpy(out, "x");
    dcm_first_text(item, TAG_Manufacturer, out, sizeof out);
    assert_string_equal(out, "");
    char one[1] = {'x'};
    dcm_first_text(item, TAG_ProtocolName, one, sizeof one);
    assert_string_equal(one, "");
}

/* Each choice of the elements gives those of the whole and no other. */
static void check_some(struct fixture *f, const struct dcm_item *whole, struct span octets,
                       const char *ts, unsigned choice)
{
    struct dcm_wanted wanted[32];
    struct dcm_item *some, *expected = dcm_item_new(f->arena);
    struct buf inflated;
    unsigned count = 0, n = 0;
    for (const struct dcm_element *e = whole->first; e; e = e->next, n++) {
        if (!(choice >> n % 16 & 1) || count == 32)
            continue;
        struct dcm_element *copy = dcm_put(f->arena, expected, e->tag, e->vr, e->value);
        copy->items = e->items;
        copy->last_item = e->last_item;
        copy->item_count = e->item_count;
        wanted[count++] = (struct dcm_wanted){.tag = e->tag};
    }
    buf_init(&inflated, 65536);
    assert_int_equal(dcm_read_some(octets, dcm_ts_find(ts), NULL, wanted, count, f->arena,
                                   &inflated, &some, &f->err),
                     RC_OK);
    assert_items_equal(expected, some);
    buf_fini(&inflated);
}

static void some_elements_are_read_as_the_whole_is(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *le = read_le(f);
    struct buf deflated;
    buf_init(&deflated, 0);
    assert_int_equal(deflate_octets(OCTETS(explicit_le), &deflated, &f->err), RC_OK);
    for (unsigned choice = 0; choice < 256; choice++) {
        check_some(f, le, OCTETS(explicit_le), UID_EXPLICIT_LE, choice);
        check_some(f, le, OCTETS(explicit_be), UID_EXPLICIT_BE, choice);
        check_some(f, le, OCTETS(implicit_le), UID_IMPLICIT_LE, choice);
        check_some(f, le, buf_span(&deflated), UID_DEFLATED_LE, choice);
    }
    buf_fini(&deflated);
}

/* Sequences of a thousand items, with and without a length, in front of and behind the one that is wanted. */
static void what_is_not_wanted_takes_no_memory(void **state)
{
    struct fixture *f = *state;
    static const struct dcm_wanted wanted[] = {{.tag = TAG(0x0018, 0x1030)}};
    struct dcm_item *item = dcm_item_new(f->arena), *some;
    for (uint32_t tag = 0x00091001; tag <= 0x00191001; tag += 0x00100000) {
        struct dcm_element *sq = dcm_put(f->arena, item, tag, "SQ", span_str(""));
        for (int i = 0; i < 1000; i++) {
            struct dcm_item *in = dcm_add_item(f->arena, sq);
            struct dcm_element *inner = dcm_put(f->arena, in, tag + 1, "SQ", span_str(""));
            dcm_put_text(f->arena, dcm_add_item(f->arena, inner), TAG_CodeValue, "SH", "abcd");
        }
    }
    dcm_put_text(f->arena, item, TAG_ProtocolName, NULL, "Head");
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct arena *small = arena_new(1024);
        struct buf out, inflated;
        buf_init(&out, 0);
        buf_init(&inflated, 1 << 20);
        assert_int_equal(dcm_write(item, dcm_ts_find(dcm_ts_uids[i]), &out, &f->err), RC_OK);
        assert_int_equal(dcm_read_some(buf_span(&out), dcm_ts_find(dcm_ts_uids[i]), NULL, wanted, 1,
                                       small, &inflated, &some, &f->err),
                         RC_OK);
        assert_span_str(dcm_trimmed(some->first), "Head");
        assert_null(some->first->next);
        buf_fini(&out);
        buf_fini(&inflated);
        arena_free(small);
    }
}

/* PS3.5 6.2.2 note 2, of an element the dictionary does not know, by the word of who wants it. */
static void un_is_a_sequence_where_one_is_wanted(void **state)
{
    static const char un[] = "\x09\x00\x01\x10UN\0\0\x12\0\0\0"
                             "\xFE\xFF\x00\xE0\x0A\0\0\0"
                             "\x28\x00\x10\x00\x02\0\0\0\x01\x02"
                             "\x09\x00\x02\x10UN\0\0\x04\0\0\0abcd";
    static const char implicit[] = "\x09\x00\x01\x10\x12\0\0\0"
                                   "\xFE\xFF\x00\xE0\x0A\0\0\0"
                                   "\x28\x00\x10\x00\x02\0\0\0\x01\x02"
                                   "\x09\x00\x02\x10\x04\0\0\0abcd";
    static const struct dcm_wanted wanted[] = {{TAG(0x0009, 0x1001), 0, true},
                                               {TAG(0x0009, 0x1002), 0, true}};
    const struct {
        const char *ts;
        struct span octets;
    } rows[] = {{UID_EXPLICIT_LE, OCTETS(un)}, {UID_IMPLICIT_LE, OCTETS(implicit)}};
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        struct dcm_item *item;
        struct buf inflated = {0};
        assert_int_equal(dcm_read_some(rows[i].octets, dcm_ts_find(rows[i].ts), NULL, wanted, 2,
                                       f->arena, &inflated, &item, &f->err),
                         RC_OK);
        assert_string_equal(item->first->vr, "SQ");
        assert_int_equal(item->first->item_count, 1);
        assert_span_equal(dcm_find(item->first->items, TAG(0x0028, 0x0010))->value,
                          OCTETS("\x01\x02"));
        assert_string_equal(item->last->vr, "UN"); /* octets that are none stay what they are */
        assert_span_str(item->last->value, "abcd");
        assert_int_equal(item->last->item_count, 0);
        item = must_read(f, rows[i].octets, rows[i].ts);
        assert_string_equal(item->first->vr, "UN");
    }
}

/* Whatever is done to the octets: reading ends, stays inside them, and what it accepts can be written and
 * read again as the same tree. */
static void mutated_octets_never_break_the_reader(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *ts;
        struct span octets;
    } seeds[] = {{UID_EXPLICIT_LE, OCTETS(explicit_le)},
                 {UID_EXPLICIT_BE, OCTETS(explicit_be)},
                 {UID_IMPLICIT_LE, OCTETS(implicit_le)}};
    unsigned accepted = 0, refused = 0;
    uint32_t seed = 20240607;
    for (unsigned i = 0; i < 30000; i++) {
        const struct dcm_ts *ts = dcm_ts_find(seeds[i % 3].ts);
        struct span octets = mutate(seeds[i % 3].octets, &seed);
        struct dcm_item *item;
        arena_reset(f->arena);
        if (dcm_read(octets, ts, NULL, f->arena, &item, &f->err) == RC_OK) {
            struct buf out;
            buf_init(&out, 0);
            accepted++;
            assert_int_equal(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &out, &f->err), RC_OK);
            (void)must_read(f, buf_span(&out), UID_EXPLICIT_LE);
            buf_fini(&out);
            check_some(f, item, octets, seeds[i % 3].ts, i * 2654435761u >> 16);
        } else {
            refused++;
            assert_null(item);
        }
        octets_free(octets);
    }
    assert_true(accepted > 100 && refused > 100);
}

static void mutated_deflate_never_breaks_the_reader(void **state)
{
    struct fixture *f = *state;
    struct buf deflated;
    uint32_t seed = 99;
    struct dcm_limits limits = {.max_bytes = 65536};
    buf_init(&deflated, 0);
    assert_int_equal(deflate_octets(OCTETS(explicit_le), &deflated, &f->err), RC_OK);
    for (unsigned i = 0; i < 5000; i++) {
        struct span octets = mutate(buf_span(&deflated), &seed);
        struct dcm_item *item;
        arena_reset(f->arena);
        enum rc rc =
            dcm_read(octets, dcm_ts_find(UID_DEFLATED_LE), &limits, f->arena, &item, &f->err);
        assert_true(rc == RC_OK || item == NULL);
        octets_free(octets);
    }
    buf_fini(&deflated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DCM_TEST(read_explicit_le_gives_tree_of_borrowed_values),
        DCM_TEST(read_gives_one_tree_for_all_syntaxes),
        DCM_TEST(write_then_read_gives_the_same_tree_in_all_syntaxes),
        DCM_TEST(write_uses_explicit_lengths_and_pads_by_vr),
        DCM_TEST(write_replaces_padding_that_the_vr_may_not_have),
        DCM_TEST(big_endian_swaps_by_width_of_the_vr),
        DCM_TEST(value_too_long_for_its_vr_is_written_as_un),
        DCM_TEST(unknown_sequences_survive_implicit_vr),
        DCM_TEST(un_of_undefined_length_is_an_implicit_sequence),
        DCM_TEST(un_of_a_known_element_gets_its_vr),
        DCM_TEST(letters_of_an_unknown_vr_mean_un_with_long_length),
        DCM_TEST(elements_out_of_order_are_sorted),
        DCM_TEST(any_order_of_many_elements_is_read),
        DCM_TEST(odd_lengths_are_kept),
        DCM_TEST(damaged_octets_are_refused_with_the_tag),
        DCM_TEST(empty_data_set_is_an_empty_tree),
        DCM_TEST(nesting_ends_at_max_depth),
        DCM_TEST(elements_and_items_are_counted),
        DCM_TEST(small_arena_ends_reading_with_limit),
        DCM_TEST(deflated_bomb_stops_at_the_limit),
        DCM_TEST(deflated_stream_may_be_padded_with_one_octet),
        DCM_TEST(writer_reports_a_full_buffer),
        DCM_TEST(put_keeps_order_and_replaces),
        DCM_TEST(building_fails_softly_without_memory),
        DCM_TEST(trimming_follows_the_vr),
        DCM_TEST(values_are_split_at_backslashes),
        DCM_TEST(values_come_one_after_the_other),
        DCM_TEST(numbers_are_values_of_their_width),
        DCM_TEST(first_text_is_cut_and_terminated),
        DCM_TEST(some_elements_are_read_as_the_whole_is),
        DCM_TEST(what_is_not_wanted_takes_no_memory),
        DCM_TEST(un_is_a_sequence_where_one_is_wanted),
        DCM_TEST(mutated_octets_never_break_the_reader),
        DCM_TEST(mutated_deflate_never_breaks_the_reader),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
