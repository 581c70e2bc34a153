/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/sync: blocking statements for the command line. Results are whole and in text format; the planner
 * settings of the pool are not wanted here.
 */
#include "pg_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/log.h"
#include "core/metrics.h"

enum { MAX_WORDS = 1 << 20 };

struct pg_sync {
    PGconn *pg;
    struct pg_bound bound;
    struct pg_sync_position position;
    struct buf words;
};

struct pg_table {
    PGresult *result;
};

static void on_notice(void *arg, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[256];
    (void)arg;
    pg_one_line(line, sizeof line, message ? message : PQresultErrorMessage(result));
    /* "relation exists, skipping" is noise; warnings and raise notice are meant for people. */
    bool is_quiet = severity && (strcmp(severity, "DEBUG") == 0 || strcmp(severity, "LOG") == 0);
    log_event(is_quiet ? LOG_DEBUG : LOG_INFO, NULL, "db.notice", "severity=%s text=\"%s\"",
              severity ? severity : "NOTICE", line);
}

enum rc pg_sync_connect(const char *conninfo, const char *application_name, struct pg_sync **out,
                        struct err *err)
{
    struct pg_conninfo info;
    struct pg_connect_params params;
    PGconn *pg = NULL;
    *out = NULL;
    pg_conninfo_init(&info, conninfo, application_name, "");
    enum rc rc = pg_connect_params_init(&params, &info, NULL, 0, err);
    if (rc == RC_OK) {
        pg = PQconnectdbParams(params.keywords, params.values, 0);
        pg_connect_params_fini(&params);
    }
    pg_conninfo_fini(&info);
    if (rc != RC_OK) {
        return rc;
    }
    if (!pg || PQstatus(pg) != CONNECTION_OK) {
        rc = pg_err_from_conn(err, RC_DB, pg);
        metric_add(METRIC_database_errors, 1);
        PQfinish(pg);
        return rc;
    }
    struct pg_sync *s = xcalloc(1, sizeof *s);
    s->pg = pg;
    buf_init(&s->words, MAX_WORDS);
    PQsetNoticeReceiver(pg, on_notice, NULL);
    *out = s;
    return RC_OK;
}

void pg_sync_free(struct pg_sync *s)
{
    if (s) {
        PQfinish(s->pg);
        pg_bound_fini(&s->bound);
        buf_fini(&s->words);
        free(s);
    }
}

int pg_sync_server_version(const struct pg_sync *s)
{
    return PQserverVersion(s->pg);
}

const struct pg_sync_position *pg_sync_last_position(const struct pg_sync *s)
{
    return &s->position;
}

const char *pg_sync_words(struct pg_sync *s)
{
    return buf_cstr(&s->words);
}

/* Where there is a detail it says what to mend; the hint is about the transaction, which has gone. */
static void keep_words(struct pg_sync *s, const PGresult *result)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *more = detail ? detail : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    buf_printf(&s->words, "%s%s%s", message ? message : "", more ? "\n" : "", more ? more : "");
}

static enum rc failed(struct pg_sync *s, const PGresult *result, struct err *err)
{
    buf_clear(&s->words);
    keep_words(s, result);
    const char *offset = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    s->position.offset = offset ? (unsigned)strtoul(offset, NULL, 10) : 0;
    snprintf(s->position.context, sizeof s->position.context, "%.*s",
             (int)strcspn(context ? context : "", "\n"), context ? context : "");
    return pg_err_from_result(err, result, s->pg);
}

/* The server's last words may come as an error of the statement. */
static enum rc check_lost(const struct pg_sync *s, enum rc rc, struct err *err)
{
    if (rc != RC_DB || PQstatus(s->pg) == CONNECTION_OK) {
        return rc;
    }
    struct err cause = *err;
    return err_set(err, RC_IO, "connection lost: %.200s", cause.text);
}

/* A script cannot feed or read a copy: end it, so that the next PQgetResult reports an error. */
static void refuse_copy(PGconn *pg, ExecStatusType status)
{
    char *octets = NULL;
    if (status == PGRES_COPY_IN) {
        (void)PQputCopyEnd(pg, "copy from standard input is not possible here");
        return;
    }
    while (PQgetCopyData(pg, &octets, 0) > 0) {
        PQfreemem(octets);
        octets = NULL;
    }
}

