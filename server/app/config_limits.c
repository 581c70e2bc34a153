/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of docs/operations.md and of the conformance statement: each limit and deadline of core/limits.h beside
 * the setting of its name.
 */
#include "app/config.h"

#include <string.h>

#include "app_internal.h"

/* Smallest and largest value, as setting_format writes values. */
static void add_range(const struct setting *s, struct config *c, struct buf *out)
{
    struct err err;

    for (int i = 0; i < 2; i++) {
        char number[32];
        bool is_duration = s->type == SETTING_DURATION;
        bool is_size = s->type == SETTING_SIZE || s->type == SETTING_SIZE32;
        snprintf(number, sizeof(number), "%lld%s", (long long)(i == 0 ? s->min : s->max),
                 is_duration ? "ms"
                 : is_size   ? "B"
                             : "");
        buf_add_str(out, i == 0 ? "" : " to ");
        if (setting_set(s, c, number, &err) == RC_OK)
            setting_format(s, c, out);
    }
}

static void print_row(FILE *to, const struct limit_row *row, struct config *c)
{
    const struct setting *s = row->is_fixed ? NULL : setting_find(row->name, strlen(row->name));
    struct buf value = {0}, range = {0};

    if (s) {
        setting_format(s, c, &value);
        add_range(s, c, &range);
        fprintf(to, "| `%s` | %s | %s | %s | %s |\n", row->name, buf_cstr(&value), buf_cstr(&range),
                row->strikes, row->seen);
    } else {
        fprintf(to, "| %s | fixed | | %s | %s |\n", row->name, row->strikes, row->seen);
    }
    buf_fini(&value);
    buf_fini(&range);
}

void config_print_limit_table(enum limit_kind kind, FILE *to)
{
    static const char *const names[] = {
        [LIMIT_KIND_LIMIT] = "Limit", [LIMIT_KIND_DEADLINE] = "Deadline"};
    struct config c;

    config_init(&c);
    fprintf(to, "| %s | Default | Range | Strikes when | The peer sees |\n|---|---|---|---|---|\n",
            names[kind]);
    for (enum limit l = LIMIT_NONE + 1; l < LIMIT_COUNT; l++) {
        if (limit_of(l)->kind == kind)
            print_row(to, limit_of(l), &c);
    }
    config_fini(&c);
}

void config_print_limits(FILE *to)
{
    config_print_limit_table(LIMIT_KIND_LIMIT, to);
    fputc('\n', to);
    config_print_limit_table(LIMIT_KIND_DEADLINE, to);
}
