/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/sync: blocking statements for the command line. Results are whole and in text format; the planner
 * settings of the pool are not wanted here. Hosts are chosen as for the pool, on a loop that lives as long.
 *
 * One such loop is kept for the next connection. A loop takes descriptors and without them there is no going on, while
 * a server that has run out of them, with many peers, has to look at its database all the same. It has
 * connected once before it listens.
 */
#include "pg_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"

enum { MAX_WORDS = 1 << 20, CONNECT_MS = 10000 };

struct pg_sync {
    PGconn *pg;
    struct pg_bound bound;
    struct pg_sync_position position;
    struct buf words;
    bool is_unreplicated;
};

struct pg_table {
    PGresult *result;
};

static void on_notice(void *arg, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char line[256];
    struct pg_sync *s = arg;
    s->is_unreplicated = s->is_unreplicated || pg_is_unreplicated(result);
    pg_one_line(line, sizeof line, message ? message : PQresultErrorMessage(result));
    /* "relation exists, skipping" is noise; warnings and raise notice are meant for people. */
    bool is_quiet = severity && (strcmp(severity, "DEBUG") == 0 || strcmp(severity, "LOG") == 0);
    log_event(is_quiet ? LOG_DEBUG : LOG_INFO, NULL, "db.notice", "severity=%s text=\"%s\"",
              severity ? severity : "NOTICE", line);
}

struct session {
    PGconn *pg;
    struct err why;
    bool is_over;
};

static void on_session(PGconn *pg, const struct err *why, void *arg)
{
    struct session *s = arg;
    s->pg = pg;
    s->is_over = true;
    if (!pg) {
        s->why = *why;
    }
}

static bool is_over(void *arg)
{
    const struct session *s = arg;
    return s->is_over;
}

/* Threads that look names up, for the life of the process: a lookup cannot be interrupted, and one that hangs must not
 * hold up who has found another host meanwhile. */
static struct jobpool *names;

static void start_names(void)
{
    names = jobpool_new("sync-names", MAX_TARGETS, MAX_TARGETS);
}

static struct jobpool *names_for(const struct pg_conninfo *info)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    for (unsigned i = 0; i < info->target_count; i++) {
        if (pg_target_needs_resolving(&info->targets[i])) {
            pthread_once(&once, start_names);
            return names;
        }
    }
    return NULL;
}

struct place {
    struct loop *loop;
    struct mailbox *mailbox;
};

static struct place kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static struct place take_place(void)
{
    pthread_mutex_lock(&kept_lock);
    struct place place = kept;
    kept = (struct place){0};
    pthread_mutex_unlock(&kept_lock);
    if (!place.loop) {
        place.loop = loop_new();
        place.mailbox = mailbox_new(place.loop);
    }
    return place;
}

static void leave_place(struct place place)
{
    pthread_mutex_lock(&kept_lock);
    struct place other = kept;
    kept = place;
    pthread_mutex_unlock(&kept_lock);
    if (other.loop) {
        mailbox_free(other.mailbox);
        loop_free(other.loop);
    }
}

/* NULL: err is set. */
static PGconn *open_session(const struct pg_conninfo *info, struct err *err)
{
    unsigned random = (unsigned)clock_now_us();
    struct place place = take_place();
    struct pg_connector by = {.loop = place.loop,
                              .mailbox = place.mailbox,
                              .resolve_pool = names_for(info),
                              .info = info,
                              .connect_ms = pg_connect_ms(info, CONNECT_MS),
                              .random = &random};
    struct session s = {0};
    pg_connecting_new(&by, on_session, &s);
    while (!s.is_over) {
        loop_run_until(place.loop, is_over, &s, by.connect_ms);
    }
    if (!s.pg) {
        *err = s.why;
    }
    leave_place(place);
    return s.pg;
}

enum rc pg_sync_connect(const char *conninfo, const char *application_name, struct pg_sync **out,
                        struct err *err)
{
    struct pg_conninfo info;
    struct err why = {0};
    PGconn *pg = NULL;
    *out = NULL;
    pg_conninfo_init(&info, conninfo, application_name, "");
    if (info.options) {
        pg = open_session(&info, &why);
        metric_add(METRIC_database_errors, !pg);
    } else {
        why = info.why;
    }
    pg_conninfo_fini(&info);
    if (!pg) {
        if (err) {
            *err = why;
        }
        return why.code;
    }
    struct pg_sync *s = xcalloc(1, sizeof *s);
    s->pg = pg;
    buf_init(&s->words, MAX_WORDS);
    PQsetNoticeReceiver(pg, on_notice, s);
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

static enum rc check_replicated(struct pg_sync *s, enum rc rc, struct err *err)
{
    if (rc != RC_OK || !s->is_unreplicated) {
        return rc;
    }
    buf_clear(&s->words); /* nothing was said; those of a statement before are none of this one */
    return err_set(err, RC_DB, "it is done, but the standby did not confirm that it has it");
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
    s->is_unreplicated = false;
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
    return check_replicated(s, check_lost(s, rc, why), why);
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
    s->is_unreplicated = false;
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
    rc = check_replicated(s, rc, why);
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
