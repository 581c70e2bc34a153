/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequence matching (PS3.4 C.2.2.2.6) and the walk over one level of keys.
 *
 * All keys of the one item must match within the same item of the entity, so a sequence is one select over
 * its item table with all predicates inside. A sequence within the item is tied to that item, and not to the entity, by the
 * columns that number it (model_key.path): else the planner would have to visit every object to get from one to
 * the other.
 *
 * An entity matches once, however many of its items do. An EXISTS would say that, but to begin with the items the planner
 * first collects all of them to drop duplicates, and the first response of a key that many match would wait
 * for the last (measured: 90 ms for a tenth of 1,000,000 protocols). So the items are joined, and of the matching
 * items of an entity, or of the item around them, only the first counts:
 *
 *     from dpp.objects o
 *     join (select s1.object_id, s1.ordinal as n0 from <items> s1
 *           join (select s2.object_id, s2.parent as n0, s2.ordinal as n1 from <inner items> s2 where <matches>) m2
 *               on m2.object_id = s1.object_id and m2.n0 = s1.ordinal
 *           where <matches>
 *               and not exists (select 1 from <inner items> s2 where <matches> and s2.object_id = m2.object_id
 *                               and s2.parent = m2.n0 and s2.ordinal < m2.n1)) m1 on m1.object_id = o.id
 *     where not exists (select 1 from <items> s1 where <matches> and exists (<a matching inner item of s1>)
 *                       and s1.object_id = m1.object_id and s1.ordinal < m1.n0)
 *
 * which is answered item by item from either side. EXISTS is left to where the item around is known already. Where
 * sequences nest, the tables of NOT EXISTS are kept out of the search for an order of joins by "offset 0": with them it
 * takes many times longer, or, being more than join_collapse_limit, goes wrong.
 *
 * Which items matched is asked for in the same statement, as an array of ordinals computed for the rows
 * that matched, so that the response can hold those items only without matching a second time in C.
 */
#include "query_parts.h"

#include <stdio.h>

static const query_predicate predicates[] = {
    [MATCH_UID] = query_uid,   [MATCH_TEXT] = query_text,        [MATCH_SCHEME] = query_text,
    [MATCH_NAME] = query_name, [MATCH_DATETIME] = query_instant,
};

static bool has_value(const struct dcm_element *e)
{
    return e->value.len > 0;
}

/* One key of a level: its plan and, if it restricts, its predicate. */
static enum rc add_key(struct query_builder *b, struct query_items *around,
                       const struct model_key *key, const struct dcm_element *e, struct buf *to,
                       struct plan_key *plan, struct err *err)
{
    if (key->match == MATCH_SEQUENCE) {
        if (has_value(e))
            return err_set_tag(err, RC_INVALID, e->tag, "key is not encoded as a sequence");
        return query_sequence(b, around, key, e, plan, err);
    }
    if (e->items || memcmp(e->vr, "SQ", 2) == 0)
        return err_set_tag(err, RC_INVALID, e->tag, "key is no sequence in this model");
    if ((size_t)key->match >= sizeof(predicates) / sizeof(predicates[0]) ||
        !predicates[key->match] || !has_value(e))
        return RC_OK; /* return only; dates and times are matched together, by query_datetime */

    struct query_place at = {.key = key};
    snprintf(at.alias, sizeof(at.alias), "%s",
             around              ? around->alias
             : key->is_of_object ? "o"
                                 : "p");
    return predicates[key->match](b, &at, e, to, err);
}

enum rc query_level(struct query_builder *b, struct query_items *around,
                    const struct dcm_item *item, struct buf *to, const struct plan_key **plan,
                    unsigned *plan_count, struct err *err)
{
    const struct model_key *keys = around ? around->key->children : b->model->keys;
    unsigned key_count = around ? around->key->child_count : b->model->key_count;
    unsigned most = 0, count = 0;

    for (const struct dcm_element *e = item->first; e; e = e->next)
        most++;
    struct plan_key *rows = arena_array(b->arena, most ? most : 1, sizeof(*rows));
    if (!rows)
        return query_no_room(err, 0);

    for (const struct dcm_element *e = item->first; e; e = e->next) {
        if (query_is_no_key(e->tag))
            continue;
        const struct model_key *key = model_find_key(keys, key_count, e->tag);
        struct plan_key *row = &rows[count++];
        enum rc rc = query_plan_row(b, e, key ? key->vr : e->vr, row, err);
        if (rc == RC_OK)
            rc = key ? add_key(b, around, key, e, to, row, err)
                     : query_other(b, e, around == NULL, row, err);
        if (rc != RC_OK)
            return rc;
    }
    *plan = rows;
    *plan_count = count;
    return RC_OK;
}

/* " from dpp.protocol_codes s2<joins> where <filter><predicates>" */
static void add_items(const struct query_items *s, bool is_joined, struct buf *to)
{
    buf_printf(to, " from %s %s", s->key->item_table, s->alias);
    if (is_joined)
        buf_add_span(to, buf_span(&s->joins));
    buf_printf(to, " where %s", s->key->item_filter ? s->key->item_filter : "true");
    buf_add_span(to, buf_span(&s->keys));
    buf_add_span(to, buf_span(is_joined ? &s->firsts : &s->exists));
}

