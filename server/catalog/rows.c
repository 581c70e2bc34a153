/* SPDX-License-Identifier: Apache-2.0
 *
 * From the UTF-8 tree of a Defined Procedure Protocol or a Protocol Approval to the rows of its tables.
 *
 *     item of a sequence -> its columns -> what they do not say, as DICOM JSON -> a row -> the items below
 *
 * Which attribute is which column say the tables of rows_protocol.c and rows_approval.c (rows_levels.h).
 *
 * Nothing is lost: an attribute that its column says completely goes no further, everything else stays in
 * the row's other_attributes, as received. A column is filled as well as it can be in either case. An
 * attribute with a column that does not fit it is named in a warning, with the reason: such a value is
 * found by no query. This is no validation against the IOD.
 *
 * Done here rather than in SQL from the whole data set as JSON, as it was before: a protocol of a hundred
 * constraints cost PostgreSQL more than twice what writing its rows costs, and costs a hundredth of that
 * here. The tree is walked once and used up, so that what remains is collected without copies.
 */
#include "rows_parts.h"

#include <stdio.h>
#include <string.h>

#include "dcm/json.h"
#include "query_instant.h"
#include "text_array.h"

enum {
    MAX_COLUMNS = 40,
    MAX_WARNINGS = 1000, /* a hostile data set has a million; nobody reads so many */
    EXCERPT = 64,        /* characters */
    GROUPS = 3,          /* of a person name */
};

/* One value an item; the others have one item. */
static const char *const list_types[] = {"RANGE_INCL", "RANGE_EXCL", "MEMBER_OF", "NOT_MEMBER_OF",
                                         NULL};

/* ---- text ---- */

static const struct span nothing = {NULL, 0};

struct span rows_clean(struct rows_writer *w, struct span text)
{
    if (utf8_is_valid(text) && !(text.len && memchr(text.data, '\0', text.len)))
        return text;
    w->out->is_lossy = true;
    uint8_t *to = arena_alloc(w->arena, 3 * text.len);
    size_t len = 0, taken;
    uint32_t code;
    w->has_room = w->has_room && to;
    for (size_t i = 0; to && i < text.len; i += taken ? taken : 1) {
        taken = utf8_decode(text.data + i, text.len - i, &code);
        if (taken && code == 0)
            continue;
        memcpy(to + len, taken ? (const char *)text.data + i : "\xEF\xBF\xBD", taken ? taken : 3);
        len += taken ? taken : 3;
    }
    return span_of(to, len);
}

/* Component groups without padding, none of them idle at the end. The standard knows three. */
static struct span name_text(struct rows_writer *w, struct span name)
{
    char *to = arena_alloc(w->arena, name.len + 1);
    size_t len = 0, used = 0;
    w->has_room = w->has_room && to;
    for (size_t n = 0, start = 0; to && start <= name.len; n++) {
        const uint8_t *found =
            start < name.len ? memchr(name.data + start, '=', name.len - start) : NULL;
        size_t end = found ? (size_t)(found - name.data) : name.len, next = end + 1;
        while (end > start && (name.data[end - 1] == ' ' || name.data[end - 1] == '\0'))
            end--;
        if (n >= GROUPS)
            w->out->is_lossy = w->out->is_lossy || end > start;
        else {
            if (n > 0)
                to[len++] = '=';
            memcpy(to + len, name.data + start, end - start);
            len += end - start;
            used = end > start ? len : used;
        }
        start = next;
    }
    return used ? rows_clean(w, span_of(to, used)) : nothing;
}

struct span rows_value_text(struct rows_writer *w, const struct dcm_element *e, struct span value)
{
    if (dcm_vr_number_width(e->vr)) {
        char text[DCM_NUMBER_TEXT];
        const char *copy =
            dcm_number_text(e->vr, value.data, text) ? arena_strdup(w->arena, text) : NULL;
        return span_str(copy);
    }
    if (strcmp(e->vr, "PN") == 0)
        return name_text(w, value);
    return value.len ? rows_clean(w, value) : nothing;
}

