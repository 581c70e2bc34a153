/* SPDX-License-Identifier: Apache-2.0
 *
 * Person names (PS3.4 C.2.2.2.1, PS3.5 6.2.1). How they are compared is left to the SCP, and the choice is:
 * without regard to case, accents and Unicode form; delimiters at the end say nothing; a key without "=" is
 * compared with each component group, one with "=" group by group. Fuzzily, see match_sound.c.
 *
 * Folding is ICU's: decompose, drop accents, fold case, compose. Marks that belong to one script are no accents:
 * those of kana, Arabic and Thai make other letters, and stay. Letters with strokes and ligatures, which have no decomposition, are in a table.
 */
#include "reference.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { MAX_NAME = 1024, MAX_KNOWN = 4096, KNOWN_GROUPS = 3, GROUPS = 4 };

static const struct {
    UChar letter;
    const char *base;
} plain_letters[] = {
    {0x00C6, "ae"}, {0x00E6, "ae"}, {0x0152, "oe"}, {0x0153, "oe"}, {0x00D8, "o"}, {0x00F8, "o"},
    {0x0110, "d"},  {0x0111, "d"},  {0x00D0, "d"},  {0x00F0, "d"},  {0x0141, "l"}, {0x0142, "l"},
    {0x0131, "i"},  {0x0126, "h"},  {0x0127, "h"},  {0x0166, "t"},  {0x0167, "t"},
};

static int32_t add_plain(UChar c, UChar *out)
{
    for (unsigned i = 0; i < COUNT(plain_letters); i++) {
        int32_t n = 0;
        if (plain_letters[i].letter != c)
            continue;
        for (; plain_letters[i].base[n]; n++)
            out[n] = (UChar)plain_letters[i].base[n];
        return n;
    }
    out[0] = c;
    return 1;
}

static bool is_accent(UChar c)
{
    switch (ublock_getCode(c)) {
    case UBLOCK_COMBINING_DIACRITICAL_MARKS:
    case UBLOCK_COMBINING_DIACRITICAL_MARKS_EXTENDED:
    case UBLOCK_COMBINING_DIACRITICAL_MARKS_SUPPLEMENT:
    case UBLOCK_COMBINING_MARKS_FOR_SYMBOLS:
        return true;
    default:
        return false;
    }
}

static struct span fold(struct span text)
{
    static UChar a[4 * MAX_NAME], b[4 * MAX_NAME];
    static char out[4 * MAX_NAME];
    UErrorCode bad = U_ZERO_ERROR;
    int32_t n = 0, m = 0, bytes = 0;
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&bad), *nfc = unorm2_getNFCInstance(&bad);

    u_strFromUTF8(a, COUNT(a), &n, (const char *)text.data, (int32_t)text.len, &bad);
    n = unorm2_normalize(planted == PLANT_NAME_ACCENT ? nfc : nfd, a, n, b, COUNT(b), &bad);
    for (int32_t i = 0; i < n; i++) {
        if (planted == PLANT_NAME_ACCENT)
            a[m++] = b[i];
        else if (!is_accent(b[i]))
            m += add_plain(b[i], a + m);
    }
    if (planted == PLANT_NAME_CASE)
        u_memcpy(b, a, n = m);
    else
        n = u_strFoldCase(b, COUNT(b), a, m, U_FOLD_CASE_DEFAULT, &bad);
    m = unorm2_normalize(nfc, b, n, a, COUNT(a), &bad);
    u_strToUTF8(out, sizeof(out), &bytes, a, m, &bad);
    if (U_FAILURE(bad))
        die("ICU: %s", u_errorName(bad));
    return span_of(out, (size_t)bytes);
}

/* The same few names are folded again and again. Kept for good. */
struct span name_folded(struct span text)
{
    static struct {
        struct span from, to;
        enum plant plant;
    } known[MAX_KNOWN];
    static unsigned count;
    static struct arena *arena;
    uint32_t hash = 2166136261u ^ (uint32_t)planted;

    if (!arena)
        arena = arena_new(0);
    if (text.len > MAX_NAME)
        text.len = MAX_NAME;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * 16777619u;
    for (;; hash++) {
        unsigned i = hash % MAX_KNOWN;
        if (known[i].from.data && known[i].plant == planted && span_equal(known[i].from, text))
            return known[i].to;
        if (known[i].from.data)
            continue;
        if (++count > MAX_KNOWN / 2) {
            memset(known, 0, sizeof(known));
            count = 1;
        }
        struct span to = fold(text);
        known[i].from = span_of(arena_strndup(arena, (const char *)text.data, text.len), text.len);
        known[i].to = span_of(arena_strndup(arena, (const char *)to.data, to.len), to.len);
        known[i].plant = planted;
        return known[i].to;
    }
}

static struct span trimmed(struct span s, const char *what)
{
    while (s.len > 0 && strchr(what, s.data[s.len - 1]))
        s.len--;
    while (s.len > 0 && s.data[0] == ' ')
        s = span_of(s.data + 1, s.len - 1);
    return s;
}

static unsigned groups_of(struct span name, struct span out[GROUPS])
{
    unsigned count = 0;
    while (count < GROUPS) {
        const uint8_t *end = name.len ? memchr(name.data, '=', name.len) : NULL;
        size_t len = end ? (size_t)(end - name.data) : name.len;
        out[count++] = trimmed(span_of(name.data, len), "^ ");
        if (!end)
            break;
        name = span_of(end + 1, name.len - len - 1);
    }
    return count;
}

struct span name_trimmed(struct span name)
{
    return trimmed(name, "^= ");
}

static bool folded_matches(struct span k, struct span g, bool is_fuzzy)
{
    return (is_fuzzy && words_match(k, g)) ||
           (has_wild_card(k) ? wild_card_matches(k, g) : span_equal(k, g));
}

static bool any_group_matches(struct span key, const struct span *groups, unsigned count,
                              bool is_fuzzy)
{
    for (unsigned i = 0; i < count; i++) {
        struct span g = name_folded(groups[i]);
        if (g.len > 0 && folded_matches(name_folded(key), g, is_fuzzy))
            return true;
    }
    return false;
}

bool name_matches(struct span key, struct span name, bool is_fuzzy)
{
    struct span of_key[GROUPS], of_name[GROUPS];
    unsigned asked = groups_of(key, of_key), there = groups_of(name, of_name);

    if (planted == PLANT_NAME_GROUPS)
        there = 1;
    if (there >
        KNOWN_GROUPS) /* PS3.5 6.2.1: there are three. A choice: what is behind them is no name */
        there = KNOWN_GROUPS;
    if (asked == 1)
        return any_group_matches(of_key[0], of_name, there, is_fuzzy);
    for (unsigned i = 0; i < asked; i++) {
        struct span group = i < there ? of_name[i] : span_of("", 0);
        if (of_key[i].len == 0)
            continue;
        if (is_only_asterisks(of_key[i])
                ? group.len == 0
                : !folded_matches(name_folded(of_key[i]), name_folded(group), is_fuzzy))
            return false;
    }
    return true;
}
