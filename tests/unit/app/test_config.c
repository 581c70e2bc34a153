/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: precedence, bounds, messages that name their source, a configuration file that means harm,
 * passwords that never show, and a document that cannot go stale.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "app_internal.h"

static char folder[] = "/tmp/dppr-config-XXXXXX";
static char file[64];

extern char **environ;

static int setup(void **state)
{
    (void)state;
    for (char **e = environ; *e;) {
        if (strncmp(*e, "DPPR_", 5) == 0) {
            char name[80];
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
            unsetenv(name);
        } else {
            e++;
        }
    }
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof(file), "%s/dppr.conf", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Loads with the test's file; rc, err and config are the caller's to look at. */
static enum rc load(struct config *c, struct err *err, char ***rest, int *rest_count, char **flags)
{
    char *argv[32] = {"--config", file};
    int argc = 2;

    while (flags && *flags)
        argv[argc++] = *flags++;
    *err = (struct err){0};
    return config_load(argc, argv, NULL, c, rest, rest_count, err);
}

static enum rc load_simple(struct config *c, struct err *err, char **flags)
{
    char **rest = NULL;
    int count = 0;
    enum rc rc = load(c, err, &rest, &count, flags);

    free(rest);
    return rc;
}

static void defaults_come_from_the_services(void **state)
{
    struct service_config service = service_config_default();
    struct config c;
    struct err err;

    (void)state;
    write_file("");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_int_equal(c.dicom_port, 11112);
    assert_string_equal(c.service.ae_title, "DPPR");
    assert_int_equal(c.service.max_associations, service.max_associations);
    assert_int_equal(c.service.assoc.artim_ms, service.assoc.artim_ms);
    assert_int_equal(c.service.unknown_ae, UNKNOWN_AE_REFUSE);
    assert_ptr_equal(c.service.database.conninfo, c.database);
    config_fini(&c);
}

static void every_default_is_within_its_own_bounds(void **state)
{
    struct config c, d;
    struct err err;

    (void)state;
    config_init(&c);
    config_init(&d);
    for (unsigned i = 0; i < config_setting_count; i++) {
        struct buf text = {0};
        setting_format(&config_settings[i], &c, &text);
        if (setting_set(&config_settings[i], &d, buf_cstr(&text), &err) != RC_OK)
            fail_msg("%s: %s", config_settings[i].key, err.text);
        buf_fini(&text);
    }
    config_fini(&c);
    config_fini(&d);
}

static void flag_beats_environment_beats_file(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("workers = 1\ndicom-port = 2\nhttp-port=3\n");
    setenv("DPPR_DICOM_PORT", "20", 1);
    setenv("DPPR_HTTP_PORT", "30", 1);
    assert_int_equal(load_simple(&c, &err, (char *[]){"--http-port", "300", NULL}), RC_OK);
    assert_int_equal(c.workers, 1);
    assert_int_equal(c.dicom_port, 20);
    assert_int_equal(c.http_port, 300);
    assert_string_equal(c.file, file);
    config_fini(&c);
}

static void config_variable_names_the_file(void **state)
{
    struct config c;
    struct err err;
    char **rest;
    int count;

    (void)state;
    write_file("workers = 7\n");
    setenv("DPPR_CONFIG", file, 1);
    assert_int_equal(config_load(0, NULL, NULL, &c, &rest, &count, &err), RC_OK);
    assert_int_equal(c.workers, 7);
    free(rest);
    config_fini(&c);
    setenv("DPPR_CONFIG", "/nonexistent/dppr.conf", 1);
    assert_int_not_equal(config_load(0, NULL, NULL, &c, &rest, &count, &err), RC_OK);
    assert_non_null(strstr(err.text, "/nonexistent/dppr.conf"));
}

static void foreign_variables_are_left_alone(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("");
    setenv("DPPR_SERVICE_HOST", "10.0.0.1", 1);
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    config_fini(&c);
}

static void what_is_no_setting_is_left_for_the_command(void **state)
{
    struct config c;
    struct err err;
    char **rest;
    int count;
    char *flags[] = {"--check", "--workers=3", "PATH", "--strict-retrieve-level",
                     "-k",      "a=b",         "--",   "--workers",
                     "9",       NULL};

    (void)state;
    write_file("");
    assert_int_equal(load(&c, &err, &rest, &count, flags), RC_OK);
    assert_int_equal(c.workers, 3);
    assert_true(c.service.strict_retrieve_level);
    static const char *const left[] = {"--check", "PATH", "-k", "a=b", "--", "--workers", "9"};
    assert_int_equal(count, 7);
    for (int i = 0; i < count; i++)
        assert_string_equal(rest[i], left[i]);
    free(rest);
    config_fini(&c);
}

static void switches_take_no_and_equals(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("any-called-title = yes\n");
    assert_int_equal(
        load_simple(&c, &err, (char *[]){"--no-any-called-title", "--database-prepare=off", NULL}),
        RC_OK);
    assert_false(c.service.any_called_title);
    assert_false(c.service.database.prepare);
    config_fini(&c);
}

static void values_with_units(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("artim-timeout = 1500ms\nidle-timeout=0\nwrite-timeout = 2 min\nmax-pdu = 64KiB\n"
               "max-dataset = 1GiB\nshutdown-grace = 1h\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_int_equal(c.service.assoc.artim_ms, 1500);
    assert_int_equal(c.service.assoc.idle_ms, 0);
    assert_int_equal(c.service.assoc.write_stall_ms, 120000);
    assert_int_equal(c.service.assoc.max_pdu_bytes, 65536);
    assert_int_equal(c.service.dataset_limits.max_bytes, 1 << 30);
    assert_int_equal(c.service.assoc.max_dataset_bytes, 1 << 30);
    assert_int_equal(c.shutdown_grace_ms, 3600000);
    config_fini(&c);
}

static void called_titles_are_a_list(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("called-titles = OLD, OTHER ONE ,X\nae-title = HOME\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_string_equal(c.service.called_titles[0], "OLD");
    assert_string_equal(c.service.called_titles[1], "OTHER ONE");
    assert_string_equal(c.service.called_titles[2], "X");
    assert_null(c.service.called_titles[3]);
    assert_string_equal(c.service.ae_title, "HOME");
    config_fini(&c);
}

/* text in the file -> what the message must say */
static const struct bad_file {
    const char *text, *says;
} bad_files[] = {
    {"\n# comment\nworkers = 5000\n", ":3: workers: 5000 is more than 1024"},
    {"workers = -1\n", "'-1' is not a number"},
    {"workers = 1x\n", "'1x' is not a number"},
    {"workers = 99999999999999999999999\n", "too large"},
    {"workers =\n", "'' is not a number"},
    {"dicom-port = 65536\n", "65536 is more than 65535"},
    {"artim-timeout = 30\n", "needs a unit: ms, s, min or h"},
    {"artim-timeout = 0\n", "0 is less than 1ms"},
    {"artim-timeout = 9223372036854775807h\n", "too large"},
    {"max-retrieve-uids = 1000001\n", "1000000"}, /* 65,535 sub-operations can be counted */
    {"max-dataset = 64MB\n", "needs a unit: B, KiB, MiB or GiB"},
    {"max-dataset = 1B\n", "1B is less than 1KiB"},
    {"log-level = loud\n", "'loud' is none of error, warn, info, debug, trace"},
    {"echo-for-all = maybe\n", "neither yes nor no"},
    {"ae-title = TOO_LONG_FOR_A_TITLE\n", "no AE title"},
    {"ae-title = A\\B\n", "no AE title"},
    {"called-titles = A,,B\n", "no AE title"},
    {"database =\n", "must not be empty"},
    {"no-such-key = 1\n", ":1: unknown setting 'no-such-key'"},
    {"workers\n", ":1: is not of the form: key = value"},
    {"= 3\n", "unknown setting ''"},
    {"workers = 1\nworkers = 2\n", ":2: workers: is set twice in this file"},
    {"dicom-address = a\x01z\n", "control character"},
};

static void bad_files_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_files) / sizeof(bad_files[0]); i++) {
        struct config c;
        struct err err;
        write_file(bad_files[i].text);
        assert_int_equal(load_simple(&c, &err, NULL), RC_INVALID);
        if (!strstr(err.text, bad_files[i].says) || !strstr(err.text, file))
            fail_msg("'%s' gives '%s', not '%s'", bad_files[i].text, err.text, bad_files[i].says);
    }
}

