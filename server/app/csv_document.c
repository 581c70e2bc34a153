/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of CSV as authoring documents, and back (docs/authoring.md, "As a table").
 *
 * A row is a parameter. The header names members of the JSON document, so what a document may hold is said in one place
 * only, the database's: here is known where a column belongs, and nothing about what it means.
 *
 *     part, element                  which element the parameter is of; empty: as in the row above
 *     element.MEMBER                 members of that element
 *     parameter.MEMBER               members of the parameter; short for some: keyword, constraint, value, unit, ...
 *     MEMBER                         members of the protocol, in its first row or in each
 *
 * Rows belong to one protocol until a cell of sop_instance_uid, id or name says another one. A cell is text; several
 * values are separated by a backslash, as in DICOM; one that is JSON (an array, an object or a string in quotes) is taken
 * as that, so whatever a document holds can be said in a table.
 */
#include "authoring.h"

#include <ctype.h>
#include <stdlib.h>

#include <jansson.h>

#include "core/arena.h"

#define PATIENT_MEMBER   "patient_constraints"
#define PARAMETER_MEMBER "parameters"

enum { MAX_PROBLEMS = 100, NAME_MAX_OCTETS = 128 };

enum column_kind {
    COLUMN_PROTOCOL,
    COLUMN_PART,
    COLUMN_ELEMENT,
    COLUMN_OF_ELEMENT,
    COLUMN_PARAMETER
};

struct column {
    enum column_kind kind;
    bool is_identity;
    char *title; /* as the header has it, for messages */
    char *path;  /* the member; a dot leads into it */
};

/* Members of a parameter that need no prefix. */
static const char *const parameter_members[] = {
    "keyword",    "attribute",    "vr",        "value_number", "path", "path_item",
    "path_items", "constraint",   "value",     "default",      "unit", "guidance",
    "note",       "significance", "condition", "modifiable",
};
static const char *const identities[] = {"sop_instance_uid", "id", "name"};
static const char *const parts[] = {"patient", "acquisition", "reconstruction", "storage"};

static bool is_among(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, list[i]) == 0)
            return true;
    }
    return false;
}
#define IS_AMONG(text, list) is_among(text, list, sizeof(list) / sizeof((list)[0]))

/* The document that rows are being added to. */
struct draft {
    json_t *document;
    json_t *element, *parameters; /* of the row above; borrowed */
    char *part;                   /* of the row above; NULL = none yet */
    json_t *labels;               /* part and label -> the element's place in its part */
    struct buf *problems;
    unsigned problem_count;
    size_t octets;
};

struct csv_documents {
    struct csv csv;
    struct column columns[CSV_FIELDS_MAX];
    unsigned column_count;
    bool has_row;      /* the row read last begins the next document */
    struct err broken; /* of the row before, which could not be read; code RC_OK: it could */
};

/* ---- cells ---- */

static json_t *text_value(struct span text)
{
    return json_stringn((const char *)text.data, text.len);
}

static json_t *several_values(struct span cell)
{
    json_t *list = json_array();

    for (size_t from = 0, i = 0; i <= cell.len; i++) {
        if (i < cell.len && cell.data[i] != '\\')
            continue;
        json_array_append_new(list, i > from ? text_value(span_of(cell.data + from, i - from))
                                             : json_null());
        from = i + 1;
    }
    return list;
}

static json_t *cell_value(struct span cell)
{
    if (cell.len > 1 && strchr("{[\"", cell.data[0])) {
        json_t *value = json_exact_load(cell);
        if (value)
            return value;
    }
    return memchr(cell.data, '\\', cell.len) ? several_values(cell) : text_value(cell);
}

/* Control characters that no cell may hold as they are. */
static bool has_control(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 && !memchr("\t\n\f\r", text.data[i], 4))
            return true;
    }
    return false;
}

