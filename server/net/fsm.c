/* SPDX-License-Identifier: Apache-2.0
 *
 * net/fsm: PS3.8 table 9-10 as a constant.
 *
 * One row per event, one cell per state, in the order of the standard, so that the two can be laid side
 * by side. An empty cell is a zero and means: this event cannot happen there; the machine stays.
 *
 *   acceptor:   1 -> 2 -> 3 -> 6 -> 8 -> 13 -> 1          requestor:  1 -> 4 -> 5 -> 6 -> 7 -> 1
 *   collision, requestor: 7 -> 9 -> 11 -> 1               collision, acceptor: 7 -> 10 -> 12 -> 13 -> 1
 *   any abort or error:   -> 13 (we sent A-ABORT)         or -> 1 (the peer did, or the transport went)
 *
 * The table is the only place that knows the order of PDUs; the actions live in actions.c. DCMTK's
 * table does I/O in its cells, which makes it untestable; here a test walks every cell.
 */
#include "net/fsm.h"

/* clang-format off */
#define GO(action_, next_)          {UL_##action_, UL_STA##next_, 0}
#define EITHER(action_, one, other) {UL_##action_, UL_STA##one, UL_STA##other}

static const struct ul_step table[UL_EVENT_END][UL_STATE_END] = {
    [UL_EV_LOCAL_ASSOCIATE_RQ]   = {[UL_STA1] = GO(AE_1, 4)},
    [UL_EV_TRANSPORT_CONFIRM]    = {[UL_STA4] = GO(AE_2, 5)},
    [UL_EV_AC_RECEIVED] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AE_3, 6),
        [UL_STA6]  = GO(AA_8, 13), [UL_STA7]  = GO(AA_8, 13), [UL_STA8]  = GO(AA_8, 13),
        [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AA_8, 13), [UL_STA11] = GO(AA_8, 13),
        [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_6, 13),
    },
    [UL_EV_RJ_RECEIVED] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AE_4, 1),
        [UL_STA6]  = GO(AA_8, 13), [UL_STA7]  = GO(AA_8, 13), [UL_STA8]  = GO(AA_8, 13),
        [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AA_8, 13), [UL_STA11] = GO(AA_8, 13),
        [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_6, 13),
    },
    [UL_EV_TRANSPORT_INDICATION] = {[UL_STA1] = GO(AE_5, 2)},
    [UL_EV_RQ_RECEIVED] = {
        [UL_STA2]  = EITHER(AE_6, 3, 13),
        [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AA_8, 13), [UL_STA6]  = GO(AA_8, 13),
        [UL_STA7]  = GO(AA_8, 13), [UL_STA8]  = GO(AA_8, 13), [UL_STA9]  = GO(AA_8, 13),
        [UL_STA10] = GO(AA_8, 13), [UL_STA11] = GO(AA_8, 13), [UL_STA12] = GO(AA_8, 13),
        [UL_STA13] = GO(AA_7, 13),
    },
    [UL_EV_LOCAL_ACCEPT] = {[UL_STA3] = GO(AE_7, 6)},
    [UL_EV_LOCAL_REJECT] = {[UL_STA3] = GO(AE_8, 13)},
    [UL_EV_LOCAL_PDATA]  = {[UL_STA6] = GO(DT_1, 6), [UL_STA8] = GO(AR_7, 8)},
    [UL_EV_PDATA_RECEIVED] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AA_8, 13),
        [UL_STA6]  = GO(DT_2, 6),  [UL_STA7]  = GO(AR_6, 7),  [UL_STA8]  = GO(AA_8, 13),
        [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AA_8, 13), [UL_STA11] = GO(AA_8, 13),
        [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_6, 13),
    },
    [UL_EV_LOCAL_RELEASE_RQ] = {[UL_STA6] = GO(AR_1, 7)},
    [UL_EV_RELEASE_RQ_RECEIVED] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AA_8, 13),
        [UL_STA6]  = GO(AR_2, 8),  [UL_STA7]  = EITHER(AR_8, 9, 10),
        [UL_STA8]  = GO(AA_8, 13), [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AA_8, 13),
        [UL_STA11] = GO(AA_8, 13), [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_6, 13),
    },
    [UL_EV_RELEASE_RP_RECEIVED] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AA_8, 13),
        [UL_STA6]  = GO(AA_8, 13), [UL_STA7]  = GO(AR_3, 1),  [UL_STA8]  = GO(AA_8, 13),
        [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AR_10, 12), [UL_STA11] = GO(AR_3, 1),
        [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_6, 13),
    },
    [UL_EV_LOCAL_RELEASE_RP] = {
        [UL_STA8]  = GO(AR_4, 13), [UL_STA9]  = GO(AR_9, 11), [UL_STA12] = GO(AR_4, 13),
    },
    [UL_EV_LOCAL_ABORT] = {
        [UL_STA3]  = GO(AA_1, 13), [UL_STA4]  = GO(AA_2, 1),  [UL_STA5]  = GO(AA_1, 13),
        [UL_STA6]  = GO(AA_1, 13), [UL_STA7]  = GO(AA_1, 13), [UL_STA8]  = GO(AA_1, 13),
        [UL_STA9]  = GO(AA_1, 13), [UL_STA10] = GO(AA_1, 13), [UL_STA11] = GO(AA_1, 13),
        [UL_STA12] = GO(AA_1, 13),
    },
    [UL_EV_ABORT_RECEIVED] = {
        [UL_STA2]  = GO(AA_2, 1),  [UL_STA3]  = GO(AA_3, 1),  [UL_STA5]  = GO(AA_3, 1),
        [UL_STA6]  = GO(AA_3, 1),  [UL_STA7]  = GO(AA_3, 1),  [UL_STA8]  = GO(AA_3, 1),
        [UL_STA9]  = GO(AA_3, 1),  [UL_STA10] = GO(AA_3, 1),  [UL_STA11] = GO(AA_3, 1),
        [UL_STA12] = GO(AA_3, 1),  [UL_STA13] = GO(AA_2, 1),
    },
    [UL_EV_TRANSPORT_CLOSED] = {
        [UL_STA2]  = GO(AA_5, 1),  [UL_STA3]  = GO(AA_4, 1),  [UL_STA4]  = GO(AA_4, 1),
        [UL_STA5]  = GO(AA_4, 1),  [UL_STA6]  = GO(AA_4, 1),  [UL_STA7]  = GO(AA_4, 1),
        [UL_STA8]  = GO(AA_4, 1),  [UL_STA9]  = GO(AA_4, 1),  [UL_STA10] = GO(AA_4, 1),
        [UL_STA11] = GO(AA_4, 1),  [UL_STA12] = GO(AA_4, 1),  [UL_STA13] = GO(AR_5, 1),
    },
    [UL_EV_ARTIM_EXPIRED] = {[UL_STA2] = GO(AA_2, 1), [UL_STA13] = GO(AA_2, 1)},
    [UL_EV_INVALID_PDU] = {
        [UL_STA2]  = GO(AA_1, 13), [UL_STA3]  = GO(AA_8, 13), [UL_STA5]  = GO(AA_8, 13),
        [UL_STA6]  = GO(AA_8, 13), [UL_STA7]  = GO(AA_8, 13), [UL_STA8]  = GO(AA_8, 13),
        [UL_STA9]  = GO(AA_8, 13), [UL_STA10] = GO(AA_8, 13), [UL_STA11] = GO(AA_8, 13),
        [UL_STA12] = GO(AA_8, 13), [UL_STA13] = GO(AA_7, 13),
    },
};
/* clang-format on */

