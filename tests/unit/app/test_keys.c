/* SPDX-License-Identifier: Apache-2.0
 *
 * -k: what a user types becomes an identifier, or a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "app_internal.h"
#include "core/arena.h"
#include "dcm/dict.h"

struct fixture {
    struct arena *arena;
    struct keys keys;
};

static int load_dictionary(void **state)
{
    struct err err;

    (void)state;
    return dcm_init(&err) == RC_OK ? 0 : -1;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->arena = arena_new(16 << 20);
    keys_init(&f->keys, f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    keys_fini(&f->keys);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *text)
{
    struct err err = {0};

    if (keys_add(&f->keys, text, &err) != RC_OK)
        fail_msg("'%s': %s", text, err.text);
}

static void refuse(struct fixture *f, const char *text, const char *says)
{
    struct err err = {0};

    assert_int_not_equal(keys_add(&f->keys, text, &err), RC_OK);
    if (!strstr(err.text, says))
        fail_msg("'%s' gives '%s', not '%s'", text, err.text, says);
}

static void assert_value(const struct dcm_item *item, uint32_t tag, const char *value)
{
    const struct dcm_element *e = dcm_find(item, tag);

    assert_non_null(e);
    assert_int_equal(e->value.len, strlen(value));
    assert_memory_equal(e->value.data ? e->value.data : (const uint8_t *)"", value, strlen(value));
}

static void keyword_with_and_without_value(void **state)
{
    struct fixture *f = *state;

    add(f, "ProtocolName=Head*");
    add(f, "EquipmentModality");
    add(f, "InstanceCreationDate=");
    assert_value(f->keys.identifier, TAG_ProtocolName, "Head*");
    assert_value(f->keys.identifier, TAG_EquipmentModality, "");
    assert_value(f->keys.identifier, TAG_InstanceCreationDate, "");
    assert_int_equal(f->keys.count, 3);
    assert_string_equal(f->keys.paths[0].title, "ProtocolName");
    assert_string_equal(dcm_find(f->keys.identifier, TAG_ProtocolName)->vr, "LO");
}

static void value_may_hold_equals_dots_and_backslashes(void **state)
{
    struct fixture *f = *state;

    add(f, "ProtocolName=a=b.c");
    add(f, "SOPInstanceUID=1.2\\1.3");
    assert_value(f->keys.identifier, TAG_ProtocolName, "a=b.c");
    assert_value(f->keys.identifier, TAG_SOPInstanceUID, "1.2\\1.3");
}

static void tags_in_every_form(void **state)
{
    static const char *const forms[] = {"0018,1030", "(0018,1030)", "00181030"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++)
        add(f, forms[i]);
    assert_int_equal(f->keys.count, 1);
    assert_string_equal(f->keys.paths[0].title, "ProtocolName");
    add(f, "00091001=x");
    assert_string_equal(f->keys.paths[1].title, "00091001");
    assert_string_equal(dcm_find(f->keys.identifier, TAG(0x0009, 0x1001))->vr, "UN");
}

static void paths_share_the_one_item(void **state)
{
    struct fixture *f = *state;

    add(f, "ModelSpecificationSequence.Manufacturer=ACME");
    add(f, "00189912.ManufacturerModelName");
    const struct dcm_element *sq = dcm_find(f->keys.identifier, TAG_ModelSpecificationSequence);
    assert_non_null(sq);
    assert_int_equal(sq->item_count, 1);
    assert_value(sq->items, TAG_Manufacturer, "ACME");
    assert_value(sq->items, TAG_ManufacturerModelName, "");
    assert_int_equal(f->keys.paths[1].depth, 2);
}

static void paths_go_deeper(void **state)
{
    struct fixture *f = *state;

    add(f, "CustodialOrganizationSequence.InstitutionCodeSequence.CodeValue=X1");
    const struct dcm_element *a = dcm_find(f->keys.identifier, TAG_CustodialOrganizationSequence);
    const struct dcm_element *b = dcm_find(a->items, TAG_InstitutionCodeSequence);
    assert_value(b->items, TAG_CodeValue, "X1");
}

/* The dictionary cannot tell whether these are sequences, so the arguments say it, in any order. */
static void unknown_attribute_is_a_sequence_or_a_value(void **state)
{
    struct fixture *f = *state;

    add(f, "00091001");
    add(f, "00091001.ProtocolName=x");
    add(f, "00091001");
    const struct dcm_element *sq = dcm_find(f->keys.identifier, TAG(0x0009, 0x1001));
    assert_non_null(sq);
    assert_string_equal(sq->vr, "SQ");
    assert_int_equal(sq->item_count, 1);
    assert_value(sq->items, TAG_ProtocolName, "x");
    refuse(f, "00091001=y", "with a value and with attributes");
    add(f, "00091002=y");
    refuse(f, "00091002.ProtocolName=x", "with a value and with attributes");
    assert_value(f->keys.identifier, TAG(0x0009, 0x1002), "y");
}

static void sequence_alone_asks_for_it_whole(void **state)
{
    struct fixture *f = *state;

    add(f, "AnatomicRegionSequence");
    const struct dcm_element *sq = dcm_find(f->keys.identifier, TAG_AnatomicRegionSequence);
    assert_non_null(sq);
    assert_string_equal(sq->vr, "SQ");
    assert_int_equal(sq->item_count, 0);
}

static void asking_for_a_key_keeps_its_value(void **state)
{
    struct fixture *f = *state;

    add(f, "ProtocolName=Head*");
    add(f, "ProtocolName");
    assert_value(f->keys.identifier, TAG_ProtocolName, "Head*");
    assert_int_equal(f->keys.count, 1);
    add(f, "EquipmentModality");
    add(f, "EquipmentModality=CT");
    assert_value(f->keys.identifier, TAG_EquipmentModality, "CT");
    refuse(f, "ProtocolName=Other", "twice");
}

