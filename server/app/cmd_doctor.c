/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr doctor: looks at everything a server needs and says what to mend.
 *
 * One line per check: "ok", "warn" (works, but look at it) or "FAIL" with the remedy. Checks that need the
 * database are left out when it cannot be reached. Ports are asked, never taken for good: a port that a
 * dppr serves answers C-ECHO or /livez, a free one is bound for a moment.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app_internal.h"
#include "dcm/dict.h"
#include "doctor.h"
#include "pg/migrate.h"

void doctor_report(struct doctor *d, enum verdict v, const char *name, const char *fmt, ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    static const char *const json_words[] = {"ok", "warn", "fail"};
    char raw[600];
    struct buf text = {0};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    show_text(&text, span_str(raw));
    d->failures += v == FAIL;
    if (d->is_json) {
        struct buf json = {0};
        show_json_string(&json, buf_cstr(&text));
        printf("%s{\"check\":\"%s\",\"result\":\"%s\",\"text\":%s}", d->checks ? ",\n" : "\n", name,
               json_words[v], buf_cstr(&json));
        buf_fini(&json);
    } else {
        printf("%-5s %-12s %s\n", words[v], name, buf_cstr(&text));
    }
    d->checks++;
    buf_fini(&text);
}

/* ---- database ---------------------------------------------------------------------------------------- */

/* Two places for one thing: queries go by the setting, the times of approvals by the database. */
static void check_zone(struct doctor *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};

    if (database_check_zone(d->database, d->config->time_zone, &err) != RC_OK) {
        doctor_report(d, FAIL, "time-zone", "%s", err.text);
        return;
    }
    struct pg_param zone = pg_text(d->config->time_zone);
    bool differs = pg_sync_query(d->database,
                                 "select coalesce(r.time_zone, 'UTC')\n"
                                 "from dpp.repository as r\n"
                                 "where coalesce(r.time_zone, 'UTC') <> $1::text",
                                 &zone, 1, &t, &err) == RC_OK &&
                   pg_table_rows(t) > 0;
    if (differs)
        doctor_report(d, WARN, "time-zone",
                      "%s, but times of approvals are read in %s (dpp.repository.time_zone)",
                      d->config->time_zone, pg_table_get(t, 0, 0));
    else
        doctor_report(d, OK, "time-zone", "%s", d->config->time_zone);
    pg_table_free(t);
}

static void check_database(struct doctor *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};

    if (database_open(d->config->database, &d->database, &err) != RC_OK) {
        doctor_report(d, FAIL, "database",
                      "%s; check the setting database, its password, and that PostgreSQL runs",
                      err.text);
        return;
    }
    if (pg_sync_query(d->database,
                      "select current_setting('server_version'), current_user,\n"
                      "    current_setting('server_version_num')::int >= 150000",
                      NULL, 0, &t, &err) != RC_OK) {
        doctor_report(d, FAIL, "database", "%s", err.text);
        return;
    }
    bool is_new = pg_table_get(t, 0, 2)[0] == 't';
    doctor_report(d, is_new ? OK : WARN, "database", "PostgreSQL %s as %s%s", pg_table_get(t, 0, 0),
                  pg_table_get(t, 0, 1), is_new ? "" : "; dppr is made for 15 and later");
    pg_table_free(t);
    if (database_check_text(d->database, &err) == RC_OK)
        doctor_report(d, OK, "text", "encoding UTF8, folds beyond ASCII");
    else
        doctor_report(d, FAIL, "text", "%s", err.text);
    doctor_check_postgres(d);
    check_zone(d);
}

static bool check_schema(struct doctor *d)
{
    struct err err = {0};

    if (migrate_check(d->database, &err) != RC_OK) {
        doctor_report(d, FAIL, "schema", "%s", err.text);
        return false;
    }
    doctor_report(d, OK, "schema", "fits this version (it knows migrations up to %d)",
                  migrate_latest());
    if (database_check_connections(
            d->database, database_connections_wanted(d->config, server_workers(d->config)), &err) ==
        RC_OK)
        doctor_report(d, OK, "connections",
                      "up to %u for a server like this; max_connections has room",
                      database_connections_wanted(d->config, server_workers(d->config)));
    else
        doctor_report(d, WARN, "connections", "%s", err.text);
    return true;
}