static void hostile_file_is_refused(void **state)
{
    struct config c;
    struct err err;
    size_t len = 3 << 20;
    char *text = malloc(len + 1);

    (void)state;
    memset(text, 'a', len);
    text[len] = '\0';
    write_file(text); /* larger than a file may be */
    assert_int_equal(load_simple(&c, &err, NULL), RC_LIMIT);
    text[20000] = '\0';
    write_file(text); /* a line without end */
    assert_int_equal(load_simple(&c, &err, NULL), RC_INVALID);
    assert_non_null(strstr(err.text, "longer"));
    free(text);

    config_init(&c);
    static const char nul[] = "workers = 1\0 2\n";
    assert_int_equal(config_read_text(&c, span_of(nul, sizeof(nul) - 1), "x", &err), RC_INVALID);
    assert_non_null(strstr(err.text, "x:1: "));
    assert_non_null(strstr(err.text, "NUL"));
    config_fini(&c);
}

/* Every octet value in every place of a line: accepted or refused, never worse. */
static void any_octet_anywhere_does_no_harm(void **state)
{
    static const char line[] = "workers = 12\n";

    (void)state;
    for (size_t at = 0; at < sizeof(line) - 1; at++) {
        for (unsigned octet = 0; octet < 256; octet++) {
            char text[sizeof(line)];
            struct config c;
            struct err err = {0};
            memcpy(text, line, sizeof(line));
            text[at] = (char)octet;
            config_init(&c);
            enum rc rc = config_read_text(&c, span_of(text, sizeof(line) - 1), "x", &err);
            assert_true(rc == RC_OK || (rc == RC_INVALID && err.text[0]));
            config_fini(&c);
        }
    }
}