static void text_beyond_ascii_is_taken_as_utf8(void **state)
{
    struct fixture *f = *state;

    add(f, "ProtocolName=胸部*");
    assert_value(f->keys.identifier, TAG_ProtocolName, "胸部*");
    refuse(f, "ContentCreatorName=\xE4", "not UTF-8");
    refuse(f, "ContentCreatorName=\xED\xA0\x80", "not UTF-8"); /* a surrogate */
    refuse(f, "ContentCreatorName=\xC0\xAF", "not UTF-8");     /* an overlong slash */
}

static void slips_are_explained(void **state)
{
    struct fixture *f = *state;

    refuse(f, "NoSuchKeyword=1", "'NoSuchKeyword' is neither a DICOM keyword nor a tag");
    refuse(f, "protocolname=x", "neither");
    refuse(f, "", "is no key");
    refuse(f, "=x", "is no key");
    refuse(f, ".", "neither");
    refuse(f, "ProtocolName.Manufacturer=x", "ProtocolName is no sequence");
    refuse(f, "ModelSpecificationSequence=x", "is a sequence");
    refuse(f, "ModelSpecificationSequence.", "neither");
    refuse(f, "00020010=x", "cannot be a key");
    refuse(f, "00000100=1", "cannot be a key");
    refuse(f, "0018,103", "neither");
    refuse(f, "0018103000", "neither");
    refuse(f, "Rows=5", "takes no text");
}

static void depth_and_size_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct buf text = {0};

    for (int i = 0; i < KEY_DEPTH_MAX; i++)
        buf_add_str(&text, "00081140.");
    buf_add_str(&text, "CodeValue");
    refuse(f, buf_cstr(&text), "levels");
    buf_clear(&text);
    for (int i = 0; i < 1000; i++)
        buf_add_str(&text, "aaaaaaaa.");
    refuse(f, buf_cstr(&text), "is no key");
    buf_clear(&text);
    buf_add_str(&text, "ProtocolName=");
    for (int i = 0; i < 20000; i++)
        buf_add_str(&text, "xxxx");
    refuse(f, buf_cstr(&text), "longer");
    buf_fini(&text);
}

static void number_of_keys_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct err err;
    enum rc rc = RC_OK;
    unsigned n = 0;

    for (; n < 5000 && rc == RC_OK; n++) {
        char text[16];
        snprintf(text, sizeof(text), "0009%04X", 0x1000 + n);
        rc = keys_add(&f->keys, text, &err);
    }
    assert_int_equal(rc, RC_LIMIT);
}

static void defaults_and_the_model_are_keys(void **state)
{
    struct fixture *f = *state;
    struct err err;

    const char *const *defaults = keys_default(&model_protocol);
    for (unsigned i = 0; defaults[i]; i++)
        add(f, defaults[i]);
    assert_int_equal(f->keys.count, 6);
    assert_int_equal(keys_add_model(&f->keys, &model_protocol, &err), RC_OK);
    assert_non_null(dcm_find(f->keys.identifier, TAG_ContentCreatorName));
    assert_non_null(dcm_find(f->keys.identifier, TAG_PredecessorProtocolSequence));
    assert_null(dcm_find(f->keys.identifier, TAG_SpecificCharacterSet));
}

static void approvals_have_defaults_and_keys_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct err err;

    const char *const *defaults = keys_default(&model_approval);
    for (unsigned i = 0; defaults[i]; i++)
        add(f, defaults[i]);
    assert_int_equal(f->keys.count, 7);
    const struct dcm_element *approval = dcm_find(f->keys.identifier, TAG_ApprovalSequence);
    assert_int_equal(approval->item_count, 1);
    assert_non_null(dcm_find(approval->items, TAG_AssertionCodeSequence));
    assert_int_equal(keys_add_model(&f->keys, &model_approval, &err), RC_OK);
    assert_int_equal(f->keys.count,
                     7 + 8); /* one of nine was among the defaults, with paths below others */
    assert_non_null(dcm_find(f->keys.identifier, TAG_SoftwareVersions));
    assert_null(dcm_find(f->keys.identifier, TAG_ProtocolName));
}

static void models_have_names(void **state)
{
    const struct model *model = NULL;
    struct err err;
    (void)state;

    assert_int_equal(keys_model("protocol", &model, &err), RC_OK);
    assert_ptr_equal(model, &model_protocol);
    assert_int_equal(keys_model(MODEL_DEFAULT, &model, &err), RC_OK);
    assert_ptr_equal(model, &model_protocol);
    assert_int_equal(keys_model("approval", &model, &err), RC_OK);
    assert_ptr_equal(model, &model_approval);
    static const char *const none[] = {"", "Protocol", "approvals", "patient"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(keys_model(none[i], &model, &err), RC_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(keyword_with_and_without_value),
        T(value_may_hold_equals_dots_and_backslashes),
        T(tags_in_every_form),
        T(paths_share_the_one_item),
        T(paths_go_deeper),
        T(unknown_attribute_is_a_sequence_or_a_value),
        T(sequence_alone_asks_for_it_whole),
        T(asking_for_a_key_keeps_its_value),
        T(text_beyond_ascii_is_taken_as_utf8),
        T(slips_are_explained),
        T(depth_and_size_are_bounded),
        T(number_of_keys_is_bounded),
        T(defaults_and_the_model_are_keys),
        T(approvals_have_defaults_and_keys_of_their_own),
        T(models_have_names),
    };

    return cmocka_run_group_tests(tests, load_dictionary, NULL);
}
