/* SPDX-License-Identifier: Apache-2.0
 *
 * What ingest derives from a data set, and what it makes of the database's answers. The pool is played by
 * this file, because the cases that matter (the connection dies when the outcome is unknown) cannot be
 * had from a real one at will; test_storage.c uses a real one.
 */
#include "catalog_test.h"

#include "catalog/ingest.h"
#include "dcm/dict.h"

#define CT "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI 1.2.3.1"

/* ---- the pool ---- */

struct pg_row {
    const char *text;
    bool flag;
};

struct pg_once {
    char sql[2048];
    struct pg_query query;
};

static struct pg_once *running;
static unsigned started, cancelled;
static bool has_no_connection;
static const char *sqlstate = ""; /* of failures */

struct pg_once *pg_once_start(struct pg_pool *p, int64_t timeout_ms, const struct pg_query *q)
{
    (void)p;
    (void)timeout_ms;
    assert_null(running);
    running = xcalloc(1, sizeof(*running));
    running->query = *q;
    if (q->was_sent)
        *q->was_sent = !has_no_connection;
    snprintf(running->sql, sizeof(running->sql), "%s", q->sql);
    started++;
    return running;
}

void pg_once_cancel(struct pg_once *o)
{
    assert_ptr_equal(o, running);
    free(running);
    running = NULL;
    cancelled++;
}

struct span pg_octets(const struct pg_row *r, unsigned col)
{
    assert_int_equal(col, 0);
    return span_str(r->text);
}

bool pg_bool(const struct pg_row *r, unsigned col)
{
    assert_int_equal(col, 1);
    return r->flag;
}

/* The running statement ends: row text NULL = no row. */
static void answer(enum rc rc, const char *text, bool flag)
{
    struct pg_once *o = running;
    struct err err = {.code = rc};
    struct pg_row row = {text, flag};
    assert_non_null(o);
    running = NULL;
    if (rc != RC_OK) {
        snprintf(err.text, sizeof(err.text), "failure of statement %u", started);
        snprintf(err.sqlstate, sizeof(err.sqlstate), "%s", sqlstate);
    }
    if (text)
        o->query.on_row(&row, o->query.arg);
    o->query.on_done(&err, text ? 1 : 0, o->query.arg);
    free(o);
}

/* ---- preparing ---- */

static enum rc prepare(struct span octets, const char *ts, const char *sop_class,
                       const char *sop_instance, struct ingest_prepared **p, struct err *err)
{
    struct ingest_input input = {.octets = octets,
                                 .ts = dcm_ts_find(ts),
                                 .sop_class = sop_class,
                                 .sop_instance = sop_instance,
                                 .sender_aet = "CT\xFF"
                                               "1",
                                 .source = "store"};
    memset(err, 0, sizeof(*err));
    return ingest_prepare(&input, NULL, p, err);
}

static struct ingest_prepared *prepare_spec(const char *text)
{
    static struct octets o;
    struct ingest_prepared *p = NULL;
    struct err err;
    if (prepare(spec(&o, text), UID_EXPLICIT_LE, NULL, NULL, &p, &err) != RC_OK)
        fail_msg("%s: %s", text, err.text);
    return p;
}

static void assert_param(const struct pg_param *p, const char *text)
{
    if (!text) {
        assert_null(p->data);
        return;
    }
    if (p->len != (int)strlen(text) || memcmp(p->data, text, strlen(text)) != 0)
        fail_msg("\"%.*s\" instead of \"%s\"", p->len, (const char *)p->data, text);
}

/* Places of the parameters of dpp.ingest. */
enum { ENCODED = 3, DIGEST, RECORD, CHARSET, TIMEZONE, SOURCE, SENDER, PROTOCOL, CUSTODIANS };
enum { WARNINGS = INGEST_OWN_PARAMS - 1 };

static bool param_has(const struct pg_param *p, const char *text)
{
    return memmem(p->data, (size_t)p->len, text, strlen(text)) != NULL;
}

