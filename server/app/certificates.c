/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates of a running server.
 *
 * The listener's snapshot goes with each connection to its worker; moves take that for destinations from a
 * holder when they begin. Both are made anew by a reload or not at all: one wrong file leaves everything as it is.
 *
 * An own certificate that has expired is used nevertheless when the server starts: a restart in the night must not take
 * the plain port away too, and every peer that refuses it is in the log. A reload refuses it, as what is in force is
 * at least as good.
 *
 * The end of the certificates is in /metrics, and in the log when it is near: at the start, after a reload, and daily.
 */
#include "certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/arena.h"
#include "core/metrics.h"

enum { DAY_S = 86400, LOOK_MS = DAY_S * 1000 };

struct certificates {
    struct tls *server;
    struct tls *client_now; /* that in the holder */
    struct tls_holder *client;
    struct loop_timer *look;
};

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

int certificate_days_left(int64_t end, int64_t now)
{
    return (int)((end - now) / DAY_S);
}

const char *certificate_span(int64_t end, int64_t now, char out[CERTIFICATE_SPAN_SIZE])
{
    static const struct {
        int seconds;
        const char *name;
    } units[] = {{DAY_S, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    int64_t span = end > now ? end - now : now - end;
    unsigned i = 0;

    while (i + 1 < sizeof(units) / sizeof(units[0]) && span < units[i].seconds)
        i++;
    int64_t count = span / units[i].seconds;
    snprintf(out, CERTIFICATE_SPAN_SIZE, "%lld %s%s", (long long)count, units[i].name,
             count == 1 ? "" : "s");
    return out;
}

static struct tls_options options_of(const struct config *c, enum tls_role role)
{
    return (struct tls_options){.role = role,
                                .certificate = c->tls_certificate,
                                .key = c->tls_key,
                                .trust = c->tls_trust,
                                .ask = c->tls_client_certificate};
}

enum rc certificates_read_client(const struct config *c, struct certificates_read *out,
                                 struct err *err)
{
    struct tls_options o = options_of(c, TLS_CLIENT);

    *out = (struct certificates_read){NULL, NULL};
    return *c->tls_trust ? tls_new(&o, &out->client, err) : RC_OK;
}

enum rc certificates_read(const struct config *c, struct certificates_read *out, struct err *err)
{
    struct tls_options o = options_of(c, TLS_SERVER);
    enum rc rc = certificates_read_client(c, out, err);

    if (rc == RC_OK && c->dicom_tls_port != 0)
        rc = tls_new(&o, &out->server, err);
    if (rc != RC_OK)
        certificates_read_free(out);
    return rc;
}

void certificates_read_free(struct certificates_read *r)
{
    tls_unref(r->server);
    tls_unref(r->client);
    r->server = r->client = NULL;
}

static const struct tls *any(const struct certificates *x)
{
    return x->server ? x->server : x->client_now;
}

static void warn_of_end(const char *what, const char *name, int64_t end)
{
    int64_t now = now_s();
    int days = certificate_days_left(end, now);

    if (end == 0 || days >= CERTIFICATE_WARN_DAYS)
        return;
    log_event(end < now ? LOG_ERROR : LOG_WARN, NULL, "tls.expires",
              "file=%s subject=\"%s\" days_left=%d note=\"%s\"", what, name, days,
              end < now ? "peers refuse it" : "put a new one there and send SIGHUP");
}

static void on_look(void *arg)
{
    struct certificates *x = arg;
    const struct tls *t = any(x);

    if (t) {
        warn_of_end("tls-certificate", tls_own_name(t), tls_own_end(t));
        warn_of_end("tls-trust", "the first to end", tls_trust_end(t));
    }
    loop_timer_set(x->look, LOOK_MS);
}

static void use(struct certificates *x, struct certificates_read *fresh)
{
    tls_unref(x->server);
    x->server = fresh->server;
    x->client_now = fresh->client;
    tls_holder_set(x->client, fresh->client);
    const struct tls *t = any(x);
    metric_set(METRIC_tls_certificate_end_seconds, t ? tls_own_end(t) : 0);
    metric_set(METRIC_tls_trust_end_seconds, t ? tls_trust_end(t) : 0);
    on_look(x);
}

enum rc certificates_new(struct loop *l, const struct config *c, struct certificates **out,
                         struct err *err)
{
    struct certificates_read fresh;
    enum rc rc = certificates_read(c, &fresh, err);

    *out = NULL;
    if (rc != RC_OK)
        return rc;
    struct certificates *x = xcalloc(1, sizeof(*x));
    x->client = tls_holder_new();
    x->look = loop_timer_new(l, on_look, x);
    use(x, &fresh);
    *out = x;
    return RC_OK;
}

void certificates_free(struct certificates *x)
{
    if (!x)
        return;
    loop_timer_free(x->look);
    tls_unref(x->server);
    tls_holder_free(x->client);
    free(x);
}

bool certificates_reload(struct certificates *x, const struct config *c)
{
    struct certificates_read fresh;
    struct err err = {0};
    enum rc rc = certificates_read(c, &fresh, &err);

    const struct tls *t =
        fresh.server ? fresh.server : fresh.client; /* with the same certificate */
    if (rc == RC_OK && t)
        rc = tls_check_dates(t, now_s(), &err);
    if (rc != RC_OK) {
        certificates_read_free(&fresh);
        log_error(NULL, "tls.rejected", "note=\"those read before stay in force\" why=\"%s\"",
                  err.text);
        return false;
    }
    use(x, &fresh);
    if (t)
        log_info(NULL, "tls.reloaded", "subject=\"%s\" days_left=%d", tls_own_name(t),
                 tls_own_end(t) ? certificate_days_left(tls_own_end(t), now_s()) : 0);
    return true;
}

struct tls *certificates_server(const struct certificates *x)
{
    return x->server;
}

struct tls_holder *certificates_client(const struct certificates *x)
{
    return x->client;
}
