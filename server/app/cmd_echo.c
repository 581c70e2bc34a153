/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr echo: verify a DICOM connection (C-ECHO).
 */
#include "app_internal.h"
#include "core/clock.h"

static int run(const struct command *self, int argc, char **argv)
{
    struct peer_args peer = PEER_ARGS_DEFAULT;
    const struct cli_option options[] = {PEER_OPTIONS(&peer)};
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    struct err err = {0};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO) {
        enum rc rc = peer_prepare(&peer, &err);
        int64_t start = clock_now_ms();
        status = STATUS_DONE;
        if (rc == RC_OK && peer_echo(&peer, &err) == RC_OK) {
            printf("%s at %s:%ld answers after %lld ms\n", peer.aec, peer.host, peer.port,
                   (long long)(clock_now_ms() - start));
        } else {
            command_error(self, "%s", err.text);
            status = STATUS_FAILED;
        }
    }
    peer_finish(&peer);
    cli_fini(&cli);
    return status;
}

const struct command command_echo = {
    .name = "echo",
    .summary = "verify a DICOM connection (C-ECHO)",
    .usage = "[OPTION]...",
    .text = "Opens an association and asks for an echo. Exit status 0 when the peer answers "
            "success.\n\n"
            "Examples:\n"
            "  dppr echo\n"
            "  dppr echo --host pacs.example --port 104 --aec PACS --aet DPPR_SCU",
    .run = run,
};
