/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dataset: the writer. A tree becomes octets of a transfer syntax (PS3.5 7, A.1, A.2, A.5).
 *
 * Sequences and items have explicit lengths, put in after their content has been written, so that nothing
 * is measured twice. One exception: in Implicit VR a sequence that the dictionary does not know has
 * undefined length, as that alone tells the reader that it is a sequence (PS3.5 6.2.2 note 4).
 */
#include "vr.h"

#include <string.h>

static void add16(struct buf *out, const struct dcm_ts *ts, uint16_t v)
{
    if (ts->is_big_endian)
        buf_add_be16(out, v);
    else
        buf_add_le16(out, v);
}

static void add32(struct buf *out, const struct dcm_ts *ts, uint32_t v)
{
    if (ts->is_big_endian)
        buf_add_be32(out, v);
    else
        buf_add_le32(out, v);
}

static void add_tag(struct buf *out, const struct dcm_ts *ts, uint32_t tag)
{
    add16(out, ts, (uint16_t)(tag >> 16));
    add16(out, ts, (uint16_t)tag);
}

/* Lengths are 32 bits and ffffffff means undefined. */
static uint32_t checked_length(struct buf *out, size_t len)
{
    if (len >= UINT32_MAX && out->failed == RC_OK)
        out->failed = RC_LIMIT;
    return (uint32_t)len;
}

/* Put the length of what was written since `start` into the four octets before it. */
static void patch_length(struct buf *out, const struct dcm_ts *ts, size_t start)
{
    if (out->failed != RC_OK)
        return;
    uint32_t len = checked_length(out, out->len - start);
    if (ts->is_big_endian)
        put_be32(out->data + start - 4, len);
    else
        put_le32(out->data + start - 4, len);
}

static void write_elements(const struct dcm_item *item, const struct dcm_ts *ts, struct buf *out);

static void write_sequence(const struct dcm_element *e, const struct dcm_ts *ts, struct buf *out)
{
    char known[3];
    bool is_delimited = !ts->is_explicit && (!vr_of_tag(e->tag, known) || strcmp(known, "SQ") != 0);
    if (ts->is_explicit)
        buf_add(out, "SQ\0", 4);
    add32(out, ts, is_delimited ? UINT32_MAX : 0);
    size_t start = out->len;
    for (const struct dcm_item *item = e->items; item; item = item->next) {
        add_tag(out, ts, TAG(0xFFFE, 0xE000));
        add32(out, ts, 0);
        size_t content = out->len;
        write_elements(item, ts, out);
        patch_length(out, ts, content);
    }
    if (is_delimited) {
        add_tag(out, ts, TAG(0xFFFE, 0xE0DD));
        add32(out, ts, 0);
    } else {
        patch_length(out, ts, start);
    }
}

/* Without padding that its VR may not have: NUL at the end of text, spaces at that of a UID (PS3.5 6.2). Only where the
 * VR is the dictionary's: of what is not known we do not know what is padding, and the digest has it as it is. */
static struct span without_wrong_padding(const struct dcm_element *e, const struct vr_info *vr)
{
    struct span bare = e->value;
    char known[3];
    if (!vr->is_string || bare.len == 0)
        return e->value;
    if (vr_pad(vr) == '\0')
        bare = vr_trim(vr, bare);
    while (bare.len && bare.data[bare.len - 1] == '\0')
        bare.len--;
    bool is_right = bare.len + bare.len % 2 == e->value.len &&
                    (bare.len == e->value.len || e->value.data[bare.len] == vr_pad(vr));
    return is_right || !vr_of_tag(e->tag, known) || strcmp(known, vr->name) != 0 ? e->value : bare;
}

static void write_value(struct span value, const struct vr_info *vr, unsigned unit, struct buf *out)
{
    uint8_t *to = unit > 1 && value.len ? buf_reserve(out, value.len) : NULL;
    if (to) {
        vr_swap(to, value.data, value.len, unit);
        out->len += value.len;
    } else if (unit <= 1) {
        buf_add_span(out, value);
    }
    if (value.len % 2)
        buf_add_u8(out, vr_pad(vr));
}

void dcm_write_element(const struct dcm_element *e, const struct dcm_ts *ts, struct buf *out)
{
    const struct vr_info *vr = vr_of(e);
    struct span value = without_wrong_padding(e, vr);
    size_t len = value.len + value.len % 2;
    unsigned unit = ts->is_big_endian ? vr->unit : 1;
    add_tag(out, ts, e->tag);
    if (strcmp(e->vr, "SQ") == 0) {
        write_sequence(e, ts, out);
        return;
    }
    if (!ts->is_explicit) {
        add32(out, ts, checked_length(out, len));
    } else if (vr->has_32_bit_len) {
        buf_add(out, vr->name, 2);
        buf_add_le16(out, 0);
        add32(out, ts, checked_length(out, len));
    } else if (len <= 0xFFFE) {
        buf_add(out, vr->name, 2);
        add16(out, ts, (uint16_t)len);
    } else { /* PS3.5 6.2.2 note 6: too long for its VR, so UN, whose value is little endian */
        buf_add(out, "UN\0", 4);
        add32(out, ts, checked_length(out, len));
        unit = 1;
    }
    write_value(value, vr, unit, out);
}

static void write_elements(const struct dcm_item *item, const struct dcm_ts *ts, struct buf *out)
{
    for (const struct dcm_element *e = item->first; e && out->failed == RC_OK; e = e->next)
        dcm_write_element(e, ts, out);
}

static enum rc write_deflated(const struct dcm_item *item, struct buf *out, struct err *err)
{
    struct buf plain;
    buf_init(&plain, 0);
    write_elements(item, dcm_ts_find(UID_EXPLICIT_LE), &plain);
    enum rc rc = buf_status(&plain) == RC_OK
                     ? deflate_octets(buf_span(&plain), out, err)
                     : err_set(err, buf_status(&plain), "no room for the data set");
    buf_fini(&plain);
    return rc;
}

enum rc dcm_write(const struct dcm_item *item, const struct dcm_ts *ts, struct buf *out,
                  struct err *err)
{
    if (ts->is_deflated)
        return write_deflated(item, out, err);
    write_elements(item, ts, out);
    return buf_status(out) == RC_OK ? RC_OK
                                    : err_set(err, buf_status(out), "no room for the data set");
}
