/* SPDX-License-Identifier: Apache-2.0
 *
 * What an AE sees, by FIND and by retrieval, when it is limited to protocols with assertions in force, or to current
 * versions: published protocols, lettered by their UID 1.2.3.n, in lines of versions with approvals of several
 * roles. When an assertion is in force is tests/sql/approval_rules.sql's.
 *
 *   a              no approval
 *   b <- c <- d    b and d by radiologist and physicist, c by nobody
 *   e <- f         both by the radiologist, f retired
 *   g <- h, i      two successors, i without approval
 *   j <- k <- l    k retired, which gives j its place back; j and l by the radiologist
 */
#include "catalog_find.h"
#include "testdb.h"

#include "catalog/instances.h"
#include "catalog/peers.h"
#include "dcm/dict.h"

#define CT    "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; "
#define HEAD  "{128603/128670}"
#define BOTH  "{128603/128670,128603/C1708969^UMLS}"
#define EVERY "abcdefghijkl"

static void approve(const char *letters, const char *role, const char *scheme)
{
    char sql[2048];
    snprintf(sql, sizeof(sql),
             "set dpp.maintenance = 'on';"
             "with o as (insert into dpp.objects (sop_instance_uid, sop_class_uid, state,"
             " query_record) values ('1.2.4.%s%s', '1.2.840.10008.5.1.4.1.1.200.3', 'published',"
             " '') returning id),"
             " a as (insert into dpp.approvals (object_id) select id from o returning object_id)"
             " insert into dpp.approval_subjects (object_id, ordinal, referenced_sop_instance_uid)"
             " select object_id, n, '1.2.3.' || ascii(letter) - 96 from a, unnest(string_to_array("
             "'%s', null)) with ordinality as l (letter, n)",
             role, scheme[0] == 'D' ? "" : ".1", letters);
    run_sql(sql);
    snprintf(sql, sizeof(sql),
             "with o as (select max(object_id) as id from dpp.approvals),"
             " s as (insert into dpp.approval_assertions (object_id, ordinal, assertion_datetime)"
             " select id, 1, '20240101' from o),"
             " w as (insert into dpp.approval_asserters (object_id, assertion_ordinal, ordinal,"
             " observer_type, person_name) select id, 1, 1, 'PSN', 'Doe^Jane' from o)"
             " insert into dpp.approval_codes (object_id, role, assertion_ordinal,"
             " asserter_ordinal, ordinal, code_value, coding_scheme_designator)"
             " select id, 'assertion', 1, 0, 1, '128603', 'DCM' from o union all"
             " select id, 'organizational_role', 1, 1, 1, '%s', '%s' from o",
             role[0] == '9' ? "C1708969" : role, scheme);
    run_sql(sql);
}

static void supersede(char later, char earlier)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
             "insert into dpp.supersessions (object_id, superseded_uid) select id, '1.2.3.%d' from"
             " dpp.objects where sop_instance_uid = '1.2.3.%d'",
             earlier - 'a' + 1, later - 'a' + 1);
    run_sql(sql);
}

static const struct {
    const char *required; /* NULL = nothing */
    bool current_only;
    const char *found; /* by a FIND; without current_only it is what can be retrieved too */
} views[] = {
    {NULL, false, "abcdeghijl"},
    {HEAD, false, "bdeghjl"},
    {BOTH, false, "bdg"},
    {"{128603}", false, "bdeghjl"},
    {"{128605}", false, ""},
    {"{128603,128605}", false, ""},
    {PEER_NEVER_MET, false, ""},
    /* e, j: their successors are retired */
    {NULL, true, "adehijl"},
    /* g: its one approved successor has its place */
    {HEAD, true, "dehjl"},
    /* b: d has its place, though c between them is hidden; g: neither successor is to be seen */
    {BOTH, true, "dg"},
};

static void a_query_finds_what_the_view_shows(void **state)
{
    static const char *const identifiers[] = {"00080018 UI", "00080018 UI; 00181030 LO P*",
                                              "00080018 UI; 00200013 IS"};
    (void)state;
    for (size_t i = 0; i < COUNT(views) * COUNT(identifiers); i++) {
        size_t v = i / COUNT(identifiers);
        struct answers a;
        find_view.required = views[v].required;
        find_view.current_only = views[v].current_only;
        find_spec(identifiers[i % COUNT(identifiers)], &a);
        if (strcmp(a.letters, views[v].found) != 0)
            fail_msg("%s%s: %s instead of %s", views[v].required ? views[v].required : "all",
                     views[v].current_only ? ", current" : "", a.letters, views[v].found);
        find_fini(&a);
    }
    find_view = (struct query_view){.aet = "CT1"};
}

