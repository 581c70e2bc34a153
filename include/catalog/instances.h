/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/instances: which stored instances a retrieve request means, and their octets in batches.
 *
 * Ids first, data later in bounded batches, and no connection is held in between (decisions: a peer that
 * is slow must not pin a connection or a snapshot).
 */
#ifndef CATALOG_INSTANCES_H
#define CATALOG_INSTANCES_H

#include "catalog/model.h"
#include "catalog/query.h"
#include "dcm/convert.h"
#include "dcm/dataset.h"
#include "catalog/reading.h"

struct instance_ref {
    int64_t object_id;
    int64_t size;
    uint8_t digest[DCM_DIGEST_BYTES]; /* of the content, SOP Instance UID and all */
    uint8_t digest_size;
    char sop_class[65];
    char sop_instance[65];
    char transfer_syntax[65];
};

/* Owned array, in order of the request's first mention. */
struct instance_list {
    struct instance_ref *refs;
    unsigned count;
    unsigned asked; /* UIDs in the request */
};
void instance_list_free(struct instance_list *l); /* NULL is legal */

/* UIDs of a C-GET or C-MOVE identifier, each once, in order of first mention; values that are no UIDs are
 * left out, so *count may be 0. RC_INVALID with tag: no SOP Instance UID, other keys (A900);
 * RC_UNSUPPORTED: cannot be decoded (C410, C510); RC_LIMIT. *uids lives in the arena. */
MUST_CHECK enum rc retrieve_identifier(struct span identifier, const struct dcm_ts *ts,
                                       bool strict_level, const struct query_limits *limits,
                                       struct arena *arena, const char ***uids, unsigned *count,
                                       struct err *err);

/* The entries of dpp.requirements_met of an object, by the alias of its row, as an array. A correlated subquery of this kind
 * is never made into a join: it is looked up for the objects that are left by all else. */
#define INSTANCES_REQUIREMENTS_MET(alias)                                                      \
    "array(select r.requirement from dpp.requirements_met r where r.sop_instance_uid = " alias \
    ".sop_instance_uid)"

/* How what is found is restricted: assertions that must be in force for a protocol, as query_view.required, for the
 * requester and, of a move, for the destination; NULL = none. */
struct instances_view {
    const char *requester, *destination;
};

/* list is owned by the callee. */
typedef void (*instances_found_cb)(const struct err *result, struct instance_list *list, void *arg);
struct instances_op;
/* Published objects of the model that may be seen; view NULL: all of them. uids: each once, as retrieve_identifier
 * gives them; copied, as the view is. With a failure list is NULL. RC_NOMEM: nothing was started and no callback comes. */
MUST_CHECK enum rc instances_find(struct reader *reader, int64_t timeout_ms,
                                  const struct model *model, const struct instances_view *view,
                                  const char *const *uids, unsigned count, instances_found_cb cb,
                                  void *arg, struct instances_op **out, struct err *err);

/* Instances above this are read in chunks of it. */
enum { INSTANCES_CHUNK_BYTES = 1048576, INSTANCES_BATCH_BYTES = 1073741824 };

/* The octets of refs[0..count): each is delivered at most once, in any order; one that cannot be had any more
 * is delivered as NULL with the reason: RC_NOTFOUND it has vanished since; RC_CONFLICT something else has its id now. Then
 * done; after a failure some may not have been delivered. The receiver may
 * take the octets by copying *octets and clearing it; otherwise they are freed when it returns. refs are
 * copied. All sizes together at most INSTANCES_BATCH_BYTES, else RC_LIMIT: callers fetch in far smaller
 * batches, because nothing is held back once it has been asked for. */
typedef void (*instance_data_cb)(unsigned index, struct buf *octets, const struct err *why,
                                 void *arg);
typedef void (*instances_done_cb)(const struct err *result, void *arg);
struct instances_op *instances_fetch(struct reader *reader, int64_t timeout_ms,
                                     const struct instance_ref *refs, unsigned count,
                                     instance_data_cb on_data, instances_done_cb on_done,
                                     void *arg);
/* No callback comes. Legal inside on_data. */
void instances_cancel(struct instances_op *op);

#endif
