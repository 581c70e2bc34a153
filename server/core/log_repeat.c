/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines that strangers cause. Whoever can reach a port can make us write a line as often as he can connect; so of
 * what is the same (event, subject, address) one line comes in repeat_ms, and MOST lines in all. What is left out
 * is counted and told in one line afterwards; the counters in core/metrics.h count everything anyway.
 *
 * A table of SLOTS places, each for what hashes to it last: bounded, and good enough, as two that share a place
 * only come more often than they need. The lock is held for a look at one place; nothing is written under it.
 */
#include "core/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"

enum { SLOTS = 256, MOST = 200, DEFAULT_REPEAT_MS = 60000 };

struct slot {
    uint64_t key; /* 0 = free */
    int64_t since_ms;
    unsigned long long left_out;
    const char *event;
    char subject[64];
    char address[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[SLOTS];
static int64_t repeat_ms = DEFAULT_REPEAT_MS;
/* Of all together since since_ms. */
static struct {
    int64_t since_ms;
    unsigned lines;
    unsigned long long left_out;
} all;

static uint64_t add_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 1099511628211u; /* FNV-1a, the NUL included */
    while (*text++);
    return hash;
}

static void tell(const struct slot *s)
{
    if (s->left_out)
        log_info(NULL, "log.suppressed", "of=%s subject=\"%s\" address=%s lines=%llu", s->event,
                 s->subject, s->address, s->left_out);
}

static void tell_all(unsigned long long left_out)
{
    if (left_out)
        log_info(NULL, "log.suppressed", "of=all lines=%llu", left_out);
}

void log_set_repeat(int64_t ms)
{
    pthread_mutex_lock(&lock);
    repeat_ms = ms;
    pthread_mutex_unlock(&lock);
}

/* Begins a new count of all when the old one is over; what that left out. */
static unsigned long long turn_over(int64_t now, bool is_end)
{
    unsigned long long left_out = all.left_out;
    if (!is_end && now - all.since_ms < repeat_ms)
        return 0;
    all.since_ms = now;
    all.lines = 0;
    all.left_out = 0;
    return left_out;
}

/* Under the lock. *before: who had the place, to be told. */
static bool take_place(struct slot *s, uint64_t key, int64_t now, struct slot *before)
{
    if (s->key == key && now - s->since_ms < repeat_ms) {
        s->left_out++;
        return false;
    }
    if (all.lines >= MOST) {
        all.left_out++;
        return false;
    }
    all.lines++;
    *before = *s;
    s->key = key;
    s->since_ms = now;
    s->left_out = 0;
    return true;
}

bool log_is_due(const char *event, const char *subject, const char *address)
{
    uint64_t key = add_text(add_text(add_text(14695981039346656037u, event), subject), address);
    struct slot *s = &slots[key % SLOTS], before = {0};
    int64_t now = clock_now_ms();

    pthread_mutex_lock(&lock);
    if (repeat_ms == 0) {
        pthread_mutex_unlock(&lock);
        return true;
    }
    unsigned long long left_out = turn_over(now, false);
    bool is_due = take_place(s, key, now, &before);
    if (is_due) {
        s->event = event;
        snprintf(s->subject, sizeof(s->subject), "%s", subject);
        snprintf(s->address, sizeof(s->address), "%s", address);
    }
    pthread_mutex_unlock(&lock);
    tell(&before);
    tell_all(left_out);
    return is_due;
}

void log_tell_suppressed(bool is_end)
{
    int64_t now = clock_now_ms();
    unsigned long long left_out;

    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot over = {0};
        pthread_mutex_lock(&lock);
        if (slots[i].key && (is_end || now - slots[i].since_ms >= repeat_ms)) {
            over = slots[i];
            slots[i] = (struct slot){0};
        }
        pthread_mutex_unlock(&lock);
        tell(&over);
    }
    pthread_mutex_lock(&lock);
    left_out = turn_over(now, is_end);
    pthread_mutex_unlock(&lock);
    tell_all(left_out);
}