static void write_text(struct buf *out, struct span text)
{
    json_t *read = cell_value(text);
    bool is_same = json_is_string(read) && json_string_length(read) == text.len &&
                   memcmp(json_string_value(read), text.data, text.len) == 0;

    json_decref(read);
    if (is_same && text.len > 0 && !has_control(text)) {
        csv_write_field(out, text);
        return;
    }
    json_t *value = text_value(text);
    struct buf quoted = {0};
    json_exact_dump(value, 0, &quoted);
    csv_write_field(out, buf_span(&quoted));
    buf_fini(&quoted);
    json_decref(value);
}

/* A text or a number as it stands in a list that backslashes separate; false: it cannot. */
static bool listed_text(const json_t *value, struct span *text)
{
    if (json_exact_number(value, text))
        return true;
    if (!json_is_string(value))
        return false;
    *text = span_of(json_string_value(value), json_string_length(value));
    return text->len > 0 && !memchr(text->data, '\\', text->len) && !has_control(*text);
}

static bool is_plain_list(const json_t *value)
{
    struct span text;

    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!listed_text(json_array_get(value, i), &text) ||
            (i == 0 && strchr("{[\"", text.data[0])))
            return false;
    }
    return json_array_size(value) > 0; /* a list of one is as good as the one */
}

static void write_cell(struct buf *out, const json_t *value)
{
    struct buf cell = {0};
    struct span text;

    if (json_exact_number(value, &text)) {
        csv_write_field(out, text);
    } else if (json_is_string(value)) {
        write_text(out, span_of(json_string_value(value), json_string_length(value)));
    } else if (is_plain_list(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            buf_add_str(&cell, i ? "\\" : "");
            if (listed_text(json_array_get(value, i), &text))
                buf_add_span(&cell, text);
        }
        csv_write_field(out, buf_span(&cell));
    } else if (value && !json_is_null(value)) {
        json_exact_dump(value, JSON_COMPACT, &cell);
        csv_write_field(out, buf_span(&cell));
    }
    buf_fini(&cell);
}

/* ---- header ---- */

/* Lower case, blanks at the ends off and underscores for those inside: "Element Name" is element_name. */
static char *member_name(struct span title)
{
    char name[NAME_MAX_OCTETS + 1];
    size_t len = 0;

    while (title.len > 0 && title.data[title.len - 1] == ' ')
        title.len--;
    for (size_t i = 0; i < title.len && len < NAME_MAX_OCTETS; i++) {
        char ch = (char)title.data[i];
        if (ch == ' ' && len == 0)
            continue;
        name[len++] = ch == ' ' ? '_' : (char)tolower((unsigned char)ch);
    }
    name[len] = '\0';
    return xstrdup(name);
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void settle_column(struct column *c, struct span title)
{
    char *name = member_name(title.len <= NAME_MAX_OCTETS ? title : span_of("", 0));

    c->title = xstrdup((const char *)title.data); /* a NUL is behind it */
    c->kind = COLUMN_PROTOCOL;
    if (strcmp(name, "part") == 0)
        c->kind = COLUMN_PART;
    else if (strcmp(name, "element") == 0)
        c->kind = COLUMN_ELEMENT;
    else if (has_prefix(name, "element."))
        c->kind = COLUMN_OF_ELEMENT;
    else if (has_prefix(name, "parameter.") || IS_AMONG(name, parameter_members))
        c->kind = COLUMN_PARAMETER;
    bool is_prefixed = has_prefix(name, "element.") || has_prefix(name, "parameter.");
    c->path = xstrdup(is_prefixed ? strchr(name, '.') + 1 : name);
    c->is_identity = c->kind == COLUMN_PROTOCOL && IS_AMONG(name, identities);
    free(name);
}

static enum rc check_columns(const struct csv_documents *d, struct err *err)
{
    bool has_identity = false;

    for (unsigned i = 0; i < d->column_count; i++) {
        const struct column *c = &d->columns[i];
        has_identity |= c->is_identity;
        if (!*c->path || *c->path == '.' || c->path[strlen(c->path) - 1] == '.' ||
            strstr(c->path, ".."))
            return err_set(err, RC_INVALID, "line %lu, column %u: '%.80s' is no name of a column",
                           d->csv.line, i + 1, c->title);
        for (unsigned k = 0; k < i; k++) {
            if (d->columns[k].kind == c->kind && strcmp(d->columns[k].path, c->path) == 0)
                return err_set(err, RC_INVALID, "line %lu: columns %u and %u are both '%.80s'",
                               d->csv.line, k + 1, i + 1, c->title);
        }
    }
    if (!has_identity)
        return err_set(err, RC_INVALID,
                       "line %lu: no column sop_instance_uid, id or name says which rows are of "
                       "one protocol",
                       d->csv.line);
    return RC_OK;
}

enum rc csv_documents_open(struct span text, struct csv_documents **out, struct err *err)
{
    struct csv_documents *d = xcalloc(1, sizeof(*d));

    *out = d;
    enum rc rc = csv_init(&d->csv, text, err);
    if (rc == RC_OK)
        rc = csv_next(&d->csv, err);
    if (rc == RC_NOTFOUND)
        return err_set(err, RC_INVALID, "the table is empty");
    if (rc != RC_OK)
        return rc;
    /* Spreadsheets leave empty columns at the end. */
    for (d->column_count = d->csv.count;
         d->column_count > 0 && csv_field(&d->csv, d->column_count - 1).len == 0;)
        d->column_count--;
    for (unsigned i = 0; i < d->column_count; i++)
        settle_column(&d->columns[i], csv_field(&d->csv, i));
    return check_columns(d, err);
}

void csv_documents_free(struct csv_documents *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < d->column_count; i++) {
        free(d->columns[i].title);
        free(d->columns[i].path);
    }
    csv_fini(&d->csv);
    free(d);
}

