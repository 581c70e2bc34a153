/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/uids: the tables of SOP classes and transfer syntaxes, and UIDs judged.
 */
#include "dcm/uids.h"

#include <stdint.h>
#include <string.h>

/* In order of preference. Explicit VR Little Endian keeps every VR; Implicit is what everybody must have
 * (PS3.5 10.1); Deflated costs time on both sides; Big Endian is retired. */
static const struct dcm_ts transfer_syntaxes[] = {
    {UID_EXPLICIT_LE, "Explicit VR Little Endian", true, false, false},
    {UID_IMPLICIT_LE, "Implicit VR Little Endian", false, false, false},
    {UID_DEFLATED_LE, "Deflated Explicit VR Little Endian", true, false, true},
    {UID_EXPLICIT_BE, "Explicit VR Big Endian", true, true, false},
};

const char *const dcm_ts_uids[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE, UID_DEFLATED_LE,
                                   UID_EXPLICIT_BE, NULL};

static const struct {
    const char *uid, *name;
} names[] = {
    {UID_VERIFICATION, "Verification"},
    {UID_APPLICATION_CONTEXT, "DICOM Application Context"},
    {UID_CT_DEFINED_PROTOCOL, "CT Defined Procedure Protocol Storage"},
    {UID_XA_DEFINED_PROTOCOL, "XA Defined Procedure Protocol Storage"},
    {UID_PROTOCOL_APPROVAL, "Protocol Approval Storage"},
    {UID_PROTOCOL_FIND, "Defined Procedure Protocol Information Model - FIND"},
    {UID_PROTOCOL_MOVE, "Defined Procedure Protocol Information Model - MOVE"},
    {UID_PROTOCOL_GET, "Defined Procedure Protocol Information Model - GET"},
    {UID_APPROVAL_FIND, "Protocol Approval Information Model - FIND"},
    {UID_APPROVAL_MOVE, "Protocol Approval Information Model - MOVE"},
    {UID_APPROVAL_GET, "Protocol Approval Information Model - GET"},
};

const struct dcm_ts *dcm_ts_find(const char *uid)
{
    for (size_t i = 0; uid && i < sizeof transfer_syntaxes / sizeof *transfer_syntaxes; i++) {
        if (strcmp(transfer_syntaxes[i].uid, uid) == 0)
            return &transfer_syntaxes[i];
    }
    return NULL;
}

const char *dcm_uid_name(const char *uid)
{
    const struct dcm_ts *ts = dcm_ts_find(uid);
    if (ts)
        return ts->name;
    for (size_t i = 0; uid && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].uid, uid) == 0)
            return names[i].name;
    }
    return uid ? uid : "";
}

/* PS3.5 9.1: digits in components parted by single dots, none with a leading zero, 64 octets at most. */
bool dcm_uid_is_valid(const char *uid)
{
    size_t len = uid ? strnlen(uid, 65) : 0;
    if (len == 0 || len > 64)
        return false;
    for (size_t start = 0; start <= len;) {
        size_t digits = strspn(uid + start, "0123456789");
        if (digits == 0 || (digits > 1 && uid[start] == '0'))
            return false;
        start += digits;
        if (start == len)
            return true;
        if (uid[start++] != '.')
            return false;
    }
    return false;
}
