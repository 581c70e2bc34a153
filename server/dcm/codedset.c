/* SPDX-License-Identifier: Apache-2.0
 *
 * Coded character sets as tables made from iconv(3) at start.
 *
 * Debian's DCMTK converts by the C library's iconv; there it cannot read ISO 2022 IR 87 and 159 (no Japanese),
 * does not know ISO_IR 203, and never writes code extensions. What iconv does know is every single set by
 * itself, in an EUC or 8-bit form. So the sets are taken from it, code by code, into arrays that never change
 * afterwards: no conversion descriptor, no lock and no file is needed while serving, and ISO 2022 becomes a
 * matter of which array is in G0 and which in G1 (charset.c).
 *
 * A set has `count` positions. Forward: position -> code point, 0 = unassigned. Backward: pairs sorted by
 * code point. Code points below 80H are left out of every table: a delimiter never comes out of a set.
 */
#include "codedset.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/bytes.h"

enum {
    DOUBLE_BYTE = 126 * 191,   /* positions of 81-FE, 40-FE */
    FOUR_BYTE = 39420,         /* positions of 81308130 to 8431A439, the BMP */
    GB18030_ASTRAL_AT = 189000 /* linear position of 90308130, U+10000 */
};

struct pair {
    uint32_t code, position;
};
struct table {
    size_t count;
    uint32_t *codes;
    struct pair *pairs;
    size_t pair_count;
};

/* PS3.3 tables C.12-2 to C.12-5 */
/* clang-format off */
static const struct coded_set sets[] = {
    {6,   "Default repertoire",             NULL,         "ISO 2022 IR 6",   "(B",  SHAPE_ASCII,    NULL},
    {14,  NULL,                             NULL,         NULL,              "(J",  SHAPE_ASCII,    NULL}, /* romaji: G0 where ISO-IR 13 is value 1 */
    {100, "Latin alphabet No. 1",           "ISO_IR 100", "ISO 2022 IR 100", "-A",  SHAPE_96,       "ISO-8859-1"},
    {101, "Latin alphabet No. 2",           "ISO_IR 101", "ISO 2022 IR 101", "-B",  SHAPE_96,       "ISO-8859-2"},
    {109, "Latin alphabet No. 3",           "ISO_IR 109", "ISO 2022 IR 109", "-C",  SHAPE_96,       "ISO-8859-3"},
    {110, "Latin alphabet No. 4",           "ISO_IR 110", "ISO 2022 IR 110", "-D",  SHAPE_96,       "ISO-8859-4"},
    {144, "Cyrillic",                       "ISO_IR 144", "ISO 2022 IR 144", "-L",  SHAPE_96,       "ISO-8859-5"},
    {127, "Arabic",                         "ISO_IR 127", "ISO 2022 IR 127", "-G",  SHAPE_96,       "ISO-8859-6"},
    {126, "Greek",                          "ISO_IR 126", "ISO 2022 IR 126", "-F",  SHAPE_96,       "ISO-8859-7"},
    {138, "Hebrew",                         "ISO_IR 138", "ISO 2022 IR 138", "-H",  SHAPE_96,       "ISO-8859-8"},
    {148, "Latin alphabet No. 5",           "ISO_IR 148", "ISO 2022 IR 148", "-M",  SHAPE_96,       "ISO-8859-9"},
    {203, "Latin alphabet No. 9",           "ISO_IR 203", "ISO 2022 IR 203", "-b",  SHAPE_96,       "ISO-8859-15"},
    {166, "Thai",                           "ISO_IR 166", "ISO 2022 IR 166", "-T",  SHAPE_96,       "TIS-620"},
    {13,  "Japanese (katakana, romaji)",    "ISO_IR 13",  "ISO 2022 IR 13",  ")I",  SHAPE_96,       NULL}, /* half-width katakana, by rule */
    {87,  "Japanese (kanji)",               NULL,         "ISO 2022 IR 87",  "$B",  SHAPE_94X94_G0, "EUC-JP"},
    {159, "Japanese (supplementary kanji)", NULL,         "ISO 2022 IR 159", "$(D", SHAPE_94X94_G0, "EUC-JP"}, /* after SS3 */
    {149, "Korean",                         NULL,         "ISO 2022 IR 149", "$)C", SHAPE_94X94_G1, "EUC-KR"},
    {58,  "Simplified Chinese",             NULL,         "ISO 2022 IR 58",  "$)A", SHAPE_94X94_G1, "EUC-CN"},
    {0,   "Simplified Chinese (GBK)",       "GBK",        NULL,              NULL,  SHAPE_GBK,      "GBK"},
    {0,   "Chinese (GB18030)",              "GB18030",    NULL,              NULL,  SHAPE_GB18030,  "GB18030"},
    {192, "Unicode in UTF-8",               "ISO_IR 192", NULL,              NULL,  SHAPE_UTF8,     NULL},
};
/* clang-format on */
enum { SET_COUNT = sizeof sets / sizeof *sets };