/* ---- rows ---- */

static void add_problem(struct draft *f, const char *text)
{
    f->problem_count++;
    if (f->problem_count > MAX_PROBLEMS)
        return;
    if (f->problems->len > 0)
        buf_add_str(f->problems, "\n");
    buf_add_str(f->problems, f->problem_count < MAX_PROBLEMS ? text : "and more");
}

PRINTF_LIKE(3, 4)
static void row_problem(struct draft *f, const struct csv *csv, const char *fmt, ...)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "line %lu: ", csv->line);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    add_problem(f, text);
}

/* The object that holds the last member of the path, made where it is missing; NULL: something else is there. */
static json_t *holder_of(json_t *object, const char *path, const char **last)
{
    const char *dot;

    while (object && (dot = strchr(path, '.')) != NULL) {
        char name[NAME_MAX_OCTETS + 1];
        snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        json_t *inner = json_object_get(object, name);
        if (!inner) {
            inner = json_object();
            json_object_set_new(object, name, inner);
        }
        object = json_is_object(inner) ? inner : NULL;
        path = dot + 1;
    }
    *last = path;
    return object;
}

/* A cell into its object. What rows before have said may be said again, and must then be the same. */
static void put_cell(struct draft *f, const struct csv *csv, const struct column *c, json_t *object,
                     struct span cell)
{
    const char *last;
    json_t *holder = holder_of(object, c->path, &last), *value = cell_value(cell);
    const json_t *known = json_object_get(holder, last);

    if (!holder)
        row_problem(f, csv, "%.80s: another column has given its first part a value already",
                    c->title);
    else if (known && !json_equal(known, value))
        row_problem(f, csv, "%.80s is '%.*s' here and was something else in a row above", c->title,
                    (int)(cell.len < 100 ? cell.len : 100), (const char *)cell.data);
    else if (!known)
        json_object_set(holder, last, value);
    json_decref(value);
}

/* All cells of one kind into the object; whether there were any. */
static bool put_cells(struct draft *f, const struct csv_documents *d, enum column_kind kind,
                      json_t *object)
{
    bool has_any = false;

    for (unsigned i = 0; i < d->column_count; i++) {
        struct span cell = csv_field(&d->csv, i);
        if (d->columns[i].kind != kind || cell.len == 0)
            continue;
        has_any = true;
        if (object)
            put_cell(f, &d->csv, &d->columns[i], object, cell);
    }
    return has_any;
}

static struct span cell_of_kind(const struct csv_documents *d, enum column_kind kind)
{
    for (unsigned i = 0; i < d->column_count; i++) {
        if (d->columns[i].kind == kind)
            return csv_field(&d->csv, i);
    }
    return span_of("", 0);
}

