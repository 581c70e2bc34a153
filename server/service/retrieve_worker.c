/* SPDX-License-Identifier: Apache-2.0
 *
 * service/retrieve_worker: the sending side of C-MOVE: threads of their own, each with a loop and a few database
 * connections, so that a large move never slows the associations of the front (architecture 3).
 *
 * A job is one C-MOVE. Its destination's title decides the thread (hash), so that all jobs of one destination
 * meet on one thread and the number of associations to it is counted there without a lock: at most
 * max_associations of its row, the others wait in a bounded queue per destination. A dead destination therefore
 * occupies its own queue and a few timers, never a thread, and jobs to others pass by. The limit holds over
 * all servers: whoever comes to the head of the queue waits for a place in the database (catalog/slots) and
 * keeps it until the association has ended. Both kinds of waiting together have a deadline, destination_wait_ms.
 *
 *                                       +-> put off
 *                                       v
 *   queued -> waiting -> resolving -> connecting -> running -> releasing -> (freed)
 *      |         |          |            |            |
 *      +---------+----------+------------+------------+--- cancelled, abandoned or failed: done
 *
 * A destination that rejects for now (PS3.8 9.3.4, rejected-transient) is one that is busy, with somebody else or
 * still with our last association: it is asked again, while the job keeps its place, until the same deadline.
 *
 * Two threads, one struct. struct move_job has a part for the front's thread (listener), a part for the retrieve
 * worker's thread (everything that works) and two things in common: a count of holders, and a lock that guards
 * `mailbox`, where the front is told. move_job_abandon sets it to NULL under the lock, after which the worker
 * posts nothing to the front any more; so the front's mailbox may be freed when its operations are gone, whatever
 * the job is still doing. Every message holds the job.
 *
 * Progress is posted at most once per progress_interval_ms, except that a result is posted at once.
 *
 * The association proposes what move_proposal.c says. It is released when the job ends, since many scanners
 * accept just one.
 */
#include "service_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/slots.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/resolve.h"

enum {
    PLAN_BYTES = 1024 * 1024,
    /* After an abort, which answers a destination that has stopped talking, its closing the connection is
     * not worth a longer wait: the result and the place in the queue wait for it. */
    ARTIM_MS = 1000,
    /* The requester waits for the end of its cancelled move, and the destination may be what hangs. */
    CANCEL_GRACE_MS = 1000,
    /* Between two requests for an association that are rejected for now; it doubles. */
    RETRY_FIRST_MS = 200,
    RETRY_MOST_MS = 5000,
    REJECTED_TRANSIENT = 2, /* PS3.8 table 9-21 */
};

struct retriever; /* one retrieve worker's state */

enum job_state {
    JOB_QUEUED,
    JOB_WAITING, /* for a place at the destination */
    JOB_RESOLVING,
    JOB_CONNECTING,
    JOB_PUT_OFF, /* rejected for now */
    JOB_RUNNING,
    JOB_RELEASING,
    JOB_ENDED,
};

struct move_job {
    atomic_uint holders;
    pthread_mutex_t lock;
    struct mailbox *mailbox; /* the front's; guarded by lock; NULL = nobody listens */

    /* front's thread */
    struct move_listener listener;
    struct worker *worker;
    bool is_abandoned;

    /* fixed before the job is handed over */
    struct peer destination;
    char originator_aet[AET_MAX + 1];
    char originator_address[ADDRESS_TEXT];
    uint16_t originator_id;
    uint16_t priority;
    uint64_t assoc_number;

    struct err expiry; /* why it was ended, from the front; set before the worker is told */

    /* retrieve worker's thread */
    const struct service_config *config; /* held */
    struct instance_list *list;          /* NULL once the sub-operations have it */
    unsigned total;
    struct retriever *retriever;
    struct destination *queue;
    enum job_state state;
    struct resolve *resolve;
    struct loop_timer *timer; /* bounds the waiting, then the name resolution; then the next try */
    int64_t wait_until_ms;
    int64_t retry_ms;
    bool is_put_off;
    struct slot *slot;
    struct tls *tls; /* that of the moment when the job began to work; NULL = not wanted */
    struct resolved addresses[8];
    unsigned address_count;
    unsigned address_next;
    struct arena *plan; /* the association request */
    struct pdu_associate rq;
    struct assoc *assoc;
    struct subops_channel channel;
    struct subops *subops;
    bool is_cancelled;
    bool is_reported;
    int64_t progress_ms;
    TAILQ_ENTRY(move_job) link;
};
TAILQ_HEAD(job_list, move_job);

