/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/error: what libpq and the server report, as struct err. libpq's texts end in a line feed and may
 * have several lines; ours are one line. libpq never puts a password into them.
 *
 * The reason comes first and where it happened last: who only sees the beginning (an Error Comment has 64
 * characters) shall know what is the matter.
 */
#include "pg_internal.h"

#include <stdio.h>

void pg_one_line(char *out, size_t size, const char *text)
{
    size_t n = 0;
    bool is_gap = false;
    for (; *text && n + 2 < size; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch <= ' ') {
            is_gap = n > 0;
            continue;
        }
        if (is_gap) {
            out[n++] = ' ';
            is_gap = false;
        }
        out[n++] = (char)ch;
    }
    /* Never half a UTF-8 character at the end. */
    if (*text) {
        while (n > 0 && ((unsigned char)out[n - 1] & 0xC0) == 0x80) {
            n--;
        }
        if (n > 0 && (unsigned char)out[n - 1] >= 0xC0) {
            n--;
        }
    }
    while (n > 0 && out[n - 1] == '.') {
        n--;
    }
    out[n] = '\0';
}

/* Reports that name a file or a command first. */
static const struct {
    const char *sqlstate, *reason;
} reasons[] = {
    {"25006", "the database is read-only"},
    {"53100", "the database's disk is full"},
};

static const char *reason_of(const char *sqlstate)
{
    for (size_t i = 0; sqlstate && i < sizeof reasons / sizeof *reasons; i++) {
        if (strcmp(sqlstate, reasons[i].sqlstate) == 0) {
            return reasons[i].reason;
        }
    }
    return NULL;
}

/* The transaction has ended well on the primary alone: the wait for its standbys was cancelled, or the server stops. It
 * comes as a warning, in the language of the server's messages and with the SQLSTATE of any warning, so it is known by
 * the function that gives it. */
bool pg_is_unreplicated(const PGresult *notice)
{
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    return function && strcmp(function, "SyncRepWaitForLSN") == 0;
}

enum rc pg_err_from_result(struct err *err, const PGresult *result, const PGconn *pg)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    if (!message || !*message) {
        message = PQresultErrorMessage(result);
    }
    if ((!message || !*message) && pg) {
        message = PQerrorMessage(pg);
    }
    if (!message || !*message) {
        message = "the database gave no reason";
    }
    char line[200], more[160];
    pg_one_line(line, sizeof line, message);
    pg_one_line(more, sizeof more, detail ? detail : "");
    const char *reason = reason_of(state);
    err_set(err, RC_DB, more[0] ? "%s%s%s (%s)" : "%s%s%s%s", reason ? reason : "",
            reason ? ": " : "", line, more);
    if (err && state) {
        snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    }
    return RC_DB;
}

/* One line of libpq's: `connection to server at "H", port P failed: FATAL:  reason`, one for each address that
 * was tried, becomes `reason (server at "H", port P)`. */
static void add_failure(struct buf *out, const char *line, size_t len)
{
    static const char to[] = "connection to ", failed[] = " failed: ", fatal[] = "FATAL:  ";
    const char *at = memmem(line, len, failed, sizeof failed - 1);
    const char *end = line + len;
    if (!at || len < sizeof to || strncmp(line, to, sizeof to - 1) != 0) {
        return; /* advice: `Is the server running on that host ...` */
    }
    const char *reason = at + sizeof failed - 1;
    if ((size_t)(end - reason) > sizeof fatal && strncmp(reason, fatal, sizeof fatal - 1) == 0) {
        reason += sizeof fatal - 1;
    }
    line += sizeof to - 1;
    char failure[240];
    snprintf(failure, sizeof failure, "%.*s (%.*s)", (int)(end - reason), reason, (int)(at - line),
             line);
    if (!strstr(buf_cstr(out), failure)) { /* with TLS and without is the same address twice */
        buf_printf(out, "%s%s", out->len ? "; " : "", failure);
    }
}

enum rc pg_err_from_conn(struct err *err, enum rc code, const PGconn *pg)
{
    const char *message = pg ? PQerrorMessage(pg) : "out of memory";
    char line[240];
    struct buf text;
    buf_init(&text, 4096);
    for (const char *p = message; *p;) {
        size_t len = strcspn(p, "\n");
        add_failure(&text, p, len);
        p += len + (p[len] == '\n');
    }
    /* In a session the first line says what happened, the others what that may mean. */
    if (text.len == 0) {
        buf_printf(&text, "%.*s", (int)strcspn(message, "\n"), message);
    }
    pg_one_line(line, sizeof line, buf_status(&text) == RC_OK ? buf_cstr(&text) : message);
    buf_fini(&text);
    return err_set(err, code, "%s", line[0] ? line : "the database connection failed");
}
