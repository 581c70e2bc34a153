/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets as octets, as copies, made smaller, and as text.
 */
#include "compare.h"

#include "dcm/charset.h"

static struct dcm_element *put(struct arena *arena, struct dcm_item *to, uint32_t tag,
                               const char *vr, struct span value)
{
    struct dcm_element *e = dcm_put(arena, to, tag, vr, value);
    if (!e)
        die("out of memory");
    return e;
}

static struct dcm_item *copy_of(const struct dcm_item *from, struct arena *arena)
{
    struct dcm_item *to = dcm_item_new(arena);
    for (const struct dcm_element *e = from->first; e; e = e->next) {
        struct dcm_element *copy = put(arena, to, e->tag, e->vr, e->value);
        for (const struct dcm_item *i = e->items; i; i = i->next)
            *dcm_add_item(arena, copy) = *copy_of(i, arena);
    }
    return to;
}

struct subject subject_copy(const struct subject *s, struct arena *arena)
{
    struct subject copy = *s;
    copy.tree = copy_of(s->tree, arena);
    return copy;
}

/* PS3.3 C.12.1.1.2: an item may have a set of its own. */
static void set_item_sets(const struct dcm_item *utf8, struct dcm_item *encoded,
                          struct arena *arena)
{
    const struct dcm_element *e = utf8->first;
    for (struct dcm_element *x = encoded->first; x && e; x = x->next, e = e->next) {
        if (!x->items || !e->items)
            continue;
        struct dcm_item *next = x->items->next, *own = copy_of(e->items, arena);
        dcm_put_text(arena, own, TAG_SpecificCharacterSet, "CS", "ISO_IR 192");
        *x->items = *own;
        x->items->next = next;
    }
}

struct span subject_encode(struct subject *s, struct arena *arena, struct buf *out)
{
    struct dcm_item *copy = copy_of(s->tree, arena);
    struct err err = {0};
    if (!s->is_raw && dcm_tree_from_utf8(copy, s->charset, arena, NULL) != RC_OK) {
        s->charset = "ISO_IR 192";
        copy = copy_of(s->tree, arena);
    }
    if (s->has_item_sets)
        set_item_sets(s->tree, copy, arena);
    if (s->charset[0])
        dcm_put_text(arena, copy, TAG_SpecificCharacterSet, "CS", s->charset);
    buf_clear(out);
    if (dcm_write(copy, s->ts, out, &err) != RC_OK)
        die("a data set cannot be written: %s", err.text);
    return buf_span(out);
}

/* ---- smaller ---- */

/* `left` counts down over the ways; the one where it is 0 is taken. */
struct reducing {
    unsigned left;
    bool is_taken;
    struct arena *arena;
};

static bool takes(struct reducing *r)
{
    if (r->is_taken)
        return false;
    r->is_taken = r->left == 0;
    r->left--;
    return r->is_taken;
}

static struct span without(struct reducing *r, struct span s, size_t at, size_t n)
{
    char *text = arena_alloc(r->arena, s.len + 1);
    memcpy(text, s.data, at);
    memcpy(text + at, s.data + at + n, s.len - at - n);
    return span_of(text, s.len - n);
}

