/* SPDX-License-Identifier: Apache-2.0
 *
 * One event becomes one line and one write(2). The line is built in a buffer of PIPE_BUF octets on the
 * caller's stack: no lock, no allocation, and lines of several threads or processes on one pipe do not
 * mix. What does not fit is cut at a character, and the line stays well-formed: every piece is put only
 * if the room left behind it suffices to close what is open.
 *
 * Which parts of the text are pairs is decided by the *format*, never by the text: `matches=%d why="%s"`
 * has two pairs whatever the arguments hold, so a peer that names itself `X level=error` stays a value.
 * A format that begins with `word=` is a list of pairs: a pair begins at a space before the next
 * `word=` outside double quotes; its value is all in between, without the quotes. Any other format is a
 * sentence and becomes msg. To learn where each value lies in the text, the format is printed once more
 * up to each boundary; formats are short, so this is cheaper than a second printf of our own.
 *
 * systemd hands over standard error as a stream to the journal and says so (JOURNAL_STREAM, systemd.exec(5)). There a line
 * begins with its priority, <4>, which the journal takes off again (sd-daemon(3)); elsewhere it would be no part of the
 * line.
 *
 * A value from a bare %d, %u, %zu, %.1f ... is a number in JSON; everything else is a string. What
 * could drive a terminal or pretend to be other text (utf8_is_harmful) is escaped, octets that are not UTF-8 become
 * U+FFFD.
 */
#include "core/log.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core_internal.h"

enum {
    PRIORITY = 3,
    LINE = PIPE_BUF - PRIORITY,
    TEXT = 3072,
    FORMAT = 512,
    MAX_PAIRS = 24,
    CLOSING = 4 /* "..}\n" */
};

static _Atomic int current_level = LOG_INFO;
static _Atomic int current_format = LOG_LOGFMT;
static _Atomic bool is_journal;

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn",   [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug", [LOG_TRACE] = "trace",
};

/* syslog(3) */
static const char *const priorities[] = {
    [LOG_ERROR] = "<3>", [LOG_WARN] = "<4>",  [LOG_INFO] = "<6>",
    [LOG_DEBUG] = "<7>", [LOG_TRACE] = "<7>",
};

enum { LEVELS = sizeof(level_names) / sizeof(level_names[0]) };

/* Whoever started us may have redirected standard error since, so the file is compared. */
static bool goes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&is_journal, goes_to_journal(), memory_order_relaxed);
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&current_format, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < LEVELS ? level_names[level] : "unknown";
}

struct line {
    bool json;
    enum log_level level;
    size_t len;
    char text[LINE];
};

/* Put n octets if the closing still fits behind them. */
static bool put(struct line *l, const char *octets, size_t n)
{
    if (l->len + n > sizeof(l->text) - CLOSING)
        return false;
    memcpy(l->text + l->len, octets, n);
    l->len += n;
    return true;
}

/* A value's octets, escaped; stops at the first character that does not fit. */
static void put_escaped(struct line *l, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t step;

    for (size_t i = 0; i < n; i += step) {
        char code[8];
        uint32_t cp = 0;
        bool fits;

        step = utf8_decode(p + i, n - i, &cp);
        if (step == 0) {
            step = 1;
            fits = put(l, "\xEF\xBF\xBD", 3);
        } else if (cp == '"' || cp == '\\') {
            fits = put(l, (char[]){'\\', (char)cp}, 2);
        } else if (cp == '\n') {
            fits = put(l, "\\n", 2);
        } else if (utf8_is_harmful(cp)) {
            snprintf(code, sizeof(code), "\\u%04x", cp & 0xFFFF);
            fits = put(l, code, 6);
        } else {
            fits = put(l, text + i, step);
        }
        if (!fits)
            return;
    }
}

/* Whether logfmt can do without quotes around the value. */
static bool is_plain(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return n > 0;
}

