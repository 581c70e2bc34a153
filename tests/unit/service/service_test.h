/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole service in a test: a migrated database of its own, a worker with a service behind a listener on
 * loopback, retrieve workers, clients (service/scu and a bare association), and a storage SCP whose behaviour the
 * test chooses.
 */
#ifndef SERVICE_TEST_H
#define SERVICE_TEST_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/listener.h"
#include "dcm/dict.h"
#include "pg/migrate.h"
#include "service/scu.h"
#include "service_internal.h"
#include "testdb.h"

enum { PATIENCE_MS = 20000 }; /* for what must happen, however slow the machine is */

/* ---- database ---- */

static struct pg_sync *test_db;
static struct testdb test_database;

static inline void test_sql(const char *fmt, ...) PRINTF_LIKE(1, 2);
static inline void test_sql(const char *fmt, ...)
{
    char sql[4096];
    struct err err = {0};
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof sql, fmt, args);
    va_end(args);
    if (pg_sync_script(test_db, sql, &err) != RC_OK)
        fail_msg("%s: %s", sql, err.text);
}

static inline long test_number(const char *sql)
{
    struct pg_table *t = NULL;
    struct err err = {0};
    if (pg_sync_query(test_db, sql, NULL, 0, &t, &err) != RC_OK)
        fail_msg("%s: %s", sql, err.text);
    assert_int_equal(pg_table_rows(t), 1);
    const char *text = pg_table_get(t, 0, 0);
    long n = text ? strtol(text, NULL, 10) : -1;
    pg_table_free(t);
    return n;
}