enum rc pg_sync_script(struct pg_sync *s, const char *sql, struct err *err)
{
    struct err ignored;
    struct err *why = err ? err : &ignored;
    enum rc rc = RC_OK;
    PGresult *result;
    s->position = (struct pg_sync_position){0};
    if (!PQsendQuery(s->pg, sql)) {
        return pg_err_from_conn(why, RC_IO, s->pg);
    }
    while ((result = PQgetResult(s->pg))) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
            refuse_copy(s->pg, status);
        } else if (status == PGRES_COPY_BOTH) {
            rc =
                rc == RC_OK ? err_set(why, RC_UNSUPPORTED, "replication is not possible here") : rc;
            PQclear(result);
            break;
        } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
                   status != PGRES_EMPTY_QUERY && rc == RC_OK) {
            rc = failed(s, result, why);
        }
        PQclear(result);
    }
    return check_lost(s, rc, why);
}

enum rc pg_sync_query(struct pg_sync *s, const char *sql, const struct pg_param *params,
                      unsigned param_count, struct pg_table **out, struct err *err)
{
    enum { TEXT = 0 };
    struct err ignored;
    struct err *why = err ? err : &ignored;
    if (out) {
        *out = NULL;
    }
    s->position = (struct pg_sync_position){0};
    enum rc rc = pg_bound_set(&s->bound, params, param_count, false, why);
    if (rc != RC_OK) {
        return rc;
    }
    PGresult *result = PQexecParams(s->pg, sql, s->bound.count, s->bound.types, s->bound.values,
                                    s->bound.lengths, s->bound.formats, TEXT);
    pg_bound_trim(&s->bound);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        refuse_copy(s->pg, status);
        PGresult *rest;
        while ((rest = PQgetResult(s->pg))) {
            PQclear(rest);
        }
        rc = err_set(why, RC_UNSUPPORTED, "copy is not possible here");
    } else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
               status != PGRES_EMPTY_QUERY) {
        rc = check_lost(s, failed(s, result, why), why);
    }
    if (rc == RC_OK && out) {
        struct pg_table *t = xcalloc(1, sizeof *t);
        t->result = result;
        *out = t;
        return RC_OK;
    }
    PQclear(result);
    return rc;
}

/* ---- tables ---- */

unsigned pg_table_rows(const struct pg_table *t)
{
    return (unsigned)PQntuples(t->result);
}

unsigned pg_table_columns(const struct pg_table *t)
{
    return (unsigned)PQnfields(t->result);
}

static bool has_cell(const struct pg_table *t, unsigned row, unsigned col)
{
    return row < pg_table_rows(t) && col < pg_table_columns(t) &&
           !PQgetisnull(t->result, (int)row, (int)col);
}

const char *pg_table_get(const struct pg_table *t, unsigned row, unsigned col)
{
    return has_cell(t, row, col) ? PQgetvalue(t->result, (int)row, (int)col) : NULL;
}

size_t pg_table_len(const struct pg_table *t, unsigned row, unsigned col)
{
    return has_cell(t, row, col) ? (size_t)PQgetlength(t->result, (int)row, (int)col) : 0;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* bytea_output = hex, the server's default since 9.0. */
enum rc pg_table_bytea(const struct pg_table *t, unsigned row, unsigned col, struct buf *out)
{
    const char *text = pg_table_get(t, row, col);
    size_t len = pg_table_len(t, row, col);
    if (!text) {
        return RC_NOTFOUND;
    }
    if (len < 2 || len % 2 != 0 || text[0] != '\\' || text[1] != 'x') {
        return RC_INVALID;
    }
    uint8_t *at = buf_reserve(out, len / 2 - 1);
    if (!at) {
        return buf_status(out);
    }
    for (size_t i = 2; i < len; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return RC_INVALID;
        }
        *at++ = (uint8_t)(high << 4 | low);
    }
    out->len += len / 2 - 1;
    return RC_OK;
}

void pg_table_free(struct pg_table *t)
{
    if (t) {
        PQclear(t->result);
        free(t);
    }
}
