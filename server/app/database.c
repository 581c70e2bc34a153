/* SPDX-License-Identifier: Apache-2.0
 *
 * What several commands ask of the database: a connection, whether its text folds beyond ASCII, and
 * whether it has room for our connections.
 */
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"

enum rc database_open(const char *uri, struct pg_sync **out, struct err *err)
{
    struct err why = {0};
    enum rc rc;

    rc = pg_sync_connect(uri, "dppr", out, &why);
    if (rc == RC_OK)
        return RC_OK;
    char *masked = config_mask_uri(uri);
    err_set(err, rc, "cannot use the database %.80s: %.160s", masked, why.text);
    free(masked);
    return rc;
}

enum rc database_octets(struct pg_sync *s, const char *object_id, struct buf *out, struct err *err)
{
    static const char sql[] = "select dataset from dpp.instances where object_id = $1::bigint";
    struct pg_param param = pg_text(object_id);
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(s, sql, &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) != 1)
        rc = err_set(err, RC_NOTFOUND, "it has gone meanwhile");
    if (rc == RC_OK)
        rc = pg_table_bytea(t, 0, 0, out);
    if (rc != RC_OK && !err->text[0])
        err_set(err, rc, "its octets cannot be read");
    pg_table_free(t);
    return rc;
}

enum rc database_check_text(struct pg_sync *s, struct err *err)
{
    /* Folding is tried, not guessed from the locale's name: lower() of A with diaeresis. */
    static const char sql[] = "select pg_encoding_to_char(d.encoding), d.datctype,\n"
                              "    lower(U&'\\00C4') = U&'\\00E4'\n"
                              "from pg_catalog.pg_database d\n"
                              "where d.datname = current_database()";
    static const char remedy[] = "make it anew: createdb --template=template0 --encoding=UTF8 "
                                 "--locale=C.UTF-8";
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(s, sql, NULL, 0, &t, err);

    if (rc != RC_OK)
        return rc;
    const char *encoding = pg_table_get(t, 0, 0), *ctype = pg_table_get(t, 0, 1);
    const char *folds = pg_table_get(t, 0, 2);
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        rc = err_set(err, RC_CONFLICT, "the database's encoding is %.32s, not UTF8; %s",
                     encoding ? encoding : "unknown", remedy);
    else if (!folds || strcmp(folds, "t") != 0)
        rc = err_set(err, RC_CONFLICT,
                     "the database's character type %.32s folds ASCII only, so names would match "
                     "wrongly; %s",
                     ctype ? ctype : "", remedy);
    pg_table_free(t);
    return rc;
}

enum rc database_check_zone(struct pg_sync *s, const char *zone, struct err *err)
{
    static const char sql[] =
        "select from pg_catalog.pg_timezone_names where lower(name) = lower($1::text)";
    struct pg_param param = pg_text(zone);
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(s, sql, &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) == 0)
        rc = err_set(err, RC_CONFLICT,
                     "time-zone: PostgreSQL knows no time zone '%.64s'; see pg_timezone_names",
                     zone);
    pg_table_free(t);
    return rc;
}

unsigned database_connections_wanted(const struct config *c, unsigned workers)
{
    enum { PROBES = 2 }; /* the health probe and the schema check */

    return workers * c->service.database.size +
           c->service.retrieve_workers * c->service.retrieve_connections + PROBES;
}

enum rc database_check_connections(struct pg_sync *s, unsigned wanted, struct err *err)
{
    static const char sql[] =
        "select least(\n"
        "        current_setting('max_connections')::int\n"
        "            - current_setting('superuser_reserved_connections')::int\n"
        "            - coalesce(current_setting('reserved_connections', true)::int, 0),\n"
        "        nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)),\n"
        "    (select greatest(count(*), 1) from dpp.servers\n"
        "     where heartbeat_at > now() - interval '30 seconds')\n"
        "from pg_catalog.pg_roles r, pg_catalog.pg_database d\n"
        "where r.rolname = current_user and d.datname = current_database()";
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(s, sql, NULL, 0, &t, err);

    if (rc != RC_OK)
        return rc;
    long room = strtol(pg_table_get(t, 0, 0) ? pg_table_get(t, 0, 0) : "0", NULL, 10);
    long servers = strtol(pg_table_get(t, 0, 1) ? pg_table_get(t, 0, 1) : "1", NULL, 10);
    pg_table_free(t);
    if ((long)wanted * servers <= room)
        return RC_OK;
    return err_set(err, RC_LIMIT,
                   "%ld server(s) with up to %u database connections each, but max_connections "
                   "(and connection limits of role and database) leave %ld: lower "
                   "database-connections or workers, or raise the limit",
                   servers, wanted, room);
}
