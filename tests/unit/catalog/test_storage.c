/* SPDX-License-Identifier: Apache-2.0
 *
 * Storing and retrieving with a real database.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/instances.h"
#include "dcm/dict.h"

#define CT "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; "

static void outcomes_of_a_known_uid(void **state)
{
    (void)state;
    assert_string_equal(store_spec(CT "00080018 UI 1.1.1; 00181030 LO Head"), "stored");
    assert_string_equal(store_spec(CT "00080018 UI 1.1.1; 00181030 LO Head"), "same");
    assert_string_equal(store_spec(CT "00080018 UI 1.1.1; 00181030 LO Heart"), "different");
    assert_string_equal(
        ask_sql("select state || ' ' || source || ' ' || sender_aet from dpp.objects"
                " where sop_instance_uid = '1.1.1'"),
        "published store CT1");

    /* in another transfer syntax it is the same, and the first octets are kept */
    struct octets o;
    struct buf implicit;
    struct err err;
    buf_init(&implicit, 0);
    assert_int_equal(dcm_convert(spec(&o, CT "00080018 UI 1.1.1; 00181030 LO Head"),
                                 dcm_ts_find(UID_EXPLICIT_LE), dcm_ts_find(UID_IMPLICIT_LE), NULL,
                                 &implicit, &err),
                     RC_OK);
    assert_string_equal(store_octets(buf_span(&implicit), UID_IMPLICIT_LE), "same");
    assert_string_equal(
        ask_sql("select transfer_syntax_uid from dpp.instances i join dpp.objects o on"
                " o.id = i.object_id where sop_instance_uid = '1.1.1'"),
        UID_EXPLICIT_LE);
    buf_fini(&implicit);

    run_sql("update dpp.objects set state = 'retired', retired_at = now() where sop_instance_uid ="
            " '1.1.1'");
    assert_string_equal(store_spec(CT "00080018 UI 1.1.1; 00181030 LO Head"), "retired");
    run_sql("insert into dpp.objects (sop_instance_uid, sop_class_uid) values ('1.1.2',"
            " '1.2.840.10008.5.1.4.1.1.200.1')");
    assert_string_equal(store_spec(CT "00080018 UI 1.1.2"), "draft");
    run_sql("insert into dpp.tombstones (sop_instance_uid, reason) values ('1.1.3', 'test')");
    assert_string_equal(store_spec(CT "00080018 UI 1.1.3"), "purged");
    assert_string_equal(
        ask_sql("select count(*) from dpp.objects where sop_instance_uid = '1.1.3'"), "0");
}

static void warnings_become_rows(void **state)
{
    (void)state;
    assert_string_equal(store_spec(CT "00080018 UI 1.2.1; 00181030 LO Gr\xFCn"), "stored");
    assert_string_equal(ask_sql("select w.attribute || ' ' || w.warning from dpp.dataset_warnings "
                                "w join dpp.objects o on o.id"
                                " = w.object_id where o.sop_instance_uid = '1.2.1'"),
                        "00181030 is beyond ASCII without a supported Specific Character Set; it "
                        "was read as Latin-1");
    assert_string_equal(
        ask_sql("select protocol_name from dpp.protocols p join dpp.objects o on o.id ="
                " p.object_id where o.sop_instance_uid = '1.2.1'"),
        "Gr\xC3\xBCn");
}

static void a_failed_statement_is_reported(void **state)
{
    struct octets o;
    struct stored s = {0};
    (void)state;
    run_sql("create function dpp.test_no() returns trigger language plpgsql as"
            " 'begin raise exception ''no room''; end'");
    run_sql("create trigger test_no before insert on dpp.protocols execute function "
            "dpp.test_no()");
    struct ingest_prepared *p =
        prepare_octets(spec(&o, CT "00080018 UI 1.2.9; 00181030 LO Head"), UID_EXPLICIT_LE);
    ingest_start(database.pool, WAIT_MS, p, on_stored, &s);
    wait_until(&s.is_done);
    run_sql("drop trigger test_no on dpp.protocols; drop function dpp.test_no()");
    assert_int_equal(s.result.code, RC_DB);
    assert_non_null(strstr(s.result.text, "no room"));
    assert_string_equal(
        ask_sql("select count(*) from dpp.objects where sop_instance_uid = '1.2.9'"), "0");

    /* and nothing stands in the way of the next try */
    s = (struct stored){0};
    ingest_start(database.pool, WAIT_MS, p, on_stored, &s);
    wait_until(&s.is_done);
    assert_int_equal(s.result.code, RC_OK);
    assert_int_equal(s.outcome, INGEST_STORED);
    ingest_prepared_free(p);
}