static void everything_goes_into_one_call(void **state)
{
    struct pg_param params[INGEST_PARAMS];
    struct octets o;
    (void)state;
    struct ingest_prepared *p = prepare_spec("00080005 CS ISO_IR 100; " CT
                                             "; 00080201 SH -0500; 00091001 LO x; 00181030 LO "
                                             "Gr\xFCn; 0040A07C SQ {[00080080 LO Mercy]}");

    assert_int_equal(ingest_params(p, params), INGEST_OWN_PARAMS);
    assert_param(&params[0], "1.2.3.1");
    assert_param(&params[1], UID_CT_DEFINED_PROTOCOL);
    assert_param(&params[2], UID_EXPLICIT_LE);
    assert_octets(span_of(params[ENCODED].data, (size_t)params[ENCODED].len),
                  spec(&o, "00080005 CS ISO_IR 100; " CT
                           "; 00080201 SH -0500; 00091001 LO x; 00181030 LO Gr\xFCn; 0040A07C SQ "
                           "{[00080080 LO Mercy]}"));
    assert_true(params[ENCODED].is_binary);
    assert_int_equal(params[DIGEST].len, 32);
    assert_octets(span_of(params[RECORD].data, (size_t)params[RECORD].len),
                  spec(&o,
                       "00080005 CS ISO_IR 100; " CT
                       "; 00080201 SH -0500; 00181030 LO Gr\xC3\xBCn; 0040A07C SQ {[00080080 LO "
                       "Mercy]}"));
    assert_param(&params[CHARSET], "ISO_IR 100");
    assert_param(&params[TIMEZONE], "-0500");
    assert_param(&params[SOURCE], "store");
    assert_param(&params[SENDER], "CT?1");
    assert_true(param_has(&params[PROTOCOL], "Gr\xC3\xBCn"));
    assert_true(param_has(&params[PROTOCOL], "00091001"));
    assert_param(&params[CUSTODIANS], "{{1,Mercy,NULL}}");
    for (unsigned i = CUSTODIANS + 1; i < INGEST_OWN_PARAMS; i++)
        assert_param(&params[i], "{}");
    assert_non_null(strstr(ingest_sql(p), "$19::text[]"));
    assert_null(strstr(ingest_sql(p), "$20"));
    ingest_prepared_free(p);
    ingest_prepared_free(NULL);
}

static void an_approval_goes_into_a_call_of_its_own(void **state)
{
    enum { APPROVAL = PROTOCOL, SUBJECTS, APPROVAL_WARNINGS = 16 };
    struct pg_param params[INGEST_PARAMS];
    (void)state;
    struct ingest_prepared *p =
        prepare_spec("00080016 UI 1.2.840.10008.5.1.4.1.1.200.3; 00080018 UI "
                     "1.2.3.1; 00081090 LO Gr\xFCn; 00440109 SQ {[00081155 UI 1.2.3.2]}");
    assert_int_equal(ingest_params(p, params), APPROVAL_WARNINGS + 1);
    assert_param(&params[1], UID_PROTOCOL_APPROVAL);
    assert_param(&params[CHARSET], NULL);
    assert_param(&params[TIMEZONE], NULL);
    assert_param(&params[APPROVAL], "{{NULL,NULL,NULL,Gr\xC3\xBCn,NULL,NULL,NULL}}");
    assert_param(&params[SUBJECTS], "{{1,NULL,1.2.3.2,NULL}}");
    for (unsigned i = SUBJECTS + 1; i < APPROVAL_WARNINGS; i++)
        assert_param(&params[i], "{}");
    assert_true(param_has(&params[APPROVAL_WARNINGS], "was read as Latin-1"));
    assert_non_null(strstr(ingest_sql(p), "dpp.ingest_approval("));
    assert_non_null(strstr(ingest_sql(p), "$17::text[]"));
    assert_null(strstr(ingest_sql(p), "$18"));

    assert_int_equal(rebuild_params(p, params), 11);
    assert_param(&params[0], "1.2.3.1");
    assert_param(&params[5], "{{1,NULL,1.2.3.2,NULL}}");
    assert_true(param_has(&params[10], "was read as Latin-1"));
    assert_non_null(strstr(rebuild_sql(p), "dpp.rebuild_approval("));
    assert_non_null(strstr(rebuild_sql(p), "$11::text[]"));
    assert_null(strstr(rebuild_sql(p), "$12"));
    ingest_prepared_free(p);
}

#define UTF8_ASSUMED \
    "is beyond ASCII without a supported Specific Character Set; it was read as UTF-8"
#define LATIN1_ASSUMED \
    "is beyond ASCII without a supported Specific Character Set; it was read as Latin-1"
#define UNDECODABLE \
    "has octets that are no characters of its set; in rows and answers U+FFFD stands for them"
