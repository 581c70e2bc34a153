/* SPDX-License-Identifier: Apache-2.0
 *
 * A list under a mutex and an eventfd that the loop watches. Only the post that finds the list empty
 * wakes the loop; the loop takes the whole list and delivers it without the lock, so posters wait for
 * pointer assignments at most.
 *
 * The wake-up is written under the lock on purpose: the message may be the one that makes the loop
 * free the mailbox, and mailbox_free waits for the lock, so the poster is done with the descriptor then.
 *
 * A job or a resolver that will post later keeps a reference. The owner's mailbox_free closes the box;
 * from then on a post drops its message at once, on the posting thread, and the memory goes with the
 * last reference.
 */
#include "core/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "core/arena.h"
#include "core_internal.h"

struct mail {
    STAILQ_ENTRY(mail) link;
    mail_cb deliver;
    mail_cb drop;
    void *arg;
};

STAILQ_HEAD(mail_list, mail);

struct mailbox {
    pthread_mutex_t lock; /* guards waiting, is_closed and writes to fd */
    struct mail_list waiting;
    bool is_closed;
    int fd;

    struct mail_list taken;   /* loop thread: being delivered */
    struct loop_watch *watch; /* loop thread */
    atomic_uint refs;
};

static void drop_mail(struct mail *mail)
{
    if (mail->drop)
        mail->drop(mail->arg);
    free(mail);
}

static void drop_list(struct mail_list *list)
{
    struct mail *mail;

    while ((mail = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        drop_mail(mail);
    }
}

static void on_mail(int fd, unsigned ready, void *arg)
{
    struct mailbox *m = mailbox_ref(arg); /* a message may free the box */
    struct mail *mail;
    eventfd_t count;

    (void)ready;
    pthread_mutex_lock(&m->lock);
    (void)eventfd_read(fd, &count);
    STAILQ_CONCAT(&m->taken, &m->waiting);
    pthread_mutex_unlock(&m->lock);
    while ((mail = STAILQ_FIRST(&m->taken)) != NULL) {
        STAILQ_REMOVE_HEAD(&m->taken, link);
        mail->deliver(mail->arg);
        free(mail);
    }
    mailbox_unref(m);
}

struct mailbox *mailbox_new(struct loop *l)
{
    struct mailbox *m = xcalloc(1, sizeof(*m));

    pthread_mutex_init(&m->lock, NULL);
    STAILQ_INIT(&m->waiting);
    STAILQ_INIT(&m->taken);
    atomic_init(&m->refs, 1);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        core_fatal("cannot make an event descriptor");
    m->watch = loop_watch_new(l, m->fd, on_mail, m);
    loop_watch_set(m->watch, LOOP_READ);
    return m;
}

struct mailbox *mailbox_ref(struct mailbox *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void mailbox_unref(struct mailbox *m)
{
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void mailbox_close(struct mailbox *m)
{
    struct mail_list rest = STAILQ_HEAD_INITIALIZER(rest);

    if (!m->watch)
        return;
    loop_watch_free(m->watch);
    m->watch = NULL;
    pthread_mutex_lock(&m->lock);
    m->is_closed = true;
    close(m->fd);
    STAILQ_CONCAT(&rest, &m->taken);
    STAILQ_CONCAT(&rest, &m->waiting);
    pthread_mutex_unlock(&m->lock);
    drop_list(&rest);
}

void mailbox_free(struct mailbox *m)
{
    if (!m)
        return;
    mailbox_close(m);
    mailbox_unref(m);
}

void mailbox_post(struct mailbox *m, mail_cb deliver, mail_cb drop, void *arg)
{
    struct mail *mail = xcalloc(1, sizeof(*mail));
    bool is_closed;

    *mail = (struct mail){.deliver = deliver, .drop = drop, .arg = arg};
    pthread_mutex_lock(&m->lock);
    is_closed = m->is_closed;
    if (!is_closed) {
        if (STAILQ_EMPTY(&m->waiting))
            (void)eventfd_write(m->fd, 1);
        STAILQ_INSERT_TAIL(&m->waiting, mail, link);
    }
    pthread_mutex_unlock(&m->lock);
    if (is_closed)
        drop_mail(mail);
}
