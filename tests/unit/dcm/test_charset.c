/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "codedset.h"
#include "dcm/charset.h"

static struct dcm_element *put(struct fixture *f, struct dcm_item *item, uint32_t tag,
                               const char *vr, struct span value)
{
    struct dcm_element *e = dcm_put(f->arena, item, tag, vr, value);
    assert_non_null(e);
    return e;
}

/* A data set of one person name in a character set. */
static struct dcm_item *named(struct fixture *f, const char *terms, struct span name)
{
    struct dcm_item *item = dcm_item_new(f->arena);
    if (*terms)
        put(f, item, TAG_SpecificCharacterSet, "CS", span_str(terms));
    put(f, item, TAG_ContentCreatorName, "PN", name);
    return item;
}

static void assert_decodes(struct fixture *f, const char *terms, struct span octets,
                           const char *utf8)
{
    struct dcm_item *item = named(f, terms, octets);
    enum rc rc = dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err);
    if (rc != RC_OK)
        fail_msg("%s: %s", terms, f->err.text);
    assert_span_str(dcm_find(item, TAG_ContentCreatorName)->value, utf8);
    assert_null(dcm_find(item, TAG_SpecificCharacterSet));
}

static void assert_encodes(struct fixture *f, const char *terms, struct span octets,
                           const char *utf8)
{
    struct dcm_item *item = named(f, "", span_str(utf8));
    enum rc rc = dcm_tree_from_utf8(item, terms, f->arena, &f->err);
    if (rc != RC_OK)
        fail_msg("%s: %s", terms, f->err.text);
    assert_span_equal(dcm_find(item, TAG_ContentCreatorName)->value, octets);
    assert_span_str(dcm_find(item, TAG_SpecificCharacterSet)->value, terms);
}

