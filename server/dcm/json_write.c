/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/json: the writer. A UTF-8 tree becomes DICOM JSON (PS3.18 F.2), straight into the buffer.
 *
 * Numbers keep their bits: a binary one is written in as few digits as give the same number back (17 at
 * most, 9 for FL). UV and SV beyond what readers hold in a signed 64-bit number are strings (F.2.3 allows both).
 * What jsonb cannot hold is reported as lossy: U+0000 is dropped, NaN and infinities are null, octets that are
 * no UTF-8 (in VRs of the default repertoire) are U+FFFD. Relies on the process's LC_NUMERIC being "C".
 */
#include "dcm/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codedset.h"
#include "vr.h"

struct writer {
    struct buf *out;
    size_t inline_limit;
    bool is_lossy;
};

static void write_item(struct writer *w, const struct dcm_item *item);

/* Shortest octets that JSON takes unescaped are copied in runs. */
static void write_string(struct writer *w, struct span text)
{
    size_t run = 0;
    buf_add_u8(w->out, '"');
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];
        uint32_t code;
        size_t len = utf8_decode(text.data + i, text.len - i, &code);
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        buf_add(w->out, text.data + run, i - run);
        if (len == 0)
            buf_add_str(w->out, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            buf_printf(w->out, "\\%c", c);
        else if (c != 0)
            buf_printf(w->out, "\\u%04x", c);
        w->is_lossy = w->is_lossy || len == 0 || c == 0;
        run = ++i;
    }
    if (text.len > run)
        buf_add(w->out, text.data + run, text.len - run);
    buf_add_u8(w->out, '"');
}

/* PS3.18 F.2.2: the component groups of a person name. */
static void write_name(struct writer *w, struct span name)
{
    static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
    const struct vr_info *pn = vr_find("PN");
    bool has_any = false;
    for (size_t n = 0, start = 0; start <= name.len; n++) {
        const uint8_t *found =
            start < name.len ? memchr(name.data + start, '=', name.len - start) : NULL;
        size_t end = found ? (size_t)(found - name.data) : name.len;
        struct span group = vr_trim(pn, span_of(name.data + start, end - start));
        if (group.len && n < 3) {
            buf_printf(w->out, "%s\"%s\":", has_any ? "," : "{", groups[n]);
            write_string(w, group);
            has_any = true;
        } else if (group.len) {
            w->is_lossy = true;
        }
        start = end + 1;
    }
    buf_add_str(w->out, has_any ? "}" : "null");
}

