/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, times, date-times and ranges of them, by meaning (PS3.5 6.2, PS3.4 C.2.2.2.1 and C.2.2.2.5).
 *
 * Everything is microseconds: of a time since midnight, of a date or date-time since 0001-01-01, as its clock
 * shows it.
 */
#include "reference.h"

/* The digits at p as a number, -1 where one is none. */
static int64_t digits(const uint8_t *p, size_t n)
{
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + p[i] - '0';
    }
    return value;
}

static bool is_leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

/* Days of years and months before this one, counted one after the other; few years are asked for. */
static int64_t days_before(int64_t year, int64_t month)
{
    int64_t days = 0, y = 1;
    for (; y + 400 <= year; y += 400)
        days += 146097;
    for (; y < year; y++)
        days += 365 + is_leap_year(y);
    for (int64_t m = 1; m < month; m++)
        days += month_days(year, m);
    return days;
}

/* YYYY, YYYYMM or YYYYMMDD. */
static bool days_read(const uint8_t *p, size_t len, struct moment *out)
{
    if (len != 4 && len != 6 && len != 8)
        return false;
    int64_t year = digits(p, 4), month = len > 4 ? digits(p + 4, 2) : 1,
            day = len > 6 ? digits(p + 6, 2) : 1;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    int64_t n = len > 6 ? 1 : len > 4 ? month_days(year, month) : 365 + is_leap_year(year);
    out->first = (days_before(year, month) + day - 1) * DAY;
    out->last = out->first + n * DAY - 1;
    return true;
}

/* YYYYMMDD, and YYYY.MM.DD of ACR-NEMA 2.0 (PS3.5 table 6.2-1). */
bool date_read(struct span s, struct moment *out)
{
    uint8_t plain[8];
    memset(out, 0, sizeof(*out));
    if (s.len == 10 && s.data[4] == '.' && s.data[7] == '.') {
        memcpy(plain, s.data, 4);
        memcpy(plain + 4, s.data + 5, 2);
        memcpy(plain + 6, s.data + 8, 2);
        s = span_of(plain, 8);
    }
    return s.len == 8 && days_read(s.data, s.len, out);
}

/* HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF; HH:MM and HH:MM:SS of ACR-NEMA 2.0. A choice: second 60 counts as
 * the last microsecond of second 59. */
bool time_read(struct span s, struct moment *out)
{
    static const int64_t units[] = {INT64_C(3600000000), 60000000, 1000000};
    static const int64_t most[] = {23, 59, 60};
    bool has_colons = s.len > 2 && s.data[2] == ':', is_leap = false;
    size_t at = 0;
    int64_t unit = 0;

    memset(out, 0, sizeof(*out));
    for (unsigned n = 0; n < 3 && (n == 0 || at < s.len); n++) {
        if (n > 0 && has_colons && s.data[at++] != ':')
            return false;
        int64_t value = s.len - at >= 2 ? digits(s.data + at, 2) : -1;
        if (value < 0 || value > most[n])
            return false;
        is_leap = value == 60;
        unit = units[n];
        out->first += value * unit;
        at += 2;
    }
    if (at < s.len) {
        size_t n = s.len - at - 1;
        if (s.data[at] != '.' || n < 1 || n > 6 || unit != units[2])
            return false;
        int64_t fraction = digits(s.data + at + 1, n);
        if (fraction < 0)
            return false;
        for (size_t i = 0; i < n; i++)
            unit /= 10;
        out->first += fraction * unit;
    }
    out->last = out->first + unit - 1;
    if (is_leap)
        out->first = out->last = out->first / 1000000 * 1000000 - 1;
    return true;
}

/* PS3.3 C.12.1.1.8: &ZZXX, -1200 to +1400. */
bool offset_read(struct span s, int64_t *out)
{
    int64_t hours = s.len == 5 ? digits(s.data + 1, 2) : -1;
    int64_t minutes = s.len == 5 ? digits(s.data + 3, 2) : -1;
    if (hours < 0 || minutes < 0 || minutes > 59 || (s.data[0] != '+' && s.data[0] != '-'))
        return false;
    minutes += hours * 60;
    if (s.data[0] == '-')
        minutes = -minutes;
    *out = minutes * 60000000;
    return minutes >= -720 && minutes <= 840;
}

/* YYYY[MM[DD[HH[MM[SS[.F to .FFFFFF]]]]]][&ZZXX] */
bool datetime_read(struct span s, struct moment *out)
{
    int64_t offset = 0;
    struct moment time = {0};
    bool has_offset = s.len > 5 && (s.data[s.len - 5] == '+' || s.data[s.len - 5] == '-');
    if (has_offset && !offset_read(span_of(s.data + s.len - 5, 5), &offset))
        return false;
    s.len -= has_offset ? 5 : 0;
    memset(out, 0, sizeof(*out));
    if (!days_read(s.data, s.len < 8 ? s.len : 8, out))
        return false;
    if (s.len > 8) {
        if (memchr(s.data, ':', s.len) || !time_read(span_of(s.data + 8, s.len - 8), &time))
            return false;
        out->last = out->first + time.last;
        out->first += time.first;
    }
    out->has_offset = has_offset && planted != PLANT_DT_OFFSET;
    out->offset = offset;
    return true;
}

static struct span without_spaces(struct span s)
{
    while (s.len > 0 && s.data[0] == ' ')
        s = span_of(s.data + 1, s.len - 1);
    while (s.len > 0 && s.data[s.len - 1] == ' ')
        s.len--;
    return s;
}

/* With the "-" at `dash` between the ends. */
static bool ends_read(struct span s, size_t dash, moment_reader reader, struct range *out)
{
    struct span low = without_spaces(span_of(s.data, dash));
    struct span high = without_spaces(span_of(s.data + dash + 1, s.len - dash - 1));
    memset(out, 0, sizeof(*out));
    out->is_range = true;
    out->has_low = low.len > 0;
    out->has_high = high.len > 0;
    return (out->has_low || out->has_high) && (!out->has_low || reader(low, &out->low)) &&
           (!out->has_high || reader(high, &out->high));
}

/* The first end is not after the second (C.2.2.2.5); offsets count if both have one. */
static bool is_forward(const struct range *r)
{
    bool both = r->low.has_offset && r->high.has_offset;
    return !r->has_low || !r->has_high ||
           r->low.first - (both ? r->low.offset : 0) <= r->high.last - (both ? r->high.offset : 0);
}

/* A "-" may also begin the offset of a DT. A choice: the first "-" that makes a range with its ends in order
 * does; else the value is a single one, if it can be; else it is a range that nothing is in. */
bool range_read(struct span s, moment_reader reader, struct range *out)
{
    struct range backward = {0}, found;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != '-' || !ends_read(s, i, reader, &found))
            continue;
        *out = found;
        if (is_forward(&found))
            return true;
        if (!backward.is_range)
            backward = found;
    }
    memset(out, 0, sizeof(*out));
    out->has_low = true;
    if (reader(s, &out->low))
        return true;
    *out = backward;
    return backward.is_range;
}

bool range_holds(const struct range *r, int64_t moment, int64_t low_shift, int64_t high_shift)
{
    int64_t low = r->low.first + low_shift;
    if (!r->is_range)
        return moment == low;
    int64_t end = (planted == PLANT_PRECISION ? r->high.first : r->high.last) + high_shift;
    if (planted == PLANT_RANGE_END)
        end--;
    return (!r->has_low || moment >= low) && (!r->has_high || moment <= end);
}
