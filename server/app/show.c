/* SPDX-License-Identifier: Apache-2.0
 *
 * Data sets for people: one line of text per path, and quoting for JSON written by hand.
 *
 * Values come from a peer. Before they reach a terminal, control characters (which could drive it) and
 * broken UTF-8 become U+FFFD.
 */
#include <string.h>

#include "app_internal.h"
#include "dcm/dict.h"

#define REPLACEMENT "\xEF\xBF\xBD"

enum { MAX_SHOWN = 100 }; /* items of a sequence, values of an attribute */

void show_text(struct buf *out, struct span utf8)
{
    for (size_t i = 0; i < utf8.len;) {
        uint32_t c = 0;
        size_t n = utf8_decode(utf8.data + i, utf8.len - i, &c);
        if (n == 0 || utf8_is_harmful(c))
            buf_add_str(out, n && c && c < 0x20 && strchr("\r\n\t", (int)c) ? " " : REPLACEMENT);
        else
            buf_add(out, utf8.data + i, n);
        i += n ? n : 1;
    }
}

static void show_value(struct buf *out, const struct dcm_element *e, struct span value)
{
    char number[DCM_NUMBER_TEXT];

    if (!dcm_vr_number_width(e->vr))
        show_text(out, value);
    else if (dcm_number_text(e->vr, value.data, number))
        buf_add_str(out, number);
    else
        buf_add_str(out, "not a number");
}

static void show_values(struct buf *out, const struct dcm_element *e)
{
    struct span value;

    for (unsigned n = 0; dcm_value_at(e, n, &value); n++) {
        if (n)
            buf_add_str(out, "; ");
        if (n == MAX_SHOWN) { /* each is looked for from the front: a million would take for ever */
            buf_add_str(out, "...");
            break;
        }
        show_value(out, e, value);
    }
}

static void show_child(struct buf *out, const struct dcm_item *item, uint32_t tag)
{
    const struct dcm_element *e = dcm_find(item, tag);

    if (e)
        show_text(out, dcm_trimmed(e));
}

/* "CT HEAD (24725-4, LN)" */
static bool show_code(struct buf *out, const struct dcm_item *item)
{
    static const uint32_t values[] = {TAG_CodeValue, TAG_LongCodeValue, TAG_URNCodeValue};
    uint32_t tag = 0;

    for (unsigned i = 0; i < 3 && !tag; i++) {
        const struct dcm_element *e = dcm_find(item, values[i]);
        if (e && dcm_trimmed(e).len > 0)
            tag = values[i];
    }
    if (!tag)
        return false;
    show_child(out, item, TAG_CodeMeaning);
    buf_add_str(out, " (");
    show_child(out, item, tag);
    if (dcm_find(item, TAG_CodingSchemeDesignator)) {
        buf_add_str(out, ", ");
        show_child(out, item, TAG_CodingSchemeDesignator);
    }
    buf_add_str(out, ")");
    return true;
}

static void show_element(struct buf *out, const struct dcm_element *e, unsigned depth);

static void show_item(struct buf *out, const struct dcm_item *item, unsigned depth)
{
    bool is_first = true;

    if (show_code(out, item))
        return;
    buf_add_str(out, "{");
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        struct dcm_dict_entry entry;
        if (e->value.len == 0 && !e->items)
            continue;
        if (!is_first)
            buf_add_str(out, ", ");
        is_first = false;
        if (dcm_dict_by_tag(e->tag, &entry))
            buf_printf(out, "%s=", entry.keyword);
        else
            buf_printf(out, "%08X=", (unsigned)e->tag);
        show_element(out, e, depth + 1);
    }
    buf_add_str(out, "}");
}

static void show_element(struct buf *out, const struct dcm_element *e, unsigned depth)
{
    unsigned shown = 0;

    if (strcmp(e->vr, "SQ") == 0) {
        if (depth > KEY_DEPTH_MAX) {
            buf_add_str(out, "...");
            return;
        }
        for (const struct dcm_item *i = e->items; i; i = i->next) {
            if (shown++)
                buf_add_str(out, "; ");
            if (shown > MAX_SHOWN) {
                buf_add_str(out, "...");
                break;
            }
            show_item(out, i, depth);
        }
    } else if (dcm_vr_is_string(e->vr) || dcm_vr_number_width(e->vr)) {
        show_values(out, e);
    } else if (e->value.len > 0) {
        buf_printf(out, "%zu octets", e->value.len);
    }
}

static void show_below(struct buf *out, const struct dcm_item *item, const struct key_path *path,
                       unsigned depth)
{
    const struct dcm_element *e = dcm_find(item, path->tags[depth]);

    if (!e)
        return;
    if (depth + 1 == path->depth) {
        size_t before = out->len;
        if (before > 0)
            buf_add_str(out, "; ");
        size_t start = out->len;
        show_element(out, e, depth);
        if (out->len == start)
            out->len = before; /* an empty value leaves no separator */
        return;
    }
    for (const struct dcm_item *i = e->items; i; i = i->next)
        show_below(out, i, path, depth + 1);
}

void show_path(struct buf *out, const struct dcm_item *utf8, const struct key_path *path)
{
    buf_clear(out);
    show_below(out, utf8, path, 0);
}

void show_json_string(struct buf *out, const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t len = strlen(text), n;

    buf_add_str(out, "\"");
    for (size_t i = 0; i < len; i += n ? n : 1) {
        uint32_t c = 0;
        n = utf8_decode(p + i, len - i, &c);
        if (n == 0) /* a file may have any name */
            buf_add_str(out, REPLACEMENT);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (int)c);
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add(out, p + i, n);
    }
    buf_add_str(out, "\"");
}
