/* SPDX-License-Identifier: Apache-2.0
 *
 * dcm/json: the reader. DICOM JSON (PS3.18 F.2) becomes a UTF-8 tree in an arena.
 *
 * jansson parses (it refuses what is no UTF-8, U+0000 and duplicate keys); this file turns its objects into
 * elements under the same limits as dcm_read. Everything is copied, so the JSON may go. Group 0002 is dropped,
 * as are group lengths and (0008,0005): JSON is UTF-8 whatever it says. A missing "vr" is the dictionary's.
 * BulkDataURI is refused: there is nothing here to fetch it with.
 */
#include "dcm/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "vr.h"

struct json_reader {
    struct dcm_limits limits;
    unsigned count;
    struct arena *arena;
    struct buf work;
    struct err *err;
};

static enum rc read_object(struct json_reader *r, json_t *object, unsigned depth,
                           struct dcm_item *item);

static enum rc fail(struct json_reader *r, enum rc rc, uint32_t tag, const char *what)
{
    return err_set_tag(r->err, rc, tag, "JSON attribute %08X: %s", (unsigned)tag, what);
}

static enum rc strike(struct json_reader *r, enum limit limit, uint32_t tag, const char *what,
                      unsigned most)
{
    return err_set_limit(r->err, limit, tag, "JSON attribute %08X: %s %u", (unsigned)tag, what,
                         most);
}

static enum rc no_memory(struct json_reader *r, uint32_t tag)
{
    return err_set_limit(r->err, LIMIT_memory, tag, "data set needs more than it may have");
}

static enum rc keep(struct json_reader *r, struct dcm_element *e)
{
    uint8_t *copy = buf_status(&r->work) == RC_OK ? arena_alloc(r->arena, r->work.len + 1) : NULL;
    if (!copy)
        return no_memory(r, e->tag);
    if (r->work.len)
        memcpy(copy, r->work.data, r->work.len);
    e->value = span_of(copy, r->work.len);
    return RC_OK;
}

/* Where a backslash parts values it cannot be within one; '=' parts the groups of a name. */
static enum rc add_text(struct json_reader *r, const struct dcm_element *e, json_t *value,
                        bool is_group)
{
    size_t len = json_string_length(value);
    const char *text = json_string_value(value);
    if (vr_of(e)->is_split && memchr(text, '\\', len))
        return fail(r, RC_INVALID, e->tag, "backslash in a value");
    if (is_group && memchr(text, '=', len))
        return fail(r, RC_INVALID, e->tag, "= in a component group");
    buf_add(&r->work, text, len);
    return RC_OK;
}

static enum rc add_name(struct json_reader *r, const struct dcm_element *e, json_t *value)
{
    static const char *const groups[] = {"Alphabetic", "Ideographic", "Phonetic"};
    size_t start = r->work.len;
    if (json_is_string(value))
        return add_text(r, e, value, false);
    if (!json_is_object(value))
        return fail(r, RC_INVALID, e->tag, "person name is neither object nor string");
    for (size_t i = 0; i < 3; i++) {
        json_t *group = json_object_get(value, groups[i]);
        if (i > 0)
            buf_add_u8(&r->work, '=');
        if (!group || json_is_null(group))
            continue;
        if (!json_is_string(group))
            return fail(r, RC_INVALID, e->tag, "component group is no string");
        enum rc rc = add_text(r, e, group, true);
        if (rc != RC_OK)
            return rc;
    }
    while (r->work.len > start && r->work.data[r->work.len - 1] == '=')
        r->work.len--;
    return RC_OK;
}

/* DS and IS as JSON numbers. DS has 16 characters (PS3.5 6.2): as many digits as fit. */
static enum rc add_decimal(struct json_reader *r, const struct dcm_element *e, json_t *value)
{
    char text[400]; /* more than any %g of a double */
    bool is_ds = strcmp(e->vr, "DS") == 0;
    if (json_is_integer(value)) {
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value) && is_ds) {
        double real = json_real_value(value);
        int digits = 1; /* the fewest that give the number back, while they fit */
        do {
            (void)snprintf(text, sizeof text, "%.*g", digits, real);
        } while (strtod(text, NULL) != real && digits++ < 17);
        while (strlen(text) > 16 && digits > 1)
            (void)snprintf(text, sizeof text, "%.*g", --digits, real);
    } else {
        return fail(r, RC_INVALID, e->tag, "value is no string");
    }
    buf_add_str(&r->work, text);
    return RC_OK;
}

static enum rc add_string_value(struct json_reader *r, const struct dcm_element *e, json_t *value)
{
    if (json_is_null(value))
        return RC_OK;
    if (strcmp(e->vr, "PN") == 0)
        return add_name(r, e, value);
    if (json_is_string(value))
        return add_text(r, e, value, false);
    if (strcmp(e->vr, "DS") == 0 || strcmp(e->vr, "IS") == 0)
        return add_decimal(r, e, value);
    return fail(r, RC_INVALID, e->tag, "value is no string");
}

