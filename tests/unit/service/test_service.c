/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission, dispatch, C-ECHO, C-STORE and C-FIND over loopback against a real database.
 */
#include "service_test.h"

/* ---- C-ECHO ---- */

static void echo_is_answered(void **state)
{
    struct harness *h = *state;
    struct scu *s = connect_scu(h);
    struct dimse_command rsp = {0};
    struct err err = {0};
    assert_int_equal(scu_echo(s, &rsp, &err), RC_OK);
    assert_int_equal(rsp.status, STATUS_SUCCESS);
    scu_close(s);
}

/* ---- admission ---- */

static void open_and_expect_reject(struct harness *h, const char *called, const char *calling,
                                   const char *const *classes, uint8_t result, uint8_t source,
                                   uint8_t reason)
{
    struct raw r;
    raw_open(&r, h->port, called, calling, classes);
    assert_false(r.is_established);
    assert_int_equal(r.rejected.result, result);
    assert_int_equal(r.rejected.source, source);
    assert_int_equal(r.rejected.reason, reason);
    raw_close(&r);
}

static const char *const echo_only[] = {UID_VERIFICATION, NULL};
static const char *const find_only[] = {UID_PROTOCOL_FIND, NULL};

static void called_title_must_be_ours(void **state)
{
    struct harness *h = *state;
    open_and_expect_reject(h, "SOMEBODY", "CLIENT", echo_only, 1, 1, 7);
}

static void further_titles_may_be_ours(void **state)
{
    (void)state;
    static const char *const titles[] = {"OLD_NAME", NULL};
    struct service_config c = test_config();
    struct harness h;
    struct raw r;
    c.called_titles = titles;
    harness_start(&h, &c);
    raw_open(&r, h.port, "OLD_NAME", "CLIENT", echo_only);
    assert_true(r.is_established);
    raw_close(&r);
    open_and_expect_reject(&h, "OTHER", "CLIENT", echo_only, 1, 1, 7);
    harness_stop(&h);
}

static void unknown_ae_is_refused_by_policy(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw r;
    clear_objects();
    c.unknown_ae = UNKNOWN_AE_REFUSE;
    harness_start(&h, &c);
    open_and_expect_reject(&h, "DPPR", "NOBODY", find_only, 1, 1, 3);
    /* but it may ask whether we are here */
    raw_open(&r, h.port, "DPPR", "NOBODY",
             (const char *const[]){UID_VERIFICATION, UID_PROTOCOL_FIND, NULL});
    assert_true(r.is_established);
    assert_true(assoc_context_by_id(r.assoc, 1)->accepted);
    assert_false(assoc_context_by_id(r.assoc, 3)->accepted);
    raw_close(&r);
    harness_stop(&h);
    c.echo_for_all = false;
    harness_start(&h, &c);
    open_and_expect_reject(&h, "DPPR", "NOBODY", echo_only, 1, 1, 3);
    harness_stop(&h);
}

static void title_bound_to_other_addresses_is_refused(void **state)
{
    struct harness *h = *state;
    clear_objects();
    test_sql("insert into dpp.application_entities (ae_title, source_addresses)"
             " values ('BOUND', '{192.0.2.0/24}')");
    open_and_expect_reject(h, "DPPR", "BOUND", echo_only, 1, 1, 3);
}

static void rights_of_the_row_decide_at_negotiation(void **state)
{
    struct harness *h = *state;
    struct raw r;
    clear_objects();
    test_sql("insert into dpp.application_entities (ae_title, may_find, may_move)"
             " values ('LIMITED', false, false)");
    raw_open(&r, h->port, "DPPR", "LIMITED",
             (const char *const[]){UID_PROTOCOL_FIND, UID_PROTOCOL_MOVE, UID_PROTOCOL_GET, NULL});
    assert_true(r.is_established);
    assert_false(assoc_context_by_id(r.assoc, 1)->accepted);
    assert_false(assoc_context_by_id(r.assoc, 3)->accepted);
    assert_true(assoc_context_by_id(r.assoc, 5)->accepted);
    raw_close(&r);
}

static void too_many_associations_are_rejected_for_now(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw first, second;
    clear_objects();
    c.max_associations = 1;
    harness_start(&h, &c);
    raw_open(&first, h.port, "DPPR", "CLIENT", echo_only);
    assert_true(first.is_established);
    open_and_expect_reject(&h, "DPPR", "CLIENT", echo_only, 2, 3, 2);
    raw_close(&first);
    /* Its place is free when the server has seen it go, which may be a moment later. */
    int64_t end = clock_now_ms() + PATIENCE_MS;
    bool is_in = false;
    while (!is_in && clock_now_ms() < end) {
        raw_open(&second, h.port, "DPPR", "CLIENT", echo_only);
        is_in = second.is_established;
        raw_close(&second);
    }
    assert_true(is_in);
    harness_stop(&h);
}

