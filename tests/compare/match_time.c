/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, times and ranges of them, by meaning (PS3.5 6.2, PS3.4 C.2.2.2.1 and C.2.2.2.5).
 */
#include "reference.h"

/* The digits at p as a number, -1 where one is none. */
static int64_t digits(const uint8_t *p, unsigned n)
{
    int64_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + p[i] - '0';
    }
    return value;
}

static int64_t month_days(int64_t year, int64_t month)
{
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* YYYYMMDD, and YYYY.MM.DD of ACR-NEMA 2.0 (PS3.5 table 6.2-1). */
bool date_read(struct span s, struct moment *out)
{
    const uint8_t *p = s.data;
    unsigned dot = s.len == 10 && p[4] == '.' && p[7] == '.';
    if (s.len != 8 + 2 * dot)
        return false;
    int64_t year = digits(p, 4), month = digits(p + 4 + dot, 2), day = digits(p + 6 + 2 * dot, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return false;
    out->first = out->last = year * 10000 + month * 100 + day;
    return true;
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

    out->first = 0;
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
        int64_t fraction = digits(s.data + at + 1, (unsigned)n);
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

static struct span without_spaces(struct span s)
{
    while (s.len > 0 && s.data[0] == ' ')
        s = span_of(s.data + 1, s.len - 1);
    while (s.len > 0 && s.data[s.len - 1] == ' ')
        s.len--;
    return s;
}

bool range_read(struct span s, moment_reader reader, struct range *out)
{
    const uint8_t *dash = s.len ? memchr(s.data, '-', s.len) : NULL;
    memset(out, 0, sizeof(*out));
    if (!dash) {
        out->has_low = true;
        return reader(s, &out->low);
    }
    struct span low = without_spaces(span_of(s.data, (size_t)(dash - s.data)));
    struct span high = without_spaces(span_of(dash + 1, (size_t)(s.data + s.len - dash - 1)));
    out->is_range = true;
    out->has_low = low.len > 0;
    out->has_high = high.len > 0;
    return (out->has_low || out->has_high) && (!out->has_low || reader(low, &out->low)) &&
           (!out->has_high || reader(high, &out->high));
}

bool range_holds(const struct range *r, int64_t moment)
{
    if (!r->is_range)
        return moment == r->low.first;
    int64_t end = planted == PLANT_PRECISION ? r->high.first : r->high.last;
    if (planted == PLANT_RANGE_END)
        end--;
    return (!r->has_low || moment >= r->low.first) && (!r->has_high || moment <= end);
}
