/* SPDX-License-Identifier: Apache-2.0
 *
 * One resolution is shared by its starter and by the message or job that will answer it, and freed by
 * the last of the two. The starter lets go by cancelling, or by getting its callback; the job lets go
 * when it is done or dropped. A lookup that was cancelled while it waits for a thread is not begun; one that
 * runs does so to its end, as getaddrinfo cannot be interrupted, and its answer is thrown away.
 *
 * The callback belongs to the loop thread; the outcome belongs to the job until its message arrives. Only
 * the count of references and `is_cancelled` are touched by both.
 */
#include "core/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core_internal.h"

enum { MAX_ADDRESSES = 8, MAX_HOST = 255 };

struct resolve {
    atomic_uint refs;
    atomic_bool is_cancelled;
    resolve_cb cb;
    void *arg;
    char service[8];
    struct resolved addresses[MAX_ADDRESSES];
    unsigned count;
    struct err why;
    char host[MAX_HOST + 1];
};

static void unref(struct resolve *r)
{
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
        free(r);
}

static bool is_known(const struct resolve *r, const struct addrinfo *ai)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->addresses[i].len == ai->ai_addrlen &&
            memcmp(&r->addresses[i].addr, ai->ai_addr, ai->ai_addrlen) == 0)
            return true;
    }
    return false;
}

/* Fill the outcome; returns what getaddrinfo says. */
static int look_up(struct resolve *r, int flags)
{
    struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(r->host, r->service, &hints, &found);

    if (rc != 0) {
        err_set(&r->why, rc == EAI_AGAIN ? RC_AGAIN : RC_NOTFOUND, "%s: %s", r->host,
                rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return rc;
    }
    for (const struct addrinfo *ai = found; ai && r->count < MAX_ADDRESSES; ai = ai->ai_next) {
        struct resolved *to = &r->addresses[r->count];

        if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) ||
            ai->ai_addrlen > sizeof(to->addr) || is_known(r, ai))
            continue;
        memcpy(&to->addr, ai->ai_addr, ai->ai_addrlen);
        to->len = ai->ai_addrlen;
        r->count++;
    }
    freeaddrinfo(found);
    if (r->count > 0)
        r->why = (struct err){0}; /* a numeric try before may have failed */
    else
        err_set(&r->why, RC_NOTFOUND, "%s: no address", r->host);
    return 0;
}

static void work(void *arg)
{
    struct resolve *r = arg;

    if (!r->is_cancelled) /* else a thread would be held by a name that nobody waits for */
        look_up(r, 0);
}

static void on_done(void *arg)
{
    struct resolve *r = arg;

    if (!r->is_cancelled) {
        r->cb(r->addresses, r->count, &r->why, r->arg);
        unref(r); /* the starter's */
    }
    unref(r);
}

static void on_drop(void *arg)
{
    unref(arg);
}

enum rc resolve_start(struct jobpool *p, struct mailbox *reply_to, const char *host, uint16_t port,
                      resolve_cb cb, void *arg, struct resolve **out, struct err *err)
{
    struct job job = {.work = work, .done = on_done, .drop = on_drop};
    size_t len = strlen(host);
    struct resolve *r;

    *out = NULL;
    if (len == 0 || len > MAX_HOST)
        return err_set(err, RC_INVALID, "host name of %zu octets", len);
    r = xcalloc(1, sizeof(*r));
    atomic_init(&r->refs, 2);
    r->cb = cb;
    r->arg = arg;
    memcpy(r->host, host, len + 1);
    snprintf(r->service, sizeof(r->service), "%u", (unsigned)port);
    if (look_up(r, AI_NUMERICHOST) == 0) { /* never asks anybody, so it may run here */
        mailbox_post(reply_to, on_done, on_drop, r);
        *out = r;
        return RC_OK;
    }
    job.arg = r;
    if (jobpool_submit(p, reply_to, &job) != RC_OK) {
        free(r);
        return err_set_limit(err, LIMIT_max_waiting_jobs, 0, "too many names are being resolved");
    }
    *out = r;
    return RC_OK;
}

void resolve_cancel(struct resolve *r)
{
    if (!r)
        return;
    r->is_cancelled = true;
    unref(r);
}
