/* SPDX-License-Identifier: Apache-2.0
 *
 * A progress bar on standard error, when that is a terminal. Redrawn at most ten times a second.
 *
 * Rate and time left are those of the last moments, not of the whole run: one that goes on where it was interrupted passes
 * over what is there already many times faster than it does the rest.
 */
#include <unistd.h>

#include "app_internal.h"
#include "core/clock.h"

enum { REDRAW_MS = 100, BAR_CELLS = 30, SETTLED_MS = 1000 };

/* How far it was when: every so often, the oldest gives way. */
static void keep_mark(struct progress *p, int64_t now)
{
    unsigned last = (p->mark_next + PROGRESS_MARKS - 1) % PROGRESS_MARKS;

    if (p->mark_count > 0 && now - p->marks[last].at_ms < PROGRESS_MARK_MS)
        return;
    p->marks[p->mark_next] =
        (struct progress_mark){.at_ms = now, .done = p->done, .items = p->items};
    p->mark_next = (p->mark_next + 1) % PROGRESS_MARKS;
    if (p->mark_count < PROGRESS_MARKS)
        p->mark_count++;
}

static struct progress_mark oldest_mark(const struct progress *p)
{
    return p->marks[p->mark_count < PROGRESS_MARKS ? 0 : p->mark_next];
}

void progress_format(const struct progress *p, int64_t now, struct buf *out)
{
    char bar[BAR_CELLS + 1];
    unsigned long total = p->total ? p->total : 1;
    unsigned long done = p->done < total ? p->done : total;
    unsigned filled = (unsigned)((double)done * BAR_CELLS / (double)total);
    struct progress_mark from = oldest_mark(p);
    double seconds = (double)(now - from.at_ms) / 1000;

    for (unsigned i = 0; i < BAR_CELLS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    buf_printf(out, "%s [%s] ", p->what, bar);
    if (p->counts_items)
        buf_printf(out, "%3.0f%%  %lu", (double)done * 100 / (double)total, p->items);
    else
        buf_printf(out, "%lu/%lu %3lu%%", p->done, p->total, done * 100 / total);
    if (p->mark_count == 0 || now - from.at_ms < SETTLED_MS)
        return;
    buf_printf(out, "  %.0f/s", (double)(p->items - from.items) / seconds);
    if (p->done > from.done && done < total) {
        double left = (double)(total - done) * seconds / (double)(p->done - from.done);
        unsigned whole = left < 359999 ? (unsigned)left : 359999;
        if (whole >= 3600)
            buf_printf(out, "  %u:%02u:%02u left", whole / 3600, whole / 60 % 60, whole % 60);
        else
            buf_printf(out, "  %u:%02u left", whole / 60, whole % 60);
    }
}

static void draw(const struct progress *p, int64_t now)
{
    struct buf line = {0};

    progress_format(p, now, &line);
    fprintf(stderr, "\r%s\x1b[K", buf_cstr(&line));
    fflush(stderr);
    buf_fini(&line);
}

void progress_start(struct progress *p, const char *what, unsigned long total)
{
    *p = (struct progress){.what = what, .total = total, .is_on = isatty(2) != 0};
    keep_mark(p, clock_now_ms());
}

void progress_step_of(struct progress *p, unsigned long done, unsigned long items, int64_t now)
{
    p->done = done;
    p->items = items;
    keep_mark(p, now);
}

static void show(struct progress *p)
{
    int64_t now = clock_now_ms();

    if (!p->is_on || now - p->shown_ms < REDRAW_MS)
        return;
    p->shown_ms = now;
    draw(p, now);
}

void progress_step(struct progress *p, unsigned long done)
{
    progress_step_of(p, done, done, clock_now_ms());
    show(p);
}

void progress_step_items(struct progress *p, unsigned long done, unsigned long items)
{
    p->counts_items = true;
    progress_step_of(p, done, items, clock_now_ms());
    show(p);
}

void progress_clear(struct progress *p)
{
    if (!p->is_on || !p->shown_ms)
        return;
    fputs("\r\x1b[K", stderr);
    fflush(stderr);
    p->shown_ms = 0;
}

void progress_end(struct progress *p)
{
    progress_clear(p);
    p->is_on = false;
}
