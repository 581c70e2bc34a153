/* SPDX-License-Identifier: Apache-2.0
 *
 * net/command: command sets octet by octet, there and back, cut, garbled and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/command.h"
#include "codec_test.h"

static enum rc decode(struct span octets, struct dimse_command *out, struct err *err)
{
    uint8_t *copy = malloc(octets.len > 0 ? octets.len : 1);
    if (octets.len > 0) {
        memcpy(copy, octets.data, octets.len);
    }
    enum rc rc = command_decode(span_of(copy, octets.len), out, err);
    free(copy);
    return rc;
}

static struct dimse_command find_request(void)
{
    return (struct dimse_command){
        .field = DIMSE_C_FIND_RQ,
        .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID | CMD_HAS_PRIORITY,
        .sop_class = "1.2.840.10008.5.1.4.20.1",
        .message_id = 0x1234,
        .has_dataset = true,
    };
}

static struct dimse_command everything(void)
{
    return (struct dimse_command){
        .field = DIMSE_C_MOVE_RSP,
        .has = (CMD_HAS_COMMENT << 1) - 1,
        .sop_class = "1.2.840.10008.5.1.4.20.2",
        .message_id = 1,
        .responded_id = 2,
        .priority = 2,
        .has_dataset = true,
        .status = 0xB000,
        .offending = 0x00080018,
        .comment = "something is odd",
        .sop_instance = "1.2.3",
        .destination = "ODD",
        .originator_aet = "ABCDEFGHIJKLMNOP",
        .originator_id = 0xFFFF,
        .remaining = 3,
        .completed = 4,
        .failed = 5,
        .warning = 6,
    };
}

static struct buf encoded(const struct dimse_command *cmd)
{
    struct buf out;
    buf_init(&out, 0);
    encode_command(&out, cmd);
    assert_int_equal(buf_status(&out), RC_OK);
    return out;
}

static void echo_request_is_encoded_as_the_standard_says(void **fixture)
{
    (void)fixture;
    static const char want[] = "\0\0\0\0\4\0\0\0\x38\0\0\0"
                               "\0\0\2\0\x12\0\0\0"
                               "1.2.840.10008.1.1\0"
                               "\0\0\0\1\2\0\0\0\x30\0"
                               "\0\0\x10\1\2\0\0\0\7\0"
                               "\0\0\0\x08\2\0\0\0\1\1";
    struct dimse_command rq = {
        .field = DIMSE_C_ECHO_RQ,
        .has = CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID,
        .sop_class = "1.2.840.10008.1.1",
        .message_id = 7,
    };
    struct buf out = encoded(&rq);
    assert_int_equal(out.len, sizeof(want) - 1);
    assert_memory_equal(out.data, want, out.len);
    buf_fini(&out);
}

static void every_element_round_trips(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = everything(), got;
    struct err err;
    struct buf out = encoded(&cmd);
    assert_true(out.len <= COMMAND_MAX_BYTES);
    assert_int_equal(out.len % 2, 0);
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_OK);
    assert_int_equal(got.field, cmd.field);
    assert_int_equal(got.has, cmd.has);
    assert_string_equal(got.sop_class, cmd.sop_class);
    assert_int_equal(got.message_id, 1);
    assert_int_equal(got.responded_id, 2);
    assert_int_equal(got.priority, 2);
    assert_true(got.has_dataset);
    assert_int_equal(got.status, 0xB000);
    assert_int_equal(got.offending, 0x00080018);
    assert_string_equal(got.comment, cmd.comment);
    assert_string_equal(got.sop_instance, cmd.sop_instance);
    assert_string_equal(got.destination, "ODD");
    assert_string_equal(got.originator_aet, cmd.originator_aet);
    assert_int_equal(got.originator_id, 0xFFFF);
    assert_int_equal(got.remaining, 3);
    assert_int_equal(got.completed, 4);
    assert_int_equal(got.failed, 5);
    assert_int_equal(got.warning, 6);
    buf_fini(&out);
}

static void the_longest_command_fits_its_array(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = everything();
    uint8_t octets[COMMAND_MAX_BYTES];
    memset(cmd.sop_class, '1', UID_MAX);
    memset(cmd.sop_instance, '1', UID_MAX);
    memset(cmd.comment, 'c', 64);
    memset(cmd.destination, 'd', AET_MAX);
    assert_true(command_encode_to(octets, &cmd) <= sizeof(octets));
    assert_int_equal(get_le32(octets + 8) + 12, command_encode_to(octets, &cmd));
}

static void every_prefix_is_refused(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = find_request(), got;
    struct err err;
    struct buf out = encoded(&cmd);
    for (size_t n = 0; n < out.len; n++) {
        assert_int_equal(decode(span_of(out.data, n), &got, &err), RC_INVALID);
    }
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_OK);
    buf_fini(&out);
}

/* One element of group 0 behind what is there. */
static void add(struct buf *b, uint16_t number, const void *value, uint32_t len)
{
    buf_add_le16(b, 0);
    buf_add_le16(b, number);
    buf_add_le32(b, len);
    buf_add(b, value, len);
}

