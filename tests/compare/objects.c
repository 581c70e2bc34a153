/* SPDX-License-Identifier: Apache-2.0
 *
 * Random objects: every attribute of the model now absent, now empty, now with one value or several, at
 * every level; some attributes beside them; in any character set and transfer syntax.
 */
#include "reference.h"
#include "vocabulary.h"

static const char *const syntaxes[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE, UID_EXPLICIT_BE,
                                       UID_DEFLATED_LE};

static struct span padded(struct chance *c, struct arena *arena, const char *text, const char *vr)
{
    bool is_text = strcmp(vr, "UI") != 0 && chance_percent(c, 8);
    char *copy = arena_printf(arena, "%s%s", text, is_text ? "   " : "");
    return span_str(copy);
}

static struct span values_for(struct chance *c, struct arena *arena, const struct key *key,
                              enum script s)
{
    struct span one = padded(c, arena, word_for(c, key->tag, key->vr, s), key->vr);
    unsigned more = key->has_many          ? chance_below(c, 3)
                    : chance_percent(c, 2) ? 1 /* against its VM */
                                           : 0;
    for (; more > 0; more--) {
        struct span next = padded(c, arena, word_for(c, key->tag, key->vr, s), key->vr);
        one = span_str(arena_printf(arena, "%.*s\\%.*s", (int)one.len, (const char *)one.data,
                                    (int)next.len, (const char *)next.data));
    }
    return one;
}

static void add_keys(struct chance *c, struct keys keys, enum script s, struct arena *arena,
                     struct dcm_item *to, unsigned depth);

static void add_items(struct chance *c, const struct key *key, enum script s, struct arena *arena,
                      struct dcm_element *to, unsigned depth)
{
    static const uint8_t counts[] = {0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5};
    for (unsigned n = counts[chance_below(c, COUNT(counts))]; n > 0; n--) {
        struct dcm_item *item = dcm_add_item(arena, to);
        if (!chance_percent(c, 5))
            add_keys(c, (struct keys){key->items, key->item_count}, s, arena, item, depth + 1);
    }
}

/* Of the rarely used parts of a code, few. */
static unsigned percent_present(const struct key *key, unsigned depth)
{
    if (key->rule == RULE_RETURN && depth > 0)
        return 12;
    if (key->is_optional)
        return 25;
    return depth > 1 ? 55 : 65;
}

static void add_keys(struct chance *c, struct keys keys, enum script s, struct arena *arena,
                     struct dcm_item *to, unsigned depth)
{
    for (unsigned i = 0; i < keys.count; i++) {
        const struct key *key = &keys.keys[i];
        if (!chance_percent(c, percent_present(key, depth)))
            continue;
        bool is_empty = chance_percent(c, 7);
        struct dcm_element *e =
            dcm_put(arena, to, key->tag, key->vr,
                    is_empty || key->rule == RULE_SEQUENCE ? span_of(NULL, 0)
                                                           : values_for(c, arena, key, s));
        if (key->rule == RULE_SEQUENCE && !is_empty)
            add_items(c, key, s, arena, e, depth);
    }
}

static void add_strangers(struct chance *c, enum script s, struct arena *arena, struct dcm_item *to)
{
    for (unsigned i = 0; i < stranger_count; i++) {
        const struct stranger *x = &strangers[i];
        if (!chance_percent(c, 15))
            continue;
        struct dcm_element *e =
            dcm_put(arena, to, x->tag, x->vr,
                    strcmp(x->vr, "US") == 0 ? span_of("\x07", 2)
                    : x->value && strcmp(x->vr, "LO") == 0 && !(x->tag >> 16 & 1)
                        ? span_str(word_for(c, x->tag, x->vr, s))
                        : span_str(x->value));
        if (strcmp(x->vr, "SQ") == 0)
            dcm_put_text(arena, dcm_add_item(arena, e), 0x00081155, "UI", "1.2.3.4");
    }
    if (chance_percent(c, 30))
        dcm_put_text(arena, to, TAG_TimezoneOffsetFromUTC, "SH",
                     word_for(c, TAG_TimezoneOffsetFromUTC, "SH", s));
}

/* More octets than a row of an answer brings at once. */
static void add_long_text(struct arena *arena, struct dcm_item *to)
{
    enum { LONG = 1300000 };
    char *text = arena_alloc(arena, LONG);
    for (size_t i = 0; i < LONG; i++)
        text[i] = (char)('a' + i % 23);
    dcm_put(arena, to, 0x00189910, "UT", span_of(text, LONG));
}

void object_make(struct chance *c, const struct information_model *model, unsigned number,
                 struct arena *arena, struct subject *out)
{
    enum script s = script_any(c);
    out->model = model;
    out->tree = dcm_item_new(arena);
    out->charset = script_charset(c, s);
    out->is_raw = chance_percent(c, 3);
    out->has_item_sets = chance_percent(c, 5);
    out->ts = dcm_ts_find(syntaxes[chance_percent(c, 50) ? 0 : chance_below(c, COUNT(syntaxes))]);
    if (out->is_raw) /* in no set, or in one that it is not in */
        out->charset = chance_percent(c, 50) ? "" : "ISO_IR 100";
    add_keys(c, model->keys, s, arena, out->tree, 0);
    add_strangers(c, s, arena, out->tree);
    if (chance_below(c, 200) == 0)
        add_long_text(arena, out->tree);
    dcm_put_text(arena, out->tree, TAG_SOPClassUID, "UI",
                 model->classes[model->classes[1] && chance_percent(c, 30)]);
    dcm_put_text(arena, out->tree, TAG_SOPInstanceUID, "UI",
                 arena_printf(arena, UID_PREFIX "%u", number));
}