#define UNSUPPORTED "has a term that is not supported"
#define HAS_NUL     "has U+0000, which is left out in rows"
#define NOT_LISTED  "has an escape sequence that Specific Character Set does not allow"

/* PS3.3 C.12.1.1.2: nothing is refused for its text, and nothing is read otherwise without a row that says so. */
static void text_outside_its_set_is_flagged_by_attribute(void **state)
{
    static const struct {
        const char *object, *warnings, *in_row;
    } cases[] = {
        {CT "; 00181030 LO Head", "{}", "Head"},
        {"00080005 CS ISO_IR 192; " CT "; 00181030 LO Gr\xC3\xBCn", "{}", "Gr\xC3\xBCn"},
        /* 8-bit text without a set: each value by itself, whatever is in the others */
        {CT "; 00181030 LO Gr\xC3\xBCn", "{{00181030,\"" UTF8_ASSUMED "\"}}", "Gr\xC3\xBCn"},
        {CT "; 00181030 LO Gr\xFCn", "{{00181030,\"" LATIN1_ASSUMED "\"}}", "Gr\xC3\xBCn"},
        {CT "; 00081090 LO Gr\xFCn; 00181030 LO Gr\xC3\xBCn",
         "{{00081090,\"" LATIN1_ASSUMED "\"},{00181030,\"" UTF8_ASSUMED "\"}}", "Gr\xC3\xBCn"},
        {"00080005 CS ISO_IR 6; " CT "; 00181030 LO a\x80z\xFC",
         "{{00181030,\"" LATIN1_ASSUMED "\"},{00181030,\"" UNDECODABLE "\"}}",
         "a\xEF\xBF\xBDz\xC3\xBC"},
        /* octets that are no characters: only the value that has them */
        {"00080005 CS ISO_IR 192; " CT "; 00081090 LO x\xFF; 00181030 LO Gr\xC3\xBCn",
         "{{00081090,\"" UNDECODABLE "\"}}", "Gr\xC3\xBCn"},
        {"00080005 CS ISO_IR 192; " CT "; 00181030 LO a\xFFz", "{{00181030,\"" UNDECODABLE "\"}}",
         "a\xEF\xBF\xBDz"},
        /* terms that are not supported, at the top and of an item: only what they govern */
        {"00080005 CS ISO_IR 999; " CT "; 00181030 LO ascii", "{{00080005,\"" UNSUPPORTED "\"}}",
         "ascii"},
        {"00080005 CS ISO_IR 999; " CT "; 00181030 LO Gr\xFCn",
         "{{00080005,\"" UNSUPPORTED "\"},{00181030,\"" LATIN1_ASSUMED "\"}}", "Gr\xC3\xBCn"},
        {"00080005 CS ISO_IR 999; " CT "; 00181030 LO Gr\xC3\xBCn",
         "{{00080005,\"" UNSUPPORTED "\"},{00181030,\"" UTF8_ASSUMED "\"}}", "Gr\xC3\xBCn"},
        {"00080005 CS ISO_IR 144; " CT "; 00181030 LO \xBA\xC2; 0040A07C SQ "
         "{[00080080 LO A][00080005 CS KOI8; 00080080 LO \xC0]}",
         "{{0040A07C[2].00080005,\"" UNSUPPORTED "\"},{0040A07C[2].00080080,\"" LATIN1_ASSUMED
         "\"}}",
         "\xD0\x9A\xD0\xA2"},
        {"00080005 CS ISO_IR 144; " CT "; 00181030 LO \xBA\xC2; 0040A07C SQ "
         "{[00080005 CS ISO_IR 192; 00080080 LO \xFF]}",
         "{{0040A07C[1].00080080,\"" UNDECODABLE "\"}}", "\xD0\x9A\xD0\xA2"},
        /* escape sequences to a set that is not listed, followed; and without code extensions, left alone */
        {"00080005 CS \\ISO 2022 IR 87; " CT "; 00181030 LO \x1B$)C\xC8\xAB",
         "{{00181030,\"" NOT_LISTED "\"}}", "\xED\x99\x8D"},
        {CT "; 00181030 LO \x1B$B\x42\x40", "{{00181030,\"" NOT_LISTED "\"}}", "\x1B$B\x42\x40"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pg_param params[INGEST_PARAMS];
        struct ingest_prepared *p = prepare_spec(cases[i].object);
        ingest_params(p, params);
        assert_param(&params[WARNINGS], cases[i].warnings);
        assert_true(param_has(&params[PROTOCOL], cases[i].in_row));
        ingest_prepared_free(p);
    }
}

static void values_that_rows_cannot_hold_are_flagged(void **state)
{
    struct octets o;
    struct pg_param params[INGEST_PARAMS];
    struct ingest_prepared *p = NULL;
    struct err err;
    (void)state;
    spec(&o, CT "; 00181030 LO ab; 00186000 LO cd");
    for (size_t i = 0; i < o.len;
         i++) { /* U+0000 in a text of a column, and of another attribute */
        if (o.data[i] == 'a' || o.data[i] == 'c')
            o.data[i] = '\0';
    }
    assert_int_equal(prepare(span_of(o.data, o.len), UID_EXPLICIT_LE, NULL, NULL, &p, &err), RC_OK);
    ingest_params(p, params);
    assert_param(&params[WARNINGS],
                 "{{00181030,\"" HAS_NUL "\"},{00186000,\"" HAS_NUL
                 "\"},{NULL,\"some values are in the encoded form only: JSON cannot "
                 "hold them, or they are large\"}}");
    assert_null(memchr(params[PROTOCOL].data, '\0', (size_t)params[PROTOCOL].len));
    assert_false(param_has(&params[PROTOCOL], "u0000"));
    ingest_prepared_free(p);
}

static void equal_content_has_one_digest(void **state)
{
    struct octets o;
    struct pg_param a[INGEST_PARAMS], b[INGEST_PARAMS], c[INGEST_PARAMS];
    struct ingest_prepared *p[3] = {NULL};
    struct buf implicit;
    struct err err;
    (void)state;
    struct span octets = spec(&o, CT "; 00181030 LO Head");
    buf_init(&implicit, 0);
    assert_int_equal(prepare(octets, UID_EXPLICIT_LE, NULL, NULL, &p[0], &err), RC_OK);
    assert_int_equal(dcm_convert(octets, dcm_ts_find(UID_EXPLICIT_LE), dcm_ts_find(UID_IMPLICIT_LE),
                                 NULL, &implicit, &err),
                     RC_OK);
    assert_int_equal(prepare(buf_span(&implicit), UID_IMPLICIT_LE, NULL, NULL, &p[1], &err), RC_OK);
    ingest_params(p[0], a);
    ingest_params(p[1], b);
    assert_memory_equal(a[DIGEST].data, b[DIGEST].data, 32);
    p[2] = prepare_spec(CT "; 00181030 LO Heart");
    ingest_params(p[2], c);
    assert_memory_not_equal(a[DIGEST].data, c[DIGEST].data, 32);
    for (int i = 0; i < 3; i++)
        ingest_prepared_free(p[i]);
    buf_fini(&implicit);
}

static void data_sets_that_cannot_be_kept_are_refused(void **state)
{
    static const struct {
        const char *object, *sop_class, *sop_instance;
        enum rc rc;
        uint32_t tag;
    } cases[] = {
        {"00080018 UI 1.2.3.1", NULL, NULL, RC_INVALID, 0x00080016},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1", NULL, NULL, RC_INVALID, 0x00080018},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI", NULL, NULL, RC_INVALID,
         0x00080018},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI 1.2\\1.3", NULL, NULL, RC_INVALID,
         0x00080018},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI 1.02", NULL, NULL, RC_INVALID,
         0x00080018},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 LO 1.2.3.1", NULL, NULL, RC_INVALID,
         0x00080018},
        {"00080016 UI 1.2.840.10008.5.1.4.1.1.2; 00080018 UI 1.2", NULL, NULL, RC_INVALID,
         0x00080016},
        {CT, "1.2.840.10008.5.1.4.1.1.200.7", NULL, RC_INVALID, 0x00080016},
        {CT, UID_CT_DEFINED_PROTOCOL, "1.2.3.2", RC_INVALID, 0x00080018},
        {CT, UID_CT_DEFINED_PROTOCOL, "1.2.3.1", RC_OK, 0},
        {"00020010 UI 1.2; " CT, NULL, NULL, RC_UNSUPPORTED, 0x00020010},
    };
    struct octets o;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ingest_prepared *p = NULL;
        struct err err;
        enum rc rc = prepare(spec(&o, cases[i].object), UID_EXPLICIT_LE, cases[i].sop_class,
                             cases[i].sop_instance, &p, &err);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(err.tag, cases[i].tag);
        assert_int_equal(err.code, cases[i].rc);
        assert_int_equal(p != NULL, rc == RC_OK);
        ingest_prepared_free(p);
    }

    struct ingest_prepared *p = NULL;
    struct err err;
    assert_int_equal(prepare(span_str("no data set"), UID_EXPLICIT_LE, NULL, NULL, &p, &err),
                     RC_UNSUPPORTED);
    struct ingest_input input = {.octets = spec(&o, CT "; 00181030 LO Head"),
                                 .ts = dcm_ts_find(UID_EXPLICIT_LE),
                                 .source = "import"};
    struct dcm_limits limits = {.max_elements = 2};
    assert_int_equal(ingest_prepare(&input, &limits, &p, &err), RC_LIMIT);
    assert_null(p);
}

