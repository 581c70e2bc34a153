/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: one table, four sources, one parser.
 *
 *   default < configuration file < environment < flag
 *
 * Each row of config_settings names a member of struct config, its type and its bounds. Everything else
 * follows from the row: how a value is parsed and checked, the variable's and the flag's name, --help,
 * `dppr config` and the table in docs/configuration.md. Defaults live in one place too: config_init,
 * which takes the services' from service_config_default(); the printed default is that value formatted,
 * never a second text.
 *
 * Every message names the source: "dppr.conf:12: workers: 5000 is more than 1024", "DPPR_WORKERS: ...",
 * "--workers: ...". Durations and sizes need a unit, because a number of what is the classic mistake.
 * Unknown variables that begin with DPPR_ are left alone: orchestrators set such (DPPR_SERVICE_HOST) for
 * reasons of their own. Unknown keys in the file are errors, as they can only be slips.
 */
#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app_internal.h"
#include "core/arena.h"
#include "core/network.h"

enum { MAX_VALUE_BYTES = 4096, MAX_LIST = 64 };

static const char *const log_levels[] = {"error", "warn", "info", "debug", "trace", NULL};
static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const client_certificates[] = {"none", "ask", "require", NULL};
static const char *const unknown_ae_policies[] = {"refuse", "loopback", "any", NULL};

#define AT(member) offsetof(struct config, member)
#define SECOND     1000
#define HOUR       (3600 * SECOND)
#define KIB        1024LL
#define MIB        (1024LL * KIB)
#define GIB        (1024LL * MIB)

