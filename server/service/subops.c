/* SPDX-License-Identifier: Apache-2.0
 *
 * service/subops: the C-STORE sub-operations of one C-GET or C-MOVE (PS3.4 C.4.2.3.1, C.4.3.3.1).
 *
 * GET runs it on the requester's association, MOVE on one to the destination; the engine does not know which.
 * It owns the list of instances and brings each to one of three ends: completed, warned, failed.
 *
 *   list -> batch from the database -> ready -> (converted) -> sent -> C-STORE-RSP -> counted
 *                                        \                       \
 *                                         +-- vanished: failed    +-- no answer in time: gives up
 *
 * Bounds. Octets in memory: fetch_batch_bytes, half of it ready to be sent and half being fetched (an instance
 * larger than that goes alone), and nothing is fetched while the output is full. No connection is held while the
 * peer is slow: a batch is fetched, the connection goes back, the batch is sent. Outstanding requests: the
 * channel's window, which all GETs of one association share (decision 30), taking turns.
 *
 * The stored octets go out as they are in a context of their transfer syntax; otherwise they are converted to
 * the first accepted one of our preference, on the jobpool when large. An instance without a context fails
 * before it is fetched.
 *
 * A peer that leaves a C-STORE unanswered past suboperation_ms is not asked again: what is left fails. Going on
 * would cost the deadline once per instance. A late answer finds nobody and is ignored; Message IDs do not
 * repeat soon.
 *
 * After a cancel the outstanding requests are waited for, since what they did belongs into the counters, but only
 * for a grace time from the cancel or the last answer. Then they count as failed, and what was not sent remains. A
 * MOVE aborts the association, so what counts as failed has failed. A GET's goes on, and what lies in its output
 * will arrive: there the grace counts from when the peer has taken that.
 *
 * on_done comes from the loop: from a timer of zero length (`tick`) or from an event, never from a call of the
 * owner, who may free the engine inside it. Every function that may call on_done returns at once afterwards.
 */
#include "service_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/fault.h"
#include "dcm/convert.h"

enum { WINDOW_MAX = 64, FAILED_LIST_BYTES = SUBOPS_MAX * 65 };

enum ref_state {
    REF_WAITING, /* in the database */
    REF_HERE,    /* ready, being converted or sent */
    REF_DONE,
};

/* An instance's octets on their way. */
struct part {
    unsigned index;
    struct buf octets;
    const struct assoc_context *context;
    bool is_converted; /* or needs no conversion */
    STAILQ_ENTRY(part) link;
};

struct flight {
    uint16_t message_id;
    unsigned index;
    int64_t deadline_ms;
};

/* A conversion owns its part. The engine may go while the job runs, and the job's answer may be dropped on the
 * pool's thread, so the two holders are counted. */
struct conversion {
    atomic_uint holders;
    struct subops *subops; /* NULL = the engine has gone; loop's thread only */
    struct part *part;
    const struct dcm_ts *from, *to;
    struct dcm_limits limits;
    enum rc rc;
    struct err err;
};

struct subops {
    struct subops_options o;
    struct subop_counts counts;
    uint8_t *states;      /* enum ref_state, per instance */
    unsigned count;       /* of instances that have a context */
    unsigned next;        /* first not fetched yet */
    unsigned fetch_first; /* of the running fetch */
    unsigned fetch_count;
    struct instances_op *fetch;
    STAILQ_HEAD(, part) ready;
    size_t ready_octets;
    struct conversion *conversion;
    struct flight flights[WINDOW_MAX]; /* oldest first */
    unsigned flight_count;
    struct loop_timer *deadline;
    struct loop_timer *tick;
    bool is_cancelled;
    int64_t patience_ms; /* then: until when outstanding answers are awaited */
    bool has_given_up;
    bool is_done;
    struct err error;
    struct buf failed;
    TAILQ_ENTRY(subops) link;
};

static void step(struct subops *s);

/* ---- counting ---- */

static void count_outcome(const struct subops *s, enum subop_outcome outcome, unsigned n)
{
    enum retrieve_value of = s->o.originator_aet ? RETRIEVE_move : RETRIEVE_get;
    metric_add_at(METRIC_suboperations, (struct metric_at){.a = of, .b = outcome}, n);
}