static void file_may_have_bom_crlf_quotes_and_no_last_newline(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("\xEF\xBB\xBF# c\r\n\r\n  workers\t=\t4 \r\ndatabase = 'host=h password=''x  '\r\n"
               "http-port = 9");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_int_equal(c.workers, 4);
    assert_string_equal(c.database, "host=h password=''x  ");
    assert_int_equal(c.http_port, 9);
    config_fini(&c);
}

static void bad_variable_and_flag_are_named(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("");
    assert_int_equal(load_simple(&c, &err, (char *[]){"--dicom-port", "x", NULL}), RC_INVALID);
    assert_string_equal(err.text, "--dicom-port: 'x' is not a number");
    assert_int_equal(load_simple(&c, &err, (char *[]){"--dicom-port", NULL}), RC_INVALID);
    assert_string_equal(err.text, "--dicom-port needs a value");
    setenv("DPPR_MAX_PDU", "1", 1);
    assert_int_equal(load_simple(&c, &err, NULL), RC_INVALID);
    assert_non_null(strstr(err.text, "environment variable DPPR_MAX_PDU: '1' needs a unit"));
}

static void passwords_are_masked(void **state)
{
    static const char *const cases[][2] = {
        {"postgresql://u:secret@h/db", "postgresql://u:***@h/db"},
        {"postgres://u:se:c@r/et@h:5/db", "postgres://u:***@h:5/db"},
        {"postgresql://u@h/db?password=secret&x=y", "postgresql://u@h/db?password=***&x=y"},
        {"postgresql://u@h/db", "postgresql://u@h/db"},
        {"postgresql:///dppr", "postgresql:///dppr"},
        {"host=h password=secret user=u", "host=h password=*** user=u"},
        {"host=h password = 'se c\\'ret' user=u", "host=h password = *** user=u"},
        {"PASSWORD=secret", "PASSWORD=***"},
        {"sslpassword=secret dbname=d", "sslpassword=*** dbname=d"},
        {"password='secret", "password=***"},
        {"", ""},
        /* as libpq reads it: any white space, escaped blanks, encoded keys */
        {"password\t=\n secret host=h", "password\t=\n ***"
                                        " host=h"},
        {"host=h password=a\\ secret user=u", "host=h password=*** user=u"},
        {"password='a b'user=u", "password=*** user=u"},
        {"host='password=x y' user=u", "host='password=x y' user=u"},
        {"postgresql://h/d?p%61ssword=secret", "postgresql://h/d?p%61ssword=***"},
        {"postgresql://h/d?x=y&sslpassword=secret&", "postgresql://h/d?x=y&sslpassword=***&"},
        {"postgresql://u:a?secret@h/d?x=y@z", "postgresql://u:***@h/d?x=y@z"},
        {"postgresql://u:a/b?secret@h/d", "postgresql://u:***@h/d"},
        {"postgresql://h:5432/d?user=a@b", "postgresql://h:5432/d?user=a@b"},
        {"postgresql://[::1]:5432/d?user=a@b", "postgresql://[::1]:5432/d?user=a@b"},
        /* no pairs: it may be the password itself */
        {"host=h secret", "host=h ***"},
        {"secret", "***"},
        /* without the '/' in the first password, libpq would find a user and a second one */
        {"postgresql://u?password=a/b&p:secret@w", "postgresql://u?password=***&p:***@w"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *masked = config_mask_uri(cases[i][0]);
        assert_string_equal(masked, cases[i][1]);
        free(masked);
    }
}

static void printed_values_show_no_password(void **state)
{
    struct config c;
    struct err err;
    char *text = NULL;
    size_t len = 0;

    (void)state;
    write_file("database = postgresql://u:secret@h/db\nmigration-database = password=secret\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    FILE *f = open_memstream(&text, &len);
    config_print_values(&c, f);
    fclose(f);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "database = postgresql://u:***@h/db\n"));
    free(text);
    config_fini(&c);
}

