/* SPDX-License-Identifier: Apache-2.0
 *
 * DICOM files; the data set found must lie within the file, and a file with the header we write is read as such.
 */
#include "dcm/part10.h"
#include "fuzz_dcm.h"

static bool is_plain_uid(const char *uid)
{
    size_t len = strlen(uid);
    return len > 0 && uid[len - 1] != ' ';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span file = span_of(data, size);
    struct part10 p, again;
    struct err err = {0};
    struct buf out;
    fuzz_load_dictionary();
    enum rc rc = part10_read(file, &p, &err);
    if (rc != RC_OK) {
        CHECK(rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        check_refusal(rc, &err);
        return 0;
    }
    CHECK(p.ts && is_within(file, p.dataset));
    CHECK(p.dataset.len == 0 || p.dataset.data + p.dataset.len == data + size);
    CHECK(strlen(p.sop_class) <= 64 && strlen(p.sop_instance) <= 64);
    if (!is_plain_uid(p.sop_class) || !is_plain_uid(p.sop_instance))
        return 0;

    buf_init(&out, 0);
    part10_write_header(&out, p.sop_class, p.sop_instance, p.ts);
    buf_add_span(&out, p.dataset);
    CHECK_OK(part10_read(buf_span(&out), &again, &err), &err);
    CHECK(again.ts == p.ts && span_equal(again.dataset, p.dataset));
    CHECK(strcmp(again.sop_class, p.sop_class) == 0);
    CHECK(strcmp(again.sop_instance, p.sop_instance) == 0);
    buf_fini(&out);
    return 0;
}
