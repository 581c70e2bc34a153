/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns for people.
 *
 * The first rows are kept to find the widths; after MAX_KEPT rows the widths are settled and rows go
 * straight out, so that a large result takes no memory. Width is counted in terminal cells (wcwidth under
 * C.UTF-8): an ideograph takes two, a combining mark none. The last column is not padded.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "app_internal.h"
#include "core/arena.h"

enum { MAX_KEPT = 500 };

struct table {
    FILE *to;
    unsigned columns, max_width;
    const char *const *titles;
    unsigned *widths;
    char **kept; /* MAX_KEPT rows of cells */
    const char *colors[MAX_KEPT];
    unsigned kept_rows;
    bool is_settled;
};

/* wcwidth and mbrtowc follow the thread's locale; the process's stays as it is. */
static locale_t utf8_locale(void)
{
    static locale_t made;

    if (!made)
        made = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return made;
}

/* Cells of at most max columns (0 = all); *octets how much text that is. */
static unsigned measure(const char *text, unsigned max, size_t *octets)
{
    locale_t before = utf8_locale() ? uselocale(utf8_locale()) : (locale_t)0;
    size_t left = strlen(text), used = 0;
    unsigned width = 0;
    mbstate_t state = {0};

    while (left > 0) {
        wchar_t c;
        size_t n = mbrtowc(&c, text + used, left, &state);
        int w = 1;
        if (n == 0 || n > left) {
            n = 1; /* no UTF-8: an octet, a cell */
            memset(&state, 0, sizeof(state));
        } else {
            w = wcwidth(c);
        }
        if (w < 0)
            w = 1;
        if (max && width + (unsigned)w > max)
            break;
        width += (unsigned)w;
        used += n;
        left -= n;
    }
    if (before)
        uselocale(before);
    if (octets)
        *octets = used;
    return width;
}

unsigned text_width(const char *utf8)
{
    return measure(utf8, 0, NULL);
}

struct table *table_new(FILE *to, const char *const *titles, unsigned columns, unsigned max_width)
{
    struct table *t = xcalloc(1, sizeof(*t));

    t->to = to;
    t->titles = titles;
    t->columns = columns;
    t->max_width = max_width;
    t->widths = xcalloc(columns, sizeof(*t->widths));
    t->kept = xcalloc((size_t)columns * MAX_KEPT, sizeof(*t->kept));
    for (unsigned i = 0; i < columns; i++)
        t->widths[i] = text_width(titles[i]);
    return t;
}

static void print_cell(struct table *t, unsigned column, const char *text)
{
    unsigned limit = t->max_width, width = text_width(text);
    bool is_cut = limit > 0 && width > limit;
    size_t octets = strlen(text);

    if (is_cut)
        width = measure(text, limit - 1, &octets) + 1;
    fwrite(text, 1, octets, t->to);
    if (is_cut)
        fputs("\xE2\x80\xA6", t->to);
    if (column + 1 == t->columns)
        return;
    for (unsigned n = width; n < t->widths[column] + 2; n++)
        fputc(' ', t->to);
}

static void print_row(struct table *t, const char *const *cells, const char *color)
{
    if (color)
        fputs(color, t->to);
    for (unsigned i = 0; i < t->columns; i++)
        print_cell(t, i, cells[i] ? cells[i] : "");
    if (color)
        fputs("\033[0m", t->to);
    fputc('\n', t->to);
}

static void forget_rows(struct table *t)
{
    for (size_t i = 0; i < (size_t)t->kept_rows * t->columns; i++)
        free(t->kept[i]);
    t->kept_rows = 0;
}

static void settle(struct table *t)
{
    if (t->is_settled)
        return;
    t->is_settled = true;
    print_row(t, t->titles, NULL);
    for (unsigned r = 0; r < t->kept_rows; r++)
        print_row(t, (const char *const *)t->kept + (size_t)r * t->columns, t->colors[r]);
    forget_rows(t);
}

void table_row(struct table *t, const char *const *cells)
{
    table_row_colored(t, cells, NULL);
}

void table_row_colored(struct table *t, const char *const *cells, const char *color)
{
    if (t->is_settled) {
        print_row(t, cells, color);
        return;
    }
    for (unsigned i = 0; i < t->columns; i++) {
        const char *cell = cells[i] ? cells[i] : "";
        unsigned width = text_width(cell);
        if (t->max_width && width > t->max_width)
            width = t->max_width;
        if (width > t->widths[i])
            t->widths[i] = width;
        t->kept[(size_t)t->kept_rows * t->columns + i] = xstrdup(cell);
    }
    t->colors[t->kept_rows] = color;
    if (++t->kept_rows == MAX_KEPT)
        settle(t);
}

void table_discard(struct table *t)
{
    forget_rows(t);
    free(t->kept);
    free(t->widths);
    free(t);
}

void table_end(struct table *t)
{
    settle(t);
    table_discard(t);
}
