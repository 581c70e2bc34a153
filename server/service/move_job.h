/* SPDX-License-Identifier: Apache-2.0
 *
 * service, private: one C-MOVE on its retrieve worker, for the files that do its work; move_job.c says how they go
 * together. Retrieve worker's thread, but for what move_mail.c says.
 */
#ifndef SERVICE_MOVE_JOB_H
#define SERVICE_MOVE_JOB_H

#include "service_internal.h"

#include <pthread.h>

#include "catalog/slots.h"
#include "core/resolve.h"

enum job_state {
    JOB_QUEUED,
    JOB_WAITING, /* for a place at the destination */
    JOB_RESOLVING,
    JOB_CONNECTING,
    JOB_PUT_OFF, /* rejected for now */
    JOB_RUNNING,
    JOB_RELEASING,
    JOB_ENDED,
};

/* move_queue.c: where it stands in line. */
struct move_place {
    struct destination *destination;
    int64_t until_ms; /* the waiting, of whatever kind, ends */
    struct slot *slot;
    TAILQ_ENTRY(move_job) link;
};

/* move_connect.c: what an association takes. */
enum { ADDRESSES_MAX = 8 };
struct move_connecting {
    struct tls *tls; /* that of the moment when the job began to work; NULL = not wanted */
    struct resolve *resolve;
    struct resolved addresses[ADDRESSES_MAX];
    unsigned address_count;
    unsigned address_next;
    struct arena *plan; /* the association request */
    struct pdu_associate rq;
    bool is_put_off;
    int64_t retry_ms;
};

/* move_send.c: what runs on it. */
struct move_sending {
    struct subops_channel channel;
    struct subops *subops; /* NULL = not begun, or over */
    int64_t progress_ms;
};

struct move_job {
    /* what two threads share */
    atomic_uint holders;
    pthread_mutex_t lock;
    struct mailbox *mailbox; /* the front's; guarded by lock; NULL = nobody listens */

    /* front's thread */
    struct move_listener listener;
    struct worker *worker;
    bool is_abandoned;

    /* fixed before the job is handed over */
    struct peer destination;
    char originator_aet[AET_MAX + 1];
    char originator_address[ADDRESS_TEXT];
    uint16_t originator_id;
    uint16_t priority;
    uint64_t assoc_number;

    struct err expiry; /* why it was ended, from the front; set before the worker is told */

    /* retrieve worker's thread */
    struct retriever *retriever;
    const struct service_config *config; /* held */
    struct instance_list *list;          /* NULL once the sub-operations have it */
    unsigned total;
    enum job_state state;
    struct loop_timer
        *timer; /* of the state's one wait: in line, for the host's name, for the next try */
    bool is_cancelled;
    bool is_reported;
    struct move_place place;
    struct move_connecting connecting;
    struct assoc *assoc;
    struct move_sending sending;
};

/* ---- retrieve_worker.c: the thread ---- */

struct retriever {
    struct worker *worker;
    struct loop *loop;
    const struct service_config *config;
    const struct service_pools *pools;
    struct pg_pool *pool;
    struct pg_pool *standby; /* NULL = none */
    struct reader *reader;
    struct audit *audit;
    struct slots *slots;
    bool is_stopping;
    struct drain_order *drain; /* NULL = nobody waits for the last job */
    LIST_HEAD(, destination) destinations;
};

void retriever_check_drained(struct retriever *t); /* the last job of a destination has gone */
struct worker *retrieve_pool_worker(const struct retrieve_pool *p,
                                    const char *ae_title); /* the destination's; any thread */

/* ---- move_mail.c: between the two threads ---- */

void mail_drop_job(struct move_job *j); /* the worker is done with it */
void mail_progress(struct move_job *j, const struct subop_counts *counts);
void mail_result(struct move_job *j, const struct move_result *result); /* takes its buffer */

/* ---- move_job.c: its states, and its end ---- */

void job_begin(struct move_job *j);
/* Word of the front, in any state. */
void job_cancel(struct move_job *j);
void job_expire(
    struct move_job *j);           /* what is left fails, but not what the destination has taken */
void job_stop(struct move_job *j); /* nobody waits for it; an association ends on its own */
/* Of one without association: all has failed. The first leaves it to on_closed to end the job. */
void job_refused(struct move_job *j, const struct err *why);
void job_fail(struct move_job *j, const struct err *why);
/* Tell the front how it ended; once. why: what stopped a job that had no association. */
void job_report(struct move_job *j, const struct err *why);
/* Leaves the destination to the next one. The association, if any, is gone or on its own. */
void job_end(struct move_job *j);
struct log_ctx job_log(const struct move_job *j);
/* Whose association it was, and why it ended. */
struct err job_why_closed(const struct move_job *j, const struct err *why);

/* ---- move_queue.c: one destination, many jobs ---- */

MUST_CHECK enum rc queue_enter(struct move_job *j,
                               struct err *err); /* RC_LIMIT: the queue is full */
/* last: the state it ended in. The next one may begin. */
void queue_leave(struct move_job *j, enum job_state last);
void queue_why(const struct move_job *j, struct err *err); /* it has waited too long: for what */
struct move_job *
queue_first(const struct retriever *t); /* of any destination; NULL = there is no job */

/* ---- move_connect.c: from a place to an association ---- */

void connect_begin(struct move_job *j);
void connect_again(struct move_job *j); /* the pause of one that was put off is over */
void connect_rejected(struct move_job *j, const struct pdu_reject *rj);
void connect_closed(struct move_job *j, const struct err *why);
void connect_forget(struct move_job *j);

/* ---- move_send.c: the association ---- */

extern const struct assoc_callbacks sending_callbacks; /* arg: the job */
struct subop_counts sending_counts(const struct move_job *j);
void sending_forget(struct move_job *j); /* the sub-operations */

#endif
