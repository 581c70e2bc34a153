/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer: octets of any transfer syntax (the first octet chooses) through the scanner, the character sets,
 * the writers and the digest.
 */
#include <stdlib.h>

#include "dcm/charset.h"
#include "dcm/convert.h"
#include "dcm/dataset.h"
#include "dcm/dict.h"
#include "dcm/json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct err err;
    (void)argc;
    (void)argv;
    if (dcm_init(&err) != RC_OK)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dcm_limits limits = {
        .max_bytes = 1 << 20, .max_depth = 16, .max_elements = 10000};
    struct arena *arena = arena_new((size_t)16 << 20);
    struct dcm_item *item, *again;
    struct buf out, json;
    struct err err;
    uint8_t digest[DCM_DIGEST_BYTES];
    bool lossy;
    buf_init(&out, 0);
    buf_init(&json, 0);
    if (size > 0 && dcm_read(span_of(data + 1, size - 1), dcm_ts_find(dcm_ts_uids[data[0] % 4]),
                             &limits, arena, &item, &err) == RC_OK) {
        if (dcm_digest(item, digest, &err) != RC_OK ||
            dcm_write(item, dcm_ts_find(UID_EXPLICIT_LE), &out, &err) != RC_OK)
            abort();
        if (dcm_read(buf_span(&out), dcm_ts_find(UID_EXPLICIT_LE), NULL, arena, &again, &err) ==
            RC_INVALID)
            abort(); /* what was read must be written readably */
        if (dcm_tree_to_utf8(item, "ISO_IR 100", arena, &lossy, &err) == RC_OK) {
            if (dcm_json_write(item, 0, &json, &lossy, &err) != RC_OK)
                abort();
            if (dcm_json_read(buf_span(&json), NULL, arena, &again, &err) == RC_INVALID)
                abort();
        }
    }
    buf_fini(&out);
    buf_fini(&json);
    arena_free(arena);
    return 0;
}