/* Where the C library's GB 2312 differs from its GBK and GB18030, which continue that set: the dot in foreign names and
 * a dash. As it is, a name written with it in one of the three would not be found in the others. */
static const struct {
    int number;
    uint32_t position, code;
} corrections[] = {
    {58, 3, 0x00B7}, /* A1A4 */
    {58, 9, 0x2014}, /* A1AA */
};

static struct table tables[SET_COUNT];

static size_t position_count(const struct coded_set *set)
{
    switch (set->shape) {
    case SHAPE_96:
        return 96;
    case SHAPE_94X94_G0:
    case SHAPE_94X94_G1:
        return (size_t)94 * 94;
    case SHAPE_GBK:
        return DOUBLE_BYTE;
    case SHAPE_GB18030:
        return DOUBLE_BYTE + FOUR_BYTE;
    case SHAPE_ASCII:
    case SHAPE_UTF8:
        break;
    }
    return 0;
}

static size_t four_octets(uint32_t linear, uint8_t out[4])
{
    out[0] = (uint8_t)(0x81 + linear / 12600);
    out[1] = (uint8_t)(0x30 + linear / 1260 % 10);
    out[2] = (uint8_t)(0x81 + linear / 10 % 126);
    out[3] = (uint8_t)(0x30 + linear % 10);
    return 4;
}

/* The octets at a position, as DICOM has them. */
static size_t octets_at(const struct coded_set *set, uint32_t position, uint8_t out[4])
{
    uint8_t base = set->shape == SHAPE_94X94_G0 ? 0x21 : 0xA1;
    if (set->shape == SHAPE_96) {
        out[0] = (uint8_t)(0xA0 + position);
        return 1;
    }
    if (set->shape == SHAPE_94X94_G0 || set->shape == SHAPE_94X94_G1) {
        out[0] = (uint8_t)(base + position / 94);
        out[1] = (uint8_t)(base + position % 94);
        return 2;
    }
    if (position >= DOUBLE_BYTE)
        return four_octets(position - DOUBLE_BYTE, out);
    out[0] = (uint8_t)(0x81 + position / 191);
    out[1] = (uint8_t)(0x40 + position % 191);
    return 2;
}

/* The code point at a position, asked of iconv in the EUC form of the set. */
static uint32_t ask_iconv(iconv_t cd, const struct coded_set *set, uint32_t position)
{
    uint8_t octets[8], *start = octets + 1;
    size_t len = octets_at(set, position, start);
    uint32_t answer[4];
    if (set->shape == SHAPE_94X94_G0) {
        start[0] |= 0x80;
        start[1] |= 0x80;
    }
    if (set->number == 159) {
        octets[0] = 0x8F;
        start = octets;
        len++;
    }
    char *in = (char *)start, *out = (char *)answer;
    size_t room = sizeof answer;
    (void)iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &in, &len, &out, &room) == (size_t)-1 || len != 0 ||
        room != sizeof answer - sizeof *answer || answer[0] < 0x80)
        return 0;
    return answer[0];
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static void build(const struct coded_set *set, struct table *t)
{
    bool is_katakana = set->number == 13;
    iconv_t cd = (iconv_t)-1;
    size_t count = position_count(set);
    if (!count || t->codes)
        return;
    if (!is_katakana && (cd = iconv_open("UTF-32LE", set->iconv_name)) == (iconv_t)-1)
        return; /* the C library lacks it: coded_set_find will not find it */
    t->codes = xcalloc(count, sizeof *t->codes);
    t->pairs = xcalloc(count, sizeof *t->pairs);
    t->count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (is_katakana)
            t->codes[i] = i >= 1 && i <= 0x3F ? 0xFF60 + i : 0;
        else
            t->codes[i] = ask_iconv(cd, set, i);
        for (size_t k = 0; k < sizeof corrections / sizeof *corrections; k++) {
            if (corrections[k].number == set->number && corrections[k].position == i)
                t->codes[i] = corrections[k].code;
        }
        if (t->codes[i])
            t->pairs[t->pair_count++] = (struct pair){t->codes[i], i};
    }
    qsort(t->pairs, t->pair_count, sizeof *t->pairs, compare_pairs);
    if (cd != (iconv_t)-1)
        iconv_close(cd);
}