static size_t character_at(struct span s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && (s.data[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

static struct span without_a_value(struct reducing *r, struct span s)
{
    for (size_t start = 0, i = 0; i <= s.len; i++) {
        if (i < s.len && s.data[i] != '\\')
            continue;
        size_t n = i - start;
        if (n < s.len && takes(r)) /* with the backslash behind it, or that before */
            return i < s.len ? without(r, s, start, n + 1) : without(r, s, start - 1, n + 1);
        start = i + 1;
    }
    return s;
}

static struct span shorter(struct reducing *r, struct span s)
{
    if (s.len > 0 && takes(r))
        return span_of(NULL, 0);
    size_t half = 0;
    while (half < s.len / 2)
        half += character_at(s, half);
    if (half > 0 && half < s.len && takes(r))
        return span_of(s.data, half);
    if (half > 0 && half < s.len && takes(r))
        return span_of(s.data + half, s.len - half);
    for (size_t i = 0, n; i < s.len; i += n) {
        n = character_at(s, i);
        if (takes(r))
            return without(r, s, i, n);
    }
    return s;
}

/* UIDs are names: part of one says nothing. */
static bool can_be_shorter(const struct dcm_element *e)
{
    return dcm_vr_is_string(e->vr) && strcmp(e->vr, "UI") != 0;
}

static struct dcm_item *reduced(struct reducing *r, const struct dcm_item *from)
{
    struct dcm_item *to = dcm_item_new(r->arena);
    for (const struct dcm_element *e = from->first; e; e = e->next) {
        if (takes(r))
            continue;
        struct span value = without_a_value(r, e->value);
        if (!r->is_taken && can_be_shorter(e))
            value = shorter(r, value);
        struct dcm_element *copy = put(r->arena, to, e->tag, e->vr, value);
        for (const struct dcm_item *i = e->items; i; i = i->next) {
            if (!takes(r))
                *dcm_add_item(r->arena, copy) = *reduced(r, i);
        }
    }
    return to;
}

bool subject_reduce(const struct subject *s, unsigned n, struct arena *arena, struct subject *out)
{
    struct reducing r = {n, false, arena};
    const struct dcm_ts *plain = dcm_ts_find(UID_EXPLICIT_LE);
    *out = *s;
    if (s->ts != plain && takes(&r))
        out->ts = plain;
    if (s->is_raw && takes(&r))
        out->is_raw = false;
    if (s->has_item_sets && takes(&r))
        out->has_item_sets = false;
    if (s->charset[0] && dcm_tree_is_ascii(s->tree) && takes(&r))
        out->charset = "";
    if (s->charset[0] && strcmp(s->charset, "ISO_IR 192") != 0 && takes(&r))
        out->charset = "ISO_IR 192";
    out->tree = reduced(&r, s->tree);
    return r.is_taken;
}

struct subject subject_like(const struct subject *s, const struct subject *like,
                            struct arena *arena)
{
    static const uint32_t needed[] = {TAG_InstanceCreationDate, TAG_InstanceCreationTime,
                                      TAG_SOPClassUID, TAG_SOPInstanceUID,
                                      TAG_TimezoneOffsetFromUTC};
    struct subject out = subject_copy(s, arena);
    for (const struct dcm_element *e = s->tree->first; e; e = e->next) {
        bool stays = dcm_find(like->tree, e->tag) != NULL;
        for (unsigned i = 0; i < COUNT(needed); i++)
            stays = stays || needed[i] == e->tag;
        if (!stays)
            dcm_remove(out.tree, e->tag);
    }
    return out;
}

static unsigned elements_of(const struct dcm_item *item)
{
    unsigned count = 0;
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        count++;
        for (const struct dcm_item *i = e->items; i; i = i->next)
            count += elements_of(i);
    }
    return count;
}

unsigned subject_elements(const struct subject *s)
{
    return elements_of(s->tree);
}

/* ---- as text ---- */

void tree_show(const struct dcm_item *item, FILE *to)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        fprintf(to, "%08X %s", (unsigned)e->tag, e->vr);
        for (size_t i = 0; i < e->value.len; i++) {
            uint8_t c = e->value.data[i];
            fprintf(to, c < 0x20 || c == 0x7F ? "%s\\x%02X" : "%s%c", i ? "" : " ", c);
        }
        if (strcmp(e->vr, "SQ") == 0) {
            fputs(" {", to);
            for (const struct dcm_item *i = e->items; i; i = i->next) {
                fputc('[', to);
                tree_show(i, to);
                fputc(']', to);
            }
            fputc('}', to);
        }
        fputs(e->next ? "; " : "", to);
    }
}

void subject_show(const struct subject *s, FILE *to)
{
    fprintf(to, "    (%s%s%s%s%s) ", s->ts->name, s->charset[0] ? ", " : "", s->charset,
            s->is_raw ? ", but text as UTF-8" : "",
            s->has_item_sets ? ", first items in ISO_IR 192" : "");
    tree_show(s->tree, to);
    fputc('\n', to);
}
