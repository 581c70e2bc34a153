/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `dppr doctor` share.
 */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

#include "app_internal.h"
#include "certificates.h"

struct doctor {
    const struct command *self;
    const struct config *config;
    struct pg_sync *database; /* NULL = cannot be reached */
    struct certificates_read certificates;
    bool is_json;
    long timeout_s;
    unsigned checks, failures;
};

enum verdict { OK, WARN, FAIL };

/* One line. */
void doctor_report(struct doctor *d, enum verdict v, const char *name, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* doctor_settings.c: what contradicts itself, and what the system does not give. */
void doctor_check_settings(struct doctor *d);
/* doctor_database.c: the session, before the schema is known; and what needs the schema. */
void doctor_check_postgres(struct doctor *d);
void doctor_check_rights(struct doctor *d);
/* doctor_standby.c: of standby-database, when the schema is known to fit */
void doctor_check_standby(struct doctor *d);
/* doctor_destinations.c */
void doctor_check_destinations(struct doctor *d);

#endif
