/* SPDX-License-Identifier: Apache-2.0
 *
 * Files in and out, and DICOM JSON files taken apart: nothing is overwritten, nothing leaves its folder,
 * numbers keep their digits.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/dict.h"
#include "dcm/part10.h"

struct fixture {
    char dir[32];
    unsigned errors;
    char last_error[512];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err;

    strcpy(f->dir, "/tmp/dppr-files-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) && dcm_init(&err) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    int status = system(command);
    free(f);
    return status;
}

static const char *at(const struct fixture *f, const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *out = path[next++ % 4];

    snprintf(out, sizeof(path[0]), "%s/%s", f->dir, name);
    return out;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(at(f, name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void on_error(const char *path, const char *why, void *arg)
{
    struct fixture *f = arg;

    f->errors++;
    snprintf(f->last_error, sizeof(f->last_error), "%s: %s", path, why);
}

static void collect(struct fixture *f, struct file_list *l, const char *path)
{
    files_collect(l, &path, 1, on_error, f);
}

static void folders_are_walked_in_order(void **state)
{
    struct fixture *f = *state;
    struct file_list l;

    mkdir(at(f, "sub"), 0755);
    mkdir(at(f, ".git"), 0755);
    put(f, "b.dcm", "");
    put(f, "a", "");
    put(f, "sub/c.json", "");
    put(f, ".hidden", "");
    put(f, ".git/x.dcm", "");
    put(f, "README.md", "");
    put(f, "DICOMDIR", "");
    collect(f, &l, f->dir);
    assert_int_equal(l.count, 3);
    assert_string_equal(l.paths[0], at(f, "a"));
    assert_string_equal(l.paths[1], at(f, "b.dcm"));
    assert_string_equal(l.paths[2], at(f, "sub/c.json"));
    assert_int_equal(l.skipped, 3);
    assert_int_equal(f->errors, 0);
    files_free(&l);
    collect(f, &l, at(f, "README.md")); /* named, so taken */
    assert_int_equal(l.count, 1);
    files_free(&l);
}

static void what_cannot_be_read_is_reported_and_passed_over(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = {"/nonexistent/x", NULL, NULL};
    struct file_list l;

    put(f, "good", "");
    assert_int_equal(mkfifo(at(f, "pipe"), 0600), 0);
    paths[1] = at(f, "pipe");
    paths[2] = at(f, "good");
    files_collect(&l, paths, 3, on_error, f);
    assert_int_equal(l.count, 1);
    assert_int_equal(f->errors, 2);
    files_free(&l);
}

static void links_inside_folders_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct file_list l;

    assert_int_equal(symlink("/", at(f, "loop")), 0);
    put(f, "good", "");
    collect(f, &l, f->dir);
    assert_int_equal(l.count, 1);
    files_free(&l);
}

static void reading_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct buf out = {0};
    struct err err;

    put(f, "x", "0123456789");
    assert_int_equal(files_read(at(f, "x"), 10, &out, &err), RC_OK);
    assert_int_equal(out.len, 10);
    assert_int_equal(files_read(at(f, "x"), 9, &out, &err), RC_LIMIT);
    assert_int_equal(files_read("/dev/zero", 10, &out, &err), RC_IO);
    assert_int_equal(files_read(f->dir, 10, &out, &err), RC_IO);
    assert_int_equal(files_read(at(f, "none"), 10, &out, &err), RC_NOTFOUND);
    assert_int_equal(mkfifo(at(f, "pipe"), 0600), 0);
    assert_int_equal(files_read(at(f, "pipe"), 10, &out, &err), RC_IO); /* and does not hang */
    buf_fini(&out);
}

