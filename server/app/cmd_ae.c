/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr ae: the peers of dpp.application_entities: list, add, remove, test.
 *
 * SQL is the full interface to that table; this is for the everyday. Every value goes as a parameter and
 * the table's own constraints judge it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app_internal.h"
#include "dcm/charset.h"
#include "dcm/dict.h"

struct ae {
    const struct command *self;
    struct pg_sync *database;
    const struct config *config;
    const char **args;
    unsigned arg_count;
    bool is_json;
    const char *rights, *charset, *called_as, *description;
    struct cli_list sources;
    long max_associations, timeout_s;
};

/* ---- rights ---------------------------------------------------------------------------------------- */

static const struct right {
    const char *word, *column;
} rights[] = {
    {"echo", "may_echo"}, {"find", "may_find"},   {"get", "may_get"},
    {"move", "may_move"}, {"store", "may_store"}, {"destination", "is_destination"},
};
enum { RIGHTS = sizeof(rights) / sizeof(rights[0]) };

/* "find,get", "all", "none" */
static enum rc parse_rights(const char *text, bool out[RIGHTS], struct err *err)
{
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < RIGHTS; i++)
        out[i] = !text || strcmp(text, "all") == 0;
    if (!text || strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
        return RC_OK;
    char *copy = strdup(text), *next = copy;
    while (copy && next && rc == RC_OK) {
        const char *word = strsep(&next, ",");
        unsigned i = 0;
        while (i < RIGHTS && strcmp(rights[i].word, word) != 0)
            i++;
        if (i < RIGHTS)
            out[i] = true;
        else
            rc = err_set(
                err, RC_INVALID,
                "'%.40s' is no right: echo, find, get, move, store, destination, all, none", word);
    }
    free(copy);
    return rc;
}

/* ---- list ------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                    \
    "ae_title, coalesce(host, ''), coalesce(port::text, ''),\n"                                    \
    "    concat_ws(',', case when may_echo then 'echo' end, case when may_find then 'find' end,\n" \
    "        case when may_get then 'get' end, case when may_move then 'move' end,\n"              \
    "        case when may_store then 'store' end,\n"                                              \
    "        case when is_destination then 'destination' end),\n"                                  \
    "    array_to_string(source_addresses, ','), max_associations::text,\n"                        \
    "    coalesce(preferred_character_set, ''), coalesce(called_as, ''), coalesce(description, "   \
    "'')\n"

static const char *const titles[] = {"AE_TITLE", "HOST",    "PORT",      "RIGHTS",     "SOURCES",
                                     "MAX",      "CHARSET", "CALLED_AS", "DESCRIPTION"};
static const char *const json_names[] = {"ae_title",
                                         "host",
                                         "port",
                                         "rights",
                                         "source_addresses",
                                         "max_associations",
                                         "preferred_character_set",
                                         "called_as",
                                         "description"};
enum { LIST_COLUMNS = 9, COLUMN_PORT = 2, COLUMN_MAX = 5 };

static void print_json_row(const struct pg_table *t, unsigned row)
{
    struct buf out = {0};

    for (unsigned i = 0; i < LIST_COLUMNS; i++) {
        const char *value = pg_table_get(t, row, i);
        buf_printf(&out, "%s\"%s\":", i ? "," : "", json_names[i]);
        if (i == COLUMN_PORT || i == COLUMN_MAX)
            buf_add_str(&out, *value ? value : "null");
        else
            show_json_string(&out, value);
    }
    printf("%s{%s}", row ? ",\n" : "\n", buf_cstr(&out));
    buf_fini(&out);
}

static enum rc ae_list(struct ae *a, struct err *err)
{
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(a->database,
                               "select " COLUMNS "from dpp.application_entities\n"
                               "order by ae_title, id",
                               NULL, 0, &t, err);

    if (rc != RC_OK)
        return rc;
    if (a->is_json) {
        putchar('[');
        for (unsigned r = 0; r < pg_table_rows(t); r++)
            print_json_row(t, r);
        puts("]");
    } else if (pg_table_rows(t) > 0) {
        struct table *out = table_new(stdout, titles, LIST_COLUMNS, 60);
        for (unsigned r = 0; r < pg_table_rows(t); r++) {
            struct buf texts[LIST_COLUMNS] = {0};
            const char *cells[LIST_COLUMNS];
            for (unsigned i = 0; i < LIST_COLUMNS; i++) {
                show_text(&texts[i], span_str(pg_table_get(t, r, i)));
                cells[i] = buf_cstr(&texts[i]);
            }
            table_row(out, cells);
            for (unsigned i = 0; i < LIST_COLUMNS; i++)
                buf_fini(&texts[i]);
        }
        table_end(out);
    }
    pg_table_free(t);
    return RC_OK;
}

/* ---- add, remove -------------------------------------------------------------------------------------- */

