/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/part10: DICOM files (PS3.10 7.1).
 *
 * File Meta Information is Explicit VR Little Endian whatever follows it, and ends where the first element of
 * another group begins; its own group length is not needed for that, and wrong ones are found in the
 * field. Files without preamble, or without any meta information, are taken when they can be read.
 */
#include "dcm/part10.h"

#include <string.h>

#include "vr.h"

enum { PREAMBLE_BYTES = 128, PREFIX_BYTES = 4, BARE_ARENA_BYTES = 256 << 20 };

struct meta {
    char sop_class[65];
    char sop_instance[65];
    char ts_uid[65];
};

/* A UI value as a C string; false if it is longer than a UID can be. */
static bool copy_uid(struct span value, char out[65])
{
    value = vr_trim(vr_find("UI"), value);
    if (value.len > 64 || memchr(value.data, '\0', value.len))
        return false;
    if (value.len)
        memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

/* Octets of the header of a group 0002 element and the length of its value; 0 = cut short or no element. */
static size_t meta_header(struct span rest, size_t *value_len)
{
    if (rest.len < 8)
        return 0;
    const struct vr_info *vr = vr_find((const char *)rest.data + 4);
    size_t header = vr && vr->has_32_bit_len ? 12 : 8;
    if (!vr || rest.len < header || strcmp(vr->name, "SQ") == 0)
        return 0;
    *value_len = header == 12 ? get_le32(rest.data + 8) : get_le16(rest.data + 6);
    return *value_len <= rest.len - header ? header : 0;
}

/* Read group 0002 at the start of *rest and step over it. */
static enum rc read_meta(struct span *rest, struct meta *meta, struct err *err)
{
    while (rest->len >= 8 && get_le16(rest->data) == 0x0002) {
        uint32_t tag = TAG(0x0002, get_le16(rest->data + 2));
        size_t len, header = meta_header(*rest, &len);
        if (header == 0)
            return err_set_tag(err, RC_INVALID, tag, "file meta information is damaged");
        struct span value = span_of(rest->data + header, len);
        char *to = tag == TAG(0x0002, 0x0002)   ? meta->sop_class
                   : tag == TAG(0x0002, 0x0003) ? meta->sop_instance
                   : tag == TAG(0x0002, 0x0010) ? meta->ts_uid
                                                : NULL;
        if (to && !copy_uid(value, to))
            return err_set_tag(err, RC_INVALID, tag, "file meta information has an invalid UID");
        *rest = span_of(rest->data + header + len, rest->len - header - len);
    }
    return RC_OK;
}

static bool has_preamble(struct span file)
{
    return file.len >= PREAMBLE_BYTES + PREFIX_BYTES &&
           memcmp(file.data + PREAMBLE_BYTES, "DICM", PREFIX_BYTES) == 0;
}

/* Fill what the meta information left open from the data set itself. */
static enum rc fill_from_dataset(struct part10 *out, struct err *err)
{
    struct arena *arena = arena_new(BARE_ARENA_BYTES);
    struct dcm_item *item;
    enum rc rc = dcm_read(out->dataset, out->ts, NULL, arena, &item, err);
    if (rc == RC_OK && !out->sop_class[0])
        dcm_first_text(item, TAG_SOPClassUID, out->sop_class, sizeof out->sop_class);
    if (rc == RC_OK && !out->sop_instance[0])
        dcm_first_text(item, TAG_SOPInstanceUID, out->sop_instance, sizeof out->sop_instance);
    if (rc == RC_OK && item->first == NULL)
        rc = err_set(err, RC_INVALID, "no DICOM file: no preamble and no data set");
    arena_free(arena);
    return rc;
}

static enum rc read_bare(struct part10 *out, struct err *err)
{
    static const char *const tried[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE};
    struct err first = {0};
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        out->ts = dcm_ts_find(tried[i]);
        enum rc rc = fill_from_dataset(out, &first);
        if (rc == RC_OK || rc == RC_LIMIT) {
            if (rc == RC_LIMIT && err)
                *err = first;
            return rc;
        }
    }
    return err_set(err, RC_INVALID, "no DICOM file: no preamble, and no data set can be read");
}

enum rc part10_read(struct span file, struct part10 *out, struct err *err)
{
    struct meta meta = {0};
    size_t skip = has_preamble(file) ? PREAMBLE_BYTES + PREFIX_BYTES : 0;
    struct span rest = span_of(file.data ? file.data + skip : NULL, file.len - skip);
    *out = (struct part10){0};
    enum rc rc = read_meta(&rest, &meta, err);
    if (rc != RC_OK)
        return rc;
    out->dataset = rest;
    memcpy(out->sop_class, meta.sop_class, sizeof meta.sop_class);
    memcpy(out->sop_instance, meta.sop_instance, sizeof meta.sop_instance);
    if (!meta.ts_uid[0])
        return skip ? err_set_tag(err, RC_INVALID, TAG(0x0002, 0x0010),
                                  "file names no transfer syntax")
                    : read_bare(out, err);
    out->ts = dcm_ts_find(meta.ts_uid);
    if (!out->ts)
        return err_set_tag(err, RC_UNSUPPORTED, TAG(0x0002, 0x0010),
                           "transfer syntax %s is not supported", meta.ts_uid);
    return out->sop_class[0] && out->sop_instance[0] ? RC_OK : fill_from_dataset(out, err);
}

static void add_meta(struct buf *out, uint16_t element, const char *vr, const char *value)
{
    size_t len = strlen(value);
    buf_add_le16(out, 0x0002);
    buf_add_le16(out, element);
    buf_add(out, vr, 2);
    buf_add_le16(out, (uint16_t)(len + len % 2));
    buf_add(out, value, len);
    if (len % 2)
        buf_add_u8(out, vr_pad(vr_find(vr)));
}

void part10_write_header(struct buf *out, const char *sop_class, const char *sop_instance,
                         const struct dcm_ts *ts)
{
    uint8_t *preamble = buf_reserve(out, PREAMBLE_BYTES);
    if (!preamble)
        return;
    memset(preamble, 0, PREAMBLE_BYTES);
    out->len += PREAMBLE_BYTES;
    buf_add_str(out, "DICM");
    buf_add(out, "\x02\0\0\0UL\x04\0\0\0\0\0", 12); /* group length, known below */
    size_t start = out->len;
    buf_add(out, "\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01", 14); /* version 1 */
    add_meta(out, 0x0002, "UI", sop_class);
    add_meta(out, 0x0003, "UI", sop_instance);
    add_meta(out, 0x0010, "UI", ts->uid);
    add_meta(out, 0x0012, "UI", UID_DPPR_IMPLEMENTATION);
    add_meta(out, 0x0013, "SH", DPPR_IMPLEMENTATION_VERSION);
    if (buf_status(out) == RC_OK)
        put_le32(out->data + start - 4, (uint32_t)(out->len - start));
}