static void database_away_is_told_to_strangers(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw r;
    c.database.conninfo = "postgresql://127.0.0.1:1/none";
    harness_start(&h, &c); /* unknown AEs are welcome from loopback */
    raw_open(&r, h.port, "DPPR", "CLIENT", echo_only);
    assert_true(r.is_established);
    raw_close(&r);
    harness_stop(&h);
    c.unknown_ae = UNKNOWN_AE_REFUSE;
    harness_start(&h, &c);
    open_and_expect_reject(&h, "DPPR", "CLIENT", echo_only, 2, 3, 1);
    harness_stop(&h);
}

/* ---- dispatch ---- */

static void find_request(struct buf *octets)
{
    struct arena *a = arena_new(65536);
    encode(identifier(a, TAG_SOPInstanceUID, "UI", ""), octets);
    arena_free(a);
}

static const char *const find_and_ct[] = {UID_PROTOCOL_FIND, UID_CT_DEFINED_PROTOCOL, NULL};

static struct dimse_command send_one(struct harness *h, uint8_t context_id,
                                     const struct dimse_command *rq, const struct buf *data)
{
    struct raw r;
    raw_open(&r, h->port, "DPPR", "CLIENT", find_and_ct);
    assert_true(r.is_established);
    raw_send(&r, context_id, rq, data);
    raw_wait(&r, 1);
    struct dimse_command rsp = r.responses[0];
    raw_close(&r);
    assert_int_equal(rsp.responded_id, rq->message_id);
    assert_int_equal(rsp.field, rq->field | DIMSE_RESPONSE_BIT);
    return rsp;
}

static void duplicate_message_id_is_refused(void **state)
{
    struct harness *h = *state;
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 7);
    struct buf octets;
    struct raw r;
    clear_objects();
    find_request(&octets);
    raw_open(&r, h->port, "DPPR", "CLIENT", find_and_ct);
    raw_send(&r, 1, &rq, &octets);
    raw_send(&r, 1, &rq, &octets); /* both in one write: the first is still running */
    raw_wait(&r, 2);
    assert_int_equal(r.responses[0].status, STATUS_DUPLICATE_INVOCATION);
    assert_int_equal(r.responses[1].status, STATUS_SUCCESS);
    raw_close(&r);
    buf_fini(&octets);
}

static void unknown_command_is_refused(void **state)
{
    struct dimse_command rq = request(0x0130, UID_PROTOCOL_FIND, 3); /* N-ACTION-RQ */
    struct dimse_command rsp = send_one(*state, 1, &rq, NULL);
    assert_int_equal(rsp.status, STATUS_UNRECOGNIZED_OPERATION);
    assert_true(rsp.has & CMD_HAS_COMMENT);
}

static void command_of_another_class_is_refused(void **state)
{
    struct dimse_command rq = request(DIMSE_C_ECHO_RQ, UID_PROTOCOL_FIND, 3);
    assert_int_equal(send_one(*state, 1, &rq, NULL).status, STATUS_UNRECOGNIZED_OPERATION);
}

static void class_must_be_that_of_the_context(void **state)
{
    struct buf octets;
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_MOVE, 3);
    find_request(&octets);
    assert_int_equal(send_one(*state, 1, &rq, &octets).status, STATUS_SOP_CLASS_NOT_SUPPORTED);
    buf_fini(&octets);
}

static void request_without_data_set_is_refused(void **state)
{
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 3);
    struct dimse_command rsp = send_one(*state, 1, &rq, NULL);
    assert_int_equal(rsp.status, STATUS_MISTYPED_ARGUMENT);
    assert_string_equal(rsp.comment, "C-FIND-RQ without data set");
}

static void malformed_argument_is_named(void **state)
{
    struct buf octets;
    struct dimse_command rq = request(DIMSE_C_STORE_RQ, UID_CT_DEFINED_PROTOCOL, 3);
    rq.has |= CMD_HAS_SOP_INSTANCE;
    strcpy(rq.sop_instance, "1.2.3x");
    find_request(&octets);
    struct dimse_command rsp = send_one(*state, 3, &rq, &octets);
    assert_int_equal(rsp.status, STATUS_INVALID_INSTANCE);
    strcpy(rq.sop_instance, "1..3");
    assert_int_equal(send_one(*state, 3, &rq, &octets).status, STATUS_INVALID_INSTANCE);
    rq.has &= ~(unsigned)CMD_HAS_SOP_INSTANCE;
    assert_int_equal(send_one(*state, 3, &rq, &octets).status, STATUS_INVALID_INSTANCE);
    buf_fini(&octets);
}