struct span rows_only_text(struct rows_writer *w, const struct dcm_element *e, const char *vr)
{
    struct dcm_values values;
    struct span value, another;
    if (!e || strcmp(e->vr, vr) != 0)
        return nothing;
    values = dcm_values_of(e);
    if (!dcm_values_next(&values, &value) || dcm_values_next(&values, &another))
        return nothing;
    if (!dcm_vr_is_string(vr) && value.len < e->value.len)
        w->out->is_lossy = true; /* not a whole number of numbers */
    return rows_value_text(w, e, value);
}

void rows_add_text(struct buf *row, struct span text)
{
    if (text.data)
        text_array_add(row, text);
    else
        text_array_add_null(row);
}

struct span rows_excerpt(struct rows_writer *w, struct span text)
{
    size_t len = 0, characters = 0;
    for (; len < text.len && characters <= EXCERPT; len++)
        characters += (text.data[len] & 0xC0) != 0x80;
    len -= characters > EXCERPT;
    char *copy = arena_strndup(w->arena, text.data ? (const char *)text.data : "", len);
    w->has_room = w->has_room && copy;
    return span_of(copy ? copy : "", copy ? len : 0);
}

bool rows_has_only(const struct dcm_item *item, const uint32_t *tags, unsigned count)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        unsigned i = 0;
        while (i < count && tags[i] != e->tag)
            i++;
        if (i == count)
            return false;
    }
    return true;
}

static bool is_one_of(struct span text, const char *const *list)
{
    while (*list && !span_equal_str(text, *list))
        list++;
    return *list != NULL;
}

/* ---- warnings ---- */

void rows_warn(struct rows *rows, const char *attribute, const char *sentence)
{
    struct buf *b = &rows->literals[ROWS_WARNINGS];
    if (attribute && rows->warning_count >= MAX_WARNINGS) {
        if (rows->warning_count++ == MAX_WARNINGS)
            rows_warn(rows, NULL, "more is wrong than is listed here");
        return;
    }
    rows->warning_count += attribute != NULL;
    text_array_open(b);
    rows_add_text(b, span_str(attribute));
    text_array_add(b, span_str(sentence));
    text_array_close(b);
}

static void warn_here(struct rows_writer *w, uint32_t tag, const char *sentence)
{
    char where[sizeof w->path / sizeof *w->path * 24 + 9];
    size_t len = 0;
    for (unsigned i = 0; i < w->depth; i++)
        len += (size_t)snprintf(where + len, sizeof where - len, "%08X[%u].",
                                (unsigned)w->path[i].tag, w->path[i].ordinal);
    (void)snprintf(where + len, sizeof where - len, "%08X", (unsigned)tag);
    rows_warn(w->out, where, sentence);
}

static bool is_binary(const struct dcm_element *e)
{
    return !dcm_vr_is_string(e->vr) && !dcm_vr_number_width(e->vr) && strcmp(e->vr, "SQ") != 0;
}

/* Why an attribute is not what its column needs, as the rest of a sentence; NULL: it merely has no value, or it is
 * a sequence that is kept as received. */
static const char *problem_of(struct rows_writer *w, const struct dcm_element *e,
                              const struct column *c)
{
    bool is_sequence = strcmp(e->vr, "SQ") == 0,
         is_list = c->how != ONE && c->how != FLAG && c->how != UNIT && c->how != ELSEWHERE;
    unsigned count = is_sequence ? e->item_count : dcm_value_count(e);
    struct span first;
    if (is_binary(e) ? e->value.len == 0 : count == 0)
        return NULL;
    if (is_binary(e))
        return arena_printf(w->arena, "is binary with VR %s instead of %s", e->vr, c->vr);
    if (strcmp(e->vr, c->vr) != 0)
        return arena_printf(w->arena, "has VR %s instead of %s", e->vr, c->vr);
    if (!is_list && count > 1)
        return arena_printf(w->arena, "has %u values instead of one", count);
    if (is_sequence)
        return NULL;
    if (c->how == INTEGERS)
        return "has a value that is no integer in plain spelling";
    first = rows_excerpt(w, rows_only_text(w, e, c->vr));
    return first.len ? arena_printf(w->arena, "has an unknown value: %s", (const char *)first.data)
                     : NULL;
}

/* ---- columns ---- */

