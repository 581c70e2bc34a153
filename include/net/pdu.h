/* SPDX-License-Identifier: Apache-2.0
 *
 * net/pdu: the seven PDUs of PS3.8 9.3 and all their items, as plain values.
 *
 * Pure: octets in, values out, and back. A decoder checks every length before it uses it and requires
 * that a body is consumed exactly; unknown items are skipped (PS3.8 9.3.1). Strings and arrays of a
 * decoded value live in the arena given; for encoding they are borrowed.
 */
#ifndef NET_PDU_H
#define NET_PDU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "core/metrics.h"

enum pdu_type {
    PDU_ASSOCIATE_RQ = 0x01,
    PDU_ASSOCIATE_AC = 0x02,
    PDU_ASSOCIATE_RJ = 0x03,
    PDU_P_DATA_TF = 0x04,
    PDU_RELEASE_RQ = 0x05,
    PDU_RELEASE_RP = 0x06,
    PDU_ABORT = 0x07,
};

enum {
    PDU_HEADER_BYTES = 6,
    PDV_HEADER_BYTES = 6,
    PDU_MAX_CONTEXTS = 128,
    AET_MAX = 16,
    UID_MAX = 64
};

/* PS3.8 9.3.3.2, result of a presentation context */
enum pc_result {
    PC_ACCEPTED = 0,
    PC_USER_REJECTION = 1,
    PC_NO_REASON = 2,
    PC_ABSTRACT_SYNTAX_NOT_SUPPORTED = 3,
    PC_TRANSFER_SYNTAXES_NOT_SUPPORTED = 4,
};

/* PS3.8 9.3.2.2 (RQ: abstract syntax and all transfer syntaxes) and 9.3.3.2 (AC: result and one) */
struct pdu_context {
    uint8_t id;
    uint8_t result;
    const char *abstract_syntax; /* NULL in an AC */
    const char **transfer_syntaxes;
    unsigned transfer_syntax_count;
};

/* PS3.7 D.3.3.4 */
struct pdu_role {
    const char *sop_class;
    uint8_t scu;
    uint8_t scp;
};

/* PS3.7 D.3.3.5 */
struct pdu_extended {
    const char *sop_class;
    struct span info; /* service-class-application-information */
};

/* PS3.7 D.3.3.6 */
struct pdu_common_extended {
    const char *sop_class;
    const char *service_class;
    const char **related_general;
    unsigned related_general_count;
};

/* PS3.7 D.3.3.7; secrets: never logged */
struct pdu_user_identity {
    uint8_t type; /* 1 user name .. 5 JWT */
    bool response_requested;
    struct span primary;
    struct span secondary;
};

/* A-ASSOCIATE-RQ and -AC */
struct pdu_associate {
    uint16_t protocol_version;
    char called_aet[AET_MAX + 1];    /* without padding */
    char calling_aet[AET_MAX + 1];   /* without padding */
    uint8_t echoed[64];              /* octets 11-74 as received; an AC sends the RQ's back */
    const char *application_context; /* NULL = absent */
    struct pdu_context *contexts;
    unsigned context_count;
    bool has_max_length;
    uint32_t max_length;                  /* 0 = unlimited */
    const char *implementation_class_uid; /* NULL = absent (mandatory, but tolerated) */
    const char *implementation_version;   /* NULL = absent */
    bool has_async_window;
    uint16_t max_ops_invoked;
    uint16_t max_ops_performed;
    struct pdu_role *roles;
    unsigned role_count;
    struct pdu_extended *extended;
    unsigned extended_count;
    struct pdu_common_extended *common_extended;
    unsigned common_extended_count;
    bool has_user_identity;
    struct pdu_user_identity user_identity;
    bool has_user_identity_ac;
    struct span user_identity_response; /* AC only, PS3.7 D.3.3.7.2 */
};

/* PS3.8 9.3.4 */
struct pdu_reject {
    uint8_t result;
    uint8_t source;
    uint8_t reason;
};

