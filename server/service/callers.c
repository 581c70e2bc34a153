/* SPDX-License-Identifier: Apache-2.0
 *
 * service/callers: how many associations and operations each calling AE title has on this server, so that one
 * peer cannot take what all share (decision: a bound per AE).
 *
 * The associations of a title are spread over the workers, so the account is the process's. An entry lives while
 * its title has an association; a front holds one from its admission to its end. The table is taken under a lock
 * when an association comes and goes, which is rare; operations are counted in the entry, without a lock.
 *
 * Titles are what peers say they are. Where unknown titles are taken, a peer may say another one each time, and
 * only the bounds of the whole server hold.
 */
#include "service_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256 };

struct caller {
    char ae_title[AET_MAX + 1];
    unsigned associations; /* guarded by the lock */
    atomic_uint operations;
    LIST_ENTRY(caller) link;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(bucket, caller) buckets[BUCKETS];

static struct bucket *bucket_of(const char *ae_title)
{
    return &buckets[text_hash(ae_title) % BUCKETS];
}

static struct caller *find_or_make(const char *ae_title)
{
    struct bucket *b = bucket_of(ae_title);
    struct caller *c;
    LIST_FOREACH (c, b, link) {
        if (strcmp(c->ae_title, ae_title) == 0)
            return c;
    }
    c = xcalloc(1, sizeof *c);
    strncpy(c->ae_title, ae_title, AET_MAX);
    LIST_INSERT_HEAD(b, c, link);
    return c;
}

struct caller *caller_enter(const char *ae_title, unsigned limit)
{
    pthread_mutex_lock(&lock);
    struct caller *c = find_or_make(ae_title);
    bool is_full = limit && c->associations >= limit;
    if (!is_full)
        c->associations++;
    pthread_mutex_unlock(&lock);
    return is_full ? NULL : c; /* one that is full has an association, so it was not made now */
}

void caller_leave(struct caller *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&lock);
    if (--c->associations == 0) {
        LIST_REMOVE(c, link);
        free(c);
    }
    pthread_mutex_unlock(&lock);
}

bool caller_begin(struct caller *c, unsigned limit)
{
    unsigned before = atomic_fetch_add_explicit(&c->operations, 1, memory_order_relaxed);
    if (limit && before >= limit) {
        caller_end(c);
        return false;
    }
    return true;
}

void caller_end(struct caller *c)
{
    atomic_fetch_sub_explicit(&c->operations, 1, memory_order_relaxed);
}
