/* SPDX-License-Identifier: Apache-2.0
 *
 * service/counts: the rules of C-GET and C-MOVE that need no association: which status a set of counters
 * means, which fields go with it, and what the failed list looks like. Pure.
 *
 *   outcome of the sub-operations            final status
 *   none needed, all succeeded               0000
 *   some succeeded, some failed or warned    B000
 *   all warned                               B000
 *   all failed                               A702
 *   cancelled                                FE00
 *
 * (PS3.4 C.4.2.2.1, C.4.3.2.1.) "Remaining" is present in pending and cancel responses only; a data set is
 * sent only when a sub-operation failed (C.4.2.1.4.2: otherwise the list is absent, and it is all there is).
 */
#include "service_internal.h"

unsigned counts_remaining(const struct subop_counts *c)
{
    return c->total - c->completed - c->failed - c->warning;
}

enum subop_outcome subop_outcome_of(uint16_t status)
{
    if (status == STATUS_SUCCESS)
        return SUBOP_COMPLETED;
    return status_is_warning(status) ? SUBOP_WARNING : SUBOP_FAILED; /* warned: it was stored */
}

uint16_t retrieve_final_status(const struct subop_counts *c, bool cancelled)
{
    if (cancelled)
        return STATUS_CANCEL;
    if (c->failed && !c->completed && !c->warning)
        return STATUS_CANNOT_PERFORM;
    if (c->failed || c->warning)
        return STATUS_WARNING;
    return STATUS_SUCCESS;
}

void retrieve_set_counts(struct dimse_command *rsp, const struct subop_counts *c)
{
    rsp->has |= CMD_HAS_COUNTS;
    rsp->completed = (uint16_t)c->completed;
    rsp->failed = (uint16_t)c->failed;
    rsp->warning = (uint16_t)c->warning;
    if (rsp->status == STATUS_PENDING || rsp->status == STATUS_CANCEL) {
        rsp->has |= CMD_HAS_REMAINING;
        rsp->remaining = (uint16_t)counts_remaining(c);
    }
}

enum rc retrieve_failed_list(struct span uids, const struct dcm_ts *ts, struct arena *arena,
                             struct buf *out, struct err *err)
{
    struct dcm_item *item = dcm_item_new(arena);
    if (!item || !dcm_put(arena, item, TAG_FailedSOPInstanceUIDList, "UI", uids))
        return err_set(err, RC_NOMEM, "no memory for the list of failed instances");
    enum rc rc = dcm_write(item, ts, out, err); /* pads to even length */
    if (rc != RC_OK)
        return rc;
    if (buf_status(out) != RC_OK)
        return err_set(err, buf_status(out), "the list of failed instances is too long");
    return RC_OK;
}

unsigned retrieve_batch(const struct instance_ref *refs, unsigned count, size_t bytes)
{
    size_t sum = 0;
    unsigned n = 0;
    while (n < count && n < BATCH_COUNT) {
        size_t size = refs[n].size > 0 ? (size_t)refs[n].size : 0;
        if (n && (size > bytes || sum > bytes - size))
            break;
        sum += size > bytes ? bytes : size;
        n++;
    }
    return n;
}
