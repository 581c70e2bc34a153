/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer: DICOM JSON through the reader; what is accepted must be written and read again.
 */
#include <stdlib.h>

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
    struct arena *arena = arena_new((size_t)16 << 20);
    struct dcm_item *item;
    struct buf json;
    struct err err;
    buf_init(&json, 0);
    if (dcm_json_read(span_of(data, size), NULL, arena, &item, &err) == RC_OK) {
        if (dcm_json_write(item, 0, &json, NULL, &err) != RC_OK ||
            dcm_json_read(buf_span(&json), NULL, arena, &item, &err) == RC_INVALID)
            abort();
    }
    buf_fini(&json);
    arena_free(arena);
    return 0;
}