static bool is_number(const char *value, size_t n)
{
    size_t i = n > 0 && value[0] == '-';

    if (i == n || n > 24 || (value[i] == '0' && n > i + 1 && value[i + 1] != '.'))
        return false;
    size_t point = n; /* digits on both sides */
    for (size_t first = i; i < n; i++) {
        if (value[i] == '.' && point == n && i > first && i + 1 < n)
            point = i;
        else if (value[i] < '0' || value[i] > '9')
            return false;
    }
    return true;
}

static void put_pair(struct line *l, const char *key, size_t key_len, const char *value, size_t n,
                     bool numeric)
{
    size_t start = l->len;
    bool bare = l->json ? numeric && is_number(value, n) : is_plain(value, n);
    bool whole = put(l, l->json ? (start > 1 ? ",\"" : "\"") : (start > 0 ? " " : ""),
                     l->json ? (start > 1 ? 2 : 1) : start > 0);

    whole = whole && put(l, key, key_len) && put(l, l->json ? "\":" : "=", l->json ? 2 : 1);
    if (bare) {
        whole = whole && put(l, value, n);
    } else if (whole && put(l, "\"", 1)) {
        put_escaped(l, value, n);
        l->text[l->len++] = '"'; /* CLOSING has room for it */
    } else {
        whole = false;
    }
    if (!whole)
        l->len = start;
}

static void put_text(struct line *l, const char *key, const char *value)
{
    if (value)
        put_pair(l, key, strlen(key), value, strlen(value), false);
}

static void put_number(struct line *l, const char *key, int64_t value, unsigned decimals)
{
    char text[NUMBER_TEXT];
    const char *digits = number_text(value, decimals, text);

    put_pair(l, key, strlen(key), digits, strlen(digits), true);
}

/* Length of `word=` at the start of text, without the sign; 0 = none. */
static size_t key_length(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return text[n] == '=' ? n : 0;
}

/* A pair in a format: where it begins and where the text behind it begins. */
struct piece {
    size_t key_len;
    size_t begin;
    size_t value;
    size_t end;
    bool quoted;
};

static unsigned split_format(const char *fmt, struct piece pieces[MAX_PAIRS])
{
    unsigned count = 0;
    size_t at = 0;

    while (count < MAX_PAIRS && key_length(fmt + at) > 0) {
        struct piece *p = &pieces[count++];

        p->key_len = key_length(fmt + at);
        p->begin = at;
        at += p->key_len + 1;
        p->quoted = fmt[at] == '"';
        p->value = at += p->quoted;
        for (bool open = p->quoted; fmt[at] != '\0'; at++) {
            if (fmt[at] == '"')
                open = false;
            if (!open && fmt[at] == ' ' && key_length(fmt + at + 1) > 0)
                break;
        }
        p->end = at;
        at += fmt[at] == ' ';
    }
    return count;
}

/* %d, %zu, %lld, %.1f ... alone. */
static bool is_number_conversion(const char *fmt, size_t n)
{
    size_t i = 1;

    if (n < 2 || fmt[0] != '%')
        return false;
    if (n == 4 && fmt[1] == '.' && fmt[2] >= '0' && fmt[2] <= '9' && fmt[3] == 'f')
        return true;
    i += strspn(fmt + i, "hlzjt");
    return i + 1 == n && (fmt[i] == 'd' || fmt[i] == 'i' || fmt[i] == 'u');
}

/* How many octets the first n of the format print. */
static size_t printed_length(const char *fmt, size_t n, va_list args)
{
    char head[FORMAT];
    va_list again;
    int len;

    memcpy(head, fmt, n);
    head[n] = '\0';
    va_copy(again, args);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* a prefix of a format the compiler checked */
    len = vsnprintf(NULL, 0, head, again);
#pragma GCC diagnostic pop
    va_end(again);
    return len > 0 ? (size_t)len : 0;
}

