/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dataset: data sets as trees of elements, read from and written to octets of any supported transfer
 * syntax.
 *
 * This is the scanner every octet of a peer passes first: lengths, depth, element count and order are
 * checked against limits before anything else looks at them. Values stay where they are in the input
 * (borrowed) where possible; numbers of Big Endian input and inflated input are copied into the arena,
 * so that a tree's numeric values are always little endian. Pure C, no DCMTK; the dictionary is asked
 * for the VR of Implicit VR elements.
 */
#ifndef DCM_DATASET_H
#define DCM_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "dcm/tags.h"
#include "dcm/uids.h"

struct dcm_item;

struct dcm_element {
    uint32_t tag;
    char vr[3];             /* "SQ", "LO" ...; "UN" when unknown */
    struct span value;      /* raw value with its padding; empty for sequences */
    struct dcm_item *items; /* SQ only: linked through next */
    struct dcm_item *last_item;
    unsigned item_count;
    struct dcm_element *next;
};

struct dcm_item {
    struct dcm_element *first; /* ascending tags */
    struct dcm_element *last;
    struct dcm_item *next;
};

/* NULL limits, or a limit of 0, mean the default. */
struct dcm_limits {
    size_t max_bytes;      /* of the (inflated) octets; default 64 MiB */
    unsigned max_depth;    /* sequences within sequences; default 32, DCM_DEPTH_CEILING at most */
    unsigned max_elements; /* elements and items in all; default 1,000,000 */
    /* The settings that max_bytes and max_elements come from; 0 = max-dataset, max-elements. */
    enum limit bytes_setting, elements_setting;
};
enum {
    DCM_DEPTH_CEILING = 128
}; /* readers and writers recurse: what a thread's stack bears easily */
struct dcm_limits dcm_limits_default(void);

/* octets and arena must outlive the tree. Group 0002 and group length elements are refused (0002) or
 * skipped (gggg,0000); so is group 0000. Elements out of order are sorted, a tag twice in an item is
 * RC_INVALID, encapsulated values are RC_UNSUPPORTED. RC_INVALID with the tag where reading failed; RC_LIMIT
 * names the limit. */
MUST_CHECK enum rc dcm_read(struct span octets, const struct dcm_ts *ts,
                            const struct dcm_limits *limits, struct arena *arena,
                            struct dcm_item **out, struct err *err);
/* Only these elements of the top level (ascending), for a few attributes of a data set that has been read as
 * a whole before: what is between them is stepped over and takes no memory. What a deflated data set inflates
 * to goes into *inflated, which must outlive the tree as well, and whose limit counts then. */
struct dcm_wanted {
    uint32_t tag, last; /* tag to last; last 0 = tag alone */
    bool
        is_sequence; /* octets of UN that are a sequence in Implicit VR LE are to be one (PS3.5 6.2.2) */
};
MUST_CHECK enum rc dcm_read_some(struct span octets, const struct dcm_ts *ts,
                                 const struct dcm_limits *limits, const struct dcm_wanted *wanted,
                                 unsigned count, struct arena *arena, struct buf *inflated,
                                 struct dcm_item **out, struct err *err);
/* Append in the transfer syntax; explicit lengths, values padded, values too long for a short-length VR
 * as UN (PS3.5 6.2.2 note); sequences unknown to the dictionary have undefined length in Implicit VR, else
 * nobody could tell them from octets. RC_LIMIT or RC_NOMEM: out is full. */
MUST_CHECK enum rc dcm_write(const struct dcm_item *item, const struct dcm_ts *ts, struct buf *out,
                             struct err *err);
/* One element, for projections: header and value or the whole sequence. Not for deflated. */
void dcm_write_element(const struct dcm_element *e, const struct dcm_ts *ts, struct buf *out);

/* Building. All return NULL when the arena is exhausted. Elements may be put in any order; the item
 * keeps them ascending; a tag already there is replaced. vr NULL: the dictionary's. */
struct dcm_item *dcm_item_new(struct arena *arena);
struct dcm_element *dcm_put(struct arena *arena, struct dcm_item *item, uint32_t tag,
                            const char *vr, struct span value); /* value is borrowed */
struct dcm_element *dcm_put_text(struct arena *arena, struct dcm_item *item, uint32_t tag,
                                 const char *vr, const char *text); /* copied */
struct dcm_item *dcm_add_item(struct arena *arena, struct dcm_element *sequence);
void dcm_remove(struct dcm_item *item, uint32_t tag); /* absent is legal */

/* Reading values. */
struct dcm_element *dcm_find(const struct dcm_item *item,
                             uint32_t tag); /* NULL = absent; item may be NULL */
/* The value without its insignificant padding (PS3.5 6.2): trailing and, for the VRs that say so, leading
 * spaces; the NUL of UI. Not split. */
struct span dcm_trimmed(const struct dcm_element *e);
/* Value n (from 0) of a backslash-separated text value, trimmed; false past the last. The tree's text must
 * be UTF-8 or single-byte (see dcm/charset: a 0x5C second byte is no separator). ST, LT, UT, UR have one.
 * Numeric VRs: the little endian octets of number n. An empty element has no values. */
bool dcm_value_at(const struct dcm_element *e, unsigned n, struct span *out);
unsigned dcm_value_count(const struct dcm_element *e);
/* All values from the first to the last, as dcm_value_at gives them but without starting from the front each
 * time. False: no more. */
struct dcm_values {
    const struct dcm_element *element;
    struct span rest;
    bool is_at_end;
};
struct dcm_values dcm_values_of(const struct dcm_element *e);
bool dcm_values_next(struct dcm_values *v, struct span *out);
/* One value of a numeric VR, given by its little endian octets, in as few digits as give the same number
 * back; AT as eight hexadecimal digits. False, and out is not set: NaN or an infinity. */
enum { DCM_NUMBER_TEXT = 40 };
bool dcm_number_text(const char vr[3], const uint8_t *octets, char out[DCM_NUMBER_TEXT]);
/* Copy of the first value of a character VR as a C string into out (cut at size - 1); "" when absent. */
void dcm_first_text(const struct dcm_item *item, uint32_t tag, char *out, size_t size);
bool dcm_vr_is_text(const char vr[3]);          /* affected by (0008,0005): LO LT PN SH ST UC UT */
bool dcm_vr_is_string(const char vr[3]);        /* any character VR */
unsigned dcm_vr_number_width(const char vr[3]); /* octets of a number; 0 = no numbers of its own */
bool dcm_vr_has_long_length(const char vr[3]);  /* 32 bits in Explicit VR (PS3.5 7.1.2) */

#endif
