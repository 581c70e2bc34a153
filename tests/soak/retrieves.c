/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "behaviours.h"
#include "destinations.h"
#include "fiber.h"

enum { WINDOW = 8 };

/* ---- requests ---- */

static void want_base(struct peer *p, unsigned count)
{
    peer_want_nothing(p);
    while (count-- > 0) {
        peer_want(p, base_object(rng_below(&p->rng, BASE_SMALL)));
    }
}

static void want_large(struct peer *p)
{
    peer_want_nothing(p);
    for (unsigned i = BASE_COUNT - BASE_LARGE; i < BASE_COUNT; i++) {
        peer_want(p, base_object(i));
    }
}

static unsigned few_or_many(struct peer *p)
{
    return rng_below(&p->rng, 3) ? rng_between(&p->rng, 1, 5) : rng_between(&p->rng, 6, 60);
}

static uint16_t put_get(struct peer *p)
{
    struct command c = {.field = C_GET};
    peer_put_wanted_uids(p, EXPLICIT);
    return peer_put_request(p, CTX_GET, &c, &p->object);
}

static uint16_t put_move(struct peer *p, const char *destination)
{
    struct command c = {.field = C_MOVE, .destination = destination};
    peer_put_wanted_uids(p, EXPLICIT);
    p->move_id = peer_put_request(p, CTX_MOVE, &c, &p->object);
    return p->move_id;
}

void put_any_get(struct peer *p)
{
    want_base(p, few_or_many(p));
    (void)put_get(p);
}

void put_any_move(struct peer *p)
{
    want_base(p, rng_between(&p->rng, 1, 5));
    (void)put_move(p, destinations[rng_below(&p->rng, GOOD_DESTINATIONS)].title);
    p->move_id = 0;
}

/* ---- answers ---- */

static void take_store(struct peer *p)
{
    const char *wrong =
        peer_take_object(p, p->m.sop_instance, context_of(p->context)->syntax, &p->data);
    EXPECT(p, !wrong, "%s: %s", wrong, p->m.sop_instance);
}

/* The next message of a C-GET: true = a C-STORE request, whose object has been looked at. Pending responses
 * are passed over. */
static bool next_store(struct peer *p, uint16_t id)
{
    for (;;) {
        peer_await(p);
        if (p->m.field == C_STORE) {
            take_store(p);
            return true;
        }
        EXPECT(p, p->m.field == (C_GET | RESPONSE) && p->m.id == id,
               "an answer to another request");
        if (p->m.status != PENDING) {
            return false;
        }
    }
}

static void answer_store(struct peer *p, uint16_t status)
{
    peer_put_store_answer(p, status);
    peer_must_flush(p);
}

static void expect_counts(struct peer *p, unsigned completed, unsigned failed, unsigned warning)
{
    EXPECT(p, p->m.completed == completed && p->m.failed == failed && p->m.warning == warning,
           "%u completed, %u failed, %u warned instead of %u, %u, %u", p->m.completed, p->m.failed,
           p->m.warning, completed, failed, warning);
}

static void get_all(struct peer *p)
{
    uint16_t id = put_get(p);
    peer_must_flush(p);
    while (next_store(p, id)) {
        answer_store(p, 0);
    }
    EXPECT_STATUS(p, 0);
}

static void expect_all(struct peer *p)
{
    expect_counts(p, p->wanted_count, 0, 0);
    EXPECT(p, p->come_count == p->wanted_count, "%u objects instead of %u", p->come_count,
           p->wanted_count);
}

/* ---- C-GET ---- */

void play_get(struct peer *p)
{
    peer_associate(p, rng_below(&p->rng, 2) ? WINDOW : 0);
    want_base(p, few_or_many(p));
    get_all(p);
    expect_all(p);
    /* What is not known is not counted. */
    peer_want_nothing(p);
    peer_want(p, own_object(p->number, OWN_OBJECTS - 1, PLAIN, EXPLICIT));
    get_all(p);
    expect_counts(p, 0, 0, 0);
    peer_leave(p);
}

void play_get_large(struct peer *p)
{
    peer_associate(p, rng_below(&p->rng, 2) ? WINDOW : 0);
    want_large(p);
    get_all(p);
    expect_all(p);
    peer_leave(p);
}