static void cancel_of_nothing_has_no_effect(void **state)
{
    struct harness *h = *state;
    struct dimse_command cancel = {
        .field = DIMSE_C_CANCEL_RQ, .has = CMD_HAS_RESPONDED_ID, .responded_id = 99};
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 4);
    struct buf octets;
    struct raw r;
    clear_objects();
    find_request(&octets);
    raw_open(&r, h->port, "DPPR", "CLIENT", find_and_ct);
    raw_send(&r, 1, &cancel, NULL);
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 1);
    assert_int_equal(r.responses[0].status, STATUS_SUCCESS);
    raw_close(&r);
    buf_fini(&octets);
}

static void operations_at_once_are_bounded(void **state)
{
    struct harness *h = *state;
    struct buf octets;
    struct raw r;
    clear_objects();
    find_request(&octets);
    raw_open(&r, h->port, "DPPR", "CLIENT", find_and_ct);
    for (uint16_t i = 1; i <= 9; i++) {
        struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, i);
        raw_send(&r, 1, &rq, &octets);
    }
    raw_wait(&r, 9);
    assert_int_equal(r.responses[0].responded_id, 9);
    assert_int_equal(r.responses[0].status, STATUS_OUT_OF_RESOURCES);
    for (unsigned i = 1; i < 9; i++)
        assert_int_equal(r.responses[i].status, STATUS_SUCCESS);
    raw_close(&r);
    buf_fini(&octets);
}

static void right_revoked_in_mid_association_is_refused(void **state)
{
    struct harness *h = *state;
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 1);
    struct buf octets;
    struct raw r;
    clear_objects();
    test_sql("insert into dpp.application_entities (ae_title) values ('CLIENT')");
    find_request(&octets);
    raw_open(&r, h->port, "DPPR", "CLIENT", find_and_ct);
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 1);
    assert_int_equal(r.responses[0].status, STATUS_SUCCESS);
    test_sql("update dpp.application_entities set may_find = false");
    usleep(50 * 1000); /* rights count as fresh for 20 ms */
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 2);
    assert_int_equal(r.responses[1].status, STATUS_NOT_AUTHORIZED);
    assert_true(r.responses[1].has & CMD_HAS_COMMENT);
    clear_objects(); /* no row any more is no right any more */
    usleep(50 * 1000);
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 3);
    assert_int_equal(r.responses[2].status, STATUS_NOT_AUTHORIZED);
    raw_close(&r);
    buf_fini(&octets);
}

/* ---- C-STORE ---- */

static void stored_once_and_only_once(void **state)
{
    struct scu *s = connect_scu(*state);
    struct buf octets, other;
    clear_objects();
    make_protocol("1.2.3.1", "Head", 0, explicit_le(), &octets);
    make_protocol("1.2.3.1", "Chest", 0, explicit_le(), &other);
    assert_int_equal(store_octets(s, "1.2.3.1", &octets, explicit_le()).status, STATUS_SUCCESS);
    assert_int_equal(test_number("select count(*) from dpp.objects where state = 'published'"), 1);
    /* the same again */
    assert_int_equal(store_octets(s, "1.2.3.1", &octets, explicit_le()).status, STATUS_SUCCESS);
    /* other content */
    struct dimse_command rsp = store_octets(s, "1.2.3.1", &other, explicit_le());
    assert_int_equal(rsp.status, STATUS_STORE_CANNOT_UNDERSTAND);
    assert_int_equal(rsp.offending, TAG_SOPInstanceUID);
    assert_string_equal(rsp.comment, "this instance exists with different content");
    assert_int_equal(test_number("select count(*) from dpp.objects"), 1);
    buf_fini(&octets);
    buf_fini(&other);
    scu_close(s);
}

