/* SPDX-License-Identifier: Apache-2.0
 *
 * soak_peers: thousands of DICOM peers, good and bad, against one server.
 *
 *   soak_peers PORT SEED SLOTS DEADLINE_MS
 *
 * SLOTS associations at once, each slot a fiber with an AE title of its own (SOAK000 ...), and the destinations of
 * C-MOVE besides. What association N does follows from the seed and N alone, so that a run can be repeated and a
 * single association too.
 *
 * tests/soak/run drives it, a line for a line, and watches the server meanwhile:
 *
 *   base            store the base
 *   fill            store large objects again, all at once
 *   draw            get and move immense ones, all at once
 *   warm FIRST N    associations FIRST to FIRST + N - 1, of the good behaviours only
 *   run FIRST N     the same, of all behaviours
 *   only BEHAVIOUR  from now on everybody does this; without a name, as the table says
 *   faults 0|1      connections to the database are not, are being cut
 *   verify          get everything acknowledged back and compare
 *   report          all counts as JSON
 *   quit
 *
 * Each but report and quit is answered by `done ASSOCIATIONS FAILED EXCUSED MILLISECONDS`; what failed is said on
 * standard error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "behaviours.h"
#include "destinations.h"
#include "fiber.h"

enum { MAX_SLOTS = 1000, CHUNK = 400, LINE = 200, FILLERS = 32, WAIT_MS = 50, LATE_MS = 30000 };

static struct peer slots[MAX_SLOTS];
static unsigned slot_count;
static const struct behaviour *only;
int64_t deadline_ms;

struct tally {
    unsigned long count, failed, excused;
    int64_t ms, most_ms;
};
static struct tally tallies[64]; /* by behaviour, */
static unsigned running[64];     /* as this */

struct peer *peer_of_title(const char *title)
{
    unsigned n;
    return sscanf(title, "SOAK%u", &n) == 1 && n < slot_count ? &slots[n] : NULL;
}

/* ---- one association ---- */

static unsigned pick(struct rng *r, bool is_warm_up)
{
    unsigned total = 0, n = 0;
    if (only) {
        return (unsigned)(only - behaviours);
    }
    for (unsigned i = 0; i < behaviour_count; i++) {
        total += is_warm_up && !behaviours[i].is_warm_up ? 0 : behaviours[i].weight;
    }
    for (uint32_t at = rng_below(r, total);; n++) {
        unsigned weight = is_warm_up && !behaviours[n].is_warm_up ? 0 : behaviours[n].weight;
        if (at < weight) {
            return n;
        }
        at -= weight;
    }
}

/* Calls fn with the peer made ready; counts how it went. */
static void attempt(struct peer *p, uint64_t number, const char *name, struct tally *t,
                    void (*fn)(struct peer *p, void *arg), void *arg)
{
    p->began_ms = now_ms();
    p->number = number;
    p->behaviour = name;
    p->out.len = p->object.len = 0;
    p->move_id = 0;
    peer_want_nothing(p);
    switch (setjmp(p->leave)) {
    case 0:
        fn(p, arg);
        break;
    case LEAVE_FAILED:
        t->failed++;
        break;
    default:
        t->excused++;
        break;
    }
    peer_close(p);
    p->behaviour = NULL;
    int64_t took = now_ms() - p->began_ms;
    t->count++;
    t->ms += took;
    t->most_ms = took > t->most_ms ? took : t->most_ms;
}

/* ---- a phase: everybody takes the next piece of work until there is none ---- */

static struct {
    uint64_t next, end, step;
    bool is_warm_up;
    void (*piece)(struct peer *p, uint64_t first);
    unsigned working;
    struct tally total;
} phase;

static void call_behaviour(struct peer *p, void *arg)
{
    const struct behaviour *b = arg;
    b->play(p);
}

static void play_association(struct peer *p, uint64_t number)
{
    p->rng = rng_of(seed, number);
    unsigned n = pick(&p->rng, phase.is_warm_up);
    while (behaviours[n].most_at_once && running[n] >= behaviours[n].most_at_once) {
        fiber_sleep(WAIT_MS);
    }
    running[n]++;
    attempt(p, number, behaviours[n].name, &tallies[n], call_behaviour, (void *)&behaviours[n]);
    running[n]--;
}

struct range {
    unsigned first, end;
    void (*fn)(struct peer *p, unsigned first, unsigned end);
};

static void call_range(struct peer *p, void *arg)
{
    struct range *r = arg;
    r->fn(p, r->first, r->end);
}

static void play_range(struct peer *p, uint64_t first, const char *name,
                       void (*fn)(struct peer *p, unsigned first, unsigned end))
{
    uint64_t end = first + phase.step < phase.end ? first + phase.step : phase.end;
    struct range r = {(unsigned)first, (unsigned)end, fn};
    p->rng = rng_of(seed, first);
    attempt(p, first, name, &phase.total, call_range, &r);
}

static void play_base(struct peer *p, uint64_t first)
{
    play_range(p, first, "store base", store_base);
}

static void play_fill(struct peer *p, uint64_t first)
{
    play_range(p, first, "fill", store_largest);
}

static void play_draw(struct peer *p, uint64_t first)
{
    play_range(p, first, "draw", fetch_immense);
}

static void play_get_base(struct peer *p, uint64_t first)
{
    play_range(p, first, "get base", get_base);
}

static void play_get_acknowledged(struct peer *p, uint64_t first)
{
    play_range(p, first, "get acknowledged", get_acknowledged);
}

