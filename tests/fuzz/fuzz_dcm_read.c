/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets of any transfer syntax (the first octet chooses) through the scanner, the writers, the digest, the
 * character sets and JSON.
 */
#include "dcm/charset.h"
#include "dcm/json.h"
#include "fuzz_dcm.h"

/* Written in any transfer syntax and read again a tree has the same content, by the digest. Only Implicit VR may not be
 * readable: a VR that is not the dictionary's is not to be had in it. */
static bool write_and_read(const struct dcm_item *item, const struct dcm_ts *ts,
                           const uint8_t digest[DCM_DIGEST_BYTES], struct arena *arena,
                           struct buf *out, struct dcm_item **again)
{
    struct err err;
    uint8_t after[DCM_DIGEST_BYTES];
    CHECK_OK(dcm_write(item, ts, out, &err), &err);
    CHECK(out->len % 2 == 0);
    if (dcm_read(buf_span(out), ts, NULL, arena, again, &err) != RC_OK) {
        CHECK(!ts->is_explicit);
        return false;
    }
    check_tree(*again, 0);
    CHECK_OK(dcm_digest(*again, after, &err), &err);
    CHECK(memcmp(digest, after, sizeof(after)) == 0);
    return true;
}

/* What reading puts right (UN that the dictionary knows), it puts right at once: the second time nothing moves. */
static void check_writing(const struct dcm_item *item, const uint8_t digest[DCM_DIGEST_BYTES])
{
    for (unsigned i = 0; dcm_ts_uids[i]; i++) {
        const struct dcm_ts *ts = dcm_ts_find(dcm_ts_uids[i]);
        struct arena *arena = arena_new(FUZZ_ARENA);
        struct dcm_item *second, *third, *fourth;
        struct buf out[3];
        for (unsigned k = 0; k < 3; k++)
            buf_init(&out[k], 0);
        if (write_and_read(item, ts, digest, arena, &out[0], &second)) {
            CHECK(write_and_read(second, ts, digest, arena, &out[1], &third));
            CHECK(write_and_read(third, ts, digest, arena, &out[2], &fourth));
            CHECK(span_equal(buf_span(&out[1]), buf_span(&out[2])));
        }
        for (unsigned k = 0; k < 3; k++)
            buf_fini(&out[k]);
        arena_free(arena);
    }
}

static void check_values(const struct dcm_item *item)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        unsigned count = dcm_value_count(e);
        struct span value;
        for (unsigned n = 0; n < count && n < 100; n++) {
            CHECK(dcm_value_at(e, n, &value));
            CHECK(is_within(e->value, value));
        }
        CHECK(!dcm_value_at(e, count, &value));
        for (const struct dcm_item *i = e->items; i; i = i->next)
            check_values(i);
    }
}

static void check_utf8(const struct dcm_item *item)
{
    for (const struct dcm_element *e = item->first; e; e = e->next) {
        CHECK(!dcm_vr_is_text(e->vr) || utf8_is_valid(e->value));
        CHECK(e->tag != TAG_SpecificCharacterSet);
        for (const struct dcm_item *i = e->items; i; i = i->next)
            check_utf8(i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item, *again;
    struct buf json;
    struct err err = {0};
    uint8_t digest[DCM_DIGEST_BYTES];
    bool lossy = false;
    fuzz_load_dictionary();
    buf_init(&json, 0);
    enum rc rc = dcm_read(f.rest, ts, &fuzz_limits, arena, &item, &err);
    if (rc != RC_OK) {
        CHECK(item == NULL);
        check_refusal(rc, &err);
    } else {
        check_tree(item, 0);
        check_values(item);
        rc = dcm_digest(item, digest, &err);
        if (rc == RC_OK)
            check_writing(item, digest);
        else /* sequences within octets of UN, deeper than sequences may be */
            check_refusal(RC_LIMIT, &err);
        rc = dcm_tree_to_utf8(item, "ISO_IR 100", arena, &lossy, &err);
        CHECK(rc == RC_OK || rc == RC_UNSUPPORTED);
    }
    if (rc == RC_OK) {
        check_utf8(item);
        CHECK_OK(dcm_json_write(item, 0, &json, &lossy, &err), &err);
        rc = dcm_json_read(buf_span(&json), NULL, arena, &again, &err);
        CHECK_OK(rc, &err);
        check_tree(again, 0);
    }
    buf_fini(&json);
    arena_free(arena);
    return 0;
}