static void same_content_in_another_syntax_is_the_same(void **state)
{
    struct scu *s = connect_scu(*state);
    struct buf octets, implicit, deflated;
    clear_objects();
    make_protocol("1.2.3.1", "Head", 0, explicit_le(), &octets);
    make_protocol("1.2.3.1", "Head", 0, dcm_ts_find(UID_IMPLICIT_LE), &implicit);
    make_protocol("1.2.3.1", "Head", 0, dcm_ts_find(UID_DEFLATED_LE), &deflated);
    assert_int_equal(store_octets(s, "1.2.3.1", &deflated, dcm_ts_find(UID_DEFLATED_LE)).status,
                     STATUS_SUCCESS);
    assert_int_equal(store_octets(s, "1.2.3.1", &octets, explicit_le()).status, STATUS_SUCCESS);
    assert_int_equal(store_octets(s, "1.2.3.1", &implicit, dcm_ts_find(UID_IMPLICIT_LE)).status,
                     STATUS_SUCCESS);
    buf_fini(&octets);
    buf_fini(&implicit);
    buf_fini(&deflated);
    scu_close(s);
}

static void states_that_cannot_be_fetched_refuse_a_store(void **state)
{
    struct scu *s = connect_scu(*state);
    struct buf octets;
    clear_objects();
    make_protocol("1.2.3.1", "Head", 0, explicit_le(), &octets);
    store_protocol(s, "1.2.3.1", "Head", 0);
    test_sql("update dpp.objects set state = 'retired', retired_at = now()");
    struct dimse_command rsp = store_octets(s, "1.2.3.1", &octets, explicit_le());
    assert_int_equal(rsp.status, STATUS_STORE_CANNOT_UNDERSTAND);
    assert_string_equal(rsp.comment, "this instance exists and is retired");
    buf_fini(&octets);
    scu_close(s);
}

static void large_data_sets_take_the_jobpool(void **state)
{
    struct scu *s = connect_scu(*state);
    clear_objects();
    store_protocol(s, "1.2.3.1", "Large", 200000);
    assert_true(test_number("select size from dpp.instances") > 200000);
    scu_close(s);
}

static void command_and_data_set_must_agree(void **state)
{
    struct scu *s = connect_scu(*state);
    struct buf octets;
    clear_objects();
    make_protocol("1.2.3.1", "Head", 0, explicit_le(), &octets);
    struct dimse_command rsp = store_octets(s, "1.2.3.2", &octets, explicit_le());
    assert_int_equal(rsp.status, STATUS_DATASET_MISMATCH);
    assert_true(rsp.has & CMD_HAS_OFFENDING);
    assert_true(rsp.has & CMD_HAS_COMMENT);
    buf_fini(&octets);
    scu_close(s);
}

static void undecodable_data_set_is_refused(void **state)
{
    struct scu *s = connect_scu(*state);
    struct buf octets;
    buf_init(&octets, 0);
    buf_add(&octets, "\x08\x00\x16\x00UI\xff\x7f garbage", 16);
    assert_int_equal(store_octets(s, "1.2.3.2", &octets, explicit_le()).status,
                     STATUS_STORE_UNDECODABLE);
    buf_fini(&octets);
    scu_close(s);
}

static void data_set_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct buf octets;
    clear_objects();
    c.assoc.max_dataset_bytes = 10000;
    harness_start(&h, &c);
    struct scu *s = connect_scu(&h);
    make_protocol("1.2.3.1", "Large", 20000, explicit_le(), &octets);
    struct dimse_command rsp = store_octets(s, "1.2.3.1", &octets, explicit_le());
    assert_int_equal(rsp.status, STATUS_OUT_OF_RESOURCES);
    assert_string_equal(rsp.comment, "max-dataset: data set of more than 10000 octets");
    store_protocol(s, "1.2.3.2", "Small", 0); /* the association goes on */
    buf_fini(&octets);
    scu_close(s);
    harness_stop(&h);
}

static void database_away_refuses_a_store(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct buf octets;
    c.database.conninfo = "postgresql://127.0.0.1:1/none";
    harness_start(&h, &c);
    struct scu *s = connect_scu(&h);
    make_protocol("1.2.3.1", "Head", 0, explicit_le(), &octets);
    struct dimse_command rsp = store_octets(s, "1.2.3.1", &octets, explicit_le());
    assert_int_equal(rsp.status, STATUS_OUT_OF_RESOURCES);
    assert_true(rsp.has & CMD_HAS_COMMENT);
    buf_fini(&octets);
    scu_close(s);
    harness_stop(&h);
}

/* ---- C-FIND ---- */

struct found {
    unsigned count;
    unsigned optional; /* FF01 */
    unsigned stop_after;
    char names[8][65];
    char uids[8][65];
};

