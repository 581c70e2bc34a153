/* SPDX-License-Identifier: Apache-2.0
 *
 * The flags of a command: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, "--" ends them.
 *
 * Commands that use the database take every setting as a flag too: config_load picks those out first, except where
 * the command's own table has the name; what it leaves is parsed against that table. Standard output is for results, standard
 * error for everything else; exit status 2 is a mistake in the call, 1 a failure in the work.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "core/arena.h"

PRINTF_LIKE(2, 0)
static void print_message(const struct command *c, const char *fmt, va_list ap)
{
    fflush(stdout);
    fprintf(stderr, "dppr%s%s: ", c ? " " : "", c ? c->name : "");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void command_error(const struct command *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message(c, fmt, ap);
    va_end(ap);
}

int command_usage_error(const struct command *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message(c, fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try 'dppr %s%s--help'\n", c ? c->name : "", c ? " " : "");
    return STATUS_USAGE;
}

void cli_print_help(const struct cli *cli, FILE *to)
{
    const struct command *c = cli->command;

    fprintf(to, "Usage: dppr %s %s\n\n%s\n\nOptions:\n", c->name, c->usage, c->text);
    for (unsigned i = 0; i < cli->option_count; i++) {
        const struct cli_option *o = &cli->options[i];
        char left[64];
        char letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value_name ? " " : "",
                 o->value_name ? o->value_name : "");
        fprintf(to, "  %-28s %s\n", left, o->help);
    }
    fprintf(to, "  %-28s %s\n", "    --help", "this text");
    if (c->has_settings)
        fprintf(to, "  %-28s %s\n", "    --config PATH",
                "settings file (DPPR_CONFIG, else " CONFIG_DEFAULT_FILE " if it exists)");
    if (c->has_settings && !c->shows_settings)
        fprintf(to, "  %-28s %s\n", "    --database URI",
                "the database (DPPR_DATABASE); all settings: dppr serve --help");
    if (c->shows_settings) {
        fputc('\n', to);
        config_print_help(to);
    }
}

static const struct cli_option *find_option(const struct cli *cli, const char *name, size_t len)
{
    for (unsigned i = 0; i < cli->option_count; i++) {
        const struct cli_option *o = &cli->options[i];
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    }
    return NULL;
}

static const struct cli_option *find_letter(const struct cli *cli, char letter)
{
    for (unsigned i = 0; i < cli->option_count; i++) {
        if (cli->options[i].letter == letter)
            return &cli->options[i];
    }
    return NULL;
}

static int store_number(const struct cli *cli, const struct cli_option *o, const char *value)
{
    char *end;

    errno = 0;
    long n = strtol(value, &end, 10);
    if (errno || end == value || *end || isspace((unsigned char)*value))
        return command_usage_error(cli->command, "--%s: '%s' is not a number", o->name, value);
    if (n < o->min || n > o->max)
        return command_usage_error(cli->command, "--%s: %s is not between %ld and %ld", o->name,
                                   value, o->min, o->max);
    *(long *)o->target = n;
    return CLI_GO;
}

static int store_value(const struct cli *cli, const struct cli_option *o, const char *value)
{
    struct cli_list *list;

    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)o->target = true;
        return CLI_GO;
    case CLI_TEXT:
        *(const char **)o->target = value;
        return CLI_GO;
    case CLI_NUMBER:
        return store_number(cli, o, value);
    case CLI_LIST:
        list = o->target;
        list->items[list->count++] = value; /* as many as there are arguments: see prepare_lists */
        return CLI_GO;
    }
    return CLI_GO;
}

static void prepare_lists(const struct cli *cli, int argc)
{
    for (unsigned i = 0; i < cli->option_count; i++) {
        if (cli->options[i].kind == CLI_LIST) {
            struct cli_list *list = cli->options[i].target;
            list->items = xcalloc((size_t)argc + 1, sizeof(*list->items));
            list->count = 0;
        }
    }
}

/* One argument that begins with '-', with its value, which may be the next one. */
static int parse_option(const struct cli *cli, int argc, char **argv, int *i)
{
    const char *arg = argv[*i], *value = NULL;
    const struct cli_option *o;

    if (arg[1] == '-') {
        const char *equals = strchr(arg, '=');
        o = find_option(cli, arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2));
        value = equals ? equals + 1 : NULL;
    } else {
        o = find_letter(cli, arg[1]);
        value = arg[2] ? arg + 2 : NULL;
    }
    if (!o)
        return command_usage_error(cli->command, "unknown option %s", arg);
    if (o->kind == CLI_FLAG && value)
        return command_usage_error(cli->command, "--%s takes no value", o->name);
    if (o->kind != CLI_FLAG && !value) {
        if (*i + 1 >= argc)
            return command_usage_error(cli->command, "%s needs a value: %s", arg, o->value_name);
        value = argv[++*i];
    }
    return store_value(cli, o, value);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return true;
    }
    return false;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
    struct err err = {0};
    int next = CLI_GO;

    prepare_lists(cli, argc);
    cli->args = xcalloc((size_t)argc + 1, sizeof(*cli->args));
    if (asks_for_help(argc, argv)) {
        cli_print_help(cli, stdout);
        return STATUS_DONE;
    }
    if (cli->command->has_settings) {
        const char **own = xcalloc(cli->option_count + 1, sizeof(*own));
        for (unsigned i = 0; i < cli->option_count; i++)
            own[i] = cli->options[i].name;
        enum rc rc = config_load(argc, argv, own, &cli->config, &cli->rest, &argc, &err);
        free(own);
        if (rc != RC_OK) {
            command_error(cli->command, "%s", err.text);
            return STATUS_USAGE;
        }
        argv = cli->rest;
    }
    for (int i = 0; i < argc && next == CLI_GO; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                cli->args[cli->arg_count++] = argv[i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            next = parse_option(cli, argc, argv, &i);
        } else {
            cli->args[cli->arg_count++] = argv[i];
        }
    }
    return next;
}

void cli_fini(struct cli *cli)
{
    for (unsigned i = 0; i < cli->option_count; i++) {
        if (cli->options[i].kind == CLI_LIST) {
            struct cli_list *list = cli->options[i].target;
            free(list->items);
            list->items = NULL;
        }
    }
    free(cli->args);
    cli->args = NULL;
    free(cli->rest);
    cli->rest = NULL;
    config_fini(&cli->config);
}
