/* SPDX-License-Identifier: Apache-2.0
 *
 * The notification protocol of systemd, from its manual (sd_notify(3)), which calls it stable: a datagram of
 * NAME=VALUE lines to the socket that NOTIFY_SOCKET names. libsystemd would do the same, and bring four compression
 * libraries into each server's memory and image for it.
 *
 *   READY=1        the ports are open. Not "the database answers": a machine that boots must not wait for that
 *   RELOADING=1    SIGHUP; READY=1 ends it
 *   STOPPING=1     the drain, with EXTEND_TIMEOUT_USEC, so that no TimeoutStopSec= cuts drain-delay and
 *                  shutdown-grace short
 *   WATCHDOG=1     the main loop turns, twice in each WATCHDOG_USEC
 *
 * Whatever fails is of no consequence for who serves, so it is said once at debug and forgotten.
 */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/log.h"

enum { STATUS_BYTES = 256 };

struct notify {
    int fd; /* -1 = nobody listens */
    struct loop_timer *watchdog;
    int64_t watchdog_ms;
};

static void tell(struct notify *n, const char *text)
{
    if (n->fd >= 0 && send(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(NULL, "notify.failed", "why=\"%s\"", strerror(errno));
}

static void on_watchdog(void *arg)
{
    struct notify *n = arg;

    tell(n, "WATCHDOG=1");
    loop_timer_set(n->watchdog, n->watchdog_ms);
}

/* A path, or with @ at its beginning an abstract name (unix(7)). */
static int open_socket(const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = name ? strlen(name) : 0;

    if (len < 2 || len >= sizeof(to.sun_path) || (name[0] != '/' && name[0] != '@'))
        return -1;
    memcpy(to.sun_path, name, len);
    if (name[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, to_len) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Of this process, as WATCHDOG_PID may say. */
static int64_t watchdog_interval(void)
{
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!us || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return strtoll(us, NULL, 10) / 1000 / 2;
}

struct notify *notify_new(struct loop *l)
{
    struct notify *n = xcalloc(1, sizeof(*n));

    n->fd = open_socket(getenv("NOTIFY_SOCKET"));
    n->watchdog_ms = n->fd >= 0 ? watchdog_interval() : 0;
    n->watchdog = loop_timer_new(l, on_watchdog, n);
    if (n->watchdog_ms > 0)
        loop_timer_set(n->watchdog, 0);
    return n;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    loop_timer_free(n->watchdog);
    if (n->fd >= 0)
        close(n->fd);
    free(n);
}

void notify_ready(struct notify *n, const char *status)
{
    char text[STATUS_BYTES];

    snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
    tell(n, text);
}

void notify_reloading(struct notify *n)
{
    char text[STATUS_BYTES];
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000);
    tell(n, text);
}

void notify_stopping(struct notify *n, int64_t most_ms)
{
    char text[STATUS_BYTES];

    snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRId64,
             most_ms * 1000);
    tell(n, text);
}

void notify_status(struct notify *n, const char *status)
{
    char text[STATUS_BYTES];

    snprintf(text, sizeof(text), "STATUS=%s", status);
    tell(n, text);
}