/* The octets printed in PS3.5 annexes H to K. */
static void names_of_the_standard_convert_both_ways(void **state)
{
    static const struct {
        const char *terms;
        struct span octets;
        const char *utf8;
    } rows[] = {
#define ROW(terms, octets, utf8) {terms, {(const uint8_t *)octets, sizeof(octets) - 1}, utf8}
        ROW("\\ISO 2022 IR 87", /* H.3.1 */
            "Yamada^Tarou=\x1B$B\x3B\x33\x45\x44\x1B(B^\x1B$B\x42\x40\x4F\x3A\x1B(B="
            "\x1B$B\x24\x64\x24\x5E\x24\x40\x1B(B^\x1B$B\x24\x3F\x24\x6D\x24\x26\x1B(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ROW("ISO 2022 IR 13\\ISO 2022 IR 87", /* H.3.2 */
            "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B\x3B\x33\x45\x44\x1B(J^\x1B$B\x42\x40\x4F\x3A\x1B("
            "J="
            "\x1B$B\x24\x64\x24\x5E\x24\x40\x1B(J^\x1B$B\x24\x3F\x24\x6D\x24\x26\x1B(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ROW("\\ISO 2022 IR 149", /* I.2 */
            "Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)"
            "C\xB1\xE6\xB5\xBF",
            "Hong^Gildong=洪^吉洞=홍^길동"),
        ROW("ISO_IR 192", "Wang^XiaoDong=\xE7\x8E\x8B^\xE5\xB0\x8F\xE4\xB8\x9C=",
            "Wang^XiaoDong=王^小东="), /* J.1 */
        ROW("GB18030",
            "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东="), /* J.3 */
        ROW("GBK", "Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB=", "Wang^XiaoDong=王^小东="),
        ROW("\\ISO 2022 IR 58", /* K.2 */
            "Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=", "Zhang^XiaoDong=张^小东="),
        ROW("ISO_IR 100", "Buc^J\xE9r\xF4me", "Buc^Jérôme"),
        ROW("ISO_IR 100",
            "\xC4neas^R\xFC"
            "diger",
            "Äneas^Rüdiger"),
        ROW("ISO_IR 101", "Wa\xB3\xEAsa", "Wałęsa"),
        ROW("ISO_IR 126", "\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Διονυσιος"),
        ROW("ISO_IR 127", "\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1", "قباني^لنزار"),
        ROW("ISO_IR 138", "\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4", "שרון^דבורה"),
        ROW("ISO_IR 144", "\xBB\xEE\xDA\x63\x65\xDC\xD1\xE3\xE0\xD3", "Люкceмбург"),
        ROW("ISO_IR 148", "\xC7\x61vu\xFEo\xF0lu", "Çavuşoğlu"),
        ROW("ISO_IR 166", "\xB9\xD2\xC1\xCA\xA1\xD8\xC5", "นามสกุล"),
        ROW("ISO_IR 109", "\xB1\xFE", "ħŝ"),
        ROW("ISO_IR 110", "\xE0\xBF", "āŋ"),
        ROW("ISO_IR 203", "\xA4\xBD", "€œ"),
        ROW("ISO_IR 13", "\xD4\xCF\xC0\xDE^\xC0\xDB\xB3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        /* several single-octet sets */
        ROW("ISO 2022 IR 100\\ISO 2022 IR 144", "\xE9\x1B-L\xBB\x1B-A^\xE9", "éЛ^é"),
        ROW("\\ISO 2022 IR 159", "\x1B$(D\x30\x21\x1B(B^a", "丂^a"),
        ROW("\\ISO 2022 IR 87\\ISO 2022 IR 159", "\x1B$B\x3B\x33\x1B$(D\x30\x21\x1B(B", "山丂"),
        ROW("\\ISO 2022 IR 87\\ISO 2022 IR 149", "\x1B$B\x3B\x33\x1B$)C\xC8\xAB\x1B(B", "山홍"),
        /* beyond the BMP, and the four-octet form */
        ROW("GB18030", "\x95\x32\x82\x36\x81\x30\x81\x30", "𠀀\xC2\x80"),
        ROW("ISO_IR 192", "\xF0\xA0\x80\x80", "𠀀"),
#undef ROW
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_decodes(f, rows[i].terms, rows[i].octets, rows[i].utf8);
        assert_encodes(f, rows[i].terms, rows[i].octets, rows[i].utf8);
    }
}

/* Protocol names and institutions in the sets that sites of these languages use. */
static void protocol_texts_of_nine_languages_round_trip(void **state)
{
    static const struct {
        const char *terms, *utf8;
    } rows[] = {
        {"ISO_IR 100", "Thorax nativ - Lungenrundherd-Abklärung, Größe M"},
        {"ISO_IR 100", "TDM thoraco-abdomino-pelvienne injectée (adulte)"},
        {"ISO_IR 100", "Hôpital Général de Villexemple"},
        {"\\ISO 2022 IR 87", "胸部単純CT（成人ルーチン）"},
        {"ISO 2022 IR 6\\ISO 2022 IR 87", "見本大学病院\\胸部精査"},
        {"ISO_IR 126", "ΑΤ θώρακος χαμηλής δόσης - προσυμπτωματικός έλεγχος"},
        {"GB18030", "胸部低剂量CT平扫（肺结节定量）"},
        {"GBK", "示例市人民医院\\肺癌筛查"},
        {"\\ISO 2022 IR 58", "胸部低剂量"},
        {"\\ISO 2022 IR 149", "복부 골반 CT 조영증강\\예시대학교병원"},
        {"ISO_IR 144", "КТ головного мозга без контраста"},
        {"ISO_IR 101", "Koronarografia - lewa tętnica wieńcowa, 15 kl./s"},
        {"ISO_IR 192", "ΑΤ θώρακος 胸部 복부 мозга é"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = dcm_item_new(f->arena);
        put(f, item, TAG_ProtocolName, "LO", span_str(rows[i].utf8));
        struct dcm_element *sq =
            put(f, item, TAG_CustodialOrganizationSequence, "SQ", span_str(""));
        put(f, dcm_add_item(f->arena, sq), TAG_InstitutionName, "LO", span_str(rows[i].utf8));
        enum rc rc = dcm_tree_from_utf8(item, rows[i].terms, f->arena, &f->err);
        if (rc != RC_OK)
            fail_msg("%s: %s", rows[i].terms, f->err.text);
        if (strcmp(rows[i].terms, "ISO_IR 192") != 0)
            assert_false(span_equal_str(dcm_find(item, TAG_ProtocolName)->value, rows[i].utf8));
        assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err), RC_OK);
        assert_span_str(dcm_find(item, TAG_ProtocolName)->value, rows[i].utf8);
        assert_span_str(dcm_find(sq->items, TAG_InstitutionName)->value, rows[i].utf8);
    }
}

