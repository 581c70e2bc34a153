/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole PDUs, one after the other, each body through the decoder of its type. What was decoded is encoded and
 * decoded again, and must be the same.
 */
#include "fuzz.h"
#include "net/pdu.h"

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void check_contexts(const struct pdu_associate *a, const struct pdu_associate *b)
{
    CHECK(a->context_count == b->context_count && a->context_count <= PDU_MAX_CONTEXTS);
    for (unsigned i = 0; i < a->context_count; i++) {
        const struct pdu_context *x = &a->contexts[i], *y = &b->contexts[i];
        CHECK(x->id == y->id && x->result == y->result);
        CHECK(is_same_text(x->abstract_syntax, y->abstract_syntax));
        CHECK(x->transfer_syntax_count == y->transfer_syntax_count);
        for (unsigned k = 0; k < x->transfer_syntax_count; k++)
            CHECK(is_same_text(x->transfer_syntaxes[k], y->transfer_syntaxes[k]));
    }
}

static void check_user_items(const struct pdu_associate *a, const struct pdu_associate *b)
{
    CHECK(a->role_count == b->role_count && a->extended_count == b->extended_count &&
          a->common_extended_count == b->common_extended_count);
    for (unsigned i = 0; i < a->role_count; i++)
        CHECK(is_same_text(a->roles[i].sop_class, b->roles[i].sop_class) &&
              a->roles[i].scu == b->roles[i].scu && a->roles[i].scp == b->roles[i].scp);
    for (unsigned i = 0; i < a->extended_count; i++)
        CHECK(is_same_text(a->extended[i].sop_class, b->extended[i].sop_class) &&
              span_equal(a->extended[i].info, b->extended[i].info));
    for (unsigned i = 0; i < a->common_extended_count; i++) {
        const struct pdu_common_extended *x = &a->common_extended[i], *y = &b->common_extended[i];
        CHECK(is_same_text(x->sop_class, y->sop_class) &&
              is_same_text(x->service_class, y->service_class));
        CHECK(x->related_general_count == y->related_general_count);
        for (unsigned k = 0; k < x->related_general_count; k++)
            CHECK(is_same_text(x->related_general[k], y->related_general[k]));
    }
    CHECK(a->has_user_identity == b->has_user_identity &&
          a->user_identity.type == b->user_identity.type &&
          a->user_identity.response_requested == b->user_identity.response_requested &&
          span_equal(a->user_identity.primary, b->user_identity.primary) &&
          span_equal(a->user_identity.secondary, b->user_identity.secondary));
    CHECK(a->has_user_identity_ac == b->has_user_identity_ac &&
          span_equal(a->user_identity_response, b->user_identity_response));
}

static void check_same(const struct pdu_associate *a, const struct pdu_associate *b)
{
    CHECK(a->protocol_version == b->protocol_version);
    CHECK(strlen(a->called_aet) <= AET_MAX && strcmp(a->called_aet, b->called_aet) == 0);
    CHECK(strlen(a->calling_aet) <= AET_MAX && strcmp(a->calling_aet, b->calling_aet) == 0);
    CHECK(is_same_text(a->application_context, b->application_context));
    CHECK(a->has_max_length == b->has_max_length && a->max_length == b->max_length);
    CHECK(is_same_text(a->implementation_class_uid, b->implementation_class_uid));
    CHECK(is_same_text(a->implementation_version, b->implementation_version));
    CHECK(a->has_async_window == b->has_async_window && a->max_ops_invoked == b->max_ops_invoked &&
          a->max_ops_performed == b->max_ops_performed);
    check_contexts(a, b);
    check_user_items(a, b);
}

static void try_associate(struct span body, enum pdu_type type)
{
    struct arena *arena = arena_new((size_t)4 << 20);
    struct pdu_associate first, second;
    struct err err = {0};
    struct buf out;
    buf_init(&out, 0);
    enum rc rc = pdu_decode_associate(body, type, arena, &first, &err);
    CHECK(rc == RC_OK || ((rc == RC_INVALID || rc == RC_NOMEM) && err.text[0]));
    if (rc == RC_OK) {
        enum pdu_type again;
        uint32_t bytes;
        pdu_encode_associate(&out, type, &first);
        CHECK(buf_status(&out) == RC_OK);
        CHECK(pdu_decode_header(buf_span(&out), &again, &bytes) == PDU_HEADER_BYTES);
        CHECK(again == type && bytes == out.len - PDU_HEADER_BYTES);
        CHECK_OK(pdu_decode_associate(span_of(out.data + PDU_HEADER_BYTES, bytes), type, arena,
                                      &second, &err),
                 &err);
        check_same(&first, &second);
        CHECK(type != PDU_ASSOCIATE_AC ||
              memcmp(first.echoed, second.echoed, sizeof(first.echoed)) == 0);
    }
    buf_fini(&out);
    arena_free(arena);
}

/* A body of PDVs, as the association reads it: header, fragment, header ... */
static void try_pdata(struct span rest)
{
    while (rest.len > 0) {
        struct pdu_pdv pdv;
        uint32_t fragment_bytes;
        uint8_t header[PDV_HEADER_BYTES];
        struct err err = {0};
        ssize_t n = pdu_decode_pdv_header(rest, (uint32_t)rest.len, &pdv, &fragment_bytes, &err);
        if (n <= 0) {
            CHECK(n == RC_INVALID && err.text[0]); /* all of the body is here: never "more" */
            return;
        }
        CHECK(n == PDV_HEADER_BYTES && fragment_bytes <= rest.len - PDV_HEADER_BYTES);
        pdu_encode_pdv_header(header, pdv.context_id, pdv.is_command, pdv.is_last, fragment_bytes);
        CHECK(memcmp(header, rest.data, 5) == 0 && header[5] == (rest.data[5] & 3));
        size_t used = PDV_HEADER_BYTES + fragment_bytes;
        rest = span_of(rest.data + used, rest.len - used);
    }
}

static void try_small(struct span body, enum pdu_type type)
{
    struct pdu_reject rj = {0};
    struct pdu_abort ab = {0};
    struct err err = {0};
    enum rc rc;
    if (type == PDU_ASSOCIATE_RJ)
        rc = pdu_decode_reject(body, &rj, &err);
    else if (type == PDU_ABORT)
        rc = pdu_decode_abort(body, &ab, &err);
    else
        rc = pdu_decode_release(body, &err);
    CHECK((rc == RC_OK) == (body.len == 4));
    CHECK(pdu_reject_text(&rj)[0] && pdu_abort_text(&ab)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    (void)pdu_foreign_protocol(f.rest);
    for (;;) {
        enum pdu_type type;
        uint32_t bytes;
        ssize_t n = pdu_decode_header(f.rest, &type, &bytes);
        if (n <= 0) {
            CHECK(n == 0 ? f.rest.len < PDU_HEADER_BYTES : n == RC_INVALID);
            return 0;
        }
        CHECK(pdu_type_name(type)[0] != 'u');
        (void)feed_take(&f, (size_t)n);
        /* The last body may be shorter than its header says: it is judged by what is there. */
        struct span body = heap_copy(feed_take(&f, bytes));
        if (type == PDU_ASSOCIATE_RQ || type == PDU_ASSOCIATE_AC)
            try_associate(body, type);
        else if (type == PDU_P_DATA_TF)
            try_pdata(body);
        else
            try_small(body, type);
        heap_free(body);
    }
}
