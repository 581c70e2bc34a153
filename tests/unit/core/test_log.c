/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"

static char captured[65536];
static int saved_stderr = -1;
static FILE *sink;

static void capture_begin(enum log_format format)
{
    log_configure(LOG_INFO, format);
    fflush(stderr);
    sink = tmpfile();
    assert_non_null(sink);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(sink), STDERR_FILENO);
}

/* What was written, without its time stamps' digits: they are cut off the front of a single line. */
static const char *capture_end(void)
{
    ssize_t n;

    n = pread(STDERR_FILENO, captured, sizeof(captured) - 1, 0);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    fclose(sink);
    assert_true(n >= 0);
    captured[n] = '\0';
    return captured;
}

static const char *after_time(const char *line)
{
    const char *level = strstr(line, "level");

    assert_non_null(level);
    return level;
}

static void pairs_follow_time_level_event_and_context(void **state)
{
    struct log_ctx ctx = {
        .assoc = 17, .msg = 3, .has_msg = true, .aet = "CT 1", .peer = "127.0.0.1:104"};

    (void)state;
    capture_begin(LOG_LOGFMT);
    log_info(&ctx, "find.done", "matches=%d why=%s note=\"%s\"", 12, "plain", "two words");
    capture_end();
    assert_memory_equal(captured, "time=20", 7);
    assert_string_equal(after_time(captured),
                        "level=info event=find.done assoc=17 msg_id=3 peer=127.0.0.1:104 "
                        "aet=\"CT 1\" matches=12 why=plain note=\"two words\"\n");
}

static void what_has_struck_is_named_by_kind(void **state)
{
    struct log_ctx ctx = {.aet = "CT1", .limit = LIMIT_max_depth};

    (void)state;
    capture_begin(LOG_LOGFMT);
    log_warn(&ctx, "e", "n=1");
    ctx.limit = LIMIT_idle_timeout;
    log_warn(&ctx, "e", "n=2");
    capture_end();
    assert_non_null(strstr(captured, "event=e aet=CT1 limit=max-depth n=1\n"));
    assert_non_null(strstr(captured, "event=e aet=CT1 deadline=idle-timeout n=2\n"));
}

static void a_sentence_becomes_msg(void **state)
{
    struct log_ctx ctx = {.aet = "", .peer = NULL};

    (void)state;
    capture_begin(LOG_LOGFMT);
    log_warn(&ctx, "e", "the %s is a=b", "peer");
    capture_end();
    assert_string_equal(after_time(captured), "level=warn event=e msg=\"the peer is a=b\"\n");
}

static void levels_below_the_configured_are_silent(void **state)
{
    (void)state;
    capture_begin(LOG_LOGFMT);
    log_debug(NULL, "e", "n=%d", 1);
    log_event(LOG_TRACE, NULL, "e", "n=%d", 1);
    assert_false(log_enabled(LOG_DEBUG));
    assert_true(log_enabled(LOG_ERROR));
    assert_string_equal(capture_end(), "");
}

static void arguments_cannot_forge_lines_or_pairs(void **state)
{
    struct log_ctx ctx = {.aet = "A\nlevel=error event=x"};

    (void)state;
    capture_begin(LOG_LOGFMT);
    log_info(&ctx, "e", "name=%s title=\"%s\" n=%u", "X level=error",
             "Y\" admin=\"yes\r\x1b[2J\x7f", 1u);
    capture_end();
    assert_string_equal(after_time(captured),
                        "level=info event=e aet=\"A\\nlevel=error event=x\" name=\"X level=error\" "
                        "title=\"Y\\\" admin=\\\"yes\\u000d\\u001b[2J\\u007f\" n=1\n");
    assert_ptr_equal(strchr(captured, '\n'), captured + strlen(captured) - 1);
}

static void invalid_utf8_is_replaced_and_valid_is_kept(void **state)
{
    (void)state;
    capture_begin(LOG_LOGFMT);
    log_info(NULL, "e", "a=%s b=%s c=%s", "\xC3\xA9", "x\xC3", "\xED\xA0\x80\xC0\xAF\xF5\xC2\x85");
    capture_end();
    assert_string_equal(after_time(captured),
                        "level=info event=e a=\"\xC3\xA9\" b=\"x\xEF\xBF\xBD\" "
                        "c=\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                        "\xEF\xBF\xBD\\u0085\"\n");
}

