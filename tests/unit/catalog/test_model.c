/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "catalog/model.h"
#include "dcm/dict.h"

/* The equivalents of a code are rows of its role beside its own, told apart by one number more. */
static void check_equivalents(const struct model_key *code, const struct model_key *k,
                              unsigned depth)
{
    char filter[128];
    snprintf(filter, sizeof(filter), "%.*s equivalent > 0",
             (int)(strstr(code->item_filter, "equivalent") - code->item_filter - 1),
             code->item_filter);
    assert_string_equal(k->item_filter, filter);
    assert_string_equal(k->item_table, code->item_table);
    for (unsigned i = 0; i < depth; i++)
        assert_string_equal(k->path[i], code->path[i]);
    assert_string_equal(k->path[depth], "equivalent");
}

static void check_level(const struct model_key *around, const struct model_key *keys,
                        unsigned count, unsigned depth)
{
    for (unsigned i = 0; i < count; i++) {
        const struct model_key *k = &keys[i];
        struct dcm_dict_entry entry;
        if (i > 0)
            assert_true(keys[i - 1].tag < k->tag);
        assert_true(dcm_dict_by_tag(k->tag, &entry));
        assert_string_equal(entry.vr, k->vr);
        assert_in_range(k->return_type, 1, 3);
        assert_int_equal(k->match == MATCH_SEQUENCE, strcmp(k->vr, "SQ") == 0);
        if (k->match == MATCH_SEQUENCE && depth >= MODEL_MAX_DEPTH) {
            fail_msg("a sequence below %d levels", MODEL_MAX_DEPTH);
        } else if (k->match == MATCH_SEQUENCE) {
            assert_non_null(k->item_table);
            assert_true(k->child_count > 0);
            assert_non_null(k->path[depth]); /* one ordinal for each level */
            if (depth + 1 < MODEL_MAX_DEPTH)
                assert_null(k->path[depth + 1]);
            if (k->tag == TAG_EquivalentCodeSequence)
                check_equivalents(around, k, depth);
            check_level(k, k->children, k->child_count, depth + 1);
        } else {
            assert_int_equal(k->match != MATCH_NONE, k->column != NULL);
        }
        assert_int_equal(k->match == MATCH_NAME, k->folded_column != NULL);
    }
}

static void tables_are_ordered_and_agree_with_the_dictionary(void **state)
{
    (void)state;
    check_level(NULL, model_protocol.keys, model_protocol.key_count, 0);
    check_level(NULL, model_approval.keys, model_approval.key_count, 0);
}

/* A key of the standard's table, written down a second time: path, matching (R, U, RC = m; O, or "U" where it cannot mean
 * unique = o; "-" = .), return type. */
struct standard_key {
    uint32_t path[MODEL_MAX_DEPTH];
    char matching;
    uint8_t return_type;
};

static void check_table(const struct model *model, const struct standard_key *table, size_t rows)
{
    unsigned top_level = 0;
    for (size_t i = 0; i < rows; i++) {
        const struct model_key *keys = model->keys, *k = NULL;
        unsigned count = model->key_count;
        for (unsigned d = 0; d < MODEL_MAX_DEPTH && table[i].path[d]; d++) {
            k = model_find_key(keys, count, table[i].path[d]);
            if (!k)
                fail_msg("row %zu: no key %08X", i, (unsigned)table[i].path[d]);
            keys = k->children;
            count = k->child_count;
        }
        if ((k->match != MATCH_NONE) != (table[i].matching != '.') ||
            k->is_optional != (table[i].matching == 'o') || k->return_type != table[i].return_type)
            fail_msg("row %zu: %08X", i, (unsigned)k->tag);
        top_level += table[i].path[1] == 0;
    }
    assert_int_equal(model->key_count, top_level);
}

static unsigned keys_of(const struct model_key *keys, unsigned count)
{
    unsigned all = count;
    for (unsigned i = 0; i < count; i++)
        all += keys_of(keys[i].children, keys[i].child_count);
    return all;
}

