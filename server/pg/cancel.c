/* SPDX-License-Identifier: Apache-2.0
 *
 * pg/cancel: PQcancel on threads of its own, one for each database server.
 *
 * PQcancel opens a second connection with blocking calls and no deadline. Its thread may sit in connect() to a host that
 * vanished, for minutes, and for ever where somebody takes the connection and says nothing, as a stopped pooler does. So
 * each server has a line of requests and a thread that serves it: what hangs is asked by nobody else, and a standby that
 * hangs delays no request to the primary. A thread is made when first needed and never ended; nobody should wait for
 * it, least of all at shutdown. This is why they are no core/jobpool, which waits for its jobs when freed. There are
 * as many lines as a connection string has addresses, for a primary and a standby; who comes when all are taken joins the last.
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
#include <string.h>

#include "core/arena.h"

/* Of a server. */
struct line {
    char server[320]; /* "" = free */
    pthread_cond_t wake;
    TAILQ_HEAD(, pg_cancel) queue;
    bool has_thread;
};

struct pg_cancel {
    TAILQ_ENTRY(pg_cancel) queue;
    struct line *line;
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

enum { MAX_LINES = 2 * MAX_CANDIDATES };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct line lines[MAX_LINES];

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
    struct line *l = arg;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct pg_cancel *k = TAILQ_FIRST(&l->queue);
        if (!k) {
            pthread_cond_wait(&l->wake, &lock);
            continue;
        }
        TAILQ_REMOVE(&l->queue, k, queue);
        k->is_queued = false;
        pthread_mutex_unlock(&lock);
        k->was_sent = PQcancel(k->handle, k->why, sizeof k->why) == 1;
        pthread_mutex_lock(&lock);
        if (k->reply_to) {
            mailbox_post(k->reply_to, cancel_deliver, cancel_drop, k);
        } else {
            cancel_drop(k);
        }
    }
    return NULL;
}

/* With the lock held, as the next. */
static struct line *line_of(const char *server)
{
    struct line *l = lines;
    while (l->server[0] && strcmp(l->server, server) != 0 && l + 1 < lines + MAX_LINES) {
        l++;
    }
    if (!l->server[0]) {
        snprintf(l->server, sizeof l->server, "%s", server);
        pthread_cond_init(&l->wake, NULL);
        TAILQ_INIT(&l->queue);
    }
    return l;
}

static bool ensure_thread(struct line *l)
{
    if (!l->has_thread) {
        pthread_t thread;
        pthread_attr_t attr;
        sigset_t all, before; /* signals are for the main thread */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        l->has_thread = pthread_create(&thread, &attr, cancel_thread, l) == 0;
        pthread_attr_destroy(&attr);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (l->has_thread) {
            pthread_setname_np(thread, "pg-cancel");
        }
    }
    return l->has_thread;
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
    char server[sizeof k->line->server];
    snprintf(server, sizeof server, "%s %s %s", PQport(pg), PQhostaddr(pg), PQhost(pg));
    pthread_mutex_lock(&lock);
    k->line = line_of(server);
    k->is_queued = ensure_thread(k->line);
    bool is_queued = k->is_queued; /* the thread may be done with it at once */
    if (is_queued) {
        TAILQ_INSERT_TAIL(&k->line->queue, k, queue);
        pthread_cond_signal(&k->line->wake);
    }
    pthread_mutex_unlock(&lock);
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
    pthread_mutex_lock(&lock);
    k->reply_to = NULL;
    bool was_queued = k->is_queued;
    if (was_queued) {
        TAILQ_REMOVE(&k->line->queue, k, queue);
        k->is_queued = false;
    }
    pthread_mutex_unlock(&lock);
    if (was_queued) {
        cancel_drop(k); /* the thread's */
    }
    cancel_drop(k);
}
