/* SPDX-License-Identifier: Apache-2.0
 *
 * Record and identifier to response, octet for octet. The lists of matching items, which come from the
 * database, are given by hand.
 */
#include "catalog_test.h"

#include "catalog/query.h"
#include "dcm/dict.h"
#include "project_plan.h"

static struct arena *arena, *scratch;

/* Tuples for each restricting sequence, in the order of the result's columns. */
struct lists {
    int32_t ordinals[4][16];
    unsigned counts[4];
};

static enum rc project(struct span record, const char *identifier, const struct lists *given,
                       const struct dcm_ts *ts, const char *preferred, struct buf *out,
                       struct err *err)
{
    static struct octets request;
    struct query_view view = {.aet = "CT1"};
    struct query q;
    struct lists lists = given ? *given : (struct lists){0};
    struct match_list matches[4];

    memset(err, 0, sizeof(*err));
    arena_reset(arena);
    arena_reset(scratch);
    assert_int_equal(query_build(&model_protocol, spec(&request, identifier),
                                 dcm_ts_find(UID_EXPLICIT_LE), &view, NULL, arena, &q, err),
                     RC_OK);
    assert_true(q.plan->list_count <= 4);
    for (unsigned i = 0; i < 4; i++)
        matches[i] = (struct match_list){lists.ordinals[i], lists.counts[i]};
    struct project_target target = {.ts = ts,
                                    .request_charset = project_plan_request_charset(q.plan),
                                    .preferred_charset = preferred};
    return project_record(q.plan, &target, record, matches, scratch, out, err);
}

struct projection {
    const char *record, *identifier, *response;
    struct lists lists;
    const char *preferred;
};

#define P(...) PROJECTION(__VA_ARGS__, )
#define PROJECTION(r, i, o, ...)                                 \
    {                                                            \
        .record = r, .identifier = i, .response = o, __VA_ARGS__ \
    }

static void check(const struct projection *c)
{
    static struct octets record, want;
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    if (project(spec(&record, c->record), c->identifier, &c->lists, dcm_ts_find(UID_EXPLICIT_LE),
                c->preferred, &out, &err) != RC_OK)
        fail_msg("%s: %s", c->identifier, err.text);
    assert_octets(buf_span(&out), spec(&want, c->response));
    buf_fini(&out);
}

static void check_all(const struct projection *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&cases[i]);
}

#define HEAD "00080016 UI 1.2.840.1; 00080018 UI 1.2.3; 00080221 CS CT; 00181030 LO Head"

