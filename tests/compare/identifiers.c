/* SPDX-License-Identifier: Apache-2.0
 *
 * Random identifiers: a few keys, most of them taken from one stored object, so that keys meet in it, and
 * changed in one of the ways below; some taken from anywhere; and what peers send that is no key.
 */
#include "reference_parts.h"
#include "vocabulary.h"

enum { MAX_CHARACTERS = 256 };

struct making {
    struct chance *c;
    struct arena *arena;
    enum script script;
};

static bool percent(struct making *m, unsigned n)
{
    return chance_percent(m->c, n);
}

static unsigned below(struct making *m, unsigned n)
{
    return chance_below(m->c, n);
}

static struct span join(struct making *m, struct span a, const char *between, struct span b)
{
    return span_str(arena_printf(m->arena, "%.*s%s%.*s", (int)a.len,
                                 a.data ? (const char *)a.data : "", between, (int)b.len,
                                 b.data ? (const char *)b.data : ""));
}

static const struct span nothing = {NULL, 0};

/* ---- text ---- */

/* A mark that combines with what is before it. */
static bool is_mark(struct span s, size_t at)
{
    return (s.data[at] == 0xCC ||
            (s.data[at] == 0xCD && at + 1 < s.len && s.data[at + 1] < 0xB0)) ||
           (at + 3 <= s.len && memcmp(s.data + at, "\xE3\x82", 2) == 0 &&
            (s.data[at + 2] == 0x99 || s.data[at + 2] == 0x9A));
}

/* Where the characters start, with their marks, and the end. */
static unsigned characters(struct span s, size_t starts[MAX_CHARACTERS + 1])
{
    unsigned count = 0;
    for (size_t i = 0; i < s.len && count < MAX_CHARACTERS; i++) {
        if ((s.data[i] & 0xC0) != 0x80 && !is_mark(s, i))
            starts[count++] = i;
    }
    starts[count] = s.len;
    return count;
}

static struct span replaced(struct making *m, struct span s, unsigned n, const char *by)
{
    size_t at[MAX_CHARACTERS + 1];
    unsigned count = characters(s, at);
    if (count == 0)
        return s;
    n %= count;
    return join(m, span_of(s.data, at[n]), by, span_of(s.data + at[n + 1], s.len - at[n + 1]));
}

static struct span piece(struct making *m, struct span s)
{
    size_t at[MAX_CHARACTERS + 1];
    unsigned count = characters(s, at);
    unsigned from = count ? below(m, count) : 0, to = from + (count ? below(m, count - from) : 0);
    return span_of(s.data + at[from], at[to] - at[from]);
}

static struct span start_of(struct making *m, struct span s)
{
    size_t at[MAX_CHARACTERS + 1];
    unsigned count = characters(s, at);
    return span_of(s.data, at[count ? below(m, count + 1) : 0]);
}

static struct span other_case(struct making *m, struct span s)
{
    char *text = arena_strndup(m->arena, (const char *)s.data, s.len);
    for (size_t i = 0; i < s.len; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (is_letter)
            text[i] = (char)(c ^ 0x20);
    }
    return span_of(text, s.len);
}

/* Values without padding of one attribute; "" when it has none. */
static struct span a_value(struct making *m, struct span s, bool is_split)
{
    unsigned count = 1;
    for (size_t i = 0; is_split && i < s.len; i++)
        count += s.data[i] == '\\';
    for (unsigned n = below(m, count); n > 0; n--) {
        const uint8_t *end = memchr(s.data, '\\', s.len);
        s = span_of(end + 1, (size_t)(s.data + s.len - end - 1));
    }
    const uint8_t *end = is_split && s.len ? memchr(s.data, '\\', s.len) : NULL;
    if (end)
        s.len = (size_t)(end - s.data);
    while (s.len > 0 && s.data[s.len - 1] == ' ')
        s.len--;
    return s;
}

static struct span word(struct making *m, const struct key *key)
{
    return span_str(word_for(m->c, key->tag, key->vr, m->script));
}

static struct span text_key(struct making *m, const struct key *key, struct span value, bool again)
{
    bool is_split = strcmp(key->vr, "UR") != 0;
    value = a_value(m, value, is_split);
    switch (below(m, 20)) {
    case 0:
        return join(m, start_of(m, value), "*", nothing);
    case 1:
        return join(m, start_of(m, value), "*", nothing);
    case 2:
        return join(m, nothing, "*", join(m, piece(m, value), "*", nothing));
    case 3:
        return join(m, nothing, "*", piece(m, value));
    case 4:
        return replaced(m, value, below(m, 100), "?");
    case 5:
        return replaced(m, replaced(m, value, below(m, 100), "?"), below(m, 100), "*");
    case 6:
        return other_case(m, value);
    case 7:
        return join(m, nothing, "  ", join(m, value, "  ", nothing));
    case 8:
        return span_str(percent(m, 80) ? "*" : "**");
    case 9:
        return replaced(m, value, below(m, 100), percent(m, 50) ? "_" : "%");
    case 10:
        return again || !is_split ? value
                                  : join(m, value, "\\", text_key(m, key, word(m, key), true));
    case 11:
        return join(m, start_of(m, value), percent(m, 50) ? "%" : "?*", nothing);
    case 12:
        return percent(m, 80) ? word(m, key) : join(m, value, "\\\\", word(m, key));
    case 13:
        return key->rule == RULE_NAME ? join(m, value, "=", piece(m, word(m, key))) : value;
    case 14:
        return key->rule == RULE_NAME ? join(m, nothing, "=", value) : replaced(m, value, 0, "*");
    default:
        return value;
    }
}

