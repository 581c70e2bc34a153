/* SPDX-License-Identifier: Apache-2.0
 *
 * service/admission: who may open an association, and with which rights.
 *
 *   called title not ours               rejected 1/1/7 (permanent, user, called AE title not recognized)
 *   too many associations, in all or    rejected 2/3/2 (transient, presentation, local limit exceeded)
 *   of this title; draining
 *   database away                       UNKNOWN_AE_ANY, or LOOPBACK from loopback: admitted with all rights until
 *                                       the database answers, then looked up before the next operation;
 *                                       else rejected 2/3/1 (temporary congestion)
 *   row for title and source address    the row's rights
 *   that row binds to a certificate,    rejected 1/1/3: on a plain connection, without one or with another
 *   and the peer has not shown it
 *   row for the title, other addresses  rejected 1/1/3 (calling AE title not recognized), whatever the policy
 *   no row                              by policy: all rights or those of the row that unknown-ae-row names, C-ECHO
 *                                       only, or rejected 1/1/3
 *
 * The row is read when the association arrives and is never cached across associations (architecture 3). Rights may
 * be revoked while an association is open, and what its AE may see may change; so before an operation the row is read again unless that was done
 * FRESH_MS ago, or one millisecond ago per association of this worker, whichever is longer. That bounds the
 * extra statements to about a thousand a second and worker, while a change is in force practically at once.
 * The alternative, LISTEN/NOTIFY, would depend on session state (decision: PgBouncer must do).
 */
#include "service_internal.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "net/reject.h"
#include "dcm/charset.h"

enum { FRESH_MS = 20 };

enum lookup_step { LOOKUP_WITH_ADDRESS, LOOKUP_TITLE_ONLY, LOOKUP_GUEST };

/* Of the whole process: the limit is the process's, the services are one per worker. */
static atomic_int connections;
static atomic_int associations;

unsigned operations_cap(const struct service_config *config)
{
    return config->max_operations_per_assoc ? config->max_operations_per_assoc : 1;
}

void admission_count_connection(int delta)
{
    atomic_fetch_add_explicit(&connections, delta, memory_order_relaxed);
}

/* Connections that have not asked for an association yet are bounded too, with room for health checks of a
 * load balancer and for requests that are to be rejected in order. */
bool admission_has_room(const struct service_config *config)
{
    unsigned limit = config->max_associations;
    int64_t room = config->max_connections ? (int64_t)config->max_connections
                                           : (int64_t)limit + limit / 4 + 64;
    return atomic_load_explicit(&connections, memory_order_relaxed) < room;
}

static void reject(struct front *f, enum reject code, enum log_level level, const struct err *why)
{
    f->rq = NULL;
    admission_cancel(f); /* who is rejected and does not close the connection takes no place */
    assoc_answer_reject(f->assoc, &reject_of(code)->code, level, why);
}

static void refuse(struct front *f, enum reject code, const char *text)
{
    struct err why;
    err_set(&why, RC_DENIED, "%s", text);
    reject(f, code, LOG_WARN, &why);
}

static bool is_called_title(const struct service_config *c, const char *title)
{
    if (c->any_called_title || strcmp(title, c->ae_title) == 0)
        return true;
    for (const char *const *t = c->called_titles; t && *t; t++) {
        if (strcmp(title, *t) == 0)
            return true;
    }
    return false;
}

static bool is_welcome_unknown(const struct front *f)
{
    switch (f->config->unknown_ae) {
    case UNKNOWN_AE_ANY:
        return true;
    case UNKNOWN_AE_LOOPBACK:
        return address_is_loopback(assoc_peer_address(f->assoc));
    case UNKNOWN_AE_REFUSE:
        break;
    }
    return false;
}

unsigned admission_policy_rights(const struct front *f)
{
    return is_welcome_unknown(f) ? PEER_MAY_ALL : f->config->echo_for_all ? PEER_MAY_ECHO : 0;
}

static bool proposes(const struct pdu_associate *rq, const char *abstract_syntax)
{
    for (unsigned i = 0; i < rq->context_count; i++) {
        if (rq->contexts[i].abstract_syntax &&
            strcmp(rq->contexts[i].abstract_syntax, abstract_syntax) == 0)
            return true;
    }
    return false;
}

/* Counts it among the associations of its title; false = that has as many as it may, and it is rejected. */
static bool take_place(struct front *f, const struct peer *row)
{
    const char *title = f->rq->calling_aet;
    unsigned most = row && row->max_calling_associations ? row->max_calling_associations
                                                         : f->config->max_associations_per_ae;
    f->caller = caller_enter(title, most);
    if (f->caller)
        return true;
    struct err why;
    err_set_limit(&why, LIMIT_max_associations_per_ae, 0, "%s has %u associations", title, most);
    reject(f, REJECT_LIMIT, LOG_WARN, &why);
    return false;
}