static void add_failed(struct subops *s, const char *uid, const struct err *why)
{
    s->counts.failed++;
    count_outcome(s, SUBOP_FAILED, 1);
    if (s->failed.len)
        buf_add_u8(&s->failed, '\\');
    buf_add_str(&s->failed, uid);
    if (s->error.code == RC_OK) {
        s->error = *why;
        if (s->error.code == RC_OK)
            s->error.code = RC_INTERNAL;
    }
    log_debug(assoc_log(s->o.channel->assoc), "suboperation.failed", "why=\"%s\"", why->text);
}

static void fail(struct subops *s, unsigned index, const struct err *why)
{
    if (s->states[index] == REF_DONE)
        return;
    s->states[index] = REF_DONE;
    add_failed(s, s->o.list->refs[index].sop_instance, why);
}

static void fail_rest(struct subops *s, const struct err *why)
{
    for (unsigned i = 0; i < s->count; i++)
        fail(s, i, why);
}

static void drop_flights(struct subops *s)
{
    s->o.channel->outstanding -= s->flight_count;
    s->flight_count = 0;
}

/* Sent, and nobody knows what became of it. */
static void audit_flights(const struct subops *s, const char *why)
{
    for (unsigned i = 0; i < s->flight_count; i++)
        audit_suboperation(&s->o.audit, s->o.list->refs[s->flights[i].index].sop_instance,
                           AUDIT_NO_STATUS, why);
}

static void fail_flights(struct subops *s, const struct err *why)
{
    for (unsigned i = 0; i < s->flight_count; i++)
        fail(s, s->flights[i].index, why);
    drop_flights(s);
}

/* ---- parts ---- */

static void part_free(struct part *p)
{
    buf_fini(&p->octets);
    free(p);
}

static void drop_ready(struct subops *s)
{
    while (!STAILQ_EMPTY(&s->ready)) {
        struct part *p = STAILQ_FIRST(&s->ready);
        STAILQ_REMOVE_HEAD(&s->ready, link);
        part_free(p);
    }
    s->ready_octets = 0;
}

/* ---- contexts ---- */

/* A context for the instance: of its own transfer syntax, else the first of our preference. */
static const struct assoc_context *context_for(const struct subops *s,
                                               const struct instance_ref *ref)
{
    const struct assoc *a = s->o.channel->assoc;
    const struct assoc_context *ctx = assoc_find_context(a, ref->sop_class, ref->transfer_syntax);
    if (ctx || !dcm_ts_find(ref->transfer_syntax))
        return ctx;
    for (const char *const *ts = dcm_ts_uids; *ts; ts++) {
        ctx = assoc_find_context(a, ref->sop_class, *ts);
        if (ctx)
            return ctx;
    }
    return NULL;
}

/* Instances that the peer has no context for fail at once; the others move together, in order. */
static void sort_out(struct subops *s)
{
    struct instance_list *l = s->o.list;
    for (unsigned i = 0; i < l->count; i++) {
        if (context_for(s, &l->refs[i])) {
            if (s->count != i)
                l->refs[s->count] = l->refs[i];
            s->count++;
            continue;
        }
        struct err err = {0};
        const char *name = dcm_uid_name(l->refs[i].sop_class);
        int len = (int)strlen(name);
        if (len > 8 && strcmp(name + len - 8, " Storage") == 0)
            len -= 8; /* so that it fits the Error Comment */
        err_set(&err, RC_UNSUPPORTED, "no role/context for %.*s", len, name);
        add_failed(s, l->refs[i].sop_instance, &err);
    }
}

/* ---- fetching ---- */

/* Found, and yet another one now: rows were lost after they had been acknowledged, which somebody should know. */
static void tell_changed(const struct subops *s, unsigned i)
{
    log_warn(assoc_log(s->o.channel->assoc), "retrieve.instance_changed",
             "uid=%s object=%lld note=\"another object has its id in this database\"",
             s->o.list->refs[i].sop_instance, (long long)s->o.list->refs[i].object_id);
}

