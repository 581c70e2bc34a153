/* SPDX-License-Identifier: Apache-2.0
 *
 * net/fsm: the Upper Layer state machine of PS3.8 table 9-10, as data.
 *
 * Pure: (state, event) -> (action, next state). The association performs the action. A cell that the
 * standard leaves empty yields UL_ACTION_INVALID and leaves the state; the association logs it as its
 * own fault. Where the outcome chooses (AE-6, AR-8) the cell names the action and the association picks
 * one of the two states with fsm_choose.
 */
#ifndef NET_FSM_H
#define NET_FSM_H

#include <stdbool.h>

enum ul_state {
    UL_STA1 = 1, /* idle */
    UL_STA2,     /* transport open, awaiting A-ASSOCIATE-RQ */
    UL_STA3,     /* awaiting local A-ASSOCIATE response */
    UL_STA4,     /* awaiting transport connection */
    UL_STA5,     /* awaiting A-ASSOCIATE-AC or -RJ */
    UL_STA6,     /* association established, ready for data transfer */
    UL_STA7,     /* awaiting A-RELEASE-RP */
    UL_STA8,     /* awaiting local A-RELEASE response */
    UL_STA9,     /* release collision, requestor: awaiting local response */
    UL_STA10,    /* release collision, acceptor: awaiting A-RELEASE-RP */
    UL_STA11,    /* release collision, requestor: awaiting A-RELEASE-RP */
    UL_STA12,    /* release collision, acceptor: awaiting local response */
    UL_STA13,    /* awaiting transport close */
    UL_STATE_END,
};

enum ul_event {
    UL_EV_LOCAL_ASSOCIATE_RQ = 0,
    UL_EV_TRANSPORT_CONFIRM, /* outbound connection made */
    UL_EV_AC_RECEIVED,
    UL_EV_RJ_RECEIVED,
    UL_EV_TRANSPORT_INDICATION, /* inbound connection */
    UL_EV_RQ_RECEIVED,
    UL_EV_LOCAL_ACCEPT,
    UL_EV_LOCAL_REJECT,
    UL_EV_LOCAL_PDATA,
    UL_EV_PDATA_RECEIVED,
    UL_EV_LOCAL_RELEASE_RQ,
    UL_EV_RELEASE_RQ_RECEIVED,
    UL_EV_RELEASE_RP_RECEIVED,
    UL_EV_LOCAL_RELEASE_RP,
    UL_EV_LOCAL_ABORT,
    UL_EV_ABORT_RECEIVED,
    UL_EV_TRANSPORT_CLOSED,
    UL_EV_ARTIM_EXPIRED,
    UL_EV_INVALID_PDU,
    UL_EVENT_END,
};

/* Actions of PS3.8 tables 9-6 to 9-9. */
enum ul_action {
    UL_ACTION_INVALID = 0,
    UL_AE_1,
    UL_AE_2,
    UL_AE_3,
    UL_AE_4,
    UL_AE_5,
    UL_AE_6,
    UL_AE_7,
    UL_AE_8,
    UL_DT_1,
    UL_DT_2,
    UL_AR_1,
    UL_AR_2,
    UL_AR_3,
    UL_AR_4,
    UL_AR_5,
    UL_AR_6,
    UL_AR_7,
    UL_AR_8,
    UL_AR_9,
    UL_AR_10,
    UL_AA_1,
    UL_AA_2,
    UL_AA_3,
    UL_AA_4,
    UL_AA_5,
    UL_AA_6,
    UL_AA_7,
    UL_AA_8,
    UL_ACTION_END,
};

struct ul_step {
    enum ul_action action;
    enum ul_state next;
    enum ul_state other; /* the second outcome of AE-6 (reject) and AR-8 (acceptor), else 0 */
};

struct ul_step fsm_step(enum ul_state state, enum ul_event event);
const char *ul_state_name(enum ul_state state); /* "Sta6" */
const char *ul_event_name(enum ul_event event); /* "P-DATA-TF received" */

#endif
