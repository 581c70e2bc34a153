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
#include "dcm/dataset.h"
#include "pg/pool.h"

struct instance_ref {
    int64_t object_id;
    int64_t size;
    char sop_class[65];
    char sop_instance[65];
    char transfer_syntax[65];
};

/* Owned array, in order of the request's first mention. */
struct instance_list {
    struct instance_ref *refs;
    unsigned count;
    unsigned asked; /* distinct UIDs in the request */
};
void instance_list_free(struct instance_list *l); /* NULL is legal */

/* UIDs of a C-GET or C-MOVE identifier. RC_INVALID with tag: no SOP Instance UID, other keys, several
 * items (A900); RC_UNSUPPORTED: cannot be decoded (C410, C510); RC_LIMIT. *uids lives in the arena. */
MUST_CHECK enum rc retrieve_identifier(struct span identifier, const struct dcm_ts *ts,
                                       bool strict_level, unsigned max_uids, struct arena *arena,
                                       const char ***uids, unsigned *count, struct err *err);

typedef void (*instances_found_cb)(const struct err *result, struct instance_list *list, void *arg); /* list is owned */
struct instances_op;
/* Published objects of the model that the AE may see. uids are copied. */
struct instances_op *instances_find(struct pg_pool *pool, int64_t timeout_ms,
                                    const struct model *model, const char *aet,
                                    const char *const *uids, unsigned count,
                                    instances_found_cb cb, void *arg);

/* The octets of refs[0..count): each is delivered once, in any order, as an owned buffer; one that has
 * vanished since is delivered with NULL. Then done. */
typedef void (*instance_data_cb)(unsigned index, struct buf *octets, void *arg);
typedef void (*instances_done_cb)(const struct err *result, void *arg);
struct instances_op *instances_fetch(struct pg_pool *pool, int64_t timeout_ms,
                                     const struct instance_ref *refs, unsigned count,
                                     instance_data_cb on_data, instances_done_cb on_done, void *arg);
void instances_cancel(struct instances_op *op); /* no callback comes */

#endif
