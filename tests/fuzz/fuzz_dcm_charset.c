/* SPDX-License-Identifier: Apache-2.0
 *
 * Text of every character set to UTF-8 and back.
 *
 * Input: a choice of terms (or 255 and counted terms of the input's own), a choice of VR, a choice of direction,
 * then the text.
 */
#include "dcm/charset.h"
#include "fuzz_dcm.h"

static const char *const sets[] = {
    "",
    "ISO_IR 6",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 109",
    "ISO_IR 110",
    "ISO_IR 144",
    "ISO_IR 127",
    "ISO_IR 126",
    "ISO_IR 138",
    "ISO_IR 148",
    "ISO_IR 203",
    "ISO_IR 166",
    "ISO_IR 13",
    "ISO_IR 192",
    "GB18030",
    "GBK",
    "\\ISO 2022 IR 87",
    "\\ISO 2022 IR 159",
    "ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "\\ISO 2022 IR 149",
    "\\ISO 2022 IR 58",
    "ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
    "ISO 2022 IR 100\\ISO 2022 IR 101\\ISO 2022 IR 166\\ISO 2022 IR 87",
    ("ISO 2022 IR 127\\ISO 2022 IR 138\\ISO 2022 IR 148\\ISO 2022 IR 109\\ISO 2022 IR 110"
     "\\ISO 2022 IR 203"),
};
static const struct {
    uint32_t tag;
    const char *vr;
} places[] = {
    {TAG(0x0018, 0x1030), "LO"}, {TAG(0x0070, 0x0084), "PN"}, {TAG(0x0018, 0x9908), "UT"},
    {TAG(0x0008, 0x0100), "SH"}, {TAG(0x0008, 0x0119), "UC"},
};
enum {
    SET_COUNT = sizeof(sets) / sizeof(sets[0]),
    PLACE_COUNT = sizeof(places) / sizeof(places[0])
};

static struct dcm_item *tree_of(struct arena *arena, unsigned place, const char *terms,
                                struct span text)
{
    struct dcm_item *item = dcm_item_new(arena);
    CHECK(item && dcm_put(arena, item, places[place].tag, places[place].vr, text));
    CHECK(!*terms || dcm_put_text(arena, item, TAG_SpecificCharacterSet, "CS", terms));
    return item;
}

static struct span text_of(const struct dcm_item *item, unsigned place)
{
    const struct dcm_element *e = dcm_find(item, places[place].tag);
    CHECK(e != NULL);
    return e->value;
}

/* UTF-8 that has an encoding must come back from it. */
static void check_round_trip(struct arena *arena, unsigned place, const char *terms,
                             struct span utf8)
{
    struct dcm_item *item = tree_of(arena, place, "", utf8);
    struct err err = {0};
    enum rc rc = dcm_tree_from_utf8(item, terms, arena, &err);
    CHECK(rc == RC_OK || rc == RC_UNSUPPORTED);
    if (rc != RC_OK) {
        CHECK(span_equal(text_of(item, place), utf8)); /* unchanged */
        CHECK(err.text[0]);
        return;
    }
    const struct dcm_element *e = dcm_find(item, TAG_SpecificCharacterSet);
    char spelled[DCM_CHARSET_TERMS_MAX];
    CHECK(dcm_charset_spell(span_str(terms), spelled));
    CHECK(e ? span_equal_str(e->value, spelled) : *spelled == '\0');
    struct span encoded = text_of(item, place);
    CHECK_OK(dcm_tree_to_utf8(item, NULL, arena, NULL, &err), &err);
    CHECK(span_equal(text_of(item, place), utf8));
    CHECK(dcm_find(item, TAG_SpecificCharacterSet) == NULL);

    /* A character that fits is never a delimiter of another character's octets. */
    CHECK(encoded.len >= utf8.len / 4);
}

static bool span_has(struct span s, int octet)
{
    return s.len > 0 && memchr(s.data, octet, s.len);
}

static void count_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    CHECK(flaw < DCM_TEXT_FLAWS && attribute[0]);
    ++*(unsigned *)arg;
}

/* Whoever must read what there is gets UTF-8, is told of what is not exact, and reads the same otherwise. */
static void check_anyhow(struct arena *arena, unsigned place, const char *terms, struct span text,
                         const struct span *exact)
{
    struct dcm_item *item = tree_of(arena, place, terms, text);
    struct err err = {0};
    unsigned flaws = 0;
    CHECK_OK(dcm_tree_to_utf8_anyhow(item, arena, count_flaw, &flaws, &err), &err);
    CHECK(utf8_is_valid(text_of(item, place)));
    CHECK(flaws > 0 || exact);
    CHECK(flaws == 0 || !exact || span_has(text, 0)); /* U+0000 is exact, and a flaw all the same */
    CHECK(!exact || span_equal(text_of(item, place), *exact));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    uint8_t choice = feed_u8(&f), place = feed_u8(&f) % PLACE_COUNT, direction = feed_u8(&f);
    struct span own = choice == 255 ? feed_take(&f, feed_u8(&f)) : span_of(NULL, 0);
    char *terms = choice == 255 ? heap_text(own) : heap_text(span_str(sets[choice % SET_COUNT]));
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct err err = {0};
    bool lossy = false;

    fuzz_load_dictionary();
    char spelled[DCM_CHARSET_TERMS_MAX];
    bool is_supported = dcm_charset_spell(span_str(terms), spelled);
    CHECK(choice == 255 || is_supported);
    if (direction % 2 == 0) {
        struct dcm_item *item = tree_of(arena, place, terms, f.rest);
        enum rc strict = dcm_tree_to_utf8(item, NULL, arena, NULL, &err);
        CHECK(strict == RC_OK || strict == RC_INVALID || strict == RC_UNSUPPORTED);
        CHECK((strict == RC_UNSUPPORTED) == !is_supported);
        struct span utf8 = strict == RC_OK ? text_of(item, place) : span_of(NULL, 0);

        item = tree_of(arena, place, terms, f.rest);
        enum rc lenient = dcm_tree_to_utf8(item, NULL, arena, &lossy, &err);
        CHECK(lenient == (is_supported ? RC_OK : RC_UNSUPPORTED));
        if (lenient == RC_OK) {
            CHECK(!lossy || strict == RC_INVALID);
            CHECK(utf8_is_valid(text_of(item, place)));
            CHECK(strict != RC_OK || span_equal(text_of(item, place), utf8));
        }
        check_anyhow(arena, place, terms, f.rest, strict == RC_OK ? &utf8 : NULL);
        if (strict == RC_OK)
            check_round_trip(arena, place, terms, utf8);
    } else if (is_supported && utf8_is_valid(f.rest) && !span_has(f.rest, 0x1B)) {
        check_round_trip(arena, place, terms, f.rest);
    }
    arena_free(arena);
    free(terms);
    return 0;
}
