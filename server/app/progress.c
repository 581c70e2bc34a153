/* SPDX-License-Identifier: Apache-2.0
 *
 * A progress bar on standard error, when that is a terminal. Redrawn at most ten times a second.
 */
#include <unistd.h>

#include "app_internal.h"
#include "core/clock.h"

enum { REDRAW_MS = 100, BAR_CELLS = 30 };

static void draw(struct progress *p)
{
    char bar[BAR_CELLS + 1];
    int64_t elapsed = clock_now_ms() - p->started_ms;
    unsigned long total = p->total ? p->total : 1;
    unsigned long done = p->done < total ? p->done : total;
    unsigned filled = (unsigned)(done * BAR_CELLS / total);

    for (unsigned i = 0; i < BAR_CELLS; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r%s [%s] %lu/%lu %3lu%%", p->what, bar, p->done, p->total,
            done * 100 / total);
    if (elapsed > 1000)
        fprintf(stderr, "  %.0f/s", (double)p->done * 1000 / (double)elapsed);
    fputs("\x1b[K", stderr);
    fflush(stderr);
}

void progress_start(struct progress *p, const char *what, unsigned long total)
{
    *p = (struct progress){
        .what = what, .total = total, .started_ms = clock_now_ms(), .is_on = isatty(2) != 0};
}

void progress_step(struct progress *p, unsigned long done)
{
    p->done = done;
    if (!p->is_on || clock_now_ms() - p->shown_ms < REDRAW_MS)
        return;
    p->shown_ms = clock_now_ms();
    draw(p);
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
