/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dataset: the scanner. Octets of a transfer syntax become a tree of elements (PS3.5 7, A.1, A.2, A.5).
 *
 * Every octet of a peer passes here before anything else looks at it, so nothing is believed:
 *   - a length is compared with what is left of its container before it is used;
 *   - explicit lengths of sequences and items must be used up exactly, undefined ones must be delimited;
 *   - recursion follows nesting and ends at max_depth; elements and items are counted against
 *     max_elements, and all memory comes from the caller's arena, which has a ceiling;
 *   - an inflated data set is cut at max_bytes while it is being inflated.
 *
 * What real objects get wrong without doing harm is taken: elements out of order are sorted (n log n, so
 * that a hostile order costs nothing), odd lengths stay odd. A tag twice in one item is refused, as the two
 * would be seen differently by different readers, and so are groups 0000 and 0002, which belong to messages
 * and files.
 *
 * VRs. Implicit VR: the dictionary's; LO for private creators; UN for all else. Letters no edition of PS3.5
 * knows: a 32-bit length follows, as for every VR to come (PS3.5 6.2), and the element is UN. UN in Explicit VR
 * of an element the dictionary knows is that element in Little Endian Implicit VR (PS3.5 6.2.2 note 2), so
 * its VR is put right; a sequence in it that cannot be read stays UN. UN of undefined length is a sequence in
 * Implicit VR Little Endian (PS3.5 6.2.2, CP-246), which is also what a private element of undefined
 * length must be in Implicit VR. Encapsulated pixel data has no place in our transfer syntaxes.
 *
 * Values point into the octets. Big Endian numbers and inflated data sets are copied into the arena, so a
 * tree's numbers are always little endian.
 */
#include <string.h>

#include "vr.h"

enum { UNDEFINED_LENGTH = -1 };
#define TAG_Item                 TAG(0xFFFE, 0xE000)
#define TAG_ItemDelimitation     TAG(0xFFFE, 0xE00D)
#define TAG_SequenceDelimitation TAG(0xFFFE, 0xE0DD)

struct encoding {
    bool is_explicit;
    bool is_big_endian;
};
static const struct encoding implicit_le = {false, false};

struct reader {
    const uint8_t *data;
    size_t pos;
    struct dcm_limits limits;
    unsigned count;
    struct arena *arena;
    struct err *err;
    const struct dcm_wanted *wanted; /* of the top level, ascending; NULL = all */
    unsigned wanted_count;
    bool is_skipping;    /* inside an element that is not wanted: nothing is made */
    bool wants_sequence; /* the element at hand, if it is UN */
};

struct header {
    uint32_t tag;
    char vr[3];
    uint32_t len;
    bool is_undefined;
    bool has_le_value; /* UN: little endian whatever the transfer syntax is */
};

/* A container: up to end, or up to its delimiter, which must come before end. */
struct extent {
    size_t end;
    bool is_delimited;
};

static enum rc read_elements(struct reader *r, struct encoding enc, struct extent in,
                             unsigned depth, struct dcm_item **out);

static enum rc fail(struct reader *r, enum rc rc, uint32_t tag, const char *what)
{
    return err_set_tag(r->err, rc, tag, "(%04X,%04X): %s at octet %zu", (unsigned)(tag >> 16),
                       (unsigned)(tag & 0xFFFF), what, r->pos);
}

static enum rc strike(struct reader *r, enum limit limit, uint32_t tag, const char *what,
                      unsigned most)
{
    return err_set_limit(r->err, limit, tag, "(%04X,%04X): %s %u at octet %zu",
                         (unsigned)(tag >> 16), (unsigned)(tag & 0xFFFF), what, most, r->pos);
}

static enum rc no_memory(struct reader *r, uint32_t tag)
{
    return err_set_limit(r->err, LIMIT_memory, tag, "data set needs more than it may have");
}

static uint32_t get32(const uint8_t *p, struct encoding enc)
{
    return enc.is_big_endian ? get_be32(p) : get_le32(p);
}

static uint32_t get_tag(const uint8_t *p, struct encoding enc)
{
    return enc.is_big_endian ? get_be32(p) : (uint32_t)get_le16(p) << 16 | get_le16(p + 2);
}

static enum rc count_one(struct reader *r, uint32_t tag)
{
    if (r->count >= r->limits.max_elements)
        return strike(r, r->limits.elements_setting, tag, "elements, more than",
                      r->limits.max_elements);
    r->count++;
    return RC_OK;
}

