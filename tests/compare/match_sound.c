/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzy semantic matching of person names (PS3.4 K.5.1, C.2.2.2.1). What is fuzzy is left to the SCP, and the choice
 * is: by words, which ^, spaces, commas, full stops and hyphens part; each word of the key must be among those of the
 * group, wherever it stands. Words are alike that have a Double Metaphone code in common; one that has none must be
 * there as it is. Wild cards stand for characters of a word. Everything is folded before.
 */
#include "reference.h"

enum { MAX_WORDS = 64, MAX_HEARD = 2048 };

void (*sounds_of)(const char *word, char out[2][SOUND_TEXT]);

static unsigned words_of(struct span text, struct span out[MAX_WORDS])
{
    unsigned count = 0;
    size_t start = 0;
    for (size_t i = 0; i <= text.len && count < MAX_WORDS; i++) {
        bool is_wide = text.len - i >= 3 && memcmp(text.data + i, "\xE3\x80\x80", 3) == 0;
        if (i < text.len && !is_wide && !strchr("^ ,.-", text.data[i]))
            continue;
        if (i > start)
            out[count++] = span_of(text.data + start, i - start);
        start = i + (is_wide ? 3 : 1);
        i += is_wide ? 2 : 0;
    }
    return count;
}

/* Letters without apostrophes; "" when there is anything else. */
static void letters_of(struct span word, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.data[i];
        bool is_mark = word.len - i >= 3 && memcmp(word.data + i, "\xE2\x80\x99", 3) == 0;
        bool is_modifier = word.len - i >= 2 && memcmp(word.data + i, "\xCA\xBC", 2) == 0;
        if (is_mark || is_modifier) {
            i += is_mark ? 2 : 1;
        } else if (c >= 'a' && c <= 'z' && n < 63) {
            out[n++] = (char)c;
        } else if (c != '\'') {
            n = 0;
            break;
        }
    }
    out[n] = '\0';
}

/* The same few words are heard again and again. */
struct heard {
    char word[64];
    char sounds[2][SOUND_TEXT];
};

static const struct heard *hear(struct span word)
{
    static struct heard known[MAX_HEARD];
    static unsigned count;
    char letters[64];
    letters_of(word, letters);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(known[i].word, letters) == 0)
            return &known[i];
    }
    if (count == MAX_HEARD)
        count = 0;
    struct heard *h = &known[count++];
    memset(h, 0, sizeof(*h));
    memcpy(h->word, letters, sizeof(letters));
    if (letters[0])
        sounds_of(letters, h->sounds);
    return h;
}

static bool are_alike(struct span a, struct span b)
{
    const struct heard *x = hear(a), *y = hear(b);
    if (!x->sounds[0][0] || !y->sounds[0][0])
        return span_equal(a, b);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (x->sounds[i][0] && strcmp(x->sounds[i], y->sounds[k]) == 0)
                return true;
        }
    }
    return false;
}

static bool is_among(struct span word, const struct span *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (has_wild_card(word) ? wild_card_matches(word, words[i]) : are_alike(word, words[i]))
            return true;
    }
    return false;
}

bool words_match(struct span key, struct span name)
{
    struct span wanted[MAX_WORDS], there[MAX_WORDS];
    unsigned n = words_of(key, wanted), m = words_of(name, there), asked = 0, found = 0;
    for (unsigned i = 0; i < n; i++) {
        if (is_only_asterisks(wanted[i]))
            continue;
        bool is_first = planted == PLANT_FUZZY_START;
        asked++;
        found +=
            is_first ? i < m && is_among(wanted[i], &there[i], 1) : is_among(wanted[i], there, m);
    }
    return asked > 0 && (found == asked || (found > 0 && planted == PLANT_FUZZY_ONE_WORD));
}