static void on_data(unsigned index, struct buf *octets, const struct err *why, void *arg)
{
    struct subops *s = arg;
    unsigned i = s->fetch_first + index;
    if (index >= s->fetch_count || s->states[i] != REF_WAITING) {
        if (octets)
            buf_fini(octets);
        return;
    }
    if (!octets) {
        if (why->code == RC_CONFLICT)
            tell_changed(s, i);
        fail(s, i, why);
        return; /* counted; the end comes with on_fetched */
    }
    struct part *p = xcalloc(1, sizeof *p);
    p->index = i;
    p->octets = *octets; /* the octets move, the struct stays its owner's */
    memset(octets, 0, sizeof *octets);
    s->states[i] = REF_HERE;
    s->ready_octets += p->octets.len;
    STAILQ_INSERT_TAIL(&s->ready, p, link);
    loop_timer_set(s->tick, 0);
}

static void on_fetched(const struct err *result, void *arg)
{
    struct subops *s = arg;
    s->fetch = NULL;
    struct err why = {0};
    if (result->code != RC_OK)
        why = *result;
    else
        err_set(&why, RC_NOTFOUND, "an instance is no longer available");
    /* Without the database the batches to come would fail too, each after its own time-out. */
    unsigned end = result->code == RC_OK ? s->fetch_first + s->fetch_count : s->count;
    for (unsigned i = s->fetch_first; i < end; i++) {
        if (s->states[i] == REF_WAITING)
            fail(s, i, &why);
    }
    if (result->code != RC_OK) {
        log_warn(assoc_log(s->o.channel->assoc), "retrieve.fetch_failed", "why=\"%s\"",
                 result->text);
        s->next = s->count;
    }
    step(s);
}

static void fetch_more(struct subops *s)
{
    size_t half = s->o.config->fetch_batch_bytes / 2;
    if (s->fetch || s->next == s->count || s->ready_octets > half)
        return;
    if (assoc_is_full(s->o.channel->assoc))
        return; /* what a slow reader has not taken yet is enough; on_drained comes */
    s->fetch_first = s->next;
    s->fetch_count = retrieve_batch(s->o.list->refs + s->next, s->count - s->next, half);
    s->next += s->fetch_count;
    s->fetch =
        instances_fetch(s->o.reader, s->o.config->lease_timeout_ms,
                        s->o.list->refs + s->fetch_first, s->fetch_count, on_data, on_fetched, s);
}

/* ---- conversion ---- */

static void convert(void *arg)
{
    struct conversion *c = arg;
    struct buf out;
    buf_init(&out, c->limits.max_bytes * 2);
    c->rc = dcm_convert(buf_span(&c->part->octets), c->from, c->to, &c->limits, &out, &c->err);
    c->rc = FAULT(suboperation_convert, c->rc, &c->err);
    if (c->rc == RC_OK && buf_status(&out) != RC_OK)
        c->rc = err_set(&c->err, buf_status(&out), "the converted instance is too large");
    if (c->rc != RC_OK) {
        buf_fini(&out);
        return;
    }
    buf_fini(&c->part->octets);
    c->part->octets = out;
    c->part->is_converted = true;
}

