/* SPDX-License-Identifier: Apache-2.0
 *
 * net/negotiate: the acceptor's answer to presentation contexts, roles and extended negotiation.
 *
 * Pure: the request and a policy in, the answer out (PS3.8 9.3.3, PS3.7 D.3.3). Knows no SOP class: the
 * service layer's table says what is served.
 */
#ifndef NET_NEGOTIATE_H
#define NET_NEGOTIATE_H

#include "core/arena.h"
#include "net/pdu.h"

/* What the acceptor grants for one abstract syntax. */
struct negotiate_rule {
    const char *abstract_syntax;
    bool as_scp; /* the peer may be SCU, as it is by default */
    bool as_scu; /* we may be SCU where the peer takes the SCP role by role selection (C-GET) */
    bool denied; /* served, but not to this peer: result 1 */
    /* Transfer syntaxes in order of our preference, NULL-terminated. The first that the peer offers in
     * the context is taken. */
    const char *const *transfer_syntaxes;
    /* Answer to extended negotiation: bits granted, octet by octet, in the length offered (at most 8
     * octets); NULL = give no answer item. */
    const uint8_t *extended_mask;
    unsigned extended_bytes;
};

struct negotiate_policy {
    const struct negotiate_rule *rules;
    unsigned rule_count;
    uint16_t
        max_ops_performed; /* answer to an offered asynchronous window: we perform at most these */
    uint16_t max_ops_invoked; /* and invoke at most these; 0 = as offered */
};

/* Strings of the answer are borrowed from rq and policy; arrays live in the arena. Fails with RC_INVALID
 * for duplicate or even context ids (the caller aborts, invalid parameter), RC_NOMEM past the arena. */
MUST_CHECK enum rc negotiate_answer(const struct pdu_associate *rq,
                                    const struct negotiate_policy *policy, struct arena *arena,
                                    struct pdu_associate *ac, struct err *err);

#endif
