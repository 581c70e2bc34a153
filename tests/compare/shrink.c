/* SPDX-License-Identifier: Apache-2.0
 *
 * A difference made small: whatever can be left out of the identifier or of the protocol, while the
 * two sides still differ in the same way, is left out.
 *
 * The protocol is alone in a database of its own, stored anew for each try.
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
static bool store(struct shrinking *g, struct subject *protocol, struct arena *arena)
{
    product_empty(g->alone);
    g->stored = 0;
    if (!protocol->tree)
        return true;
    struct span octets = subject_encode(protocol, arena, &g->octets);
    if (!product_store(g->alone, octets, protocol->ts) ||
        !entity_read(octets, protocol->ts, arena, &g->entity))
        return false;
    g->stored = 1;
    return true;
}

static bool still_differs(struct shrinking *g, struct subject *identifier, const char *charset,
                          struct difference *out)
{
    struct tally tally = {0};
    struct stock stock = {g->alone, &g->entity, g->stored, g->number, true};
    arena_reset(g->scratch);
    compare(&stock, identifier, charset, g->scratch, &tally, out);
    return out->kind == g->kind;
}

/* One pass over the ways to make *what smaller; true when one was. */
static bool pass(struct shrinking *g, struct shrunk *s, struct subject *what, struct arena *arena)
{
    bool is_protocol = what == &s->protocol, any = false;
    struct subject smaller;
    for (unsigned n = 0; s->steps < MAX_STEPS && subject_reduce(what, n, arena, &smaller);) {
        struct difference d = {0};
        s->steps++;
        bool ok = (!is_protocol || store(g, &smaller, arena)) &&
                  still_differs(g, is_protocol ? &s->identifier : &smaller, s->charset, &d);
        if (ok) {
            *what = smaller;
            any = true;
        } else {
            n++;
        }
        buf_fini(&d.response);
    }
    if (is_protocol)
        (void)store(g, &s->protocol, arena);
    return any;
}

bool shrink(struct product *alone, struct shrunk *s, struct arena *arena)
{
    struct shrinking g = {
        .alone = alone, .number = s->number, .kind = s->difference.kind, .scratch = arena_new(0)};
    struct difference d = {0};

    buf_init(&g.octets, 0);
    bool ok = store(&g, &s->protocol, arena) && still_differs(&g, &s->identifier, s->charset, &d);
    if (ok) {
        if (s->charset && still_differs(&g, &s->identifier, NULL, &d))
            s->charset = NULL;
        bool more = true;
        while (more && s->steps < MAX_STEPS) {
            more = pass(&g, s, &s->identifier, arena);
            if (s->protocol.tree)
                more = pass(&g, s, &s->protocol, arena) || more;
        }
        buf_fini(&s->difference.response);
        s->difference = (struct difference){0};
        (void)still_differs(&g, &s->identifier, s->charset, &s->difference);
    }
    buf_fini(&d.response);
    buf_fini(&g.octets);
    arena_free(g.scratch);
    return ok;
}
