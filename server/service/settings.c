/* SPDX-License-Identifier: Apache-2.0
 *
 * service/settings: how a snapshot of the settings is replaced while associations use it.
 *
 *   main thread        reads the settings, makes a snapshot, posts it to each worker, drops its hold
 *   struct service     the latest, for associations to come and for what has no association
 *   struct front       the one it was accepted with; the latest, once no operation runs (front_renew)
 *   struct operation   its front's, which does not change while it runs
 *   struct move_job    the latest when it came to its thread
 *
 * All read without a lock, as nothing in a snapshot ever changes; the only thing that threads share is the count of
 * holders. Pointers into a snapshot (titles, networks) live as long as the hold, so an association keeps its own until
 * it is closed. What was negotiated for an association (window, PDU size, its own deadlines) stays as it was.
 */
#include "service_internal.h"

#include <stdlib.h>

const struct service_config *service_config_hold(const struct service_config *c)
{
    if (c && c->keeper)
        atomic_fetch_add_explicit(&c->keeper->holders, 1, memory_order_relaxed);
    return c;
}

void service_config_drop(const struct service_config *c)
{
    struct service_keeper *k = c ? c->keeper : NULL;
    if (k && atomic_fetch_sub_explicit(&k->holders, 1, memory_order_acq_rel) == 1)
        k->release(k->arg);
}

struct change {
    struct worker *worker;
    const struct service_config *config; /* held */
    void (*apply)(void *state, const struct service_config *c);
};

static void change_free(void *arg)
{
    struct change *c = arg;
    service_config_drop(c->config);
    free(c);
}

static void deliver_change(void *arg) /* a worker's loop */
{
    struct change *c = arg;
    c->apply(worker_state(c->worker), c->config);
    change_free(c);
}

void service_config_post(struct worker *w, const struct service_config *c,
                         void (*apply)(void *state, const struct service_config *c))
{
    struct change *change = xcalloc(1, sizeof *change);
    *change = (struct change){w, service_config_hold(c), apply};
    worker_post(w, deliver_change, change_free, change);
}

void service_reconfigure(struct service *s, const struct service_config *config)
{
    const struct service_config *old = s->config;
    struct audit_options audit = audit_options_of(config);
    s->config = service_config_hold(config);
    service_config_drop(old);
    pg_pool_configure(s->pool, &config->database);
    if (s->standby)
        pg_pool_configure(s->standby, &config->standby);
    reader_configure(s->reader, config->standby_wait_ms);
    audit_configure(s->audit, &audit);
    operations_retime(s);
}

/* Whoever was let in by policy is asked for again: it may be another one now. */
void front_renew(struct front *f)
{
    const struct service_config *old = f->config;
    if (old == f->service->config || f->operation_count > 0)
        return;
    f->config = service_config_hold(f->service->config);
    service_config_drop(old);
    f->rights_read_ms = 0;
    if (f->is_guest || !f->has_row) {
        f->is_guest = f->has_row = false;
        f->is_unchecked = true;
        admission_set_operations(f, NULL);
    }
}
