/* SPDX-License-Identifier: Apache-2.0
 *
 * The meaning of dates and times in keys (PS3.5 6.2: DA, TM, DT), apart from how they are compared. Pure.
 */
#ifndef CATALOG_QUERY_INSTANT_H
#define CATALOG_QUERY_INSTANT_H

#include "core/bytes.h"

enum instant_kind { INSTANT_DATE, INSTANT_TIME, INSTANT_DATETIME };

enum { INSTANT_TEXT = 48 };
#define INSTANT_DAY INT64_C(86400000000)

/* The first and the last microsecond that a written value covers: from 0001-01-01, of a time from midnight. Read
 * without an offset from UTC, which only a DT can have. */
struct instant {
    int64_t first, last;
    bool has_offset;
    int offset_minutes; /* east of UTC */
};

/* What a key allows. */
struct bounds {
    bool is_range;
    bool has_low, has_high; /* of a single value: low only */
    struct instant low, high;
};

/* One value of a key, without padding; false = malformed. */
bool instant_read_bounds(enum instant_kind kind, struct span s, struct bounds *out);
/* Timezone Offset From UTC (0008,0201) and the suffix of a DT: &ZZXX, -1200 to +1400. */
bool instant_read_offset(struct span s, int *minutes);
struct span instant_trim(struct span s); /* padding away */

/* Text that PostgreSQL reads as date, time and timestamp, whatever its DateStyle. */
void instant_format_date(int64_t at, char out[INSTANT_TEXT]);
void instant_format_time(int64_t at, char out[INSTANT_TEXT]);
void instant_format_timestamp(int64_t at, char out[INSTANT_TEXT]);
/* The same as timestamptz, from an instant in UTC. */
void instant_format_utc(int64_t at, char out[INSTANT_TEXT]);

#endif
