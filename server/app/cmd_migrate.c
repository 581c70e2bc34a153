/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr migrate: bring the schema to this build's version, or say whether it is.
 */
#include <stdlib.h>
#include <time.h>

#include "app_internal.h"
#include "core/clock.h"
#include "pg/migrate.h"

enum { RETRY_MS = 500, DEFAULT_LOCK_S = 30 };

/* A database that is just starting refuses for a moment: try until the deadline. */
static enum rc connect_until(const char *uri, int64_t deadline_ms, struct pg_sync **out,
                             struct err *err)
{
    for (;;) {
        enum rc rc = database_open(uri, out, err);
        if (rc == RC_OK || clock_now_ms() >= deadline_ms)
            return rc;
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
}

static int schema_version(struct pg_sync *s)
{
    struct pg_table *t = NULL;
    struct err ignored;
    int version = 0;

    if (pg_sync_query(s, "select to_regclass('dpp.schema_migrations') is not null", NULL, 0, &t,
                      &ignored) != RC_OK)
        return 0;
    bool exists = pg_table_get(t, 0, 0)[0] == 't';
    pg_table_free(t);
    if (!exists || pg_sync_query(s, "select coalesce(max(version), 0) from dpp.schema_migrations",
                                 NULL, 0, &t, &ignored) != RC_OK)
        return 0;
    version = atoi(pg_table_get(t, 0, 0));
    pg_table_free(t);
    return version;
}

static void print_applied(struct pg_sync *s, int above)
{
    struct pg_param param;
    struct pg_table *t = NULL;
    struct err ignored;
    char text[16];

    snprintf(text, sizeof(text), "%d", above);
    param = pg_text(text);
    if (pg_sync_query(s,
                      "select version, name from dpp.schema_migrations\n"
                      "where version > $1::int order by version",
                      &param, 1, &t, &ignored) != RC_OK)
        return;
    for (unsigned i = 0; i < pg_table_rows(t); i++)
        printf("applied %04d %s\n", atoi(pg_table_get(t, i, 0)), pg_table_get(t, i, 1));
    pg_table_free(t);
}

static enum rc migrate(struct pg_sync *s, int64_t wait_ms, bool despite_servers, struct err *err)
{
    struct migrate_report report = {0};
    int before = schema_version(s);
    enum rc rc = despite_servers ? migrate_run_despite_servers(s, wait_ms, &report, err)
                                 : migrate_run(s, wait_ms, &report, err);

    if (rc != RC_OK)
        return rc;
    print_applied(s, before);
    if (report.applied == 0)
        printf("nothing to apply\n");
    printf("schema version %d\n", report.version);
    return RC_OK;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool is_check = false, despite_servers = false;
    long wait_s = -1;
    const struct cli_option options[] = {
        {"check", 0, CLI_FLAG, &is_check, NULL,
         "change nothing; fail unless the schema is in order", 0, 0},
        {"wait", 0, CLI_NUMBER, &wait_s, "SECONDS",
         "wait so long for the database and for another migration (0 and 30)", 0, 86400},
        {"despite-servers", 0, CLI_FLAG, &despite_servers, NULL,
         "apply a breaking migration though older servers run: they stop working", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    struct pg_sync *s = NULL;
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO) {
        int64_t deadline = clock_now_ms() + (wait_s > 0 ? wait_s : 0) * 1000;
        log_configure(cli.config.log_level, cli.config.log_format);
        enum rc rc = connect_until(config_migration_database(&cli.config), deadline, &s, &err);
        if (rc == RC_OK && is_check) {
            rc = database_check_text(s, &err);
            if (rc == RC_OK)
                rc = migrate_check(s, &err);
            if (rc == RC_OK)
                printf("schema version %d is in order\n", schema_version(s));
        } else if (rc == RC_OK) {
            rc = migrate(s, (wait_s >= 0 ? wait_s : DEFAULT_LOCK_S) * 1000, despite_servers, &err);
        }
        if (rc != RC_OK)
            command_error(self, "%s", err.text);
        status = rc == RC_OK ? STATUS_DONE : STATUS_FAILED;
    }
    pg_sync_free(s);
    cli_fini(&cli);
    return status;
}

const struct command command_migrate = {
    .name = "migrate",
    .summary = "bring the database's schema to this version",
    .usage = "[--check] [--wait SECONDS] [--despite-servers] [SETTING]...",
    .text =
        "Applies what is missing of the schema dpp, forward only, one transaction each. Several\n"
        "may run at once: one works, the others wait. Run it as the owner of the schema\n"
        "(migration-database), not through a pooler. What is compatible goes by under running\n"
        "servers; what is breaking is refused, as a whole, while older servers run.\n\n"
        "Examples:\n"
        "  dppr migrate --database postgresql://dppr@localhost/dppr --wait 60\n"
        "  dppr migrate --check",
    .has_settings = true,
    .run = run,
};
