/* SPDX-License-Identifier: Apache-2.0
 *
 * core/listener: accepts TCP connections on one loop and hands the descriptors on.
 *
 * When descriptors run out (EMFILE) accepting pauses for a moment instead of spinning, and says so.
 */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <stdint.h>
#include <sys/socket.h>

#include "core/err.h"
#include "core/loop.h"

struct listener;

/* A listening socket, nonblocking and close-on-exec, for those who accept by themselves; *bound is the port.
 * address "" or "*" (or NULL) = all interfaces, IPv6 with IPv4 where the system allows; port 0 = any free one.
 * RC_NOTFOUND: no such address; RC_CONFLICT: in use; RC_IO. */
MUST_CHECK enum rc listener_open(const char *address, uint16_t port, int *fd, uint16_t *bound,
                                 struct err *err);

/* fd is owned by the callback: nonblocking, close-on-exec. peer: who it is, also when it has reset the connection
 * in the meantime. */
typedef void (*listener_cb)(int fd, const struct sockaddr_storage *peer, void *arg);

/* Address, port and failures as of listener_open. */
MUST_CHECK enum rc listener_new(struct loop *l, const char *address, uint16_t port, listener_cb cb,
                                void *arg, struct listener **out, struct err *err);
/* Hands on what waits in the kernel's queue, which closing would reset, then as listener_free. */
void listener_finish(struct listener *li);
void listener_free(struct listener *li);           /* stops accepting, closes; NULL is legal */
uint16_t listener_port(const struct listener *li); /* the port bound */

#endif