static bool on_pending(const struct dimse_command *rsp, struct span octets, const struct dcm_ts *ts,
                       void *arg)
{
    struct found *f = arg;
    struct arena *a = arena_new(1024 * 1024);
    struct dcm_item *item = NULL;
    struct dcm_limits limits = dcm_limits_default();
    struct err err = {0};
    assert_int_equal(dcm_read(octets, ts, &limits, a, &item, &err), RC_OK);
    if (f->count < 8) {
        dcm_first_text(item, TAG_ProtocolName, f->names[f->count], 65);
        dcm_first_text(item, TAG_SOPInstanceUID, f->uids[f->count], 65);
    }
    f->count++;
    f->optional += rsp->status == STATUS_PENDING_OPTIONAL;
    arena_free(a);
    return f->count != f->stop_after;
}

static struct dimse_command find(struct scu *s, struct dcm_item *item, struct found *f)
{
    struct scu_callbacks cb = {.on_pending = on_pending, .arg = f};
    struct dimse_command final = {0};
    struct err err = {0};
    if (scu_find(s, UID_PROTOCOL_FIND, item, &cb, &final, &err) != RC_OK)
        fail_msg("%s", err.text);
    return final;
}

static void find_returns_what_matches(void **state)
{
    struct scu *s = connect_scu(*state);
    struct arena *a = arena_new(65536);
    struct found f = {0};
    clear_objects();
    store_protocol(s, "1.2.3.1", "Head", 0);
    store_protocol(s, "1.2.3.2", "Chest", 0);
    struct dcm_item *item = identifier(a, TAG_ProtocolName, "LO", "Chest");
    dcm_put_text(a, item, TAG_SOPInstanceUID, "UI", "");
    assert_int_equal(find(s, item, &f).status, STATUS_SUCCESS);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.optional, 0);
    assert_string_equal(f.names[0], "Chest");
    assert_string_equal(f.uids[0], "1.2.3.2");
    /* again on the same association: prepared statements and spare memory */
    for (unsigned i = 0; i < 50; i++) {
        f = (struct found){0};
        assert_int_equal(find(s, item, &f).status, STATUS_SUCCESS);
        assert_int_equal(f.count, 1);
    }
    arena_free(a);
    scu_close(s);
}

static void universal_keys_find_everything_and_no_keys_nothing(void **state)
{
    struct scu *s = connect_scu(*state);
    struct arena *a = arena_new(65536);
    struct found f = {0};
    clear_objects();
    store_protocol(s, "1.2.3.1", "Head", 0);
    store_protocol(s, "1.2.3.2", "Chest", 0);
    assert_int_equal(find(s, identifier(a, TAG_ProtocolName, "LO", ""), &f).status, STATUS_SUCCESS);
    assert_int_equal(f.count, 2);
    f = (struct found){0};
    assert_int_equal(
        find(s, identifier(a, TAG_SpecificCharacterSet, "CS", "ISO_IR 100"), &f).status,
        STATUS_SUCCESS);
    assert_int_equal(f.count, 0);
    arena_free(a);
    scu_close(s);
}

static void unknown_key_makes_every_match_ff01(void **state)
{
    struct scu *s = connect_scu(*state);
    struct arena *a = arena_new(65536);
    struct found f = {0};
    clear_objects();
    store_protocol(s, "1.2.3.1", "Head", 0);
    struct dcm_item *item = identifier(a, TAG_ProtocolName, "LO", "Head");
    dcm_put_text(a, item, TAG(0x0010, 0x0010), "PN", "Somebody");
    assert_int_equal(find(s, item, &f).status, STATUS_SUCCESS);
    assert_int_equal(f.count, 1);
    assert_int_equal(f.optional, 1);
    arena_free(a);
    scu_close(s);
}

static void identifier_that_does_not_fit_is_refused(void **state)
{
    struct scu *s = connect_scu(*state);
    struct arena *a = arena_new(65536);
    struct found f = {0};
    struct dcm_item *item = dcm_item_new(a);
    struct dcm_element *sq =
        dcm_put(a, item, TAG_ModelSpecificationSequence, "SQ", span_of(NULL, 0));
    dcm_put_text(a, dcm_add_item(a, sq), TAG_Manufacturer, "LO", "A");
    dcm_put_text(a, dcm_add_item(a, sq), TAG_Manufacturer, "LO", "B");
    struct dimse_command final = find(s, item, &f);
    assert_int_equal(final.status, STATUS_DATASET_MISMATCH); /* two items in a key sequence */
    assert_int_equal(final.offending, TAG_ModelSpecificationSequence);
    assert_int_equal(f.count, 0);
    arena_free(a);
    scu_close(s);
}

