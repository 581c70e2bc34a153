/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole way of a store before the database: scan, character sets, JSON, query record, digest. What comes out must be
 * what PostgreSQL and the C-FIND path can take.
 *
 * Input: transfer syntax, whether the command names the instance, then the data set.
 */
#include "catalog/ingest.h"
#include "catalog/model.h"
#include "dcm/json.h"
#include "fuzz_dcm.h"

enum { JSON, OCTETS, SYNTAX, RECORD, DIGEST, SENDER, SOURCE, CHARSET, WARNINGS };

static struct span value_of(const struct pg_param *p)
{
    return span_of(p->data, (size_t)p->len);
}

static void check_text(const struct pg_param *p)
{
    struct span s = value_of(p);
    CHECK(p->data && utf8_is_valid(s) && (s.len == 0 || !memchr(s.data, '\0', s.len)));
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
    struct pg_param params[INGEST_PARAMS];
    struct dcm_item *item;
    struct err err;
    uint8_t digest[DCM_DIGEST_BYTES];
    CHECK(ingest_params(p, params) == INGEST_PARAMS);
    check_text(&params[JSON]);
    check_text(&params[SYNTAX]);
    check_text(&params[SENDER]);
    check_text(&params[SOURCE]);
    check_text(&params[CHARSET]);
    check_text(&params[WARNINGS]);
    CHECK(span_equal(value_of(&params[OCTETS]), input->octets));

    CHECK_OK(dcm_read(input->octets, input->ts, NULL, arena, &item, &err), &err);
    CHECK_OK(dcm_digest(item, digest, &err), &err);
    CHECK(span_equal(value_of(&params[DIGEST]), span_of(digest, sizeof(digest))));
    CHECK_OK(dcm_json_read(value_of(&params[JSON]), NULL, arena, &item, &err), &err);
    check_no_nul(value_of(&params[JSON]));
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
