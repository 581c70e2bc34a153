/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/record: the small encoded record of an object's query attributes.
 *
 * An Explicit VR Little Endian data set in UTF-8, ascending tags, explicit lengths, that holds exactly the
 * attributes of the information model (at every nesting level; items of code macros and of sequences whole
 * as the object has them, so that "the whole sequence" can be returned), plus (0008,0005) as the object has
 * it (its stored set) and (0008,0201). It is written at ingest and read by catalog/project only.
 */
#ifndef CATALOG_RECORD_H
#define CATALOG_RECORD_H

#include "catalog/model.h"
#include "dcm/dataset.h"

/* utf8: the object's tree after dcm_tree_to_utf8; stored_charset: its (0008,0005), "" when absent. */
MUST_CHECK enum rc record_write(const struct model *model, const struct dcm_item *utf8,
                                struct span stored_charset, struct buf *out, struct err *err);

#endif
