/* SPDX-License-Identifier: Apache-2.0
 *
 * What audit rows say, and what their queue does when the database does not take them.
 */
#include "catalog_db.h"

#include "audit_rows.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "dcm/dict.h"
#include "testdb.h"

/* ---- details ---- */

static struct buf json;

static const char *closed(void)
{
    audit_close(&json);
    return buf_cstr(&json);
}

static void details_are_one_object(void **state)
{
    static const struct {
        struct log_pair pair;
        const char *member;
    } rows[] = {
        {{.key = "n", .number = 0}, "{\"n\":0}"},
        {{.key = "n", .number = -12}, "{\"n\":-12}"},
        {{.key = "n", .number = INT64_MAX}, "{\"n\":9223372036854775807}"},
        {{.key = "n", .number = INT64_MIN}, "{\"n\":-9223372036854775808}"},
        {{.key = "ms", .number = 11, .decimals = 1}, "{\"ms\":1.1}"},
        {{.key = "ms", .number = 5, .decimals = 1}, "{\"ms\":0.5}"},
        {{.key = "ms", .number = 7, .decimals = 2}, "{\"ms\":0.07}"},
        {{.key = "t", .text = "a\"\\b"}, "{\"t\":\"a\\\"\\\\b\"}"},
        {{.key = "t", .text = "\x1b\n"}, "{\"t\":\"\\u001b\\u000a\"}"},
        {{.key = "t", .text = "\xff"}, "{\"t\":\"\xEF\xBF\xBD\"}"},
        {{.key = "t", .text = ""}, "{\"t\":\"\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        audit_open(&json);
        audit_pair(&json, &rows[i].pair);
        assert_string_equal(closed(), rows[i].member);
    }
    audit_open(&json);
    assert_string_equal(closed(), "{}");
    audit_open(&json);
    audit_number(&json, "a", 1);
    audit_text(&json, "b", span_str("{"));
    audit_number(&json, "c", 2);
    assert_string_equal(closed(), "{\"a\":1,\"b\":\"{\",\"c\":2}");
}

static void lists_of_uids_are_bounded(void **state)
{
    const char *uids[AUDIT_UIDS + 1];
    (void)state;
    for (unsigned i = 0; i <= AUDIT_UIDS; i++)
        uids[i] = i < AUDIT_UIDS ? "1.2" : "9.9";
    audit_open(&json);
    audit_uids(&json, "u", uids, 2);
    assert_string_equal(closed(), "{\"u\":[\"1.2\",\"1.2\"]}");
    audit_open(&json);
    audit_uids(&json, "u", uids, AUDIT_UIDS + 1);
    assert_null(strstr(closed(), "9.9"));
    assert_int_equal(json.len, strlen("{\"u\":[]}") + AUDIT_UIDS * strlen("\"1.2\",") - 1);
}

static struct arena *arena;

static struct dcm_item *item_with(uint32_t tag, const char *vr, const char *value)
{
    struct dcm_item *item = dcm_item_new(arena);
    assert_non_null(dcm_put_text(arena, item, tag, vr, value));
    return item;
}

static const char *identifier_of(const struct dcm_item *item)
{
    audit_open(&json);
    audit_identifier(&json, item);
    return closed();
}

static void identifier_has_keys_with_a_value(void **state)
{
    (void)state;
    struct dcm_item *item = item_with(TAG(0x0018, 0x9947), "LO", "Head* ");
    dcm_put_text(arena, item, TAG_SOPInstanceUID, "UI", "");
    dcm_put_text(arena, item, TAG(0x0008, 0x0012), "DA", "20240101-");
    dcm_put_text(arena, item, TAG(0x0009, 0x1001), "LO", "x");
    struct dcm_element *sequence =
        dcm_put(arena, item, TAG(0x0018, 0x9912), "SQ", span_of(NULL, 0));
    struct dcm_item *inner = dcm_add_item(arena, sequence);
    dcm_put_text(arena, inner, TAG(0x0008, 0x0070), "LO", "ACME\\OTHER");
    dcm_put_text(arena, inner, TAG(0x0008, 0x1090), "LO", "");
    static const uint8_t number[] = {0x40, 0x01};
    dcm_put(arena, item, TAG(0x0028, 0x0010), "US", span_of(number, sizeof(number)));
    const char *text = identifier_of(item);
    assert_non_null(strstr(text, "\"InstanceCreationDate\":\"20240101-\""));
    assert_non_null(strstr(text, "\"00091001\":\"x\""));
    assert_non_null(strstr(text, ":{\"Manufacturer\":\"ACME\\\\OTHER\"}"));
    assert_non_null(strstr(text, ":\"Head*\""));
    assert_non_null(strstr(text, "\"Rows\":\"320\""));
    assert_null(strstr(text, "SOPInstanceUID"));
    assert_non_null(strstr(text, "}}"));
    assert_null(strstr(text, "cut"));
}

static void empty_identifier_is_an_empty_object(void **state)
{
    (void)state;
    assert_string_equal(identifier_of(dcm_item_new(arena)), "{\"identifier\":{}}");
}

/* Not within a character, wherever it begins. */
static void values_are_cut(void **state)
{
    char value[AUDIT_VALUE_BYTES + 16];
    (void)state;
    for (unsigned start = 0; start < 4; start++) {
        memset(value, 'x', sizeof(value));
        value[sizeof(value) - 1] = '\0';
        memcpy(value + AUDIT_VALUE_BYTES - 3 + start, "\xF0\x9F\x98\x80", 4);
        const char *text = identifier_of(item_with(TAG_ProtocolName, "LO", value));
        assert_true(utf8_is_valid(span_str(text)));
        assert_null(strstr(text, "\xEF\xBF\xBD"));
        assert_non_null(strstr(text, "\"cut\":true"));
    }
}

/* However many, long and nested. */
static void identifier_is_bounded(void **state)
{
    char value[AUDIT_VALUE_BYTES + 2];
    (void)state;
    memset(value, 1, sizeof(value)); /* each octet takes six in JSON */
    value[sizeof(value) - 1] = '\0';
    struct dcm_item *item = dcm_item_new(arena);
    for (unsigned i = 0; i < 200; i++)
        dcm_put_text(arena, item, TAG(0x0009, 0x1000 + i), "LO", value);
    assert_true(strlen(identifier_of(item)) < AUDIT_IDENTIFIER_BYTES + 7 * AUDIT_VALUE_BYTES + 100);

    struct dcm_item *deep = item_with(TAG_ProtocolName, "LO", "deepest");
    for (unsigned i = 0; i < 20; i++) {
        struct dcm_item *around = dcm_item_new(arena);
        struct dcm_element *sequence =
            dcm_put(arena, around, TAG(0x0018, 0x9912), "SQ", span_of(NULL, 0));
        *dcm_add_item(arena, sequence) = *deep;
        deep = around;
    }
    assert_null(strstr(identifier_of(deep), "deepest"));
}

/* ---- columns ---- */

static void text_of_peers_fits_a_column(void **state)
{
    static const struct {
        const char *in, *out;
    } titles[] = {{"CT1", "CT1"},
                  {"", ""},
                  {"A\xff\x01Z", "A??Z"},
                  {"0123456789abcdefg", "0123456789abcdef"}},
      addresses[] = {{"192.0.2.1", "192.0.2.1"},
                     {"2001:db8::1", "2001:db8::1"},
                     {"fe80::1%eth0", "fe80::1"},
                     {"local", ""},
                     {"", ""},
                     {"1'", ""}};
    char out[17], address[64];
    (void)state;
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        audit_clean(titles[i].in, out, sizeof(out));
        assert_string_equal(out, titles[i].out);
    }
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        audit_address(addresses[i].in, address, sizeof(address));
        assert_string_equal(address, addresses[i].out);
    }
}

