/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of dates and times against an object's (PS3.4 C.2.2.2.5, table HH.6-1, K.5.1 for time zones).
 *
 * Choices. The zone of what has no offset of its own is the identifier's or the object's (0008,0201), else that of
 * the site. Without time zone adjustment dates and times are compared as written, and date-times as instants only
 * if either side has an offset of its own. With it, date and time of an object are one instant, which is compared as a
 * clock in the key's zone shows it; a date alone or a time alone is none, and is compared as written.
 */
#include "reference_parts.h"

struct context context_of(const struct question *q, const struct entity *e)
{
    struct context z = {.adjusts = q->adjusts && planted != PLANT_NO_ADJUSTMENT,
                        .is_fuzzy = q->is_fuzzy && planted != PLANT_NOT_FUZZY,
                        .key = q->has_zone ? q->zone : q->site_zone,
                        .object = e->has_zone ? e->zone : q->site_zone};
    if (planted == PLANT_OBJECT_ZONE)
        z.object = q->site_zone;
    if (planted == PLANT_REQUEST_ZONE)
        z.key = q->site_zone;
    return z;
}

bool datetime_matches(const struct context *z, struct span wanted, struct span there)
{
    struct moment m;
    struct range r;
    if (!datetime_read(there, &m) || !range_read(wanted, datetime_read, &r))
        return false;
    if (!z->adjusts && !m.has_offset && !r.low.has_offset && !r.high.has_offset)
        return range_holds(&r, m.first, 0, 0);
    return range_holds(&r, m.first - (m.has_offset ? m.offset : z->object),
                       -(r.low.has_offset ? r.low.offset : z->key),
                       -(r.high.has_offset ? r.high.offset : z->key));
}

/* One date and one time, as far as the object has them. */
struct creation {
    bool has_date, has_time;
    int64_t date, time; /* as compared */
    int64_t both;
};

static bool stored_moment(const struct keys *keys, uint32_t tag, moment_reader reader,
                          const struct dcm_item *item, int64_t *out)
{
    struct span values[MAX_VALUES];
    struct moment m;
    if (stored_values(key_of(*keys, tag), item, values) != 1 || !reader(values[0], &m))
        return false;
    *out = m.first;
    return true;
}

static struct creation creation_of(const struct keys *keys, const struct context *z,
                                   const struct dcm_item *item)
{
    struct creation c = {0};
    c.has_date = stored_moment(keys, 0x00080012, date_read, item, &c.date);
    c.has_time = stored_moment(keys, 0x00080013, time_read, item, &c.time);
    c.both = c.date + c.time;
    if (z->adjusts && c.has_date && c.has_time) {
        c.both += z->key - z->object;
        c.date = (c.both + 2 * DAY) / DAY * DAY - 2 * DAY; /* there may be days before the first */
        c.time = c.both - c.date;
    }
    return c;
}

/* The ranges that a date or time key gives; 0 = universal. */
static unsigned ranges_of(const struct keys *keys, const struct dcm_item *tree, uint32_t tag,
                          moment_reader reader, struct range out[MAX_RANGES])
{
    struct span values[MAX_VALUES];
    const struct dcm_element *e = dcm_find(tree, tag);
    unsigned count = e ? given_values(key_of(*keys, tag), e, values) : 0;
    if (count > MAX_RANGES)
        die("a key of more than %d dates", MAX_RANGES);
    for (unsigned i = 0; i < count; i++)
        (void)range_read(values[i], reader, &out[i]);
    return count;
}

static bool any_holds(const struct range *ranges, unsigned count, bool is_known, int64_t moment)
{
    for (unsigned i = 0; is_known && i < count; i++) {
        if (range_holds(&ranges[i], moment, 0, 0))
            return true;
    }
    return count == 0 || (!is_known && planted == PLANT_UNKNOWN_MATCHES);
}

/* A single time as text. */
static bool is_same_text(const struct keys *keys, const struct dcm_item *tree,
                         const struct dcm_item *item)
{
    struct span a[MAX_VALUES], b[MAX_VALUES];
    const struct key *key = key_of(*keys, 0x00080013);
    return given_values(key, dcm_find(tree, 0x00080013), a) == 1 &&
           stored_values(key, item, b) == 1 && span_equal(a[0], b[0]);
}

/* HH.6-1, II.6-1: "if both are ranges, they are one range". A choice: if they have the same ends. */
static bool are_one_range(const struct range *d, unsigned n, const struct range *t, unsigned m)
{
    return planted != PLANT_SEPARATE_RANGES && n == 1 && m == 1 && d->is_range && t->is_range &&
           d->has_low == t->has_low && d->has_high == t->has_high;
}

bool creation_matches(const struct keys *keys, const struct context *z, const struct dcm_item *tree,
                      const struct dcm_item *item)
{
    struct range dates[MAX_RANGES], times[MAX_RANGES];
    unsigned n = ranges_of(keys, tree, 0x00080012, date_read, dates);
    unsigned m = ranges_of(keys, tree, 0x00080013, time_read, times);
    struct creation c = creation_of(keys, z, item);

    if (are_one_range(dates, n, times, m)) {
        struct range both = dates[0];
        both.low.first += times[0].low.first;
        both.high.last = both.high.first + times[0].high.last;
        both.high.first += times[0].high.first;
        return any_holds(&both, 1, c.has_date && c.has_time, c.both);
    }
    if (planted == PLANT_TEXT_TIMES && m == 1 && !times[0].is_range)
        return any_holds(dates, n, c.has_date, c.date) && is_same_text(keys, tree, item);
    return any_holds(dates, n, c.has_date, c.date) && any_holds(times, m, c.has_time, c.time);
}
