/* SPDX-License-Identifier: Apache-2.0
 *
 * A wildcard address is bound as IPv6 that also takes IPv4, so one socket serves both; where the system
 * has no IPv6 it is IPv4 alone. Each event accepts a bounded number of connections, so that a flood does
 * not keep the loop from its other work.
 *
 * Without descriptors (EMFILE, ENFILE) the connection stays in the kernel's queue and the socket stays
 * readable: accepting pauses instead of spinning, and the peer waits or gives up by its own deadline.
 */
#include "core/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/log.h"
#include "core/network.h"
#include "core_internal.h"

enum { ACCEPTS_PER_EVENT = 32, LAST_EVENTS = 4096 / ACCEPTS_PER_EVENT, PAUSE_MS = 500 };

struct listener {
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_timer *pause;
    listener_cb cb;
    void *arg;
    int fd; /* -1 = freed */
    uint16_t port;
    char name[ADDRESS_TEXT];
};

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False: nothing is left to take, or nothing can be taken. */
static bool take_some(struct listener *li)
{
    for (int i = 0; i < ACCEPTS_PER_EVENT && li->fd >= 0; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        int connection =
            accept4(li->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (connection >= 0) {
            li->cb(connection, &peer, li->arg);
            continue;
        }
        if (is_shortage(errno)) {
            struct log_ctx ctx = {.limit = LIMIT_open_files};
            log_error(&ctx, "listener.paused", "address=%s reason=\"%m\" pause_ms=%d", li->name,
                      PAUSE_MS);
            limit_struck(LIMIT_open_files);
            loop_watch_set(li->watch, 0);
            loop_timer_set(li->pause, PAUSE_MS);
        }
        /* All else is a connection that failed before we had it (accept(2)): the next event tells. */
        return false;
    }
    return li->fd >= 0;
}

static void on_connection(int fd, unsigned ready, void *arg)
{
    (void)fd;
    (void)ready;
    take_some(arg);
}

static void on_pause_end(void *arg)
{
    struct listener *li = arg;

    loop_watch_set(li->watch, LOOP_READ);
}

/* A listening socket on one address, or -1 and errno. */
static int listen_on(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error, on = 1, off = 0;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (ai->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum rc bind_first(const char *address, uint16_t port, int *fd, struct err *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    bool is_any = address[0] == '\0' || strcmp(address, "*") == 0;
    const char *const wildcards[] = {"::", "0.0.0.0"};
    char service[8];
    int error = 0;

    *fd = -1;
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    for (int i = 0; *fd < 0 && i < (is_any ? 2 : 1); i++) {
        struct addrinfo *found = NULL;
        int rc = getaddrinfo(is_any ? wildcards[i] : address, service, &hints, &found);

        if (rc != 0)
            return err_set(err, RC_NOTFOUND, "cannot listen on %s: %s", is_any ? "*" : address,
                           gai_strerror(rc));
        for (const struct addrinfo *ai = found; ai && *fd < 0; ai = ai->ai_next) {
            *fd = listen_on(ai);
            if (*fd < 0)
                error = errno;
        }
        freeaddrinfo(found);
        if (*fd < 0 && error == EADDRINUSE)
            break; /* IPv4 alone would hide that half of the port belongs to another */
    }
    if (*fd < 0)
        return err_set(err, error == EADDRINUSE ? RC_CONFLICT : RC_IO,
                       "cannot listen on %s port %u: %s", is_any ? "*" : address, (unsigned)port,
                       strerror(error));
    return RC_OK;
}

enum rc listener_open(const char *address, uint16_t port, int *fd, uint16_t *bound, struct err *err)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    enum rc rc = bind_first(address ? address : "", port, fd, err);

    if (rc != RC_OK)
        return rc;
    if (getsockname(*fd, (struct sockaddr *)&ss, &len) != 0) {
        rc = err_set(err, RC_IO, "getsockname: %s", strerror(errno));
        close(*fd);
        *fd = -1;
        return rc;
    }
    *bound = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
                                            : ((struct sockaddr_in *)&ss)->sin_port);
    return RC_OK;
}

enum rc listener_new(struct loop *l, const char *address, uint16_t port, listener_cb cb, void *arg,
                     struct listener **out, struct err *err)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char host[ADDRESS_TEXT];
    struct listener *li;
    uint16_t bound;
    enum rc rc;
    int fd;

    *out = NULL;
    rc = listener_open(address, port, &fd, &bound, err);
    if (rc != RC_OK)
        return rc;
    li = xcalloc(1, sizeof(*li));
    *li = (struct listener){.loop = l, .cb = cb, .arg = arg, .fd = fd, .port = bound};
    if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
        address_format((struct sockaddr *)&ss, host, li->name);
    li->pause = loop_timer_new(l, on_pause_end, li);
    li->watch = loop_watch_new(l, fd, on_connection, li);
    loop_watch_set(li->watch, LOOP_READ);
    *out = li;
    return RC_OK;
}

void listener_finish(struct listener *li)
{
    for (int i = 0; li && i < LAST_EVENTS && take_some(li); i++) {
    }
    listener_free(li);
}

void listener_free(struct listener *li)
{
    if (!li || li->fd < 0)
        return;
    loop_watch_free(li->watch);
    loop_timer_free(li->pause);
    close(li->fd);
    li->fd = -1;
    loop_defer(li->loop, free, li); /* it may be in the midst of accepting */
}

uint16_t listener_port(const struct listener *li)
{
    return li->port;
}
