/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/error: what libpq and the server report, as struct err. libpq's texts end in a line feed and may
 * have several lines; ours are one line. libpq never puts a password into them.
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
    err_set(err, RC_DB, more[0] ? "%s (%s)" : "%s%s", line, more);
    if (err && state) {
        snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    }
    return RC_DB;
}

enum rc pg_err_from_conn(struct err *err, enum rc code, const PGconn *pg)
{
    char line[240];
    pg_one_line(line, sizeof line, pg ? PQerrorMessage(pg) : "out of memory");
    return err_set(err, code, "%s", line[0] ? line : "the database connection failed");
}