/* clang-format off */
const struct setting config_settings[] = {
    {"database", SETTING_URI, AT(database), 1, 0, NULL,
     "PostgreSQL connection: URI or key=value"},
    {"migration-database", SETTING_URI, AT(migration_database), 0, 0, NULL,
     "connection for `dppr migrate`, where it is another (past a pooler, as the schema's owner); empty = database"},
    {"standby-database", SETTING_URI, AT(standby_database), 0, 0, NULL,
     "connection to standbys that queries and retrievals read on when they miss nothing there; empty = none"},
    {"standby-wait", SETTING_DURATION, AT(service.standby_wait_ms), 0, HOUR, NULL,
     "a read waits so long for a standby that is behind; then the primary answers"},
    {"dicom-address", SETTING_TEXT, AT(dicom_address), 0, 0, NULL,
     "address of the DICOM port; * = all, IPv6 and IPv4"},
    {"dicom-port", SETTING_PORT, AT(dicom_port), 0, 65535, NULL,
     "DICOM port; 0 = any free one"},
    {"dicom-tls-port", SETTING_PORT, AT(dicom_tls_port), 0, 65535, NULL,
     "DICOM port with TLS, on the same address (2762 is registered for it); 0 = none"},
    {"tls-certificate", SETTING_TEXT, AT(tls_certificate), 0, 0, NULL,
     "PEM file: our certificate, then those that lead to the authority"},
    {"tls-key", SETTING_TEXT, AT(tls_key), 0, 0, NULL,
     "PEM file: its private key, without a passphrase"},
    {"tls-trust", SETTING_TEXT, AT(tls_trust), 0, 0, NULL,
     "PEM file: certificates of the authorities of callers and move destinations, and revocation lists"},
    {"tls-client-certificate", SETTING_CHOICE, AT(tls_client_certificate), 0, 0, client_certificates,
     "whether callers of the port with TLS show a certificate: none is asked for, ask, or require one"},
    {"http-address", SETTING_TEXT, AT(http_address), 0, 0, NULL,
     "address of the HTTP port (health, metrics); * = all"},
    {"http-port", SETTING_PORT, AT(http_port), 0, 65535, NULL,
     "HTTP port; 0 = any free one"},
    {"ae-title", SETTING_AET, AT(ae_title), 1, 0, NULL,
     "our AE title"},
    {"called-titles", SETTING_AET_LIST, AT(called_titles), 0, 0, NULL,
     "further AE titles we answer to, separated by commas"},
    {"any-called-title", SETTING_BOOL, AT(service.any_called_title), 0, 0, NULL,
     "answer to every called AE title"},
    {"unknown-ae", SETTING_CHOICE, AT(service.unknown_ae), 0, 0, unknown_ae_policies,
     "calling AE titles without a row in dpp.application_entities: refuse, accept from loopback, or accept any"},
    {"unknown-ae-row", SETTING_AET, AT(unknown_ae_row), 0, 0, NULL,
     "AE title of the row that holds for accepted AE titles without one: what they may do and see; empty = they may do and see everything"},
    {"echo-for-all", SETTING_BOOL, AT(service.echo_for_all), 0, 0, NULL,
     "let unknown AE titles verify the connection (C-ECHO)"},
    {"proxy-from", SETTING_NETWORK_LIST, AT(proxy_from), 0, 0, NULL,
     "addresses or networks (CIDR), separated by commas, of balancers: they name their client in a PROXY protocol header, version 2, on every connection"},
    {"probe-addresses", SETTING_NETWORK_LIST, AT(probe_addresses), 0, 0, NULL,
     "addresses or networks (CIDR), separated by commas, of health probes: they may connect and close, and the log is silent about it"},
    {"workers", SETTING_UINT, AT(workers), 0, 1024, NULL,
     "worker threads; 0 = one per processor"},
    {"database-connections", SETTING_UINT, AT(service.database.size), 1, 1000, NULL,
     "database connections of one worker; stores have three quarters, or all but one"},
    {"database-max-waiting", SETTING_UINT, AT(service.database.max_waiting), 1, 1000000, NULL,
     "operations of one worker waiting for a database connection; more are refused"},
    {"database-wait", SETTING_DURATION, AT(service.lease_timeout_ms), 1, HOUR, NULL,
     "an operation waits so long for a database connection"},
    {"database-connect-timeout", SETTING_DURATION, AT(service.database.connect_ms), 1, HOUR, NULL,
     "to connect to the database"},
    {"database-statement-timeout", SETTING_DURATION, AT(service.database.statement_ms), 1, 24 * HOUR, NULL,
     "a statement without any progress is cancelled"},
    {"database-prepare", SETTING_BOOL, AT(service.database.prepare), 0, 0, NULL,
     "use named prepared statements; off for PgBouncer before 1.21 in transaction mode"},
    {"database-session-options", SETTING_BOOL, AT(has_session_options), 0, 0, NULL,
     "send planner settings with each connection; off for a pooler that refuses the startup parameter options"},
    {"database-max-prepared", SETTING_UINT, AT(service.database.max_prepared), 1, 65536, NULL,
     "prepared statements kept on one connection"},
    {"audit", SETTING_BOOL, AT(service.audits), 0, 0, NULL,
     "leave rows of what peers do in dpp.audit_events"},
    {"audit-max-waiting", SETTING_UINT, AT(service.audit_max_waiting), 1, 1000000, NULL,
     "audit rows of one thread that wait to be written; more are dropped"},
    {"retrieve-workers", SETTING_UINT, AT(service.retrieve_workers), 1, 256, NULL,
     "threads that send for C-MOVE"},
    {"retrieve-connections", SETTING_UINT, AT(service.retrieve_connections), 1, 1000, NULL,
     "database connections of one such thread"},
    {"max-connections", SETTING_UINT, AT(service.max_connections), 0, 2000000, NULL,
     "TCP connections on the DICOM port, with or without an association; more are closed; 0 = a quarter more than max-associations, and 64"},
    {"max-associations", SETTING_UINT, AT(service.max_associations), 1, 1000000, NULL,
     "open associations of this server; more are rejected"},
    {"max-associations-per-ae", SETTING_UINT, AT(service.max_associations_per_ae), 0, 1000000, NULL,
     "open associations of one calling AE title with this server, where its row does not say; 0 = no limit"},
    {"max-contexts", SETTING_UINT, AT(service.assoc.max_contexts), 1, PDU_MAX_CONTEXTS, NULL,
     "presentation contexts in a request for an association; PS3.8 knows 128"},
    {"max-associate", SETTING_SIZE32, AT(service.assoc.max_associate_bytes), 4 * KIB, 16 * MIB, NULL,
     "largest associate PDU we take"},
    {"max-operations", SETTING_UINT, AT(service.max_operations_per_assoc), 1, 1024, NULL,
     "operations running at once on one association"},
    {"max-operations-per-ae", SETTING_UINT, AT(service.max_operations_per_ae), 0, 1000000, NULL,
     "operations of one calling AE title on this server, running or waiting, where its row does not say; 0 = no limit"},
    {"max-matches", SETTING_INT64, AT(service.max_matches), 0, 1000000000000LL, NULL,
     "matches of one C-FIND; more end in A700; 0 = no limit"},
    {"max-identifier", SETTING_SIZE, AT(service.query_limits.max_octets), 1 * KIB, 64 * MIB, NULL,
     "largest identifier of a C-FIND, C-GET or C-MOVE, inflated"},
    {"max-query-keys", SETTING_UINT, AT(service.query_limits.max_keys), 1, 65536, NULL,
     "attributes in a C-FIND identifier, nested ones included"},
    {"max-query-uids", SETTING_UINT, AT(service.query_limits.max_uids), 1, 1 << 24, NULL,
     "values of a UID list in a C-FIND identifier"},
    {"max-retrieve-uids", SETTING_UINT, AT(service.max_retrieve_uids), 1, 1000000, NULL,
     "values of the UID list of a C-GET or C-MOVE"},
    {"max-suboperations", SETTING_UINT, AT(service.max_suboperations), 1, 65535, NULL,
     "instances of one C-GET or C-MOVE; more cannot be counted (PS3.7 E.1)"},
    {"time-zone", SETTING_TEXT, AT(time_zone), 1, 0, NULL,
     "time zone of the site, a name such as Europe/Berlin that PostgreSQL knows: of dates and times whose object, or query, says none (0008,0201)"},
    {"strict-retrieve-level", SETTING_BOOL, AT(service.strict_retrieve_level), 0, 0, NULL,
     "refuse (A900) a C-GET or C-MOVE that names a Query/Retrieve Level"},
    {"max-pdu", SETTING_SIZE32, AT(service.assoc.max_pdu_bytes), 0, GIB, NULL,
     "largest P-DATA-TF we take; 0 = unlimited"},
    {"max-command", SETTING_SIZE, AT(service.assoc.max_command_bytes), 1 * KIB, 1 * MIB, NULL,
     "largest command set we take"},
    {"max-dataset", SETTING_SIZE, AT(service.dataset_limits.max_bytes), 1 * KIB, 4 * GIB, NULL,
     "largest data set we take, inflated"},
    {"max-depth", SETTING_UINT, AT(service.dataset_limits.max_depth), 1, DCM_DEPTH_CEILING, NULL,
     "sequences within sequences"},
    {"max-elements", SETTING_UINT, AT(service.dataset_limits.max_elements), 1, 1 << 30, NULL,
     "elements of a data set in all"},
    {"max-waiting-jobs", SETTING_UINT, AT(max_waiting_jobs), 1, 1000000, NULL,
     "large data sets waiting to be taken apart or converted"},
    {"connect-timeout", SETTING_DURATION, AT(service.assoc.connect_ms), 1, HOUR, NULL,
     "to connect to a move destination"},
    {"negotiation-timeout", SETTING_DURATION, AT(service.assoc.negotiation_ms), 1, HOUR, NULL,
     "a move destination answers our association request"},
    {"artim-timeout", SETTING_DURATION, AT(service.assoc.artim_ms), 1, HOUR, NULL,
     "ARTIM timer (PS3.8 9.1.4): a peer asks for an association, or closes"},
    {"idle-timeout", SETTING_DURATION, AT(service.assoc.idle_ms), 0, 168 * (int64_t)HOUR, NULL,
     "an association without an operation in progress is ended; 0 = never"},
    {"message-timeout", SETTING_DURATION, AT(service.assoc.message_stall_ms), 1, HOUR, NULL,
     "an unfinished message makes no progress"},
    {"message-time-limit", SETTING_DURATION, AT(service.assoc.message_ms), 1, 24 * HOUR, NULL,
     "a peer sends one message, however steadily; the default needs 110 KiB/s for 64 MiB"},
    {"write-timeout", SETTING_DURATION, AT(service.assoc.write_stall_ms), 1, HOUR, NULL,
     "a peer takes nothing of what waits for it"},
    {"operation-time-limit", SETTING_DURATION, AT(service.operation_ms), 0, 24 * HOUR, NULL,
     "one whole operation, however steadily it goes on; 0 = no limit"},
    {"suboperation-timeout", SETTING_DURATION, AT(service.suboperation_ms), 1, HOUR, NULL,
     "a destination answers one C-STORE"},
    {"destination-wait", SETTING_DURATION, AT(service.destination_wait_ms), 1, 24 * HOUR, NULL,
     "a move waits so long for its turn at a destination that is busy"},
    {"destination-max-waiting", SETTING_UINT, AT(service.destination_max_waiting), 1, 100000, NULL,
     "moves that wait for one destination; more are refused"},
    {"progress-interval", SETTING_DURATION, AT(service.progress_interval_ms), 1, HOUR, NULL,
     "between pending responses of C-GET and C-MOVE"},
    {"inline-ingest", SETTING_SIZE32, AT(service.inline_ingest_bytes), 0, GIB, NULL,
     "larger data sets are taken apart on a side thread"},
    {"fetch-batch", SETTING_SIZE, AT(service.fetch_batch_bytes), 64 * KIB, 4 * GIB, NULL,
     "octets a retrieve keeps in memory"},
    {"drain-delay", SETTING_DURATION, AT(drain_delay_ms), 0, HOUR, NULL,
     "after SIGTERM /readyz says 503 so long before new associations are refused; behind a load balancer: longer than it needs to notice"},
    {"shutdown-grace", SETTING_DURATION, AT(shutdown_grace_ms), 0, 24 * HOUR, NULL,
     "running operations may end within this time after SIGTERM and drain-delay"},
    {"log-level", SETTING_CHOICE, AT(log_level), 0, 0, log_levels,
     "error, warn, info, debug or trace"},
    {"log-format", SETTING_CHOICE, AT(log_format), 0, 0, log_formats,
     "logfmt or json"},
    {"log-repeat", SETTING_DURATION, AT(log_repeat_ms), 0, 24 * HOUR, NULL,
     "a line about a stranger that says the same again is left out for so long, and counted; 0 = never"},
};
/* clang-format on */
const unsigned config_setting_count = sizeof(config_settings) / sizeof(config_settings[0]);