/* With contexts for uncompressed CT only: the other transfer syntaxes are converted, XA fails. */
void play_get_converted(struct peer *p)
{
    static const struct context few[] = {
        {CTX_GET, UID_GET, EXPLICIT}, {CTX_CT, UID_CT, EXPLICIT}, {0, NULL, EXPLICIT}};
    struct proposal proposal = peer_proposal(p);
    proposal.contexts = few;
    enum event e = peer_ask(p, &proposal);
    if (e == EVENT_REJECTED && has_faults) {
        peer_excuse(p);
    }
    EXPECT(p, e == EVENT_ACCEPTED, "%s instead of acceptance", event_name(e));
    want_base(p, rng_between(&p->rng, 1, 20));
    unsigned fitting = 0;
    for (unsigned i = 0; i < p->wanted_count; i++) {
        fitting += strcmp(object_class(&p->wanted[i]), UID_CT) == 0;
    }
    uint16_t id = put_get(p);
    peer_must_flush(p);
    while (next_store(p, id)) {
        answer_store(p, 0);
    }
    unsigned failed = p->wanted_count - fitting;
    if (has_faults && p->m.completed != fitting) {
        peer_excuse(p);
    }
    EXPECT_STATUS(p, fitting == 0 ? 0xA702 : failed ? 0xB000 : 0);
    expect_counts(p, fitting, failed, 0);
    peer_leave(p);
}

void play_get_refusing(struct peer *p)
{
    static const uint16_t answers[] = {0xA700, 0xB000, 0xC123};
    uint16_t answer = answers[rng_below(&p->rng, 3)];
    peer_associate(p, 0);
    want_base(p, rng_between(&p->rng, 1, 10));
    uint16_t id = put_get(p);
    peer_must_flush(p);
    while (next_store(p, id)) {
        answer_store(p, answer);
    }
    EXPECT_STATUS(p, answer == 0xB000 ? 0xB000 : 0xA702);
    peer_leave(p);
}

/* Leaves the sub-operations unanswered; answers that come too late find nobody. */
void play_get_unanswered(struct peer *p)
{
    peer_associate(p, rng_below(&p->rng, 2) ? WINDOW : 0);
    want_base(p, rng_between(&p->rng, 1, 10));
    uint16_t id = put_get(p);
    peer_must_flush(p);
    while (next_store(p, id)) {
        peer_put_store_answer(p, 0);
    }
    EXPECT_STATUS(p, 0xA702);
    peer_must_flush(p);
    echo_once(p);
    peer_leave(p);
}

void play_get_cancelled(struct peer *p)
{
    unsigned when;
    bool is_answering = rng_below(&p->rng, 4) != 0;
    peer_associate(p, rng_below(&p->rng, 2) ? WINDOW : 0);
    want_base(p, rng_between(&p->rng, 1, 60));
    when = rng_below(&p->rng, p->wanted_count + 1);
    uint16_t id = put_get(p);
    if (when == 0) {
        peer_put_cancel(p, CTX_GET, id);
    }
    peer_must_flush(p);
    for (unsigned i = 1; next_store(p, id); i++) {
        if (i == when) {
            peer_put_cancel(p, CTX_GET, id);
        }
        if (i <= when || is_answering) {
            peer_put_store_answer(p, 0);
        }
        peer_must_flush(p);
    }
    EXPECT_STATUS(p, 0, CANCELLED, 0xB000, 0xA702);
    echo_once(p);
    peer_leave(p);
}

void play_get_vanishing(struct peer *p)
{
    peer_associate(p, rng_below(&p->rng, 2) ? WINDOW : 0);
    if (rng_below(&p->rng, 8) == 0) {
        want_large(p);
    } else {
        want_base(p, rng_between(&p->rng, 1, 60));
    }
    uint16_t id = put_get(p);
    peer_must_flush(p);
    for (unsigned i = rng_below(&p->rng, p->wanted_count + 1); i > 0 && next_store(p, id); i--) {
        answer_store(p, 0);
    }
    peer_vanish(p);
}

/* Asks for eight mebibytes and takes none of them. */
void play_get_stalled(struct peer *p)
{
    peer_associate(p, WINDOW);
    peer_buffer(p, MEDIUM_BUFFER);
    want_large(p);
    (void)put_get(p);
    peer_must_flush(p);
    fiber_sleep(3 *
                deadline_ms); /* the server looks twice before it believes that we take nothing */
    peer_expect_end(p);
}

/* ---- C-MOVE ---- */

/* Reads pending responses up to the final one, or up to so many. */
static bool read_pending(struct peer *p, uint16_t id, unsigned most)
{
    for (;;) {
        if (most-- == 0) {
            return false;
        }
        peer_await(p);
        EXPECT(p, p->m.field == (C_MOVE | RESPONSE) && p->m.id == id,
               "an answer to another request");
        if (p->m.status != PENDING) {
            return true;
        }
        EXPECT(p, p->m.has_remaining, "a pending response without Remaining");
    }
}

