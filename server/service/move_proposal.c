/* SPDX-License-Identifier: Apache-2.0
 *
 * service/move_proposal: the association that a C-MOVE asks its destination for.
 *
 * Each needed SOP class is proposed with one context per transfer syntax, the stored ones first and the two
 * uncompressed little endian ones always, so that whatever the destination knows can be used.
 */
#include "service_internal.h"

#include <stdio.h>
#include <string.h>

struct proposal {
    struct pdu_context *contexts;
    unsigned count;
    struct arena *arena;
};

static bool propose(struct proposal *p, const char *sop_class, const char *transfer_syntax)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (strcmp(p->contexts[i].abstract_syntax, sop_class) == 0 &&
            strcmp(p->contexts[i].transfer_syntaxes[0], transfer_syntax) == 0)
            return true;
    }
    if (p->count == PDU_MAX_CONTEXTS)
        return true; /* the instances left out fail for want of a context */
    const char **syntax = arena_array(p->arena, 1, sizeof *syntax);
    if (!syntax)
        return false;
    *syntax = transfer_syntax;
    p->contexts[p->count] = (struct pdu_context){
        .id = (uint8_t)(2 * p->count + 1),
        .abstract_syntax = sop_class,
        .transfer_syntaxes = syntax,
        .transfer_syntax_count = 1,
    };
    p->count++;
    return true;
}

static bool propose_all(struct proposal *p, const struct instance_list *list)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < list->count; i++)
        ok = propose(p, list->refs[i].sop_class, list->refs[i].transfer_syntax);
    /* PS3.5 10.1: the default transfer syntax is always offered. */
    for (unsigned i = 0; ok && i < list->count; i++) {
        bool is_new_class = i == 0 || strcmp(list->refs[i].sop_class, list->refs[i - 1].sop_class);
        if (is_new_class)
            ok = propose(p, list->refs[i].sop_class, UID_EXPLICIT_LE) &&
                 propose(p, list->refs[i].sop_class, UID_IMPLICIT_LE);
    }
    return ok;
}

enum rc move_propose(const struct service_config *config, const struct peer *destination,
                     const struct instance_list *list, struct arena *arena,
                     struct pdu_associate *rq, struct err *err)
{
    struct proposal p = {.arena = arena};
    p.contexts = arena_array(arena, PDU_MAX_CONTEXTS, sizeof *p.contexts);
    if (!p.contexts || !propose_all(&p, list))
        return err_set(err, RC_NOMEM, "no memory for the association request");
    const char *title = destination->called_as[0] ? destination->called_as : config->ae_title;
    *rq = (struct pdu_associate){
        .protocol_version = 1,
        .application_context = UID_APPLICATION_CONTEXT,
        .contexts = p.contexts,
        .context_count = p.count,
        .has_max_length = true,
        .max_length = config->assoc.max_pdu_bytes,
        .implementation_class_uid = UID_DPPR_IMPLEMENTATION,
        .implementation_version = DPPR_IMPLEMENTATION_VERSION,
    };
    snprintf(rq->called_aet, sizeof rq->called_aet, "%s", destination->ae_title);
    snprintf(rq->calling_aet, sizeof rq->calling_aet, "%s", title);
    return RC_OK;
}