static void identifier_that_cannot_be_read_is_refused(void **state)
{
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 3);
    struct buf octets;
    buf_init(&octets, 0);
    buf_add(&octets, "\x18\x00\x30\x10LO\xff\x7f", 8);
    assert_int_equal(send_one(*state, 1, &rq, &octets).status, STATUS_FIND_UNDECODABLE);
    buf_fini(&octets);
}

static void more_matches_than_allowed_end_in_a700(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct arena *a = arena_new(65536);
    struct found f = {0};
    clear_objects();
    c.max_matches = 2;
    harness_start(&h, &c);
    struct scu *s = connect_scu(&h);
    store_protocol(s, "1.2.3.1", "A", 0);
    store_protocol(s, "1.2.3.2", "B", 0);
    assert_int_equal(find(s, identifier(a, TAG_ProtocolName, "LO", ""), &f).status, STATUS_SUCCESS);
    assert_int_equal(f.count, 2);
    store_protocol(s, "1.2.3.3", "C", 0);
    f = (struct found){0};
    struct dimse_command final = find(s, identifier(a, TAG_ProtocolName, "LO", ""), &f);
    assert_int_equal(final.status, STATUS_OUT_OF_RESOURCES);
    assert_true(final.has & CMD_HAS_COMMENT);
    assert_int_equal(f.count, 2);
    arena_free(a);
    scu_close(s);
    harness_stop(&h);
}

static void database_away_refuses_a_find(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct arena *a = arena_new(65536);
    struct found f = {0};
    c.database.conninfo = "postgresql://127.0.0.1:1/none";
    harness_start(&h, &c);
    struct scu *s = connect_scu(&h);
    struct dimse_command final = find(s, identifier(a, TAG_ProtocolName, "LO", ""), &f);
    assert_int_equal(final.status, STATUS_OUT_OF_RESOURCES);
    assert_true(final.has & CMD_HAS_COMMENT);
    arena_free(a);
    scu_close(s);
    harness_stop(&h);
}

/* More responses than sockets and queues can hold, so that the server must wait for the reader. */
static void make_many(struct harness *h, unsigned count)
{
    struct scu *s = connect_scu(h);
    clear_objects();
    store_protocol(s, "1.2.3.0", "Many", 0);
    scu_close(s);
    test_sql("insert into dpp.objects (sop_instance_uid, sop_class_uid, state, query_record,"
             " published_at)"
             " select '1.2.4.' || n, sop_class_uid, 'published', query_record, now()"
             " from dpp.objects, generate_series(1, %u) n where sop_instance_uid = '1.2.3.0'",
             count);
    test_sql("insert into dpp.protocols (object_id, protocol_name)"
             " select id, 'Many' from dpp.objects where sop_instance_uid like '1.2.4.%%'");
    test_sql("analyze dpp.objects; analyze dpp.protocols");
}

static bool is_no_find_active(void *arg)
{
    (void)arg;
    return test_number("select count(*) from pg_stat_activity where state = 'active'"
                       " and datname = current_database() and pid <> pg_backend_pid()") == 0;
}

static void cancel_ends_a_running_find(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct arena *a = arena_new(65536);
    struct found f = {.stop_after = 1};
    c.assoc.send_buffer_bytes = 65536;
    harness_start(&h, &c);
    make_many(&h, 100000);
    struct scu *s = connect_scu(&h);
    struct dimse_command final = find(s, identifier(a, TAG_ProtocolName, "LO", ""), &f);
    assert_int_equal(final.status, STATUS_CANCEL);
    assert_false(final.has_dataset);
    assert_true(wait_until(is_no_find_active, NULL));
    /* the connection serves the next one */
    f = (struct found){0};
    assert_int_equal(find(s, identifier(a, TAG_SOPInstanceUID, "UI", "1.2.4.7"), &f).status,
                     STATUS_SUCCESS);
    assert_int_equal(f.count, 1);
    /* and without a cancel all of them come */
    f = (struct found){0};
    assert_int_equal(find(s, identifier(a, TAG_ProtocolName, "LO", "Many"), &f).status,
                     STATUS_SUCCESS);
    assert_int_equal(f.count, 100001);
    /* an association that ends takes its query with it */
    struct raw r;
    struct buf octets;
    struct dimse_command rq = request(DIMSE_C_FIND_RQ, UID_PROTOCOL_FIND, 1);
    find_request(&octets);
    raw_open(&r, h.port, "DPPR", "CLIENT", find_only);
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 1);
    assoc_abort(r.assoc, ABORT_SOURCE_USER, 0, "test");
    raw_close(&r);
    assert_true(wait_until(is_no_find_active, NULL));
    /* so does a release, which is answered */
    raw_open(&r, h.port, "DPPR", "CLIENT", find_only);
    raw_send(&r, 1, &rq, &octets);
    raw_wait(&r, 1);
    raw_close(&r);
    assert_int_equal(r.why.code, RC_OK);
    assert_true(wait_until(is_no_find_active, NULL));
    buf_fini(&octets);
    arena_free(a);
    scu_close(s);
    harness_stop(&h);
    clear_objects();
}