/* The VR and length that follow the tag in Explicit VR (PS3.5 7.1.2). p has left octets, 8 at least. */
static enum rc read_explicit_header(struct reader *r, const uint8_t *p, size_t left,
                                    struct encoding enc, struct header *h)
{
    const struct vr_info *vr = vr_find((const char *)p + 4);
    bool is_letters = p[4] >= 'A' && p[4] <= 'Z' && p[5] >= 'A' && p[5] <= 'Z';
    if (!is_letters)
        return fail(r, RC_INVALID, h->tag, "no value representation");
    memcpy(h->vr, vr ? vr->name : "UN", 3);
    if (vr && !vr->has_32_bit_len) {
        h->len = enc.is_big_endian ? get_be16(p + 6) : get_le16(p + 6);
        r->pos += 8;
        return RC_OK;
    }
    if (left < 12)
        return fail(r, RC_INVALID, h->tag, "element header is cut short");
    h->len = get32(p + 8, enc);
    h->is_undefined = h->len == (uint32_t)UNDEFINED_LENGTH;
    h->has_le_value = vr && memcmp(h->vr, "UN", 2) == 0;
    r->pos += 12;
    return RC_OK;
}

static enum rc read_header(struct reader *r, struct encoding enc, size_t end, struct header *h)
{
    size_t left = end - r->pos;
    const uint8_t *p = r->data + r->pos;
    *h = (struct header){0};
    if (left < 8)
        return fail(r, RC_INVALID, 0, "element header is cut short");
    h->tag = get_tag(p, enc);
    if (enc.is_explicit && h->tag >> 16 != 0xFFFE)
        return read_explicit_header(r, p, left, enc, h);
    h->len = get32(p + 4, enc);
    h->is_undefined = h->len == (uint32_t)UNDEFINED_LENGTH;
    if (h->tag >> 16 != 0xFFFE)
        vr_of_tag(h->tag, h->vr);
    r->pos += 8;
    return RC_OK;
}

static enum rc read_item(struct reader *r, struct encoding enc, struct header h, size_t end,
                         unsigned depth, struct dcm_element *e)
{
    struct extent in = {end, h.is_undefined};
    struct dcm_item *item;
    enum rc rc = count_one(r, e->tag);
    if (rc != RC_OK)
        return rc;
    if (!h.is_undefined) {
        if (h.len > end - r->pos)
            return fail(r, RC_INVALID, e->tag, "item is longer than its sequence");
        in.end = r->pos + h.len;
    }
    rc = read_elements(r, enc, in, depth, &item);
    if (rc != RC_OK || r->is_skipping)
        return rc;
    if (e->last_item)
        e->last_item->next = item;
    else
        e->items = item;
    e->last_item = item;
    e->item_count++;
    return RC_OK;
}

static enum rc read_sequence(struct reader *r, struct encoding enc, struct extent in,
                             unsigned depth, struct dcm_element *e)
{
    struct header h;
    enum rc rc = RC_OK;
    if (depth >= r->limits.max_depth)
        return strike(r, LIMIT_max_depth, e->tag, "nested deeper than", r->limits.max_depth);
    memcpy(e->vr, "SQ", 3);
    while (rc == RC_OK && (in.is_delimited || r->pos < in.end)) {
        rc = read_header(r, enc, in.end, &h);
        if (rc != RC_OK)
            return rc;
        if (h.tag == TAG_Item) {
            rc = read_item(r, enc, h, in.end, depth + 1, e);
        } else if (h.tag == TAG_SequenceDelimitation && in.is_delimited && h.len == 0) {
            return RC_OK;
        } else {
            rc = fail(r, RC_INVALID, e->tag, "something else than an item in a sequence");
        }
    }
    return rc;
}

/* Numbers of Big Endian values become little endian, in the arena. */
static enum rc take_value(struct reader *r, const struct header *h, struct encoding enc,
                          struct dcm_element *e)
{
    const struct vr_info *vr = vr_of(e);
    const uint8_t *from = r->data + r->pos;
    if (enc.is_big_endian && vr->unit > 1 && !h->has_le_value && h->len > 0) {
        uint8_t *copy = arena_alloc(r->arena, h->len);
        if (!copy)
            return no_memory(r, h->tag);
        vr_swap(copy, from, h->len, vr->unit);
        from = copy;
    }
    e->value = span_of(from, h->len);
    r->pos += h->len;
    return RC_OK;
}

