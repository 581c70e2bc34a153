/* SPDX-License-Identifier: Apache-2.0
 *
 * What the modules of core share among themselves and with nobody else.
 */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include <pthread.h>
#include <stddef.h>

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

#endif