static void backslash_as_second_octet_parts_no_values(void **state)
{
    const struct {
        const char *terms;
        struct span octets;
    } rows[] = {
        {"GBK", OCTETS("\x81\x5C\\b")},
        {"GB18030", OCTETS("\x81\x5C\\b")},
        {"\\ISO 2022 IR 87", OCTETS("\x1B$B\x24\x5C\x1B(B\\b")},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dcm_item *item = dcm_item_new(f->arena);
        struct span value;
        put(f, item, TAG_SpecificCharacterSet, "CS", span_str(rows[i].terms));
        struct dcm_element *e = put(f, item, TAG_SoftwareVersions, "LO", rows[i].octets);
        assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err), RC_OK);
        assert_int_equal(dcm_value_count(e), 2);
        assert_true(dcm_value_at(e, 0, &value));
        assert_span_str(value, i < 2 ? "乗" : "ぼ");
        assert_true(dcm_value_at(e, 1, &value));
        assert_span_str(value, "b");
    }
}

static void designations_end_at_delimiters(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = dcm_item_new(f->arena);
    bool lossy;
    put(f, item, TAG_SpecificCharacterSet, "CS", span_str("\\ISO 2022 IR 149"));
    struct dcm_element *name =
        put(f, item, TAG_ProtocolName, "LO", OCTETS("\x1B$)C\xC8\xAB\\\xC8\xAB"));
    struct dcm_element *text =
        put(f, item, TAG(0x0018, 0x9917), "UT", OCTETS("\x1B$)C\xC8\xAB\\\xC8\xAB\r\n\xC8\xAB"));
    assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, &lossy, &f->err), RC_OK);
    assert_true(lossy);
    assert_span_str(name->value, "홍\\\uFFFD\uFFFD");
    assert_span_str(text->value, "홍\\홍\r\n\uFFFD\uFFFD"); /* in UT a backslash is no delimiter */

    item = dcm_item_new(f->arena);
    text = put(f, item, TAG(0x0018, 0x9917), "UT", span_str("홍\\길\r\n동"));
    name = put(f, item, TAG_ProtocolName, "LO", span_str("홍\\길"));
    assert_int_equal(dcm_tree_from_utf8(item, "\\ISO 2022 IR 149", f->arena, &f->err), RC_OK);
    assert_span_equal(text->value, OCTETS("\x1B$)C\xC8\xAB\\\xB1\xE6\r\n\x1B$)C\xB5\xBF"));
    assert_span_equal(name->value, OCTETS("\x1B$)C\xC8\xAB\\\x1B$)C\xB1\xE6"));
}

static void undecodable_text_is_reported_not_guessed(void **state)
{
    const struct {
        const char *terms;
        struct span octets;
        const char *utf8;
    } rows[] = {
        {"", OCTETS("M\xFCller"), "M\uFFFDller"},
        {"ISO_IR 6", OCTETS("M\xFCller"), "M\uFFFDller"},
        {"ISO_IR 100", OCTETS("a\x80z"), "a\uFFFDz"},
        {"ISO_IR 192", OCTETS("a\xFCz"), "a\uFFFDz"},
        {"ISO_IR 192", OCTETS("a\xC0\x80z"), "a\uFFFD\uFFFDz"},
        {"ISO_IR 192", OCTETS("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD"},
        {"ISO_IR 192", OCTETS("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD"},
        {"ISO_IR 192", OCTETS("a\xE7\x8E"), "a\uFFFD\uFFFD"},
        {"GB18030", OCTETS("a\xCD"), "a\uFFFD"},
        {"GB18030", OCTETS("\x81\x30\x81"), "\uFFFD0\uFFFD"},
        {"GB18030", OCTETS("\xE3\x32\x9A\x36"), "\uFFFD2\uFFFD\x36"},
        {"GBK", OCTETS("\xCD\x20"), "\uFFFD "},
        {"\\ISO 2022 IR 87", OCTETS("\x1B$B\x3B"), "\uFFFD"},
        {"\\ISO 2022 IR 87", OCTETS("\x1B$Z"), "\uFFFD$Z"},
        {"\\ISO 2022 IR 87", OCTETS("a\x1B"), "a\uFFFD"},
        {"\\ISO 2022 IR 149", OCTETS("\xC8\xAB"), "\uFFFD\uFFFD"},
        {"\\ISO 2022 IR 149", OCTETS("\x1B$)C\xC8"), "\uFFFD"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span octets = octets_on_heap(rows[i].octets.data, rows[i].octets.len);
        bool lossy = false;
        struct dcm_item *item = named(f, rows[i].terms, octets);
        assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, &lossy, &f->err), RC_OK);
        assert_true(lossy);
        assert_span_str(dcm_find(item, TAG_ContentCreatorName)->value, rows[i].utf8);
        item = named(f, rows[i].terms, octets);
        assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err), RC_INVALID);
        assert_int_equal(f->err.tag, TAG_ContentCreatorName);
        octets_free(octets);
    }
}

