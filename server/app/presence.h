/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's row in dpp.servers: that it runs, and what it knows. See presence.c.
 */
#ifndef APP_PRESENCE_H
#define APP_PRESENCE_H

#include "pg/sync.h"

enum { PRESENCE_PARAMS = 4 };

struct presence {
    char id[37]; /* of the row, made up when the server starts; also in audit rows */
    char schema_version[16];
    char host[256];
};

void presence_init(struct presence *p);
/* Writes the row, or that it is still right. */
extern const char presence_beat_sql[];
void presence_params(const struct presence *p, struct pg_param params[PRESENCE_PARAMS]);
/* Takes it out; one parameter, the id. */
extern const char presence_leave_sql[];

/* Whether a server of this build may use the schema, as migrate_check says; asked when the row is written, so that a
 * breaking migration sees us or we see it. A database that takes no rows is no reason to say no. */
MUST_CHECK enum rc presence_check(struct pg_sync *s, const struct presence *p, struct err *err);

#endif
