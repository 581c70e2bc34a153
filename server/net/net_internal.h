/* SPDX-License-Identifier: Apache-2.0
 *
 * net: the association's insides, shared by assoc.c, actions.c, receive.c, send.c and contexts.c.
 */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

#include "core/stream.h"
#include "net/assoc.h"
#include "net/fsm.h"

enum {
    /* A smaller maximum of the peer is refused, as net/reject.h says: headers would outweigh the data. */
    PEER_MAX_MIN = 64,
    UNLIMITED_PDU_BYTES =
        131072, /* what we send to a peer without a maximum, and at most to others */
    MESSAGES_WHILE_FULL = 64,
};

/* PS3.7 Annex A */
#define NET_APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"
/* Fixed, from a UUID made for dppr; the same as in dcm/uids, which net cannot see. */
#define NET_IMPLEMENTATION_UID     "2.25.268437126379207353213013906482531447121"
#define NET_IMPLEMENTATION_VERSION "DPPR_" DPPR_VERSION

/* What the receiver expects next. */
enum rx_mode {
    RX_HEADER,     /* of a PDU */
    RX_SMALL,      /* the body of RJ, RELEASE-RQ, RELEASE-RP or ABORT */
    RX_ASSOCIATE,  /* the body of RQ or AC, collected in negotiation.body */
    RX_PDV_HEADER, /* or the end of a P-DATA-TF */
    RX_FRAGMENT,
    RX_SKIP, /* a body that nobody wants */
    RX_MODE_END,
};

struct receiver {
    enum rx_mode mode;
    enum pdu_type type;
    uint32_t pdu_left; /* octets of the body to come */
    struct pdu_pdv pdv;
    uint32_t pdv_left;
    /* The message in assembly: its command set, then its data set. */
    bool has_begun;
    uint8_t context_id;
    struct buf command;            /* only what came in more than one piece */
    struct dimse_message *message; /* its data set is awaited */
    bool is_partial;  /* input was left over or a message is unfinished: its deadlines count */
    int64_t begun_ms; /* what is partial, 0 = nothing; while we were choked does not count */
};

/* What is needed only until the association is answered. The peer may end it before the owner has answered:
 * then what the owner was lent stays until on_closed. */
struct negotiation {
    bool is_lent; /* on_request has rq */
    struct arena *arena;
    struct buf body; /* RQ or AC in collection; of a requestor before: the whole RQ to send */
    struct pdu_associate rq; /* received, or a copy of what we sent */
    struct pdu_associate ac; /* received */
};

struct assoc {
    struct loop *loop;
    struct stream *stream;
    struct arena *arena;
    struct assoc_options options;
    struct assoc_callbacks callbacks;
    void *arg;
    uint64_t number;
    struct log_ctx log;
    char called_aet[AET_MAX + 1];
    char calling_aet[AET_MAX + 1];

    enum ul_state state;
    bool is_requestor;
    struct loop_timer *artim;
    struct loop_timer *watch; /* every other deadline, see deadline_of */
    int64_t watch_due_ms;     /* 0 = not set */
    int64_t opened_ms;
    int64_t entered_ms; /* the state */
    int64_t last_input_ms;
    int64_t last_use_ms; /* a message came or went, or the last operation ended */
    int busy;

    struct negotiation *negotiation;
    struct assoc_context *contexts;
    unsigned context_count;
    uint8_t slot_of_id[128]; /* [(id - 1) / 2]: index + 1, 0 = none */
    struct pdu_extended *extended;
    unsigned extended_count;
    uint16_t we_invoke;
    uint16_t peer_invokes;
    uint32_t send_max; /* length field of a P-DATA-TF we send */
    uint16_t last_message_id;

    struct receiver rx;
    bool has_spoken; /* the peer has sent an octet */
    enum talk talk;  /* what it said instead of asking for an association */
    bool is_deaf;    /* framing is lost, or all is said: input is dropped */
    bool is_choked;  /* reading is paused: too many messages while the output is full */
    unsigned taken_while_full;

    struct pdu_reject reject; /* received, or to be sent */
    enum log_level reject_level;
    const struct err *reject_why; /* ours; while it is being sent */
    struct pdu_abort abort;
    bool has_sent_abort;
    bool is_established; /* was it ever */
    bool is_rejected;
    bool is_dropped; /* the owner is gone: no callbacks */
    bool has_why;
    struct err why;
    uint64_t messages_in;
    uint64_t messages_out;
};

/* assoc.c */
void assoc_event(struct assoc *a, enum ul_event event);
/* Why it ends; the first caller wins. */
void assoc_set_why(struct assoc *a, enum rc code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void assoc_set_why_rc(struct assoc *a, const struct err *why);
/* A deadline has passed: counted, and the reason unless there is one. */
void assoc_set_why_limit(struct assoc *a, enum limit limit, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The peer broke the protocol beyond repair, or a limit (why->limit): EV-19. */
void assoc_invalid_pdu(struct assoc *a, enum abort_reason reason, const struct err *why);
/* To Sta1 without a word: the peer does not speak DICOM. */
void assoc_hang_up(struct assoc *a);
/* The peer did not ask for an association: counted and logged, why in words. */
void assoc_wrong_talk(struct assoc *a, enum talk talk, const char *why);
void assoc_rearm(struct assoc *a); /* after whatever may bring a deadline nearer */
void assoc_start_artim(struct assoc *a);
void assoc_forget_negotiation(struct assoc *a);

/* actions.c: performs an action of PS3.8 tables 9-6 to 9-9 and returns the next state; the indication to
 * the owner, which may call back into the association, comes when the state is set. */
enum ul_state assoc_act(struct assoc *a, const struct ul_step *step);
void assoc_tell(struct assoc *a, enum ul_action action);

/* receive.c */
ssize_t assoc_on_data(struct span input, void *arg);
void assoc_forget_input(struct assoc *a);

/* contexts.c */
MUST_CHECK enum rc assoc_settle(struct assoc *a, const struct pdu_associate *rq,
                                const struct pdu_associate *ac, struct err *err);
bool assoc_peer_max_is_usable(const struct pdu_associate *p);

#endif
