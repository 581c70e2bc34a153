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
#include "certificates.h"
#include "core/clock.h"
#include "core/network.h"
#include "dcm/charset.h"
#include "dcm/dict.h"

struct ae {
    const struct command *self;
    struct pg_sync *database;
    const struct config *config;
    const char **args;
    unsigned arg_count;
    bool is_json;
    const char *rights, *charset, *called_as, *description, *ae_class;
    const char *manufacturer, *model, *serial; /* of the scanner it is */
    struct cli_list sources, required, certificates;
    bool current_only, may_supersede, has_tls;
    const char *tls_name;
    long max_associations, max_calling, max_operations, timeout_s; /* 0 = the server's settings */
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

#define RIGHTS_SQL                                                                             \
    "concat_ws(',', case when may_echo then 'echo' end, case when may_find then 'find' end,\n" \
    "        case when may_get then 'get' end, case when may_move then 'move' end,\n"          \
    "        case when may_store then 'store' end,\n"                                          \
    "        case when is_destination then 'destination' end)"

/* In the order of the statement. A column without a heading is for JSON only. */
/* clang-format off */
#define COLUMNS(X) \
    X("ae_title",                                 "AE_TITLE",    "ae_title",                 false) \
    X("coalesce(host, '')",                       "HOST",        "host",                     false) \
    X("coalesce(port::text, '')",                 "PORT",        "port",                     true)  \
    X(RIGHTS_SQL,                                 "RIGHTS",      "rights",                   false) \
    X("array_to_string(source_addresses, ',')",   "SOURCES",     "source_addresses",         false) \
    X("max_associations::text",                   "MAX",         "max_associations",         true)  \
    X("coalesce(max_calling_associations::text, '')", "MAX_CALLING", "max_calling_associations", true) \
    X("coalesce(max_operations::text, '')",       "MAX_OPERATIONS", "max_operations",        true)  \
    X("coalesce(preferred_character_set, '')",    "CHARSET",     "preferred_character_set",  false) \
    X("coalesce(called_as, '')",                  "CALLED_AS",   "called_as",                false) \
    X("array_to_string(required_assertions, ',')", "REQUIRES",   "required_assertions",      false) \
    X("sees_current_only::text",                  "CURRENT_ONLY", "sees_current_only",       true)  \
    X("may_supersede::text",                      "SUPERSEDES",  "may_supersede",            true)  \
    X("array_to_string(certificates, '; ')",      "CERTIFICATES", "certificates",            false) \
    X("tls::text",                                "TLS",         "tls",                      true)  \
    X("coalesce(tls_name, '')",                   "TLS_NAME",    "tls_name",                 false) \
    X("coalesce(manufacturer, '')",               "MANUFACTURER", "manufacturer",            false) \
    X("coalesce(manufacturer_model_name, '')",    "MODEL",       "manufacturer_model_name",  false) \
    X("coalesce(device_serial_number, '')",       "SERIAL",      "device_serial_number",     false) \
    X("ae_class",                                 "CLASS",       "ae_class",                 false) \
    X("coalesce(description, '')",                "DESCRIPTION", "description",              false)
/* clang-format on */

#define X(sql, title, json, is_number) title,
static const char *const titles[] = {COLUMNS(X)};
#undef X
static const struct {
    const char *name;
    bool is_number;
} json_columns[] = {
#define X(sql, title, json, is_number) {json, is_number},
    COLUMNS(X)
#undef X
};
enum { LIST_COLUMNS = sizeof(titles) / sizeof(titles[0]) };

static const char sql_list[] = "select ''"
#define X(sql, title, json, is_number) ",\n    " sql
    COLUMNS(X)
#undef X
        "\nfrom dpp.application_entities\n"
        "order by ae_title, id";

static const char *cell(const struct pg_table *t, unsigned row, unsigned column)
{
    return pg_table_get(t, row, column + 1);
}

static void print_json_row(const struct pg_table *t, unsigned row)
{
    struct buf out = {0};

    for (unsigned i = 0; i < LIST_COLUMNS; i++) {
        const char *value = cell(t, row, i);
        buf_printf(&out, "%s\"%s\":", i ? "," : "", json_columns[i].name);
        if (json_columns[i].is_number)
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
    enum rc rc = pg_sync_query(a->database, sql_list, NULL, 0, &t, err);

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
                show_text(&texts[i], span_str(cell(t, r, i)));
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
    "    may_echo, may_find, may_get, may_move, may_store, is_destination,\n"
    "    max_calling_associations, max_operations, manufacturer, manufacturer_model_name,\n"
    "    device_serial_number, required_assertions, sees_current_only, may_supersede, ae_class,\n"
    "    certificates, tls, tls_name)\n"
    "values ($1::text, $2::text, $3::int, string_to_array($4::text, ',')::inet[], $5::text,\n"
    "    $6::int, $7::text, $8::text, $9::boolean, $10::boolean, $11::boolean, $12::boolean,\n"
    "    $13::boolean, $14::boolean, nullif($15::int, 0), nullif($16::int, 0), $17::text, "
    "$18::text,\n"
    "    $19::text, array(select regexp_replace(r.entry, '\\^DCM(/|$)', '\\1', 'g')\n"
    "        from unnest(string_to_array($20::text, E'\\n')) with ordinality as r (entry, n)\n"
    "        order by r.n), $21::boolean, $22::boolean, $23::text,\n"
    "    string_to_array($24::text, E'\\n'), $25::boolean, $26::text)\n"
    "returning " PG_CONFIRMED;

/* {"added":"CT1"} */
static void print_done(const char *what, const char *title, const char *more)
{
    struct buf out = {0};

    show_json_string(&out, title);
    printf("{\"%s\":%s%s}\n", what, buf_cstr(&out), more);
    buf_fini(&out);
}

static enum rc bad_requirement(const char *text, struct err *err)
{
    return err_set(err, RC_INVALID,
                   "--require-assertion: '%.64s' is no requirement: write CODE or CODE/ROLE, such "
                   "as 128603/128670, and a code that is not DICOM's as VALUE^SCHEME",
                   text);
}

/* One a line. The empty text would be an empty list, which requires nothing. */
static enum rc join_requirements(const struct cli_list *required, struct buf *out, struct err *err)
{
    for (unsigned i = 0; i < required->count; i++) {
        if (!*required->items[i])
            return bad_requirement("", err);
        buf_printf(out, "%s%s", i ? "\n" : "", required->items[i]);
    }
    return RC_OK;
}

static enum rc join_certificates(const struct cli_list *certificates, struct buf *out,
                                 struct err *err)
{
    for (unsigned i = 0; i < certificates->count; i++) {
        if (!tls_binding_is_valid(certificates->items[i]))
            return err_set(err, RC_INVALID,
                           "--certificate: '%.64s' names none: write dns:NAME, subject:CN=NAME,... "
                           "or sha256:FINGERPRINT",
                           certificates->items[i]);
        buf_printf(out, "%s%s", i ? "\n" : "", certificates->items[i]);
    }
    return RC_OK;
}

/* The table's refusal in words of the command line. */
static enum rc why_not_added(const struct ae *a, enum rc rc, struct err *err)
{
    if (rc == RC_DB && strcmp(err->sqlstate, "23505") == 0)
        return err_set(err, RC_CONFLICT, "%.16s is there already; remove it first", a->args[1]);
    if (rc == RC_DB && strstr(err->text, "required_assertions_form_check"))
        return bad_requirement(a->required.count == 1 ? a->required.items[0] : "one of these", err);
    if (rc == RC_DB && strstr(err->text, "ae_class_check"))
        return err_set(err, RC_INVALID,
                       "--class: '%.40s' is no class: a word of 1 to 16 small letters, digits, _ "
                       "and -, which begins with a letter",
                       a->ae_class);
    return rc;
}

/* A slip would hide every protocol without a word; but a site may well ask for what only others assert. */
static void tell_unknown_codes(const struct ae *a)
{
    struct pg_param title = pg_text(a->args[1]);
    struct pg_table *t = NULL;
    struct err err = {0};
    enum rc rc = pg_sync_query(
        a->database,
        "select distinct c.code, c.list\n"
        "from dpp.application_entities as e\n"
        "cross join unnest(e.required_assertions) as r (entry)\n"
        "cross join lateral (values (split_part(r.entry, '/', 1), 'dpp.assertion_codes'),\n"
        "    (nullif(split_part(r.entry, '/', 2), ''), 'dpp.asserter_roles')) as c (code, list)\n"
        "where e.ae_title = $1::text and c.code is not null\n"
        "    and not exists (select from dpp.assertion_codes as k\n"
        "        where c.list = 'dpp.assertion_codes' and k.code = c.code)\n"
        "    and not exists (select from dpp.asserter_roles as k\n"
        "        where c.list = 'dpp.asserter_roles' and k.code = c.code)\n"
        "order by 2, 1",
        &title, 1, &t, &err);
    for (unsigned i = 0; rc == RC_OK && i < pg_table_rows(t); i++)
        command_error(a->self, "%s has no %s: unless others assert it, %s sees no protocol",
                      pg_table_get(t, i, 1), pg_table_get(t, i, 0), a->args[1]);
    pg_table_free(t);
}

static enum rc ae_add(struct ae *a, struct err *err)
{
    enum {
        FIRST_RIGHT = 8,
        FIRST_MAX = FIRST_RIGHT + RIGHTS,
        FIRST_OF_SCANNER = FIRST_MAX + 2,
        FIRST_OF_VIEW = FIRST_OF_SCANNER + 3,
        CLASS = FIRST_OF_VIEW + 3,
        CERTIFICATES,
        TLS,
        TLS_NAME,
        PARAMS
    };
    struct pg_param params[PARAMS];
    struct buf sources = {0}, required = {0}, certificates = {0};
    bool granted[RIGHTS];
    char max[3][16], charset[DCM_CHARSET_TERMS_MAX] = "";
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
    if (a->charset && !dcm_charset_spell(span_str(a->charset), charset))
        return err_set(err, RC_INVALID,
                       "--charset: '%.64s' is no Specific Character Set that is supported; for "
                       "instance ISO_IR 100, '\\ISO 2022 IR 87' or ISO_IR 192 (dppr conformance "
                       "lists all)",
                       a->charset);
    for (unsigned i = 0; i < a->sources.count; i++) {
        struct network n;
        if (!network_parse(a->sources.items[i], &n))
            return err_set(err, RC_INVALID,
                           "--source: '%.64s' is neither an address nor a network like "
                           "192.0.2.0/24",
                           a->sources.items[i]);
    }
    for (unsigned i = 0; i < a->sources.count; i++)
        buf_printf(&sources, "%s%s", i ? "," : "", a->sources.items[i]);
    snprintf(max[0], sizeof(max[0]), "%ld", a->max_associations);
    snprintf(max[1], sizeof(max[1]), "%ld", a->max_calling);
    snprintf(max[2], sizeof(max[2]), "%ld", a->max_operations);
    params[0] = pg_text(a->args[1]);
    params[1] = pg_text(a->arg_count == 4 ? a->args[2] : NULL);
    params[2] = pg_text(a->arg_count == 4 ? a->args[3] : NULL);
    params[3] = pg_text(buf_cstr(&sources));
    params[4] = pg_text(a->charset && charset[0] ? charset : NULL);
    params[5] = pg_text(max[0]);
    params[6] = pg_text(a->called_as);
    params[7] = pg_text(a->description);
    for (unsigned i = 0; i < RIGHTS; i++)
        params[FIRST_RIGHT + i] = pg_text(granted[i] ? "true" : "false");
    params[FIRST_MAX] = pg_text(max[1]);
    params[FIRST_MAX + 1] = pg_text(max[2]);
    params[FIRST_OF_SCANNER] = pg_text(a->manufacturer);
    params[FIRST_OF_SCANNER + 1] = pg_text(a->model);
    params[FIRST_OF_SCANNER + 2] = pg_text(a->serial);
    rc = join_requirements(&a->required, &required, err);
    params[FIRST_OF_VIEW] = pg_text(a->required.count ? buf_cstr(&required) : NULL);
    params[FIRST_OF_VIEW + 1] = pg_text(a->current_only ? "true" : "false");
    params[FIRST_OF_VIEW + 2] = pg_text(a->may_supersede ? "true" : "false");
    params[CLASS] = pg_text(a->ae_class);
    if (rc == RC_OK)
        rc = join_certificates(&a->certificates, &certificates, err);
    params[CERTIFICATES] = pg_text(a->certificates.count ? buf_cstr(&certificates) : "");
    params[TLS] = pg_text(a->has_tls ? "true" : "false");
    params[TLS_NAME] = pg_text(a->tls_name);
    if (rc == RC_OK)
        rc = pg_sync_query(a->database, sql_add, params, PARAMS, NULL, err);
    rc = why_not_added(a, rc, err);
    if (rc == RC_OK && a->is_json)
        print_done("added", a->args[1], "");
    else if (rc == RC_OK)
        printf("added %s\n", a->args[1]);
    if (rc == RC_OK && a->required.count)
        tell_unknown_codes(a);
    buf_fini(&sources);
    buf_fini(&required);
    buf_fini(&certificates);
    return rc;
}

static enum rc ae_remove(struct ae *a, struct err *err)
{
    struct pg_param param = pg_text(a->args[1]);
    struct pg_table *t = NULL;
    char rows[24];
    enum rc rc = pg_sync_query(a->database,
                               "delete from dpp.application_entities\n"
                               "where ae_title = $1::text\nreturning id, " PG_CONFIRMED,
                               &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) == 0)
        rc = err_set(err, RC_NOTFOUND, "there is no %.64s", a->args[1]);
    if (rc == RC_OK)
        snprintf(rows, sizeof(rows), ",\"rows\":%u", pg_table_rows(t));
    if (rc == RC_OK && a->is_json)
        print_done("removed", a->args[1], rows);
    else if (rc == RC_OK)
        printf("removed %s (%u row%s)\n", a->args[1], pg_table_rows(t),
               pg_table_rows(t) == 1 ? "" : "s");
    pg_table_free(t);
    return rc;
}

/* ---- test --------------------------------------------------------------------------------------------- */

/* One address: in words or as an object. */
static void print_result(const struct ae *a, const struct peer_args *peer, enum rc rc,
                         const struct err *why, int64_t ms)
{
    struct buf out = {0};

    if (a->is_json) {
        buf_add_str(&out, "{\"ae_title\":");
        show_json_string(&out, peer->aec);
        buf_add_str(&out, ",\"host\":");
        show_json_string(&out, peer->host);
        buf_printf(&out, ",\"port\":%ld,\"answers\":%s,\"ms\":%lld", peer->port,
                   rc == RC_OK ? "true" : "false", (long long)ms);
        if (rc != RC_OK) {
            buf_add_str(&out, ",\"why\":");
            show_json_string(&out, why->text);
        }
        printf("%s}", buf_cstr(&out));
    } else if (rc == RC_OK) {
        printf("%s at %s:%ld answers after %lld ms\n", peer->aec, peer->host, peer->port,
               (long long)ms);
    } else {
        command_error(a->self, "%s: %s", peer->aec, why->text);
    }
    buf_fini(&out);
}

/* Every address that the title has; what the destinations of C-MOVE are called with. */
static enum rc ae_test(struct ae *a, struct err *err)
{
    struct pg_param param = pg_text(a->args[1]);
    struct certificates_read files = {0};
    struct pg_table *t = NULL;
    unsigned failed = 0;
    enum rc rc = pg_sync_query(a->database,
                               "select host, port::text, coalesce(called_as, ''), tls::text,\n"
                               "    coalesce(tls_name, '')\n"
                               "from dpp.application_entities\n"
                               "where ae_title = $1::text and host is not null\n"
                               "order by id",
                               &param, 1, &t, err);

    if (rc == RC_OK && pg_table_rows(t) == 0)
        rc = err_set(err, RC_NOTFOUND, "there is no %.64s with an address", a->args[1]);
    if (rc == RC_OK)
        rc = certificates_read_client(a->config, &files, err);
    for (unsigned i = 0; rc == RC_OK && i < pg_table_rows(t); i++) {
        const char *as = pg_table_get(t, i, 2);
        bool has_tls = pg_table_get(t, i, 3)[0] == 't';
        struct peer_args peer = {.host = pg_table_get(t, i, 0),
                                 .port = strtol(pg_table_get(t, i, 1), NULL, 10),
                                 .aet = *as ? as : a->config->ae_title,
                                 .aec = a->args[1],
                                 .timeout_s = a->timeout_s,
                                 .tls = has_tls ? files.client : NULL,
                                 .tls_name = pg_table_get(t, i, 4)};
        struct err why = {0};
        int64_t start = clock_now_ms();
        enum rc result = has_tls && !files.client ? err_set(&why, RC_DENIED, "tls-trust is not set")
                                                  : peer_echo(&peer, &why);
        if (a->is_json)
            fputs(i ? ",\n" : "[\n", stdout);
        print_result(a, &peer, result, &why, clock_now_ms() - start);
        failed += result != RC_OK;
    }
    if (rc == RC_OK && a->is_json)
        puts("]");
    certificates_read_free(&files);
    pg_table_free(t);
    if (failed) /* told already */
        err_set(err, RC_IO, "%s", "");
    return failed ? RC_IO : rc;
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
    if (rc != RC_OK && err.text[0])
        command_error(a->self, "%s", err.text);
    return rc == RC_OK ? STATUS_DONE : STATUS_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct ae a = {.self = self, .max_associations = 1, .timeout_s = 10, .ae_class = "known"};
    const struct cli_option options[] = {
        {"rights", 0, CLI_TEXT, &a.rights, "LIST",
         "echo,find,get,move,store,destination; all or none (all)", 0, 0},
        {"source", 0, CLI_LIST, &a.sources, "CIDR",
         "it may call from here only; may be given again (any)", 0, 0},
        {"require-assertion", 0, CLI_LIST, &a.required, "CODE",
         "it sees only protocols with CODE or CODE/ROLE in force; may be given again", 0, 0},
        {"certificate", 0, CLI_LIST, &a.certificates, "ENTRY",
         "it must show one, over TLS: dns:NAME, subject:DN or sha256:DIGITS; may be given again", 0,
         0},
        {"tls", 0, CLI_FLAG, &a.has_tls, NULL, "C-MOVE connects to it with TLS", 0, 0},
        {"tls-name", 0, CLI_TEXT, &a.tls_name, "NAME", "which its certificate then has (HOST)", 0,
         0},
        {"current-only", 0, CLI_FLAG, &a.current_only, NULL,
         "its queries find only versions that no other has taken the place of", 0, 0},
        {"may-supersede", 0, CLI_FLAG, &a.may_supersede, NULL,
         "what it stores takes the place of the predecessors it names", 0, 0},
        {"max-associations", 0, CLI_NUMBER, &a.max_associations, "N",
         "at once to this destination (1)", 1, 1000},
        {"max-calling", 0, CLI_NUMBER, &a.max_calling, "N",
         "associations it may open with one server (max-associations-per-ae)", 1, 1000000},
        {"max-operations", 0, CLI_NUMBER, &a.max_operations, "N",
         "operations of it on one server (max-operations-per-ae)", 1, 1000000},
        {"charset", 0, CLI_TEXT, &a.charset, "TERMS",
         "SpecificCharacterSet of answers that the request's cannot hold", 0, 0},
        {"called-as", 0, CLI_TEXT, &a.called_as, "TITLE", "our AE title when calling it", 0, 0},
        {"manufacturer", 0, CLI_TEXT, &a.manufacturer, "NAME",
         "of the scanner it is, as protocols name it", 0, 0},
        {"model", 0, CLI_TEXT, &a.model, "NAME", "likewise, Manufacturer's Model Name", 0, 0},
        {"serial", 0, CLI_TEXT, &a.serial, "NUMBER", "likewise, Device Serial Number", 0, 0},
        {"class", 0, CLI_TEXT, &a.ae_class, "WORD",
         "what kind of peer it is, in /metrics: scanner, manager ... (known)", 0, 0},
        {"description", 0, CLI_TEXT, &a.description, "TEXT", "for people", 0, 0},
        {"timeout", 't', CLI_NUMBER, &a.timeout_s, "SECONDS", "for test (10)", 1, 3600},
        {"json", 0, CLI_FLAG, &a.is_json, NULL, "print the result as JSON", 0, 0},
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
            "address,\n"
            "as a C-MOVE would call it; the exit status is 1 when one does not answer.\n"
            "The set of --charset also reads keys beyond ASCII that come without one; dppr "
            "conformance\n"
            "lists the terms. Manufacturer, model and serial number say which protocols a scanner\n"
            "should have (dpp.outdated_scanners). A peer with --certificate is refused on a plain\n"
            "connection and with any other certificate; one by name holds when it is renewed. "
            "--tls\n"
            "needs the server's setting tls-trust, for test too.\n\n"
            "Examples:\n"
            "  dppr ae add CT1 192.0.2.7 104 --class scanner --description 'CT, room 1'\n"
            "  dppr ae add VIEWER --rights echo,find,get --source 192.0.2.0/24\n"
            "  dppr ae add CT4 192.0.2.10 104 --require-assertion 128603/128670 --current-only\n"
            "  dppr ae add CT5 ct5.example 2762 --tls --certificate dns:ct5.example\n"
            "  dppr ae add CT2 192.0.2.8 104 --charset '\\ISO 2022 IR 87'\n"
            "  dppr ae add CT3 192.0.2.9 104 --manufacturer ACME --model Alpha --serial 1234\n"
            "  dppr ae list\n"
            "  dppr ae test CT1",
    .has_settings = true,
    .run = run,
};