static void __attribute__((format(printf, 2, 0)))
put_message(struct line *l, const char *fmt, va_list args)
{
    struct piece pieces[MAX_PAIRS];
    char text[TEXT];
    va_list again;
    unsigned count = strlen(fmt) < FORMAT ? split_format(fmt, pieces) : 0;
    int printed;
    size_t len;

    va_copy(again, args);
    printed = vsnprintf(text, sizeof(text), fmt, again);
    va_end(again);
    if (printed <= 0)
        return;
    len = (size_t)printed < sizeof(text) ? (size_t)printed : sizeof(text) - 1;
    if (count == 0)
        put_pair(l, "msg", 3, text, len, false);
    for (unsigned i = 0; i < count; i++) {
        const struct piece *p = &pieces[i];
        size_t from = printed_length(fmt, p->value, args);
        size_t to = printed_length(fmt, p->end, args);

        if (to > len)
            to = len;
        if (from > to)
            break;
        if (p->quoted && to > from && fmt[p->end - 1] == '"' && text[to - 1] == '"')
            to--;
        put_pair(l, fmt + p->begin, p->key_len, text + from, to - from,
                 is_number_conversion(fmt + p->value, p->end - p->value));
    }
}

static void put_context(struct line *l, const struct log_ctx *ctx)
{
    if (!ctx)
        return;
    if (ctx->assoc > 0)
        put_number(l, "assoc", (int64_t)ctx->assoc, 0);
    if (ctx->has_msg)
        put_number(l, "msg_id", ctx->msg, 0);
    if (ctx->peer && ctx->peer[0] != '\0')
        put_text(l, "peer", ctx->peer);
    if (ctx->aet && ctx->aet[0] != '\0')
        put_text(l, "aet", ctx->aet);
    if (ctx->limit != LIMIT_NONE) {
        const struct limit_row *limit = limit_of(ctx->limit);
        put_text(l, limit_kind_name(limit->kind), limit->name);
    }
}

static void line_begin(struct line *l, enum log_level level, const struct log_ctx *ctx,
                       const char *event)
{
    char now[32];

    l->json = atomic_load_explicit(&current_format, memory_order_relaxed) == LOG_JSON;
    l->len = 0;
    l->level = level;
    if (l->json)
        put(l, "{", 1);
    clock_format_utc(now);
    put_text(l, "time", now);
    put_text(l, "level", log_level_name(level));
    put_text(l, "event", event);
    put_context(l, ctx);
}

static void line_end(struct line *l)
{
    if (l->json)
        l->text[l->len++] = '}';
    l->text[l->len++] = '\n';
    struct iovec parts[] = {
        {(void *)(uintptr_t)priorities[l->level],
         atomic_load_explicit(&is_journal, memory_order_relaxed) ? PRIORITY : 0},
        {l->text, l->len},
    };
    while (writev(STDERR_FILENO, parts, 2) < 0 && errno == EINTR)
        ;
}

void log_event(enum log_level level, const struct log_ctx *ctx, const char *event, const char *fmt,
               ...)
{
    int saved_errno = errno;
    struct line l;
    va_list args;

    if (!log_enabled(level))
        return;
    line_begin(&l, level, ctx, event);
    errno = saved_errno; /* for %m */
    va_start(args, fmt);
    put_message(&l, fmt, args);
    va_end(args);
    line_end(&l);
    errno = saved_errno;
}

void log_pairs(enum log_level level, const struct log_ctx *ctx, const char *event,
               const struct log_pair *pairs, unsigned count)
{
    int saved_errno = errno;
    struct line l;

    if (!log_enabled(level))
        return;
    line_begin(&l, level, ctx, event);
    for (unsigned i = 0; i < count; i++) {
        const struct log_pair *p = &pairs[i];

        if (p->text)
            put_text(&l, p->key, p->text);
        else
            put_number(&l, p->key, p->number, p->decimals);
    }
    line_end(&l);
    errno = saved_errno;
}

void core_fatal(const char *what)
{
    log_event(LOG_ERROR, NULL, "fatal", "%s", what);
    abort();
}