static unsigned entries(const struct fixture *f)
{
    unsigned n = 0;
    DIR *d = opendir(f->dir);

    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void writing_never_replaces_other_content(void **state)
{
    struct fixture *f = *state;
    struct buf there = {0};
    struct err err;
    bool was_there;

    assert_int_equal(files_write_new(f->dir, "x", span_str("one"), NULL, &was_there, &err), RC_OK);
    assert_false(was_there);
    assert_int_equal(files_write_new(f->dir, "x", span_str("one"), NULL, &was_there, &err), RC_OK);
    assert_true(was_there);
    assert_int_equal(files_write_new(f->dir, "x", span_str("two"), NULL, &was_there, &err),
                     RC_CONFLICT);
    assert_int_equal(files_read(at(f, "x"), 100, &there, &err), RC_OK);
    assert_true(span_equal_str(buf_span(&there), "one"));
    assert_int_equal(entries(f), 1); /* no temporary file is left */
    buf_fini(&there);
}

static void names_cannot_leave_the_folder(void **state)
{
    static const char *const uids[] = {
        "../x",
        "1.2/3",
        "",
        "1.2\n",
        "1..2",
        ".1",
        "/etc/passwd",
        ("1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0"
         ".1.2.3.4.5.6.7.8")};
    struct fixture *f = *state;
    struct err err;
    bool was_there;

    for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++)
        assert_int_equal(files_write_part10(f->dir, UID_CT_DEFINED_PROTOCOL, uids[i], span_str("x"),
                                            dcm_ts_find(UID_EXPLICIT_LE), &was_there, &err),
                         RC_INVALID);
    assert_int_not_equal(files_write_new(f->dir, "../x", span_str(""), NULL, &was_there, &err),
                         RC_OK);
    assert_int_equal(entries(f), 0);
}

/* (0008,0016) and (0008,0018), Explicit VR Little Endian */
static const char dataset[] = "\x08\x00\x16\x00UI\x1e\x00"
                              "1.2.840.10008.5.1.4.1.1.200.1\0"
                              "\x08\x00\x18\x00UI\x06\x00"
                              "1.2.3\0";

static void part10_files_hold_the_octets(void **state)
{
    const struct span octets = span_of(dataset, sizeof(dataset) - 1);
    struct fixture *f = *state;
    struct buf file = {0};
    struct part10 part;
    struct err err;
    bool was_there;

    assert_int_equal(files_write_part10(f->dir, UID_CT_DEFINED_PROTOCOL, "1.2.3", octets,
                                        dcm_ts_find(UID_EXPLICIT_LE), &was_there, &err),
                     RC_OK);
    assert_int_equal(files_read(at(f, "1.2.3.dcm"), 4096, &file, &err), RC_OK);
    assert_int_equal(part10_read(buf_span(&file), &part, &err), RC_OK);
    assert_true(span_equal(part.dataset, octets));
    assert_string_equal(part.sop_instance, "1.2.3");
    /* the same data set in a file that another program wrote is the same */
    put(f, "1.2.3.dcm", "");
    unlink(at(f, "1.2.3.dcm"));
    memset(file.data, 'p', 128);
    FILE *other = fopen(at(f, "1.2.3.dcm"), "w");
    fwrite(file.data, 1, file.len, other);
    fclose(other);
    assert_int_equal(files_write_part10(f->dir, UID_CT_DEFINED_PROTOCOL, "1.2.3", octets,
                                        dcm_ts_find(UID_EXPLICIT_LE), &was_there, &err),
                     RC_OK);
    assert_true(was_there);
    assert_int_equal(files_write_part10(f->dir, UID_CT_DEFINED_PROTOCOL, "1.2.3",
                                        span_of(dataset, sizeof(dataset) - 3),
                                        dcm_ts_find(UID_EXPLICIT_LE), &was_there, &err),
                     RC_CONFLICT);
    buf_fini(&file);
}

static void folders_are_made_with_their_parents(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct err err;

    assert_int_equal(files_make_dir(at(f, "a/b/c"), &err), RC_OK);
    assert_int_equal(files_make_dir(at(f, "a/b/c"), &err), RC_OK);
    assert_int_equal(stat(at(f, "a/b/c"), &st), 0);
    put(f, "file", "");
    assert_int_equal(files_make_dir(at(f, "file"), &err), RC_IO);
    assert_int_equal(files_make_dir(at(f, "file/x"), &err), RC_IO);
}

/* ---- DICOM JSON ------------------------------------------------------------------------------------- */

