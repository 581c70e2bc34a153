/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of a stream: when it begins and ends, and what the owner may ask of it.
 *
 * It stands between socket and block (stream_input.c), and between output and socket (stream_output.c); tls_session.c
 * knows OpenSSL, this file knows the stream. What was asked for (due) is held until the connection exists; then there is
 * a session, which stays until the memory goes, so that the owner can ask for what it was in on_closed.
 */
#include <stdlib.h>

#include <event2/buffer.h>

#include "core/arena.h"
#include "stream_parts.h"

/* ---- life ---- */

void stream_want_tls(struct stream *s)
{
    if (s->options.tls) {
        s->tls.due = tls_ref(s->options.tls);
        s->tls.name = xstrdup(s->options.tls_name);
    }
    s->options.tls = NULL;
    s->options.tls_name = NULL;
}

void stream_start_tls(struct stream *s)
{
    s->tls.session = tls_session_new(s->tls.due, s->fd, s->tls.name);
    tls_unref(s->tls.due);
    s->tls.due = NULL;
    s->state = ST_SECURING;
    loop_timer_clear(s->timer);
    if (s->options.handshake_ms > 0)
        loop_timer_set(s->timer, s->options.handshake_ms);
}

/* What has come is read, what is to be said leaves. */
void stream_shake_hands(struct stream *s)
{
    struct tls_session *session = s->tls.session;
    struct err why;
    int error = 0;

    tls_session_turn(session, TLS_RECORD);
    enum tls_outcome outcome = tls_session_handshake(session, &why);

    if (outcome == TLS_FAILED || outcome == TLS_CLOSED) {
        if (outcome == TLS_CLOSED)
            err_set(&why, RC_IO, "TLS: closed by peer in the middle of the handshake");
        stream_end(s, &why); /* the alert goes with it */
        return;
    }
    if (!stream_send(s, tls_session_wire(session), &error)) {
        stream_end_with(s, RC_IO, "TLS: send", error);
        return;
    }
    if (outcome == TLS_WAITS) {
        stream_update_interest(s);
        return;
    }
    metric_add(METRIC_tls_handshakes, 1);
    s->tls.is_secured = true;
    stream_open(s);
    if (s->callbacks.on_connected)
        s->callbacks.on_connected(s->arg);
}

/* Ours, or one that OpenSSL has left. */
void stream_say_goodbye(struct stream *s)
{
    struct evbuffer *wire = tls_session_wire(s->tls.session);
    int error;

    if (!s->tls.is_secured)
        metric_add(METRIC_tls_handshakes_failed, stream_has_spoken(s));
    tls_session_close(s->tls.session);
    (void)stream_send(s, wire, &error);
    evbuffer_drain(wire, evbuffer_get_length(wire));
}

void stream_forget_tls(struct stream *s)
{
    tls_session_free(s->tls.session);
    s->tls.session = NULL;
    tls_unref(s->tls.due); /* of one that was never connected */
    s->tls.due = NULL;
    free(s->tls.name);
    s->tls.name = NULL;
}

/* ---- the owner's questions ---- */

enum stream_security stream_security(const struct stream *s)
{
    if (s->tls.is_secured)
        return STREAM_SECURED;
    return s->tls.session || s->tls.due ? STREAM_SECURING : STREAM_PLAIN;
}

bool stream_has_spoken(const struct stream *s)
{
    return s->tls.session && tls_session_has_spoken(s->tls.session);
}

struct span stream_foreign(const struct stream *s)
{
    return s->tls.session ? tls_session_foreign(s->tls.session) : span_of(NULL, 0);
}

enum rc stream_check_binding(const struct stream *s, const char *entries, struct err *err)
{
    X509 *shown = s->tls.is_secured ? tls_session_peer(s->tls.session) : NULL;
    char subject[128];

    if (!s->tls.is_secured)
        return err_set(err, RC_DENIED, "this connection is without TLS");
    if (!shown)
        return err_set(err, RC_DENIED, "the peer has shown no certificate");
    if (tls_binding_fits(entries, shown))
        return RC_OK;
    tls_subject(shown, subject, sizeof(subject));
    return err_set(err, RC_DENIED, "the peer has shown another: %s", subject);
}

void stream_describe_tls(const struct stream *s, struct stream_tls *out)
{
    X509 *shown = tls_session_peer(s->tls.session);

    out->version = tls_session_version(s->tls.session);
    out->suite = tls_session_suite(s->tls.session);
    out->subject[0] = '\0';
    if (shown)
        tls_subject(shown, out->subject, sizeof(out->subject));
}
