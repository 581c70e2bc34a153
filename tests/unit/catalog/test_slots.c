/* SPDX-License-Identifier: Apache-2.0
 *
 * Two sets of slots on one loop stand for two servers.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "catalog/slots.h"

static struct slots *one, *other;

static void on_taken(void *arg)
{
    bool *flag = arg;
    assert_false(*flag);
    *flag = true;
}

static struct slot *ask(struct slots *s, const char *title, unsigned limit, bool *flag)
{
    *flag = false;
    struct slot *slot = slot_wait(s, title, limit, on_taken, flag);
    assert_false(*flag);
    return slot;
}

static bool is_row_count(void *arg)
{
    return strcmp(ask_sql("select count(*) from dpp.destination_slots"), arg) == 0;
}

static void expect_rows(const char *count)
{
    assert_true(loop_run_until(database.loop, is_row_count, (void *)(uintptr_t)count, WAIT_MS));
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

/* Long enough for several polls. */
static void expect_waiting(const bool *flag)
{
    loop_run_until(database.loop, never, NULL, 400);
    assert_false(*flag);
}

static int set_up(void **state)
{
    (void)state;
    run_sql("truncate dpp.destination_slots");
    one = slots_new(database.loop, database.pool, WAIT_MS);
    other = slots_new(database.loop, database.pool, WAIT_MS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    slots_free(one);
    slots_free(other);
    return 0;
}

static void a_place_is_had_once(void **state)
{
    bool first, second, third;
    (void)state;
    struct slot *a = ask(one, "CT1", 1, &first);
    wait_until(&first);
    struct slot *b = ask(other, "CT1", 1, &second);
    struct slot *c = ask(other, "CT2", 1, &third);
    wait_until(&third); /* another destination is free */
    expect_waiting(&second);
    assert_int_equal(slot_why(b)->code, RC_OK);
    slot_give_back(a);
    wait_until(&second);
    slot_give_back(b);
    slot_give_back(c);
    expect_rows("0");
}

static void as_many_are_had_as_the_limit_says(void **state)
{
    enum { LIMIT = 3, ALL = 8 };
    struct slot *slots[ALL];
    bool flags[ALL];
    (void)state;
    for (unsigned i = 0; i < ALL; i++)
        slots[i] = ask(i % 2 ? one : other, "CT1", LIMIT, &flags[i]);
    for (unsigned served = 0; served < ALL;) {
        loop_run_until(database.loop, never, NULL, 100);
        unsigned held = 0;
        for (unsigned i = 0; i < ALL; i++)
            held += slots[i] && flags[i];
        assert_in_range(held, 0, LIMIT);
        assert_int_equal(strtol(ask_sql("select count(*) from dpp.destination_slots"
                                        " where slot not between 1 and 3"),
                                NULL, 10),
                         0);
        for (unsigned i = 0; i < ALL; i++) {
            if (slots[i] && flags[i]) {
                slot_give_back(slots[i]);
                slots[i] = NULL;
                served++;
                break;
            }
        }
    }
    expect_rows("0");
}

static void a_lower_limit_counts_what_is_held(void **state)
{
    bool flags[3];
    struct slot *slots[3];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        slots[i] = ask(one, "CT1", 2, &flags[i]);
        wait_until(&flags[i]);
    }
    slots[2] = ask(other, "CT1", 1, &flags[2]);
    slot_give_back(slots[0]); /* number 1 is free, but the one allowed has number 2 */
    expect_waiting(&flags[2]);
    slot_give_back(slots[1]);
    wait_until(&flags[2]);
    slot_give_back(slots[2]);
}

static void places_of_the_dead_are_free_again(void **state)
{
    bool flag;
    (void)state;
    run_sql("insert into dpp.destination_slots (ae_title, slot, holder, expires_at)"
            " values ('CT1', 1, 'dead', clock_timestamp() + interval '600 milliseconds')");
    struct slot *slot = ask(one, "CT1", 1, &flag);
    expect_waiting(&flag);
    wait_until(&flag);
    assert_string_equal(ask_sql("select count(*) from dpp.destination_slots where holder = 'dead'"),
                        "0");
    slot_give_back(slot);
}

static void who_leaves_early_leaves_nothing(void **state)
{
    bool flag = false;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct slot *slot = slot_wait(one, "CT1", 1, on_taken, &flag);
        loop_run_until(database.loop, never, NULL, i % 4);
        flag = false;
        slot_give_back(slot);
    }
    expect_rows("0");
    slot_give_back(NULL);
}

static void the_end_gives_everything_back(void **state)
{
    bool first, second;
    (void)state;
    ask(one, "CT1", 1, &first);
    wait_until(&first);
    ask(one, "CT1", 1, &second);
    slots_free(one);
    one = NULL;
    assert_false(second);
    assert_string_equal(ask_sql("select count(*) from dpp.destination_slots"), "0");
}

static void a_database_that_refuses_is_told(void **state)
{
    bool flag;
    (void)state;
    run_sql("alter table dpp.destination_slots rename to hidden");
    struct slot *slot = ask(one, "CT1", 1, &flag);
    expect_waiting(&flag);
    assert_int_equal(slot_why(slot)->code, RC_DB);
    run_sql("alter table dpp.hidden rename to destination_slots");
    wait_until(&flag);
    slot_give_back(slot);
    expect_rows("0");
}

static void a_standby_sets_no_limit(void **state)
{
    bool first, second;
    char sql[128];
    (void)state;
    snprintf(sql, sizeof(sql), "alter database %s set default_transaction_read_only = on",
             database.db.name);
    run_sql(sql);
    struct pg_options options = pg_options_default();
    options.conninfo = database.db.uri;
    struct pg_pool *pool = pg_pool_new(database.loop, database.mailbox, database.jobs, &options);
    struct slots *standby = slots_new(database.loop, pool, WAIT_MS);
    ask(standby, "CT1", 1, &first);
    ask(standby, "CT1", 1, &second);
    wait_until(&first);
    wait_until(&second);
    slots_free(standby);
    pg_pool_free(pool);
    snprintf(sql, sizeof(sql), "alter database %s reset default_transaction_read_only",
             database.db.name);
    run_sql(sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_place_is_had_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_are_had_as_the_limit_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lower_limit_counts_what_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_of_the_dead_are_free_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_early_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_gives_everything_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_that_refuses_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_standby_sets_no_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, database_open, database_close);
}