/* Text that a terminal would write from right to left looks like other text. */
static void overrides_of_writing_direction_are_escaped(void **state)
{
    (void)state;
    capture_begin(LOG_LOGFMT);
    log_info(NULL, "e", "a=%s", "x\xE2\x80\xAEy\xE2\x81\xA6z\xD7\x90");
    capture_end();
    assert_string_equal(after_time(captured),
                        "level=info event=e a=\"x\\u202ey\\u2066z\xD7\x90\"\n");
}

static void json_has_numbers_only_from_integer_conversions(void **state)
{
    struct log_ctx ctx = {.assoc = 1};

    (void)state;
    capture_begin(LOG_JSON);
    log_info(&ctx, "e", "n=%d m=%zu t=%s p=%+d q=\"%d\" z=%05d", -5, (size_t)7, "8", 3, 4, 2);
    capture_end();
    assert_memory_equal(captured, "{\"time\":\"20", 11);
    assert_string_equal(after_time(captured),
                        "level\":\"info\",\"event\":\"e\",\"assoc\":1,\"n\":-5,\"m\":7,"
                        "\"t\":\"8\",\"p\":\"+3\",\"q\":\"4\",\"z\":\"00002\"}\n");
}

static void empty_and_missing_values_are_kept_apart(void **state)
{
    (void)state;
    capture_begin(LOG_LOGFMT);
    log_info(NULL, "e", "a=%s b=\"%s\" c=", "", "");
    capture_end();
    assert_string_equal(after_time(captured), "level=info event=e a=\"\" b=\"\" c=\"\"\n");
}

/* A reader of JSON small enough to trust: objects of strings and numbers, as log lines are. */
static bool is_json_line(const char *p)
{
    if (*p++ != '{')
        return false;
    for (;;) {
        for (int part = 0; part < 2; part++) {
            if (*p == '"') {
                for (p++; *p != '"'; p++) {
                    if ((unsigned char)*p < 0x20)
                        return false;
                    if (*p == '\\' && !strchr("\"\\nu", *++p))
                        return false;
                }
                p++;
            } else if (part == 1) {
                size_t n = strspn(p, "-.0123456789");

                if (n == 0)
                    return false;
                p += n;
            } else {
                return false;
            }
            if (part == 0 && *p++ != ':')
                return false;
        }
        if (*p == '}')
            return strcmp(p, "}\n") == 0;
        if (*p++ != ',')
            return false;
    }
}

static void long_lines_are_cut_and_stay_well_formed(void **state)
{
    static char text[8192];

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len += len < 600 || len > 3400 ? 61 : 1) {
        memset(text, len % 3 ? '\x01' : 'x', len);
        text[len] = '\0';
        capture_begin(len % 2 ? LOG_JSON : LOG_LOGFMT);
        log_info(NULL, "e", "a=%s b=%d c=\"%s\" d=%d", text, 12345, text, 6);
        capture_end();
        assert_in_range(strlen(captured), 1, 4096);
        assert_ptr_equal(strchr(captured, '\n'), captured + strlen(captured) - 1);
        if (len % 2)
            assert_true(is_json_line(captured));
    }
}

static void random_octets_give_valid_json(void **state)
{
    unsigned seed = 20260101;
    char a[64], b[3000];

    (void)state;
    for (int round = 0; round < 500; round++) {
        struct log_ctx ctx = {.aet = a, .peer = a};

        for (size_t i = 0; i < sizeof(a) - 1; i++)
            a[i] = (char)(rand_r(&seed) % 255 + 1);
        a[sizeof(a) - 1] = '\0';
        for (size_t i = 0; i < sizeof(b) - 1; i++)
            b[i] = (char)(rand_r(&seed) % 255 + 1);
        b[(unsigned)rand_r(&seed) % sizeof(b)] = '\0';
        b[sizeof(b) - 1] = '\0';
        capture_begin(LOG_JSON);
        log_info(&ctx, "e", "a=%s b=\"%s\" n=%d", a, b, round);
        capture_end();
        assert_true(is_json_line(captured));
    }
}

