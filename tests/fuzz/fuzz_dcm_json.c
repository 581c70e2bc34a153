/* SPDX-License-Identifier: Apache-2.0
 *
 * DICOM JSON through the reader; what is accepted is written and read again, and stays what it is from then on.
 */
#include "dcm/json.h"
#include "fuzz_dcm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item, *again, *octets;
    struct buf first, second, encoded;
    struct err err = {0};
    bool lossy;
    fuzz_load_dictionary();
    buf_init(&first, 0);
    buf_init(&second, 0);
    buf_init(&encoded, 0);
    enum rc rc = dcm_json_read(span_of(data, size), &fuzz_limits, arena, &item, &err);
    if (rc != RC_OK) {
        CHECK(item == NULL);
        check_refusal(rc, &err);
    } else {
        check_tree(item, 0);
        CHECK_OK(dcm_json_write(item, 0, &first, &lossy, &err), &err);
        CHECK(utf8_is_valid(buf_span(&first)));
        CHECK_OK(dcm_json_read(buf_span(&first), NULL, arena, &again, &err), &err);
        CHECK_OK(dcm_json_write(again, 0, &second, &lossy, &err), &err);
        CHECK(span_equal(buf_span(&first), buf_span(&second)));

        CHECK_OK(dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &encoded, &err), &err);
        CHECK_OK(
            dcm_read(buf_span(&encoded), dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &octets, &err),
            &err);
        check_tree(octets, 0);
    }
    buf_fini(&first);
    buf_fini(&second);
    buf_fini(&encoded);
    arena_free(arena);
    return 0;
}
