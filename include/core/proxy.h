/* SPDX-License-Identifier: Apache-2.0
 *
 * core/proxy: the header with which a balancer says whose connection it passes on: PROXY protocol, version 2
 * (HAProxy's proxy-protocol.txt, 2.2). Pure: octets in, an address out. Version 1, the one in text, is not taken.
 *
 *   octets 1-12  signature            14  family and transport
 *   13           version and command  15-16  octets that follow: addresses as the family has them, then TLVs
 */
#ifndef CORE_PROXY_H
#define CORE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/bytes.h"
#include "core/err.h"

enum {
    PROXY_FIXED_BYTES = 16,
    PROXY_MAX_BYTES = 4096, /* of a whole header; addresses have 216 at most, the rest is TLVs */
};

/* How long the header is, as far as its beginning says: PROXY_FIXED_BYTES, and the whole when those are there. So
 * whoever never reads more than what lacks leaves what follows it alone. RC_INVALID: this begins no header, be it
 * ever so short; RC_LIMIT: longer than PROXY_MAX_BYTES. */
MUST_CHECK enum rc proxy_length(struct span so_far, size_t *length, struct err *err);

struct proxy_header {
    /* Whose connection it is; ss_family AF_UNSPEC = the balancer's own, because it says so (LOCAL: a health probe), or
     * whose address it cannot say (a client of a local socket, an unspecified family). */
    struct sockaddr_storage source;
};
/* A whole header. RC_INVALID: an unknown version, command or family, or lengths that do not fit. TLVs are checked for
 * their lengths and skipped. */
MUST_CHECK enum rc proxy_decode(struct span header, struct proxy_header *out, struct err *err);

#endif
