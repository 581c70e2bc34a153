/* SPDX-License-Identifier: Apache-2.0
 *
 * evhttp bounds neither: it accepts what comes, and each octet renews its time-out, so a stranger who sends one
 * now and then would hold a descriptor for ever. It tells nobody of a connection before a request is whole, but
 * asks for each connection's bufferevent (evhttp_set_bevcb). Here that is made and kept by a reference of our
 * own, which sees the descriptor and, when evhttp has let go, the callbacks gone: bufferevent_free
 * clears them at once and leaves the rest to the last reference.
 *
 * The last reference closes (BEV_OPT_CLOSE_ON_FREE), when the descriptor is polled no more. evhttp would close it while it
 * is, and the number may be a worker's, or another watch's of this loop, before the polling ends. The peer waits for
 * nothing: evhttp shuts down first. The descriptor itself goes at the next connection, or within SWEEP_MS.
 *
 * Who has to go is shut down, not freed: evhttp then reads the end and closes as if the peer had gone.
 *
 * Where all places are taken the one whose last whole request, or beginning, is longest ago goes, instead of the new one: a
 * request that is whole is answered in the same turn of the loop, so health checks and scrapes find a place
 * however many strangers hold on, and only those wait who have not asked.
 */
#include "connections.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/network.h"

/* How late an end may be noticed. */
enum { SWEEP_MS = 1000 };

struct http_connection {
    struct bufferevent *bev; /* a reference; the last one closes the descriptor */
    int64_t since_ms;
    bool has_asked; /* a request was whole */
    bool is_ending; /* shut down; evhttp will see it */
    TAILQ_ENTRY(http_connection) link;
};

struct http_connections {
    struct loop_timer *sweep;
    TAILQ_HEAD(http_connection_list, http_connection) list; /* by since_ms */
    unsigned count;                                         /* of those that do not end */
};

static bool is_gone(const struct http_connection *c)
{
    bufferevent_event_cb on_event;

    bufferevent_getcb(c->bev, NULL, NULL, &on_event, NULL);
    return !on_event;
}

static void forget(struct http_connections *cs, struct http_connection *c)
{
    if (!c->is_ending)
        cs->count--;
    TAILQ_REMOVE(&cs->list, c, link);
    bufferevent_decref(c->bev);
    free(c);
}

/* Who is closed without ever having asked is told of; an idle connection that ends is no event. */
static void tell(int fd, enum log_level level, enum limit limit)
{
    char host[ADDRESS_TEXT] = "local", peer[ADDRESS_TEXT] = "local";
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);

    limit_struck(limit);
    if (getpeername(fd, (struct sockaddr *)&addr, &len) == 0)
        address_format((struct sockaddr *)&addr, host, peer);
    struct log_ctx ctx = {.limit = limit, .peer = peer};
    if (log_is_due("web.closed", limit_of(limit)->name, host))
        log_event(level, &ctx, "web.closed", "why=\"no whole request\"");
}

static void end(struct http_connections *cs, struct http_connection *c, enum log_level level,
                enum limit limit)
{
    int fd = bufferevent_getfd(c->bev);

    c->is_ending = true;
    cs->count--;
    if (!c->has_asked)
        tell(fd, level, limit);
    shutdown(fd, SHUT_RDWR);
}

static void sweep(struct http_connections *cs)
{
    struct http_connection *c = TAILQ_FIRST(&cs->list), *next;
    int64_t now = clock_now_ms();

    for (; c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (is_gone(c))
            forget(cs, c);
        else if (!c->is_ending && now - c->since_ms >= HTTP_REQUEST_MS)
            end(cs, c, LOG_INFO, LIMIT_http_request);
    }
}

static void on_sweep(void *arg)
{
    struct http_connections *cs = arg;

    sweep(cs);
    if (!TAILQ_EMPTY(&cs->list))
        loop_timer_set(cs->sweep, SWEEP_MS);
}

static void make_room(struct http_connections *cs)
{
    struct http_connection *c;

    sweep(cs);
    if (cs->count < HTTP_CONNECTIONS)
        return;
    TAILQ_FOREACH (c, &cs->list, link) {
        if (!c->is_ending) {
            end(cs, c, LOG_WARN, LIMIT_http_connections);
            return;
        }
    }
}

struct bufferevent *http_connections_admit(struct event_base *base, void *arg)
{
    struct http_connections *cs = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

    if (!bev)
        return NULL;
    make_room(cs);
    struct http_connection *c = xcalloc(1, sizeof(*c));
    bufferevent_incref(bev);
    c->bev = bev;
    c->since_ms = clock_now_ms();
    TAILQ_INSERT_TAIL(&cs->list, c, link);
    cs->count++;
    if (!loop_timer_is_set(cs->sweep))
        loop_timer_set(cs->sweep, SWEEP_MS);
    return bev;
}

void http_connections_serve(struct http_connections *cs, struct evhttp_request *req)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
    struct http_connection *c;

    TAILQ_FOREACH_REVERSE(c, &cs->list, http_connection_list, link)
    {
        if (c->bev != bev)
            continue;
        c->has_asked = true;
        c->since_ms = clock_now_ms();
        TAILQ_REMOVE(&cs->list, c, link);
        TAILQ_INSERT_TAIL(&cs->list, c, link);
        return;
    }
}

struct http_connections *http_connections_new(struct loop *l)
{
    struct http_connections *cs = xcalloc(1, sizeof(*cs));

    cs->sweep = loop_timer_new(l, on_sweep, cs);
    TAILQ_INIT(&cs->list);
    return cs;
}

void http_connections_free(struct http_connections *cs)
{
    if (!cs)
        return;
    while (!TAILQ_EMPTY(&cs->list))
        forget(cs, TAILQ_FIRST(&cs->list));
    loop_timer_free(cs->sweep);
    free(cs);
}
