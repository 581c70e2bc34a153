/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and times (PS3.4 C.2.2.2.1, C.2.2.2.5): single values and ranges, compared by meaning.
 *
 * A key value becomes one or two bounds, each with the first and the last instant that its precision
 * covers: "10-12" is 10:00:00.000000 to 12:59:59.999999. A single value is a point: the entity's value
 * has the same meaning ("2230" is "223000"). Instants are handed to PostgreSQL as ISO 8601 text, which
 * needs no DateStyle. Second 60 has no place of its own in SQL and is 59.999999, as in dpp.parse_tm.
 *
 * When the model's date and time are both ranges of the same form they are one range of date-times
 * (PS3.4 HH.6.1.2.2, table HH.6-1): 20060705-20060707 with 1000-1800 is one span of 56 hours, not three
 * daily windows. Otherwise each restricts on its own. A column is null where the entity has no (valid)
 * value, and null satisfies no comparison: an unknown value fails (K.2.2.1.1.1).
 */
#include "query_parts.h"

#include <stdio.h>

enum { INSTANT_TEXT = 32 };

struct instant {
    char first[INSTANT_TEXT]; /* the first and last moment the written value covers */
    char last[INSTANT_TEXT];
};

struct bounds {
    bool is_range;
    bool has_low, has_high; /* of a single value: low only */
    struct instant low, high;
};

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

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* DA: YYYYMMDD, or YYYY.MM.DD of old (PS3.5 6.2 note). */
static bool parse_date(struct span s, struct instant *out)
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
    if (!all_digits(d, 8))
        return false;

    int year = number(d, 4), month = number(d + 4, 2), day = number(d + 6, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    snprintf(out->first, sizeof(out->first), "%04d-%02d-%02d", year % 10000, month, day);
    memcpy(out->last, out->first, sizeof(out->last));
    return true;
}

static void format_time(int64_t us, char out[INSTANT_TEXT])
{
    unsigned seconds = (unsigned)(us / 1000000) % 86400;
    snprintf(out, INSTANT_TEXT, "%02u:%02u:%02u.%06u", seconds / 3600, seconds / 60 % 60,
             seconds % 60, (unsigned)(us % 1000000));
}

/* TM: HH[MM[SS[.F{1,6}]]], or with colons of old. */
static bool parse_time(struct span s, struct instant *out)
{
    static const int64_t unit[] = {INT64_C(3600000000), 60000000, 1000000};
    static const int highest[] = {23, 59, 60};
    int64_t us = 0, covered = 0;
    bool is_leap = false;
    size_t at = 0;

    for (unsigned part = 0; part < 3 && (part == 0 || at < s.len); part++) {
        if (part > 0 && s.data[at] == ':')
            at++;
        if (s.len - at < 2 || !all_digits(s.data + at, 2))
            return false;
        int value = number(s.data + at, 2);
        if (value > highest[part])
            return false;
        is_leap = value == 60;
        us += value * unit[part];
        covered = unit[part];
        at += 2;
    }
    if (at < s.len) {
        size_t digits = s.len - at - 1;
        if (covered != unit[2] || s.data[at] != '.' || digits < 1 || digits > 6 ||
            !all_digits(s.data + at + 1, digits))
            return false;
        for (size_t i = 0; i < digits; i++) {
            covered /= 10;
            us += (s.data[at + 1 + i] - '0') * covered;
        }
    }
    if (is_leap) {
        us = us / unit[2] * unit[2] - 1;
        covered = 1;
    }
    format_time(us, out->first);
    format_time(us + covered - 1, out->last);
    return true;
}

typedef bool (*instant_parser)(struct span s, struct instant *out);

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\0'))
        s.len--;
    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }
    return s;
}

static bool parse_bounds(struct span s, instant_parser parse, struct bounds *out)
{
    memset(out, 0, sizeof(*out));
    const uint8_t *dash = s.len ? memchr(s.data, '-', s.len) : NULL;
    if (!dash) {
        out->has_low = true;
        return parse(s, &out->low);
    }

    struct span low = trim(span_of(s.data, (size_t)(dash - s.data)));
    struct span high = trim(span_of(dash + 1, s.len - (size_t)(dash - s.data) - 1));
    out->is_range = true;
    out->has_low = low.len > 0;
    out->has_high = high.len > 0;
    if (!out->has_low && !out->has_high)
        return false;
    return (!out->has_low || parse(low, &out->low)) && (!out->has_high || parse(high, &out->high));
}

static unsigned add_text(struct query_builder *b, const char *text)
{
    char *copy = arena_strdup(b->arena, text);
    return copy ? query_add_param(b, span_str(copy)) : 0;
}

