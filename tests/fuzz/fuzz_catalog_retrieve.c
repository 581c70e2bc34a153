/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers of C-GET and C-MOVE: UIDs that are UIDs, each once, no more than allowed.
 */
#include "catalog/instances.h"
#include "fuzz_dcm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_UIDS = 100 };
    struct feed f = {span_of(data, size)};
    const struct dcm_ts *ts = fuzz_ts(feed_u8(&f));
    bool is_strict = feed_u8(&f) & 1;
    const struct query_limits limits = {.max_uids = MAX_UIDS};
    struct arena *arena = arena_new(FUZZ_ARENA);
    const char **uids = NULL;
    unsigned count = 0;
    struct err err = {0};
    fuzz_load_dictionary();
    enum rc rc = retrieve_identifier(f.rest, ts, is_strict, &limits, arena, &uids, &count, &err);
    if (rc == RC_OK) {
        CHECK(count <= MAX_UIDS);
        for (unsigned i = 0; i < count; i++) {
            CHECK(dcm_uid_is_valid(uids[i]));
            for (unsigned k = 0; k < i; k++)
                CHECK(strcmp(uids[i], uids[k]) != 0);
        }
    } else {
        CHECK(rc == RC_INVALID || rc == RC_UNSUPPORTED || rc == RC_LIMIT);
        check_refusal(rc, &err);
    }
    arena_free(arena);
    return 0;
}
