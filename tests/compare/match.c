/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether an object matches an identifier (PS3.4 K.2.2.1, C.2.2.2).
 */
#include "reference.h"

#include "dcm/charset.h"
#include "dcm/dict.h"
#include "reference_parts.h"

bool is_no_key(uint32_t tag)
{
    if (tag == 0x00080052) /* HH.6.1: a Query/Retrieve Level is not relevant. A choice: ignored */
        return planted != PLANT_LEVEL;
    return tag == 0x00080005 || tag == 0x00080201; /* K.2.2.2 */
}

bool is_sequence(const struct dcm_element *e)
{
    return e->items || strcmp(e->vr, "SQ") == 0;
}

/* ---- reading ---- */

static struct span terms_of(const struct dcm_item *item)
{
    struct span out[MAX_VALUES], terms = {NULL, 0};
    const struct dcm_element *e = dcm_find(item, 0x00080005);
    if (e && values_of(e, "UR", out) > 0) /* whole */
        terms = out[0];
    return terms;
}

static char *text_of(struct arena *arena, struct span s)
{
    return arena_strndup(arena, s.data ? (const char *)s.data : "", s.len);
}

static void ignore_flaw(enum dcm_text_flaw flaw, const char *attribute, void *arg)
{
    (void)flaw;
    (void)attribute;
    (void)arg;
}

/* The only value of (0008,0201), if it is an offset. */
static bool zone_of(const struct dcm_item *tree, int64_t *out)
{
    struct span values[MAX_VALUES];
    const struct dcm_element *e = dcm_find(tree, 0x00080201);
    return e && values_of(e, "SH", values) == 1 && offset_read(values[0], out);
}

bool entity_read(struct span octets, const struct dcm_ts *ts, const struct information_model *model,
                 struct arena *arena, struct entity *out)
{
    struct dcm_item *tree = NULL;
    memset(out, 0, sizeof(*out));
    out->model = model;
    if (dcm_read(octets, ts, NULL, arena, &tree, NULL) != RC_OK)
        return false;
    out->charset = text_of(arena, terms_of(tree));
    out->tree = tree;
    out->has_zone = zone_of(tree, &out->zone);
    return dcm_tree_to_utf8_anyhow(tree, arena, ignore_flaw, NULL, NULL) == RC_OK;
}

static void offend(struct question *q, uint32_t tag)
{
    if (q->offending_count < MAX_OFFENDING)
        q->offending[q->offending_count++] = tag;
}

/* The VRs are those of the model, whatever the identifier says. */
static void set_vrs(struct keys keys, struct dcm_item *item)
{
    for (struct dcm_element *e = item->first; e; e = e->next) {
        const struct key *key = key_of(keys, e->tag);
        struct keys inner = {key ? key->items : NULL, key ? key->item_count : 0};
        if (key && key->rule != RULE_SEQUENCE && !is_sequence(e))
            memcpy(e->vr, key->vr, sizeof(e->vr));
        for (struct dcm_item *i = e->items; i; i = i->next)
            set_vrs(inner, i);
    }
}

static moment_reader reader_of(const struct key *key)
{
    return key->rule == RULE_DATE       ? date_read
           : key->rule == RULE_TIME     ? time_read
           : key->rule == RULE_DATETIME ? datetime_read
                                        : NULL;
}

bool is_well_formed(const struct key *key, const struct dcm_element *e)
{
    moment_reader reader = reader_of(key);
    struct span values[MAX_VALUES];
    struct range range;
    if ((key->rule == RULE_SEQUENCE) != is_sequence(e))
        return key->rule == RULE_SEQUENCE && e->value.len == 0;
    if (key->rule == RULE_SEQUENCE) /* C.2.2.2.6: one item. A choice: several are refused */
        return e->item_count <= 1 || planted == PLANT_TWO_ITEMS;
    unsigned count = reader ? values_of(e, key->vr, values) : 0;
    for (unsigned i = 0; i < count; i++) {
        if (values[i].len > 0 && !range_read(values[i], reader, &range))
            return false;
    }
    return true;
}

/* Of a key outside of the model. A choice: any attribute is supported as a return key; with a value it is an optional
 * key that is not matched, and what a private or unknown one is nobody knows. */
static bool is_supported(const struct dcm_element *e)
{
    struct span values[MAX_VALUES];
    struct dcm_dict_entry entry;
    return planted == PLANT_FF01 || (dcm_dict_by_tag(e->tag, &entry) &&
                                     (is_sequence(e) || values_of(e, e->vr, values) == 0));
}

