/* SPDX-License-Identifier: Apache-2.0
 *
 * What a response says (PS3.4 K.2.2.1.2, K.2.2.1.3, K.4.1.3): the requested attributes and no others, those that
 * the object lacks with zero length, of a sequence that was matched the matching items only, in them the
 * requested attributes; beside them (0008,0005) where the text needs it and (0008,0201) where the object has
 * one and dates or times are returned.
 */
#include "dcm/charset.h"
#include "reference_parts.h"

static bool is_beyond_ascii(const struct dcm_item *item)
{
    return !dcm_tree_is_ascii(item);
}

static bool has_times(const struct dcm_item *item)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        if (strcmp(e->vr, "DA") == 0 || strcmp(e->vr, "TM") == 0 || strcmp(e->vr, "DT") == 0) {
            if (e->value.len > 0)
                return true;
        }
        for (const struct dcm_item *i = e->items; i; i = i->next) {
            if (has_times(i))
                return true;
        }
    }
    return false;
}

static struct dcm_element *put(struct arena *arena, struct dcm_item *to, uint32_t tag,
                               const char *vr, struct span value)
{
    struct dcm_element *e = dcm_put(arena, to, tag, vr, value);
    if (!e)
        die("out of memory");
    return e;
}

static void copy_item(struct arena *arena, const struct dcm_item *from, struct dcm_item *to)
{
    for (const struct dcm_element *e = from->first; e; e = e->next) {
        struct dcm_element *copy = put(arena, to, e->tag, e->vr, e->value);
        for (const struct dcm_item *i = e->items; i; i = i->next)
            copy_item(arena, i, dcm_add_item(arena, copy));
    }
}

/* A choice: the reservation of a private block is repeated where the object has none. */
static bool is_reservation(const struct dcm_element *e)
{
    return (e->tag >> 16 & 1) && (e->tag & 0xFFFF) >= 0x10 && (e->tag & 0xFFFF) <= 0xFF &&
           strcmp(e->vr, "LO") == 0;
}

static void answer(const struct context *z, struct keys keys, const struct dcm_item *wanted,
                   const struct dcm_item *there, struct arena *arena, struct dcm_item *to);

/* Of a sequence outside of the model (key NULL) all items. */
static void answer_items(const struct context *z, const struct key *key,
                         const struct dcm_element *e, const struct dcm_element *stored,
                         struct arena *arena, struct dcm_element *to)
{
    struct keys inner = {key ? key->items : NULL, key ? key->item_count : 0};
    bool restricts = key && !is_universal(key, e) && planted != PLANT_ALL_ITEMS;
    for (const struct dcm_item *i = stored->items; i; i = i->next) {
        if (restricts && !item_matches(z, key, e->items, i))
            continue;
        struct dcm_item *item = dcm_add_item(arena, to);
        if (planted == PLANT_WHOLE_ITEMS)
            copy_item(arena, i, item);
        else
            answer(z, inner, e->items, i, arena, item);
    }
}

static void answer_one(const struct context *z, const struct key *key, const struct dcm_element *e,
                       const struct dcm_element *stored, struct arena *arena, struct dcm_item *to)
{
    bool asks_for_items = asks_for_something(e->items);
    if (!stored || (asks_for_items && !is_sequence(stored))) {
        if (planted != PLANT_NO_EMPTY)
            put(arena, to, e->tag, key ? key->vr : e->vr,
                is_reservation(e) ? e->value : span_of(NULL, 0));
        return;
    }
    struct dcm_element *copy = put(arena, to, e->tag, stored->vr, stored->value);
    if (asks_for_items) {
        answer_items(z, key, e, stored, arena, copy);
        return;
    }
    for (const struct dcm_item *i = stored->items; i; i = i->next)
        copy_item(arena, i, dcm_add_item(arena, copy));
}

static void answer(const struct context *z, struct keys keys, const struct dcm_item *wanted,
                   const struct dcm_item *there, struct arena *arena, struct dcm_item *to)
{
    for (const struct dcm_element *e = wanted->first; e; e = e->next) {
        if (!is_no_key(e->tag))
            answer_one(z, key_of(keys, e->tag), e, dcm_find(there, e->tag), arena, to);
    }
}

/* A choice: the set of the request if all fits, else that which the requester prefers, else that of the object,
 * else UTF-8. */
static const char *charset_for(const struct dcm_item *tree, const char *const choices[3],
                               struct arena *arena)
{
    if (!is_beyond_ascii(tree))
        return "";
    for (unsigned i = 0; i < 3; i++) {
        if (!choices[i] || !choices[i][0] || planted == PLANT_CHARSET)
            continue;
        struct dcm_item *copy = dcm_item_new(arena);
        copy_item(arena, tree, copy);
        if (strcmp(choices[i], "ISO_IR 192") == 0 ||
            dcm_tree_from_utf8(copy, choices[i], arena, NULL) == RC_OK)
            return choices[i];
    }
    return "ISO_IR 192";
}

const struct dcm_item *reference_response(const struct question *q, const struct entity *e,
                                          const char *preferred_charset, struct arena *arena,
                                          const char **charset)
{
    const char *const choices[] = {q->charset, preferred_charset, e->charset};
    const struct dcm_element *zone = dcm_find(e->tree, 0x00080201);
    struct dcm_item *to = dcm_item_new(arena);

    struct context z = context_of(q, e);

    answer(&z, q->model->keys, q->tree, e->tree, arena, to);
    if (zone && zone->value.len > 0 && has_times(to) && planted != PLANT_NO_ZONE)
        put(arena, to, zone->tag, zone->vr, zone->value);
    *charset = charset_for(to, choices, arena);
    return to;
}