static const char sql_add[] =
    "insert into dpp.application_entities (ae_title, host, port, source_addresses,\n"
    "    preferred_character_set, max_associations, called_as, description,\n"
    "    may_echo, may_find, may_get, may_move, may_store, is_destination)\n"
    "values ($1::text, $2::text, $3::int, string_to_array($4::text, ',')::inet[], $5::text,\n"
    "    $6::int, $7::text, $8::text, $9::boolean, $10::boolean, $11::boolean, $12::boolean,\n"
    "    $13::boolean, $14::boolean)";

static enum rc ae_add(struct ae *a, struct err *err)
{
    struct pg_param params[8 + RIGHTS];
    struct buf sources = {0};
    bool granted[RIGHTS];
    char max[16];
    enum rc rc = parse_rights(a->rights, granted, err);

    if (rc != RC_OK)
        return rc;
    if (!aet_is_valid(a->args[1]))
        return err_set(err, RC_INVALID, "'%.40s' is no AE title: 1 to 16 ASCII characters",
                       a->args[1]);
    if (a->arg_count == 3)
        return err_set(err, RC_INVALID, "name host and port, or neither");
    if (a->arg_count == 4) {
        char *end;
        errno = 0;
        long port = strtol(a->args[3], &end, 10);
        if (errno || *end || end == a->args[3] || port < 1 || port > 65535)
            return err_set(err, RC_INVALID, "'%.40s' is no port: 1 to 65535", a->args[3]);
    }
    if (a->called_as && !aet_is_valid(a->called_as))
        return err_set(err, RC_INVALID,
                       "--called-as: '%.40s' is no AE title: 1 to 16 ASCII characters",
                       a->called_as);
    if (a->charset && (rc = dcm_init(err)) != RC_OK)
        return rc;
    if (a->charset && !dcm_charset_is_supported(span_str(a->charset)))
        return err_set(err, RC_INVALID,
                       "--charset: '%.64s' is no Specific Character Set; for instance ISO_IR 100 "
                       "or ISO_IR 192",
                       a->charset);
    for (unsigned i = 0; i < a->sources.count; i++)
        buf_printf(&sources, "%s%s", i ? "," : "", a->sources.items[i]);
    snprintf(max, sizeof(max), "%ld", a->max_associations);
    params[0] = pg_text(a->args[1]);
    params[1] = pg_text(a->arg_count == 4 ? a->args[2] : NULL);
    params[2] = pg_text(a->arg_count == 4 ? a->args[3] : NULL);
    params[3] = pg_text(buf_cstr(&sources));
    params[4] = pg_text(a->charset);
    params[5] = pg_text(max);
    params[6] = pg_text(a->called_as);
    params[7] = pg_text(a->description);
    for (unsigned i = 0; i < RIGHTS; i++)
        params[8 + i] = pg_text(granted[i] ? "true" : "false");
    rc = pg_sync_query(a->database, sql_add, params, 8 + RIGHTS, NULL, err);
    if (rc == RC_DB && strcmp(err->sqlstate, "23505") == 0)
        err_set(err, RC_CONFLICT, "%.16s is there already; remove it first", a->args[1]);
    if (rc == RC_OK)
        printf("added %s\n", a->args[1]);
    buf_fini(&sources);
    return rc;
}

static enum rc ae_remove(struct ae *a, struct err *err)
{
    struct pg_param param = pg_text(a->args[1]);
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(a->database,
                               "delete from dpp.application_entities\n"
                               "where ae_title = $1::text\nreturning id",
                               &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) == 0)
        rc = err_set(err, RC_NOTFOUND, "there is no %.64s", a->args[1]);
    if (rc == RC_OK)
        printf("removed %s (%u row%s)\n", a->args[1], pg_table_rows(t),
               pg_table_rows(t) == 1 ? "" : "s");
    pg_table_free(t);
    return rc;
}

/* ---- test --------------------------------------------------------------------------------------------- */