static void check(struct question *q, struct keys keys, const struct dcm_item *item)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        const struct key *key = key_of(keys, e->tag);
        if (is_no_key(e->tag))
            continue;
        if (key ? !is_well_formed(key, e) : e->item_count > 1)
            offend(q, e->tag);
        if (!key && !is_supported(e))
            q->is_partly_supported = true;
        if (e->item_count == 1)
            check(q, key ? (struct keys){key->items, key->item_count} : (struct keys){NULL, 0},
                  e->items);
    }
}

bool asks_for_something(const struct dcm_item *item)
{
    for (const struct dcm_element *e = item ? item->first : NULL; e; e = e->next) {
        if (!is_no_key(e->tag))
            return true;
    }
    return false;
}

/* K.2.2.2: not of zero length; a choice: if it is, it says nothing. */
static void read_zone(struct question *q)
{
    struct span values[MAX_VALUES];
    const struct dcm_element *e = dcm_find(q->tree, 0x00080201);
    q->has_zone = zone_of(q->tree, &q->zone);
    if (e && !q->has_zone && (is_sequence(e) || values_of(e, "SH", values) > 0))
        offend(q, e->tag);
}

void question_read(struct span octets, const struct dcm_ts *ts,
                   const struct information_model *model, const struct requester *requester,
                   struct arena *arena, struct question *out)
{
    struct dcm_item *tree = NULL;
    struct err err = {0};
    char spelled[DCM_CHARSET_TERMS_MAX];

    memset(out, 0, sizeof(*out));
    out->model = model;
    out->adjusts = requester->adjusts;
    out->is_fuzzy = requester->is_fuzzy;
    out->site_zone = requester->site_minutes * INT64_C(60000000);
    if (dcm_read(octets, ts, NULL, arena, &tree, &err) != RC_OK) {
        out->is_unreadable = true;
        return;
    }
    set_vrs(model->keys, tree);
    struct span terms = terms_of(tree);
    out->tree = tree;
    out->charset = text_of(arena, terms);
    if (!dcm_charset_spell(terms, spelled)) {
        offend(out, 0x00080005);
        return;
    }
    if (dcm_tree_to_utf8(tree, requester->charset, arena, NULL, &err) != RC_OK) {
        offend(out, err.tag);
        return;
    }
    check(out, model->keys, tree);
    read_zone(out);
    out->asks_nothing = !asks_for_something(tree);
}

/* ---- matching ---- */

/* What the key says: values with something in them. 0 = universal matching (C.2.2.2.3). */
unsigned given_values(const struct key *key, const struct dcm_element *e,
                      struct span out[MAX_VALUES])
{
    struct span all[MAX_VALUES];
    unsigned count = values_of(e, key->vr, all), given = 0;
    bool is_asterisk = false;
    for (unsigned i = 0; i < count; i++) {
        if (key->rule == RULE_NAME)
            all[i] = name_trimmed(all[i]);
        if (all[i].len == 0)
            continue;
        if (key->rule == RULE_UID) /* a choice: "*" alone is universal for UIDs, too */
            is_asterisk = is_asterisk || span_equal_str(all[i], "*");
        else if (!reader_of(key))
            is_asterisk = is_asterisk || is_only_asterisks(all[i]);
        out[given++] = all[i];
    }
    if (planted == PLANT_FIRST_UID && key->rule == RULE_UID && given > 1)
        given = 1;
    return is_asterisk && planted != PLANT_STAR_NEEDS_VALUE ? 0 : given;
}

static bool is_a_key(const struct key *key)
{
    return key &&
           (key->rule != RULE_RETURN || (planted == PLANT_MEANING && key->tag == 0x00080104));
}

bool is_universal(const struct key *key, const struct dcm_element *e)
{
    struct span values[MAX_VALUES];
    if (!is_a_key(key))
        return true;
    if (key->rule != RULE_SEQUENCE)
        return given_values(key, e, values) == 0;
    struct keys inner = {key->items, key->item_count};
    for (const struct dcm_element *i = e->items ? e->items->first : NULL; i; i = i->next) {
        if (!is_no_key(i->tag) && !is_universal(key_of(inner, i->tag), i))
            return false;
    }
    return true;
}

/* PS3.16 8.2: SNOMED RT has been SRT, SNM3 and 99SDM. */
static bool is_snomed_rt(struct span s)
{
    return planted != PLANT_SCHEMES &&
           (span_equal_str(s, "SRT") || span_equal_str(s, "SNM3") || span_equal_str(s, "99SDM"));
}