/* What was refused at negotiation for want of a right (result 1), each class once. */
static void log_denied(const struct front *f, const struct pdu_associate *ac)
{
    char classes[512] = "";
    size_t len = 0;
    const char *title = assoc_calling_aet(f->assoc);
    for (unsigned i = 0; i < ac->context_count && i < f->rq->context_count; i++) {
        if (ac->contexts[i].result != PC_USER_REJECTION)
            continue;
        const char *name = dcm_uid_name(f->rq->contexts[i].abstract_syntax);
        metric_add(METRIC_contexts_denied, 1);
        if (!strstr(classes, name) && len + strlen(name) + 3 < sizeof classes)
            len += (size_t)snprintf(classes + len, sizeof classes - len, "%s%s", len ? ", " : "",
                                    name);
    }
    if (len && log_enabled(LOG_INFO) &&
        log_is_due("assoc.restricted", title, assoc_peer_address(f->assoc)))
        log_info(assoc_log(f->assoc), "assoc.restricted", "may_not=\"%s\"", classes);
}

/* row: of the title, NULL = it has none. */
static void admit(struct front *f, unsigned rights, const struct peer *row)
{
    if (!take_place(f, row))
        return;
    admission_set_operations(f, row);
    struct negotiate_rule rules[SOP_CLASS_COUNT];
    struct negotiate_policy policy;
    struct pdu_associate ac;
    struct err err = {0};
    unsigned operations = operations_cap(f->config);
    classes_policy(rights, operations, rules, &policy);
    memset(&ac, 0, sizeof ac);
    if (negotiate_answer(f->rq, &policy, assoc_arena(f->assoc), &ac, &err) != RC_OK) {
        metric_add(METRIC_protocol_errors, 1);
        f->rq = NULL;
        assoc_abort(f->assoc, ABORT_SOURCE_PROVIDER, ABORT_INVALID_PARAMETER, err.text);
        return;
    }
    log_denied(f, &ac);
    f->rights = rights;
    f->rights_read_ms = clock_now_ms();
    f->rq = NULL;
    f->established = true;
    ac.implementation_class_uid = UID_DPPR_IMPLEMENTATION;
    ac.implementation_version = DPPR_IMPLEMENTATION_VERSION;
    assoc_answer_accept(f->assoc, &ac);
    channel_init(&f->channel, f->assoc, operations);
}

static void look_up(struct front *f, enum lookup_step step);

static void admit_unknown(struct front *f)
{
    if (is_welcome_unknown(f) && f->config->unknown_ae_row[0])
        look_up(f, LOOKUP_GUEST);
    else if (is_welcome_unknown(f))
        admit(f, PEER_MAY_ALL, NULL);
    else if (f->config->echo_for_all && proposes(f->rq, UID_VERIFICATION))
        admit(f, PEER_MAY_ECHO, NULL);
    else
        refuse(f, REJECT_CALLING, "calling AE title not recognized");
}

enum rc admission_check_binding(const struct front *f, const struct peer *row, struct err *err)
{
    if (!row->certificates[0])
        return RC_OK;
    enum rc rc = assoc_check_binding(f->assoc, row->certificates, err);
    if (rc != RC_OK)
        err_reword(err, "%s is bound to a certificate: %s", row->ae_title, err->text);
    return rc;
}

static void on_peer(const struct err *result, bool found, const struct peer *peer, void *arg);

static void look_up(struct front *f, enum lookup_step step)
{
    f->lookup_step = (uint8_t)step;
    f->lookup =
        peer_find(f->service->pool, f->config->lease_timeout_ms,
                  step == LOOKUP_GUEST ? f->config->unknown_ae_row : f->rq->calling_aet,
                  step == LOOKUP_WITH_ADDRESS ? assoc_peer_address(f->assoc) : NULL, on_peer, f);
}

