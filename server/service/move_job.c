/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_job: one C-MOVE on its retrieve worker: its states, its time, and how it ends.
 *
 *                                       +-> put off
 *                                       v
 *   queued -> waiting -> resolving -> connecting -> running -> releasing -> (freed)
 *      |         |          |            |            |
 *      +---------+----------+------------+------------+--- cancelled, abandoned or failed: done
 *      '---.-----'----.-----'-----.------'-----.------'
 *          |          |           |            |
 *     move_queue.c  (place)   move_connect.c  move_send.c
 *
 * What happens in a state is done where the drawing says, by files that keep what they need for it in a struct of
 * their own. The front, on another thread, tells us through move_mail.c, and hears from us there. Here is what holds in
 * all states: the front is told once how it ended (job_report), and the end gives back everything (job_end) and leaves the
 * destination to the next one.
 *
 * One timer serves all waits, as each state has at most one: in line together with a place, for the host's name, for the
 * next try. Connecting, negotiating, releasing and each sub-operation have deadlines of their own.
 */
#include "move_job.h"

/* ---- telling the front ---- */

/* No association, so all have failed (decision 28). */
static void fail_all(struct move_job *j, const struct err *why, struct move_result *result)
{
    result->counts.failed = j->total;
    result->why = *why;
    for (unsigned i = 0; j->list && i < j->list->count; i++) {
        if (i)
            buf_add_u8(&result->failed_uids, '\\');
        buf_add_str(&result->failed_uids, j->list->refs[i].sop_instance);
    }
    metric_add_at(METRIC_suboperations, (struct metric_at){.a = RETRIEVE_move, .b = SUBOP_FAILED},
                  j->total);
}

void job_report(struct move_job *j, const struct err *why)
{
    struct subops *subops = j->sending.subops;
    struct move_result result = {.counts = sending_counts(j), .cancelled = j->is_cancelled};
    if (j->is_reported)
        return;
    j->is_reported = true;
    buf_init(&result.failed_uids, 0);
    if (subops) {
        buf_add_span(&result.failed_uids, subops_failed_uids(subops));
        result.why = *subops_error(subops);
    } else if (!j->is_cancelled) {
        fail_all(j, why, &result);
    }
    mail_result(j, &result);
}

struct log_ctx job_log(const struct move_job *j)
{
    return (struct log_ctx){
        .assoc = j->assoc_number,
        .msg = j->originator_id,
        .has_msg = true,
        .aet = j->originator_aet,
    };
}

struct err job_why_closed(const struct move_job *j, const struct err *why)
{
    struct err err = *why;
    if (err.code == RC_OK)
        err.code = RC_IO;
    err_reword(&err, "%s: %s", j->destination.ae_title, why->text);
    return err;
}

/* ---- the end ---- */

void job_end(struct move_job *j)
{
    enum job_state last = j->state;
    if (last == JOB_ENDED)
        return;
    j->state = JOB_ENDED;
    sending_forget(j);
    connect_forget(j);
    loop_timer_free(j->timer);
    j->timer = NULL;
    queue_leave(j, last);
    mail_drop_job(j);
}

void job_refused(struct move_job *j, const struct err *why)
{
    struct log_ctx ctx = job_log(j);
    ctx.limit = why->limit;
    if (!j->is_reported && !j->is_cancelled)
        log_warn(&ctx, "move.destination_failed", "destination=\"%s\" why=\"%s\"",
                 j->destination.ae_title, why->text);
    job_report(j, why);
}

void job_fail(struct move_job *j, const struct err *why)
{
    job_refused(j, why);
    job_end(j);
}

/* An association that exists ends on its own; its on_closed then finds the job. */
void job_stop(struct move_job *j)
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
        sending_forget(j);
        j->state = JOB_RELEASING;
        assoc_abort(j->assoc, ABORT_SOURCE_USER, ABORT_NOT_SPECIFIED, "the move was given up");
        break;
    case JOB_RELEASING:
    case JOB_ENDED:
        break;
    }
}

/* ---- word of the front ---- */

static bool is_over(const struct move_job *j)
{
    return j->state == JOB_ENDED || j->state == JOB_RELEASING || j->is_cancelled;
}

void job_cancel(struct move_job *j)
{
    if (is_over(j))
        return;
    j->is_cancelled = true;
    if (j->sending.subops) {
        subops_cancel(j->sending.subops);
    } else {
        job_report(j, NULL);
        job_stop(j);
    }
}

void job_expire(struct move_job *j)
{
    if (is_over(j))
        return;
    if (j->sending.subops)
        subops_abandon(j->sending.subops, &j->expiry);
    job_report(j, &j->expiry);
    job_stop(j);
}

/* ---- the beginning, and time ---- */

static void on_timer(void *arg)
{
    struct move_job *j = arg;
    struct err err = {0};
    if (j->state == JOB_PUT_OFF) {
        connect_again(j);
        return;
    }
    if (j->state == JOB_RESOLVING)
        err_set_limit(&err, LIMIT_connect_timeout, 0, "%s: host name not found in time",
                      j->destination.ae_title);
    else
        queue_why(j, &err);
    job_fail(j, &err);
}

void job_begin(struct move_job *j)
{
    struct retriever *t = worker_state(j->worker);
    struct err err = {0};
    j->retriever = t;
    j->config = service_config_hold(t->config);
    j->timer = loop_timer_new(t->loop, on_timer, j);
    j->state = JOB_QUEUED;
    if (queue_enter(j, &err) != RC_OK)
        job_fail(j, &err);
}
