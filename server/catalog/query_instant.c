/* SPDX-License-Identifier: Apache-2.0
 *
 * From the text of a key to the instants it means (PS3.5 6.2, PS3.4 C.2.2.2.5).
 *
 * A value becomes the first and the last microsecond that its precision covers: "10-12" is 10:00:00.000000 to
 * 12:59:59.999999, the DT 202402 is all of February. Second 60 has no place of its own in SQL and is 59.999999, as
 * in dpp.parse_tm. The retired forms YYYY.MM.DD and HH:MM:SS are read as PS3.5 6.2 recommends.
 *
 * In a DT "-" is both the sign of a range and that of an offset west of Greenwich. C.2.2.2.5 wants
 * <datetime1> - <datetime2> with the first not after the second, which settles what a "-" is:
 *
 *   1. The first "-" that has a date-time, or nothing, on either side in that order is the range's. A date-time
 *      may end with an offset, so in 20200105-0500-20200106-0500 it is the second, and 2019-2020 is two years.
 *   2. Otherwise the value is one date-time with a negative offset, if it can be: 20200105-0500, which as a range
 *      would end 1,500 years before it begins.
 *   3. Otherwise it is a range the wrong way round, which nothing satisfies.
 */
#include "query_instant.h"

#include <stdio.h>
#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)

static bool all_digits(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
    }
    return true;
}

static int number(const uint8_t *p, size_t n)
{
    int value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (p[i] - '0');
    return value;
}

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static int64_t days_before_year(int year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

/* Since 0001-01-01. */
static int64_t day_number(int year, int month, int day)
{
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days;
}

/* YYYY, YYYYMM or YYYYMMDD: the days it covers. */
static bool read_days(const uint8_t *d, size_t len, struct instant *out)
{
    if ((len != 4 && len != 6 && len != 8) || !all_digits(d, len))
        return false;
    int year = number(d, 4);
    int month = len > 4 ? number(d + 4, 2) : 1;
    if (year < 1 || month < 1 || month > 12)
        return false;
    int day = len > 6 ? number(d + 6, 2) : 1;
    if (day < 1 || day > days_in_month(year, month))
        return false;

    int64_t first = day_number(year, month, day);
    int64_t last = len == 8   ? first
                   : len == 6 ? first + days_in_month(year, month) - 1
                              : days_before_year(year + 1) - 1;
    out->first = first * INSTANT_DAY;
    out->last = (last + 1) * INSTANT_DAY - 1;
    return true;
}

static bool read_date(struct span s, struct instant *out)
{
    uint8_t d[8];
    if (s.len == 10 && s.data[4] == '.' && s.data[7] == '.') {
        memcpy(d, s.data, 4);
        memcpy(d + 4, s.data + 5, 2);
        memcpy(d + 6, s.data + 8, 2);
    } else if (s.len == 8) {
        memcpy(d, s.data, 8);
    } else {
        return false;
    }
    return read_days(d, 8, out);
}

/* ".F" to ".FFFFFF" after a whole second. */
static bool read_fraction(struct span s, int64_t *us, int64_t *covered)
{
    size_t digits = s.len - 1;
    if (*covered != US_PER_SECOND || s.data[0] != '.' || digits < 1 || digits > 6 ||
        !all_digits(s.data + 1, digits))
        return false;
    for (size_t i = 0; i < digits; i++) {
        *covered /= 10;
        *us += (s.data[1 + i] - '0') * *covered;
    }
    return true;
}

/* HH[MM[SS[.F{1,6}]]], or with colons throughout. */
static bool read_time(struct span s, struct instant *out)
{
    static const int64_t unit[] = {60 * US_PER_MINUTE, US_PER_MINUTE, US_PER_SECOND};
    static const int highest[] = {23, 59, 60};
    bool has_colons = s.len > 2 && s.data[2] == ':', is_leap_second = false;
    int64_t us = 0, covered = 0;
    size_t at = 0;

    for (unsigned part = 0; part < 3 && (part == 0 || at < s.len); part++) {
        if (part > 0 && has_colons && s.data[at++] != ':')
            return false;
        if (s.len - at < 2 || !all_digits(s.data + at, 2))
            return false;
        int value = number(s.data + at, 2);
        if (value > highest[part])
            return false;
        is_leap_second = value == 60;
        us += value * unit[part];
        covered = unit[part];
        at += 2;
    }
    if (at < s.len && !read_fraction(span_of(s.data + at, s.len - at), &us, &covered))
        return false;
    if (is_leap_second) {
        us = us / US_PER_SECOND * US_PER_SECOND - 1;
        covered = 1;
    }
    out->first = us;
    out->last = us + covered - 1;
    return true;
}

bool instant_read_offset(struct span s, int *minutes)
{
    if (s.len != 5 || (s.data[0] != '+' && s.data[0] != '-') || !all_digits(s.data + 1, 4))
        return false;
    int minute = number(s.data + 3, 2);
    int sum = number(s.data + 1, 2) * 60 + minute;
    *minutes = s.data[0] == '-' ? -sum : sum;
    return minute < 60 && *minutes >= -12 * 60 && *minutes <= 14 * 60;
}

/* YYYY[MM[DD[HH[MM[SS[.F{1,6}]]]]]][&ZZXX] */
static bool read_datetime(struct span s, struct instant *out)
{
    memset(out, 0, sizeof(*out));
    if (s.len > 5 && (s.data[s.len - 5] == '+' || s.data[s.len - 5] == '-')) {
        if (!instant_read_offset(span_of(s.data + s.len - 5, 5), &out->offset_minutes))
            return false;
        out->has_offset = true;
        s.len -= 5;
    }
    if (s.len <= 8)
        return read_days(s.data, s.len, out);

    struct instant time = {0};
    if (!read_days(s.data, 8, out) || (s.len > 10 && s.data[10] == ':') ||
        !read_time(span_of(s.data + 8, s.len - 8), &time))
        return false;
    out->last = out->first + time.last;
    out->first += time.first;
    return true;
}

static bool read_value(enum instant_kind kind, struct span s, struct instant *out)
{
    switch (kind) {
    case INSTANT_DATE:
        return read_date(s, out);
    case INSTANT_TIME:
        return read_time(s, out);
    case INSTANT_DATETIME:
        return read_datetime(s, out);
    }
    return false;
}

struct span instant_trim(struct span s)
{
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\0'))
        s.len--;
    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }
    return s;
}

