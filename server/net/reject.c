/* SPDX-License-Identifier: Apache-2.0 */
#include "net/reject.h"

#include <assert.h>

#include "core/metrics.h"

static const struct reject_row rows[REJECT_COUNT] = {
#define X(id, result, source, reason, when) [REJECT_##id] = {{result, source, reason}, when},
    REJECTS_LIST(X)
#undef X
};

/* The names of the reasons in /metrics stand in the same order. */
_Static_assert((int)REJECT_CONTEXT_NAME == REASON_context_name &&
                   (int)REJECT_CALLING == REASON_calling && (int)REJECT_CALLED == REASON_called &&
                   (int)REJECT_MAX_LENGTH == REASON_max_length &&
                   (int)REJECT_VERSION == REASON_version &&
                   (int)REJECT_CONTEXTS == REASON_contexts &&
                   (int)REJECT_CONGESTION == REASON_congestion &&
                   (int)REJECT_LIMIT == REASON_limit && (int)REJECT_COUNT == REASON_COUNT,
               "core/metrics.h has other reasons");

const struct reject_row *reject_of(enum reject why)
{
    assert((unsigned)why < REJECT_COUNT);
    return &rows[why];
}

enum reject reject_find(const struct pdu_reject *code)
{
    enum reject r = 0;
    while (r + 1 < REJECT_COUNT &&
           (rows[r].code.result != code->result || rows[r].code.source != code->source ||
            rows[r].code.reason != code->reason))
        r++;
    return r;
}
