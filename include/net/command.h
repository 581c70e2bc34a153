/* SPDX-License-Identifier: Apache-2.0
 *
 * net/command: DIMSE command sets (PS3.7 chapter 9, 10.3 and Annex E) as plain values.
 *
 * Pure codec. Command sets are always Implicit VR Little Endian with ascending tags and the group
 * length first (PS3.7 6.3.1). The decoder accepts any order-preserving set within its size, ignores
 * elements it does not know, and reports elements of wrong length or value as RC_INVALID with the tag
 * (status 0212).
 */
#ifndef NET_COMMAND_H
#define NET_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "net/pdu.h"

enum dimse_field {
    DIMSE_C_STORE_RQ = 0x0001,
    DIMSE_C_STORE_RSP = 0x8001,
    DIMSE_C_GET_RQ = 0x0010,
    DIMSE_C_GET_RSP = 0x8010,
    DIMSE_C_FIND_RQ = 0x0020,
    DIMSE_C_FIND_RSP = 0x8020,
    DIMSE_C_MOVE_RQ = 0x0021,
    DIMSE_C_MOVE_RSP = 0x8021,
    DIMSE_C_ECHO_RQ = 0x0030,
    DIMSE_C_ECHO_RSP = 0x8030,
    DIMSE_C_CANCEL_RQ = 0x0FFF,
};
enum { DIMSE_RESPONSE_BIT = 0x8000, DIMSE_NO_DATASET = 0x0101, DIMSE_HAS_DATASET = 0x0001 };

/* Which optional members are set. */
enum {
    CMD_HAS_SOP_CLASS = 1 << 0,
    CMD_HAS_MESSAGE_ID = 1 << 1,
    CMD_HAS_RESPONDED_ID = 1 << 2,
    CMD_HAS_PRIORITY = 1 << 3,
    CMD_HAS_STATUS = 1 << 4,
    CMD_HAS_SOP_INSTANCE = 1 << 5,
    CMD_HAS_DESTINATION = 1 << 6,
    CMD_HAS_ORIGINATOR = 1 << 7, /* AE title and Message ID of the C-MOVE */
    CMD_HAS_REMAINING = 1 << 8,
    CMD_HAS_COUNTS = 1 << 9, /* completed, failed, warning */
    CMD_HAS_OFFENDING = 1 << 10,
    CMD_HAS_COMMENT = 1 << 11,
};

struct dimse_command {
    uint16_t field; /* enum dimse_field, or what the peer sent */
    unsigned has;
    char sop_class[UID_MAX + 1];      /* (0000,0002) */
    uint16_t message_id;              /* (0000,0110) */
    uint16_t responded_id;            /* (0000,0120) */
    uint16_t priority;                /* (0000,0700) */
    bool has_dataset;                 /* (0000,0800) is not 0101H */
    uint16_t status;                  /* (0000,0900) */
    uint32_t offending;               /* (0000,0901), the first */
    char comment[65];                 /* (0000,0902), at most 64 characters are sent */
    char sop_instance[UID_MAX + 1];   /* (0000,1000) */
    char destination[AET_MAX + 1];    /* (0000,0600) */
    char originator_aet[AET_MAX + 1]; /* (0000,1030) */
    uint16_t originator_id;           /* (0000,1031) */
    uint16_t remaining;               /* (0000,1020) */
    uint16_t completed;               /* (0000,1021) */
    uint16_t failed;                  /* (0000,1022) */
    uint16_t warning;                 /* (0000,1023) */
};

/* A whole command set. Octets must be consumed exactly. Fails with the field and message id filled in
 * as far as they could be read, so that an answer is possible. */
MUST_CHECK enum rc command_decode(struct span octets, struct dimse_command *out, struct err *err);
/* Returns the octets used. */
enum { COMMAND_MAX_BYTES = 512 };
size_t command_encode_to(uint8_t out[COMMAND_MAX_BYTES], const struct dimse_command *cmd);

/* A response to rq with this status: SOP class, instance and ids taken over. */
struct dimse_command command_response(const struct dimse_command *rq, uint16_t status);

const char *dimse_field_name(uint16_t field); /* "C-FIND-RQ"; "unknown command" */

#endif
