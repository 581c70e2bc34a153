/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "behaviours.h"
#include "fiber.h"

enum { AT_ONCE = 8 };

void echo_once(struct peer *p)
{
    struct command c = {.field = C_ECHO};
    uint16_t id = peer_put_request(p, CTX_ECHO, &c, NULL);
    peer_must_flush(p);
    peer_await(p);
    EXPECT(p, p->m.field == (C_ECHO | RESPONSE) && p->m.id == id, "an answer to another request");
    EXPECT_STATUS(p, 0);
}

void play_echo(struct peer *p)
{
    peer_associate(p, 0);
    for (unsigned i = rng_between(&p->rng, 1, 5); i > 0; i--) {
        echo_once(p);
    }
    peer_leave(p);
}

/* ---- identifiers ---- */

static void put_one(struct peer *p, enum syntax s, char text[65])
{
    struct object x = base_object(rng_below(&p->rng, BASE_COUNT));
    object_uid(&x, text);
    put_text(&p->object, s, 0x00080018, "UI", text);
}

static unsigned by_uid(struct peer *p, enum syntax s)
{
    char text[65];
    put_one(p, s, text);
    put_text(&p->object, s, 0x00181030, "LO", "");
    return 1;
}

static unsigned by_name(struct peer *p, enum syntax s)
{
    char text[65];
    struct object x = base_object(rng_below(&p->rng, BASE_COUNT));
    object_name(&x, text);
    put_text(&p->object, s, 0x00080018, "UI", "");
    put_text(&p->object, s, 0x00181030, "LO", text);
    return 1;
}

static unsigned by_wild_card(struct peer *p, enum syntax s)
{
    char text[65];
    snprintf(text, sizeof text, "Soak base %u?", rng_between(&p->rng, 1, 9));
    put_text(&p->object, s, 0x00080018, "UI", "");
    put_text(&p->object, s, 0x00181030, "LO", text);
    return 10;
}

static unsigned by_creator(struct peer *p, enum syntax s)
{
    char text[65];
    group_name(rng_below(&p->rng, GROUPS), text);
    put_text(&p->object, s, 0x00080018, "UI", "");
    put_text(&p->object, s, 0x00181030, "LO", "");
    put_text(&p->object, s, 0x00700084, "PN", text);
    return GROUP_SIZE;
}

static unsigned by_region(struct peer *p, enum syntax s)
{
    char text[65];
    region_code(rng_below(&p->rng, GROUPS), text);
    put_text(&p->object, s, 0x00080018, "UI", "");
    size_t sequence = open_sequence(&p->object, s, 0x00082218), item = open_item(&p->object);
    put_text(&p->object, s, 0x00080100, "SH", text);
    put_text(&p->object, s, 0x00080104, "LO", "");
    set_le32(&p->object, item);
    set_le32(&p->object, sequence);
    return GROUP_SIZE;
}

static unsigned by_uid_list(struct peer *p, enum syntax s)
{
    peer_want_nothing(p);
    for (unsigned i = rng_between(&p->rng, 2, MAX_WANTED); i > 0; i--) {
        peer_want(p, base_object(rng_below(&p->rng, BASE_COUNT)));
    }
    peer_put_wanted_uids(p, s);
    put_text(&p->object, s, 0x00181030, "LO", "");
    return p->wanted_count;
}

static unsigned by_unknown(struct peer *p, enum syntax s)
{
    put_text(&p->object, s, 0x00080018, "UI", "1.2.3.4");
    put_text(&p->object, s, 0x00181030, "LO", "");
    return 0;
}

static unsigned by_nothing(struct peer *p, enum syntax s)
{
    (void)p;
    (void)s;
    return 0;
}

static unsigned (*const keys[])(struct peer *p, enum syntax s) = {
    by_uid,    by_uid,      by_name,    by_wild_card, by_creator,
    by_region, by_uid_list, by_unknown, by_nothing,
};

/* Puts any of these requests into `out`; its ID, and how many matches there are. */
static uint16_t put_find(struct peer *p, uint8_t context, unsigned *matches)
{
    struct command c = {.field = C_FIND};
    p->object.len = 0;
    *matches = keys[rng_below(&p->rng, sizeof keys / sizeof *keys)](p, context_of(context)->syntax);
    return peer_put_request(p, context, &c, &p->object);
}

void put_any_find(struct peer *p)
{
    unsigned matches;
    (void)put_find(p, CTX_FIND, &matches);
}

uint16_t put_find_all(struct peer *p, uint8_t context)
{
    enum syntax s = context_of(context)->syntax;
    struct command c = {.field = C_FIND};
    p->object.len = 0;
    put_text(&p->object, s, 0x00080018, "UI", "");
    put_text(&p->object, s, 0x00080221, "CS", "");
    put_text(&p->object, s, 0x00181030, "LO", "");
    return peer_put_request(p, context, &c, &p->object);
}

/* ---- answers ---- */

/* The message in `m` is a match: looks at it. */
static bool is_match(struct peer *p)
{
    char uid[65];
    uint64_t number;
    if (p->m.status != PENDING && p->m.status != PENDING_OPTIONAL) {
        return false;
    }
    EXPECT(p,
           find_text(p->data.data, p->data.len, context_of(p->context)->syntax, 0x00080018, uid,
                     sizeof uid),
           "a match without UID");
    EXPECT(p, object_number(uid, &number), "match %s is none of ours", uid);
    return true;
}