static void pairs_made_at_run_time_are_like_those_of_a_format(void **state)
{
    const struct log_pair pairs[] = {{.key = "text", .text = "two words"},
                                     {.key = "n", .number = -12},
                                     {.key = "ms", .number = 11, .decimals = 1},
                                     {.key = "zero", .number = 0, .decimals = 1},
                                     {.key = "forged", .text = "x\" level=error\nlevel=error"}};

    (void)state;
    capture_begin(LOG_LOGFMT);
    log_pairs(LOG_INFO, NULL, "e", pairs, 5);
    log_pairs(LOG_TRACE, NULL, "e", pairs, 5);
    capture_end();
    assert_string_equal(after_time(captured),
                        "level=info event=e text=\"two words\" n=-12 ms=1.1 zero=0.0 "
                        "forged=\"x\\\" level=error\\nlevel=error\"\n");
    capture_begin(LOG_JSON);
    log_pairs(LOG_INFO, NULL, "e", pairs, 5);
    capture_end();
    assert_true(is_json_line(captured));
    assert_non_null(strstr(captured, "\"text\":\"two words\",\"n\":-12,\"ms\":1.1,\"zero\":0.0,"));
}

static void decimals_are_numbers_in_json(void **state)
{
    (void)state;
    capture_begin(LOG_JSON);
    log_info(NULL, "e", "a=%.1f b=%.2f c=%.1f d=%s", 0.5, -3.0, 1.0 / 0.0, "1.5");
    capture_end();
    assert_true(is_json_line(captured));
    assert_non_null(strstr(captured, "\"a\":0.5,\"b\":-3.00,\"c\":\"inf\",\"d\":\"1.5\""));
}

static void errno_survives_and_percent_m_works(void **state)
{
    (void)state;
    capture_begin(LOG_LOGFMT);
    errno = ENOENT;
    log_info(NULL, "e", "why=\"%m\" n=%d", 1);
    assert_int_equal(errno, ENOENT);
    capture_end();
    assert_string_equal(after_time(captured),
                        "level=info event=e why=\"No such file or directory\" n=1\n");
}

/* sd-daemon(3); the file is compared with what systemd has named. */
static void the_journal_gets_a_priority(void **state)
{
    static const struct {
        enum log_level level;
        const char *begins;
    } rows[] = {{LOG_ERROR, "<3>time="},
                {LOG_WARN, "<4>time="},
                {LOG_INFO, "<6>time="},
                {LOG_DEBUG, "<7>time="},
                {LOG_TRACE, "<7>time="}};
    char stream[64], large[8192];
    struct stat st;

    (void)state;
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int other = 0; other <= 1; other++) {
            capture_begin(LOG_LOGFMT);
            assert_int_equal(fstat(STDERR_FILENO, &st), 0);
            snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino + (unsigned)other);
            setenv("JOURNAL_STREAM", stream, 1);
            log_configure(LOG_TRACE, LOG_LOGFMT);
            log_event(rows[i].level, NULL, "e", "a=%d long=\"%s\"", 1, large);
            capture_end();
            assert_memory_equal(captured, other ? "time=" : rows[i].begins, other ? 5 : 8);
            assert_in_range(strlen(captured), 3000, PIPE_BUF);
        }
    }
    capture_begin(LOG_JSON);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_configure(LOG_INFO, LOG_JSON);
    log_warn(NULL, "e", "a=%d", 1);
    capture_end();
    assert_memory_equal(captured, "<4>{\"time\":", 11);
    assert_true(is_json_line(captured + 3));
    unsetenv("JOURNAL_STREAM");
    log_configure(LOG_INFO, LOG_LOGFMT);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_name(LOG_ERROR), "error");
    assert_string_equal(log_level_name(LOG_TRACE), "trace");
    assert_string_equal(log_level_name((enum log_level)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_follow_time_level_event_and_context),
        cmocka_unit_test(what_has_struck_is_named_by_kind),
        cmocka_unit_test(a_sentence_becomes_msg),
        cmocka_unit_test(levels_below_the_configured_are_silent),
        cmocka_unit_test(arguments_cannot_forge_lines_or_pairs),
        cmocka_unit_test(invalid_utf8_is_replaced_and_valid_is_kept),
        cmocka_unit_test(overrides_of_writing_direction_are_escaped),
        cmocka_unit_test(json_has_numbers_only_from_integer_conversions),
        cmocka_unit_test(empty_and_missing_values_are_kept_apart),
        cmocka_unit_test(long_lines_are_cut_and_stay_well_formed),
        cmocka_unit_test(random_octets_give_valid_json),
        cmocka_unit_test(pairs_made_at_run_time_are_like_those_of_a_format),
        cmocka_unit_test(decimals_are_numbers_in_json),
        cmocka_unit_test(errno_survives_and_percent_m_works),
        cmocka_unit_test(the_journal_gets_a_priority),
        cmocka_unit_test(levels_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
