/* SPDX-License-Identifier: Apache-2.0 */
#include "core/err.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const rc_names[] = {
    [-RC_OK] = "ok",
    [-RC_AGAIN] = "again",
    [-RC_INVALID] = "invalid",
    [-RC_UNSUPPORTED] = "unsupported",
    [-RC_NOTFOUND] = "not-found",
    [-RC_CONFLICT] = "conflict",
    [-RC_LIMIT] = "limit",
    [-RC_NOMEM] = "no-memory",
    [-RC_IO] = "io",
    [-RC_DB] = "database",
    [-RC_TIMEOUT] = "timeout",
    [-RC_CANCELED] = "canceled",
    [-RC_DENIED] = "denied",
    [-RC_INTERNAL] = "internal",
};

const char *rc_name(enum rc code)
{
    int i = -(int)code;

    return i >= 0 && i < (int)(sizeof(rc_names) / sizeof(rc_names[0])) ? rc_names[i] : "unknown";
}

/* Cut a text that was shortened in the middle of a UTF-8 character back to a whole one. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t start = len;

    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return len;

    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;

    return len - (start - 1) < need ? start - 1 : len;
}

/* One line without a trailing period, whatever a library or a peer has put into it. */
static void tidy(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = ' ';
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '.'))
        len--;
    text[len] = '\0';
}

PRINTF_LIKE(4, 0)
static enum rc fill(struct err *err, enum rc code, unsigned tag, const char *fmt, va_list args)
{
    /* The arguments may point into *err, as when a caller puts its own words before a lower layer's. */
    char text[sizeof(err->text)];
    int n;

    if (!err)
        return code;
    n = vsnprintf(text, sizeof(text), fmt, args);
    if (n < 0)
        text[n = 0] = '\0';
    size_t len = (size_t)n < sizeof(text) ? (size_t)n : whole_characters(text, sizeof(text) - 1);
    tidy(text, len);
    err->code = code;
    err->tag = tag;
    err->limit = LIMIT_NONE;
    memset(err->sqlstate, 0, sizeof(err->sqlstate));
    memcpy(err->text, text, strlen(text) + 1);
    return code;
}

enum rc err_set(struct err *err, enum rc code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(err, code, 0, fmt, args);
    va_end(args);
    return code;
}

enum rc err_set_tag(struct err *err, enum rc code, unsigned tag, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fill(err, code, tag, fmt, args);
    va_end(args);
    return code;
}

enum rc err_set_limit(struct err *err, enum limit limit, unsigned tag, const char *fmt, ...)
{
    enum rc code = limit_of(limit)->kind == LIMIT_KIND_LIMIT ? RC_LIMIT : RC_TIMEOUT;
    va_list args;

    limit_struck(limit);
    va_start(args, fmt);
    fill(err, code, tag, fmt, args);
    va_end(args);
    if (err)
        err->limit = limit;
    return code;
}

void err_reword(struct err *err, const char *fmt, ...)
{
    struct err old;
    va_list args;

    if (!err)
        return;
    old = *err;
    va_start(args, fmt);
    fill(err, old.code, old.tag, fmt, args);
    va_end(args);
    err->limit = old.limit;
    memcpy(err->sqlstate, old.sqlstate, sizeof(err->sqlstate));
}