/* Reads until the end of the only running query; how many matches came. */
static unsigned read_matches(struct peer *p, uint16_t id)
{
    unsigned matches = 0;
    for (;;) {
        peer_await(p);
        EXPECT(p, p->m.field == (C_FIND | RESPONSE) && p->m.id == id,
               "an answer to another request");
        if (!is_match(p)) {
            return matches;
        }
        matches++;
    }
}

static void find_once(struct peer *p, uint8_t context)
{
    unsigned matches, found;
    uint16_t id = put_find(p, context, &matches);
    peer_must_flush(p);
    found = read_matches(p, id);
    EXPECT_STATUS(p, 0);
    EXPECT(p, found == matches, "%u matches instead of %u", found, matches);
}

void play_find(struct peer *p)
{
    peer_associate(p, 0);
    for (unsigned i = rng_between(&p->rng, 1, 4); i > 0; i--) {
        find_once(p, rng_below(&p->rng, 2) ? CTX_FIND : CTX_FIND_IMPLICIT);
    }
    peer_leave(p);
}

/* What was acknowledged when the query began is among the matches, and nothing that was never sent. */
void play_find_all(struct peer *p)
{
    peer_associate(p, 0);
    unsigned least = BASE_COUNT + acknowledged_count();
    uint16_t id = put_find_all(p, CTX_FIND);
    peer_must_flush(p);
    unsigned found = read_matches(p, id);
    EXPECT_STATUS(p, 0);
    EXPECT(p, found >= least && found <= BASE_COUNT + attempt_count(),
           "%u matches instead of %u to %u", found, least, BASE_COUNT + attempt_count());
    peer_leave(p);
}

/* Several queries at once, some of them cancelled: each ends, the others with all their matches. */
void play_find_many_at_once(struct peer *p)
{
    struct {
        uint16_t id;
        unsigned matches, found;
        bool is_cancelled, is_over;
    } running[AT_ONCE] = {0};
    unsigned count = rng_between(&p->rng, 2, AT_ONCE), over = 0;
    peer_associate(p, AT_ONCE);
    for (unsigned i = 0; i < count; i++) {
        running[i].id = put_find(p, CTX_FIND, &running[i].matches);
        running[i].is_cancelled = rng_below(&p->rng, 8) == 0;
        if (running[i].is_cancelled) {
            peer_put_cancel(p, CTX_FIND, running[i].id);
        }
    }
    peer_must_flush(p);
    while (over < count) {
        unsigned i = 0;
        peer_await(p);
        while (i < count && running[i].id != p->m.id) {
            i++;
        }
        EXPECT(p, i < count && !running[i].is_over, "an answer to another request");
        if (is_match(p)) {
            running[i].found++;
            continue;
        }
        running[i].is_over = true;
        over++;
        if (running[i].is_cancelled) {
            EXPECT_STATUS(p, 0, CANCELLED);
        } else {
            EXPECT_STATUS(p, 0);
            EXPECT(p, running[i].found == running[i].matches, "%u matches instead of %u",
                   running[i].found, running[i].matches);
        }
    }
    peer_leave(p);
}

/* Cancelled with the request, after some matches, after the end, twice, and by a wrong ID; the association is as
 * good as before. */
void play_find_cancelled(struct peer *p)
{
    unsigned matches = 0, when = rng_below(&p->rng, 3) ? rng_below(&p->rng, 300) : 0;
    bool is_over = false, is_sent = false;
    peer_associate(p, 0);
    uint16_t id = put_find_all(p, CTX_FIND);
    if (rng_below(&p->rng, 4) == 0) {
        peer_put_cancel(p, CTX_FIND, (uint16_t)(id + 100));
    }
    while (!is_over) {
        if (!is_sent && matches >= when) {
            is_sent = true;
            for (unsigned i = rng_between(&p->rng, 1, 2); i > 0; i--) {
                peer_put_cancel(p, CTX_FIND, id);
            }
        }
        peer_must_flush(p);
        peer_await(p);
        EXPECT(p, p->m.id == id, "an answer to another request");
        is_over = !is_match(p);
        matches += !is_over;
    }
    EXPECT_STATUS(p, 0, CANCELLED);
    peer_put_cancel(p, CTX_FIND, id);
    find_once(p, CTX_FIND);
    peer_leave(p);
}

void play_find_vanishing(struct peer *p)
{
    peer_associate(p, AT_ONCE);
    for (unsigned i = rng_between(&p->rng, 1, AT_ONCE); i > 0; i--) {
        put_find_all(p, CTX_FIND);
    }
    peer_must_flush(p);
    for (unsigned i = rng_below(&p->rng, 3) * rng_below(&p->rng, 100); i > 0; i--) {
        peer_await(p);
    }
    peer_vanish(p);
}

/* Reads, but takes its time: nothing is wrong with that. */
void play_find_slow_reader(struct peer *p)
{
    bool is_over = false;
    peer_associate(p, 0);
    peer_buffer(p, MEDIUM_BUFFER);
    uint16_t id = put_find_all(p, CTX_FIND);
    peer_must_flush(p);
    for (unsigned i = 0; !is_over; i++) {
        if (i % 64 == 0 && i < 1024) {
            fiber_sleep(50);
        }
        peer_await(p);
        EXPECT(p, p->m.id == id, "an answer to another request");
        is_over = !is_match(p);
    }
    EXPECT_STATUS(p, 0);
    peer_leave(p);
}