/* ---- other settings ---- */

static void note_release(void *arg)
{
    atomic_store((atomic_bool *)arg, true);
}

struct reconfiguration {
    struct harness *h;
    const struct service_config *config;
    atomic_bool is_done;
};

static void reconfigure_mail(void *arg)
{
    struct reconfiguration *r = arg;
    service_reconfigure(r->h->service, r->config);
    atomic_store(&r->is_done, true);
}

static bool is_true(void *arg)
{
    return atomic_load((atomic_bool *)arg);
}

/* The settings before go with the last who uses them: an association that has not begun another operation. */
static void settings_live_as_long_as_they_are_used(void **state)
{
    (void)state;
    struct service_config first = test_config(), second = test_config();
    atomic_bool is_gone[2] = {false, false};
    struct service_keeper keepers[2] = {{1, note_release, &is_gone[0]},
                                        {1, note_release, &is_gone[1]}};
    struct harness h;
    struct raw idle, other;
    struct dimse_command rq = request(DIMSE_C_ECHO_RQ, UID_VERIFICATION, 1);
    clear_objects();
    first.keeper = &keepers[0];
    second.keeper = &keepers[1];
    harness_start(&h, &first);
    raw_open(&idle, h.port, "DPPR", "CLIENT", echo_only);
    service_config_drop(&first); /* the maker's */
    struct reconfiguration r = {.h = &h, .config = &second};
    worker_post(h.worker, reconfigure_mail, NULL, &r);
    assert_true(wait_until(is_true, &r.is_done));
    retrieve_pool_reconfigure(h.retrieve, &second);
    service_config_drop(&second);
    raw_open(&other, h.port, "DPPR", "CLIENT", echo_only);
    raw_send(&other, 1, &rq, NULL);
    raw_wait(&other, 1);
    assert_false(is_gone[0]);
    raw_send(&idle, 1, &rq, NULL);
    raw_wait(&idle, 1);
    assert_true(wait_until(is_true, &is_gone[0]));
    raw_close(&idle);
    raw_close(&other);
    assert_false(is_gone[1]);
    harness_stop(&h);
    assert_true(is_gone[1]);
}

/* ---- the end ---- */

static bool is_drained(void *arg)
{
    const struct harness *h = arg;
    return h->drained != 0;
}

static void draining_releases_idle_associations(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw r;
    clear_objects();
    harness_start(&h, &c);
    raw_open(&r, h.port, "DPPR", "CLIENT", echo_only);
    assert_true(r.is_established);
    worker_post(h.worker, harness_drain_mail, NULL, &h);
    assert_true(loop_run_until(r.loop, raw_is_closed, &r, PATIENCE_MS)); /* answers the release */
    raw_close(&r);
    assert_true(wait_until(is_drained, &h));
    harness_stop(&h);
}

/* Who was let in before the listener closed gets what it came for; from service_hurry on nobody begins. */
static void draining_admits_at_first_and_rejects_when_hurried(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw first, second;
    clear_objects();
    harness_start(&h, &c);
    raw_open(&first, h.port, "DPPR", "CLIENT", echo_only);
    worker_post(h.worker, harness_drain_mail, NULL, &h);
    raw_open(&second, h.port, "DPPR", "CLIENT", echo_only);
    assert_true(second.is_established);
    raw_close(&second);
    worker_post(h.worker, harness_hurry_mail, NULL, &h);
    open_and_expect_reject(&h, "DPPR", "CLIENT", echo_only, 2, 3, 2);
    raw_close(&first);
    assert_true(wait_until(is_drained, &h));
    harness_stop(&h);
}

static void draining_of_nothing_ends_at_once(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    harness_start(&h, &c);
    worker_post(h.worker, harness_drain_mail, NULL, &h);
    assert_true(wait_until(is_drained, &h));
    harness_stop(&h);
}

