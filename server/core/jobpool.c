/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded first-in-first-out list under a mutex, and threads that wait for it. A job holds a reference
 * to the mailbox of its submitter, so that the answer finds a closed box and is dropped if the submitter
 * has gone in the meantime.
 *
 * The bound counts jobs that wait, not those that run: a pool of 2 threads and 3 places takes 5 at once. Threads
 * are started when a job finds none free, and stay: so a pool may have many for the day when its jobs hang.
 */
#include "core/jobpool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "core/arena.h"
#include "core/metrics.h"
#include "core_internal.h"

struct queued_job {
    STAILQ_ENTRY(queued_job) link;
    struct job job;
    struct mailbox *reply_to;
};

STAILQ_HEAD(job_list, queued_job);

struct jobpool {
    pthread_mutex_t lock; /* guards the lists, the counts and is_stopping */
    pthread_cond_t more;
    struct job_list waiting;
    unsigned count;
    unsigned max;
    bool is_stopping;
    unsigned busy; /* threads that run a job */
    unsigned threads;
    unsigned max_threads;
    unsigned label; /* in /metrics */
    char name[11];
    pthread_t thread[];
};

/* With the lock held, so it is set: its threads, which may be many, need no cells of their own. */
static void count_waiting(struct jobpool *p, int by)
{
    p->count += (unsigned)by;
    metric_set_at(METRIC_jobs_waiting, (struct metric_at){.a = p->label}, p->count);
}

/* The next job, or NULL when the pool ends. With the lock held. */
static struct queued_job *take(struct jobpool *p)
{
    struct queued_job *q = NULL;

    while (!p->is_stopping && STAILQ_EMPTY(&p->waiting))
        pthread_cond_wait(&p->more, &p->lock);
    if (!p->is_stopping) {
        q = STAILQ_FIRST(&p->waiting);
        STAILQ_REMOVE_HEAD(&p->waiting, link);
        count_waiting(p, -1);
    }
    return q;
}

static void *run(void *arg)
{
    struct jobpool *p = arg;
    struct queued_job *q;

    pthread_mutex_lock(&p->lock);
    while ((q = take(p)) != NULL) {
        p->busy++;
        pthread_mutex_unlock(&p->lock);
        q->job.work(q->job.arg);
        mailbox_post(q->reply_to, q->job.done, q->job.drop, q->job.arg);
        mailbox_unref(q->reply_to);
        free(q);
        pthread_mutex_lock(&p->lock);
        p->busy--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* With the lock held, or before anybody else knows the pool. */
static bool start_thread(struct jobpool *p)
{
    char name[32];

    snprintf(name, sizeof(name), "%s-%u", p->name, p->threads);
    if (core_thread_start(&p->thread[p->threads], name, run, p) != 0)
        return false;
    p->threads++;
    return true;
}

struct jobpool *jobpool_new(const char *name, unsigned threads, unsigned max_queued)
{
    struct jobpool *p;

    if (threads == 0)
        threads = 1;
    p = xcalloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    STAILQ_INIT(&p->waiting);
    p->max = max_queued > 0 ? max_queued : 1;
    p->label = metric_label_of(LABEL_pool, name);
    metric_show(METRIC_jobs_waiting, (struct metric_at){.a = p->label});
    metric_add_at(METRIC_jobs_waiting_max, (struct metric_at){.a = p->label}, p->max);
    p->max_threads = threads;
    snprintf(p->name, sizeof(p->name), "%s", name);
    if (!start_thread(p))
        core_fatal("cannot start a thread of a job pool");
    return p;
}

void jobpool_free(struct jobpool *p)
{
    struct queued_job *q;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->is_stopping = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    while ((q = STAILQ_FIRST(&p->waiting)) != NULL) {
        STAILQ_REMOVE_HEAD(&p->waiting, link);
        count_waiting(p, -1);
        if (q->job.drop)
            q->job.drop(q->job.arg);
        mailbox_unref(q->reply_to);
        free(q);
    }
    metric_add_at(METRIC_jobs_waiting_max, (struct metric_at){.a = p->label}, -(int64_t)p->max);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void jobpool_set_max(struct jobpool *p, unsigned max_queued)
{
    unsigned max = max_queued > 0 ? max_queued : 1;

    pthread_mutex_lock(&p->lock);
    metric_add_at(METRIC_jobs_waiting_max, (struct metric_at){.a = p->label},
                  (int64_t)max - (int64_t)p->max);
    p->max = max;
    pthread_mutex_unlock(&p->lock);
}

enum rc jobpool_submit(struct jobpool *p, struct mailbox *reply_to, const struct job *job)
{
    struct queued_job *q = xcalloc(1, sizeof(*q));
    bool is_taken;

    q->job = *job;
    q->reply_to = mailbox_ref(reply_to);
    pthread_mutex_lock(&p->lock);
    is_taken = !p->is_stopping && p->count < p->max;
    if (is_taken) {
        STAILQ_INSERT_TAIL(&p->waiting, q, link);
        count_waiting(p, 1);
        if (p->count > p->threads - p->busy && p->threads < p->max_threads)
            (void)start_thread(p); /* without it the job waits for another */
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (is_taken)
        return RC_OK;
    mailbox_unref(reply_to);
    free(q);
    return RC_LIMIT;
}
