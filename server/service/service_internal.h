/* SPDX-License-Identifier: Apache-2.0
 *
 * service, private: what the files of this layer share. Lifetimes and threads are told in front.c (operations
 * and associations), subops.c (sub-operations) and move_job.c (C-MOVE jobs).
 */
#ifndef SERVICE_INTERNAL_H
#define SERVICE_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "catalog/audit.h"
#include "catalog/instances.h"
#include "catalog/peers.h"
#include "catalog/reading.h"
#include "core/log.h"
#include "core/metrics.h"
#include "net/negotiate.h"
#include "service/classes.h"
#include "service/service.h"
#include "service/status.h"

/* ---- classes.c ---- */

/* What a peer with these rights is granted. rules has SOP_CLASS_COUNT elements and must live as long as *out. */
void classes_policy(unsigned rights, unsigned max_operations, struct negotiate_rule rules[],
                    struct negotiate_policy *out);

/* ---- counts.c: pure rules of retrieves ---- */

struct subop_counts {
    unsigned total;
    unsigned completed;
    unsigned failed;
    unsigned warning;
};
unsigned counts_remaining(const struct subop_counts *c);
enum subop_outcome { SUBOP_COMPLETED, SUBOP_WARNING, SUBOP_FAILED };
/* Which outcome a C-STORE response status means (PS3.7 Annex C). */
enum subop_outcome subop_outcome_of(uint16_t status);
/* PS3.4 C.4.2.2.1 and C.4.3.2.1 (HH.6): the final status. */
uint16_t retrieve_final_status(const struct subop_counts *c, bool cancelled);
/* Fill the counters of a response: remaining only where the standard wants it (pending and cancel). */
void retrieve_set_counts(struct dimse_command *rsp, const struct subop_counts *c);
/* The data set of a final response: only (0008,0058), from UIDs separated by backslash. */
MUST_CHECK enum rc retrieve_failed_list(struct span uids, const struct dcm_ts *ts,
                                        struct arena *arena, struct buf *out, struct err *err);
/* How many refs from `first` make one batch: at most `bytes` octets, at least one, at most BATCH_COUNT. */
enum { BATCH_COUNT = 256 };
unsigned retrieve_batch(const struct instance_ref *refs, unsigned count, size_t bytes);
enum { SUBOPS_MAX = 65535 }; /* (0000,1020) to (0000,1023) are US */

/* ---- outcomes.c: operations in /metrics; any thread ---- */

unsigned outcome_class(const char *name); /* "scanner"; NULL = it has no row */
/* An operation that has ended with this final status. */
void outcome_count(enum status_service service, unsigned ae_class, uint16_t status, int64_t us);
void outcome_count_stopped(enum status_service service, unsigned ae_class); /* without a response */

/* ---- front.c: associations and operations ---- */

/* Reusable memory of one operation. */
struct op_memory {
    struct arena *arena;   /* lifetime: the operation */
    struct arena *scratch; /* lifetime: one row */
    struct buf out;
    struct op_memory *next;
};

struct operation;

struct operation_kind {
    const char *name;    /* "find" */
    const char *event;   /* "find.done" */
    const char *refused; /* "find.refused" */
    const char *stopped; /* "find.stopped" */
    enum status_service service;
    size_t size; /* of the struct that begins with struct operation */
    void (*start)(struct operation *op);
    void (*cancel)(struct operation *op); /* C-CANCEL came; NULL = has no effect */
    void (*drained)(
        struct operation *op); /* the association takes output again; NULL = not interested */
    /* It has taken longer than it may: end it for this reason. NULL = operation_fail_rc will do. */
    void (*expire)(struct operation *op, const struct err *why);
    void (*stop)(struct operation *op); /* let go of everything; nothing is sent any more */
    bool is_audited;
    /* What its audit row has to say beside the log line; it has not been stopped yet. NULL = nothing. */
    void (*add_audit)(const struct operation *op, struct buf *json);
};
extern const struct operation_kind operation_echo, operation_store, operation_find, operation_get,
    operation_move;

