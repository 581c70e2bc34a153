/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to responses: rows come out of a database that others can write, so neither the record nor the arrays beside it
 * are believed.
 *
 * Input: transfer syntax of the response, a choice of character sets, the counted identifier that makes the plan, the
 * counted octets of an int4[] in binary form, which every list of matching items is, then the record.
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

/* One row as libpq would have it. */
static PGresult *make_row(const struct project_plan *plan, struct span record, struct span array)
{
    int columns = 1 + (int)plan->list_count;
    PGresAttDesc *descs = calloc((size_t)columns, sizeof(*descs));
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    CHECK(descs && result);
    for (int i = 0; i < columns; i++)
        descs[i] = (PGresAttDesc){.name = "c",
                                  .format = 1,
                                  .typid = i ? (Oid)INT4_ARRAY : (Oid)PG_OID_BYTEA,
                                  .typlen = -1,
                                  .atttypmod = -1};
    CHECK(PQsetResultAttrs(result, columns, descs));
    add_value(result, 0, record);
    for (int i = 1; i < columns; i++)
        add_value(result, i, array);
    free(descs);
    return result;
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
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    const char *preferred = sets[feed_u8(&f) % (sizeof(sets) / sizeof(sets[0]))];
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
        PGresult *result = make_row(q.plan, f.rest, array);
        struct pg_row row = {result, 0};
        bool was_sound = is_sound(f.rest, arena);
        enum rc rc = project_row(q.plan, &target, &row, scratch, &out, &err);
        CHECK(rc == RC_OK || rc == RC_INTERNAL || rc == RC_LIMIT || rc == RC_UNSUPPORTED);
        if (rc != RC_OK)
            check_refusal(rc, &err);
        if (rc == RC_OK && was_sound)
            check_response(q.plan, buf_span(&out), ts);
        PQclear(result);
    }
    buf_fini(&out);
    arena_free(arena);
    arena_free(scratch);
    return 0;
}
