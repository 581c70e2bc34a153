/* SPDX-License-Identifier: Apache-2.0
 *
 * Values, wild cards and UIDs (PS3.5 6.2 and 9.1, PS3.4 C.2.2.2.2 and C.2.2.2.4).
 */
#include "reference.h"

/* PS3.5 table 6.2-1: where spaces at the start are no padding. */
static bool keeps_leading_spaces(const char *vr)
{
    return strcmp(vr, "ST") == 0 || strcmp(vr, "LT") == 0 || strcmp(vr, "UT") == 0 ||
           strcmp(vr, "UC") == 0 || strcmp(vr, "UR") == 0;
}

static struct span without_padding(struct span s, const char *vr)
{
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\0'))
        s.len--;
    bool keeps = keeps_leading_spaces(vr) || planted == PLANT_PADDING;
    while (!keeps && s.len > 0 && s.data[0] == ' ')
        s = span_of(s.data + 1, s.len - 1);
    return s;
}

/* PS3.5 6.4: ST, LT, UT and UR have one value, in which a backslash is a character. */
static bool has_one_value(const char *vr)
{
    return strcmp(vr, "ST") == 0 || strcmp(vr, "LT") == 0 || strcmp(vr, "UT") == 0 ||
           strcmp(vr, "UR") == 0;
}

unsigned values_of(const struct dcm_element *e, const char *vr, struct span out[MAX_VALUES])
{
    struct span rest = e ? without_padding(e->value, vr) : span_of(NULL, 0);
    unsigned count = 0;
    bool is_last = rest.len == 0;
    while (!is_last && count < MAX_VALUES) {
        const uint8_t *end =
            has_one_value(vr) || !rest.len ? NULL : memchr(rest.data, '\\', rest.len);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;
        out[count++] = without_padding(span_of(rest.data, len), vr);
        is_last = !end;
        rest = span_of(rest.data + len + !is_last, rest.len - len - !is_last);
    }
    return count;
}

bool is_only_asterisks(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '*')
            return false;
    }
    return s.len > 0;
}

bool has_wild_card(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '*' || s.data[i] == '?')
            return true;
    }
    return false;
}

static size_t character(struct span s)
{
    size_t len = 1;
    while (planted != PLANT_OCTETS && len < s.len && (s.data[len] & 0xC0) == 0x80)
        len++;
    return len;
}

static struct span behind(struct span s, size_t n)
{
    return span_of(s.data + n, s.len - n);
}

static bool is_any_text(uint8_t c)
{
    return c == '*' || (c == '%' && planted == PLANT_PERCENT);
}

static bool is_any_character(uint8_t c)
{
    return c == '?' || (c == '_' && planted == PLANT_UNDERSCORE);
}

static uint8_t letter(uint8_t c)
{
    return planted == PLANT_CASE && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* "*": any characters or none. "?": one character. Everything else is itself. */
bool wild_card_matches(struct span pattern, struct span text)
{
    for (; pattern.len > 0; pattern = behind(pattern, 1)) {
        if (is_any_text(pattern.data[0])) {
            for (;; text = behind(text, character(text))) {
                if (wild_card_matches(behind(pattern, 1), text))
                    return true;
                if (text.len == 0)
                    return false;
            }
        }
        if (text.len == 0)
            return false;
        if (is_any_character(pattern.data[0])) {
            text = behind(text, character(text));
        } else {
            if (letter(pattern.data[0]) != letter(text.data[0]))
                return false;
            text = behind(text, 1);
        }
    }
    return text.len == 0;
}

/* PS3.5 9.1: components of digits, none with a leading zero, 64 characters. */
bool uid_is_valid(struct span s)
{
    bool starts = true;
    for (size_t i = 0; i < s.len; i++) {
        bool is_dot = s.data[i] == '.';
        if (is_dot ? starts : s.data[i] < '0' || s.data[i] > '9')
            return false;
        if (!is_dot && !starts && s.data[i - 1] == '0' && (i == 1 || s.data[i - 2] == '.'))
            return false;
        starts = is_dot;
    }
    return !starts && s.len <= 64;
}