/* Integers: what each VR holds. UV has its own upper bound. */
static const struct {
    char vr[3];
    int64_t least, most;
} bounds[] = {
    {"SL", INT32_MIN, INT32_MAX}, {"SS", INT16_MIN, INT16_MAX}, {"SV", INT64_MIN, INT64_MAX},
    {"UL", 0, UINT32_MAX},        {"US", 0, UINT16_MAX},        {"UV", 0, INT64_MAX},
};

/* False: no integer of the VR. A real that is whole is one, as SQL writes numerics. */
static bool get_integer(const char *vr, json_t *value, uint64_t *out)
{
    int64_t number;
    char *end;
    errno = 0;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else if (json_is_real(value)) {
        double real = json_real_value(value);
        if (real != trunc(real) || fabs(real) > 9007199254740992.0)
            return false;
        number = (int64_t)real;
    } else if (json_is_string(value) && vr[1] == 'V') { /* SV, UV */
        const char *text = json_string_value(value);
        if (*text == '\0' || strspn(text, "-0123456789") != strlen(text))
            return false;
        if (strcmp(vr, "UV") == 0) {
            *out = strtoull(text, &end, 10);
            return *end == '\0' && errno == 0 && *text != '-';
        }
        number = strtoll(text, &end, 10);
        if (*end != '\0' || errno != 0)
            return false;
    } else {
        return false;
    }
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (strcmp(bounds[i].vr, vr) == 0 && (number < bounds[i].least || number > bounds[i].most))
            return false;
    }
    *out = (uint64_t)number;
    return true;
}

static bool get_tag(const char *text, uint32_t *tag)
{
    if (strlen(text) != 8 || strspn(text, "0123456789abcdefABCDEF") != 8)
        return false;
    *tag = (uint32_t)strtoul(text, NULL, 16);
    return true;
}

/* Reals and attribute tags as the bits that are stored. */
static bool get_bits(const char *vr, json_t *value, uint64_t *bits)
{
    uint32_t tag, narrow;
    double real = json_number_value(value);
    if (strcmp(vr, "AT") == 0) {
        if (!json_is_string(value) || !get_tag(json_string_value(value), &tag))
            return false;
        *bits = (uint64_t)(tag & 0xFFFF) << 16 | tag >> 16;
        return true;
    }
    if (strcmp(vr, "FD") != 0 && strcmp(vr, "FL") != 0)
        return get_integer(vr, value, bits);
    if (json_is_null(value))
        real = NAN; /* what the writer makes null of */
    else if (!json_is_number(value))
        return false;
    if (strcmp(vr, "FD") == 0) {
        memcpy(bits, &real, sizeof real);
        return true;
    }
    if (isfinite(real) && fabs(real) > 3.4028235677973366e38) /* rounds beyond FLT_MAX */
        return false;
    float single = (float)real;
    memcpy(&narrow, &single, sizeof single);
    *bits = narrow;
    return true;
}

static enum rc add_number(struct json_reader *r, const struct dcm_element *e, json_t *value)
{
    uint64_t bits = 0;
    unsigned width = strcmp(e->vr, "AT") == 0 ? 4 : vr_of(e)->unit;
    if (!get_bits(e->vr, value, &bits))
        return fail(r, RC_INVALID, e->tag, "value is none of its VR");
    for (unsigned i = 0; i < width; i++, bits >>= 8)
        buf_add_u8(&r->work, (uint8_t)bits);
    return RC_OK;
}

static enum rc read_values(struct json_reader *r, json_t *values, struct dcm_element *e)
{
    const struct vr_info *vr = vr_of(e);
    size_t i;
    json_t *value;
    if (vr->is_string && !vr->is_split && json_array_size(values) > 1)
        return fail(r, RC_INVALID, e->tag, "several values of a VR that has one");
    buf_clear(&r->work);
    json_array_foreach(values, i, value)
    {
        if (vr->is_string && i > 0)
            buf_add_u8(&r->work, '\\');
        enum rc rc = vr->is_string ? add_string_value(r, e, value) : add_number(r, e, value);
        if (rc != RC_OK)
            return rc;
    }
    return keep(r, e);
}

static enum rc count_one(struct json_reader *r, uint32_t tag)
{
    if (r->count >= r->limits.max_elements)
        return strike(r, r->limits.elements_setting, tag, "elements, more than",
                      r->limits.max_elements);
    r->count++;
    return RC_OK;
}

static enum rc read_items(struct json_reader *r, json_t *values, unsigned depth,
                          struct dcm_element *e)
{
    size_t i;
    json_t *value;
    enum rc rc = RC_OK;
    if (depth >= r->limits.max_depth)
        return strike(r, LIMIT_max_depth, e->tag, "nested deeper than", r->limits.max_depth);
    json_array_foreach(values, i, value)
    {
        if ((rc = count_one(r, e->tag)) != RC_OK)
            return rc;
        struct dcm_item *item = dcm_add_item(r->arena, e);
        if (!item)
            return no_memory(r, e->tag);
        if (json_is_null(value)) /* PS3.18 F.2.5: an empty item may be null */
            continue;
        if (!json_is_object(value))
            return fail(r, RC_INVALID, e->tag, "item is no object");
        if ((rc = read_object(r, value, depth + 1, item)) != RC_OK)
            return rc;
    }
    return rc;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static enum rc read_binary(struct json_reader *r, json_t *value, struct dcm_element *e)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value), padding = 0;
    uint32_t bits = 0;
    if (!text || len % 4)
        return fail(r, RC_INVALID, e->tag, "InlineBinary is no base64");
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    buf_clear(&r->work);
    for (size_t i = 0; i < len; i++) {
        int digit = i < len - padding ? base64_digit(text[i]) : 0;
        if (digit < 0)
            return fail(r, RC_INVALID, e->tag, "InlineBinary is no base64");
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            uint8_t octets[] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
            buf_add(&r->work, octets, i + 1 == len ? 3 - padding : 3);
        }
    }
    return keep(r, e);
}

