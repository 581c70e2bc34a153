/* SPDX-License-Identifier: Apache-2.0
 *
 * Person names (PS3.4 C.2.2.2.1, C.2.2.2.4): single value and wild card matching without regard to case,
 * accents and Unicode form: dpp.fold_name does that to both sides, so there is one home for folding.
 *
 * A key without '=' is tried on each component group (the folded column keeps their folded forms as an array);
 * with '=' each group of the key that says something is compared with the same group of the entity.
 *
 * Fuzzy semantic matching (K.5.1 byte 3, C.2.2.2.1), where it is negotiated, goes by words: what stands between ^,
 * spaces, commas, full stops and hyphens. Each word of the key has to be found among the words of one component
 * group, wherever it stands there, so order and component do not count and the entity may have more:
 *
 *     a word of the key is found     when a word of the group
 *     without wild cards             sounds alike: has a Double Metaphone code in common (dpp.word_sounds); when
 *                                    either has none, not being Latin, is the same when folded
 *     with wild cards                matches the pattern when folded
 *
 * The sounds column has what a name is found by, each with the number of its group in front: its words, "1=smith", and
 * their codes, "1~SM0". Whatever matches literally matches fuzzily: two words that are the same sound alike, and a key
 * with wild cards is tried literally as well, because there a wild card may reach over several words.
 */
#include "query_parts.h"

enum { NAME_GROUPS = 3 }; /* alphabetic, ideographic, phonetic (PS3.5 6.2.1) */

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

struct word {
    unsigned param;
    bool is_pattern;
};

struct words {
    struct word list[QUERY_MAX_VALUES];
    unsigned count;
};

/* The octets of a separator at the beginning; 0 = none. dpp.name_sounds has the same ones. */
static size_t separator_at(const uint8_t *p, size_t len)
{
    static const uint8_t ideographic_space[] = {0xE3, 0x80, 0x80};
    if (len >= 3 && memcmp(p, ideographic_space, 3) == 0)
        return 3;
    return memchr("^ ,.-", *p, 5) ? 1 : 0;
}

static bool has_many_words(struct span value)
{
    unsigned gaps = 0;
    for (size_t i = 0; i < value.len; i++)
        gaps += separator_at(value.data + i, value.len - i) > 0;
    return gaps >= QUERY_MAX_VALUES;
}

/* The words of a key, as parameters; those that any word matches are left out. False: no room. */
static bool split_words(struct query_builder *b, struct span value, struct words *out)
{
    out->count = 0;
    for (size_t start = 0, i = 0; i <= value.len;) {
        size_t gap = i < value.len ? separator_at(value.data + i, value.len - i) : 1;
        if (gap == 0) {
            i++;
            continue;
        }
        struct span word = span_of(value.data + start, i - start);
        start = i += gap;
        enum value_shape shape = query_shape(word); /* of no character at all: universal */
        if (shape == VALUE_UNIVERSAL)
            continue;
        const char *operator;
        unsigned n = add_name_param(b, word, shape, &operator);
        if (n == 0)
            return false;
        out->list[out->count++] = (struct word){n, shape != VALUE_EXACT};
    }
    return true;
}

/* All words in one group. */
static void add_words(const struct words *words, const struct query_place *at, unsigned group,
                      struct buf *to)
{
    const struct model_key *key = at->key;
    for (unsigned i = 0; i < words->count; i++) {
        const struct word *w = &words->list[i];
        buf_add_str(to, i > 0 ? " and " : "");
        if (!w->is_pattern) {
            buf_printf(to, "%s.%s && dpp.word_sounds($%u, %u)", at->alias, key->sounds_column,
                       w->param, group);
            continue;
        }
        buf_printf(to,
                   "(%s.%s like '%%' || dpp.fold_name($%u) || '%%' and exists (select 1 from"
                   " unnest(%s.%s) as n (x) where n.x like '%u=' || dpp.fold_name($%u)))",
                   at->alias, key->search_column, w->param, at->alias, key->sounds_column, group,
                   w->param);
    }
}

/* A key without '=', fuzzily: any component group. */
static bool add_name_fuzzily(struct query_builder *b, struct span value, enum value_shape shape,
                             const struct query_place *at, struct buf *to)
{
    struct words words;
    if (!split_words(b, value, &words))
        return false;
    buf_add_str(to, "(");
    bool is_literal_too = shape != VALUE_EXACT || words.count == 0;
    if (is_literal_too && !add_name_any_group(b, value, shape, at, to))
        return false;
    for (unsigned group = 1; words.count > 0 && group <= NAME_GROUPS; group++) {
        buf_add_str(to, group > 1 || is_literal_too ? " or (" : "(");
        add_words(&words, at, group, to);
        buf_add_str(to, ")");
    }
    buf_add_str(to, ")");
    return true;
}

/* One group of a key with '='. */
static bool add_name_group(struct query_builder *b, struct span part, enum value_shape shape,
                           const struct query_place *at, const char *column, unsigned group,
                           struct buf *to)
{
    struct words words = {.count = 0};
    if (b->fuzzy_names && !split_words(b, part, &words))
        return false;
    bool is_literal_too = shape != VALUE_EXACT || words.count == 0;

    if (words.count > 0) {
        buf_add_str(to, is_literal_too ? "((" : "(");
        add_words(&words, at, group, to);
        buf_add_str(to, is_literal_too ? ") or " : ")");
    }
    if (is_literal_too) {
        const char *operator;
        unsigned n = add_name_param(b, part, shape, &operator);
        if (n == 0)
            return false;
        buf_printf(to, "dpp.fold_name(split_part(%s, '=', %u)) %s dpp.fold_name($%u)", column,
                   group, operator, n);
        buf_add_str(to, words.count > 0 ? ")" : "");
    }
    return true;
}

/* A key with '=': group by group; an empty group of the key says nothing, "*" asks for any name there. */
static bool add_name_by_group(struct query_builder *b, struct span value,
                              const struct query_place *at, const char *column, struct buf *to)
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
        if (!add_name_group(b, part, shape, at, column, group, to))
            return false;
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
        if (b->fuzzy_names && has_many_words(value)) {
            buf_fini(&any);
            return err_set_limit(err, LIMIT_query_values, e->tag, "name has more than %d words",
                                 QUERY_MAX_VALUES);
        }
        if (alternatives++ > 0)
            buf_add_str(&any, " or ");
        if (memchr(value.data, '=', value.len))
            ok = add_name_by_group(b, value, at, column, &any);
        else if (b->fuzzy_names)
            ok = add_name_fuzzily(b, value, shape, at, &any);
        else
            ok = add_name_any_group(b, value, shape, at, &any);
    }

    b->matches_none = b->matches_none || alternatives == 0;
    buf_printf(to, alternatives > 1 ? " and (%s)" : " and %s",
               alternatives ? buf_cstr(&any) : "false");
    ok = ok && buf_status(&any) == RC_OK;
    buf_fini(&any);
    return ok ? RC_OK : query_no_room(err, e->tag);
}
