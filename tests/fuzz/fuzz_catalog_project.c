/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to responses: rows come out of a database that others can write, so neither the record nor the arrays beside it
 * are believed.
 *
 * Input: transfer syntax of the response and of the object's octets, a choice of character sets and of the length of
 * parts, the counted identifier that makes the plan, the counted octets of an int4[] in binary form, which every list of
 * matching items is, then the record; where the plan reads octets, the record is counted and they follow.
 */
#include "catalog/project.h"
#include "catalog/query.h"
#include "fuzz_dcm.h"
#include "pg_internal.h"
#include "project_plan.h"

enum { INT4_ARRAY = 1007 };

static void add_value(PGresult *result, int column, struct span value)
{
    CHECK(PQsetvalue(result, 0, column, value.len ? (char *)(uintptr_t)value.data : "",
                     (int)value.len));
}

struct instance {
    const char *syntax;
    struct span octets;
};

static Oid type_of_column(int column, int lists)
{
    static const Oid last[] = {PG_OID_TEXT, PG_OID_INT4, PG_OID_BYTEA};
    if (column == 0)
        return PG_OID_BYTEA;
    return column <= lists ? (Oid)INT4_ARRAY : last[column - lists - 1];
}

/* One row as libpq would have it, with one part of the octets where the plan reads them. */
static PGresult *make_row(const struct project_plan *plan, struct span record, struct span array,
                          const struct instance *instance, struct span part)
{
    int lists = (int)plan->list_count, columns = 1 + lists + (plan->other_count ? 3 : 0);
    PGresAttDesc *descs = calloc((size_t)columns, sizeof(*descs));
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    CHECK(descs && result);
    for (int i = 0; i < columns; i++)
        descs[i] = (PGresAttDesc){.name = "c",
                                  .format = 1,
                                  .typid = type_of_column(i, lists),
                                  .typlen = -1,
                                  .atttypmod = -1};
    CHECK(PQsetResultAttrs(result, columns, descs));
    add_value(result, 0, record);
    for (int i = 1; i <= lists; i++)
        add_value(result, i, array);
    if (plan->other_count) {
        uint8_t size[4];
        put_be32(size, (uint32_t)instance->octets.len);
        add_value(result, lists + 1, span_str(instance->syntax));
        add_value(result, lists + 2, span_of(size, 4));
        add_value(result, lists + 3, part);
    }
    free(descs);
    return result;
}

/* All rows of one object; the response is there after the last. */
static enum rc project_rows(const struct project_plan *plan, const struct project_target *target,
                            struct span record, struct span array, const struct instance *instance,
                            size_t part_bytes, struct arena *scratch, struct buf *out,
                            struct err *err)
{
    struct span rest = instance->octets;
    struct buf parts = {0};
    enum rc rc;
    do {
        size_t len = rest.len < part_bytes ? rest.len : part_bytes;
        PGresult *result = make_row(plan, record, array, instance, span_of(rest.data, len));
        struct pg_row row = {result, 0};
        rest = span_of(rest.data + len, rest.len - len);
        rc = project_row(plan, target, &row, &parts, scratch, out, err);
        arena_reset(scratch);
        PQclear(result);
        CHECK(rc != RC_OK || plan->other_count == 0 || (parts.len > 0) == (rest.len > 0));
        CHECK(rc == RC_OK || parts.cap == 0);
        CHECK(parts.len == 0 || out->len == 0);
    } while (rc == RC_OK && plan->other_count > 0 && rest.len > 0);
    buf_fini(&parts);
    return rc;
}

/* A record as catalog/record writes it: what the scanner takes, in UTF-8, with the dictionary's VRs. */
static bool is_sound(struct span record, struct arena *arena)
{
    struct dcm_item *item;
    struct buf again;
    struct err err;
    buf_init(&again, 0);
    bool ok = dcm_read(record, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err) == RC_OK &&
              dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &again, &err) == RC_OK &&
              span_equal(buf_span(&again), record);
    buf_fini(&again);
    return ok;
}

static void check_response(const struct project_plan *plan, struct span response,
                           const struct dcm_ts *ts)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct err err;
    enum rc rc = dcm_read(response, ts, NULL, arena, &item, &err);
    CHECK(rc == RC_OK || !ts->is_explicit); /* VRs that are not the dictionary's */
    for (unsigned i = 0; rc == RC_OK && i < plan->key_count; i++)
        CHECK(dcm_find(item, plan->keys[i].tag) != NULL);
    for (const struct dcm_element *e = rc == RC_OK ? item->first : NULL; e; e = e->next) {
        bool is_asked = e->tag == TAG_SpecificCharacterSet || e->tag == TAG_TimezoneOffsetFromUTC;
        for (unsigned i = 0; i < plan->key_count && !is_asked; i++)
            is_asked = plan->keys[i].tag == e->tag;
        CHECK(is_asked);
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const sets[] = {NULL,         "",       "ISO_IR 100", "\\ISO 2022 IR 87",
                                       "ISO_IR 192", "GB18030"};
    struct feed f = {span_of(data, size)};
    uint8_t syntaxes = feed_u8(&f), choice = feed_u8(&f);
    const struct dcm_ts *ts = fuzz_ts(syntaxes);
    const char *preferred = sets[choice % (sizeof(sets) / sizeof(sets[0]))];
    size_t part_bytes = choice & 0x80 ? (size_t)(1 + (choice >> 3 & 15)) << 6 : SIZE_MAX;
    struct span identifier = feed_counted(&f);
    struct span array = feed_counted(&f);
    struct arena *arena = arena_new(FUZZ_ARENA), *scratch = arena_new(FUZZ_ARENA);
    struct query_view view = {.aet = "FUZZ"};
    struct query q;
    struct buf out;
    struct err err = {0};
    fuzz_load_dictionary();
    buf_init(&out, 1 << 20);
    if (query_build(&model_protocol, identifier, dcm_ts_find(UID_EXPLICIT_LE), &view, NULL, arena,
                    &q, &err) == RC_OK) {
        struct project_target target = {ts, project_plan_request_charset(q.plan), preferred};
        struct span record = q.plan->other_count ? feed_counted(&f) : f.rest;
        struct instance instance = {syntaxes & 0x80 ? "1.2" : fuzz_ts(syntaxes >> 2)->uid,
                                    q.plan->other_count ? f.rest : span_of("", 0)};
        bool was_sound = is_sound(record, arena);
        enum rc rc = project_rows(q.plan, &target, record, array, &instance, part_bytes, scratch,
                                  &out, &err);
        CHECK(rc == RC_OK || rc == RC_INTERNAL || rc == RC_LIMIT || rc == RC_UNSUPPORTED);
        if (rc != RC_OK)
            check_refusal(rc, &err);
        if (rc == RC_OK && was_sound)
            check_response(q.plan, buf_span(&out), ts);
    }
    buf_fini(&out);
    arena_free(arena);
    arena_free(scratch);
    return 0;
}
