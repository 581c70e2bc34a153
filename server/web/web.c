/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP listener: libevent's evhttp on the main loop.
 *
 * Health only, for supervisors and load balancers:
 *
 *   GET /livez    200 "ok"      the main loop turns; nothing else is asked
 *   GET /readyz   200 "ready"   or 503 with one line per reason, from atomics that the probes write
 *
 * No handler waits for a worker or for the database, so a busy or broken server still says what it is.
 * Requests are hostile input: header and body sizes are bounded, a silent connection is closed, a body is
 * never wanted. Responses are short enough for one write. HEAD is GET without the body (RFC 9110 9.3.2).
 *
 * The socket is made here and not by evhttp_bind_socket, so that "*" means IPv6 and IPv4 alike, as on the
 * DICOM port, and so that an address in use is named in the error.
 *
 * Without descriptors a connection stays in the kernel's queue and the socket stays readable. Left to itself
 * libevent would try again at once and for ever, with a line on standard error each time; so accepting
 * pauses, as on the DICOM port. evhttp keeps the argument of its listener's callbacks for itself, hence the
 * list of what listens.
 */
#include "web/web.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/log.h"
#include "core/metrics.h"

enum {
    MAX_HEADER_BYTES = 16 * 1024,
    MAX_BODY_BYTES = 1024,
    TIMEOUT_S = 10,
    BACKLOG = 128,
    PAUSE_MS = 500
};

struct web {
    struct evhttp *http;
    struct evconnlistener *listener; /* evhttp's */
    struct loop_timer *pause;
    struct web_health *health;
    uint16_t port;
    LIST_ENTRY(web) link;
};

static LIST_HEAD(, web) webs = LIST_HEAD_INITIALIZER(webs); /* main thread only */

static void answer(struct evhttp_request *req, int code, const char *reason, const char *text)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();

    evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (body && evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        evbuffer_add(body, text, strlen(text));
    evhttp_send_reply(req, code, reason, body);
    if (body)
        evbuffer_free(body);
}

static void answer_livez(struct web *w, struct evhttp_request *req)
{
    (void)w;
    answer(req, HTTP_OK, "OK", "ok\n");
}

static void answer_readyz(struct web *w, struct evhttp_request *req)
{
    char reasons[256];
    bool no_database = !atomic_load_explicit(&w->health->database_ok, memory_order_relaxed);
    bool no_schema = !atomic_load_explicit(&w->health->schema_ok, memory_order_relaxed);
    bool draining = atomic_load_explicit(&w->health->draining, memory_order_relaxed);

    if (!no_database && !no_schema && !draining) {
        answer(req, HTTP_OK, "OK", "ready\n");
        return;
    }
    snprintf(reasons, sizeof(reasons), "%s%s%s", no_database ? "database: not reachable\n" : "",
             no_schema ? "schema: not verified or not the one this server needs\n" : "",
             draining ? "draining: this server is stopping\n" : "");
    answer(req, HTTP_SERVUNAVAIL, "Service Unavailable", reasons);
}

static const struct route {
    const char *path;
    void (*answer)(struct web *w, struct evhttp_request *req);
} routes[] = {
    {"/livez", answer_livez},
    {"/readyz", answer_readyz},
};

static void on_request(struct evhttp_request *req, void *arg)
{
    struct web *w = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    enum evhttp_cmd_type method = evhttp_request_get_command(req);

    for (size_t i = 0; path && i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        if (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) {
            routes[i].answer(w, req);
            return;
        }
        evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
        answer(req, HTTP_BADMETHOD, "Method Not Allowed", "method not allowed\n");
        return;
    }
    answer(req, HTTP_NOTFOUND, "Not Found", "not found\n");
}

static int open_socket(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The first address that can be bound; for "*" IPv6 with IPv4 is tried before IPv4 alone. */
static int bind_any(const char *address, uint16_t port, struct err *err)
{
    bool everywhere = !address || !*address || strcmp(address, "*") == 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    int fd = -1, first_errno = 0;

    snprintf(service, sizeof(service), "%u", (unsigned)port);
    int problem = getaddrinfo(everywhere ? NULL : address, service, &hints, &found);
    if (problem) {
        err_set(err, RC_IO, "cannot use address %s for HTTP: %s", address, gai_strerror(problem));
        return -1;
    }
    for (int pass = everywhere ? 0 : 1; pass < 2 && fd < 0; pass++) {
        for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next) {
            if (pass == 0 && ai->ai_family != AF_INET6)
                continue;
            fd = open_socket(ai);
            if (fd < 0 && !first_errno)
                first_errno = errno;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        err_set(err, RC_IO, "cannot listen for HTTP on %s port %u: %s",
                everywhere ? "any address" : address, (unsigned)port, strerror(first_errno));
    return fd;
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    int error = errno;
    struct web *w;
    (void)arg;
    LIST_FOREACH (w, &webs, link) {
        if (w->listener != listener)
            continue;
        log_error(NULL, "web.paused", "port=%u reason=\"%s\" pause_ms=%d", (unsigned)w->port,
                  strerror(error), PAUSE_MS);
        metric_add(METRIC_limits_hit, 1);
        evconnlistener_disable(listener);
        loop_timer_set(w->pause, PAUSE_MS);
    }
}

static void on_pause_end(void *arg)
{
    struct web *w = arg;
    evconnlistener_enable(w->listener);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return 0;
    if (ss.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&ss)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&ss)->sin_port);
}

enum rc web_new(struct loop *l, const char *address, uint16_t port, struct web_health *health,
                struct web **out, struct err *err)
{
    struct web *w;
    int fd = bind_any(address, port, err);

    *out = NULL;
    if (fd < 0)
        return RC_IO;
    w = xcalloc(1, sizeof(*w));
    w->health = health;
    w->port = bound_port(fd);
    w->pause = loop_timer_new(l, on_pause_end, w);
    LIST_INSERT_HEAD(&webs, w, link);
    w->http = evhttp_new(loop_event_base(l));
    struct evhttp_bound_socket *bound =
        w->http ? evhttp_accept_socket_with_handle(w->http, fd) : NULL;
    if (!bound) {
        close(fd);
        web_free(w);
        return err_set(err, RC_INTERNAL, "the HTTP listener could not be started");
    }
    w->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(w->listener, on_accept_error);
    evhttp_set_max_headers_size(w->http, MAX_HEADER_BYTES);
    evhttp_set_max_body_size(w->http, MAX_BODY_BYTES);
    evhttp_set_timeout(w->http, TIMEOUT_S);
    /* Every method reaches on_request, which answers 405; evhttp would say 501 and close. */
    evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                            EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
                                            EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(w->http, on_request, w);
    *out = w;
    return RC_OK;
}

void web_free(struct web *w)
{
    if (!w)
        return;
    if (w->http)
        evhttp_free(w->http);
    loop_timer_free(w->pause);
    LIST_REMOVE(w, link);
    free(w);
}

uint16_t web_port(const struct web *w)
{
    return w->port;
}