static void requested_attributes_only(void **state)
{
    static const struct projection cases[] = {
        P(HEAD, "00181030 LO", "00181030 LO Head"),
        P(HEAD, "00181030 LO H*; 00080018 UI", "00080018 UI 1.2.3; 00181030 LO Head"),
        P(HEAD, "00080221 CS CT", "00080221 CS CT"),
        P(HEAD "; 00189912 SQ {[00080070 LO A; 00091001 LO p][00080070 LO B]}", "00189912 SQ {}",
          "00189912 SQ {[00080070 LO A; 00091001 LO p][00080070 LO B]}"),
        P("00189912 SQ {[00080070 LO A]}", "00189912 SQ {[]}", "00189912 SQ {[00080070 LO A]}"),
        P("00189912 SQ {[00080070 LO A; 00081090 LO M; 00181000 LO 1][00081090 LO N]}",
          "00189912 SQ {[00081090 LO]}", "00189912 SQ {[00081090 LO M][00081090 LO N]}"),
        P("00181030 LO Head", "00080005 CS ISO_IR 100; 00080052 CS X; 00181030 LO",
          "00181030 LO Head"),
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void absent_attributes_have_no_length(void **state)
{
    static const struct projection cases[] = {
        P("", "00080012 DA; 00082218 SQ {}; 00181030 LO; 00189908 UC",
          "00080012 DA; 00082218 SQ {}; 00181030 LO; 00189908 UC"),
        P(HEAD, "00120010 LO; 00181030 LO; 00700084 PN",
          "00120010 LO; 00181030 LO Head; 00700084 PN"),
        P("00189912 SQ {[00081090 LO M]}", "00189912 SQ {[00080070 LO; 00081090 LO; 00181020 LO]}",
          "00189912 SQ {[00080070 LO; 00081090 LO M; 00181020 LO]}"),
        P("", "00082218 SQ {[00080100 SH]}", "00082218 SQ {}"),
        /* not of the model; a private block keeps its reservation */
        P(HEAD, "00100010 PN Doe; 00181030 LO", "00100010 PN; 00181030 LO Head"),
        P(HEAD, "00091010 UN xx; 00090010 LO ACME 1", "00090010 LO ACME 1; 00091010 UN"),
        P(HEAD, "00400275 SQ {[00400007 LO x]}", "00400275 SQ {}"),
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void restricted_sequences_have_their_matching_items(void **state)
{
#define MODELS                                                                                  \
    "00189912 SQ {[00080070 LO A; 00081090 LO 1][00080070 LO B; 00081090 LO 2][00080070 LO A; " \
    "00081090 LO 3]}"
#define CUSTODIANS                                                                              \
    "0040A07C SQ {[00080080 LO M; 00080082 SQ {[00080100 SH X; 00080102 SH L][00080100 SH Y]}]" \
    "[00080080 LO N; 00080082 SQ {[00080100 SH Y][00080100 SH X]}][00080080 LO O]}"
    static const struct projection cases[] = {
        P(MODELS, "00189912 SQ {[00080070 LO A; 00081090 LO]}",
          "00189912 SQ {[00080070 LO A; 00081090 LO 1][00080070 LO A; 00081090 LO 3]}",
          .lists = {.ordinals = {{1, 3}}, .counts = {2}}),
        P(MODELS, "00189912 SQ {[00080070 LO A]}", "00189912 SQ {[00080070 LO A][00080070 LO A]}",
          .lists = {.ordinals = {{3, 1}}, .counts = {2}}), /* in any order */
        P(MODELS, "00189912 SQ {[00080070 LO A]}", "00189912 SQ {}", .lists = {.counts = {0}}),
        P(MODELS, "00189912 SQ {[00080070 LO A]}", "00189912 SQ {[00080070 LO B]}",
          .lists = {.ordinals = {{2, 99, -1}}, .counts = {3}}),
        /* tuples (custodian, code), then custodians */
        P(CUSTODIANS, "0040A07C SQ {[00080080 LO; 00080082 SQ {[00080100 SH X]}]}",
          "0040A07C SQ {[00080080 LO M; 00080082 SQ {[00080100 SH X]}][00080080 LO N; 00080082 SQ "
          "{[00080100 SH X]}]}",
          .lists = {.ordinals = {{1, 1, 2, 2}, {1, 2}}, .counts = {4, 2}}),
        /* the outer sequence restricts alone, the inner one is returned with its items' attributes */
        P(CUSTODIANS, "0040A07C SQ {[00080080 LO N; 00080082 SQ {[00080100 SH]}]}",
          "0040A07C SQ {[00080080 LO N; 00080082 SQ {[00080100 SH Y][00080100 SH X]}]}",
          .lists = {.ordinals = {{2}}, .counts = {1}}),
        P(CUSTODIANS, "0040A07C SQ {[00080080 LO O; 00080082 SQ {}]}",
          "0040A07C SQ {[00080080 LO O; 00080082 SQ {}]}",
          .lists = {.ordinals = {{3}}, .counts = {1}}),
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void responses_say_their_character_set(void **state)
{
#define GREEN "00080005 CS ISO_IR 100; 00080018 UI 1.2; 00181030 LO Gr\xC3\xBCn"
    static const struct projection cases[] = {
        /* ASCII: none, whatever the object has */
        P(GREEN, "00080018 UI", "00080018 UI 1.2"),
        P(GREEN, "00080005 CS ISO_IR 192; 00080018 UI", "00080018 UI 1.2"),
        /* the request's */
        P(GREEN, "00080005 CS ISO_IR 192; 00181030 LO",
          "00080005 CS ISO_IR 192; 00181030 LO Gr\xC3\xBCn"),
        P(GREEN, "00080005 CS ISO_IR 100; 00181030 LO",
          "00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn"),
        /* which does not fit: the preferred, then the stored one, then UTF-8 */
        P(GREEN, "00080005 CS ISO_IR 144; 00181030 LO",
          "00080005 CS ISO_IR 192; 00181030 LO Gr\xC3\xBCn", .preferred = "ISO_IR 192"),
        P(GREEN, "00080005 CS ISO_IR 144; 00181030 LO",
          "00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn", .preferred = "ISO_IR 144"),
        P(GREEN, "00181030 LO", "00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn"),
        P("00181030 LO Gr\xC3\xBCn", "00181030 LO",
          "00080005 CS ISO_IR 192; 00181030 LO Gr\xC3\xBCn"),
        P("00080005 CS ISO_IR 999; 00181030 LO Gr\xC3\xBCn", "00181030 LO",
          "00080005 CS ISO_IR 192; 00181030 LO Gr\xC3\xBCn"),
        /* in the standard's spelling, also the stored one's */
        P("00080005 CS ISO-IR 100; 00181030 LO Gr\xC3\xBCn", "00080005 CS ISO_IR_144; 00181030 LO",
          "00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn"),
        P(GREEN, "00080005 CS ISO-IR 100; 00181030 LO",
          "00080005 CS ISO_IR 100; 00181030 LO Gr\xFCn"),
        /* what could not be decoded stays visible */
        P("00080005 CS ISO_IR 100; 00181030 LO a\xEF\xBF\xBDz",
          "00080005 CS ISO_IR 100; 00181030 LO",
          "00080005 CS ISO_IR 192; 00181030 LO a\xEF\xBF\xBDz"),
        /* no escape sequence behind the padding */
        P("00080005 CS \\ISO 2022 IR 87; 00181030 LO \xE5\xA4\xAA  ",
          "00080005 CS \\ISO 2022 IR 87; 00181030 LO",
          "00080005 CS \\ISO 2022 IR 87; 00181030 LO \x1B$B\x42\x40\x1B(B"),
        /* in front of what is greater */
        P(GREEN, "00080005 CS ISO_IR 192; 00080001 UL; 00080018 UI; 00181030 LO",
          "00080001 UL; 00080005 CS ISO_IR 192; 00080018 UI 1.2; 00181030 LO Gr\xC3\xBCn"),
        /* also for text inside of sequences */
        P("00189912 SQ {[00080070 LO \xC3\x84]}", "00080005 CS ISO_IR 192; 00189912 SQ {}",
          "00080005 CS ISO_IR 192; 00189912 SQ {[00080070 LO \xC3\x84]}"),
        P("00189912 SQ {[00080070 LO \xC3\x84; 00081090 LO x]}",
          "00080005 CS ISO_IR 192; 00189912 SQ {[00081090 LO]}", "00189912 SQ {[00081090 LO x]}"),
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void time_zone_comes_with_times(void **state)
{
#define TIMES "00080012 DA 20200101; 00080013 TM 10; 00080018 UI 1.2; 00080201 SH +0100"
    static const struct projection cases[] = {
        P(TIMES, "00080012 DA", "00080012 DA 20200101; 00080201 SH +0100"),
        P(TIMES, "00080013 TM; 00080221 CS", "00080013 TM 10; 00080201 SH +0100; 00080221 CS"),
        P(TIMES, "00080018 UI", "00080018 UI 1.2"),
        P("00080012 DA; 00080201 SH +0100", "00080012 DA", "00080012 DA"),
        P("00080012 DA 20200101", "00080012 DA; 00080201 SH +0500", "00080012 DA 20200101"),
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void other_transfer_syntaxes_are_written(void **state)
{
    static struct octets record;
    struct buf out;
    struct err err;
    (void)state;
    buf_init(&out, 0);
    struct span r = spec(&record, "00080018 UI 1.2; 00189912 SQ {[00080070 LO A]}");

    assert_int_equal(project(r, "00080018 UI; 00189912 SQ {}", NULL, dcm_ts_find(UID_IMPLICIT_LE),
                             NULL, &out, &err),
                     RC_OK);
    static const char implicit[] = "\x08\0\x18\0\x04\0\0\0"
                                   "1.2\0"
                                   "\x18\0\x12\x99\x12\0\0\0\xFE\xFF\0\xE0\x0A\0\0\0"
                                   "\x08\0\x70\0\x02\0\0\0"
                                   "A ";
    assert_octets(buf_span(&out), span_of(implicit, sizeof(implicit) - 1));

    buf_clear(&out);
    assert_int_equal(
        project(r, "00080018 UI", NULL, dcm_ts_find(UID_EXPLICIT_BE), NULL, &out, &err), RC_OK);
    assert_octets(buf_span(&out), span_of("\0\x08\0\x18UI\0\x04"
                                          "1.2\0",
                                          12));
    buf_fini(&out);
}

static void what_was_in_the_buffer_stays(void **state)
{
    static struct octets record;
    struct buf out;
    struct err err;
    (void)state;
    buf_init(&out, 0);
    buf_add_str(&out, "xyz");
    assert_int_equal(project(spec(&record, GREEN), "00080005 CS ISO_IR 192; 00181030 LO", NULL,
                             dcm_ts_find(UID_EXPLICIT_LE), NULL, &out, &err),
                     RC_OK);
    assert_memory_equal(out.data, "xyz\x08\0\x05\0CS", 9);
    buf_clear(&out);
    buf_add_str(&out, "xyz");
    assert_int_equal(project(spec(&record, GREEN), "00181030 LO", NULL,
                             dcm_ts_find(UID_IMPLICIT_LE), NULL, &out, &err),
                     RC_OK);
    assert_memory_equal(out.data, "xyz\x08\0\x05\0", 7);
    buf_fini(&out);
}

static void an_output_limit_is_reported(void **state)
{
    static struct octets record;
    struct buf out;
    struct err err;
    (void)state;
    struct span r = spec(&record, MODELS);
    for (size_t limit = 1; limit < 60; limit += 3) {
        buf_init(&out, limit);
        assert_int_equal(project(r, "00189912 SQ {[00080070 LO; 00081090 LO]}", NULL,
                                 dcm_ts_find(UID_EXPLICIT_LE), NULL, &out, &err),
                         RC_LIMIT);
        buf_fini(&out);
    }
}

static void broken_records_are_refused(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
    } records[] = {
        {"\x18\0\x30\x10LO", 6},                                        /* cut in the header */
        {"\x18\0\x30\x10LO\x04\0abc", 11},                              /* cut in the value */
        {"\x18\0\x12\x99SQ\0\0\xFF\xFF\xFF\xFF", 12},                   /* undefined length */
        {"\x18\0\x12\x99SQ\0\0\x04\0\0\0abcd", 16},                     /* no item */
        {"\x18\0\x12\x99SQ\0\0\x08\0\0\0\xFE\xFF\0\xE0\x01\0\0\0", 20}, /* item too long */
        {"\x18\0\x30\x10LO\0\0\x08\0\x18\0UI\0\0", 16},                 /* out of order */
        {"\x18\0\x30\x10LO\0\0\x18\0\x30\x10LO\0\0", 16},               /* twice */
    };
    struct buf out;
    struct err err;
    (void)state;
    buf_init(&out, 0);
    for (size_t i = 0; i < COUNT(records); i++) {
        struct span r = span_of(records[i].octets, records[i].len);
        assert_int_equal(project(r, "00181030 LO; 00189912 SQ {}", NULL,
                                 dcm_ts_find(UID_EXPLICIT_LE), NULL, &out, &err),
                         RC_INTERNAL);
        assert_int_equal(project(r, "00181030 LO; 00189912 SQ {[00080070 LO]}", NULL,
                                 dcm_ts_find(UID_EXPLICIT_LE), NULL, &out, &err),
                         RC_INTERNAL);
    }
    buf_fini(&out);
}

/* "max-depth" is a setting: what it once let in must come out. */
static void records_may_be_as_deep_as_any_setting_allows(void **state)
{
    static const char *const syntaxes[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE};
    static const struct {
        unsigned levels;
        enum rc rc;
    } rows[] = {{DCM_DEPTH_CEILING, RC_OK}, {DCM_DEPTH_CEILING + 1, RC_INTERNAL}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct octets record, text = {.len = 0};
        struct err err;
        for (unsigned k = 0; k < rows[i].levels; k++)
            octets_add(&text, "00189912 SQ {[", 14);
        octets_add(&text, "00080070 LO A", 13);
        for (unsigned k = 0; k < rows[i].levels; k++)
            octets_add(&text, "]}", 2);
        octets_add(&text, "", 1);
        for (size_t k = 0; k < COUNT(syntaxes); k++) {
            struct buf out;
            buf_init(&out, 0);
            assert_int_equal(project(spec(&record, (const char *)text.data), "00189912 SQ {}", NULL,
                                     dcm_ts_find(syntaxes[k]), NULL, &out, &err),
                             rows[i].rc);
            assert_true(rows[i].rc != RC_OK || out.len > rows[i].levels * 16);
            buf_fini(&out);
        }
    }
}

static void hostile_records_do_no_harm(void **state)
{
    static const char *const identifiers[] = {
        "00080012 DA; 00080018 UI; 00181030 LO; 00189912 SQ {}; 0040A07C SQ {}",
        "00080005 CS ISO_IR 100; 00080012 DA; 00181030 LO; 00189912 SQ {[00080070 LO A]}",
        "0040A07C SQ {[00080080 LO; 00080082 SQ {[00080100 SH X]}]}; 00189912 SQ {[00080070 LO]}",
    };
    static const struct lists lists = {.ordinals = {{1, 1, 2, 2}, {1, 2}}, .counts = {4, 2}};
    static const char *const targets[] = {UID_EXPLICIT_LE, UID_IMPLICIT_LE, UID_DEFLATED_LE};
    unsigned accepted = 0;
    struct buf out;
    (void)state;

    buf_init(&out, 0);
    for (uint32_t i = 0; i < 20000; i++) {
        static struct octets o;
        struct err err;
        uint32_t random = i * 2654435761u + 7;
        spec(&o, GREEN "; " MODELS "; " CUSTODIANS);
        mutate(&o, &random);
        uint8_t *exact = malloc(o.len ? o.len : 1);
        memcpy(exact, o.data, o.len);
        buf_clear(&out);
        enum rc rc = project(span_of(exact, o.len), identifiers[i % COUNT(identifiers)], &lists,
                             dcm_ts_find(targets[i / 7 % COUNT(targets)]), NULL, &out, &err);
        assert_true(rc == RC_OK || rc == RC_INTERNAL || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        accepted += rc == RC_OK;
        free(exact);
    }
    buf_fini(&out);
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requested_attributes_only),
        cmocka_unit_test(absent_attributes_have_no_length),
        cmocka_unit_test(restricted_sequences_have_their_matching_items),
        cmocka_unit_test(responses_say_their_character_set),
        cmocka_unit_test(time_zone_comes_with_times),
        cmocka_unit_test(other_transfer_syntaxes_are_written),
        cmocka_unit_test(what_was_in_the_buffer_stays),
        cmocka_unit_test(an_output_limit_is_reported),
        cmocka_unit_test(broken_records_are_refused),
        cmocka_unit_test(records_may_be_as_deep_as_any_setting_allows),
        cmocka_unit_test(hostile_records_do_no_harm),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    arena = arena_new(4 << 20);
    scratch = arena_new(4 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    arena_free(scratch);
    return failed;
}