/* The backend is ended while it waits: nothing was committed, so it is no success. */
static void a_connection_lost_before_commit_is_no_success(void **state)
{
    struct octets o;
    struct stored s = {0};
    (void)state;
    run_sql("begin; lock table dpp.protocols in access exclusive mode");
    struct ingest_prepared *p =
        prepare_octets(spec(&o, CT "00080018 UI 1.2.10; 00181030 LO Head"), UID_EXPLICIT_LE);
    ingest_start(database.pool, WAIT_MS, p, on_stored, &s);
    const char *waiting = "select count(*) from pg_stat_activity where application_name ="
                          " 'catalog-test-pool' and wait_event_type = 'Lock'";
    for (int i = 0; i < 1000 && strcmp(ask_sql(waiting), "1") != 0; i++)
        loop_run_until(database.loop, flag_is_set, &s.is_done, 20);
    ask_sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name ="
            " 'catalog-test-pool' and wait_event_type = 'Lock'");
    wait_until(&s.is_done);
    run_sql("rollback");
    assert_int_equal(s.result.code, RC_IO);
    assert_string_equal(
        ask_sql("select count(*) from dpp.objects where sop_instance_uid = '1.2.10'"), "0");
    ingest_prepared_free(p);
}

/* ---- retrieval ---- */

struct found {
    bool is_done;
    struct err result;
    struct instance_list *list;
};

static void on_found(const struct err *result, struct instance_list *list, void *arg)
{
    struct found *f = arg;
    f->result = *result;
    f->list = list;
    f->is_done = true;
}

static struct instance_list *find(const struct model *model, const char *const *uids,
                                  unsigned count)
{
    struct found f = {0};
    struct instances_op *op = NULL;
    assert_int_equal(
        instances_find(database.reader, WAIT_MS, model, NULL, uids, count, on_found, &f, &op, NULL),
        RC_OK);
    assert_false(f.is_done);
    wait_until(&f.is_done);
    if (f.result.code != RC_OK)
        fail_msg("%s", f.result.text);
    assert_non_null(f.list);
    return f.list;
}

struct fetched {
    bool is_done;
    struct err result;
    unsigned deliveries;
    bool is_null[8];
    enum rc why[8];
    struct buf octets[8];
    struct instances_op *cancels; /* the operation to cancel at the first delivery */
};

static void on_data(unsigned index, struct buf *octets, const struct err *why, void *arg)
{
    struct fetched *f = arg;
    assert_true(index < 8);
    assert_null(f->octets[index].data);
    f->deliveries++;
    if (octets) {
        f->octets[index] = *octets; /* taken */
        memset(octets, 0, sizeof(*octets));
    } else {
        f->is_null[index] = true;
        f->why[index] = why->code;
    }
    if (f->cancels) {
        instances_cancel(f->cancels);
        f->cancels = NULL;
    }
}

static void on_fetched(const struct err *result, void *arg)
{
    struct fetched *f = arg;
    assert_false(f->is_done);
    f->result = *result;
    f->is_done = true;
}

static void fetched_fini(struct fetched *f)
{
    for (unsigned i = 0; i < 8; i++)
        buf_fini(&f->octets[i]);
}

/* A protocol with a private value of `size` octets. */
static struct span large(struct buf *b, const char *uid, uint32_t size)
{
    char text[128];
    struct octets o;
    snprintf(text, sizeof(text), CT "00080018 UI %s; 00090010 LO TEST", uid);
    struct span head = spec(&o, text);
    buf_init(b, 0);
    buf_add_span(b, head);
    buf_add(b, "\x09\0\x01\x10OB\0\0", 8);
    buf_add_le32(b, size);
    uint8_t *p = buf_reserve(b, size);
    assert_non_null(p);
    for (uint32_t i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 31 ^ i >> 8);
    b->len += size;
    return buf_span(b);
}

