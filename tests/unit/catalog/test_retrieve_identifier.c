/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "catalog/instances.h"
#include "dcm/dict.h"

static struct arena *arena;
static const char **uids;
static unsigned count;
static struct err err;

static enum rc read_spec(const char *text, bool strict, unsigned most)
{
    static struct octets o;
    arena_reset(arena);
    memset(&err, 0, sizeof(err));
    count = 99;
    return retrieve_identifier(spec(&o, text), dcm_ts_find(UID_EXPLICIT_LE), strict,
                               &(struct query_limits){.max_uids = most}, arena, &uids, &count,
                               &err);
}

static void each_uid_counts_once_in_order(void **state)
{
    (void)state;
    assert_int_equal(read_spec("00080018 UI 1.2.9\\1.2.3\\ 1.2.9 \\1.2.30\\1.2.3", false, 100),
                     RC_OK);
    assert_int_equal(count, 3);
    assert_string_equal(uids[0], "1.2.9");
    assert_string_equal(uids[1], "1.2.3");
    assert_string_equal(uids[2], "1.2.30");
}

static void values_that_are_no_uids_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(read_spec("00080018 UI junk\\1.2.3\\1.02\\*\\\\", false, 100), RC_OK);
    assert_int_equal(count, 1);
    assert_string_equal(uids[0], "1.2.3");
    assert_int_equal(read_spec("00080018 UI *", false, 100), RC_OK);
    assert_int_equal(count, 0);
}

static void other_keys_are_refused(void **state)
{
    static const struct {
        const char *identifier;
        bool strict;
        enum rc rc;
        uint32_t tag;
    } cases[] = {
        {"00080018 UI 1.2", false, RC_OK, 0},
        {"00080005 CS ISO_IR 100; 00080018 UI 1.2", true, RC_OK, 0},
        {"00080018 UI 1.2; 00080052 CS IMAGE", false, RC_OK, 0},
        {"00080018 UI 1.2; 00080052 CS IMAGE", true, RC_INVALID, 0x00080052},
        {"00080018 UI 1.2; FFFCFFFC OB \x01\x02", true, RC_OK, 0}, /* PS3.10 7.2 */
        {"00080018 UI 1.2; 00181030 LO Head", false, RC_INVALID, 0x00181030},
        {"00080018 UI 1.2; 00181030 LO", false, RC_INVALID, 0x00181030},
        {"00080016 UI 1.2; 00080018 UI 1.2", false, RC_INVALID, 0x00080016},
        {"00080018 UI 1.2; 00091001 LO x", false, RC_INVALID, 0x00091001},
        {"00080018 UI", false, RC_INVALID, 0x00080018},
        {"00080018 UI \\\\", false, RC_INVALID, 0x00080018},
        {"00080018 SQ {[00080018 UI 1.2]}", false, RC_INVALID, 0x00080018},
        {"00080052 CS IMAGE", false, RC_INVALID, 0x00080018},
        {"", false, RC_INVALID, 0x00080018},
        {"00020010 UI 1.2; 00080018 UI 1.2", false, RC_UNSUPPORTED, 0x00020010},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum rc rc = read_spec(cases[i].identifier, cases[i].strict, 100);
        if (rc != cases[i].rc)
            print_message("%s: %s %s\n", cases[i].identifier, rc_name(rc), err.text);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(err.code, rc);
        assert_int_equal(err.tag, cases[i].tag);
    }
}

static void octets_that_are_no_data_set_cannot_be_decoded(void **state)
{
    (void)state;
    memset(&err, 0, sizeof(err));
    assert_int_equal(retrieve_identifier(span_str("no data set"), dcm_ts_find(UID_EXPLICIT_LE),
                                         false, NULL, arena, &uids, &count, &err),
                     RC_UNSUPPORTED);
    assert_int_equal(err.code, RC_UNSUPPORTED);
}

static void limits_are_kept(void **state)
{
    (void)state;
    assert_int_equal(read_spec("00080018 UI 1.2\\1.3", false, 2), RC_OK);
    assert_int_equal(read_spec("00080018 UI 1.2\\1.3\\1.4", false, 2), RC_LIMIT);
    assert_int_equal(err.tag, 0x00080018);
}

static void hostile_identifiers_do_no_harm(void **state)
{
    unsigned accepted = 0;
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        static struct octets o;
        uint32_t random = i * 2654435761u + 5;
        spec(&o, "00080018 UI 1.2.3\\1.2.4\\1.2.5; 00080052 CS IMAGE");
        mutate(&o, &random);
        uint8_t *exact = malloc(o.len ? o.len : 1);
        memcpy(exact, o.data, o.len);
        arena_reset(arena);
        memset(&err, 0, sizeof(err));
        enum rc rc =
            retrieve_identifier(span_of(exact, o.len), dcm_ts_find(UID_EXPLICIT_LE), false,
                                &(struct query_limits){.max_uids = 4}, arena, &uids, &count, &err);
        assert_true(rc == RC_OK || rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        for (unsigned k = 0; rc == RC_OK && k < count; k++)
            assert_true(dcm_uid_is_valid(uids[k]));
        accepted += rc == RC_OK;
        free(exact);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_uid_counts_once_in_order),
        cmocka_unit_test(values_that_are_no_uids_are_left_out),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(octets_that_are_no_data_set_cannot_be_decoded),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(hostile_identifiers_do_no_harm),
    };
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
