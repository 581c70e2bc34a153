/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/rows: selector values (PS3.3 10.26) as text[] and double precision[].
 *
 * The values of an item are in the attribute that belongs to the selector's VR. As text[] a sequence of such
 * items is flat: one entry per item for the constraint types that take several items, else the values of
 * the only item. dpp.attributes_of_constraints (SQL) is the definition of that form; where it would not give the
 * sequence back, the sequence stays in other_attributes beside the columns.
 */
#include "rows_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_array.h"

enum {
    FIRST_VALUE_TAG = 0x0072005E,
    LAST_VALUE_TAG = 0x00720083,
    MAX_PLAIN_DIGITS = 9, /* before the point, where there is an exponent or a long fraction */
    MAX_PLAIN_FRACTION = 20,
    MAX_NUMBER_TEXT = 300, /* digits that double precision surely holds the magnitude of */
    EXPANDED_TEXT = DCM_NUMBER_TEXT + 330,
};

/* clang-format off */
static const struct value_vr {
    char vr[3];
    uint32_t tag;
    bool is_numeric; /* the values have numbers */
} value_vrs[] = {
    {"AE", 0x0072005E, false}, {"AS", 0x0072005F, false}, {"AT", 0x00720060, false}, {"DA", 0x00720061, false},
    {"CS", 0x00720062, false}, {"DT", 0x00720063, false}, {"IS", 0x00720064, true},  {"OB", 0x00720065, false},
    {"LO", 0x00720066, false}, {"OF", 0x00720067, false}, {"LT", 0x00720068, false}, {"OW", 0x00720069, false},
    {"PN", 0x0072006A, false}, {"TM", 0x0072006B, false}, {"SH", 0x0072006C, false}, {"UN", 0x0072006D, false},
    {"ST", 0x0072006E, false}, {"UC", 0x0072006F, false}, {"UT", 0x00720070, false}, {"UR", 0x00720071, false},
    {"DS", 0x00720072, true},  {"OD", 0x00720073, false}, {"FD", 0x00720074, true},  {"OL", 0x00720075, false},
    {"FL", 0x00720076, true},  {"UL", 0x00720078, true},  {"US", 0x0072007A, true},  {"SL", 0x0072007C, true},
    {"SS", 0x0072007E, true},  {"UI", 0x0072007F, false}, {"SQ", 0x00720080, false}, {"OV", 0x00720081, false},
    {"SV", 0x00720082, true},  {"UV", 0x00720083, true},
};
/* clang-format on */

static const struct value_vr *find_vr(struct span vr)
{
    for (size_t i = 0; i < sizeof value_vrs / sizeof *value_vrs; i++) {
        if (vr.len == 2 && memcmp(vr.data, value_vrs[i].vr, 2) == 0)
            return &value_vrs[i];
    }
    return NULL;
}

bool rows_vr_is_known(struct span vr)
{
    return find_vr(vr) != NULL;
}

/* ---- numbers ---- */

