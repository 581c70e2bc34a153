/* SPDX-License-Identifier: Apache-2.0
 *
 * service/outcomes: how operations end, as /metrics counts it: by service, final status and class of the peer.
 *
 * Statuses are those of the table in status.c, so their number is bounded, and a peer cannot add one. Classes are
 * words that the administrator writes into dpp.application_entities; core/metrics has room for 19, what comes later
 * counts as "other". They and not AE titles are the label, because titles are what peers say they are.
 *
 * As soon as a peer of a class is there, each final status that a service can send has a sample for it, of 0, so that
 * the first failure is an increase: that is what alerts look for.
 */
#include "service_internal.h"

#include <pthread.h>
#include <stdio.h>

enum { STATUSES_MAX = 40, CLASSES_MAX = 32 };

_Static_assert((int)STATUS_FOR_STORE == SERVICE_store && (int)STATUS_FOR_FIND == SERVICE_find &&
                   (int)STATUS_FOR_GET == SERVICE_get && (int)STATUS_FOR_MOVE == SERVICE_move &&
                   (int)STATUS_FOR_ECHO == SERVICE_echo,
               "core/metrics.h has the services in another order");
_Static_assert((int)SUBOP_COMPLETED == OUTCOME_completed && (int)SUBOP_WARNING == OUTCOME_warning &&
                   (int)SUBOP_FAILED == OUTCOME_failed,
               "core/metrics.h has the outcomes in another order");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
    uint16_t status;
    unsigned label;
} statuses[STATUSES_MAX];
static unsigned status_count, none_label;
static atomic_bool is_shown[CLASSES_MAX];

static bool is_final(uint16_t status)
{
    return status != STATUS_PENDING && status != STATUS_PENDING_OPTIONAL;
}

static unsigned label_of(uint16_t status)
{
    unsigned i = 0;
    while (i < status_count && statuses[i].status != status)
        i++;
    return i < status_count ? statuses[i].label : metric_label_of(LABEL_status, "other");
}

static void name_statuses(void)
{
    const struct status_use *use;
    none_label = metric_label_of(LABEL_status, "none");
    for (unsigned i = 0; (use = status_use_at(i)) && status_count < STATUSES_MAX; i++) {
        char name[8];
        unsigned known = 0;
        while (known < status_count && statuses[known].status != use->status)
            known++;
        if (known < status_count || !is_final(use->status))
            continue;
        snprintf(name, sizeof name, "%04X", use->status);
        statuses[status_count].status = use->status;
        statuses[status_count++].label = metric_label_of(LABEL_status, name);
    }
}

static void show(unsigned ae_class)
{
    const struct status_use *use;
    for (unsigned service = 0; service < SERVICE_COUNT; service++) {
        metric_show(METRIC_operations, (struct metric_at){service, none_label, ae_class});
        for (unsigned i = 0; (use = status_use_at(i)); i++) {
            if (use->services & 1u << service && is_final(use->status))
                metric_show(METRIC_operations,
                            (struct metric_at){service, label_of(use->status), ae_class});
        }
    }
}

unsigned outcome_class(const char *name)
{
    pthread_once(&once, name_statuses);
    unsigned ae_class = metric_label_of(LABEL_class, name ? name : "unknown");
    if (!atomic_load_explicit(&is_shown[ae_class], memory_order_relaxed)) {
        atomic_store_explicit(&is_shown[ae_class], true, memory_order_relaxed);
        show(ae_class);
    }
    return ae_class;
}

void outcome_count(enum status_service service, unsigned ae_class, uint16_t status, int64_t us)
{
    metric_add_at(METRIC_operations, (struct metric_at){service, label_of(status), ae_class}, 1);
    metric_observe(METRIC_operation_duration_seconds, service, us);
}

void outcome_count_stopped(enum status_service service, unsigned ae_class)
{
    metric_add_at(METRIC_operations, (struct metric_at){service, none_label, ae_class}, 1);
}
