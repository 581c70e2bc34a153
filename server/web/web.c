/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP listener: libevent's evhttp on the main loop.
 *
 * Health and metrics, for supervisors and load balancers:
 *
 *   GET /livez    200 "ok"      the main loop turns; or 503 when another has not for two minutes
 *   GET /readyz   200 "ready"   or 503 with one line per reason, from atomics that the main loop writes; what
 *                               works with a restriction is ready, and a second line says which
 *   GET /metrics  the counters and gauges of core/metrics as Prometheus text (exposition format 0.0.4)
 *
 * No handler waits for a worker or for the database, so a busy or broken server still says what it is.
 * Requests are hostile input: header and body sizes are bounded, connections too, in number and each in time
 * (connections.h), a body is never wanted. HEAD is GET without the body (RFC 9110 9.3.2).
 *
 * The socket is made by core/listener and not by evhttp_bind_socket, so that "*" means IPv6 and IPv4 alike, as on the
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "core/listener.h"
#include "core/log.h"
#include "core/metrics.h"
#include "connections.h"

enum { MAX_HEADER_BYTES = 16 * 1024, MAX_BODY_BYTES = 1024, PAUSE_MS = 500 };

struct web {
    struct evhttp *http;
    struct http_connections *connections;
    struct evconnlistener *listener; /* evhttp's */
    struct loop_timer *pause;
    struct web_health *health;
    uint16_t port;
    LIST_ENTRY(web) link;
};

static LIST_HEAD(, web) webs = LIST_HEAD_INITIALIZER(webs); /* main thread only */

static void answer_as(struct evhttp_request *req, int code, const char *reason, const char *type,
                      struct span text)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
    struct evbuffer *body = evbuffer_new();

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (body && evhttp_request_get_command(req) != EVHTTP_REQ_HEAD)
        evbuffer_add(body, text.data, text.len);
    evhttp_send_reply(req, code, reason, body);
    if (body)
        evbuffer_free(body);
}

static void answer(struct evhttp_request *req, int code, const char *reason, const char *text)
{
    answer_as(req, code, reason, "text/plain; charset=utf-8", span_str(text));
}

static bool is_set(const atomic_bool *flag)
{
    return atomic_load_explicit(flag, memory_order_relaxed);
}

static void answer_livez(struct web *w, struct evhttp_request *req)
{
    if (is_set(&w->health->worker_dead))
        answer(req, HTTP_SERVUNAVAIL, "Service Unavailable",
               "worker: a thread has not turned for two minutes\n");
    else
        answer(req, HTTP_OK, "OK", "ok\n");
}

/* In words; the name is that of the sample in /metrics. */
static const char *const unready_lines[UNREADY_COUNT] = {
    [UNREADY_database] = "database: away, or does not let this server work\n",
    [UNREADY_schema] = "schema: not verified or not the one this server needs\n",
    [UNREADY_draining] = "draining: this server is stopping\n",
    [UNREADY_queue] = "queue: more operations wait than can be served soon\n",
    [UNREADY_worker] = "worker: a thread has not turned for five seconds\n",
};

/* Which reasons there are; whether there is none. */
static bool ask_health(const struct web_health *h, bool reasons[UNREADY_COUNT])
{
    bool is_ready = true;

    reasons[UNREADY_database] = !is_set(&h->database_ok);
    reasons[UNREADY_schema] = !is_set(&h->schema_ok);
    reasons[UNREADY_draining] = is_set(&h->draining);
    reasons[UNREADY_queue] = is_set(&h->queue_full);
    reasons[UNREADY_worker] = is_set(&h->worker_stuck);
    for (unsigned i = 0; i < UNREADY_COUNT; i++)
        is_ready = is_ready && !reasons[i];
    return is_ready;
}

static void answer_readyz(struct web *w, struct evhttp_request *req)
{
    bool reasons[UNREADY_COUNT];
    char text[512] = "";
    size_t len = 0;

    if (ask_health(w->health, reasons)) {
        answer(req, HTTP_OK, "OK",
               is_set(&w->health->read_only) ? "ready\ndatabase: read-only, C-STORE is refused\n"
                                             : "ready\n");
        return;
    }
    for (unsigned i = 0; i < UNREADY_COUNT; i++) {
        if (reasons[i])
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", unready_lines[i]);
    }
    answer(req, HTTP_SERVUNAVAIL, "Service Unavailable", text);
}

/* So that both say the same. */
static void set_health_metrics(const struct web_health *h)
{
    bool reasons[UNREADY_COUNT];

    metric_set(METRIC_ready, ask_health(h, reasons));
    for (unsigned i = 0; i < UNREADY_COUNT; i++)
        metric_set_at(METRIC_unready, (struct metric_at){.a = i}, reasons[i]);
    metric_set(METRIC_database_up, is_set(&h->database_ok));
    metric_set(METRIC_database_read_only, is_set(&h->read_only));
}

static void answer_metrics(struct web *w, struct evhttp_request *req)
{
    struct buf text;

    set_health_metrics(w->health);
    buf_init(&text, 0);
    metrics_print(&text);
    if (buf_status(&text) == RC_OK)
        answer_as(req, HTTP_OK, "OK", "text/plain; version=0.0.4; charset=utf-8", buf_span(&text));
    else
        answer(req, HTTP_INTERNAL, "Internal Server Error", "out of memory\n");
    buf_fini(&text);
}

static const struct route {
    const char *path;
    void (*answer)(struct web *w, struct evhttp_request *req);
} routes[] = {
    {"/livez", answer_livez},
    {"/readyz", answer_readyz},
    {"/metrics", answer_metrics},
};

static void on_request(struct evhttp_request *req, void *arg)
{
    struct web *w = arg;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    enum evhttp_cmd_type method = evhttp_request_get_command(req);

    http_connections_serve(w->connections, req);
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

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    int error = errno;
    struct web *w;
    (void)arg;
    LIST_FOREACH (w, &webs, link) {
        if (w->listener != listener)
            continue;
        struct log_ctx ctx = {.limit = LIMIT_open_files};
        log_error(&ctx, "web.paused", "port=%u reason=\"%s\" pause_ms=%d", (unsigned)w->port,
                  strerror(error), PAUSE_MS);
        limit_struck(LIMIT_open_files);
        evconnlistener_disable(listener);
        loop_timer_set(w->pause, PAUSE_MS);
    }
}

static void on_pause_end(void *arg)
{
    struct web *w = arg;
    evconnlistener_enable(w->listener);
}

enum rc web_new(struct loop *l, const char *address, uint16_t port, struct web_health *health,
                struct web **out, struct err *err)
{
    struct web *w;
    uint16_t bound_port;
    int fd;
    enum rc rc = listener_open(address, port, &fd, &bound_port, err);

    *out = NULL;
    if (rc != RC_OK)
        return rc;
    w = xcalloc(1, sizeof(*w));
    w->health = health;
    w->port = bound_port;
    w->pause = loop_timer_new(l, on_pause_end, w);
    w->connections = http_connections_new(l);
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
    evhttp_set_bevcb(w->http, http_connections_admit, w->connections);
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
    http_connections_free(w->connections);
    loop_timer_free(w->pause);
    LIST_REMOVE(w, link);
    free(w);
}

uint16_t web_port(const struct web *w)
{
    return w->port;
}
