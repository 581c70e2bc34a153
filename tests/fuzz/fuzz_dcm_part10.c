/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer: DICOM files; the data set found must lie within the file.
 */
#include <stdlib.h>

#include "dcm/dict.h"
#include "dcm/part10.h"

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
    struct part10 p;
    struct err err;
    if (part10_read(span_of(data, size), &p, &err) == RC_OK &&
        (!p.ts || p.dataset.data < data || p.dataset.data + p.dataset.len != data + size))
        abort();
    return 0;
}