static void conversion_drop(void *arg)
{
    struct conversion *c = arg;
    if (atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (c->part)
        part_free(c->part);
    free(c);
}

/* Puts the part back, or counts its failure. */
static void conversion_end(struct subops *s, struct conversion *c)
{
    s->conversion = NULL;
    if (c->rc == RC_OK && s->states[c->part->index] == REF_HERE && !s->is_cancelled) {
        s->ready_octets += c->part->octets.len;
        STAILQ_INSERT_HEAD(&s->ready, c->part, link);
        c->part = NULL;
    } else if (c->rc != RC_OK) {
        fail(s, c->part->index, &c->err);
    }
    conversion_drop(c);
}

static void on_converted(void *arg)
{
    struct conversion *c = arg;
    struct subops *s = c->subops;
    if (s)
        conversion_end(s, c);
    conversion_drop(c);
    if (s)
        step(s);
}

/* The head of the ready list needs another transfer syntax. One conversion at a time, overlapping with the
 * answer the peer still owes. */
static void conversion_start(struct subops *s)
{
    struct part *p = STAILQ_FIRST(&s->ready);
    const struct instance_ref *ref = &s->o.list->refs[p->index];
    STAILQ_REMOVE_HEAD(&s->ready, link);
    s->ready_octets -= p->octets.len;
    struct conversion *c = xcalloc(1, sizeof *c);
    atomic_init(&c->holders, 1);
    c->subops = s;
    c->part = p;
    c->from = dcm_ts_find(ref->transfer_syntax);
    c->to = dcm_ts_find(p->context->transfer_syntax);
    c->limits = s->o.config->dataset_limits;
    s->conversion = c;
    if (!c->from || !c->to) {
        c->rc = err_set(&c->err, RC_UNSUPPORTED, "the transfer syntax cannot be converted");
    } else if (p->octets.len > s->o.config->inline_ingest_bytes || c->from->is_deflated ||
               c->to->is_deflated) {
        struct job job = {convert, on_converted, conversion_drop, c};
        atomic_store_explicit(&c->holders, 2, memory_order_relaxed);
        if (jobpool_submit(s->o.jobs, s->o.mailbox, &job) == RC_OK)
            return;
        atomic_store_explicit(&c->holders, 1, memory_order_relaxed);
        c->rc =
            err_set_limit(&c->err, LIMIT_max_waiting_jobs, 0, "too many conversions are waiting");
    } else {
        convert(c);
    }
    conversion_end(s, c);
}

/* ---- sending ---- */

static void send_part(struct subops *s, struct part *p)
{
    struct assoc *a = s->o.channel->assoc;
    const struct instance_ref *ref = &s->o.list->refs[p->index];
    struct dimse_command rq = {
        .field = DIMSE_C_STORE_RQ,
        .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID | CMD_HAS_PRIORITY | CMD_HAS_SOP_INSTANCE,
        .message_id = assoc_next_message_id(a),
        .priority = s->o.priority,
        .has_dataset = true,
    };
    _Static_assert(sizeof rq.sop_class == sizeof ref->sop_class, "a UID is a UID");
    memcpy(rq.sop_class, ref->sop_class, sizeof rq.sop_class);
    memcpy(rq.sop_instance, ref->sop_instance, sizeof rq.sop_instance);
    if (s->o.originator_aet) {
        rq.has |= CMD_HAS_ORIGINATOR; /* PS3.7 9.1.1.1.6 */
        snprintf(rq.originator_aet, sizeof rq.originator_aet, "%s", s->o.originator_aet);
        rq.originator_id = s->o.originator_id;
    }
    struct span data = buf_span(&p->octets);
    if (assoc_send(a, p->context, &rq, &data) != RC_OK) {
        struct err err = {0};
        err_set(&err, RC_IO, "the association is ending");
        fail(s, p->index, &err);
        return;
    }
    metric_add_at(METRIC_dataset_bytes, (struct metric_at){.a = WAY_sent}, (int64_t)p->octets.len);
    int64_t deadline = clock_now_ms() + s->o.config->suboperation_ms;
    s->flights[s->flight_count++] = (struct flight){rq.message_id, p->index, deadline};
    s->o.channel->outstanding++;
    if (!loop_timer_is_set(s->deadline))
        loop_timer_set(s->deadline, s->o.config->suboperation_ms);
}

static void send_ready(struct subops *s)
{
    struct subops_channel *ch = s->o.channel;
    struct part *p;
    while ((p = STAILQ_FIRST(&s->ready))) {
        const struct instance_ref *ref = &s->o.list->refs[p->index];
        if (!p->context) {
            p->context = context_for(s, ref);
            p->is_converted = strcmp(p->context->transfer_syntax, ref->transfer_syntax) == 0;
        }
        if (!p->is_converted) {
            if (s->conversion)
                return;
            conversion_start(s);
            continue;
        }
        if (ch->outstanding >= ch->window || s->flight_count >= WINDOW_MAX ||
            assoc_is_full(ch->assoc))
            return;
        STAILQ_REMOVE_HEAD(&s->ready, link);
        s->ready_octets -= p->octets.len;
        send_part(s, p);
        part_free(p);
    }
}

/* Whatever can be done now. May end the engine's life: the caller returns. */
static void step(struct subops *s)
{
    if (s->is_done)
        return;
    if (!s->is_cancelled) {
        send_ready(s);
        fetch_more(s);
    }
    bool is_finished = s->is_cancelled ? s->flight_count == 0 : counts_remaining(&s->counts) == 0;
    if (!is_finished)
        return;
    s->is_done = true;
    loop_timer_clear(s->deadline);
    s->o.on_done(s->o.arg);
}

static void on_tick(void *arg)
{
    step(arg);
}

/* When the oldest outstanding request is given up. */
static int64_t deadline_of(struct subops *s)
{
    int64_t due = s->flights[0].deadline_ms;
    if (!s->is_cancelled)
        return due;
    if (s->o.grace_follows_output && assoc_is_full(s->o.channel->assoc))
        s->patience_ms = clock_now_ms() + s->o.cancel_grace_ms;
    return s->patience_ms < due ? s->patience_ms : due;
}

static void grant_grace(struct subops *s)
{
    int64_t now = clock_now_ms();
    s->patience_ms = now + s->o.cancel_grace_ms;
    if (s->flight_count) {
        int64_t left = deadline_of(s) - now;
        loop_timer_set(s->deadline, left > 0 ? left : 0);
    }
}

static void give_up(struct subops *s, const struct err *why)
{
    s->has_given_up = true;
    subops_abandon(s, why);
    step(s);
}

static void on_deadline(void *arg)
{
    struct subops *s = arg;
    struct err err = {0};
    if (!s->flight_count || s->is_done)
        return;
    int64_t left = deadline_of(s) - clock_now_ms();
    if (left > 0) {
        loop_timer_set(s->deadline, left);
        return;
    }
    if (s->is_cancelled)
        err_set_limit(&err, LIMIT_cancel_grace, 0, "no answer to C-STORE when cancelled");
    else
        err_set_limit(&err, LIMIT_suboperation_timeout, 0, "no answer to C-STORE within %lld ms",
                      (long long)s->o.config->suboperation_ms);
    struct log_ctx ctx = *assoc_log(s->o.channel->assoc);
    ctx.limit = err.limit;
    log_warn(&ctx, "suboperation.timeout", "why=\"%s\"", err.text);
    give_up(s, &err);
}

/* ---- responses ---- */

static void account(struct subops *s, const struct flight *flight, const struct dimse_message *m)
{
    const struct dimse_command *rsp = &m->command;
    const char *uid = s->o.list->refs[flight->index].sop_instance;
    bool is_readable = m->command_rc == RC_OK && (rsp->has & CMD_HAS_STATUS);
    enum subop_outcome outcome = is_readable ? subop_outcome_of(rsp->status) : SUBOP_FAILED;
    if (outcome == SUBOP_FAILED) {
        struct err err = {0};
        if (is_readable)
            err_set(&err, RC_DENIED, "C-STORE was answered with %04X %s", rsp->status,
                    status_text(rsp->status));
        else
            err_set(&err, RC_INVALID, "C-STORE was answered with a malformed response");
        audit_suboperation(&s->o.audit, uid, is_readable ? rsp->status : AUDIT_NO_STATUS, err.text);
        fail(s, flight->index, &err);
        return;
    }
    s->states[flight->index] = REF_DONE;
    count_outcome(s, outcome, 1);
    audit_suboperation(&s->o.audit, uid, rsp->status, NULL);
    if (outcome == SUBOP_COMPLETED) {
        s->counts.completed++;
    } else {
        s->counts.warning++;
    }
}

static bool take_response(struct subops *s, const struct dimse_message *m)
{
    for (unsigned i = 0; i < s->flight_count; i++) {
        if (s->flights[i].message_id != m->command.responded_id)
            continue;
        struct flight flight = s->flights[i];
        memmove(s->flights + i, s->flights + i + 1, (s->flight_count - i - 1) * sizeof *s->flights);
        s->flight_count--;
        s->o.channel->outstanding--;
        account(s, &flight, m);
        if (s->is_cancelled)
            grant_grace(s);
        s->o.on_progress(s->o.arg);
        return true;
    }
    return false;
}

static void channel_step(struct subops_channel *ch)
{
    struct subops *s = TAILQ_FIRST(&ch->list);
    while (s) {
        struct subops *next = TAILQ_NEXT(s, link);
        step(s);
        s = next;
    }
}

bool channel_on_response(struct subops_channel *ch, const struct dimse_message *m)
{
    struct subops *s;
    if (m->command.field != DIMSE_C_STORE_RSP || !(m->command.has & CMD_HAS_RESPONDED_ID))
        return false;
    TAILQ_FOREACH (s, &ch->list, link) {
        if (take_response(s, m))
            break;
    }
    if (!s)
        return false;
    /* The others go first now. */
    TAILQ_REMOVE(&ch->list, s, link);
    TAILQ_INSERT_TAIL(&ch->list, s, link);
    channel_step(ch);
    return true;
}

void channel_on_drained(struct subops_channel *ch)
{
    channel_step(ch);
}

void channel_init(struct subops_channel *ch, struct assoc *a, unsigned max_window)
{
    uint16_t we_invoke = 1, peer_invokes = 1;
    assoc_async_window(a, &we_invoke, &peer_invokes);
    if (max_window > WINDOW_MAX)
        max_window = WINDOW_MAX;
    if (max_window == 0)
        max_window = 1;
    ch->assoc = a;
    ch->window = we_invoke == 0 || we_invoke > max_window ? max_window : we_invoke;
    ch->outstanding = 0;
    TAILQ_INIT(&ch->list);
}

/* ---- life ---- */

struct subops *subops_start(const struct subops_options *o)
{
    struct subops *s = xcalloc(1, sizeof *s);
    struct loop *loop = assoc_loop(o->channel->assoc);
    s->o = *o;
    STAILQ_INIT(&s->ready);
    buf_init(&s->failed, FAILED_LIST_BYTES);
    s->states = xcalloc(o->list->count ? o->list->count : 1, 1);
    s->counts.total = o->list->count;
    s->deadline = loop_timer_new(loop, on_deadline, s);
    s->tick = loop_timer_new(loop, on_tick, s);
    TAILQ_INSERT_TAIL(&o->channel->list, s, link);
    sort_out(s);
    fetch_more(s);
    if (counts_remaining(&s->counts) == 0)
        loop_timer_set(s->tick, 0);
    return s;
}

void subops_cancel(struct subops *s)
{
    if (s->is_cancelled || s->is_done)
        return;
    s->is_cancelled = true;
    if (s->fetch)
        instances_cancel(s->fetch);
    s->fetch = NULL;
    drop_ready(s);
    grant_grace(s);
    loop_timer_set(s->tick, 0);
}

void subops_abandon(struct subops *s, const struct err *why)
{
    if (s->fetch)
        instances_cancel(s->fetch);
    s->fetch = NULL;
    drop_ready(s);
    s->next = s->count;
    loop_timer_clear(s->tick);
    loop_timer_clear(s->deadline);
    audit_flights(s, why->text);
    if (s->is_cancelled) {
        fail_flights(s, why);
    } else {
        drop_flights(s);
        fail_rest(s, why);
    }
}

void subops_free(struct subops *s)
{
    if (!s)
        return;
    struct subops_channel *ch = s->o.channel;
    if (s->fetch)
        instances_cancel(s->fetch);
    if (s->conversion) {
        s->conversion->subops = NULL;
        conversion_drop(s->conversion);
    }
    drop_ready(s);
    audit_flights(s, "the retrieve has ended");
    drop_flights(s);
    TAILQ_REMOVE(&ch->list, s, link);
    loop_timer_free(s->deadline);
    loop_timer_free(s->tick);
    instance_list_free(s->o.list);
    buf_fini(&s->failed);
    free(s->states);
    /* The requests it leaves behind no longer count: let the others use the window. */
    struct subops *other;
    TAILQ_FOREACH (other, &ch->list, link)
        loop_timer_set(other->tick, 0);
    free(s);
}

const struct subop_counts *subops_counts(const struct subops *s)
{
    return &s->counts;
}

struct span subops_failed_uids(const struct subops *s)
{
    return buf_span(&s->failed);
}

const struct err *subops_error(const struct subops *s)
{
    return &s->error;
}

bool subops_gave_up(const struct subops *s)
{
    return s->has_given_up;
}