static enum rc ae_test(struct ae *a, struct err *err)
{
    struct pg_param param = pg_text(a->args[1]);
    struct pg_table *t = NULL;
    enum rc rc = pg_sync_query(a->database,
                               "select host, port::text, coalesce(called_as, '')\n"
                               "from dpp.application_entities\n"
                               "where ae_title = $1::text and host is not null\n"
                               "order by id",
                               &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) == 0)
        rc = err_set(err, RC_NOTFOUND, "there is no %.64s with an address", a->args[1]);
    for (unsigned i = 0; rc == RC_OK && i < pg_table_rows(t); i++) {
        const char *as = pg_table_get(t, i, 2);
        struct peer_args peer = {.host = pg_table_get(t, i, 0),
                                 .port = strtol(pg_table_get(t, i, 1), NULL, 10),
                                 .aet = *as ? as : a->config->ae_title,
                                 .aec = a->args[1],
                                 .timeout_s = a->timeout_s};
        rc = peer_echo(&peer, err);
        if (rc == RC_OK)
            printf("%s at %s:%ld answers\n", peer.aec, peer.host, peer.port);
    }
    pg_table_free(t);
    return rc;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    unsigned min_args, max_args; /* the action's name included */
    const char *usage;
    enum rc (*run)(struct ae *a, struct err *err);
} actions[] = {
    {"list", 1, 1, "list", ae_list},
    {"add", 2, 4, "add TITLE [HOST PORT]", ae_add},
    {"remove", 2, 2, "remove TITLE", ae_remove},
    {"test", 2, 2, "test TITLE", ae_test},
};

static int act(struct ae *a)
{
    const struct action *action = NULL;
    struct err err = {0};

    for (size_t i = 0; a->arg_count && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, a->args[0]) == 0)
            action = &actions[i];
    }
    if (!action)
        return command_usage_error(a->self, "say what to do: list, add, remove or test");
    if (a->arg_count < action->min_args || a->arg_count > action->max_args)
        return command_usage_error(a->self, "usage: dppr ae %s", action->usage);
    enum rc rc = database_open(a->config->database, &a->database, &err);
    if (rc == RC_OK)
        rc = action->run(a, &err);
    if (rc == RC_INVALID)
        return command_usage_error(a->self, "%s", err.text);
    if (rc != RC_OK)
        command_error(a->self, "%s", err.text);
    return rc == RC_OK ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct ae a = {.self = self, .max_associations = 1, .timeout_s = 10};
    const struct cli_option options[] = {
        {"rights", 0, CLI_TEXT, &a.rights, "LIST",
         "echo,find,get,move,store,destination; all or none (all)", 0, 0},
        {"source", 0, CLI_LIST, &a.sources, "CIDR",
         "it may call from here only; may be given again (any)", 0, 0},
        {"max-associations", 0, CLI_NUMBER, &a.max_associations, "N",
         "at once to this destination (1)", 1, 1000},
        {"charset", 0, CLI_TEXT, &a.charset, "TERMS", "preferred Specific Character Set", 0, 0},
        {"called-as", 0, CLI_TEXT, &a.called_as, "TITLE", "our AE title when calling it", 0, 0},
        {"description", 0, CLI_TEXT, &a.description, "TEXT", "for people", 0, 0},
        {"timeout", 't', CLI_NUMBER, &a.timeout_s, "SECONDS", "for test (10)", 1, 3600},
        {"json", 0, CLI_FLAG, &a.is_json, NULL, "list as JSON", 0, 0},
    };
    struct cli cli = {
        .command = self, .options = options, .option_count = sizeof(options) / sizeof(options[0])};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        a.config = &cli.config;
        a.args = cli.args;
        a.arg_count = cli.arg_count;
        status = act(&a);
    }
    pg_sync_free(a.database);
    cli_fini(&cli);
    return status;
}

const struct command command_ae = {
    .name = "ae",
    .summary = "list, add, remove or test peers (application entities)",
    .usage = "list | add TITLE [HOST PORT] | remove TITLE | test TITLE",
    .text = "The peers that may call and the destinations of C-MOVE, rows of "
            "dpp.application_entities.\n"
            "A change is in force at once on every server. test sends a C-ECHO to the peer's "
            "address.\n\n"
            "Examples:\n"
            "  dppr ae add CT1 192.0.2.7 104 --description 'CT, room 1'\n"
            "  dppr ae add VIEWER --rights echo,find,get --source 192.0.2.0/24\n"
            "  dppr ae list\n"
            "  dppr ae test CT1",
    .has_settings = true,
    .run = run,
};
