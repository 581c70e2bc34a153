/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that are refused by a status, after which the association is as good as before; octets that end it;
 * and what comes out when octets change on the way.
 */
#include "behaviours.h"

enum {
    KEYS = 300,            /* max-query-keys is 256 */
    UIDS = 1200,           /* max-query-uids and max-retrieve-uids are 1000 in a soak, */
    DEPTH = 40,            /* max-depth 32, */
    ELEMENTS = 6000,       /* max-elements 5000 */
    BIG = 3 << 20,         /* and max-dataset 2 MiB */
    TOO_MANY_AT_ONCE = 14, /* max-operations 8 */
    QUIET_MS = 500,
};

/* ---- requests ---- */

static void request(struct peer *p, uint8_t context, struct command c, bool has_data)
{
    (void)peer_put_request(p, context, &c, has_data ? &p->object : NULL);
}

static void unknown_command(struct peer *p)
{
    request(p, CTX_ECHO, (struct command){.field = 0x0666}, false);
}

static void command_of_another_service(struct peer *p)
{
    put_text(&p->object, EXPLICIT, 0x00080018, "UI", "1.2.3");
    request(p, CTX_GET, (struct command){.field = C_FIND}, true);
}

static void class_of_another_context(struct peer *p)
{
    request(p, CTX_ECHO, (struct command){.field = C_ECHO, .sop_class = UID_FIND}, false);
}

static void no_class(struct peer *p)
{
    request(p, CTX_ECHO, (struct command){.field = C_ECHO, .omit = WITHOUT_CLASS}, false);
}

static void no_data_set(struct peer *p)
{
    static const uint8_t contexts[] = {CTX_FIND, CTX_GET, CTX_MOVE};
    static const uint16_t fields[] = {C_FIND, C_GET, C_MOVE};
    unsigned i = rng_below(&p->rng, 3);
    request(p, contexts[i], (struct command){.field = fields[i]}, false);
}

static void put_some_object(struct peer *p)
{
    struct object x = own_object(p->number, 0, PLAIN, EXPLICIT);
    put_object(&p->object, &x);
}

static void store_as(struct peer *p, uint8_t context, const char *uid)
{
    request(p, context, (struct command){.field = C_STORE, .sop_instance = uid}, true);
}

static void malformed_uid(struct peer *p)
{
    put_some_object(p);
    store_as(p, CTX_CT, "1.2..3");
}

static void another_uid(struct peer *p)
{
    put_some_object(p);
    store_as(p, CTX_CT, "1.2.3");
}

static void put_rubbish(struct peer *p, unsigned len)
{
    while (len-- > 0) {
        put_u8(&p->object, 0x80 | rng_below(&p->rng, 128));
    }
}

static void rubbish_to_store(struct peer *p)
{
    put_rubbish(p, 200);
    store_as(p, CTX_CT, "1.2.3");
}

static void rubbish_to_find(struct peer *p)
{
    put_rubbish(p, 60);
    request(p, CTX_FIND, (struct command){.field = C_FIND}, true);
}

static void put_many(struct peer *p, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        put_text(&p->object, EXPLICIT, 0x00091000 + i, "LO", "");
    }
}

static void too_many_keys(struct peer *p)
{
    put_many(p, KEYS);
    request(p, CTX_FIND, (struct command){.field = C_FIND}, true);
}

static void too_many_elements(struct peer *p)
{
    put_many(p, ELEMENTS);
    store_as(p, CTX_CT, "1.2.3");
}

static void put_many_uids(struct peer *p)
{
    struct octets uids = {0};
    for (unsigned i = 0; i < UIDS; i++) {
        struct object x = base_object(i);
        char uid[65];
        object_uid(&x, uid);
        put_string(&uids, i ? "\\" : "");
        put_string(&uids, uid);
    }
    put_element(&p->object, EXPLICIT, 0x00080018, "UI", uids.data, uids.len);
    octets_free(&uids);
}

