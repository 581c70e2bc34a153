/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole way of a store before the database: scan, character sets, rows, query record, digest. What comes out must be
 * what PostgreSQL and the C-FIND path can take.
 *
 * Input: transfer syntax, whether the command names the instance, then the data set.
 */
#include "catalog/ingest.h"
#include "catalog/model.h"
#include "dcm/json.h"
#include "fuzz_dcm.h"

enum { INSTANCE, CLASS, SYNTAX, OCTETS, DIGEST, RECORD, CHARSET, TIMEZONE, SOURCE, SENDER, TABLES };

static struct span value_of(const struct pg_param *p)
{
    return span_of(p->data, (size_t)p->len);
}

static void check_text(const struct pg_param *p)
{
    struct span s = value_of(p);
    CHECK(p->data && utf8_is_valid(s) && (s.len == 0 || !memchr(s.data, '\0', s.len)));
}

static void check_optional_text(const struct pg_param *p)
{
    if (p->data)
        check_text(p);
}

/* jsonb has no U+0000, not even escaped. */
static void check_no_nul(struct span json)
{
    for (size_t i = 0; i + 6 <= json.len; i++) {
        if (json.data[i] != '\\')
            continue;
        CHECK(memcmp(json.data + i + 1, "u0000", 5) != 0);
        i++; /* what is escaped escapes nothing */
    }
}

/* One element of an array literal; without its escapes in `value`, untouched if it is null. */
static size_t read_element(struct span literal, size_t at, struct buf *value)
{
    bool is_quoted = literal.data[at] == '"';
    if (!is_quoted) {
        size_t start = at;
        while (at < literal.len && !strchr(",{}\"\\ \t\r\n", literal.data[at]))
            at++;
        CHECK(at > start);
        if (at - start != 4 || memcmp(literal.data + start, "NULL", 4) != 0)
            buf_add(value, literal.data + start, at - start);
        return at;
    }
    for (at++; at < literal.len && literal.data[at] != '"'; at++) {
        at += literal.data[at] == '\\';
        CHECK(at < literal.len);
        buf_add_u8(value, literal.data[at]);
    }
    CHECK(at < literal.len);
    return at + 1;
}

static void check_attributes(const struct buf *json)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct err err;
    if (json->len) {
        CHECK_OK(dcm_json_read(buf_span(json), NULL, arena, &item, &err), &err);
        check_no_nul(buf_span(json));
    }
    arena_free(arena);
}

/* Rows of one length, the last column of which is DICOM JSON in the tables of a model. */
static void check_rows(const struct pg_param *p, unsigned columns, bool has_attributes)
{
    struct span literal = value_of(p);
    struct buf value;
    size_t at = 1;
    check_text(p);
    buf_init(&value, 0);
    CHECK(literal.len >= 2 && literal.data[0] == '{');
    while (at < literal.len && literal.data[at] == '{') {
        for (unsigned n = 0; n < columns; n++) {
            CHECK(literal.data[at] == (n ? ',' : '{'));
            buf_clear(&value);
            at = read_element(literal, at + 1, &value);
        }
        CHECK(at + 1 < literal.len && literal.data[at] == '}');
        at++;
        if (has_attributes)
            check_attributes(&value);
        at += literal.data[at] == ',';
    }
    CHECK(at + 1 == literal.len && literal.data[at] == '}');
    buf_fini(&value);
}

/* Exactly the model's attributes of the object, with the two that say how to read them. */
static void check_record(struct span record, struct arena *arena)
{
    struct dcm_item *item;
    struct err err;
    CHECK_OK(dcm_read(record, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err), &err);
    for (const struct dcm_element *e = item->first; e; e = e->next)
        CHECK(e->tag == TAG_SpecificCharacterSet || e->tag == TAG_TimezoneOffsetFromUTC ||
              model_find_key(model_protocol.keys, model_protocol.key_count, e->tag) ||
              model_find_key(model_approval.keys, model_approval.key_count, e->tag));
}

static void check_prepared(const struct ingest_prepared *p, const struct ingest_input *input)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    /* protocol, custodians, codes, models, predecessors, instructions, elements, constraints, warnings */
    static const unsigned of_protocol[] = {18, 3, 11, 7, 4, 6, 6, 24, 2};
    /* approval, subjects, assertions, asserters, codes, related assertions, warnings */
    static const unsigned of_approval[] = {7, 4, 7, 12, 12, 4, 2};
    struct pg_param params[INGEST_PARAMS];
    struct dcm_item *item;
    struct err err;
    uint8_t digest[DCM_DIGEST_BYTES];
    unsigned count = ingest_params(p, params) - TABLES;
    bool is_approval = span_equal_str(value_of(&params[CLASS]), UID_PROTOCOL_APPROVAL);
    const unsigned *columns = is_approval ? of_approval : of_protocol;
    CHECK(count == (is_approval ? sizeof of_approval : sizeof of_protocol) / sizeof *columns);
    check_text(&params[INSTANCE]);
    check_text(&params[CLASS]);
    check_text(&params[SYNTAX]);
    check_optional_text(&params[CHARSET]);
    check_optional_text(&params[TIMEZONE]);
    check_text(&params[SOURCE]);
    check_text(&params[SENDER]);
    for (unsigned i = 0; i < count; i++)
        check_rows(&params[TABLES + i], columns[i], i + 1 < count);
    CHECK(span_equal(value_of(&params[OCTETS]), input->octets));

    CHECK_OK(dcm_read(input->octets, input->ts, NULL, arena, &item, &err), &err);
    CHECK_OK(dcm_digest(item, digest, &err), &err);
    CHECK(span_equal(value_of(&params[DIGEST]), span_of(digest, sizeof(digest))));
    check_record(value_of(&params[RECORD]), arena);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    struct ingest_input input = {
        .ts = fuzz_ts(feed_u8(&f)), .sender_aet = "FUZZ\x80\n", .source = "store"};
    bool is_named = feed_u8(&f) & 1;
    struct ingest_prepared *p = NULL;
    struct err err = {0};
    fuzz_load_dictionary();
    input.octets = f.rest;
    if (is_named) {
        input.sop_class = UID_CT_DEFINED_PROTOCOL;
        input.sop_instance = "1.2.3.4";
    }
    enum rc rc = ingest_prepare(&input, &fuzz_limits, &p, &err);
    if (rc == RC_OK) {
        check_prepared(p, &input);
    } else {
        CHECK(p == NULL);
        check_refusal(rc, &err);
        CHECK(rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
    }
    ingest_prepared_free(p);
    return 0;
}
