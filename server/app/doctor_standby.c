/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr doctor: whether reads can go to the database of the setting standby-database, and how far behind it is.
 */
#include <string.h>

#include "doctor.h"

/* The cluster of both, whether it replays, its position; what the last row of dpp.timelines is. */
static const char sql[] =
    "select (select c.system_identifier from pg_control_system() as c), pg_is_in_recovery(),\n"
    "    coalesce(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()\n"
    "        else pg_current_wal_flush_lsn() end, '0/0'),\n"
    "    (select t.id from dpp.timelines as t order by t.n desc limit 1),\n"
    "    current_setting('hot_standby_feedback')";
enum { CLUSTER, REPLAYS, POSITION, TIMELINE, FEEDBACK };

static bool is_same(const struct pg_table *a, const struct pg_table *b, unsigned column)
{
    const char *one = pg_table_get(a, 0, column), *other = pg_table_get(b, 0, column);

    return (one && other) ? strcmp(one, other) == 0 : one == other;
}

/* Octets of the log; "" = cannot be said. */
static const char *distance(struct doctor *d, const struct pg_table *standby,
                            const struct pg_table *primary, struct pg_table **t)
{
    struct pg_param positions[] = {pg_text(pg_table_get(primary, 0, POSITION)),
                                   pg_text(pg_table_get(standby, 0, POSITION))};
    struct err err = {0};

    if (pg_sync_query(d->database,
                      "select greatest(pg_wal_lsn_diff($1::text::pg_lsn, $2::text::pg_lsn), 0)",
                      positions, 2, t, &err) != RC_OK)
        return "";
    return pg_table_get(*t, 0, 0);
}

static void compare(struct doctor *d, const struct pg_table *standby,
                    const struct pg_table *primary)
{
    struct pg_table *t = NULL;

    if (!is_same(standby, primary, CLUSTER))
        doctor_report(d, FAIL, "standby",
                      "it is no copy of the database's cluster and is never read; let "
                      "standby-database lead to a streaming standby");
    else if (!is_same(standby, primary, TIMELINE))
        doctor_report(d, WARN, "standby",
                      "it does not follow the present primary and is not read; rebuild it, or "
                      "wait if it is only behind");
    else if (pg_table_get(standby, 0, REPLAYS)[0] != 't')
        doctor_report(d, WARN, "standby",
                      "this is the primary; reads cost more there than without the setting");
    else
        doctor_report(d, OK, "standby", "replays, %s octets behind; hot_standby_feedback %s",
                      distance(d, standby, primary, &t), pg_table_get(standby, 0, FEEDBACK));
    pg_table_free(t);
}

void doctor_check_standby(struct doctor *d)
{
    struct pg_sync *s = NULL;
    struct pg_table *standby = NULL, *primary = NULL;
    struct err err = {0};

    if (!*d->config->standby_database)
        return;
    /* The primary last: what it says then the standby may not have yet, and never the other way round. */
    if (database_open(d->config->standby_database, &s, &err) != RC_OK ||
        pg_sync_query(s, sql, NULL, 0, &standby, &err) != RC_OK ||
        pg_sync_query(d->database, sql, NULL, 0, &primary, &err) != RC_OK)
        doctor_report(d, WARN, "standby", "%s; the primary answers meanwhile", err.text);
    else
        compare(d, standby, primary);
    pg_table_free(standby);
    pg_table_free(primary);
    pg_sync_free(s);
}
