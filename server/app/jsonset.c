/* SPDX-License-Identifier: Apache-2.0
 *
 * DICOM JSON files: one data set (an object) or several (an array of objects), PS3.18 F.2.
 *
 * The array is taken apart by looking at strings and brackets only, so that each data set goes to the
 * strict reader with its own numbers untouched (a general parser would turn the DS 0.10 into 0.1) and so
 * that a large library is never in memory as a tree. Everything inside an object is dcm_json_read's to
 * judge.
 *
 * The text is UTF-8. What is stored is Explicit VR Little Endian in the character set the data set names
 * in (0008,0005), so that a protocol written for a scanner that reads ISO 8859-1 only arrives as such. A
 * set that cannot hold the text gives way to UTF-8 (ISO_IR 192), and a note says so.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/charset.h"
#include "dcm/json.h"

#define UTF8_TERM "ISO_IR 192"

enum { MAX_TERMS = 256, ARENA_SLACK = 1 << 20 };

static size_t skip_space(struct span t, size_t pos)
{
    if (pos == 0 && t.len >= 3 && memcmp(t.data, "\xEF\xBB\xBF", 3) == 0)
        pos = 3;
    while (pos < t.len && memchr(" \t\r\n", t.data[pos], 4))
        pos++;
    return pos;
}

bool jsonset_is_json(struct span file)
{
    size_t pos = skip_space(file, 0);

    return pos < file.len && (file.data[pos] == '{' || file.data[pos] == '[') &&
           !(file.len >= 132 && memcmp(file.data + 128, "DICM", 4) == 0);
}

bool jsonset_is_array(struct span text)
{
    size_t pos = skip_space(text, 0);

    return pos < text.len && text.data[pos] == '[';
}

bool jsonset_is_dicom(struct span object)
{
    size_t pos = skip_space(object, 1); /* behind the brace */

    if (pos >= object.len || object.data[pos] != '"')
        return true; /* empty or broken: the stricter reader says so */
    for (size_t i = 1; i <= 8; i++) {
        if (pos + i >= object.len || !isxdigit(object.data[pos + i]))
            return false;
    }
    return pos + 9 < object.len && object.data[pos + 9] == '"';
}

/* One past the end of the object that begins at pos; 0 when it does not end. */
static size_t object_end(struct span t, size_t pos)
{
    size_t depth = 0;
    bool in_string = false;

    for (; pos < t.len; pos++) {
        uint8_t c = t.data[pos];
        if (in_string) {
            if (c == '\\')
                pos++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return pos + 1;
        }
    }
    return 0;
}

static unsigned line_of(struct span t, size_t pos)
{
    unsigned line = 1;

    for (size_t i = 0; i < pos && i < t.len; i++)
        line += t.data[i] == '\n';
    return line;
}

/* *pos is behind the last object; at 0 nothing has been read. The state is what lies at *pos. */
enum rc jsonset_next(struct span text, size_t *pos, struct span *object, struct err *err)
{
    bool is_array = jsonset_is_array(text), is_first = *pos == 0;
    size_t at = *pos;

    if (is_first)
        at = skip_space(text, 0) + (is_array ? 1 : 0);
    at = skip_space(text, at);
    if (!is_first && !is_array)
        return at == text.len ? RC_NOTFOUND
                              : err_set(err, RC_INVALID, "text after the data set, line %u",
                                        line_of(text, at));
    if (is_array && at < text.len && text.data[at] == ']') {
        at = skip_space(text, at + 1);
        *pos = at;
        return at == text.len
                   ? RC_NOTFOUND
                   : err_set(err, RC_INVALID, "text after the array, line %u", line_of(text, at));
    }
    if (is_array && !is_first) {
        if (at >= text.len || text.data[at] != ',')
            return err_set(err, RC_INVALID, "a comma or ] is missing, line %u", line_of(text, at));
        at = skip_space(text, at + 1);
    }
    if (at >= text.len || text.data[at] != '{')
        return err_set(err, RC_INVALID, "a data set must be a JSON object, line %u",
                       line_of(text, at));
    size_t end = object_end(text, at);
    if (!end)
        return err_set(err, RC_INVALID, "the data set that begins in line %u does not end",
                       line_of(text, at));
    *object = span_of(text.data + at, end - at);
    *pos = end;
    return RC_OK;
}

/* The terms of (0008,0005), joined by backslash; "" = none. The reader drops the attribute, because its
 * trees are UTF-8, so it is looked up in the text. What is no JSON here has been refused before. */
static enum rc read_terms(struct span object, char terms[MAX_TERMS], struct err *err)
{
    json_t *root = json_loadb((const char *)object.data, object.len, 0, NULL);
    const json_t *values = json_object_get(json_object_get(root, "00080005"), "Value");
    size_t len = 0;
    enum rc rc = RC_OK;

    terms[0] = '\0';
    for (size_t i = 0; i < json_array_size(values) && rc == RC_OK; i++) {
        const char *term = json_string_value(json_array_get(values, i));
        int n = snprintf(terms + len, MAX_TERMS - len, "%s%s", i ? "\\" : "", term ? term : "");
        len += (size_t)n;
        if (len >= MAX_TERMS)
            rc = err_set_tag(err, RC_INVALID, TAG_SpecificCharacterSet,
                             "the character set has too many terms");
    }
    json_decref(root);
    return rc;
}

/* Put the tree into the character set it names, or UTF-8, or none where ASCII does. */
static enum rc settle_charset(struct dcm_item *item, const char *terms, struct arena *arena,
                              char note[256], struct err *err)
{
    struct err why = {0};
    enum rc rc;

    if (!*terms)
        return dcm_tree_is_ascii(item) ? RC_OK : dcm_tree_from_utf8(item, UTF8_TERM, arena, err);
    rc = dcm_tree_from_utf8(item, terms, arena, &why);
    if (rc == RC_UNSUPPORTED && strcmp(terms, UTF8_TERM) != 0) {
        snprintf(note, 256, "stored in UTF-8, not in %.64s: %.120s", terms, why.text);
        return dcm_tree_from_utf8(item, UTF8_TERM, arena, err);
    }
    if (rc != RC_OK)
        *err = why;
    return rc;
}

enum rc jsonset_encode(struct span object, const struct dcm_limits *limits, struct buf *out,
                       char note[256], struct err *err)
{
    /* A tree takes several times its text: elements, decoded values, re-encoded values. */
    struct arena *arena = arena_new(limits->max_bytes * 8 + ARENA_SLACK);
    struct dcm_item *item = NULL;
    char terms[MAX_TERMS];
    enum rc rc;

    note[0] = '\0';
    rc = dcm_json_read(object, limits, arena, &item, err);
    if (rc == RC_OK)
        rc = read_terms(object, terms, err);
    if (rc == RC_OK)
        rc = settle_charset(item, terms, arena, note, err);
    if (rc == RC_OK)
        rc = dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), out, err);
    if (rc == RC_OK && buf_status(out) != RC_OK)
        rc = err_set(err, buf_status(out), "no memory for the data set");
    arena_free(arena);
    return rc;
}