static void on_peer(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct front *f = arg;
    f->lookup = NULL;
    if (result->code != RC_OK) {
        if (is_welcome_unknown(f)) {
            log_warn(assoc_log(f->assoc), "association.unchecked", "why=\"%s\"", result->text);
            f->is_unchecked = true;
            admit(f, PEER_MAY_ALL, NULL);
        } else {
            struct err why = *result;
            err_reword(&why, "the database cannot be asked for the AE title: %s", result->text);
            reject(f, REJECT_CONGESTION, LOG_ERROR, &why);
        }
        return;
    }
    if (f->lookup_step == LOOKUP_TITLE_ONLY) {
        if (found)
            refuse(f, REJECT_CALLING, "the AE title is registered for other source addresses");
        else
            admit_unknown(f);
        return;
    }
    struct err why;
    if (found && admission_check_binding(f, peer, &why) != RC_OK) {
        reject(f, REJECT_CALLING, LOG_WARN, &why);
        return;
    }
    if (found) {
        f->has_row = true;
        f->is_guest = f->lookup_step == LOOKUP_GUEST;
        admission_set_view(f, peer);
        admit(f, peer->rights, peer);
        return;
    }
    if (f->lookup_step == LOOKUP_GUEST) {
        refuse(f, REJECT_CALLING, "there is no row for the title of unknown-ae-row");
        return;
    }
    /* A title that is bound to addresses must not become an unknown one by coming from elsewhere. */
    look_up(f, LOOKUP_TITLE_ONLY);
}

void admission_start(struct front *f, const struct pdu_associate *rq)
{
    const struct service_config *config = f->config;
    f->rq = rq;
    if (!is_called_title(config, rq->called_aet)) {
        refuse(f, REJECT_CALLED, "called AE title not recognized");
        return;
    }
    int before = atomic_fetch_add_explicit(&associations, 1, memory_order_relaxed);
    f->admitted = true; /* given back in admission_cancel */
    if (f->service->drain == DRAIN_NOW) {
        refuse(f, REJECT_LIMIT, "the server is stopping");
        return;
    }
    if (before >= (int64_t)config->max_associations) {
        struct err why;
        err_set_limit(&why, LIMIT_max_associations, 0, "%u associations are open",
                      config->max_associations);
        reject(f, REJECT_LIMIT, LOG_WARN, &why);
        return;
    }
    look_up(f, LOOKUP_WITH_ADDRESS);
}

void admission_set_operations(struct front *f, const struct peer *row)
{
    f->max_operations =
        row && row->max_operations ? row->max_operations : f->config->max_operations_per_ae;
}

/* The row may have been written by hand: a set that is not supported would else refuse every query. */
static void set_charset(struct front *f, const struct peer *row)
{
    char spelled[DCM_CHARSET_TERMS_MAX];
    const char *known = f->preferred_charset ? f->preferred_charset : "";
    if (!dcm_charset_spell(span_str(row->preferred_charset), spelled)) {
        spelled[0] = '\0';
        if (log_is_due("ae.charset_ignored", assoc_calling_aet(f->assoc), ""))
            log_warn(assoc_log(f->assoc), "ae.charset_ignored",
                     "why=\"the row of the AE has an unsupported preferred character set\"");
    }
    /* What operations hold of the one before lives as long as the association. */
    if (strcmp(spelled, known) != 0)
        f->preferred_charset = spelled[0] ? arena_strdup(assoc_arena(f->assoc), spelled) : NULL;
}

/* Likewise kept as long as the association. Without memory to remember it nothing is seen. */
static void set_required(struct front *f, const struct peer *row)
{
    static char never_met[] = PEER_NEVER_MET;
    if (strcmp(row->required, f->required ? f->required : "") == 0)
        return;
    f->required = row->required[0] ? arena_strdup(assoc_arena(f->assoc), row->required) : NULL;
    if (row->required[0] && !f->required)
        f->required = never_met;
}

void admission_set_view(struct front *f, const struct peer *row)
{
    set_charset(f, row);
    set_required(f, row);
    f->sees_current_only = row->sees_current_only;
    f->may_supersede = row->may_supersede;
    f->ae_class = outcome_class(f->is_guest ? NULL : row->ae_class);
}

const char *admission_row_title(const struct front *f)
{
    return f->is_guest ? f->config->unknown_ae_row : assoc_calling_aet(f->assoc);
}

const char *admission_row_address(const struct front *f)
{
    return f->is_guest ? NULL : assoc_peer_address(f->assoc);
}

void admission_cancel(struct front *f)
{
    if (f->lookup)
        peer_cancel(f->lookup);
    f->lookup = NULL;
    f->rq = NULL;
    if (f->admitted)
        atomic_fetch_sub_explicit(&associations, 1, memory_order_relaxed);
    f->admitted = false;
    caller_leave(f->caller);
    f->caller = NULL;
}

bool admission_is_fresh(const struct front *f)
{
    if (f->is_unchecked)
        return false;
    if (!f->has_row)
        return true; /* admitted by policy; front_renew tells when that is another one */
    int64_t window = (int64_t)f->service->front_count;
    if (window < FRESH_MS)
        window = FRESH_MS;
    return clock_now_ms() - f->rights_read_ms < window;
}
