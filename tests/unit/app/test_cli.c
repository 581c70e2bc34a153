/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of a command: every form, every slip with status 2 and a sentence, help for all commands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "app_internal.h"

static const struct command probe = {
    .name = "probe", .summary = "s", .usage = "[OPTION]...", .text = "t"};

struct values {
    bool is_on;
    const char *text;
    long number;
    struct cli_list list;
};

/* Parses into v; the status, and the positional arguments joined by '|'. */
static int parse(struct values *v, char *joined, char **argv)
{
    const struct cli_option options[] = {
        {"on", 'o', CLI_FLAG, &v->is_on, NULL, "h", 0, 0},
        {"text", 't', CLI_TEXT, &v->text, "TEXT", "h", 0, 0},
        {"number", 'n', CLI_NUMBER, &v->number, "N", "h", 1, 10},
        {"key", 'k', CLI_LIST, &v->list, "KEY", "h", 0, 0},
    };
    struct cli cli = {.command = &probe, .options = options, .option_count = 4};
    int argc = 0;

    while (argv[argc])
        argc++;
    joined[0] = '\0';
    int status = cli_parse(&cli, argc, argv);
    for (unsigned i = 0; i < cli.arg_count; i++) {
        strcat(joined, cli.args[i]);
        strcat(joined, "|");
    }
    for (unsigned i = 0; i < v->list.count; i++) {
        strcat(joined, "k:");
        strcat(joined, v->list.items[i]);
        strcat(joined, "|");
    }
    cli_fini(&cli);
    return status;
}

#define PARSE(v, joined, ...) parse(v, joined, (char *[]){__VA_ARGS__, NULL})

static void flags_in_every_form(void **state)
{
    struct values v = {0};
    char joined[256];

    (void)state;
    assert_int_equal(PARSE(&v, joined, "--on", "--text", "a", "-n", "3", "-kx", "--key=y=z", "arg"),
                     CLI_GO);
    assert_true(v.is_on);
    assert_string_equal(v.text, "a");
    assert_int_equal(v.number, 3);
    assert_string_equal(joined, "arg|k:x|k:y=z|");
}

static void double_dash_ends_flags_and_dash_is_an_argument(void **state)
{
    struct values v = {0};
    char joined[256];

    (void)state;
    assert_int_equal(PARSE(&v, joined, "-", "--", "--on", "-k"), CLI_GO);
    assert_false(v.is_on);
    assert_string_equal(joined, "-|--on|-k|");
}

static void a_value_may_begin_with_a_dash(void **state)
{
    struct values v = {0};
    char joined[256];

    (void)state;
    assert_int_equal(PARSE(&v, joined, "-t", "--on"), CLI_GO);
    assert_string_equal(v.text, "--on");
    assert_false(v.is_on);
}

static void slips_are_usage_errors(void **state)
{
    struct values v = {0};
    char joined[256];

    (void)state;
    assert_int_equal(PARSE(&v, joined, "--nonsense"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-x"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "--on=yes"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "--text"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", "0"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", "11"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", "5x"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", " 5"), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", ""), STATUS_USAGE);
    assert_int_equal(PARSE(&v, joined, "-n", "99999999999999999999"), STATUS_USAGE);
}

static void help_comes_before_any_slip(void **state)
{
    struct values v = {0};
    char joined[256];

    (void)state;
    assert_int_equal(PARSE(&v, joined, "--nonsense", "--help"), STATUS_DONE);
    assert_int_equal(PARSE(&v, joined, "--", "--help"), CLI_GO);
}

static void every_command_explains_itself(void **state)
{
    static const struct command *const all[] = {
        &command_serve, &command_migrate, &command_import, &command_export, &command_rebuild,
        &command_diff,  &command_echo,    &command_store,  &command_find,   &command_get,
        &command_move,  &command_ae,      &command_doctor, &command_config, &command_conformance,
    };
    char help[] = "--help";
    char nonsense[] = "--no-such-option";

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_non_null(all[i]->summary);
        assert_int_equal(all[i]->run(all[i], 1, (char *[]){help, NULL}), STATUS_DONE);
        assert_int_equal(all[i]->run(all[i], 1, (char *[]){nonsense, NULL}), STATUS_USAGE);
        if (!strstr(all[i]->text, "Examples:"))
            fail_msg("%s has no examples", all[i]->name);
    }
}

static void titles_are_checked(void **state)
{
    (void)state;
    assert_true(aet_is_valid("A"));
    assert_true(aet_is_valid("CT ROOM 1"));
    assert_true(aet_is_valid("1234567890123456"));
    assert_false(aet_is_valid("12345678901234567"));
    assert_false(aet_is_valid(""));
    assert_false(aet_is_valid(" "));
    assert_false(aet_is_valid("A "));
    assert_false(aet_is_valid("A\\B"));
    assert_false(aet_is_valid("A\n"));
    assert_false(aet_is_valid("\xC3\x84"));
}

static void statuses_are_said_in_words(void **state)
{
    struct dimse_command rsp = {.status = 0xA900,
                                .has = CMD_HAS_STATUS | CMD_HAS_COMMENT | CMD_HAS_OFFENDING,
                                .offending = 0x00181030,
                                .comment = "bad \x1b[2J"};
    struct buf text = {0};

    (void)state;
    status_describe(&rsp, &text);
    assert_memory_equal(buf_cstr(&text), "A900 ", 5);
    assert_non_null(strstr(buf_cstr(&text), "offending element (0018,1030)"));
    assert_null(strchr(buf_cstr(&text), '\x1b'));
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_in_every_form),
        cmocka_unit_test(double_dash_ends_flags_and_dash_is_an_argument),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(slips_are_usage_errors),
        cmocka_unit_test(help_comes_before_any_slip),
        cmocka_unit_test(every_command_explains_itself),
        cmocka_unit_test(titles_are_checked),
        cmocka_unit_test(statuses_are_said_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