static void fallback_stands_in_where_no_set_is_named(void **state)
{
    struct fixture *f = *state;
    bool lossy = true;
    struct dcm_item *item = named(f, "", OCTETS("M\xFCller"));
    assert_int_equal(dcm_tree_to_utf8(item, "ISO_IR 100", f->arena, &lossy, &f->err), RC_OK);
    assert_false(lossy);
    assert_span_str(dcm_find(item, TAG_ContentCreatorName)->value, "Müller");
    item = named(f, "ISO_IR 192", span_str("Müller"));
    assert_int_equal(dcm_tree_to_utf8(item, "ISO_IR 100", f->arena, NULL, &f->err), RC_OK);
    assert_span_str(dcm_find(item, TAG_ContentCreatorName)->value, "Müller");
    item = named(f, "", span_str("a"));
    assert_int_equal(dcm_tree_to_utf8(item, "nonsense", f->arena, NULL, &f->err), RC_UNSUPPORTED);
}

static void items_inherit_or_override_the_set(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = named(f, "ISO_IR 100", OCTETS("\xE9"));
    struct dcm_element *sq = put(f, item, TAG_ModelSpecificationSequence, "SQ", span_str(""));
    struct dcm_item *heir = dcm_add_item(f->arena, sq), *own = dcm_add_item(f->arena, sq);
    put(f, heir, TAG_Manufacturer, "LO", OCTETS("\xE9"));
    put(f, own, TAG_SpecificCharacterSet, "CS", span_str("ISO_IR 144"));
    put(f, own, TAG_Manufacturer, "LO", OCTETS("\xBB"));
    put(f, own, TAG_DeviceSerialNumber, "CS", OCTETS("\xBB")); /* no text VR: not touched */
    assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err), RC_OK);
    assert_span_str(dcm_find(item, TAG_ContentCreatorName)->value, "é");
    assert_span_str(dcm_find(heir, TAG_Manufacturer)->value, "é");
    assert_span_str(dcm_find(own, TAG_Manufacturer)->value, "Л");
    assert_span_equal(dcm_find(own, TAG_DeviceSerialNumber)->value, OCTETS("\xBB"));
    assert_null(dcm_find(own, TAG_SpecificCharacterSet));
}

static void what_does_not_fit_leaves_the_tree_unchanged(void **state)
{
    static const char *const sets[] = {"", "ISO_IR 100", "ISO_IR 13", "GBK", "\\ISO 2022 IR 58"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct dcm_item *item = dcm_item_new(f->arena);
        struct dcm_element *fits = put(f, item, TAG_Manufacturer, "LO", span_str("é中ﾔ"));
        struct dcm_element *misfit = put(f, item, TAG_ProtocolName, "LO", span_str("홍"));
        assert_int_equal(dcm_tree_from_utf8(item, sets[i], f->arena, &f->err), RC_UNSUPPORTED);
        assert_span_str(fits->value, "é中ﾔ");
        assert_span_str(misfit->value, "홍");
        assert_null(dcm_find(item, TAG_SpecificCharacterSet));
    }
    struct dcm_item *item = named(f, "", span_str("a\x1B$B"));
    assert_int_equal(dcm_tree_from_utf8(item, "\\ISO 2022 IR 87", f->arena, &f->err),
                     RC_UNSUPPORTED);
    item = named(f, "", span_str("\xFF"));
    assert_int_equal(dcm_tree_from_utf8(item, "ISO_IR 192", f->arena, &f->err), RC_UNSUPPORTED);
}