/* The array that is this member, made where it is missing; NULL: something else is there. */
static json_t *array_member(json_t *object, const char *name)
{
    json_t *array = json_object_get(object, name);

    if (!array && json_is_object(object)) {
        array = json_array();
        json_object_set_new(object, name, array);
    }
    return json_is_array(array) ? array : NULL;
}

/* The element of the current part with this label, made where it is the first row of it. */
static bool enter_element(struct draft *f, struct span label)
{
    struct buf key = {0};
    json_t *elements = array_member(f->document, f->part);

    buf_printf(&key, "%s %.*s", f->part, (int)label.len, (const char *)label.data);
    json_t *place = json_object_get(f->labels, buf_cstr(&key));
    if (!place && elements) {
        place = json_integer((json_int_t)json_array_size(elements));
        json_object_set_new(f->labels, buf_cstr(&key), place);
        json_array_append_new(elements, json_object());
    }
    f->element = json_array_get(elements, (size_t)json_integer_value(place));
    f->parameters = NULL; /* made with the first parameter */
    buf_fini(&key);
    return f->element != NULL;
}

/* Which element the row is of. False: it cannot be said. */
static bool find_place(struct draft *f, const struct csv_documents *d)
{
    struct span part = cell_of_kind(d, COLUMN_PART), label = cell_of_kind(d, COLUMN_ELEMENT);
    bool is_new_part = part.len > 0 && (!f->part || !span_equal_str(part, f->part));

    if (is_new_part) {
        free(f->part);
        f->part = xstrdup((const char *)part.data);
        f->element = NULL;
        f->parameters = NULL;
    }
    if (!f->part) {
        row_problem(f, &d->csv,
                    "part is empty; it is patient, acquisition, reconstruction or storage");
        return false;
    }
    if (!IS_AMONG(f->part, parts)) {
        row_problem(f, &d->csv,
                    "part '%.40s' is none of patient, acquisition, reconstruction and storage",
                    f->part);
        free(f->part);
        f->part = NULL;
        return false;
    }
    if (strcmp(f->part, "patient") == 0)
        f->parameters = array_member(f->document, PATIENT_MEMBER);
    else if ((label.len > 0 || !f->element) &&
             !enter_element(f, label.len > 0 ? label : span_of("1", 1))) {
        row_problem(f, &d->csv, "%s has a value already, which is no list", f->part);
        return false;
    }
    return true;
}

static void add_row(struct draft *f, const struct csv_documents *d)
{
    f->octets += d->csv.octets.len;
    if (f->octets > CSV_DOCUMENT_MAX) {
        if (f->octets - d->csv.octets.len <= CSV_DOCUMENT_MAX)
            row_problem(f, &d->csv, "the protocol takes more than %d octets", CSV_DOCUMENT_MAX);
        return;
    }
    if (d->csv.count > d->column_count) {
        for (unsigned i = d->column_count; i < d->csv.count; i++) {
            if (csv_field(&d->csv, i).len > 0) {
                row_problem(f, &d->csv, "column %u has no name in the header", i + 1);
                return;
            }
        }
    }
    put_cells(f, d, COLUMN_PROTOCOL, f->document);
    bool has_element = put_cells(f, d, COLUMN_OF_ELEMENT, NULL);
    bool has_parameter = put_cells(f, d, COLUMN_PARAMETER, NULL);
    if (!has_element && !has_parameter && cell_of_kind(d, COLUMN_PART).len == 0)
        return;
    if (!find_place(f, d))
        return;
    bool is_patient = strcmp(f->part, "patient") == 0;
    if (has_element && is_patient)
        row_problem(f, &d->csv, "a constraint on the patient is of no element");
    else if (has_element)
        put_cells(f, d, COLUMN_OF_ELEMENT, f->element);
    if (!has_parameter)
        return;
    if (!f->parameters)
        f->parameters = array_member(f->element, PARAMETER_MEMBER);
    json_t *parameter = json_object();
    put_cells(f, d, COLUMN_PARAMETER, parameter);
    if (!json_is_array(f->parameters) || json_array_append(f->parameters, parameter) != 0)
        row_problem(f, &d->csv, "another column has given " PARAMETER_MEMBER " a value already");
    json_decref(parameter);
}

