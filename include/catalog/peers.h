/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/peers: rows of dpp.application_entities, read when an association arrives and when a move
 * starts; never cached, so a change is in force at once on every server.
 */
#ifndef CATALOG_PEERS_H
#define CATALOG_PEERS_H

#include "pg/pool.h"

/* What an AE may do. */
enum {
    PEER_MAY_ECHO = 1 << 0,
    PEER_MAY_FIND = 1 << 1,
    PEER_MAY_GET = 1 << 2,
    PEER_MAY_MOVE = 1 << 3,
    PEER_MAY_STORE = 1 << 4,
    PEER_IS_DESTINATION = 1 << 5,
    PEER_MAY_ALL = (1 << 6) - 1,
};

enum {
    PEER_REQUIRED_BYTES = 2048, /* the column holds 512 octets, which may need quotes */
    PEER_CERTIFICATES_BYTES = 1024 + 1,
};

/* A binding that no certificate fits. */
#define PEER_NO_CERTIFICATE "none"

/* A requirement without a code, which no protocol meets. */
#define PEER_NEVER_MET "{/}"

struct peer {
    char ae_title[17];
    char host[256]; /* "" = no usable address */
    uint16_t port;
    unsigned rights;
    char preferred_charset[128]; /* "" = none */
    unsigned max_associations;   /* to this destination, over all servers; default 1 */
    char called_as[17];          /* our AE title towards it; "" = default */
    /* What it may have on one server; 0 = what the server's settings say. */
    unsigned max_calling_associations;
    unsigned max_operations;
    /* Which protocols it sees: required_assertions as the text of a text[], "" = all; see query_view. */
    char required[PEER_REQUIRED_BYTES];
    bool sees_current_only;
    bool may_supersede;
    char ae_class[17]; /* "scanner"; "known" */
    char certificates
        [PEER_CERTIFICATES_BYTES]; /* it is bound to, as core/tls.h has them; "" = to none */
    bool wants_tls;                /* of a destination */
    char tls_name[256];            /* in its certificate; "" = host */
};

/* found false: no row for this title (and, for admission, source address). */
typedef void (*peer_cb)(const struct err *result, bool found, const struct peer *peer, void *arg);
struct peer_op;
/* source_address NULL: any (move destination). Otherwise rows with source addresses must contain it. */
struct peer_op *peer_find(struct pg_pool *pool, int64_t timeout_ms, const char *ae_title,
                          const char *source_address, peer_cb cb, void *arg);
void peer_cancel(struct peer_op *op);

#endif