static void too_many_uids_to_find(struct peer *p)
{
    put_many_uids(p);
    request(p, CTX_FIND, (struct command){.field = C_FIND}, true);
}

static void too_many_uids_to_get(struct peer *p)
{
    put_many_uids(p);
    request(p, CTX_GET, (struct command){.field = C_GET}, true);
}

static void too_deep(struct peer *p)
{
    size_t lengths[2 * DEPTH];
    for (unsigned i = 0; i < DEPTH; i++) {
        lengths[2 * i] = open_sequence(&p->object, EXPLICIT, 0x00189912);
        lengths[2 * i + 1] = open_item(&p->object);
    }
    for (unsigned i = 2 * DEPTH; i > 0; i--) {
        set_le32(&p->object, lengths[i - 1]);
    }
    request(p, CTX_FIND, (struct command){.field = C_FIND}, true);
}

static void unknown_character_set(struct peer *p)
{
    put_text(&p->object, EXPLICIT, 0x00080005, "CS", "KLINGON");
    put_text(&p->object, EXPLICIT, 0x00181030, "LO", "a");
    request(p, CTX_FIND, (struct command){.field = C_FIND}, true);
}

static void too_big(struct peer *p)
{
    put_fill(&p->object, 0, BIG);
    store_as(p, CTX_CT, "1.2.3");
}

/* Zeros, which deflate to a thousandth of a data set that is too big. */
static void too_big_inflated(struct peer *p)
{
    static struct octets deflated;
    if (!deflated.len) {
        struct octets zeros = {0};
        put_fill(&zeros, 0, 2 * BIG);
        put_deflated(&deflated, &zeros);
        octets_free(&zeros);
    }
    put(&p->object, deflated.data, deflated.len);
    store_as(p, CTX_CT_DEFLATED, "1.2.3");
}

static void other_keys_to_get(struct peer *p)
{
    put_text(&p->object, EXPLICIT, 0x00080018, "UI", "1.2.3");
    put_text(&p->object, EXPLICIT, 0x00181030, "LO", "name");
    request(p, CTX_GET, (struct command){.field = C_GET}, true);
}

static void no_destination(struct peer *p)
{
    put_text(&p->object, EXPLICIT, 0x00080018, "UI", "1.2.3");
    request(p, CTX_MOVE, (struct command){.field = C_MOVE}, true);
}

/* clang-format off */
static const struct {
    void (*put)(struct peer *p);
    uint16_t status;
} requests[] = {
    {unknown_command,            0x0211},
    {command_of_another_service, 0x0211},
    {class_of_another_context,   0x0122},
    {no_class,                   0x0212},
    {no_data_set,                0x0212},
    {malformed_uid,              0x0117},
    {another_uid,                0xA900},
    {rubbish_to_store,           0xC210},
    {rubbish_to_find,            0xC310},
    {too_many_keys,              0xA700},
    {too_many_elements,          0xA700},
    {too_many_uids_to_find,      0xA700},
    {too_many_uids_to_get,       0xA701},
    {too_deep,                   0xA700},
    {unknown_character_set,      0xA900},
    {too_big,                    0xA700},
    {too_big_inflated,           0xA700},
    {other_keys_to_get,          0xA900},
    {no_destination,             0x0212},
};
/* clang-format on */

/* Two requests with one Message ID: the second is refused, the first goes on. */
static void same_id_twice(struct peer *p)
{
    unsigned over = 0, refused = 0;
    uint16_t id = put_find_all(p, CTX_FIND);
    p->last_id--;
    (void)put_find_all(p, CTX_FIND);
    peer_must_flush(p);
    while (over < 2) {
        peer_await(p);
        EXPECT(p, p->m.id == id, "an answer to another request");
        if (p->m.status == PENDING) {
            continue;
        }
        EXPECT_STATUS(p, 0, 0x0210);
        over++;
        refused += p->m.status == 0x0210;
    }
    /* The first may have ended before the second was read. */
    EXPECT(p, refused <= 1, "both requests were refused");
}

