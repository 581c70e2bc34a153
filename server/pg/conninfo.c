/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/conninfo: a connection string taken apart, completed, and put together for libpq.
 *
 * libpq resolves host names inside PQconnectStart and PQconnectPoll, with a blocking getaddrinfo. So the
 * hosts are taken out of the string, resolved on the jobpool, and given to libpq one at a time (connect.c), as
 * `hostaddr` with `host` beside it for certificates and .pgpass. Only a host that hides in a service file
 * stays with libpq; such a file should name hostaddr.
 *
 * Everything the server wants from a session is said in the two tables below and nowhere else. What the
 * user writes, in the string or in libpq's environment variables, wins.
 *
 * Messages made here never quote the string: it may hold a password.
 */
#include "pg_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"

/* Parameters of the connection. A peer that vanished is noticed within about half a minute. */
static const struct {
    const char *keyword, *value;
} connection_defaults[] = {
    {"keepalives", "1"},
    {"keepalives_idle", "15"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "30000"},
    {"gssencmode", "disable"}, /* would ask the Kerberos library, which may block */
    {"fallback_application_name", "dppr"},
};

/* Settings of the session. */
static const char *const session_defaults[] = {
    /* Plans whose first row comes at once: compiling, gathering or hashing everything first costs up to
     * a second before the first pending response. */
    "jit=off",
    "max_parallel_workers_per_gather=0",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    /* What is asked for often is in memory, and disks turn no more. With the default of 4 the planner prefers a
     * bitmap, which has no first row before it is complete, to an index in order. */
    "random_page_cost=1.1",
    /* A stream to a slow peer may take long; the pool watches progress instead. */
    "statement_timeout=0",
    "lock_timeout=30000",
    /* A server that died or hangs must not hold locks and snapshots for ever. */
    "idle_in_transaction_session_timeout=300000",
    "client_connection_check_interval=10000",
    /* One whose machine vanished must not keep its connections for hours (of max_connections). No
     * tcp_user_timeout here: it would also strike a stream that a slow reader holds back. */
    "tcp_keepalives_idle=15",
    "tcp_keepalives_interval=5",
    "tcp_keepalives_count=3",
    /* Text forms that the catalogue relies on. */
    "datestyle=ISO",
    "timezone=UTC",
};

static char *default_session_options(void)
{
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < sizeof session_defaults / sizeof *session_defaults; i++) {
        buf_printf(&text, "%s-c %s", i ? " " : "", session_defaults[i]);
    }
    char *copy = xstrdup(buf_cstr(&text));
    buf_fini(&text);
    return copy;
}

/* Written in the string or in the environment; "" counts as not given, as in libpq. */
static const char *given(const struct pg_conninfo *info, const char *keyword)
{
    for (const PQconninfoOption *o = info->options; o && o->keyword; o++) {
        if (strcmp(o->keyword, keyword) != 0) {
            continue;
        }
        if (o->val && *o->val) {
            return o->val;
        }
        const char *from_environment = o->envvar ? getenv(o->envvar) : NULL;
        return from_environment && *from_environment ? from_environment : NULL;
    }
    return NULL;
}

/* Item number index of a comma-separated list; *count is the number of items. */
static char *list_item(const char *list, unsigned index, unsigned *count)
{
    char *item = NULL;
    unsigned n = 0;
    for (const char *p = list; p; n++) {
        const char *comma = strchr(p, ',');
        if (n == index) {
            item = comma ? strndup(p, (size_t)(comma - p)) : strdup(p);
        }
        p = comma ? comma + 1 : NULL;
    }
    *count = n;
    return item;
}

int64_t pg_connect_ms(const struct pg_conninfo *info, int64_t otherwise_ms)
{
    const char *seconds = given(info, "connect_timeout");
    long long s = seconds ? atoll(seconds) : 0;
    return s > 0 && s < INT32_MAX ? s * 1000 : otherwise_ms;
}

static bool is_port(const char *text)
{
    char *end;
    long v = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && v >= 1 && v <= 65535;
}