struct ul_step fsm_step(enum ul_state state, enum ul_event event)
{
    struct ul_step step = {UL_ACTION_INVALID, state, 0};
    if (state >= UL_STA1 && state < UL_STATE_END && (unsigned)event < UL_EVENT_END &&
        table[event][state].action != UL_ACTION_INVALID) {
        step = table[event][state];
    }
    return step;
}

const char *ul_state_name(enum ul_state state)
{
    static const char *const names[UL_STATE_END] = {
        [UL_STA1] = "Sta1",   [UL_STA2] = "Sta2",   [UL_STA3] = "Sta3",   [UL_STA4] = "Sta4",
        [UL_STA5] = "Sta5",   [UL_STA6] = "Sta6",   [UL_STA7] = "Sta7",   [UL_STA8] = "Sta8",
        [UL_STA9] = "Sta9",   [UL_STA10] = "Sta10", [UL_STA11] = "Sta11", [UL_STA12] = "Sta12",
        [UL_STA13] = "Sta13",
    };
    return state >= UL_STA1 && state < UL_STATE_END ? names[state] : "no state";
}

const char *ul_event_name(enum ul_event event)
{
    static const char *const names[UL_EVENT_END] = {
        [UL_EV_LOCAL_ASSOCIATE_RQ] = "local associate request",
        [UL_EV_TRANSPORT_CONFIRM] = "transport connected",
        [UL_EV_AC_RECEIVED] = "A-ASSOCIATE-AC received",
        [UL_EV_RJ_RECEIVED] = "A-ASSOCIATE-RJ received",
        [UL_EV_TRANSPORT_INDICATION] = "transport accepted",
        [UL_EV_RQ_RECEIVED] = "A-ASSOCIATE-RQ received",
        [UL_EV_LOCAL_ACCEPT] = "local accept",
        [UL_EV_LOCAL_REJECT] = "local reject",
        [UL_EV_LOCAL_PDATA] = "local data",
        [UL_EV_PDATA_RECEIVED] = "P-DATA-TF received",
        [UL_EV_LOCAL_RELEASE_RQ] = "local release request",
        [UL_EV_RELEASE_RQ_RECEIVED] = "A-RELEASE-RQ received",
        [UL_EV_RELEASE_RP_RECEIVED] = "A-RELEASE-RP received",
        [UL_EV_LOCAL_RELEASE_RP] = "local release response",
        [UL_EV_LOCAL_ABORT] = "local abort",
        [UL_EV_ABORT_RECEIVED] = "A-ABORT received",
        [UL_EV_TRANSPORT_CLOSED] = "transport closed",
        [UL_EV_ARTIM_EXPIRED] = "ARTIM expired",
        [UL_EV_INVALID_PDU] = "invalid PDU received",
    };
    return (unsigned)event < UL_EVENT_END ? names[event] : "no event";
}