/* With the "-" at `dash` as the sign of a range. */
static bool read_range(enum instant_kind kind, struct span s, size_t dash, struct bounds *out)
{
    struct span low = instant_trim(span_of(s.data, dash));
    struct span high = instant_trim(span_of(s.data + dash + 1, s.len - dash - 1));
    memset(out, 0, sizeof(*out));
    out->is_range = true;
    out->has_low = low.len > 0;
    out->has_high = high.len > 0;
    if (!out->has_low && !out->has_high)
        return false;
    return (!out->has_low || read_value(kind, low, &out->low)) &&
           (!out->has_high || read_value(kind, high, &out->high));
}

/* Offsets count where both sides have one: else the same zone is meant, or one that this file does not know. */
static bool is_in_order(const struct bounds *b)
{
    int64_t low = b->low.first, high = b->high.last;
    if (!b->has_low || !b->has_high)
        return true;
    if (b->low.has_offset && b->high.has_offset) {
        low -= b->low.offset_minutes * US_PER_MINUTE;
        high -= b->high.offset_minutes * US_PER_MINUTE;
    }
    return low <= high;
}

static bool read_datetime_bounds(struct span s, struct bounds *out)
{
    struct bounds reversed;
    bool has_reversed = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '-' || !read_range(INSTANT_DATETIME, s, i, out))
            continue;
        if (is_in_order(out))
            return true;
        if (!has_reversed)
            reversed = *out;
        has_reversed = true;
    }
    memset(out, 0, sizeof(*out));
    out->has_low = true;
    if (read_datetime(s, &out->low))
        return true;
    if (has_reversed)
        *out = reversed;
    return has_reversed;
}

bool instant_read_bounds(enum instant_kind kind, struct span s, struct bounds *out)
{
    if (kind == INSTANT_DATETIME)
        return read_datetime_bounds(s, out);

    const uint8_t *dash = s.len ? memchr(s.data, '-', s.len) : NULL;
    if (dash)
        return read_range(kind, s, (size_t)(dash - s.data), out);
    memset(out, 0, sizeof(*out));
    out->has_low = true;
    return read_value(kind, s, &out->low);
}

static void format_date(int64_t day, char *out, size_t cap)
{
    int year = (int)(day / 366) + 1, month = 1;
    while (days_before_year(year + 1) <= day)
        year++;
    day -= days_before_year(year);
    while (day >= days_in_month(year, month))
        day -= days_in_month(year, month++);
    snprintf(out, cap, "%04d-%02d-%02d", year, month, (int)day + 1);
}

void instant_format_date(int64_t at, char out[INSTANT_TEXT])
{
    format_date(at / INSTANT_DAY, out, INSTANT_TEXT);
}

void instant_format_time(int64_t at, char out[INSTANT_TEXT])
{
    unsigned seconds = (unsigned)(at / US_PER_SECOND % 86400);
    snprintf(out, INSTANT_TEXT, "%02u:%02u:%02u.%06u", seconds / 3600, seconds / 60 % 60,
             seconds % 60, (unsigned)(at % US_PER_SECOND));
}

static void format(int64_t at, const char *zone, char out[INSTANT_TEXT])
{
    char date[16], time[INSTANT_TEXT];
    /* 0001-01-01 east of Greenwich began in the year before, which has no number. */
    bool is_before = at < 0;
    if (is_before) {
        snprintf(date, sizeof(date), "0001-12-31");
        at += INSTANT_DAY;
    } else {
        format_date(at / INSTANT_DAY, date, sizeof(date));
    }
    instant_format_time(at, time);
    snprintf(out, INSTANT_TEXT, "%s %.15s%s%s", date, time, zone, is_before ? " BC" : "");
}

void instant_format_timestamp(int64_t at, char out[INSTANT_TEXT])
{
    format(at, "", out);
}

void instant_format_utc(int64_t at, char out[INSTANT_TEXT])
{
    format(at, "+00", out);
}