struct destination {
    char ae_title[AET_MAX + 1];
    unsigned running;
    unsigned waiting;
    struct job_list jobs; /* running ones too */
    LIST_ENTRY(destination) link;
};

struct retriever {
    struct worker *worker;
    struct loop *loop;
    const struct service_config *config;
    const struct service_pools *pools;
    struct pg_pool *pool;
    struct pg_pool *standby; /* NULL = none */
    struct reader *reader;
    struct audit *audit;
    struct slots *slots;
    bool is_stopping;
    struct drain_order *drain; /* NULL = nobody waits for the last job */
    LIST_HEAD(, destination) destinations;
};

/* Who is to be told that a thread has no job any more. */
struct drain_order {
    struct worker *worker;
    struct mailbox *mailbox;
    void (*done)(void *arg);
    void *arg;
};

struct retrieve_pool {
    const struct service_config *config;
    struct service_pools pools;
    unsigned count;
    struct worker **workers;
};

/* ---- what the two threads share ---- */

static void job_hold(struct move_job *j)
{
    atomic_fetch_add_explicit(&j->holders, 1, memory_order_relaxed);
}

static void job_drop(void *arg)
{
    struct move_job *j = arg;
    if (atomic_fetch_sub_explicit(&j->holders, 1, memory_order_acq_rel) > 1)
        return;
    instance_list_free(j->list);
    service_config_drop(j->config);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

/* Mail to the front. */
struct report {
    struct move_job *job; /* held */
    bool is_result;
    struct move_result result;
};

static void report_free(void *arg)
{
    struct report *r = arg;
    buf_fini(&r->result.failed_uids);
    job_drop(r->job);
    free(r);
}

static void on_report(void *arg)
{
    struct report *r = arg;
    struct move_job *j = r->job;
    if (!j->is_abandoned) {
        if (r->is_result)
            j->listener.on_done(&r->result, j->listener.arg);
        else
            j->listener.on_progress(&r->result.counts, j->listener.arg);
    }
    report_free(r);
}

static void post_report(struct move_job *j, struct report *r)
{
    r->job = j;
    job_hold(j);
    pthread_mutex_lock(&j->lock);
    bool is_wanted = j->mailbox != NULL;
    if (is_wanted)
        mailbox_post(j->mailbox, on_report, report_free, r);
    pthread_mutex_unlock(&j->lock);
    if (!is_wanted)
        report_free(r);
}

/* ---- ending a job (retrieve worker's thread) ---- */

static void destination_next(struct retriever *t, struct destination *d);

static struct subop_counts job_counts(const struct move_job *j)
{
    if (j->subops)
        return *subops_counts(j->subops);
    return (struct subop_counts){.total = j->total};
}

/* Tell the front how it ended; once. why: what stopped a job that had no association. */
static void job_report(struct move_job *j, const struct err *why)
{
    if (j->is_reported)
        return;
    j->is_reported = true;
    struct report *r = xcalloc(1, sizeof *r);
    r->is_result = true;
    r->result.counts = job_counts(j);
    r->result.cancelled = j->is_cancelled;
    buf_init(&r->result.failed_uids, 0);
    if (j->subops) {
        buf_add_span(&r->result.failed_uids, subops_failed_uids(j->subops));
        r->result.why = *subops_error(j->subops);
    } else if (!j->is_cancelled) {
        /* No association, so all have failed (decision 28). */
        r->result.counts.failed = j->total;
        r->result.why = *why;
        for (unsigned i = 0; j->list && i < j->list->count; i++) {
            if (i)
                buf_add_u8(&r->result.failed_uids, '\\');
            buf_add_str(&r->result.failed_uids, j->list->refs[i].sop_instance);
        }
        metric_add_at(METRIC_suboperations,
                      (struct metric_at){.a = RETRIEVE_move, .b = SUBOP_FAILED}, j->total);
    }
    post_report(j, r);
}

/* Leaves the destination to the next one. The association, if any, is gone or on its own. */
static void job_end(struct move_job *j)
{
    struct retriever *t = j->retriever;
    struct destination *d = j->queue;
    if (j->state == JOB_ENDED)
        return;
    if (j->state == JOB_QUEUED)
        d->waiting--;
    else
        d->running--;
    if (j->state == JOB_QUEUED || j->state == JOB_WAITING)
        metric_add(METRIC_moves_waiting, -1);
    j->state = JOB_ENDED;
    if (j->resolve)
        resolve_cancel(j->resolve);
    j->resolve = NULL;
    loop_timer_free(j->timer);
    j->timer = NULL;
    slot_give_back(j->slot);
    j->slot = NULL;
    subops_free(j->subops);
    j->subops = NULL;
    arena_free(j->plan);
    j->plan = NULL;
    tls_unref(j->tls);
    j->tls = NULL;
    TAILQ_REMOVE(&d->jobs, j, link);
    job_drop(j);
    destination_next(t, d);
}

static struct log_ctx job_log(const struct move_job *j)
{
    return (struct log_ctx){
        .assoc = j->assoc_number,
        .msg = j->originator_id,
        .has_msg = true,
        .aet = j->originator_aet,
    };
}

/* There is no association: everything has failed. */
static void job_refused(struct move_job *j, const struct err *why)
{
    struct log_ctx ctx = job_log(j);
    ctx.limit = why->limit;
    if (!j->is_reported && !j->is_cancelled)
        log_warn(&ctx, "move.destination_failed", "destination=\"%s\" why=\"%s\"",
                 j->destination.ae_title, why->text);
    job_report(j, why);
}

static void job_fail(struct move_job *j, const struct err *why)
{
    job_refused(j, why);
    job_end(j);
}

/* ---- the association to the destination ---- */

static void on_suboperation(void *arg)
{
    struct move_job *j = arg;
    int64_t now = clock_now_ms();
    if (j->progress_ms && now - j->progress_ms < j->config->progress_interval_ms)
        return;
    j->progress_ms = now;
    struct report *r = xcalloc(1, sizeof *r);
    r->result.counts = job_counts(j);
    buf_init(&r->result.failed_uids, 0);
    post_report(j, r);
}

static void on_suboperations_done(void *arg)
{
    struct move_job *j = arg;
    bool gave_up = subops_gave_up(j->subops);
    job_report(j, NULL);
    subops_free(j->subops);
    j->subops = NULL;
    j->state = JOB_RELEASING;
    if (gave_up)
        assoc_abort(j->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED,
                    "the destination does not answer");
    else
        assoc_release(j->assoc);
}

static void on_established(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    struct retriever *t = j->retriever;
    struct subops_options o = {
        .channel = &j->channel,
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
    channel_init(&j->channel, a, operations_cap(j->config));
    j->subops = subops_start(&o);
    assoc_set_busy(a, 1); /* supervised per sub-operation */
}

static void job_connect(struct move_job *j);

/* Whether there is time for another try; it begins when the association has gone. */
static bool job_put_off(struct move_job *j, const char *why)
{
    bool is_first = j->retry_ms == 0;
    j->retry_ms = is_first ? RETRY_FIRST_MS : 2 * j->retry_ms;
    if (j->retry_ms > RETRY_MOST_MS)
        j->retry_ms = RETRY_MOST_MS;
    if (clock_now_ms() + j->retry_ms >= j->wait_until_ms)
        return false;
    if (is_first) {
        struct log_ctx ctx = job_log(j);
        log_info(&ctx, "move.put_off", "destination=\"%s\" why=\"%s\"", j->destination.ae_title,
                 why);
    }
    j->is_put_off = true;
    return true;
}

static void on_rejected(struct assoc *a, const struct pdu_reject *rj, void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    const char *why = pdu_reject_text(rj);
    (void)a;
    if (rj->result != REJECTED_TRANSIENT)
        err_set(&err, RC_DENIED, "%s %s", j->destination.ae_title, why);
    else if (job_put_off(j, why))
        return;
    else
        err_set_limit(&err, LIMIT_destination_wait, 0, "%s %s", j->destination.ae_title, why);
    job_refused(j, &err);
    j->state = JOB_RELEASING; /* on_closed ends the job */
}

static void on_message(struct assoc *a, struct dimse_message *m, void *arg)
{
    struct move_job *j = arg;
    if (!(m->command.field & DIMSE_RESPONSE_BIT))
        assoc_abort(a, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED,
                    "a request where only responses are due");
    else if (j->state == JOB_RUNNING)
        (void)channel_on_response(&j->channel, m); /* late ones find nobody */
    dimse_message_free(m);
}

static void on_drained(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    (void)a;
    if (j->state == JOB_RUNNING)
        channel_on_drained(&j->channel);
}

static void on_release(struct assoc *a, void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    if (j->subops) {
        err_set(&err, RC_IO, "%s released the association too early", j->destination.ae_title);
        subops_abandon(j->subops, &err);
        job_report(j, NULL);
        subops_free(j->subops);
        j->subops = NULL;
        j->state = JOB_RELEASING;
    }
    assoc_answer_release(a);
}

/* Whose association it was, and why it ended. */
static struct err why_closed(const struct move_job *j, const struct err *why)
{
    struct err err = *why;
    if (err.code == RC_OK)
        err.code = RC_IO;
    err_reword(&err, "%s: %s", j->destination.ae_title, why->text);
    return err;
}

static void on_closed(struct assoc *a, const struct err *why, void *arg)
{
    struct move_job *j = arg;
    struct err err;
    (void)a;
    j->assoc = NULL;
    switch (j->state) {
    case JOB_CONNECTING:
        if (j->is_put_off) {
            j->is_put_off = false;
            j->state = JOB_PUT_OFF;
            loop_timer_set(j->timer, j->retry_ms);
            return;
        }
        /* The next address of the name, whether this one refuses or says nothing. */
        if (!j->is_reported && (why->code == RC_IO || why->code == RC_TIMEOUT) &&
            j->address_next < j->address_count) {
            job_connect(j);
            return;
        }
        err = why_closed(j, why);
        job_fail(j, &err);
        return;
    case JOB_RUNNING:
        err = why_closed(j, why);
        subops_abandon(j->subops, &err);
        job_report(j, NULL);
        break;
    default:
        break;
    }
    job_end(j);
}

static const struct assoc_callbacks sender_callbacks = {
    .on_established = on_established,
    .on_rejected = on_rejected,
    .on_message = on_message,
    .on_drained = on_drained,
    .on_release = on_release,
    .on_closed = on_closed,
};

/* ---- connecting ---- */

static void job_connect(struct move_job *j)
{
    const struct resolved *to = &j->addresses[j->address_next++];
    struct assoc_options options = j->config->assoc;
    if (options.artim_ms > ARTIM_MS)
        options.artim_ms = ARTIM_MS;
    if (j->destination.wants_tls) {
        options.tls = j->tls;
        options.tls_name =
            j->destination.tls_name[0] ? j->destination.tls_name : j->destination.host;
    }
    j->state = JOB_CONNECTING;
    j->assoc = assoc_request(j->retriever->loop, (const struct sockaddr *)&to->addr, to->len,
                             &j->rq, &options, &sender_callbacks, j);
}

static void on_resolved(const struct resolved *addresses, unsigned count, const struct err *why,
                        void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    j->resolve = NULL;
    loop_timer_clear(j->timer);
    if (count == 0) {
        err_set(&err, why->code, "%s: %s", j->destination.ae_title, why->text);
        job_fail(j, &err);
        return;
    }
    j->address_count = count > 8 ? 8 : count;
    memcpy(j->addresses, addresses, j->address_count * sizeof *addresses);
    j->plan = arena_new(PLAN_BYTES);
    enum rc rc = move_propose(j->config, &j->destination, j->list, j->plan, &j->rq, &err);
    if (FAULT(move_propose, rc, &err) != RC_OK)
        job_fail(j, &err);
    else
        job_connect(j);
}

/* Connecting, negotiating, releasing and each sub-operation have deadlines of their own. */
static void on_timer(void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    const struct err *why = j->slot ? slot_why(j->slot) : &err;
    if (j->state == JOB_PUT_OFF) {
        j->address_next = 0;
        job_connect(j);
        return;
    }
    if (j->state == JOB_RESOLVING)
        err_set_limit(&err, LIMIT_connect_timeout, 0, "%s: host name not found in time",
                      j->destination.ae_title);
    else if (why->code != RC_OK)
        err_set_limit(&err, LIMIT_destination_wait, 0, "%s: %s", j->destination.ae_title,
                      why->text);
    else
        err_set_limit(&err, LIMIT_destination_wait, 0, "%s: busy with other moves",
                      j->destination.ae_title);
    job_fail(j, &err);
}

/* False = the destination wants TLS, and there is nothing to verify its certificate with. */
static bool take_tls(struct move_job *j)
{
    const struct service_config *config = j->config;
    if (j->destination.wants_tls && config->destination_tls)
        j->tls = tls_holder_get(config->destination_tls);
    return j->tls || !j->destination.wants_tls;
}

static void on_slot(void *arg)
{
    struct move_job *j = arg;
    struct retriever *t = j->retriever;
    struct err err = {0};
    metric_add(METRIC_moves_waiting, -1);
    j->state = JOB_RESOLVING;
    if (!take_tls(j)) {
        err_set(&err, RC_DENIED, "%s: TLS: tls-trust is not set", j->destination.ae_title);
        job_fail(j, &err);
        return;
    }
    loop_timer_set(j->timer, j->config->assoc.connect_ms);
    if (resolve_start(t->pools->names, worker_mailbox(t->worker), j->destination.host,
                      j->destination.port, on_resolved, j, &j->resolve, &err) != RC_OK)
        job_fail(j, &err);
}

static void job_run(struct move_job *j)
{
    j->state = JOB_WAITING;
    j->queue->waiting--;
    j->queue->running++;
    j->slot = slot_wait(j->retriever->slots, j->destination.ae_title,
                        j->destination.max_associations, on_slot, j);
}

/* ---- queues ---- */

static struct destination *destination_of(struct retriever *t, const char *ae_title)
{
    struct destination *d;
    LIST_FOREACH (d, &t->destinations, link) {
        if (strcmp(d->ae_title, ae_title) == 0)
            return d;
    }
    d = xcalloc(1, sizeof *d);
    snprintf(d->ae_title, sizeof d->ae_title, "%s", ae_title);
    TAILQ_INIT(&d->jobs);
    LIST_INSERT_HEAD(&t->destinations, d, link);
    return d;
}

/* Without jobs, when the server is about to end. */
static void tell_drained(struct retriever *t)
{
    if (!t->drain || !LIST_EMPTY(&t->destinations))
        return;
    mailbox_post(t->drain->mailbox, t->drain->done, NULL, t->drain->arg);
    free(t->drain);
    t->drain = NULL;
}

/* Starts the first job that waits, if the destination takes one more; frees an empty queue. One job per call:
 * a job that fails at once comes back here by itself. */
static void destination_next(struct retriever *t, struct destination *d)
{
    struct move_job *j;
    if (TAILQ_EMPTY(&d->jobs)) {
        LIST_REMOVE(d, link);
        free(d);
        tell_drained(t);
        return;
    }
    TAILQ_FOREACH (j, &d->jobs, link) {
        if (j->state != JOB_QUEUED || t->is_stopping)
            continue;
        unsigned limit = j->destination.max_associations ? j->destination.max_associations : 1;
        if (d->running < limit)
            job_run(j);
        return;
    }
}

/* ---- messages from the front ---- */

static void on_submit(void *arg)
{
    struct move_job *j = arg; /* the message's hold becomes the worker's */
    struct retriever *t = worker_state(j->worker);
    struct destination *d = destination_of(t, j->destination.ae_title);
    j->retriever = t;
    j->config = service_config_hold(t->config);
    j->queue = d;
    j->state = JOB_QUEUED;
    j->timer = loop_timer_new(t->loop, on_timer, j);
    loop_timer_set(j->timer, t->config->destination_wait_ms);
    j->wait_until_ms = clock_now_ms() + t->config->destination_wait_ms;
    d->waiting++;
    metric_add(METRIC_moves_waiting, 1);
    TAILQ_INSERT_TAIL(&d->jobs, j, link);
    if (d->waiting > t->config->destination_max_waiting) {
        struct err err = {0};
        err_set_limit(&err, LIMIT_destination_max_waiting, 0, "too many moves to %s",
                      j->destination.ae_title);
        job_fail(j, &err);
        return;
    }
    destination_next(t, d);
}

/* Stop working. An association that exists ends on its own; its on_closed then finds the job. */
static void job_stop(struct move_job *j)
{
    switch (j->state) {
    case JOB_QUEUED:
    case JOB_WAITING:
    case JOB_RESOLVING:
    case JOB_PUT_OFF:
        job_end(j);
        break;
    case JOB_CONNECTING:
    case JOB_RUNNING:
        subops_free(j->subops);
        j->subops = NULL;
        j->state = JOB_RELEASING;
        assoc_abort(j->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED, "the move was given up");
        break;
    case JOB_RELEASING:
    case JOB_ENDED:
        break;
    }
}

static void on_cancel(void *arg)
{
    struct move_job *j = arg;
    if (j->state != JOB_ENDED && j->state != JOB_RELEASING && !j->is_cancelled) {
        j->is_cancelled = true;
        if (j->subops) {
            subops_cancel(j->subops);
        } else {
            job_report(j, NULL);
            job_stop(j);
        }
    }
    job_drop(j);
}

/* What is left fails, but not what the destination has taken. */
static void on_expire(void *arg)
{
    struct move_job *j = arg;
    if (j->state != JOB_ENDED && j->state != JOB_RELEASING && !j->is_cancelled) {
        if (j->subops)
            subops_abandon(j->subops, &j->expiry);
        job_report(j, &j->expiry);
        job_stop(j);
    }
    job_drop(j);
}

static void on_abandon(void *arg)
{
    struct move_job *j = arg;
    job_stop(j);
    job_drop(j);
}

static void on_drain(void *arg)
{
    struct drain_order *o = arg;
    struct retriever *t = worker_state(o->worker);
    t->drain = o;
    tell_drained(t);
}

/* ---- the front's thread ---- */

struct move_job *move_job_start(struct retrieve_pool *p, struct mailbox *front,
                                const struct move_request *rq, const struct move_listener *listener)
{
    struct move_job *j = xcalloc(1, sizeof *j);
    atomic_init(&j->holders, 2); /* the front's and the worker's */
    pthread_mutex_init(&j->lock, NULL);
    j->mailbox = front;
    j->listener = *listener;
    j->destination = rq->destination;
    snprintf(j->originator_aet, sizeof j->originator_aet, "%s", rq->originator.ae_title);
    snprintf(j->originator_address, sizeof j->originator_address, "%s", rq->originator.address);
    j->originator_id = rq->originator_id;
    j->priority = rq->priority;
    j->assoc_number = rq->originator.association;
    j->list = rq->list;
    j->total = rq->list->count;
    j->worker = p->workers[text_hash(j->destination.ae_title) % p->count];
    worker_post(j->worker, on_submit, job_drop, j);
    return j;
}

void move_job_cancel(struct move_job *j)
{
    job_hold(j);
    worker_post(j->worker, on_cancel, job_drop, j);
}

void move_job_expire(struct move_job *j, const struct err *why)
{
    j->expiry = *why;
    job_hold(j);
    worker_post(j->worker, on_expire, job_drop, j);
}

void move_job_abandon(struct move_job *j)
{
    j->is_abandoned = true;
    pthread_mutex_lock(&j->lock);
    j->mailbox = NULL;
    pthread_mutex_unlock(&j->lock);
    worker_post(j->worker, on_abandon, job_drop, j); /* the front's hold goes with it */
}

/* ---- the workers ---- */

static struct pg_options database_options(const struct service_config *config)
{
    struct pg_options o = config->database;
    o.size = config->retrieve_connections ? config->retrieve_connections : 1;
    return o;
}

static struct pg_options standby_options(const struct service_config *config)
{
    struct pg_options standby = config->standby;
    standby.size = database_options(config).size;
    return standby;
}

static enum rc retriever_start(struct worker *w, void *arg, void **state, struct err *err)
{
    const struct retrieve_pool *p = arg;
    struct retriever *t = xcalloc(1, sizeof *t);
    struct pg_options database = database_options(p->config);
    (void)err;
    t->worker = w;
    t->loop = worker_loop(w);
    t->config = service_config_hold(p->config);
    t->pools = &p->pools;
    t->pool = pg_pool_new(t->loop, worker_mailbox(w), p->pools.database_names, &database);
    if (p->config->standby.conninfo) {
        struct pg_options standby = standby_options(p->config);
        t->standby = pg_pool_new(t->loop, worker_mailbox(w), p->pools.database_names, &standby);
    }
    t->reader = reader_new(t->loop, t->pool, t->standby, p->config->standby_wait_ms);
    t->audit = audit_start(t->loop, t->pool, p->config);
    t->slots = slots_new(t->loop, t->pool, p->config->lease_timeout_ms);
    LIST_INIT(&t->destinations);
    *state = t;
    return RC_OK;
}

/* The fronts are gone, so nobody waits for a result; what still runs is aborted. */
static void retriever_stop(void *state)
{
    struct retriever *t = state;
    struct destination *d;
    t->is_stopping = true;
    free(t->drain);
    t->drain = NULL;
    while ((d = LIST_FIRST(&t->destinations))) {
        struct move_job *j = TAILQ_FIRST(&d->jobs);
        subops_free(j->subops);
        j->subops = NULL;
        assoc_free(j->assoc); /* no callback comes */
        job_end(j);           /* with the last job the destination goes */
    }
    slots_free(t->slots);
    audit_free(t->audit);
    reader_free(t->reader);
    pg_pool_free(t->standby);
    pg_pool_free(t->pool);
    service_config_drop(t->config);
    free(t);
}

enum rc retrieve_pool_new(const struct service_config *config, const struct service_pools *pools,
                          struct retrieve_pool **out, struct err *err)
{
    static const struct worker_hooks hooks = {.start = retriever_start, .stop = retriever_stop};
    struct retrieve_pool *p = xcalloc(1, sizeof *p);
    unsigned count = config->retrieve_workers ? config->retrieve_workers : 1;
    enum rc rc = RC_OK;
    *out = NULL;
    p->config = config;
    p->pools = *pools;
    p->workers = xcalloc(count, sizeof *p->workers);
    while (rc == RC_OK && p->count < count) {
        char name[16];
        snprintf(name, sizeof name, "retrieve-%u", p->count % 1000);
        rc = worker_start(name, &hooks, p, &p->workers[p->count], err);
        if (rc == RC_OK)
            p->count++;
    }
    if (rc != RC_OK) {
        retrieve_pool_free(p);
        return rc;
    }
    *out = p;
    return RC_OK;
}

unsigned retrieve_pool_threads(const struct retrieve_pool *p)
{
    return p->count;
}

void retrieve_pool_drain(struct retrieve_pool *p, struct mailbox *mailbox, void (*done)(void *arg),
                         void *arg)
{
    for (unsigned i = 0; i < p->count; i++) {
        struct drain_order *o = xcalloc(1, sizeof *o);
        *o = (struct drain_order){p->workers[i], mailbox, done, arg};
        worker_post(o->worker, on_drain, free, o);
    }
}

static void apply_to_retriever(void *state, const struct service_config *c)
{
    struct retriever *t = state;
    struct pg_options database = database_options(c);
    struct audit_options audit = audit_options_of(c);
    const struct service_config *old = t->config;
    t->config = service_config_hold(c);
    service_config_drop(old);
    pg_pool_configure(t->pool, &database);
    if (t->standby) {
        struct pg_options standby = standby_options(t->config);
        pg_pool_configure(t->standby, &standby);
    }
    reader_configure(t->reader, t->config->standby_wait_ms);
    audit_configure(t->audit, &audit);
    slots_configure(t->slots, t->config->lease_timeout_ms);
}

void retrieve_pool_reconfigure(struct retrieve_pool *p, const struct service_config *config)
{
    for (unsigned i = 0; i < p->count; i++)
        service_config_post(p->workers[i], config, apply_to_retriever);
}

void retrieve_pool_free(struct retrieve_pool *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->count; i++)
        worker_stop(p->workers[i]);
    free(p->workers);
    free(p);
}