static void work(void *arg)
{
    struct peer *p = arg;
    while (phase.next < phase.end) {
        uint64_t first = phase.next;
        phase.next += phase.step;
        phase.piece(p, first);
    }
    peer_dispose(p);
    phase.working--;
}

/* Sum of all there is, phases by range included. */
static struct tally all(void)
{
    struct tally sum = phase.total;
    for (unsigned i = 0; i < behaviour_count; i++) {
        sum.count += tallies[i].count;
        sum.failed += tallies[i].failed;
        sum.excused += tallies[i].excused;
    }
    return sum;
}

/* Who has been at it for long: where to look when a run does not end. */
static void name_the_late(int64_t now)
{
    for (unsigned i = 0; i < slot_count; i++) {
        const struct peer *p = &slots[i];
        if (p->behaviour && now - p->began_ms > LATE_MS) {
            fprintf(stderr, "association %" PRIu64 " (%s, %s) has been at it for %lld s\n",
                    p->number, p->behaviour, p->title, (long long)(now - p->began_ms) / 1000);
        }
    }
}

static void run_phase(uint64_t first, uint64_t end, uint64_t step,
                      void (*piece)(struct peer *p, uint64_t first))
{
    phase.next = first;
    phase.end = end;
    phase.step = step;
    phase.piece = piece;
    phase.working = slot_count;
    for (unsigned i = 0; i < slot_count; i++) {
        fiber_start(work, &slots[i]);
    }
    for (int64_t told = now_ms(); phase.working > 0;) {
        fiber_sleep(10);
        if (now_ms() - told > LATE_MS) {
            told = now_ms();
            name_the_late(told);
        }
    }
}

/* ---- the console ---- */

static void report(void)
{
    printf("{\"acknowledged\": %u, \"attempts\": %u, \"busy_destinations\": %u, ",
           acknowledged_count(), attempt_count(), destinations_busy());
    print_statuses();
    printf(", \"behaviours\": {");
    for (unsigned i = 0; i < behaviour_count; i++) {
        const struct tally *t = &tallies[i];
        printf("%s\"%s\": {\"most_at_once\": %u, \"count\": %lu, \"failed\": %lu, \"excused\": "
               "%lu, \"mean_ms\": %.1f, "
               "\"most_ms\": %lld}",
               i ? ", " : "", behaviours[i].name, behaviours[i].most_at_once, t->count, t->failed,
               t->excused, t->count ? (double)t->ms / (double)t->count : 0, (long long)t->most_ms);
    }
    printf("}}\n");
}

static bool set_only(const char *name)
{
    only = NULL;
    for (unsigned i = 0; i < behaviour_count; i++) {
        if (strcmp(behaviours[i].name, name) == 0) {
            only = &behaviours[i];
        }
    }
    return only || !*name;
}

static bool obey(const char *line)
{
    uint64_t first, count;
    unsigned flag;
    struct tally before = all();
    int64_t began = now_ms();
    phase.is_warm_up = strncmp(line, "warm ", 5) == 0;
    if (strcmp(line, "base") == 0) {
        run_phase(0, BASE_COUNT, 10, play_base);
    } else if (strcmp(line, "fill") == 0) {
        run_phase(0, FILLERS, 1, play_fill);
    } else if (strcmp(line, "draw") == 0) {
        run_phase(0, FILLERS, 1, play_draw);
    } else if (sscanf(line, "%*[a-z] %" SCNu64 " %" SCNu64, &first, &count) == 2) {
        run_phase(first, first + count, 1, play_association);
    } else if (strcmp(line, "verify") == 0) {
        run_phase(0, BASE_COUNT, BASE_COUNT, play_get_base);
        run_phase(0, acknowledged_count(), CHUNK, play_get_acknowledged);
    } else if (sscanf(line, "faults %u", &flag) == 1) {
        has_faults = flag;
    } else if (strncmp(line, "only ", 5) == 0) {
        if (!set_only(line + 5)) {
            return false;
        }
    } else if (strcmp(line, "report") == 0) {
        report();
        return true;
    } else {
        return false;
    }
    struct tally after = all();
    printf("done %lu %lu %lu %lld\n", after.count - before.count, after.failed - before.failed,
           after.excused - before.excused, (long long)(now_ms() - began));
    return true;
}

static void console(void *arg)
{
    char text[LINE];
    size_t len = 0;
    (void)arg;
    destinations_start();
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        (void)fiber_wait(STDIN_FILENO, EPOLLIN, -1);
        ssize_t n = read(STDIN_FILENO, text + len, 1);
        if (n <= 0) {
            exit(0); /* nobody tells us any more */
        }
        if (text[len] != '\n' && len + 1 < sizeof text) {
            len++;
            continue;
        }
        text[len] = 0;
        len = 0;
        if (!obey(text)) {
            exit(strcmp(text, "quit") != 0);
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 5) {
        fprintf(stderr, "usage: soak_peers PORT SEED SLOTS DEADLINE_MS\n");
        return 2;
    }
    server_port = (uint16_t)atoi(argv[1]);
    seed = strtoull(argv[2], NULL, 10);
    slot_count = (unsigned)atoi(argv[3]);
    deadline_ms = atoi(argv[4]);
    if (slot_count < 1 || slot_count > MAX_SLOTS || deadline_ms < 1) {
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    for (unsigned i = 0; i < slot_count; i++) {
        slots[i].fd = -1;
        slots[i].slot = i;
        snprintf(slots[i].title, sizeof slots[i].title, "SOAK%03u", i);
    }
    fiber_start(console, NULL);
    fiber_run();
    return 0;
}
