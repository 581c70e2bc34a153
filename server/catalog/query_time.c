/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and times (PS3.4 C.2.2.2.1, C.2.2.2.5): single values and ranges, compared by meaning. What a key
 * means is read by query_instant.c; here it becomes a predicate.
 *
 * A single value is a point: the entity's value has the same meaning ("2230" is "223000"; what either leaves out
 * counts as zero, a month or day as the first). Instants are handed to PostgreSQL as ISO 8601 text, which needs no
 * DateStyle. A column is null where the entity has no (valid) value, and null satisfies no comparison: an unknown
 * value fails (K.2.2.1.1.1).
 *
 * When the model's date and time are both ranges of the same form they are one range of date-times
 * (PS3.4 HH.6.1.2.2, table HH.6-1): 20060705-20060707 with 1000-1800 is one span of 56 hours, not three
 * daily windows. Otherwise each restricts on its own.
 *
 * Zones. The zone of a key without an offset of its own is the request's (0008,0201), else the site's; that of a stored
 * value its own, else the object's (0008,0201), else the site's.
 *
 *                              nothing negotiated                     time zone adjustment (K.5.1 byte 4)
 *   DA, TM                     as written                             in the key's zone: see below
 *   DT, key has an offset      as instants                            as instants
 *   DT, entity has its own     as instants                            as instants
 *   DT, neither                as written                             as instants
 *
 * With adjustment a stored date and time is an instant, and the keys are compared with what a clock in the key's zone
 * shows at it ("the specified time values and the definition of midnight are in the specified timezone",
 * C.2.2.2.5.2): a date alone is that day from midnight to midnight there, a time alone the time of day there.
 * Comparing in UTC is the same thing. A date without a time, or a time without a date, is no instant and is compared as
 * written.
 *
 * A column "x" of a DT comes with "x_local" (timestamp, as written), "x_has_offset" and "x_instant" (timestamptz,
 * null where neither value nor object has an offset), so that only the site's zone is left to the query. It cannot be
 * in an index, being a setting, so what it applies to is looked for within a day of where it would be, by the index on
 * the local time, and then computed: zones move their clocks by a day at most.
 */
#include "query_parts.h"
#include "query_instant.h"

/* The ends of what a key allows, as SQL; NULL = open. Of a point both are the same. */
struct ends {
    const char *low, *high;
    bool is_point;
};

static unsigned add_text(struct query_builder *b, const char *text)
{
    char *copy = arena_strdup(b->arena, text);
    return copy ? query_add_param(b, span_str(copy)) : 0;
}

/* ---- the zones ---- */

enum rc query_read_zone(struct query_builder *b, const struct dcm_item *item, struct err *err)
{
    const struct dcm_element *e = dcm_find(item, TAG_TimezoneOffsetFromUTC);
    struct span value = e ? instant_trim(e->value) : span_of(NULL, 0);
    if (!e || (value.len == 0 && !e->items))
        return RC_OK;
    if (!instant_read_offset(value, &b->zone_minutes))
        return err_set_tag(err, RC_INVALID, e->tag, "time zone offset is malformed");
    b->has_zone = true;
    return RC_OK;
}

/* The site's zone as SQL. */
static const char *site_zone(struct query_builder *b)
{
    if (!b->site_zone_sql) {
        unsigned n = add_text(b, b->site_zone);
        b->site_zone_sql = n ? arena_printf(b->arena, "$%u::text", n) : NULL;
    }
    return b->site_zone_sql;
}

/* The zone of keys without an offset of their own as SQL. */
static const char *key_zone(struct query_builder *b)
{
    if (!b->has_zone)
        return site_zone(b);
    if (!b->key_zone_sql) {
        char *text = arena_printf(b->arena, "%d minutes", b->zone_minutes);
        unsigned n = text ? query_add_param(b, span_str(text)) : 0;
        b->key_zone_sql = n ? arena_printf(b->arena, "$%u::interval", n) : NULL;
    }
    return b->key_zone_sql;
}

/* ---- ends ---- */

/* As written. */
static const char *add_local(struct query_builder *b, int64_t at, const char *type)
{
    char text[INSTANT_TEXT];
    if (strcmp(type, "date") == 0)
        instant_format_date(at, text);
    else if (strcmp(type, "time") == 0)
        instant_format_time(at, text);
    else
        instant_format_timestamp(at, text);
    unsigned n = add_text(b, text);
    return n ? arena_printf(b->arena, "$%u::%s", n, type) : NULL;
}

