/* SPDX-License-Identifier: Apache-2.0
 *
 * The identifier of C-GET and C-MOVE (PS3.4 HH.6.2.1.3, C.4.2.1.4): a list of SOP Instance UIDs, and nothing
 * else. Query/Retrieve Level must not be there; clients written for other models send it all the same, so
 * unless asked to be strict it is ignored. Trailing padding says nothing (PS3.10 7.2). A value that is no UID can be no instance's: it is left out,
 * like a UID that is unknown.
 */
#include "catalog/instances.h"

#include <stdlib.h>

#include "uid_list.h"

/* One value of the list and its place in it. */
struct mention {
    struct span uid;
    unsigned place;
};

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.data, b.data, common);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_uid(const void *a, const void *b)
{
    const struct mention *x = a, *y = b;
    int order = compare_spans(x->uid, y->uid);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct mention *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* Keeps the first mention of each. */
static unsigned drop_repeated(struct mention *m, unsigned count)
{
    unsigned kept = 0;
    qsort(m, count, sizeof(*m), by_uid);
    for (unsigned i = 0; i < count; i++) {
        if (kept == 0 || compare_spans(m[kept - 1].uid, m[i].uid) != 0)
            m[kept++] = m[i];
    }
    qsort(m, kept, sizeof(*m), by_place);
    return kept;
}

/* The values that are UIDs; *given counts all that are not empty. m has room for all. */
static unsigned split(struct span list, struct mention *m, unsigned *given)
{
    unsigned count = 0;
    struct span value;

    while (uid_list_next(&list, &value)) {
        ++*given;
        if (uid_list_is_uid(value))
            m[count++] = (struct mention){value, *given};
    }
    return count;
}

static enum rc check_keys(const struct dcm_item *item, bool strict_level, struct err *err)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        bool is_tolerated = e->tag == TAG_SpecificCharacterSet ||
                            e->tag == TAG_DataSetTrailingPadding ||
                            (e->tag == TAG_QueryRetrieveLevel && !strict_level);
        if (e->tag == TAG_SOPInstanceUID || is_tolerated)
            continue;
        return err_set_tag(err, RC_INVALID, e->tag,
                           e->tag == TAG_QueryRetrieveLevel
                               ? "this model has no Query/Retrieve Level"
                               : "only SOP Instance UID is a key of retrieval");
    }
    return RC_OK;
}

static enum rc no_room(struct err *err)
{
    return err_set_limit(err, LIMIT_memory, TAG_SOPInstanceUID, "identifier asks for too much");
}

static enum rc read_uids(const struct dcm_element *e, unsigned max_uids, struct arena *arena,
                         const char ***uids, unsigned *count, struct err *err)
{
    unsigned most = uid_list_most(e->value);
    if (most > max_uids)
        return err_set_limit(err, LIMIT_max_retrieve_uids, e->tag, "a list of more than %u UIDs",
                             max_uids);

    struct mention *m = arena_array(arena, most, sizeof(*m));
    if (!m)
        return no_room(err);
    unsigned given = 0;
    unsigned n = split(e->value, m, &given);
    if (given == 0)
        return err_set_tag(err, RC_INVALID, e->tag, "SOP Instance UID has no value");

    n = drop_repeated(m, n);
    *uids = arena_array(arena, n ? n : 1, sizeof(**uids));
    if (!*uids)
        return no_room(err);
    for (unsigned i = 0; i < n; i++) {
        (*uids)[i] = arena_strndup(arena, (const char *)m[i].uid.data, m[i].uid.len);
        if (!(*uids)[i])
            return no_room(err);
    }
    *count = n;
    return RC_OK;
}

enum rc retrieve_identifier(struct span identifier, const struct dcm_ts *ts, bool strict_level,
                            const struct query_limits *limits, struct arena *arena,
                            const char ***uids, unsigned *count, struct err *err)
{
    struct query_limits most = query_limits_or_default(limits);
    struct dcm_limits read = query_read_limits(&most);
    struct dcm_item *item = NULL;

    enum rc rc = dcm_read(identifier, ts, &read, arena, &item, err);
    if (rc == RC_INVALID) {
        if (err)
            err->code = RC_UNSUPPORTED;
        return RC_UNSUPPORTED;
    }
    if (rc != RC_OK)
        return rc;

    rc = check_keys(item, strict_level, err);
    if (rc != RC_OK)
        return rc;
    const struct dcm_element *e = dcm_find(item, TAG_SOPInstanceUID);
    if (!e || e->items)
        return err_set_tag(err, RC_INVALID, TAG_SOPInstanceUID, "SOP Instance UID is missing");
    return read_uids(e, most.max_uids, arena, uids, count, err);
}