static void check_servers(struct doctor *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};

    if (pg_sync_query(
            d->database,
            "select count(*) filter (where heartbeat_at > now() - interval '30 seconds'),\n"
            "    coalesce(string_agg(distinct version, ', '), '')\n"
            "from dpp.servers",
            NULL, 0, &t, &err) != RC_OK) {
        doctor_report(d, FAIL, "servers", "%s", err.text);
        return;
    }
    const char *versions = pg_table_get(t, 0, 1);
    doctor_report(d, OK, "servers", "%s running%s%s", pg_table_get(t, 0, 0),
                  *versions ? ", version " : "", versions);
    pg_table_free(t);
}

/* ---- ports -------------------------------------------------------------------------------------------- */

/* Whether a server could bind here now. */
static bool is_port_free(const char *address, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    int on = 1;

    snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (getaddrinfo(local_address(address), service, &hints, &found) != 0)
        return false;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                   bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1) == 0;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return is_free;
}

/* tls: of a client, NULL = the plain port. */
static void check_dicom_port(struct doctor *d, const char *name, uint16_t port, struct tls *tls)
{
    const struct config *c = d->config;
    struct peer_args peer = {.host = local_address(c->dicom_address),
                             .port = port,
                             .aet = "DPPR_DOCTOR",
                             .aec = c->ae_title,
                             .timeout_s = d->timeout_s,
                             .tls = tls};
    struct err err = {0};

    if (port == 0)
        doctor_report(d, WARN, name, "0: any free port, so clients cannot know it");
    else if (is_port_free(c->dicom_address, port))
        doctor_report(d, OK, name, "%u is free: no server runs here", (unsigned)port);
    else if (networks_have(c->proxies, c->service.assoc.proxy_count, peer.host))
        doctor_report(d, OK, name, "%u is taken; %s is in proxy-from, so only a balancer may ask",
                      (unsigned)port, peer.host);
    else if (peer_echo(&peer, &err) == RC_OK)
        doctor_report(d, OK, name, "%u answers as %s", (unsigned)port, c->ae_title);
    else
        doctor_report(d, FAIL, name,
                      "%u is taken, but does not answer a C-ECHO to %s (%s); if that is no server "
                      "of ours, see what has it: ss -ltnp",
                      (unsigned)port, c->ae_title, err.text);
}

/* ---- certificates ---------------------------------------------------------------------------------------- */

static void check_end(struct doctor *d, const char *name, const char *what, int64_t end)
{
    int64_t now = (int64_t)time(NULL);
    char span[CERTIFICATE_SPAN_SIZE];

    if (end == 0)
        return;
    certificate_span(end, now, span);
    if (end < now)
        doctor_report(d, FAIL, name, "%s has expired %s ago; put a new one there and send SIGHUP",
                      what, span);
    else
        doctor_report(d, certificate_days_left(end, now) < CERTIFICATE_WARN_DAYS ? WARN : OK, name,
                      "%s: %s left", what, span);
}

static void check_key(struct doctor *d)
{
    struct stat st;

    if (*d->config->tls_key && stat(d->config->tls_key, &st) == 0 && (st.st_mode & S_IROTH))
        doctor_report(d, WARN, "tls-key", "%s may be read by everybody: chmod 600",
                      d->config->tls_key);
}

static void check_certificates(struct doctor *d)
{
    const struct config *c = d->config;
    struct err err = {0};

    if (c->dicom_tls_port == 0 && !*c->tls_trust)
        return;
    if (certificates_read(c, &d->certificates, &err) != RC_OK) {
        doctor_report(d, FAIL, "tls", "%s", err.text);
        return;
    }
    const struct tls *t = d->certificates.server ? d->certificates.server : d->certificates.client;
    check_end(d, "certificate", tls_own_name(t), tls_own_end(t));
    check_end(d, "trust", "the first of tls-trust to end", tls_trust_end(t));
    check_key(d);
}

