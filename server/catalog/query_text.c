/* SPDX-License-Identifier: Apache-2.0
 *
 * Single value and wild card matching of text (PS3.4 C.2.2.2.1, C.2.2.2.4); person names are in query_name.c.
 *
 * A value is exact, a prefix ("Head*"), or a pattern. Exact is `=`. A prefix is a range of the byte order
 * of collation "C", because a prepared `like $1` would not use a btree: name >= 'Head' and name < 'Heae'.
 * Any other pattern is LIKE, with the key's own %, _ and \ escaped. A key of asterisks alone is
 * universal; every other pattern needs at least one character, so an empty entity value never satisfies
 * it (K.2.2.1.1.1). Several values (backslash) mean any of them.
 *
 * The dictionary of coding schemes that changed their designator (PS3.16 8.2: SRT, SNM3, 99SDM) applies
 * to exact values only.
 */
#include "query_parts.h"

enum value_shape query_shape(struct span value)
{
    size_t stars = 0, questions = 0;
    for (size_t i = 0; i < value.len; i++) {
        stars += value.data[i] == '*';
        questions += value.data[i] == '?';
    }
    if (stars == value.len)
        return VALUE_UNIVERSAL;
    if (memchr(value.data, '\0', value.len)) /* no text in the database has U+0000 */
        return VALUE_IMPOSSIBLE;
    if (stars + questions == 0)
        return VALUE_EXACT;
    if (stars == 1 && questions == 0 && value.data[value.len - 1] == '*')
        return VALUE_PREFIX;
    return VALUE_PATTERN;
}

struct span query_like_pattern(struct arena *arena, struct span value)
{
    char *text = arena_alloc(arena, 2 * value.len + 1);
    if (!text)
        return span_of(NULL, 0);
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = (char)value.data[i];
        if (c == '%' || c == '_' || c == '\\')
            text[len++] = '\\';
        if (c == '*' && len > 0 && text[len - 1] == '%' && i > 0 && value.data[i - 1] == '*')
            continue; /* a run of asterisks is one */
        text[len++] = c == '*' ? '%' : c == '?' ? '_' : c;
    }
    return span_of(text, len);
}

/* The least text that is greater than every text with this prefix: the last character that has a
 * successor is replaced by it and what follows is dropped. UTF-8 orders as code points do. False: there
 * is none (all are U+10FFFF). *out data NULL without room. */
static bool prefix_end(struct arena *arena, struct span prefix, struct span *out)
{
    while (prefix.len > 0) {
        size_t start = prefix.len - 1;
        while (start > 0 && (prefix.data[start] & 0xC0) == 0x80)
            start--;
        uint32_t cp = 0;
        (void)utf8_decode(prefix.data + start, prefix.len - start,
                          &cp); /* it is valid: see read_values */
        prefix.len = start;
        if (cp == 0x10FFFF)
            continue;

        cp = cp == 0xD7FF ? 0xE000 : cp + 1; /* surrogates are no characters */
        char *text = arena_alloc(arena, start + 5);
        *out = span_of(NULL, 0);
        if (!text)
            return true;
        memcpy(text, prefix.data, start);
        *out = span_of(text, start + utf8_encode(cp, (uint8_t *)text + start));
        return true;
    }
    return false;
}

/* The values of a key by shape. */
struct values {
    struct span exact[QUERY_MAX_VALUES + 2]; /* and the synonyms of a designator */
    unsigned exact_count;
    struct span wild[QUERY_MAX_VALUES]; /* VALUE_PREFIX and VALUE_PATTERN */
    unsigned wild_count;
    bool is_universal;
    bool is_given;
};

static enum rc read_values(const struct dcm_element *e, struct values *out, struct err *err)
{
    unsigned count = dcm_value_count(e);
    struct span value;

    memset(out, 0, sizeof(*out));
    if (!utf8_is_valid(e->value))
        return err_set_tag(err, RC_INVALID, e->tag, "key is not in the declared character set");
    if (count > QUERY_MAX_VALUES)
        return query_many_values(err, e->tag);