static void hostile_data_sets_do_no_harm(void **state)
{
    unsigned accepted = 0;
    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        static struct octets o;
        struct ingest_prepared *p = NULL;
        struct err err;
        uint32_t random = i * 2654435761u + 3;
        spec(&o,
             "00080005 CS \\ISO 2022 IR 87; " CT
             "; 00082218 SQ {[00080100 SH 1][00080121 SQ {[00080100 SH 2]}]}; 00181030 LO \x1B$BEl"
             "\x1B(B x; 00700084 PN A^B=\x1B$BEl\x1B(B");
        mutate(&o, &random);
        uint8_t *exact = malloc(o.len ? o.len : 1);
        memcpy(exact, o.data, o.len);
        enum rc rc = prepare(span_of(exact, o.len), UID_EXPLICIT_LE, NULL, NULL, &p, &err);
        assert_true(rc == RC_OK || rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        if (rc == RC_OK) {
            struct pg_param params[INGEST_PARAMS];
            ingest_params(p, params);
            accepted++;
        }
        ingest_prepared_free(p);
        free(exact);
    }
    assert_true(accepted > 100);
}

/* ---- outcomes ---- */

struct seen {
    unsigned calls;
    enum rc rc;
    char text[256];
    enum ingest_outcome outcome;
};

