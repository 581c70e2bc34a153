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
    if (!product_store(g->alone, octets, object->ts) ||
        !entity_read(octets, object->ts, object->model, arena, &g->entity))
        return false;
    g->stored = 1;
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

/* Who asks, without what does not matter. */
static void simplify_requester(struct shrinking *g, struct shrunk *s)
{
    struct difference d = {0};
    struct requester simple[] = {s->requester, s->requester, s->requester};
    simple[0].charset = NULL;
    simple[1].adjusts = false;
    simple[2].site_zone = NULL;
    simple[2].site_minutes = 0;
    for (unsigned i = 0; i < COUNT(simple); i++) {
        if (i > 0 && !s->requester.charset)
            simple[i].charset = NULL;
        if (i > 1 && !s->requester.adjusts)
            simple[i].adjusts = false;
        if (still_differs(g, &s->identifier, &simple[i], &d))
            s->requester = simple[i];
    }
    buf_fini(&d.response);
}

bool shrink(struct product *alone, struct shrunk *s, struct arena *arena)
{
    struct shrinking g = {
        .alone = alone, .number = s->number, .kind = s->difference.kind, .scratch = arena_new(0)};
    struct difference d = {0};

    buf_init(&g.octets, 0);
    bool ok = store(&g, &s->object, arena) && still_differs(&g, &s->identifier, &s->requester, &d);
    if (ok) {
        simplify_requester(&g, s);
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
