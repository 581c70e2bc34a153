/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of one or many JSON data sets: taken apart, and each encoded in the character set that it names. The objects
 * found lie in the text, in order, and what is encoded can be read.
 */
#include "app_internal.h"
#include "dcm/charset.h"
#include "fuzz_dcm.h"

/* Text is in the set that is named; only what came as octets of UN, and is text by the dictionary, may be anything. */
static void check_encoded(struct span octets, bool has_unknown)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct err err;
    bool lossy;
    CHECK_OK(dcm_read(octets, dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &item, &err), &err);
    CHECK_OK(dcm_tree_to_utf8(item, NULL, arena, &lossy, &err), &err);
    CHECK(!lossy || has_unknown);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size), object;
    size_t pos = 0, last = 0;
    struct err err = {0};
    enum rc rc;
    fuzz_load_dictionary();
    if (!jsonset_is_json(text))
        return 0;
    while ((rc = jsonset_next(text, &pos, &object, &err)) == RC_OK) {
        struct buf out;
        char note[256];
        CHECK(is_within(text, object) && object.len >= 2 && object.data[0] == '{');
        CHECK(pos > last && pos <= size && object.data + object.len == data + pos);
        last = pos;
        buf_init(&out, 0);
        enum rc encoded = jsonset_encode(object, &fuzz_limits, &out, note, &err);
        CHECK(strnlen(note, sizeof(note)) < sizeof(note));
        if (encoded == RC_OK)
            check_encoded(buf_span(&out), memmem(object.data, object.len, "UN", 2) != NULL);
        else
            check_refusal(encoded, &err);
        buf_fini(&out);
    }
    CHECK(rc == RC_NOTFOUND || (rc == RC_INVALID && err.text[0]));
    return 0;
}
