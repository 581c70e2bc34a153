/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/project: one row of the catalogue becomes one C-FIND response identifier.
 *
 * A projection of the query record onto the requested keys (PS3.4 K.2.2.1, K.4.1.3): requested attributes in
 * ascending order, absent ones zero-length, of restricted sequences the matching items only, of their items
 * the requested attributes only; (0008,0005) when the response is not ASCII, (0008,0201) when the stored
 * object has one and a date or time is returned, at whatever level. No tree is built: the record is walked
 * once. Attributes that the record has not come from the object's octets (project_others.c).
 */
#ifndef CATALOG_PROJECT_H
#define CATALOG_PROJECT_H

#include "catalog/query.h"

struct project_plan; /* made by query_build */

/* How responses are encoded, settled once per operation. */
struct project_target {
    const struct dcm_ts *ts;
    const char *request_charset;   /* terms of the request, "" = none */
    const char *preferred_charset; /* the AE's, or NULL */
};

/* Appends one data set to out (cleared by the caller). scratch has nothing of the caller's and is reset by it after
 * each row. parts, of the caller, is empty to begin with: an object whose octets are read and that are many
 * comes in several rows, and while parts has octets nothing has been appended to out. It is empty again, and
 * has no memory, after the last of them and after a failure. */
MUST_CHECK enum rc project_row(const struct project_plan *plan, const struct project_target *target,
                               const struct pg_row *row, struct buf *parts, struct arena *scratch,
                               struct buf *out, struct err *err);
/* The request's (0008,0005), "" = none. */
const char *project_plan_request_charset(const struct project_plan *plan);

#endif