/* As an instant: `at` is local in the key's zone, or in the value's own. */
static const char *add_instant(struct query_builder *b, int64_t at, const struct instant *own)
{
    char text[INSTANT_TEXT];
    if (!own->has_offset && !b->has_zone) {
        const char *zone = site_zone(b), *local = add_local(b, at, "timestamp");
        return zone && local ? arena_printf(b->arena, "(%s at time zone %s)", local, zone) : NULL;
    }
    int minutes = own->has_offset ? own->offset_minutes : b->zone_minutes;
    instant_format_utc(at - minutes * INT64_C(60000000), text);
    unsigned n = add_text(b, text);
    return n ? arena_printf(b->arena, "$%u::timestamptz", n) : NULL;
}

/* type NULL: as instants. False: no room. */
static bool add_ends(struct query_builder *b, const struct bounds *k, const char *type,
                     struct ends *out)
{
    *out = (struct ends){.is_point = !k->is_range};
    if (k->has_low)
        out->low = type ? add_local(b, k->low.first, type) : add_instant(b, k->low.first, &k->low);
    if (k->has_high)
        out->high =
            type ? add_local(b, k->high.last, type) : add_instant(b, k->high.last, &k->high);
    if (out->is_point)
        out->high = out->low;
    return (!k->has_low || out->low) && (!k->has_high || out->high);
}

/* "(p.creation_time >= $1::time and p.creation_time <= $2::time)" */
static void compare(struct buf *to, const char *column, const struct ends *e)
{
    if (e->is_point)
        buf_printf(to, "%s = %s", column, e->low);
    else if (e->low && e->high)
        buf_printf(to, "(%s >= %s and %s <= %s)", column, e->low, column, e->high);
    else
        buf_printf(to, "%s %s %s", column, e->low ? ">=" : "<=", e->low ? e->low : e->high);
}

/* Instants, with the local time in the site's zone where there is none. */
static bool compare_instants(struct query_builder *b, const char *instant, const char *local,
                             const struct ends *e, struct buf *to)
{
    const char *zone = site_zone(b);
    if (!zone)
        return false;
    const char *computed = arena_printf(b->arena, "(%s at time zone %s)", local, zone);
    if (!computed)
        return false;
    buf_add_str(to, "(");
    compare(to, instant, e);
    buf_printf(to, " or (%s is null", instant);
    if (e->low)
        buf_printf(to, " and %s >= (%s at time zone %s) - interval '1 day'", local, e->low, zone);
    if (e->high)
        buf_printf(to, " and %s <= (%s at time zone %s) + interval '1 day'", local, e->high, zone);
    buf_add_str(to, " and ");
    compare(to, computed, e);
    buf_add_str(to, "))");
    return true;
}

/* ---- values ---- */

/* The values of a key; *count 0 = universal. out has room for QUERY_MAX_VALUES. */
static enum rc read_values(const struct dcm_element *e, enum instant_kind kind, struct bounds *out,
                           unsigned *count, struct err *err)
{
    static const char *const names[] = {"date", "time", "date-time"};
    *count = 0;
    for (size_t start = 0, i = 0; i <= e->value.len; i++) {
        if (i < e->value.len && e->value.data[i] != '\\')
            continue;
        struct span value = instant_trim(span_of(e->value.data + start, i - start));
        start = i + 1;
        if (value.len == 0)
            continue;
        if (*count == QUERY_MAX_VALUES)
            return query_many_values(err, e->tag);
        if (!instant_read_bounds(kind, value, &out[*count]))
            return err_set_tag(err, RC_INVALID, e->tag, "%s key is malformed", names[kind]);
        ++*count;
    }
    return RC_OK;
}

/* One value of a key. */
typedef bool (*value_writer)(struct query_builder *b, const char *column, const struct bounds *k,
                             struct buf *to);

/* Any of the values. */
static enum rc add_values(struct query_builder *b, const struct query_place *at, value_writer write,
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
        if (!write(b, column, &values[i], to))
            return query_no_room(err, at->key->tag);
    }
    if (count > 1)
        buf_add_str(to, ")");
    return RC_OK;
}

/* ---- DT ---- */

static bool write_datetime(struct query_builder *b, const char *column, const struct bounds *k,
                           struct buf *to)
{
    const char *local = arena_printf(b->arena, "%s_local", column);
    const char *instant = arena_printf(b->arena, "%s_instant", column);
    struct ends instants, written;
    if (!local || !instant || !add_ends(b, k, NULL, &instants))
        return false;
    if (b->adjusts_times || k->low.has_offset || k->high.has_offset)
        return compare_instants(b, instant, local, &instants, to);