static void every_key_of_table_hh_6_1_is_there(void **state)
{
    static const struct standard_key table[] = {
        {{0x00080016}, 'm', 1},
        {{0x00080018}, 'm', 1},
        {{0x0040A07C}, 'm', 2},
        {{0x0040A07C, 0x00080080}, 'm', 2},
        {{0x0040A07C, 0x00080082}, 'm', 2},
        {{0x0040A07C, 0x00080082, 0x00080100}, 'm', 1},
        {{0x0040A07C, 0x00080082, 0x00080121}, 'o', 3},
        {{0x00080220}, 'm', 2},
        {{0x00181030}, 'm', 1},
        {{0x00189906}, 'm', 1},
        {{0x00189907}, 'm', 1},
        {{0x00189908}, '.', 2},
        {{0x00189909}, 'm', 2},
        {{0x0018990A}, '.', 2},
        {{0x0018990E}, 'm', 2},
        {{0x0018990E, 0x00081150}, 'm', 1},
        {{0x0018990E, 0x00081155}, 'm', 1},
        {{0x00700084}, 'm', 1},
        {{0x00080012}, 'm', 1},
        {{0x00080013}, 'm', 1},
        {{0x00120010}, 'm', 1},
        {{0x00120020}, 'm', 1},
        {{0x00080221}, 'm', 1},
        {{0x00189912}, 'm', 2},
        {{0x00189912, 0x00080070}, 'm', 1},
        {{0x00189912, 0x00080222}, 'm', 2},
        {{0x00189912, 0x00081090}, 'm', 2},
        {{0x00189912, 0x00181020}, 'm', 2},
        {{0x00189912, 0x00181000}, '.', 2},
        {{0x00082218}, 'm', 2},
        {{0x00082228}, 'm', 2},
        /* macro 8-1a, once */
        {{0x00082218, 0x00080100}, 'm', 1},
        {{0x00082218, 0x00080102}, 'm', 1},
        {{0x00082218, 0x00080103}, 'm', 1},
        {{0x00082218, 0x00080104}, '.', 1},
        {{0x00082218, 0x00080119}, 'm', 1},
        {{0x00082218, 0x00080120}, 'm', 1},
        {{0x00082218, 0x00080105}, '.', 3},
        {{0x00082218, 0x00080118}, '.', 3},
        {{0x00082218, 0x00080106}, '.', 3},
        {{0x00082218, 0x0008010B}, '.', 3},
        {{0x00082218, 0x00080107}, '.', 3},
        {{0x00082218, 0x0008010D}, '.', 3},
        {{0x00082218, 0x00080121}, 'o', 3},
        {{0x00082218, 0x00080121, 0x00080100}, 'm', 1},
    };
    (void)state;
    check_table(&model_protocol, table, COUNT(table));
}