static void too_many_at_once(struct peer *p)
{
    unsigned over = 0, served = 0;
    for (unsigned i = 0; i < TOO_MANY_AT_ONCE; i++) {
        (void)put_find_all(p, CTX_FIND);
    }
    peer_must_flush(p);
    while (over < TOO_MANY_AT_ONCE) {
        peer_await(p);
        if (p->m.status == PENDING) {
            continue;
        }
        EXPECT_STATUS(p, 0, 0xA700);
        over++;
        served += p->m.status == 0;
    }
    EXPECT(p, served > 0 || has_faults, "no request was served");
}

/* Responses and cancels that nobody waits for. */
static void answers_without_question(struct peer *p)
{
    static const uint16_t fields[] = {C_STORE, C_FIND, C_GET, C_MOVE, C_ECHO};
    for (unsigned i = 0; i < 5; i++) {
        struct command c = {
            .field = fields[i] | RESPONSE, .id = (uint16_t)(i + 1), .sop_class = UID_ECHO};
        put_message(&p->out, CTX_ECHO, &c, NULL, p->peer_max, false);
        peer_put_cancel(p, CTX_FIND, (uint16_t)(i + 1));
    }
    peer_must_flush(p);
}

static void any_refused(struct peer *p)
{
    unsigned i = rng_below(&p->rng, sizeof requests / sizeof *requests);
    p->object.len = 0;
    requests[i].put(p);
    peer_must_flush(p);
    peer_await(p);
    EXPECT(p, p->m.status == requests[i].status || has_faults,
           "status %04X instead of %04X for broken request %u (%s)", p->m.status,
           requests[i].status, i, p->m.comment);
    EXPECT_STATUS(p, requests[i].status);
}

void play_broken_request(struct peer *p)
{
    static void (*const others[])(struct peer * p) = {same_id_twice, too_many_at_once,
                                                      answers_without_question};
    peer_associate(p, 0);
    for (unsigned i = rng_between(&p->rng, 1, 3); i > 0; i--) {
        unsigned n = rng_below(&p->rng, 10);
        (n < 3 ? others[n] : any_refused)(p);
    }
    echo_once(p);
    peer_leave(p);
}

/* ---- PDUs ---- */

static void pdu_head(struct peer *p, unsigned type, uint32_t len)
{
    put_u8(&p->out, type);
    put_u8(&p->out, 0);
    put_be32(&p->out, len);
}

static void another_request(struct peer *p)
{
    struct proposal proposal = peer_proposal(p);
    put_associate_request(&p->out, &proposal);
}

static void answer_of_acceptor(struct peer *p)
{
    pdu_head(p, PDU_AC, 68);
    put_fill(&p->out, 0, 68);
}

static void unknown_pdu(struct peer *p)
{
    pdu_head(p, 8 + rng_below(&p->rng, 240), 4);
    put_fill(&p->out, 0, 4);
}

static void huge_pdu(struct peer *p)
{
    pdu_head(p, PDU_DATA, 0x7FFFFFFF);
}

static void pdv_without_content(struct peer *p)
{
    pdu_head(p, PDU_DATA, 4);
    put_be32(&p->out, 0);
}

static void pdv_beyond_pdu(struct peer *p)
{
    pdu_head(p, PDU_DATA, 100);
    put_be32(&p->out, 1000);
    put_fill(&p->out, 1, 96);
}

static void unknown_context(struct peer *p)
{
    put_pdv(&p->out, 99, true, true, "", 0);
}

static void data_for_command(struct peer *p)
{
    put_pdv(&p->out, CTX_FIND, false, true, "12345678", 8);
}