/* What threads, sockets and connections are made with when the server starts. All else a running server takes from the
 * file that it reads on SIGHUP. */
static const char *const fixed_settings[] = {
    "database",
    "standby-database",
    "dicom-address",
    "dicom-port",
    "dicom-tls-port",
    "http-address",
    "http-port",
    "workers",
    "database-prepare",
    "database-session-options",
    "database-max-prepared",
    "retrieve-workers",
    "time-zone", /* PostgreSQL must know it, which is asked at the start */
};

bool setting_needs_restart(const struct setting *s)
{
    for (size_t i = 0; i < sizeof(fixed_settings) / sizeof(fixed_settings[0]); i++) {
        if (strcmp(fixed_settings[i], s->key) == 0)
            return true;
    }
    return false;
}

static void *member(const struct setting *s, const struct config *c)
{
    return (char *)c + s->offset;
}

const struct setting *setting_find(const char *key, size_t len)
{
    for (unsigned i = 0; i < config_setting_count; i++) {
        const char *k = config_settings[i].key;
        if (strlen(k) == len && memcmp(k, key, len) == 0)
            return &config_settings[i];
    }
    return NULL;
}

static void free_list(char **list)
{
    for (unsigned i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

/* A decimal number and what follows it. */
static enum rc parse_number(const char *text, uint64_t *value, const char **unit, struct err *err)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return err_set(err, RC_INVALID, "'%s' is not a number", text);
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno == ERANGE)
        return err_set(err, RC_INVALID, "%s is too large", text);
    while (*end == ' ')
        end++;
    *unit = end;
    return RC_OK;
}

