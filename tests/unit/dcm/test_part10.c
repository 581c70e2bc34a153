/* SPDX-License-Identifier: Apache-2.0 */
#include "dcm_test.h"

#include "dcm/part10.h"

static const char dataset[] = "\x08\x00\x16\x00UI\x06\x00"
                              "1.2.3\0"
                              "\x08\x00\x18\x00UI\x06\x00"
                              "1.2.4\0"
                              "\x18\x00\x30\x10LO\x04\x00Head";

static struct buf make_file(const char *ts)
{
    struct buf file;
    buf_init(&file, 0);
    part10_write_header(&file, "1.2.3", "1.2.4", dcm_ts_find(ts));
    buf_add_span(&file, OCTETS(dataset));
    return file;
}

static void assert_is_our_file(const struct part10 *p, const char *ts)
{
    assert_string_equal(p->ts->uid, ts);
    assert_string_equal(p->sop_class, "1.2.3");
    assert_string_equal(p->sop_instance, "1.2.4");
    assert_span_equal(p->dataset, OCTETS(dataset));
}

static void header_written_is_read_again(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; dcm_ts_uids[i]; i++) {
        struct buf file = make_file(dcm_ts_uids[i]);
        struct part10 p;
        assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_OK);
        assert_is_our_file(&p, dcm_ts_uids[i]);
        assert_memory_equal(file.data + 128, "DICM\x02\0\0\0UL\x04\0", 12);
        /* the group length leads to the data set */
        assert_int_equal(get_le32(file.data + 140) + 144, file.len - p.dataset.len);
        buf_fini(&file);
    }
}

static void missing_preamble_and_wrong_group_length_do_no_harm(void **state)
{
    struct fixture *f = *state;
    struct buf file = make_file(UID_EXPLICIT_LE);
    struct part10 p;
    put_le32(file.data + 140, 4711);
    assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_OK);
    assert_is_our_file(&p, UID_EXPLICIT_LE);
    assert_int_equal(part10_read(span_of(file.data + 132, file.len - 132), &p, &f->err), RC_OK);
    assert_is_our_file(&p, UID_EXPLICIT_LE);
    buf_fini(&file);
}

static void bare_data_sets_are_recognized(void **state)
{
    static const char implicit_le[] = "\x08\x00\x16\x00\x06\0\0\0"
                                      "1.2.3\0"
                                      "\x08\x00\x18\x00\x06\0\0\0"
                                      "1.2.4\0";
    struct fixture *f = *state;
    struct part10 p;
    assert_int_equal(part10_read(OCTETS(dataset), &p, &f->err), RC_OK);
    assert_is_our_file(&p, UID_EXPLICIT_LE);
    assert_int_equal(part10_read(OCTETS(implicit_le), &p, &f->err), RC_OK);
    assert_string_equal(p.ts->uid, UID_IMPLICIT_LE);
    assert_string_equal(p.sop_instance, "1.2.4");
    assert_int_equal(p.dataset.len, sizeof implicit_le - 1);
}

static void uids_missing_in_the_header_come_from_the_data_set(void **state)
{
    struct fixture *f = *state;
    struct buf file;
    struct part10 p;
    buf_init(&file, 0);
    uint8_t preamble[128] = {0};
    buf_add(&file, preamble, sizeof preamble);
    buf_add(&file,
            "DICM\x02\0\x10\0UI\x14\0"
            "1.2.840.10008.1.2.1\0",
            32);
    buf_add_span(&file, OCTETS(dataset));
    assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_OK);
    assert_is_our_file(&p, UID_EXPLICIT_LE);
    buf_fini(&file);
}

static void files_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    struct part10 p;
    struct buf file;
    static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_int_equal(part10_read(span_of(NULL, 0), &p, &f->err), RC_INVALID);
    assert_int_equal(part10_read(OCTETS("DICM"), &p, &f->err), RC_INVALID);
    assert_int_equal(part10_read(OCTETS(text), &p, &f->err), RC_INVALID);
    assert_true(strlen(f->err.text) > 0);

    file = make_file(UID_EXPLICIT_LE); /* a compressed syntax */
    uint8_t *uid = memmem(file.data, file.len, UID_EXPLICIT_LE, strlen(UID_EXPLICIT_LE));
    assert_non_null(uid);
    uid[strlen(UID_EXPLICIT_LE) - 1] = '9';
    assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_UNSUPPORTED);
    assert_int_equal(f->err.tag, TAG(0x0002, 0x0010));
    buf_fini(&file);

    buf_init(&file, 0); /* a UID of 66 octets */
    buf_add(&file, "\x02\0\x02\0UI\x42\0", 8);
    for (int i = 0; i < 66; i++)
        buf_add_u8(&file, '1');
    assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_INVALID);
    assert_int_equal(f->err.tag, TAG(0x0002, 0x0002));
    buf_fini(&file);
}

static void no_transfer_syntax_in_a_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct part10 p;
    struct buf file;
    uint8_t preamble[128] = {0};
    buf_init(&file, 0);
    buf_add(&file, preamble, sizeof preamble);
    buf_add_str(&file, "DICM");
    buf_add_span(&file, OCTETS(dataset));
    assert_int_equal(part10_read(buf_span(&file), &p, &f->err), RC_INVALID);
    assert_int_equal(f->err.tag, TAG(0x0002, 0x0010));
    buf_fini(&file);
}

static void header_in_a_full_buffer_is_reported(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 250; limit += 13) {
        struct buf out;
        buf_init(&out, limit);
        part10_write_header(&out, "1.2.3", "1.2.4", dcm_ts_find(UID_EXPLICIT_LE));
        assert_int_equal(buf_status(&out), RC_LIMIT);
        buf_fini(&out);
    }
}

static void every_cut_and_mutation_is_survived(void **state)
{
    struct fixture *f = *state;
    struct buf file = make_file(UID_EXPLICIT_LE);
    struct part10 p;
    uint32_t seed = 8;
    unsigned accepted = 0;
    for (size_t len = 0; len < file.len; len++) {
        struct span octets = octets_on_heap(file.data, len);
        if (part10_read(octets, &p, &f->err) == RC_OK)
            assert_true(p.dataset.data + p.dataset.len == octets.data + len);
        octets_free(octets);
    }
    for (unsigned i = 0; i < 10000; i++) {
        size_t from = i % 2 ? 0 : 132;
        struct span octets = mutate(span_of(file.data + from, file.len - from), &seed);
        if (part10_read(octets, &p, &f->err) == RC_OK) {
            accepted++;
            assert_non_null(p.ts);
            assert_true(p.dataset.data >= octets.data &&
                        p.dataset.data + p.dataset.len == octets.data + octets.len);
        }
        octets_free(octets);
    }
    assert_true(accepted > 100);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DCM_TEST(header_written_is_read_again),
        DCM_TEST(missing_preamble_and_wrong_group_length_do_no_harm),
        DCM_TEST(bare_data_sets_are_recognized),
        DCM_TEST(uids_missing_in_the_header_come_from_the_data_set),
        DCM_TEST(files_that_are_none_are_refused),
        DCM_TEST(no_transfer_syntax_in_a_file_is_refused),
        DCM_TEST(header_in_a_full_buffer_is_reported),
        DCM_TEST(every_cut_and_mutation_is_survived),
    };
    return cmocka_run_group_tests(tests, dcm_setup_group, NULL);
}
