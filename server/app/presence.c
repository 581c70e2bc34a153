/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's row in dpp.servers. The row is what keeps breaking migrations away (pg/migrate_servers.c), so it
 * is written before the schema is looked at, and taken out again where that must not be used: a server that is
 * refused does not run.
 */
#include "presence.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/log.h"
#include "pg/migrate.h"

/* A row that is lost with the primary comes back with the next beat. Rows of servers that ended without a goodbye go
 * after a day. */
const char presence_beat_sql[] =
    "with forgotten as (\n"
    "    delete from dpp.servers where heartbeat_at < now() - interval '1 day'\n"
    ")\n"
    "insert into dpp.servers (id, version, schema_version, host_name)\n"
    "select $1::text::uuid, $2::text, $3::text::int, $4::text where " PG_WITHOUT_STANDBY "\n"
    "on conflict (id) do update set heartbeat_at = now()";
const char presence_leave_sql[] =
    "delete from dpp.servers where id = $1::text::uuid and " PG_WITHOUT_STANDBY;

/* A random UUID (RFC 4122 4.4) as text. */
static void make_id(char out[37])
{
    uint8_t r[16];

    if (getrandom(r, sizeof(r), 0) != sizeof(r))
        abort();
    r[6] = (uint8_t)((r[6] & 0x0F) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3F) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
             r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13],
             r[14], r[15]);
}

void presence_init(struct presence *p)
{
    make_id(p->id);
    snprintf(p->schema_version, sizeof(p->schema_version), "%d", migrate_latest());
    if (gethostname(p->host, sizeof(p->host)) != 0)
        p->host[0] = '\0';
    p->host[sizeof(p->host) - 1] = '\0';
}

void presence_params(const struct presence *p, struct pg_param params[PRESENCE_PARAMS])
{
    params[0] = pg_text(p->id);
    params[1] = pg_text(DPPR_VERSION);
    params[2] = pg_text(p->schema_version);
    params[3] = pg_text(p->host);
}

enum rc presence_check(struct pg_sync *s, const struct presence *p, struct err *err)
{
    struct pg_param params[PRESENCE_PARAMS];
    struct err why = {0};

    presence_params(p, params);
    if (pg_sync_query(s, presence_beat_sql, params, PRESENCE_PARAMS, NULL, &why) != RC_OK)
        log_debug(NULL, "heartbeat.failed", "why=\"%s\"", why.text);
    enum rc rc = migrate_check(s, err);
    if (rc == RC_CONFLICT && pg_sync_query(s, presence_leave_sql, params, 1, NULL, &why) != RC_OK)
        log_debug(NULL, "heartbeat.failed", "why=\"%s\"", why.text);
    return rc;
}