void coded_sets_init(void)
{
    for (size_t i = 0; i < SET_COUNT; i++)
        build(&sets[i], &tables[i]);
}

static bool is_here(size_t i)
{
    return position_count(&sets[i]) == 0 || tables[i].codes;
}

const struct coded_set *coded_set_at(unsigned index)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        if (is_here(i) && index-- == 0)
            return &sets[i];
    }
    return NULL;
}

const struct coded_set *coded_set_find(int number, const char *term)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        bool is_it = number ? sets[i].number == number
                            : term && sets[i].term && strcmp(sets[i].term, term) == 0;
        if (is_it)
            return is_here(i) ? &sets[i] : NULL;
    }
    return NULL;
}

const struct coded_set *coded_set_of_escape(const uint8_t *p, size_t left, size_t *len)
{
    for (size_t i = 0; i < SET_COUNT; i++) {
        *len = sets[i].escape ? strlen(sets[i].escape) : 0;
        if (*len && *len <= left && memcmp(p, sets[i].escape, *len) == 0)
            return coded_set_find(sets[i].number, NULL);
    }
    return NULL;
}

static size_t decode_four(const struct table *t, const uint8_t *p, size_t left, uint32_t *code)
{
    if (left < 4 || p[2] < 0x81 || p[2] > 0xFE || p[3] < 0x30 || p[3] > 0x39)
        return 0;
    uint32_t linear =
        (((uint32_t)(p[0] - 0x81) * 10 + (uint32_t)(p[1] - 0x30)) * 126 + (uint32_t)(p[2] - 0x81)) *
            10 +
        (uint32_t)(p[3] - 0x30);
    if (linear < FOUR_BYTE)
        *code = t->codes[DOUBLE_BYTE + linear];
    else if (linear >= GB18030_ASTRAL_AT && linear < GB18030_ASTRAL_AT + 0x100000)
        *code = 0x10000 + linear - GB18030_ASTRAL_AT;
    else
        *code = 0;
    return *code ? 4 : 0;
}

size_t coded_decode(const struct coded_set *set, const uint8_t *p, size_t left, uint32_t *code)
{
    const struct table *t = &tables[set - sets];
    uint8_t base = set->shape == SHAPE_94X94_G0 ? 0x21 : 0xA1;
    size_t position, len = 2;
    if (set->shape == SHAPE_UTF8)
        return utf8_decode(p, left, code);
    if (left == 0 || t->count == 0)
        return 0;
    if (set->shape == SHAPE_96) {
        if (p[0] < 0xA0)
            return 0;
        position = p[0] - 0xA0u;
        len = 1;
    } else if (left < 2) {
        return 0;
    } else if (set->shape == SHAPE_94X94_G0 || set->shape == SHAPE_94X94_G1) {
        if (p[0] < base || p[0] > base + 93 || p[1] < base || p[1] > base + 93)
            return 0;
        position = (size_t)(p[0] - base) * 94 + (size_t)(p[1] - base);
    } else {
        if (p[0] < 0x81 || p[0] > 0xFE)
            return 0;
        if (set->shape == SHAPE_GB18030 && p[1] >= 0x30 && p[1] <= 0x39)
            return decode_four(t, p, left, code);
        if (p[1] < 0x40 || p[1] > 0xFE)
            return 0;
        position = (size_t)(p[0] - 0x81) * 191 + (size_t)(p[1] - 0x40);
    }
    *code = t->codes[position];
    return *code ? len : 0;
}

size_t coded_encode(const struct coded_set *set, uint32_t code, uint8_t out[4])
{
    const struct table *t = &tables[set - sets];
    if (set->shape == SHAPE_UTF8)
        return utf8_encode(code, out);
    size_t low = 0, high = t->pair_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->pairs[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < t->pair_count && t->pairs[low].code == code)
        return octets_at(set, t->pairs[low].position, out);
    if (set->shape == SHAPE_GB18030 && t->count && code >= 0x10000 && code <= 0x10FFFF)
        return four_octets(GB18030_ASTRAL_AT + code - 0x10000, out);
    return 0;
}
