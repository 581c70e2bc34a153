/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes outside the information model: from the object's octets into a copy of its query record, which is
 * then projected as any other. So what is said of items, character sets and time zones is said once.
 *
 *     octets, in parts of a row each -> dcm_read_some -> UTF-8 --+
 *                                                                 +--> record with the attributes asked for
 *     query record ----------------------------------------------+
 *
 * Private attributes whose creator the request names are looked for by it: then the reservations are read first.
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

struct source {
    const struct project_plan *plan;
    struct span octets;
    const struct dcm_ts *ts;
    struct buf *inflated; /* what values may point to */
    struct arena *arena;
};

static enum rc read_wanted(const struct source *s, const struct dcm_wanted *wanted, unsigned count,
                           struct dcm_item **item, struct err *err)
{
    /* What was stored has passed the limits of its time, which are settings. */
    struct dcm_limits limits = {.max_depth = DCM_DEPTH_CEILING, .max_elements = UINT32_MAX};
    return dcm_read_some(s->octets, s->ts, &limits, wanted, count, s->arena, s->inflated, item,
                         err);
}

/* The reservations of all groups in which a private key names its creator. */
static enum rc read_creators(const struct source *s, struct dcm_item **creators, struct err *err)
{
    const struct plan_other *others = s->plan->others;
    unsigned count = 0;
    struct dcm_wanted *groups = arena_array(s->arena, s->plan->other_count, sizeof(*groups));
    if (!groups)
        return too_large(err);
    for (unsigned i = 0; i < s->plan->other_count; i++) {
        uint32_t first = (others[i].tag & 0xFFFF0000) | 0x10;
        if (others[i].creator.len > 0 && (count == 0 || groups[count - 1].tag != first))
            groups[count++] = (struct dcm_wanted){.tag = first, .last = first | 0xFF};
    }
    *creators = NULL;
    return count > 0 ? read_wanted(s, groups, count, creators, err) : RC_OK;
}

/* Where the object has an attribute: private blocks are numbered in each data set anew (PS3.5 7.8.1). 0 = nowhere. */
static uint32_t source_tag(const struct plan_other *o, const struct dcm_item *creators)
{
    uint32_t group = o->tag & 0xFFFF0000, element = o->tag & 0xFFFF;
    if (o->creator.len == 0)
        return o->tag;
    for (const struct dcm_element *e = creators->first; e; e = e->next) {
        if ((e->tag & 0xFFFF0000) != group || !span_equal(dcm_trimmed(e), o->creator))
            continue;
        return element < 0x1000 ? e->tag : group | (e->tag & 0xFF) << 8 | (element & 0xFF);
    }
    return 0;
}

/* Everything that is wanted of the octets, ascending, with the character set first. */
static unsigned list_wanted(const struct project_plan *plan, const uint32_t *tags,
                            struct dcm_wanted *wanted)
{
    unsigned count = 0;
    wanted[count++] = (struct dcm_wanted){.tag = TAG_SpecificCharacterSet};
    for (unsigned i = 0; i < plan->other_count; i++) {
        unsigned at = count++;
        for (; at > 0 && wanted[at - 1].tag > tags[i]; at--)
            wanted[at] = wanted[at - 1];
        wanted[at] =
            (struct dcm_wanted){.tag = tags[i], .is_sequence = plan->others[i].is_sequence};
    }
    return count;
}

/* What was found at these tags, as it was asked for. */
static enum rc rename_found(const struct source *s, const struct dcm_item *found,
                            const uint32_t *tags, struct dcm_item **item, struct err *err)
{
    *item = dcm_item_new(s->arena);
    for (unsigned i = 0; *item && i < s->plan->other_count; i++) {
        const struct dcm_element *e = dcm_find(found, tags[i]);
        if (!e)
            continue;
        struct dcm_element *copy =
            dcm_put(s->arena, *item, s->plan->others[i].tag, e->vr, e->value);
        if (!copy)
            return too_large(err);
        copy->items = e->items;
        copy->last_item = e->last_item;
        copy->item_count = e->item_count;
    }
    return *item ? RC_OK : too_large(err);
}

/* What of the others the octets have. */
static enum rc read_others(const struct source *s, struct dcm_item **item, struct err *err)
{
    unsigned most = s->plan->other_count;
    uint32_t *tags = arena_array(s->arena, most, sizeof(*tags));
    struct dcm_wanted *wanted = arena_array(s->arena, most + 1, sizeof(*wanted));
    struct dcm_item *creators, *found;
    if (!tags || !wanted)
        return too_large(err);
    enum rc rc = read_creators(s, &creators, err);
    for (unsigned i = 0; rc == RC_OK && i < most; i++)
        tags[i] = source_tag(&s->plan->others[i], creators);
    if (rc == RC_OK)
        rc = read_wanted(s, wanted, list_wanted(s->plan, tags, wanted), &found, err);
    if (rc == RC_OK)
        rc = dcm_tree_to_utf8_anyhow(found, s->arena, ignore_flaw, NULL, err);
    if (rc == RC_OK)
        rc = rename_found(s, found, tags, item, err);
    if (rc != RC_OK && rc != RC_LIMIT && rc != RC_NOMEM)
        return err_set(err, RC_INTERNAL, "octets of an object cannot be read");
    return rc;
}

static const struct dcm_ts *syntax_of(const struct project_plan *plan, const struct pg_row *row)
{
    struct span syntax = pg_octets(row, plan->list_count + COLUMN_SYNTAX);
    char uid[65] = "";
    if (syntax.len < sizeof(uid) && syntax.len > 0)
        memcpy(uid, syntax.data, syntax.len);
    return dcm_ts_find(uid);
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
    struct source source = {plan, octets, syntax_of(plan, row), &inflated, scratch};
    if (!source.ts)
        return err_set(err, RC_INTERNAL, "an object is in an unknown transfer syntax");
    buf_init(&inflated, INSTANCES_BATCH_BYTES);
    enum rc rc = read_others(&source, &item, err);
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
