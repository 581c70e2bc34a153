/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/convert: the same data set in another transfer syntax, and the digest that says "same content".
 */
#ifndef DCM_CONVERT_H
#define DCM_CONVERT_H

#include "dcm/dataset.h"

/* By DCMTK, after the octets have passed dcm_read. Same tags, values and item order; group lengths and
 * trailing padding dropped. The result is read again and must have the digest of the original:
 * RC_UNSUPPORTED if it would not. out is appended to, and untouched on failure other than of out itself.
 * CPU-bound: large data sets go to a jobpool. */
MUST_CHECK enum rc dcm_convert(struct span octets, const struct dcm_ts *from,
                               const struct dcm_ts *to, const struct dcm_limits *limits,
                               struct buf *out, struct err *err);

/* SHA-256 of a canonical form that is equal for encodings of the same content: the elements in order, without
 * group lengths, trailing padding and lengths of sequences; numbers little endian, values without insignificant
 * padding, VRs from the dictionary, elements unknown to it as UN (sequences among them as sequences even
 * where Implicit VR made octets of them; see digest.c). Text is digested as it is encoded, with its
 * (0008,0005): digest a tree before dcm_tree_to_utf8. The form is fixed: digests are stored. */
enum { DCM_DIGEST_BYTES = 32 };
MUST_CHECK enum rc dcm_digest(const struct dcm_item *item, uint8_t out[DCM_DIGEST_BYTES],
                              struct err *err);

#endif
