/* SPDX-License-Identifier: Apache-2.0
 *
 * core/clock: monotonic time for deadlines, wall time for logs and DICOM dates.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);  /* monotonic */
int64_t clock_now_us(void);  /* monotonic */
int64_t clock_wall_us(void); /* since 1970-01-01 UTC */
/* "2026-11-23T02:04:39.123Z", UTC; out holds at least 25 characters. */
void clock_format_utc(char out[32]);

#endif