static const struct unit {
    const char *name;
    int64_t factor;
} durations[] = {{"ms", 1}, {"s", SECOND}, {"min", 60 * SECOND}, {"h", HOUR}},
  sizes[] = {{"B", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}};

static enum rc parse_with_unit(const char *text, const struct unit units[4], int64_t *out,
                               struct err *err)
{
    uint64_t value;
    const char *unit;
    enum rc rc = parse_number(text, &value, &unit, err);

    if (rc != RC_OK)
        return rc;
    if (!*unit && value == 0) {
        *out = 0;
        return RC_OK;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        if (value > (uint64_t)(INT64_MAX / units[i].factor))
            return err_set(err, RC_INVALID, "%s is too large", text);
        *out = (int64_t)value * units[i].factor;
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "'%s' needs a unit: %s, %s, %s or %s", text, units[0].name,
                   units[1].name, units[2].name, units[3].name);
}

/* The largest unit that says the value exactly. */
static void format_with_unit(int64_t value, const struct unit units[4], struct buf *out)
{
    unsigned i = 3;

    while (i > 0 && value % units[i].factor != 0)
        i--;
    if (value == 0)
        buf_add_str(out, "0");
    else
        buf_printf(out, "%lld%s", (long long)(value / units[i].factor), units[i].name);
}