void play_move(struct peer *p)
{
    const struct destination *d = &destinations[rng_below(&p->rng, GOOD_DESTINATIONS)];
    peer_associate(p, 0);
    want_base(p, strcmp(d->title, "SLOW") == 0 ? rng_between(&p->rng, 1, 3) : few_or_many(p));
    if (rng_below(&p->rng, 32) == 0) {
        peer_want(p, base_object(BASE_COUNT - 1));
    }
    uint16_t id = put_move(p, d->title);
    peer_must_flush(p);
    (void)read_pending(p, id, UINT32_MAX);
    EXPECT_STATUS(p, 0);
    expect_all(p);
    peer_leave(p);
}

static const struct destination *any_destination(struct peer *p)
{
    return &destinations[rng_below(&p->rng, destination_count)];
}

void play_move_cancelled(struct peer *p)
{
    peer_associate(p, 0);
    want_base(p, rng_between(&p->rng, 1, 60));
    uint16_t id = put_move(p, any_destination(p)->title);
    if (rng_below(&p->rng, 3) == 0) {
        peer_put_cancel(p, CTX_MOVE, id);
    }
    peer_must_flush(p);
    if (!read_pending(p, id, rng_below(&p->rng, 3))) {
        peer_put_cancel(p, CTX_MOVE, id);
        peer_must_flush(p);
        (void)read_pending(p, id, UINT32_MAX);
    }
    EXPECT_STATUS(p, 0, CANCELLED, 0xA702, 0xB000);
    echo_once(p);
    peer_leave(p);
}

void play_move_vanishing(struct peer *p)
{
    peer_associate(p, 0);
    want_base(p, rng_between(&p->rng, 1, 60));
    uint16_t id = put_move(p, any_destination(p)->title);
    peer_must_flush(p);
    (void)read_pending(p, id, rng_below(&p->rng, 3));
    peer_vanish(p);
}

/* To where it cannot succeed. */
void play_move_astray(struct peer *p)
{
    static const struct destination nowhere[] = {
        {"NOWHERE", 0, NULL, {0xA801, STATUS_END}},
        {"NOADDRESS", 0, NULL, {0xC515, STATUS_END}},
        {"NOTARGET", 0, NULL, {0x0124, STATUS_END}},
    };
    unsigned bad = destination_count - GOOD_DESTINATIONS, i = rng_below(&p->rng, bad + 3), n = 0;
    const struct destination *d =
        i < bad ? &destinations[GOOD_DESTINATIONS + i] : &nowhere[i - bad];
    peer_associate(p, 0);
    want_base(p, rng_between(&p->rng, 4, 12));
    if (strcmp(d->title, "DEAF") == 0) {
        want_large(p); /* or the kernel takes it all */
    }
    uint16_t id = put_move(p, d->title);
    peer_must_flush(p);
    (void)read_pending(p, id, UINT32_MAX);
    while (d->statuses[n] != STATUS_END) {
        n++;
    }
    peer_check_status(p, d->statuses, n);
    echo_once(p);
    peer_leave(p);
}

/* ---- before and after ---- */

void fetch_immense(struct peer *p, unsigned first, unsigned end)
{
    peer_associate(p, WINDOW);
    for (; first < end; first++) {
        for (unsigned i = 0; i < 2; i++) {
            peer_want_nothing(p);
            peer_want(p, base_object(BASE_COUNT - 1));
            peer_want(p, base_object(BASE_COUNT - 2));
            if (i == 0) {
                get_all(p);
            } else {
                uint16_t id = put_move(p, destinations[first % FAST_DESTINATIONS].title);
                peer_must_flush(p);
                (void)read_pending(p, id, UINT32_MAX);
                EXPECT_STATUS(p, 0);
            }
            expect_all(p);
        }
    }
    peer_release(p);
}

static void get_range(struct peer *p, unsigned first, unsigned end,
                      struct object (*object)(unsigned i))
{
    peer_associate(p, WINDOW);
    while (first < end) {
        peer_want_nothing(p);
        for (; first < end && p->wanted_count < MAX_WANTED; first++) {
            peer_want(p, object(first));
        }
        get_all(p);
        expect_all(p);
    }
    peer_release(p);
}

void get_acknowledged(struct peer *p, unsigned first, unsigned end)
{
    get_range(p, first, end, acknowledged);
}

void get_base(struct peer *p, unsigned first, unsigned end)
{
    get_range(p, first, end, base_object);
}
