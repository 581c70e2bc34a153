/* SPDX-License-Identifier: Apache-2.0
 *
 * web/connections: the connections of the HTTP port, bounded in number and each in time.
 *
 * Main thread only.
 */
#ifndef WEB_CONNECTIONS_H
#define WEB_CONNECTIONS_H

#include "core/loop.h"

struct bufferevent;
struct event_base;
struct evhttp_request;

/* So many at once; then the one that has waited longest gives its place to the next. */
enum { HTTP_CONNECTIONS = 256 };
/* From its beginning, or from the last request that was whole, to the end of the next. */
enum { HTTP_REQUEST_MS = 10000 };

struct http_connections;
struct http_connections *http_connections_new(struct loop *l); /* returned */
/* After the evhttp whose connections these are; NULL is legal. */
void http_connections_free(struct http_connections *cs);

/* For evhttp_set_bevcb; arg is the http_connections. returned to evhttp, NULL without memory. */
struct bufferevent *http_connections_admit(struct event_base *base, void *arg);
/* A request of one of them is whole: its time begins anew. */
void http_connections_serve(struct http_connections *cs, struct evhttp_request *req);

#endif