/* One running operation. Made by front.c, which also frees it in operation_end. */
struct operation {
    const struct operation_kind *kind;
    struct front *front;
    struct dimse_message *request;
    const struct dcm_ts *ts; /* of the request's context */
    struct peer_op *authorizing;
    int64_t started_us;
    bool is_counted; /* among its caller's operations */
    bool is_timed;   /* in the service's list by age */
    bool has_audit_row;
    LIST_ENTRY(operation) link;
    TAILQ_ENTRY(operation) by_age;
};

/* C-STORE sub-operations that run on one association, and how many may be outstanding. */
struct subops;
TAILQ_HEAD(subops_list, subops);
struct subops_channel {
    struct assoc *assoc;
    unsigned window; /* at least 1 */
    unsigned outstanding;
    struct subops_list list;
};

/* One accepted association. */
struct front {
    struct service *service;
    const struct service_config *config; /* held; see settings.c */
    struct assoc *assoc;
    struct peer_op *lookup; /* admission is asking the database */
    unsigned rights;
    bool has_row;            /* the rights come from the database and may be revoked */
    bool is_guest;           /* it has none of its own: the row is that of unknown-ae-row */
    bool is_unchecked;       /* let in by policy while the database was away; it may have a row */
    bool admitted;           /* counted against max_associations */
    struct caller *caller;   /* from admission on; NULL before */
    unsigned max_operations; /* of the caller's title; 0 = no limit */
    bool established;
    bool releasing;
    bool is_aborted;
    int64_t patience_ms; /* while draining: when a peer that was asked to go is cut off */
    uint8_t quiet_ticks; /* while draining: how long nothing has come */
    uint8_t lookup_step;
    int64_t rights_read_ms;
    char *preferred_charset; /* in the association's arena; NULL = none */
    char *required;          /* assertions, as query_view.required; likewise */
    bool sees_current_only;
    bool may_supersede;
    unsigned ae_class; /* of its row, in /metrics */
    unsigned operation_count;
    LIST_HEAD(, operation) operations;
    struct subops_channel channel;
    const struct pdu_associate *rq; /* until admission has answered */
    LIST_ENTRY(front) link;
};

enum drain_stage { DRAIN_NOT, DRAIN_GENTLY, DRAIN_NOW };

struct service {
    struct worker *worker;
    struct loop *loop;
    struct mailbox *mailbox;
    const struct service_config *config;
    struct jobpool *jobs;
    struct retrieve_pool *retrieve;
    struct pg_pool *pool;
    struct pg_pool *standby; /* NULL = none */
    struct reader *reader;
    struct audit *audit;
    LIST_HEAD(, front) fronts;
    unsigned front_count;
    struct op_memory *spare;
    unsigned spare_count;
    enum drain_stage drain;
    struct loop_timer *drain_timer;
    void (*on_drained)(void *arg);
    void *drained_arg;
    TAILQ_HEAD(, operation) timed; /* oldest first, so that one timer does for all */
    struct loop_timer *age_timer;
};

struct op_memory *memory_take(struct service *s);
void memory_give(struct service *s, struct op_memory *m); /* NULL is legal */

void front_abort(struct front *f, const char *why); /* on_closed follows */
void front_cut_off(
    struct front *f); /* at once, without a callback: the peer gets an A-ABORT if it takes one */

/* A response to the operation's request. */
struct dimse_command operation_response(const struct operation *op, uint16_t status,
                                        const struct err *err);
/* Send one response; a failure to send only means that the association is ending. */
void operation_send(struct operation *op, const struct dimse_command *rsp, const struct span *data);
/* What an operation adds to its log line. */
enum { DETAILS_MAX = 8 };
struct details {
    struct log_pair pairs[DETAILS_MAX];
    unsigned count;
};
/* Send the final response, count, write the one log line, end. why and details may be NULL. op is gone
 * afterwards. */
void operation_finish(struct operation *op, const struct dimse_command *rsp,
                      const struct span *data, const struct err *why,
                      const struct details *details);
/* The short form: no counters, no data set. */
void operation_fail(struct operation *op, uint16_t status, const struct err *why);
void operation_fail_rc(struct operation *op, const struct err *why); /* status by status_of */

/* Their time limit has changed. */
void operations_retime(struct service *s);

/* ---- settings.c ---- */

void front_renew(struct front *f); /* before an operation begins */

/* ---- drain.c ---- */