static void on_ingested(const struct err *result, enum ingest_outcome outcome, void *arg)
{
    struct seen *s = arg;
    s->calls++;
    s->rc = result->code;
    snprintf(s->text, sizeof(s->text), "%s", result->text);
    s->outcome = outcome;
}

static void outcomes_are_told(void **state)
{
    static const enum ingest_outcome outcomes[] = {INGEST_STORED, INGEST_SAME,    INGEST_DIFFERENT,
                                                   INGEST_DRAFT,  INGEST_RETIRED, INGEST_PURGED};
    struct ingest_prepared *p = prepare_spec(CT);
    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        struct seen seen = {0};
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        assert_int_equal(seen.calls, 0);
        answer(RC_OK, ingest_outcome_name(outcomes[i]), false);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.rc, RC_OK);
        assert_int_equal(seen.outcome, outcomes[i]);
    }
    struct seen seen = {0};
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_OK, "astonished", false);
    assert_int_equal(seen.rc, RC_INTERNAL);
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_OK, NULL, false);
    assert_int_equal(seen.rc, RC_INTERNAL);
    assert_string_equal(ingest_outcome_name((enum ingest_outcome)99), "unknown");
    ingest_prepared_free(p);
}

static void refusals_of_the_database_are_final(void **state)
{
    static const enum rc codes[] = {RC_DB, RC_LIMIT, RC_CANCELED};
    struct ingest_prepared *p = prepare_spec(CT);
    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct seen seen = {0};
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        answer(codes[i], NULL, false);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.rc, codes[i]);
        assert_null(running);
    }
    ingest_prepared_free(p);
}

/* What success is said of, stored by the statement or by somebody else, may be on this server and not on its standby: only a
 * commit that waits for it tells. */
