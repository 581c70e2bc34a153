/* SPDX-License-Identifier: Apache-2.0
 *
 * List of UID matching (PS3.4 C.2.2.2.2). A single UID is the list of one, so that both are one
 * statement. What is no UID can be no entity's value and matches nothing; a lone "*" is taken as
 * universal, which the standard has no meaning for but clients send.
 */
#include "query_parts.h"

/* UI is padded with NUL; clients pad with spaces too. */
static struct span trim_uid(const uint8_t *data, size_t len)
{
    while (len > 0 && (data[len - 1] == '\0' || data[len - 1] == ' '))
        len--;
    while (len > 0 && *data == ' ') {
        data++;
        len--;
    }
    return span_of(data, len);
}

static bool is_uid(struct span value)
{
    char text[65];
    if (value.len == 0 || value.len >= sizeof(text))
        return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return strlen(text) == value.len && dcm_uid_is_valid(text);
}

static unsigned count_values(struct span list)
{
    unsigned count = 1;
    for (size_t i = 0; i < list.len; i++)
        count += list.data[i] == '\\';
    return count;
}

/* The valid UIDs of the list; values has room for all. */
static unsigned split_uids(struct span list, struct span *values, bool *is_universal,
                           unsigned *given)
{
    unsigned count = 0;
    size_t start = 0;

    for (size_t i = 0; i <= list.len; i++) {
        if (i < list.len && list.data[i] != '\\')
            continue;
        struct span value = trim_uid(list.data + start, i - start);
        start = i + 1;
        if (value.len > 0)
            ++*given;
        if (span_equal_str(value, "*"))
            *is_universal = true;
        else if (is_uid(value))
            values[count++] = value;
    }
    return count;
}

enum rc query_uid(struct query_builder *b, const struct query_place *at,
                  const struct dcm_element *e, struct buf *to, struct err *err)
{
    unsigned most = count_values(e->value);
    if (most > b->limits.max_uids - b->uid_count)
        return err_set_tag(err, RC_LIMIT, e->tag, "identifier has more than %u UIDs",
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
    return RC_OK;
}
