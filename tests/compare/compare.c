/* SPDX-License-Identifier: Apache-2.0
 *
 *   compare [--seed S] [--protocols N] [--identifiers N | --seconds N | --case N] [--stop-after N]
 *           [--icu LOCALE]
 *   compare --plants [--seed S] [--protocols N] [--identifiers N]
 *
 * Everything follows from the seed: object n and identifier n are the same in each run with the same seed and
 * number of protocols; a third as many approvals come with them. See README.md.
 */
#include "compare.h"

#include <stdarg.h>

#include "campaign.h"
#include "core/clock.h"
#include "core/log.h"
#include "dcm/dict.h"

enum { KIND_PROTOCOL = 1, KIND_IDENTIFIER = 2, RETIRED_ONE_IN = 40, REBUILT_ONE_IN = 7 };

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("compare: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

struct options {
    uint64_t seed, identifiers, only; /* only: that identifier; UINT64_MAX = all */
    unsigned protocols, seconds;      /* seconds: seed after seed, for so long */
    unsigned stop_after;              /* differences */
    bool plants;
    const char *icu_locale; /* of the databases; NULL = C.UTF-8 */
};

struct run {
    struct options options;
    struct subject *subjects; /* the protocols, then the approvals */
    struct entity *entities;
    unsigned count, approvals;
    struct product *many, *alone;
    struct arena *arena, *scratch;
    struct tally tally;
    unsigned differences; /* of all seeds */
};

static struct product *sounding;

static void ask_for_sounds(const char *word, char out[2][SOUND_TEXT])
{
    product_sounds(sounding, word, out);
}

static bool is_rebuilt(unsigned number)
{
    return number % REBUILT_ONE_IN == 0;
}

static void fill(struct run *r)
{
    unsigned count = r->options.protocols + r->options.protocols / 3;
    struct buf octets;
    buf_init(&octets, 0);
    r->count = count;
    r->approvals = count - r->options.protocols;
    r->subjects = arena_array(r->arena, count, sizeof(*r->subjects));
    r->entities = arena_array(r->arena, count, sizeof(*r->entities));
    product_begin(r->many);
    for (unsigned i = 0; i < count; i++) {
        struct chance c = chance_of(r->options.seed, KIND_PROTOCOL, i);
        struct subject *s = &r->subjects[i];
        object_make(&c, i < r->options.protocols ? &protocols : &approvals, i + 1, r->arena, s);
        struct span made = subject_encode(s, r->scratch, &octets);
        struct span kept =
            span_of(arena_strndup(r->arena, (const char *)made.data, made.len), made.len);
        arena_reset(r->scratch);
        if (!product_store(r->many, kept, s->ts, is_rebuilt(i + 1)) ||
            !entity_read(kept, s->ts, s->model, r->arena, &r->entities[i])) {
            subject_show(s, stderr);
            die("object %u of seed %llu is refused", i + 1, (unsigned long long)r->options.seed);
        }
        r->entities[i].is_hidden = i % RETIRED_ONE_IN == RETIRED_ONE_IN - 1;
        if (r->entities[i].is_hidden)
            product_retire(r->many, i + 1);
    }
    product_commit(r->many);
    buf_fini(&octets);
}

/* What this requester is configured with, and has negotiated. */
static struct requester requester_of(struct chance *c)
{
    static const char *const sets[] = {NULL, NULL, "ISO_IR 100", "ISO_IR 192", "ISO_IR 144"};
    static const struct {
        const char *name;
        int minutes;
    } zones[] = {{NULL, 0}, {"UTC", 0}, {"Etc/GMT-2", 120}, {"Etc/GMT+7", -420}};
    unsigned zone = chance_below(c, COUNT(zones));
    return (struct requester){.charset = sets[chance_below(c, COUNT(sets))],
                              .adjusts = chance_percent(c, 40),
                              .is_fuzzy = chance_percent(c, 40),
                              .max_matches = chance_percent(c, 90) ? 0 : 1 + chance_below(c, 50),
                              .site_zone = zones[zone].name,
                              .site_minutes = zones[zone].minutes};
}

static void case_make(struct run *r, uint64_t n, struct subject *out, struct requester *requester)
{
    struct chance c = chance_of(r->options.seed, KIND_IDENTIFIER, n);
    bool is_approval = chance_percent(&c, 35) && r->approvals > 0;
    *requester = requester_of(&c);
    identifier_make(&c, r->subjects + (is_approval ? r->options.protocols : 0),
                    is_approval ? r->approvals : r->options.protocols, r->scratch, out);
}

static struct stock stock_of(struct run *r)
{
    return (struct stock){r->many, r->entities, r->count, 1, r->options.plants};
}

static bool shrink_case(struct run *r, const struct subject *identifier,
                        const struct requester *requester, const struct difference *d,
                        struct arena *arena, struct shrunk *out)
{
    *out = (struct shrunk){.identifier = subject_copy(identifier, arena), .requester = *requester};
    out->difference.kind = d->kind;
    out->number = d->number;
    if (d->number > 0) {
        out->object = r->subjects[d->number - 1];
        out->is_hidden = r->entities[d->number - 1].is_hidden;
        out->is_rebuilt = is_rebuilt(d->number);
    }
    return shrink(r->alone, out, arena);
}

static void show(const struct subject *identifier, const struct subject *object,
                 const struct requester *requester, const struct difference *d)
{
    printf("  identifier, by %s%s%s%s:\n",
           requester->charset ? requester->charset : "one without a set of its own",
           requester->is_fuzzy ? ", with fuzzy names" : "",
           requester->adjusts ? ", with time zone adjustment at " : "",
           !requester->adjusts    ? ""
           : requester->site_zone ? requester->site_zone
                                  : "no site");
    subject_show(identifier, stdout);
    if (object->tree) {
        printf("  %s:\n", object->model == &protocols ? "protocol" : "approval");
        subject_show(object, stdout);
    }
    printf("  %s: %s\n", difference_name(d->kind), d->text);
    if (d->response.len > 0)
        printf("%.*s", (int)d->response.len, (const char *)d->response.data);
}

static void report(struct run *r, uint64_t n, const struct subject *identifier,
                   const struct requester *requester, const struct difference *d)
{
    struct arena *arena = arena_new(0);
    struct shrunk s;
    const char *locale = r->options.icu_locale;
    printf("\ndifference: tests/compare/run --seed %llu --protocols %u --case %llu%s%s\n",
           (unsigned long long)r->options.seed, r->options.protocols, (unsigned long long)n,
           locale ? " --icu " : "", locale ? locale : "");
    if (shrink_case(r, identifier, requester, d, arena, &s)) {
        show(&s.identifier, &s.object, &s.requester, &s.difference);
        printf("  (after %u steps)\n", s.steps);
    } else {
        printf("  not with this object alone, so as it was:\n");
        show(identifier, d->number ? &r->subjects[d->number - 1] : &(struct subject){0}, requester,
             d);
    }
    fflush(stdout);
    buf_fini(&s.difference.response);
    arena_free(arena);
}

/* One identifier; true when the sides agree. */
static bool play(struct run *r, uint64_t n, struct difference *d, struct subject *identifier,
                 struct requester *requester)
{
    struct stock stock = stock_of(r);
    arena_reset(r->scratch);
    case_make(r, n, identifier, requester);
    compare(&stock, identifier, requester, r->scratch, &r->tally, d);
    return d->kind == SAME;
}

static void summarise(struct run *r)
{
    const struct tally *t = &r->tally;
    printf("seed %llu: %u protocols, %u approvals, %llu identifiers (%llu refused, %llu matched "
           "none, %llu some, "
           "%llu all), "
           "%llu matches, %llu responses compared, %llu differences\n",
           (unsigned long long)r->options.seed, r->options.protocols, r->approvals,
           (unsigned long long)t->identifiers, (unsigned long long)t->refused,
           (unsigned long long)t->none, (unsigned long long)t->some, (unsigned long long)t->all,
           (unsigned long long)t->matches, (unsigned long long)t->responses,
           (unsigned long long)t->differences);
    fflush(stdout);
    if (t->identifiers >= 1000 && (t->some * 4 < t->identifiers || t->responses < t->some))
        die("the identifiers say too little: a quarter of them should match some objects");
}

/* The identifiers of one seed, until `end`. */
static void play_seed(struct run *r, int64_t end)
{
    const struct options *o = &r->options;
    bool is_one = o->only != UINT64_MAX;
    struct difference d = {0};

    fill(r);
    memset(&r->tally, 0, sizeof(r->tally));
    for (uint64_t n = is_one ? o->only : 0; n < (is_one ? o->only + 1 : o->identifiers); n++) {
        struct subject identifier;
        struct requester requester;
        if (clock_now_us() >= end || r->differences >= o->stop_after)
            break;
        if (play(r, n, &d, &identifier, &requester))
            continue;
        r->differences++;
        r->tally.differences++;
        report(r, n, &identifier, &requester, &d);
    }
    buf_fini(&d.response);
    summarise(r);
}

static int campaign(struct run *r)
{
    struct options *o = &r->options;
    int64_t end = o->seconds ? clock_now_us() + (int64_t)o->seconds * 1000000 : INT64_MAX;
    play_seed(r, end);
    while (o->seconds && clock_now_us() < end && r->differences < o->stop_after) {
        o->seed++;
        product_empty(r->many);
        arena_reset(r->arena);
        play_seed(r, end);
    }
    return r->differences > 0;
}

/* ---- the comparison itself put to the test ---- */

/* The first identifier that shows the planted fault, and nothing else. */
static bool meets_plant(struct run *r, uint64_t n, enum plant p, struct difference *d,
                        struct subject *identifier, struct requester *requester)
{
    planted = p;
    if (play(r, n, d, identifier, requester))
        return false;
    planted = PLANT_NONE;
    bool is_clean = play(r, n, d, identifier, requester);
    planted = p;
    return is_clean && !play(r, n, d, identifier, requester);
}

/* What a shrunk case may be at most. */
enum { MOST_OF_IDENTIFIER = 4, MOST_OF_OBJECT = 8 };

static bool find_plant(struct run *r, enum plant p)
{
    struct arena *arena = arena_new(0);
    struct difference d = {0};
    struct subject identifier;
    struct requester requester;
    struct shrunk s = {0};
    uint64_t n = 0;
    bool ok = false;

    while (n < r->options.identifiers && !meets_plant(r, n, p, &d, &identifier, &requester))
        n++;
    if (n == r->options.identifiers) {
        printf("%-18s not found by %llu identifiers: %s\n", plant_name(p), (unsigned long long)n,
               plant_text(p));
    } else {
        bool shows = shrink_case(r, &identifier, &requester, &d, arena, &s);
        unsigned a = subject_elements(&s.identifier);
        unsigned b = s.object.tree ? subject_elements(&s.object) : 0;
        ok = shows && a <= MOST_OF_IDENTIFIER && b <= MOST_OF_OBJECT;
        printf("%-18s identifier %-4llu %-8s shrunk in %4u steps to %u and %u elements%s\n",
               plant_name(p), (unsigned long long)n, difference_name(d.kind), s.steps, a, b,
               ok ? "" : ": NOT SMALL");
        if (!ok)
            show(&s.identifier, &s.object, &s.requester, &s.difference);
    }
    planted = PLANT_NONE;
    buf_fini(&d.response);
    buf_fini(&s.difference.response);
    arena_free(arena);
    return ok;
}

static int find_plants(struct run *r)
{
    unsigned lost = 0;
    fill(r);
    for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++)
        lost += !find_plant(r, (enum plant)p);
    printf("%d faults planted, %u not found\n", PLANT_COUNT - 1, lost);
    return lost > 0;
}