static enum rc check_bounds(const struct setting *s, int64_t value, const char *text,
                            struct err *err)
{
    struct buf bound = {0};
    const struct unit *units = s->type == SETTING_DURATION                            ? durations
                               : s->type == SETTING_SIZE || s->type == SETTING_SIZE32 ? sizes
                                                                                      : NULL;
    enum rc rc = RC_OK;

    if (value >= s->min && value <= s->max)
        return RC_OK;
    int64_t limit = value < s->min ? s->min : s->max;
    if (units)
        format_with_unit(limit, units, &bound);
    else
        buf_printf(&bound, "%lld", (long long)limit);
    rc = err_set(err, RC_INVALID, "%s is %s than %s", text, value < s->min ? "less" : "more",
                 buf_cstr(&bound));
    buf_fini(&bound);
    return rc;
}

static enum rc set_integer(const struct setting *s, struct config *c, const char *text,
                           struct err *err)
{
    int64_t value = 0;
    uint64_t plain;
    const char *unit;
    enum rc rc;

    if (s->type == SETTING_DURATION) {
        rc = parse_with_unit(text, durations, &value, err);
    } else if (s->type == SETTING_SIZE || s->type == SETTING_SIZE32) {
        rc = parse_with_unit(text, sizes, &value, err);
    } else {
        rc = parse_number(text, &plain, &unit, err);
        if (rc == RC_OK && *unit)
            rc = err_set(err, RC_INVALID, "'%s' is not a number", text);
        value = rc == RC_OK && plain <= INT64_MAX ? (int64_t)plain : INT64_MAX;
    }
    if (rc == RC_OK)
        rc = check_bounds(s, value, text, err);
    if (rc != RC_OK)
        return rc;
    switch (s->type) {
    case SETTING_PORT:
        *(uint16_t *)member(s, c) = (uint16_t)value;
        break;
    case SETTING_UINT:
    case SETTING_SIZE32:
        *(unsigned *)member(s, c) = (unsigned)value;
        break;
    case SETTING_SIZE:
        *(size_t *)member(s, c) = (size_t)value;
        break;
    default:
        *(int64_t *)member(s, c) = value;
        break;
    }
    return RC_OK;
}

static enum rc set_bool(const struct setting *s, struct config *c, const char *text,
                        struct err *err)
{
    static const char *const words[2][5] = {{"no", "off", "false", "0", NULL},
                                            {"yes", "on", "true", "1", NULL}};

    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; words[v][i]; i++) {
            if (strcasecmp(text, words[v][i]) == 0) {
                *(bool *)member(s, c) = v == 1;
                return RC_OK;
            }
        }
    }
    return err_set(err, RC_INVALID, "'%s' is neither yes nor no", text);
}

static enum rc set_choice(const struct setting *s, struct config *c, const char *text,
                          struct err *err)
{
    struct buf names = {0};

    for (unsigned i = 0; s->choices[i]; i++) {
        if (strcmp(text, s->choices[i]) == 0) {
            *(unsigned *)member(s, c) = i;
            buf_fini(&names);
            return RC_OK;
        }
        buf_printf(&names, "%s%s", i ? ", " : "", s->choices[i]);
    }
    err_set(err, RC_INVALID, "'%s' is none of %s", text, buf_cstr(&names));
    buf_fini(&names);
    return RC_INVALID;
}

