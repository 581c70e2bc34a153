/* SPDX-License-Identifier: Apache-2.0
 *
 * core/mailbox: messages from any thread to one loop's thread.
 *
 * A message is a function and an owned argument. Order is kept per sender. The reader is woken only
 * when the box was empty; it detaches the whole list and works without the lock. When the mailbox is
 * freed, messages that were not delivered are given to their `drop` function, so nothing leaks.
 */
#ifndef CORE_MAILBOX_H
#define CORE_MAILBOX_H

#include "core/loop.h"

struct mailbox;

typedef void (*mail_cb)(void *arg);

struct mailbox *mailbox_new(struct loop *l); /* returned; on the loop's thread */
/* On the loop's thread, after which no thread may post; also from a message being delivered. Answers
 * of a jobpool that are still on their way are dropped when they come. NULL is legal. */
void mailbox_free(struct mailbox *m);
/* Any thread. deliver(arg) runs on the loop's thread; exactly one of deliver and drop is called.
 * drop runs on whatever thread frees the mailbox or comes too late; it may be NULL when arg owns nothing. */
void mailbox_post(struct mailbox *m, mail_cb deliver, mail_cb drop, void *arg);

#endif
