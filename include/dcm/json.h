/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/json: DICOM JSON (PS3.18 Annex F): files of it, and what the tables keep of attributes without a column.
 *
 * Differences on purpose, both allowed by Annex F: DS and IS are strings, so that "0.10" stays "0.10";
 * values that JSON cannot hold (U+0000, NaN, infinities) become null and are reported.
 */
#ifndef DCM_JSON_H
#define DCM_JSON_H

#include "dcm/dataset.h"

/* A UTF-8 tree (dcm_tree_to_utf8) as JSON. Binary values over inline_limit octets are left out (BulkDataURI
 * is not used: the encoded form has them); 0 = no limit. *lossy: something was left out or became null. */
MUST_CHECK enum rc dcm_json_write(const struct dcm_item *item, size_t inline_limit, struct buf *out,
                                  bool *lossy, struct err *err);
/* One string with its quotes. U+0000 is left out, octets that are no UTF-8 are U+FFFD: false then. */
bool dcm_json_add_string(struct buf *out, struct span text);
/* JSON text to a UTF-8 tree in the arena; RC_INVALID says where (line, attribute). Group 0002 is dropped. */
MUST_CHECK enum rc dcm_json_read(struct span json, const struct dcm_limits *limits,
                                 struct arena *arena, struct dcm_item **out, struct err *err);

#endif
