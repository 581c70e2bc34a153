/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_send: the association of a C-MOVE to its destination: the sub-operations on it (subops.c), what it tells
 * the front about them, and the end of both.
 *
 * Progress is posted at most once per progress_interval_ms, except that a result is posted at once. The
 * association is released when the job ends, since many scanners accept just one.
 */
#include "move_job.h"

#include "core/clock.h"

/* The requester waits for the end of its cancelled move, and the destination may be what hangs. */
enum { CANCEL_GRACE_MS = 1000 };

struct subop_counts sending_counts(const struct move_job *j)
{
    if (j->sending.subops)
        return *subops_counts(j->sending.subops);
    return (struct subop_counts){.total = j->total};
}

void sending_forget(struct move_job *j)
{
    subops_free(j->sending.subops);
    j->sending.subops = NULL;
}

/* ---- the sub-operations ---- */

static void on_suboperation(void *arg)
{
    struct move_job *j = arg;
    struct move_sending *s = &j->sending;
    int64_t now = clock_now_ms();
    if (s->progress_ms && now - s->progress_ms < j->config->progress_interval_ms)
        return;
    s->progress_ms = now;
    mail_progress(j, subops_counts(s->subops));
}

/* The front gets the result; what comes on the association from now on finds nobody. */
static void finish(struct move_job *j)
{
    job_report(j, NULL);
    sending_forget(j);
    j->state = JOB_RELEASING;
}

static void on_suboperations_done(void *arg)
{
    struct move_job *j = arg;
    bool gave_up = subops_gave_up(j->sending.subops);
    finish(j);
    if (gave_up)
        assoc_abort(j->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED,
                    "the destination does not answer");
    else
        assoc_release(j->assoc);
}

/* ---- the association ---- */

static void on_established(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    struct retriever *t = j->retriever;
    struct subops_options o = {
        .channel = &j->sending.channel,
        .reader = t->reader,
        .jobs = t->pools->work,
        .mailbox = worker_mailbox(t->worker),
        .config = j->config,
        .list = j->list,
        .priority = j->priority,
        .originator_aet = j->originator_aet,
        .originator_id = j->originator_id,
        .audit = {.audit = j->config->audits ? t->audit : NULL,
                  .operation = operation_move.name,
                  .peer = {.ae_title = j->originator_aet,
                           .address = j->originator_address,
                           .destination = j->destination.ae_title,
                           .association = j->assoc_number},
                  .message_id = j->originator_id},
        .cancel_grace_ms = CANCEL_GRACE_MS,
        .on_progress = on_suboperation,
        .on_done = on_suboperations_done,
        .arg = j,
    };
    j->list = NULL;
    j->state = JOB_RUNNING;
    channel_init(&j->sending.channel, a, operations_cap(j->config));
    j->sending.subops = subops_start(&o);
    assoc_set_busy(a, 1); /* supervised per sub-operation */
}

static void on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    (void)a;
    connect_rejected(arg, rj);
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct move_job *j = arg;
    if (!(m->command.field & DIMSE_RESPONSE_BIT))
        assoc_abort(a, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED,
                    "a request where only responses are due");
    else if (j->state == JOB_RUNNING)
        (void)channel_on_response(&j->sending.channel, m); /* late ones find nobody */
    dimse_message_free(m);
}

static void on_drained(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    (void)a;
    if (j->state == JOB_RUNNING)
        channel_on_drained(&j->sending.channel);
}

static void on_release(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    if (j->sending.subops) {
        err_set(&err, RC_IO, "%s released the association too early", j->destination.ae_title);
        subops_abandon(j->sending.subops, &err);
        finish(j);
    }
    assoc_answer_release(a);
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct move_job *j = arg;
    (void)a;
    j->assoc = NULL;
    if (j->state == JOB_CONNECTING) {
        connect_closed(j, why);
        return;
    }
    if (j->state == JOB_RUNNING) {
        struct err err = job_why_closed(j, why);
        subops_abandon(j->sending.subops, &err);
        job_report(j, NULL);
    }
    job_end(j);
}

const struct assoc_callbacks sending_callbacks = {
    .on_established = on_established,
    .on_rejected = on_rejected,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_release = on_release,
    .on_closed = on_closed,
};
