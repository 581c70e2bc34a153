/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the server's table of statuses, `0xA700 FIND Error Comment` a line, for the test that provokes each.
 */
#include <stdio.h>

#include "service/status.h"

int main(void)
{
    static const char *const names[] = {
        [STATUS_FOR_STORE] = "STORE", [STATUS_FOR_FIND] = "FIND", [STATUS_FOR_GET] = "GET",
        [STATUS_FOR_MOVE] = "MOVE",   [STATUS_FOR_ECHO] = "ECHO",
    };
    const struct status_use *use;
    for (unsigned i = 0; (use = status_use_at(i)); i++) {
        for (unsigned s = 0; s < sizeof names / sizeof *names; s++) {
            if (use->services & 1u << s)
                printf("0x%04X %s %s\n", use->status, names[s], use->fields);
        }
    }
    return 0;
}