static void ids_come_in_order_of_first_mention(void **state)
{
    static const char *const uids[] = {"1.3.2", "9.9.9", "1.3.1", "1.3.3", "{\"x,\\", "1.3.4"};
    (void)state;
    store_spec(CT "00080018 UI 1.3.1");
    store_spec(CT "00080018 UI 1.3.2");
    store_spec(CT "00080018 UI 1.3.3");
    store_spec("00080016 UI 1.2.840.10008.5.1.4.1.1.200.3; 00080018 UI 1.3.4"); /* another model */
    run_sql("update dpp.objects set state = 'retired', retired_at = now() where sop_instance_uid ="
            " '1.3.3'");

    struct instance_list *l = find(&model_protocol, uids, COUNT(uids));
    assert_int_equal(l->asked, 6);
    assert_int_equal(l->count, 2);
    assert_string_equal(l->refs[0].sop_instance, "1.3.2");
    assert_string_equal(l->refs[1].sop_instance, "1.3.1");
    assert_string_equal(l->refs[0].sop_class, UID_CT_DEFINED_PROTOCOL);
    assert_string_equal(l->refs[0].transfer_syntax, UID_EXPLICIT_LE);
    assert_true(l->refs[0].size > 0);
    instance_list_free(l);

    l = find(&model_approval, uids, COUNT(uids));
    assert_int_equal(l->count, 1);
    assert_string_equal(l->refs[0].sop_instance, "1.3.4");
    instance_list_free(l);

    l = find(&model_protocol, NULL, 0);
    assert_int_equal(l->asked, 0);
    assert_int_equal(l->count, 0);
    instance_list_free(l);
    instance_list_free(NULL);
}

static void octets_come_back_as_they_went_in(void **state)
{
    static const char *const uids[] = {"1.4.1", "1.4.2", "1.4.3", "1.4.4"};
    /* small, exactly two chunks, more than two, exactly one */
    struct buf b[4];
    struct fetched f = {0};
    struct octets o;
    (void)state;
    size_t head = spec(&o, CT "00080018 UI 1.4.1; 00090010 LO TEST").len + 12;
    static const uint32_t sizes[] = {10, 2 * INSTANCES_CHUNK_BYTES,
                                     2 * INSTANCES_CHUNK_BYTES + 12346, INSTANCES_CHUNK_BYTES};
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(
            store_octets(
                large(&b[i], uids[i], i ? sizes[i] - (uint32_t)(i == 2 ? 0 : head) : sizes[i]),
                UID_EXPLICIT_LE),
            "stored");
    struct instance_list *l = find(&model_protocol, uids, 4);
    assert_int_equal(l->count, 4);
    assert_int_equal(l->refs[1].size, 2 * INSTANCES_CHUNK_BYTES);
    assert_int_equal(l->refs[3].size, INSTANCES_CHUNK_BYTES);

    instances_fetch(database.reader, WAIT_MS, l->refs, 4, on_data, on_fetched, &f);
    assert_false(f.is_done);
    wait_until(&f.is_done);
    assert_int_equal(f.result.code, RC_OK);
    assert_int_equal(f.deliveries, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_octets(buf_span(&f.octets[i]), buf_span(&b[i]));
        buf_fini(&b[i]);
    }
    fetched_fini(&f);
    instance_list_free(l);
}

static void what_has_vanished_is_delivered_as_null(void **state)
{
    struct instance_ref refs[3];
    struct fetched f = {0};
    static const char *const uids[] = {"1.5.1"};
    (void)state;
    store_spec(CT "00080018 UI 1.5.1");
    struct instance_list *l = find(&model_protocol, uids, 1);
    refs[0] = (struct instance_ref){.object_id = -1, .size = 100};
    refs[1] = l->refs[0];
    refs[2] = (struct instance_ref){.object_id = -2, .size = 3 * INSTANCES_CHUNK_BYTES};
    instances_fetch(database.reader, WAIT_MS, refs, 3, on_data, on_fetched, &f);
    memset(refs, 0, sizeof(refs)); /* they are copied */
    wait_until(&f.is_done);
    assert_int_equal(f.result.code, RC_OK);
    assert_int_equal(f.deliveries, 3);
    assert_true(f.is_null[0]);
    assert_false(f.is_null[1]);
    assert_true(f.is_null[2]);
    assert_int_equal(f.why[0], RC_NOTFOUND);
    assert_int_equal(f.why[2], RC_NOTFOUND);
    fetched_fini(&f);
    instance_list_free(l);
}

static void other_digest(struct instance_ref *r)
{
    r->digest[DCM_DIGEST_BYTES - 1] ^= 1;
}

static void no_digest(struct instance_ref *r)
{
    r->digest_size = 0;
}

static void other_syntax(struct instance_ref *r)
{
    snprintf(r->transfer_syntax, sizeof(r->transfer_syntax), UID_EXPLICIT_BE);
}

static void shorter(struct instance_ref *r)
{
    r->size--;
}

static void longer(struct instance_ref *r)
{
    r->size++;
}

