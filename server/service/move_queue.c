/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_queue: the C-MOVEs of one retrieve worker by destination, and who of them may work.
 *
 *   destination: | running ... | waiting ...      |   at most max_associations of its row run, and
 *                                                     destination_max_waiting wait
 *
 * All jobs of one destination meet on one thread (retrieve_worker.c), so the number of associations to it is counted here
 * without a lock. A dead destination occupies its own queue and a few timers, never a thread, and jobs to others pass
 * by. The limit holds over all servers: whoever comes to the head of the queue waits for a place in the database
 * (catalog/slots) and keeps it until the association has ended. Both kinds of waiting together have a deadline,
 * destination_wait_ms.
 *
 * A destination exists as long as it has jobs.
 */
#include "move_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

struct destination {
    char ae_title[AET_MAX + 1];
    unsigned running;
    unsigned waiting;
    TAILQ_HEAD(, move_job) jobs; /* running ones too */
    LIST_ENTRY(destination) link;
};

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

static void on_slot(void *arg)
{
    struct move_job *j = arg;
    metric_add(METRIC_moves_waiting, -1);
    connect_begin(j);
}

static void wait_for_slot(struct move_job *j)
{
    struct destination *d = j->place.destination;
    j->state = JOB_WAITING;
    d->waiting--;
    d->running++;
    j->place.slot = slot_wait(j->retriever->slots, j->destination.ae_title,
                              j->destination.max_associations, on_slot, j);
}

/* Starts the first job that waits, if the destination takes one more. One job per call: one that ends comes back
 * here by itself. */
static void start_next(struct retriever *t, struct destination *d)
{
    struct move_job *j;
    TAILQ_FOREACH (j, &d->jobs, place.link) {
        if (j->state != JOB_QUEUED || t->is_stopping)
            continue;
        unsigned limit = j->destination.max_associations ? j->destination.max_associations : 1;
        if (d->running < limit)
            wait_for_slot(j);
        return;
    }
}

enum rc queue_enter(struct move_job *j, struct err *err)
{
    struct retriever *t = j->retriever;
    struct destination *d = destination_of(t, j->destination.ae_title);
    j->place.destination = d;
    j->place.until_ms = clock_now_ms() + t->config->destination_wait_ms;
    loop_timer_set(j->timer, t->config->destination_wait_ms);
    d->waiting++;
    metric_add(METRIC_moves_waiting, 1);
    TAILQ_INSERT_TAIL(&d->jobs, j, place.link);
    if (d->waiting > t->config->destination_max_waiting)
        return err_set_limit(err, LIMIT_destination_max_waiting, 0, "too many moves to %s",
                             j->destination.ae_title);
    start_next(t, d);
    return RC_OK;
}

void queue_leave(struct move_job *j, enum job_state last)
{
    struct retriever *t = j->retriever;
    struct destination *d = j->place.destination;
    if (last == JOB_QUEUED)
        d->waiting--;
    else
        d->running--;
    if (last == JOB_QUEUED || last == JOB_WAITING)
        metric_add(METRIC_moves_waiting, -1);
    slot_give_back(j->place.slot);
    j->place.slot = NULL;
    TAILQ_REMOVE(&d->jobs, j, place.link);
    if (!TAILQ_EMPTY(&d->jobs)) {
        start_next(t, d);
        return;
    }
    LIST_REMOVE(d, link);
    free(d);
    retriever_check_drained(t);
}

void queue_why(const struct move_job *j, struct err *err)
{
    const struct slot *slot = j->place.slot;
    const char *why =
        slot && slot_why(slot)->code != RC_OK ? slot_why(slot)->text : "busy with other moves";
    err_set_limit(err, LIMIT_destination_wait, 0, "%s: %s", j->destination.ae_title, why);
}

struct move_job *queue_first(const struct retriever *t)
{
    const struct destination *d = LIST_FIRST(&t->destinations);
    return d ? TAILQ_FIRST(&d->jobs) : NULL;
}
