/* SPDX-License-Identifier: Apache-2.0
 *
 * service/scu: the client side for the command line: one association, blocking calls on a private loop.
 *
 * Uses the same Upper Layer as the server (net/assoc, requestor role). One thread. Every call has the
 * deadline given in scu_options.
 */
#ifndef SERVICE_SCU_H
#define SERVICE_SCU_H

#include "core/bytes.h"
#include "dcm/dataset.h"
#include "net/command.h"

struct scu;

struct scu_options {
    const char *host;
    uint16_t port;
    const char *calling_aet;              /* default DPPR_SCU */
    const char *called_aet;               /* default DPPR */
    const char *const *transfer_syntaxes; /* offered, in order; NULL = all that dcm/uids lists */
    int64_t timeout_ms;                   /* without progress; default 30 s */
    uint32_t max_pdu_bytes;
    bool as_storage_scp; /* propose the SCP role for the storage classes (C-GET) */
    /* Offered for the FIND classes by extended negotiation (PS3.4 K.5.1); without any, there is none. */
    bool fuzzy_names, adjusted_times;
    struct tls *tls;      /* a client's, core/tls.h; NULL = plain. Borrowed for the call */
    const char *tls_name; /* which the peer's certificate must have; NULL = host. Likewise */
};

/* sop_classes: NULL-terminated; each becomes contexts with the transfer syntaxes (one context each, so
 * that the peer accepts every one it knows). err: rejected, refused, timed out, name unknown ... */
MUST_CHECK enum rc scu_open(const struct scu_options *options, const char *const *sop_classes,
                            struct scu **out, struct err *err);
/* Releases in order and frees. NULL is legal. */
void scu_close(struct scu *s);
/* Whether the peer has granted all that was offered by extended negotiation for this class. */
bool scu_has_extended(const struct scu *s, const char *sop_class);
bool scu_accepts(const struct scu *s, const char *sop_class, const char *transfer_syntax);

struct scu_callbacks {
    /* Each pending response of FIND (with identifier), GET and MOVE (with counters). false = send C-CANCEL. */
    bool (*on_pending)(const struct dimse_command *rsp, struct span identifier,
                       const struct dcm_ts *ts, void *arg);
    /* C-GET: an instance has come; returns the C-STORE status to answer with. */
    uint16_t (*on_store)(const struct dimse_command *rq, struct span dataset,
                         const struct dcm_ts *ts, void *arg);
    void *arg;
};

MUST_CHECK enum rc scu_echo(struct scu *s, struct dimse_command *rsp, struct err *err);
/* Sends the octets in the context of ts, which must be accepted. */
MUST_CHECK enum rc scu_store(struct scu *s, const char *sop_class, const char *sop_instance,
                             struct span dataset, const struct dcm_ts *ts,
                             struct dimse_command *rsp, struct err *err);
/* The identifier tree is UTF-8; (0008,0005) is added when it is not ASCII. final: the last response;
 * failed_list (may be NULL) takes its data set. */
MUST_CHECK enum rc scu_find(struct scu *s, const char *model_uid, struct dcm_item *identifier,
                            const struct scu_callbacks *cb, struct dimse_command *final,
                            struct err *err);
MUST_CHECK enum rc scu_get(struct scu *s, const char *model_uid, struct dcm_item *identifier,
                           const struct scu_callbacks *cb, struct dimse_command *final,
                           struct buf *failed_list, struct err *err);
MUST_CHECK enum rc scu_move(struct scu *s, const char *model_uid, const char *destination,
                            struct dcm_item *identifier, const struct scu_callbacks *cb,
                            struct dimse_command *final, struct buf *failed_list, struct err *err);

#endif
