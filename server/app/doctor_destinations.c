/* SPDX-License-Identifier: Apache-2.0
 *
 * dppr doctor: each move destination by C-ECHO, several at once, so that dead ones cost one deadline and not one each.
 *
 * Threads take the next row from a counter and write what they find into its place; the lines come in the order of
 * the rows when all are done. A thread has its own association and loop (service/scu); what they share is read only.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/arena.h"
#include "doctor.h"

enum { MAX_THREADS = 16 };

struct echo {
    enum rc rc;
    bool is_done; /* or was interrupted before it began */
    bool lacks_trust;
    struct err err;
};

struct round {
    struct doctor *doctor;
    const struct pg_table *rows;
    struct echo *echoes;
    atomic_uint next;
};

static struct peer_args peer_of(const struct doctor *d, const struct pg_table *t, unsigned row)
{
    const char *as = pg_table_get(t, row, 3);
    bool has_tls = pg_table_get(t, row, 4)[0] == 't';

    return (struct peer_args){.host = pg_table_get(t, row, 1),
                              .port = strtol(pg_table_get(t, row, 2), NULL, 10),
                              .aet = *as ? as : d->config->ae_title,
                              .aec = pg_table_get(t, row, 0),
                              .timeout_s = d->timeout_s,
                              .tls = has_tls ? d->certificates.client : NULL,
                              .tls_name = pg_table_get(t, row, 5)};
}

static void *ask(void *arg)
{
    struct round *r = arg;
    unsigned i;

    while ((i = atomic_fetch_add(&r->next, 1)) < pg_table_rows(r->rows) && !interrupt_requested()) {
        struct peer_args peer = peer_of(r->doctor, r->rows, i);
        struct echo *e = &r->echoes[i];
        e->lacks_trust = pg_table_get(r->rows, i, 4)[0] == 't' && !peer.tls;
        if (!e->lacks_trust)
            e->rc = peer_echo(&peer, &e->err);
        e->is_done = true;
    }
    return NULL;
}

static void ask_all(struct round *r)
{
    pthread_t threads[MAX_THREADS];
    unsigned count = 0, wanted = pg_table_rows(r->rows);

    while (count < wanted && count < MAX_THREADS &&
           pthread_create(&threads[count], NULL, ask, r) == 0)
        count++;
    if (count == 0)
        ask(r);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void tell(struct doctor *d, const struct pg_table *t, unsigned row, const struct echo *e)
{
    struct peer_args peer = peer_of(d, t, row);
    const char *how = peer.tls ? " over TLS" : "";

    if (!e->is_done)
        return;
    if (e->lacks_trust)
        doctor_report(d, FAIL, "destination", "%s is to be called with TLS, but %s", peer.aec,
                      *d->config->tls_trust ? "that cannot be used (see tls)"
                                            : "tls-trust is not set");
    else if (e->rc == RC_OK)
        doctor_report(d, OK, "destination", "%s at %s:%ld answers%s", peer.aec, peer.host,
                      peer.port, how);
    else
        doctor_report(d, WARN, "destination", "%s at %s:%ld%s: %s", peer.aec, peer.host, peer.port,
                      how, e->err.text);
}

void doctor_check_destinations(struct doctor *d)
{
    struct pg_table *t = NULL;
    struct err err = {0};

    if (pg_sync_query(d->database,
                      "select ae_title, host, port::text, coalesce(called_as, ''), tls::text,\n"
                      "    coalesce(tls_name, '')\n"
                      "from dpp.application_entities\n"
                      "where is_destination and host is not null\norder by ae_title, id",
                      NULL, 0, &t, &err) != RC_OK) {
        doctor_report(d, FAIL, "destination", "%s", err.text);
        return;
    }
    if (pg_table_rows(t) == 0)
        doctor_report(d, OK, "destination", "none; add one with: dppr ae add TITLE HOST PORT");
    struct round r = {
        .doctor = d, .rows = t, .echoes = xcalloc(pg_table_rows(t) + 1, sizeof(struct echo))};
    ask_all(&r);
    for (unsigned i = 0; i < pg_table_rows(t); i++)
        tell(d, t, i, &r.echoes[i]);
    free(r.echoes);
    pg_table_free(t);
}