/* Whether it serves, as whatever its certificate says: peers call it by names that are not known here. */
static void check_tls_port(struct doctor *d)
{
    const struct config *c = d->config;
    struct tls_options o = {.role = TLS_CLIENT,
                            .certificate = c->tls_certificate,
                            .key = c->tls_key,
                            .trusts_anybody = true};
    struct tls *tls = NULL;
    struct err err = {0};

    if (!d->certificates.server)
        return;
    if (tls_new(&o, &tls, &err) == RC_OK)
        check_dicom_port(d, "tls-port", c->dicom_tls_port, tls);
    tls_unref(tls);
}

static void check_http_port(struct doctor *d)
{
    const struct config *c = d->config;
    char line[128];

    if (c->http_port == 0)
        doctor_report(d, WARN, "http-port", "0: any free port, so probes cannot know it");
    else if (is_port_free(c->http_address, c->http_port))
        doctor_report(d, OK, "http-port", "%u is free: no server runs here",
                      (unsigned)c->http_port);
    else if (ask_http(c, "/livez", line, sizeof(line)))
        doctor_report(d, OK, "http-port", "%u answers /livez", (unsigned)c->http_port);
    else
        doctor_report(
            d, FAIL, "http-port",
            "%u is taken, but does not answer /livez ('%.60s'); see what has it: ss -ltnp",
            (unsigned)c->http_port, line);
}

static int examine(struct doctor *d)
{
    struct err err = {0};

    if (d->is_json)
        putchar('[');
    if (d->config->file)
        doctor_report(d, OK, "config", "read from %s", d->config->file);
    else
        doctor_report(d, OK, "config", "no file; defaults, environment and flags");
    if (dcm_init(&err) == RC_OK)
        doctor_report(d, OK, "dictionary", "loaded");
    else
        doctor_report(d, FAIL, "dictionary", "%s", err.text);
    doctor_check_settings(d);
    interrupt_install();
    check_database(d);
    bool is_usable = d->database && check_schema(d);
    if (is_usable) {
        doctor_check_rights(d);
        doctor_check_standby(d);
        check_servers(d);
    }
    check_certificates(d);
    check_dicom_port(d, "dicom-port", d->config->dicom_port, NULL);
    check_tls_port(d);
    check_http_port(d);
    if (is_usable)
        doctor_check_destinations(d);
    if (d->is_json)
        puts("]");
    else if (d->failures)
        printf("%u of %u checks failed\n", d->failures, d->checks);
    return d->failures ? STATUS_FAILED : STATUS_DONE;
}

static int run(const struct command *self, int argc, char **argv)
{
    struct doctor d = {.self = self, .timeout_s = 5};
    const struct cli_option options[] = {
        {"timeout", 't', CLI_NUMBER, &d.timeout_s, "SECONDS", "for each peer (5)", 1, 3600},
        {"json", 0, CLI_FLAG, &d.is_json, NULL, "print the checks as JSON", 0, 0},
    };
    struct cli cli = {.command = self, .options = options, .option_count = 2};
    int status = cli_parse(&cli, argc, argv);

    if (status == CLI_GO && cli.arg_count > 0)
        status = command_usage_error(self, "unexpected argument '%s'", cli.args[0]);
    if (status == CLI_GO) {
        log_configure(LOG_ERROR, cli.config.log_format);
        d.config = &cli.config;
        status = examine(&d);
    }
    pg_sync_free(d.database);
    certificates_read_free(&d.certificates);
    cli_fini(&cli);
    return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "check what a server needs and say what to mend",
    .usage = "[--json] [SETTING]...",
    .text =
        "Checks the settings, the database (reachable, text, schema, room for connections), the\n"
        "certificates, the ports and every move destination (C-ECHO). Exit status 1 when a check\n"
        "fails; a destination that does not answer is a warning.\n\n"
        "Examples:\n"
        "  dppr doctor\n"
        "  dppr doctor --database postgresql:///dppr --json",
    .has_settings = true,
    .run = run,
};