static inline int service_testdb_setup(void)
{
    struct err err = {0};
    struct migrate_report report;
    if (dcm_init(&err) != RC_OK || !testdb_create(&test_database, "service"))
        return -1;
    if (pg_sync_connect(test_database.uri, "test", &test_db, &err) != RC_OK ||
        migrate_run(test_db, 10000, &report, &err) != RC_OK ||
        /* Tests change published rows by hand (sql/functions/guard.sql). */
        pg_sync_script(test_db, "set dpp.maintenance = on", &err) != RC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    return 0;
}

static inline int service_testdb_teardown(void)
{
    pg_sync_free(test_db);
    testdb_drop(&test_database);
    return 0;
}

/* ---- the server ---- */

struct harness {
    struct service_config config;
    struct service_pools pools;
    struct retrieve_pool *retrieve;
    struct worker *worker;
    struct service *service; /* worker's thread */
    struct listener *listener;
    uint16_t port;
    _Atomic int drained;
};

static inline struct service_config test_config(void)
{
    struct service_config c = service_config_default();
    c.unknown_ae = UNKNOWN_AE_LOOPBACK;
    c.database.conninfo = test_database.uri;
    c.assoc.negotiation_ms = 1500;
    c.suboperation_ms = 1500;
    c.progress_interval_ms = 1;
    c.inline_ingest_bytes = 4096;
    c.fetch_batch_bytes = 16384;
    return c;
}

static inline void harness_on_fd(int fd, const struct sockaddr_storage *peer, void *arg)
{
    struct harness *h = arg;
    service_accept(h->service, fd, peer, NULL);
}

static inline enum rc harness_worker_start(struct worker *w, void *arg, void **state,
                                           struct err *err)
{
    struct harness *h = arg;
    enum rc rc = listener_new(worker_loop(w), "127.0.0.1", 0, harness_on_fd, h, &h->listener, err);
    if (rc != RC_OK)
        return rc;
    h->port = listener_port(h->listener);
    h->service = service_new(w, &h->config, &h->pools, h->retrieve);
    *state = h;
    return RC_OK;
}

static inline void harness_worker_stop(void *state)
{
    struct harness *h = state;
    listener_free(h->listener);
    service_free(h->service);
}

static inline void harness_start(struct harness *h, const struct service_config *config)
{
    static const struct worker_hooks hooks = {harness_worker_start, harness_worker_stop};
    struct err err = {0};
    memset(h, 0, sizeof *h);
    h->config = *config;
    h->pools.work = jobpool_new("jobs", 2, 64);
    h->pools.names = jobpool_new("names", 2, 64);
    h->pools.database_names = jobpool_new("db-names", 1, 64);
    assert_int_equal(retrieve_pool_new(&h->config, &h->pools, &h->retrieve, &err), RC_OK);
    assert_int_equal(worker_start("front", &hooks, h, &h->worker, &err), RC_OK);
}

static inline void harness_stop(struct harness *h)
{
    worker_stop(h->worker);
    retrieve_pool_free(h->retrieve);
    jobpool_free(h->pools.work);
    jobpool_free(h->pools.names);
    jobpool_free(h->pools.database_names);
}

static inline void harness_on_drained(void *arg)
{
    struct harness *h = arg;
    h->drained = 1;
}

static inline void harness_drain_mail(void *arg)
{
    struct harness *h = arg;
    service_drain(h->service, harness_on_drained, h);
}

static inline void harness_hurry_mail(void *arg)
{
    struct harness *h = arg;
    service_hurry(h->service);
}

static inline bool wait_until(bool (*pred)(void *arg), void *arg)
{
    int64_t end = clock_now_ms() + PATIENCE_MS;
    while (!pred(arg)) {
        if (clock_now_ms() > end)
            return false;
        usleep(2000);
    }
    return true;
}

/* ---- data sets ---- */

static inline const struct dcm_ts *explicit_le(void)
{
    return dcm_ts_find(UID_EXPLICIT_LE);
}

/* A CT protocol with this name and so many octets of private ballast. */
static inline void make_protocol(const char *uid, const char *name, size_t ballast,
                                 const struct dcm_ts *ts, struct buf *out)
{
    struct arena *a = arena_new(16 * 1024 * 1024);
    struct dcm_item *item = dcm_item_new(a);
    struct err err = {0};
    dcm_put_text(a, item, TAG_SOPClassUID, "UI", UID_CT_DEFINED_PROTOCOL);
    dcm_put_text(a, item, TAG_SOPInstanceUID, "UI", uid);
    dcm_put_text(a, item, TAG_InstanceCreationDate, "DA", "20261123");
    dcm_put_text(a, item, TAG_InstanceCreationTime, "TM", "101500");
    dcm_put_text(a, item, TAG_ProtocolName, "LO", name);
    dcm_put_text(a, item, TAG_EquipmentModality, "CS", "CT");
    if (ballast) {
        uint8_t *octets = arena_alloc(a, ballast);
        assert_non_null(octets);
        memset(octets, 0x42, ballast);
        dcm_put_text(a, item, TAG(0x0019, 0x0010), "LO", "DPPR TEST");
        dcm_put(a, item, TAG(0x0019, 0x1001), "OB", span_of(octets, ballast));
    }
    buf_init(out, 0);
    assert_int_equal(dcm_write(item, ts, out, &err), RC_OK);
    arena_free(a);
}

/* ---- the client ---- */

static inline struct scu *connect_scu_as(struct harness *h, const char *calling,
                                         const char *const *classes, bool as_storage_scp,
                                         const char *const *syntaxes, struct err *err)
{
    struct scu_options o = {.host = "127.0.0.1",
                            .port = h->port,
                            .calling_aet = calling,
                            .transfer_syntaxes = syntaxes,
                            .timeout_ms = PATIENCE_MS,
                            .as_storage_scp = as_storage_scp};
    struct scu *s = NULL;
    if (scu_open(&o, classes, &s, err) != RC_OK)
        return NULL;
    return s;
}

static const char *const all_classes[] = {UID_VERIFICATION,
                                          UID_CT_DEFINED_PROTOCOL,
                                          UID_XA_DEFINED_PROTOCOL,
                                          UID_PROTOCOL_FIND,
                                          UID_PROTOCOL_GET,
                                          UID_PROTOCOL_MOVE,
                                          NULL};

static inline struct scu *connect_scu(struct harness *h)
{
    struct err err = {0};
    struct scu *s = connect_scu_as(h, "CLIENT", all_classes, true, NULL, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static inline struct dimse_command store_octets(struct scu *s, const char *uid,
                                                const struct buf *octets, const struct dcm_ts *ts)
{
    struct dimse_command rsp = {0};
    struct err err = {0};
    if (scu_store(s, UID_CT_DEFINED_PROTOCOL, uid, buf_span(octets), ts, &rsp, &err) != RC_OK)
        fail_msg("%s", err.text);
    return rsp;
}

static inline void store_protocol(struct scu *s, const char *uid, const char *name, size_t ballast)
{
    struct buf octets;
    make_protocol(uid, name, ballast, explicit_le(), &octets);
    struct dimse_command rsp = store_octets(s, uid, &octets, explicit_le());
    if (rsp.status != STATUS_SUCCESS)
        fail_msg("store: %04X %s", rsp.status, rsp.comment);
    buf_fini(&octets);
}

static inline void clear_objects(void)
{
    test_sql("truncate dpp.objects cascade; delete from dpp.application_entities");
}

/* ---- a bare association, for what a well-behaved client does not send ---- */

struct raw {
    struct loop *loop;
    struct assoc *assoc;
    bool is_established, is_closed;
    struct pdu_reject rejected;
    struct err why;
    struct dimse_command responses[64];
    unsigned count;
};

static inline void raw_on_established(struct assoc *a, void *arg)
{
    struct raw *r = arg;
    (void)a;
    r->is_established = true;
}

static inline void raw_on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    struct raw *r = arg;
    (void)a;
    r->rejected = *rj;
}

static inline void raw_on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct raw *r = arg;
    (void)a;
    if (r->count < 64)
        r->responses[r->count++] = m->command;
    dimse_message_free(m);
}

static inline void raw_on_release(struct assoc *a, void *arg)
{
    (void)arg;
    assoc_answer_release(a);
}

static inline void raw_on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct raw *r = arg;
    (void)a;
    r->is_closed = true;
    r->why = *why;
    r->assoc = NULL;
}