static unsigned depth_of(const struct model_key *key)
{
    unsigned depth = 0;
    while (depth < MODEL_MAX_DEPTH && key->path[depth])
        depth++;
    return depth;
}

/* The ordinals of the matching items, each as many numbers as it is deep. */
static bool add_list(struct query_builder *b, const struct query_items *s, struct plan_key *plan)
{
    if (b->list_count == b->list_cap)
        return false;
    plan->depth = depth_of(s->key);
    b->depths[b->list_count] = plan->depth;
    plan->list = ++b->list_count;

    buf_add_str(&b->columns, ", array(select ");
    if (plan->depth > 1)
        buf_add_str(&b->columns, "unnest(array[");
    for (unsigned i = 0; i < plan->depth; i++)
        buf_printf(&b->columns, "%s%s.%s", i ? ", " : "", s->alias, s->key->path[i]);
    if (plan->depth > 1)
        buf_add_str(&b->columns, "])");
    add_items(s, false, &b->columns);
    buf_printf(&b->columns, " and %s.object_id = o.id)", s->alias);
    return true;
}

/* The matching items, joined to what is around them. */
static void add_join(const struct query_items *s, const struct query_items *around, struct buf *to)
{
    unsigned depth = depth_of(s->key);
    buf_printf(to, " join (select %s.object_id", s->alias);
    for (unsigned i = 0; i < depth; i++)
        buf_printf(to, ", %s.%s as n%u", s->alias, s->key->path[i], i);
    add_items(s, true, to);
    buf_printf(to, ") m%s on m%s.object_id = %s.%s", s->alias, s->alias,
               around ? around->alias : "o", around ? "object_id" : "id");
    for (unsigned i = 0; i + 1 < depth; i++)
        buf_printf(to, " and m%s.n%u = %s.%s", s->alias, i, around->alias, around->key->path[i]);
}

/* Only the first of them counts. */
static void add_first(const struct query_items *s, bool is_inner, struct buf *to)
{
    unsigned last = depth_of(s->key) - 1;
    buf_add_str(to, " and not exists (select 1");
    add_items(s, false, to);
    buf_printf(to, " and %s.object_id = m%s.object_id", s->alias, s->alias);
    for (unsigned i = 0; i <= last; i++)
        buf_printf(to, " and %s.%s %s m%s.n%u", s->alias, s->key->path[i], i < last ? "=" : "<",
                   s->alias, i);
    buf_add_str(to, is_inner || s->exists.len > 0 ? " offset 0)" : ")");
}

/* The item around has a matching item. */
static void add_exists(const struct query_items *s, const struct query_items *around,
                       struct buf *to)
{
    buf_add_str(to, " and exists (select 1");
    add_items(s, false, to);
    buf_printf(to, " and %s.object_id = %s.object_id", s->alias, around->alias);
    for (unsigned i = 0; i + 1 < depth_of(s->key); i++)
        buf_printf(to, " and %s.%s = %s.%s", s->alias, s->key->path[i], around->alias,
                   around->key->path[i]);
    buf_add_str(to, ")");
}

static enum rc add_sequence(struct query_builder *b, const struct query_items *s,
                            struct query_items *around, struct plan_key *plan, struct err *err)
{
    if (s->keys.len > 0 || s->exists.len > 0) {
        if (!add_list(b, s, plan))
            return query_no_room(err, s->key->tag);
        add_join(s, around, around ? &around->joins : &b->from);
        add_first(s, around != NULL, around ? &around->firsts : &b->where);
        if (around)
            add_exists(s, around, &around->exists);
    }
    bool is_whole = buf_status(&s->keys) == RC_OK && buf_status(&s->exists) == RC_OK &&
                    buf_status(&s->joins) == RC_OK && buf_status(&s->firsts) == RC_OK;
    return is_whole ? RC_OK : query_no_room(err, s->key->tag);
}

enum rc query_sequence(struct query_builder *b, struct query_items *around,
                       const struct model_key *key, const struct dcm_element *e,
                       struct plan_key *plan, struct err *err)
{
    const struct dcm_item *item = e->items;
    enum rc rc = query_one_item(e, err);
    if (rc != RC_OK || !item || !item->first)
        return rc; /* universal: the whole sequence is returned */

    struct query_items self = {.key = key};
    snprintf(self.alias, sizeof(self.alias), "s%u", ++b->alias_count);
    struct buf *const parts[] = {&self.keys, &self.exists, &self.joins, &self.firsts};
    for (unsigned i = 0; i < 4; i++)
        buf_init(parts[i], QUERY_MAX_SQL);
    rc = query_level(b, &self, item, &self.keys, &plan->children, &plan->child_count, err);
    if (rc == RC_OK)
        rc = add_sequence(b, &self, around, plan, err);
    for (unsigned i = 0; i < 4; i++)
        buf_fini(parts[i]);
    return rc;
}