static enum rc find_targets(struct pg_conninfo *info)
{
    const char *hosts = given(info, "host");
    const char *addresses = given(info, "hostaddr");
    const char *ports = given(info, "port");
    unsigned host_count = 0, address_count = 0, port_count = 0;
    free(list_item(hosts, 0, &host_count));
    free(list_item(addresses, 0, &address_count));
    free(list_item(ports, 0, &port_count));
    if (!hosts && !addresses) {
        return RC_OK; /* the default socket, or a service file */
    }
    unsigned n = address_count ? address_count : host_count;
    if (n > MAX_TARGETS) {
        return err_set(&info->why, RC_LIMIT, "the connection string has more than %d hosts",
                       MAX_TARGETS);
    }
    if ((hosts && addresses && host_count != address_count) ||
        (port_count > 1 && port_count != n)) {
        return err_set(&info->why, RC_INVALID,
                       "the connection string has different numbers of hosts, addresses and ports");
    }
    for (unsigned i = 0; i < n; i++) {
        struct pg_target *t = &info->targets[info->target_count++];
        unsigned ignored;
        t->host = list_item(hosts, i, &ignored);
        t->hostaddr = list_item(addresses, i, &ignored);
        char *port = list_item(ports, port_count > 1 ? i : 0, &ignored);
        bool is_default = !port || !*port;
        bool is_valid = is_default || is_port(port);
        snprintf(t->port, sizeof t->port, "%s", is_default || !is_valid ? "5432" : port);
        free(port);
        if (!is_valid) {
            return err_set(&info->why, RC_INVALID,
                           "the connection string has a port that is no number "
                           "from 1 to 65535 (special characters in a password "
                           "must be percent-encoded in a URI)");
        }
    }
    return RC_OK;
}

static enum pg_kind find_kind(const struct pg_conninfo *info)
{
    static const char *const names[] = {
        [PG_KIND_ANY] = "any",
        [PG_KIND_READ_WRITE] = "read-write",
        [PG_KIND_READ_ONLY] = "read-only",
        [PG_KIND_PRIMARY] = "primary",
        [PG_KIND_STANDBY] = "standby",
        [PG_KIND_PREFER_STANDBY] = "prefer-standby",
    };
    const char *name = given(info, "target_session_attrs");
    for (unsigned i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum pg_kind)i;
        }
    }
    return PG_KIND_ANY;
}

/* libpq quotes the string in its messages: what is between the first and the last quote goes. They are looked for in
 * the whole message: in one that has been cut the last quote may be one of the string. */
static void set_parse_error(struct err *why, const char *message)
{
    char before[80], behind[80];
    const char *text = message ? message : "out of memory";
    const char *first = strchr(text, '"'), *last = strrchr(text, '"');
    char *words = strndup(text, first ? (size_t)(first - text) : strlen(text));
    pg_one_line(before, sizeof before, words ? words : "");
    pg_one_line(behind, sizeof behind, first ? last + 1 : "");
    free(words);
    err_set(why, RC_INVALID, "the database connection string cannot be parsed: %s%s%s%s", before,
            first ? " \"...\"" : "", *behind ? " " : "", behind);
}

void pg_conninfo_init(struct pg_conninfo *info, const char *conninfo, const char *application_name,
                      const char *session_options)
{
    memset(info, 0, sizeof *info);
    info->application_name = xstrdup(application_name);
    info->session_options = session_options ? xstrdup(session_options) : default_session_options();
    char *message = NULL;
    info->options = PQconninfoParse(conninfo ? conninfo : "", &message);
    if (!info->options) {
        set_parse_error(&info->why, message);
        PQfreemem(message);
        return;
    }
    info->kind = find_kind(info);
    const char *balance = given(info, "load_balance_hosts");
    info->is_balanced = balance && strcmp(balance, "random") == 0;
    if (find_targets(info) != RC_OK) {
        PQconninfoFree(info->options);
        info->options = NULL;
    }
}

void pg_conninfo_fini(struct pg_conninfo *info)
{
    for (PQconninfoOption *o = info->options; o && o->keyword; o++) {
        if (o->val && strcmp(o->keyword, "password") == 0) {
            explicit_bzero(o->val, strlen(o->val));
        }
    }
    PQconninfoFree(info->options);
    for (unsigned i = 0; i < info->target_count; i++) {
        free(info->targets[i].host);
        free(info->targets[i].hostaddr);
    }
    free(info->application_name);
    free(info->session_options);
    memset(info, 0, sizeof *info);
}

