/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/instances when memory is short: how much a request needs is the peer's choice, so the request is
 * refused and the process goes on. The source is compiled into this program with allocators that refuse
 * beyond a bound; all else, the database too, is real.
 */
#include "catalog_db.h"
#include "testdb.h"

#include "dcm/dict.h"

static size_t arena_bound, realloc_bound;

static struct arena *bounded_arena(size_t limit)
{
    return arena_new(limit < arena_bound ? limit : arena_bound);
}

static void *bounded_realloc(void *p, size_t size)
{
    return size > realloc_bound ? NULL : realloc(p, size);
}

#define arena_new bounded_arena
#define realloc   bounded_realloc
#include "instances.c"
#undef arena_new
#undef realloc

enum { COUNT_STORED = 40 };

static const char *uids[2 * COUNT_STORED]; /* each one stored, then one that is not */

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

static enum rc find(struct found *f, struct err *err)
{
    struct instances_op *op = NULL;
    memset(f, 0, sizeof *f);
    enum rc rc = instances_find(database.reader, WAIT_MS, &model_protocol, NULL, uids,
                                2 * COUNT_STORED, on_found, f, &op, err);
    assert_int_equal(rc == RC_OK, op != NULL);
    if (rc == RC_OK)
        wait_until(&f->is_done);
    return rc;
}

static void lists_grow_with_what_is_there(void **state)
{
    struct found f;
    struct err err = {0};
    (void)state;
    arena_bound = realloc_bound = SIZE_MAX;
    assert_int_equal(find(&f, &err), RC_OK);
    assert_int_equal(f.result.code, RC_OK);
    assert_int_equal(f.list->asked, 2 * COUNT_STORED);
    assert_int_equal(f.list->count, COUNT_STORED);
    for (unsigned i = 0; i < COUNT_STORED; i++)
        assert_string_equal(f.list->refs[i].sop_instance, uids[2 * i]);
    instance_list_free(f.list);
}

static void no_memory_for_the_request_refuses_it(void **state)
{
    static const size_t bounds[] = {16, 1500, 2048};
    struct found f;
    (void)state;
    realloc_bound = SIZE_MAX;
    for (unsigned i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct err err = {0};
        arena_bound = bounds[i];
        assert_int_equal(find(&f, &err), RC_NOMEM);
        assert_int_equal(err.code, RC_NOMEM);
    }
    lists_grow_with_what_is_there(state);
}

static void no_memory_for_the_result_refuses_the_request(void **state)
{
    static const unsigned bounds[] = {0, FIRST_REFS, 2 * FIRST_REFS};
    struct found f;
    struct err err = {0};
    (void)state;
    arena_bound = SIZE_MAX;
    for (unsigned i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        realloc_bound = bounds[i] * sizeof(struct instance_ref);
        assert_int_equal(find(&f, &err), RC_OK);
        assert_int_equal(f.result.code, RC_NOMEM);
        assert_null(f.list);
    }
    lists_grow_with_what_is_there(state);
}

static int setup(void **state)
{
    if (database_open(state) != 0)
        return -1;
    for (unsigned i = 0; i < COUNT_STORED; i++) {
        char text[96], uid[16];
        snprintf(uid, sizeof uid, "1.9.%u", i + 1);
        snprintf(text, sizeof text, "00080016 UI 1.2.840.10008.5.1.4.1.1.200.1; 00080018 UI %s",
                 uid);
        assert_string_equal(store_spec(text), "stored");
        uids[2 * i] = xstrdup(uid);
        snprintf(uid, sizeof uid, "1.10.%u", i + 1);
        uids[2 * i + 1] = xstrdup(uid);
    }
    return 0;
}

static int teardown(void **state)
{
    for (unsigned i = 0; i < 2 * COUNT_STORED; i++)
        free((char *)uids[i]);
    return database_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_grow_with_what_is_there),
        cmocka_unit_test(no_memory_for_the_request_refuses_it),
        cmocka_unit_test(no_memory_for_the_result_refuses_the_request),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, setup, teardown);
}
