/* SPDX-License-Identifier: Apache-2.0
 *
 * C-FIND identifiers to SQL and response plans.
 *
 * Input: transfer syntax, a choice of view, limits and model, then the identifier. The statement is checked as far as can be
 * without a database: it mentions exactly the parameters there are, holds nothing but what the tables of the
 * models spell, and its brackets and quotes pair. The plan is then used on one record.
 */
#include "catalog/project.h"
#include "catalog/query.h"
#include "catalog/record.h"
#include "fuzz_dcm.h"
#include "project_plan.h"

/* Every SQL text is made of keywords, names, numbers of parameters and constants of our own. */
static void check_sql(const char *sql, unsigned param_count)
{
    int depth = 0;
    bool is_quoted = false;
    bool *seen = calloc(param_count + 1, sizeof(*seen));
    CHECK(seen != NULL && (strncmp(sql, "select o.query_record", 21) == 0 ||
                           strncmp(sql, "select q.record, ", 17) == 0));
    for (const char *c = sql; *c; c++) {
        CHECK(*c >= ' ' && *c <= '~' && *c != ';');
        if (*c == '"') { /* the one name that needs quotes */
            CHECK(!is_quoted && strncmp(c, "\"C\"", 3) == 0);
            c += 2;
            continue;
        }
        if (*c == '\'')
            is_quoted = !is_quoted;
        if (is_quoted)
            continue;
        depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        CHECK(depth >= 0 && !(c[0] == '(' && c[1] == ')') && !(c[0] == '-' && c[1] == '-'));
        if (*c == '$') {
            unsigned long n = strtoul(c + 1, NULL, 10);
            CHECK(n >= 1 && n <= param_count);
            seen[n] = true;
        }
    }
    CHECK(depth == 0 && !is_quoted);
    for (unsigned n = 1; n <= param_count; n++)
        CHECK(seen[n]);
    free(seen);
}

/* PostgreSQL takes text as UTF-8 without NUL only; else the query would fail there. */
static void check_params(const struct query *q)
{
    for (unsigned i = 0; i < q->param_count; i++) {
        const struct pg_param *p = &q->params[i];
        CHECK(p->data && p->len >= 0 && !p->is_binary);
        CHECK(utf8_is_valid(span_of(p->data, (size_t)p->len)));
        CHECK(!memchr(p->data, '\0', (size_t)p->len));
    }
}

static void check_plan(const struct project_plan *plan, const struct plan_key *keys, unsigned count,
                       unsigned depth)
{
    CHECK(count == 0 ||
          depth <= query_limits_default().max_depth); /* deeper ones outside the model */
    for (unsigned i = 0; i < count; i++) {
        const struct plan_key *k = &keys[i];
        CHECK(i == 0 || keys[i - 1].tag < k->tag);
        CHECK(k->absent.len >= 8 && k->absent.len % 2 == 0);
        CHECK(k->list <= plan->list_count);
        if (k->list) {
            CHECK(k->depth == depth + 1 && k->depth <= MODEL_MAX_DEPTH &&
                  k->depth == plan->depths[k->list - 1]);
        }
        check_plan(plan, k->children, k->child_count, depth + 1);
    }
}

static void put(struct arena *arena, struct dcm_item *item, uint32_t tag, const char *text)
{
    CHECK(dcm_put_text(arena, item, tag, NULL, text));
}

/* One more item of a sequence, which is made if need be. */
static struct dcm_item *add_item(struct arena *arena, struct dcm_item *item, uint32_t tag)
{
    struct dcm_element *sq = dcm_find(item, tag);
    struct dcm_item *added;
    if (!sq)
        sq = dcm_put(arena, item, tag, "SQ", span_of(NULL, 0));
    CHECK(sq && (added = dcm_add_item(arena, sq)));
    return added;
}

static void put_code(struct arena *arena, struct dcm_item *item, uint32_t tag)
{
    struct dcm_item *code = add_item(arena, item, tag);
    put(arena, code, TAG_CodeValue, "X");
    put(arena, add_item(arena, code, TAG_EquivalentCodeSequence), TAG_CodeValue, "Y");
}

/* A protocol with something at every depth. */
static void fill_protocol(struct arena *arena, struct dcm_item *item)
{
    put(arena, item, TAG_InstanceCreationDate, "20240229");
    put(arena, item, TAG_SOPClassUID, UID_CT_DEFINED_PROTOCOL);
    put(arena, item, TAG_SOPInstanceUID, "1.2.3");
    put(arena, item, TAG_TimezoneOffsetFromUTC, "+0100");
    put(arena, item, TAG_ProtocolName,
        "Sch\xC3\xA4"
        "del \xE9\xA0\xAD");
    put(arena, item, TAG_ContentCreatorName, "M\xC3\xBCller^A=\xE9\xA0\xAD");
    for (unsigned i = 0; i < 2; i++) {
        put(arena, add_item(arena, item, TAG_ModelSpecificationSequence), TAG_Manufacturer,
            i ? "OTHER" : "ACME");
        struct dcm_item *custodian = add_item(arena, item, TAG_CustodialOrganizationSequence);
        put(arena, custodian, TAG_InstitutionName, "Clinic");
        put_code(arena, custodian, TAG_InstitutionCodeSequence);
    }
}

