/* SPDX-License-Identifier: Apache-2.0
 *
 * service/status: DIMSE statuses and the one table that turns internal results into them.
 */
#ifndef SERVICE_STATUS_H
#define SERVICE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "net/command.h"

enum {
    STATUS_SUCCESS = 0x0000,
    STATUS_INVALID_INSTANCE = 0x0117,
    STATUS_SOP_CLASS_NOT_SUPPORTED = 0x0122,
    STATUS_NOT_AUTHORIZED = 0x0124,
    STATUS_DUPLICATE_INVOCATION = 0x0210,
    STATUS_UNRECOGNIZED_OPERATION = 0x0211,
    STATUS_MISTYPED_ARGUMENT = 0x0212,
    STATUS_OUT_OF_RESOURCES = 0xA700,
    STATUS_CANNOT_COUNT = 0xA701,
    STATUS_CANNOT_PERFORM = 0xA702,
    STATUS_DESTINATION_UNKNOWN = 0xA801,
    STATUS_DATASET_MISMATCH = 0xA900,
    STATUS_WARNING = 0xB000,
    STATUS_STORE_CANNOT_UNDERSTAND = 0xC000,
    STATUS_STORE_UNDECODABLE = 0xC210,
    STATUS_STORE_INTERNAL = 0xC211,
    STATUS_FIND_UNDECODABLE = 0xC310,
    STATUS_FIND_INTERNAL = 0xC311,
    STATUS_FIND_UNENCODABLE = 0xC312,
    STATUS_GET_UNDECODABLE = 0xC410,
    STATUS_GET_INTERNAL = 0xC411,
    STATUS_GET_TOO_MANY = 0xC413,
    STATUS_MOVE_UNDECODABLE = 0xC510,
    STATUS_MOVE_INTERNAL = 0xC511,
    STATUS_MOVE_TOO_MANY = 0xC513,
    STATUS_MOVE_BAD_DESTINATION = 0xC515,
    STATUS_CANCEL = 0xFE00,
    STATUS_PENDING = 0xFF00,
    STATUS_PENDING_OPTIONAL = 0xFF01,
};

enum status_service {
    STATUS_FOR_STORE,
    STATUS_FOR_FIND,
    STATUS_FOR_GET,
    STATUS_FOR_MOVE,
    STATUS_FOR_ECHO,
};

/* The status for an internal failure of this service. */
uint16_t status_of(enum status_service service, enum rc code);
/* Fill status, Error Comment (at most 64 characters) and, where the status may have one, Offending Element of a
 * response. */
void status_set(struct dimse_command *rsp, uint16_t status, const struct err *err);
/* The work was done, though not to the letter: 0001, 0107, 0116 and Bxxx (PS3.7 Annex C). */
bool status_is_warning(uint16_t status);
/* Of our final statuses: neither 0000, B000 nor FE00, which are outcomes. */
bool status_is_refusal(uint16_t status);
const char *status_text(uint16_t status); /* "refused: out of resources" */

/* When a service as SCP sends a status: the rows of the conformance statement. */
struct status_use {
    uint16_t status;
    unsigned services; /* bits 1 << enum status_service */
    const char *when;
    const char *fields; /* of the response, beside the status; "" = none */
    const char *remedy; /* what the peer can do (PS3.4 GG.4.1); "" = nothing is wrong */
};
const struct status_use *status_use_at(unsigned index); /* NULL past the last */
/* There is a row: no service sends a status without one. */
bool status_is_used(enum status_service service, uint16_t status);

#endif