static const struct audit_peer ct1 = {.ae_title = "CT1", .address = "192.0.2.1", .association = 7};

static struct audit_event event_of(const char *details)
{
    return (struct audit_event){
        .operation = "find", .peer = &ct1, .status = 0, .details = span_str(details)};
}

static void rows_stop_where_the_room_ends(void **state)
{
    static char large[64 * 1024];
    struct audit_rows rows = {0};
    (void)state;
    memset(large, '"', sizeof(large) - 1);
    struct audit_event e = event_of(large);
    while (audit_rows_add(&rows, 1, &e))
        assert_true(rows.count < 1000);
    assert_in_range(rows.columns[AUDIT_DETAILS].len, AUDIT_ROWS_OCTETS / 2, AUDIT_ROWS_OCTETS);
    audit_rows_clear(&rows);
    assert_int_equal(rows.count, 0);
    assert_true(rows.columns[AUDIT_DETAILS].cap <= 64 * 1024);
    assert_true(audit_rows_add(&rows, 1, &e));
    audit_rows_fini(&rows);
}

/* ---- the queue ---- */

static struct audit *queue_of(unsigned max_waiting)
{
    struct audit_options o = {.max_waiting = max_waiting,
                              .server_id = "6b8b4567-327b-43c6-a643-9869663348d3",
                              .lease_timeout_ms = WAIT_MS};
    return audit_new(database.loop, database.pool, &o);
}