/* PS3.5 6.2, AE: up to 16 characters without backslash and control characters, not all spaces. */
bool aet_is_valid(const char *title)
{
    size_t len = strlen(title);

    if (len == 0 || len > AET_MAX || title[0] == ' ' || title[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (title[i] < 0x20 || title[i] > 0x7E || title[i] == '\\')
            return false;
    }
    return true;
}

static enum rc bad_title(const char *title, struct err *err)
{
    return err_set(err, RC_INVALID,
                   "'%s' is no AE title: 1 to 16 ASCII characters, no backslash, no outer spaces",
                   title);
}

static enum rc check_item(const struct setting *s, const char *item, struct err *err)
{
    struct network n;

    if (s->type == SETTING_AET_LIST)
        return aet_is_valid(item) ? RC_OK : bad_title(item, err);
    return network_parse(item, &n) ? RC_OK
                                   : err_set(err, RC_INVALID,
                                             "'%s' is neither an address nor a network like "
                                             "192.0.2.0/24",
                                             item);
}

static enum rc set_list(const struct setting *s, struct config *c, const char *text,
                        struct err *err)
{
    char *copy = xstrdup(text), *next = copy;
    char **list = xcalloc(MAX_LIST + 1, sizeof(*list));
    unsigned count = 0;
    enum rc rc = RC_OK;

    while (rc == RC_OK && next) {
        char *item = strsep(&next, ",");
        item += strspn(item, " ");
        size_t len = strlen(item);
        while (len > 0 && item[len - 1] == ' ')
            item[--len] = '\0';
        if (len == 0 && !next && count == 0)
            break; /* an empty list */
        rc = check_item(s, item, err);
        if (rc == RC_OK && count == MAX_LIST)
            rc = err_set(err, RC_INVALID, "more than %d", MAX_LIST);
        if (rc == RC_OK)
            list[count++] = xstrdup(item);
    }
    free(copy);
    if (rc != RC_OK) {
        free_list(list);
        return rc;
    }
    free_list(*(char ***)member(s, c));
    *(char ***)member(s, c) = list;
    return RC_OK;
}

static enum rc set_text(const struct setting *s, struct config *c, const char *text,
                        struct err *err)
{
    char **target = member(s, c);

    if (strlen(text) > MAX_VALUE_BYTES)
        return err_set(err, RC_INVALID, "longer than %d characters", MAX_VALUE_BYTES);
    if (s->min > 0 && !*text)
        return err_set(err, RC_INVALID, "must not be empty");
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return err_set(err, RC_INVALID, "holds a control character");
    }
    bool may_be_empty = s->type == SETTING_AET && s->min == 0 && !*text;
    if (s->type == SETTING_AET && !may_be_empty && !aet_is_valid(text))
        return bad_title(text, err);
    free(*target);
    *target = xstrdup(text);
    return RC_OK;
}

enum rc setting_set(const struct setting *s, struct config *c, const char *text, struct err *err)
{
    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_URI:
    case SETTING_AET:
        return set_text(s, c, text, err);
    case SETTING_AET_LIST:
    case SETTING_NETWORK_LIST:
        return set_list(s, c, text, err);
    case SETTING_BOOL:
        return set_bool(s, c, text, err);
    case SETTING_CHOICE:
        return set_choice(s, c, text, err);
    default:
        return set_integer(s, c, text, err);
    }
}

/* In quotes where a file would lose something of it. */
static void format_text(const char *text, struct buf *out)
{
    size_t len = strlen(text);
    bool has_outer_space = len > 0 && (text[0] == ' ' || text[len - 1] == ' ');
    bool is_quoted = len > 1 && text[0] == '\'' && text[len - 1] == '\'';
    const char *quote = has_outer_space || is_quoted ? "'" : "";

    buf_printf(out, "%s%s%s", quote, text, quote);
}

void setting_format(const struct setting *s, const struct config *c, struct buf *out)
{
    const void *m = member(s, c);
    char *masked;
    char **list;

    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_AET:
        format_text(*(char *const *)m, out);
        break;
    case SETTING_URI:
        masked = config_mask_uri(*(char *const *)m);
        format_text(masked, out);
        free(masked);
        break;
    case SETTING_AET_LIST:
    case SETTING_NETWORK_LIST:
        list = *(char **const *)m;
        for (unsigned i = 0; list && list[i]; i++)
            buf_printf(out, "%s%s", i ? "," : "", list[i]);
        break;
    case SETTING_PORT:
        buf_printf(out, "%u", (unsigned)*(const uint16_t *)m);
        break;
    case SETTING_UINT:
        buf_printf(out, "%u", *(const unsigned *)m);
        break;
    case SETTING_INT64:
        buf_printf(out, "%lld", (long long)*(const int64_t *)m);
        break;
    case SETTING_SIZE:
        format_with_unit((int64_t) * (const size_t *)m, sizes, out);
        break;
    case SETTING_SIZE32:
        format_with_unit(*(const unsigned *)m, sizes, out);
        break;
    case SETTING_DURATION:
        format_with_unit(*(const int64_t *)m, durations, out);
        break;
    case SETTING_BOOL:
        buf_add_str(out, *(const bool *)m ? "yes" : "no");
        break;
    case SETTING_CHOICE:
        buf_add_str(out, s->choices[*(const unsigned *)m]);
        break;
    }
}

