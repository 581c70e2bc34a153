/* SPDX-License-Identifier: Apache-2.0
 *
 * core/resolve: host names to addresses on a jobpool, because getaddrinfo blocks.
 */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "core/err.h"
#include "core/jobpool.h"

struct resolve;

struct resolved {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* count 0 and why set when the name has no address; otherwise up to 8 addresses, in order to try. */
typedef void (*resolve_cb)(const struct resolved *addresses, unsigned count, const struct err *why,
                           void *arg);

/* Loop thread. Numeric addresses are answered without a job, but never from inside the call. */
MUST_CHECK enum rc resolve_start(struct jobpool *p, struct mailbox *reply_to, const char *host,
                                 uint16_t port, resolve_cb cb, void *arg, struct resolve **out,
                                 struct err *err);
/* After this the callback does not come. Not legal after the callback. */
void resolve_cancel(struct resolve *r);

#endif
