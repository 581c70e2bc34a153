/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include <string.h>
#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

/* The part that stays for a second is kept by each thread. */
void clock_format_utc(char out[32])
{
    static _Thread_local time_t kept_second = -1;
    static _Thread_local char kept[24];
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != kept_second) {
        gmtime_r(&now.tv_sec, &tm);
        (void)strftime(kept, sizeof(kept), "%Y-%m-%dT%H:%M:%S", &tm);
        kept_second = now.tv_sec;
    }
    size_t n = strlen(kept);
    unsigned ms = (unsigned)(now.tv_nsec / 1000000);
    memcpy(out, kept, n);
    memcpy(out + n,
           (char[]){'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                    'Z', '\0'},
           6);
}
