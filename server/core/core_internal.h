/* SPDX-License-Identifier: Apache-2.0
 *
 * What the modules of core share among themselves and with nobody else.
 */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>

#include "core/mailbox.h"

/* Log an error and abort: for exhaustion of what is small and has no way back. */
_Noreturn void core_fatal(const char *what);

/* A named thread (at most 15 characters are kept) that takes no signals: those belong to the main
 * loop. Returns 0 or an errno. */
int core_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/* Whoever keeps a mailbox to post to later, on another thread, holds a reference: after mailbox_free a
 * post drops its message at once on the posting thread. */
struct mailbox *mailbox_ref(struct mailbox *m);
void mailbox_unref(struct mailbox *m);
/* Loop thread: drop what waits and what will still be posted; the mailbox stays valid until freed. */
void mailbox_close(struct mailbox *m);

/* "192.0.2.1" and "192.0.2.1:104"; IPv6 in brackets before a port; IPv4-mapped IPv6 as plain IPv4;
 * anything that is not IP is "local". Sizes: 64 octets are enough for both. */
enum { ADDRESS_TEXT = 64 };
void address_format(const struct sockaddr *addr, char host[ADDRESS_TEXT],
                    char host_port[ADDRESS_TEXT]);

#endif
