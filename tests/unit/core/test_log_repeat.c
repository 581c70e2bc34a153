/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"

static char captured[1 << 16];
static int saved_stderr, file;

static void capture_begin(void)
{
    char name[] = "/tmp/dppr-log.XXXXXX";
    file = mkstemp(name);
    assert_true(file >= 0);
    unlink(name);
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    log_configure(LOG_INFO, LOG_LOGFMT);
}

static unsigned capture_end(void)
{
    unsigned lines = 0;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t n = pread(file, captured, sizeof(captured) - 1, 0);
    close(file);
    captured[n > 0 ? n : 0] = '\0';
    for (const char *c = captured; *c; c++)
        lines += *c == '\n';
    return lines;
}

static int forget(void **state)
{
    (void)state;
    capture_begin();
    log_tell_suppressed(true);
    capture_end();
    log_set_repeat(60000);
    return 0;
}

static void the_same_comes_once_and_its_number_afterwards(void **state)
{
    (void)state;
    assert_true(log_is_due("a", "http", "192.0.2.1"));
    for (int i = 0; i < 5; i++)
        assert_false(log_is_due("a", "http", "192.0.2.1"));
    assert_true(log_is_due("a", "tls", "192.0.2.1"));
    assert_true(log_is_due("a", "http", "192.0.2.2"));
    assert_true(log_is_due("b", "http", "192.0.2.1"));
    capture_begin();
    log_tell_suppressed(false); /* its time is not over */
    log_tell_suppressed(true);
    log_tell_suppressed(true); /* once */
    assert_int_equal(capture_end(), 1);
    assert_non_null(
        strstr(captured, "event=log.suppressed of=a subject=http address=192.0.2.1 lines=5\n"));
    assert_true(log_is_due("a", "http", "192.0.2.1"));
}

static void it_comes_again_when_its_time_is_over(void **state)
{
    (void)state;
    log_set_repeat(1);
    assert_true(log_is_due("a", "http", "192.0.2.1"));
    while (log_is_due("a", "http", "192.0.2.1"))
        ; /* a turn of less than a millisecond is needed for a second one */
    usleep(5000);
    capture_begin();
    assert_true(log_is_due("a", "http", "192.0.2.1"));
    assert_int_equal(capture_end(), 1);
    assert_non_null(strstr(captured, "of=a subject=http address=192.0.2.1 lines=1\n"));
}

static void many_different_ones_are_bounded_too(void **state)
{
    unsigned due = 0;
    (void)state;
    capture_begin();
    for (int i = 0; i < 10000; i++) {
        char address[32];
        snprintf(address, sizeof(address), "192.0.%d.%d", i / 256, i % 256);
        due += log_is_due("a", "http", address);
    }
    log_tell_suppressed(true);
    capture_end();
    assert_true(due >= 100 && due <= 1000);
    char *of_all = strstr(captured, "of=all lines=");
    assert_non_null(of_all);
    assert_int_equal(atoi(of_all + strlen("of=all lines=")), 10000 - due);
}

static void nothing_is_left_out_when_that_is_asked_for(void **state)
{
    (void)state;
    log_set_repeat(0);
    for (int i = 0; i < 1000; i++)
        assert_true(log_is_due("a", "http", "192.0.2.1"));
}

static void long_subjects_do_no_harm(void **state)
{
    char text[1000];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(log_is_due("a", text, text));
    assert_false(log_is_due("a", text, text));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, forget)
    const struct CMUnitTest tests[] = {
        T(the_same_comes_once_and_its_number_afterwards),
        T(it_comes_again_when_its_time_is_over),
        T(many_different_ones_are_bounded_too),
        T(nothing_is_left_out_when_that_is_asked_for),
        T(long_subjects_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