static int set_up(void **state)
{
    (void)state;
    run_sql("truncate dpp.audit_events");
    return 0;
}

static bool nothing_waits(void *arg)
{
    (void)arg;
    return metric_get(METRIC_audit_waiting) == 0;
}

static void wait_for_queue(void)
{
    assert_true(loop_run_until(database.loop, nothing_waits, NULL, WAIT_MS));
}

static void rows_say_what_happened(void **state)
{
    static const struct audit_peer mover = {.ae_title = "MOVER",
                                            .address = "fe80::1%eth0",
                                            .destination = "CT2",
                                            .association = UINT64_C(1) << 40};
    (void)state;
    struct audit *a = queue_of(100);
    struct audit_event e = event_of("{\"a\":\"{\\\"}\"}");
    audit_add(a, &e);
    struct audit_event move = {.operation = "move",
                               .peer = &mover,
                               .sop_instance = "1.2.3",
                               .status = AUDIT_NO_STATUS,
                               .details = span_str("{}")};
    audit_add(a, &move);
    struct audit_event refused = {.operation = "store",
                                  .peer = &ct1,
                                  .sop_instance = "1.02",
                                  .status = 0xC000,
                                  .details = span_str("{}")};
    audit_add(a, &refused);
    wait_for_queue();
    assert_string_equal(
        ask_sql("select string_agg(concat_ws('|', operation, sop_instance_uid, status, ae_title,"
                " host(peer_address), destination, association, details), ' ' order by id) from "
                "dpp.audit_events"),
        "find|0|CT1|192.0.2.1|7|{\"a\": \"{\\\"}\"} "
        "move|1.2.3|MOVER|fe80::1|CT2|1099511627776|{} "
        "store|49152|CT1|192.0.2.1|7|{}");
    assert_string_equal(
        ask_sql("select bool_and(server_id = '6b8b4567-327b-43c6-a643-9869663348d3'"
                " and occurred_at between now() - interval '1 min' and clock_timestamp())"
                " from dpp.audit_events"),
        "t");
    audit_free(a);
}

/* One statement for all that came in a quarter of a second. */
static void rows_are_written_together(void **state)
{
    (void)state;
    struct audit *a = queue_of(1000);
    struct audit_event e = event_of("{}");
    for (unsigned i = 0; i < 200; i++)
        audit_add(a, &e);
    wait_for_queue();
    assert_string_equal(
        ask_sql("select count(*) || '/' || count(distinct xmin::text) from dpp.audit_events"),
        "200/1");
    audit_free(a);
}

static void more_than_may_wait_is_dropped(void **state)
{
    (void)state;
    struct audit *a = queue_of(10);
    struct audit_event e = event_of("{}");
    int64_t dropped = metric_get(METRIC_audit_dropped),
            struck = limit_count(LIMIT_audit_max_waiting);
    for (unsigned i = 0; i < 25; i++)
        audit_add(a, &e);
    assert_int_equal(metric_get(METRIC_audit_waiting), 10);
    assert_int_equal(metric_get(METRIC_audit_dropped) - dropped, 15);
    assert_int_equal(limit_count(LIMIT_audit_max_waiting) - struck, 15);
    audit_free(a);
    assert_int_equal(metric_get(METRIC_audit_waiting), 0);
    assert_string_equal(ask_sql("select count(*) from dpp.audit_events"), "10");
}

#define WAITS_FOR_LOCK                                              \
    "exists (select from pg_locks where not granted and database =" \
    " (select oid from pg_database where datname = current_database()))"