/* "(p.creation_time >= $1::time and p.creation_time <= $2::time)" */
static bool add_bounds(struct query_builder *b, const char *column, const char *type,
                       const struct bounds *k, struct buf *to)
{
    unsigned low = k->has_low ? add_text(b, k->low.first) : 0;
    unsigned high = k->has_high ? add_text(b, k->high.last) : 0;
    if ((k->has_low && !low) || (k->has_high && !high))
        return false;

    if (!k->is_range)
        buf_printf(to, "%s = $%u::%s", column, low, type);
    else if (low && high)
        buf_printf(to, "(%s >= $%u::%s and %s <= $%u::%s)", column, low, type, column, high, type);
    else
        buf_printf(to, "%s %s $%u::%s", column, low ? ">=" : "<=", low ? low : high, type);
    return true;
}

/* The values of a key; *count 0 = universal. out has room for QUERY_MAX_VALUES. */
static enum rc read_values(const struct dcm_element *e, instant_parser parse, struct bounds *out,
                           unsigned *count, struct err *err)
{
    *count = 0;
    for (size_t start = 0, i = 0; i <= e->value.len; i++) {
        if (i < e->value.len && e->value.data[i] != '\\')
            continue;
        struct span value = trim(span_of(e->value.data + start, i - start));
        start = i + 1;
        if (value.len == 0)
            continue;
        if (*count == QUERY_MAX_VALUES)
            return query_many_values(err, e->tag);
        if (!parse_bounds(value, parse, &out[*count]))
            return err_set_tag(err, RC_INVALID, e->tag, "%s key is malformed",
                               parse == parse_date ? "date" : "time");
        ++*count;
    }
    return RC_OK;
}

/* Any of the values. */
static enum rc add_values(struct query_builder *b, const struct query_place *at, const char *type,
                          const struct bounds *values, unsigned count, struct buf *to,
                          struct err *err)
{
    if (count == 0)
        return RC_OK;
    const char *column = query_column(b, at);
    if (!column)
        return query_no_room(err, at->key->tag);

    buf_add_str(to, count > 1 ? " and (" : " and ");
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buf_add_str(to, " or ");
        if (!add_bounds(b, column, type, &values[i], to))
            return query_no_room(err, at->key->tag);
    }
    if (count > 1)
        buf_add_str(to, ")");
    return RC_OK;
}

static void join_instants(const struct instant *date, const struct instant *time,
                          struct instant *out)
{
    snprintf(out->first, sizeof(out->first), "%.10s %.15s", date->first, time->first);
    snprintf(out->last, sizeof(out->last), "%.10s %.15s", date->last, time->last);
}

/* One range of date-times. */
static enum rc add_combined(struct query_builder *b, const struct bounds *date,
                            const struct bounds *time, struct buf *to, struct err *err)
{
    struct bounds both = *date;
    join_instants(&date->low, &time->low, &both.low);
    join_instants(&date->high, &time->high, &both.high);

    const char *column = arena_printf(b->arena, "p.%s", b->model->datetime_column);
    if (!column)
        return query_no_room(err, b->model->date_tag);
    b->needs_table = true;
    buf_add_str(to, " and ");
    if (!add_bounds(b, column, "timestamp", &both, to))
        return query_no_room(err, b->model->date_tag);
    return RC_OK;
}

static struct query_place place_of(const struct query_builder *b, uint32_t tag)
{
    struct query_place at = {.key = model_find_key(b->model->keys, b->model->key_count, tag)};
    memcpy(at.alias, "p", 2);
    return at;
}

enum rc query_datetime(struct query_builder *b, const struct dcm_element *date,
                       const struct dcm_element *time, struct buf *to, struct err *err)
{
    struct bounds dates[QUERY_MAX_VALUES], times[QUERY_MAX_VALUES];
    unsigned date_count = 0, time_count = 0;
    enum rc rc = RC_OK;

    if (date)
        rc = read_values(date, parse_date, dates, &date_count, err);
    if (rc == RC_OK && time)
        rc = read_values(time, parse_time, times, &time_count, err);
    if (rc != RC_OK)
        return rc;

    if (date_count == 1 && time_count == 1 && dates[0].is_range && times[0].is_range &&
        dates[0].has_low == times[0].has_low && dates[0].has_high == times[0].has_high)
        return add_combined(b, &dates[0], &times[0], to, err);

    struct query_place at = place_of(b, b->model->date_tag);
    rc = add_values(b, &at, "date", dates, date_count, to, err);
    if (rc == RC_OK) {
        at = place_of(b, b->model->time_tag);
        rc = add_values(b, &at, "time", times, time_count, to, err);
    }
    return rc;
}
