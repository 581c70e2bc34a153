/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr config: the settings in force, passwords masked; with --markdown the table of
 * docs/configuration.md, with --limits those of docs/operations.md.
 */
#include "app_internal.h"

static int run(const struct command *self, int argc, char **argv)
{
    bool is_markdown = false, is_limits = false;
    const struct cli_option options[] = {
        {"markdown", 0, CLI_FLAG, &is_markdown, NULL, "the table of docs/configuration.md", 0, 0},
        {"limits", 0, CLI_FLAG, &is_limits, NULL, "the tables of docs/operations.md", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO) {
        if (is_markdown)
            config_print_markdown(stdout);
        else if (is_limits)
            config_print_limits(stdout);
        else
            config_print_values(&cli.config, stdout);
        status = STATUS_DONE;
    }
    cli_fini(&cli);
    return status;
}

const struct command command_config = {
    .name = "config",
    .summary = "print the settings in force",
    .usage = "[--markdown | --limits] [SETTING]...",
    .text = "Prints every setting with the value that default, file, environment and flags give "
            "it, in\n"
            "the form of dppr.conf. Passwords are masked.\n"
            "\n"
            "Examples:\n"
            "  dppr config\n"
            "  dppr config --config /etc/dppr/dppr.conf --workers 4",
    .has_settings = true,
    .shows_settings = true,
    .run = run,
};
