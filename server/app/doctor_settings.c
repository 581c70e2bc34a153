/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr doctor: settings that contradict each other or have no effect, and descriptors that the system does not give.
 *
 * Each of them is right by itself, or it would have been refused when it was read. A row of the table names a pair that
 * does not do what its author means; tests/integration/test_doctor.py has a case for each.
 */
#include <string.h>
#include <sys/resource.h>

#include "doctor.h"

static bool is_open_to_all(const struct config *c)
{
    bool is_local = strncmp(c->dicom_address, "127.", 4) == 0 ||
                    strcmp(c->dicom_address, "::1") == 0 ||
                    strcmp(c->dicom_address, "localhost") == 0;

    return c->service.unknown_ae == UNKNOWN_AE_ANY && !*c->unknown_ae_row && !is_local;
}

static bool has_idle_row(const struct config *c)
{
    return c->service.unknown_ae == UNKNOWN_AE_REFUSE && *c->unknown_ae_row;
}

static bool believes_anybody(const struct config *c)
{
    for (unsigned i = 0; c->proxy_from[i]; i++) {
        const char *slash = strchr(c->proxy_from[i], '/');
        if (slash && strcmp(slash, "/0") == 0)
            return true;
    }
    return false;
}

static bool has_idle_tls(const struct config *c)
{
    return c->dicom_tls_port == 0 &&
           (*c->tls_certificate || c->tls_client_certificate != TLS_ASK_NONE);
}

static bool has_same_port(const struct config *c)
{
    return c->dicom_port != 0 &&
           (c->dicom_port == c->http_port || c->dicom_port == c->dicom_tls_port);
}

static bool has_few_connections(const struct config *c)
{
    return c->service.max_connections != 0 &&
           c->service.max_connections < c->service.max_associations;
}

static bool has_greedy_ae(const struct config *c)
{
    return c->service.max_associations_per_ae > c->service.max_associations;
}

static bool has_few_operations(const struct config *c)
{
    return c->service.max_operations_per_ae != 0 &&
           c->service.max_operations_per_ae < c->service.max_operations_per_assoc;
}

static bool exceeds_operation(const struct config *c, int64_t ms)
{
    return c->service.operation_ms != 0 && ms >= c->service.operation_ms;
}

static bool waits_for_ever(const struct config *c)
{
    return exceeds_operation(c, c->service.destination_wait_ms);
}

static bool answers_too_late(const struct config *c)
{
    return exceeds_operation(c, c->service.suboperation_ms);
}

static bool asks_too_long(const struct config *c)
{
    return exceeds_operation(c, c->service.lease_timeout_ms);
}

static bool has_large_identifier(const struct config *c)
{
    return c->service.query_limits.max_octets > c->service.dataset_limits.max_bytes;
}

static const struct rule {
    bool (*is_broken)(const struct config *c);
    enum verdict verdict;
    const char *text;
} rules[] = {
    {is_open_to_all, WARN,
     "unknown-ae = any without unknown-ae-row: everybody in the network may read and store; name a "
     "row that says what strangers may"},
    {has_idle_row, WARN, "unknown-ae-row has no effect, as unknown-ae = refuse"},
    {believes_anybody, WARN,
     "proxy-from trusts everybody: any peer may claim another's address; name the balancers"},
    {has_idle_tls, WARN,
     "tls-certificate and tls-client-certificate have no effect on who connects, as dicom-tls-port "
     "is 0"},
    {has_same_port, FAIL, "dicom-port is that of HTTP or TLS as well"},
    {has_few_connections, WARN,
     "max-connections is less than max-associations, which cannot be reached"},
    {has_greedy_ae, WARN,
     "max-associations-per-ae is more than max-associations: one AE title may take all"},
    {has_few_operations, WARN,
     "max-operations-per-ae is less than max-operations, which cannot be reached"},
    {waits_for_ever, WARN,
     "destination-wait has no effect: operation-time-limit ends the move before"},
    {answers_too_late, WARN,
     "suboperation-timeout has no effect: operation-time-limit ends the retrieval before"},
    {asks_too_long, WARN, "database-wait has no effect: operation-time-limit ends before"},
    {has_large_identifier, WARN, "max-identifier has no effect: max-dataset is less"},
};

/* The server raises its own limit to the hard one. */
static void check_files(struct doctor *d)
{
    const struct service_config *s = &d->config->service;
    unsigned peers = s->max_connections ? s->max_connections
                                        : s->max_associations + s->max_associations / 4 + 64;
    unsigned others = database_connections_wanted(d->config, server_workers(d->config)) + 128;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    unsigned long long most = files.rlim_max;
    if (files.rlim_max == RLIM_INFINITY || most >= (unsigned long long)peers + others)
        doctor_report(d, OK, "open-files", "%llu, for up to %u connections of peers", most, peers);
    else
        doctor_report(d, WARN, "open-files",
                      "ulimit -n is %llu here, but %u connections of peers and some %u files and "
                      "connections more may be open: raise it (LimitNOFILE, ulimits) or lower "
                      "max-associations",
                      most, peers, others);
}

void doctor_check_settings(struct doctor *d)
{
    unsigned broken = 0;

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (!rules[i].is_broken(d->config))
            continue;
        doctor_report(d, rules[i].verdict, "settings", "%s", rules[i].text);
        broken++;
    }
    if (broken == 0)
        doctor_report(d, OK, "settings", "fit together");
    check_files(d);
}
