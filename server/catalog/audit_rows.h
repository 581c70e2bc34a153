/* SPDX-License-Identifier: Apache-2.0
 *
 * Audit rows on their way: one text array per column, so that any number of them is one statement. Pure.
 */
#ifndef CATALOG_AUDIT_ROWS_H
#define CATALOG_AUDIT_ROWS_H

#include "catalog/audit.h"

enum audit_column {
    AUDIT_AT, /* microseconds since 1970 */
    AUDIT_OPERATION,
    AUDIT_SOP_INSTANCE,
    AUDIT_STATUS,
    AUDIT_AE_TITLE,
    AUDIT_ADDRESS,
    AUDIT_DESTINATION,
    AUDIT_ASSOCIATION,
    AUDIT_DETAILS,
    AUDIT_COLUMNS,
};
enum { AUDIT_ROWS_OCTETS = 4 * 1024 * 1024 };

struct audit_rows {
    struct buf columns[AUDIT_COLUMNS];
    unsigned count;
};

/* false = there is no room for it. */
bool audit_rows_add(struct audit_rows *r, int64_t at_us, const struct audit_event *e);
/* The columns as parameters; nothing may be added until audit_rows_clear. */
void audit_rows_params(struct audit_rows *r, struct pg_param out[AUDIT_COLUMNS]);
void audit_rows_clear(struct audit_rows *r);
void audit_rows_fini(struct audit_rows *r);

/* A peer's text for a column: printable ASCII, other octets are question marks. size: of out, with its NUL. */
void audit_clean(const char *text, char *out, size_t size);
/* For a column of type inet, which knows no scope (fe80::1%eth0); "" = it is no IP address. */
void audit_address(const char *address, char *out, size_t size);

#endif
