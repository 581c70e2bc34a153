/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/part10: DICOM files (PS3.10 7.1): preamble, File Meta Information, data set.
 */
#ifndef DCM_PART10_H
#define DCM_PART10_H

#include "dcm/dataset.h"

struct part10 {
    const struct dcm_ts *ts;
    struct span dataset; /* within the file's octets */
    char sop_class[65];
    char sop_instance[65];
};

/* Also takes a bare data set without preamble when it can be read as Explicit or Implicit VR LE. */
MUST_CHECK enum rc part10_read(struct span file, struct part10 *out, struct err *err);
void part10_write_header(struct buf *out, const char *sop_class, const char *sop_instance,
                         const struct dcm_ts *ts);

#endif
