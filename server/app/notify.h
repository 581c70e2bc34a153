/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling systemd what the server does (sd_notify(3)); main loop only. See notify.c.
 */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

#include "core/loop.h"

struct notify;

/* Nothing is told where nobody asks for it (NOTIFY_SOCKET). returned. */
struct notify *notify_new(struct loop *l);
void notify_free(struct notify *n); /* NULL is legal */

void notify_ready(struct notify *n, const char *status); /* it serves; again after a reload */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n, int64_t most_ms); /* it takes so long at most */
void notify_status(struct notify *n, const char *status);

#endif
