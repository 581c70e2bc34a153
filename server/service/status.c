/* SPDX-License-Identifier: Apache-2.0
 *
 * service/status: three tables. The first turns an internal result into the status of a service (PS3.4 K.4.1.1.4,
 * C.4.2.1.5, C.4.3.1.4, GG.4.1; PS3.7 Annex C), the second says each status in words, the third when each service
 * sends it, which the conformance statement prints. Nothing else in the server mentions a wire status for an
 * internal failure.
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
    {RC_INVALID,     {STATUS_DATASET_MISMATCH,        STATUS_DATASET_MISMATCH, STATUS_DATASET_MISMATCH, STATUS_DATASET_MISMATCH}},
    {RC_UNSUPPORTED, {STATUS_STORE_UNDECODABLE,       STATUS_FIND_UNDECODABLE, STATUS_GET_UNDECODABLE,  STATUS_MOVE_UNDECODABLE}},
    {RC_CONFLICT,    {STATUS_STORE_CANNOT_UNDERSTAND, STATUS_FIND_INTERNAL,    STATUS_GET_INTERNAL,     STATUS_MOVE_INTERNAL}},
    {RC_NOTFOUND,    {STATUS_STORE_INTERNAL,          STATUS_FIND_INTERNAL,    STATUS_GET_INTERNAL,     STATUS_DESTINATION_UNKNOWN}},
    {RC_DENIED,      {STATUS_NOT_AUTHORIZED,          STATUS_NOT_AUTHORIZED,   STATUS_NOT_AUTHORIZED,   STATUS_NOT_AUTHORIZED}},
    /* We cannot now: the database is away, a queue is full, a limit is reached. A retrieve that fails here has
     * not counted its matches yet: A701. */
    {RC_AGAIN,       {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    {RC_LIMIT,       {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    {RC_NOMEM,       {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    {RC_IO,          {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    {RC_DB,          {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    {RC_TIMEOUT,     {STATUS_OUT_OF_RESOURCES,        STATUS_OUT_OF_RESOURCES, STATUS_CANNOT_COUNT,     STATUS_CANNOT_COUNT}},
    /* A C-STORE cannot be cancelled (PS3.7 9.3.2.3 names FIND, GET and MOVE only). */
    {RC_CANCELED,    {STATUS_STORE_INTERNAL,          STATUS_CANCEL,           STATUS_CANCEL,           STATUS_CANCEL}},
    {RC_INTERNAL,    {STATUS_STORE_INTERNAL,          STATUS_FIND_INTERNAL,    STATUS_GET_INTERNAL,     STATUS_MOVE_INTERNAL}},
    {RC_OK,          {STATUS_SUCCESS,                 STATUS_SUCCESS,          STATUS_SUCCESS,          STATUS_SUCCESS}},
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

enum {
    ECHO  = 1 << STATUS_FOR_ECHO,
    STORE = 1 << STATUS_FOR_STORE,
    FIND  = 1 << STATUS_FOR_FIND,
    GET   = 1 << STATUS_FOR_GET,
    MOVE  = 1 << STATUS_FOR_MOVE,
    ALL   = ECHO | STORE | FIND | GET | MOVE,
};
#define COMMENT  "Error Comment"
#define OFFENDING "Offending Element, Error Comment"
#define AT_FAULT "Offending Element where it is known, Error Comment"
#define COUNTERS "Completed, Failed, Warning"
#define LIST     "data set with Failed SOP Instance UID List when one failed"

static const struct status_use uses[] = {
    {STATUS_SUCCESS, ECHO, "the association works", "", ""},
    {STATUS_SUCCESS, STORE, "stored and committed; or known already with the same content, whose first octets are kept", "", ""},
    {STATUS_SUCCESS, FIND, "all matches were sent, or there is none", "", ""},
    {STATUS_SUCCESS, GET | MOVE, "every sub-operation succeeded, or none was needed: no instance has one of the UIDs", COUNTERS, ""},
    {STATUS_PENDING, FIND, "a match; every key was used as the model says", "Identifier", ""},
    {STATUS_PENDING_OPTIONAL, FIND, "a match; a key of the request is none of the model's and has a value, which was not matched, or is private or unknown: on every response of such a request", "Identifier", ""},
    {STATUS_PENDING, GET | MOVE, "sub-operations go on", "Remaining, " COUNTERS, ""},
    {STATUS_WARNING, GET | MOVE, "at least one sub-operation failed or warned, and not all failed", COUNTERS "; " LIST "; " COMMENT " when one failed", "ask again for what is in the list"},
    {STATUS_CANCEL, FIND, "C-CANCEL came; the statement in the database was cancelled too", "", ""},
    {STATUS_CANCEL, GET | MOVE, "C-CANCEL came; Remaining counts what was not started", "Remaining, " COUNTERS "; " LIST "; " COMMENT " when one failed", ""},
    {STATUS_INVALID_INSTANCE, STORE, "the command's Affected SOP Instance UID is missing or malformed", COMMENT, "correct the UID"},
    {STATUS_SOP_CLASS_NOT_SUPPORTED, STORE | FIND | GET | MOVE, "the command's Affected SOP Class UID is not that of its presentation context", COMMENT, "use the context of the SOP class"},
    {STATUS_SOP_CLASS_NOT_SUPPORTED, ECHO, "the command's Affected SOP Class UID is not that of its presentation context; or the right to ask was taken away after negotiation", COMMENT, "use the context of the SOP class"},
    {STATUS_NOT_AUTHORIZED, STORE | FIND | GET, "the right was taken away after negotiation, or the context was granted for the other role only", COMMENT, "ask the administrator of the repository"},
    {STATUS_NOT_AUTHORIZED, MOVE, "the right was taken away after negotiation; or the destination may not be one", COMMENT, "ask the administrator of the repository"},
    {STATUS_DUPLICATE_INVOCATION, ALL, "an operation with this Message ID runs on the association", COMMENT, "use another Message ID"},
    {STATUS_UNRECOGNIZED_OPERATION, ALL, "the command is unknown, or not one of the SOP class of its context", COMMENT, "use the context of the SOP class"},
    {STATUS_MISTYPED_ARGUMENT, STORE | FIND | GET | MOVE, "an element of the command is missing, malformed or has a value that is not defined (Priority); the data set is missing", COMMENT, "correct the command"},
    {STATUS_MISTYPED_ARGUMENT, ECHO, "an element of the command is missing or malformed; there is a data set", COMMENT, "correct the command"},
    {STATUS_OUT_OF_RESOURCES, STORE, "the database is not available; or a limit: operations at once, size, depth or number of elements of the data set (Error Comment begins with its name)", COMMENT, "send again later"},
    {STATUS_OUT_OF_RESOURCES, FIND, "the database is not available; or a limit: operations at once, size or number of keys of the identifier, matches (Error Comment begins with its name)", COMMENT, "ask again later, or for less"},
    {STATUS_CANNOT_COUNT, GET | MOVE, "the database is not available; or a limit: operations at once, UIDs in the identifier (Error Comment begins with its name)", COMMENT, "ask again later, or for less"},
    {STATUS_CANNOT_PERFORM, GET, "every sub-operation failed: no presentation context for the instances, or C-STORE was refused or not answered", COUNTERS "; " LIST "; " COMMENT, "propose the storage classes with the SCP role"},
    {STATUS_CANNOT_PERFORM, MOVE, "every sub-operation failed: the destination cannot be reached, rejects the association, has no presentation context or refuses; or too many moves wait for it", COUNTERS "; " LIST "; " COMMENT, "ask again when the destination works"},
    {STATUS_DESTINATION_UNKNOWN, MOVE, "Move Destination is no registered AE title", COMMENT, "have the destination registered"},
    {STATUS_DATASET_MISMATCH, STORE, "SOP Class or Instance UID of the data set is missing, malformed or not the command's", OFFENDING, "correct the data set"},
    {STATUS_DATASET_MISMATCH, FIND, "the identifier does not fit the model: several items in a key sequence, a value that its VR does not allow, text without or outside its character set, a character set that is not supported", OFFENDING, "correct the identifier"},
    {STATUS_DATASET_MISMATCH, GET | MOVE, "the identifier has no SOP Instance UID, none with a value, or another key", OFFENDING, "send SOP Instance UID only"},
    {STATUS_STORE_CANNOT_UNDERSTAND, STORE, "the SOP Instance UID is known with other content, or with a state that cannot be fetched (draft, retired, purged)", OFFENDING, "give changed content a new SOP Instance UID"},
    {STATUS_STORE_UNDECODABLE, STORE, "the data set cannot be decoded in its transfer syntax", AT_FAULT, "correct the data set"},
    {STATUS_STORE_INTERNAL, STORE, "an error inside the repository; its log tells more", COMMENT, "report it"},
    {STATUS_FIND_UNDECODABLE, FIND, "the identifier cannot be decoded in its transfer syntax", AT_FAULT, "correct the identifier"},
    {STATUS_FIND_INTERNAL, FIND, "an error inside the repository; its log tells more", COMMENT, "report it"},
    {STATUS_FIND_UNENCODABLE, FIND, "a match cannot be encoded", COMMENT, "report it"},
    {STATUS_GET_UNDECODABLE, GET, "the identifier cannot be decoded in its transfer syntax", AT_FAULT, "correct the identifier"},
    {STATUS_GET_INTERNAL, GET, "an error inside the repository; its log tells more", COMMENT, "report it"},
    {STATUS_GET_TOO_MANY, GET, "more instances than can be counted or than may be asked for", COMMENT, "ask for fewer"},
    {STATUS_MOVE_UNDECODABLE, MOVE, "the identifier cannot be decoded in its transfer syntax", AT_FAULT, "correct the identifier"},
    {STATUS_MOVE_INTERNAL, MOVE, "an error inside the repository; its log tells more", COMMENT, "report it"},
    {STATUS_MOVE_TOO_MANY, MOVE, "more instances than can be counted or than may be asked for", COMMENT, "ask for fewer"},
    {STATUS_MOVE_BAD_DESTINATION, MOVE, "the destination is registered without a usable address", COMMENT, "have its address registered"},
};
/* clang-format on */

const struct status_use *status_use_at(unsigned index)
{
    return index < sizeof uses / sizeof *uses ? &uses[index] : NULL;
}

bool status_is_used(enum status_service service, uint16_t status)
{
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        if (uses[i].status == status && uses[i].services & 1u << service)
            return true;
    }
    return false;
}

uint16_t status_of(enum status_service service, enum rc code)
{
    if (service == STATUS_FOR_ECHO) /* can be refused in one way only (PS3.7 9.1.5.1.4) */
        return code == RC_OK ? STATUS_SUCCESS : STATUS_SOP_CLASS_NOT_SUPPORTED;
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

bool status_is_refusal(uint16_t status)
{
    return status != STATUS_SUCCESS && status != STATUS_WARNING && status != STATUS_CANCEL;
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

/* Whose related fields name it: PS3.4 tables C.4-1 to C.4-3 and GG.4-1. The statuses of PS3.7 have no such field,
 * and neither has a refusal for lack of resources. */
static bool status_names_element(uint16_t status)
{
    return status == STATUS_DATASET_MISMATCH || status >> 12 == 0xC;
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
    if (err->tag && status_names_element(status)) {
        rsp->offending = err->tag;
        rsp->has |= CMD_HAS_OFFENDING;
    }
}
