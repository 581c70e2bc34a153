/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers run as the server runs them, for the catalog tests with a database (catalog_db.h).
 */
#ifndef CATALOG_FIND_H
#define CATALOG_FIND_H

#include "catalog_db.h"

#include "catalog/project.h"
#include "catalog/query.h"

/* What came of one identifier. find_fini gives back what it has. */
struct answers {
    bool is_done;
    struct err result;
    struct query query;
    const struct dcm_ts *ts;
    struct arena *arena, *scratch;
    char letters[128];
    unsigned rows; /* with those that bring parts of an object's octets */
    struct buf parts;
    struct buf response; /* the last */
    struct err projection;
};

/* What a response may have: as many octets as the server allows, unless a test says less. */
static size_t find_response_limit = 64 << 20;
static size_t find_scratch_limit = 16 << 20;
/* How the requester's view is restricted. */
static struct query_view find_view = {.aet = "CT1"};

/* Letter n stands for SOP Instance UID 1.2.3.n; '?' = the response has no such UID. */
static inline char find_letter(struct span response)
{
    for (size_t i = 0; i + 8 <= response.len; i++) {
        const uint8_t *p = response.data + i;
        if (memcmp(p, "\x08\0\x18\0UI", 6) == 0 && memcmp(p + 8, "1.2.3.", 6) == 0)
            return (char)('a' + strtol((const char *)p + 14, NULL, 10) - 1);
    }
    return '?';
}

static inline void find_on_row(const struct pg_row *row, void *arg)
{
    struct answers *a = arg;
    struct project_target target = {.ts = a->ts,
                                    .request_charset = project_plan_request_charset(a->query.plan)};
    if (a->projection.code != RC_OK)
        return;
    a->rows++;
    buf_clear(&a->response);
    enum rc rc = project_row(a->query.plan, &target, row, &a->parts, a->scratch, &a->response,
                             &a->projection);
    arena_reset(a->scratch);
    a->projection.code = rc;
    if (rc != RC_OK || a->parts.len > 0)
        return;
    buf_add_u8(&a->response, 0); /* so that the UID ends */
    a->response.len--;
    size_t n = strlen(a->letters);
    assert_true(n + 1 < sizeof(a->letters));
    a->letters[n] = find_letter(buf_span(&a->response));
}

static inline void find_on_done(const struct err *result, int64_t rows, void *arg)
{
    struct answers *a = arg;
    (void)rows;
    a->result = *result;
    a->is_done = true;
}

static inline int find_by_letter(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

/* The result of query_build; when that is RC_OK the statement has been run. ts: of identifier and responses. */
static inline enum rc find_entities(const struct model *model, struct span identifier,
                                    const struct dcm_ts *ts, struct answers *a, struct err *err)
{
    memset(a, 0, sizeof(*a));
    memset(err, 0, sizeof(*err));
    a->ts = ts;
    a->arena = arena_new(16 << 20);
    a->scratch = arena_new(find_scratch_limit);
    buf_init(&a->response, find_response_limit);
    enum rc rc = query_build(model, identifier, ts, &find_view, NULL, a->arena, &a->query, err);
    if (rc != RC_OK)
        return rc;
    struct pg_query pq = {.sql = a->query.sql,
                          .params = a->query.params,
                          .param_count = a->query.param_count,
                          .on_row = find_on_row,
                          .on_done = find_on_done,
                          .arg = a};
    pg_once_start(database.pool, WAIT_MS, &pq);
    wait_until(&a->is_done);
    if (a->result.code != RC_OK)
        fail_msg("%s\n%s", a->result.text, a->query.sql);
    if (a->query.matches_none)
        assert_string_equal(a->letters, "");
    qsort(a->letters, strlen(a->letters), 1, find_by_letter);
    return RC_OK;
}

static inline enum rc find_octets(struct span identifier, const struct dcm_ts *ts,
                                  struct answers *a, struct err *err)
{
    return find_entities(&model_protocol, identifier, ts, a, err);
}

static inline void find_fini(struct answers *a)
{
    buf_fini(&a->response);
    buf_fini(&a->parts);
    arena_free(a->scratch);
    arena_free(a->arena);
}

/* An identifier that must be taken and projected, in Explicit VR Little Endian. */
static inline void find_entity_spec(const struct model *model, const char *identifier,
                                    struct answers *a)
{
    static struct octets o;
    struct err err;
    if (find_entities(model, spec(&o, identifier), dcm_ts_find(UID_EXPLICIT_LE), a, &err) != RC_OK)
        fail_msg("%s: %s", identifier, err.text);
    if (a->projection.code != RC_OK)
        fail_msg("%s: %s", identifier, a->projection.text);
}

static inline void find_spec(const char *identifier, struct answers *a)
{
    find_entity_spec(&model_protocol, identifier, a);
}

#endif