static void ascii_needs_no_set(void **state)
{
    struct fixture *f = *state;
    struct dcm_item *item = named(f, "", span_str("Doe^John"));
    assert_true(dcm_tree_is_ascii(item));
    assert_int_equal(dcm_tree_from_utf8(item, "", f->arena, &f->err), RC_OK);
    assert_null(dcm_find(item, TAG_SpecificCharacterSet));
    struct dcm_element *sq = put(f, item, TAG_ModelSpecificationSequence, "SQ", span_str(""));
    struct dcm_item *in = dcm_add_item(f->arena, sq);
    put(f, in, TAG(0x0072, 0x0065), "OB", OCTETS("\xFF"));
    assert_true(dcm_tree_is_ascii(item));
    put(f, in, TAG_Manufacturer, "LO", span_str("é"));
    assert_false(dcm_tree_is_ascii(item));
}

#define ALL                                                                                 \
    "ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 101\\ISO 2022 IR 109\\ISO 2022 IR 110\\"   \
    "ISO 2022 IR 144\\ISO 2022 IR 127\\ISO 2022 IR 126\\ISO 2022 IR 138\\ISO 2022 IR 148\\" \
    "ISO 2022 IR 203\\ISO 2022 IR 166\\ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159\\"   \
    "ISO 2022 IR 149\\ISO 2022 IR 58"

/* PS3.3 C.12.1.1.2 and tables C.12-2 to C.12-5, and the spellings that the field adds. */
static void terms_are_judged_and_spelled_as_the_standard_does(void **state)
{
    static const struct {
        const char *terms;
        const char *spelled; /* NULL = not supported */
    } rows[] = {
        {"", ""},
        {"ISO_IR 6", ""},
        {"ISO_IR 100", "ISO_IR 100"},
        {"ISO-IR 100", "ISO_IR 100"},
        {"ISO_IR_100", "ISO_IR 100"},
        {"ISO 2022 IR 100", "ISO 2022 IR 100"},
        {"ISO_IR 13", "ISO_IR 13"},
        {"ISO 2022 IR 6\\ISO 2022 IR 87", "ISO 2022 IR 6\\ISO 2022 IR 87"},
        {"\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 87\\ISO 2022 IR 159"},
        {" \\ ISO 2022 IR 149 ", "\\ISO 2022 IR 149"},
        {"ISO 2022 IR 13\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87"},
        {"ISO_IR 100\\ISO_IR 144", "ISO 2022 IR 100\\ISO 2022 IR 144"},
        /* a set of two octets is no value 1, and has no term without code extensions */
        {"ISO 2022 IR 87", "\\ISO 2022 IR 87"},
        {"ISO_IR 149", "\\ISO 2022 IR 149"},
        {" ISO_IR 192 ", "ISO_IR 192"},
        {"ISO-IR 192", "ISO_IR 192"},
        {"GB18030", "GB18030"},
        {"GBK", "GBK"},
        {"ISO_IR 192\\ISO 2022 IR 87", NULL},
        {"\\ISO_IR 192", NULL},
        {"\\GBK", NULL},
        {"ISO_IR 99", NULL},
        {"ISO_IR 14", NULL},
        {"ISO_IR", NULL},
        {"ISO_IR 1000", NULL},
        {"ISO 8859-1", NULL},
        {"UTF-8", NULL},
        {"\xFF", NULL},
        {"ISO_IR 100 ISO_IR 100 ISO_IR 100", NULL},
        /* all of tables C.12-3 and C.12-4 */
        {ALL, ALL},
        {ALL "\\ISO 2022 IR 6\\ISO 2022 IR 6\\ISO 2022 IR 6\\ISO 2022 IR 6", NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spelled[DCM_CHARSET_TERMS_MAX] = "";
        bool is_supported = dcm_charset_spell(span_str(rows[i].terms), spelled);
        if (is_supported != (rows[i].spelled != NULL) ||
            (is_supported && strcmp(spelled, rows[i].spelled) != 0))
            fail_msg("\"%s\" is \"%s\"", rows[i].terms, is_supported ? spelled : "not supported");
        if (!is_supported)
            continue;
        /* what is spelled so is read as the same, and is what text goes out with */
        char again[DCM_CHARSET_TERMS_MAX];
        assert_true(dcm_charset_spell(span_str(spelled), again));
        assert_string_equal(again, spelled);
        struct dcm_item *item = named(f, "", span_str("a"));
        assert_int_equal(dcm_tree_from_utf8(item, rows[i].terms, f->arena, &f->err), RC_OK);
        const struct dcm_element *e = dcm_find(item, TAG_SpecificCharacterSet);
        assert_int_equal(e != NULL, *spelled != '\0');
        if (e)
            assert_span_str(e->value, spelled);
    }
    struct dcm_item *item = named(f, "ISO_IR 99", span_str("a"));
    assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, NULL, &f->err), RC_UNSUPPORTED);
    assert_int_equal(f->err.tag, TAG_SpecificCharacterSet);
    assert_int_equal(dcm_tree_from_utf8(item, "ISO_IR 99", f->arena, &f->err), RC_UNSUPPORTED);
}

