/* SPDX-License-Identifier: Apache-2.0
 *
 * net/reject: every reason for which we reject an association (PS3.8 table 9-21), once: those that the Upper Layer
 * finds and those of the services above. The conformance statement prints the list.
 */
#ifndef NET_REJECT_H
#define NET_REJECT_H

#include "net/pdu.h"

/* X(id, result, source, reason, when) */
/* clang-format off */
#define REJECTS_LIST(X) \
    X(CONTEXT_NAME, 1, 1, 2, "application context name not supported") \
    X(CALLING, 1, 1, 3, \
      "calling AE title malformed, without a row where `unknown-ae` does not let it in, or with rows for other source addresses only") \
    X(CALLED, 1, 1, 7, "called AE title malformed or not recognized") \
    X(MAX_LENGTH, 1, 2, 1, "the requester's maximum PDU length is less than 64 octets") \
    X(VERSION, 1, 2, 2, "protocol version not supported") \
    X(CONTEXTS, 1, 3, 2, "more presentation contexts than `max-contexts`") \
    X(CONGESTION, 2, 3, 1, "the database cannot be asked for the calling AE title; try again later") \
    X(LIMIT, 2, 3, 2, "too many associations, or the server is stopping; try again later")
/* clang-format on */

enum reject {
#define X(id, result, source, reason, when) REJECT_##id,
    REJECTS_LIST(X)
#undef X
        REJECT_COUNT
};

struct reject_row {
    struct pdu_reject code;
    const char *when;
};
const struct reject_row *reject_of(enum reject why);
enum reject reject_find(const struct pdu_reject *code); /* of a code of the table */

#endif