/* What a value in an indexed column may have, in octets: no row of a PostgreSQL index has more than 2704, which must do for
 * a role, a code and its scheme together, and a name is up to three times as long in there (dpp.fold_name). That is ample
 * for what the standard allows, 64 characters in LO and in each group of a PN; UC and UR have no limit of their own. */
static const struct {
    const char *vr;
    size_t octets;
} rooms[] = {
    {"AE", 1024}, {"CS", 1024}, {"LO", 1024}, {"SH", 1024},
    {"UI", 1024}, {"PN", 800},  {"UC", 1600}, {"UR", 1600},
};

static const char *too_long(struct rows_writer *w, struct span text, const char *vr)
{
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        if (strcmp(rooms[i].vr, vr) == 0 && text.len > rooms[i].octets)
            return arena_printf(w->arena, "is too long to be matched: more than %zu octets",
                                rooms[i].octets);
    }
    return NULL;
}

/* One row's columns while they are written. */
struct row {
    const struct level *level;
    const struct dcm_item *item;
    struct buf *out;
    struct dcm_element *elements[MAX_COLUMNS]; /* by column */
    bool is_said[MAX_COLUMNS];
    const char *problems[MAX_COLUMNS];
    unsigned order[MAX_COLUMNS]; /* columns in the order of their elements */
    unsigned present;
};

