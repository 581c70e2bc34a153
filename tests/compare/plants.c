/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults that can be planted: those of the reference where it looks at `planted`, those of the statement
 * here.
 */
#include "reference.h"

enum plant planted;

static const struct {
    const char *name, *text;
    const char *from, *to; /* in the statement; NULL = in the reference */
} plants[] = {{"NONE", "nothing", NULL, NULL},
#define PLANT_ROW(name, text) {#name, text, NULL, NULL},
              PLANTS(PLANT_ROW)
#undef PLANT_ROW
#define PLANT_ROW(name, from, to, text) {#name, text, from, to},
                  PLANTS_IN_SQL(PLANT_ROW)
#undef PLANT_ROW
};

const char *plant_name(enum plant p)
{
    const char *name = plants[p].name;
    return strncmp(name, "PLANT_", 6) == 0 ? name + 6 : name;
}

const char *plant_text(enum plant p)
{
    return plants[p].text;
}

const char *plant_in_sql(const char *sql, struct arena *arena)
{
    const char *from = plants[planted].from, *found;
    struct buf out;
    if (!from || !strstr(sql, from))
        return sql;
    buf_init(&out, 0);
    for (; (found = strstr(sql, from)); sql = found + strlen(from)) {
        buf_add(&out, sql, (size_t)(found - sql));
        buf_add_str(&out, plants[planted].to);
    }
    buf_add_str(&out, sql);
    const char *copy = arena_strdup(arena, buf_cstr(&out));
    buf_fini(&out);
    return copy;
}
