/* SPDX-License-Identifier: Apache-2.0
 *
 * service/store: C-STORE of the Non-Patient Object Storage classes (PS3.4 Annex GG), as SCP.
 *
 *   request -> prepare (here, or on the jobpool when large) -> one call in the database -> COMMIT -> response
 *
 * Success is sent after COMMIT only (architecture, promise 2). Preparing is CPU work on the whole data set, so
 * more than inline_ingest_bytes, or anything deflated, goes to the jobpool; a full queue there is A700. The
 * operation may end while its job runs (association lost), and the job's answer may be dropped on the pool's
 * thread (worker stopping): so what both use, the preparation, counts its two holders, and takes over the octets
 * when the operation goes first.
 *
 * What is stored already (decision 6): the same content is success again and the first octets are kept; other
 * content, and what cannot be fetched (draft, retired, purged), is C000 with the SOP Instance UID as Offending
 * Element. Annex GG knows no warning status.
 *
 * A protocol takes the place of the predecessors that it names only when the row of the AE says so (decision 10).
 */
#include "service_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "catalog/ingest.h"
#include "core/fault.h"

enum { STORE_DETAILS_BYTES = 256 };

struct store_op;

/* What preparing needs and makes. */
struct preparation {
    atomic_uint holders;           /* the operation, and the job while there is one */
    struct store_op *op;           /* NULL = the operation has ended; loop's thread only */
    struct dimse_message *message; /* NULL while it is the operation's; loop's thread only */
    struct ingest_input input;
    struct dcm_limits limits;
    char sender[AET_MAX + 1], address[ADDRESS_TEXT];
    struct audit_peer peer;
    struct ingest_audit audit;
    char details[STORE_DETAILS_BYTES]; /* of its audit row */
    struct ingest_prepared *prepared;
    enum rc rc;
    struct err err;
};

struct store_op {
    struct operation base;
    struct preparation *preparation;
    bool on_jobpool;
    struct ingest_op *ingest;
};

static void preparation_drop(void *arg)
{
    struct preparation *p = arg;
    if (atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) > 1)
        return;
    ingest_prepared_free(p->prepared);
    dimse_message_free(p->message);
    free(p);
}

static void prepare(void *arg)
{
    struct preparation *p = arg;
    p->rc = ingest_prepare(&p->input, &p->limits, &p->prepared, &p->err);
    p->rc = FAULT(store_prepare, p->rc, &p->err);
}

/* clang-format off */
static const struct {
    uint16_t status;
    const char *text; /* NULL = success */
} outcomes[] = {
    /* An audit row knows these two statuses only. */
    [INGEST_STORED]    = {STATUS_SUCCESS, NULL},
    [INGEST_SAME]      = {STATUS_SUCCESS, NULL},
    [INGEST_DIFFERENT] = {STATUS_STORE_CANNOT_UNDERSTAND, "this instance exists with different content"},
    [INGEST_DRAFT]     = {STATUS_STORE_CANNOT_UNDERSTAND, "this instance exists as a draft"},
    [INGEST_RETIRED]   = {STATUS_STORE_CANNOT_UNDERSTAND, "this instance exists and is retired"},
    [INGEST_PURGED]    = {STATUS_STORE_CANNOT_UNDERSTAND, "this instance was purged and is not taken again"},
};
/* clang-format on */

static void on_ingested(const struct err *result, enum ingest_outcome outcome, void *arg)
{
    struct store_op *s = arg;
    struct operation *op = &s->base;
    s->ingest = NULL;
    if (result->code != RC_OK) {
        operation_fail_rc(op, result);
        return;
    }
    struct err err = {0};
    uint16_t status = STATUS_STORE_INTERNAL;
    if ((size_t)outcome < sizeof outcomes / sizeof *outcomes) {
        status = outcomes[outcome].status;
        if (outcomes[outcome].text)
            err_set_tag(&err, RC_CONFLICT, TAG_SOPInstanceUID, "%s", outcomes[outcome].text);
    }
    if (status == STATUS_SUCCESS && outcome == INGEST_STORED)
        metric_add_at(METRIC_dataset_bytes, (struct metric_at){.a = WAY_stored},
                      (int64_t)s->preparation->input.octets.len);
    op->has_audit_row = s->preparation->input.audit != NULL;
    struct dimse_command rsp = operation_response(op, status, err.text[0] ? &err : NULL);
    struct details details = {
        {{.key = "outcome", .text = ingest_outcome_name(outcome)},
         {.key = "octets", .number = (int64_t)s->preparation->input.octets.len}},
        2};
    operation_finish(op, &rsp, NULL, &err, &details);
}

