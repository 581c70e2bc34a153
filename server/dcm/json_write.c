/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/json: the writer. A UTF-8 tree becomes DICOM JSON (PS3.18 F.2), straight into the buffer.
 *
 * Numbers keep their bits (number.c). What jsonb cannot hold is reported as lossy: U+0000 is dropped, NaN
 * and infinities are null, octets that are no UTF-8 (in VRs of the default repertoire) are U+FFFD.
 */
#include "dcm/json.h"

#include <string.h>

#include "codedset.h"
#include "vr.h"

struct writer {
    struct buf *out;
    size_t inline_limit;
    bool is_lossy;
};

static void write_item(struct writer *w, const struct dcm_item *item);

/* Octets that JSON takes unescaped are copied in runs. */
bool dcm_json_add_string(struct buf *out, struct span text)
{
    bool is_whole = true;
    size_t run = 0;
    buf_add_u8(out, '"');
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.data[i];
        uint32_t code;
        size_t len = c < 0x80 ? 1 : utf8_decode(text.data + i, text.len - i, &code);
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        buf_add(out, text.data + run, i - run);
        if (len == 0)
            buf_add_str(out, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c != 0)
            buf_printf(out, "\\u%04x", c);
        is_whole = is_whole && len != 0 && c != 0;
        run = ++i;
    }
    if (text.len > run)
        buf_add(out, text.data + run, text.len - run);
    buf_add_u8(out, '"');
    return is_whole;
}

static void write_string(struct writer *w, struct span text)
{
    if (!dcm_json_add_string(w->out, text))
        w->is_lossy = true;
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

/* UV and SV beyond what readers hold in a signed 64-bit number are strings (F.2.3 allows both). */
static void write_number(struct writer *w, const char *vr, const uint8_t *octets)
{
    char text[DCM_NUMBER_TEXT];
    if (!dcm_number_text(vr, octets, text)) {
        w->is_lossy = true;
        buf_add_str(w->out, "null");
        return;
    }
    bool is_string = strcmp(vr, "AT") == 0 || (strcmp(vr, "UV") == 0 && octets[7] > 0x7F);
    buf_printf(w->out, is_string ? "\"%s\"" : "%s", text);
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
    struct dcm_values values = dcm_values_of(e);
    struct span value;
    bool is_first = true;
    if (!vr->is_string && e->value.len % dcm_vr_number_width(vr->name))
        w->is_lossy = true; /* not a whole number of numbers */
    while (dcm_values_next(&values, &value)) {
        buf_add_str(w->out, is_first ? ",\"Value\":[" : ",");
        is_first = false;
        if (!vr->is_string)
            write_number(w, vr->name, value.data);
        else if (value.len == 0)
            buf_add_str(w->out, "null");
        else if (strcmp(vr->name, "PN") == 0)
            write_name(w, value);
        else
            write_string(w, value);
    }
    if (!is_first)
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
