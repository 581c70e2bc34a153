/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/dataset: building trees and reading their values. The scanner is read.c, the writer write.c.
 */
#include "dcm/dataset.h"

#include <string.h>

#include "vr.h"

struct dcm_limits dcm_limits_default(void)
{
    return (struct dcm_limits){.max_bytes = (size_t)64 << 20,
                               .max_depth = 32,
                               .max_elements = 1000000,
                               .bytes_setting = LIMIT_max_dataset,
                               .elements_setting = LIMIT_max_elements};
}

struct dcm_limits limits_or_default(const struct dcm_limits *limits)
{
    struct dcm_limits use = dcm_limits_default();
    if (limits && limits->max_bytes)
        use.max_bytes = limits->max_bytes;
    if (limits && limits->max_depth)
        use.max_depth = limits->max_depth;
    if (limits && limits->max_elements)
        use.max_elements = limits->max_elements;
    if (limits && limits->bytes_setting)
        use.bytes_setting = limits->bytes_setting;
    if (limits && limits->elements_setting)
        use.elements_setting = limits->elements_setting;
    if (use.max_depth > DCM_DEPTH_CEILING)
        use.max_depth = DCM_DEPTH_CEILING;
    return use;
}

struct dcm_item *dcm_item_new(struct arena *arena)
{
    return arena_alloc(arena, sizeof(struct dcm_item));
}

static void set_vr(struct dcm_element *e, const char *vr)
{
    if (vr)
        memcpy(e->vr, vr, 2);
    else
        vr_of_tag(e->tag, e->vr);
    e->vr[2] = '\0';
}

struct dcm_element *item_append(struct arena *arena, struct dcm_item *item, uint32_t tag,
                                const char *vr)
{
    struct dcm_element *e = arena_alloc(arena, sizeof *e);
    if (!e)
        return NULL;
    e->tag = tag;
    set_vr(e, vr);
    if (item->last)
        item->last->next = e;
    else
        item->first = e;
    item->last = e;
    return e;
}

static struct dcm_element *merge(struct dcm_element *a, struct dcm_element *b)
{
    struct dcm_element *head = NULL, **link = &head;
    while (a && b) {
        struct dcm_element **least = b->tag < a->tag ? &b : &a;
        *link = *least;
        *least = (*least)->next;
        link = &(*link)->next;
    }
    *link = a ? a : b;
    return head;
}

