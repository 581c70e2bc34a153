/* SPDX-License-Identifier: Apache-2.0
 *
 * The projection of a query record onto the requested keys.
 *
 * Record and plan are both in ascending order of tags, so one walk merges them:
 *
 *     record   0005  0012  0016  0018  0221 ...        what the entity has, Explicit VR LE, UTF-8
 *     plan           0012        0018  0220 ...        what was asked for
 *     response       copy        copy  zero-length ...
 *
 * Elements are copied as octets, header and all. Of sequences with requested item attributes the items
 * are walked the same way; where the sequence restricted, only the items whose ordinals SQL found.
 *
 * The walk always writes Explicit VR LE in UTF-8. If the response is all ASCII, or may go out in
 * ISO_IR 192, and the context has Explicit VR LE, that is the response: no tree, no allocation but the
 * output. Otherwise the octets are read back into a tree and written in the set and syntax wanted.
 *
 * Character set of a response (PS3.4 K.2.2.2.1 leaves it to the SCP): the request's if every character
 * fits, else the AE's preferred, else the stored object's, else ISO_IR 192; none if all is ASCII. What could not be
 * decoded when the object was stored is U+FFFD here, which no set has but those of Unicode: so such an answer says by
 * itself that it is not the whole truth, which only a retrieve gives.
 *
 * The record comes out of the database, which others can write: it is checked like a peer's octets, and
 * a broken one is RC_INTERNAL, not a crash.
 */
#include "project_plan.h"

#include <stdlib.h>

#include "dcm/charset.h"
#include "project_record.h"

enum { LARGE_COPY = 1 << 20 };

struct walk {
    struct match_list *lists;
    struct buf *out;
    bool has_wide_text; /* text beyond ASCII went out */
    bool has_times;     /* a date or time went out */
    struct span stored_charset;
    struct span timezone; /* of the object, not written yet */
    size_t charset_at;    /* where (0008,0005) belongs in out */
    size_t timezone_at;
    bool knows_charset_at;
};

/* The VRs that (0008,0005) governs. */
static bool is_text(uint16_t vr)
{
    switch (vr) {
    case VR2('L', 'O'):
    case VR2('L', 'T'):
    case VR2('P', 'N'):
    case VR2('S', 'H'):
    case VR2('S', 'T'):
    case VR2('U', 'C'):
    case VR2('U', 'T'):
        return true;
    default:
        return false;
    }
}

static bool is_time(uint16_t vr)
{
    return vr == VR2('D', 'A') || vr == VR2('T', 'M') || vr == VR2('D', 'T');
}

static bool is_ascii(struct span s)
{
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.data + i, 8);
        if (word & UINT64_C(0x8080808080808080))
            return false;
    }
    for (; i < s.len; i++) {
        if (s.data[i] & 0x80)
            return false;
    }
    return true;
}

/* Notes what a copied element contains; false: malformed. */
static bool inspect(struct walk *w, const struct record_part *p, unsigned depth)
{
    if (p->vr != VR2('S', 'Q')) {
        if (is_text(p->vr) && !w->has_wide_text)
            w->has_wide_text = !is_ascii(p->value);
        else if (is_time(p->vr) && p->value.len > 0)
            w->has_times = true;
        return true;
    }
    struct span items = p->value, item;
    struct record_part inner;
    if (depth == DCM_DEPTH_CEILING)
        return false;
    while (items.len > 0) {
        if (!record_take_item(&items, &item))
            return false;
        while (item.len > 0) {
            if (!record_take_element(&item, &inner) || !inspect(w, &inner, depth + 1))
                return false;
        }
    }
    return true;
}

