/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/soak/wire: DICOM as octets: the association request, messages as PDUs (PS3.8 9.3, PS3.7 6.3), elements
 * (PS3.5 7.1). No sockets. Written for this test alone; nothing is shared with the server, so that both do not
 * make the same mistake.
 */
#ifndef SOAK_WIRE_H
#define SOAK_WIRE_H

#include <stdbool.h>

#include "octets.h"

enum { PDU_RQ = 1, PDU_AC, PDU_RJ, PDU_DATA, PDU_RELEASE_RQ, PDU_RELEASE_RP, PDU_ABORT };
enum {
    C_STORE = 0x0001,
    C_GET = 0x0010,
    C_FIND = 0x0020,
    C_MOVE = 0x0021,
    C_ECHO = 0x0030,
    C_CANCEL = 0x0FFF,
    RESPONSE = 0x8000,
    NO_DATASET = 0x0101,
    PENDING = 0xFF00,
    PENDING_OPTIONAL = 0xFF01,
    CANCELLED = 0xFE00,
};
#define UID_ECHO "1.2.840.10008.1.1"
#define UID_CT   "1.2.840.10008.5.1.4.1.1.200.1"
#define UID_XA   "1.2.840.10008.5.1.4.1.1.200.7"
#define UID_FIND "1.2.840.10008.5.1.4.20.1"
#define UID_MOVE "1.2.840.10008.5.1.4.20.2"
#define UID_GET  "1.2.840.10008.5.1.4.20.3"

enum syntax { EXPLICIT, IMPLICIT, DEFLATED, SYNTAXES };
extern const char *const syntax_uids[SYNTAXES];

/* ---- associations ---- */

struct context {
    uint8_t id;
    const char *abstract_syntax;
    enum syntax syntax;
};
enum {
    CTX_ECHO = 1,
    CTX_FIND = 3,
    CTX_CT = 5,
    CTX_XA = 7,
    CTX_GET = 9,
    CTX_MOVE = 11,
    CTX_CT_IMPLICIT = 13,
    CTX_CT_DEFLATED = 15,
    CTX_XA_IMPLICIT = 17,
    CTX_XA_DEFLATED = 19,
    CTX_FIND_IMPLICIT = 21,
};
extern const struct context every_context[]; /* of the above, ends with id 0 */
const struct context *context_of(uint8_t id);

struct proposal {
    const char *called, *calling;
    const struct context *contexts; /* ends with id 0 */
    unsigned window;                /* asynchronous operations, 0 = none offered */
    unsigned protocol_version;
    const char *application_context;
    uint32_t max_length;
};
void put_associate_request(struct octets *o, const struct proposal *p);
/* PDUs with four octets of body: release, abort, reject. */
void put_small_pdu(struct octets *o, unsigned type, unsigned octet2, unsigned octet3,
                   unsigned octet4);

/* ---- messages ---- */

enum { WITHOUT_ID = 1, WITHOUT_CLASS = 2 };

struct command {
    uint16_t field;
    uint16_t id; /* (0000,0110) of a request, (0000,0120) of a response or cancel */
    uint16_t status;
    bool has_dataset;
    unsigned omit;
    const char *sop_class, *sop_instance, *destination;
};
void put_command(struct octets *o, const struct command *c); /* the command set alone */
/* One P-DATA-TF with one PDV. */
void put_pdv(struct octets *o, uint8_t context, bool is_command, bool is_last, const void *fragment,
             size_t len);
/* A whole message, in fragments that fit max_length; small ones in one PDU where together says so. */
void put_message(struct octets *o, uint8_t context, const struct command *c,
                 const struct octets *data, uint32_t max_length, bool together);

/* What of a received command set is looked at. */
struct received {
    uint16_t field, id, status, dataset, remaining, completed, failed, warning, originator_id;
    bool has_remaining;
    char sop_class[65], sop_instance[65], originator[17], comment[65];
};
bool parse_command(const uint8_t *data, size_t len, struct received *out);

/* ---- data sets ---- */

void put_element(struct octets *o, enum syntax s, uint32_t tag, const char *vr, const void *value,
                 size_t len);
void put_text(struct octets *o, enum syntax s, uint32_t tag, const char *vr, const char *text);
/* Sequences and items: what is returned is given back to set_le32 when all is in. */
size_t open_sequence(struct octets *o, enum syntax s, uint32_t tag);
size_t open_item(struct octets *o);
/* The value of a top-level element in front of all sequences, as text; false = not there. */
bool find_text(const uint8_t *data, size_t len, enum syntax s, uint32_t tag, char *out,
               size_t room);

#endif