    if (!add_ends(b, k, "timestamp", &written))
        return false;
    buf_printf(to, "((not %s_has_offset and ", column);
    compare(to, local, &written);
    buf_printf(to, ") or (%s_has_offset and ", column);
    compare(to, instant, &instants);
    buf_add_str(to, "))");
    return true;
}

enum rc query_instant(struct query_builder *b, const struct query_place *at,
                      const struct dcm_element *e, struct buf *to, struct err *err)
{
    struct bounds values[QUERY_MAX_VALUES];
    unsigned count = 0;
    enum rc rc = read_values(e, INSTANT_DATETIME, values, &count, err);
    return rc == RC_OK ? add_values(b, at, write_datetime, values, count, to, err) : rc;
}

/* ---- DA and TM ---- */

static bool write_date(struct query_builder *b, const char *column, const struct bounds *k,
                       struct buf *to)
{
    struct ends e;
    if (!add_ends(b, k, "date", &e))
        return false;
    compare(to, column, &e);
    return true;
}

static bool write_time(struct query_builder *b, const char *column, const struct bounds *k,
                       struct buf *to)
{
    struct ends e;
    if (!add_ends(b, k, "time", &e))
        return false;
    compare(to, column, &e);
    return true;
}

/* From midnight to midnight in the key's zone. */
static bool write_adjusted_date(struct query_builder *b, const char *column, const struct bounds *k,
                                struct buf *to)
{
    struct bounds days = *k;
    struct ends e;
    if (!k->is_range) {
        days.is_range = days.has_high = true;
        days.high = days.low;
    }
    if (!add_ends(b, &days, NULL, &e))
        return false;
    buf_add_str(to, "(");
    if (!compare_instants(b, b->instant_column, b->datetime_column, &e, to))
        return false;
    buf_printf(to, " or (%s is null and ", b->datetime_column);
    if (!write_date(b, column, k, to))
        return false;
    buf_add_str(to, "))");
    return true;
}

static bool write_adjusted_time(struct query_builder *b, const char *column, const struct bounds *k,
                                struct buf *to)
{
    const char *site = site_zone(b), *zone = key_zone(b);
    struct ends e;
    if (!site || !zone || !add_ends(b, k, "time", &e))
        return false;
    const char *shown =
        arena_printf(b->arena, "(coalesce(%s, %s at time zone %s) at time zone %s)::time",
                     b->instant_column, b->datetime_column, site, zone);
    if (!shown)
        return false;
    buf_add_str(to, "(");
    compare(to, shown, &e);
    buf_printf(to, " or (%s is null and ", b->datetime_column);
    compare(to, column, &e);
    buf_add_str(to, "))");
    return true;
}

/* One range of date-times. */
static enum rc add_combined(struct query_builder *b, const struct bounds *date,
                            const struct bounds *time, struct buf *to, struct err *err)
{
    struct bounds both = *date;
    struct ends e;
    both.low.first += time->low.first;
    both.high.last = both.high.first + time->high.last;

    b->needs_table = true;
    buf_add_str(to, " and ");
    bool ok = add_ends(b, &both, b->adjusts_times ? NULL : "timestamp", &e);
    if (ok && b->adjusts_times)
        ok = compare_instants(b, b->instant_column, b->datetime_column, &e, to);
    else if (ok)
        compare(to, b->datetime_column, &e);
    return ok ? RC_OK : query_no_room(err, b->model->date_tag);
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
        rc = read_values(date, INSTANT_DATE, dates, &date_count, err);
    if (rc == RC_OK && time)
        rc = read_values(time, INSTANT_TIME, times, &time_count, err);
    if (rc != RC_OK || date_count + time_count == 0)
        return rc;

    b->datetime_column = arena_printf(b->arena, "p.%s", b->model->datetime_column);
    b->instant_column = arena_printf(b->arena, "p.%s", b->model->instant_column);
    if (!b->datetime_column || !b->instant_column)
        return query_no_room(err, b->model->date_tag);

    if (date_count == 1 && time_count == 1 && dates[0].is_range && times[0].is_range &&
        dates[0].has_low == times[0].has_low && dates[0].has_high == times[0].has_high)
        return add_combined(b, &dates[0], &times[0], to, err);

    struct query_place at = place_of(b, b->model->date_tag);
    rc = add_values(b, &at, b->adjusts_times ? write_adjusted_date : write_date, dates, date_count,
                    to, err);
    if (rc == RC_OK) {
        at = place_of(b, b->model->time_tag);
        rc = add_values(b, &at, b->adjusts_times ? write_adjusted_time : write_time, times,
                        time_count, to, err);
    }
    return rc;
}