/* Bottom-up merge sort: runs[i] holds 2^i elements or none. */
static struct dcm_element *sort_elements(struct dcm_element *list)
{
    struct dcm_element *runs[32] = {NULL};
    while (list) {
        struct dcm_element *run = list;
        size_t i = 0;
        list = list->next;
        run->next = NULL;
        for (; i < 31 && runs[i]; i++) {
            run = merge(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = merge(runs[i], run);
    }
    for (size_t i = 0; i < 32; i++)
        list = merge(runs[i], list);
    return list;
}

bool item_sort(struct dcm_item *item, uint32_t *tag)
{
    bool is_sorted = true;
    for (struct dcm_element *e = item->first; e && e->next && is_sorted; e = e->next)
        is_sorted = e->tag < e->next->tag;
    if (is_sorted)
        return true;
    item->first = sort_elements(item->first);
    for (struct dcm_element *e = item->first; e; e = e->next) {
        if (e->next && e->tag == e->next->tag) {
            *tag = e->tag;
            return false;
        }
        item->last = e;
    }
    return true;
}

struct dcm_element *dcm_put(struct arena *arena, struct dcm_item *item, uint32_t tag,
                            const char *vr, struct span value)
{
    struct dcm_element *e = NULL, *before = NULL;
    if (item->last && item->last->tag < tag) {
        before = item->last;
    } else {
        for (e = item->first; e && e->tag < tag; e = e->next)
            before = e;
    }
    if (!e || e->tag != tag) {
        struct dcm_element *after = before ? before->next : item->first;
        e = arena_alloc(arena, sizeof *e);
        if (!e)
            return NULL;
        e->tag = tag;
        e->next = after;
        if (before)
            before->next = e;
        else
            item->first = e;
        if (!after)
            item->last = e;
    }
    set_vr(e, vr);
    e->value = value;
    e->items = e->last_item = NULL;
    e->item_count = 0;
    return e;
}

struct dcm_element *dcm_put_text(struct arena *arena, struct dcm_item *item, uint32_t tag,
                                 const char *vr, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char *copy = len ? arena_strndup(arena, text, len) : NULL;
    if (len && !copy)
        return NULL;
    return dcm_put(arena, item, tag, vr, span_of(copy, len));
}

struct dcm_item *dcm_add_item(struct arena *arena, struct dcm_element *sequence)
{
    struct dcm_item *item = dcm_item_new(arena);
    if (!item)
        return NULL;
    if (sequence->last_item)
        sequence->last_item->next = item;
    else
        sequence->items = item;
    sequence->last_item = item;
    sequence->item_count++;
    return item;
}

void dcm_remove(struct dcm_item *item, uint32_t tag)
{
    struct dcm_element *before = NULL;
    for (struct dcm_element *e = item->first; e && e->tag <= tag; before = e, e = e->next) {
        if (e->tag != tag)
            continue;
        if (before)
            before->next = e->next;
        else
            item->first = e->next;
        if (item->last == e)
            item->last = before;
        return;
    }
}

struct dcm_element *dcm_find(const struct dcm_item *item, uint32_t tag)
{
    struct dcm_element *e = item ? item->first : NULL;
    while (e && e->tag < tag)
        e = e->next;
    return e && e->tag == tag ? e : NULL;
}

struct span dcm_trimmed(const struct dcm_element *e)
{
    return e ? vr_trim(vr_of(e), e->value) : span_of(NULL, 0);
}

/* The end of the value that starts at `start`: the next backslash or the end of all. */
static size_t value_end(struct span value, size_t start)
{
    const uint8_t *found =
        start < value.len ? memchr(value.data + start, '\\', value.len - start) : NULL;
    return found ? (size_t)(found - value.data) : value.len;
}

static bool number_at(const struct dcm_element *e, unsigned n, unsigned width, struct span *out)
{
    if (e->value.len / width <= n)
        return false;
    *out = span_of(e->value.data + (size_t)n * width, width);
    return true;
}

static unsigned number_width(const struct vr_info *vr)
{
    if (memcmp(vr->name, "AT", 2) == 0)
        return 4;
    return vr->unit > 1 && vr->name[0] != 'O' ? vr->unit : 0;
}

unsigned dcm_vr_number_width(const char vr[3])
{
    const struct vr_info *info = vr_find(vr);
    return info ? number_width(info) : 0;
}

bool dcm_value_at(const struct dcm_element *e, unsigned n, struct span *out)
{
    const struct vr_info *vr = e ? vr_of(e) : NULL;
    struct span value = dcm_trimmed(e);
    if (!vr)
        return false;
    if (number_width(vr))
        return number_at(e, n, number_width(vr), out);
    if (value.len == 0 || (!vr->is_split && n > 0))
        return false;
    if (!vr->is_split) {
        *out = value;
        return true;
    }
    size_t start = 0, end = value_end(value, 0);
    for (; n > 0; n--) {
        if (end == value.len)
            return false;
        start = end + 1;
        end = value_end(value, start);
    }
    *out = vr_trim(vr, span_of(value.data + start, end - start));
    return true;
}

unsigned dcm_value_count(const struct dcm_element *e)
{
    const struct vr_info *vr = e ? vr_of(e) : NULL;
    struct span value = dcm_trimmed(e);
    unsigned count = 1;
    if (!vr || value.len == 0)
        return 0;
    if (number_width(vr))
        return (unsigned)(value.len / number_width(vr));
    for (size_t i = 0; vr->is_split && i < value.len; i++)
        count += value.data[i] == '\\';
    return count;
}

struct dcm_values dcm_values_of(const struct dcm_element *e)
{
    struct span rest = dcm_trimmed(e);
    return (struct dcm_values){.element = e, .rest = rest, .is_at_end = rest.len == 0};
}

bool dcm_values_next(struct dcm_values *v, struct span *out)
{
    if (v->is_at_end)
        return false;
    const struct vr_info *vr = vr_of(v->element);
    unsigned width = number_width(vr);
    size_t len = width && v->rest.len >= width ? width : v->rest.len;
    if (width && len < width)
        return false; /* the rest is no number */
    if (vr->is_split)
        len = value_end(v->rest, 0);
    *out = vr_trim(vr, span_of(v->rest.data, len));
    v->is_at_end = len == v->rest.len;
    len += vr->is_split && !v->is_at_end; /* a backslash at the end leaves an empty value */
    v->rest = span_of(v->rest.data + len, v->rest.len - len);
    return true;
}

void dcm_first_text(const struct dcm_item *item, uint32_t tag, char *out, size_t size)
{
    struct dcm_element *e = dcm_find(item, tag);
    struct span value = span_of(NULL, 0);
    if (e && dcm_vr_is_string(e->vr))
        (void)dcm_value_at(e, 0, &value);
    if (size == 0)
        return;
    if (value.len > size - 1)
        value.len = size - 1;
    if (value.len)
        memcpy(out, value.data, value.len);
    out[value.len] = '\0';
}
