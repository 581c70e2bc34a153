/* SPDX-License-Identifier: Apache-2.0
 *
 * Value representations (PS3.5 6.2, 7.1.2) and tree helpers shared inside the dcm layer.
 */
#ifndef SERVER_DCM_VR_H
#define SERVER_DCM_VR_H

#include <stdbool.h>
#include <stdint.h>

#include "dcm/dataset.h"

struct vr_info {
    char name[3];
    uint8_t unit;        /* octets of one number, the width of a byte swap; 1 = no numbers */
    bool has_32_bit_len; /* two reserved octets and a 32-bit length in Explicit VR (PS3.5 7.1.2) */
    bool is_string;
    bool is_text;     /* in the character sets of (0008,0005) (PS3.5 6.1.2.3) */
    bool is_split;    /* backslash parts values */
    bool trims_front; /* leading spaces are insignificant */
};

/* name: two octets, need not be terminated. NULL: no VR of PS3.5. */
const struct vr_info *vr_find(const char *name);
/* Never NULL: an unknown VR counts as UN. */
const struct vr_info *vr_of(const struct dcm_element *e);
/* The VR the standard gives to a tag: the dictionary's, LO for private creators (PS3.5 7.8.1), else "UN" and
 * false. */
bool vr_of_tag(uint32_t tag, char vr[3]);
/* What fills an odd value up: NUL for UI and binary values, else a space (PS3.5 6.2). */
uint8_t vr_pad(const struct vr_info *vr);
/* Copy n octets, each whole unit reversed; a remainder that is no whole unit is copied as it is. */
void vr_swap(uint8_t *to, const uint8_t *from, size_t n, unsigned unit);
struct span vr_trim(const struct vr_info *vr, struct span value);

/* Append without regard to order (NULL: arena exhausted), and put an item in order afterwards: linear when
 * it was, n log n else, so that no order of elements makes the readers slow. False: a tag occurs twice;
 * *tag is it. */
struct dcm_element *item_append(struct arena *arena, struct dcm_item *item, uint32_t tag,
                                const char *vr);
bool item_sort(struct dcm_item *item, uint32_t *tag);

/* One value in an Implicit VR Little Endian sequence, as UN values are (PS3.5 6.2.2 note 2). */
MUST_CHECK enum rc read_implicit_sequence(struct span value, const struct dcm_limits *limits,
                                          struct arena *arena, struct dcm_element *e,
                                          struct err *err);

/* PS3.5 A.5: raw deflate (RFC 1951). inflate fails with RC_LIMIT as soon as out passes its limit. */
MUST_CHECK enum rc deflate_octets(struct span in, struct buf *out, struct err *err);
MUST_CHECK enum rc inflate_octets(struct span in, struct buf *out, struct err *err);

struct dcm_limits limits_or_default(const struct dcm_limits *limits);

#endif
