/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes outside the information model: from the object's octets into a copy of its query record, which is
 * then projected as any other. So what is said of items, character sets and time zones is said once.
 *
 *     octets, in parts of a row each -> dcm_read_some -> UTF-8 --+
 *                                                                 +--> record with the attributes asked for
 *     query record ----------------------------------------------+
 *
 * Of the data set only the elements asked for become a tree; what is between them is stepped over. So the scratch
 * memory of a row does for an object of any size, as long as what is asked for is not large itself; the octets
 * are one object's at a time. An object without octets has no such attributes.
 */
#include "catalog/instances.h"
#include "dcm/charset.h"
#include "project_plan.h"
#include "project_record.h"

/* Where query.c puts them, after the lists. */
enum { COLUMN_SYNTAX = 1, COLUMN_SIZE, COLUMN_PART };

/* The octets once they are all there: of the row itself where it has them all. False: not yet. */
static enum rc collect(const struct project_plan *plan, const struct pg_row *row, struct buf *parts,
                       struct span *octets, bool *is_whole, struct err *err)
{
    int64_t size = pg_int(row, plan->list_count + COLUMN_SIZE);
    struct span part = pg_octets(row, plan->list_count + COLUMN_PART);

    *octets = part;
    *is_whole = parts->len == 0 && (int64_t)part.len == size;
    if (*is_whole)
        return RC_OK;
    if (part.len == 0 || size > INSTANCES_BATCH_BYTES ||
        (int64_t)part.len > size - (int64_t)parts->len)
        return err_set(err, RC_INTERNAL, "octets of an object do not fit together");
    if (parts->len == 0)
        buf_init(parts, (size_t)size);
    if (buf_reserve(parts, (size_t)size - parts->len))
        buf_add_span(parts, part);
    if (buf_status(parts) != RC_OK)
        return err_set(err, buf_status(parts), "no memory for the octets of an object");
    *octets = buf_span(parts);
    *is_whole = (int64_t)parts->len == size;
    return RC_OK;
}

static enum rc too_large(struct err *err)
{
    return err_set_limit(err, LIMIT_memory, 0, "a response is too large");
}

/* Both are in ascending order, and no tag is in both: UTF-8 has taken the place of the character set. */
static enum rc merge(struct span rest, const struct dcm_item *others, struct buf *out,
                     struct err *err)
{
    const struct dcm_ts *ts = dcm_ts_find(UID_EXPLICIT_LE);
    const struct dcm_element *e = others->first;
    struct record_part p;

    while (rest.len > 0) {
        if (!record_take_element(&rest, &p))
            return err_set(err, RC_INTERNAL, "query record is malformed");
        for (; e && e->tag < p.tag; e = e->next)
            dcm_write_element(e, ts, out);
        buf_add(out, p.start, p.size);
    }
    for (; e; e = e->next)
        dcm_write_element(e, ts, out);
    return buf_status(out) == RC_OK ? RC_OK : too_large(err);
}

/* Ingest has told of them. */
static void ignore_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    (void)flaw;
    (void)attribute;
    (void)arg;
}

/* What of the others the octets have; *inflated is what its values may point to. */
static enum rc read_others(const struct project_plan *plan, struct span octets, struct span syntax,
                           struct buf *inflated, struct arena *scratch, struct dcm_item **item,
                           struct err *err)
{
    char uid[65] = "";
    if (syntax.len < sizeof(uid) && syntax.len > 0)
        memcpy(uid, syntax.data, syntax.len);
    const struct dcm_ts *ts = dcm_ts_find(uid);
    /* What was stored has passed the limits of its time, which are settings. */
    struct dcm_limits limits = {.max_depth = DCM_DEPTH_CEILING, .max_elements = UINT32_MAX};
    if (!ts)
        return err_set(err, RC_INTERNAL, "an object is in an unknown transfer syntax");
    enum rc rc = dcm_read_some(octets, ts, &limits, plan->others, plan->other_count, scratch,
                               inflated, item, err);
    if (rc == RC_OK)
        rc = dcm_tree_to_utf8_anyhow(*item, scratch, ignore_flaw, NULL, err);
    if (rc != RC_OK && rc != RC_LIMIT && rc != RC_NOMEM)
        return err_set(err, RC_INTERNAL, "octets of an object cannot be read");
    return rc;
}

static enum rc add_others(const struct project_plan *plan, const struct pg_row *row,
                          struct span octets, struct arena *scratch, struct buf *record,
                          struct err *err)
{
    struct span known = pg_octets(row, 0);
    struct dcm_item *item = NULL;
    struct buf inflated;
    if (octets.len == 0) {
        buf_add_span(record, known);
        return buf_status(record) == RC_OK ? RC_OK : too_large(err);
    }
    buf_init(&inflated, INSTANCES_BATCH_BYTES);
    enum rc rc = read_others(plan, octets, pg_octets(row, plan->list_count + COLUMN_SYNTAX),
                             &inflated, scratch, &item, err);
    if (rc == RC_OK)
        rc = merge(known, item, record, err);
    buf_fini(&inflated);
    arena_reset(scratch);
    return rc;
}

enum rc project_others(const struct project_plan *plan, const struct pg_row *row, struct buf *parts,
                       struct arena *scratch, struct buf *record, struct err *err)
{
    struct span octets;
    bool is_whole = false;
    enum rc rc = collect(plan, row, parts, &octets, &is_whole, err);
    if (rc == RC_OK && !is_whole)
        return RC_OK;
    if (rc == RC_OK)
        rc = add_others(plan, row, octets, scratch, record, err);
    buf_fini(parts);
    return rc;
}
