/* SPDX-License-Identifier: Apache-2.0
 *
 * service/classes: the table of SOP classes that are served, to be read: by negotiation and dispatch, and by the
 * conformance statement, which is made from it.
 */
#ifndef SERVICE_CLASSES_H
#define SERVICE_CLASSES_H

#include <stdint.h>

enum sop_kind { SOP_VERIFICATION, SOP_STORAGE, SOP_FIND, SOP_MOVE, SOP_GET };
enum { SOP_CLASS_COUNT = 10 };

struct sop_class {
    const char *uid;
    enum sop_kind kind;
    unsigned right_as_scp; /* PEER_MAY_*: the peer sends requests to us */
    unsigned
        right_as_scu; /* PEER_MAY_*: we send requests to the peer on this association; 0 = never */
    const uint8_t *extended_mask;
    unsigned extended_bytes;
};
const struct sop_class *sop_class_find(const char *uid); /* NULL = not served */
const struct sop_class *sop_class_at(unsigned index);    /* NULL past the last */

#endif
