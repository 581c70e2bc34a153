/* SPDX-License-Identifier: Apache-2.0
 *
 * A difference made small: whatever can be left out of the identifier or of the object, while the
 * two sides still differ in the same way, is left out.
 *
 * The object is alone in a database of its own, stored anew for each try.
 */
#include "campaign.h"

enum { MAX_STEPS = 5000 };

struct shrinking {
    struct product *alone;
    enum difference_kind kind;
    struct arena *scratch;
    struct entity entity;
    bool is_hidden, is_rebuilt;
    struct buf octets;
    unsigned stored, number;
};

/* false: the product refuses it. */
static bool store(struct shrinking *g, struct subject *object, struct arena *arena)
{
    product_empty(g->alone);
    g->stored = 0;
    if (!object->tree)
        return true;
    struct span octets = subject_encode(object, arena, &g->octets);
    if (!product_store(g->alone, octets, object->ts, g->is_rebuilt) ||
        !entity_read(octets, object->ts, object->model, arena, &g->entity))
        return false;
    g->stored = 1;
    g->entity.is_hidden = g->is_hidden;
    if (g->is_hidden)
        product_retire(g->alone, g->number);
    return true;
}

static bool still_differs(struct shrinking *g, struct subject *identifier,
                          const struct requester *requester, struct difference *out)
{
    struct tally tally = {0};
    struct stock stock = {g->alone, &g->entity, g->stored, g->number, true};
    arena_reset(g->scratch);
    compare(&stock, identifier, requester, g->scratch, &tally, out);
    return out->kind == g->kind;
}

/* One pass over the ways to make *what smaller; true when one was. */
static bool pass(struct shrinking *g, struct shrunk *s, struct subject *what, struct arena *arena)
{
    bool is_object = what == &s->object, any = false;
    struct subject smaller;
    for (unsigned n = 0; s->steps < MAX_STEPS && subject_reduce(what, n, arena, &smaller);) {
        struct difference d = {0};
        s->steps++;
        bool ok = (!is_object || store(g, &smaller, arena)) &&
                  still_differs(g, is_object ? &s->identifier : &smaller, &s->requester, &d);
        if (ok) {
            *what = smaller;
            any = true;
        } else {
            n++;
        }
        buf_fini(&d.response);
    }
    if (is_object)
        (void)store(g, &s->object, arena);
    return any;
}

static void without_charset(struct requester *r)
{
    r->charset = NULL;
}

static void without_fuzziness(struct requester *r)
{
    r->is_fuzzy = false;
}

static void without_adjustment(struct requester *r)
{
    r->adjusts = false;
}

static void without_site(struct requester *r)
{
    r->site_zone = NULL;
    r->site_minutes = 0;
}

static void without_limit(struct requester *r)
{
    r->max_matches = 0;
}

/* Who asks, without what does not matter. */
static void simplify_requester(struct shrinking *g, struct shrunk *s)
{
    static void (*const ways[])(struct requester *) = {
        without_charset, without_fuzziness, without_adjustment, without_limit, without_site};
    struct difference d = {0};
    for (unsigned i = 0; i < COUNT(ways); i++) {
        struct requester simpler = s->requester;
        ways[i](&simpler);
        if (still_differs(g, &s->identifier, &simpler, &d))
            s->requester = simpler;
    }
    buf_fini(&d.response);
}

/* At one go what the identifier does not ask for. */
static void drop_what_is_not_asked(struct shrinking *g, struct shrunk *s, struct arena *arena)
{
    struct subject smaller = subject_like(&s->object, &s->identifier, arena);
    struct difference d = {0};
    s->steps++;
    if (store(g, &smaller, arena) && still_differs(g, &s->identifier, &s->requester, &d))
        s->object = smaller;
    else
        (void)store(g, &s->object, arena);
    buf_fini(&d.response);
}

bool shrink(struct product *alone, struct shrunk *s, struct arena *arena)
{
    struct shrinking g = {.alone = alone,
                          .number = s->number,
                          .is_hidden = s->is_hidden,
                          .is_rebuilt = s->is_rebuilt,
                          .kind = s->difference.kind,
                          .scratch = arena_new(0)};
    struct difference d = {0};

    buf_init(&g.octets, 0);
    bool ok = store(&g, &s->object, arena) && still_differs(&g, &s->identifier, &s->requester, &d);
    if (ok) {
        simplify_requester(&g, s);
        if (s->object.tree)
            drop_what_is_not_asked(&g, s, arena);
        bool more = true;
        while (more && s->steps < MAX_STEPS) {
            more = pass(&g, s, &s->identifier, arena);
            if (s->object.tree)
                more = pass(&g, s, &s->object, arena) || more;
        }
        buf_fini(&s->difference.response);
        s->difference = (struct difference){0};
        (void)still_differs(&g, &s->identifier, &s->requester, &s->difference);
    }
    buf_fini(&d.response);
    buf_fini(&g.octets);
    arena_free(g.scratch);
    return ok;
}