static void command_for_data(struct peer *p)
{
    struct octets set = {0};
    struct command c = {.field = C_FIND, .id = 1, .has_dataset = true, .sop_class = UID_FIND};
    put_command(&set, &c);
    put_pdv(&p->out, CTX_FIND, true, true, set.data, set.len);
    put_pdv(&p->out, CTX_FIND, true, true, set.data, set.len);
    octets_free(&set);
}

static void two_messages_mixed(struct peer *p)
{
    put_pdv(&p->out, CTX_FIND, true, false, "\0\0\0\0\4\0\0\0", 8);
    put_pdv(&p->out, CTX_GET, true, false, "\0\0\0\0\4\0\0\0", 8);
}

static void huge_command(struct peer *p)
{
    p->object.len = 0;
    put_fill(&p->object, 0, 16000);
    for (unsigned i = 0; i < 5; i++) {
        put_pdv(&p->out, CTX_ECHO, true, false, p->object.data, p->object.len);
    }
}

static void rubbish_as_command(struct peer *p)
{
    p->object.len = 0;
    put_rubbish(p, 100);
    put_pdv(&p->out, CTX_ECHO, true, true, p->object.data, p->object.len);
}

static void request_without_id(struct peer *p)
{
    struct command c = {.field = C_ECHO, .omit = WITHOUT_ID};
    (void)peer_put_request(p, CTX_ECHO, &c, NULL);
}

static void long_release(struct peer *p)
{
    pdu_head(p, PDU_RELEASE_RQ, 400);
    put_fill(&p->out, 0, 400);
}

static void release_answer(struct peer *p)
{
    put_small_pdu(&p->out, PDU_RELEASE_RP, 0, 0, 0);
}

static void (*const pdus[])(struct peer *p) = {
    another_request, answer_of_acceptor, unknown_pdu,        huge_pdu,         pdv_without_content,
    pdv_beyond_pdu,  unknown_context,    data_for_command,   command_for_data, two_messages_mixed,
    huge_command,    rubbish_as_command, request_without_id, long_release,     release_answer,
};

/* In an association, now and then with a query running; or, where they make sense there, instead of one. */
void play_broken_pdu(struct peer *p)
{
    unsigned i = rng_below(&p->rng, sizeof pdus / sizeof *pdus);
    if (rng_below(&p->rng, 4) == 0 && pdus[i] != another_request) {
        p->peer_max = 16384;
        peer_connect(p);
    } else {
        peer_associate(p, 0);
        if (rng_below(&p->rng, 4) == 0) {
            (void)put_find_all(p, CTX_FIND);
        }
    }
    pdus[i](p);
    (void)peer_flush(p);
    peer_expect_end(p);
}

/* ---- changed octets ---- */

void put_any_request(struct peer *p)
{
    static void (*const any[])(struct peer * p) = {put_any_find, put_any_store, put_any_get,
                                                   put_any_move};
    any[rng_below(&p->rng, 4)](p);
}

static void change(struct peer *p)
{
    for (unsigned i = rng_between(&p->rng, 1, 4); i > 0; i--) {
        uint32_t at = rng_below(&p->rng, (uint32_t)p->out.len);
        p->out.data[at] = rng_below(&p->rng, 2)
                              ? (uint8_t)rng_next(&p->rng)
                              : p->out.data[at] ^ (uint8_t)(1 << rng_below(&p->rng, 8));
    }
}

/* Anything may come of it, as long as it ends: what the server says is read until it says nothing. */
void play_mutated(struct peer *p)
{
    if (rng_below(&p->rng, 4) == 0) {
        struct proposal proposal = peer_proposal(p);
        peer_connect(p);
        put_associate_request(&p->out, &proposal);
    } else {
        peer_associate(p, 0);
        for (unsigned i = rng_between(&p->rng, 1, 3); i > 0; i--) {
            put_any_request(p);
        }
    }
    change(p);
    (void)peer_flush(p);
    while (peer_next(p, QUIET_MS) == EVENT_MESSAGE) {
        /* whatever it is */
    }
}