static unsigned split(const char *text, enum rc *last, struct err *err)
{
    struct span object;
    size_t pos = 0;
    unsigned n = 0;

    while ((*last = jsonset_next(span_str(text), &pos, &object, err)) == RC_OK) {
        assert_true(object.len >= 2 && object.data[0] == '{');
        n++;
    }
    return n;
}

static void json_files_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        unsigned objects;
        enum rc last;
    } cases[] = {
        {"{}", 1, RC_NOTFOUND},
        {" [ ] ", 0, RC_NOTFOUND},
        {"[{},{}]", 2, RC_NOTFOUND},
        {"\xEF\xBB\xBF\n[ {\"a\":[{}]} , {\"b\":\"]}\\\"\"}\n]\n", 2, RC_NOTFOUND},
        {"{} {}", 1, RC_INVALID},
        {"[{}", 1, RC_INVALID},
        {"[{},]", 1, RC_INVALID},
        {"[{} {}]", 1, RC_INVALID},
        {"[{}] x", 1, RC_INVALID},
        {"[1]", 0, RC_INVALID},
        {"{\"a\":{", 0, RC_INVALID},
        {"{\"a", 0, RC_INVALID},
        {"{\"a\\", 0, RC_INVALID},
        {"[", 0, RC_INVALID},
        {"", 0, RC_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        enum rc last;
        unsigned n = split(cases[i].text, &last, &err);
        if (n != cases[i].objects || last != cases[i].last)
            fail_msg("'%s': %u objects, %s (%s)", cases[i].text, n, rc_name(last), err.text);
        assert_true(last == RC_NOTFOUND || err.text[0]);
    }
}

static void json_is_told_from_dicom(void **state)
{
    char file[200] = "{";

    (void)state;
    assert_true(jsonset_is_json(span_str(" \n{")));
    assert_true(jsonset_is_json(span_str("[")));
    assert_false(jsonset_is_json(span_str("DICM")));
    assert_false(jsonset_is_json(span_str("")));
    memcpy(file + 128, "DICM", 4);
    assert_false(jsonset_is_json(span_of(file, sizeof(file))));
}

static struct dcm_item *encode(const char *json, struct arena *arena, struct buf *octets,
                               char note[256])
{
    struct dcm_limits limits = dcm_limits_default();
    struct dcm_item *item = NULL;
    struct err err = {0};

    if (jsonset_encode(span_str(json), &limits, octets, note, &err) != RC_OK)
        fail_msg("%s: %s", json, err.text);
    assert_int_equal(
        dcm_read(buf_span(octets), dcm_ts_find(UID_EXPLICIT_LE), &limits, arena, &item, &err),
        RC_OK);
    return item;
}

static void assert_element(const struct dcm_item *item, uint32_t tag, const char *octets)
{
    struct dcm_element *e = dcm_find(item, tag);

    if (!octets) {
        assert_null(e);
        return;
    }
    assert_non_null(e);
    struct span value = dcm_trimmed(e);
    assert_int_equal(value.len, strlen(octets));
    assert_memory_equal(value.data, octets, value.len);
}