static void store_prepared(struct store_op *s)
{
    struct preparation *p = s->preparation;
    if (p->rc != RC_OK) {
        operation_fail_rc(&s->base, &p->err);
        return;
    }
    struct service *service = s->base.front->service;
    s->ingest = ingest_start(service->pool, s->base.front->config->lease_timeout_ms, p->prepared,
                             on_ingested, s);
}

static void on_job_done(void *arg)
{
    struct preparation *p = arg;
    struct store_op *s = p->op;
    preparation_drop(p); /* the operation, if there is one, still holds it */
    if (!s)
        return;
    s->on_jobpool = false;
    store_prepared(s);
}

/* Its audit row, which its transaction writes; the job may outlive the association. */
static void prepare_audit(struct preparation *p, const struct operation *op)
{
    struct service *s = op->front->service;
    if (!audit_of(op->front))
        return;
    struct buf *json = audit_details(s->audit);
    audit_open_request(json, &op->request->command);
    audit_number(json, "octets", (int64_t)p->input.octets.len);
    audit_close(json);
    snprintf(p->details, sizeof p->details, "%s", buf_cstr(json));
    p->peer = audit_peer_of(op->front);
    snprintf(p->address, sizeof p->address, "%s", p->peer.address);
    p->peer.ae_title = p->sender;
    p->peer.address = p->address;
    p->audit = (struct ingest_audit){
        .operation = op->kind->name,
        .peer = &p->peer,
        .server_id = op->front->config->server_id,
        .details = p->details,
        .accepted = STATUS_SUCCESS,
        .refused = STATUS_STORE_CANNOT_UNDERSTAND,
    };
    p->input.audit = &p->audit;
}

static void store_start(struct operation *op)
{
    struct store_op *s = (struct store_op *)op;
    const struct service *service = op->front->service;
    struct dimse_message *m = op->request;
    struct err err = {0};

    if (!(m->command.has & CMD_HAS_SOP_INSTANCE) || !dcm_uid_is_valid(m->command.sop_instance)) {
        err_set_tag(&err, RC_INVALID, TAG(0x0000, 0x1000),
                    "Affected SOP Instance UID is not valid");
        operation_fail(op, STATUS_INVALID_INSTANCE, &err);
        return;
    }
    struct preparation *p = xcalloc(1, sizeof *p);
    s->preparation = p;
    atomic_init(&p->holders, 1);
    p->op = s;
    p->limits = op->front->config->dataset_limits;
    snprintf(p->sender, sizeof p->sender, "%s", assoc_calling_aet(op->front->assoc));
    p->input = (struct ingest_input){
        .octets = buf_span(&m->dataset),
        .ts = op->ts,
        .sop_class = m->command.sop_class,
        .sop_instance = m->command.sop_instance,
        .sender_aet = p->sender,
        .source = "store",
        .supersedes = op->front->may_supersede,
    };
    prepare_audit(p, op);
    if (m->dataset.len <= op->front->config->inline_ingest_bytes && !op->ts->is_deflated) {
        prepare(p);
        store_prepared(s);
        return;
    }
    struct job job = {.work = prepare, .done = on_job_done, .drop = preparation_drop, .arg = p};
    s->on_jobpool = true;
    atomic_store_explicit(&p->holders, 2, memory_order_relaxed);
    if (jobpool_submit(service->jobs, service->mailbox, &job) != RC_OK) {
        s->on_jobpool = false;
        atomic_store_explicit(&p->holders, 1, memory_order_relaxed);
        err_set_limit(&err, LIMIT_max_waiting_jobs, 0, "too many large data sets are waiting");
        operation_fail_rc(op, &err);
    }
}

static void store_stop(struct operation *op)
{
    struct store_op *s = (struct store_op *)op;
    if (s->ingest)
        ingest_cancel(s->ingest); /* may still commit: a retry then finds the same content */
    s->ingest = NULL;
    if (!s->preparation)
        return;
    if (s->on_jobpool) {
        /* The octets are in use on another thread: they go with the job. */
        s->preparation->op = NULL;
        s->preparation->message = op->request;
        op->request = NULL;
    }
    preparation_drop(s->preparation);
    s->preparation = NULL;
}

const struct operation_kind operation_store = {
    .name = "store",
    .event = "store.done",
    .refused = "store.refused",
    .stopped = "store.stopped",
    .service = STATUS_FOR_STORE,
    .size = sizeof(struct store_op),
    .start = store_start,
    .stop = store_stop,
    .is_audited = true,
};