static inline bool raw_is_settled(void *arg)
{
    const struct raw *r = arg;
    return r->is_established || r->is_closed;
}

static inline bool raw_is_closed(void *arg)
{
    const struct raw *r = arg;
    return r->is_closed;
}

static unsigned raw_wanted;
static inline bool raw_has_wanted(void *arg)
{
    const struct raw *r = arg;
    return r->count >= raw_wanted || r->is_closed;
}

/* Contexts 1, 3, 5 ... for the classes, Explicit VR Little Endian. */
static inline void raw_open(struct raw *r, uint16_t port, const char *called, const char *calling,
                            const char *const *classes)
{
    static const struct assoc_callbacks callbacks = {
        .on_established = raw_on_established,
        .on_rejected = raw_on_rejected,
        .on_message = raw_on_message,
        .on_release = raw_on_release,
        .on_closed = raw_on_closed,
    };
    static const char *syntax[] = {UID_EXPLICIT_LE};
    struct pdu_context contexts[8];
    struct pdu_associate rq = {.protocol_version = 1, .contexts = contexts};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct assoc_options o = assoc_options_default();
    memset(r, 0, sizeof *r);
    snprintf(rq.called_aet, sizeof rq.called_aet, "%s", called);
    snprintf(rq.calling_aet, sizeof rq.calling_aet, "%s", calling);
    for (; classes[rq.context_count]; rq.context_count++)
        contexts[rq.context_count] =
            (struct pdu_context){.id = (uint8_t)(2 * rq.context_count + 1),
                                 .abstract_syntax = classes[rq.context_count],
                                 .transfer_syntaxes = syntax,
                                 .transfer_syntax_count = 1};
    r->loop = loop_new();
    r->assoc = assoc_request(r->loop, (struct sockaddr *)&to, sizeof to, &rq, &o, &callbacks, r);
    assert_true(loop_run_until(r->loop, raw_is_settled, r, PATIENCE_MS));
}

static inline void raw_send(struct raw *r, uint8_t context_id, const struct dimse_command *cmd,
                            const struct buf *data)
{
    struct span octets = data ? buf_span(data) : span_of(NULL, 0);
    assert_int_equal(
        assoc_send(r->assoc, assoc_context_by_id(r->assoc, context_id), cmd, data ? &octets : NULL),
        RC_OK);
}

static inline void raw_wait(struct raw *r, unsigned count)
{
    raw_wanted = count;
    assert_true(loop_run_until(r->loop, raw_has_wanted, r, PATIENCE_MS));
    assert_true(r->count >= count);
}

static inline void raw_close(struct raw *r)
{
    if (r->assoc)
        assoc_release(r->assoc);
    if (!r->is_closed)
        assert_true(loop_run_until(r->loop, raw_is_closed, r, PATIENCE_MS));
    loop_free(r->loop);
}

static inline struct dimse_command request(uint16_t field, const char *sop_class, uint16_t id)
{
    struct dimse_command rq = {.field = field,
                               .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID | CMD_HAS_PRIORITY,
                               .message_id = id};
    snprintf(rq.sop_class, sizeof rq.sop_class, "%s", sop_class);
    return rq;
}

/* ---- identifiers ---- */

static inline struct dcm_item *identifier(struct arena *a, uint32_t tag, const char *vr,
                                          const char *value)
{
    struct dcm_item *item = dcm_item_new(a);
    if (tag)
        dcm_put_text(a, item, tag, vr, value);
    return item;
}

static inline void encode(const struct dcm_item *item, struct buf *out)
{
    struct err err = {0};
    buf_init(out, 0);
    assert_int_equal(dcm_write(item, explicit_le(), out, &err), RC_OK);
}

#endif