static void every_statement_is_confirmed(void **state)
{
    struct ingest_audit audit = {.operation = "store", .accepted = 0, .refused = 0xC000};
    struct octets o;
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ingest_input input = {
            .octets =
                spec(&o, i % 2 ? "00080016 UI " UID_PROTOCOL_APPROVAL "; 00080018 UI 1.2.3.2" : CT),
            .ts = dcm_ts_find(UID_EXPLICIT_LE),
            .source = "store",
            .audit = i / 2 ? &audit : NULL};
        struct ingest_prepared *p;
        struct seen seen = {0};
        struct err err;
        assert_int_equal(ingest_prepare(&input, NULL, &p, &err), RC_OK);
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        assert_non_null(strstr(running->sql, PG_CONFIRMED));
        answer(RC_IO, NULL, false);
        assert_non_null(strstr(running->sql, PG_CONFIRMED));
        assert_string_equal(running->sql, ingest_known_sql());
        answer(RC_OK, "published", true);
        assert_int_equal(seen.rc, RC_OK);
        assert_non_null(strstr(rebuild_sql(p), PG_CONFIRMED));
        ingest_prepared_free(p);
    }
}

/* It is there, and yet no success before the standby has confirmed it. */
static void what_is_not_replicated_is_no_success(void **state)
{
    struct ingest_prepared *p = prepare_spec(CT);
    struct seen seen = {0};
    (void)state;
    sqlstate = PG_UNREPLICATED;
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_DB, "stored", false);
    assert_int_equal(seen.calls, 0);
    answer(RC_DB, "published", true);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.rc, RC_DB);
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_DB, "stored", false);
    answer(RC_OK, "published", true);
    sqlstate = "";
    assert_int_equal(seen.rc, RC_OK);
    assert_int_equal(seen.outcome, INGEST_STORED);
    ingest_prepared_free(p);
}

static void a_session_that_cannot_write_is_no_answer(void **state)
{
    struct ingest_prepared *p = prepare_spec(CT);
    struct seen seen = {0};
    (void)state;
    started = 0;
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_AGAIN, NULL, false);
    answer(RC_OK, "stored", false);
    assert_int_equal(started, 2);
    assert_int_equal(seen.outcome, INGEST_STORED);
    seen = (struct seen){0};
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    while (running) /* but not for ever */
        answer(RC_AGAIN, NULL, false);
    assert_int_equal(seen.rc, RC_AGAIN);
    seen = (struct seen){0};
    ingest_start(NULL, 60000, p, on_ingested, &seen); /* and while reading again */
    answer(RC_IO, NULL, false);
    assert_true(running->query.is_patient);
    answer(RC_AGAIN, NULL, false);
    answer(RC_OK, "published", true);
    assert_int_equal(seen.outcome, INGEST_STORED);
    ingest_prepared_free(p);
}

static void an_unknown_outcome_is_read_again(void **state)
{
    static const struct {
        enum rc second;
        const char *object_state; /* NULL = not found */
        bool same_digest;
        enum rc rc;
        enum ingest_outcome outcome;
    } cases[] = {
        {RC_OK, "published", true, RC_OK, INGEST_STORED},
        {RC_OK, "published", false, RC_OK, INGEST_DIFFERENT},
        {RC_OK, "draft", false, RC_OK, INGEST_DRAFT},
        {RC_OK, "retired", true, RC_OK, INGEST_RETIRED},
        {RC_OK, NULL, false, RC_IO, 0}, /* not there: not stored */
        {RC_OK, "mislaid", false, RC_IO, 0},
        {RC_IO, NULL, false, RC_IO, 0}, /* nobody knows: no success */
        {RC_TIMEOUT, NULL, false, RC_IO, 0},
        {RC_IO, "published", true, RC_IO, 0},
    };
    struct ingest_prepared *p = prepare_spec(CT);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct seen seen = {0};
        started = 0;
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        answer(RC_IO, i % 2 ? "stored" : NULL, false); /* a row is no COMMIT */
        assert_int_equal(seen.calls, 0);
        assert_int_equal(started, 2);
        assert_non_null(strstr(running->sql, "i.digest = $2"));
        answer(cases[i].second, cases[i].object_state, cases[i].same_digest);
        while (cases[i].second == RC_IO && running) /* other connections may be better */
            answer(cases[i].second, cases[i].object_state, cases[i].same_digest);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(started, cases[i].second == RC_IO ? 6 : 2);
        assert_int_equal(seen.rc, cases[i].rc);
        if (seen.rc == RC_OK)
            assert_int_equal(seen.outcome, cases[i].outcome);
        else
            assert_string_equal(seen.text, "failure of statement 1");
        assert_null(running);
    }
    ingest_prepared_free(p);
}