/* ---- dates, times, UIDs ---- */

static struct span any_moment_key(struct making *m, const struct key *key, struct span value)
{
    value = a_value(m, value, true);
    struct span other = a_value(m, word(m, key), true);
    switch (below(m, 12)) {
    case 0:
    case 1:
    case 2:
        return join(m, value, "-", other);
    case 3:
        return join(m, other, "-", value);
    case 4:
        return join(m, value, "-", value);
    case 5:
        return join(m, value, "-", nothing);
    case 6:
        return join(m, nothing, "-", value);
    case 7:
        return join(m, value, percent(m, 70) ? "\\" : " - ", other);
    case 8:
        return percent(m, 80) ? value : span_str(percent(m, 50) ? "*" : "-");
    case 9:
        return other;
    default:
        return value;
    }
}

/* Mostly such as are not refused. */
static struct span moment_key(struct making *m, const struct key *key, struct span value)
{
    struct span made = any_moment_key(m, key, value);
    for (unsigned tries = 0; tries < 6 && !percent(m, 5); tries++) {
        struct dcm_element e = {.value = made};
        if (is_well_formed(key, &e))
            break;
        made = any_moment_key(m, key, tries < 3 ? value : word(m, key));
    }
    return made;
}

/* Now and then of thousands, which go into no UI of Explicit VR and are sent as UN. */
static struct span uid_list(struct making *m, struct span first)
{
    struct buf list;
    buf_init(&list, 0);
    buf_add_span(&list, first);
    for (unsigned n = 1 + below(m, percent(m, 4) ? 9000 : 30); n > 0; n--)
        buf_printf(&list, "\\" UID_PREFIX "%u", below(m, 4000));
    struct span copy =
        span_of(arena_strndup(m->arena, (const char *)list.data, list.len), list.len);
    buf_fini(&list);
    return copy;
}

static struct span uid_key(struct making *m, const struct key *key, struct span value)
{
    switch (below(m, 8)) {
    case 0:
        return span_str(percent(m, 50) ? "*" : "junk");
    case 1:
        return word(m, key);
    case 2:
        return uid_list(m, value);
    case 3:
        return join(m, word(m, key), "\\", value);
    default:
        return value;
    }
}

/* ---- keys ---- */

static void add_key(struct making *m, const struct key *key, const struct dcm_item *from,
                    struct dcm_item *to);

/* Beside the keys of an item: what is never matched. */
static void add_oddity(struct making *m, struct dcm_item *to)
{
    const struct stranger *x = &strangers[below(m, stranger_count)];
    if (dcm_find(to, x->tag))
        return;
    bool has_value = x->value && percent(m, 50);
    struct dcm_element *e =
        dcm_put(m->arena, to, x->tag, x->vr, has_value ? span_str(x->value) : nothing);
    if (strcmp(x->vr, "SQ") != 0)
        return;
    for (unsigned n = percent(m, 10) ? 2 : below(m, 2); n > 0; n--) {
        struct dcm_item *item = dcm_add_item(m->arena, e);
        if (percent(m, 80))
            dcm_put_text(m->arena, item, percent(m, 70) ? 0x00081155 : 0x00081150, "UI",
                         percent(m, 30) ? "1.2.3.4" : "");
    }
}

/* What is no key, at no level. */
static void add_no_keys(struct making *m, struct dcm_item *to)
{
    if (percent(m, 20))
        dcm_put_text(m->arena, to, TAG_TimezoneOffsetFromUTC, "SH",
                     word_for(m->c, TAG_TimezoneOffsetFromUTC, "SH", m->script));
    if (percent(m, 8))
        dcm_put_text(m->arena, to, TAG_QueryRetrieveLevel, "CS", percent(m, 50) ? "" : "STUDY");
}

