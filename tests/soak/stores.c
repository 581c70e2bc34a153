/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "behaviours.h"

enum { AT_ONCE = 6 };

static uint16_t put_store(struct peer *p, const struct object *x)
{
    char uid[65];
    struct command c = {.field = C_STORE, .sop_class = object_class(x), .sop_instance = uid};
    object_uid(x, uid);
    p->object.len = 0;
    put_object(&p->object, x);
    return peer_put_request(p, object_context(x), &c, &p->object);
}

static void store(struct peer *p, const struct object *x)
{
    uint16_t id = put_store(p, x);
    peer_must_flush(p);
    peer_await(p);
    EXPECT(p, p->m.field == (C_STORE | RESPONSE) && p->m.id == id, "an answer to another request");
}

static void store_new(struct peer *p, const struct object *x)
{
    count_attempt();
    store(p, x);
    EXPECT_STATUS(p, 0);
    acknowledge(*x);
}

static enum syntax any_syntax(struct peer *p)
{
    static const uint8_t syntaxes[8] = {[5] = IMPLICIT, [6] = IMPLICIT, [7] = DEFLATED};
    return syntaxes[rng_below(&p->rng, 8)];
}

void put_any_store(struct peer *p)
{
    struct object x =
        own_object(p->number, rng_below(&p->rng, OWN_OBJECTS / 2), PLAIN, any_syntax(p));
    count_attempt();
    (void)put_store(p, &x);
}

void store_base(struct peer *p, unsigned first, unsigned end)
{
    peer_associate(p, 0);
    for (; first < end; first++) {
        struct object x = base_object(first);
        store(p, &x);
        EXPECT_STATUS(p, 0);
    }
    peer_release(p);
}

void store_largest(struct peer *p, unsigned first, unsigned end)
{
    peer_associate(p, 0);
    for (; first < end; first++) {
        struct object x = base_object(BASE_SMALL + first % (BASE_COUNT - BASE_LARGE - BASE_SMALL));
        store(p, &x);
        EXPECT_STATUS(p, 0);
    }
    peer_release(p);
}

void play_store(struct peer *p)
{
    peer_associate(p, 0);
    for (unsigned i = rng_between(&p->rng, 1, 3); i > 0; i--) {
        struct object x = own_object(p->number, i, PLAIN, any_syntax(p));
        store_new(p, &x);
    }
    peer_leave(p);
}

/* What is there already with this content: success, and the first octets stay. */
void play_store_again(struct peer *p)
{
    struct object x = base_object(rng_below(&p->rng, BASE_SMALL));
    peer_associate(p, 0);
    x.syntax = any_syntax(p);
    store(p, &x);
    EXPECT_STATUS(p, 0);
    x = own_object(p->number, 0, PLAIN, any_syntax(p));
    store_new(p, &x);
    store(p, &x);
    EXPECT_STATUS(p, 0);
    peer_leave(p);
}

void play_store_different(struct peer *p)
{
    struct object x = base_object(rng_below(&p->rng, BASE_SMALL));
    peer_associate(p, 0);
    x.variant = 1;
    store(p, &x);
    EXPECT_STATUS(p, 0xC000);
    peer_leave(p);
}

void play_store_imperfect(struct peer *p)
{
    struct object x = own_object(p->number, 0, IMPERFECT, any_syntax(p));
    peer_associate(p, 0);
    store_new(p, &x);
    peer_leave(p);
}

/* Now and then so large that the database session which takes it is not used again. */
void play_store_large(struct peer *p)
{
    struct object x = own_object(p->number, 0, LARGE, any_syntax(p));
    peer_associate(p, 0);
    store_new(p, &x);
    if (rng_below(&p->rng, 4) == 0) {
        x = base_object(BASE_COUNT - 1 - rng_below(&p->rng, BASE_LARGE));
        store(p, &x);
        EXPECT_STATUS(p, 0);
    }
    peer_leave(p);
}

/* Several without waiting for answers, which come in any order. */
void play_store_many_at_once(struct peer *p)
{
    struct object objects[AT_ONCE];
    uint16_t ids[AT_ONCE];
    unsigned count = rng_between(&p->rng, 2, AT_ONCE), left;
    peer_associate(p, AT_ONCE);
    for (unsigned i = 0; i < count; i++) {
        objects[i] = own_object(p->number, i, rng_below(&p->rng, 8) ? PLAIN : LARGE, any_syntax(p));
        count_attempt();
        ids[i] = put_store(p, &objects[i]);
    }
    peer_must_flush(p);
    for (left = count; left > 0; left--) {
        unsigned i = 0;
        peer_await(p);
        while (i < count && ids[i] != p->m.id) {
            i++;
        }
        EXPECT(p, i < count, "an answer to another request");
        EXPECT_STATUS(p, 0);
        ids[i] = 0;
        acknowledge(objects[i]);
    }
    peer_leave(p);
}

/* Gone anywhere from the first octet of the request to just before the answer; whether it was stored nobody
 * can know. */
void play_store_vanishing(struct peer *p)
{
    struct object x =
        own_object(p->number, 0, rng_below(&p->rng, 4) ? PLAIN : LARGE, any_syntax(p));
    peer_associate(p, 0);
    count_attempt();
    put_store(p, &x);
    if (rng_below(&p->rng, 4) != 0) {
        p->out.len = 1 + rng_below(&p->rng, (uint32_t)p->out.len);
    }
    (void)peer_flush(p);
    peer_vanish(p);
}