/* UN of an element the dictionary knows: its own VR, and a sequence in it read if it can be. So is that of any
 * other that is wanted as a sequence. */
static enum rc take_known_un(struct reader *r, const struct header *h, unsigned depth,
                             struct dcm_element *e)
{
    size_t start = r->pos;
    unsigned count = r->count;
    struct err *err = r->err, inner;
    vr_of_tag(e->tag, e->vr);
    bool is_sequence = memcmp(e->vr, "SQ", 2) == 0 || r->wants_sequence;
    r->wants_sequence = false; /* not what is in it */
    if (is_sequence) {
        r->err = &inner;
        enum rc rc =
            read_sequence(r, implicit_le, (struct extent){start + h->len, false}, depth, e);
        r->err = err;
        if (rc == RC_OK)
            return RC_OK;
        if (rc == RC_LIMIT && err)
            *err = inner;
        if (rc == RC_LIMIT)
            return rc;
        r->pos = start;
        r->count = count;
        e->items = e->last_item = NULL;
        e->item_count = 0;
        memcpy(e->vr, "UN", 3);
    }
    return take_value(r, h, implicit_le, e);
}

static enum rc read_value(struct reader *r, struct encoding enc, const struct header *h, size_t end,
                          unsigned depth, struct dcm_element *e)
{
    bool is_un = memcmp(h->vr, "UN", 2) == 0;
    bool is_sq = memcmp(h->vr, "SQ", 2) == 0;
    if (h->is_undefined) {
        if (is_un || is_sq)
            return read_sequence(r, is_un ? implicit_le : enc, (struct extent){end, true}, depth,
                                 e);
        if (h->vr[0] == 'O')
            return fail(r, RC_UNSUPPORTED, h->tag, "encapsulated value");
        return fail(r, RC_INVALID, h->tag, "undefined length of a value that is no sequence");
    }
    if (h->len > end - r->pos)
        return fail(r, RC_INVALID, h->tag, "value is longer than what holds it");
    if (is_sq)
        return read_sequence(r, enc, (struct extent){r->pos + h->len, false}, depth, e);
    if (h->has_le_value || (is_un && r->wants_sequence))
        return take_known_un(r, h, depth, e);
    return take_value(r, h, enc, e);
}

/* Past a value that nobody wants. One of undefined length ends where its delimiters say. */
static enum rc skip_value(struct reader *r, struct encoding enc, const struct header *h, size_t end,
                          unsigned depth)
{
    struct dcm_element nobody = {.tag = h->tag};
    bool was_skipping = r->is_skipping;
    if (h->is_undefined) {
        r->is_skipping = true;
        enum rc rc = read_value(r, enc, h, end, depth, &nobody);
        r->is_skipping = was_skipping;
        return rc;
    }
    if (h->len > end - r->pos)
        return fail(r, RC_INVALID, h->tag, "value is longer than what holds it");
    r->pos += h->len;
    return RC_OK;
}

static bool is_wanted(struct reader *r, uint32_t tag, unsigned depth)
{
    if (r->is_skipping)
        return false;
    r->wants_sequence = false;
    if (depth > 0 || !r->wanted)
        return true;
    for (unsigned i = 0; i < r->wanted_count && r->wanted[i].tag <= tag; i++) {
        const struct dcm_wanted *w = &r->wanted[i];
        if (w->tag == tag || w->last >= tag) {
            r->wants_sequence = w->is_sequence;
            return true;
        }
    }
    return false;
}

/* Group lengths are dropped: they are retired, and say nothing (PS3.5 7.2). */
static enum rc skip_group_length(struct reader *r, const struct header *h, size_t end)
{
    if (h->is_undefined || h->len > end - r->pos)
        return fail(r, RC_INVALID, h->tag, "group length is longer than what holds it");
    r->pos += h->len;
    return RC_OK;
}