/* 0, or up to nine digits that do not begin with one; a sign before those. */
static bool is_plain_integer(struct span text)
{
    size_t start = text.len > 1 && text.data[0] == '-', digits = text.len - start;
    if (digits == 0 || digits > 9 || (text.data[start] == '0' && text.len > 1))
        return false;
    for (size_t i = start; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return true;
}

static bool add_texts(struct rows_writer *w, struct row *r, unsigned column)
{
    const struct dcm_element *e = r->elements[column];
    const char *vr = r->level->columns[column].vr;
    bool are_integers = r->level->columns[column].how == INTEGERS;
    struct span value;
    bool has_any = false, is_said = e && strcmp(e->vr, vr) == 0;
    unsigned width = dcm_vr_number_width(vr);
    buf_clear(&w->list);
    text_array_open(&w->list);
    struct dcm_values values = dcm_values_of(is_said ? e : NULL);
    while (is_said && dcm_values_next(&values, &value)) {
        struct span text = rows_value_text(w, e, value);
        text_array_add(&w->list, text.data ? text : span_str(""));
        has_any = true;
        if (strcmp(vr, "UC") != 0) /* such lists are in no index */
            r->problems[column] = too_long(w, text, vr);
        is_said = !r->problems[column] && (!are_integers || is_plain_integer(text));
    }
    text_array_close(&w->list);
    if (is_said && width && e->value.len % width)
        w->out->is_lossy = true;
    is_said = is_said && has_any;
    rows_add_text(r->out, is_said ? buf_span(&w->list) : nothing);
    return is_said;
}

static bool add_unit(struct rows_writer *w, struct row *r, const struct dcm_element *e)
{
    static const uint32_t plain[] = {TAG_CodeValue, TAG_CodingSchemeDesignator, TAG_CodeMeaning};
    static const char *const vrs[] = {"SH", "SH", "LO"};
    const struct dcm_item *unit = e ? e->items : NULL;
    bool is_said = unit && e->item_count == 1 && rows_has_only(unit, plain, 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct dcm_element *part = dcm_find(unit, plain[i]);
        struct span text = rows_only_text(w, part, vrs[i]);
        rows_add_text(r->out, text);
        is_said = is_said && (text.data || (!part && i > 0));
    }
    return is_said;
}

static bool add_values(struct rows_writer *w, struct row *r, unsigned column)
{
    const struct dcm_element *e = r->elements[column];
    bool is_default = r->level->columns[column].how == DEFAULTS;
    struct span vr = rows_only_text(w, dcm_find(r->item, SELECTOR_VR), "CS");
    struct span type = rows_only_text(w, dcm_find(r->item, CONSTRAINT_TYPE), "CS");
    if (!is_default && span_equal_str(type, "MEMBER_OF_CID"))
        vr = span_str("UI"); /* of a context group, whatever is constrained (PS3.3 10.25) */
    struct rows_values v =
        rows_add_values(w, r->out, e, vr, !is_default && is_one_of(type, list_types));
    if (v.has_bad_number)
        r->problems[column] = arena_printf(w->arena, "has a value that is no number: %s",
                                           (const char *)v.bad_number.data);
    return v.says_all;
}

/* dpp.objects keeps it as written; an offset that is none has no effect on matching. */
static bool check_timezone(struct rows_writer *w, struct row *r, unsigned column)
{
    struct span text = rows_timezone(r->item);
    int minutes;
    if (text.data && !instant_read_offset(text, &minutes))
        r->problems[column] = arena_printf(w->arena, "has a value that is no offset from UTC: %s",
                                           (const char *)rows_excerpt(w, text).data);
    return text.data != NULL;
}

static bool add_one(struct rows_writer *w, struct row *r, unsigned column)
{
    const struct column *c = &r->level->columns[column];
    struct span text = rows_only_text(w, r->elements[column], c->vr);
    r->problems[column] = too_long(w, text, c->vr);
    if (r->problems[column])
        text = nothing;
    rows_add_text(r->out, text);
    if (text.data && ((c->allowed && !is_one_of(text, c->allowed)) ||
                      (c->tag == SELECTOR_VR && !rows_vr_is_known(text))))
        r->problems[column] = arena_printf(w->arena, "has an unknown value: %s",
                                           (const char *)rows_excerpt(w, text).data);
    return text.data != NULL;
}

/* Whether the column says the attribute completely. */
static bool add_column(struct rows_writer *w, struct row *r, unsigned column)
{
    const struct column *c = &r->level->columns[column];
    const struct dcm_element *e = r->elements[column];
    struct span text;
    switch (c->how) {
    case ONE:
        return add_one(w, r, column);
    case MANY:
    case INTEGERS:
        return add_texts(w, r, column);
    case FLAG:
        text = rows_only_text(w, e, c->vr);
        bool is_flag = span_equal_str(text, "YES") || span_equal_str(text, "NO");
        rows_add_text(r->out, is_flag ? text : nothing);
        return is_flag;
    case VALUES:
    case DEFAULTS:
        return add_values(w, r, column);
    case UNIT:
        return add_unit(w, r, e);
    case ELSEWHERE:
        return c->tag == TAG_TimezoneOffsetFromUTC ? check_timezone(w, r, column)
                                                   : rows_only_text(w, e, c->vr).data != NULL;
    case ITEMS:
        return e && strcmp(e->vr, "SQ") == 0 && e->items;
    }
    return false;
}

/* ---- rows ---- */

static void find_elements(struct row *r)
{
    for (struct dcm_element *e = r->item->first; e; e = e->next) {
        for (unsigned i = 0; i < r->level->count; i++) {
            if (r->level->columns[i].tag == e->tag) {
                r->elements[i] = e;
                r->order[r->present++] = i;
                break;
            }
        }
    }
}

/* other_attributes: the elements that are left are linked into an item of their own. */
static enum rc add_rest(struct rows_writer *w, struct row *r, struct err *err)
{
    struct dcm_item rest = {0};
    struct dcm_element **link = &rest.first, *e = r->item->first, *next;
    bool is_lossy = false;
    for (unsigned n = 0; e; e = next) {
        next = e->next;
        bool has_column = n < r->present && r->elements[r->order[n]] == e;
        if (has_column && r->is_said[r->order[n++]])
            continue;
        *link = e;
        link = &e->next;
    }
    *link = NULL;
    if (!rest.first) {
        text_array_add_null(r->out);
        return RC_OK;
    }
    buf_clear(&w->json);
    enum rc rc = dcm_json_write(&rest, w->inline_limit, &w->json, &is_lossy, err);
    w->out->is_lossy = w->out->is_lossy || is_lossy;
    text_array_add(r->out, buf_span(&w->json));
    return rc;
}

static void add_key(struct rows_writer *w, const struct level *level, const char *label,
                    const uint8_t *key, struct buf *out)
{
    if (level->has_label)
        text_array_add(out, span_str(label));
    for (unsigned i = 0; i < level->key_count; i++)
        text_array_add_number(out, key[i] ? w->path[key[i] - 1].ordinal : 0);
}

static enum rc write_item(struct rows_writer *w, const struct level *level, const char *label,
                          const uint8_t *key, struct dcm_item *item, struct err *err);

static enum rc write_items(struct rows_writer *w, const struct column *c, const char *label,
                           const struct dcm_element *e, struct err *err)
{
    unsigned at = w->depth++;
    enum rc rc = RC_OK;
    w->path[at].tag = c->tag;
    w->path[at].ordinal = 0;
    for (struct dcm_item *item = e->items; item && rc == RC_OK; item = item->next) {
        w->path[at].ordinal++;
        rc = write_item(w, c->items, c->label ? c->label : label, c->key, item, err);
    }
    w->depth = at;
    return rc;
}

static enum rc write_item(struct rows_writer *w, const struct level *level, const char *label,
                          const uint8_t *key, struct dcm_item *item, struct err *err)
{
    struct row r = {.level = level, .item = item, .out = &w->out->literals[level->table]};
    find_elements(&r);
    text_array_open(r.out);
    add_key(w, level, label, key, r.out);
    for (unsigned i = 0; i < level->count; i++) {
        r.is_said[i] = add_column(w, &r, i);
        if (r.elements[i] && !r.is_said[i] && !r.problems[i])
            r.problems[i] = problem_of(w, r.elements[i], &level->columns[i]);
    }
    enum rc rc = add_rest(w, &r, err);
    text_array_close(r.out);
    if (rc == RC_OK && (!w->has_room || buf_status(r.out) != RC_OK))
        return err_set_limit(err, LIMIT_memory, 0, "data set needs more than it may have");

    /* in the order of the data set, what is wrong with an attribute before what is wrong in it */
    for (unsigned n = 0; n < r.present && rc == RC_OK; n++) {
        unsigned i = r.order[n];
        if (r.problems[i])
            warn_here(w, level->columns[i].tag, r.problems[i]);
        if (level->columns[i].how == ITEMS && r.is_said[i])
            rc = write_items(w, &level->columns[i], label, r.elements[i], err);
    }
    return rc;
}

void rows_init(struct rows *rows, size_t room)
{
    *rows = (struct rows){0};
    for (unsigned i = 0; i < ROWS_TABLES; i++) {
        buf_init(&rows->literals[i], room);
        text_array_open(&rows->literals[i]);
    }
}

enum rc rows_finish(struct rows *rows, struct err *err)
{
    enum rc rc = RC_OK;
    for (unsigned i = 0; i < ROWS_TABLES && rc == RC_OK; i++) {
        text_array_close(&rows->literals[i]);
        rc = buf_status(&rows->literals[i]);
    }
    return rc == RC_OK
               ? RC_OK
               : err_set_limit(err, LIMIT_memory, 0, "data set needs more than it may have");
}

void rows_fini(struct rows *rows)
{
    for (unsigned i = 0; i < ROWS_TABLES; i++)
        buf_fini(&rows->literals[i]);
}

struct span rows_timezone(const struct dcm_item *item)
{
    const struct dcm_element *e = dcm_find(item, TAG_TimezoneOffsetFromUTC);
    struct span text;
    if (!e || strcmp(e->vr, "SH") != 0 || dcm_value_count(e) != 1 || !dcm_value_at(e, 0, &text))
        return nothing;
    if (text.len > EXCERPT) /* five characters are an offset */
        return nothing;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7E)
            return nothing;
    }
    return text;
}

enum rc rows_write(const struct model *model, struct dcm_item *utf8, size_t inline_limit,
                   struct arena *arena, struct rows *rows, struct err *err)
{
    const struct level *top =
        model == &model_approval ? &rows_approval_level : &rows_protocol_level;
    size_t room = rows->literals[0].limit;
    struct rows_writer w = {
        .out = rows, .arena = arena, .inline_limit = inline_limit, .has_room = true};
    buf_init(&w.json, room);
    buf_init(&w.list, room);
    buf_init(&w.numbers, room);
    enum rc rc = write_item(&w, top, NULL, NULL, utf8, err);
    buf_fini(&w.json);
    buf_fini(&w.list);
    buf_fini(&w.numbers);
    return rc;
}