/* PS3.8 9.3.8 */
struct pdu_abort {
    uint8_t source;
    uint8_t reason;
};

enum { ABORT_SOURCE_USER = 0, ABORT_SOURCE_PROVIDER = 2 };
enum abort_reason {
    ABORT_NOT_SPECIFIED = 0,
    ABORT_UNRECOGNIZED_PDU = 1,
    ABORT_UNEXPECTED_PDU = 2,
    ABORT_UNRECOGNIZED_PARAMETER = 4,
    ABORT_UNEXPECTED_PARAMETER = 5,
    ABORT_INVALID_PARAMETER = 6,
};

/* One presentation data value, PS3.8 9.3.5.1 and Annex E.2 */
struct pdu_pdv {
    uint8_t context_id;
    bool is_command;
    bool is_last;
    struct span fragment; /* borrowed from the PDU's octets */
};

/* The header of a PDU: PDU_HEADER_BYTES with type and body length set, or 0 = more octets needed, or
 * RC_INVALID for an unknown type. The caller compares *body_bytes with its limits before waiting. */
ssize_t pdu_decode_header(struct span octets, enum pdu_type *type, uint32_t *body_bytes);

/* Bodies, without the header. RC_INVALID: malformed; RC_NOMEM: larger than the arena allows. Context
 * ids, versions and titles are taken as they come: judging them is negotiation. */
MUST_CHECK enum rc pdu_decode_associate(struct span body, enum pdu_type type, struct arena *arena,
                                        struct pdu_associate *out, struct err *err);
MUST_CHECK enum rc pdu_decode_reject(struct span body, struct pdu_reject *out, struct err *err);
MUST_CHECK enum rc pdu_decode_abort(struct span body, struct pdu_abort *out, struct err *err);
MUST_CHECK enum rc pdu_decode_release(struct span body, struct err *err);
/* The header of a PDV, for a body that is read as it arrives and of which rest_bytes are left:
 * PDV_HEADER_BYTES with out (but no fragment) and *fragment_bytes set, 0 = more octets needed, or a
 * negative rc. */
ssize_t pdu_decode_pdv_header(struct span octets, uint32_t rest_bytes, struct pdu_pdv *out,
                              uint32_t *fragment_bytes, struct err *err);

/* Whole PDUs, header included, appended to out (check buf_status). */
void pdu_encode_associate(struct buf *out, enum pdu_type type, const struct pdu_associate *a);
void pdu_encode_reject(struct buf *out, const struct pdu_reject *rj);
void pdu_encode_abort(struct buf *out, const struct pdu_abort *ab);
void pdu_encode_release(struct buf *out, enum pdu_type type);
/* The two headers of a P-DATA-TF: of the PDU, and before each fragment in it. */
void pdu_encode_pdata_header(uint8_t out[PDU_HEADER_BYTES], uint32_t body_bytes);
void pdu_encode_pdv_header(uint8_t out[PDV_HEADER_BYTES], uint8_t context_id, bool is_command,
                           bool is_last, uint32_t fragment_bytes);
/* Both, for a P-DATA-TF with one PDV. */
void pdu_encode_pdata_prefix(uint8_t out[PDU_HEADER_BYTES + PDV_HEADER_BYTES], uint8_t context_id,
                             bool is_command, bool is_last, uint32_t fragment_bytes);

/* "A-ASSOCIATE-RQ" ...; "unknown PDU" for other values. */
const char *pdu_type_name(unsigned type);
/* "rejected permanently by the service user: called AE title not recognised" */
const char *pdu_reject_text(const struct pdu_reject *rj);
const char *pdu_abort_text(const struct pdu_abort *ab);

/* What a peer speaks whose first octets are no PDU; TALK_noise when they are not recognised. A few octets are
 * enough. */
enum talk pdu_foreign_protocol(struct span first_octets);

#endif
