/* SPDX-License-Identifier: Apache-2.0
 *
 * service/retrieve_worker: the sending side of C-MOVE: threads of their own, each with a loop and a few database
 * connections, so that a large move never slows the associations of the front (architecture 3).
 *
 *   front: move.c --move_mail.c--> retrieve worker: move_job.c --> move_queue.c --> move_connect.c --> move_send.c
 *
 * A job is one C-MOVE. Its destination's title decides the thread (hash), so that all jobs of one destination
 * meet on one thread. This file has the threads and what each lends to its jobs; move_job.c has the jobs.
 */
#include "move_job.h"

#include <stdio.h>
#include <stdlib.h>

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

/* ---- one thread ---- */

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
    struct move_job *j;
    t->is_stopping = true;
    free(t->drain);
    t->drain = NULL;
    while ((j = queue_first(t))) {
        sending_forget(j);
        assoc_free(j->assoc); /* no callback comes */
        job_end(j);
    }
    slots_free(t->slots);
    audit_free(t->audit);
    reader_free(t->reader);
    pg_pool_free(t->standby);
    pg_pool_free(t->pool);
    service_config_drop(t->config);
    free(t);
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

void retriever_check_drained(struct retriever *t)
{
    if (!t->drain || queue_first(t))
        return;
    mailbox_post(t->drain->mailbox, t->drain->done, NULL, t->drain->arg);
    free(t->drain);
    t->drain = NULL;
}

static void on_drain(void *arg)
{
    struct drain_order *o = arg;
    struct retriever *t = worker_state(o->worker);
    t->drain = o;
    retriever_check_drained(t);
}

/* ---- all of them ---- */

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

struct worker *retrieve_pool_worker(const struct retrieve_pool *p, const char *ae_title)
{
    return p->workers[text_hash(ae_title) % p->count];
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
