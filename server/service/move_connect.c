/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_connect: how a C-MOVE that has its place comes to an association with the destination.
 *
 *   host name --> addresses --> the first --rejected for now--> put off --> the first again
 *                                   |
 *                                   +--refuses or says nothing--> the next
 *
 * The association proposes what move_proposal.c says.
 *
 * A destination that rejects for now (PS3.8 9.3.4, rejected-transient) is one that is busy, with somebody else or
 * still with our last association: it is asked again, while the job keeps its place, until the deadline of the waiting in line.
 */
#include "move_job.h"

#include <string.h>

#include "core/clock.h"
#include "core/fault.h"

enum {
    PLAN_BYTES = 1024 * 1024,
    /* After an abort, which answers a destination that has stopped talking, its closing the connection is
     * not worth a longer wait: the result and the place in the queue wait for it. */
    ARTIM_MS = 1000,
    /* Between two requests for an association that are rejected for now; it doubles. */
    RETRY_FIRST_MS = 200,
    RETRY_MOST_MS = 5000,
    REJECTED_TRANSIENT = 2, /* PS3.8 table 9-21 */
};

/* ---- asking ---- */

static void ask_next_address(struct move_job *j)
{
    struct move_connecting *c = &j->connecting;
    const struct resolved *to = &c->addresses[c->address_next++];
    struct assoc_options options = j->config->assoc;
    if (options.artim_ms > ARTIM_MS)
        options.artim_ms = ARTIM_MS;
    if (j->destination.wants_tls) {
        options.tls = c->tls;
        options.tls_name =
            j->destination.tls_name[0] ? j->destination.tls_name : j->destination.host;
    }
    j->state = JOB_CONNECTING;
    j->assoc = assoc_request(j->retriever->loop, (const struct sockaddr *)&to->addr, to->len,
                             &c->rq, &options, &sending_callbacks, j);
}

void connect_again(struct move_job *j)
{
    j->connecting.address_next = 0;
    ask_next_address(j);
}

/* ---- the host's name ---- */

static void on_resolved(const struct resolved *addresses, unsigned count, const struct err *why,
                        void *arg)
{
    struct move_job *j = arg;
    struct move_connecting *c = &j->connecting;
    struct err err = {0};
    c->resolve = NULL;
    loop_timer_clear(j->timer);
    if (count == 0) {
        err_set(&err, why->code, "%s: %s", j->destination.ae_title, why->text);
        job_fail(j, &err);
        return;
    }
    c->address_count = count > ADDRESSES_MAX ? ADDRESSES_MAX : count;
    memcpy(c->addresses, addresses, c->address_count * sizeof *addresses);
    c->plan = arena_new(PLAN_BYTES);
    enum rc rc = move_propose(j->config, &j->destination, j->list, c->plan, &c->rq, &err);
    if (FAULT(move_propose, rc, &err) != RC_OK)
        job_fail(j, &err);
    else
        ask_next_address(j);
}

/* False = the destination wants TLS, and there is nothing to verify its certificate with. */
static bool take_tls(struct move_job *j)
{
    const struct service_config *config = j->config;
    if (j->destination.wants_tls && config->destination_tls)
        j->connecting.tls = tls_holder_get(config->destination_tls);
    return j->connecting.tls || !j->destination.wants_tls;
}

void connect_begin(struct move_job *j)
{
    struct retriever *t = j->retriever;
    struct err err = {0};
    j->state = JOB_RESOLVING;
    if (!take_tls(j)) {
        err_set(&err, RC_DENIED, "%s: TLS: tls-trust is not set", j->destination.ae_title);
        job_fail(j, &err);
        return;
    }
    loop_timer_set(j->timer, j->config->assoc.connect_ms);
    if (resolve_start(t->pools->names, worker_mailbox(t->worker), j->destination.host,
                      j->destination.port, on_resolved, j, &j->connecting.resolve, &err) != RC_OK)
        job_fail(j, &err);
}

/* ---- answers other than yes ---- */

/* Whether there is time for another try; it begins when the association has gone. */
static bool put_off(struct move_job *j, const char *why)
{
    struct move_connecting *c = &j->connecting;
    bool is_first = c->retry_ms == 0;
    c->retry_ms = is_first ? RETRY_FIRST_MS : 2 * c->retry_ms;
    if (c->retry_ms > RETRY_MOST_MS)
        c->retry_ms = RETRY_MOST_MS;
    if (clock_now_ms() + c->retry_ms >= j->place.until_ms)
        return false;
    if (is_first) {
        struct log_ctx ctx = job_log(j);
        log_info(&ctx, "move.put_off", "destination=\"%s\" why=\"%s\"", j->destination.ae_title,
                 why);
    }
    c->is_put_off = true;
    return true;
}

void connect_rejected(struct move_job *j, const struct pdu_reject *rj)
{
    struct err err = {0};
    const char *why = pdu_reject_text(rj);
    if (rj->result != REJECTED_TRANSIENT)
        err_set(&err, RC_DENIED, "%s %s", j->destination.ae_title, why);
    else if (put_off(j, why))
        return;
    else
        err_set_limit(&err, LIMIT_destination_wait, 0, "%s %s", j->destination.ae_title, why);
    job_refused(j, &err);
    j->state = JOB_RELEASING; /* on_closed ends the job */
}

void connect_closed(struct move_job *j, const struct err *why)
{
    struct move_connecting *c = &j->connecting;
    if (c->is_put_off) {
        c->is_put_off = false;
        j->state = JOB_PUT_OFF;
        loop_timer_set(j->timer, c->retry_ms);
        return;
    }
    /* The next address of the name, whether this one refuses or says nothing. */
    if (!j->is_reported && (why->code == RC_IO || why->code == RC_TIMEOUT) &&
        c->address_next < c->address_count) {
        ask_next_address(j);
        return;
    }
    struct err err = job_why_closed(j, why);
    job_fail(j, &err);
}

void connect_forget(struct move_job *j)
{
    struct move_connecting *c = &j->connecting;
    if (c->resolve)
        resolve_cancel(c->resolve);
    c->resolve = NULL;
    arena_free(c->plan);
    c->plan = NULL;
    tls_unref(c->tls);
    c->tls = NULL;
}
