/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_mail: what the front that has a C-MOVE and the retrieve worker that does it say to each other.
 *
 *   front:   start, cancel, expire, abandon --> worker's mailbox
 *   worker:  progress, result               --> front's mailbox
 *
 * Two threads, one struct. struct move_job has a part for the front's thread (listener), a part for the retrieve
 * worker's thread (everything that works) and two things in common: a count of holders, and a lock that guards
 * `mailbox`, where the front is told. move_job_abandon sets it to NULL under the lock, after which the worker
 * posts nothing to the front any more; so the front's mailbox may be freed when its operations are gone, whatever
 * the job is still doing. Every message holds the job.
 */
#include "move_job.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- holders ---- */

static void hold(struct move_job *j)
{
    atomic_fetch_add_explicit(&j->holders, 1, memory_order_relaxed);
}

static void drop(void *arg)
{
    struct move_job *j = arg;
    if (atomic_fetch_sub_explicit(&j->holders, 1, memory_order_acq_rel) > 1)
        return;
    instance_list_free(j->list);
    service_config_drop(j->config);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

void mail_drop_job(struct move_job *j)
{
    drop(j);
}

/* ---- to the front ---- */

struct report {
    struct move_job *job; /* held */
    bool is_result;
    struct move_result result;
};

static void report_free(void *arg)
{
    struct report *r = arg;
    buf_fini(&r->result.failed_uids);
    drop(r->job);
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

static void post(struct move_job *j, bool is_result, const struct move_result *result)
{
    struct report *r = xcalloc(1, sizeof *r);
    *r = (struct report){.job = j, .is_result = is_result, .result = *result};
    hold(j);
    pthread_mutex_lock(&j->lock);
    bool is_wanted = j->mailbox != NULL;
    if (is_wanted)
        mailbox_post(j->mailbox, on_report, report_free, r);
    pthread_mutex_unlock(&j->lock);
    if (!is_wanted)
        report_free(r);
}

void mail_progress(struct move_job *j, const struct subop_counts *counts)
{
    struct move_result result = {.counts = *counts};
    buf_init(&result.failed_uids, 0);
    post(j, false, &result);
}

void mail_result(struct move_job *j, const struct move_result *result)
{
    post(j, true, result);
}

/* ---- to the retrieve worker ---- */

static void on_submit(void *arg)
{
    job_begin(arg); /* the message's hold becomes the worker's */
}

static void on_cancel(void *arg)
{
    job_cancel(arg);
    drop(arg);
}

static void on_expire(void *arg)
{
    job_expire(arg);
    drop(arg);
}

static void on_abandon(void *arg)
{
    job_stop(arg);
    drop(arg);
}

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
    j->worker = retrieve_pool_worker(p, j->destination.ae_title);
    worker_post(j->worker, on_submit, drop, j);
    return j;
}

void move_job_cancel(struct move_job *j)
{
    hold(j);
    worker_post(j->worker, on_cancel, drop, j);
}

void move_job_expire(struct move_job *j, const struct err *why)
{
    j->expiry = *why;
    hold(j);
    worker_post(j->worker, on_expire, drop, j);
}

void move_job_abandon(struct move_job *j)
{
    j->is_abandoned = true;
    pthread_mutex_lock(&j->lock);
    j->mailbox = NULL;
    pthread_mutex_unlock(&j->lock);
    worker_post(j->worker, on_abandon, drop, j); /* the front's hold goes with it */
}
