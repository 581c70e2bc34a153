/* SPDX-License-Identifier: Apache-2.0
 *
 * Person names (PS3.4 C.2.2.2.1, C.2.2.2.4): single value and wild card matching without regard to case,
 * accents and Unicode form: dpp.fold_name does that to both sides, so there is one home for folding.
 *
 * A key without '=' is tried on each component group (the folded column keeps their folded forms as an array);
 * with '=' each group of the key that says something is compared with the same group of the entity.
 */
#include "query_parts.h"

/* Trailing delimiters and spaces say nothing (PS3.5 6.2.1). */
static struct span trim_name(struct span s)
{
    while (s.len > 0 && memchr(" ^=", s.data[s.len - 1], 3))
        s.len--;
    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }
    return s;
}

/* The parameter of a folded comparison and its operator. */
static unsigned add_name_param(struct query_builder *b, struct span value, enum value_shape shape,
                               const char **operator)
{
    *operator= shape == VALUE_EXACT ? "=" : "like";
    struct span text = shape == VALUE_EXACT ? value : query_like_pattern(b->arena, value);
    return text.data ? query_add_param(b, text) : 0;
}

/* A key without '=': any component group. Patterns find their rows through the trigram index on the
 * search column, where each entry is a line, and are then tried on each entry: one must not reach from a
 * group into the next, neither across lines nor in the entry that is the whole name. */
static bool add_name_any_group(struct query_builder *b, struct span value, enum value_shape shape,
                               const struct query_place *at, struct buf *to)
{
    const struct model_key *key = at->key;
    const char *operator;
    unsigned n = add_name_param(b, value, shape, &operator);
    if (shape == VALUE_EXACT)
        buf_printf(to, "%s.%s @> array[dpp.fold_name($%u)]", at->alias, key->folded_column, n);
    else
        buf_printf(
            to,
            "(%s.%s like E'%%\\n' || dpp.fold_name($%u) || E'\\n%%' and exists (select 1 from"
            " unnest(%s.%s) as n (x) where n.x like dpp.fold_name($%u) and n.x not like '%%=%%'))",
            at->alias, key->search_column, n, at->alias, key->folded_column, n);
    return n != 0;
}

/* A key with '=': group by group; an empty group of the key says nothing, "*" asks for any name there. */
static bool add_name_by_group(struct query_builder *b, struct span value, const char *column,
                              struct buf *to)
{
    unsigned group = 0, said = 0;
    buf_add_str(to, "(");
    for (size_t start = 0, i = 0; i <= value.len; i++) {
        if (i < value.len && value.data[i] != '=')
            continue;
        struct span part = trim_name(span_of(value.data + start, i - start));
        start = i + 1;
        group++;
        if (part.len == 0)
            continue;
        if (said++ > 0)
            buf_add_str(to, " and ");
        enum value_shape shape = query_shape(part);
        if (shape == VALUE_UNIVERSAL) {
            buf_printf(to, "split_part(%s, '=', %u) <> ''", column, group);
            continue;
        }
        const char *operator;
        unsigned n = add_name_param(b, part, shape, &operator);
        if (!n)
            return false;
        buf_printf(to, "dpp.fold_name(split_part(%s, '=', %u)) %s dpp.fold_name($%u)", column,
                   group, operator, n);
    }
    buf_add_str(to, ")");
    return true;
}

/* Whether any of the values is universal, or none says anything. */
static bool is_universal_name(const struct dcm_element *e, unsigned count)
{
    bool is_given = false;
    struct span value;
    for (unsigned n = 0; n < count && dcm_value_at(e, n, &value); n++) {
        value = trim_name(value);
        if (value.len > 0 && query_shape(value) == VALUE_UNIVERSAL)
            return true;
        is_given = is_given || value.len > 0;
    }
    return !is_given;
}

enum rc query_name(struct query_builder *b, const struct query_place *at,
                   const struct dcm_element *e, struct buf *to, struct err *err)
{
    unsigned count = dcm_value_count(e), alternatives = 0;
    struct span value;

    if (!utf8_is_valid(e->value))
        return err_set_tag(err, RC_INVALID, e->tag, "key is not in the declared character set");
    if (count > QUERY_MAX_VALUES)
        return query_many_values(err, e->tag);
    if (is_universal_name(e, count)) /* before anything becomes a parameter */
        return RC_OK;

    const char *column = query_column(b, at);
    struct buf any = {0};
    bool ok = column != NULL;
    for (unsigned n = 0; ok && n < count && dcm_value_at(e, n, &value); n++) {
        value = trim_name(value);
        enum value_shape shape = query_shape(value);
        if (value.len == 0 || shape == VALUE_IMPOSSIBLE)
            continue;
        if (alternatives++ > 0)
            buf_add_str(&any, " or ");
        ok = memchr(value.data, '=', value.len) ? add_name_by_group(b, value, column, &any)
                                                : add_name_any_group(b, value, shape, at, &any);
    }

    b->matches_none = b->matches_none || alternatives == 0;
    buf_printf(to, alternatives > 1 ? " and (%s)" : " and %s",
               alternatives ? buf_cstr(&any) : "false");
    ok = ok && buf_status(&any) == RC_OK;
    buf_fini(&any);
    return ok ? RC_OK : query_no_room(err, e->tag);
}
