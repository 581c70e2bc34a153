/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/cancel: PQcancel on a thread of its own.
 *
 * PQcancel opens a second connection with blocking calls. One thread for the whole process does it, made
 * when first needed and never ended: it may sit in connect() to a host that vanished, for minutes, and
 * nobody should wait for that, least of all at shutdown. This is why it is not a core/jobpool, which
 * waits for its jobs when freed.
 *
 * A request has two holders, the connection that asked and the thread, whose hold passes to the message it
 * posts. The connection lets go when it gets its callback, or by abandoning; a message that is dropped,
 * because its worker is stopping, lets go for the thread only: the connection still points to the request.
 * What is abandoned while it waits leaves the queue. So at most one request per open connection waits, plus the
 * one running, however long a database that does not answer keeps the thread. The mutex is never held across
 * PQcancel; under it, when posting, the mailbox's own lock is taken, never the other way round.
 */
#include "pg_internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"

struct pg_cancel {
    TAILQ_ENTRY(pg_cancel) queue;
    atomic_uint holders;
    PGcancel *handle;
    /* Under the mutex: */
    struct mailbox *reply_to; /* NULL once abandoned */
    bool is_queued;
    /* Loop thread only. */
    bool is_abandoned;
    pg_cancel_cb cb;
    void *arg;
    /* Written by the thread before it posts. */
    bool was_sent;
    char why[256];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    TAILQ_HEAD(, pg_cancel) queue;
    bool has_thread;
} canceller = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .queue = TAILQ_HEAD_INITIALIZER(canceller.queue),
};

static void cancel_drop(void *arg)
{
    struct pg_cancel *k = arg;
    if (atomic_fetch_sub_explicit(&k->holders, 1, memory_order_acq_rel) > 1) {
        return;
    }
    PQfreeCancel(k->handle);
    free(k);
}

/* On the loop. The request may have been abandoned after it was posted. */
static void cancel_deliver(void *arg)
{
    struct pg_cancel *k = arg;
    if (!k->is_abandoned) {
        k->cb(k->was_sent, k->why, k->arg);
        cancel_drop(k); /* the connection's */
    }
    cancel_drop(k);
}

static void *cancel_thread(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&canceller.lock);
    for (;;) {
        struct pg_cancel *k = TAILQ_FIRST(&canceller.queue);
        if (!k) {
            pthread_cond_wait(&canceller.wake, &canceller.lock);
            continue;
        }
        TAILQ_REMOVE(&canceller.queue, k, queue);
        k->is_queued = false;
        pthread_mutex_unlock(&canceller.lock);
        k->was_sent = PQcancel(k->handle, k->why, sizeof k->why) == 1;
        pthread_mutex_lock(&canceller.lock);
        if (k->reply_to) {
            mailbox_post(k->reply_to, cancel_deliver, cancel_drop, k);
        } else {
            cancel_drop(k);
        }
    }
    return NULL;
}

/* With the lock held. */
static bool ensure_thread(void)
{
    if (!canceller.has_thread) {
        pthread_t thread;
        pthread_attr_t attr;
        sigset_t all, before; /* signals are for the main thread */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        canceller.has_thread = pthread_create(&thread, &attr, cancel_thread, NULL) == 0;
        pthread_attr_destroy(&attr);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (canceller.has_thread) {
            pthread_setname_np(thread, "pg-cancel");
        }
    }
    return canceller.has_thread;
}

struct pg_cancel *pg_cancel_start(PGconn *pg, struct mailbox *reply_to, pg_cancel_cb cb, void *arg)
{
    PGcancel *handle = PQgetCancel(pg);
    if (!handle) {
        return NULL;
    }
    struct pg_cancel *k = xcalloc(1, sizeof *k);
    atomic_init(&k->holders, 2);
    k->handle = handle;
    k->reply_to = reply_to;
    k->cb = cb;
    k->arg = arg;
    pthread_mutex_lock(&canceller.lock);
    k->is_queued = ensure_thread();
    bool is_queued = k->is_queued; /* the thread may be done with it at once */
    if (is_queued) {
        TAILQ_INSERT_TAIL(&canceller.queue, k, queue);
        pthread_cond_signal(&canceller.wake);
    }
    pthread_mutex_unlock(&canceller.lock);
    if (!is_queued) {
        PQfreeCancel(handle);
        free(k);
        return NULL;
    }
    return k;
}

void pg_cancel_abandon(struct pg_cancel *k)
{
    k->is_abandoned = true; /* if it is in the mailbox already */
    pthread_mutex_lock(&canceller.lock);
    k->reply_to = NULL;
    bool was_queued = k->is_queued;
    if (was_queued) {
        TAILQ_REMOVE(&canceller.queue, k, queue);
        k->is_queued = false;
    }
    pthread_mutex_unlock(&canceller.lock);
    if (was_queued) {
        cancel_drop(k); /* the thread's */
    }
    cancel_drop(k);
}