static void add_item_keys(struct making *m, const struct key *key, const struct dcm_item *from,
                          const struct dcm_item *other, struct dcm_item *to)
{
    unsigned few = 1 + below(m, 3);
    for (unsigned n = 0; n < few; n++) {
        const struct key *k = &key->items[below(m, key->item_count)];
        for (unsigned tries = 0; tries < 3 && !dcm_find(from, k->tag); tries++)
            k = &key->items[below(m, key->item_count)];
        add_key(m, k, percent(m, 15) ? other : from, to);
    }
    if (percent(m, 3))
        add_oddity(m, to);
    if (percent(m, 5))
        add_no_keys(m, to);
}

static const struct dcm_item *some_item(struct making *m, const struct dcm_element *e)
{
    const struct dcm_item *i = e ? e->items : NULL;
    for (unsigned n = i ? below(m, e->item_count) : 0; n > 0; n--)
        i = i->next;
    return i;
}

static void add_sequence(struct making *m, const struct key *key, const struct dcm_item *from,
                         struct dcm_item *to)
{
    const struct dcm_element *stored = dcm_find(from, key->tag);
    unsigned kind = below(m, 100);
    if (kind < 2) { /* no sequence at all */
        dcm_put(m->arena, to, key->tag, "LO", kind == 0 ? span_str("x") : nothing);
        return;
    }
    struct dcm_element *e = dcm_put(m->arena, to, key->tag, "SQ", nothing);
    if (kind < 10)
        return;
    for (unsigned n = kind < 12 ? 2 : 1; n > 0; n--) {
        struct dcm_item *item = dcm_add_item(m->arena, e);
        if (kind >= 18)
            add_item_keys(m, key, some_item(m, stored), some_item(m, stored), item);
    }
}

static struct span key_value(struct making *m, const struct key *key, const struct dcm_item *from)
{
    const struct dcm_element *stored = dcm_find(from, key->tag);
    struct span value = stored && stored->value.len > 0 ? stored->value : word(m, key);
    if (percent(m, 15))
        return percent(m, 90) ? nothing : span_str("  ");
    switch (key->rule) {
    case RULE_UID:
        return uid_key(m, key, value);
    case RULE_DATE:
    case RULE_TIME:
    case RULE_DATETIME:
        return moment_key(m, key, value);
    case RULE_RETURN:
        return percent(m, 70) ? nothing : word(m, key);
    default:
        return text_key(m, key, value, false);
    }
}

static void add_key(struct making *m, const struct key *key, const struct dcm_item *from,
                    struct dcm_item *to)
{
    if (key->rule == RULE_SEQUENCE) {
        add_sequence(m, key, from, to);
        return;
    }
    if (percent(m, 1)) { /* a sequence where there is none */
        dcm_add_item(m->arena, dcm_put(m->arena, to, key->tag, "SQ", nothing));
        return;
    }
    bool is_of_other_vr = percent(m, 3);
    dcm_put(m->arena, to, key->tag, is_of_other_vr ? (percent(m, 50) ? "UN" : "LO") : key->vr,
            key_value(m, key, from));
}

void identifier_make(struct chance *c, const struct subject *stored, unsigned count,
                     struct arena *arena, struct subject *out)
{
    static const char *const syntaxes[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE, UID_EXPLICIT_BE,
                                           UID_DEFLATED_LE};
    struct making m = {c, arena, script_any(c)};
    const struct dcm_item *from = stored[chance_below(c, count)].tree;
    struct keys keys = stored->model->keys;
    unsigned count_of_keys = percent(&m, 2) ? 0 : 1 + below(&m, percent(&m, 70) ? 3 : 7);

    out->model = stored->model;
    out->tree = dcm_item_new(arena);
    out->charset = script_charset(c, m.script);
    out->ts = dcm_ts_find(syntaxes[percent(&m, 50) ? 0 : below(&m, COUNT(syntaxes))]);
    out->is_raw = percent(&m, 2);
    out->has_item_sets = percent(&m, 2);
    if (percent(&m, 1))
        out->charset = "ISO_IR 999";
    out->is_raw = out->is_raw || strcmp(out->charset, "ISO_IR 999") == 0;
    for (; count_of_keys > 0; count_of_keys--) {
        const struct key *key = &keys.keys[below(&m, keys.count)];
        for (unsigned tries = 0; tries < 2 && !dcm_find(from, key->tag); tries++)
            key = &keys.keys[below(&m, keys.count)];
        add_key(&m, key, percent(&m, 15) ? stored[below(&m, count)].tree : from, out->tree);
    }
    if (percent(&m, 30)) { /* both, as they may have to be combined */
        add_key(&m, key_of(keys, TAG_InstanceCreationDate), from, out->tree);
        add_key(&m, key_of(keys, TAG_InstanceCreationTime), from, out->tree);
    }
    if (percent(&m, 12) && key_of(keys, TAG_ContentCreatorName))
        add_key(&m, key_of(keys, TAG_ContentCreatorName), from, out->tree);
    if (percent(&m, 10))
        add_oddity(&m, out->tree);
    add_no_keys(&m, out->tree);
}