void drain_operation_ended(struct front *f);
void drain_check(struct service *s); /* a front has gone */
void drain_tick(void *arg);          /* the drain timer's, of the service */

/* ---- audit.c ---- */

struct audit_options audit_options_of(const struct service_config *config);
/* Where the rows of this association go; NULL when no audit is wanted. */
struct audit *audit_of(const struct front *f);
/* The queue of one thread. returned (audit_free). */
struct audit *audit_start(struct loop *l, struct pg_pool *pool,
                          const struct service_config *config);
struct audit_peer audit_peer_of(const struct front *f); /* borrows from the association */
/* What the details of every row of this request begin with. */
void audit_open_request(struct buf *json, const struct dimse_command *rq);
/* A request that did not become an operation. */
void audit_request(struct front *f, const struct operation_kind *kind,
                   const struct dimse_command *rq, uint16_t status, const struct err *why);
/* An operation that ends; once. status: AUDIT_NO_STATUS = without a response. why and details may be NULL. */
void audit_operation(struct operation *op, int status, const struct err *why,
                     const struct details *details);
/* Who sub-operations are done for; strings are borrowed as long as they run. */
struct subops_audit {
    struct audit *audit; /* NULL = no rows */
    const char *operation;
    struct audit_peer peer;
    uint16_t message_id; /* of the C-GET or C-MOVE */
};
/* An instance that was sent, and how it was answered; why: what is wrong, or NULL. */
void audit_suboperation(const struct subops_audit *by, const char *sop_instance, int status,
                        const char *why);

/* ---- admission.c ---- */

unsigned operations_cap(const struct service_config *config); /* at least 1 */

/* on_request of the association: answers it now or when the database has answered. */
void admission_start(struct front *f, const struct pdu_associate *rq);
/* There is no association, or it has ended and so have its operations; gives its places back. */
void admission_cancel(struct front *f);
/* How many operations its title may have: of its row (NULL = none), else of the settings. */
void admission_set_operations(struct front *f, const struct peer *row);
/* What it sees and how it is answered, by its row: the assertions that protocols need, whether only current versions,
 * whether it may supersede; the character set it prefers; its class. Operations that run keep what they began with. */
void admission_set_view(struct front *f, const struct peer *row);
/* Whether the peer has shown a certificate that the row binds it to, where it binds it to any; RC_DENIED says why not. */
MUST_CHECK enum rc admission_check_binding(const struct front *f, const struct peer *row,
                                           struct err *err);
/* The title whose row speaks for the peer: its own, or that of unknown-ae-row. With which address: NULL = any. */
const char *admission_row_title(const struct front *f);
const char *admission_row_address(const struct front *f);
void admission_count_connection(int delta);
bool admission_has_room(const struct service_config *config); /* for one more connection */
/* Whether the rights we know are recent enough to start an operation with; else read the row again. */
/* Of a title without a row, by the settings; where unknown-ae-row names a row, that counts. */
unsigned admission_policy_rights(const struct front *f);
bool admission_is_fresh(const struct front *f);

/* ---- callers.c: what one calling AE title has on this server; any thread ---- */

struct caller;
/* One more association of this title; NULL = it has `limit` (0 = no limit) already. */
struct caller *caller_enter(const char *ae_title, unsigned limit);
void caller_leave(struct caller *c); /* NULL is legal; its operations have ended */
bool caller_begin(struct caller *c,
                  unsigned limit); /* one more operation; false = it has `limit` already */
void caller_end(struct caller *c);

/* ---- subops.c ---- */

struct subops_options {
    struct subops_channel *channel;
    struct reader *reader;
    struct jobpool *jobs;
    struct mailbox *mailbox;
    const struct service_config *config;
    struct instance_list *list; /* owned */
    uint16_t priority;
    const char *originator_aet; /* NULL = C-GET */
    uint16_t originator_id;
    struct subops_audit audit;
    int64_t cancel_grace_ms;   /* after a cancel the outstanding answers are awaited so long */
    bool grace_follows_output; /* but not before the peer has taken what it is to answer */
    void (*on_progress)(void *arg);
    /* Exactly once, never from inside subops_start or subops_cancel; not after subops_free. */
    void (*on_done)(void *arg);
    void *arg;
};