bool pg_target_needs_resolving(const struct pg_target *t)
{
    bool has_address = t->hostaddr && *t->hostaddr;
    bool is_socket = !t->host || !*t->host || *t->host == '/' || *t->host == '@';
    return !has_address && !is_socket;
}

/* PostgreSQL 14 reports both whenever they change; a pooler reports neither. */
bool pg_kind_fits(enum pg_kind wanted, const PGconn *pg)
{
    if (wanted == PG_KIND_ANY || wanted == PG_KIND_PREFER_STANDBY) {
        return true;
    }
    const char *standby = PQparameterStatus(pg, "in_hot_standby");
    const char *read_only = PQparameterStatus(pg, "default_transaction_read_only");
    if (!standby || !read_only) {
        return true;
    }
    bool is_standby = strcmp(standby, "on") == 0;
    bool is_read_only = is_standby || strcmp(read_only, "on") == 0;
    switch (wanted) {
    case PG_KIND_READ_WRITE:
        return !is_read_only;
    case PG_KIND_READ_ONLY:
        return is_read_only;
    case PG_KIND_PRIMARY:
        return !is_standby;
    default:
        return is_standby;
    }
}

static void add_param(struct pg_connect_params *params, const char *keyword, const char *value)
{
    if (params->count + 1 < MAX_CONNECT_PARAMS) { /* libpq knows about 40 keywords */
        params->keywords[params->count] = keyword;
        params->values[params->count++] = value;
    }
}

static bool is_replaced(const char *keyword, bool has_candidate, const char *kind)
{
    static const char *const hosts[] = {"host", "hostaddr", "port"};
    if (strcmp(keyword, "client_encoding") == 0 || strcmp(keyword, "options") == 0) {
        return true;
    }
    for (unsigned i = 0; has_candidate && i < 3; i++) {
        if (strcmp(keyword, hosts[i]) == 0) {
            return true;
        }
    }
    return kind && strcmp(keyword, "target_session_attrs") == 0;
}

static void add_candidate(struct pg_connect_params *params, const struct pg_candidate *candidate)
{
    add_param(params, "host", candidate->host);
    if (candidate->address[0]) {
        add_param(params, "hostaddr", candidate->address);
    }
    add_param(params, "port", candidate->port);
}

enum rc pg_connect_params_init(struct pg_connect_params *params, const struct pg_conninfo *info,
                               const struct pg_candidate *candidate, const char *kind,
                               struct err *err)
{
    memset(params, 0, sizeof *params);
    buf_init(&params->options, 64 * 1024);
    if (!info->options) {
        if (err) {
            *err = info->why;
        }
        return info->why.code;
    }
    for (const PQconninfoOption *o = info->options; o->keyword; o++) {
        if (o->val && *o->val && !is_replaced(o->keyword, candidate != NULL, kind)) {
            add_param(params, o->keyword, o->val);
        }
    }
    for (size_t i = 0; i < sizeof connection_defaults / sizeof *connection_defaults; i++) {
        if (!given(info, connection_defaults[i].keyword)) {
            add_param(params, connection_defaults[i].keyword, connection_defaults[i].value);
        }
    }
    if (candidate) {
        add_candidate(params, candidate);
    }
    if (kind) {
        add_param(params, "target_session_attrs", kind);
    }
    if (info->application_name && !given(info, "application_name")) {
        add_param(params, "application_name", info->application_name);
    }
    add_param(params, "client_encoding", "UTF8"); /* not the user's choice: the code expects it */
    /* The user's own settings come last and win. */
    const char *own = given(info, "options");
    buf_printf(&params->options, "%s%s%s", info->session_options,
               *info->session_options && own ? " " : "", own ? own : "");
    if (params->options.len > 0) {
        add_param(params, "options", buf_cstr(&params->options));
    }
    if (buf_status(&params->options) != RC_OK) {
        pg_connect_params_fini(params);
        return err_set(err, RC_LIMIT, "the connection string is too long");
    }
    return RC_OK;
}

void pg_connect_params_fini(struct pg_connect_params *params)
{
    buf_fini(&params->options);
}
