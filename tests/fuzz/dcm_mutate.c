/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutations that know what a data set is, for the targets whose input ends in one: FUZZ_HEADER octets, of which the
 * first chooses the transfer syntax, then the data set (libFuzzer's LLVMFuzzerCustomMutator).
 *
 * Octets changed at random rarely leave the lengths of nested sequences right, and next to never a deflated stream. So
 * three times of four the data set is read, one thing is changed in its tree, and it is written again; else, and where
 * it cannot be read, the octets are changed as they are.
 */
#include "fuzz_dcm.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint32_t state;

static uint32_t pick(uint32_t n) /* below n */
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static uint32_t pick_tag(void)
{
    static const uint32_t tags[] = {
        TAG_SpecificCharacterSet,
        TAG_InstanceCreationDate,
        TAG_InstanceCreationTime,
        TAG_SOPClassUID,
        TAG_SOPInstanceUID,
        TAG_QueryRetrieveLevel,
        TAG_Manufacturer,
        TAG_InstitutionName,
        TAG_InstitutionCodeSequence,
        TAG_CodeValue,
        TAG_CodingSchemeDesignator,
        TAG_CodeMeaning,
        TAG_LongCodeValue,
        TAG_URNCodeValue,
        TAG_EquivalentCodeSequence,
        TAG_TimezoneOffsetFromUTC,
        TAG_EquipmentModality,
        TAG_AnatomicRegionSequence,
        TAG_ProtocolName,
        TAG_PotentialReasonsForProcedure,
        TAG_PredecessorProtocolSequence,
        TAG_ModelSpecificationSequence,
        TAG_CustodialOrganizationSequence,
        TAG_ContentCreatorName,
        TAG_DigitalSignaturesSequence,
        TAG_DataSetTrailingPadding,
        TAG(0x0009, 0x0010),
        TAG(0x0009, 0x1001),
        TAG(0x0009, 0x1002),
        TAG(0x0028, 0x0106), /* US or SS */
        TAG(0x0028, 0x3006), /* US or OW */
        TAG(0x6000, 0x3000),
        TAG(0x7FE0, 0x0010),
        TAG(0x0072, 0x0075),
    };
    return pick(8) ? tags[pick(sizeof(tags) / sizeof(tags[0]))]
                   : TAG(pick(0x80) * 2 + 4, 1 + pick(0xFFFF));
}

static const char *pick_vr(void)
{
    static const char *const vrs[] = {
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT",
        "OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST",
        "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV",
    };
    return vrs[pick(sizeof(vrs) / sizeof(vrs[0]))];
}

static struct span pick_word(void)
{
    static const struct {
        const char *octets;
        size_t len;
    } words[] = {
#define W(text) {text, sizeof(text) - 1}
        W(""),
        W("*"),
        W("1.2.3"),
        W(UID_CT_DEFINED_PROTOCOL),
        W(UID_XA_DEFINED_PROTOCOL),
        W("ISO_IR 100"),
        W("ISO_IR 192"),
        W("\\ISO 2022 IR 87"),
        W("GB18030"),
        W("20240229"),
        W("20240101-20241231"),
        W("1000-"),
        W("235960.123456"),
        W("Sch\xC3\xA4"
          "del"),
        W("M\xFCller^A=B=C"),
        W("\x1B$B;3ED\x1B(B"),
        W("a*?%_\\b"),
        W("SRT"),
        W("-0.10"),
        W("\0\0\0\0\0\0\xF0\x7F"),
        W("\xFE\xFF\x00\xE0\x00\x00\x00\x00"),
        W("\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\xFE\xFF\x0D\xE0\x00\x00\x00\x00"),
#undef W
    };
    size_t i = pick(sizeof(words) / sizeof(words[0]));
    return span_of(words[i].octets, words[i].len);
}

static struct dcm_element *pick_element(struct dcm_item *item)
{
    unsigned count = 0;
    for (struct dcm_element *e = item->first; e; e = e->next)
        count++;
    struct dcm_element *e = item->first;
    for (unsigned n = count ? pick(count) : 0; n > 0; n--)
        e = e->next;
    return e; /* NULL: the item is empty */
}

/* Some item of the tree: down from the top while luck holds. */
static struct dcm_item *pick_item(struct dcm_item *item)
{
    while (pick(3)) {
        struct dcm_element *e = pick_element(item);
        for (unsigned tries = 0; e && !e->items && tries < 8; tries++)
            e = pick_element(item);
        if (!e || !e->items)
            break;
        item = e->items;
        while (item->next && pick(2))
            item = item->next;
    }
    return item;
}

/* A value with some of its octets changed. */
static struct span changed(struct arena *arena, struct span value)
{
    size_t room = value.len + 32;
    uint8_t *copy = arena_alloc(arena, room);
    if (!copy)
        return value;
    if (value.len > 0)
        memcpy(copy, value.data, value.len);
    return span_of(copy, LLVMFuzzerMutate(copy, value.len, room));
}

static void add_sequence(struct arena *arena, struct dcm_item *item)
{
    struct dcm_element *sq = dcm_put(arena, item, pick_tag(), "SQ", span_of(NULL, 0));
    for (unsigned n = pick(3); sq && n > 0; n--) {
        struct dcm_item *inner = dcm_add_item(arena, sq);
        if (inner && pick(4))
            (void)dcm_put(arena, inner, pick_tag(), pick(2) ? NULL : pick_vr(), pick_word());
    }
}

static void mutate(struct arena *arena, struct dcm_item *item)
{
    struct dcm_element *e = pick_element(item);
    unsigned what = pick(8);
    bool is_sequence = e && strcmp(e->vr, "SQ") == 0;
    if (what == 0) {
        (void)dcm_put(arena, item, pick_tag(), pick(2) ? NULL : pick_vr(), pick_word());
    } else if (what == 1) {
        add_sequence(arena, item);
    } else if (!e) {
        return;
    } else if (what == 2) {
        dcm_remove(item, e->tag);
    } else if (what == 3 && !is_sequence) {
        memcpy(e->vr, pick_vr(), 3);
        if (strcmp(e->vr, "SQ") == 0)
            e->value.len = 0;
    } else if (what == 4) {
        struct dcm_element *moved = dcm_put(arena, item, pick_tag(), e->vr, e->value);
        if (moved && is_sequence && moved != e) {
            moved->items = e->items;
            moved->last_item = e->last_item;
            moved->item_count = e->item_count;
        }
    } else if (is_sequence) {
        (void)dcm_add_item(arena, e);
    } else if (what == 5) {
        e->value = pick_word();
    } else {
        e->value = changed(arena, e->value);
    }
}

/* The new size, 0 = it was not to be. */
static size_t mutate_tree(uint8_t *data, size_t size, size_t max_size)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    struct dcm_item *item;
    struct buf out;
    struct err err;
    size_t new_size = 0;
    buf_init(&out, max_size - FUZZ_HEADER);
    if (dcm_read(span_of(data + FUZZ_HEADER, size - FUZZ_HEADER), fuzz_ts(data[0]), &fuzz_limits,
                 arena, &item, &err) == RC_OK) {
        for (unsigned n = 1 + pick(3); n > 0; n--)
            mutate(arena, pick_item(item));
        if (pick(8) == 0)
            data[0] = (uint8_t)pick(4);
        if (dcm_write(item, fuzz_ts(data[0]), &out, &err) == RC_OK) {
            if (out.len > 0)
                memcpy(data + FUZZ_HEADER, out.data, out.len);
            new_size = FUZZ_HEADER + out.len;
        }
    }
    buf_fini(&out);
    arena_free(arena);
    return new_size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t new_size = 0;
    fuzz_load_dictionary();
    state = seed | 1;
    (void)pick(2);
    if (size >= FUZZ_HEADER && max_size > FUZZ_HEADER && pick(4) != 0)
        new_size = mutate_tree(data, size, max_size);
    return new_size ? new_size : LLVMFuzzerMutate(data, size, max_size);
}
