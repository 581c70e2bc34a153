/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/migrate: brings the schema forward.
 *
 *   check the database (version, encoding, character type)
 *   take the advisory lock, trying every 100 ms
 *   read dpp.schema_migrations; unknown breaking ones: stop; missing breaking ones and servers that run: stop
 *   run what is missing, in order, each with its number in one transaction
 *   replace the definitions of sql/, unless they are there already: functions, views and rights in one transaction,
 *   which locks no table, then triggers, a transaction each
 *
 * The lock is tried for, not waited for: a session that waits inside pg_advisory_lock holds a snapshot,
 * for which a `create index concurrently` of the session that has the lock would wait in turn.
 *
 * The definitions are replaced when their hash differs from the recorded one, or when migrations ran
 * since (a migration may have had to drop a view to alter its table). If the database has migrations
 * that this build does not know, its definitions come from a newer build and are left alone.
 *
 * Roles belong to the whole cluster, outside the lock, which is per database: two databases migrated at
 * once can collide there. Such transactions are repeated.
 *
 * Servers work meanwhile, so nobody may wait for long behind a lock that is taken here, or behind one that is waited
 * for. A trigger is no more than a row of the catalogue, but to put it there takes a lock that keeps writers out until the
 * commit; with the functions in one transaction that was as long as all of it takes, and audit rows of a busy server had no
 * room to wait so long. Whatever waits for a lock gives up after LOCK_FIRST_MS, lets others by for as long, and tries
 * again with twice the patience, up to LOCK_MOST_MS, for LOCK_PATIENCE_MS in all.
 *
 * A file marked `-- no-transaction` is run statement by statement and recorded afterwards; when it fails in
 * between it runs again from its beginning next time, so it must be written to bear that. It cannot be breaking, as it
 * could not keep servers from coming while it runs (migrate_servers.c).
 */
#include "migrate_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "pg_internal.h"

enum {
    TRY_LOCK_MS = 100,
    MAX_MIGRATIONS = 9999,
    MAX_ATTEMPTS = 8,
    ATTEMPT_PAUSE_MS = 50,
    LOCK_FIRST_MS = 100,
    LOCK_MOST_MS = 2000,
    LOCK_PATIENCE_MS = 30000,
    MAX_SCRIPT_BYTES = 64 * 1024 * 1024,
    OLDEST_SERVER = 150000,
};

/* "dpprmigr" as octets; the same in every build, or two of them could migrate at once. */
#define LOCK_KEY "7237408237948594034"

struct migration {
    int version;
    bool is_breaking;
    bool minds_servers;
    bool is_outside_transaction;
    const struct embedded_file *file;
    char name[64];
};

struct plan {
    struct migration *migrations; /* by version */
    unsigned count;
    bool *is_applied;
    bool has_unknown;     /* the database knows migrations that this build does not */
    int unknown_breaking; /* highest, 0 = none */
    int unknown;          /* highest, 0 = none */
    int highest_applied;
    unsigned missing;
};

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

/* ---- what this build knows ---- */

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    return strncmp(text, line, len) == 0 && strchr("\r\n", text[len]);
}