static enum rc set_vr(struct json_reader *r, json_t *attribute, struct dcm_element *e)
{
    json_t *vr = json_object_get(attribute, "vr");
    if (!vr)
        return RC_OK;
    const char *name = json_string_value(vr);
    if (!name || strlen(name) != 2 || !vr_find(name))
        return fail(r, RC_INVALID, e->tag, "vr is none");
    memcpy(e->vr, name, 3);
    return RC_OK;
}

static enum rc read_attribute(struct json_reader *r, json_t *attribute, unsigned depth,
                              struct dcm_element *e)
{
    json_t *values = json_object_get(attribute, "Value");
    json_t *binary = json_object_get(attribute, "InlineBinary");
    if (!json_is_object(attribute))
        return fail(r, RC_INVALID, e->tag, "attribute is no object");
    enum rc rc = set_vr(r, attribute, e);
    if (rc != RC_OK)
        return rc;
    bool is_binary = e->vr[0] == 'O' || strcmp(e->vr, "UN") == 0;
    if (json_object_get(attribute, "BulkDataURI"))
        return fail(r, RC_UNSUPPORTED, e->tag, "BulkDataURI is not supported");
    if (values && (binary || !json_is_array(values)))
        return fail(r, RC_INVALID, e->tag, "Value is no array, or not alone");
    if (binary)
        return is_binary ? read_binary(r, binary, e)
                         : fail(r, RC_INVALID, e->tag, "InlineBinary of a VR that has values");
    if (!values || json_array_size(values) == 0)
        return RC_OK;
    if (is_binary)
        return fail(r, RC_INVALID, e->tag, "Value of a VR that has InlineBinary");
    if (strcmp(e->vr, "SQ") == 0)
        return read_items(r, values, depth, e);
    return read_values(r, values, e);
}

/* Not part of a data set, or without meaning in JSON. */
static bool is_dropped(uint32_t tag)
{
    return tag >> 16 == 0x0002 || (tag & 0xFFFF) == 0 || tag == TAG_SpecificCharacterSet;
}

static enum rc read_object(struct json_reader *r, json_t *object, unsigned depth,
                           struct dcm_item *item)
{
    const char *key;
    json_t *attribute;
    uint32_t tag;
    enum rc rc = RC_OK;
    json_object_foreach(object, key, attribute)
    {
        if (!get_tag(key, &tag))
            return err_set(r->err, RC_INVALID, "JSON key \"%.40s\" is no tag of eight digits", key);
        if (is_dropped(tag))
            continue;
        if (tag >> 16 == 0x0000 || tag >> 16 == 0xFFFE)
            return fail(r, RC_INVALID, tag, "no element of a data set");
        if ((rc = count_one(r, tag)) != RC_OK)
            return rc;
        struct dcm_element *e = item_append(r->arena, item, tag, NULL);
        if (!e)
            return no_memory(r, tag);
        if ((rc = read_attribute(r, attribute, depth, e)) != RC_OK)
            return rc;
    }
    if (!item_sort(item, &tag))
        return fail(r, RC_INVALID, tag, "attribute occurs twice");
    return RC_OK;
}

enum rc dcm_json_read(struct span json, const struct dcm_limits *limits, struct arena *arena,
                      struct dcm_item **out, struct err *err)
{
    struct json_reader r = {.limits = limits_or_default(limits), .arena = arena, .err = err};
    json_error_t where;
    *out = NULL;
    if (json.len > r.limits.max_bytes)
        return err_set_limit(err, r.limits.bytes_setting, 0, "JSON of %zu octets, more than %zu",
                             json.len, r.limits.max_bytes);
    json_t *root = json_loadb(json.len ? (const char *)json.data : "", json.len,
                              JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, RC_INVALID, "JSON line %d column %d: %.150s", where.line, where.column,
                       where.text);
    struct dcm_item *item = dcm_item_new(arena);
    enum rc rc = RC_OK;
    buf_init(&r.work, r.limits.max_bytes);
    if (!json_is_object(root))
        rc = err_set(err, RC_INVALID, "JSON data set is no object");
    else if (!item)
        rc = no_memory(&r, 0);
    else
        rc = read_object(&r, root, 0, item);
    if (rc == RC_OK)
        *out = item;
    buf_fini(&r.work);
    json_decref(root);
    return rc;
}
