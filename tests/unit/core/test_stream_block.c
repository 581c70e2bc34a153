/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream_parts.h"

enum { LIMIT = 1 << 20, LARGEST_READ = 128 << 10 };

static uint8_t octet_at(size_t position)
{
    return (uint8_t)(position * 31 + position / 251);
}

static size_t room(const struct stream_block *b)
{
    return b->capacity - b->end;
}

/* Octets `from` and on of the stream, as many as there is room for and at most `most`. */
static size_t fill(struct stream_block *b, size_t from, size_t most)
{
    size_t n;

    assert_true(stream_block_make_room(b, LIMIT));
    assert_true(room(b) > 0);
    n = most < room(b) ? most : room(b);
    for (size_t i = 0; i < n; i++)
        b->octets[b->end + i] = octet_at(from + i);
    stream_block_add(b, n);
    return n;
}

static void check_input(const struct stream_block *b, size_t from, size_t length)
{
    assert_int_equal(stream_block_length(b), length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(b->octets[b->start + i], octet_at(from + i));
}

static void an_idle_one_has_no_memory(void **state)
{
    struct stream_block b = {.read_size = STREAM_READ_MIN};

    (void)state;
    fill(&b, 0, 100);
    stream_block_drop(&b);
    assert_null(b.octets);
    assert_int_equal(stream_block_length(&b), 0);
    assert_int_equal(room(&b), 0);
    assert_int_equal(fill(&b, 0, 100), 100); /* and may begin again */
    check_input(&b, 0, 100);
    stream_block_drop(&b);
}

/* Nothing moves while there is room behind it: the owner of a message in assembly is offered the same octets. */
static void input_stays_where_it_is_until_the_block_is_full(void **state)
{
    struct stream_block b = {.read_size = STREAM_READ_MIN};
    const uint8_t *first;
    size_t have = fill(&b, 0, 1000);

    (void)state;
    first = b.octets;
    b.start += 900;
    while (room(&b) > 0) {
        have += fill(&b, have, 1000);
        assert_ptr_equal(b.octets, first);
        assert_int_equal(b.start, 900);
    }
    check_input(&b, 900, STREAM_READ_MIN - 900);
    stream_block_drop(&b);
}

static void a_full_block_is_made_room_in(void **state)
{
    static const struct {
        size_t consumed, capacity; /* of STREAM_READ_MIN octets; what the block has afterwards */
        bool moves;
    } cases[] = {
        {0, 3 * STREAM_READ_MIN, false}, /* one read has filled it, so the next is twice as large */
        {STREAM_READ_MIN / 2 - 1, STREAM_READ_MIN / 2 + 1 + 2 * STREAM_READ_MIN, false},
        {STREAM_READ_MIN / 2, STREAM_READ_MIN, true},
        {STREAM_READ_MIN - 1, STREAM_READ_MIN, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stream_block b = {.read_size = STREAM_READ_MIN};
        const uint8_t *before;

        assert_int_equal(fill(&b, 0, LIMIT), STREAM_READ_MIN);
        before = b.octets;
        b.start = cases[i].consumed;
        assert_true(stream_block_make_room(&b, LIMIT));
        assert_int_equal(b.start, 0);
        assert_int_equal(b.capacity, cases[i].capacity);
        if (cases[i].moves)
            assert_ptr_equal(b.octets, before);
        check_input(&b, cases[i].consumed, STREAM_READ_MIN - cases[i].consumed);
        stream_block_drop(&b);
    }
}

static void it_never_grows_beyond_the_limit(void **state)
{
    struct stream_block b = {.read_size = STREAM_READ_MIN};
    size_t have = 0;

    (void)state;
    while (stream_block_length(&b) < LIMIT)
        have += fill(&b, have, LIMIT);
    assert_int_equal(b.capacity, LIMIT);
    check_input(&b, 0, LIMIT);
    stream_block_drop(&b);
}

/* However small the reads are: each octet moves a bounded number of times, here at most twice on average. */
static void small_reads_cost_no_more_moves(void **state)
{
    struct stream_block b = {.read_size = STREAM_READ_MIN};
    size_t have = 0, moved = 0;

    (void)state;
    while (have < LIMIT - 1) {
        size_t capacity = b.capacity, length = stream_block_length(&b);

        have += fill(&b, have, 7);
        if (b.capacity != capacity)
            moved += length;
    }
    assert_true(moved <= 2 * have);
    check_input(&b, 0, have);
    stream_block_drop(&b);
}

static void the_size_of_a_read_follows_the_peer(void **state)
{
    struct stream_block b = {.read_size = STREAM_READ_MIN};
    size_t have = 0;

    (void)state;
    for (size_t size = STREAM_READ_MIN; size < LARGEST_READ; size *= 2) {
        assert_int_equal(b.read_size, size);
        have += fill(&b, have, LIMIT);
        b.start = b.end;
        stream_block_drop(&b); /* as when all was taken */
    }
    fill(&b, have, LIMIT);
    assert_int_equal(b.read_size, LARGEST_READ);
    stream_block_drop(&b);
    for (size_t size = LARGEST_READ; size > STREAM_READ_MIN; size /= 2) {
        fill(&b, 0, size / 4); /* not so little that it would count */
        assert_int_equal(b.read_size, size);
        fill(&b, 0, size / 4 - 1);
        assert_int_equal(b.read_size, size / 2);
        stream_block_drop(&b);
    }
    fill(&b, 0, 1);
    assert_int_equal(b.read_size, STREAM_READ_MIN);
    stream_block_drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_one_has_no_memory),
        cmocka_unit_test(input_stays_where_it_is_until_the_block_is_full),
        cmocka_unit_test(a_full_block_is_made_room_in),
        cmocka_unit_test(it_never_grows_beyond_the_limit),
        cmocka_unit_test(small_reads_cost_no_more_moves),
        cmocka_unit_test(the_size_of_a_read_follows_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