static bool is_never(void *arg)
{
    (void)arg;
    return false;
}

/* Nothing tells the loop when it has become true. */
static void wait_for_sql(const char *sql)
{
    int64_t end_ms = clock_now_ms() + WAIT_MS;
    while (strcmp(ask_sql(sql), "t") != 0) {
        assert_true(clock_now_ms() < end_ms);
        (void)loop_run_until(database.loop, is_never, NULL, 10);
    }
}

/* Brings what audit_add has begun to an end while the table is locked. */
static void interrupt_insert(const char *how)
{
    char sql[128];
    wait_for_sql("select " WAITS_FOR_LOCK);
    snprintf(sql, sizeof(sql), "select %s(pid) from pg_locks where not granted", how);
    run_sql(sql);
    wait_for_sql("select not " WAITS_FOR_LOCK);
    run_sql("commit");
}

/* It is surely not there. */
static void cancelled_rows_are_sent_again(void **state)
{
    (void)state;
    struct audit *a = queue_of(10);
    struct audit_event e = event_of("{}");
    int64_t dropped = metric_get(METRIC_audit_dropped);
    run_sql("begin; lock table dpp.audit_events in access exclusive mode");
    audit_add(a, &e);
    interrupt_insert("pg_cancel_backend");
    wait_for_queue();
    assert_int_equal(metric_get(METRIC_audit_dropped), dropped);
    assert_string_equal(ask_sql("select count(*) from dpp.audit_events"), "1");
    audit_free(a);
}

/* For all that is known it may be there, and must not be there twice. */
static void rows_of_a_lost_connection_are_not_sent_again(void **state)
{
    (void)state;
    struct audit *a = queue_of(10);
    struct audit_event e = event_of("{}");
    int64_t dropped = metric_get(METRIC_audit_dropped);
    run_sql("begin; lock table dpp.audit_events in access exclusive mode");
    audit_add(a, &e);
    interrupt_insert("pg_terminate_backend");
    wait_for_queue();
    assert_int_equal(metric_get(METRIC_audit_dropped), dropped + 1);
    audit_add(a, &e);
    wait_for_queue();
    assert_string_equal(ask_sql("select count(*) from dpp.audit_events"), "1");
    audit_free(a);
}

/* Whatever it is that the database will not have: it is not tried for ever. */
static void refused_rows_are_dropped(void **state)
{
    (void)state;
    struct audit *a = queue_of(10);
    struct audit_event bad = event_of("no json"), good = event_of("{}");
    int64_t dropped = metric_get(METRIC_audit_dropped);
    audit_add(a, &bad);
    audit_add(a, &good);
    wait_for_queue();
    assert_int_equal(metric_get(METRIC_audit_dropped) - dropped, 2);
    audit_add(a, &good);
    audit_free(a); /* does not wait until the next try is due */
    assert_string_equal(ask_sql("select count(*) from dpp.audit_events"), "1");
}

static void nobody_needs_a_queue(void **state)
{
    (void)state;
    audit_free(NULL);
}

static int open_all(void **state)
{
    struct err err = {0};
    arena = arena_new(0);
    return dcm_init(&err) == RC_OK ? database_open(state) : -1;
}

static int close_all(void **state)
{
    arena_free(arena);
    buf_fini(&json);
    return database_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(details_are_one_object),
        cmocka_unit_test(lists_of_uids_are_bounded),
        cmocka_unit_test(identifier_has_keys_with_a_value),
        cmocka_unit_test(empty_identifier_is_an_empty_object),
        cmocka_unit_test(values_are_cut),
        cmocka_unit_test(identifier_is_bounded),
        cmocka_unit_test(text_of_peers_fits_a_column),
        cmocka_unit_test(rows_stop_where_the_room_ends),
        cmocka_unit_test_setup(rows_say_what_happened, set_up),
        cmocka_unit_test_setup(rows_are_written_together, set_up),
        cmocka_unit_test_setup(more_than_may_wait_is_dropped, set_up),
        cmocka_unit_test_setup(cancelled_rows_are_sent_again, set_up),
        cmocka_unit_test_setup(rows_of_a_lost_connection_are_not_sent_again, set_up),
        cmocka_unit_test_setup(refused_rows_are_dropped, set_up),
        cmocka_unit_test(nobody_needs_a_queue),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
