/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr doctor: whether the database keeps what it has acknowledged, whether it can be written, what its clock says, and
 * whether the role may do what a server does.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doctor.h"

enum { CLOCK_MOST_S = 2 };

static bool is_on(const struct pg_table *t, unsigned column)
{
    const char *value = pg_table_get(t, 0, column);

    return value && (strcmp(value, "on") == 0 || value[0] == 't');
}

/* "Nothing acknowledged is lost" is PostgreSQL's promise first. */
static void check_durability(struct doctor *d)
{
    static const char sql[] =
        "select current_setting('fsync'), current_setting('full_page_writes'),\n"
        "    current_setting('synchronous_commit'), pg_is_in_recovery(),\n"
        "    current_setting('transaction_read_only'),\n"
        "    current_setting('synchronous_standby_names') <> '',\n"
        "    (select count(*) from pg_stat_replication)";
    struct pg_table *t = NULL;
    struct err err = {0};

    if (pg_sync_query(d->database, sql, NULL, 0, &t, &err) != RC_OK) {
        doctor_report(d, FAIL, "durability", "%s", err.text);
        return;
    }
    const char *commit = pg_table_get(t, 0, 2), *standbys = pg_table_get(t, 0, 6);
    bool is_standby = is_on(t, 3), waits = is_on(t, 5);
    if (!is_on(t, 0))
        doctor_report(d, WARN, "durability",
                      "fsync = off: a crash may destroy the whole database; set it on");
    else if (!is_on(t, 1))
        doctor_report(d, WARN, "durability",
                      "full_page_writes = off: a crash may damage pages; set it on");
    else if (strcmp(commit, "off") == 0)
        doctor_report(
            d, WARN, "durability",
            "synchronous_commit = off: a crash of PostgreSQL loses the stores acknowledged "
            "last; set it on");
    else
        doctor_report(d, OK, "durability", "fsync on, synchronous_commit %s", commit);
    if (is_standby || is_on(t, 4))
        doctor_report(d, WARN, "replication",
                      "%s: queries and retrievals work, C-STORE is refused; promote it, or let the "
                      "setting database name the primary",
                      is_standby ? "this is a standby" : "the database is read-only");
    else if (waits && strcmp(standbys, "0") == 0)
        doctor_report(
            d, WARN, "replication",
            "synchronous_standby_names names standbys, but none is connected: stores wait; "
            "start the standby, or empty that setting");
    else
        doctor_report(d, OK, "replication", "primary, %s standby connection(s)%s", standbys,
                      waits ? ", synchronous" : "");
    pg_table_free(t);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Audit rows have the database's time, the log has ours. */
static void check_clock(struct doctor *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};
    double before = now_s();

    if (pg_sync_query(d->database, "select extract(epoch from clock_timestamp())", NULL, 0, &t,
                      &err) != RC_OK) {
        doctor_report(d, FAIL, "clock", "%s", err.text);
        return;
    }
    double after = now_s(), ahead = strtod(pg_table_get(t, 0, 0), NULL) - (before + after) / 2;
    double unsure = (after - before) / 2;
    pg_table_free(t);
    if (fabs(ahead) > CLOCK_MOST_S + unsure)
        doctor_report(
            d, WARN, "clock",
            "the database's is %.1f s %s this machine's: audit rows and log do not agree; "
            "let both follow a time server",
            fabs(ahead), ahead > 0 ? "ahead of" : "behind");
    else
        doctor_report(d, OK, "clock", "within %d s of the database's", CLOCK_MOST_S);
}

void doctor_check_postgres(struct doctor *d)
{
    check_durability(d);
    check_clock(d);
}

/* Of unknown-ae-row: without the row nobody without one is let in. */
static void check_guest_row(struct doctor *d)
{
    struct pg_param title = pg_text(d->config->unknown_ae_row);
    struct pg_table *t = NULL;
    struct err err = {0};

    if (!*d->config->unknown_ae_row)
        return;
    if (pg_sync_query(d->database,
                      "select from dpp.application_entities where ae_title = $1::text limit 1",
                      &title, 1, &t, &err) != RC_OK)
        doctor_report(d, FAIL, "guest-row", "%s", err.text);
    else if (pg_table_rows(t) == 0)
        doctor_report(d, FAIL, "guest-row",
                      "unknown-ae-row names %s, which has no row: AE titles without one are all "
                      "rejected; dppr ae add %s --rights ...",
                      d->config->unknown_ae_row, d->config->unknown_ae_row);
    else
        doctor_report(d, OK, "guest-row", "%s", d->config->unknown_ae_row);
    pg_table_free(t);
}

void doctor_check_rights(struct doctor *d)
{
    static const char sql[] =
        "select current_user, string_agg(r.name || ' (' || r.privilege || ')', ', '\n"
        "    order by r.privilege, r.name)\n"
        "from (\n"
        "    select t.name, t.privilege\n"
        "    from (values ('dpp.objects', 'select'), ('dpp.instances', 'select'),\n"
        "        ('dpp.protocols', 'select'), ('dpp.approvals', 'select'),\n"
        "        ('dpp.application_entities', 'select'), ('dpp.servers', 'insert'),\n"
        "        ('dpp.destination_slots', 'insert'), ('dpp.audit_events', 'insert'))\n"
        "        as t (name, privilege)\n"
        "    where not has_any_column_privilege(t.name, t.privilege)\n"
        "    union all\n"
        "    select distinct 'dpp.' || p.proname, 'execute'\n"
        "    from pg_catalog.pg_proc as p\n"
        "    where p.pronamespace = 'dpp'::regnamespace\n"
        "        and p.proname in ('ingest', 'ingest_approval', 'peer_of')\n"
        "    group by p.proname\n"
        "    having not bool_or(has_function_privilege(p.oid, 'execute'))) as r";
    struct pg_table *t = NULL;
    struct err err = {0};

    if (pg_sync_query(d->database, sql, NULL, 0, &t, &err) != RC_OK) {
        doctor_report(d, FAIL, "rights", "%s; grant dppr_server to this role", err.text);
        return;
    }
    const char *role = pg_table_get(t, 0, 0), *lacking = pg_table_get(t, 0, 1);
    if (lacking)
        doctor_report(
            d, FAIL, "rights",
            "%s lacks %.200s: dppr migrate grants them to dppr_server; grant dppr_server to "
            "%s",
            role, lacking, role);
    else
        doctor_report(d, OK, "rights", "%s may do what a server does", role);
    pg_table_free(t);
    if (!lacking)
        check_guest_row(d);
}
