/* SPDX-License-Identifier: Apache-2.0 */
#include "net/reject.h"

#include <assert.h>

static const struct reject_row rows[REJECT_COUNT] = {
#define X(id, result, source, reason, when) [REJECT_##id] = {{result, source, reason}, when},
    REJECTS_LIST(X)
#undef X
};

const struct reject_row *reject_of(enum reject why)
{
    assert((unsigned)why < REJECT_COUNT);
    return &rows[why];
}