void channel_init(struct subops_channel *ch, struct assoc *a, unsigned max_window);
/* A C-STORE response on the association; false when nobody waits for it. */
bool channel_on_response(struct subops_channel *ch, const struct dimse_message *m);
void channel_on_drained(struct subops_channel *ch);

struct subops *subops_start(const struct subops_options *o); /* returned */
void subops_cancel(
    struct subops
        *s); /* start no more; on_done when the outstanding ones are answered or given up */
void subops_free(struct subops *s); /* NULL is legal */
/* The association has ended, or the time of the operation: what is not finished counts as failed, for this
 * reason; of a cancelled one only what is outstanding, the rest remains. No on_done comes. */
void subops_abandon(struct subops *s, const struct err *why);
const struct subop_counts *subops_counts(const struct subops *s);
struct span subops_failed_uids(const struct subops *s); /* separated by backslash */
/* The first failure in words, for the Error Comment; code RC_OK = none. */
const struct err *subops_error(const struct subops *s);
/* The peer left a sub-operation unanswered past its deadline. */
bool subops_gave_up(const struct subops *s);

/* ---- retrieve.c: what GET and MOVE have in common ---- */

struct retrieve {
    struct operation base;
    struct op_memory *memory;
    const struct model *model;
    const char **uids; /* in memory's arena */
    unsigned uid_count;
    struct instances_op *finding;
    const char *destination_required; /* as front.required, of a move's destination */
    /* The instances are known; takes the list, which has 1 to SUBOPS_MAX. */
    void (*on_list)(struct retrieve *r, struct instance_list *list);
    int64_t progress_ms; /* when the last pending response was sent; 0 = none yet */
    struct subop_counts latest;
    struct loop_timer *life; /* the next pending response when nothing happens */
    unsigned asked;
    bool is_cancelled; /* C-CANCEL came */
    const char **
        unknown; /* of uids, those that nothing is sent for; at most AUDIT_UIDS. In memory's arena */
    unsigned unknown_count;
};
/* Read the identifier; false = the operation has ended. */
bool retrieve_read(struct retrieve *r);
/* Find the instances; on_list comes, or the operation ends. */
void retrieve_find(struct retrieve *r);
/* The counters have changed, or are known now. A pending response goes out: the first at once, then one per
 * progress interval, with or without further calls, until retrieve_stop. */
void retrieve_pending(struct retrieve *r, const struct subop_counts *counts);
/* The final response. why may be NULL. */
void retrieve_finish(struct retrieve *r, const struct subop_counts *counts, bool cancelled,
                     struct span failed_uids, const struct err *why);
void retrieve_stop(struct retrieve *r);
void retrieve_add_audit(const struct operation *op, struct buf *json);

/* ---- move_proposal.c ---- */

/* What is asked of the destination; *rq borrows from the arena, the list and the settings. RC_NOMEM. */
MUST_CHECK enum rc move_propose(const struct service_config *config, const struct peer *destination,
                                const struct instance_list *list, struct arena *arena,
                                struct pdu_associate *rq, struct err *err);

/* ---- move_mail.c: jobs of the retrieve workers ---- */

struct move_job;

/* What the front gives to a retrieve worker; list is owned, strings are copied. */
struct move_request {
    struct peer destination;
    struct instance_list *list;
    struct audit_peer originator;
    uint16_t originator_id;
    uint16_t priority;
};
struct move_result {
    struct subop_counts counts;
    bool cancelled;
    struct err why; /* RC_OK = nothing failed */
    struct buf failed_uids;
};
struct move_listener {
    void (*on_progress)(const struct subop_counts *counts, void *arg);
    void (*on_done)(struct move_result *result, void *arg); /* borrowed for the call */
    void *arg;
};
/* Front's thread. Callbacks come on the front's loop, never from inside, none after move_job_abandon. A full
 * queue of the destination is reported through on_done (RC_LIMIT). returned; give back with
 * move_job_abandon, also after on_done. */
struct move_job *move_job_start(struct retrieve_pool *p, struct mailbox *front,
                                const struct move_request *rq,
                                const struct move_listener *listener);
void move_job_cancel(struct move_job *j);
void move_job_expire(struct move_job *j, const struct err *why); /* what is left fails; once */
void move_job_abandon(struct move_job *j);

#endif
