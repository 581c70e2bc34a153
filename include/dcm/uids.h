/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/uids: the SOP classes and transfer syntaxes dppr knows, one table each.
 */
#ifndef DCM_UIDS_H
#define DCM_UIDS_H

#include <stdbool.h>

#define UID_VERIFICATION        "1.2.840.10008.1.1"
#define UID_APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"
#define UID_CT_DEFINED_PROTOCOL "1.2.840.10008.5.1.4.1.1.200.1"
#define UID_XA_DEFINED_PROTOCOL "1.2.840.10008.5.1.4.1.1.200.7"
#define UID_PROTOCOL_APPROVAL   "1.2.840.10008.5.1.4.1.1.200.3"
#define UID_PROTOCOL_FIND       "1.2.840.10008.5.1.4.20.1"
#define UID_PROTOCOL_MOVE       "1.2.840.10008.5.1.4.20.2"
#define UID_PROTOCOL_GET        "1.2.840.10008.5.1.4.20.3"
#define UID_APPROVAL_FIND       "1.2.840.10008.5.1.4.1.1.200.4"
#define UID_APPROVAL_MOVE       "1.2.840.10008.5.1.4.1.1.200.5"
#define UID_APPROVAL_GET        "1.2.840.10008.5.1.4.1.1.200.6"

#define UID_IMPLICIT_LE "1.2.840.10008.1.2"
#define UID_EXPLICIT_LE "1.2.840.10008.1.2.1"
#define UID_DEFLATED_LE "1.2.840.10008.1.2.1.99"
#define UID_EXPLICIT_BE "1.2.840.10008.1.2.2"

/* Fixed, from a UUID made for dppr (PS3.5 B.2). */
#define UID_DPPR_IMPLEMENTATION     "2.25.268437126379207353213013906482531447121"
#define DPPR_IMPLEMENTATION_VERSION "DPPR_" DPPR_VERSION

struct dcm_ts {
    const char *uid;
    const char *name;
    bool is_explicit;
    bool is_big_endian;
    bool is_deflated;
};

const struct dcm_ts *dcm_ts_find(const char *uid); /* NULL = not supported */
extern const char *const dcm_ts_uids[]; /* all, our order of preference, NULL-terminated */

const char *dcm_uid_name(
    const char *uid); /* "CT Defined Procedure Protocol Storage"; the UID itself if unknown */
/* PS3.5 9.1: characters, components, 64 at most. */
bool dcm_uid_is_valid(const char *uid);

#endif