static void every_key_of_table_ii_6_1_is_there(void **state)
{
    static const struct standard_key table[] = {
        {{0x00080016}, 'm', 1},
        {{0x00080018}, 'm', 1},
        {{0x00080012}, 'm', 1},
        {{0x00080013}, 'm', 1},
        {{0x00440109}, 'm', 1},
        {{0x00440109, 0x00081150}, 'm', 1},
        {{0x00440109, 0x00081155}, 'm', 1},
        {{0x00440100}, 'm', 1},
        {{0x00440100, 0x00440101}, 'm', 1},
        {{0x00440100, 0x00440102}, '.', 1},
        {{0x00440100, 0x00440103}, 'm', 1},
        {{0x00440100, 0x00440103, 0x0040A084}, '.', 1},
        {{0x00440100, 0x00440103, 0x0040A123}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00401101}, 'm', 1},
        {{0x00440100, 0x00440103, 0x0044010A}, 'm', 2},
        {{0x00440100, 0x00440103, 0x00081010}, '.', 3},
        {{0x00440100, 0x00440103, 0x00181002}, '.', 3},
        {{0x00440100, 0x00440103, 0x00080070}, '.', 3},
        {{0x00440100, 0x00440103, 0x00081090}, '.', 3},
        {{0x00440100, 0x00440103, 0x00080055}, '.', 3},
        {{0x00440100, 0x00440103, 0x00080080}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00080082}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00081040}, 'o', 2},
        {{0x00440100, 0x00440103, 0x00081041}, 'o', 3},
        {{0x00440100, 0x00440104}, 'm', 1},
        {{0x00440100, 0x00440105}, 'm', 2},
        {{0x00440100, 0x00440106}, '.', 2},
        {{0x00440100, 0x00440107}, 'o', 1},
        {{0x00440100, 0x00440107, 0x00440108}, 'o', 1},
        {{0x00080070}, '.', 1},
        {{0x00081090}, '.', 2},
        {{0x00181020}, '.', 2},
        /* macro 8-1a, wherever it is */
        {{0x00440100, 0x00440101, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440101, 0x00080102}, 'm', 1},
        {{0x00440100, 0x00440101, 0x00080103}, 'm', 1},
        {{0x00440100, 0x00440101, 0x00080104}, '.', 1},
        {{0x00440100, 0x00440101, 0x00080119}, 'm', 1},
        {{0x00440100, 0x00440101, 0x00080120}, 'm', 1},
        {{0x00440100, 0x00440101, 0x00080121}, 'o', 3},
        {{0x00440100, 0x00440101, 0x00080121, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00401101, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00401101, 0x00080121}, 'o', 3},
        {{0x00440100, 0x00440103, 0x0044010A, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440103, 0x0044010A, 0x00080121}, 'o', 3},
        {{0x00440100, 0x00440103, 0x00080082, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00080082, 0x00080121}, 'o', 3},
        {{0x00440100, 0x00440103, 0x00081041, 0x00080100}, 'm', 1},
        {{0x00440100, 0x00440103, 0x00081041, 0x00080121}, 'o', 3},
    };
    enum { OWN = 32, SEQUENCES_OF_CODES = 5, MACRO = 13 + 12 };
    (void)state;
    check_table(&model_approval, table, COUNT(table));
    assert_int_equal(keys_of(model_approval.keys, model_approval.key_count),
                     OWN + SEQUENCES_OF_CODES * MACRO);
}

static void keys_that_are_none_are_not_found(void **state)
{
    (void)state;
    static const uint32_t none[] = {0, 0x00080005, 0x00080201, 0x00080052, 0x00100010, 0xFFFFFFFF};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_null(model_find_key(model_protocol.keys, model_protocol.key_count, none[i]));
        assert_null(model_find_key(model_approval.keys, model_approval.key_count, none[i]));
    }
    assert_null(model_find_key(NULL, 0, 0x00080016));
}

static void models_are_found_by_their_classes(void **state)
{
    (void)state;
    assert_ptr_equal(model_of(UID_PROTOCOL_FIND), &model_protocol);
    assert_ptr_equal(model_of(UID_PROTOCOL_MOVE), &model_protocol);
    assert_ptr_equal(model_of(UID_PROTOCOL_GET), &model_protocol);
    assert_ptr_equal(model_of(UID_APPROVAL_FIND), &model_approval);
    assert_ptr_equal(model_of(UID_APPROVAL_MOVE), &model_approval);
    assert_ptr_equal(model_of(UID_APPROVAL_GET), &model_approval);
    assert_null(model_of(UID_CT_DEFINED_PROTOCOL));
    assert_ptr_equal(model_of_storage(UID_CT_DEFINED_PROTOCOL), &model_protocol);
    assert_ptr_equal(model_of_storage(UID_XA_DEFINED_PROTOCOL), &model_protocol);
    assert_ptr_equal(model_of_storage(UID_PROTOCOL_APPROVAL), &model_approval);
    assert_null(model_of_storage("1.2.840.10008.5.1.4.1.1.200.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_ordered_and_agree_with_the_dictionary),
        cmocka_unit_test(every_key_of_table_hh_6_1_is_there),
        cmocka_unit_test(every_key_of_table_ii_6_1_is_there),
        cmocka_unit_test(keys_that_are_none_are_not_found),
        cmocka_unit_test(models_are_found_by_their_classes),
    };
    struct err err;
    if (dcm_init(&err) != RC_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