/* Likewise an approval. */
static void fill_approval(struct arena *arena, struct dcm_item *item)
{
    put(arena, item, TAG_InstanceCreationDate, "20240229");
    put(arena, item, TAG_SOPClassUID, UID_PROTOCOL_APPROVAL);
    put(arena, item, TAG_SOPInstanceUID, "1.2.3");
    put(arena, item, TAG_TimezoneOffsetFromUTC, "+0100");
    for (unsigned i = 0; i < 2; i++) {
        struct dcm_item *assertion = add_item(arena, item, TAG_ApprovalSequence);
        put_code(arena, assertion, TAG_AssertionCodeSequence);
        put(arena, assertion, TAG_AssertionDateTime, "20240229120000+0100");
        put(arena, add_item(arena, assertion, TAG_RelatedAssertionSequence),
            TAG_ReferencedAssertionUID, "1.2.4");
        for (unsigned j = 0; j < 2; j++) {
            struct dcm_item *asserter =
                add_item(arena, assertion, TAG_AsserterIdentificationSequence);
            put(arena, asserter, TAG_PersonName, "M\xC3\xBCller^A=\xE9\xA0\xAD");
            put_code(arena, asserter, TAG_InstitutionCodeSequence);
        }
        put(arena, add_item(arena, item, TAG_ApprovalSubjectSequence), TAG_ReferencedSOPInstanceUID,
            "1.2.5");
    }
}

static void make_record(const struct model *model, struct arena *arena, struct buf *record)
{
    struct err err;
    struct dcm_item *item = dcm_item_new(arena);
    if (model == &model_approval)
        fill_approval(arena, item);
    else
        fill_protocol(arena, item);
    CHECK_OK(record_write(model, item, span_str("ISO_IR 192"), record, &err), &err);
}

static void check_response(const struct model *model, const struct query *q,
                           const struct dcm_ts *ts, bool all_items)
{
    struct arena *arena = arena_new(FUZZ_ARENA), *scratch = arena_new(FUZZ_ARENA);
    struct match_list *lists = calloc(q->plan->list_count + 1, sizeof(*lists));
    int32_t ones[2 * MODEL_MAX_DEPTH] = {1, 1, 1, 1, 2, 2, 2, 2};
    struct project_target target = {ts, project_plan_request_charset(q->plan), NULL};
    struct buf record, out;
    struct dcm_item *item;
    struct err err = {0};
    CHECK(lists != NULL && target.request_charset != NULL);
    buf_init(&record, 0);
    buf_init(&out, 0);
    make_record(model, arena, &record);
    for (unsigned i = 0; i < q->plan->list_count; i++)
        lists[i] =
            (struct match_list){ones, all_items ? 2 * q->plan->depths[i] : q->plan->depths[i]};
    CHECK_OK(project_record(q->plan, &target, buf_span(&record), lists, scratch, &out, &err), &err);
    CHECK_OK(dcm_read(buf_span(&out), ts, NULL, arena, &item, &err), &err);
    check_tree(item, 0);
    for (unsigned i = 0; i < q->plan->key_count; i++)
        CHECK(dcm_find(item, q->plan->keys[i].tag) != NULL);
    buf_fini(&record);
    buf_fini(&out);
    free(lists);
    arena_free(arena);
    arena_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const defaults[] = {NULL, "ISO_IR 100", "\\ISO 2022 IR 87", "GB18030"};
    struct feed f = {span_of(data, size)};
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    uint8_t choice = feed_u8(&f);
    const struct model *model = choice & 32 ? &model_approval : &model_protocol;
    struct query_view view = {.aet = "FUZZ",
                              .max_matches = choice & 4 ? 1000 : 0,
                              .default_charset = defaults[choice & 3],
                              .fuzzy_names = choice & 64,
                              .adjusts_times = choice & 128,
                              .site_zone = choice & 64 ? "Europe/Berlin" : NULL};
    struct query_limits limits = {.max_keys = 40, .max_uids = 100};
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct query q;
    struct err err = {0};
    fuzz_load_dictionary();
    enum rc rc =
        query_build(model, f.rest, ts, &view, choice & 8 ? &limits : NULL, arena, &q, &err);
    if (rc == RC_OK) {
        check_sql(q.sql, q.param_count);
        check_params(&q);
        check_plan(q.plan, q.plan->keys, q.plan->key_count, 0);
        CHECK(q.nothing_asked == (q.plan->key_count == 0));
        check_response(model, &q, ts, choice & 16);
    } else {
        CHECK(rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        check_refusal(rc, &err);
    }
    arena_free(arena);
    return 0;
}
