/* SPDX-License-Identifier: Apache-2.0
 *
 * List of UID matching (PS3.4 C.2.2.2.2). A single UID is the list of one, so that both are one
 * statement. What is no UID can be no entity's value and matches nothing; a lone "*" is taken as
 * universal, which the standard has no meaning for but clients send.
 */
#include "query_parts.h"
#include "uid_list.h"

/* The valid UIDs of the list; values has room for all. */
static unsigned split_uids(struct span list, struct span *values, bool *is_universal,
                           unsigned *given)
{
    unsigned count = 0;
    struct span value;

    while (uid_list_next(&list, &value)) {
        ++*given;
        if (span_equal_str(value, "*"))
            *is_universal = true;
        else if (uid_list_is_uid(value))
            values[count++] = value;
    }
    return count;
}

enum rc query_uid(struct query_builder *b, const struct query_place *at,
                  const struct dcm_element *e, struct buf *to, struct err *err)
{
    unsigned most = uid_list_most(e->value);
    if (most > b->limits.max_uids - b->uid_count)
        return err_set_limit(err, LIMIT_max_query_uids, e->tag, "a list of more than %u UIDs",
                             b->limits.max_uids);
    b->uid_count += most;

    struct span *values = arena_array(b->arena, most, sizeof(*values));
    if (!values)
        return query_no_room(err, e->tag);

    bool is_universal = false;
    unsigned given = 0;
    unsigned count = split_uids(e->value, values, &is_universal, &given);
    if (is_universal || given == 0)
        return RC_OK;
    if (count == 0) {
        b->matches_none = true;
        buf_add_str(to, " and false");
        return RC_OK;
    }

    const char *column = query_column(b, at);
    unsigned param = query_add_array(b, values, count);
    if (!column || !param)
        return query_no_room(err, e->tag);
    buf_printf(to, " and %s = any($%u::text[])", column, param);
    b->names_few = b->names_few || at->key->names_few;
    return RC_OK;
}