static void stopping_aborts_what_is_left(void **state)
{
    (void)state;
    struct service_config c = test_config();
    struct harness h;
    struct raw r;
    clear_objects();
    harness_start(&h, &c);
    raw_open(&r, h.port, "DPPR", "CLIENT", echo_only);
    assert_true(r.is_established);
    harness_stop(&h);
    assert_true(loop_run_until(r.loop, raw_is_closed, &r, PATIENCE_MS));
    assert_int_equal(r.why.code, RC_IO);
    raw_close(&r);
}

static void stopping_with_jobs_running_leaks_nothing(void **state)
{
    (void)state;
    struct service_config c = test_config();
    for (unsigned round = 0; round < 5; round++) {
        struct harness h;
        struct raw r;
        struct buf octets;
        struct dimse_command rq = request(DIMSE_C_STORE_RQ, UID_CT_DEFINED_PROTOCOL, 1);
        clear_objects();
        harness_start(&h, &c);
        make_protocol("1.2.3.1", "Large", 3000000, explicit_le(), &octets);
        rq.has |= CMD_HAS_SOP_INSTANCE;
        strcpy(rq.sop_instance, "1.2.3.1");
        raw_open(&r, h.port, "DPPR", "CLIENT", find_and_ct);
        raw_send(&r, 3, &rq, &octets);
        /* long enough, or not, for the request to arrive: it must be stopped at any point */
        loop_run_until(r.loop, raw_is_closed, &r, (int64_t)(round * 10 + 5));
        harness_stop(&h);
        raw_close(&r);
        buf_fini(&octets);
    }
}

static struct harness shared;

static int setup(void **state)
{
    struct service_config c = test_config();
    if (service_testdb_setup() != 0)
        return -1;
    harness_start(&shared, &c);
    *state = &shared;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    harness_stop(&shared);
    return service_testdb_teardown();
}

int main(void)
{
    log_configure(getenv("DPPR_TEST_LOG") ? LOG_DEBUG : LOG_ERROR, LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_is_answered),
        cmocka_unit_test(called_title_must_be_ours),
        cmocka_unit_test(further_titles_may_be_ours),
        cmocka_unit_test(unknown_ae_is_refused_by_policy),
        cmocka_unit_test(title_bound_to_other_addresses_is_refused),
        cmocka_unit_test(rights_of_the_row_decide_at_negotiation),
        cmocka_unit_test(too_many_associations_are_rejected_for_now),
        cmocka_unit_test(database_away_is_told_to_strangers),
        cmocka_unit_test(duplicate_message_id_is_refused),
        cmocka_unit_test(unknown_command_is_refused),
        cmocka_unit_test(command_of_another_class_is_refused),
        cmocka_unit_test(class_must_be_that_of_the_context),
        cmocka_unit_test(request_without_data_set_is_refused),
        cmocka_unit_test(malformed_argument_is_named),
        cmocka_unit_test(cancel_of_nothing_has_no_effect),
        cmocka_unit_test(operations_at_once_are_bounded),
        cmocka_unit_test(right_revoked_in_mid_association_is_refused),
        cmocka_unit_test(stored_once_and_only_once),
        cmocka_unit_test(same_content_in_another_syntax_is_the_same),
        cmocka_unit_test(states_that_cannot_be_fetched_refuse_a_store),
        cmocka_unit_test(large_data_sets_take_the_jobpool),
        cmocka_unit_test(command_and_data_set_must_agree),
        cmocka_unit_test(undecodable_data_set_is_refused),
        cmocka_unit_test(data_set_beyond_the_limit_is_refused),
        cmocka_unit_test(database_away_refuses_a_store),
        cmocka_unit_test(find_returns_what_matches),
        cmocka_unit_test(universal_keys_find_everything_and_no_keys_nothing),
        cmocka_unit_test(unknown_key_makes_every_match_ff01),
        cmocka_unit_test(identifier_that_does_not_fit_is_refused),
        cmocka_unit_test(identifier_that_cannot_be_read_is_refused),
        cmocka_unit_test(more_matches_than_allowed_end_in_a700),
        cmocka_unit_test(database_away_refuses_a_find),
        cmocka_unit_test(cancel_ends_a_running_find),
        cmocka_unit_test(settings_live_as_long_as_they_are_used),
        cmocka_unit_test(draining_releases_idle_associations),
        cmocka_unit_test(draining_admits_at_first_and_rejects_when_hurried),
        cmocka_unit_test(draining_of_nothing_ends_at_once),
        cmocka_unit_test(stopping_aborts_what_is_left),
        cmocka_unit_test(stopping_with_jobs_running_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