/* ---- */

static struct options read_options(int argc, char **argv)
{
    struct options o = {
        .seed = 1, .identifiers = 2000, .only = UINT64_MAX, .protocols = 1000, .stop_after = 10};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--plants") == 0) {
            o.plants = true;
            continue;
        }
        if (strcmp(argv[i], "--icu") == 0 && i + 1 < argc) {
            o.icu_locale = argv[++i];
            continue;
        }
        char *end = NULL;
        unsigned long long n = i + 1 < argc ? strtoull(argv[i + 1], &end, 10) : 0;
        if (!end || *end || end == argv[i + 1])
            die("%s: needs a number (--seed, --protocols, --identifiers, --seconds, --case, "
                "--stop-after)",
                argv[i]);
        if (strcmp(argv[i], "--seed") == 0)
            o.seed = n;
        else if (strcmp(argv[i], "--protocols") == 0 && n > 0)
            o.protocols = (unsigned)n;
        else if (strcmp(argv[i], "--identifiers") == 0)
            o.identifiers = n;
        else if (strcmp(argv[i], "--seconds") == 0)
            o.seconds = (unsigned)n;
        else if (strcmp(argv[i], "--case") == 0)
            o.only = n;
        else if (strcmp(argv[i], "--stop-after") == 0)
            o.stop_after = (unsigned)n;
        else
            die("%s: unknown, or out of range", argv[i]);
        i++;
    }
    return o;
}

int main(int argc, char **argv)
{
    struct run r = {
        .options = read_options(argc, argv), .arena = arena_new(0), .scratch = arena_new(0)};
    struct err err = {0};
    log_configure(LOG_WARN, LOG_LOGFMT);
    if (dcm_init(&err) != RC_OK)
        die("%s", err.text);
    r.many = product_open("compare", r.options.icu_locale);
    r.alone = product_open("compare_alone", r.options.icu_locale);
    sounding = r.many;
    sounds_of = ask_for_sounds;
    int status = r.options.plants ? find_plants(&r) : campaign(&r);
    product_close(r.many);
    product_close(r.alone);
    arena_free(r.arena);
    arena_free(r.scratch);
    return status;
}