static bool value_matches(const struct context *z, const struct key *key, struct span wanted,
                          struct span there)
{
    switch (key->rule) {
    case RULE_UID: /* what is no UID names nothing */
        return uid_is_valid(wanted) && span_equal(wanted, there);
    case RULE_NAME:
        return name_matches(wanted, there, z->is_fuzzy);
    case RULE_DATETIME:
        return datetime_matches(z, wanted, there);
    case RULE_SCHEME:
        if (is_snomed_rt(wanted) && is_snomed_rt(there))
            return true;
        break;
    default:
        break;
    }
    return there.len > 0 && wild_card_matches(wanted, there);
}

/* The values of an object's attribute. A choice: where one is allowed, several are none, and neither is one of another
 * VR. */
unsigned stored_values(const struct key *key, const struct dcm_item *item,
                       struct span out[MAX_VALUES])
{
    const struct dcm_element *e = dcm_find(item, key->tag);
    unsigned count = e && strcmp(e->vr, key->vr) == 0 ? values_of(e, key->vr, out) : 0;
    if (count > 1 && planted == PLANT_FIRST_VALUE)
        count = 1;
    return count > 1 && !key->has_many ? 0 : count;
}

static bool plain_matches(const struct context *z, const struct key *key,
                          const struct dcm_element *e, const struct dcm_item *item)
{
    struct span wanted[MAX_VALUES], there[MAX_VALUES];
    unsigned n = given_values(key, e, wanted), m = stored_values(key, item, there);
    if (n == 0)
        return true;
    if (m == 0 && planted == PLANT_UNKNOWN_MATCHES)
        return true;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < m; k++) {
            if (value_matches(z, key, wanted[i], there[k]))
                return true;
        }
    }
    return false; /* an unknown value among them: K.2.2.1.1.1 */
}

static bool key_matches(const struct context *z, const struct key *key, const struct dcm_element *e,
                        const struct dcm_item *item);

/* All keys of the item in this one. */
bool item_matches(const struct context *z, const struct key *key, const struct dcm_item *wanted,
                  const struct dcm_item *there)
{
    struct keys inner = {key->items, key->item_count};
    bool all = true;
    for (const struct dcm_element *e = wanted->first; e && all; e = e->next) {
        const struct key *k = key_of(inner, e->tag);
        all = !is_a_key(k) || key_matches(z, k, e, there);
    }
    const struct dcm_element *equivalent = dcm_find(there, 0x00080121);
    for (const struct dcm_item *i = planted == PLANT_EQUIVALENT && equivalent ? equivalent->items
                                                                              : NULL;
         i && !all; i = i->next)
        all = item_matches(z, key, wanted, i);
    return all;
}

/* PLANT_ACROSS_ITEMS: each key in some item. */
static bool is_in_any_items(const struct context *z, const struct key *key,
                            const struct dcm_item *wanted, const struct dcm_element *there)
{
    struct keys inner = {key->items, key->item_count};
    for (const struct dcm_element *e = wanted->first; e; e = e->next) {
        const struct key *k = key_of(inner, e->tag);
        const struct dcm_item *i = there->items;
        while (i && is_a_key(k) && !key_matches(z, k, e, i))
            i = i->next;
        if (!i)
            return false;
    }
    return true;
}

static bool sequence_matches(const struct context *z, const struct key *key,
                             const struct dcm_element *e, const struct dcm_item *item)
{
    const struct dcm_element *there = dcm_find(item, key->tag);
    if (is_universal(key, e))
        return true;
    if (planted == PLANT_UNKNOWN_MATCHES && (!there || !there->items))
        return true;
    if (planted == PLANT_ACROSS_ITEMS && there)
        return is_in_any_items(z, key, e->items, there);
    for (const struct dcm_item *i = there ? there->items : NULL; i; i = i->next) {
        if (item_matches(z, key, e->items, i))
            return true;
        if (planted == PLANT_FIRST_ITEM)
            return false;
    }
    return false;
}

static bool key_matches(const struct context *z, const struct key *key, const struct dcm_element *e,
                        const struct dcm_item *item)
{
    return key->rule == RULE_SEQUENCE ? sequence_matches(z, key, e, item)
                                      : plain_matches(z, key, e, item);
}

bool reference_matches(const struct question *q, const struct entity *e)
{
    const struct keys *keys = &q->model->keys;
    struct context z = context_of(q, e);

    if (q->asks_nothing || e->model != q->model) /* K.4.1.3: no keys, no matches */
        return false;
    if (e->is_hidden && planted != PLANT_HIDDEN)
        return false;
    if (!creation_matches(keys, &z, q->tree, e->tree))
        return false;
    for (const struct dcm_element *k = q->tree->first; k; k = k->next) {
        const struct key *key = key_of(*keys, k->tag);
        if (is_a_key(key) && key->rule != RULE_DATE && key->rule != RULE_TIME &&
            !key_matches(&z, key, k, e->tree))
            return false;
    }
    return true;
}
