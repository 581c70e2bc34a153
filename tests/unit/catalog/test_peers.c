/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/peers.h"
#include "dcm/dict.h"

struct looked_up {
    bool is_done;
    struct err result;
    bool is_found;
    struct peer peer;
};

static void on_peer(const struct err *result, bool found, const struct peer *peer, void *arg)
{
    struct looked_up *l = arg;
    l->result = *result;
    l->is_found = found;
    assert_int_equal(found, peer != NULL);
    if (peer)
        l->peer = *peer;
    l->is_done = true;
}

static struct looked_up look_up(const char *title, const char *source)
{
    struct looked_up l = {0};
    peer_find(database.pool, WAIT_MS, title, source, on_peer, &l);
    assert_false(l.is_done);
    wait_until(&l.is_done);
    return l;
}

static void a_row_is_read_whole(void **state)
{
    (void)state;
    run_sql("insert into dpp.application_entities (ae_title, host, port, may_store, may_move,"
            " preferred_character_set, max_associations, called_as, max_calling_associations,"
            " max_operations, required_assertions, sees_current_only, may_supersede,"
            " ae_class) values ('CT1',"
            " 'ct1.example', 11112, false, false, 'ISO_IR 100', 3, 'REPO', 5, 7,"
            " '{128603/128670,two words}', true, true, 'scanner'), ('CT2', null, null, true, true, "
            "null, 1,"
            " null, null, null, default, default, default, default)");
    struct looked_up l = look_up("CT1", NULL);
    assert_int_equal(l.result.code, RC_OK);
    assert_true(l.is_found);
    assert_string_equal(l.peer.ae_title, "CT1");
    assert_string_equal(l.peer.host, "ct1.example");
    assert_int_equal(l.peer.port, 11112);
    assert_int_equal(l.peer.rights, PEER_MAY_ALL & ~(PEER_MAY_STORE | PEER_MAY_MOVE));
    assert_string_equal(l.peer.preferred_charset, "ISO_IR 100");
    assert_int_equal(l.peer.max_associations, 3);
    assert_string_equal(l.peer.called_as, "REPO");
    assert_int_equal(l.peer.max_calling_associations, 5);
    assert_int_equal(l.peer.max_operations, 7);
    assert_string_equal(l.peer.required, "{128603/128670,\"two words\"}");
    assert_true(l.peer.sees_current_only);
    assert_true(l.peer.may_supersede);
    assert_string_equal(l.peer.ae_class, "scanner");

    l = look_up("CT2", "10.0.0.1");
    assert_true(l.is_found);
    assert_string_equal(l.peer.host, "");
    assert_int_equal(l.peer.port, 0);
    assert_string_equal(l.peer.preferred_charset, "");
    assert_string_equal(l.peer.called_as, "");
    assert_int_equal(l.peer.max_calling_associations, 0);
    assert_int_equal(l.peer.max_operations, 0);
    assert_string_equal(l.peer.required, "");
    assert_false(l.peer.sees_current_only);
    assert_false(l.peer.may_supersede);
    assert_string_equal(l.peer.ae_class, "known");
    assert_int_equal(l.peer.rights, PEER_MAY_ALL);
}

static void each_right_has_its_column(void **state)
{
    static const struct {
        const char *column;
        unsigned right;
    } rights[] = {
        {"may_echo", PEER_MAY_ECHO},   {"may_find", PEER_MAY_FIND},
        {"may_get", PEER_MAY_GET},     {"may_move", PEER_MAY_MOVE},
        {"may_store", PEER_MAY_STORE}, {"is_destination", PEER_IS_DESTINATION},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rights); i++) {
        char sql[200];
        run_sql("delete from dpp.application_entities where ae_title = 'R'");
        run_sql("insert into dpp.application_entities (ae_title) values ('R')");
        snprintf(sql, sizeof(sql),
                 "update dpp.application_entities set %s = false where ae_title = 'R'",
                 rights[i].column);
        run_sql(sql);
        struct looked_up l = look_up("R", NULL);
        assert_int_equal(l.peer.rights, PEER_MAY_ALL & ~rights[i].right);
    }
}