static void element_of_wrong_length_is_named_and_the_id_known(void **fixture)
{
    (void)fixture;
    static const struct {
        uint16_t number;
        const char *value;
        uint32_t len;
    } cases[] = {
        {0x0700, "\0\0\0\0", 4},
        {0x0700, "\0", 1},
        {0x0901, "\0\0", 2},
        {0x0901, "\0\0\0", 3},
        {0x1020, "\0\0\0", 3},
        {0x1000, "1.2x", 4},
        {0x1000,
         "1.\0"
         "2",
         4},
        {0x1030, "TOO LONG FOR AN AE", 18},
        {0x1030, "A\\B ", 4},
        {0x1030, "A\1", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b;
        struct dimse_command got;
        struct err err = {0};
        buf_init(&b, 0);
        add(&b, 0x0002, "1.2.3\0", 6);
        add(&b, 0x0100, "\x20\0", 2);
        add(&b, 0x0110, "\x09\0", 2);
        if (cases[i].number > 0x0800) {
            add(&b, 0x0800, "\1\0", 2);
        }
        add(&b, cases[i].number, cases[i].value, cases[i].len);
        if (cases[i].number < 0x0800) {
            add(&b, 0x0800, "\1\0", 2);
        }
        assert_int_equal(decode(buf_span(&b), &got, &err), RC_INVALID);
        assert_int_equal(err.tag, cases[i].number);
        assert_int_equal(got.field, DIMSE_C_FIND_RQ);
        assert_int_equal(got.message_id, 9);
        assert_true(got.has & CMD_HAS_MESSAGE_ID);
        assert_true(got.has_dataset);
        buf_fini(&b);
    }
}

static void the_first_fault_is_the_one_reported(void **fixture)
{
    (void)fixture;
    struct buf b;
    struct dimse_command got;
    struct err err = {0};
    buf_init(&b, 0);
    add(&b, 0x0002, "bad!", 4);
    add(&b, 0x0100, "\x20\0", 2);
    add(&b, 0x0110, "\x09\0", 2);
    add(&b, 0x0700, "\0", 1);
    buf_add(&b, "\0\0\0", 3);
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_INVALID);
    assert_int_equal(err.tag, 0x0002);
    assert_int_equal(got.message_id, 9);
    buf_fini(&b);
}

static void structure_is_checked(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = find_request(), got;
    struct err err;
    struct buf out = encoded(&cmd);
    size_t good = out.len;
    add(&out, 0x0110, "\1\0", 2); /* out of order */
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_INVALID);
    assert_int_equal(got.message_id, 0x1234);
    out.len = good;
    add(&out, 0x0800, "\1\1", 2); /* twice */
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_INVALID);
    out.len = good;
    buf_add(&out,
            "\x08\0\x18\0\2\0\0\0"
            "1\0",
            10); /* group 0008 */
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_INVALID);
    assert_int_equal(err.tag, 0x00080018);
    out.len = good;
    buf_add(&out, "\0\0\xFF\x7F\xFF\xFF\xFF\xFF", 8); /* undefined length */
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_INVALID);
    out.len = good;
    add(&out, 0x7FFF, "what?", 5); /* unknown, and odd */
    assert_int_equal(decode(buf_span(&out), &got, &err), RC_OK);
    buf_fini(&out);
}