/* What was chosen in one database, and what another has under the same ids. */
static void what_has_the_id_of_another_is_not_delivered(void **state)
{
    static void (*const changes[])(struct instance_ref *) = {other_digest, no_digest, other_syntax,
                                                             shorter, longer};
    static const char *const uids[] = {"1.5.2", "1.5.3", "1.5.4"};
    struct buf b;
    (void)state;
    store_spec(CT "00080018 UI 1.5.2");
    store_spec(CT "00080018 UI 1.5.3");
    store_octets(large(&b, "1.5.4", 2 * INSTANCES_CHUNK_BYTES), UID_EXPLICIT_LE);
    buf_fini(&b);
    struct instance_list *l = find(&model_protocol, uids, 3);
    for (unsigned i = 0; i < COUNT(changes); i++) {
        struct instance_ref refs[3] = {l->refs[0], l->refs[1], l->refs[2]};
        struct fetched f = {0};
        changes[i](&refs[0]);
        changes[i](&refs[2]);
        instances_fetch(database.reader, WAIT_MS, refs, 3, on_data, on_fetched, &f);
        wait_until(&f.is_done);
        assert_int_equal(f.result.code, RC_OK);
        assert_int_equal(f.deliveries, 3);
        assert_int_equal(f.why[0], RC_CONFLICT);
        assert_false(f.is_null[1]);
        assert_int_equal(f.why[2], RC_CONFLICT);
        fetched_fini(&f);
    }
    instance_list_free(l);
}

static void no_refs_and_too_much_are_answered(void **state)
{
    struct instance_ref refs[2] = {{.object_id = 1, .size = INSTANCES_BATCH_BYTES},
                                   {.object_id = 2, .size = 1}};
    struct fetched f = {0};
    (void)state;
    instances_fetch(database.reader, WAIT_MS, refs, 0, on_data, on_fetched, &f);
    wait_until(&f.is_done);
    assert_int_equal(f.result.code, RC_OK);
    f = (struct fetched){0};
    instances_fetch(database.reader, WAIT_MS, refs, 2, on_data, on_fetched, &f);
    assert_false(f.is_done);
    wait_until(&f.is_done);
    assert_int_equal(f.result.code, RC_LIMIT);
    assert_int_equal(f.deliveries, 0);
}

/* The pool is usable afterwards, which shows that the connection went back. */
static void cancel_is_silent_at_any_time(void **state)
{
    static const char *const uids[] = {"1.6.1", "1.6.2", "1.6.3"};
    struct buf b;
    struct found found = {0};
    (void)state;
    store_spec(CT "00080018 UI 1.6.1");
    store_spec(CT "00080018 UI 1.6.2");
    store_octets(large(&b, "1.6.3", 3 * INSTANCES_CHUNK_BYTES), UID_EXPLICIT_LE);
    buf_fini(&b);
    struct instance_list *l = find(&model_protocol, uids, 3);
    assert_int_equal(l->count, 3);

    struct instances_op *finding = NULL;
    assert_int_equal(instances_find(database.reader, WAIT_MS, &model_protocol, NULL, uids, 3,
                                    on_found, &found, &finding, NULL),
                     RC_OK);
    instances_cancel(finding);
    for (unsigned first = 0; first < 3;
         first += 2) { /* inside of a small and of a large delivery */
        struct fetched f = {0};
        instances_cancel(
            instances_fetch(database.reader, WAIT_MS, l->refs, 3, on_data, on_fetched, &f));
        f.cancels = instances_fetch(database.reader, WAIT_MS, l->refs + first, 3 - first, on_data,
                                    on_fetched, &f);
        for (int i = 0; i < 200 && (f.cancels || i < 20); i++)
            loop_run_until(database.loop, flag_is_set, &f.is_done, 20);
        assert_null(f.cancels);
        assert_int_equal(f.deliveries, 1);
        assert_false(f.is_done);
        fetched_fini(&f);
    }
    for (unsigned i = 0; i < 10; i++) { /* more often than the pool has connections */
        struct fetched f = {0};
        instances_fetch(database.reader, WAIT_MS, l->refs, 3, on_data, on_fetched, &f);
        wait_until(&f.is_done);
        assert_int_equal(f.deliveries, 3);
        fetched_fini(&f);
    }
    assert_false(found.is_done);
    instance_list_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_of_a_known_uid),
        cmocka_unit_test(warnings_become_rows),
        cmocka_unit_test(a_failed_statement_is_reported),
        cmocka_unit_test(a_connection_lost_before_commit_is_no_success),
        cmocka_unit_test(ids_come_in_order_of_first_mention),
        cmocka_unit_test(octets_come_back_as_they_went_in),
        cmocka_unit_test(what_has_vanished_is_delivered_as_null),
        cmocka_unit_test(what_has_the_id_of_another_is_not_delivered),
        cmocka_unit_test(no_refs_and_too_much_are_answered),
        cmocka_unit_test(cancel_is_silent_at_any_time),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, database_open, database_close);
}
