/* SPDX-License-Identifier: Apache-2.0
 *
 * The fault points of dppr-faults (core/fault.h): those strike whose names stand in the file that FAULT_FILE names,
 * one a line, while they stand there.
 */
#include "core/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum rc code;
} points[FAULT_COUNT] = {
#define X(name, code) [FAULT_##name] = {#name, code},
    FAULT_POINTS(X)
#undef X
};

static int is_on(const char *name)
{
    const char *path = getenv("FAULT_FILE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[64];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, name) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

enum rc fault_at(enum fault_point point, enum rc rc, struct err *err)
{
    if (!is_on(points[point].name))
        return rc;
    return err_set(err, points[point].code, "fault point %s", points[point].name);
}
