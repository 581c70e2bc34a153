/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr: one binary, one row per command; each command lives in its file cmd_<name>.c.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_internal.h"

static const struct command *const commands[] = {
    &command_serve,   &command_migrate, &command_import, &command_export,
    &command_rebuild, &command_diff,    &command_echo,   &command_store,
    &command_find,    &command_get,     &command_move,   &command_ae,
    &command_doctor,  &command_health,  &command_config, &command_conformance,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find_command(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void print_help(FILE *to)
{
    fputs("dppr " DPPR_VERSION
          ": a Defined Procedure Protocol repository (DICOM PS3.4 Annex HH)\n\n"
          "Usage: dppr COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n",
          to);
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-11s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n'dppr COMMAND --help' tells more. Exit status: 0 done, 1 failed, 2 wrong usage.\n",
          to);
}

/* Results that could not be written are no success; a reader that has gone (| head) need not be told. */
static int finish(const struct command *c, int status)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (poll(&out, 1, 0) != 1 || !(out.revents & POLLERR))
            command_error(c, "cannot write to standard output");
        if (c && c->trouble)
            return c->trouble;
        return status == STATUS_DONE ? STATUS_FAILED : status;
    }
    return status;
}

int main(int argc, char **argv)
{
    char help[] = "--help";
    char *help_args[] = {help, NULL};

    /* libpq waits for a silent host as long as TCP does, unless told otherwise (commands and the schema
     * check block on it; the server's pools have a deadline of their own). */
    setenv("PGCONNECT_TIMEOUT", "10", 0);

    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("dppr " DPPR_VERSION);
        return finish(NULL, STATUS_DONE);
    }
    bool is_help = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (is_help && argc == 2)) {
        print_help(stdout);
        return finish(NULL, STATUS_DONE);
    }
    const char *name = is_help ? argv[2] : argv[1];
    const struct command *c = find_command(name);
    if (!c)
        return command_usage_error(NULL, "unknown command '%s'", name);
    if (is_help)
        return finish(c, c->run(c, 1, help_args));
    return finish(c, c->run(c, argc - 2, argv + 2));
}