/* Among the comments at the head of the file. */
static bool has_mark(const char *text, const char *mark)
{
    while (strncmp(text, "--", 2) == 0) {
        if (has_line(text, mark)) {
            return true;
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return false;
}

/* "migrations/0001_create_schema.sql" */
static enum rc read_migration(const struct embedded_file *file, struct migration *m,
                              struct err *err)
{
    const char *slash = strrchr(file->path, '/');
    const char *base = slash ? slash + 1 : file->path;
    char *end;
    long version = strtol(base, &end, 10);
    if (version < 1 || version > MAX_MIGRATIONS || *end != '_') {
        return err_set(err, RC_INTERNAL,
                       "%s: the name must begin with a number from 0001 to 9999 and _", file->path);
    }
    m->file = file;
    m->version = (int)version;
    m->is_breaking = has_line(file->text, "-- breaking");
    m->is_outside_transaction = has_mark(file->text, "-- no-transaction");
    if (m->is_breaking && m->is_outside_transaction) {
        return err_set(err, RC_INTERNAL, "%s:1: a breaking migration needs its transaction",
                       file->path);
    }
    snprintf(m->name, sizeof m->name, "%.*s", (int)strcspn(end + 1, "."), end + 1);
    if (!m->is_breaking && !has_line(file->text, "-- compatible")) {
        return err_set(err, RC_INTERNAL,
                       "%s:1: the first line must be \"-- compatible\" or \"-- breaking\"",
                       file->path);
    }
    return RC_OK;
}

static int by_version(const void *a, const void *b)
{
    return ((const struct migration *)a)->version - ((const struct migration *)b)->version;
}

static enum rc plan_init(struct plan *plan, const struct migrate_set *set, struct err *err)
{
    memset(plan, 0, sizeof *plan);
    plan->migrations = calloc(set->migration_count + 1, sizeof *plan->migrations);
    plan->is_applied = calloc(set->migration_count + 1, sizeof *plan->is_applied);
    if (!plan->migrations || !plan->is_applied) {
        return err_set(err, RC_NOMEM, "no memory for the list of migrations");
    }
    plan->count = set->migration_count;
    for (unsigned i = 0; i < plan->count; i++) {
        enum rc rc = read_migration(&set->migrations[i], &plan->migrations[i], err);
        plan->migrations[i].minds_servers =
            plan->migrations[i].is_breaking && !set->despite_servers;
        if (rc != RC_OK) {
            return rc;
        }
    }
    qsort(plan->migrations, plan->count, sizeof *plan->migrations, by_version);
    for (unsigned i = 1; i < plan->count; i++) {
        if (plan->migrations[i].version == plan->migrations[i - 1].version) {
            return err_set(err, RC_INTERNAL, "%s: the number %d is taken by %s",
                           plan->migrations[i].file->path, plan->migrations[i].version,
                           plan->migrations[i - 1].file->path);
        }
    }
    return RC_OK;
}

static void plan_fini(struct plan *plan)
{
    free(plan->migrations);
    free(plan->is_applied);
}

static int latest_of(const struct plan *plan)
{
    return plan->count ? plan->migrations[plan->count - 1].version : 0;
}

/* ---- what the database knows ---- */

static enum rc table_exists(struct pg_sync *s, const char *name, bool *out, struct err *err)
{
    struct pg_table *t;
    struct pg_param param = pg_text(name);
    enum rc rc = pg_sync_query(s, "select to_regclass($1::text) is not null", &param, 1, &t, err);
    if (rc == RC_OK) {
        const char *value = pg_table_get(t, 0, 0);
        *out = value && *value == 't';
        pg_table_free(t);
    }
    return rc;
}

static void note_applied(struct plan *plan, int version, bool is_breaking)
{
    struct migration key = {.version = version};
    struct migration *m =
        bsearch(&key, plan->migrations, plan->count, sizeof *plan->migrations, by_version);
    if (version > plan->highest_applied) {
        plan->highest_applied = version;
    }
    if (m) {
        plan->is_applied[m - plan->migrations] = true;
        return;
    }
    plan->has_unknown = true;
    plan->unknown = version > plan->unknown ? version : plan->unknown;
    if (is_breaking && version > plan->unknown_breaking) {
        plan->unknown_breaking = version;
    }
}

static enum rc read_applied(struct pg_sync *s, struct plan *plan, struct err *err)
{
    bool has_table = false;
    struct pg_table *t = NULL;
    enum rc rc = table_exists(s, "dpp.schema_migrations", &has_table, err);
    if (rc == RC_OK && has_table) {
        rc = pg_sync_query(s, "select version, is_breaking from dpp.schema_migrations", NULL, 0, &t,
                           err);
    }
    if (rc != RC_OK) {
        return rc;
    }
    for (unsigned i = 0; t && i < pg_table_rows(t); i++) {
        const char *version = pg_table_get(t, i, 0), *is_breaking = pg_table_get(t, i, 1);
        note_applied(plan, version ? atoi(version) : 0, is_breaking && *is_breaking == 't');
    }
    pg_table_free(t);
    for (unsigned i = 0; i < plan->count; i++) {
        plan->missing += !plan->is_applied[i];
    }
    return RC_OK;
}

static enum rc refuse_newer(const struct plan *plan, struct err *err)
{
    if (plan->unknown_breaking == 0) {
        return RC_OK;
    }
    return err_set(
        err, RC_CONFLICT,
        "the schema is newer than this build: migration %04d is breaking and unknown here "
        "(this build knows up to %04d); use a newer dppr",
        plan->unknown_breaking, latest_of(plan));
}

/* ---- is the database fit? ---- */

/* Folding and trigrams go by the database's character type: under C they know ASCII only. */
static enum rc check_database(struct pg_sync *s, struct err *err)
{
    int version = pg_sync_server_version(s);
    if (version < OLDEST_SERVER) {
        return err_set(err, RC_UNSUPPORTED, "PostgreSQL 15 or newer is needed, this is %d",
                       version / 10000);
    }
    struct pg_table *t;
    enum rc rc =
        pg_sync_query(s,
                      "select current_database(), pg_encoding_to_char(encoding), datctype,\n"
                      "    encoding = pg_char_to_encoding('UTF8'),\n"
                      "    datlocprovider <> 'c' or datctype not in ('C', 'POSIX'),\n"
                      "    current_setting('transaction_read_only')::bool\n"
                      "from pg_database where datname = current_database()",
                      NULL, 0, &t, err);
    if (rc != RC_OK) {
        return rc;
    }
    const char *name = pg_table_get(t, 0, 0), *encoding = pg_table_get(t, 0, 1);
    const char *ctype = pg_table_get(t, 0, 2);
    const char *is_utf8 = pg_table_get(t, 0, 3), *is_wide = pg_table_get(t, 0, 4);
    const char *is_read_only = pg_table_get(t, 0, 5);
    if (!is_utf8 || !is_wide || *is_utf8 != 't' || *is_wide != 't') {
        rc = err_set(err, RC_UNSUPPORTED,
                     "database \"%.40s\" has encoding %s and character type %.30s, dppr needs UTF8 "
                     "and C.UTF-8: "
                     "create database NAME encoding 'UTF8' lc_collate 'C' lc_ctype 'C.UTF-8' "
                     "template template0",
                     name ? name : "", encoding ? encoding : "?", ctype ? ctype : "?");
    } else if (is_read_only && *is_read_only == 't') {
        rc = err_set(err, RC_UNSUPPORTED,
                     "the database is read-only, perhaps a standby; migrate the primary "
                     "(migration-database)");
    }
    pg_table_free(t);
    return rc;
}

/* ---- running ---- */

/* Where in the text an error is: lines from 1, or 0 when the server did not say. */
static unsigned line_at(const char *text, unsigned offset)
{
    unsigned line = 1;
    if (offset == 0) {
        return 0;
    }
    for (unsigned chars = 1; *text && chars < offset; text++) {
        line += *text == '\n';
        chars += (text[1] & 0xC0) != 0x80; /* the server counts characters */
    }
    return line;
}

/* "migrations/0002_x.sql:14: column y does not exist (42703)" */
static enum rc name_place(const struct pg_sync *s, const char *path, const char *text,
                          unsigned first_line, struct err *err)
{
    const struct pg_sync_position *at = pg_sync_last_position(s);
    struct err cause = *err;
    unsigned line = line_at(text, at->offset);
    char place[24] = "", context[96] = "", state[12] = "";
    if (line > 0 || first_line > 1) {
        snprintf(place, sizeof place, ":%u", first_line + (line ? line - 1 : 0));
    } else if (at->context[0]) {
        snprintf(context, sizeof context, " [%.90s]", at->context);
    }
    if (cause.sqlstate[0]) {
        snprintf(state, sizeof state, " (%s)", cause.sqlstate);
    }
    err_set(err, cause.code, "%s%s: %.150s%s%s", path, place, cause.text, state, context);
    memcpy(err->sqlstate, cause.sqlstate, sizeof err->sqlstate);
    return cause.code;
}

/* Collisions with another database's migration over what the cluster shares, and deadlocks. */
static bool may_pass(const struct err *err)
{
    static const char *const states[] = {"40001", "40P01", "XX000", "23505", "42710"};
    for (unsigned i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(err->sqlstate, states[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum rc record_migration(struct pg_sync *s, const struct migration *m, struct err *err)
{
    char version[16];
    snprintf(version, sizeof version, "%d", m->version);
    struct pg_param params[] = {pg_text(version), pg_text(m->name),
                                pg_text(m->is_breaking ? "true" : "false")};
    return pg_sync_query(s,
                         "insert into dpp.schema_migrations (version, name, is_breaking)\n"
                         "values ($1::int, $2, $3::boolean)",
                         params, 3, NULL, err);
}

typedef enum rc (*body_fn)(struct pg_sync *s, const void *arg, struct err *err);

/* How a body is run: what comes before, with the setting of how long it may wait for a lock as its end, and after it. */
struct frame {
    const char *begin, *end, *undo;
};

/* It may write what the guard of published content keeps from others (sql/functions/guard.sql). */
static const struct frame in_transaction = {
    "begin; set local dpp.maintenance = on; set local lock_timeout", "commit", "rollback"};

/* Of statements that commit by themselves, and are as well done again. Waiting for each of them to reach the disk would be
 * most of their time; what is recorded in the end comes after them there too. */
#define RESET "reset lock_timeout; reset synchronous_commit"
static const struct frame by_statement = {"set synchronous_commit = off; set lock_timeout", RESET,
                                          RESET};

static enum rc attempt(struct pg_sync *s, const struct frame *frame, int lock_ms, body_fn body,
                       const void *arg, struct err *err)
{
    char begin[96];
    struct err ignored; /* the connection may be gone; the cause is known already */
    snprintf(begin, sizeof begin, "%s = %d", frame->begin, lock_ms);
    enum rc rc = pg_sync_script(s, begin, err);
    if (rc == RC_OK) {
        rc = body(s, arg, err);
    }
    if (rc == RC_OK) {
        rc = pg_sync_script(s, frame->end, err);
    }
    if (rc != RC_OK && pg_sync_script(s, frame->undo, &ignored) != RC_OK) {
        log_debug(NULL, "migrate.rollback_failed", "reason=\"%s\"", ignored.text);
    }
    return rc;
}

/* Repeated when it collided with another session, or waited for one. */
static enum rc run(struct pg_sync *s, const struct frame *frame, body_fn body, const void *arg,
                   struct err *err)
{
    int64_t until = clock_now_ms() + LOCK_PATIENCE_MS;
    int collisions = 0, lock_ms = LOCK_FIRST_MS;
    for (;;) {
        enum rc rc = attempt(s, frame, lock_ms, body, arg, err);
        if (rc != RC_DB) {
            return rc;
        }
        if (strcmp(err->sqlstate, "55P03") == 0 &&
            clock_now_ms() < until) { /* lock_not_available */
            log_info(NULL, "migrate.waits", "ms=%d why=\"%s\"", lock_ms, err->text);
            sleep_ms(lock_ms);
            lock_ms = 2 * lock_ms < LOCK_MOST_MS ? 2 * lock_ms : LOCK_MOST_MS;
        } else if (may_pass(err) && ++collisions < MAX_ATTEMPTS) {
            log_debug(NULL, "migrate.again", "attempt=%d reason=\"%s\"", collisions, err->text);
            sleep_ms(ATTEMPT_PAUSE_MS * collisions);
        } else {
            return rc;
        }
    }
}

static enum rc transaction_body(struct pg_sync *s, const void *arg, struct err *err)
{
    const struct migration *m = arg;
    enum rc rc = RC_OK;
    if (m->minds_servers) {
        rc = migrate_mind_servers(s, m->version, true, err);
        if (rc != RC_OK) {
            return rc;
        }
    }
    rc = pg_sync_script(s, m->file->text, err);
    if (rc != RC_OK) {
        return name_place(s, m->file->path, m->file->text, 1, err);
    }
    rc = record_migration(s, m, err);
    return rc == RC_OK ? RC_OK : name_place(s, m->file->path, "", 1, err);
}

static unsigned count_lines(const char *begin, const char *end)
{
    unsigned n = 0;
    for (; begin < end; begin++) {
        n += *begin == '\n';
    }
    return n;
}

static enum rc run_one_by_one(struct pg_sync *s, const struct embedded_file *file, struct err *err)
{
    const char *text = file->text;
    struct buf statement;
    struct span part;
    size_t pos = 0;
    enum rc rc = RC_OK;
    buf_init(&statement, MAX_SCRIPT_BYTES);
    while (rc == RC_OK && sql_next_statement(text, &pos, &part)) {
        if (part.len == 0) {
            continue;
        }
        buf_clear(&statement);
        buf_add_span(&statement, part);
        const char *sql = buf_cstr(&statement);
        rc = buf_status(&statement) != RC_OK ? err_set(err, RC_NOMEM, "no memory for a statement")
                                             : pg_sync_script(s, sql, err);
        if (rc != RC_OK) {
            rc =
                name_place(s, file->path, sql, 1 + count_lines(text, (const char *)part.data), err);
        }
    }
    buf_fini(&statement);
    return rc;
}

static enum rc apply(struct pg_sync *s, const struct migration *m, struct err *err)
{
    int64_t begin = clock_now_ms();
    enum rc rc;
    if (m->is_outside_transaction) {
        rc = run_one_by_one(s, m->file, err);
        rc = rc == RC_OK ? record_migration(s, m, err) : rc;
    } else {
        rc = run(s, &in_transaction, transaction_body, m, err);
    }
    if (rc == RC_OK) {
        log_info(NULL, "migrate.applied", "version=%04d name=%s ms=%lld", m->version, m->name,
                 (long long)(clock_now_ms() - begin));
    }
    return rc;
}

/* ---- definitions ---- */

static enum rc is_current(struct pg_sync *s, const struct migrate_set *set, int version, bool *out,
                          struct err *err)
{
    bool has_table = false;
    char number[16];
    *out = false;
    enum rc rc = table_exists(s, "dpp.schema_definitions", &has_table, err);
    if (rc != RC_OK || !has_table) {
        return rc;
    }
    snprintf(number, sizeof number, "%d", version);
    struct pg_param params[] = {pg_text(set->definitions_hash), pg_text(number)};
    struct pg_table *t;
    rc = pg_sync_query(s,
                       "select from dpp.schema_definitions\n"
                       "where hash = $1 and schema_version = $2::int",
                       params, 2, &t, err);
    if (rc == RC_OK) {
        *out = pg_table_rows(t) == 1;
        pg_table_free(t);
    }
    return rc;
}

struct definitions {
    const struct migrate_set *set;
    int version;
};

/* Those that lock a table. */
static bool is_of_triggers(const struct embedded_file *file)
{
    return strncmp(file->path, "sql/triggers/", strlen("sql/triggers/")) == 0;
}

static enum rc record_definitions(struct pg_sync *s, int version, const char *hash, struct err *err)
{
    char number[16];
    snprintf(number, sizeof number, "%d", version);
    struct pg_param params[] = {pg_text(hash), pg_text(number)};
    enum rc rc =
        pg_sync_script(s,
                       "set local client_min_messages = warning;\n"
                       "create schema if not exists dpp;\n"
                       "create table if not exists dpp.schema_definitions (\n"
                       "    is_only boolean primary key default true check (is_only),\n"
                       "    hash text not null,\n"
                       "    schema_version int not null,\n"
                       "    applied_at timestamptz not null default now()\n"
                       ");\n"
                       "comment on table dpp.schema_definitions is\n"
                       "    'which functions, views and grants (sql/) dppr migrate put here last'",
                       err);
    if (rc != RC_OK) {
        return rc;
    }
    return pg_sync_query(s,
                         "insert into dpp.schema_definitions (hash, schema_version)\n"
                         "values ($1, $2::int)\n"
                         "on conflict (is_only) do update\n"
                         "set hash = excluded.hash, schema_version = excluded.schema_version,\n"
                         "    applied_at = now()",
                         params, 2, NULL, err);
}

static enum rc definitions_body(struct pg_sync *s, const void *arg, struct err *err)
{
    const struct definitions *d = arg;
    for (unsigned i = 0; i < d->set->definition_count; i++) {
        const struct embedded_file *file = &d->set->definitions[i];
        enum rc rc = is_of_triggers(file) ? RC_OK : pg_sync_script(s, file->text, err);
        if (rc != RC_OK) {
            return name_place(s, file->path, file->text, 1, err);
        }
    }
    /* Neither what was there before nor what is to be, until the triggers are there too. */
    return record_definitions(s, d->version, "incomplete", err);
}

static enum rc triggers_body(struct pg_sync *s, const void *arg, struct err *err)
{
    return run_one_by_one(s, arg, err);
}

static enum rc record_body(struct pg_sync *s, const void *arg, struct err *err)
{
    const struct definitions *d = arg;
    return record_definitions(s, d->version, d->set->definitions_hash, err);
}

static enum rc apply_definitions(struct pg_sync *s, const struct migrate_set *set, int version,
                                 struct err *err)
{
    struct definitions d = {set, version};
    bool done;
    enum rc rc = is_current(s, set, version, &done, err);
    if (rc != RC_OK || done) {
        return rc;
    }
    rc = run(s, &in_transaction, definitions_body, &d, err);
    for (unsigned i = 0; rc == RC_OK && i < set->definition_count; i++) {
        if (is_of_triggers(&set->definitions[i])) {
            rc = run(s, &by_statement, triggers_body, &set->definitions[i], err);
        }
    }
    if (rc == RC_OK) {
        rc = run(s, &in_transaction, record_body, &d, err);
    }
    if (rc == RC_OK) {
        log_info(NULL, "migrate.definitions", "files=%u schema_version=%d", set->definition_count,
                 version);
    }
    return rc;
}

/* ---- the lock ---- */

static enum rc take_lock(struct pg_sync *s, int64_t wait_ms, struct err *err)
{
    int64_t until = clock_now_ms() + wait_ms;
    for (;;) {
        struct pg_table *t;
        enum rc rc =
            pg_sync_query(s, "select pg_try_advisory_lock(" LOCK_KEY ")", NULL, 0, &t, err);
        if (rc != RC_OK) {
            return rc;
        }
        const char *value = pg_table_get(t, 0, 0);
        bool has_lock = value && *value == 't';
        pg_table_free(t);
        if (has_lock) {
            return RC_OK;
        }
        if (clock_now_ms() >= until) {
            return err_set(err, RC_TIMEOUT, "another dppr migrate is running on this database");
        }
        sleep_ms(TRY_LOCK_MS);
    }
}

static void drop_lock(struct pg_sync *s)
{
    struct err why;
    if (pg_sync_script(s, "select pg_advisory_unlock(" LOCK_KEY ")", &why) != RC_OK) {
        log_debug(NULL, "migrate.unlock_failed", "reason=\"%s\"", why.text);
    }
}

/* ---- entry points ---- */

/* Before anything is applied: compatible ones that come first would be in the way of nobody, but half an upgrade is
 * nothing to leave behind. */
static enum rc mind_servers(struct pg_sync *s, const struct plan *plan, struct err *err)
{
    enum rc rc = RC_OK;
    for (unsigned i = 0; rc == RC_OK && i < plan->count; i++) {
        if (!plan->is_applied[i] && plan->migrations[i].minds_servers) {
            rc = migrate_mind_servers(s, plan->migrations[i].version, false, err);
        }
    }
    return rc;
}

static enum rc run_locked(struct pg_sync *s, const struct migrate_set *set, struct plan *plan,
                          struct migrate_report *report, struct err *err)
{
    enum rc rc = read_applied(s, plan, err);
    if (rc == RC_OK) {
        rc = refuse_newer(plan, err);
    }
    if (rc == RC_OK) {
        rc = mind_servers(s, plan, err);
    }
    report->version = plan->highest_applied;
    for (unsigned i = 0; rc == RC_OK && i < plan->count; i++) {
        if (plan->is_applied[i]) {
            continue;
        }
        rc = apply(s, &plan->migrations[i], err);
        if (rc == RC_OK) {
            report->applied++;
            if (plan->migrations[i].version > report->version) {
                report->version = plan->migrations[i].version;
            }
        }
    }
    if (rc == RC_OK && plan->has_unknown) {
        log_info(NULL, "migrate.newer",
                 "the schema has migration %04d, which this build does not know; definitions are "
                 "left alone",
                 plan->unknown);
    } else if (rc == RC_OK) {
        rc = apply_definitions(s, set, report->version, err);
    }
    return rc;
}

enum rc migrate_run_set(struct pg_sync *s, const struct migrate_set *set, int64_t wait_ms,
                        struct migrate_report *report, struct err *err)
{
    struct plan plan;
    struct migrate_report local;
    struct err ignored;
    report = report ? report : &local;
    err = err ? err : &ignored;
    *report = (struct migrate_report){0};
    enum rc rc = plan_init(&plan, set, err);
    if (rc == RC_OK) {
        rc = check_database(s, err);
    }
    if (rc == RC_OK) {
        rc = take_lock(s, wait_ms, err);
    }
    if (rc == RC_OK) {
        rc = run_locked(s, set, &plan, report, err);
        drop_lock(s);
    }
    plan_fini(&plan);
    return rc;
}

enum rc migrate_check_set(struct pg_sync *s, const struct migrate_set *set, struct err *err)
{
    struct plan plan;
    struct err ignored;
    err = err ? err : &ignored;
    enum rc rc = plan_init(&plan, set, err);
    if (rc == RC_OK) {
        rc = read_applied(s, &plan, err);
    }
    if (rc == RC_OK) {
        rc = refuse_newer(&plan, err);
    }
    if (rc == RC_OK && plan.missing > 0) {
        rc = plan.highest_applied == 0
                 ? err_set(err, RC_CONFLICT, "the database has no dppr schema; run: dppr migrate")
                 : err_set(err, RC_CONFLICT,
                           "the schema is at %04d and lacks %u migrations that this build needs "
                           "(up to %04d); "
                           "run: dppr migrate",
                           plan.highest_applied, plan.missing, latest_of(&plan));
    }
    plan_fini(&plan);
    return rc;
}

static struct migrate_set embedded_set(void)
{
    return (struct migrate_set){
        .migrations = embedded_migrations,
        .migration_count = embedded_migrations_count,
        .definitions = embedded_definitions,
        .definition_count = embedded_definitions_count,
        .definitions_hash = embedded_definitions_hash,
    };
}

enum rc migrate_run(struct pg_sync *s, int64_t wait_ms, struct migrate_report *report,
                    struct err *err)
{
    struct migrate_set set = embedded_set();
    return migrate_run_set(s, &set, wait_ms, report, err);
}

enum rc migrate_run_despite_servers(struct pg_sync *s, int64_t wait_ms,
                                    struct migrate_report *report, struct err *err)
{
    struct migrate_set set = embedded_set();
    set.despite_servers = true;
    return migrate_run_set(s, &set, wait_ms, report, err);
}

enum rc migrate_check(struct pg_sync *s, struct err *err)
{
    struct migrate_set set = embedded_set();
    return migrate_check_set(s, &set, err);
}

int migrate_latest(void)
{
    struct migrate_set set = embedded_set();
    struct plan plan;
    struct err ignored;
    int latest = plan_init(&plan, &set, &ignored) == RC_OK ? latest_of(&plan) : 0;
    plan_fini(&plan);
    return latest;
}