/* Half of a requirement, or none, would show what is to be hidden. */
static void requirements_that_cannot_be_kept_are_never_met(void **state)
{
    (void)state;
    run_sql("alter table dpp.application_entities"
            " drop constraint application_entities_required_assertions_form_check;"
            "insert into dpp.application_entities (ae_title, required_assertions)"
            " values ('LONG', array[repeat('x', 4000)]), ('FITS', array[repeat('x', 2045)]),"
            " ('DOES NOT', array[repeat('x', 2046)])");
    assert_string_equal(look_up("LONG", NULL).peer.required, PEER_NEVER_MET);
    assert_int_equal(strlen(look_up("FITS", NULL).peer.required), PEER_REQUIRED_BYTES - 1);
    assert_string_equal(look_up("DOES NOT", NULL).peer.required, PEER_NEVER_MET);
}

static void the_source_address_chooses_the_row(void **state)
{
    static const struct {
        const char *source, *host; /* NULL = not found */
    } cases[] = {
        {"10.1.2.3", "narrow"},        {"10.9.9.9", "wide"},   {"192.0.2.1", NULL},
        {"::ffff:10.1.2.3", "narrow"}, {"2001:db8::5", "six"}, {"2001:db8::5%eth0", "six"},
    };
    (void)state;
    run_sql("insert into dpp.application_entities (ae_title, host, port, source_addresses) values"
            " ('N', 'wide', 1, '{10.0.0.0/8}'), ('N', 'narrow', 1, '{10.1.2.0/24}'),"
            " ('N', 'six', 1, '{2001:db8::/32}')");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct looked_up l = look_up("N", cases[i].source);
        assert_int_equal(l.result.code, RC_OK);
        assert_int_equal(l.is_found, cases[i].host != NULL);
        if (cases[i].host)
            assert_string_equal(l.peer.host, cases[i].host);
    }
    assert_true(look_up("N", NULL).is_found);
}

static void titles_that_no_row_has_are_not_found(void **state)
{
    static const char *const titles[] = {"",
                                         "NOBODY",
                                         "ct1",
                                         "CT1 ",
                                         "\xFF\xFE",
                                         "CT1\n",
                                         "A-TITLE-THAT-IS-TOO-LONG",
                                         "'; drop table x; --"};
    (void)state;
    for (size_t i = 0; i < COUNT(titles); i++) {
        struct looked_up l = look_up(titles[i], NULL);
        assert_int_equal(l.result.code, RC_OK);
        assert_false(l.is_found);
    }
}

static void what_is_no_address_is_a_failure_not_a_match(void **state)
{
    (void)state;
    struct looked_up l = look_up("CT1", "nowhere");
    assert_int_equal(l.result.code, RC_DB);
    assert_false(l.is_found);
}

static void changes_are_in_force_at_once(void **state)
{
    (void)state;
    run_sql("insert into dpp.application_entities (ae_title) values ('LATE')");
    assert_true(look_up("LATE", "10.0.0.1").is_found);
    run_sql("delete from dpp.application_entities where ae_title = 'LATE'");
    assert_false(look_up("LATE", "10.0.0.1").is_found);
}

static void cancel_is_silent(void **state)
{
    struct looked_up l = {0};
    (void)state;
    peer_cancel(peer_find(database.pool, WAIT_MS, "CT1", NULL, on_peer, &l));
    look_up("CT1", NULL);
    assert_false(l.is_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_read_whole),
        cmocka_unit_test(each_right_has_its_column),
        cmocka_unit_test(requirements_that_cannot_be_kept_are_never_met),
        cmocka_unit_test(the_source_address_chooses_the_row),
        cmocka_unit_test(titles_that_no_row_has_are_not_found),
        cmocka_unit_test(what_is_no_address_is_a_failure_not_a_match),
        cmocka_unit_test(changes_are_in_force_at_once),
        cmocka_unit_test(cancel_is_silent),
    };
    return cmocka_run_group_tests(tests, database_open, database_close);
}
