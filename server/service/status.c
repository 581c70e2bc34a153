/* SPDX-License-Identifier: Apache-2.0
 *
 * service/status: two tables. The first turns an internal result into the status of a service (PS3.4 K.4.1.1.4,
 * C.4.2.1.5, C.4.3.1.4, GG.4.1; PS3.7 Annex C), the second says each status in words. Nothing else in the
 * server mentions a wire status for an internal failure.
 */
#include "service/status.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { SERVICES = STATUS_FOR_MOVE + 1 };

/* clang-format off */
static const struct {
    enum rc code;
    uint16_t status[SERVICES]; /* C-STORE, C-FIND, C-GET, C-MOVE */
} by_code[] = {
    /* The request breaks its own rules: it does not fit the SOP class. */
    {RC_INVALID,     {STATUS_DATASET_MISMATCH,   STATUS_DATASET_MISMATCH,  STATUS_DATASET_MISMATCH,  STATUS_DATASET_MISMATCH}},
    {RC_UNSUPPORTED, {STATUS_STORE_UNDECODABLE,  STATUS_FIND_UNDECODABLE,  STATUS_GET_UNDECODABLE,   STATUS_MOVE_UNDECODABLE}},
    {RC_CONFLICT,    {STATUS_STORE_CANNOT_UNDERSTAND, STATUS_FIND_INTERNAL, STATUS_GET_INTERNAL,     STATUS_MOVE_INTERNAL}},
    {RC_NOTFOUND,    {STATUS_STORE_INTERNAL,     STATUS_FIND_INTERNAL,     STATUS_GET_INTERNAL,      STATUS_DESTINATION_UNKNOWN}},
    {RC_DENIED,      {STATUS_NOT_AUTHORIZED,     STATUS_NOT_AUTHORIZED,    STATUS_NOT_AUTHORIZED,    STATUS_NOT_AUTHORIZED}},
    /* We cannot now: the database is away, a queue is full, a limit is reached. A retrieve that fails here has
     * not counted its matches yet: A701. */
    {RC_AGAIN,       {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    {RC_LIMIT,       {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    {RC_NOMEM,       {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    {RC_IO,          {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    {RC_DB,          {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    {RC_TIMEOUT,     {STATUS_OUT_OF_RESOURCES,   STATUS_OUT_OF_RESOURCES,  STATUS_CANNOT_COUNT,      STATUS_CANNOT_COUNT}},
    /* A C-STORE cannot be cancelled (PS3.7 9.3.2.3 names FIND, GET and MOVE only). */
    {RC_CANCELED,    {STATUS_STORE_INTERNAL,     STATUS_CANCEL,            STATUS_CANCEL,            STATUS_CANCEL}},
    {RC_INTERNAL,    {STATUS_STORE_INTERNAL,     STATUS_FIND_INTERNAL,     STATUS_GET_INTERNAL,      STATUS_MOVE_INTERNAL}},
    {RC_OK,          {STATUS_SUCCESS,            STATUS_SUCCESS,           STATUS_SUCCESS,           STATUS_SUCCESS}},
};

static const struct {
    uint16_t status;
    const char *text;
} texts[] = {
    {STATUS_SUCCESS,                 "success"},
    {STATUS_INVALID_INSTANCE,        "failed: invalid SOP instance"},
    {STATUS_SOP_CLASS_NOT_SUPPORTED, "refused: SOP class not supported"},
    {STATUS_NOT_AUTHORIZED,          "refused: not authorized"},
    {STATUS_DUPLICATE_INVOCATION,    "failed: duplicate invocation"},
    {STATUS_UNRECOGNIZED_OPERATION,  "failed: unrecognized operation"},
    {STATUS_MISTYPED_ARGUMENT,       "failed: mistyped argument"},
    {STATUS_OUT_OF_RESOURCES,        "refused: out of resources"},
    {STATUS_CANNOT_COUNT,            "refused: unable to calculate number of matches"},
    {STATUS_CANNOT_PERFORM,          "refused: unable to perform sub-operations"},
    {STATUS_DESTINATION_UNKNOWN,     "refused: move destination unknown"},
    {STATUS_DATASET_MISMATCH,        "failed: data set does not match SOP class"},
    {STATUS_WARNING,                 "warning: sub-operations failed or warned"},
    {STATUS_STORE_CANNOT_UNDERSTAND, "failed: cannot understand"},
    {STATUS_STORE_UNDECODABLE,       "failed: data set could not be decoded"},
    {STATUS_STORE_INTERNAL,          "failed: internal error"},
    {STATUS_FIND_UNDECODABLE,        "failed: identifier could not be decoded"},
    {STATUS_FIND_INTERNAL,           "failed: internal error"},
    {STATUS_FIND_UNENCODABLE,        "failed: a response could not be encoded"},
    {STATUS_GET_UNDECODABLE,         "failed: identifier could not be decoded"},
    {STATUS_GET_INTERNAL,            "failed: internal error"},
    {STATUS_GET_TOO_MANY,            "failed: too many sub-operations"},
    {STATUS_MOVE_UNDECODABLE,        "failed: identifier could not be decoded"},
    {STATUS_MOVE_INTERNAL,           "failed: internal error"},
    {STATUS_MOVE_TOO_MANY,           "failed: too many sub-operations"},
    {STATUS_MOVE_BAD_DESTINATION,    "failed: move destination has no usable address"},
    {STATUS_CANCEL,                  "cancelled"},
    {STATUS_PENDING,                 "pending"},
    {STATUS_PENDING_OPTIONAL,        "pending: an optional key was not supported"},
};
/* clang-format on */

uint16_t status_of(enum status_service service, enum rc code)
{
    for (size_t i = 0; i < sizeof by_code / sizeof *by_code; i++) {
        if (by_code[i].code == code)
            return by_code[i].status[service];
    }
    return status_of(service, RC_INTERNAL);
}

bool status_is_warning(uint16_t status)
{
    return status == 0x0001 || status == 0x0107 || status == 0x0116 || status >> 12 == 0xB;
}

const char *status_text(uint16_t status)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    /* What a peer sent us: PS3.7 Annex C gives the classes by range. */
    return status_is_warning(status) ? "warning" : "failed";
}

/* Error Comment is one LO value (PS3.7 Table E.1-1): the default repertoire, no backslash, 64 characters.
 * What we say may quote what others said, so it is cleaned here, once. A limit goes by the name of its setting. */
static void set_comment(char out[65], const struct err *err)
{
    char whole[sizeof err->text + 64];
    const char *text = whole;
    size_t n = 0;
    snprintf(whole, sizeof whole, "%s%s%s", err->limit ? limit_of(err->limit)->name : "",
             err->limit ? ": " : "", err->text);
    for (; *text && n < 64; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c & 0xC0) == 0x80)
            continue; /* the rest of a UTF-8 character */
        if (c == '\\')
            c = '/';
        else if (c < 0x20 || c > 0x7E)
            c = '?';
        out[n++] = (char)c;
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void status_set(struct dimse_command *rsp, uint16_t status, const struct err *err)
{
    rsp->status = status;
    rsp->has |= CMD_HAS_STATUS;
    rsp->has &= ~(unsigned)(CMD_HAS_COMMENT | CMD_HAS_OFFENDING);
    if (!err)
        return;
    if (err->text[0]) {
        set_comment(rsp->comment, err);
        rsp->has |= CMD_HAS_COMMENT;
    }
    if (err->tag) {
        rsp->offending = err->tag;
        rsp->has |= CMD_HAS_OFFENDING;
    }
}
