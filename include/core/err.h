/* SPDX-License-Identifier: Apache-2.0
 *
 * core/err: the result code and error detail of every fallible function.
 *
 * A function that can fail returns `enum rc` and, where more than the code is known, fills the
 * caller's `struct err` at the place of failure. It is logged once, where it is handled, and turned
 * into a wire status in one table per protocol (service/status for DIMSE, net/fsm for the Upper Layer).
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stdarg.h>

#include "core/limits.h"

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum rc {
    RC_OK = 0,
    RC_AGAIN = -1,       /* not now, perhaps later: the name service did not answer, say */
    RC_INVALID = -2,     /* the input breaks its own rules */
    RC_UNSUPPORTED = -3, /* well-formed, but not something we do */
    RC_NOTFOUND = -4,
    RC_CONFLICT = -5,
    RC_LIMIT = -6, /* a configured limit was reached */
    RC_NOMEM = -7,
    RC_IO = -8,
    RC_DB = -9, /* the database refused or is away; see sqlstate */
    RC_TIMEOUT = -10,
    RC_CANCELED = -11,
    RC_DENIED = -12, /* not authorised */
    RC_INTERNAL = -13,
};

/* Plain value; text is always NUL-terminated, one line, without a trailing period. */
struct err {
    enum rc code;
    char text[256];
    char sqlstate[6]; /* "" unless code == RC_DB */
    unsigned tag;     /* data element that is wrong (group << 16 | element), 0 = none */
    enum limit limit; /* what has struck, where the code is RC_LIMIT or RC_TIMEOUT */
};

/* "ok", "invalid", "timeout" ...; never NULL. */
const char *rc_name(enum rc code);

/* Fill *err (NULL is legal) and return code, so that `return err_set(err, RC_INVALID, ...)` reads well.
 * Clears tag, limit and sqlstate: set sqlstate afterwards. Arguments may point into *err. Control characters
 * become spaces, trailing spaces and periods go. */
enum rc err_set(struct err *err, enum rc code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, naming the offending data element. */
enum rc err_set_tag(struct err *err, enum rc code, unsigned tag, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* A limit or deadline has struck: counts that, and sets RC_LIMIT or RC_TIMEOUT. tag 0 = none. Once for each
 * time: other words come by err_reword. */
enum rc err_set_limit(struct err *err, enum limit limit, unsigned tag, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same err under another text, which may quote the old one; NULL is legal. */
void err_reword(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