static size_t digits(struct span text, size_t *at)
{
    size_t start = *at;
    while (*at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9')
        ++*at;
    return *at - start;
}

static bool skip_one_of(struct span text, size_t *at, const char *set)
{
    if (*at >= text.len || !strchr(set, text.data[*at]))
        return false;
    ++*at;
    return true;
}

/* A number as DICOM writes it (DS, IS, PS3.5 6.2), and one that double precision holds: the database must
 * not be given another, as it would refuse the whole object. */
static bool is_number(struct span text)
{
    size_t at = 0, exponent_digits = 0;
    bool has_exponent = false;
    skip_one_of(text, &at, "+-");
    size_t whole = digits(text, &at);
    size_t fraction = skip_one_of(text, &at, ".") ? digits(text, &at) : 0;
    if (whole + fraction == 0)
        return false;
    if (skip_one_of(text, &at, "eE")) {
        has_exponent = true;
        skip_one_of(text, &at, "+-");
        size_t start = at;
        exponent_digits = digits(text, &at);
        if (exponent_digits == 0 || exponent_digits > 3 ||
            (exponent_digits == 3 && (text.data[start] == '0' || text.data[start] > '2')))
            return false;
    }
    if (at != text.len)
        return false;
    return (whole <= MAX_PLAIN_DIGITS && fraction <= MAX_PLAIN_FRACTION) ||
           (!has_exponent && text.len <= MAX_NUMBER_TEXT);
}

/* Numbers in columns have no exponent, as those of jsonb have none. */
static size_t without_exponent(const char *text, char out[EXPANDED_TEXT])
{
    const char *e = strchr(text, 'e');
    if (!e)
        return (size_t)snprintf(out, EXPANDED_TEXT, "%s", text);

    char mantissa[DCM_NUMBER_TEXT];
    size_t count = 0, len = 0;
    long point = -1;
    bool is_negative = *text == '-';
    for (const char *c = text + is_negative; c < e; c++) {
        if (*c == '.')
            point = (long)count;
        else
            mantissa[count++] = *c;
    }
    point = (point < 0 ? (long)count : point) + strtol(e + 1, NULL, 10);
    if (is_negative)
        out[len++] = '-';
    if (point <= 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (; point < 0; point++)
            out[len++] = '0';
        memcpy(out + len, mantissa, count);
        return len + count;
    }
    for (long i = 0; i < (long)count || i < point; i++) {
        if (i == point)
            out[len++] = '.';
        out[len++] = i < (long)count ? mantissa[i] : '0';
    }
    return len;
}

/* ---- codes ---- */

static bool holds(struct span text, char c)
{
    return text.len > 0 && memchr(text.data, c, text.len);
}

/* value^scheme^meaning; whether that says all there is. */
static bool code_text(struct rows_writer *w, const struct dcm_item *code, struct span *out)
{
    static const uint32_t plain[] = {TAG_CodeValue, TAG_CodingSchemeDesignator, TAG_CodeMeaning};
    const struct dcm_element *elements[] = {dcm_find(code, plain[0]), dcm_find(code, plain[1]),
                                            dcm_find(code, plain[2])};
    struct span value = rows_only_text(w, elements[0], "SH");
    struct span scheme = rows_only_text(w, elements[1], "SH");
    struct span meaning = rows_only_text(w, elements[2], "LO");
    bool says_all = rows_has_only(code, plain, 3) && !holds(value, '^') && !holds(scheme, '^') &&
                    !elements[0] == !value.data && !elements[1] == !scheme.data &&
                    !elements[2] == !meaning.data;
    if (!value.data)
        value = rows_only_text(w, dcm_find(code, TAG_LongCodeValue), "UC");
    if (!value.data)
        value = rows_only_text(w, dcm_find(code, TAG_URNCodeValue), "UR");
    const char *text = arena_printf(w->arena, "%.*s^%.*s^%.*s", (int)value.len,
                                    value.data ? (const char *)value.data : "", (int)scheme.len,
                                    scheme.data ? (const char *)scheme.data : "", (int)meaning.len,
                                    meaning.data ? (const char *)meaning.data : "");
    w->has_room = w->has_room && text;
    *out = span_str(text ? text : "");
    return says_all;
}

/* ---- the sequence ---- */

struct flat {
    struct rows_writer *w;
    const struct value_vr *vr; /* NULL: unknown */
    unsigned count;
    struct rows_values result;
};

static void add_value(struct flat *f, struct span text)
{
    rows_add_text(&f->w->list, text);
    f->count++;
    if (!f->vr || !f->vr->is_numeric)
        return;
    bool is_bad = !text.data || !is_number(text);
    rows_add_text(&f->w->numbers, is_bad ? span_of(NULL, 0) : text);
    if (is_bad && !f->result.has_bad_number) {
        f->result.has_bad_number = true;
        f->result.bad_number = rows_excerpt(f->w, text);
    }
}

/* JSON has unsigned numbers beyond the signed ones as strings, and NaN as null. */
static void add_number(struct flat *f, const struct dcm_element *e, struct span value)
{
    char text[DCM_NUMBER_TEXT], expanded[EXPANDED_TEXT];
    bool is_known = dcm_number_text(e->vr, value.data, text);
    f->w->out->is_lossy = f->w->out->is_lossy || !is_known;
    if (strcmp(e->vr, "UV") == 0 && value.data[7] > 0x7F)
        f->result.says_all = false;
    add_value(f, is_known ? span_of(expanded, without_exponent(text, expanded)) : span_of(NULL, 0));
}

static void add_element(struct flat *f, const struct dcm_element *e)
{
    struct dcm_values values = dcm_values_of(e);
    unsigned width = dcm_vr_number_width(e->vr);
    struct span value, text;
    if (!f->vr || e->tag != f->vr->tag || strcmp(e->vr, f->vr->vr) != 0)
        f->result.says_all = false;
    for (const struct dcm_item *code = e->items; code; code = code->next) {
        if (!code_text(f->w, code, &text))
            f->result.says_all = false;
        add_value(f, text);
    }
    if (!width && !dcm_vr_is_string(e->vr))
        return; /* octets have no text */
    if (width && e->value.len % width)
        f->w->out->is_lossy = true;
    while (dcm_values_next(&values, &value)) {
        if (width)
            add_number(f, e, value);
        else
            add_value(f, rows_value_text(f->w, e, value));
    }
}

static void add_items(struct flat *f, const struct dcm_element *e, bool is_list)
{
    f->result.says_all = strcmp(e->vr, "SQ") == 0 && (is_list || e->item_count == 1);
    for (const struct dcm_item *item = e->items; item; item = item->next) {
        unsigned before = f->count;
        for (const struct dcm_element *v = item->first; v; v = v->next) {
            if (v->tag >= FIRST_VALUE_TAG && v->tag <= LAST_VALUE_TAG)
                add_element(f, v);
        }
        bool is_whole = item->first && !item->first->next && f->count > before;
        if (!is_whole || (is_list && f->count != before + 1))
            f->result.says_all = false;
    }
    if (f->count == 0)
        f->result.says_all = false;
}

struct rows_values rows_add_values(struct rows_writer *w, struct buf *row,
                                   const struct dcm_element *e, struct span vr, bool is_list)
{
    struct flat f = {.w = w, .vr = find_vr(vr)};
    buf_clear(&w->list);
    buf_clear(&w->numbers);
    text_array_open(&w->list);
    text_array_open(&w->numbers);
    if (e)
        add_items(&f, e, is_list);
    text_array_close(&w->list);
    text_array_close(&w->numbers);
    bool has_numbers = f.count > 0 && f.vr && f.vr->is_numeric;
    rows_add_text(row, f.count > 0 ? buf_span(&w->list) : span_of(NULL, 0));
    rows_add_text(row, has_numbers ? buf_span(&w->numbers) : span_of(NULL, 0));
    return f.result;
}