/* As a file would say it, a URI whole. */
static void format_whole(const struct setting *s, const struct config *c, struct buf *out)
{
    if (s->type == SETTING_URI)
        buf_add_str(out, *(char *const *)member(s, c));
    else
        setting_format(s, c, out);
}

/* A URI may hold a password. Without octets there is no memory to clear either. */
static void wipe(const struct setting *s, struct buf *text)
{
    if (s->type == SETTING_URI && text->data)
        explicit_bzero(text->data, text->len);
    buf_fini(text);
}

bool setting_equals(const struct setting *s, const struct config *a, const struct config *b)
{
    struct buf x = {0}, y = {0};

    format_whole(s, a, &x);
    format_whole(s, b, &y);
    bool is_equal = x.len == y.len && memcmp(buf_cstr(&x), buf_cstr(&y), x.len) == 0;
    wipe(s, &x);
    wipe(s, &y);
    return is_equal;
}

void setting_copy(const struct setting *s, const struct config *from, struct config *to)
{
    struct buf text = {0};
    struct err err;
    const bool is_text = s->type == SETTING_TEXT || s->type == SETTING_AET;

    if (is_text)
        buf_add_str(&text, *(char *const *)member(s, from)); /* without the quotes of a file */
    else
        format_whole(s, from, &text);
    if (setting_set(s, to, buf_cstr(&text), &err) != RC_OK)
        abort(); /* it was in force */
    buf_fini(&text);
}

void config_init(struct config *c)
{
    memset(c, 0, sizeof(*c));
    c->service = service_config_default();
    c->database = xstrdup("postgresql:///dppr");
    c->migration_database = xstrdup("");
    c->standby_database = xstrdup("");
    c->dicom_address = xstrdup("*");
    c->dicom_port = 11112;
    c->tls_certificate = xstrdup("");
    c->tls_key = xstrdup("");
    c->tls_trust = xstrdup("");
    c->has_session_options = true;
    c->http_address = xstrdup("127.0.0.1");
    c->http_port = 8080;
    c->ae_title =
        xstrdup(c->service.ae_title && *c->service.ae_title ? c->service.ae_title : "DPPR");
    c->unknown_ae_row = xstrdup(c->service.unknown_ae_row);
    c->time_zone = xstrdup(c->service.site_zone);
    c->called_titles = xcalloc(1, sizeof(*c->called_titles));
    c->proxy_from = xcalloc(1, sizeof(*c->proxy_from));
    c->probe_addresses = xcalloc(1, sizeof(*c->probe_addresses));
    c->log_repeat_ms = 60 * SECOND;
    c->log_level = LOG_INFO;
    c->log_format = LOG_LOGFMT;
    c->shutdown_grace_ms = 30 * SECOND;
    c->max_waiting_jobs = 4096;
}

void config_fini(struct config *c)
{
    free(c->file);
    if (c->database)
        explicit_bzero(c->database, strlen(c->database));
    free(c->database);
    if (c->migration_database)
        explicit_bzero(c->migration_database, strlen(c->migration_database));
    free(c->migration_database);
    if (c->standby_database)
        explicit_bzero(c->standby_database, strlen(c->standby_database));
    free(c->standby_database);
    free(c->dicom_address);
    free(c->tls_certificate);
    free(c->tls_key);
    free(c->tls_trust);
    free(c->http_address);
    free(c->ae_title);
    free(c->unknown_ae_row);
    free(c->time_zone);
    free_list(c->called_titles);
    free_list(c->proxy_from);
    free(c->proxies);
    free_list(c->probe_addresses);
    free(c->probes);
    memset(c, 0, sizeof(*c));
}

const char *config_migration_database(const struct config *c)
{
    return c->migration_database && *c->migration_database ? c->migration_database : c->database;
}