/* PS3.3 tables C.12-2 to C.12-5, whole. */
static void the_sets_of_the_standard_are_listed(void **state)
{
    static const struct {
        const char *term, *extension_term, *escape;
    } rows[] = {
        {NULL, "ISO 2022 IR 6", "(B"},
        {"ISO_IR 100", "ISO 2022 IR 100", "-A"},
        {"ISO_IR 101", "ISO 2022 IR 101", "-B"},
        {"ISO_IR 109", "ISO 2022 IR 109", "-C"},
        {"ISO_IR 110", "ISO 2022 IR 110", "-D"},
        {"ISO_IR 144", "ISO 2022 IR 144", "-L"},
        {"ISO_IR 127", "ISO 2022 IR 127", "-G"},
        {"ISO_IR 126", "ISO 2022 IR 126", "-F"},
        {"ISO_IR 138", "ISO 2022 IR 138", "-H"},
        {"ISO_IR 148", "ISO 2022 IR 148", "-M"},
        {"ISO_IR 203", "ISO 2022 IR 203", "-b"},
        {"ISO_IR 166", "ISO 2022 IR 166", "-T"},
        {"ISO_IR 13", "ISO 2022 IR 13", ")I"},
        {NULL, "ISO 2022 IR 87", "$B"},
        {NULL, "ISO 2022 IR 159", "$(D"},
        {NULL, "ISO 2022 IR 149", "$)C"},
        {NULL, "ISO 2022 IR 58", "$)A"},
        {"GBK", NULL, NULL},
        {"GB18030", NULL, NULL},
        {"ISO_IR 192", NULL, NULL},
    };
    struct dcm_charset set;
    unsigned n = 0;
    (void)state;
    for (; dcm_charset_at(n, &set); n++) {
        assert_true(n < sizeof rows / sizeof *rows);
        assert_true(set.name && set.name[0]);
        const char *pairs[][2] = {{set.term, rows[n].term},
                                  {set.extension_term, rows[n].extension_term},
                                  {set.escape, rows[n].escape}};
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(pairs[i][0] != NULL, pairs[i][1] != NULL);
            if (pairs[i][0])
                assert_string_equal(pairs[i][0], pairs[i][1]);
            char spelled[DCM_CHARSET_TERMS_MAX];
            if (pairs[i][0] && i < 2)
                assert_true(dcm_charset_spell(span_str(pairs[i][0]), spelled));
        }
    }
    assert_int_equal(n, sizeof rows / sizeof *rows);
}

/* GBK and GB18030 continue GB 2312: the same octets are the same characters. */
static void chinese_sets_agree(void **state)
{
    const struct coded_set *gb2312 = coded_set_find(58, NULL);
    const struct coded_set *larger[] = {coded_set_find(0, "GBK"), coded_set_find(0, "GB18030")};
    unsigned count = 0;
    (void)state;
    for (unsigned i = 0; i < 94 * 94; i++) {
        uint8_t octets[2] = {(uint8_t)(0xA1 + i / 94), (uint8_t)(0xA1 + i % 94)};
        uint32_t code, other = 0;
        if (coded_decode(gb2312, octets, 2, &code) == 0)
            continue;
        count++;
        for (unsigned k = 0; k < 2; k++) {
            assert_int_equal(coded_decode(larger[k], octets, 2, &other), 2);
            assert_int_equal(other, code);
        }
    }
    assert_int_equal(count, 7445);
}