/* Whether the item that `path` names is among those SQL found. */
static bool is_listed(const struct match_list *list, const int32_t *path, unsigned depth)
{
    size_t low = 0, high = list->count / depth;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const int32_t *tuple = list->ordinals + middle * depth;
        unsigned i = 0;
        while (i < depth && tuple[i] == path[i])
            i++;
        if (i == depth)
            return true;
        if (tuple[i] < path[i])
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool walk_level(struct walk *w, const struct plan_key *keys, unsigned key_count,
                       struct span rest, int32_t *path, unsigned depth);

/* A sequence of which some item attributes, and perhaps some items, were asked for. Outside the model they may
 * be nested deeper than any that restricts. */
static bool walk_sequence(struct walk *w, const struct plan_key *key, const struct record_part *p,
                          int32_t *path, unsigned depth)
{
    int32_t unused, *ordinal = depth < MODEL_MAX_DEPTH ? &path[depth] : &unused;
    if (depth == DCM_DEPTH_CEILING)
        return false;
    const struct match_list *list = key->list ? &w->lists[key->list - 1] : NULL;
    struct span items = p->value, item;
    size_t start = w->out->len;

    buf_add(w->out, p->start, 12);
    for (*ordinal = 1; items.len > 0; ++*ordinal) {
        if (!record_take_item(&items, &item))
            return false;
        if (list && !is_listed(list, path, key->depth))
            continue;
        static const uint8_t header[8] = {0xFE, 0xFF, 0x00, 0xE0};
        size_t item_start = w->out->len;
        buf_add(w->out, header, sizeof(header));
        if (!walk_level(w, key->children, key->child_count, item, path, depth + 1))
            return false;
        if (buf_status(w->out) == RC_OK)
            put_le32(w->out->data + item_start + 4, (uint32_t)(w->out->len - item_start - 8));
    }
    if (buf_status(w->out) == RC_OK)
        put_le32(w->out->data + start + 8, (uint32_t)(w->out->len - start - 12));
    return true;
}

static void add_absent(struct walk *w, const struct plan_key *key)
{
    buf_add_span(w->out, key->absent);
}

/* An attribute that both sides have. One that is no sequence in the object has no items to ask for. */
static bool copy_part(struct walk *w, const struct plan_key *key, const struct record_part *p,
                      int32_t *path, unsigned depth)
{
    if (key->child_count > 0 && p->vr == VR2('S', 'Q'))
        return walk_sequence(w, key, p, path, depth);
    if (key->child_count > 0) {
        add_absent(w, key);
        return true;
    }
    buf_add(w->out, p->start, p->size);
    return inspect(w, p, depth);
}

/* The two attributes that are never asked for. Times may follow the time zone, in sequences say; it may not be
 * sent with zero length (K.2.2.2.2). */
static void note_top_level(struct walk *w, const struct record_part *p)
{
    if (p->tag == TAG_SpecificCharacterSet)
        w->stored_charset = p->value;
    if (p->tag != TAG_TimezoneOffsetFromUTC || p->value.len == 0 || p->value.data[0] == ' ')
        return;
    if (w->has_times) {
        buf_add(w->out, p->start, p->size);
    } else {
        w->timezone = span_of(p->start, p->size);
        w->timezone_at = w->out->len;
    }
}

/* Where (0008,0005) will have to go: in front of the first greater tag. */
static void note_charset_at(struct walk *w, uint32_t next_tag, unsigned depth)
{
    if (depth == 0 && !w->knows_charset_at && next_tag > TAG_SpecificCharacterSet) {
        w->charset_at = w->out->len;
        w->knows_charset_at = true;
    }
}

static bool walk_level(struct walk *w, const struct plan_key *keys, unsigned key_count,
                       struct span rest, int32_t *path, unsigned depth)
{
    const struct plan_key *end = keys + key_count;
    uint32_t last = 0;
    struct record_part p;

    while (rest.len > 0) {
        if (!record_take_element(&rest, &p) || (p.tag <= last && last != 0))
            return false;
        last = p.tag;
        for (; keys < end && keys->tag < p.tag; keys++) {
            note_charset_at(w, keys->tag, depth);
            add_absent(w, keys);
        }
        note_charset_at(w, p.tag, depth);
        if (keys < end && keys->tag == p.tag) {
            if (!copy_part(w, keys, &p, path, depth))
                return false;
            keys++;
        } else if (depth == 0) {
            note_top_level(w, &p);
        }
    }
    for (; keys < end; keys++) {
        note_charset_at(w, keys->tag, depth);
        add_absent(w, keys);
    }
    note_charset_at(w, UINT32_MAX, depth);
    return true;
}

/* Room for an element among the finished octets; NULL: the buffer is full. */
static uint8_t *insert(struct buf *out, size_t at, size_t size)
{
    if (!buf_reserve(out, size))
        return NULL;
    memmove(out->data + at + size, out->data + at, out->len - at);
    out->len += size;
    return out->data + at;
}

static void insert_timezone(struct walk *w)
{
    uint8_t *p = insert(w->out, w->timezone_at, w->timezone.len);
    if (p)
        memcpy(p, w->timezone.data, w->timezone.len);
}

/* Puts (0008,0005) with these terms into the finished octets. */
static void insert_charset(struct buf *out, size_t at, const char *terms)
{
    size_t len = strlen(terms), even = len + (len & 1);
    uint8_t *p = insert(out, at, 8 + even);
    if (!p)
        return;
    put_le16(p, TAG_SpecificCharacterSet >> 16);
    put_le16(p + 2, TAG_SpecificCharacterSet & 0xFFFF);
    memcpy(p + 4, "CS", 2);
    put_le16(p + 6, (uint16_t)even);
    memcpy(p + 8, terms, len);
    if (even > len)
        p[8 + len] = ' ';
}

static bool is_utf8_term(const char *terms)
{
    return strcmp(terms, "ISO_IR 192") == 0;
}

/* The sets to try, in order; "" are left out; the last always fits. */
static unsigned charset_choices(const struct walk *w, const struct project_target *target,
                                struct arena *scratch, const char *out[4])
{
    struct span s = w->stored_charset;
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\0'))
        s.len--;
    const char *stored = s.len ? arena_strndup(scratch, (const char *)s.data, s.len) : NULL;
    const char *all[] = {target->request_charset, target->preferred_charset, stored};
    unsigned count = 0;

    for (unsigned i = 0; i < 3; i++) {
        if (all[i] && all[i][0])
            out[count++] = all[i];
    }
    out[count++] = "ISO_IR 192";
    return count;
}

/* The octets that made the stored value and its UTF-8 even need not make the converted one so, and no escape
 * sequence shall follow them. */
static void drop_padding(struct dcm_item *item)
{
    for (struct dcm_element *e = item->first; e; e = e->next) {
        while (dcm_vr_is_text(e->vr) && e->value.len > 0 && e->value.data[e->value.len - 1] == ' ')
            e->value.len--;
        for (struct dcm_item *i = e->items; i; i = i->next)
            drop_padding(i);
    }
}

static enum rc too_large(struct err *err)
{
    return err_set_limit(err, LIMIT_memory, 0, "a response is too large");
}

/* The tree in the first set that fits. */
static enum rc encode_text(struct dcm_item *item, const struct walk *w,
                           const struct project_target *target, struct arena *scratch,
                           struct err *err)
{
    const char *choices[4];
    unsigned count = charset_choices(w, target, scratch, choices);

    drop_padding(item);
    for (unsigned i = 0; i < count; i++) {
        enum rc rc =
            is_utf8_term(choices[i]) ? RC_OK : dcm_tree_from_utf8(item, choices[i], scratch, NULL);
        if (rc == RC_NOMEM || rc == RC_LIMIT)
            return too_large(err);
        if (rc != RC_OK)
            continue;
        /* Converting has named its set already, in the standard's spelling. */
        if (is_utf8_term(choices[i]) &&
            !dcm_put_text(scratch, item, TAG_SpecificCharacterSet, "CS", choices[i]))
            return too_large(err);
        return RC_OK;
    }
    return err_set(err, RC_INTERNAL, "response fits no character set");
}

/* A copy that lasts as long as both: what is large would leave the scratch no room for the tree. False: no room. */
static bool copy_octets(struct span octets, struct arena *scratch, struct buf *large,
                        struct span *copy)
{
    if (octets.len > LARGE_COPY) {
        buf_add_span(large, octets);
        *copy = buf_span(large);
        return buf_status(large) == RC_OK;
    }
    uint8_t *to = arena_alloc(scratch, octets.len ? octets.len : 1);
    if (to && octets.len)
        memcpy(to, octets.data, octets.len);
    *copy = span_of(to, octets.len);
    return to != NULL;
}

/* The general way: what the walk wrote after `start` is read back and written as the target wants it. */
static enum rc rewrite(struct walk *w, size_t start, const struct project_target *target,
                       struct arena *scratch, struct err *err)
{
    struct buf *out = w->out;
    struct dcm_item *item = NULL;
    size_t len = out->len - start;
    /* What was stored has passed the limits of its time, which are settings: here the arena is the limit. */
    struct dcm_limits limits = {
        .max_bytes = len, .max_depth = DCM_DEPTH_CEILING, .max_elements = UINT32_MAX};
    struct buf large;
    struct span copy, written = len ? span_of(out->data + start, len) : span_of(NULL, 0);
    buf_init(&large, out->limit);
    if (!copy_octets(written, scratch, &large, &copy)) {
        buf_fini(&large);
        return too_large(err);
    }
    out->len = start;

    enum rc rc = dcm_read(copy, dcm_ts_find(UID_EXPLICIT_LE), &limits, scratch, &item, err);
    if (rc == RC_INVALID)
        rc = err_set(err, RC_INTERNAL, "query record cannot be read");
    if (rc == RC_OK && w->has_wide_text)
        rc = encode_text(item, w, target, scratch, err);
    if (rc == RC_OK)
        rc = dcm_write(item, target->ts, out, err);
    buf_fini(&large);
    return rc;
}

static int compare_tuples(const void *a, const void *b, void *arg)
{
    const int32_t *x = a, *y = b;
    for (unsigned i = 0; i < *(const unsigned *)arg; i++) {
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    }
    return 0;
}

/* Walk, then finish in the fast way if the octets can stay as they are. */
enum rc project_record(const struct project_plan *plan, const struct project_target *target,
                       struct span record, struct match_list *lists, struct arena *scratch,
                       struct buf *out, struct err *err)
{
    struct walk w = {.lists = lists, .out = out};
    int32_t path[MODEL_MAX_DEPTH];
    size_t start = out->len;

    for (unsigned i = 0; i < plan->list_count; i++) {
        unsigned depth = plan->depths[i];
        if (lists[i].count > depth)
            qsort_r(lists[i].ordinals, lists[i].count / depth, depth * sizeof(int32_t),
                    compare_tuples, &depth);
    }
    if (!walk_level(&w, plan->keys, plan->key_count, record, path, 0))
        return err_set(err, RC_INTERNAL, "query record is malformed");
    if (w.has_times && w.timezone.len > 0)
        insert_timezone(&w);

    const struct dcm_ts *ts = target->ts;
    bool is_native = ts->is_explicit && !ts->is_big_endian && !ts->is_deflated;
    enum rc rc = RC_OK;
    if (!is_native) {
        rc = rewrite(&w, start, target, scratch, err);
    } else if (w.has_wide_text) {
        const char *choices[4];
        (void)charset_choices(&w, target, scratch, choices);
        if (is_utf8_term(choices[0]))
            insert_charset(out, w.charset_at, choices[0]);
        else
            rc = rewrite(&w, start, target, scratch, err);
    }
    if (rc == RC_OK && buf_status(out) != RC_OK)
        rc = err_set(err, buf_status(out), "response is too large");
    return rc;
}

/* The arrays beside the record. */
static struct match_list *read_lists(const struct project_plan *plan, const struct pg_row *row,
                                     struct arena *scratch)
{
    enum { FEW = 32 };
    struct match_list *lists =
        arena_array(scratch, plan->list_count, sizeof(*lists) + FEW * sizeof(int32_t));
    if (!lists)
        return NULL;

    int32_t *few = (int32_t *)(lists + plan->list_count);
    for (unsigned i = 0; i < plan->list_count; i++) {
        lists[i].ordinals = few + (size_t)i * FEW;
        lists[i].count = pg_int_array(row, 1 + i, lists[i].ordinals, FEW);
        if (lists[i].count > FEW) {
            lists[i].ordinals = arena_array(scratch, lists[i].count, sizeof(int32_t));
            if (!lists[i].ordinals)
                return NULL;
            pg_int_array(row, 1 + i, lists[i].ordinals, lists[i].count);
        }
    }
    return lists;
}

static enum rc project_whole(const struct project_plan *plan, const struct project_target *target,
                             const struct pg_row *row, struct span record, struct arena *scratch,
                             struct buf *out, struct err *err)
{
    struct match_list *lists = NULL;
    if (plan->list_count > 0 && !(lists = read_lists(plan, row, scratch)))
        return too_large(err);
    return project_record(plan, target, record, lists, scratch, out, err);
}

enum rc project_row(const struct project_plan *plan, const struct project_target *target,
                    const struct pg_row *row, struct buf *parts, struct arena *scratch,
                    struct buf *out, struct err *err)
{
    struct buf record;

    if (pg_is_null(row, 0))
        return err_set(err, RC_NOTFOUND, "published object has no query record");
    if (plan->other_count == 0)
        return project_whole(plan, target, row, pg_octets(row, 0), scratch, out, err);

    buf_init(&record, out->limit);
    enum rc rc = project_others(plan, row, parts, scratch, &record, err);
    if (rc == RC_OK && parts->len == 0)
        rc = project_whole(plan, target, row, buf_span(&record), scratch, out, err);
    buf_fini(&record);
    return rc;
}

const char *project_plan_request_charset(const struct project_plan *plan)
{
    return plan->request_charset;
}