static bool has_identity(const struct csv_documents *d)
{
    for (unsigned i = 0; i < d->column_count; i++) {
        if (d->columns[i].is_identity && csv_field(&d->csv, i).len > 0)
            return true;
    }
    return false;
}

static bool find_identity(const struct csv_documents *d, const char *name, struct span *cell)
{
    for (unsigned i = 0; i < d->column_count; i++) {
        *cell = csv_field(&d->csv, i);
        if (d->columns[i].is_identity && strcmp(d->columns[i].path, name) == 0)
            return cell->len > 0;
    }
    return false;
}

/* Whether the row names another protocol than the draft: the first of the identities that both have decides. */
static bool is_of_another(const struct draft *f, const struct csv_documents *d)
{
    for (unsigned i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        const json_t *known = json_object_get(f->document, identities[i]);
        struct span cell;
        if (!known || !find_identity(d, identities[i], &cell))
            continue;
        json_t *value = cell_value(cell);
        bool is_other = !json_equal(known, value);
        json_decref(value);
        return is_other;
    }
    return false; /* after a bad row, which may have been the first of this one */
}

/* Rows until one of another protocol, which stays for the next call. A row that cannot be read may be of the protocol before it or
 * of the one after it: neither goes in without it. */
static enum rc collect(struct csv_documents *d, struct draft *f, unsigned long *line, size_t *end)
{
    bool is_begun = false;

    for (;;) {
        struct err err = {0};
        enum rc rc = d->has_row ? RC_OK : csv_next(&d->csv, &err);
        d->has_row = false;
        if (rc == RC_NOTFOUND)
            return is_begun ? RC_OK : RC_NOTFOUND;
        if (rc == RC_OK && is_begun && is_of_another(f, d)) {
            d->has_row = true;
            return RC_OK;
        }
        if (!is_begun)
            *line = d->csv.line;
        if (!is_begun && d->broken.code != RC_OK)
            add_problem(f, d->broken.text);
        d->broken = err;
        if (rc != RC_OK)
            add_problem(f, err.text);
        else if (!is_begun && !has_identity(d))
            row_problem(f, &d->csv,
                        "the first row of a protocol needs sop_instance_uid, id or name");
        else
            add_row(f, d);
        is_begun = true;
        *end = d->csv.pos;
    }
}

enum rc csv_documents_next(struct csv_documents *d, struct buf *json, struct buf *problems,
                           unsigned long *line, size_t *end)
{
    struct draft f = {.document = json_object(), .labels = json_object(), .problems = problems};
    enum rc rc = collect(d, &f, line, end);

    if (rc == RC_OK && problems->len == 0) {
        json_exact_dump(f.document, JSON_COMPACT, json);
        if (buf_status(json) != RC_OK)
            add_problem(&f, "no memory for it");
    }
    free(f.part);
    json_decref(f.labels);
    json_decref(f.document);
    return rc;
}

/* ---- back ---- */

/* Columns of a table that is written: member -> place among the columns of its kind, in the order of appearance. */
struct titles {
    json_t *protocol, *element, *parameter;
};

static void add_titles(json_t *titles, json_t *object, const char *except)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (!json_is_null(value) && !(except && strcmp(name, except) == 0))
            json_object_set_new(titles, name, json_true());
    }
}

static void add_parameter_titles(struct titles *t, json_t *parameters)
{
    size_t i;
    json_t *one;

    json_array_foreach(parameters, i, one) add_titles(t->parameter, one, NULL);
}

static bool is_part_member(const char *name)
{
    return strcmp(name, PATIENT_MEMBER) == 0 ||
           (IS_AMONG(name, parts) && strcmp(name, "patient") != 0);
}