static void a_lost_connection_is_read_again_on_others(void **state)
{
    struct ingest_prepared *p = prepare_spec(CT);
    struct seen seen = {0};
    (void)state;
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_IO, NULL, false);
    answer(RC_IO, "published", false);
    answer(RC_OK, "published", true);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.rc, RC_OK);
    assert_int_equal(seen.outcome, INGEST_STORED);
    ingest_prepared_free(p);
}

static void a_lost_race_is_run_again(void **state)
{
    static const char *const states[] = {"40001", "40P01"};
    struct ingest_prepared *p = prepare_spec(CT);
    (void)state;
    for (size_t i = 0; i < COUNT(states); i++) {
        struct seen seen = {0};
        started = 0;
        sqlstate = states[i];
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        answer(RC_DB, i ? "stored" : NULL, false);
        answer(RC_DB, NULL, false);
        assert_non_null(strstr(running->sql, "dpp.ingest("));
        answer(RC_OK, "same", false);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.rc, RC_OK);
        assert_int_equal(seen.outcome, INGEST_SAME);
        /* But not for ever. */
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        for (started = 1; running;)
            answer(RC_DB, NULL, false);
        assert_int_equal(started, 5);
        assert_int_equal(seen.calls, 2);
        assert_int_equal(seen.rc, RC_DB);
    }
    sqlstate = "";
    ingest_prepared_free(p);
}

static void a_time_out_is_an_unknown_outcome_too(void **state)
{
    struct ingest_prepared *p = prepare_spec(CT);
    struct seen seen = {0};
    (void)state;
    ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_TIMEOUT, NULL, false);
    assert_int_equal(seen.calls, 0);
    answer(RC_OK, "published", true);
    assert_int_equal(seen.rc, RC_OK);
    assert_int_equal(seen.outcome, INGEST_STORED);
    ingest_prepared_free(p);
}

static void a_statement_that_was_not_sent_has_done_nothing(void **state)
{
    static const enum rc codes[] = {RC_TIMEOUT, RC_IO};
    struct ingest_prepared *p = prepare_spec(CT);
    (void)state;
    has_no_connection = true;
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct seen seen = {0};
        started = 0;
        ingest_start(NULL, 60000, p, on_ingested, &seen);
        answer(codes[i], NULL, false);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.rc, codes[i]);
        assert_int_equal(started, 1); /* no second wait for a connection */
    }
    has_no_connection = false;
    ingest_prepared_free(p);
}

static void cancel_is_silent(void **state)
{
    struct ingest_prepared *p = prepare_spec(CT);
    struct seen seen = {0};
    (void)state;
    cancelled = 0;
    ingest_cancel(ingest_start(NULL, 60000, p, on_ingested, &seen));
    assert_int_equal(cancelled, 1);
    struct ingest_op *op = ingest_start(NULL, 60000, p, on_ingested, &seen);
    answer(RC_IO, NULL, false);
    ingest_cancel(op); /* while reading again */
    assert_int_equal(cancelled, 2);
    assert_int_equal(seen.calls, 0);
    ingest_prepared_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_goes_into_one_call),
        cmocka_unit_test(an_approval_goes_into_a_call_of_its_own),
        cmocka_unit_test(text_outside_its_set_is_flagged_by_attribute),
        cmocka_unit_test(values_that_rows_cannot_hold_are_flagged),
        cmocka_unit_test(equal_content_has_one_digest),
        cmocka_unit_test(data_sets_that_cannot_be_kept_are_refused),
        cmocka_unit_test(hostile_data_sets_do_no_harm),
        cmocka_unit_test(outcomes_are_told),
        cmocka_unit_test(refusals_of_the_database_are_final),
        cmocka_unit_test(every_statement_is_confirmed),
        cmocka_unit_test(what_is_not_replicated_is_no_success),
        cmocka_unit_test(a_session_that_cannot_write_is_no_answer),
        cmocka_unit_test(an_unknown_outcome_is_read_again),
        cmocka_unit_test(a_lost_connection_is_read_again_on_others),
        cmocka_unit_test(a_lost_race_is_run_again),
        cmocka_unit_test(a_time_out_is_an_unknown_outcome_too),
        cmocka_unit_test(a_statement_that_was_not_sent_has_done_nothing),
        cmocka_unit_test(cancel_is_silent),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
