/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr conformance: the DICOM conformance statement of this binary.
 */
#include "app_internal.h"
#include "conformance.h"
#include "dcm/dict.h"

static int run(const struct command *self, int argc, char **argv)
{
    struct cli cli = {.command = self};
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO) {
        status = STATUS_DONE;
        if (dcm_init(&err) != RC_OK ||
            conformance_write((const char *)conformance_text, stdout, &err) != RC_OK) {
            command_error(self, "%s", err.text);
            status = STATUS_FAILED;
        }
    }
    cli_fini(&cli);
    return status;
}

const struct command command_conformance = {
    .name = "conformance",
    .summary = "print the DICOM conformance statement",
    .usage = "[--help]",
    .text =
        "Prints the conformance statement (PS3.2) of this version in Markdown: services and "
        "roles,\n"
        "keys, statuses, character sets, limits and their defaults, as its own tables have them.\n"
        "No database and no settings are needed. docs/conformance.md is the same text.\n\n"
        "Examples:\n"
        "  dppr conformance >dppr-conformance.md",
    .run = run,
};
