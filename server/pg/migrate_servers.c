/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that a breaking migration would break: those that say they run (dpp.servers), not long ago by the
 * database's clock, and know less than it.
 *
 * A server says so before it looks at the schema (app/presence.c), and the migration's own transaction looks
 * with a lock on the table that keeps others from writing it. So whichever comes first, the other one sees it:
 * either the row is there and the migration is refused, or the server waits for its end, then finds the schema
 * changed and is refused itself.
 *
 * Whoever cannot write to the database leaves no row: a server with a standby alone, say. It finds the breaking
 * migration within seconds and refuses to go on (migrate_check), but may fail operations until then.
 */
#include <stdio.h>

#include "core/log.h"
#include "migrate_set.h"
#include "pg_internal.h"

/* Three heartbeats. */
#define OLDER_SERVERS                                                                   \
    "select coalesce(s.host_name, s.id::text), s.version, s.schema_version,\n"          \
    "    to_char(s.started_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n" \
    "    extract(epoch from clock_timestamp() - s.heartbeat_at)::int\n"                 \
    "from dpp.servers as s\n"                                                           \
    "where s.heartbeat_at > clock_timestamp() - interval '30 seconds'\n"                \
    "    and s.schema_version < $1::int\n"                                              \
    "order by s.started_at"

/* host_name is younger than the table. */
static enum rc older_servers(struct pg_sync *s, int version, struct pg_table **out, struct err *err)
{
    static const char *const forms[] = {
        OLDER_SERVERS, "select s.id::text, s.version, s.schema_version, s.started_at::text, 0\n"
                       "from dpp.servers as s\n"
                       "where s.heartbeat_at > clock_timestamp() - interval '30 seconds'\n"
                       "    and s.schema_version < $1::int\n"
                       "order by s.started_at"};
    char number[16];
    struct pg_param param;
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(
        s,
        "select to_regclass('dpp.servers') is not null,\n"
        "    exists (select from pg_attribute where attrelid = to_regclass('dpp.servers')\n"
        "            and attname = 'host_name')",
        NULL, 0, &t, err);

    *out = NULL;
    if (rc != RC_OK) {
        return rc;
    }
    bool is_there = *pg_table_get(t, 0, 0) == 't', has_host = *pg_table_get(t, 0, 1) == 't';
    pg_table_free(t);
    if (!is_there) {
        return RC_OK;
    }
    snprintf(number, sizeof number, "%d", version);
    param = pg_text(number);
    return pg_sync_query(s, forms[has_host ? 0 : 1], &param, 1, out, err);
}

enum rc migrate_mind_servers(struct pg_sync *s, int version, bool is_locking, struct err *err)
{
    struct pg_table *t = NULL;
    enum rc rc = RC_OK;

    if (is_locking) {
        rc = pg_sync_script(s,
                            "do $$ begin\n"
                            "    if to_regclass('dpp.servers') is not null then\n"
                            "        lock table dpp.servers in share row exclusive mode;\n"
                            "    end if;\n"
                            "end $$",
                            err);
    }
    if (rc == RC_OK) {
        rc = older_servers(s, version, &t, err);
    }
    unsigned count = rc == RC_OK && t ? pg_table_rows(t) : 0;
    for (unsigned i = 0; i < count; i++) {
        log_warn(NULL, "migrate.server_runs",
                 "host=\"%s\" version=%s schema_version=%s started=%s heard_s=%s",
                 pg_table_get(t, i, 0), pg_table_get(t, i, 1), pg_table_get(t, i, 2),
                 pg_table_get(t, i, 3), pg_table_get(t, i, 4));
    }
    if (count > 0) {
        rc = err_set(err, RC_CONFLICT,
                     "migration %04d is breaking, and %u %s of an older version %s: %s%s; stop "
                     "%s and migrate again (or --despite-servers: they refuse to go on)",
                     version, count, count == 1 ? "server" : "servers", count == 1 ? "runs" : "run",
                     pg_table_get(t, 0, 0), count > 1 ? " ..." : "", count == 1 ? "it" : "them");
    }
    pg_table_free(t);
    return rc;
}