static enum rc read_elements(struct reader *r, struct encoding enc, struct extent in,
                             unsigned depth, struct dcm_item **out)
{
    struct header h;
    uint32_t twice;
    enum rc rc = RC_OK;
    struct dcm_item *item = r->is_skipping ? NULL : dcm_item_new(r->arena);
    if (!item && !r->is_skipping)
        return no_memory(r, 0);
    while (rc == RC_OK && (in.is_delimited || r->pos < in.end)) {
        rc = read_header(r, enc, in.end, &h);
        if (rc != RC_OK)
            return rc;
        if (h.tag == TAG_ItemDelimitation && in.is_delimited && h.len == 0)
            break;
        uint32_t group = h.tag >> 16;
        if (group == 0xFFFE)
            return fail(r, RC_INVALID, h.tag, "item or delimiter out of place");
        if (group == 0x0000 || group == 0x0002)
            return fail(r, RC_INVALID, h.tag, "command or file meta element in a data set");
        if ((h.tag & 0xFFFF) == 0) {
            rc = skip_group_length(r, &h, in.end);
            continue;
        }
        if ((rc = count_one(r, h.tag)) != RC_OK)
            return rc;
        if (!is_wanted(r, h.tag, depth)) {
            rc = skip_value(r, enc, &h, in.end, depth);
            continue;
        }
        struct dcm_element *e = item_append(r->arena, item, h.tag, h.vr);
        if (!e)
            return no_memory(r, h.tag);
        rc = read_value(r, enc, &h, in.end, depth, e);
    }
    if (rc == RC_OK && item && !item_sort(item, &twice))
        rc = fail(r, RC_INVALID, twice, "element occurs twice");
    *out = item;
    return rc;
}

static enum rc inflate(const struct reader *r, struct span octets, struct buf *inflated)
{
    enum rc rc = inflate_octets(octets, inflated, r->err);
    if (rc == RC_LIMIT)
        rc = err_set_limit(r->err, r->limits.bytes_setting, 0, "inflated more than %zu octets",
                           inflated->limit);
    return rc;
}

/* The inflated octets, in the arena as the tree's values will point to them. */
static enum rc inflate_into(const struct reader *r, struct span *octets)
{
    struct arena *arena = r->arena;
    struct err *err = r->err;
    struct buf inflated;
    buf_init(&inflated, r->limits.max_bytes);
    enum rc rc = inflate(r, *octets, &inflated);
    if (rc == RC_OK) {
        uint8_t *copy = arena_alloc(arena, inflated.len ? inflated.len : 1);
        if (copy && inflated.len)
            memcpy(copy, inflated.data, inflated.len);
        *octets = span_of(copy, inflated.len);
        if (!copy)
            rc = err_set_limit(err, LIMIT_memory, 0, "data set needs more than it may have");
    }
    buf_fini(&inflated);
    return rc;
}

static enum rc read_dataset(struct reader *r, struct span octets, const struct dcm_ts *ts,
                            struct dcm_item **out)
{
    struct encoding enc = {ts->is_explicit, ts->is_big_endian};
    struct dcm_item *item;
    r->data = octets.data ? octets.data : (const uint8_t *)"";
    enum rc rc = read_elements(r, enc, (struct extent){octets.len, false}, 0, &item);
    if (rc == RC_OK)
        *out = item;
    return rc;
}

enum rc dcm_read(struct span octets, const struct dcm_ts *ts, const struct dcm_limits *limits,
                 struct arena *arena, struct dcm_item **out, struct err *err)
{
    struct reader r = {.limits = limits_or_default(limits), .arena = arena, .err = err};
    *out = NULL;
    if (octets.len > r.limits.max_bytes)
        return err_set_limit(err, r.limits.bytes_setting, 0, "%zu octets, at most %zu are taken",
                             octets.len, r.limits.max_bytes);
    if (ts->is_deflated) {
        enum rc rc = inflate_into(&r, &octets);
        if (rc != RC_OK)
            return rc;
    }
    return read_dataset(&r, octets, ts, out);
}

enum rc dcm_read_some(struct span octets, const struct dcm_ts *ts, const struct dcm_limits *limits,
                      const struct dcm_wanted *wanted, unsigned count, struct arena *arena,
                      struct buf *inflated, struct dcm_item **out, struct err *err)
{
    struct reader r = {.limits = limits_or_default(limits),
                       .arena = arena,
                       .err = err,
                       .wanted = wanted,
                       .wanted_count = count};
    *out = NULL;
    if (ts->is_deflated) {
        buf_clear(inflated);
        enum rc rc = inflate(&r, octets, inflated);
        if (rc != RC_OK)
            return rc;
        octets = buf_span(inflated);
    }
    return read_dataset(&r, octets, ts, out);
}

enum rc read_implicit_sequence(struct span value, const struct dcm_limits *limits,
                               struct arena *arena, struct dcm_element *e, struct err *err)
{
    struct reader r = {.data = value.data ? value.data : (const uint8_t *)"",
                       .limits = limits_or_default(limits),
                       .arena = arena,
                       .err = err};
    return read_sequence(&r, implicit_le, (struct extent){value.len, false}, 0, e);
}