static void json_is_encoded_in_the_set_it_names(void **state)
{
#define NAME(text) "\"00181030\":{\"vr\":\"LO\",\"Value\":[\"" text "\"]}"
#define SET(terms) "\"00080005\":{\"vr\":\"CS\",\"Value\":[" terms "]},"
    static const struct {
        const char *json, *set, *name;
        bool has_note;
    } cases[] = {
        {"{" NAME("Head") "}", NULL, "Head", false},
        {"{" NAME("Sch\u00e4del") "}", "ISO_IR 192",
         "Sch\xC3\xA4"
         "del",
         false},
        {"{" SET("\"ISO_IR 100\"") NAME("Sch\u00e4del") "}", "ISO_IR 100",
         "Sch\xE4"
         "del",
         false},
        {"{" SET("\"ISO_IR 100\"") NAME("\u80f8") "}", "ISO_IR 192", "\xE8\x83\xB8", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct buf octets = {0};
        char note[256];
        struct dcm_item *item = encode(cases[i].json, arena, &octets, note);
        assert_element(item, TAG_SpecificCharacterSet, cases[i].set);
        assert_element(item, TAG_ProtocolName, cases[i].name);
        assert_int_equal(note[0] != '\0', cases[i].has_note);
        buf_fini(&octets);
        arena_free(arena);
    }
}

static void decimal_strings_keep_their_digits(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct buf octets = {0};
    char note[256];
    struct dcm_item *item =
        encode("{\"00180060\":{\"vr\":\"DS\",\"Value\":[\"0.10\",\"1e2\"]}}", arena, &octets, note);

    (void)state;
    assert_element(item, TAG(0x0018, 0x0060), "0.10\\1e2");
    buf_fini(&octets);
    arena_free(arena);
}

static void broken_json_is_refused_with_a_reason(void **state)
{
    static const char *const texts[] = {"{", "{]", "{\"x\":1}",
                                        "{\"00181030\":{\"vr\":\"LO\",\"Value\":7}}",
                                        "{\"00181030\":{\"vr\":\"QQ\"}}"};
    struct dcm_limits limits = dcm_limits_default();

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf octets = {0};
        struct err err = {0};
        char note[256];
        assert_int_not_equal(jsonset_encode(span_str(texts[i]), &limits, &octets, note, &err),
                             RC_OK);
        assert_true(err.text[0]);
        buf_fini(&octets);
    }
}

static void data_sets_are_told_from_documents(void **state)
{
    static const struct {
        const char *object;
        bool is_dicom;
    } cases[] = {
        {"{\"00181030\":{\"vr\":\"LO\"}}", true},
        {"{ \n\t\"0018103f\" : 1}", true},
        {"{}", true},
        {"{", true},
        {"{x", true},
        {"{\"name\":\"Head\"}", false},
        {"{\"0018103\":1}", false},
        {"{\"001810300\":1}", false},
        {"{\"0018103G\":1}", false},
        {"{\"", false},
        {"{\"00181030", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct span text = span_str(cases[i].object);
        if (jsonset_is_dicom(text) != cases[i].is_dicom)
            fail_msg("%s", cases[i].object);
    }
}

static void files_of_any_size_are_mapped(void **state)
{
    struct fixture *f = *state;
    struct span content;
    struct err err;

    put(f, "file", "content");
    assert_int_equal(files_map(at(f, "file"), &content, &err), RC_OK);
    assert_true(span_equal_str(content, "content"));
    files_unmap(content);
    put(f, "empty", "");
    assert_int_equal(files_map(at(f, "empty"), &content, &err), RC_OK);
    assert_int_equal(content.len, 0);
    files_unmap(content);
    assert_int_equal(truncate(at(f, "empty"), (off_t)1 << 36),
                     0); /* a hole; more than there is memory */
    assert_int_equal(files_map(at(f, "empty"), &content, &err), RC_OK);
    assert_true(content.len == (size_t)1 << 36 && content.data[content.len - 1] == 0);
    files_unmap(content);
    assert_int_equal(files_map(at(f, "nothing"), &content, &err), RC_NOTFOUND);
    assert_int_equal(files_map(f->dir, &content, &err), RC_IO);
    assert_int_equal(mkfifo(at(f, "pipe"), 0600), 0);
    assert_int_equal(files_map(at(f, "pipe"), &content, &err), RC_IO);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(folders_are_walked_in_order),
        T(what_cannot_be_read_is_reported_and_passed_over),
        T(links_inside_folders_are_not_followed),
        T(reading_is_bounded),
        T(writing_never_replaces_other_content),
        T(names_cannot_leave_the_folder),
        T(part10_files_hold_the_octets),
        T(folders_are_made_with_their_parents),
        T(json_files_are_taken_apart),
        T(json_is_told_from_dicom),
        T(json_is_encoded_in_the_set_it_names),
        T(decimal_strings_keep_their_digits),
        T(broken_json_is_refused_with_a_reason),
        T(data_sets_are_told_from_documents),
        T(files_of_any_size_are_mapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
