/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/query: a C-FIND identifier becomes one SQL statement with parameters, and a plan for the
 * responses.
 *
 * Pure: no database, no clock. The text of the SQL depends only on which keys are given and on the kind of
 * their matching, never on values, so statements can be prepared and are few. The result's columns are:
 *   0  query_record bytea   (dpp.objects.query_record, see catalog/record)
 *   1+ int[] for each sequence key that restricts: the matching items, in plan order. An item of a nested
 *      sequence is named by several ordinals, outermost first, so the array is a list of tuples.
 * and, only when attributes outside the model are asked for, of the object's octets (dpp.instances):
 *      text (their transfer syntax), int (how many there are), bytea (a part of them; the rows of one object follow one
 *      another, each with the next part)
 */
#ifndef CATALOG_QUERY_H
#define CATALOG_QUERY_H

#include "core/arena.h"
#include "catalog/model.h"
#include "dcm/dataset.h"
#include "pg/pool.h"

/* How the requester's view is restricted; decided once per operation. */
struct query_view {
    const char *aet; /* calling AE title */
    /* Assertions that must be in force for a protocol to be seen, as the text of a text[] of entries of
     * dpp.requirements_met; NULL = none. */
    const char *required;
    bool
        current_only; /* of the protocols seen, those that none of the others has taken the place of */
    int64_t max_matches; /* 0 = no limit; else LIMIT n + 1 is put on */
    const char
        *default_charset; /* assumed for 8-bit text without (0008,0005); NULL = refuse (A900) */
    /* Negotiated (PS3.4 K.5.1): fuzzy semantic matching of person names, time zone adjustment. */
    bool fuzzy_names, adjusts_times;
    /* The zone of times that neither say theirs nor have an object or request that does: a name that PostgreSQL
     * knows; NULL = UTC. */
    const char *site_zone;
};

/* Of the identifiers of C-FIND, C-GET and C-MOVE; 0 = the default. */
struct query_limits {
    unsigned max_keys;  /* attributes in an identifier, nested ones included; default 256 */
    unsigned max_uids;  /* values of UID lists; default 65536 */
    size_t max_octets;  /* deflated or inflated; default 16 MiB */
    unsigned max_depth; /* sequences within sequences, unknown ones included; default 32 */
};
struct query_limits query_limits_default(void);
struct query_limits query_limits_or_default(const struct query_limits *limits); /* NULL is legal */
struct dcm_limits query_read_limits(const struct query_limits *limits);         /* for dcm_read */

struct query {
    const char *sql;
    const struct pg_param *params;
    unsigned param_count;
    bool nothing_asked; /* no keys at all: success without matches */
    bool matches_none;  /* a key that can match nothing (a UID that is none, say): no SQL needed */
    bool optional_ignored;           /* FF01 instead of FF00 */
    bool plan_with_values;           /* the plan depends on the values: for pg_query */
    const struct project_plan *plan; /* for catalog/project */
    /* As it was read, in UTF-8; also after a failure, unless it could not be read. */
    const struct dcm_item *identifier;
};

/* limits NULL: the defaults. identifier: as received (any transfer syntax, its own character set). Everything in *out lives in the
 * arena. RC_INVALID with the tag: does not fit the SOP class or is malformed (A900 / C310: err->code tells:
 * RC_INVALID = A900, RC_UNSUPPORTED = cannot be decoded, C310, RC_LIMIT = a limit). */
MUST_CHECK enum rc query_build(const struct model *model, struct span identifier,
                               const struct dcm_ts *ts, const struct query_view *view,
                               const struct query_limits *limits, struct arena *arena,
                               struct query *out, struct err *err);

#endif
