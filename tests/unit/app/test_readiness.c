/* SPDX-License-Identifier: Apache-2.0
 *
 * When a queue is a reason to send work elsewhere: a table of seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "readiness.h"

enum { BOUND = 256, DEEP = 224, HALF = 128 };

/* For so many seconds this many wait; what is said at the end of each. */
struct spell {
    unsigned seconds;
    int64_t waiting;
    bool is_excused;
    bool is_full;
};

static void play(const struct spell *spells, unsigned count)
{
    struct queue_gate g = {0};
    for (unsigned i = 0; i < count; i++) {
        for (unsigned second = 1; second <= spells[i].seconds; second++) {
            if (queue_gate_step(&g, spells[i].waiting, BOUND, spells[i].is_excused) !=
                spells[i].is_full)
                fail_msg("spell %u, second %u", i, second);
        }
    }
}
#define PLAY(...)                             \
    play((const struct spell[]){__VA_ARGS__}, \
         sizeof((struct spell[]){__VA_ARGS__}) / sizeof(struct spell))

static void a_queue_is_full_after_five_seconds(void **state)
{
    (void)state;
    PLAY({4, BOUND, false, false}, {100, BOUND, false, true});
    PLAY({4, DEEP, false, false}, {100, DEEP, false, true});
    PLAY({1000, DEEP - 1, false, false});
}

static void a_peak_is_nothing(void **state)
{
    (void)state;
    PLAY({4, BOUND, false, false}, {1, DEEP - 1, false, false}, {4, BOUND, false, false},
         {1, 0, false, false}, {4, BOUND, false, false});
}

/* Between half and 7/8 it stays what it was. */
static void it_is_free_when_half_has_been_free_for_ten_seconds(void **state)
{
    (void)state;
    PLAY({4, BOUND, false, false}, {1, BOUND, false, true}, {100, HALF + 1, false, true},
         {9, HALF, false, true}, {1, HALF + 1, false, true}, {9, 0, false, true},
         {100, HALF, false, false}, {100, DEEP - 1, false, false}, {4, DEEP, false, false},
         {1, DEEP, false, true});
}

static void a_slow_database_excuses_it(void **state)
{
    (void)state;
    PLAY({1000, BOUND, true, false}, {4, BOUND, false, false}, {1, BOUND, true, false},
         {4, BOUND, false, false}, {1, BOUND, false, true}, {9, BOUND, true, true},
         {1, BOUND, false, true}, {9, BOUND, true, true}, {100, BOUND, true, false});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_full_after_five_seconds),
        cmocka_unit_test(a_peak_is_nothing),
        cmocka_unit_test(it_is_free_when_half_has_been_free_for_ten_seconds),
        cmocka_unit_test(a_slow_database_excuses_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
