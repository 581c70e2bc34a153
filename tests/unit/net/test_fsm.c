/* SPDX-License-Identifier: Apache-2.0
 *
 * Every cell of PS3.8 table 9-10, against the table written down a second time, as text, in the layout
 * of the standard: one line per event, one word per state, "." for an empty cell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/fsm.h"

/* clang-format off */
static const struct {
    enum ul_event event;
    const char *cells; /* Sta1 .. Sta13: action/next or action/next|other */
} expected[] = {
    /*                             1       2              3       4       5       6       7             8       9       10       11      12      13 */
    {UL_EV_LOCAL_ASSOCIATE_RQ,   "AE-1/4  .              .       .       .       .       .             .       .       .        .       .       ."},
    {UL_EV_TRANSPORT_CONFIRM,    ".       .              .       AE-2/5  .       .       .             .       .       .        .       .       ."},
    {UL_EV_AC_RECEIVED,          ".       AA-1/13        AA-8/13 .       AE-3/6  AA-8/13 AA-8/13       AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13"},
    {UL_EV_RJ_RECEIVED,          ".       AA-1/13        AA-8/13 .       AE-4/1  AA-8/13 AA-8/13       AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13"},
    {UL_EV_TRANSPORT_INDICATION, "AE-5/2  .              .       .       .       .       .             .       .       .        .       .       ."},
    {UL_EV_RQ_RECEIVED,          ".       AE-6/3|13      AA-8/13 .       AA-8/13 AA-8/13 AA-8/13       AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-7/13"},
    {UL_EV_LOCAL_ACCEPT,         ".       .              AE-7/6  .       .       .       .             .       .       .        .       .       ."},
    {UL_EV_LOCAL_REJECT,         ".       .              AE-8/13 .       .       .       .             .       .       .        .       .       ."},
    {UL_EV_LOCAL_PDATA,          ".       .              .       .       .       DT-1/6  .             AR-7/8  .       .        .       .       ."},
    {UL_EV_PDATA_RECEIVED,       ".       AA-1/13        AA-8/13 .       AA-8/13 DT-2/6  AR-6/7        AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13"},
    {UL_EV_LOCAL_RELEASE_RQ,     ".       .              .       .       .       AR-1/7  .             .       .       .        .       .       ."},
    {UL_EV_RELEASE_RQ_RECEIVED,  ".       AA-1/13        AA-8/13 .       AA-8/13 AR-2/8  AR-8/9|10     AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-6/13"},
    {UL_EV_RELEASE_RP_RECEIVED,  ".       AA-1/13        AA-8/13 .       AA-8/13 AA-8/13 AR-3/1        AA-8/13 AA-8/13 AR-10/12 AR-3/1  AA-8/13 AA-6/13"},
    {UL_EV_LOCAL_RELEASE_RP,     ".       .              .       .       .       .       .             AR-4/13 AR-9/11 .        .       AR-4/13 ."},
    {UL_EV_LOCAL_ABORT,          ".       .              AA-1/13 AA-2/1  AA-1/13 AA-1/13 AA-1/13       AA-1/13 AA-1/13 AA-1/13  AA-1/13 AA-1/13 ."},
    {UL_EV_ABORT_RECEIVED,       ".       AA-2/1         AA-3/1  .       AA-3/1  AA-3/1  AA-3/1        AA-3/1  AA-3/1  AA-3/1   AA-3/1  AA-3/1  AA-2/1"},
    {UL_EV_TRANSPORT_CLOSED,     ".       AA-5/1         AA-4/1  AA-4/1  AA-4/1  AA-4/1  AA-4/1        AA-4/1  AA-4/1  AA-4/1   AA-4/1  AA-4/1  AR-5/1"},
    {UL_EV_ARTIM_EXPIRED,        ".       AA-2/1         .       .       .       .       .             .       .       .        .       .       AA-2/1"},
    {UL_EV_INVALID_PDU,          ".       AA-1/13        AA-8/13 .       AA-8/13 AA-8/13 AA-8/13       AA-8/13 AA-8/13 AA-8/13  AA-8/13 AA-8/13 AA-7/13"},
};
/* clang-format on */

