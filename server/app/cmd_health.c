/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr health: what a container's health check runs, so that an image needs no HTTP client and no shell.
 */
#include <stdio.h>

#include "app_internal.h"

static int run(const struct command *self, int argc, char **argv)
{
    struct cli cli = {.command = self};
    int status = cli_parse(&cli, argc, argv);
    char line[128];

    if (status == CLI_GO && cli.arg_count > 1)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[1]);
    if (status == CLI_GO) {
        const char *path = cli.arg_count > 0 ? cli.args[0] : "/livez";
        if (ask_http(&cli.config, path, line, sizeof(line))) {
            puts(line);
            status = STATUS_DONE;
        } else {
            command_error(self, "%s: %s", path, *line ? line : "no answer");
            status = STATUS_FAILED;
        }
    }
    cli_fini(&cli);
    return status;
}

const struct command command_health = {
    .name = "health",
    .summary = "ask the server on this machine for its health",
    .usage = "[/livez | /readyz] [SETTING]...",
    .text = "Asks over HTTP, at the address and port of the settings, as the health check of a\n"
            "container does. Exit status 0 when the server answers 200, 1 otherwise.\n"
            "\n"
            "Examples:\n"
            "  dppr health\n"
            "  dppr health /readyz --http-port 8081",
    .has_settings = true,
    .run = run,
};