    for (unsigned n = 0; n < count && dcm_value_at(e, n, &value); n++) {
        if (value.len == 0)
            continue;
        out->is_given = true;
        switch (query_shape(value)) {
        case VALUE_UNIVERSAL:
            out->is_universal = true;
            break;
        case VALUE_EXACT:
            out->exact[out->exact_count++] = value;
            break;
        case VALUE_PREFIX:
        case VALUE_PATTERN:
            out->wild[out->wild_count++] = value;
            break;
        case VALUE_IMPOSSIBLE:
            break;
        }
    }
    if (!out->is_given)
        out->is_universal = true;
    return RC_OK;
}

/* PS3.16 8.2: one scheme under three designators; the codes are the same. */
static void add_synonyms(struct values *v)
{
    static const char *const snomed_rt[] = {"SRT", "SNM3", "99SDM"};
    bool is_present[3] = {false, false, false};
    bool any = false;

    for (unsigned i = 0; i < v->exact_count; i++) {
        for (unsigned k = 0; k < 3; k++) {
            if (span_equal_str(v->exact[i], snomed_rt[k]))
                is_present[k] = any = true;
        }
    }
    for (unsigned k = 0; any && k < 3; k++) {
        if (!is_present[k])
            v->exact[v->exact_count++] = span_str(snomed_rt[k]);
    }
}

/* One predicate on `column`, a text expression. */
static bool add_wild(struct query_builder *b, const char *column, struct span value, struct buf *to)
{
    if (query_shape(value) == VALUE_PATTERN) {
        struct span pattern = query_like_pattern(b->arena, value);
        unsigned n = pattern.data ? query_add_param(b, pattern) : 0;
        buf_printf(to, "%s like $%u", column, n);
        return n != 0;
    }

    struct span prefix = span_of(value.data, value.len - 1), end = {NULL, 0};
    unsigned low = query_add_param(b, prefix);
    if (!low)
        return false;
    if (!prefix_end(b->arena, prefix, &end)) {
        buf_printf(to, "%s >= $%u", column, low);
        return true;
    }
    unsigned high = end.data ? query_add_param(b, end) : 0;
    buf_printf(to, "(%s >= $%u and %s < $%u)", column, low, column, high);
    return high != 0;
}

static bool add_exact(struct query_builder *b, const char *column, const struct values *v,
                      bool is_multi, struct buf *to)
{
    unsigned n = v->exact_count == 1 ? query_add_param(b, v->exact[0])
                                     : query_add_array(b, v->exact, v->exact_count);
    if (v->exact_count > 1)
        buf_printf(to, is_multi ? "%s && $%u::text[]" : "%s = any($%u::text[])", column, n);
    else if (is_multi)
        buf_printf(to, "%s @> array[$%u::text]", column, n); /* which a GIN index serves */
    else
        buf_printf(to, "%s = $%u", column, n);
    return n != 0;
}

/* Wild cards on an array: any of its values. */
static bool add_wild_multi(struct query_builder *b, const char *column, struct span value,
                           struct buf *to)
{
    buf_printf(to, "exists (select 1 from unnest(%s) as v (x) where ", column);
    bool ok = add_wild(b, "v.x collate \"C\"", value, to);
    buf_add_str(to, ")");
    return ok;
}

enum rc query_text(struct query_builder *b, const struct query_place *at,
                   const struct dcm_element *e, struct buf *to, struct err *err)
{
    struct values v;
    enum rc rc = read_values(e, &v, err);
    if (rc != RC_OK || v.is_universal)
        return rc;
    if (at->key->match == MATCH_SCHEME)
        add_synonyms(&v);

    const char *column = query_column(b, at);
    if (!column)
        return query_no_room(err, e->tag);
    unsigned alternatives = v.wild_count + (v.exact_count > 0);
    if (alternatives == 0) {
        b->matches_none = true;
        buf_add_str(to, " and false");
        return RC_OK;
    }

    buf_add_str(to, alternatives > 1 ? " and (" : " and ");
    bool ok = v.exact_count == 0 || add_exact(b, column, &v, at->key->is_multi, to);
    for (unsigned i = 0; ok && i < v.wild_count; i++) {
        if (i > 0 || v.exact_count > 0)
            buf_add_str(to, " or ");
        ok = at->key->is_multi ? add_wild_multi(b, column, v.wild[i], to)
                               : add_wild(b, column, v.wild[i], to);
    }
    if (alternatives > 1)
        buf_add_str(to, ")");
    b->names_few = b->names_few || (at->key->names_few && v.wild_count == 0);
    return ok ? RC_OK : query_no_room(err, e->tag);
}