static const char *action_name(enum ul_action action)
{
    static const char *const names[UL_ACTION_END] = {
        [UL_ACTION_INVALID] = "none", [UL_AE_1] = "AE-1", [UL_AE_2] = "AE-2", [UL_AE_3] = "AE-3",
        [UL_AE_4] = "AE-4",           [UL_AE_5] = "AE-5", [UL_AE_6] = "AE-6", [UL_AE_7] = "AE-7",
        [UL_AE_8] = "AE-8",           [UL_DT_1] = "DT-1", [UL_DT_2] = "DT-2", [UL_AR_1] = "AR-1",
        [UL_AR_2] = "AR-2",           [UL_AR_3] = "AR-3", [UL_AR_4] = "AR-4", [UL_AR_5] = "AR-5",
        [UL_AR_6] = "AR-6",           [UL_AR_7] = "AR-7", [UL_AR_8] = "AR-8", [UL_AR_9] = "AR-9",
        [UL_AR_10] = "AR-10",         [UL_AA_1] = "AA-1", [UL_AA_2] = "AA-2", [UL_AA_3] = "AA-3",
        [UL_AA_4] = "AA-4",           [UL_AA_5] = "AA-5", [UL_AA_6] = "AA-6", [UL_AA_7] = "AA-7",
        [UL_AA_8] = "AA-8",
    };
    assert_in_range(action, UL_ACTION_INVALID, UL_ACTION_END - 1);
    return names[action];
}

static void step_text(enum ul_state state, enum ul_event event, char out[32])
{
    struct ul_step step = fsm_step(state, event);
    if (step.action == UL_ACTION_INVALID) {
        assert_int_equal(step.next, state);
        assert_int_equal(step.other, 0);
        snprintf(out, 32, ".");
    } else if (step.other != 0) {
        snprintf(out, 32, "%s/%d|%d", action_name(step.action), step.next, step.other);
    } else {
        snprintf(out, 32, "%s/%d", action_name(step.action), step.next);
    }
}

static void every_cell_is_as_in_table_9_10(void **fixture)
{
    (void)fixture;
    unsigned cells = 0;
    assert_int_equal(sizeof(expected) / sizeof(expected[0]), UL_EVENT_END);
    for (unsigned e = 0; e < UL_EVENT_END; e++) {
        char line[512];
        char *save = NULL;
        assert_int_equal(expected[e].event, e);
        snprintf(line, sizeof(line), "%s", expected[e].cells);
        char *word = strtok_r(line, " ", &save);
        for (int s = UL_STA1; s < UL_STATE_END; s++, word = strtok_r(NULL, " ", &save)) {
            char got[32];
            step_text((enum ul_state)s, (enum ul_event)e, got);
            assert_non_null(word);
            if (strcmp(got, word) != 0) {
                fail_msg("%s in %s: %s, not %s", ul_event_name((enum ul_event)e),
                         ul_state_name((enum ul_state)s), got, word);
            }
            cells++;
        }
        assert_null(word);
    }
    assert_int_equal(cells, 13 * 19);
}

static void values_out_of_range_are_invalid_events(void **fixture)
{
    (void)fixture;
    assert_int_equal(fsm_step((enum ul_state)0, UL_EV_LOCAL_ABORT).action, UL_ACTION_INVALID);
    assert_int_equal(fsm_step((enum ul_state)99, UL_EV_LOCAL_ABORT).action, UL_ACTION_INVALID);
    assert_int_equal(fsm_step(UL_STA6, (enum ul_event)99).action, UL_ACTION_INVALID);
    assert_int_equal(fsm_step(UL_STA6, (enum ul_event) - 1).action, UL_ACTION_INVALID);
}

static void everything_has_a_name_of_its_own(void **fixture)
{
    (void)fixture;
    for (int s = UL_STA1; s < UL_STATE_END; s++) {
        char want[8];
        snprintf(want, sizeof(want), "Sta%d", s);
        assert_string_equal(ul_state_name((enum ul_state)s), want);
    }
    for (int a = 0; a < UL_EVENT_END; a++) {
        for (int b = a + 1; b < UL_EVENT_END; b++) {
            assert_string_not_equal(ul_event_name((enum ul_event)a),
                                    ul_event_name((enum ul_event)b));
        }
    }
    assert_string_equal(ul_state_name((enum ul_state)0), "no state");
    assert_string_equal(ul_event_name((enum ul_event)77), "no event");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_in_table_9_10),
        cmocka_unit_test(values_out_of_range_are_invalid_events),
        cmocka_unit_test(everything_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