static void printed_values_can_be_read_again(void **state)
{
    struct config c;
    struct err err;
    char *text = NULL;
    size_t len = 0;

    (void)state;
    write_file("database = 'dbname=d user= '\nae-title = ''X''\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_string_equal(c.ae_title, "'X'");
    FILE *f = open_memstream(&text, &len);
    config_print_values(&c, f);
    fclose(f);
    assert_non_null(strstr(text, "database = 'dbname=d user= '\n"));
    assert_non_null(strstr(text, "ae-title = ''X''\n"));
    free(text);
    config_fini(&c);
}

static void migration_database_defaults_to_the_database(void **state)
{
    struct config c;
    struct err err;

    (void)state;
    write_file("database = postgresql:///a\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_string_equal(config_migration_database(&c), "postgresql:///a");
    config_fini(&c);
    write_file("database = postgresql:///a\nmigration-database = postgresql:///b\n");
    assert_int_equal(load_simple(&c, &err, NULL), RC_OK);
    assert_string_equal(config_migration_database(&c), "postgresql:///b");
    config_fini(&c);
}

static void document_has(const char *path, void (*print)(FILE *to), const char *flag)
{
    struct buf document = {0};
    struct err err;
    char *table = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&table, &len);

    print(f);
    fclose(f);
    assert_int_equal(files_read(path, 1 << 20, &document, &err), RC_OK);
    if (!strstr(buf_cstr(&document), table))
        fail_msg("%s is stale: put in it what `dppr config %s` prints", path, flag);
    buf_fini(&document);
    free(table);
}

static void documents_have_the_tables_in_force(void **state)
{
    (void)state;
    document_has(SOURCE_DIR "/docs/configuration.md", config_print_markdown, "--markdown");
    document_has(SOURCE_DIR "/docs/operations.md", config_print_limits, "--limits");
}

/* A limit has the name of a setting unless it has none; a setting that sounds like a limit is one. */
static void limits_and_settings_have_the_same_names(void **state)
{
    static const char *const no_limits[] = {
        "database-max-prepared", /* the least used is forgotten */
        "standby-wait",          /* the primary answers */
    };

    (void)state;
    for (enum limit l = LIMIT_NONE + 1; l < LIMIT_COUNT; l++) {
        const char *name = limit_of(l)->name;
        if (!setting_find(name, strlen(name)) != limit_of(l)->is_fixed)
            fail_msg("%s", name);
    }
    for (unsigned i = 0; i < config_setting_count; i++) {
        const char *key = config_settings[i].key;
        bool is_limit = false;
        for (enum limit l = LIMIT_NONE + 1; l < LIMIT_COUNT; l++)
            is_limit |= strcmp(limit_of(l)->name, key) == 0;
        for (size_t n = 0; n < sizeof(no_limits) / sizeof(*no_limits); n++)
            is_limit |= strcmp(no_limits[n], key) == 0;
        if (!is_limit && (strstr(key, "max-") || strstr(key, "timeout") || strstr(key, "-limit") ||
                          strstr(key, "-wait")))
            fail_msg("%s", key);
    }
}

/* deploy/dppr.conf is valid as it is, and with every line in force still says what the defaults are. */
static void example_file_shows_the_defaults(void **state)
{
    struct buf example = {0}, in_force = {0};
    struct config defaults, c;
    struct err err = {0};
    char *texts[2] = {NULL};
    size_t len = 0;
    unsigned settings = 0;

    (void)state;
    config_init(&defaults);
    assert_int_equal(files_read(SOURCE_DIR "/deploy/dppr.conf", 1 << 20, &example, &err), RC_OK);
    config_init(&c);
    assert_int_equal(config_read_text(&c, buf_span(&example), "dppr.conf", &err), RC_OK);
    config_fini(&c);

    for (char *line = strtok((char *)buf_cstr(&example), "\n"); line; line = strtok(NULL, "\n")) {
        bool is_setting = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
        settings += is_setting;
        buf_printf(&in_force, "%s\n", line + is_setting);
    }
    assert_true(settings > 10);
    config_init(&c);
    if (config_read_text(&c, buf_span(&in_force), "dppr.conf", &err) != RC_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < 2; i++) {
        FILE *f = open_memstream(&texts[i], &len);
        config_print_values(i == 0 ? &defaults : &c, f);
        fclose(f);
    }
    assert_string_equal(texts[1], texts[0]);
    for (int i = 0; i < 2; i++)
        free(texts[i]);
    config_fini(&c);
    config_fini(&defaults);
    buf_fini(&in_force);
    buf_fini(&example);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(defaults_come_from_the_services),
        T(every_default_is_within_its_own_bounds),
        T(flag_beats_environment_beats_file),
        T(config_variable_names_the_file),
        T(foreign_variables_are_left_alone),
        T(what_is_no_setting_is_left_for_the_command),
        T(switches_take_no_and_equals),
        T(values_with_units),
        T(called_titles_are_a_list),
        T(bad_files_are_named_with_their_line),
        T(hostile_file_is_refused),
        T(any_octet_anywhere_does_no_harm),
        T(file_may_have_bom_crlf_quotes_and_no_last_newline),
        T(bad_variable_and_flag_are_named),
        T(passwords_are_masked),
        T(printed_values_show_no_password),
        T(printed_values_can_be_read_again),
        T(migration_database_defaults_to_the_database),
        T(documents_have_the_tables_in_force),
        cmocka_unit_test(limits_and_settings_have_the_same_names),
        T(example_file_shows_the_defaults),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
