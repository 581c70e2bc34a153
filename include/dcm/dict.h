/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dict: the data dictionary (DCMTK's), by tag and by keyword. Thread-safe after dcm_init.
 */
#ifndef DCM_DICT_H
#define DCM_DICT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

/* Once at start, before threads: loads the dictionary and the tables of dcm/charset. Fails with a text that names what is missing. */
MUST_CHECK enum rc dcm_init(struct err *err);

struct dcm_dict_entry {
    uint32_t tag;
    char vr[3];          /* of ambiguous ones the first by PS3.5 (US for "US or SS") */
    const char *keyword; /* static */
};

/* keyword is case sensitive ("ProtocolName"); "0018,1030", "(0018,1030)" and "00181030" are taken too. */
bool dcm_dict_by_name(const char *name, struct dcm_dict_entry *out);
/* Standard elements only; private and unknown ones give false. */
bool dcm_dict_by_tag(uint32_t tag, struct dcm_dict_entry *out);

#endif