/* Every character of every set survives the way out and back. */
static void tables_are_their_own_inverse(void **state)
{
    static const int numbers[] = {100, 101, 109, 110, 144, 127, 126, 138, 148,
                                  203, 166, 13,  87,  159, 149, 58,  192};
    static const unsigned least[] = {96, 96, 80, 96,   96,   45,   90,   60,     96,
                                     96, 87, 63, 6879, 6067, 8200, 7445, 1112000};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers + 2; i++) {
        bool is_gbk = i == sizeof numbers / sizeof *numbers,
             is_gb18030 = i > sizeof numbers / sizeof *numbers;
        const struct coded_set *set = is_gbk       ? coded_set_find(0, "GBK")
                                      : is_gb18030 ? coded_set_find(0, "GB18030")
                                                   : coded_set_find(numbers[i], NULL);
        unsigned count = 0, expected = is_gbk ? 21000 : is_gb18030 ? 1112000 - 128 : least[i];
        assert_non_null(set);
        for (uint32_t code = 0x80; code < 0x110000; code++) {
            uint8_t octets[4];
            uint32_t back = 0;
            size_t len = coded_encode(set, code, octets);
            if (len == 0)
                continue;
            count++;
            if (coded_decode(set, octets, len, &back) != len || back != code)
                fail_msg("set %d: U+%04X becomes U+%04X", set->number, (unsigned)code,
                         (unsigned)back);
        }
        if (count < expected - (set->number == 192 ? 128 : 0))
            fail_msg("set %d %s has only %u characters", set->number, set->term ? set->term : "",
                     count);
    }
}

static void mutated_text_always_becomes_utf8(void **state)
{
    static const char *const sets[] = {"",
                                       "ISO_IR 100",
                                       "\\ISO 2022 IR 87\\ISO 2022 IR 159",
                                       "ISO 2022 IR 13\\ISO 2022 IR 87",
                                       "\\ISO 2022 IR 149",
                                       "\\ISO 2022 IR 58",
                                       "ISO_IR 192",
                                       "GB18030",
                                       "GBK",
                                       "ISO_IR 138"};
    static const char text[] =
        "Yamada^Tarou=\x1B$B\x3B\x33\x45\x44\x1B(B^\x1B$(D\x30\x21\x1B(J=\x1B$)C\xC8\xAB\\"
        "\x1B$)A\xD5\xC5\xE7\x8E\x8B\x95\x32\x82\x36\r\n\x81\x5C";
    struct fixture *f = *state;
    uint32_t seed = 4711;
    for (unsigned i = 0; i < 20000; i++) {
        const char *set = sets[i % (sizeof sets / sizeof *sets)];
        struct span octets = mutate(OCTETS(text), &seed);
        bool lossy;
        arena_reset(f->arena);
        struct dcm_item *item = named(f, set, octets);
        assert_int_equal(dcm_tree_to_utf8(item, NULL, f->arena, &lossy, &f->err), RC_OK);
        struct span value = dcm_find(item, TAG_ContentCreatorName)->value;
        uint32_t code;
        for (size_t at = 0, len; at < value.len; at += len) {
            len = utf8_decode(value.data + at, value.len - at, &code);
            assert_true(len > 0);
        }
        struct dcm_item *again = named(f, "", octets_on_heap(value.data, value.len));
        struct span copy = dcm_find(again, TAG_ContentCreatorName)->value;
        struct dcm_item *strict = named(f, set, octets);
        bool is_exact = dcm_tree_to_utf8(strict, NULL, f->arena, NULL, &f->err) == RC_OK;
        assert_true(!is_exact || !lossy);
        if (is_exact && *set && dcm_tree_from_utf8(again, set, f->arena, &f->err) == RC_OK) {
            assert_int_equal(dcm_tree_to_utf8(again, NULL, f->arena, NULL, &f->err), RC_OK);
            assert_span_equal(dcm_find(again, TAG_ContentCreatorName)->value, value);
        }
        octets_free(copy);
        octets_free(octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DCM_TEST(names_of_the_standard_convert_both_ways),
        DCM_TEST(protocol_texts_of_nine_languages_round_trip),
        DCM_TEST(backslash_as_second_octet_parts_no_values),
        DCM_TEST(designations_end_at_delimiters),
        DCM_TEST(undecodable_text_is_reported_not_guessed),
        DCM_TEST(fallback_stands_in_where_no_set_is_named),
        DCM_TEST(items_inherit_or_override_the_set),
        DCM_TEST(what_does_not_fit_leaves_the_tree_unchanged),
        DCM_TEST(ascii_needs_no_set),
        DCM_TEST(terms_are_judged_and_spelled_as_the_standard_does),
        DCM_TEST(the_sets_of_the_standard_are_listed),
        DCM_TEST(chinese_sets_agree),
        DCM_TEST(tables_are_their_own_inverse),
        DCM_TEST(mutated_text_always_becomes_utf8),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
