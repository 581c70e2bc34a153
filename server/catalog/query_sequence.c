/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequence matching (PS3.4 C.2.2.2.6) and the walk over one level of keys.
 *
 * All keys of the one item must match within the same item of the entity, so a sequence is one select over
 * its item table with all predicates inside, and a sequence within the item is an EXISTS within that select,
 * tied to the item by the columns that number it (model_key.path).
 *
 * An entity matches once, however many of its items do. An EXISTS on the top level would say that, but to
 * begin with the items the planner first collects all of them to drop duplicates, and the first response of
 * a key that many match would wait for the last (measured: 90 ms for a tenth of 1,000,000 protocols). So
 * the items are joined, and of an entity's matching items only the first counts:
 *
 *     from dpp.objects o join (select s1.object_id, s1.ordinal from <items> s1 where <matches>) m1 on ...
 *     where not exists (select 1 from <items> s1 where s1.object_id = m1.object_id and <matches>
 *                       and s1.ordinal < m1.ordinal)
 *
 * which is answered item by item from either side.
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
static enum rc add_key(struct query_builder *b, const struct query_parent *parent,
                       const struct model_key *key, const struct dcm_element *e, struct buf *to,
                       struct plan_key *plan, struct err *err)
{
    if (key->match == MATCH_SEQUENCE) {
        if (has_value(e))
            return err_set_tag(err, RC_INVALID, e->tag, "key is not encoded as a sequence");
        return query_sequence(b, parent, key, e, to, plan, err);
    }
    if (e->items || memcmp(e->vr, "SQ", 2) == 0)
        return err_set_tag(err, RC_INVALID, e->tag, "key is no sequence in this model");
    if ((size_t)key->match >= sizeof(predicates) / sizeof(predicates[0]) ||
        !predicates[key->match] || !has_value(e))
        return RC_OK; /* return only; dates and times are matched together, by query_datetime */

    struct query_place at = {.key = key};
    snprintf(at.alias, sizeof(at.alias), "%s",
             parent              ? parent->alias
             : key->is_of_object ? "o"
                                 : "p");
    return predicates[key->match](b, &at, e, to, err);
}

enum rc query_level(struct query_builder *b, const struct query_parent *parent,
                    const struct dcm_item *item, struct buf *to, const struct plan_key **plan,
                    unsigned *plan_count, struct err *err)
{
    const struct model_key *keys = parent ? parent->key->children : b->model->keys;
    unsigned key_count = parent ? parent->key->child_count : b->model->key_count;
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
            rc = key ? add_key(b, parent, key, e, to, row, err)
                     : query_other(b, e, parent == NULL, row, err);
        if (rc != RC_OK)
            return rc;
    }
    *plan = rows;
    *plan_count = count;
    return RC_OK;
}

/* " from dpp.protocol_codes s2 where <filter><predicates>" */
static void add_items(const struct model_key *key, const char *alias, const char *predicate,
                      struct buf *to)
{
    buf_printf(to, " from %s %s where ", key->item_table, alias);
    buf_add_str(to, key->item_filter ? key->item_filter : "true");
    buf_add_str(to, predicate);
}

static unsigned depth_of(const struct model_key *key)
{
    unsigned depth = 0;
    while (depth < MODEL_MAX_DEPTH && key->path[depth])
        depth++;
    return depth;
}

/* The ordinals of the matching items, each as many numbers as it is deep. */
static bool add_list(struct query_builder *b, const struct model_key *key, const char *alias,
                     const char *predicate, struct plan_key *plan)
{
    if (b->list_count == b->list_cap)
        return false;
    plan->depth = depth_of(key);
    b->depths[b->list_count] = plan->depth;
    plan->list = ++b->list_count;

    buf_add_str(&b->columns, ", array(select ");
    if (plan->depth > 1)
        buf_add_str(&b->columns, "unnest(array[");
    for (unsigned i = 0; i < plan->depth; i++)
        buf_printf(&b->columns, "%s%s.%s", i ? ", " : "", alias, key->path[i]);
    if (plan->depth > 1)
        buf_add_str(&b->columns, "])");
    add_items(key, alias, predicate, &b->columns);
    buf_printf(&b->columns, " and %s.object_id = o.id)", alias);
    return true;
}

/* The objects with a matching item: each once, by the first of them. */
static void add_join(struct query_builder *b, const struct model_key *key, const char *alias,
                     const char *predicate, struct buf *to)
{
    const char *ordinal = key->path[0];
    buf_printf(&b->from, " join (select %s.object_id, %s.%s", alias, alias, ordinal);
    add_items(key, alias, predicate, &b->from);
    buf_printf(&b->from, ") m%s on m%s.object_id = o.id", alias, alias);
    buf_add_str(to, " and not exists (select 1");
    add_items(key, alias, predicate, to);
    buf_printf(to, " and %s.object_id = m%s.object_id and %s.%s < m%s.%s)", alias, alias, alias,
               ordinal, alias, ordinal);
}

/* The item of the enclosing sequence has a matching item. Tied to that item and not to o: else the planner would
 * have to visit every object to get from one to the other. */
static void add_exists(const struct query_parent *parent, const struct model_key *key,
                       const char *alias, const char *predicate, struct buf *to)
{
    buf_add_str(to, " and exists (select 1");
    add_items(key, alias, predicate, to);
    buf_printf(to, " and %s.object_id = %s.object_id", alias, parent->alias);
    for (unsigned i = 0; i + 1 < depth_of(key); i++)
        buf_printf(to, " and %s.%s = %s.%s", alias, key->path[i], parent->alias,
                   parent->key->path[i]);
    buf_add_str(to, ")");
}

enum rc query_sequence(struct query_builder *b, const struct query_parent *parent,
                       const struct model_key *key, const struct dcm_element *e, struct buf *to,
                       struct plan_key *plan, struct err *err)
{
    const struct dcm_item *item = e->items;
    enum rc rc = query_one_item(e, err);
    if (rc != RC_OK || !item || !item->first)
        return rc; /* universal: the whole sequence is returned */

    struct query_parent self = {.key = key};
    snprintf(self.alias, sizeof(self.alias), "s%u", ++b->alias_count);
    struct buf inside;
    buf_init(&inside, QUERY_MAX_SQL);
    rc = query_level(b, &self, item, &inside, &plan->children, &plan->child_count, err);

    if (rc == RC_OK && inside.len > 0) {
        const char *predicate = buf_cstr(&inside);
        if (!add_list(b, key, self.alias, predicate, plan))
            rc = query_no_room(err, e->tag);
        if (parent)
            add_exists(parent, key, self.alias, predicate, to);
        else
            add_join(b, key, self.alias, predicate, to);
    }
    if (rc == RC_OK && buf_status(&inside) != RC_OK)
        rc = query_no_room(err, e->tag);
    buf_fini(&inside);
    return rc;
}
