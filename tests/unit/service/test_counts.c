/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "service_internal.h"

/* PS3.4 C.4.2.2.1, C.4.3.2.1 */
static void final_status_follows_the_outcome_of_all(void **state)
{
    (void)state;
    static const struct {
        struct subop_counts counts;
        bool cancelled;
        uint16_t status;
    } cases[] = {
        {{0, 0, 0, 0}, false, 0x0000}, {{3, 3, 0, 0}, false, 0x0000}, {{3, 2, 1, 0}, false, 0xB000},
        {{3, 2, 0, 1}, false, 0xB000}, {{3, 0, 2, 1}, false, 0xB000}, {{3, 0, 0, 3}, false, 0xB000},
        {{3, 0, 3, 0}, false, 0xA702}, {{3, 1, 0, 0}, true, 0xFE00},  {{3, 0, 3, 0}, true, 0xFE00},
        {{0, 0, 0, 0}, true, 0xFE00},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(retrieve_final_status(&cases[i].counts, cases[i].cancelled),
                         cases[i].status);
}

static void remaining_is_in_pending_and_cancel_only(void **state)
{
    (void)state;
    const struct subop_counts counts = {.total = 10, .completed = 3, .failed = 2, .warning = 1};
    static const uint16_t with[] = {0xFF00, 0xFE00}, without[] = {0x0000, 0xB000, 0xA702};
    for (size_t i = 0; i < 2; i++) {
        struct dimse_command rsp = {.status = with[i]};
        retrieve_set_counts(&rsp, &counts);
        assert_int_equal(rsp.has, CMD_HAS_COUNTS | CMD_HAS_REMAINING);
        assert_int_equal(rsp.remaining, 4);
        assert_int_equal(rsp.completed, 3);
        assert_int_equal(rsp.failed, 2);
        assert_int_equal(rsp.warning, 1);
    }
    for (size_t i = 0; i < 3; i++) {
        struct dimse_command rsp = {.status = without[i]};
        retrieve_set_counts(&rsp, &counts);
        assert_int_equal(rsp.has, CMD_HAS_COUNTS);
    }
}

static void warnings_are_those_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(subop_outcome_of(0x0000), SUBOP_COMPLETED);
    static const uint16_t warnings[] = {0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xBFFF};
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++)
        assert_int_equal(subop_outcome_of(warnings[i]), SUBOP_WARNING);
    static const uint16_t failures[] = {0x0110, 0x0122, 0xA700, 0xA900, 0xC000, 0xFE00, 0xFF00};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        assert_int_equal(subop_outcome_of(failures[i]), SUBOP_FAILED);
}

static void expect_list(const char *uids, const struct dcm_ts *ts, const char *octets, size_t len)
{
    struct arena *arena = arena_new(1024 * 1024);
    struct buf out;
    struct err err = {0};
    buf_init(&out, 0);
    assert_int_equal(retrieve_failed_list(span_str(uids), ts, arena, &out, &err), RC_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, octets, len);
    buf_fini(&out);
    arena_free(arena);
}

static void failed_list_is_padded_to_even_length(void **state)
{
    (void)state;
    const struct dcm_ts *le = dcm_ts_find(UID_EXPLICIT_LE);
    expect_list("1.2.3\\1.2", le,
                "\x08\x00\x58\x00UI\x0A\x00"
                "1.2.3\\1.2\0",
                18);
    expect_list("1.2.34\\1.2", le,
                "\x08\x00\x58\x00UI\x0A\x00"
                "1.2.34\\1.2",
                18);
}

static void failed_list_follows_the_transfer_syntax(void **state)
{
    (void)state;
    expect_list("1.2", dcm_ts_find(UID_IMPLICIT_LE),
                "\x08\x00\x58\x00\x04\x00\x00\x00"
                "1.2\0",
                12);
    expect_list("1.2", dcm_ts_find(UID_EXPLICIT_BE),
                "\x00\x08\x00\x58UI\x00\x04"
                "1.2\0",
                12);
}

static void batch_stays_below_its_octets(void **state)
{
    (void)state;
    struct instance_ref refs[5] = {
        {.size = 40}, {.size = 40}, {.size = 40}, {.size = 1000}, {.size = 0}};
    assert_int_equal(retrieve_batch(refs, 5, 100), 2);
    assert_int_equal(retrieve_batch(refs + 2, 3, 100), 1); /* the large one goes alone */
    assert_int_equal(retrieve_batch(refs + 3, 2, 100), 2); /* with one that costs nothing */
    assert_int_equal(retrieve_batch(refs, 0, 100), 0);
}

static void batch_stays_below_its_count(void **state)
{
    (void)state;
    struct instance_ref *refs = calloc(BATCH_COUNT + 10, sizeof *refs);
    assert_non_null(refs);
    for (unsigned i = 0; i < BATCH_COUNT + 10; i++)
        refs[i].size = 1;
    assert_int_equal(retrieve_batch(refs, BATCH_COUNT + 10, 1 << 20), BATCH_COUNT);
    free(refs);
}

static void batch_survives_absurd_sizes(void **state)
{
    (void)state;
    struct instance_ref refs[3] = {{.size = INT64_MAX}, {.size = INT64_MAX}, {.size = -5}};
    assert_int_equal(retrieve_batch(refs, 3, 100), 1);
    assert_int_equal(retrieve_batch(refs + 2, 1, 100), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_status_follows_the_outcome_of_all),
        cmocka_unit_test(remaining_is_in_pending_and_cancel_only),
        cmocka_unit_test(warnings_are_those_of_the_standard),
        cmocka_unit_test(failed_list_is_padded_to_even_length),
        cmocka_unit_test(failed_list_follows_the_transfer_syntax),
        cmocka_unit_test(batch_stays_below_its_octets),
        cmocka_unit_test(batch_stays_below_its_count),
        cmocka_unit_test(batch_survives_absurd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
