/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"

static void alloc_is_aligned_zeroed_and_separate(void **state)
{
    struct arena *a = arena_new(1 << 20);
    unsigned char *p[600];

    (void)state;
    for (size_t i = 0; i < 600; i++) {
        p[i] = arena_alloc(a, i + 1);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k <= i; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)(i & 0xFF), i + 1);
    }
    for (size_t i = 0; i < 600; i++) {
        assert_int_equal(p[i][0], i & 0xFF);
        assert_int_equal(p[i][i], i & 0xFF);
    }
    arena_free(a);
}

static void alloc_stops_at_the_ceiling(void **state)
{
    struct arena *a = arena_new(10000);
    unsigned count = 0;

    (void)state;
    assert_null(arena_alloc(a, 10001));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 8));
    assert_non_null(arena_alloc(a, 10000));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 0));
    arena_reset(a);
    while (arena_alloc(a, 0))
        count++;
    assert_in_range(count, 1, 10000);
    arena_free(a);
}

static void reset_gives_zeroed_memory_again(void **state)
{
    struct arena *a = arena_new(0);
    char *p = arena_alloc(a, 100);
    char *large = arena_alloc(a, 50000);
    char *again;

    (void)state;
    assert_non_null(p);
    assert_non_null(large);
    memset(p, 'x', 100);
    memset(large, 'y', 50000);
    arena_reset(a);
    again = arena_alloc(a, 100);
    assert_ptr_equal(again, p); /* the first chunk is kept */
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    arena_free(a);
    arena_free(NULL);
}

static void array_checks_for_overflow(void **state)
{
    struct arena *a = arena_new(0);

    (void)state;
    assert_null(arena_array(a, SIZE_MAX / 4, 8));
    assert_non_null(arena_array(a, 100, 8));
    arena_free(a);
}

static void strings_are_copied_and_terminated(void **state)
{
    struct arena *a = arena_new(4096);
    char *text;

    (void)state;
    assert_string_equal(arena_strdup(a, "hello"), "hello");
    assert_string_equal(arena_strndup(a, "hello", 2), "he");
    assert_string_equal(arena_strndup(a, NULL, 0), "");
    assert_null(arena_strndup(a, "hello", SIZE_MAX));
    text = arena_printf(a, "%s-%04d", "x", 42);
    assert_string_equal(text, "x-0042");
    assert_null(arena_printf(a, "%5000d", 1));
    arena_free(a);
}

static void xcalloc_and_xstrdup_never_fail_small(void **state)
{
    char *p = xcalloc(0, 0);
    char *text = xstrdup("abc");

    (void)state;
    assert_non_null(p);
    assert_string_equal(text, "abc");
    assert_null(xstrdup(NULL));
    free(p);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_is_aligned_zeroed_and_separate),
        cmocka_unit_test(alloc_stops_at_the_ceiling),
        cmocka_unit_test(reset_gives_zeroed_memory_again),
        cmocka_unit_test(array_checks_for_overflow),
        cmocka_unit_test(strings_are_copied_and_terminated),
        cmocka_unit_test(xcalloc_and_xstrdup_never_fail_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
