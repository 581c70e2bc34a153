/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of CSV. Records lie in the text, in order, and are the same when they are written and read again; documents are
 * JSON, and the same when they are written as a table and read again.
 */
#include "authoring.h"

#include "fuzz.h"

static void check_record(const struct csv *csv)
{
    struct buf line = {0};
    struct csv again;
    struct err err;
    CHECK(csv->count > 0 && csv->count <= CSV_FIELDS_MAX);
    /* A line before it settles the separator. */
    buf_add_str(&line, "a,b,c,d\r\n");
    for (unsigned i = 0; i < csv->count; i++) {
        struct span f = csv_field(csv, i);
        CHECK(utf8_is_valid(f) && !memchr(f.data, 0, f.len) && f.data[f.len] == 0);
        buf_add_str(&line, i ? "," : "");
        csv_write_field(&line, f);
    }
    buf_add_str(&line, "\r\n");
    CHECK_OK(csv_init(&again, buf_span(&line), &err), &err);
    CHECK_OK(csv_next(&again, &err), &err);
    CHECK_OK(csv_next(&again, &err), &err);
    CHECK(again.count == csv->count);
    for (unsigned i = 0; i < csv->count; i++)
        CHECK(span_equal(csv_field(&again, i), csv_field(csv, i)));
    CHECK(csv_next(&again, &err) == RC_NOTFOUND);
    csv_fini(&again);
    buf_fini(&line);
}

static void check_records(struct span text)
{
    struct csv csv;
    struct err err = {0};
    size_t last = 0;
    enum rc rc = csv_init(&csv, text, &err);
    if (rc != RC_OK)
        check_refusal(rc, &err);
    while (rc == RC_OK || (rc == RC_INVALID && csv.pos > 0)) {
        rc = csv_next(&csv, &err);
        if (rc == RC_NOTFOUND)
            break;
        CHECK(csv.pos > last && csv.pos <= text.len && csv.begin >= last &&
              csv.line < csv.next_line + 1);
        last = csv.pos;
        if (rc == RC_OK)
            check_record(&csv);
        else
            check_refusal(rc, &err);
    }
    csv_fini(&csv);
}

/* Cells are texts, so numbers come back as such: both without the mark of numbers. */
static bool is_same_text(const json_t *a, const json_t *b)
{
    static const char mark[] = "\\u0001";
    const json_t *values[] = {a, b};
    char *texts[2];
    for (unsigned i = 0; i < 2; i++) {
        texts[i] = json_dumps(values[i], JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        CHECK(texts[i] != NULL);
        for (char *at = texts[i]; (at = strstr(at, mark)) != NULL;)
            memmove(at, at + strlen(mark), strlen(at + strlen(mark)) + 1);
    }
    bool is_same = strcmp(texts[0], texts[1]) == 0;
    free(texts[0]);
    free(texts[1]);
    return is_same;
}

/* The cells say all that is in a document but nulls that stand alone. */
static void check_table(json_t *document, struct span json)
{
    struct buf table = {0}, again = {0}, problems = {0};
    struct csv_documents *d;
    struct err err;
    unsigned long line;
    size_t end;
    CHECK_OK(csv_document_write(json, &table, &err), &err);
    CHECK_OK(csv_documents_open(buf_span(&table), &d, &err), &err);
    CHECK_OK(csv_documents_next(d, &again, &problems, &line, &end), &err);
    CHECK(problems.len == 0);
    json_t *read = json_exact_load(buf_span(&again));
    CHECK(read && is_same_text(read, document));
    json_decref(read);
    csv_documents_free(d);
    buf_fini(&table);
    buf_fini(&again);
    buf_fini(&problems);
}

/* A column may hold a whole list of elements as JSON, or name a member that the table's own titles cannot: such a document is
 * not written as it was read. */
static bool is_plain(json_t *object)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return false;
    json_object_foreach(object, name, value)
    {
        if (json_is_null(value) || json_array_size(value) == 1 ||
            strpbrk(name, ".ABCDEFGHIJKLMNOPQRSTUVWXYZ ") || strlen(name) > 100 ||
            strcmp(name, "part") == 0 || strcmp(name, "element") == 0)
            return false;
    }
    return true;
}

static bool is_plain_list(json_t *list)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        if (!is_plain(one) || json_object_size(one) == 0)
            return false;
    }
    return !list || (json_is_array(list) && json_array_size(list) > 0);
}

static bool is_writable(json_t *document)
{
    static const char *const lists[] = {"acquisition", "reconstruction", "storage"};
    static const char *const strangers[] = {
        "keyword",      "attribute", "vr",         "constraint",   "value",     "unit",
        "default",      "path",      "guidance",   "significance", "condition", "modifiable",
        "value_number", "path_item", "path_items", "note",         "patient"};
    size_t i;
    json_t *one;
    if (!is_plain(document) || !is_plain_list(json_object_get(document, "patient_constraints")))
        return false;
    for (unsigned l = 0; l < sizeof(strangers) / sizeof(strangers[0]); l++) {
        if (json_object_get(document, strangers[l]))
            return false;
    }
    for (unsigned l = 0; l < 3; l++) {
        json_t *list = json_object_get(document, lists[l]);
        if (list && (!json_is_array(list) || json_array_size(list) == 0))
            return false;
        json_array_foreach(list, i, one)
        {
            if (!is_plain(one) || !is_plain_list(json_object_get(one, "parameters")))
                return false;
        }
    }
    return true;
}

static void check_documents(struct span text)
{
    struct csv_documents *d;
    struct err err = {0};
    size_t last = 0;
    enum rc rc = csv_documents_open(text, &d, &err);
    if (rc != RC_OK)
        check_refusal(rc, &err);
    while (rc == RC_OK) {
        struct buf json = {0}, problems = {0};
        unsigned long line = 0;
        size_t end = 0;
        rc = csv_documents_next(d, &json, &problems, &line, &end);
        CHECK(rc == RC_OK || rc == RC_NOTFOUND);
        if (rc == RC_OK) {
            CHECK(line > 0 && end > last && end <= text.len);
            CHECK((json.len == 0) != (problems.len == 0));
            last = end;
        }
        if (json.len > 0) {
            json_t *document = json_exact_load(buf_span(&json));
            CHECK(json_is_object(document));
            CHECK(json_object_get(document, "id") || json_object_get(document, "name") ||
                  json_object_get(document, "sop_instance_uid"));
            if (is_writable(document))
                check_table(document, buf_span(&json));
            json_decref(document);
        }
        buf_fini(&json);
        buf_fini(&problems);
    }
    csv_documents_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_records(span_of(data, size));
    check_documents(span_of(data, size));
    return 0;
}
