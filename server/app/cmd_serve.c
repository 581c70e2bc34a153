/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr serve: the server, or with --check whether it could start.
 */
#include <fcntl.h>

#include "app_internal.h"
#include "certificates.h"
#include "dcm/dict.h"
#include "pg/migrate.h"

/* Settings have been read; certificates, the dictionary, the database and its schema are looked at. */
static int check(const struct command *self, const struct config *config)
{
    struct certificates_read certificates;
    struct pg_sync *s = NULL;
    struct err err = {0};
    enum rc rc = certificates_read(config, &certificates, &err);

    certificates_read_free(&certificates);
    if (rc == RC_OK)
        rc = dcm_init(&err);
    if (rc == RC_OK)
        rc = database_open(config->database, &s, &err);
    if (rc == RC_OK)
        rc = database_check_text(s, &err);
    if (rc == RC_OK)
        rc = migrate_check(s, &err);
    if (rc == RC_OK)
        rc = database_check_zone(s, config->time_zone, &err);
    if (rc == RC_OK &&
        database_check_connections(s, database_connections_wanted(config, server_workers(config)),
                                   &err) != RC_OK)
        command_error(self, "warning: %s", err.text);
    pg_sync_free(s);
    if (rc != RC_OK) {
        command_error(self, "%s", err.text);
        return STATUS_FAILED;
    }
    puts("settings, database and schema are in order");
    return STATUS_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    bool is_check = false;
    long ready_fd = -1;
    const struct cli_option options[] = {
        {"check", 0, CLI_FLAG, &is_check, NULL,
         "check settings, database and schema; serve nothing", 0, 0},
        {"ready-fd", 0, CLI_NUMBER, &ready_fd, "N",
         "write \"dicom=PORT http=PORT\" to this descriptor when listening", 0, 65535},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 2};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO && ready_fd >= 0 && fcntl((int)ready_fd, F_GETFD) < 0)
        status = command_usage_error(self, "--ready-fd: %ld is no open descriptor", ready_fd);
    if (status == CLI_GO)
        status = is_check ? check(self, &cli.config)
                          : server_run(&cli.config, (int)ready_fd, argc, argv);
    cli_fini(&cli);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "run the server",
    .usage = "[--check] [--ready-fd N] [SETTING]...",
    .text =
        "Serves DICOM (C-ECHO, C-STORE, C-FIND, C-GET, C-MOVE) and HTTP (/livez, /readyz,\n"
        "/metrics) in the foreground and logs to standard error. It starts while the database is\n"
        "away and is ready when that answers. SIGTERM: not ready, after drain-delay no new\n"
        "associations, and running operations may end within shutdown-grace; SIGINT: the same\n"
        "without drain-delay; once more: at once. SIGHUP: read the file again.\n\n"
        "Examples:\n"
        "  dppr serve --database postgresql:///dppr --unknown-ae loopback\n"
        "  DPPR_DICOM_PORT=104 dppr serve --config /etc/dppr/dppr.conf --check",
    .has_settings = true,
    .shows_settings = true,
    .run = run,
};