static void collect_titles(struct titles *t, json_t *document)
{
    const char *name;
    json_t *value, *element;
    size_t i;

    json_object_foreach(document, name, value)
    {
        if (!is_part_member(name)) {
            if (!json_is_null(value))
                json_object_set_new(t->protocol, name, json_true());
        } else if (strcmp(name, PATIENT_MEMBER) == 0) {
            add_parameter_titles(t, value);
        } else {
            json_array_foreach(value, i, element)
            {
                add_titles(t->element, element, PARAMETER_MEMBER);
                add_parameter_titles(t, json_object_get(element, PARAMETER_MEMBER));
            }
        }
    }
}

static void write_header(struct buf *out, const struct titles *t)
{
    const char *name;
    json_t *unused;

    json_object_foreach(t->protocol, name, unused)
    {
        csv_write_field(out, span_str(name));
        buf_add_str(out, ",");
    }
    buf_add_str(out, "part,element");
    json_object_foreach(t->element, name, unused) buf_printf(out, ",element.%s", name);
    json_object_foreach(t->parameter, name, unused)
        buf_printf(out, IS_AMONG(name, parameter_members) ? ",%s" : ",parameter.%s", name);
    buf_add_str(out, "\r\n");
}

/* One row. document: with all its members, in the first row, else with those that identify it. */
static void write_row(struct buf *out, const struct titles *t, const json_t *document,
                      bool is_first, const char *part, size_t element_number, const json_t *element,
                      const json_t *parameter)
{
    const char *name;
    json_t *unused;

    json_object_foreach(t->protocol, name, unused)
    {
        if (is_first || IS_AMONG(name, identities))
            write_cell(out, json_object_get(document, name));
        buf_add_str(out, ",");
    }
    buf_add_str(out, part);
    buf_add_str(out, ",");
    if (element_number > 0)
        buf_printf(out, "%zu", element_number);
    json_object_foreach(t->element, name, unused)
    {
        buf_add_str(out, ",");
        write_cell(out, json_object_get(element, name));
    }
    json_object_foreach(t->parameter, name, unused)
    {
        buf_add_str(out, ",");
        write_cell(out, json_object_get(parameter, name));
    }
    buf_add_str(out, "\r\n");
}

/* An element: a row for each parameter, its own members in the first; one row where it has none. */
static void write_element(struct buf *out, const struct titles *t, const json_t *document,
                          bool *is_first, const char *part, size_t number, const json_t *element,
                          const json_t *parameters)
{
    size_t count = json_array_size(parameters);

    for (size_t i = 0; i < count || (i == 0 && element); i++) {
        write_row(out, t, document, *is_first, part, number, i == 0 ? element : NULL,
                  json_array_get(parameters, i));
        *is_first = false;
    }
}

static void write_parts(struct buf *out, const struct titles *t, json_t *document)
{
    bool is_first = true;
    size_t i;
    json_t *element;

    write_element(out, t, document, &is_first, "patient", 0, NULL,
                  json_object_get(document, PATIENT_MEMBER));
    for (unsigned p = 1; p < sizeof(parts) / sizeof(parts[0]); p++) {
        json_array_foreach(json_object_get(document, parts[p]), i, element)
            write_element(out, t, document, &is_first, parts[p], i + 1, element,
                          json_object_get(element, PARAMETER_MEMBER));
    }
    if (is_first)
        write_row(out, t, document, true, "", 0, NULL, NULL);
}

enum rc csv_document_write(struct span json, struct buf *out, struct err *err)
{
    json_t *read = json_exact_load(json);
    json_t *document = json_is_object(read) ? authoring_arrange(read) : NULL;
    struct titles t = {json_object(), json_object(), json_object()};
    enum rc rc = RC_OK;

    if (!document)
        rc = err_set(err, RC_INVALID, "the document is no JSON object");
    if (rc == RC_OK) {
        collect_titles(&t, document);
        write_header(out, &t);
        write_parts(out, &t, document);
        rc = buf_status(out);
        if (rc != RC_OK)
            err_set(err, rc, "no memory for the table");
    }
    json_decref(t.protocol);
    json_decref(t.element);
    json_decref(t.parameter);
    json_decref(document);
    json_decref(read);
    return rc;
}
