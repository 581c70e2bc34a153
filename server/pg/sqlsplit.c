/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/sqlsplit: cuts a script into statements, for migrations that must not run in a transaction: a
 * query message with several statements is one.
 *
 * Knows what may hold a semicolon that ends nothing: quotes, E-strings, dollar quotes, comments (block
 * comments nest). It does not know `begin atomic` bodies; such functions belong to sql/, which is sent whole.
 */
#include "migrate_set.h"

#include <ctype.h>

static size_t skip_quoted(const char *s, size_t i, bool has_escapes)
{
    char quote = s[i++];
    while (s[i]) {
        if (has_escapes && s[i] == '\\' && s[i + 1]) {
            i += 2;
        } else if (s[i++] == quote) {
            return i; /* a doubled quote just begins the next string */
        }
    }
    return i;
}

static size_t skip_block_comment(const char *s, size_t i)
{
    unsigned depth = 0;
    do {
        if (s[i] == '/' && s[i + 1] == '*') {
            depth++;
            i += 2;
        } else if (s[i] == '*' && s[i + 1] == '/') {
            depth--;
            i += 2;
        } else {
            i++;
        }
    } while (depth > 0 && s[i]);
    return i;
}

static bool is_name(char ch)
{
    return isalnum((unsigned char)ch) || ch == '_' || (ch & 0x80);
}

/* $tag$ ... $tag$; a lone $ (a parameter) is one character. */
static size_t skip_dollar(const char *s, size_t i)
{
    size_t tag = i + 1;
    while (is_name(s[tag])) {
        tag++;
    }
    if (s[tag] != '$' || isdigit((unsigned char)s[i + 1])) {
        return i + 1;
    }
    size_t len = tag + 1 - i;
    size_t at = tag + 1;
    while (s[at] && strncmp(s + at, s + i, len) != 0) {
        at++;
    }
    return s[at] ? at + len : at;
}

static size_t skip_token(const char *s, size_t i)
{
    if (s[i] == '\'') {
        bool is_escaped =
            i > 0 && (s[i - 1] == 'E' || s[i - 1] == 'e') && (i < 2 || !is_name(s[i - 2]));
        return skip_quoted(s, i, is_escaped);
    }
    if (s[i] == '"') {
        return skip_quoted(s, i, false);
    }
    if (s[i] == '-' && s[i + 1] == '-') {
        return i + strcspn(s + i, "\n");
    }
    if (s[i] == '/' && s[i + 1] == '*') {
        return skip_block_comment(s, i);
    }
    if (s[i] == '$' && (i == 0 || !is_name(s[i - 1]))) {
        return skip_dollar(s, i);
    }
    return i + 1;
}

bool sql_next_statement(const char *script, size_t *pos, struct span *out)
{
    const char *s = script + *pos;
    size_t i = 0, begin = SIZE_MAX;
    while (s[i] && s[i] != ';') {
        bool is_blank = isspace((unsigned char)s[i]) || (s[i] == '-' && s[i + 1] == '-') ||
                        (s[i] == '/' && s[i + 1] == '*');
        if (!is_blank && begin == SIZE_MAX) {
            begin = i;
        }
        i = skip_token(s, i);
    }
    if (s[i] == '\0' && begin == SIZE_MAX) {
        return false;
    }
    *out = begin == SIZE_MAX ? span_of(s, 0) : span_of(s + begin, i - begin);
    *pos += i + (s[i] == ';');
    return true;
}
