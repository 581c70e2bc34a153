/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a query record element by element: Explicit VR LE with explicit lengths, no tree. Here because the walk over
 * the records is the hot path of a C-FIND.
 */
#ifndef CATALOG_PROJECT_RECORD_H
#define CATALOG_PROJECT_RECORD_H

#include <stdbool.h>

#include "core/bytes.h"

#define VR2(a, b) ((uint16_t)((a) << 8 | (b)))

/* One element of the record. */
struct record_part {
    uint32_t tag;
    uint16_t vr;
    const uint8_t *start; /* of its header */
    struct span value;
    size_t size; /* header and value */
};

/* dcm_vr_has_long_length for the hot path: 3 ns where the look-up takes 17, for each element of each response. */
static inline bool record_has_long_length(uint16_t vr)
{
    switch (vr) {
    case VR2('O', 'B'):
    case VR2('O', 'D'):
    case VR2('O', 'F'):
    case VR2('O', 'L'):
    case VR2('O', 'V'):
    case VR2('O', 'W'):
    case VR2('S', 'Q'):
    case VR2('S', 'V'):
    case VR2('U', 'C'):
    case VR2('U', 'N'):
    case VR2('U', 'R'):
    case VR2('U', 'T'):
    case VR2('U', 'V'):
        return true;
    default:
        return false;
    }
}

/* The element at the start of *rest, which is moved past it. */
static inline bool record_take_element(struct span *rest, struct record_part *p)
{
    const uint8_t *d = rest->data;
    if (rest->len < 8)
        return false;
    p->tag = (uint32_t)get_le16(d) << 16 | get_le16(d + 2);
    p->vr = VR2(d[4], d[5]);
    size_t header = 8, len = get_le16(d + 6);
    if (record_has_long_length(p->vr)) {
        if (rest->len < 12)
            return false;
        header = 12;
        len = get_le32(d + 8);
    }
    if (len > rest->len - header) /* an undefined length is too long as well */
        return false;
    p->start = d;
    p->value = span_of(d + header, len);
    p->size = header + len;
    *rest = span_of(d + p->size, rest->len - p->size);
    return true;
}

/* The item at the start of *rest, which is moved past it. */
static inline bool record_take_item(struct span *rest, struct span *item)
{
    const uint8_t *d = rest->data;
    if (rest->len < 8 || get_le16(d) != 0xFFFE || get_le16(d + 2) != 0xE000)
        return false;
    size_t len = get_le32(d + 4);
    if (len > rest->len - 8)
        return false;
    *item = span_of(d + 8, len);
    *rest = span_of(d + 8 + len, rest->len - 8 - len);
    return true;
}

#endif
