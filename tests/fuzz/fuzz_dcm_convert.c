/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversion between transfer syntaxes, which is DCMTK's: the first two octets choose from and to.
 *
 * Two promises. DCMTK sees nothing that our scanner has not passed: the linker puts a guard in front of the one function
 * that hands octets to DCMTK's parser (--wrap in CMakeLists.txt), and the guard scans them itself. And what comes out has
 * the digest of what went in.
 */
#include "dcm/convert.h"
#include "fuzz_dcm.h"

static const struct dcm_ts *plain_from; /* what DCMTK is told that it gets */
static unsigned handed_over;

/* DcmInputBufferStream::setBuffer(const void *, offile_off_t) */
void __real__ZN20DcmInputBufferStream9setBufferEPKvl(void *self, const void *octets, long len);
void __wrap__ZN20DcmInputBufferStream9setBufferEPKvl(void *self, const void *octets, long len);
void __wrap__ZN20DcmInputBufferStream9setBufferEPKvl(void *self, const void *octets, long len)
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct err err;
    CHECK(len >= 0);
    CHECK_OK(dcm_read(span_of(octets, (size_t)len), plain_from, &fuzz_limits, arena, &item, &err),
             &err);
    arena_free(arena);
    handed_over++;
    __real__ZN20DcmInputBufferStream9setBufferEPKvl(self, octets, len);
}

static void digest_of(struct span octets, const struct dcm_ts *ts, uint8_t out[DCM_DIGEST_BYTES])
{
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct err err;
    CHECK_OK(dcm_read(octets, ts, NULL, arena, &item, &err), &err);
    CHECK_OK(dcm_digest(item, out, &err), &err);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {span_of(data, size)};
    const struct dcm_ts *from = fuzz_ts(feed_u8(&f)), *to = fuzz_ts(feed_u8(&f));
    struct arena *arena = arena_new(FUZZ_ARENA);
    struct dcm_item *item;
    struct buf out;
    struct err err = {0}, why = {0};
    fuzz_load_dictionary();
    buf_init(&out, 0);
    plain_from = from->is_deflated ? dcm_ts_find(UID_EXPLICIT_LE) : from;
    handed_over = 0;

    enum rc scanned = dcm_read(f.rest, from, &fuzz_limits, arena, &item, &why);
    enum rc rc = dcm_convert(f.rest, from, to, &fuzz_limits, &out, &err);
    if (scanned != RC_OK) {
        CHECK(rc == scanned && handed_over == 0 && err.text[0]);
    } else {
        CHECK(handed_over == 1 || rc == RC_LIMIT); /* the digest has a limit of its own */
        CHECK(rc == RC_OK || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
    }
    if (rc == RC_OK) {
        uint8_t before[DCM_DIGEST_BYTES], after[DCM_DIGEST_BYTES];
        digest_of(f.rest, from, before);
        digest_of(buf_span(&out), to, after);
        CHECK(memcmp(before, after, sizeof(after)) == 0);
    } else {
        check_refusal(rc, &err);
    }
    buf_fini(&out);
    arena_free(arena);
    return 0;
}