struct found {
    bool is_done;
    struct err result;
    struct instance_list *list;
};

static void on_found(const struct err *result, struct instance_list *list, void *arg)
{
    struct found *f = arg;
    f->result = *result;
    f->list = list;
    f->is_done = true;
}

static void retrieve(const struct model *model, const char *requester, const char *destination,
                     char letters[16])
{
    static const char *const uids[] = {"1.2.3.1", "1.2.3.2",  "1.2.3.3",  "1.2.3.4",
                                       "1.2.3.5", "1.2.3.6",  "1.2.3.7",  "1.2.3.8",
                                       "1.2.3.9", "1.2.3.10", "1.2.3.11", "1.2.3.12"};
    struct instances_view view = {requester, destination};
    struct found f = {0};
    struct instances_op *op = NULL;
    assert_int_equal(instances_find(database.reader, WAIT_MS, model, &view, uids, COUNT(uids),
                                    on_found, &f, &op, NULL),
                     RC_OK);
    wait_until(&f.is_done);
    if (f.result.code != RC_OK)
        fail_msg("%s", f.result.text);
    for (unsigned i = 0; i < f.list->count; i++)
        letters[i] = (char)('a' + strtol(f.list->refs[i].sop_instance + 6, NULL, 10) - 1);
    letters[f.list->count] = '\0';
    instance_list_free(f.list);
}

/* In both: the letters of one that are in the other. */
static void both(const char *one, const char *other, char out[16])
{
    size_t n = 0;
    for (; *one; one++) {
        if (strchr(other, *one))
            out[n++] = *one;
    }
    out[n] = '\0';
}

static void a_retrieval_needs_requester_and_destination(void **state)
{
    char got[16], expected[16];
    (void)state;
    for (size_t r = 0; r < COUNT(views); r++) {
        for (size_t d = 0; d < COUNT(views); d++) {
            if (views[r].current_only || views[d].current_only)
                continue;
            retrieve(&model_protocol, views[r].required, views[d].required, got);
            both(views[r].found, views[d].found, expected);
            assert_string_equal(got, expected);
        }
    }
}

/* Approvals are about protocols, and hidden by nothing. */
static void approvals_are_seen_by_all(void **state)
{
    struct answers a;
    struct found f = {0};
    struct instances_op *op = NULL;
    const char *uid = "1.2.4.128670";
    struct instances_view view = {PEER_NEVER_MET, PEER_NEVER_MET};
    (void)state;
    find_view = (struct query_view){.aet = "CT1", .required = PEER_NEVER_MET, .current_only = true};
    find_entity_spec(&model_approval,
                     "00080018 UI "
                     "1.2.4.128670",
                     &a);
    find_view = (struct query_view){.aet = "CT1"};
    assert_int_equal(strlen(a.letters), 1);
    find_fini(&a);
    assert_int_equal(instances_find(database.reader, WAIT_MS, &model_approval, &view, &uid, 1,
                                    on_found, &f, &op, NULL),
                     RC_OK);
    wait_until(&f.is_done);
    assert_int_equal(f.result.code, RC_OK);
    assert_int_equal(f.list->count, 1);
    instance_list_free(f.list);
}

static int setup(void **state)
{
    if (database_open(state) != 0)
        return -1;
    for (unsigned i = 0; i < strlen(EVERY); i++) {
        char text[128];
        snprintf(text, sizeof(text), CT "00080018 UI 1.2.3.%u; 00181030 LO P%u", i + 1, i + 1);
        assert_string_equal(store_spec(text), "stored");
    }
    approve("bdefghjl", "128670", "DCM");
    approve("bdg", "99", "UMLS");
    run_sql("insert into dpp.instances (object_id, transfer_syntax_uid, dataset, size, digest)"
            " select object_id, '1.2.840.10008.1.2.1', '', 0, '' from dpp.approvals");
    run_sql("update dpp.objects set state = 'retired' where sop_instance_uid in ('1.2.3.6',"
            " '1.2.3.11')");
    static const char *const lines[] = {"cb", "dc", "fe", "hg", "ig", "kj", "lk"};
    for (size_t i = 0; i < COUNT(lines); i++)
        supersede(lines[i][0], lines[i][1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_finds_what_the_view_shows),
        cmocka_unit_test(a_retrieval_needs_requester_and_destination),
        cmocka_unit_test(approvals_are_seen_by_all),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, setup, database_close);
}