static void mandatory_elements_are_demanded_by_message(void **fixture)
{
    (void)fixture;
    static const struct {
        uint16_t field;
        unsigned has;
        unsigned tag; /* 0 = fine */
    } cases[] = {
        {DIMSE_C_ECHO_RQ, CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID, 0},
        {DIMSE_C_ECHO_RQ, CMD_HAS_SOP_CLASS, 0x0110},
        {DIMSE_C_FIND_RQ, CMD_HAS_MESSAGE_ID, 0x0002},
        {DIMSE_C_GET_RQ, CMD_HAS_MESSAGE_ID, 0x0002},
        {DIMSE_C_STORE_RQ, CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID, 0x1000},
        {DIMSE_C_MOVE_RQ, CMD_HAS_SOP_CLASS | CMD_HAS_MESSAGE_ID, 0x0600},
        {DIMSE_C_CANCEL_RQ, 0, 0x0120},
        {DIMSE_C_CANCEL_RQ, CMD_HAS_RESPONDED_ID, 0},
        {DIMSE_C_STORE_RSP, CMD_HAS_RESPONDED_ID, 0x0900},
        {DIMSE_C_STORE_RSP, CMD_HAS_STATUS, 0x0120},
        {DIMSE_C_STORE_RSP, CMD_HAS_STATUS | CMD_HAS_RESPONDED_ID, 0},
        {0x0130, CMD_HAS_MESSAGE_ID, 0}, /* not served: judged by the service */
        {0x7777, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dimse_command cmd = {
            .field = cases[i].field, .has = cases[i].has, .sop_class = "1.2", .message_id = 5};
        struct dimse_command got;
        struct err err = {0};
        struct buf out = encoded(&cmd);
        enum rc rc = decode(buf_span(&out), &got, &err);
        assert_int_equal(rc, cases[i].tag ? RC_INVALID : RC_OK);
        assert_int_equal(err.tag, cases[i].tag);
        assert_int_equal(got.field, cases[i].field);
        buf_fini(&out);
    }
    struct buf b;
    struct dimse_command got;
    struct err err;
    buf_init(&b, 0);
    add(&b, 0x0110, "\1\0", 2);
    add(&b, 0x0800, "\1\1", 2);
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_INVALID);
    assert_int_equal(err.tag, 0x0100);
    buf_clear(&b);
    add(&b, 0x0100, "\x30\0", 2);
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_INVALID);
    assert_int_equal(err.tag, 0x0800);
    buf_fini(&b);
}

static void data_set_type_is_a_yes_or_no(void **fixture)
{
    (void)fixture;
    static const struct {
        const char *value;
        bool has;
    } cases[] = {
        {"\1\1", false}, {"\0\0", true}, {"\1\0", true}, {"\2\1", true}, {"\xFE\xFF", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b;
        struct dimse_command got;
        struct err err;
        buf_init(&b, 0);
        add(&b, 0x0100, "\x77\x07", 2);
        add(&b, 0x0800, cases[i].value, 2);
        assert_int_equal(decode(buf_span(&b), &got, &err), RC_OK);
        assert_int_equal(got.has_dataset, cases[i].has);
        buf_fini(&b);
    }
}

static void texts_are_trimmed_and_comments_made_harmless(void **fixture)
{
    (void)fixture;
    struct buf b;
    struct dimse_command got;
    struct err err;
    char comment[80];
    memset(comment, 'x', sizeof(comment));
    comment[1] = '\n';
    buf_init(&b, 0);
    add(&b, 0x0002, "1.2.3 ", 6);
    add(&b, 0x0100, "\x21\0", 2);
    add(&b, 0x0110, "\1\0", 2);
    add(&b, 0x0600, "  DEST  ", 8);
    add(&b, 0x0800, "\1\0", 2);
    add(&b, 0x0901, "\x08\0\x18\0\x10\0\x20\0", 8);
    add(&b, 0x0902, comment, sizeof(comment));
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_OK);
    assert_string_equal(got.sop_class, "1.2.3");
    assert_string_equal(got.destination, "DEST");
    assert_int_equal(got.offending, 0x00080018);
    assert_int_equal(strlen(got.comment), 64);
    assert_memory_equal(got.comment, "x?xx", 4);
    buf_fini(&b);

    struct dimse_command rsp = command_response(&got, 0xC000);
    rsp.has |= CMD_HAS_COMMENT;
    strcpy(rsp.comment, "a\nb\\c\xC3\xA4");
    b = encoded(&rsp);
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_OK);
    assert_string_equal(got.comment, "a?b?c??");
    buf_fini(&b);
}

static void empty_and_blank_elements_count_as_absent(void **fixture)
{
    (void)fixture;
    static const struct span values[] = {
        {NULL, 0}, {(const uint8_t *)"\0", 2}, {(const uint8_t *)"  ", 2}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct buf b;
        struct dimse_command got;
        struct err err;
        buf_init(&b, 0);
        add(&b, 0x0002, values[i].data, (uint32_t)values[i].len);
        add(&b, 0x0100, "\x30\0", 2);
        add(&b, 0x0110, "\1\0", 2);
        add(&b, 0x0800, "\1\1", 2);
        assert_int_equal(decode(buf_span(&b), &got, &err), RC_INVALID);
        assert_int_equal(err.tag, 0x0002);
        assert_int_equal(got.has, CMD_HAS_MESSAGE_ID);
        buf_fini(&b);
    }
}

