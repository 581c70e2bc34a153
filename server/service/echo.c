/* SPDX-License-Identifier: Apache-2.0
 *
 * service/echo: C-ECHO of the Verification SOP class (PS3.4 Annex A). Answered in place; no database, because it
 * asks whether the association works. Whether the server is ready is told by /readyz.
 */
#include "service_internal.h"

static void echo_start(struct operation *op)
{
    struct dimse_command rsp = operation_response(op, STATUS_SUCCESS, NULL);
    operation_finish(op, &rsp, NULL, NULL, NULL);
}

static void echo_stop(struct operation *op)
{
    (void)op; /* holds nothing */
}

const struct operation_kind operation_echo = {
    .name = "echo",
    .event = "echo.done",
    .refused = "echo.refused",
    .stopped = "echo.stopped",
    .service = STATUS_FOR_ECHO,
    .size = sizeof(struct operation),
    .start = echo_start,
    .stop = echo_stop,
};