/* "-0" would be read back as the integer 0. */
static void write_real(struct writer *w, double value, bool is_single)
{
    char text[40];
    if (!isfinite(value)) {
        w->is_lossy = true;
        buf_add_str(w->out, "null");
        return;
    }
    for (int digits = is_single ? 6 : 15; digits <= (is_single ? 9 : 17); digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (is_single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    buf_add_str(w->out, strcmp(text, "-0") == 0 ? "-0.0" : text);
}

static void write_number(struct writer *w, const char *vr, const uint8_t *p)
{
    uint64_t wide = 0;
    float single;
    double real;
    if (vr_find(vr)->unit == 8)
        wide = (uint64_t)get_le32(p + 4) << 32 | get_le32(p);
    else if (vr_find(vr)->unit == 4)
        wide = get_le32(p);
    else
        wide = get_le16(p);

    if (strcmp(vr, "AT") == 0) {
        buf_printf(w->out, "\"%04X%04X\"", get_le16(p), get_le16(p + 2));
    } else if (strcmp(vr, "FD") == 0) {
        memcpy(&real, &wide, sizeof real);
        write_real(w, real, false);
    } else if (strcmp(vr, "FL") == 0) {
        uint32_t narrow = (uint32_t)wide;
        memcpy(&single, &narrow, sizeof single);
        write_real(w, (double)single, true);
    } else if (strcmp(vr, "SS") == 0) {
        buf_printf(w->out, "%d", (int)(int16_t)wide);
    } else if (strcmp(vr, "SL") == 0) {
        buf_printf(w->out, "%" PRId32, (int32_t)wide);
    } else if (strcmp(vr, "SV") == 0) {
        buf_printf(w->out, "%" PRId64, (int64_t)wide);
    } else {
        buf_printf(w->out, wide > INT64_MAX ? "\"%" PRIu64 "\"" : "%" PRIu64, wide);
    }
}

static void write_base64(struct buf *out, struct span in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *to = buf_reserve(out, (in.len + 2) / 3 * 4);
    for (size_t i = 0; to && i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t bits = (uint32_t)in.data[i] << 16 |
                        (left > 1 ? (uint32_t)in.data[i + 1] << 8 : 0) |
                        (left > 2 ? in.data[i + 2] : 0);
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)digits[bits & 63] : '=';
        out->len += 4;
    }
}

static void write_values(struct writer *w, const struct dcm_element *e)
{
    const struct vr_info *vr = vr_of(e);
    struct span rest = dcm_trimmed(e);
    unsigned count = dcm_value_count(e);
    if (!vr->is_string && rest.len % ((size_t)vr->unit * (strcmp(vr->name, "AT") == 0 ? 2 : 1)))
        w->is_lossy = true; /* not a whole number of numbers */
    if (count == 0)
        return;
    buf_add_str(w->out, ",\"Value\":[");
    for (unsigned n = 0; n < count; n++) {
        struct span value;
        if (n > 0)
            buf_add_u8(w->out, ',');
        if (!vr->is_string) {
            if (dcm_value_at(e, n, &value))
                write_number(w, vr->name, value.data);
            continue;
        }
        /* one value after the other, as dcm_value_at would start from the front each time */
        const uint8_t *found = vr->is_split && rest.len ? memchr(rest.data, '\\', rest.len) : NULL;
        size_t len = found ? (size_t)(found - rest.data) : rest.len;
        value = vr_trim(vr, span_of(rest.data, len));
        rest = found ? span_of(found + 1, rest.len - len - 1) : span_of(rest.data, 0);
        if (value.len == 0)
            buf_add_str(w->out, "null");
        else if (strcmp(vr->name, "PN") == 0)
            write_name(w, value);
        else
            write_string(w, value);
    }
    buf_add_u8(w->out, ']');
}

static void write_element(struct writer *w, const struct dcm_element *e)
{
    const struct vr_info *vr = vr_of(e);
    bool is_sequence = strcmp(vr->name, "SQ") == 0;
    buf_printf(w->out, "\"%08X\":{\"vr\":\"%s\"", (unsigned)e->tag, vr->name);
    if (is_sequence && e->items) {
        buf_add_str(w->out, ",\"Value\":[");
        for (const struct dcm_item *item = e->items; item; item = item->next) {
            write_item(w, item);
            buf_add_str(w->out, item->next ? "," : "]");
        }
    } else if (vr->name[0] == 'O' || strcmp(vr->name, "UN") == 0) {
        bool is_too_long = w->inline_limit && e->value.len > w->inline_limit;
        w->is_lossy = w->is_lossy || is_too_long;
        if (e->value.len && !is_too_long) {
            buf_add_str(w->out, ",\"InlineBinary\":\"");
            write_base64(w->out, e->value);
            buf_add_u8(w->out, '"');
        }
    } else if (!is_sequence) {
        write_values(w, e);
    }
    buf_add_u8(w->out, '}');
}

static void write_item(struct writer *w, const struct dcm_item *item)
{
    buf_add_u8(w->out, '{');
    for (const struct dcm_element *e = item->first; e && buf_status(w->out) == RC_OK; e = e->next) {
        write_element(w, e);
        if (e->next)
            buf_add_u8(w->out, ',');
    }
    buf_add_u8(w->out, '}');
}

enum rc dcm_json_write(const struct dcm_item *item, size_t inline_limit, struct buf *out,
                       bool *lossy, struct err *err)
{
    struct writer w = {.out = out, .inline_limit = inline_limit};
    write_item(&w, item);
    if (lossy)
        *lossy = w.is_lossy;
    return buf_status(out) == RC_OK
               ? RC_OK
               : err_set(err, buf_status(out), "no room for the data set as JSON");
}
