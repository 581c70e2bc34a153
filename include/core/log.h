/* SPDX-License-Identifier: Apache-2.0
 *
 * core/log: one line per event on standard error, logfmt or JSON, UTC time stamps.
 *
 *   time=2026-11-23T02:04:39.123Z level=info event=find.done assoc=17 peer=127.0.0.1 aet=CT1 matches=12
 *
 * error = an operator must act; warn = a peer's fault or a limit; info = outcome of an association or
 * an operation, one line each; debug = protocol steps; trace = octets. No values of data set attributes
 * above debug. Thread-safe; one write(2) per line. Control characters are escaped, so a peer cannot
 * forge lines. Where standard error is a stream to systemd's journal a line begins with its priority, <6>.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };
enum log_format { LOG_LOGFMT, LOG_JSON };

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
/* "error", "warn" ... */
const char *log_level_name(enum log_level level);

/* Who a line is about; members may be NULL or 0 and are then left out. Borrowed for the call. */
struct log_ctx {
    uint64_t assoc; /* association number, unique in this process */
    unsigned msg;   /* Message ID, written as msg_id */
    bool has_msg;
    const char *aet;
    const char *peer; /* "192.0.2.1:104" */
    enum limit limit; /* what has struck: limit=max-depth or deadline=idle-timeout */
};

/* The format is either a list of pairs, `matches=%d why="%s"`, or a sentence, which is written as
 * msg="...". It is a list when it begins with `word=`; the format alone decides, so arguments cannot add
 * pairs. Quote a value in the format when it may hold ` word=` literally; what an argument holds is
 * quoted and escaped as needed. Values of a bare conversion like %d, %zu or %.1f are numbers in JSON.
 * Lines are cut at some 4090 octets. ctx may be NULL. event is a constant like "assoc.accepted". errno is kept. */
void log_event(enum log_level level, const struct log_ctx *ctx, const char *event, const char *fmt,
               ...) PRINTF_LIKE(4, 5);

/* The same for a line whose keys are known at run time only. text NULL: the number, divided by 10 to the
 * power of decimals; {"ms", NULL, 11, 1} is ms=1.1. Keys are constants. */
struct log_pair {
    const char *key;
    const char *text;
    int64_t number;
    unsigned decimals;
};
void log_pairs(enum log_level level, const struct log_ctx *ctx, const char *event,
               const struct log_pair *pairs, unsigned count);

/* For lines that anybody who can connect can cause: whether this one is to be written. Of the same event, subject
 * and address one is, in the time of log_set_repeat, and a bounded number of all; event is a constant. Ask only
 * for a level that is enabled. */
bool log_is_due(const char *event, const char *subject, const char *address);
void log_set_repeat(int64_t ms); /* 0 = every line; default 1 min */
/* Tell what was left out, once its time is over (is_end: in any case). Call it now and then, on any thread. */
void log_tell_suppressed(bool is_end);

#define log_error(ctx, event, ...) log_event(LOG_ERROR, ctx, event, __VA_ARGS__)
#define log_warn(ctx, event, ...)  log_event(LOG_WARN, ctx, event, __VA_ARGS__)
#define log_info(ctx, event, ...)  log_event(LOG_INFO, ctx, event, __VA_ARGS__)
#define log_debug(ctx, event, ...)                         \
    do {                                                   \
        if (log_enabled(LOG_DEBUG))                        \
            log_event(LOG_DEBUG, ctx, event, __VA_ARGS__); \
    } while (0)

#endif