static void a_comment_cut_at_a_space_has_no_padding(void **fixture)
{
    (void)fixture;
    struct buf b;
    struct dimse_command got;
    struct err err;
    char comment[66];
    memset(comment, 'x', sizeof(comment));
    comment[63] = ' ';
    buf_init(&b, 0);
    add(&b, 0x0100, "\x30\x80", 2);
    add(&b, 0x0120, "\1\0", 2);
    add(&b, 0x0800, "\1\1", 2);
    add(&b, 0x0900, "\1\xC0", 2);
    add(&b, 0x0902, comment, sizeof(comment));
    assert_int_equal(decode(buf_span(&b), &got, &err), RC_OK);
    assert_int_equal(strlen(got.comment), 63);
    buf_fini(&b);
}

static void response_takes_over_what_identifies_the_request(void **fixture)
{
    (void)fixture;
    struct dimse_command rq = everything();
    rq.field = DIMSE_C_STORE_RQ;
    struct dimse_command rsp = command_response(&rq, 0xA700);
    assert_int_equal(rsp.field, DIMSE_C_STORE_RSP);
    assert_int_equal(rsp.has, CMD_HAS_SOP_CLASS | CMD_HAS_SOP_INSTANCE | CMD_HAS_RESPONDED_ID |
                                  CMD_HAS_STATUS);
    assert_int_equal(rsp.responded_id, rq.message_id);
    assert_int_equal(rsp.status, 0xA700);
    assert_string_equal(rsp.sop_class, rq.sop_class);
    assert_string_equal(rsp.sop_instance, rq.sop_instance);
    assert_false(rsp.has_dataset);
    rq = find_request();
    assert_int_equal(command_response(&rq, 0).has,
                     CMD_HAS_SOP_CLASS | CMD_HAS_RESPONDED_ID | CMD_HAS_STATUS);
}

static void garbled_command_sets_are_survived(void **fixture)
{
    (void)fixture;
    struct dimse_command cmd = everything();
    struct buf out = encoded(&cmd);
    uint8_t *copy = malloc(out.len);
    uint32_t seed = 7;
    unsigned refused = 0;
    for (int round = 0; round < 50000; round++) {
        struct dimse_command got;
        struct err err;
        memcpy(copy, out.data, out.len);
        seed = seed * 1664525u + 1013904223u;
        for (unsigned k = (seed >> 8) % 3 + 1; k > 0; k--) {
            seed = seed * 1664525u + 1013904223u;
            copy[(seed >> 8) % out.len] = (uint8_t)(seed >> 24);
        }
        size_t len = (seed >> 12) % 5 ? out.len : (seed >> 10) % out.len;
        refused += decode(span_of(copy, len), &got, &err) != RC_OK;
        assert_true(strlen(got.sop_class) <= UID_MAX && strlen(got.sop_instance) <= UID_MAX);
        assert_true(strlen(got.destination) <= AET_MAX && strlen(got.originator_aet) <= AET_MAX);
        assert_true(strlen(got.comment) <= 64);
    }
    assert_true(refused > 5000 && refused < 50000);
    free(copy);
    buf_fini(&out);
}

static void fields_have_names(void **fixture)
{
    (void)fixture;
    assert_string_equal(dimse_field_name(DIMSE_C_FIND_RQ), "C-FIND-RQ");
    assert_string_equal(dimse_field_name(DIMSE_C_CANCEL_RQ), "C-CANCEL-RQ");
    assert_string_equal(dimse_field_name(0x8130), "N-ACTION-RSP");
    assert_string_equal(dimse_field_name(0), "unknown command");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_request_is_encoded_as_the_standard_says),
        cmocka_unit_test(every_element_round_trips),
        cmocka_unit_test(the_longest_command_fits_its_array),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(element_of_wrong_length_is_named_and_the_id_known),
        cmocka_unit_test(the_first_fault_is_the_one_reported),
        cmocka_unit_test(structure_is_checked),
        cmocka_unit_test(mandatory_elements_are_demanded_by_message),
        cmocka_unit_test(data_set_type_is_a_yes_or_no),
        cmocka_unit_test(texts_are_trimmed_and_comments_made_harmless),
        cmocka_unit_test(empty_and_blank_elements_count_as_absent),
        cmocka_unit_test(a_comment_cut_at_a_space_has_no_padding),
        cmocka_unit_test(response_takes_over_what_identifies_the_request),
        cmocka_unit_test(garbled_command_sets_are_survived),
        cmocka_unit_test(fields_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
