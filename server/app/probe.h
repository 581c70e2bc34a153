/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's eye on its database; main loop only. See probe.c.
 */
#ifndef APP_PROBE_H
#define APP_PROBE_H

#include "app/config.h"
#include "core/jobpool.h"
#include "presence.h"
#include "web/web.h"

struct probe;

/* presence: borrowed. is_known_good: the schema has been checked just now. on_ready comes once, when database and schema are
 * in order for the first time. returned. */
struct probe *probe_new(struct loop *l, struct mailbox *mailbox, const struct config *config,
                        const struct presence *presence, unsigned connections_wanted,
                        struct web_health *health, bool is_known_good, void (*on_ready)(void *arg),
                        void *arg);
/* Whether the database has a schema that this build must not use. */
bool probe_schema_is_refused(const struct probe *p);
/* Whether the database has let the last question wait for more than a second, or lets this one. */
bool probe_is_slow(const struct probe *p);
/* Takes this server out of dpp.servers if that can be done within a moment, and frees. */
void probe_free(struct probe *p);

#endif
